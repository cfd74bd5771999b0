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
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener
from uuid import UUID

import jwt
import msgspec

from registry.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.kernel.errors import Unauthenticated
from registry.settings import Issuer

ALGORITHMS = ("ES256", "ES384", "EdDSA", "RS256", "PS256")
_REQUIRED = ["iss", "aud", "sub", "exp", "iat", "jti"]
_SUBJECT = re.compile(r"\A[!-~]{1,200}\Z")
_LONGEST_TOKEN = 8192
# The library also takes padding, blanks and other encodings of JSON: a token would have many spellings.
_COMPACT = re.compile(r"\Aey[A-Za-z0-9_-]+\.ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_JWKS_LIMIT = 65_536
REFRESH_SECONDS = 300.0


class Keys:
    """The public keys of one issuer, by key id; refreshed from its URL where it has one, keeping the last good set."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.agencies = None if "*" in issuer.agencies else frozenset(UUID(a) for a in issuer.agencies)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = 0.0
        self._body = b""
        if issuer.keys is not None:
            self._keys = parse_key_set(issuer.keys)

    def find(self, kid: str) -> jwt.PyJWK | None:
        """The key, from memory only: an unknown `kid` in a hostile token must not cause a fetch."""
        return self._keys.get(kid)

    async def refresh(self) -> bool:
        """Fetch the key set again when it is due, and tell whether it changed.

        Raises what the fetch or the set is at fault for; the last good set stays in force then.
        """
        url = self.issuer.jwks_url
        if url is None or (time.monotonic() - self._fetched < REFRESH_SECONDS and self._keys):
            return False
        async with asyncio.timeout(10):
            body = await asyncio.to_thread(_fetch, url)
        if changed := body != self._body:
            self._keys, self._body = parse_key_set(msgspec.json.decode(body, type=dict[str, Any])), body
        self._fetched = time.monotonic()
        return changed


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_named: object) -> None:
        """An issuer's keys come from where the settings say, not from where somebody on the way points."""


def _fetch(url: str) -> bytes:
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310  # https only, by settings
    try:
        with build_opener(_NoRedirects).open(request, timeout=5) as answer:
            body: bytes = answer.read(_JWKS_LIMIT + 1)
    except HTTPError as refused:
        refused.close()
        raise
    if len(body) > _JWKS_LIMIT:
        raise ValueError("the key set is larger than 64 KiB")
    return body


def parse_key_set(document: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """Public signing keys by `kid`; keys for encryption are left out.

    Raises ValueError for a key without `kid`, without one allowed algorithm, or with its private half.
    """
    found: dict[str, jwt.PyJWK] = {}
    for key in document.get("keys", []):
        if key.get("use") == "enc":
            continue
        if "d" in key or "k" in key:
            raise ValueError("a key set for verifying holds public keys only")
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
        """Fetch what is due of every issuer's keys; one that fails does not keep the others from it.

        Tokens verified with keys that are gone are forgotten, or a withdrawn key would count until they expire.
        Raises ExceptionGroup of what failed.
        """
        failed = []
        for keys in self._issuers.values():
            try:
                if await keys.refresh():
                    self._remembered.clear()
            except Exception as error:  # noqa: BLE001  # whatever it was; told together at the end
                failed.append(error)
        if failed:
            raise ExceptionGroup("key sets could not be fetched", failed)

    def verify(self, token: str, now: datetime) -> Principal:
        """The principal the token stands for. Raises Unauthenticated, never telling which check failed in detail."""
        if len(token) > _LONGEST_TOKEN or not _COMPACT.match(token):
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
        if Role.REGISTRY_ADMIN in claims["roles"] and agency != OPERATOR_AGENCY_ID:
            raise ValueError("an agency's issuer cannot make administrators of the registry")
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
