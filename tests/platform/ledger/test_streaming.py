"""Live listeners: what they hear, what they cost, and how they end."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.platform.access.principals import Principal, Role
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.ids import new_id
from registry.platform.ledger import streaming
from registry.platform.ledger.feed import EVERYTHING, Sights
from registry.platform.ledger.feeding import Feed
from registry.platform.ledger.places import Places
from registry.platform.ledger.streaming import MOST_OF_PERSON, End, EventStream, Listeners, TooManyStreams
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.feed import Heard, followed, listening, place_now, sealed
from tests.support.ledger import Ledger
from tests.support.problems import assert_problem
from tests.support.service import Service


async def test_a_listener_hears_what_happens_as_the_feed_has_it(service: Service, cast: Cast) -> None:
    reader = cast.assisting.admin
    after = await place_now(service, reader)
    async with listening(service, reader, f"after={after}&subject_kind=asset") as heard:
        first = await heard.next()
        assert (heard.status, heard.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert first == {"retry": "3000", "id": after}
        made = [await make_asset(cast.assisting) for _ in range(2)]
        told = [await heard.next() for _ in made]
    await sealed(service)
    events, _ = await followed(reader, after, subject_kind="asset")
    assert [each["data"] for each in told] == events
    assert [each["event"] for each in told] == ["asset.created"] * 2
    assert [each["id"] for each in told] == [each["place"] for each in events]


async def test_a_listener_that_was_cut_off_goes_on_behind_what_it_heard_last(service: Service, cast: Cast) -> None:
    reader = cast.assisting.coordinator
    after = await place_now(service, reader)
    made = [(await make_asset(cast.assisting))["id"] for _ in range(3)]
    await sealed(service)
    heard_of: list[str] = []
    last = after
    for _ in made:
        query = f"after={after}&type=asset.created"
        async with listening(service, reader, query, last_event_id=last) as heard:
            assert (await heard.next())["id"] == last
            event = await heard.next()
            heard_of.append(event["data"]["subject"]["id"])
            last = event["id"]
    assert heard_of == made


async def test_without_a_place_it_begins_with_what_happens_from_now_on(service: Service, cast: Cast) -> None:
    await make_asset(cast.assisting)
    await sealed(service)
    async with listening(service, cast.assisting.coordinator, "subject_kind=asset") as heard:
        await heard.next()
        later = await make_asset(cast.assisting)
        assert (await heard.next())["data"]["subject"]["id"] == later["id"]


async def test_others_events_are_not_heard(service: Service, cast: Cast) -> None:
    async with listening(service, cast.stranger.coordinator, "type=asset.*") as heard:
        await heard.next()
        await make_asset(cast.assisting)
        await sealed(service)
        mine = await make_asset(cast.stranger)
        assert (await heard.next())["data"]["subject"]["id"] == mine["id"]


async def test_a_place_of_another_agency_and_an_unknown_type_are_refused(service: Service, cast: Cast) -> None:
    theirs = await place_now(service, cast.assisting.coordinator)
    reader = cast.stranger.coordinator
    assert_problem(await reader.get(f"/v1/events/stream?after={theirs}"), 422, "bad_cursor")
    answer = await reader.get("/v1/events/stream", headers={"last-event-id": "nothing of ours"})
    assert_problem(answer, 422, "bad_cursor")
    assert_problem(await reader.get("/v1/events/stream?type=a.b"), 422, "unknown_event_type")
    assert service.edge.app.state.event_listeners.open == 0


async def test_it_ends_when_its_bearer_may_act_no_more(service: Service, cast: Cast) -> None:
    subject = f"leaving@{str(cast.assisting.id)[-6:]}"
    leaving = cast.assisting.as_(Role.COORDINATOR, subject=subject)
    async with listening(service, leaving) as heard, listening(service, cast.assisting.coordinator) as staying:
        await heard.next()
        await staying.next()
        me = (await leaving.done("GET", "/v1/me"))["issuer"]
        body = {"kind": "person", "value": subject, "issuer": me, "reason": "Left the agency (demo)."}
        await cast.assisting.admin.done("POST", "/v1/revocations", body)
        while (event := await heard.next()).get("event") != "end":
            pass
        assert event["data"] == {"reason": "may_not_act"}
        await asyncio.wait_for(heard.ended.wait(), 60)
        assert not staying.ended.is_set()


async def test_a_stream_counts_as_no_work_while_it_waits(service: Service, cast: Cast) -> None:
    async with listening(service, cast.assisting.coordinator) as heard:
        await heard.next()
        assert service.edge._in_flight.now == 0
    assert service.edge._in_flight.now == 0
    assert service.edge.app.state.event_listeners.open == 0


async def test_one_person_has_so_many_streams_and_no_more(service: Service, cast: Cast) -> None:
    reader = cast.assisting.coordinator
    async with AsyncExitStack() as opened:
        for _ in range(MOST_OF_PERSON):
            heard = await opened.enter_async_context(listening(service, reader))
            await heard.next()
        answer = await reader.get("/v1/events/stream")
        assert_problem(answer, 429, "too_many_streams")
        assert answer.headers["retry-after"] == "60"
        assert (await cast.assisting.approver.get("/v1/events/stream")).status_code == 200
    assert (await reader.get("/v1/events/stream")).status_code == 200


class Asked:
    """A handle that counts what is asked."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.times = 0

    def __call__(self) -> Any:
        return self

    async def all(self, *given: Any) -> Any:
        self.times += 1
        return await self.read.all(*given)


