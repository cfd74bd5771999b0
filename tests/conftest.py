"""Fixtures: the service on each database, and a fresh cast of agencies for each test."""

import gc
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import hypothesis
import pytest

from registry.agreements.law.switch import turn_on
from registry.app import create_app
from registry.platform.database.installation import Purpose
from registry.platform.database.trouble import trouble
from registry.platform.settings import load
from tests.support.cast import Cast, make_cast
from tests.support.databases import fresh_database, postgres_template, quick_folder, sqlite_template
from tests.support.law import TurnOn
from tests.support.length import LENGTH, at_length
from tests.support.service import Service, leaving

# Time is not asserted: a machine may be busy. What was found once is tried again first, by hypothesis's own database.
hypothesis.settings.register_profile(LENGTH, max_examples=at_length(50, 100, 5_000), deadline=None)
hypothesis.settings.load_profile(LENGTH)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by the marks
def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case whose value is bytes by its parameter: archives hold the second in which they were made.

    Two workers that collect in different seconds would else know it by different names, and refuse to begin.
    """
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, or put off, what asks for it on the second database; what needs none comes first and is soon over."""
    items[:] = [item for item in items if not (on_the_second(item) and _left_out(item))]
    for item in items:
        if on_the_second(item) and _is_put_off(item):
            item.add_marker("long")
    items.sort(key=lambda item: "dialect" in getattr(item, "fixturenames", ()))


def _left_out(item: pytest.Item) -> bool:
    """Whether the second database does without the test: `make long` runs a tenth of those that are put off to it.

    Always the same tenth; what has a length is run as long as that says, and in full nothing is left out.
    """
    put_off = LENGTH == "medium" and not item.get_closest_marker("grows") and _is_put_off(item)
    return bool(item.get_closest_marker("one_database") or (put_off and zlib.crc32(item.nodeid.encode()) % 10))


def _is_put_off(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(mark) for mark in ("second_long", "second_later"))


def on_the_second(item: pytest.Item) -> bool:
    """Whether the test is the one on PostgreSQL of two."""
    return (
        isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and item.callspec.params.get("dialect") == "postgresql"
    )


# Longer than nearly every test takes where nothing else runs.
_BEFORE_AN_HOUR_ENDS = 20  # seconds


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no test of the service in the last seconds of an hour, for some agency's day ends with it.

    Tests count from today, and ask for it more than once. What a day's end does to the service, tests tell it by
    moments that they name.
    """
    left = 3600 - time.time() % 3600
    if left < _BEFORE_AN_HOUR_ENDS and "dialect" in getattr(item, "fixturenames", ()):
        time.sleep(left)


def pytest_collection_finish() -> None:
    """What is loaded now stays for the whole run: looking through it at every collection took an eighth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def undamaged() -> Iterator[None]:
    """What a test found damaged is no other test's database, although a process keeps one word for all."""
    yield
    trouble.damage = None


@pytest.fixture
def turned_on() -> Iterator[TurnOn]:
    """Turns on rules that are off by default, until the test ends."""
    yield lambda *codes: turn_on(codes)
    turn_on(())


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
def real_sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a migrated SQLite template that is no demonstration's."""
    with sqlite_template(tmp_path_factory.mktemp("sqlite"), Purpose.REAL) as url:
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
    with (
        quick_folder(tmp_path_factory.mktemp("database")) as folder,
        fresh_database(dialect, request, folder) as url,
    ):
        yield url


@pytest.fixture
def private_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own, for what counts globally or breaks things."""
    with fresh_database(dialect, request, tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
async def service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """The whole application, in process, shared by the session's tests."""
    settings = load(
        {
            "REGISTRY_DEMO": "1",
            "REGISTRY_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "REGISTRY_DATABASE_URL": database_url,
            "REGISTRY_RATE_PER_PRINCIPAL": "0",
            "REGISTRY_RATE_PER_AGENCY": "0",
            "REGISTRY_SECOND_OPERATOR_FOR": "lift_revocation",  # which tests ask of the operator only to see that
            "REGISTRY_DATABASE_POOL": "8",  # several workers and servers share one PostgreSQL
        }
    )
    edge = create_app(settings)
    transport = httpx.ASGITransport(app=leaving(edge), raise_app_exceptions=False)
    async with edge.app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://registry.test") as http:
        yield Service(edge, settings, http)


@pytest.fixture
async def cast(service: Service) -> Cast:
    """Four fresh agencies."""
    return await make_cast(service)
