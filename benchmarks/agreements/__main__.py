"""`python -m benchmarks.agreements`: fill each database, ask each question twice, print the ratios."""

import argparse
import asyncio
import gc
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.agreements.data import Shape
from benchmarks.agreements.loading import Bare, bare, fill
from benchmarks.agreements.questions import QUESTIONS, Case, Question, draw_cases
from benchmarks.report import markdown
from benchmarks.run import POSTGRESQL_URL
from benchmarks.servers import temporary_postgresql
from registry.platform.database.connect import Database, connect
from registry.platform.database.fast import FastSelect
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.time import utc_now


class Line(Struct, kw_only=True, frozen=True):
    """One question on one database. `ratio`: median over rounds of the service's median to the bare one's."""

    database: str
    question: str
    median_ms: float
    p99_ms: float
    bare_median_ms: float
    bare_p99_ms: float
    ratio: float
    asked: int
    wrong: int


class Result(Struct, kw_only=True, frozen=True):
    """What `--json` writes."""

    at: datetime
    shape: Shape
    rounds: int
    platform: str
    python: str
    lines: list[Line]


class Sample(Struct):
    """What one question took, in milliseconds, round by round."""

    service: list[list[float]]
    bare: list[list[float]]
    wrong: int = 0


async def _ask(
    question: Question, read: Read, target: Bare, case: Case, *, bare_first: bool
) -> tuple[float, float, bool]:
    """How long the service took, how long the bare SQL, and whether they agree."""
    took: dict[bool, float] = {}
    answers: dict[bool, Any] = {}
    for is_bare in (bare_first, not bare_first):
        begun = time.perf_counter()
        answers[is_bare] = await question.ask_bare(target, case) if is_bare else await question.ask(read, case)
        took[is_bare] = (time.perf_counter() - begun) * 1000
    return took[False], took[True], question.shown(answers[False]) == question.bare_shown(answers[True])


async def measure(
    database: Database,
    target: Bare,
    questions: Sequence[Question],
    cases: dict[str, list[Case]],
    rounds: int,
    seconds: float,
) -> dict[str, Sample]:
    """Each question in turn, round after round, the service and the bare SQL call by call. One round warms up."""
    samples = {question.name: Sample(service=[], bare=[]) for question in questions}
    read = database.read()
    for number in range(rounds + 1):
        for question in questions:
            sample, service, bare_times = samples[question.name], list[float](), list[float]()
            gc.collect()
            until = time.perf_counter() + seconds
            for n, case in enumerate(cases[question.cases]):
                mine, theirs, same = await _ask(question, read, target, case, bare_first=bool(n % 2))
                service.append(mine)
                bare_times.append(theirs)
                sample.wrong += not same
                if time.perf_counter() > until:
                    break
            if number:
                sample.service.append(service)
                sample.bare.append(bare_times)
    return samples


def summarise(name: str, samples: dict[str, Sample]) -> list[Line]:
    """A line per question."""
    return [
        Line(
            database=name,
            question=question,
            median_ms=median(map(median, sample.service)),
            p99_ms=_p99(sample.service),
            bare_median_ms=median(map(median, sample.bare)),
            bare_p99_ms=_p99(sample.bare),
            ratio=median(median(a) / median(b) for a, b in zip(sample.service, sample.bare, strict=True)),
            asked=sum(map(len, sample.service)),
            wrong=sample.wrong,
        )
        for question, sample in samples.items()
    ]


def _p99(rounds: Sequence[Sequence[float]]) -> float:
    every = [took for taken in rounds for took in taken]
    return quantiles(every, n=100, method="inclusive")[-1] if len(every) > 1 else every[0]


class Listening(Read):
    """A handle that remembers what it was asked."""

    def __init__(self, read: Read) -> None:
        self.dialect = read.dialect
        self._read = read
        self.asked: list[tuple[Any, Any]] = []

    async def all(self, statement: Any, parameters: Any = None) -> Rows:
        """As the handle within."""
        self.asked.append((statement, parameters))
        return await self._read.all(statement, parameters)

    all_slowly = all


