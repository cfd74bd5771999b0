"""Paging of lists: orders, cursors that stay correct while rows are added, and page sizes, which are never cut.

A page size above the limit is refused. A page ends with a cursor: the sort key of its last row. The cursor sent to the
client is bound to its list with filters and order, so that it is refused elsewhere instead of silently skipping rows.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from keyword import iskeyword
from typing import Annotated, Any, Final, Literal, Protocol, TypeAlias, TypeVar, get_args, get_type_hints
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Meta, Struct

from registry.platform.database import types
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import Instant, Window, checked_instant

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
_DIGEST_BYTES = 9
_DIGEST_LENGTH = 12  # in base64 characters

Limit = Annotated[int, Meta(ge=1, le=LARGEST_LIMIT, description="Items per page; may change from page to page.")]
Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        pattern=r"\A[A-Za-z0-9_-]+\Z",
        extra={"form": "as the last page gave it"},
        description="`next_cursor` of the page before, with the same filters and `sort`; opaque.",
    ),
]
SORT: Final = Meta(description="The order of the list.")
Ids = Annotated[
    tuple[UUID, ...], Meta(max_length=100, description="Any of these, up to 100; ask for as many with `limit`.")
]

Row = TypeVar("Row")
P = TypeVar("P", bound="Page")
S = TypeVar("S", bound=Struct)

# A cursor can be forged, so its content is validated like any other input.
_BOUNDED: Final[dict[type, Any]] = {
    datetime: Annotated[datetime, Meta(tz=True)],
    int: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)],
    str: Annotated[str, Meta(max_length=400, pattern=r"\A[^\x00]*\Z")],
}


class Page(Struct, kw_only=True, frozen=True):
    """The requested page of a list. A list extends it with its filters, and with `sort`, an enumeration."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class NewestFirst(Page, kw_only=True, frozen=True):
    """The requested page of a list without filters, whose only order is newest first."""

    sort: Annotated[Literal["-created_at", "created_at"], SORT] = "-created_at"


class Changing(Page, kw_only=True, frozen=True):
    """The requested page of a list of things that change, so that a copy of it can be kept up to date.

    Such a list can be sorted by `updated_at`: in that order a page that is read while something changes misses nothing,
    since what has changed comes again further on.
    """

    updated_from: Annotated[
        Instant | None,
        Meta(
            description="Changed at this instant or later. What follows from the clock or from another thing alone, as "
            "the status of a request from its loans, is no change."
        ),
    ] = None
    updated_to: Annotated[Instant | None, Meta(description="Changed before then.")] = None


ChangingSort: TypeAlias = Literal["-created_at", "created_at", "updated_at", "-updated_at"]
CHANGED: Final = ("updated_from", "updated_to")
"""The filters of `Changing`, for `given` and `changed_in`."""


class ByChange(Changing, kw_only=True, frozen=True):
    """The requested page of a list of things that change, without other filters."""

    sort: Annotated[ChangingSort, SORT] = "-created_at"


def changed_in(updated_at: sa.ColumnElement[datetime], filters: Collection[str]) -> list[sa.ColumnElement[bool]]:
    """The criteria for those of `CHANGED` that are among the filters; their values are bound under the same names."""
    criteria = {
        "updated_from": updated_at >= sa.bindparam("updated_from", type_=updated_at.type),
        "updated_to": updated_at < sa.bindparam("updated_to", type_=updated_at.type),
    }
    return [criterion for name, criterion in criteria.items() if name in filters]


def changed_in_any(filters: Collection[str], *columns: sa.ColumnElement[datetime]) -> list[sa.ColumnElement[bool]]:
    """A wider criterion than `changed_in` of one of several columns, by whose indexes the rows are found.

    It takes all, since none stands behind another for certain: a clock may have been set back in between.
    """
    since = {"updated_from"} & set(filters)
    return [sa.or_(*(each for column in columns for each in changed_in(column, since)))] if since else []


