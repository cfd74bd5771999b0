"""`registry import agreements`: what it prints, what it exits with, and what it leaves in the database."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from registry.cli.session import local_caller
from registry.demo import cast
from registry.directory.agencies.commands.registering import create_agency
from registry.directory.agencies.schemas import NewAgency
from registry.platform.database.connect import connect, unit_of_work
from tests.support.command import Run, command, on_migrated
from tests.support.places import ROOT
from tests.support.sheets import csv_bytes, xlsx_bytes

SAMPLE = ROOT / "registry" / "agreements" / "tracker" / "sample" / "tracker.csv"
HEADERS = ["Number", "Title", "Kind", "Parties", "Signed on", "Signatory title", "Effective on", "Categories"]
PARTIES = "Northfork County Sheriff's Office (demo); Lakeside Police Department (demo)"
ROW = ["N-1", "Mutual aid (demo)", "MOU", PARTIES, "2025-05-08", "Sheriff", "2025-06-01", "k9"]
CUSTODIAN = ("--custodian", "Northfork County Sheriff's Office (demo)", "--row-as-evidence")
LIST = ["SNAPSHOT_UTC", "STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "SUPPORT TYPE", "SIGNED"]


async def enter(url: str, *agencies: dict[str, Any]) -> list[UUID]:
    database = connect(url)
    try:
        async with unit_of_work(database) as write:
            return [
                (await create_agency(write, local_caller(), msgspec.convert(each, NewAgency))).id for each in agencies
            ]
    finally:
        await database.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """The command, over a database with the demonstration's agencies in it."""
    monkeypatch.chdir(tmp_path)
    invoke = on_migrated(tmp_path, sqlite_url)
    url = f"sqlite:///{tmp_path / 'data' / 'demo.db'}"
    asyncio.run(enter(url, cast.SHERIFF, cast.POLICE, cast.LABORATORY))
    return invoke


def test_the_worked_example_goes_in_beside_the_demonstration_and_again_changes_nothing(run: Run) -> None:
    tried = run("import", "agreements", str(SAMPLE), "--row-as-evidence", "--dry-run")
    assert tried.exit_code == 0, tried.output
    assert tried.stdout.startswith("3 agreements would be entered, 0 would be updated, 0 unchanged; 0 rows refused.")
    done = run("import", "agreements", str(SAMPLE), "--row-as-evidence")
    assert done.stdout.splitlines() == [
        "3 agreements entered, 0 updated, 0 unchanged; 0 rows refused.",
        "Not read: Notes (remarks stay in the tracker: they may name persons, and the registry's record is for ever)",
        "In 3 rows blank cells leave terms as wide as they can be; the report says which.",
    ]
    again = run("import", "agreements", str(SAMPLE), "--row-as-evidence")
    assert again.exit_code == 0
    assert again.stdout.startswith("0 agreements entered, 0 updated, 3 unchanged; 0 rows refused.")


def test_bad_cells_are_named_and_the_other_rows_are_taken(run: Run, tmp_path: Path) -> None:
    bad = ["N-2", "", *ROW[2:4], "05/082025", *ROW[5:]]
    (tmp_path / "tracker.xlsx").write_bytes(xlsx_bytes(HEADERS, ROW, bad))
    mixed = run("import", "agreements", "tracker.xlsx", *CUSTODIAN)
    assert mixed.exit_code == 0
    assert mixed.stdout.splitlines() == [
        "1 agreements entered, 0 updated, 0 unchanged; 1 rows refused.",
        "tracker.xlsx, Sheet1: 2 rows.",
        "tracker.xlsx, Sheet1!B3 (title): title is needed.",
        "tracker.xlsx, Sheet1!E3 (signed_on): “05/082025” is not a date; write it as YYYY-MM-DD, such as 2025-05-08.",
        "In one row blank cells leave terms as wide as they can be; the report says which.",
    ]
    report = json.loads(run("import", "agreements", "tracker.xlsx", *CUSTODIAN, "--json").stdout)
    assert (report["unchanged"], report["refused"]) == (1, 1)
    assert {fault["name"] for fault in report["rows"][0]["faults"]} == {"title", "signed_on"}


