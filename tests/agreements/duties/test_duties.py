"""Filing and publication duties over HTTP: how they arise, and how they are fulfilled or waived, once."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.agreements.duties.queries import get_duty
from registry.agreements.duties.rules import (
    duty_id,
)
from registry.agreements.duties.schemas import NEW_DUTY_EXAMPLE
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.types import Uuid
from registry.platform.kernel.time import utc_now
from tests.support.agreements import agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, make_agency
from tests.support.consent import proof
from tests.support.deadlines import days_ahead, deadlines_of
from tests.support.duties import FLORIDA, PROOF, WASHINGTON, WHY, duties_of, path_of
from tests.support.law import TurnOn
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long


@pytest.fixture
async def seattle(service: Service) -> Agency:
    return await make_agency(service, "Sound", "WA")


@pytest.fixture
async def filed(service: Service, cast: Cast, seattle: Agency) -> dict[str, Any]:
    """An agreement that Washington wants filed: the duty is the custodian's neighbour's, who is there."""
    return await sign_agreement(service, cast.assisting, seattle, kind="interlocal", provisions=[])


async def test_a_statutes_duty_arises_by_itself_for_the_party_that_is_there(
    cast: Cast, filed: dict[str, Any], seattle: Agency
) -> None:
    (duty,) = await duties_of(cast.assisting, filed)
    assert UUID(duty["id"]) == duty_id(UUID(filed["id"]), WASHINGTON.code)
    assert (duty["source"], duty["rule"], duty["agency"]) == ("statute", WASHINGTON.code, seattle.reference)
    assert (duty["status"], duty["overdue"], duty["due_on"]) == ("pending", True, "2025-01-01")
    assert duty["proof_accepted"] == ["recording_number", "url"]
    assert [each["action"] for each in duty["allowed_actions"]] == ["fulfil"], "its own agency alone may waive it"
    (deadline,) = await deadlines_of(seattle, kind="filing")
    assert (deadline["duty_id"], deadline["status"], deadline["agency"]) == (duty["id"], "overdue", seattle.reference)
    assert deadline["basis"]["citation"] == WASHINGTON.law.cited


async def test_where_several_are_there_it_is_the_custodians(service: Service, seattle: Agency) -> None:
    tacoma = await make_agency(service, "Bay", "WA")
    found = await sign_agreement(service, tacoma, seattle, kind="mutual_aid")
    (duty,) = await duties_of(seattle, found)
    assert duty["agency"] == tacoma.reference


async def test_an_interstate_agreement_has_the_duty_of_its_montana_party_where_that_rule_is_on(
    service: Service, cast: Cast, turned_on: TurnOn
) -> None:
    montana = await make_agency(service, "Big Sky", "MT")
    found = await sign_agreement(service, cast.assisting, montana, kind="mutual_aid")
    assert await duties_of(montana, found) == []
    turned_on("mt_44_11_309_attorney_general")
    (duty,) = await duties_of(montana, await sign_agreement(service, cast.assisting, montana, kind="mutual_aid"))
    assert (duty["rule"], duty["agency"]) == ("mt_44_11_309_attorney_general", montana.reference)
    assert "sixty days" in duty["note"]
    second = await make_agency(service, "Prairie", "MT")
    assert await duties_of(montana, await sign_agreement(service, second, montana, kind="mutual_aid")) == []


async def test_an_agreement_about_disasters_is_sent_to_the_division(service: Service) -> None:
    first, second = await make_agency(service, "Gulf", "FL"), await make_agency(service, "Cape", "FL")
    routine = await sign_agreement(service, first, second, kind="mutual_aid")
    assert await duties_of(first, routine) == []
    terms = {"categories": ["any"], "purposes": ["disaster_response"]}
    (duty,) = await duties_of(first, await sign_agreement(service, first, second, kind="mutual_aid", terms=terms))
    assert (duty["rule"], duty["agency"]) == (FLORIDA.code, first.reference)
    assert FLORIDA.due.reminder, "the statute gives no day, so the day is a reminder that nobody misses by law"
    assert (duty["due_on"] < "2026-01-01", duty["status"], duty["overdue"]) == (True, "pending", False)
    (deadline,) = await deadlines_of(first, kind="filing")
    assert (deadline["duty_id"], deadline["status"]) == (duty["id"], "due_soon")


async def test_no_duty_arises_elsewhere_from_another_kind_or_from_a_party_that_is_not_bound(
    service: Service, cast: Cast, seattle: Agency
) -> None:
    assert await duties_of(cast.assisting, await sign_agreement(service, cast.assisting, cast.requesting)) == []
    kansas = await make_agency(service, "Shawnee", state="KS")
    other_kind = await sign_agreement(service, cast.assisting, kansas, kind="information_sharing")
    assert await duties_of(cast.assisting, other_kind) == []
    unconfirmed = await record_agreement(cast.assisting, seattle, kind="interlocal")
    assert await duties_of(cast.assisting, unconfirmed) == []


async def test_a_duty_is_fulfilled_with_proof_and_then_closed(
    cast: Cast, filed: dict[str, Any], seattle: Agency
) -> None:
    (duty,) = await duties_of(seattle, filed)
    path = f"{path_of(filed)}/{duty['id']}/fulfil"
    response = await seattle.legal.post(path, PROOF)
    done = response.json()
    assert (done["status"], done["fulfilled_on"], done["recording_number"]) == ("met", "2025-06-01", "20250601-7")
    assert (done["closed_by"], done["overdue"]) == (seattle.reference, False)
    assert [each["allowed"] for each in done["allowed_actions"]] == [False, False]
    assert await duties_of(seattle, filed) == [done]
    assert await deadlines_of(seattle, kind="filing") == [], "what was met long ago is no deadline any more"
    history = await seattle.legal.done("GET", f"/v1/agreements/{filed['id']}/history?sort=version")
    event = next(each for each in history["items"] if each["type"] == "agreement.duty_fulfilled")
    assert event["data"]["recording_number"] == "20250601-7"
    assert_problem(await seattle.legal.post(path, PROOF), 409, "wrong_status")
    assert_problem(await seattle.legal.post(path.replace("fulfil", "waive"), WHY), 409, "wrong_status")


async def test_a_waived_duty_says_why_and_is_no_deadline(filed: dict[str, Any], seattle: Agency) -> None:
    (duty,) = await duties_of(seattle, filed)
    done = await seattle.admin.done("POST", f"{path_of(filed)}/{duty['id']}/waive", WHY)
    assert (done["status"], done["waived_reason"], done["closed_by"]) == ("waived", WHY["reason"], seattle.reference)
    assert await deadlines_of(seattle, kind="filing") == []


async def test_a_duty_is_entered_by_hand_and_fulfilled_by_any_proof(cast: Cast, filed: dict[str, Any]) -> None:
    body = {**NEW_DUTY_EXAMPLE, "due_on": str(days_ahead(5))}
    response = await cast.assisting.legal.post(path_of(filed), body)
    assert response.status_code == 201
    duty = response.json()
    assert (duty["source"], duty["rule"], duty["agency"]) == ("entered", None, cast.assisting.reference)
    assert duty["id"] in {each["id"] for each in await duties_of(cast.assisting, filed)}
    proof = {"fulfilled_on": "2025-06-01", "evidence_sha256": "ab" * 32}
    done = await cast.assisting.legal.done("POST", f"{path_of(filed)}/{duty['id']}/fulfil", proof)
    assert done["evidence_sha256"] == "ab" * 32


async def test_a_duty_is_proved_by_a_paper_of_which_there_is_no_file(cast: Cast, filed: dict[str, Any]) -> None:
    vault = "County recorder, drawer 4 (demo)"
    duty = await cast.assisting.legal.done("POST", path_of(filed), {**NEW_DUTY_EXAMPLE, "due_on": str(days_ahead(5))})
    path = f"{path_of(filed)}/{duty['id']}/fulfil"
    proof = {"fulfilled_on": "2025-06-01", "evidence_location": vault}
    assert_problem(
        await cast.assisting.legal.post(path, {**proof, "evidence_sha256": "ab" * 32}), 422, "evidence_twice"
    )
    done = await cast.assisting.legal.done("POST", path, proof)
    assert (done["evidence_sha256"], done["evidence_location"], done["proof_status"]) == (None, vault, "as_stated")
    history = await cast.assisting.auditor.done("GET", f"/v1/agreements/{filed['id']}/history")
    told = next(each["data"] for each in history["items"] if each["type"] == "agreement.duty_fulfilled")
    assert told["evidence_location"] == vault


CLAUSES = [
    {"number": "4", "heading": "reporting", "text": "The second party files it (demo).", "sensitivity": "public"},
    {
        "number": "5",
        "heading": "communications",
        "text": "Keys.",
        "sensitivity": "restricted",
        "exemption": "have counsel review",
    },
]


async def test_a_party_is_burdened_by_its_text_or_its_own_word_alone(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, provisions=CLAUSES)
    body = {**NEW_DUTY_EXAMPLE, "agency_id": str(two.id), "due_on": str(days_ahead(5))}
    refused = assert_problem(await one.legal.post(path_of(found), body), 422, "duty_without_clause")
    assert refused["errors"][0]["pointer"] == "/clause"
    for clause in ("9", "5"):  # there is none, or not every party reads it
        assert_problem(await one.legal.post(path_of(found), {**body, "clause": clause}), 422, "unknown_provision")
    duty = await one.legal.done("POST", path_of(found), {**body, "clause": "4"})
    assert (duty["agency"], duty["clause"], duty["version_no"]) == (two.reference, "4", 1)
    over = {**body, "clause": "4", "due_on": str(days_ahead(-1))}
    refused = assert_problem(await one.legal.post(path_of(found), over), 422, "due_in_past")
    assert refused["errors"][0]["pointer"] == "/due_on"
    own = await two.legal.done("POST", path_of(found), {**body, "due_on": "2025-01-01"})
    assert (own["clause"], own["version_no"], own["binds_from"]) == (None, None, None)
    assert (own["status"], own["overdue"], own["entered_by"]) == ("pending", True, two.reference), "by its own word"
    unbound = await record_agreement(one, two, provisions=CLAUSES)
    assert_problem(await one.legal.post(path_of(unbound), {**body, "clause": "4"}), 422, "unknown_provision")


async def test_a_duty_that_another_words_binds_nobody_before_it_is_accepted(service: Service, cast: Cast) -> None:
    """By its agency's yes, or by 14 days in which it could have said no; and nobody is late before that."""
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, provisions=CLAUSES)
    agreement = f"/v1/agreements/{found['id']}"
    body = {**NEW_DUTY_EXAMPLE, "agency_id": str(two.id), "clause": "4", "due_on": str(days_ahead(5))}
    made = [await one.legal.done("POST", path_of(found), {**body, "title": f"Duty {n} (demo)"}) for n in range(5)]
    seen = await two.legal.done("GET", agreement)
    reports = [each["id"] for each in seen["reported_acts"]]
    assert [(each["kind"], each["status"], each["duty_id"]) for each in seen["reported_acts"]] == [
        ("owes_duty", "open", duty["id"]) for duty in made
    ]
    for duty, report in zip(made, reports, strict=True):
        assert (duty["status"], duty["overdue"], duty["pending_report_id"]) == ("proposed", False, report)
        assert (duty["entered_by"], duty["binds_from"], duty["agency"]) == (one.reference, None, two.reference)
        assert [each["allowed"] for each in duty["allowed_actions"]] == [False], "who worded it reports it done later"
    assert await deadlines_of(two, kind="filing") == []
    assert len(await deadlines_of(two, kind="answer")) == 5
    said = {"evidence_location": "County recorder (demo)", "fulfilled_on": "2025-06-01"}
    paths = [f"{path_of(found)}/{duty['id']}" for duty in made]
    assert_problem(await one.legal.post(f"{paths[0]}/fulfil", said), 409, "wrong_status")
    assert_problem(await two.legal.post(f"{paths[0]}/waive", WHY), 409, "wrong_status")

    # It confirms one, contests another that is then taken back, does a third at once, and contests the fourth.
    await two.legal.done("POST", f"{agreement}/reported-acts/{reports[0]}/confirm")
    for report in (reports[1], reports[3]):
        await two.legal.done("POST", f"{agreement}/reported-acts/{report}/contest", {"reason": "the text does not"})
    await one.legal.done("POST", f"{agreement}/reported-acts/{reports[1]}/take-back", WHY)
    await two.legal.done("POST", f"{paths[2]}/fulfil", PROOF)

    async def at(now: datetime) -> list[tuple[str, bool]]:
        principal = acting_for(one, Role.LEGAL).principal
        ids = [(UUID(found["id"]), UUID(duty["id"])) for duty in made]
        shown = [await get_duty(service.database.read(), principal, *each, now) for each in ids]
        return [(each.status, each.overdue) for each in shown]

    now = utc_now()
    taken, done, open_ = ("taken_back", False), ("met", False), ("proposed", False)
    assert await at(now) == [("pending", False), taken, done, open_, open_]
    assert await at(now + timedelta(days=13)) == [("pending", True), taken, done, open_, open_]
    late = [("pending", True), taken, done, open_, ("pending", False)]  # the last bound only after its day
    assert await at(now + timedelta(days=15)) == late
    (filing,) = (each for each in await deadlines_of(two, kind="filing") if each["status"] != "met")
    assert filing["duty_id"] == made[0]["id"]
    acts = (await two.legal.done("GET", f"{agreement}/timeline"))["acts"]
    assert not [each for each in acts if each["reported_act_id"]], "it bears on nobody's being bound"
    history = await two.legal.done("GET", f"{agreement}/history?sort=version")
    entered = [each["data"] for each in history["items"] if each["type"] == "agreement.duty_entered"]
    assert [(each["report_id"], each["clause"]) for each in entered] == [(report, "4") for report in reports]
    other = {"agency_id": str(two.id), "kind": "owes_duty", "acted_on": "2025-06-01", **WHY}
    refused = await one.legal.post(f"{agreement}/report-act", {**other, "evidence_sha256": "ab" * 32})
    assert_problem(refused, 422, "not_of_this_kind")