async def explain(
    url: str, database: Database, target: Bare, questions: Sequence[Question], cases: dict[str, list[Case]]
) -> None:
    """Print the plan of every statement of one case."""
    engine = sa.create_engine("sqlite://") if url.startswith("sqlite:") else create_async_engine(url)
    for question in questions:
        listening, case = Listening(database.read()), cases[question.cases][0]
        await question.ask(listening, case)
        for statement, parameters in listening.asked:
            compiled = FastSelect(statement, engine.dialect)
            plan = await target.explain(compiled.sql, compiled.arguments(parameters))
            print(f"\n-- {database.dialect}: {question.name}\n{plan}")
        for sql, given in question.statements(target, case):
            plan = await target.explain(sql, given)
            print(f"\n-- {database.dialect}: {question.name}, bare\n{plan}")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[tuple[Database, Bare]]:
    database, target = connect(url), await bare(url)
    try:
        yield database, target
    finally:
        await target.close()
        await database.close()


async def run(url: str, options: argparse.Namespace, shape: Shape) -> list[Line]:
    """Fill the empty database, measure, and where it is wanted explain."""
    now = utc_now()
    begun = time.perf_counter()
    await fill(url, shape, now)
    print(f"{url.partition(':')[0]}: filled in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    questions = [question for question in QUESTIONS if not options.questions or question.name in options.questions]
    async with _opened(url) as (database, target):
        cases = await draw_cases(target, now, options.samples)
        if options.explain:
            await explain(url, database, target, questions, cases)
        samples = await measure(database, target, questions, cases, options.rounds, options.seconds)
        return summarise(database.dialect, samples)


def table(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table."""
    heads = ["database", "question", "median ms", "p99 ms", "bare median", "bare p99", "x bare", "asked", "wrong"]
    return markdown(
        [
            heads,
            *(
                [
                    *(line.database, line.question, f"{line.median_ms:.2f}", f"{line.p99_ms:.2f}"),
                    *(f"{line.bare_median_ms:.2f}", f"{line.bare_p99_ms:.2f}", f"{line.ratio:.2f}"),
                    *(str(line.asked), str(line.wrong)),
                ]
                for line in lines
            ),
        ]
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    shape = Shape()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreements", description=__doc__)
    parser.add_argument("--agreements", type=int, default=shape.agreements)
    parser.add_argument("--agencies", type=int, default=shape.agencies)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--questions", nargs="+", choices=[question.name for question in QUESTIONS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=100, help="cases of each question in a round")
    parser.add_argument("--seconds", type=float, default=3.0, help="at most, for one question in a round")
    parser.add_argument("--explain", action="store_true", help="print the plan of every statement, too")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the lines to PATH")
    return parser.parse_args()


def main() -> int:
    """0 when every answer was right, else 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    wide = max(Shape().wide * options.agreements // Shape().agreements, 1)
    shape = Shape(agencies=options.agencies, agreements=options.agreements, wide=wide)
    lines: list[Line] = []
    if options.database != "postgresql":
        with tempfile.TemporaryDirectory(prefix="registry-benchmark-") as folder:
            lines += asyncio.run(run(f"sqlite:///{folder}/agreements.db", options, shape))
    if options.database != "sqlite":
        with temporary_postgresql(os.environ.get("BENCH_POSTGRESQL_URL", POSTGRESQL_URL)) as url:
            lines += asyncio.run(run(url, options, shape))
    print(table(lines))
    if options.json:
        result = Result(
            at=datetime.now(UTC),
            shape=shape,
            rounds=options.rounds,
            platform=platform.platform(),
            python=platform.python_version(),
            lines=lines,
        )
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
    return 1 if any(line.wrong for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
