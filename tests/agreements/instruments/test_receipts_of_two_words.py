"""A receipt of which who gave the notice and who received it say different days: both stand, and the later counts."""

import json
from csv import DictReader
from datetime import date
from typing import Any

import pytest

from registry.platform.kernel.time import utc_now
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.reporting import DAY, PATH, give, report, runs_out, seen_at
from tests.agreements.instruments.test_notice_by_receipt import BY_RECEIPT, came, party, receipts, received
from tests.agreements.instruments.test_receipts_disputed import NOT_SO, correction, status, text_of, told_in_force
from tests.agreements.instruments.test_receipts_of_earlier_days import asked, consents
from tests.support.agreements import EVIDENCE, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later


def given_on() -> date:
    return today() - 9 * DAY


def truly_on() -> date:
    return today() - 8 * DAY


def said_on() -> date:
    return today() - 2 * DAY


def remarked(said: dict[str, Any]) -> list[str]:
    return [each["detail"] for each in said["remarks"] if each["code"] == "receipt_disputed"]


async def disputed(service: Service, one: Agency, leaver: Agency, *others: Agency) -> tuple[dict[str, Any], str]:
    """An agreement of which the first says a late receipt of the second's notice, and the address of the second's."""
    found = await sign_agreement(service, one, leaver, *others, **BY_RECEIPT)
    await give(leaver, found, given_on())
    for each in others:
        await received(each, found, leaver, given_on())
    await received(one, found, leaver, said_on())
    return await came(leaver, found, one, truly_on())


