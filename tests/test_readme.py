"""The README is true: its map names what is there, its commands exist, and its five calls do the main job."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from registry.cli import main
from registry.demo.run import DATABASE, PEOPLE, KeptStory, run_demo
from registry.platform.settings import load
from tests.support.places import ROOT
from tests.support.server import server_process

README = (ROOT / "README.md").read_text()


def test_every_package_on_the_map_exists_and_every_package_is_on_the_map() -> None:
    named = re.findall(r"^\| `((?:registry|policies)[^`]*)` \|", README, re.MULTILINE)
    for path in named:
        assert (ROOT / path).exists(), path
    packages = {f"registry/{p.name}/" for p in (ROOT / "registry").iterdir() if (p / "__init__.py").exists()}
    assert packages <= set(named)


def test_the_map_lists_the_house_from_the_top_down_as_the_import_rule_does() -> None:
    layers = re.findall(r'^    "(registry\.[^"]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    order = [name.strip().removeprefix("registry.") for layer in layers for name in layer.split(":")]
    named = [Path(path).stem for path in re.findall(r"^\| `(registry/[^`]*)` \|", README, re.MULTILINE)]
    both = [name for name in named if name in order]
    assert [order.index(name) for name in both] == sorted(order.index(name) for name in both)


def test_the_commands_it_tells_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([a-z]+)`?", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_map_names_every_command_of_the_registry() -> None:
    row = re.search(r"^\| `registry/cli/` \| the `registry` command: (.+) \|$", README, re.MULTILINE)
    assert row is not None
    assert {each.split()[0] for each in row[1].split(", ")} == set(main.commands)


def test_every_setting_it_lists_is_known_and_every_known_setting_is_listed() -> None:
    with pytest.raises(Exception, match="Known are") as refused:
        load({"REGISTRY_NO_SUCH": "1"})
    known = set(re.findall(r"REGISTRY_[A-Z_]+", str(refused.value).partition("Known are")[2]))
    assert known == set(re.findall(r"`(REGISTRY_[A-Z_]+)`", README))


def test_nothing_that_is_there_is_said_to_come_later() -> None:
    rooms = {path.parent.name for path in (ROOT / "registry").glob("*/*/__init__.py")}
    for sentence in re.findall(r"[^.;:]*\bcomes? later\b", README):
        assert not rooms & set(re.findall(r"[a-z_]+", sentence.lower())), sentence


@pytest.mark.xdist_group("readme")
def test_the_story_plays_and_its_five_calls_do_the_main_job(tmp_path: Path) -> None:
    assert shutil.which("curl"), "the README's calls use curl"
    block = re.search(r"```bash\n(.*?)```", README, re.DOTALL)
    assert block is not None
    settings = load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path)})
    run_demo(settings, Console(quiet=True))
    story = msgspec.json.decode((tmp_path / PEOPLE).read_bytes(), type=KeptStory)
    tokens = {person.name.upper(): person.badge.token(settings) for person in story.people}
    assert set(tokens) == {"COORDINATOR", "COMMANDER", "LAWYER", "AUDITOR", "SERVICE"}
    with server_process(f"sqlite:///{tmp_path / DATABASE}", tmp_path) as live:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block[1]],
            env={**os.environ, **tokens, "API": live.url},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = done.stdout
    assert '"outcome":"needs_approval"' in answers
    assert '"status":"approved"' in answers
    assert '"group_by":"month"' in answers
