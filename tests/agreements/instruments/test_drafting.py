"""Drafts over HTTP: entered with every fault told at once, edited, submitted as frozen versions, sent back."""

from typing import Any
from uuid import uuid4

import pytest

from registry.platform.kernel.errors import WrongStatus
from tests.support.agreements import PROVISIONS, UNLIMITED, agreement_body
from tests.support.cast import Agency, Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"


async def draft(*parties: Agency, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await parties[0].legal.done("POST", PATH, agreement_body(*parties, **fields))
    return made


async def submitted(*parties: Agency, **fields: Any) -> dict[str, Any]:
    made = await draft(*parties, **fields)
    found: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{made['id']}/submit")
    return found


def actions(found: dict[str, Any]) -> dict[str, str | None]:
    """Each action offered, with the reason why it is withheld."""
    return {each["action"]: each["reason"] for each in found["allowed_actions"]}


async def test_a_draft_is_the_custodians_and_binds_nobody(cast: Cast) -> None:
    response = await cast.assisting.legal.post(PATH, agreement_body(cast.assisting, cast.requesting))
    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"{PATH}/{made['id']}"
    assert (made["stage"], made["status"]) == ("draft", "draft")
    assert made["custodian_agency"] == {"id": str(cast.assisting.id), "name": cast.assisting.name}
    assert (made["version_no"], made["version_sha256"]) == (1, None)
    assert [party["bound"] for party in made["parties"]] == [False, False]


async def test_drafting_needs_a_token_a_role_and_a_scope(service: Service, cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting)
    assert_problem(await service.anonymous.post(PATH, body), 401, "unauthenticated")
    assert_problem(await cast.assisting.coordinator.post(PATH, body), 403, "forbidden")
    assert_problem(await cast.assisting.as_(scope="loans:*").post(PATH, body), 403, "forbidden")


async def test_a_malformed_draft_names_the_place(cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting)
    problem = assert_problem(await cast.assisting.legal.post(PATH, {**body, "notice": {"days": 4000}}), 400)
    assert problem["errors"][0]["pointer"] == "/notice/days"
    problem = assert_problem(await cast.assisting.legal.post(PATH, {**body, "parties": body["parties"][:1]}), 400)
    assert problem["errors"][0]["pointer"] == "/parties"
    assert_problem(await cast.assisting.legal.post(PATH, {**body, "stage": "executed"}), 400, "unknown_field")


async def test_every_fault_of_the_content_is_told_at_once_with_its_place(cast: Cast) -> None:
    body = agreement_body(
        cast.requesting,
        cast.neighbour,
        terms={
            "categories": ["k9", "k9.patrol", "unicorn"],
            "purposes": ["conquest"],
            "reimbursement": {"model": "fixed_rate"},
            "clauses": {"liability": "7"},
        },
        provisions=[
            {"number": "1", "heading": "purpose", "text": "One."},
            {"number": "1", "heading": "astrology", "text": "Two.", "sensitivity": "restricted"},
        ],
    )
    body["parties"].append(str(uuid4()))
    problem = assert_problem(await cast.assisting.legal.post(PATH, body), 422, "agreement_faulty")
    assert {(fault["pointer"], fault["code"]) for fault in problem["errors"]} == {
        ("/parties", "custodian_missing"),
        ("/parties/2", "unknown_agency"),
        ("/terms/categories/1", "category_covered_already"),
        ("/terms/categories/2", "unknown_category"),
        ("/terms/purposes/0", "unknown_purpose"),
        ("/terms/reimbursement/rate_per_hour", "rate_missing"),
        ("/terms/reimbursement/model", "rate_missing"),
        ("/terms/clauses/liability", "clause_without_term"),
        ("/terms/liability", "clause_without_term"),
        ("/terms/clauses/liability", "unknown_provision"),
        ("/provisions/0/number", "provision_number_twice"),
        ("/provisions/1/number", "provision_number_twice"),
        ("/provisions/1/heading", "unknown_heading"),
        ("/provisions/1/exemption", "exemption_missing"),
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"time_zone": "Mars/Olympus"}, "unknown_time_zone"),
        ({"effective_on": "2026-02-01", "expires_on": "2026-01-31"}, "expires_too_early"),
        ({"effective_on": "1899-12-31"}, "date_out_of_range"),
    ],
)
async def test_dates_that_give_no_term_are_refused(cast: Cast, fields: dict[str, Any], code: str) -> None:
    body = agreement_body(cast.assisting, cast.requesting, **fields)
    assert_problem(await cast.assisting.legal.post(PATH, body), 422, code)


