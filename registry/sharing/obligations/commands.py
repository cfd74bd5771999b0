"""Commands about obligations: a loan's steps open, move and close them; people meet and waive them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.platform.access.permissions import permit
from registry.platform.access.principals import REGISTRY, Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import act_time, format_instant
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.sharing.obligations.queries import (
    PERMISSIONS,
    as_obligation,
    breached,
    deadline_in,
    named_in,
    obligation_row,
    relations,
    standing_of,
)
from registry.sharing.obligations.rules import (
    NOT_YET,
    Moments,
    ObligationAction,
    ObligationStatus,
    Step,
    advance,
    after_step,
    begins_at,
    check_evidence,
    deadline,
    status_at,
)
from registry.sharing.obligations.schemas import (
    Obligation,
    ObligationAcceptance,
    ObligationContest,
    ObligationFulfilment,
    ObligationWaiver,
)
from registry.sharing.obligations.tables import obligation
from registry.sharing.policy.decisions import ObligationAttached
from registry.sharing.policy.schemas.decided import RequestReference

_INSERT = obligation.insert()
_ID = obligation.c.id.type
_LOCK = sa.select(obligation.c.id).where(obligation.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
_OF_LOAN = (
    sa.select(obligation)
    .where(obligation.c.loan_id == sa.bindparam("loan_id", type_=_ID))
    .order_by(obligation.c.id)
    .with_for_update()
)
_MOVE = obligation.update().where(obligation.c.id == sa.bindparam("obligation", type_=_ID))
MOST_AT_ONCE: Final = 500
UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
_UNTOLD = sa.and_(
    breached(), sa.or_(obligation.c.breached_at.is_(None), obligation.c.breached_at < obligation.c.due_at)
)
_BREACHED = (
    sa.select(obligation.c.id)
    .where(_UNTOLD)
    .order_by(obligation.c.due_at, obligation.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_STILL_BREACHED = sa.select(obligation).where(obligation.c.id == sa.bindparam("id", type_=_ID), _UNTOLD)
_EVENTS: Final = {
    ObligationAction.FULFIL: EventType.OBLIGATION_MET,
    ObligationAction.CONTEST: EventType.OBLIGATION_CONTESTED,
    ObligationAction.ACCEPT: EventType.OBLIGATION_ACCEPTED,
    ObligationAction.WAIVE: EventType.OBLIGATION_WAIVED,
}


class OfLoan(Struct, kw_only=True, frozen=True):
    """The loan that obliges: its ids, its two sides, and its times from which deadlines are counted."""

    loan_id: UUID
    request: RequestReference | None
    agreement_id: UUID
    asset_id: UUID
    asset_name: str
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    moments: Moments


class NewObligation(Struct, kw_only=True, frozen=True):
    """An obligation that is opened and will be stored when the transaction ends, with the columns of its row."""

    columns: Mapping[str, object]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.columns[name]
        except KeyError:
            raise AttributeError(name) from None


def open_obligations(
    write: Write, of: OfLoan, attached: Sequence[ObligationAttached], decision_id: UUID, now: datetime
) -> list[NewObligation]:
    """Open what a decision attaches to a loan. The rows are stored with the transaction's last ones."""
    opened = [NewObligation(columns=_columns(of, each, decision_id, now)) for each in attached]
    if opened:
        write.defer(_INSERT, [each.columns for each in opened])
    return opened


async def follow_loan(
    write: Write,
    caller: Caller,
    of: OfLoan,
    step: Step,
    attached: Sequence[ObligationAttached] | None = None,
    decision_id: UUID | None = None,
) -> None:
    """Bring a loan's obligations up to a step of it: deadlines move, and what the step settles is closed.

    `attached` is what the decision at this step attaches, if one was made: what is new among it is opened.
    """
    rows = await write.all(_OF_LOAN, {"loan_id": of.loan_id})
    asked = None if attached is None else {_of_policy(each) for each in attached}
    now = caller.now
    for row in rows:
        if row.status == ObligationStatus.PENDING and (values := _followed(row, of.moments, step, asked, now)):
            await write.run(_MOVE.values(values), {"obligation": row.id})
            if (closed := values.get("status")) is not None:
                met = closed == ObligationStatus.MET
                event = EventType.OBLIGATION_MET if met else EventType.OBLIGATION_LAPSED
                _record(write, caller, row, event, {"loan_step": step})
    if attached is not None and decision_id is not None:
        known = {(row.layer, row.policy_id) for row in rows}
        new = [each for each in attached if _of_policy(each) not in known]
        open_obligations(write, of, new, decision_id, now)


