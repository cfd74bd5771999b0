"""Commands by which the other side contests when an act was done, and by which that is settled."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import format_instant
from registry.platform.kernel.versions import Expected
from registry.resources.allocations.rules import Bookable
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.commands.planning import hold_from_return
from registry.resources.assets.rules import Grade
from registry.sharing.loans.commands.fitting_hours import check_agreed
from registry.sharing.loans.commands.steps import begin_word, finish, noted, obliging
from registry.sharing.loans.queries.used_hours import last_part
from registry.sharing.loans.rules import LoanAction
from registry.sharing.loans.schemas.given import TimeAnswer, TimeContestation
from registry.sharing.loans.schemas.shown import Loan
from registry.sharing.loans.tables import loan_time_contest
from registry.sharing.loans.times import (
    SAID_IN,
    Contested,
    TimeContestStatus,
    TimedAct,
    contest_of,
    other_time,
)
from registry.sharing.obligations.commands import follow_agreed_time

_SETTLE = loan_time_contest.update().where(
    loan_time_contest.c.id == sa.bindparam("contest_id", type_=loan_time_contest.c.id.type)
)
_LAPSE = (
    loan_time_contest.update()
    .where(
        loan_time_contest.c.loan_id == sa.bindparam("loan", type_=loan_time_contest.c.id.type),
        loan_time_contest.c.act == sa.bindparam("of_act", type_=sa.Text),
        loan_time_contest.c.status == TimeContestStatus.OPEN.value,
    )
    .values(
        status=TimeContestStatus.LAPSED.value,
        settled_at=sa.bindparam("at", type_=loan_time_contest.c.contested_at.type),
    )
)


async def contest_time(
    write: Write, caller: Caller, loan_id: UUID, contest: TimeContestation, expected: Expected = None
) -> Loan:
    """Contest, for the other side and within its time, when an act was done. Nothing else of the loan changes.

    Raises WrongStatus for an own act, one that was not recorded, that is contested, agreed on or stands; RuleBroken
    `not_then` for a time at which it cannot have been done, or that is the one said.
    """
    row, caller, _ = await begin_word(write, caller, loan_id, LoanAction.CONTEST_TIME, contest.act, expected)
    acts = dict(row._mapping)
    at = other_time(contest.act, contest.occurred_at, acts, caller.now)
    said_at = acts[SAID_IN[contest.act]]
    other = row.requesting_agency_id if caller.agency_id == row.assisting_agency_id else row.assisting_agency_id
    await write.run(
        loan_time_contest.insert(),
        {
            "id": new_id(),
            "loan_id": loan_id,
            "act": contest.act,
            "said_at": said_at,
            "other_said_at": at,
            "reason": contest.reason,
            "status": TimeContestStatus.OPEN,
            "saying_agency_id": other,
            "contesting_agency_id": caller.agency_id,
            "contested_at": caller.now,
        },
    )
    data = {**_words(contest.act, said_at, at), "reason": contest.reason}
    return await finish(write, caller, row, LoanAction.CONTEST_TIME, {}, data)


async def accept_time(
    write: Write, caller: Caller, loan_id: UUID, answer: TimeAnswer, expected: Expected = None
) -> Loan:
    """Accept, for the side whose act it is, the time that the other one says: it is the loan's time from now on.

    What was said stays shown in the contest and in the history. What is counted from the act follows.

    Raises WrongStatus for what is not contested, for the side that contests it, and for a time that does not fit any
    more what both have agreed on since.
    """
    return await _settle(write, caller, loan_id, LoanAction.ACCEPT_TIME, answer, TimeContestStatus.ACCEPTED, expected)


async def withdraw_contest(
    write: Write, caller: Caller, loan_id: UUID, answer: TimeAnswer, expected: Expected = None
) -> Loan:
    """Withdraw, for the side that contests it, that an act was done at another time. Raises WrongStatus otherwise."""
    action = LoanAction.WITHDRAW_CONTEST
    return await _settle(write, caller, loan_id, action, answer, TimeContestStatus.WITHDRAWN, expected)


async def _settle(
    write: Write,
    caller: Caller,
    loan_id: UUID,
    action: LoanAction,
    answer: TimeAnswer,
    status: TimeContestStatus,
    expected: Expected,
) -> Loan:
    row, caller, contests = await begin_word(write, caller, loan_id, action, answer.act, expected)
    found: Contested = contest_of(answer.act, contests)
    asset: Bookable | None = None
    if status is TimeContestStatus.ACCEPTED and found.act in (TimedAct.DISPATCH, TimedAct.RETURN):
        asset = await lock_for_booking(write, row.asset_id)
        await check_agreed(write, asset, row, found, caller.now)
    await write.run(_SETTLE, {"contest_id": found.id, "status": status, "settled_at": caller.now})
    data = {**_words(found.act, found.said_at, found.other_said_at), **noted(answer.note)}
    agreed = {SAID_IN[found.act]: found.other_said_at} if status is TimeContestStatus.ACCEPTED else {}
    if agreed:
        of = obliging(row, agreed, caller.now)
        await follow_agreed_time(write, of, found.said_at, found.other_said_at, caller.now)
    if asset is not None and found.act is TimedAct.RETURN and not _came_back_damaged(row):
        await hold_from_return(
            write,
            caller,
            asset,
            loan_id,
            last_part(row),
            owner_id=row.assisting_agency_id,
            said_at=found.said_at,
            returned_at=found.other_said_at,
        )
    return await finish(write, caller, row, action, agreed, data)


def _came_back_damaged(row: Row[Any]) -> bool:
    return bool(msgspec.json.decode(row.condition_in)["grade"] == Grade.DAMAGED)


async def lapse_contests(write: Write, loan_id: UUID, act: TimedAct, now: datetime) -> None:
    """Close what is contested of an act that is recorded anew: the word that was contested is no more."""
    await write.run(_LAPSE, {"loan": loan_id, "of_act": act, "at": now})


def _words(act: TimedAct, said_at: datetime, other_said_at: datetime) -> dict[str, object]:
    return {"act": act, "said_at": format_instant(said_at), "other_said_at": format_instant(other_said_at)}
