"""Says what is wrong with an archive, or with a database and its documents. A fault is one sentence."""

import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from registry.platform.backup.contents import Content, Named, fault_of
from registry.platform.backup.manifest import (
    DATABASE,
    DOCUMENTS,
    LARGEST_MANIFEST,
    MANIFEST,
    ArchiveError,
    Manifest,
    NewerArchiveError,
    decoded,
    digest_of,
    names_digest,
)
from registry.platform.backup.parts import Part, read_parts
from registry.platform.backup.taking import State, state_of
from registry.platform.database.interruption import interruptible
from registry.platform.database.migrate import is_known, newest_revision
from registry.platform.database.snapshot import in_snapshot
from registry.platform.database.soundness import (
    faults_of_schema,
    faults_of_search,
    faults_of_storage,
    revision_of,
    unread,
    views_of,
)
from registry.platform.database.sqlite_driver import writing_engine
from registry.platform.database.types import metadata
from registry.platform.files.store import FileStore
from registry.platform.ledger.verifying import faults_of_ledger

Keep: TypeAlias = Callable[[str, int, AsyncIterator[bytes]], Awaitable[None]]
"""Takes a document of an archive: its hash, size and bytes. It reads them to the end."""


class Archive(Struct, frozen=True):
    """An archive that is read, and the digest that it should have, where somebody has kept that elsewhere."""

    path: Path
    expected_digest: str | None = None


class Found(Struct, kw_only=True, frozen=True):
    """What a database holds, as far as it can be read, and what is wrong."""

    state: State | None
    faults: list[str]


async def inspect_database(url: str, named: Named, *, pooler: bool = False) -> Found:
    """What a database holds and what is wrong with it, all in one state. Documents are not looked at."""
    return await in_snapshot(url, partial(_inspect, named=named), pooler=pooler)


def _inspect(connection: Connection, named: Named) -> Found:
    faults: list[str] = []
    try:
        if views := views_of(connection):
            return Found(state=None, faults=views)
        faults += faults_of_storage(connection)
        schema = revision_of(connection)
        if schema is None:
            return Found(state=None, faults=[*faults, "the database is empty: run `registry migrate`"])
        is_current = schema == newest_revision()
        if is_current:
            faults += faults_of_schema(connection, metadata)
            faults += faults_of_ledger(connection)
        return Found(state=state_of(connection, named if is_current else None), faults=faults)
    except DBAPIError as error:
        return Found(state=None, faults=[*faults, unread(error)])


def faults_of_search_indexes(path: Path) -> list[str]:
    """What is wrong with the search indexes of a SQLite file that nobody else uses."""
    opened = writing_engine(f"sqlite:///{path}")
    try:
        with opened.connect() as connection, connection.begin():
            interruptible(connection.connection.driver_connection)
            return faults_of_search(connection)
    except DBAPIError as error:
        return [unread(error)]
    finally:
        opened.dispose()


async def faults_of_documents(
    store: FileStore, contents: list[Content], done: Callable[[int], None] = lambda _: None
) -> list[str]:
    """Which documents the store does not have as they were filed; `done` hears how many have been looked at."""
    faults = []
    for number, content in enumerate(contents, 1):
        faults.append(await fault_of(store, content))
        done(number)
    return [fault for fault in faults if fault is not None]


async def unpack(archive: Archive, database: Path | None, keep: Keep) -> tuple[Manifest, list[str]]:
    """Read a whole archive, checking every part: its database to a new file, each document to `keep`.

    Returns the manifest and the names of the documents. Raises ArchiveError at the first thing that is not right.
    """
    with archive.path.open("rb") as file:
        parts = read_parts(file)
        manifest = decoded(_head(archive, next(parts, None)))
        names: list[str] = []
        held = False
        left = 0 if manifest.documents is None else manifest.documents.size_bytes
        for part in parts:
            if part.name == DATABASE:
                _unpack_database(part, manifest, database)
                held = True
                continue
            left -= part.size
            if left < 0:
                raise ArchiveError("The archive is damaged: its documents are larger than its manifest says.")
            sha256 = part.name.removeprefix(DOCUMENTS)
            names.append(sha256)
            await keep(sha256, part.size, _hashed(part, sha256))
    if held != (manifest.database is not None):
        raise ArchiveError("The archive is damaged: it lacks its database.")
    said = ("", 0) if manifest.documents is None else (manifest.documents.sha256, manifest.documents.count)
    if manifest.documents is not None and (names_digest(names), len(names)) != said:
        raise ArchiveError(
            f"The archive is damaged: it should hold {said[1]} documents, and holds {len(names)}, or others."
        )
    if manifest.documents is None and names:
        raise ArchiveError("The archive is damaged: it holds documents of which its manifest says nothing.")
    return manifest, names


