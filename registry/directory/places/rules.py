"""Whether what a text says of a place agrees with its coordinates."""

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

from registry.directory.places.gazetteer import FARTHEST_KM, counties_named, nearest_place, state_named
from registry.directory.places.outlines import Outline, county_at, lies_near
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.geo import Location

NEAR_A_BORDER_KM: Final = 2.0
"""Outlines are simplified, and points rounded: so near to the county that is named, nothing contradicts it."""


NEAR_A_TOWN_KM: Final = FARTHEST_KM
"""A point from which no town is nearer than this may be a slip."""


class Verdict(StrEnum):
    """How the county and state in a text stand to a point."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"


class PlaceCheck(Struct, kw_only=True, frozen=True):
    """The verdict, and the county that the point lies in, if it lies in one."""

    verdict: Verdict
    county: Outline | None


def check_place(county: str | None, state: str | None, latitude: float, longitude: float) -> PlaceCheck:
    """Whether a point lies in the county and state that a text names.

    `county` may name several (“JEFFERSON, SHELBY”): one of them is enough. The verdict is unknown where the text names
    no county or state that is known, or the point lies in none.
    """
    there = county_at(latitude, longitude)
    in_state = state_named(state or "")
    if there is None or (state and state.strip() and in_state is None):
        return PlaceCheck(verdict=Verdict.UNKNOWN, county=there)
    named = [
        each for name in re.split(r"[,;/&]", county or "") if name.strip() for each in counties_named(name, in_state)
    ]
    near = [each for each in named if each.fips and lies_near(each.fips, latitude, longitude, NEAR_A_BORDER_KM)]
    if near:
        return PlaceCheck(verdict=Verdict.AGREES, county=there)
    if named or (in_state is not None and in_state != there.state):
        return PlaceCheck(verdict=Verdict.CONTRADICTS, county=there)
    if in_state is not None and not (county or "").strip():
        return PlaceCheck(verdict=Verdict.AGREES, county=there)
    return PlaceCheck(verdict=Verdict.UNKNOWN, county=there)


def check_location(location: Location, pointer: str = "/location") -> None:
    """Whether a point may be where an agency or asset is.

    Raises RuleBroken `unlikely_place` for 0/0, which a missing point is written as, and where no town is near but one
    would be with the sign of the longitude changed, or with latitude and longitude exchanged. Any other point may be:
    vessels and aircraft are far from towns.
    """
    latitude, longitude = location.latitude, location.longitude
    if nearest_place(latitude, longitude, NEAR_A_TOWN_KM) is not None:
        return
    if latitude == 0 and longitude == 0:
        raise _unlikely("latitude 0 and longitude 0 are in the Gulf of Guinea; leave the point out", pointer)
    for north, east in ((latitude, -longitude), (longitude, latitude), (longitude, -latitude)):
        town = nearest_place(north, east, NEAR_A_TOWN_KM) if abs(north) <= 90 else None
        if town is not None:
            meant = f"latitude {north:g}, longitude {east:g}, near {town.name}, {town.state}"
            raise _unlikely(f"no town is near; did you mean {meant}?", pointer)


def _unlikely(fault: str, pointer: str) -> RuleBroken:
    return RuleBroken.at("The point is not where an agency or asset can be.", "unlikely_place", fault, pointer=pointer)
