"""JSON Web Key Sets: read tolerantly where others publish them, and strictly where they are handed in.

A published set may hold keys that this service cannot or must not use: of a new algorithm, too short. Each is skipped
and named, except one for encryption, which nobody expects to be used; the others are used (RFC 7517, 5: ignore keys
that are not understood). Who hands a set in can still correct it, so there the first fault refuses it.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from msgspec import Struct

from registry.platform.http.health import SkippedKey
from registry.platform.issuers import ALGORITHMS

SMALLEST_RSA_BITS, LARGEST_RSA_BITS = 2048, 8192
_LARGEST_EXPONENT_BITS = 256  # FIPS 186-5, 5.1; verifying takes as long as the exponent is
_LONGEST_MEMBER = 1400  # characters; the modulus of the largest RSA key has 1366
_SMALL_PRIMES = math.prod(n for n in range(2, 2000) if all(n % divisor for divisor in range(2, math.isqrt(n) + 1)))
_FIELD = 2**255 - 19
_OF_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _FIELD - 1, _OF_ORDER_8, _FIELD - _OF_ORDER_8})
"""The y of the points of Ed25519 whose order divides eight."""
_KEY_ID = re.compile(r"\A[!-~]{1,200}\Z")
# The algorithms of a key that names none, by its type and curve.
_DERIVED: Mapping[tuple[object, object], tuple[str, ...]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("RSA", None): ("RS256", "PS256"),
}
_PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "n", "e")
_SECRET_MEMBERS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth"})


class KeySet(Struct, kw_only=True, frozen=True):
    """The usable keys of a key set, by key id and algorithm, and those that were skipped."""

    keys: dict[tuple[str, str], jwt.PyJWK] = {}
    skipped: tuple[SkippedKey, ...] = ()


class UnusableError(Exception):
    """A key cannot or must not be used; the message says why. `place` is its index in a set that is handed in."""

    def __init__(self, why: str, *, place: int | None = None, kid: str | None = None) -> None:
        super().__init__(why)
        self.place = place
        self.kid = kid

    @property
    def sentence(self) -> str:
        """What is wrong with which key of a set that is handed in."""
        named = f" (“{self.kid}”)" if self.kid else ""
        return f"The key at index {self.place}{named} cannot be used: {self}."


def parse_key_set(document: object, algorithms: Collection[str] = ALGORITHMS) -> KeySet:
    """The keys of a JSON Web Key Set for these algorithms; the others are named with the reason why they are not used.

    Keys for encryption are passed over in silence.
    Raises ValueError for what is not a key set.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a JSON Web Key Set: it has no list “keys”")
    found: dict[tuple[str, str], jwt.PyJWK] = {}
    skipped = []
    doubled = set()
    for key in listed:
        if isinstance(key, dict) and key.get("use") == "enc" and not _SECRET_MEMBERS & key.keys():
            continue  # many providers publish one beside; no token is signed with it, so there is nothing to tell
        kid = key.get("kid") if isinstance(key, dict) else None
        named = kid[:100] if isinstance(kid, str) else None
        try:
            for name, usable in _usable(key, algorithms):
                if name in found and found[name].key != usable.key:
                    doubled.add(name)
                found[name] = usable
        except UnusableError as why:
            skipped.append(SkippedKey(kid=named, reason=str(why)))
    for name in doubled:
        del found[name]
        skipped.append(SkippedKey(kid=name[0][:100], reason=f"two different keys have this id and {name[1]}"))
    return KeySet(keys=found, skipped=tuple(skipped))


