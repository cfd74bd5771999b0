"""Of the reviews that were due, how many were done by then."""

from registry.outcomes.metrics.defining import Definition, MetricDirection, MetricKind, MetricSource, MetricUnit

DEFINITION = Definition(
    key="review_compliance",
    name="Review compliance",
    numerator="Reviews done by their due date.",
    denominator="Reviews due.",
    clock="The due date.",
    exclusions="None.",
    source=MetricSource.REVIEWS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="CJIS Security Policy v6.0, CA-3c: at least every three years.",
    missing="No reviews are counted yet.",
)
