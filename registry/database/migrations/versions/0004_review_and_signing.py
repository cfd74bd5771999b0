"""Rounds of review, comments, the order of signatures, and who may sign for an agency."""

import sqlalchemy as sa
from alembic import op

from registry.database import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = "agreement_signature_authority"


def upgrade() -> None:
    _reviews()
    _comments()
    _signing()
    _authority()
    dialect = op.get_bind().dialect.name
    _carry_over("randomblob(16)" if dialect == "sqlite" else "gen_random_uuid()")
    _guards(dialect)


def _reviews() -> None:
    op.create_table(
        "agreement_review_round",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("version_id", types.Uuid(), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("closed_at", types.Instant()),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_review_round"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_agreement_review_round_agreement_id"),
        sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name="fk_agreement_review_round_version_id"),
        sa.UniqueConstraint("version_id", name="uq_agreement_review_round_version_id"),
        sa.UniqueConstraint("agreement_id", "no", name="uq_agreement_review_round_agreement_id_no"),
        sa.CheckConstraint(
            "outcome IN ('approved', 'sent_back', 'withdrawn')", name="ck_agreement_review_round_outcome"
        ),
        sa.CheckConstraint("(outcome IS NULL) = (closed_at IS NULL)", name="ck_agreement_review_round_closed"),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_agreement_review_round_open",
        "agreement_review_round",
        ["agreement_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "agreement_reviewer",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("round_id", types.Uuid(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("due_on", types.Civil()),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("words", sa.Text()),
        sa.Column("decided_at", types.Instant()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_reviewer"),
        sa.ForeignKeyConstraint(["round_id"], ["agreement_review_round.id"], name="fk_agreement_reviewer_round_id"),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_agreement_reviewer_agency_id"),
        sa.CheckConstraint(
            "verdict IN ('pending', 'approved', 'changes_requested', 'released')", name="ck_agreement_reviewer_verdict"
        ),
        sa.CheckConstraint("(verdict = 'pending') = (decided_at IS NULL)", name="ck_agreement_reviewer_decided"),
        sa.CheckConstraint(
            "verdict NOT IN ('changes_requested', 'released') OR words IS NOT NULL", name="ck_agreement_reviewer_words"
        ),
        sa.CheckConstraint("length(desk) BETWEEN 1 AND 120", name="ck_agreement_reviewer_desk_length"),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_agreement_reviewer_desk",
        "agreement_reviewer",
        ["round_id", "agency_id", "desk"],
        unique=True,
        sqlite_where=sa.text("verdict <> 'released'"),
        postgresql_where=sa.text("verdict <> 'released'"),
    )


def _comments() -> None:
    op.create_table(
        "agreement_comment",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("thread_id", types.Uuid(), nullable=False),
        sa.Column("parent_id", types.Uuid()),
        sa.Column("version_id", types.Uuid(), nullable=False),
        sa.Column("provision", sa.Text()),
        sa.Column("anchor_sha256", sa.Text(), nullable=False),
        sa.Column("quote_start", sa.Integer()),
        sa.Column("quote_end", sa.Integer()),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("desk", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("edited_at", types.Instant()),
        sa.Column("resolved_at", types.Instant()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_comment"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name="fk_agreement_comment_agreement_id"),
        sa.ForeignKeyConstraint(["thread_id"], ["agreement_comment.id"], name="fk_agreement_comment_thread_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["agreement_comment.id"], name="fk_agreement_comment_parent_id"),
        sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name="fk_agreement_comment_version_id"),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_agreement_comment_agency_id"),
        sa.CheckConstraint("audience IN ('parties', 'agency')", name="ck_agreement_comment_audience"),
        sa.CheckConstraint("(parent_id IS NULL) = (thread_id = id)", name="ck_agreement_comment_thread"),
        sa.CheckConstraint("parent_id IS NULL OR resolved_at IS NULL", name="ck_agreement_comment_resolved"),
        sa.CheckConstraint("(quote_start IS NULL) = (quote_end IS NULL)", name="ck_agreement_comment_quote"),
        sa.CheckConstraint(
            "quote_start IS NULL OR quote_start >= 0 AND quote_end > quote_start",
            name="ck_agreement_comment_quote_range",
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_agreement_comment_agreement_id", "agreement_comment", ["agreement_id", "thread_id", "id"])


def _signing() -> None:
    op.create_table(
        "agreement_signing",
        sa.Column("version_id", types.Uuid(), nullable=False),
        sa.Column("signing_order", sa.Text(), nullable=False),
        sa.Column("due_on", types.Civil()),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name="pk_agreement_signing"),
        sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name="fk_agreement_signing_version_id"),
        sa.CheckConstraint("signing_order IN ('parallel', 'sequential')", name="ck_agreement_signing_signing_order"),
        sqlite_strict=True,
    )
    op.create_table(
        "agreement_signing_turn",
        sa.Column("version_id", types.Uuid(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", "agency_id", name="pk_agreement_signing_turn"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["agreement_signing.version_id"], name="fk_agreement_signing_turn_version_id"
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_agreement_signing_turn_agency_id"),
        sa.UniqueConstraint("version_id", "turn", name="uq_agreement_signing_turn_version_id_turn"),
        sa.CheckConstraint("turn >= 0", name="ck_agreement_signing_turn_turn"),
        sqlite_strict=True,
    )


def _authority() -> None:
    op.create_table(
        "signing_authority",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("parent_id", types.Uuid()),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("office", sa.Text(), nullable=False),
        sa.Column("office_key", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("citation", sa.Text(), nullable=False),
        sa.Column("kinds", types.Json(), nullable=False),
        sa.Column("ceiling_minor", sa.BigInteger()),
        sa.Column("ceiling_currency", sa.Text()),
        sa.Column("valid_from", types.Civil(), nullable=False),
        sa.Column("valid_until", types.Civil()),
        sa.Column("revoked_on", types.Civil()),
        sa.Column("revocation_reason", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signing_authority"),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_signing_authority_agency_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["signing_authority.id"], name="fk_signing_authority_parent_id"),
        sa.CheckConstraint(
            "basis IN ('statute', 'charter', 'ordinance', 'resolution', 'policy', 'election')",
            name="ck_signing_authority_basis",
        ),
        sa.CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="ck_signing_authority_validity"),
        sa.CheckConstraint("(parent_id IS NULL) = (depth = 0)", name="ck_signing_authority_parent"),
        sa.CheckConstraint("depth BETWEEN 0 AND 3", name="ck_signing_authority_depth"),
        sa.CheckConstraint("(ceiling_minor IS NULL) = (ceiling_currency IS NULL)", name="ck_signing_authority_ceiling"),
        sa.CheckConstraint("(revoked_on IS NULL) = (revocation_reason IS NULL)", name="ck_signing_authority_revoked"),
        sqlite_strict=True,
    )
    op.create_index("ix_signing_authority_agency_id", "signing_authority", ["agency_id", "id"])
    op.create_index("ix_signing_authority_office_key", "signing_authority", ["agency_id", "office_key"])
    op.create_table(
        "agreement_signature_authority",
        sa.Column("version_id", types.Uuid(), nullable=False),
        sa.Column("agency_id", types.Uuid(), nullable=False),
        sa.Column("authority_id", types.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", "agency_id", name="pk_agreement_signature_authority"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["agreement_version.id"], name="fk_agreement_signature_authority_version_id"
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name="fk_agreement_signature_authority_agency_id"),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["signing_authority.id"], name="fk_agreement_signature_authority_authority_id"
        ),
        sqlite_strict=True,
    )


def _carry_over(fresh_id: str) -> None:
    """Texts that are in review or out for signature now: reviewers can still be named, and all may sign at once."""
    current = "JOIN agreement_version v ON v.agreement_id = a.id AND v.no = a.current_version"
    op.execute(
        "INSERT INTO agreement_review_round (id, agreement_id, version_id, no, opened_at)"
        f" SELECT {fresh_id}, a.id, v.id, 1, v.frozen_at FROM agreement a {current} WHERE a.stage = 'in_review'"
    )
    op.execute(
        "INSERT INTO agreement_signing (version_id, signing_order, opened_at)"
        f" SELECT v.id, 'parallel', a.updated_at FROM agreement a {current} WHERE a.stage = 'out_for_signature'"
    )
    op.execute(
        "INSERT INTO agreement_signing_turn (version_id, agency_id, turn)"
        f" SELECT v.id, p.agency_id, p.ordinal FROM agreement a {current}"
        " JOIN agreement_party p ON p.agreement_id = a.id WHERE a.stage = 'out_for_signature'"
    )


def _guards(dialect: str) -> None:
    """What a signature rested on is as much part of the past as the signature."""
    if dialect == "postgresql":
        op.execute(
            f"CREATE TRIGGER {APPEND_ONLY}_no_change BEFORE UPDATE OR DELETE ON {APPEND_ONLY} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change('append_only')"
        )
        op.execute(
            f"CREATE TRIGGER {APPEND_ONLY}_no_truncate BEFORE TRUNCATE ON {APPEND_ONLY} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('append_only')"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {APPEND_ONLY}_no_{verb.lower()} BEFORE {verb} ON {APPEND_ONLY} "
            "BEGIN SELECT RAISE(ABORT, 'append_only'); END"
        )
