"""Engagements, the agencies invited to each, who of them was credited with training, and corrective actions."""

import sqlalchemy as sa

from registry.outcomes.engagements.rules import (
    CorrectiveActionStatus,
    EngagementKind,
    EngagementStatus,
    ExerciseType,
    InvitationStatus,
)
from registry.platform.database.types import Civil, Instant, Json, Uuid, one_of, table, unique

engagement = table(
    "engagement",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("host_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("exercise_type", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("summary", sa.Text),
    sa.Column("place", sa.Text),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("objectives", Json, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("participation", Json, nullable=False),
    sa.Column("surveys", Json, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("cancelled_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("kind", EngagementKind),
    one_of("exercise_type", ExerciseType),
    one_of("status", EngagementStatus),
    sa.CheckConstraint("(kind = 'exercise') = (exercise_type IS NOT NULL)", name="exercise"),
    sa.CheckConstraint("(status = 'cancelled') = (cancelled_reason IS NOT NULL)", name="cancelled"),
    sa.CheckConstraint("starts_at < ends_at", name="window"),
    sa.Index("ix_engagement_host_agency_id", "host_agency_id", "id"),
    sa.Index("ix_engagement_agreement_id", "agreement_id", "id"),
    sa.Index("ix_engagement_public", "public", "starts_at", "id"),
)
"""`objectives` are those of an exercise, each with its rating once it has one; `participation` counts people."""

engagement_invitation = table(
    "engagement_invitation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("engagement_id", Uuid, sa.ForeignKey("engagement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("invited_at", Instant, nullable=False),
    sa.Column("answered_at", Instant),
    sa.Column("reason", sa.Text),
    one_of("status", InvitationStatus),
    unique("engagement_id", "agency_id", code="invited_already", detail="That agency is invited already."),
    sa.CheckConstraint("(status = 'invited') = (answered_at IS NULL)", name="answered"),
    sa.Index("ix_engagement_invitation_agency_id", "agency_id", "engagement_id"),
)

engagement_credit = table(
    "engagement_credit",
    sa.Column("engagement_id", Uuid, sa.ForeignKey("engagement.id"), primary_key=True),
    sa.Column("personnel_id", Uuid, sa.ForeignKey("personnel_record.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("credited_at", Instant, nullable=False),
    sa.Index("ix_engagement_credit_agency_id", "agency_id", "engagement_id"),
)
"""Who was credited, for the person's own agency alone; others are told nothing of it."""

corrective_action = table(
    "corrective_action",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("engagement_id", Uuid, sa.ForeignKey("engagement.id"), nullable=False),
    sa.Column("owner_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("observation", sa.Text),
    sa.Column("core_capability", sa.Text),
    sa.Column("objective_no", sa.Integer),
    sa.Column("due_on", Civil, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("statement", sa.Text),
    sa.Column("evidence_sha256", Json, nullable=False),
    sa.Column("completed_at", Instant),
    sa.Column("reopened_reason", sa.Text),
    sa.Column("closed_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("status", CorrectiveActionStatus),
    sa.CheckConstraint("(status = 'open') = (completed_at IS NULL)", name="completed"),
    sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed"),
    sa.Index("ix_corrective_action_engagement_id", "engagement_id", "id"),
    sa.Index("ix_corrective_action_owner", "owner_agency_id", "status", "due_at", "id"),
)
"""`due_at` is when the day `due_on` is over by the engagement's time zone."""
