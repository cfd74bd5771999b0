"""What stops an agreement from binding: suspension, termination for all, a party's own notice."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.commands.amending import withdraw_open_amendment
from registry.agreements.commands.holding import advanced, changed, held
from registry.agreements.commands.windows import rewrite_windows
from registry.agreements.in_force import day_starts_at, term_ends, withdrawal_ends_at
from registry.agreements.queries import OPEN_END, agreement_row, get_agreement, renewal_of
from registry.agreements.rules import AgreementAction, Stage, last_notice_day, may_leave
from registry.agreements.schemas import Agreement, Supersession, Termination, WithdrawalNotice
from registry.agreements.tables import agreement, agreement_party, agreement_suspension
from registry.database.handles import Write
from registry.kernel.errors import Fault, NotFound, RuleBroken, WrongState
from registry.kernel.time import checked_instant, format_instant
from registry.kernel.versions import Expected

_INSERT = agreement_suspension.insert()
_INSTANT = agreement_suspension.c.ends_at.type
_NOW = sa.bindparam("now", type_=_INSTANT)
_BEGUN = agreement_suspension.c.starts_at
# Of two requests at once the one that waited may have been the first to read the clock.
_LIFT = (
    agreement_suspension.update()
    .where(
        agreement_suspension.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
        agreement_suspension.c.ends_at == sa.bindparam("open_end", type_=_INSTANT),
    )
    .values(ends_at=sa.case((_BEGUN > _NOW, _BEGUN), else_=_NOW))
)
_OWN_PART = sa.select(
    agreement_party.c.joined_at, agreement_party.c.withdrawal_notice_on, agreement_party.c.leaves_at
).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
_OWN_NOTICE = agreement_party.update().where(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)


async def suspend(write: Write, caller: Caller, agreement_id: UUID, reason: str, expected: Expected) -> Agreement:
    """Stop the agreement from binding anybody until it is reinstated. Raises WrongState."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    stage = advanced(row, AgreementAction.SUSPEND)
    await write.run(_INSERT, {"agreement_id": row.id, "starts_at": caller.now, "ends_at": OPEN_END})
    return await _ended(write, caller, row, "suspended", {"reason": reason}, stage=stage)


async def reinstate(write: Write, caller: Caller, agreement_id: UUID, reason: str, expected: Expected) -> Agreement:
    """Let a suspended agreement bind again, from now on. Raises WrongState."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    stage = advanced(row, AgreementAction.REINSTATE)
    await write.run(_LIFT, {"its_id": row.id, "open_end": OPEN_END, "now": caller.now})
    return await _ended(write, caller, row, "reinstated", {"reason": reason}, stage=stage)


async def terminate(
    write: Write, caller: Caller, agreement_id: UUID, termination: Termination, expected: Expected
) -> Agreement:
    """End the agreement for all parties, at once or later; never for the past, and with notice not before it runs out.

    Raises RuleBroken, WrongState.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    stage = advanced(row, AgreementAction.TERMINATE)
    earliest = caller.now
    if termination.ground == "notice":
        today = caller.now.astimezone(ZoneInfo(row.time_zone)).date()
        earliest = withdrawal_ends_at(today, row.notice_days, row.time_zone)
    given = termination.effective_at
    at = earliest if given is None else checked_instant(given, "/effective_at")
    if at < caller.now:
        raise _too_early("/effective_at", "An agreement is terminated from now on or later, not for the past.")
    if at < earliest:
        detail = f"Notice of {row.notice_days} days given today runs out at {format_instant(earliest)}, not before."
        raise _too_early("/effective_at", detail)
    told = {"ground": termination.ground, "reason": termination.reason, "effective_at": format_instant(at)}
    await withdraw_open_amendment(write, caller, row.id)
    return await _ended(write, caller, row, "terminated", told, stage=stage, terminated_at=at)


