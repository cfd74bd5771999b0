"""Agreements from a tracker: entered, corrected, signed, attested or refused, once and again, in pieces, over HTTP."""

import asyncio
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa

from registry.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.access.principals import Caller as CallerFacts
from registry.agencies.fbi_lines import ImportFormatError
from registry.agreements.tables import agreement, agreement_party_window, agreement_signature
from registry.agreements.tracker import importing
from registry.agreements.tracker.importing import BATCH, import_agreements
from registry.agreements.tracker.rows import Options, read_rows
from registry.agreements.tracker.schemas import AgreementImportReport
from registry.agreements.tracker.tables import tracker_entry
from registry.database.connect import Database
from registry.kernel.errors import Forbidden
from registry.kernel.time import utc_now
from registry.ledger.tables import ledger_event
from tests.support.agreements import EVIDENCE, agreement_body
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.service import Service
from tests.support.sheets import csv_bytes, read, sheet_of, xlsx_bytes

KEY = b"the key of this test, no secret at all"
PATH = "/v1/agreement-imports"
_numbers = count(1)


def operator(*roles: Role) -> CallerFacts:
    principal = Principal(
        subject="operator",
        agency_id=OPERATOR_AGENCY_ID,
        roles=frozenset(roles or {Role.REGISTRY_ADMIN}),
        scopes=frozenset({"*"}),
        token_id="t-1",
        issuer="test",
    )
    return CallerFacts(principal=principal, now=utc_now(), request_id="import-test")


def draft(*parties: Agency, **cells: Any) -> dict[str, Any]:
    """A row about an agreement that is not signed yet."""
    return {
        "number": f"TR-{uuid4().hex[:12]}",
        "title": "Mutual aid from the tracker (demo)",
        "kind": "Mutual Aid",
        "parties": "; ".join(str(party.id) for party in parties),
        "custodian": str(parties[0].id),
        "effective_on": "2025-01-01",
        "categories": "k9; vehicle",
        **cells,
    }


def signed(*parties: Agency, **cells: Any) -> dict[str, Any]:
    """A row about one that is."""
    return draft(*parties, signed_on="2025-01-01", signatory_title="Sheriff", evidence_sha256=EVIDENCE, **cells)


async def take(
    service: Service, *rows: dict[str, Any], dry_run: bool = False, xlsx: bool = False, **said: Any
) -> AgreementImportReport:
    """What becomes of the rows of one file."""
    lines = sheet_of(*rows)
    table = read(xlsx_bytes(*lines), "tracker.xlsx") if xlsx else read(csv_bytes(*lines))
    options = Options(**said)
    found, headers = read_rows(table, options)
    return await import_agreements(
        service.database, operator(), KEY, found, options, unread_columns=headers.unread, dry_run=dry_run
    )


def counts(report: AgreementImportReport) -> tuple[int, int, int, int]:
    return report.entered, report.updated, report.unchanged, report.refused


def refusals(report: AgreementImportReport) -> list[str]:
    """Each fault, as the command line prints it."""
    return [str(fault) for row in report.rows for fault in row.faults]


async def shown(agency: Agency, report: AgreementImportReport) -> dict[str, Any]:
    """The only agreement of the report, as its party sees it."""
    (row,) = report.rows
    found: dict[str, Any] = await agency.legal.done("GET", f"/v1/agreements/{row.agreement_id}")
    return found


async def events(agency: Agency, agreement_id: object) -> list[str]:
    history = await agency.auditor.done("GET", f"/v1/agreements/{agreement_id}/history")
    return [event["type"] for event in history["items"]]


async def everything(database: Database) -> dict[str, list[Any]]:
    """Every row that an import could touch."""
    return {
        table.name: sorted((tuple(row) for row in await database.read().all(sa.select(table))), key=repr)
        for table in (agreement, agreement_signature, agreement_party_window, tracker_entry, ledger_event)
    }


# Entering.


