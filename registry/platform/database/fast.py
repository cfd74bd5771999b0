"""Statements compiled once and executed directly on the driver, where a measurement in `benchmarks/` justifies it.

Executing a statement through SQLAlchemy costs about 100 µs on SQLite, several times the query itself. A `FastSelect`
keeps what SQLAlchemy would compute each time: the text, the order of the parameters, and the converters of parameters
and columns. Only for statements that are built once.
"""

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

Converter = Callable[[Any], Any]
Selection: TypeAlias = sa.Select[Any] | sa.CompoundSelect[Any]


Change: TypeAlias = sa.Insert | sa.Update | sa.Delete
Parameter: TypeAlias = tuple[str, object, Converter | None]

_CODE = re.compile(r"[a-z][a-z_]{0,40}")
_Statement = TypeVar("_Statement", bound=sa.ClauseElement)

_BY_COLUMN = 8
"""From so many rows on they are converted column by column, since most have no converter; fewer would take longer."""
MOST_SELECTS = 1_024
"""SELECTs that stay compiled, the last used ones: well above the number that are written down in modules."""


class DependsOnParametersError(ValueError):
    """The text of a statement is another for other parameters: it is given a list."""


def _compiled(statement: Selection | Change, dialect: Dialect, **options: Any) -> tuple[str, list[Parameter]]:
    """The text, and the name, default and converter of each parameter, in the order of the text.

    Constants that SQLAlchemy would expand at each execution (a list after IN) are expanded here. Raises
    DependsOnParametersError for a list among the parameters, because the text would depend on its length.
    """
    compiled = with_codes_written(statement, dialect).compile(dialect=dialect, **options)
    assert isinstance(compiled, SQLCompiler)
    given = {name: None for name, bind in compiled.binds.items() if bind.required}
    if any(compiled.binds[name].expanding for name in given):
        raise DependsOnParametersError("a statement whose text depends on its parameters cannot be compiled once")
    state = compiled.construct_expanded_state(given)
    whole = {part: name for name, parts in state.parameter_expansion.items() for part in parts}
    parameters: list[Parameter] = []
    for name in state.positiontup or ():
        kind = compiled.binds[whole.get(name, name)].type
        parameters.append((name, state.parameters[name], _converter(kind, dialect)))
    text = state.statement
    if dialect.name == "sqlite":
        # Newer versions plan by the value of a limit, and so anew each time one is given; not by that of an expression.
        text = text.replace("LIMIT ?", "LIMIT CAST(? AS INTEGER)")
    return text, parameters


def _converter(kind: sa.types.TypeEngine[Any], dialect: Dialect) -> Converter | None:
    if dialect.name == "sqlite" and isinstance(kind, sa.LargeBinary):
        return None  # SQLAlchemy wraps bytes in a memoryview, which this driver takes longer to bind
    return kind.dialect_impl(dialect).bind_processor(dialect)


def with_codes_written(statement: _Statement, dialect: Dialect) -> _Statement:
    """The statement with its own codes and whole numbers as literals instead of as parameters.

    SQLite compares what is a parameter with the conditions of partial indexes by its value of now, and so plans the
    statement anew whenever it is given one: a fifth of the time of making a loan. PostgreSQL cannot use such an index
    for a plan that is to hold for all values. Only lower-case words and integers are written out: nothing in them needs
    to be escaped, so nothing that somebody sent is ever read as part of a statement.
    """

    def write(bind: sa.BindParameter[Any]) -> None:
        if bind.required or bind.callable is not None or bind.literal_execute:
            return
        convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
        values = bind.value if bind.expanding else [bind.value]
        found = [value if convert is None or value is None else convert(value) for value in values or ()]
        if not found or not all(_is_plain(value) for value in found) or len({*map(type, found)}) > 1:
            return
        bind.type = sa.Integer() if isinstance(found[0], int) else sa.Text()
        bind.value = found if bind.expanding else found[0]
        bind.literal_execute = True

    return visitors.cloned_traverse(statement, {}, {"bindparam": write})


def _is_plain(value: object) -> bool:
    return type(value) is int or (isinstance(value, str) and _CODE.fullmatch(value) is not None)


def _if_once(statement: Selection, dialect: Dialect) -> "FastSelect | None":
    try:
        return FastSelect(statement, dialect)
    except DependsOnParametersError:
        return None


def _arguments(parameters: Sequence[Parameter], given: Mapping[str, object]) -> list[object]:
    found = []
    for name, default, convert in parameters:
        value = given.get(name, default)
        found.append(value if convert is None or value is None else convert(value))
    return found


