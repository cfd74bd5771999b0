"""Loans of before the registry: one side's word, taken over from a table, which the other reads and may contest."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.directory.agencies.commands.registering import create_agency
from registry.directory.agencies.rules import AgencyKind, AgencyLevel
from registry.directory.agencies.schemas import NewAgency
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.resources.allocations.tables import allocation
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast, inside
from tests.support.imports import csv_of, rows_of, uploaded
from tests.support.past_loans import HEADERS, row, take_one_over, taken
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later

REASON = {"reason": "We have no such loan in our books (demo)."}


async def faults_of(agency: Agency, *rows: list[str]) -> list[list[tuple[str, str]]]:
    """For each row what is wrong with it: the code and the field."""
    found = await taken(agency, *rows)
    items = await rows_of(agency.coordinator, found, "&sort=row")
    return [[(fault["code"], fault["field"]) for fault in each["faults"]] for each in items]


async def listed(reader: Agency, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await reader.coordinator.done("GET", f"/v1/past-loans{query}"))["items"]
    return items


async def test_the_columns_of_an_old_list_are_recognised(cast: Cast) -> None:
    found = await uploaded(
        cast.assisting.coordinator, csv_of(row(cast.assisting, cast.requesting, Hours="8"), headers=HEADERS), "loans"
    )
    assert {name: source.get("header") for name, source in found["suggested_mapping"].items()} == {
        "lender": "Lending agency",
        "borrower": "Loaned to",
        "asset_tag": "Unit",
        "asset_name": "Item",
        "category": "Type",
        "start": "Date out",
        "end": "Date returned",
        "used_minutes": "Hours",
        "quantity": "Qty",
        "agreement_number": "MOU",
        "outcome": "Disposition",
        "condition": "Condition",
        "remark": "Remarks",
        "number": "No",
    }
    assert found["suggested_mapping"]["used_minutes"].get("measure") == "hours"


async def test_what_one_side_takes_over_both_read_and_nobody_else(cast: Cast) -> None:
    agreement = await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting, category="vehicle.patrol", type_level=None, certifications=[])
    cells = {
        "Unit": asset["tag"].lower(),
        "Item": "",
        "Hours": "26.5",
        "Qty": "2",
        "MOU": agreement["number"],
        "Disposition": "Completed",
        "Condition": "Fair",
        "Remarks": "Fetched at the county line (demo).",
    }
    found = await take_one_over(cast.assisting, cast.requesting, **cells)
    said = {
        "number": "23-1",
        "taken_over_by": cast.assisting.reference,
        "assisting_agency": cast.assisting.reference,
        "requesting_agency": cast.requesting.reference,
        "asset_id": asset["id"],
        "asset_name": asset["name"],
        "category": "vehicle.patrol",
        "quantity": 2,
        "used_minutes": 26 * 60 + 30,
        "window": {"start": "2023-07-04T13:00:00Z", "end": "2023-07-05T23:30:00Z"},
        "agreement_id": agreement["id"],
        "agreement_number": agreement["number"],
        "outcome": "returned",
        "condition": "fair",
        "remark": "Fetched at the county line (demo).",
        "status": "reported",
    }
    (seen,) = await listed(cast.requesting)
    for reading in (found, seen):
        assert {name: reading[name] for name in said} == said
    assert found["taken_over_at"] <= utc_now().isoformat().replace("+00:00", "Z")
    assert [(each["action"], each["allowed"]) for each in found["allowed_actions"]] == [("withdraw", True)]
    assert [each["action"] for each in seen["allowed_actions"]] == ["contest", "withdraw_contest"]
    assert await listed(cast.stranger) == []
    path = f"/v1/past-loans/{found['id']}"
    assert_problem(await cast.stranger.coordinator.get(path), 404, "not_found")
    events = (await cast.requesting.auditor.done("GET", f"{path}/history"))["items"]
    assert [each["type"] for each in events] == ["past_loan.taken_over"]
    assert "county line" not in str(events), "free text stays out of the ledger"


async def test_it_holds_no_asset_and_is_no_loan(cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    found = await take_one_over(cast.assisting, cast.requesting, Unit=asset["tag"])
    assert found["asset_id"] == asset["id"]
    read = cast.assisting.service.database.read()
    held = sa.select(sa.func.count()).where(allocation.c.asset_id == UUID(asset["id"]))
    assert await read.value(held) == 0
    assert (await cast.assisting.coordinator.done("GET", f"/v1/loans?asset_id={asset['id']}"))["items"] == []


async def test_a_table_that_is_taken_over_again_changes_nothing(cast: Cast) -> None:
    rows = [row(cast.assisting, cast.requesting, number) for number in ("23-1", "23-2")]
    first = await taken(cast.assisting, *rows)
    again = await taken(cast.assisting, *rows)
    assert (first["counts"]["created"], again["counts"]["unchanged"]) == (2, 2)
    same = await taken(cast.assisting, row(cast.assisting, cast.requesting, " ２3-1 "))
    assert same["counts"]["unchanged"] == 1, "a number has one form"
    assert len(await listed(cast.requesting)) == 2


async def test_a_dry_run_takes_nothing_over(cast: Cast) -> None:
    found = await taken(cast.assisting, row(cast.assisting, cast.requesting), dry_run=True)
    assert found["counts"]["created"] == 1
    assert await listed(cast.assisting) == []


@pytest.mark.parametrize(("on_error", "kept"), [("abort", 0), ("skip", 1)])
async def test_all_or_nothing_or_without_what_is_wrong(cast: Cast, on_error: str, kept: int) -> None:
    good, wrong = row(cast.assisting, cast.requesting), row(cast.assisting, "Nobody's Police", "23-2")
    found = await taken(cast.assisting, good, wrong, on_error=on_error)
    assert found["counts"]["refused"] == 1
    assert len(await listed(cast.assisting)) == kept


async def test_what_is_wrong_with_a_row_is_said_at_its_column(cast: Cast) -> None:
    mine, theirs = cast.assisting, cast.requesting
    ahead = f"{utc_now().year + 1}-01-01"
    wrong: list[tuple[list[str], str, str]] = [
        (row(mine, "Nobody's Police"), "unknown_agency", "borrower"),
        (row("XX9999999", theirs), "unknown_agency", "lender"),
        (row(mine, mine), "one_side_twice", "borrower"),
        (row(theirs, cast.stranger), "not_a_side", "lender"),
        (row(mine, theirs, **{"Date out": "2023-07-06"}), "window_reversed", "end"),
        (row(mine, theirs, **{"Date out": "2023-03-12 02:30"}), "clock_skipped", "start"),
        (row(mine, theirs, **{"Date out": "2022-11-06 01:30"}), "clock_twice", "start"),
        (row(mine, theirs, **{"Date returned": ahead}), "not_past", "end"),
        (row(mine, theirs, **{"Date out": "last week"}), "not_a_time", "start"),
        (row(mine, theirs, Item=""), "asset_not_said", "asset_name"),
        (row(mine, theirs, Type="no.such_thing"), "unknown_category", "category"),
        (row(mine, theirs, Qty="0"), "out_of_bounds", "quantity"),
        (row(mine, theirs, Disposition="eaten"), "word_unknown", "outcome"),
    ]
    rows = [[f"24-{n}", *each[1:]] for n, (each, _, _) in enumerate(wrong)]
    found = await faults_of(mine, *rows)
    for (_, code, field), faults in zip(wrong, found, strict=True):
        assert field in {name for _, name in faults}, (code, faults)
        if code != "out_of_bounds":
            assert (code, field) in faults, faults
    assert await listed(mine) == []


async def test_a_name_that_several_agencies_have_decides_nothing(cast: Cast) -> None:
    name, service = f"Twin County Sheriff {uuid4().hex[:6]}", cast.assisting.service
    operator = inside(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="operator")
    ori = f"MN{uuid4().hex[:7].upper()}"
    async with unit_of_work(service.database) as write:
        for oris in ([ori], []):
            new = NewAgency(name=name, kind=AgencyKind.COUNTY, level=AgencyLevel.LOCAL, state="MN", oris=oris)
            await create_agency(write, operator, new)
    (faults,) = await faults_of(cast.assisting, row(cast.assisting, name))
    assert faults == [("agency_ambiguous", "borrower")]
    assert (await taken(cast.assisting, row(cast.assisting, ori.lower())))["counts"]["created"] == 1
    (found,) = await listed(cast.assisting)
    assert found["requesting_agency"]["name"] == name, "the ORI decides"


async def test_what_is_not_on_record_is_kept_as_words_and_remarked(cast: Cast) -> None:
    found = await taken(cast.assisting, row(cast.assisting, cast.requesting, Unit="K9-77", MOU="1998-4"))
    (said,) = await rows_of(cast.assisting.coordinator, found)
    assert [each["code"] for each in said["remarks"]] == ["asset_not_on_record", "agreement_not_on_record"]
    (kept,) = await listed(cast.assisting)
    assert (kept["asset_id"], kept["asset_tag"]) == (None, "K9-77")
    assert (kept["agreement_id"], kept["agreement_number"]) == (None, "1998-4")


async def test_the_borrower_takes_over_its_own_words_beside_those_of_the_lender(cast: Cast) -> None:
    await take_one_over(cast.assisting, cast.requesting)
    found = await taken(cast.requesting, row(cast.assisting, cast.requesting, "B-9", Unit="7"))
    (said,) = await rows_of(cast.requesting.coordinator, found)
    assert [each["code"] for each in said["remarks"]] == ["reported_by_other_side"]
    assert {each["taken_over_by"]["name"] for each in await listed(cast.assisting)} == {
        cast.assisting.name,
        cast.requesting.name,
    }
    assert [each["number"] for each in await listed(cast.assisting, f"?taken_over_by={cast.requesting.id}")] == ["B-9"]


async def test_the_other_side_contests_it_and_both_words_stand(cast: Cast) -> None:
    found = await take_one_over(cast.assisting, cast.requesting)
    path = f"/v1/past-loans/{found['id']}"
    theirs, own = cast.requesting.coordinator, cast.assisting.coordinator
    assert_problem(await own.post(f"{path}/contest", REASON), 403, "other_sides_action")
    contested = await theirs.done("POST", f"{path}/contest", REASON)
    assert (contested["status"], contested["contested_reason"]) == ("contested", REASON["reason"])
    unchanged = found.keys() - {
        "status",
        "contested_at",
        "contested_reason",
        "allowed_actions",
        "version",
        "updated_at",
    }
    assert {name: contested[name] for name in unchanged} == {name: found[name] for name in unchanged}
    assert_problem(await theirs.post(f"{path}/contest", REASON), 409, "wrong_status")
    assert_problem(await own.post(f"{path}/withdraw-contest", {}), 403, "other_sides_action")
    assert [each["id"] for each in await listed(cast.assisting, "?status=contested")] == [found["id"]]
    again = await theirs.done("POST", f"{path}/withdraw-contest", {"note": "Found in an older book (demo)."})
    assert (again["status"], again["contested_reason"]) == ("reported", REASON["reason"]), "what was said is kept"
    events = (await own.done("GET", f"{path}/history?sort=version"))["items"]
    assert [each["type"] for each in events] == [
        "past_loan.taken_over",
        "past_loan.contested",
        "past_loan.contest_withdrawn",
    ]


async def test_what_is_corrected_is_reported_anew(cast: Cast) -> None:
    found = await take_one_over(cast.assisting, cast.requesting)
    await cast.requesting.coordinator.done("POST", f"/v1/past-loans/{found['id']}/contest", REASON)
    same = await taken(cast.assisting, row(cast.assisting, cast.requesting))
    assert same["counts"]["unchanged"] == 1
    assert (await listed(cast.assisting))[0]["status"] == "contested", "saying it again settles nothing"
    corrected = await taken(cast.assisting, row(cast.assisting, cast.requesting, Qty="3"))
    assert corrected["counts"]["updated"] == 1
    (seen,) = await listed(cast.requesting)
    assert (seen["quantity"], seen["status"], seen["version"]) == (3, "reported", 3)
    (faults,) = await faults_of(cast.assisting, row(cast.requesting, cast.assisting))
    assert faults == [("sides_fixed", "number")]


async def test_who_took_it_over_withdraws_it_for_good(cast: Cast) -> None:
    found = await take_one_over(cast.assisting, cast.requesting)
    path = f"/v1/past-loans/{found['id']}"
    assert_problem(await cast.requesting.coordinator.post(f"{path}/withdraw", REASON), 403, "other_sides_action")
    withdrawn = await cast.assisting.coordinator.done("POST", f"{path}/withdraw", REASON)
    assert (withdrawn["status"], withdrawn["withdrawn_reason"]) == ("withdrawn", REASON["reason"])
    assert_problem(await cast.requesting.coordinator.post(f"{path}/contest", REASON), 409, "wrong_status")
    (faults,) = await faults_of(cast.assisting, row(cast.assisting, cast.requesting, Qty="3"))
    assert [code for code, _ in faults] == ["wrong_status"]


async def test_no_metric_counts_it(cast: Cast) -> None:
    await take_one_over(cast.assisting, cast.requesting)
    asked = "/v1/scorecard?from=2023-01-01T00:00:00Z&to=2024-01-01T00:00:00Z"
    for side in (cast.assisting, cast.requesting):
        before = await side.coordinator.done("GET", asked)
        assert not [n for n in _numerators(before) if n], "what one side reports of the past is counted apart"


def _numerators(answer: Any) -> list[float]:
    if isinstance(answer, dict):
        own = [answer["numerator"] or 0] if "numerator" in answer else []
        return own + [n for each in answer.values() for n in _numerators(each)]
    return [n for each in answer for n in _numerators(each)] if isinstance(answer, list) else []


async def test_pages_go_by_when_it_was(cast: Cast) -> None:
    days = ("2021-05-01", "2019-05-01", "2020-05-01")
    rows = [row(cast.assisting, cast.requesting, day, **{"Date out": day, "Date returned": day}) for day in days]
    await taken(cast.assisting, *rows)
    page = await cast.requesting.coordinator.done("GET", "/v1/past-loans?sort=starts_at&limit=2")
    rest = await cast.requesting.coordinator.done(
        "GET", f"/v1/past-loans?sort=starts_at&limit=2&cursor={page['next_cursor']}"
    )
    assert [each["number"] for each in (*page["items"], *rest["items"])] == sorted(days)
    within = "?window_from=2020-01-01T00:00:00Z&window_to=2021-01-01T00:00:00Z"
    assert [each["number"] for each in await listed(cast.requesting, within)] == ["2020-05-01"]
    for query, there in (
        (f"?partner_id={cast.assisting.id}&side=requesting", 3),
        ("?side=assisting", 0),
        ("?outcome=lost", 0),
        ("?category=k9", 0),
    ):
        assert len(await listed(cast.requesting, query)) == there, query


async def test_who_may_take_over(cast: Cast) -> None:
    content = csv_of(row(cast.assisting, cast.requesting), headers=HEADERS)
    headers = {"content-type": "application/octet-stream"}
    path = "/v1/imports?kind=loans"
    for caller in (cast.assisting.approver, cast.assisting.legal, cast.assisting.auditor):
        assert_problem(await caller.send("POST", path, content=content, headers=headers), 403)
    narrow = cast.assisting.as_(Role.SERVICE, scope="imports:run loans:read")
    assert_problem(await narrow.send("POST", path, content=content, headers=headers), 403)
    for caller in (cast.assisting.admin, cast.assisting.machine):
        assert (await caller.send("POST", path, content=content, headers=headers)).status_code == 201


VERBS = ("contest", "withdraw-contest", "withdraw")


@pytest.mark.parametrize("verb", VERBS)
async def test_a_word_is_for_its_side_at_the_version_it_read(cast: Cast, verb: str) -> None:
    found = await take_one_over(cast.assisting, cast.requesting)
    if verb == "withdraw-contest":
        await cast.requesting.coordinator.done("POST", f"/v1/past-loans/{found['id']}/contest", REASON)
    agency = cast.assisting if verb == "withdraw" else cast.requesting
    path, body = f"/v1/past-loans/{found['id']}/{verb}", {} if verb == "withdraw-contest" else REASON
    assert_problem(await agency.service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await cast.stranger.coordinator.post(path, body), 404, "not_found")
    assert_problem(await agency.legal.post(path, body), 403, "forbidden")
    if verb != "withdraw":
        machine = agency.as_(Role.SERVICE, scope="loans:read loans:contest loans:take_over")
        assert_problem(await machine.post(path, body), 403)
    for wrong in ({**body, "other": 1}, {"reason": ""}):
        assert (await agency.coordinator.post(path, wrong)).status_code == 400
    assert_problem(await agency.coordinator.post(path, body, if_match='"9-00000000"'), 412, "stale_version")
    etag, key = (await agency.coordinator.get(f"/v1/past-loans/{found['id']}")).headers["etag"], str(uuid4())
    first, again = [await agency.coordinator.post(path, body, key=key, if_match=etag) for _ in range(2)]
    assert (first.status_code, again.content) == (200, first.content)
    assert_problem(await agency.coordinator.post(path, body), 409, "wrong_status")
