"""Operations on token issuers, for the operator's administrators; and who one is, by one's token."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.issuers import commands, queries
from registry.directory.issuers.schemas import (
    ISSUER_EXAMPLE,
    AgencyAttachment,
    Me,
    NewTokenIssuer,
    TokenIssuer,
    TokenIssuerList,
    TokenIssuerPatch,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.settings import Settings

_ATTACHMENT = {"agency_id": "01920000-0000-7000-8000-00000000c0de"}


def _answer(found: TokenIssuer, *, created: bool = False) -> Answer[TokenIssuer]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.source, found.agencies),
        location=f"/v1/issuers/{found.id}" if created else None,
    )


@operation("get", "/issuers", permission=Action.ISSUERS_MANAGE)
async def list_issuers(read: Supplied[Read], settings: Supplied[Settings]) -> Answer[TokenIssuerList]:
    """List the issuers whose tokens are accepted, and the agencies for which they speak."""
    return Answer(await queries.list_issuers(read, settings.issuers))


@operation(
    "post",
    "/issuers",
    permission=Action.ISSUERS_MANAGE,
    problems=("issuer_taken", "issuer_unusable"),
    example=ISSUER_EXAMPLE,
    etag=True,
)
async def create_issuer(
    data: JSONBody[NewTokenIssuer], write: Supplied[Write], caller: Supplied[Caller], settings: Supplied[Settings]
) -> Answer[TokenIssuer]:
    """Accept the tokens of an issuer, within a second and without a restart.

    It speaks for nobody until agencies are attached to it, unless it may speak for every agency.
    """
    made = await commands.create_issuer(write, caller, settings.issuers, data, itself=settings.public_url)
    return _answer(made, created=True)


@operation("get", "/issuers/{issuer_id:uuid}", permission=Action.ISSUERS_MANAGE, etag=True)
async def get_issuer(
    issuer_id: FromPath[UUID], read: Supplied[Read], settings: Supplied[Settings]
) -> Answer[TokenIssuer]:
    """Read one token issuer."""
    return _answer(await queries.get_issuer(read, settings.issuers, issuer_id))


@operation(
    "patch",
    "/issuers/{issuer_id:uuid}",
    permission=Action.ISSUERS_MANAGE,
    problems=(
        "issuer_for_one_agency",
        "issuer_in_settings",
        "issuer_unusable",
        "last_administrator",
        "last_issuer_of_operator",
    ),
    example={"longest_life_seconds": 1800},
    etag=True,
)
async def update_issuer(
    issuer_id: FromPath[UUID],
    data: JSONBody[TokenIssuerPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    settings: Supplied[Settings],
    if_match: Supplied[Expected],
) -> Answer[TokenIssuer]:
    """Change how an issuer's tokens are read, or accept them no longer (`enabled`), within a second."""
    return _answer(
        await commands.update_issuer(write, caller, settings, issuer_id, data, if_match, may_lock_out=settings.demo)
    )


@operation(
    "delete",
    "/issuers/{issuer_id:uuid}",
    permission=Action.ISSUERS_MANAGE,
    problems=("issuer_in_settings", "issuer_in_use"),
)
async def delete_issuer(
    issuer_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    settings: Supplied[Settings],
    if_match: Supplied[Expected],
) -> Answer[None]:
    """Delete an issuer that was entered by mistake, is disabled, and was never used.

    The agencies attached to it are detached. Deleting it again changes nothing; it can be entered again.
    """
    await commands.delete_issuer(write, caller, settings.issuers, issuer_id, if_match)
    return Answer(None)


@operation(
    "post",
    "/issuers/{issuer_id:uuid}/attach-agency",
    permission=Action.ISSUERS_MANAGE,
    status=200,
    problems=("claim_value_taken", "issuer_for_one_agency", "unknown_agency"),
    example=_ATTACHMENT,
    etag=True,
)
async def attach_agency_to_issuer(
    issuer_id: FromPath[UUID],
    data: JSONBody[AgencyAttachment],
    write: Supplied[Write],
    caller: Supplied[Caller],
    settings: Supplied[Settings],
    if_match: Supplied[Expected],
) -> Answer[TokenIssuer]:
    """Let an issuer speak for an agency, within a second."""
    return _answer(await commands.attach_agency(write, caller, settings.issuers, issuer_id, data, if_match))


@operation(
    "post",
    "/issuers/{issuer_id:uuid}/detach-agency",
    permission=Action.ISSUERS_MANAGE,
    status=200,
    problems=("issuer_in_settings", "last_administrator", "last_issuer_of_operator"),
    example=_ATTACHMENT,
    etag=True,
)
async def detach_agency_from_issuer(
    issuer_id: FromPath[UUID],
    data: JSONBody[AgencyAttachment],
    write: Supplied[Write],
    caller: Supplied[Caller],
    settings: Supplied[Settings],
    if_match: Supplied[Expected],
) -> Answer[TokenIssuer]:
    """Refuse an issuer's tokens for an agency, within a second."""
    return _answer(
        await commands.detach_agency(write, caller, settings, issuer_id, data, if_match, may_lock_out=settings.demo)
    )


@operation("get", "/me", permission=None)
async def get_me(read: Supplied[Read], caller: Supplied[Caller]) -> Answer[Me]:
    """Read who you are to the registry: for which agency, in which roles and scopes, and what these allow."""
    return Answer(await queries.get_me(read, caller.principal))


router = Router(
    path="/v1",
    route_handlers=[
        get_me,
        list_issuers,
        create_issuer,
        get_issuer,
        update_issuer,
        delete_issuer,
        attach_agency_to_issuer,
        detach_agency_from_issuer,
    ],
)
