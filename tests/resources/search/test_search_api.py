"""A search in a sentence, over HTTP: what is understood is said, can be overruled, and is what the list answers."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from registry.platform.kernel.time import Window, utc_now
from registry.resources.search.queries import _kept
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, ZONE, Cast, make_agency, today
from tests.support.loans import make_loan, make_partners
from tests.support.packages import make_package
from tests.support.personnel import enter_person
from tests.support.problems import assert_problem
from tests.support.service import Service

MINNEAPOLIS = {"latitude": 44.98, "longitude": -93.27}


async def searched(cast: Cast, q: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = await cast.assisting.coordinator.done("GET", f"/v1/search?{urlencode({'q': q, **more})}")
    return found


def ids(answer: dict[str, Any]) -> set[str]:
    return {item["id"] for item in answer["results"]["items"]}


async def test_a_sentence_finds_what_it_asks_for_and_says_how_it_was_understood(cast: Cast) -> None:
    dog = await make_asset(cast.assisting, location=MINNEAPOLIS, type_level=1)
    other = await make_asset(cast.assisting, location=MINNEAPOLIS, category="k9.patrol")
    far = await make_asset(cast.assisting, location={"latitude": 30, "longitude": -93})
    answer = await searched(cast, "drug dog type II or better within 30 miles of Minneapolis, tomorrow 0600-1400")
    found = ids(answer)
    assert dog["id"] in found
    assert not {other["id"], far["id"]} & found
    understood = answer["understood"]
    said = {name: part["said"] for name, part in understood.items() if isinstance(part, dict)}
    assert said == {
        "category": "drug dog",
        "place": "Minneapolis",
        "within_km": "within 30 miles of",
        "window": "tomorrow 0600-1400",
        "type_at_least": "type II or better",
    }
    assert understood["category"]["code"] == "k9.narcotics"
    assert (understood["place"]["name"], understood["place"]["state"]) == ("Minneapolis", "MN")
    assert (understood["within_km"]["value"], understood["type_at_least"]["value"]) == (48.3, 2)
    window = understood["window"]
    assert window["time_zone"] == "America/Chicago"
    start, end = (datetime.fromisoformat(window[name]) for name in ("start", "end"))
    assert end - start == timedelta(hours=8)
    assert utc_now() < start < utc_now() + timedelta(hours=49)
    assert {part["understood_from"] for part in understood.values() if isinstance(part, dict)} == {"sentence"}


async def test_the_same_search_goes_on_in_the_list(cast: Cast) -> None:
    """`same_as` is the list with the same filters, and the page's cursor is one of that list."""
    made = {(await make_asset(cast.assisting, location=MINNEAPOLIS))["id"] for _ in range(3)}
    answer = await searched(cast, "2 drug dogs near Minneapolis", limit=2, quantity=1)
    seen = [item["id"] for item in answer["results"]["items"]]
    cursor = answer["results"]["next_cursor"]
    while cursor is not None:
        page = await cast.assisting.coordinator.done("GET", f"{answer['same_as']}&cursor={cursor}")
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert made <= set(seen)
    assert len(seen) == len(set(seen))


async def test_every_part_can_be_overruled_by_a_parameter(cast: Cast) -> None:
    patrol = await make_asset(cast.assisting, location={"latitude": 46.79, "longitude": -92.10}, category="k9.patrol")
    answer = await searched(
        cast,
        "3 drug dogs type 1 near Minneapolis tonight",
        category="k9.patrol",
        place="Duluth, MN",
        within_km=20,
        quantity=1,
        type_at_least=4,
        available_from="2031-01-01T00:00:00Z",
        available_to="2031-01-02T00:00:00Z",
    )
    assert patrol["id"] in ids(answer)
    understood = answer["understood"]
    parts = {name: part["understood_from"] for name, part in understood.items() if isinstance(part, dict)}
    assert parts == dict.fromkeys(
        ("category", "place", "within_km", "window", "quantity", "type_at_least"), "parameter"
    )
    assert understood["window"]["start"] == "2031-01-01T00:00:00Z"
    assert understood["place"]["name"] == "Duluth"
    answer = await searched(cast, "drug dog", latitude=46.79, longitude=-92.1, within_minutes=60)
    assert answer["understood"]["place"]["name"] is None
    assert answer["understood"]["within_minutes"] == {"value": 60, "said": None, "understood_from": "parameter"}


