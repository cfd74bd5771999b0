"""All metrics that add up, over whole days."""

from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, field

from registry.outcomes.metrics.schemas.answers import MetricMeasure
from registry.platform.kernel.time import CivilDate, Instant


class MetricTotal(Struct, kw_only=True, frozen=True):
    """One metric over the days."""

    key: Annotated[str, Meta(examples=["on_time_return"])]
    name: str
    measure: MetricMeasure


class MetricTotals(Struct, kw_only=True, frozen=True):
    """Every metric that is the sum of its days, as far as the ledger has been followed.

    Percentiles of durations, and their bounds, are within 1 % of the exact ones.
    """

    from_: Annotated[date | None, Meta(description="The first day; null for the first there is.")] = field(name="from")
    to: Annotated[date, Meta(description="The last day, included.")]
    followed_to: Annotated[
        Instant | None,
        Meta(description="What was recorded until then is counted; null while nothing was."),
    ]
    metrics: Annotated[list[MetricTotal], Meta(description="By key.")]


class MetricTotalsQuery(Struct, kw_only=True, frozen=True):
    """Which days, and of which agreement."""

    from_: Annotated[CivilDate | None, Meta(description="The first day, of UTC; from the beginning if left out.")] = (
        field(name="from", default=None)
    )
    to: Annotated[CivilDate | None, Meta(description="The last day, of UTC, included; today if left out.")] = None
    agreement_id: UUID | None = None
