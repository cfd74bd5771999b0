"""Versions of the registry as folders of code, and databases that each of them makes, fills and upgrades by itself."""

import os
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from textwrap import dedent, indent

from tests.support.places import ROOT

VERSIONS = Path("registry/platform/database/migrations/versions")
_PARTS = ("registry", "policies")
_SCRIPT = """
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "{number:04}"
down_revision = "{before:04}"
branch_labels = None
depends_on = None
{served}

def on(sqlite, postgresql):
    op.execute(sqlite if op.get_bind().dialect.name == "sqlite" else postgresql)


def unguarded(table, sqlite, postgresql):
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {{table}} DISABLE TRIGGER USER")
        op.execute(postgresql)
        op.execute(f"ALTER TABLE {{table}} ENABLE TRIGGER USER")
        return
    ask = sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")
    triggers = connection.execute(ask, {{"table": table}}).all()
    for name, _ in triggers:
        op.execute(f"DROP TRIGGER {{name}}")
    op.execute(sqlite)
    for _, statement in triggers:
        op.execute(sa.text(statement.replace(":", "\\:")))


def upgrade():
{body}
"""


def revision_before() -> str:
    """The git revision whose schema the newest script upgrades: the commit before the one that added the script.

    While there is one script alone, or the newest is not committed, the last commit.
    """
    scripts = sorted(path.name for path in (ROOT / VERSIONS).glob("*.py"))
    if len(scripts) > 1:
        added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(VERSIONS / scripts[-1])).decode().strip()
        if added:
            return f"{added}^"
    return "HEAD"


def version_at(revision: str, folder: Path) -> Path:
    """The code of a git revision, in a folder of its own."""
    with tarfile.open(fileobj=BytesIO(_git("archive", revision, *_PARTS))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def version_after(folder: Path, upgrade: str, *, served_from: str | None = None) -> Path:
    """The code of this checkout with one migration script more, whose `upgrade` has this body.

    Code from `served_from` on may serve beside it; by default, none but this version's.
    """
    for part in _PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    before = max(int(path.name[:4]) for path in (ROOT / VERSIONS).glob("*.py"))
    served = "" if served_from is None else f'served_from = "{served_from}"\n'
    body = indent(dedent(upgrade).strip(), "    ")
    script = _SCRIPT.format(number=before + 1, before=before, body=body, served=served)
    (folder / VERSIONS / f"{before + 1:04}_next.py").write_text(script)
    return folder


def started(code: Path, command: str, url: str, data: Path) -> "subprocess.Popen[str]":
    """A command of that version on a database, under way; its code is taken from the folder where it runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REGISTRY_", "PYTHONPATH"))}
    given = {"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(data), "REGISTRY_DATABASE_URL": url}
    return subprocess.Popen(
        [sys.executable, "-m", "registry", command],
        cwd=code,
        env={**kept, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(code: Path, command: str, url: str, data: Path) -> None:
    """The same, to its end, which must be a good one."""
    process = started(code, command, url, data)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, f"registry {command}: {said}"


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout
