"""The status read in SQL is the one that the rules give, whatever the lines are."""

from itertools import combinations

import sqlalchemy as sa

from registry.sharing.requests.queries import derived_status
from registry.sharing.requests.rules import LineStatus, RequestStatus, follow_lines
from tests.support.service import Service

# A need that is filled, and who is not asked yet, have no mark of their own.
UNMARKED = {LineStatus.WITHDRAWN, LineStatus.QUEUED, LineStatus.FILLED}
MARKED = [status for status in LineStatus if status not in UNMARKED]
MOST = 3
"""Lines that differ: the least settled of them decides, and whether any is lent, so that more tell nothing new."""


async def test_the_status_in_sql_is_the_one_that_follows_from_the_lines(service: Service) -> None:
    sets = [lines for size in range(MOST + 1) for lines in combinations(MARKED, size)]
    for first in range(0, len(sets), 100):  # a database takes only so many parts of a union
        some = sets[first : first + 100]
        found = sa.union_all(
            *(
                sa.select(
                    sa.literal(number, sa.Integer).label("number"),
                    sa.literal(RequestStatus.SUBMITTED.value, sa.Text).label("status"),
                    sa.literal(sum(derived_status.BIT[line] for line in lines), sa.Integer).label("marks"),
                )
                for number, lines in enumerate(some)
            )
        ).subquery()
        statement = sa.select(found.c.number, derived_status.status_of(found).label("derived"))
        rows = await service.database.read().all(statement)
        derived = {row.number: row.derived for row in rows}
        assert {lines: derived[number] for number, lines in enumerate(some)} == {
            lines: follow_lines(lines or (LineStatus.WITHDRAWN,)) for lines in some
        }
