"""The first command, and every test that counts from today, at the hours at which dates go wrong.

The parties of the story are in Chicago: from 00:00 to 05:00 UTC, in winter 06:00, it is still yesterday there. The
clock is moved in processes of their own, the server's included.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.length import LENGTH
from tests.support.moved_clock import environment_at
from tests.support.places import ROOT

EVERY_MOMENT = {
    "New Year of 2038, still 2037 in Chicago": "2038-01-01T03:30:00+00:00",
    "29 February, still the 28th in Chicago": "2028-02-29T05:30:00+00:00",
    "early in UTC": "2026-12-10T00:30:00+00:00",
    "late in the evening in Chicago": "2027-06-15T03:30:00+00:00",
    "around midnight in Chicago": "2027-06-15T04:59:45+00:00",
    "as clocks go forward": "2027-03-14T07:59:45+00:00",
    "in the hour that comes twice": "2027-11-07T06:30:00+00:00",
    "at a month's end": "2027-04-30T23:59:45+00:00",
    "at a year's end in Chicago": "2028-01-01T05:59:45+00:00",
    "29 February in Chicago": "2028-02-29T18:00:00+00:00",
    "past what 32 bits count": "2038-01-19T03:14:08+00:00",
    "as far ahead as the tests themselves can see": "2099-03-01T05:30:00+00:00",
}
_COUNTS = re.compile(r"^from tests\.support\.(cast|deadlines) import .*\b(today|days_ahead)\b", re.MULTILINE)
DATED = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "tests").rglob("test_*.py")
    if _COUNTS.search(path.read_text()) and "real_lists" not in path.name  # which are of years gone by
)


@pytest.mark.long
@pytest.mark.parametrize("name", EVERY_MOMENT if LENGTH == "full" else [*EVERY_MOMENT][::2])
def test_the_story_plays_whenever_it_is_told(name: str, tmp_path: Path) -> None:
    """By the clock of this day, `tests/test_readme.py` plays it; in full at every moment, else at every other one."""
    environment = environment_at(EVERY_MOMENT[name], REGISTRY_DEMO="1", REGISTRY_DATA_DIR=str(tmp_path))
    demo = [sys.executable, "-m", "registry", "demo"]
    played = subprocess.run(demo, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "Every step did what it says." in played.stdout


def test_there_are_dated_tests_to_run() -> None:
    assert len(DATED) >= 10


@pytest.mark.long
@pytest.mark.parametrize("name", EVERY_MOMENT)
def test_what_counts_from_today_holds_on_every_day(name: str, tmp_path: Path) -> None:
    """On SQLite: which day it is, no database decides.

    In full each file sees every moment. At medium length the moments share every other file out: an hour that one file
    does not bear another mostly does not bear either.
    """
    moment, among = EVERY_MOMENT[name], list(EVERY_MOMENT)
    share = DATED if LENGTH == "full" else DATED[2 * among.index(name) :: 2 * len(among)]
    run = [
        *(sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", "not postgresql"),
        # What walks through everything takes minutes, and asks the same on every day.
        *("-m", "not long and not grows and not second_long"),
        # The clock is moved before pytest starts.
        *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
        *("--basetemp", str(tmp_path / "inner"), *share),
    ]
    done = subprocess.run(
        run, cwd=ROOT, env=environment_at(moment), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_no_module_of_the_tests_asks_the_clock_when_it_is_imported() -> None:
    """What is asked once, and used later, is another day's where a run crosses midnight."""
    clocks = {"today", "days_ahead", "utc_now"}
    asked = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in (ROOT / "tests").rglob("*.py")
        for call in _when_imported(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in clocks
    ]
    assert asked == []


def _when_imported(node: ast.AST) -> Iterator[ast.AST]:
    """What is evaluated when a module is imported: everything but the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            kept = [*child.args.defaults, *(each for each in child.args.kw_defaults if each is not None)]
            kept += [] if isinstance(child, ast.Lambda) else child.decorator_list
            for each in kept:
                yield each
                yield from _when_imported(each)
        else:
            yield child
            yield from _when_imported(child)
