"""The contract under fire: every check of the fuzzer, examples to stateful links, and not one failure.

A small fixed budget always; with REGISTRY_TEST_FUZZ=large three seeds and at least 20,000 cases on each database.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from registry.access.principals import OPERATOR_AGENCY_ID, Role
from registry.settings import load
from tests.support.server import environment, live_server

LARGE = os.environ.get("REGISTRY_TEST_FUZZ") == "large"
SEEDS = (1, 2, 3) if LARGE else (1,)
EXAMPLES = 60 if LARGE else 3
EVERY_HUMAN_ROLE = [role for role in Role if role is not Role.SERVICE]


@pytest.mark.xdist_group("fuzz")
@pytest.mark.parametrize("seed", SEEDS)
def test_fuzz_finds_nothing(private_url: str, tmp_path: Path, seed: int) -> None:
    settings = load(environment(private_url, tmp_path / "data"))
    with live_server(settings) as live:
        # The operator's agency cannot be suspended, so no case locks the others out.
        token = live.token(*EVERY_HUMAN_ROLE, agency_id=OPERATOR_AGENCY_ID, subject="fuzzer")
        config = Path(__file__).with_name("schemathesis.toml")
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"),
            *(f"{live.url}/openapi.json", "--header", f"Authorization: Bearer {token}"),
            *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", str(seed)),
            *("--continue-on-failure", "--no-color", "--workers", "1"),
        ]
        hooks = {"SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("fuzz_hooks.py"))}
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=3000, env={**os.environ, **hooks}
        )
    report = done.stdout
    assert done.returncode == 0, report[-6000:]
    found = re.search(r"([0-9]+) generated, ([0-9]+) passed", report)
    assert found is not None, report[-2000:]
    assert int(found[1]) >= (7000 if LARGE else 3000)
    assert "returned only 401/403" not in report, report[-3000:]
    print(found[0])
