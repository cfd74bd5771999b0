"""Operations of the requesting agency on one line."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.requests.commands import mending
from registry.sharing.requests.routes.answering import answer
from registry.sharing.requests.schemas.given import LINE_PATCH_EXAMPLE, RequestEnding, RequestLinePatch
from registry.sharing.requests.schemas.shown import ResourceRequest


@operation(
    "patch",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}",
    permission=Action.REQUESTS_UPDATE,
    problems=(
        "asset_or_need",
        "bad_attribute_filter",
        "level_not_on_scale",
        "own_asset",
        "quantity_over_capacity",
        "too_many_lines",
        "unknown_asset",
        "unknown_capability",
        "unknown_category",
        "window_reversed",
        "window_too_long",
        "wrong_status",
    ),
    example=LINE_PATCH_EXAMPLE,
    etag=True,
)
async def update_request_line(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    data: JSONBody[RequestLinePatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Edit a line that no loan answers: another asset, other dates, another quantity; then submit the request.

    What was submitted is not rewritten: a draft asks in its place (`replaces_line_no`). A line that was denied,
    rejected or declined stays as it is beside it, with the reason; any other one is withdrawn. The version in If-Match
    is that of the request.
    """
    return answer(await mending.update_request_line(write, caller, policies, request_id, line_id, data, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}/ask-again",
    permission=Action.REQUESTS_UPDATE,
    status=200,
    problems=("too_many_lines", "window_over", "wrong_status"),
    etag=True,
)
async def ask_request_line_again(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Ask once more what was denied, rejected or declined, as it stands: it is decided anew.

    Another line asks in its place; the earlier one stays beside it, with the reason.
    """
    return answer(await mending.ask_request_line_again(write, caller, policies, request_id, line_id, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}/withdraw",
    permission=Action.REQUESTS_UPDATE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "One team will do (demo)."},
    etag=True,
)
async def withdraw_request_line(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    data: JSONBody[RequestEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Take one line back before a loan answers it, also of a partly filled request, or give up one that was refused.

    What was denied, rejected or declined keeps that beside your reason (`refused`). With its last line the request is
    withdrawn.
    """
    return answer(await mending.withdraw_request_line(write, caller, request_id, line_id, data.reason, if_match))


handlers = [update_request_line, ask_request_line_again, withdraw_request_line]
