"""Names of places: what a name may mean, where that is, and the longest name that stands in a text.

Places of 500 people and more from GeoNames, counties and states with the middle of their outlines. A list of some
25,000 names, unpacked when it is first asked for and then kept: about 20 MB.
"""

import csv
import gzip
import io
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from itertools import count, islice, takewhile
from math import ceil, cos, floor, pi, radians
from typing import Final, NamedTuple

from msgspec import Struct

from registry.directory.places.outlines import counties, states
from registry.platform.kernel.geo import EARTH_KM, distance_km
from registry.platform.kernel.spelling import slips_of
from registry.platform.kernel.text import placed_words

MOST_WORDS = 6
KM_PER_DEGREE = EARTH_KM * pi / 180
SQUARES_PER_DEGREE = 4
_ROUNDING_KM = 0.001
FARTHEST_KM: Final = 100.0
"""So far from a point its nearest town is looked for."""
_LEAST_LETTERS = 3
_PART = re.compile(r"[a-z0-9]+")
_SHORT = {
    "st": "saint",
    "ste": "sainte",
    "ft": "fort",
    "mt": "mount",
    "cty": "county",
    "co": "county",
    "intl": "international",
}
_OF_A_COUNTY = ("county", "parish", "borough", "municipio", "municipality", "census area", "city and borough", "island")


class PlaceKind(StrEnum):
    """What a name stands for."""

    PLACE = "place"
    COUNTY = "county"
    STATE = "state"


class Place(Struct, kw_only=True, frozen=True):
    """What a name may mean; the population is known of places alone."""

    name: str
    kind: PlaceKind
    state: str
    latitude: float
    longitude: float
    population: int | None = None
    fips: str | None = None


class _Word(NamedTuple):
    key: str
    raw: str
    after_comma: bool


def find_places(
    text: str, *, state: str | None = None, near: tuple[float, float] | None = None, most: int = 20
) -> list[Place]:
    """What the text, all of it, may name: “Springfield”, “Orange County, CA”, “st louis mo”.

    Several are in order of population, a state before them and counties behind; around `near` the nearest comes
    first. A state (two letters) narrows. A name that nothing has is looked for as the beginning of names.
    """
    words = _words(text)[: MOST_WORDS * 2]
    found = _named(words) or _beginning_with(words)
    return _ordered(found, state, near)[:most]


def places_named(name: str) -> tuple[Place, ...]:
    """All that has exactly this name, places in order of population; counties with or without “County”."""
    return _index().names.get(_key(name), ())


def towns() -> list[Place]:
    """All places that are neither county nor state, once each."""
    kept = {id(place): place for places in _index().names.values() for place in places}
    return [place for place in kept.values() if place.kind is PlaceKind.PLACE]


def nearest_place(latitude: float, longitude: float, within_km: float) -> Place | None:
    """The town nearest to a point; None where none is so near. Raises ValueError beyond `FARTHEST_KM`."""
    if within_km > FARTHEST_KM:
        raise ValueError(f"towns are looked for within {FARTHEST_KM} km")
    nearest = _nearest(latitude, longitude)
    return nearest[2] if nearest is not None and nearest[0] <= within_km else None


@lru_cache(maxsize=1_024)
def _nearest(latitude: float, longitude: float) -> tuple[float, str, Place] | None:
    """The nearest town within `FARTHEST_KM` and its distance. Kept, since what an agency has stands at few places."""
    row, column = _square(latitude, longitude)
    rows = ceil(FARTHEST_KM / KM_PER_DEGREE * SQUARES_PER_DEGREE)
    # Squares are narrowest at the end of the reach that is nearer to the pole; an arc is a little shorter still.
    parallel = max(cos(radians(min(abs(latitude) + FARTHEST_KM / KM_PER_DEGREE, 90.0))), 0.01)
    width = 0.999 * parallel * KM_PER_DEGREE / SQUARES_PER_DEGREE
    nearest: tuple[float, str, Place] | None = None
    so_far = FARTHEST_KM
    for ring in count():
        if (ring - 1) * width > so_far:
            return nearest
        for north, east in _ring(ring, rows):
            for each in _by_square().get((row + north, column + east), ()):
                if abs(each.latitude - latitude) * KM_PER_DEGREE > so_far + _ROUNDING_KM:
                    continue  # ruled out by its latitude alone, as most are
                found = (distance_km(latitude, longitude, each.latitude, each.longitude), each.name, each)
                if found[0] <= so_far and (nearest is None or found < nearest):
                    nearest, so_far = found, found[0]
    raise AssertionError


@lru_cache(maxsize=64)
def _ring(ring: int, rows: int) -> tuple[tuple[int, int], ...]:
    """The squares around one that are so many squares away from it, of those at most so many rows away."""
    high = min(ring, rows)
    return tuple(
        (north, east)
        for north in range(-high, high + 1)
        for east in (range(-ring, ring + 1) if abs(north) == ring else (-ring, ring))
    )


def _square(latitude: float, longitude: float) -> tuple[int, int]:
    return floor(latitude * SQUARES_PER_DEGREE), floor(longitude * SQUARES_PER_DEGREE)


@cache
def _by_square() -> dict[tuple[int, int], list[Place]]:
    found: dict[tuple[int, int], list[Place]] = {}
    for place in towns():
        found.setdefault(_square(place.latitude, place.longitude), []).append(place)
    return found


