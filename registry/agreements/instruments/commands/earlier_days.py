"""What a party did on a day that is over, and enters now: it counts from then once those agree whose days it touches.

By its own word alone it would change who was bound to whom on days of the past, or how long the notice runs that it has
given. So it counts from its recording; that it counts from its day is put to each party for which that makes a
difference, to confirm, or to contest within 14 days, like what is reported of a party. Where it makes none it counts
from its day at once, and so it does towards who had said that day itself, by reporting that very act. Who filed a paper
has named no day by that, and is asked like others.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.proposing import NewProposal, propose, put_to_each
from registry.agreements.instruments.commands.settling.dated_back import OwnAct, count_from, waiting_acts
from registry.agreements.instruments.commands.settling.windows import settle
from registry.agreements.instruments.consent import ProposalKind, ReportedKind, ReportStatus
from registry.agreements.instruments.consent_tables import agreement_proposal, agreement_reported_act
from registry.agreements.instruments.histories import BoundWindow, TextWindow
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.schemas.evidence import OnPaper, has_evidence
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party_window,
    agreement_version,
)
from registry.agreements.instruments.together import together
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today

_window, _version, _report = agreement_party_window, agreement_version, agreement_reported_act
_WINDOWS = (
    sa.select(_window)
    .where(_window.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type))
    .order_by(_window.c.agency_id, _window.c.starts_at)
)
_PAPER = sa.select(_version.c.evidence_sha256, _version.c.evidence_location).where(
    _version.c.id == sa.bindparam("version_id", type_=_version.c.id.type), _version.c.is_recorded
)
_SAID_BEFORE = sa.select(_report.c.recorded_by_id).where(
    _report.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    _report.c.agency_id == sa.bindparam("agency_id", type_=_report.c.agency_id.type),
    _report.c.kind == sa.bindparam("kind", type_=_report.c.kind.type),
    _report.c.acted_on == sa.bindparam("acted_on", type_=_report.c.acted_on.type),
    _report.c.status != ReportStatus.TAKEN_BACK,
)
_SIGNED_BEFORE = _SAID_BEFORE.where(_report.c.version_id == sa.bindparam("version_id", type_=_report.c.version_id.type))
# Who reported the notice itself told then of each when it came to that one.
_RECEIVED_BEFORE = (
    sa.select(_report.c.recorded_by_id)
    .join(agreement_proposal, agreement_proposal.c.id == _report.c.proposal_id)
    .where(
        _report.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        _report.c.agency_id == sa.bindparam("agency_id", type_=_report.c.agency_id.type),
        _report.c.acted_on == sa.bindparam("acted_on", type_=_report.c.acted_on.type),
        _report.c.kind == ReportedKind.WAS_NOTIFIED,
        agreement_proposal.c.kind == ProposalKind.DEPARTURE,
        agreement_proposal.c.proposed_by_id
        == sa.bindparam("notice_of_id", type_=agreement_proposal.c.proposed_by_id.type),
    )
)


def reaches_back(at: datetime, today: Today) -> bool:
    """Whether what an agency enters now, to count from that instant, would count from a day that is over."""
    return at < today.counts_from(today.at_agency)


async def count_from_its_day(
    write: Write, caller: Caller, row: Row[Any], act: OwnAct, paper: OnPaper, acted_on: date, said: str
) -> dict[str, object]:
    """Let the act, which was written down as of now, count from its day, or put that to whom it concerns.

    What the ledger tells of it. `paper`: what shows the act, without which no silence counts; `said`: what was done.
    """
    said_before = await _said_before(write, row, act, acted_on)
    concerned = await _touched(write, row.id, act, said_before, caller.now)
    if not concerned:
        await count_from(write, row.id, [act])
        return {}
    if not has_evidence(paper) and act.signed_version_id is not None:
        known = await write.first(_PAPER, {"version_id": act.signed_version_id})
        if known is not None:
            paper = OnPaper(evidence_sha256=known.evidence_sha256, evidence_location=known.evidence_location)
    new = NewProposal(
        kind=ProposalKind.EARLIER_DAY,
        not_before=act.at,
        otherwise_at=caller.now,
        reason=said,
        evidence_sha256=paper.evidence_sha256,
        evidence_location=paper.evidence_location,
        signed_version_id=act.signed_version_id,
        approval_id=act.approval_id,
        notice_of_id=act.notice_of_id,
    )
    proposal_id, _ = await propose(write, caller, row, new, given_at=act.at, of=[act.agency_id, *concerned])
    if has_evidence(paper):
        await put_to_each(write, caller, row, proposal_id, concerned, paper, said, act.at)
    return {"proposal_id": str(proposal_id)}


async def _said_before(write: Write, row: Row[Any], act: OwnAct, acted_on: date) -> frozenset[UUID]:
    """Who had said it by an act of its own: it reported that very act, of that day. No paper says a day."""
    about = {"id": row.id, "agency_id": act.agency_id, "acted_on": acted_on, "version_id": act.signed_version_id}
    reports: Sequence[Row[Any]] = ()
    if act.signed_version_id is not None:
        reports = await write.all(_SIGNED_BEFORE, {**about, "kind": ReportedKind.SIGNED})
    elif act.notice_of_id is not None:
        its = {name: about[name] for name in ("id", "agency_id", "acted_on")}
        reports = await write.all(_RECEIVED_BEFORE, {**its, "notice_of_id": act.notice_of_id})
    elif act.approval_id is None:
        del about["version_id"]
        reports = await write.all(_SAID_BEFORE, {**about, "kind": ReportedKind.AGREED_VERBALLY})
    return frozenset(each.recorded_by_id for each in reports)


async def _touched(
    write: Write, agreement_id: UUID, act: OwnAct, said_before: frozenset[UUID], now: datetime
) -> list[UUID]:
    """The other parties that would be bound to somebody at other times, or by other texts, by the day of the act.

    Both ways are played through, and undone: with all acts of earlier days that wait for an answer as if they had it,
    so that of two such acts the later one is put to who did the earlier. Not asked is who had said that day itself.
    """
    waiting = await waiting_acts(write, agreement_id)
    found = []
    for acts in (waiting, [*waiting, act]):
        async with write.rehearsal():
            await count_from(write, agreement_id, acts)
            await settle(write, agreement_id, now)
            found.append(_bound_to_others(await write.all(_WINDOWS, {"id": agreement_id})))
    before, after = found
    return [
        each
        for each in sorted({*before, *after} - said_before)
        if each not in (act.agency_id, act.notice_of_id)  # who gave the notice, and who received it, have said so
        and before.get(each, {}) != after.get(each, {})
    ]


def _bound_to_others(rows: Sequence[Row[Any]]) -> dict[UUID, dict[UUID, list[TextWindow]]]:
    """By party and by each other: by which texts they are bound to each other, and when, in order."""
    windows: dict[UUID, list[BoundWindow]] = {}
    for row in rows:
        window = BoundWindow(
            start=row.starts_at,
            end=end_of(row.ends_at),
            text=row.version_id.int,
            amended=frozenset(n for n in range(row.amended.bit_length()) if row.amended >> n & 1),
        )
        windows.setdefault(row.agency_id, []).append(window)
    return {
        one: {
            other: found for other, its in windows.items() if other != one and (found := _joined_up(together(own, its)))
        }
        for one, own in windows.items()
    }


def _joined_up(stretches: Sequence[TextWindow]) -> list[TextWindow]:
    """The stretches, those of one text that touch as one: where a window is cut does not matter."""
    found: list[TextWindow] = []
    for each in sorted(stretches, key=lambda each: (each.text, each.start)):
        last = found[-1] if found else None
        if last is not None and last.text == each.text and last.end is not None and each.start <= last.end:
            end = None if each.end is None else max(last.end, each.end)
            found[-1] = TextWindow(text=last.text, start=last.start, end=end)
        elif last is None or last.text != each.text or last.end is not None:
            found.append(each)
    return found
