"""Statements compiled once: kept while they are used, and no more than so many."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from registry.platform.database.fast import MOST_SELECTS, FastStatements


def test_a_statement_in_use_stays_compiled_and_those_long_unused_are_let_go() -> None:
    known = FastStatements(SQLiteDialect())
    often: sa.Select[Any] = sa.select(sa.literal_column("often"))
    once: sa.Select[Any] = sa.select(sa.literal_column("once"))
    kept, let_go = known.select(often), known.select(once)
    for number in range(MOST_SELECTS):
        known.select(sa.select(sa.literal_column(f"column_{number}")))
        assert known.select(often) is kept
    assert known.select(once) is not let_go
