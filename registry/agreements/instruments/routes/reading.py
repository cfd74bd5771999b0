"""Reading agreements, their versions and history, and who is in force with whom."""

from uuid import UUID

from litestar.params import FromPath

from registry.agreements.instruments.commands import disclosing
from registry.agreements.instruments.queries import getting, listing, partners, provisions, rows, versions
from registry.agreements.instruments.routes.answering import agreement_tag
from registry.agreements.instruments.schemas.asked import AgreementQuery, AsOf, InForceQuery
from registry.agreements.instruments.schemas.partners import (
    AgencyContact,
    AgreementInForceList,
)
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    AgreementPage,
    AgreementVersion,
    AgreementVersionPage,
)
from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.time import checked_instant
from registry.platform.ledger.schemas import HistoryQuery


@operation(
    "get",
    "/agreements",
    permission=Action.AGREEMENTS_READ,
    query=AgreementQuery,
)
async def list_agreements(
    read: Supplied[Read],
    filters: Supplied[AgreementQuery],
    caller: Supplied[Caller],
) -> Answer[AgreementPage]:
    """Search the agreements you may see.

    Those of your agency, those that name it as a party, and executed ones with public provisions.
    """
    return Answer(await listing.list_agreements(read, caller.principal, filters, caller.now))


@operation(
    "get",
    "/agreements/{agreement_id:uuid}",
    permission=Action.AGREEMENTS_READ,
    query=AsOf,
    problems=("reading_not_recorded",),
    etag=True,
    own_transactions=True,
)
async def get_agreement(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[AsOf],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> Answer[Agreement]:
    """Read one agreement, as of an instant.

    Provisions are cut by sensitivity. Restricted text goes to legal and auditor roles of parties; reading it is
    recorded first.
    """
    at = None if filters.as_of is None else checked_instant(filters.as_of, "/as_of")
    found = await getting.get_agreement(read, caller.principal, agreement_id, caller.now, as_of=at, reveal=True)
    restricted = provisions.shows_restricted(found.provisions)
    if restricted:
        await disclosing.record_reading(own_transaction, caller, found.id, found.custodian_agency.id, found.version_no)
    return Answer(found, etag=agreement_tag(found, at), restricted=restricted)


@operation("get", "/agreements/{agreement_id:uuid}/versions", permission=Action.AGREEMENTS_READ, query=NewestFirst)
async def list_agreement_versions(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[NewestFirst],
    caller: Supplied[Caller],
) -> Answer[AgreementVersionPage]:
    """List an agreement's versions, for its parties."""
    return Answer(await versions.list_versions(read, caller.principal, agreement_id, filters, caller.now))


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/versions/{version_no:int}",
    permission=Action.AGREEMENTS_READ,
    own_transactions=True,
    etag=True,
    problems=("reading_not_recorded",),
)
async def get_agreement_version(
    agreement_id: FromPath[UUID],
    version_no: FromPath[int],
    read: Supplied[Read],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> Answer[AgreementVersion]:
    """Read one version of an agreement, for its parties."""
    found, its = await versions.get_version(read, caller.principal, agreement_id, version_no, caller.now)
    restricted = provisions.shows_restricted(found.provisions)
    if restricted:
        await disclosing.record_reading(own_transaction, caller, agreement_id, its.custodian_id, version_no)
    return Answer(found, etag=entity_tag(its.version, found), restricted=restricted)


@operation("get", "/agreements/{agreement_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_agreement_history(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to an agreement, as far as it concerns your agency."""
    await rows.agreement_row(read, caller.principal, agreement_id)
    return Answer(await history(read, caller.principal, "agreement", agreement_id, filters))


@operation(
    "get",
    "/agreements/in-force",
    permission=Action.AGREEMENTS_READ,
    query=InForceQuery,
)
async def list_agreements_in_force(
    read: Supplied[Read], filters: Supplied[InForceQuery], caller: Supplied[Caller]
) -> Answer[AgreementInForceList]:
    """List the agreements in force between two agencies at an instant.

    A third agency gets only those that are public.
    """
    return Answer(await partners.agreements_in_force(read, caller.principal, filters, caller.now))


@operation("get", "/agencies/{agency_id:uuid}/contact", permission=Action.AGENCIES_READ)
async def get_agency_contact(
    agency_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[AgencyContact]:
    """Read how to reach an agency at any hour.

    For the agency itself, for partners with an agreement in force now, and for the registry's administrator.
    """
    return Answer(await partners.get_contact(read, caller.principal, agency_id, caller.now))


handlers = [
    list_agreements,
    get_agreement,
    list_agreement_versions,
    get_agreement_version,
    list_agreement_history,
    list_agreements_in_force,
    get_agency_contact,
]
