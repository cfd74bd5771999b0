"""Processes are killed while they write, seal and deliver. Nothing is lost, sealed twice, or told to nobody.

A receiver of webhooks listens beside them. The moments are drawn: amid changes, just after some (while they are being
sealed), and while the receiver has a message and has not answered. On PostgreSQL two processes share the database, and
either is killed. A few kills in `make long`, many in `make torture`.
"""

import asyncio
import random
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from msgspec import Struct

from registry.platform.access.principals import Role
from registry.platform.database.connect import connect
from registry.platform.database.handles import Read
from registry.platform.database.snapshot import in_snapshot
from registry.platform.ledger.tables import ledger_event, ledger_leaf, ledger_unsealed
from registry.platform.ledger.verifying import faults_of_ledger
from registry.platform.webhooks.tables import webhook_delivery
from tests.support.databases import copy_sqlite
from tests.support.length import at_length
from tests.support.receiver import Receiver, receiving
from tests.support.server import LiveServer, server_process

KILLS = at_length(3, 6, 60)
CREATIONS = at_length(10, 20, 40)
"""Changes between two kills."""
MOMENTS = ("writing", "sealing", "delivering")
SOONER = (
    "from datetime import timedelta; from registry.platform.webhooks import delivering; "
    "delivering.LEASE = timedelta(seconds=2); delivering.CLAIMED_FOR = timedelta(seconds=3); "
)
"""What a dead process holds ends after seconds, not a minute, so that the next one delivers before it is killed."""
WAITED_SECONDS = 120.0
TYPE = "agency.created"

pytestmark = [pytest.mark.long, pytest.mark.grows, pytest.mark.xdist_group("torture")]


class Work(Struct, kw_only=True):
    """What was asked for under which key, and which of it was acknowledged."""

    acknowledged: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    number: int = 0

    def next_name(self) -> str:
        """Another agency to create."""
        self.number += 1
        return f"Survivor {self.number:05d}"


async def create(client: httpx.AsyncClient, work: Work, name: str) -> int | None:
    """Ask once for the creation; the status, None where there was no answer."""
    key = {"Idempotency-Key": name.replace(" ", "-")}
    try:
        answer = await client.post("/v1/agencies", json={"name": name, "kind": "city", "level": "local"}, headers=key)
    except httpx.HTTPError:
        return None
    work.statuses[answer.status_code] += 1
    if answer.status_code == 201:
        assert work.acknowledged.setdefault(name, answer.json()["id"]) == answer.json()["id"]
    return answer.status_code


def client_of(server: LiveServer) -> httpx.AsyncClient:
    token = server.token(Role.REGISTRY_ADMIN, Role.AGENCY_ADMIN)
    return httpx.AsyncClient(
        base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    )


@asynccontextmanager
async def serving(url: str, folder: Path) -> AsyncIterator[LiveServer]:
    """A process that serves, seals and delivers, started beside the loop that receives."""
    made = server_process(url, folder, begin=SOONER, REGISTRY_WEBHOOK_NETWORKS="127.0.0.1/32")
    server = await asyncio.to_thread(made.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(made.__exit__, None, None, None)


async def test_killed_at_random_it_loses_no_event_seals_none_twice_and_delivers_each(
    private_url: str, tmp_path: Path
) -> None:
    processes = 2 if private_url.startswith("postgresql") else 1
    dice, work = random.Random(11), Work()
    async with receiving() as receiver:
        for kill in range(KILLS):
            async with AsyncExitStack() as stack:
                servers = [await stack.enter_async_context(serving(private_url, tmp_path)) for _ in range(processes)]
                if kill == 0:
                    await make_webhook(servers[0], receiver)
                await work_until_killed(servers, work, receiver, MOMENTS[kill % len(MOMENTS)], dice)
        async with serving(private_url, tmp_path) as server, client_of(server) as client:
            for name in [f"Survivor {number + 1:05d}" for number in range(work.number)]:
                assert await create(client, work, name) == 201
            await check(private_url, work, receiver)


async def make_webhook(server: LiveServer, receiver: Receiver) -> None:
    async with client_of(server) as client:
        new = {"name": "Counted", "url": receiver.url, "types": [TYPE]}
        (await client.post("/v1/webhooks", json=new)).raise_for_status()


async def work_until_killed(
    servers: list[LiveServer], work: Work, receiver: Receiver, moment: str, dice: random.Random
) -> None:
    """Create, and kill one of the processes at that moment."""
    victim = dice.choice(servers)
    assert victim.process is not None
    names = [work.next_name() for _ in range(CREATIONS)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(each)) for each in servers]
        if moment == "writing":
            writing = asyncio.gather(*(create(dice.choice(clients), work, name) for name in names))
            await asyncio.sleep(dice.uniform(0.0, 0.2))
            victim.process.kill()
            await writing
            return
        if moment == "delivering":
            receiver.arrived.clear()
            receiver.silent = True  # it has the message, and does not say so
        await asyncio.gather(*(create(dice.choice(clients), work, name) for name in names))
        if moment == "sealing":
            await asyncio.sleep(dice.uniform(0.0, 0.15))
            victim.process.kill()
            return
        await asyncio.wait_for(receiver.arrived.wait(), WAITED_SECONDS)
        await asyncio.sleep(dice.uniform(0.0, 0.05))
        for each in servers:  # one of them delivers, whichever it is
            assert each.process is not None
            each.process.kill()
        receiver.silent = False


