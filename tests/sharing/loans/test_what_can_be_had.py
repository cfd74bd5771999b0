"""What the catalogue says can be had is what a reservation gets, and nobody reads private stock out of it."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec import Struct

from registry.platform.kernel.time import Window, civil_day
from registry.resources.allocations.rules import whole_weeks
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, ZONE, Agency, Cast, make_cast
from tests.support.loans import Partners, make_loan, make_partners
from tests.support.packages import asked_whole, make_package
from tests.support.personnel import enter_person
from tests.support.policy import make_decision, window_of
from tests.support.problems import assert_problem
from tests.support.service import Service

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def keep(owner: Agency, quantity: int, category: str = "k9", **fields: Any) -> dict[str, Any]:
    body = {"category": category, "quantity": quantity, "effective_on": "2020-01-01", "reason": "For calls (demo)."}
    made: dict[str, Any] = await owner.coordinator.done("POST", "/v1/reserve-minimums", {**body, **fields})
    return made


def between(window: Window) -> str:
    return f"from={window.start:%Y-%m-%dT%H:%M:%SZ}&to={window.end:%Y-%m-%dT%H:%M:%SZ}"


async def availability(
    reader: Agency, thing: dict[str, Any], window: Window, kind: str = "assets", **asked: Any
) -> dict[str, Any]:
    also = "".join(f"&{name}={value}" for name, value in asked.items())
    path = f"/v1/{kind}/{thing['id']}/availability?{between(window)}{also}"
    found: dict[str, Any] = await reader.coordinator.done("GET", path)
    return found


async def reserve(partners: Partners, asset: dict[str, Any], window: Window, quantity: int = 1) -> Any:
    decision = await make_decision(partners.requesting, asset, window=window, quantity=quantity)
    return await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})


async def certify(owner: Agency, dog: dict[str, Any], handler: dict[str, Any]) -> None:
    body = {
        "discipline": "k9.narcotics",
        "issuer": "NPCA",
        "number": f"DEMO-{uuid4().hex[:6]}",
        "issued_on": "2026-01-15",
        "expires_on": str(LONG_AHEAD),
        "handler_id": handler["id"],
    }
    await owner.admin.done("POST", f"/v1/assets/{dog['id']}/certificates", body)


async def test_a_package_of_which_too_much_would_leave_is_not_called_free(partners: Partners) -> None:
    """Each dog alone can go, and not both: one has to stay."""
    owner, window = partners.assisting, window_of()
    dogs = [await make_asset(owner) for _ in range(2)]
    pair = await make_package(owner, *dogs)
    await keep(owner, 1)
    third = await make_loan(partners, asset=await make_asset(owner), window=window)
    free = f"available_from={window.start:%Y-%m-%dT%H:%M:%SZ}&available_to={window.end:%Y-%m-%dT%H:%M:%SZ}"
    for reader in (owner, partners.requesting):
        seen = await availability(reader, pair, window, "packages")
        assert [each["free_quantity"] for each in seen["members"]] == [1, 1]
        assert (seen["free"], seen["held_back"]) == (False, True)
        assert seen["next_free"] == f"{window.end:%Y-%m-%dT%H:%M:%SZ}", "when the third one is back"
        listed = await reader.coordinator.done("GET", f"/v1/packages?agency_id={owner.id}&{free}")
        assert (listed["items"], listed["next_cursor"]) == ([], None), "the list finds what is free, and no other"
        sentence = f"/v1/search?q={pair['name']}&agency_id={owner.id}&{free}"
        found = (await reader.coordinator.done("GET", sentence))["packages"]
        assert (found["items"], [each["id"] for each in found["left_out"]]) == ([], [pair["id"]])
        assert found["left_out"][0]["blocked_by"] == []
        assert "keeps so many at home" in found["left_out"][0]["said"]
    refused = assert_problem(await asked_whole(partners, pair, window=window), 409, "package_blocked")
    assert [each["code"] for each in refused["blocked"]] == ["under_reserve_minimum"]
    await owner.coordinator.done("POST", f"/v1/loans/{third['id']}/cancel", {"reason": "Not needed (demo)."})
    seen = await availability(partners.requesting, pair, window, "packages")
    assert (seen["free"], seen["held_back"]) == (True, False)
    listed = await partners.requesting.coordinator.done("GET", f"/v1/packages?agency_id={owner.id}&{free}")
    assert [each["id"] for each in listed["items"]] == [pair["id"]]
    assert (await asked_whole(partners, pair, window=window)).status_code == 201


@pytest.mark.second_long
async def test_handlers_who_take_turns_are_nobody_for_the_whole_time(partners: Partners) -> None:
    """Somebody is free at any moment, and nobody throughout: neither the dog nor its package can go."""
    owner, window = partners.assisting, window_of()
    dog, first, second = [await make_asset(owner, certifications=[]) for _ in range(3)]
    boat = await make_asset(owner, category="vessel.dive_boat", type_level=None, certifications=[])
    both = await make_package(owner, dog, boat)
    middle = window.start + (window.end - window.start) / 2
    turns = {0: Window(start=window.start, end=middle), 1: Window(start=middle, end=window.end)}
    for number, own in enumerate((first, second)):
        handler = await enter_person(owner)
        for each in (dog, own):
            await certify(owner, each, handler)
        await make_loan(partners, asset=own, window=turns[number])
    for reader in (owner, partners.requesting):
        seen = await availability(reader, dog, window)
        assert (seen["free_quantity"], len(seen["blocking"])) == (0, 1)
        assert seen["next_free"] == f"{middle:%Y-%m-%dT%H:%M:%SZ}", "the first handler has all the time then"
        whole = await availability(reader, both, window, "packages")
        assert (whole["free"], whole["held_back"], whole["next_free"]) == (False, False, seen["next_free"])
    assert_problem(await reserve(partners, dog, window), 409, "personnel_not_free")
    assert_problem(await asked_whole(partners, both, window=window), 409, "package_blocked")
    later = Window(start=middle, end=middle + (window.end - window.start))
    assert (await availability(owner, dog, later))["free_quantity"] == 1
    assert (await reserve(partners, dog, later)).status_code == 201


async def test_two_minimums_that_count_an_asset_do_not_add_up(partners: Partners) -> None:
    """Of six dogs four stay, and of narcotics dogs, which all of them are, three: so two can go."""
    owner, window = partners.assisting, window_of()
    dogs = await make_asset(owner, capacity=6)
    await keep(owner, 4)
    await keep(owner, 3, "k9.narcotics")
    for reader in (owner, partners.requesting):
        assert (await availability(reader, dogs, window, quantity=2))["free_quantity"] == 2
    assert_problem(await reserve(partners, dogs, window, 3), 409, "under_reserve_minimum")
    assert (await reserve(partners, dogs, window, 2)).status_code == 201


@pytest.mark.second_long
async def test_pages_of_packages_that_are_free_are_full_however_many_are_held_back(partners: Partners) -> None:
    """Of pairs of dogs all but the first are held back: whoever pages by one finds it, and no empty page."""
    owner, window = partners.assisting, window_of()
    boats = [await make_asset(owner, category="vessel.dive_boat", type_level=None, certifications=[]) for _ in range(4)]
    free = [await make_package(owner, *boats[:2])]
    dogs = [await make_asset(owner) for _ in range(2)]
    held_back = [await make_package(owner, *dogs) for _ in range(3)]
    free.append(await make_package(owner, *boats[2:]))
    await keep(owner, 1)
    between = f"available_from={window.start:%Y-%m-%dT%H:%M:%SZ}&available_to={window.end:%Y-%m-%dT%H:%M:%SZ}"
    path: str | None = f"/v1/packages?agency_id={owner.id}&limit=1&{between}"
    pages = []
    while path is not None:
        page = await partners.requesting.coordinator.get(path)
        pages.append([each["id"] for each in page.json()["items"]])
        path = page.links["next"]["url"] if "next" in page.links else None
    assert pages == [[each["id"]] for each in reversed(free)]
    assert not {each["id"] for each in held_back} & {one for page in pages for one in page}


async def test_slots_of_a_laboratory_are_held_back_by_the_week_too(partners: Partners) -> None:
    """A minimum from the Thursday on keeps the slots of that week, since a slot is of the whole week."""
    owner, now = partners.assisting, window_of(start_in_hours=30 * 24)
    week = whole_weeks(Window(start=now.start, end=now.start + HOUR), ZONE)
    lab = await make_asset(owner, category="lab.dna", capacity=2, type_level=None, certifications=[])
    thursday = week.start + 3 * DAY + 6 * HOUR
    await keep(owner, 2, "lab", effective_on=str(civil_day(thursday, ZONE)))
    monday = Window(start=week.start + 9 * HOUR, end=week.start + 17 * HOUR)
    before = Window(start=monday.start - 7 * DAY, end=monday.end - 7 * DAY)
    when = "available_from={:%Y-%m-%dT%H:%M:%SZ}&available_to={:%Y-%m-%dT%H:%M:%SZ}"
    for window, left in ((monday, 0), (before, 2)):
        seen = await availability(partners.requesting, lab, window)
        assert (seen["free_quantity"], [each["free_quantity"] for each in seen["weeks"]]) == (left, [left])
        query = f"agency_id={owner.id}&{when.format(window.start, window.end)}"
        (listed,) = (await partners.requesting.coordinator.done("GET", f"/v1/assets?{query}"))["items"]
        assert listed["held_back"] is (left == 0)
    assert_problem(await reserve(partners, lab, monday), 409, "under_reserve_minimum")
    assert (await reserve(partners, lab, before)).status_code == 201


async def test_lists_counts_and_files_say_alike_what_is_held_back(partners: Partners) -> None:
    owner, reader, window = partners.assisting, partners.requesting, window_of()
    dogs = [await make_asset(owner, sharing="network", name=f"Dog {n}") for n in range(3)]
    ends = tuple(f"{end:%Y-%m-%dT%H:%M:%SZ}" for end in (window.start, window.end))
    query = f"available_from={ends[0]}&available_to={ends[1]}&category=k9&agency_id={owner.id}"

    async def seen() -> tuple[Any, ...]:
        page = await reader.coordinator.done("GET", f"/v1/assets?{query}&include=total&facets=category,agency")
        marked = [each["held_back"] for each in page["items"]]
        file = (await reader.coordinator.get(f"/v1/assets.ndjson?{query}")).text
        exported = [word == "true" for word in re.findall(r'"held_back":(true|false)', file)]
        found = await reader.coordinator.done(
            "GET", f"/v1/search?q=3 dogs&agency_id={owner.id}&available_from={ends[0]}&available_to={ends[1]}"
        )
        facets = [value["held_back"]["count"] for facet in page["facets"] for value in facet["values"]]
        return (
            sum(marked),
            sum(exported),
            page["total"]["held_back"]["count"],
            facets,
            sorted(each["free_quantity"] for each in found["results"]["items"]),
            found["results"]["free_in_all"]["free"],
        )

    assert await seen() == (0, 0, 0, [0, 0], [1, 1, 1], 3)
    await keep(owner, 2)
    assert await seen() == (0, 0, 0, [0, 0], [1, 1, 1], 1), "each alone can go, and one of them in all"
    await make_loan(partners, asset=dogs[0], window=window)
    assert await seen() == (2, 2, 2, [2, 2], [0, 0], 0)
    page = await reader.coordinator.done("GET", f"/v1/assets?agency_id={owner.id}&include=total&facets=state")
    assert page["total"]["held_back"] is None, "nothing is held back at no time"


class World(Struct, kw_only=True, frozen=True):
    """An agency that shares two dogs and a package of them, with whoever reads of it."""

    partners: Partners
    dogs: list[dict[str, Any]]
    pair: dict[str, Any]
    feeds: list[str]

    async def read(self, window: Window) -> dict[str, str]:
        """All that its partner and a stranger read of what can be had, without what names this world alone."""
        owner = self.partners.assisting
        ends = tuple(f"{end:%Y-%m-%dT%H:%M:%SZ}" for end in (window.start, window.end))
        when = f"agency_id={owner.id}&available_from={ends[0]}&available_to={ends[1]}"
        paths = [
            f"/v1/assets?{when}&include=total,left_out&facets=category,agency,state",
            f"/v1/assets?agency_id={owner.id}&include=total",
            f"/v1/packages?{when}",
            f"/v1/packages/{self.pair['id']}/availability?{between(window)}",
            f"/v1/search?q=2 dogs&{when}",
            *(f"/v1/assets.{kind}?{when}" for kind in ("ndjson", "csv", "geojson")),
            *(
                f"/v1/assets/{each['id']}{more}"
                for each in self.dogs
                for more in ("", f"/availability?{between(window)}")
            ),
        ]
        said = {}
        for reader in (self.partners.requesting, self.partners.stranger):
            for number, path in enumerate(paths):
                said[f"{reader.name[:8]} {number}"] = self.plain((await reader.coordinator.get(path)).text)
        for number, address in enumerate(self.feeds):
            said[f"feed {number}"] = self.plain((await owner.service.anonymous.get(address)).text.replace("\r\n ", ""))
        return said

    def plain(self, text: str) -> str:
        names: dict[str, str] = {}
        text = text.replace(self.partners.assisting.name, "the owner")
        text = re.sub(
            r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}", lambda found: names.setdefault(found[0], f"#{len(names)}"), text
        )
        return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+\.\d+Z", "then", text)


async def make_world(cast: Cast, *, private: int, window: Window) -> World:
    """The same in every world but how many more dogs the agency has that it shows nobody."""
    partners = await make_partners(cast)
    owner = partners.assisting
    shown = [("agreement", "Dog A"), ("network", "Dog B"), ("network", "Dog C")]
    dogs = [await make_asset(owner, name=name, tag=name, sharing=sharing, capacity=2) for sharing, name in shown]
    hidden = [await make_asset(owner, name="Hidden", sharing="private", capacity=3) for _ in range(private)]
    pair = await make_package(owner, *dogs[1:], sharing="network", name="A pair")
    await keep(owner, 5)
    for each in hidden[1:]:
        body = {
            "kind": "maintenance",
            "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
            "reason": "Training (demo).",
        }
        await owner.coordinator.done("POST", f"/v1/assets/{each['id']}/unavailability", body)
    feeds = [
        (await reader.coordinator.done("POST", f"/v1/assets/{dogs[1]['id']}/calendar-feeds", {"label": "Feed (demo)"}))[
            "address"
        ]
        for reader in (partners.requesting, partners.stranger)
    ]
    return World(partners=partners, dogs=dogs, pair=pair, feeds=feeds)


@pytest.mark.second_long
async def test_worlds_that_differ_in_private_stock_alone_read_alike_to_others(service: Service) -> None:
    """Whatever is lent meanwhile, and of the network's assets also to who sees no others."""
    window = window_of()
    poor, rich = [await make_world(await make_cast(service), private=n, window=window) for n in (0, 3)]
    first = await poor.read(window)
    assert await rich.read(window) == first
    for world in (poor, rich):
        await make_loan(world.partners, asset=world.dogs[1], window=window)
    second = await poor.read(window)
    assert await rich.read(window) == second
    changed = {name for name, text in first.items() if text != second[name]}
    assert {"feed 0", "feed 1"} < changed, "the comparison is of something"
    owned = await availability(rich.partners.assisting, rich.dogs[2], window)
    assert (owned["free_quantity"], owned["intervals"][0]["blocked_by"]) == (2, []), "its owner counts all of it"
    seen = await availability(rich.partners.requesting, rich.dogs[2], window)
    assert (seen["free_quantity"], seen["intervals"][0]["blocked_by"]) == (0, ["held_back"])
