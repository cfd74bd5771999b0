"""A row of a tracker enters its agreement: recorded where it is signed, else a draft; and what the columns may say."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from registry.agreements.tracker.rows import Options, read_rows
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.bulk.refusals import ImportFormatError
from tests.support.agreements import EVIDENCE
from tests.support.cast import LONG_AHEAD, Cast
from tests.support.problems import assert_problem
from tests.support.service import Service
from tests.support.sheets import csv_bytes, read, sheet_of
from tests.support.tracker import counts, draft, events, everything, refusals, shown, signed, take

pytestmark = pytest.mark.second_long


@pytest.mark.parametrize("xlsx", [False, True], ids=["csv", "xlsx"])
async def test_a_signed_row_is_recorded_for_its_custodian_of_whom_it_is_reported_that_it_signed(
    service: Service, cast: Cast, *, xlsx: bool
) -> None:
    row = signed(
        cast.assisting,
        cast.requesting,
        expires_on=LONG_AHEAD,
        notice_days=90,
        purposes="mutual_aid",
        max_duration_hours=72,
        reimbursement="actual after hours",
        free_hours=12,
        cost_ceiling="$5,000",
        approval_required="yes",
    )
    report = await take(service, row, xlsx=xlsx)
    assert counts(report) == (1, 0, 0, 0)
    found = await shown(cast.assisting, report)
    assert (found["number"], found["kind"], found["stage"]) == (row["number"], "mutual_aid", "partly_executed")
    assert (found["effective_on"], found["expires_on"], found["time_zone"]) == (
        "2025-01-01",
        str(LONG_AHEAD),
        "America/Chicago",  # the custodian's
    )
    assert found["terms"]["categories"] == ["k9", "vehicle"]
    assert found["terms"]["reimbursement"] == {"model": "actual_after_hours", "free_hours": 12, "rate_per_hour": None}
    assert found["terms"]["cost_ceiling"] == {"amount": "5000.00", "currency": "USD"}
    assert [party["bound"] for party in found["parties"]] == [False, False], "nobody is bound by an import"
    (report_,) = found["reported_acts"]
    assert (report_["kind"], report_["status"], report_["agency"]["id"]) == (
        "signed",
        "unseconded",
        str(cast.assisting.id),
    )
    assert (report_["acted_on"], report_["evidence"]["sha256"]) == ("2025-01-01", EVIDENCE)


async def test_a_row_without_a_signature_becomes_the_custodians_draft(service: Service, cast: Cast) -> None:
    report = await take(service, draft(cast.assisting, cast.requesting, status="in negotiation"))
    assert counts(report) == (1, 0, 0, 0)
    found = await shown(cast.assisting, report)
    assert found["stage"] == "draft"
    assert await events(cast.assisting, found["id"]) == ["agreement.created"]
    assert_problem(await cast.requesting.legal.get(f"/v1/agreements/{found['id']}"), 404)


async def test_last_notice_day_follows_from_the_notice_and_the_end_of_the_row(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, notice_days="90", expires_on="2027-12-31")
    found = await shown(cast.assisting, await take(service, row))
    assert found["last_notice_on"] == str(date(2027, 12, 31) - timedelta(days=90)) == "2027-10-02"
    open_ended = await shown(cast.assisting, await take(service, signed(cast.assisting, cast.requesting)))
    assert (open_ended["expires_on"], open_ended["last_notice_on"]) == (None, None)


async def test_a_row_that_reads_as_active_of_what_is_over_says_so_and_is_not_in_force(
    service: Service, cast: Cast
) -> None:
    row = signed(cast.assisting, cast.requesting, expires_on="2025-06-30", status="active")
    for outcome in ("created", "unchanged"):
        report = await take(service, row)
        (told,) = report.rows
        assert told.outcome == outcome
        assert "does not say that it is over" in told.remarks[0]
        assert "ended with 2025-06-30: it is not in force" in told.remarks[0]
        agreement = await cast.assisting.legal.done("GET", f"/v1/agreements/{told.agreement_id}")
        assert (agreement["status"], agreement["ends_on"]) == ("expired", "2025-06-30")
    still = await take(service, {**row, "number": "MA-GOES-ON", "expires_on": "2099-06-30"})
    assert not any("does not say" in remark for remark in still.rows[0].remarks)
    said_over = await take(service, {**row, "number": "MA-OVER", "status": "expired"})
    assert not any("does not say" in remark for remark in said_over.rows[0].remarks)


async def test_a_term_that_renews_itself_is_taken_over(service: Service, cast: Cast) -> None:
    cells = {"expires_on": "2026-12-31", "Auto-renewal": 12, "auto_renew_times": 3, "review_every_months": "24"}
    found = await shown(cast.assisting, await take(service, signed(cast.assisting, cast.requesting, **cells)))
    assert (found["auto_renew_months"], found["auto_renew_times"]) == (12, 3)


async def test_it_is_reported_of_every_party_where_the_evidence_shows_their_signatures(
    service: Service, cast: Cast
) -> None:
    row = signed(cast.assisting, cast.requesting, cast.neighbour)
    report = await take(service, row, attest_parties=True)
    found = await shown(cast.assisting, report)
    assert [report["status"] for report in found["reported_acts"]] == ["unseconded"] * 3
    assert [party["bound"] for party in found["parties"]] == [False, False, False]
    assert await events(cast.neighbour, found["id"]) == ["agreement.recorded", *["agreement.act_reported"] * 3]


async def test_the_row_itself_is_the_evidence_where_that_is_said(service: Service, cast: Cast) -> None:
    row = {**signed(cast.assisting, cast.requesting), "evidence_sha256": ""}
    assert "evidence_sha256 is needed" in refusals(await take(service, row))[0]
    table = read(csv_bytes(*sheet_of(row)))
    (read_row,), _ = read_rows(table, Options())
    found = await shown(cast.assisting, await take(service, row, row_as_evidence=True))
    assert found["reported_acts"][0]["evidence"]["sha256"] == read_row.sha256


async def test_nothing_is_attested_in_bulk(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, cast.neighbour)
    blank = {**signed(cast.assisting, cast.requesting), "evidence_sha256": ""}
    report = await take(service, row, blank, attest_parties=True, row_as_evidence=True)
    found = [await cast.assisting.legal.done("GET", f"/v1/agreements/{each.agreement_id}") for each in report.rows]
    assert [len(each["reported_acts"]) for each in found] == [3, 1], "a row shows no other party's signature"
    assert {act["status"] for each in found for act in each["reported_acts"]} == {"unseconded"}
    assert [each["status"] for each in found] == ["unconfirmed"] * 2
    assert [party["bound"] for each in found for party in each["parties"]] == [False] * 5
    path = f"/v1/agreements/{found[0]['id']}/reported-acts/{found[0]['reported_acts'][0]['id']}/second"
    another = service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="another")
    assert_problem(await another.post(path, {}), 422, "evidence_not_on_file")


async def test_parties_are_named_by_ori_id_or_full_name(service: Service, cast: Cast) -> None:
    ori = f"MN{uuid4().hex[:7].upper()}"
    name = f"Sheriff\u2019s Office {ori} (demo)"
    new = {"name": name, "kind": "county", "level": "county", "state": "MN", "oris": [ori]}
    made = await service.operator.done("POST", "/v1/agencies", new)
    for token in (ori, name.upper(), name.replace("\u2019", "'"), made["id"]):
        row = signed(cast.assisting, parties=f"{token}; {cast.assisting.name}")
        found = await shown(cast.assisting, await take(service, row))
        assert {party["agency"]["id"] for party in found["parties"]} == {made["id"], str(cast.assisting.id)}


async def test_what_is_said_once_goes_for_every_row_that_does_not_say_it(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting)
    del row["custodian"]
    with pytest.raises(ImportFormatError, match="lacks the columns custodian"):
        await take(service, row)
    report = await take(service, row, custodian=str(cast.assisting.id), time_zone="America/Denver")
    assert (await shown(cast.assisting, report))["time_zone"] == "America/Denver"


async def test_columns_that_nobody_reads_are_reported(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, **{"Contact person": "somebody", "Notes": "call first"})
    report = await take(service, row)
    assert report.unread_columns == ["Contact person", "Notes"]
    database = await everything(service.database)
    assert "call first" not in repr(database)


async def test_headers_are_met_by_their_usual_names(service: Service, cast: Cast) -> None:
    plain = signed(cast.assisting, cast.requesting, notice_days=60)
    usual = {
        "Agreement #": plain["number"],
        "AGREEMENT NAME": plain["title"],
        "Type": "MOU",
        "Participating Agencies": plain["parties"],
        "Custodian agency": plain["custodian"],
        "Date signed": plain["signed_on"],
        "Title of signatory": "Chief",
        "Document SHA256": EVIDENCE,
        "Effective date:": plain["effective_on"],
        "Notice period (days)": 60,
        "Categories *": "k9",
    }
    report = await take(service, usual)
    assert report.unread_columns == []
    assert (await shown(cast.assisting, report))["notice"]["days"] == 60
    with pytest.raises(ImportFormatError, match=r"A \(Agreement #\) and L \(number\) both mean number"):
        await take(service, {**usual, "number": "1"})
