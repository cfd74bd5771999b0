"""Whom nobody asked about a newcomer: it came by the clause of a text that does not bind them.

So what was made while such a party was there was not made for the newcomer: see `visibility.kept_from`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import ProposalKind
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.queries.consents import newcomers_of
from registry.agreements.instruments.queries.let_in import let_in
from registry.agreements.instruments.queries.visibility import legible_to_parties
from registry.agreements.instruments.tables import agreement, agreement_party, agreement_signature, agreement_version
from registry.platform.database.handles import Write

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_HANDS = (
    sa.select(
        agreement_signature.c.agency_id,
        agreement_signature.c.recorded_at,
        agreement_version.c.open_to_accession,
    )
    .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
    .where(agreement_signature.c.agreement_id == _ID)
    .order_by(agreement_version.c.no)
)
_FIRST = (
    sa.select(agreement_version.c.open_to_accession)
    .where(agreement_version.c.agreement_id == _ID, legible_to_parties())
    .order_by(agreement_version.c.no)
    .limit(1)
)
_PARTS = sa.select(*(agreement_party.c[name] for name in ("agency_id", "joined_at", "in_text", "named_at"))).where(
    agreement_party.c.agreement_id == _ID
)
_LET_IN_BY = sa.select(agreement_proposal.c.proposed_by_id, agreement_proposal.c.newcomer_ids).where(
    agreement_proposal.c.agreement_id == _ID,
    agreement_proposal.c.kind == ProposalKind.NEWCOMERS,
    agreement_proposal.c.taken_back_at.is_(None),
)


class Hand(Struct, frozen=True):
    """That a party signed a text, when that was entered, and whether the text says that others may join it."""

    recorded_at: datetime
    is_open: bool


def has_agreed(hands: Sequence[Hand], named_at: datetime, *, named_by_open: bool) -> bool:
    """Whether a party lets others join that came then, by what it signed; `hands` in the order of the texts.

    By the last text that it had signed by then or, where it had signed none, the one that names it; or by one that it
    has signed since. Pure.
    """
    before = [each.is_open for each in hands if each.recorded_at < named_at]
    return (before[-1] if before else named_by_open) or any(
        each.is_open for each in hands if each.recorded_at >= named_at
    )


async def unasked(write: Write, agreement_id: UUID, now: datetime) -> list[dict[str, object]]:
    """The rows of `agreement_unasked`: each newcomer with each party that was there before and has not agreed."""
    came = [each for each, its in (await let_in(write, agreement_id, now)).items() if its.by_text_alone]
    if not came:
        return []
    its = {"id": agreement_id}
    hands: dict[UUID, list[Hand]] = {}
    for row in await write.all(_HANDS, its):
        hands.setdefault(row.agency_id, []).append(Hand(row.recorded_at, row.open_to_accession))
    named_by_open = bool(await write.value(_FIRST, its))
    let_in_by: dict[UUID, set[UUID]] = {}
    for row in await write.all(_LET_IN_BY, its):
        for agency_id in newcomers_of(row):
            let_in_by.setdefault(agency_id, set()).add(row.proposed_by_id)
    parts: Mapping[UUID, Row[Any]] = {row.agency_id: row for row in await write.all(_PARTS, its)}
    return [
        {"newcomer_id": newcomer, "agency_id": each}
        for newcomer in came
        for each, part in parts.items()
        if each != newcomer
        and each not in let_in_by.get(newcomer, ())
        and (part.in_text or part.joined_at is not None)
        and (part.named_at is None or part.named_at < parts[newcomer].named_at)
        and not has_agreed(hands.get(each, ()), parts[newcomer].named_at, named_by_open=named_by_open)
    ]
