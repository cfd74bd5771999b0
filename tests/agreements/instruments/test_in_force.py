"""In force, per pair and instant: at each edge, and the same from SQL as from the pure rule."""

from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.agreements.instruments.commands.holding import settle_due
from registry.agreements.instruments.commands.locking import lock
from registry.agreements.instruments.commands.settling.windows import rewrite_windows
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.histories import AgreementDates, PartyHistory
from registry.agreements.instruments.in_force import bound_windows, force_windows
from registry.agreements.instruments.notice import Period
from registry.agreements.instruments.queries.in_force import candidates, covers_asset, partner_in_force
from registry.agreements.instruments.rules import Stage, derived_status
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.agreements.instruments.term_days import withdrawal_ends_at
from registry.directory.agencies.tables import agency
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import day_starts_at, format_instant, utc_now
from tests.support.agreements import record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import all_consent, consent, end_agreement, named, propose_end
from tests.support.length import at_length
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
TICK = timedelta(microseconds=1)
CHICAGO = "America/Chicago"


async def in_force(one: Agency, other: Agency, at: datetime | None = None, **more: str) -> list[dict[str, Any]]:
    query = {"requesting_agency_id": str(one.id), "assisting_agency_id": str(other.id), **more}
    if at is not None:
        query["as_of"] = format_instant(at)
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


