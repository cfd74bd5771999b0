"""An asset that its owner withdrew from sight: what was asked for stays, what it has become since is not told."""

from typing import Any
from uuid import uuid4

import msgspec

from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.requests import line_for, make_request, submitted


async def hide(owner: Agency, asset: dict[str, Any]) -> None:
    """The owner makes it private, and another thing."""
    path = f"/v1/assets/{asset['id']}"
    change = {"sharing": "private", "name": "canary-hidden", "category": "k9.explosives"}
    await owner.admin.done("PATCH", path, change, if_match=(await owner.admin.get(path)).headers["etag"])


async def test_its_new_name_and_category_are_not_told_by_old_requests(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset, asker = await make_asset(cast.assisting), cast.requesting.coordinator
    drafted, asked = await make_request(cast.requesting, asset), await submitted(cast.requesting, asset)
    assert asked["lines"][0]["asset_name"] == asset["name"]
    await hide(cast.assisting, asset)
    for made in (drafted, asked):
        seen = await asker.get(f"/v1/requests/{made['id']}")
        assert (seen.json()["lines"][0]["asset_name"], seen.json()["lines"][0]["category"]) == (None, None)
    answer = await asker.post(f"/v1/requests/{drafted['id']}/submit", {})
    assert answer.json()["lines"][0]["status"] == "denied"
    assert "canary-hidden" not in answer.text
    own = await cast.assisting.coordinator.done("GET", f"/v1/requests/{asked['id']}")
    assert own["lines"][0]["asset_name"] == asset["name"], "a line shows what was asked for"
    assert own["lines"][0]["asset_changed"] == ["category", "name"], "its owner sees that it has changed"


async def test_lists_name_it_only_while_it_is_in_sight(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset, asker = await make_asset(cast.assisting), cast.requesting.coordinator
    asked = await submitted(cast.requesting, asset)
    one_decision = f"/v1/decisions/{asked['lines'][0]['decision']['id']}"

    async def named(reader: Any) -> list[dict[str, Any]]:
        (request,) = (await reader.done("GET", "/v1/requests"))["items"]
        (decision,) = (await reader.done("GET", "/v1/decisions"))["items"]
        return [*request["assets"], decision["asset"], (await reader.done("GET", one_decision))["asset"]]

    assert await named(asker) == [{"id": asset["id"], "name": asset["name"]}] * 3
    await hide(cast.assisting, asset)
    assert await named(asker) == [{"id": asset["id"], "name": None}] * 3
    assert await named(cast.assisting.coordinator) == [{"id": asset["id"], "name": "canary-hidden"}] * 3


async def test_a_request_that_was_withdrawn_from_an_agency_names_nothing_more_to_it(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asked = await submitted(cast.requesting, await make_asset(cast.assisting))
    await cast.requesting.coordinator.done("POST", f"/v1/requests/{asked['id']}/withdraw", {"reason": "solved"})
    (seen,) = (await cast.assisting.coordinator.done("GET", "/v1/requests"))["items"]
    assert (seen["status"], seen["line_count"]) == ("withdrawn", len(seen["assets"]))


async def test_it_is_asked_for_by_no_edit_any_more_than_by_a_new_request(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    shown, hidden = await make_asset(cast.assisting), await make_asset(cast.assisting, sharing="private")
    made, asker = await make_request(cast.requesting, shown), cast.requesting.coordinator
    path = f"/v1/requests/{made['id']}"
    etag = (await asker.get(path)).headers["etag"]
    told = []
    for asset_id in (hidden["id"], str(uuid4())):
        lines = [line_for(shown), line_for({"id": asset_id})]
        response = await asker.patch(path, {"lines": lines}, if_match=etag)
        problem = assert_problem(response, 422, "unknown_asset")
        told.append(msgspec.json.encode({**problem, "trace_id": ""}))
    assert told[0] == told[1]
