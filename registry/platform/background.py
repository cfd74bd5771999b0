"""Recurring background tasks, such as refreshing keys and removing expired rows.

Each task has a name, an interval and a function. Work that must happen once is done by one process: on PostgreSQL the
holder of an advisory lock, on SQLite the serving process. Tasks write through the same queue as requests, in short
transactions, and stop before the engines close.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

_log = structlog.get_logger("registry.platform.background")
_STALE_AFTER_INTERVALS = 5


class Task(Struct, kw_only=True, frozen=True):
    """One recurring task."""

    name: str
    interval_seconds: float
    run: Callable[[], Awaitable[None]]


class Background:
    """Runs tasks until it is stopped, and measures their delay."""

    def __init__(self, tasks: list[Task]) -> None:
        self._tasks = tasks
        self._running: list[asyncio.Task[None]] = []
        self._last_success: dict[str, float] = {}

    def start(self) -> None:
        """Start all tasks. Each runs immediately and then after every interval."""
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

    def lags(self) -> dict[str, str]:
        """For each task, `ok` or its delay."""
        now = time.monotonic()
        late = {
            task.name: now - self._last_success.get(task.name, now) - task.interval_seconds * _STALE_AFTER_INTERVALS
            for task in self._tasks
        }
        return {name: "ok" if seconds <= 0 else f"late by {seconds:.0f} s" for name, seconds in late.items()}

    async def _repeat(self, task: Task) -> None:
        while True:
            try:
                await task.run()
                self._last_success[task.name] = time.monotonic()
            except Exception as error:  # noqa: BLE001  # one failed run must not end the task; readiness shows the lag
                _log.warning("background task failed", task=task.name, error=type(error).__name__)
            await asyncio.sleep(task.interval_seconds)
