"""Real failures of a database, for tests."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from registry.platform.database.migrate import run_on_schema_connection

_HOLDER = """
import sys, time
url, table = sys.argv[1:]
if url.startswith("sqlite"):
    from registry.platform.database.sqlite_driver import sqlite_module
    connection = sqlite_module().connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    sys.stdin.read()
    connection.execute("ROLLBACK")
else:
    import asyncio
    import asyncpg
    async def main():
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            print("held", flush=True)
            await asyncio.to_thread(sys.stdin.read)
        await connection.close()
    asyncio.run(main())
"""


class Holder:
    """A process that blocks other writers until it is released."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def let_go(self) -> None:
        """End its transaction; harmless when repeated."""
        if self._process.poll() is None:
            self._process.communicate(timeout=60)


@contextmanager
def another_process_writes(url: str, table: str = "agency") -> Iterator[Holder]:
    """Another process holds SQLite's write lock, or PostgreSQL's on the table, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, url, table], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    holder = Holder(process)
    try:
        assert process.stdout.readline() == b"held\n"
        yield holder
    finally:
        holder.let_go()
        process.wait(60)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


async def change_schema(url: str, *statements: str) -> None:
    """Run DDL on the database, as its owner."""

    def work(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    await run_on_schema_connection(url, work)


async def break_commits(url: str) -> None:
    """Make the commit of each new agency fail, by a constraint that is checked only at the commit."""
    if url.startswith("sqlite"):
        await change_schema(
            url,
            "CREATE TABLE dangling (n INTEGER REFERENCES agency (n) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER dangle AFTER INSERT ON agency BEGIN INSERT INTO dangling VALUES (-1); END",
        )
    else:
        await change_schema(
            url,
            "CREATE CONSTRAINT TRIGGER dangle AFTER INSERT ON agency DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change('checked at the commit')",
        )
