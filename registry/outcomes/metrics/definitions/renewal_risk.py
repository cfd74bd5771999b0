"""Of the agreements in force, how many end within 90 days."""

from datetime import timedelta

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

_WITHIN_DAYS = (30, 60, 90, 180)


def _count(agreement: AgreementFact, span: Span) -> Count | None:
    at = span.end
    if agreement.executed_at > at or not agreement.is_in_force(at):
        return None
    if agreement.over_at is None:
        return Count(at=at, denominator=1, parts=(("without_end", 1.0),))
    left = agreement.over_at - at
    parts = tuple((f"within_{days}_days", 1.0) for days in _WITHIN_DAYS if left <= timedelta(days=days))
    return Count(at=at, numerator=left <= timedelta(days=90), denominator=1, parts=parts)


DEFINITION = Definition(
    key="renewal_risk",
    name="Renewal risk",
    numerator="Agreements that end within 90 days, renewals by themselves counted in.",
    denominator="Agreements in force.",
    clock="At the end of the period.",
    exclusions="None.",
    parts="Agreements that end within 30, 60, 90 and 180 days, and those `without_end`.",
    source=MetricSource.AGREEMENTS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.LOWER,
    kind=MetricKind.SHARE,
    basis="Agreements that expire in 30, 60, 90 and 180 days.",
    of_one=_count,
    at_the_end=True,
)
