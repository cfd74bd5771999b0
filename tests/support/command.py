"""The `registry` command, called as a person would."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from click.testing import CliRunner, Result

from registry.cli import main
from registry.platform.settings import PREFIX

Run: TypeAlias = Callable[..., Result]


def command(folder: Path) -> Run:
    """The command in demo mode with its data in that folder; a keyword sets or, as None, unsets a variable."""

    def invoke(*arguments: str, **environment: str | None) -> Result:
        given = {"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(folder / "data"), "REGISTRY_DATABASE_URL": None}
        given |= {PREFIX + name: value for name, value in environment.items()}
        return CliRunner().invoke(main, arguments, env=given)

    return invoke
