"""When each party leaves by its notices: counted from their recording, or from their own day once the others agree."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.noticing import notices_end_at
from registry.agreements.instruments.commands.settling.proposed import Proposed, completed
from registry.agreements.instruments.consent import ProposalKind, is_open
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.queries.governing import governing
from registry.agreements.instruments.receipt import (
    BindingText,
    NoticeReceipt,
    Receipts,
    awaited,
    awaited_from,
    kept_receipts,
    read_receipts,
)
from registry.agreements.instruments.rules import is_gone
from registry.agreements.instruments.tables import agreement, agreement_party, agreement_signature
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import earliest

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_PARTS = (
    sa.select(agreement_party, agency.c.dissolved_at)
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .where(agreement_party.c.agreement_id == _ID)
)
_RECORDED = sa.select(*(agreement_signature.c[name] for name in ("version_id", "agency_id", "recorded_at"))).where(
    agreement_signature.c.agreement_id == _ID
)
_SET_PARTY = agreement_party.update().where(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)
_SET_PROPOSAL = agreement_proposal.update().where(
    agreement_proposal.c.id == sa.bindparam("its_proposal", type_=agreement_proposal.c.id.type)
)


async def parts_of(write: Write, agreement_id: UUID) -> Mapping[UUID, Row[Any]]:
    """What each party did, by its id."""
    return {part.agency_id: part for part in await write.all(_PARTS, {"id": agreement_id})}


async def set_party(write: Write, agreement_id: UUID, agency_id: UUID, **values: object) -> None:
    """Note what was derived of a party."""
    await write.run(_SET_PARTY, {"its_id": agreement_id, "its_agency": agency_id, **values})


async def departures(
    write: Write,
    row: Row[Any],
    texts: Sequence[Row[Any]],
    signed: Mapping[UUID, Mapping[int, datetime]],
    proposals: list[Proposed],
    parts: Mapping[UUID, Row[Any]],
    now: datetime,
) -> Mapping[UUID, Row[Any]]:
    """The parties with the instants at which they leave; the proposals get the day that their notice means today.

    A notice counts from the day on which it was recorded, by the text that bound the party then. The earlier day that
    it bears, and a last day that no text bounds, count once all the others know of it and agree, or do not contest it.
    By a text that counts it from receipt it counts from that, and nobody leaves by it while one is awaited.
    Who has left stays gone, and a departure that all have agreed to keeps its day: a signature that others record later
    binds nobody anew, and lengthens no notice that runs.
    """
    own = {n: each for n, each in enumerate(proposals) if each.kind is ProposalKind.DEPARTURE}
    if not own and all(part.notice_counts_on is None for part in parts.values()):
        return parts
    recorded = {
        (each.version_id, each.agency_id): each.recorded_at for each in await write.all(_RECORDED, {"id": row.id})
    }
    known = _known_then(texts, signed, parts, recorded)
    leaves: dict[UUID, datetime | None] = {}
    said: dict[UUID, date | None] = {}
    receipts: dict[UUID, list[NoticeReceipt]] = {}
    for agency_id, part in parts.items():
        bound_by = _bound_by(row, texts, known, parts, part, part.notice_counts_on)
        alone_at = _counted_from(row, bound_by, parts, part, part.notice_counts_on, now, part.withdrawal_notice_on)
        waits = awaited(bound_by, _on_record(parts, part, now))
        receipts[agency_id] = [
            *(NoticeReceipt(agency_id=each, received_on=None) for each in waits),
            *_received_by(part),
        ]
        days = [each.notice_on for each in own.values() if each.proposed_by_id == agency_id]
        by_proposal = part.notice_counts_on is None and part.withdrawal_notice_on in days
        leaves[agency_id] = None if by_proposal or waits else alone_at or part.leaves_at
        said[agency_id] = None if by_proposal else part.withdrawal_notice_on
    for n, each in own.items():
        part = parts[each.proposed_by_id]
        dated_by = _bound_by(row, texts, known, parts, part, each.notice_on)
        dated = _counted_from(row, dated_by, parts, part, each.notice_on, now)
        is_agreed = not is_open(each.stored_agreed_at, each.given.values(), now)
        if part.notice_counts_on is not None and not is_agreed and dated not in (None, each.not_before):
            await write.run(_SET_PROPOSAL, {"its_proposal": each.id, "not_before": dated})
            own[n] = proposals[n] = msgspec.structs.replace(each, not_before=dated)
    # From what each did alone upwards, so that two departures cannot hold each other up once one is contested.
    while True:
        agreed = {each.proposed_by_id: completed(each, parts, leaves, now) for each in own.values()}
        found = leaves | {each: earliest(leaves[each], at) for each, at in agreed.items()}
        if found == leaves:
            break
        leaves = found
    gone = {
        each: part.leaves_at for each, part in parts.items() if part.leaves_at is not None and part.leaves_at <= now
    }
    leaves |= {each: earliest(leaves[each], at) for each, at in gone.items()}
    said |= {each: parts[each].withdrawal_notice_on for each in gone if said[each] is None}
    said |= {p.proposed_by_id: p.notice_on for p in own.values() if agreed.get(p.proposed_by_id) is not None}
    kinds = {p.proposed_by_id: p.notice_kind for p in own.values()}
    changed = False
    for agency_id, part in parts.items():
        kept = kept_receipts(receipts[agency_id])
        if kept != kept_receipts(read_receipts(part.notice_receipts)):
            await set_party(write, row.id, agency_id, notice_receipts=kept)
            changed = True
        if (leaves[agency_id], said[agency_id]) != (part.leaves_at, part.withdrawal_notice_on):
            kind = None if said[agency_id] is None else part.notice_kind or kinds.get(agency_id)
            values = {"leaves_at": leaves[agency_id], "withdrawal_notice_on": said[agency_id], "notice_kind": kind}
            await set_party(write, row.id, agency_id, **values)
            changed = True
    if not changed:
        return parts
    # By which texts one gives notice depends on who had left by then: each leaves after its notice, so this ends.
    return await departures(write, row, texts, signed, proposals, await parts_of(write, row.id), now)


Hands: TypeAlias = Mapping[UUID, Mapping[int, datetime]]
"""By party, and by the place of the text that it signed, from when that counts."""


def _known_then(
    texts: Sequence[Row[Any]],
    signed: Hands,
    parts: Mapping[UUID, Row[Any]],
    recorded: Mapping[tuple[UUID, UUID], datetime],
) -> Hands:
    """As `signed`; of who gave notice, without the texts that were executed since by what others recorded alone.

    What it signs itself after its notice counts: it knows what that does to it.
    """
    given = {each: part.notice_recorded_at for each, part in parts.items() if part.notice_recorded_at is not None}
    if not given or all(text.executed_at is None for text in texts):
        return signed
    found = dict(signed)
    for agency_id, at in given.items():
        known = {
            n: since
            for n, since in signed.get(agency_id, {}).items()
            if texts[n].executed_at is None
            or (texts[n].closed_at is not None and texts[n].closed_at <= at)
            or recorded.get((texts[n].version_id, agency_id), at) > at
        }
        found[agency_id] = known or signed.get(agency_id, {})
    return found


def _bound_by(
    row: Row[Any],
    texts: Sequence[Row[Any]],
    signed: Mapping[UUID, Mapping[int, datetime]],
    parts: Mapping[UUID, Row[Any]],
    part: Row[Any],
    day: date | None,
) -> list[BindingText]:
    """The texts by which the party gives its notice of that day; none without a notice."""
    return [] if day is None else governing(row, texts, signed, parts.values(), part.agency_id, day)


def _on_record(parts: Mapping[UUID, Row[Any]], part: Row[Any], now: datetime) -> Receipts:
    """What is on record of who received the party's notice, and of who has left without."""
    gone = {
        each: earliest(its.leaves_at, its.released_at, its.lapsed_at)
        for each, its in parts.items()
        if each != part.agency_id and is_gone(its, now)
    }
    said = _received_by(part)
    received = {each.agency_id: day for each in said if (day := each.counts_on or each.received_on) is not None}
    known_at = {each.agency_id: each.known_at for each in said if each.known_at is not None}
    left = {each: at for each, at in gone.items() if at is not None}
    return Receipts(received=received, left=left, known_at=known_at)


