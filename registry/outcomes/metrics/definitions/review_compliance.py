"""Of the reviews that were due, how many were done by then."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import ReviewFact, last_moment


def _count(review: ReviewFact, span: Span) -> Count:
    return Count(at=last_moment(review.due_at), numerator=review.in_time, denominator=1)


DEFINITION = Definition(
    key="review_compliance",
    name="Review compliance",
    numerator="Periodic reviews of agreements held by their due date.",
    denominator="Periodic reviews due: a cycle after the agreement took effect, then a cycle after the last.",
    clock="The due date, by the clocks of the agreement.",
    exclusions="Reviews that would have been due after the agreement had ended.",
    source=MetricSource.REVIEWS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="CJIS Security Policy v6.0, CA-3c: at least every three years.",
    of_one=_count,
)