async def test_what_another_says_of_its_being_done_waits_for_the_agency_whose_duty_it_is(
    service: Service, cast: Cast
) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, provisions=CLAUSES)
    body = {**NEW_DUTY_EXAMPLE, "due_on": "2025-01-01"}
    made = [await two.legal.done("POST", path_of(found), {**body, "title": f"Duty {n} (demo)"}) for n in range(3)]
    agreement = f"/v1/agreements/{found['id']}"
    reports = []
    for duty in made:
        path = f"{path_of(found)}/{duty['id']}/fulfil"
        paper = {"fulfilled_on": "2025-06-01", "evidence_sha256": await proof(one, found)}
        said = await one.legal.done("POST", path, paper)
        assert (said["status"], said["overdue"], said["closed_by"]) == ("pending", True, None)
        reports.append(said["pending_report_id"])
        assert [each["allowed"] for each in said["allowed_actions"]] == [False]
        assert_problem(await one.legal.post(path, paper), 409, "already_reported")
    seen = await two.legal.done("GET", agreement)
    assert [(each["kind"], each["duty_id"], each["status"]) for each in seen["reported_acts"]] == [
        ("fulfilled_duty", duty["id"], "open") for duty in made
    ]
    answers = await deadlines_of(two, kind="answer")
    assert {each["due_at"] for each in answers} == {each["takes_effect_at"] for each in seen["reported_acts"]}

    async def now_is(duty: dict[str, Any], now: datetime) -> tuple[str, str | None]:
        its = await get_duty(
            service.database.read(), acting_for(one, Role.LEGAL).principal, UUID(found["id"]), UUID(duty["id"]), now
        )
        return its.status, None if its.closed_by is None else its.closed_by.name

    # It confirms one, contests one, and says nothing to the last.
    await two.legal.done("POST", f"{agreement}/reported-acts/{reports[0]}/confirm")
    await two.legal.done("POST", f"{agreement}/reported-acts/{reports[1]}/contest", {"reason": "we did not"})
    soon, late = utc_now() + timedelta(days=13), utc_now() + timedelta(days=15)
    assert [await now_is(duty, soon) for duty in made] == [("met", one.name), ("pending", None), ("pending", None)]
    assert [await now_is(duty, late) for duty in made] == [("met", one.name), ("pending", None), ("met", one.name)]
    assert {each["kind"] for each in (await two.legal.done("GET", f"{agreement}/timeline"))["acts"]} <= {
        *("signed", "text_begins", "joined")
    }
    # What it did itself takes the place of what is said of it; and it alone waives.
    own = await two.legal.done("POST", f"{path_of(found)}/{made[2]['id']}/fulfil", PROOF)
    assert (own["status"], own["closed_by"], own["pending_report_id"]) == ("met", two.reference, None)
    assert_problem(await one.legal.post(f"{path_of(found)}/{made[1]['id']}/waive", WHY), 403, "forbidden")
    await one.legal.done("POST", f"{agreement}/reported-acts/{reports[1]}/take-back", WHY)
    again = {"fulfilled_on": "2025-06-02", "evidence_sha256": await proof(one, found)}
    said = await one.legal.done("POST", f"{path_of(found)}/{made[1]['id']}/fulfil", again)
    seen = await two.legal.done("GET", agreement)
    assert [(each["status"], each["because"]) for each in seen["reported_acts"]][2:] == [
        ("replaced", None),
        ("unconfirmed", "said_no"),
    ]
    waived = await two.legal.done("POST", f"{path_of(found)}/{made[1]['id']}/waive", WHY)
    assert (waived["status"], waived["pending_report_id"]) == ("waived", None)
    elsewhere = {"agency_id": str(two.id), "kind": "fulfilled_duty", "acted_on": "2025-06-01", **WHY}
    refused = await one.legal.post(f"{agreement}/report-act", {**elsewhere, "evidence_sha256": "ab" * 32})
    assert_problem(refused, 422, "not_of_this_kind")


