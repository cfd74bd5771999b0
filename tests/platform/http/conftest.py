"""A server behind a real socket for each database, with limits small enough to meet."""

from collections.abc import Iterator

import pytest

from registry.platform.settings import load
from tests.platform.http.hostile import LARGEST_BODY
from tests.support.databases import fresh_database
from tests.support.server import LiveServer, environment, live_server


@pytest.fixture(scope="session")
def server(
    dialect: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """One server over a database of its own, with a second for bodies and 64 KiB of them."""
    folder = tmp_path_factory.mktemp("server")
    limits = {"REGISTRY_MAX_BODY_BYTES": str(LARGEST_BODY), "REGISTRY_BODY_SECONDS": "1"}
    with (
        fresh_database(dialect, request, folder) as url,
        live_server(load(environment(url, folder, **limits))) as running,
    ):
        yield running
