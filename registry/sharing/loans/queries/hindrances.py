"""Criteria: reserved loans that cannot come as it stands at `now`, and why."""

from typing import Any

import sqlalchemy as sa

from registry.agreements.instruments.queries.in_force import covers_loan
from registry.resources.allocations.queries import lacking_for_loan
from registry.resources.assets.rules import ServiceStatus, Sharing
from registry.resources.assets.tables import asset
from registry.sharing.loans.hindrances import Hindrance
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.loans.tables import loan

_NOW = sa.bindparam("now", type_=loan.c.starts_at.type)
_RESERVED = loan.c.status == LoanStatus.RESERVED.value
_FROM_NOW = sa.case((loan.c.starts_at > _NOW, loan.c.starts_at), else_=_NOW)


def _its_asset(criterion: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    its = sa.select(sa.literal(1)).where(asset.c.id == loan.c.asset_id, criterion)
    return its.correlate(loan).exists()


def asset_unavailable(start: sa.ColumnElement[Any] = loan.c.starts_at) -> sa.ColumnElement[bool]:
    """Reserved, and the asset is out of service, or cannot be had for some of the loan's time from `start` on."""
    out_of_service = asset.c.service_status != ServiceStatus.IN_SERVICE.value
    return sa.and_(_RESERVED, _its_asset(sa.or_(out_of_service, lacking_for_loan(loan, asset.c.capacity, start))))


def hindrance() -> sa.ColumnElement[str | None]:
    """An expression: the gravest hindrance of a reserved loan; NULL where nothing keeps it from coming."""
    not_covered = sa.or_(_its_asset(asset.c.sharing == Sharing.PRIVATE.value), sa.not_(covers_loan(loan, _NOW)))
    return sa.case(
        (sa.not_(_RESERVED), sa.null()),
        (loan.c.planned_end_at <= _NOW, sa.literal_column(f"'{Hindrance.TIME_OVER}'", sa.Text)),
        (asset_unavailable(_FROM_NOW), sa.literal_column(f"'{Hindrance.ASSET_UNAVAILABLE}'", sa.Text)),
        (not_covered, sa.literal_column(f"'{Hindrance.NOT_COVERED}'", sa.Text)),
        else_=sa.null(),
    )
