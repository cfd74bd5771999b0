"""The command with which an assisting agency declines a line."""

from uuid import UUID

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.sharing.loans.commands.steps import edxl
from registry.sharing.loans.edxl import DECLINED
from registry.sharing.policy.commands.deciding import decline_decision
from registry.sharing.requests.commands.asking import change_request
from registry.sharing.requests.commands.lines import ended_by, fact, record_for_agencies, refuse_answered, update_line
from registry.sharing.requests.commands.mending import line_of
from registry.sharing.requests.queries.getting import get_request, side_of
from registry.sharing.requests.rules import LineAction, LineStatus, advance_line, why_not_declined
from registry.sharing.requests.schemas import LineDecline, ResourceRequest


async def decline_request_line(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID, why: LineDecline, expected: Expected = None
) -> ResourceRequest:
    """Decline, for the assisting agency, what a line asks for: nothing is lent on its decision any more.

    It may always do so before it lends. Only the requesting agency can ask again. Raises NotFound, Forbidden on the
    other side, StaleVersion, and WrongStatus when the line is decided otherwise, or a loan answers it.
    """
    row, each, _ = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_ANSWER, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version)
    if (reason := why_not_declined(LineStatus(each.line_status))) is not None:
        raise WrongStatus(reason)
    after = advance_line(LineStatus(each.line_status), LineAction.DECLINE)
    await decline_decision(write, caller, each.root_decision_id, why.reason_code, why.reason)
    await refuse_answered(write, each)
    await update_line(
        write,
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
    record_for_agencies(write, caller, "request.line_declined", row, told, data)
    return await get_request(write, caller.principal, request_id, caller.now)
