"""What the release knows of categories beside their place in the tree: typing, measures, speeds, attributes.

As in `seed`, each is a file under `facts/`, and an inconsistent file is refused with the line number.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from registry.directory.taxonomy.rules import (
    ATTRIBUTE_NAME_PATTERN,
    AttributeDefinition,
    AttributeKind,
    Scheme,
    upwards,
    why_not_defined,
)
from registry.directory.taxonomy.seed import TYPE_LEVELS, CategoryFact, load_categories, rows, shipped

_ANY_SPEED: Final = range(1, 1001)


class TypingFact(msgspec.Struct, kw_only=True, frozen=True):
    """How a published scheme classes a category; `levels` are those that exist, read or not."""

    category: str
    scheme: Scheme
    nims_id: str | None
    nims_name: str | None
    discipline: str
    levels: tuple[int, ...]


class MeasureFact(msgspec.Struct, kw_only=True, frozen=True):
    """What a type requires of one component."""

    category: str
    type_level: int
    component: str
    measure: str
    requirement: str


class SpeedFact(msgspec.Struct, kw_only=True, frozen=True):
    """How fast what is of a category gets to a place, for estimates of arrival, and where the figure comes from."""

    speed_kmh: int
    basis: str


def load_typing() -> dict[str, TypingFact]:
    """The shipped typing, by category."""
    return parse_typing(shipped("typing.csv"), load_categories())


def load_measures() -> tuple[MeasureFact, ...]:
    """The shipped measures of components."""
    return parse_measures(shipped("measures.csv"), load_typing())


def load_speeds() -> dict[str, SpeedFact]:
    """The speed of each shipped category that travels: its own, or that of the nearest category above it."""
    categories = load_categories()
    own = parse_speeds(shipped("speeds.csv"), categories)
    by_code = {fact.code: fact for fact in categories}
    nearest = {
        fact.code: next((own[code] for code in upwards(fact.code, by_code) if code in own), None) for fact in categories
    }
    return {code: speed for code, speed in nearest.items() if speed is not None}


def load_attributes() -> dict[str, tuple[AttributeDefinition, ...]]:
    """The shipped definitions of attributes, by the category that defines them."""
    return parse_attributes(shipped("attributes.csv"), load_categories())


def parse_typing(
    lines: Iterable[str], categories: Sequence[CategoryFact], file: str = "typing.csv"
) -> dict[str, TypingFact]:
    """Typing from CSV. Raises ValueError with the line number for what contradicts itself."""
    known = {category.code for category in categories}
    facts: dict[str, TypingFact] = {}
    columns = ("category", "scheme", "nims_id", "nims_name", "discipline", "levels")
    for line, row in rows(lines, file, columns, blank=("nims_id", "nims_name", "levels")):
        code, levels = row["category"], row["levels"].split()
        if code not in known:
            raise ValueError(f"{file}, line {line}: {code!r} is not a category")
        if code in facts:
            raise ValueError(f"{file}, line {line}: {code!r} is typed twice")
        if row["scheme"] not in list(Scheme):
            raise ValueError(f"{file}, line {line}: {row['scheme']!r} is not a scheme")
        if levels != [str(level) for level in TYPE_LEVELS if str(level) in levels]:
            raise ValueError(f"{file}, line {line}: the levels are not some of 1 2 3 4 in order")
        if {bool(row["nims_id"]), bool(row["nims_name"]), bool(levels)} != {row["scheme"] == Scheme.NIMS}:
            raise ValueError(f"{file}, line {line}: NIMS, and only NIMS, gives an id, a name and levels")
        facts[code] = TypingFact(
            category=code,
            scheme=Scheme(row["scheme"]),
            nims_id=row["nims_id"] or None,
            nims_name=row["nims_name"] or None,
            discipline=row["discipline"],
            levels=tuple(map(int, levels)),
        )
    return facts


def parse_measures(
    lines: Iterable[str], typing: dict[str, TypingFact], file: str = "measures.csv"
) -> tuple[MeasureFact, ...]:
    """Measures from CSV. Raises ValueError with the line number for a type that is not published, or a repetition."""
    facts: dict[tuple[str, str, str, str], MeasureFact] = {}
    for line, row in rows(lines, file, ("category", "type_level", "component", "measure", "requirement")):
        code, level = row["category"], row["type_level"]
        if code not in typing or level not in map(str, typing[code].levels):
            raise ValueError(f"{file}, line {line}: there is no type {level} of {code!r}")
        key = (code, level, row["component"], row["measure"])
        if key in facts:
            raise ValueError(f"{file}, line {line}: {row['component']!r} is measured twice so")
        facts[key] = MeasureFact(
            category=code,
            type_level=int(level),
            component=row["component"],
            measure=row["measure"],
            requirement=row["requirement"],
        )
    return tuple(facts.values())


def parse_speeds(
    lines: Iterable[str], categories: Sequence[CategoryFact], file: str = "speeds.csv"
) -> dict[str, SpeedFact]:
    """Speeds from CSV, of the categories that state one themselves. Raises ValueError with the line number."""
    known = {category.code for category in categories}
    facts: dict[str, SpeedFact] = {}
    for line, row in rows(lines, file, ("category", "speed_kmh", "basis")):
        code, speed = row["category"], row["speed_kmh"]
        if code not in known or code in facts:
            raise ValueError(f"{file}, line {line}: {code!r} is no category, or stands there twice")
        if not speed.isdecimal() or int(speed) not in _ANY_SPEED:
            raise ValueError(f"{file}, line {line}: {speed!r} is no speed in km/h")
        facts[code] = SpeedFact(speed_kmh=int(speed), basis=row["basis"])
    return facts


def parse_attributes(
    lines: Iterable[str], categories: Sequence[CategoryFact], file: str = "attributes.csv"
) -> dict[str, tuple[AttributeDefinition, ...]]:
    """Definitions of attributes from CSV, by category.

    Raises ValueError with the line number for an unknown category or kind, bounds or choices that do not fit the kind,
    a name that a category above defines, and one that has another kind or unit elsewhere: a search by attribute goes
    over all categories.
    """
    known = {category.code: category for category in categories}
    facts: dict[str, dict[str, AttributeDefinition]] = {}
    alike: dict[str, tuple[AttributeKind, str | None]] = {}
    columns = ("category", "name", "kind", "measured_in", "choices", "minimum", "maximum", "description")
    for line, row in rows(lines, file, columns, blank=("measured_in", "choices", "minimum", "maximum")):
        place, code, name = f"{file}, line {line}", row["category"], row["name"]
        if code not in known:
            raise ValueError(f"{place}: {code!r} is not a category")
        if row["kind"] not in list(AttributeKind):
            raise ValueError(f"{place}: {row['kind']!r} is not a kind of attribute")
        if not ATTRIBUTE_NAME_PATTERN.fullmatch(name):
            raise ValueError(f"{place}: {name!r} is not a name of small letters, digits and `_`")
        definition = _definition(row, place)
        if (why := why_not_defined(definition)) is not None:
            raise ValueError(f"{place}: {why}")
        if name in facts.setdefault(code, {}):
            raise ValueError(f"{place}: {name!r} of {code!r} is defined twice")
        if alike.setdefault(name, (definition.kind, definition.measured_in)) != (
            definition.kind,
            definition.measured_in,
        ):
            raise ValueError(f"{place}: {name!r} has another kind or unit elsewhere")
        facts[code][name] = definition
    for code, own in facts.items():
        above = [each for each in upwards(code, known) if each != code]
        if taken := [name for name in own for each in above if name in facts.get(each, {})]:
            raise ValueError(f"{file}: {taken[0]!r} of {code!r} is defined above it already")
    return {code: tuple(own.values()) for code, own in facts.items()}


def _definition(row: dict[str, str], place: str) -> AttributeDefinition:
    try:
        low, high = (float(row[end]) if row[end] else None for end in ("minimum", "maximum"))
    except ValueError:
        raise ValueError(f"{place}: the bounds are not numbers") from None
    return AttributeDefinition(
        name=row["name"],
        kind=AttributeKind(row["kind"]),
        measured_in=row["measured_in"] or None,
        choices=tuple(choice for choice in row["choices"].split(";") if choice),
        minimum=low,
        maximum=high,
        description=row["description"],
    )
