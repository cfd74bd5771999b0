"""Reserve minimums, each from a day on; what is wrong with one is corrected, what changes is another one."""

import sqlalchemy as sa

from registry.platform.database.types import Civil, Instant, Uuid, table, unique_where

reserve_minimum = table(
    "reserve_minimum",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("category", sa.Text, sa.ForeignKey("category.code"), nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique_where(
        "uq_reserve_minimum_set",
        *("agency_id", "category", "effective_on"),
        sqlite="withdrawn_at IS NULL",
        postgresql="withdrawn_at IS NULL",
        code="minimum_taken",
        detail="Your agency has a minimum of that category from that day on already: correct it, or give a later day.",
    ),
    sa.CheckConstraint("quantity BETWEEN 0 AND 100000", name="quantity"),
    sa.CheckConstraint("expires_on IS NULL OR expires_on >= effective_on", name="days"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawal"),
    sa.Index("ix_reserve_minimum_agency_id", "agency_id", "id"),
)
"""How many of a category, and of all under it, an agency keeps at home."""
