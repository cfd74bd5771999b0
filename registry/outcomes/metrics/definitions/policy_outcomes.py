"""How the policies decided what was asked for."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import DecisionFact


def _count(decision: DecisionFact, span: Span) -> Count | None:
    permitted = decision.outcome == "permitted"
    return Count(at=decision.decided_at, numerator=permitted, denominator=1, parts=((decision.outcome, 1.0),))


DEFINITION = Definition(
    key="policy_outcomes",
    name="Policy outcomes",
    numerator="Decisions that permitted at once.",
    denominator="First decisions on what was asked for.",
    clock="When it was decided.",
    exclusions="Decisions made again at a later step.",
    parts="Decisions `permitted`, `needs_approval` and `denied`.",
    source=MetricSource.DECISIONS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.NONE,
    kind=MetricKind.SHARE,
    basis="Counts of allow, require approval and deny.",
    of_one=_count,
)
