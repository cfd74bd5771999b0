"""The tracker sent again: nothing changes, drafts follow their rows, signed texts do not."""

import pytest

from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import LONG_AHEAD, Cast
from tests.support.service import Service
from tests.support.tracker import counts, draft, events, everything, refusals, shown, signed, take

pytestmark = pytest.mark.second_long


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
    respelled = [{**row, "number": row["number"].lower().replace("-", " ")} for row in rows]
    assert counts(await take(service, *respelled, attest_parties=True)) == (0, 0, 2, 0)


async def test_a_dry_run_writes_nothing_and_reports_the_same(service: Service, cast: Cast) -> None:
    rows = [
        signed(cast.assisting, cast.requesting),
        draft(cast.assisting, cast.neighbour),
        draft(cast.assisting, cast.neighbour, expires_on="soon"),
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
    changed = {**row, "title": "Renamed (demo)", "notice": "6 months", "categories": "lab"}
    assert counts(await take(service, changed)) == (0, 1, 0, 0)
    found = await shown(cast.assisting, entered)
    assert (found["title"], found["notice"]["months"], found["categories"]) == ("Renamed (demo)", 6, ["lab"])
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
    paper = {**signed(cast.assisting, cast.requesting, expires_on=str(LONG_AHEAD)), "number": row["number"]}
    assert counts(await take(service, paper, attest_parties=True)) == (0, 1, 0, 0)
    found = await shown(cast.requesting, entered)
    assert (found["stage"], found["expires_on"], found["version_no"]) == ("partly_executed", str(LONG_AHEAD), 1)
    assert found["version_sha256"] is not None
    assert [report["kind"] for report in found["reported_acts"]] == ["signed", "signed"]
    assert (await events(cast.assisting, found["id"]))[-3:] == ["agreement.recorded", *["agreement.act_reported"] * 2]
    assert counts(await take(service, paper, attest_parties=True)) == (0, 0, 1, 0)
    assert (
        "is no draft here any more, yet the row speaks of a draft"
        in refusals(await take(service, {**row, "title": "X"}))[0]
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Another title"),
        ("kind", "mou"),
        ("expires_on", "2031-12-31"),
        ("effective_on", "2025-02-01"),
        ("notice", "31"),
        ("time_zone", "America/Denver"),
        ("categories", "k9"),
        ("max_duration_hours", "24"),
    ],
)
async def test_a_signed_text_is_not_changed_from_a_tracker(service: Service, cast: Cast, name: str, value: str) -> None:
    row = signed(cast.assisting, cast.requesting, expires_on="2030-12-31", notice="30 days", time_zone="UTC")
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


async def test_signatures_that_are_lacking_are_reported_later(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, cast.neighbour)
    entered = await take(service, row)
    found = await shown(cast.assisting, entered)
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-02-01"}
    await cast.requesting.legal.done("POST", f"/v1/agreements/{found['id']}/confirm", hand)
    assert counts(await take(service, row, attest_parties=True)) == (0, 1, 0, 0)
    found = await shown(cast.assisting, entered)
    reported = [report["agency"]["id"] for report in found["reported_acts"]]
    assert reported == [str(cast.assisting.id), str(cast.neighbour.id)], "and of whom has confirmed, not"
    assert counts(await take(service, row, attest_parties=True)) == (0, 0, 1, 0)


async def test_what_was_amended_here_is_left_as_it_is(service: Service, cast: Cast) -> None:
    row = signed(cast.assisting, cast.requesting, cast.neighbour)
    found = await shown(cast.assisting, await take(service, row))
    amendment = {"effective_on": "2025-06-01", "reason": "Sixty days (demo)."}
    path = f"/v1/agreements/{found['id']}"
    await cast.assisting.legal.done("POST", f"{path}/amend", amendment)
    assert counts(await take(service, row, attest_parties=True)) == (0, 0, 1, 0)
    found = await cast.assisting.legal.done("GET", path)
    assert len(found["reported_acts"]) == 1


async def test_a_number_that_was_entered_here_by_hand_is_not_taken_over(service: Service, cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, title="By hand")
    made = await cast.assisting.legal.done("POST", "/v1/agreements", body)
    for row in (draft(cast.assisting, cast.requesting), signed(cast.assisting, cast.requesting)):
        (fault,) = refusals(await take(service, {**row, "number": body["number"]}))
        assert "There is an agreement of that number already." in fault
        assert "By hand" not in fault
    await cast.assisting.legal.done("POST", f"/v1/agreements/{made['id']}/submit", {})
    (fault,) = refusals(await take(service, {**signed(cast.assisting, cast.requesting), "number": body["number"]}))
    assert "There is an agreement of that number already." in fault, "how far it is, no importer is told"


async def test_an_import_tells_nothing_of_a_text_that_came_to_be_here(service: Service, cast: Cast) -> None:
    """Whoever imports is the registry's operator, and reads no draft and no terms: a guess in a cell tells neither."""
    one, two = cast.assisting, cast.requesting
    drafted = await one.legal.done("POST", "/v1/agreements", agreement_body(one, two))
    row = {**draft(one, two), "number": drafted["number"]}
    guesses: tuple[dict[str, str], ...] = (
        {},
        {"title": drafted["title"]},
        {"notice": "45 days"},
        {"max_duration_hours": "24"},
    )
    told = [refusals(await take(service, {**row, **each}, dry_run=True)) for each in guesses]
    path = f"/v1/agreements/{drafted['id']}"
    await one.legal.done("POST", f"{path}/submit")
    told += [refusals(await take(service, {**row, **each}, dry_run=True)) for each in guesses]
    paper = {**signed(one, two), "number": drafted["number"]}
    told.append(refusals(await take(service, paper, dry_run=True)))
    assert len({words for (words,) in told}) == 1
    assert "There is an agreement of that number already." in told[0][0]

    found = await sign_agreement(service, one, two, terms={"categories": ["any"], "max_duration_hours": 72})
    public = {
        "title": found["title"],
        "kind": found["kind"],
        "number": found["number"],
        "time_zone": found["time_zone"],
    }
    dates = {name: found[name] or "" for name in ("effective_on", "expires_on")}
    row = {**signed(one, two), **public, **dates}
    for guess in ({"max_duration_hours": "72"}, {"max_duration_hours": "24"}, {"notice": "45 days"}):
        assert counts(await take(service, {**row, **guess}, dry_run=True)) == (0, 0, 1, 0), guess
    assert "(title)" in refusals(await take(service, {**row, "title": "Another"}, dry_run=True))[0]
