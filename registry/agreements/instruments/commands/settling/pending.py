"""What an agreement is without the reports that have not taken effect: rehearsed, compared, and kept for what is shown.

A report stands in the columns and windows with the instant at which it will have effect. What is shown until then is
how it would be were each of them contested: that is played through with the same code, and undone.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.commands.settling.effects import stop_each
from registry.agreements.instruments.commands.settling.party_days import DAYS
from registry.agreements.instruments.consent import (
    CONTEST_PERIOD,
    ProposalKind,
    ReportedKind,
    ReportStatus,
    Unconfirmed,
)
from registry.agreements.instruments.consent_tables import (
    agreement_pending,
    agreement_pending_party_window,
    agreement_pending_window,
    agreement_proposal,
    agreement_reported_act,
)
from registry.agreements.instruments.pending import (
    BoundStretch,
    PartyWithout,
    PendingReport,
    TextHeld,
    TextWithout,
    Without,
)
from registry.agreements.instruments.queries.in_force import OPEN_END, end_of, is_superseded
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.tables import (
    agreement,
    agreement_force_window,
    agreement_notice_window,
    agreement_party,
    agreement_party_window,
    agreement_suspension,
    agreement_text_window,
    agreement_version,
)
from registry.agreements.instruments.told import alone_at
from registry.platform.database.handles import Rows, Write
from registry.platform.kernel.intervals import Interval

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_report, _proposal, _window = agreement_reported_act, agreement_proposal, agreement_party_window
_PENDING = (
    sa.select(_report, _proposal.c.kind.label("proposal_kind"), _proposal.c.proposed_by_id)
    .outerjoin(_proposal, _proposal.c.id == _report.c.proposal_id)
    .where(_report.c.agreement_id == _ID, _report.c.status == ReportStatus.OPEN, ~_report.c.is_settled)
    .order_by(_report.c.id)
)
_OF_END = ("over_at", "over_by", "ends_on", "public_over_at", "public_ends_on")
_ENDS = sa.select(
    *(agreement.c[name] for name in ("terminated_at", "superseded_by_id", *_OF_END)),
    is_superseded().label("is_superseded"),
).where(agreement.c.id == _ID)
_SET_END = agreement.update().where(agreement.c.id == sa.bindparam("its_id", type_=agreement.c.id.type))
_PARTIES = sa.select(agreement_party).where(agreement_party.c.agreement_id == _ID)
_WINDOWS = sa.select(_window).where(_window.c.agreement_id == _ID).order_by(_window.c.agency_id, _window.c.starts_at)
_LASTING = {
    "force": (agreement_force_window, "starts_at", "ends_at"),
    "suspension": (agreement_suspension, "starts_at", "ends_at"),
    "notice": (agreement_notice_window, "opens_at", "closes_at"),
}
_INTERVALS = {
    kind: sa.select(its.c[begins].label("starts_at"), its.c[ends].label("ends_at"))
    .where(its.c.agreement_id == _ID)
    .order_by(its.c[begins])
    for kind, (its, begins, ends) in _LASTING.items()
}
_HELD = (
    sa.select(agreement_version.c.no, agreement_text_window.c.starts_at, agreement_text_window.c.ends_at)
    .join(agreement_version, agreement_version.c.id == agreement_text_window.c.version_id)
    .where(agreement_text_window.c.agreement_id == _ID)
    .order_by(agreement_text_window.c.starts_at)
)
_PROPOSALS = sa.select(_proposal.c.id, _proposal.c.agreed_at).where(_proposal.c.agreement_id == _ID)
_FORGET = agreement_pending.delete().where(agreement_pending.c.agreement_id == _ID)
_KEEP = agreement_pending.insert()
_FORGET_WINDOWS = agreement_pending_window.delete().where(agreement_pending_window.c.agreement_id == _ID)
_KEEP_WINDOWS = agreement_pending_window.insert()
_FORGET_PARTIES = agreement_pending_party_window.delete().where(agreement_pending_party_window.c.agreement_id == _ID)
_KEEP_PARTIES = agreement_pending_party_window.insert()


class _State(Struct, kw_only=True, frozen=True):
    """What is shown of the agreement, as it stands in its rows."""

    ended_at: datetime | None
    alone_at: datetime | None
    is_superseded: bool
    has_successor: bool
    joined: int
    lasting: dict[str, tuple[Interval, ...]]
    texts: tuple[TextWithout, ...]
    held: tuple[TextHeld, ...]
    agreed: tuple[tuple[UUID, datetime | None], ...]
    parties: dict[UUID, PartyWithout]
    days: dict[UUID, dict[str, object]]
    end: dict[str, object]


async def rehearse_without(write: Write, agreement_id: UUID, rewrite: Callable[[], Awaitable[object]]) -> _State | None:
    """How the agreement would be if nothing came of its pending reports; None where it has none. Changes nothing.

    `rewrite` computes it anew.
    """
    pending = await write.all(_PENDING, {"id": agreement_id})
    if not pending:
        return None
    async with write.rehearsal():
        await stop_each(write, pending, Unconfirmed.EVIDENCE_NOT_ON_FILE)
        await rewrite()
        return await _state(write, agreement_id)


async def keep_without(write: Write, agreement_id: UUID, without: _State | None) -> None:
    """Keep what was rehearsed, now that everything is computed with the reports, and which parties differ by them."""
    await write.run(_FORGET, {"id": agreement_id})
    await write.run(_FORGET_WINDOWS, {"id": agreement_id})
    await write.run(_FORGET_PARTIES, {"id": agreement_id})
    pending = await write.all(_PENDING, {"id": agreement_id}) if without is not None else ()
    if without is None or not pending:
        return
    reports = _reports(pending)
    state = await _state(write, agreement_id)
    kept = Without(
        reports=reports,
        ended_at=without.ended_at,
        is_superseded=without.is_superseded,
        has_successor=without.has_successor,
        joined=without.joined,
        force=without.lasting["force"],
        suspensions=without.lasting["suspension"],
        notice=without.lasting["notice"],
        texts=without.texts,
        held=without.held,
        agreed=without.agreed,
        parties=tuple(each for each in without.parties.values() if each != state.parties.get(each.agency_id)),
    )
    values = {name: getattr(kept, name) for name in ("ended_at", "is_superseded", "joined")}
    values |= {"takes_effect_at": min(each.takes_effect_at for each in reports), "without": kept}
    values["alone_at"] = without.alone_at
    await write.run(_KEEP, {"agreement_id": agreement_id, **values})
    windows = [
        {"agreement_id": agreement_id, "kind": kind, "starts_at": each.start, "ends_at": each.end or OPEN_END}
        for kind, found in without.lasting.items()
        for each in found
    ]
    if windows:
        await write.run(_KEEP_WINDOWS, windows)
    bound = [
        {
            "agreement_id": agreement_id,
            "agency_id": party.agency_id,
            "starts_at": each.start,
            "ends_at": each.end or OPEN_END,
            "version_id": each.version_id,
            "amended": each.amended,
            "bound_until": each.bound_until or OPEN_END,
            "assists": each.assists,
            "requests": each.requests,
        }
        for party in without.parties.values()
        for each in party.bound
    ]
    if bound:
        await write.run(_KEEP_PARTIES, bound)


async def keep_end(write: Write, agreement_id: UUID, end: Mapping[str, object]) -> None:
    """Let the agreement end as it does without the reports, for who asks meanwhile and for lists that filter by it."""
    await write.run(_SET_END, {"its_id": agreement_id, **end})


def _reports(rows: Rows) -> tuple[PendingReport, ...]:
    return tuple(
        PendingReport(
            id=row.id,
            agency_id=row.agency_id,
            kind=ReportedKind(row.kind),
            takes_effect_at=row.notified_at + CONTEST_PERIOD,
            proposal_id=row.proposal_id,
            proposal_kind=None if row.proposal_kind is None else ProposalKind(row.proposal_kind),
            proposed_by_id=row.proposed_by_id,
        )
        for row in rows
    )


async def _state(write: Write, agreement_id: UUID) -> _State:
    its = {"id": agreement_id}
    ends = await write.first(_ENDS, its)
    assert ends is not None
    parties = await write.all(_PARTIES, its)
    bound: dict[UUID, list[BoundStretch]] = {}
    for row in await write.all(_WINDOWS, its):
        stretch = BoundStretch(
            start=row.starts_at,
            end=end_of(row.ends_at),
            bound_until=end_of(row.bound_until),
            version_id=row.version_id,
            assists=bool(row.assists),
            requests=bool(row.requests),
            amended=row.amended,
        )
        bound.setdefault(row.agency_id, []).append(stretch)
    return _State(
        ended_at=ends.terminated_at,
        alone_at=alone_at(parties),
        is_superseded=bool(ends.is_superseded),
        has_successor=ends.superseded_by_id is not None,
        joined=sum(row.joined_at is not None for row in parties),
        lasting={
            kind: tuple(
                Interval(start=row.starts_at, end=end_of(row.ends_at)) for row in await write.all(statement, its)
            )
            for kind, statement in _INTERVALS.items()
        },
        texts=tuple(
            TextWithout(
                version_id=row.version_id,
                no=row.no,
                executed_at=row.executed_at,
                first_hand_at=row.first_hand_at,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
            )
            for row in await executed_texts(write, agreement_id)
        ),
        held=tuple(
            TextHeld(start=row.starts_at, end=end_of(row.ends_at), no=row.no) for row in await write.all(_HELD, its)
        ),
        agreed=tuple((row.id, row.agreed_at) for row in await write.all(_PROPOSALS, its)),
        parties={
            row.agency_id: PartyWithout(
                agency_id=row.agency_id,
                joined_at=row.joined_at,
                verbally_at=row.verbally_at,
                withdrawal_notice_on=row.withdrawal_notice_on,
                notice_kind=row.notice_kind,
                leaves_at=row.leaves_at,
                released_at=row.released_at,
                bound=tuple(bound.get(row.agency_id, ())),
            )
            for row in parties
        },
        days={row.agency_id: {name: row._mapping[name] for name in DAYS} for row in parties},
        end={name: ends._mapping[name] for name in _OF_END},
    )
