"""The checklists that the registry ships: files under `checklists/`, so that people who know the law can review them.

Read once, at import. A file that says what nothing can satisfy is refused, by its name.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Any, TypeVar

import msgspec
import yaml

from registry.agreements.checks.completeness import Measured, Recognition
from registry.agreements.checks.schemas import Absence, Checklist, ChecklistItem, Marks, Sureness
from registry.agreements.instruments.terms import Terms
from registry.agreements.law.rules import Law, Matter, applies, checked_laws
from registry.agreements.law.switch import is_on
from registry.directory.taxonomy.seed import load_headings
from registry.platform.kernel.text import Code
from registry.platform.kernel.yaml_text import read_yaml

T = TypeVar("T")

_HEADINGS = frozenset(heading.code for heading in load_headings())
_FOLDER = resources.files("registry.agreements.checks") / "checklists"
_VOCABULARY, _MEASURED = "words.yaml", "measured.json"
_MARKS = Marks.__struct_fields__
_TERMS = frozenset(Terms.__struct_fields__) - {"clauses"}


class Vocabulary(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What several checklists recognise clauses by."""

    absence: Absence
    matters: dict[Code, Marks]


def parse_checklist(text: str, file: str, vocabulary: Mapping[str, Marks]) -> tuple[Checklist, Law]:
    """One checklist from YAML, and its law; what an item names under `vocabulary` joins its marks.

    Raises ValueError naming the file for anything that is malformed, unknown (a heading, a term, a member, words of the
    vocabulary), empty or given twice, and for a law that touches what it must not.
    """
    try:
        raw = _yaml(text, dict[str, Any])
        law = msgspec.convert(raw.pop("law", None), Law)
        items = msgspec.convert(raw.get("items", []), list[dict[str, Any]])
        raw["items"] = [_with_marks(item, vocabulary) for item in items]
        found = msgspec.convert({**raw, **_shown(law)}, Checklist)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: {error}") from error
    faults = list(_faults(found, file.removesuffix(".yaml")))
    if faults:
        raise ValueError(f"{file}: {'; '.join(faults)}")
    try:
        checked_laws({found.code: law})
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    return found, law


def _shown(law: Law) -> dict[str, object]:
    """What a checklist tells of its law."""
    return {
        "jurisdiction": law.state,
        "citation": law.citation,
        "applies_to": msgspec.to_builtins(law.applies_to),
        "source": law.source,
        "checked_on": law.checked_on,
        "checked_against": law.checked_against,
    }


def parse_vocabulary(text: str) -> Vocabulary:
    """What several checklists share. Raises ValueError for what is no pattern."""
    try:
        return _yaml(text, Vocabulary)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ValueError(f"{_VOCABULARY}: {error}") from error


def _yaml(text: str, kind: type[T]) -> T:
    return msgspec.convert(read_yaml(text), kind)


def _with_marks(item: dict[str, Any], vocabulary: Mapping[str, Marks]) -> dict[str, Any]:
    """The item with its own marks and those it shares as one."""
    shared = msgspec.convert(item.get("vocabulary", []), list[str])
    if unknown := [name for name in shared if name not in vocabulary]:
        raise msgspec.ValidationError(f"{item.get('id')}: no vocabulary {unknown[0]!r}")
    own = msgspec.convert({name: item[name] for name in _MARKS if name in item}, Marks)
    marks = {
        kind: [pattern for each in (*(vocabulary[name] for name in shared), own) for pattern in getattr(each, kind)]
        for kind in _MARKS
    }
    rest = {name: value for name, value in item.items() if name not in (*_MARKS, "vocabulary")}
    return {**rest, "marks": {kind: patterns for kind, patterns in marks.items() if patterns}}


