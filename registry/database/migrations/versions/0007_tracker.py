"""What trackers and published lists said: rows taken over, listings by state, agency and form, snapshots replayed."""

import sqlalchemy as sa
from alembic import op

from registry.database import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tracker_entry",
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("agreement_version", sa.Integer(), nullable=False),
        sa.Column("taken_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", name="pk_tracker_entry"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_tracker_entry_agreement_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "tracker_listing",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("custodian_id", types.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("agreement_id", types.Uuid()),
        sa.Column("listed_as", sa.Text()),
        sa.Column("signed_text", sa.Text()),
        sa.Column("first_seen", types.Instant(), nullable=False),
        sa.Column("first_signed", types.Instant()),
        sa.Column("last_seen", types.Instant()),
        sa.Column("changed_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tracker_listing"),
        sa.ForeignKeyConstraint(["custodian_id"], ["agency.id"], name="fk_tracker_listing_custodian_id"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_tracker_listing_agreement_id"),
        sa.UniqueConstraint(
            *("source", "custodian_id", "state", "agency", "form"),
            name="uq_tracker_listing_source_custodian_id_state_agency_form",
        ),
        sa.UniqueConstraint("agreement_id", name="uq_tracker_listing_agreement_id"),
        sa.CheckConstraint(
            "listed_as IS NULL OR listed_as IN ('pending', 'signed')", name="ck_tracker_listing_listed_as"
        ),
        sa.CheckConstraint("(listed_as IS NULL) = (last_seen IS NOT NULL)", name="ck_tracker_listing_last_seen"),
        sqlite_strict=True,
    )
    op.create_table(
        "tracker_snapshot",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("custodian_id", types.Uuid(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("taken_at", types.Instant(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "custodian_id", "list", "taken_at", name="pk_tracker_snapshot"),
        sa.ForeignKeyConstraint(["custodian_id"], ["agency.id"], name="fk_tracker_snapshot_custodian_id"),
        sa.CheckConstraint("list IN ('pending', 'signed')", name="ck_tracker_snapshot_list"),
        sqlite_strict=True,
    )
