"""The asset list against a reference that looks at every asset in turn, on random data."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from msgspec import Struct
from msgspec.structs import astuple

from registry.directory.places.gazetteer import nearest_place
from registry.directory.places.outlines import county_at
from registry.directory.taxonomy.plain_words import load_words
from registry.directory.taxonomy.seed import closure, load_categories
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.geo import Location, distance_km
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import query_tokens, tokens
from registry.platform.kernel.time import Window, utc_now
from registry.platform.kernel.words import stem
from registry.resources.allocations.commands import allocate, mark_out
from registry.resources.allocations.occupancy import Hold, free_quantity
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.commands.details import NEAR_A_TOWN_KM
from registry.resources.assets.commands.registering import create_asset
from registry.resources.assets.rules import Sharing
from registry.resources.assets.schemas.given import NewAsset
from registry.resources.assets.schemas.shown import Asset
from registry.resources.assets.tables import asset as asset_table
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

CATEGORIES = ("k9.narcotics", "k9.patrol", "k9", "vehicle.command_post", "communications.radio_cache")
WORDS = ("substation", "north", "Ångström", "K-9", "night", "100%", "o'brien", "river")
UNDER = {(above, below) for above, below in closure(load_categories())}
FACTS = {fact.code: fact for fact in load_categories()}
HOUR = timedelta(hours=1)
START = datetime(2033, 1, 1, tzinfo=UTC)
CENTRES = ((44.98, -93.27), (-17.7, 179.9), (-16.6, -179.8), (71.3, -156.8))


class Kept(Struct, kw_only=True, frozen=True):
    """One asset of the reference and what is held of it."""

    asset: Asset
    status: str
    holds: list[Hold]


class World(Struct, kw_only=True, frozen=True):
    """Random assets of four agencies, the marker in their names, and who is covered for what."""

    marker: str
    kept: dict[str, Kept]
    covered: dict[UUID, tuple[str, ...]]
    cast: Cast

    async def found(self, **query: object) -> list[str]:
        """What the requesting agency's coordinator finds of this world, page by page."""
        seen: list[str] = []
        asked = {"limit": 200, **query}
        path = f"/v1/assets?{urlencode({k: str(v).lower() if v is True else v for k, v in asked.items()})}"
        while path:
            response = await self.cast.requesting.coordinator.get(path)
            assert response.status_code == 200, response.text
            seen += [item["id"] for item in response.json()["items"]]
            path = response.links["next"]["url"] if "next" in response.links else ""
        assert len(seen) == len(set(seen)), "no asset comes twice"
        return [asset_id for asset_id in seen if asset_id in self.kept]

    def expected(self, *conditions: Callable[[Kept], bool]) -> set[str]:
        """The visible ones that meet every condition."""
        return {
            asset_id
            for asset_id, one in self.kept.items()
            if self.visible(one) and all(condition(one) for condition in conditions)
        }

    def visible(self, one: Kept) -> bool:
        """Own, network, or agreement with a partner."""
        owner = one.asset.agency.id
        if owner == self.cast.requesting.id or one.asset.sharing == "network":
            return True
        return one.asset.sharing == "agreement" and owner in self.covered

    def lendable(self, one: Kept) -> bool:
        """Covered for the requesting agency now."""
        covered = self.covered.get(one.asset.agency.id, ())
        return (
            one.status == "in_service"
            and one.asset.sharing != "private"
            and any((above, one.asset.category) in UNDER for above in covered)
        )


def caller_of(agency_id: UUID) -> Caller:
    principal = Principal(
        subject="filler",
        agency_id=agency_id,
        roles=frozenset({Role.AGENCY_ADMIN}),
        scopes=frozenset({"*"}),
        token_id="filler",
        issuer="test",
    )
    return Caller(principal=principal, now=utc_now(), trace_id="filler")


