"""What the parties ask for of how long the record of an agreement is kept, for the row of the agreement."""

from typing import Any

import sqlalchemy as sa

from registry.agreements.deadlines.tables import agreement_retention
from registry.agreements.instruments.queries.visibility import told_of_act
from registry.agreements.instruments.tables import agreement, agreement_party


def asked_the_most(column: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """Of the party that asks that the record is kept the longest; of several the first that did."""
    return (
        sa.select(column)
        .where(agreement_retention.c.agreement_id == agreement.c.id)
        .order_by(agreement_retention.c.years.desc(), agreement_retention.c.set_at, agreement_retention.c.agency_id)
        .limit(1)
        .correlate(agreement)
        .scalar_subquery()
    )


def basis_told() -> sa.ColumnElement[Any]:
    """By which schedule it asks, where that reaches the agency in the bind `viewer`."""
    return sa.case((told_of_act(agreement_retention, agreement_retention.c.set_at), agreement_retention.c.basis))


def has_not_said() -> sa.ColumnElement[bool]:
    """Somebody who is or was bound by the agreement never said how long it asks that the record is kept."""
    return (
        sa.select(sa.literal(1))
        .where(agreement_party.c.agreement_id == agreement.c.id, unsaid_by())
        .correlate(agreement)
        .exists()
    )


def unsaid_by() -> sa.ColumnElement[bool]:
    """Parties that are or were bound and never said so: they may rely on what others said."""
    said = sa.select(sa.literal(1)).where(
        agreement_retention.c.agreement_id == agreement_party.c.agreement_id,
        agreement_retention.c.agency_id == agreement_party.c.agency_id,
    )
    return sa.and_(agreement_party.c.joined_at.is_not(None), ~said.correlate(agreement_party).exists())
