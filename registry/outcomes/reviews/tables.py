"""Outcome reviews with what they froze, and what each party decided."""

import sqlalchemy as sa

from registry.agreements.deadlines.rules import ReviewOutcome
from registry.outcomes.reviews.rules import OutcomeReviewStatus
from registry.platform.database.types import Civil, Instant, Json, Uuid, one_of, table, unique_where

outcome_review = table(
    "outcome_review",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("previous_id", Uuid, sa.ForeignKey("outcome_review.id")),
    sa.Column("due_on", Civil),
    sa.Column("scorecard", Json, nullable=False),
    sa.Column("objectives", Json, nullable=False),
    sa.Column("new_versions", Json, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reviewed_on", Civil),
    sa.Column("outcome", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("periodic_review_id", Uuid, sa.ForeignKey("agreement_periodic_review.id")),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("status", OutcomeReviewStatus),
    one_of("outcome", ReviewOutcome),
    sa.CheckConstraint("(status = 'completed') = (outcome IS NOT NULL)", name="completed"),
    sa.Index("ix_outcome_review_agreement_id", "agreement_id", "id"),
    sa.Index("ix_outcome_review_updated_at", "agreement_id", "updated_at", "id"),
    unique_where(
        "uq_outcome_review_open",
        "agreement_id",
        sqlite="status = 'open'",
        postgresql="status = 'open'",
        code="review_open",
        detail="A review of the agreement is open already.",
    ),
)
"""`scorecard`, `objectives` and `new_versions` are as they were answered to the agency that opened it, and stay so."""

outcome_review_decision = table(
    "outcome_review_decision",
    sa.Column("review_id", Uuid, sa.ForeignKey(outcome_review.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("decided_at", Instant, nullable=False),
    one_of("outcome", ReviewOutcome),
)
