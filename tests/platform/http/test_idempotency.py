"""The same request, twice, has one effect and one answer."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from registry.platform.database.connect import connect, unit_of_work
from registry.platform.http import answers
from registry.platform.http.answers import Rendered
from registry.platform.http.idempotency import KEPT_FOR, Claim, Replay, prune
from registry.platform.kernel.errors import Busy, IdempotencyKeyReused, InFlight
from registry.platform.settings import load
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.sabotage import break_commits
from tests.support.server import environment, in_process
from tests.support.service import Service

NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)
ANSWER = Rendered(201, [(b"content-type", b"application/json"), (b"location", b"/v1/loans/1")], b'{"id": 1}')


def new_agency(**fields: object) -> dict[str, object]:
    return {"name": f"Once {uuid4().hex[:12]}", "kind": "city", "level": "local", "state": "MN", **fields}


async def count_named(service: Service, name: object) -> int:
    word = str(name).split()[-1]
    return len((await service.operator.done("GET", f"/v1/agencies?q={word}"))["items"])


async def test_fifty_at_once_with_one_key_have_one_effect_and_one_answer(service: Service) -> None:
    body, key = new_agency(), uuid4().hex
    await asyncio.gather(*(service.operator.get("/v1/agencies?limit=1") for _ in range(16)))  # warm the pools
    responses = await asyncio.gather(*(service.operator.post("/v1/agencies", body, key=key) for _ in range(50)))
    assert {response.status_code for response in responses} == {201}
    assert len({response.content for response in responses}) == 1
    assert len({response.headers["location"] for response in responses}) == 1
    assert sum("idempotency-replayed" in response.headers for response in responses) == 49
    assert await count_named(service, body["name"]) == 1


async def test_a_key_used_with_another_body_is_refused(service: Service) -> None:
    key = uuid4().hex
    assert (await service.operator.post("/v1/agencies", new_agency(), key=key)).status_code == 201
    other = new_agency()
    assert_problem(await service.operator.post("/v1/agencies", other, key=key), 422, "idempotency_key_reused")
    assert await count_named(service, other["name"]) == 0


async def test_a_key_used_on_another_thing_is_refused(service: Service, cast: Cast) -> None:
    key, body = uuid4().hex, {"reason": "keys lost"}
    await service.operator.done("POST", f"/v1/agencies/{cast.neighbour.id}/suspend", body, key=key)
    other = await service.operator.post(f"/v1/agencies/{cast.stranger.id}/suspend", body, key=key)
    assert_problem(other, 422, "idempotency_key_reused")


async def test_a_repeated_verb_replays_instead_of_meeting_the_state_it_made(service: Service, cast: Cast) -> None:
    key, path = uuid4().hex, f"/v1/agencies/{cast.stranger.id}/suspend"
    first = await service.operator.post(path, {"reason": "keys lost"}, key=key)
    second = await service.operator.post(path, {"reason": "keys lost"}, key=key)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert_problem(await service.operator.post(path, {"reason": "keys lost"}), 409, "wrong_status")


async def test_a_crash_between_effect_and_answer_leaves_neither(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, key = new_agency(), uuid4().hex

    def crash(_content: object) -> bytes:
        raise MemoryError("no room to render the answer")

    with monkeypatch.context() as broken:
        broken.setattr(answers, "_encode", crash)
        assert_problem(await service.operator.post("/v1/agencies", body, key=key), 500, "internal_error")
    assert await count_named(service, body["name"]) == 0
    retried = await service.operator.post("/v1/agencies", body, key=key)
    assert retried.status_code == 201
    assert "idempotency-replayed" not in retried.headers
    assert await count_named(service, body["name"]) == 1


@pytest.mark.parametrize(
    ("fault", "status"), [({"state": "Minnesota"}, 400), ({"time_zone": "Mars/Olympus"}, 422), ({"uei": ""}, 400)]
)
async def test_what_was_refused_is_not_stored_under_its_key(
    service: Service, fault: dict[str, object], status: int
) -> None:
    key = uuid4().hex
    assert_problem(await service.operator.post("/v1/agencies", new_agency(**fault), key=key), status)
    assert (await service.operator.post("/v1/agencies", new_agency(), key=key)).status_code == 201


async def test_a_conflict_is_not_stored_under_its_key(service: Service, cast: Cast) -> None:
    key, path = uuid4().hex, f"/v1/agencies/{cast.stranger.id}/reinstate"
    assert_problem(await service.operator.post(path, {"reason": "x"}, key=key), 409, "wrong_status")
    await service.operator.done("POST", f"/v1/agencies/{cast.stranger.id}/suspend", {"reason": "x"})
    assert (await service.operator.post(path, {"reason": "x"}, key=key)).status_code == 200


async def test_a_replay_shows_nothing_to_somebody_without_the_right(service: Service, cast: Cast) -> None:
    key, body = uuid4().hex, new_agency()
    await service.operator.done("POST", "/v1/agencies", body, key=key)
    assert_problem(await cast.stranger.admin.post("/v1/agencies", body, key=key), 403, "forbidden")


def claim(**changed: object) -> Claim:
    given = {
        "agency_id": UUID(int=1),
        "subject": "somebody",
        "operation": "create_loan",
        "key": "k",
        "path": "/v1/loans",
        "body": b"{}",
        "now": NOW,
        **changed,
    }
    return Claim(**given)  # type: ignore[arg-type]  # each of its own type


async def settle(url: str, *claims: Claim) -> None:
    """Take each claim and keep its answer, in a transaction of its own."""
    database = connect(url, wait_seconds=1)
    try:
        for one in claims:
            async with unit_of_work(database) as write:
                await one.take(write)
                one.rendered = ANSWER
                one.keep(write)
    finally:
        await database.close()


async def test_the_same_claim_replays_the_stored_answer(private_url: str) -> None:
    with pytest.raises(Replay) as replay:
        await settle(private_url, claim(), claim())
    rendered = replay.value.rendered
    assert (rendered.status, rendered.body) == (201, ANSWER.body)
    assert (b"location", b"/v1/loans/1") in rendered.headers


@pytest.mark.parametrize(
    "other",
    [
        {"agency_id": UUID(int=2), "body": b"other"},
        {"subject": "somebody else", "body": b"other"},
        {"operation": "return_loan", "body": b"other"},
        {"key": "K", "body": b"other"},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_a_key_belongs_to_one_agency_person_and_operation(private_url: str, other: dict[str, object]) -> None:
    await settle(private_url, claim(), claim(**other))


@pytest.mark.parametrize("changed", [{"body": b"{} "}, {"path": "/v1/loans/1/return"}], ids=["body", "path"])
async def test_a_claim_compares_path_and_raw_body(private_url: str, changed: dict[str, object]) -> None:
    with pytest.raises(IdempotencyKeyReused):
        await settle(private_url, claim(), claim(**changed))


async def test_an_answer_is_forgotten_after_a_day(private_url: str) -> None:
    with pytest.raises(Replay):
        await settle(private_url, claim(), claim(now=NOW + KEPT_FOR - timedelta(microseconds=1)))
    await settle(private_url, claim(now=NOW + KEPT_FOR, body=b"another request altogether"))


async def test_pruning_removes_what_is_a_day_old_and_nothing_else(private_url: str) -> None:
    await settle(
        private_url, *(claim(key=f"old {n}") for n in range(3)), claim(key="young", now=NOW + timedelta(hours=1))
    )
    database = connect(private_url)
    try:
        async with unit_of_work(database) as write:
            assert await prune(write, NOW + KEPT_FOR, at_most=2) == 2
            assert await prune(write, NOW + KEPT_FOR, at_most=2) == 1
            assert await prune(write, NOW + KEPT_FOR) == 0
    finally:
        await database.close()


async def test_a_second_request_waits_for_the_first_and_replays_it(private_url: str) -> None:
    database = connect(private_url)
    try:
        async with unit_of_work(database) as first:
            mine = claim()
            await mine.take(first)

            async def repeat() -> None:
                async with unit_of_work(database) as second:
                    await claim().take(second)

            waiting = asyncio.create_task(repeat())
            await asyncio.sleep(0.1)
            assert not waiting.done()
            mine.rendered = ANSWER
            mine.keep(first)
        with pytest.raises(Replay):
            await waiting
    finally:
        await database.close()


async def test_a_second_request_that_waited_too_long_is_told_to_come_back(private_url: str) -> None:
    database = connect(private_url, wait_seconds=0.2)
    try:
        async with unit_of_work(database) as first:
            await claim().take(first)
            with pytest.raises((InFlight, Busy)) as refused:
                async with unit_of_work(database) as second:
                    await claim().take(second)
            # PostgreSQL knows that it is this key's first request; SQLite has one writer, busy with whatever it is.
            assert isinstance(refused.value, InFlight if database.dialect == "postgresql" else Busy)
            assert refused.value.retry_after >= 1
    finally:
        await database.close()


async def test_a_commit_that_fails_is_no_success(private_url: str, tmp_path: Path) -> None:
    """The statements pass and the commit does not: the client must not be told 201 (advanced-alchemy did)."""
    await break_commits(private_url)
    async with in_process(load(environment(private_url, tmp_path))) as service:
        body = new_agency()
        response = await service.operator.post("/v1/agencies", body, key="k")
        assert response.status_code in (500, 503)
        assert_problem(response, response.status_code)
        assert await count_named(service, body["name"]) == 0
        assert (await service.operator.get("/v1/agencies?limit=1")).status_code == 200
