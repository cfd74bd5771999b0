"""A database that an earlier version filled is upgraded by `registry migrate`, and nothing in it is lost or unreadable.

The data are the demonstration's, played by the earlier version's own code. That the checks would notice is shown by
scripts that do what a bad one would do.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest
from msgspec import Struct

from registry.platform.settings import load
from tests.support.databases import beside, copy_postgres, copy_sqlite
from tests.support.places import ROOT
from tests.support.schema import ask, schema_of
from tests.support.server import environment, in_process
from tests.upgrade.checking import Reading, faults, read_everything, stock_of
from tests.upgrade.past import revision_before, run, started, version_after, version_at

pytestmark = pytest.mark.long

MakeDatabase: TypeAlias = Callable[[str | None], str]
VERSION = "SELECT version_num FROM alembic_version"


@pytest.fixture(scope="module")
def databases(
    dialect: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeDatabase]:
    """Makes databases of this module's own: copies of another, or empty ones."""
    folder = tmp_path_factory.mktemp("upgrades")
    with ExitStack() as stack:
        if dialect == "postgresql":
            empty = beside(request.getfixturevalue("postgres_url"), "template0")  # skips where there is no server
            yield lambda source: stack.enter_context(copy_postgres(source or empty))
        else:
            names = (folder / f"{n}.db" for n in range(1_000))
            yield lambda source: copy_sqlite(source, next(names)) if source else f"sqlite:///{next(names)}"


class Past(Struct, kw_only=True, frozen=True):
    """What the version before left: a database, of which each test takes a copy, and the folder with its files."""

    url: str
    data: Path