@pytest.fixture
async def world(service: Service, cast: Cast) -> World:
    chance = random.Random(20_261)
    marker = f"world{uuid4().hex[:10]}"
    database = service.database
    await sign_agreement(service, cast.requesting, cast.assisting, terms={"categories": ["k9"]})
    few = {"categories": ["vehicle.command_post", "k9.patrol"]}
    await sign_agreement(service, cast.neighbour, cast.requesting, terms=few)
    long_over = today() - timedelta(days=2)
    await sign_agreement(service, cast.requesting, cast.stranger, expires_on=long_over)
    owners = [cast.assisting.id, cast.neighbour.id, cast.stranger.id, cast.requesting.id]
    kept: dict[str, Kept] = {}
    async with unit_of_work(database) as write:
        for _ in range(160):
            latitude, longitude = chance.choice(CENTRES)
            east = (longitude + chance.uniform(-2, 2) + 180) % 360 - 180
            place = Location(latitude=latitude + chance.uniform(-1, 1), longitude=east)
            category = chance.choice(CATEGORIES)
            made = await create_asset(
                write,
                caller_of(chance.choice(owners)),
                NewAsset(
                    category=category,
                    name=f"{marker} {chance.choice(WORDS)} {chance.choice(WORDS)}",
                    description=" ".join(chance.sample(WORDS, 2)),
                    type_level=chance.choice([None, 1, 2, 3, 4]),
                    capacity=40 if category == "communications.radio_cache" else 1,
                    sharing=chance.choice([Sharing.PRIVATE, Sharing.AGREEMENT, Sharing.AGREEMENT, Sharing.NETWORK]),
                    location=None if chance.random() < 0.1 else place,
                ),
            )
            holds: list[Hold] = []
            now = utc_now()
            if chance.random() < 0.1:
                late = new_id()
                await hold(write, cast, made, late, Window(start=now - 9 * HOUR, end=now - HOUR), 1, now - 9 * HOUR)
                await mark_out(write, await lock_for_booking(write, made.id), late, now - 9 * HOUR)
                holds.append((now - 9 * HOUR, None, 1))
            elif made.capacity == 1:
                for day in chance.sample(range(10), chance.randrange(4)):
                    when = Window(start=START + day * 24 * HOUR, end=START + (day + 1) * 24 * HOUR)
                    await hold(write, cast, made, new_id(), when, 1, now)
                    holds.append((when.start, when.end, 1))
            else:
                for _ in range(chance.randrange(6)):
                    begins, quantity = chance.randrange(200), chance.randrange(1, 8)
                    when = Window(start=START + begins * HOUR, end=START + (begins + chance.randrange(1, 90)) * HOUR)
                    await hold(write, cast, made, new_id(), when, quantity, now)
                    holds.append((when.start, when.end, quantity))
            status = chance.choice(["in_service"] * 4 + ["out_of_service"])
            await write.run(asset_table.update().where(asset_table.c.id == made.id).values(service_status=status))
            kept[str(made.id)] = Kept(asset=made, status=status, holds=holds)
    covered = {cast.assisting.id: ("k9",), cast.neighbour.id: ("vehicle.command_post", "k9.patrol")}
    return World(marker=marker, kept=kept, covered=covered, cast=cast)


async def hold(
    write: Any, cast: Cast, made: Asset, loan_id: UUID, window: Window, quantity: int, now: datetime
) -> None:
    await allocate(
        write,
        await lock_for_booking(write, made.id),
        allocation_id=new_id(),
        loan_id=loan_id,
        quantity=quantity,
        window=window,
        requesting_agency_id=cast.neighbour.id,
        assisting_agency_id=made.agency.id,
        now=now,
    )


def under(category: str) -> Callable[[Kept], bool]:
    return lambda one: (category, one.asset.category) in UNDER


def is_in(status: str) -> Callable[[Kept], bool]:
    return lambda one: one.status == status


def is_shared(sharing: str) -> Callable[[Kept], bool]:
    return lambda one: one.asset.sharing == sharing


def is_typed(at_least: int) -> Callable[[Kept], bool]:
    return lambda one: one.asset.type_level is not None and one.asset.type_level <= at_least


def is_of(agency_id: UUID) -> Callable[[Kept], bool]:
    return lambda one: one.asset.agency.id == agency_id


def says(text: str) -> Callable[[Kept], bool]:
    """The words of the asset, its tag, its category and everything above that but the root, and of where it is."""

    def met(one: Kept) -> bool:
        above = [FACTS[a] for a, below in UNDER if below == one.asset.category and a != "any"]
        words = set(tokens(" ".join([one.asset.name, one.asset.description, one.asset.tag])))
        words |= set(tokens(" ".join(word for fact in above for word in (fact.name, *fact.aliases))))
        codes = {fact.code for fact in above}
        words |= {word for each in load_words() if each.category in codes for word in tokens(each.phrase)}
        if (point := one.asset.location) is not None:
            places = nearest_place(point.latitude, point.longitude, NEAR_A_TOWN_KM), county_at(*astuple(point))
            words |= {word for place in places if place is not None for word in tokens(place.name)}
        return set(map(stem, query_tokens(text))) <= set(map(stem, words))

    return met


