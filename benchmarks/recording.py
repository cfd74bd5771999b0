"""What it costs a change to be recorded and sealed: the same service with the ledger and without, in one run.

    python -m benchmarks.recording --database sqlite

Both serve a database of their own on one core; assets are created in one of them and then in the other, round after
round, from another core. The one without records no event, so that there is nothing to seal either. The bar is 30 % of
the changes a second, as the median of the rounds' ratios. On a busy machine that says little: so the processor time of
the serving process for each change stands beside it (Linux; what PostgreSQL takes itself is not in it).
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from benchmarks.load import Lane, Measurement, Plan, run_round
from benchmarks.requests import Creates
from benchmarks.run import POSTGRESQL_URL, take_client_core
from benchmarks.servers import free_port, processor_seconds, serve, temporary_postgresql
from benchmarks.service import prepare

_SERVE = "from registry.platform.settings import load; from registry.serve import serve; serve(load())"
_WITHOUT = (
    "from registry.platform.ledger import commands; from registry.platform.kernel.ids import new_id; "
    "commands.record_many = lambda write, caller, events: [new_id() for _ in events]; "
)
SEALED_SECONDS = 0.5
"""After a round all is sealed within that."""
CODE = {"with": _SERVE, "without": _WITHOUT + _SERVE}


def main() -> None:
    """Serve both, measure them in turns, and print the rates and what the ledger takes of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round of each service")
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    plan = Plan(rounds=given.rounds, seconds=given.seconds, connections=given.connections)
    with tempfile.TemporaryDirectory(prefix="registry-recording-") as folder, ExitStack() as stack:
        lanes = [_lane(stack, Path(folder), given.database, name) for name in CODE]
        took: dict[str, list[float]] = {name: [] for name in CODE}
        client = stack.enter_context(
            ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=take_client_core)
        )
        rounds: list[list[Measurement]] = []
        for number in range(plan.rounds + 1):
            found: list[Measurement] = []
            for lane, pid in lanes:
                before = processor_seconds(pid)
                (measured,) = client.submit(run_round, plan, [lane], number).result()
                time.sleep(SEALED_SECONDS)
                took[lane.target].append(1_000 * (processor_seconds(pid) - before) / measured.answered)
                found.append(measured)
            rounds.append(found)
    _print(given.database, rounds[1:], {name: median(each[1:]) for name, each in took.items()})


def _lane(stack: ExitStack, folder: Path, kind: str, name: str) -> tuple[Lane, int]:
    if kind == "sqlite":
        url = f"sqlite:///{folder / f'{name}.db'}"
    else:
        url = stack.enter_context(temporary_postgresql(os.environ.get("BENCH_POSTGRESQL_URL", POSTGRESQL_URL)))
    prepared = prepare(url, 1_000)
    port = free_port()
    environment = {**prepared.environment, "HOST": "127.0.0.1", "PORT": str(port), "REGISTRY_LOG_LEVEL": "error"}
    running = stack.enter_context(serve([sys.executable, "-c", CODE[name]], environment, port, folder / f"{name}.log"))
    source = Creates("/v1/assets", prepared.token, prepared.asset_body)
    return Lane(target=name, operation="create_asset", base_url=running.base_url, source=source), running.pid


def _print(kind: str, rounds: list[list[Measurement]], took: dict[str, float]) -> None:
    wrong = sum(each.wrong for found in rounds for each in found)
    print(f"{kind}, {len(rounds)} rounds, load {os.getloadavg()[0]:.1f}, {wrong} wrong answers")
    for place, name in enumerate(CODE):
        its = [found[place] for found in rounds]
        rate, slow = median(each.rate for each in its), median(each.p99_ms for each in its)
        print(
            f"{name} the ledger: {rate:.0f} changes a second, of a hundred {slow:.0f} ms, "
            f"{took[name]:.2f} ms of the processor for each"
        )
    taken = sorted(1 - found[0].rate / found[1].rate for found in rounds)
    print(
        f"recording and sealing take {median(taken):.0%} (rounds from {taken[0]:.0%} to {taken[-1]:.0%}), "
        f"and {1 - took['without'] / took['with']:.0%} of the processor time"
    )


if __name__ == "__main__":
    main()