@pytest.mark.parametrize("xlsx", [False, True], ids=["csv", "xlsx"])
async def test_a_signed_row_is_recorded_for_its_custodian_whose_signature_is_attested(
    service: Service, cast: Cast, *, xlsx: bool
) -> None:
    row = signed(
        cast.assisting,
        cast.requesting,
        expires_on=date(2027, 12, 31),
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
    assert (found["number"], found["kind"], found["stage"]) == (row["number"], "mutual_aid", "executed")
    assert (found["effective_on"], found["expires_on"], found["time_zone"]) == (
        "2025-01-01",
        "2027-12-31",
        "America/Chicago",  # the custodian's
    )
    assert found["terms"]["categories"] == ["k9", "vehicle"]
    assert found["terms"]["reimbursement"] == {"model": "actual_after_hours", "free_hours": 12, "rate_per_hour": None}
    assert found["terms"]["cost_ceiling"] == {"amount": "5000.00", "currency": "USD"}
    assert [party["bound"] for party in found["parties"]] == [True, False]
    hand = found["parties"][0]["signature"]
    assert (hand["manner"], hand["signed_on"], hand["evidence_sha256"]) == ("attested", "2025-01-01", EVIDENCE)


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


async def test_a_term_that_renews_itself_is_taken_over(service: Service, cast: Cast) -> None:
    cells = {"expires_on": "2026-12-31", "Auto-renewal": 12, "auto_renew_times": 3, "review_every_months": "24"}
    found = await shown(cast.assisting, await take(service, signed(cast.assisting, cast.requesting, **cells)))
    assert (found["auto_renew_months"], found["auto_renew_times"]) == (12, 3)


async def test_every_party_is_attested_where_the_evidence_shows_their_signatures(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, cast.neighbour)
    report = await take(service, row, attest_parties=True)
    found = await shown(cast.assisting, report)
    assert [party["bound"] for party in found["parties"]] == [True, True, True]
    assert await events(cast.neighbour, found["id"]) == ["agreement.recorded", *["agreement.attested"] * 2]


async def test_the_row_itself_is_the_evidence_where_that_is_said(service: Service, cast: Cast) -> None:
    row = {**signed(cast.assisting, cast.requesting), "evidence_sha256": ""}
    assert "evidence_sha256 is needed" in refusals(await take(service, row))[0]
    table = read(csv_bytes(*sheet_of(row)))
    (read_row,), _ = read_rows(table, Options())
    found = await shown(cast.assisting, await take(service, row, row_as_evidence=True))
    assert found["parties"][0]["signature"]["evidence_sha256"] == read_row.sha256


async def test_parties_are_named_by_ori_id_or_full_name(service: Service, cast: Cast) -> None:
    ori = f"MN{uuid4().hex[:7].upper()}"
    name = f"Sheriff\u2019s Office {ori} (demo)"
    new = {"name": name, "kind": "county", "level": "county", "state": "MN", "oris": [ori]}
    made = await service.operator.done("POST", "/v1/agencies", new)
    for token in (ori, name.upper(), name.replace("\u2019", "'"), made["id"]):
        row = signed(cast.assisting, parties=f"{token}; {cast.assisting.name}")
        found = await shown(cast.assisting, await take(service, row))
        assert {party["agency_id"] for party in found["parties"]} == {made["id"], str(cast.assisting.id)}


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
    assert (await shown(cast.assisting, report))["notice_days"] == 60
    with pytest.raises(ImportFormatError, match=r"A \(Agreement #\) and L \(number\) both mean number"):
        await take(service, {**usual, "number": "1"})


# Refusing.


async def test_a_cell_that_is_no_date_is_named_as_the_spreadsheet_names_it(service: Service, cast: Cast) -> None:
    good = signed(cast.assisting, cast.requesting)
    bad = {**signed(cast.assisting, cast.requesting), "signed_on": "05/082025", "effective_on": "5025-07-07"}
    for xlsx, file in ((False, "tracker.csv, "), (True, "tracker.xlsx, Sheet1!")):
        report = await take(service, good, {**bad, "number": f"B-{file}"}, xlsx=xlsx)
        assert report.refused == 1
        assert refusals(report) == [
            f"{file}F3 (effective_on): “5025-07-07”: 5025 is not a year from 1950 to 2100.",
            f"{file}H3 (signed_on): “05/082025” is not a date; write it as YYYY-MM-DD, such as 2025-05-08.",
        ]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"kind": "handshake"}, "(kind): Invalid enum value 'handshake'"),
        ({"title": "x" * 201}, "(title): Expected `str` of length <= 200"),
        ({"notice_days": "4000"}, "(notice_days): Expected `int` <= 3650"),
        ({"categories": "k9; k8"}, "(categories): There is no category “k8”."),
        ({"purposes": "fun"}, "(purposes): There is no purpose “fun”."),
        ({"liability": "nobody"}, "(liability): Invalid enum value 'nobody'"),
        ({"max_duration_hours": 0}, "(max_duration_hours): Expected `int` >= 1"),
        ({"auto_renew_months": 12}, "(auto_renew_months): without an expiry there is no term to renew"),
        ({"expires_on": "2024-12-31"}, "(expires_on): The expiry date must not lie before the effective date"),
        ({"time_zone": "Mars/Olympus"}, "(time_zone): not an IANA time zone name"),
        ({"signed_on": ""}, "(signed_on): signed_on is needed: the status says that it is signed."),
        ({"status": "pending"}, "(status): The row has a day of signature, yet is not signed by its status."),
        ({"status": "terminated"}, "(status): An agreement that has ended is not taken over as such"),
        ({"status": "filed"}, "(status): “filed” is none of:"),
        ({"signatory_title": ""}, "(signatory_title): signatory_title is needed"),
        ({"evidence_sha256": "abc"}, "(evidence_sha256): Expected `str` of length >= 64"),
        ({"title": ""}, "(title): title is needed."),
        ({"title": "#REF!"}, "(title): “#REF!” is an error of the spreadsheet"),
        ({"title": "a\x07b"}, "(title): The cell holds the control character U+0007."),
        ({"parties": "MN0000000; ZZ9999999"}, "(parties): There is no agency “MN0000000” here."),
        ({"custodian": "Nobody's Office"}, "(custodian): There is no agency “Nobody's Office” here."),
    ],
)
async def test_what_the_registry_cannot_take_is_refused_at_its_cell(
    service: Service, cast: Cast, cells: dict[str, Any], fault: str
) -> None:
    row = signed(cast.assisting, cast.requesting, status="executed")
    found = refusals(await take(service, row | cells))
    assert len(found) == 1, found
    assert fault in found[0]
    listed = await cast.assisting.legal.done("GET", f"/v1/agreements?q={row['number']}")
    assert listed["items"] == []


