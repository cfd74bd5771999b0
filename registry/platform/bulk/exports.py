"""A whole list as a file: its own filters, sight and order, page by page, on record before the first byte."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.inspect import ListType, Metadata, StructType, Type, UnionType, type_info

from registry.platform.access.principals import Caller
from registry.platform.bulk.writing import Record, TableWriter
from registry.platform.database.connect import OwnTransaction
from registry.platform.http.paging import LARGEST_LIMIT, Page
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

AT_ONCE: Final = LARGEST_LIMIT
PageOf: TypeAlias = Callable[[str | None], Awaitable[tuple[Sequence[Record], str | None]]]
"""The rows after a cursor, from the beginning for None, and the cursor of the rest if there is more."""


def export_query(name: str, query: type[Page], *, without: Collection[str] = ()) -> type[Struct]:
    """The query of an export: filters and order of the list, of which it is every page."""
    return msgspec.defstruct(
        name,
        [
            (each.name, each.type, msgspec.field(default_factory=each.default_factory))
            if each.default_factory is not msgspec.NODEFAULT
            else (each.name, each.type, each.default)
            for each in msgspec.structs.fields(query)
            if each.name not in {"limit", "cursor", *without}
        ],
        kw_only=True,
        frozen=True,
        module=__name__,
        namespace={"__doc__": "Filters and order of an export: those of the list, of which it is every page."},
    )


def filters_in(filters: Struct) -> dict[str, Any]:
    """Those filters that were given, by name: what is as it is without them is not."""
    return {
        each.name: value
        for each in msgspec.structs.fields(filters)
        if (value := getattr(filters, each.name)) != each.default and value not in (None, (), {})
    }


def columns_of(row: type[Struct]) -> list[str]:
    """The columns of a list's rows: each member, and of what is itself made of members each as `agency.name`."""
    info = type_info(row)
    assert isinstance(info, StructType)
    return list(_columns(info, ""))


def _columns(info: StructType, prefix: str) -> Iterator[str]:
    for field in info.fields:
        name = f"{prefix}{field.name}"
        inner = _made_of(field.type)
        yield from [name] if inner is None else _columns(inner, f"{name}.")


def _made_of(kind: Type) -> StructType | None:
    """What a member, or each in a list, is made of; None where it is a plain value."""
    if isinstance(kind, Metadata):
        return _made_of(kind.type)
    if isinstance(kind, UnionType):
        return next((inner for each in kind.types if (inner := _made_of(each)) is not None), None)
    if isinstance(kind, ListType):
        return _made_of(kind.item_type)
    return kind if isinstance(kind, StructType) else None


def by_columns(record: Record, columns: Iterable[str]) -> dict[str, Any]:
    """A row by its columns: no cell holds JSON. Of a list, what each has in that column, separated by semicolons."""
    return {column: _at(record, column.split(".")) for column in columns}


def _at(value: Any, path: Sequence[str]) -> Any:
    if isinstance(value, list):
        return ";".join("" if (its := _at(each, path)) is None else str(its) for each in value) or None
    return _at(value.get(path[0]), path[1:]) if path and value is not None else value


async def exported(page_of: PageOf, writer: TableWriter) -> AsyncGenerator[bytes, None]:
    """The file, piece by piece.

    The first rows are read before anything is sent, so that what is wrong with the question is still answered.
    """
    return _pieces(page_of, writer, *await page_of(None))


async def _pieces(
    page_of: PageOf, writer: TableWriter, records: Sequence[Record], cursor: str | None
) -> AsyncGenerator[bytes, None]:
    count = len(records)
    yield writer.begin() + writer.rows(records)
    try:
        while cursor is not None:
            records, cursor = await page_of(cursor)
            count += len(records)
            if piece := writer.rows(records):
                yield piece
    except Exception:
        yield writer.broken()
        raise  # the connection ends without the end of the response
    yield writer.end(count)


async def record_export(
    own_transaction: OwnTransaction, caller: Caller, event: EventType, kind: str, filters: Collection[str]
) -> None:
    """Record who takes out a list, in which format and by which filters. Raises Busy; then nothing is sent.

    Of the filters the names alone: words that somebody looks for may name a person.
    """
    async with own_transaction() as write:
        record(
            write,
            caller,
            event,
            subject=(event.value.replace(".exported", "_export"), new_id(), 1),
            agencies=[caller.agency_id],
            data={"format": kind, "filters": sorted(filters)},
        )
