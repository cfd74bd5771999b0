"""How long it takes from the first draft to the last signature."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
    days_between,
)
from registry.outcomes.metrics.facts import AgreementFact


def _count(agreement: AgreementFact, span: Span) -> Count | None:
    if agreement.is_recorded:
        return None
    days = days_between(agreement.begun_at, agreement.executed_at)
    return Count(at=agreement.executed_at, numerator=1, denominator=1, observed=days)


DEFINITION = Definition(
    key="agreement_cycle_time",
    name="Agreement cycle time",
    numerator="Agreements executed.",
    denominator="Agreements executed.",
    clock=(
        "From the first draft here to the last signature needed; it belongs to the period in which it was executed."
    ),
    exclusions="Agreements that came signed on paper.",
    source=MetricSource.AGREEMENTS,
    unit=MetricUnit.DAYS,
    direction=MetricDirection.LOWER,
    kind=MetricKind.DURATION,
    basis="Cycle time, as agreement management counts it.",
    of_one=_count,
)
