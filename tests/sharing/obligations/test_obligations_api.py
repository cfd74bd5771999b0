"""What a loan obliges its sides to do, from the decision that attaches it to who closed it, over the API."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.sharing.obligations.commands import record_breaches
from tests.support.assets import make_asset
from tests.support.cast import Cast, today
from tests.support.loans import REASON, Partners, make_loan, make_partners, see, step
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later

DONE = {"statement": "Settled in writing before it left (demo)."}
DIGEST = "ab" * 32


def _by_code(loan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["code"]: each for each in loan["obligations"]}


async def _listed(agency: Any, **query: Any) -> list[dict[str, Any]]:
    return list((await agency.coordinator.done("GET", "/v1/obligations", params=query))["items"])


@pytest.fixture
async def loan(partners: Partners) -> dict[str, Any]:
    """A loan that was reserved as it began, an hour ago."""
    return await make_loan(partners, as_it_began=True)


def _statuses(loan: dict[str, Any]) -> dict[str, str]:
    return {code: each["status"] for code, each in _by_code(loan).items()}


async def test_a_loan_says_what_it_obliges_whom_to_do_by_when(partners: Partners, loan: dict[str, Any]) -> None:
    owed = _by_code(loan)
    assert set(owed) == {
        *("condition_report", "settle_command", "return_when_recalled", "claim_itemisation", "claim_within_window")
    }
    report, claim, command = owed["condition_report"], owed["claim_within_window"], owed["settle_command"]
    assert (report["owed_by"], report["owing_agency"]["id"]) == ("assisting", str(partners.assisting.id))
    assert report["owed_agency"]["id"] == str(partners.requesting.id)
    assert (command["owed_by"], command["due"], command["due_at"]) == (
        "requesting",
        "before_dispatch",
        loan["starts_at"],
    )
    assert "30 days" in claim["reason"]
    assert (claim["reminder"], owed["claim_itemisation"]["reminder"]) == (False, True)
    assert command["loan"] == {"id": loan["id"], "asset_name": loan["asset"]["name"]}
    assert command["agreement"]["id"] == partners.agreement["id"]
    both = await see(partners.requesting, loan["id"])
    assert [each["id"] for each in both["obligations"]] == [each["id"] for each in loan["obligations"]]


async def test_the_answer_that_makes_the_loan_shows_them_already(partners: Partners) -> None:
    decision = await make_decision(partners.requesting, await make_asset(partners.assisting))
    made = await partners.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": str(decision.id)})
    assert made["obligations"] == (await see(partners.assisting, made["id"]))["obligations"]


async def test_deadlines_move_with_the_loan_and_its_steps_close_what_they_settle(
    partners: Partners, loan: dict[str, Any]
) -> None:
    out = await step(partners.assisting, loan, "dispatch")
    assert _by_code(out)["settle_command"]["due_at"] == out["dispatched_at"]
    met = _by_code(out)["condition_report"]
    assert (met["status"], met["occurred_at"], met["closed_by"], met["late"]) == (
        "met",
        out["dispatched_at"],
        None,
        False,
    )
    back = await step(partners.assisting, loan, "return")
    assert _statuses(back)["return_when_recalled"] == "lapsed"
    history = await partners.assisting.coordinator.done("GET", f"/v1/obligations/{met['id']}/history")
    assert [each["type"] for each in history["items"]] == ["obligation.met"]


async def test_a_recall_sets_the_hour_and_the_return_meets_it(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    recalled = await step(partners.assisting, loan, "recall")
    due_at = _by_code(recalled)["return_when_recalled"]["due_at"]
    told_at, by = (datetime.fromisoformat(recalled["recall"][name]) for name in ("requested_at", "by"))
    assert by < datetime.fromisoformat(due_at) == told_at + timedelta(hours=4), "the notice of the agreement runs"
    assert recalled["recall"]["due_at"] == recalled["awaiting"][0]["due_at"] == due_at
    (listed,) = (await partners.requesting.coordinator.done("GET", "/v1/loans"))["items"]
    assert listed["awaiting"] == recalled["awaiting"]
    withdrawn = await step(partners.assisting, loan, "withdraw-recall")
    assert _by_code(withdrawn)["return_when_recalled"]["reminder"]
    later = (utc_now() + timedelta(hours=5)).isoformat()
    recalled = await step(partners.assisting, loan, "recall", {**REASON, "by": later})
    assert _by_code(recalled)["return_when_recalled"]["due_at"] == recalled["recall"]["by"], "longer than the notice"
    back = await step(partners.assisting, loan, "return")
    assert _statuses(back)["return_when_recalled"] == "met"


async def test_a_loan_that_does_not_take_place_obliges_to_nothing(partners: Partners, loan: dict[str, Any]) -> None:
    cancelled = await step(partners.requesting, loan, "cancel")
    assert set(_statuses(cancelled).values()) == {"lapsed"}
    assert not any(offer["allowed"] for each in cancelled["obligations"] for offer in each["allowed_actions"])


async def test_the_owing_side_meets_it_once_and_the_other_reads_how(partners: Partners, loan: dict[str, Any]) -> None:
    owed = _by_code(loan)["settle_command"]
    path = f"/v1/obligations/{owed['id']}/fulfil"
    body = {**DONE, "evidence_sha256": [DIGEST]}
    first = await partners.requesting.coordinator.post(path, body, key="once")
    again = await partners.requesting.coordinator.post(path, body, key="once")
    assert (first.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    seen = await partners.assisting.coordinator.done("GET", f"/v1/obligations/{owed['id']}")
    assert (seen["status"], seen["statement"], seen["evidence_sha256"]) == ("met", DONE["statement"], [DIGEST])
    assert seen["closed_by"]["id"] == str(partners.requesting.id)
    assert_problem(await partners.requesting.coordinator.post(path, body), 409, "wrong_status")
    assert_problem(await partners.requesting.coordinator.post(path, body, if_match='"1"'), 412, "stale_version")


async def test_what_was_met_in_time_is_not_late_however_late_it_is_recorded(partners: Partners) -> None:
    loan = await make_loan(partners, as_it_began=True)
    owed = _by_code(loan)["settle_command"]
    assert owed["status"] == "breached", "the loan began an hour ago"
    path = f"/v1/obligations/{owed['id']}/fulfil"
    before = (utc_now() - timedelta(days=1)).isoformat()
    refused = await partners.requesting.coordinator.post(path, {**DONE, "occurred_at": before})
    assert_problem(refused, 422, "not_then")
    assert loan["created_at"][:19] in refused.json()["detail"]
    yet = (utc_now() + timedelta(hours=1)).isoformat()
    assert_problem(await partners.requesting.coordinator.post(path, {**DONE, "occurred_at": yet}), 422, "not_then")
    met = await partners.requesting.coordinator.done("POST", path, {**DONE, "occurred_at": loan["created_at"]})
    assert (met["occurred_at"], met["late"]) == (loan["created_at"], False)


async def test_nothing_is_met_before_that_has_come_of_which_it_speaks(partners: Partners) -> None:
    loan = await make_loan(partners, as_it_began=True)
    claim = _by_code(loan)["claim_itemisation"]
    path, owing = f"/v1/obligations/{claim['id']}", partners.side(claim["owed_by"]).coordinator
    for verb in ("dispatch", "return"):
        assert claim["begins_at"] is None
        (fulfil,) = (each for each in (await owing.done("GET", path))["allowed_actions"] if each["action"] == "fulfil")
        refused = assert_problem(await owing.post(f"{path}/fulfil", DONE), 409, "wrong_status")
        assert (fulfil["allowed"], fulfil["reason"]) == (False, refused["detail"])
        loan = await step(partners.assisting, loan, verb)
        claim = _by_code(loan)["claim_itemisation"]
    assert claim["begins_at"] == loan["returned_at"]
    early = await owing.post(f"{path}/fulfil", {**DONE, "occurred_at": loan["dispatched_at"]})
    assert_problem(early, 422, "not_then")
    assert (await owing.done("POST", f"{path}/fulfil", DONE))["status"] == "met"


async def test_that_it_was_met_is_contested_by_the_other_side_until_it_is_shown_or_accepted(
    partners: Partners, loan: dict[str, Any]
) -> None:
    owed = _by_code(loan)["settle_command"]
    path, owing, other = f"/v1/obligations/{owed['id']}", partners.requesting, partners.assisting
    why = {"reason": "Nothing was settled with us (demo)."}
    assert_problem(await other.coordinator.post(f"{path}/contest", why), 409, "wrong_status")
    met = await owing.coordinator.done("POST", f"{path}/fulfil", DONE)
    assert datetime.fromisoformat(met["contest_by"]) == datetime.fromisoformat(met["closed_at"]) + timedelta(days=14)
    for verb, body in (("contest", why), ("accept", {})):
        assert_problem(await owing.coordinator.post(f"{path}/{verb}", body), 403, "forbidden")
        assert_problem(await other.machine.post(f"{path}/{verb}", body), 403, "forbidden")
        assert_problem(await partners.stranger.coordinator.post(f"{path}/{verb}", body), 404)
        assert_problem(await other.service.anonymous.post(f"{path}/{verb}", body), 401)
        assert_problem(await other.coordinator.post(f"{path}/{verb}", {"reason": ""}), 400)
        assert_problem(await other.coordinator.post(f"{path}/{verb}", body, if_match='"1"'), 412, "stale_version")
    assert_problem(await other.coordinator.post(f"{path}/accept", {}), 409, "wrong_status")
    first = await other.coordinator.post(f"{path}/contest", why, key="contested")
    again = await other.coordinator.post(f"{path}/contest", why, key="contested")
    assert (first.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    seen = await owing.coordinator.done("GET", path)
    assert (seen["status"], seen["statement"], seen["contested_reason"]) == (
        "contested",
        DONE["statement"],
        why["reason"],
    )
    assert (await _counts(other, loan_id=loan["id"]))["contested"] == 1
    inbox = (await owing.coordinator.done("GET", "/v1/inbox"))["items"]
    (waits,) = (each for each in inbox if each["id"] == owed["id"])
    assert waits["task"].startswith("Contested")
    assert waits["action"]["operation"] == "fulfil_obligation"

    shown = await owing.coordinator.done("POST", f"{path}/fulfil", {**DONE, "evidence_sha256": [DIGEST]})
    assert (shown["status"], shown["contested_reason"]) == ("met", why["reason"])
    await other.coordinator.done("POST", f"{path}/contest", why)
    accepted = await other.coordinator.done("POST", f"{path}/accept", {"note": "We have it now (demo)."})
    assert (accepted["status"], accepted["evidence_sha256"]) == ("met", [DIGEST])
    refused = await other.coordinator.post(f"{path}/contest", why)
    assert "accepted" in assert_problem(refused, 409, "wrong_status")["detail"]
    history = (await owing.coordinator.done("GET", f"{path}/history"))["items"]
    types = [each["type"].partition(".")[2] for each in reversed(history)]
    assert types == ["met", "contested", "met", "contested", "accepted"]
    out = await step(other, loan, "dispatch")
    report = f"/v1/obligations/{_by_code(out)['condition_report']['id']}/contest"
    stepped = assert_problem(await owing.coordinator.post(report, why), 409, "wrong_status")
    assert "step of the loan" in stepped["detail"]


async def test_only_the_side_to_which_it_is_owed_waives_it(partners: Partners, loan: dict[str, Any]) -> None:
    owed = _by_code(loan)["settle_command"]
    path = f"/v1/obligations/{owed['id']}/waive"
    assert_problem(await partners.requesting.coordinator.post(path, REASON), 403, "forbidden")
    assert_problem(await partners.assisting.coordinator.post(f"/v1/obligations/{owed['id']}/fulfil", DONE), 403)
    assert_problem(await partners.assisting.coordinator.post(path, {}), 400)
    waived = await partners.assisting.coordinator.done("POST", path, REASON)
    assert (waived["status"], waived["waived_reason"]) == ("waived", REASON["reason"])


async def test_law_is_waived_by_nobody(partners: Partners) -> None:
    loan = await make_loan(partners, asset=await make_asset(partners.assisting, funding=["equitable_sharing"]))
    lawful = [each for each in loan["obligations"] if each["citation"] and each["layer"] != "agency"]
    assert [each["code"] for each in lawful] == ["law_enforcement_use"]
    for each in lawful:
        owed_to = partners.side("assisting" if each["owed_by"] == "requesting" else "requesting")
        refused = await owed_to.coordinator.post(f"/v1/obligations/{each['id']}/waive", REASON)
        assert_problem(refused, 409, "wrong_status")
        assert each["citation"] in refused.json()["detail"]


async def test_who_may_not(partners: Partners, loan: dict[str, Any]) -> None:
    owed = _by_code(loan)["settle_command"]["id"]
    path = f"/v1/obligations/{owed}"
    for caller, status in ((partners.stranger.coordinator, 404), (partners.assisting.service.anonymous, 401)):
        assert_problem(await caller.get(path), status)
        assert_problem(await caller.get(f"{path}/history"), status)
        assert_problem(await caller.post(f"{path}/fulfil", DONE), status)
        assert_problem(await caller.post(f"{path}/waive", REASON), status)
    assert_problem(await partners.requesting.as_(Role.AUDITOR).post(f"{path}/fulfil", DONE), 403, "forbidden")
    assert_problem(await partners.requesting.coordinator.post(f"{path}/fulfil", {}), 422, "proof_missing")
    assert await _listed(partners.stranger) == []


async def test_lists_are_filtered_by_side_status_and_what_they_are_about(
    partners: Partners, loan: dict[str, Any]
) -> None:
    other = await make_loan(partners, as_it_began=True)
    every = await _listed(partners.assisting)
    assert len(every) == len(loan["obligations"]) + len(other["obligations"])
    mine = await _listed(partners.assisting, owed=False)
    theirs = await _listed(partners.assisting, owed=True)
    assert {each["owed_by"] for each in mine} == {"assisting"}
    assert {each["owed_by"] for each in theirs} == {"requesting"}
    assert [each["id"] for each in await _listed(partners.assisting, loan_id=loan["id"])] == [
        each["id"] for each in reversed(loan["obligations"])
    ]
    late = await _listed(partners.requesting, status="breached", sort="due_at")
    assert {each["code"] for each in late} == {"settle_command"}
    assert len(await _listed(partners.requesting, partner_id=str(partners.assisting.id))) == len(every)
    assert await _listed(partners.requesting, partner_id=str(partners.stranger.id)) == []
    assert len(await _listed(partners.requesting, agreement_id=partners.agreement["id"])) == len(every)
    soon = (utc_now() + timedelta(days=2)).isoformat()
    assert {each["code"] for each in await _listed(partners.assisting, due_from=soon)} == {
        "claim_itemisation",
        "claim_within_window",
    }


async def test_pages_join_without_a_gap(partners: Partners) -> None:
    await make_loan(partners, as_it_began=True)
    await make_loan(partners, as_it_began=True)
    for sort in ("due_at", "-updated_at"):
        whole = [each["id"] for each in await _listed(partners.assisting, sort=sort)]
        read, cursor = [], None
        while True:
            query = {"limit": 3, "sort": sort, **({"cursor": cursor} if cursor else {})}
            page = await partners.assisting.coordinator.done("GET", "/v1/obligations", params=query)
            read += [each["id"] for each in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert read == whole


async def test_of_two_who_close_it_at_once_one_is_told_that_it_is_closed(
    partners: Partners, loan: dict[str, Any]
) -> None:
    owed = _by_code(loan)["settle_command"]["id"]
    answers = await asyncio.gather(
        partners.requesting.coordinator.post(f"/v1/obligations/{owed}/fulfil", DONE),
        partners.assisting.coordinator.post(f"/v1/obligations/{owed}/waive", REASON),
    )
    assert sorted(each.status_code for each in answers) == [200, 409]


async def _counts(agency: Any, **query: Any) -> dict[str, int]:
    found = await agency.coordinator.done("GET", "/v1/obligations/counts", params=query)
    return {name: count for name, count in found.items() if name != "as_of" and count}


async def test_a_breach_is_told_to_both_sides_once_and_counted(partners: Partners, loan: dict[str, Any]) -> None:
    """The loan began an hour ago, so what was due before its dispatch is not met in time."""
    service = partners.assisting.service
    read, work = service.database.read(), partial(unit_of_work, service.database)
    owed = _by_code(loan)["settle_command"]
    agreement = {"agreement_id": partners.agreement["id"]}
    assert await _counts(partners.assisting, **agreement) == {"pending": len(loan["obligations"]) - 1, "breached": 1}

    async def told(agency: Any) -> list[dict[str, Any]]:
        page = await agency.coordinator.done("GET", f"/v1/obligations/{owed['id']}/history")
        return [each for each in page["items"] if each["type"] == "obligation.breached"]

    await record_breaches(read, work, utc_now())
    await record_breaches(read, work, utc_now())
    for side in (partners.assisting, partners.requesting):
        (event,) = await told(side)
        assert event["data"]["due"][:19] == owed["due_at"][:19]
        assert event["occurred_at"] < event["recorded_at"]
    seen = await partners.assisting.coordinator.done("GET", f"/v1/obligations/{owed['id']}")
    assert (seen["version"], seen["status"]) == (owed["version"] + 1, "breached")
    path = f"/v1/obligations/{owed['id']}/fulfil"
    await partners.requesting.coordinator.done("POST", path, DONE)
    report = {"met_late": 1, "pending": len(loan["obligations"]) - 1}
    for query in (agreement, {"loan_id": loan["id"]}, {"partner_id": str(partners.requesting.id)}, {}):
        assert await _counts(partners.assisting, **query) == report, query
    mine = sum(each["owed_by"] == "assisting" for each in loan["obligations"])
    assert await _counts(partners.assisting, owed="false") == {"pending": mine}
    assert await _counts(partners.assisting, request_id=str(uuid4())) == {}
    assert await _counts(partners.assisting, partner_id=str(partners.stranger.id)) == {}
    assert await _counts(partners.stranger, **agreement) == {}
    await step(partners.assisting, loan, "dispatch")
    assert (await _counts(partners.assisting, **agreement))["met_in_time"] == 1
    await record_breaches(read, work, utc_now())
    assert len(await told(partners.assisting)) == 1
    assert_problem(await service.anonymous.get("/v1/obligations/counts"), 401)
    assert_problem(await partners.assisting.coordinator.get("/v1/obligations/counts?status=met"), 400)


async def test_insurance_that_is_on_file_at_dispatch_needs_no_proof_any_more(cast: Cast) -> None:
    """What the decision at dispatch does not ask for any more was settled otherwise."""
    partners = await make_partners(cast, insurance_required=True)
    loan = await make_loan(partners, as_it_began=True)
    assert _statuses(loan)["insurance_proof"] == "breached"
    day = today()
    body = {
        **NEW_CERTIFICATE_EXAMPLE,
        "effective_on": str(day - timedelta(days=9)),
        "expires_on": str(day + timedelta(days=9)),
    }
    await partners.requesting.admin.done("POST", f"/v1/agencies/{partners.requesting.id}/insurance", body)
    out = await step(partners.assisting, loan, "dispatch")
    assert _statuses(out)["insurance_proof"] == "lapsed"


async def test_help_that_is_entered_after_it_was_given_breaches_nothing_at_once(partners: Partners) -> None:
    """It began an hour before it was entered: what was to be done before it left is due once there was time for it."""
    owed = _by_code(await make_loan(partners))["settle_command"]
    assert owed["status"] == "pending"
    assert owed["due_at"] > owed["created_at"]
