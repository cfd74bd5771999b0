"""The lines of a request as commands handle them: checked, stored, compared, taken back, told to whom they concern."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.access.principals import Caller
from registry.agencies.schemas import Location
from registry.assets.queries import visible_asset
from registry.database.handles import Read, Write
from registry.kernel.errors import Fault, NotFound, RuleBroken, WrongState
from registry.kernel.ids import new_id
from registry.kernel.time import Window
from registry.ledger.commands import Event, record_many
from registry.loans.tables import loan
from registry.policy.commands import revoke_decision
from registry.requests.rules import LineAction, LineStatus, advance_line
from registry.requests.schemas import NewRequestLine
from registry.requests.standing import NEVER_WAS
from registry.requests.tables import request_line

_INSERT = request_line.insert()
_LINE = request_line.c.id == sa.bindparam("line", type_=request_line.c.id.type)
_UPDATE = request_line.update().where(_LINE)
_DELETE = request_line.delete().where(_LINE)
_ANSWERED = sa.select(loan.c.id).where(
    loan.c.root_decision_id == sa.bindparam("root", type_=loan.c.id.type), loan.c.state.not_in(NEVER_WAS)
)
_STATUSES = (
    sa.select(request_line.c.status)
    .where(request_line.c.request_id == sa.bindparam("request", type_=request_line.c.id.type))
    .order_by(request_line.c.no)
)

OPEN = frozenset({LineStatus.DRAFT, LineStatus.NEEDS_APPROVAL, LineStatus.PERMITTED, LineStatus.APPROVED})
"""Lines of which something may still come."""


class AskedLine(Struct, kw_only=True, frozen=True):
    """A line of the body with what was found about it."""

    new: NewRequestLine
    window: Window
    assisting_agency_id: UUID

    @property
    def asked(self) -> tuple[object, ...]:
        """What policies and approvers judge: everything but the note."""
        return self.new.asset_id, self.new.quantity, self.window.start, self.window.end, self.new.place


async def check_lines(read: Read, caller: Caller, lines: Sequence[NewRequestLine]) -> list[AskedLine]:
    """The lines with their assets' owners.

    Raises RuleBroken naming the line: a window that cannot be, an asset that does not exist or that the caller may not
    see, one of its own, more units than there are.
    """
    return [await _checked(read, caller, line, f"/lines/{number}") for number, line in enumerate(lines)]


async def _checked(read: Read, caller: Caller, line: NewRequestLine, pointer: str) -> AskedLine:
    window = line.window.checked(f"{pointer}/window")
    try:
        found = await visible_asset(read, caller.principal, line.asset_id, caller.now)
    except NotFound as unknown:
        raise _broken("unknown_asset", unknown.detail, f"{pointer}/asset_id", "no such asset") from None
    if found.agency_id == caller.agency_id:
        words = "An agency needs no request for what it owns."
        raise _broken("own_asset", words, f"{pointer}/asset_id", "your own asset")
    if line.quantity > found.capacity:
        words = f"There are {found.capacity} units of this asset."
        raise _broken("quantity_over_capacity", words, f"{pointer}/quantity", "more than there are")
    return AskedLine(new=line, window=window, assisting_agency_id=found.agency_id)


def _broken(code: str, words: str, pointer: str, detail: str) -> RuleBroken:
    return RuleBroken(words, code, faults=[Fault(pointer=pointer, code=code, detail=detail)])


async def insert_lines(write: Write, request_id: UUID, lines: Sequence[AskedLine], *, first: int = 1) -> None:
    """Add lines, numbered from `first`."""
    await write.run(_INSERT, [_row(request_id, no, line) for no, line in enumerate(lines, first)])


def _row(request_id: UUID, no: int, line: AskedLine) -> dict[str, object]:
    place = line.new.place
    return {
        "id": new_id(),
        "request_id": request_id,
        "no": no,
        "asset_id": line.new.asset_id,
        "assisting_agency_id": line.assisting_agency_id,
        "quantity": line.new.quantity,
        "starts_at": line.window.start,
        "ends_at": line.window.end,
        "place_latitude": place.latitude if place else None,
        "place_longitude": place.longitude if place else None,
        "note": line.new.note,
        "status": LineStatus.DRAFT,
        "awaited": [],
    }


async def update_line(write: Write, line_id: UUID, **values: object) -> None:
    """Change columns of one line."""
    await write.run(_UPDATE.values(**values), {"line": line_id})


def place_of(row: Row[Any]) -> Location | None:
    """Where a stored line is needed."""
    if row.place_latitude is None:
        return None
    return Location(latitude=row.place_latitude, longitude=row.place_longitude)


def edited(open_rows: Sequence[Row[Any]], lines: Sequence[AskedLine]) -> dict[str, object]:
    """Whether new lines ask for something else than the open ones (`lines`), or only say it otherwise (`note`).

    What they ask is for those who see the lines; the ledger tells others of the request only that they changed.
    """
    if [(r.asset_id, r.quantity, r.starts_at, r.ends_at, place_of(r)) for r in open_rows] != [n.asked for n in lines]:
        return {"lines": {"changed": True}}
    if [row.note for row in open_rows] != [line.new.note for line in lines]:
        return {"note": {"changed": True}}
    return {}


async def replace_lines(
    write: Write, caller: Caller, rows: Sequence[Row[Any]], lines: Sequence[AskedLine], reason: str
) -> None:
    """Put new lines in the place of the open ones: what was ever submitted is withdrawn, for both sides saw it; what
    was not is deleted.
    """
    kept = [0]
    for row in rows:
        if row.stored_status in OPEN and row.line_submitted_at is None:
            await write.run(_DELETE, {"line": row.line_id})
            continue
        kept.append(row.no)
        if row.stored_status in OPEN:
            await take_back(write, caller, row, LineAction.WITHDRAW, reason)
    await insert_lines(write, rows[0].id, lines, first=max(kept) + 1)


async def take_back(write: Write, caller: Caller, row: Row[Any], action: LineAction, reason: str) -> LineStatus:
    """Withdraw a line or bring it back to draft: no loan can be made on its decision from here on.

    Raises WrongState when a loan was made in the meantime.
    """
    after = advance_line(LineStatus(row.stored_status), action)
    if row.stored_status != LineStatus.DRAFT:
        await revoke_decision(write, caller, row.root_id, reason)
        if await write.value(_ANSWERED, {"root": row.root_id}) is not None:
            raise WrongState(f"Line {row.no} has been answered by a loan; cancel that first.")
    await update_line(write, row.line_id, status=after, awaited=[])
    return after


async def stored_statuses(read: Read, request_id: UUID) -> list[LineStatus]:
    """The statuses of all lines, also of those that the caller does not see."""
    return [LineStatus(row.status) for row in await read.all(_STATUSES, {"request": request_id})]


async def tell(
    write: Write,
    caller: Caller,
    event_type: str,
    request: Row[Any],
    touched: Mapping[UUID, Sequence[Mapping[str, object]]],
    data: Mapping[str, object],
) -> None:
    """Record what became of the request's next version, once for each assisting agency in `touched` with its own
    lines: an event names the agencies that it concerns, and these need not know of one another.
    """
    subject = ("request", request.id, request.version + 1)
    events = [
        Event(
            type=event_type,
            subject=subject,
            agencies=[request.requesting_agency_id, agency_id],
            data={**data, "lines": list(lines)} if lines else data,
            n=n,
        )
        for n, (agency_id, lines) in enumerate(sorted(touched.items()))
    ]
    alone = Event(type=event_type, subject=subject, agencies=[request.requesting_agency_id], data=data)
    await record_many(write, caller, events or [alone])
