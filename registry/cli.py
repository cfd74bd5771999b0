"""The `registry` command: what the operator does at the machine, each on top of what the service itself uses.

Exit codes: 0 done, 1 it could not be done or a check failed, 2 the command or a setting is wrong.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
import msgspec
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from registry.access.development import LONGEST_LIFE_SECONDS, development_token
from registry.access.principals import OPERATOR_AGENCY_ID, Caller, Principal, Role
from registry.agencies.fbi import AgencyRecord, join, read_cde, read_lee, sniff
from registry.agencies.importing import import_agencies
from registry.agencies.schemas import AgencyImportReport
from registry.app import create_app
from registry.database.connect import Database, connect, unit_of_work
from registry.database.migrate import current_revision, newest_revision
from registry.database.migrate import migrate as migrate_database
from registry.database.sqlite import SqliteDatabase
from registry.demo.run import has_demo, prepare, print_tokens, run_demo
from registry.demo.stage import StoryBrokenError
from registry.kernel.errors import DomainError
from registry.kernel.ids import new_id
from registry.kernel.time import utc_now
from registry.policy.testing import run_policy_tests
from registry.schema import all_tables
from registry.serve import serve, writing_alone
from registry.settings import Settings, SettingsError, load
from registry.taxonomy.commands import seed_taxonomy

CONTRACT = "openapi/registry.json"
POLICIES = Path(__file__).parents[1] / "policies"
REFUSED_ROWS_PRINTED = 20
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Result = TypeVar("Result")


class WrongSetting(click.ClickException):
    """The environment must be mended before anything can be done."""

    exit_code = 2


@click.group(context_settings=_HELP)
def main() -> None:
    """The registry of resource sharing between law-enforcement agencies.

    Settings come from the environment (REGISTRY_…); REGISTRY_DEMO=1 tries everything out without any.
    """


@contextmanager
def _helpfully() -> Iterator[None]:
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
    with _helpfully():
        return load()


def _run(settings: Settings, work: Callable[[Settings], Coroutine[Any, Any, Result]]) -> Result:
    """Do database work, as the only writer where two would be one too many."""
    all_tables()
    with _helpfully(), writing_alone(settings.database_url):
        return asyncio.run(work(settings))


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
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


@main.command()
def migrate() -> None:
    """Bring the database to this version's schema, and its categories, purposes and headings up to date.

    \b
    Example:
      REGISTRY_DEMO=1 registry migrate
    """
    click.echo(_run(settings_or_exit(), _migrate))


async def _migrate(settings: Settings) -> str:
    async with _opened(settings) as database:
        before, after = await current_revision(database), newest_revision()
    await migrate_database(settings.database_url)
    async with _opened(settings) as database, unit_of_work(database) as write:
        words = await seed_taxonomy(write)
    schema = f"The schema is at {after} already" if before == after else f"Schema {before or '(empty)'} → {after}"
    return f"{schema}; {words or 'no'} shared words changed."


@main.group(name="import")
def import_() -> None:
    """Bring public lists into the register."""


@import_.command(name="agencies")
@click.argument("lee", type=click.Path(path_type=Path))
@click.argument("cde", type=click.Path(path_type=Path), required=False)
@click.option("--dry-run", is_flag=True, help="Report what would happen and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def import_agencies_(lee: Path, cde: Path | None, dry_run: bool, as_json: bool) -> None:
    """Enter and correct agencies from the FBI's lists: LEE, the police-employee list, and CDE, the Crime Data API's.

    Bad rows are refused and named, the others are taken. The same lists again change nothing.

    \b
    Examples:
      registry import agencies lee.csv cde.csv --dry-run
      registry import agencies lee.csv cde.csv
    """
    report = _run(settings_or_exit(), lambda settings: _import(settings, lee, cde, dry_run=dry_run))
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _print_import(report)


async def _import(settings: Settings, lee: Path, cde: Path | None, *, dry_run: bool) -> AgencyImportReport:
    for path, wanted in ((lee, "lee"), (cde, "cde")):
        if path is not None and (found := sniff(path)) != wanted:
            raise click.ClickException(f"{path.name} is the {found} list; give the lee list first, then the cde list.")
    with ExitStack() as stack:
        employees = stack.enter_context(lee.open("rb"))
        places = iter(()) if cde is None else read_cde(stack.enter_context(cde.open("rb")), cde.name)
        records = list(join(read_lee(employees, lee.name), places))
    async with _opened(settings) as database:
        if await current_revision(database) != newest_revision():
            raise click.ClickException("The database is not at this version's schema: run `registry migrate` first.")
        with _progress() as progress:
            task = progress.add_task("agencies", total=sum(isinstance(r, AgencyRecord) for r in records))

            def show(done: int) -> None:
                progress.update(task, completed=done)

            return await import_agencies(database, _at_the_machine(), records, dry_run=dry_run, on_progress=show)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _at_the_machine() -> Caller:
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


def _print_import(report: AgencyImportReport) -> None:
    would = "would be " if report.dry_run else ""
    click.echo(
        f"{report.created} agencies {would}entered, {report.updated} {would}corrected, "
        f"{report.unchanged} unchanged; {report.refused} rows refused."
    )
    for note in report.notes:
        click.echo(f"{note.agencies:>7}  {note.code}")
    for fault in report.refused_rows[:REFUSED_ROWS_PRINTED]:
        click.echo(f"{fault.file}, line {fault.line}: {fault.detail}")
    if (more := report.refused - REFUSED_ROWS_PRINTED) > 0:
        click.echo(f"… and {more} more refused rows; --json names the first 1,000.")


@main.command()
@click.option("--agency", type=click.UUID, default=OPERATOR_AGENCY_ID, help="Agency id; the operator's by default.")
@click.option("--role", "roles", type=click.Choice([r.value for r in Role]), multiple=True, required=True)
@click.option("--subject", default="somebody", show_default=True, help="Who it is, without blanks.")
@click.option("--scope", default="*", show_default=True, help="Scopes, separated by blanks.")
@click.option("--hours", type=click.FloatRange(0.01, LONGEST_LIFE_SECONDS / 3600), default=8, show_default=True)
def token(agency: UUID, roles: tuple[str, ...], subject: str, scope: str, hours: float) -> None:
    """Print a bearer token of the development issuer; in demo mode only.

    \b
    Examples:
      REGISTRY_DEMO=1 registry token --role registry_admin
      REGISTRY_DEMO=1 registry token --agency ID --role coordinator --subject jo
      REGISTRY_DEMO=1 registry token --agency ID --role service --scope "assets:* loans:read"
    """
    settings = settings_or_exit()
    if not settings.demo:
        raise WrongSetting("Tokens come from your own issuer; this one works with REGISTRY_DEMO=1 only.")
    if not 0 < len(subject) <= 200 or not all("!" <= letter <= "~" for letter in subject):
        raise click.BadParameter("give 1 to 200 visible ASCII characters without blanks", param_hint="--subject")
    with _helpfully():
        click.echo(
            development_token(
                settings,
                agency_id=agency,
                roles=[Role(role) for role in roles],
                subject=subject,
                scope=scope,
                now=utc_now(),
                life_seconds=int(hours * 3600),
            )
        )


@main.command()
@click.option("--check", is_flag=False, flag_value=CONTRACT, metavar="[PATH]", help="Fail if PATH says otherwise.")
@click.option("--write", is_flag=False, flag_value=CONTRACT, metavar="[PATH]", help="Write it to PATH.")
def openapi(check: str | None, write: str | None) -> None:
    """Print the HTTP contract (OpenAPI 3.1); PATH is openapi/registry.json unless given.

    \b
    Examples:
      registry openapi --check
      registry openapi --write openapi/registry.json
    """
    if check is not None and write is not None:
        raise click.UsageError("Give --check or --write, not both.")
    contract = _contract()
    with _helpfully():
        if write is not None:
            Path(write).parent.mkdir(parents=True, exist_ok=True)
            Path(write).write_bytes(contract)
            click.echo(f"{write} is written.")
        elif check is None:
            sys.stdout.buffer.write(contract)
        elif Path(check).read_bytes() == contract:
            click.echo(f"{check} says what the service does.")
        else:
            raise click.ClickException(f"{check} is not what the service does: run `registry openapi --write {check}`.")


def _contract() -> bytes:
    """The contract, whatever the environment: it depends on the code alone."""
    with tempfile.TemporaryDirectory() as empty:
        app = create_app(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": empty})).app
        asyncio.run(app.state.database.close())
        contract: bytes = app.state.contract
        return contract


@main.command(name="serve")
@click.option("--with-demo", is_flag=True, help="Play the demonstration first if its data is not there; print tokens.")
def serve_command(with_demo: bool) -> None:
    """Serve the API at HOST and PORT until told to stop.

    SIGTERM and SIGINT finish what is in flight, then close. The schema must be current: run `registry migrate`.

    \b
    Example:
      REGISTRY_DEMO=1 HOST=127.0.0.1 PORT=8000 registry serve --with-demo
    """
    settings, console = settings_or_exit(), Console()
    with _helpfully():
        if with_demo:
            _demo_mode_only(settings)
            if not has_demo(settings):
                _play(settings, console)
            asyncio.run(prepare(settings.database_url))
            print_tokens(settings, console)
        console.print(f"\nServing at http://{settings.host}:{settings.port} (documentation at /docs)", highlight=False)
        serve(settings)


@main.command(name="demo")
def demo_command() -> None:
    """Play the main job over HTTP on a fresh SQLite file, and keep its data for `serve --with-demo`.

    Exits 0 only if every step did what it says. Needs REGISTRY_DEMO=1.
    """
    settings = settings_or_exit()
    _demo_mode_only(settings)
    with _helpfully():
        _play(settings, Console())


def _demo_mode_only(settings: Settings) -> None:
    if not settings.demo:
        raise WrongSetting("The demonstration needs REGISTRY_DEMO=1; never set that where real agencies work.")


def _play(settings: Settings, console: Console) -> None:
    try:
        run_demo(settings, console)
    except StoryBrokenError as error:
        raise click.ClickException(str(error)) from None


@main.group()
def policy() -> None:
    """Work on the policies that decide requests."""


@policy.command(name="test")
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path), default=POLICIES, envvar="REGISTRY_POLICIES_DIR"
)
def test_policies(folder: Path) -> None:
    """Run the cases beside the policies in DIR, and fail unless all pass and each policy is exercised both ways.

    \b
    Example:
      registry policy test policies
    """
    try:
        with _helpfully():
            report = run_policy_tests(folder)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise click.ClickException(f"{folder}: {error}") from None
    for failure in report.failures:
        click.echo(f"{failure.file}: {failure.name}\n  {failure.detail}")
    for rule in report.uncovered:
        lacking = "is satisfied in every case" if rule.determining else "decides in no case"
        click.echo(f"{rule.policy_id} ({rule.layer}) {lacking}")
    click.echo(
        f"{report.cases} cases, {len(report.failures)} failed; {report.coverage_percent} % of "
        f"{len(report.coverage)} policies covered."
    )
    if not report.is_green:
        raise SystemExit(1)
