"""In force, per pair and instant: at each edge, and the same from SQL as from the pure rule."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.agencies.tables import agency
from registry.agreements.commands import rewrite_windows
from registry.agreements.in_force import (
    AgreementDates,
    Interval,
    PartyHistory,
    force_windows,
    party_windows,
    withdrawal_ends_at,
)
from registry.agreements.queries import OPEN_END, candidates, covers_asset, partner_in_force
from registry.agreements.rules import Stage, derived_status
from registry.agreements.tables import agreement, agreement_party, agreement_suspension
from registry.database.connect import unit_of_work
from registry.kernel.time import format_instant, utc_now
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
TICK = timedelta(microseconds=1)
CHICAGO = "America/Chicago"


async def in_force(one: Agency, other: Agency, at: datetime | None = None, **more: str) -> list[dict[str, Any]]:
    query = {"requesting_agency_id": str(one.id), "assisting_agency_id": str(other.id), **more}
    if at is not None:
        query["at"] = format_instant(at)
    path = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    items: list[dict[str, Any]] = (await one.coordinator.done("GET", f"{PATH}/in-force?{path}"))["items"]
    return items


async def test_it_begins_with_its_first_day_and_ends_after_its_last(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, effective_on="2026-03-08", expires_on="2026-11-01")
    starts_at = datetime(2026, 3, 8, 6, tzinfo=UTC)  # Chicago before the clocks go forward
    ends_at = datetime(2026, 11, 2, 6, tzinfo=UTC)  # and after they have gone back
    for at, bound in ((starts_at - TICK, 0), (starts_at, 1), (ends_at - TICK, 1), (ends_at, 0)):
        assert len(await in_force(cast.requesting, cast.assisting, at)) == bound, at
        assert len(await in_force(cast.assisting, cast.requesting, at)) == bound, at
    (found,) = await in_force(cast.requesting, cast.assisting, starts_at)
    assert found["covers_until"] == "2026-11-02T06:00:00Z"
    assert found["terms"]["categories"] == ["any"]


async def test_suspension_stops_it_and_reinstatement_lets_it_bind_again(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    suspended = await cast.assisting.legal.done("POST", f"{path}/suspend", {"reason": "inquiry"})
    assert suspended["status"] == "suspended"
    stopped = datetime.fromisoformat(suspended["suspensions"][0]["start"])
    assert await in_force(cast.requesting, cast.assisting) == []
    assert len(await in_force(cast.requesting, cast.assisting, stopped - TICK)) == 1
    assert_problem(await cast.assisting.legal.post(f"{path}/suspend", {"reason": "again"}), 409, "wrong_state")
    back = await cast.assisting.legal.done("POST", f"{path}/reinstate", {"reason": "cleared"})
    assert (back["status"], len(back["suspensions"])) == ("in_force", 1)
    assert len(await in_force(cast.requesting, cast.assisting)) == 1
    assert await in_force(cast.requesting, cast.assisting, stopped) == []


async def test_termination_ends_it_for_all_at_the_instant_said(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    path = f"{PATH}/{found['id']}/terminate"
    at = utc_now() + timedelta(days=10)
    past = {"ground": "cause", "effective_at": format_instant(utc_now() - timedelta(days=1)), "reason": "x"}
    assert_problem(await cast.assisting.legal.post(path, past), 422, "not_then")
    body = {"ground": "mutual_consent", "effective_at": format_instant(at), "reason": "replaced"}
    ended = await cast.assisting.legal.done("POST", path, body)
    assert (ended["stage"], ended["status"]) == ("terminated", "in_force")
    for one, other in ((cast.requesting, cast.assisting), (cast.requesting, cast.neighbour)):
        assert len(await in_force(one, other, at - TICK)) == 1
        assert await in_force(one, other, at) == []
    later = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}?as_of={format_instant(at)}")
    assert later["status"] == "terminated"
    assert_problem(await cast.assisting.legal.post(path, body), 409, "wrong_state")


async def test_terminated_with_notice_it_binds_until_the_notice_has_run_out(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, notice_days=90)
    path = f"{PATH}/{found['id']}/terminate"
    runs_out = withdrawal_ends_at(utc_now().astimezone(ZoneInfo(CHICAGO)).date(), 90, CHICAGO)
    early = {"effective_at": format_instant(runs_out - TICK), "reason": "x"}
    problem = assert_problem(await cast.assisting.legal.post(path, early), 422, "not_then")
    assert format_instant(runs_out) in problem["detail"]
    ended = await cast.assisting.legal.done("POST", path, {"reason": "the council declined"})
    assert datetime.fromisoformat(ended["terminated_at"]) == runs_out
    assert len(await in_force(cast.requesting, cast.assisting, runs_out - TICK)) == 1
    assert await in_force(cast.requesting, cast.assisting, runs_out) == []


async def test_only_the_custodian_suspends_and_ends_it(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    for verb, body in (("suspend", {"reason": "x"}), ("terminate", {"reason": "x"})):
        path = f"{PATH}/{found['id']}/{verb}"
        assert_problem(await cast.requesting.legal.post(path, body), 403, "forbidden")
        assert_problem(await cast.assisting.coordinator.post(path, body), 403, "forbidden")


async def test_a_party_that_gives_notice_is_bound_until_it_has_run_out(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice_days=30)
    path = f"{PATH}/{found['id']}/give-notice"
    today = utc_now().date() - timedelta(days=1)
    body = {"notice_on": str(today), "reason": "the council declined"}
    noticed = await cast.requesting.legal.done("POST", path, body)
    until = withdrawal_ends_at(today, 30, CHICAGO)
    assert datetime.fromisoformat(noticed["parties"][1]["bound_until"]) == until
    for other, bound in ((cast.assisting, 0), (cast.neighbour, 0)):
        assert len(await in_force(cast.requesting, other, until - TICK)) == 1
        assert len(await in_force(cast.requesting, other, until)) == bound
    assert len(await in_force(cast.assisting, cast.neighbour, until)) == 1, "the others stay bound"
    assert_problem(await cast.requesting.legal.post(path, body), 409, "wrong_state")


async def test_notice_is_given_neither_in_advance_nor_for_the_past(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, notice_days=30)
    path = f"{PATH}/{found['id']}/give-notice"
    for days in (-40, 3):
        body = {"notice_on": str(utc_now().date() + timedelta(days=days)), "reason": "x"}
        assert_problem(await cast.requesting.legal.post(path, body), 422, "not_then")
    today = {"notice_on": str(utc_now().date()), "reason": "x"}
    assert_problem(await cast.requesting.approver.post(path, today), 403, "forbidden")


async def test_a_stale_tag_stops_a_verb(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/suspend"
    assert_problem(
        await cast.assisting.legal.post(path, {"reason": "x"}, if_match='"1-00000000"'), 412, "stale_version"
    )


async def test_it_covers_what_lies_below_the_categories_listed(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, terms={"categories": ["k9"]})
    for category, covered in (("k9", 1), ("k9.patrol", 1), ("vehicle", 0), ("any", 0), ("unicorn", 0)):
        assert len(await in_force(cast.requesting, cast.assisting, category=category)) == covered, category


async def test_the_criteria_other_features_search_by(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, terms={"categories": ["k9"]})
    category = sa.bindparam("category", type_=sa.Text)
    statement = sa.select(agency.c.id).where(partner_in_force(agency.c.id), covers_asset(agency.c.id, category))
    binds = {"viewer": cast.requesting.id, "at": utc_now()}
    read = service.database.read()
    covered = await read.all(statement, {**binds, "category": "k9.patrol"})
    assert [row.id for row in covered] == [cast.assisting.id], "a partner, and not the viewer itself"
    assert await read.all(statement, {**binds, "category": "vehicle"}) == []
    early = {**binds, "at": datetime(2024, 12, 31, tzinfo=UTC), "category": "k9"}
    assert await read.all(statement, early) == []


async def test_candidates_include_what_is_not_in_force_and_say_since_when(service: Service, cast: Cast) -> None:
    ended = await sign_agreement(service, cast.assisting, cast.requesting, expires_on="2025-06-30")
    await sign_agreement(service, cast.assisting, cast.requesting, effective_on="2025-02-01")
    await sign_agreement(service, cast.assisting, cast.neighbour)
    read = service.database.read()
    now = utc_now()
    first, second = await candidates(read, cast.requesting.id, cast.assisting.id, "k9", now)
    assert (str(first.id), first.in_force) == (ended["id"], False)
    assert first.covers_until == datetime(2025, 7, 1, 5, tzinfo=UTC)
    assert (second.in_force, second.covers_until, second.covers_category) == (True, None, True)
    assert second.effective_at == datetime(2025, 2, 1, 6, tzinfo=UTC)
    assert await candidates(read, cast.requesting.id, cast.requesting.id, "k9", now) == []


async def test_an_instant_without_an_offset_and_a_missing_agency_are_refused(cast: Cast) -> None:
    both = f"requesting_agency_id={cast.requesting.id}&assisting_agency_id={cast.assisting.id}"
    caller = cast.requesting.coordinator
    assert_problem(await caller.get(f"{PATH}/in-force?{both}&at=2026-01-01T00:00:00"), 400)
    assert_problem(await caller.get(f"{PATH}/in-force?{both}&at=2300-01-01T00:00:00Z"), 422, "instant_out_of_range")
    assert_problem(await caller.get(f"{PATH}/in-force?requesting_agency_id={cast.requesting.id}"), 400)
    assert_problem(await caller.get(f"{PATH}/in-force"), 400, "missing_parameter")


# Histories on a coarse grid around a change of the clock, so that instants often coincide.
GRID_START = datetime(2026, 3, 1, tzinfo=UTC)
instants = st.integers(0, 40).map(lambda halves: GRID_START + halves * timedelta(hours=12))
days = st.dates(date(2026, 2, 25), date(2026, 3, 22))
suspensions = st.lists(
    st.builds(lambda start, end: Interval(start=start, end=end), start=instants, end=st.none() | instants).filter(
        lambda interval: interval.end is None or interval.start <= interval.end
    ),
    max_size=2,
    unique_by=lambda interval: interval.start,
)
parties = st.tuples(st.none() | instants, st.none() | days)


async def test_the_answer_from_sql_equals_the_pure_rule(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, expires_on="2026-03-20")
    agreement_id = UUID(found["id"])
    starts_at = datetime.fromisoformat(found["starts_at"])
    ends_at = datetime.fromisoformat(found["ends_at"])
    one, other = cast.assisting, cast.requesting

    async def check(dates: AgreementDates, stage: Stage, both: list[PartyHistory]) -> None:
        async with unit_of_work(service.database) as write:
            await write.run(
                agreement.update()
                .where(agreement.c.id == agreement_id)
                .values(executed_at=dates.executed_at, terminated_at=dates.ended_at, stage=stage)
            )
            await write.run(agreement_suspension.delete().where(agreement_suspension.c.agreement_id == agreement_id))
            for each in dates.suspensions:
                row = {"agreement_id": agreement_id, "starts_at": each.start, "ends_at": each.end or OPEN_END}
                await write.run(agreement_suspension.insert(), row)
            for party, history in zip((one, other), both, strict=True):
                await write.run(
                    agreement_party.update()
                    .where(agreement_party.c.agreement_id == agreement_id, agreement_party.c.agency_id == party.id)
                    .values(joined_at=history.joined_at, leaves_at=history.leaves_at)
                )
            await rewrite_windows(write, agreement_id, GRID_START)
        windows = [party_windows(dates, history) for history in both]
        edges = {edge for each in windows for window in each for edge in (window.start, window.end) if edge}
        for at in {GRID_START, starts_at, ends_at, *edges}:
            for instant in (at - TICK, at):
                expected = all(any(window.contains(instant) for window in each) for each in windows)
                assert bool(await in_force(one, other, instant)) == expected, instant
                status = derived_status(stage, dates, instant, force=force_windows(windows), notice=notice)
                path = f"{PATH}?party={one.id}&status={status}&as_of={format_instant(instant)}"
                listed = await one.legal.done("GET", path)
                assert [item["id"] for item in listed["items"]] == [found["id"]], (instant, status)

    # 30 days before the last notice day, 18 February
    notice = [Interval(start=datetime(2026, 1, 18, 6, tzinfo=UTC), end=ends_at)]
    for dates, stage, both in _histories(starts_at, ends_at):
        await check(dates, stage, both)


def _histories(starts_at: datetime, ends_at: datetime) -> list[tuple[AgreementDates, Stage, list[PartyHistory]]]:
    """Some forty histories, the same in each run."""
    drawn: list[tuple[AgreementDates, Stage, list[PartyHistory]]] = []

    @settings(max_examples=40, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(
        executed_at=instants,
        ended_at=st.none() | instants,
        ended_as=st.sampled_from([Stage.TERMINATED, Stage.SUPERSEDED]),
        breaks=suspensions,
        both=st.tuples(parties, parties),
    )
    def draw(
        executed_at: datetime, ended_at: datetime | None, ended_as: Stage, breaks: list[Interval], both: Any
    ) -> None:
        dates = AgreementDates(
            executed_at=executed_at,
            starts_at=starts_at,
            ends_at=ends_at,
            ended_at=ended_at,
            suspensions=tuple(sorted(breaks, key=lambda interval: interval.start)),
        )
        stage = ended_as if ended_at is not None else Stage.EXECUTED
        histories = [
            PartyHistory(joined_at=j, leaves_at=withdrawal_ends_at(n, 30, CHICAGO) if n else None) for j, n in both
        ]
        drawn.append((dates, stage, histories))

    draw()
    return drawn
