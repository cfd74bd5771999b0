"""The drill: backups while a server is written to, then a restore elsewhere that is served from."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event
from uuid import UUID

import httpx
import pytest

from registry.platform.access.principals import Role
from registry.platform.settings import load
from tests.support.agreements import sign_agreement
from tests.support.cast import make_cast
from tests.support.command import command
from tests.support.databases import copy_sqlite
from tests.support.server import LiveServer, environment, in_process, server_process

BACKUPS = 2


@pytest.fixture
async def begun(anyio_backend: str, sqlite_url: str, tmp_path: Path) -> tuple[UUID, str]:
    """An agency with an agreement, with which documents can be filed."""
    (tmp_path / "data").mkdir()
    url = copy_sqlite(sqlite_url, tmp_path / "data" / "demo.db")
    async with in_process(load(environment(url, tmp_path / "data"))) as service:
        cast = await make_cast(service)
        agreement = await sign_agreement(service, cast.assisting, cast.requesting)
        return cast.assisting.id, agreement["id"]


@contextmanager
def written_to(server: LiveServer, agency_id: UUID, agreement_id: str) -> Iterator[dict[str, str]]:
    """Two clients that file documents until the block ends; hash by document, once it was acknowledged."""
    filed: dict[str, str] = {}
    over, numbers = Event(), count()
    headers = {
        "authorization": f"Bearer {server.token(Role.LEGAL, agency_id=agency_id)}",
        "content-type": "text/plain",
    }

    def write() -> None:
        with httpx.Client(base_url=server.url, headers=headers, timeout=60, verify=False) as http:
            while not over.is_set():
                body = f"Text {next(numbers)} (demo). " * 2_000
                answer = http.post(f"/v1/agreements/{agreement_id}/documents?kind=signed_copy", content=body.encode())
                assert answer.status_code == 201, answer.text
                filed[answer.json()["id"]] = hashlib.sha256(body.encode()).hexdigest()

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        try:
            yield filed
        finally:
            over.set()
        for writer in writers:
            writer.result()


def digest(said: str) -> str:
    found = re.search(r"(\d[\d,]* ledger events with digest [0-9a-f]{64})", said)
    assert found is not None, said
    return found[1]


@pytest.mark.long
def test_backups_under_load_hold_what_was_acknowledged_and_are_served_from(
    begun: tuple[UUID, str], tmp_path: Path
) -> None:
    agency_id, agreement_id = begun
    here = environment(f"sqlite:///{tmp_path / 'data' / 'demo.db'}", tmp_path / "data")
    acknowledged: list[dict[str, str]] = []
    said: list[str] = []
    with (
        server_process(here["REGISTRY_DATABASE_URL"], tmp_path / "data") as server,
        written_to(server, agency_id, agreement_id) as filed,
    ):
        for number in range(BACKUPS):
            acknowledged.append(dict(filed))
            done = subprocess.run(
                [sys.executable, "-m", "registry", "backup", str(tmp_path / f"{number}.tar")],
                env=here,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            said.append(done.stdout)
    assert len(acknowledged[-1]) > len(acknowledged[0]), "it was written to meanwhile"
    assert len(filed) > len(acknowledged[-1])
    for number in range(BACKUPS):
        elsewhere = command(tmp_path / f"restored-{number}")
        assert elsewhere("restore", str(tmp_path / f"{number}.tar")).exit_code == 0
        verified = elsewhere("verify")
        assert verified.exit_code == 0, verified.output
        assert digest(verified.stdout) == digest(said[number])
    place = tmp_path / f"restored-{BACKUPS - 1}" / "data"
    with server_process(f"sqlite:///{place / 'demo.db'}", place) as restored:
        token = restored.token(Role.LEGAL, agency_id=agency_id)
        with httpx.Client(
            base_url=restored.url, headers={"authorization": f"Bearer {token}"}, timeout=60, verify=False
        ) as http:
            for document_id, sha256 in acknowledged[-1].items():
                content = http.get(f"/v1/documents/{document_id}/content")
                assert (content.status_code, hashlib.sha256(content.content).hexdigest()) == (200, sha256)
