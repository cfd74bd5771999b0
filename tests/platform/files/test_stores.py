"""Files are kept by their hash, in a folder or in a bucket; what came to nothing leaves nothing."""

import asyncio
import hashlib
import os
import resource
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.platform.database import trouble as trouble_module
from registry.platform.files import probe as probe_module
from registry.platform.files import store as store_module
from registry.platform.files.folder import FolderStore
from registry.platform.files.opening import open_store
from registry.platform.files.probe import DocumentProbe
from registry.platform.files.store import FileStore, StoreTrouble
from registry.platform.kernel.errors import Busy
from registry.platform.settings import SettingsError, load
from tests.support.logs import logged_by

CONTENT = os.urandom(3 * 2**20) + b"the end"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    more = {} if request.param == "folder" else {"REGISTRY_DOCUMENTS_URL": request.getfixturevalue("s3_url")}
    return open_store(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path / "data"), **more}))


async def chunks(content: bytes, size: int = 70_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def keep(store: FileStore, content: bytes) -> str:
    async with store.receive(chunks(content)) as received:
        assert received.size == len(content)
        await store.keep(received)
        return received.sha256


async def content_of(store: FileStore, sha256: str) -> bytes:
    return b"".join([piece async for piece in await store.open(sha256)])


def waiting(store: FileStore) -> list[Path]:
    return [*store.incoming.glob("*")]


async def test_what_is_kept_is_what_came(store: FileStore) -> None:
    assert await keep(store, CONTENT) == SHA256
    assert await content_of(store, SHA256) == CONTENT
    assert waiting(store) == []


async def test_a_large_file_comes_back_whole(store: FileStore) -> None:
    """Larger than what a bucket takes in one part."""
    large = CONTENT * 4
    assert await content_of(store, await keep(store, large)) == large


async def test_the_same_bytes_are_kept_once(store: FileStore, tmp_path: Path) -> None:
    assert await keep(store, CONTENT) == await keep(store, CONTENT)
    assert await content_of(store, SHA256) == CONTENT
    if isinstance(store, FolderStore):
        assert len([path for path in (tmp_path / "data").rglob("*") if path.is_file()]) == 1


async def test_what_is_not_kept_is_gone_when_its_request_ends(store: FileStore) -> None:
    async with store.receive(chunks(CONTENT)) as received:
        assert received.path.read_bytes() == CONTENT
        assert received.path.stat().st_mode & 0o077 == 0
    assert waiting(store) == []
    with pytest.raises(Busy):
        await content_of(store, SHA256)


async def test_a_body_that_breaks_off_leaves_nothing(store: FileStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        async with store.receive(broken()):
            pass
    assert waiting(store) == []


async def test_what_is_forgotten_is_gone_and_forgetting_twice_does_no_harm(store: FileStore) -> None:
    await keep(store, CONTENT)
    await store.forget(SHA256)
    await store.forget(SHA256)
    with pytest.raises(Busy):
        await store.open(SHA256)
    await keep(store, CONTENT)
    assert await content_of(store, SHA256) == CONTENT


async def test_the_sweep_takes_what_killed_uploads_left_and_nothing_that_is_coming(store: FileStore) -> None:
    now = datetime.now(UTC)
    async with store.receive(chunks(b"coming")) as received:
        left = received.path.with_name("killed.part")
        left.write_bytes(b"half of a")
        os.utime(left, ((now - timedelta(days=2)).timestamp(),) * 2)
        assert await store.sweep(now - timedelta(days=1)) == 1
        assert waiting(store) == [received.path]


async def test_a_place_that_cannot_be_written_is_busy(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(Busy) as refused:
        await keep(FolderStore(tmp_path / "data"), CONTENT)
    assert refused.value.code == "file_store_unavailable"


async def test_a_bucket_that_is_not_there_is_busy(s3_url: str, tmp_path: Path) -> None:
    url = s3_url.replace("s3://documents", "s3://elsewhere")
    store = open_store(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path), "REGISTRY_DOCUMENTS_URL": url}))
    with pytest.raises(Busy):
        await keep(store, CONTENT)
    assert waiting(store) == []


def files_under(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def move(folder: Path, to: Path) -> Path:
    return folder.rename(to)


async def test_a_probe_finds_what_is_named_and_leaves_nothing(store: FileStore, tmp_path: Path) -> None:
    await store.probe(None)
    await keep(store, CONTENT)
    files = files_under(tmp_path)
    await store.probe(SHA256)
    assert files_under(tmp_path) == files
    with pytest.raises(Busy):
        await store.probe("ab" * 32)


async def test_a_bucket_that_is_not_there_is_found_by_a_probe(s3_url: str, tmp_path: Path) -> None:
    url = s3_url.replace("s3://documents", "s3://elsewhere")
    store = open_store(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path), "REGISTRY_DOCUMENTS_URL": url}))
    with pytest.raises(Busy):
        await store.probe(None)


async def test_a_folder_that_vanished_or_is_full_is_told_once_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "trouble", found := StoreTrouble())
    monkeypatch.setattr(probe_module, "trouble", found)
    monkeypatch.setattr(probe_module, "PROBE_SECONDS", 0.0)
    store = FolderStore(tmp_path / "documents")
    sha256 = await keep(store, b"on file")

    async def named() -> str:
        return sha256

    probe = DocumentProbe(store, named)
    assert await probe.ask() == "ok"
    moved = move(tmp_path / "documents", tmp_path / "moved")
    with logged_by(trouble_module) as logged:
        for _ in range(2):
            assert await probe.ask() == "documents cannot be kept or read: the log says why"
        with pytest.raises(Busy):
            await store.open(sha256)
    told = [line["cause"] for line in logged]
    assert len(told) == 2, "the check, and who asked for a document"
    assert "the database names documents that are not here: was the folder moved, or its disk not mounted?" in told[0]
    assert str(tmp_path / "documents") in told[0]
    move(moved, tmp_path / "documents")
    assert await probe.ask() == "ok"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))
    try:
        assert await probe.ask() != "ok"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await probe.ask() == "ok"


async def test_a_store_that_never_answers_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATIENCE_SECONDS", "SLOW_SECONDS"):
        monkeypatch.setattr(probe_module, name, 0.01)

    async def never() -> str | None:
        await asyncio.sleep(60)
        return None

    probe = DocumentProbe(FolderStore(tmp_path), never)
    assert [await probe.ask() == "ok" for _ in range(2)] == [False, False]
    await probe.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://bucket",
        "s3://",
        "s3://key:secret@bucket",
        "s3://bucket?secret=1",
        "s3://bucket?endpoint=ftp://there",
        "s3://bucket?path_style=perhaps",
        "s3://bucket:443",
    ],
)
def test_an_address_that_cannot_be_meant_stops_the_start(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="REGISTRY_DOCUMENTS_URL"):
        open_store(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path), "REGISTRY_DOCUMENTS_URL": url}))
