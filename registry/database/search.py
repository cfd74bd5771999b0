"""Search with one interface and two indexes: FTS5 on SQLite, tsvector on PostgreSQL, half-degree cells on both.

Tokens are made by `registry.kernel.text`, so both databases index the same words. The service picks the plan: the
planners cannot choose between a text index and a place.
"""

from collections.abc import Sequence
from math import cos, radians
from typing import Any

import msgspec
import sqlalchemy as sa

from registry.kernel.geo import KM_PER_DEGREE, cells_within


def cell_token(cell: int) -> str:
    """How a cell stands among the words of a text index."""
    return f"g{cell}"


def matches(table: sa.Table, dialect: str) -> sa.ColumnElement[bool]:
    """Rows whose text holds what the parameter `match` says (see `match_text`)."""
    match = sa.bindparam("match", type_=sa.Text)
    if dialect == "postgresql":
        return sa.literal_column(f"{table.name}.search_vector").op("@@")(sa.cast(match, _TsQuery))
    fts = sa.table(f"{table.name}_fts", sa.column("rowid", sa.Integer))
    return table.c.n.in_(sa.select(fts.c.rowid).where(sa.literal_column(f"{table.name}_fts").op("MATCH")(match)))


class _TsQuery(sa.types.UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "tsquery"


def match_text(dialect: str, words: Sequence[str], cells: Sequence[int] = ()) -> str:
    """Every word, each as a prefix where it ends in `*`, and any of the cells; in the database's own query language."""
    places = [cell_token(cell) for cell in cells]
    if dialect == "postgresql":
        parts = [f"'{w.rstrip('*')}':*" if w.endswith("*") else f"'{w}'" for w in words]
        if places:
            parts.append("(" + " | ".join(f"'{p}'" for p in places) + ")")
        return " & ".join(parts)
    parts = [f'"{w.rstrip("*")}"*' if w.endswith("*") else f'"{w}"' for w in words]
    if places:
        parts.append("(" + " OR ".join(f'"{p}"' for p in places) + ")")
    return " AND ".join(parts)


def in_cells(column: sa.Column[int], dialect: str) -> sa.ColumnElement[bool]:
    """Rows in one of the cells of the parameter `cells` (see `near`)."""
    if dialect == "postgresql":
        return column == sa.any_(sa.cast(sa.bindparam("cells"), sa.ARRAY(sa.Integer)))
    each = sa.text("SELECT value FROM json_each(:cells)").columns(sa.column("value", sa.Integer))
    return column.in_(each)


def squared_degrees(latitude: sa.Column[float], longitude: sa.Column[float]) -> sa.ColumnElement[float]:
    """Flat-earth distance² in degrees of latitude; within 0.1 % at 80 km, monotonous in distance beyond."""
    north = latitude - sa.bindparam("latitude", type_=sa.Double)
    apart = sa.func.abs(longitude - sa.bindparam("longitude", type_=sa.Double))
    east = sa.case((apart > 180.0, 360.0 - apart), else_=apart)
    return north * north + east * east * sa.bindparam("cos2", type_=sa.Double)


def near(dialect: str, latitude: float, longitude: float, within_km: float) -> dict[str, object]:
    """The parameters `in_cells` and `squared_degrees` need: cells, point, cosine² and the reach in degrees²."""
    cells = cells_within(latitude, longitude, within_km)
    return {
        "cells": cells if dialect == "postgresql" else msgspec.json.encode(cells).decode(),
        "latitude": latitude,
        "longitude": longitude,
        "cos2": cos(radians(latitude)) ** 2,
        "reach2": (within_km / KM_PER_DEGREE) ** 2,
    }


def degrees_to_km(squared: float) -> float:
    """Kilometres behind a `squared_degrees` value."""
    return float(squared**0.5 * KM_PER_DEGREE)