async def supersede(
    write: Write, caller: Caller, agreement_id: UUID, supersession: Supersession, expected: Expected
) -> Agreement:
    """End the agreement because another that is executed takes its place. Raises RuleBroken, WrongState."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    stage = advanced(row, AgreementAction.SUPERSEDE)
    successor_id = supersession.by_agreement_id
    try:
        successor = await agreement_row(write, caller.principal, successor_id)
    except NotFound:
        raise _no_successor("There is no such agreement, or it is not visible to you.") from None
    if successor_id == agreement_id or Stage(successor.stage) is not Stage.EXECUTED or not successor.shared:
        raise _no_successor("It must be another agreement that is executed and that your agency is a party to.")
    given = supersession.effective_at
    at = caller.now if given is None else checked_instant(given, "/effective_at")
    if at < caller.now:
        raise _too_early("/effective_at", "An agreement is superseded from now on or later, not for the past.")
    told = {"by": str(successor_id), "reason": supersession.reason, "effective_at": format_instant(at)}
    await withdraw_open_amendment(write, caller, row.id)
    values = {"stage": stage, "terminated_at": at, "superseded_by": successor_id}
    return await _ended(write, caller, row, "superseded", told, **values)


def _no_successor(detail: str) -> RuleBroken:
    return RuleBroken(
        detail, "no_successor", faults=[Fault(pointer="/by_agreement_id", code="no_successor", detail=detail)]
    )


async def give_notice(
    write: Write, caller: Caller, agreement_id: UUID, notice: WithdrawalNotice, expected: Expected
) -> Agreement:
    """Announce that the own agency leaves; it is bound until its notice period, or the term, has run out.

    A notice on paper may be entered some days late, as long as the period has not run out: nobody leaves for the past.
    A termination that is yet to come keeps nobody from leaving before it. Raises RuleBroken, WrongState for an agency
    that is not bound or has given notice already.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    own = await write.first(_OWN_PART, {"id": row.id, "agency_id": caller.agency_id})
    if not may_leave(Stage(row.stage), row.terminated_at, caller.now) or own is None or own.joined_at is None:
        raise WrongState("Your agency is not bound by this agreement, so there is nothing to withdraw from.")
    if own.withdrawal_notice_on is not None:
        raise WrongState(f"Your agency gave notice on {own.withdrawal_notice_on} already.")
    today = caller.now.astimezone(ZoneInfo(row.time_zone)).date()
    if notice.notice_on > today:
        raise _too_early("/notice_on", f"It is {today} there: notice is given on a day that has come.")
    leaves_at = _leaves_at(row, notice)
    if leaves_at <= caller.now:
        raise _too_early("/notice_on", "A notice of that day would have run out already.")
    values = {"withdrawal_notice_on": notice.notice_on, "notice_kind": notice.kind, "leaves_at": leaves_at}
    await write.run(_OWN_NOTICE, {"its_id": row.id, "its_agency": caller.agency_id, **values})
    told = {
        "agency_id": str(caller.agency_id),
        "kind": notice.kind,
        "notice_on": notice.notice_on,
        "bound_until": format_instant(leaves_at),
        "reason": notice.reason,
    }
    return await _ended(write, caller, row, "notice_given", told)


def _leaves_at(row: Row[Any], notice: WithdrawalNotice) -> datetime:
    """When the notice has run out. Raises RuleBroken where there is no term that it could keep from being renewed."""
    runs_out_at = withdrawal_ends_at(notice.notice_on, row.notice_days, row.time_zone)
    if notice.kind == "withdrawal":
        return runs_out_at
    renewal = renewal_of(row)
    if row.expires_on is None or renewal is None:
        detail = "The agreement does not renew itself, so there is no renewal to decline."
        raise RuleBroken(detail, "no_renewal", faults=[Fault(pointer="/kind", code="no_renewal", detail=detail)])
    for ends_on in term_ends(row.expires_on, renewal, notice.notice_on):
        if notice.notice_on <= last_notice_day(ends_on, row.notice_days):
            return day_starts_at(ends_on + timedelta(days=1), ZoneInfo(row.time_zone))
    return runs_out_at  # too late for the last term: it ends by itself before that


async def rescind_notice(
    write: Write, caller: Caller, agreement_id: UUID, reason: str, expected: Expected
) -> Agreement:
    """Take the own notice back while it is still running. Raises WrongState where there is none, or it has run out."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    own = await write.first(_OWN_PART, {"id": row.id, "agency_id": caller.agency_id})
    if own is None or own.leaves_at is None or own.leaves_at <= caller.now:
        raise WrongState("Your agency has no notice that is still running.")
    values = {"withdrawal_notice_on": None, "notice_kind": None, "leaves_at": None}
    await write.run(_OWN_NOTICE, {"its_id": row.id, "its_agency": caller.agency_id, **values})
    return await _ended(write, caller, row, "notice_rescinded", {"agency_id": str(caller.agency_id), "reason": reason})


async def _ended(
    write: Write, caller: Caller, row: Row[Any], event: str, told: Mapping[str, object], **values: Any
) -> Agreement:
    await changed(write, caller, row, event, told, **values)
    await rewrite_windows(write, row.id, caller.now)
    return await get_agreement(write, caller.principal, row.id, caller.now)


def _too_early(pointer: str, detail: str) -> RuleBroken:
    return RuleBroken(detail, "not_then", faults=[Fault(pointer=pointer, code="not_then", detail=detail)])
