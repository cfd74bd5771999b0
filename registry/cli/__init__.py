"""The `registry` command for operators; each subcommand uses the same code as the service.

Exit codes: 0 done, or a server that was stopped in order; 1 it could not be done now, or a check failed (the database
does not answer, a file or port is in use: a later try may succeed); 2 the command or a setting is wrong, and stays so
until it is changed; 3 an archive is of a newer version; 143 stopped by SIGTERM, 130 by SIGINT, before it was done.

This module only declares the commands. What they do is imported when they are called, so that help comes at once.
"""

import gc
import os
import re
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from uuid import UUID

import click

import registry
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database import interruption

CONTRACT = "openapi/registry.json"
POLICIES = Path(registry.__file__).parents[1] / "policies"
LONGEST_HOURS = 24
_AGAIN_SECONDS = 0.05
_COLLECTED = (10_000, 5, 5)
"""The same while the service runs. With Python's own numbers, a fifth of the time went into looking through what
belongs to the requests of a crowd that waits."""
_UNCOLLECTED = (50_000, 100, 10)
"""How many new objects may be there before garbage is looked for among them, and how often that is done before what has
stayed is looked through as well. With Python's own numbers, looking through modules again and again, of which nothing
is garbage, took two fifths of a command's start."""
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def start() -> None:
    """The command as a process: a signal ends it at any moment, also before a server can be stopped in order."""
    gc.set_threshold(*_UNCOLLECTED)
    end_by_signals()
    main()


def collect_as_usual() -> None:
    """Look for garbage often again, among new objects alone: a server answers between many short pauses."""
    gc.freeze()
    gc.set_threshold(*_COLLECTED)


def end_by_signals() -> None:
    """Let SIGTERM and SIGINT end this process at any moment. Only from its main thread."""
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop_signal, _stop)
    sys.unraisablehook = _send_again


class StoppedBySignal(SystemExit):
    """A signal ends the process; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def _stop(number: int, _frame: FrameType | None) -> None:
    # Without a handler the first process of a container would not be ended at all.
    interruption.ask(number)
    raise StoppedBySignal(number)


def _send_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Python lets no exception out of what runs when an object goes; the signal is sent again a moment later.

    By an alarm, and by no thread: what runs when an object goes must wait for no lock.
    """
    stopped = unraisable.exc_value
    if not isinstance(stopped, StoppedBySignal):
        sys.__unraisablehook__(unraisable)
        return
    signal.signal(signal.SIGALRM, lambda _number, _frame: os.kill(os.getpid(), stopped.number))
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)


@click.group(context_settings=_HELP)
@click.version_option(registry.__version__, message="registry %(version)s")
def main() -> None:
    """The registry of resource sharing between law-enforcement agencies.

    Settings come from the environment (REGISTRY_…); REGISTRY_DEMO=1 tries everything out without any.

    Exit codes: 0 done; 1 it could not be done now, or a check failed; 2 the command or a setting is wrong; 3 an archive
    is of a newer version; 130 and 143 it was stopped by a signal before it was done.
    """


class _Digest(click.ParamType[str]):
    name = "SHA256"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch("[0-9a-f]{64}", value.lower()):
            self.fail("A digest is 64 hexadecimal digits.", param, ctx)
        return value.lower()


@main.command()
def migrate() -> None:
    """Bring the database to this version's schema, and its categories, purposes and headings up to date.

    \b
    Example:
      REGISTRY_DEMO=1 registry migrate
    """
    from registry.cli import serving

    serving.migrate()


