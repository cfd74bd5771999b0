"""Statements compiled once and handed to the driver, where a figure in `benchmarks/` asks for it.

SQLAlchemy's execution costs some 100 µs a statement on SQLite, several times the query itself. A `FastSelect` keeps
what it would compute each time, taken from the statement's own types: the text, the order of the parameters, and the
converters of parameters and columns. Only for statements built once.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Converter = Callable[[Any], Any]
Selection: TypeAlias = sa.Select[Any] | sa.CompoundSelect[Any]


Change: TypeAlias = sa.Insert | sa.Update | sa.Delete
Parameter: TypeAlias = tuple[str, object, Converter | None]


def _parameters(compiled: SQLCompiler, dialect: Dialect) -> list[Parameter]:
    """Name, default and converter of each parameter, in the order of the text."""
    binds = compiled.binds
    return [
        (name, binds[name].value, binds[name].type.dialect_impl(dialect).bind_processor(dialect))
        for name in compiled.positiontup or ()
    ]


def _arguments(parameters: Sequence[Parameter], given: Mapping[str, object]) -> list[object]:
    found = []
    for name, default, convert in parameters:
        value = given.get(name, default)
        found.append(value if convert is None or value is None else convert(value))
    return found


class FastSelect:
    """One select, compiled for one dialect."""

    def __init__(self, statement: Selection, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if compiled.literal_execute_params or compiled.post_compile_params:
            raise ValueError("a statement whose text depends on its parameters cannot be compiled once")
        self.sql = str(compiled)
        self._parameters = _parameters(compiled, dialect)
        columns = list(statement.selected_columns)
        names = [column.key or f"column_{i}" for i, column in enumerate(columns)]
        row: Any = namedtuple("FastRow", names, rename=True)  # type: ignore[misc]  # the statement names the fields
        self._make: Callable[[Sequence[Any]], Any] = row._make
        self._converters: list[tuple[int, Converter]] = [
            (i, converter)
            for i, column in enumerate(columns)
            if not isinstance(column.type, sa.Numeric | sa.Float)  # both drivers give doubles as they are
            and (converter := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ]

    def arguments(self, parameters: Mapping[str, object] | None) -> list[object]:
        """The parameters in the order of the text, converted as the database wants them."""
        return _arguments(self._parameters, parameters or {})

    def rows(self, fetched: Sequence[Sequence[Any]]) -> list[Any]:
        """Rows with named columns, converted as the code wants them."""
        make, converters = self._make, self._converters
        found = []
        for raw in fetched:
            row = list(raw)
            for i, convert in converters:
                row[i] = convert(row[i])
            found.append(make(row))
        return found


class FastChange:
    """One insert, update or delete, compiled for one dialect and one set of parameters."""

    def __init__(self, statement: Change, names: frozenset[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=sorted(names))
        self.sql = str(compiled)
        self._parameters = _parameters(compiled, dialect)

    def arguments(self, parameters: Mapping[str, object]) -> list[object]:
        """The parameters in the order of the text, converted as the database wants them."""
        return _arguments(self._parameters, parameters)


class FastStatements:
    """The compiled form of each statement, made at its first use; the statement is held, so its id stays its own."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._selects: dict[int, tuple[Selection, FastSelect]] = {}
        self._changes: dict[tuple[int, frozenset[str]], tuple[Change, FastChange]] = {}

    def select(self, statement: Selection) -> FastSelect:
        """The compiled select."""
        known = self._selects.get(id(statement))
        if known is None:
            known = self._selects[id(statement)] = (statement, FastSelect(statement, self._dialect))
        return known[1]

    def change(self, statement: Change, names: frozenset[str]) -> FastChange:
        """The compiled change for these parameters."""
        key = (id(statement), names)
        known = self._changes.get(key)
        if known is None:
            known = self._changes[key] = (statement, FastChange(statement, names, self._dialect))
        return known[1]
