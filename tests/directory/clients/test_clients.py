"""Service clients: registered by an agency's administrators, rotated with overlap, refused for good."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.directory.clients.rules import MOST_CLIENTS, SERVICE_SCOPES
from registry.directory.clients.tables import client_credential, signing_key
from registry.platform.access.acting import REMEMBERED_SECONDS
from registry.platform.access.permissions import HUMAN_ONLY
from registry.platform.access.principals import Role
from registry.platform.kernel.time import format_instant, utc_now
from tests.support.cast import Cast
from tests.support.clients import CLIENTS, SCOPES, assert_refused, register
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

NEW = {"name": "Dispatch (demo)", "scopes": SCOPES}
WHY = {"reason": "Its server was replaced (demo)."}


def ahead(**by: float) -> str:
    return format_instant(utc_now() + timedelta(**by))


async def accepted(caller: Caller) -> bool:
    """Whether the caller's token is accepted, once what is remembered is over."""
    await asyncio.sleep(REMEMBERED_SECONDS)
    return (await caller.get("/v1/me")).status_code == 200


async def test_an_administrator_registers_a_program_and_is_told_its_secret_once(cast: Cast, service: Service) -> None:
    admin = cast.assisting.admin
    response = await admin.post(CLIENTS, {**NEW, "scopes": [*SCOPES, "assets:read"]})
    assert (response.status_code, response.headers["cache-control"]) == (201, "no-store")
    made = response.json()
    assert response.headers["location"] == f"{CLIENTS}/{made['id']}"
    assert (made["agency"], made["scopes"], made["status"]) == (cast.assisting.reference, SCOPES, "active")
    assert len(made["secret"]) == len("rcs_") + 43, "256 bits"
    path = f"{CLIENTS}/{made['id']}"
    read = await admin.done("GET", path)
    assert read == {**made, "secret": None}
    assert (await admin.done("GET", CLIENTS))["items"] == [read]
    kept = await service.database.read().all(
        sa.select(client_credential).where(client_credential.c.client_id == UUID(made["id"]))
    )
    assert made["secret"] not in str(kept)
    history = (await admin.done("GET", f"/v1/agencies/{cast.assisting.id}/history"))["items"]
    assert made["secret"] not in str(history)


async def test_a_repeat_has_one_effect_and_does_not_tell_the_secret_again(cast: Cast) -> None:
    admin, key = cast.assisting.admin, f"once-{uuid4()}"
    first, second = [await admin.post(CLIENTS, NEW, key=key) for _ in range(2)]
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == {**first.json(), "secret": None}
    assert len((await admin.done("GET", CLIENTS))["items"]) == 1
    path, key = f"{CLIENTS}/{first.json()['id']}/rotate", f"once-{uuid4()}"
    first, second = [await admin.post(path, {}, key=key) for _ in range(2)]
    assert first.json()["secret"]
    assert second.json() == {**first.json(), "secret": None}


async def test_who_may(cast: Cast, service: Service) -> None:
    path = f"{CLIENTS}/{(await register(cast.assisting)).id}"
    assert_problem(await service.anonymous.post(CLIENTS, NEW), 401)
    assert_problem(await service.anonymous.get(path), 401)
    for role in (Role.COORDINATOR, Role.LEGAL, Role.AUDITOR, Role.SERVICE):
        assert_problem(await cast.assisting.as_(role, scope="clients:*").post(CLIENTS, NEW), 403, "forbidden")
    assert_problem(await service.operator.post(CLIENTS, NEW), 403, "forbidden")
    assert_problem(await service.operator.post(f"{path}/rotate"), 403, "forbidden")
    assert (await cast.assisting.auditor.get(path)).status_code == 200
    assert_problem(await cast.assisting.auditor.post(f"{path}/disable", WHY), 403, "forbidden")
    for method, where, body in (("get", path, None), ("post", f"{path}/rotate", {}), ("post", f"{path}/disable", WHY)):
        stranger = cast.stranger.admin
        assert_problem(await (stranger.get(where) if method == "get" else stranger.post(where, body)), 404)
    assert (await cast.stranger.admin.done("GET", CLIENTS))["items"] == []
    assert path.endswith(tuple(each["id"] for each in (await service.operator.done("GET", CLIENTS))["items"]))
    seen = await service.operator.done("GET", path)
    assert [each["action"] for each in seen["allowed_actions"]] == ["disable"]


