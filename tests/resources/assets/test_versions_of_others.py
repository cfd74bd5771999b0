"""The version, the ETag and `updated_at` of an asset that others than its owner read move with what they are shown.

A stranger and an agency that has the asset reserved read before and after each act of the owner: as one asset, in the
list, in the list of what has changed since, and in the file.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tests.resources.assets.test_unavailability import ahead, planning
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import make_loan, make_partners
from tests.support.problems import assert_problem

CHANGES = ("version", "updated_at")
NUMBER = {"kind": "serial_number", "value": "SN 00-17"}
CALL_SIGN = {"kind": "call_sign", "value": "Air 7", "public": True}
WHY = {"reason": "The lift is being mended (demo)."}


async def told(reader: Agency, asset: dict[str, Any]) -> dict[str, Any]:
    """All that an agency reads of the asset, apart from its times."""
    who, its = reader.coordinator, asset["id"]
    answer = await who.get(f"/v1/assets/{its}")
    one = answer.json()
    (listed,) = (await who.done("GET", f"/v1/assets?ids={its}"))["items"]
    since = await who.done("GET", f"/v1/assets?ids={its}&updated_from={one['updated_at']}&sort=updated_at")
    before = await who.done("GET", f"/v1/assets?ids={its}&updated_to={one['updated_at']}&sort=-updated_at")
    rows = [msgspec.json.decode(row) for row in (await who.get(f"/v1/assets.ndjson?ids={its}")).content.splitlines()]
    (row,) = (each for each in rows if each.get("id") == its)
    return {
        "one": {name: value for name, value in one.items() if name not in CHANGES},
        "listed": {name: value for name, value in listed.items() if name not in CHANGES},
        "planned": (await who.done("GET", f"/v1/assets/{its}/unavailability"))["items"],
        "changes": [one[name] for name in CHANGES],
        "etag": answer.headers["etag"],
        "rest": [
            [listed[name] for name in CHANGES],
            [row[name] for name in CHANGES],
            [[each[name] for name in CHANGES] for each in since["items"]],
            before["items"],
        ],
    }


async def edit(cast: Cast, asset: dict[str, Any], fields: dict[str, Any]) -> None:
    await cast.assisting.admin.done("PATCH", f"/v1/assets/{asset['id']}", fields, if_match="*")


async def private_number(cast: Cast, asset: dict[str, Any]) -> None:
    await edit(cast, asset, {"identifiers": [NUMBER, CALL_SIGN]})


async def planned(cast: Cast, asset: dict[str, Any]) -> None:
    path, body = f"/v1/assets/{asset['id']}/unavailability", planning(ahead(days=30))
    await cast.assisting.coordinator.done("POST", path, body)


async def renamed(cast: Cast, asset: dict[str, Any]) -> None:
    await edit(cast, asset, {"name": "Another name"})


async def public_number(cast: Cast, asset: dict[str, Any]) -> None:
    await edit(cast, asset, {"identifiers": [NUMBER, {**CALL_SIGN, "value": "Air 8"}]})


async def out_of_service(cast: Cast, asset: dict[str, Any]) -> None:
    await cast.assisting.coordinator.done("POST", f"/v1/assets/{asset['id']}/take-out-of-service", WHY)


Act = Callable[[Cast, dict[str, Any]], Awaitable[None]]


async def test_what_others_do_not_read_moves_nothing_of_theirs(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, sharing="network", identifiers=[CALL_SIGN])
    before = await told(cast.stranger, asset)
    await private_number(cast, asset)
    assert await told(cast.stranger, asset) == before
    own = await cast.assisting.coordinator.done("GET", f"/v1/assets/{asset['id']}")
    assert own["version"] > asset["version"], "the owner reads of it"
    since = f"/v1/assets?ids={asset['id']}&updated_from={own['updated_at']}&sort=updated_at"
    assert [each["version"] for each in (await cast.assisting.coordinator.done("GET", since))["items"]] == [
        own["version"]
    ]
    assert (await cast.stranger.coordinator.done("GET", since))["items"] == []


@pytest.mark.parametrize("done", [renamed, public_number, out_of_service, planned], ids=lambda each: each.__name__)
async def test_what_others_read_moves_their_version(cast: Cast, done: Act) -> None:
    asset = await make_asset(cast.assisting, sharing="network", identifiers=[CALL_SIGN])
    await private_number(cast, asset)
    before = await told(cast.stranger, asset)
    await done(cast, asset)
    after = await told(cast.stranger, asset)
    assert (after["one"], after["planned"]) != (before["one"], before["planned"])
    assert after["changes"][0] > before["changes"][0]
    assert after["changes"][1] > before["changes"][1]
    assert after["etag"] != before["etag"]
    assert after["rest"] == [after["changes"], after["changes"], [after["changes"]], []], "all of them say the same"


async def test_who_has_it_reserved_reads_the_number_and_another_etag(cast: Cast) -> None:
    partners = await make_partners(cast)
    asset = await make_asset(cast.assisting, identifiers=[CALL_SIGN])
    await make_loan(partners, asset=asset)
    before = await told(cast.requesting, asset)
    await private_number(cast, asset)
    after = await told(cast.requesting, asset)
    assert [each["value"] for each in after["one"]["identifiers"]] == [NUMBER["value"], CALL_SIGN["value"]]
    assert after["changes"] == before["changes"]
    assert after["etag"] != before["etag"], "its copy is out of date"
    assert after["rest"] == before["rest"]


async def test_the_owner_names_its_own_version(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, sharing="network", identifiers=[CALL_SIGN])
    path = f"/v1/assets/{asset['id']}"
    theirs = (await cast.stranger.coordinator.get(path)).headers["etag"]
    await private_number(cast, asset)
    assert_problem(await cast.assisting.admin.patch(path, {"name": "x"}, if_match=theirs), 412, "stale_version")
    own = (await cast.assisting.admin.get(path)).headers["etag"]
    assert (await cast.assisting.admin.patch(path, {"name": "x"}, if_match=own)).is_success
