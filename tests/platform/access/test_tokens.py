"""The verifier by itself: times to the second, keys that come and go, what is remembered and for how long."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from registry.platform.access import keys as keys_
from registry.platform.access.development import development_issuer, development_token
from registry.platform.access.fetching import FETCH_SECONDS
from registry.platform.access.key_sets import parse_key_set
from registry.platform.access.keys import Keys
from registry.platform.access.principals import Principal, Role
from registry.platform.access.refusals import Reason, TokenRefused
from registry.platform.access.tokens import TokenVerifier
from registry.platform.http.health import IssuerStatus
from registry.platform.issuers import DEVELOPMENT_ISSUER, Issuer
from registry.platform.kernel.errors import Busy, Unauthenticated
from registry.platform.settings import Settings, SettingsError, load
from tests.platform.access.forging import AUDIENCE, Forge, make_key
from tests.support.key_server import Published, publishing
from tests.support.logs import logged_by

NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)
AGENCY = UUID("01900000-0000-7000-8000-00000000a9e1")
SKEW = 30
FORGE = Forge(issuer="https://id.example", agency_id=AGENCY, keys={"ES256": make_key("ES256", "first")})


def verifier(*forges: Forge, remembered: int = 10_000) -> TokenVerifier:
    issuers = tuple(
        Issuer(issuer=forge.issuer, agencies=(str(forge.agency_id),), keys=forge.settings()["keys"])  # type: ignore[arg-type]  # a key set
        for forge in forges or (FORGE,)
    )
    return TokenVerifier(issuers, audience=AUDIENCE, skew_seconds=SKEW, remembered=remembered)


def claims(**changed: object) -> dict[str, object]:
    at = int(NOW.timestamp())
    return FORGE.claims(**{"iat": at, "nbf": at, "exp": at + 600, **changed})


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def accepted(token: str, at: datetime, by: TokenVerifier | None = None) -> Principal | None:
    try:
        return (by or verifier()).verify(token, at)
    except Unauthenticated:
        return None


def test_a_token_becomes_a_principal() -> None:
    token = FORGE.token(claims(roles=["coordinator", "legal"], scope="loans:* assets:read", sub="officer-7", jti="t1"))
    assert verifier().verify(token, NOW) == Principal(
        subject="officer-7",
        agency_id=AGENCY,
        roles=frozenset({Role.COORDINATOR, Role.LEGAL}),
        scopes=frozenset({"loans:*", "assets:read"}),
        token_id="t1",
        issuer="https://id.example",
        known_until=after(600 + SKEW).timestamp(),
    )


@pytest.mark.parametrize(
    ("seconds", "good"), [(599, True), (600 + SKEW - 1, True), (600 + SKEW, False), (9_999, False)]
)
def test_a_token_ends_with_its_expiry_and_the_skew(seconds: int, good: bool) -> None:
    token = FORGE.token(claims())
    assert (accepted(token, after(seconds)) is not None) is good
    remembering = verifier()
    assert remembering.verify(token, NOW)
    assert (accepted(token, after(seconds), remembering) is not None) is good, "a remembered token lives no longer"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "good"), [(SKEW - 1, True), (SKEW, True), (SKEW + 1, False)])
def test_a_token_begins_with_the_skew_before_its_time(claim: str, ahead: int, good: bool) -> None:
    token = FORGE.token(claims(**{claim: int(NOW.timestamp()) + ahead}))
    assert (accepted(token, NOW) is not None) is good


@pytest.mark.parametrize(("life", "good"), [(3600, True), (3601, True), (3602, False)])
def test_a_token_lives_at_most_as_long_as_its_issuer_may_allow(life: int, good: bool) -> None:
    token = FORGE.token(claims(exp=int(NOW.timestamp()) + life))
    assert (accepted(token, NOW) is not None) is good


def test_an_expired_token_is_told_apart_so_that_a_client_can_get_a_new_one() -> None:
    with pytest.raises(Unauthenticated) as refused:
        verifier().verify(FORGE.token(claims()), after(5_000))
    assert refused.value.code == "token_expired"


def test_two_issuers_do_not_speak_for_each_other() -> None:
    other = Forge(issuer="https://other.example", agency_id=UUID(int=9), keys={"ES256": make_key("ES256", "first")})
    both = verifier(FORGE, other)
    own = claims(iss=other.issuer, agency=str(other.agency_id))
    assert accepted(other.token(own), NOW, both)
    assert not accepted(FORGE.token(own), NOW, both), "the same kid is another key at another issuer"
    assert not accepted(other.token(claims(iss=other.issuer)), NOW, both), "and another agency's"
    assert not accepted(other.token(claims()), NOW, both)


def test_two_keys_overlap_while_they_are_rotated() -> None:
    first, second = make_key("ES256", "2026"), make_key("EdDSA", "2027")
    turning = Forge(issuer=FORGE.issuer, agency_id=AGENCY, keys={"ES256": first, "EdDSA": second})
    both = verifier(turning)
    for key in (first, second):
        assert accepted(turning.token(claims(), key=key), NOW, both)
    gone = Forge(issuer=FORGE.issuer, agency_id=AGENCY, keys={"EdDSA": second})
    assert not accepted(turning.token(claims(), key=first), NOW, verifier(gone))


def test_an_issuer_with_one_key_need_not_name_it() -> None:
    nameless = FORGE.token(claims(), header={"kid": ...})
    assert accepted(nameless, NOW)
    two = {"ES256": FORGE.key, "EdDSA": make_key("EdDSA", "second")}
    assert not accepted(nameless, NOW, verifier(Forge(issuer=FORGE.issuer, agency_id=AGENCY, keys=two)))


def test_what_is_remembered_is_bounded() -> None:
    small = verifier(remembered=3)
    for number in range(10):
        small.verify(FORGE.token(claims(jti=f"t{number}")), NOW)
    assert len(small._remembered) == 3


def test_a_refused_token_is_not_remembered() -> None:
    small = verifier()
    for _ in range(3):
        assert not accepted(FORGE.token(claims(aud="other")), NOW, small)
    assert not small._remembered


def test_a_refusal_has_a_reason_that_the_caller_is_told_only_once_the_signature_is_verified() -> None:
    good, at = claims(), int(NOW.timestamp())
    known = {
        "malformed": ["x.y.z", FORGE.token(b"[]"), FORGE.token(header={"crit": ["exp"]})],
        "unknown_issuer": [FORGE.token(claims(iss="https://other.example")), FORGE.token(claims(iss=...))],
        "unknown_key": [FORGE.token(good, header={"kid": "other"})],
        "algorithm_not_allowed": [FORGE.token(good, header={"alg": "RS256"}), FORGE.with_hmac(b"x")],
        "bad_signature": [FORGE.token(good, key=make_key("ES256", "first"))],
        "wrong_typ": [FORGE.token(good, header={"typ": "JWT"})],
        "wrong_audience": [FORGE.token(claims(aud="other")), FORGE.token(claims(aud=...))],
        "expired": [FORGE.token(claims(exp=at - 60, iat=at - 100))],
        "not_yet_valid": [FORGE.token(claims(nbf=at + 60)), FORGE.token(claims(iat=at + 60))],
        "too_long_lived": [FORGE.token(claims(exp=at + 7200))],
        "claim_missing:exp": [FORGE.token(claims(exp=...))],
        "claim_missing:jti": [FORGE.token(claims(jti=...))],
        "claim_missing:roles": [FORGE.token(claims(roles=...))],
        "malformed:exp": [FORGE.token(claims(exp="soon"))],
        "malformed:sub": [FORGE.token(claims(sub="two words"))],
        "agency_unknown": [FORGE.token(claims(agency="Springfield"))],
        "agency_not_of_issuer": [FORGE.token(claims(agency=str(UUID(int=7))))],
        "no_role": [FORGE.token(claims(roles=["root"]))],
        "role_not_allowed": [FORGE.token(claims(roles=["legal", "registry_admin"]))],
    }
    unsigned = {"malformed", "unknown_issuer", "unknown_key", "algorithm_not_allowed", "bad_signature"}
    assert {name.partition(":")[0] for name in known} == set(Reason), "or a reason is not tried here"
    for name, tokens_ in known.items():
        for token in tokens_:
            with pytest.raises(TokenRefused) as refused:
                verifier().verify(token, NOW)
            assert refused.value.name == name, token
            assert (refused.value.detail == "The bearer token is not valid.") is (name in unsigned)
            assert (refused.value.subject is None) is (name in unsigned or name == "claim_missing:sub")


def test_a_role_that_is_not_known_takes_nothing_from_those_that_are() -> None:
    """An identity provider has roles of its own: of Keycloak's, each person has some."""
    principal = verifier().verify(FORGE.token(claims(roles=["offline_access", "legal", 7])), NOW)
    assert principal.roles == {Role.LEGAL}


