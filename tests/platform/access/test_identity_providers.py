"""Tokens as identity providers issue them: from a provider that runs here, and in the documented shapes of others."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest

from registry.platform.access import keys as keys_
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.platform.access.refusals import Reason, TokenRefused
from registry.platform.access.tokens import TokenVerifier
from registry.platform.http.health import IssuerStatus
from registry.platform.issuers import Description, Issuer, RoleName, described
from registry.platform.kernel.time import utc_now
from registry.platform.settings import SettingsError, load
from tests.platform.access.forging import Forge, Key, make_key
from tests.support.provider import CLIENT, Provider, running_provider
from tests.support.server import free_port

COUNTY = UUID("01920000-0000-7000-8000-00000000c0de")
STATE = UUID("01920000-0000-7000-8000-0000000057a7")
NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)
# What Keycloak 26 puts into an access token beside what every token has.
KEYCLOAK: dict[str, Any] = {
    "jti": "onrtac:5b1f0f0e-6a55-4b0e-9a6e-3d2a0f3a7a10",
    "typ": "Bearer",
    "azp": "registry-web",
    "sid": "0b0c6f0e-93ab-4a3e-a4b7-6e4b0b6a3c55",
    "acr": "1",
    "allowed-origins": ["https://web.example"],
    "realm_access": {"roles": ["default-roles-county", "offline_access", "uma_authorization", "registry-legal"]},
    "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
    "scope": "openid profile email",
    "email_verified": True,
    "name": "Lena Ortiz (demo)",
    "preferred_username": "lena",
}
PEOPLE: dict[str, dict[str, Any]] = {
    "f1b2c3d4-lena": KEYCLOAK,
    "a-guest": {**KEYCLOAK, "realm_access": {"roles": ["offline_access"]}},
}
ROLE_NAMES = {"registry-legal": "legal", "registry-coordinator": "coordinator"}


def verifier(*issuers: Issuer, skew: int = 30) -> TokenVerifier:
    return TokenVerifier(issuers, audience="registry", skew_seconds=skew)


def keycloak(issuer: str, **more: Any) -> Issuer:
    """The county's Keycloak as the settings describe it: nothing but its address, preset, client and roles."""
    described_ = {
        "issuer": issuer,
        "preset": "keycloak",
        "audiences": [CLIENT],
        "agencies": [str(COUNTY)],
        "claims": {"role_names": ROLE_NAMES},
        **more,
    }
    settings = {"REGISTRY_DEMO": "1", "REGISTRY_DEMO_ALLOWS": "issuers", "REGISTRY_ISSUERS": json.dumps([described_])}
    return load(settings).issuers[0]


async def reason(by: TokenVerifier, token: str, now: datetime | None = None) -> str:
    with pytest.raises(TokenRefused) as refused:
        await by.authenticate(token, now or utc_now())
    return refused.value.name


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that issues what Keycloak issues."""
    with running_provider(PEOPLE) as running:
        yield running


async def test_a_person_of_keycloak_is_known_by_the_address_of_the_realm_alone(provider: Provider) -> None:
    by = verifier(keycloak(provider.issuer))
    found = await by.authenticate(provider.token("f1b2c3d4-lena"), utc_now())
    assert found.auth_time is not None, "a real provider writes it into access tokens"
    assert found.known_until is not None, "its end"
    assert msgspec.structs.replace(found, auth_time=None, known_until=None) == Principal(
        subject="f1b2c3d4-lena",
        agency_id=COUNTY,
        roles=frozenset({Role.LEGAL}),
        scopes=frozenset({"openid", "profile", "email", "*"}),
        token_id=KEYCLOAK["jti"],
        issuer=provider.issuer,
        name="Lena Ortiz (demo)",
        acr=("1",),
    )
    assert await reason(by, provider.token("a-guest")) == "no_role"


async def test_an_audience_and_a_kind_of_token_that_is_not_the_registrys_are_refused(provider: Provider) -> None:
    token = provider.token("f1b2c3d4-lena")
    assert await reason(verifier(keycloak(provider.issuer, audiences=["other"])), token) == "wrong_audience"
    id_tokens = keycloak(provider.issuer, claims={"role_names": ROLE_NAMES, "require": {"typ": "ID"}})
    assert await reason(verifier(id_tokens), token) == "wrong_typ:typ"
    assert await reason(verifier(keycloak(provider.issuer, preset="rfc9068")), token) == "wrong_typ"


async def test_a_clock_that_is_apart_by_less_than_the_skew_does_not_matter(provider: Provider) -> None:
    by, token, now = verifier(keycloak(provider.issuer)), provider.token("f1b2c3d4-lena"), utc_now()
    assert await by.authenticate(token, now - timedelta(seconds=25))
    fresh = verifier(keycloak(provider.issuer))
    assert await reason(fresh, token, now - timedelta(seconds=60)) == "not_yet_valid"
    assert await reason(fresh, token, now + timedelta(hours=2)) == "expired"


async def test_keys_that_change_while_the_service_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that is started anew has another key: its tokens count at once, the earlier ones no longer."""
    monkeypatch.setattr(keys_, "UNKNOWN_KEY_SECONDS", 0)
    port = free_port()
    with running_provider(PEOPLE, port) as before:
        by = verifier(keycloak(before.issuer))
        old = before.token("f1b2c3d4-lena")
        assert await by.authenticate(old, utc_now())
    assert await by.authenticate(old, utc_now()), "an outage takes nothing from who is known"
    await by.refresh()
    assert by.health()[0].status is IssuerStatus.OK, "it is not asked before its keys are due"
    monkeypatch.setattr(keys_, "REFRESH_SECONDS", 0)
    await by.refresh()
    assert by.health()[0].status is IssuerStatus.STALE
    with running_provider(PEOPLE, port) as after:
        assert await by.authenticate(after.token("f1b2c3d4-lena"), utc_now())
        assert by.health()[0].status is IssuerStatus.OK
        assert await reason(by, old) == "bad_signature"


