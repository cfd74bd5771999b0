"""Somebody is always left who can administer the registry, unless it is done on the machine."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from registry.cli.session import local_caller
from registry.directory.issuers.commands import attach_agency, create_issuer
from registry.directory.issuers.rules import issuer_id
from registry.directory.issuers.schemas import AgencyAttachment, NewTokenIssuer
from registry.platform.access.acting import REMEMBERED_SECONDS
from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.access.tokens import FOLLOW_SECONDS
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.settings import load
from tests.platform.access.forging import Forge, make_key
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

SETTLED = FOLLOW_SECONDS + 0.05
WHY = {"reason": "Left the office on Friday (demo)."}
SUBJECT = "officer-7"

Operators = tuple[Service, list[tuple[Caller, str]]]


@pytest.fixture
async def operators(private_url: str, tmp_path: Path) -> AsyncIterator[Operators]:
    """A service for real work, and two issuers of the table that speak for its operator: an administrator, a path."""
    issuers = [
        Forge(issuer=f"https://{name}.example", agency_id=OPERATOR_AGENCY_ID, keys={"ES256": make_key("ES256", name)})
        for name in ("first", "second")
    ]
    database = connect(private_url)
    for of in issuers:
        async with unit_of_work(database) as write:
            new = msgspec.convert({"issuer": of.issuer, "keys": {"keys": [of.key.public_jwk()]}}, NewTokenIssuer)
            made = await create_issuer(write, local_caller(), (), new, itself="https://registry.example")
            ask = AgencyAttachment(agency_id=OPERATOR_AGENCY_ID)
            await attach_agency(write, local_caller(), (), made.id, ask)
    await database.close()
    real = {"REGISTRY_DEMO": "0", "REGISTRY_ISSUERS": "[]", "REGISTRY_LEDGER_KEY": "0123456789abcdef" * 2}
    given = environment(private_url, tmp_path, **real)
    del given["REGISTRY_DEMO_ALLOWS"]
    async with in_process(load(given)) as service:
        tokens = [of.token(of.claims(roles=["registry_admin"], scope="*")) for of in issuers]
        paths = [f"/v1/issuers/{issuer_id(of.issuer)}" for of in issuers]
        yield service, [(Caller(service, token), path) for token, path in zip(tokens, paths, strict=True)]


@pytest.mark.parametrize("how", ["disable", "detach"])
async def test_the_last_issuer_that_speaks_for_the_operator_stays(operators: Operators, how: str) -> None:
    _, ((admin, own), (_, other)) = operators

    async def end(path: str) -> httpx.Response:
        if how == "disable":
            return await admin.patch(path, {"enabled": False}, if_match="*")
        return await admin.post(f"{path}/detach-agency", {"agency_id": str(OPERATOR_AGENCY_ID)})

    assert (await end(other)).status_code == 200, "another is left"
    assert_problem(await end(own), 409, "last_issuer_of_operator")
    only = {"claims": {"agency_by": "only"}, "every_agency": True}
    assert_problem(await admin.patch(own, only, if_match="*"), 422, "issuer_unusable")
    await asyncio.sleep(SETTLED)
    assert (await admin.done("GET", own))["enabled"], "nobody is locked out"


async def test_two_who_disable_each_others_issuer_leave_one(operators: Operators) -> None:
    _, ((one, first), (two, second)) = operators
    ends = [admin.patch(path, {"enabled": False}, if_match="*") for admin, path in ((one, second), (two, first))]
    assert sorted(each.status_code for each in await asyncio.gather(*ends)) == [200, 409]


@pytest.mark.parametrize(
    "claims",
    [{"role_names": {}}, {"role_names": {"boss": "registry_admin", "registry_admin": "auditor"}}],
    ids=["no role", "another name"],
)
async def test_a_role_map_that_names_no_administrator_is_no_way_in(
    operators: Operators, claims: dict[str, Any]
) -> None:
    _, ((admin, own), (_, other)) = operators
    await admin.done("PATCH", other, {"enabled": False}, if_match="*")
    answer = await admin.patch(own, {"claims": claims}, if_match="*")
    if claims["role_names"]:
        assert answer.status_code == 200, "who has that name is not known here"
    else:
        assert_problem(answer, 409, "last_issuer_of_operator")
        assert (await admin.done("GET", own))["version"] == 2, "nothing was changed"


async def test_the_issuer_of_the_only_administrator_who_ever_signed_in_stays(operators: Operators) -> None:
    service, ((one, first), (two, _)) = operators
    assert_problem(await one.patch(first, {"enabled": False}, if_match="*"), 409, "last_administrator")
    await two.done("GET", "/v1/me")
    await service.edge.app.state.sightings.store()
    assert (await one.patch(first, {"enabled": False}, if_match="*")).status_code == 200, "of the other somebody came"


def refusal(of: str) -> dict[str, Any]:
    return {"kind": "person", "issuer": f"https://{of}.example", "value": SUBJECT, **WHY}


async def test_the_last_administrator_refuses_nobody_but_others(operators: Operators) -> None:
    service, ((one, _), (two, _)) = operators
    problem = assert_problem(await one.post("/v1/revocations", refusal("first")), 409, "last_administrator")
    assert "another administrator" in problem["detail"]
    assert (await one.done("GET", "/v1/revocations"))["items"] == []
    await service.edge.app.state.sightings.store()
    seen = (await one.done("GET", "/v1/principals"))["items"]
    (itself,) = (each for each in seen if each["issuer"] == refusal("first")["issuer"])
    assert_problem(await one.post(f"/v1/principals/{itself['id']}/suspend", WHY), 409, "last_administrator")
    await two.done("GET", "/v1/me")
    await service.edge.app.state.sightings.store()
    assert (await one.post("/v1/revocations", refusal("first"))).status_code == 201, "the other is left"
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert_problem(await one.get("/v1/me"), 403, "principal_suspended")
    assert_problem(await two.post("/v1/revocations", refusal("second")), 409, "last_administrator")


async def test_of_two_administrators_who_refuse_each_other_one_is_left(operators: Operators) -> None:
    service, ((one, _), (two, _)) = operators
    for each in (one, two):
        await each.done("GET", "/v1/me")
    await service.edge.app.state.sightings.store()
    asks = [admin.post("/v1/revocations", refusal(whom)) for admin, whom in ((one, "second"), (two, "first"))]
    assert sorted(each.status_code for each in await asyncio.gather(*asks)) == [201, 409]


async def test_whoever_was_never_an_administrator_is_refused_as_ever(operators: Operators) -> None:
    _, ((one, _), _) = operators
    assert (await one.post("/v1/revocations", {**refusal("second"), "value": "clerk"})).status_code == 201


async def test_an_issuer_that_is_disabled_is_measured_no_more(operators: Operators) -> None:
    """Its keys need not be fetched, so that nobody is to be woken for them."""
    service, ((one, _), (_, other)) = operators

    async def measured() -> set[str]:
        page = (await service.anonymous.get("/metrics")).text
        return {
            each for each in ("first", "second") if f'registry_issuer_ok{{issuer="https://{each}.example"}}' in page
        }

    await one.done("GET", "/v1/me")
    assert await measured() == {"first", "second"}
    await one.done("PATCH", other, {"enabled": False}, if_match="*")
    await service.edge.app.state.verifier.refresh()
    await asyncio.sleep(SETTLED)
    await service.edge.app.state.verifier.refresh()
    assert await measured() == {"first"}
    assert "registry_administering_issuers 1.0" in (await service.anonymous.get("/metrics")).text
