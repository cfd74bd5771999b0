"""Operations on principals."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import audit
from registry.directory.agencies.schemas import LedgerEventPage
from registry.directory.principals import commands, queries
from registry.directory.principals.schemas import (
    PURGE_EXAMPLE,
    RESTORING_EXAMPLE,
    SUSPENSION_EXAMPLE,
    KnownPrincipal,
    KnownPrincipalPage,
    PrincipalQuery,
    PrincipalReason,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import AuditQuery, HistoryQuery
from registry.platform.settings import Settings


def _answer(found: KnownPrincipal) -> Answer[KnownPrincipal]:
    return Answer(found, etag=entity_tag(found.version, found.status, found.last_seen_at, found.allowed_actions))


@operation("get", "/principals", permission=Action.PRINCIPALS_READ, query=PrincipalQuery)
async def list_principals(
    read: Supplied[Read], filters: Supplied[PrincipalQuery], caller: Supplied[Caller], settings: Supplied[Settings]
) -> Answer[KnownPrincipalPage]:
    """List the people and services that have used the registry for your agency; for the operator, for any.

    Nobody is entered: whoever comes with a good token appears within a minute.
    """
    return Answer(await queries.list_principals(read, caller, filters, settings.principal_idle_days))


@operation("get", "/principals/{principal_id:uuid}", permission=Action.PRINCIPALS_READ, etag=True)
async def get_principal(
    principal_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller], settings: Supplied[Settings]
) -> Answer[KnownPrincipal]:
    """Read one person or service, and when it was last seen."""
    return _answer(await queries.get_principal(read, caller, principal_id, settings.principal_idle_days))


@operation("get", "/principals/{principal_id:uuid}/history", permission=Action.PRINCIPALS_READ, query=HistoryQuery)
async def list_principal_history(
    principal_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
    settings: Supplied[Settings],
) -> Answer[LedgerEventPage]:
    """List what administrators did about a person or service."""
    return Answer(await queries.principal_history(read, caller, principal_id, settings.principal_idle_days, filters))


@operation(
    "post",
    "/principals/{principal_id:uuid}/suspend",
    permission=Action.PRINCIPALS_MANAGE,
    status=200,
    problems=("last_administrator", "wrong_status"),
    example=SUSPENSION_EXAMPLE,
    etag=True,
)
async def suspend_principal(
    principal_id: FromPath[UUID],
    data: JSONBody[PrincipalReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    settings: Supplied[Settings],
) -> Answer[KnownPrincipal]:
    """Refuse every token of a person or service for its agency, within a second.

    It is the same as `POST /v1/revocations` of kind `person`, which serves for somebody who has not been seen yet.
    """
    return _answer(await commands.suspend_principal(write, caller, principal_id, data.reason, if_match, settings))


@operation(
    "post",
    "/principals/{principal_id:uuid}/restore",
    permission=Action.PRINCIPALS_MANAGE,
    status=200,
    problems=("refused_by_operator", "wrong_status"),
    example=RESTORING_EXAMPLE,
    etag=True,
)
async def restore_principal(
    principal_id: FromPath[UUID],
    data: JSONBody[PrincipalReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    settings: Supplied[Settings],
) -> Answer[KnownPrincipal]:
    """Accept the tokens of a person or service again, within a second, whether it was suspended or inactive."""
    return _answer(await commands.restore_principal(write, caller, principal_id, data.reason, if_match, settings))


@operation(
    "post",
    "/principals/{principal_id:uuid}/purge-name",
    permission=Action.PRINCIPALS_MANAGE,
    status=200,
    problems=("wrong_status",),
    example=PURGE_EXAMPLE,
    etag=True,
)
async def purge_principal_name(
    principal_id: FromPath[UUID],
    data: JSONBody[PrincipalReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    settings: Supplied[Settings],
) -> Answer[KnownPrincipal]:
    """Forget the name of a person, and its attributes, for good.

    What the person did stays proven, under the subject of its issuer.
    """
    return _answer(await commands.purge_principal_name(write, caller, principal_id, data.reason, if_match, settings))


@operation("get", "/audit-events", permission=Action.AUDIT_READ, query=AuditQuery)
async def list_audit_events(
    read: Supplied[Read], filters: Supplied[AuditQuery], caller: Supplied[Caller]
) -> Answer[LedgerEventPage]:
    """List what an auditor reviews: refused sign-ins, refused acts, restricted text that was read, files handed out.

    Those that concern your agency; for the operator also refused sign-ins of which no agency is known. Readings of
    restricted text are for auditors. Of what another agency's people did, the agency and the roles are told, no person.
    """
    return Answer(await audit(read, caller.principal, filters))


router = Router(
    path="/v1",
    route_handlers=[
        list_principals,
        get_principal,
        list_principal_history,
        suspend_principal,
        restore_principal,
        purge_principal_name,
        list_audit_events,
    ],
)
