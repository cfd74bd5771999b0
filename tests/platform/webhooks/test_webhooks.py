"""Webhooks in the API: made, changed, rotated, disabled and deleted by an agency's administrators alone."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.platform.access.principals import Role
from registry.platform.kernel.time import format_instant, utc_now
from registry.platform.settings import SettingsError, load
from registry.platform.webhooks.rules import MOST_WEBHOOKS
from registry.platform.webhooks.schemas import WEBHOOK_EXAMPLE
from registry.platform.webhooks.tables import webhook_secret
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

WEBHOOKS = "/v1/webhooks"
NEW = {**WEBHOOK_EXAMPLE, "url": "https://hooks.example/registry?key=shared"}


async def made_by(admin: Caller, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = await admin.done("POST", WEBHOOKS, {**NEW, **more})
    return found


async def changed(admin: Caller, webhook: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    path = f"{WEBHOOKS}/{webhook['id']}"
    found: dict[str, Any] = await admin.done("PATCH", path, patch, if_match=(await admin.get(path)).headers["etag"])
    return found


async def test_an_administrator_makes_a_webhook_and_is_told_its_secret_once(cast: Cast, service: Service) -> None:
    admin, key = cast.assisting.admin, f"once-{uuid4()}"
    response = await admin.post(WEBHOOKS, NEW, key=key)
    assert (response.status_code, response.headers["cache-control"]) == (201, "no-store")
    made = response.json()
    assert response.headers["location"] == f"{WEBHOOKS}/{made['id']}"
    assert (made["status"], made["body"], made["types"]) == ("enabled", "thin", sorted(NEW["types"]))
    assert made["secret"].startswith("whsec_")
    assert (await admin.post(WEBHOOKS, NEW, key=key)).json() == {**made, "secret": None}
    assert await admin.done("GET", f"{WEBHOOKS}/{made['id']}") == {**made, "secret": None}
    kept = await service.database.read().all(
        sa.select(webhook_secret.c.secret).where(webhook_secret.c.webhook_id == UUID(made["id"]))
    )
    assert made["secret"] not in str(kept)
    assert [str(row.secret).startswith("v1.") for row in kept] == [True], "encrypted"


async def test_the_ledger_names_the_host_and_keeps_what_else_is_in_the_address(cast: Cast, service: Service) -> None:
    made = await made_by(cast.assisting.admin)
    await changed(cast.assisting.admin, made, {"url": "https://other.example/registry?key=another"})
    found = await service.database.read().all(sa.text("SELECT canonical FROM ledger_event WHERE type LIKE 'webhook.%'"))
    told = " ".join(bytes(row.canonical).decode() for row in found)
    assert "hooks.example" in told
    assert "other.example" in told
    assert "key=" not in told
    assert made["secret"] not in told


async def test_who_may(cast: Cast, service: Service) -> None:
    made = await made_by(cast.assisting.admin)
    path = f"{WEBHOOKS}/{made['id']}"
    assert_problem(await service.anonymous.post(WEBHOOKS, NEW), 401)
    for role in (Role.COORDINATOR, Role.APPROVER, Role.LEGAL, Role.AUDITOR, Role.SERVICE):
        assert_problem(await cast.assisting.as_(role, scope="webhooks:*").post(WEBHOOKS, NEW), 403, "forbidden")
    assert_problem(await service.operator.get(path), 403, "forbidden")
    seen = await cast.assisting.auditor.done("GET", path)
    assert (seen["secret"], seen["allowed_actions"]) == (None, [])
    assert (await cast.assisting.auditor.get(f"{path}/deliveries")).status_code == 200
    for act in ("rotate", "enable", "disable", "test"):
        assert_problem(await cast.assisting.auditor.post(f"{path}/{act}"), 403, "forbidden")
        assert_problem(await cast.stranger.admin.post(f"{path}/{act}"), 404)
    stranger = cast.stranger.admin
    assert_problem(await stranger.get(path), 404)
    assert_problem(await stranger.get(f"{path}/deliveries"), 404)
    assert_problem(await stranger.patch(path, {"name": "Mine"}, if_match="*"), 404)
    assert_problem(await stranger.delete(path, if_match="*"), 404)
    assert (await stranger.done("GET", WEBHOOKS))["items"] == []


async def test_what_it_may_not_be(cast: Cast) -> None:
    admin = cast.assisting.admin
    problem = assert_problem(await admin.post(WEBHOOKS, {**NEW, "types": ["loan.*", "loan.flown"]}), 422)
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("unknown_event_type", "/types/1")
    for url in ("http://hooks.example/", "https://127.0.0.1/", "https://user:pw@hooks.example/"):
        assert_problem(await admin.post(WEBHOOKS, {**NEW, "url": url}), 422, "webhook_url_unusable")
    made = await made_by(admin)
    etag = (await admin.get(f"{WEBHOOKS}/{made['id']}")).headers["etag"]
    path = f"{WEBHOOKS}/{made['id']}"
    assert_problem(await admin.patch(path, {"url": "https://[::1]/"}, if_match=etag), 422, "webhook_url_unusable")
    assert_problem(await admin.patch(path, {"types": ["no.such"]}, if_match=etag), 422, "unknown_event_type")
    assert_problem(await admin.patch(path, {"name": "x"}), 428)


@pytest.mark.parametrize(
    "wrong",
    [{"types": []}, {"types": ["loan"]}, {"types": ["*.returned"]}, {"body": "whole"}, {"url": ""}, {"secret": "mine"}],
    ids=str,
)
async def test_malformed(cast: Cast, wrong: dict[str, Any]) -> None:
    assert_problem(await cast.assisting.admin.post(WEBHOOKS, {**NEW, **wrong}), 400)


async def test_it_is_changed_of_the_version_that_was_read(cast: Cast) -> None:
    admin = cast.assisting.admin
    made = await made_by(admin)
    after = await changed(admin, made, {"types": ["*"], "body": "full", "name": "Other (demo)"})
    assert (after["types"], after["body"], after["name"], after["version"]) == (["*"], "full", "Other (demo)", 2)
    same = await changed(admin, made, {"body": "full"})
    assert same["version"] == 2, "nothing was changed"
    path = f"{WEBHOOKS}/{made['id']}"
    assert_problem(await admin.patch(path, {"name": "Late"}, if_match='"1-00000000"'), 412)


async def test_it_is_rotated_with_an_overlap_or_at_once(cast: Cast) -> None:
    admin = cast.assisting.admin
    made = await made_by(admin)
    path = f"{WEBHOOKS}/{made['id']}/rotate"
    until = format_instant(utc_now() + timedelta(days=3))
    rotated = await admin.done("POST", path, {"keep_until": until})
    assert rotated["secret"] not in (None, made["secret"])
    assert [each["expires_at"] for each in rotated["secrets"]] == [None, until]
    assert_problem(await admin.post(path, {"keep_until": until}), 409, "wrong_status")
    for wrong in (timedelta(days=31), timedelta(seconds=-5)):
        body = {"keep_until": format_instant(utc_now() + wrong)}
        assert_problem(await admin.post(path, body), 422, "overlap_out_of_range")
    assert len((await admin.done("POST", path))["secrets"]) == 1


async def test_it_is_disabled_and_enabled(cast: Cast) -> None:
    admin = cast.assisting.admin
    made = await made_by(admin)
    path = f"{WEBHOOKS}/{made['id']}"
    off = await admin.done("POST", f"{path}/disable")
    assert (off["status"], off["disabled_because"]) == ("disabled", "asked")
    assert {each["action"]: each["allowed"] for each in off["allowed_actions"]}["disable"] is False
    assert_problem(await admin.post(f"{path}/disable"), 409, "wrong_status")
    on = await admin.done("POST", f"{path}/enable")
    assert (on["status"], on["disabled_at"], on["disabled_because"]) == ("enabled", None, None)
    assert_problem(await admin.post(f"{path}/enable"), 409, "wrong_status")


async def test_it_is_deleted_once_and_for_all(cast: Cast, service: Service) -> None:
    admin = cast.assisting.admin
    made = await made_by(admin)
    path = f"{WEBHOOKS}/{made['id']}"
    tested = await admin.done("POST", f"{path}/test")
    assert_problem(await admin.delete(path), 428)
    etag = (await admin.get(path)).headers["etag"]
    assert (await admin.delete(path, if_match=etag)).status_code == 204
    assert (await admin.delete(path, if_match=etag)).status_code == 204, "again changes nothing"
    for gone in (path, f"{path}/deliveries", f"{path}/deliveries/{tested['id']}"):
        assert_problem(await admin.get(gone), 404)
    assert_problem(await admin.post(f"{path}/test"), 404)
    assert (await admin.done("GET", WEBHOOKS))["items"] == []
    kept = sa.select(webhook_secret.c.id).where(webhook_secret.c.webhook_id == UUID(made["id"]))
    assert await service.database.read().all(kept) == []


async def test_an_agency_has_so_many(cast: Cast) -> None:
    admin = cast.assisting.admin
    for n in range(MOST_WEBHOOKS):
        await made_by(admin, name=f"Program {n} (demo)")
    assert_problem(await admin.post(WEBHOOKS, NEW), 409, "wrong_status")
    page = await admin.done("GET", WEBHOOKS, params={"limit": 7})
    assert len(page["items"]) == 7
    assert page["next_cursor"] is not None


async def test_without_keys_for_secrets_webhooks_are_off(cast: Cast, service: Service) -> None:
    making = service.edge.app.state.webhook_making
    service.edge.app.state.webhook_making = type(making)(type(making.secrets)([]), making.reach)
    try:
        assert_problem(await cast.assisting.admin.post(WEBHOOKS, NEW), 409, "webhooks_off")
    finally:
        service.edge.app.state.webhook_making = making


def test_networks_of_receivers_are_a_setting() -> None:
    settings = {"REGISTRY_DEMO": "1", "REGISTRY_WEBHOOK_NETWORKS": "10.20.0.0/16, ::1"}
    assert load(settings).webhook_networks == ("10.20.0.0/16", "::1/128")
    with pytest.raises(SettingsError, match="REGISTRY_WEBHOOK_NETWORKS"):
        load({**settings, "REGISTRY_WEBHOOK_NETWORKS": "inside"})
