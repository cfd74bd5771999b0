"""Queries about service clients: an agency's own for its administrators, all for the operator's; and signing keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.clients.rules import ClientStatus, key_ids
from registry.directory.clients.schemas import Client, ClientCredential, ClientPage, PublishedKey, PublishedKeySet
from registry.directory.clients.tables import client, client_credential, signing_key
from registry.platform.access.permissions import Action, Relation, permit, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read, Rows
from registry.platform.http.paging import NewestFirst, Orders
from registry.platform.issuers import EVERY_AGENCY, Claims, Issuer
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound

_ID = client.c.id.type
_SHOWN = sa.select(client, agency.c.name.label("agency_name")).join(agency, agency.c.id == client.c.agency_id)
_OWN = client.c.agency_id == sa.bindparam("agency_id", type_=_ID)
_ONE = _SHOWN.where(client.c.id == sa.bindparam("id", type_=_ID))
_ORDERS = Orders(NewestFirst, created_at=client.c.id)
_LIVE = sa.or_(
    client_credential.c.expires_at.is_(None),
    client_credential.c.expires_at > sa.bindparam("now", type_=client_credential.c.expires_at.type),
)
_CREDENTIALS = (
    sa.select(client_credential)
    .where(client_credential.c.client_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)), _LIVE)
    .order_by(client_credential.c.id.desc())
)
_AUTHENTICATING = (
    sa.select(
        client.c.id,
        client.c.agency_id,
        client.c.authentication,
        client.c.scopes,
        client.c.disabled_at,
        client_credential.c.id.label("credential_id"),
        client_credential.c.secret_sha256,
        client_credential.c.public_keys,
        client_credential.c.jwks_uri,
        client_credential.c.expires_at,
        client_credential.c.last_used_at,
    )
    .join(client_credential, client_credential.c.client_id == client.c.id)
    .where(client.c.id == sa.bindparam("id", type_=_ID))
    .order_by(client_credential.c.id.desc())
)
_VERIFYING = (
    sa.select(signing_key.c.id, signing_key.c.algorithm, signing_key.c.public_key, signing_key.c.retired_at)
    .where(
        sa.or_(
            signing_key.c.retired_at.is_(None),
            signing_key.c.retired_at > sa.bindparam("now", type_=signing_key.c.retired_at.type),
        )
    )
    .order_by(signing_key.c.retired_at.is_not(None), signing_key.c.id.desc())
)
_SIGNING = sa.select(signing_key.c.id, signing_key.c.private_key, signing_key.c.issuer).where(
    signing_key.c.retired_at.is_(None)
)
_ACTIVE = sa.select(client.c.id).where(client.c.disabled_at.is_(None)).limit(1)


@cache
def _page(sort: str, *, after: bool, every: bool) -> sa.Select[Any]:
    return _ORDERS.page(_SHOWN if every else _SHOWN.where(_OWN), sort, after=after)


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to a client of that agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def client_row(read: Read, principal: Principal, id_: UUID) -> Row[Any]:
    """The row of a client. Raises NotFound: another agency may not know which programs an agency has."""
    row = await read.first(_ONE, {"id": id_})
    if row is None or refusal(principal, Action.CLIENTS_READ, relations(principal, row.agency_id)) is not None:
        raise NotFound("client")
    return row


async def live_credentials(read: Read, ids: Sequence[UUID], now: datetime) -> Rows:
    """The credentials of these clients that are accepted now, newest first."""
    return await read.all(_CREDENTIALS, {"ids": list(ids), "now": now}) if ids else ()


async def get_client(read: Read, principal: Principal, id_: UUID, now: datetime) -> Client:
    """One client. Raises NotFound."""
    row = await client_row(read, principal, id_)
    return _as_client(row, await live_credentials(read, [id_], now), principal)


async def list_clients(read: Read, principal: Principal, query: NewestFirst, now: datetime) -> ClientPage:
    """A page of clients, disabled ones included. Raises Malformed for another list's cursor."""
    permit(principal, Action.CLIENTS_READ, ["own"])
    every = refusal(principal, Action.CLIENTS_READ, []) is None
    parameters = {**_ORDERS.parameters(query), **({} if every else {"agency_id": principal.agency_id})}
    rows = await read.all(_page(query.sort, after=query.cursor is not None, every=every), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    credentials = await live_credentials(read, [row.id for row in kept], now)
    items = [_as_client(row, [each for each in credentials if each.client_id == row.id], principal) for row in kept]
    return ClientPage(items=items, next_cursor=next_cursor)


async def authenticating(read: Read, id_: UUID) -> Rows:
    """The client once for each of its credentials, those that ended included; no row for an unknown one."""
    return await read.all(_AUTHENTICATING, {"id": id_})


async def signing_row(read: Read) -> Row[Any] | None:
    """The key that signs now, encrypted; None before the first client is registered."""
    return await read.first(_SIGNING)


async def has_active_clients(read: Read) -> bool:
    """Whether a program is registered that may ask for tokens."""
    return await read.value(_ACTIVE) is not None


async def verifying_keys(read: Read, now: datetime) -> PublishedKeySet:
    """The public keys by which the registry's own tokens are verified now, that which signs first."""
    rows = await read.all(_VERIFYING, {"now": now})
    return PublishedKeySet(keys=[msgspec.json.decode(row.public_key, type=PublishedKey) for row in rows])


def own_issuer(public_url: str, keys: PublishedKeySet) -> Issuer | None:
    """The registry as an issuer of tokens for services, whatever agency they are of; None while it has no key."""
    if not keys.keys:
        return None
    return Issuer(
        issuer=public_url,
        agencies=(EVERY_AGENCY,),
        algorithms=("ES256",),
        keys=msgspec.to_builtins(keys),
        claims=Claims(role_names={"service": "service"}),  # whoever had its key would make services, no administrators
        is_own=True,
    )


def _as_client(row: Row[Any], credentials: Sequence[Row[Any]], principal: Principal) -> Client:
    disabled = row.disabled_at is not None
    return Client(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        name=row.name,
        scopes=msgspec.json.decode(row.scopes, type=list[str]),
        authentication=row.authentication,
        status=ClientStatus.DISABLED if disabled else ClientStatus.ACTIVE,
        credentials=[] if disabled else [_as_credential(each) for each in credentials],
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        allowed_actions=_offers(row, principal),
        version=row.version,
    )


def _as_credential(row: Row[Any]) -> ClientCredential:
    keys: Mapping[str, Any] = {"keys": []} if row.public_keys is None else msgspec.json.decode(row.public_keys)
    return ClientCredential(
        id=row.id,
        key_ids=key_ids(keys),
        jwks_uri=row.jwks_uri,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def _offers(row: Row[Any], principal: Principal) -> list[AllowedAction]:
    """What the caller may do with it; an action that is not its to do is not shown."""
    withheld = None if row.disabled_at is None else "It is disabled."
    possible = {"rotate": Action.CLIENTS_MANAGE, "disable": Action.CLIENTS_DISABLE}
    related = relations(principal, row.agency_id)
    return [
        offer(name, withheld=withheld)
        for name, action in possible.items()
        if refusal(principal, action, related) is None
    ]
