"""Previews of policy sets over HTTP: started, looked at while they run, cancelled, stopped with their process."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.platform.settings import load
from registry.sharing.policy.commands.previewing import KEPT_OF_AN_AGENCY, PreviewRunner, remove_old_previews
from registry.sharing.policy.queries import impact
from registry.sharing.policy.queries.previews import STALLED_AFTER
from registry.sharing.policy.schemas.previews import NewPolicyPreview
from registry.sharing.policy.schemas.sets import NEW_POLICY_SET_EXAMPLE
from registry.sharing.policy.tables import policy_preview, policy_preview_decision
from tests.sharing.policy.test_policy_sets_api import SHORT, drafted, question, validated
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast, make_cast
from tests.support.policy import acting_for, make_decision, policies_of, window_of
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process

pytestmark = pytest.mark.second_later

PREVIEWS = "/v1/policy-previews"


def runner_of(agency: Agency) -> PreviewRunner:
    runner: PreviewRunner = agency.service.edge.app.state.preview_runner
    return runner


async def preview(agency: Agency, path: str, **asked: Any) -> dict[str, Any]:
    """A preview of the set at that path, when it is over."""
    found: dict[str, Any] = await agency.legal.done("POST", f"{path}/previews", {"wait_seconds": 30, **asked})
    return found


async def waiting(agency: Agency, path: str) -> dict[str, Any]:
    """A preview that was started while another one has the turn, so that it looks at nothing yet."""
    found: dict[str, Any] = await agency.legal.done("POST", f"{path}/previews", {})
    assert (found["status"], found["examined"]) == ("running", 0)
    return found


async def changed(agency: Agency, found: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await agency.legal.done("GET", f"{PREVIEWS}/{found['id']}/decisions{query}"))[
        "items"
    ]
    return items


async def over(agency: Agency, found: dict[str, Any]) -> dict[str, Any]:
    """The same preview when it runs no more."""
    while True:
        now: dict[str, Any] = await agency.legal.done("GET", f"{PREVIEWS}/{found['id']}")
        if now["status"] != "running":
            return now


async def moved(agency: Agency, found: dict[str, Any], by: timedelta) -> None:
    """As if the preview had last moved so much earlier."""
    async with unit_of_work(agency.service.database) as write:
        its = policy_preview.c.id == sa.bindparam("its", value=UUID(found["id"]), type_=policy_preview.c.id.type)
        await write.run(policy_preview.update().where(its).values(updated_at=utc_now() - by))


async def test_what_a_set_would_have_changed_is_seen_before_it_is_activated(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    asset = {"id": asked["asset_id"]}
    made = [await make_decision(cast.requesting, asset, window=window_of(hours=hours)) for hours in (2, 8, 9)]
    await make_decision(cast.requesting, asset, window=window_of(hours=9), now=utc_now() - timedelta(days=3))
    await make_decision(cast.requesting, await make_asset(cast.neighbour))
    path = await validated(owner)
    response = await owner.legal.post(f"{path}/previews", {"days": 1, "wait_seconds": 30})
    assert (response.status_code, response.headers["location"]) == (202, f"{PREVIEWS}/{response.json()['id']}")
    found = response.json()
    assert (found["status"], found["examined"], found["remaining"], found["same"]) == ("done", 3, 0, 1)
    assert (found["left_out"], found["note"], found["active_digest"]) == (0, None, None)
    assert found["changes"] == [{"before": "permitted", "after": "denied", "decisions": 2}]
    assert found["policies"] == [{"policy_id": "longest_loan", "decisions": 2}]
    assert found == await owner.admin.done("GET", response.headers["location"])
    flips = await changed(owner, found)
    assert [each["decision_id"] for each in flips] == [str(each.id) for each in made[:0:-1]]
    assert flips[0] == {
        "decision_id": str(made[2].id),
        "action_at": "request",
        "evaluated_at": made[2].evaluated_at.isoformat().replace("+00:00", "Z"),
        "requesting_agency": cast.requesting.reference,
        "before": "permitted",
        "after": "denied",
        "policy_ids": ["longest_loan"],
    }
    active = await owner.admin.done("POST", f"{path}/activate")
    none = await preview(owner, path)
    assert (none["same"], none["changes"], none["active_digest"]) == (4, [], active["digest"])
    listed = await owner.legal.done("GET", f"{PREVIEWS}?policy_set_id={active['id']}")
    assert [each["id"] for each in listed["items"]] == [none["id"], found["id"]]


async def test_an_obligation_of_the_agencys_own_is_a_difference_that_names_its_policy(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    await make_decision(cast.requesting, {"id": asked["asset_id"]})
    cedar = (
        '@id("call_before")\n@title("Call before")\n@reason("The handler is called before the team leaves.")\n'
        '@obligation("call_handler")\n@due("before_dispatch")\n'
        'permit (principal, action == Action::"attach_condition", resource in Category::"k9")\n'
        'when { context.ask.purpose != "training" };\n'
    )
    tests = (
        "- name: an investigation\n  given: {}\n"
        "  expect: {outcome: permitted, policies: [agreement_in_force], obligations: [call_before, condition_report]}\n"
        "- name: a training\n  given: {ask: {purpose: training}}\n"
        "  expect: {outcome: permitted, policies: [agreement_in_force]}\n"
    )
    body = {"title": "Calls (demo)", "cedar": cedar, "tests": tests}
    found = await preview(owner, await validated(owner, body))
    assert found["changes"] == [{"before": "permitted", "after": "permitted", "decisions": 1}]
    assert found["policies"] == [{"policy_id": "call_before", "decisions": 1}]


async def test_the_decisions_that_would_be_others_are_read_page_by_page_and_by_what_they_become(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    for hours in (2, 8, 9, 10, 30):
        await make_decision(cast.requesting, {"id": asked["asset_id"]}, window=window_of(hours=hours))
    rules = [*SHORT["rules"], {"kind": "longest_loan", "category": "k9", "hours": 24}]
    found = await preview(owner, await validated(owner, {**SHORT, "rules": rules}))
    assert {each["policy_id"]: each["decisions"] for each in found["policies"]} == {
        "longest_loan": 4,
        "longest_loan_k9": 1,
    }
    assert len(await changed(owner, found)) == 4
    assert len(await changed(owner, found, "?after=denied&before=permitted")) == 4
    assert await changed(owner, found, "?after=needs_approval") == []
    assert len(await changed(owner, found, "?policy_id=longest_loan_k9")) == 1
    assert await changed(owner, found, "?policy_id=longest_loanxk9") == [], "an underscore stands for itself"
    first = await owner.legal.done("GET", f"{PREVIEWS}/{found['id']}/decisions?limit=3")
    rest = await owner.legal.done("GET", f"{PREVIEWS}/{found['id']}/decisions?limit=3&cursor={first['next_cursor']}")
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 1, None)
    assert first["items"] + rest["items"] == await changed(owner, found)


async def test_however_many_there_are_they_are_looked_at_in_batches_with_progress(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, asked = cast.assisting, await question(cast)
    for _ in range(5):
        await make_decision(cast.requesting, {"id": asked["asset_id"]})
    monkeypatch.setattr(impact, "BATCH", 2)
    path, runner = await validated(owner), runner_of(owner)
    async with runner.turn:
        found = await waiting(owner, path)
        assert found["remaining"] == 5
    seen = set()
    while (now := await owner.legal.done("GET", f"{PREVIEWS}/{found['id']}"))["status"] == "running":
        seen.add((now["examined"], now["remaining"]))
        assert len(await changed(owner, now)) >= now["examined"], "all of them would be others"
        await asyncio.sleep(0)
    assert seen <= {(0, 5), (2, 3), (4, 1), (5, 0)}
    assert (now["status"], now["examined"], now["remaining"]) == ("done", 5, 0)


async def test_a_preview_is_cancelled_and_keeps_what_it_has_found(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    await make_decision(cast.requesting, {"id": asked["asset_id"]})
    path = await validated(owner)
    async with runner_of(owner).turn:
        found = await waiting(owner, path)
        assert found["allowed_actions"] == [{"action": "cancel", "allowed": True, "reason": None}]
        at = f"{PREVIEWS}/{found['id']}"
        for who in (cast.stranger.legal, cast.requesting.legal):
            assert_problem(await who.post(f"{at}/cancel"), 404, "not_found")
        assert_problem(await owner.coordinator.post(f"{at}/cancel"), 403)
        assert_problem(await owner.legal.post(f"{at}/cancel", if_match='"9-00000000"'), 412, "stale_version")
        first, again = [await owner.admin.post(f"{at}/cancel", key="cancel") for _ in range(2)]
        assert (first.status_code, first.json()["status"]) == (200, "cancelled")
        assert again.content == first.content
        other = await waiting(owner, path)
    assert_problem(await owner.legal.post(f"{at}/cancel"), 409, "wrong_status")
    assert (await over(owner, other))["status"] == "done"
    kept = await owner.legal.done("GET", at)
    assert (kept["status"], kept["examined"], await changed(owner, kept)) == ("cancelled", 0, [])
    assert kept["allowed_actions"][0]["allowed"] is False


async def test_of_an_agency_one_runs_at_a_time_and_of_many_at_once_one_is_started(cast: Cast) -> None:
    path = await validated(cast.assisting)
    async with runner_of(cast.assisting).turn:
        answers: list[httpx.Response] = await asyncio.gather(
            *(cast.assisting.legal.post(f"{path}/previews", {}) for _ in range(6))
        )
        assert sorted(each.status_code for each in answers) == [202, 409, 409, 409, 409, 409]
        for each in answers:
            if each.status_code == 409:
                assert_problem(each, 409, "policy_preview_running")
        assert (await waiting(cast.neighbour, await validated(cast.neighbour)))["status"] == "running"


async def test_the_litany_of_starting_and_reading(cast: Cast) -> None:
    owner = cast.assisting
    path = await drafted(owner)
    assert_problem(await owner.legal.post(f"{path}/previews", {}), 409, "wrong_status")
    await owner.legal.done("POST", f"{path}/validate")
    assert_problem(await owner.service.anonymous.post(f"{path}/previews", {}), 401)
    for stranger in (cast.stranger.legal, cast.requesting.legal):
        assert_problem(await stranger.post(f"{path}/previews", {}), 404, "not_found")
    for who in (owner.coordinator, owner.approver, owner.auditor, owner.machine):
        assert_problem(await who.post(f"{path}/previews", {}), 403)
    for wrong in ({"days": 0}, {"days": 367}, {"days": "ten"}, {"wait_seconds": 31}, {"unicorns": 1}):
        assert_problem(await owner.legal.post(f"{path}/previews", wrong), 400)
    assert_problem(await owner.legal.post(f"{path}/previews", {}, if_match='"9-00000000"'), 412, "stale_version")
    first, again = [await owner.legal.post(f"{path}/previews", {}, key="preview") for _ in range(2)]
    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)
    at = f"{PREVIEWS}/{first.json()['id']}"
    for read in (at, f"{at}/decisions"):
        assert_problem(await owner.service.anonymous.get(read), 401)
        assert_problem(await cast.stranger.legal.get(read), 404, "not_found")
        assert_problem(await cast.requesting.legal.get(read), 404, "not_found")
        assert_problem(await owner.coordinator.get(read), 403)
    assert_problem(await owner.coordinator.get(PREVIEWS), 403)
    assert (await cast.stranger.legal.done("GET", PREVIEWS))["items"] == []
    assert_problem(await owner.legal.get(f"{at}/decisions?policy_id=No%20Id"), 400)
    assert_problem(await owner.legal.get(f"{at}/decisions?after=perhaps"), 400)


async def test_a_process_that_has_as_many_as_it_can_refuses_another(cast: Cast) -> None:
    owner = cast.assisting
    path = await validated(owner)
    full = PreviewRunner(owner.service.database, most=0)
    kept = owner.service.edge.app.state.preview_runner
    owner.service.edge.app.state.preview_runner = full
    try:
        assert_problem(await owner.legal.post(f"{path}/previews", {}), 503, "previews_busy")
    finally:
        owner.service.edge.app.state.preview_runner = kept


async def test_one_that_is_running_when_its_process_ends_is_stopped_and_can_be_started_again(
    private_url: str, tmp_path: Path
) -> None:
    async with in_process(load(environment(private_url, tmp_path / "one"))) as service:
        cast = await make_cast(service)
        owner, asked = cast.assisting, await question(cast)
        await make_decision(cast.requesting, {"id": asked["asset_id"]})
        path = await validated(owner)
        runner = runner_of(owner)
        await runner.turn.acquire()
        found = await waiting(owner, path)
        ends = asyncio.create_task(runner.close())
        await asyncio.sleep(0)
        runner.turn.release()
        await ends
        stopped = await owner.legal.done("GET", f"{PREVIEWS}/{found['id']}")
        assert (stopped["status"], stopped["note"]) == (
            "stopped",
            "It was stopped before it had looked at everything. Start another one.",
        )
    async with in_process(load(environment(private_url, tmp_path / "two"))) as again:
        who = again.caller(owner.id, Role.LEGAL)
        assert (await who.done("GET", f"{PREVIEWS}/{found['id']}"))["status"] == "stopped"
        whole = await who.done("POST", f"{path}/previews", {"wait_seconds": 30})
        assert (whole["status"], whole["examined"]) == ("done", 1)


async def test_one_whose_process_was_killed_is_stopped_after_a_while_and_another_one_starts(cast: Cast) -> None:
    owner, runner = cast.assisting, PreviewRunner(cast.assisting.service.database)
    path = await validated(owner)
    set_id = path.rpartition("/")[2]
    await runner.turn.acquire()  # it never comes to its turn, as if its process had been killed
    caller = acting_for(owner, Role.LEGAL)
    await runner.start(caller, policies_of(owner.service), UUID(set_id), NewPolicyPreview(), None)
    (found,) = (await owner.legal.done("GET", PREVIEWS))["items"]
    assert_problem(await owner.legal.post(f"{path}/previews", {}), 409, "policy_preview_running")
    await moved(owner, found, STALLED_AFTER + timedelta(seconds=1))
    stopped = await owner.legal.done("GET", f"{PREVIEWS}/{found['id']}")
    assert stopped["status"] == "stopped"
    assert stopped["note"].endswith("Start another one.")
    assert_problem(await owner.legal.post(f"{PREVIEWS}/{found['id']}/cancel"), 409, "wrong_status")
    assert (await preview(owner, path))["status"] == "done"
    runner.turn.release()  # and it was only slow: it changes nothing any more
    await runner.close()
    assert (await owner.legal.done("GET", f"{PREVIEWS}/{found['id']}"))["status"] == "stopped"


async def test_a_fault_of_the_service_stops_it_and_is_said(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, asked = cast.assisting, await question(cast)
    made = await make_decision(cast.requesting, {"id": asked["asset_id"]})
    path = await validated(owner)
    monkeypatch.setattr(impact, "decode_facts", lambda _facts: 1 / 0)
    found = await preview(owner, path)
    assert (found["status"], found["examined"]) == ("stopped", 0)
    assert "trace" in found["note"]
    assert made.outcome == "permitted"


async def test_previews_go_after_thirty_days_and_of_an_agency_the_latest_twenty_are_kept(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    await make_decision(cast.requesting, {"id": asked["asset_id"]})
    path, database = await validated(owner), owner.service.database
    made = [await preview(owner, path) for _ in range(KEPT_OF_AN_AGENCY + 2)]

    async def left(now: Any) -> list[str]:
        while True:
            async with unit_of_work(database) as write:
                if not await remove_old_previews(write, now):
                    break
        return [each["id"] for each in (await owner.legal.done("GET", f"{PREVIEWS}?limit=100"))["items"]]

    assert await left(utc_now()) == [each["id"] for each in made[:1:-1]]
    assert await left(utc_now() + timedelta(days=31)) == []
    rows = await database.read().value(
        sa.select(sa.func.count())
        .select_from(policy_preview_decision)
        .where(policy_preview_decision.c.preview_id.in_([UUID(each["id"]) for each in made]))
    )
    assert rows == 0


async def test_it_tells_nothing_of_a_term_whose_text_is_restricted(cast: Cast) -> None:
    """Whoever drafts sets could else find the figure by halving, without ever reading the clause."""
    owner, service = cast.assisting, cast.assisting.service
    law = {"sensitivity": "restricted", "exemption": "Section 13.82 (demo); have counsel review"}
    clause = {"number": "9", "heading": "equipment", "text": "For so long and no longer (demo).", **law}
    terms = {"max_duration_hours": 36, "clauses": {"max_duration_hours": "9"}}
    await sign_agreement(service, owner, cast.requesting, terms=terms, provisions=[clause])
    await make_decision(cast.requesting, await make_asset(owner))
    cedar = NEW_POLICY_SET_EXAMPLE["cedar"].partition("when")[0]
    reading = "context.agreement has max_duration_hours && context.agreement.max_duration_hours > {}"
    case = "- name: up to {0}\n  given: {{agreements: [{{like: mutual_aid, terms: {{max_duration_hours: {0}}}}}]}}\n"
    tests = (
        case.format(90) + "  expect: {outcome: denied, policies: [training_by_day]}\n"
        f"{case.format(72)}  expect: {{outcome: permitted, policies: [agreement_in_force]}}\n"
    )
    body = {"title": "T", "cedar": f"{cedar}when {{ {reading.format(80)} }};\n", "tests": tests}
    path = await validated(owner, body)
    evidence = (await owner.legal.done("GET", path))["analysis"]["evidence"]
    assert (evidence["decisions"], evidence["left_out"]) == (0, 1), "nor by what is satisfied never"
    found = await preview(owner, path)
    assert (found["examined"], found["left_out"], found["same"], found["changes"]) == (1, 1, 0, [])
    found = await preview(owner, await validated(owner))
    assert (found["examined"], found["left_out"], found["same"]) == (1, 0, 0), "a set that does not read the term"
