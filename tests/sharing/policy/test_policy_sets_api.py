"""An agency's own policy sets over HTTP: drafted, validated, activated by somebody else, deciding, retired."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.settings import load
from registry.sharing.policy.queries.layers import altered_layers
from registry.sharing.policy.schemas.sets import NEW_POLICY_SET_EXAMPLE
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast, make_cast
from tests.support.policy import make_decision, window_of
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Caller, Service

SETS = "/v1/policy-sets"
SHORT = {"title": "Short loans (demo)", "rules": [{"kind": "longest_loan", "hours": 4}]}
REASON = {"reason": "The dogs are back (demo)."}


async def drafted(agency: Agency, body: dict[str, Any] = SHORT) -> str:
    return f"{SETS}/{(await agency.legal.done('POST', SETS, body))['id']}"


async def validated(agency: Agency, body: dict[str, Any] = SHORT) -> str:
    path = await drafted(agency, body)
    made = await agency.legal.done("POST", f"{path}/validate")
    assert made["status"] == "validated", made["findings"]
    return path


async def activated(agency: Agency, body: dict[str, Any] = SHORT) -> dict[str, Any]:
    made: dict[str, Any] = await agency.admin.done("POST", f"{await validated(agency, body)}/activate")
    return made


async def question(cast: Cast, hours: int = 8) -> dict[str, Any]:
    """A what-if of the requesting agency about an asset of the assisting one, under an agreement."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    window = window_of(hours=hours)
    return {
        "asset_id": (await make_asset(cast.assisting))["id"],
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "purpose": "narcotics_investigation",
    }


async def outcome(who: Caller, asked: dict[str, Any]) -> tuple[str, list[str]]:
    decision = (await who.done("POST", "/v1/policy-evaluations", asked))["decision"]
    return decision["outcome"], [f"{each['layer']}:{each['policy_id']}" for each in decision["reasons"]]


def actions(found: dict[str, Any]) -> dict[str, bool]:
    return {each["action"]: each["allowed"] for each in found["allowed_actions"]}


