"""Packages are reserved whole or not at all, by all that holds for each of their assets, and cancelled as one."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from registry.platform.access.principals import Role
from registry.platform.kernel.time import format_instant
from registry.sharing.loans.rules import LoanStatus, whole_cancellation_refusal
from tests.support.assets import make_asset
from tests.support.cases import every_case
from tests.support.cast import LONG_AHEAD
from tests.support.loans import REASON, Partners, make_loan, step, under_way
from tests.support.packages import asked_whole, decided_on, make_package, reserve_whole
from tests.support.personnel import enter_person
from tests.support.policy import answer_decision, make_decision, window_of
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, make_request

BOAT: dict[str, Any] = {"category": "vessel.dive_boat", "type_level": None, "certifications": []}
KIT: dict[str, Any] = {"category": "equipment", "type_level": None, "certifications": [], "capacity": 6}


async def dive_team(partners: Partners) -> dict[str, Any]:
    """A package of a boat and four of six kits."""
    boat = await make_asset(partners.assisting, name="River boat", **BOAT)
    kits = await make_asset(partners.assisting, name="Diver's kit", **KIT)
    return await make_package(partners.assisting, boat, kits, quantities=(1, 4))


async def loans_of(partners: Partners, package: dict[str, Any]) -> list[dict[str, Any]]:
    """Every loan of the package's assets, whatever has become of it."""
    found = []
    for member in package["members"]:
        path = f"/v1/loans?asset_id={member['asset_id']}"
        found += (await partners.assisting.coordinator.done("GET", path))["items"]
    return found


def names(problem: dict[str, Any]) -> dict[str, str]:
    """The assets that a refusal names, with the code of each."""
    return {each["name"]: each["code"] for each in problem["blocked"]}


async def test_a_package_is_asked_for_and_reserved_as_one_and_each_loan_says_with_what(partners: Partners) -> None:
    owner, partner = partners.assisting, partners.requesting
    team = await dive_team(partners)
    lines = [line_for({"id": each["asset_id"]}, quantity=each["quantity"]) for each in team["members"]]
    asked = await act(partner.coordinator, await make_request(partner, {}, lines=lines), "submit", {})
    body = {"decision_ids": [line["decision"]["id"] for line in asked["lines"]][::-1]}
    answer = await owner.coordinator.post(f"/v1/packages/{team['id']}/reserve", body)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/package-reservations/{made['id']}"
    assert made["package"] == {"id": team["id"], "name": team["name"]}
    assert [(each["asset"]["id"], each["quantity"], each["status"]) for each in made["loans"]] == [
        (each["asset_id"], each["quantity"], "reserved") for each in team["members"]
    ]
    assert {each["reservation_id"] for each in made["loans"]} == {made["id"]}
    assert made["version"] == 2
    for agency in (owner, partner):
        seen = await agency.coordinator.done("GET", f"/v1/package-reservations/{made['id']}")
        assert seen == made, "both sides see the same, and may cancel"
        loans = await agency.coordinator.done("GET", f"/v1/loans?reservation_id={made['id']}")
        assert len(loans["items"]) == 2
    loan = await partner.coordinator.done("GET", f"/v1/loans/{made['loans'][0]['id']}")
    assert loan["reservation_id"] == made["id"]
    line = (await partner.coordinator.done("GET", f"/v1/requests/{asked['id']}"))["lines"][0]
    assert line["status"] == "reserved"
    alone = await make_loan(partners)
    assert alone["reservation_id"] is None
    etag = (await partner.coordinator.get(f"/v1/package-reservations/{made['id']}")).headers["etag"]
    again = await partner.coordinator.get(f"/v1/package-reservations/{made['id']}", headers={"if-none-match": etag})
    assert again.status_code == 304


async def test_one_asset_that_is_not_free_keeps_all_and_every_one_that_blocks_is_named(partners: Partners) -> None:
    owner = partners.assisting
    team = await dive_team(partners)
    boat, kits = (each["asset_id"] for each in team["members"])
    window = under_way()
    held = await make_loan(partners, asset={"id": kits}, quantity=3, window=window)
    problem = assert_problem(await asked_whole(partners, team, window=window), 409, "package_blocked")
    assert names(problem) == {"Diver's kit": "asset_not_free"}
    assert problem["blocked"][0]["blocking"]["start"]
    assert "Diver's kit" in problem["detail"]
    assert [each["id"] for each in await loans_of(partners, team)] == [held["id"]], "nothing of it was reserved"
    await owner.coordinator.done("POST", f"/v1/assets/{boat}/take-out-of-service", REASON)
    offered = await owner.coordinator.done("GET", f"/v1/packages/{team['id']}")
    reserve = next(each for each in offered["allowed_actions"] if each["action"] == "reserve")
    assert (reserve["allowed"], "River boat" in reserve["reason"]) == (False, True)
    problem = assert_problem(await asked_whole(partners, team, window=window), 409, "package_blocked")
    assert names(problem).keys() == {"River boat", "Diver's kit"}
    await owner.coordinator.done("POST", f"/v1/assets/{boat}/return-to-service", REASON)
    await step(owner, held, "cancel")
    assert (await asked_whole(partners, team, window=window)).status_code == 201
    problem = assert_problem(await asked_whole(partners, team, window=window), 409, "package_blocked")
    assert names(problem) == {"River boat": "asset_not_free", "Diver's kit": "asset_not_free"}


