"""What has become of a lent asset since it was reserved: derived at each reading from the asset as it is now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import LATEST, Window
from registry.resources.allocations.queries import allocations_in, in_the_way, unavailable_for
from registry.resources.assets.queries.describing import cost_now_described, describe_columns
from registry.resources.assets.rules import ServiceStatus, changed_since
from registry.sharing.loans.rules import (
    OUT,
    LoanStatus,
)
from registry.sharing.loans.schemas.shown import AssetWarning, AssetWarningKind, LoanedAsset

_described = msgspec.json.Decoder(dict[str, str]).decode


class Planned(Struct, kw_only=True, frozen=True):
    """What the assisting agency has planned for the time of a reserved loan, so that too little of the asset is left.

    `blocks` says why it cannot be handed over now.
    """

    rows: Sequence[Row[Any]] = ()
    blocks: str | None = None


NOTHING_PLANNED = Planned()


async def planned_against(read: Read, row: Row[Any], now: datetime) -> Planned:
    """What is planned against a loan; the loan's row says whether anything is planned for its time at all."""
    if not row.now_planned:
        return NOTHING_PLANNED
    window = Window(start=min(row.starts_at, now), end=row.planned_end_at)
    rows = [each for each in await allocations_in(read, row.asset_id, window, now) if each.loan_id != row.id]
    agreed = Window(start=row.starts_at, end=row.planned_end_at)
    found = in_the_way(row.now_capacity, rows, row.quantity, agreed, now)
    blocks = None
    if now < row.planned_end_at:
        rest = Window(start=now, end=row.planned_end_at)
        blocks = unavailable_for(row.now_capacity, rows, row.quantity, rest, now)
    return Planned(rows=found, blocks=None if blocks is None else _reasons(found))


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
    now = snapshot_now(row) if unavailable or changed or planned.rows else None
    warnings = []
    if now and unavailable:
        warnings.append(_warning("asset_unavailable", row, now, row.now_service_changed_at, reason=unavailable))
    for each in planned.rows if now else ():
        assert now is not None
        until = None if each.ends_at >= LATEST else each.ends_at
        reason = each.reason or each.kind
        warnings.append(_warning("asset_unavailable", row, now, each.starts_at, reason=reason, ended_at=until))
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
