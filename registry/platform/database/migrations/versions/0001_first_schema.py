"""The first schema: every table, the guards that tables alone cannot say, the search indexes, and the operator.

Nothing is released yet, so whoever changes a table in a room's `tables.py` changes it here too, in place; a test holds
the two together. From the first release on this file stands still, and a change is a script of its own.
The tables are written as the rooms write them, without the words that callers hear.
"""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from registry.platform.database.types import Civil, Instant, Json, Uuid

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPERATOR_ID = UUID("01900000-0000-7000-8000-000000000001")
REGISTERED_AT = datetime(2026, 1, 1, tzinfo=UTC)
ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")

schema = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

APPEND_ONLY = (
    "ledger_event",
    "ledger_event_agency",
    "ledger_leaf",
    "ledger_feed",
    "ledger_node",
    "ledger_checkpoint",
    "ledger_cosignature",
    "ledger_archived_segment",
    "agreement_signature_authority",
    "document_repetition",
)
# The transaction that drops an archived segment says so by a row that it removes again; see `ledger_dropping`.
NOT_DROPPING = (
    "NOT EXISTS (SELECT 1 FROM ledger_leaf l JOIN ledger_dropping d ON l.seq >= d.start AND l.seq < d.tree_size "
    "WHERE l.event_id = OLD.id)"
)
PARTS_OF_A_VERSION = ("provision", "agreement_coverage", "agreement_version_dates", "agreement_version_part")
AUDITED = (
    "type IN ('access.denied', 'access.sign_in_refused', 'agreement.file_exported', 'agreement.restricted_text_read', "
    "'asset.exported', 'loan.exported', 'past_loan.exported', 'personnel.name_read', 'policy_question.asked', "
    "'request.exported')"
)
SEARCHED = ("agency", "asset", "agreement_passage")
# A document can be withdrawn, once; nothing else of it ever changes.
FILED = ("id", "agreement_id", "version_id", "sha256", "kind", "title", "filename", "sensitivity", "exemption")
FILED += ("text_layer", "remarks", "pages", "filed_by_id", "filed_at")
# Of an asset's document the title and whether it is shared may change, until it is withdrawn or replaced.
FILED_WITH_ASSET = ("id", "asset_id", "sha256", "media_type", "kind", "filename", "remarks", "pages", "filed_at")
FILED_WITH_ASSET += ("asset_certificate_id", "insurance_id")
FILED_WITH_LOAN = ("id", "loan_id", "sha256", "media_type", "kind", "occasion", "side", "filename", "title", "remarks")
FILED_WITH_LOAN += ("pages", "filed_at")
DOCUMENTS = {"document": FILED, "asset_document": FILED_WITH_ASSET, "loan_document": FILED_WITH_LOAN}
# What a policy set says stands for ever, since decisions name it; where it stands changes. Of a signature and of an
# approval only from when it counts does: from its own day, once those whose days that touches have agreed to it.
SIGNED = ("id", "agreement_id", "version_id", "agency_id", "manner", "signatory_title", "signed_on", "evidence_sha256")
SIGNED += ("evidence_location", "recorded_at", "separation_relaxed", "publishes")
APPROVED = ("id", "agreement_id", "agency_id", "body", "reference", "approved_on", "expires_on", "starts_at", "ends_at")
APPROVED += ("evidence_sha256", "evidence_location", "recorded_at", "act", "version_no", "version_sha256")
SAID = {
    "policy_set": ("id", "agency_id", "title", "rules", "cedar", "tests", "text", "digest", "created_at"),
    "agreement_signature": SIGNED,
    "agreement_approval": APPROVED,
}


