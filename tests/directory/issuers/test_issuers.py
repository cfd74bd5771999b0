"""Token issuers that are entered while the service runs, and the agencies for which they speak."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from registry.directory.issuers.rules import issuer_id
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.access.tokens import FOLLOW_SECONDS
from registry.platform.issuers import DEVELOPMENT_ISSUER
from registry.platform.ledger.tables import ledger_event
from registry.platform.settings import load
from tests.platform.access.forging import Forge, make_key
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agencies?limit=1"
_EVENTS = (
    sa.select(ledger_event.c.type)
    .where(ledger_event.c.subject_id == sa.bindparam("id", type_=ledger_event.c.subject_id.type))
    .order_by(ledger_event.c.subject_version)
)
SETTLED = FOLLOW_SECONDS + 0.05


def forge(agency: Agency) -> Forge:
    """A new issuer with one key, whose tokens name the agency."""
    return Forge(
        issuer=f"https://{uuid4().hex}.example", agency_id=agency.id, keys={"ES256": make_key("ES256", "first")}
    )


def description(of: Forge, **more: Any) -> dict[str, Any]:
    """The issuer as it is entered."""
    return {"issuer": of.issuer, "keys": {"keys": [of.key.public_jwk()]}, **more}


async def status(service: Service, token: str) -> int:
    """What the service answers to a bearer of the token."""
    return (await Caller(service, token).get(PATH)).status_code


async def entered(service: Service, of: Forge, **more: Any) -> str:
    """The path of a newly entered issuer."""
    made = await service.operator.done("POST", "/v1/issuers", description(of, **more))
    return f"/v1/issuers/{made['id']}"


async def test_an_agency_connects_without_a_restart(service: Service, cast: Cast) -> None:
    county = cast.assisting
    theirs = forge(county)
    token = theirs.token()
    assert await status(service, token) == 401
    path = await entered(service, theirs)
    await asyncio.sleep(SETTLED)
    assert await status(service, token) == 401, "it speaks for nobody yet"
    found = await service.operator.done("POST", f"{path}/attach-agency", {"agency_id": str(county.id)})
    assert [each["agency"]["id"] for each in found["agencies"]] == [str(county.id)]
    await asyncio.sleep(SETTLED)
    assert await status(service, token) == 200
    stranger = theirs.token(theirs.claims(agency=str(cast.stranger.id)))
    assert await status(service, stranger) == 401, "and for nobody else"
    await service.operator.done("POST", f"{path}/detach-agency", {"agency_id": str(county.id)})
    await asyncio.sleep(SETTLED)
    assert await status(service, token) == 401, "not even with a token that was seen before"


async def test_an_issuer_that_is_not_enabled_is_refused_until_it_is_again(service: Service, cast: Cast) -> None:
    theirs = forge(cast.assisting)
    path = await entered(service, theirs)
    await service.operator.done("POST", f"{path}/attach-agency", {"agency_id": str(cast.assisting.id)})
    for enabled, expected in ((False, 401), (True, 200)):
        await service.operator.done("PATCH", path, {"enabled": enabled}, if_match="*")
        await asyncio.sleep(SETTLED)
        assert await status(service, theirs.token()) == expected


async def test_another_process_follows_within_a_second(service: Service, cast: Cast, tmp_path: Path) -> None:
    theirs = forge(cast.assisting)
    given = environment(service.settings.database_url, tmp_path)
    async with in_process(load(given)) as other:
        assert await status(other, theirs.token()) == 401
        path = await entered(service, theirs, every_agency=True)
        await asyncio.sleep(SETTLED)
        assert await status(other, theirs.token()) == 200
        await service.operator.done("PATCH", path, {"every_agency": False}, if_match="*")
        await asyncio.sleep(SETTLED)
        assert await status(other, theirs.token()) == 401


async def test_a_group_names_the_agency(service: Service, cast: Cast) -> None:
    theirs = forge(cast.assisting)
    path = await entered(service, theirs, claims={"agency": "groups", "agency_by": "value"})
    for agency, value in ((cast.assisting, "/county"), (cast.requesting, "/city")):
        ask = {"agency_id": str(agency.id), "claim_value": value}
        await service.operator.done("POST", f"{path}/attach-agency", ask)
    taken = {"agency_id": str(cast.stranger.id), "claim_value": "/city"}
    assert_problem(await service.operator.post(f"{path}/attach-agency", taken), 409, "claim_value_taken")
    await asyncio.sleep(SETTLED)
    asset = theirs.token(theirs.claims(agency=..., groups=["/staff", "/city"], roles=["agency_admin"]))
    seen = await Caller(service, asset).get(f"/v1/agencies/{cast.requesting.id}")
    assert "update" in {each["action"] for each in seen.json()["allowed_actions"]}, "it is the city's own record"


async def test_an_agency_named_by_an_ori_of_its_record(service: Service, cast: Cast) -> None:
    ori = f"MN{uuid4().hex[:7].upper()}"
    body = {"name": f"With {ori}", "kind": "city", "level": "local", "state": "MN", "oris": [ori]}
    made = await service.operator.done("POST", "/v1/agencies", {**body, "time_zone": "America/Chicago"})
    await service.operator.done("POST", f"/v1/agencies/{made['id']}/activate", {"reason": "joined"})
    theirs = forge(cast.assisting)
    path = await entered(service, theirs, claims={"agency": "employer_ori", "agency_by": "ori"})
    await service.operator.done("POST", f"{path}/attach-agency", {"agency_id": made["id"]})
    await asyncio.sleep(SETTLED)
    assert await status(service, theirs.token(theirs.claims(employer_ori=ori))) == 200
    assert await status(service, theirs.token(theirs.claims(employer_ori="XX0000000"))) == 401


async def test_what_was_entered_is_listed_and_read(service: Service, cast: Cast) -> None:
    theirs = forge(cast.assisting)
    path = await entered(
        service, theirs, preset="keycloak", audiences=["a"], claims={"role_names": {"Chief": "approver"}}
    )
    found = await service.operator.done("GET", path)
    assert found["description"]["preset"] == "keycloak"
    assert found["description"]["claims"] == {"role_names": {"Chief": "approver"}}, "what differs, and no more"
    assert (found["source"], found["enabled"], found["agencies"], found["version"]) == ("registry", True, [], 1)
    assert found in (await service.operator.done("GET", "/v1/issuers"))["items"]
    patch = {"longest_life_seconds": 1800, "audiences": None, "claims": {"roles": "app_roles"}}
    changed = await service.operator.done("PATCH", path, patch, if_match="*")
    assert changed["description"]["claims"] == {"roles": "app_roles", "role_names": {"Chief": "approver"}}
    assert changed["description"]["longest_life_seconds"] == 1800
    assert "audiences" not in changed["description"]
    moved = await service.operator.done("PATCH", path, {"jwks_uri": "https://x.example/keys"}, if_match="*")
    assert "keys" not in moved["description"], "one source of keys takes the place of the other"


async def test_a_role_mapping_is_withdrawn_in_part_or_whole(service: Service, cast: Cast) -> None:
    names = {"boss": "approver", "clerk": "coordinator"}
    path = await entered(service, forge(cast.assisting), claims={"role_names": names, "scope_default": "*"})
    for patch, left in (
        ({"role_names": {"boss": None}}, {"role_names": {"clerk": "coordinator"}, "scope_default": "*"}),
        ({"role_names": {}}, {"role_names": {}, "scope_default": "*"}),
        ({"scope_default": None}, {"role_names": {}}),
        ({"role_names": None}, {}),
        ({"require": {"azp": None}}, {}),
        ({"require": {"azp": "*", "acr": "2"}}, {"require": {"azp": "*", "acr": "2"}}),
        ({"require": {"acr": None}}, {"require": {"azp": "*"}}),
        (None, {}),
    ):
        changed = await service.operator.done("PATCH", path, {"claims": patch}, if_match="*")
        assert changed["description"].get("claims", {}) == left, patch


async def test_what_is_withdrawn_alone_is_withdrawn_and_on_record(service: Service, cast: Cast) -> None:
    path = await entered(service, forge(cast.assisting), audiences=["a"])
    changed = await service.operator.done("PATCH", path, {"audiences": None}, if_match="*")
    assert ("audiences" in changed["description"], changed["version"]) == (False, 2)


async def test_a_withdrawn_role_mapping_counts_no_more(service: Service, cast: Cast) -> None:
    theirs = forge(cast.assisting)
    path = await entered(service, theirs, every_agency=True, claims={"role_names": {"boss": "approver"}})
    token = theirs.token(theirs.claims(roles=["boss"]))
    await asyncio.sleep(SETTLED)
    assert await status(service, token) == 200
    await service.operator.done("PATCH", path, {"claims": {"role_names": None}}, if_match="*")
    await asyncio.sleep(SETTLED)
    assert await status(service, token) == 401


async def test_keys_that_are_handed_in_are_public_ones_and_keep_what_verifying_needs(
    service: Service, cast: Cast
) -> None:
    of = forge(cast.assisting)
    good = of.key.public_jwk()
    refused: dict[str, tuple[object, str]] = {
        "private half": ({**good, "kid": "other", "d": "AAAA"}, "private or secret half"),
        "short RSA": ({"kty": "RSA", "kid": "rsa", "n": "w" + "A" * 170, "e": "AQAB"}, "at least 2048"),
        "oversized": ({"kty": "RSA", "kid": "rsa", "n": "w" + "A" * 4000, "e": "AQAB"}, "larger than RSA with 8192"),
        "kid": ({**make_key("ES256", "second").public_jwk(), "kid": "two words"}, "visible ASCII"),
        "the same kid": ({**make_key("ES256", "second").public_jwk(), "kid": good["kid"]}, "has the same id"),
    }
    for name, (key, words) in refused.items():
        given = {**description(of), "keys": {"keys": [good, key]}}
        problem = assert_problem(await service.operator.post("/v1/issuers", given), 422, "issuer_unusable")
        assert words in problem["detail"], name
        assert problem["errors"][0]["pointer"] == "/keys/keys/1"
    path = await entered(service, of, keys={"keys": [{**good, "x5c": ["AAAA"], "note": "of mine"}]})
    kept = (await service.operator.done("GET", path))["description"]["keys"]["keys"]
    assert kept == [{name: value for name, value in good.items() if name in ("kty", "crv", "x", "y", "kid", "alg")}]
    more = {"keys": {"keys": [{**good, "d": "AAAA"}]}}
    assert_problem(await service.operator.patch(path, more, if_match="*"), 422, "issuer_unusable")
    assert (await service.operator.done("GET", path))["description"]["keys"]["keys"] == kept


async def test_only_the_operators_administrators_and_nobody_without_a_token(service: Service, cast: Cast) -> None:
    path = await entered(service, forge(cast.assisting))
    all_, attach = "/v1/issuers", f"{path}/attach-agency"
    for method, target in (("GET", all_), ("GET", path), ("POST", all_), ("POST", attach)):
        assert_problem(await service.anonymous.send(method, target, json={}), 401)
        for role in (Role.AGENCY_ADMIN, Role.LEGAL, Role.SERVICE):
            caller = cast.assisting.as_(role, scope="issuers:*")
            assert_problem(await caller.send(method, target, json={}), 403, "forbidden")
    assert_problem(await service.operator.get(f"/v1/issuers/{uuid4()}"), 404)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"jwks_uri": "https://x.example/keys"}, "issuer_unusable"),
        ({"keys": None, "jwks_uri": "http://x.example/keys"}, "issuer_unusable"),
        ({"keys": {"keys": []}}, "issuer_unusable"),
        ({"keys": {}}, "issuer_unusable"),
        ({"keys": None, "issuer": "urn:x"}, "issuer_unusable"),
        ({"issuer": "two words"}, "invalid_body"),
        ({"preset": "auth0"}, "invalid_body"),
        ({"agencies": ["*"]}, "unknown_field"),
        ({"longest_life_seconds": 90_000}, "invalid_body"),
        ({"claims": {"role_names": {"Chief": "king"}}}, "invalid_body"),
        ({"issuer": DEVELOPMENT_ISSUER}, "issuer_unusable"),
        ({"claims": {"roles": "{a"}}, "issuer_unusable"),
        ({"claims": {"roles": "{a}"}}, "issuer_unusable"),
        ({"claims": {"scope": ["a}"]}}, "issuer_unusable"),
        ({"claims": {"subject": "}tid{"}}, "issuer_unusable"),
        ({"claims": {"subject": "{tid}:{ }"}}, "issuer_unusable"),
        ({"claims": {"token_id": "{{jti}}"}}, "issuer_unusable"),
        ({"claims": {"agency": " "}}, "invalid_body"),
    ],
)
async def test_a_description_that_cannot_work_is_refused(
    service: Service, cast: Cast, changed: dict[str, Any], code: str
) -> None:
    response = await service.operator.post("/v1/issuers", description(forge(cast.assisting), **changed))
    assert_problem(response, 422 if code == "issuer_unusable" else 400, code)


async def test_stale_missing_and_repeated_edits(service: Service, cast: Cast) -> None:
    theirs = forge(cast.assisting)
    first = await service.operator.post("/v1/issuers", description(theirs), key="once")
    again = await service.operator.post("/v1/issuers", description(theirs), key="once")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert_problem(await service.operator.post("/v1/issuers", description(theirs)), 409, "issuer_taken")
    path = f"/v1/issuers/{first.json()['id']}"
    assert_problem(await service.operator.patch(path, {"enabled": False}), 428)
    assert_problem(await service.operator.patch(path, {"enabled": False}, if_match='"7-00000000"'), 412)
    ask = {"agency_id": str(cast.assisting.id)}
    assert_problem(await service.operator.post(f"{path}/attach-agency", ask, if_match='"7-00000000"'), 412)
    unknown = {"agency_id": str(uuid4())}
    assert_problem(await service.operator.post(f"{path}/attach-agency", unknown), 422, "unknown_agency")
    for _ in range(2):
        assert (await service.operator.done("POST", f"{path}/attach-agency", ask))["version"] == 2
    for _ in range(2):
        assert (await service.operator.done("POST", f"{path}/detach-agency", ask))["version"] == 3


async def test_the_agency_reads_in_its_history_that_an_issuer_speaks_for_it(service: Service, cast: Cast) -> None:
    theirs = forge(cast.assisting)
    path = await entered(service, theirs)
    await service.operator.done("POST", f"{path}/attach-agency", {"agency_id": str(cast.assisting.id)})
    rows = await service.database.read().all(_EVENTS, {"id": issuer_id(theirs.issuer)})
    assert [row.type for row in rows] == ["issuer.created", "issuer.agency_attached"]


async def test_only_what_the_settings_attach_stays_attached(private_url: str, tmp_path: Path) -> None:
    of = Forge(issuer="https://id.county.example", agency_id=uuid4(), keys={"ES256": make_key("ES256", "first")})
    named = {"claims": {"agency": "groups", "agency_by": "value"}, "agencies": {"/old": str(OPERATOR_AGENCY_ID)}}
    issuers = json.dumps([description(of, **named)])
    async with in_process(load(environment(private_url, tmp_path, REGISTRY_ISSUERS=issuers))) as service:
        path = f"/v1/issuers/{issuer_id(of.issuer)}"
        ask = {"agency_id": str(OPERATOR_AGENCY_ID), "claim_value": "/new"}
        found = await service.operator.done("POST", f"{path}/attach-agency", ask)
        assert [each["claim_value"] for each in found["agencies"]] == ["/new", "/old"]
        found = await service.operator.done("POST", f"{path}/detach-agency", ask)
        assert [each["claim_value"] for each in found["agencies"]] == ["/old"]
        for kept in (ask, {**ask, "claim_value": "/old"}, {**ask, "claim_value": None}):
            refused = await service.operator.post(f"{path}/detach-agency", kept)
            assert_problem(refused, 409, "issuer_in_settings")


@pytest.fixture
async def county(private_url: str, tmp_path: Path) -> AsyncIterator[tuple[Service, Forge]]:
    """A service whose settings describe an issuer that speaks for nobody."""
    of = Forge(issuer="https://id.county.example", agency_id=uuid4(), keys={"ES256": make_key("ES256", "first")})
    issuers = json.dumps([description(of)])
    async with in_process(load(environment(private_url, tmp_path, REGISTRY_ISSUERS=issuers))) as service:
        yield service, of


async def test_agencies_are_attached_to_an_issuer_of_the_settings(county: tuple[Service, Forge]) -> None:
    service, of = county
    body = {"name": "County", "kind": "county", "level": "county", "state": "MN", "time_zone": "America/Chicago"}
    made = await service.operator.done("POST", "/v1/agencies", body)
    await service.operator.done("POST", f"/v1/agencies/{made['id']}/activate", {"reason": "joined"})
    token = of.token(of.claims(agency=made["id"]))
    assert await status(service, token) == 401
    path = f"/v1/issuers/{issuer_id(of.issuer)}"
    before = await service.operator.done("GET", path)
    assert (before["source"], before["version"], before["description"]) == ("settings", 0, None)
    await service.operator.done("POST", f"{path}/attach-agency", {"agency_id": made["id"]})
    await asyncio.sleep(SETTLED)
    assert await status(service, token) == 200
    assert_problem(await service.operator.patch(path, {"enabled": False}, if_match="*"), 409, "issuer_in_settings")
    assert_problem(await service.operator.post("/v1/issuers", description(of)), 409, "issuer_taken")
    await service.operator.done("POST", f"{path}/detach-agency", {"agency_id": made["id"]})
    await asyncio.sleep(SETTLED)
    assert await status(service, token) == 401


async def test_an_issuer_whose_tokens_name_no_agency_speaks_for_one(service: Service, cast: Cast) -> None:
    path = await entered(service, forge(cast.assisting), claims={"agency_by": "only"})
    first, second = ({"agency_id": str(each.id)} for each in (cast.assisting, cast.requesting))
    await service.operator.done("POST", f"{path}/attach-agency", first)
    refused = await service.operator.post(f"{path}/attach-agency", second)
    assert_problem(refused, 409, "issuer_for_one_agency")
    await service.operator.done("PATCH", path, {"claims": {"agency_by": "id"}}, if_match="*")
    assert len((await service.operator.done("POST", f"{path}/attach-agency", second))["agencies"]) == 2
    back = await service.operator.patch(path, {"claims": {"agency_by": "only"}}, if_match="*")
    assert_problem(back, 409, "issuer_for_one_agency")
    for_all = description(forge(cast.assisting), every_agency=True, claims={"agency_by": "only"})
    assert_problem(await service.operator.post("/v1/issuers", for_all), 422, "issuer_unusable")
