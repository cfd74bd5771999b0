"""Queries about operator's acts, for the registry's administrators."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.operator_acts.rules import status_at, why_not_approved, why_not_open
from registry.directory.operator_acts.schemas import OperatorAct, OperatorActPage, OperatorPerson
from registry.directory.operator_acts.tables import operator_act
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, permit, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import NewestFirst, Orders
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound

_ALL = sa.select(operator_act)
_ONE = _ALL.where(operator_act.c.id == sa.bindparam("id", type_=operator_act.c.id.type))
_ORDERS = Orders(NewestFirst, created_at=operator_act.c.id)


@cache
def _page(sort: str, *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_ALL, sort, after=after)


async def act_row(read: Read, id_: UUID) -> Row[Any]:
    """The row of an act. Raises NotFound."""
    row = await read.first(_ONE, {"id": id_})
    if row is None:
        raise NotFound("operator_act")
    return row


async def get_operator_act(read: Read, caller: Caller, id_: UUID) -> OperatorAct:
    """One act. Raises NotFound."""
    permit(caller.principal, Action.OPERATOR_ACTS_DECIDE, [])
    return as_act(await act_row(read, id_), (caller.principal.issuer, caller.principal.subject), caller.now)


async def list_operator_acts(read: Read, caller: Caller, query: NewestFirst) -> OperatorActPage:
    """A page of acts, decided and lapsed ones included. Raises Malformed for another list's cursor."""
    permit(caller.principal, Action.OPERATOR_ACTS_DECIDE, [])
    rows = await read.all(_page(query.sort, after=query.cursor is not None), _ORDERS.parameters(query))
    kept, next_cursor = _ORDERS.cut(rows, query)
    who = caller.principal.issuer, caller.principal.subject
    return OperatorActPage(items=[as_act(row, who, caller.now) for row in kept], next_cursor=next_cursor)


_WAITING = (
    _ALL.where(
        operator_act.c.status == "proposed",
        sa.tuple_(operator_act.c.lapses_at, operator_act.c.id)
        > sa.tuple_(
            sa.bindparam("after_due", type_=operator_act.c.lapses_at.type),
            sa.bindparam("after_id", type_=operator_act.c.id.type),
        ),
        operator_act.c.lapses_at > sa.bindparam("now", type_=operator_act.c.lapses_at.type),
    )
    .order_by(operator_act.c.lapses_at, operator_act.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def waiting_acts(read: Read, asked: Asked) -> list[InboxEntry]:
    """The operator's acts that wait for another administrator, for those who decide on them."""
    principal = asked.principal
    if asked.whose == "partners" or refusal(principal, Action.OPERATOR_ACTS_DECIDE, []) is not None:
        return []
    due_at, after_id = asked.after_due(InboxKind.OPERATOR_ACT)
    parameters = {"after_due": due_at, "after_id": after_id, "now": asked.as_of, "limit": asked.limit}
    who = principal.issuer, principal.subject
    found = [as_act(row, who, asked.as_of) for row in await read.all(_WAITING, parameters)]
    entries = []
    for act in found:
        may = any(each.action == "approve" and each.allowed for each in act.allowed_actions)
        if asked.whose == "me" and not may:
            continue
        path = f"/v1/operator-acts/{act.id}"
        entries.append(
            InboxEntry(
                id=act.id,
                kind=InboxKind.OPERATOR_ACT,
                subject=InboxSubject(kind="operator_act", id=act.id, name=act.operation, path=path),
                task="Approve or reject what another administrator proposed.",
                late=False,
                due_at=act.lapses_at,
                waiting_from=act.proposed_at,
                partner=None,
                action=InboxAction(operation="approve_operator_act", path=f"{path}/approve") if may else None,
            )
        )
    return entries


def as_act(row: Row[Any], who: tuple[str, str], now: datetime) -> OperatorAct:
    """The act as this person (issuer, subject) sees it now."""
    status = status_at(row.status, row.lapses_at, now)
    proposer = row.proposed_issuer, row.proposed_subject
    return OperatorAct(
        id=row.id,
        operation=row.operation,
        path=row.path,
        body=row.body.decode(),
        status=status,
        proposed_by=OperatorPerson(issuer=proposer[0], subject=proposer[1]),
        proposed_at=row.proposed_at,
        lapses_at=row.lapses_at,
        decided_by=(
            None
            if row.decided_issuer is None
            else OperatorPerson(issuer=row.decided_issuer, subject=row.decided_subject)
        ),
        decided_at=row.decided_at,
        reason=row.reason,
        allowed_actions=[
            offer("approve", withheld=why_not_approved(status, proposer, who)),
            offer("reject", withheld=why_not_open(status)),
        ],
        version=row.version,
    )