async def test_a_service_never_holds_what_approves_signs_or_administers(cast: Cast) -> None:
    assert not {action.value for action in HUMAN_ONLY} & SERVICE_SCOPES
    administers = ("agencies:admit", "issuers:manage", "tokens:revoke", "clients:manage", "calendars:manage")
    for scope in ("agreements:sign", "requests:approve", *administers, "assets:fly", "no:such"):
        response = await cast.assisting.admin.post(CLIENTS, {**NEW, "scopes": ["assets:read", scope]})
        problem = assert_problem(response, 422, "scope_not_for_services")
        assert problem["errors"][0]["pointer"] == "/scopes/1"


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": " "},
        {"scopes": []},
        {"scopes": ["*"]},
        {"scopes": ["assets:*"]},
        {"scopes": "assets:read"},
        {"authentication": "none"},
        {"secret": "my own"},
        {"agency_id": str(uuid4())},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_malformed(cast: Cast, changed: dict[str, Any]) -> None:
    assert (await cast.assisting.admin.post(CLIENTS, {**NEW, **changed})).status_code == 400


async def test_the_old_secret_is_accepted_until_the_chosen_instant(cast: Cast, service: Service) -> None:
    program = await register(cast.assisting)
    path, until = f"{CLIENTS}/{program.id}", utc_now() + timedelta(seconds=1.5)
    rotated = await cast.assisting.admin.done("POST", f"{path}/rotate", {"keep_until": format_instant(until)})
    assert [each["expires_at"] is None for each in rotated["credentials"]] == [True, False]
    old, program.secret = program.secret, rotated["secret"]
    assert (await program.ask()).status_code == 200
    both = await cast.assisting.admin.done("GET", path)
    assert [each["last_used_at"] is None for each in both["credentials"]] == [False, True]
    program.secret, new = old, program.secret
    assert (await program.ask()).status_code == 200
    await asyncio.sleep(max(0.0, (until - utc_now()).total_seconds()) + 0.01)
    assert_refused(await program.ask(), 401, "invalid_client")
    program.secret = new
    assert (await program.ask()).status_code == 200
    assert len((await cast.assisting.admin.done("GET", path))["credentials"]) == 1


async def test_without_an_overlap_the_old_secret_is_refused_at_once(cast: Cast) -> None:
    program = await register(cast.assisting)
    path = f"{CLIENTS}/{program.id}/rotate"
    await cast.assisting.admin.done("POST", path, {"keep_until": ahead(days=1)})
    problem = await cast.assisting.admin.post(path, {"keep_until": ahead(days=2)})
    assert_problem(problem, 409, "wrong_status")
    rotated = await cast.assisting.admin.done("POST", path, {})
    assert len(rotated["credentials"]) == 1
    assert_refused(await program.ask(), 401, "invalid_client")
    for wrong in (ahead(days=31), ahead(seconds=-1)):
        body = {"keep_until": wrong}
        assert_problem(await cast.assisting.admin.post(path, body), 422, "overlap_out_of_range")