def nearly_named(text: str, *, near: tuple[float, float] | None = None, most: int = 5) -> list[Place]:
    """Places whose names the text may be a slip of, with a state behind it or without.

    Those with the fewest slips come first, of these the nearest to `near`, else the largest.
    """
    keys = [word.key for word in _words(text)[:MOST_WORDS]]
    letters, state = _index().letters, None
    for size in range(1, min(4, len(keys))):
        if state is None and (state := letters.get(" ".join(keys[-size:]))) is not None:
            keys = keys[:-size]
    names = _index().names
    found = [
        (slips, place)
        for slips, key in slips_of(" ".join(keys), _sorted_keys())
        for place in names[key]
        if state in (None, place.state)
    ]

    def order(each: tuple[int, Place]) -> tuple[int, float, str, str]:
        slips, place = each
        away = -(place.population or 0) if near is None else distance_km(*near, place.latitude, place.longitude)
        return slips, away, place.name, place.state

    unique = {(place.name, place.state): place for _, place in sorted(found, key=order)}
    return list(unique.values())[:most]


def counties_named(name: str, state: str | None = None) -> list[Place]:
    """The counties of this name, with or without “County”; of one state, if it is given."""
    found = _index().names.get(" ".join(word.key for word in _words(name)), ())
    return [each for each in found if each.kind is PlaceKind.COUNTY and state in (None, each.state)]


def state_named(text: str) -> str | None:
    """The two letters of a state by its name or its letters; None when it is none."""
    return _index().letters.get(text.strip().lower()) or _index().letters.get(_key(text))


class _Index(NamedTuple):
    names: dict[str, tuple[Place, ...]]
    letters: dict[str, str]
    states: dict[str, str]


@cache
def _index() -> _Index:
    names: dict[str, list[Place]] = {}
    letters: dict[str, str] = {}
    for outline in states():
        place = Place(
            name=outline.name,
            kind=PlaceKind.STATE,
            state=outline.state,
            latitude=outline.latitude,
            longitude=outline.longitude,
            fips=outline.code,
        )
        names.setdefault(_key(outline.name), []).append(place)
        letters |= {_key(outline.name): outline.state, outline.state.lower(): outline.state}
    places = [
        Place(
            name=row["name"],
            kind=PlaceKind.PLACE,
            state=row["state"],
            latitude=float(row["latitude"]),
            longitude=float(row["longitude"]),
            population=int(row["population"]),
        )
        for row in _rows("places.csv.gz")
        if row["state"] in letters.values()
    ]
    for place in places:  # in order of population
        names.setdefault(_key(place.name), []).append(place)
    for row in _rows("nicknames.csv"):
        meant = [each for each in names[_key(row["name"])] if each.state == row["state"]]
        names.setdefault(_key(row["nickname"]), []).extend(meant[:1])
    for outline in counties():
        place = Place(
            name=outline.name,
            kind=PlaceKind.COUNTY,
            state=outline.state,
            latitude=outline.latitude,
            longitude=outline.longitude,
            fips=outline.code,
        )
        whole = _key(outline.name)
        for key in {whole, *(whole.removesuffix(f" {kind}") for kind in _OF_A_COUNTY)}:
            names.setdefault(key, []).append(place)
    return _Index(
        {key: tuple(each) for key, each in names.items()}, letters, {each.state: each.name for each in states()}
    )


def _rows(file: str) -> Iterable[dict[str, str]]:
    content = (resources.files("registry.directory.places") / "facts" / file).read_bytes()
    text = gzip.decompress(content) if file.endswith(".gz") else content
    return csv.DictReader(io.StringIO(text.decode()))


def _words(text: str) -> list[_Word]:
    """The words, as names are compared: “St. Paul” is “saint paul”, “Winston-Salem” two words."""
    found: list[_Word] = []
    before = 0
    for word in placed_words(text):
        for part in word.parts:
            comma = "," in text[before : part.start]
            found.append(_Word(part.token, text[part.start : part.end], comma))
            before = part.end
    return [
        word._replace(key=_SHORT[word.key]) if word.key in _SHORT and not _is_state(word) else word for word in found
    ]


def _is_state(word: _Word) -> bool:
    return word.key == "co" and (word.after_comma or word.raw == "CO")


def _key(name: str) -> str:
    if name.isascii():  # nearly all are, and folding takes its time
        return " ".join(_SHORT.get(part, part) for part in _PART.findall(name.lower()))
    return " ".join(word.key for word in _words(name))


def _named(words: Sequence[_Word]) -> list[Place]:
    """What these words name: a name alone, a state's letters, or a name and its state behind it."""
    names, letters = _index().names, _index().letters
    keys = [word.key for word in words]
    found = list(names.get(" ".join(keys), ()))
    for behind in range(1, min(4, len(words) + 1)):
        state = letters.get(" ".join(keys[-behind:]))
        if state is None:
            continue
        if behind < len(words):
            found += [each for each in names.get(" ".join(keys[:-behind]), ()) if each.state == state]
        elif behind == 1 and len(keys[0]) == 2:
            found += [each for each in names[_key(_index().states[state])] if each.kind is PlaceKind.STATE]
    return found


def _beginning_with(words: Sequence[_Word]) -> list[Place]:
    beginning = " ".join(word.key for word in words)
    if len(beginning) < _LEAST_LETTERS:
        return []
    names, keys = _index().names, _sorted_keys()
    first = bisect_left(keys, beginning)
    beginnings = takewhile(lambda key: key.startswith(beginning), islice(keys, first, None))
    return [each for key in beginnings for each in names[key]]


@cache
def _sorted_keys() -> list[str]:
    return sorted(_index().names)


def _ordered(places: Iterable[Place], state: str | None, near: tuple[float, float] | None) -> list[Place]:
    kept = {id(each): each for each in places if state in (None, each.state)}.values()
    if near is not None:
        return sorted(kept, key=lambda each: distance_km(*near, each.latitude, each.longitude))
    return sorted(kept, key=lambda each: (each.kind is not PlaceKind.STATE, -(each.population or 0)))
