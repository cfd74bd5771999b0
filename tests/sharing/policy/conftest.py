"""The shipped policies and their cast, read once for all policy tests."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.testing import build_facts, read_cast
from tests.support.places import ROOT

POLICIES = ROOT / "policies"


@pytest.fixture(scope="session")
def root() -> Path:
    return POLICIES


@pytest.fixture(scope="session")
def shipped() -> PolicySet:
    return load_policy_set(POLICIES)


@pytest.fixture(scope="session")
def whole(shipped: PolicySet) -> PolicySet:
    """The shipped policies, those included that are off by default."""
    return load_policy_set(POLICIES, on=shipped.off)


@pytest.fixture(scope="session")
def case() -> Callable[..., Facts]:
    """Facts like the cast's ordinary loan, with the given parts changed as a YAML case changes them."""
    cast = read_cast(POLICIES)
    return lambda **given: build_facts(cast, given)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the policies that a test may spoil."""
    return Path(shutil.copytree(POLICIES, tmp_path / "policies"))