async def test_each_is_decided_again_approved_by_another_person_and_lent_once_for_its_decision(
    partners: Partners,
) -> None:
    owner = partners.assisting
    surplus = await make_asset(owner, name="Surplus boat", **BOAT, funding=["leso_1033"])
    kits = await make_asset(owner, name="Diver's kit", **KIT)
    team = await make_package(owner, surplus, kits, quantities=(1, 4))
    path = f"/v1/packages/{team['id']}/reserve"
    body = {"decision_ids": await decided_on(partners.requesting, team)}
    waiting = assert_problem(await owner.coordinator.post(path, body), 409, "package_blocked")
    assert names(waiting) == {"Surplus boat": "decision_not_satisfied"}
    assert waiting["blocked"][0]["approvals_missing"]
    await answer_decision(owner, UUID(body["decision_ids"][0]))
    approved = await owner.approver.post(path, body)
    assert names(assert_problem(approved, 409, "package_blocked")) == {"Surplus boat": "separation_of_duties"}
    assert (await owner.coordinator.post(path, body)).status_code == 201
    twice = assert_problem(await owner.coordinator.post(path, body), 409, "package_blocked")
    assert names(twice) == {"Surplus boat": "already_reserved", "Diver's kit": "already_reserved"}
    other = await dive_team(partners)
    body = {"decision_ids": await decided_on(partners.requesting, other)}
    await owner.legal.done("POST", f"/v1/agreements/{partners.agreement['id']}/suspend", REASON)
    ended = await owner.coordinator.post(f"/v1/packages/{other['id']}/reserve", body)
    assert set(names(assert_problem(ended, 409, "package_blocked")).values()) == {"decision_worsened"}


async def test_the_decisions_are_one_on_each_asset_for_one_agency_and_one_window(partners: Partners) -> None:
    owner, asking = partners.assisting, partners.requesting
    team = await dive_team(partners)
    boat, kits = team["members"]
    window = under_way()
    one, two = await decided_on(asking, team, window=window)
    later = await decided_on(asking, team, window=window_of())
    few = await make_decision(asking, {"id": kits["asset_id"]}, quantity=3, window=window)
    foreign = await make_decision(asking, await make_asset(owner), window=window)
    cases: dict[str, tuple[list[str], int, str, str | None]] = {
        "one asset only": ([one], 422, "package_incomplete", None),
        "one twice": ([one, two, one], 422, "decision_not_of_package", "/decision_ids/2"),
        "an asset of none": ([one, str(foreign.id)], 422, "decision_not_of_package", "/decision_ids/1"),
        "two windows": ([one, later[1]], 422, "decisions_differ", "/decision_ids/1"),
        "nobody's": ([one, str(uuid4())], 422, "unknown_decision", "/decision_ids/1"),
        "none": ([], 400, "invalid_body", "/decision_ids"),
        "no id": (["x"], 400, "invalid_body", "/decision_ids/0"),
    }
    path = f"/v1/packages/{team['id']}/reserve"
    with every_case() as case:
        for name, (decision_ids, status, code, pointer) in cases.items():
            with case(name):
                refused = await owner.coordinator.post(path, {"decision_ids": decision_ids})
                problem = assert_problem(refused, status, code)
                assert [each.get("pointer") for each in problem.get("errors", [])] == [pointer] if pointer else True
                if code == "package_incomplete":
                    assert problem["missing"] == [{"asset_id": kits["asset_id"], "name": "Diver's kit"}]
    fewer = await owner.coordinator.post(path, {"decision_ids": [one, str(few.id)]})
    problem = assert_problem(fewer, 409, "package_blocked")
    assert names(problem) == {"Diver's kit": "quantity_over_decision"}, "four belong to it, and three were asked for"
    assert await loans_of(partners, team) == []
    assert boat["name"] == "River boat"


async def test_who_may_reserve_a_package_and_that_it_is_done_once(partners: Partners) -> None:
    owner, partner = partners.assisting, partners.requesting
    team = await dive_team(partners)
    path, body = f"/v1/packages/{team['id']}/reserve", {"decision_ids": await decided_on(partner, team)}
    for who, status in (
        (owner.service.anonymous, 401),
        (owner.auditor, 403),
        (owner.as_(Role.COORDINATOR, scope="packages:*"), 403),
        (partner.coordinator, 403),
        (partners.stranger.coordinator, 404),
    ):
        assert_problem(await who.post(path, body), status)
    assert_problem(await owner.coordinator.post(path, body, if_match='"7-00000000"'), 412, "stale_version")
    key = f"whole-{uuid4()}"
    first = await owner.machine.post(path, body, key=key)
    again = await owner.machine.post(path, body, key=key)
    assert (first.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await loans_of(partners, team)) == 2
    made = f"/v1/package-reservations/{first.json()['id']}"
    for who, status in ((owner.service.anonymous, 401), (partners.stranger.coordinator, 404)):
        assert_problem(await who.get(made), status)
        assert_problem(await who.post(f"{made}/cancel", REASON), status)
    assert_problem(await partner.auditor.post(f"{made}/cancel", REASON), 403, "forbidden")
    retired = await dive_team(partners)
    decisions = {"decision_ids": await decided_on(partner, retired)}
    await owner.coordinator.done("POST", f"/v1/packages/{retired['id']}/retire", REASON)
    gone = await owner.coordinator.post(f"/v1/packages/{retired['id']}/reserve", decisions)
    assert_problem(gone, 409, "wrong_status")


