"""The contract under fire: every check of the fuzzer, and not one failure.

A small run goes to the edges of every operation's contract on SQLite, and tries examples, drawn cases and chains of
calls on PostgreSQL, the stricter of the two. Longer ones do all of it on both; in full with three seeds and at least
20,000 cases on each database.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.settings import load
from tests.support.length import LENGTH, at_length
from tests.support.places import ROOT
from tests.support.server import environment, live_server

EVERY_HUMAN_ROLE = [role for role in Role if role is not Role.SERVICE]
EXAMPLES = at_length(1, 10, 60)
SEEDS = at_length(1, 1, 3)
PARTS = at_length(2, 3, 1)  # of the operations, so that the workers share them


class Run(Struct, kw_only=True, frozen=True):
    """One run of the fuzzer, over one part of the operations where it can be parted."""

    phases: str
    seed: int
    part: int = 0
    parts: int = 1

    def __str__(self) -> str:
        return f"{self.phases}-{self.seed}-{self.part}"

    def operations(self) -> list[str]:
        """The ids of the operations that it tries."""
        document = msgspec.json.decode((ROOT / "openapi" / "registry.json").read_bytes())
        every = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
        return every[self.part :: self.parts]

    def least(self) -> int:
        """How many cases there are at least, or it has not done what it should."""
        each = {"coverage": 20, "examples,fuzzing": 1, "stateful": 0}[self.phases]
        return each * len(self.operations()) or EXAMPLES


def runs() -> Iterator[object]:
    for seed in range(1, SEEDS + 1):
        edges = [Run(phases="coverage", seed=seed, part=part, parts=PARTS) for part in range(PARTS)]
        drawn = [Run(phases="examples,fuzzing", seed=seed), Run(phases="stateful", seed=seed)]
        for dialect, chosen in (("sqlite", edges), ("postgresql", drawn)):
            for run in chosen if LENGTH == "small" else edges + drawn:
                yield pytest.param(dialect, run, id=f"{dialect}-{run}")


@pytest.mark.grows
@pytest.mark.parametrize(("dialect", "run"), list(runs()), indirect=["dialect"])
def test_fuzz_finds_nothing(private_url: str, tmp_path: Path, run: Run) -> None:
    settings = load(environment(private_url, tmp_path / "data"))
    with live_server(settings) as live:
        # The operator's agency cannot be suspended, so no case locks the others out.
        token = live.token(*EVERY_HUMAN_ROLE, agency_id=OPERATOR_AGENCY_ID, subject="fuzzer")
        config = Path(__file__).with_name("schemathesis.toml")
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"),
            *(f"{live.url}/openapi.json", "--header", f"Authorization: Bearer {token}"),
            *("--checks", "all", "--phases", run.phases, "--max-examples", str(EXAMPLES), "--seed", str(run.seed)),
            *("--continue-on-failure", "--no-color", "--workers", "1"),
            *(word for name in run.operations() for word in ("--include-operation-id", name)),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3000)
    report = done.stdout
    assert done.returncode == 0, report[-6000:]
    found = re.search(r"([0-9]+) generated, ([0-9]+) passed", report)
    assert found is not None, report[-2000:]
    assert int(found[1]) >= run.least()
    if run.phases == "coverage":  # it asks everything often enough to be let in once
        assert "returned only 401/403" not in report, report[-3000:]
    print(found[0])
