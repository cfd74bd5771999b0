"""Rules of the taxonomy: which attributes an asset of a category may state, and in what form."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from registry.platform.kernel.errors import Fault, RuleBroken
from registry.platform.kernel.spelling import is_one_slip
from registry.platform.kernel.text import folded_key, query_tokens, split_words

AttributeValue: TypeAlias = str | bool | int | float

ATTRIBUTE_NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
# `seat` for `seats`, `cruise_km` for `cruise_kmh`; but `weight` is not a slip for `height`, nor `depth` for `width`.
_TOO_NEAR: Final = 0.86
_SHORTEST: Final = 4
"""Of shorter names another one is too often a word of its own."""
_IS_WHOLE: Final = 1e15
_DIGITS_OF_AGENCY: Final = 12
MOST_OWN_CATEGORIES: Final = 50
"""Of one agency, the retired ones counted: a list of assets looks into every category under the one asked for."""


COMMON_FROM: Final = 3
"""A word in the names of so many shared categories tells nothing by itself: team, vehicle, equipment."""


class Scheme(StrEnum):
    """Who classes a category: FEMA, by the National Incident Management System, or those who accredit laboratories."""

    NIMS = "nims"
    ISO_IEC_17025 = "iso_iec_17025"


class Typing(StrEnum):
    """How much of a category's types is known: what each requires, only that they exist, or that there are none."""

    PUBLISHED = "published"
    LEVELS_ONLY = "levels_only"
    NONE = "none"


class CategoryStatus(StrEnum):
    """Whether assets may be registered in a category; in a retired one they never may again."""

    IN_USE = "in_use"
    RETIRED = "retired"


