"""A tracker says that an agreement is over: that is reported until each party has said so, and anybody may late."""

from datetime import datetime
from typing import Any

import pytest

from registry.platform.access.principals import OPERATOR_AGENCY_ID
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.test_in_force import in_force
from tests.support.agreements import EVIDENCE
from tests.support.cast import Agency, Cast
from tests.support.consent import agree_to_days, consent, named
from tests.support.problems import assert_problem
from tests.support.service import Service
from tests.support.tracker import shown, signed, take

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
OVER = {"status": "Terminated", "ended_on": "2025-06-30"}


async def answered(party: Agency, found: dict[str, Any], kind: str, verb: str) -> dict[str, Any]:
    """The agreement after the party's answer to what is reported of it."""
    seen = await party.legal.done("GET", f"{PATH}/{found['id']}")
    its: dict[str, Any]
    (its,) = (act for act in seen["reported_acts"] if (act["agency"]["id"], act["kind"]) == (str(party.id), kind))
    assert verb in {each["action"] for each in its["allowed_actions"] if each["allowed"]}
    body = {"reason": "we never ended it"} if verb == "contest" else {}
    done: dict[str, Any] = await party.legal.done(
        "POST", f"{PATH}/{found['id']}/reported-acts/{its['id']}/{verb}", body
    )
    return done


def end_of(found: dict[str, Any]) -> dict[str, Any]:
    end: dict[str, Any]
    (end,) = (each for each in found["proposals"] if each["kind"] == "end")
    return end


async def details(party: Agency, found: dict[str, Any]) -> list[str]:
    read = await party.legal.done("GET", f"{PATH}/{found['id']}/timeline")
    return [each["detail"] for each in read["acts"]]


async def detail_of_end(party: Agency, found: dict[str, Any]) -> str:
    """What the timeline says of the end, and where that stands."""
    (said,) = (each for each in await details(party, found) if "recorded on" in each and "that the agreement" in each)
    return said


async def pairs_on(party: Agency, other: Agency, day: str) -> int:
    return len(await in_force(party, other, datetime.fromisoformat(f"{day}T18:00:00Z")))


