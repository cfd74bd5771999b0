"""The skeleton of an import: batches, each committed by itself, in order; a dry run that writes nothing."""

from collections.abc import Sequence

import pytest

from registry.platform.bulk import batches
from registry.platform.bulk.batches import CappedReport, in_batches
from registry.platform.database.handles import Read, Write
from tests.support.service import Service


class Numbers:
    """Takes numbers; which it was asked to plan and carry out, and over what."""

    def __init__(self, bad: int | None = None) -> None:
        self.bad = bad
        self.planned: list[list[int]] = []
        self.carried_out: list[int] = []
        self.read_only = True

    async def plan(self, read: Read, batch: Sequence[int]) -> list[int]:
        self.read_only = self.read_only and not isinstance(read, Write)
        self.planned.append(list(batch))
        return [number * 10 for number in batch]

    async def apply(self, write: Write, planned: list[int]) -> None:
        if self.bad in planned:
            raise RuntimeError("the database went away")
        self.carried_out += planned


async def test_items_are_planned_and_carried_out_batch_by_batch(service: Service) -> None:
    work, heard = Numbers(), list[int]()
    await in_batches(service.database, work, iter([1, 2, 3, 4, 5]), size=2, on_progress=heard.append, done=4)
    assert work.planned == [[1, 2], [3, 4], [5]]
    assert work.carried_out == [10, 20, 30, 40, 50]
    assert heard == [6, 8, 9], "what needed nothing is done from the beginning"


async def test_a_dry_run_plans_over_a_reader_and_carries_nothing_out(service: Service) -> None:
    work = Numbers()
    await in_batches(service.database, work, [1, 2, 3], size=2, dry_run=True)
    assert (work.planned, work.carried_out, work.read_only) == ([[1, 2], [3]], [], True)


async def test_what_breaks_off_has_done_the_batches_before(service: Service) -> None:
    work = Numbers(bad=30)
    with pytest.raises(RuntimeError):
        await in_batches(service.database, work, [1, 2, 3, 4, 5], size=2)
    assert work.carried_out == [10, 20]
    assert work.planned == [[1, 2], [3, 4]]


def test_rows_are_reported_up_to_a_bound_and_counted_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_REPORTED", 3)
    said = CappedReport[str]()
    said.add("a", "b")
    said.add("c", "d", "e")
    said.add()
    assert (said.rows, said.left_out) == (["a", "b", "c"], 2)
