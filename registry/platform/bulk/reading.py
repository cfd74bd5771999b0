"""Reads uploaded tables in a process of their own, and hands their rows on as they come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from registry.platform.bulk.child import TableEnd
from registry.platform.bulk.parsing import LIMITS, TableHead, TableRow
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.files.confined import ConfinedProcess
from registry.platform.files.turns import Turns
from registry.platform.kernel.errors import Busy

READING_SECONDS: Final = 2 * LIMITS.seconds
ROWS_AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 4 * 2**20
LONGEST_MESSAGE: Final = 64 * 2**20
MAIN: Final = """
import sys
sys.path.insert(0, sys.argv[1])
from registry.platform.bulk.child import main
main(sys.argv[2], sys.argv[3])
"""
_message = msgspec.json.Decoder(TableHead | TableRow | TableEnd).decode
_log = structlog.get_logger("registry.platform.bulk")


class TableReader:
    """Reads tables, two at a time, and of one agency one at a time; others wait for their turn."""

    def __init__(self, *, at_once: int = 2, seconds: float = READING_SECONDS, main: str = MAIN) -> None:
        self._seconds = seconds
        self._main = main
        self.turns = Turns(at_once)

    @asynccontextmanager
    async def opened(self, path: Path, agency: UUID, *, file: str, sheet: str | None) -> "AsyncIterator[OpenTable]":
        """The table in that file of the agency, called `file`, until the end of the block.

        Raises ImportFormatError when it is none, Busy when its turn does not come.
        """
        async with self.turns.turn(agency):
            told = (file[:200], (sheet or "")[:200])
            with path.open("rb") as source:
                process = ConfinedProcess(self._main, *told, seconds=self._seconds, source=source)
            try:
                yield await OpenTable.begun(process, file)
            finally:
                await asyncio.to_thread(process.end)


class OpenTable:
    """A table that is being read."""

    def __init__(self, process: ConfinedProcess, file: str, head: TableHead) -> None:
        self._process = process
        self._file = file
        self.head = head
        self._ended = False

    @classmethod
    async def begun(cls, process: ConfinedProcess, file: str) -> "OpenTable":
        """The table, once the process has said what it is. Raises ImportFormatError."""
        first = await asyncio.to_thread(_next, process)
        if isinstance(first, TableHead):
            return cls(process, file, first)
        raise _refused(first, process, file)

    async def rows(self) -> AsyncIterator[list[TableRow]]:
        """The rows, some hundreds at a time. Raises ImportFormatError when the rest cannot be read."""
        while not self._ended:
            if taken := await asyncio.to_thread(self._take):
                yield taken

    def _take(self) -> list[TableRow]:
        taken: list[TableRow] = []
        size = 0
        while len(taken) < ROWS_AT_ONCE and size < BYTES_AT_ONCE:
            found = _next(self._process)
            if not isinstance(found, TableRow):
                self._ended = True
                if not isinstance(found, TableEnd) or found.refused:
                    raise _refused(found, self._process, self._file)
                break
            taken.append(found)
            size += sum(len(cell) for cell in found.cells if isinstance(cell, str))
        return taken


def _next(process: ConfinedProcess) -> Any:
    """The next message; None when there is none that can be understood."""
    line = process.read_line(LONGEST_MESSAGE)
    try:
        return _message(line) if line.endswith(b"\n") else None
    except (msgspec.DecodeError, UnicodeDecodeError):  # whoever has taken over the process may write anything
        return None


def _refused(found: object, process: ConfinedProcess, file: str) -> ImportFormatError | Busy:
    if isinstance(found, TableEnd) and found.refused:
        return ImportFormatError(found.refused)
    _log.warning("a table was not read to its end", ended_with=process.ended_with)
    return ImportFormatError(f"{file} could not be read with the time and memory that a table may take. Split it.")
