"""When somebody is told: a pure function of what the person chose, of when it was last looked, and of now.

Times of the day are what the clocks show where the person is. When clocks go back over a time, the first of the two
counts; an hour that is skipped is counted on from before the change, as calendars do (RFC 5545, 3.3.5).
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import civil_day, instant_on_clock, minute_of_day

LOOK_EVERY: Final = timedelta(minutes=2)
"""How often it is looked whether something newly waits for whoever wants to be told at once."""
DUE_AHEAD: Final = timedelta(days=30)
"""How far ahead a digest lists what falls due under agreements."""
_DAY: Final = timedelta(days=1)


class Rhythm(StrEnum):
    """How often somebody is told."""

    NONE = "none"
    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"


class Weekday(StrEnum):
    """The day of a weekly digest, in the order of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


_WEEK: Final = tuple(Weekday)


class Choices(Struct, kw_only=True, frozen=True):
    """What a person chose. Times are minutes of the day; quiet hours whose end is less go over midnight.

    Both ends of the quiet hours are there, or neither.
    """

    rhythm: Rhythm
    digest_at: int
    digest_on: Weekday
    quiet_from: int | None
    quiet_to: int | None
    time_zone: str


def check_quiet(quiet_from: int | None, quiet_to: int | None) -> None:
    """Raises RuleBroken for quiet hours with one end, or that never end."""
    if (quiet_from is None) != (quiet_to is None):
        raise RuleBroken("Give both ends of the quiet hours, or null for both.", "quiet_hours_open")
    if quiet_from is not None and quiet_from == quiet_to:
        raise RuleBroken.at(
            "Quiet hours that end when they begin would last for ever: choose the rhythm `none` for that.",
            "quiet_hours_empty",
            "the same as quiet_from",
            pointer="/quiet_to",
        )


def is_quiet(choices: Choices, at: datetime) -> bool:
    """Whether nothing is to be sent to the person at that instant."""
    if choices.quiet_from is None or choices.quiet_to is None:
        return False
    minute = minute_of_day(at, choices.time_zone)
    if choices.quiet_from < choices.quiet_to:
        return choices.quiet_from <= minute < choices.quiet_to
    return minute >= choices.quiet_from or minute < choices.quiet_to


def after_quiet(choices: Choices, at: datetime) -> datetime:
    """The first instant from `at` on that is not quiet."""
    if not is_quiet(choices, at) or choices.quiet_to is None:
        return at
    day, zone, ends = civil_day(at, choices.time_zone), ZoneInfo(choices.time_zone), _time(choices.quiet_to)
    candidates = (
        instant_on_clock(datetime.combine(day + ahead * _DAY, ends), zone, last=last)
        for ahead in range(4)
        for last in (False, True)
    )
    return next(each for each in candidates if each > at and not is_quiet(choices, each))


def next_look(choices: Choices, looked_at: datetime) -> datetime | None:
    """When it is next looked whether there is something to tell; None for whoever wants to be told nothing."""
    match choices.rhythm:
        case Rhythm.NONE:
            return None
        case Rhythm.AT_ONCE:
            return after_quiet(choices, looked_at + LOOK_EVERY)
        case _:
            return next(each for each in _digests(choices, looked_at) if each > looked_at)


def is_due(choices: Choices, looked_at: datetime, now: datetime) -> bool:
    """Whether it is time to look, when it was last looked then."""
    at = next_look(choices, looked_at)
    return at is not None and at <= now


def _digests(choices: Choices, after: datetime) -> Iterator[datetime]:
    """The instants of digests in their order, from before `after` on: one a day or a week, put off by quiet hours."""
    zone, at = ZoneInfo(choices.time_zone), _time(choices.digest_at)
    day = civil_day(after, choices.time_zone) - 8 * _DAY
    for ahead in range(32):
        this = day + ahead * _DAY
        if choices.rhythm is Rhythm.DAILY or _WEEK[this.weekday()] is choices.digest_on:
            yield after_quiet(choices, instant_on_clock(datetime.combine(this, at), zone))


def _time(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


class Delivery(StrEnum):
    """Whether a person is told, or what stands in the way."""

    ON = "on"
    FAILING = "failing"
    NO_ADDRESS = "no_address"
    NONE = "none"
    OFF = "off"


def delivery(rhythm: Rhythm, *, sends: bool, has_address: bool, fails: bool) -> Delivery:
    """What is told to the person first: what nobody but the operator can mend, then what the person can."""
    if not sends:
        return Delivery.OFF
    if rhythm is Rhythm.NONE:
        return Delivery.NONE
    if not has_address:
        return Delivery.NO_ADDRESS
    return Delivery.FAILING if fails else Delivery.ON


def offers(*, sends: bool, code_awaited: bool, any_address: bool) -> list[AllowedAction]:
    """The actions beside the change of choices."""
    off = None if sends else "This registry sends no mail: its operator has named no mail server."
    return [
        offer("give_address", withheld=off),
        offer("confirm_address", withheld=None if code_awaited else "No code is waited for."),
        offer("forget_address", withheld=None if any_address else "There is no address of yours."),
    ]
