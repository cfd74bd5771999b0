"""Kinds and statuses of an allocation, and the proof that an asset is locked for booking."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.kernel.time import (
    EARLIEST,
    LATEST,
    Window,
    civil_day,
    day_starts_at,
    last_day_before,
    on_calendar,
)
from registry.resources.allocations.occupancy import Hold, Occupancy, conflicts, first_common_fit, free_quantity


class AllocationStatus(StrEnum):
    """`held`: reserved for its window. `out`: handed over, and held until it is back. `released`: holds nothing."""

    HELD = "held"
    OUT = "out"
    RELEASED = "released"


class AllocationKind(StrEnum):
    """What an asset, or a quantity of it, is held for: a loan, or something for which it cannot be had."""

    LOAN = "loan"
    MAINTENANCE = "maintenance"
    BLACKOUT = "blackout"
    OTHER = "other"
    DAMAGE = "damage"
    TURNAROUND = "turnaround"
    USED = "used"


class UnavailabilityStatus(StrEnum):
    """Where a time stands in which an asset cannot be had for other reasons than a loan."""

    UPCOMING = "upcoming"
    CURRENT = "current"
    OVER = "over"


class Assessment(StrEnum):
    """The owner's word about what came back damaged."""

    FIT = "fit"
    OUT_OF_SERVICE = "out_of_service"


def unavailability_status(
    starts_at: datetime, ends_at: datetime, released_at: datetime | None, now: datetime
) -> UnavailabilityStatus:
    """Where a time stands at `now`: it is over when it was ended before, too."""
    if released_at is not None or ends_at <= now:
        return UnavailabilityStatus.OVER
    return UnavailabilityStatus.CURRENT if starts_at <= now else UnavailabilityStatus.UPCOMING


_DAYS_OF_A_WEEK = 7


def whole_weeks(window: Window, time_zone: str) -> Window:
    """The ISO weeks, from Monday to Monday where the agency is, that a window touches."""
    first, last = civil_day(window.start, time_zone), last_day_before(window.end, time_zone)
    start = first - timedelta(days=first.weekday())
    end = last + timedelta(days=_DAYS_OF_A_WEEK - last.weekday())
    zone = ZoneInfo(time_zone)
    return Window(
        start=day_starts_at(start, zone) if on_calendar(start) else EARLIEST,
        end=day_starts_at(end, zone) if on_calendar(end) else LATEST,
    )


def weeks_of(window: Window, time_zone: str) -> Iterator[Window]:
    """Each of the weeks of `whole_weeks`, in order."""
    start, last = window.start, whole_weeks(window, time_zone).end
    while True:
        week = whole_weeks(Window(start=start, end=start + timedelta(microseconds=1)), time_zone)
        yield week
        if week.end >= last:
            return
        start = week.end


def slots_short(
    capacity: int, holds: Sequence[Hold], window: Window, time_zone: str, quantity: int
) -> list[tuple[str, int]]:
    """The ISO weeks of the window in which a laboratory has fewer slots free than so many, with how many it has."""
    found = []
    for week in weeks_of(window, time_zone):
        left = max(free_quantity(capacity, holds, (week.start, week.end)), 0)
        if left < quantity:
            year, number, _ = civil_day(week.start, time_zone).isocalendar()
            found.append((f"{year}-W{number:02}", left))
    return found


def held_for(window: Window, weeks_in: str | None) -> Window:
    """What is held for a window: the window itself, or, of a laboratory in that zone, the weeks that it touches."""
    return window if weeks_in is None else whole_weeks(window, weeks_in)


def needed_for(window: Window, turnaround: timedelta, weeks_in: str | None) -> Window:
    """The window for which a loan needs an asset: until it is ready again."""
    held = held_for(window, weeks_in)
    return Window(start=held.start, end=min(held.end + turnaround, LATEST))