async def test_all_of_it_is_cancelled_at_once_while_nothing_is_out(partners: Partners) -> None:
    owner, partner = partners.assisting, partners.requesting
    team = await dive_team(partners)
    made = await reserve_whole(partners, team)
    path = f"/v1/package-reservations/{made['id']}"
    etag = (await partner.coordinator.get(path)).headers["etag"]
    boat, kits = made["loans"]
    await step(owner, boat, "cancel")
    stale = await partner.coordinator.post(f"{path}/cancel", REASON, if_match=etag)
    assert_problem(stale, 412, "stale_version")
    assert_problem(await partner.coordinator.post(f"{path}/cancel", {}), 400, "invalid_body")
    key = f"cancel-{uuid4()}"
    first = await partner.coordinator.post(f"{path}/cancel", REASON, key=key)
    again = await partner.coordinator.post(f"{path}/cancel", REASON, key=key)
    assert (first.status_code, again.content) == (200, first.content)
    assert {each["status"] for each in first.json()["loans"]} == {"cancelled"}
    assert first.json()["allowed_actions"][0]["allowed"] is False
    assert_problem(await partner.coordinator.post(f"{path}/cancel", REASON), 409, "wrong_status")
    second = await reserve_whole(partners, team)
    boat, kits = second["loans"]
    await step(owner, boat, "dispatch")
    path = f"/v1/package-reservations/{second['id']}"
    assert_problem(await owner.coordinator.post(f"{path}/cancel", REASON), 409, "wrong_status")
    assert (await step(partner, kits, "cancel"))["status"] == "cancelled", "each can still be cancelled alone"
    assert (await step(owner, boat, "return"))["status"] == "returned"


async def test_a_pair_of_dogs_leaves_with_a_handler_each(partners: Partners) -> None:
    """One handler knows both dogs and another only the second: the first is not taken for the second."""
    owner = partners.assisting
    both, one = [await enter_person(owner) for _ in range(2)]
    dogs = [await make_asset(owner, name=f"Dog {number}", certifications=[]) for number in range(2)]

    async def certify(dog: dict[str, Any], handler: dict[str, Any]) -> None:
        body = {
            "discipline": "k9.narcotics",
            "issuer": "NPCA",
            "number": f"DEMO-{uuid4().hex[:6]}",
            "issued_on": "2026-01-15",
            "expires_on": str(LONG_AHEAD),
            "handler_id": handler["id"],
        }
        await owner.admin.done("POST", f"/v1/assets/{dog['id']}/certificates", body)

    await certify(dogs[0], both)
    pair = await make_package(owner, *dogs)
    await certify(dogs[1], both)
    window = window_of()
    asked = f"from={format_instant(window.start)}&to={format_instant(window.end)}"
    path = f"/v1/packages/{pair['id']}/availability?{asked}"
    seen = await partners.requesting.coordinator.done("GET", path)
    assert (seen["free"], seen["next_free"]) == (False, None), "nobody is with two dogs"
    assert sorted(each["free_quantity"] for each in seen["members"]) == [0, 1]
    missing = assert_problem(await asked_whole(partners, pair, window=window), 409, "package_blocked")
    assert list(names(missing).values()) == ["personnel_not_free"]
    await certify(dogs[1], one)
    assert (await partners.requesting.coordinator.done("GET", path))["free"] is True
    made = await reserve_whole(partners, pair)
    handlers = [
        (await owner.coordinator.done("GET", f"/v1/loans/{each['id']}"))["handler_id"] for each in made["loans"]
    ]
    assert handlers == [both["id"], one["id"]]


@pytest.mark.parametrize(
    ("statuses", "refused"),
    [
        ([LoanStatus.RESERVED, LoanStatus.RESERVED], False),
        ([LoanStatus.RESERVED, LoanStatus.CANCELLED, LoanStatus.NO_SHOW], False),
        ([LoanStatus.RESERVED, LoanStatus.DISPATCHED], True),
        ([LoanStatus.RESERVED, LoanStatus.CLOSED], True),
        ([LoanStatus.CANCELLED, LoanStatus.CANCELLED], True),
    ],
)
def test_what_is_out_or_was_keeps_the_rest_from_being_cancelled_at_once(
    statuses: list[LoanStatus], refused: bool
) -> None:
    assert (whole_cancellation_refusal(statuses) is not None) is refused