async def test_a_certificate_that_is_asked_for_is_one_that_holds(cast: Cast) -> None:
    handler, days = await enter_person(cast.assisting), {"issued_on": "2026-01-15", "expires_on": str(LONG_AHEAD)}
    body = {"discipline": "k9.explosives", "issuer": "NPCA", "handler_id": handler["id"], **days}
    patrol, other = [await make_asset(cast.assisting, category="k9.patrol") for _ in range(2)]
    for asset, discipline in ((patrol, "k9.explosives"), (other, "k9.patrol")):
        path = f"/v1/assets/{asset['id']}/certificates"
        await cast.assisting.admin.done("POST", path, {**body, "discipline": discipline})
    answer = await searched(cast, "dog certified in explosives", agency_id=str(cast.assisting.id))
    assert ids(answer) == {patrol["id"]}, "whatever else it is for"
    assert answer["understood"]["certified_for"] == {
        "code": "k9.explosives",
        "name": "Explosives detection K9",
        "said": "certified in explosives",
        "understood_from": "sentence",
        "corrections": [],
        "alternatives": [],
    }
    assert "certified_for=k9.explosives" in answer["same_as"]
    answer = await searched(cast, "dog certified in explosives", certified_for="k9.patrol", limit=200)
    assert answer["understood"]["certified_for"]["understood_from"] == "parameter"
    assert other["id"] in ids(answer)
    assert patrol["id"] not in ids(answer)


async def test_of_places_of_one_name_the_nearest_is_taken_and_the_others_are_shown(cast: Cast) -> None:
    place = (await searched(cast, "drug dog in Duluth"))["understood"]["place"]
    assert (place["name"], place["state"]) == ("Duluth", "MN")
    assert "GA" in {other["state"] for other in place["alternatives"]}
    assert (await searched(cast, "drug dog in Duluth GA"))["understood"]["place"]["state"] == "GA"


async def test_a_state_means_its_agencies(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, location=None)
    answer = await searched(cast, "drug dog in Minnesota")
    assert answer["understood"]["place"]["whole_state"] is True
    assert "state=MN" in answer["same_as"]
    assert asset["id"] in ids(answer)
    assert asset["id"] not in ids(await searched(cast, "drug dog in Texas"))


async def test_what_is_assumed_is_said(cast: Cast) -> None:
    understood = (await searched(cast, "two drug dogs near Minneapolis"))["understood"]
    assert understood["within_km"] == {"value": 80, "said": None, "understood_from": "assumed"}
    assert understood["quantity"]["value"] == 2
    assert (understood["window"]["understood_from"], understood["window"]["assumed"]) == ("assumed", "8 hours")
    assert (await searched(cast, "drug dog"))["understood"]["window"] is None