def checked_key_set(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """The public keys of a set that is handed in, each with the members that verifying needs and no others.

    Every key must be usable, for verifying signatures and nothing else, and be there once, under an id of its own of 1
    to 200 visible ASCII characters. Raises UnusableError for the first that is not.
    """
    clean: list[dict[str, str]] = []
    for place, key in enumerate(document["keys"]):
        try:
            found = _checked(key)
            for before, other in enumerate(clean):
                if other["kid"] == found["kid"]:
                    raise UnusableError(f"the key at index {before} has the same id (kid)")
                if public_half(other) == public_half(found):
                    raise UnusableError(f"it is the key at index {before} again")
        except UnusableError as why:
            named = key.get("kid") if isinstance(key, dict) else None
            kid = named if isinstance(named, str) and _KEY_ID.fullmatch(named) else None
            raise UnusableError(str(why), place=place, kid=kid) from None
        clean.append(found)
    return clean


def _checked(key: Any) -> dict[str, str]:
    """The key, written in the one way in which its numbers can be. Raises UnusableError."""
    (kid, _), made = next(_usable(key, ALGORITHMS))
    if not _KEY_ID.fullmatch(kid):
        raise UnusableError("its id (kid) must be 1 to 200 visible ASCII characters")
    if key.get("key_ops", ["verify"]) != ["verify"]:
        raise UnusableError("its key_ops name more than verify")
    public = made.Algorithm.to_jwk(made.key, as_dict=True)
    named = {} if key.get("alg") is None else {"alg": key["alg"]}
    return {**public_half(public), "kid": kid, **named}


def public_half(key: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a key of a checked set the key that it is: neither its id nor the algorithm that it names."""
    return {name: key[name] for name in _PUBLIC_MEMBERS if name in key}


def _usable(key: Any, algorithms: Collection[str]) -> Iterator[tuple[tuple[str, str], jwt.PyJWK]]:
    """The key once for each of its algorithms. Raises UnusableError."""
    if not isinstance(key, dict):
        raise UnusableError("not a JSON Web Key")
    if key.get("kty") == "oct":
        raise UnusableError("a symmetric key (type oct), and those are not accepted: give a public key")
    if _SECRET_MEMBERS & key.keys():
        raise UnusableError("its private or secret half is published; nothing it signs can be trusted")
    use, operations = key.get("use", "sig"), key.get("key_ops", ["verify"])
    if use != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise UnusableError("not for signatures" if use != "enc" else "for encryption")
    kid = key.get("kid")
    if not isinstance(kid, str) or not kid:
        raise UnusableError("no key id (kid)")
    for algorithm in _algorithms(key, algorithms):
        if any(isinstance(key.get(name), str) and len(key[name]) > _LONGEST_MEMBER for name in _PUBLIC_MEMBERS):
            raise UnusableError(f"larger than RSA with {LARGEST_RSA_BITS} bits, the largest that is accepted")
        try:
            made = jwt.PyJWK(key, algorithm=algorithm)
        except Exception as error:  # noqa: BLE001  # the library lets errors of several kinds escape on malformed keys
            raise UnusableError(f"not a key for {algorithm}: {type(error).__name__}") from None
        if isinstance(made.key, RSAPublicKey):
            _check_size(made.key)
            _check_modulus(made.key)
        elif isinstance(made.key, Ed25519PublicKey) and _has_small_order(made.key):
            raise UnusableError("a point of small order, by which anybody's signature can be made to pass")
        yield (kid, algorithm), made


def _check_size(key: RSAPublicKey) -> None:
    if key.key_size < SMALLEST_RSA_BITS:
        raise UnusableError(f"RSA with {key.key_size} bits; at least {SMALLEST_RSA_BITS} are needed")
    if key.key_size > LARGEST_RSA_BITS:
        raise UnusableError(f"RSA with {key.key_size} bits; at most {LARGEST_RSA_BITS} are accepted")
    if key.public_numbers().e.bit_length() > _LARGEST_EXPONENT_BITS:
        raise UnusableError(f"RSA with a public exponent of more than {_LARGEST_EXPONENT_BITS} bits")


def _check_modulus(key: RSAPublicKey) -> None:
    """What is cheap to know of a modulus that is no product of two large primes: whoever sees it can factor it."""
    n = key.public_numbers().n
    if math.gcd(n, _SMALL_PRIMES) != 1:
        raise UnusableError("RSA with a modulus that has a small factor")
    # Of more primes than fit into it in full length none is left, so the root of a power ends here.
    for power in (2, 3, 5, 7):
        if _root(n, power) ** power == n:
            raise UnusableError("RSA with a modulus that is a power of a number")


def _root(n: int, power: int) -> int:
    """The whole part of the root, by Newton's steps from above."""
    found = 1 << -(-n.bit_length() // power)
    while (closer := ((power - 1) * found + n // found ** (power - 1)) // power) < found:
        found = closer
    return found


def _has_small_order(key: Ed25519PublicKey) -> bool:
    """Whether eight times the point is the neutral one, whatever its encoding.

    The points of order 1, 2, 4 and 8 have these y; an encoding may add the modulus, and either sign.
    """
    y = int.from_bytes(key.public_bytes_raw(), "little") & (1 << 255) - 1
    return y % _FIELD in _SMALL_ORDER


def _algorithms(key: dict[str, Any], allowed: Collection[str]) -> Collection[str]:
    """The allowed algorithms that the key is for: the one that it names, else those that fit its type."""
    named, kind, curve = key.get("alg"), key.get("kty"), key.get("crv")
    fitting = _DERIVED.get((kind, curve)) if isinstance(kind, str) and isinstance(curve, str | None) else None
    if named is not None and named not in allowed:
        raise UnusableError(f"algorithm {str(named)[:40]} is not one of {', '.join(allowed)}")
    if fitting is None:
        raise UnusableError(f"type {str(kind)[:40]} {str(curve or '')[:40]}".rstrip() + " is not known")
    if named is not None and named not in fitting:
        raise UnusableError(f"algorithm {named} does not fit its type {kind}")
    if not (chosen := [each for each in fitting if each in allowed and named in (None, each)]):
        raise UnusableError(f"a key for {' or '.join(fitting)}, not for one of {', '.join(allowed)}")
    return chosen
