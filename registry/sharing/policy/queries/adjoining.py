"""What else an agency has asked for of the same asset, or has of it, beside what is decided on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.resources.allocations.rules import AllocationKind, AllocationStatus
from registry.resources.allocations.tables import allocation
from registry.resources.assets.tables import asset
from registry.sharing.policy.facts import OtherWindow
from registry.sharing.policy.joining import LONGEST_GAP, joined_with
from registry.sharing.policy.tables import policy_approval, policy_decision

_LENT: Final = ("reserve", "extend", "dispatch")
"""Steps at which a decision was made of what is lent: it counts when its time is over, too."""
_AT: Final = policy_decision.c.starts_at.type
_latest, _later = policy_decision.alias("latest_asked"), policy_decision.alias("later_asked")
_answered = policy_decision.alias("answered_asked")
_REQUESTING = sa.bindparam("requesting_id", type_=policy_decision.c.requesting_agency_id.type)
_FROM, _TO = sa.bindparam("joined_from", type_=_AT), sa.bindparam("joined_to", type_=_AT)
_BEFORE = sa.bindparam("joined_before", type_=policy_decision.c.id.type)
_OWN = sa.bindparam("joined_own", type_=policy_decision.c.id.type)

_STILL_ASKED = (
    _latest.c.root_decision_id < _BEFORE,
    _latest.c.root_decision_id != _OWN,
    _latest.c.requesting_agency_id == _REQUESTING,
    _latest.c.outcome != "denied",
    sa.or_(_latest.c.ends_at > sa.bindparam("at", type_=_AT), _latest.c.action_at.in_(_LENT)),
    ~sa.exists().where(_later.c.root_decision_id == _latest.c.root_decision_id, _later.c.previous_id == _latest.c.id),
    ~sa.exists().where(
        _answered.c.root_decision_id == _latest.c.root_decision_id,
        policy_approval.c.decision_id == _answered.c.id,
        policy_approval.c.verdict == "rejected",
    ),
)
_HELD = (
    allocation.c.id < _BEFORE,
    allocation.c.requesting_agency_id == _REQUESTING,
    allocation.c.kind == AllocationKind.LOAN.value,
    allocation.c.status != AllocationStatus.RELEASED.value,
)


def adjoins(of: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """A criterion: the agency `requesting_id` asked for that asset, or has it, near what is asked from … to …."""
    return sa.or_(
        sa.select(sa.literal(1))
        .where(_latest.c.asset_id == of, _latest.c.starts_at <= _TO, _latest.c.ends_at >= _FROM, *_STILL_ASKED)
        .correlate(asset)
        .exists(),
        sa.select(sa.literal(1))
        .where(allocation.c.asset_id == of, allocation.c.starts_at <= _TO, allocation.c.ends_at >= _FROM, *_HELD)
        .correlate(asset)
        .exists(),
    )


def near(window: Window, root_decision_id: UUID | None = None, *, later_too: bool = False) -> dict[str, object]:
    """The parameters of `adjoins` for a window, and of `joined_windows`.

    `root_decision_id` is the chain of what is asked for now: what was asked for first counts for what is asked for
    after it, and the other way round only where `later_too`. Ids are in the order in which they were made.
    """
    before = _LAST if root_decision_id is None or later_too else root_decision_id
    return {
        "joined_from": window.start - LONGEST_GAP,
        "joined_to": window.end + LONGEST_GAP,
        "joined_before": before,
        "joined_own": root_decision_id or _NONE,
    }


_NONE, _LAST = UUID(int=0), UUID(int=2**128 - 1)
_IDS = sa.bindparam("ids", type_=policy_decision.c.asset_id.type, expanding=True)
_ALL = sa.union_all(
    sa.select(
        _latest.c.asset_id,
        sa.literal(True).label("is_asked"),
        _latest.c.starts_at,
        _latest.c.ends_at,
        _latest.c.quantity,
    ).where(_latest.c.asset_id.in_(_IDS), *_STILL_ASKED),
    sa.select(
        allocation.c.asset_id,
        sa.literal(False),
        allocation.c.starts_at,
        allocation.c.ends_at,
        allocation.c.quantity,
    ).where(allocation.c.asset_id.in_(_IDS), *_HELD),
)


async def joined_windows(
    read: Read,
    asset_ids: Sequence[UUID],
    requesting_agency_id: UUID,
    window: Window,
    now: datetime,
    asked: Mapping[str, object],
) -> dict[UUID, tuple[OtherWindow, ...]]:
    """Of each asset, what the agency asked for of it, or has, that adjoins the window; `asked` is as from `near`."""
    if not asset_ids:
        return {}
    found: dict[UUID, list[Row[Any]]] = {asset_id: [] for asset_id in asset_ids}
    counted = {name: asked[name] for name in ("joined_before", "joined_own")}
    parameters = {"ids": [*asset_ids], "requesting_id": requesting_agency_id, "at": now, **counted}
    for row in await read.all(_ALL, parameters):
        found[row.asset_id].append(row)
    return {asset_id: joined_with(window, _others(rows, window)) for asset_id, rows in found.items()}


def _others(rows: Sequence[Row[Any]], own: Window) -> list[OtherWindow]:
    """The windows beside the own one. A loan whose request was closed is known by what is held alone."""
    asked = [_window(row) for row in rows if row.is_asked]
    spans = [(own.start, own.end), *((each.start, each.end) for each in asked)]
    held = [
        _window(row)
        for row in rows
        if not row.is_asked and not any(start <= row.starts_at and row.ends_at <= end for start, end in spans)
    ]
    return [*asked, *held]


def _window(row: Row[Any]) -> OtherWindow:
    return OtherWindow(start=row.starts_at, end=row.ends_at, quantity=row.quantity)
