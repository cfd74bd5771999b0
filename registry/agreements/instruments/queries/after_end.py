"""What came on record after the end of an agreement had been proposed: that end holds for it, and it is said."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import (
    UNANSWERED,
    UNSAID_END,
    EndingGround,
    ProposalKind,
    ProposalStatus,
    ReportedKind,
    where_contested,
)
from registry.agreements.instruments.days import Days
from registry.agreements.instruments.remarks import (
    Remark,
    contest_of,
    end_agreed_before,
    end_reported,
    ends_before_its_term,
)
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.agreements.instruments.schemas.shown import AgreementParty
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_signature,
    agreement_version,
    agreement_version_dates,
)
from registry.platform.database.handles import Read

_HANDS = (
    sa.select(
        agreement_version.c.no,
        *(agreement_version_dates.c[name] for name in ("kind", "expires_on")),
        *(agreement_signature.c[name] for name in ("agency_id", "recorded_at")),
    )
    .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
    .where(
        agreement_signature.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        # Not of a change that came to nothing.
        sa.or_(
            agreement_amendment.c.id.is_(None),
            agreement_amendment.c.executed_at.is_not(None),
            agreement_amendment.c.closed_at.is_(None),
        ),
    )
    .order_by(agreement_version.c.no)
)
_AGREED = (EndingGround.MUTUAL_CONSENT, EndingGround.RIGHT_TO_END)


async def about_what_came_after(
    read: Read,
    row: Row[Any],
    parties: Sequence[Row[Any]],
    proposed: Sequence[Proposal],
    reported: Sequence[ReportedAct],
    ended_at: datetime | None,
    days: Days,
) -> list[Remark]:
    """Of an agreed end: who signed too late to be asked of it, and which texts name a later last day."""
    end = next(
        (
            each
            for each in proposed
            if each.kind == ProposalKind.END and each.ground in _AGREED and each.agreed_at == ended_at
        ),
        None,
    )
    if end is None or ended_at is None:
        return []
    hands = await read.all(_HANDS, {"id": row.id})
    return [*_too_late(end, ended_at, parties, hands, reported, days), *_too_long(end, ended_at, hands, days)]


def _too_late(
    end: Proposal,
    ended_at: datetime,
    parties: Sequence[Row[Any]],
    hands: Sequence[Row[Any]],
    reported: Sequence[ReportedAct],
    days: Days,
) -> Iterator[Remark]:
    """Of each party whose signature was entered, or reported and not answered yet, after the end was proposed."""
    asked = {each.agency.id for each in (*end.consents,)} | {end.proposed_by.id}
    by = [each.agency.name for each in end.consents if each.counts_from is not None]
    agreed_at = max((each.counts_from for each in end.consents if each.counts_from is not None), default=None)
    if end.ground != EndingGround.MUTUAL_CONSENT or agreed_at is None:
        return
    for party in parties:
        entered = [hand.recorded_at for hand in hands if hand.agency_id == party.agency_id]
        entered += [
            each.recorded_at
            for each in reported
            if each.agency.id == party.agency_id and each.kind == ReportedKind.SIGNED and each.status in UNANSWERED
        ]
        if party.agency_id not in asked and entered and min(entered) > end.proposed_at:
            last = days.last(ended_at)
            yield end_agreed_before(party.name, by, days.first(agreed_at), days.first(end.proposed_at), last)


def _too_long(end: Proposal, ended_at: datetime, hands: Sequence[Row[Any]], days: Days) -> Iterator[Remark]:
    last = days.last(ended_at)
    signed = {hand.no: hand for hand in hands if hand.recorded_at > end.proposed_at and hand.kind != "original"}
    for no, hand in signed.items():
        if hand.expires_on is not None and hand.expires_on > last:
            yield ends_before_its_term(no, hand.expires_on, last, days.first(end.proposed_at))


def about_reported_ends(
    proposed: Iterable[Proposal], reported: Sequence[ReportedAct], parties: Iterable[AgreementParty], time_zone: str
) -> list[Remark]:
    """What was reported of an end, as long as not each of the parties has confirmed it, and who contests that."""
    joined = {party.agency.id for party in parties if party.joined_at is not None}
    found = []
    for each in proposed:
        if each.ground != EndingGround.REPORTED:
            continue
        contest = contest_of(each, reported, joined)
        if contest is not None and each.status is ProposalStatus.OPEN:
            stands = f"is {where_contested(*contest)}"
        elif each.status is ProposalStatus.REPORTED:
            unsaid = ", ".join(party.name for party in each.outstanding)
            stands = f"not confirmed by {unsaid}: each may confirm or contest it"
        elif each.status is ProposalStatus.OPEN:
            unsaid = ", ".join(party.name for party in each.outstanding)
            stands = f"not confirmed by {unsaid}: {UNSAID_END}"
        else:
            continue
        found.append(end_reported(each.proposed_by.name, each.not_before, stands, time_zone))
    return found