async def follow_agreed_time(write: Write, of: OfLoan, said_at: datetime, agreed_at: datetime, now: datetime) -> None:
    """Date anew what counts from an act of the loan, once both sides agree that it was done at another time.

    Deadlines move, also of what was met since; what the act itself met was met when it was done.
    """
    for row in await write.all(_OF_LOAN, {"loan_id": of.loan_id}):
        if row.status not in (ObligationStatus.PENDING, ObligationStatus.MET, ObligationStatus.CONTESTED):
            continue
        values = _dated(row, of.moments)
        if row.status == ObligationStatus.MET and row.closed_by is None and row.occurred_at == said_at:
            values["occurred_at"] = agreed_at
        if values:
            moved = {**values, "version": row.version + 1, "updated_at": now}
            await write.run(_MOVE.values(moved), {"obligation": row.id})


def _of_policy(attached: ObligationAttached) -> tuple[str, str]:
    """By what a loan's obligations are told apart; decisions from before layers were named are the baseline's."""
    return attached.layer or "baseline", attached.policy_id


def _followed(
    row: Row[Any], moments: Moments, step: Step, asked: set[tuple[str, str]] | None, now: datetime
) -> dict[str, object]:
    """What changes in a pending obligation's row; empty where nothing does."""
    still_asked = asked is None or (row.layer, row.policy_id) in asked
    status = after_step(row.code, row.due, step, moments, still_asked=still_asked)
    values = _dated(row, moments)
    if status is not ObligationStatus.PENDING:
        done_at = moments.ended_at if step == "returned" else moments.dispatched_at
        occurred_at = done_at if status is ObligationStatus.MET else None
        values |= {"status": status, "closed_at": now, "occurred_at": occurred_at}
    return values and {**values, "version": row.version + 1, "updated_at": now}


def _dated(row: Row[Any], moments: Moments) -> dict[str, object]:
    """What the loan's times change of an obligation's own; empty where nothing does."""
    due = deadline(row.code, row.due, row.within_hours, moments, row.created_at)
    values: dict[str, object] = {}
    if due != deadline_in(row):
        values |= {"due_at": due.at, "reminder": due.reminder}
    if (possible_from := begins_at(row.due, row.created_at, moments)) != row.begins_at:
        values["begins_at"] = possible_from
    return values


async def fulfil_obligation(
    write: Write, caller: Caller, obligation_id: UUID, fulfilment: ObligationFulfilment, expected: Expected = None
) -> Obligation:
    """Record that the caller's agency met what it owes.

    What is contested is said anew, and may be contested again. Raises NotFound, Forbidden, WrongStatus for one that is
    closed, or of which that has not come that it speaks of, RuleBroken without anything that shows it, or for a time
    before that or yet to come.
    """
    row, status = await _begin(write, caller, obligation_id, ObligationAction.FULFIL, expected)
    check_evidence(fulfilment.statement, fulfilment.evidence_sha256)
    occurred_at = act_time(fulfilment.occurred_at, caller.now, row.begins_at, NOT_YET[row.due])
    values = {
        "occurred_at": occurred_at,
        "statement": fulfilment.statement,
        "evidence_sha256": list(fulfilment.evidence_sha256),
    }
    told: dict[str, object] = {
        "occurred_at": format_instant(occurred_at),
        "evidence_sha256": list(fulfilment.evidence_sha256),
    }
    return await _finish(write, caller, row, ObligationAction.FULFIL, {**values, "status": status}, told)


async def contest_obligation(
    write: Write, caller: Caller, obligation_id: UUID, contest: ObligationContest, expected: Expected = None
) -> Obligation:
    """Contest, for the agency to which it is owed, that an obligation was met: both say what they say.

    Raises NotFound, Forbidden for what it owes itself, WrongStatus for what is not met, was met by a step of the loan,
    was accepted, or could be contested until earlier.
    """
    row, status = await _begin(write, caller, obligation_id, ObligationAction.CONTEST, expected)
    values = {"status": status, "contested_reason": contest.reason, "contested_at": caller.now}
    return await _finish(write, caller, row, ObligationAction.CONTEST, values, {"reason": contest.reason})


async def accept_obligation(
    write: Write, caller: Caller, obligation_id: UUID, acceptance: ObligationAcceptance, expected: Expected = None
) -> Obligation:
    """Accept, for the agency that contested it, that an obligation was met as was said. It is contested no more.

    Raises NotFound, Forbidden, WrongStatus for what is not contested.
    """
    row, status = await _begin(write, caller, obligation_id, ObligationAction.ACCEPT, expected)
    told = {} if acceptance.note is None else {"note": acceptance.note}
    return await _finish(write, caller, row, ObligationAction.ACCEPT, {"status": status}, told)


async def waive_obligation(
    write: Write, caller: Caller, obligation_id: UUID, waiver: ObligationWaiver, expected: Expected = None
) -> Obligation:
    """Record that the caller's agency does without what is owed to it.

    Raises NotFound, Forbidden for what it owes itself, WrongStatus for one that is closed or rests on law.
    """
    row, status = await _begin(write, caller, obligation_id, ObligationAction.WAIVE, expected)
    values = {"status": status, "waived_reason": waiver.reason}
    return await _finish(write, caller, row, ObligationAction.WAIVE, values, {"reason": waiver.reason})


