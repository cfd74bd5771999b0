"""Queries about webhooks: an agency's own, for its administrators and auditors; and what waits to be delivered."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, permit, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read, Rows
from registry.platform.http.paging import NewestFirst, Orders, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.platform.webhooks.rules import (
    KEPT_FOR,
    DeliveryKind,
    DeliveryStatus,
    DisabledBecause,
    WebhookStatus,
    explain,
)
from registry.platform.webhooks.schemas import (
    Webhook,
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookDeliveryQuery,
    WebhookPage,
    WebhookSecret,
)
from registry.platform.webhooks.tables import webhook, webhook_delivery, webhook_secret

_ID = webhook.c.id.type
_WAITING = webhook_delivery.c.status == DeliveryStatus.WAITING.value
_ITS = webhook_delivery.c.webhook_id == webhook.c.id
_HOW_MANY_WAIT = sa.select(sa.func.count()).where(_ITS, _WAITING).correlate(webhook).scalar_subquery()
_LAST_DELIVERED = (
    sa.select(sa.func.max(webhook_delivery.c.ended_at))
    .where(_ITS, webhook_delivery.c.status == DeliveryStatus.DELIVERED.value)
    .correlate(webhook)
    .scalar_subquery()
)
_OWN = sa.select(webhook, _HOW_MANY_WAIT.label("waiting"), _LAST_DELIVERED.label("last_delivered_at")).where(
    webhook.c.agency_id == sa.bindparam("agency_id", type_=_ID), webhook.c.removed_at.is_(None)
)
_ONE = _OWN.where(webhook.c.id == sa.bindparam("id", type_=_ID))
_ORDERS = Orders(NewestFirst, created_at=webhook.c.id)
SECRETS = (
    sa.select(webhook_secret)
    .where(
        webhook_secret.c.webhook_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
        sa.or_(
            webhook_secret.c.expires_at.is_(None),
            webhook_secret.c.expires_at > sa.bindparam("now", type_=webhook_secret.c.expires_at.type),
        ),
    )
    .order_by(webhook_secret.c.id.desc())
)
"""The secrets of these webhooks that sign now, newest first."""
_DELIVERIES = sa.select(webhook_delivery).where(webhook_delivery.c.webhook_id == sa.bindparam("webhook_id", type_=_ID))
_DELIVERY = _DELIVERIES.where(webhook_delivery.c.id == sa.bindparam("id", type_=_ID))
_DELIVERY_ORDERS = Orders(WebhookDeliveryQuery, created_at=webhook_delivery.c.id)
_DELIVERY_FILTERS = {
    "status": webhook_delivery.c.status.in_(sa.bindparam("status", expanding=True)),
    "type": webhook_delivery.c.type.in_(sa.bindparam("type", expanding=True)),
    "event_id": webhook_delivery.c.event_id == sa.bindparam("event_id", type_=_ID),
}
_AMONG_EVENTS = (
    sa.select(webhook_delivery.c.id)
    .where(
        webhook_delivery.c.seq >= sa.bindparam("start", type_=sa.BigInteger),
        webhook_delivery.c.seq < sa.bindparam("end", type_=sa.BigInteger),
    )
    .limit(1)
)
_DISABLED_BY_FAILURES = (
    _OWN.where(
        webhook.c.disabled_because.in_([DisabledBecause.FAILING.value, DisabledBecause.GONE.value]),
        webhook.c.id > sa.bindparam("after_id", type_=_ID),
    )
    .order_by(webhook.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_HOW_MANY_ARE_THERE = (
    sa.select(sa.func.count())
    .select_from(webhook)
    .where(webhook.c.status == WebhookStatus.ENABLED.value, webhook.c.removed_at.is_(None))
)
_ALL_WAITING = (
    sa.select(sa.func.count())
    .select_from(webhook_delivery.join(webhook, _ITS))
    .where(_WAITING, webhook.c.removed_at.is_(None))
)


@cache
def _page(sort: str, *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_OWN, sort, after=after)


async def webhook_row(read: Read, caller: Caller, id_: UUID) -> Row[Any]:
    """The row of a webhook of the caller's agency. Raises NotFound, Forbidden."""
    row = await read.first(_ONE, {"id": id_, "agency_id": caller.agency_id})
    if row is None:
        raise NotFound("webhook")
    permit(caller.principal, Action.WEBHOOKS_READ, ["own"])
    return row


async def live_secrets(read: Read, ids: Sequence[UUID], now: datetime) -> Rows:
    """The secrets of these webhooks that sign now, newest first."""
    return await read.all(SECRETS, {"ids": list(ids), "now": now}) if ids else ()


async def get_webhook(read: Read, caller: Caller, id_: UUID) -> Webhook:
    """One webhook of the caller's agency. Raises NotFound, Forbidden."""
    row = await webhook_row(read, caller, id_)
    return _as_webhook(row, await live_secrets(read, [id_], caller.now), caller.principal)


