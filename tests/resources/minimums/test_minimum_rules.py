"""Which minimum holds when, and what it leaves of an asset for loans."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import LATEST, Window
from registry.resources.allocations.occupancy import KindHold
from registry.resources.minimums.rules import (
    Counted,
    Kept,
    Minimum,
    Share,
    away,
    check_days,
    first_short,
    kept_back,
    kept_during,
    most_together,
    reserve_in,
    spare,
)

ZONE = "America/Chicago"
START = datetime(2026, 7, 1, 5, tzinfo=UTC)  # midnight in Chicago
HOURS = 12
DAYS = Window(start=START, end=START + timedelta(hours=HOURS))


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def minimum(quantity: int, effective_on: date, expires_on: date | None = None) -> Minimum:
    return Minimum(
        id=new_id(), category="k9", quantity=quantity, effective_on=effective_on, expires_on=expires_on, reason="Calls."
    )


def throughout(quantity: int) -> list[Kept]:
    return [Kept(stretch=(START, None), minimum=minimum(quantity, date(2026, 1, 1)))]


def counted(*holds: KindHold, capacity: int = 1) -> Counted:
    return Counted(id=new_id(), capacity=capacity, holds=holds)


def test_one_for_a_season_stands_over_the_one_that_holds_all_year_by_the_agencys_days() -> None:
    always, season = minimum(1, date(2020, 1, 1)), minimum(3, date(2026, 7, 2), date(2026, 7, 3))
    found = kept_during([season, always], Window(start=START, end=LATEST), ZONE)
    assert [(each.stretch, each.minimum.quantity) for each in found] == [
        ((START, at(24)), 1),
        ((at(24), at(72)), 3),
        ((at(72), None), 1),
    ]
    ended, none = minimum(2, date(2020, 1, 1), date(2026, 6, 30)), minimum(0, date(2026, 7, 1))
    assert kept_during([ended], DAYS, ZONE) == []
    assert kept_during([minimum(2, date(2020, 1, 1)), none], DAYS, ZONE) == []
    never, ever = minimum(2, date.max), minimum(2, date.min, date.max)
    assert [each.stretch for each in kept_during([never, ever], DAYS, ZONE)] == [(DAYS.start, DAYS.end)]


def test_a_minimum_does_not_end_before_it_begins() -> None:
    check_days(date(2026, 7, 1), date(2026, 7, 1))
    with pytest.raises(RuleBroken):
        check_days(date(2026, 7, 2), date(2026, 7, 1))


def test_what_the_agency_needs_itself_is_at_home_and_what_is_held_twice_is_away_once() -> None:
    needed = counted((at(0), at(4), 1, "blackout"))
    broken = counted((at(0), at(4), 1, "maintenance"), (at(1), at(2), 1, "loan"))
    late = counted((at(3), None, 1, "overdue"))
    assert away([needed], DAYS) == []
    assert {quantity for _, _, quantity in away([broken], DAYS)} == {1}
    assert away([late], DAYS) == [(at(3), DAYS.end, 1)]


def test_the_first_time_at_which_too_few_are_at_home_is_named_with_its_minimum() -> None:
    gone, home = counted((at(2), at(5), 1, "loan")), counted()
    assert first_short([gone, home], throughout(1), DAYS) is None
    short = first_short([gone, home], throughout(2), DAYS)
    assert short is not None
    assert (short[0], short[1].minimum.quantity) == ((at(2), at(5)), 2)
    later = Window(start=at(5), end=at(7))
    assert first_short([gone, home], throughout(2), later) is None


hour = st.integers(0, HOURS)
hold = st.tuples(hour, hour, st.integers(1, 3), st.sampled_from(["loan", "maintenance", "blackout"])).map(
    lambda drawn: (at(min(drawn[:2])), at(max(drawn[:2]) + 1), drawn[2], drawn[3])
)
fleet = st.lists(
    st.builds(Counted, id=st.builds(new_id), capacity=st.integers(1, 4), holds=st.lists(hold, max_size=3).map(tuple)),
    min_size=1,
    max_size=4,
)


@given(fleet, st.integers(0, 6), st.integers(1, 3))
def test_as_much_can_be_lent_as_would_not_be_refused(assets: list[Counted], needed: int, wanted: int) -> None:
    """Counted hour by hour: what is kept back of an asset leaves just what a loan may take."""
    kept, mine = throughout(needed), assets[0]
    back = kept_back(mine.id, [reserve_in(DAYS, kept, assets)], DAYS)
    for n in range(HOURS):
        here = Window(start=at(n), end=at(n + 1))
        left = mine.capacity - level([*mine.holds, *back], n)
        if level(mine.holds, n) + wanted > mine.capacity:
            continue  # refused since it is not free at all
        lent = Counted(id=mine.id, capacity=mine.capacity, holds=(*mine.holds, (at(n), at(n + 1), wanted, "loan")))
        refused = first_short([lent, *assets[1:]], kept, here) is not None
        assert refused == (left < wanted)


def level(holds: list[KindHold] | tuple[KindHold, ...], n: int) -> int:
    return sum(quantity for start, end, quantity, _ in holds if start <= at(n) and (end is None or at(n) < end))


def test_of_what_is_not_counted_nothing_is_kept_back() -> None:
    assert kept_back(UUID(int=1), [reserve_in(DAYS, throughout(1), [counted()])], DAYS) == []
    assert kept_back(UUID(int=1), [reserve_in(DAYS, [], [])], DAYS) == []


@given(fleet, st.integers(0, 6), st.integers(1, 3), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_several_at_once_fit_what_a_reserve_spares_where_lending_them_would_not_be_refused(
    assets: list[Counted], needed: int, wanted: int, ready: list[int]
) -> None:
    """Each needs its own time to be ready again, for which it is away as well."""
    kept, length = throughout(needed), 3
    shares = {
        each.id: Share(quantity=wanted, turnaround=timedelta(hours=ready[n])) for n, each in enumerate(assets[:3])
    }
    reserve = reserve_in(DAYS, kept, assets)
    for n in range(HOURS - length - max(ready) + 1):
        until = {each: n + length + ready[i] for i, each in enumerate(shares)}
        if any(
            level(each.holds, hour) + wanted > each.capacity
            for each in assets
            if each.id in shares
            for hour in range(n, until[each.id])
        ):
            continue  # refused since it is not free at all
        lent = [
            Counted(
                id=each.id, capacity=each.capacity, holds=(*each.holds, (at(n), at(until[each.id]), wanted, "loan"))
            )
            if each.id in shares
            else each
            for each in assets
        ]
        window = Window(start=at(n), end=at(max(until.values())))
        fits = all(each.fits((at(n), at(n + length))) for each in spare(reserve, shares))
        assert fits == (first_short(lent, kept, window) is None)


def test_of_several_minimums_that_count_an_asset_the_one_that_keeps_most_decides() -> None:
    fleet = counted(capacity=6)
    early = [Kept(stretch=(START, at(4)), minimum=minimum(5, date(2026, 1, 1)))]
    reserves = [reserve_in(DAYS, kept, [fleet]) for kept in (early, throughout(3))]
    back = kept_back(fleet.id, reserves, DAYS)
    assert [(start, end, quantity) for start, end, quantity, _ in back] == [
        (START, at(4), 5),
        (at(4), at(HOURS), 3),
    ]


def test_what_is_booked_by_the_week_is_kept_back_for_whole_weeks() -> None:
    """July 1st, 2026, is a Wednesday: its week began on Monday."""
    lab, monday = counted(capacity=4), START - timedelta(days=2)
    kept = [
        Kept(stretch=(at(hour), at(hour + 24)), minimum=minimum(quantity, date(2026, 1, 1)))
        for hour, quantity in ((0, 1), (24, 3), (24 * 6, 2))
    ]
    whole = Window(start=monday, end=monday + timedelta(days=21))
    back = kept_back(lab.id, [reserve_in(whole, kept, [lab])], whole, ZONE)
    assert [(start, end, quantity) for start, end, quantity, _ in back] == [
        (monday, monday + timedelta(days=7), 3),
        (monday + timedelta(days=7), monday + timedelta(days=14), 2),
    ]
    (needed,) = spare(reserve_in(whole, kept, [lab]), {lab.id: Share(quantity=2, weeks_in=ZONE)})
    assert [needed.free_quantity((monday + timedelta(days=day), at(24 * day))) for day in (0, 9, 16)] == [1, 2, 4]


def test_of_all_that_is_free_no_more_go_at_once_than_every_reserve_spares() -> None:
    dogs = [UUID(int=n) for n in range(4)]
    free = dict.fromkeys(dogs, 2)
    assert most_together(free, []) == 8
    assert most_together(free, [(dogs, 5), (dogs[:2], 1)]) == 5
    assert most_together(free, [(dogs, 5), (dogs[:2], 1), (dogs[2:], 1)]) == 2
    assert most_together(free, [([*dogs, UUID(int=9)], 0)]) == 0
    assert most_together({}, [(dogs, 5)]) == 0