def within(latitude: float, longitude: float, km: float) -> Callable[[Kept], bool]:
    def met(one: Kept) -> bool:
        place = one.asset.location
        if place is None:
            return False
        away = distance_km(latitude, longitude, place.latitude, place.longitude)
        assert abs(away - km) > km / 200, "on the edge: choose another radius"
        return away <= km

    return met


def free(start: datetime, end: datetime, quantity: int) -> Callable[[Kept], bool]:
    return lambda one: (
        one.status == "in_service" and free_quantity(one.asset.capacity, one.holds, (start, end)) >= quantity
    )


async def test_every_filter_finds_what_looking_at_each_asset_finds(world: World) -> None:
    """One filter at a time, then random combinations of them, each plan included."""
    chance = random.Random(4)
    choices: list[list[tuple[dict[str, object], Callable[[Kept], bool]]]] = [
        [({"category": c}, under(c)) for c in ("k9", "k9.narcotics", "any", "communications", "vehicle", "lab")],
        [({"service_status": s}, is_in(s)) for s in ("in_service", "out_of_service", "retired")],
        [({"sharing": s}, is_shared(s)) for s in ("private", "agreement", "network")],
        [({"type_at_least": n}, is_typed(n)) for n in (1, 2, 4)],
        [
            ({"agency_id": a.id}, is_of(a.id))
            for a in (world.cast.assisting, world.cast.stranger, world.cast.requesting)
        ],
        [({"q": f"{world.marker} {w}"}, says(f"{world.marker} {w}")) for w in ("K9", "north river", "canine", "100%")],
        [
            ({"latitude": a, "longitude": o, "within_km": r}, within(a, o, r))
            for (a, o), r in zip(CENTRES, (80, 61.7, 120, 43), strict=True)
        ],
        [
            (
                {"available_from": _text(START + a * HOUR), "available_to": _text(START + b * HOUR), "quantity": u},
                free(START + a * HOUR, START + b * HOUR, u),
            )
            for a, b, u in ((0, 48, 1), (24, 25, 1), (30, 200, 25), (60, 61, 38), (0, 500, 40))
        ],
        [({"lendable": True}, world.lendable), ({"lendable": "false"}, lambda one: not world.lendable(one))],
    ]
    rounds = [[option] for dimension in choices for option in dimension]
    rounds += [[chance.choice(d) for d in chance.sample(choices, chance.randrange(2, 5))] for _ in range(150)]
    hits = 0
    for options in rounds:
        query = {name: value for asked, _ in options for name, value in asked.items()}
        expected = world.expected(*(met for _, met in options))
        assert set(await world.found(**query)) == expected, query
        hits += len(expected)
    assert hits > 1000, "the questions must have answers"


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_pages_of_every_plan_follow_one_another_in_order(world: World) -> None:
    """The newest first without a point, by distance with one; small pages find the same as one large page."""
    point = {"latitude": -17.7, "longitude": 179.9, "within_km": 400}
    for asked in (
        {"category": "k9"},
        {"category": "k9.narcotics"},
        {"q": world.marker},
        {"q": world.marker, "category": "k9"},
        {"agency_id": world.cast.assisting.id},
        {"q": world.marker, **point},
        {"category": "any", **point},
        {"category": "k9", **point, "lendable": True},
    ):
        whole = await world.found(**asked)
        assert await world.found(**asked, limit=7) == whole
        if "latitude" in asked:
            places = [world.kept[one].asset.location for one in whole]
            away = [distance_km(-17.7, 179.9, p.latitude, p.longitude) for p in places if p is not None]
            assert all(near <= far * 1.002 for near, far in pairwise(away)), asked
        else:
            assert whole == [one for one in reversed(world.kept) if one in whole], asked
            assert await world.found(**asked, limit=7, sort="created_at") == whole[::-1], asked


@pytest.mark.parametrize("asked", ["K9", "k-9", "canine", "Canine narcotics", "drug dog", "NARCOTIC*", "police dog"])
async def test_a_k9_team_is_found_by_every_name_of_its_kind(cast: Cast, asked: str) -> None:
    asset = await make_asset(cast.assisting, name="Team 7 (demo)")
    query = urlencode({"q": asked, "agency_id": str(cast.assisting.id)})
    found = await cast.assisting.coordinator.done("GET", f"/v1/assets?{query}")
    assert [item["id"] for item in found["items"]] == [asset["id"]]