async def test_a_provider_that_is_away_at_the_start_is_found_when_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_, "UNKNOWN_KEY_SECONDS", 0)
    port = free_port()
    by = verifier(keycloak(f"http://127.0.0.1:{port}"))
    await by.refresh()
    assert by.health()[0].status is IssuerStatus.NO_KEYS
    with running_provider(PEOPLE, port) as provider:
        assert await by.authenticate(provider.token("f1b2c3d4-lena"), utc_now())


async def test_a_discovery_document_of_another_issuer_is_not_believed(provider: Provider) -> None:
    """A slash more is another name, though the document is found."""
    by = verifier(keycloak(provider.issuer + "/"))
    await by.refresh()
    (health,) = by.health()
    assert (health.status, health.error) == (IssuerStatus.NO_KEYS, "ValueError")


def test_what_is_fetched_is_https_or_on_this_machine() -> None:
    assert keycloak("http://127.0.0.1:8080/realms/county").jwks_uri is None
    assert keycloak("https://login.county.example/realms/county").jwks_uri is None
    for issuer in (
        "http://login.county.example",
        "ftp://127.0.0.1",
        "urn:county",
        "https://",
        "http://127.0.0.1.example",
    ):
        with pytest.raises(SettingsError, match="https"):
            keycloak(issuer)


# The documented shapes. Microsoft, “Access token claims reference” (v2.0); Okta, “Access token payload”.
ENTRA_ISSUER = "https://login.microsoftonline.com/7b8ed8ec-4c6c-4f5e-8d5f-1c9c1a0c5a11/v2.0"
ENTRA: dict[str, Any] = {
    "ver": "2.0",
    "iss": ENTRA_ISSUER,
    "aud": "5c3d8a2e-0000-4000-8000-000000000001",
    "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    "tid": "7b8ed8ec-4c6c-4f5e-8d5f-1c9c1a0c5a11",
    "azp": "e1a7c5d2-0000-4000-8000-000000000002",
    "azpacr": "0",
    "name": "Lena Ortiz (demo)",
    "preferred_username": "lena@county.example",
    "roles": ["Registry.Coordinator"],
    "scp": "access_as_user",
    "uti": "fqiBqXLPj0eQa82S-IYFAA",
    "rh": "I",
    "aio": "AXQAi/8IAAAA",
}
OKTA_ISSUER = "https://county.okta.com/oauth2/ausregistry"
OKTA: dict[str, Any] = {
    "ver": 1,
    "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
    "iss": OKTA_ISSUER,
    "aud": "https://registry.example",
    "cid": "0oaclient",
    "uid": "00u1lena",
    "sub": "lena@county.example",
    "scp": ["openid", "profile"],
    "auth_time": 1783188000,
    "groups": ["Everyone", "Registry Coordinators"],
}


def signed(claims: dict[str, Any], key: Key, header: dict[str, object], life: int = 3600, **changed: object) -> str:
    """A token of these claims with this header, issued a moment ago."""
    at = int(NOW.timestamp())
    forge = Forge(issuer=claims["iss"], agency_id=COUNTY, keys={"RS256": key})
    whole = {**claims, "iat": at, "nbf": at, "exp": at + life, **changed}
    return forge.token({name: value for name, value in whole.items() if value is not ...}, header=header)


