"""Reading the FBI agency lists: what each cell becomes, and what hostile files cannot do."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.directory.agencies.fbi import (
    AgencyRecord,
    CdeRow,
    ImportFormatError,
    LeeRow,
    RowFault,
    digest_of,
    join,
    read_cde,
    read_lee,
    sniff,
)
from tests.support.places import ROOT

SAMPLE = ROOT / "registry" / "directory" / "agencies" / "sample"

LEE_HEADER = (
    "ori,data_year,pub_agency_name,state_abbr,county_name,agency_type_name,"
    "population,officer_ct,civilian_ct,total_pe_ct,pe_ct_per_1000"
)
CDE_HEADER = (
    ",agency_name,agency_type_name,county_name,division_name,latitude,longitude,"
    "nibrs,ori,region_desc,region_name,state_abbr,state_name"
)
GOOD = "MN0270100,2025,Pineford,MN,HENNEPIN,City,87974,135,39,174,1.98"


def lee(*rows: str | bytes, header: str | bytes = LEE_HEADER) -> list[LeeRow | RowFault]:
    lines = [line if isinstance(line, bytes) else line.encode() for line in (header, *rows)]
    return list(read_lee(io.BytesIO(b"\n".join(lines) + b"\n")))


def lee_row(**cells: str) -> str:
    values = dict(zip(LEE_HEADER.split(","), GOOD.split(","), strict=True)) | cells
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(values.values())
    return written.getvalue()


def cde_row(**cells: str) -> str:
    values = dict.fromkeys(CDE_HEADER.split(","), "") | {
        "agency_name": "Pineford Police Department",
        "agency_type_name": "City",
        "county_name": "HENNEPIN",
        "latitude": "44.822388",
        "longitude": "-93.30388",
        "ori": "MN0270100",
        "state_abbr": "MN",
    }
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow((values | cells).values())
    return written.getvalue()


def cde(*rows: str) -> list[CdeRow | RowFault]:
    return list(read_cde(io.BytesIO("\n".join((CDE_HEADER, *rows)).encode())))


def taken(*rows: str | bytes) -> LeeRow:
    (row,) = lee(*rows)
    assert isinstance(row, LeeRow), row
    return row


def refused(*rows: str | bytes) -> RowFault:
    (row,) = lee(*rows)
    assert isinstance(row, RowFault), row
    return row


def joined(employee_list: str, place: str | None = None) -> AgencyRecord:
    (record,) = join(lee(employee_list), cde(place) if place else ())
    assert isinstance(record, AgencyRecord), record
    return record


def codes(row: LeeRow | CdeRow | AgencyRecord) -> list[str]:
    return [note.partition(":")[0] for note in row.notes]


def test_the_sample_shows_every_note_and_no_fault() -> None:
    with (
        (SAMPLE / "agencies_lee_sample.csv").open("rb") as employees,
        (SAMPLE / "agencies_cde_sample.csv").open("rb") as places,
    ):
        records = list(join(read_lee(employees), read_cde(places)))
    assert len(records) == 63
    assert {code for record in records if isinstance(record, AgencyRecord) for code in codes(record)} == {
        "blanks_trimmed",
        "coordinates_implausible",
        "coordinates_shared",
        "counties_differ",
        "counties_joined",
        "counties_not_specified",
        "name_not_unique",
        "no_coordinates",
        "population_not_reported",
        "state_code_mapped",
        "state_from_ori",
        "state_not_stated",
        "type_differs",
    }


class TestOneRow:
    """What a cell becomes."""

    def test_a_row_is_read_as_it_stands(self) -> None:
        row = taken(GOOD)
        assert (row.line, row.ori, row.name, row.kind, row.state) == (
            2,
            "MN0270100",
            "Pineford",
            "city",
            "MN",
        )
        assert (row.counties, row.population, row.sworn, row.civilian) == (("Hennepin",), 87974, 135, 39)
        assert (row.data_year, row.notes) == (2025, ())

    @pytest.mark.parametrize(
        ("written", "name", "notes"),
        [
            ("Pineford ", "Pineford", ["blanks_trimmed"]),
            ("  Pine   ford", "Pine ford", ["blanks_trimmed"]),
            ("State Police:", "State Police", []),
            ("Constable: ", "Constable", ["blanks_trimmed"]),
            ("Department of Lakes,", "Department of Lakes", []),
            ("State Police: Pine County", "State Police: Pine County", []),
            ("Can\u0303on", "Ca\u00f1on", []),
        ],
    )
    def test_names_are_trimmed_composed_and_lose_a_trailing_colon(
        self, written: str, name: str, notes: list[str]
    ) -> None:
        row = taken(lee_row(pub_agency_name=written))
        assert (row.name, codes(row)) == (name, notes)

    @pytest.mark.parametrize(
        ("written", "counties"),
        [
            ("JEFFERSON, SHELBY", ("Jefferson", "Shelby")),
            ("BARROW; HALL; JACKSON", ("Barrow", "Hall", "Jackson")),
            ("PINE,PINE", ("Pine",)),
            ("NOT SPECIFIED", ()),
            ("UNMAPPED COUNTY", ()),
            ("", ()),
            ("PRINCE GEORGE'S", ("Prince George's",)),
            ("O'BRIEN", ("O'Brien",)),
            ("MCHENRY", ("McHenry",)),
            ("MACON", ("Macon",)),
            ("DEKALB", ("DeKalb",)),
            ("PRINCE OF WALES-HYDER", ("Prince of Wales-Hyder",)),
            ("ST JOHN THE BAPTIST", ("St John the Baptist",)),
            ("LAC QUI PARLE", ("Lac qui Parle",)),
        ],
    )
    def test_counties_are_split_and_spelled_as_names(self, written: str, counties: tuple[str, ...]) -> None:
        assert taken(lee_row(county_name=written)).counties == counties

    def test_population_zero_means_not_reported_but_no_officers_means_none(self) -> None:
        row = taken(lee_row(population="0", officer_ct="0", civilian_ct="NULL"))
        assert (row.population, row.sworn, row.civilian) == (None, 0, None)
        assert codes(row) == ["population_not_reported"]

    @pytest.mark.parametrize(
        ("ori", "written", "state", "notes"),
        [
            ("NB0010100", "NB", "NE", ["state_code_mapped"]),
            ("DC001015Y", "FS", "DC", ["state_from_ori"]),
            ("USAID000Z", "FS", None, ["state_not_stated"]),
            ("WI0010100", "MN", "MN", ["state_differs_from_ori"]),
        ],
    )
    def test_the_state_is_a_postal_code_wherever_it_is_known(
        self, ori: str, written: str, state: str | None, notes: list[str]
    ) -> None:
        row = taken(lee_row(ori=ori, state_abbr=written))
        assert (row.state, codes(row)) == (state, notes)


class TestRefusedRows:
    """Each bad row is refused alone, by line, column and code."""

    @pytest.mark.parametrize(
        ("cells", "code", "column"),
        [
            ({"ori": "mn0270100"}, "ori_malformed", "ori"),
            ({"ori": "MN027010"}, "ori_malformed", "ori"),
            ({"ori": "MN02701000"}, "ori_malformed", "ori"),
            ({"ori": ""}, "ori_malformed", "ori"),
            ({"ori": "MN027010\u0660"}, "ori_malformed", "ori"),
            ({"pub_agency_name": " : "}, "name_missing", "pub_agency_name"),
            ({"pub_agency_name": "x" * 201}, "name_too_long", "pub_agency_name"),
            ({"state_abbr": "ZZ"}, "state_unknown", "state_abbr"),
            ({"state_abbr": ""}, "state_unknown", "state_abbr"),
            ({"agency_type_name": "Borough"}, "type_unknown", "agency_type_name"),
            ({"population": "-1"}, "not_a_whole_number", "population"),
            ({"population": "1e5"}, "not_a_whole_number", "population"),
            ({"population": "1,000"}, "not_a_whole_number", "population"),
            ({"officer_ct": "NA"}, "not_a_whole_number", "officer_ct"),
            ({"civilian_ct": "9999999999"}, "not_a_whole_number", "civilian_ct"),
            ({"officer_ct": "\u0661\u0662"}, "not_a_whole_number", "officer_ct"),
            ({"data_year": "5025"}, "year_out_of_range", "data_year"),
        ],
    )
    def test_a_bad_cell_is_named(self, cells: dict[str, str], code: str, column: str) -> None:
        fault = refused(lee_row(**cells))
        assert (fault.file, fault.line, fault.code, fault.column) == ("lee", 2, code, column)
        assert fault.ori == cells.get("ori", "MN0270100")

    @pytest.mark.parametrize(
        ("row", "code"),
        [
            ("MN0270100,2025,Pineford", "row_short"),
            (GOOD + ",more", "row_long"),
            (GOOD.encode().replace(b"Pine", b"P\xecne"), "invalid_utf8"),
            (GOOD.encode().replace(b"Pine", b"P\xed\xa0\x80ne"), "invalid_utf8"),
            (GOOD.replace("Pine", "Pi\0ne"), "nul_character"),
            (GOOD.replace("Pine", "Pi\x1bne"), "control_character"),
            (GOOD.replace("Pine", "Pi\x85ne"), "control_character"),
            (GOOD.replace("Pineford", '"Pineford'), "row_unreadable"),
            (GOOD.replace("Pineford", '"Pine"ford'), "row_unreadable"),
            (GOOD.replace("Pineford", "x" * 70_000), "line_too_long"),
            (GOOD.replace("Pineford", "x" * 16_384), "line_too_long"),
        ],
    )
    def test_a_bad_line_costs_only_itself(self, row: str | bytes, code: str) -> None:
        fault, after = lee(row, lee_row(ori="MN0270200"))
        assert isinstance(fault, RowFault)
        assert (fault.line, fault.code, fault.column) == (2, code, None)
        assert isinstance(after, LeeRow)
        assert (after.line, after.ori) == (3, "MN0270200")

    def test_the_first_of_two_rows_with_one_ori_is_taken_and_the_second_refused(self) -> None:
        first, second = lee(GOOD, lee_row(pub_agency_name="Elsewhere"))
        assert isinstance(first, LeeRow)
        assert first.name == "Pineford"
        assert isinstance(second, RowFault)
        assert (second.line, second.code, second.ori) == (3, "ori_duplicate", "MN0270100")
        assert second.detail == "Line 2 has the same ORI and was taken."

    @given(st.permutations([1960, 1999, 2019, 2024, None]))
    def test_of_several_years_the_newest_is_taken_in_any_order(self, years: list[int | None]) -> None:
        rows = lee(*(lee_row(data_year=str(year or ""), officer_ct=str(year or 7)) for year in years))
        (taken,) = [row for row in rows if isinstance(row, LeeRow)]
        assert (taken.data_year, taken.sworn) == (2024, 2024)
        refused = [row for row in rows if isinstance(row, RowFault)]
        assert {row.code for row in refused} == {"ori_duplicate"}
        assert all(row.detail.startswith(f"Line {taken.line} has the same ORI") for row in refused)
        assert [row.line for row in rows] == [2, 3, 4, 5, 6]

    def test_a_refused_row_does_not_use_up_its_ori(self) -> None:
        fault, row = lee(lee_row(population="many"), GOOD)
        assert isinstance(fault, RowFault)
        assert isinstance(row, LeeRow)

    @pytest.mark.parametrize(
        ("cells", "code", "column"),
        [
            ({"latitude": "95.0"}, "coordinates_out_of_range", "latitude"),
            ({"longitude": "-181"}, "coordinates_out_of_range", "longitude"),
            ({"latitude": "nan"}, "not_a_coordinate", "latitude"),
            ({"longitude": "inf"}, "not_a_coordinate", "longitude"),
            ({"latitude": "4.4e1"}, "not_a_coordinate", "latitude"),
            ({"latitude": "44,8"}, "not_a_coordinate", "latitude"),
        ],
    )
    def test_a_coordinate_that_is_none_refuses_its_row(self, cells: dict[str, str], code: str, column: str) -> None:
        (fault,) = cde(cde_row(**cells))
        assert isinstance(fault, RowFault)
        assert (fault.file, fault.code, fault.column) == ("cde", code, column)

    def test_blank_lines_and_windows_line_ends_are_no_rows_and_no_faults(self) -> None:
        source = io.BytesIO(f"{LEE_HEADER}\r\n\r\n{GOOD}\r\n\r\n".encode())
        (row,) = read_lee(source)
        assert isinstance(row, LeeRow)
        assert (row.line, row.civilian) == (3, 39)


class TestJoining:
    """What the second list adds to the first."""

    def test_the_second_list_gives_the_full_name_and_the_point(self) -> None:
        record = joined(GOOD, cde_row())
        assert (record.name, record.full_name) == ("Pineford", "Pineford Police Department")
        assert (record.latitude, record.longitude, record.level) == (44.822388, -93.30388, "local")
        assert record.notes == ()

    def test_without_the_second_list_there_is_no_point(self) -> None:
        record = joined(GOOD)
        assert (record.full_name, record.latitude, record.longitude) == (None, None, None)
        assert codes(record) == ["no_coordinates"]

    @pytest.mark.parametrize(
        ("latitude", "longitude", "notes"),
        [
            ("", "", ["no_coordinates"]),
            ("44.8", "", ["no_coordinates"]),
            ("-9.0", "-9.0", ["coordinates_implausible", "no_coordinates"]),
            ("0", "0", ["coordinates_implausible", "no_coordinates"]),
            ("93.3", "-93.3", ["no_coordinates"]),
            ("51.959447", "178.338813", []),
            ("-14.3", "-170.7", []),
            ("13.4", "144.8", []),
        ],
    )
    def test_only_a_point_in_the_united_states_or_a_territory_is_kept(
        self, latitude: str, longitude: str, notes: list[str]
    ) -> None:
        *_, record = join(lee(GOOD), cde(cde_row(latitude=latitude, longitude=longitude)))
        assert isinstance(record, AgencyRecord)
        assert codes(record) == notes
        assert (record.latitude is None) == (record.longitude is None) == ("no_coordinates" in notes)

    def test_the_employee_list_wins_where_the_two_disagree_and_a_note_says_so(self) -> None:
        record = joined(GOOD, cde_row(agency_type_name="Tribal", county_name="RAMSEY"))
        assert (record.kind, record.counties) == ("city", ("Hennepin",))
        assert codes(record) == ["type_differs", "counties_differ"]

    def test_the_same_counties_in_another_order_are_no_difference(self) -> None:
        record = joined(lee_row(county_name="HALL, JACKSON"), cde_row(county_name="JACKSON; HALL"))
        assert codes(record) == ["counties_joined"]

    def test_a_name_is_not_unique_only_within_state_and_type(self) -> None:
        rows = lee(
            GOOD,
            lee_row(ori="MN0270200", pub_agency_name="PINEFORD "),
            lee_row(ori="WI0270200", state_abbr="WI"),
            lee_row(ori="MN0270300", agency_type_name="County"),
        )
        records = [record for record in join(rows, ()) if isinstance(record, AgencyRecord)]
        assert [record.ori for record in records if "name_not_unique" in codes(record)] == [
            "MN0270100",
            "MN0270200",
        ]

    def test_an_agency_only_in_the_2018_list_makes_no_record(self) -> None:
        assert [record.ori for record in join(lee(GOOD), cde(cde_row(), cde_row(ori="MN0270900")))] == ["MN0270100"]

    def test_faults_of_both_lists_come_before_the_records(self) -> None:
        outcome = list(join(lee("short", GOOD), cde(cde_row(latitude="x"))))
        assert [getattr(row, "file", "record") for row in outcome] == ["cde", "lee", "record"]


class TestDigest:
    """A re-import changes an agency only where the digest differs."""

    @pytest.mark.parametrize(
        "cells",
        [
            {"pub_agency_name": " Pineford "},
            {"total_pe_ct": "1"},
            {"pe_ct_per_1000": "NULL"},
            {"county_name": "hennepin"},
        ],
    )
    def test_it_ignores_what_the_registry_does_not_take_over(self, cells: dict[str, str]) -> None:
        assert joined(lee_row(**cells), cde_row()).digest == joined(GOOD, cde_row()).digest

    @pytest.mark.parametrize(
        "change",
        [
            lambda: joined(lee_row(ori="MN0270200")),
            lambda: joined(lee_row(pub_agency_name="Pinefort")),
            lambda: joined(lee_row(state_abbr="WI")),
            lambda: joined(lee_row(county_name="RAMSEY")),
            lambda: joined(lee_row(agency_type_name="County")),
            lambda: joined(lee_row(population="0")),
            lambda: joined(lee_row(officer_ct="39", civilian_ct="135")),
            lambda: joined(lee_row(data_year="2024")),
            lambda: joined(GOOD, cde_row()),
        ],
    )
    def test_it_differs_when_any_fact_differs(self, change: Callable[[], AgencyRecord]) -> None:
        assert change().digest != joined(GOOD).digest

    def test_it_tells_the_full_name_and_the_point_apart(self) -> None:
        places = [
            cde_row(),
            cde_row(agency_name="Pineford"),
            cde_row(latitude="44.9"),
            cde_row(longitude="-93"),
        ]
        assert len({joined(GOOD, place).digest for place in places}) == len(places)

    def test_it_can_be_computed_again_from_the_record(self) -> None:
        record = joined(GOOD, cde_row())
        assert digest_of(record) == record.digest
        assert digest_of(msgspec.structs.replace(record, notes=("another: note",))) == record.digest

    def test_it_is_the_same_in_every_release(self) -> None:
        # A changed recipe would rewrite every imported agency at the next import: change it on purpose only.
        assert joined(GOOD, cde_row()).digest == "34deb8babdfabb20bc59b9448624f07038b78198e86c0f74b9c260476bd032a1"


class TestTheFileAsAWhole:
    """A file that is not one of the two lists is refused before its first row."""

    def test_a_byte_order_mark_is_not_part_of_the_first_header(self) -> None:
        (row,) = lee(GOOD, header=b"\xef\xbb\xbf" + LEE_HEADER.encode())
        assert isinstance(row, LeeRow)
        assert row.ori == "MN0270100"

    def test_the_order_of_the_columns_does_not_matter(self) -> None:
        header = ",".join(reversed(LEE_HEADER.split(",")))
        (row,) = lee(",".join(reversed(GOOD.split(","))), header=header)
        assert isinstance(row, LeeRow)
        assert row.ori == "MN0270100"

    @pytest.mark.parametrize(
        ("header", "says"),
        [
            ("ori,name", "lacks data_year, pub_agency_name"),
            (LEE_HEADER.replace("county_name", "county"), "lacks county_name."),
            (LEE_HEADER.replace("civilian_ct", "officer_ct"), "header officer_ct more than once"),
            (b"", "lacks ori"),
            (b"\xff\xfe" + LEE_HEADER.encode("utf-16-le"), "no readable header row"),
            (b"PK\x03\x04\x14\x00", "no readable header row"),
            ("x" * 20_000, "no readable header row"),
        ],
    )
    def test_the_refusal_names_the_missing_header(self, header: str | bytes, says: str) -> None:
        with pytest.raises(ImportFormatError) as refusal:
            lee(GOOD, header=header)
        assert says in refusal.value.detail
        assert refusal.value.code == "import_format"

    def test_an_empty_file_says_so(self) -> None:
        with pytest.raises(ImportFormatError, match="empty"):
            read_lee(io.BytesIO(b""))

    def test_the_header_is_judged_before_any_row_is_asked_for(self) -> None:
        with pytest.raises(ImportFormatError, match="lacks"):
            read_cde(io.BytesIO(LEE_HEADER.encode()))

    def test_the_kind_of_file_is_told_by_its_header(self, tmp_path: Path) -> None:
        for header, kind in ((LEE_HEADER, "lee"), (CDE_HEADER, "cde")):
            path = tmp_path / "list.csv"
            path.write_text(header + "\n", "utf-8")
            assert sniff(path) == kind
        path.write_text("ori,data_year,agency\n", "utf-8")
        with pytest.raises(ImportFormatError, match=r"list\.csv is neither FBI list") as refusal:
            sniff(path)
        assert "pub_agency_name" in refusal.value.detail
        assert "latitude" in refusal.value.detail
