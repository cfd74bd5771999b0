"""Time from asking to arrival."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
    hours_between,
)
from registry.outcomes.metrics.facts import LineFact


def _count(line: LineFact, span: Span) -> Count | None:
    if not line.is_wanted or line.disputed:
        return None
    arrived = line.arrived_at
    hours = None if arrived is None else hours_between(line.submitted_at, arrived)
    return Count(at=line.submitted_at, numerator=arrived is not None, denominator=1, observed=hours)


DEFINITION = Definition(
    key="time_to_fulfil",
    name="Time to fulfil",
    numerator="Lines of which the asset arrived on scene.",
    denominator="Lines asked.",
    clock="From asking for the line to the arrival; it belongs to the period in which it was asked.",
    exclusions="Lines that were withdrawn before any decision. Lines whose time of arrival is contested.",
    source=MetricSource.LINES,
    unit=MetricUnit.HOURS,
    direction=MetricDirection.LOWER,
    kind=MetricKind.DURATION,
    basis="EDXL-RM 1.0: ActualArrival and SentDateTime of RequestResource.",
    of_one=_count,
)
