"""How often help left, counted once for each incident."""

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
    if not loan.was_out or loan.dispatched_at is None or loan.other_dispatched_at is not None:
        return None
    return Count(at=loan.dispatched_at, numerator=1, once=loan.incident)


DEFINITION = Definition(
    key="activation_count",
    name="Activations",
    numerator="Distinct incidents, or requests without one, for which help left.",
    denominator="None.",
    clock="When it left.",
    exclusions="Loans that were cancelled or not begun. Loans whose time of departure is contested.",
    source=MetricSource.LOANS,
    unit=MetricUnit.INCIDENTS,
    direction=MetricDirection.NONE,
    kind=MetricKind.COUNT,
    basis="NFIRS: aid counts once for an incident. None in twelve months: the agreement is dormant.",
    of_one=_count,
)
