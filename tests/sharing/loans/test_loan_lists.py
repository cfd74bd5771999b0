"""Who sees which loans, and how they are found."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import Partners, make_loan, make_overdue_loan, make_partners, see, step, under_way
from tests.support.problems import assert_problem
from tests.support.requests import line_for, submitted


async def listed(partners: Partners, side: str, query: str = "") -> list[str]:
    page = await partners.side(side).coordinator.done("GET", f"/v1/loans?{query}" if query else "/v1/loans")
    return [item["id"] for item in page["items"]]


async def test_both_sides_see_a_loan_and_nobody_else_does(partners: Partners) -> None:
    loan = await make_loan(partners)
    path = f"/v1/loans/{loan['id']}"
    for agency in (partners.assisting, partners.requesting):
        for person in (agency.coordinator, agency.approver, agency.legal, agency.auditor, agency.admin, agency.machine):
            assert (await person.get(path)).status_code == 200
            assert [item["id"] for item in (await person.done("GET", "/v1/loans"))["items"]] == [loan["id"]]
    unseen = assert_problem(await partners.stranger.coordinator.get(path), 404, "not_found")
    absent = assert_problem(await partners.stranger.coordinator.get(f"/v1/loans/{uuid4()}"), 404, "not_found")
    assert unseen["detail"] == absent["detail"]
    assert (await partners.stranger.coordinator.done("GET", "/v1/loans"))["items"] == []
    assert_problem(await partners.assisting.service.operator.get(path), 403, "forbidden")
    assert_problem(await partners.assisting.service.anonymous.get("/v1/loans"), 401, "unauthenticated")


async def test_a_reader_is_offered_nothing(partners: Partners) -> None:
    loan = await make_loan(partners)
    seen = await partners.assisting.auditor.done("GET", f"/v1/loans/{loan['id']}")
    assert seen["allowed_actions"] == []


async def test_an_unchanged_loan_is_not_sent_again(partners: Partners) -> None:
    loan = await make_loan(partners)
    path, coordinator = f"/v1/loans/{loan['id']}", partners.requesting.coordinator
    etag = (await coordinator.get(path)).headers["etag"]
    assert (await coordinator.get(path, headers={"if-none-match": etag})).status_code == 304
    await step(partners.assisting, loan, "dispatch")
    assert (await coordinator.get(path, headers={"if-none-match": etag})).status_code == 200


async def test_loans_are_found_by_state_role_asset_agreement_and_id(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=5)
    reserved = await make_loan(partners, asset=asset)
    out = await make_loan(partners, "dispatched")
    closed = await make_loan(partners, "closed")
    both = Partners(
        assisting=partners.requesting,
        requesting=partners.assisting,
        stranger=partners.stranger,
        agreement=partners.agreement,
    )
    lent_back = await make_loan(both)
    everything = [each["id"] for each in (lent_back, closed, out, reserved)]
    assert await listed(partners, "requesting") == everything
    assert await listed(partners, "assisting") == everything
    assert await listed(partners, "requesting", "side=requesting") == everything[1:]
    assert await listed(partners, "requesting", "side=assisting") == [lent_back["id"]]
    assert await listed(partners, "assisting", "status=dispatched") == [out["id"]]
    assert await listed(partners, "assisting", f"asset_id={asset['id']}") == [reserved["id"]]
    assert await listed(partners, "assisting", f"agreement_id={partners.agreement['id']}") == everything
    assert await listed(partners, "assisting", f"agreement_id={uuid4()}") == []
    assert await listed(partners, "assisting", f"ids={closed['id']}&ids={uuid4()}&ids={out['id']}") == everything[1:3]
    assert await listed(partners, "assisting", f"side=assisting&status=closed&ids={closed['id']}") == [closed["id"]]


async def test_a_loan_names_the_request_and_the_line_that_it_answers(cast: Cast) -> None:
    partners = await make_partners(cast)
    first, second = [await make_asset(partners.assisting) for _ in range(2)]
    lines = [line_for(first, window=under_way()), line_for(second, window=under_way())]
    asked = await submitted(partners.requesting, first, lines=lines, incident_number="26-004711")
    decided = asked["lines"][1]["decision"]
    loan = await partners.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": decided["id"]})
    named = {"id": asked["id"], "line_no": 2, "incident_number": "26-004711"}
    assert loan["request"] == named
    assert loan["agreement"] == decided["agreement"]
    other = await make_loan(partners, asset=first)
    assert other["request"] is None, "this one was decided without a request"
    for query in ("incident_number=26-004711", f"request_id={asked['id']}", f"q={second['tag'].lower()}"):
        (found,) = (await partners.requesting.coordinator.done("GET", f"/v1/loans?{query}"))["items"]
        assert (found["id"], found["request"]) == (loan["id"], named), query
    for query in ("incident_number=26-0047", f"request_id={uuid4()}", "q=no+such+asset"):
        assert await listed(partners, "requesting", query) == [], query


async def test_loans_are_found_by_partner_window_and_what_lies_over_their_status(partners: Partners) -> None:
    window = under_way()
    waiting = await make_loan(partners, "on_scene", window=window)
    await step(partners.requesting, waiting, "request-extension")
    recalled = await make_loan(partners, "on_scene", window=window)
    await step(partners.assisting, recalled, "recall")
    plain = await make_loan(partners, window=window)
    end = plain["planned_end_at"]
    both, all_three = [waiting["id"]], [plain["id"], recalled["id"], waiting["id"]]
    for query, found in (
        (f"partner_id={partners.requesting.id}", all_three),
        (f"partner_id={partners.assisting.id}", []),
        ("extension_pending=true", both),
        ("extension_pending=false", [plain["id"], recalled["id"]]),
        ("recall_requested=true", [recalled["id"]]),
        ("recall_requested=false", [plain["id"], waiting["id"]]),
        ("status=reserved&status=on_scene", all_three),
        ("status=reserved&status=lost", [plain["id"]]),
        (f"window_to={end}", all_three),
        (f"window_from={end}", []),
        (f"window_to={plain['starts_at']}", []),
    ):
        assert await listed(partners, "assisting", query) == found, query
    assert await listed(partners, "requesting", f"partner_id={partners.assisting.id}") == all_three
    reversed_window = f"/v1/loans?window_from={end}&window_to={plain['starts_at']}"
    assert_problem(await partners.assisting.coordinator.get(reversed_window), 422, "range_reversed")


async def test_what_is_due_back_soonest_comes_first_where_it_is_asked_for(partners: Partners) -> None:
    late, soon = [await make_loan(partners, window=under_way(hours=hours)) for hours in (9, 5)]
    assert await listed(partners, "assisting", "sort=planned_end_at") == [soon["id"], late["id"]]
    assert await listed(partners, "assisting", "sort=-planned_end_at") == [late["id"], soon["id"]]


async def test_the_overdue_ones_are_found(partners: Partners) -> None:
    in_time = await make_loan(partners, "on_scene")
    overdue = await make_overdue_loan(partners, await make_asset(partners.assisting))
    assert await listed(partners, "requesting", "overdue=true") == [overdue["id"]]
    assert await listed(partners, "requesting", "overdue=false") == [in_time["id"]]


async def test_a_list_shows_what_lies_over_the_state(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await step(partners.requesting, loan, "request-extension")
    await step(partners.assisting, loan, "recall")
    (item,) = (await partners.assisting.coordinator.done("GET", "/v1/loans"))["items"]
    assert (item["extension_pending"], item["recall_requested"], item["overdue"]) == (True, True, False)


async def test_a_loan_says_for_whose_step_it_waits_and_is_found_by_it(partners: Partners) -> None:
    waits: dict[str, dict[str, Any]] = {}
    for status in ("reserved", "dispatched", "on_scene", "returning", "returned", "closed", "cancelled"):
        waits[status] = await make_loan(partners, status)
    waits["extending"] = await make_loan(partners, "on_scene")
    await step(partners.requesting, waits["extending"], "request-extension")
    waits["recalled"] = await make_loan(partners, "dispatched")
    by = (await step(partners.assisting, waits["recalled"], "recall"))["recall"]["due_at"]
    expected: dict[str, list[tuple[str, str, str | None]]] = {
        "reserved": [("assisting", "dispatch", "starts_at")],
        "dispatched": [("requesting", "receive", "planned_end_at")],
        "on_scene": [("requesting", "start_return", "planned_end_at")],
        "returning": [("assisting", "return", "planned_end_at")],
        "returned": [("assisting", "close", None)],
        "closed": [],
        "cancelled": [],
        "extending": [
            ("requesting", "start_return", "planned_end_at"),
            ("assisting", "accept_extension", "planned_end_at"),
        ],
        "recalled": [("requesting", "start_return", "recall_by")],
    }
    page = await partners.requesting.coordinator.done("GET", "/v1/loans")
    rows = {item["id"]: item for item in page["items"]}
    for name, loan in waits.items():
        known = {**loan, "recall_by": by}
        said = [
            {"side": side, "step": action, "due_at": None if due is None else known[due]}
            for side, action, due in expected[name]
        ]
        assert rows[loan["id"]]["awaiting"] == said, name
        assert (await see(partners.requesting, loan["id"]))["awaiting"] == said, name
    for parameter, member, values in (
        ("awaiting", "side", ("assisting", "requesting")),
        ("awaiting_step", "step", ("dispatch", "receive", "start_return", "return", "accept_extension", "close")),
    ):
        for value in values:
            found = [id_ for id_, row in rows.items() if value in {each[member] for each in row["awaiting"]}]
            assert await listed(partners, "assisting", f"{parameter}={value}") == found, value
            assert found, value
    later = waits["reserved"]["planned_end_at"]
    back = {waits[name]["id"] for name in ("returned", "closed", "cancelled")}
    assert await listed(partners, "assisting", f"due_to={later}") == [waits["recalled"]["id"]], "by its recall"
    assert set(await listed(partners, "assisting", f"due_from={later}")) == {*rows} - back - {waits["recalled"]["id"]}
    reversed_due = f"/v1/loans?due_from={later}&due_to={later}"
    assert_problem(await partners.assisting.coordinator.get(reversed_due), 422, "range_reversed")


async def test_pages_follow_one_another_without_gap_or_repeat(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=5)
    made = [(await make_loan(partners, asset=asset))["id"] for _ in range(5)]
    for query in ("limit=2", "limit=2&side=assisting", "limit=2&status=reserved"):
        seen, path = [], f"/v1/loans?{query}"
        while path:
            response = await partners.assisting.coordinator.get(path)
            seen += [item["id"] for item in response.json()["items"]]
            path = response.links["next"]["url"] if "next" in response.links else ""
        assert seen == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "status=lent",
        "awaiting=us",
        "awaiting_step=cancel",
        "side=both",
        "overdue=yes",
        "ids=1",
        "asset_id=x",
        "limit=201",
        "cursor=%21",
        "states=closed",
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(partners: Partners, query: str) -> None:
    assert_problem(await partners.assisting.coordinator.get(f"/v1/loans?{query}"), 400)
