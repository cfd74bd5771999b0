"""A trial that is shared: whoever asks while one is being made gets what it finds."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Trial:
    """What the last trial found. One is made at a time, and begun at most every `every` seconds however often asked."""

    def __init__(self, make: Callable[[], Awaitable[str]], *, every: float, patience: float) -> None:
        self._make = make
        self._every = every
        self._patience = patience
        self._found = "ok"
        self._begun_at = float("-inf")
        self._running: asyncio.Task[str] | None = None

    async def ask(self) -> str:
        """What it finds, or found the last time where it takes longer than the patience, in seconds."""
        if self._running is None and time.monotonic() - self._begun_at >= self._every:
            self._begun_at, self._running = time.monotonic(), asyncio.create_task(self._run())
        # Several wait for the same one, and each goes on when it is done: it is not looked for again after the wait.
        if (running := self._running) is not None:
            await asyncio.wait([running], timeout=self._patience)
        return self._found

    @property
    def running_seconds(self) -> float:
        """For how long one has been made that is not done yet; 0 where none is."""
        return 0.0 if self._running is None else time.monotonic() - self._begun_at

    async def close(self, *, give_up: bool) -> None:
        """Wait for one that is being made, or give it up."""
        if (running := self._running) is not None:
            if give_up:
                running.cancel()
            await asyncio.wait([running])

    async def _run(self) -> str:
        try:
            self._found = await self._make()
        finally:
            self._running = None
        return self._found
