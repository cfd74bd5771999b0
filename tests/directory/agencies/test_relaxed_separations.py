"""Separation of duties is relaxed by an agency for itself, by its administrator, on record, and restored likewise."""

from typing import Any
from uuid import uuid4

from registry.platform.access.principals import Role
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.service import Caller

CHANGE = {"separation": "draft_approve", "reason": "One lawyer; the sheriff countersigns (demo)."}


def path_of(agency: Agency, verb: str = "relax-separation") -> str:
    return f"/v1/agencies/{agency.id}/{verb}"


async def seen(caller: Caller, agency: Agency) -> dict[str, Any]:
    found: dict[str, Any] = await caller.done("GET", f"/v1/agencies/{agency.id}")
    return found


async def offered(agency: Agency) -> dict[str, str | None]:
    actions = (await seen(agency.admin, agency))["allowed_actions"]
    return {each["action"]: each["reason"] for each in actions}


async def test_the_administrator_relaxes_a_separation_at_once_and_restores_it(cast: Cast) -> None:
    one = cast.assisting
    assert (await seen(one.coordinator, one))["relaxed_separations"] == []
    relaxed = await one.admin.done("POST", path_of(one), CHANGE)
    (shown,) = relaxed["relaxed_separations"]
    assert {name: shown[name] for name in CHANGE} == CHANGE
    assert (await seen(one.coordinator, one))["relaxed_separations"] == [shown]
    restored = await one.admin.done("POST", path_of(one, "restore-separation"), CHANGE)
    assert restored["relaxed_separations"] == []


async def test_it_is_in_the_history_of_the_agency_with_reason_and_person(cast: Cast) -> None:
    one = cast.assisting
    await one.admin.done("POST", path_of(one), CHANGE)
    await one.admin.done("POST", path_of(one, "restore-separation"), CHANGE)
    events = (await one.auditor.done("GET", f"/v1/agencies/{one.id}/history"))["items"][:2]
    assert [each["type"] for each in events] == ["agency.separation_restored", "agency.separation_relaxed"]
    assert [each["data"] for each in events] == [CHANGE, CHANGE]
    assert events[1]["private"]["subject"] == f"agency_admin@{str(one.id)[-6:]}"


async def test_only_the_agencys_own_people_see_what_it_relaxed(cast: Cast) -> None:
    one, others = cast.assisting, (cast.requesting.legal, cast.assisting.service.operator)
    path = f"/v1/agencies/{one.id}"
    before = [(await caller.get(path)).headers["etag"] for caller in others]
    own = (await one.coordinator.get(path)).headers["etag"]
    first = await seen(cast.requesting.legal, one)
    await one.admin.done("POST", path_of(one), CHANGE)
    assert await seen(cast.requesting.legal, one) == first, "version and updated_at tell nothing"
    assert [(await caller.get(path)).headers["etag"] for caller in others] == before
    assert (await one.coordinator.get(path)).headers["etag"] != own
    for caller in others:
        assert (await seen(caller, one))["relaxed_separations"] is None
        events = await caller.done("GET", f"/v1/agencies/{one.id}/history")
        assert [each for each in events["items"] if "separation" in each["type"]] == []


async def test_both_are_offered_to_the_administrator_alone_with_the_reason_when_withheld(cast: Cast) -> None:
    one = cast.assisting
    before = await offered(one)
    assert before["relax_separation"] is None
    assert before["restore_separation"] == "All duties are separated."
    for separation in ("draft_approve", "approve_sign", "approve_reserve", "draft_activate"):
        await one.admin.done("POST", path_of(one), {**CHANGE, "separation": separation})
    after = await offered(one)
    assert after["relax_separation"] == "Every separation of duties is relaxed already."
    assert after["restore_separation"] is None
    for caller in (one.legal, cast.requesting.admin, one.service.operator):
        actions = (await seen(caller, one))["allowed_actions"]
        assert not {each["action"] for each in actions} & {"relax_separation", "restore_separation"}


async def test_nobody_else_relaxes_or_restores_it(cast: Cast) -> None:
    one = cast.assisting
    for verb in ("relax-separation", "restore-separation"):
        path = path_of(one, verb)
        assert_problem(await one.service.anonymous.post(path, CHANGE), 401)
        for caller in (cast.requesting.admin, one.service.operator, one.legal, one.approver, one.machine):
            assert_problem(await caller.post(path, CHANGE), 403, "forbidden")
        both = one.as_(Role.SERVICE, Role.AGENCY_ADMIN)
        assert_problem(await both.post(path, CHANGE), 403, "forbidden")
        missing = path.replace(str(one.id), str(uuid4()))
        assert_problem(await one.admin.post(missing, CHANGE), 404, "not_found")
        assert_problem(await one.admin.post(path, {"separation": "draft_approve"}), 400)
        assert_problem(await one.admin.post(path, {**CHANGE, "separation": "draft_sign"}), 400)
        assert_problem(await one.admin.post(path, CHANGE, if_match='"9-00000000"'), 412, "stale_version")
    assert (await seen(one.admin, one))["relaxed_separations"] == []


async def test_what_is_relaxed_is_not_relaxed_again_nor_restored_twice(cast: Cast) -> None:
    one = cast.assisting
    assert_problem(await one.admin.post(path_of(one, "restore-separation"), CHANGE), 409, "wrong_status")
    await one.admin.done("POST", path_of(one), CHANGE)
    assert_problem(await one.admin.post(path_of(one), CHANGE), 409, "wrong_status")


async def test_a_repeated_request_has_one_effect_and_one_answer(cast: Cast) -> None:
    one, key = cast.assisting, str(uuid4())
    first = await one.admin.post(path_of(one), CHANGE, key=key)
    second = await one.admin.post(path_of(one), CHANGE, key=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert len((await seen(one.admin, one))["relaxed_separations"]) == 1
