"""Whether documents can be kept and are there, found out by keeping a few bytes: an empty folder looks well."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from registry.platform.files.store import FileStore, trouble
from registry.platform.kernel.errors import Busy

OK = "ok"
PROBE_SECONDS = 15.0
PATIENCE_SECONDS = 1.0
SLOW_SECONDS = 10.0
_FAILED = "documents cannot be kept or read: the log says why"

NamedContent = Callable[[], Awaitable[str | None]]
"""The hash of some content that the database names; None where it names none, or does not answer."""


class DocumentProbe:
    """Tries the file store, at most every fifteen seconds however often it is asked."""

    def __init__(self, store: FileStore, named: NamedContent) -> None:
        self._store = store
        self._named = named
        self._found = OK
        self._tried_at = float("-inf")
        self._trying: asyncio.Task[str] | None = None

    async def ask(self) -> str:
        """`ok`, or what is wrong. A store that does not answer at all is found out, too."""
        now = time.monotonic()
        if self._trying is None and now - self._tried_at >= PROBE_SECONDS:
            self._tried_at, self._trying = now, asyncio.create_task(self._try())
        if self._trying is not None:
            await asyncio.wait([self._trying], timeout=PATIENCE_SECONDS)
            if self._trying.done():
                self._found, self._trying = self._trying.result(), None
            elif time.monotonic() - self._tried_at > SLOW_SECONDS:
                trouble.meet(TimeoutError(f"the file store has not answered for {SLOW_SECONDS:.0f} s"))
                self._found = _FAILED
        return self._found

    async def close(self) -> None:
        """Give up what is being tried."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait([self._trying])

    async def _try(self) -> str:
        try:
            await self._store.probe(await self._named())
        except Busy:
            return _FAILED  # the log has its cause already
        except Exception as error:  # noqa: BLE001  # whatever it is, documents cannot be kept, and the check says so
            trouble.meet(error)
            return _FAILED
        trouble.over()
        return OK