def without(key: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in key.items() if name not in names}


EC, RSA = FORGE.key.public_jwk(), make_key("RS256", "rsa").public_jwk()
OKP = make_key("EdDSA", "okp").public_jwk()
SHORT = jwt.get_algorithm_by_name("RS256").to_jwk(
    rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(),  # what is refused
    as_dict=True,
)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (without(EC, "kid"), "no key id"),
        ({**EC, "kid": 1}, "no key id"),
        ({**EC, "kid": ""}, "no key id"),
        ({**EC, "kid": "a", "alg": "HS256"}, "algorithm HS256"),
        ({**EC, "kid": "a", "alg": "none"}, "algorithm none"),
        ({**EC, "kid": "a", "alg": "ML-DSA-44", "kty": "AKP"}, "algorithm ML-DSA-44"),
        ({**EC, "kid": "a", "alg": "RS256"}, "does not fit"),
        ({**EC, "kid": "a", "alg": ["ES256"]}, "algorithm"),
        ({**EC, "kid": "a", "kty": "AKP", "alg": None}, "type AKP"),
        ({**without(EC, "alg"), "kid": "a", "crv": "secp256k1"}, "secp256k1 is not known"),
        ({**EC, "kid": "a", "x": "AAAA"}, "not a key for ES256"),
        (without({**EC, "kid": "a"}, "y"), "not a key for ES256"),
        ({**EC, "kid": "a", "d": "AAAA"}, "private or secret"),
        ({"kid": "a", "kty": "oct", "k": "AAAA", "alg": "HS256"}, "a symmetric key"),
        ({**RSA, "kid": "a", "use": "enc", "d": "AAAA"}, "private or secret"),
        ({**RSA, "kid": "a", "key_ops": ["encrypt"]}, "not for signatures"),
        ({**SHORT, "kid": "a", "alg": "RS256"}, "1024 bits"),
        ({**SHORT, "kid": "a"}, "1024 bits"),
        ("a key", "not a JSON Web Key"),
        (None, "not a JSON Web Key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "odd",  # two workers make different keys
)
def test_a_key_that_cannot_be_used_is_named_and_skipped_and_the_others_are_used(odd: object, reason: str) -> None:
    found = parse_key_set({"keys": [odd, EC]})
    assert set(found.keys) == {("first", "ES256")}
    (skipped,) = found.skipped
    assert reason in skipped.reason
    assert (
        skipped.kid == (odd.get("kid") if isinstance(odd, dict) and odd.get("kid") == "a" else None) or not skipped.kid
    )


