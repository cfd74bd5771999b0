"""Environments in which Python processes, and the processes that they start, see another time."""

import os
import time
from datetime import datetime

from tests.support.places import ROOT

_CLOCK = ROOT / "tests" / "support" / "clock"


def environment_at(moment: str, **more: str) -> dict[str, str]:
    """The environment of Python processes that share a clock, which starts at `moment` (RFC 3339) and runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    paths = [str(_CLOCK), *filter(None, [os.environ.get("PYTHONPATH")])]
    moved = datetime.fromisoformat(moment).timestamp() - time.time()
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "MOVED_CLOCK": str(moved), **more}
