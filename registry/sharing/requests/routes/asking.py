"""Operations on whole requests: drafted, submitted, approved, withdrawn and closed."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import REFUSALS
from registry.sharing.requests.commands import asking, editing
from registry.sharing.requests.routes.answering import answer
from registry.sharing.requests.schemas.given import (
    NEW_REQUEST_EXAMPLE,
    ChangedAssetsAccepted,
    NewRequest,
    RequestEnding,
    RequestPatch,
    RequestVerdict,
)
from registry.sharing.requests.schemas.shown import ResourceRequest


@operation(
    "post",
    "/requests",
    permission=Action.REQUESTS_CREATE,
    problems=(
        "asset_or_need",
        "bad_attribute_filter",
        "level_not_on_scale",
        "line_taken",
        "own_asset",
        "quantity_over_capacity",
        "unknown_asset",
        "unknown_capability",
        "unknown_category",
        "unknown_purpose",
        "window_reversed",
        "window_too_long",
    ),
    example=NEW_REQUEST_EXAMPLE,
    etag=True,
)
async def create_request(
    data: JSONBody[NewRequest], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[ResourceRequest]:
    """Draft a request; nobody else sees it until it is submitted."""
    return answer(await asking.create_request(write, caller, data), created=True)


@operation(
    "patch",
    "/requests/{request_id:uuid}",
    permission=Action.REQUESTS_UPDATE,
    problems=(
        "asset_or_need",
        "bad_attribute_filter",
        "level_not_on_scale",
        "line_taken",
        "no_lines",
        "own_asset",
        "quantity_over_capacity",
        "too_many_lines",
        "unknown_asset",
        "unknown_capability",
        "unknown_category",
        "unknown_purpose",
        "window_reversed",
        "window_too_long",
        "wrong_status",
    ),
    example={"priority": "urgent", "summary": "Dog team for a vehicle search, tonight (demo)."},
    etag=True,
)
async def update_request(
    request_id: FromPath[UUID],
    data: JSONBody[RequestPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Edit a draft, or revise what no loan answers yet of a request, whatever was decided on it.

    Revising what is asked takes decisions and approvals back; submit again to have it decided anew. A line that was
    denied, rejected or declined stays beside the one that asks in its place. The agencies that are asked read what you
    sent until then. A change of summary or notes alone leaves decisions standing, but not approvals: who approved had
    read other words, and the line waits for them again.
    """
    return answer(await editing.update_request(write, caller, policies, request_id, data, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/submit",
    permission=Action.REQUESTS_UPDATE,
    status=200,
    problems=("no_lines", "window_over", "wrong_status"),
    etag=True,
)
async def submit_request(
    request_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Ask: each line is decided by itself, with reasons.

    A denial is an answer, not an error: read each line's status and decision.
    """
    return answer(await asking.submit_request(write, caller, policies, request_id, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/accept-changed-assets",
    permission=Action.REQUESTS_ACCEPT,
    status=200,
    problems=("asset_changed", "unknown_line", "wrong_status"),
    example={"lines": [{"line_no": 1, "asset_version": 3}]},
    etag=True,
)
async def accept_changed_assets(
    request_id: FromPath[UUID],
    data: JSONBody[ChangedAssetsAccepted],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Accept assets as they are now, after their owner changed what was asked for.

    Each of the lines is decided anew; approvals given so far are void.
    """
    return answer(await asking.accept_changed_assets(write, caller, policies, request_id, data, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/approve",
    permission=Action.REQUESTS_APPROVE,
    status=200,
    problems=(
        "already_answered",
        "asset_changed",
        *REFUSALS["approve"],
        "not_the_approver",
        "nothing_to_approve",
        "own_request",
        "wrong_status",
    ),
    example={"reason": "Two dog teams remain on duty (demo)."},
    etag=True,
    approves_what_was_read=True,
)
async def approve_request(
    request_id: FromPath[UUID],
    data: JSONBody[RequestVerdict],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Approve, for the own side, every line that waits for it; each is decided again first.

    An approval is of the words that you read: name them by the ETag of your reading. When they were changed since, the
    answer is 412 and nothing is approved.
    """
    return answer(await asking.answer_request(write, caller, policies, request_id, "approved", data.reason, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/reject",
    permission=Action.REQUESTS_APPROVE,
    status=200,
    problems=(
        "already_answered",
        "decision_declined",
        "decision_rejected",
        "decision_suspended",
        "decision_withdrawn",
        "not_the_approver",
        "nothing_to_approve",
        "own_request",
        "wrong_status",
    ),
    example={"reason": "The team is needed at home that night (demo)."},
    etag=True,
)
async def reject_request(
    request_id: FromPath[UUID],
    data: JSONBody[RequestVerdict],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Reject, for the own side, every line that waits for its approval."""
    return answer(await asking.answer_request(write, caller, policies, request_id, "rejected", data.reason, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/withdraw",
    permission=Action.REQUESTS_UPDATE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "The search was called off (demo)."},
    etag=True,
)
async def withdraw_request(
    request_id: FromPath[UUID],
    data: JSONBody[RequestEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Take a request back before help is reserved; nothing can be reserved on it afterwards."""
    return answer(await asking.withdraw_request(write, caller, request_id, data.reason, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/close-manually",
    permission=Action.REQUESTS_APPROVE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "The rest of the help is not needed any more (demo)."},
    etag=True,
)
async def close_request_manually(
    request_id: FromPath[UUID],
    data: JSONBody[RequestEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Close what would otherwise stay open; loans that were made run on by themselves.

    For an approver of the requesting agency.
    """
    return answer(await asking.close_request(write, caller, request_id, data.reason, if_match))


handlers = [
    create_request,
    update_request,
    submit_request,
    accept_changed_assets,
    approve_request,
    reject_request,
    withdraw_request,
    close_request_manually,
]
