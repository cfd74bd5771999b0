"""A server behind a real socket for each database, with limits small enough to meet."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from registry.settings import load
from tests.http.hostile import LARGEST_BODY
from tests.support.databases import copy_postgres, copy_sqlite
from tests.support.server import LiveServer, environment, live_server


@pytest.fixture(scope="session")
def server(
    dialect: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """One server over a database of its own, with a second for bodies and 64 KiB of them."""
    folder = tmp_path_factory.mktemp("server")
    with ExitStack() as stack:
        if dialect == "sqlite":
            url = copy_sqlite(request.getfixturevalue("sqlite_url"), folder / "server.db")
        else:
            url = stack.enter_context(copy_postgres(request.getfixturevalue("postgres_url")))
        limits = {"REGISTRY_MAX_BODY_BYTES": str(LARGEST_BODY), "REGISTRY_BODY_SECONDS": "1"}
        yield stack.enter_context(live_server(load(environment(url, folder, **limits))))
