"""What registering and editing an asset have in common."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.places.gazetteer import nearest_place
from registry.directory.places.outlines import counties, county_at, states
from registry.directory.places.rules import check_location
from registry.directory.taxonomy.funding import check_funding
from registry.directory.taxonomy.plain_words import load_words
from registry.directory.taxonomy.rules import AttributeValue, CategoryStatus, upwards
from registry.directory.taxonomy.tables import capability_type, category, category_closure
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.database.search import cell_token
from registry.platform.kernel.errors import Conflict, RuleBroken
from registry.platform.kernel.geo import Location, cell_of
from registry.platform.kernel.money import Money
from registry.platform.kernel.words import index_words
from registry.platform.ledger.commands import Event, record_many
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.queries import last_events
from registry.resources.assets.certifying import check_certification_days
from registry.resources.assets.identifying import check_identifiers
from registry.resources.assets.queries.columns import SHOWN
from registry.resources.assets.queries.showing import read_by_others
from registry.resources.assets.rules import (
    ROOT_CATEGORY,
)
from registry.resources.assets.schemas.words import ServiceArea
from registry.resources.assets.tables import asset

NEAR_A_TOWN_KM = 25.0
"""How far from an asset a town may be that it is found by."""
_CAPABILITIES = sa.select(capability_type.c.code).where(
    capability_type.c.code.in_(sa.bindparam("codes", type_=sa.Text, expanding=True))
)
_CATEGORY_PATH = (
    sa.select(*(category.c[name] for name in ("code", "parent", "name", "aliases", "types", "agency_id", "status")))
    .select_from(category_closure.join(category, category.c.code == category_closure.c.ancestor))
    .where(category_closure.c.descendant == sa.bindparam("category", type_=sa.Text))
)


@cache
def _synonyms() -> dict[str, tuple[str, ...]]:
    """What else people call the categories, by their codes; names and aliases are in the database."""
    found: dict[str, tuple[str, ...]] = {}
    for word in load_words():
        if word.category is not None and word.source not in ("name", "alias"):
            found[word.category] = (*found.get(word.category, ()), word.phrase)
    return found


class AssetCategory(msgspec.Struct, kw_only=True, frozen=True):
    """A category as an asset needs it: its path up to `any`, the words for it, its published levels.

    The levels are its own, or those of the nearest category above it that is typed.
    """

    code: str
    agency_id: UUID | None
    status: CategoryStatus
    path: frozenset[str]
    words: tuple[str, ...]
    levels: frozenset[int]


async def usable_category(write: Write, code: str, agency_id: UUID) -> AssetCategory:
    """The category, for an asset of the agency that is to be of it from now on.

    Raises RuleBroken for one that is unknown, that no asset can have, that another agency added, or that is retired.
    """
    found = await known_category(write, code)
    if found.agency_id not in (None, agency_id):
        raise RuleBroken.at(
            "Another agency added this category, for its own assets; take the one above it.",
            "unknown_category",
            "another agency's category",
            pointer="/category",
        )
    if found.status == CategoryStatus.RETIRED:
        raise Conflict.at(
            "This category is retired; take another.", "category_retired", "a retired category", pointer="/category"
        )
    return found


async def known_category(write: Write, code: str) -> AssetCategory:
    """The category. Raises RuleBroken for one that is unknown, or that no asset can have."""
    return await write.read_once(("category of an asset", code), lambda: _asked_category(write, code))


async def _asked_category(write: Write, code: str) -> AssetCategory:
    rows = await write.fast(_CATEGORY_PATH, {"category": code})
    by_code = {row.code: row for row in rows}
    if code not in by_code or code == ROOT_CATEGORY:
        raise RuleBroken.at(
            "There is no such category for an asset; GET /v1/categories lists them.",
            "unknown_category",
            "no such category",
            pointer="/category",
        )
    words = tuple(
        word
        for row in rows
        if row.code != ROOT_CATEGORY
        for word in (row.name, *msgspec.json.decode(row.aliases), *_synonyms().get(row.code, ()))
    )
    types = (msgspec.json.decode(by_code[each].types) for each in upwards(code, by_code))
    return AssetCategory(
        code=code,
        agency_id=by_code[code].agency_id,
        status=CategoryStatus(by_code[code].status),
        path=frozenset(by_code),
        words=words,
        levels=frozenset(entry["level"] for entry in next(filter(None, types), ())),
    )


async def check_said(write: Write, said: Mapping[str, Any], home: Location | None) -> None:
    """Whether an asset may say this of itself; `said` may have some of its properties only.

    Raises RuleBroken for an unknown fund, a certification whose days are reversed, an identifier without the form of
    its kind, an area that no state or county is or that has no middle, and a capability that there is not.
    """
    for index, each in enumerate(said.get("certifications", ())):
        check_certification_days(each, f"/certifications/{index}")
    check_identifiers(said.get("identifiers", ()), "/identifiers")
    check_funding(said.get("funding", ()), "/funding")
    area: ServiceArea | None = said.get("service_area")
    if area is not None:
        _check_area(area, home)
    wanted = {
        code: f"/crew/{i}/capabilities/{n}"
        for i, need in enumerate(said.get("crew", ()))
        for n, code in enumerate(need.capabilities)
    }
    if wanted:
        known = {row.code for row in await write.all(_CAPABILITIES, {"codes": [*wanted]})}
        for code, pointer in wanted.items():
            if code not in known:
                raise RuleBroken.at(
                    f"There is no capability {code}; GET /v1/capability-types lists them.",
                    "unknown_capability",
                    "no such capability",
                    pointer=pointer,
                )


def _check_area(area: ServiceArea, home: Location | None) -> None:
    if area.within_km is not None and home is None:
        raise RuleBroken.at(
            "A radius needs its middle: state home_location as well.",
            "area_without_home",
            "needs home_location",
            pointer="/service_area/within_km",
        )
    for name, codes in (("states", area.states), ("counties", area.counties)):
        for index, code in enumerate(codes):
            if code not in _outlines():
                raise RuleBroken.at(
                    f"There is no {'state' if name == 'states' else 'county'} {code}; see GET /v1/places.",
                    "unknown_area",
                    "no such place",
                    pointer=f"/service_area/{name}/{index}",
                )


@cache
def _outlines() -> frozenset[str]:
    """The letters of the states, and the FIPS numbers of the counties."""
    return frozenset(each.state for each in states()) | frozenset(each.code for each in counties())


def search_text(
    name: str,
    description: str,
    tag: str,
    kind: AssetCategory,
    location: Location | None,
    attributes: Mapping[str, AttributeValue],
) -> str:
    """The words under which an asset is found, and its cell.

    They are its own, what it states of itself, those of its category and of the categories above it, and the names of
    the town and county where it is.
    """
    words = index_words(name, tag, *kind.words, description, *_stated(attributes), *_places(location))
    return words if location is None else f"{words} {cell_token(cell_of(location.latitude, location.longitude))}"


def _stated(attributes: Mapping[str, AttributeValue]) -> list[str]:
    """What attributes say in words: a text or choice itself, and the name of what is true. Numbers are no words."""
    found = []
    for name, value in attributes.items():
        if isinstance(value, str):
            found.append(value.replace("_", " "))
        elif value is True:
            found.append(name.replace("_", " "))
    return found


def _places(location: Location | None) -> list[str]:
    if location is None:
        return []
    town = nearest_place(location.latitude, location.longitude, NEAR_A_TOWN_KM)
    county = county_at(location.latitude, location.longitude)
    return [each.name for each in (town, county) if each is not None]


def point_columns(location: Location | None) -> dict[str, object]:
    """The columns of a place. Raises RuleBroken for a point that is a slip; see `check_location`."""
    if location is None:
        return {"latitude": None, "longitude": None, "cell": None}
    check_location(location)
    return {
        "latitude": location.latitude,
        "longitude": location.longitude,
        "cell": cell_of(location.latitude, location.longitude),
    }


def home_columns(home: Location | None) -> dict[str, object]:
    """The columns of where an asset belongs."""
    return {
        "home_latitude": None if home is None else home.latitude,
        "home_longitude": None if home is None else home.longitude,
    }


def rate_columns(rate: Money | None) -> dict[str, object]:
    """The columns of an hourly rate."""
    if rate is None:
        return {"hourly_rate_minor": None, "currency": "USD"}
    return {"hourly_rate_minor": rate.to_minor(), "currency": rate.currency}


async def record_change(
    write: Write,
    caller: Caller,
    event_type: EventType,
    row: Row[Any],
    data: Mapping[str, object],
    affected: Sequence[Row[Any]] = (),
    told: Mapping[str, object] | None = None,
) -> None:
    """Record an asset's next version for its owner, and for each agency with an affected loan what it is `told`.

    It is told in the asset's history, and in that of each of its loans: there it stands behind what happened so far.
    """
    subject = ("asset", row.id, row.version + 1)
    loans: dict[UUID, list[UUID]] = {}
    for each in affected:
        loans.setdefault(each.requesting_agency_id, []).append(each.loan_id)
    last = await last_events(write, [each.loan_id for each in affected])
    events = [Event(type=event_type, subject=subject, agencies=[row.agency_id], data=data)]
    for number, (agency_id, ids) in enumerate(loans.items(), 1):
        both = [row.agency_id, agency_id]
        said = {**(told or {}), "loan_ids": [str(loan_id) for loan_id in ids]}
        events.append(Event(type=EventType.ASSET_LOANS_AFFECTED, subject=subject, agencies=both, data=said, n=number))
        for loan_id in ids:
            version, n = last[loan_id]
            about = {**(told or {}), "asset_id": str(row.id), "asset_event": event_type}
            events.append(
                Event(
                    type=EventType.LOAN_ASSET_AFFECTED,
                    subject=("loan", loan_id, version),
                    agencies=both,
                    data=about,
                    n=n + 1,
                )
            )
    record_many(write, caller, events)


async def store_edited(
    write: Write, caller: Caller, before: Row[Any], values: Mapping[str, object], *, told: bool = False
) -> Row[Any]:
    """Store the asset's next version with these values.

    The version of others than the owner moves where something changed that they read: in the row or, as is `told`, in
    what is listed with it. So they learn nothing of an edit of private identifiers.
    """
    of_others = {"public_changes": asset.c.public_changes + 1, "public_updated_at": caller.now}
    change = asset.update().where(asset.c.id == before.id)
    own = {"version": asset.c.version + 1, "updated_at": caller.now}
    (row,) = await write.all(change.values(**values, **own, **of_others).returning(*SHOWN))
    if not told and read_by_others(before) == read_by_others(row):
        as_before = {name: getattr(before, name) for name in of_others}
        await write.run(change.values(**as_before))  # the asset is locked
    return row
