"""Writes tables piece by piece, as CSV, NDJSON, GeoJSON or XLSX; pure. Nothing is held but the piece at hand.

How a reader knows that it has everything: NDJSON and CSV end with a line that says so, and how many rows there are; a
workbook and GeoJSON are well-formed only when they are whole. What breaks off on the way ends with a line that says
that, where the format has lines, and with none of these otherwise.
"""

import codecs
import csv
import io
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from xml.sax.saxutils import escape

import msgspec

from registry.platform.bulk.harmless import harmless
from registry.platform.bulk.parsing import BROKEN_MARK, END_MARK

Record = Mapping[str, Any]
"""A row as it is in JSON."""


class TableWriter(Protocol):
    """Writes one table; each method returns the bytes that come next."""

    def begin(self) -> bytes:
        """What comes before the first row."""
        ...

    def rows(self, records: Sequence[Record]) -> bytes:
        """Some rows."""
        ...

    def end(self, count: int) -> bytes:
        """What comes after the last row."""
        ...

    def broken(self) -> bytes:
        """What comes where the rest cannot be had."""
        ...


def flat(record: Record, parted: Collection[str], prefix: str = "") -> dict[str, Any]:
    """The record by columns; a list of words separated by semicolons, any other as JSON.

    Members named in `parted` have a column for each of their own: `location.latitude`.
    """
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and not prefix and name in parted:
            found |= flat(value, (), f"{name}.")
        elif isinstance(value, dict):
            found[f"{prefix}{name}"] = msgspec.json.encode(value).decode() if value else None
        elif isinstance(value, list):
            words = all(isinstance(each, str) for each in value)
            joined = ";".join(value) if words else msgspec.json.encode(value).decode()
            found[f"{prefix}{name}"] = joined or None
        else:
            found[f"{prefix}{name}"] = value
    return found


def parted_in(columns: Iterable[str]) -> frozenset[str]:
    """The members that have a column for each of their own."""
    return frozenset(column.partition(".")[0] for column in columns if "." in column)


class NdjsonWriter:
    """An object a line; the last line is `{"complete": true, "count": …}`."""

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, records: Sequence[Record]) -> bytes:
        """A line each."""
        return msgspec.json.Encoder().encode_lines(records)

    def end(self, count: int) -> bytes:
        """The line that says that this is all."""
        return msgspec.json.encode({"complete": True, "count": count}) + b"\n"

    def broken(self) -> bytes:
        """The line that says that there is more."""
        return msgspec.json.encode({"complete": False, "count": None}) + b"\n"


class CsvWriter:
    """Text for spreadsheets; the last line is `# complete, … rows`."""

    def __init__(self, columns: Sequence[str], *, mark: bytes = codecs.BOM_UTF8) -> None:
        """`mark`: what tells a spreadsheet that a file is UTF-8; programs, told by the content type, need none."""
        self._columns = columns
        self._parted = parted_in(columns)
        self._mark = mark

    def begin(self) -> bytes:
        """The headers, after the mark."""
        return self._mark + self._lines([self._columns])

    def rows(self, records: Sequence[Record]) -> bytes:
        """A line each."""
        by_column = (flat(record, self._parted) for record in records)
        return self._lines([_plain(found.get(column)) for column in self._columns] for found in by_column)

    def end(self, count: int) -> bytes:
        """The line that says that this is all."""
        return self._lines([[f"{END_MARK}, {count} rows"]])

    def broken(self) -> bytes:
        """The line that says that there is more."""
        return self._lines([[f"{BROKEN_MARK}: there is more; ask again"]])

    def _lines(self, rows: Iterable[Sequence[str]]) -> bytes:
        written = io.StringIO()
        csv.writer(written).writerows(rows)
        return written.getvalue().encode()


def _plain(value: Any) -> str:
    """The value as text; only text can be what a spreadsheet would run."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else str(value)


class GeojsonWriter:
    """A feature collection (RFC 7946); only a whole one is well-formed."""

    def __init__(self) -> None:
        self._first = True

    def begin(self) -> bytes:
        """The beginning of the collection."""
        return b'{"type":"FeatureCollection","features":['

    def rows(self, records: Sequence[Record]) -> bytes:
        """A feature each."""
        features = b",\n".join(msgspec.json.encode(feature(record)) for record in records)
        comma, self._first = b"" if self._first else b",\n", False
        return comma + features

    def end(self, count: int) -> bytes:
        """The end of the collection."""
        return b'],"complete":true,"count":%d}\n' % count

    def broken(self) -> bytes:
        """Nothing: what is there is not well-formed."""
        return b""


def feature(record: Record) -> dict[str, Any]:
    """A record with a location as a feature (RFC 7946); its id and place stand there once, not among the properties."""
    place = record["location"]
    point = None if place is None else {"type": "Point", "coordinates": [place["longitude"], place["latitude"]]}
    properties = {name: value for name, value in record.items() if name not in ("id", "location")}
    return {"type": "Feature", "id": record["id"], "geometry": point, "properties": properties}


_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Assets" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
"""The parts of a workbook beside its sheet, each as small as ECMA-376 allows."""
_SHEET = "xl/worksheets/sheet1.xml"
_BEGIN = f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'
_END = "</sheetData></worksheet>"
_BEGAN = datetime(1980, 1, 1)  # noqa: DTZ001  # the time of a part, which nobody asks about; a ZIP knows no zone


class _Pipe(io.RawIOBase):
    """Takes what the archive writes, until it is fetched."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def fetched(self) -> bytes:
        found, self._written = bytes(self._written), bytearray()
        return found


class XlsxWriter:
    """A workbook with one sheet. Its directory comes last, so that only a whole one opens."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._parted = parted_in(columns)
        self._pipe = _Pipe()
        self._archive = zipfile.ZipFile(self._pipe, "w", zipfile.ZIP_DEFLATED)
        self._sheet: Any = None

    def begin(self) -> bytes:
        """The small parts, and the beginning of the sheet with the headers."""
        for name, text in _PARTS.items():
            self._archive.writestr(zipfile.ZipInfo(name, _BEGAN.timetuple()[:6]), _XML + text, zipfile.ZIP_DEFLATED)
        part = zipfile.ZipInfo(_SHEET, _BEGAN.timetuple()[:6])
        part.compress_type = zipfile.ZIP_DEFLATED
        self._sheet = self._archive.open(part, "w", force_zip64=True)
        self._sheet.write(_BEGIN.encode())
        return self._row(self._columns)

    def rows(self, records: Sequence[Record]) -> bytes:
        """A row each."""
        found = (flat(record, self._parted) for record in records)
        return b"".join(self._row([each.get(column) for column in self._columns]) for each in found)

    def end(self, count: int) -> bytes:
        """The end of the sheet, and the directory."""
        self._sheet.write(_END.encode())
        self._sheet.close()
        self._archive.close()
        return self._pipe.fetched()

    def broken(self) -> bytes:
        """Nothing: without its directory it is no workbook."""
        return b""

    def _row(self, values: Sequence[Any]) -> bytes:
        self._sheet.write(f"<row>{''.join(map(_xml_cell, values))}</row>".encode())
        return self._pipe.fetched()


def _xml_cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'
