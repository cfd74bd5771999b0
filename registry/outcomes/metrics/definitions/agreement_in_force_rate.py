"""Of the agreements that are meant to bind, how many do."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import AgreementFact


def _count(agreement: AgreementFact, span: Span) -> Count | None:
    at = span.end
    gone = agreement.ended_at is not None and agreement.ended_at <= at
    if agreement.executed_at > at or agreement.starts_at > at or gone:
        return None
    return Count(at=at, numerator=agreement.is_in_force(at), denominator=1)


DEFINITION = Definition(
    key="agreement_in_force_rate",
    name="Agreements in force",
    numerator="Agreements that bind the agency.",
    denominator="Executed agreements that have begun.",
    clock="At the end of the period.",
    exclusions="Agreements that were terminated or gave way to another. What has expired and was not renewed counts.",
    source=MetricSource.AGREEMENTS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="Agreements in force of those expected to be.",
    of_one=_count,
    at_the_end=True,
)
