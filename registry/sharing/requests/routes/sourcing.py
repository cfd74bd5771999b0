"""Operations by which agencies are asked for what a line needs."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.requests.commands import sourcing
from registry.sharing.requests.queries import candidates
from registry.sharing.requests.routes.answering import answer
from registry.sharing.requests.schemas.candidates import CandidatePage, CandidateQuery
from registry.sharing.requests.schemas.given import (
    SOURCING_EXAMPLE,
    LineSourcing,
)
from registry.sharing.requests.schemas.shown import ResourceRequest


@operation(
    "post",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}/source",
    permission=Action.REQUESTS_UPDATE,
    status=200,
    problems=("agency_not_asked", "already_asked", "own_agency", "too_many_lines", "unknown_agency", "wrong_status"),
    example=SOURCING_EXAMPLE,
    etag=True,
)
async def source_request_line(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    data: JSONBody[LineSourcing],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Ask agencies for what a line needs: one by one, in tiers, or all at once.

    Each that is asked has a line of its own (`fills_line_no`), and sees no other. The next tier is asked once all of
    one have answered, or their time is over, while something is lacking; who is late may still offer. Asking further
    agencies adds tiers after those that wait. Of a certain asset that is lent in part the rest is asked for so: it
    becomes a need in a line of its own.
    """
    return answer(await sourcing.source_request_line(write, caller, request_id, line_id, data, if_match))


@operation(
    "get",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}/candidates",
    permission=Action.REQUESTS_UPDATE,
    query=CandidateQuery,
)
async def list_request_line_candidates(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[CandidateQuery],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
) -> Answer[CandidatePage]:
    """See what could fill a line of your request: the assets that meet its need, the best first.

    They are ranked by whether policies permit them, whether they can be had, by arrival, distance, cost, by who helped
    whom, and by when they were used last; each says in what it stands behind the one before it, what stands in its way
    and who can cure that. For a line that asks for a certain asset these are others of its category. Nothing is stored.
    """
    return Answer(await candidates.list_candidates(read, caller, policies, request_id, line_id, filters))


handlers = [
    list_request_line_candidates,
    source_request_line,
]
