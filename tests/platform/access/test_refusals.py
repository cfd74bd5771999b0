"""What the service tells of refused tokens, and of the keys of its issuers: in its log, its metrics and its health."""

import json
from pathlib import Path

import pytest

from registry.platform.access import authentication
from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.access.refusals import Reason
from registry.platform.http.edge import Edge
from registry.platform.http.health import NO_ISSUER, OK, IssuerHealth, IssuerStatus, check_issuers
from registry.platform.settings import load
from tests.platform.access.conftest import Trusting
from tests.platform.access.forging import AGENCY_ISSUER, Forge, make_key
from tests.support.logs import logged_by
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process

PATH = "/v1/agencies?limit=1"
pytestmark = pytest.mark.one_database


async def counted(edge: Edge, reason: Reason, issuer: str = AGENCY_ISSUER) -> float:
    """How many refusals of that reason and issuer the metrics tell of."""
    labels = {"issuer": issuer, "reason": reason}
    return edge.metrics.registry.get_sample_value("registry_tokens_refused_total", labels) or 0.0


async def test_a_refusal_is_logged_with_its_reason_and_counted_and_the_token_is_in_neither(trusting: Trusting) -> None:
    service, forge = trusting.service, trusting.agency
    for token, reason, event, level in (
        (forge.token(forge.claims(aud="other")), Reason.WRONG_AUDIENCE, "wrong_audience", "warning"),
        (forge.token(forge.claims(roles=...)), Reason.CLAIM_MISSING, "claim_missing:roles", "warning"),
        (forge.token(forge.claims(exp=9, iat=1)), Reason.EXPIRED, "expired", "info"),
    ):
        before = await counted(service.edge, reason)
        with logged_by(authentication) as logged:
            response = await service.http.get(PATH, headers={"authorization": f"Bearer {token}"})
        problem = assert_problem(response, 401)
        (line,) = (each for each in logged if each["event"] == "token refused")
        assert (line["reason"], line["log_level"], line["issuer"]) == (event, level, AGENCY_ISSUER)
        assert (line["subject"], line["trace_id"]) == ("officer-7", problem["trace_id"])
        assert not any(part in json.dumps(logged) for part in token.split("."))
        assert await counted(service.edge, reason) == before + 1
    metrics = (await service.http.get("/metrics")).text
    assert f'registry_tokens_refused_total{{issuer="{AGENCY_ISSUER}",reason="expired"}} ' in metrics


async def test_tokens_are_counted_by_the_issuers_that_are_trusted_and_by_no_name_that_anybody_makes_up(
    trusting: Trusting,
) -> None:
    """Each series is there before its first token: else the first is no increase."""
    service, forge = trusting.service, trusting.agency
    page = (await service.http.get("/metrics")).text
    for issuer in (AGENCY_ISSUER, "unknown"):
        assert all(f'registry_tokens_refused_total{{issuer="{issuer}",reason="{each}"}}' in page for each in Reason)
    accepted = {"issuer": AGENCY_ISSUER}
    registry = service.edge.metrics.registry
    before = registry.get_sample_value("registry_tokens_accepted_total", accepted)
    assert before is not None
    good = await service.http.get(PATH, headers={"authorization": f"Bearer {forge.token(forge.claims())}"})
    assert good.status_code == 200
    assert registry.get_sample_value("registry_tokens_accepted_total", accepted) == before + 1
    unknown = await counted(service.edge, Reason.UNKNOWN_ISSUER, "unknown")
    for made_up in ("https://made.up.example/1", "https://made.up.example/2"):
        token = forge.token(forge.claims(iss=made_up))
        assert (await service.http.get(PATH, headers={"authorization": f"Bearer {token}"})).status_code == 401
    assert await counted(service.edge, Reason.UNKNOWN_ISSUER, "unknown") == unknown + 2
    assert "made.up.example" not in (await service.http.get("/metrics")).text


async def test_the_first_fault_of_each_route_is_an_increase(trusting: Trusting) -> None:
    edge = trusting.service.edge
    for method, route in (("GET", "/v1/agencies"), ("POST", "/v1/loans/{loan_id}/dispatch")):
        labels = {"method": method, "route": route, "status": "500"}
        assert edge.metrics.registry.get_sample_value("registry_requests_total", labels) == 0


async def test_what_a_forger_says_of_itself_is_not_taken_for_a_person(trusting: Trusting) -> None:
    forge = trusting.agency
    forged = forge.token(forge.claims(sub="the-chief"), key=make_key("ES256", forge.key.kid))
    with logged_by(authentication) as logged:
        await trusting.service.http.get(PATH, headers={"authorization": f"Bearer {forged}"})
    (line,) = (each for each in logged if each["event"] == "token refused")
    assert (line["reason"], line["subject"]) == ("bad_signature", None)


