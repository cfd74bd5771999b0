"""People are committed once: whatever comes at the same time, and a handler with the dog as one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
import sqlalchemy as sa

from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, NotFound, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.resources.allocations.commands import allocate, release
from registry.resources.allocations.people import commit_person, extend_person, mark_person_out, release_people
from registry.resources.allocations.tables import personnel_allocation
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.personnel.commands.recording import lock_people
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.personnel import enter_person
from tests.support.service import Service

MONDAY = datetime(2031, 3, 3, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = MONDAY - DAY


def window(start: datetime = MONDAY, length: timedelta = DAY) -> Window:
    return Window(start=start, end=start + length)


class Desk:
    """Commits people to loans, each call in a transaction of its own."""

    def __init__(self, service: Service, cast: Cast) -> None:
        self.database = service.database
        self.cast = cast

    async def person(self) -> UUID:
        return UUID((await enter_person(self.cast.assisting))["id"])

    async def claim(self, *people: UUID, wanted: Window | None = None, now: datetime = NOW) -> UUID:
        async with unit_of_work(self.database) as write:
            return await self.claim_within(write, *people, wanted=wanted, now=now)

    async def claim_within(
        self, write: Write, *people: UUID, wanted: Window | None = None, now: datetime = NOW, loan: UUID | None = None
    ) -> UUID:
        loan_id = loan or new_id()
        for person in await lock_people(write, people):
            await commit_person(
                write,
                person,
                allocation_id=new_id(),
                loan_id=loan_id,
                window=wanted or window(),
                requesting_agency_id=self.cast.requesting.id,
                now=now,
            )
        return loan_id

    async def out(self, person_id: UUID, loan_id: UUID, now: datetime) -> None:
        async with unit_of_work(self.database) as write:
            (person,) = await lock_people(write, [person_id])
            await mark_person_out(write, person, loan_id, now)

    async def extend(self, person_id: UUID, loan_id: UUID, until: datetime, now: datetime) -> None:
        async with unit_of_work(self.database) as write:
            (person,) = await lock_people(write, [person_id])
            await extend_person(write, person, loan_id, until, now)

    async def back(self, loan_id: UUID) -> None:
        async with unit_of_work(self.database) as write:
            await release_people(write, loan_id)

    async def held(self, person_id: UUID) -> list[tuple[datetime, datetime]]:
        its = personnel_allocation.c
        rows = await self.database.read().all(
            sa.select(its.starts_at, its.ends_at)
            .where(its.personnel_id == person_id, its.status != "released")
            .order_by(its.starts_at)
        )
        return [(row.starts_at, row.ends_at) for row in rows]


@pytest.fixture
def desk(service: Service, cast: Cast) -> Desk:
    return Desk(service, cast)


async def outcomes(attempts: list[Callable[[], Awaitable[UUID]]]) -> int:
    """How many of simultaneous attempts won; the others met a conflict, and anything else is a failure."""
    results = await asyncio.gather(*(attempt() for attempt in attempts), return_exceptions=True)
    refused = [r for r in results if isinstance(r, Conflict) and r.code == "personnel_not_free"]
    won = [r for r in results if isinstance(r, UUID)]
    assert len(won) + len(refused) == len(attempts), [r for r in results if r not in won and r not in refused][:3]
    return len(won)


async def test_of_many_simultaneous_claims_on_one_person_exactly_one_wins(desk: Desk) -> None:
    person = await desk.person()
    assert await outcomes([lambda: desk.claim(person)] * 100) == 1
    assert len(await desk.held(person)) == 1


async def test_several_people_taken_at_once_never_deadlock_and_are_taken_whole(desk: Desk) -> None:
    people = [await desk.person() for _ in range(4)]
    crews = [(people[i % 4], people[(i + 1 + i // 4 % 3) % 4]) for i in range(40)]
    when = [window(MONDAY + (i % 10) * 3 * HOUR, 4 * HOUR) for i in range(40)]
    won = await outcomes([lambda c=c, w=w: desk.claim(*c, wanted=w) for c, w in zip(crews, when, strict=True)])  # type: ignore[misc]  # each its own
    held = [await desk.held(person) for person in people]
    assert sum(map(len, held)) == 2 * won > 0
    assert all(first[1] <= second[0] for of_one in held for first, second in pairwise(of_one))


async def test_checking_before_inserting_without_the_lock_commits_twice(desk: Desk, dialect: str) -> None:
    """The database refuses what code without the lock would let through."""
    person = await desk.person()
    await desk.claim(person)
    row = {
        "id": new_id(),
        "personnel_id": person,
        "loan_id": new_id(),
        "status": "held",
        "starts_at": MONDAY + HOUR,
        "ends_at": MONDAY + 2 * HOUR,
        "requesting_agency_id": desk.cast.requesting.id,
        "assisting_agency_id": desk.cast.assisting.id,
    }
    with pytest.raises(Conflict) as refused:
        async with unit_of_work(desk.database) as write:
            await write.run(personnel_allocation.insert(), row)
    assert refused.value.code == "personnel_not_free"


async def test_a_handler_goes_with_the_dog_or_neither_goes(desk: Desk, cast: Cast) -> None:
    handler = await desk.person()
    dog = UUID((await make_asset(cast.assisting))["id"])

    async def lend(wanted: Window) -> UUID:
        loan_id = new_id()
        async with unit_of_work(desk.database) as write:
            await allocate(
                write,
                await lock_for_booking(write, dog),
                allocation_id=new_id(),
                loan_id=loan_id,
                quantity=1,
                window=wanted,
                requesting_agency_id=cast.requesting.id,
                assisting_agency_id=cast.assisting.id,
                now=NOW,
            )
            await desk.claim_within(write, handler, wanted=wanted, loan=loan_id)
        return loan_id

    elsewhere = await desk.claim(handler)
    with pytest.raises(Conflict) as refused:
        await lend(window(MONDAY + HOUR, HOUR))
    assert refused.value.code == "personnel_not_free"
    await desk.back(elsewhere)
    loan_id = await lend(window())  # the dog was not taken by the attempt that failed
    with pytest.raises(Conflict):
        await desk.claim(handler, wanted=window(MONDAY + HOUR, HOUR))
    async with unit_of_work(desk.database) as write:
        await release(write, loan_id)
        await release_people(write, loan_id)
    await lend(window())


async def test_back_to_back_windows_do_not_clash_and_a_refusal_names_the_stretch(desk: Desk) -> None:
    person = await desk.person()
    for day in (0, 2, 1):
        await desk.claim(person, wanted=window(MONDAY + day * DAY))
    with pytest.raises(Conflict) as refused:
        await desk.claim(person, wanted=window(MONDAY - HOUR, 2 * HOUR))
    assert refused.value.extra == {
        "blocking": {"start": "2031-03-03T08:00:00.000000Z", "end": "2031-03-03T09:00:00.000000Z"}
    }


async def test_who_is_overdue_is_committed_without_end(desk: Desk) -> None:
    person = await desk.person()
    late = await desk.claim(person)
    await desk.out(person, late, MONDAY)
    later = window(MONDAY + 14 * DAY)
    with pytest.raises(Conflict):
        await desk.claim(person, wanted=later, now=MONDAY + DAY)
    next_ = await desk.claim(person, wanted=window(MONDAY + 3 * DAY), now=MONDAY + HOUR)
    with pytest.raises(Conflict) as refused:
        await desk.out(person, next_, MONDAY + 3 * DAY)
    assert refused.value.code == "personnel_still_out"
    await desk.back(late)
    await desk.claim(person, wanted=later, now=MONDAY + DAY)


async def test_leaving_early_and_staying_longer_take_nobody_elses_time(desk: Desk) -> None:
    person = await desk.person()
    first = await desk.claim(person)
    second = await desk.claim(person, wanted=window(MONDAY + 2 * DAY))
    await desk.out(person, first, MONDAY - HOUR)
    assert (await desk.held(person))[0][0] == MONDAY - HOUR
    with pytest.raises(Conflict):
        await desk.extend(person, first, MONDAY + 2 * DAY + HOUR, MONDAY)
    await desk.extend(person, first, MONDAY + 2 * DAY, MONDAY)
    await desk.back(second)
    with pytest.raises(WrongStatus):
        await desk.out(person, second, MONDAY + 2 * DAY)


async def test_only_who_is_active_is_committed(desk: Desk, cast: Cast) -> None:
    person = await desk.person()
    reason = {"reason": "Until further notice (demo)."}
    await cast.assisting.coordinator.done("POST", f"/v1/personnel/{person}/place-on-leave", reason)
    with pytest.raises(WrongStatus) as refused:
        await desk.claim(person)
    assert refused.value.code == "personnel_not_active"
    with pytest.raises(NotFound):
        await desk.claim(new_id())