async def check(url: str, work: Work, receiver: Receiver) -> None:
    """Each acknowledged change has its event, each event one place, and each was delivered to the receiver."""
    database = connect(url)
    try:
        read = database.read()
        await until_nothing_waits(read)
        created = sa.select(ledger_event.c.id, ledger_event.c.subject_id).where(ledger_event.c.type == TYPE)
        events = {str(row.id): str(row.subject_id) for row in await read.all(created)}
        assert Counter(events.values()) == Counter(work.acknowledged.values()), "an event lost, or one too many"
        places = [(row.seq, row.event_id) for row in await read.all(sa.select(ledger_leaf).order_by(ledger_leaf.c.seq))]
        assert [seq for seq, _ in places] == list(range(len(places)))
        assert len({event_id for _, event_id in places}) == len(places), "sealed twice"
        assert len(places) == await read.value(sa.select(sa.func.count()).select_from(ledger_event))
        arrived = {each.headers["webhook-id"] for each in receiver.got}
        assert arrived == events.keys(), "delivered to nobody, or told of nothing"
        rows = await read.all(sa.select(webhook_delivery.c.event_id, webhook_delivery.c.status))
        assert Counter(str(row.event_id) for row in rows) == Counter(events.keys())
        assert {row.status for row in rows} == {"delivered"}
    finally:
        await database.close()
    assert await in_snapshot(url, faults_of_ledger) == []


async def until_nothing_waits(read: Read) -> None:
    """Until all is sealed and, of what is to be delivered, nothing waits."""
    waiting = [
        sa.select(sa.func.count()).select_from(ledger_unsealed),
        sa.select(sa.func.count()).select_from(webhook_delivery).where(webhook_delivery.c.ended_at.is_(None)),
        sa.select(sa.func.count())
        .select_from(ledger_event)
        .where(ledger_event.c.type == TYPE, ~sa.exists().where(webhook_delivery.c.event_id == ledger_event.c.id)),
    ]
    async with asyncio.timeout(WAITED_SECONDS):
        while any([await read.value(each) for each in waiting]):  # noqa: ASYNC110  # it happens in another process
            await asyncio.sleep(0.1)


MEBIBYTE = 2**20
DISK = 24 * MEBIBYTE


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own with little room; skips where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small file system cannot be mounted here: that needs root, and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


@pytest.mark.one_database
async def test_on_a_full_disk_nothing_is_acknowledged_that_is_not_kept(sqlite_url: str, tmp_path: Path) -> None:
    """PostgreSQL's disk is another machine's: what it says then is told as `out_of_reach`, in tests of the database."""
    work = Work()
    with small_disk(tmp_path / "disk") as disk:
        url = copy_sqlite(sqlite_url, disk / "registry.db")
        async with receiving() as receiver, serving(url, tmp_path / "data") as server, client_of(server) as client:
            await make_webhook(server, receiver)
            for _ in range(10):
                assert await create(client, work, work.next_name()) == 201
            filler = disk / "filler"
            fill(filler)
            for _ in range(at_length(50, 200, 2_000)):
                await create(client, work, work.next_name())
                fill(filler)
            assert work.statuses.keys() == {201, 503}, "each change is kept, or refused"
            kept = dict(work.acknowledged)
            filler.unlink()
            for name in [f"Survivor {number + 1:05d}" for number in range(work.number)]:
                while await create(client, work, name) == 503:  # noqa: ASYNC110  # until it notices that there is room
                    await asyncio.sleep(0.2)
            assert kept.items() <= work.acknowledged.items()
            await check(url, work, receiver)


def fill(filler: Path) -> None:
    """Take all room that is left."""
    with filler.open("ab", buffering=0) as written:
        try:
            while written.write(b"\0" * 4096) == 4096:
                pass
        except OSError:
            return
