"""How long a change waits until it is sealed and signed, in a service that has little to do.

    python -m benchmarks.sealing --changes 200 --database sqlite

One asset is created at a time, at moments that the sealer does not know, and the database is asked every millisecond
for the place of its event: from the answer on, for that is when the agency could ask for a proof.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

import httpx
import sqlalchemy as sa

from benchmarks.servers import free_port, serve, temporary_postgresql
from benchmarks.service import new_asset, prepare
from registry.platform.database.connect import connect
from registry.platform.database.handles import Read
from registry.platform.ledger.tables import ledger_checkpoint, ledger_event, ledger_leaf

ADMIN_URL = "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
_PLACE = (
    sa.select(sa.func.max(ledger_leaf.c.seq))
    .join_from(ledger_event, ledger_leaf, ledger_leaf.c.event_id == ledger_event.c.id)
    .where(ledger_event.c.subject_id == sa.bindparam("asset", type_=ledger_event.c.subject_id.type))
)
_SIGNED = sa.select(sa.func.max(ledger_checkpoint.c.tree_size))


def main() -> None:
    """Serve a small database, create assets one by one, and print how long each waited."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=200, help="assets to create (default: 200)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="registry-sealing-") as folder, _database(given.database, folder) as url:
        prepared = prepare(url, 1_000)
        port = free_port()
        environment = {**prepared.environment, "HOST": "127.0.0.1", "PORT": str(port), "REGISTRY_LOG_LEVEL": "error"}
        with serve([sys.executable, "-m", "registry", "serve"], environment, port, Path(folder) / "log") as running:
            waits, signed = asyncio.run(_measure(url, running.base_url, prepared.token, given.changes))
    waits.sort()
    late = waits[int(len(waits) * 0.99)]
    print(f"{given.database}, {len(waits)} changes, load {os.getloadavg()[0]:.1f}")
    print(f"sealed after: median {median(waits):.0f} ms, of a hundred {late:.0f} ms, at most {waits[-1]:.0f} ms")
    print(f"the last one signed after {signed:.1f} s")


@contextmanager
def _database(kind: str, folder: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{Path(folder) / 'sealing.db'}"
        return
    with temporary_postgresql(os.environ.get("BENCH_POSTGRESQL_URL", ADMIN_URL)) as url:
        yield url


async def _measure(url: str, base_url: str, token: str, changes: int) -> tuple[list[float], float]:
    """The milliseconds until each change was sealed, and the seconds until the last of them was signed."""
    dice = random.Random(7)
    database = connect(url)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    waits: list[float] = []
    try:
        read = database.read()
        async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30) as client:
            place, answered = 0, 0.0
            for number in range(changes):
                await asyncio.sleep(dice.uniform(0.05, 0.35))
                body, _ = new_asset(number)
                key = {"Idempotency-Key": f"sealing-{number}"}
                response = await client.post("/v1/assets", content=body, headers=key)
                answered = time.perf_counter()
                place = await _sealed(read, UUID(response.raise_for_status().json()["id"]))
                waits.append(1_000 * (time.perf_counter() - answered))
            while (await read.value(_SIGNED) or 0) <= place:  # noqa: ASYNC110  # the event is in another process
                await asyncio.sleep(0.05)
            return waits, time.perf_counter() - answered
    finally:
        await database.close()


async def _sealed(read: Read, asset: UUID) -> int:
    """The place of the asset's event, once it has one."""
    while (found := await read.value(_PLACE, {"asset": asset})) is None:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.001)
    return int(found)


if __name__ == "__main__":
    main()
