"""Of what was asked for, how much arrived."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import LineFact


def _count(line: LineFact, span: Span) -> Count | None:
    if not line.is_wanted:
        return None
    return Count(at=line.submitted_at, numerator=line.arrived_at is not None, denominator=1)


DEFINITION = Definition(
    key="line_fill_rate",
    name="Line fill rate",
    numerator="Lines of which the asset arrived on scene.",
    denominator="Lines asked.",
    clock="When the line was asked.",
    exclusions=(
        "Lines that were withdrawn before any decision. A need counts, for who asked, by what was offered for it and "
        "decided, or once where nothing was; for each agency that was asked, by its own line."
    ),
    source=MetricSource.LINES,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="EDXL-RM 1.0: ActualArrival against RequestResource.",
    of_one=_count,
)
