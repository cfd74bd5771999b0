"""A ledger of a test's own: events recorded into a private database, and sealed there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from registry.database_tables import all_tables
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.sqlite_driver import sqlite_module
from registry.platform.encryption import SecretKeys
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.commands import Audience, Event, record_many
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.sealing import Sealer
from registry.platform.ledger.signing import LedgerKeys
from registry.platform.ledger.tables import ledger_checkpoint, ledger_event, ledger_leaf, ledger_node, ledger_unsealed
from tests.support.service import Service

NOW = datetime(2099, 7, 4, 18, tzinfo=UTC)
SECRET = bytes(range(32))
PUBLIC_URL = "https://registry.example"
ORIGIN = "registry.example/ledger"


class Ledger:
    """A private database with a sealer, whose clock the test moves."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.keys = LedgerKeys(SecretKeys([SECRET]), PUBLIC_URL)
        self.sealer = self.another_sealer()

    @property
    def work(self) -> Any:
        """Opens a transaction."""
        return partial(unit_of_work, self.database)

    def another_sealer(self, **more: Any) -> Sealer:
        """One as another process would have. It signs whenever something is sealed, unless it is told otherwise."""
        given = {"keys": self.keys, "every_seconds": 0.0, **more}
        keys = given.pop("keys")
        return Sealer(self.database.read, self.work, keys, lambda: self.now, **given)

    def caller(self, agency_id: UUID | None = None, subject: str = "somebody") -> Caller:
        """Somebody who acts now, for an agency of its own unless it is said."""
        principal = Principal(
            subject=subject,
            agency_id=agency_id or new_id(),
            roles=frozenset({Role.COORDINATOR}),
            scopes=frozenset({"*"}),
            token_id="t-1",
            issuer="https://issuer.test",
        )
        return Caller(principal=principal, now=self.now, trace_id="trace", source_address="192.0.2.1")

    async def record(
        self,
        count: int = 1,
        *,
        thing: UUID | None = None,
        version: int = 1,
        agencies: Sequence[UUID] = (),
        by: UUID | None = None,
        audience: Audience = "agencies",
    ) -> list[UUID]:
        """Record events in one transaction, about versions of one thing; their ids."""
        subject = thing or new_id()
        events = [
            Event(
                type=EventType.LOAN_RETURNED,
                subject=("loan", subject, version + each),
                agencies=agencies,
                data={"number": version + each},
                audience=audience,
            )
            for each in range(count)
        ]
        self.now += timedelta(seconds=1)
        async with self.work() as write:
            return record_many(write, self.caller(by), events)

    async def seal(self) -> int:
        """Run the sealer once; how many events are sealed now."""
        await self.sealer.run()
        return await self.count(ledger_leaf)

    async def sealed(self) -> list[UUID]:
        """The ids of the sealed events in their order."""
        rows = await self.database.read().all(
            sa.select(ledger_leaf.c.seq, ledger_leaf.c.event_id).order_by(ledger_leaf.c.seq)
        )
        assert [row.seq for row in rows] == list(range(len(rows))), "there is a gap"
        return [row.event_id for row in rows]

    async def contents(self) -> list[bytes]:
        """The public parts of the sealed events in their order."""
        rows = await self.database.read().all(
            sa.select(ledger_event.c.canonical)
            .join_from(ledger_leaf, ledger_event, ledger_event.c.id == ledger_leaf.c.event_id)
            .order_by(ledger_leaf.c.seq)
        )
        return [row.canonical for row in rows]

    async def count(self, table: sa.Table) -> int:
        """How many rows a table has."""
        return int(await self.database.read().value(sa.select(sa.func.count()).select_from(table)))

    async def checkpoints(self) -> list[Any]:
        """The checkpoints, the oldest first."""
        return list(
            await self.database.read().all(sa.select(ledger_checkpoint).order_by(ledger_checkpoint.c.tree_size))
        )

    async def unsealed(self) -> int:
        """How many events wait."""
        return await self.count(ledger_unsealed)

    async def nodes(self) -> dict[tuple[int, int], bytes]:
        """The stored subtrees above the leaves."""
        rows = await self.database.read().all(sa.select(ledger_node))
        return {(row.level, row.number): row.hash for row in rows}


@asynccontextmanager
async def opened_ledger(url: str) -> AsyncIterator[Ledger]:
    """The ledger of the database at that address."""
    all_tables()
    database = connect(url)
    try:
        yield Ledger(database)
    finally:
        await database.close()


async def signed_ledger(service: Service) -> int:
    """Seal what a running service has recorded, and sign a checkpoint over it; how many events it holds."""
    state = service.edge.app.state
    keys = LedgerKeys(SecretKeys(service.settings.secret_keys), service.settings.public_url)
    sealer = Sealer(state.database.read, partial(unit_of_work, state.database), keys, utc_now, every_seconds=0.0)
    for _ in range(500):  # a turn may fall into one of the service's own sealer
        await sealer.run()
        if not await sealer.unsealed_seconds() and sealer.state.checkpoint_size == sealer.state.tree_size:
            return sealer.state.checkpoint_size
        await asyncio.sleep(0.02)
    raise AssertionError("what was recorded is not signed")


async def tamper(url: str, *statements: str) -> None:
    """Change rows as whoever administers the database can: past triggers and references."""
    if url.startswith("sqlite"):
        connection = sqlite_module().connect(url.removeprefix("sqlite:///"), isolation_level=None)
        try:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                if name.startswith("ledger_"):
                    connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
        finally:
            connection.close()
    else:
        server = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            await server.execute("SET session_replication_role = replica")
            for statement in statements:
                await server.execute(statement)
        finally:
            await server.close()


def literal(url: str, value: bytes | UUID) -> str:
    """Bytes or an id as they stand in a statement."""
    if isinstance(value, UUID):
        return f"x'{value.hex}'" if url.startswith("sqlite") else f"'{value}'::uuid"
    return f"x'{value.hex()}'" if url.startswith("sqlite") else f"'\\x{value.hex()}'::bytea"
