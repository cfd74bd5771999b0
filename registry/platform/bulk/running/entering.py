"""The rows of one batch are entered through the importer, and it is said what became of each."""

import time
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

from registry.platform.access.principals import Caller
from registry.platform.bulk.batches import yield_to_others
from registry.platform.bulk.fields import Importer, RowOutcome, RowRefused
from registry.platform.bulk.mapping import MappedRow, RowMapper
from registry.platform.bulk.parsing import TableRow
from registry.platform.bulk.queries import RowSaid
from registry.platform.bulk.schemas import ImportFault
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Busy, DomainError

Result: TypeAlias = tuple[str, UUID | None, RowSaid]
"""The outcome of a row, the id of what it was entered as, and what is said of it."""


class RowEntry:
    """Enters the rows of a run. Of rows with one natural key the first that can be taken counts, in whichever batch.

    It ends a batch when that has taken `seconds`, and lets others run after each row: statements on SQLite hold the
    event loop, and the batch holds the only writer. `under_way` are the rows that are being entered, for whoever has to
    say where a run met an error.
    """

    def __init__(self, importer: Importer, mapper: RowMapper, known: Mapping[str, UUID], seconds: float) -> None:
        self._importer = importer
        self._seconds = seconds
        self._mapper = mapper
        self._known = known
        self.first: dict[str, int] = {}
        self.under_way: Sequence[TableRow] = ()

    def pass_over(self, row: TableRow) -> None:
        """Remember the key of a row that was done before."""
        self._key(self._mapper.read(row))

    async def enter_all(self, write: Write, caller: Caller, rows: Sequence[TableRow]) -> list[Result]:
        """Enter the rows, at least the first and as many as there is time for. Raises Busy.

        What is refused undoes nothing but itself.
        """
        try:
            async with write.attempt():  # of all rows at once, since most batches have no row that is refused
                return await self._enter_each(write, caller, rows, one_by_one=False)
        except _RowFailedError:
            return await self._enter_each(write, caller, rows, one_by_one=True)

    async def _enter_each(
        self, write: Write, caller: Caller, rows: Sequence[TableRow], *, one_by_one: bool
    ) -> list[Result]:
        mapped = [self._mapper.read(row) for row in rows]
        named = await self._importer.named(write, caller, [each.values for each in mapped if self._readable(each)])
        said: list[Result] = []
        ends = time.monotonic() + self._seconds
        for row, each in zip(rows, mapped, strict=True):
            self.under_way = (row,)
            key, first = self._key(each)
            if key is None:
                said.append(_refused([*each.faults, *await self._further_faults(write, caller, row, each, named)]))
            elif first != row.row:
                said.append(_refused([self._mapper.repeated(row, first)]))
            else:
                said.append(await self._enter(write, caller, row, each, key, named, one_by_one=one_by_one))
                if said[-1][0] == RowOutcome.REFUSED:
                    del self.first[key]  # the next row with that key is the first that can be taken
            await yield_to_others()
            if time.monotonic() >= ends:
                break
        self.under_way = rows[: len(said)]  # what is deferred is stored with all of them
        return said

    def _key(self, row: MappedRow) -> tuple[str | None, int]:
        """The row's natural key, and which row has it first; None for a row that is refused before."""
        if row.faults:
            return None, row.row
        key = self._importer.key_of(row.values)
        return key, self.first.setdefault(key, row.row)

    def _readable(self, row: MappedRow) -> bool:
        """Whether the row can be entered, if need be without the cells that cannot be read."""
        required = {each.name for each in self._importer.fields if each.required}
        return all(fault.field is not None and fault.field not in required for fault in row.faults)

    async def _further_faults(
        self, write: Write, caller: Caller, row: TableRow, mapped: MappedRow, named: Mapping[str, UUID]
    ) -> list[ImportFault]:
        """What else is wrong with a row of which some cells cannot be read: it is entered without them, and undone."""
        if not self._readable(mapped):
            return []
        found = self._known.get(self._importer.key_of(mapped.values))
        try:
            async with write.attempt():
                await self._importer.enter(write, caller, found, mapped.values, named)
                raise _UndoneError
        except _UndoneError:
            return []
        except (RowRefused, DomainError) as error:
            said = {fault.field for fault in mapped.faults}
            return [fault for fault in self._why_refused(row, error)[2].faults if fault.field not in said]

    async def _enter(
        self,
        write: Write,
        caller: Caller,
        row: TableRow,
        mapped: MappedRow,
        key: str,
        named: Mapping[str, UUID],
        *,
        one_by_one: bool,
    ) -> Result:
        """Enter one row; with `one_by_one` what is refused undoes nothing but itself. Raises _RowFailedError."""
        found = self._known.get(key)
        try:
            if not one_by_one:
                entered = await self._importer.enter(write, caller, found, mapped.values, named)
            else:
                async with write.attempt():
                    entered = await self._importer.enter(write, caller, found, mapped.values, named)
        except (RowRefused, DomainError) as error:
            if not one_by_one and not isinstance(error, Busy):
                raise _RowFailedError from None
            return self._why_refused(row, error)
        remarks = [self._mapper.remark(row, each.code, each.detail, each.field) for each in entered.remarks]
        return entered.outcome.value, entered.id, RowSaid(remarks=remarks)

    def _why_refused(self, row: TableRow, error: RowRefused | DomainError) -> Result:
        if isinstance(error, Busy):
            raise error
        if isinstance(error, RowRefused):
            return _refused([self._mapper.fault(row, f.pointer or "", f.code, f.detail) for f in error.faults])
        return _refused(self._mapper.of_error(row, error.code, error.detail, error.faults))


class _RowFailedError(Exception):
    """A row of the batch is refused, and has perhaps changed something before."""


class _UndoneError(Exception):
    """What was tried is to be undone."""


def _refused(faults: Sequence[ImportFault]) -> Result:
    return RowOutcome.REFUSED.value, None, RowSaid(faults=list(faults))
