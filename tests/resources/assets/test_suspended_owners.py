"""What a suspended agency shared with the whole network is seen by nobody else, until it is reinstated."""

from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.problems import assert_problem

REASON = {"reason": "No answer for a month (demo)."}


async def test_what_a_suspended_agency_shares_is_found_counted_and_read_by_nobody_else(cast: Cast) -> None:
    owner, stranger, operator = cast.assisting, cast.stranger.coordinator, cast.assisting.service.operator
    await sign_agreement(owner.service, owner, cast.requesting)
    asset = await make_asset(owner, sharing="network", name="Suspendable team")
    listed = f"/v1/assets?agency_id={owner.id}&include=total"
    worded = "/v1/assets?q=Suspendable"
    near = f"/v1/assets?latitude=44.98&longitude=-93.27&within_km=5&agency_id={owner.id}"
    paths = (listed, worded, near)
    assert [len((await stranger.done("GET", path))["items"]) for path in paths] == [1, 1, 1]
    await operator.done("POST", f"/v1/agencies/{owner.id}/suspend", REASON)
    for who in (stranger, cast.requesting.coordinator):
        for path in paths:
            assert (await who.done("GET", path))["items"] == [], path
        assert (await who.done("GET", listed))["total"]["count"] == 0
        assert_problem(await who.get(f"/v1/assets/{asset['id']}"), 404, "not_found")
    await operator.done("POST", f"/v1/agencies/{owner.id}/reinstate", REASON)
    assert [len((await stranger.done("GET", path))["items"]) for path in paths] == [1, 1, 1]
