"""An ending of a named day takes effect on that day, by whichever of the offered verbs a party says yes to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.agreements.instruments.consent import consents_from
from tests.agreements.instruments.test_amendments import act
from tests.support.agreements import EVIDENCE, LONG_AGO, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, proof
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
DAY = timedelta(days=1)
NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)


def test_a_yes_counts_from_the_day_that_is_reported_of_it_or_else_from_the_one_that_is_put_to_it() -> None:
    before, between, ahead = NOW - 9 * DAY, NOW - 5 * DAY, NOW + DAY
    for not_before, reported_at, of_a_day, counts_from in (
        (before, [], False, NOW),
        (before, [], True, before),
        (ahead, [], True, NOW),
        (before, [between], True, between),
        (before, [between], False, between),
        (before, [ahead], False, NOW),
    ):
        assert consents_from(not_before, reported_at, of_a_day=of_a_day, now=NOW) == counts_from


async def answer(party: Agency, found: dict[str, Any], verb: str) -> dict[str, Any]:
    """The party's yes to what was proposed last, by that verb."""
    (proposal,) = found["proposals"]
    if verb == "consent":
        return await consent(party, found, proposal)
    (report,) = (each for each in found["reported_acts"] if each["agency"]["id"] == str(party.id))
    path = f"{PATH}/{found['id']}/reported-acts/{report['id']}"
    if verb == "contest and consent":
        await party.legal.done("POST", f"{path}/contest", {"reason": "not before the council has met"})
        return await consent(party, found, proposal)
    done: dict[str, Any] = await party.legal.done("POST", f"{path}/confirm")
    return done


def offered(party: Agency, found: dict[str, Any]) -> set[str]:
    things = [*found["proposals"], *(a for a in found["reported_acts"] if a["agency"]["id"] == str(party.id))]
    return {each["action"] for thing in things for each in thing["allowed_actions"] if each["allowed"]}


async def test_an_end_on_paper_is_of_its_day_by_every_yes(service: Service, cast: Cast) -> None:
    both, over = (cast.assisting, cast.requesting), today() - 40 * DAY
    rights = {"rights_to_end": [{"agency_id": str(cast.assisting.id), "notice_days": 10}]}
    for said, terms in (
        ({"acted_on": str(over)}, None),
        ({"acted_on": str(over), "effective_on": str(over + 7 * DAY)}, None),
        ({"acted_on": str(over), "ground": "right_to_end"}, rights),
    ):
        ended = []
        for verb in ("confirm", "consent", "contest and consent"):
            found = await sign_agreement(service, *both, terms=terms)
            digest = await proof(cast.assisting, found)
            body = {**said, "evidence_sha256": digest, "reason": "the letters of that day"}
            proposed = await act(cast.assisting, found, "terminate", body)
            seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
            assert {"confirm", "contest", "consent"} <= offered(cast.requesting, seen)
            done = await answer(cast.requesting, proposed, verb)
            assert (done["stage"], done["proposals"][0]["status"]) == ("terminated", "agreed")
            ended.append(done["terminated_at"])
        assert len(set(ended)) == 1, said
        assert ended[0] < str(today() - 20 * DAY), "long before the yes"


async def test_an_end_of_no_day_is_of_the_last_consent(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    proposed = await act(cast.assisting, found, "terminate", {"reason": "over"})
    assert (await answer(cast.requesting, proposed, "consent"))["terminated_at"] >= proposed["updated_at"]


async def test_a_successor_on_paper_releases_on_its_day_by_every_yes(service: Service, cast: Cast) -> None:
    parties, day = (cast.assisting, cast.requesting, cast.neighbour), LONG_AGO + 90 * DAY
    for dated in ({"effective_on": str(day)}, {}):
        released = []
        for verb in ("confirm", "consent"):
            old, new = await sign_agreement(service, *parties), await sign_agreement(service, *parties[:2])
            body = {"by_agreement_id": new["id"], "evidence_sha256": await proof(cast.assisting, old)}
            said = await act(cast.assisting, old, "supersede", {**body, **dated, "reason": "replaced"})
            await answer(cast.requesting, said, verb)
            # Who did not sign the successor says yes to the same paper, and has one verb for it.
            done = await answer(cast.neighbour, said, "consent")
            released.append([party["released_at"] for party in done["parties"]])
        assert released[0] == released[1]
        assert released[0][0][:10] == str(day if dated else LONG_AGO), "not the day of the last consent"


async def test_a_departure_that_another_reported_has_one_answer_of_who_left(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *parties)
    left = {"agency_id": str(cast.requesting.id), "kind": "withdrew", "acted_on": str(today() - 40 * DAY)}
    said = await act(cast.assisting, found, "report-act", {**left, "evidence_sha256": EVIDENCE, "reason": "its letter"})
    (proposal,) = said["proposals"]
    path = f"{PATH}/{found['id']}"
    refused = await cast.requesting.legal.post(f"{path}/proposals/{proposal['id']}/consent")
    assert "confirm or contest that report instead" in assert_problem(refused, 409)["detail"]
    seen = await cast.requesting.legal.done("GET", path)
    assert offered(cast.requesting, seen) == {"confirm", "contest"}
    await cast.requesting.legal.done("POST", f"{path}/reported-acts/{said['reported_acts'][-1]['id']}/confirm")
    done = await consent(cast.neighbour, found, proposal)
    assert done["parties"][1]["leaves_at"] == said["reported_acts"][-1]["would_leave_at"]


@pytest.mark.second_long
async def test_of_three_the_day_is_that_of_the_paper_and_not_of_the_last_yes(service: Service, cast: Cast) -> None:
    parties, over = (cast.assisting, cast.requesting, cast.neighbour), today() - 40 * DAY
    ended = set()
    for verbs in (("confirm", "confirm"), ("confirm", "consent"), ("consent", "confirm"), ("consent", "consent")):
        found = await sign_agreement(service, *parties)
        body = {"acted_on": str(over), "evidence_sha256": await proof(cast.assisting, found), "reason": "over"}
        proposed = await act(cast.assisting, found, "terminate", body)
        for party, verb in zip(parties[1:], verbs, strict=True):
            done = await answer(party, proposed, verb)
        ended.add(done["terminated_at"])
    assert len(ended) == 1