def test_a_key_for_encryption_is_passed_over_in_silence() -> None:
    """Keycloak publishes one in every realm: a warning that always stands hides the ones that count."""
    found = parse_key_set({"keys": [{**RSA, "kid": "a", "use": "enc", "alg": "RSA-OAEP"}, EC]})
    assert (set(found.keys), found.skipped) == ({("first", "ES256")}, ())


def test_a_key_without_an_algorithm_is_for_those_that_fit_its_type() -> None:
    """Entra's keys name none; those of others do."""
    found = parse_key_set({"keys": [without(each, "alg") for each in (EC, RSA, OKP)]})
    assert set(found.keys) == {("first", "ES256"), ("rsa", "RS256"), ("rsa", "PS256"), ("okp", "EdDSA")}
    assert not found.skipped


def test_two_different_keys_of_one_name_are_both_skipped() -> None:
    other = make_key("ES256", "first").public_jwk()
    assert set(parse_key_set({"keys": [EC, EC]}).keys) == {("first", "ES256")}, "twice the same is one"
    found = parse_key_set({"keys": [EC, other, {**RSA, "kid": "first"}]})
    assert set(found.keys) == {("first", "RS256")}, "one name may be an EC and an RSA key (RFC 7517, 4.5)"
    assert "two different keys" in found.skipped[0].reason


