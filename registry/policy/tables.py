"""Decisions with the whole input they rest on, and the approvals that some of them need."""

import sqlalchemy as sa

from registry.database.types import Instant, Json, Uuid, one_of, table, unique

policy_decision = table(
    "policy_decision",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("root_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("previous_id", Uuid, sa.ForeignKey("policy_decision.id")),
    sa.Column("action_at", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("agreement_version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("ask_digest", sa.Text, nullable=False),
    sa.Column("input_digest", sa.Text, nullable=False),
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.Column("policy_set_digest", sa.Text, nullable=False),
    sa.Column("decision", Json, nullable=False),
    sa.Column("evaluated_at", Instant, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    one_of("action_at", ("request", "approve", "reserve", "extend", "dispatch")),
    one_of("outcome", ("permitted", "needs_approval", "denied")),
    sa.Index("ix_policy_decision_root_id", "root_id", "id"),
    sa.Index("ix_policy_decision_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_policy_decision_assisting", "assisting_agency_id", "id"),
    sa.Index("ix_policy_decision_agreement", "agreement_id", "evaluated_at"),
)

policy_approval = table(
    "policy_approval",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("decision_id", Uuid, sa.ForeignKey(policy_decision.c.id), nullable=False),
    sa.Column("policy_id", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("ask_digest", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
    unique("decision_id", "policy_id", "side", code="already_answered", detail="This approval has been answered."),
    one_of("side", ("assisting", "requesting")),
    one_of("verdict", ("approved", "rejected")),
)
