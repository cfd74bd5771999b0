"""The `registry` command: what the operator does at the machine, each on top of what the service itself uses.

Exit codes: 0 done, 1 it could not be done or a check failed, 2 the command or a setting is wrong.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from uuid import UUID

import click
import msgspec
import yaml
from rich.console import Console

from registry.access.development import LONGEST_LIFE_SECONDS, development_token
from registry.access.principals import OPERATOR_AGENCY_ID, Role
from registry.app import create_app
from registry.console import WrongSetting, helpfully, opened, run, settings_or_exit
from registry.database.connect import unit_of_work
from registry.database.migrate import current_revision, newest_revision
from registry.database.migrate import migrate as migrate_database
from registry.demo.run import has_demo, prepare, print_tokens, run_demo
from registry.demo.stage import StoryBrokenError
from registry.imports import imports
from registry.kernel.time import utc_now
from registry.policy.testing import run_policy_tests
from registry.serve import serve
from registry.settings import Settings, load
from registry.taxonomy.commands import seed_taxonomy

CONTRACT = "openapi/registry.json"
POLICIES = Path(__file__).parents[1] / "policies"
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_HELP)
def main() -> None:
    """The registry of resource sharing between law-enforcement agencies.

    Settings come from the environment (REGISTRY_…); REGISTRY_DEMO=1 tries everything out without any.
    """


@main.command()
def migrate() -> None:
    """Bring the database to this version's schema, and its categories, purposes and headings up to date.

    \b
    Example:
      REGISTRY_DEMO=1 registry migrate
    """
    click.echo(run(settings_or_exit(), _migrate))


async def _migrate(settings: Settings) -> str:
    async with opened(settings) as database:
        before, after = await current_revision(database), newest_revision()
    await migrate_database(settings.database_url)
    async with opened(settings) as database, unit_of_work(database) as write:
        words = await seed_taxonomy(write)
    schema = f"The schema is at {after} already" if before == after else f"Schema {before or '(empty)'} → {after}"
    return f"{schema}; {words or 'no'} shared words changed."


main.add_command(imports)


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
    with helpfully():
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
    with helpfully():
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
    with helpfully():
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
    with helpfully():
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
        with helpfully():
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
