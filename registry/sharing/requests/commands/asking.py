"""Commands on requests: drafting, submission, approval, withdrawal and closing.

A request is locked first, then the chains of its decisions in the order of its lines. Loans lock only the chain that
they answer; so whether a loan was made meanwhile is checked after a chain was withdrawn, never before.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.taxonomy.queries import check_purpose
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, Forbidden, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import folded
from registry.platform.kernel.time import Window
from registry.platform.kernel.versions import Expected, check_read, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.commands.booking import lock
from registry.resources.assets.queries.describing import describe
from registry.resources.assets.queries.facts import asset_facts
from registry.sharing.policy.approvals import OWN_REQUEST, Verdict
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import (
    LoanAsked,
    answer_approvals,
    decide_ask,
    redecide,
    revoke_decision,
)
from registry.sharing.policy.commands.recording import Decided
from registry.sharing.policy.commands.weighing import check_unchanged
from registry.sharing.policy.decisions import ApprovalNeeded, Outcome
from registry.sharing.policy.queries.collecting import acting
from registry.sharing.policy.queries.getting import visible_decision
from registry.sharing.policy.schemas.decided import RequestReference
from registry.sharing.requests.commands.automatic_aid import send_automatically
from registry.sharing.requests.commands.lines import (
    asked_for,
    by_chain,
    check_lines,
    ended_by,
    fact,
    insert_lines,
    is_replaced,
    owners,
    place_of,
    record_for_agencies,
    stored_statuses,
    update_line,
    withdraw_line,
)
from registry.sharing.requests.commands.offers import keep_offered
from registry.sharing.requests.queries.acting import (
    answerable,
    any_changed,
    asks,
    changed_in,
    described_in,
    side_of,
    undecided,
    why_not_approved,
    window_over,
)
from registry.sharing.requests.queries.getting import get_request, request_rows
from registry.sharing.requests.queries.needs import is_need, people_in
from registry.sharing.requests.rules import (
    ENDED,
    FOLLOW_FROM_LOANS,
    IN_PLAY,
    OPEN,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    advance,
    advance_line,
    follow_lines,
    refuse,
    why_not_accepted,
    why_not_ended,
    why_not_submitted,
)
from registry.sharing.requests.schemas.given import ChangedAssetsAccepted, NewRequest
from registry.sharing.requests.schemas.shown import ResourceRequest
from registry.sharing.requests.tables import request

_INSERT = request.insert()
_ID = sa.bindparam("request", type_=request.c.id.type)
_UPDATE = request.update().where(request.c.id == _ID).values(version=request.c.version + 1)
_UPDATE_HEAD = _UPDATE.values(head_changes=request.c.head_changes + 1)
_LOCK = sa.select(request.c.id).where(request.c.id == _ID).with_for_update(key_share=True)

DECIDED_AS: dict[Outcome, LineAction] = {
    "permitted": LineAction.PERMIT,
    "needs_approval": LineAction.REQUIRE_APPROVAL,
    "denied": LineAction.DENY,
}
WORDS = ("purpose", "priority", "incident_number", "summary")
SHARED = frozenset(WORDS)
"""What every assisting agency reads of the request beside its own lines, as it was sent."""
_HEAD = frozenset({*(f"sent_{name}" for name in WORDS), "ended_reason"})
_ACCEPTED = "The requesting agency accepted the asset as it is now."
REVISED = "The requesting agency revised its request."


async def create_request(write: Write, caller: Caller, new: NewRequest) -> ResourceRequest:
    """Draft a request of the caller's agency.

    Raises RuleBroken for an unknown purpose and for a line that cannot be requested (see `check_lines`).
    """
    permit(caller.principal, Action.REQUESTS_CREATE, ["own"])
    await write.once()
    await check_purpose(write, new.purpose)
    lines = await check_lines(write, caller, new.lines)
    request_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": request_id,
            "requesting_agency_id": caller.agency_id,
            "status": RequestStatus.DRAFT,
            **{name: getattr(new, name) for name in WORDS},
            "search_text": folded(new.summary, new.incident_number),
            "asked_by": caller.principal.person,
            "head_changes": 1,
            "head_changed_at": caller.now,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    await insert_lines(write, caller, request_id, lines)
    record(
        write,
        caller,
        EventType.REQUEST_CREATED,
        subject=("request", request_id, 1),
        agencies=[caller.agency_id],
        data={"purpose": new.purpose, "priority": new.priority},
    )
    return await get_request(write, caller.principal, request_id, caller.now)


async def submit_request(
    write: Write, caller: Caller, policies: PolicySet, request_id: UUID, expected: Expected = None
) -> ResourceRequest:
    """Submit: each line that has no decision yet is decided separately; a denial is a valid result.

    Raises WrongStatus when there is nothing to submit, RuleBroken for a line whose time is over.
    """
    rows = await lock_request(write, caller, request_id)
    row = rows[0]
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    asked = undecided(rows)
    refuse(why_not_submitted(RequestStatus(row.status), undecided=bool(asked)))
    if (over := window_over(rows, caller.now)) is not None:
        raise RuleBroken(over, "window_over")
    touched: dict[UUID, list[dict[str, object]]] = defaultdict(list)
    made: dict[UUID, Decided] = {}
    told: dict[UUID, dict[str, object]] = {}
    # The requesting agency sees every line: what they are now needs no reading.
    now = {each.line_id: LineStatus(each.stored_status) for each in rows if counts(each)}
    for each in asked:
        if is_need(each):
            now[each.line_id] = await _open_need(write, caller, each)
            continue
        now[each.line_id], decided, made[each.line_id] = await decide_line(write, caller, policies, row, each)
        told[each.line_id] = decided
        touched[each.assisting_agency_id].append(decided)
    for line_id in await send_automatically(write, caller, policies, row, made):
        told[line_id]["automatic_aid"] = True
    sent = {f"sent_{name}": row._mapping[name] for name in (*WORDS, "search_text")}
    if all(row._mapping[name] == value for name, value in sent.items()):
        sent = {}  # what every assisting agency reads stays as it is
    await change_request(write, caller, row, status=follow_lines([*now.values()]), submitted_at=caller.now, **sent)
    record_for_agencies(
        write, caller, EventType.REQUEST_SUBMITTED, row, touched, {"purpose": row.purpose, "priority": row.priority}
    )
    return await get_request(write, caller.principal, request_id, caller.now)


def counts(row: Row[Any]) -> bool:
    """Whether a line counts for the status of its request, as stored: not one that is replaced, or only asked."""
    return not is_replaced(row) and (row.fills_no is None or row.stored_status in IN_PLAY)


async def _open_need(write: Write, caller: Caller, each: Row[Any]) -> LineStatus:
    """Submit the line of a need: nothing is decided before an agency offers an asset for it."""
    after = advance_line(LineStatus.DRAFT, LineAction.OPEN)
    asker = msgspec.to_builtins(acting(caller.principal))
    await update_line(write, caller, each.line_id, status=after, submitted_at=caller.now, asked_as=asker)
    return after


async def accept_changed_assets(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    request_id: UUID,
    accepted: ChangedAssetsAccepted,
    expected: Expected = None,
) -> ResourceRequest:
    """Accept, for the requesting agency, assets as they are now; each line is decided anew, and approvals are void.

    It binds that agency to what another changed: it is for people, no service does it.

    Raises RuleBroken for a line that the request does not have, WrongStatus when its asset has not changed, it has
    been answered or the request was closed or withdrawn, Conflict `asset_changed` when the asset is another version
    than the one named.
    """
    rows = await lock_request(write, caller, request_id)
    row = rows[0]
    permit(caller.principal, Action.REQUESTS_ACCEPT, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    refuse(why_not_accepted(RequestStatus(row.status), changed=any_changed(rows)))
    named = _named_lines(rows, accepted)
    # The chains before the assets, and in the order of the lines, as loans lock them.
    for each in by_chain(each for each, _ in named):
        await withdraw_line(write, caller, each, LineAction.REVISE, _ACCEPTED)
    for asset_id in sorted({each.asset_id for each, _ in named}):
        await lock(write, asset_id)
    touched: dict[UUID, list[dict[str, object]]] = defaultdict(list)
    for each, version in named:
        found = await asset_facts(write, each.asset_id)
        if found.version != version:
            check_unchanged(described_in(each), describe(found))
            raise Conflict("The asset was changed again; read it again.", "asset_changed", extra={"changed": []})
        _, decided, _ = await decide_line(write, caller, policies, row, each)
        touched[each.assisting_agency_id].append(decided)
    await change_request(write, caller, row)
    record_for_agencies(write, caller, EventType.REQUEST_CHANGED_ASSETS_ACCEPTED, row, touched, {})
    return await get_request(write, caller.principal, request_id, caller.now)


def _named_lines(rows: Sequence[Row[Any]], accepted: ChangedAssetsAccepted) -> list[tuple[Row[Any], int]]:
    """The lines that the body names, with the asset's version that it accepts."""
    by_no = {each.no: each for each in rows}
    found = []
    for index, line in enumerate(accepted.lines):
        each = by_no.get(line.line_no)
        if each is None:
            words = "The request has no such line."
            raise RuleBroken.at(words, "unknown_line", "no such line", pointer=f"/lines/{index}/line_no")
        if not changed_in(each):
            raise WrongStatus(f"Line {each.no} waits for nothing: its asset is as it was asked for.")
        found.append((each, line.asset_version))
    return found


