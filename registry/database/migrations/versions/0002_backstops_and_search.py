"""What tables alone cannot say: append-only records, no double booking, frozen texts, search indexes, the operator."""

import sqlalchemy as sa
from alembic import op

from registry.database import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPERATOR_ID = "01900000000070008000000000000001"

APPEND_ONLY = ("ledger_event", "ledger_event_agency", "agreement_signature")
PARTS_OF_A_VERSION = ("provision", "agreement_coverage")

SQLITE_OVERLAP = """
CREATE TRIGGER allocation_no_overlap_{event} BEFORE {event} ON allocation
WHEN NEW.exclusive = 1 AND NEW.state IN ('held', 'out') AND EXISTS (
  SELECT 1 FROM allocation b WHERE b.asset_id = NEW.asset_id AND b.id <> NEW.id AND b.exclusive = 1
  AND b.state IN ('held', 'out') AND b.starts_at < NEW.ends_at AND b.ends_at > NEW.starts_at)
BEGIN SELECT RAISE(ABORT, 'asset_overlap'); END
"""

SQLITE_FTS = """
CREATE VIRTUAL TABLE {table}_fts USING fts5(
  search_text, content='{table}', content_rowid='n', detail=none, columnsize=0,
  tokenize='unicode61 remove_diacritics 0')
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()
    _operator()


def _sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'append_only'); END"
            )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER agreement_version_frozen_{verb.lower()} BEFORE {verb} ON agreement_version "
            "WHEN OLD.frozen_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'version_is_frozen'); END"
        )
    for table in PARTS_OF_A_VERSION:
        for verb, rows in (("INSERT", ["NEW"]), ("UPDATE", ["OLD", "NEW"]), ("DELETE", ["OLD"])):
            versions = ", ".join(f"{row}.version_id" for row in rows)
            op.execute(
                f"CREATE TRIGGER {table}_frozen_{verb.lower()} BEFORE {verb} ON {table} WHEN EXISTS "
                f"(SELECT 1 FROM agreement_version v WHERE v.id IN ({versions}) AND v.frozen_at IS NOT NULL) "
                "BEGIN SELECT RAISE(ABORT, 'version_is_frozen'); END"
            )
    op.execute(SQLITE_OVERLAP.format(event="INSERT"))
    op.execute(SQLITE_OVERLAP.format(event="UPDATE"))
    for table in ("asset", "agency"):
        op.execute(SQLITE_FTS.format(table=table))
        op.execute(f"INSERT INTO {table}_fts({table}_fts) VALUES ('rebuild')")
        gone = f"INSERT INTO {table}_fts({table}_fts, rowid, search_text) VALUES ('delete', OLD.n, OLD.search_text)"
        come = f"INSERT INTO {table}_fts(rowid, search_text) VALUES (NEW.n, NEW.search_text)"
        op.execute(f"CREATE TRIGGER {table}_fts_insert AFTER INSERT ON {table} BEGIN {come}; END")
        op.execute(f"CREATE TRIGGER {table}_fts_delete AFTER DELETE ON {table} BEGIN {gone}; END")
        op.execute(
            f"CREATE TRIGGER {table}_fts_update AFTER UPDATE OF search_text ON {table} BEGIN {gone}; {come}; END"
        )


def _postgresql() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change('append_only')"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('append_only')"
        )
    op.execute(
        "CREATE TRIGGER agreement_version_frozen BEFORE UPDATE OR DELETE ON agreement_version FOR EACH ROW "
        "WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION refuse_change('version_is_frozen')"
    )
    op.execute(
        "CREATE FUNCTION refuse_part_of_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM agreement_version v WHERE v.frozen_at IS NOT NULL "
        "AND (TG_OP <> 'INSERT' AND v.id = OLD.version_id OR TG_OP <> 'DELETE' AND v.id = NEW.version_id)) "
        "THEN RAISE EXCEPTION 'version_is_frozen'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    for table in PARTS_OF_A_VERSION:
        op.execute(
            f"CREATE TRIGGER {table}_frozen BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_part_of_frozen()"
        )
    op.execute(
        "ALTER TABLE allocation ADD CONSTRAINT asset_overlap EXCLUDE USING gist "
        "(asset_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&) WHERE (exclusive AND state IN ('held', 'out'))"
    )
    for table in ("asset", "agency"):
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN search_vector tsvector "
            "GENERATED ALWAYS AS (array_to_tsvector(string_to_array(search_text, ' '))) STORED"
        )
        op.execute(f"CREATE INDEX ix_{table}_search_vector ON {table} USING gin (search_vector)")


def _operator() -> None:
    """The registry's own operator: the agency of its administrators."""
    from datetime import UTC, datetime
    from uuid import UUID

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    operator = UUID(OPERATOR_ID)
    agency = sa.table(
        "agency",
        *(
            sa.column(name, kind)
            for name, kind in {
                "id": types.Uuid(),
                "name": sa.Text(),
                "kind": sa.Text(),
                "level": sa.Text(),
                "counties": types.Json(),
                "status": sa.Text(),
                "search_text": sa.Text(),
                "version": sa.Integer(),
                "created_at": types.Instant(),
                "updated_at": types.Instant(),
            }.items()
        ),
    )
    acting = sa.table("acting_agency", sa.column("agency_id", types.Uuid()))
    op.execute(
        agency.insert().values(
            id=operator,
            name="Registry operator",
            kind="other",
            level="other",
            counties=[],
            status="active",
            search_text="registry operator",
            version=1,
            created_at=moment,
            updated_at=moment,
        )
    )
    op.execute(acting.insert().values(agency_id=operator))
