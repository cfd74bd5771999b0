"""Requests with their lines, and the stored status of each line."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique
from registry.sharing.loans.rules import DeclineReason, Side
from registry.sharing.requests.rules import LineStatus, RequestStatus

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
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("submitted_at", Instant),
    sa.Column("ended_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("status", RequestStatus),
    one_of("priority", ("routine", "urgent", "emergency")),
    sa.Index("ix_request_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_request_updated_at", "requesting_agency_id", "updated_at", "id"),
)

request_line = table(
    "request_line",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("request_id", Uuid, sa.ForeignKey(request.c.id), nullable=False),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("place_latitude", sa.Double),
    sa.Column("place_longitude", sa.Double),
    sa.Column("asset_name", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("described", Json, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id")),
    sa.Column("submitted_at", Instant),
    sa.Column("decided_at", Instant),
    sa.Column("awaited", Json, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_side", sa.Text),
    sa.Column("ended_reason", sa.Text),
    sa.Column("decline_reason", sa.Text),
    sa.Column("replaced_by_no", sa.Integer),
    unique("request_id", "no", code="line_taken", detail="Two lines carry the same number."),
    one_of("status", LineStatus),
    one_of("ended_side", Side),
    one_of("decline_reason", DeclineReason),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.Index("ix_request_line_assisting", "assisting_agency_id", "request_id"),
    sa.Index("ix_request_line_asset", "asset_id"),
    sa.Index("ix_request_line_decision_id", "decision_id"),
    sa.Index("ix_request_line_status", "status", "ends_at"),
)
"""`decision_id` is the first decision of the line's chain, which a loan names too; `awaited` the approvals it still
waits for, as `<role>@<side>`. `asset_name`, `category` and `described` are of the asset as it was asked for.
`submitted_at` is NULL for what only the requesting agency may see so far. `ended_side` and `ended_reason` say who
rejected, declined or withdrew it, and why; `replaced_by_no` is the line that asks in its place.
"""