class AttributeKind(StrEnum):
    """What values an attribute has."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"


class AttributeDefinition(Struct, kw_only=True, frozen=True):
    """An attribute that assets of a category may state; bounds are included and only for numbers."""

    name: str
    kind: AttributeKind
    description: str
    measured_in: str | None = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


def why_not_defined(definition: AttributeDefinition) -> str | None:
    """What in a definition contradicts its kind, in a few words; None when nothing does."""
    low, high = definition.minimum, definition.maximum
    if (definition.kind is AttributeKind.CHOICE) != bool(definition.choices):
        return "choices are for the kind `choice`, which needs some"
    if len(set(definition.choices)) != len(definition.choices):
        return "a choice is given twice"
    if definition.kind is not AttributeKind.NUMBER and (low, high, definition.measured_in) != (None, None, None):
        return "bounds and a unit are for the kind `number`"
    if low is not None and high is not None and low > high:
        return "the minimum lies above the maximum"
    return None


def check_attributes(
    definitions: Iterable[AttributeDefinition],
    attributes: Mapping[str, AttributeValue | None],
    pointer: str = "/attributes",
) -> None:
    """Whether an asset may state these attributes.

    A defined name takes a value of its kind, within its bounds or among its choices; other names are free, text or
    not, unless one looks like a slip for a defined name: nobody would find the asset by it. None clears a value, and
    is not checked. Raises RuleBroken `invalid_attribute` or `unknown_attribute`, with a fault for each attribute.
    """
    known = {definition.name: definition for definition in definitions}
    faults = [
        fault
        for name, value in attributes.items()
        if value is not None and (fault := _fault(known, name, value, f"{pointer}/{name}")) is not None
    ]
    if faults:
        detail = "Some attributes are not as the category defines them; `GET /v1/categories/{category_code}` shows how."
        raise RuleBroken(detail, faults[0].code, faults=faults)


def _fault(known: Mapping[str, AttributeDefinition], name: str, value: AttributeValue, pointer: str) -> Fault | None:
    if name not in known:
        meant = slip_for(name, known)
        detail = f"no such attribute; did you mean `{meant}`?"
        return None if meant is None else Fault(code="unknown_attribute", detail=detail, pointer=pointer)
    wrong = why_not_value(known[name], value)
    return None if wrong is None else Fault(code="invalid_attribute", detail=wrong, pointer=pointer)


def why_not_value(definition: AttributeDefinition, value: AttributeValue) -> str | None:
    """Why this is no value of the attribute, in a few words; None when it is."""
    match definition.kind:
        case AttributeKind.TEXT:
            return None if isinstance(value, str) else "not text"
        case AttributeKind.BOOLEAN:
            return None if isinstance(value, bool) else "neither true nor false"
        case AttributeKind.CHOICE:
            return None if value in definition.choices else f"not one of {', '.join(definition.choices)}"
        case AttributeKind.NUMBER:
            return _why_not_number(definition, value)


def _why_not_number(definition: AttributeDefinition, value: AttributeValue) -> str | None:
    if isinstance(value, bool | str):
        return f"not a number{'' if definition.measured_in is None else f', in {definition.measured_in}'}"
    low, high = definition.minimum, definition.maximum
    if low is not None and value < low:
        return f"less than {_plain(low)}"
    return f"more than {_plain(high)}" if high is not None and value > high else None


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < _IS_WHOLE else str(number)


def slip_for(name: str, known: Iterable[str]) -> str | None:
    """The defined name that `name` looks like a slip for; None when it looks like none.

    It is one where most of the letters are the same in the same order, and where a single letter was left out, put in,
    changed, or changed its place with the next.
    """
    bare = _bare(name)

    def likeness(other: str) -> float:
        theirs = _bare(other)
        if min(len(bare), len(theirs)) >= _SHORTEST and is_one_slip(bare, theirs):
            return 1.0
        return 1.0 if theirs == bare else SequenceMatcher(None, name, other).ratio()

    alike = [(likeness(each), each) for each in known]
    nearness, nearest = max(alike, default=(0.0, ""))
    return nearest if nearness >= _TOO_NEAR else None


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name).removesuffix("s")


def read_value(definition: AttributeDefinition | None, text: str) -> AttributeValue:
    """The value that a text means, as in a cell of a table: “8” is a number where the attribute is one.

    A text that means none is returned as it is, for `check_attributes` to refuse; so is one that nothing defines.
    """
    said = text.strip()
    if definition is None or definition.kind is AttributeKind.TEXT:
        return text
    if definition.kind is AttributeKind.BOOLEAN:
        return {
            "true": True,
            "yes": True,
            "y": True,
            "1": True,
            "false": False,
            "no": False,
            "n": False,
            "0": False,
        }.get(said.casefold(), text)
    if definition.kind is AttributeKind.CHOICE:
        return said.casefold().replace(" ", "_")
    if re.fullmatch(r"[+-]?\d{1,15}", said):
        return int(said)
    return float(said) if re.fullmatch(r"[+-]?\d{1,15}\.\d{1,9}", said) else text


OWN_CATEGORY: Final = "own-"
"""With this the code of a category that an agency added begins."""


def own_code(agency_hex: str, name: str) -> str:
    """The code of a category that an agency adds: no release has such a one, and no other agency.

    `OWN_CATEGORY`, the last digits of the agency's id, and the name in plain letters.
    """
    words = "_".join(query_tokens(name))
    plain = re.sub(r"[^a-z0-9_]", "", words)[:40].strip("_") or "category"
    return f"{OWN_CATEGORY}{agency_hex[-_DIGITS_OF_AGENCY:]}.{plain}"


def check_definitions(
    own: Sequence[AttributeDefinition],
    above: Iterable[AttributeDefinition],
    shared: Iterable[AttributeDefinition],
    pointer: str = "/attributes",
) -> None:
    """Whether a category that an agency adds may define these attributes.

    Not one that a category above defines, nor one of another kind or unit than a shared category elsewhere: a search by
    attribute goes over all of them. Raises RuleBroken `invalid_definition`, with a fault for each.
    """
    taken = {each.name for each in above}
    alike = {each.name: (each.kind, each.measured_in) for each in shared}
    faults = []
    for index, each in enumerate(own):
        why = why_not_defined(each)
        if each.name in taken:
            why = "defined above already, or twice"
        elif alike.get(each.name, (each.kind, each.measured_in)) != (each.kind, each.measured_in):
            kind, measured_in = alike[each.name]
            why = f"elsewhere it is of the kind {kind}{'' if measured_in is None else f', in {measured_in}'}"
        taken.add(each.name)
        if why is not None:
            faults.append(Fault(code="invalid_definition", detail=why, pointer=f"{pointer}/{index}"))
    if faults:
        raise RuleBroken("Some attributes cannot be defined so.", "invalid_definition", faults=faults)


def check_kept_kinds(
    own: Sequence[AttributeDefinition], before: Iterable[AttributeDefinition], pointer: str = "/attributes"
) -> None:
    """Raises RuleBroken where an attribute would become of another kind or unit: assets state it already."""
    was = {each.name: (each.kind, each.measured_in) for each in before}
    faults = [
        Fault(code="invalid_definition", detail="its kind and unit stay", pointer=f"{pointer}/{index}")
        for index, each in enumerate(own)
        if was.get(each.name, (each.kind, each.measured_in)) != (each.kind, each.measured_in)
    ]
    if faults:
        detail = "Assets state this attribute already: define another under another name."
        raise RuleBroken(detail, "invalid_definition", faults=faults)


class InTree(Protocol):
    """What knows its parent in the tree of categories; the root has none."""

    @property
    def parent(self) -> str | None: ...


def upwards(code: str, by_code: Mapping[str, InTree]) -> Iterator[str]:
    """The codes from a category up to the root, its own first."""
    at: str | None = code
    while at is not None:
        yield at
        at = by_code[at].parent


def in_force(
    path: Iterable[str], own: Mapping[str, Sequence[AttributeDefinition]]
) -> list[tuple[str, AttributeDefinition]]:
    """The definitions that hold for a category, each with the category that states it, the farthest first.

    `path` runs from the category up to the root; a nearer definition hides one of the same name.
    """
    seen: set[str] = set()
    found: list[list[tuple[str, AttributeDefinition]]] = []
    for code in path:
        found.append([(code, each) for each in own.get(code, ()) if each.name not in seen])
        seen |= {each.name for _, each in found[-1]}
    return [each for level in reversed(found) for each in level]


def check_aliases(aliases: Sequence[str], names: Mapping[str, str], common: Collection[str]) -> None:
    """Refuse words that would lead others' searches astray. Raises RuleBroken at the first such alias.

    `names` are the folded names of other categories, each with its code; `common` the words of too many of them. A word
    that is another's alias may be one here, too: it counts for less (`plain_words`).
    """
    for index, alias in enumerate(aliases):
        pointer = f"/aliases/{index}"
        if (code := names.get(folded_key(alias))) is not None:
            raise RuleBroken.at(
                f"“{alias}” is the name of the category {code}. Leave it out, or add to it what tells yours apart.",
                "alias_taken",
                f"the name of {code}",
                pointer=pointer,
            )
        words = [word for parts in split_words(alias) for word in parts]
        if len(words) == 1 and words[0] in common:
            raise RuleBroken.at(
                f"“{alias}” stands in the names of many categories, and would find yours for all of them. Add a word"
                " that tells yours apart.",
                "alias_too_common",
                "too common a word",
                pointer=pointer,
            )


def common_words(names: Iterable[str]) -> frozenset[str]:
    """The words that stand in the names of several categories."""
    found = Counter(word for name in names for word in {word for parts in split_words(name) for word in parts})
    return frozenset(word for word, times in found.items() if times >= COMMON_FROM)
