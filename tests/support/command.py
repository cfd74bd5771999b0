"""The `registry` command, called as a person would."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from click.testing import CliRunner, Result

from registry.cli import main
from registry.platform.settings import PREFIX
from tests.support.databases import copy_sqlite

Run: TypeAlias = Callable[..., Result]


def on_migrated(folder: Path, template: str, *, file: str = "demo.db") -> Run:
    """The command over a copy of a migrated template; `file` is `registry.db` where DEMO is 0.

    The copy is as `registry migrate` leaves a database: its owner's alone. To migrate one costs half a second.
    """
    data = folder / "data"
    data.mkdir(mode=0o700)
    copy_sqlite(template, data / file)
    (data / file).chmod(0o600)
    return command(folder)


def command(folder: Path) -> Run:
    """The command in demo mode with its data in that folder; a keyword sets or, as None, unsets a variable."""

    def invoke(*arguments: str, listen: Mapping[str, str] | None = None, **environment: str | None) -> Result:
        given = {"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(folder / "data"), "REGISTRY_DATABASE_URL": None}
        given |= {"PORT": "0", **(listen or {})}
        given |= {PREFIX + name: value for name, value in environment.items()}
        return CliRunner().invoke(main, arguments, env=given)

    return invoke
