"""Rules about reserve minimums: which one holds when, and how much of an asset it leaves for loans."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import LATEST, Window, civil_day, day_starts_at, known_end, on_calendar
from registry.resources.allocations.occupancy import (
    Hold,
    KindHold,
    Occupancy,
    Stretch,
    first_conflict,
    intervals,
    levels,
)
from registry.resources.allocations.rules import whole_weeks
from registry.resources.rates.rules import rate_on


class MinimumStatus(StrEnum):
    """A minimum holds on its days, until it is withdrawn since it was a mistake. It stays on record."""

    SET = "set"
    WITHDRAWN = "withdrawn"


AT_HOME: Final = frozenset({"blackout"})
"""What holds an asset without taking it away: in a blackout its owner needs it itself."""
KEPT_BACK: Final = "reserve_minimum"
"""Why what is free of an asset cannot be lent, where a minimum keeps it; as its owner reads it."""
HELD_BACK: Final = "held_back"
"""The same as other agencies read it, which are not told of minimums."""


class Minimum(Struct, kw_only=True, frozen=True):
    """A minimum as it is recorded: so many, from a day on, up to and including another where it has one."""

    id: UUID
    category: str
    quantity: int
    effective_on: date
    expires_on: date | None
    reason: str


class Kept(Struct, kw_only=True, frozen=True):
    """A stretch of time throughout which one minimum holds."""

    stretch: Stretch
    minimum: Minimum

    @property
    def hold(self) -> Hold:
        """As many as the minimum keeps, as something that is held."""
        return (*self.stretch, self.minimum.quantity)


class Counted(Struct, kw_only=True, frozen=True):
    """An asset in service that a minimum counts, with what holds it."""

    id: UUID
    capacity: int
    holds: tuple[KindHold, ...] = ()


def check_days(effective_on: date, expires_on: date | None) -> None:
    """Raises RuleBroken for a minimum that ends before it begins."""
    if expires_on is not None and expires_on < effective_on:
        raise RuleBroken.at(
            "The last day of a minimum must not lie before its first.",
            "minimum_reversed",
            "before effective_on",
            pointer="/expires_on",
        )


def why_closed(status: MinimumStatus) -> str | None:
    """The reason why a minimum is not changed any more; None while it is set."""
    return "It was withdrawn: set another one." if status is MinimumStatus.WITHDRAWN else None


def check_set(status: MinimumStatus) -> None:
    """Raises WrongStatus for a minimum that was withdrawn."""
    if (reason := why_closed(status)) is not None:
        raise WrongStatus(reason)


def kept_during(minimums: Sequence[Minimum], window: Window, time_zone: str) -> list[Kept]:
    """The stretches of the window in which one of these minimums, all of one category, holds.

    Of those whose days include a day the one that took effect last holds: one for a season stands over the one that
    holds all year, which holds again after it. Days begin where the agency is.
    """
    ends = [each.expires_on for each in minimums if each.expires_on is not None]
    days = {each.effective_on for each in minimums if on_calendar(each.effective_on)}
    days |= {day + timedelta(days=1) for day in ends if on_calendar(day)}
    begins = {day_starts_at(day, ZoneInfo(time_zone)) for day in days}
    starts = [window.start, *sorted(at for at in begins if window.start < at < window.end)]
    found = []
    for start, end in zip(starts, [*starts[1:], window.end], strict=True):
        minimum = rate_on(minimums, civil_day(start, time_zone))
        if minimum is not None and minimum.quantity:
            found.append(Kept(stretch=_stretch(start, end), minimum=minimum))
    return found


def away(assets: Iterable[Counted], window: Window) -> list[Hold]:
    """What is not at home of these assets in the window, of each never more than there is.

    More may be held of an asset than there is: one that is lent although maintenance was planned is away once.
    """
    found: list[Hold] = []
    for each in assets:
        holds = [hold for hold in each.holds if hold[3] not in AT_HOME]
        found += [
            (*_stretch(part.start, part.end), each.capacity - part.free_quantity)
            for part in intervals(each.capacity, holds, (window.start, window.end))
            if part.free_quantity < each.capacity
        ]
    return found


def first_short(assets: Sequence[Counted], kept: Iterable[Kept], window: Window) -> tuple[Stretch, Kept] | None:
    """The first stretch of the window in which fewer are at home than a minimum keeps, and that minimum.

    `assets` are all that it counts. None where enough are at home throughout.
    """
    total, gone = sum(asset.capacity for asset in assets), away(assets, window)
    for each in kept:
        start, end = each.stretch
        short = first_conflict(total, gone, (max(window.start, start), min(window.end, end or LATEST)), each.hold[2])
        if short is not None:
            return short, each
    return None


class Reserve(Struct, kw_only=True, frozen=True):
    """What an agency keeps of one category in a window, and the assets of which it keeps that."""

    kept: Sequence[Kept]
    assets: Sequence[Counted]
    gone: Sequence[Hold]
    """What of the assets is not at home in that window."""


def reserve_in(window: Window, kept: Sequence[Kept], assets: Sequence[Counted]) -> Reserve:
    """What is kept in the window of these assets, which are all that a minimum counts."""
    return Reserve(kept=kept, assets=assets, gone=away(assets, window))


class Share(Struct, kw_only=True, frozen=True):
    """What is wanted of one asset: how many, and by what rule they are held."""

    quantity: int
    turnaround: timedelta = timedelta(0)
    weeks_in: str | None = None


def spare(reserve: Reserve, wanted: Mapping[UUID, Share]) -> list[Occupancy]:
    """What has to be free of all that a reserve counts, so that what is wanted can be lent at once and enough stays.

    One for each time until which some of it is needed: what is ready again sooner is at home sooner. Empty where
    nothing is wanted of what the reserve counts.
    """
    of = [wanted[each.id] for each in reserve.assets if each.id in wanted]
    kept: list[Hold] = [each.hold for each in reserve.kept]
    if (weeks_in := next((each.weeks_in for each in of if each.weeks_in is not None), None)) is not None:
        kept = largest([(*_weeks_touched(each[:2], weeks_in), each[2]) for each in kept])
    holds = [*reserve.gone, *kept]
    return [
        Occupancy(
            quantity=sum(each.quantity for each in of if each.turnaround >= turnaround),
            capacity=sum(each.capacity for each in reserve.assets),
            in_service=True,
            turnaround=turnaround,
            holds=holds,
        )
        for turnaround in sorted({each.turnaround for each in of})
    ]


def most_together(free: Mapping[UUID, int], bounds: Iterable[tuple[Collection[UUID], int]]) -> int:
    """How many of all these can be lent at once, of each no more than is free of it, and of each set than its bound.

    Sets are of categories, so that of two either one lies within the other or they have nothing in common: what the
    smaller one leaves is counted in the larger.
    """
    left = dict(free)
    for ids, bound in sorted(bounds, key=lambda each: len(each[0])):
        over = sum(left.get(each, 0) for each in ids) - bound
        for each in ids:
            taken = min(left.get(each, 0), max(over, 0))
            if taken:
                left[each] -= taken
                over -= taken
    return sum(left.values())


def kept_back(
    asset_id: UUID, reserves: Iterable[Reserve], window: Window, weeks_in: str | None = None
) -> list[KindHold]:
    """How many of one of the assets cannot be lent, and when, since minimums keep them.

    That is what is free of it beyond what the agency can spare of all that a minimum counts; of several minimums the
    one that keeps most decides. What is booked by the week is kept back for whole weeks.
    """
    found = [hold for each in reserves for hold in _kept_back_by(each, asset_id, window)]
    if weeks_in is not None:
        found = [(*_weeks_touched(hold[:2], weeks_in), hold[2]) for hold in found]
    return [(*hold, KEPT_BACK) for hold in largest(found)]


def largest(holds: Iterable[Hold]) -> list[Hold]:
    """The same stretches without overlaps: where several are, the largest quantity of them."""
    changes: dict[datetime, list[tuple[int, int]]] = {}
    for start, end, quantity in holds:
        changes.setdefault(start, []).append((quantity, 1))
        changes.setdefault(end or LATEST, []).append((quantity, -1))
    instants, here, found = sorted(changes), Counter[int](), list[Hold]()
    for at, until in pairwise(instants):
        for quantity, more in changes[at]:
            here[quantity] += more
        most = max((quantity for quantity, number in here.items() if number), default=0)
        if most and found and found[-1][1] == at and found[-1][2] == most:
            found[-1] = (found[-1][0], _stretch(at, until)[1], most)
        elif most:
            found.append((*_stretch(at, until), most))
    return found


def _weeks_touched(stretch: Stretch, weeks_in: str) -> Stretch:
    weeks = whole_weeks(Window(start=stretch[0], end=stretch[1] or LATEST), weeks_in)
    return _stretch(weeks.start, weeks.end)


def _kept_back_by(reserve: Reserve, asset_id: UUID, window: Window) -> list[Hold]:
    assets = reserve.assets
    mine = next((each for each in assets if each.id == asset_id), None)
    needed = [each.hold for each in reserve.kept]
    if mine is None or not needed:
        return []
    whole = (window.start, window.end)
    total = sum(asset.capacity for asset in assets)
    held = dict(levels([hold[:3] for hold in mine.holds], whole))
    bound = dict(levels([*reserve.gone, *needed], whole))
    instants = sorted({*held, *bound})
    found: list[Hold] = []
    here = there = 0
    for start, end in zip(instants, [*instants[1:], window.end], strict=True):
        here, there = held.get(start, here), bound.get(start, there)
        free, left = max(mine.capacity - here, 0), max(total - there, 0)
        if free > left:
            found.append((*_stretch(start, end), free - left))
    return found


def _stretch(start: datetime, end: datetime) -> Stretch:
    """From one instant to another, or without end where that is the last that the registry knows."""
    return start, known_end(end)