def issuer_of(description: dict[str, Any], key: Key, *, without: tuple[str, ...] = ()) -> Issuer:
    """The issuer with its published key, which lacks some members; for the county."""
    published = {name: value for name, value in key.public_jwk().items() if name not in without}
    given = msgspec.convert({**description, "keys": {"keys": [published]}}, Description)
    return described(given, (str(COUNTY),))


KEY = make_key("RS256", "-KI3Q9nNR7bRofxmeZoXqbHZGew")
ENTRA_AS_SET_UP = {
    "issuer": ENTRA_ISSUER,
    "preset": "entra",
    "audiences": [ENTRA["aud"]],
    "claims": {"role_names": {"Registry.Coordinator": "coordinator", "Registry.Service": "service"}},
}
OKTA_AS_SET_UP = {
    "issuer": OKTA_ISSUER,
    "preset": "okta",
    "audiences": ["https://registry.example"],
    "claims": {"role_names": {"Registry Coordinators": "coordinator"}},
}


async def test_a_person_of_entra_id() -> None:
    """`typ` is JWT, the keys name no algorithm, the token lives up to ninety minutes and has `uti` for `jti`."""
    by = verifier(issuer_of(ENTRA_AS_SET_UP, KEY, without=("alg",)))
    found = await by.authenticate(signed(ENTRA, KEY, {"typ": "JWT"}, life=5399), NOW)
    assert (found.subject, found.agency_id, set(found.roles)) == (ENTRA["oid"], COUNTY, {Role.COORDINATOR})
    assert (found.token_id, found.name) == (ENTRA["uti"], "Lena Ortiz (demo)")
    assert "*" in found.scopes
    id_token = signed(ENTRA, KEY, {"typ": "JWT"}, azp=...)
    assert await reason(by, id_token, NOW) == "claim_missing:azp"
    assert await reason(by, signed(ENTRA, KEY, {"typ": "JWT"}, life=5402), NOW) == "too_long_lived"


async def test_an_application_of_entra_id_is_a_service_with_the_scopes_of_its_app_roles() -> None:
    by = verifier(issuer_of(ENTRA_AS_SET_UP, KEY, without=("alg",)))
    app = signed(ENTRA, KEY, {"typ": "JWT"}, scp=..., name=..., roles=["Registry.Service", "assets:read"])
    found = await by.authenticate(app, NOW)
    assert (set(found.roles), set(found.scopes)) == ({Role.SERVICE}, {"Registry.Service", "assets:read"})


async def test_a_person_of_okta() -> None:
    """There is no `typ`, and the scopes are a list. The login may be given to somebody else, the `uid` is not."""
    by = verifier(issuer_of(OKTA_AS_SET_UP, KEY))
    found = await by.authenticate(signed(OKTA, KEY, {"typ": ...}), NOW)
    assert (found.subject, found.agency_id, set(found.roles)) == ("00u1lena", COUNTY, {Role.COORDINATOR})
    assert found.token_id == OKTA["jti"]
    service = signed(OKTA, KEY, {"typ": ...}, uid=..., sub="0oaclient")
    assert (await by.authenticate(service, NOW)).subject == "0oaclient"
    assert await reason(by, signed(OKTA, KEY, {"typ": "JWT"}), NOW) == "wrong_typ"
    assert await reason(by, signed(OKTA, KEY, {"typ": ...}, cid=...), NOW) == "claim_missing:cid"


BROKER = "https://broker.example"
BROKERED = {"iss": BROKER, "aud": "registry", "sub": "lena", "jti": "t1", "roles": ["legal"], "scope": "*"}


def broker(claims: dict[str, Any], agencies: tuple[str, ...] = ("*",), values: dict[str, str] | None = None) -> Issuer:
    """An issuer of several agencies, whose tokens follow RFC 9068 but for these claims."""
    given = msgspec.convert({"issuer": BROKER, "keys": {"keys": [KEY.public_jwk()]}, "claims": claims}, Description)
    return described(given, agencies, values)


def brokered(**changed: object) -> str:
    return signed({**BROKERED, **changed}, KEY, {"typ": "AT+JWT"})


async def test_an_agency_named_by_its_ori_is_looked_up_once_in_a_while() -> None:
    asked = []

    async def find(ori: str) -> UUID | None:
        asked.append(ori)
        await asyncio.sleep(0)
        return {"MN0270000": COUNTY, "MN0620000": STATE}.get(ori)

    only = broker({"agency": "employer_ori", "agency_by": "ori"}, (str(COUNTY),))
    by = TokenVerifier((only,), audience="registry", skew_seconds=30, find_by_ori=find)
    for number in range(3):
        assert (await by.authenticate(brokered(employer_ori="mn0270000", jti=f"t{number}"), NOW)).agency_id == COUNTY
    assert asked == ["MN0270000"]
    later = NOW + timedelta(seconds=61)
    assert await by.authenticate(brokered(employer_ori="MN0270000"), later)
    assert asked == ["MN0270000"] * 2
    assert await reason(by, brokered(employer_ori="MN0620000"), NOW) == "agency_not_of_issuer"
    assert await reason(by, brokered(employer_ori="XX0000000"), NOW) == "agency_unknown"
    assert await reason(by, brokered(employer_ori="Springfield"), NOW) == "agency_unknown"
    assert await reason(by, brokered(), NOW) == "claim_missing:employer_ori"


