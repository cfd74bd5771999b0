"""No record, no change; no change, no record."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import sqlalchemy as sa

from registry.platform.access.acting import allow_acting
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, Principal, Role
from registry.platform.access.tables import acting_agency
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Read
from registry.platform.kernel.canonical import canonical
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import Event, changes, keyed_hash, record, record_many
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.schemas import PublicPart
from registry.platform.ledger.tables import ledger_event, ledger_event_agency, ledger_leaf, ledger_unsealed
from registry.platform.settings import load
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.sabotage import change_schema
from tests.support.server import environment, in_process
from tests.support.service import Service

NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)


def caller(agency_id: UUID | None = None, *roles: Role) -> Caller:
    principal = Principal(
        subject="somebody",
        agency_id=agency_id or new_id(),
        roles=frozenset(roles or (Role.COORDINATOR, Role.APPROVER)),
        scopes=frozenset({"*"}),
        token_id="t-1",
        issuer="https://issuer.test",
    )
    return Caller(principal=principal, now=NOW, trace_id="r-1", source_address="192.0.2.1")


async def events(read: Read, subject_id: UUID) -> list[Any]:
    ask = sa.select(ledger_event).where(ledger_event.c.subject_id == subject_id).order_by(ledger_event.c.id)
    return list(await read.all(ask))


async def test_an_event_holds_who_did_what_to_which_version_and_when(service: Service) -> None:
    thing, other, actor = new_id(), new_id(), caller()
    async with unit_of_work(service.database) as write:
        event_id = record(
            write, actor, EventType.LOAN_RETURNED, subject=("loan", thing, 3), agencies=[other], data={"late": False}
        )
    (row,) = await events(service.database.read(), thing)
    stored = msgspec.json.decode(row.canonical)
    assert stored == {
        "id": str(event_id),
        "type": "loan.returned",
        "subject": {"kind": "loan", "id": str(thing), "version": 3},
        "n": 0,
        "agreement_id": None,
        "audience": "agencies",
        "restricted": False,
        "agency_ids": sorted([str(other), str(actor.agency_id)]),
        "actor": {"agency_id": str(actor.agency_id), "roles": ["approver", "coordinator"]},
        "occurred_at": "2026-07-04T18:00:00.000000Z",
        "recorded_at": "2026-07-04T18:00:00.000000Z",
        "trace_id": "r-1",
        "outcome": "done",
        "data": {"late": False},
        "private_sha256": hashlib.sha256(row.private).hexdigest(),
    }
    assert row.canonical == canonical(stored), "what is stored is what will be hashed"


async def test_a_type_that_is_not_in_the_catalogue_is_refused(service: Service) -> None:
    uncatalogued: Any = "loan.returned_twice"
    with pytest.raises(ValueError, match="returned_twice"):
        async with unit_of_work(service.database) as write:
            record(write, caller(), uncatalogued, subject=("loan", new_id(), 1), agencies=[], data={})


async def test_who_acted_is_kept_apart_and_salted(service: Service) -> None:
    thing = new_id()
    async with unit_of_work(service.database) as write:
        record(write, caller(), EventType.LOAN_RETURNED, subject=("asset", thing, 1), agencies=[], data={})
    (row,) = await events(service.database.read(), thing)
    private = msgspec.json.decode(row.private)
    assert row.private == canonical(private)
    assert len(bytes.fromhex(private.pop("salt"))) == 16
    assert private == {
        "issuer": "https://issuer.test",
        "subject": "somebody",
        "token_id": "t-1",
        "source_address": "192.0.2.1",
    }
    assert not any(word in row.canonical for word in (b"issuer.test", b"somebody", b"t-1", b"192.0.2.1"))


async def test_the_columns_say_what_the_hashed_bytes_say(service: Service) -> None:
    """What is found by a column cannot be another event than the one that will be proved."""
    thing, agreement, actor, yesterday = new_id(), new_id(), caller(), NOW - timedelta(days=1)
    async with unit_of_work(service.database) as write:
        record(
            write,
            actor,
            EventType.LOAN_RETURNED,
            subject=("loan", thing, 3),
            agencies=[],
            data={},
            agreement_id=agreement,
            n=2,
            outcome="failed",
            restricted=True,
            occurred_at=yesterday,
        )
    (row,) = await events(service.database.read(), thing)
    event = msgspec.json.decode(row.canonical, type=PublicPart)
    subject = event.subject
    assert (row.id, row.type, row.n, row.agreement_id) == (event.id, event.type, event.n, event.agreement_id)
    assert (row.subject_kind, row.subject_id, row.subject_version) == (subject.kind, subject.id, subject.version)
    assert (row.audience, row.restricted, row.outcome) == (event.audience, event.restricted, event.outcome)
    assert row.actor_agency_id == event.actor.agency_id == actor.agency_id
    assert row.occurred_at == event.occurred_at == yesterday
    assert row.recorded_at == event.recorded_at == NOW
    assert (event.n, event.outcome, event.restricted, event.agreement_id) == (2, "failed", True, agreement)


async def test_no_act_is_recorded_before_it_was_done(service: Service) -> None:
    async def foresee() -> None:
        async with unit_of_work(service.database) as write:
            later = NOW + timedelta(seconds=1)
            record(
                write,
                caller(),
                EventType.LOAN_RETURNED,
                subject=("asset", new_id(), 1),
                agencies=[],
                data={},
                occurred_at=later,
            )

    with pytest.raises(Exception, match="ck_ledger_event_occurred_at"):
        await foresee()


async def test_the_callers_own_agency_is_always_concerned_and_each_once(service: Service) -> None:
    actor, other = caller(), new_id()
    async with unit_of_work(service.database) as write:
        event_id = record(
            write,
            actor,
            EventType.LOAN_RETURNED,
            subject=("asset", new_id(), 1),
            agencies=[other, actor.agency_id, other],
            data={},
        )
    concerned = sa.select(ledger_event_agency.c.agency_id).where(ledger_event_agency.c.event_id == event_id)
    found = [row.agency_id for row in await service.database.read().all(concerned)]
    assert sorted(found) == sorted([other, actor.agency_id])


async def test_every_event_waits_to_be_sealed(service: Service) -> None:
    async with unit_of_work(service.database) as write:
        made = record_many(
            write,
            caller(),
            [
                Event(type=EventType.LOAN_RETURNED, subject=("asset", new_id(), 1), agencies=[], data={})
                for _ in range(3)
            ],
        )
        assert record_many(write, caller(), []) == []
    waiting, sealed = (sa.select(table.c.event_id) for table in (ledger_unsealed, ledger_leaf))
    found = [row.event_id for row in await service.database.read().all(sa.union_all(waiting, sealed))]
    assert sorted(each for each in found if each in made) == sorted(made), "each waits to be sealed, or is"


async def test_events_of_a_bulk_change_keep_their_order(service: Service) -> None:
    things: Sequence[UUID] = [uuid4() for _ in range(5)]
    async with unit_of_work(service.database) as write:
        made = record_many(
            write,
            caller(),
            [
                Event(type=EventType.LOAN_RETURNED, subject=("asset", thing, 1), agencies=[], data={})
                for thing in things
            ],
        )
    assert made == sorted(made)
    for thing, event_id in zip(things, made, strict=True):
        assert [row.id for row in await events(service.database.read(), thing)] == [event_id]


async def test_a_change_that_is_rolled_back_leaves_no_event(service: Service) -> None:
    thing = new_id()
    write = service.database.write()
    await allow_acting(write, thing)
    record(write, caller(), EventType.LOAN_RETURNED, subject=("asset", thing, 1), agencies=[], data={})
    await write.abandon()
    assert await events(service.database.read(), thing) == []


async def acts(database: Database, agency_id: UUID) -> bool:
    ask = sa.select(acting_agency.c.agency_id).where(acting_agency.c.agency_id == agency_id)
    return await database.read().value(ask) is not None


@pytest.mark.parametrize("data", [{"share": 0.5}, {"text": "\ud800"}, {"thing": object()}], ids=lambda d: next(iter(d)))
async def test_a_change_whose_event_cannot_be_written_is_rolled_back(service: Service, data: dict[str, object]) -> None:
    agency = new_id()

    async def change() -> None:
        async with unit_of_work(service.database) as write:
            await allow_acting(write, agency)
            record(write, caller(), EventType.LOAN_RETURNED, subject=("asset", agency, 1), agencies=[], data=data)

    with pytest.raises((TypeError, UnicodeEncodeError)):
        await change()
    assert not await acts(service.database, agency)


async def test_a_second_event_about_the_same_version_stops_the_change(service: Service) -> None:
    """Two edits from one version would both claim to have made the next: the record tells, whatever else is broken."""
    agency = new_id()

    async def change() -> None:
        async with unit_of_work(service.database) as write:
            await allow_acting(write, agency)
            record(write, caller(), EventType.LOAN_RETURNED, subject=("asset", agency, 7), agencies=[], data={})

    await change()
    async with unit_of_work(service.database) as write:
        await write.run(acting_agency.delete().where(acting_agency.c.agency_id == agency))
    with pytest.raises(Conflict) as refused:
        await change()
    assert refused.value.code == "edited_at_once"
    assert not await acts(service.database, agency)
    assert len(await events(service.database.read(), agency)) == 1


async def test_where_the_ledger_fails_the_api_changes_nothing(private_url: str, tmp_path: Path) -> None:
    refuse = {
        "sqlite": ["CREATE TRIGGER full BEFORE INSERT ON ledger_event BEGIN SELECT RAISE(ABORT, 'no ledger'); END"],
        "postgresql": [
            "CREATE TRIGGER stop BEFORE INSERT ON ledger_event FOR EACH ROW EXECUTE FUNCTION refuse_change('no ledger')"
        ],
    }
    await change_schema(private_url, *refuse[private_url.partition(":")[0].partition("+")[0]])
    async with in_process(load(environment(private_url, tmp_path))) as service:
        body = {"name": "Unrecorded Police (demo)", "kind": "city", "level": "local"}
        response = await service.operator.post("/v1/agencies", body, key="k")
        assert_problem(response, response.status_code)
        assert response.status_code in (500, 503)
        assert (await service.operator.done("GET", "/v1/agencies?q=unrecorded"))["items"] == []


async def denials(service: Service, agency_id: UUID) -> list[Any]:
    ask = (
        sa.select(ledger_event)
        .join(ledger_event_agency, ledger_event_agency.c.event_id == ledger_event.c.id)
        .where(ledger_event.c.outcome == "denied", ledger_event_agency.c.agency_id == agency_id)
        .order_by(ledger_event.c.id)
    )
    return list(await service.database.read().all(ask))


async def test_a_refusal_is_recorded_apart_from_the_change_it_refused(service: Service, cast: Cast) -> None:
    path = f"/v1/agencies/{cast.stranger.id}"
    etag = (await cast.neighbour.admin.get(path)).headers["etag"]
    refused = await cast.neighbour.admin.patch(path, {"name": "Mine now"}, if_match=etag)
    problem = assert_problem(refused, 403, "forbidden")
    (row,) = await denials(service, cast.neighbour.id)
    stored = msgspec.json.decode(row.canonical)
    assert stored["type"] == "access.denied"
    assert stored["trace_id"] == problem["trace_id"]
    assert stored["actor"]["agency_id"] == str(cast.neighbour.id)
    assert stored["data"] == {"operation": "update_agency", "path": path, "reason": problem["detail"], "count": 1}
    assert (await service.operator.done("GET", path))["name"] == cast.stranger.name


async def test_a_refusal_at_the_door_is_recorded_too(service: Service, cast: Cast) -> None:
    body = {"name": "Not mine to enter", "kind": "city", "level": "local"}
    assert_problem(await cast.stranger.coordinator.post("/v1/agencies", body), 403)
    (row,) = await denials(service, cast.stranger.id)
    assert msgspec.json.decode(row.canonical)["data"]["operation"] == "create_agency"


async def test_what_is_not_found_and_what_is_malformed_is_no_denial(service: Service, cast: Cast) -> None:
    assert_problem(await cast.stranger.coordinator.get(f"/v1/agencies/{uuid4()}"), 404)
    assert_problem(await cast.stranger.coordinator.get("/v1/agencies?limit=none"), 400)
    assert_problem(await service.anonymous.get("/v1/agencies"), 401)
    assert await denials(service, cast.stranger.id) == []


async def test_a_denial_concerns_the_one_who_was_denied_and_not_the_other(service: Service, cast: Cast) -> None:
    """The other agency would learn from it who tried what."""
    path = f"/v1/agencies/{cast.stranger.id}/suspend"
    assert_problem(await cast.neighbour.admin.post(path, {"reason": "a grudge"}), 403)
    assert await denials(service, cast.stranger.id) == []
    assert OPERATOR_AGENCY_ID not in {row.subject_id for row in await denials(service, cast.neighbour.id)}


def test_a_keyed_hash_is_provable_with_the_key_and_tells_nothing_without() -> None:
    key, thing = b"k" * 32, new_id()
    one, other = keyed_hash(key, thing, "Clause 7"), keyed_hash(b"j" * 32, thing, "Clause 7")
    assert one == keyed_hash(key, thing, "Clause 7")
    assert len({one, other, keyed_hash(key, thing, "Clause 8")}) == 3
    assert keyed_hash(key, new_id(), "Clause 7") != one, "who has guesses hashed as its own cannot compare them"
    assert "Clause" not in one


def test_changes_name_what_differs_and_nothing_else() -> None:
    before = {"name": "Old", "state": "MN", "uei": None}
    after = {"name": "New", "state": "MN", "uei": "X"}
    assert changes(before, after) == {"name": {"from": "Old", "to": "New"}, "uei": {"from": None, "to": "X"}}
    assert changes(before, {"state": "MN"}) == {}
