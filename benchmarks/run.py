"""`python -m benchmarks.run`: start the targets, load them in interleaved rounds, print the ratios."""

import argparse
import importlib
import multiprocessing
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.load import Lane, Measurement, Plan, run_round
from benchmarks.report import Line, summarise, table
from benchmarks.requests import OPERATIONS
from benchmarks.servers import cores, pin
from benchmarks.targets import Database, Prepare, Target, Workspace, bare, fastapi, record, registry

POSTGRESQL_URL = "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"


class Result(Struct, kw_only=True, frozen=True):
    """What `--json` writes: enough to read the ratios again and to see where they came from."""

    at: datetime
    assets: int
    plan: Plan
    pinned: bool
    platform: str
    python: str
    lines: list[Line]
    measurements: list[Measurement]


def take_client_core() -> None:
    """Keep this process, the load client, on the second core."""
    pair = cores()
    if pair:
        pin(0, pair[1])


def compare(
    targets: Sequence[Target], workspace: Workspace, plan: Plan, operations: Sequence[str]
) -> list[Measurement]:
    """Start every target and the bare floor, then measure them in turn, round after round.

    The floor answers what the first target answered. The load client is its own process on the second core.
    """
    with ExitStack() as stack:
        # Entered first, so left last: when a run is broken off, the servers going down end its round.
        client = stack.enter_context(
            ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=take_client_core)
        )
        lanes: list[Lane] = []
        floor: Target | None = None
        waiting = list(targets)
        while waiting:
            target = waiting.pop(0)
            print(f"starting {target.name}", file=sys.stderr)
            running = stack.enter_context(target.start())
            asked = target.requests(running)
            lanes.extend(
                Lane(target=target.name, operation=name, base_url=running.base_url, source=asked[name])
                for name in operations
            )
            if floor is None:
                floor = bare(workspace, record(running, asked))
                waiting.append(floor)
        lanes.sort(key=lambda lane: operations.index(lane.operation))
        measured: list[Measurement] = []
        for number in range(plan.rounds + 1):
            print(f"round {number} of {plan.rounds}" if number else "warming up", file=sys.stderr)
            found = client.submit(run_round, plan, lanes, number).result()
            measured.extend(found if number else ())
        return measured


def load_prepare(name: str) -> Prepare:
    """The `Prepare` written as `module:function`."""
    module, _, function = name.partition(":")
    found: Prepare = getattr(importlib.import_module(module), function)
    return found


def arguments() -> argparse.Namespace:
    """The command line."""
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--assets", type=int, default=100_000, help="rows each target holds at the start")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=list(OPERATIONS))
    parser.add_argument("--connections", type=int, default=plan.connections)
    parser.add_argument("--rounds", type=int, default=plan.rounds)
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="per operation, target and round")
    parser.add_argument("--registry", metavar="MODULE:FUNCTION", help="measure this service, prepared by FUNCTION")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything measured to PATH")
    return parser.parse_args()


def main() -> int:
    """0 when every answer was right, else 1."""
    # A terminated run must unwind as an interrupted one does, or its servers and databases would stay behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    plan = Plan(connections=options.connections, rounds=options.rounds, seconds=options.seconds)
    kinds: tuple[Database, ...] = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
    with tempfile.TemporaryDirectory(prefix="registry-benchmark-") as folder:
        workspace = Workspace(
            folder=Path(folder),
            assets=options.assets,
            postgresql_url=os.environ.get("BENCH_POSTGRESQL_URL", POSTGRESQL_URL),
        )
        targets = [fastapi(workspace, kind) for kind in kinds]
        if options.registry:
            prepare = load_prepare(options.registry)
            targets += [registry(workspace, kind, prepare) for kind in kinds]
        measured = compare(targets, workspace, plan, options.operations)
    yardsticks = [f"fastapi-{kind}" for kind in kinds] + ["bare"]
    lines = summarise(measured, yardsticks)
    print(table(lines, yardsticks))
    if options.json:
        result = Result(
            at=datetime.now(UTC),
            assets=options.assets,
            plan=plan,
            pinned=cores() is not None,
            platform=platform.platform(),
            python=platform.python_version(),
            lines=lines,
            measurements=measured,
        )
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
    complaints = {f"{one.target} {one.operation}: {one.complaint}" for one in measured if one.wrong}
    for complaint in sorted(complaints):
        print(f"wrong answer: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
