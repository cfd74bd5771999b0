"""What ends with an agreement: the change of it that was on its way with its review, and what nobody agreed to yet."""

from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.reported import drop_report
from registry.agreements.instruments.commands.settling.proposed import Proposed
from registry.agreements.instruments.consent import OF_ONE, UNANSWERED, ClosedBecause, ProposalKind
from registry.agreements.instruments.consent_tables import agreement_proposal, agreement_reported_act
from registry.agreements.instruments.review_tables import agreement_review_round
from registry.agreements.instruments.reviews import RoundOutcome
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.tables import agreement, agreement_amendment, agreement_version_dates
from registry.platform.database.handles import Write

# A paper that begins before the end may have been signed by more than say so yet.
_AMENDMENT = (
    sa.select(agreement_amendment.c.version_id)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_amendment.c.version_id)
    .where(
        agreement_amendment.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        agreement_amendment.c.closed_at.is_(None),
        sa.or_(
            ~agreement_amendment.c.is_paper,
            agreement_version_dates.c.starts_at >= sa.bindparam("ended_at", type_=agreement.c.starts_at.type),
        ),
    )
)
_WITHDRAW_AMENDMENT = agreement_amendment.update().where(
    agreement_amendment.c.version_id == sa.bindparam("its_version", type_=agreement_amendment.c.version_id.type)
)
_CLOSE_ROUND = agreement_review_round.update().where(
    agreement_review_round.c.agreement_id == sa.bindparam("its_agreement", type_=agreement.c.id.type),
    agreement_review_round.c.closed_at.is_(None),
)
_report = agreement_reported_act
_UNANSWERED = sa.select(_report).where(_report.c.status.in_(UNANSWERED), ~_report.c.is_settled)
_REPORTS = _UNANSWERED.where(_report.c.proposal_id == sa.bindparam("proposal_id", type_=_report.c.proposal_id.type))
_OF_SIGNATURES = _UNANSWERED.where(_report.c.version_id == sa.bindparam("version_id", type_=_report.c.version_id.type))
_DEPARTURES = sa.select(agreement_proposal).where(
    agreement_proposal.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_proposal.c.kind == ProposalKind.DEPARTURE,
    agreement_proposal.c.taken_back_at.is_(None),
    sa.or_(
        agreement_proposal.c.agreed_at.is_(None),
        agreement_proposal.c.agreed_at > sa.bindparam("now", type_=agreement_proposal.c.agreed_at.type),
    ),
)
_TAKE_BACK = agreement_proposal.update().where(
    agreement_proposal.c.id == sa.bindparam("its_id", type_=agreement_proposal.c.id.type)
)
_ENDED = "the agreement has ended"
_WHY: Mapping[ClosedBecause, str] = {
    ClosedBecause.AGREEMENT_ENDED: _ENDED,
    ClosedBecause.AGREEMENT_EXPIRED: "the agreement has expired",
    ClosedBecause.SUCCESSOR_ENDED: "the agreement that was to take its place has ended",
    ClosedBecause.NEWCOMERS_JOINED: "the agencies are parties already",
}


class Closed(Struct, kw_only=True, frozen=True):
    """A proposal that was closed without anybody's taking it back."""

    proposal_id: UUID
    kind: ProposalKind
    because: ClosedBecause


async def close_what_is_on_its_way(write: Write, row: Row[Any], ended_at: datetime, now: datetime) -> None:
    """Withdraw the amendments that come to nothing and close their review, as the end of the agreement takes effect.

    Papers that begin before it stay: whoever had signed one by then may say so afterwards.
    """
    for amendment in await write.all(_AMENDMENT, {"id": row.id, "ended_at": ended_at}):
        await drop_reported_signatures(write, amendment.version_id, _ENDED, now)
        its = {"its_version": amendment.version_id, "closed_at": now}
        await write.run(_WITHDRAW_AMENDMENT, {**its, "stage": Stage.WITHDRAWN, "executed_at": None})
    await write.run(_CLOSE_ROUND, {"its_agreement": row.id, "closed_at": now, "outcome": RoundOutcome.WITHDRAWN})


