"""Of the hours that passed between the agency and others, how many it gave."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
    hours_between,
)
from registry.outcomes.metrics.facts import LoanFact


def _count(loan: LoanFact, span: Span) -> Count | None:
    if not loan.was_out or loan.dispatched_at is None or loan.back_at is None:
        return None
    if loan.other_dispatched_at is not None or loan.other_returned_at is not None:
        return None
    hours = sum(hours_between(left, back or span.end) * quantity for left, back, quantity in loan.parts_away())
    given = loan.assisting_agency_id == span.viewer
    which = "given" if given else "received"
    parts = ((f"hours_{which}", hours), (f"loans_{which}", 1.0), (f"quantity_{which}", float(loan.quantity)))
    return Count(at=loan.back_at, numerator=hours if given else 0, denominator=hours, parts=parts)


DEFINITION = Definition(
    key="reciprocity",
    name="Reciprocity",
    numerator="Hours given, each times the quantity.",
    denominator="Hours given and received.",
    clock="When it was back.",
    exclusions=(
        "Loans that were cancelled or not begun. Loans that are still out. Loans whose time of departure or "
        "return is contested."
    ),
    parts="Hours, loans and quantities, `given` and `received`.",
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.MIDDLE,
    kind=MetricKind.RATIO,
    target=0.5,
    basis="NFIRS: aid given and aid received. 0.5 is even.",
    of_one=_count,
)
