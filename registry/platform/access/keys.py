"""The public keys of a token issuer: read tolerantly, fetched in the background, and at once for an unknown key id.

A key set may hold keys that this service cannot or must not use: for encryption, of a new algorithm, too short. Each is
skipped and named in the log and in the readiness check; the others are used (RFC 7517, 5: ignore keys that are not
understood).
"""

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from msgspec import Struct

from registry.platform.http.health import IssuerHealth, IssuerStatus, SkippedKey
from registry.platform.issuers import ALGORITHMS, Issuer, is_secure
from registry.platform.settings import SettingsError

SMALLEST_RSA_BITS = 2048
DISCOVERY = "/.well-known/openid-configuration"
REFRESH_SECONDS = 300.0
UNKNOWN_KEY_SECONDS = 10.0
"""An unknown key id causes at most one fetch in this time: anybody can send one (OpenID Connect Core, 10.1.1)."""
WAIT_SECONDS = 3.0
"""A request with an unknown key id waits at most this long for the fetch that it caused."""
_SET_LIMIT = 65_536
_FETCH_SECONDS = 10.0
# The algorithms of a key that names none, by its type and curve.
_DERIVED: Mapping[tuple[object, object], tuple[str, ...]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("RSA", None): ("RS256", "PS256"),
}
_SECRET_MEMBERS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth"})
_log = structlog.get_logger("registry.platform.access")


class KeySet(Struct, kw_only=True, frozen=True):
    """The usable keys of a key set, by key id and algorithm, and those that were skipped."""

    keys: dict[tuple[str, str], jwt.PyJWK] = {}
    skipped: tuple[SkippedKey, ...] = ()


class UnusableError(Exception):
    """A key cannot or must not be used; the message says why."""