async def test_a_day_of_signature_yet_to_come_is_refused(service: Service, cast: Cast) -> None:
    row = {**signed(cast.assisting, cast.requesting), "signed_on": str(utc_now().date() + timedelta(days=2))}
    assert "yet to come" in refusals(await take(service, row))[0]


async def test_contradictory_terms_are_named_in_each_of_their_cells(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, reimbursement="none", free_hours="12")
    found = refusals(await take(service, row))
    assert [fault.partition(": ")[0] for fault in found] == [
        "tracker.csv, L2 (free_hours)",
        "tracker.csv, K2 (reimbursement)",
    ]


async def test_an_office_without_the_authority_is_refused_before_anything_is_written(
    service: Service, cast: Cast
) -> None:
    authority = {"office": "Mayor", "basis": "charter", "citation": "Charter 4.2", "valid_from": "2020-01-01"}
    path = f"/v1/agencies/{cast.requesting.id}/signing-authorities"
    await cast.requesting.admin.done("POST", path, authority)
    row = signed(cast.assisting, cast.requesting)
    before = await everything(service.database)
    (fault,) = refusals(await take(service, row, attest_parties=True))
    assert "(signatory_title)" in fault
    assert await everything(service.database) == before
    assert (await take(service, row)).entered == 1
    assert "(signatory_title)" in refusals(await take(service, row, attest_parties=True))[0]
    mayor = {**signed(cast.assisting, cast.requesting), "signatory_title": "Mayor"}
    assert (await take(service, mayor, attest_parties=True)).entered == 1


async def test_a_custodian_is_one_of_the_parties(service: Service, cast: Cast) -> None:
    row = {**signed(cast.assisting, cast.requesting), "custodian": str(cast.neighbour.id)}
    assert (
        "(parties): The agency that keeps the agreement must be one of its parties."
        in (refusals(await take(service, row))[0])
    )


async def test_a_name_that_fits_several_agencies_is_refused_with_the_candidates(service: Service, cast: Cast) -> None:
    name = f"Twin Rivers {uuid4().hex[:8]}"
    new = {"name": name, "kind": "city", "level": "local", "state": "MN"}
    ids = [(await service.operator.done("POST", "/v1/agencies", new))["id"] for _ in range(2)]
    (fault,) = refusals(await take(service, signed(cast.assisting, parties=f"{name}; {cast.assisting.id}")))
    assert f"“{name}” fits 2 agencies" in fault
    assert all(each in fault for each in ids)


async def test_a_formula_is_refused_where_its_value_is_needed_and_nowhere_else(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, **{"days left": "=TODAY()"})
    assert (await take(service, row, xlsx=True)).entered == 1
    other = signed(cast.assisting, cast.requesting, expires_on="=B2+365")
    assert "holds a formula" in refusals(await take(service, other, xlsx=True))[0]


