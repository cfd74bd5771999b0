"""Clients that publish their keys: fetched when needed, seldom, from nowhere but where the registry may ask."""

import asyncio
from collections.abc import Iterator
from http.client import HTTPException
from uuid import uuid4

import pytest

from registry.directory.clients.commands.signing import AuthorizationServer
from registry.directory.clients.published import MOST_PUBLISHED, OLDEST_SECONDS, PublishedKeys
from registry.directory.clients.routes import issuing
from registry.platform.access import fetching, keys
from registry.platform.access.fetching import Reach
from tests.directory.clients.test_clients import NEW, WHY, ahead
from tests.platform.access.forging import make_key
from tests.support.cast import Agency, Cast
from tests.support.clients import CLIENTS, Program, assert_refused, register
from tests.support.key_server import Published, publishing
from tests.support.logs import logged_by
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

FIRST, SECOND = make_key("ES256", "first"), make_key("EdDSA", "second")
LOOPBACK = "127.0.0.0/8"
WITH_KEYS = {**NEW, "authentication": "private_key_jwt"}


@pytest.fixture
def authorization_server(service: Service) -> AuthorizationServer:
    server: AuthorizationServer = service.edge.app.state.authorization_server
    return server


@pytest.fixture
def published(authorization_server: AuthorizationServer) -> Iterator[tuple[Published, str]]:
    """A program's server on this machine, which the operator's settings would have to allow."""
    before, authorization_server.published.reach = authorization_server.published.reach, Reach([LOOPBACK])
    with publishing({"keys": [FIRST.public_jwk()]}) as found:
        yield found
    authorization_server.published.reach = before


async def publishing_program(agency: Agency, url: str) -> Program:
    program = await register(agency, authentication="private_key_jwt", jwks_uri=url)
    program.key = FIRST
    return program


async def test_a_program_publishes_its_keys_and_they_are_fetched_once(
    cast: Cast, published: tuple[Published, str]
) -> None:
    state, url = published
    program = await publishing_program(cast.assisting, url)
    (credential,) = (await cast.assisting.admin.done("GET", f"{CLIENTS}/{program.id}"))["credentials"]
    assert (credential["jwks_uri"], credential["key_ids"], state.asked) == (url, [], 0), "nothing is fetched before"
    for _ in range(3):
        assert (await program.ask_signed()).status_code == 200
    assert state.asked == 1
    assert (await (await program.caller()).get("/v1/me")).status_code == 200