def _faults(found: Checklist, stem: str) -> Iterator[str]:
    if found.code != stem:
        yield f"the code {found.code!r} is not the file's name"
    if "counsel" not in found.counsel:
        yield "nothing tells the reader to have counsel review"
    seen: set[str] = set()
    for item in found.items:
        if item.id in seen:
            yield f"the item {item.id!r} is given twice"
        seen.add(item.id)
        places = [*item.headings, *item.also_under]
        yield from (f"{item.id}: no heading {code!r}" for code in places if code not in _HEADINGS)
        yield from (f"{item.id}: no term {name!r}" for name in item.terms if name not in _TERMS)
        yield from (f"{item.id}: {said!r} is given twice" for said in [*_twice(places), *_twice_marked(item)])
        if places and not (item.marks.says or item.marks.words):
            yield f"{item.id}: a heading without words would be found in any text under it"
        if (item.marks.says or item.marks.words) and not item.marks.topic:
            yield f"{item.id}: without a topic no denial of it would be recognised"


def _twice(values: list[str]) -> list[str]:
    return [value for value, uses in Counter(values).items() if uses > 1]


def _twice_marked(item: ChecklistItem) -> list[str]:
    return [said for kind in _MARKS for said in _twice(getattr(item.marks, kind))]


class _Counts(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How often something was said, was read as said, and both, in so many texts."""

    texts: int
    templates: int
    answers: int
    said: int
    read: int
    right: int


class _ListCounts(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    items: dict[Code, _Counts]
    held_out: _Counts


def parse_measured(text: str) -> dict[str, Measured]:
    """How sure each list is, from what a measurement wrote down. Raises ValueError for what is none."""
    try:
        counted = msgspec.json.decode(text, type=dict[Code, _ListCounts])
    except msgspec.ValidationError as error:
        raise ValueError(f"{_MEASURED}: {error}") from error
    return {
        code: Measured(
            items={item: _sureness(counts, "with which its words were chosen") for item, counts in each.items.items()},
            held_out=_sureness(each.held_out, "that were not looked at before"),
        )
        for code, each in counted.items()
    }


def _sureness(counts: _Counts, which: str) -> Sureness:
    several = counts.answers > counts.texts
    detail = (
        f"On {counts.texts} texts of {counts.templates} templates {which}: "
        f"{'items were' if several else 'it was'} said {counts.said} times and read as found {counts.read} times, "
        f"{counts.right} of them rightly."
    )
    return Sureness(
        texts=counts.texts,
        templates=counts.templates,
        precision=round(counts.right / counts.read, 3) if counts.read else None,
        recall=round(counts.right / counts.said, 3) if counts.said else None,
        detail=detail,
    )


def _shipped() -> Mapping[str, tuple[Checklist, Law]]:
    names = sorted(file.name for file in _FOLDER.iterdir() if file.name.endswith(".yaml") and file.name != _VOCABULARY)
    found = [parse_checklist((_FOLDER / name).read_text("utf-8"), name, VOCABULARY.matters) for name in names]
    return {checklist.code: (checklist, law) for checklist, law in found}


VOCABULARY = parse_vocabulary((_FOLDER / _VOCABULARY).read_text("utf-8"))
RECOGNITION = Recognition(absence=VOCABULARY.absence, measured=parse_measured((_FOLDER / _MEASURED).read_text("utf-8")))
"""By what all of them are recognised."""
_SHIPPED = _shipped()
CHECKLISTS: Mapping[str, Checklist] = {code: checklist for code, (checklist, _) in _SHIPPED.items()}
"""The shipped checklists by code, in the order of their codes."""
LAWS: Mapping[str, Law] = {code: law for code, (_, law) in _SHIPPED.items()}
"""What each of them rests on."""


def applicable(lists: Iterable[Checklist], matter: Matter) -> list[Checklist]:
    """The checklists that an agreement is held against unasked: those meant for it, and on."""
    return [
        each
        for each in lists
        if applies(each.applies_to, matter) and (each.code not in LAWS or is_on(each.code, LAWS[each.code]))
    ]
