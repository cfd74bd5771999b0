"""What `registry doctor` finds of the places in which the service keeps things."""

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from errno import EDQUOT, ENOSPC
from pathlib import Path

from registry.cli.accounts import account, cannot_write, refused_at
from registry.cli.findings import Finding, failure, ok, warning
from registry.platform.database.probe import ROOM_BYTES
from registry.platform.database.room import take_room
from registry.platform.database.snapshot import sqlite_file
from registry.platform.files.opening import open_store
from registry.platform.kernel.errors import Busy
from registry.platform.settings import Settings

_LEAST_FREE, _LITTLE_FREE = 100 * 2**20, 2**30
_MOST_NAMED = 5


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
        yield failure(about, f"{place} is not there and cannot be made", f"make it, for the account {account()}")
        return
    if there == place:
        try:
            take_room(place, ROOM_BYTES)
        except OSError as error:
            if error.errno in (ENOSPC, EDQUOT):
                yield failure(about, f"{place} is full: {ROOM_BYTES // 2**20} MiB cannot be had", "free room")
            else:
                yield unwritable(about, place, error.strerror or str(error))
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


def unwritable(about: str, place: Path, why: str) -> Finding:
    """The finding of a place that this account cannot write."""
    return failure(about, *cannot_write(place, why))


def privacy(settings: Settings) -> Iterator[Finding]:
    """Whether what is kept on this machine can be read by others than the account that it belongs to."""
    about, folder = "file permissions", settings.data_dir.resolve()
    kept = {*_within(folder), *_within(folder / "documents", deep=True)}
    if settings.database_url.startswith("sqlite:"):
        database = sqlite_file(settings.database_url)
        kept |= {path for path in _within(database.parent) if path.name.startswith(database.name)}
    shown = sorted(path for path in kept if not path.is_symlink() and _is_open(path))
    if not shown:
        yield ok(about, "what is kept can be read by its own account alone")
        return
    named = ", ".join(str(path) for path in shown[:_MOST_NAMED])
    more = f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else ""
    yield warning(
        about,
        f"every account of this machine can read {named}{more}",
        "run `chmod -R go-rwx` on them; restricted text and people's data have to be taken as read by others",
    )


def _within(folder: Path, *, deep: bool = False) -> Iterator[Path]:
    """What lies in the folder; nothing where this account may not look, which is a finding of its own."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return iter(())
    return folder.rglob("*") if deep else folder.iterdir()


def _is_open(path: Path) -> bool:
    """Whether any account can read or write it, which the folders above may keep it from."""
    others = stat.S_IROTH | stat.S_IWOTH
    return bool(path.stat().st_mode & others) and all(each.stat().st_mode & stat.S_IXOTH for each in path.parents)


async def documents(settings: Settings) -> AsyncIterator[Finding]:
    """Keeps, reads and removes a few bytes that nobody else has."""
    store, content = open_store(settings), secrets.token_bytes(32)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    place = settings.documents_url.partition("?")[0] or str(settings.data_dir.resolve() / "documents")
    try:
        async with store.receive(chunks()) as received:
            await store.keep(received)
            try:
                back = b"".join([chunk async for chunk in await store.open(received.sha256)])
            finally:
                await store.forget(received.sha256)
    except (Busy, PermissionError) as error:
        cause = error.__cause__ or error
        if not isinstance(cause, PermissionError) or not cause.filename:
            raise
        yield unwritable("documents", refused_at(Path(cause.filename)), cause.strerror or str(cause))
        return
    if back != content:
        yield failure("documents", f"{place} gives back something else than was kept", "replace that storage")
    else:
        yield ok("documents", f"{place} keeps and gives back")
