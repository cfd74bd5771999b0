"""Criteria: reserved loans that cannot come as it stands at `now`, and why."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from registry.agreements.instruments.queries.in_force import covers_loan
from registry.resources.allocations.queries import fewer_than_promised, lacking_for_loan, out_past_its_end
from registry.resources.assets.rules import ServiceStatus, Sharing
from registry.resources.assets.tables import asset
from registry.sharing.loans.hindrances import Hindrance
from registry.sharing.loans.rules import SOON, LoanStatus
from registry.sharing.loans.tables import loan

_NOW = sa.bindparam("now", type_=loan.c.starts_at.type)
_SOON = sa.bindparam("soon", type_=loan.c.starts_at.type)
_RESERVED = loan.c.status == LoanStatus.RESERVED.value
_FROM_NOW = sa.case((loan.c.starts_at > _NOW, loan.c.starts_at), else_=_NOW)


def moment(now: datetime) -> dict[str, object]:
    """The parameters of these criteria. What others have past their time hinders what is to leave within `SOON`."""
    return {"now": now, "soon": now + SOON}


def _its_asset(criterion: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    its = sa.select(sa.literal(1)).where(asset.c.id == loan.c.asset_id, criterion)
    return its.correlate(loan).exists()


def _unavailable(start: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    out_of_service = asset.c.service_status != ServiceStatus.IN_SERVICE.value
    return _its_asset(sa.or_(out_of_service, lacking_for_loan(loan, asset.c.capacity, start)))


def _too_few(start: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return _its_asset(fewer_than_promised(loan, asset.c.capacity, start))


def _still_out(start: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(loan.c.starts_at <= _SOON, _its_asset(out_past_its_end(loan, asset.c.capacity, start)))


def asset_unavailable() -> sa.ColumnElement[bool]:
    """Reserved, and the asset is out of service, or not as many as were promised can be had for all of its time."""
    start = loan.c.starts_at
    return sa.and_(_RESERVED, sa.or_(_unavailable(start), _too_few(_FROM_NOW), _still_out(_FROM_NOW)))


def hindrance() -> sa.ColumnElement[str | None]:
    """An expression: the gravest hindrance of a reserved loan; NULL where nothing keeps it from coming."""
    not_covered = sa.or_(_its_asset(asset.c.sharing == Sharing.PRIVATE.value), sa.not_(covers_loan(loan, _FROM_NOW)))
    criteria = {
        Hindrance.TIME_OVER: loan.c.planned_end_at <= _NOW,
        Hindrance.ASSET_UNAVAILABLE: _unavailable(_FROM_NOW),
        Hindrance.TOO_FEW: _too_few(_FROM_NOW),
        Hindrance.STILL_OUT: _still_out(_FROM_NOW),
        Hindrance.NOT_COVERED: not_covered,
    }
    return sa.case(
        (sa.not_(_RESERVED), sa.null()),
        *((criterion, sa.literal_column(f"'{each}'", sa.Text)) for each, criterion in criteria.items()),
        else_=sa.null(),
    )