class Sorted(Protocol):
    """The part of a list's query that `Orders` reads."""

    @property
    def limit(self) -> int:
        """Items per page."""

    @property
    def cursor(self) -> str | None:
        """The position after the previous page."""

    @property
    def sort(self) -> str | None:
        """The order, by its name in the query; it must have a value before the list is queried."""


class Orders:
    """The orders in which a list can be sorted, each by columns of one direction of which the last is unique.

    Ids sort in the order of creation, so `created_at` sorts by id. The names are those of `sort` in the query, which
    may offer others that the list implements itself.
    """

    def __init__(self, query: type[Page], /, **by: sa.ColumnElement[Any] | Sequence[sa.ColumnElement[Any]]) -> None:
        self._by = {name: (on,) if isinstance(on, sa.ColumnElement) else tuple(on) for name, on in by.items()}
        offered = {one.removeprefix("-") for one in sorts_of(query)}
        if not self._by.keys() <= offered:
            raise TypeError(f"{query.__name__} offers to sort by {offered}, not by {set(by)}")

    def page(self, statement: sa.Select[Any], sort: str, *, after: bool) -> sa.Select[Any]:
        """The statement in that order with the parameter `limit`, and the key of each row as `key_0`, `key_1` …

        With `after` it begins after the parameters `after_0`, `after_1` …
        """
        columns, down = self._columns(sort), sort.startswith("-")
        statement = statement.add_columns(*(column.label(f"key_{i}") for i, column in enumerate(columns)))
        if after:
            statement = statement.where(self.behind(sort))
        order = [column.desc() if down else column.asc() for column in columns]
        return statement.order_by(*order).limit(sa.bindparam("limit", type_=sa.Integer))

    def behind(self, sort: str) -> sa.ColumnElement[bool]:
        """Rows after the parameters `after_0`, `after_1` … in that order."""
        columns = self._columns(sort)
        places = [sa.bindparam(f"after_{i}", type_=column.type) for i, column in enumerate(columns)]
        if len(columns) == 1:
            return columns[0] < places[0] if sort.startswith("-") else columns[0] > places[0]
        key, place = sa.tuple_(*columns), sa.tuple_(*places)
        return key < place if sort.startswith("-") else key > place

    def parameters(self, query: Sorted) -> dict[str, object]:
        """The parameters of the statement from `page`. Raises RuleBroken for another list's cursor."""
        if query.cursor is None:
            return {"limit": query.limit + 1}
        types = tuple(_python_type(column.type) for column in self._columns(query.sort))
        found = decode_cursor(query.cursor, types)
        return {"limit": query.limit + 1, **{f"after_{i}": part for i, part in enumerate(found)}}

    def cut(self, rows: Sequence[Any], query: Sorted) -> tuple[Sequence[Any], str | None]:
        """The page from `limit + 1` rows, with the cursor of the next page if there are more."""
        names = [f"key_{i}" for i in range(len(self._columns(query.sort)))]
        return cut(rows, query.limit, lambda row: [getattr(row, name) for name in names])

    def _columns(self, sort: str | None) -> tuple[sa.ColumnElement[Any], ...]:
        assert sort is not None
        return self._by[sort.removeprefix("-")]


def sorts_of(query: type[Struct]) -> tuple[str, ...]:
    """The orders that a list's query offers."""
    kind = get_type_hints(query).get("sort")
    leaves = [kind, *get_args(kind)]  # no default when the order depends on the filters
    return next(
        (get_args(leaf) for leaf in leaves if all(isinstance(each, str) for each in get_args(leaf) or (0,))), ()
    )


def _python_type(kind: Any) -> type:
    known: Mapping[type, type] = {types.Uuid: UUID, types.Instant: datetime, types.Civil: date}
    found: type = known.get(type(kind)) or kind.python_type
    return found


def given(query: Page, *names: str) -> dict[str, Any]:
    """The filters that were given, with their values; instants in UTC.

    Raises RuleBroken for an instant out of range.
    """
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(query, name)
        if value is not None and value != ():
            found[name] = checked_instant(value, f"/{name}") if isinstance(value, datetime) else value
    return found


