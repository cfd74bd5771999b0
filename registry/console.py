"""What every command needs: settings, the database, expected failures in one sentence, who is at the machine."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from registry.access.principals import OPERATOR_AGENCY_ID, Caller, Principal, Role
from registry.database.connect import Database, connect
from registry.database.migrate import current_revision, newest_revision
from registry.database.sqlite import SqliteDatabase
from registry.kernel.errors import DomainError
from registry.kernel.ids import new_id
from registry.kernel.time import utc_now
from registry.schema import all_tables
from registry.serve import writing_alone
from registry.settings import Settings, SettingsError, load

Result = TypeVar("Result")


class WrongSetting(click.ClickException):
    """The environment must be mended before anything can be done."""

    exit_code = 2


@contextmanager
def helpfully() -> Iterator[None]:
    """Expected failures as one sentence instead of a trace."""
    try:
        yield
    except SettingsError as error:
        raise WrongSetting(str(error)) from None
    except DomainError as error:
        raise click.ClickException(error.detail) from None
    except SQLAlchemyError as error:
        words = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise click.ClickException(f"The database refuses: {words}") from None
    except OSError as error:
        place = error.filename or "the database"
        raise click.ClickException(f"{place}: {error.strerror or error}") from None


def settings_or_exit() -> Settings:
    """The settings of the environment; ends the command with one sentence where they cannot be used."""
    with helpfully():
        return load()


def run(settings: Settings, work: Callable[[Settings], Coroutine[Any, Any, Result]]) -> Result:
    """Do database work, as the only writer where two would be one too many."""
    all_tables()
    with helpfully(), writing_alone(settings.database_url):
        return asyncio.run(work(settings))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    try:
        database = connect(settings.database_url)
    except ValueError as error:
        raise SettingsError(f"REGISTRY_DATABASE_URL: {error}.") from None
    if isinstance(database, SqliteDatabase):
        Path(str(make_url(database.url).database)).parent.mkdir(parents=True, exist_ok=True)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def current(settings: Settings) -> AsyncIterator[Database]:
    """The database, at this version's schema."""
    async with opened(settings) as database:
        if await current_revision(database) != newest_revision():
            raise click.ClickException("The database is not at this version's schema: run `registry migrate` first.")
        yield database


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar beside the output; call what it gives with how many are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def at_the_machine() -> Caller:
    """Whoever may run the command holds the database: the ledger says that it was done here."""
    principal = Principal(
        subject="command-line",
        agency_id=OPERATOR_AGENCY_ID,
        roles=frozenset({Role.REGISTRY_ADMIN}),
        scopes=frozenset({"*"}),
        token_id="command-line",  # noqa: S106  # a token's name, and there is none
        issuer="command-line",
    )
    return Caller(principal=principal, now=utc_now(), request_id=str(new_id()))