async def test_who_gave_a_notice_contests_the_day_that_its_addressee_says_and_both_words_stand(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    said, its = await disputed(service, one, leaver, three)
    (receipt,) = (each for each in party(said, leaver)["notice_receipts"] if each["agency"] == one.reference)
    assert (receipt["status"], receipt["received_on"]) == ("disputed", str(said_on()))
    assert (receipt["report_ids"], receipt["reported_on"]) == ([its.rsplit("/", 1)[1]], [str(truly_on())])
    assert status(said, leaver, three) == "received"
    counted = runs_out(today(), 30)  # to each recipient, what the other one says is known since today
    assert party(said, leaver)["leaves_at"] == counted, "nobody is left sooner by another's word"
    assert [(each["status"], each["because"]) for each in said["reported_acts"]] == [("unconfirmed", "said_no")]
    both = f"{one.name} says that it received it on {said_on()}, {leaver.name} that it came on {truly_on()}"
    (detail,) = remarked(said)
    assert both in detail

    for reader, other in ((one, one), (leaver, one), (three, three)):
        row = await told_in_force(reader, other, leaver)
        (notice,) = row["disputed_receipts"]
        assert (notice["agency"], notice["notice_on"]) == (leaver.reference, str(given_on()))
        assert [each["reported_on"] for each in notice["receipts"]] == [[str(truly_on())]]
        assert (row["covers_until"], row["awaiting_receipt"]) == (counted, [])
    assert (await told_in_force(one, one, three))["disputed_receipts"] == []

    parts = await unpacked(three.legal, said["id"])
    rows = {row["party"]: row for row in DictReader(parts["timeline.csv"].decode().splitlines())}
    assert both in rows[leaver.name]["end_disputed"]
    assert rows[leaver.name]["end_not_known"] == rows[one.name]["end_disputed"] == ""
    page = text_of(parts["index.html"])
    assert f"DISPUTED: {both}; the later day counts until they agree" in page
    assert f"until when {leaver.name} is bound is disputed: {both}" in page
    timeline = json.loads(parts["timeline.json"])
    told = {each["agency"]["name"]: each["disputed_receipts"] for each in timeline["parties"]}
    assert told[one.name] is told[three.name] is None
    assert [each["status"] for each in told[leaver.name]["receipts"]] == ["disputed"]
    (notice_act,) = (each for each in timeline["acts"] if each["kind"] == "gave_notice")
    assert f"disputed: {both}" in notice_act["detail"]


async def test_no_silence_counts_against_a_word_that_was_given(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    said, _ = await disputed(service, one, leaver)
    (its,) = (
        each
        for each in (await seen_at(service, one, said, utc_now() + 15 * DAY)).parties
        if each.agency.id == leaver.id
    )
    assert its.leaves_at is not None
    assert its.leaves_at.isoformat().replace("+00:00", "Z") == runs_out(said_on(), 30)
    assert [each.status for each in its.notice_receipts] == ["disputed"]


async def test_who_received_it_ends_the_dispute_by_confirming_the_other_day(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    said, its = await disputed(service, one, leaver)
    contested = await one.legal.done("POST", f"{its}/contest", NOT_SO)
    assert status(contested, leaver, one) == "disputed"
    assert party(contested, leaver)["leaves_at"] == runs_out(said_on(), 30)
    _, anew = await came(leaver, said, one, truly_on() - DAY)
    agreed = await one.legal.done("POST", f"{its}/confirm", {})
    assert receipts(agreed, leaver) == {one.name: str(truly_on())}
    assert (status(agreed, leaver, one), remarked(agreed)) == ("received", [])
    assert party(agreed, leaver)["leaves_at"] == runs_out(truly_on(), 30)
    assert [each["status"] for each in agreed["reported_acts"]] == ["confirmed", "replaced"]
    assert_problem(await one.legal.post(f"{anew}/confirm", {}), 409, "wrong_status")
    refused = await one.legal.post(f"{PATH}/{said['id']}/correct-receipt", correction(leaver, today()))
    assert "confirmed or did not contest" in assert_problem(refused, 409, "wrong_status")["detail"]
    again = {"agency_id": str(one.id), "kind": "received_notice", "acted_on": str(given_on()), "reason": "card"}
    refused = await leaver.legal.post(f"{PATH}/{said['id']}/report-act", {**again, "evidence_sha256": EVIDENCE})
    assert "the receipt is on record" in assert_problem(refused, 409, "wrong_status")["detail"]
    assert (await told_in_force(one, one, leaver))["disputed_receipts"] == []


async def test_a_correction_to_the_other_day_ends_it_too_and_one_between_does_not(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    said, _ = await disputed(service, one, leaver)
    path = f"{PATH}/{said['id']}/correct-receipt"
    between = await one.legal.done("POST", path, correction(leaver, said_on() - DAY))
    assert (status(between, leaver, one), receipts(between, leaver)) == ("disputed", {one.name: str(said_on() - DAY)})
    same = await one.legal.done("POST", path, correction(leaver, truly_on()))
    assert (status(same, leaver, one), same["reported_acts"][0]["status"]) == ("received", "replaced")
    assert party(same, leaver)["leaves_at"] == runs_out(truly_on(), 30)


async def test_a_report_of_an_earlier_day_stays_beside_the_word_that_comes_after_it(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    await give(leaver, found, given_on())
    for recipient in (one, three):
        await came(leaver, found, recipient, truly_on())
    await received(three, found, leaver, truly_on())
    said = await received(one, found, leaver, said_on())
    assert (status(said, leaver, one), status(said, leaver, three)) == ("disputed", "received")
    told = {each["agency"]["id"]: (each["status"], each["because"]) for each in said["reported_acts"]}
    assert told == {str(one.id): ("unconfirmed", "said_no"), str(three.id): ("replaced", None)}
    assert party(said, leaver)["leaves_at"] == runs_out(today(), 30), (
        "to each, the other's receipt is known since today"
    )


async def test_a_notice_that_is_taken_back_leaves_no_dispute_and_so_does_a_report(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    said, its = await disputed(service, one, leaver)
    gone = await leaver.legal.done("POST", f"{its}/take-back", {"reason": "the card was another's"})
    assert (status(gone, leaver, one), remarked(gone)) == ("received", [])
    await came(leaver, said, one, truly_on())
    gone = await leaver.legal.done("POST", f"{PATH}/{said['id']}/rescind-notice", {"reason": "we stay"})
    assert party(gone, leaver)["notice_receipts"] == []
    assert {each["status"] for each in gone["reported_acts"]} == {"taken_back", "replaced"}


async def test_what_cannot_be_contested_is_refused(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    await give(leaver, found, given_on())
    await received(one, found, leaver, said_on())
    path, body = f"{PATH}/{found['id']}/report-act", {"agency_id": str(one.id), "kind": "received_notice"}
    body |= {"reason": "returned card", "evidence_sha256": EVIDENCE}
    for day, code in ((said_on(), "not_then"), (today(), "not_then"), (given_on() - DAY, "dates_reversed")):
        refused = await leaver.legal.post(path, {**body, "acted_on": str(day)})
        assert assert_problem(refused, 422, code)["errors"][0]["pointer"] == "/acted_on"
    assert_problem(await three.legal.post(path, {**body, "acted_on": str(truly_on())}), 409, "wrong_status")

    over = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    await give(one, over, today() - 40 * DAY)  # the custodian, which reports also once it has left
    await received(leaver, over, one, today() - 35 * DAY)
    body |= {"agency_id": str(leaver.id), "acted_on": str(today() - 38 * DAY)}
    refused = await one.legal.post(f"{PATH}/{over['id']}/report-act", body)
    assert "has run out" in assert_problem(refused, 409, "wrong_status")["detail"]


async def test_a_day_that_others_have_gone_by_or_by_which_it_is_over_is_not_confirmed(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    await give(leaver, found, today() - 40 * DAY)
    await received(one, found, leaver, said_on())
    said, its = await came(leaver, found, one, today() - 35 * DAY)
    refused = await one.legal.post(f"{its}/confirm", {})
    assert "nobody alone unbinds a party" in assert_problem(refused, 422, "not_then")["detail"]
    after = await one.legal.done("GET", f"{PATH}/{said['id']}")
    assert (after["version"], status(after, leaver, one)) == (said["version"], "disputed")

    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    await give(leaver, found, given_on())
    await received(one, found, leaver, given_on())
    await received(three, found, leaver, said_on())
    said, its = await came(leaver, found, three, truly_on())
    paper = {"kind": "amendment", "title": "Without them (demo)", "effective_on": str(today()), **BY_RECEIPT}
    paper |= {"terms": {"categories": ["any"]}, "signed_on": str(today()), "signatory_title": "Chief"}
    paper |= {"evidence_sha256": EVIDENCE, "reason": "they leave"}
    await one.legal.done("POST", f"{PATH}/{found['id']}/record-amendment", paper)
    refused = await three.legal.post(f"{its}/confirm", {})
    assert f"{one.name} signed version 2" in assert_problem(refused, 409, "wrong_status")["detail"]
    assert status(await one.legal.done("GET", f"{PATH}/{found['id']}"), leaver, three) == "disputed"


async def test_others_than_the_parties_read_of_no_dispute(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    public = [{**each, "sensitivity": "public"} for each in BY_RECEIPT["provisions"]]
    found = await sign_agreement(service, one, leaver, notice=BY_RECEIPT["notice"], provisions=public)
    await give(leaver, found, given_on())
    await received(one, found, leaver, said_on())
    await report(
        leaver,
        found,
        {"agency_id": str(one.id), "kind": "received_notice", "acted_on": str(truly_on()), "reason": "returned card"},
    )
    assert (await told_in_force(cast.stranger, one, leaver))["disputed_receipts"] == []
    seen = await cast.stranger.coordinator.done("GET", f"{PATH}/{found['id']}")
    assert [each["notice_receipts"] for each in seen["parties"]] == [[], []]
    assert remarked(seen) == []


async def test_who_confirms_the_other_day_takes_no_days_from_a_third_party_by_what_that_was_asked_before(
    service: Service, cast: Cast
) -> None:
    """The question of the day that it said itself is closed, and the day that it confirms is put to the third anew."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    said, its = await disputed(service, one, leaver, three)
    assert asked(said) == [[str(three.id)]]
    confirmed = await one.legal.done("POST", f"{its}/confirm", {})
    assert receipts(confirmed, leaver)[one.name] == str(truly_on())
    assert party(confirmed, leaver)["leaves_at"] == runs_out(today(), 30), "the third has said nothing of it"
    assert asked(confirmed) == [[str(three.id)]]
    days = [each["not_before"][:10] for each in confirmed["proposals"] if each["status"] == "open"]
    assert days == [str(truly_on())], "what was asked of the former day is closed"
    agreed = await consents(three, confirmed)
    assert party(agreed, leaver)["leaves_at"] == runs_out(truly_on(), 30)
