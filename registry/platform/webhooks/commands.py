"""Making, changing, rotating, testing and deleting webhooks, and having one delivery sent again."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct
from sqlalchemy.engine import Row

from registry.platform.access.fetching import Reach
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.access.tables import acting_agency
from registry.platform.database.encrypted import place_of
from registry.platform.database.handles import Write
from registry.platform.encryption import SecretKeys
from registry.platform.kernel.errors import Conflict, NotFound, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.queries import was_recorded
from registry.platform.ledger.tables import ledger_leaf
from registry.platform.webhooks import messages
from registry.platform.webhooks.disabling import disable
from registry.platform.webhooks.queries import (
    as_delivery,
    delivery_row,
    get_webhook,
    live_secrets,
    webhook_row,
    why_not_again,
)
from registry.platform.webhooks.rules import (
    MOST_WEBHOOKS,
    DeliveryKind,
    DeliveryStatus,
    DisabledBecause,
    WebhookStatus,
    check_types,
    check_url,
    in_order,
    overlap_ends,
)
from registry.platform.webhooks.schemas import NewWebhook, Webhook, WebhookDelivery, WebhookPatch, WebhookRotation
from registry.platform.webhooks.signing import new_secret
from registry.platform.webhooks.tables import webhook, webhook_delivery, webhook_secret

_ID = webhook.c.id.type
_ITS = webhook.c.id == sa.bindparam("its_id", type_=_ID)
_INSERT = webhook.insert()
_INSERT_SECRET = webhook_secret.insert()
_INSERT_DELIVERY = webhook_delivery.insert()
_UPDATE = webhook.update().where(_ITS)
_LOCK = sa.select(webhook.c.id).where(_ITS).with_for_update()
_LOCK_AGENCY = (
    sa.select(acting_agency.c.agency_id)
    .where(acting_agency.c.agency_id == sa.bindparam("id", type_=_ID))
    .with_for_update()
)
_HOW_MANY = sa.select(sa.func.count()).where(
    webhook.c.agency_id == sa.bindparam("id", type_=_ID), webhook.c.removed_at.is_(None)
)
_LAST_SEQ = sa.select(sa.func.max(ledger_leaf.c.seq))
_ENDS = sa.bindparam("ends", type_=webhook_secret.c.expires_at.type)
_END_EARLIER = (
    webhook_secret.update()
    .where(
        webhook_secret.c.webhook_id == sa.bindparam("its_id", type_=_ID),
        sa.or_(webhook_secret.c.expires_at.is_(None), webhook_secret.c.expires_at > _ENDS),
    )
    .values(expires_at=_ENDS)
)
_FORGET_SECRETS = webhook_secret.delete().where(webhook_secret.c.webhook_id == sa.bindparam("its_id", type_=_ID))
_SEND_AGAIN = webhook_delivery.update().where(webhook_delivery.c.id == sa.bindparam("its_id", type_=_ID))


class WebhookMaking(Struct, frozen=True):
    """What it takes to make one: the keys that encrypt secrets, whether anything is sent from here, and how far."""

    secrets: SecretKeys
    reach: Reach

    def check_on(self) -> None:
        """Raises Conflict while no secret can be kept."""
        if not self.secrets:
            raise Conflict(
                "Webhooks are off: the operator has not set REGISTRY_SECRET_KEYS, under which their secrets are kept.",
                "webhooks_off",
            )


async def create_webhook(write: Write, caller: Caller, making: WebhookMaking, new: NewWebhook) -> Webhook:
    """Have events sent from now on; the answer alone ever holds the secret that signs them.

    Raises Conflict while webhooks are off, RuleBroken for an address that nothing is sent to and for a type that no
    event has, WrongStatus for one too many.
    """
    permit(caller.principal, Action.WEBHOOKS_MANAGE, ["own"])
    await write.once()
    making.check_on()
    check_url(new.url, making.reach)
    check_types(new.types)
    await write.all(_LOCK_AGENCY, {"id": caller.agency_id})
    if await write.value(_HOW_MANY, {"id": caller.agency_id}) >= MOST_WEBHOOKS:
        raise WrongStatus(f"Your agency has {MOST_WEBHOOKS} webhooks: delete one that is not used any more.")
    id_, types = new_id(), in_order(new.types)
    await write.run(
        _INSERT,
        {
            "id": id_,
            "agency_id": caller.agency_id,
            "name": new.name,
            "url": new.url,
            "types": types,
            "body": new.body,
            "status": WebhookStatus.ENABLED,
            "enabled_at": caller.now,
            "after_seq": await _last_seq(write),
            "failures": 0,
            "created_at": caller.now,
            "updated_at": caller.now,
            "version": 1,
        },
    )
    secret = await _insert_secret(write, making, id_, caller)
    data: dict[str, object] = {"name": new.name, "host": _host(new.url), "types": types, "body": new.body}
    _record(write, caller, EventType.WEBHOOK_CREATED, id_, 1, data)
    return msgspec.structs.replace(await get_webhook(write, caller, id_), secret=secret)


async def update_webhook(
    write: Write, caller: Caller, making: WebhookMaking, id_: UUID, patch: WebhookPatch, expected: Expected
) -> Webhook:
    """Change what is sent, or to where. What waits goes to the new address.

    Raises NotFound, Forbidden, StaleVersion, PreconditionMissing, and RuleBroken as `create_webhook` does.
    """
    row = await _locked(write, caller, id_)
    check_version(expected, row.version, required=True)
    given = {name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET}
    if "url" in given:
        check_url(given["url"], making.reach)
    if "types" in given:
        check_types(given["types"])
        given["types"] = in_order(given["types"])
    before = {name: getattr(row, name) for name in given}
    if "types" in before:
        before["types"] = msgspec.json.decode(before["types"], type=list[str])
    changed = changes(before, given)
    if not changed:
        return await get_webhook(write, caller, id_)
    values = {name: given[name] for name in changed}
    if "url" in changed:  # another receiver has not failed yet
        values |= {"failures": 0, "failing_from": None, "failed_at": None, "quiet_until": None}
        changed["host"] = {"from": _host(row.url), "to": _host(given["url"])}
        del changed["url"]
    return await _store(write, caller, row, EventType.WEBHOOK_UPDATED, values, changed)


async def rotate_webhook(
    write: Write, caller: Caller, making: WebhookMaking, id_: UUID, ask: WebhookRotation, expected: Expected
) -> Webhook:
    """Give a webhook a new secret; the present one signs beside it until `keep_until`, without it no longer.

    Raises Conflict while webhooks are off, NotFound, Forbidden, StaleVersion, WrongStatus for one that has two already,
    RuleBroken for an overlap that is too long.
    """
    row = await _locked(write, caller, id_)
    await write.once()
    check_version(expected, row.version)
    making.check_on()
    ends = overlap_ends(ask.keep_until, caller.now, len(await live_secrets(write, [id_], caller.now)))
    await write.run(_END_EARLIER, {"its_id": id_, "ends": ends})
    secret = await _insert_secret(write, making, id_, caller)
    data = {"name": row.name, "earlier_until": ends}
    made = await _store(write, caller, row, EventType.WEBHOOK_ROTATED, {}, data)
    return msgspec.structs.replace(made, secret=secret)


async def enable_webhook(write: Write, caller: Caller, id_: UUID, expected: Expected) -> Webhook:
    """Have events sent again from now on; what came meanwhile is told in a digest.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus for one that is enabled.
    """
    row = await _locked(write, caller, id_)
    await write.once()
    check_version(expected, row.version)
    if row.status == WebhookStatus.ENABLED:
        raise WrongStatus("That webhook is enabled.")
    values = {
        "status": WebhookStatus.ENABLED,
        "enabled_at": caller.now,
        "disabled_at": None,
        "disabled_because": None,
        "missed_to_seq": await _last_seq(write),
        "failures": 0,
        "failing_from": None,
        "failed_at": None,
        "quiet_until": None,
    }
    data = {"name": row.name, "disabled_at": row.disabled_at}
    return await _store(write, caller, row, EventType.WEBHOOK_ENABLED, values, data)


async def disable_webhook(write: Write, caller: Caller, id_: UUID, expected: Expected) -> Webhook:
    """Have nothing sent until it is enabled again.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus for one that is disabled.
    """
    row = await _locked(write, caller, id_)
    await write.once()
    check_version(expected, row.version)
    if row.status == WebhookStatus.DISABLED:
        raise WrongStatus("That webhook is disabled.")
    await disable(write, caller, row, DisabledBecause.ASKED)
    return await get_webhook(write, caller, id_)


async def delete_webhook(write: Write, caller: Caller, id_: UUID, expected: Expected) -> None:
    """Delete a webhook with its secrets and its log. One that was deleted is deleted already.

    Raises NotFound, Forbidden, StaleVersion, PreconditionMissing.
    """
    await write.all(_LOCK, {"its_id": id_})
    try:
        row = await webhook_row(write, caller, id_)
    except NotFound:
        if await was_recorded(write, EventType.WEBHOOK_DELETED, id_, caller.agency_id):
            return
        raise
    permit(caller.principal, Action.WEBHOOKS_MANAGE, ["own"])
    check_version(expected, row.version, required=True)
    await write.run(_FORGET_SECRETS, {"its_id": id_})
    version = row.version + 1
    await write.run(_UPDATE.values(removed_at=caller.now, version=version), {"its_id": id_})  # the log goes by and by
    _record(write, caller, EventType.WEBHOOK_DELETED, id_, version, {"name": row.name, "host": _host(row.url)})


async def test_webhook(write: Write, caller: Caller, making: WebhookMaking, id_: UUID) -> WebhookDelivery:
    """Have a message sent that tells of nothing, also while the webhook is disabled. Raises NotFound, Forbidden.

    Raises Conflict while webhooks are off.
    """
    await _locked(write, caller, id_)
    await write.once()
    making.check_on()
    delivery_id = new_id()
    await write.run(
        _INSERT_DELIVERY,
        {
            "id": delivery_id,
            "webhook_id": id_,
            "kind": DeliveryKind.TEST,
            "type": messages.TEST,
            "status": DeliveryStatus.WAITING,
            "attempts": 0,
            "next_try_at": caller.now,
            "created_at": caller.now,
            "version": 1,
        },
    )
    return as_delivery(await delivery_row(write, id_, delivery_id), caller.principal)


async def redeliver(
    write: Write, caller: Caller, id_: UUID, delivery_id: UUID, expected: Expected = None
) -> WebhookDelivery:
    """Have a message sent again that was delivered, given up or missed; by its id a receiver knows that it is the same.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus for one that waits.
    """
    await _locked(write, caller, id_)
    row = await delivery_row(write, id_, delivery_id)
    await write.once()
    check_version(expected, row.version)
    if (why := why_not_again(row)) is not None:
        raise WrongStatus(f"That delivery is not sent again. {why}")
    again = {"status": DeliveryStatus.WAITING, "attempts": 0, "next_try_at": caller.now, "ended_at": None}
    await write.run(_SEND_AGAIN.values(**again, version=row.version + 1), {"its_id": delivery_id})
    return as_delivery(await delivery_row(write, id_, delivery_id), caller.principal)


async def _locked(write: Write, caller: Caller, id_: UUID) -> Row[Any]:
    """The webhook's row, locked, for who may change it. Raises NotFound, Forbidden."""
    await write.all(_LOCK, {"its_id": id_})
    row = await webhook_row(write, caller, id_)
    permit(caller.principal, Action.WEBHOOKS_MANAGE, ["own"])
    return row


