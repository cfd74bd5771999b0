"""Failures are counted by address, and all tests come from one: here they are not limited."""

import pytest

from registry.platform.access.rates import FailedAttempts
from tests.support.service import Service


@pytest.fixture(autouse=True)
def any_number_of_failures(service: Service) -> None:
    service.edge.app.state.authorization_server.failures = FailedAttempts(per_client=10_000, per_address=10_000)
