"""Who has not agreed to a party that was named after it: to an added one, or to one that a later draft names.

So what was made while such a party was there was not made for the newcomer: see `visibility.kept_from`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.consent import ProposalKind
from registry.agreements.instruments.consent_tables import agreement_consent, agreement_proposal
from registry.agreements.instruments.queries.consents import newcomers_of
from registry.agreements.instruments.queries.let_in import let_in
from registry.agreements.instruments.queries.visibility import legible_to_parties
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party,
    agreement_put_out,
    agreement_signature,
    agreement_unasked,
    agreement_version,
)
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.intervals import earliest

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_FROM_THE_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
_HANDS = (
    sa.select(
        agreement_signature.c.agency_id,
        agreement_signature.c.recorded_at,
        agreement_version.c.open_to_accession,
        agreement_version.c.frozen_at,
    )
    .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
    .where(agreement_signature.c.agreement_id == _ID)
    .order_by(agreement_version.c.no)
)
_FIRST = (
    sa.select(agreement_version.c.open_to_accession, agreement_version.c.frozen_at)
    .where(agreement_version.c.agreement_id == _ID, legible_to_parties())
    .order_by(agreement_version.c.no)
    .limit(1)
)
_PARTS = sa.select(
    *(
        agreement_party.c[name]
        for name in ("agency_id", "joined_at", "in_text", "named_at", "named_by_id", "leaves_at", "released_at")
    )
).where(agreement_party.c.agreement_id == _ID)
_PUT_OUT = sa.select(agreement_put_out).where(agreement_put_out.c.agreement_id == _ID)
_PROPOSALS = sa.select(
    agreement_proposal.c.id, agreement_proposal.c.proposed_by_id, agreement_proposal.c.newcomer_ids
).where(
    agreement_proposal.c.agreement_id == _ID,
    agreement_proposal.c.kind == ProposalKind.NEWCOMERS,
    agreement_proposal.c.taken_back_at.is_(None),
)
_CONSENTS = (
    sa.select(agreement_consent.c.proposal_id, agreement_consent.c.agency_id)
    .join(agreement_proposal, agreement_proposal.c.id == agreement_consent.c.proposal_id)
    .where(
        agreement_proposal.c.agreement_id == _ID,
        agreement_proposal.c.kind == ProposalKind.NEWCOMERS,
        agreement_proposal.c.taken_back_at.is_(None),
        agreement_consent.c.counts_from <= sa.bindparam("now", type_=agreement_consent.c.counts_from.type),
    )
)
_TOLD = ("newcomer_id", "agency_id", "since", "until", "by_clause", "agreed_at")
_KEPT = sa.select(*(agreement_unasked.c[name] for name in _TOLD)).where(agreement_unasked.c.agreement_id == _ID)
_DELETE = agreement_unasked.delete().where(agreement_unasked.c.agreement_id == _ID)
_INSERT = agreement_unasked.insert()


class Hand(Struct, frozen=True):
    """That a party signed a text, when that was entered, when the text was sent out, and whether others may join it."""

    recorded_at: datetime
    is_open: bool
    frozen_at: datetime | None = None


class _Stay(Struct, frozen=True):
    """That an agency was there, as a party or as one that a draft named, from when until when."""

    agency_id: UUID
    since: datetime
    until: datetime | None


class _Newcomer(Struct, kw_only=True, frozen=True):
    """A party that was named after others: when, whether the text itself names it, and who has agreed to it already."""

    agency_id: UUID
    named_at: datetime
    in_text: bool
    by_clause: bool
    agreed: frozenset[UUID]


def has_agreed(hands: Sequence[Hand], named_at: datetime, *, named_by_open: bool, in_text: bool = False) -> bool:
    """Whether a party lets one join that was named then, by what it signed; `hands` in the order of the texts.

    By the last text that it had signed by then or, where it had signed none, the one that names it. So it does by its
    hand to a text that names the newcomer, which one does that the text itself names (`in_text`), and that was sent out
    since; that a draft is open to others lets nobody into the draft. Pure.
    """
    if in_text and any(each.frozen_at is not None and each.frozen_at >= named_at for each in hands):
        return True
    before = [each.is_open for each in hands if each.recorded_at < named_at]
    return before[-1] if before else named_by_open and not in_text


def agreed_since(hands: Sequence[Hand], named_at: datetime) -> datetime | None:
    """From when a party lets one join for what is made then, by its hand to a text that lets others in; else None.

    One that was there as it signed. It speaks of who may join, and not of what had been made before, for others than
    these: so that stays kept until the party agrees to the newcomer itself, by its consent or its own proposal. Pure.
    """
    return min((each.recorded_at for each in hands if each.is_open and each.recorded_at >= named_at), default=None)


async def rewrite_unasked(write: Write, agreement_id: UUID, now: datetime) -> None:
    """Compute anew who has not agreed to whom, and write it down: each newcomer with each that was there before.

    Nothing is written where that is so already, which it mostly is.
    """
    rows = await _unasked(write, agreement_id, now)
    kept = {tuple(each) for each in await write.all(_KEPT, {"id": agreement_id})}
    if kept == {tuple(each[name] for name in _TOLD) for each in rows}:
        return
    await write.run(_DELETE, {"id": agreement_id})
    if rows:
        await write.run(_INSERT, [{**each, "agreement_id": agreement_id} for each in rows])


async def _unasked(read: Read, agreement_id: UUID, now: datetime) -> list[dict[str, object]]:
    its = {"id": agreement_id}
    first = await read.first(_FIRST, its)
    if first is None:
        return []  # nobody but its custodian has seen it
    newcomers = await _newcomers(read, agreement_id, now)
    if not newcomers:
        return []
    hands: dict[UUID, list[Hand]] = {}
    for row in await read.all(_HANDS, its):
        hands.setdefault(row.agency_id, []).append(Hand(row.recorded_at, row.open_to_accession, row.frozen_at))
    named_by_open = bool(first.open_to_accession)
    found: list[dict[str, object]] = []
    for stay in await _stays(read, agreement_id, first.frozen_at):
        own = hands.get(stay.agency_id, ())
        found += [
            {
                "newcomer_id": each.agency_id,
                "agency_id": stay.agency_id,
                "since": stay.since,
                "until": stay.until,
                "by_clause": each.by_clause,
                "agreed_at": agreed_since(own, each.named_at),
            }
            for each in newcomers
            if each.agency_id != stay.agency_id
            and stay.since < each.named_at
            and stay.agency_id not in each.agreed
            and not has_agreed(own, each.named_at, named_by_open=named_by_open, in_text=each.in_text)
        ]
    return found


async def _newcomers(read: Read, agreement_id: UUID, now: datetime) -> list[_Newcomer]:
    """The parties that were named after another one."""
    its = {"id": agreement_id}
    parts = [each for each in await read.all(_PARTS, its) if each.named_at is not None]
    earlier = [each.named_at for each in [*parts, *await read.all(_PUT_OUT, its)]]
    late = [each for each in parts if min(earlier) < each.named_at]
    if not late:
        return []
    consented: dict[UUID, set[UUID]] = {}
    for row in await read.all(_CONSENTS, {**its, "now": now}):
        consented.setdefault(row.proposal_id, set()).add(row.agency_id)
    agreed: dict[UUID, set[UUID]] = {each.agency_id: {each.named_by_id} - {None} for each in late}
    for row in await read.all(_PROPOSALS, its):
        for agency_id in newcomers_of(row):
            if agency_id in agreed:
                agreed[agency_id] |= {row.proposed_by_id, *consented.get(row.id, ())}
    came = await let_in(read, agreement_id, now)
    return [
        _Newcomer(
            agency_id=each.agency_id,
            named_at=each.named_at,
            in_text=bool(each.in_text),
            by_clause=each.agency_id in came and came[each.agency_id].by_text_alone,
            agreed=frozenset(agreed[each.agency_id]),
        )
        for each in late
    ]


async def _stays(read: Read, agreement_id: UUID, shown_at: datetime) -> list[_Stay]:
    """Who was there when; `shown_at`: when the others were first shown the text, and could first file anything."""
    its = {"id": agreement_id}
    found = [
        _Stay(
            each.agency_id,
            max(each.named_at or _FROM_THE_BEGINNING, shown_at),
            earliest(each.leaves_at, each.released_at),
        )
        for each in await read.all(_PARTS, its)
        if each.in_text or each.joined_at is not None
    ]
    return found + [
        _Stay(each.agency_id, max(each.named_at, shown_at), each.put_out_at)
        for each in await read.all(_PUT_OUT, its)
        if each.put_out_at > shown_at
    ]
