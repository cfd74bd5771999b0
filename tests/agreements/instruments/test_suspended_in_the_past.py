"""That all had suspended the whole years ago is recorded with its days, and each that was bound then answers."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from registry.agreements.instruments.commands import holding
from registry.agreements.instruments.consent import suspended_stretches
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import day_starts_at, known_zone
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_papers_before_an_end import KEPT, begun, over
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
PAUSE = {"kind": "suspension", "reason": "a dispute", "acted_on": "2021-02-20", "effective_on": "2021-03-01", **KEPT}
THROUGH = {**PAUSE, "ends_on": "2021-08-31"}
ZONE = known_zone("America/Chicago", "/time_zone")


async def bound_on(party: Agency, found: dict[str, Any], day: str) -> list[bool]:
    then = await party.legal.done("GET", f"{PATH}/{found['id']}?as_of={day}T12:00:00Z")
    return [each["bound"] for each in then["parties"]]


def test_a_suspension_through_a_day_ends_by_itself_or_when_all_let_it_go_on_before() -> None:
    first, second, third, fourth = (datetime.fromisoformat(f"2026-0{month}-01T00:00:00Z") for month in (1, 2, 3, 4))
    span = Interval(start=first, end=third)
    assert suspended_stretches([], [], [span]) == (span,)
    assert suspended_stretches([], [second], [span]) == (Interval(start=first, end=second),)
    assert suspended_stretches([second], [fourth], [span]) == (Interval(start=first, end=fourth),)
    assert suspended_stretches([fourth], [], [span]) == (span, Interval(start=fourth))
    assert suspended_stretches([], [], [Interval(start=third, end=second)]) == ()


async def test_a_suspension_of_days_that_are_over_counts_once_each_that_was_bound_agrees(cast: Cast) -> None:
    found = await begun(cast)
    said = await act(cast.assisting, found, "propose-suspension", THROUGH)
    assert (said["stage"], said["suspensions"]) == ("executed", [])
    (proposed,) = said["proposals"]
    assert proposed["ends_at"].startswith("2021-09-01")
    assert {each["kind"] for each in said["reported_acts"]} == {"consented"}
    (its,) = (each["id"] for each in said["reported_acts"] if each["agency"]["id"] == str(cast.requesting.id))
    await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{its}/confirm")
    assert await bound_on(cast.assisting, found, "2021-05-01") == [True, True, True]
    done = await consent(cast.neighbour, said, proposed)
    assert [(each["start"][:10], each["end"][:10]) for each in done["suspensions"]] == [("2021-03-01", "2021-09-01")]
    for day, bound in (("2021-02-25", True), ("2021-05-01", False), ("2021-09-02", True)):
        assert await bound_on(cast.assisting, found, day) == [bound] * 3
    told = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}/timeline")
    acts = [(each["kind"], each["counts_from"][:10]) for each in told["acts"] if "suspended" in each["kind"]]
    acts += [(each["kind"], each["counts_from"][:10]) for each in told["acts"] if each["kind"] == "reinstated"]
    assert acts == [("suspended", "2021-03-01"), ("reinstated", "2021-09-01")]


async def test_one_that_contests_it_keeps_its_days(cast: Cast) -> None:
    found = await begun(cast)
    said = await act(cast.assisting, found, "propose-suspension", THROUGH)
    (its,) = (each["id"] for each in said["reported_acts"] if each["agency"]["id"] == str(cast.requesting.id))
    path = f"{PATH}/{found['id']}/reported-acts/{its}/contest"
    await cast.requesting.legal.done("POST", path, {"reason": "we never agreed"})
    done = await consent(cast.neighbour, said, said["proposals"][0])
    assert done["suspensions"] == []
    assert await bound_on(cast.assisting, found, "2021-05-01") == [True, True, True]


@pytest.mark.parametrize("how", ["terminated", "superseded"])
async def test_it_is_recorded_after_the_end_of_days_before_it(service: Service, cast: Cast, how: str) -> None:
    found = await over(service, cast, await begun(cast), how)
    said = await act(cast.assisting, found, "propose-suspension", THROUGH)
    for party in (cast.requesting, cast.neighbour):
        said = await consent(party, said, said["proposals"][-1])
    assert said["stage"] == how
    assert await bound_on(cast.assisting, found, "2021-05-01") == [False, False, False]
    late = {**THROUGH, "acted_on": "2024-07-02", "effective_on": "2024-07-02", "ends_on": "2024-08-01"}
    refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/propose-suspension", late)
    assert "ended with 2024-06-30" in assert_problem(refused, 409, "wrong_status")["detail"]


async def test_that_it_goes_on_is_recorded_of_an_earlier_day_too(cast: Cast) -> None:
    found = await begun(cast)
    goes_on = {**PAUSE, "kind": "reinstatement", "acted_on": "2021-09-01", "effective_on": "2021-09-01"}
    for body in (PAUSE, goes_on):
        said = await act(cast.assisting, found, "propose-suspension", body)
        for party in (cast.requesting, cast.neighbour):
            said = await consent(party, said, said["proposals"][-1])
    assert [(each["start"][:10], each["end"][:10]) for each in said["suspensions"]] == [("2021-03-01", "2021-09-01")]
    assert said["stage"] == "executed"


async def test_one_that_was_agreed_on_paper_before_an_end_stays_open_past_it(service: Service, cast: Cast) -> None:
    found = await begun(cast)
    said = await act(cast.assisting, found, "propose-suspension", THROUGH)
    await over(service, cast, found, "terminated")
    for party in (cast.requesting, cast.neighbour):
        said = await consent(party, said, said["proposals"][0])
    assert (said["stage"], said["proposals"][0]["status"]) == ("terminated", "agreed")
    assert await bound_on(cast.assisting, found, "2021-05-01") == [False, False, False]


async def test_a_suspension_that_is_proposed_now_may_have_a_last_day(service: Service, cast: Cast) -> None:
    found, last = await begun(cast), today() + timedelta(days=20)
    body = {"kind": "suspension", "reason": "a dispute", "ends_on": str(last)}
    said = await act(cast.assisting, found, "propose-suspension", body)
    for party in (cast.requesting, cast.neighbour):
        said = await consent(party, said, said["proposals"][-1])
    assert said["stage"] == "suspended"
    await holding.settle_all_due(service.database, day_starts_at(last + timedelta(days=1), ZONE))
    assert (await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}"))["stage"] == "executed"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"evidence_location": None}, "evidence_missing"),
        ({"acted_on": None}, "evidence_missing"),
        ({"acted_on": str(date.max.replace(year=2199))}, "acted_in_future"),
        ({"acted_on": "2019-01-01"}, "not_then"),
        ({"ends_on": "2021-02-01"}, "not_then"),
        ({"kind": "reinstatement"}, "not_then"),
    ],
)
async def test_what_cannot_have_been_so_is_refused(cast: Cast, change: dict[str, Any], code: str) -> None:
    found = await begun(cast)
    body = {name: value for name, value in {**THROUGH, **change}.items() if value is not None}
    refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/propose-suspension", body)
    assert_problem(refused, 422, code)


async def test_what_a_party_contests_keeps_nobody_from_recording_another_day(cast: Cast) -> None:
    found = await begun(cast)
    said = await act(cast.assisting, found, "propose-suspension", THROUGH)
    path = f"{PATH}/{found['id']}"
    assert_problem(await cast.requesting.legal.post(f"{path}/propose-suspension", PAUSE), 409, "proposal_open")
    (its,) = (each["id"] for each in said["reported_acts"] if each["agency"]["id"] == str(cast.requesting.id))
    no = {"reason": "it was in April"}
    contested = await cast.requesting.legal.done("POST", f"{path}/reported-acts/{its}/contest", no)
    (offered,) = (each for each in contested["allowed_actions"] if each["action"] == "propose_suspension")
    assert offered["allowed"], offered
    april = {**THROUGH, "effective_on": "2021-04-01"}
    other = await act(cast.requesting, found, "propose-suspension", april)
    assert [each["not_before"][:10] for each in other["proposals"]] == ["2021-03-01", "2021-04-01"]


async def test_what_was_not_suspended_did_not_go_on(cast: Cast) -> None:
    found = await begun(cast)
    path = f"{PATH}/{found['id']}/propose-suspension"
    goes_on = {"kind": "reinstatement", "reason": "settled", "acted_on": "2021-06-01", **KEPT}
    problem = assert_problem(await cast.assisting.legal.post(path, goes_on), 409, "wrong_status")
    assert "2021-06-01" in problem["detail"]
    await act(cast.assisting, found, "propose-suspension", THROUGH)
    late = {**goes_on, "acted_on": "2021-09-02"}
    assert "2021-09-02" in assert_problem(await cast.assisting.legal.post(path, late), 409, "wrong_status")["detail"]
    done = await act(cast.assisting, found, "propose-suspension", goes_on)
    assert done["proposals"][-1]["kind"] == "reinstatement", "on record, if not agreed yet"
