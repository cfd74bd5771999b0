"""T5: the server is killed while it works. What it acknowledged is there, and what is repeated is there once.

A few kills in every run; with REGISTRY_TEST_TORTURE twenty of them and at least 10,000 acknowledgements.
"""

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
import sqlalchemy as sa

from registry.agencies.tables import agency
from registry.database.connect import connect
from registry.ledger.tables import ledger_event, ledger_unsealed
from tests.support.server import LiveServer, server_process

TORTURE = bool(os.environ.get("REGISTRY_TEST_TORTURE"))
KILLS = 20 if TORTURE else 3
CREATIONS = 10_000 if TORTURE else 300
CLIENTS = 8


class Work:
    """Creations to be done, each with its own idempotency key, and the ids that were acknowledged."""

    def __init__(self, count: int) -> None:
        self.names = [f"Survivor {number:05d}" for number in range(count)]
        self.open: SimpleQueue[str] = SimpleQueue()
        for name in self.names:
            self.open.put(name)
        self.acknowledged: dict[str, str] = {}
        self.contradictions: list[str] = []

    def run(self, server: LiveServer, stop: threading.Event) -> None:
        """Create until there is nothing left to do, or the server is gone; what got no answer is open again."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        token = server.token()
        while not stop.is_set():
            try:
                name = self.open.get_nowait()
            except Empty:
                break
            try:
                status, document = create(connection, token, name)
            except (OSError, http.client.HTTPException, ValueError):
                self.open.put(name)
                break
            if status == 201:
                known = self.acknowledged.setdefault(name, document["id"])
                if known != document["id"]:
                    self.contradictions.append(f"{name} is {known} and {document['id']}")
            else:
                self.open.put(name)
        connection.close()


def create(connection: http.client.HTTPConnection, token: str, name: str) -> tuple[int, dict[str, str]]:
    """One creation under the key that belongs to the name."""
    body = json.dumps({"name": name, "kind": "city", "level": "local"})
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": name.replace(" ", "-"),
    }
    connection.request("POST", "/v1/agencies", body, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.mark.xdist_group("torture")
async def test_p48_killed_at_random_it_keeps_what_it_acknowledged_and_repeats_nothing(
    private_url: str, tmp_path: Path
) -> None:
    work = Work(CREATIONS)
    assert work_through_kills(work, private_url, tmp_path) == KILLS
    assert not work.contradictions
    await check(private_url, work)


def work_through_kills(work: Work, url: str, folder: Path) -> int:
    """Do all the work on servers of which each but the last is killed; how many were."""
    dice = random.Random(5)
    for kills in range(KILLS * 5):
        with server_process(url, folder) as server:
            stop = threading.Event()
            clients = [threading.Thread(target=work.run, args=(server, stop)) for _ in range(CLIENTS)]
            for client in clients:
                client.start()
            if kills < KILLS:
                enough = CREATIONS * (kills + 1) // (KILLS + 1)  # so that there is work left for every kill
                while len(work.acknowledged) < enough and any(client.is_alive() for client in clients):
                    time.sleep(0.002)
                time.sleep(dice.random() * 0.05)
                assert server.process is not None
                server.process.kill()
            for client in clients:
                client.join(60)
            stop.set()
        if len(work.acknowledged) == CREATIONS:
            return min(kills, KILLS)
    pytest.fail("it makes no headway")


async def check(url: str, work: Work) -> None:
    """Each once, under the id that was told, with one record of its creation that waits to be sealed."""
    database = connect(url)
    try:
        read = database.read()
        rows = await read.all(sa.select(agency.c.id, agency.c.name).where(agency.c.name.like("Survivor %")))
        assert Counter(row.name for row in rows) == Counter(work.names), "lost or doubled"
        assert {row.name: str(row.id) for row in rows} == work.acknowledged
        created = sa.select(ledger_event.c.subject_id).where(ledger_event.c.type == "agency.created")
        recorded = Counter(str(row.subject_id) for row in await read.all(created))
        assert recorded == Counter(work.acknowledged.values()), "a change without its record, or a record too many"
        waiting = await read.value(sa.select(sa.func.count()).select_from(ledger_unsealed))
        assert waiting == await read.value(sa.select(sa.func.count()).select_from(ledger_event))
    finally:
        await database.close()
