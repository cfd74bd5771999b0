"""`registry import agreements --texts`: a folder of files, each filed with the agreement that it belongs to."""

import asyncio
import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.agreements.documents.commands import withdraw_document
from registry.agreements.documents.tables import document
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.cli.session import local_caller
from registry.demo import cast
from registry.platform.database.connect import connect, unit_of_work
from tests.support.command import Run, on_migrated
from tests.support.documents import make_mail, make_pdf, make_picture, make_word
from tests.support.sheets import csv_bytes
from tests.test_import_agreements import CUSTODIAN, HEADERS, LIST, ROW, enter

TEXT = "Mutual aid (demo). Either party may end it upon ninety days' written notice."
RTF = rb"{\rtf1\ansi Mutual aid (demo).}"
ROWS = [
    ["MA-2026-001", "Mutual aid in the north (demo)", *ROW[2:], ""],
    ["MA-2026-002", "Mutual aid in the south (demo)", *ROW[2:], "scan 17.txt; lost.pdf"],
    ["MA-2026-003", "Laboratory service (demo)", *ROW[2:4], "", "", *ROW[6:], ""],
    ["MA-2026-004", "", *ROW[2:], "fourth.txt"],
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """The command, over a database with the demonstration's agencies in it, beside a tracker and a folder of texts."""
    monkeypatch.chdir(tmp_path)
    invoke = on_migrated(tmp_path, sqlite_url)
    asyncio.run(enter(url(tmp_path), cast.SHERIFF, cast.POLICE, cast.LABORATORY))
    (tmp_path / "tracker.csv").write_bytes(csv_bytes([*HEADERS, "File name"], *ROWS))
    texts = tmp_path / "texts"
    (texts / "box").mkdir(parents=True)
    (texts / "MA-2026-001.pdf").write_bytes(make_pdf(TEXT))
    (texts / "MA_2026_001 signed.docx").write_bytes(make_word(TEXT))
    (texts / "box" / "Mutual aid in the north (demo).rtf").write_bytes(RTF)
    (texts / "MA-2026-001 letter.eml").write_bytes(make_mail(TEXT))
    (texts / "MA-2026-001 page.png").write_bytes(make_picture())
    (texts / "scan 17.txt").write_text(TEXT, "utf-8")
    return invoke


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'data' / 'demo.db'}"


async def _filed(folder: Path) -> list[tuple[str, str, str]]:
    database = connect(url(folder))
    try:
        statement = sa.select(agreement.c.number, document.c.filename, document.c.kind).join(
            agreement, agreement.c.id == document.c.agreement_id
        )
        return sorted((row.number, row.filename, row.kind) for row in await database.read().all(statement))
    finally:
        await database.close()


def filed(folder: Path) -> list[tuple[str, str, str]]:
    return asyncio.run(_filed(folder))


def report_of(run: Run, *more: str) -> dict[str, Any]:
    done = run("import", "agreements", "tracker.csv", *CUSTODIAN, "--texts", "texts", "--json", *more)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)["texts"]
    return found


def outcomes(report: dict[str, Any], outcome: str) -> dict[str, str | None]:
    return {each["file"]: each["detail"] for each in report["files"] if each["outcome"] == outcome}


NORTH = [
    ("MA-2026-001", "MA-2026-001 letter.eml", "signed_copy"),
    ("MA-2026-001", "MA-2026-001 page.png", "signed_copy"),
    ("MA-2026-001", "MA-2026-001.pdf", "signed_copy"),
    ("MA-2026-001", "MA_2026_001 signed.docx", "signed_copy"),
    ("MA-2026-001", "Mutual aid in the north (demo).rtf", "signed_copy"),
    ("MA-2026-002", "scan 17.txt", "signed_copy"),
]


