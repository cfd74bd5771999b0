"""Questions about previews of policy sets, and about the decisions that a set would have changed."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound
from registry.sharing.policy.lifecycle import PreviewStatus, why_not_cancelled
from registry.sharing.policy.schemas.previews import (
    ChangedDecision,
    ChangedDecisionPage,
    ChangedDecisionQuery,
    OutcomeChange,
    PolicyImpact,
    PolicyPreview,
    PolicyPreviewPage,
    PolicyPreviewQuery,
)
from registry.sharing.policy.tables import policy_decision, policy_preview, policy_preview_decision

STALLED_AFTER: Final = timedelta(seconds=90)
"""A preview that has looked at nothing for so long is taken to be stopped: its process has ended."""
STOPPED: Final = "It was stopped before it had looked at everything. Start another one."
_VIEWER = policy_preview.c.agency_id == sa.bindparam("viewer", type_=policy_preview.c.agency_id.type)
_ALL = sa.select(*policy_preview.c, agency.c.name.label("agency_name")).join(
    agency, agency.c.id == policy_preview.c.agency_id
)
_GET = _ALL.where(policy_preview.c.id == sa.bindparam("id", type_=policy_preview.c.id.type), _VIEWER)
_LIST = _ALL.where(_VIEWER)
_ORDERS = Orders(
    PolicyPreviewQuery, created_at=policy_preview.c.id, updated_at=(policy_preview.c.updated_at, policy_preview.c.id)
)
_found = policy_preview_decision
_CHANGED = (
    sa.select(
        *_found.c,
        policy_decision.c.action_at,
        policy_decision.c.evaluated_at,
        policy_decision.c.requesting_agency_id,
        agency.c.name.label("requesting_agency_name"),
    )
    .join(policy_decision, policy_decision.c.id == _found.c.decision_id)
    .join(agency, agency.c.id == policy_decision.c.requesting_agency_id)
    .where(_found.c.preview_id == sa.bindparam("preview_id", type_=_found.c.preview_id.type))
)
_CHANGED_ORDERS = Orders(ChangedDecisionQuery, created_at=_found.c.decision_id)
_changes = msgspec.json.Decoder(list[OutcomeChange]).decode
_policies = msgspec.json.Decoder(list[PolicyImpact]).decode


async def preview_row(read: Read, caller: Caller, preview_id: UUID) -> Row[Any]:
    """The row, of the caller's own agency. Raises NotFound, Forbidden."""
    row = await read.first(_GET, {"id": preview_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("policy preview")
    permit(caller.principal, Action.POLICIES_DRAFT, ["own"])
    return row


def preview_status(row: Row[Any], now: datetime) -> PreviewStatus:
    """Where the preview stands: one that runs and moves no more is stopped."""
    status = PreviewStatus(row.status)
    if status is PreviewStatus.RUNNING and now - row.updated_at > STALLED_AFTER:
        return PreviewStatus.STOPPED
    return status


async def get_preview(read: Read, caller: Caller, preview_id: UUID) -> PolicyPreview:
    """A preview of a set of the caller's own agency. Raises NotFound, Forbidden."""
    return _preview(await preview_row(read, caller, preview_id), caller.now)


async def list_previews(read: Read, caller: Caller, query: PolicyPreviewQuery) -> PolicyPreviewPage:
    """A page of the previews of the caller's agency. Raises Forbidden."""
    permit(caller.principal, Action.POLICIES_DRAFT, ["own"])
    filters = given(query, *CHANGED, "policy_set_id")
    statement = _LIST.where(*changed_in(policy_preview.c.updated_at, filters))
    if "policy_set_id" in filters:
        of_set = sa.bindparam("policy_set_id", type_=policy_preview.c.policy_set_id.type)
        statement = statement.where(policy_preview.c.policy_set_id == of_set)
    parameters: dict[str, Any] = {"viewer": caller.agency_id, **_ORDERS.parameters(query), **filters}
    rows = await read.all_slowly(_ORDERS.page(statement, query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return PolicyPreviewPage(items=[_preview(row, caller.now) for row in kept], next_cursor=next_cursor)


def _preview(row: Row[Any], now: datetime) -> PolicyPreview:
    status = preview_status(row, now)
    return PolicyPreview(
        id=row.id,
        policy_set_id=row.policy_set_id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        status=status,
        days=row.days,
        active_digest=row.active_digest,
        examined=row.examined,
        remaining=max(row.total - row.examined, 0),
        left_out=row.left_out,
        same=row.same,
        changes=_changes(row.changes),
        policies=_policies(row.policies),
        note=STOPPED if status is PreviewStatus.STOPPED and row.note is None else row.note,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        allowed_actions=[offer("cancel", withheld=why_not_cancelled(status))],
    )


async def list_changed_decisions(
    read: Read, caller: Caller, preview_id: UUID, query: ChangedDecisionQuery
) -> ChangedDecisionPage:
    """A page of the decisions that would have been others, as far as the preview has come. Raises NotFound, Forbidden.

    The agency was asked in all of them, so it reads them itself.
    """
    await preview_row(read, caller, preview_id)
    parameters: dict[str, Any] = {"preview_id": preview_id, **_CHANGED_ORDERS.parameters(query)}
    statement = _CHANGED
    for name, wanted in (("before", query.before), ("after", query.after)):
        if wanted:
            statement = statement.where(_found.c[name].in_(sa.bindparam(f"any_{name}", expanding=True)))
            parameters[f"any_{name}"] = list(wanted)
    if query.policy_id is not None:
        statement = statement.where(_found.c.policy_ids.like(sa.bindparam("named", type_=sa.Text), escape="\\"))
        parameters["named"] = f"% {query.policy_id} %".replace("_", r"\_")
    page = _CHANGED_ORDERS.page(statement, query.sort, after=query.cursor is not None)
    kept, next_cursor = _CHANGED_ORDERS.cut(await read.all_slowly(page, parameters), query)
    return ChangedDecisionPage(items=[_changed(row) for row in kept], next_cursor=next_cursor)


def _changed(row: Row[Any]) -> ChangedDecision:
    return ChangedDecision(
        decision_id=row.decision_id,
        action_at=row.action_at,
        evaluated_at=row.evaluated_at,
        requesting_agency=AgencyReference(id=row.requesting_agency_id, name=row.requesting_agency_name),
        before=row.before,
        after=row.after,
        policy_ids=tuple(row.policy_ids.split()),
    )
