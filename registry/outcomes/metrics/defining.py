"""What a definition of a metric says, and how its counts are added up to a measure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.outcomes.metrics.facts import Unavailable


class MetricSource(StrEnum):
    """What a metric is counted from."""

    LINES = "lines"
    LOANS = "loans"
    DECISIONS = "decisions"
    OBLIGATIONS = "obligations"
    AGREEMENTS = "agreements"
    CLAIMS = "claims"
    IMPROVEMENTS = "improvements"
    OBJECTIVES = "objectives"
    REVIEWS = "reviews"


class MetricKind(StrEnum):
    """How its counts are added up."""

    SHARE = "share"
    DURATION = "duration"
    COUNT = "count"
    SUM = "sum"
    RATIO = "ratio"


class MetricUnit(StrEnum):
    """What its value is a number of; `share` is a number from 0 to 1."""

    SHARE = "share"
    HOURS = "hours"
    DAYS = "days"
    INCIDENTS = "incidents"


class MetricDirection(StrEnum):
    """Which way is better; `middle` where an even balance is, `none` where the figure alone says neither."""

    HIGHER = "higher"
    LOWER = "lower"
    MIDDLE = "middle"
    NONE = "none"


class Span(Struct, kw_only=True, frozen=True):
    """What is counted: what falls into [start, end), as it stood at `as_of`, as it concerns the viewer's agency.

    The end is never after `as_of`.
    """

    start: datetime
    end: datetime
    as_of: datetime
    viewer: UUID


class Count(Struct, kw_only=True, frozen=True):
    """What one fact adds to a metric, and the instant by which it belongs to a period.

    `observed` is how long it took, in the unit of the metric; `parts` are further figures by code; what has the same
    `once` counts once. `not_before` is the deadline of what is still to be done: it counts only once that is over.
    """

    at: datetime
    numerator: float = 0
    denominator: float = 0
    observed: float | None = None
    parts: tuple[tuple[str, float], ...] = ()
    once: str | None = None
    not_before: datetime | None = None
    n: int = 1


OfOne: TypeAlias = Callable[[Any, Span], Count | None]
OfAll: TypeAlias = Callable[[Sequence[Any], Unavailable, Span], Iterable[Count]]


class Definition(Struct, kw_only=True, frozen=True):
    """A metric: what it means, and how one fact counts (`of_one`), or all of a period together (`of_all`).

    One with neither is counted from what the registry does not keep yet: `missing` says what. With `at_the_end` it
    says how things stand at the end of a period; else each fact has an instant of its own.
    """

    key: str
    name: str
    numerator: str
    denominator: str
    clock: str
    exclusions: str
    source: MetricSource
    unit: MetricUnit
    direction: MetricDirection
    kind: MetricKind
    parts: str = ""
    target: float | None = None
    basis: str
    of_one: OfOne | None = None
    of_all: OfAll | None = None
    at_the_end: bool = False
    missing: str | None = None

    @property
    def is_counted(self) -> bool:
        """Whether the registry keeps what it is counted from."""
        return self.missing is None


FEW: Final = 20
"""Below so many observations an answer warns of it."""
HOUR_SECONDS: Final = 3600.0
DAY_SECONDS: Final = 86400.0


def hours_between(start: datetime, end: datetime) -> float:
    """How long, in hours; nothing where the end lies before the start."""
    return max((end - start).total_seconds(), 0.0) / HOUR_SECONDS


def days_between(start: datetime, end: datetime) -> float:
    """How long, in days of 24 hours; nothing where the end lies before the start."""
    return max((end - start).total_seconds(), 0.0) / DAY_SECONDS
