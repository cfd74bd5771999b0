"""A ledger of a test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.support.ledger import Ledger, opened_ledger


@pytest.fixture
async def ledger(private_url: str) -> AsyncIterator[Ledger]:
    """In a private database, with a sealer whose clock the test moves."""
    async with opened_ledger(private_url) as found:
        yield found
