"""Rules of service clients: what they may hold, how they say who they are, and how long what lasts."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus, urlsplit
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.platform.access.fetching import Reach
from registry.platform.access.key_sets import UnusableError, checked_key_set, public_half
from registry.platform.access.permissions import HUMAN_ONLY, PERMISSIONS
from registry.platform.access.principals import Role
from registry.platform.kernel.errors import ClientRefused, GrantRefused, RuleBroken, WrongStatus

TOKEN_LIFE = timedelta(minutes=15)
"""How long the registry's own tokens are valid: a program gets another whenever it needs one."""
SIGNING_OVERLAP = timedelta(hours=1)
"""How long the tokens of a signing key are accepted after another has taken its place: longer than they live."""
LONGEST_OVERLAP = timedelta(days=30)
LAST_USED_EVERY = timedelta(minutes=1)
MOST_CLIENTS = 50
MOST_KEYS = 5
MOST_CREDENTIALS = 2
GRANT_TYPE = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SECRET_PREFIX = "rcs_"  # noqa: S105  # by which programs that look for lost secrets recognise one
_SECRET_BYTES = 32
_CLIENT_ID = re.compile(r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_ONE_SENTENCE = "The client could not be authenticated."

SERVICE_SCOPES = frozenset(
    action.value for action, roles in PERMISSIONS.items() if Role.SERVICE in roles and action not in HUMAN_ONLY
)
"""What a service may hold: each action by its name, none that approves, signs, or administers."""


class ClientAuthentication(StrEnum):
    """How a client proves who it is: by a secret that both know, or by a key that only the client has."""

    CLIENT_SECRET = "client_secret"  # noqa: S105  # a name, no secret
    PRIVATE_KEY_JWT = "private_key_jwt"


class ClientStatus(StrEnum):
    """Whether a client gets tokens."""

    ACTIVE = "active"
    DISABLED = "disabled"


class ClientReason(StrEnum):
    """Why a client is refused, for the log and the metrics; each comment describes one."""

    NO_CREDENTIALS = "no_credentials"  # neither secret nor assertion was sent
    MALFORMED = "malformed"  # the header or the assertion cannot be read
    UNKNOWN_CLIENT = "unknown_client"  # no client has that id
    CLIENT_ID_DIFFERS = "client_id_differs"  # `client_id` and the assertion name two
    WRONG_AUTHENTICATION = "wrong_authentication"  # a secret of a client that has keys, or the other way round
    WRONG_SECRET = "wrong_secret"  # noqa: S105  # not a secret of this client
    CREDENTIAL_ENDED = "credential_ended"  # its overlap is over
    DISABLED = "disabled"  # the client is
    MAY_NOT_ACT = "may_not_act"  # its agency is not active, or it is suspended or inactive
    UNKNOWN_KEY = "unknown_key"  # the client has no such key, or not for that `alg`
    KEYS_NOT_FETCHED = "keys_not_fetched"  # its `jwks_uri` gave none that can be used
    BAD_SIGNATURE = "bad_signature"  # it does not fit
    WRONG_SUBJECT = "wrong_subject"  # `iss` or `sub` is not the client
    WRONG_AUDIENCE = "wrong_audience"  # `aud` is not the token endpoint alone
    CLAIM_MISSING = "claim_missing"  # `exp` or `jti`
    EXPIRED = "expired"  # `exp` is over
    NOT_YET_VALID = "not_yet_valid"  # `nbf` or `iat` is still to come
    TOO_LONG_LIVED = "too_long_lived"  # `exp` is more than five minutes ahead
    USED_BEFORE = "used_before"  # the `jti` was accepted already


class Presented(Struct, kw_only=True, frozen=True):
    """What a request for a token shows of the client: a secret or an assertion, and who it says it is."""

    client_id: UUID
    secret: str | None = None
    assertion: str | None = None


def new_secret() -> str:
    """A secret of 256 random bits."""
    return _SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def secret_hash(secret: str) -> str:
    """What is kept of a secret. A plain hash is enough: nobody guesses 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret: str, kept: str) -> bool:
    """Whether it is the secret of that hash; takes as long either way."""
    return hmac.compare_digest(secret_hash(secret), kept)


def check_scopes(scopes: Sequence[str]) -> None:
    """Raises RuleBroken for a scope that no service may hold."""
    for place, scope in enumerate(scopes):
        if scope not in SERVICE_SCOPES:
            allowed = ", ".join(sorted(SERVICE_SCOPES))
            detail = f"“{scope}” is no scope that a service may hold; these are: {allowed}."
            raise RuleBroken.at(detail, "scope_not_for_services", "not for services", pointer=f"/scopes/{place}")


def checked_keys(
    authentication: ClientAuthentication, keys: Mapping[str, Any] | None, jwks_uri: str | None, reach: Reach
) -> dict[str, Any] | None:
    """The key set to store, without what verifying does not need; None for a secret, and for an address of keys.

    Raises RuleBroken where keys are missing, superfluous, or cannot be used, and for an address that is not asked.
    """
    if authentication is ClientAuthentication.CLIENT_SECRET:
        if keys is not None or jwks_uri is not None:
            detail = "A client with a secret has no keys: leave them out, or register it with `private_key_jwt`."
            raise _unusable(detail, "not for a client with a secret", "/jwks_uri" if keys is None else "/keys")
        return None
    if (keys is None) is (jwks_uri is None):
        detail = "Give the client's public keys as a JSON Web Key Set, or as `jwks_uri` where they are published."
        raise _unusable(detail, "missing" if keys is None else "not beside `jwks_uri`")
    if jwks_uri is not None:
        _check_address(jwks_uri, reach)
        return None
    assert keys is not None
    listed = keys.get("keys")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_KEYS:
        detail = f"A JSON Web Key Set has a list “keys”, here of 1 to {MOST_KEYS} keys."
        raise _unusable(detail, f"1 to {MOST_KEYS} keys")
    try:
        return {"keys": checked_key_set(keys)}
    except UnusableError as why:
        raise _unusable(why.sentence, str(why), f"/keys/keys/{why.place}") from None


def _check_address(jwks_uri: str, reach: Reach) -> None:
    """Raises RuleBroken for an address that would never be asked. Which ones its name has is seen at each fetch."""
    try:
        parts = urlsplit(jwks_uri)
        plain = parts.username is None and parts.password is None and "#" not in jwks_uri and parts.port != 0
    except ValueError:
        plain = False
    if not plain or not reach.allows_url(jwks_uri):
        detail = "`jwks_uri` is an https address without a user or a fragment; or give the keys themselves."
        raise _unusable(detail, "no https address", "/jwks_uri")
    with suppress(ValueError):
        if not reach.allows(parts.hostname or ""):
            detail = "`jwks_uri` is not an address of the public internet, so the registry does not ask it."
            raise _unusable(detail, "not of the public internet", "/jwks_uri")


def check_told_apart(keys: Mapping[str, Any], kept: Iterable[Mapping[str, Any]]) -> None:
    """Raises RuleBroken for a new key with the id of another that is still accepted.

    A signature names its key by that id alone, so that one of the two would end at once, whatever `keep_until` says.
    """
    known = {key["kid"]: key for each in kept for key in each["keys"]}
    for place, key in enumerate(keys["keys"]):
        kid = key["kid"]
        if kid in known and public_half(known[kid]) != public_half(key):
            detail = (
                f"The key at index {place} has the id of another that is accepted until `keep_until`, “{kid}”. Give it "
                "an id of its own, or rotate without `keep_until`, which ends the present keys at once."
            )
            raise _unusable(detail, "the id of a key that is kept", f"/keys/keys/{place}/kid")


def _unusable(detail: str, brief: str, pointer: str = "/keys") -> RuleBroken:
    return RuleBroken.at(detail, "keys_unusable", brief, pointer=pointer)


def overlap_ends(keep_until: datetime | None, now: datetime, live: int) -> datetime:
    """The instant at which earlier credentials end when another takes their place.

    Raises RuleBroken for one that is past or too far, WrongStatus where two credentials are live already.
    """
    if keep_until is None:
        return now
    if not now < keep_until <= now + LONGEST_OVERLAP:
        detail = f"`keep_until` is later than now, and {LONGEST_OVERLAP.days} days ahead at most."
        raise RuleBroken.at(detail, "overlap_out_of_range", "not within the next 30 days", pointer="/keep_until")
    if live >= MOST_CREDENTIALS:
        raise WrongStatus(
            "The client was rotated, and its earlier credential is still accepted. Wait until that ends, or rotate "
            "without `keep_until`, which ends all earlier ones at once."
        )
    return keep_until


def key_ids(keys: Mapping[str, Any]) -> list[str]:
    """The ids of the keys of a set that was accepted."""
    return [str(key["kid"]) for key in keys["keys"]]


def presented(authorization: Sequence[bytes], form: Mapping[str, str]) -> Presented:
    """What the request shows of its client, in exactly one of the ways of RFC 6749, 2.3.1, and RFC 7523, 2.2.

    Raises GrantRefused for more than one way, ClientRefused for none and for what cannot be read.
    """
    assertion, secret, client_id = (form.get(name) for name in ("client_assertion", "client_secret", "client_id"))
    ways = bool(authorization) + (secret is not None) + (assertion is not None)
    if ways > 1 or len(authorization) > 1:
        raise GrantRefused("Authenticate in one way: Basic, client_secret, or client_assertion.", "invalid_request")
    if authorization:
        named, secret = _basic(authorization[0])
        if client_id is not None and client_id != named:
            raise GrantRefused("client_id is not that of the Authorization header.", "invalid_request")
        return Presented(client_id=_client_id(named), secret=secret)
    if secret is not None and client_id is not None:
        return Presented(client_id=_client_id(client_id), secret=secret)
    if assertion is not None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise GrantRefused(f"client_assertion_type must be {ASSERTION_TYPE}.", "invalid_request")
        named = claimed_client(assertion)
        if client_id is not None and client_id != named:
            raise ClientRefused(_ONE_SENTENCE, reason=ClientReason.CLIENT_ID_DIFFERS)
        return Presented(client_id=_client_id(named), assertion=assertion)
    raise ClientRefused(
        "Authenticate the client: Basic, client_secret, or client_assertion.", reason=ClientReason.NO_CREDENTIALS
    )


def claimed_client(assertion: str) -> str:
    """Who an assertion says that its client is; nothing is verified yet. Raises ClientRefused."""
    try:
        payload = assertion.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        raise ClientRefused(_ONE_SENTENCE, reason=ClientReason.MALFORMED) from None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    if not isinstance(issuer, str):
        raise ClientRefused(_ONE_SENTENCE, reason=ClientReason.MALFORMED)
    return issuer


def _basic(field: bytes) -> tuple[str, str]:
    """Id and secret of a Basic header; each is form-encoded before it is put there (RFC 6749, 2.3.1)."""
    scheme, _, given = field.decode("latin-1").partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        text = base64.b64decode(given.strip(" "), validate=True).decode()
        named, colon, secret = text.partition(":")
        if not colon:
            raise ValueError("no colon")
        return unquote_plus(named, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise ClientRefused(_ONE_SENTENCE, reason=ClientReason.MALFORMED) from None


def _client_id(named: str) -> UUID:
    if not _CLIENT_ID.fullmatch(named):
        raise ClientRefused(_ONE_SENTENCE, reason=ClientReason.UNKNOWN_CLIENT)
    return UUID(named)


def refused(reason: ClientReason, detail: str = _ONE_SENTENCE) -> ClientRefused:
    """The refusal of a client for that reason, which is for the log; the caller is told one sentence.

    Once its key is verified, the detail may say more.
    """
    return ClientRefused(detail, reason=reason)


def granted(asked: str | None, held: Iterable[str]) -> list[str]:
    """The scopes of a token: what was asked for, all that the client holds without that. Raises GrantRefused."""
    holds = sorted(held)
    if asked is None:
        return holds
    wanted = sorted(set(asked.split(" ")) - {""})
    if not wanted or (more := [scope for scope in wanted if scope not in holds]):
        named = more[0] if wanted else "none"
        raise GrantRefused(f"The client does not hold the scope {named[:60]}.", "invalid_scope")
    return wanted
