"""The status read in SQL is the one that the rules give, whatever the lines are."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import sqlalchemy as sa

from registry.sharing.requests.queries import derived_status
from registry.sharing.requests.rules import LineStatus, RequestStatus, follow_lines
from tests.support.service import Service

NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)
WAITS = {RequestStatus.SUBMITTED, RequestStatus.NEEDS_APPROVAL, RequestStatus.APPROVED, RequestStatus.PERMITTED}
MARKED = [status for status in LineStatus if status is not LineStatus.WITHDRAWN]


async def test_the_status_in_sql_is_the_one_that_follows_from_the_lines(service: Service) -> None:
    sets = [lines for size in range(len(MARKED) + 1) for lines in combinations(MARKED, size)]
    cases = [(lines, end) for lines in sets for end in (NOW, NOW + timedelta(microseconds=1))]
    instant = derived_status.NOW.type
    found = sa.union_all(
        *(
            sa.select(
                sa.literal(number, sa.Integer).label("number"),
                sa.literal(RequestStatus.SUBMITTED.value, sa.Text).label("status"),
                sa.literal(sum(derived_status.BIT[line] for line in lines), sa.Integer).label("marks"),
                sa.literal(end, instant).label("last_end"),
            )
            for number, (lines, end) in enumerate(cases)
        )
    ).subquery()
    statement = sa.select(found.c.number, derived_status.status_of(found).label("derived"))
    rows = await service.database.read().all(statement, {"now": NOW})
    derived = {row.number: row.derived for row in rows}
    for number, (lines, end) in enumerate(cases):
        expected = follow_lines(lines or (LineStatus.WITHDRAWN,))
        if expected in WAITS and end <= NOW:  # nobody has answered, and the time it was for is over
            expected = RequestStatus.EXPIRED
        assert derived[number] == expected, (lines, end)
