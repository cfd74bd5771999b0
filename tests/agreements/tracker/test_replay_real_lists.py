"""The real lists of agreements under 8 U.S.C. 1357(g), 64 snapshots in a row: counts they are known to have.

571 → 832 and the like count what is listed, rows that cannot be taken over included; what is recorded is told apart.
"""

import csv
import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.documents.commands import Files
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.tables import agreement, agreement_party_window, agreement_signature
from registry.agreements.tracker.cells import CellRefused
from registry.agreements.tracker.commands.filing import file_texts
from registry.agreements.tracker.commands.replaying import replay
from registry.agreements.tracker.file_names import words_of
from registry.agreements.tracker.profiles import load_profile
from registry.agreements.tracker.queries.directory import Directory, Listed
from registry.agreements.tracker.queries.remembered import agreements_of_list
from registry.agreements.tracker.replay_report import ReplayReport
from registry.agreements.tracker.schemas import FilesReport
from registry.agreements.tracker.sightings import Key, Panel, read_panel
from registry.agreements.tracker.tables import tracker_entry, tracker_listing, tracker_snapshot
from registry.directory.agencies.fbi import AgencyRecord, join, read_cde, read_lee
from registry.platform.bulk.sheets import read_file
from registry.platform.files.folder import FolderStore
from registry.platform.files.reading import FileReader
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.tables import ledger_event
from tests.support.cast import Agency, make_agency, today
from tests.support.places import REAL_DATA, present
from tests.support.service import Service
from tests.support.tracker import KEY, operator

LISTS = [REAL_DATA / "agreements" / name for name in ("participating_panel.csv", "pending_panel.csv")]
TEXTS = REAL_DATA / "agreements" / "moa_texts"
pytestmark = [
    pytest.mark.xdist_group("replay"),  # one worker replays the lists, once for each database
    pytest.mark.second_long,
]

PROFILE = load_profile("287g")
TFM, WSO, JEM = "Task Force Model", "Warrant Service Officer", "Jail Enforcement Model"
TABLES = (
    *(agreement, agreement_signature, agreement_party_window, ledger_event),
    *(tracker_entry, tracker_listing, tracker_snapshot),
)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return read_panel([read_file(present(path), PROFILE.is_known) for path in LISTS], PROFILE, today())


class Replayed(Struct, kw_only=True, frozen=True):
    """A service of its own in which the lists were replayed, for a custodian with nothing else to keep."""

    service: Service
    keeper: Agency
    report: ReplayReport
    ids: dict[Key, Any]


@pytest.fixture(scope="module")
async def replayed(panel: Panel, service: Service) -> Replayed:
    """Both lists, replayed once."""
    keeper = await make_agency(service, "Federal custodian")
    report = await play(service, keeper, panel)
    rows = await service.database.read().all(sa.select(tracker_listing))
    ids = {(row.state, row.agency, row.form): row.agreement_id for row in rows}
    return Replayed(service=service, keeper=keeper, report=report, ids=ids)


async def play(service: Service, keeper: Agency, panel: Panel) -> ReplayReport:
    custodian = str(keeper.id)
    return await replay(service.database, operator(), KEY, panel, PROFILE, custodian, create_agencies=True)


async def shown(replayed: Replayed, key: Key) -> dict[str, Any]:
    found: dict[str, Any] = await replayed.keeper.legal.done("GET", f"/v1/agreements/{replayed.ids[key]}")
    return found


async def events(replayed: Replayed, key: Key) -> list[tuple[str, dict[str, Any]]]:
    answer = await replayed.keeper.auditor.done(
        "GET", f"/v1/agreements/{replayed.ids[key]}/history?sort=version&limit=100"
    )
    return [(event["type"].removeprefix("agreement."), event["data"]) for event in answer["items"]]


# What the lists say.


async def test_from_571_listed_to_832_with_276_added_and_15_gone(replayed: Replayed) -> None:
    signed, pending = replayed.report.facts.lists
    assert (signed.list, signed.snapshots, pending.list, pending.snapshots) == ("signed", 29, "pending", 35)
    assert (signed.first_listed, signed.last_listed, signed.added, signed.gone) == (571, 832, 276, 15)


async def test_267_were_pending_228_of_them_signed_at_some_time_and_39_never(replayed: Replayed) -> None:
    facts = replayed.report.facts
    assert (facts.pending, facts.pending_signed_later, facts.pending_never_signed) == (267, 228, 39)


async def test_of_832_listed_829_are_recorded_for_three_have_no_day_that_can_be_read(replayed: Replayed) -> None:
    assert (replayed.report.listed, replayed.report.recorded) == (832, 829)
    for key in (
        ("VIRGINIA", "Campbell County Sheriff's Office", TFM),
        ("UTAH", "Tooele County Sheriff's Office", WSO),
        ("TENNESSEE", "Grundy County Sheriff's Office", WSO),
    ):
        found = replayed.ids[key]
        if found is not None:  # it was pending before, so there is a draft
            assert (await shown(replayed, key))["stage"] == "draft"