def read_manifest(archive: Archive) -> Manifest:
    """The manifest of an archive. Raises ArchiveError for what is none, or is not the expected one."""
    return decoded(_read_head(archive))


def read_digest(archive: Archive) -> str:
    """The digest of an archive, by its manifest alone."""
    return digest_of(_read_head(archive))


def _read_head(archive: Archive) -> bytes:
    with archive.path.open("rb") as file:
        return _head(archive, next(read_parts(file), None))


def check_age(manifest: Manifest) -> None:
    """Raises NewerArchiveError for a database whose schema this version has no migration to."""
    if not is_known(manifest.schema):
        raise NewerArchiveError(
            f"The archive is of a newer version of the registry ({manifest.made_by}, schema {manifest.schema}): check "
            "and restore it with that version."
        )


def _head(archive: Archive, part: Part | None) -> bytes:
    if part is None or part.name != MANIFEST:
        raise ArchiveError("This is no archive of the registry: it has no manifest.")
    if part.size > LARGEST_MANIFEST:
        raise ArchiveError("This is no archive of the registry: its manifest is too large.")
    head = b"".join(part.chunks)
    if archive.expected_digest is not None and digest_of(head) != archive.expected_digest:
        raise ArchiveError(
            f"This is not the expected archive, or it was changed: its digest is {digest_of(head)}, and not "
            f"{archive.expected_digest}."
        )
    return head


def _unpack_database(part: Part, manifest: Manifest, target: Path | None) -> None:
    said = manifest.database
    if said is None or part.size != said.size_bytes:
        raise ArchiveError("The archive is damaged: its database has another size than its manifest says.")
    digest = hashlib.sha256()
    for chunk in _to(target, part.chunks):
        digest.update(chunk)
    if digest.hexdigest() != said.sha256:
        raise ArchiveError("The archive is damaged: its database is not the one of its manifest.")


def _to(target: Path | None, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if target is None:
        yield from chunks
        return
    with target.open("xb") as file:
        target.chmod(0o600)
        for chunk in chunks:
            file.write(chunk)
            yield chunk


async def _hashed(part: Part, sha256: str) -> AsyncIterator[bytes]:
    digest = hashlib.sha256()
    for chunk in part.chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise ArchiveError(f"The archive is damaged: document {sha256} has other bytes.")


async def inspect_archive(archive: Archive, named: Named) -> tuple[Manifest, list[str]]:
    """The manifest of an archive, and what is wrong with what it holds. The database goes to a temporary folder.

    Raises ArchiveError for an archive that is damaged, NewerArchiveError for one of a newer version.
    """
    if (manifest := read_manifest(archive)).database is not None:
        check_age(manifest)
    with tempfile.TemporaryDirectory(prefix="registry-") as folder:
        copy = Path(folder) / DATABASE
        manifest, names = await unpack(archive, copy, _skip)
        if manifest.database is None:
            return manifest, _missing_by_manifest(manifest)
        return manifest, await faults_of_copy(copy, manifest, names, named)


async def faults_of_copy(copy: Path, manifest: Manifest, names: list[str], named: Named) -> list[str]:
    """What is wrong with the database of an archive, and with what it says of its documents.

    Of a database with an earlier schema, which is migrated when it is restored, only what every schema has is checked.
    """
    found = await inspect_database(f"sqlite:///{copy}", named)
    faults = found.faults + faults_of_search_indexes(copy)
    if found.state is None:
        return faults
    faults += _differences(manifest, found.state)
    if manifest.documents is not None:
        lacking = {each.sha256 for each in found.state.contents} - set(names)
        faults += [f"document {sha256} is not in the archive" for sha256 in sorted(lacking)]
    return faults


def _differences(manifest: Manifest, state: State) -> list[str]:
    """Where a database is not in the state that the manifest says."""
    faults = [
        f"{table} has {there} rows, and the manifest says {said}"
        for table, said, there in _counts_apart(manifest.counts, state.counts)
    ]
    if state.schema != manifest.schema:
        faults.append(f"schema: the database has {state.schema}, and the manifest says {manifest.schema}")
    if (state.ledger.events, state.ledger.sha256) != (manifest.ledger.events, manifest.ledger.sha256):
        faults.append(f"ledger: its digest is {state.ledger.sha256}, and the manifest says {manifest.ledger.sha256}")
    return faults


def _counts_apart(said: Mapping[str, int], there: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    for table in sorted(said.keys() | there.keys()):
        if said.get(table, 0) != there.get(table, 0):
            yield table, said.get(table, 0), there.get(table, 0)


def _missing_by_manifest(manifest: Manifest) -> list[str]:
    missing = [] if manifest.documents is None else manifest.documents.missing
    return [f"document {sha256} is not in the archive" for sha256 in missing]


async def _skip(_sha256: str, _size: int, chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass
