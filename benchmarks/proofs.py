"""How long a proof takes among many millions of events.

    python -m benchmarks.proofs --leaves 10_000_000 --database sqlite

The leaves and the stored subtrees are written straight into their tables: the hashes are random, and the tree over them
is the real one. Of a leaf in the middle of nowhere no root is needed, so these are left out but at the sizes that are
asked about. A thousand leaves are those of real events, and these are proved, by the function that the API calls: it
reads the event, its leaf, the subtrees and the checkpoint, makes the proof, and verifies it.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID

import asyncpg

from benchmarks.servers import temporary_postgresql
from registry.database_tables import all_tables
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.migrate import migrate
from registry.platform.database.sqlite_driver import sqlite_module
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import Event, record_many
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.merkle import HASH_BYTES, STRIDE, Growth, leaf_hash
from registry.platform.ledger.proof_schemas import LedgerConsistencyQuery
from registry.platform.ledger.proving import prove_consistency, prove_event
from registry.platform.ledger.tables import ledger_checkpoint, ledger_event, ledger_unsealed

ADMIN_URL = "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
NOW = datetime(2099, 7, 4, 18, tzinfo=UTC)
REAL = 1_000
AT_ONCE = 100_000
_NOTHING = bytes(HASH_BYTES)


def main() -> None:
    """Make the ledger, and print how long proofs of inclusion and of consistency take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leaves", type=int, default=1_000_000, help="events of the ledger (default: 1,000,000)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="registry-proofs-") as folder, _database(given.database, folder) as url:
        asyncio.run(_measure(url, given.database, given.leaves))


@contextmanager
def _database(kind: str, folder: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{Path(folder) / 'proofs.db'}"
        return
    with temporary_postgresql(os.environ.get("BENCH_POSTGRESQL_URL", ADMIN_URL)) as url:
        yield url


async def _measure(url: str, kind: str, count: int) -> None:
    all_tables()
    dice = random.Random(7)
    await migrate(url)
    database = connect(url)
    principal = Principal(
        subject="bench",
        agency_id=new_id(),
        roles=frozenset({Role.AUDITOR}),
        scopes=frozenset({"*"}),
        token_id="t",  # no secret
        issuer="https://issuer.test",
    )
    try:
        caller = Caller(principal=principal, now=NOW, trace_id="bench")
        ids, contents = await _events(database, caller)
        places = dict(zip(sorted(dice.sample(range(count), REAL)), zip(ids, contents, strict=True), strict=True))
        sizes = sorted(dice.sample(range(1, count), 50))
        began = time.perf_counter()
        await _write(url, count, places, sizes)
        print(f"{kind}: {count:,} leaves written in {time.perf_counter() - began:.0f} s, load {os.getloadavg()[0]:.1f}")
        read = database.read()
        asked = [event_id for event_id, _ in places.values()]
        dice.shuffle(asked)
        took, length = [], 0
        for event_id in asked:
            began = time.perf_counter()
            found = await prove_event(read, principal, event_id, None)
            took.append(1_000 * (time.perf_counter() - began))
            length = max(length, len(found.hashes))
        _print("inclusion", took, f"{length} hashes at most")
        took = []
        for size in sizes:
            began = time.perf_counter()
            await prove_consistency(read, LedgerConsistencyQuery(from_=size, to=count))
            took.append(1_000 * (time.perf_counter() - began))
        _print("consistency", took, f"from {len(sizes)} sizes")
    finally:
        await database.close()


def _print(what: str, took: list[float], more: str) -> None:
    first = took[0]
    took = sorted(took)
    late = took[int(len(took) * 0.99)]
    print(
        f"{what}: median {median(took):.2f} ms, of a hundred {late:.2f} ms, at most {took[-1]:.2f} ms, "
        f"the very first {first:.2f} ms; {more}"
    )


async def _events(database: Database, caller: Caller) -> tuple[list[UUID], list[bytes]]:
    """Some real events, with the bytes that are hashed."""
    event = EventType.LOAN_RETURNED
    events = [Event(type=event, subject=("loan", new_id(), 1), agencies=[], data={"number": n}) for n in range(REAL)]
    async with unit_of_work(database) as write:
        ids = record_many(write, caller, events)
    rows = await database.read().all(ledger_event.select())
    found = {row.id: bytes(row.canonical) for row in rows}
    async with unit_of_work(database) as write:
        await write.run(ledger_unsealed.delete())
    return ids, [found[each] for each in ids]


async def _write(url: str, count: int, places: dict[int, tuple[UUID, bytes]], sizes: list[int]) -> None:
    """Leaves, subtrees, and a checkpoint over all of them; roots at these sizes."""
    growth, wanted = Growth(), {*sizes, count}
    leaves, nodes = [], []
    sink = await _sink(url)
    for seq in range(count):
        event_id, content = places.get(seq) or (UUID(int=seq), b"")
        hash_ = leaf_hash(content) if content else random.randbytes(HASH_BYTES)
        for (level, number), node in growth.append(hash_):
            if level % STRIDE == 0:
                nodes.append((level, number, node))
        root = growth.root if growth.size in wanted else _NOTHING
        leaves.append((seq, event_id, hash_, root))
        if len(leaves) == AT_ONCE or seq == count - 1:
            await sink(leaves, nodes)
            leaves, nodes = [], []
    await sink([], [])
    database = connect(url)
    try:
        async with unit_of_work(database) as write:
            row = {"tree_size": count, "root_hash": growth.root, "note": "bench\n", "signed_at": NOW}
            await write.run(ledger_checkpoint.insert(), row)
    finally:
        await database.close()


class _Sqlite:
    def __init__(self, url: str) -> None:
        self._connection = sqlite_module().connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-200000"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()

    async def __call__(self, leaves: list[tuple[int, UUID, bytes, bytes]], nodes: list[tuple[int, int, bytes]]) -> None:
        """Insert rows; nothing means that there are no more."""
        if not leaves:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.close()
            return
        self._connection.execute("BEGIN")
        rows = [(seq, event_id.bytes, hash_, root) for seq, event_id, hash_, root in leaves]
        self._connection.executemany(
            "INSERT INTO ledger_leaf (seq, event_id, leaf_hash, root_hash) VALUES (?,?,?,?)", rows
        )
        self._connection.executemany("INSERT INTO ledger_node (level, number, hash) VALUES (?,?,?)", nodes)
        self._connection.execute("COMMIT")


class _Postgresql:
    def __init__(self, server: asyncpg.Connection) -> None:
        self._server = server

    async def __call__(self, leaves: list[tuple[int, UUID, bytes, bytes]], nodes: list[tuple[int, int, bytes]]) -> None:
        """Insert rows; nothing means that there are no more."""
        if not leaves:
            await self._server.execute("ANALYZE ledger_leaf")
            await self._server.execute("ANALYZE ledger_node")
            await self._server.close()
            return
        columns = ["seq", "event_id", "leaf_hash", "root_hash"]
        await self._server.copy_records_to_table("ledger_leaf", records=leaves, columns=columns)
        await self._server.copy_records_to_table("ledger_node", records=nodes, columns=["level", "number", "hash"])


async def _sink(url: str) -> _Sqlite | _Postgresql:
    if url.startswith("sqlite"):
        return _Sqlite(url)
    return _Postgresql(await asyncpg.connect(url.replace("+asyncpg", "")))


if __name__ == "__main__":
    main()
