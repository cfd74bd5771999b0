"""A published list from snapshot to snapshot: what is a change, what is none, and what is never taken for a fact."""

import hashlib
import io
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.tracker.cells import CellRefused
from registry.agreements.tracker.listings import Listing, Step, earlier, facts_of, follow
from registry.agreements.tracker.profiles import Profile, load_profile, shipped_profiles
from registry.agreements.tracker.queries.directory import Directory, Listed, name_key
from registry.agreements.tracker.rows import row_sha256
from registry.agreements.tracker.sightings import Panel, read_panel
from registry.agreements.tracker.states import CODES, code_of
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.sheets import read_table
from registry.platform.kernel.errors import Malformed
from registry.platform.kernel.ids import new_id
from tests.support.listings import LATEST, panel_of, pending, signed

PROFILE = load_profile("287g")
KEY = ("MINNESOTA", "Pineford County Sheriff's Office", "Warrant Service Officer")


def steps(panel: Panel, before: Listing | None = None) -> list[Step]:
    return follow(panel.seen[KEY], panel.timeline, before, earlier(panel.timeline))[0]


def told(panel: Panel) -> list[tuple[str, str, int]]:
    return [(step.change, step.on, step.at.day) for step in steps(panel)]


def test_what_stays_on_the_list_is_no_change() -> None:
    panel = panel_of({1: [signed()], 2: [signed()], 5: [signed()]})
    assert told(panel) == [("listed", "signed", 1)]


def test_from_pending_to_signed_is_no_departure_even_if_the_other_list_lags_behind() -> None:
    panel = panel_of({1: [], 2: [signed()], 3: [signed()]}, {1: [pending()], 2: [pending()], 3: []})
    assert told(panel) == [("listed", "pending", 1), ("listed", "signed", 2)]


def test_what_leaves_a_list_is_gone_since_the_snapshot_before_and_may_come_back() -> None:
    other = signed("Cedar County Sheriff's Office")
    panel = panel_of({1: [signed(), other], 2: [signed(), other], 4: [other], 6: [signed(), other]})
    assert told(panel) == [("listed", "signed", 1), ("gone", "signed", 4), ("again", "signed", 6)]
    gone = steps(panel)[1]
    assert gone.last_seen is not None
    assert gone.last_seen.day == 2


def test_what_left_the_pending_list_and_signs_later_is_listed_as_signed_for_the_first_time() -> None:
    other = signed("Cedar County Sheriff's Office")
    panel = panel_of({1: [other], 4: [signed(), other]}, {1: [pending()], 2: [pending("Cedar")], 3: [pending("Cedar")]})
    assert told(panel) == [("listed", "pending", 1), ("gone", "pending", 2), ("listed", "signed", 4)]


def test_another_day_of_signature_is_a_change_each_time() -> None:
    panel = panel_of({1: [signed(day="2025-05-01")], 2: [signed(day="2025-05-02")], 3: [signed(day="2025-05-01")]})
    assert told(panel) == [("listed", "signed", 1), ("redated", "signed", 2), ("redated", "signed", 3)]
    changes = facts_of(panel, "SIGNED").date_changes
    assert [(change.was, change.now, change.stands) for change in changes] == [
        ("2025-05-01", "2025-05-02", "2025-05-01"),
        ("2025-05-02", "2025-05-01", "2025-05-01"),
    ]
    assert changes[0].place == "signed.csv, F3 (SIGNED)"


def test_going_on_from_what_is_known_finds_only_what_is_new() -> None:
    first = panel_of({1: [signed()], 2: [signed()]})
    _, known = follow(first.seen[KEY], first.timeline, None, earlier(first.timeline))
    other = signed("Cedar County Sheriff's Office")
    both = panel_of({1: [signed()], 2: [signed()], 3: [other], 4: [signed(), other]})
    assert [(step.change, step.at.day) for step in steps(both, known)] == [("gone", 3), ("again", 4)]
    assert steps(first, known) == []