async def record_breaches(read: Read, unit_of_work: UnitOfWork, now: datetime) -> int:
    """Tell both sides of each deadline that came without being met, each in a transaction of its own; how many.

    An obligation reads `breached` from that instant on; the record follows within minutes. Where its deadline moves
    later and passes again, that is told again.
    """
    done = 0
    for found in await read.all(_BREACHED, {"now": now, "most": MOST_AT_ONCE}):
        async with unit_of_work() as write:
            await write.value(_LOCK, {"id": found.id})
            row = await write.first(_STILL_BREACHED, {"id": found.id, "now": now})
            if row is None:
                continue  # it was met, moved or recorded meanwhile
            # Recorded by the registry for the agency that owes it; no person of it acted.
            caller = Caller(principal=replace(REGISTRY, agency_id=row.owing_agency_id), now=now, trace_id=new_id().hex)
            values = {"breached_at": row.due_at, "version": row.version + 1, "updated_at": now}
            await write.run(_MOVE.values(values), {"obligation": row.id})
            _record(write, caller, row, EventType.OBLIGATION_BREACHED, {"due": format_instant(row.due_at)}, row.due_at)
            done += 1
    return done


async def _begin(
    write: Write, caller: Caller, obligation_id: UUID, action: ObligationAction, expected: Expected
) -> tuple[Row[Any], ObligationStatus]:
    """The row, locked, and its status after the action. The lock makes of two who close it the second late."""
    await write.value(_LOCK, {"id": obligation_id})
    row = await obligation_row(write, caller.principal, obligation_id)
    permit(caller.principal, PERMISSIONS[action], relations(caller.principal, row))
    await write.once()
    check_version(expected, row.version)
    status = status_at(ObligationStatus(row.status), deadline_in(row), caller.now)
    return row, advance(status, action, standing_of(row, caller.now))


async def _finish(
    write: Write,
    caller: Caller,
    row: Row[Any],
    action: ObligationAction,
    values: Mapping[str, object],
    told: Mapping[str, object],
) -> Obligation:
    version = row.version + 1
    closes = action in (ObligationAction.FULFIL, ObligationAction.WAIVE)
    closed = {"closed_by": caller.agency_id, "closed_at": caller.now} if closes else {}
    changed = {**values, **closed, "version": version, "updated_at": caller.now}
    await write.run(_MOVE.values(changed), {"obligation": row.id})
    _record(write, caller, row, _EVENTS[action], told)
    after = await obligation_row(write, caller.principal, row.id)
    return as_obligation(after, named_in(after), caller.principal, caller.now)


def _record(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event: EventType,
    told: Mapping[str, object],
    occurred_at: datetime | None = None,
) -> None:
    record(
        write,
        caller,
        event,
        subject=("obligation", row.id, row.version + 1),
        agencies=[row.owing_agency_id, row.owed_agency_id],
        agreement_id=row.agreement_id,
        data={"loan_id": str(row.loan_id), "code": row.code, **told},
        occurred_at=occurred_at,
    )


def _columns(of: OfLoan, each: ObligationAttached, decision_id: UUID, now: datetime) -> dict[str, object]:
    due = deadline(each.code, each.due, each.within_hours, of.moments, now)
    sides = {"requesting": of.requesting_agency_id, "assisting": of.assisting_agency_id}
    other = "assisting" if each.owed_by == "requesting" else "requesting"
    return {
        "id": new_id(),
        "loan_id": of.loan_id,
        "request_id": of.request.id if of.request else None,
        "line_no": of.request.line_no if of.request else None,
        "incident_number": of.request.incident_number if of.request else None,
        "agreement_id": of.agreement_id,
        "decision_id": decision_id,
        "asset_id": of.asset_id,
        "asset_name": of.asset_name,
        "owing_agency_id": sides[each.owed_by],
        "owed_agency_id": sides[other],
        "owed_by": each.owed_by,
        "code": each.code,
        "title": each.title,
        "reason": each.reason,
        "citation": each.citation,
        "clause": each.clause,
        "policy_id": each.policy_id,
        "layer": _of_policy(each)[0],
        "due": each.due,
        "within_hours": each.within_hours,
        "due_at": due.at,
        "reminder": due.reminder,
        "begins_at": begins_at(each.due, now, of.moments),
        "status": ObligationStatus.PENDING,
        "breached_at": None,
        "occurred_at": None,
        "statement": None,
        "evidence_sha256": [],
        "contested_reason": None,
        "contested_at": None,
        "waived_reason": None,
        "closed_by": None,
        "closed_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
