"""The sweep: files of uploads that came to nothing go, and no file goes that a document refers to."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from registry.agreements.documents.commands import Files, sweep
from registry.agreements.documents.rules import UNCLAIMED_FOR
from registry.agreements.documents.tables import document, document_content
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.platform.settings import load
from tests.support.agreements import sign_agreement
from tests.support.cast import make_cast
from tests.support.documents import PLAIN, file_document, send_file
from tests.support.sabotage import change_schema
from tests.support.server import environment, in_process, server_process
from tests.support.service import Service


@pytest.fixture
async def apart(private_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A service with a database and a folder of its own: here everything is counted."""
    async with in_process(load(environment(private_url, tmp_path / "data"))) as service:
        yield service


def files_of(service: Service) -> Files:
    files: Files = service.edge.app.state.files
    return files


def kept(service: Service) -> list[str]:
    folder = service.settings.data_dir / "documents"
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def swept(service: Service, now: datetime) -> int:
    return await sweep(service.database.read(), partial(unit_of_work, service.database), files_of(service).store, now)


async def break_documents(dialect: str, url: str) -> None:
    """Let the database refuse each document after its file is kept."""
    if dialect == "sqlite":
        trigger = "CREATE TRIGGER refuse BEFORE INSERT ON document BEGIN SELECT RAISE(ABORT, 'append_only'); END"
    else:
        trigger = (
            "CREATE TRIGGER refuse BEFORE INSERT ON document FOR EACH ROW EXECUTE FUNCTION refuse_change('append_only')"
        )
    await change_schema(url, trigger)


async def test_a_file_whose_document_was_rolled_back_goes_after_a_day(
    apart: Service, dialect: str, private_url: str
) -> None:
    cast = await make_cast(apart)
    made = await sign_agreement(apart, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], "Filed.")
    await break_documents(dialect, private_url)
    response = await send_file(cast.assisting.legal, made["id"], b"Came to nothing.", PLAIN)
    assert response.status_code == 500
    orphan = hashlib.sha256(b"Came to nothing.").hexdigest()
    assert kept(apart) == sorted([filed["sha256"], orphan])
    assert await swept(apart, utc_now()) == 0, "it might still be about to become a document"
    assert await swept(apart, utc_now() + UNCLAIMED_FOR + timedelta(seconds=1)) == 1
    assert kept(apart) == [filed["sha256"]]
    claims = await apart.database.read().all(sa.select(document_content.c.sha256))
    assert [row.sha256 for row in claims] == [filed["sha256"]]


async def test_what_is_filed_again_after_it_was_swept_is_kept_again(apart: Service) -> None:
    cast = await make_cast(apart)
    made = await sign_agreement(apart, cast.assisting, cast.requesting)
    content = b"Swept, then filed."
    async with unit_of_work(apart.database) as write:
        old = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "media_type": PLAIN,
            "size_bytes": len(content),
            "claimed_at": utc_now() - timedelta(days=3),
        }
        await write.run(document_content.insert(), old)
    assert await swept(apart, utc_now()) == 1
    filed = await file_document(cast.assisting.legal, made["id"], content)
    assert (await cast.assisting.legal.get(f"/v1/documents/{filed['id']}/content")).content == content


async def test_a_claim_that_is_renewed_is_not_swept(apart: Service) -> None:
    """Somebody files today what came to nothing three days ago: it stays, though its document is not there yet."""
    cast = await make_cast(apart)
    made = await sign_agreement(apart, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], "Claimed anew.")
    async with unit_of_work(apart.database) as write:
        age = document_content.update().values(claimed_at=utc_now() - timedelta(days=3))
        await write.run(age.where(document_content.c.sha256 == filed["sha256"]))
    again = await file_document(cast.requesting.legal, made["id"], "Claimed anew.")
    claimed = sa.select(document_content.c.claimed_at).where(document_content.c.sha256 == again["sha256"])
    assert utc_now() - await apart.database.read().value(claimed) < timedelta(minutes=1)


async def test_uploads_and_sweeps_at_once_lose_no_file(apart: Service) -> None:
    """The same few contents are filed over and over while a sweep of the day after tomorrow runs."""
    cast = await make_cast(apart)
    made = await sign_agreement(apart, cast.assisting, cast.requesting)
    stop = False

    async def sweeping() -> int:
        gone = 0
        while not stop:
            gone += await swept(apart, utc_now() + 2 * UNCLAIMED_FOR)
            await asyncio.sleep(0)
        return gone

    running = asyncio.create_task(sweeping())
    for _ in range(5):
        bodies = [f"Content {number}".encode() for number in range(4)]
        answers = await asyncio.gather(*(send_file(cast.assisting.legal, made["id"], b, PLAIN) for b in bodies))
        assert {answer.status_code for answer in answers} <= {201, 503}, "refused where the sweep was in between"
    stop = True
    await running
    rows = await apart.database.read().all(sa.select(document.c.sha256).distinct())
    assert {row.sha256 for row in rows} <= {*kept(apart)}


@pytest.mark.second_long
async def test_an_upload_killed_on_the_way_leaves_at_most_a_file_that_is_swept(
    private_url: str, tmp_path: Path, dialect: str
) -> None:
    data = tmp_path / "data"
    settings = load(environment(private_url, data))
    async with in_process(settings) as service:
        cast = await make_cast(service)
        made = await sign_agreement(service, cast.assisting, cast.requesting)
    with server_process(private_url, data) as live:
        assert live.process is not None
        token = live.token(Role.LEGAL, agency_id=cast.assisting.id, subject="filer")
        process = live.process

        async def body() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x" * 2_000_000
            for _ in range(500):
                await asyncio.sleep(0.01)
                if [*data.glob("documents/incoming/*.part")]:
                    break
            process.send_signal(signal.SIGKILL)
            yield b"x"

        url = f"{live.url}/v1/agreements/{made['id']}/documents?kind=other"
        headers = {"authorization": f"Bearer {token}", "content-type": PLAIN}
        async with httpx.AsyncClient() as http:
            with pytest.raises(httpx.TransportError):
                await http.post(url, headers=headers, content=body())
    left = [*data.glob("documents/incoming/*.part")]
    assert len(left) == 1
    old = (utc_now() - timedelta(days=2)).timestamp()
    os.utime(left[0], (old, old))
    async with in_process(settings) as service:
        assert await service.database.read().value(sa.select(sa.func.count()).select_from(document)) == 0
        await swept(service, utc_now())  # the service's own sweep, at its start, may have been there first
        assert kept(service) == []


@pytest.mark.second_long
async def test_documents_are_kept_in_a_bucket_as_well(private_url: str, tmp_path: Path, s3_url: str) -> None:
    settings = load(environment(private_url, tmp_path / "data", REGISTRY_DOCUMENTS_URL=s3_url))
    async with in_process(settings) as service:
        cast = await make_cast(service)
        made = await sign_agreement(service, cast.assisting, cast.requesting)
        filed = await file_document(cast.assisting.legal, made["id"], "In a bucket.")
        response: Any = await cast.requesting.coordinator.get(f"/v1/documents/{filed['id']}/content")
        assert response.text == "In a bucket."
        assert kept(service) == []
