"""Work that nobody waits for: key refresh and pruning now; sealing and deliveries join here.

Each task has a name, an interval and a function. One process does the work that must be done once: on PostgreSQL
whoever holds an advisory lock, on SQLite the serving process. Tasks use the same writer queue as requests, in short
slices, and stop before the engines close.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

_log = structlog.get_logger("registry.background")
_STALE_AFTER_INTERVALS = 5


class Task(Struct, kw_only=True, frozen=True):
    """One recurring piece of work."""

    name: str
    interval_seconds: float
    run: Callable[[], Awaitable[None]]


class Background:
    """Runs tasks until it is stopped, and knows how late each is."""

    def __init__(self, tasks: list[Task]) -> None:
        self._tasks = tasks
        self._running: list[asyncio.Task[None]] = []
        self._last_success: dict[str, float] = {}

    def start(self) -> None:
        """Begin; each task runs at once, then after every interval."""
        for task in self._tasks:
            self._last_success[task.name] = time.monotonic()
            self._running.append(asyncio.create_task(self._repeat(task), name=task.name))

    async def stop(self) -> None:
        """Stop between two runs where possible; a write that has begun is finished by its unit of work."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    def lags(self) -> dict[str, str]:
        """`ok` or how late, by task."""
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
