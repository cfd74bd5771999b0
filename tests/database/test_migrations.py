"""From nothing to the newest schema, over whatever is there, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from registry.agencies.tables import agency
from registry.agreements.queries.signing import signing_of
from registry.agreements.review_tables import agreement_review_round
from registry.agreements.signing_tables import agreement_signing
from registry.agreements.tables import agreement, agreement_party, agreement_version
from registry.database.connect import connect, unit_of_work
from registry.database.handles import Read
from registry.database.migrate import (
    current_revision,
    migrate,
    newest_revision,
    run_on_schema_connection,
    schema_differences,
)
from registry.database.search import match_text, matches
from registry.schema import all_tables, metadata
from tests.support.databases import POSTGRES_URL, copy_postgres
from tests.support.sabotage import change_schema

APPEND_ONLY = (
    "ledger_event",
    "ledger_event_agency",
    "agreement_signature",
    "agreement_approval",
    "agreement_signature_authority",
)
PARTS_OF_A_VERSION = ("provision", "agreement_coverage", "agreement_version_dates")
TRIGGERS = {
    "sqlite": {
        *(f"{table}_no_{verb}" for table in APPEND_ONLY for verb in ("update", "delete")),
        *(f"{table}_frozen_{verb}" for table in PARTS_OF_A_VERSION for verb in ("insert", "update", "delete")),
        *(f"agreement_version_frozen_{verb}" for verb in ("update", "delete")),
        *(f"allocation_no_overlap_{verb}" for verb in ("insert", "update")),
        *(
            f"{table}_fts_{verb}"
            for table in ("agency", "asset", "agreement_passage")
            for verb in ("insert", "update", "delete")
        ),
        *(f"document_no_{verb}" for verb in ("update", "delete")),
    },
    "postgresql": {
        *(f"{table}_no_{what}" for table in APPEND_ONLY for what in ("change", "truncate")),
        *(f"{table}_frozen" for table in (*PARTS_OF_A_VERSION, "agreement_version")),
        *(f"document_no_{what}" for what in ("update", "delete", "truncate")),
    },
}
LIST_TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}
# Everything that a schema says, in words that can be compared; the version table is Alembic's own.
SCHEMA = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE name <> 'alembic_version' ORDER BY type, name",
    "postgresql": """
        SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'column', table_name || '.' || column_name, data_type || is_nullable
          FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2""",
}


@pytest.fixture
def empty_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    all_tables()
    with ExitStack() as stack:
        if dialect == "sqlite":
            yield f"sqlite:///{tmp_path / 'empty.db'}"
        else:
            request.getfixturevalue("postgres_url")  # skips where there is no server
            yield stack.enter_context(copy_postgres(f"{POSTGRES_URL.rsplit('/', 1)[0]}/template0"))


async def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    database = connect(url)
    try:
        return [tuple(row) for row in await database.read().all(sa.text(statement))]
    finally:
        await database.close()


async def revision_of(url: str) -> str | None:
    database = connect(url)
    try:
        return await current_revision(database)
    finally:
        await database.close()


async def test_an_empty_database_is_brought_to_the_newest_schema(empty_url: str) -> None:
    assert await revision_of(empty_url) is None
    await migrate(empty_url)
    assert await revision_of(empty_url) == newest_revision()


async def test_the_schema_is_what_the_tables_in_code_say(private_url: str) -> None:
    differences = await run_on_schema_connection(private_url, lambda c: schema_differences(c, metadata))
    assert differences == []


async def test_a_difference_between_code_and_schema_is_seen(private_url: str) -> None:
    await change_schema(private_url, "ALTER TABLE agency DROP COLUMN sworn")
    assert await run_on_schema_connection(private_url, lambda c: schema_differences(c, metadata))


async def test_a_second_migration_changes_nothing(dialect: str, private_url: str) -> None:
    before = await ask(private_url, SCHEMA[dialect])
    await migrate(private_url)
    assert await ask(private_url, SCHEMA[dialect]) == before


async def test_migrations_started_at_once_do_not_meet(empty_url: str) -> None:
    def run() -> None:
        asyncio.run(migrate(empty_url))

    await asyncio.gather(*(asyncio.to_thread(run) for _ in range(3)))
    assert await revision_of(empty_url) == newest_revision()


async def test_p31_a_migration_that_fails_leaves_nothing(dialect: str, empty_url: str) -> None:
    await change_schema(empty_url, "CREATE TABLE provision (in_the_way INTEGER)")
    before = await ask(empty_url, SCHEMA[dialect])
    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        await migrate(empty_url)
    assert await ask(empty_url, SCHEMA[dialect]) == before
    assert await revision_of(empty_url) is None
    await change_schema(empty_url, "DROP TABLE provision")
    await migrate(empty_url)
    assert await revision_of(empty_url) == newest_revision()


async def test_p30_every_guard_is_there(dialect: str, private_url: str) -> None:
    assert {str(name).lower() for (name,) in await ask(private_url, LIST_TRIGGERS[dialect])} == TRIGGERS[dialect]
    guards = {name for kind, name, _ in await ask(private_url, SCHEMA[dialect]) if kind in ("index", "constraint")}
    expected = {"uq_allocation_exclusive_out", "uq_loan_root_decision_used", "uq_loan_extension_pending"}
    if dialect == "postgresql":
        expected |= {"asset_overlap", "ck_agency_status", "fk_asset_agency_id"}
    assert expected <= guards


async def test_p30_every_constraint_has_a_name_by_which_a_migration_can_find_it() -> None:
    all_tables()
    for table in metadata.tables.values():
        assert all(constraint.name for constraint in table.constraints), table.name


@pytest.fixture
async def upgraded(empty_url: str) -> AsyncIterator[Read]:
    """A database that held an agency before it was upgraded."""
    await migrate(empty_url, "0001")
    row = {
        "id": UUID(int=1),
        "name": "Before the index (demo)",
        "kind": "city",
        "level": "local",
        "counties": [],
        "status": "listed",
        "search_text": "before the index demo",
        "version": 1,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    database = connect(empty_url)
    try:
        async with unit_of_work(database) as write:
            await write.run(agency.insert(), row)
    finally:
        await database.close()
    await migrate(empty_url)
    database = connect(empty_url)
    yield database.read()
    await database.close()


async def test_what_was_stored_before_an_upgrade_is_found_after_it(dialect: str, upgraded: Read) -> None:
    found = sa.select(agency.c.id).where(matches(agency, dialect))
    assert await upgraded.value(found, {"match": match_text(dialect, ["index"])}) == UUID(int=1)


async def test_an_upgraded_schema_equals_a_fresh_one(dialect: str, upgraded: Read, private_url: str) -> None:
    """The fresh one was migrated in one go; `upgraded` stopped on the way and took data along."""
    fresh = await ask(private_url, SCHEMA[dialect])
    assert [tuple(row) for row in await upgraded.all(sa.text(SCHEMA[dialect]))] == fresh


ON_ITS_WAY = {"in_review": UUID(int=7), "out_for_signature": UUID(int=8), "draft": UUID(int=9)}


async def test_texts_on_their_way_are_carried_into_rounds_of_review_and_signature(empty_url: str) -> None:
    """Reviewers can still be named, and everybody signs at once, as it was when they set out."""
    await migrate(empty_url, "0003")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    common = {"version": 1, "created_at": at, "updated_at": at}
    agencies = [
        {"id": UUID(int=n), "name": f"Agency {n}", "kind": "city", "level": "local", "counties": [], **common}
        for n in (1, 2)
    ]
    database = connect(empty_url)
    async with unit_of_work(database) as write:
        for each in agencies:
            await write.run(agency.insert(), {**each, "status": "active", "search_text": str(each["name"])})
        for stage, agreement_id in ON_ITS_WAY.items():
            frozen = stage != "draft"
            row = {"id": agreement_id, "number": stage, "title": stage, "kind": "mou", "custodian_id": UUID(int=1)}
            dates = {"time_zone": "UTC", "effective_on": at.date(), "starts_at": at, "notice_days": 30}
            rest = {"search_text": stage, "is_shared": frozen, "is_public": False, "current_version": 1}
            await write.run(agreement.insert(), {**row, "stage": stage, **dates, **rest, **common})
            text = {"id": agreement_id, "agreement_id": agreement_id, "no": 1, "title": stage, "terms": {}}
            seal = {"canonical": b"{}", "sha256": "0" * 64, "frozen_at": at} if frozen else {}
            await write.run(agreement_version.insert(), {**text, "created_at": at, **seal})
            parties = [{"agreement_id": agreement_id, "agency_id": UUID(int=n), "ordinal": n - 1} for n in (1, 2)]
            await write.run(agreement_party.insert(), parties)
    await database.close()
    await migrate(empty_url)
    database = connect(empty_url)
    read = database.read()
    rounds = await read.all(sa.select(agreement_review_round))
    assert [(row.version_id, row.no, row.closed_at) for row in rounds] == [(ON_ITS_WAY["in_review"], 1, None)]
    found = await signing_of(read, ON_ITS_WAY["out_for_signature"], at)
    assert found is not None
    assert (found.order, found.next, found.signed) == ("parallel", [UUID(int=1), UUID(int=2)], [])
    assert len(await read.all(sa.select(agreement_signing))) == 1
    await database.close()


FAMILY = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE child (parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE)",
    "INSERT INTO parent VALUES (1, 'one')",
    "INSERT INTO child VALUES (1)",
)


async def on_table(url: str, work: Callable[[Operations], None]) -> None:
    def run(connection: Connection) -> None:
        work(Operations(MigrationContext.configure(connection)))

    await run_on_schema_connection(url, run)


async def test_p29_rebuilding_a_parent_keeps_its_children(private_url: str) -> None:
    await change_schema(private_url, *FAMILY)

    def rebuild(op: Operations) -> None:
        with op.batch_alter_table("parent") as parent:
            parent.alter_column("name", nullable=False, existing_type=sa.Text())

    await on_table(private_url, rebuild)
    assert await ask(private_url, "SELECT count(*) FROM child") == [(1,)]


async def test_p29_a_migration_that_leaves_orphans_is_rolled_back(private_url: str) -> None:
    await change_schema(private_url, *(statement.replace(" ON DELETE CASCADE", "") for statement in FAMILY))
    with pytest.raises((RuntimeError, sa.exc.IntegrityError), match=r"dangling|foreign key"):
        await on_table(private_url, lambda op: op.execute("DELETE FROM parent"))
    assert await ask(private_url, "SELECT count(*) FROM parent") == [(1,)]
