"""Requests with their lines, and the stored status of each line."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique
from registry.sharing.loans.rules import DeclineReason, Side
from registry.sharing.requests.rules import REFUSED, STORED, RequestStatus

request = table(
    "request",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, sa.ForeignKey("purpose.code"), nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("incident_number", sa.Text),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("sent_purpose", sa.Text, sa.ForeignKey("purpose.code")),
    sa.Column("sent_priority", sa.Text),
    sa.Column("sent_incident_number", sa.Text),
    sa.Column("sent_summary", sa.Text),
    sa.Column("sent_search_text", sa.Text),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("submitted_at", Instant),
    sa.Column("ended_reason", sa.Text),
    sa.Column("head_changes", sa.Integer, nullable=False),
    sa.Column("head_changed_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("status", RequestStatus),
    one_of("priority", ("routine", "urgent", "emergency")),
    sa.Index("ix_request_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_request_updated_at", "requesting_agency_id", "updated_at", "id"),
)
"""`version` and `updated_at` are the requesting agency's. `head_changes` and `head_changed_at` move with what every
assisting agency reads of the request beside its own lines: see `queries.visibility.version_shown`. It reads what was
`sent_…`, when the request was submitted last; what is edited since is the requesting agency's alone.
"""

request_line = table(
    "request_line",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("request_id", Uuid, sa.ForeignKey(request.c.id), nullable=False),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id")),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("need", Json),
    sa.Column("fills_no", sa.Integer),
    sa.Column("tier", sa.Integer),
    sa.Column("answer_within_minutes", sa.Integer),
    sa.Column("answer_due_at", Instant),
    sa.Column("condition", sa.Text),
    sa.Column("suspended_at", Instant),
    sa.Column("suspended_reason", sa.Text),
    sa.Column("personnel_ids", Json),
    sa.Column("asked_as", Json),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("place_latitude", sa.Double),
    sa.Column("place_longitude", sa.Double),
    sa.Column("asset_name", sa.Text),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("described", Json, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id")),
    sa.Column("automatic_clause", sa.Text),
    sa.Column("submitted_at", Instant),
    sa.Column("decided_at", Instant),
    sa.Column("awaited", Json, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_side", sa.Text),
    sa.Column("ended_reason", sa.Text),
    sa.Column("decline_reason", sa.Text),
    sa.Column("refused_as", sa.Text),
    sa.Column("refused_side", sa.Text),
    sa.Column("refused_reason", sa.Text),
    sa.Column("refused_at", Instant),
    sa.Column("replaced_by_no", sa.Integer),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    unique("request_id", "no", code="line_taken", detail="Two lines carry the same number."),
    one_of("status", STORED),
    one_of("ended_side", Side),
    one_of("decline_reason", DeclineReason),
    one_of("refused_as", sorted(REFUSED)),
    one_of("refused_side", Side),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("asset_id IS NOT NULL OR need IS NOT NULL", name="asset_or_need"),
    sa.CheckConstraint("fills_no IS NULL OR assisting_agency_id IS NOT NULL", name="asked_agency"),
    sa.CheckConstraint("asset_id IS NULL OR assisting_agency_id IS NOT NULL", name="owner"),
    sa.CheckConstraint("status <> 'suspended' OR suspended_reason IS NOT NULL", name="suspended"),
    sa.CheckConstraint("(suspended_at IS NULL) = (suspended_reason IS NULL)", name="suspended_reason"),
    sa.Index("ix_request_line_assisting", "assisting_agency_id", "request_id"),
    sa.Index("ix_request_line_asset", "asset_id"),
    sa.Index("ix_request_line_decision_id", "decision_id"),
    sa.Index("ix_request_line_status", "status", "ends_at"),
    sa.Index("ix_request_line_answer_due", "status", "answer_due_at"),
)
"""A line asks for an asset, or for what its `need` describes. Of a need each agency that is asked has a line of its
own, in a `tier`, and `fills_no` is the number of the need's line; what the agency offers stands on it. `condition` is
that of the offer, `suspended_reason` why it cannot be had at present, `personnel_ids` are the people offered with it,
`asked_as` is who submitted the need, as policies see that person.

`decision_id` is the first decision of the line's chain, which a loan names too; `awaited` the approvals it still
waits for, as `<role>@<side>`. `automatic_clause` is the clause by which it was reserved at once, "" where the terms
name none, and NULL where it was not. `asset_name`, `category` and `described` are of the asset as it was asked for.
`submitted_at` is NULL for what only the requesting agency may see so far. `ended_side` and `ended_reason` say who
rejected, declined or withdrew it, and why; on a line that is lent, why nothing more comes of it should that loan be
cancelled, since the request was closed. Of a refused line that was given up, `refused_…` keep what it was, and who
refused it and why where that stood in `ended_…`. `replaced_by_no` is the line that asks in its place. `changes` and
`changed_at` are of the line: an assisting agency is told of a change of its own lines and of the head, and of no other.
"""