async def test_a_new_key_is_fetched_once_and_a_withdrawn_one_is_refused(
    cast: Cast, published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    program = await publishing_program(cast.assisting, url)
    assert (await program.ask_signed()).status_code == 200
    state.publish(SECOND.public_jwk())
    program.key = SECOND
    assert_refused(await program.ask_signed(), 401, "invalid_client")
    assert state.asked == 1, "at most one fetch in ten seconds, whatever key somebody names"
    monkeypatch.setattr(keys, "UNKNOWN_KEY_SECONDS", 0)
    assert (await program.ask_signed()).status_code == 200
    assert state.asked == 2
    program.key = FIRST
    assert_refused(await program.ask_signed(), 401, "invalid_client")


async def test_what_is_due_is_fetched_before_a_known_key_is_accepted(
    cast: Cast, published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    program = await publishing_program(cast.assisting, url)
    assert (await program.ask_signed()).status_code == 200
    state.publish(SECOND.public_jwk())
    monkeypatch.setattr(keys, "UNKNOWN_KEY_SECONDS", 0)
    monkeypatch.setattr(keys, "REFRESH_SECONDS", 0)
    assert_refused(await program.ask_signed(), 401, "invalid_client")


async def test_known_keys_go_on_while_the_server_is_away_for_a_day_at_most(
    cast: Cast,
    service: Service,
    authorization_server: AuthorizationServer,
    published: tuple[Published, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, url = published
    monkeypatch.setattr(authorization_server, "published", PublishedKeys([LOOPBACK]))
    program = await publishing_program(cast.assisting, url)
    assert (await program.ask_signed()).status_code == 200
    assert authorization_server.published.health().ok == 1
    monkeypatch.setattr(keys, "UNKNOWN_KEY_SECONDS", 0)
    monkeypatch.setattr(keys, "REFRESH_SECONDS", 0)
    state.status = 500
    assert (await program.ask_signed()).status_code == 200
    health = authorization_server.published.health()
    assert (health.ok, health.stale, health.no_keys) == (0, 1, 0)
    monkeypatch.setattr("registry.directory.clients.published.OLDEST_SECONDS", 0.0)
    with logged_by(issuing) as entries:
        assert_refused(await program.ask_signed(), 401, "invalid_client")
    assert [entry["reason"] for entry in entries] == ["keys_not_fetched"]
    assert OLDEST_SECONDS == 86_400
    ready = (await service.http.get("/health/ready")).json()
    assert ready["client_keys"].keys() == {"ok", "stale", "no_keys"}


BAD: dict[str, tuple[int, bytes]] = {
    "not there": (404, b""),
    "a redirect": (302, b""),
    "no JSON": (200, b"<html>"),
    "no key set": (200, b"[]"),
    "nested": (200, b"[" * 60_000),
    "empty": (200, b'{"keys": []}'),
    "too large": (200, b" " * 70_000),
    "too many": (200, b'{"keys": [' + b",".join([b"{}"] * (MOST_PUBLISHED + 1)) + b"]}"),
    "private": (200, b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA", "kid": "first"}]}'),
}


@pytest.mark.one_database
@pytest.mark.parametrize("wrong", BAD)
async def test_what_is_no_set_of_usable_keys_lets_nobody_in(
    cast: Cast, published: tuple[Published, str], wrong: str
) -> None:
    state, url = published
    state.status, state.body = BAD[wrong]
    program = await publishing_program(cast.assisting, url)
    with logged_by(issuing) as entries:
        assert_refused(await program.ask_signed(), 401, "invalid_client")
    assert [entry["reason"] for entry in entries] == ["keys_not_fetched"]
    assert state.asked == 1, "a redirect is not followed"


async def test_a_server_that_drips_is_cut_off_and_makes_nobody_wait_for_long(
    cast: Cast, published: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = published
    state.drips = True
    monkeypatch.setattr(fetching, "FETCH_SECONDS", 0.3)
    with pytest.raises((OSError, HTTPException)):  # depends on where it was cut
        await asyncio.to_thread(fetching.body_at, url, Reach([LOOPBACK]))
    monkeypatch.setattr(keys, "WAIT_SECONDS", 0.05)
    program = await publishing_program(cast.assisting, url)
    assert_refused(await program.ask_signed(), 401, "invalid_client")


async def test_many_at_once_wait_for_one_fetch(cast: Cast, published: tuple[Published, str]) -> None:
    state, url = published
    program = await publishing_program(cast.assisting, url)
    state.answering.clear()
    asked = [asyncio.create_task(program.ask_signed()) for _ in range(6)]
    await state.arrival()
    state.answering.set()
    assert [each.status_code for each in await asyncio.gather(*asked)] == [200] * 6
    assert state.asked == 1


async def test_a_program_that_is_disabled_meanwhile_gets_nothing_and_causes_no_fetch(
    cast: Cast, published: tuple[Published, str]
) -> None:
    state, url = published
    program = await publishing_program(cast.assisting, url)
    state.answering.clear()
    asked = asyncio.create_task(program.ask_signed())
    await state.arrival()
    await cast.assisting.admin.done("POST", f"{CLIENTS}/{program.id}/disable", WHY)
    state.answering.set()
    assert_refused(await asked, 401, "invalid_client")
    assert_refused(await program.ask_signed(), 401, "invalid_client")
    assert state.asked == 1


async def test_keys_are_moved_to_an_address_and_back_with_overlap(cast: Cast, published: tuple[Published, str]) -> None:
    _, url = published
    program = await register(cast.assisting, authentication="private_key_jwt", keys={"keys": [SECOND.public_jwk()]})
    path = f"{CLIENTS}/{program.id}/rotate"
    await cast.assisting.admin.done("POST", path, {"jwks_uri": url, "keep_until": ahead(hours=1)})
    for key in (FIRST, SECOND):
        program.key = key
        assert (await program.ask_signed()).status_code == 200
    await cast.assisting.admin.done("POST", path, {"keys": {"keys": [SECOND.public_jwk()]}})
    assert (await program.ask_signed()).status_code == 200
    program.key = FIRST
    assert_refused(await program.ask_signed(), 401, "invalid_client")


@pytest.mark.one_database
@pytest.mark.parametrize(
    "address",
    [
        "http://keys.county.example/jwks",
        "HTTP://127.0.0.1/jwks",
        "http://127.0.0.1:8001/jwks",
        "https://127.0.0.1/jwks",
        "https://[::1]/jwks",
        "https://10.0.0.5/jwks",
        "https://169.254.169.254/latest",
        "https://[fd00::5]/jwks",
        "https://[::ffff:10.0.0.5]/jwks",
        "https://[64:ff9b::a00:5]/jwks",
        "https://100.64.0.1/jwks",
        "https://0.0.0.0/jwks",
        "ftp://keys.county.example/jwks",
        "file:///etc/passwd",
        "https://",
        "https://[::1/jwks",
        "https://user:secret@keys.county.example/jwks",
        "https://keys.county.example/jwks#first",
        "https://keys.county.example:99999/jwks",
        "keys.county.example",
    ],
)
async def test_an_address_that_is_never_asked_is_refused(cast: Cast, address: str) -> None:
    body = {**WITH_KEYS, "jwks_uri": address}
    problem = assert_problem(await cast.assisting.admin.post(CLIENTS, body), 422, "keys_unusable")
    assert problem["errors"][0]["pointer"] == "/jwks_uri"


@pytest.mark.one_database
@pytest.mark.parametrize("address", ["", " ", "https://a b", "https://schlüssel.example/", "https://a\r\nb", "x" * 501])
async def test_an_address_that_cannot_be_one_is_malformed(cast: Cast, address: str) -> None:
    assert_problem(await cast.assisting.admin.post(CLIENTS, {**WITH_KEYS, "jwks_uri": address}), 400)


async def test_an_address_is_given_instead_of_keys_and_never_with_a_secret(cast: Cast) -> None:
    address = {"jwks_uri": "https://keys.county.example/jwks"}
    for body in ({**WITH_KEYS, **address, "keys": {"keys": [FIRST.public_jwk()]}}, {**NEW, **address}, WITH_KEYS):
        assert_problem(await cast.assisting.admin.post(CLIENTS, body), 422, "keys_unusable")
    made = await cast.assisting.admin.done("POST", CLIENTS, {**WITH_KEYS, **address})
    assert (made["secret"], made["credentials"][0]["jwks_uri"]) == (None, address["jwks_uri"])


async def test_a_set_that_the_settings_no_longer_allow_is_not_asked(
    cast: Cast, published: tuple[Published, str], authorization_server: AuthorizationServer
) -> None:
    state, url = published
    program = await publishing_program(cast.assisting, url)
    authorization_server.published.reach = Reach()
    with logged_by(issuing) as entries:
        assert_refused(await program.ask_signed(), 401, "invalid_client")
    assert ([entry["reason"] for entry in entries], state.asked) == (["keys_not_fetched"], 0)


async def test_slow_servers_of_one_agency_leave_room_for_others(published: tuple[Published, str]) -> None:
    state, url = published
    found, header = PublishedKeys([LOOPBACK]), {"kid": FIRST.kid, "alg": FIRST.algorithm}
    state.answering.clear()
    slow = uuid4()
    waiting = [asyncio.create_task(found.of(uuid4(), slow, url, header)) for _ in range(6)]
    for _ in range(2):
        await state.arrival()
    with publishing({"keys": [FIRST.public_jwk()]}) as (_, other):
        assert (await found.of(uuid4(), uuid4(), other, header)).keys, "another agency's are fetched meanwhile"
    assert state.asked == 2, "one agency has half of the places"
    state.answering.set()
    await asyncio.gather(*waiting)
