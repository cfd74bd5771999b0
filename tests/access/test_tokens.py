"""The verifier by itself: times to the second, keys that come and go, what is remembered and for how long."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import UUID

import msgspec
import pytest

from registry.access import tokens
from registry.access.development import DEVELOPMENT_ISSUER, development_issuer, development_token
from registry.access.principals import Principal, Role
from registry.access.tokens import Keys, TokenVerifier, parse_key_set
from registry.kernel.errors import Unauthenticated
from registry.settings import Issuer, Settings, load
from tests.access.forging import AUDIENCE, Forge, make_key

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


@pytest.mark.parametrize(("life", "good"), [(3600, True), (3601, False)])
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


@pytest.mark.parametrize(
    "broken",
    [
        {"alg": "ES256"},
        {"kid": "a"},
        {"kid": "a", "alg": "HS256"},
        {"kid": "a", "alg": "none"},
        {"kid": 1},
        {"kid": "a", "alg": "ES256", "d": "AAAA"},
        {"kid": "a", "alg": "ES256", "kty": "oct", "k": "AAAA"},
    ],
    ids=str,
)
def test_a_key_set_with_an_unusable_key_is_refused(broken: dict[str, object]) -> None:
    whole = {name: value for name, value in FORGE.key.public_jwk().items() if name not in ("kid", "alg")}
    with pytest.raises(ValueError, match="key"):
        parse_key_set({"keys": [{**whole, **broken}]})


def test_a_key_set_names_each_key_once_and_leaves_out_those_for_encryption() -> None:
    key = FORGE.key.public_jwk()
    with pytest.raises(ValueError, match="two keys"):
        parse_key_set({"keys": [key, key]})
    found = parse_key_set(
        {"keys": [key, {"kid": "e", "use": "enc", "kty": "RSA", "alg": "RSA-OAEP", "n": "AQ", "e": "AQ"}]}
    )
    assert list(found) == ["first"]
    assert parse_key_set({}) == {}


class Published:
    """A key set as an issuer publishes it, and how often it was asked for."""

    def __init__(self) -> None:
        self.body = json.dumps(FORGE.settings()["keys"]).encode()
        self.status = 200
        self.asked = 0


@pytest.fixture
def published() -> Iterator[tuple[Published, str]]:
    """An issuer on the loopback interface; without TLS, which the settings would refuse."""
    state = Published()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            self.send_response(state.status)
            if state.status == 302:
                self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]  # an HTTPServer's
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_args: object) -> None:
            """Silence."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield state, f"http://127.0.0.1:{server.server_port}/jwks"
        server.shutdown()
        thread.join(5)


def fetching(url: str, name: str = FORGE.issuer) -> Issuer:
    return Issuer(issuer=name, agencies=(str(AGENCY),), jwks_url=url)


async def test_p62_keys_are_fetched_when_due_and_never_for_an_unknown_name(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    by = TokenVerifier((fetching(url),), audience=AUDIENCE, skew_seconds=SKEW)
    await by.refresh()
    await by.refresh()
    for number in range(50):
        assert not accepted(FORGE.token(claims(), header={"kid": f"random-{number}"}), NOW, by)
    assert accepted(FORGE.token(claims()), NOW, by)
    assert state.asked == 1
    monkeypatch.setattr(tokens, "REFRESH_SECONDS", 0)
    await by.refresh()
    assert state.asked == 2


async def test_a_withdrawn_key_counts_no_longer_not_even_for_tokens_seen_before(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    by = TokenVerifier((fetching(url),), audience=AUDIENCE, skew_seconds=SKEW)
    await by.refresh()
    token = FORGE.token(claims())
    assert accepted(token, NOW, by)
    state.body = json.dumps({"keys": [make_key("ES256", "second").public_jwk()]}).encode()
    monkeypatch.setattr(tokens, "REFRESH_SECONDS", 0)
    await by.refresh()
    assert not accepted(token, NOW, by)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (404, b"{}"),
        (302, b""),
        (200, b"not JSON"),
        (200, b"[]"),
        (200, b'{"keys": [{"kid": "x"}]}'),
        (200, b'{"keys": 7}'),
        (200, b" " * 70_000),
    ],
)
async def test_p62_a_failing_issuer_leaves_the_last_good_keys_in_force(
    published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    state, url = published
    healthy = Forge(issuer="https://healthy.example", agency_id=AGENCY, keys={"ES256": make_key("ES256", "h")})
    by = TokenVerifier((fetching(url), fetching(url, healthy.issuer)), audience=AUDIENCE, skew_seconds=SKEW)
    await by.refresh()
    state.status, state.body = status, body
    monkeypatch.setattr(tokens, "REFRESH_SECONDS", 0)
    asked = state.asked
    with pytest.raises(ExceptionGroup) as failed:
        await by.refresh()
    assert len(failed.value.exceptions) == 2
    assert state.asked == asked + 2, "one issuer's failure must not keep the others' keys from being fetched"
    assert accepted(FORGE.token(claims()), NOW, by)


async def test_an_issuer_that_cannot_be_reached_is_a_failure_and_no_crash() -> None:
    keys = Keys(fetching("https://127.0.0.1:9/jwks"))
    with pytest.raises((OSError, ssl.SSLError)):
        await keys.refresh()
    assert keys.find("first") is None


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
