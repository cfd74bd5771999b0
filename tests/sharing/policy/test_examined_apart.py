"""A policy set that nobody examined yet is examined in a process of its own, under limits."""

import os
import time
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from registry.sharing.policy.apart import ConfinedExaminer
from registry.sharing.policy.cedar import load_policy_set
from registry.sharing.policy.examining import Examiner, KnownWords, PolicySetText
from registry.sharing.policy.schemas.sets import NEW_POLICY_SET_EXAMPLE, NewPolicySet
from registry.sharing.policy.testing import read_cast
from tests.sharing.policy.conftest import POLICIES

pytestmark = pytest.mark.one_database
KNOWN = KnownWords(categories={"any", "k9", "k9.narcotics", "vehicle"}, purposes={"training"})
NEW = msgspec.convert(NEW_POLICY_SET_EXAMPLE, NewPolicySet)
TEXT = PolicySetText(cedar=NEW.cedar, rules=NEW.rules, tests=NEW.tests)
DEEP = "permit (principal, action, resource) when { ' + '(' * 5000 + 'true' + ')' * 5000 + ' };"
ENDING = f"""
import sys
sys.path.insert(0, sys.argv[1])
import cedarpy
cedarpy.policies_to_pst('{DEEP}')
"""


async def test_it_finds_what_is_found_in_this_process() -> None:
    apart, here = ConfinedExaminer(POLICIES, ()), Examiner(load_policy_set(POLICIES), read_cast(POLICIES))
    for text in (TEXT, PolicySetText(cedar=NEW.cedar.replace("hours", "hourz"), rules=NEW.rules, tests=NEW.tests)):
        assert await apart.examine(uuid4(), text, KNOWN) == here.examine(text, KNOWN)


@pytest.mark.parametrize("main", [ENDING, "while True: pass", "print('no answer')"], ids=["ends", "lasts", "lies"])
async def test_what_ends_its_process_is_a_fault_and_the_next_set_is_examined(main: str) -> None:
    found = await ConfinedExaminer(POLICIES, (), seconds=1, main=main).examine(uuid4(), TEXT, KNOWN)
    assert "time and memory" in found.faults[0].detail


async def test_an_answer_without_end_is_taken_up_to_a_length() -> None:
    endless = "import os, time\nwhile True: os.write(1, b' ' * 2**20); time.sleep(0.02)"
    begun_at = time.monotonic()
    found = await ConfinedExaminer(POLICIES, (), seconds=20, main=endless).examine(uuid4(), TEXT, KNOWN)
    assert "time and memory" in found.faults[0].detail
    assert time.monotonic() - begun_at < 10, "it is ended once it has said too much"


async def test_with_it_ends_what_it_has_started(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    starting = f"""
import os, subprocess
held = os.open({str(pipe)!r}, os.O_WRONLY)
subprocess.Popen(["/bin/sleep", "15"], pass_fds=[held])
while True: pass
"""
    begun_at = time.monotonic()
    await ConfinedExaminer(POLICIES, (), seconds=2, main=starting).examine(uuid4(), TEXT, KNOWN)
    try:
        assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    finally:
        os.close(reader)
    assert time.monotonic() - begun_at < 10
