"""What a text on its way waits for: reviewers before its approval, others' signatures before one's own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agencies.tables import agency
from registry.agreements.queries.signing import others_first, signing_of
from registry.agreements.review_tables import agreement_review_round, agreement_reviewer
from registry.agreements.reviews import ReviewVerdict, stands_in_the_way
from registry.agreements.rules import AgreementAction, Stage
from registry.agreements.schemas.signing import SigningRound
from registry.database.handles import Read
from registry.kernel.actions import AllowedAction, offer

_UNFINISHED = (
    sa.select(
        *(agreement_reviewer.c[name] for name in ("agency_id", "desk", "required", "verdict")),
        agency.c.name,
    )
    .join(agreement_review_round, agreement_review_round.c.id == agreement_reviewer.c.round_id)
    .join(agency, agency.c.id == agreement_reviewer.c.agency_id)
    .where(
        agreement_review_round.c.version_id
        == sa.bindparam("version_id", type_=agreement_review_round.c.version_id.type)
    )
    .order_by(agreement_reviewer.c.id)
)
_SAID = {ReviewVerdict.PENDING: "has not answered", ReviewVerdict.CHANGES_REQUESTED: "asked for changes"}


async def outstanding_reviews(read: Read, version_id: UUID) -> Sequence[Row[Any]]:
    """The reviewers because of whom the version cannot be approved, with their agencies' names."""
    return [
        row
        for row in await read.all(_UNFINISHED, {"version_id": version_id})
        if stands_in_the_way(required=row.required, verdict=ReviewVerdict(row.verdict))
    ]


def outstanding_words(rows: Sequence[Row[Any]]) -> str:
    """The outstanding reviews as a sentence."""
    named = [f"{row.desk} of {row.name} {_SAID[ReviewVerdict(row.verdict)]}" for row in rows]
    return f"The text waits for its reviewers: {'; '.join(named)}."


class Waiting(Struct, kw_only=True, frozen=True):
    """The round of signatures that is open, and why an action is withheld that the stage would allow."""

    signing: SigningRound | None = None
    bars: Mapping[str, str] = {}

    def held_back(self, offers: Sequence[AllowedAction]) -> list[AllowedAction]:
        """The offers, those withheld for which there is something to wait."""
        return [
            offer(each.action, withheld=self.bars[each.action]) if each.allowed and each.action in self.bars else each
            for each in offers
        ]


async def waiting_for(read: Read, agency_id: UUID, version_id: UUID, stage: Stage, now: datetime) -> Waiting:
    """What the version, at that stage of its way, waits for, as the agency sees it."""
    if stage is Stage.IN_REVIEW and (rows := await outstanding_reviews(read, version_id)):
        return Waiting(bars={AgreementAction.APPROVE: outstanding_words(rows)})
    if stage is Stage.OUT_FOR_SIGNATURE and (signing := await signing_of(read, version_id, now)) is not None:
        bar = await others_first(read, signing, agency_id)
        if agency_id in signing.signed:
            bar = "Your agency has signed this version already."
        return Waiting(signing=signing, bars={} if bar is None else {"sign": bar, "confirm": bar})
    return Waiting()
