"""What all subcommands share: settings, database, error messages, and the caller for local commands."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from registry.database_tables import all_tables, check_database
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, Principal, Role
from registry.platform.backup.manifest import ArchiveError, RefusedTargetError
from registry.platform.database.connect import Database, connect
from registry.platform.database.in_use import FileInUseError, Use, used
from registry.platform.database.installation import purpose_of
from registry.platform.database.migrate import schema_status
from registry.platform.database.snapshot import NoDatabaseError
from registry.platform.database.sqlite import SqliteDatabase
from registry.platform.kernel.errors import DomainError, NotFound
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.settings import Settings, SettingsError, load
from registry.serve import AddressInUseError

Result = TypeVar("Result")


class ConfigurationError(click.ClickException):
    """A setting must be corrected before anything can be done."""

    exit_code = 2


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Prints expected errors as one sentence instead of a traceback."""
    try:
        yield
    except (SettingsError, RefusedTargetError) as error:
        raise ConfigurationError(str(error)) from None
    except (FileInUseError, AddressInUseError, ArchiveError, NoDatabaseError) as error:
        raise click.ClickException(str(error)) from None
    except DomainError as error:
        if isinstance(error, NotFound) or error.code.startswith("unknown_"):  # an argument names what is not there
            raise ConfigurationError(error.detail) from None
        cause = str(error.__cause__ or "").partition("\n")[0]
        raise click.ClickException(f"{error.detail} ({cause})" if cause else error.detail) from None
    except SQLAlchemyError as error:
        words = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise click.ClickException(f"The database refuses: {words}") from None
    except OSError as error:
        place = error.filename or "the database"
        raise click.ClickException(f"{place}: {error.strerror or error}") from None


def settings_or_exit() -> Settings:
    """The settings of the environment. Ends the command with one sentence when they are invalid."""
    with reporting_errors():
        return load()


def run(settings: Settings, work: Callable[[Settings], Coroutine[Any, Any, Result]], *, use: Use = Use.ADD) -> Result:
    """Run work on the database, locked against processes whose use of it does not go with this one."""
    all_tables()
    with reporting_errors(), used(settings.database_url, use):
        return asyncio.run(work(settings))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    try:
        database = connect(settings.database_url, pooler=settings.database_pooler)
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
    """The database; fails unless it has this version's schema and is for the mode of these settings."""
    async with opened(settings) as database:
        if not (await schema_status(database)).is_served:
            raise ConfigurationError("The database is not at this version's schema: run `registry migrate` first.")
        await check_database(database, purpose_of(demo=settings.demo))
        yield database


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar beside the output; yields a function to call with the number done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def local_caller(agency_id: UUID | None = None) -> Caller:
    """The caller for local commands: the operator's administrator, or that of an agency.

    Whoever runs them controls the database; the ledger records it as local.
    """
    principal = Principal(
        subject="command-line",
        agency_id=agency_id or OPERATOR_AGENCY_ID,
        roles=frozenset({Role.AGENCY_ADMIN if agency_id else Role.REGISTRY_ADMIN}),
        scopes=frozenset({"*"}),
        token_id="command-line",  # noqa: S106  # a token's name, and there is none
        issuer="command-line",
    )
    return Caller(principal=principal, now=utc_now(), trace_id=new_id().hex)
