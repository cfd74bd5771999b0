"""Assets."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique
from registry.resources.assets.rules import ServiceStatus, Sharing

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
    sa.Column("service_status", sa.Text, nullable=False),
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
    one_of("service_status", ServiceStatus),
    sa.CheckConstraint("type_level IS NULL OR type_level BETWEEN 1 AND 4", name="type_level"),
    sa.CheckConstraint("capacity BETWEEN 1 AND 100000", name="capacity"),
    sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.Index("ix_asset_category_cell", "category", "cell", "latitude", "longitude"),
    sa.Index("ix_asset_category", "category", "n"),
    sa.Index("ix_asset_agency", "agency_id", "category", "n"),
)
"""`n` is the order of registration, by which lists are paged, and the full-text index's row number: explicit, because
SQLite's implicit one changes on VACUUM."""
