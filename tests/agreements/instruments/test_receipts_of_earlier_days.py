"""A receipt that is said late: to the others it counts from when they were told, and from its day once they agree."""

from datetime import timedelta
from typing import Any

import pytest

from registry.agreements.instruments.commands.holding import settle_all_due
from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.agreements.instruments.receipt import MOST_DAYS_ASKED
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import DAY, PATH, give, report, runs_out
from tests.agreements.instruments.test_notice_by_receipt import BY_RECEIPT, UPON, party, received
from tests.agreements.instruments.test_receipts_disputed import correction, told_in_force
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import proof
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later


def asked(said: dict[str, Any]) -> list[list[str]]:
    """Who has not answered yet, of each day of a receipt that is put to the others."""
    return [
        sorted(each["id"] for each in proposal["outstanding"])
        for proposal in said["proposals"]
        if proposal["kind"] == "earlier_day" and proposal["status"] == "open"
    ]


async def consents(by: Agency, said: dict[str, Any]) -> dict[str, Any]:
    """The agreement after the party has agreed to the day that is put to it."""
    (its,) = (each["id"] for each in said["proposals"] if each["kind"] == "earlier_day" and each["status"] == "open")
    found: dict[str, Any] = await by.legal.done("POST", f"{PATH}/{said['id']}/proposals/{its}/consent", {})
    return found


async def test_the_last_receipt_ends_no_cover_of_another_pair_for_days_that_are_over(
    service: Service, cast: Cast
) -> None:
    late, leaver, prompt = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, late, leaver, prompt, **BY_RECEIPT)
    await give(leaver, found, today() - 60 * DAY)
    await received(prompt, found, leaver, today() - 59 * DAY)
    said = await received(late, found, leaver, today() - 58 * DAY)
    assert party(said, leaver)["leaves_at"] == runs_out(today(), 30)
    assert (await told_in_force(prompt, prompt, leaver))["covers_until"] == runs_out(today(), 30)
    assert asked(said) == [[str(prompt.id)]], "who gave the notice, and who received it, have said so"
    agreed = await consents(prompt, said)
    assert party(agreed, leaver)["leaves_at"] == runs_out(today() - 58 * DAY, 30)


