"""Registering, rotating and disabling service clients. It holds within a second, in every process."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.directory.agencies.tables import agency
from registry.directory.clients.commands.signing import AuthorizationServer, ensure_signing_key
from registry.directory.clients.queries import client_row, get_client, live_credentials, relations
from registry.directory.clients.rules import (
    MOST_CLIENTS,
    ClientAuthentication,
    check_scopes,
    check_told_apart,
    checked_keys,
    key_ids,
    new_secret,
    overlap_ends,
    secret_hash,
)
from registry.directory.clients.schemas import Client, ClientRotation, NewClient
from registry.directory.clients.tables import client, client_credential
from registry.platform.access.acting import revoke
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, RevocationKind
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_ID = client.c.id.type
_INSERT = client.insert()
_INSERT_CREDENTIAL = client_credential.insert()
_LOCK_AGENCY = (
    sa.select(agency.c.id).where(agency.c.id == sa.bindparam("id", type_=_ID)).with_for_update(key_share=True)
)
_LOCK = sa.select(client.c.id).where(client.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
_ACTIVE = sa.select(sa.func.count()).where(
    client.c.agency_id == sa.bindparam("id", type_=_ID), client.c.disabled_at.is_(None)
)
_UPDATE = client.update().where(client.c.id == sa.bindparam("its_id", type_=_ID))
_ENDS = sa.bindparam("ends", type_=client_credential.c.expires_at.type)
_END_EARLIER = (
    client_credential.update()
    .where(
        client_credential.c.client_id == sa.bindparam("its_id", type_=_ID),
        sa.or_(client_credential.c.expires_at.is_(None), client_credential.c.expires_at > _ENDS),
    )
    .values(expires_at=_ENDS)
)


async def create_client(write: Write, caller: Caller, server: AuthorizationServer, new: NewClient) -> Client:
    """Register a program of the caller's agency; the answer alone ever holds its secret.

    Raises Conflict while service clients are off, RuleBroken for a scope that no service may hold and for keys that
    cannot be used, WrongStatus for one too many.
    """
    permit(caller.principal, Action.CLIENTS_MANAGE, ["own"])
    await write.once()
    server.check_on()
    check_scopes(new.scopes)
    keys = checked_keys(new.authentication, new.keys, new.jwks_uri, server.published.reach)
    await write.value(_LOCK_AGENCY, {"id": caller.agency_id})
    if await write.value(_ACTIVE, {"id": caller.agency_id}) >= MOST_CLIENTS:
        raise WrongStatus(f"Your agency has {MOST_CLIENTS} clients: disable one that is not used any more.")
    await ensure_signing_key(write, server, caller.now)
    id_, scopes = new_id(), sorted(set(new.scopes))
    row = {
        "id": id_,
        "agency_id": caller.agency_id,
        "name": new.name,
        "authentication": new.authentication,
        "scopes": scopes,
        "created_at": caller.now,
        "version": 1,
    }
    await write.run(_INSERT, row)
    secret = await _insert_credential(write, id_, keys, new.jwks_uri, caller.now)
    data = {"name": new.name, "scopes": scopes, "authentication": new.authentication, **_named(keys, new.jwks_uri)}
    _record(write, caller, EventType.CLIENT_CREATED, id_, 1, caller.agency_id, data)
    return msgspec.structs.replace(await get_client(write, caller.principal, id_, caller.now), secret=secret)


async def rotate_client(
    write: Write, caller: Caller, server: AuthorizationServer, id_: UUID, ask: ClientRotation, expected: Expected
) -> Client:
    """Give a client a new secret or new keys; the present ones are accepted until `keep_until`, without it no longer.

    Raises Conflict while service clients are off, NotFound, StaleVersion, WrongStatus for one that is disabled or has
    two credentials already, RuleBroken for keys that cannot be used and for an overlap too long.
    """
    await write.value(_LOCK, {"id": id_})
    row = await client_row(write, caller.principal, id_)
    permit(caller.principal, Action.CLIENTS_MANAGE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    server.check_on()
    _check_active(row.disabled_at)
    authentication = ClientAuthentication(row.authentication)
    keys = checked_keys(authentication, ask.keys, ask.jwks_uri, server.published.reach)
    live = await live_credentials(write, [id_], caller.now)
    ends = overlap_ends(ask.keep_until, caller.now, len(live))
    if keys is not None and ask.keep_until is not None:
        check_told_apart(keys, (msgspec.json.decode(each.public_keys) for each in live if each.public_keys is not None))
    await write.run(_END_EARLIER, {"its_id": id_, "ends": ends})
    secret = await _insert_credential(write, id_, keys, ask.jwks_uri, caller.now)
    await write.run(_UPDATE, {"its_id": id_, "version": row.version + 1})
    data = {"name": row.name, "earlier_until": ends, **_named(keys, ask.jwks_uri)}
    _record(write, caller, EventType.CLIENT_ROTATED, id_, row.version + 1, row.agency_id, data)
    return msgspec.structs.replace(await get_client(write, caller.principal, id_, caller.now), secret=secret)


async def disable_client(
    write: Write, caller: Caller, server: AuthorizationServer, id_: UUID, reason: str, expected: Expected
) -> Client:
    """Refuse a client for good: it gets no token from now on, and those that it has are refused.

    Raises NotFound, StaleVersion, WrongStatus for one that is disabled.
    """
    await write.value(_LOCK, {"id": id_})
    row = await client_row(write, caller.principal, id_)
    permit(caller.principal, Action.CLIENTS_DISABLE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    _check_active(row.disabled_at)
    await write.run(_UPDATE, {"its_id": id_, "disabled_at": caller.now, "version": row.version + 1})
    if server.issuer:  # without, none of its tokens is accepted anyway
        by_operator = caller.agency_id == OPERATOR_AGENCY_ID
        whose = {"issuer": server.issuer, "agency_id": row.agency_id, "by_operator": by_operator}
        await revoke(write, RevocationKind.PERSON, str(id_), now=caller.now, reason=reason, is_final=True, **whose)
    data = {"name": row.name, "reason": reason}
    _record(write, caller, EventType.CLIENT_DISABLED, id_, row.version + 1, row.agency_id, data)
    return await get_client(write, caller.principal, id_, caller.now)


def _check_active(disabled_at: datetime | None) -> None:
    if disabled_at is not None:
        raise WrongStatus("That client is disabled, for good: register another.")


async def _insert_credential(
    write: Write, id_: UUID, keys: Mapping[str, Any] | None, jwks_uri: str | None, now: datetime
) -> str | None:
    """Store the keys, their address, or else a new secret, which is returned."""
    secret = new_secret() if keys is None and jwks_uri is None else None
    hashed = None if secret is None else secret_hash(secret)
    kept = {"secret_sha256": hashed, "public_keys": keys, "jwks_uri": jwks_uri}
    await write.run(_INSERT_CREDENTIAL, {"id": new_id(), "client_id": id_, "created_at": now, **kept})
    return secret


def _named(keys: Mapping[str, Any] | None, jwks_uri: str | None) -> dict[str, object]:
    if jwks_uri is not None:
        return {"jwks_uri": jwks_uri}
    return {} if keys is None else {"key_ids": key_ids(keys)}


def _record(
    write: Write, caller: Caller, event: EventType, id_: UUID, version: int, agency_id: UUID, data: dict[str, object]
) -> None:
    record(write, caller, event, subject=("client", id_, version), agencies=[agency_id], data=data)
