"""Holidays by their names, and on which day of a year each is."""

from collections.abc import Callable
from datetime import date, timedelta


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + ((weekday - first.weekday()) % 7 + 7 * (n - 1)) * timedelta(days=1)


HOLIDAYS: dict[tuple[str, ...], Callable[[int], date]] = {
    ("christmas", "eve"): lambda y: date(y, 12, 24),
    ("christmas", "day"): lambda y: date(y, 12, 25),
    ("christmas",): lambda y: date(y, 12, 25),
    ("new", "years", "eve"): lambda y: date(y, 12, 31),
    ("new", "years", "day"): lambda y: date(y, 1, 1),
    ("new", "years"): lambda y: date(y, 1, 1),
    ("xmas",): lambda y: date(y, 12, 25),
    ("nye",): lambda y: date(y, 12, 31),
    ("halloween",): lambda y: date(y, 10, 31),
    ("thanksgiving",): lambda y: _nth(y, 11, 3, 4),
    ("mlk", "day"): lambda y: _nth(y, 1, 0, 3),
    ("presidents", "day"): lambda y: _nth(y, 2, 0, 3),
    ("columbus", "day"): lambda y: _nth(y, 10, 0, 2),
    ("labor", "day"): lambda y: _nth(y, 9, 0, 1),
    ("memorial", "day"): lambda y: date(y, 5, 31) - date(y, 5, 31).weekday() * timedelta(days=1),
    ("independence", "day"): lambda y: date(y, 7, 4),
    ("veterans", "day"): lambda y: date(y, 11, 11),
    ("juneteenth",): lambda y: date(y, 6, 19),
}
