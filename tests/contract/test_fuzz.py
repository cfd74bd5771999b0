"""The contract under fire: every check of the fuzzer, and not one failure.

A small run goes to the edges of the contract of every ninth operation, on SQLite. A medium one goes to those of all
there and of a third on PostgreSQL, and tries examples, drawn cases and chains of calls on both; a full one does
all of it on both, with three seeds and at least 20,000 cases on each.
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
from tests.support.length import at_length
from tests.support.places import ROOT
from tests.support.server import environment, live_server

EVERY_HUMAN_ROLE = [role for role in Role if role is not Role.SERVICE]
EXAMPLES = at_length(1, 3, 60)
SEEDS = at_length(1, 1, 3)
PARTS = at_length(9, 3, 1)  # of the operations, so that the workers share them; a small run tries one
_OF_AGREEMENTS = re.compile("/v1/(agreements|agencies|documents)(/|$)")
_TO_AGREEMENTS = re.compile(r"/v1/agreements/\{agreement_id\}/")


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
        every = {each["operationId"]: path for path, item in document["paths"].items() for each in item.values()}
        del every["stream_events"]  # its answer has no end
        if self.phases == "stateful":
            # Chains go from what makes a thing to what is done to it. With all of them at once, some 11,000 pairs, the
            # fuzzer draws none: so agreements with what they need in one part, all but what is done to them in another.
            chosen = (_OF_AGREEMENTS.match, lambda path: not _TO_AGREEMENTS.match(path))[self.part]
            return [name for name, path in every.items() if chosen(path)]
        return [*every][self.part :: self.parts]

    def least(self) -> int:
        """How many cases there are at least, or it has not done what it should."""
        each = {"coverage": 20, "examples,fuzzing": 1, "stateful": 0}[self.phases]
        return each * len(self.operations()) or EXAMPLES


def runs() -> Iterator[object]:
    for seed in range(1, SEEDS + 1):
        edges = [Run(phases="coverage", seed=seed, part=part, parts=PARTS) for part in range(PARTS)]
        chains = [Run(phases="stateful", seed=seed, part=part, parts=2) for part in range(2)]
        drawn = [Run(phases="examples,fuzzing", seed=seed), *chains]
        on_sqlite = at_length(edges[:1], edges + drawn, edges + drawn)
        on_postgresql = at_length([], edges[1:2] + drawn, edges + drawn)
        for dialect, each in (("sqlite", on_sqlite), ("postgresql", on_postgresql)):
            for run in each:
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
            *("--request-timeout", "60", "--max-response-time", "60"),  # a machine may be busy
            *(word for name in run.operations() for word in ("--include-operation-id", name)),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3000)
    report = done.stdout
    assert done.returncode == 0, report[max(report.find("= FAILURES"), 0) :][:6000]
    found = re.search(r"([0-9]+) generated, ([0-9]+) passed", report)
    assert found is not None, report[-2000:]
    assert int(found[1]) >= run.least()
    if run.phases == "coverage":  # it asks everything often enough to be let in once
        assert "returned only 401/403" not in report, report[-3000:]
    print(found[0])
