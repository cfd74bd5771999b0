"""The checklists that the registry ships: files under `checklists/`, so that people who know the law can review them.

Read once, at import. A file that says what nothing can satisfy is refused, by its name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, TypeVar

import msgspec
import yaml

from registry.agreements.checks.schemas import Checklist
from registry.agreements.checks.wording import Pattern
from registry.agreements.terms import Terms
from registry.kernel.text import Code
from registry.taxonomy.seed import load_headings

T = TypeVar("T")

# The same language read by libyaml, where the installed package has it: some ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HEADINGS = frozenset(heading.code for heading in load_headings())
_VOCABULARY = "words.yaml"
_TERMS = frozenset(Terms.__struct_fields__) - {"clauses"}


def parse_checklist(text: str, file: str, vocabulary: Mapping[str, list[str]]) -> Checklist:
    """One checklist from YAML; what an item names under `vocabulary` joins its words.

    Raises ValueError naming the file for anything that is malformed, unknown (a heading, a term, a member, words of the
    vocabulary), empty or given twice.
    """
    try:
        raw = _yaml(text, dict[str, Any])
        items = msgspec.convert(raw.get("items", []), list[dict[str, Any]])
        raw["items"] = [_with_words(item, vocabulary) for item in items]
        found = msgspec.convert(raw, Checklist)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: {error}") from error
    faults = list(_faults(found, file.removesuffix(".yaml")))
    if faults:
        raise ValueError(f"{file}: {'; '.join(faults)}")
    return found


def parse_vocabulary(text: str) -> dict[str, list[str]]:
    """The words that several checklists share, by name. Raises ValueError for what is no pattern."""
    try:
        return _yaml(text, dict[Code, list[Pattern]])
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ValueError(f"{_VOCABULARY}: {error}") from error


def _yaml(text: str, kind: type[T]) -> T:
    return msgspec.convert(yaml.load(text, _LOADER), kind)  # noqa: S506  # a safe loader, in C or not


def _with_words(item: dict[str, Any], vocabulary: Mapping[str, list[str]]) -> dict[str, Any]:
    own = {name: value for name, value in item.items() if name != "vocabulary"}
    named = msgspec.convert(item.get("vocabulary", []), list[str])
    if unknown := [name for name in named if name not in vocabulary]:
        raise msgspec.ValidationError(f"{item.get('id')}: no vocabulary {unknown[0]!r}")
    words = [pattern for name in named for pattern in vocabulary[name]]
    return {**own, "words": [*words, *own.get("words", [])]} if named else own


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
        yield from (f"{item.id}: {said!r} is given twice" for said in [*_twice(places), *_twice(item.words)])
        if places and not item.words:
            yield f"{item.id}: a heading without words would be found in any text under it"
    yield from (f"applies: no heading {code!r}" for code in found.applies.headings if code not in _HEADINGS)


def _twice(values: list[str]) -> list[str]:
    return [value for value, uses in Counter(values).items() if uses > 1]


def _shipped() -> Mapping[str, Checklist]:
    folder = resources.files("registry.agreements") / "checklists"
    vocabulary = parse_vocabulary((folder / _VOCABULARY).read_text("utf-8"))
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".yaml") and file.name != _VOCABULARY)
    found = [parse_checklist((folder / name).read_text("utf-8"), name, vocabulary) for name in names]
    return {checklist.code: checklist for checklist in found}


CHECKLISTS: Mapping[str, Checklist] = _shipped()
"""The shipped checklists by code, in the order of their codes."""
