"""What could fill a line is ranked, and says why it stands where it does and who can cure what stands in the way."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from registry.platform.kernel.time import Window
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import Partners, make_loan, make_partners
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.requests import line_for, make_request, need_line, sourced, submitted

NEAR, FAR = {"latitude": 44.98, "longitude": -93.27}, {"latitude": 46.0, "longitude": -94.0}
Found = dict[str, Any]


def path_of(found: Found, number: int = 0) -> str:
    return f"/v1/requests/{found['id']}/lines/{found['lines'][number]['id']}/candidates"


async def needed(cast: Cast, **fields: Any) -> Found:
    """A submitted need of the requesting agency, near."""
    line = {**need_line(**fields), "place": NEAR}
    return await submitted(cast.requesting, {}, lines=[line])


async def ranked(cast: Cast, found: Found, query: str = "") -> list[Found]:
    page = await cast.requesting.coordinator.done("GET", f"{path_of(found)}{query}")
    items: list[Found] = page["items"]
    return items


async def test_what_may_be_lent_comes_before_what_can_be_had_and_what_arrives_first(cast: Cast) -> None:
    partners, window = await make_partners(cast), window_of()
    lender: Partners = partners
    await sign_agreement(cast.neighbour.service, cast.neighbour, cast.requesting, terms={"approval_required": True})
    fast = await make_asset(cast.assisting, mobilisation_minutes=10)
    slow = await make_asset(cast.assisting, mobilisation_minutes=90)
    taken = await make_asset(cast.assisting, mobilisation_minutes=5)
    asks = await make_asset(cast.neighbour, mobilisation_minutes=1)
    denied = await make_asset(cast.stranger, mobilisation_minutes=1, sharing="network")
    await make_asset(cast.assisting, type_level=3)
    await make_asset(cast.assisting, category="k9.explosives")
    await make_asset(cast.requesting, sharing="network")
    await make_loan(lender, asset=taken, window=window)
    others = {fast["id"], slow["id"], taken["id"], asks["id"], denied["id"]}
    found = await needed(cast, window=window)
    items = [each for each in await ranked(cast, found, "?limit=200") if each["asset"]["id"] in others]
    assert [each["asset"]["id"] for each in items] == [each["id"] for each in (fast, slow, taken, asks, denied)]
    assert [each["outcome"] for each in items] == ["permitted"] * 3 + ["needs_approval", "denied"]
    assert [each["ranked_by"] for each in items[1:4]] == ["arrival", "availability", "outcome"]
    assert [each["availability"]["available"] for each in items] == [True, True, False, True, True]
    kinds = [[(each["kind"], each["cured_by"]) for each in item["hindrances"]] for item in items]
    assert kinds[:4] == [[], [], [("availability", "assisting")], [("approval", "assisting")]]
    assert {each for each, _ in kinds[4]} <= {"denial"}
    (hindrance,) = items[2]["hindrances"]
    assert f"{window.end:%Y-%m-%d %H:%M} UTC" in hindrance["said"]


async def test_what_it_says_is_what_an_offer_of_it_gets(cast: Cast) -> None:
    await make_partners(cast)
    await make_asset(cast.assisting)
    found = await sourced(cast.requesting, [cast.assisting])
    (item,) = [each for each in await ranked(cast, found) if each["agency"]["id"] == str(cast.assisting.id)]
    assert item["asked"]
    path = f"/v1/requests/{found['id']}/lines/{found['lines'][1]['id']}/offer"
    offered = await cast.assisting.coordinator.done("POST", path, {"asset_id": item["asset"]["id"]})
    decision = offered["lines"][0]["decision"]
    assert (decision["outcome"], decision["reasons"]) == (item["outcome"], item["reasons"])


async def test_who_was_helped_and_what_was_used_settle_what_is_alike(cast: Cast) -> None:
    partners = await make_partners(cast)
    used, unused = [await make_asset(cast.assisting, mobilisation_minutes=7) for _ in range(2)]
    start = window_of(start_in_hours=-400)
    loan = await make_loan(
        partners, "returned", asset=used, window=Window(start=start.start, end=start.end + timedelta(days=30))
    )
    later = window_of(start_in_hours=9_000)
    for asset in (used, unused):
        await make_loan(partners, "reserved", asset=asset, window=later)
    items = await ranked(cast, await needed(cast))
    mine = [each for each in items if each["agency"]["id"] == str(cast.assisting.id)]
    assert [each["asset"]["id"] for each in mine] == [unused["id"], used["id"]]
    assert (mine[1]["ranked_by"], mine[0]["last_used_at"]) == ("last_used", None), "what is only reserved was not used"
    assert mine[1]["last_used_at"] == loan["dispatched_at"]
    assert {(each["loans_from_agency"], each["loans_to_agency"]) for each in mine} == {(3, 0)}


async def test_pages_hold_each_candidate_once(cast: Cast) -> None:
    await make_partners(cast)
    made = [await make_asset(cast.assisting, mobilisation_minutes=number) for number in range(5)]
    found = await needed(cast)
    whole = [each["asset"]["id"] for each in await ranked(cast, found, "?limit=200")]
    assert {each["id"] for each in made} <= set(whole)
    pages, query = list[str](), "?limit=2"
    while True:
        page = await cast.requesting.coordinator.done("GET", path_of(found) + query)
        pages += [each["asset"]["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert pages == whole
    assert page["weighed"] == len(whole)


async def test_for_a_certain_asset_others_of_its_category_are_shown(cast: Cast) -> None:
    await make_partners(cast)
    asset, other = await make_asset(cast.assisting), await make_asset(cast.assisting)
    found = await make_request(cast.requesting, asset, lines=[line_for(asset)])
    ids = [each["asset"]["id"] for each in await ranked(cast, found, "?limit=200")]
    assert {asset["id"], other["id"]} <= set(ids)


async def test_only_who_asks_sees_candidates(cast: Cast) -> None:
    await make_partners(cast)
    found = await sourced(cast.requesting, [cast.assisting])
    path = path_of(found)
    assert_problem(await cast.requesting.service.anonymous.get(path), 401)
    assert_problem(await cast.stranger.coordinator.get(path), 404)
    assert_problem(await cast.assisting.coordinator.get(path), 404)
    assert_problem(await cast.assisting.coordinator.get(path_of(found, 1)), 403)
    assert_problem(await cast.requesting.auditor.get(path), 403)
    unknown = f"/v1/requests/{found['id']}/lines/{uuid4()}/candidates"
    assert_problem(await cast.requesting.coordinator.get(unknown), 404)
    for query in ("?limit=0", "?colour=red"):
        assert_problem(await cast.requesting.coordinator.get(path + query), 400)
    assert_problem(await cast.requesting.coordinator.get(f"{path}?cursor=x"), 422)
