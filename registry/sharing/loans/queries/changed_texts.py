"""Reserved loans that the text that governs them by now does not allow as it was decided: they wait for both sides."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import refusal
from registry.platform.database.handles import Read
from registry.sharing.loans.queries.getting import AT, SHOWN, SIDE_COLUMNS, VIEWER, named_in, permission_for, side_of
from registry.sharing.loans.queries.hindrances import hindrance, moment
from registry.sharing.loans.rules import LoanAction, LoanStatus, Side
from registry.sharing.loans.schemas.shown import LoanedAsset
from registry.sharing.loans.tables import loan
from registry.sharing.policy.queries.other_texts import Redecided, by_other_texts, governed_otherwise, other_text

_K = InboxKind.TEXT_CHANGED
_read_asset = msgspec.json.Decoder(LoanedAsset).decode


def may_be_refused() -> sa.ColumnElement[bool]:
    """A criterion: reserved loans that another text governs by now than they were decided by, and nothing else hinders.

    What it comes to by that text is asked only where there is such a one.
    """
    return sa.and_(
        loan.c.status == LoanStatus.RESERVED.value,
        loan.c.planned_end_at > sa.bindparam("now", type_=AT),
        governed_otherwise(loan),
        hindrance().is_(None),
    )


@cache
def _statement() -> sa.Select[Any]:
    """What another text governs, the soonest begin first."""
    after = sa.tuple_(sa.bindparam("due", type_=AT), sa.bindparam("id", type_=loan.c.id.type))
    return (
        SHOWN.where(
            sa.or_(*(column == VIEWER for column in SIDE_COLUMNS.values())),
            may_be_refused(),
            sa.tuple_(loan.c.starts_at, loan.c.id) > after,
        )
        .order_by(loan.c.starts_at, loan.c.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


async def waiting_changed_texts(read: Read, asked: Asked) -> list[InboxEntry]:
    """The reserved loans of the caller's agency that cannot leave by the text that governs them, for either side."""
    due, after_id = asked.after_due(_K)
    found: list[InboxEntry] = []
    while len(found) < asked.limit:
        parameters = {"due": due, "id": after_id, "limit": asked.limit, "viewer": asked.principal.agency_id}
        rows = await read.all_slowly(_statement(), {**parameters, **moment(asked.as_of)})
        by_text = await by_other_texts(read, asked.policies, {row.decision_id for row in rows}, asked.as_of)
        found += [each for row in rows if (each := _entry(row, asked, by_text)) is not None]
        if len(rows) < asked.limit:
            break
        due, after_id = rows[-1].starts_at, rows[-1].id
    return found[: asked.limit]


def _entry(row: Row[Any], asked: Asked, by_text: Mapping[UUID, Redecided]) -> InboxEntry | None:
    redecided = by_text.get(row.decision_id)
    if redecided is None or not redecided.is_worse:
        return None
    named, path, side = named_in(row), f"/v1/loans/{row.id}", side_of(row, asked.principal)
    partner = named.requesting_agency if side is Side.ASSISTING else named.assisting_agency
    said = other_text(redecided, to_owner=side is Side.ASSISTING).reason
    task = f"It is reserved and cannot leave as it stands: cancel it, ask anew, or agree anew. {said}"
    may = refusal(asked.principal, permission_for(LoanAction.CANCEL, side), [side.value]) is None
    cancel = InboxAction(operation="cancel_loan", path=f"{path}/cancel")
    return InboxEntry(
        id=row.id,
        kind=_K,
        subject=InboxSubject(kind="loan", id=row.id, name=_read_asset(row.asset_snapshot).name, path=path),
        task=f"{partner.name}: {task}" if asked.whose == "partners" else task,
        late=row.starts_at <= asked.as_of,
        due_at=row.starts_at,
        waiting_from=None,
        partner=partner,
        action=cancel if may and asked.whose != "partners" else None,
    )
