"""What all subcommands share: settings, database, error messages, and the caller for local commands."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from registry.cli import StoppedBySignal
from registry.cli.accounts import NEEDS_BOTH, cannot_write, closed_to_sqlite, refused_at
from registry.database_tables import all_tables, check_database
from registry.directory.agencies.queries import agency_by_ori, unknown_agencies
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, Principal, Role
from registry.platform.backup.manifest import ArchiveError, NewerArchiveError, RefusedTargetError
from registry.platform.database import interruption
from registry.platform.database.connect import Database, connect
from registry.platform.database.handles import Read
from registry.platform.database.in_use import FileInUseError, Use, used
from registry.platform.database.installation import purpose_of
from registry.platform.database.migrate import SchemaStatus, schema_status
from registry.platform.database.room import private_folder
from registry.platform.database.snapshot import NoDatabaseError, sqlite_file
from registry.platform.database.sqlite import SqliteDatabase
from registry.platform.database.violations import READ_ONLY, translate
from registry.platform.http.faults import find_faults
from registry.platform.http.health import unserved
from registry.platform.kernel.errors import Busy, DomainError, Malformed, NotFound, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.logging import log_beside_output
from registry.platform.settings import Settings, SettingsError, load
from registry.serve import AddressInUseError

Result = TypeVar("Result")
Request = TypeVar("Request", bound=msgspec.Struct)


class NewerError(click.ClickException):
    """A newer version of the registry has to do this."""

    exit_code = 3


class ConfigurationError(click.ClickException):
    """A setting must be corrected before anything can be done."""

    exit_code = 2


@contextmanager
def reporting_errors(database_url: str = "") -> Iterator[None]:
    """Prints expected errors as one sentence instead of a traceback.

    With the database's URL, that of a SQLite file which this account may not write names the file or its folder.
    """
    try:
        yield
    except (SettingsError, RefusedTargetError) as error:
        raise ConfigurationError(str(error)) from None
    except NewerArchiveError as error:
        raise NewerError(str(error)) from None
    except (FileInUseError, AddressInUseError, ArchiveError, NoDatabaseError) as error:
        raise click.ClickException(str(error)) from None
    except DomainError as error:
        if isinstance(
            error, NotFound | RuleBroken | Malformed
        ):  # an argument names what is not there, or says what cannot be
            raise ConfigurationError(error.detail) from None
        raise _refusal(error, database_url) from None
    except SQLAlchemyError as error:
        complaint = getattr(error, "orig", None) or error
        if isinstance(refused := translate(error), Busy):
            refused.__cause__ = complaint
            raise _refusal(refused, database_url) from None
        raise click.ClickException(f"The database refuses: {str(complaint).splitlines()[0]}") from None
    except PermissionError as error:
        closed = refused_at(Path(error.filename or "."))
        raise ConfigurationError(_sentence(*cannot_write(closed, error.strerror or str(error)))) from None
    except OSError as error:
        place = error.filename or "the database"
        raise click.ClickException(f"{place}: {error.strerror or error}") from None


def _refusal(error: DomainError, database_url: str) -> click.ClickException:
    """What a command says of an error: with its cause, or which place this account has to be let write."""
    if error.code == READ_ONLY and database_url.startswith("sqlite:"):
        closed = closed_to_sqlite(sqlite_file(database_url))
        if closed is not None:
            return ConfigurationError(_sentence(*cannot_write(closed, NEEDS_BOTH)))
    cause = str(error.__cause__ or "").partition("\n")[0]
    return click.ClickException(f"{error.detail} ({cause})" if cause else error.detail)


def _sentence(said: str, advice: str) -> str:
    return f"{said}. To go on, {advice}."


def as_asked(kind: type[Request], /, **given: object) -> Request:
    """What a command was given, as the body that the route takes, by the same rule. None is what was not given.

    Ends the command with 2, and one sentence for each fault.
    """
    plain = msgspec.to_builtins({name: value for name, value in given.items() if value is not None})
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        faults = [f"{each.pointer.strip('/')} {each.detail}" for each in find_faults(plain, kind) if each.pointer]
        raise ConfigurationError(f"This cannot be: {'; '.join(faults) or error}.") from None


def claim_map(text: str) -> object:
    """What `--claims` was given. Raises ConfigurationError for what is no JSON."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"--claims is not JSON: {error}.") from None


def settings_or_exit() -> Settings:
    """The settings of the environment. Ends the command with one sentence when they are invalid.

    From here on what is logged stands beside what the command says, until a server logs for itself.
    """
    with reporting_errors():
        settings = load()
    log_beside_output(settings)
    return settings


def run(settings: Settings, work: Callable[[Settings], Coroutine[Any, Any, Result]], *, use: Use = Use.ADD) -> Result:
    """Run work on the database, locked against processes whose use of it does not go with this one."""
    all_tables()
    with reporting_errors(settings.database_url), used(settings.database_url, use):
        try:
            return asyncio.run(work(settings))
        except asyncio.CancelledError:
            if (number := interruption.asked()) is None:
                raise
            raise StoppedBySignal(number) from None


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    try:
        database = connect(settings.database_url, pooler=settings.database_pooler)
    except ValueError as error:
        raise SettingsError(f"REGISTRY_DATABASE_URL: {error}.") from None
    if isinstance(database, SqliteDatabase):
        private_folder(Path(str(make_url(database.url).database)).parent)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def current(settings: Settings, *, any_ledger_key: bool = False) -> AsyncIterator[Database]:
    """The database; fails unless it has this version's schema, and is for the mode and ledger key of these settings."""
    async with opened(settings) as database:
        status = await schema_status(database)
        if status is SchemaStatus.DIFFERENT:
            raise ConfigurationError(f"The schema is {await unserved(database, status)}.")
        if not status.is_served:
            raise ConfigurationError("The database is not at this version's schema: run `registry migrate` first.")
        await check_database(database, purpose_of(demo=settings.demo), b"" if any_ledger_key else settings.ledger_key)
        yield database


async def agency_named(read: Read, named: str) -> UUID:
    """The agency with that ORI or id. Raises ConfigurationError where there is none."""
    found: UUID | None
    try:
        found = UUID(named)
    except ValueError:
        found = await agency_by_ori(read, named.upper())
    if found is None or await unknown_agencies(read, [found]):
        raise ConfigurationError(f"There is no agency with the ORI or id {named}.")
    return found


@contextmanager
def long_work(what: str) -> Iterator[None]:
    """Says beside the output what is done, and ends with the signal that stopped it, whatever SQLite made of that."""
    try:
        with reporting_errors(), Console(stderr=True).status(f"{what} …"):
            yield
    finally:
        if (number := interruption.asked()) is not None:
            raise StoppedBySignal(number)


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
