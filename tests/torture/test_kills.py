"""The server is killed while it works. What it acknowledged is there, and what is repeated is there once.

A few kills in every run; in full twenty of them and at least 10,000 acknowledgements.
"""

import http.client
import json
import random
import threading
import time
from collections import Counter
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
import sqlalchemy as sa

from registry.directory.agencies.tables import agency
from registry.platform.database.connect import connect
from registry.platform.ledger.tables import ledger_event, ledger_leaf, ledger_unsealed
from tests.support.length import at_length
from tests.support.server import LiveServer, server_process

KILLS = at_length(2, 5, 20)
CREATIONS = at_length(150, 1_000, 10_000)
CLIENTS = 8


class Work:
    """Creations to be done, each with its own idempotency key, and the ids that were acknowledged.

    They are given out in one portion per server: however fast a server is, the next one has something left to do.
    """

    def __init__(self, count: int) -> None:
        self.names = [f"Survivor {number:05d}" for number in range(count)]
        self.given_out = 0
        self.open: SimpleQueue[str] = SimpleQueue()
        self.acknowledged: dict[str, str] = {}
        self.contradictions: list[str] = []

    def give_out(self, total: int) -> None:
        """Let the clients work on the first `total` creations."""
        for name in self.names[self.given_out : total]:
            self.open.put(name)
        self.given_out = max(self.given_out, total)

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


@pytest.mark.second_long
@pytest.mark.grows
@pytest.mark.xdist_group("torture")
async def test_killed_at_random_it_keeps_what_it_acknowledged_and_repeats_nothing(
    private_url: str, tmp_path: Path
) -> None:
    work = Work(CREATIONS)
    work_through_kills(work, private_url, tmp_path)
    assert not work.contradictions
    await check(private_url, work)


def work_through_kills(work: Work, url: str, folder: Path) -> None:
    """Do the work on servers that are killed in the middle of their portions, and the last on one that is not."""
    dice = random.Random(5)
    for kill in range(KILLS):
        before = len(work.acknowledged)
        work.give_out(CREATIONS * (kill + 1) // (KILLS + 1))
        kill_at = before + dice.randrange(1, work.given_out - before)
        with server_process(url, folder) as server:
            stop = threading.Event()
            clients = start_clients(work, server, stop)
            while len(work.acknowledged) < kill_at and any(client.is_alive() for client in clients):
                time.sleep(0.0005)
            assert server.process is not None
            server.process.kill()
            finish(clients, stop)
        assert len(work.acknowledged) >= kill_at, "it stopped answering before it was killed"
    work.give_out(CREATIONS)
    with server_process(url, folder) as server:
        stop = threading.Event()
        clients = start_clients(work, server, stop)
        finish(clients, stop)
    assert len(work.acknowledged) == CREATIONS, "it makes no headway"


def start_clients(work: Work, server: LiveServer, stop: threading.Event) -> list[threading.Thread]:
    clients = [threading.Thread(target=work.run, args=(server, stop)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    return clients


def finish(clients: list[threading.Thread], stop: threading.Event) -> None:
    """Wait until the clients have nothing left to do or to ask; a minute at most."""
    for client in clients:
        client.join(60)
    stop.set()


async def check(url: str, work: Work) -> None:
    """Each once, under the id that was told, with one record of its creation, which is sealed or waits to be."""
    database = connect(url)
    try:
        read = database.read()
        rows = await read.all(sa.select(agency.c.id, agency.c.name).where(agency.c.name.like("Survivor %")))
        assert Counter(row.name for row in rows) == Counter(work.names), "lost or doubled"
        assert {row.name: str(row.id) for row in rows} == work.acknowledged
        created = sa.select(ledger_event.c.subject_id).where(ledger_event.c.type == "agency.created")
        recorded = Counter(str(row.subject_id) for row in await read.all(created))
        assert recorded == Counter(work.acknowledged.values()), "a change without its record, or a record too many"
        waiting, sealed, events = [
            await read.value(sa.select(sa.func.count()).select_from(table))
            for table in (ledger_unsealed, ledger_leaf, ledger_event)
        ]
        assert waiting + sealed == events
    finally:
        await database.close()