def test_names_are_trimmed_and_apostrophes_straightened_and_nothing_else() -> None:
    panel = panel_of({1: [signed("Pineford County Sheriff\u2019s Office ")], 2: [signed()]})
    assert list(panel.seen) == [KEY]
    panel = panel_of({1: [signed("Pineford County Sheriff's Offic")], 2: [signed()]})
    assert len(panel.seen) == 2
    (rename,) = facts_of(panel, "SIGNED").possible_renames
    assert (rename.was, rename.now) == ("Pineford County Sheriff's Offic", "Pineford County Sheriff's Office")


@pytest.mark.parametrize("day", ["05/082025", "7/72025", "5025-07-07", "5/8/2025", "", "2025-07-20"])
def test_a_day_that_cannot_be_read_leaves_it_listed_and_is_named_once(day: str) -> None:
    panel = panel_of({1: [signed(day=day)], 2: [signed(day=day)]})
    assert panel.listed[panel.timeline[0]] == {KEY}
    assert [sighting.signed_on for sighting in panel.seen[KEY].values()] == [None, None]
    (fault,) = panel.faults
    assert (fault.row, fault.column, fault.name, fault.times) == (2, "F", "SIGNED", 2)


@pytest.mark.parametrize("state", ["UTAHJ", "AlABAMA", "Minnesota", "XX"])
def test_a_state_is_never_corrected(state: str) -> None:
    panel = panel_of({1: [signed(state=state)]})
    assert panel.state_codes == {}
    (fault,) = panel.faults
    assert (fault.code, fault.column) == ("state_unknown", "B")
    assert f"“{state}”" in fault.detail


def test_a_state_that_is_almost_one_is_named_in_the_refusal() -> None:
    with pytest.raises(CellRefused, match="Is UTAH meant"):
        code_of("UTAHJ")
    assert (code_of("UTAH"), code_of("UT"), len(CODES)) == ("UT", "UT", 56)


def test_a_second_row_of_the_same_in_a_snapshot_is_left_out_and_named() -> None:
    panel = panel_of({1: [signed(day="2025-04-15"), signed(day="2025-04-14")]})
    assert [sighting.signed_text for sighting in panel.seen[KEY].values()] == ["2025-04-15"]
    (fault,) = panel.faults
    assert (fault.code, fault.row) == ("listed_twice", 3)


@pytest.mark.parametrize(
    ("at", "value", "code"),
    [
        (0, "yesterday", "not_an_instant"),
        (1, "", "cell_blank"),
        (2, " ", "cell_blank"),
        (2, "a\x01b", "control_character"),
        (4, "Handshake Model", "form_unknown"),
    ],
)
def test_a_row_that_says_no_agreement_is_refused(at: int, value: str, code: str) -> None:
    row = list(signed())
    lines = {1: [row]}
    panel = panel_of(lines, change=lambda cells: [*cells[:at], value, *cells[at + 1 :]])
    assert panel.seen == {}
    assert [fault.code for fault in panel.faults] == [code]


def test_a_table_that_is_another_list_is_refused() -> None:
    table = read_table(io.BytesIO(b"STATE,TYPE\nX,Y\n"), "other.csv", PROFILE.is_known)
    with pytest.raises(ImportFormatError, match="lacks SNAPSHOT_UTC, LAW ENFORCEMENT AGENCY, SUPPORT TYPE"):
        read_panel([table], PROFILE, LATEST)


def test_counts_tell_the_first_snapshot_from_the_last() -> None:
    panel = panel_of(
        {1: [signed("A"), signed("B")], 2: [signed("B"), signed("C"), signed("D")]},
        {1: [pending("C"), pending("E")]},
    )
    facts = facts_of(panel, "SIGNED")
    (on_signed, on_pending) = facts.lists
    assert (on_signed.first_listed, on_signed.last_listed, on_signed.added, on_signed.gone) == (2, 3, 2, 1)
    assert (on_pending.ever_listed, facts.pending, facts.pending_signed_later, facts.pending_never_signed) == (
        2,
        2,
        1,
        1,
    )


# Evidence, numbers, profiles.


def test_the_hash_of_a_row_is_of_its_cells_as_text() -> None:
    expected = hashlib.sha256('["A-1","Größe","","7","2025-05-08"]'.encode()).hexdigest()
    assert row_sha256(["A-1", "Größe", None, 7, datetime(2025, 5, 8)]) == expected  # noqa: DTZ001


