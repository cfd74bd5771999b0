"""What waits for somebody on loans: hand-overs, returns, recalls and answers."""

from datetime import timedelta
from functools import cache
from itertools import groupby
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import refusal
from registry.platform.database.handles import Read
from registry.sharing.loans.hindrances import TASKS, Hindrance
from registry.sharing.loans.queries.asset_warnings import Planned, missing_for
from registry.sharing.loans.queries.awaiting import AWAITS, RECALLED, due_back
from registry.sharing.loans.queries.changed_assets import may_be_changed, waiting_changed_loans
from registry.sharing.loans.queries.changed_texts import may_be_refused, waiting_changed_texts
from registry.sharing.loans.queries.extending import why_not_accepted
from registry.sharing.loans.queries.getting import (
    AT,
    SHOWN,
    SIDE_COLUMNS,
    VIEWER,
    as_loan,
    named_in,
    permission_for,
)
from registry.sharing.loans.queries.hindrances import hindrance, moment
from registry.sharing.loans.rules import TRANSITIONS, AwaitedStep, LoanAction, Side, early_window
from registry.sharing.loans.schemas.shown import Loan, LoanedAsset
from registry.sharing.loans.tables import loan, loan_extension

HORIZON: Final = timedelta(days=7)
"""How long before its planned time a hand-over or a return is shown."""

_K = InboxKind
_NOW = sa.bindparam("now", type_=AT)
_HORIZON_AT = sa.bindparam("horizon_at", type_=AT)


class _Wait(Struct, frozen=True):
    """One way in which a loan waits: for which side, for which action, and for how its entry is worded.

    What hinders reserved help has words of its own.
    """

    side: Side
    action: LoanAction
    operation: str
    verb: str
    task: str = ""


_WAITS: Final[dict[InboxKind, tuple[_Wait, ...]]] = {
    _K.HAND_OVER: (_Wait(Side.ASSISTING, LoanAction.DISPATCH, "dispatch_loan", "dispatch", "Send it out."),),
    _K.CANNOT_COME: tuple(_Wait(side, LoanAction.CANCEL, "cancel_loan", "cancel") for side in Side),
    _K.ASSET_CHANGED: (
        _Wait(Side.REQUESTING, LoanAction.ACCEPT_CHANGED_ASSET, "accept_changed_asset", "accept-changed-asset"),
    ),
    _K.TEXT_CHANGED: tuple(_Wait(side, LoanAction.CANCEL, "cancel_loan", "cancel") for side in Side),
    _K.RECEIPT: (
        _Wait(Side.REQUESTING, LoanAction.RECEIVE, "receive_loan", "receive", "Confirm that it has arrived."),
    ),
    _K.MISSING: (
        _Wait(Side.ASSISTING, LoanAction.ACCEPT_COUNT, "accept_loan_count", "accept-count"),
        _Wait(Side.REQUESTING, LoanAction.CORRECT_COUNT, "correct_loan_count", "correct-count"),
    ),
    _K.RETURN: (
        _Wait(
            Side.REQUESTING,
            LoanAction.START_RETURN,
            "start_loan_return",
            "start-return",
            "Send it back by the agreed time.",
        ),
    ),
    _K.RECALL: (
        _Wait(
            Side.REQUESTING,
            LoanAction.START_RETURN,
            "start_loan_return",
            "start-return",
            "Send it back: it is recalled.",
        ),
    ),
    _K.TAKE_BACK: (_Wait(Side.ASSISTING, LoanAction.RETURN, "return_loan", "return", "Confirm that it is back."),),
    _K.EXTENSION: (
        _Wait(
            Side.ASSISTING,
            LoanAction.ACCEPT_EXTENSION,
            "accept_loan_extension",
            "accept-extension",
            "Answer the extension that is asked for.",
        ),
    ),
    _K.CLOSING: (_Wait(Side.ASSISTING, LoanAction.CLOSE, "close_loan", "close", "Close the loan: it is back."),),
}
_NO: Final[dict[InboxKind, _Wait]] = {
    _K.HAND_OVER: _Wait(Side.ASSISTING, LoanAction.CANCEL, "cancel_loan", "cancel"),
    _K.MISSING: _Wait(Side.ASSISTING, LoanAction.REPORT_LOST, "report_loan_lost", "report-lost"),
    _K.EXTENSION: _Wait(Side.ASSISTING, LoanAction.DECLINE_EXTENSION, "decline_loan_extension", "decline-extension"),
}
"""How the side that is waited for answers no."""
_TIME_OVER: Final[dict[Side, _Wait | None]] = {
    Side.ASSISTING: _Wait(Side.ASSISTING, LoanAction.DISPATCH, "dispatch_loan", "dispatch"),
    Side.REQUESTING: None,
}
"""How what may have come unrecorded is settled: its owner enters it. Cancelling says that it never came."""
_COUNTED_IN: Final = sorted(status for status, action in TRANSITIONS if action is LoanAction.CORRECT_COUNT)
_ASKED_APART: Final = {_K.ASSET_CHANGED: waiting_changed_loans, _K.TEXT_CHANGED: waiting_changed_texts}
"""What the row alone does not tell: these are asked by themselves, where there may be such a one."""
_HINDRANCE: Final = hindrance()
_read_asset = msgspec.json.Decoder(LoanedAsset).decode


