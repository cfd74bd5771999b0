"""Databases for tests: migrated once per run as a template, copied per worker, dropped at the end.

SQLite always; PostgreSQL when a server answers at REGISTRY_TEST_POSTGRES_URL. Where REGISTRY_TEST_REQUIRE_POSTGRES is
set (as continuous integration does) a missing server is an error instead of a skip.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from registry.database.connect import connect, unit_of_work
from registry.database.migrate import migrate
from registry.schema import all_tables
from registry.taxonomy.commands import seed_taxonomy

POSTGRES_URL = os.environ.get("REGISTRY_TEST_POSTGRES_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres")


async def _prepare(url: str) -> None:
    all_tables()
    await migrate(url)
    database = connect(url)
    try:
        async with unit_of_work(database) as write:
            await seed_taxonomy(write)
    finally:
        await database.close()


async def _on_server(statement: str) -> None:
    engine = create_async_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(sa.text(statement))
    finally:
        await engine.dispose()


@contextmanager
def sqlite_template(folder: Path) -> Iterator[str]:
    """The URL of a migrated SQLite file."""
    path = folder / "template.db"
    asyncio.run(_prepare(f"sqlite:///{path}"))
    yield f"sqlite:///{path}"


def copy_sqlite(template: str, path: Path) -> str:
    """A private copy of the template; its URL."""
    shutil.copyfile(template.removeprefix("sqlite:///"), path)
    return f"sqlite:///{path}"


@contextmanager
def postgres_template() -> Iterator[str]:
    """The URL of a migrated PostgreSQL database; skips, or fails where it is required, when no server answers."""
    name = f"registry_test_{uuid4().hex[:12]}"
    try:
        asyncio.run(_on_server(f'CREATE DATABASE "{name}"'))
    except (OSError, sa.exc.SQLAlchemyError) as error:
        message = f"no PostgreSQL at {POSTGRES_URL}: {type(error).__name__}"
        if os.environ.get("REGISTRY_TEST_REQUIRE_POSTGRES"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    try:
        url = _named(name)
        asyncio.run(_prepare(url))
        yield url
    finally:
        asyncio.run(_on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@contextmanager
def copy_postgres(template: str) -> Iterator[str]:
    """A private copy of the template, dropped afterwards; its URL."""
    name = f"registry_test_{uuid4().hex[:12]}"
    source = template.rsplit("/", 1)[1]
    asyncio.run(_on_server(f'CREATE DATABASE "{name}" TEMPLATE "{source}"'))
    try:
        yield _named(name)
    finally:
        asyncio.run(_on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def _named(name: str) -> str:
    return f"{POSTGRES_URL.rsplit('/', 1)[0]}/{name}"
