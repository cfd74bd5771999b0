"""Looking after a signed agreement: reviews that move the next one, how long the record is kept, holds that stop it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.deadlines.retention import keeping
from registry.agreements.deadlines.rules import Keeping
from registry.agreements.instruments.commands.legal_holds import hold_among_events
from registry.agreements.instruments.rules import AgreementKind
from registry.platform.database.connect import unit_of_work
from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import Agency, Cast, make_agency
from tests.support.deadlines import by_kind, days_ahead, settle
from tests.support.ledger import signed_ledger
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

REVIEW = {"reviewed_on": "2026-01-31", "outcome": "keep", "note": "Contacts updated."}
SETTING = {"years": 7, "basis": "County schedule CS-17; have counsel review"}
HOLD = {"authority": "District court, case 26-CV-1", "reason": "Litigation about a joint operation."}
DISMISSED = {"authority": "District court, case 26-CV-1", "reason": "Dismissed."}


@pytest.fixture
async def signed(service: Service, cast: Cast) -> dict[str, Any]:
    """An agreement of two parties, with nothing public in it, that ended last year."""
    return await sign_agreement(
        service, cast.assisting, cast.requesting, provisions=[], effective_on="2024-01-01", expires_on="2025-12-31"
    )


def path_of(found: dict[str, Any], verb: str) -> str:
    return f"/v1/agreements/{found['id']}/{verb}"


VERBS: dict[str, dict[str, Any]] = {
    "complete-review": REVIEW,
    "set-retention": SETTING,
    "place-hold": HOLD,
    "lift-hold": {**DISMISSED, "hold_id": str(uuid4())},
}
CUSTODIANS = ("complete-review",)


# The schedules.


def test_the_longest_counts_of_the_custodians_schedule_and_what_is_asked_for() -> None:
    def kept(state: str | None, kind: str, years: int | None = None, *, all_said: bool = True) -> Keeping | None:
        asked = None if years is None else Keeping(years=years, citation="a resolution")
        return keeping(AgreementKind.MOU, state, kind, asked, all_said=all_said)

    texan = kept("TX", "county")
    assert texan is not None
    assert texan.citation is not None
    assert (texan.years, "GR1000-25" in texan.citation, "have counsel review" in texan.citation) == (4, True, True)
    assert kept("TX", "county", 9, all_said=False) == Keeping(years=9, citation="a resolution")
    assert kept("TX", "county", 3) == texan, "nobody asks it below the schedule"
    assert kept("TX", "state_police") is None, "the schedule is for local governments"
    assert kept("MN", "county") is None
    assert kept(None, "federal", 0) == Keeping(years=0, citation="a resolution")
    assert kept(None, "federal", 0, all_said=False) is None, "one alone does not say how short it is for the others"


# Who may.


@pytest.mark.parametrize("verb", VERBS)
async def test_looking_after_an_agreement_is_for_its_legal_staff(
    service: Service, cast: Cast, signed: dict[str, Any], verb: str
) -> None:
    path, body = path_of(signed, verb), VERBS[verb]
    assert_problem(await service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await cast.assisting.coordinator.post(path, body), 403, "forbidden")
    assert_problem(await cast.stranger.legal.post(path, body), 404, "not_found")
    assert_problem(await service.operator.post(path, body), 403, "forbidden")
    if verb in CUSTODIANS:
        assert_problem(await cast.requesting.legal.post(path, body), 403, "forbidden")
    assert_problem(await cast.assisting.legal.post(path_of({"id": uuid4()}, verb), body), 404)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_malformed_body_or_a_stale_tag_is_refused(cast: Cast, signed: dict[str, Any], verb: str) -> None:
    path = path_of(signed, verb)
    assert_problem(await cast.assisting.legal.post(path, {}), 400)
    assert_problem(await cast.assisting.legal.post(path, {**VERBS[verb], "by": "x"}), 400, "unknown_field")
    stale = await cast.assisting.legal.post(path, VERBS[verb], if_match='"99-00000000"')
    assert_problem(stale, 412, "stale_version")


@pytest.mark.parametrize("verb", ["complete-review", "set-retention", "place-hold"])
async def test_a_repeat_with_one_key_has_one_effect(cast: Cast, signed: dict[str, Any], verb: str) -> None:
    path = path_of(signed, verb)
    first, again = [await cast.assisting.legal.post(path, VERBS[verb], key=f"{verb}-1") for _ in range(2)]
    assert first.is_success
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    if first.status_code == 201:
        read = await cast.requesting.legal.get(first.headers["location"])
        assert (read.json(), read.headers["etag"]) == (first.json(), first.headers["etag"])
    else:
        tag = (await cast.assisting.legal.get(f"/v1/agreements/{signed['id']}")).headers["etag"]
        assert tag.partition("-")[0] == first.headers["etag"].partition("-")[0], "one change, one version"


async def test_reading_is_for_the_parties(service: Service, cast: Cast) -> None:
    public = [{"number": "1", "heading": "purpose", "text": "Open.", "sensitivity": "public"}]
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=public)
    for name in ("retention", "periodic-reviews"):
        assert (await cast.requesting.coordinator.get(path_of(found, name))).status_code == 200
        assert_problem(await cast.stranger.legal.get(path_of(found, name)), 403, "forbidden")
        assert_problem(await cast.stranger.legal.get(path_of({"id": uuid4()}, name)), 404)


# Reviews.


async def test_a_completed_review_moves_the_next(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, effective_on="2025-01-01")
    await settle(service, found, review_every_months=36)
    page = await cast.requesting.legal.done("GET", path_of(found, "periodic-reviews"))
    assert (page["items"], page["every_months"], page["next_due_on"]) == ([], 36, "2028-01-01")
    made = await cast.assisting.legal.done("POST", path_of(found, "complete-review"), REVIEW)
    assert (made["reviewed_on"], made["outcome"]) == ("2026-01-31", "keep")
    assert (await by_kind(cast.requesting, found))["review"]["due_on"] == "2029-01-31"
    late = {"reviewed_on": "2025-06-15", "outcome": "amend"}
    await cast.assisting.legal.done("POST", path_of(found, "complete-review"), late)
    page = await cast.requesting.legal.done("GET", path_of(found, "periodic-reviews"))
    assert page["next_due_on"] == "2029-01-31", "one from before, entered late, moves nothing back"
    assert [each["reviewed_on"] for each in page["items"]] == ["2025-06-15", "2026-01-31"]


@pytest.mark.parametrize("day", ["2150-01-01", "2023-12-31"])
async def test_a_review_is_held_between_the_effective_date_and_today(
    cast: Cast, signed: dict[str, Any], day: str
) -> None:
    body = {**REVIEW, "reviewed_on": day}
    problem = assert_problem(await cast.assisting.legal.post(path_of(signed, "complete-review"), body), 422, "not_then")
    assert problem["errors"][0]["pointer"] == "/reviewed_on"


async def test_a_draft_is_not_reviewed_periodically(cast: Cast) -> None:
    made = await cast.assisting.legal.done("POST", "/v1/agreements", agreement_body(cast.assisting, cast.requesting))
    answer = await cast.assisting.legal.post(path_of(made, "complete-review"), REVIEW)
    assert_problem(answer, 409, "wrong_status")


async def test_a_review_that_lets_it_end_concludes_a_lapsed_agreement(service: Service, cast: Cast) -> None:
    signed = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(-30))
    assert (await by_kind(cast.requesting, signed))["expiry"]["status"] == "overdue"
    await cast.assisting.legal.done("POST", path_of(signed, "complete-review"), {**REVIEW, "outcome": "terminate"})
    assert (await by_kind(cast.requesting, signed))["expiry"]["status"] == "met"


# Retention and holds.


async def test_retention_is_by_the_schedule_of_the_custodians_state(service: Service, cast: Cast) -> None:
    austin = await make_agency(service, "Hill", "TX")
    found = await sign_agreement(service, austin, cast.requesting, expires_on="2026-06-30")
    kept = await cast.requesting.legal.done("GET", path_of(found, "retention"))
    assert (kept["ended_on"], kept["years"], kept["kept_until"]) == ("2026-06-30", 4, "2030-06-30")
    assert "GR1000-25" in kept["basis"]
    deadline = (await by_kind(cast.requesting, found))["retention_end"]
    assert (deadline["due_on"], deadline["basis"]["citation"]) == ("2030-06-30", kept["basis"])


async def test_without_a_schedule_the_record_is_kept_until_all_have_said_how_long(
    cast: Cast, signed: dict[str, Any]
) -> None:
    one, other, path = cast.assisting.legal, cast.requesting.legal, path_of(signed, "set-retention")
    before = await other.done("GET", path_of(signed, "retention"))
    assert (before["kept_until"], before["years"], before["asked"]) == (None, None, [])
    assert "No schedule is known" in before["why"]
    alone = await one.done("POST", path, {**SETTING, "years": 0})
    assert (alone["kept_until"], [each["years"] for each in alone["asked"]]) == (None, [0])
    after = await other.done("POST", path, SETTING)
    assert (after["kept_until"], after["basis"]) == ("2032-12-31", SETTING["basis"])
    assert [(each["agency"], each["years"]) for each in after["asked"]] == [
        (cast.requesting.reference, 7),
        (cast.assisting.reference, 0),
    ]
    assert (await by_kind(cast.assisting, signed))["retention_end"]["due_on"] == "2032-12-31"
    shorter = await other.done("POST", path, {**SETTING, "years": 1})
    assert (shorter["years"], shorter["kept_until"]) == (1, "2026-12-31"), "each has said its own by now"
    unset = {**SETTING, "years": None}
    assert (await one.done("POST", path, unset))["years"] is None


async def test_nobody_shortens_what_another_relies_on_before_that_one_has_said_its_own(
    service: Service, cast: Cast
) -> None:
    austin = await make_agency(service, "Hill", "TX")
    found = await sign_agreement(service, austin, cast.requesting, expires_on="2026-06-30")
    one, other, path = austin.legal, cast.requesting.legal, path_of(found, "set-retention")
    assert (await one.done("POST", path, {**SETTING, "years": 1}))["years"] == 4, "not below the schedule"
    assert (await one.done("POST", path, {**SETTING, "years": 10}))["kept_until"] == "2036-06-30"
    for years in (5, None):
        refused = assert_problem(await one.post(path, {**SETTING, "years": years}), 409, "retention_relied_on")
        assert cast.requesting.name in refused["detail"]
    assert (await other.done("GET", path_of(found, "retention")))["years"] == 10, "nothing was changed"
    assert (await other.done("POST", path, {**SETTING, "years": 6}))["years"] == 10
    assert (await one.done("POST", path, {**SETTING, "years": None}))["years"] == 6, "what the other asks for stays"
    told = await cast.requesting.auditor.done("GET", f"/v1/agreements/{found['id']}/history?sort=version")
    heard = [each["data"] for each in told["items"] if each["type"] == "agreement.retention_set"]
    assert [(each["years"], each["kept_years"]) for each in heard] == [(1, 4), (10, 10), (6, 10), (None, 6)]


async def test_who_was_let_in_and_is_not_bound_asks_for_nothing(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
    offered = await cast.assisting.legal.done("POST", path_of(found, "add-parties"), new)
    await cast.requesting.legal.done("POST", path_of(found, f"proposals/{offered['proposals'][0]['id']}/consent"))
    assert_problem(await cast.neighbour.legal.post(path_of(found, "set-retention"), SETTING), 403, "forbidden")


async def test_what_has_no_end_has_no_end_of_retention(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    kept = await cast.assisting.legal.done("POST", path_of(found, "set-retention"), SETTING)
    assert (kept["ended_on"], kept["kept_until"]) == (None, None)
    assert "no end yet" in kept["why"]


async def test_a_hold_stops_retention_until_the_last_one_is_lifted(cast: Cast, signed: dict[str, Any]) -> None:
    for each in (cast.assisting, cast.requesting):
        await each.legal.done("POST", path_of(signed, "set-retention"), SETTING)
    await cast.assisting.legal.done("POST", path_of(signed, "place-hold"), HOLD)
    theirs = {"authority": "Records request 26-11", "reason": "Pending."}
    held = await cast.requesting.legal.done("POST", path_of(signed, "place-hold"), theirs)
    assert held["kept_until"] is None
    assert HOLD["authority"] in held["why"]
    assert "retention_end" not in await by_kind(cast.assisting, signed)
    first, second = held["holds"]
    assert (second["agency"], second["lifted_at"]) == (cast.requesting.reference, None)

    not_theirs = {**DISMISSED, "hold_id": first["id"]}
    assert_problem(await cast.requesting.legal.post(path_of(signed, "lift-hold"), not_theirs), 403, "forbidden")
    custodians = {**DISMISSED, "hold_id": second["id"]}
    assert_problem(await cast.assisting.legal.post(path_of(signed, "lift-hold"), custodians), 403, "forbidden")
    one_left = await cast.assisting.legal.done("POST", path_of(signed, "lift-hold"), not_theirs)
    assert one_left["kept_until"] is None
    assert theirs["authority"] in one_left["why"]
    own = {**DISMISSED, "hold_id": second["id"]}
    lifted = await cast.requesting.legal.done("POST", path_of(signed, "lift-hold"), own)
    assert lifted["kept_until"] == "2032-12-31"
    assert [hold["lifted_reason"] for hold in lifted["holds"]] == ["Dismissed."] * 2
    assert_problem(await cast.requesting.legal.post(path_of(signed, "lift-hold"), own), 409, "wrong_status")


async def test_a_hold_is_known_by_its_agreement(service: Service, cast: Cast, signed: dict[str, Any]) -> None:
    other = await sign_agreement(service, cast.assisting, cast.neighbour)
    placed = await cast.assisting.legal.done("POST", path_of(other, "place-hold"), HOLD)
    body = {**DISMISSED, "hold_id": placed["holds"][0]["id"]}
    problem = assert_problem(await cast.assisting.legal.post(path_of(signed, "lift-hold"), body), 422, "unknown_hold")
    assert problem["errors"][0]["pointer"] == "/hold_id"


async def test_what_is_under_a_hold_stays_in_the_ledger(service: Service, cast: Cast, signed: dict[str, Any]) -> None:
    history = await cast.assisting.auditor.done("GET", path_of(signed, "history?limit=1"))
    await signed_ledger(service)
    proof = await cast.assisting.auditor.done("GET", f"/v1/ledger/events/{history['items'][0]['id']}/proof")
    places = (proof["seq"], proof["seq"] + 1)

    async def why() -> str | None:
        async with unit_of_work(service.database) as write:
            return await hold_among_events(write, *places)

    assert await why() is None
    placed = await cast.requesting.legal.done("POST", path_of(signed, "place-hold"), HOLD)
    assert await why() == "an agreement that they tell of is under a legal hold (District court, case 26-CV-1)"
    lifting = {**DISMISSED, "hold_id": placed["holds"][0]["id"]}
    await cast.requesting.legal.done("POST", path_of(signed, "lift-hold"), lifting)
    assert await why() is None


async def test_two_who_lift_one_hold_at_once_lift_it_once(cast: Cast, signed: dict[str, Any]) -> None:
    for _ in range(4):
        placed = await cast.requesting.legal.done("POST", path_of(signed, "place-hold"), HOLD)
        body = {**DISMISSED, "hold_id": placed["holds"][-1]["id"]}
        answers = await asyncio.gather(
            *(
                each.post(path_of(signed, "lift-hold"), body)
                for each in (cast.requesting.legal, cast.requesting.counsel)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_what_may_be_done_is_offered(cast: Cast, signed: dict[str, Any]) -> None:
    async def offered(reader: Agency) -> dict[str, bool]:
        kept = await reader.legal.done("GET", path_of(signed, "retention"))
        return {each["action"]: each["allowed"] for each in kept["allowed_actions"]}

    assert await offered(cast.requesting) == {"set_retention": True, "place_hold": True, "lift_hold": False}
    await cast.requesting.legal.done("POST", path_of(signed, "place-hold"), HOLD)
    assert await offered(cast.assisting) == {
        "set_retention": True,
        "complete_review": True,
        "place_hold": True,
        "lift_hold": False,
    }
    assert (await offered(cast.requesting))["lift_hold"], "only who placed it"


async def test_every_step_is_in_the_agreements_history(cast: Cast, signed: dict[str, Any]) -> None:
    await cast.assisting.legal.done("POST", path_of(signed, "complete-review"), REVIEW)
    await cast.assisting.legal.done("POST", path_of(signed, "set-retention"), SETTING)
    held = await cast.assisting.legal.done("POST", path_of(signed, "place-hold"), HOLD)
    lifting = {**DISMISSED, "hold_id": held["holds"][0]["id"]}
    await cast.assisting.legal.done("POST", path_of(signed, "lift-hold"), lifting)
    page = await cast.requesting.auditor.done("GET", f"/v1/agreements/{signed['id']}/history?sort=version")
    names = [f"agreement.{name}" for name in ("review_completed", "retention_set", "hold_placed", "hold_lifted")]
    assert {*names} <= {event["type"] for event in page["items"]}
