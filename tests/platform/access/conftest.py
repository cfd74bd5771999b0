"""A service that trusts two issuers: the operator's, and one agency's."""

import json
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from msgspec import Struct

from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.settings import load
from tests.platform.access.forging import AGENCY_ISSUER, OPERATOR_ISSUER, Forge, make_key
from tests.support.cast import make_agency
from tests.support.databases import fresh_database
from tests.support.server import environment, in_process
from tests.support.service import Service

ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA", "ES384")


class Trusting(Struct, kw_only=True, frozen=True):
    """The service, its two issuers, and an agency that neither issuer of another may speak for."""

    service: Service
    agency: Forge
    operator: Forge
    stranger: UUID


@pytest.fixture(scope="session")
def trusting_url(
    dialect: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The database of that service."""
    with fresh_database(dialect, request, tmp_path_factory.mktemp("trusting")) as url:
        yield url


@pytest.fixture(scope="session")
async def trusting(trusting_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trusting]:
    """The agency exists before the service that trusts its issuer starts, as in life."""
    folder = tmp_path_factory.mktemp("trusting")
    async with in_process(load(environment(trusting_url, folder))) as before:
        agency_id, stranger = (await make_agency(before)).id, (await make_agency(before)).id
    forge = Forge(
        issuer=AGENCY_ISSUER,
        agency_id=agency_id,
        keys={name: make_key(name, f"agency-{name}") for name in ALGORITHMS},
    )
    operator = Forge(
        issuer=OPERATOR_ISSUER, agency_id=OPERATOR_AGENCY_ID, keys={"ES256": make_key("ES256", "operator-1")}
    )
    issuers = json.dumps([forge.settings(), operator.settings("*")])
    async with in_process(load(environment(trusting_url, folder, REGISTRY_ISSUERS=issuers))) as service:
        yield Trusting(service=service, agency=forge, operator=operator, stranger=stranger)
