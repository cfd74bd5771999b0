"""Of the corrective actions that were due, how many were complete."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import ImprovementFact, last_moment


def _count(improvement: ImprovementFact, span: Span) -> Count:
    in_time = improvement.completed_at is not None and improvement.completed_at < improvement.due_at
    return Count(at=last_moment(improvement.due_at), numerator=in_time, denominator=1)


DEFINITION = Definition(
    key="improvement_plan_closure",
    name="Improvement-plan closure",
    numerator="Corrective actions complete by their due date; one that was sent back is not complete.",
    denominator="Corrective actions due that the agency owns, or that came of an engagement which it held.",
    clock="The due date, by the clocks of the engagement.",
    exclusions="None.",
    source=MetricSource.IMPROVEMENTS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="HSEEP: after-action report and improvement plan.",
    of_one=_count,
)
