"""Reads the two public FBI agency lists and joins them by ORI; pure and streaming, with a report for every bad row.

`lee` is the police-employee list: one row per ORI with name, type, county, population and staff. `cde` is the Crime
Data API list, which adds a fuller name and a point. Only the ORI identifies an agency: names repeat within a state, so
nothing is matched by name. Values missing from the lists are None, with a note. Of several rows of one ORI in the
employee list, which may hold many years, the newest year's is taken.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeVar

import msgspec

from registry.directory.agencies.fbi_cells import (
    Cells,
    read_count,
    read_counties,
    read_kind,
    read_name,
    read_ori,
    read_point,
    read_state,
    read_year,
)
from registry.directory.agencies.rules import LEVEL_OF, AgencyKind, AgencyLevel
from registry.platform.bulk.lines import read_headers, read_lines, split_line
from registry.platform.bulk.refusals import ImportFormatError, Refused
from registry.platform.kernel.canonical import canonical_digest

LEE_COLUMNS: Final = (
    "ori",
    "data_year",
    "pub_agency_name",
    "state_abbr",
    "county_name",
    "agency_type_name",
    "population",
    "officer_ct",
    "civilian_ct",
)
CDE_COLUMNS: Final = (
    "ori",
    "agency_name",
    "agency_type_name",
    "county_name",
    "state_abbr",
    "latitude",
    "longitude",
)


class RowFault(msgspec.Struct, kw_only=True, frozen=True):
    """A refused row. `line` counts from 1, the header included; `column` is the name in the header."""

    file: str
    line: int
    code: str
    detail: str
    ori: str | None = None
    column: str | None = None


class LeeRow(msgspec.Struct, kw_only=True, frozen=True):
    """One agency of the police-employee list. `state` is None where only “federal” is known."""

    line: int
    ori: str
    name: str
    kind: AgencyKind
    state: str | None
    counties: tuple[str, ...]
    population: int | None
    sworn: int | None
    civilian: int | None
    data_year: int | None
    notes: tuple[str, ...]


class CdeRow(msgspec.Struct, kw_only=True, frozen=True):
    """One agency of the Crime Data API list; its point (WGS 84) is mostly the centre of its county."""

    line: int
    ori: str
    name: str
    kind: AgencyKind
    counties: tuple[str, ...]
    latitude: float | None
    longitude: float | None
    notes: tuple[str, ...]


class AgencyRecord(msgspec.Struct, kw_only=True, frozen=True):
    """The FBI's data about one agency.

    `name` is the employee list's, often only a place; `full_name` the Crime Data API's, as it was in 2018. Each note is
    `code: words`. `digest` is `digest_of` the record.
    """

    ori: str
    name: str
    full_name: str | None
    kind: AgencyKind
    level: AgencyLevel
    state: str | None
    counties: tuple[str, ...]
    latitude: float | None
    longitude: float | None
    population: int | None
    sworn: int | None
    civilian: int | None
    data_year: int | None
    notes: tuple[str, ...]
    digest: str = ""


__all__ = [
    "AgencyRecord",
    "CdeRow",
    "ImportFormatError",
    "LeeRow",
    "RowFault",
    "digest_of",
    "join",
    "read_cde",
    "read_lee",
    "sniff",
]

_Row = TypeVar("_Row", LeeRow, CdeRow)


def sniff(path: Path) -> Literal["lee", "cde"]:
    """Which of the two lists the file is, by its header row.

    Raises ImportFormatError for any other file, OSError when it cannot be opened.
    """
    with path.open("rb") as source:
        headers = read_headers(source, path.name)
    missing_lee = [column for column in LEE_COLUMNS if column not in headers]
    missing_cde = [column for column in CDE_COLUMNS if column not in headers]
    if not missing_lee:
        return "lee"
    if not missing_cde:
        return "cde"
    raise ImportFormatError(
        f"{path.name} is neither FBI list: to be the police-employee list its header row lacks"
        f" {', '.join(missing_lee)}; to be the Crime Data API list it lacks {', '.join(missing_cde)}."
    )


def read_lee(source: BinaryIO, file: str = "lee") -> Iterator[LeeRow | RowFault]:
    """The rows of the police-employee list, in file order; `file` is the file name for faults.

    Of several rows of one ORI the one of the newest year is taken, of one year the first; the others are refused.
    Raises ImportFormatError at once when the header is not that list's.
    """
    return _newest(_read(source, file, LEE_COLUMNS, _lee_row), file)


def read_cde(source: BinaryIO, file: str = "cde") -> Iterator[CdeRow | RowFault]:
    """The rows of the Crime Data API list, in file order; otherwise as `read_lee`."""
    return _first(_read(source, file, CDE_COLUMNS, _cde_row), file)


def join(lee: Iterable[LeeRow | RowFault], cde: Iterable[CdeRow | RowFault]) -> Iterator[AgencyRecord | RowFault]:
    """One record per row of the employee list, with the additional data of the other list.

    An ORI that only the 2018 list has makes no record: that agency no longer reports staff and may not exist any more.
    Faults of `cde` come first, then those of `lee`, then the records in the order of `lee`, because whether a name is
    unique is known only at the end.
    """
    places: dict[str, CdeRow] = {}
    for place in cde:
        if isinstance(place, RowFault):
            yield place
        else:
            places[place.ori] = place
    rows: list[LeeRow] = []
    for row in lee:
        if isinstance(row, RowFault):
            yield row
        else:
            rows.append(row)
    namesakes = Counter(_namesake_key(row) for row in rows)
    at_point = Counter((place.latitude, place.longitude) for place in places.values())
    for row in rows:
        place_or_none = places.get(row.ori)
        sharing = at_point[place_or_none.latitude, place_or_none.longitude] if place_or_none else 0
        yield _record(row, place_or_none, namesakes[_namesake_key(row)], sharing)


def digest_of(record: AgencyRecord) -> str:
    """SHA-256 (hex) of every field but the notes; while it is unchanged, a new import has nothing to do.

    Coordinates are included as text with the sources' six decimals, so that float formatting cannot change a digest.
    """
    facts = msgspec.structs.asdict(record)
    del facts["notes"], facts["digest"]
    for axis in ("latitude", "longitude"):
        facts[axis] = None if facts[axis] is None else f"{facts[axis]:.6f}"
    return canonical_digest(facts)


def _namesake_key(row: LeeRow) -> tuple[str | None, AgencyKind, str]:
    return row.state, row.kind, row.name.casefold()


def _record(row: LeeRow, place: CdeRow | None, namesakes: int, sharing: int) -> AgencyRecord:
    notes = [*row.notes, *(place.notes if place else ())]
    if namesakes > 1:
        notes.append(f"name_not_unique: {namesakes} agencies of this type in the state have the name; use the ORI")
    if place and place.kind is not row.kind:
        notes.append(f"type_differs: {row.kind} in the employee list, {place.kind} in the Crime Data API list")
    if place and place.counties and row.counties and set(place.counties) != set(row.counties):
        notes.append(f"counties_differ: the Crime Data API list says {', '.join(place.counties)}")
    if place is None:
        notes.append("no_coordinates: not in the Crime Data API list")
    elif place.latitude is None:
        notes.append("no_coordinates: the Crime Data API list has no usable point")
    elif sharing > 1:
        notes.append(f"coordinates_shared: {sharing} agencies have this point, likely the centre of the county")
    record = AgencyRecord(
        ori=row.ori,
        name=row.name,
        full_name=place.name if place else None,
        kind=row.kind,
        level=LEVEL_OF[row.kind],
        state=row.state,
        counties=row.counties,
        latitude=place.latitude if place else None,
        longitude=place.longitude if place else None,
        population=row.population,
        sworn=row.sworn,
        civilian=row.civilian,
        data_year=row.data_year,
        notes=tuple(notes),
    )
    return msgspec.structs.replace(record, digest=digest_of(record))


def _lee_row(line: int, cells: Cells) -> LeeRow:
    ori = read_ori(cells)
    name, name_notes = read_name(cells, "pub_agency_name")
    state, state_notes = read_state(cells, ori)
    counties, county_notes = read_counties(cells)
    # 0 means that other agencies' populations already cover the area: state, campus, overlapping county.
    population = read_count(cells, "population") or None
    unreported = () if population else ("population_not_reported: the list gives none or 0",)
    return LeeRow(
        line=line,
        ori=ori,
        name=name,
        kind=read_kind(cells),
        state=state,
        counties=counties,
        population=population,
        sworn=read_count(cells, "officer_ct"),
        civilian=read_count(cells, "civilian_ct"),
        data_year=read_year(cells, "data_year"),
        notes=(*name_notes, *state_notes, *county_notes, *unreported),
    )


def _cde_row(line: int, cells: Cells) -> CdeRow:
    ori = read_ori(cells)
    name, name_notes = read_name(cells, "agency_name")
    read_state(cells, ori)
    latitude, longitude, point_notes = read_point(cells)
    return CdeRow(
        line=line,
        ori=ori,
        name=name,
        kind=read_kind(cells),
        counties=read_counties(cells)[0],
        latitude=latitude,
        longitude=longitude,
        notes=(*name_notes, *point_notes),
    )


def _read(
    source: BinaryIO, file: str, columns: Sequence[str], make: Callable[[int, Cells], _Row]
) -> Iterator[_Row | RowFault]:
    headers = read_headers(source, file)
    if missing := [column for column in columns if column not in headers]:
        raise ImportFormatError(f"{file} is not that FBI list: its header row lacks {', '.join(missing)}.")
    return _rows(source, file, headers, make)


def _rows(
    source: BinaryIO, file: str, headers: list[str], make: Callable[[int, Cells], _Row]
) -> Iterator[_Row | RowFault]:
    for line, written in read_lines(source):
        values: list[str] = []
        try:
            values = split_line(written)
            if not values:
                continue
            if len(values) != len(headers):
                code = "row_short" if len(values) < len(headers) else "row_long"
                raise Refused(code, f"The row has {len(values)} cells, the header {len(headers)}.")
            yield make(line, dict(zip(headers, values, strict=True)))
        except Refused as refused:
            yield RowFault(
                file=file,
                line=line,
                code=refused.code,
                detail=refused.detail,
                ori=dict(zip(headers, values, strict=False)).get("ori"),
                column=refused.column,
            )


def _first(rows: Iterable[CdeRow | RowFault], file: str) -> Iterator[CdeRow | RowFault]:
    """Of each ORI the first row; the others are refused."""
    line_of: dict[str, int] = {}
    for row in rows:
        repeated = isinstance(row, CdeRow) and line_of.setdefault(row.ori, row.line) != row.line
        yield _repeated(row, file, line_of[row.ori]) if repeated and isinstance(row, CdeRow) else row


def _newest(rows: Iterator[LeeRow | RowFault], file: str) -> Iterator[LeeRow | RowFault]:
    """Of each ORI the row of the newest year; the others are refused."""
    kept = list(rows)
    best: dict[str, LeeRow] = {}
    for row in kept:
        if isinstance(row, LeeRow) and _year(row) > _year(best.get(row.ori)):
            best[row.ori] = row
    return (
        _repeated(row, file, best[row.ori].line) if isinstance(row, LeeRow) and best[row.ori] is not row else row
        for row in kept
    )


def _year(row: LeeRow | None) -> int:
    """A row without a year is older than every year, and newer than no row."""
    return -1 if row is None else row.data_year or 0


def _repeated(row: LeeRow | CdeRow, file: str, taken: int) -> RowFault:
    newer = " of a newer year" if isinstance(row, LeeRow) and taken > row.line else ""
    return RowFault(
        file=file,
        line=row.line,
        code="ori_duplicate",
        detail=f"Line {taken} has the same ORI{newer} and was taken.",
        ori=row.ori,
        column="ori",
    )
