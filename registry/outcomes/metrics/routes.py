"""Operations on metrics."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.outcomes.metrics.queries import answers, scores, totals
from registry.outcomes.metrics.queries.answers import MetricSources
from registry.outcomes.metrics.report import POLICY, report_csv, report_page
from registry.outcomes.metrics.schemas.answers import MetricAnswer, MetricListQuery, MetricPage, MetricQuery
from registry.outcomes.metrics.schemas.scores import AgreementScorecard, MetricReport, MetricsQuery, ScorecardQuery
from registry.outcomes.metrics.schemas.totals import MetricTotals, MetricTotalsQuery
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, CsvAnswer, HtmlAnswer


@operation("get", "/metrics", permission=Action.METRICS_READ, query=MetricListQuery)
async def list_metrics(filters: Supplied[MetricListQuery]) -> Answer[MetricPage]:
    """List the metrics: what each counts of what, by which clock, without what, and from which source it comes."""
    return Answer(answers.list_metrics(filters))


@operation(
    "get",
    "/metrics/{metric_key:str}",
    permission=Action.METRICS_READ,
    query=MetricQuery,
    problems=("metric_ahead", "metric_not_by", "unknown_time_zone", "window_too_long"),
)
async def get_metric(
    metric_key: FromPath[str],
    read: Supplied[Read],
    filters: Supplied[MetricQuery],
    caller: Supplied[Caller],
    metric_sources: Supplied[MetricSources],
) -> Answer[MetricAnswer]:
    """Measure one thing for the own agency, over time or by what was shared with whom.

    Every figure has what it was counted from and a 95 % interval; where there was nothing to count it is null. It
    stands beside that of the period before, and their difference has an interval too, or is not given. Periods are
    those of the time zone asked for: days and longer ones from local midnight, weeks from Monday.
    """
    return Answer(await answers.get_metric(read, caller, metric_sources, metric_key, filters))


@operation(
    "get",
    "/scorecard",
    permission=Action.METRICS_READ,
    query=MetricsQuery,
    problems=("unknown_time_zone", "window_too_long"),
)
async def get_scorecard(
    read: Supplied[Read], filters: Supplied[MetricsQuery], caller: Supplied[Caller]
) -> Answer[MetricReport]:
    """Measure how well sharing works for the own agency.

    Each figure comes with what it was counted from; where there was nothing to count, the value is null, not 0.
    """
    return Answer(await scores.get_metrics(read, caller, filters))


@operation("get", "/scorecard/totals", permission=Action.METRICS_READ, query=MetricTotalsQuery)
async def get_scorecard_totals(
    read: Supplied[Read], filters: Supplied[MetricTotalsQuery], caller: Supplied[Caller]
) -> Answer[MetricTotals]:
    """Measure everything that adds up over any number of whole days, for the own agency or under one agreement.

    From the daily sums, which follow the sealed ledger within seconds: fast, however long the time. Days are those of
    UTC; for periods of another time zone, or as of an instant, ask for a metric by its key.
    """
    return Answer(await totals.get_totals(read, caller, filters))


@operation("get", "/scorecard/totals.html", permission=Action.METRICS_READ, query=MetricTotalsQuery)
async def get_scorecard_page(
    read: Supplied[Read], filters: Supplied[MetricTotalsQuery], caller: Supplied[Caller]
) -> HtmlAnswer:
    """Show the totals as a page that needs nothing else, to be printed for who decides on money and agreements.

    A chart of the shares with their intervals, and a table of every figure with what it was counted from; legible in
    black and white, and by ear.
    """
    found = await totals.get_totals(read, caller, filters)
    return HtmlAnswer(report_page(found, of_agreement=filters.agreement_id is not None), policy=POLICY)


@operation("get", "/scorecard/totals.csv", permission=Action.METRICS_READ, query=MetricTotalsQuery)
async def get_scorecard_table(
    read: Supplied[Read], filters: Supplied[MetricTotalsQuery], caller: Supplied[Caller]
) -> CsvAnswer:
    """Download the totals as a table: one row for each metric, with its interval and what it was counted from."""
    return CsvAnswer(report_csv(await totals.get_totals(read, caller, filters)), filename="scorecard")


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/scorecard",
    permission=Action.METRICS_READ,
    query=ScorecardQuery,
    problems=("unknown_time_zone", "window_too_long"),
)
async def get_agreement_scorecard(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[ScorecardQuery],
    caller: Supplied[Caller],
) -> Answer[AgreementScorecard]:
    """Measure how well an agreement works: all measures, and month by month.

    For a party, over its own requests and loans under the agreement; what other parties share is not counted.
    """
    return Answer(await scores.get_scorecard(read, caller, agreement_id, filters))


router = Router(
    path="/v1",
    route_handlers=[
        list_metrics,
        get_metric,
        get_scorecard,
        get_scorecard_totals,
        get_scorecard_page,
        get_scorecard_table,
        get_agreement_scorecard,
    ],
)
