"""Random booking histories by several callers at once, and a checker that knows nothing of how the service books.

The checker works from what callers saw alone: a loan certainly holds its units from the answer to its reservation
to the question of its return, and possibly from the question to the answer. Certain holds must always fit; a
refusal must be explained by possible ones.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.time import Window, utc_now
from registry.resources.assets.rules import Grade
from registry.sharing.loans.commands import handing_over, reserving
from registry.sharing.loans.schemas.given import ConditionReport, LoanCancellation, NewLoan
from tests.support.loans import Partners
from tests.support.patience import until_told
from tests.support.policy import acting_for, make_decision, policies_of

CALLERS = 8
HOURS = 12
NEVER = 10**9


class Item(Struct, frozen=True):
    """An asset with so many units."""

    id: UUID
    capacity: int


class Part(Struct):
    """That some of a booking was let go, since others left or some came back: between which ticks, and what it kept."""

    asked: int
    kept: int
    answered: int = NEVER


class Booking(Struct):
    """What one caller saw of one loan; times are ticks of one clock, NEVER where it has not happened."""

    item: Item
    quantity: int
    window: tuple[datetime, datetime]
    asked: int
    granted: int = NEVER
    refused: int = NEVER
    leave_asked: int = NEVER
    left: int = NEVER
    end_asked: int = NEVER
    ended: int = NEVER
    loan_id: UUID | None = None
    status: str = "none"
    parts: list[Part] = []

    def certainly(self, tick: int) -> int:
        """How many it holds at that tick for certain: what was asked to be let go may be gone."""
        return min((part.kept for part in self.parts if part.asked <= tick), default=self.quantity)

    def possibly(self, tick: int) -> int:
        """How many it may hold from that tick on: what was let go by then is gone."""
        return min((part.kept for part in self.parts if part.answered <= tick), default=self.quantity)


class Refusal(Struct, frozen=True):
    """A 409: who wanted how many units for which window, between which ticks."""

    code: str
    booking: Booking
    quantity: int
    window: tuple[datetime, datetime]
    asked: int
    answered: int


class History(Struct):
    """Everything that was seen, with the instant that all callers took for now."""

    now: datetime
    bookings: list[Booking] = []
    refusals: list[Refusal] = []
    ticks: int = 0

    def tick(self) -> int:
        """The next tick of the clock by which questions and answers are ordered."""
        self.ticks += 1
        return self.ticks


async def run_history(partners: Partners, items: Sequence[Item], *, operations: int, seed: int) -> History:
    """So many operations by eight callers who start each round at once, over assets that they compete for."""
    dice = random.Random(seed)
    history = History(now=utc_now().replace(minute=0, second=0, microsecond=0))
    barrier = asyncio.Barrier(CALLERS)
    await asyncio.gather(*(_warm(partners) for _ in range(CALLERS)))
    callers = [_Caller(partners, items, history, barrier, random.Random(dice.random())) for _ in range(CALLERS)]
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(caller.run(operations // CALLERS))
    return history


async def _warm(partners: Partners) -> None:
    await partners.assisting.coordinator.done("GET", "/v1/loans")


class _Caller:
    """One coordinator: reserves for random windows, and sends out, takes back and cancels what it reserved itself."""

    def __init__(
        self,
        partners: Partners,
        items: Sequence[Item],
        history: History,
        barrier: asyncio.Barrier,
        dice: random.Random,
    ) -> None:
        self._partners = partners
        self._items = items
        self._history = history
        self._barrier = barrier
        self._dice = dice
        self._mine: list[Booking] = []
        self._acting = acting_for(partners.assisting, Role.COORDINATOR, now=history.now)
        self._policies = policies_of(partners.assisting.service)

    async def run(self, operations: int) -> None:
        for _ in range(operations):
            live = [booking for booking in self._mine if booking.status in ("reserved", "out")]
            if not live or self._dice.random() < 0.5:
                await self._reserve()
            else:
                booking = self._dice.choice(live)
                if booking.status == "out" and booking.possibly(NEVER) > 1 and self._dice.random() < 0.5:
                    await self._take_back_some(booking)
                elif booking.status == "out" or self._dice.random() < 0.5:
                    await self._end(booking)
                else:
                    await self._dispatch(booking)

    async def _reserve(self) -> None:
        item = self._dice.choice(self._items)
        opens = self._dice.randrange(HOURS)
        start = self._history.now + timedelta(hours=opens)
        end = start + timedelta(hours=self._dice.randint(1, HOURS - opens))
        quantity = self._dice.randint(1, item.capacity)
        decision = await make_decision(
            self._partners.requesting,
            {"id": str(item.id)},
            now=self._history.now,
            quantity=quantity,
            window=Window(start=start, end=end),
        )
        await self._barrier.wait()
        booking = Booking(item=item, quantity=quantity, window=(start, end), asked=self._history.tick())
        self._history.bookings.append(booking)
        self._mine.append(booking)

        async def reserve() -> None:
            async with unit_of_work(self._partners.assisting.service.database) as write:
                new = NewLoan(decision_id=decision.id)
                booking.loan_id = (await reserving.reserve(write, self._acting, self._policies, new)).id

        if await self._granted(booking, reserve, booking.window, booking.asked):
            booking.granted, booking.status = self._history.tick(), "reserved"
        else:
            booking.refused = self._history.ticks

    async def _dispatch(self, booking: Booking) -> None:
        sent = self._dice.randint(1, booking.quantity)
        await self._barrier.wait()
        booking.leave_asked = self._history.tick()
        part = Part(asked=booking.leave_asked, kept=sent)
        booking.parts.append(part)

        async def dispatch() -> None:
            assert booking.loan_id is not None
            async with unit_of_work(self._partners.assisting.service.database) as write:
                report = ConditionReport(grade=Grade.GOOD)
                await handing_over.dispatch(write, self._acting, self._policies, booking.loan_id, report, quantity=sent)

        early = (self._history.now, booking.window[1])
        if await self._granted(booking, dispatch, early, booking.leave_asked, sent):
            booking.left, booking.status = self._history.tick(), "out"
            part.answered = booking.left
        else:
            booking.leave_asked = NEVER
            booking.parts.remove(part)

    async def _take_back_some(self, booking: Booking) -> None:
        out = booking.possibly(NEVER)
        back = self._dice.randint(1, out - 1)
        await self._barrier.wait()
        part = Part(asked=self._history.tick(), kept=out - back)
        booking.parts.append(part)

        async def take_back() -> None:
            assert booking.loan_id is not None
            async with unit_of_work(self._partners.assisting.service.database) as write:
                report = ConditionReport(grade=Grade.GOOD)
                await handing_over.confirm_return(write, self._acting, booking.loan_id, report, quantity=back)

        await until_told(take_back)
        part.answered = self._history.tick()

    async def _end(self, booking: Booking) -> None:
        await self._barrier.wait()
        assert booking.loan_id is not None
        booking.end_asked = self._history.tick()

        async def end() -> str:
            assert booking.loan_id is not None
            async with unit_of_work(self._partners.assisting.service.database) as write:
                if booking.status == "out":
                    report = ConditionReport(grade=Grade.GOOD)
                    await handing_over.confirm_return(write, self._acting, booking.loan_id, report)
                    return "returned"
                await handing_over.cancel(write, self._acting, booking.loan_id, LoanCancellation(reason="not needed"))
                return "cancelled"

        booking.status = await until_told(end)
        booking.ended = self._history.tick()

    async def _granted(
        self,
        booking: Booking,
        act: Callable[[], Awaitable[None]],
        window: tuple[datetime, datetime],
        asked: int,
        quantity: int | None = None,
    ) -> bool:
        try:
            await until_told(act)
        except Conflict as refused:
            answered = self._history.tick()
            self._history.refusals.append(
                Refusal(
                    code=refused.code,
                    booking=booking,
                    quantity=quantity or booking.quantity,
                    window=window,
                    asked=asked,
                    answered=answered,
                )
            )
            return False
        return True


Span = tuple[datetime, datetime, int]


def peak(spans: Sequence[Span], window: tuple[datetime, datetime]) -> int:
    """The most units held at one instant of the window; it is reached where some span, or the window, begins."""
    starts = {window[0], *(start for start, _, _ in spans if window[0] <= start < window[1])}
    return max(sum(quantity for start, end, quantity in spans if start <= at < end) for at in starts)


def overbookings(history: History) -> list[Booking]:
    """Grants at whose answer more units were certainly promised than there are."""
    found = []
    for booking in history.bookings:
        for tick, window in ((booking.granted, booking.window), (booking.left, (history.now, booking.window[1]))):
            if tick == NEVER:
                continue
            certain = [
                (history.now if other.left <= tick else other.window[0], other.window[1], other.certainly(tick))
                for other in history.bookings
                if other.item.id == booking.item.id and other.granted <= tick < other.end_asked
            ]
            if peak(certain, window) > booking.item.capacity:
                found.append(booking)
    return found


def unjustified(history: History) -> list[Refusal]:
    """Refusals that nothing explains which others may have held between the question and the answer."""
    found = []
    for refusal in history.refusals:
        mine = refusal.booking
        possible = [
            (
                history.now if other.leave_asked < refusal.answered else other.window[0],
                other.window[1],
                other.possibly(refusal.asked),
            )
            for other in history.bookings
            if other is not mine
            and other.item.id == mine.item.id
            and other.refused == NEVER
            and other.asked < refusal.answered
            and other.ended > refusal.asked
        ]
        out = sum(
            other.possibly(refusal.asked)
            for other in history.bookings
            if other is not mine
            and other.item.id == mine.item.id
            and other.leave_asked < refusal.answered
            and other.ended > refusal.asked
        )
        if refusal.code == "asset_not_free":
            explained = peak(possible, refusal.window) + refusal.quantity > mine.item.capacity
        else:
            explained = refusal.code == "asset_still_out" and out + refusal.quantity > mine.item.capacity
        if not explained:
            found.append(refusal)
    return found


STORED = {"reserved": "reserved", "out": "dispatched", "returned": "returned", "cancelled": "cancelled"}


async def lost_acknowledgements(partners: Partners, history: History) -> list[str]:
    """Loans whose state is not the one last acknowledged, and loans that nobody was granted."""
    promised = {str(b.loan_id): STORED[b.status] for b in history.bookings if b.status in STORED}
    stored: dict[str, str] = {}
    for asset_id in {booking.item.id for booking in history.bookings}:
        path = f"/v1/loans?asset_id={asset_id}&limit=200"
        while path:
            answer = await partners.assisting.coordinator.get(path)
            stored |= {item["id"]: item["status"] for item in answer.json()["items"]}
            path = answer.links["next"]["url"] if "next" in answer.links else ""
    return [loan for loan in {*promised, *stored} if promised.get(loan) != stored.get(loan)]
