"""Full-text and place search with one interface: FTS5 on SQLite, tsvector on PostgreSQL, half-degree cells on both.

What is indexed is made by `registry.platform.kernel.words`, so that both databases find the same. The caller chooses
the access path, because the planners cannot choose between a text index and a place index.
"""

from collections.abc import Iterable, Sequence
from math import cos, radians
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from registry.platform.kernel.geo import cells_within, km_to_haversine
from registry.platform.kernel.words import AS_WRITTEN, Sought

_PHRASE, _PARTS = "phrase_", "parts_of_phrase_"


def cell_token(cell: int) -> str:
    """The token that represents a cell in a text index."""
    return f"g{cell}"


def matches(table: sa.Table, dialect: str) -> sa.ColumnElement[bool]:
    """Rows whose text matches the parameter `match` (see `word_parameters`), in whatever order the words are."""
    match = sa.bindparam("match", type_=sa.Text)
    if dialect == "postgresql":
        return sa.literal_column(f"{table.name}.search_vector").op("@@")(sa.cast(match, _TsQuery))
    fts = sa.table(f"{table.name}_fts", sa.column("rowid", sa.Integer))
    return table.c.n.in_(sa.select(fts.c.rowid).where(sa.literal_column(f"{table.name}_fts").op("MATCH")(match)))


def holds_phrases(table: sa.Table, filters: Iterable[str]) -> sa.ColumnElement[bool]:
    """Rows that match in which the words of each phrase among the filters (see `phrases_among`) stand in order.

    Looked for in the text that both databases keep, not in their indexes: what these know of places differs (a
    `tsvector` forgets the 257th of a word).
    """
    text = _padded(table)
    return sa.and_(
        sa.true(),
        *(
            sa.or_(
                text.like(sa.bindparam(name, type_=sa.Text)),
                text.like(sa.bindparam(name.replace(_PHRASE, _PARTS), type_=sa.Text)),
            )
            for name in sorted(phrases_among(filters))
        ),
    )


def phrases_among(names: Iterable[str]) -> set[str]:
    """Those of the names of filters, or of parameters, that stand for a phrase."""
    return {name for name in names if name.startswith(_PHRASE)}


