"""The first command works on a bare machine, or says what to install."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.places import ROOT


@pytest.fixture(autouse=True)
def no_make_above(monkeypatch: pytest.MonkeyPatch) -> None:
    """As typed by hand: below the `make` that runs the tests, another one says where it enters and leaves."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout as far as building the environment needs one."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make(clone: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", ".venv/bin/.python", *arguments],
        cwd=clone,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_where_python_has_no_venv_it_says_what_to_install_and_leaves_nothing_behind(clone: Path) -> None:
    """As on Debian without python3-venv."""
    lacking = clone / "lacking"
    lacking.mkdir()
    (lacking / "ensurepip.py").write_text("raise ModuleNotFoundError('No module named ensurepip')\n")
    refused = make(clone, PYTHONPATH=str(lacking))
    assert refused.returncode != 0
    assert "apt install python3-venv" in refused.stderr
    assert not (clone / ".venv").exists()


def test_where_there_is_no_python_it_says_so(clone: Path) -> None:
    refused = make(clone, "PYTHON=no-such-python")
    assert refused.returncode != 0
    assert "no-such-python is missing. Install Python 3.11 or newer" in refused.stderr


def test_a_half_made_environment_is_built_anew_and_a_whole_one_is_left(clone: Path) -> None:
    binaries = clone / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to("no-interpreter-any-more")
    (clone / ".venv" / "left-behind").touch()
    built = make(clone)
    assert built.returncode == 0, built.stderr
    assert not (clone / ".venv" / "left-behind").exists()
    version = subprocess.run(
        [binaries / "python", "-m", "pip", "--version"], capture_output=True, text=True, check=True
    )
    assert str(clone) in version.stdout
    (clone / ".venv" / "kept").touch()
    (binaries / ".python").unlink()
    assert make(clone).returncode == 0
    assert (clone / ".venv" / "kept").exists()


@pytest.mark.parametrize(
    ("given", "used"), [("C", "C.UTF-8"), ("POSIX", "C.UTF-8"), ("en_US.UTF-8", "en_US.UTF-8"), ("", "")]
)
def test_pythons_of_a_folder_with_any_name_start_in_any_locale(clone: Path, given: str, used: str) -> None:
    """Python 3.11 reads the environment's path of the code in ASCII where `LC_ALL` is C, also in its UTF-8 mode."""
    (clone / "asking").write_text('asked:\n\t@echo "used: $$LC_ALL"\ninclude Makefile\n')
    asked = subprocess.run(
        ["make", "-f", "asking", "asked"],
        cwd=clone,
        env={**os.environ, "LC_ALL": given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout == f"used: {used}\n"


TARGETS = ("install", "demo", "serve", "test", "check", "contract", "lock", "wheels", "sbom", "audit")


def test_an_environment_that_was_copied_or_moved_is_built_anew_by_each_target(clone: Path, tmp_path: Path) -> None:
    """Its commands would run the code of the folder that it was made for."""
    built = make(clone)
    assert built.returncode == 0, built.stderr
    for made in (".service", ".tools"):
        (clone / ".venv" / "bin" / made).touch()
    (clone / ".venv" / "of-the-first").touch()
    assert would(clone, "install") == "make: Nothing to be done for 'install'.\n"
    through_a_link = tmp_path / "link"
    through_a_link.symlink_to(clone)
    assert "built anew" not in would(through_a_link, "install")
    copied, moved = tmp_path / "copied of it", tmp_path / "moved"
    shutil.copytree(clone, copied, symlinks=True, ignore=shutil.ignore_patterns("copied*", "link"))
    for target in TARGETS:
        steps = would(copied, target)
        assert "was made for another folder, and is built anew" in steps, target
        assert "--editable ." in steps, target
    copied.rename(moved)
    rebuilt = make(moved)
    assert (rebuilt.returncode, (moved / ".venv" / "of-the-first").exists()) == (0, False), rebuilt.stderr
    assert str(moved) in (moved / ".venv" / "bin" / "pip").read_text()
    assert "another folder" not in would(moved, "install")
    assert (clone / ".venv" / "of-the-first").exists()


def would(folder: Path, target: str) -> str:
    """What `make` of a target would do there."""
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        if not (folder / name).exists():
            shutil.copy(ROOT / name, folder)
            os.utime(folder / name, (0, 0))
    done = subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_step_that_installs_takes_neither_data_nor_environment_along(tmp_path: Path) -> None:
    """The guide's own line, from a folder in which the demonstration was played."""
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    (line,) = [line for line in guide.splitlines() if line.startswith("tar -c ")]
    there, here = tmp_path / "there", tmp_path / "here"
    for folder in (".venv/bin", "var/demo", ".git", "registry/var"):
        (there / folder).mkdir(parents=True)
    (there / "registry" / "var" / "kept.py").touch(mode=0o600)
    (there / "var" / "demo" / "demo.db").touch()
    here.mkdir()
    subprocess.run(line.replace("/opt/registry-0.1.0", str(here)), shell=True, cwd=there, check=True)
    assert sorted(each.name for each in here.iterdir()) == ["registry"]
    assert (here / "registry" / "var" / "kept.py").stat().st_mode & 0o777 == 0o644


def test_it_works_where_no_locale_is_set(clone: Path) -> None:
    """With plain ASCII in what the shell is given, `LC_ALL=POSIX` does not stop it."""
    rules = [line for line in (clone / "Makefile").read_text().splitlines() if line.startswith("\t")]
    assert [line for line in rules if not line.isascii()] == []


@pytest.mark.xdist_group("makefile")
def test_what_shares_a_group_stays_on_one_worker(request: pytest.FixtureRequest) -> None:
    """A release of pytest takes no group from xdist and tells nobody; each worker then makes what takes a minute."""
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("nothing is kept together: there is one worker, or it was not asked for")
    assert request.node.nodeid.endswith("@makefile")


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x05\x06"])
def test_no_case_is_named_by_bytes_for_they_may_hold_the_time(content: bytes, request: pytest.FixtureRequest) -> None:
    assert content.startswith(b"PK")
    assert request.node.name.split("@")[0].removesuffix("]").rstrip("01").endswith("[content")
