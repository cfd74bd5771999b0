"""`told.status_then` in SQL, for lists that filter by it, and for what binds two agencies."""

from typing import Any

import sqlalchemy as sa

from registry.agreements.instruments.consent_tables import agreement_pending, agreement_pending_window
from registry.agreements.instruments.queries.in_force import OPEN_END, is_superseded, text_shown_to_others_at
from registry.agreements.instruments.queries.visibility import gone_at
from registry.agreements.instruments.rules import DerivedStatus
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party,
    agreement_suspension,
    agreement_version_dates,
)
from registry.agreements.instruments.told import BINDS

_NOW = sa.bindparam("now", type_=agreement.c.starts_at.type)
_S = DerivedStatus


def status_then(status_now: sa.ColumnElement[str], at: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """What others than the parties are told of `at`, which is after the bind `now`, at which it has that status."""
    today = sa.select(status_now.label("status")).correlate(agreement).subquery("today")  # said once: it is long
    status = today.c.status
    pending = agreement_pending
    its = pending.c.agreement_id == agreement.c.id, pending.c.takes_effect_at > _NOW
    reported = sa.select(sa.literal(1)).where(*its).correlate(agreement).exists()

    def known(name: str, otherwise: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        kept = sa.select(pending.c[name]).where(*its).correlate(agreement).scalar_subquery()
        return sa.case((reported, kept), else_=otherwise)

    ended_at = known("ended_at", agreement.c.terminated_at)
    starts_at, ends_at = (_of_text(name, at) for name in ("starts_at", "ends_at"))
    begins = sa.or_(
        sa.and_(status == _S.NOT_YET_EFFECTIVE.value, agreement.c.starts_at > _NOW, agreement.c.starts_at <= at),
        sa.and_(status == _S.EXPIRED.value, starts_at > _NOW, starts_at <= at),
        sa.and_(status == _S.SUSPENDED.value, _suspended(reported, _NOW)),
    )
    then = sa.case(
        (ended_at <= at, sa.case((known("is_superseded", is_superseded()), "superseded"), else_="terminated")),
        (ends_at <= at, _S.EXPIRED.value),
        (_suspended(reported, at), _S.SUSPENDED.value),
        (sa.not_(sa.or_(status.in_(BINDS), begins)), status),
        (known("alone_at", _alone_at()) <= at, _S.LAPSED.value),
        else_=_S.IN_FORCE.value,
    )
    return sa.select(then).select_from(today).correlate(agreement).scalar_subquery()


def _of_text(name: str, at: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """That day of the text which others read of the instant."""
    dates = agreement_version_dates.alias("dates_told")
    its = sa.select(dates.c[name]).where(dates.c.version_id == text_shown_to_others_at(at))
    return its.correlate(agreement).scalar_subquery()


def _suspended(reported: sa.ColumnElement[bool], at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether the whole is suspended then."""
    kept, written = agreement_pending_window, agreement_suspension
    there = (
        sa.select(sa.literal(1))
        .where(its.c.agreement_id == agreement.c.id, its.c.starts_at <= at, its.c.ends_at > at, *which)
        .correlate(agreement)
        .exists()
        for its, which in ((kept, (kept.c.kind == "suspension",)), (written, ()))
    )
    return sa.case((reported, next(there)), else_=next(there))


def _alone_at() -> sa.ScalarSelect[Any]:
    """`told.alone_at` in SQL; `OPEN_END` where two stay."""
    party = agreement_party.alias("staying")
    gone = gone_at(party, OPEN_END)
    its = sa.select(gone).where(party.c.agreement_id == agreement.c.id, party.c.joined_at.is_not(None))
    return its.correlate(agreement).order_by(gone.desc()).limit(1).offset(1).scalar_subquery()
