"""How often more time was asked for and given."""

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
    if not loan.was_out or loan.dispatched_at is None:
        return None
    return Count(at=loan.dispatched_at, numerator=loan.extended_at is not None, denominator=1)


DEFINITION = Definition(
    key="extension_rate",
    name="Extension rate",
    numerator="Loans with an accepted extension.",
    denominator="Loans that left.",
    clock="When it left.",
    exclusions="Loans that were cancelled or not begun.",
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.NONE,
    kind=MetricKind.SHARE,
    basis="EDXL-RM 1.0: RequestExtendedDeploymentDuration and its answer.",
    of_one=_count,
)