def test_every_file_goes_where_its_name_or_its_row_says_and_again_changes_nothing(run: Run, tmp_path: Path) -> None:
    kind = ("--texts-kind", "signed_copy")
    tried = report_of(run, "--dry-run", *kind)
    assert (tried["dry_run"], tried["filed"], filed(tmp_path)) == (True, 6, [])
    done = report_of(run, *kind)
    assert (done["filed"], done["refused"], done["lacking"]) == (6, 0, 2)
    assert outcomes(done, "lacking").keys() == {"lost.pdf", "fourth.txt"}
    assert filed(tmp_path) == NORTH
    again = report_of(run)
    assert (again["filed"], again["unchanged"], filed(tmp_path)) == (0, 6, NORTH)
    tried = report_of(run, "--dry-run")
    assert (tried["filed"], tried["unchanged"]) == (0, 6)


def test_a_signed_copy_is_of_the_version_that_was_recorded_by_its_hash_and_else_said_to_vouch_for_none(
    run: Run, tmp_path: Path
) -> None:
    copy = tmp_path / "texts" / "MA-2026-002 signed.pdf"
    copy.write_bytes(make_pdf(TEXT))
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    rows = [[*each, digest if each[0] == "MA-2026-002" else ""] for each in ROWS]
    (tmp_path / "tracker.csv").write_bytes(csv_bytes([*HEADERS, "File name", "Evidence sha256"], *rows))
    done = report_of(run, "--texts-kind", "signed_copy")
    details = outcomes(done, "filed")
    assert details["MA-2026-002 signed.pdf"] is None
    assert "vouches for the hands of none" in str(details["MA-2026-001.pdf"])
    assert asyncio.run(_versions(tmp_path)) == {"MA-2026-002 signed.pdf": 1}


async def _versions(folder: Path) -> dict[str, int]:
    database = connect(url(folder))
    try:
        statement = sa.select(document.c.filename, agreement_version.c.no).join(
            agreement_version, agreement_version.c.id == document.c.version_id
        )
        return {row.filename: row.no for row in await database.read().all(statement)}
    finally:
        await database.close()


