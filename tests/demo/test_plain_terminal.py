"""The story is as readable on a narrow terminal, and without colours, as on any other."""

import io

import httpx
import pytest
from rich.console import Console

from registry.demo.papers import _marked
from registry.demo.stage import NARROW, Stage
from registry.platform.settings import load

LONG = "Tri-County Forensic Laboratory and Evidence Service (demo)"
WORD = "https://registry.example/problems/separation_of_duties_of_the_agency"


def printed(width: int, *, colour: bool = False) -> tuple[Stage, io.StringIO]:
    """A stage on a terminal of that width, and what is shown there."""
    shown = io.StringIO()
    console = Console(
        file=shown, width=width, no_color=not colour, force_terminal=colour, color_system="standard" if colour else None
    )
    return Stage(load({"REGISTRY_DEMO": "1"}), httpx.Client(), console), shown


def without_blanks(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("width", [20, 40, NARROW, 80, 200])
def test_a_table_fits_and_loses_nothing(width: int) -> None:
    stage, shown = printed(width)
    stage.table("Found", ["asset", "where to read on"], [[LONG, WORD], ["K-9 team 4", "–"]])
    lines = shown.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    for cell in ("asset", "where to read on", LONG.split()[0], "K-9", "team"):
        assert without_blanks(cell) in without_blanks(shown.getvalue()), cell
    if width < NARROW or width == 200:
        for cell in (LONG, WORD):
            assert without_blanks(cell) in without_blanks(shown.getvalue()), cell


def test_what_was_struck_out_and_put_in_is_told_without_colours() -> None:
    runs = [
        {"kind": "delete", "text": "No"},
        {"kind": "insert", "text": "A"},
        {"kind": "equal", "text": " loan lasts"},
    ]
    stage, shown = printed(80)
    stage.say(_marked(runs))
    assert shown.getvalue().strip() == "[-No-]{+A+} loan lasts"
    stage, shown = printed(80, colour=True)
    stage.say(_marked(runs))
    assert "\x1b[" in shown.getvalue(), "and with them where there are any"
