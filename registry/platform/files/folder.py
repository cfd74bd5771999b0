"""Files in a local folder, or in one that several processes share."""

import asyncio
import os
from collections.abc import AsyncGenerator
from errno import ENOENT
from pathlib import Path
from typing import BinaryIO

from registry.platform.database.room import private_folder, take_room
from registry.platform.files.store import READ_AT_ONCE, FileStore, Received, refusing

_ROOM_BYTES = 2**20


class FolderStore(FileStore):
    """Stores each file under the first two digits of its hash.

    It is written to a temporary name and synced to disk before it is renamed.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "incoming")
        self._folder = folder

    def _place(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    async def keep(self, received: Received) -> None:
        with refusing():
            await asyncio.to_thread(self._keep, received)

    def _keep(self, received: Received) -> None:
        place = self._place(received.sha256)
        new_shard = not place.parent.exists()
        private_folder(place.parent)
        _to_disk(received.path)
        received.path.chmod(0o400)
        received.path.replace(place)
        _to_disk(place.parent)
        if new_shard:
            _to_disk(self._folder)

    async def open(self, sha256: str) -> AsyncGenerator[bytes, None]:
        with refusing():
            file = await asyncio.to_thread(self._place(sha256).open, "rb")
        return _pieces(file)

    async def forget(self, sha256: str) -> None:
        with refusing():
            await asyncio.to_thread(self._place(sha256).unlink, missing_ok=True)

    async def probe(self, named: str | None) -> None:
        with refusing():
            await asyncio.to_thread(self._probe, named)

    def _probe(self, named: str | None) -> None:
        if named is not None and not self._place(named).exists():
            words = "the database names documents that are not here: was the folder moved, or its disk not mounted?"
            raise FileNotFoundError(ENOENT, words, str(self._folder))
        for folder in (self._folder, self.incoming):
            private_folder(folder)
            take_room(folder, _ROOM_BYTES)


async def _pieces(file: BinaryIO) -> AsyncGenerator[bytes, None]:
    try:
        while piece := await asyncio.to_thread(file.read, READ_AT_ONCE):
            yield piece
    finally:
        file.close()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
