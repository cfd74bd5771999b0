"""What can be lent, and what of it is committed when.

`allocation` lives here and not with loans: loans write it, search and policy read it, and imports keep going down.
The overlap rule is said again by the database: an EXCLUDE constraint on PostgreSQL, triggers on SQLite.
"""

import sqlalchemy as sa

from registry.assets.rules import AllocationState, ServiceState, Sharing
from registry.database.types import Instant, Json, Uuid, one_of, table, unique, unique_where

asset = table(
    "asset",
    sa.Column("id", Uuid, nullable=False, unique=True),
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("category", sa.Text, sa.ForeignKey("category.code"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("type_level", sa.Integer),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("sharing", sa.Text, nullable=False),
    sa.Column("service_state", sa.Text, nullable=False),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("cell", sa.Integer),
    sa.Column("mobilisation_minutes", sa.Integer),
    sa.Column("hourly_rate_minor", sa.BigInteger),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("funding", Json, nullable=False),
    sa.Column("certification_required", sa.Boolean, nullable=False),
    sa.Column("certifications", Json, nullable=False),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("allocation_version", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique("agency_id", "tag", code="asset_tag_taken", detail="Your agency already has an asset with that tag."),
    one_of("sharing", Sharing),
    one_of("service_state", ServiceState),
    sa.CheckConstraint("type_level IS NULL OR type_level BETWEEN 1 AND 4", name="type_level"),
    sa.CheckConstraint("capacity BETWEEN 1 AND 100000", name="capacity"),
    sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.Index("ix_asset_category_cell", "category", "cell", "latitude", "longitude"),
    sa.Index("ix_asset_category", "category", "n"),
    sa.Index("ix_asset_agency", "agency_id", "category", "n"),
)
"""`n` is the order of registration, in which lists are paged, and the full-text index's row number: explicit, because
SQLite's implicit one changes on VACUUM."""

allocation = table(
    "allocation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey(asset.c.id), nullable=False),
    sa.Column("loan_id", Uuid, nullable=False),
    sa.Column("units", sa.Integer, nullable=False),
    sa.Column("exclusive", sa.Boolean, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    one_of("state", AllocationState),
    sa.CheckConstraint("units > 0", name="units"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index("ix_allocation_asset", "asset_id", "state", "ends_at", "starts_at"),
    sa.Index("ix_allocation_loan_id", "loan_id"),
    unique_where(
        "uq_allocation_exclusive_out",
        "asset_id",
        sqlite="state = 'out' AND exclusive = 1",
        postgresql="state = 'out' AND exclusive",
        code="asset_still_out",
        detail="The asset is still out on another loan.",
    ),
)
"""One commitment. While `out` past its end it still holds: whoever counts treats that end as open."""