class Stage:
    """Listeners of a ledger of the test's own, whose clock and end the test decides on."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.asked = Asked(ledger.database.read())
        self.stopping = False
        self.allowed = True
        self.listeners = Listeners(
            self.asked,
            lambda: ledger.sealer.state.stored,
            Feed(places=Places(b"k" * 32), sights=Sights()),
            self._may_act,
            lambda: ledger.now,
            lambda: self.stopping,
        )

    async def _may_act(self, _who: Principal, _now: Any) -> bool:
        return self.allowed

    def principal(self, agency_id: UUID, *, until: float | None = None) -> Principal:
        return Principal(
            subject=str(new_id()),
            agency_id=agency_id,
            roles=frozenset({Role.COORDINATOR}),
            scopes=frozenset({"*"}),
            token_id="t",
            issuer="i",
            known_until=until,
        )

    async def listen(self, principal: Principal) -> tuple[Heard, "asyncio.Task[None]", asyncio.Event]:
        """A stream that goes on until the event is set or it ends by itself."""
        heard, left = Heard(), asyncio.Event()

        async def receive() -> Any:
            if heard.status:
                await left.wait()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}

        listener = self.listeners.enter(principal, await self.listeners.place(principal.agency_id), EVERYTHING)
        answer = EventStream(self.listeners, listener).render({}, 200)
        running = asyncio.create_task(answer({}, receive, heard.send))
        await heard.next()
        return heard, running, left


@pytest.fixture
async def stage(ledger: Ledger) -> Stage:
    return Stage(ledger)


async def settle() -> None:
    """Let everything that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_thousands_that_wait_cost_one_question_for_what_is_others(stage: Stage) -> None:
    for _ in range(2):  # the key that signs is an event for everybody
        await stage.ledger.record()
        await stage.ledger.seal()
    await stage.listeners.look()
    running = [await stage.listen(stage.principal(new_id())) for _ in range(1_000)]
    while stage.asked.times < 1_000:
        await settle()
    asked = stage.asked.times
    await stage.ledger.record(20, agencies=[new_id()])
    for _ in range(50):
        await stage.ledger.sealer.run()
        await stage.listeners.look()
        await settle()
    assert stage.asked.times - asked <= 3, "one for each time that something was sealed"
    for _, task, left in running:
        left.set()
        await task
    assert stage.listeners.open == 0


async def test_whom_an_event_concerns_hears_it_and_nobody_else_is_woken(stage: Stage) -> None:
    mine = new_id()
    heard, task, left = await stage.listen(stage.principal(mine))
    others = [await stage.listen(stage.principal(new_id())) for _ in range(5)]
    (event_id,) = await stage.ledger.record(agencies=[mine])
    await stage.ledger.seal()
    await stage.listeners.look()
    assert (await heard.next())["data"]["id"] == str(event_id)
    assert all(each.nothing_waits() for each, _, _ in others)
    for each in (left, *(gone for _, _, gone in others)):
        each.set()
    await asyncio.gather(task, *(running for _, running, _ in others))


async def test_nothing_is_lost_while_writers_and_listener_hurry(stage: Stage) -> None:
    mine = new_id()
    heard, task, left = await stage.listen(stage.principal(mine))
    recorded: list[str] = []

    async def write(number: int) -> None:
        for _ in range(10):
            recorded.extend(str(each) for each in await stage.ledger.record(1 + number % 3, agencies=[mine]))

    async def look() -> None:
        while True:
            await stage.ledger.sealer.run()
            await stage.listeners.look()
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await asyncio.gather(*(write(number) for number in range(6)))
    got: list[str] = []
    while not set(recorded) <= set(got):
        got.append((await heard.next())["data"]["id"])  # among them that of the key that signs, which is for everybody
    looking.cancel()
    assert got == [str(each) for each in await stage.ledger.sealed()][: len(got)]
    left.set()
    await task


async def test_what_concerns_others_alone_moves_no_place(stage: Stage) -> None:
    mine, other = new_id(), new_id()
    for _ in range(2):  # the key that signs is an event for everybody
        await stage.ledger.record(agencies=[mine])
        await stage.ledger.seal()
    await stage.listeners.look()
    before = await stage.listeners.place(mine)
    await stage.ledger.record(5, agencies=[other])
    await stage.ledger.seal()
    await stage.listeners.look()
    assert await stage.listeners.place(mine) == before
    await stage.ledger.record(agencies=[mine])
    await stage.ledger.seal()
    await stage.listeners.look()
    assert before < await stage.listeners.place(mine) == len(await stage.ledger.sealed())


