"""Every loan needs two agencies that have agreed."""

import pytest

from tests.support.cast import Cast
from tests.support.loans import Partners, make_partners


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement under which the owner may recall, and costs are claimed within 30 days."""
    return await make_partners(cast, recall_notice_hours=4, reimbursement={"model": "full"}, claim_window_days=30)
