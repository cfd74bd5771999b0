"""Outlines of counties and states: which county a point lies in, and the shapes for maps.

They come from the Census Bureau's cartographic boundaries; `facts/SOURCES.md` says of which year and how exact. All of
it is pure computation on a file that comes with the release, unpacked when it is first asked for and then kept.
"""

import gzip
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from math import cos, floor, hypot, radians

import msgspec
from msgspec import Struct

from registry.platform.kernel.geo import EARTH_KM

NEAREST_KM = 5.0
"""A point at sea, or between two outlines, counts to the nearest county within this distance."""

_KM_PER_DEGREE = radians(EARTH_KM)


class Outline(Struct, kw_only=True, frozen=True):
    """A county or state; `code` is its FIPS number, and the point is the middle of its area."""

    code: str
    name: str
    state: str
    latitude: float
    longitude: float


class _Shape(Struct, kw_only=True, frozen=True):
    name: str
    polygons: list[list[list[int]]]
    fips: str | None = None


class _File(Struct, kw_only=True, frozen=True):
    steps: int
    lines: list[list[int]]
    counties: dict[str, _Shape]
    states: dict[str, _Shape]


class _Ring(Struct, frozen=True):
    """A closed line in degrees; the last point is the first."""

    xs: "array[float]"
    ys: "array[float]"


class _Polygon(Struct, frozen=True):
    county: Outline
    rings: list[_Ring]
    west: float
    south: float
    east: float
    north: float


class _Map(Struct, frozen=True):
    counties: dict[str, Outline]
    states: dict[str, Outline]
    cells: dict[tuple[int, int], list[_Polygon]]
    shapes: dict[str, list[list[_Ring]]]


def counties() -> tuple[Outline, ...]:
    """All counties and what counts as such: parishes, boroughs, independent cities, municipios."""
    return tuple(_map().counties.values())


def states() -> tuple[Outline, ...]:
    """All states, the District of Columbia, and the territories."""
    return tuple(_map().states.values())


def county_at(latitude: float, longitude: float) -> Outline | None:
    """The county that the point lies in, else the nearest within `NEAREST_KM`; None where there is none."""
    for polygon in _map().cells.get((floor(latitude), floor(longitude)), ()):
        if _bounds_hold(polygon, latitude, longitude) and _holds(polygon, latitude, longitude):
            return polygon.county
    near = [(_km_to(polygon, latitude, longitude), polygon.county) for polygon in _around(latitude, longitude)]
    km, county = min(near, key=lambda each: each[0], default=(NEAREST_KM + 1, None))
    return county if km <= NEAREST_KM else None


def lies_near(code: str, latitude: float, longitude: float, km: float) -> bool:
    """Whether the point lies in the county, or at most `km` (up to `NEAREST_KM`) from its outline."""
    return any(
        polygon.county.code == code
        and (_holds(polygon, latitude, longitude) or _km_to(polygon, latitude, longitude) <= km)
        for polygon in _around(latitude, longitude)
    )


def shape(code: str) -> list[list[list[tuple[float, float]]]]:
    """The polygons of a county (by FIPS code) or state (by its two letters), each a list of rings of (longitude,
    latitude): first the outer one, then holes. Raises KeyError.
    """
    return [[list(zip(ring.xs, ring.ys, strict=True)) for ring in rings] for rings in _map().shapes[code]]


@cache
def _map() -> _Map:
    packed = (resources.files("registry.directory.places") / "facts" / "outlines.json.gz").read_bytes()
    file = msgspec.json.decode(gzip.decompress(packed), type=_File)
    lines = [_degrees(line, file.steps) for line in file.lines]
    letters = {each.fips: state for state, each in file.states.items()}
    shapes: dict[str, list[list[_Ring]]] = {}
    counties: dict[str, Outline] = {}
    states: dict[str, Outline] = {}
    cells: dict[tuple[int, int], list[_Polygon]] = {}
    for code, each in file.counties.items():
        shapes[code] = [[_ring(ring, lines) for ring in rings] for rings in each.polygons]
        counties[code] = _outline(code, each.name, letters[code[:2]], shapes[code])
        for polygon in (_polygon(counties[code], rings) for rings in shapes[code]):
            for cell in _cells(polygon):
                cells.setdefault(cell, []).append(polygon)
    for state, each in file.states.items():
        shapes[state] = [[_ring(ring, lines) for ring in rings] for rings in each.polygons]
        states[state] = _outline(each.fips or state, each.name, state, shapes[state])
    return _Map(counties, states, cells, shapes)


def _degrees(line: Sequence[int], steps: int) -> _Ring:
    xs, ys, x, y = array("d"), array("d"), 0, 0
    for dx, dy in zip(line[::2], line[1::2], strict=True):
        x, y = x + dx, y + dy
        xs.append(x / steps)
        ys.append(y / steps)
    return _Ring(xs, ys)


