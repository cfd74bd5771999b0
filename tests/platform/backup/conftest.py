"""A registry with documents on file, and the archive that was made of it while it served."""

import asyncio
import shutil
from pathlib import Path

import pytest
from msgspec import Struct

from registry.platform.settings import load
from tests.support.agreements import sign_agreement
from tests.support.cast import make_cast
from tests.support.command import Run, command
from tests.support.databases import copy_sqlite
from tests.support.documents import file_document
from tests.support.server import environment, in_process

TEXTS = ("The first text (demo).", "The second text (demo).", "The third text (demo)." * 50_000)


class Stocked(Struct, kw_only=True, frozen=True):
    """Where the registry is, its archive, and the hashes of what is on file in it."""

    data_dir: Path
    database: Path
    archive: Path
    said: str
    hashes: list[str]

    def copy(self, folder: Path) -> Run:
        """The command on a copy of the registry as it is now, to spoil."""
        shutil.copytree(self.data_dir, folder / "data")
        return command(folder)


@pytest.fixture(scope="module")
async def stocked(anyio_backend: str, sqlite_url: str, tmp_path_factory: pytest.TempPathFactory) -> Stocked:
    """Backed up by the command while the service has the database open."""
    folder = tmp_path_factory.mktemp("stocked")
    data_dir = folder / "data"
    data_dir.mkdir()
    url = copy_sqlite(sqlite_url, data_dir / "demo.db")
    async with in_process(load(environment(url, data_dir))) as service:
        cast = await make_cast(service)
        agreement = await sign_agreement(service, cast.assisting, cast.requesting)
        filed = [await file_document(cast.assisting.legal, agreement["id"], text) for text in TEXTS]
        await file_document(cast.assisting.legal, agreement["id"], TEXTS[0])  # the same bytes once more
        made = await asyncio.to_thread(command(folder), "backup", str(folder / "registry.tar"))
        assert made.exit_code == 0, made.output
    return Stocked(
        data_dir=data_dir,
        database=data_dir / "demo.db",
        archive=folder / "registry.tar",
        said=made.stdout,
        hashes=sorted(each["sha256"] for each in filed),
    )