async def test_every_fault_of_a_row_is_told_at_once_and_the_other_rows_are_taken(service: Service, cast: Cast) -> None:
    bad = signed(cast.assisting, cast.requesting, expires_on="soon", notice_days="a month")
    report = await take(service, bad, signed(cast.assisting, cast.requesting))
    assert counts(report) == (1, 0, 0, 1)
    assert [row.outcome for row in report.rows] == ["refused", "entered"]
    assert {fault.name for fault in report.rows[0].faults} == {"expires_on", "notice_days"}


async def test_a_number_comes_once_in_a_file_and_may_come_again_with_another_custodian(
    service: Service, cast: Cast
) -> None:
    row = signed(cast.assisting, cast.requesting)
    other = {**signed(cast.requesting, cast.assisting), "number": row["number"]}
    report = await take(service, row, {**row, "title": "Another"}, other)
    assert counts(report) == (2, 0, 0, 1)
    assert refusals(report) == ["tracker.csv, A3 (number): tracker.csv, row 2 has the same number."]


# Again.


async def test_the_same_file_again_changes_nothing_and_says_so(service: Service, cast: Cast) -> None:
    rows = [signed(cast.assisting, cast.requesting), draft(cast.assisting, cast.neighbour)]
    assert counts(await take(service, *rows, attest_parties=True)) == (2, 0, 0, 0)
    before = await everything(service.database)
    again = await take(service, *rows, attest_parties=True)
    assert counts(again) == (0, 0, 2, 0)
    assert again.rows == []
    assert await everything(service.database) == before
    reordered = [dict(reversed(row.items())) for row in rows]
    assert counts(await take(service, *reordered, xlsx=True)) == (0, 0, 2, 0)
    assert await everything(service.database) == before


async def test_a_dry_run_writes_nothing_and_reports_the_same(service: Service, cast: Cast) -> None:
    rows = [
        signed(cast.assisting, cast.requesting),
        draft(cast.assisting, cast.neighbour),
        draft(cast.assisting, cast.neighbour, expires_on="never"),
    ]
    before = await everything(service.database)
    tried = await take(service, *rows, dry_run=True)
    assert await everything(service.database) == before
    done = await take(service, *rows)
    assert tried.dry_run
    assert counts(tried) == counts(done) == (2, 0, 0, 1)
    assert [row.outcome for row in tried.rows] == [row.outcome for row in done.rows]


async def test_a_draft_of_the_tracker_follows_its_row(service: Service, cast: Cast) -> None:
    row = draft(cast.assisting, cast.requesting)
    entered = await take(service, row)
    changed = {**row, "title": "Renamed (demo)", "notice_days": 60, "categories": "lab"}
    assert counts(await take(service, changed)) == (0, 1, 0, 0)
    found = await shown(cast.assisting, entered)
    assert (found["title"], found["notice_days"], found["categories"]) == ("Renamed (demo)", 60, ["lab"])
    assert await events(cast.assisting, found["id"]) == ["agreement.created", "agreement.updated"]
    assert counts(await take(service, changed)) == (0, 0, 1, 0)


async def test_a_draft_that_was_edited_here_is_left_to_its_custodian(service: Service, cast: Cast) -> None:
    row = draft(cast.assisting, cast.requesting)
    report = await take(service, row)
    path = f"/v1/agreements/{report.rows[0].agreement_id}"
    tag = (await cast.assisting.legal.get(path)).headers["etag"]
    await cast.assisting.legal.done("PATCH", path, {"title": "Ours (demo)"}, if_match=tag)
    assert counts(await take(service, row)) == (0, 0, 1, 0)  # says what it said before
    assert (await cast.assisting.legal.done("GET", path))["title"] == "Ours (demo)"
    paper = {**signed(cast.assisting, cast.requesting), "number": row["number"]}
    for changed in ({**row, "title": "Theirs (demo)"}, paper):
        assert "was edited here" in refusals(await take(service, changed))[0]


