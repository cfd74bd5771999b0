"""Metrics of corrective actions, objectives and reviews: told by hand, for those whom they concern."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.outcomes.engagements import commands as engagements
from registry.outcomes.engagements.rules import EngagementKind
from registry.outcomes.engagements.schemas import (
    CorrectiveActionCompletion,
    CorrectiveActionReopening,
    EngagementCompletion,
    NewCorrectiveAction,
    NewEngagement,
)
from registry.outcomes.objectives import commands as objectives
from registry.outcomes.objectives.rules import ObjectiveDirection
from registry.outcomes.objectives.schemas import (
    MeasurementContest,
    NewMeasurement,
    NewObjective,
    ObjectiveWithdrawal,
)
from registry.platform.access.principals import Caller, Role
from registry.platform.database.connect import unit_of_work
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.deadlines import settle
from tests.support.policy import acting_for
from tests.support.problems import assert_problem

SPRING = "from=2025-03-01T00:00:00Z&to=2025-05-01T00:00:00Z"


def at(text: str) -> datetime:
    """`MM-DD` of 2025, at noon in UTC."""
    return datetime.fromisoformat(f"2025-{text}T12:00").replace(tzinfo=UTC)


def by(agency: Agency, when: str) -> Caller:
    return acting_for(agency, Role.COORDINATOR, now=at(when))


async def groups(agency: Agency, key: str, query: str = SPRING) -> dict[str | None, tuple[Any, ...]]:
    """Numerator, denominator and observations of each group."""
    found = await agency.auditor.done("GET", f"/v1/metrics/{key}?{query}")
    return {
        each["key"]: tuple(each["measure"][name] for name in ("numerator", "denominator", "n"))
        for each in found["groups"]
    }


@pytest.fixture
async def signed(cast: Cast) -> dict[str, Any]:
    """An agreement of two agencies since March 2024, with nothing public in it."""
    return await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, effective_on="2024-03-01", provisions=[]
    )


async def hold_a_meeting(cast: Cast, agreement_id: str | None = None) -> UUID:
    """The assisting agency holds one on 10 March in which the requesting one takes part."""
    new = NewEngagement(
        kind=EngagementKind.MEETING,
        title="Radios",
        starts_at=at("03-10"),
        ends_at=at("03-10") + timedelta(hours=2),
        time_zone="UTC",
        agreement_id=None if agreement_id is None else UUID(agreement_id),
        agency_ids=[cast.requesting.id],
    )
    database = cast.assisting.service.database
    async with unit_of_work(database) as write:
        made = await engagements.plan_engagement(write, by(cast.assisting, "03-01"), new)
        await engagements.accept_invitation(write, by(cast.requesting, "03-02"), made.id, None)
        held = EngagementCompletion(participation=[])
        await engagements.complete_engagement(write, by(cast.assisting, "03-11"), made.id, held, None)
    return made.id


async def improve(cast: Cast, held: UUID, owner: Agency, due_on: str, done: str | None, *, back: bool = False) -> None:
    """A corrective action of the owner, due and done then; `back` where it was sent back for more."""
    new = NewCorrectiveAction(owner_agency_id=owner.id, title="A channel", due_on=date.fromisoformat(due_on))
    async with unit_of_work(owner.service.database) as write:
        made = await engagements.plan_action(write, by(cast.assisting, "03-12"), held, new, None)
        if done is not None:
            said = CorrectiveActionCompletion(statement="Done (demo).")
            await engagements.complete_action(write, by(owner, done), made.id, said, None)
        if back:
            more = CorrectiveActionReopening(reason="Not on all radios.")
            await engagements.reopen_action(write, by(cast.assisting, "03-20"), made.id, more, None)


async def test_corrective_actions_count_for_their_owner_and_for_who_held_what_they_came_of(
    cast: Cast, signed: dict[str, Any]
) -> None:
    held = await hold_a_meeting(cast, signed["id"])
    await improve(cast, held, cast.requesting, "2025-03-31", "03-31")  # on its day
    await improve(cast, held, cast.requesting, "2025-04-10", "04-11")  # late
    await improve(cast, held, cast.assisting, "2025-04-10", "03-15")
    await improve(cast, held, cast.requesting, "2025-04-20", "03-15", back=True)
    await improve(cast, held, cast.requesting, "2025-06-01", None)  # due later
    key = "improvement_plan_closure"
    assert await groups(cast.assisting, key) == {None: (2, 4, 4)}
    assert await groups(cast.requesting, key) == {None: (1, 3, 3)}
    assert await groups(cast.stranger, key) == {None: (0, 0, 0)}
    by_month = f"{SPRING}&group_by=month"
    assert await groups(cast.requesting, key, by_month) == {"2025-03": (1, 1, 1), "2025-04": (0, 2, 2)}
    early = f"{SPRING}&as_of=2025-03-31T06:00:00Z"
    assert await groups(cast.assisting, key, early) == {None: (0, 0, 0)}, "a day is over as it ends"
    under = f"{SPRING}&agreement_id={signed['id']}"
    assert await groups(cast.assisting, key, under) == {None: (2, 4, 4)}
    assert await groups(cast.assisting, key, f"{SPRING}&group_by=agreement") == {signed["id"]: (2, 4, 4)}
    found = await cast.requesting.auditor.done("GET", f"/v1/metrics/{key}?{SPRING}")
    assert found["data_from"] == "2025-03-12T12:00:00Z"
    refused = await cast.requesting.auditor.get(f"/v1/metrics/{key}?{SPRING}&category=k9")
    assert_problem(refused, 422, "metric_not_by")


async def aim(cast: Cast, agreement_id: str, weight: int, values: Sequence[tuple[str, float]]) -> UUID:
    """An objective of ten hours by 31 March, and what was measured."""
    new = NewObjective(
        title="Trained together",
        measured_in="hours",
        direction=ObjectiveDirection.AT_LEAST,
        target=10,
        weight=weight,
        due_on=date(2025, 3, 31),
    )
    async with unit_of_work(cast.assisting.service.database) as write:
        made = await objectives.set_objective(write, by(cast.assisting, "03-01"), UUID(agreement_id), new, None)
        for day, value in values:
            said = NewMeasurement(measured_on=date.fromisoformat(f"2025-{day}"), value=value, source="Log")
            await objectives.measure_objective(write, by(cast.assisting, "04-20"), made.id, said, None)
    return made.id


async def test_objectives_count_by_their_weight_on_their_day(cast: Cast, signed: dict[str, Any]) -> None:
    await aim(cast, signed["id"], 3, [("03-10", 4), ("03-30", 12)])
    await aim(cast, signed["id"], 2, [("03-30", 9), ("04-02", 40)])  # reached two days too late
    await aim(cast, signed["id"], 4, [])
    contested = await aim(cast, signed["id"], 1, [("03-30", 12)])
    withdrawn = await aim(cast, signed["id"], 9, [("03-30", 12)])
    key, database = "objective_attainment", cast.assisting.service.database
    assert await groups(cast.requesting, key) == {None: (13, 19, 5)}
    path = f"/v1/objectives/{contested}"
    (it,) = (await cast.assisting.auditor.done("GET", path))["measurements"]
    async with unit_of_work(database) as write:
        said = MeasurementContest(measurement_id=UUID(it["id"]), reason="Not there.")
        await objectives.contest_measurement(write, by(cast.requesting, "04-21"), contested, said, None)
        gone = ObjectiveWithdrawal(reason="Dissolved.")
        await objectives.withdraw_objective(write, by(cast.assisting, "04-22"), withdrawn, gone, None)
    for agency in (cast.assisting, cast.requesting):
        assert await groups(agency, key) == {None: (3, 10, 4)}
    assert await groups(cast.assisting, key, f"{SPRING}&as_of=2025-04-21T18:00:00Z") == {None: (12, 19, 5)}
    by_month = await groups(cast.assisting, key, f"{SPRING}&group_by=month&time_zone={signed['time_zone']}")
    assert by_month["2025-03"] == (3, 10, 4)
    assert await groups(cast.stranger, key) == {None: (0, 0, 0)}
    under = f"{SPRING}&agreement_id={signed['id']}"
    assert await groups(cast.assisting, key, under) == {None: (3, 10, 4)}
    found = await cast.assisting.auditor.done("GET", f"/v1/metrics/{key}?{SPRING}")
    assert found["data_from"] == "2025-03-01T12:00:00Z"


async def test_reviews_count_on_the_day_on_which_they_were_due(cast: Cast, signed: dict[str, Any]) -> None:
    key, years = "review_compliance", "from=2024-06-01T00:00:00Z&to=2026-06-01T00:00:00Z"
    assert await groups(cast.requesting, key, years) == {None: (0, 0, 0)}, "no cycle was agreed on"
    await settle(cast.assisting.service, signed, review_every_months=12)
    assert await groups(cast.requesting, key, years) == {None: (0, 1, 1)}
    held = {"reviewed_on": "2025-02-20", "outcome": "keep"}
    await cast.assisting.legal.done("POST", f"/v1/agreements/{signed['id']}/complete-review", held)
    # Due on 1 March 2025 and held before that; the next, a year after it was held, was not.
    for agency in (cast.assisting, cast.requesting):
        assert await groups(agency, key, years) == {None: (1, 2, 2)}
        assert await groups(agency, key, f"{years}&agreement_id={signed['id']}") == {None: (1, 2, 2)}
    by_year = await groups(cast.requesting, key, f"{years}&group_by=year")
    assert by_year == {"2024": (0, 0, 0), "2025": (1, 1, 1), "2026": (0, 1, 1)}
    assert await groups(cast.stranger, key, years) == {None: (0, 0, 0)}
    found = await cast.requesting.auditor.done("GET", f"/v1/metrics/{key}?{years}")
    assert found["data_from"] is not None
    # What ended before a review was due is not reviewed.
    await settle(cast.assisting.service, signed, over_at=at("12-01"), over_by="expiry")
    assert await groups(cast.requesting, key, years) == {None: (1, 1, 1)}
