"""Spreadsheets for tests: CSV and XLSX made on the spot, and rows of a tracker that can be taken."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook

from registry.agreements.tracker.columns import is_known
from registry.platform.bulk.sheets import Hidden, Table, read_table


def csv_bytes(*rows: Sequence[object]) -> bytes:
    """Rows as CSV."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def xlsx_bytes(*rows: Sequence[Any], sheet: str = "Sheet1", **more: Sequence[Sequence[Any]]) -> bytes:
    """Rows as a workbook, with further sheets by name; a date is a real date cell, `=…` a formula."""
    book = Workbook()
    assert book.active is not None
    book.active.title = sheet
    for name, lines in {sheet: rows, **more}.items():
        page = book[name] if name in book.sheetnames else book.create_sheet(name)
        for line in lines:
            page.append(list(line))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def read(content: bytes, file: str = "tracker.csv", sheet: str | None = None, hidden: Hidden = "take") -> Table:
    """The table of a file."""
    return read_table(io.BytesIO(content), file, is_known, sheet, hidden)


def sheet_of(*rows: dict[str, Any]) -> list[list[Any]]:
    """Rows given by header, with the header row on top."""
    headers = list(dict.fromkeys(name for row in rows for name in row))
    return [headers, *([row.get(name) for name in headers] for row in rows)]
