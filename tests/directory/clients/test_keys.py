"""The public keys of service clients: what is refused by its index, what is kept, and how they are changed."""

import base64
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from registry.directory.clients.tables import client_credential
from tests.directory.clients.test_clients import NEW, ahead
from tests.platform.access.forging import b64, make_key
from tests.support.cast import Cast
from tests.support.clients import CLIENTS, assert_refused, register, register_with_key
from tests.support.problems import assert_problem
from tests.support.service import Service

GOOD, OTHER, RSA = (
    make_key(*named).public_jwk() for named in (("ES256", "good"), ("EdDSA", "other"), ("RS256", "rsa"))
)
WITH_KEYS = {**NEW, "authentication": "private_key_jwt"}


def numbers(key: dict[str, object], **changed: int) -> dict[str, object]:
    """An RSA key with other numbers."""
    return {**key, **{name: b64(value.to_bytes((value.bit_length() + 7) // 8)) for name, value in changed.items()}}


def weak() -> dict[str, object]:
    made = make_key("RS256", "weak")
    return type(made)(kid="weak", algorithm="RS256", private=rsa.generate_private_key(65537, 1024)).public_jwk()


def curve(named: ec.EllipticCurve, crv: str) -> dict[str, object]:
    at = ec.generate_private_key(named).public_key().public_numbers()
    size = (named.key_size + 7) // 8
    return {"kty": "EC", "crv": crv, "x": b64(at.x.to_bytes(size)), "y": b64(at.y.to_bytes(size)), "kid": "curve"}


MERSENNE = (1 << 2203) - 1
OF_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022


def point(y: int, *, sign: bool = False) -> dict[str, object]:
    """An Ed25519 key of that y; a negative one counts from the modulus."""
    written = (y if y >= 0 else (1 << 255) - 19 + y) | (sign << 255)
    return {**OTHER, "kid": "point", "x": b64(written.to_bytes(32, "little"))}


ALONE: dict[str, tuple[object, str]] = {
    "not an object": ("good", "not a JSON Web Key"),
    "private": ({**GOOD, "d": "AAAA"}, "private or secret half"),
    "symmetric": ({"kty": "oct", "kid": "1", "k": "AAAA"}, "symmetric key"),
    "unknown type": ({**GOOD, "kty": "AKP"}, "type AKP P-256 is not known"),
    "no type": ({"kid": "1"}, "type None is not known"),
    "P-521": (curve(ec.SECP521R1(), "P-521"), "type EC P-521 is not known"),
    "secp256k1": (curve(ec.SECP256K1(), "secp256k1"), "type EC secp256k1 is not known"),
    "a point off the curve": ({**GOOD, "x": "AAAA"}, "not a key"),
    "algorithm": ({**GOOD, "alg": "HS256"}, "HS256 is not one of"),
    "algorithm of another type": ({**GOOD, "alg": "RS256"}, "does not fit its type EC"),
    "RSA of 1024 bits": (weak(), "RSA with 1024 bits"),
    "RSA of 8193 bits": (numbers(RSA, n=(1 << 8192) + 1), "RSA with 8193 bits"),
    "RSA of a megabit": (numbers(RSA, n=(1 << 100_000) + 1), "larger than RSA with 8192 bits"),
    "RSA that is even": (numbers(RSA, n=1 << 2047), "a small factor"),
    "RSA with a small factor": (numbers(RSA, n=1999 * ((1 << 2040) + 1)), "a small factor"),
    "RSA of a square": (numbers(RSA, n=MERSENNE**2), "a power of a number"),
    "RSA of a cube": (numbers(RSA, n=((1 << 1279) - 1) ** 3), "a power of a number"),
    "a point of order 1": (point(1), "small order"),
    "a point of order 2": (point(-1), "small order"),
    "a point of order 4": (point(0, sign=True), "small order"),
    "a point of order 8": (point(OF_ORDER_8), "small order"),
    "a point of order 1, written otherwise": (point((1 << 255) - 18, sign=True), "small order"),
    "a long exponent": (numbers(RSA, e=(1 << 257) + 1), "exponent of more than 256 bits"),
    "use": ({**GOOD, "use": "enc"}, "for encryption"),
    "use null": ({**GOOD, "use": None}, "not for signatures"),
    "key_ops": ({**GOOD, "key_ops": ["sign"]}, "not for signatures"),
    "key_ops contradicted": ({**GOOD, "use": "sig", "key_ops": ["encrypt"]}, "not for signatures"),
    "key_ops mixed": ({**GOOD, "key_ops": ["verify", "wrapKey"]}, "more than verify"),
    "key_ops text": ({**GOOD, "key_ops": "verify"}, "not for signatures"),
    "no kid": ({name: value for name, value in GOOD.items() if name != "kid"}, "no key id"),
    "kid empty": ({**GOOD, "kid": ""}, "no key id"),
    "kid a number": ({**GOOD, "kid": 7}, "no key id"),
    "kid with a blank": ({**GOOD, "kid": "a b"}, "visible ASCII"),
    "kid with a line break": ({**GOOD, "kid": "a\n"}, "visible ASCII"),
    "kid not ASCII": ({**GOOD, "kid": "schlüssel"}, "visible ASCII"),
    "kid too long": ({**GOOD, "kid": "k" * 201}, "visible ASCII"),
    "the id again": ({**RSA, "kid": "other"}, "the key at index 0 has the same id"),
    "the key again": ({**OTHER, "kid": "third"}, "it is the key at index 0 again"),
    "the key again, padded": ({**OTHER, "x": f"{OTHER['x']}=", "kid": "third"}, "it is the key at index 0 again"),
}


@pytest.mark.one_database
@pytest.mark.parametrize("wrong", ALONE)
async def test_a_key_that_cannot_be_used_is_refused_by_its_index(cast: Cast, wrong: str) -> None:
    key, words = ALONE[wrong]
    body = {**WITH_KEYS, "keys": {"keys": [OTHER, key]}}
    problem = assert_problem(await cast.assisting.admin.post(CLIENTS, body), 422, "keys_unusable")
    assert problem["detail"].startswith("The key at index 1 ")
    assert words in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/keys/keys/1"


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (None, "JSON Web Key Set"),
        ({}, "1 to 5"),
        ({"keys": {}}, "1 to 5"),
        ({"keys": []}, "1 to 5"),
        ({"keys": [GOOD] * 6}, "1 to 5"),
    ],
    ids=["missing", "no list", "an object", "none", "six"],
)
async def test_a_set_that_is_none_is_refused(cast: Cast, keys: object, words: str) -> None:
    problem = assert_problem(
        await cast.assisting.admin.post(CLIENTS, {**WITH_KEYS, "keys": keys}), 422, "keys_unusable"
    )
    assert words in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/keys"


async def test_keys_are_for_whoever_is_registered_with_keys(cast: Cast) -> None:
    with_secret = {**NEW, "keys": {"keys": [GOOD]}}
    assert_problem(await cast.assisting.admin.post(CLIENTS, with_secret), 422, "keys_unusable")
    program = await register_with_key(cast.assisting)
    assert_problem(await cast.assisting.admin.post(f"{CLIENTS}/{program.id}/rotate"), 422, "keys_unusable")


async def test_only_what_verifying_needs_is_kept_of_a_key(cast: Cast, service: Service) -> None:
    extra = {"x5c": ["MIIB"], "owner": "Officer (demo)", "use": "sig", "key_ops": ["verify"]}
    sent = [{**RSA, **extra}, {**GOOD, **extra}, {**OTHER, **extra, "kid": "k" * 200}]
    program = await register(cast.assisting, authentication="private_key_jwt", keys={"keys": sent, "note": "x"})
    its = client_credential.c.client_id == UUID(program.id)
    kept = msgspec.json.decode(
        await service.database.read().value(sa.select(client_credential.c.public_keys).where(its))
    )
    assert kept.keys() == {"keys"}
    assert [sorted(key) for key in kept["keys"]] == [
        ["alg", "e", "kid", "kty", "n"],
        ["alg", "crv", "kid", "kty", "x", "y"],
        ["alg", "crv", "kid", "kty", "x"],
    ]


@pytest.mark.one_database
async def test_an_rsa_key_of_8192_bits_is_accepted(cast: Cast) -> None:
    # A modulus without small factors is taken as it is: nobody can tell whether it has two primes.
    largest = numbers(RSA, n=(1 << 8191) + 3)
    assert len(base64.urlsafe_b64decode(f"{largest['n']}==")) == 1024
    await register(cast.assisting, authentication="private_key_jwt", keys={"keys": [largest]})


async def test_a_program_changes_its_key_with_overlap(cast: Cast) -> None:
    program = await register_with_key(cast.assisting)
    fresh, old = make_key("EdDSA", "fresh"), program.key
    body = {"keys": {"keys": [fresh.public_jwk()]}, "keep_until": ahead(hours=1)}
    rotated = await cast.assisting.admin.done("POST", f"{CLIENTS}/{program.id}/rotate", body)
    assert [each["key_ids"] for each in rotated["credentials"]] == [["fresh"], [old.kid if old else ""]]
    assert (await program.ask_signed()).status_code == 200
    program.key = fresh
    assert (await program.ask_signed()).status_code == 200
    await cast.assisting.admin.done("POST", f"{CLIENTS}/{program.id}/rotate", {"keys": body["keys"]})
    program.key = old
    assert_refused(await program.ask_signed(), 401, "invalid_client")


async def test_a_new_key_never_takes_the_id_of_one_that_is_kept(cast: Cast) -> None:
    program = await register_with_key(cast.assisting)
    old = program.key
    assert old is not None
    same_id, path = make_key("ES256", old.kid), f"{CLIENTS}/{program.id}/rotate"
    body: dict[str, Any] = {"keys": {"keys": [GOOD, same_id.public_jwk()]}}
    kept = await cast.assisting.admin.post(path, {**body, "keep_until": ahead(hours=1)})
    problem = assert_problem(kept, 422, "keys_unusable")
    assert f"“{old.kid}”" in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/keys/keys/1/kid"
    assert (await program.ask_signed()).status_code == 200, "the old key is accepted as before"
    again = {"keys": {"keys": [GOOD, old.public_jwk()]}, "keep_until": ahead(hours=1)}
    await cast.assisting.admin.done("POST", path, again)
    assert (await program.ask_signed()).status_code == 200, "the same key may stay under its id"
    await cast.assisting.admin.done("POST", path, body)
    assert_refused(await program.ask_signed(), 401, "invalid_client")
    program.key = same_id
    assert (await program.ask_signed()).status_code == 200, "without an overlap nothing is kept, so the id is free"
