"""The executed versions of an agreement and the dates that follow from them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.in_force import AgreementDates, AmendedText, Interval, Renewal
from registry.agreements.queries.in_force import end_of
from registry.agreements.tables import (
    agreement,
    agreement_amendment,
    agreement_force_window,
    agreement_notice_window,
    agreement_suspension,
    agreement_version,
    agreement_version_dates,
)
from registry.database.handles import Read

_ID = sa.bindparam("id", type_=agreement.c.id.type)


def original_no() -> sa.ScalarSelect[int]:
    """The number of the original text of the agreement `id`: of its drafts the last."""
    drafts, its = agreement_version.alias("drafts"), agreement_version_dates.alias("of_drafts")
    return (
        sa.select(sa.func.max(drafts.c.no))
        .join(its, its.c.version_id == drafts.c.id)
        .where(drafts.c.agreement_id == _ID, its.c.kind == "original")
        .scalar_subquery()
    )


_TEXTS = (
    sa.select(
        agreement_version.c.id.label("version_id"),
        agreement_version.c.no,
        agreement_version.c.terms,
        *(
            agreement_version_dates.c[name]
            for name in (
                *("kind", "effective_on", "expires_on", "starts_at", "ends_at"),
                *("notice_days", "auto_renew_months", "auto_renew_times"),
            )
        ),
        agreement_amendment.c.executed_at,
    )
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
    .where(
        agreement_version.c.agreement_id == _ID,
        sa.or_(agreement_version.c.no == original_no(), agreement_amendment.c.executed_at.is_not(None)),
    )
    .order_by(agreement_version.c.no)
)
_SUSPENSIONS = (
    sa.select(agreement_suspension.c.starts_at, agreement_suspension.c.ends_at)
    .where(agreement_suspension.c.agreement_id == _ID)
    .order_by(agreement_suspension.c.starts_at)
)
_FORCE = (
    sa.select(agreement_force_window.c.starts_at, agreement_force_window.c.ends_at)
    .where(agreement_force_window.c.agreement_id == _ID)
    .order_by(agreement_force_window.c.starts_at)
)
_NOTICE = (
    sa.select(
        agreement_notice_window.c.opens_at.label("starts_at"), agreement_notice_window.c.closes_at.label("ends_at")
    )
    .where(agreement_notice_window.c.agreement_id == _ID)
    .order_by(agreement_notice_window.c.opens_at)
)


async def executed_texts(read: Read, agreement_id: UUID) -> Sequence[Row[Any]]:
    """The original, executed or about to be, and every amendment that was executed, in order, each with its dates."""
    return await read.all(_TEXTS, {"id": agreement_id})


def dates_of(row: Row[Any], texts: Sequence[Row[Any]], suspensions: tuple[Interval, ...]) -> AgreementDates:
    """The dates that all parties share; `row` is the agreement's."""
    original, *amendments = texts
    return AgreementDates(
        executed_at=row.executed_at,
        starts_at=original.starts_at,
        ends_at=original.ends_at,
        amendments=tuple(
            AmendedText(executed_at=each.executed_at, starts_at=each.starts_at, ends_at=each.ends_at)
            for each in amendments
        ),
        ended_at=row.terminated_at,
        suspensions=suspensions,
    )


def renewal_of(text: Row[Any]) -> Renewal | None:
    """How a version's term goes on by itself, if it does."""
    return Renewal(months=text.auto_renew_months, times=text.auto_renew_times) if text.auto_renew_months else None


async def suspensions_of(read: Read, agreement_id: UUID) -> tuple[Interval, ...]:
    """The agreement's suspensions, in order."""
    return await _intervals(read, _SUSPENSIONS, agreement_id)


async def force_of(read: Read, agreement_id: UUID) -> tuple[Interval, ...]:
    """When at least two parties are bound."""
    return await _intervals(read, _FORCE, agreement_id)


async def notice_windows_of(read: Read, agreement_id: UUID) -> tuple[Interval, ...]:
    """When it has to be decided whether a term is renewed."""
    return await _intervals(read, _NOTICE, agreement_id)


async def _intervals(read: Read, statement: sa.Select[Any], agreement_id: UUID) -> tuple[Interval, ...]:
    rows = await read.all(statement, {"id": agreement_id})
    return tuple(Interval(start=row.starts_at, end=end_of(row.ends_at)) for row in rows)
