"""Fixtures: the service on each database, and a fresh cast of agencies for each test."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from registry.app import create_app
from registry.settings import load
from tests.support.cast import Cast, make_cast
from tests.support.databases import copy_postgres, copy_sqlite, postgres_template, sqlite_template
from tests.support.service import Service


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One loop for the whole session: engines live as long as it does."""
    return "asyncio"


@pytest.fixture(scope="session")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a migrated SQLite template."""
    with sqlite_template(tmp_path_factory.mktemp("sqlite")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a migrated PostgreSQL template; skips where there is no server."""
    with postgres_template() as url:
        yield url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each test that touches a database runs on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def database_url(
    dialect: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The database that the session's service uses."""
    with ExitStack() as stack:
        if dialect == "sqlite":
            template = request.getfixturevalue("sqlite_url")
            yield copy_sqlite(template, tmp_path_factory.mktemp("database") / "registry.db")
        else:
            yield stack.enter_context(copy_postgres(request.getfixturevalue("postgres_url")))


@pytest.fixture
def private_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own, for what counts globally or breaks things."""
    with ExitStack() as stack:
        if dialect == "sqlite":
            yield copy_sqlite(request.getfixturevalue("sqlite_url"), tmp_path / "private.db")
        else:
            yield stack.enter_context(copy_postgres(request.getfixturevalue("postgres_url")))


@pytest.fixture(scope="session")
async def service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """The whole application, in process, shared by the session's tests."""
    settings = load(
        {
            "REGISTRY_DEMO": "1",
            "REGISTRY_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "REGISTRY_DATABASE_URL": database_url,
            "REGISTRY_DATABASE_POOL": "8",  # several workers and servers share one PostgreSQL
        }
    )
    edge = create_app(settings)
    transport = httpx.ASGITransport(app=edge, raise_app_exceptions=False)
    async with edge.app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://registry.test") as http:
        yield Service(edge, settings, http)


@pytest.fixture
async def cast(service: Service) -> Cast:
    """Four fresh agencies."""
    return await make_cast(service)
