"""What a party enters late of itself changes the past of others only once they agree to its day, or do not contest it.

A signature to a change of 2018, and a governing body's approval of last year: until then each counts from the instant
at which it was recorded.
"""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from registry.agreements.instruments.commands import holding
from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import DAY, PATH, answer, runs_out, shown_instant
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_in_force import TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.agreements.instruments.test_signatures_entered_late import AMENDED, of_three, versions_between
from tests.support.agreements import confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, proof
from tests.support.problems import assert_problem
from tests.support.service import Service

SIGNED = date(2018, 3, 1)
NOTHING = {"reason": "it signed nothing then"}


async def confirmed(party: Agency, found: dict[str, Any], digest: str, on: date = SIGNED, **shown: str) -> Any:
    """The agreement after the party confirmed the amendment; nothing on file shows it, unless told otherwise."""
    shown = shown or {"evidence_location": "County clerk's vault (demo)"}
    hand = {"version_sha256": digest, "signatory_title": "Sheriff", "signed_on": str(on), **shown}
    return await party.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)


async def amendment(cast: Cast, found: dict[str, Any], **more: Any) -> str:
    """The hash of an amendment of 2018 that the custodian has signed."""
    shown = await amended_on_paper(found, cast.assisting, **{"effective_on": SIGNED, **more})
    digest: str = shown["amendment"]["version_sha256"]
    return digest


def earlier_day(said: dict[str, Any]) -> dict[str, Any]:
    """What was put to the others last."""
    proposal: dict[str, Any] = [each for each in said["proposals"] if each["kind"] == "earlier_day"][-1]
    return proposal


def waiting(said: dict[str, Any]) -> list[str]:
    return [each["id"] for each in earlier_day(said)["outstanding"]]


def of_the_day(said: dict[str, Any], party: Agency) -> list[dict[str, Any]]:
    """What is said of the party about the day that was put to the others last."""
    last = earlier_day(said)["id"]
    return [
        each for each in said["reported_acts"] if each["proposal_id"] == last and each["agency"]["id"] == str(party.id)
    ]


async def answered(party: Agency, found: dict[str, Any], said: dict[str, Any], verb: str) -> dict[str, Any]:
    """The agreement after the party's answer to the day that was put to it last."""
    return await answer(party, found, {"reported_acts": of_the_day(said, party)}, verb)


async def of_two(cast: Cast, found: dict[str, Any]) -> str:
    """The hash of an amendment of 2018 that the custodian recorded, and another confirmed, to whose day it agreed."""
    digest = await amendment(cast, found)
    said = await confirmed(cast.requesting, found, digest)
    assert waiting(said) == [str(cast.assisting.id)], "who recorded the paper has not said when another signed it"
    await consent(cast.assisting, found, earlier_day(said))
    assert await versions_between(cast.requesting, cast.assisting, AMENDED) == [2]
    return digest


async def test_a_signature_of_an_earlier_day_binds_from_its_recording_until_the_others_agree_to_its_day(
    service: Service, cast: Cast
) -> None:
    found = await of_three(cast)
    digest, before = await of_two(cast, found), utc_now()
    said = await confirmed(cast.neighbour, found, digest)
    assert waiting(said) == [str(cast.assisting.id), str(cast.requesting.id)]
    proposal = earlier_day(said)
    assert (proposal["status"], proposal["not_before"]) == ("open", shown_instant(AMENDED))
    for at, no in ((AMENDED, 1), (before, 1), (utc_now(), 2)):
        assert await versions_between(cast.neighbour, cast.requesting, at) == [no]
    hand = said["parties"][2]["signature"]
    assert (hand["signed_on"], datetime.fromisoformat(hand["counts_from"]) >= before) == (str(SIGNED), True)
    assert earlier_day(await answered(cast.requesting, found, said, "confirm"))["status"] == "open"
    agreed = await consent(cast.assisting, found, proposal)
    assert earlier_day(agreed)["status"] == "agreed"
    assert earlier_day(agreed)["agreed_at"] == shown_instant(AMENDED)
    for at, no in ((AMENDED - TICK, 1), (AMENDED, 2), (utc_now(), 2)):
        assert await versions_between(cast.neighbour, cast.requesting, at) == [no]


