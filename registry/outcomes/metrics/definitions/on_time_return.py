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
    return Count(at=loan.due_at, numerator=loan.is_on_time, denominator=1)


DEFINITION = Definition(
    key="on_time_return",
    name="On-time return",
    numerator="Loans back by the return agreed then, or by the hour of a recall before that.",
    denominator="Loans due.",
    clock="When it was due, by what was agreed when it came back.",
    exclusions=(
        "Loans that were cancelled or not begun. Loans whose time of return is contested. What is overdue or "
        "lost counts as late."
    ),
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="EDXL-RM 1.0: ActualReturnArrival against EstimatedReturnArrival, or the last accepted extension.",
    of_one=_count,
)
