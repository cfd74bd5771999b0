"""Of the hours for which assets could be had, how many they were lent."""

from collections.abc import Iterable, Sequence

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import LoanFact, Unavailable, asset_hours


def _count(loans: Sequence[LoanFact], unavailable: Unavailable, span: Span) -> Iterable[Count]:
    used, available, assets = asset_hours(loans, unavailable, span.start, span.end)
    if assets:
        yield Count(at=span.start, numerator=used, denominator=available, n=assets)


DEFINITION = Definition(
    key="utilisation",
    name="Utilisation",
    numerator="Hours away from home, each times the quantity.",
    denominator="Hours for which the assets with a loan in the period could be had, each times the capacity.",
    clock="The hours of the period.",
    exclusions=(
        "Hours out of service, in maintenance, in a blackout, damaged, lost or contested, on both sides. Hours before "
        "the asset was registered, or first left where that was earlier."
    ),
    source=MetricSource.LOANS,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.NONE,
    kind=MetricKind.RATIO,
    basis="Fleet utilisation: productive hours of the hours available, not of the calendar.",
    of_all=_count,
)
