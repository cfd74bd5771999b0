"""What stands in a workbook's parts, counted as they unpack and before anything is built of them.

A few hundred kilobytes can unpack to a hundred million cells. So each part is read once in a stream, with a budget of
bytes, cells, rows and time, and whoever exceeds one is told which. What a person does not see, hidden rows and columns
and merged cells, is noted on the way.
"""

import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Final
from xml.parsers import expat

from msgspec import Struct

from registry.platform.bulk.refusals import ImportFormatError

MOST_INFLATED_BYTES: Final = 256 * 2**20
MOST_OTHER_BYTES: Final = 8 * 2**20  # of a part that is neither a sheet nor the texts of cells: it is read whole
MOST_PARTS: Final = 2_000
MOST_ROWS: Final = 50_000
MOST_COLUMNS: Final = 500
MOST_CELLS: Final = 1_000_000
MOST_SECONDS: Final = 30.0
_CHUNK: Final = 2**16
_SHARED: Final = "sharedstrings"


class Limits(Struct, kw_only=True, frozen=True):
    """What one file may hold."""

    rows: int
    columns: int
    cells: int
    seconds: float


class SheetFacts(Struct, kw_only=True):
    """What a sheet says of itself beside its values: rows as numbers, columns as indexes from 0."""

    hidden_rows: set[int] = set()
    hidden_columns: list[tuple[int, int]] = []
    merged: list[str] = []
    is_filtered: bool = False
    rows: int = 0

    def is_hidden(self, column: int) -> bool:
        """Whether that column is hidden."""
        return any(first <= column <= last for first, last in self.hidden_columns)


class Budget:
    """What one file may take."""

    def __init__(self, file: str, clock: Callable[[], float] = time.monotonic, *, limits: Limits | None = None) -> None:
        self._file, self._clock = file, clock
        self.limits = limits or Limits(rows=MOST_ROWS, columns=MOST_COLUMNS, cells=MOST_CELLS, seconds=MOST_SECONDS)
        self._until = clock() + self.limits.seconds
        self.cells = 0

    def check_time(self) -> None:
        """Raises ImportFormatError once the time is used up."""
        if self._clock() > self._until:
            raise self.exceeded(f"takes more than {self.limits.seconds:.0f} seconds to read")

    def count(self, cells: int, row: int) -> None:
        """Count cells up to that row. Raises ImportFormatError for too many."""
        self.cells += cells
        if row > self.limits.rows:
            raise self.exceeded(f"has more than {self.limits.rows:,} rows")
        if self.cells > self.limits.cells:
            raise self.exceeded(f"has more than {self.limits.cells:,} cells")

    def exceeded(self, what: str) -> ImportFormatError:
        """The refusal that names the limit."""
        return ImportFormatError(f"{self._file} {what}. Split it.")


def scan(archive: zipfile.ZipFile, budget: Budget) -> Mapping[str, SheetFacts]:
    """The facts of each part that is a sheet, by its path. Raises ImportFormatError, expat.ExpatError."""
    parts = archive.infolist()
    if len(parts) > MOST_PARTS:
        raise budget.exceeded(f"has more than {MOST_PARTS:,} parts")
    # The archive reader never unpacks more of a part than the part declares.
    if sum(part.file_size for part in parts) > MOST_INFLATED_BYTES:
        raise budget.exceeded(f"unpacks to more than {MOST_INFLATED_BYTES // 2**20} MiB")
    found = {}
    for part in parts:
        name = part.filename.lower()
        if not name.endswith((".xml", ".rels")):
            continue
        if "worksheets/" in name and name.endswith(".xml"):
            found[part.filename] = _Sheet(budget).read(archive, part)
        elif _SHARED in name:
            _Texts(budget).read(archive, part)
        elif part.file_size > MOST_OTHER_BYTES:
            raise budget.exceeded(f"has a part of more than {MOST_OTHER_BYTES // 2**20} MiB that is no sheet")
    return found


class _Part(ABC):
    """One part, read in a stream; of XML with a document type nothing is read."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def read(self, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> SheetFacts:
        """Read it to its end."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begins
        parser.StartDoctypeDeclHandler = self._refuse
        self.facts = SheetFacts()
        with archive.open(part) as source:
            while chunk := source.read(_CHUNK):
                self._budget.check_time()
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        return self.facts

    @abstractmethod
    def _begins(self, tag: str, attributes: dict[str, str]) -> None:
        """What a beginning element adds to what is known of the part."""

    @staticmethod
    def _refuse(*_: object) -> None:
        raise ValueError("a workbook has no document type")


class _Texts(_Part):
    def _begins(self, tag: str, _: dict[str, str]) -> None:
        if tag.rpartition(":")[2] in ("si", "r"):
            self._budget.count(1, 0)


class _Sheet(_Part):
    _row = 0

    def _begins(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "c":
                self._cell(attributes.get("r", ""))
            case "row":
                self._row = int(attributes.get("r") or self._row + 1)
                self.facts.rows += 1
                self._budget.count(0, max(self._row, self.facts.rows))
                if _is_true(attributes.get("hidden")):
                    self.facts.hidden_rows.add(self._row)
            case "col" if _is_true(attributes.get("hidden")):
                self._budget.count(1, 0)
                self.facts.hidden_columns.append((int(attributes["min"]) - 1, int(attributes["max"]) - 1))
            case "mergeCell":
                self._budget.count(1, 0)
                self.facts.merged.append(attributes.get("ref", ""))
            case "filterColumn":
                self.facts.is_filtered = True

    def _cell(self, place: str) -> None:
        from openpyxl.utils import column_index_from_string  # here, since it takes a tenth of a second of each start

        self._budget.count(1, self._row)
        letters = place.rstrip("0123456789")
        if len(letters) > 1 and column_index_from_string(letters) > self._budget.limits.columns:
            raise self._budget.exceeded(f"has a cell at {place}, beyond {self._budget.limits.columns} columns")


def _is_true(said: str | None) -> bool:
    return said in ("1", "true")
