"""Whether documents can be kept and are there, found out by keeping a few bytes: an empty folder looks well."""

from collections.abc import Awaitable, Callable

from registry.platform.files.store import FileStore, trouble
from registry.platform.kernel.errors import Busy
from registry.platform.trial import Trial

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
        self._trial = Trial(self._try, every=PROBE_SECONDS, patience=PATIENCE_SECONDS)

    async def ask(self) -> str:
        """`ok`, or what is wrong. A store that does not answer at all is found out, too."""
        found = await self._trial.ask()
        if self._trial.running_seconds > SLOW_SECONDS:
            trouble.meet(TimeoutError(f"the file store has not answered for {SLOW_SECONDS:.0f} s"))
            return _FAILED
        return found

    async def close(self) -> None:
        """Give up what is being tried."""
        await self._trial.close(give_up=True)

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
