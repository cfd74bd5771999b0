"""What of an agency's people others may learn: bands of numbers, published late, and hours of groups, never of one.

Three things keep anybody from finding a single person by asking twice and subtracting. What is asked is a table that is
made once a day, so that no question reaches the people. A number is shown as the band in which it lies, and all bands
lie on one grid, so that questions that hold one another narrow nothing. And a change that fewer people than the
threshold make is published on a day that nobody can foresee, if it still holds then.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken
from registry.resources.personnel.duty_hours import BLOCKS

THRESHOLDS: Final = (3, 6, 12, 24)
"""Each a multiple of the one before, so that the edges of two grids never cut out a narrower band."""
DEFAULT_THRESHOLD: Final = THRESHOLDS[0]
SOME: Final = 1
"""The band of at least one and fewer than the threshold."""
LONGEST_DELAY_DAYS: Final = 14

CellKey: TypeAlias = tuple[str, int, bool]
"""Capability, step of its scale, and whether tested levels alone count."""
WHOLE_AGENCY: Final[CellKey] = ("", 0, False)
Free: TypeAlias = Literal["yes", "likely", "no", "unknown"]


class CapabilitySharing(StrEnum):
    """Who may ask for an agency's numbers: nobody else, partners under an agreement in force, or all who take part."""

    PRIVATE = "private"
    AGREEMENT = "agreement"
    NETWORK = "network"


class BelowThreshold(StrEnum):
    """What is shown of fewer people than the threshold: that there is somebody, or nothing at all."""

    AT_LEAST_ONE = "at_least_one"
    WITHHELD = "withheld"


class Group(Struct, kw_only=True):
    """People of one cell: how many, and of each block of a week, how many of them can be sent then."""

    people: int = 0
    by_block: list[int] = []

    def add(self, blocks: int) -> None:
        """One more person, who can be sent in these blocks."""
        if not self.by_block:
            self.by_block = [0] * BLOCKS
        self.people += 1
        for block in range(BLOCKS):
            self.by_block[block] += blocks >> block & 1


class Cell(Struct, kw_only=True, frozen=True):
    """A cell as published, the number that was true then, and when a change that waits is published."""

    band: int = 0
    blocks: int = 0
    counted: int = 0
    publish_on: date | None = None


def check_threshold(threshold: int) -> None:
    """Raises RuleBroken for a number that is not offered."""
    if threshold not in THRESHOLDS:
        raise RuleBroken.at(
            "The threshold is 3, 6, 12 or 24.", "threshold_not_offered", "not one of these", pointer="/threshold"
        )


def band_of(people: int, threshold: int) -> int:
    """The lowest number of the band: 0, 1 for fewer than the threshold, else the multiple of it below."""
    return people // threshold * threshold if people >= threshold else min(people, SOME)


def blocks_of_group(group: Group, threshold: int) -> int:
    """The blocks in which the threshold or more can be sent."""
    return sum(1 << block for block, people in enumerate(group.by_block) if people >= threshold)


def next_cell(
    before: Cell, group: Group, threshold: int, today: date, draw: Callable[[int], int], *, first: bool
) -> Cell:
    """The cell as published from today on. `draw` gives a random number below its argument.

    A change is published at once with everything else of a `first` release, or when the threshold or more people make
    it; otherwise 1 to 14 days later, as it is then.
    """
    band, blocks = band_of(group.people, threshold), blocks_of_group(group, threshold)
    published = Cell(band=band, blocks=blocks, counted=group.people)
    if (band, blocks) == (before.band, before.blocks):
        return Cell(band=band, blocks=blocks, counted=before.counted)
    due = before.publish_on is not None and today >= before.publish_on
    if first or due or abs(group.people - before.counted) >= threshold:
        return published
    publish_on = before.publish_on or today + timedelta(days=1 + draw(LONGEST_DELAY_DAYS))
    return Cell(band=before.band, blocks=before.blocks, counted=before.counted, publish_on=publish_on)


def published(cells: Mapping[CellKey, Cell], above: Mapping[str, Iterable[str]]) -> dict[CellKey, tuple[int, int]]:
    """Band and blocks of every cell that is not empty, and of those above it.

    `above` lists what stands above each capability, itself included. A group is made of what is published of its
    members, and so tells nothing that they do not: its band is the highest among them, and a true number of its own
    would, with theirs, be an equation to solve.
    """
    found: dict[CellKey, tuple[int, int]] = {}
    for key, cell in cells.items():
        if cell.band == 0 or key == WHOLE_AGENCY:
            continue
        capability, level, tested = key
        for ancestor in above.get(capability, (capability,)):
            band, blocks = found.get((ancestor, level, tested), (0, 0))
            found[ancestor, level, tested] = (max(band, cell.band), blocks | cell.blocks)
    return found


def shown_count(band: int, threshold: int) -> int | None:
    """The number that others are shown of a band, by the owner's threshold of now; None below it."""
    return band // threshold * threshold if band >= threshold else None


def free_in(wanted: int, blocks: int, whole_agency: int) -> Free:
    """What others are told of a window that touches the blocks `wanted`.

    It rests on weekly hours alone. Absences, leave and commitments are one person's, and are for the owner to say.
    """
    if not wanted & ~blocks:
        return "yes"
    return "likely" if not wanted & ~whole_agency else "unknown"
