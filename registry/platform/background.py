"""What goes on beside requests: recurring tasks, and work that goes on after the request that began it.

Each recurring task has a name, an interval and a function. Each process runs them: a task locks what it changes and
asks again whether that is still to be done, and what leaves the registry is sent under a lease (`database.lease`).
Tasks write through the same queue as requests, in short transactions, and stop before the engines close.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from msgspec import Struct

from registry.platform.kernel.errors import DomainError

_log = structlog.get_logger("registry.platform.background")
_STALE_AFTER_INTERVALS = 5
_AGAIN_SECONDS = 60.0


class Task(Struct, kw_only=True, frozen=True):
    """One recurring task."""

    name: str
    interval_seconds: float
    run: Callable[[], Awaitable[None]]
    when_due: bool = False
    """Whether it does what nothing undoes because a time is over, and so needs a clock that can be believed."""
    late_after_seconds: float = 0.0
    """After how long without success it is late, where five intervals are too short a time to say so."""


class TaskState(Struct, kw_only=True):
    """How a task does; `late_seconds` is above 0 when its last success is longer ago than it should be."""

    name: str
    interval_seconds: float
    since_success_seconds: float
    late_seconds: float
    done: int
    failed: int
    last_run_seconds: float


class Background:
    """Runs tasks until it is stopped, and measures their delay."""

    def __init__(self, tasks: list[Task], may_act: Callable[[], Awaitable[bool]] | None = None) -> None:
        """While `may_act` says no, tasks that do what is due are not run, and so become late."""
        self._tasks = tasks
        self._may_act = may_act
        self._running: list[asyncio.Task[None]] = []
        self._last_success: dict[str, float] = {}
        self._done: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._failure: dict[str, str] = {}
        self._took: dict[str, float] = {}

    def start(self) -> None:
        """Start all tasks. Each runs immediately and then after every interval, after a failure within a minute."""
        for task in self._tasks:
            self._last_success[task.name] = time.monotonic()
            self._running.append(asyncio.create_task(self._repeat(task), name=task.name))

    async def stop(self) -> None:
        """Stop the tasks, if possible between two runs.

        A transaction that has begun is finished by its unit of work.
        """
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    def states(self) -> list[TaskState]:
        """How each task does."""
        now = time.monotonic()
        return [
            TaskState(
                name=task.name,
                interval_seconds=task.interval_seconds,
                since_success_seconds=(since := now - self._last_success.get(task.name, now)),
                late_seconds=max(since - _late_after(task), 0.0),
                done=self._done[task.name],
                failed=self._failed[task.name],
                last_run_seconds=self._took.get(task.name, 0.0),
            )
            for task in self._tasks
        ]

    def lags(self) -> dict[str, str]:
        """For each task, `ok` or its delay."""
        return {
            task.name: f"late by {task.late_seconds:.0f} s" if task.late_seconds else "ok" for task in self.states()
        }

    def failures(self) -> dict[str, str]:
        """For each task whose last run failed, what its error says."""
        return {name: f"failed: {kind}" for name, kind in self._failure.items()}

    async def _repeat(self, task: Task) -> None:
        while True:
            began = time.monotonic()
            try:
                if task.when_due and self._may_act is not None and not await self._may_act():
                    await asyncio.sleep(min(_AGAIN_SECONDS, task.interval_seconds))
                    continue
                await task.run()
                self._last_success[task.name] = time.monotonic()
                self._done[task.name] += 1
                if self._failure.pop(task.name, None) is not None:
                    _log.warning("background task succeeds again", task=task.name)
            except Exception as error:  # noqa: BLE001  # one failed run must not end the task; readiness shows the lag
                self._failed[task.name] += 1
                words = _words(error)
                before, self._failure[task.name] = self._failure.get(task.name), words
                if words != before:  # a task that runs each second would say so each second
                    _log.warning("background task failed", task=task.name, error=words)
            self._took[task.name] = time.monotonic() - began
            again = _AGAIN_SECONDS if task.name in self._failure else task.interval_seconds
            await asyncio.sleep(min(again, task.interval_seconds))


class Runs:
    """Work of this process that goes on when nobody waits for it any more, until the process stops.

    What is running looks at `stopping` between two batches, and ends by itself.
    """

    def __init__(self, patience_seconds: float) -> None:
        """`patience_seconds` is how long the end of a batch is waited for when the process stops."""
        self._patience_seconds = patience_seconds
        self._running: set[asyncio.Task[None]] = set()
        self.stopping = asyncio.Event()

    def __len__(self) -> int:
        return len(self._running)

    async def start(self, work: Coroutine[Any, Any, None], *, name: str, wait_seconds: float = 0) -> None:
        """Start it, and return when it is over or so many seconds have passed."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if wait_seconds:
            await asyncio.wait({task}, timeout=wait_seconds)
        else:
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Ask all to stop between two batches, and return when they have ended. What takes too long is cancelled."""
        self.stopping.set()
        if not self._running:
            return
        _, left = await asyncio.wait(self._running, timeout=self._patience_seconds)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)  # the database is closed next


def _late_after(task: Task) -> float:
    return max(task.late_after_seconds, task.interval_seconds * _STALE_AFTER_INTERVALS)


def _words(error: Exception) -> str:
    """What failed: an error of ours says it in words for everybody, of another the kind may be told and no more."""
    return error.detail.partition(";")[0].rstrip(".") if isinstance(error, DomainError) else type(error).__name__