async def test_who_recorded_a_paper_is_asked_of_a_hand_of_a_day_before_its_own(service: Service, cast: Cast) -> None:
    """That it recorded the paper says who is named in it, and not when another signed: as with an original."""
    found, (one, two, three) = await of_three(cast), (cast.assisting, cast.requesting, cast.neighbour)
    shown = await amended_on_paper(found, one, three, effective_on="2017-06-01", signed_on="2018-03-01")
    digest = next(each["sha256"] for each in await versions_of(one, found) if each["version_no"] == 2)
    for first in ("2017-12-01", "2020-01-01"):
        shown = await amended_on_paper(found, one, two, three, effective_on=first)
    assert shown["status"] == "in_force"
    then = datetime(2019, 1, 1, tzinfo=UTC)
    assert await versions_between(one, three, then) == [2]
    said = await confirmed(two, found, digest, date(2017, 7, 1))
    assert waiting(said) == [str(one.id), str(three.id)], "by that day the paper would stand before the next one"
    assert await versions_between(one, three, then) == [2], "until both agree"
    for party in (one, three):
        await consent(party, found, earlier_day(said))
    assert await versions_between(one, three, then) == [3]


async def versions_of(party: Agency, found: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await party.legal.done("GET", f"{PATH}/{found['id']}/versions"))["items"]
    return listed


async def test_who_says_no_leaves_the_past_as_it_was_until_it_says_yes(service: Service, cast: Cast) -> None:
    found = await of_three(cast)
    said = await confirmed(cast.neighbour, found, await of_two(cast, found))
    contested = await answered(cast.requesting, found, said, "contest")
    await consent(cast.assisting, found, earlier_day(said))
    assert earlier_day(contested)["status"] == "open"
    await holding.settle_all_due(service.database, utc_now() + 2 * CONTEST_PERIOD)
    for other in (cast.requesting, cast.assisting):
        assert await versions_between(cast.neighbour, other, AMENDED) == [1]
        assert await versions_between(cast.neighbour, other, utc_now()) == [2]
    await consent(cast.requesting, found, earlier_day(contested))
    assert await versions_between(cast.neighbour, cast.requesting, AMENDED) == [2]


@pytest.mark.parametrize("on_file", [True, False])
async def test_fourteen_days_without_a_no_are_a_yes_where_the_paper_can_be_read(
    service: Service, cast: Cast, on_file: bool
) -> None:
    found = await of_three(cast)
    digest = await of_two(cast, found)
    shown = {"evidence_sha256": await proof(cast.neighbour, found)} if on_file else {}
    said = await confirmed(cast.neighbour, found, digest, SIGNED, **shown)
    asked = [each for each in said["reported_acts"] if each["proposal_id"] == earlier_day(said)["id"]]
    assert [each["status"] for each in asked] == ["open" if on_file else "unconfirmed"] * 2
    for days, no in ((13, 1), (15, 2 if on_file else 1)):
        await holding.settle_all_due(service.database, utc_now() + days * DAY)
        assert await versions_between(cast.neighbour, cast.requesting, AMENDED) == [no]


async def test_who_is_asked_was_told_by_the_registry_on_the_day_on_which_that_put_it_to_it(cast: Cast) -> None:
    """Nothing told it of the hand on the day that the paper bears, so neither its file nor its silence says so."""
    found = await of_three(cast)
    digest = await of_two(cast, found)
    said = await confirmed(cast.neighbour, found, digest, SIGNED, evidence_sha256=await proof(cast.neighbour, found))
    for party in (cast.assisting, cast.requesting):
        (asked,) = of_the_day(said, party)
        assert (asked["kind"], asked["acted_on"]) == ("was_asked", str(today()))
        assert asked["takes_effect_at"] is not None
    read = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}/timeline")
    (put,) = (each for each in read["acts"] if each["reported_act_id"] == asked["id"])
    assert (put["kind"], put["acted_on"], put["basis"]) == ("was_asked", str(today()), "proposal")
    assert f"was put to {cast.requesting.name} by the registry on {today()}: uncontested it takes" in put["detail"]
    assert not [each for each in read["acts"] if each["kind"] == "was_notified"]


async def test_what_is_put_to_a_party_nobody_reports(cast: Cast) -> None:
    found = await of_three(cast)
    said = await confirmed(cast.neighbour, found, await of_two(cast, found))
    body = {"agency_id": str(cast.requesting.id), "kind": "was_asked", "acted_on": str(SIGNED), "reason": "by post"}
    body |= {"proposal_id": earlier_day(said)["id"], "evidence_sha256": await proof(cast.neighbour, found)}
    path = f"{PATH}/{found['id']}/report-act"
    assert_problem(await cast.neighbour.legal.post(path, body), 422, "not_of_this_kind")


