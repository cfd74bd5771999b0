"""The AsyncAPI document: what the stream of events sends, made of the catalogue and of the structs that are sent."""

from typing import Any, Final

from registry.platform.http.openapi_components import examples
from registry.platform.http.shapes import Shapes
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.feed_schemas import FeedEvent
from registry.platform.ledger.streaming import HEARTBEAT_SECONDS, End
from registry.platform.ledger.subjects import READ_BY

_CHANNEL: Final = "events"
_SENT_AT_THE_END = (End.TOKEN_EXPIRED, End.MAY_NOT_ACT, End.STOPPING, End.UNAVAILABLE)


def asyncapi(version: str) -> dict[str, Any]:
    """The AsyncAPI 3.0 document."""
    shapes = Shapes([FeedEvent])
    shapes.of(FeedEvent)
    schemas = dict(shapes.components)
    message: dict[str, Any] = {each.value: _message(each) for each in EventType}
    message["end"] = _end()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Registry of resource sharing: events",
            "version": version,
            "description": "What happens in the registry, as server-sent events and sent to webhooks. The same events, "
            "in the same order, are answered by `GET /v1/events`; see `/openapi.json`. A reader hears of what concerns "
            "its agency, of the kinds of things that its role may read; `data` is for those who may have events "
            "proved. A client leaves aside a type that it does not know.",
        },
        "defaultContentType": "application/json",
        "channels": {
            _CHANNEL: {
                "address": "/v1/events/stream",
                "title": "Live events",
                "description": "`id` of each is the place to go on from (`Last-Event-ID`), `event` its type, and a "
                f"comment every {HEARTBEAT_SECONDS:.0f} seconds is a sign of life.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in message},
            }
        },
        "operations": {
            "stream_events": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{_CHANNEL}"},
                "summary": "Hear of events as they happen",
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
                "bindings": {"http": {"method": "GET", "bindingVersion": "0.3.0"}},
            }
        },
        "components": {
            "messages": message,
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token (RFC 9068) of an issuer that the registry trusts.",
                }
            },
        },
    }


def _message(each: EventType) -> dict[str, Any]:
    payload = {
        "allOf": [{"$ref": "#/components/schemas/FeedEvent"}],
        "properties": {"type": {"const": each.value}},
    }
    return {
        "name": each.value,
        "title": each.value,
        "summary": each.meaning,
        "contentType": "application/json",
        "payload": payload,
        "examples": [{"payload": _example(each)}],
    }


def _end() -> dict[str, Any]:
    return {
        "name": "end",
        "title": "end",
        "summary": "The stream ends: come again, with a new token where the old one is over.",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "properties": {"reason": {"type": "string", "enum": [each.value for each in _SENT_AT_THE_END]}},
            "required": ["reason"],
        },
        "examples": [{"payload": {"reason": End.STOPPING.value}}],
    }


def _example(each: EventType) -> dict[str, Any]:
    """An event as one was really answered, of this type."""
    answer: dict[str, Any] = examples()["operations"]["get_events"]["answer"]["items"][0]
    thing = each.partition(".")[0]
    subject = answer["subject"] | ({"kind": thing} if thing in READ_BY else {})
    return {**answer, "type": each.value, "subject": subject, "data": None}
