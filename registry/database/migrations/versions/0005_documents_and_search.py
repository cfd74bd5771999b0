"""Documents on file with agreements, and the passages that the search finds."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from registry.database import types
from registry.kernel.text import index_words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AT_ONCE = 500
FILED = ("id", "agreement_id", "version_id", "sha256", "kind", "title", "filename", "sensitivity", "exemption")
FILED += ("text_layer", "pages", "filed_by_id", "filed_at")

SQLITE_FTS = """
CREATE VIRTUAL TABLE agreement_passage_fts USING fts5(
  search_text, content='agreement_passage', content_rowid='n', detail=none, columnsize=0,
  tokenize='unicode61 remove_diacritics 0')
"""


def upgrade() -> None:
    _documents()
    _passages()
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()
    _index_what_is_there()


def _documents() -> None:
    op.create_table(
        "document_content",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", types.Instant(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_document_content_sha256")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_document_content_size")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_document_content")),
        sqlite_strict=True,
    )
    op.create_index("ix_document_content_claimed_at", "document_content", ["claimed_at"])
    op.create_table(
        "document",
        sa.Column("id", types.Uuid(), nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("version_id", types.Uuid()),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("filename", sa.Text()),
        sa.Column("sensitivity", sa.Text(), nullable=False),
        sa.Column("exemption", sa.Text()),
        sa.Column("text_layer", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer()),
        sa.Column("filed_by_id", types.Uuid(), nullable=False),
        sa.Column("filed_at", types.Instant(), nullable=False),
        sa.Column("withdrawn_at", types.Instant()),
        sa.Column("withdrawn_by_id", types.Uuid()),
        sa.Column("withdrawal_reason", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('signed_copy', 'evidence', 'exhibit', 'addendum', 'proof', 'other')",
            name=op.f("ck_document_kind"),
        ),
        sa.CheckConstraint("sensitivity IN ('public', 'parties', 'restricted')", name=op.f("ck_document_sensitivity")),
        sa.CheckConstraint("text_layer IN ('none', 'partial', 'whole')", name=op.f("ck_document_text_layer")),
        sa.CheckConstraint(
            "(sensitivity = 'restricted') = (exemption IS NOT NULL)", name=op.f("ck_document_exemption")
        ),
        sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawal_reason IS NULL)", name=op.f("ck_document_withdrawal")),
        sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by_id IS NULL)", name=op.f("ck_document_withdrawer")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name=op.f("fk_document_agreement_id")),
        sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name=op.f("fk_document_version_id")),
        sa.ForeignKeyConstraint(["sha256"], ["document_content.sha256"], name=op.f("fk_document_sha256")),
        sa.ForeignKeyConstraint(["filed_by_id"], ["agency.id"], name=op.f("fk_document_filed_by_id")),
        sa.ForeignKeyConstraint(["withdrawn_by_id"], ["agency.id"], name=op.f("fk_document_withdrawn_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sqlite_strict=True,
    )
    op.create_index("ix_document_agreement_id", "document", ["agreement_id", "id"])
    op.create_index("ix_document_sha256", "document", ["sha256"])


def _passages() -> None:
    op.create_table(
        "agreement_passage",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("agreement_id", types.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version_id", types.Uuid()),
        sa.Column("document_id", types.Uuid()),
        sa.Column("number", sa.Text()),
        sa.Column("heading", sa.Text()),
        sa.Column("page", sa.Integer()),
        sa.Column("sensitivity", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.CheckConstraint("source IN ('title', 'provision', 'document')", name=op.f("ck_agreement_passage_source")),
        sa.CheckConstraint(
            "sensitivity IN ('public', 'parties', 'restricted')", name=op.f("ck_agreement_passage_sensitivity")
        ),
        sa.CheckConstraint(
            "(version_id IS NOT NULL) = (source = 'provision')", name=op.f("ck_agreement_passage_version")
        ),
        sa.CheckConstraint(
            "(document_id IS NOT NULL) = (source = 'document')", name=op.f("ck_agreement_passage_document")
        ),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name=op.f("fk_agreement_passage_agreement_id")),
        sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name=op.f("fk_agreement_passage_version_id")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_agreement_passage_document_id")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_agreement_passage")),
        sqlite_strict=True,
    )
    for column in ("agreement_id", "version_id", "document_id"):
        op.create_index(f"ix_agreement_passage_{column}", "agreement_passage", [column])


def _sqlite() -> None:
    op.execute(SQLITE_FTS)
    index = "agreement_passage_fts"
    gone = f"INSERT INTO {index}({index}, rowid, search_text) VALUES ('delete', OLD.n, OLD.search_text)"
    come = f"INSERT INTO {index}(rowid, search_text) VALUES (NEW.n, NEW.search_text)"
    op.execute(f"CREATE TRIGGER {index}_insert AFTER INSERT ON agreement_passage BEGIN {come}; END")
    op.execute(f"CREATE TRIGGER {index}_delete AFTER DELETE ON agreement_passage BEGIN {gone}; END")
    op.execute(
        f"CREATE TRIGGER {index}_update AFTER UPDATE OF search_text ON agreement_passage BEGIN {gone}; {come}; END"
    )
    refuse = "BEGIN SELECT RAISE(ABORT, 'append_only'); END"
    other = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in FILED)
    op.execute(f"CREATE TRIGGER document_no_delete BEFORE DELETE ON document {refuse}")
    op.execute(
        f"CREATE TRIGGER document_no_update BEFORE UPDATE ON document "
        f"WHEN OLD.withdrawn_at IS NOT NULL OR {other} {refuse}"
    )


def _postgresql() -> None:
    op.execute(
        "ALTER TABLE agreement_passage ADD COLUMN search_vector tsvector "
        "GENERATED ALWAYS AS (array_to_tsvector(string_to_array(search_text, ' '))) STORED"
    )
    op.execute("CREATE INDEX ix_agreement_passage_search_vector ON agreement_passage USING gin (search_vector)")
    refuse = "FOR EACH {each} EXECUTE FUNCTION refuse_change('append_only')"
    other = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in FILED)
    op.execute(f"CREATE TRIGGER document_no_delete BEFORE DELETE ON document {refuse.replace('{each}', 'ROW')}")
    op.execute(
        "CREATE TRIGGER document_no_update BEFORE UPDATE ON document FOR EACH ROW "
        f"WHEN (OLD.withdrawn_at IS NOT NULL OR {other}) EXECUTE FUNCTION refuse_change('append_only')"
    )
    op.execute(
        f"CREATE TRIGGER document_no_truncate BEFORE TRUNCATE ON document {refuse.replace('{each}', 'STATEMENT')}"
    )


def _index_what_is_there() -> None:
    """Titles and provisions that were written before there was a search."""
    passage = sa.table(
        "agreement_passage",
        *(sa.column(name, kind) for name, kind in (("agreement_id", types.Uuid()), ("version_id", types.Uuid()))),
        *(sa.column(name, sa.Text()) for name in ("source", "number", "heading", "sensitivity", "text")),
        sa.column("search_text", sa.Text()),
    )
    connection, waiting = op.get_bind(), []
    for row in _texts():
        words = index_words(row["text"])
        if words:
            waiting.append({**row, "search_text": words})
        if len(waiting) == AT_ONCE:
            connection.execute(passage.insert(), waiting)
            waiting = []
    if waiting:
        connection.execute(passage.insert(), waiting)


def _texts() -> Iterator[dict[str, object]]:
    uuid = types.Uuid()
    agreement = sa.table("agreement", sa.column("id", uuid), sa.column("number"), sa.column("title"))
    version = sa.table("agreement_version", sa.column("id", uuid), sa.column("agreement_id", uuid))
    provision = sa.table(
        "provision",
        sa.column("version_id", uuid),
        *map(sa.column, ("ordinal", "number", "heading", "sensitivity", "text")),
    )
    connection = op.get_bind()
    nowhere = {"version_id": None, "number": None, "heading": None}
    for row in connection.execute(sa.select(agreement)).all():
        about = {"agreement_id": row.id, "source": "title", "sensitivity": "public"}
        yield {**nowhere, **about, "text": f"{row.number} {row.title}"}
    texts = sa.select(
        version.c.agreement_id,
        provision.c.version_id,
        provision.c.number,
        provision.c.heading,
        provision.c.sensitivity,
        provision.c.text,
    ).join_from(provision, version, version.c.id == provision.c.version_id)
    for row in connection.execute(texts.order_by(provision.c.version_id, provision.c.ordinal)).all():
        yield {"source": "provision", **row._mapping}
