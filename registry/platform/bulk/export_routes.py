"""The operation that hands out a list as a file, for the rooms whose lists differ by their nouns and columns alone."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller, Principal
from registry.platform.bulk.exports import (
    AT_ONCE,
    by_columns,
    columns_of,
    export_query,
    exported,
    filters_in,
    record_export,
)
from registry.platform.bulk.writing import CsvWriter, Record
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.http.answers import Download
from registry.platform.http.paging import Page
from registry.platform.ledger.event_types import EventType

_AS_CSV: Final = """Download the list of {nouns} as CSV, for a spreadsheet: its columns, for these filters.

The last line begins with `# complete`: without it, something is missing. Text that a spreadsheet would run as a formula
has an apostrophe before it. It begins with the mark of UTF-8 (U+FEFF) that spreadsheets need: programs read it as
`utf-8-sig`, or drop the mark. The export is on record before its first byte, and needs a recent sign-in where your
agency's issuer asks for one.
"""


def list_as_csv(
    nouns: str,
    permission: Action,
    query: type[Page],
    row: type[Struct],
    list_page: Callable[[Read, Principal, Any, datetime], Awaitable[Any]],
    event: EventType,
) -> HTTPRouteHandler:
    """The operation that hands out the list of these `nouns`, as a name has them, as CSV, with the columns of its rows.

    `list_page` reads the page that a `query` of the list asks for; `event` is what is recorded.
    """
    columns = columns_of(row)

    async def export(
        read: Supplied[Read],
        own_transaction: Supplied[OwnTransaction],
        caller: Supplied[Caller],
        filters: Supplied[Struct],
    ) -> Download:
        given = filters_in(filters)
        asked = query(**given)

        async def page_of(cursor: str | None) -> tuple[list[Record], str | None]:
            at = msgspec.structs.replace(asked, cursor=cursor, limit=AT_ONCE)
            page = await list_page(read, caller.principal, at, caller.now)
            rows = msgspec.json.decode(msgspec.json.encode(page.items))
            return [by_columns(each, columns) for each in rows], page.next_cursor

        pieces = await exported(page_of, CsvWriter(columns))
        await record_export(own_transaction, caller, event, "csv", given)

        async def opened() -> AsyncGenerator[bytes, None]:
            return pieces

        return Download(opened, media_type="text/csv", filename=nouns)

    export.__name__ = f"export_{nouns}_as_csv"
    export.__module__ = list_page.__module__  # the operation is of the list's room
    export.__doc__ = _AS_CSV.format(nouns=nouns.replace("_", " "))
    declared = operation(
        "get",
        f"/{nouns.replace('_', '-')}.csv",
        permission=permission,
        query=export_query(query.__name__.replace("Query", "ExportQuery"), query),
        own_transactions=True,
        step_up=True,
        produces="text/csv",
    )
    return declared(export)
