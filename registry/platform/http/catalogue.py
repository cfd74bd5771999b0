"""The catalogue of problems: each code with its status, meaning, advice, and additional members.

It is read from `problems.yaml`. The titles of answers, the pages under `/problems` and the contract are made from it.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal, TypeAlias, get_args

from msgspec import Struct, convert

from registry.platform.kernel.yaml_text import read_yaml

When: TypeAlias = Literal[
    "any", "token", "path", "body", "file", "query", "list", "range", "post", "version", "edit", "write"
]  # fmt: skip
"""The conditions under which any operation can answer with a problem; see the head of the file."""


class Entry(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One code. `do` is the advice to the client; `when` is empty where operations name the code themselves."""

    status: int
    title: str
    do: str
    when: str = ""
    members: tuple[str, ...] = ()

    @property
    def conditions(self) -> frozenset[str]:
        """The conditions under which any operation may answer with it."""
        return frozenset(self.when.split())


class _File(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    problems: dict[str, Entry]
    members: dict[str, dict[str, Any]]


def _read() -> _File:
    text = (files("registry.platform.http") / "problems.yaml").read_text("utf-8")
    found = convert(read_yaml(text), _File)
    unknown = {word for entry in found.problems.values() for word in entry.conditions} - set(get_args(When))
    used = {name for entry in found.problems.values() for name in entry.members}
    if unknown or used != found.members.keys():
        raise ValueError(f"problems.yaml: conditions {sorted(unknown)}, members {sorted(used ^ found.members.keys())}")
    return found


_FOUND = _read()
PROBLEMS: Mapping[str, Entry] = _FOUND.problems
MEMBERS: Mapping[str, dict[str, Any]] = _FOUND.members


def general(conditions: set[When]) -> set[str]:
    """The codes that every operation to which these conditions apply may answer with."""
    return {code for code, entry in PROBLEMS.items() if entry.conditions & conditions}
