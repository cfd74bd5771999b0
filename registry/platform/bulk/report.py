"""The report of an import as CSV, for the spreadsheet from which the rows came: a line for each thing that is said."""

import csv
import io
from collections.abc import AsyncGenerator, Iterator
from typing import Final
from uuid import UUID

from registry.platform.bulk.harmless import harmless
from registry.platform.bulk.queries import reported_rows
from registry.platform.bulk.schemas import ImportFault, ImportRow
from registry.platform.database.handles import Read

HEADERS: Final = (
    *("row", "outcome", "id", "column", "header", "field", "value", "code"),
    *("what is wrong", "what is expected", "what to do"),
)


async def report_csv(read: Read, import_id: UUID) -> AsyncGenerator[bytes, None]:
    """The report, some hundred rows at a time. Rows that the run has not come to are left out."""
    yield b"\xef\xbb\xbf" + _lines([HEADERS]).encode()
    async for rows in reported_rows(read, import_id):
        yield _lines(line for row in rows if row.outcome is not None for line in _of(row)).encode()


def _of(row: ImportRow) -> Iterator[tuple[str, ...]]:
    about = (str(row.row), str(row.outcome or ""), str(row.subject_id or ""))
    for fault in (*row.faults, *row.remarks):
        yield (*about, *_said(fault))
    if not row.faults and not row.remarks:
        yield (*about, *[""] * (len(HEADERS) - len(about)))


def _said(fault: ImportFault) -> tuple[str, ...]:
    where = (fault.column, fault.header, fault.field, fault.value, fault.code)
    return tuple(each or "" for each in (*where, fault.detail, fault.expected, fault.remedy))


def _lines(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    written = io.StringIO()
    lines = csv.writer(written, quoting=csv.QUOTE_ALL)
    lines.writerows([harmless(cell) for cell in row] for row in rows)
    return written.getvalue()