async def close_moot(
    write: Write, proposals: Sequence[Proposed], parts: Mapping[UUID, Row[Any]], came: Set[UUID], now: datetime
) -> list[Closed]:
    """Close what has lapsed, and what would let those sign who came meanwhile; what was closed.

    `came` are those who come now. Of who was let in before by a text's clause all may be asked anew.
    """
    moot = []
    for each in proposals:
        because = each.lapsed
        if because is None and each.agreed_at is None and each.newcomer_ids and _came(each, parts, came):
            because = ClosedBecause.NEWCOMERS_JOINED
        if because is not None:
            moot.append(await _close(write, each, because, now))
    return moot


def _came(each: Proposed, parts: Mapping[UUID, Row[Any]], came: Set[UUID]) -> bool:
    """Whether all of them are parties, and none was one before it was proposed."""
    anew = any(n in parts and parts[n].named_at < each.proposed_at for n in each.newcomer_ids)
    return not anew and {*parts, *came} >= {*each.newcomer_ids}


async def _close(write: Write, each: Proposed, because: ClosedBecause, now: datetime) -> Closed:
    await drop_proposal(write, each.id, _WHY[because], now, because)
    return Closed(proposal_id=each.id, kind=each.kind, because=because)


async def close_proposals(
    write: Write, proposals: Sequence[Proposed], named: Collection[UUID], now: datetime
) -> tuple[list[Proposed], list[Closed]]:
    """Close what is not agreed by the end of the agreement, and what others reported of it; what stays, and what not.

    `named` are the parties by then. What was agreed before, and brought about the end itself, stays with what is said
    of it; so does what is a question of the days before the end: what one party did, and what suspended it on paper.
    """
    stay, closed = [], []
    for each in proposals:
        agreed = each.agreed_at is not None and each.agreed_at <= now and all(n in named for n in each.newcomer_ids)
        before = each.is_recorded and each.kind in (ProposalKind.SUSPENSION, ProposalKind.REINSTATEMENT)
        if agreed or before or each.kind in OF_ONE:
            stay.append(each)
        else:
            closed.append(await _close(write, each, ClosedBecause.AGREEMENT_ENDED, now))
    return stay, closed


async def drop_proposal(
    write: Write, proposal_id: UUID, reason: str, now: datetime, because: ClosedBecause | None = None
) -> None:
    """Take a proposal back, or close it, with what was reported of the others' part in it and has had no effect yet."""
    for report in await write.all(_REPORTS, {"proposal_id": proposal_id}):
        await drop_report(write, report, reason, now)
    values = {"taken_back_at": now, "closed_because": because, "agreed_at": None}
    await write.run(_TAKE_BACK, {"its_id": proposal_id, **values})


async def open_departures(write: Write, agreement_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    """What is said of parties' earlier departures, and has had no effect."""
    return await write.all(_DEPARTURES, {"id": agreement_id, "now": now})


async def drop_departures(
    write: Write,
    agreement_id: UUID,
    agency_id: UUID,
    reason: str,
    now: datetime,
    *,
    kept: UUID | None = None,
    because: ClosedBecause | None = None,
) -> None:
    """What was said of an earlier departure of the agency, and has had no effect, is gone, but for one.

    `because`: it is closed, by what the agency says now; else it is taken back.
    """
    for proposal in await open_departures(write, agreement_id, now):
        if proposal.proposed_by_id == agency_id and proposal.id != kept:
            await drop_proposal(write, proposal.id, reason, now, because)


async def drop_reported_signatures(write: Write, version_id: UUID, reason: str, now: datetime) -> None:
    """Drop what was reported of signatures under a text that comes to nothing, and has had no effect yet."""
    for report in await write.all(_OF_SIGNATURES, {"version_id": version_id}):
        await drop_report(write, report, reason, now)
