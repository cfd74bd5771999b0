"""A draft made from a template over HTTP: every fault told at once, entered like any other, its origin remembered."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import sqlalchemy as sa

from registry.agreements.clauses.schemas import FROM_TEMPLATE_EXAMPLE
from registry.agreements.clauses.tables import agreement_standard_clause, agreement_template
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements/from-template"
EXAMPLE: dict[str, Any] = FROM_TEMPLATE_EXAMPLE


def body(*parties: Agency, **fields: Any) -> dict[str, Any]:
    return {**EXAMPLE, "parties": [str(each.id) for each in parties], "number": f"T-{uuid4().hex[:8]}", **fields}


async def test_the_answers_stand_in_the_text_and_in_the_terms(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    response = await one.legal.post(PATH, body(one, two))
    assert response.status_code == 201
    made = response.json()
    assert response.headers["location"] == f"/v1/agreements/{made['id']}"
    assert response.headers["etag"] == (await one.legal.get(f"/v1/agreements/{made['id']}")).headers["etag"]
    assert (made["stage"], made["kind"], made["categories"]) == ("draft", "mutual_aid", ["k9"])
    assert (made["review_every_months"], made["notice"]["days"]) == (12, 60)
    said = {each["heading"]: each for each in made["provisions"]}
    assert f"{one.name} and {two.name}" in said["parties"]["text"]
    assert "January 1, 2027" in said["term"]["text"]
    assert "first 12 hours" in said["reimbursement"]["text"]
    assert "metrics" not in said
    terms = made["terms"]
    assert (terms["reimbursement"]["model"], terms["reimbursement"]["free_hours"]) == ("actual_after_hours", 12)
    assert (terms["command"], terms["max_duration_hours"]) == ("assisting", None)
    assert terms["clauses"]["reimbursement"] == said["reimbursement"]["number"]
    assert made["notice"]["clause"] == said["termination"]["number"]


async def test_it_is_a_draft_like_any_other(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await one.legal.done("POST", PATH, body(one, two, template="k9"))
    path = f"/v1/agreements/{made['id']}"
    assert_problem(await two.legal.get(path), 404, "not_found")
    submitted = await one.legal.done("POST", f"{path}/submit")
    assert submitted["version_sha256"]
    assert (await two.coordinator.done("GET", path))["provisions"] == made["provisions"]
    listed = (await one.auditor.done("GET", f"{path}/history?sort=version"))["items"]
    assert [event["type"] for event in listed] == [
        "agreement.created",
        "agreement.drafted_from_template",
        "agreement.submitted",
    ]


async def test_the_template_and_the_version_of_each_clause_are_remembered(service: Service, cast: Cast) -> None:
    made = await cast.assisting.legal.done("POST", PATH, body(cast.assisting, cast.requesting))
    read = service.database.read()
    by_id = {"id": UUID(made["id"])}
    of_template = agreement_template.c.agreement_id == sa.bindparam("id")
    of_clause = agreement_standard_clause.c.agreement_id == sa.bindparam("id")
    row = await read.first(sa.select(agreement_template).where(of_template), by_id)
    assert row is not None
    assert (row.template, row.template_version, msgspec.json.decode(row.answers)["free_hours"]) == ("k9", 1, "12")
    clauses = await read.all(sa.select(agreement_standard_clause).where(of_clause), by_id)
    assert {each.number for each in clauses} == {each["number"] for each in made["provisions"]}
    (reimbursed,) = [each for each in clauses if each.heading == "reimbursement"]
    assert (reimbursed.standard_clause, reimbursed.standard_clause_version) == ("reimbursement.after_hours", 1)
    assert "{free_hours}" in reimbursed.text


async def test_every_fault_is_told_at_once_each_at_its_place(cast: Cast) -> None:
    one = cast.assisting
    answers = {**EXAMPLE["answers"], "free_hours": "half a day", "colour": "blue"}
    del answers["notice_days"]
    wrong = body(one, answers=answers, categories=["dragons"], expires_on=None, purposes=["fun"])
    wrong |= {"parties": [str(one.id), str(uuid4())], "instead": {**EXAMPLE["instead"], "term.open": None}}
    problem = assert_problem(await one.legal.post(PATH, wrong), 422, "agreement_faulty")
    assert sorted((each["pointer"], each["code"]) for each in problem["errors"]) == [
        ("/answers/colour", "answer_not_asked"),
        ("/answers/free_hours", "answer_unfit"),
        ("/answers/notice_days", "answer_missing"),
        ("/categories/0", "unknown_category"),
        ("/expires_on", "answer_missing"),
        ("/instead/term.open", "unknown_standard_clause"),
        ("/parties/1", "unknown_agency"),
        ("/purposes/0", "unknown_purpose"),
    ]


async def test_what_cannot_be_meant_together_is_told_at_the_answer(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    answers = {
        **EXAMPLE["answers"],
        "loaned_equipment": "radios",
        "longest_loan_hours": 12,
        "recall_notice_hours": 48,
        "insurance_limit": "1000000.00",
        "renewal_months": 12,
    }
    for unasked in ("k9_certification", "free_hours"):
        del answers[unasked]
    asked = body(one, two, template="equipment_loan", answers=answers, instead={})
    problem = assert_problem(await one.legal.post(PATH, asked), 422, "agreement_faulty")
    assert sorted((each["pointer"], each["code"]) for each in problem["errors"]) == [
        ("/answers/longest_loan_hours", "recall_outlasts_loan"),
        ("/answers/recall_notice_hours", "recall_outlasts_loan"),
    ]
    answers["recall_notice_hours"] = 4
    made = await one.legal.done("POST", PATH, asked)
    assert (made["auto_renew_months"], made["terms"]["max_duration_hours"]) == (12, 12)


async def test_a_text_and_a_date_that_differ_are_refused(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    open_ended = {**EXAMPLE["instead"], "term.fixed": "term.open"}
    asked = body(one, two, instead=open_ended)
    problem = assert_problem(await one.legal.post(PATH, asked), 422, "agreement_faulty")
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [("/expires_on", "answer_not_asked")]
    made = await one.legal.done("POST", PATH, {**asked, "expires_on": None})
    assert made["expires_on"] is None


async def test_who_may_not_or_asks_badly_is_refused(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    asked = body(one, two)
    assert_problem(await service.anonymous.post(PATH, asked), 401, "unauthenticated")
    assert_problem(await one.coordinator.post(PATH, asked), 403, "forbidden")
    assert_problem(await one.legal.post(PATH, {**asked, "colour": "blue"}), 400)
    assert_problem(await one.legal.post(PATH, {**asked, "answers": {"free_hours": [1]}}), 400)
    unknown = assert_problem(await one.legal.post(PATH, {**asked, "template": "treaty"}), 422, "unknown_template")
    assert unknown["errors"][0]["pointer"] == "/template"
    foreign = assert_problem(await cast.stranger.legal.post(PATH, asked), 422, "agreement_faulty")
    assert [each["code"] for each in foreign["errors"]] == ["custodian_missing"]


async def test_a_repeat_replays_and_a_taken_number_is_refused(cast: Cast) -> None:
    asked = body(cast.assisting, cast.requesting)
    key = f"template-{uuid4()}"
    first = await cast.assisting.legal.post(PATH, asked, key=key)
    assert first.status_code == 201
    assert (await cast.assisting.legal.post(PATH, asked, key=key)).content == first.content
    assert_problem(await cast.assisting.legal.post(PATH, asked), 409, "number_taken")


async def test_templates_and_clauses_are_for_everybody_who_may_read_agreements(service: Service, cast: Cast) -> None:
    reader = cast.stranger.coordinator
    templates = (await reader.done("GET", "/v1/templates"))["items"]
    assert [each["code"] for each in templates] == sorted(each["code"] for each in templates)
    for each in templates:
        found = await reader.done("GET", f"/v1/templates/{each['code']}")
        assert found["questions"]
        assert "Have counsel review" in found["counsel"]
    liability = (await reader.done("GET", "/v1/standard-clauses?heading=liability"))["items"]
    assert [each["code"] for each in liability] == ["liability.own_acts", "liability.assisting", "liability.requesting"]
    both = (await reader.done("GET", "/v1/standard-clauses?heading=liability&heading=term"))["items"]
    assert len(both) == 5
    found = (await reader.done("GET", '/v1/standard-clauses?q="consecutive hours"'))["items"]
    assert [each["code"] for each in found] == ["reimbursement.after_hours"]
    assert await reader.done("GET", "/v1/standard-clauses/reimbursement.after_hours") == found[0]
    tagged = await reader.get("/v1/templates/k9")
    assert (await reader.get("/v1/templates/k9", headers={"if-none-match": tagged.headers["etag"]})).status_code == 304
    for path in (
        "/v1/templates",
        "/v1/templates/k9",
        "/v1/standard-clauses",
        "/v1/standard-clauses/liability.own_acts",
    ):
        assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
        assert_problem(await cast.assisting.as_(scope="loans:*").get(path), 403, "forbidden")
    for path in ("/v1/templates/treaty", "/v1/standard-clauses/treaty"):
        assert_problem(await reader.get(path), 404, "not_found")
    assert_problem(await reader.get("/v1/standard-clauses?colour=blue"), 400)
    assert_problem(await reader.get("/v1/standard-clauses?q=-"), 422, "bad_words")