@cache
def ranges_of(query: type[Struct]) -> tuple[tuple[str, str], ...]:
    """The ranges that a query takes, by the names of their parameters: `<what>_from`, `<what>_to`, and `from`, `to`."""
    names = [field.encode_name for field in msgspec.structs.fields(query)]
    starts = (name for name in names if name == "from" or name.endswith("_from"))
    pairs = ((start, f"{start.removesuffix('from')}to") for start in starts)
    return tuple((start, end) for start, end in pairs if end in names)


def check_ranges(query: Struct) -> None:
    """Raises RuleBroken for an empty range, see `ranges_of`.

    A range of days includes its last day, a range of instants excludes its end.
    """
    for start, end in ranges_of(type(query)):
        first, last = (getattr(query, f"{name}_" if iskeyword(name) else name) for name in (start, end))
        if first is None or last is None:
            continue
        of_instants = isinstance(last, datetime)
        if first > last or (first == last and of_instants):
            part = "not part of the range itself" if of_instants else "the last of the range"
            part = "the last day of the range" if isinstance(last, date) and not of_instants else part
            raise RuleBroken.at(
                f"{start} must {'lie before' if of_instants else 'not lie after'} {end}, which is {part}.",
                "range_reversed",
                f"{'not after' if of_instants else 'before'} {start}",
                parameter=end,
            )


def asked_window(start: datetime, end: datetime, start_name: str, end_name: str) -> Window:
    """The window from two query parameters, in UTC. Raises RuleBroken with the parameter's name."""
    try:
        return Window(start=start, end=end).checked()
    except RuleBroken as error:
        name = start_name if error.faults[0].pointer == "/start" else end_name
        raise RuleBroken.at(error.detail, error.code, error.faults[0].detail, parameter=name) from None


def encode_cursor(key: Sequence[object]) -> str:
    """An opaque cursor for the position after a row."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(key))).rstrip(b"=").decode()


def decode_cursor(cursor: str, types: tuple[type, ...]) -> tuple[Any, ...]:
    """The sort key in a cursor. Raises RuleBroken for a cursor that this list did not create."""
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
        raise bad_cursor() from None


def bad_cursor() -> RuleBroken:
    """The error for a cursor that this list did not create for this query."""
    return RuleBroken.at(
        "The cursor was not given by this list with these filters and this sort. Start again without it.",
        "bad_cursor",
        "not from this list, filters and sort",
        parameter="cursor",
    )


def bind(page: S, path: str, query: Page) -> S:
    """The page, with its cursor bound to the list at `path` and to the query."""
    cursor = page.next_cursor  # type: ignore[attr-defined]  # every page has one
    if cursor is None:
        return page
    return msgspec.structs.replace(page, next_cursor=cursor + _digest(cursor, path, query))


def unbind(path: str, query: P) -> P:
    """The query with the list's own cursor. Raises RuleBroken for a cursor of another list or query."""
    if query.cursor is None:
        return query
    cursor, digest = query.cursor[:-_DIGEST_LENGTH], query.cursor[-_DIGEST_LENGTH:]
    if digest != _digest(cursor, path, query):
        raise bad_cursor()
    return msgspec.structs.replace(query, cursor=cursor)


def _digest(cursor: str, path: str, query: Page) -> str:
    question = msgspec.json.encode(msgspec.structs.replace(query, limit=DEFAULT_LIMIT, cursor=None))
    found = hashlib.blake2b(b"\0".join((cursor.encode(), path.encode(), question)), digest_size=_DIGEST_BYTES)
    return base64.urlsafe_b64encode(found.digest()).decode()


def cut(
    rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[UUID | str | int | float | datetime]]
) -> tuple[Sequence[Row], str | None]:
    """The page from `limit + 1` rows, with the cursor of the next page if there are more."""
    if len(rows) <= limit:
        return rows, None
    kept = rows[:limit]
    return kept, encode_cursor(key(kept[-1]))
