"""Objectives of agreements, and what was measured of each. A measurement is corrected by another, never changed."""

import sqlalchemy as sa

from registry.outcomes.objectives.rules import ObjectiveDirection, ObjectiveMetric
from registry.platform.database.types import Civil, Instant, Uuid, one_of, table, unique

agreement_objective = table(
    "agreement_objective",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("measured_in", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("baseline", sa.Double),
    sa.Column("target", sa.Double, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("set_on", Civil, nullable=False),
    sa.Column("due_on", Civil, nullable=False),
    sa.Column("metric", sa.Text),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("direction", ObjectiveDirection),
    one_of("metric", ObjectiveMetric),
    sa.CheckConstraint("weight BETWEEN 1 AND 100", name="weight"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawn"),
    sa.Index("ix_agreement_objective_agreement_id", "agreement_id", "id"),
    sa.Index("ix_agreement_objective_updated_at", "agreement_id", "updated_at", "id"),
)
"""`set_on` is the day on which it was set, by the agreement's time zone."""

objective_measurement = table(
    "objective_measurement",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("objective_id", Uuid, sa.ForeignKey("agreement_objective.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("measured_on", Civil, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("corrects_id", Uuid, sa.ForeignKey("objective_measurement.id")),
    sa.Column("correction_reason", sa.Text),
    sa.Column("contested_by", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("contested_at", Instant),
    sa.Column("contested_reason", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    unique("corrects_id", code="corrected_already", detail="Somebody corrected that measurement at the same moment."),
    sa.CheckConstraint("(corrects_id IS NULL) = (correction_reason IS NULL)", name="correction"),
    sa.CheckConstraint(
        "(contested_by IS NULL) = (contested_at IS NULL) AND (contested_by IS NULL) = (contested_reason IS NULL)",
        name="contested",
    ),
    sa.Index("ix_objective_measurement_objective_id", "objective_id", "id"),
)
