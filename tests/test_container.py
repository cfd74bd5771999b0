"""The Dockerfile does what it says: its install and start steps run in a clean directory."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.places import ROOT


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) in order, continuation lines joined, comments dropped."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())]


def of(word: str) -> list[str]:
    """The arguments of every such instruction."""
    return [rest for found, rest in instructions() if found == word]


def test_it_has_two_stages_and_the_second_brings_no_build_tools() -> None:
    stages = of("FROM")
    assert len(stages) == 2
    assert stages[0].endswith(" AS build")
    final = instructions()[[i for i, (word, _) in enumerate(instructions()) if word == "FROM"][1] :]
    assert not any("pip install" in rest for word, rest in final if word == "RUN")


def test_it_runs_unprivileged_writes_to_one_volume_and_checks_its_health() -> None:
    assert of("USER") == ["10001"]
    assert of("VOLUME") == ['["/var/lib/registry"]']
    assert "/health/ready" in of("HEALTHCHECK")[0]
    assert of("STOPSIGNAL") == ["SIGTERM"]


def test_what_it_copies_is_there_and_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for arguments in of("COPY"):
        if "--from" in arguments:
            continue
        for source in arguments.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in allowed, f"{source} is kept out by .dockerignore"


@pytest.mark.long
@pytest.mark.xdist_group("container")
def test_its_install_and_start_steps_serve_a_ready_service(tmp_path: Path) -> None:
    opt, build, volume = tmp_path / "opt", tmp_path / "build", tmp_path / "volume"
    build.mkdir()
    volume.mkdir()
    places = {"/opt/registry": str(opt), "/var/lib/registry": str(volume)}

    def here(text: str) -> str:
        for there, place in places.items():
            text = text.replace(there, place)
        return text.replace("python -m venv", f"{sys.executable} -m venv")

    stage = 0
    environment = {**os.environ}
    for word, rest in instructions():
        if word == "FROM":
            stage += 1
        elif word == "COPY" and "--from" not in rest:
            *sources, target = rest.split()
            where = build if stage == 1 else Path(here(target)).parent
            for source in sources:
                if (ROOT / source).is_dir():
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(ROOT / source, where / Path(source).name, ignore=ignored, dirs_exist_ok=True)
                else:
                    shutil.copy(ROOT / source, where)
        elif word == "RUN" and stage == 1:
            done = subprocess.run(["sh", "-ec", here(rest)], cwd=build, capture_output=True, text=True, timeout=400)
            assert done.returncode == 0, done.stderr[-2000:]
        elif word == "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", rest):
                environment[name] = here(value).replace("$PATH", os.environ["PATH"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment |= {"HOST": "127.0.0.1", "PORT": str(port), "REGISTRY_DEMO": "1"}
    command = json.loads(of("CMD")[0])
    process = subprocess.Popen(
        [shutil.which(command[0], path=environment["PATH"]), *command[1:]], cwd=volume, env=environment
    )
    try:
        health = f"http://127.0.0.1:{port}/health/ready"
        for _ in range(300):
            assert process.poll() is None, "the service stopped by itself"
            try:
                if httpx.get(health, timeout=2, verify=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        assert httpx.get(health, timeout=2, verify=False).json()["status"] == "ready"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert (volume / "demo.db").exists()
