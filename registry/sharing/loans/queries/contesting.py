"""What is contested of loans: of one loan, as criteria for those who count by times, and what waits for a word."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.database.types import Instant
from registry.sharing.loans.rules import LoanStatus, Side
from registry.sharing.loans.schemas.shown import LoanedAsset, TimeContest
from registry.sharing.loans.tables import loan, loan_time_contest
from registry.sharing.loans.times import Contested, TimeContestStatus, TimedAct, done_by

_ID, _AT = loan.c.id.type, loan.c.updated_at.type
_VIEWER = sa.bindparam("viewer", type_=_ID)
_OPEN = sa.literal_column(f"'{TimeContestStatus.OPEN}'", sa.Text)
_DISPATCH, _RETURN = (sa.literal_column(f"'{act}'", sa.Text) for act in (TimedAct.DISPATCH, TimedAct.RETURN))
_OF_LOAN = (
    sa.select(loan_time_contest)
    .where(loan_time_contest.c.loan_id == sa.bindparam("loan_id", type_=_ID))
    .order_by(loan_time_contest.c.id)
)
TIMES_CONTESTED = sa.exists().where(loan_time_contest.c.loan_id == loan.c.id)
"""A criterion: a time of the loan is contested, or was."""
TIME_DISPUTED = sa.exists().where(loan_time_contest.c.loan_id == loan.c.id, loan_time_contest.c.status == _OPEN)
"""A criterion: a time of the loan is contested, and nobody has settled that."""


async def contests_of(read: Read, row: Row[Any]) -> Sequence[Row[Any]]:
    """What is or was contested of the loan's times, oldest first. `row` is as from `loan_rows`."""
    return await read.fast(_OF_LOAN, {"loan_id": row.id}) if row.times_contested else ()


def facts_of(rows: Sequence[Row[Any]]) -> list[Contested]:
    """The same for the rules."""
    return [
        Contested(
            id=row.id,
            act=TimedAct(row.act),
            said_at=row.said_at,
            other_said_at=row.other_said_at,
            status=TimeContestStatus(row.status),
        )
        for row in rows
    ]


def as_time_contest(row: Row[Any]) -> TimeContest:
    """The representation of one."""
    act = TimedAct(row.act)
    return TimeContest(
        id=row.id,
        act=act,
        said_at=row.said_at,
        said_by=done_by(act),
        other_said_at=row.other_said_at,
        reason=row.reason,
        status=TimeContestStatus(row.status),
        contested_at=row.contested_at,
        settled_at=row.settled_at,
    )


def disputed_at(act: TimedAct) -> sa.ColumnElement[Any]:
    """The other side's time of the act while it is contested; NULL where it is not."""
    disputed = (
        sa.select(loan_time_contest.c.other_said_at)
        .where(
            loan_time_contest.c.loan_id == loan.c.id,
            loan_time_contest.c.act == sa.literal_column(f"'{act}'", sa.Text),
            loan_time_contest.c.status == _OPEN,
        )
        .correlate(loan)
    )
    return sa.type_coerce(disputed.scalar_subquery(), Instant)


