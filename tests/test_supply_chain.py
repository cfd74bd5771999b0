"""What the service is made of: pinned by hash, under licences that are allowed, and to be had as wheels."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, version
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.places import ROOT

LOCKS = ("requirements.lock", "requirements-print.lock", "requirements-nats.lock", "requirements-dev.lock")
RUNTIME = LOCKS[:3]

# Licences that let anybody use, change and pass on, also within a county's own product. The Mozilla Public License asks
# that changes of its own files be passed on: nothing here changes any.
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
    "Unlicense",
    "Zlib",
}
# What older packages write in place of an SPDX expression.
AS_SPDX = {
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Whose metadata says nothing; read in the licence file of the package itself.
READ_IN_THE_PACKAGE = {"cedarpy": "Apache-2.0", "pysqlite3": "Zlib"}

BIN = Path(sys.executable).parent
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def pinned(lock: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each requirement of a lock file with the lines of its hashes."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", "")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", line.strip())
            yield Requirement(requirement), hashes


def test_every_dependency_is_pinned_with_hashes_and_no_index_is_named() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        text = (ROOT / lock).read_text("utf-8")
        assert not re.search(r"://|--(?:extra-)?index|--find-links|file:", text), lock
        listed = list(pinned(lock))
        assert listed
        for requirement, hashes in listed:
            (each,) = requirement.specifier
            assert each.operator == "==", requirement
            assert hashes, requirement
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found) for found in hashes), requirement
            versions.setdefault(canonicalize_name(requirement.name), set()).add(each.version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}, "the tests run what is served"


def test_what_is_installed_is_what_the_lock_pins() -> None:
    for requirement, _ in pinned(LOCKS[0]):
        if requirement.marker is None or requirement.marker.evaluate():
            assert version(requirement.name) in requirement.specifier, requirement


def licences(name: str) -> set[str]:
    """The licences among which, or under all of which, an installed package is given; empty when it names none."""
    found = metadata(name)
    for expression in found.get_all("License-Expression") or []:
        return set(re.split(r"\s+(?:AND|OR)\s+|[()]", expression)) - {""}
    said = [each.rpartition(" :: ")[2] for each in found.get_all("Classifier") or [] if each.startswith("License ::")]
    if not said:
        said = [text.splitlines()[0].strip() for text in found.get_all("License") or []]
    return {AS_SPDX.get(each, each) for each in said} or {READ_IN_THE_PACKAGE.get(name, "")} - {""}


def test_the_licence_of_each_dependency_is_one_of_those_that_are_allowed() -> None:
    names = sorted({canonicalize_name(requirement.name) for lock in RUNTIME for requirement, _ in pinned(lock)})
    found: dict[str, set[str]] = {}
    for name in names:
        try:
            found[name] = licences(name)
        except PackageNotFoundError:
            assert name == "colorama", "only what Windows needs is not installed here"
    assert {name: under for name, under in found.items() if not under or not under <= ALLOWED} == {}
    assert found["cedarpy"] == {"Apache-2.0"}


def make(target: str, *variables: str) -> "subprocess.CompletedProcess[str]":
    """A target of the Makefile, without setting anything up again."""
    command = ["make", "--silent", "--old-file", f"{BIN}/.tools", target, f"BIN={BIN}", *variables]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_list_of_components_has_each_pinned_version_with_its_hashes(tmp_path: Path) -> None:
    done = make("sbom", f"SBOM={tmp_path / 'sbom.json'}")
    assert done.returncode == 0, done.stderr
    listed = json.loads((tmp_path / "sbom.json").read_text("utf-8"))
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    assert listed["metadata"]["component"]["name"] == "registry"
    expected = {
        (canonicalize_name(requirement.name), next(iter(requirement.specifier)).version, frozenset(hashes))
        for requirement, hashes in pinned(LOCKS[0])
    }
    found = {
        (
            canonicalize_name(each["name"]),
            each["version"],
            frozenset(f"sha256:{one['content']}" for place in each["externalReferences"] for one in place["hashes"]),
        )
        for each in listed["components"]
    }
    assert found == expected


@pytest.mark.long
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_each_platform_gets_everything_as_wheels() -> None:
    """The index is asked as the machine is set up to ask it; where it cannot be, there is nothing to see."""
    done = make("wheels")
    said = done.stdout + done.stderr
    if re.search(r"(?i)error sending request|dns error|failed to fetch|connection|timed out|no route", said):
        pytest.skip("the package index cannot be reached from here")
    assert done.returncode == 0, said
    assert [line for line in done.stdout.splitlines() if line.endswith(": wheels for all")] == [
        f"Python {python} on {platform}: wheels for all" for python, platform in product(PYTHONS, PLATFORMS)
    ]
