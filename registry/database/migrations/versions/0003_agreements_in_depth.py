"""Agreements in depth: dates of each version, amendments, who is in force with whom, approvals, verbal activation."""

import sqlalchemy as sa
from alembic import op

from registry.database import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Plain ADD COLUMN, in words that both databases take: a rebuild on SQLite would drop the triggers.
NEW_COLUMNS = (
    ("agreement", "auto_renew_months INTEGER"),
    ("agreement", "auto_renew_times INTEGER"),
    ("agreement", "review_every_months INTEGER"),
    ("agreement", "ratify_by {instant}"),
    ("agreement", "superseded_by {uuid} CONSTRAINT fk_agreement_superseded_by REFERENCES agreement (id)"),
    ("agreement", "custody_offered_to {uuid} CONSTRAINT fk_agreement_custody_offered_to REFERENCES agency (id)"),
    ("agreement_party", "verbally_at {instant}"),
    ("agreement_party", "leaves_at {instant}"),
    ("agreement_party", "notice_kind TEXT"),
    ("agreement_party", "approval_required {boolean} DEFAULT {false} NOT NULL"),
    ("agreement_signature", "counts_from {instant}"),
    ("agreement_party_window", "assists {boolean} DEFAULT {true} NOT NULL"),
    ("agreement_party_window", "requests {boolean} DEFAULT {true} NOT NULL"),
    ("agreement_party_window", "bound_until {instant}"),
)
WORDS = {
    "sqlite": {"instant": "TEXT", "uuid": "BLOB", "boolean": "INTEGER", "false": "0", "true": "1"},
    "postgresql": {
        "instant": "TIMESTAMP WITH TIME ZONE",
        "uuid": "UUID",
        "boolean": "BOOLEAN",
        "false": "false",
        "true": "true",
    },
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for table, column in NEW_COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column.format(**WORDS[dialect])}")
    _tables()
    _carry_over()
    op.execute("ALTER TABLE agreement DROP COLUMN notice_opens_at")
    _guards(dialect)