async def test_only_its_agency_and_the_custodian_act_on_a_duty(
    service: Service, cast: Cast, filed: dict[str, Any], seattle: Agency
) -> None:
    custodians = await seattle.legal.done("POST", path_of(filed), NEW_DUTY_EXAMPLE)
    assert custodians["agency"] == seattle.reference
    others = {**NEW_DUTY_EXAMPLE, "agency_id": str(cast.assisting.id)}
    assert_problem(await seattle.legal.post(path_of(filed), others), 403, "forbidden")
    waived = f"{path_of(filed)}/{custodians['id']}/waive"
    assert_problem(await cast.assisting.legal.post(waived, WHY), 403, "forbidden")  # its own agency answers
    mine = await cast.assisting.legal.done("POST", path_of(filed), NEW_DUTY_EXAMPLE)
    for verb, body in (("fulfil", PROOF), ("waive", WHY)):
        path = f"{path_of(filed)}/{mine['id']}/{verb}"
        assert_problem(await service.anonymous.post(path, body), 401)
        assert_problem(await seattle.legal.post(path, body), 403, "forbidden")
        assert_problem(await cast.assisting.coordinator.post(path, body), 403, "forbidden")
        assert_problem(await cast.stranger.legal.post(path, body), 404)
        assert_problem(await cast.assisting.legal.post(f"{path_of(filed)}/{uuid4()}/{verb}", body), 404)
    assert_problem(await cast.stranger.legal.get(path_of(filed)), 404)
    outsider = {**NEW_DUTY_EXAMPLE, "agency_id": str(cast.stranger.id)}
    assert_problem(await cast.assisting.legal.post(path_of(filed), outsider), 422, "not_a_party")


