"""Of the obligations that were due, how many were met by then."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import ObligationFact


def _count(obligation: ObligationFact, span: Span) -> Count | None:
    if obligation.is_settled:
        return None
    met = obligation.met_at is not None and obligation.met_at <= obligation.due_at
    not_before = obligation.due_at if obligation.met_at is None else None
    return Count(at=obligation.fell_due_at, numerator=met, denominator=1, not_before=not_before)


DEFINITION = Definition(
    key="obligation_compliance",
    name="Obligation compliance",
    numerator="Obligations met by their deadline.",
    denominator="Obligations due, or met before that.",
    clock="The deadline, or when it was met before that.",
    exclusions=(
        "Obligations that were waived, that did not come to be owed, or of which it is contested that they were met. "
        "Obligations that are still open and not due yet."
    ),
    source=MetricSource.OBLIGATIONS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="Follow-through on obligations, as agreement management counts it.",
    of_one=_count,
)