def test_several_files_are_one_import(run: Run, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_bytes(csv_bytes(HEADERS, ROW))
    (tmp_path / "two.csv").write_bytes(csv_bytes(HEADERS, ["N-2", *ROW[1:]], ROW))
    both = run("import", "agreements", "one.csv", "two.csv", *CUSTODIAN)
    assert both.stdout.splitlines() == [
        "2 agreements entered, 0 updated, 0 unchanged; 1 rows refused.",
        "two.csv, A3 (number): one.csv, row 2 has the same number.",
        "In 2 rows blank cells leave terms as wide as they can be; the report says which.",
    ]


def test_month_day_year_needs_to_be_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "us.csv").write_bytes(csv_bytes(HEADERS, [*ROW[:4], "5/8/2025", ROW[5], "6/1/2025", ROW[7]]))
    assert "say that dates are US" in run("import", "agreements", "us.csv", *CUSTODIAN).stdout
    assert run("import", "agreements", "us.csv", *CUSTODIAN, "--dates", "us").stdout.startswith("1 agreements entered")


def test_what_cannot_be_done_ends_with_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("name,age\n", "utf-8")
    (tmp_path / "half.csv").write_bytes(csv_bytes(HEADERS[:4], ROW[:4]))
    (tmp_path / "good.csv").write_bytes(csv_bytes(HEADERS, ROW))
    (tmp_path / "list.csv").write_bytes(csv_bytes(LIST))
    (tmp_path / "own.yaml").write_text("source: [", "utf-8")
    profile = ("--profile", "287g", "--custodian")
    for arguments, words in (
        (["absent.csv"], "absent.csv: No such file or directory"),
        (["other.csv"], "has no row of headers"),
        (["half.csv"], "half.csv lacks the columns effective_on, categories, custodian"),
        (["good.csv", "--sheet", "Sheet9"], "lacks the columns custodian"),
        (["list.csv", *profile, "MN0000000"], "There is no agency “MN0000000” here."),
        (["good.csv", "--profile", "288g", "--custodian", "x"], "There is no profile “288g”. Shipped are: 287g"),
        (["good.csv", "--profile", "own.yaml", "--custodian", "x"], "The profile own.yaml cannot be used"),
        (["good.csv", *profile, "x"], "has no row of headers"),
    ):
        result = run("import", "agreements", *arguments)
        assert result.exit_code == (1 if "No such file" in words else 2), result.output
        assert words in result.stderr
        assert "Traceback" not in result.output


def test_options_that_do_not_go_together_are_a_wrong_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(csv_bytes(HEADERS, ROW))
    for arguments in (
        [],
        ["good.csv", "--create-agencies"],
        ["good.csv", "--profile", "287g"],
        ["good.csv", "--profile", "287g", "--custodian", "x", "--attest-parties"],
        ["good.csv", "--profile", "287g", "--custodian", "x", "--dates", "us"],
        ["good.csv", "--dates", "german"],
    ):
        assert run("import", "agreements", *arguments).exit_code == 2


def test_an_import_asks_for_the_newest_schema_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_bytes(csv_bytes(HEADERS, ROW))
    result = command(tmp_path)("import", "agreements", "good.csv", *CUSTODIAN)
    assert result.exit_code == 2, "trying again does not help"
    assert "run `registry migrate` first" in result.stderr


def test_a_published_list_is_replayed_and_a_second_time_changes_nothing(run: Run, tmp_path: Path) -> None:
    rows = [
        ["20250519_024922", "MINNESOTA", "Pineford County Sheriff's Office", "County", "Warrant Service Officer", day]
        for day in ("2025-05-08", "05/082025")
    ]
    rows[1][2] = "Cedar County Sheriff's Office"
    (tmp_path / "signed.csv").write_bytes(csv_bytes(LIST, *rows))
    arguments = ("import", "agreements", "signed.csv", "--profile", "287g", *CUSTODIAN[:2])
    refused = run(*arguments)
    assert "There is no agency “Pineford County Sheriff's Office” in MN here." in refused.stdout
    tried = run(*arguments, "--create-agencies", "--dry-run")
    assert "1 agreements would be recorded" in tried.stdout
    done = run(*arguments, "--create-agencies")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "0 drafts entered, 1 agreements recorded, 0 notes made in their histories, 1 agencies created; 1 unchanged.",
        "Of 2 on the newest list of signed ones, 1 are recorded here.",
        "Signed: 2 in the first of 1 snapshots, 2 in the last; 0 added, 0 gone.",
        "Pending at some time: 0; 0 of them signed at some time, 0 never.",
        "signed.csv, F3 (SIGNED): “05/082025” is not a date; write it as YYYY-MM-DD, such as 2025-05-08.",
    ]
    again = run(*arguments, "--create-agencies")
    assert again.stdout.startswith("0 drafts entered, 0 agreements recorded, 0 notes")
    report = json.loads(run(*arguments, "--json").stdout)
    assert (report["unchanged"], report["listed"], report["recorded"]) == (2, 2, 1)
