"""What the real FBI lists yield: counts they are known to have, so that a changed reader shows here first."""

import csv
from collections import Counter

import pytest

from registry.directory.agencies.fbi import AgencyRecord, RowFault, join, read_cde, read_lee
from tests.support.places import REAL_DATA, ROOT, present

REAL = REAL_DATA / "agencies"
LEE, CDE = REAL / "fbi_lee_latest.csv", REAL / "cde_agencies_2018_latlon.csv"
SAMPLE = ROOT / "registry" / "directory" / "agencies" / "sample"


def codes(record: AgencyRecord) -> list[str]:
    return [note.partition(":")[0] for note in record.notes]


@pytest.fixture(scope="module")
def outcome() -> list[AgencyRecord | RowFault]:
    with present(LEE).open("rb") as employees, present(CDE).open("rb") as places:
        return list(join(read_lee(employees), read_cde(places)))


@pytest.fixture(scope="module")
def records(outcome: list[AgencyRecord | RowFault]) -> list[AgencyRecord]:
    return [row for row in outcome if isinstance(row, AgencyRecord)]


@pytest.fixture(scope="module")
def noted(records: list[AgencyRecord]) -> Counter[str]:
    return Counter(code for record in records for code in set(codes(record)))


def test_all_18330_agencies_of_the_employee_list_come_out_and_no_row_is_refused(
    outcome: list[AgencyRecord | RowFault], records: list[AgencyRecord]
) -> None:
    assert len(records) == len(outcome) == 18_330
    assert len({record.ori for record in records}) == 18_330
    assert len({record.digest for record in records}) == 18_330


def test_16441_are_in_both_lists_and_1889_in_the_first_only(records: list[AgencyRecord]) -> None:
    assert sum(record.full_name is not None for record in records) == 16_441
    only_here = [note for r in records for note in r.notes if note.endswith("not in the Crime Data API list")]
    assert len(only_here) == 1_889


def test_2301_have_no_coordinates_one_of_them_because_the_list_says_minus_nine(
    records: list[AgencyRecord], noted: Counter[str]
) -> None:
    # 1,889 not in the second list, 411 there without a point, 1 with the placeholder (-9, -9).
    assert noted["no_coordinates"] == sum(record.latitude is None for record in records) == 2_301
    assert [r.ori for r in records if "coordinates_implausible" in codes(r)] == ["KY0710900"]


def test_every_point_is_in_the_united_states_even_east_of_the_antimeridian(
    records: list[AgencyRecord],
) -> None:
    points = [(r.ori, r.latitude, r.longitude) for r in records if r.latitude is not None]
    assert all(lat > 13 and (lon < -64 or lon > 144) for _, lat, lon in points if lat and lon)
    assert ("AK0013300", 51.959447, 178.338813) in points


def test_1741_names_repeat_an_earlier_one_as_written_and_1752_once_tidied(
    records: list[AgencyRecord], noted: Counter[str]
) -> None:
    with LEE.open(encoding="utf-8", newline="") as file:
        written = Counter(
            (row["state_abbr"], row["pub_agency_name"], row["agency_type_name"]) for row in csv.DictReader(file)
        )
    assert sum(times - 1 for times in written.values()) == 1_741
    tidied = Counter((record.state, record.name.casefold(), record.kind) for record in records)
    assert sum(times - 1 for times in tidied.values()) == 1_752
    assert noted["name_not_unique"] == sum(times for times in tidied.values() if times > 1) == 1_958


def test_the_other_oddities_are_noted_as_often_as_they_occur(records: list[AgencyRecord], noted: Counter[str]) -> None:
    assert noted["counties_joined"] == 639
    assert noted["population_not_reported"] == sum(r.population is None for r in records) == 3_809
    assert noted["type_differs"] == 4
    assert noted["counties_not_specified"] == 468 + 13  # “NOT SPECIFIED” and “UNMAPPED COUNTY”
    assert sum("pub_agency_name had stray blanks" in note for r in records for note in r.notes) == 174
    assert sum(record.sworn == 0 for record in records) == 1_095
    assert sum(record.data_year == 2025 for record in records) == 15_885


def test_the_fbi_codes_for_nebraska_and_guam_become_postal_ones(records: list[AgencyRecord]) -> None:
    states = Counter(record.state for record in records)
    assert states["NE"] == 192
    assert states["GU"] == 2
    assert "NB" not in states
    assert [record.ori for record in records if record.state is None] == ["USAID000Z"]


def test_reading_and_joining_them_again_yields_the_same(outcome: list[AgencyRecord | RowFault]) -> None:
    with LEE.open("rb") as employees, CDE.open("rb") as places:
        again = list(join(read_lee(employees), read_cde(places)))
    assert again == outcome


def test_the_shipped_sample_is_part_of_the_real_lists(outcome: list[AgencyRecord | RowFault]) -> None:
    for sample, full in (
        (SAMPLE / "agencies_lee_sample.csv", LEE),
        (SAMPLE / "agencies_cde_sample.csv", CDE),
    ):
        assert set(sample.read_text("utf-8").splitlines()) <= set(full.read_text("utf-8").splitlines())
