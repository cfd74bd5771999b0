"""Counts added up to measures, each with its interval, and the change from one measure to another."""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from registry.outcomes.metrics.defining import FEW, Count, Definition, MetricKind, Span
from registry.outcomes.metrics.facts import Fact, Unavailable
from registry.outcomes.metrics.schemas.answers import MetricChange, MetricMeasure, MetricPart
from registry.outcomes.metrics.statistics import (
    Interval,
    count,
    count_change,
    quantile,
    quantile_change,
    share,
    share_change,
)


class Measured(Struct, kw_only=True, frozen=True):
    """A measure, with the observations by which it is compared to another one."""

    measure: MetricMeasure
    observed: tuple[float, ...] = ()


def counts(
    definition: Definition, facts: Sequence[Fact], unavailable: Unavailable, span: Span, windows: Sequence[Span]
) -> list[list[Count]]:
    """What the facts add to the metric in each of the windows, which lie within the span one behind the other."""
    if definition.of_all is not None:
        return [list(definition.of_all(facts, unavailable, window)) for window in windows]
    assert definition.of_one is not None
    if definition.at_the_end:
        return [
            [found for fact in facts if (found := definition.of_one(fact, window)) is not None] for window in windows
        ]
    sorted_out: list[list[Count]] = [[] for _ in windows]
    made = [found for fact in facts if (found := definition.of_one(fact, span)) is not None]
    made.sort(key=lambda each: each.at)
    place = 0
    for each in made:
        while place < len(windows) and each.at >= windows[place].end:
            place += 1
        if place < len(windows) and each.at >= windows[place].start:
            sorted_out[place].append(each)
    return sorted_out


def measured(definition: Definition, found: Iterable[Count]) -> Measured:
    """The measure of these counts."""
    found = list(found)
    numerator = sum(each.numerator for each in found)
    denominator = sum(each.denominator for each in found)
    n = sum(each.n for each in found)
    parts: Counter[str] = Counter()
    for each in found:
        for code, amount in each.parts:
            parts[code] += amount  # type: ignore[assignment]  # hours are added up as well
    listed = [MetricPart(code=code, amount=amount) for code, amount in sorted(parts.items())]
    match definition.kind:
        case MetricKind.SHARE:
            of = share(round(numerator), round(denominator))
            return Measured(
                measure=_measure(of.value, of.low, of.high, numerator, denominator, round(denominator), listed)
            )
        case MetricKind.DURATION:
            observed = tuple(sorted(each.observed for each in found if each.observed is not None))
            median, p90 = quantile(observed, 50), quantile(observed, 90)
            made = _measure(
                median.value, median.low, median.high, numerator, denominator, len(observed), listed, p90=p90
            )
            return Measured(measure=made, observed=observed)
        case MetricKind.COUNT:
            once = len({each.once for each in found})
            of_events = count(once)
            return Measured(measure=_measure(once, of_events.low, of_events.high, once, None, n, listed))
        case MetricKind.SUM:
            return Measured(measure=_measure(numerator if n else None, None, None, numerator, None, n, listed))
        case MetricKind.RATIO:
            value = numerator / denominator if denominator else None
            return Measured(measure=_measure(value, None, None, numerator, denominator, n, listed))


def change(definition: Definition, now: Measured, before: Measured) -> MetricChange | None:
    """The difference between two measures, with its interval; None where none can be given."""
    this, that = now.measure, before.measure
    found: Interval | None = None
    match definition.kind:
        case MetricKind.SHARE:
            found = share_change(
                share(round(this.numerator), round(this.denominator or 0)),
                share(round(that.numerator), round(that.denominator or 0)),
            )
        case MetricKind.DURATION:
            found = quantile_change(now.observed, before.observed, 50)
        case MetricKind.COUNT:
            found = count_change(round(this.numerator), round(that.numerator))
        case MetricKind.SUM | MetricKind.RATIO:
            pass  # neither hours nor pieces are independent trials
    return None if found is None else MetricChange(difference=found.value, low=found.low, high=found.high)


def _measure(
    value: float | None,
    low: float | None,
    high: float | None,
    numerator: float,
    denominator: float | None,
    n: int,
    parts: list[MetricPart],
    *,
    p90: object = None,
) -> MetricMeasure:
    return MetricMeasure(
        numerator=numerator,
        denominator=denominator,
        n=n,
        value=value,
        low=low,
        high=high,
        p90=p90,  # type: ignore[arg-type]  # a percentile, or none
        parts=parts,
        few=n < FEW,
    )
