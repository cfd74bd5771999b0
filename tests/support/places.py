"""Paths: the checkout, and the folder of real public data beside it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL_DATA = ROOT.parent / "shared" / "data"  # the same for everyone and read-only


def present(path: Path) -> Path:
    """The path of real data. When it does not exist, the test is skipped, or fails under CI."""
    if not path.exists():
        message = f"the real data is absent: {path}"
        if os.environ.get("CI"):
            pytest.fail(f"{message}, and CI must not pass without it", pytrace=False)
        pytest.skip(message)
    return path
