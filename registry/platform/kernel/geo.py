"""Geographic points: distances, and the half-degree cells that both search indexes use.

A cell is a 0.5° square. Sizes from 0.25° to 2° made no measurable difference, and cells are faster than R*Tree and GiST
at 80 km.
"""

from math import asin, ceil, cos, degrees, floor, pi, radians, sin, sqrt
from typing import Annotated

from msgspec import Meta, Struct

EARTH_KM = 6371.0088

Latitude = Annotated[float, Meta(ge=-90, le=90, description="Degrees north (WGS 84).", examples=[44.98])]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="Degrees east (WGS 84).", examples=[-93.27])]


class Location(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A point on the ground (WGS 84)."""

    latitude: Latitude
    longitude: Longitude


def cell_of(latitude: float, longitude: float) -> int:
    """The number of the half-degree cell that holds the point."""
    return _row(latitude) * 1000 + _column(longitude)


def _row(latitude: float) -> int:
    return min(floor((latitude + 90) * 2), 359)


def _column(longitude: float) -> int:
    return floor((longitude + 180) * 2) % 720


def cells_within(latitude: float, longitude: float, km: float) -> list[int]:
    """Every cell that a circle of `km` around the point touches, including across the antimeridian and the poles."""
    reach = km / EARTH_KM + 1e-11  # a tenth of a millimetre more, against rounding errors at the edge
    south, north = max(latitude - degrees(reach), -90.0), min(latitude + degrees(reach), 90.0)
    half = _widest(radians(latitude), reach)
    columns = (
        range(720)
        if half >= 180.0
        else {c % 720 for c in range(floor((longitude - half + 180) * 2), floor((longitude + half + 180) * 2) + 1)}
    )
    return sorted(row * 1000 + column for row in range(_row(south), _row(north) + 1) for column in columns)


def _widest(latitude: float, reach: float) -> float:
    """How far the circle goes to the east, in degrees: 180 where it goes round a pole. Arguments in radians."""
    # Near a pole the sine of the widest point's longitude loses its digits; all round is then at most a few cells more.
    if abs(latitude) + reach >= pi / 2 - 1e-6:
        return 180.0
    return degrees(asin(min(sin(reach) / cos(latitude), 1.0))) + 1e-6


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance (haversine on the mean sphere; within 0.5 % of the ellipsoid)."""
    a = (
        sin(radians(other_latitude - latitude) / 2) ** 2
        + cos(radians(latitude)) * cos(radians(other_latitude)) * sin(radians(other_longitude - longitude) / 2) ** 2
    )
    return haversine_to_km(a)


def haversine_to_km(haversine: float) -> float:
    """The great-circle distance of two points, from the haversine of the angle between them."""
    return 2 * EARTH_KM * asin(sqrt(min(max(haversine, 0.0), 1.0)))


def km_to_haversine(km: float) -> float:
    """The haversine of the angle that lies between two points so far apart; grows with the distance."""
    return sin(min(km / (2 * EARTH_KM), pi / 2)) ** 2


def rounded_km(km: float) -> int:
    """Whole kilometres, rounded up, for facts that must not hold floats."""
    return ceil(km)