def test_a_number_is_the_same_each_time_and_another_for_each_listing() -> None:
    number = PROFILE.number_of("MN", *KEY[1:])
    assert number == PROFILE.number_of("MN", *KEY[1:])
    assert number.startswith("287G-MN-WSO-")
    assert number != PROFILE.number_of("WI", *KEY[1:])
    assert len(PROFILE.title_of("MN", "x" * 300, KEY[2])) == 200


def test_a_profile_is_shipped_or_a_file_of_ones_own(tmp_path: Any) -> None:
    assert shipped_profiles() == ["287g"]
    own = tmp_path / "own.yaml"
    own.write_text("source: own\n", "utf-8")
    with pytest.raises(Malformed, match="missing required field `about`"):
        load_profile(str(own))
    text = (files("registry.agreements.tracker") / "profiles" / "287g.yaml").read_text("utf-8")
    own.write_text(text.replace("source: 287g", "source: own"), "utf-8")
    assert load_profile(str(own)).source == "own"
    own.write_text(text + "typo: 1\n", "utf-8")
    with pytest.raises(Malformed, match="typo"):
        load_profile(str(own))


def test_the_profile_s_forms_give_the_notice_that_they_ask_for() -> None:
    keeper, other = uuid4(), uuid4()
    forms = {form.code: form.notice_of(keeper) for form in PROFILE.forms.values()}
    days = {code: [str(notice.of(agency)) for agency in (keeper, other)] for code, notice in forms.items()}
    assert days == {code: ["90 days", "90 days" if code == "WSO" else "0 days"] for code in ("TFM", "WSO", "JEM")}
    assert isinstance(PROFILE, Profile)


def test_a_profile_whose_law_does_not_reach_its_own_list_is_refused(tmp_path: Path) -> None:
    assert PROFILE.law is not None
    text = (files("registry.agreements.tracker") / "profiles" / "287g.yaml").read_text("utf-8")
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("\n  kind: moa\n", "\n  kind: mou\n"), "utf-8")
    with pytest.raises(Malformed, match="its law does not apply to the agreements of"):
        load_profile(str(own))


# Names of agencies.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Northfork County Sheriff's Office", "Northfork County Sheriff\u2019s Department"),
        ("Northfork County Sheriffs Office", "NORTHFORK COUNTY SHERIFF"),
        ("City of Lakeside Police Department", "Lakeside Police"),
        ("Acadia Parish Sheriff's Office", "Acadia County Sheriff's Office"),
    ],
)
def test_usual_spellings_of_one_agency_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Northfork County Sheriff's Office", "Northfork County Sheriff's Offic"),
        ("Northfork County Sheriff's Office", "Northfork Police Department"),
        ("Lakeside Police Department", "Lakeside County Police Department"),
        ("Lakeside Public Safety", "Lakeside Police Department"),
    ],
)
def test_other_names_have_other_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def agency(name: str, kind: str = "city", state: str = "MN") -> Listed:
    return Listed(id=new_id(), name=name, state=state, kind=kind, status="listed", time_zone=None, oris=[])


def test_a_short_name_of_the_fbi_is_met_by_its_type() -> None:
    directory = Directory([agency("St. Croix", "county"), agency("St. Croix", "city"), agency("Pine", "county", "WI")])
    found = directory.at("MN", "St. Croix County Sheriff\u2019s Office")
    assert found is not None
    assert found.kind == "county"
    assert directory.at("MN", "Pine County Sheriff's Office") is None
    assert directory.at("MN", "St. Croix Police Department") is None


def test_a_name_that_two_agencies_bear_is_not_guessed() -> None:
    directory = Directory([agency("Lakeside Police"), agency("City of Lakeside Police Department")])
    with pytest.raises(CellRefused) as caught:
        directory.at("MN", "Lakeside Police Department")
    assert caught.value.code == "agency_ambiguous"
    exact = directory.at("MN", "Lakeside Police")
    assert exact is not None
    assert exact.name == "Lakeside Police"


def test_the_day_after_the_latest_is_yet_to_come() -> None:
    assert date(2025, 7, 19) == LATEST
    panel = panel_of({1: [signed(day="2025-07-19")]})
    assert panel.faults == []
    assert panel.timeline[0][0] == datetime(2025, 5, 1, 12, tzinfo=UTC)
