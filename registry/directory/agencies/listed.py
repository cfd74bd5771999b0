"""Data of the FBI's lists about an agency, and how it is merged with the values of a registered agency.

The last values of the lists are kept beside the row. A column that differs from them was corrected in the registry and
keeps its value; all other columns follow the lists. Of the employee list the newest year ever imported counts: an older
list that is imported later corrects nothing.
"""

from typing import Final

import msgspec
from msgspec import Struct

from registry.directory.agencies.fbi import AgencyRecord


class ListedFacts(Struct, kw_only=True, frozen=True):
    """The values of the lists; the defaults represent an agency that was not on them.

    `full_name` is the Crime Data API list's name, `data_year` the employee list's year; the other fields are columns of
    an agency, `point` being its latitude and longitude.
    """

    full_name: str | None = None
    name: str | None = None
    kind: str | None = None
    level: str | None = None
    state: str | None = None
    counties: list[str] = []
    point: tuple[float, float] | None = None
    population: int | None = None
    sworn: int | None = None
    civilian: int | None = None
    data_year: int | None = None


COLUMNS: Final = tuple(field for field in ListedFacts.__struct_fields__ if field not in ("full_name", "data_year"))
NOTHING_SAID: Final = ListedFacts()


class MergeResult(Struct, kw_only=True, frozen=True):
    """The merged values of an agency, the columns that change, and those that were corrected here and differ."""

    values: ListedFacts
    changed: list[str]
    corrected_here: list[str]


def listed_facts(record: AgencyRecord, before: ListedFacts = NOTHING_SAID) -> ListedFacts:
    """The current values of the lists.

    A record that is not on the Crime Data API list has no full name and point: that list's previous values are kept. Of
    a record that `is_older` than these only what the Crime Data API list says counts.
    """
    full_name, point = record.full_name, None
    if full_name is None:
        full_name, point = before.full_name, before.point
    elif record.latitude is not None and record.longitude is not None:
        point = record.latitude, record.longitude
    if is_older(record, before):
        return msgspec.structs.replace(before, full_name=full_name, name=full_name or before.name, point=point)
    return ListedFacts(
        full_name=full_name,
        name=full_name or record.name,
        kind=record.kind,
        level=record.level,
        state=record.state,
        counties=list(record.counties),
        point=point,
        population=record.population,
        sworn=record.sworn,
        civilian=record.civilian,
        data_year=record.data_year,
    )


def is_older(record: AgencyRecord, before: ListedFacts) -> bool:
    """Whether the record is of an earlier year than the lists' previous values; one without a year is."""
    return before.data_year is not None and (record.data_year or 0) < before.data_year


def merge_listed(stored: ListedFacts, before: ListedFacts, listed: ListedFacts) -> MergeResult:
    """Merge the values `listed` into an agency's values `stored`; `before` are the lists' previous values."""
    ours = {c: getattr(stored, c) for c in COLUMNS if getattr(stored, c) != getattr(before, c)}
    return MergeResult(
        values=msgspec.structs.replace(listed, **ours),
        changed=[c for c in COLUMNS if c not in ours and getattr(stored, c) != getattr(listed, c)],
        corrected_here=[c for c, value in ours.items() if value != getattr(listed, c)],
    )
