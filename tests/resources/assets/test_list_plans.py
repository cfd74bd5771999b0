"""The plans of the asset list: whatever is asked, an index leads, and no table of assets is read from end to end."""

import random
from itertools import product
from typing import Any

import pytest

from registry.platform.database.fast import Selection
from registry.resources.assets.queries.asking import criteria_of, words_of
from registry.resources.assets.queries.finding import counting_statement, page_statement
from registry.resources.assets.queries.spelling import NEAR, near_parameters
from registry.resources.assets.schemas.listing import AssetQuery
from tests.resources.assets.test_asset_search import caller_of
from tests.support.cast import Cast
from tests.support.length import at_length
from tests.support.plans import plans_of
from tests.support.service import Service

ASKED: dict[str, list[dict[str, Any]]] = {
    "category": [{"category": "k9.narcotics"}, {"category": "k9"}],
    "words": [{"q": "narcotcs dog"}, {"q": '"north river" 90*'}],
    "place": [{"latitude": 44.98, "longitude": -93.27, "within_km": 80.0}],
    "owner": [{"state": ("MN", "WI")}, {"lendable": True}],
    "rest": [{"type_at_least": 2}, {"attributes": {"seats_from": "8"}}],
}
SORTS = (None, "created_at", "name", "-name")


def questions() -> list[dict[str, Any]]:
    """Every choice of one condition of each kind, or none; and by turns the orders."""
    choices = [[{}, *options] for options in ASKED.values()]
    found = [{name: value for part in parts for name, value in part.items()} for parts in product(*choices)]
    chance = random.Random(3)
    return [{**asked, "sort": chance.choice(SORTS)} for asked in chance.sample(found, at_length(30, 162, 162)) if asked]


async def plan_of(service: Service, statement: Selection, parameters: dict[str, object]) -> str:
    [plan] = await plans_of(service.database, [(statement, parameters)])
    return plan


def reads_all(plan: str) -> bool:
    """Whether a plan reads all assets; walking them in an index, in the order of the list, is no such thing."""
    return any(
        line.strip().startswith(("SCAN asset", "Seq Scan on asset", "->  Seq Scan on asset"))
        and "USING" not in line
        and "INDEX" not in line
        and "asset_attribute" not in line
        for line in plan.splitlines()
    )


@pytest.mark.grows
async def test_no_question_reads_all_assets(service: Service, cast: Cast) -> None:
    """Only what names nothing that an index knows walks along the assets in their order, and stops after a page."""
    caller = caller_of(cast.requesting.id)
    read = service.database.read()
    for asked in questions():
        query = AssetQuery(**asked)
        found = await criteria_of(read, caller, query, await words_of(read, query))
        page = page_statement(read.dialect, found.filters, found.categories, found.sort)
        plan = await plan_of(service, page, found.parameters)
        walks = not {"category", "q", "latitude", "state", "lendable", "attributes"} & asked.keys()
        assert walks or not reads_all(plan), f"{asked}\n{plan}"
        counted = counting_statement(read.dialect, found.filters, found.categories, ("category", "state"))
        plan = await plan_of(service, counted, found.parameters)
        assert walks or not reads_all(plan), f"{asked} (counted)\n{plan}"


async def test_a_misspelt_word_is_looked_up_in_the_indexes_of_halves(service: Service, cast: Cast) -> None:
    plan = await plan_of(service, NEAR, near_parameters("zorbnthe"))
    assert "ix_asset_word_head" in plan
    assert "ix_asset_word_tail" in plan
    assert not [line for line in plan.splitlines() if "SCAN asset_word" in line or "Seq Scan" in line], plan


@pytest.mark.one_database
async def test_the_plan_of_each_kind_of_question_is_the_one_that_was_measured(service: Service, cast: Cast) -> None:
    caller = caller_of(cast.requesting.id)
    read = service.database.read()
    point = {"latitude": 44.98, "longitude": -93.27, "within_km": 80.0}
    for asked, leads in (
        ({"category": "k9.narcotics"}, "SEARCH asset USING INDEX ix_asset_category (category=?)"),
        (
            {"category": "k9.narcotics", **point},
            "SEARCH asset USING INDEX ix_asset_category_cell (category=? AND cell=?)",
        ),
        ({"q": "dog"}, "SCAN asset_fts VIRTUAL TABLE"),
        ({"q": "dog", **point}, "SCAN asset_fts VIRTUAL TABLE"),
        ({"state": ("MN",)}, "(agency_id=?)"),
        (
            {"state": ("MN",), "category": "k9.narcotics"},
            "SEARCH asset USING INDEX ix_asset_agency (agency_id=? AND category=?)",
        ),
        ({"category": "k9.narcotics", "sort": "name"}, "SEARCH asset USING INDEX ix_asset_category_name (category=?)"),
        ({"sort": "name"}, "SEARCH asset USING INDEX ix_asset_category_name (category=?)"),
        ({"attributes": {"breed": "Malinois"}}, "USING INDEX ix_asset_attribute_text (name=? AND text=?)"),
        ({"identifier": "N123AB"}, "USING INDEX ix_asset_identifier_value_key (value_key=?)"),
        ({"serves_county": "27053"}, "USING INDEX ix_asset_area_code (code=?)"),
        ({"certification": "bomb"}, "ix_asset_certification_code (code=?)"),
        ({"funding": "leso_1033"}, "ix_asset_funding_code (code=?)"),
        ({}, "SCAN asset"),
    ):
        query = AssetQuery(**asked)
        found = await criteria_of(read, caller, query, await words_of(read, query))
        page = page_statement(read.dialect, found.filters, found.categories, found.sort)
        plan = await plan_of(service, page, found.parameters)
        assert leads in plan, f"{asked}\n{plan}"
