"""Imports for tests: a file is uploaded and run as a client does it."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl

from tests.support.service import Caller

HEADERS = ("Unit", "Title", "Type", "Lat", "Lon")
MAPPING: Mapping[str, Any] = {
    "tag": {"header": "Unit"},
    "name": {"header": "Title"},
    "category": {"header": "Type"},
    "location.latitude": {"header": "Lat"},
    "location.longitude": {"header": "Lon"},
}


def unit_row(tag: str, **cells: str) -> list[str]:
    """A row of a fleet list; `cells` by header say what is different, or stands in further columns."""
    row = {"Unit": tag, "Title": f"Unit {tag}", "Type": "vehicle.patrol", "Lat": "44.98", "Lon": "-93.27"} | cells
    return [*row.values()]


def csv_of(*rows: Sequence[str], headers: Sequence[str] = HEADERS, delimiter: str = ",") -> bytes:
    """The rows below the headers, quoted where needed."""
    import csv

    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([headers, *rows])
    return written.getvalue().encode()


def xlsx_of(*rows: Sequence[Any], headers: Sequence[str] = HEADERS) -> bytes:
    """The same as a workbook."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Fleet")
    for row in (headers, *rows):
        sheet.append(list(row))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


async def send_file(caller: Caller, content: bytes, kind: str = "assets", **query: str) -> Any:
    """The answer to an upload."""
    asked = "&".join(f"{name}={value}" for name, value in {"kind": kind, **query}.items())
    headers = {"content-type": "application/octet-stream"}
    return await caller.send("POST", f"/v1/imports?{asked}", content=content, headers=headers)


async def uploaded(caller: Caller, content: bytes, kind: str = "assets", **query: str) -> dict[str, Any]:
    """An import that was uploaded."""
    response = await send_file(caller, content, kind, **query)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def run(caller: Caller, found: Mapping[str, Any], **how: Any) -> dict[str, Any]:
    """A run of an import, to its end."""
    body = {"mapping": dict(MAPPING), "dry_run": False, "on_error": "skip", "wait_seconds": 30, **how}
    ran: dict[str, Any] = await caller.done("POST", f"/v1/imports/{found['id']}/run", body)
    return ran


async def imported(caller: Caller, content: bytes, **how: Any) -> dict[str, Any]:
    """A file that was uploaded and run."""
    return await run(caller, await uploaded(caller, content), **how)


async def rows_of(caller: Caller, found: Mapping[str, Any], query: str = "") -> list[dict[str, Any]]:
    """The first rows of the report."""
    items: list[dict[str, Any]] = (await caller.done("GET", f"/v1/imports/{found['id']}/rows?limit=200{query}"))[
        "items"
    ]
    return items