async def test_an_agency_named_by_a_group() -> None:
    groups = {"/agencies/county": str(COUNTY), "/agencies/county/detectives": str(COUNTY), "/state": str(STATE)}
    by = verifier(broker({"agency": "groups", "agency_by": "value"}, tuple(set(groups.values())), groups))
    named = brokered(groups=["/staff", "/agencies/county", "/agencies/county/detectives"])
    assert (await by.authenticate(named, NOW)).agency_id == COUNTY
    assert (await by.authenticate(brokered(groups="/state", jti="t2"), NOW)).agency_id == STATE
    assert await reason(by, brokered(groups=["/staff"]), NOW) == "agency_unknown"
    assert await reason(by, brokered(groups=["/state", "/agencies/county"]), NOW) == "agency_unknown"


async def test_an_issuer_of_several_agencies_has_to_name_one() -> None:
    several = broker({"agency_by": "only"}, (str(COUNTY), str(STATE)))
    assert await reason(verifier(several), brokered(), NOW) == "agency_unknown"
    assert await reason(verifier(broker({"agency_by": "only"})), brokered(), NOW) == "agency_unknown"


@pytest.mark.parametrize(
    ("claims", "token", "found"),
    [
        ({"subject": "{tid}:{oid}"}, {"tid": "t", "oid": "o"}, {"subject": "t:o"}),
        ({"subject": "urn:{a.b}"}, {"a": {"b": "c"}}, {"subject": "urn:c"}),
        ({"subject": "uid|sub"}, {}, {"subject": "lena"}),
        ({"subject": "uid|sub"}, {"uid": "u"}, {"subject": "u"}),
        ({"roles": "a.b.roles"}, {"a": {"b": {"roles": ["auditor"]}}}, {"roles": {Role.AUDITOR}}),
        ({"roles": "access.a.b.roles"}, {"access": {"a.b": {"roles": ["auditor"]}}}, {"roles": {Role.AUDITOR}}),
        ({"roles": "https://x.example/roles"}, {"https://x.example/roles": "auditor"}, {"roles": {Role.AUDITOR}}),
        ({"role_names": {"Chief": "approver"}}, {"roles": ["Chief", "legal"]}, {"roles": {Role.APPROVER}}),
        ({}, {"scope": ..., "scp": ["loans:read"]}, {"scopes": {"loans:read"}}),
        ({}, {"scope": ["loans:read", "openid"]}, {"scopes": {"loans:read", "openid"}}),
        ({}, {"scope": ...}, {"scopes": frozenset()}),
        ({"scope_default": "loans:*"}, {"scope": "openid api:read"}, {"scopes": {"openid", "api:read", "loans:*"}}),
        ({"scope_default": "*"}, {"scope": "openid loans:read"}, {"scopes": {"openid", "loans:read"}}),
    ],
)
async def test_a_claim_map_reads(claims: dict[str, Any], token: dict[str, Any], found: dict[str, Any]) -> None:
    principal = await verifier(broker(claims)).authenticate(brokered(agency=str(COUNTY), **token), NOW)
    assert {name: getattr(principal, name) for name in found} == found


async def test_a_token_without_an_id_has_a_digest_for_one() -> None:
    by = verifier(broker({"token_id": ""}))
    first, second = (brokered(agency=str(COUNTY), jti=..., n=n) for n in (1, 2))
    ids = {(await by.authenticate(token, NOW)).token_id for token in (first, second, first)}
    assert len(ids) == 2
    assert all(each.startswith("sha256:") for each in ids)


async def test_only_the_operators_people_administer_the_registry() -> None:
    admin: dict[str, Any] = {"roles": ["registry_admin"]}
    by = verifier(broker({}))
    found = await by.authenticate(brokered(agency=str(OPERATOR_AGENCY_ID), **admin), NOW)
    assert found.roles == {Role.REGISTRY_ADMIN}
    assert await reason(by, brokered(agency=str(COUNTY), **admin), NOW) == Reason.ROLE_NOT_ALLOWED


def test_a_role_can_be_given_any_name_and_every_role_has_one() -> None:
    assert set(get_args(RoleName)) == {role.value for role in Role}