async def test_a_set_is_drafted_validated_activated_by_another_person_and_decides(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    response = await owner.legal.post(SETS, NEW_POLICY_SET_EXAMPLE)
    assert response.status_code == 201
    path, made = response.headers["location"], response.json()
    assert (made["status"], made["agency"], made["findings"]) == ("draft", owner.reference, None)
    assert made["rules"] == [
        NEW_POLICY_SET_EXAMPLE["rules"][0],
        {**NEW_POLICY_SET_EXAMPLE["rules"][1], "category": None, "citation": None},
        {**NEW_POLICY_SET_EXAMPLE["rules"][2], "citation": None},
    ]
    assert '@id("keep_reserve_k9_narcotics")' in made["text"], "what was made of a rule is shown"
    assert made["text"].endswith(NEW_POLICY_SET_EXAMPLE["cedar"])
    assert actions(made) == {"validate": True}
    assert_problem(await owner.admin.post(f"{path}/activate"), 409, "wrong_status")
    good = await owner.legal.done("POST", f"{path}/validate")
    assert (good["status"], good["findings"]) == ("validated", {"faults": [], "policies": 4, "cases": 2})
    assert (await outcome(cast.requesting.coordinator, asked))[0] == "permitted", "it decides nothing yet"
    active = await owner.admin.done("POST", f"{path}/activate")
    assert (active["status"], active["digest"]) == ("active", made["digest"])
    # One dog there is, and one stays at home.
    assert await outcome(cast.requesting.coordinator, asked) == ("denied", ["agency:keep_reserve_k9_narcotics"])
    history = (await owner.admin.done("GET", f"{SETS}?status=active"))["items"]
    assert [each["id"] for each in history] == [made["id"]]
    retired = await owner.admin.done("POST", f"{path}/retire", REASON)
    assert (retired["status"], retired["retired_reason"]) == ("retired", REASON["reason"])
    assert actions(retired) == {"validate": False, "activate": False, "retire": False}
    assert (await outcome(cast.requesting.coordinator, asked))[0] == "permitted"


async def test_what_is_wrong_is_said_with_its_place_and_the_draft_stays_one(cast: Cast) -> None:
    owner = cast.assisting
    cedar = NEW_POLICY_SET_EXAMPLE["cedar"].replace("duration_hours", "duration_hourz")
    path = await drafted(owner, {**NEW_POLICY_SET_EXAMPLE, "cedar": cedar})
    found = await owner.legal.done("POST", f"{path}/validate")
    assert found["status"] == "draft"
    fault = found["findings"]["faults"][0]
    assert (fault["line"], fault["column"], fault["text"]) == (5, 57, "duration_hourz")
    assert (fault["policy_id"], fault["source"]) == ("training_by_day", "cedar")
    assert (await owner.auditor.done("GET", path))["findings"] == found["findings"]
    assert found["analysis"] is None
    assert_problem(await owner.admin.post(f"{path}/activate"), 409, "wrong_status")
    unknown = await drafted(owner, {"title": "T", "rules": [{"kind": "within_distance", "km": 5, "category": "dog"}]})
    assert (await owner.legal.done("POST", f"{unknown}/validate"))["findings"]["faults"][0]["text"] == "dog"


async def test_who_activates_a_set_sees_before_what_does_nothing_in_it(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    made = await make_decision(cast.requesting, {"id": asked["asset_id"]})
    path = await validated(
        owner, {**SHORT, "rules": [*SHORT["rules"], {"kind": "longest_loan", "category": "k9", "hours": 7}]}
    )
    seen = (await owner.admin.done("GET", path))["analysis"]
    assert (seen["evidence"]["decisions"], seen["evidence"]["left_out"]) == (1, 0)
    assert seen["evidence"]["generated"] > 0
    (finding,) = seen["findings"]
    assert (finding["kind"], finding["policy_id"], finding["by"]) == ("shadowed", "longest_loan_k9", ["longest_loan"])
    assert finding["witness"] == {"decision_id": str(made.id), "values": []}
    assert (await owner.legal.done("GET", f"{SETS}?status=validated"))["items"][0].keys().isdisjoint({"analysis"})
    await make_decision(cast.requesting, {"id": asked["asset_id"]})
    await make_decision(cast.neighbour, await make_asset(cast.neighbour))
    active = await owner.admin.done("POST", f"{path}/activate")
    assert active["analysis"]["evidence"]["decisions"] == 2, "it is analysed once more, over what it was asked for"
    assert active["status"] == "active", "a warning holds nobody up"


async def test_who_drafted_a_set_does_not_activate_it_unless_the_agency_relaxed_that(cast: Cast) -> None:
    owner = cast.assisting
    path = f"{SETS}/{(await owner.admin.done('POST', SETS, SHORT))['id']}"
    await owner.admin.done("POST", f"{path}/validate")
    refused = assert_problem(await owner.admin.post(f"{path}/activate"), 403, "separation_of_duties")
    assert refused["separation"] == "draft_activate"
    shown = (await owner.admin.done("GET", path))["allowed_actions"]
    assert [(each["allowed"], each["reason"]) for each in shown if each["action"] == "activate"] == [
        (False, refused["detail"])
    ]
    second = owner.as_(Role.AGENCY_ADMIN, subject="second@home")
    assert actions(await second.done("GET", path))["activate"] is True
    relaxed = {"separation": "draft_activate", "reason": "There is one of us (demo)."}
    await owner.admin.done("POST", f"/v1/agencies/{owner.id}/relax-separation", relaxed)
    assert_problem(await owner.admin.post(f"{path}/activate"), 403, "separation_of_duties")
    again = f"{SETS}/{(await owner.admin.done('POST', SETS, SHORT))['id']}"
    await owner.admin.done("POST", f"{again}/validate")
    assert (await owner.admin.done("POST", f"{again}/activate"))["status"] == "active"


async def test_who_asks_cannot_tell_by_the_owners_reserve_how_many_are_not_shared(cast: Cast) -> None:
    """Two worlds that differ in private stock alone are one to whoever asks; the owner's own answer is by the truth."""
    owner, asked = cast.assisting, await question(cast)
    await make_asset(owner, capacity=2, sharing="agreement")
    await activated(
        owner, {"title": "T", "rules": [{"kind": "keep_reserve", "category": "k9.narcotics", "quantity": 3}]}
    )
    before = await outcome(cast.requesting.coordinator, asked)
    assert before == ("denied", ["agency:keep_reserve_k9_narcotics"])
    await make_asset(owner, capacity=4, sharing="private")
    assert await outcome(cast.requesting.coordinator, asked) == before
    assert (await make_decision(cast.requesting, {"id": asked["asset_id"]})).outcome == "denied"


async def test_the_litany(cast: Cast) -> None:
    owner = cast.assisting
    path = await validated(owner)
    for verb, body in (("", None), ("/validate", {}), ("/activate", {}), ("/retire", REASON)):
        send = owner.service.anonymous.get if body is None else owner.service.anonymous.post
        assert_problem(await send(f"{path}{verb}", *([] if body is None else [body])), 401)
        for stranger in (cast.stranger, cast.requesting):
            send = stranger.admin.get if body is None else stranger.admin.post
            assert_problem(await send(f"{path}{verb}", *([] if body is None else [body])), 404, "not_found")
    assert_problem(await owner.machine.get(path), 403)
    assert_problem(await owner.coordinator.post(f"{path}/validate"), 403)
    assert_problem(await owner.legal.post(f"{path}/activate"), 403)
    for wrong in (
        {},
        {"title": "T", "rules": [{"kind": "unicorn"}]},
        {"title": "T", "rules": [{"kind": "within_distance", "km": 0}]},
        {"title": "T", "rules": [{"kind": "longest_loan", "hours": 4, "km": 3}]},
        {"title": "T", "cedar": "x" * 60_001},
        {"title": "T", "cedar": 5},
    ):
        assert_problem(await owner.legal.post(SETS, wrong), 400)
    assert_problem(await owner.admin.post(f"{path}/retire", {}), 400)
    assert_problem(await owner.admin.post(f"{path}/activate", if_match='"99-00000000"'), 412, "stale_version")
    first, again = [await owner.admin.post(f"{path}/activate", key="activate") for _ in range(2)]
    assert (first.status_code, again.content) == (200, first.content)
    for verb in ("validate", "activate"):
        assert_problem(await owner.admin.post(f"{path}/{verb}"), 409, "wrong_status")


async def test_a_new_active_set_takes_the_place_of_the_one_before_and_one_of_two_at_once_is_refused(cast: Cast) -> None:
    owner = cast.assisting
    before = await activated(owner)
    paths = [await validated(owner, {**SHORT, "title": title}) for title in ("One", "Other")]
    answers: list[httpx.Response] = await asyncio.gather(*(owner.admin.post(f"{path}/activate") for path in paths))
    assert {each.status_code for each in answers} <= {200, 409}
    active = (await owner.admin.done("GET", f"{SETS}?status=active"))["items"]
    assert len(active) == 1
    old = await owner.admin.done("GET", f"{SETS}/{before['id']}")
    assert (old["status"], old["retired_reason"]) == ("retired", None)


async def test_a_decision_names_the_layer_and_keeps_it_when_the_agency_decides_otherwise_later(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    active = await activated(owner)
    made = await make_decision(cast.requesting, {"id": asked["asset_id"]})
    assert made.outcome == "denied"
    assert made.decision.policy_set.layers["agency"] == active["digest"]
    assert [(each.layer, each.policy_id) for each in made.decision.reasons] == [("agency", "longest_loan")]
    path = f"/v1/decisions/{made.id}/replay"
    now = await cast.requesting.coordinator.done("GET", path)
    assert (now["same"], now["policies_changed"]) == (True, False)
    await owner.admin.done("POST", f"{SETS}/{active['id']}/retire", REASON)
    now = await cast.requesting.coordinator.done("GET", path)
    assert (now["same"], now["policies_changed"], now["reproduced"]) == (False, True, True)
    assert (now["then"]["outcome"], now["now"]["outcome"]) == ("denied", "permitted")


async def test_every_process_decides_by_the_set_that_was_activated_last(private_url: str, tmp_path: Path) -> None:
    """Two services on one database: there is nothing to wait for, since each decision reads which set is active."""
    async with (
        in_process(load(environment(private_url, tmp_path / "one"))) as one,
        in_process(load(environment(private_url, tmp_path / "two"))) as two,
    ):
        cast = await make_cast(one)
        asked = await question(cast)

        def elsewhere(service: Service) -> Caller:
            return service.caller(cast.requesting.id, Role.COORDINATOR)

        assert (await outcome(elsewhere(two), asked))[0] == "permitted"
        first = await activated(cast.assisting)
        for service in (one, two):
            assert (await outcome(elsewhere(service), asked))[0] == "denied"
        await activated(cast.assisting, {**SHORT, "rules": [{"kind": "longest_loan", "hours": 9}]})
        for service in (two, one):
            assert (await outcome(elsewhere(service), asked))[0] == "permitted"
        await cast.assisting.admin.done("POST", SETS, SHORT)
        assert first["digest"]


async def test_a_retired_draft_that_was_never_validated_is_not_given_to_the_parser(cast: Cast) -> None:
    deep = f"permit (principal, action, resource) when {{ {'(' * 500}true{')' * 500} }};"
    path = await drafted(cast.assisting, {"title": "Deep (demo)", "cedar": deep})
    assert (await cast.assisting.legal.done("POST", f"{path}/validate"))["status"] == "draft"
    await cast.assisting.admin.done("POST", f"{path}/retire", REASON)
    assert_problem(await cast.assisting.legal.post(f"{path}/previews", {}), 409, "wrong_status")


async def test_a_set_that_was_altered_is_found_at_the_start_and_decides_nothing(
    private_url: str, tmp_path: Path, dialect: str
) -> None:
    """Without it less would be asked than its agency asks: nothing is decided then, and a server does not start."""
    async with in_process(load(environment(private_url, tmp_path / "one"))) as service:
        cast = await make_cast(service)
        asked = await question(cast)
        await activated(cast.assisting, {**SHORT, "title": "Altered"})
        assert await altered_layers(service.database.read()) == []
        drop = " ON policy_set" if dialect == "postgresql" else ""
        async with unit_of_work(service.database) as write:
            await write.run(sa.text(f"DROP TRIGGER policy_set_no_update{drop}"))
        await altered(service, "Altered", "text = 'permit'")
        assert len(await altered_layers(service.database.read())) == 1
        async with in_process(load(environment(private_url, tmp_path / "two"))) as fresh:
            who = fresh.caller(cast.requesting.id, Role.COORDINATOR)
            assert_problem(await who.post("/v1/policy-evaluations", asked), 500, "database_damaged")


async def altered(service: Service, title: str, change: str) -> None:
    async with unit_of_work(service.database) as write:
        await write.run(sa.text(f"UPDATE policy_set SET {change} WHERE title = :title"), {"title": title})


async def test_what_a_set_says_is_changed_by_nobody(cast: Cast) -> None:
    """A guard of the database: what a decision names by its digest is what was activated."""
    title = f"Kept {cast.assisting.id}"
    await activated(cast.assisting, {**SHORT, "title": title})
    for change in ("text = 'permit'", "digest = 'none'", "cedar = 'x'"):
        with pytest.raises(sa.exc.DBAPIError, match="append_only"):
            await altered(cast.assisting.service, title, change)