async def test_a_draft_that_is_signed_by_now_is_recorded_with_what_the_paper_says(service: Service, cast: Cast) -> None:
    row = draft(cast.assisting, cast.requesting)
    entered = await take(service, row)
    paper = {**signed(cast.assisting, cast.requesting, expires_on="2029-12-31"), "number": row["number"]}
    assert counts(await take(service, paper, attest_parties=True)) == (0, 1, 0, 0)
    found = await shown(cast.requesting, entered)
    assert (found["stage"], found["expires_on"], found["version_no"]) == ("executed", "2029-12-31", 1)
    assert found["version_sha256"] is not None
    assert [party["bound"] for party in found["parties"]] == [True, True]
    assert (await events(cast.assisting, found["id"]))[-2:] == ["agreement.recorded", "agreement.attested"]
    assert counts(await take(service, paper, attest_parties=True)) == (0, 0, 1, 0)
    assert "is executed here, yet the row speaks of a draft" in refusals(await take(service, {**row, "title": "X"}))[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Another title"),
        ("kind", "mou"),
        ("expires_on", "2031-12-31"),
        ("effective_on", "2025-02-01"),
        ("notice_days", "31"),
        ("time_zone", "America/Denver"),
        ("categories", "k9"),
        ("max_duration_hours", "24"),
    ],
)
async def test_a_signed_text_is_not_changed_from_a_tracker(service: Service, cast: Cast, name: str, value: str) -> None:
    row = signed(cast.assisting, cast.requesting, expires_on="2030-12-31", notice_days="30", time_zone="UTC")
    row["max_duration_hours"] = "72"
    await take(service, row)
    before = await everything(service.database)
    (fault,) = refusals(await take(service, {**row, name: value}))
    assert f"({name}): It is signed with another {name}" in fault
    assert "Record an amendment." in fault
    assert await everything(service.database) == before


async def test_parties_of_a_signed_agreement_and_its_signature_stay(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting)
    await take(service, row)
    wider = {**row, "parties": f"{row['parties']}; {cast.neighbour.id}"}
    assert "(parties): It is signed with another parties" in refusals(await take(service, wider))[0]
    for name, value in (("signed_on", "2025-01-02"), ("signatory_title", "Chief"), ("evidence_sha256", "cd" * 32)):
        (fault,) = refusals(await take(service, {**row, name: value}))
        assert f"({name}): The custodian's signature is recorded with another {name}" in fault


async def test_signatures_that_are_lacking_are_attested_later(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, cast.neighbour)
    entered = await take(service, row)
    found = await shown(cast.assisting, entered)
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-02-01"}
    await cast.requesting.legal.done("POST", f"/v1/agreements/{found['id']}/confirm", hand)
    assert counts(await take(service, row, attest_parties=True)) == (0, 1, 0, 0)
    found = await shown(cast.assisting, entered)
    assert [party["signature"]["manner"] for party in found["parties"]] == ["attested", "confirmed", "attested"]
    assert counts(await take(service, row, attest_parties=True)) == (0, 0, 1, 0)


async def test_what_was_amended_here_is_left_as_it_is(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, cast.neighbour)
    found = await shown(cast.assisting, await take(service, row))
    amendment = {"effective_on": "2025-06-01", "reason": "Sixty days (demo)."}
    path = f"/v1/agreements/{found['id']}"
    await cast.assisting.legal.done("POST", f"{path}/amend", amendment)
    assert counts(await take(service, row, attest_parties=True)) == (0, 0, 1, 0)
    found = await cast.assisting.legal.done("GET", path)
    assert [party["signature"] is not None for party in found["parties"]] == [True, False, False]


async def test_a_number_that_was_entered_here_by_hand_is_not_taken_over(service: Service, cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, title="By hand")
    made = await cast.assisting.legal.done("POST", "/v1/agreements", body)
    for row in (draft(cast.assisting, cast.requesting), signed(cast.assisting, cast.requesting)):
        (fault,) = refusals(await take(service, {**row, "number": body["number"]}))
        assert "There is an agreement of that number already." in fault
        assert "By hand" not in fault
    await cast.assisting.legal.done("POST", f"/v1/agreements/{made['id']}/submit", {})
    (fault,) = refusals(await take(service, {**signed(cast.assisting, cast.requesting), "number": body["number"]}))
    assert "The agreement is in_review here" in fault


# Whole rows.


async def test_an_import_that_breaks_off_keeps_whole_rows_and_is_finished_by_the_next(
    service: Service, cast: Cast
) -> None:
    rows = [signed(cast.assisting, cast.requesting) for _ in range(BATCH + 3)]

    def pulled(_done: int) -> None:
        raise OSError("the disk was pulled out")

    options = Options(attest_parties=True)
    found, _ = read_rows(read(csv_bytes(*sheet_of(*rows))), options)
    with pytest.raises(OSError, match="pulled out"):
        await import_agreements(service.database, operator(), KEY, found, options, on_progress=pulled)
    listed = await cast.requesting.legal.done("GET", "/v1/agreements?limit=100")
    assert len(listed["items"]) == BATCH
    heard: list[int] = []
    report = await import_agreements(service.database, operator(), KEY, found, options, on_progress=heard.append)
    assert counts(report) == (3, 0, BATCH, 0)
    assert heard == [BATCH, BATCH + 3]


