"""What changed in the terms, member by member, and in what stands beside the text."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from registry.agreements.instruments.terms import Terms
from registry.agreements.redline.schemas import ParticularChange, TermChange
from registry.platform.kernel.money import Money

_SAYS_NOTHING = (None, "silent")


def particular_changes(old: Mapping[str, object], new: Mapping[str, object]) -> list[ParticularChange]:
    """What differs of the members that both have, in their order."""
    return [
        ParticularChange(pointer=f"/{name}", from_=msgspec.to_builtins(old[name]), to=msgspec.to_builtins(new[name]))
        for name in old
        if old[name] != new[name]
    ]


def term_changes(old: Terms, new: Terms) -> list[TermChange]:
    """What differs, in the order of the terms; last the terms that only another provision says now."""
    found: list[TermChange] = []
    names = [name for name in Terms.__struct_fields__ if name != "clauses"]
    changed = set()
    for name in names:
        for pointer, before, after in _differences(f"/terms/{name}", getattr(old, name), getattr(new, name)):
            found.append(_change(pointer, before, after, old.clauses.get(name), new.clauses.get(name)))
            changed.add(name)
    for name in sorted({*old.clauses, *new.clauses} - changed):
        before, after = old.clauses.get(name), new.clauses.get(name)
        if before != after:
            found.append(_change(f"/terms/clauses/{name}", before, after, before, after))
    return found


def _differences(pointer: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each value that differs, with its place. An amount of money is one value; the order of a list says nothing."""
    if isinstance(old, Struct) and isinstance(new, Struct) and not isinstance(old, Money):
        for name in old.__struct_fields__:
            yield from _differences(f"{pointer}/{name}", getattr(old, name), getattr(new, name))
    elif isinstance(old, list) and isinstance(new, list):
        if _without(old, new) or _without(new, old):
            yield pointer, old, new
    elif old != new:
        yield pointer, old, new


def _change(pointer: str, old: Any, new: Any, old_clause: str | None, new_clause: str | None) -> TermChange:
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    lists = isinstance(before, list) and isinstance(after, list)
    kind: Literal["added", "removed", "changed"] = "changed"
    if old in _SAYS_NOTHING or new in _SAYS_NOTHING:
        kind = "added" if old in _SAYS_NOTHING else "removed"
    return TermChange(
        pointer=pointer,
        kind=kind,
        from_=before,
        to=after,
        members_added=_without(after, before) if lists else [],
        members_removed=_without(before, after) if lists else [],
        from_clause=old_clause,
        to_clause=new_clause,
    )


def _without(members: list[Any], others: list[Any]) -> list[Any]:
    return [member for member in members if member not in others]
