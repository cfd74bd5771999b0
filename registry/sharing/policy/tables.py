"""Decisions with their complete input, the answers to the approvals that they need, and agencies' own policy sets."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique, unique_where
from registry.sharing.policy.lifecycle import PolicySetStatus, PreviewStatus

policy_decision = table(
    "policy_decision",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("previous_id", Uuid, sa.ForeignKey("policy_decision.id")),
    sa.Column("action_at", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("agreement_version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("clause", sa.Text),
    sa.Column("request_id", Uuid, sa.ForeignKey("request.id")),
    sa.Column("line_no", sa.Integer),
    sa.Column("incident_number", sa.Text),
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
    sa.Index("ix_policy_decision_root_decision_id", "root_decision_id", "id"),
    sa.Index("ix_policy_decision_asset", "asset_id", "requesting_agency_id", "ends_at"),
    sa.Index("ix_policy_decision_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_policy_decision_assisting", "assisting_agency_id", "id"),
    sa.Index("ix_policy_decision_agreement", "agreement_id", "evaluated_at"),
)

policy_decision_policy = table(
    "policy_decision_policy",
    sa.Column("decision_id", Uuid, sa.ForeignKey(policy_decision.c.id), primary_key=True),
    sa.Column("policy_id", sa.Text, primary_key=True),
    sa.Index("ix_policy_decision_policy_policy_id", "policy_id", "decision_id"),
)
"""Each policy that a decision names: the grounds, bars, approvals and duties by which it came out as it did."""

shipped_policy_set = table(
    "shipped_policy_set",
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("texts", Json, nullable=False),
    sa.Column("kept_at", Instant, nullable=False),
)
"""The shipped policies that decided here, each set once, so that a decision is made again after others are shipped."""

policy_approval = table(
    "policy_approval",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("decision_id", Uuid, sa.ForeignKey(policy_decision.c.id), nullable=False),
    sa.Column("policy_id", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("ask_digest", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
    unique(
        "decision_id", "layer", "policy_id", "side", code="already_answered", detail="This approval has been answered."
    ),
    one_of("side", ("assisting", "requesting")),
    one_of("verdict", ("approved", "rejected")),
)

policy_lent = table(
    "policy_lent",
    sa.Column("loan_id", Uuid, primary_key=True),
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Index("ix_policy_lent_root_decision_id", "root_decision_id"),
    sa.Index("ix_policy_lent_asset", "asset_id", "requesting_agency_id", "ends_at"),
)
"""For how long a loan counts, beside what is asked for later. `ends_at` is NULL of one that never took place."""

policy_set = table(
    "policy_set",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("rules", Json, nullable=False),
    sa.Column("cedar", sa.Text, nullable=False),
    sa.Column("tests", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("findings", Json),
    sa.Column("analysis", Json),
    sa.Column("validated_at", Instant),
    sa.Column("activated_at", Instant),
    sa.Column("retired_at", Instant),
    sa.Column("retired_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("status", PolicySetStatus),
    sa.CheckConstraint("(status = 'retired') = (retired_at IS NOT NULL)", name="retired"),
    sa.CheckConstraint("status <> 'active' OR activated_at IS NOT NULL", name="active"),
    sa.CheckConstraint("activated_at IS NULL OR validated_at IS NOT NULL", name="validated"),
    unique_where(
        "uq_policy_set_active",
        "agency_id",
        sqlite="status = 'active'",
        postgresql="status = 'active'",
        code="policy_set_active",
        detail="Somebody has just activated another set of your agency: look at it first.",
    ),
    sa.Index("ix_policy_set_agency_id", "agency_id", "id"),
    sa.Index("ix_policy_set_digest", "agency_id", "digest"),
)
"""Agencies' own policy sets. What one says never changes (a guard of the database); `text` is all of it as Cedar."""

policy_preview = table(
    "policy_preview",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("policy_set_id", Uuid, sa.ForeignKey("policy_set.id"), nullable=False),
    sa.Column("active_digest", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("examined", sa.Integer, nullable=False),
    sa.Column("left_out", sa.Integer, nullable=False),
    sa.Column("same", sa.Integer, nullable=False),
    sa.Column("changes", Json, nullable=False),
    sa.Column("policies", Json, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("status", PreviewStatus),
    sa.CheckConstraint("(status = 'stopped') = (note IS NOT NULL)", name="note"),
    unique_where(
        "uq_policy_preview_running",
        "agency_id",
        sqlite="status = 'running'",
        postgresql="status = 'running'",
        code="policy_preview_running",
        detail="A preview of your agency runs already: wait until it is done, or cancel it.",
    ),
    sa.Index("ix_policy_preview_agency_id", "agency_id", "id"),
)
"""What a set would have changed, as far as was looked; `total` is how many decisions there are to look at."""

policy_preview_decision = table(
    "policy_preview_decision",
    sa.Column("preview_id", Uuid, sa.ForeignKey(policy_preview.c.id), nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey(policy_decision.c.id), nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("policy_ids", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("preview_id", "decision_id"),
)
"""Each decision that would have been another one. `policy_ids` are the ids, with a space before and after each."""
