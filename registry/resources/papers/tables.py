"""Documents of assets. Their content is kept once with that of all other documents."""

import sqlalchemy as sa

from registry.agreements.documents.tables import document_content
from registry.platform.database.types import Instant, Json, Uuid, one_of, table
from registry.resources.papers.rules import AssetDocumentKind

asset_document = table(
    "asset_document",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("sha256", sa.Text, sa.ForeignKey(document_content.c.sha256), nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("filename", sa.Text),
    sa.Column("remarks", Json, nullable=False),
    sa.Column("pages", sa.Integer),
    sa.Column("asset_certificate_id", Uuid, sa.ForeignKey("asset_certificate.id")),
    sa.Column("insurance_id", Uuid, sa.ForeignKey("agency_insurance.id")),
    sa.Column("filed_at", Instant, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("replaced_by_id", Uuid, sa.ForeignKey("asset_document.id")),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("kind", AssetDocumentKind),
    sa.CheckConstraint(
        "(withdrawn_at IS NULL) = (withdrawn_reason IS NULL AND replaced_by_id IS NULL)", name="withdrawal"
    ),
    sa.Index("ix_asset_document_asset_id", "asset_id", "id"),
    sa.Index("ix_asset_document_sha256", "sha256"),
)
"""What was filed is never changed or deleted, but for its title and whether it is shared, until it is withdrawn or
another takes its place: a trigger says so."""
