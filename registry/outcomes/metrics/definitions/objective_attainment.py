"""Of what an agreement was to achieve, how much it achieved."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import ObjectiveFact, last_moment


def _count(objective: ObjectiveFact, span: Span) -> Count | None:
    if objective.withdrawn_at is not None:
        return None
    met = objective.weight if objective.is_met else 0
    return Count(at=last_moment(objective.due_at), numerator=met, denominator=objective.weight)


DEFINITION = Definition(
    key="objective_attainment",
    name="Objective attainment",
    numerator="Weights of the objectives met, by the last measurement up to the due date that stands.",
    denominator="Weights of the objectives due. One that nobody measured was not met.",
    clock="The due date, by the clocks of the agreement.",
    exclusions="Objectives that were withdrawn. What is met before it is due counts once it is due.",
    source=MetricSource.OBJECTIVES,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.RATIO,
    basis="GAO-23-105520: define common outcomes and track progress.",
    of_one=_count,
)
