"""What the FBI's lists say about an agency, and which of it goes for an agency that is in the register already.

A column belongs to the lists as long as nobody here has written another value into it: what they said last time is
kept beside the row, and a column that differs from it was corrected here and stays.
"""

from typing import Final

import msgspec
from msgspec import Struct

from registry.agencies.fbi import AgencyRecord


class ListedFacts(Struct, kw_only=True, frozen=True):
    """What the lists said; the defaults are what they say about an agency they never had.

    `full_name` is the Crime Data API list's own name; the other fields are an agency's columns, `point` being its
    latitude and longitude together.
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


COLUMNS: Final = tuple(field for field in ListedFacts.__struct_fields__ if field != "full_name")
NOTHING_SAID: Final = ListedFacts()


class Meeting(Struct, kw_only=True, frozen=True):
    """The values an agency has after the lists were read, the columns that changes, and what stands against them."""

    values: ListedFacts
    changed: list[str]
    corrected_here: list[str]


def listed_facts(record: AgencyRecord, before: ListedFacts = NOTHING_SAID) -> ListedFacts:
    """What the lists say now.

    A record without the Crime Data API list's part says nothing about full name and point: what that list said
    before still holds.
    """
    full_name, point = record.full_name, None
    if full_name is None:
        full_name, point = before.full_name, before.point
    elif record.latitude is not None and record.longitude is not None:
        point = record.latitude, record.longitude
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
    )


def meet(held: ListedFacts, before: ListedFacts, said: ListedFacts) -> Meeting:
    """What becomes of an agency that holds `held`, when the lists said `before` the last time and say `said` now."""
    ours = {c: getattr(held, c) for c in COLUMNS if getattr(held, c) != getattr(before, c)}
    return Meeting(
        values=msgspec.structs.replace(said, **ours),
        changed=[c for c in COLUMNS if c not in ours and getattr(held, c) != getattr(said, c)],
        corrected_here=[c for c, value in ours.items() if value != getattr(said, c)],
    )
