"""Whether something may be lent and whether it can be had are two answers, and both stand on a line."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from registry.platform.kernel.time import Window
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, Agency, Cast
from tests.support.loans import CONDITION, Partners, make_loan, make_overdue_loan, make_partners, step
from tests.support.personnel import enter_person
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.requests import line_for, make_request, submitted

HOUR = timedelta(hours=1)
FREE = {"available": True, "blocking": []}


def text(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def during(window: Window) -> dict[str, str]:
    return {"start": text(window.start), "end": text(window.end)}


async def what_if(agency: Agency, asset: dict[str, Any], window: Window, quantity: int = 1) -> dict[str, Any]:
    """The answer about what is not stored."""
    question = {"asset_id": asset["id"], "window": during(window), "purpose": "mutual_aid", "quantity": quantity}
    found: dict[str, Any] = await agency.coordinator.done("POST", "/v1/policy-evaluations", question)
    return found


async def asked(partners: Partners, asset: dict[str, Any], window: Window, quantity: int = 1) -> dict[str, Any]:
    """The one line of a request, once it is submitted."""
    found = await submitted(partners.requesting, asset, lines=[line_for(asset, window=window, quantity=quantity)])
    line: dict[str, Any] = found["lines"][0]
    return line


async def test_what_is_lent_already_is_permitted_and_cannot_be_had(cast: Cast) -> None:
    partners, window = await make_partners(cast), window_of(hours=8)
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset, window=window)
    part = Window(start=window.start + HOUR, end=window.end - HOUR)
    line, answer = await asked(partners, asset, part), await what_if(partners.requesting, asset, part)
    assert (line["status"], answer["decision"]["outcome"]) == ("permitted", "permitted")
    for found in (line["availability"], answer["availability"]):
        assert (found["available"], found["free_quantity"]) == (False, 0)
        whole = {"start": loan["starts_at"], "end": loan["planned_end_at"]}
        assert found["blocking"] == [{"reason": "loan", "window": whole}], "all of it, not the overlap"
        assert found["next_free"] == text(window.end)
    assert str(cast.stranger.id) not in str(answer), "who has it is not said"


async def test_what_is_free_says_so_until_somebody_has_it(cast: Cast) -> None:
    partners, window = await make_partners(cast), window_of()
    asset = await make_asset(partners.assisting)
    found = await make_request(partners.requesting, asset, lines=[line_for(asset, window=window)])
    path, asker = f"/v1/requests/{found['id']}", partners.requesting.coordinator
    before = await asker.get(path)
    assert before.json()["lines"][0]["availability"] == {**FREE, "free_quantity": 1, "next_free": text(window.start)}
    await make_loan(partners, asset=asset, window=window)
    after = await asker.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["lines"][0]["availability"]["available"]) == (200, False)


async def test_two_lines_for_the_same_cannot_both_be_had(cast: Cast) -> None:
    partners, window = await make_partners(cast), window_of()
    dog, kits = await make_asset(partners.assisting), await make_asset(partners.assisting, capacity=40)
    later = Window(start=window.end, end=window.end + HOUR)
    bodies = [
        *(line_for(dog, window=each) for each in (window, window, later)),
        *(line_for(kits, window=window, quantity=each) for each in (30, 10, 1)),
    ]
    found = await submitted(partners.requesting, {}, lines=bodies)
    assert {line["status"] for line in found["lines"]} == {"permitted"}
    shown = [line["availability"] for line in found["lines"]]
    assert [each["available"] for each in shown] == [True, False, True, True, True, False]
    assert [each["free_quantity"] for each in shown] == [1, 0, 1, 40, 10, 0]
    assert shown[1]["blocking"] == [{"reason": "other_line", "window": during(window)}]
    path = f"/v1/requests/{found['id']}/lines/{found['lines'][0]['id']}/withdraw"
    mended = await partners.requesting.coordinator.done("POST", path, {"reason": "one will do (demo)"})
    assert [line["availability"] and line["availability"]["available"] for line in mended["lines"]][:2] == [None, True]


async def test_a_line_that_a_loan_answers_or_that_has_ended_says_nothing(cast: Cast) -> None:
    partners = await make_partners(cast)
    bodies = [line_for(await make_asset(partners.assisting)) for _ in range(2)]
    found = await submitted(partners.requesting, {}, lines=bodies)
    await partners.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": found["lines"][0]["decision"]["id"]})
    for side in (partners.requesting, partners.assisting):
        lines = (await side.coordinator.done("GET", f"/v1/requests/{found['id']}"))["lines"]
        assert [line["availability"] is None for line in lines] == [True, False]
    ended = await partners.requesting.coordinator.done(
        "POST", f"/v1/requests/{found['id']}/lines/{found['lines'][1]['id']}/withdraw", {"reason": "solved (demo)"}
    )
    assert ended["lines"][1]["availability"] is None


async def team_of(owner: Agency, window: Window) -> tuple[dict[str, Any], dict[str, Any]]:
    """A dog, and its only handler."""
    dog, handler = await make_asset(owner, certifications=[]), await enter_person(owner)
    body = {
        "discipline": "k9.narcotics",
        "issuer": "NPCA",
        "number": f"DEMO-{uuid4().hex[:6]}",
        "issued_on": "2026-01-15",
        "expires_on": str(LONG_AHEAD),
        "handler_id": handler["id"],
    }
    await owner.admin.done("POST", f"/v1/assets/{dog['id']}/certificates", body)
    return dog, handler


async def test_it_is_what_the_catalogue_and_a_reservation_say(cast: Cast) -> None:
    """For whatever may stand in the way: each case is asked three times, and has one answer."""
    partners, window = await make_partners(cast), window_of()
    owner, asker = partners.assisting, partners.requesting.coordinator
    lame = await make_asset(owner)
    await owner.coordinator.done("POST", f"/v1/assets/{lame['id']}/take-out-of-service", {"reason": "lame (demo)"})
    serviced = await make_asset(owner, capacity=3)
    body = {"kind": "maintenance", "window": during(window), "reason": "yearly (demo)", "quantity": 2}
    await owner.coordinator.done("POST", f"/v1/assets/{serviced['id']}/unavailability", body)
    dog, handler = await team_of(owner, window)
    await owner.coordinator.done(
        "POST", f"/v1/personnel/{handler['id']}/place-on-leave", {"reason": "annual leave (demo)"}
    )
    ready = await team_of(owner, window)
    slow = await make_asset(owner, turnaround_minutes=600)
    after = Window(start=window.end + HOUR, end=window.end + 2 * HOUR)
    await make_loan(partners, asset=slow, window=after)
    slots = await make_asset(owner, category="lab.dna", capacity=2, type_level=None, certifications=[])
    await make_loan(partners, asset=slots, window=window, quantity=2)
    post = await make_asset(owner, category="vehicle.patrol", type_level=None, certifications=[])
    kept = {"category": "vehicle.patrol", "quantity": 1, "effective_on": "2020-01-01", "reason": "For calls (demo)."}
    await owner.coordinator.done("POST", "/v1/reserve-minimums", kept)
    cases: list[tuple[dict[str, Any], int, set[str]]] = [
        (lame, 1, {"out_of_service"}),
        (serviced, 2, {"maintenance"}),
        (serviced, 1, set()),
        (dog, 1, {"handler"}),
        (ready[0], 1, set()),
        (slow, 1, {"loan", "turnaround"}),
        (slots, 1, {"loan"}),
        (post, 1, {"held_back"}),
    ]
    for asset, quantity, reasons in cases:
        line = await asked(partners, asset, window, quantity)
        found = line["availability"]
        assert {each["reason"] for each in found["blocking"]} == reasons, asset["name"]
        query = f"from={text(window.start)}&to={text(window.end)}&quantity={quantity}"
        shown = await asker.done("GET", f"/v1/assets/{asset['id']}/availability?{query}")
        assert (found["free_quantity"], found["next_free"]) == (shown["free_quantity"], shown["next_free"]), shown
        if line["status"] != "permitted":
            continue
        loan = await owner.coordinator.post("/v1/loans", {"decision_id": line["decision"]["id"]})
        assert loan.is_success == found["available"], loan.text


async def test_what_is_late_blocks_without_end(cast: Cast) -> None:
    partners = await make_partners(cast)
    asset = await make_asset(partners.assisting)
    await make_overdue_loan(partners, asset)
    found = (await what_if(partners.requesting, asset, window_of()))["availability"]
    (late,) = found["blocking"]
    assert (found["next_free"], late["reason"], late["window"]["end"]) == (None, "overdue", None)


async def test_what_is_damaged_until_further_notice_is_free_at_no_known_time(cast: Cast) -> None:
    partners, window = await make_partners(cast), window_of()
    boat = await make_asset(partners.assisting)
    loan = await make_loan(partners, "dispatched", asset=boat)
    await step(partners.assisting, loan, "return", {**CONDITION, "grade": "damaged"})
    line, answer = await asked(partners, boat, window), await what_if(partners.requesting, boat, window)
    for found in (line["availability"], answer["availability"]):
        (damage,) = found["blocking"]
        assert (found["next_free"], damage["reason"], damage["window"]["end"]) == (None, "damage", None)
    query = f"from={text(window.start)}&to={text(window.end)}"
    shown = await partners.requesting.coordinator.done("GET", f"/v1/assets/{boat['id']}/availability?{query}")
    assert shown["next_free"] is None
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": line["decision"]["id"]})
    assert "2200" not in str(assert_problem(refused, 409))
