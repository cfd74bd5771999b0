"""What owners state of their assets: identifiers, service areas, certifications, funds; and how it is found."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window, utc_now
from registry.resources.allocations.commands import allocate
from registry.resources.assets.commands.booking import lock_for_booking
from tests.support.assets import make_asset
from tests.support.cast import Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

DAY = timedelta(days=1)
NEW = {"category": "k9.narcotics", "name": "Narcotics team (demo)"}


async def test_a_certification_says_how_it_stands_on_a_day(cast: Cast) -> None:
    day = today()
    held = {
        "long": {"issued_on": str(day), "expires_on": str(day + 400 * DAY)},
        "soon_over": {"issued_on": str(day - DAY), "expires_on": str(day + 10 * DAY)},
        "last_day": {"issued_on": str(day - DAY), "expires_on": str(day)},
        "over": {"expires_on": str(day - DAY)},
        "to_come": {"issued_on": str(day), "effective_on": str(day + DAY)},
        "renewed": {"expires_on": str(day + 400 * DAY)},
    }
    said = [{"code": code, **days} for code, days in held.items()]
    said.append({"code": "renewed", "expires_on": str(day - 100 * DAY)})
    made = await make_asset(cast.assisting, certifications=said)
    expected = ["current", "expiring", "expiring", "expired", "not_yet", "current"]
    assert [each["status"] for each in made["certification_statuses"]] == expected
    later = await cast.assisting.coordinator.get(f"/v1/assets/{made['id']}?as_of={day + 390 * DAY}")
    statuses = [each["status"] for each in later.json()["certification_statuses"]]
    assert statuses == ["expiring", "expired", "expired", "expired", "current", "expiring"]


async def test_identifiers_are_seen_by_their_owner_and_who_has_the_asset(service: Service, cast: Cast) -> None:
    private = {"kind": "serial_number", "value": "SN 00-17"}
    public = {"kind": "call_sign", "value": "Air 7", "public": True}
    made = await make_asset(cast.assisting, sharing="network", identifiers=[private, public])
    path = f"/v1/assets/{made['id']}"

    async def seen(caller: Caller) -> list[str]:
        return [each["value"] for each in (await caller.get(path)).json()["identifiers"]]

    async def finds(caller: Caller, number: str) -> bool:
        return bool((await caller.get(f"/v1/assets?{httpx.QueryParams(identifier=number)}")).json()["items"])

    now = utc_now()
    async with unit_of_work(service.database) as write:
        await allocate(
            write,
            await lock_for_booking(write, UUID(made["id"])),
            allocation_id=new_id(),
            loan_id=new_id(),
            quantity=1,
            window=Window(start=now + DAY, end=now + 2 * DAY),
            requesting_agency_id=cast.requesting.id,
            assisting_agency_id=cast.assisting.id,
            now=now,
        )
    for agency, both in ((cast.assisting, True), (cast.requesting, True), (cast.stranger, False)):
        assert await seen(agency.coordinator) == (["SN 00-17", "Air 7"] if both else ["Air 7"])
        assert await finds(agency.coordinator, "sn 00-17") is both
        assert await finds(agency.coordinator, "AIR-7")
    history = (await cast.requesting.coordinator.get(f"{path}/history")).text
    assert "SN 00-17" not in history


async def test_a_number_belongs_to_one_asset_of_an_agency_until_that_is_retired(cast: Cast) -> None:
    admin = cast.assisting.admin
    vin = [{"kind": "vin", "value": "1M8GDM9AXKP042788"}]
    first = await make_asset(cast.assisting, identifiers=vin)
    assert await make_asset(cast.requesting, identifiers=vin), "another agency's numbers are not compared"
    other = await make_asset(cast.assisting)
    spelled = {"identifiers": [{"kind": "vin", "value": "1m8gdm9axkp-042788"}]}
    taken = await admin.patch(f"/v1/assets/{other['id']}", spelled, if_match="*")
    assert_problem(taken, 409, "identifier_taken")
    assert_problem(await admin.post("/v1/assets", {**NEW, **spelled}), 409, "identifier_taken")
    await admin.done("POST", f"/v1/assets/{first['id']}/retire", {"reason": "Sold (demo)."})
    assert await admin.done("PATCH", f"/v1/assets/{other['id']}", spelled, if_match="*")


async def test_an_area_is_merged_and_its_middle_stays(cast: Cast) -> None:
    admin = cast.assisting.admin
    home = {"latitude": 44.9, "longitude": -93.2}
    made = await make_asset(cast.assisting, home_location=home, service_area={"states": ["MN"], "within_km": 50})
    path = f"/v1/assets/{made['id']}"
    changed = await admin.done("PATCH", path, {"service_area": {"counties": ["55109"], "states": None}}, if_match="*")
    assert changed["service_area"] == {"states": [], "counties": ["55109"], "within_km": 50}
    assert_problem(await admin.patch(path, {"home_location": None}, if_match="*"), 422, "area_without_home")
    cleared = await admin.done("PATCH", path, {"service_area": None, "home_location": None}, if_match="*")
    assert (cleared["service_area"], cleared["home_location"]) == (None, None)


async def test_assets_are_found_by_what_they_serve_hold_and_were_paid_with(cast: Cast) -> None:
    day = today()
    minneapolis = {"latitude": 44.98, "longitude": -93.27}
    assets: dict[str, dict[str, Any]] = {
        "county": {"service_area": {"counties": ["27053"]}, "funding": ["leso_1033"]},
        "state": {"service_area": {"states": ["MN"]}, "certifications": []},
        "circle": {"service_area": {"within_km": 30}, "home_location": minneapolis},
        "elsewhere": {"service_area": {"states": ["WI"]}, "funding": ["uasi", "leso_1033"]},
        "lapsing": {"certifications": [{"code": "bomb", "issued_on": str(day), "expires_on": str(day + 2 * DAY)}]},
    }
    for name, fields in assets.items():
        await make_asset(cast.assisting, name=name, **{"certifications": [{"code": "bomb"}], **fields})
    own = {"agency_id": str(cast.assisting.id)}

    async def found(**asked: Any) -> set[str]:
        listed = await cast.assisting.coordinator.get(f"/v1/assets?{httpx.QueryParams({**own, **asked})}")
        assert listed.status_code == 200, listed.text
        return {each["name"] for each in listed.json()["items"]}

    assert await found(serves_county="27053") == {"county", "state", "circle"}
    assert await found(serves_latitude=44.95, serves_longitude=-93.09) == {"state", "circle"}, "the next county"
    assert await found(serves_latitude=46.79, serves_longitude=-92.1) == {"state"}, "far in the same state"
    assert await found(funding="leso_1033") == {"county", "elsewhere"}
    assert await found(funding="leso_1033", serves_county="27053") == {"county"}
    assert await found(certification="bomb") == {"county", "circle", "elsewhere", "lapsing"}
    window = {"available_from": f"{day + DAY}T00:00:00Z", "available_to": f"{day + 6 * DAY}T00:00:00Z"}
    assert await found(certification="bomb", **window) == {"county", "circle", "elsewhere"}
    emptied = await cast.assisting.coordinator.get(f"/v1/assets?{httpx.QueryParams({**own, 'funding': 'ab481'})}")
    assert ["funding"] in [each["without"] for each in emptied.json()["emptied_by"]]
    point = {"serves_latitude": 44, "serves_longitude": -93}
    unclear: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"serves_latitude": 44}, "incomplete_place", "serves_longitude"),
        ({"serves_county": "27053", **point}, "incomplete_place", "serves_county"),
        ({"serves_county": "99999"}, "unknown_area", "serves_county"),
    )
    for query, code, parameter in unclear:
        refused = await cast.assisting.coordinator.get(f"/v1/assets?{httpx.QueryParams(query)}")
        assert assert_problem(refused, 422, code)["errors"][0]["parameter"] == parameter
