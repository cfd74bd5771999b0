"""Every sheet is of a loan between two agencies that have agreed."""

import pytest

from tests.support.cast import Cast
from tests.support.loans import Partners, make_partners


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)