async def test_each_bad_cell_is_named_once_with_how_often_it_stands_present(replayed: Replayed) -> None:
    told = {
        (fault.place(), fault.times, fault.code): re.search("“(.*?)”", fault.detail)
        for fault in replayed.report.refused
    }
    file = "participating_panel.csv"
    assert {about: found and found[1] for about, found in told.items()} == {
        (f"{file}, H545 (SIGNED)", 29, "not_a_date"): "05/082025",
        (f"{file}, H14204 (SIGNED)", 9, "year_out_of_range"): "5025-07-07",
        (f"{file}, H14317 (SIGNED)", 4, "not_a_date"): "7/72025",
        (f"{file}, H14337 (SIGNED)", 9, "not_a_date"): "7/72025",
        (f"{file}, C11980 (STATE)", 3, "state_unknown"): "UTAHJ",
        ("pending_panel.csv, C938 (STATE)", 1, "state_unknown"): "AlABAMA",
        (f"{file}, D11056 (LAW ENFORCEMENT AGENCY)", 5, "listed_twice"): None,
    }


async def test_the_day_of_signature_of_20_changes_and_what_was_read_first_stands(replayed: Replayed) -> None:
    changes = replayed.report.facts.date_changes
    assert len({(change.state, change.agency, change.form) for change in changes}) == 20
    key = ("NEW HAMPSHIRE", "Hillsborough County Sheriff's Office", TFM)
    (change,) = [each for each in changes if (each.state, each.agency, each.form) == key]
    assert (change.was, change.now, change.stands) == ("2025-05-16", "2025-05-22", "2025-05-16")
    found = await shown(replayed, key)
    assert {report["acted_on"] for report in found["reported_acts"]} == {"2025-05-16"}
    assert ("listed_otherwise", {"from": "2025-05-16", "to": "2025-05-22"}) in [
        (event, said.get("signed")) for event, said in await events(replayed, key)
    ]


async def test_most_that_left_the_list_came_back_in_it_under_another_name(replayed: Replayed, panel: Panel) -> None:
    signed = [panel.listed[when] for when in panel.timeline if when[1] == "signed"]
    gone = {(state, agency) for state, agency, _ in signed[0] - signed[-1]}
    renamed = {(rename.state, rename.was) for rename in replayed.report.facts.possible_renames}
    assert len(gone & renamed) >= 10
    assert ("MICHIGAN", "Berrian County Sheriff's Offic") in renamed


# What was written.


async def test_what_left_the_list_is_noted_and_ends_nothing(replayed: Replayed) -> None:
    key = ("FLORIDA", "Boca Raton Police Department", TFM)
    found = await shown(replayed, key)
    assert (found["stage"], found["status"]) == ("partly_executed", "unconfirmed")
    event, said = (await events(replayed, key))[-1]
    assert (event, said["last_seen"]) == ("no_longer_listed", "2025-07-14T15:19:04.000000Z")
    terminated = sa.select(sa.func.count()).where(agreement.c.terminated_at.is_not(None))
    assert await replayed.service.database.read().value(terminated) == 0


async def test_what_was_mended_in_a_later_snapshot_is_recorded_then(replayed: Replayed) -> None:
    found = await shown(replayed, ("TEXAS", "Terry County Sheriff's Office", WSO))
    assert (found["stage"], found["effective_on"]) == ("partly_executed", "2025-07-07")
    assert replayed.ids["UTAHJ", "Weber County Sheriff's Office", TFM] is None
    assert (await shown(replayed, ("UTAH", "Weber County Sheriff's Office", TFM)))["effective_on"] == "2025-07-02"


async def test_histories_tell_from_pending_to_signed(replayed: Replayed, panel: Panel) -> None:
    first = {
        key: {on: min(at for at, other in seen if other == on) for _, on in seen} for key, seen in panel.seen.items()
    }
    both = [key for key, ats in first.items() if len(ats) == 2 and ats["pending"] < ats["signed"]]
    assert len(both) > 200
    for key in both[:5]:
        told = [event for event, _ in await events(replayed, key)]
        assert told[0] == "created"
        assert told.index("recorded") < told.index("act_reported")


async def test_those_never_signed_stay_drafts(replayed: Replayed, panel: Panel) -> None:
    never = [key for key, seen in panel.seen.items() if {on for _, on in seen} == {"pending"}]
    stages = sa.select(agreement.c.stage).where(
        agreement.c.id.in_([replayed.ids[key] for key in never if replayed.ids[key] is not None])
    )
    found = [row.stage for row in await replayed.service.database.read().all(stages)]
    assert (len(never), found) == (39, ["draft"] * 38)  # one of a state that is none


