"""The AsyncAPI document: every type of the catalogue with its schema and an example that fits, and what is sent."""

from typing import Any

import jsonschema_rs
import pytest

from registry.platform.ledger.event_types import EventType
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.feed import listening, place_now
from tests.support.service import Service


@pytest.fixture
async def document(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = (await service.http.get("/asyncapi.json")).json()
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [each for value in part.values() for each in references(value)]
    return [each for value in part for each in references(value)] if isinstance(part, list) else []


def validator(document: dict[str, Any], name: str) -> jsonschema_rs.Draft202012Validator:
    payload = document["components"]["messages"][name]["payload"]
    return jsonschema_rs.Draft202012Validator({**payload, "components": document["components"]}, validate_formats=True)


async def test_it_has_each_type_with_its_sentence_and_an_example_that_fits(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    messages = document["components"]["messages"]
    streamed = {each.value for each in EventType} | {"end"}
    assert document["channels"]["events"]["messages"].keys() == streamed
    assert messages.keys() == streamed | document["channels"]["webhook"]["messages"].keys()
    for each in EventType:
        assert messages[each.value]["summary"] == each.meaning
    for name, message in messages.items():
        validator(document, name).validate(message["examples"][0]["payload"])


async def test_it_refers_to_nothing_that_it_does_not_hold(document: dict[str, Any]) -> None:
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


async def test_what_is_sent_fits_it(service: Service, cast: Cast, document: dict[str, Any]) -> None:
    for reader in (cast.assisting.auditor, cast.assisting.coordinator):
        after = await place_now(service, reader)
        async with listening(service, reader, f"after={after}") as heard:
            await heard.next()
            await make_asset(cast.assisting)
            event = await heard.next()
        validator(document, event["event"]).validate(event["data"])
        wrong = {**event["data"], "type": "loan.returned"}
        assert not validator(document, event["event"]).is_valid(wrong)
