"""The operation with which an assisting agency declines a line."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.requests.commands import declining
from registry.sharing.requests.routes.answering import answer
from registry.sharing.requests.schemas.given import LineDecline
from registry.sharing.requests.schemas.shown import ResourceRequest


@operation(
    "post",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}/decline",
    permission=Action.REQUESTS_ANSWER,
    status=200,
    problems=("wrong_status",),
    example={"reason_code": "crew_lacking", "reason": "Both handlers are on leave that night (demo)."},
    etag=True,
)
async def decline_request_line(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    data: JSONBody[LineDecline],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Decline what a line asks of your agency, before you lend it: whatever was decided, you need not.

    Both sides read the reason on the line. Only the requesting agency can ask again. What is reserved already is
    declined by cancelling the loan.
    """
    return answer(await declining.decline_request_line(write, caller, request_id, line_id, data, if_match))


handlers = [decline_request_line]