async def test_a_number_is_needed_of_all_that_is_found_together_and_not_of_one_record(cast: Cast) -> None:
    """A loan leaves one of the three; the other record has one of its own, and an asset taken out of service none."""
    partners = await make_partners(cast)
    owner, reader = partners.assisting, partners.requesting.coordinator
    word = "".join(chr(ord("g") + int(digit, 16)) for digit in uuid4().hex[:10])
    many = await make_asset(
        owner, name=f"{word} kennel", capacity=3, hourly_rate={"amount": "85.00", "currency": "USD"}
    )
    one = await make_asset(owner, name=f"{word} alone", sharing="network")
    start = datetime.combine(today() + timedelta(days=1), time(8), ZoneInfo(ZONE)).astimezone(UTC)
    window = Window(start=start, end=start + timedelta(hours=2))
    await make_loan(partners, asset=many, window=window, quantity=2)

    async def found(sentence: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await reader.done("GET", f"/v1/search?{urlencode({'q': sentence, **more})}")
        return answer

    answer = await found(f"2 drug dogs {word} tomorrow 0600-1400")
    items = {each["id"]: each for each in answer["results"]["items"]}
    assert {its: each["free_quantity"] for its, each in items.items()} == {many["id"]: 1, one["id"]: 1}
    assert answer["results"]["free_in_all"] == {
        "asked": 2,
        "free": 2,
        "or_more": False,
        "said": "2 free in all, of 2 asked",
    }
    assert "quantity" not in answer["same_as"], "which asks each record alone"
    listed = (await reader.done("GET", f"{answer['same_as']}&quantity=2"))["items"]
    assert listed == []
    assert items[many["id"]]["agency"] == {
        "id": str(owner.id),
        "name": owner.name,
        "contact": f"/v1/agencies/{owner.id}/contact",
    }
    assert (await reader.done("GET", items[many["id"]]["agency"]["contact"]))["agency"]["id"] == str(owner.id)
    assert (items[many["id"]]["covered"], items[many["id"]]["hourly_cost"]["amount"]) == (True, "85.00")
    assert items[one["id"]]["hourly_cost"] is None
    first = await found(f"6 drug dogs {word} tomorrow 0600-1400", limit=1)
    assert first["results"]["free_in_all"]["said"] == "only 2 of 6", "on all pages together"
    later = await found(f"drug dogs {word} tomorrow 1600-1800", quantity=3)
    assert later["results"]["free_in_all"]["said"] == "4 free in all, of 3 asked"
    none = await found(f"drug dogs {word}")
    assert none["results"]["free_in_all"] is None
    assert {each["free_quantity"] for each in none["results"]["items"]} == {None}
    seen = await partners.stranger.coordinator.done("GET", f"/v1/search?q=drug+dog+{word}")
    assert [(each["id"], each["covered"]) for each in seen["results"]["items"]] == [(one["id"], False)]
    own = await owner.coordinator.done("GET", f"/v1/search?q=drug+dog+{word}")
    assert {each["covered"] for each in own["results"]["items"]} == {None}


async def test_people_are_asked_for_by_what_they_can_do_and_counted(cast: Cast) -> None:
    answer = await searched(cast, "spanish ILR 3 or better Minneapolis tomorrow 9am-noon")
    capability = answer["understood"]["capability"]
    assert (capability["name"], capability["level_at_least"], capability["said"]) == ("Spanish", 3, "spanish")
    assert answer["results"] is None
    assert answer["same_as"] is None
    assert answer["people"]["items"] == []
    page = await cast.assisting.coordinator.done("GET", answer["people"]["same_as"])
    assert page["items"] == answer["people"]["items"]
    both = await searched(cast, "drug dog Minneapolis", capability=capability["code"])
    assert both["people"] is not None
    assert both["results"] is not None
    assert (await searched(cast, "drug dog"))["people"] is None


async def test_an_assets_own_name_and_its_owners_are_understood_and_overruled(cast: Cast) -> None:
    rex = await make_asset(cast.assisting, name="K9 Minneapolis Rexomund")
    other = await make_asset(cast.assisting, name="Bello", location=MINNEAPOLIS)
    answer = await searched(cast, "K9 Minneapolis tonight")
    assert answer["understood"]["name"] == {
        "value": "K9 Minneapolis",
        "said": "K9 Minneapolis",
        "understood_from": "sentence",
    }
    assert answer["understood"]["place"] is None, "they are the name of an asset"
    assert rex["id"] in ids(answer)
    assert other["id"] not in ids(answer)
    answer = await searched(cast, "K9 Minneapolis tonight", place="Minneapolis, MN", limit=200)
    assert (answer["understood"]["name"], answer["understood"]["place"]["name"]) == (None, "Minneapolis")
    answer = await searched(cast, "drug dog", name="Rexomund", agency_id=str(cast.assisting.id))
    assert ids(answer) == {rex["id"]}
    assert answer["understood"]["agency"]["name"] == cast.assisting.name
    assert ids(await searched(cast, "drug dog", name="Rexomund", agency_id=str(cast.stranger.id))) == set()


async def test_an_owner_that_is_named_is_no_place(service: Service, cast: Cast) -> None:
    owner = await make_agency(service, "Duluth Police Department (demo)")
    dog = await make_asset(owner, location=MINNEAPOLIS, sharing="network")
    answer = await searched(cast, "Duluth PD drug dog", limit=200)
    agency = answer["understood"]["agency"]
    assert (agency["said"], agency["understood_from"]) == ("Duluth PD", "sentence")
    assert answer["understood"]["place"] is None
    named = {agency["id"], *(each["id"] for each in agency["alternatives"])}
    assert str(owner.id) in named
    assert {item["agency_id"] for item in answer["results"]["items"]} <= {agency["id"]}
    assert dog["id"] in ids(await searched(cast, "Duluth PD drug dog", agency_id=str(owner.id)))


async def test_an_owner_is_named_by_how_its_name_begins_alone(service: Service, cast: Cast) -> None:
    base = "".join(chr(ord("g") + int(digit, 16)) for digit in uuid4().hex[:10]).capitalize()
    owner = await make_agency(service, f"{base} Sheriff's Office (demo)")
    dog = await make_asset(owner, location=MINNEAPOLIS, sharing="network")
    answer = await searched(cast, f"{base} K-9")
    assert (answer["understood"]["agency"]["id"], answer["understood"]["agency"]["said"]) == (str(owner.id), base)
    assert ids(answer) == {dog["id"]}
    assert (answer["understood"]["remarks"], answer["understood"]["did_you_mean"]) == ([], [])
    owned = await searched(cast, f"{base}'s dogs")
    assert (owned["understood"]["agency"]["id"], owned["understood"]["agency"]["said"]) == (str(owner.id), f"{base}'s")
    assert (ids(owned), owned["understood"]["left_over"]) == ({dog["id"]}, None)


async def test_words_of_borrowing_ask_for_what_an_agreement_covers(cast: Cast) -> None:
    partners = await make_partners(cast)
    covered = await make_asset(partners.assisting, sharing="network")
    reader = partners.requesting.coordinator
    path = f"/v1/search?agency_id={cast.assisting.id}&q=drug+dog+free+tonight+we+may+borrow"
    answer = await reader.done("GET", path)
    part = {"value": True, "said": "we may borrow", "understood_from": "sentence"}
    assert (answer["understood"]["lendable"], answer["understood"]["left_over"]) == (part, None)
    assert covered["id"] in ids(answer)
    assert ids(await partners.stranger.coordinator.done("GET", path)) == set()
    overruled = await partners.stranger.coordinator.done("GET", f"{path}&lendable=false")
    assert covered["id"] in ids(overruled)


async def test_ones_own_category_is_shown_where_a_shared_one_has_its_words(cast: Cast) -> None:
    body = {"parent": "aircraft.drone", "name": f"Bog runner {uuid4().hex[:6]}", "aliases": ["swamp buggy"]}
    own = await cast.assisting.admin.done("POST", "/v1/categories", body)
    _kept.clear()  # what is remembered for a minute
    shared, mine = [
        await make_asset(cast.assisting, category=code, type_level=None, certifications=[], sharing="network")
        for code in ("vehicle.high_water", own["code"])
    ]
    answer = await searched(cast, "swamp buggy tonight", agency_id=cast.assisting.id)
    assert ids(answer) == {shared["id"], mine["id"]}, "of both"
    same = (await cast.assisting.coordinator.done("GET", answer["same_as"]))["items"]
    assert {each["id"] for each in same} == {shared["id"], mine["id"]}
    theirs = await cast.stranger.coordinator.done("GET", f"/v1/search?q=swamp+buggy&agency_id={cast.assisting.id}")
    assert ids(theirs) == {shared["id"]}
    understood = answer["understood"]
    assert understood["category"]["code"] == "vehicle.high_water", "as for everybody"
    assert understood["category"]["alternatives"][0]["code"] == own["code"]
    assert own["code"] in understood["remarks"][0]
    other = (await cast.stranger.coordinator.done("GET", "/v1/search?q=swamp+buggy"))["understood"]
    assert own["code"] not in [each["code"] for each in other["category"]["alternatives"]]
    assert other["remarks"] == []


async def test_words_of_a_trade_are_understood_and_not_left_over(cast: Cast) -> None:
    answer = await searched(cast, "bomb tech")
    assert (answer["understood"]["category"]["code"], answer["understood"]["left_over"]) == ("team.bomb_squad", None)
    remark, _ = (await searched(cast, "anyone who speaks Tagalog"))["understood"]["remarks"]
    assert "once a day" in remark


async def test_words_that_are_left_over_are_looked_for_or_said_to_be_ignored(cast: Cast) -> None:
    rex = await make_asset(cast.assisting, name="Rexfordina")
    await make_asset(cast.assisting, name="Bello")
    answer = await searched(cast, "drug dog rexfordina please")
    assert answer["understood"]["left_over"] == {"words": "rexfordina", "searched": True, "corrections": []}
    assert ids(answer) == {rex["id"]}
    answer = await searched(cast, "drug dog rexfordna please")
    assert answer["understood"]["left_over"] == {
        "words": "rexfordna",
        "searched": True,
        "corrections": [{"given": "rexfordna", "also": "rexfordina"}],
    }
    assert ids(answer) == {rex["id"]}
    page = await cast.assisting.coordinator.done("GET", answer["same_as"])
    assert [item["id"] for item in page["items"]] == [rex["id"]]
    answer = await searched(cast, "drug dog for zzyzxish parade")
    assert answer["understood"]["left_over"] == {"words": "zzyzxish parade", "searched": False, "corrections": []}
    assert "“zzyzxish parade”" in answer["understood"]["remarks"][0]
    assert rex["id"] in ids(answer)
    answer = await searched(cast, "zzyzxish")
    assert answer["results"]["items"] == [], "alone, words that nothing has find nothing, and not everything"
    assert ["words"] in [each["without"] for each in answer["results"]["emptied_by"]]


async def test_a_misspelt_kind_is_understood_and_said(cast: Cast) -> None:
    category = (await searched(cast, "bomb sqaud"))["understood"]["category"]
    assert (category["code"], category["said"]) == ("team.bomb_squad", "bomb sqaud")
    assert category["corrections"] == [{"given": "sqaud", "also": "squad"}]


async def test_an_empty_answer_says_what_emptied_it(cast: Cast) -> None:
    await make_asset(cast.assisting, location=MINNEAPOLIS)
    results = (await searched(cast, "drug dog within 5 miles of Key West FL"))["results"]
    assert results["items"] == []
    assert ["place"] in [each["without"] for each in results["emptied_by"]]


async def test_what_cannot_be_had_is_left_out_counted_and_shown_when_asked_for(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, name="Xylotrupine", mobilisation_minutes=None, location=MINNEAPOLIS)
    assert ids(await searched(cast, "drug dog xylotrupine")) == {asset["id"]}
    results = (await searched(cast, "drug dog xylotrupine within 60 minutes of Minneapolis"))["results"]
    assert "arrival_unknown" in [each["reason"] for each in results["left_out"]]
    path = f"/v1/assets/{asset['id']}/take-out-of-service"
    await cast.assisting.admin.done("POST", path, {"reason": "being repaired (demo)"})
    for when in ("", " tonight"):
        answer = await searched(cast, f"drug dog{when}", limit=200)
        assert asset["id"] not in ids(answer)
        assert "not_in_service" in [each["reason"] for each in answer["results"]["left_out"]]
    assert asset["id"] in ids(await searched(cast, "drug dog xylotrupine", not_in_service="true"))


async def test_a_search_shows_only_what_the_caller_may_see(cast: Cast) -> None:
    hidden = await make_asset(cast.assisting, sharing="private", location=MINNEAPOLIS)
    page = await cast.stranger.coordinator.done("GET", "/v1/search?q=drug+dog+near+Minneapolis")
    assert hidden["id"] not in {item["id"] for item in page["results"]["items"]}


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("", 400, "q"),
        ("q=", 400, "q"),
        ("q=dog&category=k9.nonsense", 422, "category"),
        ("q=dog&capability=language.nonsense", 422, "capability"),
        ("q=dog&place=Nowhereville+Qx", 422, "place"),
        ("q=dog&latitude=1", 422, "longitude"),
        ("q=dog&available_to=2031-01-01T00:00:00Z", 422, "available_from"),
        ("q=dog&available_from=2031-01-02T00:00:00Z&available_to=2031-01-01T00:00:00Z", 422, "available_to"),
        ("q=dog&colour=red", 400, "colour"),
    ],
)
async def test_a_search_that_cannot_be_meant_is_refused(cast: Cast, query: str, status: int, parameter: str) -> None:
    problem = assert_problem(await cast.assisting.coordinator.get(f"/v1/search?{query}"), status)
    assert problem["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize("q", ["?", "\U0001f415", "24/7", "in or me", "x" * 300, "%%% & | :*", "type", "for for for"])
async def test_no_sentence_fails(cast: Cast, q: str) -> None:
    answer = await searched(cast, q)
    assert answer["understood"].keys() >= {"category", "left_over"}


async def test_a_sentence_finds_what_is_lent_together_by_its_words_and_when_all_of_it_is_free(cast: Cast) -> None:
    """A package is called what its owner calls it: the words are looked for there, and with the assets in it."""
    partners = await make_partners(cast)
    owner, reader = partners.assisting, partners.requesting.coordinator
    kind: dict[str, Any] = {"type_level": None, "certifications": []}
    boat = await make_asset(owner, category="vessel.dive_boat", name="River boat", **kind, location=MINNEAPOLIS)
    in_duluth = {"latitude": 46.78, "longitude": -92.11}
    van = await make_asset(owner, category="vehicle.transport", name="Van", **kind, location=in_duluth)
    word = "".join(chr(ord("g") + int(digit, 16)) for digit in uuid4().hex[:10])  # of letters alone
    team = await make_package(owner, boat, van, name=f"Underwater {word}")

    async def found(sentence: str) -> list[str] | None:
        packages = (await reader.done("GET", f"/v1/search?q={sentence}"))["packages"]
        if packages is None:
            return None
        same = (await reader.done("GET", packages["same_as"]))["items"]
        away = [each.pop("distance_km") for each in packages["items"]]
        assert all(215 < km < 230 for km in away) if "near" in sentence else {*away} <= {None}, "of the farthest asset"
        assert packages["items"] == [{**each, "blocked_by": [], "said": None} for each in same]
        return [each["id"] for each in packages["items"]]

    assert await found(f"{word} near Duluth") == [team["id"]]
    assert await found(f"dive boat {word}") == [team["id"]], "of a word each"
    assert team["id"] in (await found("dive boats") or [])
    assert await found("near Duluth tomorrow 0600-1400") is None, "nothing says what is looked for"
    tomorrow = today() + timedelta(days=1)
    start = datetime.combine(tomorrow, time(8), ZoneInfo(ZONE)).astimezone(UTC)
    assert await found(f"{word} tomorrow 0600-1400") == [team["id"]]
    await make_loan(partners, asset=van, window=Window(start=start, end=start + timedelta(hours=1)))
    assert await found(f"{word} tomorrow 0600-1400") == [], "one of it is taken"
    await owner.admin.done("POST", f"/v1/assets/{boat['id']}/take-out-of-service", {"reason": "Its screw (demo)"})
    packages = (await reader.done("GET", f"/v1/search?q={word} tomorrow 0600-1400"))["packages"]
    (left_out,) = packages["left_out"]
    assert (left_out["id"], left_out["agency"]["id"]) == (team["id"], str(owner.id))
    assert left_out["said"] == f"Underwater {word}: River boat is out of service, Van is not free"
    assert [(each["asset"]["id"], each["reason"]) for each in left_out["blocked_by"]] == [
        (boat["id"], "not_in_service"),
        (van["id"], "not_free"),
    ]
    assert packages["emptied_by"] == [{"without": ["available"], "count": 1, "or_more": False}]
    (now,) = (await reader.done("GET", f"/v1/search?q={word}"))["packages"]["items"]
    assert now["said"] == f"Underwater {word}: River boat is out of service", "where no time is said, what is so now"
    assert [(each["asset"]["id"], each["reason"]) for each in now["blocked_by"]] == [(boat["id"], "not_in_service")]
    seen = await partners.stranger.coordinator.done("GET", f"/v1/search?q={word} tomorrow 0600-1400")
    assert seen["packages"]["left_out"] == [], "nothing is said of what is not to be seen"
    await owner.admin.done("POST", f"/v1/assets/{boat['id']}/return-to-service", {"reason": "Repaired (demo)"})
    assert await found(f"{word} tomorrow 1500-1800") == [team["id"]]
    assert (await partners.stranger.coordinator.done("GET", f"/v1/search?q={word}"))["packages"]["items"] == []


async def test_what_is_called_so_is_found_whatever_its_category_is(cast: Cast) -> None:
    mine = {"agency_id": str(cast.assisting.id)}
    kit = await make_asset(cast.assisting, category="vehicle.trailer", name="Diver's kit")
    team = await make_asset(cast.assisting, category="k9.patrol", name="K-9 team 4")
    drone = await make_asset(cast.assisting, category="aircraft.drone", name="Thermal drone")
    answer = await searched(cast, "Diver's kit", **mine)
    assert ids(answer) == {kit["id"]}
    assert answer["understood"]["category"] is None
    answer = await searched(cast, "K-9 team 4", **mine)
    assert (ids(answer), answer["understood"]["quantity"]) == ({team["id"]}, None)
    answer = await searched(cast, "thermal", **mine)
    assert answer["understood"]["category"]["code"] == "equipment.night_vision"
    assert answer["also_try"][0]["same_as"] == "/v1/assets?q=thermal"
    assert "Thermal drone" in answer["also_try"][0]["said"]
    assert drone["id"] in ids(await searched(cast, "thermal drone", **mine))


async def test_numbers_of_different_things_are_not_one_number(cast: Cast) -> None:
    for code in ("equipment.sonar", "lab.dna"):
        await make_asset(cast.assisting, category=code, name="Zibbel kit", location=None)
    answer = await searched(cast, "10 zibbel", agency_id=str(cast.assisting.id))
    assert answer["results"]["free_in_all"] is None
    assert "several categories (equipment.sonar, lab.dna)" in " ".join(answer["understood"]["remarks"])


async def test_whether_it_may_be_lent_by_its_certification_is_said(cast: Cast) -> None:
    """As the policies that every request is decided by see it, for the window that is asked for."""
    lapsed = [{"code": "uspca_narcotics", "issued_on": "2024-01-15", "expires_on": "2025-01-15"}]
    made = {
        "current": await make_asset(cast.assisting, certification_required=True),
        "lapses": await make_asset(cast.assisting, certification_required=True, certifications=lapsed),
        "none_on_file": await make_asset(cast.assisting, certification_required=True, certifications=[]),
        "not_required": await make_asset(cast.assisting, certification_required=False, certifications=[]),
    }
    mine = {"agency_id": str(cast.assisting.id)}
    for q in ("drug dog", "drug dog tomorrow"):
        answer = await searched(cast, q, **mine)
        found = {item["id"]: item["certification"] for item in answer["results"]["items"]}
        assert found == {asset["id"]: stands for stands, asset in made.items()}
        assert any(remark.startswith("2 of the assets") for remark in answer["understood"]["remarks"])


async def test_an_empty_answer_says_what_would_not_be_empty(cast: Cast) -> None:
    mine = {"agency_id": str(cast.assisting.id)}
    await make_asset(cast.assisting, location=MINNEAPOLIS, mobilisation_minutes=60)
    answer = await searched(cast, "drug dog within 10 minutes of Minneapolis", **mine)
    assert answer["also_try"][0]["said"].startswith("The first arrives within 6")
    again = await cast.assisting.coordinator.done("GET", answer["also_try"][0]["same_as"])
    assert again["items"]
    answer = await searched(cast, "drug dog within 10 miles of Duluth MN", **mine)
    again = await cast.assisting.coordinator.done("GET", answer["also_try"][0]["same_as"])
    assert again["items"]
    answer = await searched(cast, "bomb dog", **mine)
    assert (answer["also_try"][0]["count"], answer["results"]["items"]) == (1, [])
    assert "broader category “K9 team”" in answer["also_try"][0]["said"]
    answer = await searched(cast, "two vans and a drone in Duluth tonight", **mine)
    assert answer["also_try"][0]["same_as"] == "/v1/search?q=a+drone+in+Duluth+tonight"


async def test_a_county_that_no_list_has_is_that_of_the_agency_called_so(service: Service, cast: Cast) -> None:
    agency = await make_agency(service, "Zwingle County Sheriff's Office")
    place = (await searched(cast, "boats in Zwingle County"))["understood"]["place"]
    assert place["name"] == "Zwingle County", agency.id


async def test_a_thing_is_found_by_its_name_in_another_form(cast: Cast) -> None:
    kit = await make_asset(cast.assisting, category="equipment", name="Diver's kit", capacity=6)
    for said in ("diver kits", "divers kit", "4 diver's kits tomorrow"):
        answer = await searched(cast, said, agency_id=str(cast.assisting.id))
        assert ids(answer) == {kit["id"]}, said
        assert answer["understood"]["name"] is not None, said


async def test_what_a_search_for_a_laboratory_proposes_can_be_asked_for(cast: Cast) -> None:
    """Seven days and nights would be more than the agreement lets last; a slot of that week is not."""
    partners = await make_partners(cast, categories=["any"], max_duration_hours=72)
    lab = await make_asset(cast.assisting, category="lab.dna", name="DNA casework", capacity=5, location=None)
    path = f"/v1/search?{urlencode({'q': 'DNA lab slot next week', 'agency_id': str(cast.assisting.id)})}"
    answer = await partners.requesting.coordinator.done("GET", path)
    assert ids(answer) == {lab["id"]}
    window = answer["understood"]["window"]
    body = {"asset_id": lab["id"], "window": {"start": window["start"], "end": window["end"]}}
    asked = {**body, "purpose": "evidence_processing"}
    decision = (await partners.requesting.coordinator.done("POST", "/v1/policy-evaluations", asked))["decision"]
    assert decision["outcome"] == "permitted"


async def test_an_empty_answer_says_what_was_understood_and_what_to_try(cast: Cast) -> None:
    await make_asset(cast.assisting, category="k9.patrol", location=MINNEAPOLIS)
    mine = {"agency_id": str(cast.assisting.id)}
    remark = (await searched(cast, "bomb robot near Minneapolis tomorrow 0800-1200 zebra", **mine))["understood"][
        "remarks"
    ][-1]
    assert remark.startswith("No asset is found. Understood: Remote-operated robot; of ")
    assert "within 80 km of Minneapolis, MN; from " in remark
    assert "Not understood: “zebra”. Try this: without the category there " in remark
    remark = (await searched(cast, "qwertz", **mine))["understood"]["remarks"][-1]
    assert "Not understood: “qwertz”" in remark
    (*_, remark) = (await searched(cast, "anyone who speaks Tagalog near Duluth MN"))["understood"]["remarks"]
    assert remark.startswith("Nobody is found. Understood: people for Tagalog; ")
    found = (await searched(cast, "patrol dog", **mine))["understood"]["remarks"]
    assert not [each for each in found if "is found" in each]
