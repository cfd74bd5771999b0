"""What is sent, as CloudEvents 1.0 has it in JSON: an event; a test; a digest of what was missed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.kernel.time import format_instant
from registry.platform.ledger.feed import Told
from registry.platform.webhooks.rules import BodyKind, DeliveryKind

MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"


class CloudEvent(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One message (CloudEvents 1.0.2, JSON event format)."""

    specversion: str
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    data: object


def told_in(event: Told, body: BodyKind) -> dict[str, object]:
    """What is said of an event: what happened to which thing; with a full body also what changed."""
    thin: dict[str, object] = {
        "id": event.id,
        "type": event.type,
        "subject": {"kind": event.subject_kind, "id": event.subject_id, "version": event.subject_version},
        "agreement_id": event.agreement_id,
        "actor_agency_id": event.actor_agency_id,
        "occurred_at": format_instant(event.occurred_at),
        "recorded_at": format_instant(event.recorded_at),
        "outcome": event.outcome,
    }
    return thin if body is BodyKind.THIN else {**thin, "data": event.data}


def of_event(event: Told, body: BodyKind, public_url: str) -> bytes:
    """The message that tells an event."""
    return _encoded(
        CloudEvent(
            specversion="1.0",
            id=event.id,
            source=f"{public_url}/v1/events",
            type=event.type,
            subject=f"{event.subject_kind}/{event.subject_id}",
            time=event.recorded_at,
            datacontenttype="application/json",
            data=told_in(event, body),
        )
    )


def of_webhook(webhook: Row[Any], delivery: Row[Any], public_url: str) -> bytes:
    """The message that tells of the webhook itself: a test, or what was missed."""
    told = {"webhook_id": webhook.id, "name": webhook.name}
    if delivery.kind == DeliveryKind.MISSED:
        told |= msgspec.json.decode(delivery.told)
    return _encoded(
        CloudEvent(
            specversion="1.0",
            id=delivery.id,
            source=f"{public_url}/v1/webhooks",
            type=delivery.type,
            subject=f"webhook/{webhook.id}",
            time=delivery.created_at,
            datacontenttype="application/json",
            data=told,
        )
    )


def _encoded(event: CloudEvent) -> bytes:
    return msgspec.json.encode(event)
