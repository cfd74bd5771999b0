"""How often something was lent under an agreement that was not in force."""

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
    return Count(at=loan.reserved_at, numerator=not loan.in_force, denominator=1)


DEFINITION = Definition(
    key="expired_but_used",
    name="Expired but used",
    numerator="Loans whose agreement, by what is known now, was not in force between the two when it was decided.",
    denominator="Loans reserved.",
    clock="When it was reserved.",
    exclusions="None.",
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.LOWER,
    kind=MetricKind.SHARE,
    target=0,
    basis="The text in force is the only ground for lending.",
    of_one=_count,
)
