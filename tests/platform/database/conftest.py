"""A database of the test's own with a counter in it, and handles on it."""

from collections.abc import AsyncIterator

import pytest

from registry.platform.database.connect import Database, connect
from tests.support.sabotage import change_schema


@pytest.fixture
async def counting_url(private_url: str) -> str:
    """A database with one row to count in."""
    strict = " STRICT" if private_url.startswith("sqlite") else ""
    await change_schema(
        private_url,
        f"CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL){strict}",
        "INSERT INTO counter VALUES (1, 0)",
    )
    return private_url


@pytest.fixture
async def database(counting_url: str) -> AsyncIterator[Database]:
    """Handles as the service opens them, with a short patience."""
    opened = connect(counting_url, wait_seconds=1.5)
    yield opened
    await opened.close()
