"""Database handles for queries and commands: `Read` reads, `Write` reads and changes within one transaction.

A `Write` is lazy: it begins its transaction, and takes locks, with the first statement. The HTTP layer commits it with
`finish` after the answer is rendered and before its first byte is sent, or rolls it back with `abandon` when an
exception was raised.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from registry.platform.database.fast import Change, Selection

Parameters: TypeAlias = Mapping[str, object] | Sequence[Mapping[str, object]]
Rows: TypeAlias = Sequence[Row[Any]]
Answer = TypeVar("Answer")
_REHEARSE = sa.text("SAVEPOINT rehearsal")
_UNDO = sa.text("ROLLBACK TO SAVEPOINT rehearsal")
_GO_ON = sa.text("RELEASE SAVEPOINT rehearsal")
_ATTEMPT = sa.text("SAVEPOINT attempt")
_GIVE_UP = sa.text("ROLLBACK TO SAVEPOINT attempt")
_ATTEMPTED = sa.text("RELEASE SAVEPOINT attempt")


class Read(ABC):
    """A read-only handle. Every statement sees all changes that were committed before it; no cursor stays open."""

    dialect: str

    @abstractmethod
    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        """Every row of a short query that uses an index."""

    @abstractmethod
    async def all_slowly(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        """Every row of a query that may take milliseconds (search, reports), run where it does not delay others."""

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        """As `all`, for a frequent query built once: compiled once and executed directly on the driver.

        Rows are tuples with named columns. Handles without a fast implementation use `all`.
        """
        return await self.all(statement, parameters)

    async def fast_slowly(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        """As `all_slowly`, for a frequent query built once. One that is given lists takes as long as there."""
        return await self.all_slowly(statement, parameters)

    async def first(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Row[Any] | None:
        """The first row, or None."""
        rows = await self.all(statement, parameters)
        return rows[0] if rows else None

    async def value(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Any:
        """The first column of the first row, or None."""
        row = await self.first(statement, parameters)
        return row[0] if row is not None else None


class Write(Read):
    """A read-write handle on one transaction; its reads see its own changes.

    `claim` holds the request's idempotency key and is taken before the first effect (see `once`); `before_commit` is
    called last and may defer more insertions in the same transaction.
    """

    claim: Callable[["Write"], Awaitable[None]] | None = None
    before_commit: Callable[["Write"], None] | None = None

    def __init__(self) -> None:
        self._deferred: dict[sa.Insert, list[Mapping[str, object]]] = {}
        self._in_order_of: dict[sa.Insert, str] = {}
        self._known: dict[Hashable, Any] = {}
        self._last_steps: list[Callable[[], Awaitable[None]]] = []

    async def read_once(self, question: Hashable, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `ask` answers, which is asked once in the transaction for each `question`.

        For what many changes within one transaction need and none of them changes, such as the categories of the
        assets of a table. Beyond the transaction nothing is kept.
        """
        if question not in self._known:
            self._known[question] = await ask()
        found: Answer = self._known[question]
        return found

    @abstractmethod
    async def run(self, statement: Executable, parameters: Parameters | None = None) -> int:
        """Execute a change; the number of rows changed. Raises the error of a violated constraint, or Busy."""

    async def run_fast(self, statement: Change, parameters: Parameters) -> int:
        """As `run`, for a statement that is built once and executed often: compiled once, as `fast` is."""
        return await self.run(statement, parameters)

    async def run_returning(self, statement: Change, parameters: Mapping[str, object]) -> Rows:
        """As `run_fast`, for a statement with RETURNING; returns the rows."""
        return await self.all(statement, parameters)

    def defer(
        self, insertion: sa.Insert, rows: Sequence[Mapping[str, object]], *, in_order_of: str | None = None
    ) -> None:
        """Insert rows just before the commit, together with all other deferred rows, in one round trip.

        For rows that nothing in the same transaction reads. `insertion` is a statement that is built once, and all its
        rows name the same columns; tables are filled in the order in which they were first deferred. A row that
        violates a constraint makes `finish` raise its domain error.

        Rows that another transaction may insert at the same time are inserted `in_order_of` a column, whatever the
        order in which they were deferred: who inserts the same then waits, and is not waited for. Of those with the
        same value the first is inserted alone: the others are there already.
        """
        self._deferred.setdefault(insertion, []).extend(rows)
        if in_order_of is not None:
            self._in_order_of[insertion] = in_order_of

    def _to_insert(self) -> dict[sa.Insert, list[Mapping[str, object]]]:
        """The deferred rows, in the order in which they are inserted."""
        found = dict(self._deferred)
        for insertion, column in self._in_order_of.items():
            if insertion in found:
                once = {str(row[column]): row for row in reversed(found[insertion])}
                found[insertion] = [row for _, row in sorted(once.items())]
        return found

    def at_the_end(self, step: Callable[[], Awaitable[None]]) -> None:
        """Have `finish` take this step first: for what is compared once all changes of the transaction are made."""
        self._last_steps.append(step)

    async def _take_last_steps(self) -> None:
        while self._last_steps:
            await self._last_steps.pop(0)()

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[None]:
        """Undo at the end whatever is changed within, also what is deferred: to read what a change would lead to.

        One at a time, never within another.
        """
        deferred = {insertion: [*rows] for insertion, rows in self._deferred.items()}
        await self.run(_REHEARSE)
        try:
            yield
        finally:
            await self.run(_UNDO)
            await self.run(_GO_ON)
            self._deferred = deferred

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Undo what is changed within, also what is deferred, when it raises; the transaction goes on without it.

        One at a time, never within another; within a rehearsal it may be.
        """
        deferred = {insertion: len(rows) for insertion, rows in self._deferred.items()}
        await self.run(_ATTEMPT)
        try:
            yield
        except BaseException:
            await self.run(_GIVE_UP)
            self._deferred = {insertion: self._deferred[insertion][:many] for insertion, many in deferred.items()}
            raise
        finally:
            await self.run(_ATTEMPTED)

    @abstractmethod
    async def finish(self) -> None:
        """Take the last steps, insert the deferred rows and commit, if a transaction was begun.

        Raises Busy when the commit failed; then nothing was stored. Only when the connection is lost during the commit
        is the outcome unknown; the error's code is then `commit_uncertain`.
        """

    @abstractmethod
    async def abandon(self) -> None:
        """Roll back, if a transaction was begun."""

    async def once(self) -> None:
        """Take the request's idempotency key, if it has one, before the first effect of the command.

        Every command behind a POST calls this after it has checked the caller's right to the thing and before it checks
        the thing's status. A repeated request is then answered with its first answer, instead of failing on the status
        that the first request produced. It is taken once: a command may be made of others, which call this too.
        """
        if self.claim is not None:
            claim, self.claim = self.claim, None
            await claim(self)