def parse_key_set(document: object, algorithms: Collection[str] = ALGORITHMS) -> KeySet:
    """The keys of a JSON Web Key Set for these algorithms; the others are named with the reason why they are not used.

    Raises ValueError for what is not a key set.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a JSON Web Key Set: it has no list “keys”")
    found: dict[tuple[str, str], jwt.PyJWK] = {}
    skipped = []
    doubled = set()
    for key in listed:
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


def _usable(key: Any, algorithms: Collection[str]) -> Iterator[tuple[tuple[str, str], jwt.PyJWK]]:
    """The key once for each of its algorithms. Raises UnusableError."""
    if not isinstance(key, dict):
        raise UnusableError("not a JSON Web Key")
    if _SECRET_MEMBERS & key.keys():
        raise UnusableError("its private or secret half is published; nothing it signs can be trusted")
    use, operations = key.get("use", "sig"), key.get("key_ops", ["verify"])
    if use != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise UnusableError("not for signatures" if use != "enc" else "for encryption")
    kid = key.get("kid")
    if not isinstance(kid, str) or not kid:
        raise UnusableError("no key id (kid)")
    for algorithm in _algorithms(key, algorithms):
        try:
            made = jwt.PyJWK(key, algorithm=algorithm)
        except Exception as error:  # noqa: BLE001  # the library lets errors of several kinds escape on malformed keys
            raise UnusableError(f"not a key for {algorithm}: {type(error).__name__}") from None
        if isinstance(made.key, RSAPublicKey) and made.key.key_size < SMALLEST_RSA_BITS:
            raise UnusableError(f"RSA with {made.key.key_size} bits; at least {SMALLEST_RSA_BITS} are needed")
        yield (kid, algorithm), made


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


def source_of(issuer: Issuer) -> tuple[object, ...]:
    """What decides which keys an issuer has: two descriptions with the same source have the same keys."""
    return (issuer.issuer, issuer.jwks_url, issuer.keys, issuer.algorithms)


class Keys:
    """The public keys of one issuer. When they cannot be fetched, the last valid set is kept."""

    def __init__(self, issuer: Issuer) -> None:
        """Raises SettingsError when the settings hold its keys and none can be used."""
        self.issuer = issuer
        self._set = KeySet() if issuer.keys is None else parse_key_set(issuer.keys, issuer.algorithms)
        self._body = b""
        self._fetched: float | None = None
        self._asked_for_unknown: float | None = None
        self._fetching: asyncio.Task[bool] | None = None
        self._trouble: str | None = None
        if issuer.keys is not None:
            self._name_skipped()
            if not self.usable:
                raise SettingsError(f"None of the keys of “{issuer.issuer}” can be used: {_reasons(self._set)}.")

    def find(self, header: Mapping[str, Any]) -> jwt.PyJWK | None:
        """The cached key that a token's header names by its id, for the algorithm that it names.

        An issuer with one key need not name it (OpenID Connect Core, 10.1).
        """
        kid, algorithm = header.get("kid"), header.get("alg")
        if "kid" not in header and self.usable == 1:
            ((kid, _),) = {(known, None) for known, _ in self._set.keys}
        return self._set.keys.get((kid, algorithm)) if isinstance(kid, str) and isinstance(algorithm, str) else None

    def knows(self, kid: object) -> bool:
        """Whether a key has this id, whatever its algorithm."""
        return any(known == kid for known, _ in self._set.keys)

    @property
    def usable(self) -> int:
        """How many keys can be used."""
        return len({kid for kid, _ in self._set.keys})

    @property
    def health(self) -> IssuerHealth:
        """How it stands with the keys. What went wrong is named by its kind only: the log has its words."""
        age = None if self._fetched is None else int(time.monotonic() - self._fetched)
        status = IssuerStatus.OK if self._trouble is None else IssuerStatus.STALE
        return IssuerHealth(
            issuer=self.issuer.issuer,
            status=status if self.usable else IssuerStatus.NO_KEYS,
            keys=self.usable,
            keys_age_seconds=age,
            error=None if self._trouble is None else self._trouble.partition(":")[0],
            skipped_keys=self._set.skipped,
        )

    async def refresh(self) -> bool:
        """Fetch the key set again when it is due; returns whether it changed.

        A failure is logged, and told by `health`.
        """
        due = self._fetched is None or self._trouble or time.monotonic() - self._fetched >= REFRESH_SECONDS
        return await self._fetch_once() if due else False

    async def refresh_for_unknown(self) -> bool:
        """Fetch the key set because a token names an unknown key; returns whether it changed.

        At most once in `UNKNOWN_KEY_SECONDS`; concurrent requests wait for the same fetch, and not for long.
        """
        now = time.monotonic()
        if self._fetching is None:
            if self._asked_for_unknown is not None and now - self._asked_for_unknown < UNKNOWN_KEY_SECONDS:
                return False
            self._asked_for_unknown = now
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._fetch_once()
        except TimeoutError:
            return False

    async def _fetch_once(self) -> bool:
        """The outcome of the fetch that runs, or of a new one. Cancelling who waits does not cancel the fetch."""
        if self.issuer.keys is not None:
            return False
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        running = self._fetching
        return await asyncio.shield(running)

    async def _fetch(self) -> bool:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                body = await asyncio.to_thread(fetch_key_set, self.issuer)
            if changed := body != self._body:
                found = parse_key_set(msgspec.json.decode(body), self.issuer.algorithms)
                if found.skipped and not found.keys:
                    raise ValueError("none of its keys can be used: " + _reasons(found))
                self._set, self._body = found, body
                self._name_skipped()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this issuer's trouble: the others go on
            self._trouble = f"{type(error).__name__}: {error}"[:300]
            _log.warning("keys not fetched", issuer=self.issuer.issuer, error=self._trouble, keys_in_use=self.usable)
            return False
        else:
            self._trouble, self._fetched = None, time.monotonic()
            return changed
        finally:
            self._fetching = None

    def _name_skipped(self) -> None:
        for key in self._set.skipped:
            _log.warning("key skipped", issuer=self.issuer.issuer, kid=key.kid, reason=key.reason)


def _reasons(found: KeySet) -> str:
    return "; ".join(f"{key.kid or 'without an id'}: {key.reason}" for key in found.skipped[:3]) or "there are none"


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_named: object) -> None:
        """Refuses redirects: an issuer's keys come from the configured address only."""


def fetch_key_set(issuer: Issuer) -> bytes:
    """The key set that an issuer publishes.

    Raises ValueError when the document by which it is discovered is another issuer's, or names no safe address.
    """
    if issuer.jwks_url is not None:
        return _body_at(issuer.jwks_url)
    try:
        found = msgspec.json.decode(_body_at(issuer.issuer.rstrip("/") + DISCOVERY), type=_Discovered)
    except msgspec.DecodeError as error:
        raise ValueError(f"its {DISCOVERY} cannot be read: {error}") from None
    if found.issuer != issuer.issuer:
        raise ValueError(f"its {DISCOVERY} is of another issuer: {found.issuer[:200]}")
    if not is_secure(found.jwks_uri) or (
        issuer.issuer.startswith("https:") and not found.jwks_uri.startswith("https:")
    ):
        raise ValueError(f"its jwks_uri must be https: {found.jwks_uri[:200]}")
    return _body_at(found.jwks_uri)


class _Discovered(Struct, frozen=True):
    """What is needed of OpenID Provider Metadata (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    jwks_uri: str


def _body_at(url: str) -> bytes:
    """The body at an issuer's address, at most 64 KiB, without following redirects."""
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310  # https, or this machine: `is_secure`
    try:
        with build_opener(_NoRedirects).open(request, timeout=5) as answer:
            body: bytes = answer.read(_SET_LIMIT + 1)
    except HTTPError as refused:
        refused.close()
        raise
    if len(body) > _SET_LIMIT:
        raise ValueError("larger than 64 KiB")
    return body
