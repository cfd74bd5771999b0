"""When an agreement ends, as the reader is told: the stored answer of `instruments.ends`, for one and for lists."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.visibility import shared_with
from registry.agreements.instruments.tables import agreement, agreement_party

_VIEWER = sa.bindparam("viewer", type_=agreement_party.c.agency_id.type)
_NOW = sa.bindparam("now", type_=agreement.c.over_at.type)


def end_told(row: Row[Any], own: Row[Any] | None, now: datetime, *, whole: bool) -> datetime | None:
    """When the agreement of that row ends to a party, of which `own` is the row, or to others; None is never.

    `whole`: to whom all is told. Others are told ahead what anybody may know, and once it is over that it is.
    """
    over_at: datetime | None = row.over_at
    if not whole:
        told: datetime | None = row.public_over_at
        return over_at if over_at is not None and over_at <= now else told
    return over_at if own is None or own.over_at is None else own.over_at


def ends_on_told(*, administrator: bool) -> sa.ColumnElement[date]:
    """The last day before `end_told` in SQL, to the agency in the bind `viewer` at the bind `now`."""
    own = agreement_party.alias("own_end")
    its = (
        sa.select(own.c.ends_on)
        .where(own.c.agreement_id == agreement.c.id, own.c.agency_id == _VIEWER)
        .correlate(agreement)
        .scalar_subquery()
    )
    whole: sa.ColumnElement[date] = sa.func.coalesce(its, agreement.c.ends_on, type_=agreement.c.ends_on.type)
    if administrator:
        return whole
    others = sa.case((agreement.c.over_at <= _NOW, agreement.c.ends_on), else_=agreement.c.public_ends_on)
    return sa.case((shared_with(), whole), else_=others)
