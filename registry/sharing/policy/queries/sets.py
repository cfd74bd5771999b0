"""Questions about agencies' own policy sets. They are an agency's own; others read its rules in decisions alone."""

from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category, purpose
from registry.platform.access.acts import barred
from registry.platform.access.permissions import Action, Relation, permit, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.sharing.policy.analysing import Analysis
from registry.sharing.policy.examining import KnownWords, PolicySetText
from registry.sharing.policy.lifecycle import PolicySetAction, PolicySetStatus, why_not
from registry.sharing.policy.schemas.sets import (
    AgencyPolicySet,
    PolicySetFindings,
    PolicySetPage,
    PolicySetQuery,
    PolicySetSummary,
    Rules,
)
from registry.sharing.policy.tables import policy_set

PERMISSIONS = {
    PolicySetAction.VALIDATE: Action.POLICIES_DRAFT,
    PolicySetAction.ACTIVATE: Action.POLICIES_ACTIVATE,
    PolicySetAction.RETIRE: Action.POLICIES_ACTIVATE,
}
_TEXTS = ("rules", "cedar", "tests", "text", "findings", "analysis")
_SHOWN = [column for column in policy_set.c if column.name not in _TEXTS]
_VIEWER = policy_set.c.agency_id == sa.bindparam("viewer", type_=policy_set.c.agency_id.type)
_NAME = agency.c.name.label("agency_name")
_ON_AGENCY = agency.c.id == policy_set.c.agency_id
_GET = (
    sa.select(*policy_set.c, _NAME)
    .join(agency, _ON_AGENCY)
    .where(policy_set.c.id == sa.bindparam("id", type_=policy_set.c.id.type), _VIEWER)
)
_ANY = sa.select(policy_set).where(policy_set.c.id == sa.bindparam("id", type_=policy_set.c.id.type))
_LIST = sa.select(*_SHOWN, _NAME).join(agency, _ON_AGENCY).where(_VIEWER)
_ORDERS = Orders(PolicySetQuery, created_at=policy_set.c.id, updated_at=(policy_set.c.updated_at, policy_set.c.id))
_WORDS = sa.union_all(
    sa.select(sa.literal("category").label("kind"), category.c.code).where(
        sa.or_(category.c.agency_id.is_(None), category.c.agency_id == sa.bindparam("viewer", type_=agency.c.id.type))
    ),
    sa.select(sa.literal("purpose"), purpose.c.code),
)


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to a set of that agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def policy_set_row(read: Read, caller: Caller, policy_set_id: UUID) -> Row[Any]:
    """The row, of the caller's own agency. Raises NotFound, Forbidden."""
    row = await read.first(_GET, {"id": policy_set_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("policy set")
    permit(caller.principal, Action.POLICIES_READ, ["own"])
    return row


async def any_policy_set_row(read: Read, policy_set_id: UUID) -> Row[Any]:
    """The row, whosever it is: for whoever runs the registry's machine. Raises NotFound."""
    row = await read.first(_ANY, {"id": policy_set_id})
    if row is None:
        raise NotFound("policy set")
    return row


async def get_policy_set(read: Read, caller: Caller, policy_set_id: UUID) -> AgencyPolicySet:
    """A set of the caller's own agency. Raises NotFound, Forbidden."""
    row = await policy_set_row(read, caller, policy_set_id)
    return AgencyPolicySet(
        **_summary(row),
        rules=msgspec.json.decode(row.rules, type=Rules),
        cedar=row.cedar,
        tests=row.tests,
        text=row.text,
        findings=None if row.findings is None else msgspec.json.decode(row.findings, type=PolicySetFindings),
        analysis=None if row.analysis is None else msgspec.json.decode(row.analysis, type=Analysis),
        allowed_actions=await _allowed(read, caller, row),
    )


async def _allowed(read: Read, caller: Caller, row: Row[Any]) -> list[AllowedAction]:
    status, found = PolicySetStatus(row.status), []
    for action, permission in PERMISSIONS.items():
        if refusal(caller.principal, permission, relations(caller.principal, row.agency_id)) is not None:
            continue
        withheld = why_not(status, action)
        if withheld is None and action is PolicySetAction.ACTIVATE:
            withheld = await barred(read, caller.principal, Act.ACTIVATE, row.id)
        found.append(offer(action, withheld=withheld))
    return found


async def list_policy_sets(read: Read, caller: Caller, query: PolicySetQuery) -> PolicySetPage:
    """A page of the sets of the caller's agency. Raises Forbidden."""
    permit(caller.principal, Action.POLICIES_READ, ["own"])
    changed = given(query, *CHANGED)
    statement = _LIST.where(*changed_in(policy_set.c.updated_at, changed))
    parameters: dict[str, Any] = {"viewer": caller.agency_id, **_ORDERS.parameters(query), **changed}
    if query.status:
        statement = statement.where(policy_set.c.status.in_(sa.bindparam("statuses", expanding=True)))
        parameters["statuses"] = [status.value for status in query.status]
    rows = await read.all_slowly(_ORDERS.page(statement, query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return PolicySetPage(items=[PolicySetSummary(**_summary(row)) for row in kept], next_cursor=next_cursor)


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "agency": AgencyReference(id=row.agency_id, name=row.agency_name),
        "title": row.title,
        "status": PolicySetStatus(row.status),
        "digest": row.digest,
        "validated_at": row.validated_at,
        "activated_at": row.activated_at,
        "retired_at": row.retired_at,
        "retired_reason": row.retired_reason,
        "version": row.version,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def text_of(row: Row[Any]) -> PolicySetText:
    """What the agency sent."""
    return PolicySetText(cedar=row.cedar, rules=msgspec.json.decode(row.rules, type=Rules), tests=row.tests)


async def known_words(read: Read, agency_id: UUID) -> KnownWords:
    """The categories that are shared or the agency's own, and the purposes."""
    rows = await read.all(_WORDS, {"viewer": agency_id})
    return KnownWords(
        categories=frozenset(row.code for row in rows if row.kind == "category"),
        purposes=frozenset(row.code for row in rows if row.kind == "purpose"),
    )