async def test_what_each_says_late_comes_to_the_same_whoever_says_it_first(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    for first, second in ((one, three), (three, one)):
        found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
        await give(leaver, found, today() - 60 * DAY)
        days = {one.id: today() - 50 * DAY, three.id: today() - 9 * DAY}
        assert asked(await received(first, found, leaver, days[first.id])) == [], "nothing follows from the first"
        said = await received(second, found, leaver, days[second.id])
        assert party(said, leaver)["leaves_at"] == runs_out(today(), 30)
        assert party(await consents(first, said), leaver)["leaves_at"] == runs_out(today() - 9 * DAY, 30)


async def test_a_receipt_of_the_day_on_which_it_is_said_asks_nobody(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    await give(leaver, found, today() - 60 * DAY)
    await received(three, found, leaver, today() - 50 * DAY)
    said = await received(one, found, leaver, today())
    assert (party(said, leaver)["leaves_at"], asked(said)) == (runs_out(today(), 30), [])


async def test_a_correction_brings_no_end_nearer_for_others_without_their_word(service: Service, cast: Cast) -> None:
    """However far ahead the nearer end is."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}/correct-receipt"
    await give(leaver, found, today() - 60 * DAY)
    await received(three, found, leaver, today() - 50 * DAY)
    await received(one, found, leaver, today())
    said = await one.legal.done("POST", path, correction(leaver, today() - 20 * DAY))
    assert party(said, leaver)["leaves_at"] == runs_out(today(), 30)
    assert asked(said) == [[str(three.id)]]
    again = await one.legal.done("POST", path, correction(leaver, today() - 29 * DAY))
    assert asked(again) == [[str(three.id)]], "what was asked before is closed"
    back = await one.legal.done("POST", path, correction(leaver, today()))
    assert (asked(back), party(back, leaver)["leaves_at"]) == ([], runs_out(today(), 30))
    last = await one.legal.done("POST", path, correction(leaver, today() - 40 * DAY))
    assert party(last, leaver)["leaves_at"] == runs_out(today(), 30)
    agreed = await consents(three, last)
    assert party(agreed, leaver)["leaves_at"] == runs_out(today() - 40 * DAY, 30), "all have said it now"


async def test_with_evidence_the_others_have_fourteen_days_to_contest_the_day(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    ends = {}
    for contests in (False, True):
        found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
        path = f"{PATH}/{found['id']}"
        await give(leaver, found, today() - 20 * DAY)
        await received(three, found, leaver, today() - 19 * DAY)
        body = {"agency_id": str(leaver.id), "received_on": str(today() - 10 * DAY)}
        twice = {**body, "evidence_sha256": "ab" * 32, "evidence_location": "The clerk's vault (demo)"}
        assert_problem(await one.legal.post(f"{path}/record-receipt", twice), 422, "evidence_twice")
        evidence = await proof(one, found)
        said = await one.legal.done("POST", f"{path}/record-receipt", {**body, "evidence_sha256": evidence})
        (its,) = (each for each in said["reported_acts"] if each["kind"] == "was_asked")
        assert its["agency"] == three.reference
        if contests:
            denied = {"reason": "it was not there yet"}
            await three.legal.done("POST", f"{path}/reported-acts/{its['id']}/contest", denied)
        await settle_all_due(service.database, utc_now() + CONTEST_PERIOD + timedelta(minutes=1))
        ends[contests] = party(await one.legal.done("GET", path), leaver)["leaves_at"]
    assert ends == {False: runs_out(today() - 10 * DAY, 30), True: runs_out(today(), 30)}


async def test_a_notice_that_goes_to_one_alone_counts_for_the_others_from_when_they_are_told(
    service: Service, cast: Cast
) -> None:
    """So who acknowledges it is no worse off than who is no addressee."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    addressed = {"agency_id": str(one.id), "office": "County attorney (demo)"}
    notice = {**BY_RECEIPT["notice"], "addressees": [addressed]}
    found = await sign_agreement(service, one, leaver, three, notice=notice, provisions=[UPON])
    await give(leaver, found, today())
    said = await received(one, found, leaver, today())
    assert party(said, leaver)["leaves_at"] == runs_out(today(), 30)


async def test_a_receipt_that_is_reported_and_not_denied_counts_for_the_others_from_the_report(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today() - 60 * DAY)
    await received(three, found, leaver, today() - 59 * DAY)
    body = {"agency_id": str(one.id), "kind": "received_notice", "acted_on": str(today() - 58 * DAY), "reason": "card"}
    _, its = await report(leaver, found, body)
    await settle_all_due(service.database, utc_now() + CONTEST_PERIOD + timedelta(minutes=1))
    settled = await three.legal.done("GET", path)
    assert party(settled, leaver)["leaves_at"] == runs_out(today(), 30)

    other = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    await give(leaver, other, today() - 60 * DAY)
    await received(three, other, leaver, today() - 59 * DAY)
    _, its = await report(leaver, other, body)
    said = await one.legal.done("POST", f"{its}/confirm", {})
    assert (party(said, leaver)["leaves_at"], asked(said)) == (runs_out(today(), 30), [[str(three.id)]])


async def test_a_notice_that_is_taken_back_and_given_anew_goes_by_no_day_agreed_before(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today() - 20 * DAY)
    await received(three, found, leaver, today())
    said = await received(one, found, leaver, today())
    await leaver.legal.done("POST", f"{path}/rescind-notice", {"reason": "anew (demo)"})
    await give(leaver, found, today() - 20 * DAY)
    await received(three, found, leaver, today() - 19 * DAY)
    said = await received(one, found, leaver, today() - 18 * DAY)
    assert asked(said) == [[str(three.id)]]
    await leaver.legal.done("POST", f"{path}/rescind-notice", {"reason": "anew (demo)"})
    await give(leaver, found, today() - 19 * DAY)
    await received(three, found, leaver, today() - 19 * DAY)
    assert asked(await one.legal.done("GET", path)) == []
    said = await received(one, found, leaver, today() - 18 * DAY)
    assert party(said, leaver)["leaves_at"] == runs_out(today(), 30)


async def test_who_agreed_to_anothers_day_moves_the_end_no_more_by_its_own(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}/correct-receipt"
    await give(leaver, found, today() - 28 * DAY)
    await received(three, found, leaver, today() - 28 * DAY)
    said = await received(one, found, leaver, today() - 28 * DAY)
    agreed = await consents(three, said)
    ends = runs_out(today() - 28 * DAY, 30)
    assert party(agreed, leaver)["leaves_at"] == ends
    for by in (three, one):
        for days in (20, 0):
            refused = await by.legal.post(path, correction(leaver, today() - days * DAY))
            assert_problem(refused, 409, "wrong_status")
        seen = await by.legal.done("GET", f"{PATH}/{found['id']}")
        (offered,) = (each for each in seen["allowed_actions"] if each["action"] == "correct_receipt")
        assert offered["allowed"] is False
        assert party(seen, leaver)["leaves_at"] == ends


async def test_a_day_is_put_to_the_others_and_corrected_so_many_times_and_no_more(service: Service, cast: Cast) -> None:
    """Each of them waits for nothing once the next one is asked, and would stay among the proposals for ever."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today() - 29 * DAY)
    await received(three, found, leaver, today() - 29 * DAY)
    await received(one, found, leaver, today() - DAY)
    for n in range(MOST_DAYS_ASKED):
        await one.legal.done("POST", f"{path}/correct-receipt", correction(leaver, today() - (n + 2) * DAY))
    refused = await one.legal.post(f"{path}/correct-receipt", correction(leaver, today() - 20 * DAY))
    detail = assert_problem(refused, 409, "wrong_status")["detail"]
    assert f"has put {MOST_DAYS_ASKED} days" in detail
    seen = await one.legal.done("GET", path)
    assert {"action": "correct_receipt", "allowed": False, "reason": detail} in seen["allowed_actions"]
    assert asked(seen) == [[str(three.id)]], "the last one is still to be answered"
    await leaver.legal.done("POST", f"{path}/rescind-notice", {"reason": "anew (demo)"})
    await give(leaver, found, today() - 29 * DAY)
    await received(three, found, leaver, today() - 29 * DAY)
    await received(one, found, leaver, today() - DAY)
    await one.legal.done("POST", f"{path}/correct-receipt", correction(leaver, today() - 2 * DAY))
