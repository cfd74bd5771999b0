"""Obligations of loans, each with the deadline that follows from its loan's times."""

from typing import get_args

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique
from registry.sharing.obligations.rules import STORED
from registry.sharing.policy.decisions import Due, Side

obligation = table(
    "obligation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("loan_id", Uuid, sa.ForeignKey("loan.id"), nullable=False),
    sa.Column("request_id", Uuid, sa.ForeignKey("request.id")),
    sa.Column("line_no", sa.Integer),
    sa.Column("incident_number", sa.Text),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("asset_name", sa.Text, nullable=False),
    sa.Column("owing_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("owed_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("owed_by", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("citation", sa.Text),
    sa.Column("clause", sa.Text),
    sa.Column("policy_id", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("due", sa.Text, nullable=False),
    sa.Column("within_hours", sa.Integer),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("reminder", sa.Boolean, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("begins_at", Instant),
    sa.Column("breached_at", Instant),
    sa.Column("occurred_at", Instant),
    sa.Column("statement", sa.Text),
    sa.Column("evidence_sha256", Json, nullable=False),
    sa.Column("contested_reason", sa.Text),
    sa.Column("contested_at", Instant),
    sa.Column("waived_reason", sa.Text),
    sa.Column("closed_by", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("closed_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("owed_by", get_args(Side)),
    one_of("due", get_args(Due)),
    one_of("status", STORED),
    unique("loan_id", "layer", "policy_id", code="obligation_twice", detail="The loan has this obligation already."),
    sa.CheckConstraint("owing_agency_id <> owed_agency_id", name="two_sides"),
    sa.CheckConstraint("(status = 'pending') = (closed_at IS NULL)", name="closed"),
    sa.CheckConstraint("(status = 'waived') = (waived_reason IS NOT NULL)", name="waived"),
    sa.CheckConstraint("status NOT IN ('met', 'contested') OR occurred_at IS NOT NULL", name="met"),
    sa.CheckConstraint("status <> 'contested' OR contested_reason IS NOT NULL", name="contested"),
    sa.Index("ix_obligation_owing", "owing_agency_id", "id"),
    sa.Index("ix_obligation_owed", "owed_agency_id", "id"),
    sa.Index("ix_obligation_owing_due", "owing_agency_id", "status", "due_at", "id"),
    sa.Index("ix_obligation_owed_due", "owed_agency_id", "status", "due_at", "id"),
    sa.Index("ix_obligation_agreement_id", "agreement_id", "id"),
    sa.Index("ix_obligation_due", "status", "due_at", "id"),
)
"""`closed_by` is NULL where a step of the loan closed it, and not a person's own act.

`due_at` and `reminder` follow from the loan's times; the commands of loans write them anew with every step.
`begins_at` is when that came of which it speaks, NULL until then. `contested_reason` and `contested_at` are of
the last contest, and stay when that is settled.
`asset_name` is as it was lent. `breached_at` is the last deadline that passed and of which both sides were told.
"""
