"""The list of packages."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Rows
from registry.platform.http.paging import CHANGED, Orders, asked_window, changed_in, given
from registry.platform.http.searching import search_words
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.geo import distance_km
from registry.platform.kernel.time import Window
from registry.platform.kernel.words import AS_WRITTEN, Sought
from registry.resources.allocations.queries import free_in_window
from registry.resources.assets.queries.asking import descendants
from registry.resources.assets.queries.keeping import Wanted, held_back_among
from registry.resources.assets.queries.visibility import package_visible
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.tables import asset, package, package_member
from registry.resources.certificates.queries import handler_free
from registry.resources.packages.queries.getting import SHOWN
from registry.resources.packages.schemas import PackagePage, PackageQuery, PackageSummary

_ORDERS = Orders(
    PackageQuery,
    created_at=package.c.id,
    updated_at=(package.c.updated_at, package.c.id),
    name=(package.c.name_key, package.c.id),
)
_FILTERS = ("agency_id", "asset_id", "status", "sharing", *CHANGED, "ids")
MOST_KEPT = 256
BLOCKED = "blocked"
"""A criterion that no query has: a member of the package is not free in the window."""
_COUNT = (
    sa.select(sa.func.count()).where(package_member.c.package_id == package.c.id).correlate(package).scalar_subquery()
)

_MEMBERS = (
    sa.select(package_member.c.package_id, package_member.c.asset_id, package_member.c.quantity, asset.c.category)
    .join(asset, asset.c.id == package_member.c.asset_id)
    .where(package_member.c.package_id.in_(sa.bindparam("packages", type_=package.c.id.type, expanding=True)))
)


_PLACES = (
    sa.select(package_member.c.package_id, asset.c.latitude, asset.c.longitude)
    .join(asset, asset.c.id == package_member.c.asset_id)
    .where(
        package_member.c.package_id.in_(sa.bindparam("packages", type_=package.c.id.type, expanding=True)),
        asset.c.latitude.is_not(None),
    )
)


def _with_member(*criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A criterion: an asset in the package meets all of these."""
    return (
        sa.select(sa.literal(1))
        .select_from(package_member.join(asset, asset.c.id == package_member.c.asset_id))
        .where(package_member.c.package_id == package.c.id, *criteria)
        .correlate(package)
        .exists()
    )


def member_free() -> sa.ColumnElement[bool]:
    """A criterion: the member is in service, and as many of it as belong to the package are free in the window."""
    return sa.and_(
        asset.c.service_status == ServiceStatus.IN_SERVICE.value,
        free_in_window(asset.c.id, asset.c.capacity, package_member.c.quantity),
        handler_free(asset.c.id, asset.c.category),
    )


