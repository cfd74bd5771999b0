"""By which day agreements are to be reviewed."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.deadlines.falling_due import next_review_on
from registry.agreements.deadlines.queries.records import last_review
from registry.agreements.deadlines.tables import agreement_periodic_review
from registry.agreements.duties.queries import FIRST_EFFECTIVE_ON
from registry.agreements.instruments.tables import agreement
from registry.platform.database.handles import Read

_REVIEWS = sa.select(
    agreement.c.id,
    agreement.c.review_every_months,
    agreement.c.time_zone,
    sa.func.coalesce(FIRST_EFFECTIVE_ON, agreement.c.effective_on).label("first_effective_on"),
    last_review(agreement_periodic_review.c.reviewed_on).label("reviewed_on"),
).where(
    agreement.c.id.in_(sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)),
    agreement.c.review_every_months.is_not(None),
)


class ReviewDue(Struct, kw_only=True, frozen=True):
    """The last day for a review, and where the agreement says what day it is."""

    on: date
    time_zone: str


async def reviews_due(read: Read, ids: Collection[UUID]) -> dict[UUID, ReviewDue]:
    """By which day each of these agreements is to be reviewed; those without a cycle are not among them."""
    if not ids:
        return {}
    return {
        row.id: ReviewDue(
            on=next_review_on(row.review_every_months, row.reviewed_on or row.first_effective_on),
            time_zone=row.time_zone,
        )
        for row in await read.all(_REVIEWS, {"ids": sorted(ids)})
    }