async def test_duties_of_a_public_agreement_are_for_its_parties(service: Service, cast: Cast) -> None:
    public = [{"number": "1", "heading": "purpose", "text": "Open.", "sensitivity": "public"}]
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=public)
    assert_problem(await cast.stranger.legal.get(path_of(found)), 403, "forbidden")


async def test_a_draft_has_no_duties_yet(cast: Cast) -> None:
    made = await cast.assisting.legal.done("POST", "/v1/agreements", agreement_body(cast.assisting, cast.requesting))
    assert_problem(await cast.assisting.legal.post(path_of(made), NEW_DUTY_EXAMPLE), 409, "wrong_status")
    assert await duties_of(cast.assisting, made) == []


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"fulfilled_on": "yesterday"}, 400, "/fulfilled_on"),
        ({**PROOF, "url": "ftp://x"}, 400, "/url"),
        ({**PROOF, "url": "https://a b"}, 400, "/url"),
        ({**PROOF, "recording_number": ""}, 400, "/recording_number"),
        ({**PROOF, "witness": "x"}, 400, "/witness"),
        ({"fulfilled_on": "2025-06-01"}, 422, ""),
        ({"fulfilled_on": "2025-06-01", "evidence_sha256": "ab" * 32}, 422, ""),
        ({**PROOF, "fulfilled_on": "2150-01-01"}, 422, "/fulfilled_on"),
    ],
)
async def test_a_bad_proof_names_the_place(
    filed: dict[str, Any], seattle: Agency, body: dict[str, Any], status: int, pointer: str
) -> None:
    (duty,) = await duties_of(seattle, filed)
    problem = assert_problem(await seattle.legal.post(f"{path_of(filed)}/{duty['id']}/fulfil", body), status)
    assert problem["errors"][0]["pointer"] == pointer
    assert (await duties_of(seattle, filed))[0]["status"] == "pending"


