"""The attributes that a policy reads, each by its path, and the constants with which it compares them. Pure.

A path is what stands in the policy: `context.ask.duration_hours`, `resource.owner.state`. What is no plain chain of
attributes, such as a member of the outcome of an `if`, has the path `?.` and its name.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from cedarpy import pst
from msgspec import Struct

Constant: TypeAlias = int | str | datetime
OF_AGREEMENT: Final = "context.agreement"
_COMPARES: Final = {
    *("eq", "not_eq", "less", "less_eq", "greater", "greater_eq"),
    *("contains", "contains_all", "contains_any"),
}
_UNCLEAR: Final = "?"
CONTAINERS: Final = frozenset({"principal", "resource", "context", "context.ask", OF_AGREEMENT})
"""What holds other attributes, where a policy names it by itself."""
OWNER: Final = "resource.owner"
REQUESTING: Final = "context.ask.requesting"
OF_AGENCIES: Final = frozenset({"id", "state", "kind", "status"})
"""What the records of the two agencies hold. Such a record is a value: a policy may also compare it as a whole."""


class Comparison(Struct, frozen=True):
    """Attributes that are compared with one another or with constants, in one comparison."""

    paths: frozenset[str]
    constants: frozenset[Constant]


def path_of(node: object) -> str | None:
    """The path of a plain chain of attributes; None for anything else."""
    names: list[str] = []
    while isinstance(node, pst.GetAttr):
        names.append(node.attr)
        node = node.base
    return ".".join([node.name, *reversed(names)]) if isinstance(node, pst.Var) else None


def paths_in(node: object) -> frozenset[str]:
    """Every path under a node of a policy. One that is read through is not there by itself."""
    return frozenset(_paths(node))


def comparisons_in(node: object) -> Iterator[Comparison]:
    """Each comparison under a node, and each pattern that a text is held against."""
    if isinstance(node, pst.BinaryOp) and node.op in _COMPARES:
        yield Comparison(paths_in(node), frozenset(_constants(node)))
    elif isinstance(node, pst.Like):
        yield Comparison(paths_in(node), frozenset({_matching(node.pattern)}))
    for part in _parts(node):
        yield from comparisons_in(part)


def conditions_of(clauses: Iterable[pst.Clause]) -> tuple[pst.Expr, ...]:
    """What has to hold for a policy to be satisfied, each part by itself; of an `or` it is one part."""
    found: list[pst.Expr] = []
    for clause in clauses:
        found.extend(_all_of(clause.expr) if isinstance(clause, pst.When) else _none_of(clause.expr))
    return tuple(found)


def _all_of(node: pst.Expr) -> Iterator[pst.Expr]:
    if isinstance(node, pst.BinaryOp) and node.op == "and":
        yield from (*_all_of(node.left), *_all_of(node.right))
    elif isinstance(node, pst.UnaryOp) and node.op == "not":
        yield from _none_of(node.arg)
    else:
        yield node


def _none_of(node: pst.Expr) -> Iterator[pst.Expr]:
    if isinstance(node, pst.BinaryOp) and node.op == "or":
        yield from (*_none_of(node.left), *_none_of(node.right))
    elif isinstance(node, pst.UnaryOp) and node.op == "not":
        yield from _all_of(node.arg)
    else:
        yield pst.UnaryOp(op="not", arg=node)


def members_read(paths: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The names of the attributes that are read by these paths, by the path of what holds them.

    What is no plain chain may be an attribute of anything; of a record that is named by itself, all are read.
    """
    found: dict[str, set[str]] = {holder: set() for holder in (*CONTAINERS, OWNER, REQUESTING)}
    unclear: set[str] = set()
    for path in paths:
        if path in (OWNER, REQUESTING):
            found[path] |= OF_AGENCIES
        while "." in path:
            path, _, name = path.rpartition(".")
            (unclear if path == _UNCLEAR else found.setdefault(path, set())).add(name)
    return {holder: frozenset(names | unclear) for holder, names in found.items()}


def terms_read(paths: Iterable[str]) -> frozenset[str]:
    """The attributes of the agreement among these paths; of what is no plain chain, whatever it may be of."""
    return frozenset(path.rsplit(".", 1)[1] for path in paths if path.startswith((f"{OF_AGREEMENT}.", f"{_UNCLEAR}.")))


def tells_agreements_apart(paths: Iterable[str]) -> bool:
    """Whether a policy that reads these may hold under one agreement and not under another, the rest being equal."""
    return any(path in ("context", OF_AGREEMENT) or path.startswith((f"{OF_AGREEMENT}.", _UNCLEAR)) for path in paths)


def _paths(node: object) -> Iterator[str]:
    if isinstance(node, pst.GetAttr):
        path = path_of(node)
        if path is not None:
            yield path
            return
        yield f"{_UNCLEAR}.{node.attr}"
    elif isinstance(node, pst.HasAttr):
        base = path_of(node.base)
        if base is not None:
            for length in range(1, len(node.attrs) + 1):
                yield ".".join([base, *node.attrs[:length]])
            return
        yield from (f"{_UNCLEAR}.{name}" for name in node.attrs)
    elif isinstance(node, pst.Var):
        yield node.name
    for part in _parts(node):
        yield from _paths(part)


def _constants(node: object) -> Iterator[Constant]:
    if isinstance(node, pst.LongLit | pst.StringLit):
        yield node.value
    elif isinstance(node, pst.UnaryOp) and node.op == "datetime" and isinstance(node.arg, pst.StringLit):
        at = _instant(node.arg.value)
        if at is not None:
            yield at
    else:
        for part in _parts(node):
            yield from _constants(part)


def _instant(text: str) -> datetime | None:
    """The instant that Cedar reads in it; None for one that Python does not, such as a day alone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _matching(pattern: Iterable[object]) -> str:
    """A text that the pattern matches: what stands for anything is left out."""
    return "".join(each.value for each in pattern if isinstance(each, pst.Char))


def _parts(node: object) -> Iterator[object]:
    if isinstance(node, Mapping):
        yield from node.values()
    elif isinstance(node, tuple):
        yield from node
    elif dataclasses.is_dataclass(node) and not isinstance(node, type):
        yield from (getattr(node, field.name) for field in dataclasses.fields(node))