class _Rows:
    """Converts the rows that a driver returns into rows with named, converted columns."""

    def __init__(self, columns: Sequence[sa.ColumnElement[Any]], dialect: Dialect) -> None:
        names = [column.key or f"column_{i}" for i, column in enumerate(columns)]
        plain: Any = namedtuple("FastRow", names, rename=True)  # type: ignore[misc]  # the statement names the fields
        row: Any = type("FastRow", (plain,), {"__slots__": (), "_mapping": property(plain._asdict)})
        # `_make` is a function of Python's around this, which a page of fifty rows would call fifty times.
        self._make: Callable[[Iterable[Any]], Any] = partial(tuple.__new__, row)
        self._converters: list[tuple[int, Converter]] = [
            (i, converter)
            for i, column in enumerate(columns)
            if not isinstance(column.type, sa.Numeric | sa.Float)  # both drivers return doubles unchanged
            and (converter := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ]

    def rows(self, fetched: Sequence[Sequence[Any]]) -> list[Any]:
        """The rows with named, converted columns."""
        if not self._converters:
            return list(map(self._make, fetched))
        if len(fetched) < _BY_COLUMN:
            rows = [[*raw] for raw in fetched]
            for row in rows:
                for i, convert in self._converters:
                    row[i] = convert(row[i])
            return list(map(self._make, rows))
        columns: list[Iterable[Any]] = list(zip(*fetched, strict=True))
        for i, convert in self._converters:
            columns[i] = map(convert, columns[i])
        return list(map(self._make, zip(*columns, strict=True)))


class FastSelect(_Rows):
    """One SELECT, compiled for one dialect."""

    def __init__(self, statement: Selection, dialect: Dialect) -> None:
        super().__init__(list(statement.selected_columns), dialect)
        self.sql, self._parameters = _compiled(statement, dialect)

    def arguments(self, parameters: Mapping[str, object] | None) -> list[object]:
        """The parameter values in the order of the text, converted for the driver."""
        return _arguments(self._parameters, parameters or {})


class FastChange(_Rows):
    """One INSERT, UPDATE or DELETE, with RETURNING or without, compiled for one dialect and one set of parameters."""

    def __init__(self, statement: Change, names: frozenset[str], dialect: Dialect) -> None:
        super().__init__(list(statement.exported_columns), dialect)
        self.sql, self._parameters = _compiled(statement, dialect, column_keys=sorted(names))

    def arguments(self, parameters: Mapping[str, object]) -> list[object]:
        """The parameter values in the order of the text, converted for the driver."""
        return _arguments(self._parameters, parameters)


def combined_insert(insertions: Mapping[sa.Insert, Sequence[str]]) -> sa.Select[Any]:
    """One PostgreSQL statement that makes several insertions, of any number of rows each, in the given order.

    Each column is passed as one array, in the parameter `<number of the insertion>_<column>`. Foreign keys between the
    inserted rows are checked at the end of the statement.
    """
    parts = []
    for number, (insertion, names) in enumerate(insertions.items()):
        columns = [insertion.table.c[name] for name in names]
        arrays = [sa.bindparam(f"{number}_{column.name}", type_=ARRAY(column.type, dimensions=1)) for column in columns]
        rows = sa.func.unnest(*arrays).table_valued(*names, name=f"rows_{number}").render_derived()
        parts.append(insertion.from_select(list(names), sa.select(rows)).cte(f"insertion_{number}"))
    return sa.select(sa.literal_column("1")).add_cte(*parts)


class FastStatements:
    """A cache of compiled statements.

    It keeps a reference to each statement, so that the id that is its key stays unique. Of SELECTs, of which some are
    built for what a caller asks, it keeps the `MOST_SELECTS` last used ones.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # SQLAlchemy's statements are equal to themselves alone.
        self._selects = lru_cache(maxsize=MOST_SELECTS)(partial(FastSelect, dialect=dialect))
        self._if_once = lru_cache(maxsize=MOST_SELECTS)(partial(_if_once, dialect=dialect))
        self._changes: dict[tuple[int, frozenset[str]], tuple[Change, FastChange]] = {}
        self._together: dict[tuple[tuple[int, tuple[str, ...]], ...], tuple[Sequence[sa.Insert], FastSelect]] = {}

    def select(self, statement: Selection) -> FastSelect:
        """The compiled SELECT."""
        return self._selects(statement)

    def select_if_once(self, statement: Selection) -> FastSelect | None:
        """The compiled SELECT; None for one that cannot be compiled once, since it is given lists."""
        return self._if_once(statement)

    def change(self, statement: Change, names: frozenset[str]) -> FastChange:
        """The compiled change for these parameters."""
        key = (id(statement), names)
        known = self._changes.get(key)
        if known is None:
            known = self._changes[key] = (statement, FastChange(statement, names, self._dialect))
        return known[1]

    def combined_insert(
        self, insertions: Mapping[sa.Insert, Sequence[Mapping[str, object]]]
    ) -> tuple[FastSelect, list[object]]:
        """The single statement that inserts all these rows on PostgreSQL, and its arguments."""
        names = {insertion: tuple(rows[0]) for insertion, rows in insertions.items()}
        key = tuple((id(insertion), columns) for insertion, columns in names.items())
        known = self._together.get(key)
        if known is None:
            made = FastSelect(combined_insert(names), self._dialect)
            known = self._together[key] = (tuple(insertions), made)
        columns = {
            f"{number}_{name}": [row[name] for row in rows]
            for number, rows in enumerate(insertions.values())
            for name in rows[0]
        }
        return known[1], known[1].arguments(columns)
