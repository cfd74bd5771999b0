"""`python -m benchmarks.nation`."""

import argparse
import asyncio
import gc
import resource
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.load import Plan
from benchmarks.nation.apart import apart
from benchmarks.nation.asking import Line, in_process, in_the_database, opened, plans
from benchmarks.nation.loading import fill
from benchmarks.nation.questions import Case
from benchmarks.nation.serving import Served, measure_served, put_releases_off
from benchmarks.nation.shape import Size
from benchmarks.report import markdown


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    load = commands.add_parser("load", help="fill an empty database")
    load.add_argument("--url", required=True, help="sqlite:///FILE or postgresql+asyncpg://…")
    load.add_argument("--data", type=Path, required=True, help="the folder that holds agencies/ with the FBI's lists")
    load.add_argument("--scale", type=float, default=1.0, help="share of the nation (default: 1.0)")
    load.add_argument("--day", type=date.fromisoformat, default=datetime.now(UTC).date(), help="drawn as of this day")
    ask = commands.add_parser("ask", help="ask what was loaded")
    ask.add_argument("--url", required=True)
    ask.add_argument("--cases", type=int, default=200)
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--seconds", type=float, default=3.0, help="at most, for one question in a round")
    ask.add_argument("--http", action="store_true", help="over HTTP as well, beside FastAPI on the same database")
    ask.add_argument("--connections", type=int, default=16)
    ask.add_argument("--explain", action="store_true", help="print the plans, too")
    return parser.parse_args()


async def ask(options: argparse.Namespace) -> Sequence[Case]:
    """Ask, and print."""
    async with opened(options.url, options.cases) as nation:
        if options.explain:
            print(await plans(nation))
        lines = await in_the_database(nation, options.rounds)
        lines += await in_process(nation, options.rounds, options.seconds)
        print(table(lines), flush=True)
        if options.http:
            await put_releases_off(nation.database)
        return nation.cases


def ask_over_http(options: argparse.Namespace, cases: Sequence[Case]) -> None:
    """Ask over HTTP, and print."""
    plan = Plan(connections=options.connections, rounds=options.rounds, seconds=options.seconds)
    print("\n".join(_said(measure_served(options.url, cases, plan))))


def _said(served: Served) -> list[str]:
    return [
        f"the national question over HTTP: median {served.p50_ms:.1f} ms, p95 {served.p95_ms:.1f} ms, "
        f"{served.rate:.0f} a second; FastAPI's p95 {served.yardstick_p95_ms:.1f} ms; ratio {served.ratio:.1f}",
        f"answers that differ from FastAPI's: {served.differ}; wrong: {served.wrong}",
        f"memory of the service's process: {served.memory_mib:.0f} MiB",
    ]


def table(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table."""
    heads = ["question", "median ms", "p95 ms", "asked", "found"]
    return markdown(
        [
            heads,
            *(
                [each.question, f"{each.median_ms:.2f}", f"{each.p95_ms:.2f}", str(each.asked), f"{each.found:.1f}"]
                for each in lines
            ),
        ]
    )


def main() -> int:
    """0 when it was done."""
    options = arguments()
    if options.command == "ask":
        cases = asyncio.run(ask(options))
        if options.http:
            ask_over_http(options, cases)
        return 0
    gc.disable()  # as in the processes that draw
    try:
        counts = asyncio.run(fill(options.url, options.data, Size.of(options.scale), options.day, drawn=apart))
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return 2
    print(", ".join(f"{number:,} {what}" for what, number in counts.items()))
    print(_seconds_of_processor())
    return 0


def _seconds_of_processor() -> str:
    own, others = (
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
    return f"seconds of processor: {own:.0f} to write, {others:.0f} to draw"


if __name__ == "__main__":
    sys.exit(main())
