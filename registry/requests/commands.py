"""Everything that changes a request: drafting, submission, approval, and its end.

A request is locked first, then the chains of its decisions in the order of its lines. Loans lock only the chain they
answer; so whether a loan came in between is looked at after a chain has been taken back, never before.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import UNSET
from sqlalchemy.engine import Row

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.database.handles import Write
from registry.kernel.errors import Fault, Forbidden, NotFound, RuleBroken, WrongState
from registry.kernel.ids import new_id
from registry.kernel.time import Window
from registry.kernel.versions import Expected, check_version
from registry.ledger.commands import changes, record
from registry.policy.approvals import Verdict
from registry.policy.cedar import PolicySet
from registry.policy.commands import answer_approvals, decide_ask, redecide, revoke_decision, satisfied
from registry.policy.schemas import ApprovalNeeded, Outcome
from registry.requests.lines import (
    OPEN,
    check_lines,
    edited,
    insert_lines,
    place_of,
    replace_lines,
    stored_statuses,
    take_back,
    tell,
    update_line,
)
from registry.requests.queries import answerable, as_request, asks, get_request, request_rows, side_of
from registry.requests.rules import (
    FOLLOWING,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    advance,
    advance_line,
    follow_lines,
    void_approvals_on,
)
from registry.requests.schemas import NewRequest, RequestPatch, ResourceRequest
from registry.requests.tables import request
from registry.taxonomy.tables import purpose

_INSERT = request.insert()
_ID = sa.bindparam("request", type_=request.c.id.type)
_UPDATE = request.update().where(request.c.id == _ID)
_LOCK = sa.select(request.c.id).where(request.c.id == _ID).with_for_update(key_share=True)
_PURPOSE = sa.select(purpose.c.code).where(purpose.c.code == sa.bindparam("code"))

_DECIDED_AS: dict[Outcome, LineAction] = {
    "permitted": LineAction.PERMIT,
    "needs_approval": LineAction.REQUIRE_APPROVAL,
    "denied": LineAction.DENY,
}
_WORDS = ("purpose", "priority", "incident_number", "summary")
_REVISED = "The requesting agency revised its request."


async def create_request(write: Write, caller: Caller, new: NewRequest) -> ResourceRequest:
    """Draft a request of the caller's agency. Raises RuleBroken for an unknown purpose and for a line that cannot be
    asked (see `check_lines`).
    """
    permit(caller.principal, Action.REQUESTS_CREATE, ["own"])
    await write.once()
    await _check_purpose(write, new.purpose)
    lines = await check_lines(write, caller, new.lines)
    request_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": request_id,
            "requesting_agency_id": caller.agency_id,
            "status": RequestStatus.DRAFT,
            **{name: getattr(new, name) for name in _WORDS},
            "asked_by": caller.principal.subject,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    await insert_lines(write, request_id, lines)
    await record(
        write,
        caller,
        "request.created",
        subject=("request", request_id, 1),
        agencies=[caller.agency_id],
        data={"purpose": new.purpose, "priority": new.priority},
    )
    return await get_request(write, caller.principal, request_id, caller.now)


async def update_request(
    write: Write, caller: Caller, request_id: UUID, patch: RequestPatch, expected: Expected
) -> ResourceRequest:
    """Edit a draft, or revise what was submitted: that is taken back, and decided anew once it is submitted again.

    An edit of words alone (summary, notes) leaves decisions and approvals standing. Raises StaleVersion,
    PreconditionMissing, WrongState once a loan answers a line or asking has ended, RuleBroken as `create_request`.
    """
    rows = await _locked(write, caller, request_id)
    row, status, stored = rows[0], RequestStatus(rows[0].status), RequestStatus(rows[0].stored)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    check_version(expected, row.version, required=True)
    given = {name: value for name in _WORDS if (value := getattr(patch, name)) is not UNSET}
    changed = changes({name: row._mapping[name] for name in given}, given)
    if "summary" in changed:
        changed["summary"] = {"changed": True}  # free text may name people, and the ledger never forgets
    if "purpose" in changed:
        await _check_purpose(write, given["purpose"])
    open_rows = [each for each in rows if each.stored_status in OPEN]
    lines = [] if patch.lines is UNSET else await check_lines(write, caller, patch.lines)
    if lines:
        changed |= edited(open_rows, lines)
    if not changed:
        return as_request(rows, caller.principal, caller.now)
    if status is not RequestStatus.DRAFT:
        if void_approvals_on(changed):
            stored = advance(status, RequestAction.REVISE)
        elif status not in FOLLOWING:
            raise WrongState(f"A request that is {status} is not edited any more.")
    if "lines" in changed:
        await replace_lines(write, caller, rows, lines, _REVISED)
    elif "note" in changed:
        for each, line in zip(open_rows, lines, strict=True):
            await update_line(write, each.line_id, note=line.new.note)
    if "lines" not in changed and void_approvals_on(changed):
        for each in open_rows:
            if each.stored_status != LineStatus.DRAFT:
                await take_back(write, caller, each, LineAction.REVISE, _REVISED)
    await _change(write, caller, row, status=stored, **{name: given[name] for name in given if name in changed})
    touched = {each.assisting_agency_id: () for each in rows if each.line_submitted_at is not None}
    await tell(write, caller, "request.updated", row, touched, changed)
    return await get_request(write, caller.principal, request_id, caller.now)


async def submit_request(
    write: Write, caller: Caller, policies: PolicySet, request_id: UUID, expected: Expected = None
) -> ResourceRequest:
    """Ask: every line that is not decided yet is decided by itself; a denial is an answer like any other.

    Raises WrongState when there is nothing to submit, RuleBroken for a line whose time is over.
    """
    rows = await _locked(write, caller, request_id)
    row = rows[0]
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version)
    advance(RequestStatus(row.status), RequestAction.SUBMIT)
    asked = [each for each in rows if each.stored_status == LineStatus.DRAFT]
    for each in asked:
        if each.ends_at <= caller.now:
            raise RuleBroken(f"The time that line {each.no} asks for is over.", "window_over")
    touched: dict[UUID, list[dict[str, object]]] = defaultdict(list)
    for each in asked:
        made = await decide_ask(
            write,
            caller,
            policies,
            asset_id=each.asset_id,
            quantity=each.quantity,
            window=Window(start=each.starts_at, end=each.ends_at),
            purpose=row.purpose,
            priority=row.priority,
            requesting_agency_id=row.requesting_agency_id,
            action_at="request",
            requested_at=caller.now,
            place=place_of(each),
        )
        after = advance_line(LineStatus.DRAFT, _DECIDED_AS[made.outcome])
        _, missing = await satisfied(write, made.id)
        await update_line(
            write,
            each.line_id,
            status=after,
            decision_id=made.root_id,
            submitted_at=caller.now,
            decided_at=None if after is LineStatus.NEEDS_APPROVAL else caller.now,
            awaited=_awaited(missing),
        )
        touched[each.assisting_agency_id].append(_fact(each, after, made.id))
    await _change(write, caller, row, submitted_at=caller.now)
    await tell(write, caller, "request.submitted", row, touched, {"purpose": row.purpose, "priority": row.priority})
    return await get_request(write, caller.principal, request_id, caller.now)


async def answer_request(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    request_id: UUID,
    verdict: Verdict,
    reason: str,
    expected: Expected = None,
) -> ResourceRequest:
    """Approve or reject, for the caller's own side, every line that waits for an approval which the caller can give.

    Approval decides anew: an agreement may have been suspended since. Raises Forbidden for whoever asked, WrongState
    `nothing_to_approve`, Conflict `decision_worsened`.
    """
    rows = await _locked(write, caller, request_id)
    row = rows[0]
    permit(caller.principal, Action.REQUESTS_APPROVE, [side_of(row, caller.principal)])
    if asks(rows, caller.principal):
        raise Forbidden("You asked for this yourself; somebody else has to approve it.", "own_request")
    await write.once()
    check_version(expected, row.version)
    mine = answerable(rows, caller.principal, caller.now)
    if not mine:
        raise WrongState("No line of this request waits for your approval.", "nothing_to_approve")
    touched: dict[UUID, list[dict[str, object]]] = defaultdict(list)
    for each in mine:
        after, decision_id, missing = LineStatus.NEEDS_APPROVAL, each.latest_id, list[ApprovalNeeded]()
        await answer_approvals(write, caller, decision_id, verdict, reason)
        if verdict == "rejected":
            after = advance_line(after, LineAction.REJECT)
        else:
            decision_id = (await redecide(write, caller, policies, decision_id, "approve")).id
            complete, missing = await satisfied(write, decision_id)
            after = advance_line(after, LineAction.APPROVE) if complete else after
        settled = {} if after is LineStatus.NEEDS_APPROVAL else {"decided_at": caller.now}
        await update_line(write, each.line_id, status=after, awaited=_awaited(missing), **settled)
        touched[each.assisting_agency_id].append(_fact(each, after, decision_id))
    await _change(write, caller, row)
    await tell(write, caller, f"request.{verdict}", row, touched, {"reason": reason})
    return await get_request(write, caller.principal, request_id, caller.now)


async def withdraw_request(
    write: Write, caller: Caller, request_id: UUID, reason: str, expected: Expected = None
) -> ResourceRequest:
    """Take the whole request back; nothing can be reserved on it any more. Raises WrongState once help is reserved."""
    rows = await _locked(write, caller, request_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(rows[0], caller.principal)])
    return await _end(write, caller, rows, RequestAction.WITHDRAW, reason, expected)


async def close_request(
    write: Write, caller: Caller, request_id: UUID, reason: str, expected: Expected = None
) -> ResourceRequest:
    """Close what would otherwise stay open, by an approver of the requesting side; loans run on by themselves."""
    rows = await _locked(write, caller, request_id)
    side = side_of(rows[0], caller.principal)
    permit(caller.principal, Action.REQUESTS_APPROVE, [side])
    if side != "requesting":
        raise Forbidden("A request is closed by the requesting agency; yours is not.")
    return await _end(write, caller, rows, RequestAction.CLOSE_MANUALLY, reason, expected)


async def _end(
    write: Write, caller: Caller, rows: Sequence[Row[Any]], action: RequestAction, reason: str, expected: Expected
) -> ResourceRequest:
    row = rows[0]
    await write.once()
    check_version(expected, row.version)
    after = advance(RequestStatus(row.status), action)
    touched: dict[UUID, list[dict[str, object]]] = defaultdict(list)
    for each in rows:
        if each.line_submitted_at is not None:
            touched[each.assisting_agency_id] += ()
        if each.line_status == LineStatus.RESERVED:
            await revoke_decision(write, caller, each.root_id, reason)  # the loan runs on, but no other is made
        elif each.stored_status in OPEN:
            settled = await take_back(write, caller, each, LineAction.WITHDRAW, reason)
            if each.line_submitted_at is not None:
                touched[each.assisting_agency_id].append(_fact(each, settled, each.latest_id))
    await _change(write, caller, row, status=after, ended_reason=reason)
    await tell(write, caller, f"request.{after}", row, touched, {"reason": reason})
    return await get_request(write, caller.principal, row.id, caller.now)


async def _locked(write: Write, caller: Caller, request_id: UUID) -> Sequence[Row[Any]]:
    """The request's rows, nobody else changing it until the end of the transaction. Raises NotFound."""
    if await write.value(_LOCK, {"request": request_id}) is None:
        raise NotFound("request")
    return await request_rows(write, caller.principal, request_id, caller.now)


async def _change(write: Write, caller: Caller, row: Row[Any], **values: object) -> None:
    """The request's next version; unless it is given, its stored status follows its lines."""
    if "status" not in values:
        values["status"] = follow_lines(RequestStatus.SUBMITTED, await stored_statuses(write, row.id))
    await write.run(_UPDATE.values(**values, version=request.c.version + 1, updated_at=caller.now), {"request": row.id})


async def _check_purpose(write: Write, code: str) -> None:
    if await write.value(_PURPOSE, {"code": code}) is None:
        raise RuleBroken(
            "There is no such purpose; the list is at /v1/purposes.",
            "unknown_purpose",
            faults=[Fault(pointer="/purpose", code="unknown_purpose", detail="no such purpose")],
        )


def _awaited(missing: Sequence[ApprovalNeeded]) -> list[str]:
    return sorted({f"{need.role}@{need.side}" for need in missing})


def _fact(row: Row[Any], after: LineStatus, decision_id: UUID | None) -> dict[str, object]:
    return {
        "id": str(row.line_id),
        "no": row.no,
        "status": {"from": row.stored_status, "to": after},
        **({"decision_id": str(decision_id)} if decision_id else {}),
    }