async def test_a_number_is_taken_once_by_an_agency_and_free_for_another(cast: Cast) -> None:
    first = await draft(cast.assisting, cast.requesting)
    again = agreement_body(cast.assisting, cast.neighbour, number=first["number"])
    assert_problem(await cast.assisting.legal.post(PATH, again), 409, "number_taken")
    respelled = {**again, "number": f" {first['number'].lower().replace('-', ' ')}"}
    assert_problem(await cast.assisting.legal.post(PATH, respelled), 409, "number_taken")
    other = await draft(cast.assisting, cast.neighbour)
    change = {"number": first["number"].upper().replace("-", "\u2013")}
    refused = await cast.assisting.legal.patch(f"{PATH}/{other['id']}", change, if_match="*")
    assert_problem(refused, 409, "number_taken")
    await draft(cast.requesting, cast.assisting, number=first["number"])


async def test_a_repeated_creation_makes_one_draft(cast: Cast) -> None:
    body, key = agreement_body(cast.assisting, cast.requesting), f"draft-{uuid4()}"
    first = await cast.assisting.legal.post(PATH, body, key=key)
    second = await cast.assisting.legal.post(PATH, body, key=key)
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["idempotency-replayed"] == "true"


async def test_a_draft_is_edited_and_an_unchanged_one_stays_as_it_is(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting, expires_on="2030-12-31")
    path = f"{PATH}/{made['id']}"
    etag = (await cast.assisting.legal.get(path)).headers["etag"]
    changed = await cast.assisting.legal.patch(
        path,
        {
            "title": "Aid (demo)",
            "expires_on": None,
            "parties": [str(cast.neighbour.id), str(cast.assisting.id)],
            "terms": {"categories": ["vehicle"]},
            "provisions": [{"number": "7", "heading": "liability", "text": "Each for its own."}],
        },
        if_match=etag,
    )
    found = changed.json()
    assert (found["title"], found["expires_on"], found["ends_at"]) == ("Aid (demo)", None, None)
    assert [party["agency"]["id"] for party in found["parties"]] == [str(cast.neighbour.id), str(cast.assisting.id)]
    assert found["categories"] == ["vehicle"]
    assert [provision["number"] for provision in found["provisions"]] == ["7"]
    assert found["version"] == made["version"] + 1
    same = await cast.assisting.legal.patch(path, {"title": "Aid (demo)"}, if_match=changed.headers["etag"])
    assert same.json()["version"] == found["version"]