async def test_two_imports_at_once_enter_each_agreement_once(service: Service, cast: Cast) -> None:
    rows = [signed(cast.assisting, cast.requesting) for _ in range(BATCH + 1)]
    reports = await asyncio.gather(*(take(service, *rows) for _ in range(2)))
    assert sorted(report.entered + report.unchanged for report in reports) == [BATCH + 1] * 2
    assert sum(report.entered for report in reports) == BATCH + 1


async def test_rows_are_counted_all_and_shown_up_to_a_bound(
    service: Service, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_ROWS_SHOWN", 2)
    report = await take(service, *(draft(cast.assisting, cast.requesting, expires_on="x") for _ in range(5)))
    assert (report.refused, len(report.rows), report.rows_left_out) == (5, 2, 3)


async def test_only_the_registrar_imports(service: Service, cast: Cast) -> None:
    for role in (Role.LEGAL, Role.AGENCY_ADMIN, Role.SERVICE):
        with pytest.raises(Forbidden):
            await import_agreements(service.database, operator(role), KEY, [], Options())


# Over HTTP.


async def test_the_operator_sends_rows_and_reads_what_became_of_each(service: Service, cast: Cast) -> None:
    good, bad = signed(cast.assisting, cast.requesting), signed(cast.assisting, cast.requesting, expires_on="7/72025")
    body = {"rows": [good, bad], "attest_parties": True}
    tried = await service.operator.done("POST", PATH, {**body, "dry_run": True})
    assert (tried["dry_run"], tried["entered"], tried["refused"]) == (True, 1, 1)
    report = await service.operator.done("POST", PATH, body)
    assert (report["entered"], report["refused"]) == (1, 1)
    (fault,) = report["rows"][1]["faults"]
    assert (fault["file"], fault["row"], fault["column"], fault["name"]) == ("rows", 2, None, "expires_on")
    found = await cast.requesting.legal.done("GET", f"/v1/agreements/{report['rows'][0]['agreement_id']}")
    assert [party["bound"] for party in found["parties"]] == [True, True]
    again = await service.operator.done("POST", PATH, body)
    assert (again["entered"], again["unchanged"]) == (0, 1)


async def test_a_repeated_request_has_one_effect_and_one_answer(service: Service, cast: Cast) -> None:
    body, key = {"rows": [signed(cast.assisting, cast.requesting)]}, f"import-{uuid4()}"
    first = await service.operator.post(PATH, body, key=key)
    second = await service.operator.post(PATH, body, key=key)
    assert first.json()["entered"] == 1
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"


async def test_an_import_needs_the_registrars_token_and_rows_that_are_a_tracker(service: Service, cast: Cast) -> None:
    body = {"rows": [signed(cast.assisting, cast.requesting)]}
    assert_problem(await service.anonymous.post(PATH, body), 401, "unauthenticated")
    for caller in (cast.assisting.legal, cast.assisting.admin, cast.stranger.legal):
        assert_problem(await caller.post(PATH, body), 403, "forbidden")
    narrow = service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, scope="agreements:attest")
    assert_problem(await narrow.post(PATH, body), 403, "forbidden")
    assert_problem(await service.operator.post(PATH, {}), 400, "invalid_body")
    assert_problem(await service.operator.post(PATH, {"rows": []}), 400, "invalid_body")
    assert_problem(await service.operator.post(PATH, {**body, "dryrun": True}), 400, "unknown_field")
    problem = assert_problem(await service.operator.post(PATH, {"rows": [{"name": "x"}]}), 422, "import_format")
    assert "lacks the columns" in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/rows"


async def test_restricted_words_of_a_custodian_s_draft_are_not_told_by_a_refusal(service: Service, cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, title="Not for the operator")
    await cast.assisting.legal.done("POST", "/v1/agreements", body)
    row = {**draft(cast.assisting, cast.requesting), "number": body["number"]}
    report = await service.operator.done("POST", PATH, {"rows": [row]})
    assert b"Not for the operator" not in msgspec.json.encode(report)