@main.command()
@click.option("--issuer", help="Whose tokens are accepted for the operator's people, as they name it in `iss`.")
@click.option(
    "--preset",
    type=click.Choice(["rfc9068", "keycloak", "entra", "okta"]),
    default="rfc9068",
    show_default=True,
    help="What its tokens look like; see docs/identity.md.",
)
@click.option("--audience", "audiences", multiple=True, help="A value of `aud` that names this registry.")
@click.option("--jwks-uri", help="Where its keys are, if they are not to be discovered.")
@click.option("--algorithm", "algorithms", multiple=True, help="What it signs with, such as RS256; any otherwise.")
@click.option("--type", "types", multiple=True, help="A value of the header's `typ`, instead of the preset's.")
@click.option(
    "--longest-life", metavar="SECONDS", type=int, help="How long a token may be valid, if not as the preset."
)
@click.option("--claims", metavar="JSON", default="{}", help="What differs in its claim map; see docs/identity.md.")
@click.option("--administrator-role", metavar="NAME", help="What it calls the role of the registry's administrators.")
@click.option("--administrator", metavar="SUBJECT", help="Instead of a role: the one person who administers.")
@click.option("--value", help="What names the operator in its tokens, where a value of a claim does.")
@click.option("--name", help="The operator's name.")
@click.option("--time-zone", help="The operator's time zone, such as America/Chicago.")
@click.option("--keys-later", is_flag=True, help="Enter the issuer although its keys cannot be had yet.")
def init(
    issuer: str | None,
    preset: str,
    audiences: tuple[str, ...],
    jwks_uri: str | None,
    algorithms: tuple[str, ...],
    types: tuple[str, ...],
    longest_life: int | None,
    claims: str,
    administrator_role: str | None,
    administrator: str | None,
    value: str | None,
    name: str | None,
    time_zone: str | None,
    keys_later: bool,  # an option of a command
) -> None:
    """After the first `migrate`: accept the operator's first issuer of tokens, and say what comes next.

    The same again changes nothing. Another issuer is refused once one speaks for the operator. Its keys are tried
    first; where they cannot be had, nothing is entered, and the command exits with 1.

    \b
    Example:
      registry init --issuer https://login.county.example/realms/operator \\
        --preset keycloak --administrator-role registry-admin --name "County registry"
    """
    from registry.cli import initialising

    reading = {
        "preset": preset,
        "audiences": list(audiences),
        "jwks_uri": jwks_uri,
        "algorithms": list(algorithms),
        "types": list(types),
        "longest_life_seconds": longest_life,
    }
    initialising.initialise(
        issuer, reading, claims, administrator_role, administrator, value, name, time_zone, keys_later=keys_later
    )


@main.command()
def doctor() -> None:
    """Look at everything that the service stands on, and say what to do about what is wrong.

    Settings, time zones, room on disks, database and schema, clocks, issuers and their keys, documents, optional parts.
    Exits 1 when something fails, and 2 when it is the settings; warnings alone are no failure.

    \b
    Example:
      registry doctor
    """
    from registry.cli import examining

    examining.examine()


@main.command()
@click.option("--agency", type=click.UUID, default=OPERATOR_AGENCY_ID, help="Agency id; the operator's by default.")
@click.option("--role", "roles", type=click.Choice([r.value for r in Role]), multiple=True, required=True)
@click.option("--subject", default="somebody", show_default=True, help="Who it is, without blanks.")
@click.option("--scope", default="*", show_default=True, help="Scopes, separated by blanks.")
@click.option("--hours", type=click.FloatRange(0.01, LONGEST_HOURS), default=8, show_default=True)
def token(agency: UUID, roles: tuple[str, ...], subject: str, scope: str, hours: float) -> None:
    """Print a bearer token of the development issuer; in demo mode only.

    The service that is to accept it runs with the same REGISTRY_DATA_DIR: the
    issuer's key is in that folder (`make serve` uses var/demo).

    \b
    Examples:
      REGISTRY_DEMO=1 registry token --role registry_admin
      REGISTRY_DEMO=1 registry token --agency ID --role coordinator --subject jo
      REGISTRY_DEMO=1 registry token --agency ID --role service --scope "assets:* loans:read"
    """
    from registry.cli import tokens

    tokens.print_token(agency, roles, subject, scope, hours)


@main.command()
@click.option("--check", is_flag=False, flag_value=CONTRACT, metavar="[PATH]", help="Fail if PATH differs.")
@click.option("--write", is_flag=False, flag_value=CONTRACT, metavar="[PATH]", help="Write it to PATH.")
def openapi(check: str | None, write: str | None) -> None:
    """Print the HTTP contract (OpenAPI 3.1); PATH is openapi/registry.json unless given.

    \b
    Examples:
      registry openapi --check
      registry openapi --write openapi/registry.json
    """
    from registry.cli import publishing

    publishing.publish_contract(check, write)


@main.command()
@click.option("--write", metavar="PATH", help="Write the page there instead of printing it.")
def law(write: str | None) -> None:
    """Tell of each shipped rule of law what it says, what was made of it, what was left out, and whether it is on.

    \b
    Examples:
      registry law
      registry law --write docs/law.md
    """
    from registry.cli import publishing

    publishing.publish_law(POLICIES, write)


