"""The parts of an archive, written and read as a stream of tar's blocks.

Reading takes nothing from the archive but names of three forms, sizes and bytes: whatever else tar can say (links,
devices, sparse files, long names, owners) is refused before anything is done about it, and no path is made from a name.
"""

import re
import tarfile
from collections.abc import AsyncIterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from registry.platform.backup.manifest import DATABASE, DOCUMENTS, MANIFEST, ArchiveError

BLOCK = 512
READ_AT_ONCE = 2**20
_RECORD = 20 * BLOCK
_NAME = re.compile(rf"{re.escape(MANIFEST)}|{re.escape(DATABASE)}|{DOCUMENTS}[0-9a-f]{{64}}")


class PartsWriter:
    """Writes parts, one after the other, and the end."""

    def __init__(self, file: BinaryIO, taken_at: datetime) -> None:
        self._file = file
        self._at = int(taken_at.timestamp())

    async def add(self, name: str, size: int, chunks: AsyncIterable[bytes]) -> None:
        """Write one part. Raises ArchiveError when it has another size."""
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, self._at, 0o400
        self._file.write(info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict"))
        written = 0
        async for chunk in chunks:
            written += len(chunk)
            if written > size:
                break
            self._file.write(chunk)
        if written != size:
            raise ArchiveError(f"{name} has another size than {size} bytes.")
        self._file.write(bytes(-size % BLOCK))

    def end(self) -> None:
        """Write the end, up to a whole record of tar."""
        self._file.write(bytes(2 * BLOCK))
        self._file.write(bytes(-self._file.tell() % _RECORD))


class Part(Struct, kw_only=True, frozen=True):
    """One part: its name and size, and its bytes, which are skipped when the next part is asked for."""

    name: str
    size: int
    chunks: Iterator[bytes]


def read_parts(file: BinaryIO) -> Iterator[Part]:
    """The parts in their order. Raises ArchiveError for what no archive of the registry has in it."""
    seen = ""
    while True:
        header = file.read(BLOCK)
        if header == bytes(BLOCK):
            _check_end(file)
            return
        if not seen and len(header) < BLOCK:
            raise ArchiveError("This is no archive of the registry: it is too short for one.")
        part = _part(file, header)
        if _place(part.name) <= _place(seen):
            raise ArchiveError(f"The archive is damaged: {part.name} is twice in it, or not in its place.")
        seen = part.name
        yield part
        for _ in part.chunks:
            pass  # what the reader left


def _place(name: str) -> tuple[int, str]:
    return ["", MANIFEST, DATABASE].index(name) if name in ("", MANIFEST, DATABASE) else 3, name


def _part(file: BinaryIO, header: bytes) -> Part:
    if len(header) < BLOCK:
        raise ArchiveError("The archive is damaged: it ends early.")
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError, ValueError) as error:
        raise ArchiveError(f"This is no archive of the registry, or it is damaged ({error}).") from None
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or not _NAME.fullmatch(info.name) or info.size < 0:
        raise ArchiveError(f"This is no archive of the registry: {info.name[:100]!r} does not belong in one.")
    return Part(name=info.name, size=info.size, chunks=_chunks(file, info.size))


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = file.read(min(left, READ_AT_ONCE))
        if not chunk:
            raise ArchiveError("The archive is damaged: it ends early.")
        left -= len(chunk)
        yield chunk
    padding = -size % BLOCK
    if file.read(padding) != bytes(padding):
        raise ArchiveError("The archive is damaged: it ends early, or holds what does not belong in it.")


def _check_end(file: BinaryIO) -> None:
    if file.read(BLOCK) != bytes(BLOCK):
        raise ArchiveError("The archive is damaged: it ends early.")
    rest = file.read(_RECORD + 1)
    if len(rest) > _RECORD or rest.strip(b"\0"):
        raise ArchiveError("The archive is damaged: something follows after its end.")


async def chunks_of(path: Path) -> AsyncIterable[bytes]:
    """The bytes of a file."""
    with path.open("rb") as file:
        while chunk := file.read(READ_AT_ONCE):
            yield chunk
