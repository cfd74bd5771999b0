"""What has become of a lent asset since it was reserved: derived at each reading from the asset as it is now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct, structs
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import LATEST, Window
from registry.resources.allocations.occupancy import free_quantity
from registry.resources.allocations.queries import allocations_in, as_holds, in_the_way, named_loans, unavailable_for
from registry.resources.allocations.rules import AllocationKind, AllocationStatus, why_too_few
from registry.resources.assets.queries.describing import cost_now_described, describe_columns
from registry.resources.assets.rules import ServiceStatus, changed_since
from registry.sharing.loans.hindrances import Hindrance, why_still_out
from registry.sharing.loans.rules import (
    OUT,
    LoanStatus,
)
from registry.sharing.loans.schemas.shown import AssetWarning, AssetWarningKind, LoanedAsset

_described = msgspec.json.Decoder(dict[str, str]).decode


class Planned(Struct, kw_only=True, frozen=True):
    """Why too little of the asset is left for the time of a reserved loan.

    `rows` are what the assisting agency has planned; `short` says that fewer are there than were promised, or that it
    is not back, since `short_from`, and `told_owner` the same with whose loan it is. `blocks` says why it cannot be
    handed over now.
    """

    rows: Sequence[Row[Any]] = ()
    blocks: str | None = None
    short: str | None = None
    short_from: datetime | None = None
    told_owner: str | None = None


NOTHING_PLANNED = Planned()
AS_MANY_AS_THERE_ARE: Final = " As many as there are may leave: say how many (`quantity`)."


async def planned_against(read: Read, row: Row[Any], now: datetime) -> Planned:
    """What is planned against a loan, or is missing for it; the loan's row says whether there is anything at all."""
    short = row.hindrance in (Hindrance.TOO_FEW, Hindrance.STILL_OUT)
    if not row.now_planned and not short:
        return NOTHING_PLANNED
    window = Window(start=min(row.starts_at, now), end=row.planned_end_at)
    rows = [each for each in await allocations_in(read, row.asset_id, window, now) if each.loan_id != row.id]
    agreed = Window(start=row.starts_at, end=row.planned_end_at)
    found = in_the_way(row.now_capacity, rows, row.quantity, agreed, now)
    blocks = None
    if now < row.planned_end_at:
        rest = Window(start=now, end=row.planned_end_at)
        blocks = unavailable_for(row.now_capacity, rows, row.quantity, rest, now)
    planned = Planned(rows=found, blocks=None if blocks is None else _reasons(found))
    return await _short(read, row, rows, now, planned) if short else planned


async def missing_for(read: Read, row: Row[Any], now: datetime) -> Planned:
    """As `planned_against`, where other loans leave too few, or what was lost on them; else as if nothing did."""
    if row.hindrance not in (Hindrance.TOO_FEW, Hindrance.STILL_OUT):
        return NOTHING_PLANNED
    return await planned_against(read, row, now)


async def _short(read: Read, row: Row[Any], rows: Sequence[Row[Any]], now: datetime, planned: Planned) -> Planned:
    """The same with why other loans, or what was lost on them, leave too few."""
    lent = [each for each in rows if each.kind == AllocationKind.LOAN]
    out = [each for each in lent if each.status == AllocationStatus.OUT]
    if row.hindrance == Hindrance.STILL_OUT:
        late = [each for each in out if each.ends_at <= now]
        if not late:  # it came back since the loan was read
            return planned
        since = min(each.ends_at for each in late)
        names = sorted({each.requesting_agency_name for each in await named_loans(read, row.asset_id, late)})
        why, owner = why_still_out(since), why_still_out(since, names)
    else:
        since = max(row.starts_at, now)
        held = -free_quantity(0, as_holds(lent, now), (since, row.planned_end_at))
        why = owner = why_too_few(row.now_capacity, row.quantity + held)
    left = row.now_capacity - sum(each.quantity for each in out)
    fewer = AS_MANY_AS_THERE_ARE if left > 0 and row.personnel_ids is None else ""
    blocks = planned.blocks or (f"{why}{fewer}" if row.quantity > left else None)
    return structs.replace(planned, blocks=blocks, short=why, short_from=since, told_owner=owner)


def _reasons(rows: Sequence[Row[Any]]) -> str:
    return "; ".join(dict.fromkeys(row.reason or row.kind for row in rows)) or "not all of it can be had."


def changed_in(row: Row[Any]) -> list[str]:
    """The properties of the asset that are not as they were when it was reserved."""
    return changed_since(described_in(row), describe_columns(row, "now_"))


def described_in(row: Row[Any]) -> dict[str, str]:
    """What was relied on when the asset was reserved."""
    described: dict[str, str] = _described(row.asset_described)
    return described


def unavailable_in(row: Row[Any]) -> str | None:
    """Why the asset is out of service; None while it is in service."""
    if row.now_service_status == ServiceStatus.IN_SERVICE:
        return None
    return row.now_service_reason or "No reason is recorded."


def warnings_in(row: Row[Any], planned: Planned = NOTHING_PLANNED) -> list[AssetWarning]:
    """What has become of the asset, while it is not yet returned. A loan that was only just made has no warnings."""
    if row.status not in {LoanStatus.RESERVED, *OUT}:
        return []
    unavailable, changed = unavailable_in(row), changed_in(row)
    now = snapshot_now(row) if unavailable or changed or planned.rows or planned.short else None
    warnings = []
    if now and unavailable:
        warnings.append(_warning("asset_unavailable", row, now, row.now_service_changed_at, reason=unavailable))
    for each in planned.rows if now else ():
        assert now is not None
        until = None if each.ends_at >= LATEST else each.ends_at
        reason = each.reason or each.kind
        warnings.append(_warning("asset_unavailable", row, now, each.starts_at, reason=reason, ended_at=until))
    if now and planned.short and planned.short_from:
        warnings.append(_warning("asset_unavailable", row, now, planned.short_from, reason=planned.short))
    if now and changed:
        warnings.append(_warning("asset_changed", row, now, row.now_described_at, changed=changed))
    return warnings


def _warning(
    kind: AssetWarningKind,
    row: Row[Any],
    now: LoanedAsset,
    started_at: datetime,
    *,
    reason: str | None = None,
    ended_at: datetime | None = None,
    changed: Sequence[str] = (),
) -> AssetWarning:
    return AssetWarning(
        kind=kind,
        started_at=started_at,
        ended_at=ended_at,
        reason=reason,
        changed=[*changed],
        asset_now=now,
        asset_version=row.now_version,
    )


def snapshot_now(row: Row[Any]) -> LoanedAsset:
    """The asset as it is now, as a loan keeps it."""
    cost = cost_now_described(row, row.starts_at)
    return LoanedAsset(
        id=row.asset_id,
        name=row.now_name,
        tag=row.now_tag,
        category=row.now_category,
        type_level=row.now_type_level,
        capacity=row.now_capacity,
        hourly_rate=None if cost is None else Money.from_minor(cost.amount_minor, cost.currency),
        funding=msgspec.json.decode(row.now_funding),
    )
