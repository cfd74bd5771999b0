"""Which proposals have come to nothing by the course of time, though nobody has closed them yet."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import Lapse, ProposalKind, lapse_of
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.tables import agreement
from registry.platform.kernel.intervals import earliest

_proposal = agreement_proposal
_its, _next = agreement.alias("of_proposal"), agreement.alias("named_successor")
_INSTANT = agreement.c.starts_at.type


def with_ends(statement: sa.Select[Any]) -> sa.Select[Any]:
    """The statement of proposals with the ends that they do not outlive, as `lapse` reads them."""
    return (
        statement.join(_its, _its.c.id == _proposal.c.agreement_id)
        .outerjoin(_next, _next.c.id == _proposal.c.successor_id)
        .add_columns(
            _its.c.ends_at.label("expires_at"),
            _next.c.ends_at.label("successor_expires_at"),
            _next.c.terminated_at.label("successor_terminated_at"),
        )
    )


def lapse(row: Row[Any]) -> Lapse | None:
    """When the proposal of a row `with_ends` comes to nothing by itself; None where it does not."""
    return lapse_of(
        ProposalKind(row.kind),
        recorded=is_recorded(row),
        expires_at=row.expires_at,
        successor_ends_at=earliest(row.successor_expires_at, row.successor_terminated_at),
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
                sa.and_(_its.c.id == _proposal.c.agreement_id, _its.c.ends_at <= now),
                sa.and_(
                    _its.c.id == _proposal.c.successor_id, sa.or_(_its.c.ends_at <= now, _its.c.terminated_at <= now)
                ),
            )
        )
        .correlate(_proposal)
        .exists()
    )
    return sa.or_(
        _proposal.c.kind == ProposalKind.DEPARTURE,
        _proposal.c.evidence_sha256.is_not(None),
        _proposal.c.evidence_location.is_not(None),
        _proposal.c.agreed_at.is_not(None),
        ~ends,
    )


def expired(ends_at: datetime | None, now: datetime) -> str | None:
    """Why nothing is proposed of the days to come; what was done before is recorded with its day and evidence."""
    if ends_at is None or now < ends_at:
        return None
    return "The agreement has expired. What was done before that is recorded with its day and its evidence."
