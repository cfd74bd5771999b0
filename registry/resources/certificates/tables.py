"""Certificates of assets, each for one discipline."""

import sqlalchemy as sa

from registry.platform.database.types import Civil, Instant, Json, Uuid, one_of, table
from registry.resources.certificates.rules import Standard

asset_certificate = table(
    "asset_certificate",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("discipline", sa.Text, sa.ForeignKey("category.code"), nullable=False),
    sa.Column("handler_id", Uuid, sa.ForeignKey("personnel_record.id")),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("number", sa.Text),
    sa.Column("standard", sa.Text),
    sa.Column("methods", Json, nullable=False),
    sa.Column("issued_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("valid_from_at", Instant, nullable=False),
    sa.Column("valid_until_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_reason", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("standard", Standard),
    sa.CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended"),
    sa.CheckConstraint("valid_until_at > valid_from_at", name="valid"),
    sa.Index("ix_asset_certificate_asset_id", "asset_id", "discipline"),
    sa.Index("ix_asset_certificate_handler_id", "handler_id"),
)
"""`valid_from_at` and `valid_until_at` bound the days of the certificate where the asset's agency is.

Whether a handler has left, or an asset is out of service, stands with them: nothing here is written when they change.
"""
