"""Names and points over HTTP: for everybody who may look up shared words."""

import pytest

from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.one_database


async def test_a_name_is_answered_with_what_it_may_mean(cast: Cast) -> None:
    caller = cast.stranger.auditor
    found = (await caller.done("GET", "/v1/places?q=Springfield,%20IL"))["items"]
    assert [(each["name"], each["kind"], each["state"]) for each in found] == [("Springfield", "place", "IL")]
    assert found[0]["location"] == {
        "latitude": pytest.approx(39.8, abs=0.1),
        "longitude": pytest.approx(-89.6, abs=0.1),
    }
    assert found[0]["population"] > 100_000
    assert found[0]["county_fips"] is None
    county = (await caller.done("GET", "/v1/places?q=Hennepin&state=MN"))["items"]
    assert [(each["kind"], each["county_fips"], each["population"]) for each in county] == [("county", "27053", None)]
    assert len((await caller.done("GET", "/v1/places?q=Springfield&limit=3"))["items"]) == 3
    near = await caller.done("GET", "/v1/places?q=Springfield&latitude=44.05&longitude=-123.02&limit=1")
    assert near["items"][0]["state"] == "OR"
    assert (await caller.done("GET", "/v1/places?q=Nowhere%20in%20Particular"))["items"] == []


async def test_a_point_is_answered_with_its_county(cast: Cast) -> None:
    caller = cast.requesting.coordinator
    found = await caller.done("GET", "/v1/places/at?latitude=44.98&longitude=-93.27")
    assert (found["county"]["county_fips"], found["county"]["name"]) == ("27053", "Hennepin County")
    assert (await caller.done("GET", "/v1/places/at?latitude=35&longitude=-130"))["county"] is None


async def test_places_need_a_token_and_the_scope(service: Service, cast: Cast) -> None:
    for path in ("/v1/places?q=Duluth", "/v1/places/at?latitude=44.98&longitude=-93.27"):
        assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
        assert_problem(await cast.stranger.as_(scope="loans:read").get(path), 403, "forbidden")


async def test_what_is_no_name_or_no_point_is_refused(cast: Cast) -> None:
    caller = cast.requesting.coordinator
    assert_problem(await caller.get("/v1/places"), 400, "missing_parameter")
    assert_problem(await caller.get("/v1/places?q="), 400, "invalid_parameter")
    assert_problem(await caller.get("/v1/places?q=Duluth&state=Minnesota"), 400, "invalid_parameter")
    assert_problem(await caller.get("/v1/places?q=Duluth&limit=51"), 400, "invalid_parameter")
    assert_problem(await caller.get("/v1/places?q=Duluth&latitude=44.98"), 422, "incomplete_place")
    assert_problem(await caller.get("/v1/places?q=Duluth&longitude=-93"), 422, "incomplete_place")
    assert_problem(await caller.get("/v1/places/at?latitude=44.98"), 400, "missing_parameter")
    assert_problem(await caller.get("/v1/places/at?latitude=91&longitude=0"), 400, "invalid_parameter")
