"""Reading agreements, their versions and history, and who is in force with whom."""

from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements import commands, queries
from registry.agreements.routes.drafting import agreement_tag
from registry.agreements.schemas import (
    AgencyContact,
    Agreement,
    AgreementInForceList,
    AgreementPage,
    AgreementQuery,
    AgreementVersion,
    AgreementVersionPage,
    AsOf,
    InForceQuery,
)
from registry.database.connect import Aside
from registry.database.handles import Read
from registry.http.answers import Answer
from registry.http.links import next_link
from registry.http.paging import Page
from registry.kernel.time import checked_instant
from registry.ledger.queries import history
from registry.ledger.schemas import LedgerEventPage


@operation("get", "/agreements", permission=Action.AGREEMENTS_READ, query=AgreementQuery, problems=(422,))
async def list_agreements(
    read: NamedDependency[Read],
    filters: NamedDependency[AgreementQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[AgreementPage]:
    """Search the agreements you may see.

    Those of your agency, those that name it as a party, and executed ones with public provisions.
    """
    page = await queries.list_agreements(read, caller.principal, filters, caller.now)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation(
    "get", "/agreements/{agreement_id:uuid}", permission=Action.AGREEMENTS_READ, query=AsOf, problems=(422,), etag=True
)
async def get_agreement(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[AsOf],
    caller: NamedDependency[Caller],
    aside: NamedDependency[Aside],
) -> Answer[Agreement]:
    """Read one agreement, as of an instant.

    Provisions are cut by sensitivity. Restricted text goes to legal and auditor roles of parties; reading it is
    recorded first.
    """
    at = None if filters.as_of is None else checked_instant(filters.as_of, "/as_of")
    found = await queries.get_agreement(read, caller.principal, agreement_id, caller.now, as_of=at, reveal=True)
    restricted = queries.shows_restricted(found.provisions)
    if restricted:
        await commands.record_reading(aside, caller, found.id, found.custodian_id, found.version_no)
    return Answer(found, etag=agreement_tag(found, at), restricted=restricted)


@operation("get", "/agreements/{agreement_id:uuid}/versions", permission=Action.AGREEMENTS_READ, query=Page)
async def list_agreement_versions(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[AgreementVersionPage]:
    """List an agreement's versions, for its parties."""
    page = await queries.list_versions(read, caller.principal, agreement_id, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation("get", "/agreements/{agreement_id:uuid}/versions/{no:int}", permission=Action.AGREEMENTS_READ)
async def get_agreement_version(
    agreement_id: FromPath[UUID],
    no: FromPath[int],
    read: NamedDependency[Read],
    caller: NamedDependency[Caller],
    aside: NamedDependency[Aside],
) -> Answer[AgreementVersion]:
    """Read one version of an agreement, for its parties."""
    found, custodian_id = await queries.get_version(read, caller.principal, agreement_id, no)
    restricted = queries.shows_restricted(found.provisions)
    if restricted:
        await commands.record_reading(aside, caller, agreement_id, custodian_id, no)
    return Answer(found, restricted=restricted)


@operation("get", "/agreements/{agreement_id:uuid}/history", permission=Action.LEDGER_READ, query=Page)
async def list_agreement_history(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[LedgerEventPage]:
    """List what happened to an agreement, as far as it concerns your agency."""
    await queries.agreement_row(read, caller.principal, agreement_id)
    page = await history(read, caller.principal, "agreement", agreement_id, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation("get", "/agreements/in-force", permission=Action.AGREEMENTS_READ, query=InForceQuery, problems=(422,))
async def list_agreements_in_force(
    read: NamedDependency[Read], filters: NamedDependency[InForceQuery], caller: NamedDependency[Caller]
) -> Answer[AgreementInForceList]:
    """List the agreements in force between two agencies at an instant.

    A third agency gets only those that are public.
    """
    return Answer(await queries.agreements_in_force(read, caller.principal, filters, caller.now))


@operation("get", "/agencies/{agency_id:uuid}/contact", permission=Action.AGENCIES_READ)
async def get_agency_contact(
    agency_id: FromPath[UUID], read: NamedDependency[Read], caller: NamedDependency[Caller]
) -> Answer[AgencyContact]:
    """Read how to reach an agency at any hour.

    For the agency itself, for partners with an agreement in force now, and for the registry's administrator.
    """
    return Answer(await queries.get_contact(read, caller.principal, agency_id, caller.now))
