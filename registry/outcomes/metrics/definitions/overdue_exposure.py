"""How long things have been overdue that are still out."""

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
from registry.outcomes.metrics.facts import LoanFact


def _count(loan: LoanFact, span: Span) -> Count | None:
    at = span.end
    if loan.due_at >= at or not loan.still_out(at):
        return None
    return Count(at=at, numerator=hours_between(loan.due_at, at) * loan.still_out(at))


DEFINITION = Definition(
    key="overdue_exposure",
    name="Overdue exposure",
    numerator="Hours overdue of each piece that is still out at the end of the period.",
    denominator="None.",
    clock="At the end of the period.",
    exclusions="Loans that were cancelled or not begun. Pieces that are back or reported lost.",
    source=MetricSource.LOANS,
    unit=MetricUnit.HOURS,
    direction=MetricDirection.LOWER,
    kind=MetricKind.SUM,
    target=0,
    basis="Days past due, as fleets count them.",
    of_one=_count,
    at_the_end=True,
)
