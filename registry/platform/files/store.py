"""Storage of files by the SHA-256 of their content, so that the same bytes are stored once."""

import asyncio
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from registry.platform.database.room import private_folder
from registry.platform.database.trouble import ToldOnce
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.ids import new_id

_WRITE_AT_ONCE = 2**20
READ_AT_ONCE = 2**18


class StoreTrouble:
    """The troubles of this process's file store, each told once in the log."""

    def __init__(self) -> None:
        self._told = ToldOnce()

    def meet(self, cause: BaseException) -> None:
        """Log the cause unless that has just been done."""
        self._told.meet("documents cannot be kept or read", cause)

    def over(self) -> None:
        """It was tried, and does."""
        self._told.over("documents can be kept and read again")


trouble = StoreTrouble()
"""One for the process, as translating an error knows of nothing else."""


class Received(Struct, kw_only=True, frozen=True):
    """An uploaded file in temporary storage."""

    path: Path
    sha256: str
    size: int


class FileStore(ABC):
    """Stores content under its hash. Stored content never changes, and access rights are not checked here.

    Every method raises Busy when the storage cannot be reached or is full; then nothing is stored.
    """

    def __init__(self, incoming: Path) -> None:
        self.incoming = incoming

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[Received]:
        """Receive a file in chunks into temporary storage, and hash it.

        It is removed at the end of the block, unless `keep` has stored it.
        """
        path = self.incoming / f"{new_id()}.part"
        with refusing():
            descriptor = await asyncio.to_thread(_opened, path)
        try:
            try:
                digest, size = await _written(descriptor, chunks)
            finally:
                os.close(descriptor)
            yield Received(path=path, sha256=digest, size=size)
        finally:
            path.unlink(missing_ok=True)

    async def sweep(self, before: datetime) -> int:
        """Remove temporary files of interrupted uploads, last written before this instant; returns how many."""
        return await asyncio.to_thread(self._swept, before.timestamp())

    def _swept(self, before: float) -> int:
        gone = 0
        for path in self.incoming.glob("*.part"):
            try:
                if path.stat().st_mtime < before:
                    path.unlink()
                    gone += 1
            except FileNotFoundError:
                continue  # its upload has ended, or another process sweeps too
        return gone

    @abstractmethod
    async def keep(self, received: Received) -> None:
        """Store the file; returns when it is durable."""

    @abstractmethod
    async def open(self, sha256: str) -> AsyncGenerator[bytes, None]:
        """The content in chunks."""

    @abstractmethod
    async def forget(self, sha256: str) -> None:
        """Remove the content. Has no effect when it does not exist."""

    @abstractmethod
    async def probe(self, named: str | None) -> None:
        """Try whether content can be kept, and whether that of the hash `named` is there.

        A folder that was replaced, or whose disk is no longer mounted, can be written and has nothing in it.
        """


@contextmanager
def refusing() -> Iterator[None]:
    """Translates errors of the operating system. Raises Busy."""
    try:
        yield
    except OSError as error:
        raise unavailable(error) from error


def unavailable(cause: BaseException) -> Busy:
    """The error for a file store that cannot be reached, or is full; the log gets the cause."""
    trouble.meet(cause)
    return Busy("Files cannot be kept or read at the moment; nothing was done. Try again.", "file_store_unavailable")


def _opened(path: Path) -> int:
    private_folder(path.parent)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


async def _written(descriptor: int, chunks: AsyncIterable[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    waiting = bytearray()

    def write() -> None:
        digest.update(waiting)
        rest = memoryview(waiting)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    async for chunk in chunks:
        waiting += chunk
        size += len(chunk)
        if len(waiting) >= _WRITE_AT_ONCE:
            with refusing():
                await asyncio.to_thread(write)
            waiting = bytearray()
    with refusing():
        await asyncio.to_thread(write)
    return digest.hexdigest(), size
