"""Where files are kept: by the SHA-256 of their content, so that the same bytes are kept once."""

import asyncio
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from registry.kernel.errors import Busy
from registry.kernel.ids import new_id

_WRITE_AT_ONCE = 2**20
READ_AT_ONCE = 2**18


class Received(Struct, kw_only=True, frozen=True):
    """A file that has arrived, in a place of its own."""

    path: Path
    sha256: str
    size: int


class FileStore(ABC):
    """Keeps content under its hash. What is kept is never changed; who may read it is not asked here.

    Every method raises Busy when the place cannot be reached or is full: then nothing is kept.
    """

    def __init__(self, incoming: Path) -> None:
        self.incoming = incoming

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[Received]:
        """A file as it comes, hashed on the way; gone at the end, unless `keep` has taken it."""
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
        """Remove what uploads that were killed have left behind, last written before then; how many."""
        return await asyncio.to_thread(self._swept, before.timestamp())

    def _swept(self, before: float) -> int:
        old = [path for path in self.incoming.glob("*.part") if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    @abstractmethod
    async def keep(self, received: Received) -> None:
        """Keep the file; returns when it is safe."""

    @abstractmethod
    async def open(self, sha256: str) -> AsyncGenerator[bytes, None]:
        """The content, piece by piece."""

    @abstractmethod
    async def forget(self, sha256: str) -> None:
        """Remove the content; nothing happens when it is not there."""


@contextmanager
def refusing() -> Iterator[None]:
    """What the disk says, in the words of the domain. Raises Busy."""
    try:
        yield
    except OSError as error:
        raise Busy(
            "Files cannot be kept or read at the moment; nothing was done. Try again.", "file_store_unavailable"
        ) from error


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
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
