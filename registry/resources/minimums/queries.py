"""Questions about reserve minimums. They are an agency's own: others see only that less of an asset can be had."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category_closure
from registry.platform.access.permissions import Action, Relation, permit, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound
from registry.resources.minimums.rules import Minimum, MinimumStatus, why_closed
from registry.resources.minimums.schemas import ReserveMinimum, ReserveMinimumPage, ReserveMinimumQuery
from registry.resources.minimums.tables import reserve_minimum

_OWN = (
    sa.select(*reserve_minimum.c, agency.c.name.label("agency_name"))
    .join(agency, agency.c.id == reserve_minimum.c.agency_id)
    .where(reserve_minimum.c.agency_id == sa.bindparam("viewer", type_=reserve_minimum.c.agency_id.type))
)
_GET = _OWN.where(reserve_minimum.c.id == sa.bindparam("id", type_=reserve_minimum.c.id.type))
_ORDERS = Orders(
    ReserveMinimumQuery,
    created_at=reserve_minimum.c.id,
    updated_at=(reserve_minimum.c.updated_at, reserve_minimum.c.id),
)
_ABOVE = sa.select(category_closure.c.ancestor).where(
    category_closure.c.descendant == sa.bindparam("category", type_=sa.Text)
)
_IS_SET = reserve_minimum.c.withdrawn_at.is_(None)
_OF_AGENCY = (
    sa.select(*(reserve_minimum.c[name] for name in Minimum.__struct_fields__))
    .where(reserve_minimum.c.agency_id == sa.bindparam("owner", type_=reserve_minimum.c.agency_id.type), _IS_SET)
    .order_by(reserve_minimum.c.id)
)
_COUNTING = _OF_AGENCY.where(reserve_minimum.c.category.in_(_ABOVE))
COUNTED = _OF_AGENCY.add_columns(reserve_minimum.c.category.in_(_ABOVE).label("counts"))
"""Every minimum of an agency, with whether it counts assets of a category."""
LOCKED = COUNTED.with_for_update()
"""Every minimum of an agency, locked, with whether it counts assets of a category.

All of them are locked, and in one order: who lends assets of several categories would else wait for somebody who waits.
"""

_OF_SEVERAL = (
    sa.select(
        *(reserve_minimum.c[name] for name in Minimum.__struct_fields__),
        reserve_minimum.c.agency_id,
        agency.c.time_zone,
    )
    .distinct()
    .join(agency, agency.c.id == reserve_minimum.c.agency_id)
    .join(category_closure, category_closure.c.ancestor == reserve_minimum.c.category)
    .where(
        reserve_minimum.c.agency_id.in_(sa.bindparam("owners", type_=reserve_minimum.c.agency_id.type, expanding=True)),
        category_closure.c.descendant.in_(sa.bindparam("categories", type_=sa.Text, expanding=True)),
        _IS_SET,
    )
    .order_by(reserve_minimum.c.id)
)


def has_minimums(owner: sa.ColumnElement[UUID], category: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """A criterion: the agency in that column has minimums that count assets of the category in the other."""
    return (
        sa.select(sa.literal(1))
        .select_from(reserve_minimum.join(category_closure, category_closure.c.ancestor == reserve_minimum.c.category))
        .where(reserve_minimum.c.agency_id == owner, category_closure.c.descendant == category, _IS_SET)
        .exists()
    )


async def minimums_counting(read: Read, agency_id: UUID, category: str) -> dict[str, list[Minimum]]:
    """The agency's minimums that count assets of the category, by the category that each names."""
    return by_category(await read.fast(_COUNTING, {"owner": agency_id, "category": category}))


async def minimums_of_several(
    read: Read, owners: Collection[UUID], categories: Collection[str]
) -> dict[tuple[UUID, str, str | None], list[Minimum]]:
    """The minimums of these agencies that count assets of these categories: by agency, category and time zone."""
    rows = await read.all(_OF_SEVERAL, {"owners": sorted(owners), "categories": sorted(categories)})
    found: dict[tuple[UUID, str, str | None], list[Minimum]] = {}
    for agency_id, time_zone in dict.fromkeys((row.agency_id, row.time_zone) for row in rows):
        its = by_category(row for row in rows if row.agency_id == agency_id)
        found |= {(agency_id, code, time_zone): minimums for code, minimums in its.items()}
    return found


def by_category(rows: Iterable[Row[Any]]) -> dict[str, list[Minimum]]:
    """The rows as minimums, by their categories."""
    found: dict[str, list[Minimum]] = {}
    names = Minimum.__struct_fields__
    for row in rows:
        found.setdefault(row.category, []).append(Minimum(**{name: getattr(row, name) for name in names}))
    return found


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to a minimum of that agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def minimum_row(read: Read, caller: Caller, minimum_id: UUID) -> Row[Any]:
    """The row, of the caller's own agency. Raises NotFound, Forbidden."""
    row = await read.first(_GET, {"id": minimum_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("reserve minimum")
    permit(caller.principal, Action.MINIMUMS_READ, ["own"])
    return row


async def list_minimums(read: Read, caller: Caller, query: ReserveMinimumQuery) -> ReserveMinimumPage:
    """A page of the minimums of the caller's agency. Raises Forbidden."""
    permit(caller.principal, Action.MINIMUMS_READ, ["own"])
    changed = given(query, *CHANGED)
    statement = _OWN.where(*changed_in(reserve_minimum.c.updated_at, changed))
    parameters: dict[str, Any] = {"viewer": caller.agency_id, **_ORDERS.parameters(query), **changed}
    if "category" in given(query, "category"):
        statement = statement.where(reserve_minimum.c.category == sa.bindparam("its_category", type_=sa.Text))
        parameters["its_category"] = query.category
    if query.holds_on is not None:
        day = sa.bindparam("day", type_=reserve_minimum.c.effective_on.type)
        statement = statement.where(
            _IS_SET,
            reserve_minimum.c.effective_on <= day,
            sa.or_(reserve_minimum.c.expires_on.is_(None), reserve_minimum.c.expires_on >= day),
        )
        parameters["day"] = query.holds_on
    rows = await read.all_slowly(_ORDERS.page(statement, query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return ReserveMinimumPage(items=[as_minimum(row, caller.principal) for row in kept], next_cursor=next_cursor)


def status(row: Row[Any]) -> MinimumStatus:
    """Whether the minimum is set, or was withdrawn."""
    return MinimumStatus.SET if row.withdrawn_at is None else MinimumStatus.WITHDRAWN


def as_minimum(row: Row[Any], principal: Principal) -> ReserveMinimum:
    """The representation of a row."""
    may = refusal(principal, Action.MINIMUMS_SET, relations(principal, row.agency_id)) is None
    return ReserveMinimum(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        category=row.category,
        quantity=row.quantity,
        effective_on=row.effective_on,
        expires_on=row.expires_on,
        reason=row.reason,
        status=status(row),
        withdrawn_at=row.withdrawn_at,
        withdrawn_reason=row.withdrawn_reason,
        allowed_actions=[offer(name, withheld=why_closed(status(row))) for name in ("update", "withdraw")]
        if may
        else [],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