def _received_by(part: Row[Any]) -> list[NoticeReceipt]:
    """Of whom it is on record that it received the party's notice."""
    return [each for each in read_receipts(part.notice_receipts) if each.received_on is not None]


def _counted_from(
    row: Row[Any],
    bound_by: Sequence[BindingText],
    parts: Mapping[UUID, Row[Any]],
    part: Row[Any],
    day: date | None,
    now: datetime,
    bears: date | None = None,
) -> datetime | None:
    """When the party's notice has run out, if it counts from that day; None where it does not, or nobody can say.

    `bears`: the day that it was given with.
    """
    if day is None:
        return None
    its = (part.agency_id, part.notice_kind or "withdrawal", day, part.notice_leaves_on)
    return notices_end_at(bound_by, row.time_zone, *its, _on_record(parts, part, now), bears=bears)


def next_leaving(parts: Mapping[UUID, Row[Any]], now: datetime) -> datetime | None:
    """When the next of the parties is gone, while a notice waits for receipts: nobody waits for that one's then."""
    if not any(awaited_from(part.notice_receipts) for part in parts.values()):
        return None
    ends = (at for part in parts.values() for at in (part.leaves_at, part.released_at, part.lapsed_at))
    return earliest(*(at for at in ends if at is not None and at > now))


async def dissolutions(write: Write, agreement_id: UUID, parts: Mapping[UUID, Row[Any]]) -> Mapping[UUID, Row[Any]]:
    """An agency that is dissolved is bound no longer than it existed, whatever its notice said."""
    ended = {
        part.agency_id: part.dissolved_at
        for part in parts.values()
        if part.joined_at is not None
        and part.dissolved_at is not None
        and (part.leaves_at is None or part.leaves_at > part.dissolved_at)
    }
    for agency_id, at in ended.items():
        await set_party(write, agreement_id, agency_id, leaves_at=at)
    return await parts_of(write, agreement_id) if ended else parts
