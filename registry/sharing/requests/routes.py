"""Operations on requests."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import REFUSALS
from registry.sharing.requests.commands import asking
from registry.sharing.requests.queries import getting, listing
from registry.sharing.requests.schemas import (
    NEW_REQUEST_EXAMPLE,
    ChangedAssetsAccepted,
    NewRequest,
    RequestEnding,
    RequestPage,
    RequestPatch,
    RequestQuery,
    RequestVerdict,
    ResourceRequest,
)


def _answer(found: ResourceRequest, *, created: bool = False) -> Answer[ResourceRequest]:
    derived = [
        (line.status, line.awaiting, line.decision and line.decision.id, line.loan, line.asset_changed)
        for line in found.lines
    ]
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, derived, found.allowed_actions),
        location=f"/v1/requests/{found.id}" if created else None,
    )


@operation("get", "/requests", permission=Action.REQUESTS_READ, query=RequestQuery)
async def list_requests(
    read: Supplied[Read],
    filters: Supplied[RequestQuery],
    caller: Supplied[Caller],
) -> Answer[RequestPage]:
    """List the requests that the own agency made or is asked by."""
    return Answer(await listing.list_requests(read, caller.principal, filters, caller.now))


@operation(
    "post",
    "/requests",
    permission=Action.REQUESTS_CREATE,
    problems=(
        "line_taken",
        "own_asset",
        "quantity_over_capacity",
        "unknown_asset",
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
    return _answer(await asking.create_request(write, caller, data), created=True)


@operation("get", "/requests/{request_id:uuid}", permission=Action.REQUESTS_READ, etag=True)
async def get_request(
    request_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[ResourceRequest]:
    """Read one request with its lines, how they were decided, and the loans that answer them.

    An assisting agency sees the lines that ask for its own assets, once they have been submitted.
    """
    return _answer(await getting.get_request(read, caller.principal, request_id, caller.now))


@operation(
    "patch",
    "/requests/{request_id:uuid}",
    permission=Action.REQUESTS_UPDATE,
    problems=(
        "line_taken",
        "no_lines",
        "own_asset",
        "quantity_over_capacity",
        "unknown_asset",
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
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Edit a draft, or revise a request until help is reserved.

    Revising what is asked takes decisions and approvals back; submit again to have it decided anew. A change of summary
    or notes alone leaves them standing.
    """
    return _answer(await asking.update_request(write, caller, request_id, data, if_match))


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
    return _answer(await asking.submit_request(write, caller, policies, request_id, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/accept-changed-assets",
    permission=Action.REQUESTS_UPDATE,
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
    return _answer(await asking.accept_changed_assets(write, caller, policies, request_id, data, if_match))


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
)
async def approve_request(
    request_id: FromPath[UUID],
    data: JSONBody[RequestVerdict],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Approve, for the own side, every line that waits for it; each is decided again first."""
    return _answer(await asking.answer_request(write, caller, policies, request_id, "approved", data.reason, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/reject",
    permission=Action.REQUESTS_APPROVE,
    status=200,
    problems=(
        "already_answered",
        "decision_rejected",
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
    return _answer(await asking.answer_request(write, caller, policies, request_id, "rejected", data.reason, if_match))


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
    return _answer(await asking.withdraw_request(write, caller, request_id, data.reason, if_match))


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
    return _answer(await asking.close_request(write, caller, request_id, data.reason, if_match))


@operation("get", "/requests/{request_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_request_history(
    request_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to a request, as far as it concerns the own agency."""
    await getting.get_request(read, caller.principal, request_id, caller.now)
    return Answer(await history(read, caller.principal, "request", request_id, filters))


router = Router(
    path="/v1",
    route_handlers=[
        list_requests,
        create_request,
        get_request,
        update_request,
        submit_request,
        accept_changed_assets,
        approve_request,
        reject_request,
        withdraw_request,
        close_request_manually,
        list_request_history,
    ],
)
