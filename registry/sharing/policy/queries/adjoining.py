"""What else an agency has asked for of the same asset, or has of it, beside what is decided on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.resources.assets.tables import asset
from registry.sharing.policy.facts import OtherWindow
from registry.sharing.policy.joining import LONGEST_GAP, joined_with
from registry.sharing.policy.tables import policy_approval, policy_decision, policy_lent

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
    _latest.c.ends_at > sa.bindparam("at", type_=_AT),
    ~sa.exists().where(
        policy_lent.c.root_decision_id == _latest.c.root_decision_id, policy_lent.c.ends_at.is_not(None)
    ),
    ~sa.exists().where(_later.c.root_decision_id == _latest.c.root_decision_id, _later.c.previous_id == _latest.c.id),
    ~sa.exists().where(
        _answered.c.root_decision_id == _latest.c.root_decision_id,
        policy_approval.c.decision_id == _answered.c.id,
        policy_approval.c.verdict == "rejected",
    ),
)
_LENT = (
    policy_lent.c.root_decision_id < _BEFORE,
    policy_lent.c.root_decision_id != _OWN,
    policy_lent.c.requesting_agency_id == _REQUESTING,
)
"""A loan counts for as long as it lasts, or lasted: one that never took place has no end here, and is near nothing."""


def adjoins(of: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """A criterion: the agency `requesting_id` asked for that asset, or has it, near what is asked from … to …."""
    return sa.or_(
        sa.select(sa.literal(1))
        .where(_latest.c.asset_id == of, _latest.c.starts_at <= _TO, _latest.c.ends_at >= _FROM, *_STILL_ASKED)
        .correlate(asset)
        .exists(),
        sa.select(sa.literal(1))
        .where(policy_lent.c.asset_id == of, policy_lent.c.starts_at <= _TO, policy_lent.c.ends_at >= _FROM, *_LENT)
        .correlate(asset)
        .exists(),
    )


def counted_in_quantity(loan_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """A criterion: that loan is in the ask's whole quantity, since it overlaps it, or is the one to be extended."""
    return (
        sa.select(sa.literal(1))
        .where(
            policy_lent.c.loan_id == loan_id,
            policy_lent.c.requesting_agency_id == _REQUESTING,
            policy_lent.c.asset_id == asset.c.id,
            sa.or_(policy_lent.c.root_decision_id < _BEFORE, policy_lent.c.root_decision_id == _OWN),
            policy_lent.c.starts_at < sa.bindparam("asked_to", type_=_AT),
            policy_lent.c.ends_at > sa.bindparam("asked_from", type_=_AT),
        )
        .correlate_except(policy_lent)
        .exists()
    )


def near(window: Window, root_decision_id: UUID | None = None, *, later_too: bool = False) -> dict[str, object]:
    """The parameters of `adjoins` and `counted_in_quantity` for a window, and of `joined_windows`.

    `root_decision_id` is the chain of what is asked for now: what was asked for first counts for what is asked for
    after it, and the other way round only where `later_too`. Ids are in the order in which they were made.
    """
    before = _LAST if root_decision_id is None or later_too else root_decision_id
    return {
        "asked_from": window.start,
        "asked_to": window.end,
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
        _latest.c.starts_at,
        _latest.c.ends_at,
        _latest.c.quantity,
        _latest.c.request_id,
        _latest.c.line_no,
        sa.cast(sa.null(), policy_lent.c.loan_id.type).label("loan_id"),
    ).where(_latest.c.asset_id.in_(_IDS), *_STILL_ASKED),
    sa.select(
        policy_lent.c.asset_id,
        policy_lent.c.starts_at,
        policy_lent.c.ends_at,
        policy_lent.c.quantity,
        sa.cast(sa.null(), _latest.c.request_id.type),
        sa.cast(sa.null(), _latest.c.line_no.type),
        policy_lent.c.loan_id,
    ).where(policy_lent.c.asset_id.in_(_IDS), policy_lent.c.ends_at.is_not(None), *_LENT),
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
    return {asset_id: joined_with(window, map(_window, rows)) for asset_id, rows in found.items()}


def _window(row: Row[Any]) -> OtherWindow:
    return OtherWindow(
        start=row.starts_at,
        end=row.ends_at,
        quantity=row.quantity,
        loan_id=row.loan_id,
        request_id=row.request_id,
        line_no=row.line_no,
    )
