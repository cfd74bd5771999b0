"""Replaying a published list: drafts, recordings and notes in histories, once and again, snapshot by snapshot."""

import asyncio
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from registry.agreements.instruments.tables import agreement, agreement_party_window, agreement_signature
from registry.agreements.tracker.commands import replaying
from registry.agreements.tracker.commands.replaying import replay
from registry.agreements.tracker.profiles import load_profile
from registry.agreements.tracker.replay_report import ReplayReport
from registry.agreements.tracker.sightings import Panel
from registry.agreements.tracker.tables import tracker_entry, tracker_listing, tracker_snapshot
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Role
from registry.platform.database.connect import Database
from registry.platform.kernel.errors import Conflict, Forbidden, RuleBroken
from registry.platform.ledger.tables import ledger_event
from tests.support.cast import Agency, Cast, make_agency
from tests.support.listings import panel_of, pending, signed
from tests.support.service import Service
from tests.support.tracker import KEY, operator

pytestmark = pytest.mark.second_long

PROFILE = load_profile("287g")
TABLES = (
    *(agency, agreement, agreement_signature, agreement_party_window, ledger_event),
    *(tracker_entry, tracker_listing, tracker_snapshot),
)


async def everything(database: Database) -> dict[str, list[Any]]:
    """Every row that a replay could touch."""
    return {
        table.name: sorted((tuple(row) for row in await database.read().all(sa.select(table))), key=repr)
        for table in TABLES
    }


@pytest.fixture
async def keeper(service: Service) -> Agency:
    """The agency that keeps the agreements of the list; a fresh one, so that each test has a list of its own."""
    return await make_agency(service, "Keeper")


async def play(keeper: Agency, panel: Panel, *, create: bool = True, dry_run: bool = False) -> ReplayReport:
    return await replay(
        keeper.service.database,
        operator(),
        KEY,
        panel,
        PROFILE,
        str(keeper.id),
        create_agencies=create,
        dry_run=dry_run,
    )


def done(report: ReplayReport) -> tuple[int, int, int]:
    return report.drafts_entered, report.agreements_recorded, report.notes


async def listed(keeper: Agency) -> list[dict[str, Any]]:
    found = await keeper.legal.done("GET", f"/v1/agreements?party_id={keeper.id}&limit=100")
    return [await keeper.legal.done("GET", f"/v1/agreements/{each['id']}") for each in found["items"]]


async def the_one(keeper: Agency) -> dict[str, Any]:
    (found,) = await listed(keeper)
    return found


