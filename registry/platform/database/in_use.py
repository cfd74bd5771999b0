"""Who uses a SQLite file: one server at a time, and no server while the file is replaced or its schema changes.

The file is locked as what it is: links to it are followed. A file that has a second name of its own (a hard link) is
not used at all, since SQLite keeps the changes that are under way in a file beside each name.

Two lock files stand beside the database. Everybody locks `….lock`: shared, or exclusively to have the file alone. A
server also locks `….server` exclusively, so that there is one. Commands that only add rows, such as an import, run
beside a server: the writers take turns in SQLite itself, where its version allows several processes.

The operating system releases a lock when its process ends, however it ends. What a lock file says of its holder is for
messages only. Where there is no database when the use ends, such as after a restore that was refused, its lock files
go too.
"""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from registry.platform.database.room import private_folder
from registry.platform.database.sqlite_driver import safe_for_several_processes

_LOCKS = (".lock", ".server")
"""What the names of the lock files end in."""


class FileInUseError(Exception):
    """Another process uses the SQLite file; the message names it and says what to do."""


class Use(StrEnum):
    """What a process does with the file."""

    SERVE = "serve"
    ADD = "add"
    """Add or read rows, beside a server where this SQLite allows it."""
    READ = "read"
    """Read one state by a connection that cannot write (`in_snapshot`), beside a server with any SQLite."""
    CHANGE = "change"
    """Replace the file, or change its schema: alone."""


@contextmanager
def used(url: str, use: Use) -> Iterator[None]:
    """Lock a SQLite file for this use; on PostgreSQL, which any number of processes share, do nothing.

    Raises FileInUseError when another process has it for a use that does not go with this one, or might under another
    name of the file.
    """
    if not url.startswith("sqlite:"):
        yield
        return
    path = Path(str(make_url(url).database)).resolve()
    private_folder(path.parent)
    if path.exists() and path.stat().st_nlink > 1:
        raise FileInUseError(
            f"{path} has {path.stat().st_nlink} names (hard links), under which others could use it unnoticed: "
            "remove the other names, or copy the file."
        )
    alone = use is Use.CHANGE or not (use is Use.READ or safe_for_several_processes())
    with ExitStack() as locks:
        locks.callback(_clear, path)
        file, server = _lock(path, use, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, locks)
        if use is Use.SERVE and not _locked(server, fcntl.LOCK_EX):
            raise FileInUseError(_refusal(path, _holder(server)))
        written = [lock for lock, own in ((file, alone), (server, use is Use.SERVE)) if own]
        for lock in written:
            _write(lock, f"{Path(sys.argv[0]).name} {' '.join(sys.argv[1:2])}".strip())
        try:
            yield
        finally:
            for lock in written:
                lock.truncate(0)


def _lock(path: Path, use: Use, kind: int, locks: ExitStack) -> tuple[IO[str], IO[str]]:
    """Both lock files, of which the first is locked. Raises FileInUseError.

    A lock on a file that was cleared away between opening and locking says nothing: others have another by its name.
    """
    while True:
        with ExitStack() as opened:
            file, server = (opened.enter_context(_opened(path, suffix)) for suffix in _LOCKS)
            if not _locked(file, kind) and not (use is Use.READ and _serves(server)):
                raise FileInUseError(_refusal(path, _holder(server) or _holder(file)))
            if _is_still(file, path.with_name(path.name + _LOCKS[0])):
                locks.push(opened.pop_all())
                return file, server


def _is_still(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _clear(path: Path) -> None:
    """Where there is no database, leave no lock files either, unless another process has them.

    The one that all lock goes last: whoever opens a new one then opens a new `.server` too.
    """
    if path.exists() or not all(path.with_name(path.name + suffix).exists() for suffix in _LOCKS):
        return
    with _opened(path, _LOCKS[0]) as file:
        if _locked(file, fcntl.LOCK_EX) and _is_still(file, path.with_name(path.name + _LOCKS[0])):
            for suffix in reversed(_LOCKS):
                path.with_name(path.name + suffix).unlink(missing_ok=True)


def _opened(path: Path, suffix: str) -> IO[str]:
    return os.fdopen(os.open(path.with_name(path.name + suffix), os.O_RDWR | os.O_CREAT, 0o600), "r+")


def _locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _serves(server: IO[str]) -> bool:
    """Whether it is a server that has the file: with an older SQLite it has it alone, which does not bar readers."""
    if not _locked(server, fcntl.LOCK_SH):
        return True
    fcntl.flock(server, fcntl.LOCK_UN)
    return False


def _write(file: IO[str], command: str) -> None:
    file.seek(0)
    file.truncate(0)
    file.write(f"{command} (process {os.getpid()} on {socket.gethostname()})")
    file.flush()


def _holder(file: IO[str]) -> str:
    """What the file says of the process that has it exclusively; empty when there is none."""
    file.seek(0)
    return file.read(300)


def _refusal(path: Path, holder: str) -> str:
    return f"{path} is in use by {holder or 'another command'}: use the server's API, or stop it first."
