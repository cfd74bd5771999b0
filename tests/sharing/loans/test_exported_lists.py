"""The lists of loans and of requests as CSV: their own rows, columns and filters, on record at once."""

import csv
import io
from typing import Any

import pytest

from registry.platform.access.principals import Role
from registry.platform.bulk import exports
from tests.support.assets import make_asset
from tests.support.loans import Partners, make_loan
from tests.support.past_loans import take_one_over
from tests.support.problems import assert_problem
from tests.support.requests import line_for, submitted


async def _rows(caller: Any, path: str) -> list[dict[str, str]]:
    """The rows of a whole file."""
    response = await caller.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["cache-control"] == "no-store"
    headers, *rows, last = csv.reader(io.StringIO(response.content.decode("utf-8-sig")))
    assert last == [f"# complete, {len(rows)} rows"]
    return [dict(zip(headers, row, strict=True)) for row in rows]


async def test_the_list_of_loans_as_csv_is_the_list(partners: Partners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    odd = await make_asset(partners.assisting, name="=HYPERLINK(1)", capacity=2)
    made = [await make_loan(partners, status) for status in ("dispatched", "reserved")]
    made.append(await make_loan(partners, asset=odd))
    for side in (partners.assisting, partners.requesting):
        for query in ("", "status=reserved", "awaiting=requesting", "sort=planned_end_at", f"asset_id={odd['id']}"):
            items = (await side.coordinator.done("GET", f"/v1/loans?{query}"))["items"]
            rows = await _rows(side.coordinator, f"/v1/loans.csv?{query}")
            assert [row["id"] for row in rows] == [item["id"] for item in items], query
    newest = (await _rows(partners.requesting.coordinator, "/v1/loans.csv"))[0]
    item = (await partners.requesting.coordinator.done("GET", "/v1/loans"))["items"][0]
    assert {column.partition(".")[0] for column in newest} == set(item), "every member of a row has its columns"
    assert newest["asset.name"] == "'=HYPERLINK(1)"
    assert (newest["agreement.number"], newest["overdue"]) == (item["agreement"]["number"], "false")
    assert newest["requesting_agency.name"] == item["requesting_agency"]["name"]
    assert await _rows(partners.stranger.coordinator, "/v1/loans.csv") == []
    (event, *_) = (await partners.requesting.auditor.done("GET", "/v1/audit-events", params={"type": "loan.exported"}))[
        "items"
    ]
    assert event["data"] == {"format": "csv", "filters": []}


async def test_the_list_of_requests_as_csv_is_the_list(partners: Partners) -> None:
    made = await submitted(partners.requesting, await make_asset(partners.assisting), summary="@SUM(A1) (demo)")
    await submitted(partners.requesting, await make_asset(partners.assisting), incident_number="26-1")
    for query in ("", "incident_number=26-1", "status=permitted&sort=created_at", "q=sum"):
        items = (await partners.assisting.coordinator.done("GET", f"/v1/requests?{query}"))["items"]
        rows = await _rows(partners.assisting.coordinator, f"/v1/requests.csv?{query}")
        assert [row["id"] for row in rows] == [item["id"] for item in items], query
    (row,) = await _rows(partners.assisting.coordinator, f"/v1/requests.csv?ids={made['id']}")
    assert (row["summary"], row["window.start"]) == ("'@SUM(A1) (demo)", made["lines"][0]["window"]["start"])
    assert await _rows(partners.stranger.coordinator, "/v1/requests.csv") == []
    (event, *_) = (
        await partners.assisting.auditor.done("GET", "/v1/audit-events", params={"type": "request.exported"})
    )["items"]
    assert event["data"] == {"format": "csv", "filters": ["ids"]}


async def test_the_list_of_past_loans_as_csv_is_the_list(partners: Partners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    owner, asking = partners.assisting, partners.requesting
    made = [await take_one_over(owner, asking, No=f"23-{no}", Item="=1+1 (demo)") for no in range(3)]
    path = f"/v1/past-loans/{made[0]['id']}/contest"
    await asking.coordinator.done("POST", path, {"reason": "It was never ours (demo)."})
    for side in (owner, asking):
        for query in ("", "status=contested", "side=requesting", "sort=starts_at"):
            items = (await side.coordinator.done("GET", f"/v1/past-loans?{query}"))["items"]
            rows = await _rows(side.coordinator, f"/v1/past-loans.csv?{query}")
            assert [row["id"] for row in rows] == [item["id"] for item in items], query
    (row, *_) = await _rows(asking.coordinator, f"/v1/past-loans.csv?ids={made[0]['id']}")
    item = await asking.coordinator.done("GET", f"/v1/past-loans/{made[0]['id']}")
    assert {column.partition(".")[0] for column in row} == set(item) - {"allowed_actions"}
    assert (row["asset_name"], row["window.start"]) == ("'=1+1 (demo)", item["window"]["start"])
    assert (row["taken_over_by.name"], row["contested_reason"]) == (owner.name, "It was never ours (demo).")
    assert await _rows(partners.stranger.coordinator, "/v1/past-loans.csv") == []
    asked = {"type": "past_loan.exported"}
    (event, *_) = (await asking.auditor.done("GET", "/v1/audit-events", params=asked))["items"]
    assert event["data"] == {"format": "csv", "filters": ["ids"]}


async def test_no_cell_holds_json_however_a_row_is_made(partners: Partners) -> None:
    """What waits for whom, rates and what a request asks for have columns of their own; several are a list of words."""
    priced = {"hourly_rate": {"amount": "45.50", "currency": "USD"}}
    dogs = [await make_asset(partners.assisting, **priced) for _ in range(2)]
    found = await submitted(partners.requesting, dogs[0], lines=[line_for(dog) for dog in dogs])
    body = {"decision_id": found["lines"][0]["decision"]["id"]}
    await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    (loan,) = await _rows(partners.requesting.coordinator, "/v1/loans.csv")
    (request,) = await _rows(partners.requesting.coordinator, "/v1/requests.csv")
    for row in (loan, request):
        assert not [cell for cell in row.values() if cell.startswith(("{", "["))], row
    assert (loan["asset.hourly_rate.amount"], loan["asset.hourly_rate.currency"]) == ("45.50", "USD")
    assert (loan["awaiting.side"], loan["awaiting.step"]) == ("assisting", "dispatch")
    assert loan["awaiting.due_at"] == loan["starts_at"]
    assert request["assets.name"] == ";".join(dog["name"] for dog in dogs)
    assert request["assisting_agencies.id"] == str(partners.assisting.id)


async def test_an_export_needs_a_token_the_permission_and_a_question_that_can_be_answered(partners: Partners) -> None:
    for path in ("/v1/loans.csv", "/v1/past-loans.csv", "/v1/requests.csv"):
        assert_problem(await partners.assisting.service.anonymous.get(path), 401, "unauthenticated")
        narrow = partners.assisting.as_(Role.COORDINATOR, scope="assets:read")
        assert_problem(await narrow.get(path), 403, "forbidden")
        assert_problem(await partners.assisting.coordinator.get(f"{path}?limit=5"), 400, "unknown_parameter")
        assert_problem(await partners.assisting.coordinator.get(f"{path}?status=lent"), 400)
