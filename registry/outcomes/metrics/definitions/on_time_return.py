"""Of what was due back, how much came back by then."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import LoanFact


def _count(loan: LoanFact, span: Span) -> Count | None:
    if not loan.was_out or loan.other_returned_at is not None:
        return None
    not_before = loan.due_at if loan.returned_at is None else None
    return Count(at=loan.fell_due_at, numerator=loan.is_on_time, denominator=1, not_before=not_before)


DEFINITION = Definition(
    key="on_time_return",
    name="On-time return",
    numerator="Loans back by the return agreed then, or by the hour of a recall before that.",
    denominator="Loans due, or back before that.",
    clock="When it was due, by what was agreed when it came back, or when it was back before that.",
    exclusions=(
        "Loans that were cancelled or not begun. Loans whose time of return is contested. Loans that are still out and "
        "not due yet. What is overdue or lost counts as late."
    ),
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="EDXL-RM 1.0: ActualReturnArrival against EstimatedReturnArrival, or the last accepted extension.",
    of_one=_count,
)
