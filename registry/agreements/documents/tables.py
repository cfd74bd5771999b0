"""Documents, and the content that they share: the same bytes are kept once, however many documents they are.

Content is claimed before its file is kept and a document refers to it, so a claim that stays without a document for a
day is of an upload that came to nothing; then the file goes, and the claim with it.
"""

import sqlalchemy as sa

from registry.agreements.documents.rules import DocumentKind, TextLayer
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.platform.database.types import Instant, Json, Uuid, metadata, one_of, table

document_content = table(
    "document_content",
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("claimed_at", Instant, nullable=False),
    sa.CheckConstraint("length(sha256) = 64", name="sha256"),
    sa.CheckConstraint("size_bytes > 0", name="size"),
    sa.Index("ix_document_content_claimed_at", "claimed_at"),
)

document = table(
    "document",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("sha256", sa.Text, sa.ForeignKey(document_content.c.sha256), nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("filename", sa.Text),
    sa.Column("sensitivity", sa.Text, nullable=False),
    sa.Column("exemption", sa.Text),
    sa.Column("text_layer", sa.Text, nullable=False),
    sa.Column("remarks", Json, nullable=False),
    sa.Column("pages", sa.Integer),
    sa.Column("filed_by_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("filed_at", Instant, nullable=False),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_by_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("kind", DocumentKind),
    one_of("sensitivity", ("public", "parties", "restricted")),
    one_of("text_layer", TextLayer),
    sa.CheckConstraint("(sensitivity = 'restricted') = (exemption IS NOT NULL)", name="exemption"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawal"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by_id IS NULL)", name="withdrawer"),
    sa.Index("ix_document_agreement_id", "agreement_id", "id"),
    sa.Index("ix_document_sha256", "sha256"),
)
"""What was filed is never changed or deleted, and withdrawn once: a trigger says so."""


def referring_to_content() -> list[sa.Column[str]]:
    """Every column of any room that refers to content; to be asked once all tables are known."""
    return [
        key.parent
        for each in metadata.sorted_tables
        for key in each.foreign_keys
        if key.column is document_content.c.sha256
    ]
