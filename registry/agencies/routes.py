"""The agencies' operations."""

from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agencies import commands, queries
from registry.agencies.import_routes import import_agencies
from registry.agencies.rules import AgencyAction
from registry.agencies.schemas import (
    NEW_AGENCY_EXAMPLE,
    Agency,
    AgencyPage,
    AgencyPatch,
    AgencyQuery,
    Dissolution,
    NewAgency,
    StatusChange,
)
from registry.database.handles import Read, Write
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.http.paging import Page
from registry.kernel.versions import Expected
from registry.ledger.queries import history
from registry.ledger.schemas import LedgerEventPage

_REASON = {"reason": "Entered on the sheriff's letter of 2 March (demo)."}


def _answer(found: Agency, *, created: bool = False) -> Answer[Agency]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.allowed_actions),
        location=f"/v1/agencies/{found.id}" if created else None,
    )


@operation("get", "/agencies", permission=Action.AGENCIES_READ, query=AgencyQuery)
async def list_agencies(
    read: NamedDependency[Read], filters: NamedDependency[AgencyQuery], here: NamedDependency[str]
) -> Answer[AgencyPage]:
    """Search agencies by name, state, ORI or distance."""
    page = await queries.list_agencies(read, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation(
    "post", "/agencies", permission=Action.AGENCIES_CREATE, problems=(409, 422), example=NEW_AGENCY_EXAMPLE, etag=True
)
async def create_agency(
    data: JSONBody[NewAgency], write: NamedDependency[Write], caller: NamedDependency[Caller]
) -> Answer[Agency]:
    """Enter an agency in the register, as listed."""
    return _answer(await commands.create_agency(write, caller, data), created=True)


@operation("get", "/agencies/{agency_id:uuid}", permission=Action.AGENCIES_READ, etag=True)
async def get_agency(
    agency_id: FromPath[UUID], read: NamedDependency[Read], caller: NamedDependency[Caller]
) -> Answer[Agency]:
    """Read one agency."""
    return _answer(await queries.get_agency(read, caller.principal, agency_id))


@operation(
    "patch",
    "/agencies/{agency_id:uuid}",
    permission=Action.AGENCIES_UPDATE,
    problems=(422,),
    example={"time_zone": "America/Chicago", "contact_phone": "+1 555 0101"},
    etag=True,
)
async def update_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[AgencyPatch],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agency]:
    """Correct an agency's record."""
    return _answer(await commands.update_agency(write, caller, agency_id, data, if_match))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/activate",
    permission=Action.AGENCIES_ADMIT,
    status=200,
    problems=(409, 422),
    example=_REASON,
    etag=True,
)
async def activate_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[StatusChange],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agency]:
    """Let a listed agency take part."""
    return _answer(await commands.change_status(write, caller, agency_id, AgencyAction.ACTIVATE, data.reason, if_match))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/suspend",
    permission=Action.AGENCIES_ADMIT,
    status=200,
    problems=(409, 422),
    example={"reason": "Their token issuer is compromised (demo)."},
    etag=True,
)
async def suspend_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[StatusChange],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agency]:
    """Stop an agency from acting, within a second."""
    return _answer(await commands.change_status(write, caller, agency_id, AgencyAction.SUSPEND, data.reason, if_match))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/reinstate",
    permission=Action.AGENCIES_ADMIT,
    status=200,
    problems=(409, 422),
    example={"reason": "New keys are in place (demo)."},
    etag=True,
)
async def reinstate_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[StatusChange],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agency]:
    """Let a suspended agency act again."""
    return _answer(
        await commands.change_status(write, caller, agency_id, AgencyAction.REINSTATE, data.reason, if_match)
    )


@operation(
    "post",
    "/agencies/{agency_id:uuid}/dissolve",
    permission=Action.AGENCIES_ADMIT,
    status=200,
    problems=(409, 422),
    example={"reason": "Merged into the county's office (demo)."},
    etag=True,
)
async def dissolve_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[Dissolution],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agency]:
    """Record that an agency has ended, and who succeeds it."""
    return _answer(
        await commands.change_status(
            write, caller, agency_id, AgencyAction.DISSOLVE, data.reason, if_match, data.successor_id
        )
    )


@operation("get", "/agencies/{agency_id:uuid}/history", permission=Action.LEDGER_READ, query=Page)
async def list_agency_history(
    agency_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[LedgerEventPage]:
    """List what happened to an agency's record."""
    await queries.get_agency(read, caller.principal, agency_id)
    page = await history(read, caller.principal, "agency", agency_id, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


router = Router(
    path="/v1",
    tags=["agencies"],
    route_handlers=[
        list_agencies,
        create_agency,
        get_agency,
        update_agency,
        activate_agency,
        suspend_agency,
        reinstate_agency,
        dissolve_agency,
        list_agency_history,
        import_agencies,
    ],
)
