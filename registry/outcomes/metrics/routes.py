"""Operations on metrics."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.outcomes.metrics.queries import scores
from registry.outcomes.metrics.schemas import AgreementScorecard, MetricReport, MetricsQuery, ScorecardQuery
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer


@operation(
    "get",
    "/metrics",
    permission=Action.METRICS_READ,
    query=MetricsQuery,
    problems=("unknown_time_zone", "window_too_long"),
)
async def get_sharing_metrics(
    read: Supplied[Read], filters: Supplied[MetricsQuery], caller: Supplied[Caller]
) -> Answer[MetricReport]:
    """Measure how well sharing works for the own agency.

    Each figure comes with what it was counted from; where there was nothing to count, the value is null, not 0.
    """
    return Answer(await scores.get_metrics(read, caller, filters))


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


router = Router(path="/v1", route_handlers=[get_sharing_metrics, get_agreement_scorecard])
