"""Questions about rates. An agency sees its own, and the schedules of partners under an agreement in force.

The rates of a single asset are seen by its owner alone here, and by others with the asset.
"""

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.in_force import partners_in_force
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.money import Money
from registry.resources.rates.rules import HourlyRate, RateBasis
from registry.resources.rates.schemas import Rate, RatePage, RateQuery
from registry.resources.rates.tables import rate

_VIEWER = sa.bindparam("viewer", type_=rate.c.agency_id.type)
_ALL = sa.select(*(c for c in rate.c if c.name != "subject_key"), agency.c.name.label("agency_name")).join(
    agency, agency.c.id == rate.c.agency_id
)
_VISIBLE = _ALL.where(
    sa.or_(rate.c.agency_id == _VIEWER, sa.and_(rate.c.asset_id.is_(None), rate.c.agency_id.in_(partners_in_force())))
)
_GET = _VISIBLE.where(rate.c.id == sa.bindparam("id", type_=rate.c.id.type))
_ORDERS = Orders(RateQuery, created_at=rate.c.id, updated_at=(rate.c.updated_at, rate.c.id))
_FILTERS = ("agency_id", "asset_id", "cost_code", "personnel_class")
_SEVERAL = {"ids": rate.c.id, "basis": rate.c.basis}


def hourly_rates_of(asset_id: sa.Column[UUID]) -> sa.ColumnElement[str]:
    """An expression: the rates by the hour of the asset in that column, as `read_hourly_rates` reads them."""

    def text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
        return sa.func.coalesce(sa.cast(column, sa.Text), "")

    its = rate.c
    parts = text(its.effective_on) + "/" + text(its.expires_on) + "/" + text(its.amount_minor) + "/" + its.currency
    return (
        sa.select(sa.func.aggregate_strings(parts, ","))
        .where(its.asset_id == asset_id, its.basis == RateBasis.HOUR.value)
        .correlate(asset_id.table)
        .scalar_subquery()
    )


def read_hourly_rates(text: str | None) -> list[HourlyRate]:
    """The rates that `hourly_rates_of` found."""
    found = []
    for each in text.split(",") if text else ():
        effective_on, expires_on, amount_minor, currency = each.split("/")
        found.append(
            HourlyRate(
                effective_on=date.fromisoformat(effective_on),
                expires_on=date.fromisoformat(expires_on) if expires_on else None,
                amount_minor=int(amount_minor),
                currency=currency,
            )
        )
    return found


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to a rate of that agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def rate_row(read: Read, caller: Caller, rate_id: UUID) -> Row[Any]:
    """The row, if the caller may see it. Raises NotFound."""
    row = await read.first(_GET, {"id": rate_id, "viewer": caller.agency_id, "at": caller.now})
    if row is None:
        raise NotFound("rate")
    return row


async def list_rates(read: Read, caller: Caller, query: RateQuery) -> RatePage:
    """A page of the rates that the caller may see."""
    return await _page(read, caller, _VISIBLE, query)


async def rates_of_asset(read: Read, caller: Caller, asset_id: UUID, query: RateQuery) -> RatePage:
    """A page of an asset's own rates, for whoever may see the asset, which is not checked here."""
    return await _page(read, caller, _ALL.where(rate.c.asset_id == sa.literal(asset_id, rate.c.asset_id.type)), query)


async def _page(read: Read, caller: Caller, statement: sa.Select[Any], query: RateQuery) -> RatePage:
    parameters: dict[str, Any] = {"viewer": caller.agency_id, "at": caller.now, **_ORDERS.parameters(query)}
    parameters |= (changed := given(query, *CHANGED))
    statement = statement.where(*changed_in(rate.c.updated_at, changed))
    for name, value in given(query, *_FILTERS).items():
        statement = statement.where(rate.c[name] == sa.bindparam(f"its_{name}", type_=rate.c[name].type))
        parameters[f"its_{name}"] = value
    for name, value in given(query, *_SEVERAL).items():
        column = _SEVERAL[name]
        statement = statement.where(column.in_(sa.bindparam(name, type_=column.type, expanding=True)))
        parameters[name] = value
    if query.holds_on is not None:
        day = sa.bindparam("day", type_=rate.c.effective_on.type)
        statement = statement.where(
            rate.c.effective_on <= day, sa.or_(rate.c.expires_on.is_(None), rate.c.expires_on >= day)
        )
        parameters["day"] = query.holds_on
    rows = await read.all_slowly(_ORDERS.page(statement, query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return RatePage(items=[as_rate(row, caller.principal) for row in kept], next_cursor=next_cursor)


def as_rate(row: Row[Any], principal: Principal) -> Rate:
    """The representation of a row."""
    may = refusal(principal, Action.ASSETS_UPDATE, relations(principal, row.agency_id)) is None
    return Rate(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        asset_id=row.asset_id,
        basis=RateBasis(row.basis),
        personnel_class=row.personnel_class,
        cost_code=row.cost_code,
        equipment=row.equipment,
        specification=row.specification,
        equipment_capacity=row.equipment_capacity,
        horsepower=row.horsepower,
        amount=Money.from_minor(row.amount_minor, row.currency),
        effective_on=row.effective_on,
        expires_on=row.expires_on,
        source=row.source,
        allowed_actions=[offer("update", withheld=None)] if may else [],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
