"""Bearer tokens: RFC 9068 access tokens, signed asymmetrically, checked the same way every time.

One algorithm per key, chosen by the key and never by the token's header (RFC 8725); `typ` must be `at+jwt`; issuer,
audience, subject, expiry, issue time and token id are required. Whatever else goes wrong inside is an invalid token.
"""

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from datetime import datetime
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import jwt
import msgspec

from registry.access.principals import Principal, Role
from registry.kernel.errors import Unauthenticated
from registry.settings import Issuer

ALGORITHMS = ("ES256", "ES384", "EdDSA", "RS256", "PS256")
_REQUIRED = ["iss", "aud", "sub", "exp", "iat", "jti"]
_SUBJECT = re.compile(r"\A[!-~]{1,200}\Z")
_LONGEST_TOKEN = 8192
_JWKS_LIMIT = 65_536
REFRESH_SECONDS = 300.0


class Keys:
    """The public keys of one issuer, by key id; refreshed from its URL where it has one, keeping the last good set."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.agencies = None if "*" in issuer.agencies else frozenset(UUID(a) for a in issuer.agencies)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = 0.0
        if issuer.keys is not None:
            self._keys = parse_key_set(issuer.keys)

    def find(self, kid: str) -> jwt.PyJWK | None:
        """The key, from memory only: an unknown `kid` in a hostile token must not cause a fetch."""
        return self._keys.get(kid)

    async def refresh(self) -> None:
        """Fetch the key set again when it is due; a failing issuer leaves the last good set in force."""
        url = self.issuer.jwks_url
        if url is None or (time.monotonic() - self._fetched < REFRESH_SECONDS and self._keys):
            return
        async with asyncio.timeout(10):
            body = await asyncio.to_thread(_fetch, url)
        self._keys = parse_key_set(msgspec.json.decode(body))
        self._fetched = time.monotonic()


def _fetch(url: str) -> bytes:
    with urlopen(Request(url, headers={"Accept": "application/json"}), timeout=5) as answer:  # noqa: S310  # https only, by settings
        body: bytes = answer.read(_JWKS_LIMIT + 1)
    if len(body) > _JWKS_LIMIT:
        raise ValueError("the key set is larger than 64 KiB")
    return body


def parse_key_set(document: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """Public signing keys by `kid`. Raises ValueError for a key without `kid`, or without one allowed algorithm."""
    found: dict[str, jwt.PyJWK] = {}
    for key in document.get("keys", []):
        kid, algorithm = key.get("kid"), key.get("alg")
        if not isinstance(kid, str) or algorithm not in ALGORITHMS:
            raise ValueError("every key needs a kid and one of the algorithms " + ", ".join(ALGORITHMS))
        if kid in found:
            raise ValueError(f"two keys are called {kid}")
        found[kid] = jwt.PyJWK(key, algorithm=algorithm)
    return found


class TokenVerifier:
    """From the text of a token to a principal; remembers verified tokens by digest until they expire."""

    def __init__(
        self, issuers: tuple[Issuer, ...], *, audience: str, skew_seconds: int, remembered: int = 10_000
    ) -> None:
        self._issuers = {issuer.issuer: Keys(issuer) for issuer in issuers}
        self._audience = audience
        self._skew = skew_seconds
        self._remembered: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()
        self._limit = remembered

    async def refresh(self) -> None:
        """Fetch what is due of every issuer's keys."""
        for keys in self._issuers.values():
            await keys.refresh()

    def verify(self, token: str, now: datetime) -> Principal:
        """The principal the token stands for. Raises Unauthenticated, never telling which check failed in detail."""
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise Unauthenticated("The bearer token is not valid.", "invalid_token")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None:
            if now.timestamp() < known[0]:
                return known[1]
            del self._remembered[digest]
        try:
            expires, principal = self._decode(token, now)
        except Unauthenticated:
            raise
        except Exception:  # noqa: BLE001  # the library lets TypeError and UnicodeError escape on hostile tokens: all mean 401
            raise Unauthenticated("The bearer token is not valid.", "invalid_token") from None
        self._remembered[digest] = (expires, principal)
        if len(self._remembered) > self._limit:
            self._remembered.popitem(last=False)
        return principal

    def _decode(self, token: str, now: datetime) -> tuple[float, Principal]:
        header = jwt.get_unverified_header(token)
        if header.get("typ") not in ("at+jwt", "application/at+jwt") or "crit" in header:
            raise ValueError("not an access token")
        unverified = jwt.decode(token, options={"verify_signature": False})
        keys = self._issuers[unverified["iss"]]
        key = keys.find(header["kid"])
        if key is None or header["alg"] != key.algorithm_name:
            raise ValueError("unknown key")
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm_name],
            audience=self._audience,
            issuer=keys.issuer.issuer,
            options={"require": _REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        expires = self._check_times(claims, now, keys.issuer.longest_life_seconds)
        agency = UUID(_text(claims["agency"]))
        if keys.agencies is not None and agency not in keys.agencies:
            raise ValueError("the issuer may not speak for that agency")
        if not _SUBJECT.fullmatch(claims["sub"]) or not _SUBJECT.fullmatch(_text(claims["jti"])):
            raise ValueError("subject or token id")
        if not isinstance(claims["roles"], list):
            raise ValueError("roles")
        return expires, Principal(
            subject=claims["sub"],
            agency_id=agency,
            roles=frozenset(Role(role) for role in claims["roles"]),
            scopes=frozenset(_text(claims.get("scope", "")).split()),
            token_id=claims["jti"],
            issuer=keys.issuer.issuer,
        )

    def _check_times(self, claims: dict[str, Any], now: datetime, longest: int) -> float:
        """Expiry as a timestamp, skew included. Own arithmetic, because the library reads its own clock."""
        times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
        if any(type(value) is not int or not 0 <= value <= 32503680000 for value in times.values()):
            raise ValueError("times must be whole seconds")
        at = now.timestamp()
        if at >= times["exp"] + self._skew:
            raise Unauthenticated("The bearer token has expired; get a new one.", "token_expired")
        if times["iat"] > at + self._skew or times.get("nbf", 0) > at + self._skew:
            raise ValueError("not valid yet")
        if times["exp"] - times["iat"] > longest:
            raise ValueError("lives longer than its issuer may allow")
        return float(times["exp"] + self._skew)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a claim is not text")
    return value


def mint(
    signing_key: jwt.PyJWK,
    *,
    issuer: str,
    audience: str,
    subject: str,
    agency_id: UUID,
    roles: list[Role],
    scope: str,
    now: datetime,
    life_seconds: int,
    token_id: str,
) -> str:
    """A signed development token; real ones come from the agency's identity provider."""
    issued = int(now.timestamp())
    return jwt.encode(
        {
            "iss": issuer,
            "aud": audience,
            "sub": subject,
            "client_id": "registry-cli",
            "agency": str(agency_id),
            "roles": [role.value for role in roles],
            "scope": scope,
            "iat": issued,
            "nbf": issued,
            "exp": issued + life_seconds,
            "jti": token_id,
        },
        signing_key.key,
        algorithm=signing_key.algorithm_name,
        headers={"kid": signing_key.key_id, "typ": "at+jwt"},
    )
