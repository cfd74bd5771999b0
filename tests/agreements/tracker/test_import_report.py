"""The whole report of an import as CSV: a line for every row and every refused cell, and nothing that runs."""

import csv
import io
from uuid import uuid4

import pytest

from registry.agreements.tracker.commands.importing import import_agreements
from registry.agreements.tracker.report_csv import TakenRows, harmless, report_csv
from registry.agreements.tracker.rows import Options, read_rows
from registry.platform.bulk import batches
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Service
from tests.support.sheets import csv_bytes, read, sheet_of
from tests.support.tracker import KEY, PATH, draft, everything, operator, signed

pytestmark = pytest.mark.second_long

HEADERS = [
    *("file", "sheet", "row", "outcome", "number", "agreement_id"),
    *("column", "name", "value", "code", "what is wrong", "what to do"),
]
CSV_PATH = f"{PATH}.csv"
# What a spreadsheet would run, as people paste it into a cell.
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", " =1", "|cmd", "%0A=1", "\uff1d1")


def lines_of(content: bytes) -> list[dict[str, str]]:
    """The lines of a report, as a spreadsheet reads them."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def test_every_row_has_a_line_however_many_there_are(
    service: Service, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_REPORTED", 2)
    lines = sheet_of(*(draft(cast.assisting, cast.requesting, notice="-1") for _ in range(5)))
    table, taken = read(csv_bytes(*lines)), TakenRows()
    rows, _ = read_rows(table, Options())
    report = await import_agreements(
        service.database, operator(), KEY, rows, Options(), sheets=table.sheets, taken=taken
    )
    remark, *cells = csv.DictReader(io.StringIO(report_csv(report, taken)))
    assert (len(report.rows), len(cells)) == (2, 5)
    assert remark["what is wrong"] == "Read as UTF-8 with commas."
    assert cells[4] == {
        "file": "tracker.csv",
        "sheet": "",
        "row": "6",
        "outcome": "refused",
        "number": taken[4].row.number,
        "agreement_id": "",
        "column": "H",
        "name": "notice",
        "value": "'-1",
        "code": "not_a_period",
        "what is wrong": "“-1” is no period: write a number of days or of months, such as 90 days or 6 months.",
        "what to do": "Correct the cell and send the file again; rows that were taken stay as they are.",
    }


async def test_a_row_says_which_blank_cells_are_entered_as_not_said(service: Service, cast: Cast) -> None:
    narrow = {"purposes": "training", "least_priority": "urgent", "max_duration_hours": "48"}
    narrow |= {"cost_ceiling": "1,000.00", "max_quantity": "2", "expires_on": "no end"}
    rows = [
        signed(cast.assisting, cast.requesting),
        signed(cast.assisting, cast.requesting, **narrow),
        signed(cast.assisting, cast.requesting, **{**narrow, "purposes": ""}),
    ]
    report = await service.operator.done("POST", PATH, {"rows": rows})
    everything_, nothing, purposes = (each["remarks"] for each in report["rows"])
    assert all(name in everything_[0] for name in narrow)
    # What the agreement itself is then remarked on for (`expiry_silent`): a blank day is no "without end".
    assert "expires_on (blank: the row does not say when it ends, or that it never does)" in everything_[0]
    assert nothing == []
    assert purposes == [
        "Not said by the row, and entered so: purposes (blank: not for which purposes, so none is barred)."
    ]
    lines = lines_of((await service.operator.post(CSV_PATH, {"rows": [rows[2]], "dry_run": True})).content)
    assert [each["outcome"] for each in lines] == ["unchanged"]
    other = signed(cast.assisting, cast.requesting, **{**narrow, "purposes": ""})
    (line,) = lines_of((await service.operator.post(CSV_PATH, {"rows": [other], "dry_run": True})).content)
    assert (line["outcome"], line["code"], line["what is wrong"]) == ("created", "remark", purposes[0])


@pytest.mark.one_database
@pytest.mark.parametrize("word", ["indefinite", "Perpetual", "no end", "evergreen"])
async def test_a_row_that_says_that_there_is_no_end_is_entered_as_said(service: Service, cast: Cast, word: str) -> None:
    rows = [signed(cast.assisting, cast.requesting, expires_on=each) for each in (word, "")]
    report = await service.operator.done("POST", PATH, {"rows": rows})
    found = [
        await cast.assisting.legal.done("GET", f"/v1/agreements/{each['agreement_id']}") for each in report["rows"]
    ]
    assert [(each["expires_on"], each["terms"]["open_ended"]) for each in found] == [(None, "stated"), (None, "silent")]
    assert ["expiry_silent" in {its["code"] for its in each["remarks"]} for each in found] == [False, True]


@pytest.mark.one_database
async def test_a_row_without_a_day_of_signature_says_that_it_became_a_draft_unless_its_status_says_so(
    service: Service, cast: Cast
) -> None:
    rows = [draft(cast.assisting, cast.requesting), draft(cast.assisting, cast.requesting, status="pending")]
    report = await service.operator.done("POST", PATH, {"rows": rows})
    unsaid, said = (" ".join(each["remarks"]) for each in report["rows"])
    assert "Entered as a draft: no day of signature (signed_on), and no status." in unsaid
    assert "draft" not in said


@pytest.mark.one_database
def test_what_a_spreadsheet_would_run_is_text() -> None:
    assert [harmless(text) for text in ("=1", " +1", "@x", "\tx", "A-1", None)] == [
        "'=1",
        "' +1",
        "'@x",
        "'\tx",
        "A-1",
        "",
    ]


# Over HTTP.


async def test_it_works_and_a_repeat_says_unchanged(service: Service, cast: Cast) -> None:
    good, bad = signed(cast.assisting, cast.requesting), draft(cast.assisting, cast.requesting, expires_on="7/72025")
    answer = await service.operator.post(CSV_PATH, {"rows": [good, bad]})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert 'attachment; filename="agreement-import.csv"' in answer.headers["content-disposition"]
    assert next(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))) == HEADERS
    entered, refused = lines_of(answer.content)
    assert (entered["row"], entered["outcome"], entered["number"]) == ("1", "created", good["number"])
    found = await cast.assisting.legal.done("GET", f"/v1/agreements/{entered['agreement_id']}")
    assert found["number"] == good["number"]
    assert (refused["row"], refused["outcome"], refused["name"], refused["value"]) == (
        *("2", "refused", "expires_on", "7/72025"),
    )
    assert refused["code"] == "not_a_date"
    again, _ = lines_of((await service.operator.post(CSV_PATH, {"rows": [good, bad]})).content)
    assert (again["outcome"], again["agreement_id"]) == ("unchanged", entered["agreement_id"])


async def test_a_dry_run_says_the_same_and_writes_nothing(service: Service, cast: Cast) -> None:
    row, before = signed(cast.assisting, cast.requesting), await everything(service.database)
    answer = await service.operator.post(CSV_PATH, {"rows": [row], "dry_run": True})
    (line,) = lines_of(answer.content)
    assert (line["outcome"], line["agreement_id"]) == ("created", "")
    assert await everything(service.database) == before


@pytest.mark.parametrize("formula", FORMULAS)
async def test_no_cell_comes_back_as_a_formula(service: Service, cast: Cast, formula: str) -> None:
    row = draft(cast.assisting, cast.requesting, number=f"{formula}{uuid4().hex[:8]}", effective_on=formula)
    answer = await service.operator.post(CSV_PATH, {"rows": [row]})
    (line,) = lines_of(answer.content)
    assert line["outcome"] == "refused"
    for cell in line.values():
        assert cell == "" or cell.lstrip()[0] not in "=+-@|%\uff1d", cell


async def test_a_repeated_request_has_one_effect_and_one_answer(service: Service, cast: Cast) -> None:
    body, key = {"rows": [signed(cast.assisting, cast.requesting)]}, f"import-{uuid4()}"
    first = await service.operator.post(CSV_PATH, body, key=key)
    second = await service.operator.post(CSV_PATH, body, key=key)
    assert [line["outcome"] for line in lines_of(first.content)] == ["created"]
    assert (second.content, second.headers["content-type"]) == (first.content, first.headers["content-type"])
    assert second.headers["idempotency-replayed"] == "true"


async def test_it_needs_the_registrars_token_and_rows_that_are_a_tracker(service: Service, cast: Cast) -> None:
    body = {"rows": [signed(cast.assisting, cast.requesting)]}
    assert_problem(await service.anonymous.post(CSV_PATH, body), 401, "unauthenticated")
    for caller in (cast.assisting.legal, cast.assisting.admin, cast.stranger.legal):
        assert_problem(await caller.post(CSV_PATH, body), 403, "forbidden")
    assert_problem(await service.operator.post(CSV_PATH, {"rows": []}), 400, "invalid_body")
    assert_problem(await service.operator.post(CSV_PATH, {**body, "dryrun": True}), 400, "unknown_field")
    assert_problem(await service.operator.post(CSV_PATH, {"rows": [{"name": "x"}]}), 422, "import_format")
    assert_problem(await service.operator.send("GET", CSV_PATH), 405)
