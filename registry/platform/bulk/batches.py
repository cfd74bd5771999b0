"""Imports in batches, each batch in a transaction of its own.

An import that is interrupted has stored whole batches. It can be run again: rows that are stored already change
nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import sqlalchemy as sa

from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Read, Write

MOST_REPORTED: Final = 1000

Item = TypeVar("Item")
Taken = TypeVar("Taken", contravariant=True)
Planned = TypeVar("Planned")
Row = TypeVar("Row")

Progress: TypeAlias = Callable[[int], object]
"""Called after each batch with the number of items done so far."""

_TURN = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column("5209317")))
"""The number of the advisory lock that imports share; it is used for nothing else."""


def no_progress(_done: int) -> None:
    """A progress callback that does nothing."""


class BatchJob(Protocol[Taken, Planned]):
    """One kind of import: plans the changes of a batch, and applies them.

    It counts for its report while it plans, so that a dry run reports the same.
    """

    async def plan(self, read: Read, batch: Sequence[Taken]) -> Planned:
        """The changes that the batch requires. `read` is the batch's transaction, unless this is a dry run."""
        ...

    async def apply(self, write: Write, planned: Planned) -> None:
        """Write the planned changes."""
        ...


async def in_batches(
    database: Database,
    job: BatchJob[Item, Planned],
    items: Iterable[Item],
    *,
    size: int,
    dry_run: bool = False,
    on_progress: Progress = no_progress,
    done: int = 0,
) -> None:
    """Import the items, `size` in each transaction, so that other writers can run in between. A dry run only plans.

    Imports that run at the same time alternate batch by batch; otherwise both could insert the same rows. `done` is the
    number of items that need no work; `on_progress` is told the number done after each batch. Raises Busy when the
    database has no time for the next batch; the batches before it stay stored.
    """
    for batch in _batches(iter(items), size):
        if dry_run:
            await job.plan(database.read(), batch)
        else:
            async with unit_of_work(database) as write:
                if write.dialect == "postgresql":  # SQLite has one writer
                    await write.value(_TURN)
                await job.apply(write, await job.plan(write, batch))
        done += len(batch)
        on_progress(done)
        await yield_to_others()


async def yield_to_others() -> None:
    """Let other tasks on the event loop run; reads on SQLite block the loop."""
    await asyncio.sleep(0)


def _batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while batch := list(islice(items, size)):
        yield batch


class CappedReport(Generic[Row]):
    """The rows of a report, of which the first thousand are kept and the others only counted."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.left_out = 0

    def add(self, *rows: Row) -> None:
        """Add rows to the report."""
        shown = rows[: MOST_REPORTED - len(self.rows)]
        self.rows += shown
        self.left_out += len(rows) - len(shown)