def said_otherwise_after(at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """A criterion: the other side contests the time of an act, and says that it was done at that instant or later."""
    return sa.exists().where(
        loan_time_contest.c.loan_id == loan.c.id,
        loan_time_contest.c.status == _OPEN,
        loan_time_contest.c.other_said_at >= at,
    )


_K = InboxKind
_NEEDED: Final = dict.fromkeys((_K.CONTESTED_TIME, _K.NO_SHOW, _K.DAMAGE_FOUND), Action.LOANS_CONTEST)
_SETTLED_BY: Final = {
    _K.CONTESTED_TIME: ("accept_loan_time", "accept-time"),
    _K.NO_SHOW: ("contest_loan_no_show", "contest-no-show"),
    _K.DAMAGE_FOUND: ("contest_loan_damage", "contest-damage"),
}
_TASKS: Final = {
    _K.CONTESTED_TIME: "Accept the time that the other agency says, or leave both words standing.",
    _K.NO_SHOW: "Contest the no-show that the other agency reported, or let it stand.",
    _K.DAMAGE_FOUND: "Contest the damage that its owner found once it was back, or let it stand.",
}
_ONCE_CONTESTED: Final = {
    _K.NO_SHOW: (
        "Withdraw the no-show that the other agency contests, or leave both words standing.",
        ("withdraw_loan_no_show", "withdraw-no-show"),
    ),
    _K.DAMAGE_FOUND: (
        "Withdraw the damage that the other agency contests, or leave both words standing.",
        ("withdraw_loan_damage", "withdraw-damage"),
    ),
}
_partner = agency.alias("partner")
_LIMIT = sa.bindparam("limit", type_=sa.Integer)


def _waiting(kind: InboxKind, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    names = ("id", "loan_id", "waiting_from", "is_contested", "met")
    return sa.select(
        sa.literal_column(f"'{kind}'", sa.Text).label("waits_for"),
        *(column.label(name) for name, column in zip(names, columns, strict=True)),
        loan.c.asset_snapshot,
        _partner.c.id.label("partner_id"),
        _partner.c.name.label("partner_name"),
    )


def _met() -> sa.ColumnElement[bool]:
    """A criterion: another loan had some of the asset between the two times of a departure or a return."""
    said, instead, other = loan_time_contest.c.said_at, loan_time_contest.c.other_said_at, loan.alias("other")
    had_until = sa.func.coalesce(other.c.returned_at, other.c.lost_at, type_=_AT)
    between = sa.exists().where(
        other.c.asset_id == loan.c.asset_id,
        other.c.id != loan.c.id,
        other.c.dispatched_at < sa.case((said < instead, instead), else_=said),
        sa.or_(had_until.is_(None), had_until > sa.case((said < instead, said), else_=instead)),
    )
    return sa.and_(loan_time_contest.c.act.in_([_DISPATCH, _RETURN]), between.correlate(loan, loan_time_contest))


def _contested_times(*, own: bool) -> sa.Select[Any]:
    contest = loan_time_contest.c
    mine, other = contest.saying_agency_id, contest.contesting_agency_id
    if not own:
        mine, other = other, mine
    return (
        _waiting(_K.CONTESTED_TIME, contest.id, contest.loan_id, contest.contested_at, sa.true(), _met())
        .select_from(loan_time_contest.join(loan, loan.c.id == contest.loan_id).join(_partner, _partner.c.id == other))
        .where(mine == _VIEWER, contest.status == _OPEN, contest.id > sa.bindparam("after_contest", type_=_ID))
        .order_by(contest.id)
        .limit(_LIMIT)
    )


def _no_shows(mine: Side, *, own: bool) -> sa.Select[Any]:
    """Reports that wait for a word: not contested, of the other side for the own one; contested, of the own side.

    Where they wait for the partner it is the other way round. They are read by what has changed since.
    """
    other = Side.REQUESTING if mine is Side.ASSISTING else Side.ASSISTING
    since = sa.bindparam("since", type_=_AT)
    contested = loan.c.no_show_contested_at.is_not(None)
    waits_from = sa.func.coalesce(loan.c.no_show_contested_at, loan.c.no_show_reported_at, type_=_AT)
    reporter, contester = (other.value, mine.value) if own else (mine.value, other.value)
    after = sa.tuple_(sa.bindparam("after_report", type_=_AT), sa.bindparam("after_loan", type_=_ID))
    return (
        _waiting(_K.NO_SHOW, loan.c.id, loan.c.id, waits_from, contested, sa.false())
        .select_from(loan.join(_partner, _partner.c.id == loan.c[f"{other}_agency_id"]))
        .where(
            loan.c[f"{mine}_agency_id"] == _VIEWER,
            loan.c.updated_at > since,
            loan.c.status == LoanStatus.NO_SHOW.value,
            loan.c.ended_side == sa.case((contested, contester), else_=reporter),
            waits_from > since,
            loan.c.no_show_withdrawn_at.is_(None),
            sa.tuple_(waits_from, loan.c.id) > after,
        )
        .order_by(waits_from, loan.c.id)
        .limit(_LIMIT)
    )


def _damages(mine: Side, *, own: bool) -> sa.Select[Any]:
    """Damage that was found afterwards: not contested it waits for who had it, contested for its owner."""
    other = Side.REQUESTING if mine is Side.ASSISTING else Side.ASSISTING
    since = sa.bindparam("since", type_=_AT)
    contested = loan.c.damage_contested_at.is_not(None)
    waits_from = sa.func.coalesce(loan.c.damage_contested_at, loan.c.damage_reported_at, type_=_AT)
    after = sa.tuple_(sa.bindparam("after_damage", type_=_AT), sa.bindparam("after_damaged", type_=_ID))
    waits = contested if (mine is Side.ASSISTING) is own else sa.not_(contested)
    return (
        _waiting(_K.DAMAGE_FOUND, loan.c.id, loan.c.id, waits_from, contested, sa.false())
        .select_from(loan.join(_partner, _partner.c.id == loan.c[f"{other}_agency_id"]))
        .where(
            loan.c[f"{mine}_agency_id"] == _VIEWER,
            loan.c.updated_at > since,
            loan.c.damage_reported_at.is_not(None),
            loan.c.damage_withdrawn_at.is_(None),
            waits,
            waits_from > since,
            sa.tuple_(waits_from, loan.c.id) > after,
        )
        .order_by(waits_from, loan.c.id)
        .limit(_LIMIT)
    )


@cache
def _statement(kinds: tuple[InboxKind, ...], own: bool) -> sa.Select[Any]:
    """The next entries of each kind in one statement, each from its side's index."""
    pages = [_contested_times(own=own)] if _K.CONTESTED_TIME in kinds else []
    if _K.NO_SHOW in kinds:
        pages += [_no_shows(side, own=own) for side in Side]
    if _K.DAMAGE_FOUND in kinds:
        pages += [_damages(side, own=own) for side in Side]
    return sa.select(sa.union_all(*(sa.select(page.subquery()) for page in pages)).subquery())


_read_asset = msgspec.json.Decoder(LoanedAsset).decode


def _may(principal: Principal, kind: InboxKind) -> bool:
    return any(refusal(principal, _NEEDED[kind], [side.value]) is None for side in Side)


async def waiting_words(read: Read, asked: Asked) -> list[InboxEntry]:
    """Times that are contested, for who said them; no-shows and damage, for who may contest, then who reported."""
    kinds = tuple(kind for kind in _NEEDED if asked.whose != "me" or _may(asked.principal, kind))
    if not kinds:
        return []
    parameters: dict[str, object] = {"viewer": asked.principal.agency_id, "limit": asked.limit}
    if _K.CONTESTED_TIME in kinds:
        parameters["after_contest"] = asked.after_id(_K.CONTESTED_TIME)
    if _K.NO_SHOW in kinds:
        after_due, parameters["after_loan"] = asked.after_due(_K.NO_SHOW)
        parameters["after_report"] = after_due - CONTEST_PERIOD
        parameters["since"] = asked.as_of - CONTEST_PERIOD
    if _K.DAMAGE_FOUND in kinds:
        after_due, parameters["after_damaged"] = asked.after_due(_K.DAMAGE_FOUND)
        parameters["after_damage"] = after_due - CONTEST_PERIOD
        parameters["since"] = asked.as_of - CONTEST_PERIOD
    rows = await read.all_slowly(_statement(kinds, asked.whose != "partners"), parameters)
    return [_entry(row, asked) for row in rows]


def _entry(row: Row[Any], asked: Asked) -> InboxEntry:
    kind, path = InboxKind(row.waits_for), f"/v1/loans/{row.loan_id}"
    theirs, task, (operation, verb) = asked.whose == "partners", _TASKS[kind], _SETTLED_BY[kind]
    if kind in _ONCE_CONTESTED and row.is_contested:
        task, (operation, verb) = _ONCE_CONTESTED[kind]
    offered = not theirs and not row.met and _may(asked.principal, kind)  # where another had it, the loan says more
    return InboxEntry(
        id=row.id,
        kind=kind,
        subject=InboxSubject(kind="loan", id=row.loan_id, name=_read_asset(row.asset_snapshot).name, path=path),
        task=f"{row.partner_name}: {task}" if theirs else task,
        late=False,
        due_at=row.waiting_from + CONTEST_PERIOD if kind in _ONCE_CONTESTED else None,
        waiting_from=row.waiting_from,
        partner=AgencyReference(id=row.partner_id, name=row.partner_name),
        action=InboxAction(operation=operation, path=f"{path}/{verb}") if offered else None,
    )
