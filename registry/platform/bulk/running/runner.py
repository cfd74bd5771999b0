"""The runs of a process, which go on after the requests that began them."""

from typing import Final
from uuid import UUID

import structlog

from registry.platform.access.principals import Caller
from registry.platform.background import Runs
from registry.platform.bulk.fields import Importers
from registry.platform.bulk.running.beginning import Held, begin
from registry.platform.bulk.running.progress import BATCHES, BatchSizes, ImportProgress, MayNotActError, TakenOverError
from registry.platform.bulk.schemas import ImportRun
from registry.platform.database.connect import Database
from registry.platform.files.turns import Turns
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.versions import Expected

PATIENCE_SECONDS: Final = 10.0
"""How long the end of a batch is waited for when the process stops."""
BATCHES_AT_ONCE: Final = 2
"""So many batches are written at one time in a process. Agencies take turns, batch by batch."""
MOST_HERE: Final = 32
"""So many runs a process has at one time; each keeps the keys of its agency's things in memory."""
_PASSING: Final = (Busy, ConnectionError, TimeoutError)
"""The database is busy, or was lost: the run can go on where it stands."""
_log = structlog.get_logger("registry.platform.bulk")


class ImportRunner:
    """The runs of this process. A run goes on when nobody waits for it any more."""

    def __init__(
        self,
        database: Database,
        *,
        idle_days: int | None = None,
        most: int = MOST_HERE,
        sizes: BatchSizes = BATCHES,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """`idle_days` are those after which somebody is inactive.

        With None nobody asks before each batch whether whoever began the run may still act, as on the command line.
        """
        self._database = database
        self._idle_days = idle_days
        self._most = most
        self._beginning = 0
        self._turns = Turns(BATCHES_AT_ONCE)
        self._sizes = sizes
        self._runs = Runs(patience_seconds)

    async def run(
        self, caller: Caller, importers: Importers, import_id: UUID, asked: ImportRun, expected: Expected = None
    ) -> None:
        """Begin a run or go on with one, and return when it is over or the seconds asked for have passed.

        Raises what `begin` raises, and Busy when this process has as many runs as it can.
        """
        if self._beginning + len(self._runs) >= self._most:
            raise Busy(
                f"{self._most} imports run in this process, which is the most. Run yours when some are over.",
                "importer_busy",
                retry_after=30,
            )
        self._beginning += 1
        try:
            held = await begin(self._database, caller, importers, import_id, asked, expected)
        finally:
            self._beginning -= 1
        await self.start(caller, held, asked.wait_seconds)

    async def start(self, caller: Caller, held: Held, wait_seconds: float) -> None:
        """Run it, and return when it is over or so many seconds have passed."""
        await self._runs.start(self.carry_out(caller, held), name=f"import {held.import_id}", wait_seconds=wait_seconds)

    async def close(self) -> None:
        """Stop between two batches, and return when all runs have ended.

        A batch that takes too long is undone. What was running is interrupted, and can be resumed.
        """
        await self._runs.close()

    async def carry_out(self, caller: Caller, held: Held) -> None:
        """Run it to its end, from wherever it stands.

        What the database could not do now is done when the run is resumed; any other error would only come again.
        """
        import_id, trace = str(held.import_id), caller.trace_id
        progress = ImportProgress(
            self._database,
            caller,
            held,
            stopping=self._runs.stopping,
            sizes=self._sizes,
            turns=self._turns,
            idle_days=self._idle_days,
        )
        try:
            try:
                await progress.run()
            except (TakenOverError, *_PASSING):
                raise
            except MayNotActError as error:
                _log.info("an import was ended", import_id=import_id, trace_id=trace, code=str(error))
                await progress.end_unfinished(str(error))
            except Exception as error:  # noqa: BLE001  # whatever it is, it is no fault of a row
                _log.error("an import met a fault of the service", import_id=import_id, trace_id=trace, exc_info=error)
                await progress.give_up()
        except TakenOverError:
            _log.info("another run goes on with an import", import_id=import_id)
        except Exception as error:  # noqa: BLE001  # nobody waits for the task; the import says that it is interrupted
            _log.warning("an import was interrupted", import_id=import_id, trace_id=trace, exc_info=error)