@pytest.mark.parametrize("document", [{}, [], None, 7, {"keys": 7}, {"keys": {"first": EC}}])
def test_what_is_no_key_set_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="not a JSON Web Key Set"):
        parse_key_set(document)


def test_settings_with_keys_of_which_none_can_be_used_stop_the_start_with_a_sentence() -> None:
    for keys, why in (([], "there are none"), ([{**EC, "alg": "HS256"}], "first: algorithm HS256")):
        with pytest.raises(SettingsError, match=f"“https://id.example” can be used: {why}"):
            Keys(Issuer(issuer=FORGE.issuer, agencies=("*",), keys={"keys": keys}))


@pytest.fixture
def published() -> Iterator[tuple[Published, str]]:
    """An issuer on the loopback interface; without TLS, which the settings would refuse."""
    with publishing(FORGE.settings()["keys"]) as found:
        yield found


def fetching(url: str, issuer: str = FORGE.issuer) -> Issuer:
    return Issuer(issuer=issuer, agencies=(str(AGENCY),), jwks_uri=url)


def fetching_verifier(*issuers: Issuer) -> TokenVerifier:
    return TokenVerifier(issuers, audience=AUDIENCE, skew_seconds=SKEW)


async def test_keys_are_fetched_when_due(published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch) -> None:
    state, url = published
    by = fetching_verifier(fetching(url))
    await by.refresh()
    await by.refresh()
    assert accepted(FORGE.token(claims()), NOW, by)
    assert state.asked == 1
    monkeypatch.setattr(keys_, "REFRESH_SECONDS", 0)
    await by.refresh()
    assert state.asked == 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("nbf", 99_999_999_999, "no time from 1970 to 2999"),
        ("exp", 4_102_444_800_000, "not milliseconds"),
        ("iat", -1, "no time from 1970"),
        ("nbf", 1.5, "in whole seconds"),
    ],
)
async def test_a_time_that_is_none_is_told_for_what_it_is(name: str, value: float, words: str) -> None:
    with pytest.raises(TokenRefused, match=words):
        await verifier().authenticate(FORGE.token(claims(**{name: value})), NOW)


@pytest.mark.parametrize("fetch_seconds", [0.0, 0.2, FETCH_SECONDS - 0.1])
@pytest.mark.parametrize("slowest_seconds", [0.0, FETCH_SECONDS])
async def test_a_withdrawn_key_counts_for_five_minutes_at_most(
    monkeypatch: pytest.MonkeyPatch, fetch_seconds: float, slowest_seconds: float
) -> None:
    """By a clock that the test moves. Each look waits for the slowest issuer, and may be late by what is allowed."""
    clock = 1000.0
    monkeypatch.setattr(keys_, "time", SimpleNamespace(monotonic=lambda: clock))
    read_at: list[float] = []

    async def fetch() -> bytes:
        nonlocal clock
        read_at.append(clock)  # what is withdrawn from here on is in what was read
        clock += fetch_seconds
        return msgspec.json.encode({"keys": [FORGE.key.public_jwk()]})

    known = Keys(fetching("https://id.example/keys"), fetch)
    counted_until: list[float] = []
    for look in range(60):
        before, began = len(read_at), clock
        await known.refresh()
        if len(read_at) > before:
            counted_until.append(clock)
        clock = max(clock, began + slowest_seconds)
        clock += keys_.LOOK_SECONDS + (look * 7 % 10)
    assert len(read_at) > 8
    longest = max(until - read for read, until in zip(read_at, counted_until[1:], strict=False))
    assert 200 < longest <= keys_.WITHDRAWN_SECONDS == 300


