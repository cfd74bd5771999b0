"""What the service answers about a whole nation's agreements is what plain SQL, written by hand, answers."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, get_args

import pytest
from msgspec import Struct

from benchmarks.agreements.__main__ import measure
from benchmarks.agreements.data import Shape
from benchmarks.agreements.loading import Bare, bare, fill
from benchmarks.agreements.questions import QUESTIONS, Case, draw_cases
from registry.agreements.instruments.queries.listing import list_agreements
from registry.agreements.instruments.schemas.asked import AgreementQuery
from registry.agreements.instruments.schemas.shown import AgreementSummary
from registry.agreements.instruments.schemas.words import AgreementStatus
from registry.platform.database.connect import Database, connect
from registry.platform.kernel.time import utc_now

pytestmark = pytest.mark.second_long


class Nation(Struct, kw_only=True, frozen=True):
    """A small one, with somebody to ask about it."""

    database: Database
    target: Bare
    cases: dict[str, list[Case]]
    now: datetime

    async def listed(self, case: Case, **filters: Any) -> list[AgreementSummary]:
        """The agreements that the case's viewer sees."""
        query = AgreementQuery(limit=200, **filters)
        return (await list_agreements(self.database.read(), case.principal, query, self.now)).items


@pytest.fixture
async def nation(private_url: str) -> AsyncIterator[Nation]:
    """Three hundred agreements of sixty agencies, two of them with forty parties."""
    now = utc_now()
    await fill(private_url, Shape(agencies=60, agreements=300, wide=2, wide_parties=40), now)
    database, target = connect(private_url), await bare(private_url)
    try:
        yield Nation(database=database, target=target, cases=await draw_cases(target, now, 10), now=now)
    finally:
        await target.close()
        await database.close()


async def test_the_benchmarks_questions_are_answered_alike(nation: Nation) -> None:
    samples = await measure(nation.database, nation.target, QUESTIONS, nation.cases, rounds=1, seconds=60)
    assert {name: sample.wrong for name, sample in samples.items()} == {question.name: 0 for question in QUESTIONS}
    for question in QUESTIONS:
        answers = [await question.ask(nation.database.read(), case) for case in nation.cases[question.cases]]
        assert any(question.shown(answer) for answer in answers), f"{question.name}: nothing to compare"


async def test_a_list_by_status_is_the_list_cut_to_that_status(nation: Nation) -> None:
    seen: set[str] = set()
    for case in nation.cases["hub"][:8]:
        whole = await nation.listed(case)
        assert len(whole) < 200
        seen |= {item.status for item in whole}
        for status in get_args(AgreementStatus):
            assert await nation.listed(case, status=(status,)) == [item for item in whole if item.status == status]
        for several in (("suspended", "notice_window"), ("suspended", "in_force"), ("expired", "terminated")):
            assert await nation.listed(case, status=several) == [item for item in whole if item.status in several]
    assert seen >= {"in_force", "notice_window", "expired", "suspended", "terminated", "in_review"}
