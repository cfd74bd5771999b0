"""Of what came back or was lost, how much was damaged or lost."""

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
    if not loan.was_out or loan.back_at is None:
        return None
    return Count(at=loan.back_at, numerator=loan.damaged or loan.lost_quantity > 0, denominator=1)


DEFINITION = Definition(
    key="damage_loss_rate",
    name="Damage and loss rate",
    numerator="Loans with damage at the return or found afterwards, or of which something was lost.",
    denominator="Loans that are over.",
    clock="When it was back, or lost.",
    exclusions="Loans that were cancelled or not begun. Reports of damage that were withdrawn.",
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.LOWER,
    kind=MetricKind.SHARE,
    basis="Loans closed with damage, lost or stolen.",
    of_one=_count,
)