async def decide_line(
    write: Write, caller: Caller, policies: PolicySet, row: Row[Any], each: Row[Any]
) -> tuple[LineStatus, dict[str, object], Decided]:
    """Decide a line of the request, store what came of it, and return it: as it is, for the ledger, and on what."""
    asked = LoanAsked(
        asset_id=each.asset_id,
        quantity=each.quantity,
        window=Window(start=each.starts_at, end=each.ends_at),
        purpose=row.purpose,
        priority=row.priority,
        requesting_agency_id=row.requesting_agency_id,
        place=place_of(each),
    )
    reference = RequestReference(id=row.id, line_no=each.no, incident_number=row.incident_number)
    made = await decide_ask(write, caller, policies, asked, reference)
    if each.fills_no is not None:
        await keep_offered(write, each, made.recorded.root_decision_id, people_in(each))
    after = advance_line(LineStatus.DRAFT, DECIDED_AS[made.recorded.outcome])
    await update_line(
        write,
        caller,
        each.line_id,
        status=after,
        decision_id=made.recorded.root_decision_id,
        submitted_at=caller.now,
        decided_at=None if after is LineStatus.NEEDS_APPROVAL else caller.now,
        awaited=awaited(made.decision_status.missing),
        **asked_for(made.asset),
    )
    return after, fact(each, after, made.recorded.id), made


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

    An approval decides again, because an agreement may have been suspended since, and it names the version that was
    read; a rejection, which binds nobody, may. Raises Forbidden for the person who asked, PreconditionMissing,
    StaleVersion, WrongStatus `nothing_to_approve`, Conflict `decision_worsened`.
    """
    rows = await lock_request(write, caller, request_id)
    row = rows[0]
    permit(caller.principal, Action.REQUESTS_APPROVE, [side_of(row, caller.principal)])
    if asks(rows, caller.principal):
        raise Forbidden(OWN_REQUEST, "own_request")
    await write.once()
    (check_read if verdict == "approved" else check_version)(expected, row.version_shown)
    if (nothing := why_not_approved(rows, caller.principal)) is not None:
        raise WrongStatus(nothing, "nothing_to_approve")
    touched: dict[UUID, list[dict[str, object]]] = defaultdict(list)
    for each in by_chain(answerable(rows, caller.principal)):
        after, decision_id, missing = LineStatus.NEEDS_APPROVAL, each.latest_id, tuple[ApprovalNeeded, ...]()
        decision = await visible_decision(write, caller.principal, decision_id)
        await answer_approvals(write, caller, decision, verdict, reason)
        if verdict == "rejected":
            after = advance_line(after, LineAction.REJECT)
        else:
            made = await redecide(write, caller, policies, decision, "approve")
            decision_id, missing = made.recorded.id, made.decision_status.missing
            after = advance_line(after, LineAction.APPROVE) if made.decision_status.satisfied else after
        settled: dict[str, object] = {} if after is LineStatus.NEEDS_APPROVAL else {"decided_at": caller.now}
        if after is LineStatus.REJECTED:
            settled |= ended_by(side_of(row, caller.principal), reason, caller.now)
        await update_line(write, caller, each.line_id, status=after, awaited=awaited(missing), **settled)
        touched[each.assisting_agency_id].append(fact(each, after, decision_id))
    await change_request(write, caller, row)
    record_for_agencies(
        write,
        caller,
        EventType.REQUEST_APPROVED if verdict == "approved" else EventType.REQUEST_REJECTED,
        row,
        touched,
        {"reason": reason},
    )
    return await get_request(write, caller.principal, request_id, caller.now)


async def withdraw_request(
    write: Write, caller: Caller, request_id: UUID, reason: str, expected: Expected = None
) -> ResourceRequest:
    """Withdraw the whole request; nothing can be reserved on it any more.

    Raises WrongStatus once a line is reserved.
    """
    rows = await lock_request(write, caller, request_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(rows[0], caller.principal)])
    return await _end(write, caller, rows, RequestAction.WITHDRAW, reason, expected)


async def close_request(
    write: Write, caller: Caller, request_id: UUID, reason: str, expected: Expected = None
) -> ResourceRequest:
    """Close a request that would otherwise stay open, as an approver of the requesting side; its loans continue."""
    rows = await lock_request(write, caller, request_id)
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
    check_version(expected, row.version_shown)
    refuse(why_not_ended(RequestStatus(row.status), action))
    after = advance(RequestStatus(row.status), action)
    event = EventType.REQUEST_WITHDRAWN if action is RequestAction.WITHDRAW else EventType.REQUEST_CLOSED
    touched: dict[UUID, list[dict[str, object]]] = defaultdict(list)
    touched.update({agency_id: [] for agency_id in owners(rows)})
    # What agencies answer to a need is ended before the need, which comes last.
    for each in by_chain(rows):
        if each.loan_id is not None and each.line_status in FOLLOW_FROM_LOANS:
            # The loan continues, but no further one can be made: should it be cancelled, this is why.
            await revoke_decision(write, caller, each.root_decision_id, reason)
            await update_line(write, caller, each.line_id, **ended_by("requesting", reason, caller.now))
        elif each.line_status in OPEN or (is_need(each) and each.stored_status in OPEN):
            settled = await withdraw_line(write, caller, each, LineAction.WITHDRAW, reason)
            if each.assisting_agency_id in touched and each.line_submitted_at is not None:
                touched[each.assisting_agency_id].append(fact(each, settled, each.latest_id))
    await change_request(write, caller, row, status=after, ended_reason=reason)
    record_for_agencies(write, caller, event, row, touched, {"reason": reason})
    return await get_request(write, caller.principal, row.id, caller.now)


async def lock_request(write: Write, caller: Caller, request_id: UUID) -> Sequence[Row[Any]]:
    """The request's rows, locked until the end of the transaction. Raises NotFound."""
    if not await write.fast(_LOCK, {"request": request_id}):
        raise NotFound("request")
    return await request_rows(write, caller.principal, request_id, caller.now)


async def change_request(write: Write, caller: Caller, row: Row[Any], **values: object) -> None:
    """Store the request's next version; unless its status is given, it follows its lines.

    What people set to an end stays so, whatever is given and whatever its lines are.
    """
    if row.stored in ENDED:
        values["status"] = row.stored
    elif "status" not in values:
        values["status"] = follow_lines(await stored_statuses(write, row.id))
    statement = _UPDATE
    if not _HEAD.isdisjoint(values):
        statement, values["head_changed_at"] = _UPDATE_HEAD, caller.now
    await write.run_fast(statement, {**values, "request": row.id, "updated_at": caller.now})


def awaited(missing: Sequence[ApprovalNeeded]) -> list[str]:
    return sorted({f"{need.role}@{need.side}" for need in missing})
