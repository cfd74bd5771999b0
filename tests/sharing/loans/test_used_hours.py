"""What another loan really had was not had twice, whenever it is recorded; it is free as soon as it is back."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from registry.platform.kernel.time import Window, utc_now
from registry.sharing.loans.used_hours import Use, taken
from tests.sharing.loans.test_lab_slots import make_lab
from tests.sharing.loans.test_what_can_be_had import certify, reserve
from tests.support.assets import make_asset
from tests.support.cast import Agency
from tests.support.loans import CONDITION, REASON, Partners, make_loan, see, step
from tests.support.personnel import enter_person
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later

Found = dict[str, Any]
MINUTE = timedelta(minutes=1)
BY_WORD = "Chief to chief by telephone (demo)."


class Day:
    """Minutes before and after one instant, which is a moment ago."""

    def __init__(self) -> None:
        self.now = utc_now().replace(microsecond=0)

    def at(self, minutes: int) -> datetime:
        """So many minutes after it."""
        return self.now + minutes * MINUTE

    def said(self, minutes: int) -> Found:
        """That an act was done then, by word of mouth where it was reserved later."""
        return {"occurred_at": self.at(minutes).isoformat()}

    def window(self, start: int, end: int = 120) -> Window:
        """From then to then."""
        return Window(start=self.at(start), end=self.at(end))

    def left(self, minutes: int, quantity: int | None = None) -> Found:
        """A departure then that was agreed by word of mouth."""
        more = {} if quantity is None else {"quantity": quantity}
        return {**CONDITION, **self.said(minutes), "agreed_by_word": BY_WORD, **more}

    def back(self, minutes: int, quantity: int | None = None) -> Found:
        """A return then."""
        return {**CONDITION, **self.said(minutes), **({} if quantity is None else {"quantity": quantity})}


@pytest.fixture
def day() -> Day:
    return Day()


async def had(partners: Partners, asset: Found, day: Day, *, left: int, back: int, quantity: int = 1) -> Found:
    """A loan of the asset that left and came back then."""
    loan = await make_loan(partners, asset=asset, quantity=quantity, window=day.window(left - 10))
    await step(partners.assisting, loan, "dispatch", day.left(left))
    return await step(partners.assisting, loan, "return", day.back(back))


async def refused(agency: Agency, loan: Found, verb: str, body: Mapping[str, object], status: int, code: str) -> Found:
    return assert_problem(await agency.coordinator.post(f"/v1/loans/{loan['id']}/{verb}", dict(body)), status, code)


async def test_nothing_left_while_another_loan_had_it_and_may_have_left_as_that_was_over(
    partners: Partners, day: Day
) -> None:
    asset = await make_asset(partners.assisting)
    await had(partners, asset, day, left=-110, back=-10)
    loan = await make_loan(partners, asset=asset, window=day.window(-90))
    problem = await refused(partners.assisting, loan, "dispatch", day.left(-80), 409, "asset_not_free")
    spans = {name: datetime.fromisoformat(at) for name, at in problem["blocking"].items()}
    assert spans == {"start": day.at(-80), "end": day.at(-10)}
    assert f"until {day.at(-10):%Y-%m-%dT%H:%M}" in problem["detail"]
    assert (await see(partners.assisting, loan["id"]))["status"] == "reserved"
    assert (await step(partners.assisting, loan, "dispatch", day.left(-10)))["status"] == "dispatched"


async def test_what_is_back_is_lent_again_at_once_for_a_time_that_has_begun(partners: Partners, day: Day) -> None:
    asset = await make_asset(partners.assisting)
    await had(partners, asset, day, left=-110, back=-10)
    loan = await make_loan(partners, asset=asset, window=day.window(-90))
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


@pytest.mark.parametrize(
    ("quantity", "left", "fits"), [(7, -80, True), (8, -80, False), (8, -40, True), (9, -40, False)]
)
async def test_of_several_counts_how_many_others_had_and_when_a_part_was_back(
    partners: Partners, day: Day, quantity: int, left: int, *, fits: bool
) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    first = await make_loan(partners, asset=asset, quantity=3, window=day.window(-120))
    await step(partners.assisting, first, "dispatch", day.left(-110))
    await step(partners.assisting, first, "return", day.back(-50, 1))
    await step(partners.assisting, first, "return", day.back(-10))
    loan = await make_loan(partners, asset=asset, quantity=quantity, window=day.window(-90))
    if fits:
        await step(partners.assisting, loan, "dispatch", day.left(left))
        return
    await refused(partners.assisting, loan, "dispatch", day.left(left), 409, "asset_not_free")
    fewer = await step(partners.assisting, loan, "dispatch", day.left(left, quantity - 1))
    assert fewer["quantity"] == quantity - 1, "as many as were there may have left"


async def test_what_was_lost_since_was_there_before(partners: Partners, day: Day) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    first = await make_loan(partners, asset=asset, quantity=6, window=day.window(-120))
    await step(partners.assisting, first, "dispatch", day.left(-110))
    await step(partners.requesting, first, "report-lost", {**REASON, **day.said(-50), "quantity": 2})
    await step(partners.assisting, first, "return", day.back(-10))
    loan = await make_loan(partners, asset=asset, quantity=5, window=day.window(-90))
    await refused(partners.assisting, loan, "dispatch", day.left(-80), 409, "asset_not_free")
    await step(partners.assisting, loan, "dispatch", day.left(-80, 4))


async def test_slots_of_a_laboratory_are_used_up_for_the_weeks_in_which_it_worked(partners: Partners, day: Day) -> None:
    lab = await make_lab(partners, 1)
    week = 7 * 24 * 60
    first = await make_loan(partners, asset=lab, window=day.window(-3 * week))
    await step(partners.assisting, first, "dispatch", day.left(-3 * week))
    await step(partners.assisting, first, "return", day.back(-2 * week))
    assert_problem(await reserve(partners, lab, day.window(-3 * week + 60)), 409, "asset_not_free")


async def test_nobody_was_on_two_loans_at_one_time(partners: Partners, day: Day) -> None:
    """Two dogs with one handler."""
    handler = await enter_person(partners.assisting)
    dogs = [await make_asset(partners.assisting, certifications=[]) for _ in range(2)]
    for dog in dogs:
        await certify(partners.assisting, dog, handler)
    await had(partners, dogs[0], day, left=-110, back=-10)
    second = await make_loan(partners, asset=dogs[1], window=day.window(-90))
    problem = await refused(partners.assisting, second, "dispatch", day.left(-80), 409, "personnel_not_free")
    assert problem["detail"].startswith("Somebody who goes with it was on another loan until")
    await step(partners.assisting, second, "dispatch", day.left(-10))


async def test_a_time_is_not_agreed_on_at_which_another_loan_had_it(partners: Partners, day: Day) -> None:
    asset = await make_asset(partners.assisting)
    first = await had(partners, asset, day, left=-110, back=-60)
    second = await make_loan(partners, asset=asset, window=day.window(-55))
    await step(partners.assisting, second, "dispatch", day.left(-50))
    later = {"act": "return", **day.said(-20), "reason": "Our log says so (demo)."}
    await step(partners.requesting, first, "contest-time", later)
    seen = await see(partners.assisting, first["id"])
    offered = next(each for each in seen["allowed_actions"] if each["action"] == "accept_time")
    problem = await refused(partners.assisting, first, "accept-time", {"act": "return"}, 409, "asset_not_free")
    assert (offered["allowed"], offered["reason"]) == (False, problem["detail"])
    inbox = await partners.assisting.coordinator.done("GET", "/v1/inbox", params={"limit": 200})
    (entry,) = [each for each in inbox["items"] if each["kind"] == "contested_time"]
    assert (entry["subject"]["id"], entry["action"]) == (first["id"], None), "the loan says what stands in the way"
    assert datetime.fromisoformat(problem["blocking"]["start"]) == day.at(-50)
    seen = await see(partners.requesting, first["id"])
    assert (seen["time_contests"][0]["status"], datetime.fromisoformat(seen["returned_at"])) == ("open", day.at(-60))
    # Once both agree that the other one left later, both words can be true.
    await step(partners.requesting, second, "contest-time", {**later, "act": "dispatch", **day.said(-15)})
    await step(partners.assisting, second, "accept-time", {"act": "dispatch"})
    seen = await see(partners.assisting, first["id"])
    assert next(each for each in seen["allowed_actions"] if each["action"] == "accept_time")["allowed"]
    await step(partners.assisting, first, "accept-time", {"act": "return"})


async def test_an_earlier_departure_is_not_agreed_on_while_another_loan_had_it(partners: Partners, day: Day) -> None:
    asset = await make_asset(partners.assisting)
    await had(partners, asset, day, left=-110, back=-60)
    second = await make_loan(partners, asset=asset, window=day.window(-90))
    await step(partners.assisting, second, "dispatch", day.left(-50))
    contest = {"act": "dispatch", **day.said(-70), "reason": "Our log says so (demo)."}
    await step(partners.requesting, second, "contest-time", contest)
    problem = await refused(partners.assisting, second, "accept-time", {"act": "dispatch"}, 409, "asset_not_free")
    assert datetime.fromisoformat(problem["blocking"]["end"]) == day.at(-60)
    await step(partners.requesting, second, "withdraw-contest", {"act": "dispatch"})
    await step(partners.requesting, second, "contest-time", {**contest, **day.said(-60)})
    await step(partners.assisting, second, "accept-time", {"act": "dispatch"})


async def test_what_is_entered_out_of_order_was_away_no_longer_than_until_the_next_had_it(
    partners: Partners, day: Day
) -> None:
    """Of two loans the second is entered first: once it is back, the first can still be entered as it was."""
    asset = await make_asset(partners.assisting)
    first = await make_loan(partners, asset=asset, window=day.window(-240, -120), as_it_began=True)
    second = await make_loan(partners, asset=asset, window=day.window(-120))
    await step(partners.assisting, second, "dispatch", day.left(-110))
    await step(partners.assisting, second, "return")
    await step(partners.assisting, first, "dispatch", {**CONDITION, **day.said(-230)})
    for agency, verb, body in (
        (partners.requesting, "receive", {}),
        (partners.requesting, "start-return", day.said(-100)),
        (partners.requesting, "report-lost", REASON),
        (partners.assisting, "return", CONDITION),
    ):
        problem = await refused(agency, first, verb, body, 422, "not_then")
        assert f"from {day.at(-110):%Y-%m-%dT%H:%M}" in problem["detail"]
    await step(partners.requesting, first, "receive", day.said(-200))
    await refused(partners.assisting, first, "return", CONDITION, 422, "not_then")
    await step(partners.assisting, first, "return", day.back(-110))


def test_what_others_had_agrees_with_counting_minute_by_minute() -> None:
    base = utc_now().replace(microsecond=0)
    dice = random.Random(4)

    def at(minute: int) -> datetime:
        return base + minute * MINUTE

    for _ in range(2000):
        capacity, uses, minutes = dice.randint(1, 6), [], [0] * 40
        for _ in range(dice.randint(0, 4)):
            start = dice.randrange(30)
            end = dice.randint(start, 39)
            quantity = dice.randint(1, capacity)
            back = sorted(dice.randint(start, end) for _ in range(dice.randint(0, quantity - 1)))
            uses.append(
                Use(start=at(start), end=at(end), quantity=quantity, capacity=capacity, back=[(at(m), 1) for m in back])
            )
            for minute in range(start, end):
                minutes[minute] += quantity - sum(m <= minute for m in back)
        first, wanted = dice.randrange(39), dice.randint(1, capacity)
        last = dice.randint(first, 39)
        short = taken(capacity, uses, Window(start=at(first), end=at(last)), wanted)
        found = {minute for minute in range(40) if any(a <= at(minute) < (b or at(99)) for a, b in short)}
        assert found == {minute for minute in range(first, last) if minutes[minute] + wanted > capacity}
