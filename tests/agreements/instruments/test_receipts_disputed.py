"""A receipt that is awaited, contested, shown anew, or was mistyped: what parties read of it, and how it is mended."""

import json
from csv import DictReader
from datetime import date
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from registry.agreements.instruments.consent import Reliance
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.reporting import DAY, PATH, give, report, runs_out
from tests.agreements.instruments.test_notice_by_receipt import (
    BY_RECEIPT,
    UPON,
    awaited,
    came,
    party,
    receipts,
    received,
)
from tests.support.agreements import EVIDENCE, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import proof
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

NOT_SO = {"reason": "it went to the dispatch desk"}


async def told_in_force(reader: Agency, one: Agency, other: Agency) -> dict[str, Any]:
    """The row of what is in force between two, as a party to it reads it."""
    asked = f"requesting_agency_id={one.id}&assisting_agency_id={other.id}"
    (row,) = (await reader.coordinator.done("GET", f"{PATH}/in-force?{asked}"))["items"]
    found: dict[str, Any] = row
    return found


def status(said: dict[str, Any], giver: Agency, recipient: Agency) -> str:
    its = party(said, giver)["notice_receipts"]
    return next(str(each["status"]) for each in its if each["agency"]["id"] == str(recipient.id))


def correction(giver: Agency, on: date) -> dict[str, str]:
    return {"agency_id": str(giver.id), "received_on": str(on), "reason": "the stamp says so; it was mistyped"}


