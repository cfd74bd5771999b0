"""What the database itself refuses, whatever the code above it believes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa

from registry.directory.agencies.tables import agency
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.ids import new_id
from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import Cast
from tests.support.service import Service

NEVER = {
    "a ledger event is not edited": "UPDATE ledger_event SET type = 'nothing.happened'",
    "a ledger event is not deleted": "DELETE FROM ledger_event",
    "nobody is struck from an event": "DELETE FROM ledger_event_agency",
    "an event is not moved to others": "UPDATE ledger_event_agency SET event_id = event_id",
    "a signature is not edited": "UPDATE agreement_signature SET signatory_title = 'Another'",
    "a signature is not deleted": "DELETE FROM agreement_signature",
    "a signed version is not edited": "UPDATE agreement_version SET title = 'Another' WHERE frozen_at IS NOT NULL",
    "a signed version is not deleted": "DELETE FROM agreement_version WHERE frozen_at IS NOT NULL",
    "a signed version is not thawed": "UPDATE agreement_version SET frozen_at = NULL WHERE frozen_at IS NOT NULL",
    "a signed text is not edited": "UPDATE provision SET text = 'Another' WHERE {frozen}",
    "a signed text loses nothing": "DELETE FROM provision WHERE {frozen}",
    "a signed text gains nothing": (
        "INSERT INTO provision (version_id, ordinal, number, heading, text, sensitivity) "
        "SELECT version_id, ordinal + 100, number, heading, text, sensitivity FROM provision WHERE {frozen}"
    ),
    "nothing moves into a signed text": (
        "UPDATE provision SET ordinal = ordinal + 200, "
        "version_id = (SELECT id FROM agreement_version WHERE frozen_at IS NOT NULL LIMIT 1) WHERE NOT {frozen}"
    ),
    "what was hashed of a signed text stands": "UPDATE agreement_version_part SET sha256 = sha256 WHERE {frozen}",
    "what a signed version covers stays": "UPDATE agreement_coverage SET version_id = version_id WHERE {frozen}",
    "what a signed version covers is not deleted": "DELETE FROM agreement_coverage WHERE {frozen}",
}
FROZEN = "version_id IN (SELECT id FROM agreement_version WHERE frozen_at IS NOT NULL)"


@pytest.fixture
async def signed(service: Service, cast: Cast) -> Database:
    """The service's database with a signed agreement and a draft in it."""
    await sign_agreement(service, cast.assisting, cast.requesting)
    await cast.assisting.legal.done("POST", "/v1/agreements", agreement_body(cast.assisting, cast.neighbour))
    return service.database


async def attempt(database: Database, statement: str) -> None:
    async with unit_of_work(database) as write:
        await write.run(sa.text(statement))


@pytest.mark.parametrize("statement", NEVER.values(), ids=NEVER.keys())
async def test_what_was_recorded_or_signed_stands(signed: Database, statement: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"append_only|version_is_frozen"):
        await attempt(signed, statement.format(frozen=FROZEN))


@pytest.mark.parametrize("table", ["ledger_event", "ledger_event_agency", "agreement_signature"])
async def test_on_postgresql_nothing_recorded_is_truncated(signed: Database, table: str) -> None:
    """SQLite has no TRUNCATE: it is DELETE there."""
    statement = f"TRUNCATE {table} CASCADE" if signed.dialect == "postgresql" else f"DELETE FROM {table}"
    with pytest.raises(sa.exc.DBAPIError, match="append_only"):
        await attempt(signed, statement)


def listed(**fields: object) -> dict[str, object]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "id": new_id(),
        "name": "Backstop Police (demo)",
        "kind": "city",
        "level": "local",
        "counties": [],
        "status": "listed",
        "search_text": "backstop",
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
        **fields,
    }


async def enter(database: Database, *rows: Mapping[str, object]) -> None:
    async with unit_of_work(database) as write:
        for row in rows:
            await write.run(agency.insert(), row)


async def test_a_broken_uniqueness_speaks_in_the_words_of_its_rule(service: Service) -> None:
    with pytest.raises(Conflict) as refused:
        await enter(service.database, listed(uei="BACKSTOP0001"), listed(uei="BACKSTOP0001"))
    assert refused.value.code == "uei_taken"
    assert refused.value.detail == "Another agency is registered under that UEI."


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 201},
        {"status": "gone"},
        {"version": 0},
        {"latitude": 45.0},
        {"parent_id": UUID(int=404)},
        {"name": None},
        {"id": UUID("01900000-0000-7000-8000-000000000001")},
    ],
    ids=lambda wrong: f"{next(iter(wrong))}-{str(next(iter(wrong.values())))[:12]}",
)
async def test_rows_that_no_rule_allows_are_refused_as_faults_of_ours(
    service: Service, wrong: dict[str, object]
) -> None:
    """Input was judged before; what still gets here is an error in the code, and must not pass for a conflict."""
    with pytest.raises(sa.exc.IntegrityError):
        await enter(service.database, listed(**wrong))