class Stock(Struct, kw_only=True, frozen=True):
    """How an asset is booked: as many as there are, in which weeks, and until it is ready again."""

    id: UUID
    capacity: int
    in_service: bool
    turnaround: timedelta = timedelta(0)
    weeks_in: str | None = None
    """The time zone of a laboratory, whose capacity is the slots of a week; None for what is booked by the hour."""
    has_minimums: bool = False
    """Whether its agency keeps some of its category, or of one above, at home."""

    def held(self, window: Window) -> Window:
        """What is held for a window, see `held_for`."""
        return held_for(window, self.weeks_in)

    def with_turnaround(self, window: Window) -> Window:
        """The window for which a loan needs the asset: until it is ready again."""
        return needed_for(window, self.turnaround, self.weeks_in)

    def blocks_from(self, starts_at: datetime) -> datetime:
        """From when on a loan would have to end, so that the asset is ready again at `starts_at`."""
        return starts_at - self.turnaround


class Bookable(Stock, kw_only=True, frozen=True):
    """An asset whose row is locked until the end of the transaction, so that nobody else edits or books it.

    Functions that book require one, and only the lock creates one, so that nothing is booked without the lock.
    """


_HELD_FOR: Final = {
    AllocationKind.DAMAGE: "It is damaged: its agency has to say that it is fit.",
    AllocationKind.MAINTENANCE: "It is in maintenance for part of that time.",
    AllocationKind.BLACKOUT: "Its agency keeps it back for part of that time.",
    AllocationKind.OTHER: "It cannot be had for part of that time.",
    AllocationKind.TURNAROUND: "It is not ready again after a loan for part of that time.",
    AllocationKind.USED: "It is used up for part of that time.",
}


def why_held(kinds: Iterable[str]) -> str:
    """Why too little of an asset is free, by what else than loans holds some of it then; where nothing does, loans do.

    Who is refused reads the kind, and no words of its owner.
    """
    found = {AllocationKind(kind) for kind in kinds}
    why = [words for kind, words in _HELD_FOR.items() if kind in found]
    return " ".join(why) or "The asset is committed for part of that time."


def why_too_few(there: int, promised: int) -> str:
    """How many there are, and how many were promised, for both sides to read."""
    return f"Only {there} {'is' if there == 1 else 'are'} there, and {promised} are promised for that time."


class LockedPerson(Struct, kw_only=True, frozen=True):
    """A personnel record whose row is locked until the end of the transaction, as `Bookable` is for an asset."""

    id: UUID
    agency_id: UUID
    active: bool


def assigned(choices: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, UUID]:
    """Somebody for each asset out of those who can go with it, nobody twice, and for as many assets as can be.

    Whoever is wanted for another asset gives way where somebody else can go instead (augmenting paths, after Kuhn).
    """
    goes_with: dict[UUID, UUID] = {}

    def found_for(asset_id: UUID, asked: set[UUID]) -> bool:
        for person in choices[asset_id]:
            if person not in asked:
                asked.add(person)
                if person not in goes_with or found_for(goes_with[person], asked):
                    goes_with[person] = asset_id
                    return True
        return False

    for asset_id in choices:
        found_for(asset_id, set())
    return {asset_id: person for person, asset_id in goes_with.items()}


Teams: TypeAlias = Mapping[UUID, Mapping[UUID, Sequence[Hold]]]
"""Who can go with each asset that nobody is lent without, and when each of these people is held."""


def without_anybody(teams: Teams, window: tuple[datetime, datetime]) -> set[UUID]:
    """Those of the assets with which nobody can go throughout the window, since one person goes with one asset only."""
    free = {
        asset_id: [person for person, holds in people.items() if not any(conflicts(1, holds, window, 1))]
        for asset_id, people in teams.items()
    }
    return free.keys() - assigned(free).keys()


def first_time_together(
    needed: Sequence[Occupancy], teams: Teams, opens: datetime, length: timedelta
) -> datetime | None:
    """The earliest instant from which all is free for the whole `length`, and with each team somebody to go.

    Where people are the reason, only the end of something that holds one of them can help.
    """
    ends = sorted({end for people in teams.values() for holds in people.values() for _, end, _ in holds if end})
    at = first_common_fit(needed, opens, length)
    while at is not None and without_anybody(teams, (at, at + length)):
        next_end = next((end for end in ends if end > at), None)
        at = None if next_end is None else first_common_fit(needed, next_end, length)
    return at
