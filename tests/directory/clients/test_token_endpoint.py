"""The token endpoint: what it gives, what it refuses in OAuth's words, and what stays out of the log."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
import msgspec
import pytest
import sqlalchemy as sa

from registry.directory.clients.commands import signing
from registry.directory.clients.routes import issuing
from registry.directory.clients.rules import TOKEN_LIFE
from registry.directory.clients.tables import client_assertion, client_credential
from registry.platform.access.acting import REMEMBERED_SECONDS
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.platform.settings import load
from tests.platform.access.forging import make_key
from tests.support.cast import Cast, make_cast
from tests.support.clients import (
    CLIENTS,
    FORM,
    SCOPES,
    TOKEN,
    Program,
    ask,
    assert_refused,
    basic,
    register,
    register_with_key,
)
from tests.support.exposed import exposed
from tests.support.logs import logged_by
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Service

pytestmark = pytest.mark.second_long


async def test_a_program_gets_a_token_and_calls_with_it(cast: Cast, service: Service) -> None:
    program = await register(cast.assisting)
    response = await program.ask()
    assert response.status_code == 200, response.text
    assert (response.headers["cache-control"], response.headers["pragma"]) == ("no-store", "no-cache")
    given = response.json()
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 900, " ".join(SCOPES))
    header = jwt.get_unverified_header(given["access_token"])
    claims = jwt.decode(given["access_token"], options={"verify_signature": False})
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert (claims["sub"], claims["client_id"], claims["agency"]) == (program.id, program.id, str(cast.assisting.id))
    assert claims["exp"] - claims["iat"] == TOKEN_LIFE.total_seconds() <= 3600
    assert {"iss", "aud", "scope", "jti", "roles"} <= claims.keys()
    keys = (await service.anonymous.done("GET", "/.well-known/jwks.json"))["keys"]
    assert header["kid"] in {key["kid"] for key in keys}
    caller = await program.caller()
    me = await caller.done("GET", "/v1/me")
    assert (me["roles"], me["scopes"], me["agency"]) == (["service"], SCOPES, cast.assisting.reference)
    assert (await caller.get("/v1/agencies?limit=1")).status_code == 200
    assert_problem(await caller.get("/v1/loans"), 403, "forbidden")


async def test_secrets_come_in_the_form_or_as_basic_but_in_one_way(cast: Cast, service: Service) -> None:
    program = await register(cast.assisting)
    assert (await program.ask()).status_code == 200
    assert (await program.ask_by_header()).status_code == 200
    assert (await program.ask_by_header(client_id=program.id)).status_code == 200
    twice = {"client_id": program.id, "client_secret": program.secret}
    assert_refused(await program.ask_by_header(**twice), 400, "invalid_request")
    assert_refused(await program.ask_by_header(client_id=str(uuid4())), 400, "invalid_request")
    assert_refused(await program.ask(client_assertion="x"), 400, "invalid_request")


async def test_a_client_that_cannot_be_told_is_refused_with_one_sentence(cast: Cast, service: Service) -> None:
    program, keyed = await register(cast.assisting), await register_with_key(cast.assisting)
    wrong = [
        {"client_id": program.id, "client_secret": program.secret[:-1] + "!"},
        {"client_id": program.id, "client_secret": "é"},
        {"client_id": str(uuid4()), "client_secret": program.secret},
        {"client_id": "dispatch", "client_secret": program.secret},
        {"client_id": program.id.upper(), "client_secret": program.secret},
        {"client_id": keyed.id, "client_secret": program.secret},
        *({"authorization": text} for text in ("Basic", "Basic !", "Basic eA==", f"Bearer {program.secret}")),
        {"authorization": basic(program.id, "x")},
        {"authorization": basic(program.id, program.secret) + "!"},
    ]
    answers = [await ask(service, **form) for form in wrong]
    assert {assert_refused(each, 401, "invalid_client") for each in answers} == {
        "The client could not be authenticated."
    }
    for form in ({}, {"client_id": program.id}, {"client_secret": program.secret}):
        assert_refused(await ask(service, **form), 401, "invalid_client")


async def test_grants_and_scopes_that_there_are_not(cast: Cast) -> None:
    program = await register(cast.assisting)
    assert_refused(await program.ask(grant_type="..."), 400, "invalid_request")
    assert_refused(await program.ask(grant_type=""), 400, "invalid_request")
    for grant in ("password", "authorization_code", "refresh_token"):
        assert_refused(await program.ask(grant_type=grant), 400, "unsupported_grant_type")
    for scope in ("assets:update", "assets:read loans:read", "*", "assets:*", 'a"b\\c', "é", " "):
        assert_refused(await program.ask(scope=scope), 400, "invalid_scope")
    assert (await program.ask(scope="assets:read  assets:read")).json()["scope"] == "assets:read"
    assert (await program.ask(scope="")).json()["scope"] == " ".join(SCOPES), "a field without a value is none"
    assert (await program.ask(resource="urn:x", unknown="ignored")).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"grant_type", 400),
        (b"grant_type=client_credentials&grant_type=client_credentials", 400),
        (b"grant_type=client_credentials&scope=%ff", 400),
        (b"grant_type=%00", 400),
        (b"&".join(b"a%d=1" % n for n in range(60)), 400),
        (b"scope=" + b"a" * 20_000, 413),
    ],
    ids=["empty", "json", "no value", "twice", "not utf-8", "nul", "many", "large"],
)
async def test_a_form_that_cannot_be_read(service: Service, body: bytes, status: int) -> None:
    response = await service.anonymous.send("POST", TOKEN, content=body, headers=FORM)
    if status == 400:
        assert response.json()["error"] in ("invalid_request", "unsupported_grant_type")
        assert_refused(response, 400, response.json()["error"])
    else:
        assert_problem(response, status)


async def test_other_media_and_methods_are_refused(service: Service) -> None:
    assert_problem(await service.anonymous.post(TOKEN, {"grant_type": "client_credentials"}), 415)
    assert_problem(await service.anonymous.send("POST", TOKEN, content=b"grant_type=x"), 415)
    assert_problem(await service.anonymous.get(TOKEN), 405)
    response = await service.anonymous.send("POST", f"{TOKEN}?client_secret=x", content=b"", headers=FORM)
    assert_problem(response, 400, "unknown_parameter")


async def test_an_idempotency_key_is_nobodys_here(cast: Cast, service: Service) -> None:
    program = await register(cast.assisting)
    form = f"grant_type=client_credentials&client_id={program.id}&client_secret={program.secret}"
    headers = {**FORM, "idempotency-key": "once"}
    first, second = [
        (await service.anonymous.send("POST", TOKEN, content=form, headers=headers)).json() for _ in range(2)
    ]
    assert first["access_token"] != second["access_token"]


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256", "PS256"])
async def test_a_program_signs_an_assertion_with_its_key(cast: Cast, algorithm: str) -> None:
    program = await register_with_key(cast.assisting, algorithm)
    assert (await program.ask_signed()).status_code == 200
    assert (await program.ask_signed(client_id=program.id, scope="assets:read")).json()["scope"] == "assets:read"
    issuer = program.claims(aud=[program.service.settings.public_url])
    assert (await program.ask_signed(program.assertion(issuer))).status_code == 200


async def test_assertions_that_are_not_right(cast: Cast, service: Service) -> None:
    program, other = await register_with_key(cast.assisting), await register_with_key(cast.assisting)
    now, url = int(time.time()), f"{service.settings.public_url}{TOKEN}"
    wrong: list[dict[str, Any]] = [
        {"iss": other.id},
        {"sub": other.id},
        {"sub": ...},
        {"aud": ...},
        {"aud": "https://other.example/token"},
        {"aud": [url, "https://other.example"]},
        {"aud": [[url]]},
        {"aud": url + "/"},
        {"exp": ...},
        {"exp": now - 40},
        {"exp": now + 600},
        {"exp": float(now + 60)},
        {"exp": 10**400},
        {"exp": True},
        {"iat": now + 120},
        {"nbf": now + 120},
        {"nbf": "soon"},
        {"jti": ...},
        {"jti": 7},
        {"jti": "two words"},
        {"jti": "x" * 201},
    ]
    for changed in wrong:
        response = await program.ask_signed(program.assertion(program.claims(**changed)))
        assert_refused(response, 401, "invalid_client")
    assert_refused(await program.ask_signed(client_id=other.id), 401, "invalid_client")
    assert_refused(
        await ask(service, client_assertion=program.assertion(), client_assertion_type="urn:x"), 400, "invalid_request"
    )
    assert_refused(await ask(service, client_assertion=program.assertion()), 400, "invalid_request")


async def test_forged_assertions(cast: Cast, service: Service) -> None:
    program = await register_with_key(cast.assisting)
    secret = await register(cast.assisting)
    assert program.key is not None
    good, claims = program.assertion(), program.claims()
    head, middle, signature = good.split(".")
    stranger = make_key("ES256", program.key.kid)
    as_hmac = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": program.key.kid})
    forged = [
        program.assertion(key=stranger),
        program.assertion(jwk=stranger.public_jwk(), key=stranger),
        program.assertion(kid="unknown"),
        program.assertion(kid="../../dev/null"),
        program.assertion(crit=["exp"]),
        as_hmac,
        f"{head}.{middle}.",
        f"{head}.{middle}.{signature[::-1]}",
        f"{head}.{program.assertion().split('.')[1]}.{signature}",
        f"{head}.{middle}",
        f"{good}.x",
        "..",
        "x",
        "e" * 9000,
        "ey.ey.ey",
    ]
    for assertion in forged:
        assert_refused(await program.ask_signed(assertion), 401, "invalid_client")
    pretending = Program(service=service, id=secret.id, key=program.key)
    assert_refused(await pretending.ask_signed(), 401, "invalid_client")
    assert (await program.ask_signed(good)).status_code == 200


async def test_an_assertion_is_accepted_once_however_many_come_at_once(cast: Cast, service: Service) -> None:
    program = await register_with_key(cast.assisting)
    assertion = program.assertion()
    answers = await asyncio.gather(*(program.ask_signed(assertion) for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [200] + [401] * 5
    other = await register_with_key(cast.assisting)
    same = other.claims(jti=jwt.decode(assertion, options={"verify_signature": False})["jti"])
    assert (await other.ask_signed(other.assertion(same))).status_code == 200, "another program may use the same id"


async def test_an_assertion_is_accepted_once_by_several_processes(private_url: str, tmp_path: Path) -> None:
    settings = load(environment(private_url, tmp_path))
    async with in_process(settings) as one:
        program = await register_with_key((await make_cast(one)).assisting)
        if one.database.dialect == "sqlite":  # which one process serves
            assert (await program.ask_signed(program.assertion())).status_code == 200
            return
        async with in_process(settings) as two:
            elsewhere = Program(service=two, id=program.id, key=program.key)
            for _ in range(4):
                assertion = program.assertion()
                both = await asyncio.gather(program.ask_signed(assertion), elsewhere.ask_signed(assertion))
                assert sorted(each.status_code for each in both) == [200, 401]


async def test_when_a_credential_was_used_is_written_once_a_minute(cast: Cast, service: Service) -> None:
    program = await register(cast.assisting)
    path = f"{CLIENTS}/{program.id}"
    assert (await cast.assisting.admin.done("GET", path))["credentials"][0]["last_used_at"] is None
    for _ in range(3):
        await program.caller()
    first = (await cast.assisting.admin.done("GET", path))["credentials"][0]["last_used_at"]
    await program.caller()
    assert (await cast.assisting.admin.done("GET", path))["credentials"][0]["last_used_at"] == first
    before = {"last_used_at": utc_now() - timedelta(seconds=61)}
    async with unit_of_work(service.database) as write:
        await write.run(client_credential.update().where(client_credential.c.last_used_at.is_not(None)), before)
    await program.caller()
    assert (await cast.assisting.admin.done("GET", path))["credentials"][0]["last_used_at"] > first[:19]


async def test_a_program_of_an_agency_that_may_not_act_gets_no_token(cast: Cast, service: Service) -> None:
    program = await register(cast.assisting)
    caller = await program.caller()
    await service.operator.done("POST", f"/v1/agencies/{cast.assisting.id}/suspend", {"reason": "A test."})
    assert_refused(await program.ask(), 401, "invalid_client")
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert_problem(await caller.get("/v1/me"), 403, "agency_not_active")
    await service.operator.done("POST", f"/v1/agencies/{cast.assisting.id}/reinstate", {"reason": "A test."})
    assert (await program.ask()).status_code == 200
    left = {"kind": "person", "issuer": service.settings.public_url, "value": program.id, "reason": "A test."}
    await cast.assisting.admin.done("POST", "/v1/revocations", left)
    assert_refused(await program.ask(), 401, "invalid_client")


async def test_after_too_many_failures_from_one_address_the_client_waits(private_url: str, tmp_path: Path) -> None:
    proxied = environment(private_url, tmp_path, REGISTRY_TRUSTED_PROXIES="127.0.0.1")
    async with in_process(load(proxied)) as service:
        program = await register((await make_cast(service)).assisting)

        async def from_(address: str, secret: str) -> int:
            form = f"grant_type=client_credentials&client_id={program.id}&client_secret={secret}"
            headers = {**FORM, "x-forwarded-for": address}
            return (await service.anonymous.send("POST", TOKEN, content=form, headers=headers)).status_code

        statuses = [await from_("203.0.113.7", "wrong") for _ in range(24)]
        assert set(statuses) == {401, 429}, "also where a minute begins meanwhile"
        assert statuses[:10] == [401] * 10 or statuses.index(429) >= 10
        last = await service.anonymous.send(
            "POST",
            TOKEN,
            content=f"grant_type=client_credentials&client_id={program.id}&client_secret={program.secret}",
            headers={**FORM, "x-forwarded-for": "203.0.113.7"},
        )
        if last.status_code == 429:
            assert_problem(last, 429, "rate_limited")
            assert 1 <= int(last.headers["retry-after"]) <= 60
        assert await from_("203.0.113.8", program.secret) == 200, "others are not kept out"


async def test_a_refusal_is_logged_with_its_reason_and_counted_and_never_with_the_secret(
    cast: Cast, service: Service
) -> None:
    program, keyed = await register(cast.assisting), await register_with_key(cast.assisting)
    assertion = keyed.assertion()
    assert (await keyed.ask_signed(assertion)).status_code == 200
    ended = program.secret
    rotated = await cast.assisting.admin.done("POST", f"{CLIENTS}/{program.id}/rotate", {})
    with logged_by(issuing) as entries:
        await ask(service, client_id=program.id, client_secret="not-the-secret")
        await ask(service, client_id=program.id, client_secret=ended)
        await ask(service, client_id=keyed.id, client_secret=ended)
        await ask(service, client_id=str(uuid4()), client_secret=ended)
        await ask(service, authorization="Basic !")
        await ask(service)
        await keyed.ask_signed(assertion)
        await keyed.ask_signed(keyed.assertion(keyed.claims(exp=1)))
        await keyed.ask_signed(keyed.assertion(keyed.claims(aud="x")))
        await keyed.ask_signed(keyed.assertion(key=make_key("ES256", keyed.key.kid if keyed.key else "")))
        await ask(service, client_id=program.id, client_secret=rotated["secret"])
    assert [entry["reason"] for entry in entries] == [
        "wrong_secret", "credential_ended", "wrong_authentication", "unknown_client", "malformed", "no_credentials",
        "used_before", "expired", "wrong_audience", "bad_signature",
    ]  # fmt: skip
    assert entries[0]["client_id"] == program.id
    told = str(entries)
    assert not any(secret in told for secret in ("not-the-secret", ended, rotated["secret"], assertion))
    metrics = (await service.http.get("/metrics")).text
    assert 'registry_clients_refused_total{reason="used_before"}' in metrics


async def test_metadata_says_where_everything_is(service: Service) -> None:
    found = await service.anonymous.done("GET", "/.well-known/oauth-authorization-server")
    url = service.settings.public_url
    assert (found["issuer"], found["token_endpoint"], found["jwks_uri"]) == (
        url,
        f"{url}/v1/token",
        f"{url}/.well-known/jwks.json",
    )
    assert "agreements:sign" not in found["scopes_supported"]
    assert found["token_endpoint_auth_methods_supported"][-1] == "private_key_jwt"


async def test_what_is_over_is_forgotten(cast: Cast, service: Service) -> None:
    program = await register_with_key(cast.assisting)
    await program.caller()
    held = (
        sa.select(sa.func.count()).select_from(client_assertion).where(client_assertion.c.client_id == UUID(program.id))
    )
    assert await service.database.read().value(held) == 1
    async with unit_of_work(service.database) as write:
        await signing.forget_what_is_over(write, utc_now())
    assert await service.database.read().value(held) == 1, "it could still come again"
    async with unit_of_work(service.database) as write:
        await signing.forget_what_is_over(write, utc_now() + timedelta(minutes=10))
    assert await service.database.read().value(held) == 0


async def test_without_its_settings_service_clients_are_off_and_say_so(private_url: str, tmp_path: Path) -> None:
    on = load(environment(private_url, tmp_path))
    async with in_process(on) as service:
        cast = await make_cast(service)
        program = await register(cast.assisting)
        caller = await program.caller()
        assert (await service.http.get("/health/ready")).json()["service_clients"] == "on"
    off = msgspec.structs.replace(on, secret_keys=())
    async with in_process(off) as service:
        admin = service.caller(cast.assisting.id, Role.AGENCY_ADMIN)
        assert_problem(await admin.post(CLIENTS, {"name": "x", "scopes": SCOPES}), 409, "clients_off")
        assert_problem(await admin.post(f"{CLIENTS}/{program.id}/rotate"), 409, "clients_off")
        assert_problem(await ask(service, client_id=program.id, client_secret=program.secret), 409, "clients_off")
        assert_problem(await service.anonymous.get("/.well-known/oauth-authorization-server"), 404)
        assert await service.anonymous.done("GET", "/.well-known/jwks.json") == {"keys": []}
        health = await service.http.get("/health/ready")
        assert (health.status_code, health.json()["service_clients"]) == (200, "off")
        assert health.json()["checks"]["service_clients"] == (
            "programs are registered and get no tokens: put REGISTRY_SECRET_KEYS back into the settings"
        )
        refused = await service.http.get("/v1/me", headers={"authorization": f"Bearer {caller.token}"})
        assert_problem(refused, 401)
        assert len((await admin.done("GET", CLIENTS))["items"]) == 1
        disabled = await admin.done("POST", f"{CLIENTS}/{program.id}/disable", {"reason": "A test."})
        assert disabled["status"] == "disabled", "to refuse one, nothing is needed"
        checks = (await service.http.get("/health/ready")).json()["checks"]
        assert checks["service_clients"] == "ok", "no program is left that would miss them"
    lost = msgspec.structs.replace(on, secret_keys=(b"another key of thirty-two bytes!",))
    async with in_process(lost) as service:
        made = await service.caller(cast.assisting.id, Role.AGENCY_ADMIN).done(
            "POST", CLIENTS, {"name": "x", "scopes": SCOPES}
        )
        again = Program(service=service, id=made["id"], secret=made["secret"])
        problem = assert_problem(await again.ask(), 409, "clients_off")
        assert "REGISTRY_SECRET_KEYS" in problem["detail"]
        health = await service.http.get("/health/ready")
        assert (health.status_code, health.json()["service_clients"]) == (200, "off"), "people work on"
        assert health.json()["checks"]["service_clients"].startswith("the key that signs tokens cannot be read: ")
        await exposed(service)
        assert service.edge.metrics.registry.get_sample_value("registry_check_ok", {"check": "service_clients"}) == 0
    moved = msgspec.structs.replace(on, public_url="https://moved.example")
    async with in_process(moved) as service:
        checks = (await service.http.get("/health/ready")).json()["checks"]
        assert checks["service_clients"].startswith("REGISTRY_PUBLIC_URL is https://moved.example, and tokens were")
