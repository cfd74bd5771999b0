"""The shared words over HTTP: looked up by everybody, searched by word and by place in the tree."""

from registry.directory.taxonomy.seed import load_categories, load_headings, load_purposes, load_types
from registry.platform.http.paging import encode_cursor
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service


async def codes(caller: Caller, path: str) -> list[str]:
    """Of all pages; of categories those that all share, since other tests add some of agencies."""
    found: list[str] = []
    while path:
        response = await caller.get(path)
        assert response.status_code == 200, response.text
        found += [item["code"] for item in response.json()["items"]]
        path = response.links["next"]["url"] if "next" in response.links else ""
    return [code for code in found if not code.startswith("own-")]


async def test_a_category_tells_its_ancestors_its_other_words_and_its_published_types(cast: Cast) -> None:
    found = await cast.stranger.auditor.done("GET", "/v1/categories/k9.narcotics")
    assert found["parent"] == "k9"
    assert found["ancestors"] == ["any", "k9"]
    assert found["resource_kind"] == "team"
    fact = load_types()[0]
    typed = await cast.stranger.auditor.done("GET", f"/v1/categories/{fact.category}")
    assert {"level": fact.type_level, "minimum_capability": fact.minimum_capability, "source": fact.source} in [
        {name: each[name] for name in ("level", "minimum_capability", "source")} for each in typed["types"]
    ]
    assert (await cast.stranger.auditor.done("GET", "/v1/categories/any"))["parent"] is None


async def test_a_category_says_how_it_is_typed_and_by_whom(cast: Cast) -> None:
    caller = cast.requesting.coordinator
    swat = await caller.done("GET", "/v1/categories/team.swat")
    assert (swat["typing"], swat["nims_id"], swat["scheme"]) == ("published", "6-508-1245", "nims")
    sets = [
        (each["level"], measure["requirement"])
        for each in swat["types"]
        for measure in each["measures"]
        if measure["component"] == "self-contained breathing apparatus"
    ]
    assert sets == [(1, "14"), (2, "recommended")]
    dive = await caller.done("GET", "/v1/categories/team.dive")
    assert dive["typing"] == "levels_only"
    assert [(each["level"], each["minimum_capability"], each["measures"]) for each in dive["types"]] == [
        (level, None, []) for level in (1, 2, 3, 4)
    ]
    lab = await caller.done("GET", "/v1/categories/lab.dna")
    assert (lab["typing"], lab["scheme"], lab["discipline"]) == ("none", "iso_iec_17025", "Biology")
    assert lab["types"] == []
    assert (lab["speed_kmh"], lab["speed_basis"]) == (None, None)
    helicopter = await caller.done("GET", "/v1/categories/aircraft.helicopter")
    assert helicopter["speed_kmh"] == 200
    assert "Working figure" in helicopter["speed_basis"]


async def test_a_category_shows_the_attributes_that_hold_for_it_those_above_it_first(cast: Cast) -> None:
    found = await cast.requesting.coordinator.done("GET", "/v1/categories/vehicle.command_post")
    shown = [(each["name"], each["defined_by"]) for each in found["attributes"]]
    assert shown[0] == ("make", "vehicle")
    assert ("mast_m", "vehicle.command_post") in shown
    assert shown.index(("fuel", "vehicle")) < shown.index(("work_stations", "vehicle.command_post"))
    (drive,) = (each for each in found["attributes"] if each["name"] == "drive")
    assert (drive["kind"], drive["choices"]) == ("choice", ["two_wheel", "all_wheel", "tracked"])
    (mast,) = (each for each in found["attributes"] if each["name"] == "mast_m")
    assert (mast["kind"], mast["measured_in"], mast["minimum"], mast["maximum"]) == ("number", "m", 0, 60)


