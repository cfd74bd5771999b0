"""The plan of a statement, as it is for large tables, whatever the small ones of a test hold."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable

from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.fast import Selection

NEVER_LOOKED_AT = (
    "DELETE FROM pg_statistic USING pg_class WHERE starelid = oid AND relnamespace = 'public'::regnamespace",
    "UPDATE pg_class SET relpages = 0, reltuples = -1"
    " WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace",
)
"""PostgreSQL takes a table that nobody has looked at to hold ten pages or more. Autovacuum comes when it likes, and
finds the tables of a test nearly empty, where any plan is as cheap as another."""


class Explain(Executable, ClauseElement):
    """The plan of a statement."""

    inherit_cache = False

    def __init__(self, statement: Selection) -> None:
        self.statement = statement


@compiles(Explain)
def _explain(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    how = "EXPLAIN QUERY PLAN" if compiler.dialect.name == "sqlite" else "EXPLAIN"
    text = f"{how} {compiler.process(element.statement, **options)}"
    compiler._result_columns.clear()  # the rows are those of the plan
    return text


async def plans_of(
    database: Database, asked: Sequence[tuple[Selection, dict[str, Any]]], *, without: Sequence[str] = ("seqscan",)
) -> list[str]:
    """The plans of statements with their parameters, with PostgreSQL kept from what costs nothing in a small table."""
    async with unit_of_work(database) as write:
        if database.dialect == "postgresql":
            for statement in (*NEVER_LOOKED_AT, *(f"SET LOCAL enable_{manner} = off" for manner in without)):
                await write.run(sa.text(statement))
        return [
            "\n".join(str(row[-1]) for row in await write.all(Explain(statement), parameters))
            for statement, parameters in asked
        ]
