"""How often the service waits for PostgreSQL, counted on the wire.

A round trip costs more than what it asks for, so each operation has a bound that it does not grow beyond unnoticed.
What is counted is what a proxy between the two sees (`tests/support/round_trips.py`): BEGIN and COMMIT included, and
nothing assumed of what the libraries in between do. Each operation is done once before it is counted, so that its
statements are prepared, as they are on a server that has run for a minute.

Whether the caller's token still counts is asked at most once in a second, not once a request, and left out.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from registry.platform.bulk.running.progress import BatchSizes
from registry.platform.bulk.running.runner import ImportRunner
from registry.platform.settings import load
from registry.resources.personnel.schemas import NEW_RECORD_EXAMPLE
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast, make_agency, today
from tests.support.consent import proof
from tests.support.databases import copy_postgres
from tests.support.imports import HEADERS, MAPPING, csv_of, unit_row, uploaded
from tests.support.personnel import enter_person, speaks
from tests.support.policy import make_decision
from tests.support.requests import line_for, make_request, need_line
from tests.support.round_trips import RoundTrips, counting_round_trips
from tests.support.server import environment, in_process
from tests.support.service import Service

# What each process asks every second whoever calls, and what is asked of each caller again after a while.
STANDING = ("acting_agency", "FROM signing_key", "token_issuer.version FROM token_issuer")


@pytest.fixture(scope="module")
def own_postgres_url(postgres_url: str) -> Iterator[str]:
    """A database of these tests' own."""
    with copy_postgres(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
async def trips(own_postgres_url: str) -> AsyncIterator[RoundTrips]:
    """What travels to it."""
    async with counting_round_trips(own_postgres_url) as counter:
        yield counter


@pytest.fixture(scope="module")
async def service(trips: RoundTrips, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A service that reaches it through the proxy, with one connection to read and one to write."""
    settings = load(environment(trips.url, tmp_path_factory.mktemp("data"), REGISTRY_DATABASE_POOL="1"))
    async with in_process(settings) as service:
        state = service.edge.app.state
        await state.background.stop()  # what it writes when it likes is nobody's request
        await state.import_runner.close()
        state.import_runner = ImportRunner(service.database, sizes=BatchSizes(rows=100, seconds=600))
        yield service


def assert_at_most(most: int, trips: RoundTrips) -> None:
    counted = trips.counted(besides=STANDING)
    assert counted, "nothing was counted"
    assert len(counted) <= most, "\n".join([f"{len(counted)} round trips:", *counted])


async def test_registering_an_asset(trips: RoundTrips, cast: Cast) -> None:
    body = {"category": "k9.narcotics", "name": "Narcotics team", "type_level": 2, "sharing": "network"}
    for key in ("first", "counted"):
        trips.forget()
        await cast.assisting.admin.done("POST", "/v1/assets", body, key=key)
    assert_at_most(6, trips)


async def test_importing_assets(trips: RoundTrips, cast: Cast) -> None:
    """A row more is one insertion when checked, one when written; what rows have in common is asked once a batch.

    How many rows are in a batch follows from how long they take, so here they have all the time they need.
    """
    counted: list[int] = []
    for many in (5, 25, 5, 25):
        rows = [unit_row(f"{len(counted)}-{at}", Make="Ford") for at in range(many)]
        found = await uploaded(cast.assisting.admin, csv_of(*rows, headers=(*HEADERS, "Make")))
        run = {"mapping": {**MAPPING, "attributes.make": {"header": "Make"}}, "dry_run": False, "wait_seconds": 30}
        trips.forget()
        done = await cast.assisting.admin.done("POST", f"/v1/imports/{found['id']}/run", run)
        assert (done["status"], done["counts"]["created"]) == ("done", many)
        counted.append(len(trips.counted(besides=STANDING)))
    assert counted[3] - counted[2] <= 2 * 20, counted


async def test_reserving_a_loan(trips: RoundTrips, cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"insurance_required": True})
    for key in ("first", "counted"):
        asset = await make_asset(cast.assisting)
        decision = await make_decision(cast.requesting, asset)
        trips.forget()
        await cast.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": str(decision.id)}, key=key)
    # One to know who approved what is reserved; eight to say whether it could leave at once, long before its start.
    assert_at_most(25, trips)


async def test_submitting_a_request_of_one_line(trips: RoundTrips, cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"insurance_required": True})
    for key in ("first", "counted"):
        made = await make_request(cast.requesting, await make_asset(cast.assisting))
        trips.forget()
        await cast.requesting.coordinator.done("POST", f"/v1/requests/{made['id']}/submit", {}, key=key)
    assert_at_most(14, trips)


async def test_reading_a_request_however_many_lines_it_has(trips: RoundTrips, cast: Cast) -> None:
    """Whether what they ask for can be had is one question for all of them."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    counted = []
    for many in (1, 6, 1, 6):
        lines = [line_for(await make_asset(cast.assisting)) for _ in range(many)]
        made = await make_request(cast.requesting, {}, lines=lines)
        trips.forget()
        await cast.requesting.coordinator.done("GET", f"/v1/requests/{made['id']}")
        counted.append(len(trips.counted(besides=STANDING)))
    assert counted[2] == counted[3]
    assert_at_most(3, trips)


async def test_ranking_candidates_however_many_there_are(trips: RoundTrips, cast: Cast) -> None:
    """Decisions, what can be had and who helped whom are each asked for all of a page at once."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    made = await make_request(cast.requesting, {}, lines=[{**need_line(), "place": {"latitude": 45, "longitude": -93}}])
    path = f"/v1/requests/{made['id']}/lines/{made['lines'][0]['id']}/candidates"
    counted = []
    for many in (1, 0, 6, 0):
        for _ in range(many):
            await make_asset(cast.assisting)
        trips.forget()
        page = await cast.requesting.coordinator.done("GET", path)
        counted.append(len(trips.counted(besides=STANDING)))
    assert page["weighed"] == 7
    assert counted[1] == counted[3]
    assert_at_most(14, trips)


async def test_reading_one_agreement(trips: RoundTrips, cast: Cast) -> None:
    signed = await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    for _ in range(2):
        trips.forget()
        await cast.requesting.coordinator.done("GET", f"/v1/agreements/{signed['id']}")
    assert_at_most(3, trips)


async def test_recording_what_all_agreed_on_paper(trips: RoundTrips, cast: Cast) -> None:
    """Of each party it is reported that it did; what is asked of one of them is asked of all at once.

    A statement may have to be prepared anew meanwhile: the fewest of several rounds count.
    """
    counted: list[int] = []
    for many in (3, 12, 3, 12, 3, 12):
        others = [await make_agency(cast.assisting.service, f"Consenting {each}") for each in range(many - 1)]
        found = await sign_agreement(cast.assisting.service, cast.assisting, *others)
        paper = {"acted_on": str(today()), "evidence_sha256": await proof(cast.assisting, found)}
        body = {"kind": "suspension", "reason": "a dispute (demo)", **paper}
        trips.forget()
        said = await cast.assisting.legal.done("POST", f"/v1/agreements/{found['id']}/propose-suspension", body)
        assert [each["status"] for each in said["reported_acts"]] == ["open"] * (many - 1)
        counted.append(len(trips.counted(besides=STANDING)))
    assert min(counted[::2]) == min(counted[1::2]), counted


async def test_reading_an_inbox(trips: RoundTrips, cast: Cast) -> None:
    """However much waits: one question a room, three of requests, two of engagements; deadlines, damage, limits."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    counted: list[int] = []
    for _ in range(3):
        decision = await make_decision(cast.requesting, await make_asset(cast.assisting))
        await cast.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": str(decision.id)})
        trips.forget()
        await cast.assisting.coordinator.done("GET", "/v1/inbox")
        counted.append(len(trips.counted(besides=STANDING)))
    assert counted[1] == counted[2], counted
    assert_at_most(10, trips)


async def test_entering_a_person(trips: RoundTrips, cast: Cast) -> None:
    for key in ("first", "counted"):
        body = {**NEW_RECORD_EXAMPLE, "tag": None}
        trips.forget()
        await cast.assisting.coordinator.done("POST", "/v1/personnel", body, key=key)
    assert_at_most(10, trips)


async def test_asking_who_has_somebody_for_it(trips: RoundTrips, cast: Cast) -> None:
    """However many agencies and people there are: what is asked, the own agency, its people, all others."""
    await enter_person(cast.assisting, speaks("hmn", "3"))
    query = "capability=language.hmn&level_at_least=3&within_km=100&lendable=false"
    for _ in range(2):
        trips.forget()
        await cast.assisting.coordinator.done("GET", f"/v1/capabilities?{query}")
    assert_at_most(5, trips)


async def test_another_text_is_read_only_where_it_begins_before_the_loan_is_over(trips: RoundTrips, cast: Cast) -> None:
    found = await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting)
    counted: list[int] = []

    async def ask() -> None:
        question = {**line_for(asset), "purpose": "training"}
        for _ in range(2):
            trips.forget()
            await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", question)
        counted.append(len(trips.counted(besides=STANDING)))

    await ask()
    for days in (200, 3):
        day = today() + timedelta(days=days)
        await amended_on_paper(found, cast.assisting, cast.requesting, effective_on=day, signed_on="2025-06-01")
        await ask()
    usual, far, near = counted
    assert (far, near) == (usual, usual + 1)
