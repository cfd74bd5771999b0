"""One run under way: its phases, its batches, and how it ends."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from registry.platform.access.acting import why_refused
from registry.platform.access.principals import Caller
from registry.platform.bulk.batches import yield_to_others
from registry.platform.bulk.fields import RowOutcome
from registry.platform.bulk.mapping import RowMapper
from registry.platform.bulk.parsing import TableRow
from registry.platform.bulk.queries import RowSaid, contents
from registry.platform.bulk.running.beginning import ITS, LOCK, Held
from registry.platform.bulk.running.entering import Result, RowEntry
from registry.platform.bulk.schemas import ImportStatus
from registry.platform.bulk.tables import import_job, import_row
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Write
from registry.platform.files.turns import Turns
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.text import counted
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

TRIES: Final = 8
_HELD = sa.and_(ITS, import_job.c.run_token == sa.bindparam("token", type_=import_job.c.run_token.type))
_HOLD = sa.select(import_job.c.status).where(_HELD).with_for_update()


def _set(*names: str) -> dict[str, Any]:
    return {name: sa.bindparam(f"its_{name}", type_=import_job.c[name].type) for name in names}


_MOVE = import_job.update().where(_HELD).values(_set("phase", "cursor", "rows_done", "counts", "updated_at"))
_FINISH = (
    import_job.update()
    .where(_HELD)
    .values({**_set("status", "note", "updated_at"), "version": import_job.c.version + 1, "run_token": None})
)
_SAY = (
    import_row.update()
    .where(
        import_row.c.import_id == sa.bindparam("its_import", type_=import_row.c.import_id.type),
        import_row.c.row == sa.bindparam("its_row", type_=sa.Integer),
    )
    .values(
        outcome=sa.bindparam("its_outcome", type_=sa.Text),
        subject_id=sa.bindparam("its_subject", type_=import_row.c.subject_id.type),
        said=sa.bindparam("its_said", type_=sa.Text),
    )
)


class BatchSizes(Struct, kw_only=True, frozen=True):
    """How much is done in one transaction: so many rows, and none more once it has taken so many seconds.

    Nobody else writes to a SQLite meanwhile, so this is also how long a change of another agency waits for a batch.
    """

    rows: int = 100
    seconds: float = 0.25


BATCHES: Final = BatchSizes()
_WHY_ENDED: Final[Mapping[str, str]] = {
    "agency_not_active": "the agency may not act in the registry now",
    "invalid_token": "the token with which the run was begun has been revoked",
    "principal_suspended": "whoever began the run is suspended for the agency",
    "principal_inactive": "whoever began the run has not used the registry for too long",
}


class TakenOverError(Exception):
    """Another run holds the import now."""


class MayNotActError(Exception):
    """Whoever began the run may not act any more."""


class ImportProgress:
    """One run under way."""

    def __init__(
        self,
        database: Database,
        caller: Caller,
        held: Held,
        *,
        stopping: asyncio.Event,
        sizes: BatchSizes,
        turns: Turns,
        idle_days: int | None,
    ) -> None:
        """`idle_days` are those after which somebody is inactive; with None it is not asked who may act."""
        self._database = database
        self._caller = caller
        self._held = held
        self._stopping = stopping
        self._sizes = sizes
        self._turns = turns
        self._idle_days = idle_days
        self._mapper = RowMapper(held.importer, held.headers, held.run.mapping)
        self._entry = self._entry_with({})
        self._phase, self._cursor, self._done = held.phase, held.cursor, held.rows_done
        self._counts = msgspec.structs.asdict(held.counts)

    async def run(self) -> None:
        """All phases that are left."""
        held = self._held
        vocabulary = await held.importer.vocabulary(self._database.read(), self._caller)
        self._mapper = RowMapper(held.importer, held.headers, held.run.mapping, vocabulary)
        known = await held.importer.known(self._database.read(), self._caller)
        self._entry = self._entry_with(known)
        await self._read_again()
        if self._phase == "check":
            if not await self._through(rehearse=True):
                return
            if self._held.run.dry_run:
                await self._finish(ImportStatus.CHECKED, None)
                return
            if self._counts["refused"]:
                words = f"Nothing was written: {self._counts['refused']} rows are refused, and on_error is “abort”."
                await self._finish(ImportStatus.STOPPED, words)
                return
            self._phase, self._cursor, self._done, self._counts = "write", 0, 0, _nothing()
            self._entry = self._entry_with(known)
        try:
            if not await self._through(rehearse=False):
                return
        except _RefusedAfterCheckError as refused:
            words = f"Row {refused.row} could be written when it was checked, and not any more: {refused.detail}"
            await self._finish(ImportStatus.STOPPED, f"{words} {self._kept()}")
            return
        await self._finish(ImportStatus.DONE, None)

    def _entry_with(self, known: Mapping[str, UUID]) -> RowEntry:
        return RowEntry(self._held.importer, self._mapper, known, self._sizes.seconds)

    async def end_unfinished(self, why: str) -> None:
        """End a run whose beginner may not act any more, so that another person can go on with it."""
        words = f"The run was ended after {counted(self._done, 'row')}: {_WHY_ENDED[why]}."
        await self._finish(ImportStatus.INTERRUPTED, f"{words} Whoever may run imports goes on with it.")

    async def give_up(self) -> None:
        """End the run for a fault of the service, and say at which rows."""
        rows = _named(self._entry.under_way)
        words = f"{rows} could not be entered, for a fault of the service and not of the table."
        report = f"Tell the operator, with the trace {self._caller.trace_id}."
        await self._finish(ImportStatus.STOPPED, f"{words} {report} {self._kept()}")

    def _kept(self) -> str:
        written = self._phase == "write" and self._done
        return f"The {self._done} rows before were written." if written else "Nothing was written."

    async def _read_again(self) -> None:
        """The keys of the rows that are done, for a run that is resumed."""
        after = 0
        while after < self._cursor:
            rows = await contents(self._database.read(), self._held.import_id, after, self._sizes.rows, taken=True)
            for row in rows:
                if row.row <= self._cursor:
                    self._entry.pass_over(row)
            after = rows[-1].row if rows else self._cursor
            await yield_to_others()

    async def _through(self, *, rehearse: bool) -> bool:
        """All rows from the cursor on; False when the process stops before the end."""
        while rows := await contents(self._database.read(), self._held.import_id, self._cursor, self._sizes.rows):
            self._entry.under_way = rows
            await self._batch_with_patience(rows, rehearse=rehearse)
            self._entry.under_way = ()
            if self._stopping.is_set():
                return False
            await yield_to_others()
        return True

    async def _batch_with_patience(self, rows: Sequence[TableRow], *, rehearse: bool) -> None:
        for again in range(TRIES):
            first = dict(self._entry.first)
            try:
                async with self._turns.turn(self._caller.agency_id):
                    await self._batch(rows, rehearse=rehearse)
            except Busy as busy:
                self._entry.first = first
                if again + 1 == TRIES:
                    raise
                await asyncio.sleep(busy.retry_after)
            else:
                return

    async def _batch(self, rows: Sequence[TableRow], *, rehearse: bool) -> None:
        caller = msgspec.structs.replace(self._caller, now=utc_now())
        counts = dict(self._counts)
        async with unit_of_work(self._database) as write:
            if await write.value(_HOLD, {"its_id": self._held.import_id, "token": self._held.token}) is None:
                raise TakenOverError
            await self._check_acting(write, caller)
            undone: AbstractAsyncContextManager[None] = write.rehearsal() if rehearse else nullcontext()
            async with undone:
                said = await self._entry.enter_all(write, caller, rows)
            rows = rows[: len(said)]  # the others come with the next batch
            for outcome, _, _ in said:
                counts[outcome] += 1
            if not rehearse and self._held.run.on_error == "abort":
                _stop_at_refused(rows, said)
            await write.run_fast(_SAY, [self._line(row, *each) for row, each in zip(rows, said, strict=True)])
            done = {"its_cursor": rows[-1].row, "its_rows_done": self._done + len(rows), "its_counts": counts}
            held = {"its_id": self._held.import_id, "token": self._held.token, "its_updated_at": caller.now}
            await write.run(_MOVE, {**done, **held, "its_phase": self._phase})
        self._cursor, self._done, self._counts = rows[-1].row, self._done + len(rows), counts

    async def _check_acting(self, write: Write, caller: Caller) -> None:
        """Ask again what was asked when the run was begun. Raises MayNotActError."""
        if self._idle_days is None:
            return
        who = caller.principal
        its = {"agency_id": who.agency_id, "issuer": who.issuer, "subject": who.subject, "jti": who.token_id}
        if refusal := await why_refused(write, its, caller.now, self._idle_days):
            raise MayNotActError(refusal[2])

    def _line(self, row: TableRow, outcome: str, subject_id: UUID | None, said: RowSaid) -> dict[str, object]:
        return {
            "its_import": self._held.import_id,
            "its_row": row.row,
            "its_outcome": outcome,
            "its_subject": subject_id,
            "its_said": msgspec.json.encode(said).decode() if said.faults or said.remarks else None,
        }

    async def _finish(self, status: ImportStatus, note: str | None) -> None:
        now = utc_now()
        async with unit_of_work(self._database) as write:
            held = {"its_id": self._held.import_id, "token": self._held.token}
            row = await write.first(LOCK, {"its_id": self._held.import_id})
            done = {"its_status": status.value, "its_note": note, "its_updated_at": now}
            if row is None or not await write.run(_FINISH, {**held, **done}):
                raise TakenOverError
            record(
                write,
                msgspec.structs.replace(self._caller, now=now),
                EventType.IMPORT_RUN,
                subject=("import", self._held.import_id, row.version + 1),
                agencies=[self._caller.agency_id],
                data={"kind": row.kind, "status": status.value, "dry_run": self._held.run.dry_run, **self._counts},
            )


class _RefusedAfterCheckError(Exception):
    def __init__(self, row: int, detail: str) -> None:
        super().__init__(detail)
        self.row = row
        self.detail = detail


def _stop_at_refused(rows: Sequence[TableRow], said: Sequence[Result]) -> None:
    for row, (outcome, _, about) in zip(rows, said, strict=True):
        if outcome == RowOutcome.REFUSED:
            raise _RefusedAfterCheckError(row.row, about.faults[0].detail)


def _named(rows: Sequence[TableRow]) -> str:
    if not rows:
        return "The rows that are left"
    first, last = rows[0].row, rows[-1].row
    return f"Row {first}" if first == last else f"Rows {first} to {last}"


def _nothing() -> dict[str, int]:
    return dict.fromkeys((each.value for each in RowOutcome), 0)
