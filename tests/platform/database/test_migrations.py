"""From nothing to the newest schema, over whatever is there, or not at all."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

import registry
from registry.database_tables import UpToDate, all_tables, bring_up_to_date, metadata
from registry.platform.database.connect import connect
from registry.platform.database.installation import Purpose
from registry.platform.database.migrate import (
    SchemaStatus,
    current_revision,
    fingerprints,
    migrate,
    newest_revision,
    run_on_schema_connection,
    schema_differences,
    schema_status,
    served_from,
    sign,
)
from registry.platform.settings import SettingsError
from tests.support.databases import empty_database
from tests.support.sabotage import change_schema
from tests.support.schema import ask, schema_of

REGISTRY = Path(registry.__file__).parent
APPEND_ONLY = (
    "ledger_event",
    "ledger_event_agency",
    "ledger_feed",
    "ledger_leaf",
    "ledger_node",
    "ledger_checkpoint",
    "ledger_cosignature",
    "ledger_archived_segment",
    "agreement_signature_authority",
    "document_repetition",
)
PARTS_OF_A_VERSION = ("provision", "agreement_coverage", "agreement_version_dates", "agreement_version_part")
FILED = ("document", "asset_document", "loan_document")
SAID = ("policy_set", "agreement_signature", "agreement_approval")
TRIGGERS = {
    "sqlite": {
        *(f"{table}_no_{verb}" for table in APPEND_ONLY for verb in ("update", "delete")),
        *(f"{table}_frozen_{verb}" for table in PARTS_OF_A_VERSION for verb in ("insert", "update", "delete")),
        *(f"agreement_version_frozen_{verb}" for verb in ("update", "delete")),
        *(
            f"{table}_no_overlap_{verb}"
            for table in ("allocation", "personnel_allocation")
            for verb in ("insert", "update")
        ),
        *(
            f"{table}_fts_{verb}"
            for table in ("agency", "asset", "agreement_passage")
            for verb in ("insert", "update", "delete")
        ),
        *(f"{table}_no_{verb}" for table in (*FILED, *SAID) for verb in ("update", "delete")),
    },
    "postgresql": {
        *(f"{table}_no_{what}" for table in APPEND_ONLY for what in ("change", "truncate")),
        *(f"{table}_frozen" for table in (*PARTS_OF_A_VERSION, "agreement_version")),
        *(f"{table}_no_{what}" for table in (*FILED, *SAID) for what in ("update", "delete", "truncate")),
    },
}
LIST_TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}


@pytest.fixture
def empty_url(dialect: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with nothing in it."""
    all_tables()
    with empty_database(dialect, request) as url:
        yield url


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


async def test_the_schema_is_what_the_tables_in_code_say(private_url: str, empty_url: str) -> None:
    """To Alembic, which compares columns and keys, and word for word, conditions included."""
    differences = await run_on_schema_connection(private_url, lambda c: schema_differences(c, metadata))
    assert differences == []
    await run_on_schema_connection(empty_url, metadata.create_all)
    assert await declared(private_url) == await declared(empty_url)


async def declared(url: str) -> set[tuple[str, ...]]:
    """What the database says of tables alone, without triggers, search indexes and the guard of bookings."""
    added = ("_fts", "search_vector", "asset_overlap", "personnel_overlap")
    return {
        (str(kind), str(name), *sorted(line.strip(" \t,") for line in str(said).splitlines()))
        for kind, name, said in await schema_of(url)
        if kind not in ("trigger", "function") and not any(word in str(name) for word in added)
    }


async def test_a_difference_between_code_and_schema_is_seen(private_url: str) -> None:
    await change_schema(private_url, "ALTER TABLE agency DROP COLUMN sworn")
    assert await run_on_schema_connection(private_url, lambda c: schema_differences(c, metadata))


def test_every_room_with_tables_is_known_to_migrations() -> None:
    all_tables()
    rooms = {
        ".".join(path.with_suffix("").relative_to(REGISTRY.parent).parts)
        for path in REGISTRY.rglob("*tables.py")
        if path.name != "database_tables.py"
    }
    code = "from registry.database_tables import all_tables; all_tables(); import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert rooms <= set(loaded)


