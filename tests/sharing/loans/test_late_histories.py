"""Random histories that are entered late and out of order, against counting minute by minute: nothing was had twice."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import Conflict, DomainError, RuleBroken
from registry.platform.kernel.time import Window, utc_now
from registry.resources.assets.rules import Grade
from registry.sharing.loans.commands import handing_over, reserving
from registry.sharing.loans.schemas.given import ConditionReport, NewLoan
from tests.support.assets import make_asset
from tests.support.length import at_length
from tests.support.loans import Partners
from tests.support.policy import acting_for, make_decision, policies_of

HISTORIES = at_length(2, 6, 40)
SOMETHING_MET = (0, 1)
"""Of these seeds a departure is refused; of many none is."""
STEPS = 60
SPAN = 10 * STEPS
CAPACITY = 3
GOOD = ConditionReport(grade=Grade.GOOD)


class Lent(Struct):
    """What the caller was told of one loan, in minutes: how many left when, and how many came back when."""

    id: UUID
    opens: int
    ends: int
    reserved: int
    quantity: int
    left: int | None = None
    back: list[tuple[int, int]] = []

    @property
    def still_out(self) -> int:
        """How many are not back."""
        return 0 if self.left is None else self.quantity - sum(quantity for _, quantity in self.back)

    def had(self, minute: int, now: int) -> int:
        """How many it had then; what is not back yet, until now."""
        if self.left is None or not self.left <= minute < now:
            return 0
        return self.quantity - sum(quantity for at, quantity in self.back if at <= minute)


class Book:
    """One owner's book about one asset: it enters what happened, now and then late."""

    def __init__(self, partners: Partners, asset: dict[str, Any], dice: random.Random) -> None:
        self.partners = partners
        self.asset = asset
        self.dice = dice
        self.base = utc_now().replace(second=0, microsecond=0) - timedelta(days=2)
        self.now = 0
        self.loans: list[Lent] = []
        self.refused = {"dispatch": 0, "return": 0}

    def at(self, minute: int) -> datetime:
        return self.base + timedelta(minutes=minute)

    def most(self, opens: int, ends: int) -> int:
        """The most that was had at one minute of the window."""
        return max((sum(loan.had(m, self.now) for loan in self.loans) for m in range(opens, ends)), default=0)

    @property
    def acting(self) -> Any:
        return acting_for(self.partners.assisting, Role.COORDINATOR, now=self.at(self.now))

    async def reserve(self) -> None:
        opens = max(self.now + self.dice.randint(-120, 30), 0)
        ends = max(opens, self.now) + self.dice.randint(10, 90)
        quantity = self.dice.randint(1, CAPACITY)
        window = Window(start=self.at(opens), end=self.at(ends))
        decision = await make_decision(
            self.partners.requesting, self.asset, now=self.at(self.now), quantity=quantity, window=window
        )
        try:
            async with unit_of_work(self.partners.assisting.service.database) as write:
                new = NewLoan(decision_id=decision.id)
                made = await reserving.reserve(write, self.acting, policies_of(self.partners.assisting.service), new)
        except DomainError:
            return
        self.loans.append(Lent(id=made.id, opens=opens, ends=ends, reserved=self.now, quantity=quantity))

    async def dispatch(self, loan: Lent) -> None:
        left = self.dice.randint(min(loan.opens, self.now), min(self.now, loan.ends - 1))
        sent = self.dice.randint(1, loan.quantity)
        by_word = "By telephone (demo)." if left < loan.reserved else None
        too_many = self.most(left, min(self.now, loan.ends)) + sent > CAPACITY
        try:
            async with unit_of_work(self.partners.assisting.service.database) as write:
                policies = policies_of(self.partners.assisting.service)
                said = (None, None, self.at(left), by_word, sent)
                await handing_over.dispatch(write, self.acting, policies, loan.id, GOOD, *said)
        except Conflict:
            self.refused["dispatch"] += too_many
            return
        assert not too_many, "others had it then"
        loan.left, loan.quantity = left, sent

    async def take_back(self, loan: Lent) -> None:
        assert loan.left is not None
        back = self.dice.randint(loan.left, self.now)
        quantity = self.dice.randint(1, loan.still_out)
        if not await self._returned(loan, back, quantity):
            self.refused["return"] += 1
            assert await self._returned(loan, loan.left, quantity), "it can always have come back"

    async def _returned(self, loan: Lent, back: int, quantity: int) -> bool:
        try:
            async with unit_of_work(self.partners.assisting.service.database) as write:
                said = (None, self.at(back), quantity)
                await handing_over.confirm_return(write, self.acting, loan.id, GOOD, *said)
        except RuleBroken:
            return False
        loan.back.append((back, quantity))
        return True

    async def keep(self) -> None:
        for _ in range(STEPS):
            self.now += 10
            reserved = [loan for loan in self.loans if loan.left is None and loan.opens < self.now]
            out = [loan for loan in self.loans if loan.still_out]
            what = self.dice.random()
            if what < 0.4:
                await self.reserve()
            elif what < 0.7 and reserved:
                await self.dispatch(self.dice.choice(reserved))
            elif out:
                await self.take_back(self.dice.choice(out))
        while out := [loan for loan in self.loans if loan.still_out]:
            await self.take_back(out[0])


@pytest.mark.grows
@pytest.mark.second_long
@pytest.mark.parametrize("seed", range(HISTORIES))
async def test_in_no_history_that_is_entered_late_is_more_had_than_there_is(partners: Partners, seed: int) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=CAPACITY)
    book = Book(partners, asset, random.Random(seed))
    await book.keep()
    assert book.most(0, SPAN) <= CAPACITY
    assert sum(loan.left is not None for loan in book.loans) > 5, "a history in which nothing left proves nothing"
    assert book.refused["dispatch"] or seed not in SOMETHING_MET, "nor one in which nothing met"
