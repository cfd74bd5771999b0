"""Filing and publication duties: which arise, when they are due, and how they are fulfilled or waived, once."""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import sqlalchemy as sa

from registry.agreements.duties.rules import (
    TRANSITIONS,
    DutyAction,
    DutyRule,
    DutyStatus,
    ProofKind,
    WhenDue,
    advance,
    arising,
    checked,
    checked_proof,
    due_on,
    duty_id,
    duty_rules,
)
from registry.agreements.duties.schemas import NEW_DUTY_EXAMPLE
from registry.agreements.rules import AgreementKind
from registry.database.connect import unit_of_work
from registry.database.types import Uuid
from registry.kernel.errors import RuleBroken, WrongState
from tests.support.agreements import agreement_body, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, make_agency
from tests.support.deadlines import days_ahead, deadlines_of
from tests.support.problems import assert_problem
from tests.support.service import Service

RULES = {rule.code: rule for rule in duty_rules()}
FLORIDA, WASHINGTON = RULES["fl_252_40_copy_to_division"], RULES["wa_39_34_040_record_or_list"]
PROOF = {"fulfilled_on": "2025-06-01", "recording_number": "20250601-7"}
WHY = {"reason": "Counsel: it does not reach us."}


# The data and what follows from it.


def test_every_shipped_duty_cites_its_law_and_asks_for_counsel() -> None:
    for rule in duty_rules():
        assert rule.citation.endswith("have counsel review")
        assert rule.kinds
        assert rule.proof


@pytest.mark.parametrize(
    "change",
    [
        {"citation": "a law"},
        {"state": "Florida"},
        {"kinds": ["handshake"]},
        {"due": {}},
        {"due": {"days_after_execution": 3, "before_entry_into_force": True}},
        {"due": {"days_after_execution": -1}},
        {"proof": []},
        {"penalty": "none"},
    ],
)
def test_data_that_cannot_be_meant_is_refused(change: dict[str, Any]) -> None:
    good = msgspec.to_builtins(WASHINGTON)
    assert checked([good]) == (WASHINGTON,)
    with pytest.raises(ValueError, match=r".+"):
        checked([{**good, **change}])


def test_one_code_names_one_duty() -> None:
    with pytest.raises(ValueError, match="one code"):
        checked([msgspec.to_builtins(FLORIDA)] * 2)


def test_a_duty_arises_from_the_kind_and_the_state() -> None:
    assert arising("mutual_aid", "FL", duty_rules()) == [FLORIDA]
    assert arising("interlocal", "WA", duty_rules()) == [WASHINGTON]
    assert arising("information_sharing", "WA", duty_rules()) == []
    assert arising("mutual_aid", "MN", duty_rules()) == []


@pytest.mark.parametrize(
    ("rule", "executed", "effective", "expected"),
    [
        (FLORIDA, "2026-01-31", "2026-03-01", "2026-03-02"),
        (WASHINGTON, "2026-01-31", "2026-03-01", "2026-02-28"),
        (WASHINGTON, "2026-03-01", "2026-03-01", "2026-03-01"),
        (WASHINGTON, "2026-05-01", "2026-03-01", "2026-05-01"),
    ],
)
def test_it_is_due_days_after_execution_or_before_the_agreement_takes_effect(
    rule: DutyRule, executed: str, effective: str, expected: str
) -> None:
    assert str(due_on(rule, date.fromisoformat(executed), date.fromisoformat(effective))) == expected


def test_the_same_duty_of_the_same_agreement_has_one_id() -> None:
    one, other = uuid4(), uuid4()
    assert duty_id(one, "a") == duty_id(one, "a")
    assert len({duty_id(one, "a"), duty_id(one, "b"), duty_id(other, "a")}) == 3


def test_what_is_met_or_waived_is_final() -> None:
    assert set(TRANSITIONS) == {(DutyStatus.PENDING, action) for action in DutyAction}
    for status in (DutyStatus.MET, DutyStatus.WAIVED):
        for action in DutyAction:
            with pytest.raises(WrongState):
                advance(status, action)


def test_proof_is_of_a_kind_that_counts_and_not_of_tomorrow() -> None:
    today = date(2026, 6, 1)
    checked_proof([ProofKind.URL], WASHINGTON.proof, today, today)
    with pytest.raises(RuleBroken, match="recording_number, url"):
        checked_proof([ProofKind.DOCUMENT], WASHINGTON.proof, today, today)
    with pytest.raises(RuleBroken, match="proof"):
        checked_proof([], WASHINGTON.proof, today, today)
    with pytest.raises(RuleBroken, match="has come"):
        checked_proof([ProofKind.URL], WASHINGTON.proof, date(2026, 6, 2), today)


def test_a_rule_is_said_in_whole_days() -> None:
    assert WhenDue(days_after_execution=3).before_entry_into_force is False
    assert AgreementKind.MUTUAL_AID in FLORIDA.kinds


# Over HTTP.


def path_of(found: dict[str, Any]) -> str:
    return f"/v1/agreements/{found['id']}/duties"


