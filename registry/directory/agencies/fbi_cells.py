"""Parsers for the cells of an FBI agency list, used by `registry.directory.agencies.fbi`.

Each takes the row's cells by header and either returns a value or raises `Refused`, which becomes the row's fault.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from registry.directory.agencies.rules import AgencyKind
from registry.platform.bulk.refusals import Refused

Cells = dict[str, str]
Notes = tuple[str, ...]

STATES: Final = frozenset(
    (
        "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC "
        "ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR VI"
    ).split()
)

_POSTAL_CODE_OF: Final = {"NB": "NE", "GM": "GU"}  # the FBI's own codes for Nebraska and Guam
_FEDERAL: Final = "FS"  # the value in the state column of federal agencies
_KIND_OF: Final = {
    "City": AgencyKind.CITY,
    "County": AgencyKind.COUNTY,
    "Tribal": AgencyKind.TRIBAL,
    "State Police": AgencyKind.STATE_POLICE,
    "University or College": AgencyKind.UNIVERSITY,
    "Other State Agency": AgencyKind.OTHER_STATE,
    "Federal": AgencyKind.FEDERAL,
    "Other": AgencyKind.OTHER,
}
_LONGEST_NAME: Final = 200
_YEARS: Final = range(1930, 2101)  # the FBI's collection began in 1930
_ORI: Final = re.compile(r"\A[A-Z]{2}[A-Z0-9]{7}\Z")
_COUNT: Final = re.compile(r"\A[0-9]{1,9}\Z")
_DEGREES: Final = re.compile(r"\A-?[0-9]{1,3}(?:\.[0-9]{1,12})?\Z")
# From American Samoa to Point Barrow, and from the Virgin Islands westward to Guam.
_SOUTH, _NORTH, _EAST, _WEST = -15.0, 72.0, -64.0, 144.0
_NO_COUNTY: Final = frozenset({"", "NOT SPECIFIED", "UNMAPPED COUNTY"})
_LOWER_WORDS: Final = frozenset({"and", "du", "of", "qui", "the"})
_OWN_CAPITALS: Final = {
    name.lower(): name
    for name in ("DeKalb", "DeSoto", "DeWitt", "DuPage", "LaGrange", "LaMoure", "LaPorte", "LaRue", "LaSalle")
}


def read_ori(cells: Cells) -> str:
    """The ORI: two letters and seven letters or digits, as the FBI assigns them. Lower case is not corrected."""
    ori = cells["ori"].strip()
    if not _ORI.match(ori):
        detail = "An ORI is two capital letters and seven capital letters or digits."
        raise Refused("ori_malformed", detail, "ori")
    return ori


def read_name(cells: Cells, column: str) -> tuple[str, Notes]:
    """The name in NFC with single blanks, without a colon or comma at its end."""
    written = cells[column]
    tidy = " ".join(written.split())
    name = unicodedata.normalize("NFC", tidy).rstrip(" :,")
    if not name:
        raise Refused("name_missing", "The agency has no name.", column)
    if len(name) > _LONGEST_NAME:
        raise Refused("name_too_long", f"The name has {len(name)} characters, more than {_LONGEST_NAME}.", column)
    return name, () if tidy == written else (f"blanks_trimmed: {column} had stray blanks",)


def read_kind(cells: Cells) -> AgencyKind:
    """The agency type. An unknown one is refused, because its meaning must be defined first."""
    try:
        return _KIND_OF[cells["agency_type_name"].strip()]
    except KeyError:
        known = ", ".join(_KIND_OF)
        raise Refused("type_unknown", f"The agency type must be one of {known}.", "agency_type_name") from None


def read_state(cells: Cells, ori: str) -> tuple[str | None, Notes]:
    """The postal code of a state, DC or territory.

    The list has no state for federal agencies: their state comes from the ORI, whose first two letters give the
    location of the office. It is None where those letters only mean “federal”.
    """
    written = cells["state_abbr"].strip()
    of_ori = _POSTAL_CODE_OF.get(ori[:2], ori[:2])
    if written == _FEDERAL:
        if of_ori in STATES:
            return of_ori, (f"state_from_ori: a federal agency, {of_ori} by its ORI",)
        return None, ("state_not_stated: a federal agency whose ORI names no state",)
    state = _POSTAL_CODE_OF.get(written, written)
    if state not in STATES:
        raise Refused("state_unknown", "The state is none of the 50, DC or a territory.", "state_abbr")
    notes: Notes = () if state == written else (f"state_code_mapped: {written} is {state} in postal codes",)
    if of_ori != state:
        notes += (f"state_differs_from_ori: the ORI begins with {ori[:2]}",)
    return state, notes


def read_counties(cells: Cells) -> tuple[tuple[str, ...], Notes]:
    """The counties in the order given, once each; the lists join several with a comma or “; ” in one cell."""
    written = [" ".join(part.split()) for part in re.split(r"[,;]", cells["county_name"])]
    counties = tuple(dict.fromkeys(_county(part) for part in written if part.upper() not in _NO_COUNTY))
    if not counties:
        return (), ("counties_not_specified: the list names none",)
    return counties, (f"counties_joined: {len(counties)} counties in one cell",) if len(counties) > 1 else ()


@lru_cache(maxsize=4096)
def _county(written: str) -> str:
    first, *others = re.split(r"([ -])", unicodedata.normalize("NFC", written).lower())
    return _capital(first) + "".join(part if part in _LOWER_WORDS else _capital(part) for part in others)


def _capital(word: str) -> str:
    if word in _OWN_CAPITALS:
        return _OWN_CAPITALS[word]
    if word.startswith(("mc", "o'")):
        return word[:2].capitalize() + word[2:].capitalize()
    return word.capitalize()


def read_count(cells: Cells, column: str) -> int | None:
    """A number of people; None where the cell is empty or NULL."""
    written = cells[column].strip()
    if written in {"", "NULL"}:
        return None
    if not _COUNT.match(written):
        raise Refused("not_a_whole_number", f"{column} is not a whole number of at most nine digits.", column)
    return int(written)


def read_year(cells: Cells, column: str) -> int | None:
    """The year of the counts."""
    year = read_count(cells, column)
    if year is not None and year not in _YEARS:
        raise Refused("year_out_of_range", f"{year} cannot be the year of an FBI count.", column)
    return year


def read_point(cells: Cells) -> tuple[float | None, float | None, Notes]:
    """Latitude and longitude in WGS 84 degrees, or None for both.

    A valid point far from the United States and its territories, such as the placeholder (-9, -9), is dropped with a
    note: the agency is real, but the point is not.
    """
    latitude, longitude = _degrees(cells, "latitude", 90), _degrees(cells, "longitude", 180)
    if latitude is None or longitude is None:
        return None, None, ()
    if not _in_united_states(latitude, longitude):
        return (
            None,
            None,
            (f"coordinates_implausible: ({latitude}, {longitude}) is far from the United States",),
        )
    return latitude, longitude, ()


def _degrees(cells: Cells, column: str, limit: int) -> float | None:
    written = cells[column].strip()
    if not written:
        return None
    if not _DEGREES.match(written):
        raise Refused("not_a_coordinate", f"{column} is not a plain decimal number.", column)
    degrees = float(written)
    if abs(degrees) > limit:
        raise Refused("coordinates_out_of_range", f"{column} is beyond ±{limit} degrees.", column)
    return degrees


def _in_united_states(latitude: float, longitude: float) -> bool:
    return _SOUTH <= latitude <= _NORTH and (longitude <= _EAST or longitude >= _WEST)
