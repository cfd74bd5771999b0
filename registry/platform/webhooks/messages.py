"""What is sent, as CloudEvents 1.0 has it in JSON: an event; a test; a digest of what was missed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.ledger.feed_schemas import FeedEvent
from registry.platform.webhooks.rules import DeliveryKind

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


def of_event(event: FeedEvent, public_url: str) -> bytes:
    """The message that tells an event, as the feed does."""
    return _encoded(
        CloudEvent(
            specversion="1.0",
            id=event.id,
            source=f"{public_url}/v1/events",
            type=event.type,
            subject=f"{event.subject.kind}/{event.subject.id}",
            time=event.recorded_at,
            datacontenttype="application/json",
            data=event,
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
