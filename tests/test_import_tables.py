"""`registry import assets`: the steps of an import on the command line."""

import json
from pathlib import Path

import pytest

from tests.support.command import Run, on_migrated
from tests.support.imports import MAPPING, csv_of, unit_row

ORI = "MN0990000"


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str) -> Run:
    """The command on a fresh database with one agency."""
    registry = on_migrated(tmp_path, sqlite_url)
    header = "ori,data_year,pub_agency_name,state_abbr,county_name,agency_type_name,population,officer_ct,civilian_ct"
    (tmp_path / "lee.csv").write_text(f"{header}\n{ORI},2024,Pineford,MN,EXAMPLE,City,4000,12,3\n")
    assert registry("import", "agencies", str(tmp_path / "lee.csv")).exit_code == 0
    return registry


def test_suggestions_and_a_check_come_first_and_then_it_is_written(run: Run, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.csv"
    fleet.write_bytes(csv_of(unit_row("1"), unit_row("2")))
    shown = run("import", "assets", str(fleet), "--agency", ORI)
    assert shown.exit_code == 0, shown.output
    assert "location.latitude (95%)" in shown.output
    assert "2 rows would be entered, 0 would be corrected, 0 unchanged; 0 refused." in shown.output
    too_soon = run("import", "assets", str(fleet), "--agency", ORI, "--write")
    assert too_soon.exit_code == 2
    (tmp_path / "mapping.json").write_text(json.dumps(MAPPING))
    how = ("--agency", ORI, "--mapping", str(tmp_path / "mapping.json"), "--write")
    written = run("import", "assets", str(fleet), *how, "--json")
    assert written.exit_code == 0, written.output
    assert json.loads(written.stdout)["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "refused": 0}
    again = run("import", "assets", str(fleet), *how)
    assert "0 rows entered, 0 corrected, 2 unchanged; 0 refused." in again.output


def test_what_is_refused_is_named_and_the_whole_report_is_a_file(run: Run, tmp_path: Path) -> None:
    fleet, report = tmp_path / "fleet.csv", tmp_path / "report.csv"
    fleet.write_bytes(csv_of(unit_row("1"), unit_row("2", Lat="north")))
    refused = run(
        *("import", "assets", str(fleet), "--agency", ORI, "--as-suggested", "--on-error", "skip", "--write"),
        *("--report", str(report)),
    )
    assert refused.exit_code == 1
    assert "1 rows entered, 0 corrected, 0 unchanged; 1 refused." in refused.output
    assert "Row 3, column D (Lat): “north” This is not a number." in refused.output
    assert report.read_text("utf-8-sig").count("\n") == 3


def test_what_has_no_mapping_yet_is_shown_and_not_run(run: Run, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.csv"
    fleet.write_text("Unit,Title\n1,One\n")
    shown = run("import", "assets", str(fleet), "--agency", ORI)
    assert shown.exit_code == 0, shown.output
    assert "Nothing is suggested for category" in shown.output
    with_one = run("import", "assets", str(fleet), "--agency", ORI, "--set", "category=vehicle")
    assert "1 rows would be entered" in with_one.output
    unknown = run("import", "assets", str(fleet), "--agency", "MN0000001")
    assert unknown.exit_code == 2
    assert run("import", "assets", "--agency", ORI).exit_code == 2


def test_people_and_agencies_come_from_tables_through_the_same_steps(run: Run, tmp_path: Path) -> None:
    people, agencies = tmp_path / "people.csv", tmp_path / "members.csv"
    people.write_text("Employee Number,Name\nP-1,Somebody (demo)\nP-1,Somebody else (demo)\n")
    how = ("import", "personnel", str(people), "--agency", ORI, "--as-suggested", "--on-error", "skip")
    checked = run(*how, "--dry-run")
    assert checked.exit_code == 1, "a row is refused"
    assert "1 rows would be entered, 0 would be corrected, 0 unchanged; 1 refused." in checked.output
    assert "1 rows entered, 0 corrected, 0 unchanged; 1 refused." in run(*how, "--write").output
    assert run(*how, "--write", "--dry-run").exit_code == 2
    agencies.write_text("ORI,Agency name,Agency type,State\nMN0990100,Oakford Police (demo),City,MN\n")
    members = ("import", "agencies", str(agencies))
    checked = run(*members)
    assert checked.exit_code == 0, checked.output
    assert "1 rows would be entered" in checked.output
    written = run(*members, "--as-suggested", "--write")
    assert written.exit_code == 0, written.output
    assert "1 rows entered, 0 corrected, 0 unchanged; 0 refused." in written.output
    lee = ("import", "agencies", str(tmp_path / "lee.csv"))
    assert run(*lee, "--dry-run").exit_code == 0
    assert run(*lee, "--as-suggested").exit_code == 2, "the FBI's lists need no mapping"
    assert run("import", "agencies").exit_code == 2