async def test_an_unchanged_category_is_not_sent_again(cast: Cast) -> None:
    first = await cast.stranger.coordinator.get("/v1/categories/k9")
    again = await cast.stranger.coordinator.get("/v1/categories/k9", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


async def test_an_unknown_category_is_not_found(cast: Cast) -> None:
    assert_problem(await cast.stranger.coordinator.get("/v1/categories/k9.unicorn"), 404, "not_found")
    assert_problem(await cast.stranger.coordinator.get("/v1/categories/K9'%20OR%201=1"), 404, "not_found")


async def test_the_words_need_a_token_and_the_scope(service: Service, cast: Cast) -> None:
    for path in ("/v1/categories", "/v1/categories/k9", "/v1/purposes", "/v1/provision-headings"):
        assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
        elsewhere = cast.stranger.as_(scope="loans:read")
        assert_problem(await elsewhere.get(path), 403, "forbidden")


async def test_children_are_asked_by_parent_and_all_descendants_by_ancestor(cast: Cast) -> None:
    caller = cast.requesting.coordinator
    facts = load_categories()
    children = await codes(caller, "/v1/categories?parent=any&limit=200")
    assert set(children) == {fact.code for fact in facts if fact.parent == "any"}
    under = await codes(caller, "/v1/categories?under=k9&limit=200")
    assert set(under) == {fact.code for fact in facts if fact.code == "k9" or fact.code.startswith("k9.")}
    assert len(await codes(caller, "/v1/categories?under=any&limit=200")) == len(facts)
    assert await codes(caller, "/v1/categories?under=nothing.such") == []


async def test_categories_are_found_by_word_alias_and_beginning(cast: Cast) -> None:
    caller = cast.requesting.coordinator
    assert "k9.narcotics" in await codes(caller, "/v1/categories?q=narcotics&limit=200")
    for fact in load_categories():
        for alias in fact.aliases[:1]:
            response = await caller.get("/v1/categories", params={"q": alias, "limit": "200"})
            assert fact.code in [item["code"] for item in response.json()["items"]]
    narrowed = await codes(caller, "/v1/categories?q=narc*&under=k9&limit=200")
    assert "k9.narcotics" in narrowed
    assert all(code.startswith("k9") for code in narrowed)
    assert await codes(caller, "/v1/categories?q=narc") == []


async def test_pages_follow_one_another_without_gap_or_repeat(cast: Cast) -> None:
    for path, facts in (
        ("/v1/categories", load_categories()),
        ("/v1/categories?q=team", None),
        ("/v1/purposes", load_purposes()),
        ("/v1/provision-headings", load_headings()),
    ):
        join = "&" if "?" in path else "?"
        whole = await codes(cast.requesting.coordinator, f"{path}{join}limit=200")
        seen, here = [], f"{path}{join}limit=7"
        while here:
            response = await cast.requesting.coordinator.get(here)
            seen += [item["code"] for item in response.json()["items"] if not item["code"].startswith("own-")]
            here = response.links["next"]["url"] if "next" in response.links else ""
        assert seen == whole
        assert len(set(seen)) == len(seen) > 7
        if facts is not None:
            assert set(seen) == {fact.code for fact in facts}


async def test_a_cursor_of_another_making_is_refused(cast: Cast) -> None:
    for key in (["k9\x00"], [7], ["k9", "k9"], ["x" * 100]):
        for path in ("/v1/categories", "/v1/purposes", "/v1/provision-headings"):
            response = await cast.requesting.coordinator.get(f"{path}?cursor={encode_cursor(key)}")
            assert_problem(response, 422, "bad_cursor")


async def test_a_filter_that_is_none_is_refused_and_not_ignored(cast: Cast) -> None:
    caller = cast.requesting.coordinator
    assert_problem(await caller.get("/v1/categories?ancestor=k9"), 400, "unknown_parameter")
    assert_problem(await caller.get("/v1/categories?parent=K9"), 400, "invalid_parameter")
    assert_problem(await caller.get("/v1/categories?q=%21%21"), 422, "bad_words")
    assert_problem(await caller.get("/v1/purposes?q=training"), 400, "unknown_parameter")
