"""What is sent, as CloudEvents 1.0 has it in JSON: an event; a test; a digest of what was missed."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.engine import Row

from registry.platform.ledger.feed_schemas import FeedEvent
from registry.platform.ledger.places import Place
from registry.platform.webhooks.rules import DeliveryKind

MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"
TEST: Final = "webhook.test"
MISSED: Final = "webhook.missed"
_When = Annotated[datetime, Meta(tz=True)]


class CloudEvent(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One message (CloudEvents 1.0.2, JSON event format)."""

    specversion: Literal["1.0"]
    id: Annotated[UUID, Meta(description="Of the event in the ledger, or of what is no event.")]
    source: Annotated[str, Meta(description="Where such events are read.")]
    type: Annotated[str, Meta(description="The type of the event.")]
    subject: Annotated[str, Meta(description="The kind and the id of the thing: `loan/01980000-…`.")]
    time: Annotated[_When, Meta(description="When the registry recorded it.")]
    datacontenttype: Literal["application/json"]
    data: Annotated[object, Meta(description="What is told.")]


class WebhookData(Struct, kw_only=True, frozen=True):
    """`data` of a message about the webhook itself."""

    webhook_id: Annotated[UUID, Meta(description="The webhook's id.")]
    name: Annotated[str, Meta(description="What its agency calls it.")]


class MissedData(WebhookData, kw_only=True, frozen=True):
    """`data` of a message that says how much was not sent while the webhook was disabled."""

    disabled_at: Annotated[_When, Meta(description="From when on nothing was sent.")]
    enabled_at: Annotated[_When, Meta(description="From when on it is sent again.")]
    events: Annotated[int, Meta(ge=0, description="How many events were not sent.")]
    types: Annotated[dict[str, int], Meta(description="How many of each type.")]
    after: Annotated[Place, Meta(description="Behind this place `GET /v1/events` answers them.")]


def of_event(event: FeedEvent, public_url: str) -> bytes:
    """The message that tells an event, as the feed does."""
    return encoded(event_of(event, public_url))


def event_of(event: FeedEvent, public_url: str) -> CloudEvent:
    """The CloudEvent of an event as it is told to one reader."""
    return CloudEvent(
        specversion="1.0",
        id=event.id,
        source=f"{public_url}/v1/events",
        type=event.type,
        subject=f"{event.subject.kind}/{event.subject.id}",
        time=event.recorded_at,
        datacontenttype="application/json",
        data=event,
    )


def of_webhook(webhook: Row[Any], delivery: Row[Any], public_url: str) -> bytes:
    """The message that tells of the webhook itself: a test, or what was missed."""
    told = {"webhook_id": webhook.id, "name": webhook.name}
    data = WebhookData(**told)
    if delivery.kind == DeliveryKind.MISSED:
        data = msgspec.convert({**told, **msgspec.json.decode(delivery.told)}, MissedData)
    return encoded(webhook_told(delivery.id, webhook.id, delivery.type, delivery.created_at, data, public_url))


def webhook_told(
    id_: UUID, webhook_id: UUID, type_: str, at: datetime, data: WebhookData, public_url: str
) -> CloudEvent:
    """The CloudEvent about a webhook."""
    return CloudEvent(
        specversion="1.0",
        id=id_,
        source=f"{public_url}/v1/webhooks",
        type=type_,
        subject=f"webhook/{webhook_id}",
        time=at,
        datacontenttype="application/json",
        data=data,
    )


def encoded(event: CloudEvent) -> bytes:
    """The message as it is sent, and signed."""
    return msgspec.json.encode(event)
