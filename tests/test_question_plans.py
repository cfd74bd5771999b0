"""What large tables are asked: each by an index, in few statements, however much they hold.

The questions are those of `benchmarks.nation`, where their times are measured; the plans here are those of a small
database whose planner is kept from reading small tables whole.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from benchmarks.agreements.__main__ import Listening
from benchmarks.nation.asking import MANNERS
from benchmarks.nation.questions import ORDINARY, WORDS, Case
from registry.agreements.instruments.queries.listing import list_agreements
from registry.agreements.instruments.schemas.asked import AgreementQuery
from registry.directory.agencies.queries import list_agencies
from registry.directory.agencies.schemas import AgencyQuery
from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window, utc_now
from registry.resources.assets.queries.listing import list_assets
from registry.resources.assets.schemas.listing import AssetPage, AssetQuery
from registry.resources.personnel.queries.counting import list_capabilities
from registry.resources.personnel.queries.listing import list_records
from registry.resources.personnel.schemas import PersonnelQuery
from registry.resources.personnel.searching import CapabilityQuery
from registry.sharing.loans.queries.listing import list_loans
from registry.sharing.loans.schemas.given import LoanQuery
from registry.sharing.requests.queries.listing import list_requests
from registry.sharing.requests.schemas.given import RequestQuery
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.plans import plans_of
from tests.support.policy import window_of
from tests.support.service import Service

LARGE = ("asset", "loan", "allocation", "personnel_record", "personnel_capability", "capability_published")


class Asked(Struct, frozen=True):
    """How many statements a question took, their plans, and how much was found."""

    statements: int
    plans: list[str]
    found: int


@pytest.fixture
async def case(service: Service, cast: Cast) -> Case:
    """A partner of whom one may borrow a narcotics team nearby."""
    await sign_agreement(service, cast.assisting, cast.requesting)
    team = await make_asset(cast.assisting)
    window: Window = window_of()
    return Case(
        viewer=cast.requesting.id,
        latitude=44.9,
        longitude=-93.1,
        start=window.start,
        end=window.end,
        asset_id=UUID(team["id"]),
        now=utc_now(),
    )


async def explained(service: Service, ask: Any, case: Case, *, without: Sequence[str] = ("seqscan",)) -> Asked:
    await ask(service.database.read(), case)  # what is kept, as the tree of categories, is kept from now on
    listening = Listening(service.database.read())
    answer = await ask(listening, case)
    plans = await plans_of(service.database, listening.asked, without=without)
    return Asked(len(listening.asked), plans, len(getattr(answer, "items", [answer])))


def whole_tables(plan: str) -> list[str]:
    """The lines that read a large table from end to end; walking along an index and stopping is no such thing.

    What would have been found without one of the conditions is counted among so many assets and no more.
    """
    if "CO-ROUTINE found" in plan:
        return []
    return [
        line
        for line in plan.splitlines()
        for table in LARGE
        if line.strip().removeprefix("->").strip().split(" (")[0].split("  ")[0]
        in (f"SCAN {table}", f"Seq Scan on {table}")
    ]


async def _listed(question: AssetQuery, read: Read, case: Case) -> AssetPage:
    return await list_assets(read, case.caller, question)


async def test_the_national_question_takes_one_look_at_the_place_or_the_words(service: Service, case: Case) -> None:
    for asked in MANNERS.values():
        question = case.national(**asked)
        without = ("seqscan", "indexscan") if "q" in asked else ("seqscan",)
        ask = partial(_listed, question)
        got = await explained(service, ask, case, without=without)
        assert got.found, "what is explained is a question that finds something"
        # Before the page, whether the categories are as known; after it, how its teams are certified, and what their
        # agencies keep at home in the window.
        assert got.statements == (3 if "q" in asked else 4), got.plans
        plan, certified, kept = got.plans[-3:]
        for each in (plan, certified, kept):
            assert not whole_tables(each), each
        if service.database.dialect == "postgresql":
            # The partners and what they cover are looked at for each row, and lead to no second look at the index.
            assert plan.count(" on asset  ") == 1, plan
            assert "IS TRUE" in plan, plan
            assert ("ix_asset_search_vector" in plan) == ("q" in asked), plan
        else:
            leads = "SCAN asset_fts VIRTUAL TABLE" if "q" in asked else "ix_asset_category_cell (category=? AND cell=?)"
            assert leads in plan.splitlines()[0], plan


async def test_no_ordinary_question_reads_a_large_table(service: Service, case: Case) -> None:
    for question in ORDINARY:
        got = await explained(service, question.ask, case)
        for plan in got.plans:
            assert not whole_tables(plan), f"{question.name}\n{plan}"
        assert got.statements <= 8 or not got.found, question.name


async def test_a_question_to_the_whole_country_lists_none_of_its_cells(service: Service, case: Case) -> None:
    """There are hundreds of thousands on the globe, and thousands of agencies: the nearest are for the database."""
    listening = Listening(service.database.read())
    await list_capabilities(listening, case.caller, CapabilityQuery(capability="language.spa", limit=20))
    assert len(listening.asked) > 2
    assert not [each for _, each in listening.asked if "cells" in each]
    assert sum(each.get("limit") == 21 for _, each in listening.asked) == 1, "no more agencies than the page has"


async def test_who_publishes_nothing_around_a_point_is_found_by_the_cells_there(service: Service, case: Case) -> None:
    around = CapabilityQuery(capability="language.spa", latitude=case.latitude, longitude=case.longitude, within_km=80)
    got = await explained(service, lambda read, one: list_capabilities(read, one.caller, around), case)
    (plan,) = [each for each in got.plans if "released_sharing" in each or "LEFT-JOIN" in each]
    if service.database.dialect == "sqlite":
        assert plan.splitlines()[0] == "SEARCH agency USING INDEX ix_agency_cell (cell=?)", plan


async def test_what_has_changed_is_found_by_the_instant_of_its_change(service: Service, case: Case) -> None:
    """Whoever keeps a copy asks every minute, and mostly nothing has changed."""
    # Later than what other tests did at an hour that is still to come.
    since: dict[str, Any] = {"updated_from": datetime(2199, 12, 31, tzinfo=UTC), "sort": "updated_at"}
    who = case.caller.principal
    asked: dict[str, Any] = {
        "ix_asset_public_updated_at": lambda read: list_assets(read, case.caller, AssetQuery(**since)),
        "ix_agency_updated_at": lambda read: list_agencies(read, AgencyQuery(**since)),
        "ix_agreement_public_updated_at": lambda read: list_agreements(read, who, AgreementQuery(**since), case.now),
        "ix_loan_requesting_updated": lambda read: list_loans(read, who, LoanQuery(**since), case.now),
        "ix_loan_assisting_updated": lambda read: list_loans(read, who, LoanQuery(**since), case.now),
        "ix_personnel_record_updated_at": lambda read: list_records(read, case.caller, PersonnelQuery(**since)),
        "ix_request_updated_at": lambda read: list_requests(read, who, RequestQuery(**since), case.now),
    }
    for index, ask in asked.items():
        # Of few rows, those of one agency are sorted as cheaply as they are found in order.
        got = await explained(service, lambda read, _, ask=ask: ask(read), case, without=("seqscan", "sort"))
        assert got.statements == 1, "that nothing was found is not explained"
        assert index in got.plans[0], f"{index}\n{got.plans[0]}"


async def test_a_list_by_update_is_read_along_the_index_of_what_others_are_told(service: Service, case: Case) -> None:
    """Whoever begins a copy pages through all of it, of which its own is little."""
    who = case.caller.principal
    for sort in ("updated_at", "-updated_at"):
        for index, ask in {
            "ix_asset_public_updated_at": lambda read, by: list_assets(read, case.caller, AssetQuery(sort=by)),
            "ix_agreement_public_updated_at": lambda read, by: list_agreements(
                read, who, AgreementQuery(sort=by), case.now
            ),
        }.items():
            got = await explained(service, lambda read, _, ask=ask, by=sort: ask(read, by), case, without=("seqscan",))
            led = [line for line in got.plans[0].splitlines() if index in line]
            assert len(led) == 1, f"{sort}\n{got.plans[0]}"
            assert "SCAN" in led[0] or "Index Scan" in led[0], led


async def test_partners_are_collected_once_for_all_categories_of_a_group(service: Service, case: Case) -> None:
    """Each category is a run of its own: seventeen kinds of dogs would ask seventeen times who is a partner."""
    got = await explained(service, lambda read, one: list_assets(read, one.caller, AssetQuery(category="k9")), case)
    assert got.found
    plan = "\n".join(got.plans)
    assert plan.count("SEARCH mine ") + plan.count("agreement_party_window mine ") == 1, plan


async def test_words_within_a_state_are_looked_for_once(service: Service, case: Case) -> None:
    query = AssetQuery(q=WORDS, state=("MN", "WI"))
    # In a small table walking along the key costs as little as looking the words up.
    without = ("seqscan", "indexscan")
    got = await explained(service, lambda read, one: list_assets(read, one.caller, query), case, without=without)
    if service.database.dialect == "postgresql":
        assert got.plans[0].count("ix_asset_search_vector") == 1, got.plans[0]
        assert "BitmapAnd" not in got.plans[0], got.plans[0]
