"""Nobody takes away the days of who has left: what reaches back needs the consent of all that were bound then."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.consent import left_before_asked
from registry.platform.kernel.time import day_starts_at
from tests.agreements.instruments.reporting import report
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_in_force import CHICAGO, in_force
from tests.support.agreements import LONG_AGO, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, left_long_ago, named, proof
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
DAY = timedelta(days=1)
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
BACK = LONG_AGO + 60 * DAY


def test_who_had_left_is_asked_of_the_days_on_which_it_was_bound_and_of_no_others() -> None:
    asked_at = NOON + 10 * DAY
    for gone_at, reaches_back_to, is_asked in (
        (NOON, NOON - DAY, True),
        (asked_at, NOON - DAY, True),
        (NOON, NOON, False),  # its last day is before those that are taken away
        (NOON, NOON + DAY, False),
        (asked_at + DAY, NOON, False),  # it was there to be asked, and its leaving is an answer
        (None, NOON, False),
    ):
        assert left_before_asked(gone_at, reaches_back_to, asked_at) == is_asked


async def among_three(service: Service, cast: Cast, *, left: Agency) -> tuple[dict[str, Any], str]:
    """An agreement of three, one of which has left by now; and the hash of a paper on file."""
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    await left_long_ago(service, left, found)
    return found, await proof(cast.assisting, found)


async def on_that_day(cast: Cast, found: dict[str, Any]) -> list[bool]:
    """Whether each two of the three were bound by it on a day after the one to which the ending reaches back."""
    at = day_starts_at(BACK + 5 * DAY, ZoneInfo(CHICAGO))
    pairs = ((cast.assisting, cast.requesting), (cast.assisting, cast.neighbour), (cast.requesting, cast.neighbour))
    items = [await in_force(one, other, at) for one, other in pairs]
    return [found["id"] in [each["agreement_id"] for each in each_pair] for each_pair in items]


def offers(found: dict[str, Any]) -> set[str]:
    """What the reader may do to the proposals."""
    return {each["action"] for p in found["proposals"] for each in p["allowed_actions"] if each["allowed"]}


class TestAnEnd:
    @pytest.mark.parametrize("verb", ["consent", "confirm", "contest"])
    async def test_waits_for_who_has_left_since_the_day_to_which_it_reaches_back(
        self, service: Service, cast: Cast, verb: str
    ) -> None:
        one, two, gone = cast.assisting, cast.requesting, cast.neighbour
        found, digest = await among_three(service, cast, left=gone)
        body = {"acted_on": str(BACK), "evidence_sha256": digest, "reason": "the letters of that day"}
        said = await act(one, found, "terminate", body)
        nearly = await consent(two, found, said["proposals"][0])
        (proposal,) = nearly["proposals"]
        assert (proposal["agreed_at"], proposal["outstanding"]) == (None, named(gone))
        assert (nearly["stage"], await on_that_day(cast, found)) == ("executed", [True, True, True])
        waiting = (await gone.legal.done("GET", f"{PATH}?waiting_for_me=true"))["items"]
        assert [each["id"] for each in waiting] == [found["id"]]
        seen = await gone.legal.done("GET", f"{PATH}/{found['id']}")
        assert "consent" in offers(seen)
        if verb == "consent":
            done = await consent(gone, found, proposal)
        else:
            (its,) = (each for each in seen["reported_acts"] if each["agency"]["id"] == str(gone.id))
            path = f"{PATH}/{found['id']}/reported-acts/{its['id']}/{verb}"
            done = await gone.legal.done("POST", path, {"reason": "we were bound"} if verb == "contest" else {})
        over = verb != "contest"
        assert (done["stage"] == "terminated") == over
        assert await on_that_day(cast, found) == [not over] * 3
        assert done["proposals"][0]["outstanding"] == ([] if over else named(gone))

    async def test_of_a_day_after_its_last_one_does_not_concern_it(self, service: Service, cast: Cast) -> None:
        one, two, gone = cast.assisting, cast.requesting, cast.neighbour
        found, digest = await among_three(service, cast, left=gone)
        for body in ({"acted_on": str(today() - 2 * DAY), "evidence_sha256": digest}, {}):
            said = await act(one, found, "terminate", {**body, "reason": "over"})
            (*_, proposal) = said["proposals"]
            assert [each["agency"] for each in proposal["consents"]] == named(one, two)
            await one.legal.done("POST", f"{PATH}/{found['id']}/proposals/{proposal['id']}/take-back", {"reason": "x"})


async def test_a_supersession_waits_for_who_has_left_since(service: Service, cast: Cast) -> None:
    one, two, gone = cast.assisting, cast.requesting, cast.neighbour
    found, digest = await among_three(service, cast, left=gone)
    new = await sign_agreement(service, one, two)
    body = {"by_agreement_id": new["id"], "effective_on": str(BACK), "evidence_sha256": digest, "reason": "replaced"}
    said = await act(one, found, "supersede", body)
    nearly = await consent(two, found, said["proposals"][0])
    assert nearly["proposals"][0]["outstanding"] == named(gone)
    assert [each["released_at"] for each in nearly["parties"]] == [None] * 3
    waiting = (await gone.legal.done("GET", f"{PATH}?waiting_for_me=true"))["items"]
    assert [each["id"] for each in waiting] == [found["id"]]
    assert await on_that_day(cast, found) == [True, True, True]
    done = await consent(gone, found, said["proposals"][0])
    assert [str(each["released_at"])[:10] for each in done["parties"]] == [str(BACK), str(BACK), "None"]
    of_today = await sign_agreement(service, one, two, cast.neighbour)
    await left_long_ago(service, gone, of_today)
    said = await act(one, of_today, "supersede", {"by_agreement_id": new["id"], "reason": "replaced"})
    assert [each["agency"] for each in said["proposals"][0]["consents"]] == named(one, two), "it takes nothing back"


async def test_a_departure_waits_for_who_has_left_since_and_counts_as_a_notice_of_today_until_then(
    service: Service, cast: Cast
) -> None:
    one, two, gone = cast.assisting, cast.requesting, cast.neighbour
    found, _ = await among_three(service, cast, left=gone)
    letter = {"agency_id": str(two.id), "kind": "withdrew", "acted_on": str(BACK), "reason": "its letter"}
    _, path = await report(one, found, letter)
    await two.legal.done("POST", f"{path}/confirm")
    seen = await gone.legal.done("GET", f"{PATH}/{found['id']}")
    assert seen["proposals"][0]["outstanding"] == named(gone)
    assert await on_that_day(cast, found) == [True, True, True]
    await consent(gone, found, seen["proposals"][0])
    assert await on_that_day(cast, found) == [False, True, False]
