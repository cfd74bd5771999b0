"""A webhook that failures disabled waits in the inbox of its agency's administrators, and so is told by mail, too."""

from typing import Any

import pytest

from registry.directory.waiting import InboxKind
from registry.platform.access.principals import Role
from registry.sharing.notices.writing import ASKS
from tests.platform.webhooks.conftest import WEBHOOKS, Scene
from tests.support.service import Caller


async def waiting(reader: Caller, whose: str = "me") -> list[dict[str, Any]]:
    page = await reader.done("GET", "/v1/inbox", params={"waiting_on": whose})
    return [each for each in page["items"] if each["kind"] == "webhook"]


@pytest.mark.second_later
async def test_what_failures_disabled_waits_for_the_administrators_until_it_is_enabled(scene: Scene) -> None:
    made = await scene.make()
    await scene.happen()
    scene.receiver.says(410)
    await scene.deliver()
    admin = scene.agency.admin
    (entry,) = await waiting(admin)
    path = f"{WEBHOOKS}/{made['id']}"
    assert entry["subject"] == {"kind": "webhook", "id": made["id"], "name": made["name"], "path": path, "number": None}
    assert entry["action"] == {"operation": "enable_webhook", "path": f"{path}/enable", "decision_id": None}
    assert "410" in entry["task"]
    assert entry["waiting_from"] == (await scene.read(made))["disabled_at"]
    assert await waiting(admin, "agency") == [entry]
    await admin.done("POST", entry["action"]["path"])
    assert await waiting(admin) == []


@pytest.mark.second_later
async def test_it_is_told_to_nobody_who_may_not_read_webhooks_and_to_no_other_agency(scene: Scene) -> None:
    await scene.make()
    await scene.happen()
    scene.receiver.says(410)
    await scene.deliver()
    auditor = scene.agency.as_(Role.AUDITOR)
    assert await waiting(auditor) == []
    (entry,) = await waiting(auditor, "agency")
    assert entry["action"] is None
    for reader in (scene.agency.coordinator, scene.cast.requesting.admin):
        for whose in ("me", "agency", "partners"):
            assert await waiting(reader, whose) == []


@pytest.mark.second_later
async def test_what_the_agency_disabled_or_deleted_itself_waits_for_nobody(scene: Scene) -> None:
    asked, gone = await scene.make(), await scene.make()
    await scene.agency.admin.done("POST", f"{WEBHOOKS}/{asked['id']}/disable")
    await scene.happen()
    scene.receiver.says(410)
    await scene.deliver()
    assert [each["id"] for each in await waiting(scene.agency.admin)] == [gone["id"]]
    answer = await scene.agency.admin.get(f"{WEBHOOKS}/{gone['id']}")
    await scene.agency.admin.delete(f"{WEBHOOKS}/{gone['id']}", if_match=answer.headers["etag"])
    assert await waiting(scene.agency.admin) == []


def test_a_letter_says_what_is_to_be_done() -> None:
    assert "webhook" in ASKS[InboxKind.WEBHOOK]
