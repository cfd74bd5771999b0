"""Rates, each from a day on; what is wrong with one is corrected, what changes is another one from a later day."""

import sqlalchemy as sa

from registry.platform.database.types import Civil, Instant, Uuid, one_of, table, unique
from registry.resources.rates.rules import RateBasis

rate = table(
    "rate",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id")),
    sa.Column("subject_key", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("personnel_class", sa.Text),
    sa.Column("cost_code", sa.Text),
    sa.Column("equipment", sa.Text),
    sa.Column("specification", sa.Text),
    sa.Column("equipment_capacity", sa.Text),
    sa.Column("horsepower", sa.Text),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique(
        *("agency_id", "subject_key", "effective_on"),
        code="rate_taken",
        detail="Your agency has a rate for that from that day on already: correct it, or give a later day.",
    ),
    one_of("basis", RateBasis),
    sa.CheckConstraint("amount_minor >= 0", name="amount"),
    sa.CheckConstraint("expires_on IS NULL OR expires_on >= effective_on", name="days"),
    sa.CheckConstraint("(basis = 'personnel_hour') = (personnel_class IS NOT NULL)", name="personnel_class"),
    sa.Index("ix_rate_agency_id", "agency_id", "id"),
    sa.Index("ix_rate_asset_id", "asset_id", "id"),
)
