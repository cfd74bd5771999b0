"""The criteria of the asset list, and the plan by which each combination of them is answered.

Neither database's planner can weigh a text index against a place, and SQLite keeps no statistics of ours, so one access
path is picked here and SQLite's planner kept from another (figures in `benchmarks/README.md`):

- one owner, those of a state, assets by their ids, by attributes or by what else they state, or the partners of a
  lendable list: their rows, then everything else, words included;
- words: the text index, with the place's cells among the words when there is one;
- a point: the (category, cell) index, over every category where none is named;
- a category: its own run of an index by category; one run for each category under it, merged as they are read;
- nothing of the kind: the assets in their order of registration, the newest first unless asked otherwise.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.sql.operators import custom_op

from registry.agreements.instruments.queries.in_force import covers_asset, partners_in_force
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category
from registry.platform.database.fast import Selection
from registry.platform.database.search import haversine, holds_phrases, in_cells, matches
from registry.platform.http.paging import changed_in, changed_in_any
from registry.platform.kernel.geo import EARTH_KM
from registry.resources.allocations.queries import free_in_window, free_quantity_in_window
from registry.resources.assets.queries.attributes import among_attributes, attributes_among, has_attribute
from registry.resources.assets.queries.stating import among_stating, stated_among, states
from registry.resources.assets.queries.visibility import VIEWER, visible_to
from registry.resources.assets.rules import ServiceStatus, Sharing
from registry.resources.assets.tables import asset
from registry.resources.certificates.queries import certified, handler_free, has_certificates
from registry.resources.minimums.queries import has_minimums

T = TypeVar("T")

_IS_OWN = asset.c.agency_id == VIEWER
_UPDATED_AT = sa.case((_IS_OWN, asset.c.updated_at), else_=asset.c.public_updated_at)
"""When it was changed, as its owner is told, or everybody else."""
COLUMNS = (
    asset.c.n,
    asset.c.id,
    asset.c.agency_id,
    asset.c.category,
    asset.c.name,
    asset.c.tag,
    asset.c.type_level,
    asset.c.capacity,
    asset.c.sharing,
    asset.c.service_status,
    asset.c.latitude,
    asset.c.longitude,
    asset.c.mobilisation_minutes,
    sa.case((_IS_OWN, asset.c.version), else_=asset.c.public_changes).label("version"),
    _UPDATED_AT.label("updated_at"),
    asset.c.certification_required,
    asset.c.certifications,
    has_certificates(asset.c.id).label("has_certificates"),
)
NEVER = 1e9
"""Where an asset comes among the others by its arrival when nothing tells when that is."""
_FTS = sa.table("asset_fts", sa.column("rowid", sa.BigInteger))
_AFTER = sa.bindparam("after", type_=sa.BigInteger)
_AFTER_KEY = {
    "name": sa.bindparam("after_key", type_=sa.Text),
    "updated_at": sa.bindparam("after_key", type_=asset.c.updated_at.type),
    "distance": sa.bindparam("after_key", type_=sa.Double),
    "arrival": sa.bindparam("after_key", type_=sa.Double),
}
_LIMIT = sa.bindparam("limit", type_=sa.Integer)
_DISTANCE = haversine(asset.c.latitude, asset.c.longitude)
_SPEED = sa.select(category.c.speed_kmh).where(category.c.code == asset.c.category).correlate(asset).scalar_subquery()
_KM = sa.func.asin(sa.func.sqrt(sa.case((_DISTANCE > 1.0, 1.0), else_=_DISTANCE)), type_=sa.Double) * (2 * EARTH_KM)
_ARRIVAL = asset.c.mobilisation_minutes + _KM * 60.0 / _SPEED
_STATE = sa.select(agency.c.id).where(agency.c.state.in_(sa.bindparam("state", type_=sa.Text, expanding=True)))
NOT_IN_SERVICE, NOT_FREE, ARRIVAL_UNKNOWN = "not_in_service", "not_free", "arrival_unknown"
"""Criteria that no query has: they count what its own criteria leave out."""
NEEDS_SERVICE = frozenset({"lendable", "window", "certified"})
"""Criteria that hold only of what is in service; together with `NOT_IN_SERVICE` they ask for everything else."""
ONE_OF: dict[str, type[ServiceStatus] | type[Sharing]] = {"service_status": ServiceStatus, "sharing": Sharing}
"""Filters by one of several values, of an enumeration with few: as many parameters as it has."""


class Asked(Struct, kw_only=True, frozen=True):
    """What is asked of the list: which criteria hold, over how many categories, in which order; and the parameters."""

    filters: frozenset[str]
    categories: int
    sort: str
    parameters: dict[str, object]


MOST_RUNS = 300
"""SQLite merges at most 500 parts: where agencies have added hundreds of categories, they are searched as one."""
MOST_KEPT = 512
"""Statements of each kind that are kept: callers choose the combinations, so that there is no end of them."""


@lru_cache(maxsize=MOST_KEPT)
def page_statement(dialect: str, filters: frozenset[str], categories: int, sort: str) -> Selection:
    """The statement of a page for one combination of filters; `categories` is their number, 0 for all.

    Each row ends with the haversine of its distance, its minutes to arrive, and its key in the order.
    """
    plan = _Plan(dialect, filters, categories)
    by = sort.removeprefix("-").replace("created_at", "")
    placed, arrives = "near" in filters, "near" in filters
    key = {
        "name": asset.c.name,
        "updated_at": _UPDATED_AT,
        "distance": _DISTANCE,
        "arrival": sa.func.coalesce(_ARRIVAL, NEVER),
        "": sa.null(),
    }[by]
    found: sa.Select[Any] = sa.select(
        *COLUMNS,
        (_DISTANCE if placed else sa.null()).label("distance"),
        (_ARRIVAL if arrives else sa.null()).label("arrival"),
    )
    found = _meeting(found, plan)
    n: sa.ColumnElement[int] = plan.order_of_registration()

    def ordered(*columns: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
        return [column.desc() if sort.startswith("-") else column.asc() for column in columns]

    def by_keys(first: sa.ColumnElement[Any], last: sa.ColumnElement[int]) -> list[sa.ColumnElement[Any]]:
        return ordered(first, last) if by else ordered(last)

    def run(key: sa.ColumnElement[Any], *criteria: sa.ColumnElement[bool]) -> sa.Select[Any]:
        part = found.add_columns(key.label("key")).where(*criteria)
        if "cursor" in filters:
            part = part.where(_behind(key, n, by, down=sort.startswith("-")))
        return part

    def cut(part: sa.Select[Any], key: sa.ColumnElement[Any]) -> sa.Select[Any]:
        return part.order_by(*by_keys(key, n)).limit(_LIMIT)

    runs: list[tuple[sa.Select[Any], sa.ColumnElement[Any]]]
    if by == "updated_at":
        # The viewer's own by one column, the others by another: so each is read along an index.
        keys = ((asset.c.updated_at, _IS_OWN), (asset.c.public_updated_at, sa.not_(_IS_OWN)))
        found = _of_any(found, plan)
        runs = [(run(key, whose, *changed_in(key, filters)), key) for key, whose in keys]
    elif plan.merged:
        runs = [(run(key, asset.c.category == code), key) for code in plan.codes]
    else:
        found = _of_any(found, plan)
        return cut(run(key), key)
    if dialect == "sqlite":
        # It reads each run as far as the page needs; one with a limit of its own it would read and sort as a whole.
        union = sa.union_all(*(part for part, _ in runs))
    else:
        union = sa.union_all(*(sa.select(cut(*each).subquery(f"run_{i}")) for i, each in enumerate(runs)))
    columns = union.selected_columns
    return union.order_by(*by_keys(columns.key, columns.n)).limit(_LIMIT)


def _behind(key: sa.ColumnElement[Any], n: sa.ColumnElement[int], by: str, *, down: bool) -> sa.ColumnElement[bool]:
    if not by:
        return n < _AFTER if down else n > _AFTER
    place = _AFTER_KEY[by]
    if down:
        return sa.or_(key < place, sa.and_(key == place, n < _AFTER))
    return sa.or_(key > place, sa.and_(key == place, n > _AFTER))


@lru_cache(maxsize=MOST_KEPT)
def counting_statement(dialect: str, filters: frozenset[str], categories: int, by: tuple[str, ...]) -> Selection:
    """How many assets meet the criteria, by the values of these columns; no more than `limit` are looked at."""
    plan = _Plan(dialect, filters, categories)
    named = [_BY[name].label(name) for name in by] or [sa.literal_column("1").label("one")]
    inner = _of_any(_meeting(sa.select(*named), plan), plan).limit(_LIMIT).subquery("found")
    number = sa.func.count().label("number")
    if not by:
        return sa.select(number).select_from(inner)
    return sa.select(*inner.c, number).select_from(inner).group_by(*inner.c)


@lru_cache(maxsize=MOST_KEPT)
def kept_of_statement(dialect: str, filters: frozenset[str], categories: int, by: tuple[str, ...]) -> Selection:
    """Those that meet the criteria and that a minimum of their agency counts, with the values of these columns.

    As many of those that meet the criteria are looked at as `counting_statement` looks at; no more than `most` found.
    """
    plan = _Plan(dialect, filters, categories)
    named = [_BY[name].label(f"by_{name}") for name in by]
    inner = _of_any(_meeting(sa.select(*_WHOSE, *named), plan), plan).limit(_LIMIT).subquery("found")
    found = sa.select(*inner.c).where(has_minimums(inner.c.agency_id, inner.c.category))
    return found.limit(sa.bindparam("most", type_=sa.Integer))


@lru_cache(maxsize=MOST_KEPT)
def free_statement(dialect: str, filters: frozenset[str], categories: int) -> Selection:
    """The assets that meet the criteria, and how many are free of each; no more than `limit` of them."""
    plan = _Plan(dialect, filters, categories)
    free = free_quantity_in_window(asset.c.id, asset.c.capacity).label("free")
    return _of_any(_meeting(sa.select(*_WHOSE, free), plan), plan).limit(_LIMIT)


_WHOSE = (asset.c.id, asset.c.agency_id, asset.c.category)
_BY: dict[str, sa.ColumnElement[Any]] = {
    "category": asset.c.category,
    "agency": asset.c.agency_id,
    "state": sa.select(agency.c.state).where(agency.c.id == asset.c.agency_id).correlate(asset).scalar_subquery(),
    "type_level": asset.c.type_level,
    "service_status": asset.c.service_status,
}


class _Plan:
    """How a combination of criteria is answered."""

    def __init__(self, dialect: str, filters: frozenset[str], categories: int) -> None:
        self.dialect = dialect
        self.filters = filters
        self.codes = [sa.bindparam(f"category_{i}", type_=sa.Text) for i in range(categories)]
        self.placed, self.words = "near" in filters, "words" in filters
        few = bool({"agency_id", "ids", "identifier"} & filters)
        alone = not self.placed and not self.words
        stated, attributes = stated_among(filters), sorted(attributes_among(filters))
        free_to_lead = alone and not few and not self.codes
        self.leading = next(iter((*stated, *attributes)), None) if free_to_lead or "identifier" in filters else None
        self.stated, self.attributes = stated, attributes
        self.by_attribute = free_to_lead and self.leading is not None
        self.by_rows = few or self.by_attribute or (alone and bool({"lendable", "state"} & filters))
        self.text_first = self.words and not few
        self.few = few
        self.merged = alone and not self.by_rows and 1 < categories <= MOST_RUNS
        # Collected once for all runs, of which each would collect them anew.
        together = partners_in_force().cte("partners").prefix_with("MATERIALIZED") if self.merged else None
        self.partners = None if together is None else sa.select(together.c.agency_id)

    def order_of_registration(self) -> sa.ColumnElement[int]:
        """The column by which the order of registration is read without leaving the access path."""
        if self.text_first and self.dialect == "sqlite" and not self.placed:
            return _FTS.c.rowid
        return _hidden(asset.c.n, self.dialect) if self.by_rows else asset.c.n


def one_of_parameters(name: str, values: Sequence[str]) -> dict[str, object]:
    """The parameters of a filter of `ONE_OF`: the values, the last of them again in the places that are left."""
    return {f"any_{name}_{i}": values[min(i, len(values) - 1)] for i in range(len(ONE_OF[name]))}


def _meeting(found: sa.Select[Any], plan: _Plan) -> sa.Select[Any]:
    """The statement with every criterion but the categories."""
    filters, dialect = plan.filters, plan.dialect
    for name, values in ONE_OF.items():
        if name in filters:
            found = found.where(
                asset.c[name].in_([sa.bindparam(f"any_{name}_{i}", type_=sa.Text) for i in range(len(values))])
            )
    if "agency_id" in filters:
        found = found.where(asset.c.agency_id == sa.bindparam("agency_id", type_=asset.c.agency_id.type))
    if "ids" in filters:
        found = found.where(asset.c.id.in_(sa.bindparam("ids", type_=asset.c.id.type, expanding=True)))
    if "type_at_least" in filters:
        found = found.where(asset.c.type_level <= sa.bindparam("type_at_least", type_=sa.Integer))
    found = found.where(*changed_in(_UPDATED_AT, filters))
    found = found.where(*changed_in_any(filters, asset.c.updated_at, asset.c.public_updated_at))
    owner = asset.c.agency_id if plan.by_rows and not plan.by_attribute else _hidden(asset.c.agency_id, dialect)
    if "state" in filters:
        found = found.where(_looked_at(owner.in_(_STATE), plan))
    in_service = asset.c.service_status == ServiceStatus.IN_SERVICE.value
    if "lendable" in filters:
        found = found.where(*_lendable(owner, plan))
    else:
        found = found.where(visible_to(among_many=True, partners=plan.partners))
        if "not_lendable" in filters:
            lendable = _lendable(asset.c.agency_id)
            found = found.where(~sa.and_(*lendable if NOT_IN_SERVICE in filters else [in_service, *lendable]))
    if "window" in filters:
        found = found.where(_free())
    if "certified" in filters:
        found = found.where(certified(asset.c.id))
    if NOT_FREE in filters:
        found = found.where(~_free())
    if NOT_IN_SERVICE in filters:
        found = found.where(asset.c.service_status != ServiceStatus.IN_SERVICE.value)
    elif filters & {*NEEDS_SERVICE, NOT_FREE}:
        found = found.where(in_service)
    for name in plan.stated:
        found = found.where(among_stating(name) if name == plan.leading else states(name))
    for name in plan.attributes:
        found = found.where(among_attributes(name) if name == plan.leading else has_attribute(name))
    if plan.words:
        found = _holding_words(found, plan).where(holds_phrases(asset, filters))
    if plan.placed:
        found = found.where(sa.bindparam("reach", type_=sa.Double) >= _DISTANCE)
        if not plan.words:
            found = found.where(in_cells(asset.c.cell, dialect))
            if not plan.codes:
                found = found.where(asset.c.category.in_(sa.select(category.c.code)))
    if "within_minutes" in filters:
        found = found.where(sa.bindparam("within_minutes", type_=sa.Double) >= _ARRIVAL)
    if ARRIVAL_UNKNOWN in filters:
        found = found.where(_ARRIVAL.is_(None))
    return found


def _free() -> sa.ColumnElement[bool]:
    """A criterion: enough of it is free in the window, and of a K9 team somebody who is certified with the dog."""
    return sa.and_(free_in_window(asset.c.id, asset.c.capacity), handler_free(asset.c.id, asset.c.category))


def _lendable(owner: sa.ColumnElement[UUID], plan: _Plan | None = None) -> list[sa.ColumnElement[bool]]:
    """Criteria: another agency's, shared, and covered by an agreement in force with `viewer` at `at`.

    Whether it is in service is for the statement to ask.
    """
    return [
        asset.c.sharing != Sharing.PRIVATE.value,
        _looked_at(owner.in_(partners_in_force()), plan),
        _looked_at(covers_asset(asset.c.agency_id, asset.c.category), plan),
    ]


def _looked_at(criterion: sa.ColumnElement[bool], plan: _Plan | None) -> sa.ColumnElement[bool]:
    """The criterion about the owner, kept from leading where words or a place do.

    PostgreSQL would make a join of it and look for the words, or in the cells, once for each of hundreds of partners;
    what is compared with a truth value is no join, but looked at for each row that was found.
    """
    if plan is None or plan.by_rows or plan.dialect == "sqlite" or not (plan.words or plan.placed):
        return criterion
    return criterion.is_(sa.true())


def _of_any(found: sa.Select[Any], plan: _Plan) -> sa.Select[Any]:
    """The statement, of the plan's categories alone."""
    codes: Sequence[sa.BindParameter[str]] = plan.codes
    column = _hidden(asset.c.category, plan.dialect) if plan.text_first else asset.c.category
    if len(codes) == 1:
        return found.where(column == codes[0])
    return found.where(column.in_(codes)) if codes else found


def _holding_words(found: sa.Select[Any], plan: _Plan) -> sa.Select[Any]:
    """Rows whose text matches the parameter `match`.

    On SQLite the text index is either joined, so that it returns rows in the order of `n` and stops after the first
    page, or it is queried for each row that another index has found.
    """
    if plan.dialect != "sqlite":
        return found.where(matches(asset, plan.dialect))
    match = sa.literal_column("asset_fts").op("MATCH")(sa.bindparam("match", type_=sa.Text))
    if plan.text_first:
        return found.select_from(_FTS.join(asset, asset.c.n == _FTS.c.rowid)).where(match)
    holds = sa.select(sa.literal(1)).select_from(_FTS).where(match, _FTS.c.rowid == asset.c.n)
    return found.where(holds.correlate(asset).exists())


def _hidden(column: sa.Column[T], dialect: str) -> sa.ColumnElement[T]:
    """The column in a form for which SQLite cannot use an index; PostgreSQL has statistics and chooses itself."""
    if dialect != "sqlite":
        return column
    return sa.sql.expression.UnaryExpression(column, operator=custom_op("+"), type_=column.type)
