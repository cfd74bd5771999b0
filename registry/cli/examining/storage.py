"""What `registry doctor` finds of the places in which the service keeps things."""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from errno import EDQUOT, ENOSPC
from pathlib import Path

from registry.cli.findings import Finding, failure, ok, warning
from registry.platform.database.probe import ROOM_BYTES
from registry.platform.database.room import take_room
from registry.platform.database.snapshot import sqlite_file
from registry.platform.files.opening import open_store
from registry.platform.settings import Settings

_LEAST_FREE, _LITTLE_FREE = 100 * 2**20, 2**30


def places(settings: Settings) -> dict[str, Path]:
    """The folders in which the service writes, by what is kept there."""
    found = {"data directory": settings.data_dir.resolve(), "temporary files": Path(tempfile.gettempdir())}
    if settings.database_url.startswith("sqlite:"):
        found["database folder"] = sqlite_file(settings.database_url).parent
    return found


def room(about: str, place: Path) -> Iterator[Finding]:
    """Whether anything can be written there, and how much."""
    there = place
    while not there.exists():
        there = there.parent
    if there != place and not os.access(there, os.W_OK):
        yield failure(about, f"{place} is not there and cannot be made", f"make it, for the account {os.getuid()}")
        return
    if there == place:
        try:
            take_room(place, ROOM_BYTES)
        except OSError as error:
            if error.errno not in (ENOSPC, EDQUOT):
                raise
            yield failure(about, f"{place} is full: {ROOM_BYTES // 2**20} MiB cannot be had", "free room")
            return
    if there != place and not shutil.disk_usage(there).total:
        yield failure(about, f"{place} is not there and cannot be made", "name a place on a disk")
        return
    free, size = shutil.disk_usage(there).free, shutil.disk_usage(there).total
    said = f"{place} has {free // 2**20:,} MiB free of {size // 2**20:,}"
    if free < _LEAST_FREE:
        yield failure(about, said, "make room: soon nothing can be stored")
    elif free < _LITTLE_FREE:
        yield warning(about, said, "make room, or watch it")
    else:
        yield ok(about, said)


async def documents(settings: Settings) -> AsyncIterator[Finding]:
    """Keeps, reads and removes a few bytes that nobody else has."""
    store, content = open_store(settings), secrets.token_bytes(32)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    place = settings.documents_url.partition("?")[0] or str(settings.data_dir.resolve() / "documents")
    async with store.receive(chunks()) as received:
        await store.keep(received)
        try:
            back = b"".join([chunk async for chunk in await store.open(received.sha256)])
        finally:
            await store.forget(received.sha256)
    if back != content:
        yield failure("documents", f"{place} gives back something else than was kept", "replace that storage")
    else:
        yield ok("documents", f"{place} keeps and gives back")
