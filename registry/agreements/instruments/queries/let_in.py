"""Since when, and to which texts, an agency may put its hand that was let in to what others had executed.

A party that the agreement's own text names is no newcomer, and none of this concerns it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.consent import ProposalKind
from registry.agreements.instruments.consent_tables import agreement_consent, agreement_proposal
from registry.agreements.instruments.queries.consents import newcomers_of
from registry.agreements.instruments.queries.given_up import given_up
from registry.agreements.instruments.queries.texts import is_executed_text
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_party,
    agreement_signature,
    agreement_version,
)
from registry.agreements.instruments.terms import Terms
from registry.platform.database.handles import Read
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import day_starts_at

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)
_asked = (
    sa.select(sa.literal(1))
    .where(agreement_consent.c.proposal_id == agreement_proposal.c.id)
    .correlate(agreement_proposal)
    .exists()
)
_LET_IN = sa.select(agreement_proposal.c.newcomer_ids, agreement_proposal.c.agreed_at, _asked.label("asked_all")).where(
    agreement_proposal.c.agreement_id == _ID,
    agreement_proposal.c.kind == ProposalKind.NEWCOMERS,
    agreement_proposal.c.taken_back_at.is_(None),
    agreement_proposal.c.agreed_at <= sa.bindparam("now", type_=agreement_proposal.c.agreed_at.type),
)
_NEWCOMERS = sa.select(agreement_party.c.agency_id, agreement_party.c.joined_at).where(
    agreement_party.c.agreement_id == _ID, ~agreement_party.c.in_text
)
_TEXTS = sa.select(
    *(agreement_version.c[name] for name in ("id", "no", "terms", "is_recorded", "frozen_at")),
    sa.select(sa.func.min(agreement_signature.c.signed_on, type_=agreement_signature.c.signed_on.type))
    .where(agreement_signature.c.version_id == agreement_version.c.id)
    .correlate(agreement_version)
    .scalar_subquery()
    .label("first_hand_on"),
)
_TEXT = _TEXTS.where(agreement_version.c.id == _VERSION)
_UNSIGNED = (
    _TEXTS.outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
    .where(
        agreement_version.c.agreement_id == _ID,
        sa.or_(is_executed_text(), sa.and_(agreement_amendment.c.is_paper, agreement_amendment.c.closed_at.is_(None))),
        ~sa.select(sa.literal(1))
        .where(
            agreement_signature.c.version_id == agreement_version.c.id,
            agreement_signature.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
        )
        .correlate(agreement_version)
        .exists(),
    )
    .order_by(agreement_version.c.no)
)


class LetIn(Struct, kw_only=True, frozen=True):
    """When all who are bound had consented to a newcomer, when a text that is open to accession let it in, and since
    when it is bound."""

    by_all_at: datetime | None = None
    by_text_at: datetime | None = None
    joined_at: datetime | None = None

    @property
    def by_text_alone(self) -> bool:
        """Whether nobody was asked of it."""
        return self.by_all_at is None and self.by_text_at is not None


class OpenSince(Struct, kw_only=True, frozen=True):
    """From when the newcomer's hand to a text counts at the earliest; else why it may put none there."""

    at: datetime | None
    bar: str | None = None


async def let_in(read: Read, agreement_id: UUID, now: datetime) -> dict[UUID, LetIn]:
    """Of the parties that the text does not name, how each came."""
    found = {row.agency_id: LetIn(joined_at=row.joined_at) for row in await read.all(_NEWCOMERS, {"id": agreement_id})}
    if not found:
        return found
    for row in await read.all(_LET_IN, {"id": agreement_id, "now": now}):
        for agency_id in newcomers_of(row):
            if agency_id in found:
                name = "by_all_at" if row.asked_all else "by_text_at"
                at = earliest(getattr(found[agency_id], name), row.agreed_at)
                found[agency_id] = msgspec.structs.replace(found[agency_id], **{name: at})
    return found


async def open_since(
    read: Read, agreement_id: UUID, version_id: UUID, agency_id: UUID, time_zone: str, now: datetime
) -> OpenSince:
    """Whether the text is open to the party, and since when; `at` is None for whom the agreement's text names."""
    its = (await let_in(read, agreement_id, now)).get(agency_id)
    if its is None or (its.by_all_at is None and its.by_text_at is None):
        return OpenSince(at=None)
    text = await read.first(_TEXT, {"version_id": version_id})
    assert text is not None
    return since(its, text, time_zone)


async def nothing_open_to(read: Read, row: Any, agency_id: UUID, now: datetime) -> str | None:
    """Why a newcomer signs and confirms nothing, where of what it has not signed no text is open to it.

    Its hand counts from its being let in at the earliest, so a text that the others had given up by then is none.
    """
    its = (await let_in(read, row.id, now)).get(agency_id)
    if its is None or (its.by_all_at is None and its.by_text_at is None):
        return None
    bars = []
    for text in await read.all(_UNSIGNED, {"id": row.id, "agency_id": agency_id}):
        its_text = since(its, text, row.time_zone)
        bar = its_text.bar
        if its_text.at is not None:
            bar = await given_up(read, row, text.id, its_text.at)
        if bar is None:
            return None
        bars.append(bar)
    return bars[-1] if bars else None


def since(its: LetIn, text: Any, time_zone: str) -> OpenSince:
    """As `open_since`, of a row of the text.

    Who came in by a text's own clause may sign what is open by its clause too, and what was made once it was bound, for
    whoever signed that knew of it. Another text binds parties that nobody asked.
    """
    is_open = bool(msgspec.json.decode(text.terms, type=Terms).open_to_accession)
    if is_open or _made_with_it(its, text, time_zone):
        return OpenSince(at=earliest(its.by_all_at, its.by_text_at))
    if its.by_all_at is not None:
        return OpenSince(at=its.by_all_at)
    return OpenSince(at=None, bar=closed_to_newcomer(text.no))


def _made_with_it(its: LetIn, text: Any, time_zone: str) -> bool:
    if its.joined_at is None:
        return False
    if not text.is_recorded:
        return text.frozen_at is not None and bool(text.frozen_at >= its.joined_at)
    first_hand = text.first_hand_on
    return first_hand is not None and day_starts_at(first_hand, ZoneInfo(time_zone)) >= its.joined_at


def closed_to_newcomer(version_no: int) -> str:
    """Why an agency that came in by another text's clause does not sign this one."""
    return (
        f"Version {version_no} does not say that others may join it, and the agency was let in by a text that does, "
        "without the consent of each party that this one binds: it signs that text. This one is open to it once each "
        "party that is bound has consented; one of them proposes that by adding it anew."
    )