def test_what_belongs_to_none_or_to_several_is_named_and_filed_nowhere(run: Run, tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    (texts / "unknown.pdf").write_bytes(make_pdf(TEXT))
    (texts / "MA-2026-001 and MA-2026-002.pdf").write_bytes(make_pdf(TEXT, TEXT))
    (texts / ".hidden MA-2026-001.txt").write_text(TEXT, "utf-8")
    (texts / "MA-2026-001 link.txt").symlink_to("/etc/hostname")
    done = run("import", "agreements", "tracker.csv", *CUSTODIAN, "--texts", "texts", "--report", "report.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-5:] == [
        "6 files filed, 0 on file already; 1 belong to no agreement, 1 to several, 0 refused, 2 lacking.",
        "MA-2026-001 and MA-2026-002.pdf: ambiguous. Its name belongs to MA-2026-001, MA-2026-002.",
        "unknown.pdf: unmatched. Its name bears no agreement's number or title, and no row names it.",
        "lost.pdf: lacking. A row names it, and it is not in the folder.",
        "fourth.txt: lacking. A row names it, and it is not in the folder.",
    ]
    assert len(filed(tmp_path)) == 6
    lines = list(csv.DictReader((tmp_path / "report.csv").read_text("utf-8-sig").splitlines()))
    told = {line["file"]: line["outcome"] for line in lines if line["file"] != "tracker.csv"}
    assert (told["unknown.pdf"], told["MA-2026-001.pdf"], told["lost.pdf"]) == ("unmatched", "filed", "lacking")


def test_what_cannot_be_filed_is_named_with_the_reason(run: Run, tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    (texts / "MA-2026-003.txt").write_text(TEXT, "utf-8")
    (texts / "fourth.txt").write_text(TEXT, "utf-8")
    (texts / "MA-2026-001 empty.txt").touch()
    (texts / "MA-2026-001 broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (texts / "MA-2026-001 program.txt").write_bytes(b"\x7fELF" + bytes(200))
    (texts / "MA-2026-002 long.txt").write_text(TEXT * 20_000, "utf-8")
    run_small = {"MAX_UPLOAD_BYTES": "1048576"}
    arguments = ("import", "agreements", "tracker.csv", *CUSTODIAN, "--texts", "texts", "--json")
    done = run(*arguments, **run_small)
    refused = outcomes(json.loads(done.stdout)["texts"], "refused")
    assert refused.keys() == {
        *("MA-2026-003.txt", "fourth.txt", "MA-2026-001 empty.txt", "MA-2026-001 broken.pdf"),
        *("MA-2026-001 program.txt", "MA-2026-002 long.txt"),
    }
    assert "a draft" in str(refused["MA-2026-003.txt"])
    assert refused["fourth.txt"] == "Its agreement was not taken over."
    assert "REGISTRY_MAX_UPLOAD_BYTES" in str(refused["MA-2026-002 long.txt"])
    assert len(filed(tmp_path)) == 6


def test_a_file_that_was_withdrawn_stays_so(run: Run, tmp_path: Path) -> None:
    report_of(run)
    asyncio.run(withdraw_all(tmp_path))
    again = report_of(run)
    assert (again["filed"], again["refused"]) == (0, 6)
    assert all("withdrawn" in str(detail) for detail in outcomes(again, "refused").values())


async def withdraw_all(folder: Path) -> None:
    database = connect(url(folder))
    try:
        for row in await database.read().all(sa.select(document.c.id)):
            async with unit_of_work(database) as write:
                await withdraw_document(write, local_caller(), row.id, "Filed in error.", None)
    finally:
        await database.close()


def test_a_replayed_lists_texts_are_known_by_agency_form_and_state(run: Run, tmp_path: Path) -> None:
    rows = [
        ["20250519_024922", "MINNESOTA", agency, "County", "Warrant Service Officer", "2025-05-08"]
        for agency in ("Pineford County Sheriff's Office", "St. Cedar's County Sheriff's Office")
    ]
    (tmp_path / "signed.csv").write_bytes(csv_bytes(LIST, *rows))
    texts = tmp_path / "memoranda"
    texts.mkdir()
    for name in ("Pineford_County_Sheriff_s_Office__WSO", "St_Cedar_s_County_Sheriff_s_Office__WSO"):
        (texts / f"MINNESOTA__{name}.txt").write_text(f"{TEXT} {name}", "utf-8")
    (texts / "MINNESOTA__Pineford_County_Sheriff_s_Office__TFM.txt").write_text(TEXT, "utf-8")
    arguments = ("import", "agreements", "signed.csv", "--profile", "287g", *CUSTODIAN[:2], "--create-agencies")
    tried = run(*arguments, "--texts", "memoranda", "--dry-run")
    assert "2 files would be filed, 0 on file already; 1 belong to no agreement" in tried.stdout
    done = run(*arguments, "--texts", "memoranda")
    assert done.exit_code == 0, done.output
    assert "2 files filed, 0 on file already; 1 belong to no agreement" in done.stdout
    again = run(*arguments, "--texts", "memoranda")
    assert "0 files filed, 2 on file already; 1 belong to no agreement" in again.stdout
    assert {number[:12] for number, _, _ in filed(tmp_path)} == {"287G-MN-WSO-"}


def test_a_folder_that_is_not_there_is_said_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    for folder in ("absent", "tracker.csv"):
        result = run("import", "agreements", "tracker.csv", *CUSTODIAN, "--texts", folder)
        assert (result.exit_code, "Traceback" in result.output) == (1, False)
        assert folder in result.stderr
    wrong = run("import", "agreements", "tracker.csv", *CUSTODIAN, "--texts", "texts", "--texts-kind", "novel")
    assert wrong.exit_code == 2
    assert run("import", "agreements", "tracker.csv", *CUSTODIAN, "--dry-run").stdout.startswith("3 agreements would")