@pytest.fixture(scope="module")
def past(databases: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """The demonstration, as that version plays it."""
    folder = tmp_path_factory.mktemp("past")
    found = Past(url=databases(None), data=folder / "data")
    run(version_at(revision_before(), folder / "code"), "demo", found.url, found.data)
    return found


@pytest.fixture
def url(databases: MakeDatabase, past: Past) -> str:
    """A copy of what the version before left, to be upgraded."""
    return databases(past.url)


@pytest.fixture
def fresh(databases: MakeDatabase) -> str:
    """An empty database."""
    return databases(None)


async def reading_of(url: str, folder: Path) -> Reading:
    async with in_process(load(environment(url, folder))) as service:
        return await read_everything(service)


async def test_what_the_version_before_stored_is_whole_and_readable(
    past: Past, url: str, fresh: str, tmp_path: Path
) -> None:
    before = await stock_of(past.url)
    for each in (url, fresh):
        run(ROOT, "migrate", each, tmp_path)
    assert await faults(url, fresh, before) == []
    reading = await reading_of(url, past.data)
    assert reading.broken == []
    assert {
        "/v1/agreements/{agreement_id}/versions/{version_no}",
        "/v1/decisions/{decision_id}/replay",
        "/v1/loans/{loan_id}",
        "/v1/requests/{request_id}/history",
        "/v1/documents/{document_id}",
    } <= reading.answered, "the data hold something of each kind that is kept as JSON"


CAREFUL = """
op.add_column("loan", sa.Column("odometer", sa.Integer()))
unguarded("loan", "UPDATE loan SET odometer = 0", "UPDATE loan SET odometer = 0")
if Path("{pause}").exists():
    Path("{paused}").touch()
    time.sleep(600)
op.create_index("ix_loan_odometer", "loan", ["odometer"])
"""


async def test_an_upgrade_killed_half_way_changed_nothing_and_is_made_good_by_the_next(
    past: Past, url: str, fresh: str, tmp_path: Path
) -> None:
    pause, paused = tmp_path / "pause", tmp_path / "paused"
    code = version_after(tmp_path / "code", CAREFUL.format(pause=pause, paused=paused))
    before, schema, version = await stock_of(url), await schema_of(url), await ask(url, VERSION)
    pause.touch()
    process = started(code, "migrate", url, tmp_path)
    deadline = time.monotonic() + 60
    while not paused.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the upgrade did not come half-way"
        await asyncio.sleep(0.05)
    process.kill()
    process.communicate()
    assert await stock_of(url) == before
    assert await schema_of(url) == schema
    assert await ask(url, VERSION) == version
    pause.unlink()
    for each in (url, fresh):
        run(code, "migrate", each, tmp_path)
    assert await faults(url, fresh, before) == []
    assert await ask(url, "SELECT count(*) FROM loan WHERE odometer = 0") == [(len(before.keys["loan"]),)]


# What a bad script may do, and by which words it is noticed. Each does it to tables of its own.
BAD: tuple[tuple[str, list[str]], ...] = (
    (
        """op.execute("DELETE FROM agreement_signing_turn")""",
        ["rows: agreement_signing_turn lost 3"],
    ),
    (
        """on("UPDATE calendar_feed SET id = randomblob(16)", "UPDATE calendar_feed SET id = gen_random_uuid()")""",
        ["rows: calendar_feed lost 1"],
    ),
    (
        """
        if op.get_bind().scalar(sa.text("SELECT count(*) FROM loan")):
            on("DROP TRIGGER provision_frozen_update", "ALTER TABLE provision DISABLE TRIGGER provision_frozen")
            op.execute("DROP INDEX ix_loan_asset")
        """,
        ["schema: index ix_loan_asset differs", "schema: trigger provision_frozen"],
    ),
    (
        """
        change = "UPDATE agreement_version SET terms = '{\\"liability\\": 7}'"
        unguarded("agreement_version", change, change)
        """,
        ["read: GET /v1/agreements/"],
    ),
    (
        """op.execute("UPDATE loan SET asset_snapshot = '{}'")""",
        ["read: GET /v1/loans/"],
    ),
    (
        """
        unguarded(
            "agreement_version",
            "UPDATE agreement_version SET canonical = CAST(canonical || ' ' AS BLOB)",
            "UPDATE agreement_version SET canonical = canonical || convert_to(' ', 'UTF8')",
        )
        """,
        ["hash: agreement_version.sha256 of 2"],
    ),
    (
        """
        unguarded(
            "policy_decision",
            "UPDATE policy_decision SET facts = CAST(replace(CAST(facts AS TEXT), 'priority', 'urgency') AS BLOB)",
            "UPDATE policy_decision SET facts ="
            " convert_to(replace(convert_from(facts, 'UTF8'), 'priority', 'urgency'), 'UTF8')",
        )
        """,
        ["hash: policy_decision.input_digest of ", "read: GET /v1/decisions/"],
    ),
    (
        """
        change = "UPDATE ledger_event SET type = 'nothing.happened' WHERE type = 'loan.returned'"
        unguarded("ledger_event", change, change)
        """,
        ["hash: ledger_event.canonical of 1"],
    ),
    (
        """
        unguarded(
            "ledger_event",
            "UPDATE ledger_event SET canonical = CAST(replace(CAST(canonical AS TEXT), 'done', 'failed') AS BLOB)",
            "UPDATE ledger_event SET canonical ="
            " convert_to(replace(convert_from(canonical, 'UTF8'), 'done', 'failed'), 'UTF8')",
        )
        """,
        ["for ever: ledger_event.canonical changed in"],
    ),
)
SEARCH = """
change = "UPDATE agency SET search_text = 'elsewhere'"
unguarded("agency", change, change)
"""


async def test_a_script_that_does_harm_is_noticed_by_each_thing_it_does(
    dialect: str, past: Past, url: str, fresh: str, tmp_path: Path
) -> None:
    code = version_after(tmp_path / "code", "\n".join(dedent(harm).strip() for harm, _ in BAD) + SEARCH)
    for each in (url, fresh):
        run(code, "migrate", each, tmp_path)
    found = await faults(url, fresh, await stock_of(past.url)) + (await reading_of(url, past.data)).broken
    expected = {words for _, each in BAD for words in each}
    assert {words for words in expected if not any(fault.startswith(words) for fault in found)} == set(), found
    stale = "search: agency_fts is not the index of what there is"
    assert (stale in found) is (dialect == "sqlite"), "PostgreSQL generates what it searches"
