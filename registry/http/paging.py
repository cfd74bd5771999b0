"""Keyset paging: an opaque cursor that stays right while rows are added, and limits that are refused, never cut."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from registry.kernel.errors import Fault, RuleBroken

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200

Limit = Annotated[int, Meta(ge=1, le=LARGEST_LIMIT, description="Items per page.")]
Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        pattern=r"\A[A-Za-z0-9_-]+\Z",
        description="`next_cursor` of the page before; opaque.",
    ),
]


Row = TypeVar("Row")

# A cursor can be forged: what comes out of one must be fit for the database, like any other input.
_BOUNDED: Final[dict[type, Any]] = {
    datetime: Annotated[datetime, Meta(tz=True)],
    int: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)],
    str: Annotated[str, Meta(max_length=400, pattern=r"\A[^\x00]*\Z")],
}


class Page(Struct, kw_only=True, frozen=True):
    """Which slice of a list is wanted. List queries extend it with their filters."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


def encode_cursor(key: Sequence[object]) -> str:
    """The place after a row, as opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(key))).rstrip(b"=").decode()


def decode_cursor(cursor: str, types: tuple[type, ...]) -> tuple[Any, ...]:
    """The sort key behind a cursor. Raises RuleBroken for one that this list did not give."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = msgspec.json.decode(raw, type=list[msgspec.Raw])
        if len(parts) != len(types):
            raise ValueError("another list's cursor")
        key = [
            msgspec.json.decode(part, type=_BOUNDED.get(kind, kind)) for part, kind in zip(parts, types, strict=True)
        ]
        return tuple(part.astimezone(UTC) if isinstance(part, datetime) else part for part in key)
    except (ValueError, OverflowError, binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RuleBroken(
            "The cursor is not one that this list gave. Start again without it.",
            "bad_cursor",
            faults=[Fault(parameter="cursor", code="bad_cursor", detail="not from this list")],
        ) from None


def cut(
    rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[UUID | str | int | float | datetime]]
) -> tuple[Sequence[Row], str | None]:
    """The page out of `limit + 1` rows, and the cursor of the next one if there is more."""
    if len(rows) <= limit:
        return rows, None
    kept = rows[:limit]
    return kept, encode_cursor(key(kept[-1]))
