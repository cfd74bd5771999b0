"""The metrics' operations."""

from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.database.handles import Read
from registry.http.answers import Answer
from registry.metrics import queries
from registry.metrics.schemas import AgreementScorecard, MetricReport, MetricsQuery, ScorecardQuery


@operation("get", "/metrics", permission=Action.METRICS_READ, query=MetricsQuery)
async def get_sharing_metrics(
    read: NamedDependency[Read], filters: NamedDependency[MetricsQuery], caller: NamedDependency[Caller]
) -> Answer[MetricReport]:
    """Measure how well sharing works for the own agency.

    Each figure comes with what it was counted from; where there was nothing to count, the value is null, not 0.
    """
    return Answer(await queries.get_metrics(read, caller, filters))


@operation("get", "/agreements/{agreement_id:uuid}/scorecard", permission=Action.METRICS_READ, query=ScorecardQuery)
async def get_agreement_scorecard(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[ScorecardQuery],
    caller: NamedDependency[Caller],
) -> Answer[AgreementScorecard]:
    """Measure how well an agreement works: all measures, and month by month.

    For a party, over its own requests and loans under the agreement; what other parties share is not counted.
    """
    return Answer(await queries.get_scorecard(read, caller, agreement_id, filters))


router = Router(path="/v1", tags=["metrics"], route_handlers=[get_sharing_metrics, get_agreement_scorecard])
