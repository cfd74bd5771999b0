"""Deadlines: certificates of insurance, duties, periodic reviews, retention, legal holds, calendar feeds."""

import sqlalchemy as sa
from alembic import op

from registry.database import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _insurance()
    _duties()
    _upkeep()
    _calendars()


def _table(name: str, *items: sa.schema.SchemaItem) -> None:
    op.create_table(name, *items, sqlite_strict=True)


def _insurance() -> None:
    _table(
        "agency_insurance",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("insurer", sa.Text(), nullable=False),
        sa.Column("policy_number", sa.Text()),
        sa.Column("coverage_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("effective_on", types.Civil(), nullable=False),
        sa.Column("expires_on", types.Civil(), nullable=False),
        sa.Column("evidence_sha256", sa.Text(), nullable=False),
        sa.Column("entered_at", types.Instant(), nullable=False),
        sa.Column("retired_at", types.Instant()),
        sa.Column("retired_because", sa.Text()),
        sa.Column("retired_reason", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agency_insurance"),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_agency_insurance_agency_id"),
        sa.CheckConstraint(
            "kind IN ('general_liability', 'law_enforcement_liability', 'self_insurance', 'auto_liability', "
            "'professional_liability', 'workers_compensation')",
            name="ck_agency_insurance_kind",
        ),
        sa.CheckConstraint(
            "retired_because IN ('cancelled', 'replaced', 'entered_in_error')",
            name="ck_agency_insurance_retired_because",
        ),
        sa.CheckConstraint("expires_on >= effective_on", name="ck_agency_insurance_term"),
        sa.CheckConstraint(
            "(retired_at IS NULL) = (retired_because IS NULL) AND (retired_at IS NULL) = (retired_reason IS NULL)",
            name="ck_agency_insurance_retired",
        ),
    )
    op.create_index("ix_agency_insurance_agency_id", "agency_insurance", ["agency_id", "id"])


def _duties() -> None:
    _table(
        "agreement_duty",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("citation", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("due_on", types.Civil(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("fulfilled_on", types.Civil()),
        sa.Column("evidence_sha256", sa.Text()),
        sa.Column("url", sa.Text()),
        sa.Column("recording_number", sa.Text()),
        sa.Column("waived_reason", sa.Text()),
        sa.Column("closed_by", types.Uuid()),
        sa.Column("closed_at", types.Instant()),
        sa.Column("entered_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_duty"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_agreement_duty_agreement_id"),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_agreement_duty_agency_id"),
        sa.ForeignKeyConstraint(["closed_by"], ["agency.id"], name="fk_agreement_duty_closed_by"),
        sa.CheckConstraint("status IN ('pending', 'met', 'waived')", name="ck_agreement_duty_status"),
        sa.CheckConstraint("(status = 'pending') = (closed_at IS NULL)", name="ck_agreement_duty_closed"),
        sa.CheckConstraint("(status = 'waived') = (waived_reason IS NOT NULL)", name="ck_agreement_duty_waived"),
        sa.CheckConstraint(
            "(status = 'met') = (fulfilled_on IS NOT NULL) AND (status <> 'met' OR evidence_sha256 IS NOT NULL "
            "OR url IS NOT NULL OR recording_number IS NOT NULL)",
            name="ck_agreement_duty_met",
        ),
    )
    op.create_index("ix_agreement_duty_agreement_id", "agreement_duty", ["agreement_id", "id"])


def _upkeep() -> None:
    _table(
        "agreement_periodic_review",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("reviewed_on", types.Civil(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("recorded_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_periodic_review"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_agreement_periodic_review_agreement_id"),
        sa.CheckConstraint(
            "outcome IN ('keep', 'renew', 'amend', 'terminate')", name="ck_agreement_periodic_review_outcome"
        ),
    )
    op.create_index(
        "ix_agreement_periodic_review_agreement_id",
        "agreement_periodic_review",
        ["agreement_id", "reviewed_on", "id"],
    )
    _table(
        "agreement_retention",
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("set_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", name="pk_agreement_retention"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_agreement_retention_agreement_id"),
        sa.CheckConstraint("years BETWEEN 0 AND 100", name="ck_agreement_retention_years"),
    )
    _table(
        "agreement_hold",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_at", types.Instant(), nullable=False),
        sa.Column("lifted_at", types.Instant()),
        sa.Column("lifted_authority", sa.Text()),
        sa.Column("lifted_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_hold"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_agreement_hold_agreement_id"),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_agreement_hold_agency_id"),
        sa.CheckConstraint(
            "(lifted_at IS NULL) = (lifted_reason IS NULL) AND (lifted_at IS NULL) = (lifted_authority IS NULL)",
            name="ck_agreement_hold_lifted",
        ),
    )
    op.create_index("ix_agreement_hold_agreement_id", "agreement_hold", ["agreement_id", "id"])


def _calendars() -> None:
    _table(
        "calendar_feed",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("revoked_at", types.Instant()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calendar_feed"),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_calendar_feed_agency_id"),
        sa.UniqueConstraint("secret_sha256", name="uq_calendar_feed_secret_sha256"),
        sa.CheckConstraint("length(secret_sha256) = 64", name="ck_calendar_feed_secret"),
    )
    op.create_index("ix_calendar_feed_agency_id", "calendar_feed", ["agency_id", "id"])
