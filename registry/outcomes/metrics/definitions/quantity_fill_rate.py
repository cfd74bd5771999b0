"""Of how many were asked for, how many arrived."""

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
    arrived = min(line.arrived_quantity, line.quantity)
    return Count(at=line.submitted_at, numerator=arrived, denominator=line.quantity)


DEFINITION = Definition(
    key="quantity_fill_rate",
    name="Quantity fill rate",
    numerator="Pieces that arrived, of each line no more than it asked for.",
    denominator="Pieces asked for.",
    clock="When the line was asked.",
    exclusions=(
        "Lines that were withdrawn before any decision. A need counts, for who asked, by what was offered for it and "
        "decided, or once where nothing was; for each agency that was asked, by its own line."
    ),
    source=MetricSource.LINES,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.RATIO,
    basis="EDXL-RM 1.0: Quantity of what was requested and delivered.",
    of_one=_count,
)