def _criteria(kind: InboxKind) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """Which loans wait in that way, until when, and since when."""
    if kind is _K.CANNOT_COME:
        reserved = AWAITS[AwaitedStep.DISPATCH]
        over_since = sa.case((loan.c.planned_end_at <= _NOW, loan.c.planned_end_at))
        return sa.and_(reserved, _HINDRANCE.is_not(None)), loan.c.starts_at, over_since
    if kind is _K.MISSING:
        some = sa.and_(loan.c.missing_quantity > 0, loan.c.status.in_(_COUNTED_IN))
        return some, loan.c.planned_end_at, loan.c.receive_recorded_at
    if kind is _K.ASSET_CHANGED:
        return may_be_changed(), loan.c.starts_at, loan.c.reserved_at
    if kind is _K.TEXT_CHANGED:
        return may_be_refused(), loan.c.starts_at, loan.c.reserved_at
    awaits = AWAITS[AwaitedStep(_WAITS[kind][0].action.value)]
    match kind:
        case _K.HAND_OVER:
            near = sa.and_(awaits, loan.c.starts_at <= _HORIZON_AT)
            return sa.and_(near, _HINDRANCE.is_(None)), loan.c.starts_at, loan.c.reserved_at
        case _K.RECEIPT:
            return awaits, loan.c.planned_end_at, loan.c.dispatched_at
        case _K.RETURN:
            near = loan.c.planned_end_at <= _HORIZON_AT
            return sa.and_(awaits, sa.not_(RECALLED), near), loan.c.planned_end_at, loan.c.arrived_at
        case _K.RECALL:
            return sa.and_(awaits, RECALLED), due_back(), loan.c.recall_requested_at
        case _K.TAKE_BACK:
            near = sa.or_(loan.c.travels, loan.c.planned_end_at <= _HORIZON_AT)
            waiting_from = sa.func.coalesce(loan.c.return_started_at, loan.c.dispatched_at)
            return sa.and_(awaits, near), due_back(), waiting_from
        case _K.EXTENSION:
            return awaits, loan.c.planned_end_at, loan.c.updated_at
        case _:
            return awaits, loan.c.planned_end_at, loan.c.returned_at


@cache
def _statement(waits: tuple[tuple[InboxKind, Side], ...], whose: str) -> sa.Select[Any]:
    """The next entries of each kind in one statement, each from its side's index."""
    parts = []
    for kind, side in waits:
        wanted, due_at, waiting_from = _criteria(kind)
        mine = SIDE_COLUMNS[side] if whose != "partners" else SIDE_COLUMNS[_OTHER[side]]
        page = sa.select(
            sa.literal_column(f"'{kind.value}'", sa.Text).label("waits_for"),
            loan.c.id.label("loan_id"),
            due_at.label("due_at"),
            waiting_from.label("waiting_from"),
            sa.literal_column(f"'{side}'", sa.Text).label("side"),
        ).where(mine == VIEWER, wanted)
        after_id = sa.bindparam(f"{kind.value}_id", type_=loan.c.id.type)
        if kind is _K.CLOSING:
            page = page.where(loan.c.id > after_id).order_by(loan.c.id)
        else:
            after = sa.tuple_(sa.bindparam(f"{kind.value}_due", type_=AT), after_id)
            page = page.where(sa.tuple_(due_at, loan.c.id) > after).order_by(due_at, loan.c.id)
        # Of what may have been changed one is enough, to ask for these by themselves.
        most = sa.literal(1) if kind in _ASKED_APART else sa.bindparam("limit", type_=sa.Integer)
        parts.append(sa.select(page.limit(most).subquery()))
    found = sa.union_all(*parts).subquery("found")
    columns = (found.c[name] for name in ("waits_for", "due_at", "waiting_from", "side"))
    shown = SHOWN.add_columns(*columns).join(found, found.c.loan_id == loan.c.id)
    return shown.order_by(found.c.waits_for, loan.c.id, loan_extension.c.id)


