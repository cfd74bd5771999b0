"""Asks a loaded nation: in the database alone, by the service's queries in process, and over HTTP."""

import gc
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from statistics import median, quantiles

from msgspec import Struct

from benchmarks.agreements.loading import Bare, bare
from benchmarks.nation.questions import CATEGORY, ORDINARY, WORDS, Case, Question, draw_cases
from registry.platform.database.connect import Database, connect
from registry.platform.database.fast import FastSelect
from registry.platform.database.handles import Read
from registry.platform.kernel.time import utc_now
from registry.resources.assets.queries.asking import criteria_of, words_of
from registry.resources.assets.queries.finding import Asked, page_statement
from registry.resources.assets.queries.listing import list_assets
from registry.resources.assets.schemas.listing import AssetQuery

MANNERS = {"category known": {"category": CATEGORY}, "by words": {"q": WORDS}}


class Line(Struct, kw_only=True, frozen=True):
    """One question on one database, in milliseconds; `found` is how many rows there were in the mean."""

    question: str
    median_ms: float
    p95_ms: float
    asked: int
    found: float


class Opened(Struct, frozen=True):
    """A loaded nation, by the service's own handle and by the driver's."""

    database: Database
    target: Bare
    read: Read
    cases: Sequence[Case]


@asynccontextmanager
async def opened(url: str, count: int) -> AsyncIterator[Opened]:
    """Connect, and draw the cases."""
    database, target = connect(url), await bare(url)
    try:
        read = database.read()
        yield Opened(database, target, read, await draw_cases(read, count, utc_now()))
    finally:
        await target.close()
        await database.close()


class Stopwatch:
    """What each case took at its fastest, so that what other processes do at the time counts little."""

    def __init__(self, cases: int) -> None:
        self._fastest: list[float | None] = [None] * cases
        self._found = [0] * cases
        gc.collect()

    def stop(self, case: int, number: int, begun: float, found: int) -> None:
        """Note what a case took in a round; round 0 warms up."""
        took = (time.perf_counter() - begun) * 1000
        if number:
            before = self._fastest[case]
            self._fastest[case] = took if before is None else min(before, took)
            self._found[case] = found

    def taken(self) -> list[float]:
        """In milliseconds, of the cases that were asked."""
        return [each for each in self._fastest if each is not None]

    def found(self) -> float:
        """How many rows there were in the mean."""
        return sum(self._found) / max(len(self.taken()), 1)


def line(question: str, clock: Stopwatch) -> Line:
    """What was taken, in one line."""
    taken = clock.taken()
    return Line(
        question=question,
        median_ms=median(taken),
        p95_ms=quantiles(taken, n=20, method="inclusive")[-1],
        asked=len(taken),
        found=clock.found(),
    )


async def criteria(read: Read, case: Case, query: AssetQuery) -> Asked:
    """The criteria of a query, as the service reads them."""
    return await criteria_of(read, case.caller, query, await words_of(read, query))


async def compiled(nation: Opened, case: Case, query: AssetQuery) -> tuple[str, list[object]]:
    """The service's statement for a question, and its arguments, as the driver gets them."""
    found = await criteria(nation.read, case, query)
    statement = page_statement(nation.read.dialect, found.filters, found.categories, found.sort)
    prepared = _prepared(statement, nation.target.types)
    return prepared.sql, prepared.arguments(found.parameters)


_prepared = lru_cache(maxsize=None)(FastSelect)


async def in_the_database(nation: Opened, rounds: int) -> list[Line]:
    """The national question's one statement, by the driver alone."""
    lines = []
    for manner, asked in MANNERS.items():
        prepared = [await compiled(nation, case, case.national(**asked)) for case in nation.cases]
        clock = Stopwatch(len(prepared))
        for number in range(rounds + 1):
            for index, (sql, arguments) in enumerate(prepared):
                begun = time.perf_counter()
                rows = await nation.target.rows(sql, arguments)
                clock.stop(index, number, begun, len(rows))
        lines.append(line(f"the national question, {manner}, in the database", clock))
    return lines


async def in_process(nation: Opened, rounds: int, seconds: float) -> list[Line]:
    """The ordinary questions and the national one, as the service's queries answer them."""
    questions = [*(_national(manner, asked) for manner, asked in MANNERS.items()), *ORDINARY]
    lines = []
    for question in questions:
        clock = Stopwatch(len(nation.cases))
        for number in range(rounds + 1):
            until = time.perf_counter() + seconds
            for index, case in enumerate(nation.cases):
                begun = time.perf_counter()
                answer = await question.ask(nation.read, case)
                clock.stop(index, number, begun, len(getattr(answer, "items", "1")))
                if time.perf_counter() > until:
                    break
        lines.append(line(question.name, clock))
    return lines


def _national(manner: str, asked: dict[str, str]) -> Question:
    return Question(
        f"the national question, {manner}, in process",
        lambda read, case: list_assets(read, case.caller, case.national(**asked)),
    )


async def plans(nation: Opened) -> str:
    """The plan of the national question, in both manners."""
    case, parts = nation.cases[0], []
    for manner, asked in MANNERS.items():
        sql, arguments = await compiled(nation, case, case.national(**asked))
        parts.append(f"-- {nation.read.dialect}, {manner}\n{await nation.target.explain(sql, arguments)}")
    return "\n\n".join(parts)
