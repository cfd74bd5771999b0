"""Redlines, comparisons of two agreements, and deviations from the standard clauses: as data, and as pages."""

import asyncio
from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.agreements.instruments.commands import disclosing
from registry.agreements.redline import queries
from registry.agreements.redline.comparing import versions_revealed
from registry.agreements.redline.page import POLICY, comparison_page, deviations_page, page
from registry.agreements.redline.schemas import (
    AgreementComparison,
    AgreementDeviations,
    ComparisonQuery,
    DeviationQuery,
    Redline,
    RedlineQuery,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, HtmlAnswer


async def _read(
    read: Read, own_transaction: OwnTransaction, caller: Caller, agreement_id: UUID, query: RedlineQuery
) -> tuple[Redline, bool]:
    """The redline and whether it shows restricted text; that it was read is recorded by then."""
    found, custodian_id = await queries.get_redline(read, caller.principal, agreement_id, query, caller.now)
    readings = [
        disclosing.RestrictedReading(agreement_id=agreement_id, custodian_id=custodian_id, data={"version_no": no})
        for no in versions_revealed(found)
    ]
    await disclosing.record_readings(own_transaction, caller, readings)
    return found, bool(readings)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/redline",
    permission=Action.AGREEMENTS_READ,
    query=RedlineQuery,
    own_transactions=True,
    problems=("no_version_before", "reading_not_recorded"),
)
async def get_agreement_redline(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[RedlineQuery],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> Answer[Redline]:
    """Tell what differs between two versions of an agreement, for its parties.

    Provisions are matched by number, and by what they say where they were renumbered or moved; texts are compared word
    by word. Of restricted provisions legal and auditor roles of parties read the text, and that is recorded first;
    others only that they differ.
    """
    found, restricted = await _read(read, own_transaction, caller, agreement_id, filters)
    return Answer(found, restricted=restricted)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/redline.html",
    permission=Action.AGREEMENTS_READ,
    query=RedlineQuery,
    own_transactions=True,
    problems=("no_version_before", "reading_not_recorded"),
)
async def get_agreement_redline_page(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[RedlineQuery],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> HtmlAnswer:
    """Show what differs between two versions as a page that needs nothing else.

    The same as the redline as data, to be read by eye or by ear.
    """
    found, restricted = await _read(read, own_transaction, caller, agreement_id, filters)
    return HtmlAnswer(await asyncio.to_thread(page, found), policy=POLICY, restricted=restricted)


async def _compared(
    read: Read, own_transaction: OwnTransaction, caller: Caller, agreement_id: UUID, query: ComparisonQuery
) -> tuple[AgreementComparison, bool]:
    """The comparison and whether it shows restricted text; that it was read is recorded by then."""
    found, revealing = await queries.get_comparison(read, caller.principal, agreement_id, query, caller.now)
    readings = [
        disclosing.RestrictedReading(
            agreement_id=side.text.agreement_id,
            custodian_id=side.custodian_id,
            data={"version_no": side.text.version_no},
        )
        for side in revealing
    ]
    await disclosing.record_readings(own_transaction, caller, readings)
    return found, bool(readings)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/comparison",
    permission=Action.AGREEMENTS_READ,
    query=ComparisonQuery,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def get_agreement_comparison(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[ComparisonQuery],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> Answer[AgreementComparison]:
    """Compare two agreements, each as far as you may read it.

    Provisions are matched by heading and by what they say, whatever their numbers; texts are compared word by word, and
    terms one by one. Of an agreement to which your agency is no party you see what is public of it. Where restricted
    text is shown, that is recorded first.
    """
    found, restricted = await _compared(read, own_transaction, caller, agreement_id, filters)
    return Answer(found, restricted=restricted)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/comparison.html",
    permission=Action.AGREEMENTS_READ,
    query=ComparisonQuery,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def get_agreement_comparison_page(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[ComparisonQuery],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> HtmlAnswer:
    """Show what differs between two agreements as a page that needs nothing else.

    The same as the comparison as data, to be read by eye or by ear.
    """
    found, restricted = await _compared(read, own_transaction, caller, agreement_id, filters)
    return HtmlAnswer(await asyncio.to_thread(comparison_page, found), policy=POLICY, restricted=restricted)


async def _deviating(
    read: Read, own_transaction: OwnTransaction, caller: Caller, agreement_id: UUID, query: DeviationQuery
) -> tuple[AgreementDeviations, bool]:
    """The deviations and whether restricted text was read for them; that it was is recorded by then."""
    found, custodian_id, restricted = await queries.get_deviations(
        read, caller.principal, agreement_id, query, caller.now
    )
    if restricted:
        await disclosing.record_reading(own_transaction, caller, agreement_id, custodian_id, found.version.version_no)
    return found, restricted


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/deviations",
    permission=Action.AGREEMENTS_READ,
    query=DeviationQuery,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def get_agreement_deviations(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[DeviationQuery],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> Answer[AgreementDeviations]:
    """Tell how each provision of a version deviates from the standard clause, for its parties.

    From the clause that it was drafted from, else from the one that it resembles most under its heading; and which
    standard clauses were left out. A deviation is no fault: have counsel review. Where restricted text is read for it,
    that is recorded first.
    """
    found, restricted = await _deviating(read, own_transaction, caller, agreement_id, filters)
    return Answer(found, restricted=restricted)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/deviations.html",
    permission=Action.AGREEMENTS_READ,
    query=DeviationQuery,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def get_agreement_deviations_page(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[DeviationQuery],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> HtmlAnswer:
    """Show how each provision deviates from the standard clause as a page that needs nothing else.

    The same as the deviations as data, to be read by eye or by ear.
    """
    found, restricted = await _deviating(read, own_transaction, caller, agreement_id, filters)
    return HtmlAnswer(await asyncio.to_thread(deviations_page, found), policy=POLICY, restricted=restricted)


router = Router(
    path="/v1",
    route_handlers=[
        get_agreement_redline,
        get_agreement_redline_page,
        get_agreement_comparison,
        get_agreement_comparison_page,
        get_agreement_deviations,
        get_agreement_deviations_page,
    ],
)
