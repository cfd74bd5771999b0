"""Periodic reviews, retention set for one agreement, and legal holds."""

import sqlalchemy as sa

from registry.agreements.upkeep.rules import ReviewOutcome
from registry.database.types import Civil, Instant, Uuid, one_of, table

agreement_periodic_review = table(
    "agreement_periodic_review",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("reviewed_on", Civil, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("recorded_at", Instant, nullable=False),
    one_of("outcome", ReviewOutcome),
    sa.Index("ix_agreement_periodic_review_agreement_id", "agreement_id", "reviewed_on", "id"),
)

agreement_retention = table(
    "agreement_retention",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("years", sa.Integer, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("years BETWEEN 0 AND 100", name="years"),
)

agreement_hold = table(
    "agreement_hold",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("placed_at", Instant, nullable=False),
    sa.Column("lifted_at", Instant),
    sa.Column("lifted_authority", sa.Text),
    sa.Column("lifted_reason", sa.Text),
    sa.CheckConstraint(
        "(lifted_at IS NULL) = (lifted_reason IS NULL) AND (lifted_at IS NULL) = (lifted_authority IS NULL)",
        name="lifted",
    ),
    sa.Index("ix_agreement_hold_agreement_id", "agreement_id", "id"),
)
"""Several matters may hold one agreement: each is placed, and lifted, for itself."""
