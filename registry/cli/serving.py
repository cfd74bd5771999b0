"""`registry migrate` and `registry serve`: what prepares a database, and serves it."""

import click
from rich.console import Console

from registry.cli import collect_as_usual
from registry.cli.session import reporting_errors, run, settings_or_exit
from registry.database_tables import bring_up_to_date
from registry.platform.database.in_use import Use
from registry.platform.database.installation import purpose_of
from registry.platform.database.migrate import newest_revision
from registry.platform.http import open_files
from registry.platform.settings import Settings
from registry.serve import bound
from registry.serve import serve as serve_api


def migrate() -> None:
    """Bring the database of the environment up to date, and say what that changed."""
    click.echo(run(settings_or_exit(), _migrate, use=Use.CHANGE))


async def _migrate(settings: Settings) -> str:
    purpose, after = purpose_of(demo=settings.demo), newest_revision()
    done = await bring_up_to_date(settings.database_url, purpose, settings.ledger_key, pooler=settings.database_pooler)
    if done.before is not None and done.before > str(after):
        return f"The schema is at {done.before}, made by a later version that this one ({after}) may serve beside."
    schema = (
        f"The schema is at {after} already" if done.before == after else f"Schema {done.before or '(empty)'} → {after}"
    )
    return f"{schema}; {done.words or 'no'} shared words changed."


def serve(*, first: bool, with_demo: bool) -> None:
    """Serve until a signal; before that, where asked for, bring the database up to date or play the demonstration."""
    settings, console = settings_or_exit(), Console()
    with reporting_errors():  # before anything is played, changed or printed
        for each in bound(settings.host, settings.port):
            each.close()
    if with_demo:  # which is not loaded otherwise
        from registry.cli import demonstrating

        demonstrating.play_once(settings, console)
    if first or with_demo:
        click.echo(run(settings, _migrate, use=Use.CHANGE))
    with reporting_errors():
        if with_demo:
            demonstrating.print_tokens(settings, console)
        serve_api(settings, on_started=lambda url: _started(url, console))


def _started(url: str, console: Console) -> None:
    collect_as_usual()
    words = f"\nServing at {url} (documentation at /docs; up to {open_files.limit():,} open files)"
    console.print(words, highlight=False, soft_wrap=True)
