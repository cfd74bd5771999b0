"""Puts an archive back where nothing is yet: as a whole, or not at all.

Everything is unpacked, checked and, where its schema is an earlier one, migrated in a folder of its own inside the data
directory. Then the documents get their place, and the database last: before that there is nothing that could be
served. A bucket gets its documents as they are read: what a refused archive left there is named by nothing.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from registry.platform.backup.contents import Named
from registry.platform.backup.inspecting import (
    Archive,
    Keep,
    check_age,
    faults_of_copy,
    inspect_database,
    read_manifest,
    unpack,
)
from registry.platform.backup.manifest import DATABASE, ArchiveError, Manifest, RefusedTargetError
from registry.platform.database.connect import connect
from registry.platform.database.installation import Purpose, check_purpose, purpose_of
from registry.platform.database.migrate import newest_revision
from registry.platform.database.room import private_folder
from registry.platform.database.snapshot import sqlite_file
from registry.platform.files.folder import FolderStore
from registry.platform.files.store import FileStore
from registry.platform.settings import Settings

STAGE = "restore.unfinished"
_BESIDE = 2**20
_LOCKS = (".lock", ".server")
_HARMLESS = ("lost+found",)  # a volume's own

BringUpToDate = Callable[[str, Purpose], Awaitable[object]]
"""Migrates the database at a URL that is for a purpose."""


class Restored(Struct, kw_only=True, frozen=True):
    """What was put back. `documents` are those of the archive, `migrated_from` its schema, if an earlier one."""

    manifest: Manifest
    documents: int
    migrated_from: str | None


async def restore_documents(store: FileStore, archive: Archive) -> Restored:
    """Put the documents of an archive into a store, beside those that are there: the same bytes have the same name.

    Raises ArchiveError for an archive that is damaged; what was put back before that stays, and is whole.
    """
    if (manifest := read_manifest(archive)).documents is None:
        raise RefusedTargetError("The archive holds no documents.")
    _check_room(store.incoming, manifest)
    _, names = await unpack(archive, None, _keeper(store))
    return Restored(manifest=manifest, documents=len(names), migrated_from=None)


async def restore(
    settings: Settings,
    store: FileStore,
    named: Named,
    archive: Archive,
    bring_up_to_date: BringUpToDate,
    *,
    incomplete: bool,
) -> Restored:
    """Put database and documents back into a data directory with nothing in it.

    Raises ArchiveError for a directory that is not empty, an archive that is damaged or lacks documents (unless it may
    be incomplete), NewerArchiveError for one of a newer version; SettingsError for one of the other mode. Then nothing
    was put back.
    """
    manifest = read_manifest(archive)
    _check_kind(settings, manifest)
    place = sqlite_file(settings.database_url)
    data_dir = settings.data_dir.resolve()
    _check_empty(data_dir, place)
    private_folder(data_dir)
    private_folder(place.parent)
    stage = data_dir / STAGE
    private_folder(stage)
    try:
        return await _restore(settings, store, named, archive, bring_up_to_date, stage, incomplete=incomplete)
    finally:
        shutil.rmtree(stage)


async def _restore(
    settings: Settings,
    store: FileStore,
    named: Named,
    archive: Archive,
    bring_up_to_date: BringUpToDate,
    stage: Path,
    *,
    incomplete: bool,
) -> Restored:
    _check_room(stage, read_manifest(archive))
    copy, documents = stage / DATABASE, stage / "documents"
    in_folder = isinstance(store, FolderStore)
    manifest, names = await unpack(archive, copy, _keeper(FolderStore(documents) if in_folder else store))
    purpose = purpose_of(demo=settings.demo)
    await _check_purpose(f"sqlite:///{copy}", purpose)
    faults = await faults_of_copy(copy, manifest, names, named)
    if incomplete and manifest.documents is not None:
        known = {f"document {sha256} is not in the archive" for sha256 in manifest.documents.missing}
        faults = [fault for fault in faults if fault not in known]
    migrated_from = None if manifest.schema == newest_revision() else manifest.schema
    if not faults and migrated_from is not None:
        await bring_up_to_date(f"sqlite:///{copy}", purpose)
        faults = (await inspect_database(f"sqlite:///{copy}", named)).faults
    if faults:
        raise ArchiveError("The archive is not restored: " + "; ".join(faults) + ".")
    _settle(copy)
    place = sqlite_file(settings.database_url)
    near = place.with_name(f"{place.name}.{STAGE}")
    _bring_near(copy, near)
    settled = settings.data_dir.resolve() / "documents"
    try:
        if documents.is_dir():
            shutil.rmtree(documents / "incoming", ignore_errors=True)
            documents.rename(settled)
        near.rename(place)
    except BaseException:
        near.unlink(missing_ok=True)
        if in_folder:
            shutil.rmtree(settled, ignore_errors=True)  # it was not there before
        raise
    for folder in {place.parent, settings.data_dir.resolve()}:
        _to_disk(folder)
    return Restored(manifest=manifest, documents=len(names), migrated_from=migrated_from)


async def _check_purpose(url: str, purpose: Purpose) -> None:
    database = connect(url)
    try:
        await check_purpose(database.read(), purpose)
    finally:
        await database.close()


def _check_kind(settings: Settings, manifest: Manifest) -> None:
    if manifest.database is None:
        raise RefusedTargetError("The archive holds documents alone: put them back with --only documents.")
    if not settings.database_url.startswith("sqlite:"):
        raise RefusedTargetError(
            "The archive holds a SQLite database, and REGISTRY_DATABASE_URL names PostgreSQL, which has its own "
            "backup (docs/operations.md). --only documents puts the documents back."
        )
    check_age(manifest)


def _check_empty(data_dir: Path, place: Path) -> None:
    """Lock files say who uses a database, and hold nothing."""
    if (left := data_dir / STAGE).exists():
        raise RefusedTargetError(
            f"An earlier restore did not end: remove {left} and what else is in {data_dir}, then begin again."
        )
    there = sorted(path.name for path in data_dir.iterdir()) if data_dir.is_dir() else []
    if found := [name for name in there if name not in _HARMLESS and not name.endswith(_LOCKS)]:
        raise RefusedTargetError(
            f"{data_dir} is not empty ({found[0]} is in it): restore into an empty data directory."
        )
    for suffix in ("", "-wal", "-shm", "-journal"):
        if (path := place.with_name(place.name + suffix)).exists():
            raise RefusedTargetError(f"{path} is there already: restore where there is no database.")


def _check_room(near: Path, manifest: Manifest) -> None:
    while not near.exists():
        near = near.parent
    parts = (part.size_bytes for part in (manifest.database, manifest.documents) if part is not None)
    needed = sum(parts) + _BESIDE
    if (free := shutil.disk_usage(near).free) < needed:
        raise ArchiveError(f"{near} has room for {free:,} bytes, and the archive needs {needed:,}.")


def _keeper(store: FileStore) -> Keep:
    async def keep(_sha256: str, _size: int, chunks: AsyncIterator[bytes]) -> None:
        async with store.receive(chunks) as received:
            await store.keep(received)

    return keep


def _settle(copy: Path) -> None:
    """After a migration everything is in the file itself, and on disk."""
    for suffix in ("-wal", "-shm"):
        if (beside := copy.with_name(copy.name + suffix)).exists() and suffix == "-wal" and beside.stat().st_size:
            raise RuntimeError(f"{beside} was left behind")
        beside.unlink(missing_ok=True)
    _to_disk(copy)


def _bring_near(copy: Path, near: Path) -> None:
    """Move the database into the folder where it will be, which may be on another disk."""
    near.unlink(missing_ok=True)
    try:
        copy.rename(near)
    except OSError:
        shutil.copyfile(copy, near)
        near.chmod(0o600)
        _to_disk(near)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
