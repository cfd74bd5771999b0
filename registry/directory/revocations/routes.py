"""Operations on revocations."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.revocations import commands, queries
from registry.directory.revocations.schemas import (
    LIFTED_EXAMPLE,
    REVOCATION_EXAMPLE,
    Lifting,
    NewRevocation,
    Revocation,
    RevocationPage,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.versions import Expected
from registry.platform.settings import Settings


def _answer(found: Revocation, *, created: bool = False) -> Answer[Revocation]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.seen, found.allowed_actions),
        location=f"/v1/revocations/{found.id}" if created else None,
    )


@operation("get", "/revocations", permission=Action.TOKENS_REVOKE, query=NewestFirst)
async def list_revocations(
    read: Supplied[Read], filters: Supplied[NewestFirst], caller: Supplied[Caller]
) -> Answer[RevocationPage]:
    """List who and what is refused for your agency, lifted revocations included; for the operator, all."""
    return Answer(await queries.list_revocations(read, caller.principal, filters))


@operation(
    "post",
    "/revocations",
    permission=Action.TOKENS_REVOKE,
    problems=("issuer_not_for_agency", "last_administrator", "unknown_agency", "unknown_issuer"),
    example=REVOCATION_EXAMPLE,
    etag=True,
)
async def create_revocation(
    data: JSONBody[NewRevocation], write: Supplied[Write], caller: Supplied[Caller], settings: Supplied[Settings]
) -> Answer[Revocation]:
    """Refuse a token, or a person or service of your agency, within a second.

    Of a known issuer anybody can be refused, seen or not: see `seen` in the answer. What the operator refuses the
    operator alone lifts. To refuse all tokens of an agency, the operator suspends it.
    """
    return _answer(await commands.create_revocation(write, caller, settings, data), created=True)


@operation("get", "/revocations/{revocation_id:uuid}", permission=Action.TOKENS_REVOKE, etag=True)
async def get_revocation(
    revocation_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Revocation]:
    """Read one revocation."""
    return _answer(await queries.get_revocation(read, caller.principal, revocation_id))


@operation(
    "post",
    "/revocations/{revocation_id:uuid}/lift",
    permission=Action.TOKENS_REVOKE,
    status=200,
    problems=("refused_by_operator", "wrong_status"),
    example=LIFTED_EXAMPLE,
    etag=True,
)
async def lift_revocation(
    revocation_id: FromPath[UUID],
    data: JSONBody[Lifting],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Revocation]:
    """Accept the token or the person again, within a second."""
    return _answer(await commands.lift_revocation(write, caller, revocation_id, data.reason, if_match))


router = Router(path="/v1", route_handlers=[list_revocations, create_revocation, get_revocation, lift_revocation])