async def test_a_disabled_program_is_refused_within_a_second_and_for_good(cast: Cast, service: Service) -> None:
    for disabling in (cast.assisting.admin, service.operator):
        program = await register(cast.assisting)
        caller = await program.caller()
        assert await accepted(caller)
        path = f"{CLIENTS}/{program.id}"
        made = await disabling.done("POST", f"{path}/disable", WHY)
        assert (made["status"], made["credentials"], made["version"]) == ("disabled", [], 2)
        assert_refused(await program.ask(), 401, "invalid_client")
        assert not await accepted(caller)
        assert_problem(await disabling.post(f"{path}/disable", WHY), 409, "wrong_status")
        assert_problem(await cast.assisting.admin.post(f"{path}/rotate"), 409, "wrong_status")
        assert not any(each["allowed"] for each in made["allowed_actions"])
        found = (await cast.assisting.admin.done("GET", "/v1/revocations?limit=200"))["items"]
        (its,) = [each for each in found if each["value"] == program.id]
        assert [each["allowed"] for each in its["allowed_actions"]] == [False]
        for lifting in (cast.assisting.admin, service.operator):
            assert_problem(await lifting.post(f"/v1/revocations/{its['id']}/lift", WHY), 409, "wrong_status")
        await service.edge.app.state.sightings.store()
        people = (await cast.assisting.admin.done("GET", "/v1/principals?limit=200"))["items"]
        (person,) = [each["id"] for each in people if each["subject"] == program.id]
        assert_problem(await cast.assisting.admin.post(f"/v1/principals/{person}/restore", WHY), 409, "wrong_status")
        assert not await accepted(caller)


async def test_a_stale_version_changes_nothing(cast: Cast) -> None:
    program = await register(cast.assisting)
    path, stale = f"{CLIENTS}/{program.id}", '"9-00000000"'
    assert_problem(await cast.assisting.admin.post(f"{path}/rotate", {}, if_match=stale), 412, "stale_version")
    assert_problem(await cast.assisting.admin.post(f"{path}/disable", WHY, if_match=stale), 412, "stale_version")
    assert (await program.ask()).status_code == 200
    assert (await cast.assisting.admin.post(f"{path}/disable", {})).status_code == 400


async def test_of_two_rotations_at_once_one_keeps_the_overlap(cast: Cast) -> None:
    program = await register(cast.assisting)
    path, body = f"{CLIENTS}/{program.id}/rotate", {"keep_until": ahead(hours=1)}
    answers = await asyncio.gather(*(cast.assisting.admin.post(path, body) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    assert (await program.ask()).status_code == 200, "the first secret is accepted until then"
    read = await cast.assisting.admin.done("GET", path.removesuffix("/rotate"))
    assert (len(read["credentials"]), read["version"]) == (2, 2)


async def test_an_agency_has_so_many_programs_and_no_more(cast: Cast, service: Service) -> None:
    for start in range(0, MOST_CLIENTS - 1, 7):
        count = min(7, MOST_CLIENTS - 1 - start)
        await asyncio.gather(*(register(cast.assisting) for _ in range(count)))
    answers = await asyncio.gather(*(cast.assisting.admin.post(CLIENTS, NEW) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409]
    listed = await cast.assisting.admin.done("GET", f"{CLIENTS}?limit=30")
    rest = await cast.assisting.admin.done("GET", f"{CLIENTS}?limit=30&cursor={listed['next_cursor']}")
    assert len({each["id"] for each in (*listed["items"], *rest["items"])}) == MOST_CLIENTS


async def test_the_private_key_is_stored_encrypted(cast: Cast, service: Service) -> None:
    await register(cast.assisting)
    rows = await service.database.read().all(sa.select(signing_key))
    assert [row.private_key.startswith("v1.") for row in rows] == [True]
    published = (await service.anonymous.done("GET", "/.well-known/jwks.json"))["keys"]
    assert [set(key) for key in published] == [{"kty", "crv", "x", "y", "kid", "alg", "use"}]


async def test_nobody_enters_the_registry_itself_as_an_issuer(service: Service) -> None:
    itself = {"issuer": service.settings.public_url}
    assert_problem(await service.operator.post("/v1/issuers", itself), 409, "issuer_taken")