async def test_what_is_in_force_says_of_whom_a_receipt_is_awaited_and_who_contests_it(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    assert (await told_in_force(one, one, leaver))["awaiting_receipt"] == []
    await give(leaver, found, today() - 5 * DAY)
    row = await told_in_force(one, one, leaver)
    assert row["covers_until"] is None, "which alone would read as though it went on for ever"
    (notice,) = row["awaiting_receipt"]
    assert (notice["agency"], notice["notice_on"]) == (leaver.reference, str(today() - 5 * DAY))
    said = {each["agency"]["id"]: each["status"] for each in notice["receipts"]}
    assert said == {str(one.id): "awaited", str(three.id): "awaited"}
    assert (await told_in_force(one, one, three))["awaiting_receipt"] == [], "neither of these is leaving"

    reported, its = await came(leaver, found, one, today() - 4 * DAY)
    assert (status(reported, leaver, one), status(reported, leaver, three)) == ("reported", "awaited")
    contested = await one.legal.done("POST", f"{its}/contest", NOT_SO)
    assert status(contested, leaver, one) == "contested"
    assert party(contested, leaver)["bound_until"] is None
    assert f"is awaited of {three.name}; is contested by {one.name}" in awaited(contested)[0]
    for reader, other in ((one, one), (three, three), (leaver, one)):
        (notice,) = (await told_in_force(reader, other, leaver))["awaiting_receipt"]
        (by,) = (each for each in notice["receipts"] if each["status"] == "contested")
        assert (by["agency"], by["report_ids"]) == (one.reference, [its.rsplit("/", 1)[1]])

    await received(three, found, leaver, today())
    await received(one, found, leaver, today())
    row = await told_in_force(one, one, leaver)
    assert (row["covers_until"], row["awaiting_receipt"]) == (runs_out(today(), 30), [])


async def test_nobody_but_the_parties_reads_of_a_receipt(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    public = [{**each, "sensitivity": "public"} for each in BY_RECEIPT["provisions"]]
    found = await sign_agreement(service, one, leaver, notice=BY_RECEIPT["notice"], provisions=public)
    await give(leaver, found, today())
    row = await told_in_force(cast.stranger, one, leaver)
    assert (row["terms"], row["awaiting_receipt"]) == (None, [])
    seen = await cast.stranger.coordinator.done("GET", f"{PATH}/{found['id']}")
    assert [each["notice_receipts"] for each in seen["parties"]] == [[], []]


async def test_after_a_contest_the_giver_shows_it_anew_and_the_contested_report_stays(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today() - 9 * DAY)
    evidence = await proof(leaver, found)
    body = {"agency_id": str(one.id), "kind": "received_notice", "acted_on": str(today() - 8 * DAY), "reason": "card"}
    said = await leaver.legal.done("POST", f"{path}/report-act", {**body, "evidence_sha256": evidence})
    waiting = await leaver.legal.post(f"{path}/report-act", {**body, "evidence_sha256": await proof(leaver, found)})
    assert_problem(waiting, 409, "already_reported")  # it has not been answered yet
    first = said["reported_acts"][-1]["id"]
    await one.legal.done("POST", f"{path}/reported-acts/{first}/contest", NOT_SO)
    same = await leaver.legal.post(f"{path}/report-act", {**body, "evidence_sha256": evidence})
    assert "other evidence, or of another day" in assert_problem(same, 409, "already_reported")["detail"]

    again = await leaver.legal.done(
        "POST", f"{path}/report-act", {**body, "evidence_sha256": evidence, "acted_on": str(today() - 7 * DAY)}
    )
    further, its = await report(leaver, found, body)
    told = [(each["status"], each["because"]) for each in further["reported_acts"]]
    assert told == [("contested", None), ("unconfirmed", "said_no"), ("unconfirmed", "said_no")], "a no holds"
    assert len(again["reported_acts"]) == 2
    assert status(further, leaver, one) == "contested"
    assert party(further, leaver)["leaves_at"] is None

    agreed = await one.legal.done("POST", f"{its}/confirm", {})
    assert receipts(agreed, leaver) == {one.name: str(today() - 8 * DAY)}
    assert [each["status"] for each in agreed["reported_acts"]] == ["replaced", "replaced", "confirmed"]
    history = await one.auditor.done("GET", f"{path}/history")
    assert [each["data"]["report_id"] for each in history["items"] if each["type"] == "agreement.report_contested"] == [
        first
    ]


async def test_a_recipient_corrects_the_day_that_it_mistyped_and_the_history_keeps_both(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today() - 9 * DAY)
    seen = await one.legal.done("GET", path)
    assert "correct_receipt" not in {each["action"] for each in seen["allowed_actions"]}
    said = await received(one, found, leaver, today() - 9 * DAY)
    assert {"action": "correct_receipt", "allowed": True, "reason": None} in said["allowed_actions"]
    key = str(uuid4())
    for _ in range(2):
        answer = await one.legal.post(f"{path}/correct-receipt", correction(leaver, today() - 6 * DAY), key=key)
        assert answer.status_code == 200
    corrected = await one.legal.done("GET", path)
    assert receipts(corrected, leaver) == {one.name: str(today() - 6 * DAY)}
    assert party(corrected, leaver)["leaves_at"] == runs_out(today() - 6 * DAY, 30)
    history = await leaver.auditor.done("GET", f"{path}/history")
    told = [each["data"] for each in history["items"] if each["type"] == "agreement.receipt_corrected"]
    assert [(each["recorded_before"], each["received_on"]) for each in told] == [
        (str(today() - 9 * DAY), str(today() - 6 * DAY))
    ]


async def test_a_day_that_others_have_gone_by_is_not_corrected_alone(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today() - 9 * DAY)
    await received(three, found, leaver, today() - 9 * DAY)
    await received(one, found, leaver, today() - 9 * DAY)
    paper = {
        "kind": "amendment",
        "title": "Without them (demo)",
        "effective_on": str(today()),
        "terms": {"categories": ["any"]},
        **BY_RECEIPT,
        "signed_on": str(today()),
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "they leave",
    }
    await one.legal.done("POST", f"{path}/record-amendment", paper)
    own = await one.legal.post(f"{path}/correct-receipt", correction(leaver, today() - 8 * DAY))
    assert own.status_code == 200, "what it did itself holds nobody to its day"
    refused = await three.legal.post(f"{path}/correct-receipt", correction(leaver, today() - 8 * DAY))
    detail = assert_problem(refused, 409, "wrong_status")["detail"]
    assert f"{one.name} signed version 2 on {today()}" in detail
    seen = await three.legal.done("GET", path)
    assert {"action": "correct_receipt", "allowed": False, "reason": detail} in seen["allowed_actions"]


async def test_a_receipt_is_corrected_by_who_recorded_it_while_the_notice_runs_and_to_a_day_that_can_be(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    path = f"{PATH}/{found['id']}/correct-receipt"
    await give(leaver, found, today() - 40 * DAY)
    _, its = await came(leaver, found, one, today() - 4 * DAY)
    assert_problem(await one.legal.post(path, correction(leaver, today())), 409, "wrong_status")
    await one.legal.done("POST", f"{its}/confirm", {})
    refused = await one.legal.post(path, correction(leaver, today()))
    assert "confirmed or did not contest" in assert_problem(refused, 409, "wrong_status")["detail"]

    await leaver.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", {"reason": "anew"})
    await give(leaver, found, today() - 40 * DAY)
    assert_problem(await leaver.legal.post(path, correction(leaver, today())), 409, "wrong_status")
    await received(one, found, leaver, today() - DAY)
    for day, code in ((today() - 41 * DAY, "dates_reversed"), (today() + 2 * DAY, "not_then")):
        refused = await one.legal.post(path, correction(leaver, day))
        assert assert_problem(refused, 422, code)["errors"][0]["pointer"] == "/received_on"
    without = {name: value for name, value in correction(leaver, today()).items() if name != "reason"}
    assert (await one.legal.post(path, without)).status_code == 400
    stale = await one.legal.post(path, correction(leaver, today()), if_match='"1-00000000"')
    assert_problem(stale, 412, "stale_version")
    await one.legal.done("POST", path, correction(leaver, today() - 29 * DAY))
    await leaver.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", {"reason": "anew"})
    await give(leaver, found, today() - 40 * DAY)
    await received(one, found, leaver, today() - 39 * DAY)
    over = await one.legal.post(path, correction(leaver, today()))
    assert "has run out" in assert_problem(over, 409, "wrong_status")["detail"]


def test_what_counts_from_a_day_to_come_is_not_told_as_done() -> None:
    done = Reliance(agency="Lakeside", did="departure", on=date(2099, 12, 21))
    assert str(done) == "Lakeside agreed to its day on 2099-12-21"
    to_come = replace(done, is_to_come=True)
    assert str(to_come) == "Lakeside agreed to its day, which counts from 2099-12-21"


async def test_the_index_of_a_file_says_which_receipts_are_awaited_of_whom_and_since_when(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    given_on = today() - 5 * DAY
    await give(leaver, found, given_on)
    await received(three, found, leaver, given_on)
    _, its = await came(leaver, found, one, given_on + DAY)
    await one.legal.done("POST", f"{its}/contest", NOT_SO)
    page = text_of((await unpacked(three.legal, found["id"]))["index.html"])
    unknown = f"until when {leaver.name} is bound is not known"
    reports = f"{leaver.name} reports it of {given_on + DAY}, {one.name} contests that"
    assert f"awaited since {given_on}; {reports}; {unknown}" in page
    assert f"on {given_on}" in page
    assert f"for {leaver.name} not known: a notice counts from its receipt, which is awaited" in page
    assert "not known: a receipt is awaited" in page, "where its last day would stand"
    await received(one, found, leaver, today())
    page = text_of((await unpacked(three.legal, found["id"]))["index.html"])
    assert "not known" not in page


async def test_the_rows_of_a_file_say_that_an_end_is_not_known_while_a_receipt_is_awaited(
    service: Service, cast: Cast
) -> None:
    """Also where the term has a last day, which alone would read as though nobody had given notice."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT, expires_on="2199-12-31")
    given_on = today() - 5 * DAY
    await give(leaver, found, given_on)
    _, its = await came(leaver, found, one, given_on + DAY)
    await one.legal.done("POST", f"{its}/contest", NOT_SO)
    parts = await unpacked(three.legal, found["id"])
    rows = {row["party"]: row for row in DictReader(parts["timeline.csv"].decode().splitlines())}
    said = rows[leaver.name]["end_not_known"]
    assert said.startswith(f"Notice given, of {given_on}; until when {leaver.name} is bound is not known")
    assert f"is awaited of {three.name}; is contested by {one.name}" in said
    assert rows[leaver.name]["last_on"] == rows[leaver.name]["end"] == "", "the term's last day is not its own"
    assert said.endswith("Not later than 2199-12-31, by which the text ends it.")
    assert rows[one.name]["last_on"] == "2199-12-31"
    assert rows[one.name]["end_not_known"] == rows[three.name]["end_not_known"] == ""
    assert said in text_of(parts["index.html"])
    its_parties = json.loads(parts["timeline.json"])["parties"]
    waits = {each["agency"]["name"]: each["awaiting_receipt"] for each in its_parties}
    assert waits[one.name] is waits[three.name] is None
    assert waits[leaver.name]["notice_on"] == str(given_on)
    assert {each["status"] for each in waits[leaver.name]["receipts"]} == {"awaited", "contested"}
    for recipient in (one, three):
        await received(recipient, found, leaver, today())
    after = await unpacked(three.legal, found["id"])
    assert "is not known" not in after["timeline.csv"].decode()


async def test_a_file_says_that_a_receipt_was_corrected_from_which_day_to_which_when_and_why(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    before, after = today() - 9 * DAY, today() - 6 * DAY
    await give(leaver, found, before)
    await received(one, found, leaver, before)
    body = correction(leaver, after)
    await one.legal.done("POST", f"{PATH}/{found['id']}/correct-receipt", body)
    parts = await unpacked(leaver.legal, found["id"])
    told = (
        f"{one.name} corrected on {today()} the day on which it received {leaver.name}'s notice: {after}, where it had "
        f"recorded {before} (“{body['reason']}”)."
    )
    assert told in text_of(parts["index.html"])
    timeline = json.loads(parts["timeline.json"])
    (act,) = (each for each in timeline["acts"] if each["kind"] == "receipt_corrected")
    assert (act["detail"], act["agency"]["name"]) == (told, one.name)
    numbers = {each["agency"]["name"]: each["receipts_corrected"] for each in timeline["parties"]}
    assert numbers == {leaver.name: [act["act_no"]], one.name: []}
    rows = {row["party"]: row for row in DictReader(parts["timeline.csv"].decode().splitlines())}
    assert (rows[leaver.name]["receipts_corrected"], rows[one.name]["receipts_corrected"]) == (told, "")


def text_of(page: bytes) -> str:
    return unescape(page.decode())


async def test_that_it_is_not_entered_from_what_notice_counts_is_said_where_it_says_how_long(
    service: Service, cast: Cast
) -> None:
    one, other = cast.assisting, cast.requesting
    for notice, said in (
        ({"days": 30}, True),
        ({"days": 30, "counted_from": "giving"}, False),
        ({"days": 30, "counted_from": "receipt"}, False),
        ({}, False),
    ):
        found = await sign_agreement(service, one, other, notice=notice)
        codes = [each["code"] for each in found["remarks"]]
        assert ("counted_from_silent" in codes) is said, notice
        assert ("notice_silent" in codes) is (not notice)


async def test_nobody_ends_for_all_by_a_notice_of_which_no_receipt_is_recorded(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    by_right = {"ground": "right_to_end", "reason": "the board decided"}
    for days, counted_from in ((20, "receipt"), (0, "receipt"), (20, "giving")):
        terms = {"rights_to_end": [{"agency_id": str(one.id), "notice_days": days}]}
        notice = {**BY_RECEIPT["notice"], "counted_from": counted_from}
        found = await sign_agreement(service, one, other, notice=notice, provisions=[UPON], terms=terms)
        answer = await one.legal.post(f"{PATH}/{found['id']}/terminate", by_right)
        if days and counted_from == "receipt":
            problem = assert_problem(answer, 422, "notice_silent")
            assert "Clause 9 counts notice from its receipt" in problem["detail"]
        else:
            assert answer.status_code == 200
