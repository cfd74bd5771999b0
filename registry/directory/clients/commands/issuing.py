"""Issuing a token to a service client (RFC 6749, 4.4)."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt
import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row

from registry.directory.clients.assertions import header_of, verified
from registry.directory.clients.commands.signing import ALGORITHM, AuthorizationServer, current_key
from registry.directory.clients.queries import authenticating
from registry.directory.clients.rules import (
    GRANT_TYPE,
    LAST_USED_EVERY,
    TOKEN_LIFE,
    ClientAuthentication,
    ClientReason,
    Presented,
    granted,
    is_secret,
    presented,
    refused,
)
from registry.directory.clients.schemas import AccessToken
from registry.directory.clients.tables import client_assertion, client_credential
from registry.platform.access.acting import why_refused
from registry.platform.access.key_sets import KeySet, parse_key_set
from registry.platform.access.principals import Role
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import ClientRefused, GrantRefused
from registry.platform.kernel.ids import new_id

_ACCEPT_ONCE = {
    "sqlite": sqlite.insert(client_assertion).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(client_assertion).on_conflict_do_nothing(),
}
_INSTANT = client_credential.c.last_used_at.type
# The condition again, for those that authenticate at the same moment.
_USED = client_credential.update().where(
    client_credential.c.id == sa.bindparam("its_id", type_=client_credential.c.id.type),
    sa.or_(
        client_credential.c.last_used_at.is_(None),
        client_credential.c.last_used_at <= sa.bindparam("minute_ago", type_=_INSTANT),
    ),
)


class TokenAsked(Struct, kw_only=True, frozen=True):
    """A request for a token: its form, its Authorization fields, and where and when it came from."""

    form: Mapping[str, str]
    authorization: Sequence[bytes]
    address: str
    now: datetime


async def issue_token(read: Read, write: Write, server: AuthorizationServer, asked: TokenAsked) -> AccessToken:
    """A token for the client that proves who it is.

    Nothing is written but that an assertion was used, and once a minute when the credential was. Raises GrantRefused
    and ClientRefused in OAuth's terms, TooManyRequests after too many failures, Conflict while service clients are off.
    """
    server.check_on()
    grant_type = asked.form.get("grant_type")
    if grant_type != GRANT_TYPE:
        what = "invalid_request" if grant_type is None else "unsupported_grant_type"
        raise GrantRefused(f"grant_type must be {GRANT_TYPE}.", what)
    given = None
    try:
        given = presented(asked.authorization, asked.form)
        server.failures.check(asked.address, given.client_id, asked.now)
        used = await _authenticated(read, write, server, given, asked.now)
    except ClientRefused as refusal:
        refusal.client_id = None if given is None else str(given.client_id)
        server.failures.note(asked.address, None if given is None else given.client_id, asked.now)
        raise
    scopes = granted(asked.form.get("scope"), msgspec.json.decode(used.scopes, type=list[str]))
    kid, key = await current_key(read, server)
    if used.last_used_at is None or used.last_used_at <= asked.now - LAST_USED_EVERY:
        when = {"last_used_at": asked.now, "minute_ago": asked.now - LAST_USED_EVERY}
        await write.run(_USED, {"its_id": used.credential_id, **when})
    issued = int(asked.now.timestamp())
    life = int(TOKEN_LIFE.total_seconds())
    claims = {
        "iss": server.issuer,
        "aud": server.audience,
        "sub": str(used.id),
        "client_id": str(used.id),
        "agency": str(used.agency_id),
        "roles": [Role.SERVICE.value],
        "scope": " ".join(scopes),
        "iat": issued,
        "exp": issued + life,
        "jti": str(new_id()),
    }
    token = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid, "typ": "at+jwt"})
    return AccessToken(access_token=token, expires_in=life, scope=" ".join(scopes))


async def _authenticated(
    read: Read, write: Write, server: AuthorizationServer, given: Presented, now: datetime
) -> Row[Any]:
    """The client with the credential by which it proved who it is. Raises ClientRefused."""
    rows = await authenticating(read, given.client_id)
    if not rows:
        raise refused(ClientReason.UNKNOWN_CLIENT)
    by = ClientAuthentication.CLIENT_SECRET if given.assertion is None else ClientAuthentication.PRIVATE_KEY_JWT
    if rows[0].authentication != by:
        raise refused(ClientReason.WRONG_AUTHENTICATION)
    if given.secret is not None:
        used = _by_secret(rows, given.secret, now)
    else:
        assert given.assertion is not None
        used = await _by_assertion(read, rows, given.assertion, write, server, now)
    if used.disabled_at is not None:
        raise refused(ClientReason.DISABLED, "The client is disabled.")
    its = {"agency_id": used.agency_id, "issuer": server.issuer, "subject": str(used.id), "jti": "none yet"}
    why = await why_refused(read, its, now, server.idle_days)
    if why is not None:
        raise refused(ClientReason.MAY_NOT_ACT, "The client or its agency may not act in the registry now.")
    return used


def _by_secret(rows: Sequence[Row[Any]], secret: str, now: datetime) -> Row[Any]:
    for row in rows:
        if is_secret(secret, row.secret_sha256):
            if _has_ended(row, now):
                raise refused(ClientReason.CREDENTIAL_ENDED, "That secret has been replaced.")
            return row
    raise refused(ClientReason.WRONG_SECRET)


async def _by_assertion(
    read: Read,
    rows: Sequence[Row[Any]],
    assertion: str,
    write: Write,
    server: AuthorizationServer,
    now: datetime,
) -> Row[Any]:
    """The row whose keys signed it. The assertion is used up; of two that use it at once, one is refused."""
    header = header_of(assertion)
    sets = await _key_sets(rows, header, server, now)
    if any(row.jwks_uri for row in rows):  # they were fetched, while the client may have been rotated or disabled
        rows = await authenticating(read, rows[0].id)
    live = [row for row in rows if row.credential_id in sets and not _has_ended(row, now)]
    if any(row.jwks_uri for row in live) and not any(sets[row.credential_id].keys for row in live):
        raise refused(ClientReason.KEYS_NOT_FETCHED)
    joined = KeySet(keys={name: key for row in reversed(live) for name, key in sets[row.credential_id].keys.items()})
    found = verified(
        assertion,
        header,
        joined,
        client_id=rows[0].id,
        audiences=(server.token_endpoint, server.issuer),
        now=now,
        skew_seconds=server.skew_seconds,
    )
    once = {"client_id": rows[0].id, "jti_sha256": found.jti_sha256, "expires_at": found.expires_at}
    if not await write.run(_ACCEPT_ONCE[write.dialect], once):
        raise refused(ClientReason.USED_BEFORE, "The assertion was used before: make one for each request.")
    kid = header.get("kid")
    signed = (row for row in live if kid is None or any(known == kid for known, _ in sets[row.credential_id].keys))
    return next(signed)


async def _key_sets(
    rows: Sequence[Row[Any]], header: Mapping[str, Any], server: AuthorizationServer, now: datetime
) -> dict[UUID, KeySet]:
    """The keys of each credential that is live. Nothing is locked while some are fetched: no change has begun.

    Nothing is fetched for a client that is disabled.
    """

    async def of(row: Row[Any]) -> KeySet:
        if row.jwks_uri is not None:
            return await server.published.of(row.credential_id, row.agency_id, row.jwks_uri, header)
        return parse_key_set(msgspec.json.decode(row.public_keys))

    live = [row for row in rows if not _has_ended(row, now) and not (row.disabled_at and row.jwks_uri)]
    found = await asyncio.gather(*map(of, live))
    return {row.credential_id: keys for row, keys in zip(live, found, strict=True)}


def _has_ended(row: Row[Any], now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now
