"""Checking an agreement's completeness: which checklists, which version, by whom, and what stays unsaid."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from registry.platform.access.principals import Role
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import Agency, Cast, make_agency, today
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
SECRET = "canary-4d1e-restricted"
PROVISIONS: list[dict[str, Any]] = [
    {"number": "1", "heading": "purpose", "text": "The purpose of this agreement is help.", "sensitivity": "public"},
    {"number": "2", "heading": "liability", "text": "Each party shall bear its own liability."},
    {
        "number": "3",
        "heading": "communications",
        "text": f"The radio channel is {SECRET}.",
        "sensitivity": "restricted",
        "exemption": "Security information (example; have counsel review)",
    },
]


async def checked(agency: Agency, agreement: dict[str, Any], query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = await agency.legal.done("GET", f"{PATH}/{agreement['id']}/completeness{query}")
    return found


def item(found: dict[str, Any], code: str, name: str) -> dict[str, Any]:
    (checklist,) = (each for each in found["checklists"] if each["code"] == code)
    chosen: dict[str, Any]
    (chosen,) = (each for each in checklist["items"] if each["id"] == name)
    return chosen


async def test_a_draft_is_checked_as_it_stands_for_its_custodian(cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, provisions=PROVISIONS, terms={"liability": "respective"})
    draft = await cast.assisting.legal.done("POST", PATH, body)
    found = await checked(cast.assisting, draft)
    assert (found["agreement_id"], found["version_no"], found["version_sha256"]) == (draft["id"], 1, None)
    assert [each["code"] for each in found["checklists"]] == ["general"]
    liability = item(found, "general", "liability")
    assert (liability["status"], liability["provisions"], liability["terms"]) == ("found", ["2"], ["liability"])
    assert liability["passages"] == [{"provision": "2", "text": "Each party shall bear its own liability."}]
    assert item(found, "general", "command")["reasons"][0]["code"] == "not_said"
    counts = found["checklists"][0]["required"]
    required = [each for each in found["checklists"][0]["items"] if each["severity"] == "required"]
    assert sum(counts.values()) == len(required)
    assert counts["found"] == sum(each["status"] == "found" for each in required)


async def test_an_edit_of_the_draft_changes_the_answer(cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, provisions=PROVISIONS[:1])
    response = await cast.assisting.legal.post(PATH, body)
    path = f"{PATH}/{response.json()['id']}"
    assert item(await checked(cast.assisting, response.json()), "general", "liability")["status"] == "missing"
    change = {"provisions": PROVISIONS[:2], "terms": {"categories": ["any"], "liability": "respective"}}
    await cast.assisting.legal.done("PATCH", path, change, if_match=response.headers["etag"])
    assert item(await checked(cast.assisting, response.json()), "general", "liability")["status"] == "found"


async def test_a_frozen_version_keeps_its_own_answer_and_both_sides_read_it(service: Service, cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, provisions=PROVISIONS, expires_on="2031-12-31")
    made = await cast.assisting.legal.done("POST", PATH, body)
    path = f"{PATH}/{made['id']}"
    await cast.assisting.legal.done("POST", f"{path}/submit", {})
    back = await cast.assisting.legal.post(f"{path}/send-back", {"reason": "shorter"})
    change = {"provisions": PROVISIONS[:1], "expires_on": None}
    await cast.assisting.legal.done("PATCH", path, change, if_match=back.headers["etag"])
    await cast.assisting.legal.done("POST", f"{path}/submit", {})
    for agency in (cast.assisting, cast.requesting):
        first, second = [await checked(agency, made, f"?version_no={no}") for no in (1, 2)]
        assert (await checked(agency, made)) == second
        assert first["version_sha256"] != second["version_sha256"]
        assert item(first, "general", "liability")["provisions"] == ["2"]
        assert item(second, "general", "liability")["provisions"] == []
        assert item(first, "general", "term")["terms"] == ["expires_on"], "the date it was frozen with"
        assert item(second, "general", "term")["status"] == "missing"


async def test_what_a_text_to_come_says_otherwise_is_remarked_on_today(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    free = {"number": "1", "heading": "reimbursement", "text": "Help is given free of charge."}
    terms = {"categories": ["any"], "reimbursement": {"model": "full"}}
    day: dict[str, Any] = {"effective_on": today() + timedelta(days=30), "signed_on": today()}
    await amended_on_paper(found, one, **day, provisions=[free], terms=terms)
    assert all(each["version_no"] != 2 for each in (await checked(two, found))["remarks"]), "it is not signed by all"
    made = await two.legal.done("GET", f"{PATH}/{found['id']}")
    hand = {"version_sha256": made["amendment"]["version_sha256"], "signatory_title": "Sheriff"}
    signed = {**hand, "signed_on": str(today()), "evidence_location": "City clerk (demo)"}
    await two.legal.done("POST", f"{PATH}/{found['id']}/confirm", signed)
    its = await checked(two, found)
    assert its["version_no"] == 1
    (remark,) = (each for each in its["remarks"] if each["version_no"] == 2)
    assert (remark["code"], remark["clause"]) == ("says_otherwise", "1")
    (own,) = (each for each in (await checked(two, found, "?version_no=2"))["remarks"] if each["clause"] == "1")
    assert own == {**remark, "version_no": None}


async def test_a_version_that_is_not_frozen_is_its_custodians_alone(cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, provisions=PROVISIONS)
    draft = await cast.assisting.legal.done("POST", PATH, body)
    path = f"{PATH}/{draft['id']}/completeness"
    assert (await cast.assisting.coordinator.get(f"{path}?version_no=1")).status_code == 200
    assert_problem(await cast.requesting.legal.get(f"{path}?version_no=1"), 404, "not_found")
    assert_problem(await cast.assisting.coordinator.get(f"{path}?version_no=2"), 404, "not_found")


async def test_a_states_list_applies_where_its_law_does_and_another_can_be_asked_for(
    service: Service, cast: Cast
) -> None:
    floridian = await make_agency(service, "Floridian", state="FL")
    alone = await sign_agreement(service, cast.assisting, floridian, kind="mutual_aid", provisions=PROVISIONS)
    assert [each["code"] for each in (await checked(floridian, alone))["checklists"]] == ["general"]
    second = await make_agency(service, "Second Floridian", state="FL")
    made = await sign_agreement(service, second, floridian, kind="mutual_aid", provisions=PROVISIONS)
    assert [each["code"] for each in (await checked(floridian, made))["checklists"]] == ["fl_23_1225", "general"]
    (montana,) = (await checked(floridian, made, "?checklist=mt_44_11_305"))["checklists"]
    assert (montana["code"], montana["jurisdiction"]) == ("mt_44_11_305", "MT")
    assert "counsel" in montana["counsel"]


async def test_a_provision_about_information_brings_the_security_policy_in(service: Service, cast: Cast) -> None:
    exchanged = {"number": "4", "heading": "information_sharing", "text": "Records are exchanged."}
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=[*PROVISIONS, exchanged])
    assert [each["code"] for each in (await checked(cast.requesting, made))["checklists"]] == ["cjis_ca_3", "general"]


async def test_restricted_text_counts_for_whoever_may_read_it_and_is_quoted_to_nobody(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    path = f"{PATH}/{made['id']}"
    assert SECRET in (await cast.assisting.legal.get(path)).text, "the test would notice it"
    for reader in (cast.assisting.legal, cast.assisting.auditor, cast.requesting.legal):
        response = await reader.get(f"{path}/completeness")
        assert SECRET not in response.text
        radio = item(response.json(), "general", "communications")
        assert (radio["status"], radio["provisions"], radio["passages"]) == ("found", ["3"], [])
        assert response.json()["provisions_withheld"] == 0
        assert response.headers["cache-control"] == "private, no-cache"


async def test_what_a_withheld_provision_may_say_is_neither_found_nor_missing(service: Service, cast: Cast) -> None:
    law = {"sensitivity": "restricted", "exemption": "Security information (example; have counsel review)"}
    denial = {"number": "9", "heading": "insurance", "text": "No insurance has been agreed.", **law}
    unsaid = {"insurance_required": None}
    made = await sign_agreement(
        service, cast.assisting, cast.requesting, provisions=[*PROVISIONS, denial], terms=unsaid
    )
    cleared = await cast.requesting.legal.done("GET", f"{PATH}/{made['id']}/completeness")
    assert item(cleared, "general", "insurance")["status"] == "denied"
    for reader in (cast.requesting.coordinator, cast.requesting.machine, cast.assisting.coordinator):
        found = await reader.done("GET", f"{PATH}/{made['id']}/completeness")
        assert found["provisions_withheld"] == 2
        insurance, liability = (item(found, "general", name) for name in ("insurance", "liability"))
        assert (insurance["status"], insurance["provisions"]) == ("withheld", [])
        (reason,) = insurance["reasons"]
        assert reason["code"] == "withheld"
        assert reason["detail"].startswith("Provision 9 stands under the heading. Perhaps one of 2 provisions")
        assert (liability["status"], liability["provisions"]) == ("found", ["2"])
        counts = [each[kind] for each in found["checklists"] for kind in ("required", "recommended")]
        assert {each["missing"] for each in counts} == {0}


async def test_whoever_sees_the_public_view_alone_is_refused(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    path = f"{PATH}/{made['id']}/completeness"
    for reader in (cast.stranger.legal, service.operator):
        assert_problem(await reader.get(path), 403, "forbidden")
    assert_problem(await cast.stranger.legal.get(f"{path}?checklist=astrology"), 403, "forbidden")


async def test_a_stranger_hears_of_no_agreement(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[1:])
    hidden = assert_problem(await cast.stranger.legal.get(f"{PATH}/{made['id']}/completeness"), 404, "not_found")
    absent = assert_problem(await cast.stranger.legal.get(f"{PATH}/{uuid4()}/completeness"), 404, "not_found")
    assert hidden["detail"] == absent["detail"]


async def test_nobody_without_a_token_or_scope(service: Service, cast: Cast) -> None:
    for path in (f"{PATH}/{uuid4()}/completeness", "/v1/checklists", "/v1/checklists/general"):
        assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
        assert_problem(await cast.assisting.as_(Role.LEGAL, scope="assets:read").get(path), 403, "forbidden")


@pytest.mark.parametrize(
    "query", ["version_no=0", "version_no=x", "version_no=2147483648", "checklist=", "list=general"]
)
async def test_a_malformed_question_is_refused(cast: Cast, query: str) -> None:
    draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
    response = await cast.assisting.coordinator.get(f"{PATH}/{draft['id']}/completeness?{query}")
    assert response.status_code == 400


async def test_an_unknown_checklist_is_a_fault_of_the_parameter(cast: Cast) -> None:
    draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
    response = await cast.assisting.coordinator.get(f"{PATH}/{draft['id']}/completeness?checklist=astrology")
    problem = assert_problem(response, 422, "unknown_checklist")
    assert problem["errors"][0]["parameter"] == "checklist"
    assert "fl_23_1225" in problem["errors"][0]["detail"]


async def test_the_checklists_are_listed_and_read_with_their_sources(cast: Cast) -> None:
    listed = (await cast.stranger.coordinator.done("GET", "/v1/checklists"))["items"]
    assert [each["code"] for each in listed] == ["cjis_ca_3", "fl_23_1225", "general", "mt_44_11_305"]
    for each in listed:
        response = await cast.stranger.coordinator.get(f"/v1/checklists/{each['code']}")
        found = response.json()
        assert (found["name"], len(found["items"])) == (each["name"], each["item_count"])
        assert all(one["citation"] for one in found["items"])
        again = await cast.stranger.coordinator.get(
            f"/v1/checklists/{each['code']}", headers={"if-none-match": response.headers["etag"]}
        )
        assert again.status_code == 304
    assert_problem(await cast.stranger.coordinator.get("/v1/checklists/astrology"), 404, "not_found")


async def test_what_a_clause_says_otherwise_than_the_terms_stands_at_the_item_that_rests_on_it(cast: Cast) -> None:
    text = "Either party may terminate this agreement upon ninety (60) days written notice to the other party."
    clause = {"number": "7", "heading": "termination", "text": text}
    body = agreement_body(cast.assisting, cast.requesting, provisions=[PROVISIONS[0], clause], notice={"days": 90})
    draft = await cast.assisting.legal.done("POST", PATH, body)
    found = await checked(cast.assisting, draft)
    ended = item(found, "general", "termination")
    assert "7" in ended["provisions"]
    told = [each["detail"] for each in ended["reasons"] if each["code"] == "says_otherwise"]
    assert told == ["Clause 7 says “ninety (60) days”: the word and the number differ."]
    assert told[0] in [each["detail"] for each in found["remarks"]]