async def test_a_party_suspends_its_own_participation_and_goes_on(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    path = f"{PATH}/{found['id']}"
    suspended = await cast.requesting.legal.done("POST", f"{path}/suspend", {"reason": "inquiry"})
    assert (suspended["status"], suspended["suspensions"]) == ("in_force", []), "the others are bound as before"
    stopped = datetime.fromisoformat(suspended["parties"][1]["suspended_at"])
    assert await in_force(cast.requesting, cast.assisting) == []
    assert len(await in_force(cast.neighbour, cast.assisting)) == 1
    assert len(await in_force(cast.requesting, cast.assisting, stopped - TICK)) == 1
    assert_problem(await cast.requesting.legal.post(f"{path}/suspend", {"reason": "again"}), 409, "wrong_status")
    back = await cast.requesting.legal.done("POST", f"{path}/reinstate", {"reason": "cleared"})
    assert back["parties"][1]["suspended_at"] is None
    assert len(await in_force(cast.requesting, cast.assisting)) == 1
    assert await in_force(cast.requesting, cast.assisting, stopped) == []
    assert_problem(await cast.requesting.legal.post(f"{path}/reinstate", {"reason": "again"}), 409, "wrong_status")


async def test_of_two_parties_one_that_suspends_its_part_suspends_what_is_between_them(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    suspended = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/suspend", {"reason": "inquiry"})
    assert (suspended["stage"], suspended["status"]) == ("executed", "suspended")
    listed = await cast.assisting.legal.done("GET", f"{PATH}?status=suspended&party_id={cast.assisting.id}")
    assert [item["id"] for item in listed["items"]] == [found["id"]]
    assert await in_force(cast.requesting, cast.assisting) == []


async def test_the_whole_is_suspended_and_goes_on_with_everybodys_consent(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    path = f"{PATH}/{found['id']}/propose-suspension"
    three = (cast.assisting, cast.requesting, cast.neighbour)
    body = {"kind": "suspension", "reason": "until the insurers agree"}
    proposed = await cast.requesting.legal.done("POST", path, body)
    assert (proposed["status"], proposed["stage"]) == ("in_force", "executed")
    assert proposed["proposals"][0]["outstanding"] == named(cast.assisting, cast.neighbour)
    assert_problem(await cast.assisting.legal.post(path, body), 409, "proposal_open")
    suspended = await all_consent((cast.assisting, cast.neighbour), found, proposed)
    assert (suspended["status"], suspended["stage"]) == ("suspended", "suspended")
    assert suspended["suspensions"] == [{"start": suspended["proposals"][0]["agreed_at"], "end": None}]
    assert await in_force(cast.neighbour, cast.assisting) == []
    assert_problem(await cast.assisting.legal.post(path, body), 409, "wrong_status")
    proposed = await cast.neighbour.legal.done("POST", path, {**body, "kind": "reinstatement"})
    assert proposed["status"] == "suspended", "nobody is bound again by another's word"
    on = await all_consent(three[:2], found, proposed)
    assert (on["status"], len(on["suspensions"])) == ("in_force", 1)
    assert len(await in_force(cast.neighbour, cast.assisting)) == 1


async def test_a_suspension_and_its_end_of_a_day_to_come_change_the_stage_as_that_day_begins(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    stops, goes_on = (today() + timedelta(days=days) for days in (2, 5))

    async def stage_at(day: date) -> str:
        at = day_starts_at(day, ZoneInfo(CHICAGO))
        async with unit_of_work(service.database) as write:
            await lock(write, at, UUID(found["id"]))
            await settle_due(write, UUID(found["id"]), at)
        return str((await cast.requesting.legal.done("GET", path))["stage"])

    body = {"kind": "suspension", "reason": "the bridge is closed", "effective_on": str(stops)}
    proposed = await cast.assisting.legal.done("POST", f"{path}/propose-suspension", body)
    agreed = await consent(cast.requesting, found, proposed["proposals"][0])
    assert (agreed["stage"], agreed["status"]) == ("executed", "in_force")
    assert await stage_at(stops - timedelta(days=1)) == "executed"
    assert await stage_at(stops) == "suspended", "nobody has to do anything on that day"
    body = {"kind": "reinstatement", "reason": "the bridge is mended", "effective_on": str(goes_on)}
    proposed = await cast.assisting.legal.done("POST", f"{path}/propose-suspension", body)
    agreed = await consent(cast.requesting, found, proposed["proposals"][1])
    assert await stage_at(goes_on - timedelta(days=1)) == "suspended"
    assert await stage_at(goes_on) == "executed"


async def test_it_ends_for_all_once_each_party_has_consented_as_the_day_said_begins_there(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    path = f"{PATH}/{found['id']}/terminate"
    day = today() + timedelta(days=10)
    at = day_starts_at(day, ZoneInfo(CHICAGO))
    past = {"effective_on": str(today() - timedelta(days=1)), "reason": "x"}
    problem = assert_problem(await cast.assisting.legal.post(path, past), 422, "not_then")
    assert f"It is {today()} where the agency is (America/Chicago)" in problem["detail"]
    proposed = await propose_end(cast.assisting, found, on=day)
    assert (proposed["stage"], proposed["terminated_at"]) == ("executed", None)
    (proposal,) = proposed["proposals"]
    assert proposal["outstanding"] == named(cast.requesting, cast.neighbour)
    problem = assert_problem(await cast.requesting.legal.post(path, {"reason": "x"}), 409, "proposal_open")
    assert "consent to it" in problem["detail"]
    problem = assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 409, "proposal_open")
    waits = f"It waits for {cast.requesting.name}, {cast.neighbour.name}"
    assert waits in problem["detail"], "nobody is told to consent to what is its own"
    nearly = await consent(cast.neighbour, found, proposal)
    assert (nearly["terminated_at"], nearly["proposals"][0]["outstanding"]) == (None, named(cast.requesting))
    ended = await consent(cast.requesting, found, proposal)
    assert (ended["stage"], ended["status"]) == ("executed", "in_force"), "its day has not come"
    assert datetime.fromisoformat(ended["terminated_at"]) == at
    for one, other in ((cast.requesting, cast.assisting), (cast.requesting, cast.neighbour)):
        assert len(await in_force(one, other, at - TICK)) == 1
        assert await in_force(one, other, at) == []
    later = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}?as_of={format_instant(at)}")
    assert later["status"] == "terminated"
    again = await propose_end(cast.neighbour, found)
    assert again["proposals"][-1]["agreed_at"] is None, "until its day has come, an earlier end can be agreed on"


async def test_who_leaves_is_not_waited_for(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={"days": 3})
    proposed = await propose_end(cast.assisting, found)
    await consent(cast.neighbour, found, proposed["proposals"][0])
    notice = {"notice_on": str(today()), "reason": "we leave"}
    left = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/give-notice", notice)
    assert left["terminated_at"] == left["parties"][1]["leaves_at"], "then all that remain have consented"
    back = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", {"reason": "we stay"})
    assert (back["terminated_at"], back["stage"]) == (None, "executed")


async def test_a_proposal_is_taken_back_while_nobody_else_has_consented(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    proposed = await propose_end(cast.assisting, found)
    path = f"{PATH}/{found['id']}/proposals/{proposed['proposals'][0]['id']}"
    assert_problem(await cast.requesting.legal.post(f"{path}/take-back", {"reason": "x"}), 403)
    gone = await cast.assisting.legal.done("POST", f"{path}/take-back", {"reason": "changed our mind"})
    assert [(each["status"], each["outstanding"]) for each in gone["proposals"]] == [("taken_back", [])]
    assert_problem(await cast.requesting.legal.post(f"{path}/consent"), 409, "wrong_status")
    again = await propose_end(cast.assisting, found)
    path = f"{PATH}/{found['id']}/proposals/{again['proposals'][-1]['id']}"
    await consent(cast.requesting, found, again["proposals"][-1])
    assert_problem(await cast.assisting.legal.post(f"{path}/take-back", {"reason": "x"}), 409, "wrong_status")
    assert_problem(await cast.requesting.legal.post(f"{path}/consent"), 409, "wrong_status")


async def test_a_right_to_end_it_for_all_stands_in_the_text_or_nowhere(service: Service, cast: Cast) -> None:
    rights = {"rights_to_end": [{"agency_id": str(cast.requesting.id), "notice_days": 90}]}
    terms = {**rights, "clauses": {"rights_to_end": "4.2"}}
    last = today() + timedelta(days=700)
    about: dict[str, Any] = {"terms": terms, "expires_on": str(last)}
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, **about)
    path = f"{PATH}/{found['id']}/terminate"
    body = {"ground": "right_to_end", "reason": "the council declined"}
    assert_problem(await cast.assisting.legal.post(path, body), 422, "no_right_to_end")
    early = {**body, "effective_on": str(today() + timedelta(days=90))}
    problem = assert_problem(await cast.requesting.legal.post(path, early), 422, "not_then")
    assert f"runs through {today() + timedelta(days=90)}" in problem["detail"]
    ended = await cast.requesting.legal.done("POST", path, body)
    runs_out = withdrawal_ends_at(today(), Period(days=90), CHICAGO)
    assert datetime.fromisoformat(ended["terminated_at"]) == runs_out
    assert (ended["ends_at"], ended["expires_on"]) == (ended["terminated_at"], str(last)), "whichever comes first"
    assert (ended["term_ends_on"], ended["last_notice_on"]) == (str(today() + timedelta(days=90)), None)
    assert (ended["proposals"][0]["clause"], ended["proposals"][0]["outstanding"]) == ("4.2", [])
    assert len(await in_force(cast.neighbour, cast.assisting, runs_out - TICK)) == 1
    assert await in_force(cast.neighbour, cast.assisting, runs_out) == []
    take_back = f"{PATH}/{found['id']}/proposals/{ended['proposals'][0]['id']}/take-back"
    back = await cast.requesting.legal.done("POST", take_back, {"reason": "the council changed its mind"})
    assert (back["stage"], back["terminated_at"]) == ("executed", None)
    assert (back["ends_at"], back["term_ends_on"]) == (found["ends_at"], str(last))


async def test_a_right_whose_notice_the_text_does_not_say_ends_nothing(service: Service, cast: Cast) -> None:
    terms = {"rights_to_end": [{"agency_id": str(cast.requesting.id)}], "clauses": {"rights_to_end": "4.2"}}
    found = await sign_agreement(service, cast.assisting, cast.requesting, terms=terms)
    path = f"{PATH}/{found['id']}/terminate"
    right = {"ground": "right_to_end", "reason": "the council declined"}
    problem = assert_problem(await cast.requesting.legal.post(path, right), 422, "notice_silent")
    assert "clause 4.2" in problem["detail"]
    await end_agreement(found, cast.assisting, cast.requesting)
    at_once = {"rights_to_end": [{"agency_id": str(cast.requesting.id), "notice_days": 0}]}
    written = await sign_agreement(service, cast.assisting, cast.requesting, terms=at_once)
    ended = await cast.requesting.legal.done("POST", f"{PATH}/{written['id']}/terminate", right)
    assert ended["status"] == "terminated", "nothing is a period too, once it is written"


async def test_what_binds_or_unbinds_is_done_by_people_who_are_bound(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    recorded = await record_agreement(cast.assisting, cast.requesting)
    newcomers = {"agency_ids": [str(cast.stranger.id)], "reason": "x"}
    for verb, body in (
        ("suspend", {"reason": "x"}),
        ("terminate", {"reason": "x"}),
        ("propose-suspension", {"kind": "suspension", "reason": "x"}),
        ("supersede", {"by_agreement_id": recorded["id"], "reason": "x"}),
        ("add-parties", newcomers),
    ):
        path = f"{PATH}/{found['id']}/{verb}"
        assert_problem(await service.anonymous.post(path, body), 401)
        for nobody in (cast.assisting.coordinator, cast.assisting.machine, cast.stranger.legal, service.operator):
            assert_problem(await nobody.post(path, body), 403, "forbidden")
        assert_problem(await cast.assisting.legal.post(path, {}), 400)
        assert_problem(await cast.assisting.legal.post(path, body, if_match='"1-00000000"'), 412, "stale_version")
        unbound = await cast.requesting.legal.post(f"{PATH}/{recorded['id']}/{verb}", body)
        assert_problem(unbound, 409, "wrong_status")


async def test_a_party_that_gives_notice_is_bound_until_it_has_run_out(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={"days": 30})
    path = f"{PATH}/{found['id']}/give-notice"
    body = {"notice_on": str(today()), "reason": "the council declined"}
    noticed = await cast.requesting.legal.done("POST", path, body)
    until = withdrawal_ends_at(today(), Period(days=30), CHICAGO)
    assert datetime.fromisoformat(noticed["parties"][1]["bound_until"]) == until
    for other, bound in ((cast.assisting, 0), (cast.neighbour, 0)):
        assert len(await in_force(cast.requesting, other, until - TICK)) == 1
        assert len(await in_force(cast.requesting, other, until)) == bound
    assert len(await in_force(cast.assisting, cast.neighbour, until)) == 1, "the others stay bound"
    assert_problem(await cast.requesting.legal.post(path, body), 409, "wrong_status")


async def test_notice_is_given_neither_in_advance_nor_for_the_past(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 30})
    path = f"{PATH}/{found['id']}/give-notice"
    for days, code in ((-40, "evidence_missing"), (-1, "evidence_missing"), (3, "not_then")):
        body = {"notice_on": str(today() + timedelta(days=days)), "reason": "x"}
        assert_problem(await cast.requesting.legal.post(path, body), 422, code)
    now = {"notice_on": str(today()), "reason": "x"}
    assert_problem(await cast.requesting.approver.post(path, now), 403, "forbidden")


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


async def test_the_criteria_other_rooms_search_by(service: Service, cast: Cast) -> None:
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
    assert_problem(await caller.get(f"{PATH}/in-force?{both}&as_of=2026-01-01T00:00:00"), 400)
    assert_problem(await caller.get(f"{PATH}/in-force?{both}&as_of=2300-01-01T00:00:00Z"), 422, "instant_out_of_range")
    assert_problem(await caller.get(f"{PATH}/in-force?requesting_agency_id={cast.requesting.id}"), 400)
    assert_problem(await caller.get(f"{PATH}/in-force"), 400, "missing_parameter")


# Histories on a coarse grid around a change of the clock, so that instants often coincide.
GRID_START = datetime(2026, 3, 1, tzinfo=UTC)
instants = st.integers(0, 40).map(lambda halves: GRID_START + halves * timedelta(hours=12))
days = st.dates(date(2026, 2, 25), date(2026, 3, 22))
suspensions = st.lists(instants, max_size=4, unique=True).map(
    lambda turns: [
        Interval(start=start, end=end) for start, end in zip_longest(sorted(turns)[::2], sorted(turns)[1::2])
    ]
)
parties = st.tuples(st.none() | instants, st.none() | days)


@pytest.mark.grows
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
                .values(executed_at=dates.executed_at, over_at=None, over_by=None)  # what the one before came to
            )
            await write.run(agreement_proposal.delete().where(agreement_proposal.c.agreement_id == agreement_id))
            agreed = [("end", dates.ended_at)]
            for each in dates.suspensions:
                agreed += [("suspension", each.start), ("reinstatement", each.end)]
            for kind, instant in agreed:
                if instant is not None:
                    await write.run(agreement_proposal.insert(), proposal_row(agreement_id, one.id, kind, instant))
            for party, history in zip((one, other), both, strict=True):
                await write.run(
                    agreement_party.update()
                    .where(agreement_party.c.agreement_id == agreement_id, agreement_party.c.agency_id == party.id)
                    .values(joined_at=history.joined_at, leaves_at=history.leaves_at)
                )
            await rewrite_windows(write, agreement_id, GRID_START)
        windows = [bound_windows(dates, {0: history})[0] for history in both]
        edges = {edge for each in windows for window in each for edge in (window.start, window.end) if edge}
        for at in {GRID_START, starts_at, ends_at, *edges}:
            for instant in (at - TICK, at):
                expected = all(any(window.contains(instant) for window in each) for each in windows)
                assert bool(await in_force(one, other, instant)) == expected, instant
                joined = sum(history.joined_at is not None for history in both)
                status = derived_status(
                    stage, dates, instant, joined=joined, ends_at=ends_at, force=force_windows(windows)
                )
                path = f"{PATH}?party_id={one.id}&status={status}&as_of={format_instant(instant)}"
                listed = await one.legal.done("GET", path)
                assert [item["id"] for item in listed["items"]] == [found["id"]], (instant, status)

    for dates, stage, both in _histories(starts_at, ends_at):
        await check(dates, stage, both)


def proposal_row(agreement_id: UUID, agency_id: UUID, kind: str, at: datetime) -> dict[str, Any]:
    """What was agreed among all from an instant on."""
    ground = "mutual_consent" if kind == "end" else None
    said = {"kind": kind, "ground": ground, "reason": "agreed", "proposed_by_id": agency_id, "proposed_at": at}
    return {"id": new_id(), "agreement_id": agreement_id, **said, "not_before": at, "agreed_at": at}


def _histories(starts_at: datetime, ends_at: datetime) -> list[tuple[AgreementDates, Stage, list[PartyHistory]]]:
    """Some histories, the same in each run of this length."""
    drawn: list[tuple[AgreementDates, Stage, list[PartyHistory]]] = []

    @settings(
        max_examples=at_length(20, 40, 400), derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        executed_at=instants,
        ended_at=st.none() | instants,
        breaks=suspensions,
        both=st.tuples(parties, parties),
    )
    def draw(executed_at: datetime, ended_at: datetime | None, breaks: list[Interval], both: Any) -> None:
        dates = AgreementDates(
            executed_at=executed_at,
            starts_at=starts_at,
            ends_at=ends_at,
            ended_at=ended_at,
            suspensions=tuple(sorted(breaks, key=lambda interval: interval.start)),
        )
        stage = Stage.TERMINATED if ended_at is not None else Stage.EXECUTED
        histories = [
            PartyHistory(joined_at=j, leaves_at=withdrawal_ends_at(n, Period(days=30), CHICAGO) if n else None)
            for j, n in both
        ]
        drawn.append((dates, stage, histories))

    draw()
    return drawn


async def suspension_offered(party: Agency, found: dict[str, Any]) -> tuple[bool, str | None]:
    """Whether the party is offered to suspend its participation, and why not."""
    seen = await party.legal.done("GET", f"{PATH}/{found['id']}")
    (offered,) = (each for each in seen["allowed_actions"] if each["action"] == "suspend")
    return offered["allowed"], offered["reason"]


class TestWhatTheTextSaysOfSuspending:
    async def test_at_once_where_it_says_so(self, service: Service, cast: Cast) -> None:
        terms = {"suspension": "at_once", "clauses": {"suspension": "4.2"}}
        found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, terms=terms)
        path = f"{PATH}/{found['id']}/suspend"
        paused = await cast.requesting.legal.done("POST", path, {"reason": "inquiry"})
        assert [party["bound"] for party in paused["parties"]] == [True, False, True]

    async def test_where_nothing_is_entered_no_sooner_than_its_notice_would_have_run_out(
        self, service: Service, cast: Cast
    ) -> None:
        """A blank term freed a party at once from what the others relied on, whatever its clause said."""
        own = {"days": 90, "by_party": [{"agency_id": str(cast.requesting.id), "days": 20}]}
        for notice, days in (({"days": 30}, 30), (own, 20)):
            found = await sign_agreement(
                service, cast.assisting, cast.requesting, notice=notice, terms={"suspension": "silent"}
            )
            assert await suspension_offered(cast.requesting, found) == (True, None)
            paused = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/suspend", {"reason": "inquiry"})
            runs_out = day_starts_at(today() + timedelta(days=days + 1), ZoneInfo(CHICAGO))
            assert datetime.fromisoformat(paused["parties"][1]["suspended_at"]) == runs_out
            assert (paused["status"], paused["parties"][1]["bound"]) == ("in_force", True)
            path = f"{PATH}/{found['id']}"
            leaving = {"notice_on": str(today()), "reason": "we leave"}
            await cast.assisting.legal.done("POST", f"{path}/give-notice", leaving)
            await cast.requesting.legal.done("POST", f"{path}/reinstate", {"reason": "cleared"})
            await cast.assisting.legal.done(
                "POST", f"{path}/rescind-notice", {"reason": "we stay"}
            )  # relied on by none
        nothing = await sign_agreement(
            service, cast.assisting, cast.requesting, notice={}, terms={"suspension": "silent"}
        )
        refused = await cast.requesting.legal.post(f"{PATH}/{nothing['id']}/suspend", {"reason": "inquiry"})
        problem = assert_problem(refused, 422, "notice_silent")
        assert await suspension_offered(cast.requesting, nothing) == (False, problem["detail"])

    async def test_not_at_all_where_the_text_rules_it_out_and_the_clause_is_named(
        self, service: Service, cast: Cast
    ) -> None:
        terms = {"suspension": "not_allowed", "clauses": {"suspension": "4.2"}}
        found = await sign_agreement(service, cast.assisting, cast.requesting, terms=terms)
        path = f"{PATH}/{found['id']}"
        problem = assert_problem(
            await cast.requesting.legal.post(f"{path}/suspend", {"reason": "inquiry"}), 409, "wrong_status"
        )
        assert problem["detail"].startswith("Clause 4.2 lets no party suspend")
        assert await suspension_offered(cast.requesting, found) == (False, problem["detail"])
        whole = {"kind": "suspension", "reason": "inquiry"}
        assert (await cast.requesting.legal.done("POST", f"{path}/propose-suspension", whole))["proposals"]

    async def test_by_notice_it_binds_until_that_has_run_out_and_may_be_taken_back_before(
        self, service: Service, cast: Cast
    ) -> None:
        terms = {"suspension": "by_notice", "suspension_notice_days": 10, "clauses": {"suspension": "4.2"}}
        found = await sign_agreement(service, cast.assisting, cast.requesting, terms=terms)
        path, why = f"{PATH}/{found['id']}", {"reason": "inquiry"}
        runs_out = day_starts_at(today() + timedelta(days=11), ZoneInfo(CHICAGO))
        paused = await cast.requesting.legal.done("POST", f"{path}/suspend", why)
        assert (paused["status"], paused["parties"][1]["bound"]) == ("in_force", True)
        assert datetime.fromisoformat(paused["parties"][1]["suspended_at"]) == runs_out
        for at, count in ((runs_out - TICK, 1), (runs_out, 0)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == count, at
        told = (await cast.requesting.auditor.done("GET", f"{path}/history"))["items"][0]["data"]
        assert (told["clause"], told["effective_at"]) == ("4.2", format_instant(runs_out))
        assert_problem(await cast.requesting.legal.post(f"{path}/suspend", why), 409, "wrong_status")
        assert (await suspension_offered(cast.requesting, found))[0] is False
        back = await cast.requesting.legal.done("POST", f"{path}/reinstate", why)
        assert back["parties"][1]["suspended_at"] is None
        assert len(await in_force(cast.requesting, cast.assisting, runs_out)) == 1

    async def test_a_notice_of_which_the_text_gives_no_length_is_none(self, service: Service, cast: Cast) -> None:
        terms = {"suspension": "by_notice", "clauses": {"suspension": "4.2"}}
        found = await sign_agreement(service, cast.assisting, cast.requesting, terms=terms)
        refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/suspend", {"reason": "inquiry"})
        assert "clause 4.2" in assert_problem(refused, 422, "notice_silent")["detail"]