async def history(keeper: Agency, found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    answer = await keeper.auditor.done("GET", f"/v1/agreements/{found['id']}/history?sort=version")
    return [(event["type"].removeprefix("agreement."), event["data"]) for event in answer["items"]]


async def test_a_signed_one_is_recorded_and_reported_of_all_parties_on_the_row(keeper: Agency) -> None:
    panel = panel_of({1: [signed()]})
    assert done(await play(keeper, panel)) == (0, 1, 0)
    found = await the_one(keeper)
    assert (found["stage"], found["status"], found["kind"]) == ("partly_executed", "unconfirmed", "moa")
    assert (found["effective_on"], found["expires_on"], found["notice"]["days"]) == ("2025-05-01", None, 90)
    assert [party["agency"]["name"] for party in found["parties"]] == [keeper.name, "Pineford County Sheriff's Office"]
    assert [party["bound"] for party in found["parties"]] == [False, False], "a list binds nobody"
    (sighting,) = next(iter(panel.seen.values())).values()
    assert [report["status"] for report in found["reported_acts"]] == ["unseconded", "unseconded"]
    assert {report["evidence"]["sha256"] for report in found["reported_acts"]} == {sighting.row.sha256}
    (recorded, said), (own, _), (reported, why) = await history(keeper, found)
    assert (recorded, own, reported) == ("recorded", "act_reported", "act_reported")
    assert said["evidence"] == "the list's row"
    assert (said["source"], said["snapshot"]) == ("287g", "2025-05-01T12:00:00.000000Z")
    assert "snapshot of 2025-05-01" in why["reason"]


async def test_a_pending_one_is_the_custodian_s_draft_until_it_is_seen_signed(keeper: Agency) -> None:
    await play(keeper, panel_of({}, {1: [pending()]}))
    found = await the_one(keeper)
    assert (found["stage"], found["effective_on"]) == ("draft", "2025-05-01")
    both = panel_of({2: [signed(day="2025-05-02")]}, {1: [pending()], 2: []})
    assert done(await play(keeper, both)) == (1, 1, 0)  # the draft is the one that fills the empty snapshot
    found = next(each for each in await listed(keeper) if each["id"] == found["id"])
    assert (found["stage"], found["effective_on"]) == ("partly_executed", "2025-05-02")
    assert [event for event, _ in await history(keeper, found)] == [
        *("created", "updated", "recorded", "act_reported", "act_reported")
    ]


async def test_a_snapshot_taken_in_the_evening_is_of_that_day_there(keeper: Agency) -> None:
    """At 01:30 UTC on 2 May it is half past nine in the evening of the first in Washington."""
    evening = panel_of({}, {2: [pending()]}, lambda cells: [cells[0].replace("_120000", "_013000"), *cells[1:]])
    await play(keeper, evening)
    assert (await the_one(keeper))["effective_on"] == "2025-05-01"


async def test_leaving_the_list_is_noted_and_ends_nothing(keeper: Agency) -> None:
    other = signed("Cedar County Sheriff's Office")
    panel = panel_of({1: [signed(), other], 2: [signed(), other], 3: [other], 4: [signed(), other]})
    assert done(await play(keeper, panel)) == (0, 2, 2)
    first, second = sorted(
        await listed(keeper), key=lambda each: str(each["parties"][1]["agency"]["name"]), reverse=True
    )
    told = await history(keeper, first)
    assert [event for event, _ in told] == [
        *("recorded", "act_reported", "act_reported", "no_longer_listed", "listed_again")
    ]
    assert told[3][1] == {
        "source": "287g",
        "list": "signed",
        "snapshot": "2025-05-03T12:00:00.000000Z",
        "last_seen": "2025-05-02T12:00:00.000000Z",
    }
    assert (first["status"], first["terminated_at"]) == ("unconfirmed", None)
    assert len(await history(keeper, second)) == 3


async def test_another_day_of_signature_is_noted_and_not_applied(keeper: Agency) -> None:
    panel = panel_of({1: [signed(day="2025-04-15")], 2: [signed(day="2025-04-14")]})
    report = await play(keeper, panel)
    assert done(report) == (0, 1, 1)
    assert [(change.was, change.now, change.stands) for change in report.facts.date_changes] == [
        ("2025-04-15", "2025-04-14", "2025-04-15")
    ]
    found = await the_one(keeper)
    assert found["reported_acts"][0]["acted_on"] == found["effective_on"] == "2025-04-15"
    event, said = (await history(keeper, found))[-1]
    assert (event, said["signed"]) == ("listed_otherwise", {"from": "2025-04-15", "to": "2025-04-14"})


async def test_a_day_that_cannot_be_read_is_listed_and_recorded_once_it_can(keeper: Agency) -> None:
    bad = panel_of({1: [signed(day="7/72025")]}, {1: [pending()]})
    report = await play(keeper, bad)
    assert (report.listed, report.recorded, done(report)) == (1, 0, (0, 0, 0))
    assert [str(fault) for fault in report.refused] == [
        "signed.csv, F2 (SIGNED): “7/72025” is not a date; write it as YYYY-MM-DD, such as 2025-05-08."
    ]
    mended = panel_of({1: [signed(day="7/72025")], 2: [signed(day="2025-05-02")]}, {1: [pending()]})
    report = await play(keeper, mended)
    assert (report.listed, report.recorded, done(report)) == (1, 1, (0, 1, 0))
    assert (await the_one(keeper))["effective_on"] == "2025-05-02"


async def test_a_draft_waits_while_the_day_of_its_signature_cannot_be_read(keeper: Agency) -> None:
    lists = {1: [pending()], 2: [pending("Cedar")]}
    report = await play(keeper, panel_of({2: [signed(day="05/082025")]}, lists))
    assert (report.drafts_entered, report.agreements_recorded) == (2, 0)
    drafts = await listed(keeper)
    assert {each["stage"] for each in drafts} == {"draft"}
    report = await play(keeper, panel_of({2: [signed(day="05/082025")], 3: [signed(day="2025-05-02")]}, lists))
    assert done(report) == (0, 1, 0)
    assert [each["stage"] for each in await listed(keeper)].count("partly_executed") == 1


async def test_a_second_replay_changes_nothing(keeper: Agency) -> None:
    panel = panel_of(
        {1: [signed(), signed("Cedar")], 2: [signed("Cedar", "2025-05-02"), signed("Elm", "5025-01-01")]},
        {1: [pending("Fir")], 2: [pending("Gum", state="UTAHJ")]},
    )
    first = await play(keeper, panel)
    before = await everything(keeper.service.database)
    second = await play(keeper, panel)
    assert await everything(keeper.service.database) == before
    assert done(second) == (0, 0, 0)
    assert second.unchanged == 5
    assert (second.facts, second.refused, second.recorded) == (first.facts, first.refused, first.recorded)


async def test_a_dry_run_writes_nothing_and_reports_the_same(keeper: Agency) -> None:
    one, other = f"Fir {keeper.name}", f"Gum {keeper.name}"
    two_forms = [signed(one), signed(one, form="Task Force Model")]
    panel = panel_of({1: two_forms, 2: [signed(one, "2025-05-02")]}, {1: [pending(other)]})
    before = await everything(keeper.service.database)
    tried = await play(keeper, panel, dry_run=True)
    assert await everything(keeper.service.database) == before
    assert tried == msgspec.structs.replace(await play(keeper, panel), dry_run=True)
    assert tried.agencies_created == 2  # one has two forms


async def test_only_what_differs_between_snapshots_is_written(keeper: Agency) -> None:
    days = {day: [signed(), signed("Cedar")] for day in range(1, 20)}
    await play(keeper, panel_of(days))
    before = await everything(keeper.service.database)
    report = await play(keeper, panel_of({**days, 20: [signed(), signed("Cedar")]}))
    after = await everything(keeper.service.database)
    assert report.unchanged == 2
    assert {name for name in after if after[name] != before[name]} == {"tracker_snapshot"}


async def test_a_new_snapshot_alone_goes_on_where_the_last_replay_ended(keeper: Agency) -> None:
    await play(keeper, panel_of({1: [signed(), signed("Cedar")], 2: [signed(), signed("Cedar")]}))
    report = await play(keeper, panel_of({3: [signed("Cedar"), signed("Elm")]}))
    assert done(report) == (0, 1, 1)
    gone = next(each for each in await listed(keeper) if "Pineford" in each["title"])
    event, said = (await history(keeper, gone))[-1]
    assert (event, said["last_seen"]) == ("no_longer_listed", "2025-05-02T12:00:00.000000Z")


async def test_history_is_only_added_to(keeper: Agency) -> None:
    await play(keeper, panel_of({2: [signed()], 4: [signed()]}))
    before = await everything(keeper.service.database)
    report = await play(keeper, panel_of({2: [signed("Cedar")], 3: [signed("Elm")], 4: [signed()]}))
    assert [(late.taken_at.day, late.reason) for late in report.not_replayed] == [
        (2, "It was replayed before with other rows."),
        (3, "A later snapshot was replayed already."),
    ]
    assert await everything(keeper.service.database) == before


# Agencies.


async def test_the_other_party_is_met_by_state_and_name(service: Service, keeper: Agency) -> None:
    place = keeper.name.replace(" ", "")
    new = {"name": f"{place} County Sheriff's Department", "kind": "county", "level": "county", "state": "MN"}
    made = await service.operator.done("POST", "/v1/agencies", new)
    written = f"{place.upper()} County Sheriff\u2019s Office"
    report = await play(keeper, panel_of({1: [signed(written)]}), create=False)
    assert done(report) == (0, 1, 0)
    assert (await the_one(keeper))["parties"][1]["agency"]["id"] == made["id"]
    elsewhere = await play(keeper, panel_of({2: [signed(written, state="WISCONSIN")]}), create=False)
    assert [fault.code for fault in elsewhere.refused] == ["unknown_agency"]


async def test_what_was_refused_for_want_of_an_agency_goes_in_once_there_is_one(keeper: Agency) -> None:
    name = f"Hazel {keeper.name} Police Department"
    panel = panel_of({1: [signed(name)], 2: [signed(name)]})
    report = await play(keeper, panel, create=False)
    assert (report.listed, report.recorded) == (1, 0)
    (fault,) = report.refused
    assert fault.place() == "signed.csv, C2 (LAW ENFORCEMENT AGENCY)"
    before = await everything(keeper.service.database)
    await play(keeper, panel, create=False)
    assert await everything(keeper.service.database) == before
    assert (await play(keeper, panel)).recorded == 1


async def test_a_name_that_several_bear_is_refused_with_the_candidates(service: Service, keeper: Agency) -> None:
    name = f"Twin Rivers {keeper.name} Police Department"
    new = {"name": name, "kind": "city", "level": "local", "state": "MN"}
    ids = [(await service.operator.done("POST", "/v1/agencies", new))["id"] for _ in range(2)]
    report = await play(keeper, panel_of({1: [signed(name)]}))
    (fault,) = report.refused
    assert fault.code == "agency_ambiguous"
    assert all(each in fault.detail for each in ids)
    assert done(report) == (0, 0, 0)


async def test_a_created_agency_is_listed_and_of_the_type_that_the_list_gives(keeper: Agency) -> None:
    name = f"Quarry {keeper.name} Police Department"
    rows = [signed(name, kind=""), signed(name, kind="Municipal")]
    await play(keeper, panel_of({1: rows[:1], 2: rows[1:]}))
    found = await the_one(keeper)
    made = await keeper.legal.done("GET", f"/v1/agencies/{found['parties'][1]['agency']['id']}")
    assert (made["status"], made["kind"], made["level"], made["state"]) == ("listed", "city", "local", "MN")
    report = await play(keeper, panel_of({3: [signed(f"Untyped {keeper.name}", kind="")]}))
    assert [(fault.code, fault.name) for fault in report.refused] == [("type_unknown", "TYPE")]


async def test_the_custodian_is_no_party_twice_and_must_be_known(keeper: Agency) -> None:
    report = await play(keeper, panel_of({1: [signed(keeper.name)]}))
    assert [fault.code for fault in report.refused] == ["party_twice"]
    with pytest.raises(RuleBroken, match="There is no agency"):
        await replay(keeper.service.database, operator(), KEY, panel_of({1: [signed()]}), PROFILE, "MN0000000")


async def test_an_agency_with_its_own_signing_authorities_is_not_signed_for(service: Service, keeper: Agency) -> None:
    name = f"Juniper {keeper.name}"
    party = await make_agency(service, name)
    authority = {"office": "Mayor", "basis": "charter", "citation": "Charter 4.2", "effective_on": "2020-01-01"}
    await party.admin.done("POST", f"/v1/agencies/{party.id}/signing-authorities", authority)
    report = await play(keeper, panel_of({1: [signed(party.name)]}))
    assert [fault.name for fault in report.refused] == ["LAW ENFORCEMENT AGENCY"]
    assert done(report) == (0, 0, 0)


# What people did meanwhile.


async def test_a_draft_that_was_edited_here_is_not_signed_by_the_list(keeper: Agency) -> None:
    await play(keeper, panel_of({}, {1: [pending()]}))
    found = await the_one(keeper)
    path = f"/v1/agreements/{found['id']}"
    tag = (await keeper.legal.get(path)).headers["etag"]
    await keeper.legal.done("PATCH", path, {"title": "Ours (demo)"}, if_match=tag)
    report = await play(keeper, panel_of({2: [signed(day="2025-05-02")]}))
    assert [fault.code for fault in report.refused] == ["edited_here"]
    assert ((await the_one(keeper))["stage"], report.recorded) == ("draft", 0)
    again = await play(keeper, panel_of({2: [signed(day="2025-05-02")]}))
    assert [fault.code for fault in again.refused] == ["edited_here"]


async def test_a_draft_that_is_under_review_here_is_signed_here(keeper: Agency) -> None:
    await play(keeper, panel_of({}, {1: [pending()]}))
    found = await the_one(keeper)
    path = f"/v1/agreements/{found['id']}"
    await keeper.legal.done("POST", f"{path}/withdraw", {"reason": "not any more"})
    report = await play(keeper, panel_of({2: [signed(day="2025-05-02")]}))
    assert [fault.code for fault in report.refused] == ["further_here"]
    assert (await the_one(keeper))["stage"] == "withdrawn"


async def test_a_number_that_is_taken_is_refused(keeper: Agency) -> None:
    panel = panel_of({1: [signed()]})
    await play(keeper, panel)
    number = (await the_one(keeper))["number"]
    other = await make_agency(keeper.service, "Another keeper")
    await play(other, panel_of({}, {1: [pending("Cedar")]}))
    found = await the_one(other)
    path = f"/v1/agreements/{found['id']}"
    tag = (await other.legal.get(path)).headers["etag"]
    await other.legal.done("PATCH", path, {"number": number}, if_match=tag)
    report = await play(other, panel_of({2: [signed()]}))
    assert [fault.code for fault in report.refused] == ["number_taken"]


# Whole agreements.


async def test_a_replay_that_breaks_off_keeps_whole_agreements_and_is_finished_by_the_next(
    keeper: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "BATCH", 2)
    names = [f"Oak {number} Police Department" for number in range(5)]
    rows = {1: [signed(name) for name in names], 2: [signed(name, "2025-05-02") for name in names[:3]]}
    panel = panel_of(rows, {1: [pending(names[4])]})

    def pulled(_done: int) -> None:
        raise OSError("the disk was pulled out")

    database, custodian = keeper.service.database, str(keeper.id)
    with pytest.raises(OSError, match="pulled out"):
        await replay(database, operator(), KEY, panel, PROFILE, custodian, create_agencies=True, on_progress=pulled)
    assert len(await listed(keeper)) == 2
    report = await play(keeper, panel)
    assert done(report) == (0, 3, 3)
    assert report.unchanged == 2
    assert (await play(keeper, panel)).unchanged == 5


async def test_of_two_replays_at_once_one_does_it_or_both_do_it_once(keeper: Agency) -> None:
    panel = panel_of({1: [signed(f"Ash {number} Police Department") for number in range(6)]})
    results = await asyncio.gather(*(play(keeper, panel) for _ in range(2)), return_exceptions=True)
    reports = [result for result in results if isinstance(result, ReplayReport)]
    assert reports
    assert all(isinstance(result, ReplayReport | Conflict) for result in results), results
    assert len(await listed(keeper)) == 6
    assert (await play(keeper, panel)).unchanged == 6


async def test_only_the_registrar_replays(keeper: Agency, cast: Cast) -> None:
    for role in (Role.LEGAL, Role.AGENCY_ADMIN, Role.SERVICE):
        with pytest.raises(Forbidden):
            await replay(
                keeper.service.database, operator(role), KEY, panel_of({1: [signed()]}), PROFILE, str(cast.assisting.id)
            )
