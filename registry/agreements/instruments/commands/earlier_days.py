"""What a party did on a day that is over, and enters now: it counts from then once those agree whose days it touches.

By its own word alone it would change who was bound to whom on days of the past, or how long the notice runs that it has
given. So it counts from its recording; that it counts from its day is put to each party for which that makes a
difference, to confirm, or to contest within 14 days, like what is reported of a party. Where it makes none it counts
from its day at once.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.proposing import NewProposal, propose, report_consents
from registry.agreements.instruments.commands.settling.dated_back import OwnAct, count_from, waiting_acts
from registry.agreements.instruments.commands.settling.windows import settle
from registry.agreements.instruments.consent import ProposalKind, ReportedKind
from registry.agreements.instruments.in_force import BoundWindow, TextWindow
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.schemas.evidence import OnPaper, has_evidence
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party_window,
    agreement_signature,
    agreement_version,
)
from registry.agreements.instruments.together import together
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write

_window, _version = agreement_party_window, agreement_version
_WINDOWS = (
    sa.select(_window)
    .where(_window.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type))
    .order_by(_window.c.agency_id, _window.c.starts_at)
)
_PAPER = sa.select(_version.c.evidence_sha256, _version.c.evidence_location).where(
    _version.c.id == sa.bindparam("version_id", type_=_version.c.id.type), _version.c.is_recorded
)
# Its hand was given with the paper that it recorded, and on the day of the act or before: what it has said by that.
_RECORDER = (
    sa.select(agreement_signature.c.agency_id)
    .join(_version, _version.c.id == agreement_signature.c.version_id)
    .where(
        _version.c.id == sa.bindparam("version_id", type_=_version.c.id.type),
        _version.c.is_recorded,
        agreement_signature.c.recorded_at == _version.c.frozen_at,
        agreement_signature.c.signed_on <= sa.bindparam("acted_on", type_=agreement_signature.c.signed_on.type),
    )
)


async def count_from_its_day(
    write: Write, caller: Caller, row: Row[Any], act: OwnAct, paper: OnPaper, acted_on: date, said: str
) -> dict[str, object]:
    """Let the act, which was written down as of now, count from its day, or put that to whom it concerns.

    What the ledger tells of it. `paper`: what shows the act, without which no silence counts; `said`: what was done.
    """
    concerned = await _touched(write, row.id, act, acted_on, caller.now)
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
    )
    proposal_id, _ = await propose(write, caller, row, new, given_at=act.at, of=[act.agency_id, *concerned])
    if has_evidence(paper):
        days = dict.fromkeys(concerned, acted_on)
        kind = ReportedKind.WAS_NOTIFIED
        await report_consents(write, caller, row, proposal_id, kind, days, paper, said, counts_at=act.at)
    return {"proposal_id": str(proposal_id)}


async def _touched(write: Write, agreement_id: UUID, act: OwnAct, acted_on: date, now: datetime) -> list[UUID]:
    """The other parties that would be bound to somebody at other times, or by other texts, by the day of the act.

    Both ways are played through, and undone: with all acts of earlier days that wait for an answer as if they had it,
    so that of two such acts the later one is put to who did the earlier. Who put the paper on record that is signed,
    with its own hand on it, has said itself who was bound by it on days that are over: it is asked of days to come.
    Of a hand of a day before its own it has said nothing, so it is asked of that like the others, of whichever paper.
    """
    waiting = await waiting_acts(write, agreement_id)
    found = []
    for acts in (waiting, [*waiting, act]):
        async with write.rehearsal():
            await count_from(write, agreement_id, acts)
            await settle(write, agreement_id, now)
            found.append(_bound_to_others(await write.all(_WINDOWS, {"id": agreement_id})))
    before, after = found
    said_so = await write.value(_RECORDER, {"version_id": act.signed_version_id, "acted_on": acted_on})
    since = {said_so: now}
    return [
        each
        for each in sorted({*before, *after})
        if each != act.agency_id
        and _from(before.get(each, {}), since.get(each)) != _from(after.get(each, {}), since.get(each))
    ]


def _from(others: Mapping[UUID, list[TextWindow]], at: datetime | None) -> dict[UUID, list[TextWindow]]:
    """The stretches from the instant on; all of them where there is none."""
    if at is None:
        return dict(others)
    cut = {
        other: [
            TextWindow(text=each.text, start=max(each.start, at), end=each.end)
            for each in found
            if each.end is None or each.end > at
        ]
        for other, found in others.items()
    }
    return {other: found for other, found in cut.items() if found}


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