async def test_a_malformed_duty_names_the_place(cast: Cast, filed: dict[str, Any]) -> None:
    problem = assert_problem(await cast.assisting.legal.post(path_of(filed), {"due_on": "2026-01-01"}), 400)
    assert problem["code"] == "invalid_body"
    far = {**NEW_DUTY_EXAMPLE, "due_on": "2200-01-01"}
    problem = assert_problem(await cast.assisting.legal.post(path_of(filed), far), 422, "date_out_of_range")
    assert problem["errors"][0]["pointer"] == "/due_on"


async def test_a_stale_edit_is_refused_and_a_repeat_changes_nothing(filed: dict[str, Any], seattle: Agency) -> None:
    (duty,) = await duties_of(seattle, filed)
    path = f"{path_of(filed)}/{duty['id']}/fulfil"
    assert_problem(await seattle.legal.post(path, PROOF, if_match='"99-00000000"'), 412, "stale_version")
    tag = (await seattle.legal.get(f"/v1/agreements/{filed['id']}")).headers["etag"]
    first = await seattle.legal.post(path, PROOF, key="fulfil-1", if_match=tag)
    assert first.status_code == 200
    again = await seattle.legal.post(path, PROOF, key="fulfil-1", if_match=tag)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")


async def test_two_who_fulfil_one_duty_at_once_fulfil_it_once(service: Service, cast: Cast, seattle: Agency) -> None:
    for _ in range(4):
        found = await sign_agreement(service, cast.assisting, seattle, kind="interlocal")
        (duty,) = await duties_of(seattle, found)
        path = f"{path_of(found)}/{duty['id']}"
        answers = await asyncio.gather(
            seattle.legal.post(f"{path}/fulfil", PROOF),
            cast.assisting.legal.post(f"{path}/fulfil", {**PROOF, "recording_number": "another"}),
            seattle.counsel.post(f"{path}/waive", WHY),
        )
        own = (answers[0], answers[2])
        assert sorted(answer.status_code for answer in own) == [200, 409]
        assert answers[1].status_code in (200, 409)  # what another says of it may come first, and closes nothing
        winner = next(answer for answer in own if answer.status_code == 200).json()
        (after,) = await duties_of(seattle, found)
        assert after["status"] == winner["status"]
        assert after["recording_number"] == winner["recording_number"]


