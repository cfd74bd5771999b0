"""Scorecards in the API: all measures over one window."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from registry.directory.agencies.schemas import Zone
from registry.outcomes.metrics.statistics import Quantile
from registry.platform.kernel.text import Code
from registry.platform.kernel.time import Instant, Window

GroupBy = Literal["none", "month", "agreement", "category"]


class ShareMeasure(Struct, kw_only=True, frozen=True):
    """A part of a whole with its 95 % Wilson interval; value and bounds are null where there was nothing to count."""

    numerator: int
    denominator: int
    n: int
    value: float | None
    low: float | None
    high: float | None


class TimeMeasure(Struct, kw_only=True, frozen=True):
    """Hours from asking to an event, with distribution-free 95 % intervals.

    A bound is null where so few observations cannot bound the percentile on that side.
    """

    numerator: Annotated[int, Meta(description="Lines for which the event has come.")]
    denominator: Annotated[int, Meta(description="Lines asked.")]
    n: Annotated[int, Meta(description="Observations; equal to the numerator.")]
    median_hours: Quantile
    p90_hours: Quantile


class HoursMeasure(Struct, kw_only=True, frozen=True):
    """Hours over hours; no interval, as hours are not independent trials."""

    numerator: Annotated[float, Meta(description="Hours away from home, each times the quantity.")]
    denominator: Annotated[float, Meta(description="Hours in service up to now, each times the capacity.")]
    n: Annotated[int, Meta(description="Assets.")]
    value: float | None


class ReasonCount(Struct, kw_only=True, frozen=True):
    """How often a reason was given; a line counts once for each of its reasons."""

    code: Annotated[
        str,
        Meta(
            description="The policy's id for a denial; `rejected_by_assisting` or `rejected_by_requesting` for an "
            "approver's no; `declined_<reason code>` for what the assisting agency declined.",
            examples=["duration_over_limit"],
        ),
    ]
    lines: int


class DisputedTimes(Struct, kw_only=True, frozen=True):
    """What is left out of the measures since one side contests, at the time of asking, when an act was done.

    Each counts again, by the time that is agreed, once its contest is settled.
    """

    time_to_fulfil: Annotated[int, Meta(description="Lines whose arrival is contested.")]
    on_time_return: Annotated[int, Meta(description="Loans due in the window whose return is contested.")]
    utilisation: Annotated[
        int,
        Meta(
            description="Loans away in the window whose departure or return is contested: their whole time "
            "away, by the longest of the words, counts on neither side."
        ),
    ]
    activations: Annotated[int, Meta(description="Loans whose departure in the window is contested.")]


class Scores(Struct, kw_only=True, frozen=True):
    """The measures over one window. Lines count by when they were asked; all of them only as far as they concern the
    caller's own agency.
    """

    fill_rate: Annotated[
        ShareMeasure,
        Meta(description="Lines whose asset arrived, of lines asked and not withdrawn before any decision."),
    ]
    time_to_decision: Annotated[
        TimeMeasure, Meta(description="From asking to permitted, approved, denied or rejected.")
    ]
    time_to_fulfil: Annotated[TimeMeasure, Meta(description="From asking to the arrival on scene.")]
    on_time_return: Annotated[
        ShareMeasure,
        Meta(
            description="Loans back by the agreed return in force then, or by the hour of a recall before that, of "
            "loans due in the window; overdue and lost ones count as late."
        ),
    ]
    overdue: Annotated[int, Meta(description="Loans due in the window and still not back.")]
    utilisation: Annotated[
        HoursMeasure,
        Meta(
            description="Hours lent, of hours that could be had, of the assets with a loan in the window. Hours out of "
            "service, in maintenance, in a blackout or damaged count on neither side."
        ),
    ]
    declined: Annotated[ShareMeasure, Meta(description="Lines denied, rejected or declined, of lines decided.")]
    decline_reasons: Annotated[list[ReasonCount], Meta(description="Most frequent first.")]
    expired_but_used: Annotated[
        ShareMeasure,
        Meta(
            description="Loans reserved whose agreement, with today's knowledge, was not in force between the two when "
            "it was decided; the target is 0."
        ),
    ]
    activations: Annotated[int, Meta(description="Distinct incidents, or requests without one, for which help left.")]
    disputed: Annotated[DisputedTimes, Meta(description="What is left out, since its time is contested now.")]


class MetricGroup(Struct, kw_only=True, frozen=True):
    """The measures of one month, agreement or category; `key` is null for all together, or where there was none."""

    key: Annotated[str | None, Meta(examples=["2026-07"])]
    window: Annotated[Window, Meta(description="A month at the edge is cut to the window asked for.")]
    scores: Scores


class MetricReport(Struct, kw_only=True, frozen=True):
    """The metrics of a window, computed now."""

    window: Window
    time_zone: str
    as_of: Instant
    group_by: GroupBy
    groups: list[MetricGroup]


class AgreementScorecard(Struct, kw_only=True, frozen=True):
    """The metrics of one agreement for the caller's agency: over the window, and month by month."""

    agreement_id: UUID
    window: Window
    time_zone: str
    as_of: Instant
    overall: Scores
    months: list[MetricGroup]


From = Annotated[Instant, Meta(description="Start of the window; 365 days before its end if left out.")]
To = Annotated[Instant, Meta(description="End of the window; now if left out.")]


class ScorecardQuery(Struct, kw_only=True, frozen=True):
    """The window, and the time zone of its months."""

    from_: From | None = field(name="from", default=None)
    to: To | None = None
    time_zone: Zone = "UTC"


class MetricsQuery(ScorecardQuery, kw_only=True, frozen=True):
    """Filters of the metrics. Requests and loans of other agencies are never counted, whatever the filters."""

    agreement_id: UUID | None = None
    category: Annotated[Code | None, Meta(description="With everything below it.")] = None
    assisting_agency_id: UUID | None = None
    requesting_agency_id: UUID | None = None
    group_by: GroupBy = "none"