async def list_webhooks(read: Read, caller: Caller, query: NewestFirst) -> WebhookPage:
    """A page of the webhooks of the caller's agency. Raises Forbidden, and Malformed for another list's cursor."""
    permit(caller.principal, Action.WEBHOOKS_READ, ["own"])
    parameters = {**_ORDERS.parameters(query), "agency_id": caller.agency_id}
    rows = await read.all(_page(query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    secrets = await live_secrets(read, [row.id for row in kept], caller.now)
    items = [
        _as_webhook(row, [each for each in secrets if each.webhook_id == row.id], caller.principal) for row in kept
    ]
    return WebhookPage(items=items, next_cursor=next_cursor)


async def delivery_row(read: Read, webhook_id: UUID, delivery_id: UUID) -> Row[Any]:
    """The row of a delivery to a webhook that the caller may read. Raises NotFound."""
    row = await read.first(_DELIVERY, {"webhook_id": webhook_id, "id": delivery_id})
    if row is None:
        raise NotFound("webhook delivery")
    return row


async def get_delivery(read: Read, caller: Caller, webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """One delivery. Raises NotFound, Forbidden."""
    await webhook_row(read, caller, webhook_id)
    return as_delivery(await delivery_row(read, webhook_id, delivery_id), caller.principal)


@cache
def _delivery_page(sort: str, filters: frozenset[str], *, after: bool) -> sa.Select[Any]:
    asked = [_DELIVERY_FILTERS[name] for name in sorted(filters)]
    return _DELIVERY_ORDERS.page(_DELIVERIES.where(*asked), sort, after=after)


async def list_deliveries(
    read: Read, caller: Caller, webhook_id: UUID, query: WebhookDeliveryQuery
) -> WebhookDeliveryPage:
    """A page of a webhook's deliveries. Raises NotFound, Forbidden, and Malformed for another list's cursor."""
    await webhook_row(read, caller, webhook_id)
    filters = given(query, *_DELIVERY_FILTERS)
    rows = await read.all(
        _delivery_page(query.sort, frozenset(filters), after=query.cursor is not None),
        {**_DELIVERY_ORDERS.parameters(query), **filters, "webhook_id": webhook_id},
    )
    kept, next_cursor = _DELIVERY_ORDERS.cut(rows, query)
    return WebhookDeliveryPage(items=[as_delivery(row, caller.principal) for row in kept], next_cursor=next_cursor)


async def disabled_by_failures(read: Read, agency_id: UUID, after_id: UUID, limit: int) -> Rows:
    """The webhooks of an agency that it has not disabled itself, in the order of their ids behind that one."""
    return await read.all(_DISABLED_BY_FAILURES, {"agency_id": agency_id, "after_id": after_id, "limit": limit})


async def webhooks_enabled(read: Read) -> int:
    """How many webhooks there are that are enabled."""
    return int(await read.value(_HOW_MANY_ARE_THERE))


async def deliveries_waiting(read: Read) -> int:
    """How many deliveries wait, of all agencies."""
    return int(await read.value(_ALL_WAITING))


async def deliveries_among_events(read: Read, start: int, end: int) -> str | None:
    """Why the events from place `start` to before `end` have to stay: deliveries of them are still on the log."""
    if await read.value(_AMONG_EVENTS, {"start": start, "end": end}) is None:
        return None
    return f"deliveries of webhooks name these events, until {KEPT_FOR.days} days after they ended"


def may_manage(principal: Principal) -> bool:
    """Whether the caller may change webhooks of its agency."""
    return refusal(principal, Action.WEBHOOKS_MANAGE, ["own"]) is None


def _as_webhook(row: Row[Any], secrets: Sequence[Row[Any]], principal: Principal) -> Webhook:
    return Webhook(
        id=row.id,
        agency_id=row.agency_id,
        name=row.name,
        url=row.url,
        types=msgspec.json.decode(row.types, type=list[str]),
        body=row.body,
        status=row.status,
        disabled_at=row.disabled_at,
        disabled_because=row.disabled_because,
        failures=row.failures,
        failing_from=row.failing_from,
        quiet_until=row.quiet_until,
        waiting=row.waiting,
        last_delivered_at=row.last_delivered_at,
        secrets=[WebhookSecret(id=each.id, created_at=each.created_at, expires_at=each.expires_at) for each in secrets],
        allowed_actions=_offers(row) if may_manage(principal) else [],
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def _offers(row: Row[Any]) -> list[AllowedAction]:
    because = None if row.disabled_because is None else DisabledBecause(row.disabled_because)
    return [
        *(offer(name) for name in ("update", "delete", "rotate", "test")),
        offer("enable", withheld=None if because else "It is enabled."),
        offer("disable", withheld=explain(because)),
    ]


def as_delivery(row: Row[Any], principal: Principal) -> WebhookDelivery:
    """The representation of a delivery's row."""
    return WebhookDelivery(
        id=row.id,
        webhook_id=row.webhook_id,
        kind=row.kind,
        type=row.type,
        event_id=row.event_id,
        message_id=message_id(row),
        status=row.status,
        attempts=row.attempts,
        next_try_at=row.next_try_at if row.ended_at is None else None,
        last_tried_at=row.last_tried_at,
        ended_at=row.ended_at,
        http_status=row.http_status,
        error=row.error,
        took_ms=row.took_ms,
        allowed_actions=[offer("redeliver", withheld=why_not_again(row))] if may_manage(principal) else [],
        version=row.version,
        created_at=row.created_at,
    )


def message_id(row: Row[Any]) -> UUID:
    """By what a receiver knows that it got the same twice: the event's id, or that of what is no event."""
    found: UUID = row.event_id or row.id
    return found


def why_not_again(row: Row[Any]) -> str | None:
    """Why that delivery is not sent again when asked; None where it is."""
    if row.ended_at is None:
        return "It waits to be sent already."
    return "A test is made anew." if row.kind == DeliveryKind.TEST else None