async def _store(
    write: Write, caller: Caller, row: Row[Any], event: EventType, values: Mapping[str, object], data: dict[str, object]
) -> Webhook:
    version = row.version + 1
    await write.run(_UPDATE.values(**values, version=version, updated_at=caller.now), {"its_id": row.id})
    _record(write, caller, event, row.id, version, data)
    return await get_webhook(write, caller, row.id)


async def _insert_secret(write: Write, making: WebhookMaking, webhook_id: UUID, caller: Caller) -> str:
    """Store a new secret, encrypted; it is returned."""
    id_, secret = new_id(), new_secret()
    kept = making.secrets.encrypt(secret.encode(), place_of(webhook_secret.c.secret, id_))
    row = {"id": id_, "webhook_id": webhook_id, "secret": kept, "created_at": caller.now}
    await write.run(_INSERT_SECRET, row)
    return secret


async def _last_seq(write: Write) -> int:
    """The place of the last event that is sealed; -1 before the first."""
    found = await write.value(_LAST_SEQ)
    return -1 if found is None else int(found)


def _host(url: str) -> str:
    """What the ledger says of an address. The rest may be a secret between its receiver and the agency."""
    return urlsplit(url).netloc


def _record(write: Write, caller: Caller, event: EventType, id_: UUID, version: int, data: dict[str, object]) -> None:
    record(write, caller, event, subject=("webhook", id_, version), agencies=[caller.agency_id], data=data)
