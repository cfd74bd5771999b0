"""Stored answers of requests with an idempotency key."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, table

idempotency_record = table(
    "idempotency_record",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("operation", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("headers", Json),
    sa.Column("body", sa.LargeBinary),
    sa.Index("ix_idempotency_record_created_at", "created_at"),
)
