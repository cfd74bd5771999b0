"""ZIP archives written part by part: the same bytes for the same parts, and little memory for large ones.

Parts are stored and not compressed: what compresses well is small, the rest is compressed already, and no version of
a compressor changes the bytes. Times and attributes are fixed.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from msgspec import Struct

from registry.platform.files.store import READ_AT_ONCE, refusing

_IN_MEMORY = 2**20
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE = 0o644 << 16


class Digest(Struct, kw_only=True, frozen=True):
    """How many bytes there are, and their SHA-256."""

    size: int
    sha256: str


class Archive:
    """A ZIP archive in temporary storage, which is gone once it is closed or was sent.

    Writing and reading raise Busy where the storage fails.
    """

    def __init__(self, directory: Path) -> None:
        self._spool = SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(directory))  # noqa: SIM115  # closed by `close`
        self._zip = ZipFile(self._spool, "w", ZIP_STORED)

    async def add(self, path: str, content: bytes) -> Digest:
        """Write a part whose bytes are at hand."""
        with refusing():
            await asyncio.to_thread(self._zip.writestr, _entry(path), content)
        return Digest(size=len(content), sha256=hashlib.sha256(content).hexdigest())

    async def add_stream(self, path: str, size: int, pieces: AsyncIterable[bytes]) -> Digest:
        """Write a part of that size piece by piece."""
        digest, written = hashlib.sha256(), 0
        entry = _entry(path)
        entry.file_size = size
        with refusing(), self._zip.open(entry, "w") as out:
            async for piece in pieces:
                digest.update(piece)
                written += len(piece)
                await asyncio.to_thread(out.write, piece)
        return Digest(size=written, sha256=digest.hexdigest())

    async def finish(self) -> Digest:
        """Write the list of parts; nothing can be added after it. Returns what the archive is as a whole."""
        with refusing():
            return await asyncio.to_thread(self._finished)

    def _finished(self) -> Digest:
        self._zip.close()
        digest = hashlib.sha256()
        self._spool.seek(0)
        while piece := self._spool.read(READ_AT_ONCE):
            digest.update(piece)
        return Digest(size=self._spool.tell(), sha256=digest.hexdigest())

    async def open(self) -> AsyncGenerator[bytes, None]:
        """The finished archive in pieces; it is closed after the last."""
        self._spool.seek(0)
        return self._pieces()

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            while piece := await asyncio.to_thread(self._spool.read, READ_AT_ONCE):
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Give the storage back. May be called again."""
        with suppress(OSError):  # nobody wants the list of parts of an archive that was given up
            self._zip.close()
        self._spool.close()


def _entry(path: str) -> ZipInfo:
    entry = ZipInfo(path, _EARLIEST)
    entry.create_system, entry.external_attr = _UNIX, _READABLE
    return entry
