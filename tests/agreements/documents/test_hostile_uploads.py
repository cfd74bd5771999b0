"""What must not be taken is refused with its reason, and leaves neither file, nor row, nor word behind."""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.agreements.documents.tables import document, document_content
from registry.agreements.instruments.tables import agreement_passage
from registry.app import create_app
from registry.platform.access.principals import Role
from registry.platform.settings import load
from tests.platform.files.hostile import HOSTILE
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast, make_cast
from tests.support.documents import PDF, PLAIN, file_document, make_pdf, send_file
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process, live_server
from tests.support.service import Service


async def everything(service: Service) -> tuple[set[Path], list[Any]]:
    """What is kept: files, and how many rows there are."""
    files = {path for path in (service.settings.data_dir / "documents").rglob("*") if path.is_file()}
    read = service.database.read()
    tables = (document, document_content, agreement_passage)
    return files, [await read.value(sa.select(sa.func.count()).select_from(table)) for table in tables]


# Each reason for each kind of file once: what else is hostile is read in the tests of the readers.
ONE_OF_EACH = {case[:3]: name for name, case in HOSTILE.items()}


@pytest.mark.one_database
@pytest.mark.parametrize("name", ONE_OF_EACH.values())
async def test_a_hostile_file_is_refused_and_leaves_nothing(service: Service, cast: Cast, name: str) -> None:
    media_type, status, code, make = HOSTILE[name]
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    before = await everything(service)
    problem = assert_problem(await send_file(cast.assisting.legal, made["id"], make(), media_type), status, code)
    assert len(problem["detail"]) > 20
    assert await everything(service) == before


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("filename", "kept"),
    [('a"; filename=x.html', 'a"; filename=x.pdf'), ("invoice.exe", "invoice.pdf"), ("'--", "'--.pdf")],
)
async def test_a_hostile_name_is_kept_as_words_and_leads_nowhere(
    service: Service, cast: Cast, filename: str, kept: str
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    for refused in ("../../etc/passwd", "..\\..\\x.pdf", "C:\\x.pdf", "€\u202efdp.exe", "a\u200b.pdf"):
        answer = await send_file(cast.assisting.legal, made["id"], make_pdf("x"), PDF, filename=refused)
        assert_problem(answer, 400, "invalid_parameter")
    filed = await file_document(cast.assisting.legal, made["id"], make_pdf("x"), PDF, filename=filename)
    assert filed["filename"] == kept
    response = await cast.requesting.coordinator.get(f"/v1/documents/{filed['id']}/content")
    disposition = response.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert disposition.count('"') == 2
    assert disposition.endswith(".pdf")
    folder = service.settings.data_dir / "documents"
    assert all(len(path.name) == 64 for path in folder.rglob("*") if path.is_file())


@pytest.mark.one_database
async def test_what_is_too_large_is_refused_before_it_is_read_and_while_it_comes(
    tmp_path: Path, private_url: str
) -> None:
    settings = load(environment(private_url, tmp_path / "data", REGISTRY_MAX_UPLOAD_BYTES="2000000"))
    async with in_process(settings) as service:
        cast = await make_cast(service)
        made = await sign_agreement(service, cast.assisting, cast.requesting)
        before = await everything(service)

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(1_000):  # more than is taken in of what is refused, so that the answer arrives
                yield b"x" * 100_000
            pytest.fail("it was read to its end")

        for body in (b"x" * 2_000_001, endless()):
            response = await send_file(cast.assisting.legal, made["id"], body, PLAIN)
            assert_problem(response, 413, "body_too_large")
        assert await everything(service) == before
        await file_document(cast.assisting.legal, made["id"], "x" * 2_000_000)
        oversized = {"note": "x" * 1_100_000}
        assert_problem(await cast.assisting.legal.post(f"/v1/agreements/{made['id']}/submit", oversized), 413)


@pytest.mark.one_database
async def test_an_upload_that_breaks_off_leaves_nothing(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    before = await everything(service)
    sent: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"half of it" * 200_000, "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"/v1/agreements/{made['id']}/documents"
    headers = [
        (b"host", b"registry.test"),
        (b"authorization", f"Bearer {cast.assisting.legal.token}".encode()),
        (b"content-type", PLAIN.encode()),
        (b"transfer-encoding", b"chunked"),
    ]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"kind=other", "headers": headers, "scheme": "http", "server": ("registry.test", 80)}
    await service.edge({**scope, "client": ("127.0.0.1", 1), "root_path": ""}, receive, send)
    assert sent[0]["status"] == 400
    assert await everything(service) == before


@pytest.mark.one_database
@pytest.mark.skipif(sys.platform != "linux", reason="the high-water mark of memory is counted in other units elsewhere")
async def test_a_file_is_never_whole_in_memory(service: Service, cast: Cast) -> None:
    """Six uploads of 20 MiB at once cost less than the six files would."""
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    line = b"The parties help one another in an emergency, and send what they have.\n" * 1000

    async def body(number: int) -> AsyncIterator[bytes]:
        yield b"%d\n" % number
        for _ in range(295):
            yield line

    await file_document(cast.assisting.legal, made["id"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = await asyncio.gather(*(send_file(cast.assisting.legal, made["id"], body(n), PLAIN) for n in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_the_size_of_an_upload_is_its_own_setting(tmp_path: Path) -> None:
    settings = load(environment("sqlite:///unused", tmp_path, REGISTRY_MAX_UPLOAD_BYTES="2048"))
    assert (settings.max_upload_bytes, settings.max_body_bytes) == (2048, 1_048_576)
    assert create_app(settings)


@pytest.mark.one_database
async def test_a_slow_line_has_time_for_a_large_file_and_a_quiet_one_has_not(tmp_path: Path, private_url: str) -> None:
    """Each time as much has come as an ordinary body may hold, there is as much time again."""
    given = environment(private_url, tmp_path / "data")
    async with in_process(load(given)) as service:
        cast = await make_cast(service)
        made = await sign_agreement(service, cast.assisting, cast.requesting)
    tight = load({**given, "REGISTRY_BODY_SECONDS": "0.8", "REGISTRY_MAX_BODY_BYTES": "1024"})
    with live_server(tight) as live:
        token = live.token(Role.LEGAL, agency_id=cast.assisting.id, subject="filer")
        url = f"/v1/agreements/{made['id']}/documents?kind=other"

        async def answer(size: int) -> bytes:
            """What comes of a body in six parts of that size, with a pause before each; a refusal ends it early."""
            reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
            head = f"POST {url} HTTP/1.1\r\nHost: registry.test\r\nAuthorization: Bearer {token}\r\n"
            writer.write(f"{head}Content-Type: {PLAIN}\r\nContent-Length: {6 * size}\r\n\r\n".encode())
            told = asyncio.create_task(reader.readline())
            for _ in range(6):
                await asyncio.wait([told], timeout=0.3)
                if not told.done():
                    writer.write(b"x" * size)
            line = await told
            writer.close()
            return line

        assert await answer(2048) == b"HTTP/1.1 201 Created\r\n"
        assert await answer(8) == b"HTTP/1.1 408 Request Timeout\r\n"