@main.command()
@click.option("--write", metavar="PATH", help="Write the page there instead of printing it.")
def events(write: str | None) -> None:
    """Tell of each type of event that the ledger records what it means.

    \b
    Examples:
      registry events
      registry events --write docs/events.md
    """
    from registry.cli import publishing

    publishing.publish_events(write)


@main.group()
def metrics() -> None:
    """What is counted, and how."""


@metrics.command(name="rebuild")
@click.option("--check", is_flag=True, help="Change nothing; fail if the sums stand otherwise.")
def metrics_rebuild(check: bool) -> None:
    """Make the daily sums of metrics anew from what they are counted from.

    \b
    Examples:
      registry metrics rebuild --check
      registry metrics rebuild
    """
    from registry.cli import metrics_of

    metrics_of.rebuild_metrics(check=check)


@metrics.command(name="page")
@click.option("--write", metavar="PATH", help="Write the page there instead of printing it.")
def metrics_page(write: str | None) -> None:
    """Tell of each metric what it counts of what, by which clock, without what, and from which source it comes.

    \b
    Examples:
      registry metrics page
      registry metrics page --write docs/metrics.md
    """
    from registry.cli import publishing

    publishing.publish_metrics(write)


@main.command(name="serve")
@click.option(
    "--migrate", "first", is_flag=True, help="Bring the database up to date first, as `registry migrate` does."
)
@click.option("--with-demo", is_flag=True, help="Play the demonstration first if its data is not there; print tokens.")
def serve_command(first: bool, with_demo: bool) -> None:  # options of a command
    """Serve the API at HOST and PORT until stopped by a signal.

    SIGTERM and SIGINT finish what is in flight, then close. A database without a schema is refused with 2: run
    `registry migrate`, or --migrate.

    \b
    Examples:
      REGISTRY_DEMO=1 HOST=127.0.0.1 PORT=8000 registry serve --with-demo
      registry serve --migrate
    """
    from registry.cli import serving

    serving.serve(first=first, with_demo=with_demo)


@main.command(name="demo")
def demo_command() -> None:
    """Play the main job over HTTP on a fresh database, and keep its data for `serve --with-demo`.

    The database is demo.db in the data directory, which it made itself and replaces each time; or the empty one that
    REGISTRY_DATABASE_URL names. It touches no other.

    Exits 0 only if every step did what it says. Needs REGISTRY_DEMO=1.
    """
    from registry.cli import demonstrating

    demonstrating.demo()


@main.command()
def reindex() -> None:
    """Write anew by which words assets are found, while the server runs: after a release that changes words.

    \b
    Example:
      registry reindex
    """
    from registry.cli import indexing

    indexing.reindex_assets()


@main.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--only", type=click.Choice(["database", "documents"]), help="Leave out the other.")
@click.option("--incomplete", is_flag=True, help="Make it although documents are missing or damaged; it names them.")
@click.option("--replace", is_flag=True, help="Take the place of a file that is there already.")
def backup(target: Path, only: str | None, incomplete: bool, replace: bool) -> None:
    """Put the database and all documents into the archive TARGET, while the server runs.

    TARGET is a file, or a folder in which the archive gets a name with its time. PostgreSQL has a backup of its own,
    which docs/operations.md describes; of such a registry, --only documents.

    Exit codes: 0 the archive is whole; 1 there is none, or an incomplete one; 2 TARGET or a setting will not do; 130
    and 143 it was stopped by a signal, and there is none.

    \b
    Examples:
      registry backup /srv/backups
      registry backup registry.tar --replace
    """
    from registry.cli import backups

    backups.backup(target, only, incomplete=incomplete, replace=replace)