async def test_editing_needs_the_current_version_and_whole_content(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    path = f"{PATH}/{made['id']}"
    assert_problem(await cast.assisting.legal.patch(path, {"title": "New"}), 428, "precondition_required")
    etag = (await cast.assisting.legal.get(path)).headers["etag"]
    faulty = await cast.assisting.legal.patch(path, {"terms": {"categories": ["unicorn"]}}, if_match=etag)
    assert_problem(faulty, 422, "agreement_faulty")
    await cast.assisting.legal.done("PATCH", path, {"title": "New"}, if_match=etag)
    assert_problem(await cast.assisting.legal.patch(path, {"title": "Newer"}, if_match=etag), 412, "stale_version")


async def test_an_edit_re_checks_what_it_does_not_touch(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting, terms={"clauses": {"categories": "4.2"}})
    edited = await cast.assisting.legal.patch(
        f"{PATH}/{made['id']}", {"provisions": PROVISIONS[:1]}, if_match='"1-00000000"'
    )
    problem = assert_problem(edited, 422, "agreement_faulty")
    assert [fault["pointer"] for fault in problem["errors"]] == ["/terms/clauses/categories"]


async def test_other_parties_see_it_from_review_on_and_may_not_edit_it(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    path = f"{PATH}/{made['id']}"
    for outsider in (cast.requesting, cast.stranger):
        assert_problem(await outsider.legal.get(path), 404, "not_found")
        assert_problem(await outsider.legal.patch(path, {"title": "Mine"}, if_match='"1-00000000"'), 404)
        assert_problem(await outsider.legal.post(f"{path}/submit"), 404)
    await cast.assisting.legal.done("POST", f"{path}/submit", {"note": "for the council"})
    seen = await cast.requesting.legal.done("GET", path)
    assert (seen["status"], seen["view"]) == ("in_review", "party")
    assert_problem(await cast.requesting.legal.post(f"{path}/approve"), 403, "forbidden")
    assert_problem(await cast.stranger.legal.get(path), 404, "not_found")


async def test_a_submission_freezes_a_version_and_the_next_one_is_another(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    first = found["version_sha256"]
    assert (found["version_no"], len(first)) == (1, 64)
    assert_problem(await cast.assisting.legal.patch(path, {"title": "X"}, if_match='"2-00000000"'), 409, "wrong_status")
    back = await cast.assisting.legal.done("POST", f"{path}/send-back", {"reason": "the county's wording"})
    assert (back["stage"], back["version_no"], back["version_sha256"]) == ("draft", 2, None)
    assert back["provisions"] == found["provisions"]
    assert_problem(await cast.requesting.legal.get(path), 404)
    await cast.assisting.legal.done("PATCH", path, {"title": "Second"}, if_match=f'"{back["version"]}-00000000"')
    again = await cast.assisting.legal.done("POST", f"{path}/submit")
    assert again["version_sha256"] != first
    listed = (await cast.requesting.legal.done("GET", f"{path}/versions?sort=created_at"))["items"]
    assert [(v["version_no"], v["title"], v["sha256"]) for v in listed] == [
        (1, "Mutual aid (demo)", first),
        (2, "Second", again["version_sha256"]),
    ]
    assert (await cast.requesting.legal.done("GET", f"{path}/versions/1"))["title"] == "Mutual aid (demo)"


async def test_what_was_read_in_the_past_is_shown_as_of_then(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    path, then = f"{PATH}/{found['id']}", found["as_of"]
    back = await cast.assisting.legal.done("POST", f"{path}/send-back", {"reason": "more cars"})
    edit = {"title": "Second", "terms": {"categories": ["vehicle"]}}
    await cast.assisting.legal.done("PATCH", path, edit, if_match=f'"{back["version"]}-00000000"')
    await cast.assisting.legal.done("POST", f"{path}/submit")
    old = await cast.requesting.legal.done("GET", f"{path}?as_of={then}")
    new = await cast.requesting.legal.done("GET", path)
    assert (old["version_no"], old["title"], old["categories"]) == (1, "Mutual aid (demo)", ["any"])
    assert (new["version_no"], new["title"], new["categories"]) == (2, "Second", ["vehicle"])


async def test_a_text_without_provisions_is_not_submitted(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting, provisions=[])
    refused = await cast.assisting.legal.post(f"{PATH}/{made['id']}/submit")
    assert_problem(refused, 422, "no_provisions")


async def test_steps_follow_the_table_and_a_repeat_replays(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    assert_problem(await cast.assisting.legal.post(f"{path}/submit"), 409, "wrong_status")
    assert_problem(await cast.assisting.legal.post(f"{path}/send-for-signature"), 409, "wrong_status")
    stale = await cast.assisting.counsel.post(f"{path}/approve", if_match='"1-00000000"')
    assert_problem(stale, 412, "stale_version")
    key = f"approve-{uuid4()}"
    first = await cast.assisting.counsel.post(f"{path}/approve", key=key)
    assert first.json()["stage"] == "approved"
    assert (await cast.assisting.counsel.post(f"{path}/approve", key=key)).content == first.content
    out = await cast.assisting.legal.done("POST", f"{path}/send-for-signature")
    assert out["stage"] == "out_for_signature"


async def test_a_service_moves_a_draft_along_but_never_approves(cast: Cast) -> None:
    made = await cast.assisting.machine.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
    path = f"{PATH}/{made['id']}"
    await cast.assisting.machine.done("POST", f"{path}/submit")
    assert_problem(await cast.assisting.machine.post(f"{path}/approve"), 403, "forbidden")


async def test_a_withdrawn_draft_stays_private_and_a_withdrawn_review_does_not(cast: Cast) -> None:
    private = await draft(cast.assisting, cast.requesting)
    shared = await submitted(cast.assisting, cast.requesting)
    for made in (private, shared):
        path = f"{PATH}/{made['id']}/withdraw"
        found = await cast.assisting.legal.done("POST", path, {"reason": "the board declined"})
        assert (found["status"], actions(found)["submit"]) == (
            "withdrawn",
            str(WrongStatus.of("An agreement", "withdrawn", "submit").detail),
        )
    assert_problem(await cast.requesting.legal.get(f"{PATH}/{private['id']}"), 404)
    assert (await cast.requesting.legal.done("GET", f"{PATH}/{shared['id']}"))["status"] == "withdrawn"


async def test_what_becomes_of_a_withdrawn_review_concerns_the_parties_that_saw_it(cast: Cast) -> None:
    made = await submitted(cast.assisting, cast.requesting)
    path = f"{PATH}/{made['id']}"
    withdrawn = await cast.assisting.legal.done("POST", f"{path}/withdraw", {"reason": "the board declined"})
    assert actions(withdrawn)["offer_custody"] is None
    offer = {"agency_id": str(cast.requesting.id), "reason": "they keep the file"}
    await cast.assisting.legal.done("POST", f"{path}/offer-custody", offer)
    told = (await cast.requesting.auditor.done("GET", f"{path}/history"))["items"]
    assert [event["type"] for event in told[:2]] == ["agreement.custody_offered", "agreement.withdrawn"]
    private = await draft(cast.assisting, cast.requesting)
    path = f"{PATH}/{private['id']}"
    withdrawn = await cast.assisting.legal.done("POST", f"{path}/withdraw", {"reason": "the board declined"})
    assert actions(withdrawn)["offer_custody"] == ("Not while the agreement is withdrawn: no other party knows of it.")
    assert_problem(await cast.assisting.legal.post(f"{path}/offer-custody", offer), 409, "wrong_status")


async def test_the_actions_offered_are_those_that_work(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    offered = actions(made)
    possible = {"update", "submit", "withdraw", "activate_verbally"}
    assert {name for name, reason in offered.items() if reason is None} == possible
    assert offered["sign"] == WrongStatus.of("An agreement", "draft", "sign").detail
    assert actions(await cast.assisting.coordinator.done("GET", f"{PATH}/{made['id']}")) == {}


async def test_history_tells_the_steps_and_no_text(cast: Cast) -> None:
    found = await submitted(
        cast.assisting, cast.requesting, provisions=[{"number": "1", "heading": "purpose", "text": "Canary text."}]
    )
    history = await cast.assisting.legal.get(f"{PATH}/{found['id']}/history?sort=version")
    assert [event["type"] for event in history.json()["items"]] == ["agreement.created", "agreement.submitted"]
    assert "Canary" not in history.text
    theirs = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}/history?sort=version")
    assert [event["type"] for event in theirs["items"]] == ["agreement.submitted"]
    assert_problem(await cast.stranger.legal.get(f"{PATH}/{found['id']}/history?sort=version"), 404, "not_found")


async def test_history_names_what_of_a_text_was_replaced(cast: Cast) -> None:
    made = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
    path, first = f"{PATH}/{made['id']}", PROVISIONS[0]
    change = {
        "provisions": [{**first, "text": "Another purpose."}, {**PROVISIONS[1], "number": "5"}],
        "terms": {"categories": ["any"], **UNLIMITED, "max_duration_hours": 12, "suspension": "at_once"},
    }
    await cast.assisting.legal.done("PATCH", path, change, if_match=f'"{made["version"]}-00000000"')
    events = (await cast.assisting.legal.done("GET", f"{path}/history"))["items"]
    told = next(each["data"] for each in events if each["type"] == "agreement.updated")
    assert told["provisions"] == {"changed": [first["number"], PROVISIONS[1]["number"], "5"]}
    assert told["terms"] == {"changed": ["max_duration_hours"]}


async def named_anew(custodian: Agency, path: str, *parties: Agency) -> dict[str, Any]:
    found = await custodian.legal.get(path)
    body = {"parties": [str(each.id) for each in parties]}
    response = await custodian.legal.patch(path, body, if_match=found.headers["etag"])
    assert response.status_code == 200, response.text
    edited: dict[str, Any] = response.json()
    return edited


async def test_a_text_that_was_sent_back_names_other_parties_and_keeps_what_governing_bodies_said(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await submitted(one, two, three)
    path = f"{PATH}/{found['id']}"
    council = {"version_no": 1, "body": "Council", "approved_on": str(today())}
    await two.legal.done("POST", f"{path}/record-approval", council)
    await two.legal.done(
        "POST",
        f"{path}/set-approval-rule",
        {"required": True, "effective_on": None, "citation": "City code", "reason": "its charter"},
    )
    await three.legal.done(
        "POST",
        f"{path}/set-approval-rule",
        {"required": True, "effective_on": None, "citation": "City code", "reason": "city code"},
    )
    await one.legal.done("POST", f"{path}/send-back", {"reason": "other parties"})
    others = await named_anew(one, path, cast.stranger, two, one)
    needed = {each["agency"]["id"]: each["approval_required"] for each in others["parties"]}
    assert needed == {str(cast.stranger.id): None, str(two.id): True, str(one.id): None}
    assert list(needed) == [str(each.id) for each in (cast.stranger, two, one)]
    again = await named_anew(one, path, one, two, three)
    needed = {each["agency"]["id"]: each["approval_required"] for each in again["parties"]}
    assert needed == {str(one.id): None, str(two.id): True, str(three.id): True}
    await one.legal.done("POST", f"{path}/submit")
    assert_problem(await two.legal.post(f"{path}/record-approval", council), 409, "approval_taken")
