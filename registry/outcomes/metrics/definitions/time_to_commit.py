"""Time to commit, from asking on."""

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
    if not line.is_wanted:
        return None
    settled = line.reserved_at
    hours = None if settled is None else hours_between(line.submitted_at, settled)
    return Count(at=line.submitted_at, numerator=settled is not None, denominator=1, observed=hours)


DEFINITION = Definition(
    key="time_to_commit",
    name="Time to commit",
    numerator="Lines for which something was reserved.",
    denominator="Lines asked.",
    clock="From asking for the line; it belongs to the period in which it was asked.",
    exclusions=(
        "Lines that were withdrawn before any decision. What was given by word and asked for here later took no time."
    ),
    source=MetricSource.LINES,
    unit=MetricUnit.HOURS,
    direction=MetricDirection.LOWER,
    kind=MetricKind.DURATION,
    basis="EDXL-RM 1.0: SentDateTime of CommitResource and of RequestResource.",
    of_one=_count,
)
