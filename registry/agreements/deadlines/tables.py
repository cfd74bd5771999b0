"""Periodic reviews, and how long each party asks that the record of an agreement is kept."""

import sqlalchemy as sa

from registry.agreements.deadlines.rules import ReviewOutcome
from registry.platform.database.types import Civil, Instant, Uuid, one_of, table

agreement_periodic_review = table(
    "agreement_periodic_review",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("reviewed_on", Civil, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    one_of("outcome", ReviewOutcome),
    sa.Index("ix_agreement_periodic_review_agreement_id", "agreement_id", "reviewed_on", "id"),
)

agreement_retention = table(
    "agreement_retention",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("years", sa.Integer, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("years BETWEEN 0 AND 100", name="years"),
)
"""What each party asks for, by its own schedule; the longest counts."""
