"""An archive outlives the version that made it: the next one migrates it, and no earlier one takes it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platform.backup.conftest import Stocked
from tests.support.command import command
from tests.upgrade.past import version_after


def call(code: Path, data: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """A command of that version of the registry."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REGISTRY_", "PYTHONPATH"))}
    return subprocess.run(
        [sys.executable, "-m", "registry", *map(str, arguments)],
        cwd=code,
        env={**kept, "REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_the_next_version_migrates_an_archive_and_this_one_refuses_the_next_ones(
    stocked: Stocked, tmp_path: Path
) -> None:
    code = version_after(tmp_path / "code", "op.execute('CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT')")
    checked = call(code, tmp_path / "data", "verify", stocked.archive)
    assert (checked.returncode, "it is migrated to 0002 when it is restored" in checked.stdout) == (0, True), checked
    restored = call(code, tmp_path / "data", "restore", stocked.archive)
    assert (restored.returncode, "Schema 0001 → 0002." in restored.stdout) == (0, True), restored
    whole = call(code, tmp_path / "data", "verify")
    assert (whole.returncode, "schema 0002" in whole.stdout) == (0, True), whole
    assert call(code, tmp_path / "data", "backup", tmp_path / "next.tar").returncode == 0
    run = command(tmp_path / "this")
    for arguments in (["restore", str(tmp_path / "next.tar")], ["verify", str(tmp_path / "next.tar")]):
        refused = run(*arguments)
        assert (refused.exit_code, "newer version of the registry" in refused.output) == (3, True), refused.output
