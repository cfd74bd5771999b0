"""Client assertions: a token that a client signs with its own key to say who it is (RFC 7523). Pure."""

import hashlib
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from msgspec import Struct

from registry.directory.clients.rules import ClientReason, refused
from registry.platform.access.key_sets import KeySet

LONGEST_LIFE = timedelta(minutes=5)
_LONGEST = 4096
_COMPACT = re.compile(r"\Aey[A-Za-z0-9_-]+\.ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_ID = re.compile(r"\A[!-~]{1,200}\Z")
_UNCHECKED: Any = {f"verify_{name}": False for name in ("aud", "iss", "exp", "nbf", "iat", "sub", "jti")}
_LATEST = 32503680000  # the year 3000


class Assertion(Struct, kw_only=True, frozen=True):
    """A verified assertion: the hash of its id, which is accepted once, and when it cannot come again anyway."""

    jti_sha256: str
    expires_at: datetime


def verified(
    assertion: str,
    header: Mapping[str, Any],
    keys: KeySet,
    *,
    client_id: UUID,
    audiences: Collection[str],
    now: datetime,
    skew_seconds: int,
) -> Assertion:
    """The assertion of that client, with its header, signed by one of its keys. Raises ClientRefused.

    The key decides on the algorithm (RFC 8725). `aud` names the token endpoint, or the registry as issuer, and nobody
    else; `iss` and `sub` are the client; it lives five minutes at most.
    """
    claims = _signed(assertion, header, keys)
    if claims.get("iss") != str(client_id) or claims.get("sub") != str(client_id):
        raise refused(ClientReason.WRONG_SUBJECT, "iss and sub of the assertion must both be the client_id.")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if len(named) != 1 or not isinstance(named[0], str) or named[0] not in audiences:
        raise refused(ClientReason.WRONG_AUDIENCE, f"aud of the assertion must be {next(iter(audiences))} alone.")
    expires_at = _expiry(claims, now.timestamp(), skew_seconds)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _ID.fullmatch(jti):
        raise refused(ClientReason.CLAIM_MISSING, "The assertion needs a jti of 1 to 200 visible ASCII characters.")
    return Assertion(
        jti_sha256=hashlib.sha256(jti.encode()).hexdigest(),
        expires_at=now + timedelta(seconds=expires_at - now.timestamp()),
    )


def header_of(assertion: str) -> Mapping[str, Any]:
    """What the assertion says of its key; nothing is verified yet. Raises ClientRefused."""
    if len(assertion) > _LONGEST or not _COMPACT.match(assertion):
        raise refused(ClientReason.MALFORMED)
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(assertion)
    except Exception:  # noqa: BLE001  # the library lets errors of several kinds escape on hostile tokens
        raise refused(ClientReason.MALFORMED) from None
    if "crit" in header:
        raise refused(ClientReason.MALFORMED)
    return header


def _signed(assertion: str, header: Mapping[str, Any], keys: KeySet) -> Mapping[str, Any]:
    """The claims, once the signature is verified; before that, a refusal says nothing to whoever forges."""
    kid, algorithm = header.get("kid"), header.get("alg")
    if "kid" not in header and len({known for known, _ in keys.keys}) == 1:
        kid = next(known for known, _ in keys.keys)
    key = keys.keys.get((kid, algorithm)) if isinstance(kid, str) and isinstance(algorithm, str) else None
    if key is None:
        raise refused(ClientReason.UNKNOWN_KEY)
    try:
        claims: Mapping[str, Any] = jwt.decode(assertion, key.key, algorithms=[key.algorithm_name], options=_UNCHECKED)
    except jwt.InvalidSignatureError:
        raise refused(ClientReason.BAD_SIGNATURE) from None
    except Exception:  # noqa: BLE001  # as above
        raise refused(ClientReason.MALFORMED) from None
    return claims


def _expiry(claims: Mapping[str, Any], at: float, skew: int) -> float:
    """Until when the assertion could be used, as a timestamp, clock skew included."""
    times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    if "exp" not in times:
        raise refused(ClientReason.CLAIM_MISSING, "The assertion needs exp.")
    for name, value in times.items():
        if type(value) is not int:
            raise refused(ClientReason.MALFORMED, f"{name} of the assertion must be in whole seconds.")
        if not 0 <= value <= _LATEST:
            raise refused(ClientReason.MALFORMED, f"{name} of the assertion is no time from 1970 to 2999, in seconds.")
    if at >= times["exp"] + skew:
        raise refused(
            ClientReason.EXPIRED, "The assertion has expired: make one for each request, and compare the clocks."
        )
    if times.get("iat", 0) > at + skew or times.get("nbf", 0) > at + skew:
        raise refused(ClientReason.NOT_YET_VALID, "The assertion is not valid yet: compare the clocks.")
    if times["exp"] > at + LONGEST_LIFE.total_seconds() + skew:
        raise refused(ClientReason.TOO_LONG_LIVED, "exp of the assertion may be 5 minutes ahead at most.")
    return float(times["exp"] + skew)
