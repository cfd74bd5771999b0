"""Criteria about what assets state in rows of their own: identifiers, service area, certifications, funding."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from registry.directory.places.outlines import counties, county_at
from registry.platform.database.search import haversine, point_parameters
from registry.platform.kernel.errors import RuleBroken
from registry.resources.allocations.queries import live, of_loans
from registry.resources.allocations.tables import allocation
from registry.resources.assets.identifying import IdentifierKind, identifier_key
from registry.resources.assets.queries.visibility import VIEWER
from registry.resources.assets.rules import CIRCLE
from registry.resources.assets.tables import asset, asset_area, asset_certification, asset_funding, asset_identifier

STATED: Final = ("identifier", "served", "certification", "funded")
"""The names of the criteria, in the order in which one leads to the rows where nothing else does."""
_DAY = asset_certification.c.expires_on.type
_borrowed = sa.select(allocation.c.asset_id).where(of_loans(), live(), allocation.c.requesting_agency_id == VIEWER)


def identifier_parameters(value: str) -> dict[str, object]:
    """The parameters of `identifier`: the number in each of its possible forms."""
    return {"identifier": sorted({identifier_key(kind, value) for kind in IdentifierKind})}


def served_parameters(county: str | None, latitude: float | None, longitude: float | None) -> dict[str, object]:
    """The parameters of `served`: the county, its state, and the point. Of a county alone the point is its middle.

    Raises RuleBroken for an unknown county, half a point, and for both of them.
    """
    if county is not None and (latitude is not None or longitude is not None):
        raise _unclear("Give a county or a point, not both.", "serves_county")
    if county is not None:
        found = next((each for each in counties() if each.code == county), None)
        if found is None:
            raise RuleBroken.at(
                f"There is no county {county}; GET /v1/places lists them.",
                "unknown_area",
                "no such county",
                parameter="serves_county",
            )
        latitude, longitude = found.latitude, found.longitude
    elif latitude is None or longitude is None:
        name = "serves_latitude" if latitude is None else "serves_longitude"
        raise _unclear("A point to be served needs serves_latitude and serves_longitude.", name)
    else:
        found = county_at(latitude, longitude)
    codes = [CIRCLE, *((found.code, found.state) if found is not None else ())]
    return {"served": codes, **point_parameters(latitude, longitude, "served_")}


def certification_parameters(code: str, first: date, last: date) -> dict[str, object]:
    """The parameters of `certification`: valid on both days."""
    return {"certification": code, "first_day": first, "last_day": last}


def stated_among(filters: Iterable[str]) -> list[str]:
    """Those of the names of criteria that are about what assets state, in the order of `STATED`."""
    given = set(filters)
    return [name for name in STATED if name in given]


def states(criterion: str) -> sa.ColumnElement[bool]:
    """Assets that meet the criterion, looked at one by one."""
    found, of_asset = _meeting(criterion, sa.literal(1))
    return found.where(of_asset == asset.c.id).correlate(asset).exists()


def among_stating(criterion: str) -> sa.ColumnElement[bool]:
    """Assets that meet the criterion, found by its own index."""
    table = {"identifier": asset_identifier, "served": asset_area, "certification": asset_certification}
    found, _ = _meeting(criterion, table.get(criterion, asset_funding).c.asset_id)
    return asset.c.id.in_(found)


def _meeting(criterion: str, column: sa.ColumnElement[Any]) -> tuple[sa.Select[Any], sa.ColumnElement[Any]]:
    """The rows that meet the criterion, and the column that names their asset."""
    match criterion:
        case "identifier":
            its = asset_identifier.c
            found = sa.select(column).where(
                its.value_key.in_(sa.bindparam("identifier", type_=sa.Text, expanding=True)),
                # Others find by a number what they may read: it must not be guessed.
                sa.or_(its.agency_id == VIEWER, its.public, its.asset_id.in_(_borrowed)),
            )
            return found, its.asset_id
        case "served":
            area = asset_area.c
            found = sa.select(column).where(
                area.code.in_(sa.bindparam("served", type_=sa.Text, expanding=True)),
                sa.or_(area.reach.is_(None), area.reach >= haversine(area.latitude, area.longitude, "served_")),
            )
            return found, area.asset_id
        case "certification":
            held = asset_certification.c
            found = sa.select(column).where(
                held.code == sa.bindparam("certification", type_=sa.Text),
                sa.or_(held.begins_on.is_(None), held.begins_on <= sa.bindparam("first_day", type_=_DAY)),
                sa.or_(held.expires_on.is_(None), held.expires_on >= sa.bindparam("last_day", type_=_DAY)),
            )
            return found, held.asset_id
        case _:
            paid = asset_funding.c
            return sa.select(column).where(paid.code == sa.bindparam("funded", type_=sa.Text)), paid.asset_id


def _unclear(words: str, parameter: str) -> RuleBroken:
    return RuleBroken.at(words, "incomplete_place", "give a point, or a county", parameter=parameter)
