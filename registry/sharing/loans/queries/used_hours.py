"""Queries about the hours for which other loans really had what a loan has: the asset, and who goes with it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.resources.allocations.rules import Stock
from registry.resources.allocations.tables import personnel_allocation
from registry.sharing.loans.rules import OUT
from registry.sharing.loans.schemas.shown import LoanedAsset, PartialReturn
from registry.sharing.loans.tables import loan
from registry.sharing.loans.used_hours import Taken, Use, in_all, taken

_AT = loan.c.starts_at.type
_OUT: list[sa.ColumnElement[str]] = [sa.literal_column(f"'{status}'") for status in sorted(OUT)]
_HAD = sa.select(
    *(loan.c[name] for name in ("asset_snapshot", "quantity", "lost_quantity", "took_last", "partial_returns")),
    *(loan.c[name] for name in ("dispatched_at", "returned_at", "lost_at")),
).where(
    loan.c.id != sa.bindparam("loan_id", type_=loan.c.id.type),
    loan.c.dispatched_at < sa.bindparam("end", type_=_AT),
    loan.c.dispatch_recorded_at <= sa.bindparam("recorded_by", type_=_AT),
    sa.or_(
        loan.c.status.in_(_OUT),
        sa.func.coalesce(loan.c.returned_at, loan.c.lost_at) > sa.bindparam("start", type_=_AT),
    ),
)
_OF_ASSET = _HAD.where(loan.c.asset_id == sa.bindparam("asset_id", type_=loan.c.asset_id.type))
_OF_PEOPLE = _HAD.add_columns(personnel_allocation.c.personnel_id).join(
    personnel_allocation,
    sa.and_(
        personnel_allocation.c.loan_id == loan.c.id,
        personnel_allocation.c.personnel_id.in_(
            sa.bindparam("people", type_=personnel_allocation.c.personnel_id.type, expanding=True)
        ),
    ),
)
_read_partial_returns = msgspec.json.Decoder(list[PartialReturn]).decode
_read_asset = msgspec.json.Decoder(LoanedAsset).decode


async def taken_by_others(
    read: Read, stock: Stock, row: Row[Any], window: Window, quantity: int, now: datetime, *, recorded_by: datetime
) -> Taken | None:
    """When in the window others had the loan's asset so that another `quantity` did not fit, or who goes with it.

    What is out still, is with them until `now`. Only loans count whose departure was recorded by `recorded_by`. Nothing
    is locked here: who stores something by the answer has locked the asset before.
    """
    if window.end <= window.start:
        return None
    span = stock.held(window)
    asked = {"loan_id": row.id, "start": span.start, "end": span.end, "recorded_by": recorded_by}
    rows = await read.all(_OF_ASSET, {**asked, "asset_id": row.asset_id})
    found = in_all(taken(stock.capacity, [_use(each, now) for each in rows], window, quantity, stock.held))
    people = people_of(row)
    if found is not None or not people:
        return found
    uses: dict[UUID, list[Use]] = {}
    for each in await read.all(_OF_PEOPLE, {**asked, "people": people}):
        uses.setdefault(each.personnel_id, []).append(Use(start=each.dispatched_at, end=_end(each, now)))
    short = (in_all(taken(1, of_one, window, 1), people=True) for of_one in uses.values())
    return next((each for each in short if each is not None), None)


def people_of(row: Row[Any]) -> list[UUID]:
    """Who goes with a loan: the handler, and others for what they can do."""
    others = [] if row.personnel_ids is None else msgspec.json.decode(row.personnel_ids, type=list[UUID])
    return [*others, *([] if row.handler_id is None else [row.handler_id])]


def partial_returns_in(row: Row[Any]) -> list[PartialReturn]:
    """What of the loan came back before the rest did."""
    return [] if row.partial_returns is None else _read_partial_returns(row.partial_returns)


def last_part(row: Row[Any]) -> int:
    """How many of a loan come back, or came, with the last."""
    return int(row.quantity - row.lost_quantity - sum(each.quantity for each in partial_returns_in(row)))


def _use(row: Row[Any], now: datetime) -> Use:
    snapshot = row.asset_snapshot
    asset = snapshot if isinstance(snapshot, LoanedAsset) else _read_asset(snapshot)
    return Use(
        start=row.dispatched_at,
        end=_end(row, now),
        quantity=row.quantity,
        lost=0 if row.took_last else row.lost_quantity,
        capacity=asset.capacity,
        back=[(each.returned_at, each.quantity) for each in partial_returns_in(row)],
    )


def _end(row: Row[Any], now: datetime) -> datetime:
    ended: datetime = row.returned_at or row.lost_at or now
    return ended
