"""Of what was recalled, how much came back by the hour of the recall."""

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
from registry.outcomes.metrics.facts import LoanFact, fell_due


def _count(loan: LoanFact, span: Span) -> Count | None:
    if not loan.was_out or loan.recall_requested_at is None or loan.recall_due_at is None:
        return None
    if loan.other_returned_at is not None:
        return None
    hours = None if loan.returned_at is None else hours_between(loan.recall_requested_at, loan.returned_at)
    kept = loan.returned_at is not None and loan.returned_at <= loan.recall_due_at
    parts = () if hours is None else (("hours_to_return", hours),)
    at = fell_due(loan.recall_due_at, loan.returned_at)
    not_before = loan.recall_due_at if loan.returned_at is None else None
    return Count(at=at, numerator=kept, denominator=1, parts=parts, not_before=not_before)


DEFINITION = Definition(
    key="recall_compliance",
    name="Recall compliance",
    numerator="Recalled loans back by the hour for which they were due then.",
    denominator="Recalled loans due, or back before that.",
    clock=("The hour of the recall, not before the notice of the agreement has run, or when it was back before that."),
    exclusions=(
        "Loans that were cancelled or not begun. Recalls that were withdrawn. Loans whose time of return is contested. "
        "Loans that are still out and not due yet."
    ),
    parts="`hours_to_return`: all hours from the recall to the return.",
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="EDXL-RM 1.0: RequestReturn and ActualReturnArrival.",
    of_one=_count,
)
