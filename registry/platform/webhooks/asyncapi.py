"""The part of the AsyncAPI document that a receiver of webhooks reads: what is sent to it, with what headers."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from registry.platform.http.openapi_components import examples
from registry.platform.http.shapes import Shapes
from registry.platform.ledger.feed_schemas import FeedEvent
from registry.platform.webhooks import messages
from registry.platform.webhooks.messages import CloudEvent, MissedData, WebhookData
from registry.platform.webhooks.sending import ANSWER_SECONDS
from registry.platform.webhooks.signing import signed_headers

CHANNEL: Final = "webhook"
EXAMPLE_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # of the standard's own specification
"""What the examples are signed with; no webhook has it."""
_SIGNED_AT: Final = datetime(2099, 7, 4, 12, tzinfo=UTC)
_SOURCE: Final = "https://registry.example"
_BODY: Final = "application/cloudevents+json"
_HEADERS: Final = {
    "type": "object",
    "properties": {
        "webhook-id": {
            "type": "string",
            "format": "uuid",
            "description": "The same each time that a message is sent: keep those of the last days, and leave aside "
            "what came already. It is `id` in the body, too.",
        },
        "webhook-timestamp": {
            "type": "string",
            "pattern": "^[0-9]{1,12}$",
            "description": "When it was sent this time, in seconds from 1970 on. Refuse what is older than five "
            "minutes.",
        },
        "webhook-signature": {
            "type": "string",
            "pattern": "^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$",
            "description": "For each secret that signs, `v1,` and the base64 of the HMAC-SHA256 over "
            "`<webhook-id>.<webhook-timestamp>.<body>`, the body as it came, by the bytes that stand in base64 behind "
            "`whsec_` (Standard Webhooks). One that fits is enough.",
        },
    },
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
}


def with_webhooks(document: dict[str, Any]) -> dict[str, Any]:
    """The AsyncAPI document of the stream, with the channel of webhooks and the operation that sends there."""
    kinds = [FeedEvent, CloudEvent, WebhookData, MissedData]
    components = document["components"]
    sent = {
        "webhook_event": _message(
            "An event of which the agency may hear, as the stream has it. `data` of it is null in a thin body.",
            {"type": {"$ref": "#/components/schemas/EventType"}, "data": {"$ref": "#/components/schemas/FeedEvent"}},
            _example_of_event(),
        ),
        "webhook_test": _message(
            "A test that an administrator asked for: it tells of nothing that happened.",
            {"type": {"const": messages.TEST}, "data": {"$ref": "#/components/schemas/WebhookData"}},
            _example_of_webhook(messages.TEST, WebhookData),
        ),
        "webhook_missed": _message(
            "What was not sent while the webhook was disabled; `GET /v1/events` answers it from `after` on.",
            {"type": {"const": messages.MISSED}, "data": {"$ref": "#/components/schemas/MissedData"}},
            _example_of_webhook(messages.MISSED, MissedData),
        ),
    }
    return {
        **document,
        "channels": {
            **document["channels"],
            CHANNEL: {
                "address": None,
                "title": "Webhooks",
                "description": "The address of each webhook is its agency's (`url` of `POST /v1/webhooks`). A message "
                f"arrives at least once; answer 2xx within {ANSWER_SECONDS:.0f} seconds once it is stored. Of the "
                "messages about one subject the next is sent when the one before has arrived, or was given up.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sent},
                "bindings": {"http": {"bindingVersion": "0.3.0"}},
            },
        },
        "operations": {
            **document["operations"],
            "send_webhook": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{CHANNEL}"},
                "summary": "Have events sent to a program of the agency",
                "description": "Nobody needs a token to receive: that the registry sent it is told by its signature.",
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            },
        },
        "components": {
            **components,
            "messages": {**components["messages"], **sent},
            "schemas": {**components["schemas"], **Shapes(kinds).components},
        },
    }


def _message(summary: str, properties: dict[str, Any], event: CloudEvent) -> dict[str, Any]:
    body = messages.encoded(event)
    return {
        "name": str(event.type),
        "title": summary.partition(".")[0].partition(":")[0],
        "summary": summary,
        "contentType": _BODY,
        "headers": _HEADERS,
        "payload": {"allOf": [{"$ref": "#/components/schemas/CloudEvent"}], "properties": properties},
        "bindings": {"http": {"headers": _HEADERS, "bindingVersion": "0.3.0"}},
        "examples": [
            {
                "headers": signed_headers([EXAMPLE_SECRET], str(event.id), _SIGNED_AT, body),
                "payload": msgspec.json.decode(body),
            }
        ],
    }


def _example_of_event() -> CloudEvent:
    answered: dict[str, Any] = examples()["operations"]["get_events"]["answer"]["items"][0]
    return messages.event_of(msgspec.convert({**answered, "data": None}, FeedEvent), _SOURCE)


def _example_of_webhook(type_: str, kind: type[WebhookData]) -> CloudEvent:
    made: dict[str, Any] = examples()["operations"]["create_webhook"]["answer"]
    place = examples()["operations"]["get_events"]["answer"]["next_after"]
    told: dict[str, Any] = {"webhook_id": made["id"], "name": made["name"]}
    if kind is MissedData:
        told |= {"disabled_at": made["created_at"], "enabled_at": made["updated_at"], "events": 1}
        told |= {"types": {"loan.returned": 1}, "after": place}
    webhook = msgspec.convert({"id": made["id"], "at": made["created_at"]}, _Made)
    return messages.webhook_told(webhook.id, webhook.id, type_, webhook.at, msgspec.convert(told, kind), _SOURCE)


class _Made(msgspec.Struct, frozen=True):
    id: UUID
    at: datetime
