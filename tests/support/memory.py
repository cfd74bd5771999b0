"""Where files lie that need not outlive a run."""

import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30


def shared_memory() -> Path | None:
    """A folder in memory; None where there is none, or not room enough for the databases of a run."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM else None
