"""Request lines in commands: checked, stored, compared, withdrawn, and recorded for each agency."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.geo import Location
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.platform.ledger.commands import Event, record_many
from registry.resources.assets.queries.describing import describe
from registry.resources.assets.queries.facts import AssetRow, visible_asset
from registry.sharing.loans.queries.getting import took_place
from registry.sharing.loans.tables import loan
from registry.sharing.policy.commands.deciding import revoke_decision
from registry.sharing.requests.rules import OPEN, LineAction, LineStatus, advance_line
from registry.sharing.requests.schemas import NewRequestLine
from registry.sharing.requests.tables import request_line

_INSERT = request_line.insert()
_LINE = request_line.c.id == sa.bindparam("line", type_=request_line.c.id.type)
_UPDATE = request_line.update().where(_LINE)
_DELETE = request_line.delete().where(_LINE)
_ANSWERED = sa.select(loan.c.id).where(
    loan.c.root_decision_id == sa.bindparam("root", type_=loan.c.id.type), took_place()
)
_STATUSES = (
    sa.select(request_line.c.status)
    .where(request_line.c.request_id == sa.bindparam("request", type_=request_line.c.id.type))
    .order_by(request_line.c.no)
)


class AskedLine(Struct, kw_only=True, frozen=True):
    """A line of the body with data about its asset."""

    new: NewRequestLine
    window: Window
    asset: AssetRow

    @property
    def asked(self) -> tuple[object, ...]:
        """What policies and approvers judge: everything but the note."""
        return self.new.asset_id, self.new.quantity, self.window.start, self.window.end, self.new.place


async def check_lines(read: Read, caller: Caller, lines: Sequence[NewRequestLine]) -> list[AskedLine]:
    """The lines with the owners of their assets.

    Raises RuleBroken with the line: an impossible window, an asset that does not exist or that the caller may not see,
    an asset of its own, or a quantity above its capacity.
    """
    return [await _checked(read, caller, line, f"/lines/{number}") for number, line in enumerate(lines)]


async def _checked(read: Read, caller: Caller, line: NewRequestLine, pointer: str) -> AskedLine:
    window = line.window.checked(f"{pointer}/window")
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


async def insert_lines(write: Write, request_id: UUID, lines: Sequence[AskedLine], *, first: int = 1) -> None:
    """Insert lines, numbered from `first`."""
    await write.run(_INSERT, [_row(request_id, no, line) for no, line in enumerate(lines, first)])


def _row(request_id: UUID, no: int, line: AskedLine) -> dict[str, object]:
    place = line.new.place
    return {
        "id": new_id(),
        "request_id": request_id,
        "no": no,
        "asset_id": line.new.asset_id,
        "assisting_agency_id": line.asset.agency_id,
        **asked_for(line.asset),
        "quantity": line.new.quantity,
        "starts_at": line.window.start,
        "ends_at": line.window.end,
        "place_latitude": place.latitude if place else None,
        "place_longitude": place.longitude if place else None,
        "note": line.new.note,
        "status": LineStatus.DRAFT,
        "awaited": [],
    }


def asked_for(found: AssetRow) -> dict[str, object]:
    """The columns of a line that keep the asset as it is asked for."""
    return {"asset_name": found.name, "category": found.category, "described": describe(found)}


async def update_line(write: Write, line_id: UUID, **values: object) -> None:
    """Change columns of one line."""
    await write.run_fast(_UPDATE, {**values, "line": line_id})


def place_of(row: Row[Any]) -> Location | None:
    """The place where a stored line is needed."""
    if row.place_latitude is None:
        return None
    return Location(latitude=row.place_latitude, longitude=row.place_longitude)


def edited(open_rows: Sequence[Row[Any]], lines: Sequence[AskedLine]) -> dict[str, object]:
    """Whether new lines change what the open ones request (`lines`), or only notes (`note`).

    The content is only for agencies that see the lines; for others the ledger only shows that they changed.
    """
    if [(r.asset_id, r.quantity, r.starts_at, r.ends_at, place_of(r)) for r in open_rows] != [n.asked for n in lines]:
        return {"lines": {"changed": True}}
    if [row.note for row in open_rows] != [line.new.note for line in lines]:
        return {"note": {"changed": True}}
    return {}


async def replace_lines(
    write: Write, caller: Caller, rows: Sequence[Row[Any]], lines: Sequence[AskedLine], reason: str
) -> None:
    """Replace the open lines.

    Lines that were submitted are withdrawn, because both sides saw them; others are deleted.
    """
    kept = [0]
    for row in rows:
        if row.stored_status in OPEN and row.line_submitted_at is None:
            await write.run(_DELETE, {"line": row.line_id})
            continue
        kept.append(row.no)
        if row.stored_status in OPEN:
            await withdraw_line(write, caller, row, LineAction.WITHDRAW, reason)
    await insert_lines(write, rows[0].id, lines, first=max(kept) + 1)


async def withdraw_line(write: Write, caller: Caller, row: Row[Any], action: LineAction, reason: str) -> LineStatus:
    """Withdraw a line or return it to draft: no loan can be made on its decision from then on.

    Raises WrongStatus when a loan was made meanwhile.
    """
    after = advance_line(LineStatus(row.stored_status), action)
    if row.stored_status != LineStatus.DRAFT:
        await revoke_decision(write, caller, row.root_decision_id, reason)
        if await write.value(_ANSWERED, {"root": row.root_decision_id}) is not None:
            raise WrongStatus(f"Line {row.no} has been answered by a loan; cancel that first.")
    await update_line(write, row.line_id, status=after, awaited=[])
    return after


async def stored_statuses(read: Read, request_id: UUID) -> list[LineStatus]:
    """The statuses of all lines, including those that the caller does not see."""
    return [LineStatus(row.status) for row in await read.fast(_STATUSES, {"request": request_id})]


def record_for_agencies(
    write: Write,
    caller: Caller,
    event_type: str,
    request: Row[Any],
    touched: Mapping[UUID, Sequence[Mapping[str, object]]],
    data: Mapping[str, object],
) -> None:
    """Record the request's next version once for each assisting agency in `touched`, with its own lines.

    An event names the agencies that it concerns, and these need not know of one another.
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
    record_many(write, caller, events or [alone])