@main.command()
@click.argument("archive", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--only", type=click.Choice(["documents"]), help="Put documents back beside those that are there.")
@click.option("--incomplete", is_flag=True, help="Restore an archive that says itself which documents it lacks.")
@click.option("--expect-digest", "expected", type=_Digest(), help="What `backup` said the archive's digest is.")
def restore(archive: Path, only: str | None, incomplete: bool, expected: str | None) -> None:
    """Put ARCHIVE back into an empty data directory, whole or not at all, at this version's schema.

    Exit codes: 0 all is there; 1 the archive is damaged or lacks documents, or there is no room; 2 the command names
    the wrong archive, or a place with data in it, or a setting is wrong; 3 the archive is of a newer version; 130 and
    143 it was stopped by a signal. Unless it is 0, nothing was put back.

    \b
    Examples:
      REGISTRY_DATA_DIR=/srv/registry registry restore /srv/backups/registry-20260704T180000Z.tar
      registry restore documents.tar --only documents
    """
    from registry.cli import backups

    backups.restore(archive, only, expected, incomplete=incomplete)


@main.command()
@click.argument("archive", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--expect-digest", "expected", type=_Digest(), help="What `backup` said the archive's digest is.")
def verify(archive: Path | None, expected: str | None) -> None:
    """Check ARCHIVE or, without one, the database and the documents of the settings; say what is wrong.

    An archive is checked without any setting.

    Exit codes: 0 nothing is wrong; 1 something is, and named, or the database does not answer; 2 it could not be
    checked: a setting is wrong, this account may not open it, or there is no such archive; 3 the archive is of a newer
    version, which checks it; 130 and 143 it was stopped by a signal.

    \b
    Examples:
      registry verify
      registry verify /srv/backups/registry-20260704T180000Z.tar
      registry verify registry.tar --expect-digest 5f2b…
    """
    from registry.cli import backups

    backups.verify(archive, expected)


@main.command()
@click.argument("kind", type=click.Choice(["person", "token"]))
@click.argument("issuer")
@click.argument("value")
@click.option("--agency", type=click.UUID, required=True, help="The agency for which it is refused.")
@click.option("--reason", required=True, help="Why, in a sentence that the agency will read.")
@click.option("--last-administrator", "last", is_flag=True, help="Also the last person who administers the registry.")
def revoke(kind: str, issuer: str, value: str, agency: UUID, reason: str, last: bool) -> None:  # options of a command
    """Refuse a person or a token of ISSUER for an agency; a running service follows within a second.

    VALUE is the person's subject, or the token's id. An issuer that is not known is refused with 2; somebody who was
    never seen is refused all the same, and it is said.

    \b
    Example:
      registry revoke person https://login.county.example/realms/county 690222be --agency ID --reason "Left."
    """
    from registry.cli import revoking

    revoking.revoke(kind, issuer, value, agency, reason, last=last)


@main.command(name="restore-person")
@click.argument("issuer")
@click.argument("subject")
@click.option("--agency", type=click.UUID, required=True, help="The agency for which it is restored.")
@click.option("--reason", required=True, help="Why, in a sentence that the agency will read.")
def restore_person(issuer: str, subject: str, agency: UUID, reason: str) -> None:
    """Take SUBJECT of ISSUER again for an agency, suspended or inactive; a running service follows within a second.

    \b
    Example:
      registry restore-person https://login.county.example/realms/county 690222be --agency ID --reason "Is back."
    """
    from registry.cli import revoking

    revoking.restore(issuer, subject, agency, reason)


class _Later(click.Group):
    """A group whose commands stand in a module of their own (`COMMANDS`), which takes a while to load."""

    module: str

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._commands().get(cmd_name)

    def _commands(self) -> dict[str, click.Command]:
        found: dict[str, click.Command] = import_module(self.module).COMMANDS
        return found


class _Policies(_Later):
    module = "registry.cli.policy"


class _Imports(_Later):
    module = "registry.cli.imports"


class _Issuers(_Later):
    module = "registry.cli.issuers"


class _Clients(_Later):
    module = "registry.cli.clients"


class _Keys(_Later):
    module = "registry.cli.keys"


class _Ledger(_Later):
    module = "registry.cli.ledger"


class _Approvals(_Later):
    module = "registry.cli.approvals"


@main.group(name="policy", cls=_Policies)
def policy() -> None:
    """Work on the policies that decide requests."""


@main.group(name="import", cls=_Imports)
def imports() -> None:
    """Bring public lists of agencies, trackers of agreements, and tables of assets into the registry."""


@main.group(name="issuer", cls=_Issuers)
def issuers() -> None:
    """Say whose tokens are accepted, and for which agencies; a running service follows within a second."""


@main.group(name="client", cls=_Clients)
def clients() -> None:
    """Register programs that get their tokens from the registry, and refuse them; a running service follows at once."""


@main.group(name="approvals", cls=_Approvals)
def approvals() -> None:
    """See what administrators proposed that needs a second operator, and approve or reject it."""


@main.group(name="keys", cls=_Keys)
def keys() -> None:
    """Change the keys that sign the registry's own tokens, and those under which secrets are encrypted."""


@main.group(name="ledger", cls=_Ledger)
def ledger() -> None:
    """Verify the ledger, export and archive it, and change the keys that sign its checkpoints."""
