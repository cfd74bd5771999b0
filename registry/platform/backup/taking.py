"""Makes an archive, beside a server that runs and writes.

The database is copied first, in one state, and the documents afterwards: a document is never changed, and one that the
copy refers to is never swept, so each is still there when its turn comes. The archive is written under a temporary
name and gets its own once it is whole and on disk.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from errno import EEXIST, ENOTSUP, EPERM
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from registry import __version__
from registry.platform.backup.contents import (
    Content,
    Named,
    UnsoundContentError,
    checked_bytes,
    fault_of,
    named_contents,
)
from registry.platform.backup.manifest import (
    DATABASE,
    DOCUMENTS,
    FORMAT,
    MANIFEST,
    ArchiveError,
    DatabasePart,
    DocumentsPart,
    LedgerPart,
    Manifest,
    RefusedTargetError,
    encoded,
    names_digest,
)
from registry.platform.backup.parts import PartsWriter, chunks_of
from registry.platform.database.installation import installation
from registry.platform.database.snapshot import copy_sqlite, in_snapshot, sqlite_file
from registry.platform.database.soundness import revision_of, row_counts
from registry.platform.encryption import key_check
from registry.platform.files.store import FileStore
from registry.platform.ledger.checking import LedgerState, ledger_state
from registry.platform.settings import Settings

_PURPOSE = sa.select(installation.c.purpose)
_BESIDE = 2**20  # what is left free beside an archive, for its headers


class What(Struct, kw_only=True, frozen=True):
    """What goes into the archive, and where from."""

    database: bool = True
    documents: bool = True
    incomplete: bool = False
    """Whether the archive is made although documents are damaged or missing; it names them."""


class State(Struct, kw_only=True, frozen=True):
    """What one state of a database holds."""

    schema: str
    purpose: str | None
    counts: dict[str, int]
    ledger: LedgerState
    contents: list[Content]


def state_of(connection: Connection, named: Named | None) -> State:
    """What the database holds that the connection sees; without its documents where `named` is None.

    Raises ArchiveError for one that was never migrated.
    """
    schema = revision_of(connection)
    if schema is None:
        raise ArchiveError("The database is empty: run `registry migrate` first.")
    return State(
        schema=schema,
        purpose=connection.execute(_PURPOSE).scalar(),
        counts=row_counts(connection),
        ledger=ledger_state(connection),
        contents=[] if named is None else named_contents(connection, named),
    )


async def take(
    settings: Settings, store: FileStore, named: Named, target: Path, what: What, now: datetime, *, replace: bool
) -> Manifest:
    """Write an archive to `target`.

    Raises ArchiveError when there is an archive already that is not to be replaced, for a damaged or missing document
    unless they are to be left out, and where there is no room; then nothing is left behind.
    """
    _check_target(target, replace=replace)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        copy, url = Path(folder) / DATABASE, settings.database_url
        if what.database:
            _check_room(target.parent, 2 * sqlite_file(url).stat().st_size if sqlite_file(url).is_file() else 0)
            copy_sqlite(url, copy)
            url = f"sqlite:///{copy}"
        state = await in_snapshot(url, partial(state_of, named=named), pooler=settings.database_pooler)
        wanted = state.contents if what.documents else []
        missing = await _missing(store, wanted) if what.incomplete else frozenset()
        held = [each for each in wanted if each.sha256 not in missing]
        manifest = Manifest(
            format=FORMAT,
            made_by=f"registry {__version__}",
            taken_at=now,
            dialect="sqlite" if settings.database_url.startswith("sqlite:") else "postgresql",
            schema=state.schema,
            purpose=state.purpose,
            counts=state.counts,
            ledger=msgspec.convert(state.ledger, LedgerPart, from_attributes=True),
            ledger_key=key_check(settings.ledger_key),
            database=await _database_part(copy) if what.database else None,
            documents=_documents_part(held, missing) if what.documents else None,
        )
        _check_room(target.parent, _size(manifest))
        with _written(Path(folder) / "archive", target, replace=replace) as file:
            await _write(file, manifest, copy, store, held)
    return manifest


def _check_target(target: Path, *, replace: bool) -> None:
    if target.exists() and not replace:
        raise RefusedTargetError(f"{target} exists already: name another file, or replace it with --replace.")
    if not target.parent.is_dir():
        raise RefusedTargetError(f"There is no folder {target.parent}.")


async def _missing(store: FileStore, contents: Sequence[Content]) -> frozenset[str]:
    return frozenset([each.sha256 for each in contents if await fault_of(store, each) is not None])


async def _database_part(copy: Path) -> DatabasePart:
    digest, size = hashlib.sha256(), 0
    async for chunk in chunks_of(copy):
        digest.update(chunk)
        size += len(chunk)
    return DatabasePart(size_bytes=size, sha256=digest.hexdigest())


def _documents_part(held: Sequence[Content], missing: Collection[str]) -> DocumentsPart:
    return DocumentsPart(
        count=len(held),
        size_bytes=sum(each.size_bytes for each in held),
        sha256=names_digest(each.sha256 for each in held),
        missing=sorted(missing),
    )


def _size(manifest: Manifest) -> int:
    parts = (part.size_bytes for part in (manifest.database, manifest.documents) if part is not None)
    return sum(parts) + _BESIDE


def _check_room(folder: Path, size: int) -> None:
    if (free := shutil.disk_usage(folder).free) < size:
        raise ArchiveError(f"{folder} has room for {free:,} bytes, and {size:,} are needed.")


async def _write(file: BinaryIO, manifest: Manifest, copy: Path, store: FileStore, held: Sequence[Content]) -> None:
    parts, head = PartsWriter(file, manifest.taken_at), encoded(manifest)
    await parts.add(MANIFEST, len(head), _one(head))
    if manifest.database is not None:
        await parts.add(DATABASE, manifest.database.size_bytes, chunks_of(copy))
    for each in held:
        try:
            await parts.add(DOCUMENTS + each.sha256, each.size_bytes, checked_bytes(store, each))
        except UnsoundContentError as fault:
            raise ArchiveError(
                f"There is no archive: {fault}. `registry verify` names all such documents; --incomplete makes an "
                "archive without them."
            ) from None
    parts.end()


async def _one(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk


@contextmanager
def _written(temporary: Path, target: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """A file that gets its own name when it is whole and on disk. Others cannot read it."""
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(descriptor)
    if replace:
        temporary.replace(target)
    else:
        _named_once(temporary, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _named_once(temporary: Path, target: Path) -> None:
    """Give the file its name, unless another has got it meanwhile."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno == EEXIST or target.exists():
            raise ArchiveError(f"{target} exists already: name another file, or replace it with --replace.") from None
        if error.errno not in (EPERM, ENOTSUP):
            raise
        temporary.rename(target)  # a file system without links, such as a share of Windows
