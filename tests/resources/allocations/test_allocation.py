"""Never double-booked: whatever comes at once, no more units are promised than there are."""

import asyncio
import random
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
from registry.resources.allocations.commands import allocate, extend, free, hold, mark_out, release
from registry.resources.allocations.rules import AllocationKind, Bookable
from registry.resources.allocations.tables import allocation
from registry.resources.assets.commands.booking import lock_for_booking
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.patience import until_told
from tests.support.problems import assert_problem
from tests.support.service import Service

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MONDAY = datetime(2031, 3, 3, 8, tzinfo=UTC)
NOW = MONDAY - DAY


def window(start: datetime = MONDAY, length: timedelta = DAY) -> Window:
    return Window(start=start, end=start + length)


class Desk:
    """Commits units to loans, each call in a transaction of its own."""

    def __init__(self, service: Service, cast: Cast) -> None:
        self.database = service.database
        self.cast = cast

    async def claim(self, asset_id: UUID, wanted: Window, quantity: int = 1, now: datetime = NOW) -> UUID:
        """Reserve; the loan's id."""
        async with unit_of_work(self.database) as write:
            return await self.claim_within(write, asset_id, wanted, quantity, now)

    async def claim_within(
        self, write: Write, asset_id: UUID, wanted: Window, quantity: int = 1, now: datetime = NOW
    ) -> UUID:
        """The same inside a transaction that does more."""
        loan_id = new_id()
        await allocate(
            write,
            await lock_for_booking(write, asset_id),
            allocation_id=new_id(),
            loan_id=loan_id,
            quantity=quantity,
            window=wanted,
            requesting_agency_id=self.cast.requesting.id,
            assisting_agency_id=self.cast.assisting.id,
            now=now,
        )
        return loan_id

    async def out(self, loan_id: UUID, now: datetime) -> None:
        """Hand over."""
        async with unit_of_work(self.database) as write:
            await mark_out(write, await self.asset_of(write, loan_id), loan_id, now)

    async def back(self, loan_id: UUID) -> None:
        """Take back, or cancel."""
        async with unit_of_work(self.database) as write:
            await release(write, loan_id)

    async def extend(self, loan_id: UUID, until: datetime, now: datetime) -> None:
        """Hold for longer."""
        async with unit_of_work(self.database) as write:
            await extend(write, await self.asset_of(write, loan_id), loan_id, until, now)

    async def asset_of(self, write: Write, loan_id: UUID) -> Bookable:
        """The loan's asset, locked."""
        asset_id = await write.value(sa.select(allocation.c.asset_id).where(allocation.c.loan_id == loan_id))
        return await lock_for_booking(write, asset_id)

    async def held(self, asset_id: UUID) -> list[tuple[datetime, datetime, int]]:
        """What is held of an asset, by start."""
        rows = await self.database.read().all(
            sa.select(allocation.c.starts_at, allocation.c.ends_at, allocation.c.quantity)
            .where(allocation.c.asset_id == asset_id, allocation.c.status != "released")
            .order_by(allocation.c.starts_at)
        )
        return [(row.starts_at, row.ends_at, row.quantity) for row in rows]


@pytest.fixture
def desk(service: Service, cast: Cast) -> Desk:
    return Desk(service, cast)


async def asset_of(cast: Cast, **fields: object) -> UUID:
    return UUID((await make_asset(cast.assisting, **fields))["id"])


async def outcomes(attempts: int, claim: Callable[[], Awaitable[UUID]]) -> tuple[int, int]:
    """How many of so many simultaneous attempts won, and how many met a conflict; anything else is a failure."""
    results = await asyncio.gather(*(until_told(claim) for _ in range(attempts)), return_exceptions=True)
    won = [r for r in results if isinstance(r, UUID)]
    refused = [r for r in results if isinstance(r, Conflict) and r.code == "asset_not_free"]
    assert len(won) + len(refused) == attempts, [r for r in results if r not in won and r not in refused][:3]
    return len(won), len(refused)


async def test_of_two_hundred_simultaneous_claims_exactly_one_wins(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    assert await outcomes(200, lambda: desk.claim(asset_id, window())) == (1, 199)
    assert len(await desk.held(asset_id)) == 1


async def test_of_two_hundred_claims_on_forty_units_exactly_forty_win(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast, category="communications.radio_cache", capacity=40, type_level=None)
    assert await outcomes(200, lambda: desk.claim(asset_id, window())) == (40, 160)


async def test_checking_before_inserting_without_the_lock_oversells(desk: Desk, cast: Cast, dialect: str) -> None:
    """The proof that the tests above can fail: the same check without touching the asset first."""
    if dialect == "sqlite":
        pytest.skip("SQLite lets one writer in at a time, so two cannot stand between check and insert")
    asset_id = await asset_of(cast, category="communications.radio_cache", capacity=40, type_level=None)
    both_checked = asyncio.Barrier(2)

    async def naive() -> None:
        async with unit_of_work(desk.database) as write:
            promised = await write.value(
                sa.select(sa.func.coalesce(sa.func.sum(allocation.c.quantity), 0)).where(
                    allocation.c.asset_id == asset_id
                )
            )
            await both_checked.wait()
            assert promised + 30 <= 40
            await write.run(allocation.insert(), row_of(cast, asset_id, window(), quantity=30, exclusive=False))

    await asyncio.gather(naive(), naive())
    assert sum(quantity for _, _, quantity in await desk.held(asset_id)) == 60


def row_of(cast: Cast, asset_id: UUID, held: Window, *, quantity: int = 1, exclusive: bool = True) -> dict[str, object]:
    return {
        "id": new_id(),
        "asset_id": asset_id,
        "kind": "loan",
        "loan_id": new_id(),
        "quantity": quantity,
        "exclusive": exclusive,
        "whole": False,
        "status": "held",
        "starts_at": held.start,
        "ends_at": held.end,
        "blocks_from_at": held.start,
        "free_at": held.end,
        "created_at": held.start,
        "requesting_agency_id": cast.requesting.id,
        "assisting_agency_id": cast.assisting.id,
    }


async def test_the_database_refuses_an_overlap_that_got_past_the_code(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    await desk.claim(asset_id, window())
    with pytest.raises(Conflict) as refused:
        async with unit_of_work(desk.database) as write:
            await write.run(allocation.insert(), row_of(cast, asset_id, window(MONDAY + 23 * HOUR)))
    assert refused.value.code == "asset_not_free"
    other = await desk.claim(asset_id, window(MONDAY + 2 * DAY))
    moved = (
        allocation.update().where(allocation.c.loan_id == other).values(starts_at=MONDAY + HOUR, blocks_from_at=MONDAY)
    )
    with pytest.raises(Conflict):
        async with unit_of_work(desk.database) as write:
            await write.run(moved)


async def test_several_assets_taken_in_the_order_of_their_ids_never_deadlock(desk: Desk, cast: Cast) -> None:
    assets = [await asset_of(cast) for _ in range(5)]
    chance = random.Random(11)
    wanted = [(chance.sample(assets, 3), window(MONDAY + chance.randrange(30) * HOUR, 6 * HOUR)) for _ in range(60)]

    async def take(chosen: list[UUID], when: Window) -> UUID:
        async with unit_of_work(desk.database) as write:
            for asset_id in sorted(chosen):
                last = await desk.claim_within(write, asset_id, when)
            return last

    pending = iter(wanted)
    won, refused = await outcomes(len(wanted), lambda: take(*next(pending)))
    assert won
    assert refused
    held = [await desk.held(asset_id) for asset_id in assets]
    assert sum(map(len, held)) == 3 * won, "each claim has all of its assets or none"
    assert all(first[1] <= second[0] for of_one in held for first, second in pairwise(of_one))


async def test_back_to_back_windows_do_not_clash(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    for day in (0, 2, 1):
        await desk.claim(asset_id, window(MONDAY + day * DAY))
    assert len(await desk.held(asset_id)) == 3


async def test_a_refusal_names_the_blocking_stretch(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    await desk.claim(asset_id, window(MONDAY + 6 * HOUR, 2 * HOUR))
    with pytest.raises(Conflict) as refused:
        await desk.claim(asset_id, window())
    assert refused.value.extra == {
        "blocking": {"start": "2031-03-03T14:00:00.000000Z", "end": "2031-03-03T16:00:00.000000Z"}
    }


async def test_units_are_counted_at_their_peak_and_not_summed_over_the_window(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast, category="communications.radio_cache", capacity=40, type_level=None)
    await desk.claim(asset_id, window(MONDAY, 2 * HOUR), quantity=25)
    await desk.claim(asset_id, window(MONDAY + 2 * HOUR, 2 * HOUR), quantity=30)
    await desk.claim(asset_id, window(), quantity=10)
    with pytest.raises(Conflict):
        await desk.claim(asset_id, window(), quantity=1)
    await desk.claim(asset_id, window(MONDAY, 2 * HOUR), quantity=5)


async def test_any_history_of_claims_agrees_with_counting_hour_by_hour(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast, category="communications.radio_cache", capacity=5, type_level=None)
    chance = random.Random(5)
    hours = [0] * 48
    for _ in range(80):
        start, length, quantity = chance.randrange(40), chance.randrange(1, 8), chance.randrange(1, 4)
        fits = all(held + quantity <= 5 for held in hours[start : start + length])
        try:
            await desk.claim(asset_id, window(MONDAY + start * HOUR, length * HOUR), quantity)
            assert fits
        except Conflict:
            assert not fits
        else:
            hours[start : start + length] = [held + quantity for held in hours[start : start + length]]


async def test_what_is_overdue_is_held_without_end(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    late = await desk.claim(asset_id, window())
    await desk.out(late, MONDAY)
    next_week = window(MONDAY + 7 * DAY)
    await desk.claim(asset_id, next_week, now=MONDAY + HOUR)
    overdue = MONDAY + DAY
    with pytest.raises(Conflict) as refused:
        await desk.claim(asset_id, window(MONDAY + 14 * DAY), now=overdue)
    assert refused.value.code == "asset_not_free"
    await desk.back(late)
    await desk.claim(asset_id, window(MONDAY + 14 * DAY), now=overdue)


async def test_nothing_goes_out_while_the_asset_is_still_out(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    first = await desk.claim(asset_id, window())
    second = await desk.claim(asset_id, window(MONDAY + DAY))
    await desk.out(first, MONDAY)
    with pytest.raises(Conflict) as refused:
        await desk.out(second, MONDAY + DAY)
    assert refused.value.code == "asset_still_out"
    await desk.back(first)
    await desk.out(second, MONDAY + DAY)


async def test_units_that_are_not_home_cannot_go_out_again(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast, category="communications.radio_cache", capacity=40, type_level=None)
    first = await desk.claim(asset_id, window(), quantity=30)
    second = await desk.claim(asset_id, window(MONDAY + DAY), quantity=10)
    third = await desk.claim(asset_id, window(MONDAY + DAY), quantity=30)
    await desk.out(first, MONDAY)
    await desk.out(second, MONDAY + DAY)
    with pytest.raises(Conflict) as refused:
        await desk.out(third, MONDAY + DAY)
    assert refused.value.code == "asset_still_out"


async def test_leaving_early_holds_from_then_and_takes_nobody_elses_time(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    loan = await desk.claim(asset_id, window())
    await desk.out(loan, MONDAY - 2 * HOUR)
    assert (await desk.held(asset_id))[0][0] == MONDAY - 2 * HOUR
    other = await desk.claim(asset_id, window(MONDAY + 3 * DAY))
    await desk.claim(asset_id, window(MONDAY + 2 * DAY))
    await desk.back(loan)
    with pytest.raises(Conflict) as refused:
        await desk.out(other, MONDAY + 2 * DAY)
    assert refused.value.code == "asset_not_free"


async def test_an_extension_may_reach_the_next_reservation_and_no_further(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    loan = await desk.claim(asset_id, window())
    await desk.claim(asset_id, window(MONDAY + 2 * DAY))
    await desk.out(loan, MONDAY)
    with pytest.raises(Conflict) as refused:
        await desk.extend(loan, MONDAY + 2 * DAY + HOUR, MONDAY)
    assert refused.value.code == "asset_not_free"
    await desk.extend(loan, MONDAY + 2 * DAY, MONDAY)
    assert (await desk.held(asset_id))[0][1] == MONDAY + 2 * DAY


async def test_a_released_loan_holds_nothing_and_cannot_go_out(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    loan = await desk.claim(asset_id, window())
    await desk.back(loan)
    await desk.back(loan)
    await desk.claim(asset_id, window())
    with pytest.raises(WrongStatus):
        await desk.out(loan, MONDAY)
    with pytest.raises(WrongStatus):
        await desk.extend(loan, MONDAY + 2 * DAY, MONDAY)


async def test_only_what_is_in_service_is_committed(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    await cast.assisting.admin.done("POST", f"/v1/assets/{asset_id}/take-out-of-service", {"reason": "injured"})
    with pytest.raises(WrongStatus) as refused:
        await desk.claim(asset_id, window())
    assert refused.value.code == "asset_not_in_service"
    with pytest.raises(NotFound):
        await desk.claim(new_id(), window())


async def test_what_a_loan_holds_is_not_retired_and_becomes_nothing_else(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast)
    path = f"/v1/assets/{asset_id}"
    loan = await desk.claim(asset_id, window())
    found = await cast.assisting.admin.get(path)
    retire = next(a for a in found.json()["allowed_actions"] if a["action"] == "retire")
    assert not retire["allowed"]
    assert "committed" in retire["reason"]
    assert_problem(await cast.assisting.admin.post(f"{path}/retire", {"reason": "sold"}), 409, "asset_committed")
    other = await cast.assisting.admin.patch(path, {"category": "k9.patrol"}, if_match=found.headers["etag"])
    assert_problem(other, 409, "asset_committed")
    await desk.back(loan)
    assert (await cast.assisting.admin.done("POST", f"{path}/retire", {"reason": "sold"}))[
        "service_status"
    ] == "retired"


async def test_capacity_is_not_cut_below_what_is_promised(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast, category="communications.radio_cache", capacity=40, type_level=None)
    path = f"/v1/assets/{asset_id}"
    soon = datetime.now(UTC) + DAY
    first = await desk.claim(asset_id, window(soon), quantity=30)
    await desk.claim(asset_id, window(soon + DAY), quantity=1)
    etag = (await cast.assisting.admin.get(path)).headers["etag"]
    assert_problem(await cast.assisting.admin.patch(path, {"capacity": 29}, if_match=etag), 409, "capacity_committed")
    await desk.back(first)
    await cast.assisting.admin.done("PATCH", path, {"capacity": 1}, if_match=etag)
    with pytest.raises(Conflict):  # what was promised before is exclusive now, for the database too
        async with unit_of_work(desk.database) as write:
            await write.run(allocation.insert(), row_of(cast, asset_id, window(soon + DAY)))


async def test_what_held_all_of_an_asset_follows_its_capacity_until_it_is_released(desk: Desk, cast: Cast) -> None:
    asset_id = await asset_of(cast, category="communications.radio_cache", capacity=40, type_level=None)
    ended, lasting = new_id(), new_id()
    async with unit_of_work(desk.database) as write:
        asset = await lock_for_booking(write, asset_id)
        for its_id, held in ((ended, window()), (lasting, window(MONDAY + 2 * DAY))):
            await hold(
                write,
                asset,
                allocation_id=its_id,
                kind=AllocationKind.BLACKOUT,
                quantity=None,
                window=held,
                owner_id=cast.assisting.id,
                now=NOW,
            )
        await free(write, ended, NOW)
    await cast.assisting.admin.done("PATCH", f"/v1/assets/{asset_id}", {"capacity": 50}, if_match="*")
    rows = await desk.database.read().all(
        sa.select(allocation.c.id, allocation.c.quantity).where(allocation.c.asset_id == asset_id)
    )
    assert {row.id: row.quantity for row in rows} == {ended: 40, lasting: 50}
