"""A laboratory's time is eight hours that stand for a slot of their week; of anything else it is as it was said."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from registry.platform.kernel.time import wall_clock
from registry.resources.search.rules.kinds import Meaning, Means
from registry.resources.search.rules.slots import as_slot
from registry.resources.search.rules.times import When, find_when
from registry.resources.search.rules.tokens import Sentence

CHICAGO = ZoneInfo("America/Chicago")
TUESDAY = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)  # 15:00 in Chicago
DNA = Meaning(means=Means.CATEGORY, code="lab.dna", name="DNA analysis")
DOG = Meaning(means=Means.CATEGORY, code="k9", name="K9 team")


def slot(text: str, category: Meaning | None = DNA) -> When:
    found = find_when(Sentence(text), TUESDAY, CHICAGO)
    assert found is not None
    return as_slot(found, category, CHICAGO)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("next week", "11-30 08:00", "11-30 16:00"),
        ("this week", "11-24 15:00", "11-24 23:00"),
        ("this weekend", "11-28 08:00", "11-28 16:00"),
        ("in august", "08-02 08:00", "08-02 16:00"),
        ("for 3 days", "11-24 15:00", "11-24 23:00"),
        ("tomorrow 9-11", "11-25 09:00", "11-25 11:00"),
        ("tomorrow", "11-25 00:00", "11-26 00:00"),
    ],
)
def test_a_slot_is_asked_for_by_hours_of_a_working_day(text: str, start: str, end: str) -> None:
    window = slot(text).window
    shown = [wall_clock(at, CHICAGO).strftime("%m-%d %H:%M") for at in (window.start, window.end)]
    assert shown == [start, end]


def test_what_stands_for_the_week_is_said_and_nothing_else_is_touched() -> None:
    found = slot("next week")
    assert found.assumed == "8 hours"
    assert "slots of a week" in found.remarks[-1]
    for category in (DOG, None):
        untouched = slot("next week", category)
        assert untouched.window.end - untouched.window.start == timedelta(days=7)
