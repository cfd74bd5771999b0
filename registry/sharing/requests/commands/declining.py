"""The command with which an assisting agency declines a line."""

from uuid import UUID

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.sharing.loans.commands.steps import edxl
from registry.sharing.loans.edxl import DECLINED
from registry.sharing.policy.commands.deciding import decline_decision
from registry.sharing.requests.commands.asking import change_request
from registry.sharing.requests.commands.lines import ended_by, fact, record_for_agencies, refuse_answered, update_line
from registry.sharing.requests.commands.mending import line_of
from registry.sharing.requests.commands.sourcing import go_on
from registry.sharing.requests.queries.acting import side_of
from registry.sharing.requests.queries.getting import get_request
from registry.sharing.requests.rules import LineAction, LineStatus, RequestStatus, advance_line, why_not_declined
from registry.sharing.requests.schemas.given import LineDecline
from registry.sharing.requests.schemas.shown import ResourceRequest


async def decline_request_line(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID, why: LineDecline, expected: Expected = None
) -> ResourceRequest:
    """Decline, for the assisting agency, what a line asks for: nothing is lent on its decision any more.

    It may always do so before it lends. Only the requesting agency can ask again. Raises NotFound, Forbidden on the
    other side, StaleVersion, and WrongStatus when the line is decided otherwise, a loan answers it, or the
    request was closed or withdrawn.
    """
    row, each, _ = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_ANSWER, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    if (reason := why_not_declined(RequestStatus(row.status), LineStatus(each.line_status))) is not None:
        raise WrongStatus(reason)
    after = advance_line(LineStatus(each.line_status), LineAction.DECLINE)
    if each.root_decision_id is not None:  # else it was asked for something, and has offered nothing that counts
        await decline_decision(write, caller, each.root_decision_id, why.reason_code, why.reason)
        await refuse_answered(write, each)
    await update_line(
        write,
        caller,
        line_id,
        status=after,
        awaited=[],
        decline_reason=why.reason_code,
        decided_at=each.line_decided_at or caller.now,
        **ended_by("assisting", why.reason, caller.now),
    )
    await change_request(write, caller, row)
    data = {"reason_code": why.reason_code, "reason": why.reason, "edxl": edxl(DECLINED)}
    told = {each.assisting_agency_id: [fact(each, after, each.latest_id)]}
    record_for_agencies(write, caller, EventType.REQUEST_LINE_DECLINED, row, told, data)
    if each.fills_no is not None:
        await go_on(write, row, each.fills_no, caller.now, recorded=1)
    return await get_request(write, caller.principal, request_id, caller.now)
