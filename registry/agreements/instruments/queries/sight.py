"""Which agreements and comments an agency may know of now, asked of many at once: for the feed of events."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.queries.comments import told_of_comment
from registry.agreements.instruments.queries.visibility import closed_to, keeps, known_to, legible_to_parties
from registry.agreements.instruments.review_tables import agreement_comment
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.platform.database.handles import Read
from registry.platform.ledger.feed import FeedReader

_IDS = sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)


@cache
def _agreements(*, administrator: bool) -> sa.Select[Any]:
    return sa.select(agreement.c.id).where(agreement.c.id.in_(_IDS), known_to(administrator=administrator))


@cache
def _comments() -> sa.Select[Any]:
    opening = agreement_comment.alias("opening")
    return (
        sa.select(agreement_comment.c.id)
        .join(opening, opening.c.id == agreement_comment.c.thread_id)
        .join(agreement, agreement.c.id == agreement_comment.c.agreement_id)
        .join(agreement_version, agreement_version.c.id == agreement_comment.c.version_id)
        .where(
            agreement_comment.c.id.in_(_IDS),
            sa.or_(legible_to_parties(), keeps()),
            ~closed_to(),
            told_of_comment(opening),
        )
    )


async def agreements_seen(read: Read, reader: FeedReader, ids: Collection[UUID], _now: datetime) -> Collection[UUID]:
    """Those of the agreements that the reader's agency sees, or of which it has signed a text."""
    statement = _agreements(administrator=reader.administrator)
    rows = await read.all(statement, {"ids": sorted(ids), "viewer": reader.agency_id})
    return [row.id for row in rows]


async def comments_seen(read: Read, reader: FeedReader, ids: Collection[UUID], _now: datetime) -> Collection[UUID]:
    """Those of the comments that reach the reader's agency."""
    rows = await read.all(_comments(), {"ids": sorted(ids), "viewer": reader.agency_id})
    return [row.id for row in rows]
