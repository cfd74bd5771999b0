"""What queries and commands hold: `Read` asks, `Write` asks and changes inside one transaction.

A `Write` is lazy: it opens its transaction at the first statement and takes no lock before. It is finished by the
HTTP layer after the answer is rendered and before its first byte goes out, or abandoned when anything raised.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from registry.database.fast import Change, Selection

Parameters: TypeAlias = Mapping[str, object] | Sequence[Mapping[str, object]]
Rows: TypeAlias = Sequence[Row[Any]]


class Read(ABC):
    """Asks the database. Every statement sees all committed changes; there is no cursor left open."""

    dialect: str

    @abstractmethod
    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        """Every row of an indexed, short query."""

    @abstractmethod
    async def all_slowly(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        """Every row of a query that may take milliseconds (search, reports), kept out of others' way."""

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        """As `all`, for a hot read whose statement is built once: compiled once and handed to the driver.

        Rows are tuples with named columns. A handle that has no such way answers as `all` does.
        """
        return await self.all(statement, parameters)

    async def first(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Row[Any] | None:
        """The first row, or None."""
        rows = await self.all(statement, parameters)
        return rows[0] if rows else None

    async def value(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Any:
        """The first column of the first row, or None."""
        row = await self.first(statement, parameters)
        return row[0] if row is not None else None


class Write(Read):
    """A `Read` that sees its own changes, and changes.

    `claim` is what the HTTP layer has to say before the first effect (see `once`); `before_commit` what it adds to
    the same transaction last.
    """

    claim: Callable[["Write"], Awaitable[None]] | None = None
    before_commit: Callable[["Write"], Awaitable[None]] | None = None

    @abstractmethod
    async def run(self, statement: Executable, parameters: Parameters | None = None) -> int:
        """Change rows; the number changed. Raises the domain error of the constraint it breaks, or Busy."""

    async def run_fast(self, statement: Change, parameters: Parameters) -> int:
        """As `run`, for a change that is built once and made by every request: compiled once, as `fast` is."""
        return await self.run(statement, parameters)

    @abstractmethod
    async def finish(self) -> None:
        """Commit, if anything was opened. Raises Busy when the commit failed: then nothing happened.

        Only a connection that was lost meanwhile leaves it open; the error's code, `commit_uncertain`, says so.
        """

    @abstractmethod
    async def abandon(self) -> None:
        """Roll back, if anything was opened."""

    async def once(self) -> None:
        """From here on the command has effects, and has them at most once per idempotency key.

        Called by every command after the caller's right to the thing is established and before its state is
        judged, so that a repeated request replays its first answer instead of meeting the state it produced.
        """
        if self.claim is not None:
            await self.claim(self)