async def duties_of(reader: Agency, found: dict[str, Any]) -> list[dict[str, Any]]:
    page: dict[str, Any] = await reader.legal.done("GET", path_of(found))
    items: list[dict[str, Any]] = page["items"]
    return items


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
    assert (duty["source"], duty["rule"], duty["agency_id"]) == ("statute", WASHINGTON.code, str(seattle.id))
    assert (duty["status"], duty["overdue"], duty["due_on"]) == ("pending", True, "2025-01-01")
    assert duty["proof_accepted"] == ["recording_number", "url"]
    assert [each["allowed"] for each in duty["allowed_actions"]] == [True, True]
    (deadline,) = await deadlines_of(seattle, kind="filing")
    assert (deadline["duty_id"], deadline["status"], deadline["agency_id"]) == (duty["id"], "overdue", str(seattle.id))
    assert deadline["basis"]["citation"] == WASHINGTON.citation


async def test_where_several_are_there_it_is_the_custodians(service: Service, seattle: Agency) -> None:
    tacoma = await make_agency(service, "Bay", "WA")
    found = await sign_agreement(service, tacoma, seattle, kind="mutual_aid")
    (duty,) = await duties_of(seattle, found)
    assert duty["agency_id"] == str(tacoma.id)


async def test_no_duty_arises_elsewhere_from_another_kind_or_from_a_party_that_is_not_bound(
    service: Service, cast: Cast, seattle: Agency
) -> None:
    assert await duties_of(cast.assisting, await sign_agreement(service, cast.assisting, cast.requesting)) == []
    other_kind = await sign_agreement(service, cast.assisting, seattle, kind="information_sharing")
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
    assert (done["closed_by"], done["overdue"]) == (str(seattle.id), False)
    assert [each["allowed"] for each in done["allowed_actions"]] == [False, False]
    assert await duties_of(cast.assisting, filed) == [done]
    (deadline,) = await deadlines_of(seattle, kind="filing")
    assert deadline["status"] == "met"
    history = await seattle.legal.done("GET", f"/v1/agreements/{filed['id']}/history")
    event = next(each for each in history["items"] if each["type"] == "agreement.duty_fulfilled")
    assert event["data"]["recording_number"] == "20250601-7"
    assert_problem(await seattle.legal.post(path, PROOF), 409, "wrong_state")
    assert_problem(await seattle.legal.post(path.replace("fulfil", "waive"), WHY), 409, "wrong_state")


async def test_a_waived_duty_says_why_and_is_no_deadline(filed: dict[str, Any], seattle: Agency) -> None:
    (duty,) = await duties_of(seattle, filed)
    done = await seattle.admin.done("POST", f"{path_of(filed)}/{duty['id']}/waive", WHY)
    assert (done["status"], done["waived_reason"], done["closed_by"]) == ("waived", WHY["reason"], str(seattle.id))
    assert await deadlines_of(seattle, kind="filing") == []


async def test_a_duty_is_entered_by_hand_and_fulfilled_by_any_proof(cast: Cast, filed: dict[str, Any]) -> None:
    body = {**NEW_DUTY_EXAMPLE, "due_on": str(days_ahead(5))}
    response = await cast.assisting.legal.post(path_of(filed), body)
    assert response.status_code == 201
    duty = response.json()
    assert (duty["source"], duty["rule"], duty["agency_id"]) == ("entered", None, str(cast.assisting.id))
    assert duty["id"] in {each["id"] for each in await duties_of(cast.assisting, filed)}
    proof = {"fulfilled_on": "2025-06-01", "evidence_sha256": "ab" * 32}
    done = await cast.assisting.legal.done("POST", f"{path_of(filed)}/{duty['id']}/fulfil", proof)
    assert done["evidence_sha256"] == "ab" * 32


async def test_only_its_agency_and_the_custodian_act_on_a_duty(
    service: Service, cast: Cast, filed: dict[str, Any], seattle: Agency
) -> None:
    own = {**NEW_DUTY_EXAMPLE, "agency_id": str(seattle.id)}
    custodians = await cast.assisting.legal.done("POST", path_of(filed), own)
    assert custodians["agency_id"] == str(seattle.id)
    others = {**NEW_DUTY_EXAMPLE, "agency_id": str(cast.assisting.id)}
    assert_problem(await seattle.legal.post(path_of(filed), others), 403, "forbidden")
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
    assert_problem(await cast.assisting.legal.post(path_of(made), NEW_DUTY_EXAMPLE), 409, "wrong_state")
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
        ({**PROOF, "fulfilled_on": str(days_ahead(3))}, 422, "/fulfilled_on"),
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
            cast.assisting.legal.post(f"{path}/waive", WHY),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        winner = next(answer for answer in answers if answer.status_code == 200).json()
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
    seen, path = [], f"{path_of(filed)}?limit=2"
    while path:
        page = await cast.assisting.legal.done("GET", path)
        seen += page["items"]
        path = page["next_cursor"] and f"{path_of(filed)}?limit=2&cursor={page['next_cursor']}"
    assert seen == whole
    assert len(whole) == 4