def _says(number: int) -> sa.ColumnElement[bool]:
    """A criterion: the text of the package, or of an asset in it, has that word, in either form (`_patterns`)."""
    forms = [sa.bindparam(f"{form}_{number}", type_=sa.Text) for form in ("word", "other_form")]
    blank = sa.literal_column("' '", sa.Text)

    def has_it(text: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        padded = blank + text + blank
        return sa.or_(*(padded.like(form) for form in forms))

    return sa.or_(has_it(package.c.search_text), _with_member(has_it(asset.c.search_text)))


@lru_cache(maxsize=MOST_KEPT)
def _statement(filters: frozenset[str], words: int, sort: str) -> sa.Select[Any]:
    """The statement for one combination of filters, and a number of words."""
    its = package.c
    criteria: dict[str, sa.ColumnElement[bool]] = {
        "status": its.status.in_(sa.bindparam("status", expanding=True)),
        "sharing": its.sharing.in_(sa.bindparam("sharing", type_=sa.Text, expanding=True)),
        "agency_id": its.agency_id == sa.bindparam("agency_id", type_=its.agency_id.type),
        "ids": its.id.in_(sa.bindparam("ids", type_=its.id.type, expanding=True)),
        "asset_id": _with_member(asset.c.id == sa.bindparam("asset_id", type_=asset.c.id.type)),
        "category": _with_member(asset.c.category.in_(sa.bindparam("categories", type_=sa.Text, expanding=True))),
        "window": sa.not_(_with_member(sa.not_(member_free()))),
        BLOCKED: _with_member(sa.not_(member_free())),
    }
    found = (
        sa.select(*SHOWN, agency.c.name.label("agency_name"), _COUNT.label("member_count"))
        .join(agency, agency.c.id == its.agency_id)
        .where(package_visible(), *(criteria[name] for name in sorted(filters - {"cursor", *CHANGED})))
        .where(*changed_in(package.c.updated_at, filters))
        .where(*(_says(i) for i in range(words)))
    )
    return _ORDERS.page(found, sort, after="cursor" in filters)


async def list_packages(read: Read, caller: Caller, query: PackageQuery) -> PackagePage:
    """A page of packages that the caller may see.

    Raises RuleBroken for an unknown category, half a window, words that are none, or another list's cursor.
    """
    found: list[Row[Any]] = []
    begun: PackageQuery | None = query
    while begun is not None and len(found) <= query.limit:
        rows, next_cursor = _ORDERS.cut(await package_rows(read, caller, begun), begun)
        held = await held_back_of(read, caller, query, rows)
        found += [row for row in rows if row.id not in held]
        begun = None if next_cursor is None else msgspec.structs.replace(query, cursor=next_cursor)
    kept, next_cursor = _ORDERS.cut(found, query)
    return PackagePage(items=[_summary(row) for row in kept], next_cursor=next_cursor)


async def package_rows(read: Read, caller: Caller, query: PackageQuery, *, blocked: bool = False) -> Rows:
    """One row more than the page has; with `blocked` of those that meet all but the window. Raises RuleBroken."""
    parameters = given(query, *_FILTERS)
    filters = set(parameters)
    if query.category is not None:
        filters.add("category")
        parameters["categories"] = await descendants(read, query.category)
    if query.available_from is not None or query.available_to is not None:
        filters.add(BLOCKED if blocked else "window")
        parameters |= _window(query)
    words = [] if query.q is None else _patterns(search_words(query.q))
    for i, forms in enumerate(words):
        parameters |= {f"word_{i}": forms[0], f"other_form_{i}": forms[1]}
    if query.cursor is not None:
        filters.add("cursor")
    parameters |= {"viewer": caller.agency_id, "at": caller.now, **_ORDERS.parameters(query)}
    return await read.all_slowly(_statement(frozenset(filters), len(words), query.sort), parameters)


def _summary(row: Row[Any]) -> PackageSummary:
    return PackageSummary(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        name=row.name,
        description=row.description,
        sharing=row.sharing,
        status=row.status,
        member_count=row.member_count,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def held_back_of(read: Read, caller: Caller, query: PackageQuery, packages: Sequence[Row[Any]]) -> set[UUID]:
    """Those of these packages that their owners hold back in the window: each asset is free, and not all at once."""
    if query.available_from is None or query.available_to is None or not packages:
        return set()
    quantities: dict[UUID, dict[UUID, int]] = {}
    categories: dict[UUID, set[str]] = {}
    for row in await read.all(_MEMBERS, {"packages": [each.id for each in packages]}):
        quantities.setdefault(row.package_id, {})[row.asset_id] = row.quantity
        categories.setdefault(row.package_id, set()).add(row.category)
    wanted = [
        Wanted(owner=each.agency_id, quantities=quantities.get(each.id, {}), categories=categories.get(each.id, ()))
        for each in packages
    ]
    window = Window(start=query.available_from, end=query.available_to)
    held = await held_back_among(read, caller.agency_id, wanted, window, caller.now)
    return {each.id for each, kept in zip(packages, held, strict=True) if kept}


async def distances_of(
    read: Read, packages: Sequence[PackageSummary], latitude: float, longitude: float
) -> dict[UUID, float]:
    """How far each of these packages is from a point: as far as the farthest of its assets of which a place is known.

    All of it leaves together. Those of which no place is known are left out.
    """
    found: dict[UUID, float] = {}
    if packages:
        for row in await read.all(_PLACES, {"packages": [each.id for each in packages]}):
            away = distance_km(latitude, longitude, row.latitude, row.longitude)
            found[row.package_id] = max(away, found.get(row.package_id, 0.0))
    return found


def _window(query: PackageQuery) -> dict[str, object]:
    if query.available_from is None or query.available_to is None:
        raise RuleBroken.at(
            "A search for what is free needs available_from and available_to.",
            "incomplete_window",
            "give both ends of the window",
            parameter="available_to",
        )
    window = asked_window(query.available_from, query.available_to, "available_from", "available_to")
    return {"start": window.start, "end": window.end}


def _patterns(sought: Sought) -> list[tuple[str, str]]:
    """What `LIKE` finds each word, beginning and phrase by, in two forms; no sign in them means something there.

    A word is its stem; a beginning is one of a stem, or of a word as it is written; a phrase has compounds as wholes,
    or in their parts.
    """
    words = [(f"% {word} %", f"% {word} %") for word in sought.stems]
    beginnings = [(f"% {word}%", f"% {AS_WRITTEN}{word}%") for word in sought.beginnings]
    phrases = [(f"% {' '.join(each.wholes)} %", f"% {' '.join(each.parts)} %") for each in sought.phrases]
    return words + beginnings + phrases
