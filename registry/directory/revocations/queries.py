"""Queries about revocations: an agency's own for its administrators, all for the operator's."""

from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.revocations.rules import BY_OPERATOR
from registry.directory.revocations.schemas import Revocation, RevocationPage
from registry.platform.access.permissions import Action, Relation, permit, refusal
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Principal, RevocationKind
from registry.platform.access.tables import principal, revocation
from registry.platform.database.handles import Read
from registry.platform.http.paging import NewestFirst, Orders
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound

_ID = revocation.c.id.type
_SEEN = sa.exists().where(
    principal.c.agency_id == revocation.c.agency_id,
    principal.c.issuer == revocation.c.issuer,
    principal.c.subject == revocation.c.value,
)
_SHOWN = sa.select(revocation, agency.c.name.label("agency_name"), _SEEN.label("seen")).join(
    agency, agency.c.id == revocation.c.agency_id
)
_OWN = revocation.c.agency_id == sa.bindparam("agency_id", type_=_ID)
_ONE = _SHOWN.where(revocation.c.id == sa.bindparam("id", type_=_ID))
_ORDERS = Orders(NewestFirst, created_at=revocation.c.id)


_SEEN_FOR = (
    sa.select(agency.c.name)
    .join(principal, principal.c.agency_id == agency.c.id)
    .where(principal.c.issuer == sa.bindparam("issuer"), principal.c.subject == sa.bindparam("subject"))
    .order_by(agency.c.name)
    .limit(5)
)


@cache
def _page(sort: str, *, after: bool, every: bool) -> sa.Select[Any]:
    return _ORDERS.page(_SHOWN if every else _SHOWN.where(_OWN), sort, after=after)


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to a revocation of that agency."""
    return ["own"] if principal.agency_id == agency_id else []


def reaches(principal: Principal, agency_id: UUID) -> bool:
    """Whether the caller may revoke for that agency."""
    return refusal(principal, Action.TOKENS_REVOKE, relations(principal, agency_id)) is None


def reaches_all(principal: Principal) -> bool:
    """Whether the caller may revoke for any agency, and so know who uses the registry for which."""
    return refusal(principal, Action.TOKENS_REVOKE, []) is None


async def agencies_seen_for(read: Read, issuer: str, subject: str) -> list[str]:
    """The names of agencies, five at most, for which that person or service has used the registry."""
    return [row.name for row in await read.all(_SEEN_FOR, {"issuer": issuer, "subject": subject})]


async def revocation_row(read: Read, principal: Principal, id_: UUID) -> Row[Any]:
    """The row of a revocation. Raises NotFound: another agency may not know who is refused."""
    row = await read.first(_ONE, {"id": id_})
    if row is None or not reaches(principal, row.agency_id):
        raise NotFound("revocation")
    return row


def why_not_lifted(row: Row[Any]) -> str | None:
    """Why the revocation cannot be lifted; None when it can."""
    if row.is_final:
        return "It is of a client that is disabled, for good."
    return None if row.lifted_at is None else "It is lifted already."


async def get_revocation(read: Read, principal: Principal, id_: UUID) -> Revocation:
    """One revocation. Raises NotFound."""
    return _as_revocation(principal, await revocation_row(read, principal, id_))


async def list_revocations(read: Read, principal: Principal, query: NewestFirst) -> RevocationPage:
    """A page of revocations, lifted ones included. Raises Malformed for another list's cursor."""
    permit(principal, Action.TOKENS_REVOKE, ["own"])
    every = reaches_all(principal)
    parameters = {**_ORDERS.parameters(query), **({} if every else {"agency_id": principal.agency_id})}
    rows = await read.all(_page(query.sort, after=query.cursor is not None, every=every), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return RevocationPage(items=[_as_revocation(principal, row) for row in kept], next_cursor=next_cursor)


def _as_revocation(caller: Principal, row: Row[Any]) -> Revocation:
    anothers = row.by_operator and caller.agency_id != OPERATOR_AGENCY_ID
    return Revocation(
        id=row.id,
        kind=row.kind,
        issuer=row.issuer,
        value=row.value,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        reason=row.reason,
        revoked_at=row.revoked_at,
        lifted_at=row.lifted_at,
        placed_by="operator" if row.by_operator else "agency",
        seen=bool(row.seen) if row.kind == RevocationKind.PERSON else None,
        allowed_actions=[offer("lift", withheld=why_not_lifted(row) or (BY_OPERATOR if anothers else None))],
        version=row.version,
    )