async def test_what_makes_no_difference_to_anybody_is_put_to_nobody(service: Service, cast: Cast) -> None:
    """A hand alone binds to nobody; one of today changes no day; a paper that others put on record shows it."""
    recorded = await record_agreement(cast.assisting, cast.requesting, cast.neighbour)
    for party in (cast.requesting, cast.neighbour):
        recorded = await confirm_agreement(recorded, party)
    digest = await amendment(cast, recorded, effective_on=today(), signed_on=today())
    said = await confirmed(cast.requesting, recorded, digest, today())
    assert said["proposals"] == []
    assert await versions_between(cast.requesting, cast.assisting, utc_now()) == [2]


async def test_a_late_approval_fills_days_of_others_once_they_agree(service: Service, cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting, effective_on="2020-01-01")
    rule = {"required": True, "effective_on": "2020-01-01", "reason": "the charter", "citation": "City code (demo)"}
    await act(cast.requesting, found, "set-approval-rule", rule)
    await confirm_agreement(found, cast.requesting)
    june = datetime(2025, 6, 1, 12, tzinfo=UTC)
    council = {"version_no": 1, "body": "City council", "evidence_location": "City clerk (demo)"}
    lapsed = {**council, "approved_on": "2025-02-03", "expires_on": "2026-02-02"}
    said = await act(cast.requesting, found, "record-approval", lapsed)
    assert waiting(said) == [str(cast.assisting.id)]
    assert (said["status"], await in_force(cast.requesting, cast.assisting, june)) == ("not_yet_effective", [])
    lasting = {**council, "approved_on": "2026-02-03"}
    said = await act(cast.requesting, found, "record-approval", lasting)
    assert said["status"] == "in_force", "from now"
    assert await in_force(cast.requesting, cast.assisting, utc_now() - DAY) == []
    for proposal in said["proposals"]:
        await consent(cast.assisting, found, proposal)
    for at in (june, utc_now() - DAY):
        assert len(await in_force(cast.requesting, cast.assisting, at)) == 1


async def test_a_notice_that_runs_is_not_shortened_by_a_text_that_its_giver_says_late_it_had_signed(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 90})
    paper = {"effective_on": "2025-06-02", "notice": {"days": 10}}
    digest = await amendment(cast, found, **paper)
    given = await act(cast.requesting, found, "give-notice", {"notice_on": str(today()), "reason": "we leave"})
    assert given["parties"][1]["leaves_at"] == runs_out(today(), 90)
    said = await confirmed(cast.requesting, found, digest, date(2025, 6, 2))
    assert waiting(said) == [str(cast.assisting.id)]
    assert said["parties"][1]["leaves_at"] == runs_out(today(), 90), "its own word makes its notice no shorter"
    agreed = await consent(cast.assisting, found, earlier_day(said))
    assert agreed["parties"][1]["leaves_at"] == runs_out(today(), 10)


async def test_who_is_asked_sees_it_among_what_waits_for_it_and_others_do_not_answer(cast: Cast) -> None:
    found = await of_three(cast)
    said = await confirmed(cast.neighbour, found, await of_two(cast, found))
    for party, offered in ((cast.requesting, ["confirm", "contest"]), (cast.neighbour, ["take_back"])):
        seen = await party.legal.done("GET", f"{PATH}/{found['id']}")
        (its,) = of_the_day(seen, cast.requesting)
        assert [each["action"] for each in its["allowed_actions"] if each["allowed"]] == offered
    path = f"{PATH}/{found['id']}/proposals/{earlier_day(said)['id']}"
    assert_problem(await cast.neighbour.legal.post(f"{path}/consent"), 409, "wrong_status")
    assert_problem(await cast.neighbour.legal.post(f"{path}/take-back", {"reason": "no"}), 409, "wrong_status")
    timeline = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}/timeline")
    told = [each for each in timeline["acts"] if each["kind"] == "earlier_day"]
    assert {(each["status"], each["agency"]["id"]) for each in told} == {
        ("agreed", str(cast.requesting.id)),
        ("open", str(cast.neighbour.id)),
    }
