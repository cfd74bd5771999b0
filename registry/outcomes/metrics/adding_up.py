"""What a fact adds to which sums of a day: counts in millionths, so that sums do not depend on their order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from registry.outcomes.metrics.defining import Count, Definition, MetricDirection, MetricSource, Span
from registry.outcomes.metrics.definitions import DEFINITIONS
from registry.outcomes.metrics.facts import DecisionFact, LineFact, LoanFact, ObligationFact
from registry.outcomes.metrics.statistics import bucket_of
from registry.platform.kernel.time import EARLIEST, LATEST, civil_day

MILLIONTHS: Final = 1_000_000
NOWHERE: Final = UUID(int=0)
"""In place of an agreement, or an agency, where there is none."""
OBSERVED: Final = "observed"
"""The `part` under which the buckets of durations stand."""
ONCE: Final = "once "
"""What the `part` of a thing that counts once begins with."""
UNDUE: Final = "not before "
"""What the `part` of a thing begins with that is still to be done and counts once its deadline is over: that follows,
as `undue` writes it."""

Key: TypeAlias = tuple[str, date, UUID, UUID, UUID, str, str, str, int]
"""Metric, day, agreement, requesting and assisting agency, category, purpose, part, bucket: a row of `metric_day`."""
Sums: TypeAlias = dict[Key, tuple[int, int, int]]
"""Numerator, denominator and n by row."""

PeriodKey: TypeAlias = tuple[UUID, str, date, str, str, int]
"""Agency, grain, first day, metric, part, bucket: a row of `metric_period`."""
PeriodSums: TypeAlias = dict[PeriodKey, tuple[int, int, int]]

Added: TypeAlias = LineFact | LoanFact | ObligationFact | DecisionFact

_OF: Final = {
    LineFact: MetricSource.LINES,
    LoanFact: MetricSource.LOANS,
    ObligationFact: MetricSource.OBLIGATIONS,
    DecisionFact: MetricSource.DECISIONS,
}


def adds_up(definition: Definition) -> bool:
    """Whether the metric of a longer time is made of those of its days."""
    return definition.of_one is not None and not definition.at_the_end and definition.source in _OF.values()


_ADDED: Final[Mapping[MetricSource, tuple[Definition, ...]]] = {
    source: tuple(each for each in DEFINITIONS.values() if each.source is source and adds_up(each))
    for source in _OF.values()
}


def undue(at: datetime) -> str:
    """The `part` of what is still to be done by that deadline: in the order of time, as texts."""
    return f"{UNDUE}{at.astimezone(UTC):%Y%m%d%H%M%S%f}"


def sums_of(facts: Iterable[Added]) -> Sums:
    """What the facts add to the sums, as the assisting agency counts them: what it gave is in the numerator."""
    found: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
    for fact in facts:
        sides = (fact.agreement_id, fact.requesting_agency_id, fact.assisting_agency_id)
        agreement, requesting, assisting = (each or NOWHERE for each in sides)
        span = Span(start=EARLIEST, end=LATEST, as_of=LATEST, viewer=assisting)
        of_both = (agreement, requesting, assisting, fact.category, fact.purpose)
        for definition in _ADDED[_OF[type(fact)]]:
            assert definition.of_one is not None
            count = definition.of_one(fact, span)
            if count is None:
                continue
            day = _day(count.at)
            for part, bucket, numerator, denominator, n in _rows(count):
                row = found[definition.key, day, *of_both, part, bucket]
                row[0] += round(numerator * MILLIONTHS)
                row[1] += round(denominator * MILLIONTHS)
                row[2] += n
    return {key: (row[0], row[1], row[2]) for key, row in found.items() if any(row)}


def _rows(count: Count) -> Iterator[tuple[str, int, float, float, int]]:
    """Part, bucket, numerator, denominator and n of each sum to which it adds."""
    part = "" if count.not_before is None else undue(count.not_before)
    yield part, 0, count.numerator, count.denominator, count.n
    if count.observed is not None:
        yield OBSERVED, bucket_of(count.observed), 0, 0, 1
    if count.once is not None:
        yield f"{ONCE}{count.once}", 0, 0, 0, 1
    for code, amount in count.parts:
        yield code, 0, amount, 0, 0


MIDDLE: Final = frozenset(key for key, each in DEFINITIONS.items() if each.direction is MetricDirection.MIDDLE)
"""Metrics of which the numerator is what the assisting agency gave: to the other one it is what it received."""


def received(metric: str, part: str) -> str:
    """What a further figure is to the other side: what one gave the other received."""
    return part.replace("_given", "_received") if metric in MIDDLE else part


def of_periods(days: Mapping[Key, Sequence[int]]) -> PeriodSums:
    """What sums by day come to by month and year for each of the two agencies, as it counts them."""
    found: defaultdict[PeriodKey, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (metric, day, _, requesting, assisting, _, _, part, bucket), (numerator, denominator, n) in days.items():
        theirs = 0 if metric in MIDDLE and not part else numerator
        sides = ((assisting, part, numerator), (requesting, received(metric, part), theirs))
        for agency, its_part, its_numerator in sides:
            if agency == NOWHERE:
                continue
            for grain, starts_on in (("month", day.replace(day=1)), ("year", day.replace(month=1, day=1))):
                row = found[agency, grain, starts_on, metric, its_part, bucket]
                row[0] += its_numerator
                row[1] += denominator
                row[2] += n
    return {key: (row[0], row[1], row[2]) for key, row in found.items() if any(row)}


_AnyKey = TypeVar("_AnyKey", Key, PeriodKey)


def difference(
    now: Mapping[_AnyKey, tuple[int, int, int]], before: Mapping[_AnyKey, tuple[int, int, int]]
) -> dict[_AnyKey, tuple[int, int, int]]:
    """What has to be added to the sums so that they hold `now` in place of `before`."""
    found: dict[_AnyKey, tuple[int, int, int]] = {}
    for key in now.keys() | before.keys():
        this, that = now.get(key, (0, 0, 0)), before.get(key, (0, 0, 0))
        if this != that:
            found[key] = (this[0] - that[0], this[1] - that[1], this[2] - that[2])
    return found


def _day(at: datetime) -> date:
    return civil_day(at.astimezone(UTC), "UTC")