async def test_a_new_key_is_accepted_with_its_first_token(published: tuple[Published, str]) -> None:
    state, url = published
    by = fetching_verifier(fetching(url))
    await by.refresh()
    second = make_key("ES256", "second")
    state.publish(FORGE.key.public_jwk(), second.public_jwk())
    assert await by.authenticate(FORGE.token(claims(), key=second), NOW)
    assert await by.authenticate(FORGE.token(claims()), NOW), "both overlap"


async def test_the_first_token_after_a_start_waits_for_the_keys(published: tuple[Published, str]) -> None:
    _, url = published
    assert await fetching_verifier(fetching(url)).authenticate(FORGE.token(claims()), NOW)


async def test_unknown_keys_cause_one_fetch_in_a_while_and_unknown_issuers_none(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    by = fetching_verifier(fetching(url))
    await by.refresh()

    async def refused(token: str) -> Reason:
        with pytest.raises(TokenRefused) as why:
            await by.authenticate(token, NOW)
        return why.value.reason

    for number in range(20):
        assert await refused(FORGE.token(claims(iss=f"https://{number}.example"))) is Reason.UNKNOWN_ISSUER
        assert await refused(FORGE.token(claims(), key=make_key("ES256", "first"))) is Reason.BAD_SIGNATURE
    assert state.asked == 1
    unknown = [FORGE.token(claims(), header={"kid": f"random-{number}"}) for number in range(50)]
    assert {await each for each in asyncio.as_completed(map(refused, unknown))} == {Reason.UNKNOWN_KEY}
    assert await refused(unknown[0]) is Reason.UNKNOWN_KEY
    assert state.asked == 2
    monkeypatch.setattr(keys_, "UNKNOWN_KEY_SECONDS", 0)
    await refused(unknown[0])
    assert state.asked == 3


async def test_a_slow_issuer_holds_up_nobody_for_long(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    monkeypatch.setattr(keys_, "WAIT_SECONDS", 0.05)
    by = fetching_verifier(fetching(url))
    state.answering.clear()
    with pytest.raises(Busy):
        await by.authenticate(FORGE.token(claims()), NOW)
    state.answering.set()
    await by.refresh()  # what waited has gone; the fetch went on
    assert by.verify(FORGE.token(claims()), NOW)
    assert state.asked == 1


async def test_where_no_key_of_a_known_issuer_can_be_had_the_token_is_not_to_blame(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 would have programs fetch a new token at each request, which cannot help either."""
    state, url = published
    state.status = 503
    by, token = fetching_verifier(fetching(url)), FORGE.token(claims())
    for _ in range(2):
        with pytest.raises(Busy, match="No usable key") as away:
            await by.authenticate(token, NOW)
        assert (away.value.code, away.value.retry_after) == ("issuer_keys_unavailable", 10)
    assert state.asked == 1, "nor is the issuer asked by each"
    for wrong in ("x.y.z", FORGE.token(claims(iss="https://other.example"))):
        with pytest.raises(TokenRefused):
            await by.authenticate(wrong, NOW)
    monkeypatch.setattr(keys_, "UNKNOWN_KEY_SECONDS", 0)
    state.status = 200
    assert await by.authenticate(token, NOW)
    with pytest.raises(TokenRefused):
        await by.authenticate(FORGE.token(claims(), header={"kid": "other"}), NOW)


async def test_a_withdrawn_key_counts_no_longer_not_even_for_tokens_seen_before(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    by = fetching_verifier(fetching(url))
    await by.refresh()
    token = FORGE.token(claims())
    assert accepted(token, NOW, by)
    state.publish(make_key("ES256", "second").public_jwk())
    monkeypatch.setattr(keys_, "REFRESH_SECONDS", 0)
    await by.refresh()
    assert not accepted(token, NOW, by)


async def test_a_key_that_is_not_understood_does_not_stop_the_rotation(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    by = fetching_verifier(fetching(url))
    await by.refresh()
    second = make_key("ES256", "second")
    state.publish({"kid": "new", "kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}, second.public_jwk())
    monkeypatch.setattr(keys_, "REFRESH_SECONDS", 0)
    await by.refresh()
    assert accepted(FORGE.token(claims(), key=second), NOW, by)
    (health,) = by.health()
    assert (health.status, health.keys) == (IssuerStatus.OK, 1)
    assert [(key.kid, key.reason.partition(" is")[0]) for key in health.skipped_keys] == [
        ("new", "algorithm ML-DSA-44")
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (404, b"{}"),
        (302, b""),
        (200, b"not JSON"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"keys": [{"kid": "x"}]}'),
        (200, b'{"keys": 7}'),
        (200, b" " * 70_000),
    ],
)
async def test_a_failing_issuer_leaves_the_last_good_keys_in_force(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    state, url = published
    by = fetching_verifier(fetching(url), fetching(url, "https://second.example"))
    await by.refresh()
    state.status, state.body = status, body
    monkeypatch.setattr(keys_, "REFRESH_SECONDS", 0)
    asked = state.asked
    with logged_by(keys_) as logged:
        await by.refresh()
    assert {line["issuer"] for line in logged} == {FORGE.issuer, "https://second.example"}
    assert all(line["event"] == "keys not fetched" and line["error"] for line in logged)
    assert state.asked == asked + 2, "one issuer's failure must not keep the others' keys from being fetched"
    assert accepted(FORGE.token(claims()), NOW, by)
    assert [each.status for each in by.health()] == [IssuerStatus.STALE] * 2


async def test_an_issuer_that_cannot_be_reached_is_its_own_trouble(published: tuple[Published, str]) -> None:
    _, url = published
    by = fetching_verifier(fetching("https://127.0.0.1:9/jwks", "https://away.example"), fetching(url))
    await by.refresh()
    away, here = by.health()
    assert (away.status, away.keys, away.error) == (IssuerStatus.NO_KEYS, 0, "URLError")
    assert (here.status, here.keys, here.error) == (IssuerStatus.OK, 1, None)
    assert accepted(FORGE.token(claims()), NOW, by)


async def test_an_issuer_that_comes_back_is_ok_again(published: tuple[Published, str]) -> None:
    state, url = published
    state.status = 503
    by = fetching_verifier(fetching(url))
    await by.refresh()
    assert by.health()[0].status is IssuerStatus.NO_KEYS
    state.status = 200
    await by.refresh()
    assert by.health()[0].status is IssuerStatus.OK


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("demo")
    return load(
        {"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(folder), "REGISTRY_DATABASE_URL": f"sqlite:///{folder}/x"}
    )


def test_development_tokens_work_with_their_own_key_only(
    demo: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mine = development_token(demo, agency_id=AGENCY, roles=[Role.LEGAL], subject="s", now=NOW)
    by = TokenVerifier((development_issuer(demo),), audience="registry", skew_seconds=0)
    assert by.verify(mine, NOW).issuer == DEVELOPMENT_ISSUER
    folder = tmp_path_factory.mktemp("other")
    elsewhere = load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(folder)})
    other = TokenVerifier((development_issuer(elsewhere),), audience="registry", skew_seconds=0)
    assert not accepted(mine, NOW, other)


def test_the_development_key_is_readable_by_its_owner_only_and_its_public_half_alone_is_given_out(
    demo: Settings,
) -> None:
    issuer = development_issuer(demo)
    assert issuer.keys is not None
    published = msgspec.convert(issuer.keys["keys"], list[dict[str, str]])
    assert [set(key) for key in published] == [{"alg", "crv", "kid", "kty", "x", "y"}]
    (file,) = demo.data_dir.glob("*.json")
    assert file.stat().st_mode & 0o077 == 0


def test_a_development_token_lives_at_most_a_day(demo: Settings) -> None:
    token = development_token(demo, agency_id=AGENCY, roles=[], subject="s", now=NOW, life_seconds=10**6)
    by = TokenVerifier((development_issuer(demo),), audience="registry", skew_seconds=0)
    assert accepted(token, after(86_399), by)
    assert not accepted(token, after(86_400), by)
