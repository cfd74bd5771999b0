"""Assets."""

import sqlalchemy as sa

from registry.platform.database.types import Civil, Instant, Json, Uuid, one_of, table, unique, unique_where
from registry.resources.assets.identifying import IdentifierKind
from registry.resources.assets.rules import Grade, PackageStatus, ServiceStatus, Sharing

asset = table(
    "asset",
    sa.Column("id", Uuid, nullable=False, unique=True),
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("category", sa.Text, sa.ForeignKey("category.code"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("tag_key", sa.Text, nullable=False),
    sa.Column("type_level", sa.Integer),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("sharing", sa.Text, nullable=False),
    sa.Column("service_status", sa.Text, nullable=False),
    sa.Column("service_changed_at", Instant, nullable=False),
    sa.Column("service_reason", sa.Text),
    sa.Column("described_at", Instant, nullable=False),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("cell", sa.Integer),
    sa.Column("home_base", sa.Text),
    sa.Column("home_latitude", sa.Double),
    sa.Column("home_longitude", sa.Double),
    sa.Column("service_area", Json),
    sa.Column("identifiers", Json, nullable=False, server_default="[]"),
    sa.Column("condition", sa.Text),
    sa.Column("crew", Json, nullable=False, server_default="[]"),
    sa.Column("mobilisation_minutes", sa.Integer),
    sa.Column("turnaround_minutes", sa.Integer, nullable=False, server_default="0"),
    sa.Column("hourly_rate_minor", sa.BigInteger),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("funding", Json, nullable=False),
    sa.Column("certification_required", sa.Boolean, nullable=False),
    sa.Column("certifications", Json, nullable=False),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("allocation_version", sa.Integer, nullable=False),
    sa.Column("public_changes", sa.Integer, nullable=False, server_default="1"),
    sa.Column("public_updated_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique("agency_id", "tag_key", code="asset_tag_taken", detail="Your agency already has an asset with that tag."),
    one_of("sharing", Sharing),
    one_of("service_status", ServiceStatus),
    one_of("condition", Grade),
    sa.CheckConstraint("(home_latitude IS NULL) = (home_longitude IS NULL)", name="home"),
    sa.CheckConstraint("type_level IS NULL OR type_level BETWEEN 1 AND 4", name="type_level"),
    sa.CheckConstraint("capacity BETWEEN 1 AND 100000", name="capacity"),
    sa.CheckConstraint("turnaround_minutes BETWEEN 0 AND 44640", name="turnaround_minutes"),
    sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.Index("ix_asset_category_cell", "category", "cell", "latitude", "longitude"),
    sa.Index("ix_asset_category", "category", "n"),
    sa.Index("ix_asset_category_name", "category", "name", "n"),
    sa.Index("ix_asset_agency", "agency_id", "category", "n"),
    sa.Index("ix_asset_public_updated_at", "public_updated_at", "n"),
    sa.Index("ix_asset_updated_at", "updated_at", "n"),
)
"""`n` is the order of registration, by which lists are paged, and the full-text index's row number: explicit, because
SQLite's implicit one changes on VACUUM. `described_at` is when what borrowers rely on last changed (`rules.RELIED_ON`).
`tag_key` is the tag in its one form (`normal_key`). `version` and `updated_at` are the owner's; `public_changes` and
`public_updated_at` are what every other agency is given as these: see `commands.details.store_edited`.
"""

asset_calendar_feed = table(
    "asset_calendar_feed",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    unique("secret_sha256", code="secret_taken", detail="That address is taken; try again."),
    sa.CheckConstraint("length(secret_sha256) = 64", name="secret"),
    sa.Index("ix_asset_calendar_feed_agency_id", "agency_id", "asset_id", "id"),
)
"""Calendars of an asset's availability, each of one agency. Of the secret address only a hash is kept."""

asset_attribute = table(
    "asset_attribute",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Double),
    sa.Column("text", sa.Text),
    sa.CheckConstraint("(number IS NULL) <> (text IS NULL)", name="one_value"),
    sa.Index("ix_asset_attribute_number", "name", "number"),
    sa.Index("ix_asset_attribute_text", "name", "text"),
)
"""An asset's attributes once more, one a row, to search by: a number, or a text in its one form (`normal_key`).

True is `true`, and false `false`.
"""

asset_identifier = table(
    "asset_identifier",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value_key", sa.Text, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("in_use", sa.Boolean, nullable=False),
    one_of("kind", IdentifierKind),
    sa.Index("ix_asset_identifier_value_key", "value_key"),
    unique_where(
        "uq_asset_identifier_in_use",
        *("agency_id", "kind", "value_key"),
        sqlite="in_use = 1 AND kind IN ('vin', 'fleet_number', 'license_plate', 'tail_number')",
        postgresql="in_use AND kind IN ('vin', 'fleet_number', 'license_plate', 'tail_number')",
        code="identifier_taken",
        detail="Another asset of your agency has that number; correct that one, or retire it first.",
    ),
)
"""An asset's identifiers once more, each in its one form (`identifier_key`), to search by and to be had once."""

asset_area = table(
    "asset_area",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("reach", sa.Double),
    sa.CheckConstraint("(code = 'circle') = (reach IS NOT NULL)", name="circle"),
    sa.Index("ix_asset_area_code", "code"),
)
"""Where an asset serves, to search by: a state's letters or a county's FIPS number a row, and a row for a circle.

`reach` is the haversine of the angle that the radius spans.
"""

asset_certification = table(
    "asset_certification",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("begins_on", Civil),
    sa.Column("expires_on", Civil),
    sa.Index("ix_asset_certification_code", "code", "asset_id"),
)
"""An asset's certifications once more, one a row, with the first and the last valid day, to search by."""

asset_funding = table(
    "asset_funding",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Index("ix_asset_funding_code", "code", "asset_id"),
)
"""The codes of the funds that paid for an asset once more, one a row, to search by."""

asset_word = table(
    "asset_word",
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("letters", sa.Integer, nullable=False),
    sa.Column("head", sa.Text, nullable=False),
    sa.Column("tail", sa.Text, nullable=False),
    sa.Index("ix_asset_word_head", "head", "letters"),
    sa.Index("ix_asset_word_tail", "tail", "letters"),
)
"""Each word of assets' names and tags once, with its halves, by one of which a misspelling of it is found.

It is nobody's: whether an asset with it is there, and seen by who asks, its own rows tell.
"""

asset_word_dropped = table(
    "asset_word_dropped",
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("due_at", Instant, nullable=False),
    sa.Index("ix_asset_word_dropped_due_at", "due_at"),
)
"""Words that an asset has no more: from `due_at` on it is looked whether another has them; else they are removed."""

package = table(
    "package",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_key", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("sharing", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("retired_reason", sa.Text),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("sharing", Sharing),
    one_of("status", PackageStatus),
    sa.CheckConstraint("(status = 'retired') = (retired_reason IS NOT NULL)", name="retired"),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.Index("ix_package_agency_id", "agency_id", "id"),
    unique_where(
        "uq_package_name",
        *("agency_id", "name_key"),
        sqlite="status = 'active'",
        postgresql="status = 'active'",
        code="package_name_taken",
        detail="Your agency has a package of that name; take another, or retire that one first.",
    ),
)
"""Assets that are lent together or not at all. The tables are here, and not with `packages`, so that an asset can name
the packages that it is in; the commands of that room write them through `commands.packaging`.
"""

package_member = table(
    "package_member",
    sa.Column("package_id", Uuid, sa.ForeignKey(package.c.id), primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.CheckConstraint("quantity BETWEEN 1 AND 100000", name="quantity"),
    sa.Index("ix_package_member_asset_id", "asset_id"),
)
"""How many of an asset of the package's own agency belong to it; `position` is the order in which they were named."""
