"""A service for each module: these tests compare whole tables, and count what is in them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from registry.platform.settings import load
from tests.support.databases import fresh_database
from tests.support.server import environment, in_process
from tests.support.service import Service


@pytest.fixture(scope="module")
def own_url(dialect: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of the module's own."""
    with fresh_database(dialect, request, tmp_path_factory.mktemp("tracker")) as url:
        yield url


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where its service keeps what it keeps beside the database."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
async def service(own_url: str, own_folder: Path) -> AsyncIterator[Service]:
    """The whole application over that database."""
    async with in_process(load(environment(own_url, own_folder, REGISTRY_DATABASE_POOL="8"))) as running:
        yield running