async def test_an_honest_caller_is_told_what_is_wrong(trusting: Trusting) -> None:
    forge = trusting.agency
    for token, words in (
        (forge.token(forge.claims(aud="other")), "must name this registry: registry"),
        (forge.token(forge.claims(roles=...)), "no claim `roles`"),
        (forge.token(header={"typ": "JWT"}), "`typ` must be at+jwt"),
        (forge.token(forge.claims(agency="x")), "`agency` names no agency known here"),
    ):
        response = await trusting.service.http.get(PATH, headers={"authorization": f"Bearer {token}"})
        assert words in assert_problem(response, 401, "invalid_token")["detail"]


async def test_a_token_of_an_issuer_without_keys_is_answered_503_and_is_no_refused_one(
    private_url: str, tmp_path: Path
) -> None:
    away = {"issuer": AGENCY_ISSUER, "jwks_uri": "https://127.0.0.1:9/keys", "agencies": ["*"]}
    settings = load(environment(private_url, tmp_path, REGISTRY_ISSUERS=json.dumps([away])))
    forge = Forge(issuer=AGENCY_ISSUER, agency_id=OPERATOR_AGENCY_ID, keys={"ES256": make_key("ES256", "one")})
    async with in_process(settings) as service:
        with logged_by(authentication) as logged:
            response = await service.http.get(PATH, headers={"authorization": f"Bearer {forge.token()}"})
        assert await counted(service.edge, Reason.UNKNOWN_KEY) == 0
    problem = assert_problem(response, 503, "issuer_keys_unavailable")
    assert response.headers["retry-after"] == "10"
    assert AGENCY_ISSUER in problem["detail"]
    assert "www-authenticate" not in response.headers
    (line,) = (each for each in logged if each["event"] == "token not verified")
    assert (line["issuer"], line["kid"], line["trace_id"]) == (AGENCY_ISSUER, "one", problem["trace_id"])


async def test_readiness_names_the_issuer_whose_keys_cannot_be_fetched_and_stays_ready(
    private_url: str, tmp_path: Path
) -> None:
    away = {"issuer": "https://away.example", "jwks_uri": "https://127.0.0.1:9/keys", "agencies": ["*"]}
    settings = load(environment(private_url, tmp_path, REGISTRY_ISSUERS=json.dumps([away])))
    async with in_process(settings) as service:
        await service.edge.app.state.verifier.refresh()
        response = await service.anonymous.get("/health/ready")
    assert response.status_code == 200
    by_issuer = {each["issuer"]: each for each in response.json()["issuers"]}
    assert by_issuer["https://away.example"]["status"] == "no_keys"
    assert by_issuer["https://away.example"]["error"] == "URLError"
    assert by_issuer["urn:registry:development"]["status"] == "ok"


@pytest.mark.parametrize(
    ("found", "check"),
    [
        ([], NO_ISSUER),
        ([("own", "ok")], OK),
        ([("a", "no_keys")], "no keys of any issuer"),
        ([("a", "no_keys"), ("b", "stale")], OK),
        ([("a", "no_keys"), ("own", "ok")], "no keys of any issuer"),
    ],
)
def test_the_registrys_own_key_does_not_make_up_for_those_of_all_issuers_of_people(
    found: list[tuple[str, str]], check: str
) -> None:
    issuers = [
        IssuerHealth(
            issuer=name,
            status=IssuerStatus(status),
            keys=0,
            keys_age_seconds=None,
            error=None,
            skipped_keys=(),
            for_service_clients=name == "own",
        )
        for name, status in found
    ]
    assert check_issuers(issuers) == check


async def test_a_service_that_knows_no_key_of_anybody_is_not_ready(private_url: str, tmp_path: Path) -> None:
    away = {"issuer": "https://away.example", "jwks_uri": "https://127.0.0.1:9/keys", "agencies": ["*"]}
    given = environment(private_url, tmp_path, REGISTRY_ISSUERS=json.dumps([away]), REGISTRY_DEMO="0")
    async with in_process(load({**given, "REGISTRY_LEDGER_KEY": "3f1c9a7e5b2d8046" * 4})) as service:
        await service.edge.app.state.verifier.refresh()
        response = await service.anonymous.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["issuers"] == "no keys of any issuer"
    assert response.json()["checks"]["keys"] == "ok", "the work itself goes on"