def relevance(table: sa.Table, terms: int) -> sa.ColumnElement[int]:
    """How much of the row's text the parameters `term_0`, `term_1` … are: often is more, in a short text more still.

    The row alone is looked at. How rare a word is among all texts would tell of texts that the caller may not read.
    It is counted in whole numbers, so that both databases come to the same; a word said twice over counts once.
    """
    text = _padded(table)
    total: sa.ColumnElement[int] = sa.literal(0, sa.BigInteger)
    length = sa.func.length(text)
    for i in range(terms):
        term = sa.bindparam(f"term_{i}", type_=sa.Text)
        gone = length - sa.func.length(sa.func.replace(text, term, sa.literal(" ", sa.Text)))
        times = sa.cast(gone // (sa.func.length(term) - 1), sa.BigInteger)
        total += 1_000_000 * times // (1_000 * times + 300 + 9 * length // 20)
    return total


def _padded(table: sa.Table) -> sa.ColumnElement[str]:
    blank = sa.literal_column("' '", sa.Text)
    return blank + table.c.search_text + blank


class _TsQuery(sa.types.UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "tsquery"


def word_parameters(dialect: str, sought: Sought, cells: Sequence[int] = ()) -> dict[str, object]:
    """The parameter `match`: a query for all words and any of the cells, in the database's syntax.

    Also the parameters of the phrases, for `holds_phrases`.
    """
    parameters: dict[str, object] = {
        "match": _match(_POSTGRESQL if dialect == "postgresql" else _SQLITE, sought, cells)
    }
    for i, phrase in enumerate(sought.phrases):
        parameters[f"{_PHRASE}{i}"] = f"% {' '.join(phrase.wholes)} %"
        parameters[f"{_PARTS}{i}"] = f"% {' '.join(phrase.parts)} %"
    return parameters


def relevance_parameters(sought: Sought) -> dict[str, object]:
    """The parameters of `relevance`: the terms, each between blanks."""
    terms = [f" {word} " for word in sought.stems]
    terms += [f" {word}" for word in sought.beginnings]
    terms += [f" {' '.join(phrase.wholes)} " for phrase in sought.phrases]
    return {f"term_{i}": term for i, term in enumerate(terms)}


class _Language(NamedTuple):
    both: str
    either: str
    word: str
    beginning: str


_POSTGRESQL = _Language(both=" & ", either=" | ", word="'{}'", beginning="'{}':*")
_SQLITE = _Language(both=" AND ", either=" OR ", word='"{}"', beginning='"{}"*')


def _match(language: _Language, sought: Sought, cells: Sequence[int]) -> str:
    def either(parts: Iterable[str]) -> str:
        return f"({language.either.join(parts)})"

    def word(reading: Sequence[str]) -> str:
        written = [language.word.format(stem) for stem in reading]
        return written[0] if len(written) == 1 else either(written)

    def each(words: Iterable[str]) -> str:
        return language.both.join(language.word.format(word) for word in dict.fromkeys(words))

    parts = [word(reading) for reading in dict.fromkeys(sought.readings)]
    parts += [
        either(language.beginning.format(mark + beginning) for mark in ("", AS_WRITTEN))
        for beginning in sought.beginnings
    ]
    parts += [either(f"({each(order)})" for order in phrase.orders) for phrase in sought.phrases]
    if cells:
        parts.append(either(language.word.format(cell_token(cell)) for cell in cells))
    return language.both.join(parts)


def in_cells(column: sa.Column[int], dialect: str) -> sa.ColumnElement[bool]:
    """Rows in one of the cells of the parameter `cells` (see `near`)."""
    if dialect == "postgresql":
        return column == sa.any_(sa.cast(sa.bindparam("cells"), sa.ARRAY(sa.Integer)))
    each = sa.text("SELECT value FROM json_each(:cells)").columns(sa.column("value", sa.Integer))
    return column.in_(each)


def haversine(latitude: sa.Column[float], longitude: sa.Column[float], prefix: str = "") -> sa.ColumnElement[float]:
    """The haversine of the angle between the row's point and that of `near`: it orders as the great circle does.

    With a prefix it is the point of the parameters that begin with it (`point_parameters`).

    Exact at every latitude and across the antimeridian. Both databases take their sines from the C library.
    """
    north = sa.func.power(_sine_of_half(latitude - sa.bindparam(f"{prefix}latitude", type_=sa.Double)), 2)
    east = sa.func.power(_sine_of_half(longitude - sa.bindparam(f"{prefix}longitude", type_=sa.Double)), 2)
    around = sa.func.cos(sa.func.radians(latitude), type_=sa.Double) * sa.bindparam(f"{prefix}cosine", type_=sa.Double)
    found: sa.ColumnElement[float] = sa.type_coerce(north + around * east, sa.Double)
    return found


def _sine_of_half(angle: sa.ColumnElement[float]) -> sa.ColumnElement[float]:
    return sa.func.sin(sa.func.radians(angle) / sa.literal_column("2.0", sa.Double), type_=sa.Double)


def point_parameters(latitude: float, longitude: float, prefix: str = "") -> dict[str, object]:
    """The parameters of `haversine`: a point, and the cosine of its latitude."""
    return {
        f"{prefix}latitude": latitude,
        f"{prefix}longitude": longitude,
        f"{prefix}cosine": cos(radians(latitude)),
    }


def near(dialect: str, latitude: float, longitude: float, within_km: float) -> dict[str, object]:
    """The parameters of `in_cells` and `haversine`: the cells, the point, the cosine of its latitude, and the reach."""
    cells = cells_within(latitude, longitude, within_km)
    return {
        "cells": cells if dialect == "postgresql" else msgspec.json.encode(cells).decode(),
        "latitude": latitude,
        "longitude": longitude,
        "cosine": cos(radians(latitude)),
        "reach": km_to_haversine(within_km),
    }