async def test_a_second_migration_changes_nothing(private_url: str) -> None:
    before = await schema_of(private_url)
    await migrate(private_url)
    assert await schema_of(private_url) == before


async def test_migrations_started_at_once_do_not_meet_nor_do_their_shared_words(empty_url: str) -> None:
    def run() -> UpToDate:
        return asyncio.run(bring_up_to_date(empty_url, Purpose.REAL))

    done = await asyncio.gather(*(asyncio.to_thread(run) for _ in range(4)))
    assert await revision_of(empty_url) == newest_revision()
    assert sorted(bool(each.words) for each in done) == [False, False, False, True]
    assert sorted(str(each.before) for each in done) == ["0001", "0001", "0001", "None"], "one of them made it"


async def test_a_migration_that_fails_leaves_nothing(empty_url: str) -> None:
    await change_schema(empty_url, "CREATE TABLE provision (in_the_way INTEGER)")
    before = await schema_of(empty_url)
    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        await migrate(empty_url)
    assert await schema_of(empty_url) == before
    assert await revision_of(empty_url) is None
    await change_schema(empty_url, "DROP TABLE provision")
    await migrate(empty_url)
    assert await revision_of(empty_url) == newest_revision()


async def test_every_guard_is_there(dialect: str, private_url: str) -> None:
    assert {str(name).lower() for (name,) in await ask(private_url, LIST_TRIGGERS[dialect])} == TRIGGERS[dialect]
    guards = {name for kind, name, _ in await schema_of(private_url) if kind in ("index", "constraint")}
    expected = {"uq_allocation_exclusive_out", "uq_loan_root_decision_used", "uq_loan_extension_pending"}
    if dialect == "postgresql":
        expected |= {"asset_overlap", "personnel_overlap", "ck_agency_status", "fk_asset_agency_id"}
    assert expected <= guards


async def test_every_constraint_has_a_name_by_which_a_migration_can_find_it() -> None:
    all_tables()
    for table in metadata.tables.values():
        assert all(constraint.name for constraint in table.constraints), table.name


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


async def test_rebuilding_a_parent_keeps_its_children(private_url: str) -> None:
    await change_schema(private_url, *FAMILY)

    def rebuild(op: Operations) -> None:
        with op.batch_alter_table("parent") as parent:
            parent.alter_column("name", nullable=False, existing_type=sa.Text())

    await on_table(private_url, rebuild)
    assert await ask(private_url, "SELECT count(*) FROM child") == [(1,)]


async def test_a_migration_that_leaves_orphans_is_rolled_back(private_url: str) -> None:
    await change_schema(private_url, *(statement.replace(" ON DELETE CASCADE", "") for statement in FAMILY))
    with pytest.raises((RuntimeError, sa.exc.IntegrityError), match=r"dangling|foreign key"):
        await on_table(private_url, lambda op: op.execute("DELETE FROM parent"))
    assert await ask(private_url, "SELECT count(*) FROM parent") == [(1,)]


SCRIPT = """
revision = "{number}"
down_revision = {before}
{declared}

def upgrade():
    pass
"""


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({}, ["0001", "0002", "0003", "0004"]),
        ({"0002": "0001"}, ["0001", "0001", "0003", "0004"]),
        ({"0002": "0001", "0003": "0001", "0004": "0002"}, ["0001", "0001", "0001", "0002"]),
        ({"0004": "0001"}, ["0001", "0002", "0003", "0003"]),  # 0003 bars older code, whatever a later one says
    ],
    ids=["none", "one", "a chain", "not past what bars"],
)
def test_the_oldest_code_that_may_serve_is_what_no_script_bars(
    tmp_path: Path, declared: dict[str, str], expected: list[str]
) -> None:
    scripts = scripts_in(tmp_path, declared)
    assert [served_from(scripts, f"{number:04}") for number in range(1, 5)] == expected