def _ring(numbers: Sequence[int], lines: Sequence[_Ring]) -> _Ring:
    """The lines in order, each beginning where the one before ends; a complement (`~n`) is a line backwards."""
    xs, ys = array("d"), array("d")
    for number in numbers:
        line = lines[number] if number >= 0 else lines[~number]
        forth = 1 if number >= 0 else -1
        xs.extend(line.xs[::forth][1 if xs else 0 :])
        ys.extend(line.ys[::forth][1 if ys else 0 :])
    return _Ring(xs, ys)


def _outline(code: str, name: str, state: str, polygons: Sequence[Sequence[_Ring]]) -> Outline:
    """With the middle of its greatest polygon: of several islands the middle may lie at sea."""
    _, x, y = max((_centroid(rings[0]) for rings in polygons), key=lambda each: each[0])
    return Outline(code=code, name=name, state=state, latitude=round(y, 4), longitude=round(x, 4))


def _centroid(ring: _Ring) -> tuple[float, float, float]:
    twice = x = y = 0.0
    x0, y0 = ring.xs[0], ring.ys[0]  # relative to a corner, against lost digits
    for ax, ay, bx, by in _segments(ring):
        ax, ay, bx, by = ax - x0, ay - y0, bx - x0, by - y0
        cross = ax * by - bx * ay
        twice += cross
        x += (ax + bx) * cross
        y += (ay + by) * cross
    if twice == 0:
        return 0.0, x0, y0
    return abs(twice) / 2, x0 + x / (3 * twice), y0 + y / (3 * twice)


def _segments(ring: _Ring) -> Iterator[tuple[float, float, float, float]]:
    return zip(ring.xs, ring.ys, ring.xs[1:], ring.ys[1:], strict=False)


def _polygon(county: Outline, rings: list[_Ring]) -> _Polygon:
    outer = rings[0]
    return _Polygon(county, rings, min(outer.xs), min(outer.ys), max(outer.xs), max(outer.ys))


def _cells(polygon: _Polygon) -> Iterator[tuple[int, int]]:
    """The whole degrees that its bounds touch."""
    for row in range(floor(polygon.south), floor(polygon.north) + 1):
        for column in range(floor(polygon.west), floor(polygon.east) + 1):
            yield row, column


def _around(latitude: float, longitude: float) -> list[_Polygon]:
    """The polygons whose bounds are at most `NEAREST_KM` away; across the antimeridian as well."""
    reach = NEAREST_KM / _KM_PER_DEGREE
    wide = min(reach / max(cos(radians(latitude)), 0.01), 180.0)
    found: dict[int, _Polygon] = {}
    for row in range(floor(latitude - reach), floor(latitude + reach) + 1):
        for column in range(floor(longitude - wide), floor(longitude + wide) + 1):
            for polygon in _map().cells.get((row, (column + 180) % 360 - 180), ()):
                found[id(polygon)] = polygon
    return [
        each
        for each in found.values()
        if each.south - reach <= latitude <= each.north + reach
        and any(each.west - wide <= longitude + turn <= each.east + wide for turn in (-360, 0, 360))
    ]


def _bounds_hold(polygon: _Polygon, latitude: float, longitude: float) -> bool:
    return polygon.south <= latitude <= polygon.north and polygon.west <= longitude <= polygon.east


def _holds(polygon: _Polygon, latitude: float, longitude: float) -> bool:
    """Whether a ray to the east crosses its rings an odd number of times: inside, and in no hole."""
    inside = False
    for ring in polygon.rings:
        for ax, ay, bx, by in _segments(ring):
            if (ay > latitude) != (by > latitude) and longitude < (bx - ax) * (latitude - ay) / (by - ay) + ax:
                inside = not inside
    return inside


def _km_to(polygon: _Polygon, latitude: float, longitude: float) -> float:
    """Distance to its outline in km, on the plane that touches the earth at the point: exact enough for a few km."""
    east, north = _KM_PER_DEGREE * cos(radians(latitude)), _KM_PER_DEGREE
    turn = 360 if polygon.east - longitude < -180 else -360 if polygon.west - longitude > 180 else 0
    least = float("inf")
    for ring in polygon.rings:
        for ax, ay, bx, by in _segments(ring):
            px, py = (ax - longitude + turn) * east, (ay - latitude) * north
            dx, dy = (bx - ax) * east, (by - ay) * north
            squared = dx * dx + dy * dy
            along = 0.0 if squared == 0 else min(max(-(px * dx + py * dy) / squared, 0.0), 1.0)
            least = min(least, hypot(px + along * dx, py + along * dy))
    return least
