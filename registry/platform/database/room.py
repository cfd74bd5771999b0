"""Places on a disk: folders that are their owner's alone, and room in them.

Room is asked for as a change takes it, since a quota or a limit may refuse what a file system says is free.
"""

import os
import tempfile
from pathlib import Path


def take_room(folder: Path, size: int) -> None:
    """Take that many bytes for a nameless file in the folder, and give them back. Raises OSError when they are not had.

    They are reserved and not written where the system can do that.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.write(bytes(size))
            file.flush()


def is_closed(folder: Path) -> bool:
    """Whether this account may not write in a folder, or make it where it is not there."""
    while not _is_there(folder):
        folder = folder.parent
    return not os.access(folder, os.W_OK | os.X_OK)


def _is_there(folder: Path) -> bool:
    try:
        return folder.exists()
    except PermissionError:  # a folder above may not be entered, and is found next
        return False


def private_folder(folder: Path) -> None:
    """Make the folder, and those above it that are not there, for their owner alone, whatever the umask."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)
