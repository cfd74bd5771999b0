"""Of what was billed, how much was paid."""

from registry.outcomes.metrics.defining import Definition, MetricDirection, MetricKind, MetricSource, MetricUnit

DEFINITION = Definition(
    key="cost_recovered",
    name="Cost recovered",
    numerator="Amounts paid.",
    denominator="Amounts billed.",
    clock="When it was billed.",
    exclusions="Claims that were rejected.",
    source=MetricSource.CLAIMS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.RATIO,
    basis="Amount paid of amount billed.",
    missing="No claims are kept yet.",
)
