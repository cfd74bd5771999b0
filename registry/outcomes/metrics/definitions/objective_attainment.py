"""Of what an agreement was to achieve, how much it achieved."""

from registry.outcomes.metrics.defining import Definition, MetricDirection, MetricKind, MetricSource, MetricUnit

DEFINITION = Definition(
    key="objective_attainment",
    name="Objective attainment",
    numerator="Weights of the objectives met.",
    denominator="Weights of the objectives evaluated.",
    clock="When the objective is due.",
    exclusions="Objectives that are not evaluated yet.",
    source=MetricSource.OBJECTIVES,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.RATIO,
    basis="GAO-23-105520: define common outcomes and track progress.",
    missing="No objectives are counted yet.",
)
