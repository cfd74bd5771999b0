"""A row that cannot be taken is refused with its cells named, and the others are taken."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.tracker.statuses import load_statuses
from registry.platform.kernel.errors import Malformed
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.cast import LONG_AHEAD, Cast, today
from tests.support.service import Service
from tests.support.tracker import counts, events, everything, refusals, shown, signed, take

pytestmark = pytest.mark.second_long


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
        ({"kind": "handshake"}, "(kind): The value must be one of mou, moa, mutual_aid"),
        ({"title": "x" * 201}, "(title): The value must be text of 1 to 200 characters"),
        ({"notice": "4000"}, "(notice): The value must be a whole number from 0 up to 3650"),
        (
            {"auto_renew_months": 12, "expires_on": str(LONG_AHEAD)},
            "(auto_renew_times): The term renews itself by 12 months (no clause has the heading of a renewal), and how",
        ),
        ({"auto_renew_times": "often"}, "(auto_renew_times): “often” is neither a whole number nor “no limit” or “sil"),
        (
            {"status": "Expired", "expires_on": "2025-06-30", "auto_renew_months": 12, "auto_renew_times": 1},
            "renews itself: the row does not say with which term it ended. Give the last day on which",
        ),
        ({"categories": "k9; k8"}, "(categories): There is no category “k8”."),
        ({"purposes": "fun"}, "(purposes): There is no purpose “fun”."),
        ({"liability": "nobody"}, "(liability): The value must be one of "),
        ({"max_duration_hours": 0}, "(max_duration_hours): The value must be a whole number from 1 up to"),
        (
            {"auto_renew_months": 12, "auto_renew_times": "no_limit"},
            "(auto_renew_months): without an expiry there is no term to renew",
        ),
        ({"expires_on": "2024-12-31"}, "(expires_on): The expiry date must not lie before the effective date"),
        ({"time_zone": "Mars/Olympus"}, "(time_zone): not an IANA time zone name"),
        ({"signed_on": ""}, "(signed_on): signed_on is needed: “executed” says that it was signed."),
        ({"status": "pending"}, "(status): The row has a day of signature, yet “pending” says that it is a draft."),
        ({"status": "terminated"}, "ended_on is needed: “terminated” says that it was ended. Give the last day"),
        ({"status": "Superseded", "ended_on": "2024-12-31"}, "(ended_on): It would have ended before its first day"),
        ({"status": "ended", "ended_on": "2026-01-02", "expires_on": "2026-01-01"}, "ended after its term ran out on"),
        ({"status": "ended", "ended_on": str(LONG_AHEAD)}, "(ended_on): The last day is yet to come"),
        ({"status": "active", "ended_on": "2025-06-30"}, "(ended_on): The row has the day of an end, yet “active”"),
        ({"status": "Completed"}, "The status says that it is over, yet its term has no last day: give the last day"),
        ({"status": "expired", "expires_on": str(LONG_AHEAD)}, "is over, yet its term runs through"),
        ({"status": "void"}, "(status): “void” says that it never came about. Leave the row out."),
        ({"status": "filed"}, "(status): “filed” is no known status. Known are: abandoned, active,"),
        ({"signatory_title": ""}, "(signatory_title): signatory_title is needed"),
        ({"evidence_sha256": "abc"}, "(evidence_sha256): The value must be 64 characters"),
        ({"title": ""}, "(title): title is needed."),
        ({"title": "#REF!"}, "(title): “#REF!” is an error of the spreadsheet"),
        ({"title": "a\x07b"}, "(title): The cell holds the control character U+0007."),
        ({"parties": "MN0000000"}, "(parties): There is no agency “MN0000000” here."),
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


@pytest.mark.parametrize(
    ("cells", "stands"),
    [
        ({"status": "Expired", "expires_on": "2025-06-30"}, ("expired", None)),
        ({"status": "Completed", "ended_on": "2025-06-30"}, ("terminated", "2025-07-01T05:00:00")),
        ({"status": "Terminated", "ended_on": "2025-06-30", "expires_on": LONG_AHEAD}, ("terminated", "2025-07-01T05")),
        ({"status": "Active", "expires_on": "2025-06-30"}, ("expired", None)),
        ({"status": "expired", "expires_on": "2025-06-30", "ended_on": "2025-06-30"}, ("expired", None)),
        (
            {
                "status": "Expired",
                "expires_on": "2025-06-30",
                "ended_on": "2025-06-30",
                "auto_renew_months": 12,
                "auto_renew_times": "No limit",
            },
            ("terminated", "2025-07-01T05"),
        ),
    ],
)
async def test_what_is_over_is_entered_as_over(
    service: Service, cast: Cast, cells: dict[str, Any], stands: tuple[str, str | None]
) -> None:
    row = signed(cast.assisting, cast.requesting, **cells)
    entered = await take(service, row, attest_parties=True)
    found = await shown(cast.assisting, entered)
    assert found["status"] == stands[0]
    assert str(found["terminated_at"]).startswith(str(stands[1]))
    assert [party["bound"] for party in found["parties"]] == [False, False]
    assert counts(await take(service, row, attest_parties=True)) == (0, 0, 1, 0)


async def test_an_end_that_the_tracker_learns_of_later_is_recorded_while_nobody_acted_on_it(
    service: Service, cast: Cast
) -> None:
    row = signed(cast.assisting, cast.requesting)
    entered = await take(service, row)
    over = {**row, "status": "superseded", "ended_on": "2025-06-30"}
    assert counts(await take(service, over)) == (0, 1, 0, 0)
    found = await shown(cast.assisting, entered)
    assert (found["status"], found["proposals"][0]["kind"]) == ("terminated", "end")
    assert found["proposals"][0]["status"] == "reported", "nobody here has said so"
    assert (await events(cast.assisting, found["id"]))[-1] == "agreement.end_recorded"
    assert counts(await take(service, over)) == (0, 0, 1, 0)
    bound = signed(cast.assisting, cast.requesting)
    found = await shown(cast.assisting, await take(service, bound))
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-02-01"}
    await cast.requesting.legal.done("POST", f"/v1/agreements/{found['id']}/confirm", hand)
    (fault,) = refusals(await take(service, {**bound, "status": "ended", "ended_on": "2025-06-30"}))
    assert "a party that is bound records the end" in fault


async def test_what_a_later_row_says_is_over_never_stays_in_force(service: Service, cast: Cast) -> None:
    """A row that said `expired` of what an earlier one had entered changed nothing, and it read as in force."""
    one, two = cast.assisting, cast.requesting
    going_on = signed(one, two)
    renewing = signed(one, two, expires_on="2025-12-31", auto_renew_months=12, auto_renew_times="no limit")
    assert counts(await take(service, going_on, renewing)) == (2, 0, 0, 0)
    over = [{**row, "status": "expired"} for row in (going_on, renewing)]
    without_a_term, with_renewals = refusals(await take(service, *over))
    assert "(ended_on): The status says that it is over, yet its term has no last day" in without_a_term
    assert "does not say with which term it ended" in with_renewals
    told = [{**row, "ended_on": "2026-06-30"} for row in over]
    assert counts(await take(service, *told)) == (0, 2, 0, 0)
    # The row gives the end of its own term; here it goes on by a text that came later.
    ended = signed(one, two, expires_on="2025-12-31")
    found = await shown(one, await take(service, ended))
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-02-01"}
    await one.legal.done("POST", f"/v1/agreements/{found['id']}/confirm", hand)
    await amended_on_paper(found, one, two, effective_on="2025-06-01", expires_on=str(LONG_AHEAD))
    (fault,) = refusals(await take(service, {**ended, "status": "expired"}))
    assert "(ended_on)" in fault
    assert "a party that is bound records the end" in fault


def test_ones_own_status_words_go_before_the_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("signed: [On file, Completed]\n", "utf-8")
    words = load_statuses(own)
    assert [words.meaning_of(word) for word in ("on_file", "completed", "expired", "filed")] == [
        *("signed", "signed", "expired", None)
    ]
    own.write_text("signed: [a]\nended: [A]\n", "utf-8")
    with pytest.raises(Malformed, match="more than once: a"):
        load_statuses(own)


async def test_a_day_of_signature_yet_to_come_is_refused(service: Service, cast: Cast) -> None:
    row = {**signed(cast.assisting, cast.requesting), "signed_on": str(today() + timedelta(days=2))}
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
    authority = {"office": "Mayor", "basis": "charter", "citation": "Charter 4.2", "effective_on": "2020-01-01"}
    path = f"/v1/agencies/{cast.requesting.id}/signing-authorities"
    await cast.requesting.admin.done("POST", path, authority)
    row = signed(cast.assisting, cast.requesting)
    before = await everything(service.database)
    (fault,) = refusals(await take(service, row, attest_parties=True))
    assert "(signatory_title)" in fault
    assert await everything(service.database) == before
    assert (await take(service, row)).created == 1
    assert "(signatory_title)" in refusals(await take(service, row, attest_parties=True))[0]
    mayor = {**signed(cast.assisting, cast.requesting), "signatory_title": "Mayor"}
    assert (await take(service, mayor, attest_parties=True)).created == 1


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
    assert (await take(service, row, xlsx=True)).created == 1
    other = signed(cast.assisting, cast.requesting, expires_on="=B2+365")
    assert "holds a formula" in refusals(await take(service, other, xlsx=True))[0]


async def test_every_fault_of_a_row_is_told_at_once_and_the_other_rows_are_taken(service: Service, cast: Cast) -> None:
    bad = signed(cast.assisting, cast.requesting, expires_on="soon", notice="a while")
    report = await take(service, bad, signed(cast.assisting, cast.requesting))
    assert counts(report) == (1, 0, 0, 1)
    assert [row.outcome for row in report.rows] == ["refused", "created"]
    assert {fault.name for fault in report.rows[0].faults} == {"expires_on", "notice"}


async def test_a_cell_that_cannot_be_read_hides_none_of_the_others(service: Service, cast: Cast) -> None:
    """Only what could not be read was named, and the others came to light one import after another."""
    parties = f"{cast.assisting.id}; Nobody Police; Nowhere Sheriff"
    bad = signed(cast.assisting, parties=parties) | {"signed_on": "TBD", "signatory_title": "", "title": "x" * 201}
    bad |= {"time_zone": "Mars/Olympus", "effective_on": "2025-01-01", "expires_on": "2024-12-31"}
    bad |= {"kind": "handshake", "categories": "k9; k8"}
    for dry_run in (True, False):
        report = await take(service, bad, dry_run=dry_run)
        names = [fault.name for fault in report.rows[0].faults]
        assert sorted(str(name) for name in names) == [
            *(
                "categories",
                "expires_on",
                "kind",
                "parties",
                "parties",
                "signatory_title",
                "signed_on",
                "time_zone",
                "title",
            ),
        ], dry_run


async def test_what_the_rules_refuse_is_told_at_once_too(service: Service, cast: Cast) -> None:
    bad = signed(cast.assisting, cast.requesting, categories="k8") | {"signed_on": str(today() + timedelta(days=2))}
    bad |= {"effective_on": "2025-01-01", "expires_on": "2024-12-31"}
    report = await take(service, bad)
    assert {fault.name for fault in report.rows[0].faults} == {"categories", "expires_on", "signed_on"}


async def test_a_number_comes_once_in_a_file_and_may_come_again_with_another_custodian(
    service: Service, cast: Cast
) -> None:
    row = signed(cast.assisting, cast.requesting)
    other = {**signed(cast.requesting, cast.assisting), "number": row["number"]}
    report = await take(service, row, {**row, "title": "Another"}, other)
    assert counts(report) == (2, 0, 0, 1)
    assert refusals(report) == ["tracker.csv, A3 (number): tracker.csv, row 2 has the same number."]
