"""Disabling a webhook, whoever has it done: its agency, or the registry where nothing arrives for days."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.webhooks.rules import DeliveryKind, DeliveryStatus, DisabledBecause, WebhookStatus
from registry.platform.webhooks.tables import webhook, webhook_delivery

_ID = webhook.c.id.type
_DISABLE = webhook.update().where(webhook.c.id == sa.bindparam("its_id", type_=_ID))
_WAITING_EVENTS = sa.and_(
    webhook_delivery.c.webhook_id == sa.bindparam("its_id", type_=_ID),
    webhook_delivery.c.status == DeliveryStatus.WAITING.value,
    webhook_delivery.c.kind == DeliveryKind.EVENT.value,
)
_COUNT = (
    sa.select(
        webhook_delivery.c.type, sa.func.count().label("many"), sa.func.min(webhook_delivery.c.seq).label("first")
    )
    .where(_WAITING_EVENTS)
    .group_by(webhook_delivery.c.type)
)
_MISS = webhook_delivery.update().where(_WAITING_EVENTS).values(version=webhook_delivery.c.version + 1)


class Missed(Struct, kw_only=True):
    """What was not sent since a webhook was disabled: how many events of which type, as far as they are counted.

    `place` is that of the first event in the ledger that may be among them.
    """

    disabled_at: datetime
    place: int
    types: dict[str, int] = {}

    def add(self, type_: str, many: int = 1) -> None:
        """Count so many more of a type."""
        self.types[type_] = self.types.get(type_, 0) + many


def missed_by(row: Row[Any]) -> Missed | None:
    """What is counted of a webhook, in its row."""
    return None if row.missed is None else msgspec.json.decode(row.missed, type=Missed)


async def disable(write: Write, caller: Caller, row: Row[Any], because: DisabledBecause) -> None:
    """Send nothing from now on, and count what waited as missed. The webhook's row is locked."""
    waiting = await write.all(_COUNT, {"its_id": row.id})
    first = min([row.after_seq + 1, *(each.first for each in waiting)])
    missed = missed_by(row) or Missed(disabled_at=caller.now, place=first)
    for each in waiting:
        missed.add(each.type, each.many)
    await write.run(_MISS.values(status=DeliveryStatus.MISSED, ended_at=caller.now), {"its_id": row.id})
    version = row.version + 1
    values = {
        "status": WebhookStatus.DISABLED,
        "disabled_at": caller.now,
        "disabled_because": because,
        "missed": msgspec.to_builtins(missed),
        "quiet_until": None,
        "version": version,
        "updated_at": caller.now,
    }
    await write.run(_DISABLE.values(**values), {"its_id": row.id})
    record(
        write,
        caller,
        EventType.WEBHOOK_DISABLED,
        subject=("webhook", row.id, version),
        agencies=[row.agency_id],
        data={"name": row.name, "because": because},
    )
