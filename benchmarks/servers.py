"""Starts servers on free loopback ports, pins them to their core, and stops what it started, nothing else."""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

START_WITHIN = 900.0
STOP_WITHIN = 15.0


class Running(Struct, frozen=True):
    """A server that accepts connections."""

    base_url: str
    pid: int


def cores() -> tuple[int, int] | None:
    """The cores for the servers and for the load client, where this process may use two."""
    if sys.platform != "linux":
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


def pin(pid: int, core: int) -> None:
    """Keep process `pid` (0: this one) on one core; threads it starts later inherit that."""
    if sys.platform == "linux":
        os.sched_setaffinity(pid, {core})


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor so far, by the system's own account (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + START_WITHIN
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise RuntimeError(f"server ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"server not listening after {START_WITHIN:.0f} s:\n{log.read_text()[-2000:]}")


@contextmanager
def serve(command: Sequence[str], environment: Mapping[str, str], port: int, log: Path) -> Iterator[Running]:
    """Run `command` while the block lasts. Raises RuntimeError with its log's end if it does not come up."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        pair = cores()
        if pair:
            pin(process.pid, pair[0])
        _await_listening(process, port, log)
        yield Running(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def uvicorn(application: str, port: int, *options: str) -> list[str]:
    """The command that serves an application with one worker, uvloop and httptools."""
    return [
        *(sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--loop", "uvloop", "--http", "httptools", "--no-use-colors", *options),
    ]


async def _administer(admin_url: str, statement: str) -> None:
    engine = create_async_engine(admin_url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


@contextmanager
def temporary_postgresql(admin_url: str) -> Iterator[str]:
    """The URL of a new database beside `admin_url`'s, dropped when the block ends."""
    name = f"registry_benchmark_{secrets.token_hex(4)}"
    asyncio.run(_administer(admin_url, f'CREATE DATABASE "{name}"'))
    try:
        yield make_url(admin_url).set(database=name).render_as_string(hide_password=False)
    finally:
        asyncio.run(_administer(admin_url, f'DROP DATABASE "{name}" WITH (FORCE)'))