def upgrade() -> None:
    connection = op.get_bind()
    schema.create_all(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        _guards_on_postgresql()
        _search_on_postgresql()
    else:
        _guards_on_sqlite()
        _search_on_sqlite()
    _register_the_operator()


def _table(name: str, *items: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, schema, *items, sqlite_strict=True)


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({allowed})", name=column)


def _unique_where(name: str, *columns: str, sqlite: str, postgresql: str) -> sa.Index:
    conditions = {"sqlite_where": sa.text(sqlite), "postgresql_where": sa.text(postgresql)}
    return sa.Index(name, *columns, unique=True, **conditions)


# The platform: the ledger, stored answers, revocations.

_table(
    "ledger_event",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject_id", Uuid, nullable=False),
    sa.Column("subject_version", sa.BigInteger, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("agreement_id", Uuid),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("restricted", sa.Boolean, nullable=False),
    sa.Column("actor_agency_id", Uuid),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("canonical", sa.LargeBinary, nullable=False),
    sa.Column("private", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("subject_id", "subject_version", "n"),
    _one_of("audience", "agencies", "network", "public"),
    sa.CheckConstraint("audience = 'agencies' OR NOT restricted", name="restricted"),
    sa.CheckConstraint("occurred_at <= recorded_at", name="occurred_at"),
    _one_of("outcome", "done", "denied", "failed"),
    sa.Index("ix_ledger_event_audited", "id", sqlite_where=sa.text(AUDITED), postgresql_where=sa.text(AUDITED)),
)

_table(
    "ledger_event_agency",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("event_id", Uuid, primary_key=True),
)

_table(
    "ledger_unsealed",
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("event_id", Uuid, sa.ForeignKey("ledger_event.id"), nullable=False),
    sa.Index("ix_ledger_unsealed_event_id", "event_id"),
)

_table(
    "ledger_leaf",
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event_id", Uuid, nullable=False),
    sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
    sa.Column("root_hash", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("event_id"),
    sa.CheckConstraint("seq >= 0", name="seq"),
)

_table(
    "ledger_feed",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event_id", Uuid, nullable=False),
)

_table(
    "ledger_node",
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("level > 0 AND level % 4 = 0", name="level"),
    sa.CheckConstraint("number >= 0", name="number"),
)

_table(
    "ledger_signing_key",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("private_key", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
    sa.UniqueConstraint("public_key"),
    _unique_where(
        "uq_ledger_signing_key_origin",
        "origin",
        sqlite="retired_at IS NULL",
        postgresql="retired_at IS NULL",
    ),
)

_table(
    "ledger_checkpoint",
    sa.Column("tree_size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root_hash", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("signed_at", Instant, nullable=False),
    sa.CheckConstraint("tree_size > 0", name="tree_size"),
)

_table(
    "ledger_cosignature",
    sa.Column("tree_size", sa.BigInteger, sa.ForeignKey("ledger_checkpoint.tree_size"), primary_key=True),
    sa.Column("verifier_key", sa.Text, primary_key=True),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("added_at", Instant, nullable=False),
)

_table(
    "ledger_archived_segment",
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tree_size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("dropped", sa.BigInteger, nullable=False),
    sa.Column("last_recorded_at", Instant, nullable=False),
    sa.Column("kept_by", sa.Text, nullable=False),
    sa.Column("event_id", Uuid, nullable=False),
    sa.CheckConstraint("start >= 0 AND start < tree_size", name="tree_size"),
    sa.CheckConstraint("dropped >= 0", name="dropped"),
)

_table(
    "ledger_dropping",
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tree_size", sa.BigInteger, nullable=False),
)

_table(
    "ledger_hold",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("placed_at", Instant, nullable=False),
    sa.Column("lifted_at", Instant),
    sa.Column("lifted_authority", sa.Text),
    sa.Column("lifted_reason", sa.Text),
    sa.CheckConstraint(
        "(lifted_at IS NULL) = (lifted_reason IS NULL) AND (lifted_at IS NULL) = (lifted_authority IS NULL)",
        name="lifted",
    ),
)

_table(
    "idempotency_record",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("operation", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("headers", Json),
    sa.Column("body", sa.LargeBinary),
    sa.Index("ix_idempotency_record_created_at", "created_at"),
)

_table(
    "revocation",
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("id", Uuid, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("revoked_at", Instant, nullable=False),
    sa.Column("lifted_at", Instant),
    sa.Column("by_operator", sa.Boolean, nullable=False),
    sa.Column("is_final", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    _one_of("kind", "token", "person"),
    sa.CheckConstraint("NOT is_final OR lifted_at IS NULL", name="final"),
    sa.UniqueConstraint("id"),
    sa.Index("ix_revocation_agency_id", "agency_id", "id"),
)

_table(
    "principal",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("attributes", Json),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("last_seen_at", Instant, nullable=False),
    sa.Column("restored_at", Instant),
    sa.Column("name_purged_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("agency_id", "issuer", "subject"),
    sa.CheckConstraint("name IS NULL OR name_purged_at IS NULL", name="name"),
    sa.Index("ix_principal_agency_id", "agency_id", "id"),
    sa.Index("ix_principal_issuer", "issuer"),
)

_table(
    "acting_agency",
    sa.Column("agency_id", Uuid, primary_key=True),
)

_table(
    "seen_agency",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("first_seen_at", Instant, nullable=False),
)

_table(
    "request_count",
    sa.Column("counted", sa.Text, primary_key=True),
    sa.Column("minute", Instant, primary_key=True),
    sa.Column("requests", sa.Integer, nullable=False),
)

_table(
    "separated_act",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("thing_id", Uuid, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("agency_id", Uuid, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("done_at", Instant, nullable=False),
    _one_of("act", "draft", "approve", "sign", "reserve", "activate"),
    sa.Index("ix_separated_act_thing_id", "thing_id", "agency_id", "subject"),
)

_table(
    "relaxed_separation",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("separation", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("relaxed_at", Instant, nullable=False),
    _one_of("separation", "draft_approve", "approve_sign", "approve_reserve", "draft_activate"),
)

_table(
    "schema_support",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("served_from", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)

_table(
    "installation",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("probed_at", Instant),
    sa.Column("ledger_key_check", sa.Text),
    sa.CheckConstraint("id = 1", name="one_row"),
    _one_of("purpose", "real", "demonstration"),
)


_table(
    "task_lease",
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("held_until", Instant, nullable=False),
)

_table(
    "mail_recipient",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("origin", sa.Text),
    sa.Column("confirmed_at", Instant),
    sa.Column("asked_address", sa.Text),
    sa.Column("code_letter_id", Uuid),
    sa.Column("code_ends_at", Instant),
    sa.Column("failing_from", Instant),
    sa.Column("failure", sa.Text),
    sa.UniqueConstraint("agency_id", "issuer", "subject"),
    _one_of("origin", "identity_provider", "code"),
    sa.CheckConstraint("(address IS NULL) = (confirmed_at IS NULL)", name="confirmed"),
    sa.CheckConstraint("(asked_address IS NULL) = (code_letter_id IS NULL)", name="asked"),
)

_table(
    "mail_letter",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("recipient_id", Uuid, sa.ForeignKey("mail_recipient.id"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try_at", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("error", sa.Text),
    _one_of("purpose", "confirmation", "notice"),
    _one_of("status", "waiting", "sent", "failed", "needless"),
    sa.CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name="ended"),
    sa.Index("ix_mail_letter_status", "status", "next_try_at", "id"),
    sa.Index("ix_mail_letter_recipient_id", "recipient_id", "id"),
    sa.Index("ix_mail_letter_ended_at", "ended_at"),
)

_table(
    "webhook",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("types", Json, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("disabled_at", Instant),
    sa.Column("disabled_because", sa.Text),
    sa.Column("enabled_at", Instant, nullable=False),
    sa.Column("after_seq", sa.BigInteger, nullable=False),
    sa.Column("missed_to_seq", sa.BigInteger),
    sa.Column("missed", Json),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_from", Instant),
    sa.Column("failed_at", Instant),
    sa.Column("quiet_until", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("removed_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    _one_of("body", "thin", "full"),
    _one_of("status", "enabled", "disabled"),
    _one_of("disabled_because", "asked", "failing", "gone"),
    sa.CheckConstraint(
        "(status = 'disabled') = (disabled_at IS NOT NULL) AND (disabled_at IS NULL) = (disabled_because IS NULL)",
        name="disabled",
    ),
    sa.CheckConstraint("after_seq >= -1", name="after_seq"),
    sa.CheckConstraint("failures >= 0", name="failures"),
    sa.Index("ix_webhook_agency_id", "agency_id", "id"),
)

_table(
    "webhook_secret",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("webhook_id", Uuid, sa.ForeignKey("webhook.id"), nullable=False),
    sa.Column("secret", sa.Text, nullable=False, info={"encrypted": True}),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Index("ix_webhook_secret_webhook_id", "webhook_id"),
)

_table(
    "webhook_delivery",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("webhook_id", Uuid, sa.ForeignKey("webhook.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("event_id", Uuid, sa.ForeignKey("ledger_event.id")),
    sa.Column("seq", sa.BigInteger),
    sa.Column("subject_id", Uuid),
    sa.Column("told", Json),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try_at", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_tried_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("http_status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("took_ms", sa.Integer),
    sa.Column("version", sa.Integer, nullable=False),
    _one_of("kind", "event", "test", "missed"),
    _one_of("status", "waiting", "delivered", "failed", "missed", "withheld"),
    sa.CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name="ended"),
    sa.CheckConstraint(
        "(kind = 'event') = (event_id IS NOT NULL) AND (event_id IS NULL) = (seq IS NULL)"
        " AND (event_id IS NULL) = (subject_id IS NULL)",
        name="event",
    ),
    sa.UniqueConstraint("event_id", "webhook_id"),
    sa.Index("ix_webhook_delivery_webhook_id", "webhook_id", "id"),
    sa.Index("ix_webhook_delivery_status", "webhook_id", "status", "next_try_at", "id"),
    sa.Index("ix_webhook_delivery_subject_id", "webhook_id", "subject_id", "seq"),
    sa.Index("ix_webhook_delivery_ended_at", "ended_at"),
)

_table(
    "fan_out_cursor",
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("after_seq", sa.BigInteger, nullable=False),
    sa.Column("moved_at", Instant, nullable=False),
    sa.CheckConstraint("after_seq >= -1", name="after_seq"),
)

_table(
    "notice_choice",
    sa.Column("recipient_id", Uuid, sa.ForeignKey("mail_recipient.id"), primary_key=True),
    sa.Column("rhythm", sa.Text, nullable=False),
    sa.Column("digest_at", sa.Integer, nullable=False),
    sa.Column("digest_on", sa.Text, nullable=False),
    sa.Column("quiet_from", sa.Integer),
    sa.Column("quiet_to", sa.Integer),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("kinds_off", Json, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("looked_at", Instant, nullable=False),
    sa.Column("next_look_at", Instant),
    sa.Column("stopped_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    _one_of("rhythm", "none", "at_once", "daily", "weekly"),
    _one_of("digest_on", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    sa.CheckConstraint("digest_at BETWEEN 0 AND 1439", name="digest_at"),
    sa.CheckConstraint("quiet_from BETWEEN 0 AND 1439 AND quiet_to BETWEEN 0 AND 1439", name="quiet_hours"),
    sa.CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="both_ends"),
    sa.Index("ix_notice_choice_next_look_at", "next_look_at", "recipient_id"),
)

_table(
    "notice_told",
    sa.Column("recipient_id", Uuid, sa.ForeignKey("mail_recipient.id"), primary_key=True),
    sa.Column("told_key", sa.Text, primary_key=True),
    sa.Column("letter_id", Uuid, nullable=False),
    sa.Column("told_at", Instant, nullable=False),
    sa.Index("ix_notice_told_letter_id", "letter_id"),
)


# The directory: agencies, and the words that everybody uses.

_table(
    "agency",
    sa.Column("id", Uuid, nullable=False, unique=True),
    sa.Column("n", ROW_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("state", sa.Text),
    sa.Column("counties", Json, nullable=False),
    sa.Column("uei", sa.Text),
    sa.Column("parent_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("successor_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("cell", sa.Integer),
    sa.Column("time_zone", sa.Text),
    sa.Column("population", sa.Integer),
    sa.Column("sworn", sa.Integer),
    sa.Column("civilian", sa.Integer),
    sa.Column("phone", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("own_word_since", Instant),
    sa.Column("own_word_reason", sa.Text),
    sa.Column("dissolved_at", Instant),
    sa.Column("source", sa.Text),
    sa.Column("source_digest", sa.Text),
    sa.Column("source_facts", Json),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("uei"),
    _one_of("status", "listed", "active", "suspended", "dissolved"),
    _one_of("level", "local", "county", "state", "tribal", "federal", "other"),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("(status = 'dissolved') = (dissolved_at IS NOT NULL)", name="dissolved"),
    sa.CheckConstraint("(own_word_since IS NULL) = (own_word_reason IS NULL)", name="own_word"),
    sa.Index("ix_agency_cell", "cell"),
    sa.Index("ix_agency_state", "state", "id"),
    sa.Index("ix_agency_status", "status", "id"),
    sa.Index("ix_agency_updated_at", "updated_at", "id"),
)

_table(
    "agency_ori",
    sa.Column("ori", sa.Text, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("is_primary", sa.Boolean, nullable=False),
    sa.CheckConstraint("length(ori) = 9", name="ori_length"),
    sa.Index("ix_agency_ori_agency_id", "agency_id"),
)

_table(
    "category",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("parent", sa.Text, sa.ForeignKey("category.code")),
    sa.Column("resource_kind", sa.Text, nullable=False),
    sa.Column("scheme", sa.Text),
    sa.Column("discipline", sa.Text),
    sa.Column("nims_id", sa.Text),
    sa.Column("nims_name", sa.Text),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("aliases", Json, nullable=False),
    sa.Column("types", Json, nullable=False),
    sa.Column("speed_kmh", sa.Integer),
    sa.Column("speed_basis", sa.Text),
    sa.Column("id", Uuid, unique=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant),
    sa.Column("updated_at", Instant),
    _one_of("scheme", "nims", "iso_iec_17025"),
    _one_of("status", "in_use", "retired"),
    sa.CheckConstraint("(agency_id IS NULL) = (id IS NULL)", name="own"),
    sa.CheckConstraint("(speed_kmh IS NULL) = (speed_basis IS NULL)", name="speed"),
    sa.Index("ix_category_agency", "agency_id", "code"),
)

_table(
    "category_closure",
    sa.Column("ancestor", sa.Text, sa.ForeignKey("category.code"), primary_key=True),
    sa.Column("descendant", sa.Text, sa.ForeignKey("category.code"), primary_key=True),
    sa.Index("ix_category_closure_descendant", "descendant", "ancestor"),
)

_table(
    "category_attribute",
    sa.Column("category", sa.Text, sa.ForeignKey("category.code"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("measured_in", sa.Text),
    sa.Column("choices", Json, nullable=False),
    sa.Column("minimum", sa.Double),
    sa.Column("maximum", sa.Double),
    sa.Column("description", sa.Text, nullable=False),
    _one_of("kind", "text", "number", "boolean", "choice"),
    sa.Index("ix_category_attribute_name", "name"),
)

_table(
    "capability_type",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("parent", sa.Text, sa.ForeignKey("capability_type.code")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("scale", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("aliases", Json, nullable=False),
)

_table(
    "capability_type_closure",
    sa.Column("ancestor", sa.Text, sa.ForeignKey("capability_type.code"), primary_key=True),
    sa.Column("descendant", sa.Text, sa.ForeignKey("capability_type.code"), primary_key=True),
    sa.Index("ix_capability_type_closure_descendant", "descendant", "ancestor"),
)

_table(
    "purpose",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)

_table(
    "provision_heading",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)


# Agreements: texts, parties, who is bound when.

_table(
    "signing_authority",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("parent_id", Uuid, sa.ForeignKey("signing_authority.id")),
    sa.Column("depth", sa.Integer, nullable=False),
    sa.Column("office", sa.Text, nullable=False),
    sa.Column("office_key", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("citation", sa.Text, nullable=False),
    sa.Column("kinds", Json, nullable=False),
    sa.Column("ceiling_minor", sa.BigInteger),
    sa.Column("ceiling_currency", sa.Text),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("revoked_on", Civil),
    sa.Column("revoked_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("basis", "statute", "charter", "ordinance", "resolution", "policy", "election"),
    sa.CheckConstraint("expires_on IS NULL OR expires_on >= effective_on", name="validity"),
    sa.CheckConstraint("(parent_id IS NULL) = (depth = 0)", name="parent"),
    sa.CheckConstraint("depth BETWEEN 0 AND 3", name="depth"),
    sa.CheckConstraint("(ceiling_minor IS NULL) = (ceiling_currency IS NULL)", name="ceiling"),
    sa.CheckConstraint("(revoked_on IS NULL) = (revoked_reason IS NULL)", name="revoked"),
    sa.Index("ix_signing_authority_agency_id", "agency_id", "id"),
    sa.Index("ix_signing_authority_office_key", "agency_id", "office_key"),
)

_table(
    "token_issuer",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("description", Json),
    sa.Column("every_agency", sa.Boolean, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("issuer"),
)

_table(
    "operator_act",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("expected", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("proposed_issuer", sa.Text, nullable=False),
    sa.Column("proposed_subject", sa.Text, nullable=False),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("lapses_at", Instant, nullable=False),
    sa.Column("decided_issuer", sa.Text),
    sa.Column("decided_subject", sa.Text),
    sa.Column("decided_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    _one_of("status", "proposed", "performed", "rejected"),
    sa.CheckConstraint("(decided_at IS NULL) = (status = 'proposed')", name="decided_at"),
    sa.CheckConstraint(
        "status <> 'performed' OR decided_issuer <> proposed_issuer OR decided_subject <> proposed_subject",
        name="second_operator",
    ),
)

_table(
    "issuer_agency",
    sa.Column("issuer_id", Uuid, sa.ForeignKey("token_issuer.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("claim_value", sa.Text, primary_key=True),
    sa.Column("attached_at", Instant, nullable=False),
    sa.Index("ix_issuer_agency_agency_id", "agency_id"),
)

_table(
    "client",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("authentication", sa.Text, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("disabled_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    _one_of("authentication", "client_secret", "private_key_jwt"),
    sa.Index("ix_client_agency_id", "agency_id", "id"),
)

_table(
    "client_credential",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("client_id", Uuid, sa.ForeignKey("client.id"), nullable=False),
    sa.Column("secret_sha256", sa.Text),
    sa.Column("public_keys", Json),
    sa.Column("jwks_uri", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("last_used_at", Instant),
    sa.CheckConstraint(
        "CASE WHEN secret_sha256 IS NULL THEN 0 ELSE 1 END + CASE WHEN public_keys IS NULL THEN 0 ELSE 1 END"
        " + CASE WHEN jwks_uri IS NULL THEN 0 ELSE 1 END = 1",
        name="kind",
    ),
    sa.UniqueConstraint("secret_sha256"),
    sa.Index("ix_client_credential_client_id", "client_id"),
)

_table(
    "client_assertion",
    sa.Column("client_id", Uuid, sa.ForeignKey("client.id"), primary_key=True),
    sa.Column("jti_sha256", sa.Text, primary_key=True),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_client_assertion_expires_at", "expires_at"),
)

_table(
    "signing_key",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("public_key", Json, nullable=False),
    sa.Column("private_key", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
    _unique_where(
        "uq_signing_key_algorithm", "algorithm", sqlite="retired_at IS NULL", postgresql="retired_at IS NULL"
    ),
)

_table(
    "agreement",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("number_key", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("custodian_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("over_at", Instant),
    sa.Column("over_by", sa.Text),
    sa.Column("ends_on", Civil),
    sa.Column("notice", Json, nullable=False),
    sa.Column("executed_at", Instant),
    sa.Column("terminated_at", Instant),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("is_shared", sa.Boolean, nullable=False),
    sa.Column("is_public", sa.Boolean, nullable=False),
    sa.Column("current_version", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("auto_renew_months", sa.Integer),
    sa.Column("auto_renew_times", sa.Text),
    sa.Column("renewal_day", sa.Integer),
    sa.Column("review_every_months", sa.Integer),
    sa.Column("ratify_by", Instant),
    sa.Column("superseded_by_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("custody_offered_to_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("settles_at", Instant),
    sa.Column("shared_changes", sa.Integer, nullable=False, server_default="1"),
    sa.Column("shared_updated_at", Instant, nullable=False),
    sa.Column("public_version", sa.Integer),
    sa.Column("public_title", sa.Text),
    sa.Column("public_expires_on", Civil),
    sa.Column("public_over_at", Instant),
    sa.Column("public_ends_on", Civil),
    sa.Column("public_search_text", sa.Text),
    sa.Column("public_changes", sa.Integer, nullable=False, server_default="1"),
    sa.Column("public_updated_at", Instant, nullable=False),
    sa.UniqueConstraint("custodian_id", "number_key"),
    _one_of(
        "stage",
        "draft",
        "in_review",
        "approved",
        "out_for_signature",
        "executed",
        "suspended",
        "terminated",
        "superseded",
        "withdrawn",
    ),
    sa.CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="bounds"),
    sa.CheckConstraint("is_public = (public_version IS NOT NULL)", name="public"),
    sa.Index("ix_agreement_settles_at", "settles_at"),
    sa.Index("ix_agreement_public_updated_at", "public_updated_at", "id"),
    sa.Index("ix_agreement_shared_updated_at", "shared_updated_at", "id"),
    sa.Index("ix_agreement_updated_at", "updated_at", "id"),
)

_table(
    "agreement_version",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("terms", Json, nullable=False),
    sa.Column("canonical", sa.LargeBinary),
    sa.Column("sha256", sa.Text),
    sa.Column("frozen_at", Instant),
    sa.Column("is_recorded", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("restricted_terms", Json),
    sa.Column("contradicted_terms", Json),
    sa.Column("open_to_accession", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("agreement_id", "no"),
    sa.CheckConstraint("(sha256 IS NULL) = (frozen_at IS NULL)", name="frozen"),
    sa.CheckConstraint("(canonical IS NULL) = (frozen_at IS NULL)", name="canonical"),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
)

_table(
    "agreement_version_part",
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("provision", sa.Text),
    sa.Column("canonical", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.CheckConstraint("(provision IS NULL) = (ordinal = 0)", name="provision"),
    sa.CheckConstraint("length(sha256) = 64", name="sha256"),
)

_table(
    "agreement_version_dates",
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("notice", Json, nullable=False),
    sa.Column("auto_renew_months", sa.Integer),
    sa.Column("auto_renew_times", sa.Text),
    sa.Column("renewal_day", sa.Integer),
    _one_of("kind", "original", "amendment", "renewal"),
    sa.CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="bounds"),
    sa.CheckConstraint("auto_renew_months IS NULL OR expires_on IS NOT NULL", name="renewal"),
    sa.CheckConstraint("(auto_renew_months IS NULL) = (auto_renew_times IS NULL)", name="renewals"),
    sa.CheckConstraint("renewal_day IS NULL OR renewal_day BETWEEN 28 AND 30", name="renewal_day"),
)

_table(
    "agreement_amendment",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("executed_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("is_paper", sa.Boolean, nullable=False),
    sa.UniqueConstraint("version_id"),
    _one_of("stage", "draft", "in_review", "approved", "out_for_signature", "executed", "withdrawn"),
    sa.CheckConstraint("(stage IN ('executed', 'withdrawn')) = (closed_at IS NOT NULL)", name="closed"),
    sa.Index("ix_agreement_amendment_agreement_id", "agreement_id"),
    _unique_where(
        "uq_agreement_amendment_open",
        "agreement_id",
        sqlite="closed_at IS NULL AND NOT is_paper",
        postgresql="closed_at IS NULL AND NOT is_paper",
    ),
)

_table(
    "provision",
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("heading", sa.Text, sa.ForeignKey("provision_heading.code"), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("sensitivity", sa.Text, nullable=False),
    sa.Column("exemption", sa.Text),
    sa.UniqueConstraint("version_id", "number"),
    _one_of("sensitivity", "public", "parties", "restricted"),
)

_table(
    "agreement_coverage",
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), primary_key=True),
    sa.Column("category", sa.Text, sa.ForeignKey("category.code"), primary_key=True),
)

_table(
    "agreement_party",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("joined_at", Instant),
    sa.Column("withdrawal_notice_on", Civil),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("named_at", Instant),
    sa.Column("named_by_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("in_text", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("verbally_at", Instant),
    sa.Column("verbal_authority_id", Uuid, sa.ForeignKey("signing_authority.id")),
    sa.Column("leaves_at", Instant),
    sa.Column("notice_kind", sa.Text),
    sa.Column("notice_counts_on", Civil),
    sa.Column("notice_recorded_at", Instant),
    sa.Column("notice_leaves_on", Civil),
    sa.Column("notice_evidence_sha256", sa.Text),
    sa.Column("notice_evidence_location", sa.Text),
    sa.Column("notice_deliveries", Json),
    sa.Column("notice_receipts", Json),
    sa.Column("released_at", Instant),
    sa.Column("lapsed_at", Instant),
    sa.Column("term_version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("notice_version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("expires_on", Civil),
    sa.Column("over_at", Instant),
    sa.Column("ends_on", Civil),
    sa.Index("ix_agreement_party_agency_id", "agency_id", "agreement_id"),
)

_table(
    "agreement_approval",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("approved_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("counts_from", Instant, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("version_no", sa.Integer, nullable=False),
    sa.Column("version_sha256", sa.Text, nullable=False),
    sa.UniqueConstraint("agreement_id", "agency_id", "approved_on", "act"),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
)

_table(
    "agreement_approval_rule",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("required", sa.Boolean, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("each_text", sa.Boolean, nullable=False),
    sa.Column("citation", sa.Text),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.CheckConstraint("required OR NOT each_text", name="each_text"),
    sa.Index("ix_agreement_approval_rule_party", "agreement_id", "agency_id", "starts_at"),
)

_table(
    "agreement_suspension",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at >= starts_at", name="interval"),
)

_table(
    "agreement_signature",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("manner", sa.Text, nullable=False),
    sa.Column("signatory_title", sa.Text, nullable=False),
    sa.Column("signed_on", Civil, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("counts_from", Instant),
    sa.Column("separation_relaxed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("publishes", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.UniqueConstraint("version_id", "agency_id"),
    _one_of("manner", "electronic", "wet", "confirmed", "reported"),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
)

_table(
    "agreement_party_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("amended", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("assists", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("requests", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("bound_until", Instant),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index(
        "ix_agreement_party_window_agency",
        "agency_id",
        "agreement_id",
        "starts_at",
        "ends_at",
        "version_id",
        "amended",
        "assists",
        "requests",
    ),
    sa.Index(
        "ix_agreement_party_window_text",
        "agreement_id",
        "version_id",
        "agency_id",
        "starts_at",
        "ends_at",
        "amended",
        "assists",
        "requests",
    ),
)

_table(
    "agreement_text_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), nullable=False),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
)

_table(
    "agreement_force_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
)

_table(
    "agreement_notice_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("opens_at", Instant, primary_key=True),
    sa.Column("closes_at", Instant, nullable=False),
)

_table(
    "agreement_unasked",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("newcomer_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("since", Instant, primary_key=True),
    sa.Column("until", Instant),
    sa.Column("by_clause", sa.Boolean, nullable=False),
    sa.Column("agreed_at", Instant),
)

_table(
    "agreement_put_out",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("named_at", Instant, primary_key=True),
    sa.Column("put_out_at", Instant, nullable=False),
)


# Agreements: review and signing.

_table(
    "agreement_review_round",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), nullable=False),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("closed_at", Instant),
    sa.Column("outcome", sa.Text),
    sa.UniqueConstraint("version_id"),
    sa.UniqueConstraint("agreement_id", "no"),
    _one_of("outcome", "approved", "sent_back", "withdrawn", "activated_verbally"),
    sa.CheckConstraint("(outcome IS NULL) = (closed_at IS NULL)", name="closed"),
    _unique_where(
        "uq_agreement_review_round_open", "agreement_id", sqlite="closed_at IS NULL", postgresql="closed_at IS NULL"
    ),
)

_table(
    "agreement_reviewer",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("round_id", Uuid, sa.ForeignKey("agreement_review_round.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("department", sa.Text, nullable=False),
    sa.Column("required", sa.Boolean, nullable=False),
    sa.Column("due_on", Civil),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("words", sa.Text),
    sa.Column("decided_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("verdict", "pending", "approved", "changes_requested", "released"),
    sa.CheckConstraint("(verdict = 'pending') = (decided_at IS NULL)", name="decided"),
    sa.CheckConstraint("verdict NOT IN ('changes_requested', 'released') OR words IS NOT NULL", name="words"),
    sa.CheckConstraint("length(department) BETWEEN 1 AND 120", name="department_length"),
    _unique_where(
        "uq_agreement_reviewer_department",
        "round_id",
        "agency_id",
        "department",
        sqlite="verdict <> 'released'",
        postgresql="verdict <> 'released'",
    ),
)

_table(
    "agreement_comment",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("thread_id", Uuid, sa.ForeignKey("agreement_comment.id"), nullable=False),
    sa.Column("parent_id", Uuid, sa.ForeignKey("agreement_comment.id")),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), nullable=False),
    sa.Column("provision", sa.Text),
    sa.Column("anchor_sha256", sa.Text, nullable=False),
    sa.Column("quote_start", sa.Integer),
    sa.Column("quote_end", sa.Integer),
    sa.Column("restricted", sa.Boolean, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("department", sa.Text),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("edited_at", Instant),
    sa.Column("resolved_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("audience", "parties", "agency"),
    sa.CheckConstraint("(parent_id IS NULL) = (thread_id = id)", name="thread"),
    sa.CheckConstraint("parent_id IS NULL OR resolved_at IS NULL", name="resolved"),
    sa.CheckConstraint("(quote_start IS NULL) = (quote_end IS NULL)", name="quote"),
    sa.CheckConstraint("quote_start IS NULL OR quote_start >= 0 AND quote_end > quote_start", name="quote_range"),
    sa.Index("ix_agreement_comment_agreement_id", "agreement_id", "thread_id", "id"),
    sa.Index("ix_agreement_comment_updated", "agreement_id", "updated_at", "id"),
)

_table(
    "agreement_signing",
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), primary_key=True),
    sa.Column("signing_order", sa.Text, nullable=False),
    sa.Column("due_on", Civil),
    sa.Column("opened_at", Instant, nullable=False),
    _one_of("signing_order", "parallel", "sequential"),
)

_table(
    "agreement_signing_turn",
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_signing.version_id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.UniqueConstraint("version_id", "turn"),
    sa.CheckConstraint("turn >= 0", name="turn"),
)

_table(
    "agreement_declined",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("declined_at", Instant, nullable=False),
    sa.UniqueConstraint("version_id", "agency_id"),
    _one_of("action", "sign", "join"),
    sa.Index("ix_agreement_declined_agreement_id", "agreement_id", "id"),
)

_table(
    "agreement_signature_authority",
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("authority_id", Uuid, sa.ForeignKey("signing_authority.id"), nullable=False),
)


# Agreements: consent.

_table(
    "agreement_proposal",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ground", sa.Text),
    sa.Column("clause", sa.Text),
    sa.Column("proposed_by_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("notice_on", Civil),
    sa.Column("notice_kind", sa.Text),
    sa.Column("otherwise_at", Instant),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("newcomer_ids", Json),
    sa.Column("successor_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("signed_version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("approval_id", Uuid, sa.ForeignKey("agreement_approval.id")),
    sa.Column("notice_of_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("agreed_at", Instant),
    sa.Column("taken_back_at", Instant),
    sa.Column("closed_because", sa.Text),
    _one_of("kind", "end", "suspension", "reinstatement", "newcomers", "supersession", "departure", "earlier_day"),
    _one_of("ground", "mutual_consent", "right_to_end", "reported"),
    _one_of(
        "closed_because", "agreement_ended", "agreement_expired", "successor_ended", "newcomers_joined", "replaced"
    ),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
    sa.CheckConstraint("closed_because IS NULL OR taken_back_at IS NOT NULL", name="closed"),
    sa.CheckConstraint("(kind = 'end') = (ground IS NOT NULL)", name="ending"),
    sa.CheckConstraint("(kind = 'supersession') = (successor_id IS NOT NULL)", name="successor"),
    sa.CheckConstraint("ends_at IS NULL OR kind = 'suspension'", name="goes_on"),
    sa.CheckConstraint(
        "CASE WHEN notice_of_id IS NOT NULL OR kind <> 'earlier_day' "
        "THEN signed_version_id IS NULL AND approval_id IS NULL AND (notice_of_id IS NULL OR kind = 'earlier_day') "
        "ELSE signed_version_id IS NULL OR approval_id IS NULL END",
        name="act",
    ),
    sa.Index("ix_agreement_proposal_agreement_id", "agreement_id"),
    sa.Index("ix_agreement_proposal_successor_id", "successor_id"),
)

_table(
    "agreement_consent",
    sa.Column("proposal_id", Uuid, sa.ForeignKey("agreement_proposal.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("counts_from", Instant),
    sa.Index("ix_agreement_consent_agency_id", "agency_id"),
)

_table(
    "agreement_reported_act",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("acted_on", Civil, nullable=False),
    sa.Column("counts_at", Instant, nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("version_sha256", sa.Text),
    sa.Column("proposal_id", Uuid, sa.ForeignKey("agreement_proposal.id")),
    sa.Column("duty_id", Uuid),
    sa.Column("notice_kind", sa.Text),
    sa.Column("leaves_on", Civil),
    sa.Column("deliveries", Json),
    sa.Column("signatory_title", sa.Text),
    sa.Column("authority_id", Uuid, sa.ForeignKey("signing_authority.id")),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("recorded_by_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("recorded_by_person", sa.Text, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("notified_at", Instant),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("because", sa.Text),
    sa.Column("contested_at", Instant),
    sa.Column("answered_at", Instant),
    sa.Column("answer_reason", sa.Text),
    sa.Column("is_settled", sa.Boolean, nullable=False, server_default=sa.false()),
    _one_of(
        "kind",
        *("signed", "agreed_verbally", "gave_notice", "withdrew", "consented", "was_notified", "was_asked"),
        *("received_notice", "fulfilled_duty", "owes_duty"),
    ),
    _one_of("status", "unseconded", "open", "unconfirmed", "contested", "confirmed", "taken_back", "replaced"),
    _one_of(
        "because",
        "said_no",
        "may_not_act",
        "participation_suspended",
        "own_word_required",
        "not_reached",
        "authority_ended",
        "evidence_not_on_file",
    ),
    sa.CheckConstraint("(evidence_sha256 IS NULL) <> (evidence_location IS NULL)", name="evidence"),
    sa.CheckConstraint("because IS NOT NULL OR status <> 'unconfirmed'", name="unconfirmed"),
    sa.CheckConstraint("(status = 'unseconded') = (notified_at IS NULL)", name="notified"),
    sa.CheckConstraint(
        "proposal_id IS NOT NULL OR kind NOT IN ('consented', 'was_notified', 'was_asked')", name="proposal"
    ),
    sa.CheckConstraint("(kind IN ('fulfilled_duty', 'owes_duty')) = (duty_id IS NOT NULL)", name="duty"),
    sa.CheckConstraint("(kind = 'signed') = (version_id IS NOT NULL)", name="version"),
    sa.CheckConstraint("(kind IN ('signed', 'agreed_verbally')) = (version_sha256 IS NOT NULL)", name="text"),
    sa.Index("ix_agreement_reported_act_agreement_id", "agreement_id"),
    sa.Index("ix_agreement_reported_act_agency_id", "agency_id"),
)

_table(
    "agreement_party_suspension",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at >= starts_at", name="interval"),
)

_table(
    "agreement_pending",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("takes_effect_at", Instant, nullable=False),
    sa.Column("without", Json, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("alone_at", Instant),
    sa.Column("is_superseded", sa.Boolean, nullable=False),
    sa.Column("joined", sa.Integer, nullable=False),
)

_table(
    "agreement_pending_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    _one_of("kind", "force", "suspension", "notice"),
    sa.CheckConstraint("ends_at > starts_at", name="interval"),
)

_table(
    "agreement_pending_party_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id"), primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("amended", sa.BigInteger, nullable=False),
    sa.Column("assists", sa.Boolean, nullable=False),
    sa.Column("requests", sa.Boolean, nullable=False),
    sa.Column("bound_until", Instant),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index("ix_agreement_pending_party_window_agency", "agency_id", "agreement_id"),
)


# Agreements: documents, and the passages that the search finds.

_table(
    "document_content",
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("claimed_at", Instant, nullable=False),
    sa.CheckConstraint("length(sha256) = 64", name="sha256"),
    sa.CheckConstraint("size_bytes > 0", name="size"),
    sa.Index("ix_document_content_claimed_at", "claimed_at"),
)

_table(
    "document",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("sha256", sa.Text, sa.ForeignKey("document_content.sha256"), nullable=False),
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
    _one_of("kind", "signed_copy", "evidence", "exhibit", "addendum", "proof", "other"),
    _one_of("sensitivity", "public", "parties", "restricted"),
    _one_of("text_layer", "none", "partial", "whole"),
    sa.CheckConstraint("(sensitivity = 'restricted') = (exemption IS NOT NULL)", name="exemption"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawal"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by_id IS NULL)", name="withdrawer"),
    sa.Index("ix_document_agreement_id", "agreement_id", "id"),
    sa.Index("ix_document_sha256", "sha256"),
)

_table(
    "document_repetition",
    sa.Column("document_id", Uuid, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("clause", sa.Text),
    sa.Column("of_document_id", Uuid, sa.ForeignKey("document.id")),
    sa.Column("declassified", sa.Boolean, nullable=False),
    sa.CheckConstraint("(version_id IS NULL) <> (of_document_id IS NULL)", name="source"),
    sa.CheckConstraint("(version_id IS NULL) = (clause IS NULL)", name="clause"),
)

_table(
    "agreement_publication",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("document_id", Uuid, sa.ForeignKey("document.id")),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("published_at", Instant),
    sa.CheckConstraint("(version_id IS NULL) <> (document_id IS NULL)", name="thing"),
    sa.CheckConstraint("id = COALESCE(version_id, document_id)", name="id"),
    sa.Index("ix_agreement_publication_agreement_id", "agreement_id"),
)

_table(
    "agreement_publication_consent",
    sa.Column("publication_id", Uuid, sa.ForeignKey("agreement_publication.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("agrees", sa.Boolean),
    sa.Column("said_at", Instant),
    sa.CheckConstraint("(agrees IS NULL) = (said_at IS NULL)", name="said"),
    sa.Index("ix_agreement_publication_consent_agency_id", "agency_id"),
)

_table(
    "agreement_passage",
    sa.Column("n", ROW_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("document_id", Uuid, sa.ForeignKey("document.id")),
    sa.Column("document_name", sa.Text),
    sa.Column("filed_at", Instant),
    sa.Column("number", sa.Text),
    sa.Column("heading", sa.Text),
    sa.Column("page", sa.Integer),
    sa.Column("sensitivity", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    _one_of("source", "title", "provision", "document"),
    _one_of("sensitivity", "public", "parties", "restricted"),
    sa.CheckConstraint("(version_id IS NOT NULL) = (source = 'provision')", name="version"),
    sa.CheckConstraint("(document_id IS NOT NULL) = (source = 'document')", name="document"),
    sa.CheckConstraint("(document_id IS NULL) = (filed_at IS NULL)", name="filed"),
    sa.Index("ix_agreement_passage_agreement_id", "agreement_id"),
    sa.Index("ix_agreement_passage_document_id", "document_id"),
    sa.Index("ix_agreement_passage_version_id", "version_id"),
)

_table(
    "agreement_evidence",
    sa.Column("document_id", Uuid, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("is_restricted", sa.Boolean, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("filed_by_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("filed_at", Instant, nullable=False),
    sa.Index("ix_agreement_evidence_agreement_id", "agreement_id"),
)


# Agreements: deadlines.

_table(
    "agency_insurance",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("insurer", sa.Text, nullable=False),
    sa.Column("policy_number", sa.Text),
    sa.Column("coverage_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
    sa.Column("retired_because", sa.Text),
    sa.Column("retired_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    _one_of(
        "kind",
        "general_liability",
        "law_enforcement_liability",
        "self_insurance",
        "auto_liability",
        "professional_liability",
        "workers_compensation",
    ),
    _one_of("retired_because", "cancelled", "replaced", "entered_in_error"),
    sa.CheckConstraint("(evidence_sha256 IS NULL) <> (evidence_location IS NULL)", name="evidence"),
    sa.CheckConstraint("expires_on >= effective_on", name="term"),
    sa.CheckConstraint(
        "(retired_at IS NULL) = (retired_because IS NULL) AND (retired_at IS NULL) = (retired_reason IS NULL)",
        name="retired",
    ),
    sa.Index("ix_agency_insurance_agency_id", "agency_id", "id"),
)

_table(
    "agreement_duty",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("rule", sa.Text),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("citation", sa.Text),
    sa.Column("clause", sa.Text),
    sa.Column("version_no", sa.Integer),
    sa.Column("note", sa.Text),
    sa.Column("due_on", Civil, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("fulfilled_on", Civil),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("recording_number", sa.Text),
    sa.Column("waived_reason", sa.Text),
    sa.Column("closed_by", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("closed_at", Instant),
    sa.Column("entered_at", Instant, nullable=False),
    _one_of("status", "pending", "met", "waived"),
    sa.CheckConstraint("(clause IS NULL) = (version_no IS NULL)", name="clause"),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
    sa.CheckConstraint("(status = 'pending') = (closed_at IS NULL)", name="closed"),
    sa.CheckConstraint("(status = 'waived') = (waived_reason IS NOT NULL)", name="waived"),
    sa.CheckConstraint(
        "(status = 'met') = (fulfilled_on IS NOT NULL) AND (status <> 'met' OR evidence_sha256 IS NOT NULL "
        "OR evidence_location IS NOT NULL OR url IS NOT NULL OR recording_number IS NOT NULL)",
        name="met",
    ),
    sa.Index("ix_agreement_duty_agreement_id", "agreement_id", "id"),
)

_table(
    "agreement_periodic_review",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("reviewed_on", Civil, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    _one_of("outcome", "keep", "renew", "amend", "terminate"),
    sa.Index("ix_agreement_periodic_review_agreement_id", "agreement_id", "reviewed_on", "id"),
)

_table(
    "agreement_retention",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("years", sa.Integer, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("years BETWEEN 0 AND 100", name="years"),
)

_table(
    "agreement_hold",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("placed_at", Instant, nullable=False),
    sa.Column("lifted_at", Instant),
    sa.Column("lifted_authority", sa.Text),
    sa.Column("lifted_reason", sa.Text),
    sa.CheckConstraint(
        "(lifted_at IS NULL) = (lifted_reason IS NULL) AND (lifted_at IS NULL) = (lifted_authority IS NULL)",
        name="lifted",
    ),
    sa.Index("ix_agreement_hold_agreement_id", "agreement_id", "id"),
)

_table(
    "agreement_template",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("template_version", sa.Integer, nullable=False),
    sa.Column("answers", Json, nullable=False),
    sa.Column("drafted_at", Instant, nullable=False),
    sa.CheckConstraint("template_version > 0", name="template_version"),
)

_table(
    "agreement_standard_clause",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement_template.agreement_id"), primary_key=True),
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("standard_clause", sa.Text, nullable=False),
    sa.Column("standard_clause_version", sa.Integer, nullable=False),
    sa.Column("heading", sa.Text, sa.ForeignKey("provision_heading.code"), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.CheckConstraint("standard_clause_version > 0", name="standard_clause_version"),
)

_table(
    "calendar_feed",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("secret_sha256"),
    sa.CheckConstraint("length(secret_sha256) = 64", name="secret"),
    sa.Index("ix_calendar_feed_agency_id", "agency_id", "id"),
)


# Agreements: what trackers and published lists said.

_table(
    "tracker_entry",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("agreement_version", sa.Integer, nullable=False),
    sa.Column("taken_at", Instant, nullable=False),
)

_table(
    "tracker_listing",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("custodian_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("agency", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("listed_as", sa.Text),
    sa.Column("signed_text", sa.Text),
    sa.Column("first_seen", Instant, nullable=False),
    sa.Column("first_signed", Instant),
    sa.Column("last_seen", Instant),
    sa.Column("changed_at", Instant, nullable=False),
    sa.UniqueConstraint("source", "custodian_id", "state", "agency", "form"),
    sa.UniqueConstraint("agreement_id"),
    sa.CheckConstraint("listed_as IS NULL OR listed_as IN ('pending', 'signed')", name="listed_as"),
    sa.CheckConstraint("(listed_as IS NULL) = (last_seen IS NOT NULL)", name="last_seen"),
)

_table(
    "tracker_snapshot",
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("custodian_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("list", sa.Text, primary_key=True),
    sa.Column("taken_at", Instant, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("listed", sa.Integer, nullable=False),
    _one_of("list", "pending", "signed"),
)


# Resources: assets, and what of each is committed when.

# Imports.

_table(
    "import_job",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("about", Json, nullable=False),
    sa.Column("headers", Json, nullable=False),
    sa.Column("rows", sa.Integer),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("run", Json),
    sa.Column("run_token", Uuid),
    sa.Column("phase", sa.Text),
    sa.Column("cursor", sa.Integer, nullable=False),
    sa.Column("rows_done", sa.Integer, nullable=False),
    sa.Column("counts", Json, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("status", "uploaded", "running", "interrupted", "checked", "stopped", "done", "removed"),
    sa.CheckConstraint("phase IS NULL OR phase IN ('check', 'write')", name="phase"),
    sa.CheckConstraint("length(sha256) = 64", name="sha256"),
    sa.Index("ix_import_job_agency_id", "agency_id", "id"),
    sa.Index("ix_import_job_created_at", "created_at"),
)
_table(
    "import_row",
    sa.Column("import_id", Uuid, sa.ForeignKey("import_job.id"), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("subject_id", Uuid),
    sa.Column("said", sa.Text),
    sa.PrimaryKeyConstraint("import_id", "row"),
    sa.CheckConstraint("outcome IS NULL OR outcome IN ('created', 'updated', 'unchanged', 'refused')", name="outcome"),
    sa.Index("ix_import_row_outcome", "import_id", "outcome", "row"),
)
_table(
    "import_mapping",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mapping", Json, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("agency_id", "kind", "name"),
)

_table(
    "asset",
    sa.Column("id", Uuid, nullable=False, unique=True),
    sa.Column("n", ROW_NUMBER, primary_key=True, autoincrement=True),
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
    sa.UniqueConstraint("agency_id", "tag_key"),
    _one_of("sharing", "private", "agreement", "network"),
    _one_of("service_status", "in_service", "out_of_service", "retired"),
    _one_of("condition", "new", "good", "fair", "poor", "damaged"),
    sa.CheckConstraint("(home_latitude IS NULL) = (home_longitude IS NULL)", name="home"),
    sa.CheckConstraint("type_level IS NULL OR type_level BETWEEN 1 AND 4", name="type_level"),
    sa.CheckConstraint("capacity BETWEEN 1 AND 100000", name="capacity"),
    sa.CheckConstraint("turnaround_minutes BETWEEN 0 AND 44640", name="turnaround_minutes"),
    sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.Index("ix_asset_agency", "agency_id", "category", "n"),
    sa.Index("ix_asset_public_updated_at", "public_updated_at", "n"),
    sa.Index("ix_asset_updated_at", "updated_at", "n"),
    sa.Index("ix_asset_category", "category", "n"),
    sa.Index("ix_asset_category_name", "category", "name", "n"),
    sa.Index("ix_asset_category_cell", "category", "cell", "latitude", "longitude"),
)
_table(
    "rate",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id")),
    sa.Column("subject_key", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("personnel_class", sa.Text),
    sa.Column("cost_code", sa.Text),
    sa.Column("equipment", sa.Text),
    sa.Column("specification", sa.Text),
    sa.Column("equipment_capacity", sa.Text),
    sa.Column("horsepower", sa.Text),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("agency_id", "subject_key", "effective_on"),
    _one_of("basis", "hour", "day", "mile", "personnel_hour"),
    sa.CheckConstraint("amount_minor >= 0", name="amount"),
    sa.CheckConstraint("expires_on IS NULL OR expires_on >= effective_on", name="days"),
    sa.CheckConstraint("(basis = 'personnel_hour') = (personnel_class IS NOT NULL)", name="personnel_class"),
    sa.Index("ix_rate_agency_id", "agency_id", "id"),
    sa.Index("ix_rate_asset_id", "asset_id", "id"),
)

_table(
    "reserve_minimum",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("category", sa.Text, sa.ForeignKey("category.code"), nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.CheckConstraint("quantity BETWEEN 0 AND 100000", name="quantity"),
    sa.CheckConstraint("expires_on IS NULL OR expires_on >= effective_on", name="days"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawal"),
    sa.Index(
        "uq_reserve_minimum_set",
        *("agency_id", "category", "effective_on"),
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    ),
    sa.Index("ix_reserve_minimum_agency_id", "agency_id", "id"),
)

_table(
    "asset_calendar_feed",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("secret_sha256"),
    sa.CheckConstraint("length(secret_sha256) = 64", name="secret"),
    sa.Index("ix_asset_calendar_feed_agency_id", "agency_id", "asset_id", "id"),
)

_table(
    "asset_attribute",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Double),
    sa.Column("text", sa.Text),
    sa.CheckConstraint("(number IS NULL) <> (text IS NULL)", name="one_value"),
    sa.Index("ix_asset_attribute_number", "name", "number"),
    sa.Index("ix_asset_attribute_text", "name", "text"),
)

_table(
    "asset_identifier",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value_key", sa.Text, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("in_use", sa.Boolean, nullable=False),
    _one_of(
        "kind",
        "vin",
        "serial_number",
        "fleet_number",
        "license_plate",
        "tail_number",
        "call_sign",
        "fema_rtlt",
        "other",
    ),
    sa.Index("ix_asset_identifier_value_key", "value_key"),
    _unique_where(
        "uq_asset_identifier_in_use",
        *("agency_id", "kind", "value_key"),
        sqlite="in_use = 1 AND kind IN ('vin', 'fleet_number', 'license_plate', 'tail_number')",
        postgresql="in_use AND kind IN ('vin', 'fleet_number', 'license_plate', 'tail_number')",
    ),
)

_table(
    "asset_area",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("reach", sa.Double),
    sa.CheckConstraint("(code = 'circle') = (reach IS NOT NULL)", name="circle"),
    sa.Index("ix_asset_area_code", "code"),
)

_table(
    "asset_certification",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("begins_on", Civil),
    sa.Column("expires_on", Civil),
    sa.Index("ix_asset_certification_code", "code", "asset_id"),
)

_table(
    "asset_funding",
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Index("ix_asset_funding_code", "code", "asset_id"),
)

_table(
    "asset_word",
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("letters", sa.Integer, nullable=False),
    sa.Column("head", sa.Text, nullable=False),
    sa.Column("tail", sa.Text, nullable=False),
    sa.Index("ix_asset_word_head", "head", "letters"),
    sa.Index("ix_asset_word_tail", "tail", "letters"),
)

_table(
    "asset_word_dropped",
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("due_at", Instant, nullable=False),
    sa.Index("ix_asset_word_dropped_due_at", "due_at"),
)

_table(
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
    _one_of("sharing", "private", "agreement", "network"),
    _one_of("status", "active", "retired"),
    sa.CheckConstraint("(status = 'retired') = (retired_reason IS NOT NULL)", name="retired"),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.Index("ix_package_agency_id", "agency_id", "id"),
    _unique_where(
        "uq_package_name",
        *("agency_id", "name_key"),
        sqlite="status = 'active'",
        postgresql="status = 'active'",
    ),
)

_table(
    "package_member",
    sa.Column("package_id", Uuid, sa.ForeignKey("package.id"), primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.CheckConstraint("quantity BETWEEN 1 AND 100000", name="quantity"),
    sa.Index("ix_package_member_asset_id", "asset_id"),
)

_table(
    "allocation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("loan_id", Uuid),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("exclusive", sa.Boolean, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("blocks_from_at", Instant, nullable=False),
    sa.Column("free_at", Instant, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("assessment", sa.Text),
    sa.Column("recorded_by", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("released_at", Instant),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    _one_of("status", "held", "out", "released"),
    _one_of("kind", "loan", "maintenance", "blackout", "other", "damage", "turnaround", "used"),
    _one_of("assessment", "fit", "out_of_service"),
    sa.CheckConstraint("(kind = 'loan') = (requesting_agency_id IS NOT NULL)", name="borrower"),
    sa.CheckConstraint("kind <> 'loan' OR loan_id IS NOT NULL", name="loan"),
    sa.CheckConstraint("free_at >= ends_at AND blocks_from_at <= starts_at", name="turnaround"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index("ix_allocation_asset", "asset_id", "status", "free_at", "starts_at"),
    sa.Index("ix_allocation_loan_id", "loan_id"),
    _unique_where(
        "uq_allocation_planned",
        *("asset_id", "kind", "starts_at", "ends_at"),
        sqlite="status = 'held' AND kind IN ('maintenance', 'blackout', 'other')",
        postgresql="status = 'held' AND kind IN ('maintenance', 'blackout', 'other')",
    ),
    _unique_where(
        "uq_allocation_exclusive_out",
        "asset_id",
        sqlite="status = 'out' AND exclusive = 1",
        postgresql="status = 'out' AND exclusive",
    ),
)

_table(
    "personnel_record",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("tag_form", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("rank", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("capabilities", Json, nullable=False),
    sa.Column("credentials", Json, nullable=False),
    sa.Column("qualifications", Json, nullable=False),
    sa.Column("training", Json, nullable=False),
    sa.Column("hours", Json, nullable=False),
    sa.Column("absences", Json, nullable=False),
    sa.Column("conditions", Json, nullable=False),
    sa.Column("allocation_version", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("agency_id", "tag_form"),
    _one_of("status", "active", "on_leave", "separated"),
    sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
    sa.CheckConstraint("length(display_name) BETWEEN 1 AND 200", name="name_length"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.Index("ix_personnel_record_agency_id", "agency_id", "id"),
    sa.Index("ix_personnel_record_updated_at", "agency_id", "updated_at", "id"),
)

_table(
    "personnel_capability",
    sa.Column("personnel_id", Uuid, sa.ForeignKey("personnel_record.id"), primary_key=True),
    sa.Column("capability", sa.Text, sa.ForeignKey("capability_type.code"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("tested_level", sa.Integer, nullable=False),
    sa.Column("from_on", Civil, nullable=False),
    sa.Column("until_on", Civil, nullable=False),
    sa.CheckConstraint("level BETWEEN 0 AND 10 AND tested_level BETWEEN 0 AND 10", name="level"),
    sa.Index("ix_personnel_capability_agency", "agency_id", "capability", "level"),
)

_table(
    "capability_disclosure",
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("id", Uuid, nullable=False),
    sa.Column("sharing", sa.Text, nullable=False),
    sa.Column("threshold", sa.Integer, nullable=False),
    sa.Column("below_threshold", sa.Text, nullable=False),
    sa.Column("blocks", sa.Integer, nullable=False),
    sa.Column("released_on", Civil),
    sa.Column("released_sharing", sa.Text),
    sa.Column("released_below_threshold", sa.Text),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("sharing", "private", "agreement", "network"),
    _one_of("below_threshold", "at_least_one", "withheld"),
    sa.CheckConstraint("threshold IN (3, 6, 12, 24)", name="threshold"),
    sa.Index("ix_capability_disclosure_due_at", "due_at"),
)

_table(
    "capability_cell",
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("capability", sa.Text, primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("tested", sa.Boolean, primary_key=True),
    sa.Column("band", sa.Integer, nullable=False),
    sa.Column("blocks", sa.Integer, nullable=False),
    sa.Column("counted", sa.Integer, nullable=False),
    sa.Column("publish_on", Civil),
)

_table(
    "capability_published",
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("capability", sa.Text, sa.ForeignKey("capability_type.code"), primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("tested", sa.Boolean, primary_key=True),
    sa.Column("band", sa.Integer, nullable=False),
    sa.Column("blocks", sa.Integer, nullable=False),
    sa.Column("cell", sa.Integer),
    sa.CheckConstraint("band > 0", name="band"),
    sa.Index("ix_capability_published_place", "capability", "level", "tested", "cell", "agency_id"),
)

_table(
    "personnel_allocation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("personnel_id", Uuid, sa.ForeignKey("personnel_record.id"), nullable=False),
    sa.Column("loan_id", Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    _one_of("status", "held", "out", "released"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index("ix_personnel_allocation_loan_id", "loan_id"),
    sa.Index("ix_personnel_allocation_person", "personnel_id", "status", "ends_at", "starts_at"),
    _unique_where("uq_personnel_allocation_out", "personnel_id", sqlite="status = 'out'", postgresql="status = 'out'"),
)

_table(
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
    _one_of("standard", "iso_iec_17025", "iso_iec_17020"),
    sa.CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended"),
    sa.CheckConstraint("valid_until_at > valid_from_at", name="valid"),
    sa.Index("ix_asset_certificate_asset_id", "asset_id", "discipline"),
    sa.Index("ix_asset_certificate_handler_id", "handler_id"),
)

_table(
    "asset_document",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("sha256", sa.Text, sa.ForeignKey("document_content.sha256"), nullable=False),
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
    _one_of("kind", "photo", "manual", "registration", "inspection", "certificate", "insurance", "other"),
    sa.CheckConstraint(
        "(withdrawn_at IS NULL) = (withdrawn_reason IS NULL AND replaced_by_id IS NULL)", name="withdrawal"
    ),
    sa.Index("ix_asset_document_asset_id", "asset_id", "id"),
    sa.Index("ix_asset_document_sha256", "sha256"),
)


# Sharing: decisions, requests, loans.

_table(
    "request",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, sa.ForeignKey("purpose.code"), nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("incident_number", sa.Text),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("sent_purpose", sa.Text, sa.ForeignKey("purpose.code")),
    sa.Column("sent_priority", sa.Text),
    sa.Column("sent_incident_number", sa.Text),
    sa.Column("sent_summary", sa.Text),
    sa.Column("sent_search_text", sa.Text),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("submitted_at", Instant),
    sa.Column("ended_reason", sa.Text),
    sa.Column("head_changes", sa.Integer, nullable=False),
    sa.Column("head_changed_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of(
        "status",
        "draft",
        "submitted",
        "open",
        "denied",
        "needs_approval",
        "permitted",
        "approved",
        "rejected",
        "declined",
        "partially_filled",
        "filled",
        "completed",
        "withdrawn",
        "expired",
        "closed_manually",
    ),
    _one_of("priority", "routine", "urgent", "emergency"),
    sa.Index("ix_request_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_request_updated_at", "requesting_agency_id", "updated_at", "id"),
)

_table(
    "policy_decision",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("previous_id", Uuid, sa.ForeignKey("policy_decision.id")),
    sa.Column("action_at", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("agreement_version_id", Uuid, sa.ForeignKey("agreement_version.id")),
    sa.Column("clause", sa.Text),
    sa.Column("request_id", Uuid, sa.ForeignKey("request.id")),
    sa.Column("line_no", sa.Integer),
    sa.Column("incident_number", sa.Text),
    sa.Column("ask_digest", sa.Text, nullable=False),
    sa.Column("input_digest", sa.Text, nullable=False),
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.Column("policy_set_digest", sa.Text, nullable=False),
    sa.Column("decision", Json, nullable=False),
    sa.Column("evaluated_at", Instant, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    _one_of("action_at", "request", "approve", "reserve", "extend", "dispatch"),
    _one_of("outcome", "permitted", "needs_approval", "denied"),
    sa.Index("ix_policy_decision_asset", "asset_id", "requesting_agency_id", "ends_at"),
    sa.Index("ix_policy_decision_agreement", "agreement_id", "evaluated_at"),
    sa.Index("ix_policy_decision_assisting", "assisting_agency_id", "id"),
    sa.Index("ix_policy_decision_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_policy_decision_root_decision_id", "root_decision_id", "id"),
)

_table(
    "policy_lent",
    sa.Column("loan_id", Uuid, primary_key=True),
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Index("ix_policy_lent_root_decision_id", "root_decision_id"),
    sa.Index("ix_policy_lent_asset", "asset_id", "requesting_agency_id", "ends_at"),
)

_table(
    "policy_set",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("rules", Json, nullable=False),
    sa.Column("cedar", sa.Text, nullable=False),
    sa.Column("tests", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("findings", Json),
    sa.Column("analysis", Json),
    sa.Column("validated_at", Instant),
    sa.Column("activated_at", Instant),
    sa.Column("retired_at", Instant),
    sa.Column("retired_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("status", "draft", "validated", "active", "retired"),
    sa.CheckConstraint("(status = 'retired') = (retired_at IS NOT NULL)", name="retired"),
    sa.CheckConstraint("status <> 'active' OR activated_at IS NOT NULL", name="active"),
    sa.CheckConstraint("activated_at IS NULL OR validated_at IS NOT NULL", name="validated"),
    _unique_where("uq_policy_set_active", "agency_id", sqlite="status = 'active'", postgresql="status = 'active'"),
    sa.Index("ix_policy_set_agency_id", "agency_id", "id"),
    sa.Index("ix_policy_set_digest", "agency_id", "digest"),
)

_table(
    "policy_preview",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("policy_set_id", Uuid, sa.ForeignKey("policy_set.id"), nullable=False),
    sa.Column("active_digest", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("examined", sa.Integer, nullable=False),
    sa.Column("left_out", sa.Integer, nullable=False),
    sa.Column("same", sa.Integer, nullable=False),
    sa.Column("changes", Json, nullable=False),
    sa.Column("policies", Json, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("status", "running", "done", "cancelled", "stopped"),
    sa.CheckConstraint("(status = 'stopped') = (note IS NOT NULL)", name="note"),
    _unique_where(
        "uq_policy_preview_running", "agency_id", sqlite="status = 'running'", postgresql="status = 'running'"
    ),
    sa.Index("ix_policy_preview_agency_id", "agency_id", "id"),
)

_table(
    "policy_preview_decision",
    sa.Column("preview_id", Uuid, sa.ForeignKey("policy_preview.id"), nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("policy_ids", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("preview_id", "decision_id"),
)

_table(
    "policy_decision_policy",
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), primary_key=True),
    sa.Column("policy_id", sa.Text, primary_key=True),
    sa.Index("ix_policy_decision_policy_policy_id", "policy_id", "decision_id"),
)

_table(
    "shipped_policy_set",
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("texts", Json, nullable=False),
    sa.Column("kept_at", Instant, nullable=False),
)

_table(
    "policy_approval",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("policy_id", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("ask_digest", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
    sa.UniqueConstraint("decision_id", "layer", "policy_id", "side"),
    _one_of("side", "assisting", "requesting"),
    _one_of("verdict", "approved", "rejected"),
)

_table(
    "request_line",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("request_id", Uuid, sa.ForeignKey("request.id"), nullable=False),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id")),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("need", Json),
    sa.Column("fills_no", sa.Integer),
    sa.Column("tier", sa.Integer),
    sa.Column("answer_within_minutes", sa.Integer),
    sa.Column("answer_due_at", Instant),
    sa.Column("condition", sa.Text),
    sa.Column("suspended_at", Instant),
    sa.Column("suspended_reason", sa.Text),
    sa.Column("personnel_ids", Json),
    sa.Column("asked_as", Json),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("place_latitude", sa.Double),
    sa.Column("place_longitude", sa.Double),
    sa.Column("asset_name", sa.Text),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("described", Json, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id")),
    sa.Column("automatic_clause", sa.Text),
    sa.Column("submitted_at", Instant),
    sa.Column("decided_at", Instant),
    sa.Column("awaited", Json, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_side", sa.Text),
    sa.Column("ended_reason", sa.Text),
    sa.Column("decline_reason", sa.Text),
    sa.Column("refused_as", sa.Text),
    sa.Column("refused_side", sa.Text),
    sa.Column("refused_reason", sa.Text),
    sa.Column("refused_at", Instant),
    sa.Column("replaced_by_no", sa.Integer),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.UniqueConstraint("request_id", "no"),
    _one_of(
        "status",
        "draft",
        "open",
        "queued",
        "asked",
        "unanswered",
        "offered",
        "suspended",
        "denied",
        "needs_approval",
        "permitted",
        "approved",
        "rejected",
        "declined",
        "withdrawn",
        "expired",
    ),
    _one_of("ended_side", "requesting", "assisting"),
    _one_of(
        "decline_reason",
        "not_available",
        "committed_elsewhere",
        "out_of_service",
        "crew_lacking",
        "outside_agreement",
        "too_late",
        "other",
    ),
    _one_of("refused_as", "declined", "denied", "rejected"),
    _one_of("refused_side", "requesting", "assisting"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("asset_id IS NOT NULL OR need IS NOT NULL", name="asset_or_need"),
    sa.CheckConstraint("fills_no IS NULL OR assisting_agency_id IS NOT NULL", name="asked_agency"),
    sa.CheckConstraint("asset_id IS NULL OR assisting_agency_id IS NOT NULL", name="owner"),
    sa.CheckConstraint("status <> 'suspended' OR suspended_reason IS NOT NULL", name="suspended"),
    sa.CheckConstraint("(suspended_at IS NULL) = (suspended_reason IS NULL)", name="suspended_reason"),
    sa.Index("ix_request_line_answer_due", "status", "answer_due_at"),
    sa.Index("ix_request_line_asset", "asset_id"),
    sa.Index("ix_request_line_assisting", "assisting_agency_id", "request_id"),
    sa.Index("ix_request_line_decision_id", "decision_id"),
    sa.Index("ix_request_line_status", "status", "ends_at"),
)

_table(
    "package_reservation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("package_id", Uuid, sa.ForeignKey("package.id"), nullable=False),
    sa.Column("package_name", sa.Text, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("reserved_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.CheckConstraint("requesting_agency_id <> assisting_agency_id", name="two_sides"),
    sa.Index("ix_package_reservation_package_id", "package_id", "id"),
)

_table(
    "loan",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("asset_snapshot", Json, nullable=False),
    sa.Column("asset_described", Json, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("reserved_quantity", sa.Integer, nullable=False),
    sa.Column("lost_quantity", sa.Integer, nullable=False, server_default="0"),
    sa.Column("received_quantity", sa.Integer),
    sa.Column("missing_quantity", sa.Integer, nullable=False, server_default="0"),
    sa.Column("returned_quantity", sa.Integer, nullable=False, server_default="0"),
    sa.Column("partial_returns", Json),
    sa.Column("took_last", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("handler_id", Uuid, sa.ForeignKey("personnel_record.id")),
    sa.Column("personnel_ids", Json),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agreement_version_id", Uuid, sa.ForeignKey("agreement_version.id"), nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("reservation_id", Uuid, sa.ForeignKey("package_reservation.id")),
    sa.Column("clause", sa.Text),
    sa.Column("request_id", Uuid, sa.ForeignKey("request.id")),
    sa.Column("line_no", sa.Integer),
    sa.Column("incident_number", sa.Text),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("travels", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("separation_relaxed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("minimum_override", Json),
    sa.Column("offer_condition", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("planned_end_at", Instant, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("reserved_at", Instant, nullable=False),
    sa.Column("dispatched_at", Instant),
    sa.Column("agreed_by_word", sa.Text),
    sa.Column("arrived_at", Instant),
    sa.Column("return_started_at", Instant),
    sa.Column("returned_at", Instant),
    sa.Column("due_when_returned_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("recall_requested_at", Instant),
    sa.Column("recall_by", Instant),
    sa.Column("recall_due_at", Instant),
    sa.Column("recall_reason", sa.Text),
    sa.Column("condition_out", Json),
    sa.Column("condition_received", Json),
    sa.Column("condition_sent_back", Json),
    sa.Column("condition_in", Json),
    sa.Column("ended_reason", sa.Text),
    sa.Column("ended_side", sa.Text),
    sa.Column("decline_reason", sa.Text),
    sa.Column("dispatch_recorded_at", Instant),
    sa.Column("receive_recorded_at", Instant),
    sa.Column("start_return_recorded_at", Instant),
    sa.Column("return_recorded_at", Instant),
    sa.Column("lost_at", Instant),
    sa.Column("no_show_reported_at", Instant),
    sa.Column("no_show_contested_at", Instant),
    sa.Column("no_show_contested_reason", sa.Text),
    sa.Column("no_show_withdrawn_at", Instant),
    sa.Column("damage_report", Json),
    sa.Column("damage_found_at", Instant),
    sa.Column("damage_reported_at", Instant),
    sa.Column("damage_contested_at", Instant),
    sa.Column("damage_contested_reason", sa.Text),
    sa.Column("damage_withdrawn_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of(
        "status",
        "reserved",
        "dispatched",
        "on_scene",
        "returning",
        "returned",
        "closed",
        "cancelled",
        "no_show",
        "lost",
    ),
    _one_of("ended_side", "requesting", "assisting"),
    _one_of(
        "decline_reason",
        "not_available",
        "committed_elsewhere",
        "out_of_service",
        "crew_lacking",
        "outside_agreement",
        "too_late",
        "other",
    ),
    sa.CheckConstraint("planned_end_at > starts_at", name="window"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("lost_quantity BETWEEN 0 AND quantity", name="lost"),
    sa.CheckConstraint("returned_quantity BETWEEN 0 AND quantity - lost_quantity", name="returned"),
    sa.CheckConstraint("reserved_quantity >= quantity", name="reserved"),
    sa.CheckConstraint("received_quantity BETWEEN 0 AND quantity", name="received"),
    sa.CheckConstraint("missing_quantity BETWEEN 0 AND quantity - lost_quantity - returned_quantity", name="missing"),
    sa.CheckConstraint("requesting_agency_id <> assisting_agency_id", name="two_sides"),
    sa.Index("ix_loan_agreement", "agreement_id", "reserved_at"),
    sa.Index("ix_loan_asset", "asset_id", "id"),
    sa.Index("ix_loan_assisting", "assisting_agency_id", "id"),
    sa.Index("ix_loan_assisting_due", "assisting_agency_id", "planned_end_at", "id"),
    sa.Index("ix_loan_assisting_starts", "assisting_agency_id", "starts_at", "id"),
    sa.Index("ix_loan_requesting_updated", "requesting_agency_id", "updated_at", "id"),
    sa.Index("ix_loan_assisting_updated", "assisting_agency_id", "updated_at", "id"),
    sa.Index("ix_loan_reservation_id", "reservation_id"),
    sa.Index("ix_loan_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_loan_requesting_due", "requesting_agency_id", "planned_end_at", "id"),
    sa.Index("ix_loan_requesting_starts", "requesting_agency_id", "starts_at", "id"),
    sa.Index("ix_loan_root_decision_id", "root_decision_id"),
    _unique_where(
        "uq_loan_root_decision_used",
        "root_decision_id",
        sqlite="status NOT IN ('cancelled', 'no_show')",
        postgresql="status NOT IN ('cancelled', 'no_show')",
    ),
)

_table(
    "people_offered",
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), primary_key=True),
    sa.Column("personnel_ids", Json, nullable=False),
    sa.Column("capability", sa.Text, sa.ForeignKey("capability_type.code"), nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("tested", sa.Boolean, nullable=False),
)

_table(
    "offer_condition",
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), primary_key=True),
    sa.Column("condition", sa.Text, nullable=False),
)

_table(
    "loan_extension",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("loan_id", Uuid, sa.ForeignKey("loan.id"), nullable=False),
    sa.Column("asked_end_at", Instant, nullable=False),
    sa.Column("previous_end_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("answered_at", Instant),
    sa.Column("answer_reason", sa.Text),
    _one_of("status", "pending", "accepted", "declined", "lapsed"),
    sa.Index("ix_loan_extension_loan_id", "loan_id", "id"),
    sa.Index("ix_loan_extension_decision_id", "decision_id"),
    _unique_where("uq_loan_extension_pending", "loan_id", sqlite="status = 'pending'", postgresql="status = 'pending'"),
)

_table(
    "loan_time_contest",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("loan_id", Uuid, sa.ForeignKey("loan.id"), nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("said_at", Instant, nullable=False),
    sa.Column("other_said_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("saying_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("contesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("contested_at", Instant, nullable=False),
    sa.Column("settled_at", Instant),
    _one_of("act", "dispatch", "receive", "start_return", "return"),
    _one_of("status", "open", "accepted", "withdrawn", "lapsed"),
    sa.CheckConstraint("(status = 'open') = (settled_at IS NULL)", name="settled"),
    sa.CheckConstraint("other_said_at <> said_at", name="two_words"),
    sa.CheckConstraint("saying_agency_id <> contesting_agency_id", name="two_sides"),
    sa.Index("ix_loan_time_contest_loan_id", "loan_id", "act", "id"),
    sa.Index("ix_loan_time_contest_saying", "saying_agency_id", "status", "id"),
    sa.Index("ix_loan_time_contest_contesting", "contesting_agency_id", "status", "id"),
    _unique_where(
        "uq_loan_time_contest_open",
        *("loan_id", "act"),
        sqlite="status = 'open'",
        postgresql="status = 'open'",
    ),
)

_table(
    "loan_document",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("loan_id", Uuid, sa.ForeignKey("loan.id"), nullable=False),
    sa.Column("sha256", sa.Text, sa.ForeignKey("document_content.sha256"), nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("occasion", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("filename", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("remarks", Json, nullable=False),
    sa.Column("pages", sa.Integer),
    sa.Column("filed_at", Instant, nullable=False),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("kind", "photo", "condition_report", "receipt", "invoice", "repair_estimate", "police_report", "other"),
    _one_of("occasion", "hand_over", "use", "return", "later"),
    _one_of("side", "requesting", "assisting"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawal"),
    sa.Index("ix_loan_document_loan_id", "loan_id", "id"),
    sa.Index("ix_loan_document_sha256", "sha256"),
)

_table(
    "past_loan",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("taken_over_by", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("number_key", sa.Text, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id")),
    sa.Column("asset_tag", sa.Text),
    sa.Column("asset_name", sa.Text, nullable=False),
    sa.Column("category", sa.Text, sa.ForeignKey("category.code")),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("used_minutes", sa.Integer),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("agreement_number", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("condition", sa.Text),
    sa.Column("remark", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("taken_over_at", Instant, nullable=False),
    sa.Column("contested_at", Instant),
    sa.Column("contested_reason", sa.Text),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("taken_over_by", "number_key"),
    _one_of("outcome", "returned", "lost", "cancelled", "no_show", "declined", "unfilled"),
    _one_of("condition", "new", "good", "fair", "poor", "damaged"),
    _one_of("status", "reported", "contested", "withdrawn"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.CheckConstraint("ends_at <= taken_over_at", name="past"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("requesting_agency_id <> assisting_agency_id", name="two_sides"),
    sa.CheckConstraint("taken_over_by IN (requesting_agency_id, assisting_agency_id)", name="own_side"),
    sa.CheckConstraint("(contested_at IS NULL) = (contested_reason IS NULL)", name="contested"),
    sa.CheckConstraint("(status = 'withdrawn') = (withdrawn_at IS NOT NULL)", name="withdrawn"),
    sa.Index("ix_past_loan_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_past_loan_assisting", "assisting_agency_id", "id"),
    sa.Index("ix_past_loan_requesting_starts", "requesting_agency_id", "starts_at", "id"),
    sa.Index("ix_past_loan_assisting_starts", "assisting_agency_id", "starts_at", "id"),
    sa.Index("ix_past_loan_requesting_updated", "requesting_agency_id", "updated_at", "id"),
    sa.Index("ix_past_loan_assisting_updated", "assisting_agency_id", "updated_at", "id"),
)

_table(
    "metric_cursor",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="one"),
)

_table(
    "metric_fact",
    sa.Column("owner_id", Uuid, primary_key=True),
    sa.Column("counted", Json, nullable=False),
)

_table(
    "metric_day",
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("day", Civil, primary_key=True),
    sa.Column("agreement_id", Uuid, primary_key=True),
    sa.Column("requesting_agency_id", Uuid, primary_key=True),
    sa.Column("assisting_agency_id", Uuid, primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("numerator", sa.BigInteger, nullable=False),
    sa.Column("denominator", sa.BigInteger, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Index("ix_metric_day_requesting", "requesting_agency_id", "day"),
    sa.Index("ix_metric_day_assisting", "assisting_agency_id", "day"),
)

_table(
    "metric_period",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("grain", sa.Text, primary_key=True),
    sa.Column("starts_on", Civil, primary_key=True),
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("numerator", sa.BigInteger, nullable=False),
    sa.Column("denominator", sa.BigInteger, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.CheckConstraint("grain IN ('month', 'year')", name="grain"),
)

_table(
    "obligation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("loan_id", Uuid, sa.ForeignKey("loan.id"), nullable=False),
    sa.Column("request_id", Uuid, sa.ForeignKey("request.id")),
    sa.Column("line_no", sa.Integer),
    sa.Column("incident_number", sa.Text),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("asset_name", sa.Text, nullable=False),
    sa.Column("owing_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("owed_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("owed_by", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("citation", sa.Text),
    sa.Column("clause", sa.Text),
    sa.Column("policy_id", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("due", sa.Text, nullable=False),
    sa.Column("within_hours", sa.Integer),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("reminder", sa.Boolean, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("begins_at", Instant),
    sa.Column("breached_at", Instant),
    sa.Column("occurred_at", Instant),
    sa.Column("statement", sa.Text),
    sa.Column("evidence_sha256", Json, nullable=False),
    sa.Column("contested_reason", sa.Text),
    sa.Column("contested_at", Instant),
    sa.Column("waived_reason", sa.Text),
    sa.Column("closed_by", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("closed_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("owed_by", "assisting", "requesting"),
    _one_of("due", "before_dispatch", "on_handover", "during", "on_return", "after_return"),
    _one_of("status", "pending", "met", "contested", "waived", "lapsed"),
    sa.UniqueConstraint("loan_id", "layer", "policy_id"),
    sa.CheckConstraint("owing_agency_id <> owed_agency_id", name="two_sides"),
    sa.CheckConstraint("(status = 'pending') = (closed_at IS NULL)", name="closed"),
    sa.CheckConstraint("(status = 'waived') = (waived_reason IS NOT NULL)", name="waived"),
    sa.CheckConstraint("status NOT IN ('met', 'contested') OR occurred_at IS NOT NULL", name="met"),
    sa.CheckConstraint("status <> 'contested' OR contested_reason IS NOT NULL", name="contested"),
    sa.Index("ix_obligation_owing", "owing_agency_id", "id"),
    sa.Index("ix_obligation_owed", "owed_agency_id", "id"),
    sa.Index("ix_obligation_owing_due", "owing_agency_id", "status", "due_at", "id"),
    sa.Index("ix_obligation_owed_due", "owed_agency_id", "status", "due_at", "id"),
    sa.Index("ix_obligation_agreement_id", "agreement_id", "id"),
    sa.Index("ix_obligation_due", "status", "due_at", "id"),
)

_table(
    "engagement",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("host_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("exercise_type", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("summary", sa.Text),
    sa.Column("place", sa.Text),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("objectives", Json, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("participation", Json, nullable=False),
    sa.Column("surveys", Json, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("cancelled_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of(
        "kind",
        "exercise",
        "cross_training",
        "workshop",
        "mentorship",
        "meeting",
        "town_hall",
        "advisory_board",
        "neighbourhood_watch",
        "youth_event",
        "safety_fair",
    ),
    _one_of("exercise_type", "seminar", "workshop", "tabletop", "game", "drill", "functional", "full_scale"),
    _one_of("status", "planned", "held", "cancelled"),
    sa.CheckConstraint("(kind = 'exercise') = (exercise_type IS NOT NULL)", name="exercise"),
    sa.CheckConstraint("(status = 'cancelled') = (cancelled_reason IS NOT NULL)", name="cancelled"),
    sa.CheckConstraint("starts_at < ends_at", name="window"),
    sa.Index("ix_engagement_host_agency_id", "host_agency_id", "id"),
    sa.Index("ix_engagement_agreement_id", "agreement_id", "id"),
    sa.Index("ix_engagement_public", "public", "starts_at", "id"),
)

_table(
    "engagement_invitation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("engagement_id", Uuid, sa.ForeignKey("engagement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("invited_at", Instant, nullable=False),
    sa.Column("answered_at", Instant),
    sa.Column("reason", sa.Text),
    _one_of("status", "invited", "accepted", "declined"),
    sa.UniqueConstraint("engagement_id", "agency_id"),
    sa.CheckConstraint("(status = 'invited') = (answered_at IS NULL)", name="answered"),
    sa.Index("ix_engagement_invitation_agency_id", "agency_id", "engagement_id"),
)

_table(
    "engagement_credit",
    sa.Column("engagement_id", Uuid, sa.ForeignKey("engagement.id"), primary_key=True),
    sa.Column("personnel_id", Uuid, sa.ForeignKey("personnel_record.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("credited_at", Instant, nullable=False),
    sa.Index("ix_engagement_credit_agency_id", "agency_id", "engagement_id"),
)

_table(
    "corrective_action",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("engagement_id", Uuid, sa.ForeignKey("engagement.id"), nullable=False),
    sa.Column("owner_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("observation", sa.Text),
    sa.Column("core_capability", sa.Text),
    sa.Column("objective_no", sa.Integer),
    sa.Column("due_on", Civil, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("statement", sa.Text),
    sa.Column("evidence_sha256", Json, nullable=False),
    sa.Column("completed_at", Instant),
    sa.Column("reopened_reason", sa.Text),
    sa.Column("closed_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("status", "open", "completed", "closed"),
    sa.CheckConstraint("(status = 'open') = (completed_at IS NULL)", name="completed"),
    sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed"),
    sa.Index("ix_corrective_action_engagement_id", "engagement_id", "id"),
    sa.Index("ix_corrective_action_owner", "owner_agency_id", "status", "due_at", "id"),
)

_table(
    "agreement_objective",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("measured_in", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("baseline", sa.Double),
    sa.Column("target", sa.Double, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("set_on", Civil, nullable=False),
    sa.Column("due_on", Civil, nullable=False),
    sa.Column("metric", sa.Text),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("direction", "at_least", "at_most"),
    _one_of(
        "metric",
        "fill_rate",
        "on_time_return",
        "expired_but_used",
        "declined",
        "utilisation",
        "activations",
        "median_hours_to_decision",
        "median_hours_to_fulfil",
    ),
    sa.CheckConstraint("weight BETWEEN 1 AND 100", name="weight"),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawn"),
    sa.Index("ix_agreement_objective_agreement_id", "agreement_id", "id"),
    sa.Index("ix_agreement_objective_updated_at", "agreement_id", "updated_at", "id"),
)

_table(
    "objective_measurement",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("objective_id", Uuid, sa.ForeignKey("agreement_objective.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("measured_on", Civil, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("corrects_id", Uuid, sa.ForeignKey("objective_measurement.id")),
    sa.Column("correction_reason", sa.Text),
    sa.Column("contested_by", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("contested_at", Instant),
    sa.Column("contested_reason", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("corrects_id"),
    sa.CheckConstraint("(corrects_id IS NULL) = (correction_reason IS NULL)", name="correction"),
    sa.CheckConstraint(
        "(contested_by IS NULL) = (contested_at IS NULL) AND (contested_by IS NULL) = (contested_reason IS NULL)",
        name="contested",
    ),
    sa.Index("ix_objective_measurement_objective_id", "objective_id", "id"),
)

_table(
    "outcome_review",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("previous_id", Uuid, sa.ForeignKey("outcome_review.id")),
    sa.Column("due_on", Civil),
    sa.Column("scorecard", Json, nullable=False),
    sa.Column("objectives", Json, nullable=False),
    sa.Column("new_versions", Json, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reviewed_on", Civil),
    sa.Column("outcome", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("periodic_review_id", Uuid, sa.ForeignKey("agreement_periodic_review.id")),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    _one_of("status", "open", "completed"),
    _one_of("outcome", "keep", "renew", "amend", "terminate"),
    sa.CheckConstraint("(status = 'completed') = (outcome IS NOT NULL)", name="completed"),
    sa.Index("ix_outcome_review_agreement_id", "agreement_id", "id"),
    sa.Index("ix_outcome_review_updated_at", "agreement_id", "updated_at", "id"),
    _unique_where("uq_outcome_review_open", "agreement_id", sqlite="status = 'open'", postgresql="status = 'open'"),
)

_table(
    "outcome_review_decision",
    sa.Column("review_id", Uuid, sa.ForeignKey("outcome_review.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("decided_at", Instant, nullable=False),
    _one_of("outcome", "keep", "renew", "amend", "terminate"),
)


# What tables alone cannot say.

SQLITE_OVERLAP = """
CREATE TRIGGER allocation_no_overlap_{event} BEFORE {event} ON allocation
WHEN NEW.exclusive = 1 AND NEW.status IN ('held', 'out') AND EXISTS (
  SELECT 1 FROM allocation b WHERE b.asset_id = NEW.asset_id AND b.id <> NEW.id AND b.exclusive = 1
  AND b.status IN ('held', 'out') AND b.starts_at < NEW.free_at AND b.free_at > NEW.starts_at)
BEGIN SELECT RAISE(ABORT, 'asset_overlap'); END
"""

SQLITE_PERSONNEL_OVERLAP = """
CREATE TRIGGER personnel_allocation_no_overlap_{event} BEFORE {event} ON personnel_allocation
WHEN NEW.status IN ('held', 'out') AND EXISTS (
  SELECT 1 FROM personnel_allocation b WHERE b.personnel_id = NEW.personnel_id AND b.id <> NEW.id
  AND b.status IN ('held', 'out') AND b.starts_at < NEW.ends_at AND b.ends_at > NEW.starts_at)
BEGIN SELECT RAISE(ABORT, 'personnel_overlap'); END
"""

POSTGRESQL_PERSONNEL_OVERLAP = """
ALTER TABLE personnel_allocation ADD CONSTRAINT personnel_overlap
EXCLUDE USING gist (personnel_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&)
WHERE (status IN ('held', 'out'))
"""

POSTGRESQL_OVERLAP = """
ALTER TABLE allocation ADD CONSTRAINT asset_overlap
EXCLUDE USING gist (asset_id WITH =, tstzrange(starts_at, free_at, '[)') WITH &&)
WHERE (exclusive AND status IN ('held', 'out'))
"""


def _guards_on_sqlite() -> None:
    append_only, frozen = (f"BEGIN SELECT RAISE(ABORT, '{said}'); END" for said in ("append_only", "version_is_frozen"))
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            unless = f"WHEN {NOT_DROPPING} " if (table, verb) == ("ledger_event", "DELETE") else ""
            op.execute(f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {unless}{append_only}")
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER agreement_version_frozen_{verb.lower()} BEFORE {verb} ON agreement_version "
            f"WHEN OLD.frozen_at IS NOT NULL {frozen}"
        )
    for table in PARTS_OF_A_VERSION:
        for verb, rows in (("INSERT", ["NEW"]), ("UPDATE", ["OLD", "NEW"]), ("DELETE", ["OLD"])):
            versions = ", ".join(f"{row}.version_id" for row in rows)
            op.execute(
                f"CREATE TRIGGER {table}_frozen_{verb.lower()} BEFORE {verb} ON {table} WHEN EXISTS "
                f"(SELECT 1 FROM agreement_version v WHERE v.id IN ({versions}) AND v.frozen_at IS NOT NULL) {frozen}"
            )
    for table, filed in DOCUMENTS.items():
        other = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in filed)
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {append_only}")
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
            f"WHEN OLD.withdrawn_at IS NOT NULL OR {other} {append_only}"
        )
    for table, said in SAID.items():
        other = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in said)
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {append_only}")
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN {other} {append_only}")
    for event in ("INSERT", "UPDATE"):
        op.execute(SQLITE_OVERLAP.format(event=event))
        op.execute(SQLITE_PERSONNEL_OVERLAP.format(event=event))


def _guards_on_postgresql() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$"
    )
    op.execute(
        "CREATE FUNCTION refuse_part_of_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM agreement_version v WHERE v.frozen_at IS NOT NULL "
        "AND (TG_OP <> 'INSERT' AND v.id = OLD.version_id OR TG_OP <> 'DELETE' AND v.id = NEW.version_id)) "
        "THEN RAISE EXCEPTION 'version_is_frozen'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    append_only, frozen = (f"EXECUTE FUNCTION refuse_change('{said}')" for said in ("append_only", "version_is_frozen"))
    op.execute(
        "CREATE FUNCTION refuse_unless_dropping() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'UPDATE' OR {NOT_DROPPING} THEN RAISE EXCEPTION 'append_only'; END IF; RETURN OLD; END $$"
    )
    op.execute(
        "CREATE TRIGGER ledger_event_no_change BEFORE UPDATE OR DELETE ON ledger_event FOR EACH ROW "
        "EXECUTE FUNCTION refuse_unless_dropping()"
    )
    for table in APPEND_ONLY[1:]:
        op.execute(f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {append_only}")
    for table in (*APPEND_ONLY, *DOCUMENTS, *SAID):
        op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {append_only}")
    op.execute(
        "CREATE TRIGGER agreement_version_frozen BEFORE UPDATE OR DELETE ON agreement_version FOR EACH ROW "
        f"WHEN (OLD.frozen_at IS NOT NULL) {frozen}"
    )
    for table in PARTS_OF_A_VERSION:
        op.execute(
            f"CREATE TRIGGER {table}_frozen BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_part_of_frozen()"
        )
    for table, filed in DOCUMENTS.items():
        other = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in filed)
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW {append_only}")
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW "
            f"WHEN (OLD.withdrawn_at IS NOT NULL OR {other}) {append_only}"
        )
    for table, said in SAID.items():
        other = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in said)
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW {append_only}")
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({other}) {append_only}"
        )
    op.execute(POSTGRESQL_OVERLAP)
    op.execute(POSTGRESQL_PERSONNEL_OVERLAP)


SQLITE_FTS = """
CREATE VIRTUAL TABLE {table}_fts USING fts5(
  search_text, content='{table}', content_rowid='n', detail=none, columnsize=0,
  tokenize="unicode61 remove_diacritics 0 tokenchars '='")
"""


def _search_on_sqlite() -> None:
    for table in SEARCHED:
        op.execute(SQLITE_FTS.format(table=table))
        gone = f"INSERT INTO {table}_fts({table}_fts, rowid, search_text) VALUES ('delete', OLD.n, OLD.search_text)"
        come = f"INSERT INTO {table}_fts(rowid, search_text) VALUES (NEW.n, NEW.search_text)"
        op.execute(f"CREATE TRIGGER {table}_fts_insert AFTER INSERT ON {table} BEGIN {come}; END")
        op.execute(f"CREATE TRIGGER {table}_fts_delete AFTER DELETE ON {table} BEGIN {gone}; END")
        op.execute(
            f"CREATE TRIGGER {table}_fts_update AFTER UPDATE OF search_text ON {table} BEGIN {gone}; {come}; END"
        )


def _search_on_postgresql() -> None:
    for table in SEARCHED:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN search_vector tsvector "
            "GENERATED ALWAYS AS (array_to_tsvector(array_remove(string_to_array(search_text, ' '), '|'))) STORED"
        )
        op.execute(f"CREATE INDEX ix_{table}_search_vector ON {table} USING gin (search_vector)")


def _register_the_operator() -> None:
    """The agency of the registry's own administrators, active from the start."""
    op.execute(
        schema.tables["agency"]
        .insert()
        .values(
            id=OPERATOR_ID,
            name="Registry operator",
            kind="other",
            level="other",
            counties=[],
            status="active",
            search_text="registri oper | =registry =operator",
            version=1,
            created_at=REGISTERED_AT,
            updated_at=REGISTERED_AT,
        )
    )
    op.execute(schema.tables["acting_agency"].insert().values(agency_id=OPERATOR_ID))
