"""Databases for tests: migrated once per run as a template, copied per worker, dropped at the end.

No machine fails here, so their commits wait for no disk: to wait was a good part of the tests' time. A test of what
survives the end of a process needs none of it, since what was written stays with the system.

SQLite always; PostgreSQL in a cluster of the run's own where PostgreSQL is installed, else at the address in
REGISTRY_TEST_POSTGRES_URL, which goes before that one, or on this machine. Where REGISTRY_TEST_REQUIRE_POSTGRES is set
(as continuous integration does) a missing server is an error instead of a skip.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from registry.database_tables import bring_up_to_date
from registry.platform.database.installation import Purpose
from tests.support.cluster import cluster_in_memory
from tests.support.memory import shared_memory

_LOCAL = "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """A folder in memory where there is room for the databases of a run, else the given one."""
    memory = shared_memory()
    if memory is None:
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="registry-tests-", dir=memory) as name:
        yield Path(name)


async def _create(url: str, template: str | None = None) -> None:
    name = url.rsplit("/", 1)[1]
    await _on_server(url, f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    await _on_server(url, f'ALTER DATABASE "{name}" SET synchronous_commit = off')


async def _drop(url: str) -> None:
    await _on_server(url, f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)')


async def _on_server(url: str, statement: str) -> None:
    """Execute it in another database of the server that the URL leads to."""
    engine = create_async_engine(beside(url, "postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(sa.text(statement))
    finally:
        await engine.dispose()


@contextmanager
def sqlite_template(folder: Path, purpose: Purpose = Purpose.DEMONSTRATION) -> Iterator[str]:
    """The URL of a migrated SQLite file."""
    path = folder / "template.db"
    asyncio.run(bring_up_to_date(f"sqlite:///{path}", purpose))
    yield f"sqlite:///{path}"


def copy_sqlite(template: str, path: Path) -> str:
    """A private copy of the template; its URL."""
    shutil.copyfile(template.removeprefix("sqlite:///"), path)
    return f"sqlite:///{path}"


@contextmanager
def _postgres_server() -> Iterator[str]:
    """The URL of a database on the server that the run uses."""
    given = os.environ.get("REGISTRY_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with cluster_in_memory() as own:
        yield f"{own}/postgres" if own else _LOCAL


@contextmanager
def postgres_template() -> Iterator[str]:
    """The URL of a migrated PostgreSQL database; skips, or fails where it is required, when no server answers."""
    with _postgres_server() as server:
        url = _another(server)
        try:
            asyncio.run(_create(url))
        except (OSError, sa.exc.SQLAlchemyError) as error:
            message = f"no PostgreSQL at {server}: {type(error).__name__}"
            if os.environ.get("REGISTRY_TEST_REQUIRE_POSTGRES"):
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
        try:
            asyncio.run(bring_up_to_date(url, Purpose.DEMONSTRATION))
            yield url
        finally:
            asyncio.run(_drop(url))


@contextmanager
def copy_postgres(template: str) -> Iterator[str]:
    """A private copy of the template, dropped afterwards; its URL."""
    url = _another(template)
    asyncio.run(_create(url, template.rsplit("/", 1)[1]))
    try:
        yield url
    finally:
        asyncio.run(_drop(url))


@contextmanager
def fresh_database(dialect: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """A migrated database of that kind, in that folder where it is a file; its URL."""
    if dialect == "sqlite":
        yield copy_sqlite(request.getfixturevalue("sqlite_url"), folder / "registry.db")
    else:
        with copy_postgres(request.getfixturevalue("postgres_url")) as url:
            yield url


@contextmanager
def empty_database(dialect: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with nothing in it; its URL."""
    if dialect == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('tmp_path') / 'empty.db'}"
    else:
        with copy_postgres(beside(request.getfixturevalue("postgres_url"), "template0")) as url:
            yield url


def beside(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return f"{url.rsplit('/', 1)[0]}/{name}"


def server_port(url: str) -> int:
    """The port at which the server of the URL listens."""
    port = sa.make_url(url).port
    assert port is not None, url
    return port


def _another(url: str) -> str:
    return beside(url, f"registry_test_{uuid4().hex[:12]}")
