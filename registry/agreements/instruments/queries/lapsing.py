"""Which proposals have come to nothing by the course of time, though nobody has closed them yet."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import AGREED_ENDS, ENDS_IT, OF_ONE, Lapse, ProposalKind, lapse_of
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.tables import agreement

_proposal = agreement_proposal
_its, _next = agreement.alias("of_proposal"), agreement.alias("named_successor")
_INSTANT = agreement.c.starts_at.type


def with_ends(statement: sa.Select[Any]) -> sa.Select[Any]:
    """The statement of proposals with the ends that they do not outlive, as `lapse` reads them."""
    return (
        statement.join(_its, _its.c.id == _proposal.c.agreement_id)
        .outerjoin(_next, _next.c.id == _proposal.c.successor_id)
        .add_columns(_its.c.over_at, _its.c.over_by, _next.c.over_at.label("successor_over_at"))
    )


def lapse(row: Row[Any]) -> Lapse | None:
    """When the proposal of a row `with_ends` comes to nothing by itself; None where it does not."""
    return lapse_of(
        ProposalKind(row.kind),
        recorded=is_recorded(row),
        over_at=row.over_at,
        over_by=row.over_by,
        successor_over_at=row.successor_over_at,
    )


def is_recorded(row: Row[Any]) -> bool:
    """Whether the proposal records what happened on paper already."""
    return row.evidence_sha256 is not None or row.evidence_location is not None


def outlives() -> sa.ColumnElement[bool]:
    """`lapse_of` in SQL, at the bind `now`: proposals that wait for consents, and have not come to nothing by it."""
    now = sa.bindparam("now", type_=_INSTANT)
    ends = (
        sa.select(sa.literal(1))
        .where(
            sa.or_(
                sa.and_(
                    _its.c.id == _proposal.c.agreement_id,
                    sa.or_(
                        _proposal.c.kind.not_in(ENDS_IT), _its.c.over_by.is_(None), _its.c.over_by.not_in(AGREED_ENDS)
                    ),
                ),
                _its.c.id == _proposal.c.successor_id,
            ),
            _its.c.over_at <= now,
        )
        .correlate(_proposal)
        .exists()
    )
    return sa.or_(
        _proposal.c.kind.in_(OF_ONE),
        _proposal.c.evidence_sha256.is_not(None),
        _proposal.c.evidence_location.is_not(None),
        _proposal.c.agreed_at.is_not(None),
        ~ends,
    )


def expired(row: Row[Any], now: datetime) -> str | None:
    """Why nothing is proposed of the days to come; what was done before is recorded with its day and evidence.

    `row` is the agreement's: a proposal would not outlive its end, see `lapse_of`.
    """
    if row.over_at is None or now < row.over_at:
        return None
    why = "has expired" if row.over_by == "expiry" else "has ended, since no two parties are bound any more"
    return f"The agreement {why}. What was done before that is recorded with its day and its evidence."