async def test_the_evidence_of_a_signature_is_the_hash_of_the_row_that_showed_it_first(replayed: Replayed) -> None:
    key = ("ALABAMA", "Crenshaw County Sheriff's Office", WSO)
    with LISTS[0].open(encoding="utf-8", newline="") as file:
        row = next(row for row in csv.reader(file) if [row[2], row[3].strip(), row[6].strip()] == list(key))
    expected = hashlib.sha256(msgspec.json.encode(row)).hexdigest()
    found = await shown(replayed, key)
    assert {report["evidence"]["sha256"] for report in found["reported_acts"]} == {expected}


async def test_a_second_replay_changes_nothing(replayed: Replayed, panel: Panel) -> None:
    read = replayed.service.database.read()
    before = {table.name: len(await read.all(sa.select(table))) for table in TABLES}
    versions = await read.all(sa.select(agreement.c.id, agreement.c.version).order_by(agreement.c.id))
    again = await play(replayed.service, replayed.keeper, panel)
    written = (again.drafts_entered, again.agreements_recorded, again.notes, again.agencies_created)
    assert (*written, again.unchanged) == (0, 0, 0, 0, len(panel.seen))
    assert (again.facts, again.refused, again.recorded) == (
        replayed.report.facts,
        replayed.report.refused,
        replayed.report.recorded,
    )
    assert {table.name: len(await read.all(sa.select(table))) for table in TABLES} == before
    assert await read.all(sa.select(agreement.c.id, agreement.c.version).order_by(agreement.c.id)) == versions


# Notice: what the profile says, against the texts.


def words(path: Path) -> str:
    return " ".join(path.read_text("utf-8").split())


NINETY_DAYS = re.compile(r"upon 90-day w\S+ notice to the", re.IGNORECASE)  # recognition garbled some letters


def test_every_warrant_service_officer_text_asks_for_ninety_days_and_no_other_does() -> None:
    texts = sorted(present(TEXTS).glob("*.txt"))
    assert len(texts) == 36
    asking = {path.stem.rpartition("__")[2] for path in texts if NINETY_DAYS.search(words(path))}
    assert asking == {"WSO"}
    assert all(NINETY_DAYS.search(words(path)) for path in texts if path.stem.endswith("__WSO"))


async def test_that_notice_is_recorded_with_no_end(replayed: Replayed) -> None:
    statement = sa.select(agreement.c.number, agreement.c.notice, agreement.c.expires_on)
    found = {
        (row.number.split("-")[2], read_notice(row.notice).days, row.expires_on)
        for row in await replayed.service.database.read().all(statement)
    }
    assert found == {("WSO", 90, None), ("TFM", 0, None), ("JEM", 0, None)}
    wso = await shown(replayed, ("ALABAMA", "Crenshaw County Sheriff's Office", WSO))
    assert (wso["notice"]["days"], wso["expires_on"], wso["last_notice_on"]) == (90, None, None)


async def test_each_of_the_36_texts_is_filed_with_its_agreement_by_its_name_alone_and_once(
    replayed: Replayed, panel: Panel, tmp_path: Path
) -> None:
    database = replayed.service.database
    named = await agreements_of_list(database.read(), PROFILE, replayed.keeper.id, panel)
    files = Files(store=FolderStore(tmp_path / "documents"), reader=FileReader())

    async def again() -> FilesReport:
        texts = present(TEXTS)
        return await file_texts(database, operator(), KEY, files, texts, named, most_bytes=25 * 2**20)

    report = await again()
    assert (report.filed, report.unmatched, report.ambiguous, report.refused) == (36, 0, 0, 0)
    keys = {agreement_id: key for key, agreement_id in replayed.ids.items()}
    for each in report.files:
        assert each.agreement_id is not None
        state, agency, form = keys[each.agreement_id]
        said = each.file.removesuffix(".txt").split("__")
        assert [words_of(part) for part in said[:2]] == [words_of(state), words_of(agency)]
        assert said[2] == PROFILE.forms[form].code
    report = await again()
    assert (report.filed, report.unchanged) == (0, 36)


# The other parties, against the FBI's lists.


def test_most_agencies_are_met_in_the_fbi_s_lists_and_none_is_guessed(panel: Panel) -> None:
    folder = REAL_DATA / "agencies"
    with (
        present(folder / "fbi_lee_latest.csv").open("rb") as lee,
        (folder / "cde_agencies_2018_latlon.csv").open("rb") as cde,
    ):
        records = [row for row in join(read_lee(lee), read_cde(cde)) if isinstance(row, AgencyRecord)]
    directory = Directory(
        Listed(
            id=new_id(),
            name=record.full_name or record.name,
            state=record.state,
            kind=record.kind,
            status="listed",
            time_zone=None,
            oris=[record.ori],
        )
        for record in records
    )
    met, several = set(), set()
    named = {(panel.state_codes[key], key[1]) for key in panel.seen if key in panel.state_codes}
    for state, name in named:
        try:
            if directory.at(state, name) is not None:
                met.add((state, name))
        except CellRefused:
            several.add((state, name))
    assert (len(named), len(met), len(several)) == (741, 604, 0)
    assert directory.at("AL", "Crenshaw County Sheriff\u2019s Office") is directory.named("AL0240000")
