"""On PostgreSQL: the database has a backup of its own; documents, and whether all is whole, are ours."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.platform.database.migrate import run_on_schema_connection
from registry.platform.settings import load
from tests.support.agreements import sign_agreement
from tests.support.cast import make_cast
from tests.support.command import Run, command
from tests.support.databases import copy_postgres
from tests.support.documents import file_document
from tests.support.server import environment, in_process


@pytest.fixture
def private(postgres_url: str) -> Iterator[str]:
    """A database of the test's own, to spoil."""
    with copy_postgres(postgres_url) as copy:
        yield copy


@pytest.fixture
async def url(anyio_backend: str, private: str, tmp_path: Path) -> str:
    """A registry on PostgreSQL with a document on file, whose data directory is `data`."""
    async with in_process(load(environment(private, tmp_path / "data"))) as service:
        cast = await make_cast(service)
        agreement = await sign_agreement(service, cast.assisting, cast.requesting)
        await file_document(cast.assisting.legal, agreement["id"])
    return private


def on_it(run: Run, url: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command on that database."""
    done = run(*arguments, DATABASE_URL=url)
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def change(url: str, *statements: str) -> None:
    """Change what nobody should, as the database's owner can."""

    def work(connection: sa.Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    asyncio.run(run_on_schema_connection(url, work))


def test_its_documents_are_archived_and_put_back_and_the_whole_is_verified(url: str, tmp_path: Path) -> None:
    run, archive = command(tmp_path), str(tmp_path / "documents.tar")
    code, said = on_it(run, url, "backup", archive)
    assert (code, "pg_basebackup" in said, "docs/operations.md" in said) == (2, True, True)
    assert on_it(run, url, "backup", archive, "--only", "documents")[0] == 0
    code, said = on_it(run, url, "verify")
    assert (code, "1 documents" in said) == (0, True), said
    assert run("verify", archive).exit_code == 0
    for path in (tmp_path / "data" / "documents").glob("??/*"):
        path.unlink()
    code, said = on_it(run, url, "verify")
    assert (code, "is missing" in said) == (1, True)
    assert on_it(run, url, "restore", archive, "--only", "documents") == (0, "1 documents are put back.\n")
    assert on_it(run, url, "verify")[0] == 0


def test_what_was_tampered_with_is_named(url: str, tmp_path: Path) -> None:
    change(
        url,
        "ALTER TABLE ledger_event DISABLE TRIGGER USER",
        "UPDATE ledger_event SET private = '{}' WHERE id = (SELECT min(id::text)::uuid FROM ledger_event)",
        "ALTER TABLE agency_ori DROP CONSTRAINT fk_agency_ori_agency_id",
        "ALTER TABLE agency_ori ADD CONSTRAINT again FOREIGN KEY (agency_id) REFERENCES agency (id) NOT VALID",
        "ALTER TABLE agency DROP COLUMN sworn",
    )
    code, said = on_it(command(tmp_path), url, "verify")
    assert code == 1
    for words in (
        "the trigger ledger_event.",
        "is switched off",
        "the constraint agency_ori.again was never checked",
        "schema: ",
        "has another private part than was recorded",
    ):
        assert words in said, (words, said)


def test_triggers_that_were_dropped_added_or_worded_otherwise_are_named(private: str, tmp_path: Path) -> None:
    """Without them, the ledger and frozen texts can be changed by anybody who reaches the database."""
    run = command(tmp_path)
    assert on_it(run, private, "verify")[0] == 0
    change(
        private,
        "DROP TRIGGER ledger_event_no_change ON ledger_event",
        "DROP TRIGGER agreement_version_frozen ON agreement_version",
        "CREATE TRIGGER agreement_version_frozen BEFORE UPDATE OR DELETE ON agreement_version FOR EACH ROW "
        "WHEN (OLD.frozen_at IS NULL) EXECUTE FUNCTION refuse_change('version_is_frozen')",
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER looked_at AFTER INSERT ON agency FOR EACH ROW EXECUTE FUNCTION look()",
        "CREATE OR REPLACE FUNCTION refuse_part_of_frozen() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$",
    )
    code, said = on_it(run, private, "verify")
    named = [line for line in said.splitlines() if "is not as this version has it" in line]
    assert (code, named) == (
        1,
        [
            f"schema: {what} is not as this version has it"
            for what in (
                "trigger agency.looked_at",
                "trigger agreement_version.agreement_version_frozen",
                "trigger ledger_event.ledger_event_no_change",
                "function look",
                "function refuse_part_of_frozen",
            )
        ],
    )
