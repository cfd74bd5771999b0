"""Rules about reserve minimums: which one holds when, and how much of an asset it leaves for loans."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import LATEST, Window, civil_day, day_starts_at, on_calendar
from registry.resources.allocations.occupancy import Hold, KindHold, Stretch, first_conflict, intervals, levels
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


def kept_back(asset_id: UUID, assets: Sequence[Counted], kept: Iterable[Kept], window: Window) -> list[KindHold]:
    """How many of one of the assets cannot be lent, and when, since a minimum keeps them.

    That is what is free of it beyond what the agency can spare of all that the minimum counts.
    """
    mine = next((each for each in assets if each.id == asset_id), None)
    needed = [each.hold for each in kept]
    if mine is None or not needed:
        return []
    whole = (window.start, window.end)
    total = sum(asset.capacity for asset in assets)
    held = dict(levels([hold[:3] for hold in mine.holds], whole))
    bound = dict(levels([*away(assets, window), *needed], whole))
    instants = sorted({*held, *bound})
    found: list[KindHold] = []
    here = there = 0
    for start, end in zip(instants, [*instants[1:], window.end], strict=True):
        here, there = held.get(start, here), bound.get(start, there)
        free, spare = max(mine.capacity - here, 0), max(total - there, 0)
        if free > spare:
            found.append((*_stretch(start, end), free - spare, KEPT_BACK))
    return found


def _stretch(start: datetime, end: datetime) -> Stretch:
    """From one instant to another, or without end where that is the last that the registry knows."""
    return start, None if end >= LATEST else end
