"""What the AsyncAPI document says of webhooks is what a receiver gets."""

from typing import Any

import jsonschema_rs
import msgspec
import pytest
import time_machine
from standardwebhooks import Webhook as Verifier

from registry.platform.webhooks.asyncapi import EXAMPLE_SECRET
from tests.platform.webhooks.conftest import WEBHOOKS, Scene
from tests.support.receiver import Got
from tests.support.service import Service


async def sent_to_webhooks(service: Service) -> tuple[dict[str, Any], dict[str, Any]]:
    """The messages of the channel by their names, and the components that they refer to."""
    document: dict[str, Any] = (await service.http.get("/asyncapi.json")).json()
    names = document["channels"]["webhook"]["messages"]
    components = document["components"]
    return {name: components["messages"][name] for name in names}, components


def check(schema: dict[str, Any], components: dict[str, Any], said: object) -> None:
    whole = {**schema, "components": components}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(said)


@pytest.mark.one_database
async def test_each_message_has_an_example_that_fits_and_is_signed_as_it_says(service: Service) -> None:
    messages, components = await sent_to_webhooks(service)
    assert messages.keys() == {"webhook_event", "webhook_test", "webhook_missed"}
    for message in messages.values():
        (example,) = message["examples"]
        check(message["payload"], components, example["payload"])
        check(message["headers"], components, example["headers"])
        with time_machine.travel(int(example["headers"]["webhook-timestamp"])):
            Verifier(EXAMPLE_SECRET).verify(msgspec.json.encode(example["payload"]), example["headers"])


@pytest.mark.one_database
async def test_it_has_an_operation_that_sends_to_an_address_of_the_agency(service: Service) -> None:
    document = (await service.http.get("/asyncapi.json")).json()
    assert document["channels"]["webhook"]["address"] is None
    assert document["operations"]["send_webhook"] | {"summary": "", "description": ""} == {
        "action": "send",
        "channel": {"$ref": "#/channels/webhook"},
        "summary": "",
        "description": "",
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
    }


@pytest.mark.second_later
async def test_what_arrives_fits_it(scene: Scene) -> None:
    made = await scene.make("*", body="full")
    await scene.happen()
    await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/test")
    scene.receiver.says(410)
    await scene.deliver()
    scene.receiver.says(204)
    await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/enable")
    await scene.happen()
    await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/test")
    await scene.deliver()
    messages, components = await sent_to_webhooks(scene.service)

    def name_of(got: Got) -> str:
        return {"webhook.test": "webhook_test", "webhook.missed": "webhook_missed"}.get(
            got.event["type"], "webhook_event"
        )

    assert {name_of(got) for got in scene.receiver.got} == messages.keys()
    for got in scene.receiver.got:
        message = messages[name_of(got)]
        check(message["payload"], components, got.event)
        check(message["headers"], components, got.headers)
        assert got.headers["content-type"].partition(";")[0] == message["contentType"]
