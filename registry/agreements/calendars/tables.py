"""Calendar feeds. Of the secret address only a hash is kept."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Uuid, table, unique

calendar_feed = table(
    "calendar_feed",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    unique("secret_sha256", code="secret_taken", detail="That address is taken; try again."),
    sa.CheckConstraint("length(secret_sha256) = 64", name="secret"),
    sa.Index("ix_calendar_feed_agency_id", "agency_id", "id"),
)
