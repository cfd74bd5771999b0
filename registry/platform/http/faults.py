"""All faults of a request body at once, in plain words.

msgspec decodes fast, but stops at the first fault and describes it by types and patterns. When it refuses a body, the
values are compared once more with the types they should have: each part is still validated by msgspec, and each fault
says what is allowed at its place.
"""

import types
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import Meta, Struct, UnsetType

from registry.platform.kernel.errors import Fault
from registry.platform.kernel.text import form_in_words

_LISTS = (list, tuple, set, frozenset)
_PLAIN: dict[Any, str] = {
    bool: "true or false",
    UUID: "an id, such as 01900000-0000-7000-8000-000000000001",
    date: "a day, such as 2026-07-04",
    dict: "an object",
}
_INSTANT = "an instant with its offset from UTC, such as 2026-07-04T18:00:00Z"
_DATE_TIME = "a day and a time, such as 2026-07-04T18:00:00"


class Expected(NamedTuple):
    """The parts of a type: what is allowed besides null, and within which bounds."""

    kind: Any
    bounds: tuple[Meta, ...] = ()
    nullable: bool = False


REQUIRED = "is required"
"""What is wrong with a member, or a parameter, that is missing."""


def find_faults(value: Any, annotation: Any, pointer: str = "", *, nulls: bool = True) -> Iterator[Fault]:
    """The faults of decoded JSON that should have the annotated type, each with its JSON Pointer.

    Without `nulls`, as in a query, null is not listed among the allowed values.
    """
    expected = _taken_apart(annotation)
    if value is None and expected.nullable:
        return
    kind = expected.kind
    if isinstance(kind, type) and issubclass(kind, Struct) and isinstance(value, dict):
        yield from _of_members(value, kind, pointer, nulls=nulls)
        return
    parts: list[tuple[str, Any, Any]] = []
    if (element := _element(kind)) is not None and isinstance(value, list):
        parts = [(str(n), each, element) for n, each in enumerate(value)]
    elif get_origin(kind) is dict and isinstance(value, dict):
        names, members = get_args(kind)
        parts = [
            (_escaped(name), part, of)
            for name, member in value.items()
            for part, of in ((name, names), (member, members))
        ]
    faults = [fault for name, part, of in parts for fault in find_faults(part, of, f"{pointer}/{name}", nulls=nulls)]
    if faults:
        yield from faults
    elif not _fits(value, annotation):
        yield _fault(pointer, f"must be {in_words(expected if nulls else expected._replace(nullable=False))}")


def _of_members(value: Mapping[str, Any], kind: type[Struct], pointer: str, *, nulls: bool) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name in value:
            yield from find_faults(value[name], field.type, f"{pointer}/{name}", nulls=nulls)
        elif field.required:
            yield _fault(f"{pointer}/{name}", REQUIRED)
    if kind.__struct_config__.forbid_unknown_fields:
        for name in value:
            if name not in fields:
                yield Fault(pointer=f"{pointer}/{_escaped(name)}", code="unknown_field", detail="is not known here")


def _fits(value: Any, annotation: Any) -> bool:
    try:
        msgspec.convert(value, annotation)
    except (msgspec.ValidationError, ValueError, OverflowError):
        return False
    return True


def in_words(expected: Expected) -> str:
    """What is allowed, in words: “text of 1 to 200 characters”, “one of low, high”."""
    kind, bounds = expected.kind, expected.bounds
    words = _kind_in_words(kind, bounds)
    for each in bounds:
        if each.pattern is not None:
            words = form_in_words(each, words)
    return f"{words}, or null" if expected.nullable else words


def _kind_in_words(kind: Any, bounds: tuple[Meta, ...]) -> str:
    if get_origin(kind) is Literal:
        return _one_of(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _one_of([each.value for each in kind])
    if _element(kind) is not None:
        return " of ".join(["a list", *_size(bounds, "items")])
    if get_origin(kind) is dict:
        return " of ".join(["an object", *_size(bounds, "members")])
    if kind is str:
        return " of ".join(["text", *_size(bounds, "characters")])
    if kind in (int, float):
        return " ".join(["a whole number" if kind is int else "a number", *_range(bounds)])
    if kind is datetime:
        return _INSTANT if any(each.tz for each in bounds) else _DATE_TIME
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(in_words(_taken_apart(each)) for each in get_args(kind))
    return _PLAIN.get(get_origin(kind) or kind, "an object")


def _one_of(values: Any) -> str:
    return "one of " + ", ".join(str(each) for each in values) if len(values) > 1 else str(values[0])


def _size(bounds: tuple[Meta, ...], what: str) -> Iterator[str]:
    least = next((each.min_length for each in bounds if each.min_length is not None), None)
    most = next((each.max_length for each in bounds if each.max_length is not None), None)
    if least is not None and most is not None:
        yield f"{least} {what}" if least == most else f"{least} to {most} {what}"
    elif least is not None or most is not None:
        yield f"at most {most} {what}" if least is None else f"at least {least} {what}"


def _range(bounds: tuple[Meta, ...]) -> Iterator[str]:
    for meta in bounds:
        if meta.gt is not None:
            yield f"above {meta.gt}"
        if meta.ge is not None:
            yield f"from {meta.ge}"
        if meta.lt is not None:
            yield f"below {meta.lt}"
        if meta.le is not None:
            yield f"up to {meta.le}"


def _element(kind: Any) -> Any:
    """The type of a list's items; None when the type is not a list."""
    origin = get_origin(kind)
    return get_args(kind)[0] if origin in _LISTS else None


def _taken_apart(annotation: Any) -> Expected:
    if get_origin(annotation) is Annotated:
        inner, *rest = get_args(annotation)
        found = _taken_apart(inner)
        return found._replace(bounds=(*found.bounds, *(each for each in rest if isinstance(each, Meta))))
    if get_origin(annotation) in (Union, types.UnionType):
        parts = get_args(annotation)
        rest = [each for each in parts if each not in (types.NoneType, UnsetType)]
        if len(rest) == 1:
            return _taken_apart(rest[0])._replace(nullable=types.NoneType in parts)
    return Expected(annotation)


def _fault(pointer: str, detail: str) -> Fault:
    return Fault(pointer=pointer, code="invalid_body", detail=detail)


def _escaped(name: str) -> str:
    return name[:100].replace("~", "~0").replace("/", "~1")
