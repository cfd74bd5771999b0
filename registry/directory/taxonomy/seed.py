"""The taxonomy data that comes with the release: categories, types, purposes, headings, capability types.

What else is known of categories stands in `seed_details`. They are files under `facts/`, so that experts can review
them without reading code; `facts/SOURCES.md` gives the sources. An inconsistent file is refused with the line number.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from importlib import resources
from typing import Final

import msgspec

from registry.directory.taxonomy.rules import upwards

ROOT: Final = "any"
TYPE_LEVELS: Final = range(1, 5)  # NIMS types I to IV


class ResourceKind(StrEnum):
    """The kind of a resource, as NIMS “kind”; `any` is only for the root."""

    ANY = "any"
    TEAM = "team"
    PERSONNEL = "personnel"
    VEHICLE = "vehicle"
    AIRCRAFT = "aircraft"
    EQUIPMENT = "equipment"
    FACILITY = "facility"
    SERVICE = "service"


class CapabilityKind(StrEnum):
    """The kind of a capability: how somebody comes to have it."""

    SKILL = "skill"
    LANGUAGE = "language"
    CREDENTIAL = "credential"
    TRAINING = "training"
    POSITION = "position"


class CapabilityScale(StrEnum):
    """The scale on which a capability is measured."""

    NONE = "none"
    PROFICIENCY = "proficiency"
    ILR = "ilr"
    NQS = "nqs"


class CapabilityFact(msgspec.Struct, kw_only=True, frozen=True):
    """A type of capability; `parent` is None at the top, where there are several."""

    code: str
    name: str
    parent: str | None
    kind: CapabilityKind
    scale: CapabilityScale
    description: str
    aliases: tuple[str, ...]


class CategoryFact(msgspec.Struct, kw_only=True, frozen=True):
    """A category; `parent` is None for the root."""

    code: str
    name: str
    parent: str | None
    resource_kind: ResourceKind
    description: str
    aliases: tuple[str, ...]


class TypeFact(msgspec.Struct, kw_only=True, frozen=True):
    """The minimum capability of a published type; type 1 is the most capable."""

    category: str
    type_level: int
    minimum_capability: str
    source: str


class PurposeFact(msgspec.Struct, kw_only=True, frozen=True):
    """A purpose for which resources are requested; policies refer to it by `code`."""

    code: str
    name: str
    description: str


class HeadingFact(msgspec.Struct, kw_only=True, frozen=True):
    """The subject of a provision of an agreement."""

    code: str
    name: str
    description: str


def load_categories() -> tuple[CategoryFact, ...]:
    """The shipped categories, parents before children."""
    return parse_categories(shipped("categories.csv"))


def load_types() -> tuple[TypeFact, ...]:
    """The shipped types whose minimum capability is known; `seed_details.load_typing` has all levels."""
    return parse_types(shipped("types.csv"), load_categories())


def load_purposes() -> tuple[PurposeFact, ...]:
    """The shipped purposes."""
    return tuple(
        PurposeFact(code=row["code"], name=row["name"], description=row["description"])
        for row in _terms(shipped("purposes.csv"), "purposes.csv")
    )


def load_headings() -> tuple[HeadingFact, ...]:
    """The shipped provision headings, in their usual order in an agreement."""
    return tuple(
        HeadingFact(code=row["code"], name=row["name"], description=row["description"])
        for row in _terms(shipped("headings.csv"), "headings.csv")
    )


def load_capabilities() -> tuple[CapabilityFact, ...]:
    """The shipped types of capability, parents before children."""
    return parse_capabilities(shipped("capabilities.csv"))


def parse_capabilities(lines: Iterable[str], file: str = "capabilities.csv") -> tuple[CapabilityFact, ...]:
    """Types of capability from CSV, in file order.

    Raises ValueError with the line number for a repeated code, an unknown kind or scale, an empty required cell, or a
    parent that does not stand above.
    """
    facts: dict[str, CapabilityFact] = {}
    columns = ("code", "name", "parent", "kind", "scale", "description", "aliases")
    for line, row in rows(lines, file, columns, blank=("parent", "aliases")):
        code, parent = row["code"], row["parent"] or None
        if code in facts:
            raise ValueError(f"{file}, line {line}: {code!r} is there twice")
        if parent is not None and parent not in facts:
            raise ValueError(f"{file}, line {line}: parent {parent!r} does not stand above")
        for name, values in (("kind", CapabilityKind), ("scale", CapabilityScale)):
            if row[name] not in list(values):
                raise ValueError(f"{file}, line {line}: {row[name]!r} is not a {name}")
        facts[code] = CapabilityFact(
            code=code,
            name=row["name"],
            parent=parent,
            kind=CapabilityKind(row["kind"]),
            scale=CapabilityScale(row["scale"]),
            description=row["description"],
            aliases=tuple(alias.strip() for alias in row["aliases"].split(";") if alias.strip()),
        )
    return tuple(facts.values())


def parse_categories(lines: Iterable[str], file: str = "categories.csv") -> tuple[CategoryFact, ...]:
    """Categories from CSV, parents before children and otherwise in file order.

    Raises ValueError with the line number for a repeated code, an unknown parent or kind, an empty required cell, a
    root other than `any`, or a cycle of parents.
    """
    facts: dict[str, CategoryFact] = {}
    line_of: dict[str, int] = {}
    columns = ("code", "name", "parent", "resource_kind", "description", "aliases")
    for line, row in rows(lines, file, columns, blank=("parent", "aliases")):
        code = row["code"]
        if code in facts:
            raise ValueError(f"{file}, line {line}: {code!r} is on line {line_of[code]} already")
        if (code == ROOT) != (not row["parent"]):
            raise ValueError(f"{file}, line {line}: {ROOT!r}, and only that, has no parent")
        if row["resource_kind"] not in list(ResourceKind):
            raise ValueError(f"{file}, line {line}: {row['resource_kind']!r} is not a resource kind")
        line_of[code] = line
        facts[code] = CategoryFact(
            code=code,
            name=row["name"],
            parent=row["parent"] or None,
            resource_kind=ResourceKind(row["resource_kind"]),
            description=row["description"],
            aliases=tuple(alias.strip() for alias in row["aliases"].split(";") if alias.strip()),
        )
    for fact in facts.values():
        if fact.parent is not None and fact.parent not in facts:
            raise ValueError(f"{file}, line {line_of[fact.code]}: parent {fact.parent!r} is not a category")
    for fact in facts.values():
        seen = {fact.code}
        above = fact.parent
        while above is not None:
            if above in seen:
                raise ValueError(f"{file}, line {line_of[fact.code]}: {fact.code!r} is in a circle of parents")
            seen.add(above)
            above = facts[above].parent
    return tuple(sorted(facts.values(), key=lambda fact: sum(1 for _ in upwards(fact.code, facts))))


def parse_types(
    lines: Iterable[str], categories: Sequence[CategoryFact], file: str = "types.csv"
) -> tuple[TypeFact, ...]:
    """Types from CSV.

    Raises ValueError with the line number for an unknown category, a level outside 1 to 4, or one given twice.
    """
    known = {category.code for category in categories}
    facts: dict[tuple[str, int], TypeFact] = {}
    for line, row in rows(lines, file, ("category", "type_level", "minimum_capability", "source")):
        category, level = row["category"], row["type_level"]
        if category not in known:
            raise ValueError(f"{file}, line {line}: {category!r} is not a category")
        if level not in map(str, TYPE_LEVELS):
            raise ValueError(f"{file}, line {line}: type level {level!r} is not 1, 2, 3 or 4")
        if (category, int(level)) in facts:
            raise ValueError(f"{file}, line {line}: type {level} of {category!r} is given twice")
        facts[category, int(level)] = TypeFact(
            category=category,
            type_level=int(level),
            minimum_capability=row["minimum_capability"],
            source=row["source"],
        )
    return tuple(facts.values())


def closure(categories: Sequence[CategoryFact | CapabilityFact]) -> tuple[tuple[str, str], ...]:
    """Every (ancestor, descendant) pair, where each category, or type of capability, is its own ancestor too.

    So “anything under k9” is one equality on the ancestor, and includes `k9` itself.
    """
    facts = {category.code: category for category in categories}
    return tuple((above, fact.code) for fact in categories for above in upwards(fact.code, facts))


def _terms(lines: Iterable[str], file: str) -> Iterator[dict[str, str]]:
    line_of: dict[str, int] = {}
    for line, row in rows(lines, file, ("code", "name", "description")):
        if (first := line_of.setdefault(row["code"], line)) != line:
            raise ValueError(f"{file}, line {line}: {row['code']!r} is on line {first} already")
        yield row


def rows(
    lines: Iterable[str], file: str, columns: tuple[str, ...], *, blank: tuple[str, ...] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows with the number of their last line; cells are trimmed, and only those in `blank` may be empty."""
    reader = csv.reader(lines, strict=True)
    if tuple(next(reader, ())) != columns:
        raise ValueError(f"{file}, line 1: the columns must be {', '.join(columns)}")
    for cells in reader:
        if len(cells) != len(columns):
            raise ValueError(f"{file}, line {reader.line_num}: {len(cells)} cells instead of {len(columns)}")
        row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
        for column, cell in row.items():
            if not cell and column not in blank:
                raise ValueError(f"{file}, line {reader.line_num}: {column} is empty")
        yield reader.line_num, row


def shipped(file: str) -> list[str]:
    """The lines of a file under `facts/`."""
    return (resources.files("registry.directory.taxonomy") / "facts" / file).read_text("utf-8").splitlines()
