"""The status read in SQL is the one that the rules give, whatever the lines are."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import sqlalchemy as sa

from registry.requests import standing
from registry.requests.rules import FOLLOWING, Asked, LineStatus, RequestStatus, expired, follow_lines
from tests.support.service import Service

NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)
MARKED = [status for status in LineStatus if status is not LineStatus.WITHDRAWN]


async def test_the_status_in_sql_is_the_one_that_follows_from_the_lines(service: Service) -> None:
    sets = [lines for size in range(len(MARKED) + 1) for lines in combinations(MARKED, size)]
    cases = [(lines, end) for lines in sets for end in (NOW, NOW + timedelta(microseconds=1))]
    instant = standing.NOW.type
    found = sa.union_all(
        *(
            sa.select(
                sa.literal(number, sa.Integer).label("number"),
                sa.literal(RequestStatus.SUBMITTED.value, sa.Text).label("status"),
                sa.literal(sum(standing.BIT[line] for line in lines), sa.Integer).label("marks"),
                sa.literal(end, instant).label("last_end"),
            )
            for number, (lines, end) in enumerate(cases)
        )
    ).subquery()
    statement = sa.select(found.c.number, standing.status_of(found).label("derived"))
    rows = await service.database.read().all(statement, {"now": NOW})
    derived = {row.number: row.derived for row in rows}
    for number, (lines, end) in enumerate(cases):
        expected = follow_lines(RequestStatus.SUBMITTED, lines or (LineStatus.WITHDRAWN,))
        if expected in FOLLOWING and expired(NOW, Asked(status=expected, ends_at=end)):
            expected = RequestStatus.EXPIRED
        assert derived[number] == expected, (lines, end)
