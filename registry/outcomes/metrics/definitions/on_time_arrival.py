"""Of what arrived, how much was there by the time asked for."""

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
    if not loan.was_out or loan.arrived_at is None or loan.other_arrived_at is not None:
        return None
    return Count(at=loan.arrived_at, numerator=loan.arrived_at <= loan.starts_at, denominator=1)


DEFINITION = Definition(
    key="on_time_arrival",
    name="On-time arrival",
    numerator="Loans that arrived by the start that was asked for.",
    denominator="Loans that arrived.",
    clock="When it arrived.",
    exclusions="Loans that were cancelled or not begun. Loans whose time of arrival is contested.",
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="EDXL-RM 1.0: ActualArrival and RequestedArrival.",
    of_one=_count,
)
