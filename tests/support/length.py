"""The length of tests that could continue without end: fuzzing, histories, many clients, drawn examples.

`make test` runs them small, `make long` (and with it `.ci/run`) at medium length, `make fuzz` and `make torture` in
full. REGISTRY_TEST_LENGTH selects the length; the marks `long` and `grows` in pyproject.toml select the tests.
"""

import os
from typing import TypeVar

LENGTHS = ("small", "medium", "full")
LENGTH = os.environ.get("REGISTRY_TEST_LENGTH", "small")
assert LENGTH in LENGTHS, f"REGISTRY_TEST_LENGTH is one of {', '.join(LENGTHS)}, not {LENGTH!r}"

_T = TypeVar("_T")


def at_length(small: _T, medium: _T, full: _T) -> _T:
    """The one of the three that applies to this run."""
    return (small, medium, full)[LENGTHS.index(LENGTH)]
