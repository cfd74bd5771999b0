"""The funds: each is explained, cited and dated, and policies and assets use no other codes."""

import re

import pytest

from registry.directory.taxonomy.funding import REVIEW, check_funding, explained, funding_sources
from registry.platform.kernel.errors import RuleBroken
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.places import ROOT
from tests.support.problems import assert_problem


def test_each_fund_says_what_it_restricts_and_what_was_read_for_that() -> None:
    for code, each in funding_sources().items():
        assert (each.code, each.review) == (code, REVIEW)
        assert min(len(each.name), len(each.restricts), len(each.checked_against)) > 10, code
        assert each.authority is None or re.search(r"U\.S\.C\.|CFR|Gov\. Code", each.authority), code
    assert {"leso_1033", "equitable_sharing", "uasi", "shsp", "byrne_jag"} <= funding_sources().keys()


def test_policies_ask_for_no_fund_that_there_is_not() -> None:
    policies = [path.read_text() for path in (ROOT / "policies").rglob("*.cedar")]
    asked = {code for text in policies for code in re.findall(r'funding\.contains\("(\w+)"\)', text)}
    assert asked
    assert asked <= funding_sources().keys()


def test_a_code_that_is_none_is_refused_at_its_place() -> None:
    check_funding(["uasi", "shsp"], "/funding")
    with pytest.raises(RuleBroken) as refused:
        check_funding(["uasi", "leso"], "/funding")
    assert refused.value.faults[0].pointer == "/funding/1"
    assert [each.code for each in explained(["shsp", "gone"])] == ["shsp"]


async def test_an_asset_says_what_its_funds_restrict_and_takes_no_other_code(cast: Cast) -> None:
    admin = cast.assisting.admin
    listed = await admin.done("GET", "/v1/funding-sources")
    assert [each["code"] for each in listed["items"]] == [*funding_sources()]
    assert_problem(await cast.assisting.service.anonymous.get("/v1/funding-sources"), 401, "unauthenticated")
    asset = await make_asset(cast.assisting, funding=["leso_1033"])
    assert [each["authority"] for each in asset["funding_sources"]] == ["10 U.S.C. 2576a"]
    assert all(each in listed["items"] for each in asset["funding_sources"])
    path = f"/v1/assets/{asset['id']}"
    wrong = await admin.patch(path, {"funding": ["leso"]}, if_match="*")
    assert_problem(wrong, 422, "unknown_funding_source")
    body = {"category": "k9", "name": "Team", "sharing": "network", "funding": ["leso"]}
    assert_problem(await admin.post("/v1/assets", body), 422, "unknown_funding_source")
    assert (await admin.done("PATCH", path, {"funding": ["uasi", "local_funds"]}, if_match="*"))["funding_sources"][1][
        "authority"
    ] is None