async def test_a_reported_end_stands_until_a_party_contests_it_and_signatures_are_confirmed_late(
    service: Service, cast: Cast
) -> None:
    one, other = cast.assisting, cast.requesting
    found = await shown(one, await take(service, signed(one, other, **OVER)))
    end = end_of(found)
    assert (end["status"], end["ground"], end["proposed_by"]["id"]) == ("reported", "reported", str(OPERATOR_AGENCY_ID))
    assert (end["outstanding"], end["agreed_at"]) == (named(one, other), None)
    assert found["terminated_at"] == "2025-07-01T05:00:00Z"
    (said,) = (each["detail"] for each in found["remarks"] if each["code"] == "end_reported")
    assert "it ended on 2025-06-30 was reported by" in said
    (hand,) = (act for act in found["reported_acts"] if act["kind"] == "signed")
    assert hand["reason"].endswith("from a tracker row that names a hash; no document was seen.")
    for party in (one, other):  # whoever is named is asked, wherever it looks
        waiting = await party.legal.done("GET", f"{PATH}?waiting_for_me=true")
        assert [each["id"] for each in waiting["items"]] == [found["id"]]
        due = (await party.legal.done("GET", f"/v1/deadlines?agreement_id={found['id']}&kind=consent"))["items"]
        assert str(party.id) in {each["agency"]["id"] for each in due}
    assert end["evidence"]["on_file"] is False, "the row is on file with nobody"
    assert [act["kind"] for act in found["reported_acts"]] == ["signed", "consented", "consented"]
    assert (found["status"], [party["bound"] for party in found["parties"]]) == ("terminated", [False, False])

    # Nobody is bound, so it reads as over, and so no hand of a later day is taken.
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief"}
    late = await other.legal.post(f"{PATH}/{found['id']}/confirm", {**hand, "signed_on": "2025-07-02"})
    assert_problem(late, 409, "wrong_status")
    offered = await other.legal.done("GET", f"{PATH}/{found['id']}")
    assert {"action": "confirm", "allowed": True, "reason": None} in offered["allowed_actions"]
    assert (await detail_of_end(one, found)).endswith(
        f"not confirmed by {one.name}, {other.name}; it reads as ended as long as nobody contests that."
    )

    # Both say that they signed: what the operator alone has said does not end it for who is bound by its own word.
    await other.legal.done("POST", f"{PATH}/{found['id']}/confirm", {**hand, "signed_on": "2025-02-01"})
    bound = await answered(one, found, "signed", "confirm")
    bound = await agree_to_days(found, other)
    assert (bound["status"], bound["terminated_at"]) == ("in_force", None)
    assert (end_of(bound)["status"], end_of(bound)["outstanding"]) == ("open", named(one, other))
    assert [party["joined_at"] is not None for party in bound["parties"]] == [True, True]
    assert [await pairs_on(other, one, day) for day in ("2025-01-15", "2025-03-01", "2025-07-01")] == [0, 1, 1]
    reports = sorted(act["id"] for act in bound["reported_acts"] if act["kind"] == "consented")
    (row,) = await in_force(one, other, datetime.fromisoformat("2025-07-02T18:00:00Z"))
    assert (row["pending_report_ids"], row["contested_report_ids"], row["covers_until"]) == (reports, [], None)
    (said,) = (each["detail"] for each in bound["remarks"] if each["code"] == "end_reported")
    no_effect = "it has no effect before each that is bound has confirmed it."
    assert said.endswith(f"and not confirmed by {one.name}, {other.name}: {no_effect}")
    assert (await detail_of_end(one, found)).endswith(f"not confirmed by {one.name}, {other.name}; {no_effect}")

    # One says so: that is one word of two.
    await answered(one, found, "consented", "confirm")
    half = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert (half["status"], end_of(half)["outstanding"]) == ("in_force", named(other))

    # One of them says that it was never ended: then it is no end for either, as they have confirmed the text.
    contested = await answered(other, found, "consented", "contest")
    assert (contested["status"], contested["terminated_at"]) == ("in_force", None)
    assert (end_of(contested)["status"], end_of(contested)["outstanding"]) == ("open", named(other))
    assert await pairs_on(other, one, "2025-07-02") == 1
    (said,) = (each["detail"] for each in contested["remarks"] if each["code"] == "end_reported")
    assert said.endswith(f"and is contested by {other.name}; it has no effect as long as that stands.")
    said = await detail_of_end(one, found)
    assert said.endswith(f"CONTESTED by {other.name}; it has no effect as long as that stands.")
    read = await one.legal.done("GET", f"{PATH}/{found['id']}/timeline")
    windows = [window for party in read["parties"] for window in party["windows"]]
    assert windows, "each is bound"
    assert not [each for each in windows if each["ends_by"]], "nothing ends by what is contested"
    manifest = (await unpacked(one.legal, found["id"]))["index.html"].decode()
    assert "in force (That it ended on 2025-06-30 was reported by" in manifest

    # That one confirms it does not end it for the other, nor for itself: an end is an act of all who are bound.
    confirmed = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert (confirmed["status"], end_of(confirmed)["outstanding"]) == ("in_force", named(other))
    words = {each["agency"]["id"]: each["counts_from"] is not None for each in end_of(confirmed)["consents"]}
    assert words == {str(one.id): True, str(other.id): False}, "a word that was given late is among the consents"
    ended = await answered(other, found, "consented", "confirm")
    assert (ended["status"], end_of(ended)["status"]) == ("terminated", "agreed")
    assert (ended["terminated_at"], end_of(ended)["outstanding"]) == ("2025-07-01T05:00:00Z", [])


