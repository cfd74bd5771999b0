"""Custody of an agreement: offered to another party, accepted or declined."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.holding import changed, held, parties_of
from registry.agreements.instruments.queries.actions import is_amendment_drafted
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.rules import custody_barred, keeping_barred, refuse
from registry.agreements.instruments.schemas.given import CustodyOffer
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement_unasked
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_UNASKED = sa.select(agreement_unasked.c.agency_id).where(
    agreement_unasked.c.agreement_id == sa.bindparam("id", type_=agreement_unasked.c.agreement_id.type),
    agreement_unasked.c.newcomer_id == sa.bindparam("agency_id", type_=agreement_unasked.c.newcomer_id.type),
)
NOT_OF_ALL = (
    "A party that was named before that agency has not agreed to it, and who keeps the file reads what all have filed: "
    "it keeps it once each of them has, by its consent, or its signature to a text that names that agency. Who signed, "
    "as that agency was there, a text that says that others may join it has agreed to it for what is made from then, "
    "and not for what was made before. Who is bound proposes the agency by adding it anew."
)


async def offer_custody(
    write: Write, caller: Caller, agreement_id: UUID, offer: CustodyOffer, expected: Expected
) -> Agreement:
    """Offer the keeping of the agreement to another party, or take the offer back. Raises RuleBroken, WrongStatus."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    refuse(keeping_barred(row.stage, shared=bool(row.is_shared)))
    if offer.agency_id is not None and (
        offer.agency_id == row.custodian_id or offer.agency_id not in await parties_of(write, row.id)
    ):
        raise RuleBroken.at("Custody passes to another party of the agreement.", "not_a_party", pointer="/agency_id")
    if offer.agency_id is not None and await write.first(_UNASKED, {"id": row.id, "agency_id": offer.agency_id}):
        raise WrongStatus(NOT_OF_ALL)
    told = {"to": None if offer.agency_id is None else str(offer.agency_id), "reason": offer.reason}
    await changed(write, caller, row, EventType.AGREEMENT_CUSTODY_OFFERED, told, custody_offered_to_id=offer.agency_id)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def answer_custody(
    write: Write, caller: Caller, agreement_id: UUID, reason: str, expected: Expected, *, accepted: bool
) -> Agreement:
    """Take over the keeping of the agreement that was offered to the own agency, or decline.

    Raises WrongStatus where it was not, or a party has not agreed to the agency by now, Conflict where the agency keeps
    another agreement of that number.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    offered = row.custody_offered_to_id == caller.agency_id
    drafted, unasked = is_amendment_drafted(row), bool(row.kept_from_it)  # some party may have come to be one since
    refuse(custody_barred(offered=offered, amendment_drafted=accepted and drafted, not_of_all=accepted and unasked))
    told = {"agency_id": str(caller.agency_id), "from": str(row.custodian_id), "reason": reason}
    values: dict[str, Any] = {"custody_offered_to_id": None}
    if accepted:
        values["custodian_id"] = caller.agency_id
    event = EventType.AGREEMENT_CUSTODY_ACCEPTED if accepted else EventType.AGREEMENT_CUSTODY_DECLINED
    await changed(write, caller, row, event, told, **values)
    return await get_agreement(write, caller.principal, row.id, caller.now)