def test_a_script_cannot_let_later_code_than_its_own_serve(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="served_from of 0002 is 0003"):
        served_from(scripts_in(tmp_path, {"0002": "0003"}), "0004")


def scripts_in(folder: Path, declared: dict[str, str]) -> ScriptDirectory:
    """Four scripts that do nothing, of which some declare who may serve beside them."""
    (folder / "versions").mkdir()
    for number in range(1, 5):
        name, before = f"{number:04}", f'"{number - 1:04}"' if number > 1 else "None"
        said = f'served_from = "{declared[name]}"' if name in declared else ""
        (folder / "versions" / f"{name}.py").write_text(SCRIPT.format(number=name, before=before, declared=said))
    return ScriptDirectory(str(folder))


async def test_a_schema_of_a_later_version_is_served_where_the_database_says_so(private_url: str) -> None:
    assert await status_of(private_url) is SchemaStatus.CURRENT
    await change_schema(private_url, "UPDATE alembic_version SET version_num = '9999'")
    assert await status_of(private_url) is SchemaStatus.NEWER_COMPATIBLE, "it serves this version still"
    done = await bring_up_to_date(private_url, Purpose.DEMONSTRATION)
    assert (done.before, done.words) == ("9999", 0)
    await change_schema(private_url, "UPDATE schema_support SET served_from = '9999'")
    assert await status_of(private_url) is SchemaStatus.NEWER
    with pytest.raises(SettingsError, match="made by a later version"):
        await bring_up_to_date(private_url, Purpose.DEMONSTRATION)


async def test_tables_of_another_state_of_the_code_are_found_at_the_same_revision(private_url: str) -> None:
    """A fingerprint that is not this code's has the tables compared: they may be the same all the same."""
    await change_schema(private_url, "UPDATE schema_support SET fingerprint = 'of other scripts'")
    assert await status_of(private_url) is SchemaStatus.DIFFERENT
    assert not SchemaStatus.DIFFERENT.is_served
    await bring_up_to_date(private_url, Purpose.DEMONSTRATION)
    assert await status_of(private_url) is SchemaStatus.CURRENT, "nothing differed, so it is signed anew"
    ((signed,),) = await ask(private_url, "SELECT fingerprint FROM schema_support")
    assert str(signed).startswith("of other scripts "), "and the processes that it turned out to suit serve on"
    for _ in range(2):
        await run_on_schema_connection(private_url, sign)
    assert await ask(private_url, "SELECT fingerprint FROM schema_support") == [(signed,)]
    await change_schema(private_url, "ALTER TABLE schema_support DROP COLUMN fingerprint")
    before = await schema_of(private_url)
    assert await status_of(private_url) is SchemaStatus.DIFFERENT, "it was made before there were fingerprints"
    with pytest.raises(SettingsError, match=r"same revision \(0001\): .*schema_support.*make the database anew"):
        await bring_up_to_date(private_url, Purpose.DEMONSTRATION)
    assert await schema_of(private_url) == before


def test_a_fingerprint_is_of_a_script_and_all_before_it(tmp_path: Path) -> None:
    scripts = scripts_in(tmp_path, {})
    before = fingerprints(tmp_path)
    assert list(before) == [script.revision for script in scripts.walk_revisions()][::-1]
    with (tmp_path / "versions" / "0002.py").open("a") as script:
        script.write("# another table\n")
    after = fingerprints(tmp_path)
    assert [before[revision] == after[revision] for revision in before] == [True, False, False, False]
    (tmp_path / "versions" / "0003.py").unlink()
    with pytest.raises(ValueError, match="do not follow one another"):
        fingerprints(tmp_path)


async def test_an_empty_database_has_no_schema(empty_url: str) -> None:
    assert await status_of(empty_url) is SchemaStatus.NONE


async def status_of(url: str) -> SchemaStatus:
    database = connect(url)
    try:
        return await schema_status(database)
    finally:
        await database.close()
