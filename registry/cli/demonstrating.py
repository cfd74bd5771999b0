"""`registry demo` and `registry serve --with-demo`: play the demonstration, and tell its tokens."""

import click
from rich.console import Console

from registry.cli.session import ConfigurationError, reporting_errors, settings_or_exit
from registry.demo import run
from registry.demo.stage import StoryBrokenError
from registry.platform.settings import Settings


def demo() -> None:
    """Play the demonstration and keep its data."""
    settings = settings_or_exit()
    _demo_mode_only(settings)
    _play(settings, Console())


def play_once(settings: Settings, console: Console) -> None:
    """Play the demonstration if its data is not there."""
    _demo_mode_only(settings)
    with reporting_errors():
        played = run.has_demo(settings)
    if not played:
        _play(settings, console)


def print_tokens(settings: Settings, console: Console) -> None:
    """Print a token for each of its people."""
    run.print_tokens(settings, console)


def _demo_mode_only(settings: Settings) -> None:
    if not settings.demo:
        raise ConfigurationError("The demonstration needs REGISTRY_DEMO=1; never set that where real agencies work.")


def _play(settings: Settings, console: Console) -> None:
    try:
        with reporting_errors():
            run.run_demo(settings, console)
    except StoryBrokenError as error:
        raise click.ClickException(str(error)) from None
