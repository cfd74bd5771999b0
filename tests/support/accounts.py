"""Another account than the one that a folder belongs to."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

_NOBODY = 65534


@contextmanager
def who_may_not_write() -> Iterator[None]:
    """This process as an account to which a folder of others is what its mode says, also where tests run as root."""
    for name in ("backups", "issuers", "serving"):  # of which that account may not be able to read the files
        import_module(f"registry.cli.{name}")
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(_NOBODY, _NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter, as the folders of a test may not be."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder
        for each in (folder, *folder.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)