def _tables() -> None:
    op.create_table(
        "agreement_version_dates",
        sa.Column("version_id", types.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_on", types.Civil(), nullable=False),
        sa.Column("expires_on", types.Civil()),
        sa.Column("starts_at", types.Instant(), nullable=False),
        sa.Column("ends_at", types.Instant()),
        sa.Column("notice_days", sa.Integer(), nullable=False),
        sa.Column("auto_renew_months", sa.Integer()),
        sa.Column("auto_renew_times", sa.Integer()),
        sa.PrimaryKeyConstraint("version_id", name="pk_agreement_version_dates"),
        sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name="fk_agreement_version_dates_version_id"),
        sa.CheckConstraint("kind IN ('original', 'amendment', 'renewal')", name="ck_agreement_version_dates_kind"),
        sa.CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="ck_agreement_version_dates_bounds"),
        sa.CheckConstraint(
            "auto_renew_months IS NULL OR expires_on IS NOT NULL", name="ck_agreement_version_dates_renewal"
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "agreement_amendment",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("version_id", types.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("executed_at", types.Instant()),
        sa.Column("closed_at", types.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_amendment"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_agreement_amendment_agreement_id"),
        sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name="fk_agreement_amendment_version_id"),
        sa.UniqueConstraint("version_id", name="uq_agreement_amendment_version_id"),
        sa.CheckConstraint(
            "stage IN ('draft', 'in_review', 'approved', 'out_for_signature', 'executed', 'withdrawn')",
            name="ck_agreement_amendment_stage",
        ),
        sa.CheckConstraint(
            "(stage IN ('executed', 'withdrawn')) = (closed_at IS NOT NULL)", name="ck_agreement_amendment_closed"
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_agreement_amendment_open",
        "agreement_amendment",
        ["agreement_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_agreement_amendment_agreement_id", "agreement_amendment", ["agreement_id"])
    for name, version in (("agreement_text_window", True), ("agreement_force_window", False)):
        op.create_table(
            name,
            sa.Column("agreement_id", types.Uuid(), nullable=False),
            sa.Column("starts_at", types.Instant(), nullable=False),
            sa.Column("ends_at", types.Instant(), nullable=False),
            *([sa.Column("version_id", types.Uuid(), nullable=False)] if version else []),
            sa.PrimaryKeyConstraint("agreement_id", "starts_at", name=f"pk_{name}"),
            sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name=f"fk_{name}_agreement_id"),
            *(
                [sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name=f"fk_{name}_version_id")]
                if version
                else []
            ),
            sa.CheckConstraint("ends_at > starts_at", name=f"ck_{name}_window"),
            sqlite_strict=True,
        )
    op.create_table(
        "agreement_notice_window",
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("opens_at", types.Instant(), nullable=False),
        sa.Column("closes_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", "opens_at", name="pk_agreement_notice_window"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_agreement_notice_window_agreement_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "agreement_approval",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("approved_on", types.Civil(), nullable=False),
        sa.Column("valid_until", types.Civil()),
        sa.Column("starts_at", types.Instant(), nullable=False),
        sa.Column("ends_at", types.Instant(), nullable=False),
        sa.Column("evidence_sha256", sa.Text()),
        sa.Column("recorded_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_approval"),
        sa.ForeignKeyConstraint(
            ["agreement_id", "agency_id"],
            ["agreement_party.agreement_id", "agreement_party.agency_id"],
            name="fk_agreement_approval_agreement_id_agency_id",
        ),
        sa.UniqueConstraint(
            "agreement_id", "agency_id", "approved_on", name="uq_agreement_approval_agreement_id_agency_id_approved_on"
        ),
        sa.CheckConstraint("ends_at > starts_at", name="ck_agreement_approval_window"),
        sqlite_strict=True,
    )
    op.drop_index("ix_agreement_party_window_agency", "agreement_party_window")
    op.create_index(
        "ix_agreement_party_window_agency",
        "agreement_party_window",
        ["agency_id", "agreement_id", "starts_at", "ends_at", "version_id", "assists", "requests"],
    )


def _carry_over() -> None:
    """What stood on the agreement alone until now, said of its versions; derived rows where they can be told in SQL."""
    op.execute(
        "INSERT INTO agreement_version_dates"
        " (version_id, kind, effective_on, expires_on, starts_at, ends_at, notice_days)"
        " SELECT v.id, 'original', a.effective_on, a.expires_on, a.starts_at, a.ends_at, a.notice_days"
        " FROM agreement_version v JOIN agreement a ON a.id = v.agreement_id"
    )
    op.execute("UPDATE agreement_party_window SET bound_until = ends_at")
    op.execute(
        "UPDATE agreement_party SET leaves_at = (SELECT max(w.ends_at) FROM agreement_party_window w"
        " WHERE w.agreement_id = agreement_party.agreement_id AND w.agency_id = agreement_party.agency_id),"
        " notice_kind = 'withdrawal' WHERE withdrawal_notice_on IS NOT NULL"
    )
    op.execute(
        "INSERT INTO agreement_text_window (agreement_id, starts_at, ends_at, version_id)"
        " SELECT agreement_id, min(starts_at), max(ends_at), version_id FROM agreement_party_window"
        " GROUP BY agreement_id, version_id"
    )
    # Until now one agreement had one executed version, and its notice window was one.
    op.execute(
        "INSERT INTO agreement_notice_window (agreement_id, opens_at, closes_at)"
        " SELECT id, notice_opens_at, ends_at FROM agreement WHERE notice_opens_at IS NOT NULL AND ends_at IS NOT NULL"
    )
    op.execute(
        "INSERT INTO agreement_force_window (agreement_id, starts_at, ends_at)"
        " SELECT DISTINCT one.agreement_id, one.starts_at,"
        "  (SELECT max(w.ends_at) FROM agreement_party_window w WHERE w.agreement_id = one.agreement_id"
        "   AND w.agency_id <> one.agency_id AND w.starts_at <= one.starts_at AND w.ends_at > one.starts_at)"
        " FROM agreement_party_window one WHERE EXISTS (SELECT 1 FROM agreement_party_window w"
        "  WHERE w.agreement_id = one.agreement_id AND w.agency_id <> one.agency_id"
        "  AND w.starts_at <= one.starts_at AND w.ends_at > one.starts_at)"
    )


def _guards(dialect: str) -> None:
    table, append_only = "agreement_version_dates", "agreement_approval"
    if dialect == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_frozen BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_part_of_frozen()"
        )
        op.execute(
            f"CREATE TRIGGER {append_only}_no_change BEFORE UPDATE OR DELETE ON {append_only} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change('append_only')"
        )
        op.execute(
            f"CREATE TRIGGER {append_only}_no_truncate BEFORE TRUNCATE ON {append_only} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('append_only')"
        )
        return
    for verb, rows in (("INSERT", ["NEW"]), ("UPDATE", ["OLD", "NEW"]), ("DELETE", ["OLD"])):
        versions = ", ".join(f"{row}.version_id" for row in rows)
        op.execute(
            f"CREATE TRIGGER {table}_frozen_{verb.lower()} BEFORE {verb} ON {table} WHEN EXISTS "
            f"(SELECT 1 FROM agreement_version v WHERE v.id IN ({versions}) AND v.frozen_at IS NOT NULL) "
            "BEGIN SELECT RAISE(ABORT, 'version_is_frozen'); END"
        )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {append_only}_no_{verb.lower()} BEFORE {verb} ON {append_only} "
            "BEGIN SELECT RAISE(ABORT, 'append_only'); END"
        )
