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

from registry.database_tables import bring_up_to_date
from registry.platform.database.installation import Purpose

POSTGRES_URL = os.environ.get("REGISTRY_TEST_POSTGRES_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres")


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
    asyncio.run(bring_up_to_date(f"sqlite:///{path}", Purpose.DEMONSTRATION))
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
        asyncio.run(bring_up_to_date(url, Purpose.DEMONSTRATION))
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
        request.getfixturevalue("postgres_url")  # skips where there is no server
        with copy_postgres(_named("template0")) as url:
            yield url


def _named(name: str) -> str:
    return f"{POSTGRES_URL.rsplit('/', 1)[0]}/{name}"
