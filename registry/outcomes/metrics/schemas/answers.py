"""Metrics in the API, one at a time: what each means, and its measures over time or by what was shared."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from registry.directory.agencies.schemas import Zone
from registry.outcomes.metrics.defining import MetricDirection, MetricKind, MetricSource, MetricUnit
from registry.outcomes.metrics.schemas.scores import From, To
from registry.outcomes.metrics.statistics import Quantile
from registry.platform.http.paging import SORT, Page
from registry.platform.kernel.text import Code
from registry.platform.kernel.time import Instant, Window


class MetricGroupBy(StrEnum):
    """What the measures are grouped by: nothing, a period, or what was shared and with whom."""

    NONE = "none"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    AGREEMENT = "agreement"
    REQUESTING_AGENCY = "requesting_agency"
    ASSISTING_AGENCY = "assisting_agency"
    PARTNER = "partner"
    PAIR = "pair"
    CATEGORY = "category"
    PURPOSE = "purpose"


class Metric(Struct, kw_only=True, frozen=True):
    """What a metric means: what is counted of what, by which clock and without what."""

    key: Annotated[str, Meta(examples=["line_fill_rate"])]
    name: Annotated[str, Meta(examples=["Line fill rate"])]
    numerator: Annotated[str, Meta(description="What is counted, or the observations of a duration.")]
    denominator: Annotated[str, Meta(description="Of what.")]
    clock: Annotated[str, Meta(description="By which instant something belongs to a period.")]
    exclusions: Annotated[str, Meta(description="What is left out.")]
    parts: Annotated[str, Meta(description="What its `parts` are; empty where it has none.")]
    source: Annotated[MetricSource, Meta(description="What it is counted from.")]
    kind: MetricKind
    counted_in: Annotated[MetricUnit, Meta(description="What the value is a number of.")]
    direction: Annotated[MetricDirection, Meta(description="Which way is better.")]
    target: Annotated[float | None, Meta(description="What it should be; null where there is no such figure.")]
    basis: Annotated[str, Meta(description="Where the definition comes from.")]
    missing: Annotated[
        str | None, Meta(description="Why its value is always null, where the registry does not keep what it counts.")
    ]


class MetricPage(Struct, kw_only=True, frozen=True):
    """A page of the metrics."""

    items: list[Metric]
    next_cursor: str | None


class MetricListQuery(Page, kw_only=True, frozen=True):
    """The requested page of the metrics."""

    sort: Annotated[Literal["key", "-key"], SORT] = "key"


class MetricPart(Struct, kw_only=True, frozen=True):
    """A further figure of a measure, such as the lines refused for one reason."""

    code: Annotated[str, Meta(examples=["declined_not_available"])]
    amount: float


class MetricMeasure(Struct, kw_only=True, frozen=True):
    """A value with what it was counted from and its 95 % interval.

    The interval is Wilson's for a share, that of order statistics, which asks for no distribution, for a duration, and
    the score interval of a Poisson mean for a count. Hours and pieces are no independent trials: a ratio or a sum of
    them has none. A bound is null, too, where so few observations do not bound the value on that side.
    """

    numerator: float
    denominator: Annotated[float | None, Meta(description="Null for a count or a sum.")]
    n: Annotated[int, Meta(description="Observations.")]
    value: Annotated[
        float | None,
        Meta(description="Null where there was nothing to count; the median of a duration."),
    ]
    low: float | None
    high: float | None
    p90: Annotated[Quantile | None, Meta(description="Nine of ten took no longer; null but for a duration.")]
    parts: Annotated[list[MetricPart], Meta(description="Further figures, by their codes.")]
    few: Annotated[bool, Meta(description="Whether there are fewer than 20 observations: do not build on it.")]


class MetricChange(Struct, kw_only=True, frozen=True):
    """The difference from the period before, with a 95 % interval.

    Newcombe's for shares, square-and-add for counts, and for medians the cautious one from two intervals of 97.5 %.
    """

    difference: float
    low: float
    high: float


class MetricAnswerGroup(Struct, kw_only=True, frozen=True):
    """The measure of one period, or of one agreement, agency, pair, category or purpose, and of the period before."""

    key: Annotated[
        str | None,
        Meta(
            description="The period; or the id or code; of a pair `<requesting agency>:<assisting agency>`. Null for "
            "all together, or where there was none.",
            examples=["2026-Q3"],
        ),
    ]
    window: Annotated[Window, Meta(description="A period at the edge is cut to the window asked for.")]
    measure: MetricMeasure
    previous_window: Annotated[Window, Meta(description="The period before, or as long a window before this one.")]
    previous: Annotated[MetricMeasure, Meta(description="The measure of the period before.")]
    change: Annotated[MetricChange | None, Meta(description="Null where no interval can be given for it.")]


class MetricAnswer(Struct, kw_only=True, frozen=True):
    """A metric of the caller's agency over a window, as far as things had gone at `as_of`."""

    metric: Metric
    window: Window
    time_zone: str
    as_of: Instant
    data_from: Annotated[
        Instant | None,
        Meta(description="Since when there is something of the agency's to count; null while there is nothing."),
    ]
    group_by: MetricGroupBy
    groups: list[MetricAnswerGroup]


class MetricQuery(Struct, kw_only=True, frozen=True):
    """What is counted, and how it is grouped. What others share with each other is never counted."""

    from_: From | None = field(name="from", default=None)
    to: To | None = None
    time_zone: Zone = "UTC"
    as_of: Annotated[
        Instant | None,
        Meta(
            description="Leaves out what was done after this instant; now if left out. What is known of it is today's."
        ),
    ] = None
    agreement_id: UUID | None = None
    category: Annotated[Code | None, Meta(description="With everything below it.")] = None
    purpose: Code | None = None
    partner_agency_id: Annotated[UUID | None, Meta(description="The other side, whichever that was.")] = None
    assisting_agency_id: UUID | None = None
    requesting_agency_id: UUID | None = None
    group_by: MetricGroupBy = MetricGroupBy.NONE
