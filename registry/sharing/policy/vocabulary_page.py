"""The vocabulary of policies, read from the annotations of its Cedar schema: what each attribute means, its unit, its
source, and what its absence means. The page that tells it is made of nothing else.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

_ANNOTATION: Final = r'@(?P<note>\w+)\((?P<text>"(?:[^"\\]|\\.)*")\)\s*'
_ANNOTATIONS: Final = r'(?P<notes>(?:@\w+\("(?:[^"\\]|\\.)*"\)\s*)*)'
_BLOCK: Final = re.compile(
    _ANNOTATIONS + r"(?:type|entity)\s+(?P<name>\w+)(?P<in>\s+in\s+\[\w+\])?\s*(?:=\s*)?(?:\{(?P<members>.*?)\n\})?;",
    re.DOTALL,
)
_MEMBER: Final = re.compile(_ANNOTATIONS + r'"(?P<name>\w+)"(?P<optional>\??):\s*(?P<kind>[\w<>]+),')
_ACTIONS: Final = re.compile(r"action\s[^;]*;")
_COMMENT: Final = re.compile(r"^\s*//.*$", re.MULTILINE)
_KNOWN: Final = {"doc", "unit", "source", "absent"}

_OPENING = """# The words of policies

What a policy may ask about: each attribute of `policies/schema.cedarschema`, of which this page is made
(`registry policy vocabulary --write docs/policy-vocabulary.md`). How policies are written stands in
[policies/README.md](../policies/README.md).

An attribute with “may be absent” is not there where the registry does not know it. `x has y && …` then does not
hold, and `!(x has y)` does. What is unknown is never taken for consent: say in each policy what it makes of it.
"""


class Attribute(Struct, frozen=True):
    """One attribute of an entity. `absent` says when it is not there; None of one that always is."""

    name: str
    kind: str
    meaning: str
    unit: str | None
    source: str | None
    absent: str | None


class Described(Struct, frozen=True):
    """An entity or a record of the schema, with its attributes in their order."""

    name: str
    meaning: str
    attributes: tuple[Attribute, ...]


def read_vocabulary(schema: str) -> list[Described]:
    """All that the schema describes.

    Raises ValueError for what is laid out otherwise than it can read, an annotation that is not known, an attribute
    without a meaning, an optional one that does not say when it is absent, and one that says so although it always is
    there.
    """
    text = _COMMENT.sub("", schema)
    if left := _ACTIONS.sub("", _BLOCK.sub("", text)).strip():
        raise ValueError(f"cannot be told, since it is laid out otherwise: {left[:60]}")
    return [
        Described(
            name=block["name"],
            meaning=_notes(block["name"], block["notes"]).get("doc", ""),
            attributes=tuple(_attributes(block["name"], block["members"] or "")),
        )
        for block in _BLOCK.finditer(text)
    ]


def _attributes(of: str, members: str) -> Iterator[Attribute]:
    if left := _MEMBER.sub("", members).strip():
        raise ValueError(f"{of} cannot be told, since it is laid out otherwise: {left[:60]}")
    for member in _MEMBER.finditer(members):
        name = f"{of}.{member['name']}"
        notes = _notes(name, member["notes"])
        if "doc" not in notes:
            raise ValueError(f"{name} has no @doc")
        if bool(member["optional"]) != ("absent" in notes):
            raise ValueError(f"{name}: what may be absent, and nothing else, says when it is, by @absent")
        yield Attribute(
            member["name"], member["kind"], notes["doc"], notes.get("unit"), notes.get("source"), notes.get("absent")
        )


def _notes(of: str, text: str) -> dict[str, str]:
    found = {each["note"]: str(json.loads(each["text"])) for each in re.finditer(_ANNOTATION, text)}
    if unknown := sorted(found.keys() - _KNOWN):
        raise ValueError(f"{of}: @{unknown[0]} is no annotation of the schema")
    return found


def vocabulary_page(described: Iterable[Described]) -> str:
    """The page in Markdown."""
    parts = [_OPENING]
    for each in described:
        parts.append(f"\n## {each.name}\n\n{each.meaning}\n")
        if each.attributes:
            rows = [_row(attribute) for attribute in each.attributes]
            parts.append("\n".join(["", "| attribute | kind | meaning |", "|---|---|---|", *rows, ""]))
    return "".join(parts)


def _row(attribute: Attribute) -> str:
    told = [attribute.meaning]
    if attribute.unit:
        told.append(f"Unit: {attribute.unit}.")
    if attribute.source:
        told.append(f"From {attribute.source}.")
    if attribute.absent:
        told.append(f"May be absent: {attribute.absent[0].lower()}{attribute.absent[1:]}")
    kind = attribute.kind.replace("<", " of ").replace(">", "")
    return f"| `{attribute.name}` | {kind} | {' '.join(told)} |".replace("\\", "")
