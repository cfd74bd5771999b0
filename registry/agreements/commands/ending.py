"""What stops an agreement from binding: suspension, termination for all, a party's own notice."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.commands.holding import advanced, changed, held
from registry.agreements.commands.windows import rewrite_windows
from registry.agreements.in_force import withdrawal_ends_at
from registry.agreements.queries import OPEN_END, get_agreement
from registry.agreements.rules import AgreementAction, Stage, may_leave
from registry.agreements.schemas import Agreement, Termination, WithdrawalNotice
from registry.agreements.tables import agreement, agreement_party, agreement_suspension
from registry.database.handles import Write
from registry.kernel.errors import Fault, RuleBroken, WrongState
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
_OWN_PART = sa.select(agreement_party.c.joined_at, agreement_party.c.withdrawal_notice_on).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
_GIVE_NOTICE = agreement_party.update().where(
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
    """End the agreement for all parties, at once or later; never for the past. Raises RuleBroken, WrongState."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    stage = advanced(row, AgreementAction.TERMINATE)
    given = termination.effective_at
    at = caller.now if given is None else checked_instant(given, "/effective_at")
    if at < caller.now:
        raise _too_early("/effective_at", "An agreement is terminated from now on or later, not for the past.")
    told = {"reason": termination.reason, "effective_at": format_instant(at)}
    return await _ended(write, caller, row, "terminated", told, stage=stage, terminated_at=at)


async def give_notice(
    write: Write, caller: Caller, agreement_id: UUID, notice: WithdrawalNotice, expected: Expected
) -> Agreement:
    """Announce that the own agency leaves; it is bound until its notice period has run out.

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
    ends_at = withdrawal_ends_at(notice.notice_on, row.notice_days, row.time_zone)
    if ends_at <= caller.now:
        raise _too_early("/notice_on", "A notice of that day would have run out already.")
    await write.run(
        _GIVE_NOTICE,
        {"its_id": row.id, "its_agency": caller.agency_id, "withdrawal_notice_on": notice.notice_on},
    )
    told = {
        "agency_id": str(caller.agency_id),
        "notice_on": notice.notice_on,
        "bound_until": format_instant(ends_at),
        "reason": notice.reason,
    }
    return await _ended(write, caller, row, "notice_given", told)


async def _ended(
    write: Write, caller: Caller, row: Row[Any], event: str, told: Mapping[str, object], **values: object
) -> Agreement:
    await changed(write, caller, row, event, told, **values)
    await rewrite_windows(write, row.id)
    return await get_agreement(write, caller.principal, row.id, caller.now)


def _too_early(pointer: str, detail: str) -> RuleBroken:
    return RuleBroken(detail, "not_then", faults=[Fault(pointer=pointer, code="not_then", detail=detail)])