@pytest.mark.parametrize(
    "broken",
    [
        "status = 'met'",
        "status = 'met', closed_at = entered_at, fulfilled_on = due_on",
        "status = 'waived', closed_at = entered_at",
        "status = 'pending', closed_at = entered_at",
        "status = 'forgotten'",
    ],
)
async def test_the_database_keeps_no_duty_closed_without_its_proof_or_reason(
    service: Service, cast: Cast, filed: dict[str, Any], broken: str
) -> None:
    duty = await cast.assisting.legal.done("POST", path_of(filed), NEW_DUTY_EXAMPLE)
    statement = sa.text(f"UPDATE agreement_duty SET {broken} WHERE id = :id").bindparams(
        sa.bindparam("id", UUID(duty["id"]), type_=Uuid)
    )
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)check"):
        async with unit_of_work(service.database) as write:
            await write.run(statement)


async def test_duties_are_paged(cast: Cast, filed: dict[str, Any]) -> None:
    for n in range(3):
        await cast.assisting.legal.done("POST", path_of(filed), {**NEW_DUTY_EXAMPLE, "title": f"Duty {n}"})
    whole = await duties_of(cast.assisting, filed)
    seen, path = [], f"{path_of(filed)}?sort=created_at&limit=2"
    while path:
        page = await cast.assisting.legal.done("GET", path)
        seen += page["items"]
        path = page["next_cursor"] and f"{path_of(filed)}?sort=created_at&limit=2&cursor={page['next_cursor']}"
    assert seen == whole
    assert len(whole) == 4


async def test_who_was_let_in_enters_no_duty_before_it_is_bound(service: Service, cast: Cast) -> None:
    one, two, new = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, two)
    path = f"/v1/agreements/{found['id']}"
    let_in = {"agency_ids": [str(new.id)], "reason": "asked to join"}
    offered = await one.legal.done("POST", f"{path}/add-parties", let_in)
    await two.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")
    body = {"title": "Post it (demo)", "due_on": "2099-01-31"}
    problem = assert_problem(await new.legal.post(f"{path}/duties", body), 409, "wrong_status")
    assert "is not bound by the agreement yet" in problem["detail"]
    assert (await one.legal.done("GET", f"{path}/duties"))["items"] == []
    await confirm_agreement(found, new, evidence_location="City clerk's vault (demo)")
    entered = await new.legal.done("POST", f"{path}/duties", body)
    assert entered["status"] == "pending"
    assert [each["id"] for each in (await one.legal.done("GET", f"{path}/duties"))["items"]] == [entered["id"]]
