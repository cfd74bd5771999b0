"""Reserved loans whose asset is not what was reserved: they wait for the word of the agency for which it is."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import refusal
from registry.platform.database.handles import Read
from registry.resources.assets.tables import asset
from registry.sharing.loans.queries.asset_warnings import changed_in
from registry.sharing.loans.queries.getting import AT, SHOWN, SIDE_COLUMNS, VIEWER, named_in, permission_for
from registry.sharing.loans.queries.hindrances import moment
from registry.sharing.loans.rules import LoanAction, LoanStatus, Side
from registry.sharing.loans.schemas.shown import LoanedAsset
from registry.sharing.loans.tables import loan

_K = InboxKind.ASSET_CHANGED
_read_asset = msgspec.json.Decoder(LoanedAsset).decode


def task_for(changed: Sequence[str], otherwise: str) -> str:
    """What whoever asked for an asset is to do that its owner has changed in these properties."""
    named = ", ".join(name.replace("_", " ") for name in changed)
    return f"It was changed ({named}): agree to it as it is now, or {otherwise}."


def may_be_changed() -> sa.ColumnElement[bool]:
    """A criterion: reserved loans whose asset may not be what was reserved: it was edited since.

    Whether it is, one asks only where there is such a one: what was edited may be as it was again, or accepted.
    """
    edited = sa.select(sa.literal(1)).where(asset.c.id == loan.c.asset_id, asset.c.described_at >= loan.c.reserved_at)
    return sa.and_(
        loan.c.status == LoanStatus.RESERVED.value,
        loan.c.planned_end_at > sa.bindparam("now", type_=AT),
        edited.correlate(loan).exists(),
    )


@cache
def _statement(side: Side) -> sa.Select[Any]:
    """What may have been changed since it was reserved, the soonest begin first; the rows say whether it was."""
    after = sa.tuple_(sa.bindparam("due", type_=AT), sa.bindparam("id", type_=loan.c.id.type))
    return (
        SHOWN.where(
            SIDE_COLUMNS[side] == VIEWER,
            may_be_changed(),
            sa.tuple_(loan.c.starts_at, loan.c.id) > after,
        )
        .order_by(loan.c.starts_at, loan.c.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


async def waiting_changed_loans(read: Read, asked: Asked) -> list[InboxEntry]:
    """Of what is reserved for the caller's agency, or its partners, what they have to agree to as it is now."""
    principal, action = asked.principal, LoanAction.ACCEPT_CHANGED_ASSET
    may = refusal(principal, permission_for(action, Side.REQUESTING), [Side.REQUESTING.value]) is None
    if asked.whose == "me" and not may:
        return []
    statement = _statement(Side.ASSISTING if asked.whose == "partners" else Side.REQUESTING)
    due, after_id = asked.after_due(_K)
    found: list[InboxEntry] = []
    while len(found) < asked.limit:
        parameters = {"due": due, "id": after_id, "limit": asked.limit, "viewer": principal.agency_id}
        rows = await read.all_slowly(statement, {**parameters, **moment(asked.as_of)})
        found += [_entry(row, asked, may=may) for row in rows if changed_in(row)]
        if len(rows) < asked.limit:
            break
        due, after_id = rows[-1].starts_at, rows[-1].id
    return found[: asked.limit]


def _entry(row: Row[Any], asked: Asked, *, may: bool) -> InboxEntry:
    named, path, theirs = named_in(row), f"/v1/loans/{row.id}", asked.whose == "partners"
    partner = named.requesting_agency if theirs else named.assisting_agency
    task = task_for(changed_in(row), "cancel")
    accept = InboxAction(operation="accept_changed_asset", path=f"{path}/accept-changed-asset")
    return InboxEntry(
        id=row.id,
        kind=_K,
        subject=InboxSubject(kind="loan", id=row.id, name=_read_asset(row.asset_snapshot).name, path=path),
        task=f"{partner.name}: {task}" if theirs else task,
        late=row.starts_at <= asked.as_of,
        due_at=row.starts_at,
        waiting_from=row.now_described_at,
        partner=partner,
        action=accept if may and not theirs else None,
    )
