"""What is lent counts beside later asks for as long as it lasts: no longer once it is over, and longer if agreed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.platform.kernel.time import Window, utc_now
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.loans.times import lasts
from registry.sharing.policy.facts import Ask, OtherWindow, begun_hours
from registry.sharing.policy.joining import LONGEST_GAP, joined_with
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import REASON, Partners, make_loan, make_partners, out_since, step
from tests.support.requests import line_for, submitted

HOUR = timedelta(hours=1)


async def outcome(partners: Partners, asset: dict[str, Any], first: datetime, last: datetime) -> str:
    """What becomes of a line that asks for the asset from one instant to the other."""
    line = line_for(asset, window=Window(start=first, end=last))
    found = await submitted(partners.requesting, asset, lines=[line])
    status: str = found["lines"][0]["status"]
    return status


async def lent(cast: Cast, status: str) -> tuple[Partners, dict[str, Any], dict[str, Any], datetime]:
    """A dog lent for two days under an agreement for at most three, the loan, and when these two days began."""
    partners = await make_partners(cast, categories=["any"], max_duration_hours=72)
    dog, now = await make_asset(partners.assisting), utc_now().replace(microsecond=0)
    loan = await make_loan(partners, status, asset=dog, window=Window(start=now, end=now + 48 * HOUR))
    return partners, dog, loan, now


@pytest.mark.parametrize(
    ("status", "then"), [("dispatched", "denied"), ("returned", "permitted"), ("closed", "permitted")]
)
async def test_what_is_back_counts_to_its_return_and_what_is_out_to_the_agreed_one(
    cast: Cast, status: str, then: str
) -> None:
    partners, dog, _, now = await lent(cast, status)
    assert await outcome(partners, dog, now + 60 * HOUR, now + 74 * HOUR) == then


async def test_what_was_lost_counts_until_it_was_lost(cast: Cast) -> None:
    partners, now = await make_partners(cast, categories=["any"], max_duration_hours=72), utc_now()
    cones = await make_asset(partners.assisting, capacity=20)
    await make_loan(partners, "lost", asset=cones, window=Window(start=now, end=now + 48 * HOUR))
    assert await outcome(partners, cones, now + 60 * HOUR, now + 74 * HOUR) == "permitted"


async def test_what_was_never_lent_counts_while_it_can_be_lent_still(cast: Cast) -> None:
    partners, now = await make_partners(cast, categories=["any"], max_duration_hours=72), utc_now()
    over, to_come = await make_asset(partners.assisting), await make_asset(partners.assisting)
    await make_loan(partners, "no_show", asset=over, window=Window(start=now - 60 * HOUR, end=now - HOUR))
    assert await outcome(partners, over, now + HOUR, now + 48 * HOUR) == "permitted", "its time is over"
    await make_loan(partners, "cancelled", asset=to_come, window=Window(start=now, end=now + 48 * HOUR))
    assert await outcome(partners, to_come, now + 50 * HOUR, now + 74 * HOUR) == "denied", "it may be reserved again"


async def test_an_extension_counts_once_it_is_accepted(cast: Cast) -> None:
    partners, dog, loan, now = await lent(cast, "on_scene")
    longer = {**REASON, "planned_end_at": (now + 70 * HOUR).isoformat()}
    await step(partners.requesting, loan, "request-extension", longer)
    await step(partners.assisting, loan, "decline-extension")
    assert await outcome(partners, dog, now + 73 * HOUR, now + 80 * HOUR) == "permitted", "a day after the agreed end"
    other, dog, loan, now = await lent(cast, "on_scene")
    await step(other.requesting, loan, "request-extension", longer)
    await step(other.assisting, loan, "accept-extension")
    assert await outcome(other, dog, now + 73 * HOUR, now + 80 * HOUR) == "denied"


async def test_the_return_on_which_both_agree_is_the_one_that_counts(cast: Cast) -> None:
    partners = await make_partners(cast, categories=["any"], max_duration_hours=72)
    dog, now = await make_asset(partners.assisting), utc_now().replace(microsecond=0)
    loan = await out_since(partners, dog, Window(start=now - 30 * HOUR, end=now + HOUR))
    await step(partners.assisting, loan, "return")
    assert await outcome(partners, dog, now + 2 * HOUR, now + 46 * HOUR) == "denied"
    said = {**REASON, "act": "return", "occurred_at": (now - 25 * HOUR).isoformat()}
    await step(partners.requesting, loan, "contest-time", said)
    assert await outcome(partners, dog, now + 2 * HOUR, now + 46 * HOUR) == "denied", "one word alone"
    await step(partners.assisting, loan, "accept-time", {"act": "return"})
    assert await outcome(partners, dog, now + 2 * HOUR, now + 46 * HOUR) == "permitted"


PIECES = st.lists(
    st.tuples(st.integers(1, 100), st.integers(0, LONGEST_GAP // HOUR), st.integers(-90, 90)), min_size=1, max_size=6
)
"""How many hours each of several loans lasted, how many lie before the next, and how many more were agreed."""


@given(PIECES, st.integers(1, 100))
def test_who_splits_an_ask_is_held_to_all_that_it_really_had(pieces: Sequence[tuple[int, int, int]], last: int) -> None:
    began = at = datetime(2099, 6, 1, tzinfo=UTC)
    had = []
    for length, gap, more in pieces:
        agreed = at + max(length + more, 1) * HOUR
        acts = {"starts_at": at, "dispatched_at": at, "planned_end_at": agreed, "lost_at": None}
        window = lasts(LoanStatus.CLOSED, {**acts, "returned_at": at + length * HOUR})
        assert window is not None
        had.append(OtherWindow(start=window.start, end=window.end, quantity=1))
        at += (length + gap) * HOUR
    own = Window(start=at, end=at + last * HOUR)
    ask = Ask(
        start=own.start,
        end=own.end,
        purpose="training",
        priority="routine",
        joined=joined_with(own, had),
    )
    assert ask.duration_hours == begun_hours(began, own.end)


SHARES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40), st.integers(1, 9)), max_size=6)
"""From which hour on, for how many hours and how many of it were asked for before."""


@given(SHARES, st.tuples(st.integers(0, 60), st.integers(1, 40), st.integers(1, 9)))
def test_the_quantity_is_the_most_at_any_hour_of_it_and_not_what_follows_one_after_another(
    before: Sequence[tuple[int, int, int]], own: tuple[int, int, int]
) -> None:
    ask = asked(own, before)
    first, length, quantity = own
    hours = range(first, first + length)
    at_each = [sum(many for start, long, many in before if start <= hour < start + long) for hour in hours]
    assert ask.whole_quantity == quantity + max(at_each)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers(1, 40))
def test_splitting_a_quantity_never_passes_where_the_whole_does_not(parts: Sequence[int], most: int) -> None:
    asks = [asked((0, 8, many), [(0, 8, earlier) for earlier in parts[:number]]) for number, many in enumerate(parts)]
    assert asks[-1].whole_quantity == sum(parts)
    assert all(each.whole_quantity <= most for each in asks) == (sum(parts) <= most)


def asked(own: tuple[int, int, int], before: Sequence[tuple[int, int, int]]) -> Ask:
    """So many, from that hour on and for so many hours, after what was asked for before."""

    def window(first: int, length: int) -> Window:
        monday = datetime(2099, 6, 1, tzinfo=UTC)
        return Window(start=monday + first * HOUR, end=monday + (first + length) * HOUR)

    mine = window(*own[:2])
    had = [
        OtherWindow(start=each.start, end=each.end, quantity=many)
        for each, many in ((window(first, length), many) for first, length, many in before)
    ]
    return Ask(
        start=mine.start,
        end=mine.end,
        purpose="training",
        priority="routine",
        quantity=own[2],
        joined=joined_with(mine, had),
    )