async def test_who_comes_before_the_first_look_begins_where_the_ledger_is(stage: Stage) -> None:
    mine = new_id()
    for _ in range(2):  # the key that signs is an event for everybody
        await stage.ledger.record(3, agencies=[mine])
        await stage.ledger.seal()
    size = len(await stage.ledger.sealed())
    heard, task, left = await stage.listen(stage.principal(mine))
    assert await stage.listeners.place(mine) == size
    (later,) = await stage.ledger.record(agencies=[mine])
    await stage.ledger.seal()
    await stage.listeners.look()
    assert (await heard.next())["data"]["id"] == str(later), "and not what was there before it came"
    left.set()
    await task


async def test_far_behind_nobody_looks_whom_it_concerns_and_nothing_is_lost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_MOST_BEHIND", 10)
    mine = new_id()
    heard, task, left = await stage.listen(stage.principal(mine))
    recorded = await stage.ledger.record(25, agencies=[mine])
    await stage.ledger.seal()
    await stage.listeners.look()
    assert [(await heard.next())["data"]["id"] for _ in recorded] == [str(each) for each in recorded]
    assert await stage.listeners.place(new_id()) == 25
    left.set()
    await task


async def test_it_ends_with_its_token(stage: Stage) -> None:
    until = (stage.ledger.now + timedelta(hours=1)).timestamp()
    heard, task, _ = await stage.listen(stage.principal(mine := new_id(), until=until))
    stage.ledger.now += timedelta(hours=1)
    await stage.ledger.record(agencies=[mine])
    await stage.ledger.seal()
    await stage.listeners.look()
    assert (await heard.next())["data"] == {"reason": "token_expired"}
    await task
    assert stage.listeners.ended[End.TOKEN_EXPIRED] == 1


async def test_a_token_that_ends_while_nothing_happens_ends_the_stream(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_SECONDS", 0.01)
    until = (stage.ledger.now + timedelta(seconds=5)).timestamp()
    heard, task, _ = await stage.listen(stage.principal(new_id(), until=until))
    assert await heard.next(also_signs_of_life=True) == {}
    stage.ledger.now += timedelta(seconds=6)
    assert (await heard.next())["data"] == {"reason": "token_expired"}
    await task


async def test_who_is_woken_by_what_it_is_not_told_still_gets_its_sign_of_life(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_SECONDS", 0.05)
    heard, task, left = await stage.listen(stage.principal(new_id()))
    listening = next(iter(stage.listeners._all()))

    async def wake() -> None:
        while True:
            listening.wake()
            await asyncio.sleep(0.005)

    waking = asyncio.create_task(wake())
    assert [await heard.next(also_signs_of_life=True) for _ in range(2)] == [{}, {}]
    waking.cancel()
    left.set()
    await task


async def test_all_end_when_the_process_does(stage: Stage) -> None:
    running = [await stage.listen(stage.principal(new_id())) for _ in range(3)]
    stage.stopping = True
    await stage.listeners.look()
    for heard, task, _ in running:
        assert (await heard.next())["data"] == {"reason": "stopping"}
        await task
    assert (stage.listeners.open, stage.listeners.ended[End.STOPPING]) == (0, 3)
    with pytest.raises(Busy):
        stage.listeners.enter(stage.principal(new_id()), 0, EVERYTHING)


async def test_one_that_does_not_take_its_events_is_given_up_and_keeps_nobody_waiting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "TAKING_SECONDS", 0.05)
    mine = new_id()
    slow, gave_up, _ = await stage.listen(stage.principal(mine))
    quick, task, left = await stage.listen(stage.principal(mine))
    slow.may_take.clear()
    await stage.ledger.record(500, agencies=[mine])
    await stage.ledger.sealer.run()
    await stage.listeners.look()
    for _ in range(500):
        await quick.next()
    await asyncio.wait_for(gave_up, 60)
    assert stage.listeners.ended[End.SLOW] == 1
    left.set()
    await task


async def test_the_database_that_does_not_answer_ends_it_with_a_word(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = new_id()
    heard, task, _ = await stage.listen(stage.principal(mine))

    async def away(*_given: Any, **_more: Any) -> Any:
        raise Busy("The database does not answer.", "overloaded")

    await stage.ledger.record(agencies=[mine])
    await stage.ledger.seal()
    await stage.listeners.look()
    monkeypatch.setattr(streaming, "events_after", away)
    assert (await heard.next())["data"] == {"reason": "unavailable"}
    await task


async def test_a_person_at_its_limit_is_told_so(stage: Stage) -> None:
    who = stage.principal(new_id())
    for _ in range(MOST_OF_PERSON):
        stage.listeners.enter(who, 0, EVERYTHING)
    with pytest.raises(TooManyStreams):
        stage.listeners.enter(who, 0, EVERYTHING)
