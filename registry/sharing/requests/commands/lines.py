"""Request lines in commands: checked, stored, compared, withdrawn, and recorded for each agency."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from random import Random, SystemRandom
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.taxonomy.queries import descendants
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.geo import Location
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.platform.ledger.commands import Event, record_many
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.queries.describing import describe
from registry.resources.assets.queries.facts import AssetRow, visible_asset
from registry.resources.personnel.rules import PERSONNEL_CATEGORY
from registry.sharing.loans.queries.getting import took_place
from registry.sharing.loans.tables import loan
from registry.sharing.policy.commands.deciding import revoke_decision
from registry.sharing.policy.commands.recording import lock_chain
from registry.sharing.policy.decisions import Side
from registry.sharing.requests.need_rules import why_not_asked_for
from registry.sharing.requests.queries.acting import described_in
from registry.sharing.requests.queries.derived_status import given_up, has_loan
from registry.sharing.requests.queries.needs import ability_of, is_need, need_of
from registry.sharing.requests.rules import (
    IN_PLAY,
    OPEN,
    REFUSED,
    LineAction,
    LineStatus,
    RequestStatus,
    advance_line,
    why_not_mended,
)
from registry.sharing.requests.schemas.given import MOST_LINES_EVER, NewRequestLine
from registry.sharing.requests.schemas.needs import CapabilityNeed
from registry.sharing.requests.tables import request_line

_INSERT = request_line.insert()
_LINE = request_line.c.id == sa.bindparam("line", type_=request_line.c.id.type)
_UPDATE = request_line.update().where(_LINE).values(changes=request_line.c.changes + 1)
_DELETE = request_line.delete().where(_LINE)
_ANSWERED = sa.select(loan.c.id).where(
    loan.c.root_decision_id == sa.bindparam("root", type_=loan.c.id.type), took_place()
)
_ANSWERS = (
    sa.select(request_line.c.id, request_line.c.decision_id)
    .where(
        request_line.c.request_id == sa.bindparam("request", type_=request_line.c.id.type),
        request_line.c.fills_no == sa.bindparam("no", type_=sa.Integer),
        request_line.c.status.in_(sorted(OPEN)),
        request_line.c.ended_at.is_(None),
        sa.not_(has_loan()),
        sa.not_(given_up()),
    )
    .order_by(request_line.c.no)
)
_HOW_MANY = sa.select(sa.func.count()).where(
    request_line.c.request_id == sa.bindparam("request", type_=request_line.c.request_id.type)
)
_STATUSES = (
    sa.select(request_line.c.status)
    .where(
        request_line.c.request_id == sa.bindparam("request", type_=request_line.c.id.type),
        request_line.c.replaced_by_no.is_(None),
        # What agencies answer to a need counts by what they lend; that they are asked, the line of the need says.
        sa.or_(request_line.c.fills_no.is_(None), request_line.c.status.in_(sorted(IN_PLAY))),
    )
    .order_by(request_line.c.id)
)


class AskedLine(Struct, kw_only=True, frozen=True):
    """A line of the body with data about its asset; None for what is needed of whichever agency."""

    new: NewRequestLine
    window: Window
    asset: AssetRow | None

    @property
    def asked(self) -> tuple[object, ...]:
        """What policies and approvers judge: everything but the note."""
        return self.new.asset_id, self.new.need, self.new.quantity, self.window.start, self.window.end, self.new.place


async def check_lines(read: Read, caller: Caller, lines: Sequence[NewRequestLine]) -> list[AskedLine]:
    """The lines with the owners of their assets.

    Raises RuleBroken with the line: an impossible window, an asset that does not exist or that the caller may not see,
    an asset of its own, or a quantity above its capacity.
    """
    return [await check_line(read, caller, line, f"/lines/{number}") for number, line in enumerate(lines)]


async def check_line(read: Read, caller: Caller, line: NewRequestLine, pointer: str = "") -> AskedLine:
    """As `check_lines`, for the line at that pointer of the body."""
    if (line.asset_id is None) == (line.need is None):
        words = "A line asks for a certain asset, or says what is needed: one of the two."
        raise RuleBroken.at(words, "asset_or_need", "give asset_id or need", pointer=f"{pointer}/asset_id")
    window = line.window.checked(f"{pointer}/window")
    if line.asset_id is None:
        await _check_need(read, line, pointer)
        return AskedLine(new=line, window=window, asset=None)
    try:
        found = await visible_asset(read, caller.principal, line.asset_id, caller.now)
    except NotFound as unknown:
        raise unknown.named_at(f"{pointer}/asset_id") from None
    if found.agency_id == caller.agency_id:
        words = "An agency needs no request for what it owns."
        raise RuleBroken.at(words, "own_asset", "your own asset", pointer=f"{pointer}/asset_id")
    if line.quantity > found.capacity:
        words = f"The capacity of this asset is {found.capacity}."
        raise RuleBroken.at(words, "quantity_over_capacity", "more than there are", pointer=f"{pointer}/quantity")
    return AskedLine(new=line, window=window, asset=found)


async def _check_need(read: Read, line: NewRequestLine, pointer: str) -> None:
    assert line.need is not None, "a line without an asset says what is needed"
    if isinstance(line.need, CapabilityNeed):
        await _check_capability(read, line.need, f"{pointer}/need")
        return
    if not await descendants(read, line.need.category):
        words = "There is no such category; GET /v1/categories lists them."
        raise RuleBroken.at(words, "unknown_category", "no such category", pointer=f"{pointer}/need/category")
    for name, value in line.need.attributes.items():
        if (reason := why_not_asked_for(name, value)) is not None:
            raise RuleBroken.at(reason, "bad_attribute_filter", "not a number", pointer=f"{pointer}/need/attributes")


async def _check_capability(read: Read, need: CapabilityNeed, pointer: str) -> None:
    if need.category not in await descendants(read, PERSONNEL_CATEGORY):
        words = f"People are lent under the category {PERSONNEL_CATEGORY}."
        raise RuleBroken.at(words, "unknown_category", "no category of people", pointer=f"{pointer}/category")
    await ability_of(read, need, pointer)


async def insert_lines(
    write: Write, caller: Caller, request_id: UUID, lines: Sequence[AskedLine], *, first: int = 1
) -> None:
    """Insert lines, numbered from `first`. Raises RuleBroken `too_many_lines`."""
    await _insert(write, caller, request_id, range(first, first + len(lines)), [line_values(line) for line in lines])


async def insert_asks(
    write: Write, caller: Caller, rows: Sequence[Row[Any]], asks: Sequence[Mapping[str, object]]
) -> None:
    """Insert lines, with these columns, of agencies that are to be asked for a need; `rows` are the request's so far.

    Their numbers are drawn. Both sides name a line by the same one, and whoever is asked would read from one that is
    counted on how many others are. Raises RuleBroken `too_many_lines`.
    """
    taken = {row.no for row in rows}
    free = [no for no in range(_DRAWN_FROM, _DRAWN_TO) if no not in taken]
    await _insert(write, caller, rows[0].id, DRAW.sample(free, len(asks)), asks)


async def insert_need(write: Write, caller: Caller, request_id: UUID, no: int, need: Mapping[str, object]) -> None:
    """Insert the line of a need with that number and these columns. Raises RuleBroken `too_many_lines`."""
    await _insert(write, caller, request_id, [no], [need])


async def _insert(
    write: Write, caller: Caller, request_id: UUID, numbers: Sequence[int], lines: Sequence[Mapping[str, object]]
) -> None:
    there = 0 if numbers[0] == 1 else await write.value(_HOW_MANY, {"request": request_id})
    if there + len(lines) > MOST_LINES_EVER or any(MOST_LINES_EVER < no < _DRAWN_FROM for no in numbers):
        raise RuleBroken(
            f"A request has at most {MOST_LINES_EVER} lines, with those that others have replaced, and one for each "
            "agency that is asked for a need: make a new one.",
            "too_many_lines",
        )
    new = [
        {
            **_BLANK,
            **line,
            "id": new_id(),
            "request_id": request_id,
            "no": no,
            "changes": 1,
            "changed_at": caller.now,
        }
        for no, line in zip(numbers, lines, strict=True)
    ]
    await write.run(_INSERT, new)


DRAW: Random = SystemRandom()
_DRAWN_FROM, _DRAWN_TO = 1_000, 10_000


_BLANK: Mapping[str, object] = {
    **dict.fromkeys(("need", "fills_no", "tier", "answer_within_minutes", "answer_due_at", "condition", "asked_as")),
    "personnel_ids": None,
    "automatic_clause": None,
    **dict.fromkeys(("submitted_at", "decided_at", "decision_id")),
    "status": LineStatus.DRAFT,
    "awaited": [],
}


def line_values(line: AskedLine) -> dict[str, object]:
    """The columns of a line that say what it asks for."""
    place = line.new.place
    return {
        "asset_id": line.new.asset_id,
        "need": None if line.new.need is None else msgspec.to_builtins(line.new.need),
        **_whose(line),
        "quantity": line.new.quantity,
        "starts_at": line.window.start,
        "ends_at": line.window.end,
        "place_latitude": place.latitude if place else None,
        "place_longitude": place.longitude if place else None,
        "note": line.new.note,
    }


def _whose(line: AskedLine) -> dict[str, object]:
    if line.asset is not None:
        return {"assisting_agency_id": line.asset.agency_id, **asked_for(line.asset)}
    assert line.new.need is not None, "a line without an asset says what is needed"
    return {"assisting_agency_id": None, **nothing_yet(line.new.need.category)}


def nothing_yet(category: str) -> dict[str, object]:
    """The columns of a line for which no asset is offered yet, but something of that category is needed."""
    return {"asset_name": None, "category": category, "described": {}}


_ASKED = (
    *("asset_id", "assisting_agency_id", "quantity", "starts_at", "ends_at", "place_latitude", "place_longitude"),
    *("note", "asked_name", "asked_category", "described"),
)


def same_values(row: Row[Any]) -> dict[str, object]:
    """The columns of a line that asks for the same as a stored one."""
    kept = {name: getattr(row, name) for name in _ASKED}
    return {
        **kept,
        "asset_name": kept.pop("asked_name"),
        "category": kept.pop("asked_category"),
        "described": described_in(row),
        "need": None if row.need is None else msgspec.to_builtins(need_of(row)),
    }


def asked_for(found: AssetRow) -> dict[str, object]:
    """The columns of a line that keep the asset as it is asked for."""
    return {"asset_name": found.name, "category": found.category, "described": describe(found)}


async def update_line(write: Write, caller: Caller, line_id: UUID, **values: object) -> None:
    """Change columns of one line, so that its assisting agency is given another version of the request."""
    await write.run_fast(_UPDATE, {**values, "line": line_id, "changed_at": caller.now})


def place_of(row: Row[Any]) -> Location | None:
    """The place where a stored line is needed."""
    if row.place_latitude is None:
        return None
    return Location(latitude=row.place_latitude, longitude=row.place_longitude)


def edited(open_rows: Sequence[Row[Any]], lines: Sequence[AskedLine]) -> dict[str, object]:
    """Whether new lines change what the open ones request (`lines`), or only notes (`note`).

    The content is only for agencies that see the lines; for others the ledger only shows that they changed.
    """
    before = [(r.asset_id, need_of(r), r.quantity, r.starts_at, r.ends_at, place_of(r)) for r in open_rows]
    if before != [line.asked for line in lines]:
        return {"lines": {"changed": True}}
    if [row.note for row in open_rows] != [line.new.note for line in lines]:
        return {"note": {"changed": True}}
    return {}


async def replace_lines(
    write: Write, caller: Caller, rows: Sequence[Row[Any]], lines: Sequence[AskedLine], reason: str
) -> None:
    """Replace the lines that no loan answers.

    Lines that were submitted stay beside the new ones, because both sides saw them; others are deleted. A line is
    replaced by the new one for the same asset, or else by the first.
    """
    mended = [row for row in rows if can_be_mended(row)]
    drafts = {row.line_id for row in mended if row.line_submitted_at is None}
    for line_id in drafts:
        await write.run(_DELETE, {"line": line_id})
    first = next_no([row for row in rows if row.line_id not in drafts])
    by_asset = {line.new.asset_id: no for no, line in reversed([*enumerate(lines, first)])}
    await lock_chains(write, [*mended, *asked_for_needs(rows, mended)])
    for row in mended:
        if row.line_id not in drafts:
            await set_aside(write, caller, row, by_asset.get(row.asset_id, first), reason)
    await insert_lines(write, caller, rows[0].id, lines, first=first)


async def replace_line(
    write: Write, caller: Caller, row: Row[Any], no: int, values: Mapping[str, object], reason: str
) -> None:
    """Have another line, with that number and these columns, ask in place of this one."""
    await set_aside(write, caller, row, no, reason)
    await _insert(write, caller, row.id, [no], [values])


def next_no(rows: Sequence[Row[Any]]) -> int:
    """The number of the next line that the requesting agency writes; those of agencies that are asked are drawn."""
    numbers: list[int] = [row.no for row in rows if row.no < _DRAWN_FROM]
    return max(numbers, default=0) + 1


async def set_aside(write: Write, caller: Caller, row: Row[Any], by_no: int, reason: str) -> None:
    """Say which line asks in place of this one: it is withdrawn, or stays denied, rejected or declined as it is."""
    if row.line_status in OPEN:
        await withdraw_line(write, caller, row, LineAction.REPLACE, reason)
    else:
        advance_line(LineStatus(row.line_status), LineAction.REPLACE)
    await update_line(write, caller, row.line_id, replaced_by_no=by_no)


def can_be_mended(row: Row[Any]) -> bool:
    """Whether the requesting agency may still edit the line."""
    status = LineStatus(row.line_status)
    refused = why_not_mended(RequestStatus(row.status), status, replaced=is_replaced(row), fills_no=row.fills_no)
    return refused is None


async def reduce_to_lent(write: Write, caller: Caller, row: Row[Any], reason: str) -> dict[str, object]:
    """Have a line ask for what is lent on it, and for no more; what changed, for the ledger.

    Its loan continues, but no further one can be made: should it be cancelled, `reason` is why. The decision keeps what
    was asked. Raises WrongStatus when that loan was cancelled meanwhile.
    """
    await revoke_decision(write, caller, row.root_decision_id, reason)
    # Asked once its decision is locked: that loan may have been cancelled, and another one made of more.
    if await write.value(_ANSWERED, {"root": row.root_decision_id}) != row.loan_id:
        raise WrongStatus(f"The loan that answered line {row.no} was just cancelled; read the request again.")
    ended = ended_by("requesting", reason, caller.now)
    await update_line(write, caller, row.line_id, quantity=row.loan_counted, **ended)
    return {"id": str(row.line_id), "no": row.no, "quantity": {"from": row.quantity, "to": row.loan_counted}}


def is_replaced(row: Row[Any]) -> bool:
    """Whether another line asks in place of this one."""
    return row.replaced_by_no is not None


async def withdraw_line(write: Write, caller: Caller, row: Row[Any], action: LineAction, reason: str) -> LineStatus:
    """Withdraw a line or return it to draft: no loan can be made on its decision from then on.

    Raises WrongStatus when a loan was made meanwhile.
    """
    before = LineStatus(row.stored_status if is_need(row) else row.line_status)
    after = advance_line(before, action)
    if before in IN_PLAY:
        await revoke_decision(write, caller, row.root_decision_id, reason)
        await refuse_answered(write, row)
    if is_need(row):
        await _withdraw_answers(write, caller, row, reason)
    ended = ended_by("requesting", reason, caller.now) if after is LineStatus.WITHDRAWN else NOT_ENDED
    if before in REFUSED:
        ended = {**ended, **_refused_by(row, before)}
    await update_line(write, caller, row.line_id, status=after, awaited=[], **ended)
    return after


def _refused_by(row: Row[Any], status: LineStatus) -> dict[str, object]:
    """The columns of a refused line that is given up which keep who refused it, and why.

    What its decision or its loan says is read there.
    """
    by_word = row.stored_status == status and row.ended_at is not None
    side, reason, at = (row.ended_side, row.line_ended_reason, row.ended_at) if by_word else (None, None, None)
    return {"refused_as": status, "refused_side": side, "refused_reason": reason, "refused_at": at}


def asked_for_needs(rows: Iterable[Row[Any]], needs: Iterable[Row[Any]]) -> list[Row[Any]]:
    """The lines on which agencies are asked for these needs, or have offered, and have not lent."""
    numbers = {each.no for each in needs if is_need(each)}
    return by_chain(each for each in rows if each.fills_no in numbers and each.line_status in OPEN)


def by_chain(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """The lines in the order in which the chains of their decisions are locked, by whoever locks several: by number.

    The numbers of agencies that are asked are drawn, so that this is not the order in which they were. The lines of
    needs, which have no chain of their own, come last.
    """
    return sorted(rows, key=lambda row: (is_need(row), row.no))


async def lock_chains(write: Write, rows: Iterable[Row[Any]]) -> None:
    """Lock the chains of these lines, for who goes through them in another order afterwards."""
    for each in by_chain(rows):
        if each.root_decision_id is not None:
            await lock_chain(write, each.root_decision_id)


async def _withdraw_answers(write: Write, caller: Caller, need: Row[Any], reason: str) -> None:
    """End what agencies are asked for a need, or have offered, and have not lent."""
    for each in await write.all(_ANSWERS, {"request": need.id, "no": need.no}):
        if each.decision_id is not None:
            await revoke_decision(write, caller, each.decision_id, reason)
        ended = ended_by("requesting", reason, caller.now)
        await update_line(write, caller, each.id, status=LineStatus.WITHDRAWN, awaited=[], **ended)


async def refuse_answered(write: Write, row: Row[Any]) -> None:
    """Raises WrongStatus when a loan answers the line. Asked once its decision is locked: it sees what came first."""
    if await is_answered(write, row.root_decision_id):
        raise WrongStatus(f"Line {row.no} has been answered by a loan; cancel that first.")


async def is_answered(write: Write, root_decision_id: UUID) -> bool:
    """Whether a loan answers the line of that decision; certain once its chain is locked."""
    return await write.value(_ANSWERED, {"root": root_decision_id}) is not None


NOT_ENDED: Mapping[str, object] = {"ended_side": None, "ended_reason": None, "ended_at": None}


def ended_by(side: Side, reason: str, at: datetime) -> dict[str, object]:
    """The columns of a line that say who ended it, and why."""
    return {"ended_side": side, "ended_reason": reason, "ended_at": at}


async def stored_statuses(read: Read, request_id: UUID) -> list[LineStatus]:
    """The statuses of all lines, including those that the caller does not see."""
    return [LineStatus(row.status) for row in await read.fast(_STATUSES, {"request": request_id})]


def record_for_agencies(
    write: Write,
    caller: Caller,
    event_type: EventType,
    request: Row[Any],
    touched: Mapping[UUID, Sequence[Mapping[str, object]]],
    data: Mapping[str, object],
    *,
    first: int = 0,
) -> None:
    """Record the request's next version once for each assisting agency in `touched`, with its own lines.

    An event names the agencies that it concerns, and these need not know of one another. `first`: see `record_told`.
    """
    told = {agency_id: {**data, "lines": list(lines)} if lines else data for agency_id, lines in touched.items()}
    record_told(write, caller, event_type, request, told, {} if told else data, first=first)


def record_told(
    write: Write,
    caller: Caller,
    event_type: EventType,
    request: Row[Any],
    told: Mapping[UUID, Mapping[str, object]],
    rest: Mapping[str, object],
    *,
    rest_type: EventType | None = None,
    occurred_at: datetime | None = None,
    first: int = 0,
) -> None:
    """Record the request's next version for each assisting agency with what it is told, and both sides read that.

    `rest` is what concerns none of them, or none alone: the requesting agency reads it by itself, as an event of
    `rest_type`, by default the same. `occurred_at` is by default now; `first` is the number of
    events of that version that were recorded before.
    """
    subject, own = ("request", request.id, request.version + 1), request.requesting_agency_id
    events = [
        Event(type=event_type, subject=subject, agencies=[own, agency_id], data=data, n=n, occurred_at=occurred_at)
        for n, (agency_id, data) in enumerate(sorted(told.items(), key=itemgetter(0)), first)
    ]
    if rest or rest_type is not None or not events:
        alone, n = rest_type or event_type, first + len(events)
        events.append(Event(type=alone, subject=subject, agencies=[own], data=rest, n=n, occurred_at=occurred_at))
    record_many(write, caller, events)


def owners(rows: Iterable[Row[Any]]) -> dict[UUID, tuple[()]]:
    """The agencies to which lines of these were submitted, for `record_for_agencies`; the line of a need has none."""
    return {
        row.assisting_agency_id: ()
        for row in rows
        if row.line_submitted_at is not None and row.assisting_agency_id is not None
    }


def fact(row: Row[Any], after: LineStatus, decision_id: UUID | None) -> dict[str, object]:
    """What became of a line, for the ledger."""
    return {
        "id": str(row.line_id),
        "no": row.no,
        "status": {"from": row.line_status, "to": after},
        **({"decision_id": str(decision_id)} if decision_id else {}),
    }
