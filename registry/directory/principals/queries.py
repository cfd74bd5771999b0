"""Queries about principals: an agency's own for its administrators, all for the operator's."""

from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import AgencyReference, LedgerEventPage
from registry.directory.agencies.tables import agency
from registry.directory.principals.rules import PrincipalAction, PrincipalStatus, why_not
from registry.directory.principals.schemas import KnownPrincipal, KnownPrincipalPage, PrincipalQuery
from registry.platform.access.permissions import Action, Relation, permit, refusal
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, Principal, RevocationKind, Role
from registry.platform.access.sightings import idle_before
from registry.platform.access.tables import principal, revocation
from registry.platform.database.handles import Read
from registry.platform.http.paging import Orders, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.platform.ledger.schemas import HistoryQuery

_ID = principal.c.id.type
_IDLE_BEFORE = sa.bindparam("idle_before", type_=principal.c.last_seen_at.type)
_SUSPENSION = sa.and_(
    revocation.c.kind == RevocationKind.PERSON.value,
    revocation.c.issuer == principal.c.issuer,
    revocation.c.value == principal.c.subject,
    revocation.c.agency_id == principal.c.agency_id,
    revocation.c.lifted_at.is_(None),
)
_STATUS = sa.case(
    (revocation.c.id.is_not(None), PrincipalStatus.SUSPENDED.value),
    (
        sa.and_(
            principal.c.last_seen_at < _IDLE_BEFORE,
            sa.or_(principal.c.restored_at.is_(None), principal.c.restored_at < _IDLE_BEFORE),
        ),
        PrincipalStatus.INACTIVE.value,
    ),
    else_=PrincipalStatus.ACTIVE.value,
)
_SHOWN = (
    sa.select(
        principal,
        agency.c.name.label("agency_name"),
        _STATUS.label("status"),
        revocation.c.id.label("revocation_id"),
        revocation.c.version.label("revocation_version"),
        revocation.c.reason.label("suspended_for"),
        revocation.c.is_final.label("suspended_for_good"),
        revocation.c.by_operator.label("suspended_by_operator"),
    )
    .join(agency, agency.c.id == principal.c.agency_id)
    .outerjoin(revocation, _SUSPENSION)
)
_ONE = _SHOWN.where(principal.c.id == sa.bindparam("id", type_=_ID))
_BY_PERSON = sa.select(principal.c.id).where(
    principal.c.agency_id == sa.bindparam("agency_id", type_=_ID),
    principal.c.issuer == sa.bindparam("issuer"),
    principal.c.subject == sa.bindparam("subject"),
)
_FILTERS: dict[str, sa.ColumnElement[bool]] = {
    "agency_id": principal.c.agency_id == sa.bindparam("agency_id", type_=_ID),
    "own_id": principal.c.agency_id == sa.bindparam("own_id", type_=_ID),
    "status": _STATUS.in_(sa.bindparam("status", expanding=True)),
}
_ORDERS = Orders(
    PrincipalQuery,
    created_at=principal.c.id,
    last_seen_at=(principal.c.last_seen_at, principal.c.id),
)


@cache
def _page(sort: str, filters: frozenset[str], *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_SHOWN.where(*(_FILTERS[name] for name in sorted(filters))), sort, after=after)


def relations(caller: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to a principal of that agency."""
    return ["own"] if caller.agency_id == agency_id else []


async def principal_row(read: Read, caller: Caller, id_: UUID, idle_days: int) -> Row[Any]:
    """The row of a principal. Raises NotFound: another agency may not know who works for this one."""
    row = await read.first(_ONE, {"id": id_, "idle_before": idle_before(caller.now, idle_days)})
    if row is None or refusal(caller.principal, Action.PRINCIPALS_READ, relations(caller.principal, row.agency_id)):
        raise NotFound("principal")
    return row


async def principal_of(read: Read, agency_id: UUID, issuer: str, subject: str) -> UUID:
    """The id of a person or service that has used the registry for an agency. Raises NotFound."""
    found: UUID | None = await read.value(_BY_PERSON, {"agency_id": agency_id, "issuer": issuer, "subject": subject})
    if found is None:
        raise NotFound("principal")
    return found


async def get_principal(read: Read, caller: Caller, id_: UUID, idle_days: int) -> KnownPrincipal:
    """One principal. Raises NotFound."""
    return _as_principal(caller.principal, await principal_row(read, caller, id_, idle_days))


async def list_principals(read: Read, caller: Caller, query: PrincipalQuery, idle_days: int) -> KnownPrincipalPage:
    """A page of principals. Raises Malformed for another list's cursor."""
    permit(caller.principal, Action.PRINCIPALS_READ, ["own"])
    filters = given(query, "agency_id", "status")
    if refusal(caller.principal, Action.PRINCIPALS_READ, []) is not None:
        filters["own_id"] = caller.agency_id
    statement = _page(query.sort, frozenset(filters), after=query.cursor is not None)
    parameters = {"idle_before": idle_before(caller.now, idle_days), **_ORDERS.parameters(query), **filters}
    kept, next_cursor = _ORDERS.cut(await read.all(statement, parameters), query)
    return KnownPrincipalPage(items=[_as_principal(caller.principal, row) for row in kept], next_cursor=next_cursor)


async def principal_history(
    read: Read, caller: Caller, id_: UUID, idle_days: int, query: HistoryQuery
) -> LedgerEventPage:
    """What administrators did about a principal. Raises NotFound."""
    await principal_row(read, caller, id_, idle_days)
    return await history(read, caller.principal, "principal", id_, query)


def roles_of(stored: str) -> list[Role]:
    """The roles as they are stored."""
    return [Role(each) for each in stored.split(",") if each]


def _as_principal(caller: Principal, row: Row[Any]) -> KnownPrincipal:
    own = caller.agency_id == row.agency_id and Role.AGENCY_ADMIN in caller.roles
    status = PrincipalStatus(row.status)
    return KnownPrincipal(
        id=row.id,
        issuer=row.issuer,
        subject=row.subject,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        name=row.name if own else None,
        attributes=msgspec.json.decode(row.attributes, type=dict[str, str]) if own and row.attributes else {},
        roles=roles_of(row.roles),
        status=status,
        suspended_for=row.suspended_for,
        suspended_by=None if row.revocation_id is None else "operator" if row.suspended_by_operator else "agency",
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        restored_at=row.restored_at,
        name_purged_at=row.name_purged_at,
        allowed_actions=_allowed(caller, row, status),
        version=row.version,
    )


def _allowed(caller: Principal, row: Row[Any], status: PrincipalStatus) -> list[AllowedAction]:
    if refusal(caller, Action.PRINCIPALS_MANAGE, relations(caller, row.agency_id)) is not None:
        return []
    purged, final = row.name_purged_at is not None, bool(row.suspended_for_good)
    anothers = bool(row.suspended_by_operator) and caller.agency_id != OPERATOR_AGENCY_ID
    return [
        offer(each, withheld=why_not(each, status, purged=purged, final=final, anothers=anothers))
        for each in PrincipalAction
    ]