@pytest.mark.parametrize(
    "words", ['50% "quoted"', "o'brien's", "a & b | !c", "x:* (y)", "near or and not", "naïve façade", "under_score"]
)
async def test_words_are_words_whatever_signs_stand_among_them(cast: Cast, words: str) -> None:
    marker = f"signs{uuid4().hex[:10]}"
    asset = await make_asset(cast.assisting, name=f"{marker} {words}")
    other = await make_asset(cast.assisting, name=f"{marker} nothing of the kind")
    for query in ({"q": f"{marker} {words}"}, {"q": f"{marker} {words}", "agency_id": str(cast.assisting.id)}):
        found = await cast.assisting.coordinator.done("GET", f"/v1/assets?{urlencode(query)}")
        ids = [item["id"] for item in found["items"]]
        assert asset["id"] in ids
        assert other["id"] not in ids


async def test_a_changed_asset_is_found_by_its_new_words_and_place_only(cast: Cast) -> None:
    before, after = f"before{uuid4().hex[:10]}", f"after{uuid4().hex[:10]}"
    asset = await make_asset(cast.assisting, name=before)
    path = f"/v1/assets/{asset['id']}"
    admin = cast.assisting.admin
    edit = {"name": after, "location": {"latitude": 10, "longitude": 10}}
    await admin.done("PATCH", path, edit, if_match=(await admin.get(path)).headers["etag"])
    here, there = "latitude=44.98&longitude=-93.27&within_km=50", "latitude=10&longitude=10.1&within_km=50"
    for query, count in (
        (f"q={before}", 0),
        (f"q={after}", 1),
        (f"q={after}&{here}", 0),
        (f"q={after}&{there}", 1),
        (f"agency_id={cast.assisting.id}&{here}", 0),
        (f"agency_id={cast.assisting.id}&category=k9&{there}", 1),
    ):
        assert len((await admin.done("GET", f"/v1/assets?{query}"))["items"]) == count, query


async def test_distance_is_told_across_the_antimeridian(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, location={"latitude": -17.0, "longitude": -179.95})
    query = f"latitude=-17&longitude=179.95&within_km=30&agency_id={cast.assisting.id}"
    found = await cast.assisting.coordinator.done("GET", f"/v1/assets?{query}")
    assert [item["id"] for item in found["items"]] == [asset["id"]]
    assert found["items"][0]["distance_km"] == pytest.approx(distance_km(-17, 179.95, -17, -179.95), abs=0.2)


async def test_many_assets_are_asked_for_by_their_ids(cast: Cast) -> None:
    one, two, three = [await make_asset(cast.assisting, sharing="network") for _ in range(3)]
    hidden = await make_asset(cast.assisting, sharing="private")
    query = f"ids={one['id']}&ids={three['id']}&ids={hidden['id']}&ids={uuid4()}"

    async def found(more: str) -> list[str]:
        page = await cast.stranger.coordinator.done("GET", f"/v1/assets?{query}{more}")
        return [item["id"] for item in page["items"]]

    assert await found("") == [three["id"], one["id"]]
    assert await found("&sort=created_at") == [one["id"], three["id"]]
    for more in (f"&agency_id={cast.assisting.id}", f"&category={one['category']}", "&q=team", "&category=k9"):
        assert two["id"] not in await found(more), more
    assert await found(f"&agency_id={cast.stranger.id}") == []
    row = (await cast.stranger.coordinator.done("GET", f"/v1/assets?{query}&sort=created_at"))["items"][0]
    assert (row["version"], row["updated_at"]) == (one["version"], one["updated_at"])
    too_many = "&".join(f"ids={uuid4()}" for _ in range(101))
    assert_problem(await cast.stranger.coordinator.get(f"/v1/assets?{too_many}"), 400, "invalid_parameter")


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("category=k9.nonsense", 422, "category"),
        ("type_at_least=5", 400, "type_at_least"),
        ("latitude=1&longitude=2", 422, "within_km"),
        ("within_km=501&latitude=1&longitude=2", 400, "within_km"),
        ("available_from=2031-01-01T00:00:00Z", 422, "available_to"),
        ("quantity=2", 422, "available_to"),
        ("available_from=2031-01-02T00:00:00Z&available_to=2031-01-01T00:00:00Z", 422, "available_to"),
        ("lendable=yes", 400, "lendable"),
        ("q=%25%25", 422, "q"),
        ("cursor=W10", 422, "cursor"),
        ("cursor=WyJhIl0", 422, "cursor"),
        ("sharing=public", 400, "sharing"),
        ("color=red", 400, "color"),
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused_by_name(
    cast: Cast, query: str, status: int, parameter: str
) -> None:
    problem = assert_problem(await cast.assisting.coordinator.get(f"/v1/assets?{query}"), status)
    assert problem["errors"][0]["parameter"] == parameter