async def test_who_never_bound_itself_keeps_no_others_from_the_end_that_they_confirmed(
    service: Service, cast: Cast
) -> None:
    one, other, third = cast.assisting, cast.requesting, cast.neighbour
    found = await shown(one, await take(service, signed(one, other, third, **OVER)))
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-02-01"}
    await answered(one, found, "signed", "confirm")
    await other.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
    await agree_to_days(found, one)
    for party in (one, other):
        await answered(party, found, "consented", "confirm")
    contested = await answered(third, found, "consented", "contest")
    assert (contested["status"], contested["terminated_at"]) == ("lapsed", None)
    alone = f"it has effect for {one.name}, {other.name} alone, by the own word of each."
    (said,) = (each["detail"] for each in contested["remarks"] if each["code"] == "end_reported")
    assert said.endswith(f"and is contested by {third.name}; as long as that stands {alone}")
    said = await detail_of_end(one, found)
    assert said.endswith(f"CONTESTED by {third.name}; as long as that stands {alone}")
    read = await one.legal.done("GET", f"{PATH}/{found['id']}/timeline")
    (act_no,) = (each["act_no"] for each in read["acts"] if each["kind"] == "ended")
    ends = [window["ends_by"] for party in read["parties"] for window in party["windows"]]
    assert ends == [[act_no], [act_no]]


async def test_what_was_done_before_an_end_is_reported_after_it(service: Service, cast: Cast) -> None:
    one, other, third = cast.assisting, cast.requesting, cast.neighbour
    found = await shown(one, await take(service, signed(one, other, third, **OVER)))
    for kind in ("signed", "consented"):  # so it is over for who alone is bound
        await answered(one, found, kind, "confirm")
    said = {"agency_id": str(other.id), "acted_on": "2025-02-01", "reason": "the county clerk's copy"}
    said |= {"evidence_sha256": EVIDENCE}
    hand = {**said, "kind": "signed", "version_sha256": found["version_sha256"], "signatory_title": "Chief"}
    too_late = await one.legal.post(f"{PATH}/{found['id']}/report-act", {**hand, "acted_on": "2025-07-02"})
    assert_problem(too_late, 409, "wrong_status")
    await one.legal.done("POST", f"{PATH}/{found['id']}/report-act", hand)
    bound = await answered(other, found, "signed", "confirm")
    assert bound["parties"][1]["joined_at"] == "2025-02-01T06:00:00Z"
    assert bound["terminated_at"] is None, "which another is now, too"
    await answered(other, found, "consented", "confirm")
    left = {**said, "kind": "withdrew", "acted_on": "2025-04-30"}
    for day in ("2025-06-30", "2025-07-31"):
        refused = await one.legal.post(f"{PATH}/{found['id']}/report-act", {**left, "acted_on": day})
        assert_problem(refused, 409, "wrong_status")
    await one.legal.done("POST", f"{PATH}/{found['id']}/report-act", left)
    gone = await answered(other, found, "withdrew", "confirm")
    assert gone["parties"][1]["leaves_at"] == "2025-05-01T05:00:00Z"
    assert [await pairs_on(other, one, day) for day in ("2025-03-01", "2025-05-02")] == [1, 0]


async def test_a_reported_end_waits_for_no_party_that_has_left(service: Service, cast: Cast) -> None:
    one, other, third = cast.assisting, cast.requesting, cast.neighbour
    found = await shown(one, await take(service, signed(one, other, third, **OVER)))
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-02-01"}
    for party in (other, third):
        await party.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
    await answered(one, found, "signed", "confirm")
    await agree_to_days(found, one, other, third)
    left = {"agency_id": str(third.id), "kind": "withdrew", "acted_on": "2025-04-30", "reason": "its letter"}
    left |= {"evidence_sha256": EVIDENCE}
    await one.legal.done("POST", f"{PATH}/{found['id']}/report-act", left)
    gone = await answered(third, found, "withdrew", "confirm")
    departure = next(each for each in gone["proposals"] if each["kind"] == "departure")
    for party in (one, other):
        if party.reference in departure["outstanding"]:
            await consent(party, found, departure)
    await answered(one, found, "consented", "confirm")
    ended = await answered(other, found, "consented", "confirm")
    assert (ended["status"], ended["terminated_at"]) == ("terminated", "2025-07-01T05:00:00Z")