_OTHER = {Side.REQUESTING: Side.ASSISTING, Side.ASSISTING: Side.REQUESTING}


async def waiting_on_loans(read: Read, asked: Asked) -> list[InboxEntry]:
    """What of the loans waits for the caller, the caller's agency, or its partners."""
    principal = asked.principal
    waits = tuple(
        (kind, wait.side)
        for kind, of_kind in _WAITS.items()
        for wait in of_kind
        if asked.whose != "me" or refusal(principal, permission_for(wait.action, wait.side), [wait.side.value]) is None
    )
    if not waits:
        return []
    parameters: dict[str, object] = {
        **moment(asked.as_of),
        "viewer": principal.agency_id,
        "horizon_at": asked.as_of + HORIZON,
        "limit": asked.limit,
    }
    for kind, _ in waits:
        if kind is _K.CLOSING:
            parameters[f"{kind.value}_id"] = asked.after_id(kind)
        else:
            parameters[f"{kind.value}_due"], parameters[f"{kind.value}_id"] = asked.after_due(kind)
    rows = await read.all_slowly(_statement(waits, asked.whose), parameters)
    changed: list[InboxEntry] = []
    for kind, source in _ASKED_APART.items():
        if any(row.waits_for == kind for row in rows):
            changed += await source(read, asked)
    others = [row for row in rows if row.waits_for not in _ASKED_APART]
    grouped = [list(each) for _, each in groupby(others, key=lambda row: (row.waits_for, row.id))]
    return changed + [
        _entry(
            each,
            asked,
            await why_not_accepted(read, principal, each[0], each),
            await missing_for(read, each[0], asked.as_of),
        )
        for each in grouped
    ]


def _entry(rows: list[Row[Any]], asked: Asked, unaccepted: str | None, missing: Planned) -> InboxEntry:
    row, kind = rows[0], InboxKind(rows[0].waits_for)
    wait = next(each for each in _WAITS[kind] if each.side == row.side)
    found = as_loan(row, rows, named_in(row), asked.principal, asked.as_of, unaccepted, missing)
    lent = _read_asset(row.asset_snapshot)
    assisting = asked.principal.agency_id == row.assisting_agency_id
    task = wait.task
    yes: _Wait | None = wait
    no = _NO.get(kind)
    if kind is _K.CANNOT_COME:
        told = missing.told_owner if assisting else missing.short
        task = " ".join(filter(None, (told, TASKS[Hindrance(row.hindrance), wait.side])))
        if row.hindrance == Hindrance.TIME_OVER:
            yes, no = _TIME_OVER[wait.side], wait
    back = None
    if kind is _K.MISSING:
        task = _missing(found, wait.side)
        # Of people who went together, and once all others are back, its owner confirms that the rest is back, too.
        back = _offered(_WAITS[_K.TAKE_BACK][0], found) if wait.side is Side.ASSISTING else None
    partner = found.requesting_agency if assisting else found.assisting_agency
    early = early_window(asked.as_of, row.starts_at, row.planned_end_at) is not None
    if kind is _K.HAND_OVER and (row.now_planned or early or row.other_text):
        yes = None  # what is planned, the hours before its start or its text may stand in the way: the loan itself says
    path = f"/v1/loans/{row.id}"
    return InboxEntry(
        id=row.id,
        kind=kind,
        subject=InboxSubject(kind="loan", id=row.id, name=lent.name, path=path),
        task=task if asked.whose != "partners" else f"{partner.name}: {task}",
        late=kind is not _K.CLOSING and row.due_at <= asked.as_of,
        due_at=None if kind is _K.CLOSING else row.due_at,
        waiting_from=row.waiting_from,
        partner=partner,
        action=_offered(yes, found) or back,
        instead=_offered(no, found),
    )


def _missing(found: Loan, side: Side) -> str:
    """What is to be said of what was sent and did not arrive, by the side that is waited for."""
    short = f"{found.missing_quantity} of {found.quantity} did not arrive, as the requesting agency counted"
    if side is Side.ASSISTING:
        return f"{short}: accept that count if they never left, confirm what is back, or report what is lost."
    return f"{short}: correct that count if they have arrived, or report what is lost."


def _offered(wait: _Wait | None, found: Loan) -> InboxAction | None:
    """The operation, where the loan offers it now."""
    if wait is None or not any(each.action == wait.action and each.allowed for each in found.allowed_actions):
        return None
    return InboxAction(operation=wait.operation, path=f"/v1/loans/{found.id}/{wait.verb}")
