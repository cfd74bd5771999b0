"""Of the corrective actions that were due, how many were complete."""

from registry.outcomes.metrics.defining import Definition, MetricDirection, MetricKind, MetricSource, MetricUnit

DEFINITION = Definition(
    key="improvement_plan_closure",
    name="Improvement-plan closure",
    numerator="Corrective actions complete by their due date.",
    denominator="Corrective actions due.",
    clock="The due date.",
    exclusions="None.",
    source=MetricSource.IMPROVEMENTS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="HSEEP: after-action report and improvement plan.",
    missing="No improvement plans are counted yet.",
)
