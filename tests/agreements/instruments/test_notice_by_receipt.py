"""A notice that counts from its receipt: it runs once each of those has received it to whom it goes, and not before."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.commands.holding import settle_all_due, settle_due
from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.agreements.instruments.notice import Notice, NoticeAddress
from registry.agreements.instruments.receipt import CountedOn, Receipts, counted_on
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import day_starts_at, utc_now
from tests.agreements.dossier.test_agreement_file import data, unpacked
from tests.agreements.instruments.reporting import DAY, PATH, answer, give, letter, report, runs_out
from tests.support.agreements import confirm_agreement, confirm_alone, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import proof
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

UPON = {"number": "9", "heading": "termination", "text": "A party may leave thirty (30) days after receipt of notice."}
BY_RECEIPT: dict[str, Any] = {
    "notice": {"days": 30, "counted_from": "receipt", "clause": "9"},
    "provisions": [UPON],
}


def awaited(said: dict[str, Any]) -> list[str]:
    return [each["detail"] for each in said["remarks"] if each["code"] == "awaiting_receipt"]


def party(said: dict[str, Any], agency: Agency) -> dict[str, Any]:
    (its,) = (each for each in said["parties"] if each["agency"]["id"] == str(agency.id))
    found: dict[str, Any] = its
    return found


def receipts(said: dict[str, Any], agency: Agency) -> dict[str, str | None]:
    return {each["agency"]["name"]: each["received_on"] for each in party(said, agency)["notice_receipts"]}


async def received(by: Agency, found: dict[str, Any], giver: Agency, on: date) -> dict[str, Any]:
    """The agreement after a party has said when another's notice came."""
    body = {"agency_id": str(giver.id), "received_on": str(on)}
    said: dict[str, Any] = await by.legal.done("POST", f"{PATH}/{found['id']}/record-receipt", body)
    return said


async def came(by: Agency, found: dict[str, Any], recipient: Agency, on: date) -> tuple[dict[str, Any], str]:
    """The agreement after a party has reported that its notice came to another, and the address of that report."""
    body = {"agency_id": str(recipient.id), "kind": "received_notice", "acted_on": str(on), "reason": "returned card"}
    return await report(by, found, body)


ONE, OTHER, GONE = new_id(), new_id(), new_id()


@pytest.mark.parametrize(
    ("addressed", "days", "left", "counted"),
    [
        ((), {}, {}, None),
        ((), {ONE: 3}, {}, None),
        ((), {ONE: 3, OTHER: 8}, {}, 8),
        ((OTHER,), {OTHER: 8}, {}, 8),
        ((OTHER,), {OTHER: 1}, {}, 2),  # to the one who said nothing it counts no sooner than it was given
        ((), {ONE: 1, OTHER: 1}, {}, 1),  # each said so itself
        ((), {ONE: 3}, {OTHER: 20}, 3),
    ],
)
def test_a_notice_counts_from_the_day_on_which_the_last_of_those_received_it_to_whom_it_goes(
    addressed: tuple[UUID, ...], days: dict[UUID, int], left: dict[UUID, int], counted: int | None
) -> None:
    notice = Notice(
        days=30,
        counted_from="receipt",
        addressees=[NoticeAddress(agency_id=each, office="County attorney") for each in addressed],
    )
    on_record = Receipts(
        received={each: date(2099, 1, day) for each, day in days.items()},
        left={each: day_starts_at(date(2099, 1, day), ZoneInfo("UTC")) for each, day in left.items()},
    )
    found = counted_on(notice, {ONE, OTHER}, date(2099, 1, 2), on_record)
    gone = next(iter(on_record.left.values()), None)
    assert found == (None if counted is None else CountedOn(date(2099, 1, counted), gone))


async def test_it_waits_for_the_receipt_of_who_is_named_where_nobody_else_is_bound_yet(
    service: Service, cast: Cast
) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, two, three, **BY_RECEIPT)
    said = await give(one, found, today())
    assert (party(said, one)["leaves_at"], party(said, one)["bound_until"]) == (None, None)
    assert receipts(said, one) == {two.name: None, three.name: None}
    (detail,) = awaited(said)
    assert two.name in detail
    shown = await one.legal.done("GET", f"{PATH}/{found['id']}/timeline")
    its = next(each for each in shown["parties"] if each["agency"]["id"] == str(one.id))
    assert its["awaiting_receipt"] is not None
    await received(two, found, one, today())
    ran = await received(three, found, one, today())
    assert party(ran, one)["leaves_at"] == runs_out(today(), 30)


async def test_what_is_reported_of_its_receipt_by_who_is_not_bound_yet_has_effect_like_any(
    service: Service, cast: Cast
) -> None:
    one, two = cast.assisting, cast.requesting
    found = await record_agreement(one, two, **BY_RECEIPT)
    await give(one, found, today() - 3 * DAY)
    told, path = await came(one, found, two, today() - 2 * DAY)
    assert party(told, one)["leaves_at"] is None
    ran = await two.legal.done("POST", f"{path}/confirm")
    assert party(ran, one)["leaves_at"] == runs_out(today() - 2 * DAY, 30)


async def test_a_notice_runs_out_by_the_last_receipt_and_waits_until_that_is_on_record(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    assert found["notice"]["counted_from"] == "receipt"
    said = await give(leaver, found, today() - 3 * DAY)
    assert party(said, leaver)["leaves_at"] is None
    assert party(said, leaver)["bound_until"] is None
    assert receipts(said, leaver) == {one.name: None, three.name: None}
    (detail,) = awaited(said)
    assert f"{one.name}, {three.name}" in detail or f"{three.name}, {one.name}" in detail
    assert [each["code"] for each in said["remarks"]].count("counts_from_receipt") == 0

    first = await received(three, found, leaver, today() - 2 * DAY)
    assert party(first, leaver)["leaves_at"] is None
    assert three.name not in awaited(first)[0]
    last = await received(one, found, leaver, today())
    assert party(last, leaver)["leaves_at"] == runs_out(today(), 30)
    assert receipts(last, leaver) == {one.name: str(today()), three.name: str(today() - 2 * DAY)}
    assert awaited(last) == []
    history = await one.auditor.done("GET", f"{PATH}/{found['id']}/history")
    told = [each["data"] for each in history["items"] if each["type"] == "agreement.notice_received"]
    assert [each["notice_of_agency_id"] for each in told] == [str(leaver.id)] * 2


async def test_a_text_that_counts_from_giving_waits_for_nobody(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, notice={"days": 30, "counted_from": "giving"})
    said = await give(leaver, found, today())
    assert party(said, leaver)["leaves_at"] == runs_out(today(), 30)
    assert (receipts(said, leaver), awaited(said)) == ({}, [])
    body = {"agency_id": str(leaver.id), "received_on": str(today())}
    assert_problem(await one.legal.post(f"{PATH}/{found['id']}/record-receipt", body), 409, "wrong_status")


async def test_the_giver_reports_that_it_came_and_the_recipient_confirms_or_contests(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    await give(leaver, found, today() - 5 * DAY)
    said, its = await came(leaver, found, one, today() - 4 * DAY)
    assert party(said, leaver)["leaves_at"] is None, "nobody receives for another"
    contested = await one.legal.done("POST", f"{its}/contest", {"reason": "it went to the dispatch desk"})
    assert receipts(contested, leaver) == {one.name: None}
    agreed = await one.legal.done("POST", f"{its}/confirm", {})
    assert receipts(agreed, leaver) == {one.name: str(today() - 4 * DAY)}
    assert party(agreed, leaver)["leaves_at"] == runs_out(today() - 4 * DAY, 30)


async def test_a_recipient_that_says_nothing_hides_for_fourteen_days_and_no_longer(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    await give(leaver, found, today() - 5 * DAY)
    said, _ = await came(leaver, found, one, today() - 4 * DAY)
    (reported,) = (each for each in said["reported_acts"] if each["kind"] == "received_notice")
    assert reported["status"] == "open", "its silence counts"
    async with unit_of_work(service.database) as write:
        await settle_due(write, UUID(found["id"]), utc_now() + CONTEST_PERIOD + timedelta(minutes=1))
    settled = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert receipts(settled, leaver) == {one.name: str(today() - 4 * DAY)}
    assert party(settled, leaver)["leaves_at"] == runs_out(today() - 4 * DAY, 30)


async def test_what_shows_the_notice_shows_its_receipts_too(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    how = {"agency_id": str(one.id), "manner": "courier", "sent_on": str(today() - 2 * DAY)}
    paper = await proof(leaver, found)
    deliveries = [{**how, "received_on": str(today() - DAY)}]
    said = await give(leaver, found, today() - 2 * DAY, evidence_sha256=paper, deliveries=deliveries)
    (its,) = (each for each in said["reported_acts"] if each["kind"] == "received_notice")
    assert (its["agency"], its["acted_on"], its["recorded_by"]) == (one.reference, str(today() - DAY), leaver.reference)
    own = await received(one, found, leaver, today())
    assert next(each["status"] for each in own["reported_acts"]) == "unconfirmed", "of another day: both words stand"
    assert party(own, leaver)["leaves_at"] == runs_out(today(), 30)


async def test_who_waits_for_receipts_may_take_the_notice_back_and_what_was_said_of_them_is_gone(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    await give(leaver, found, today() - DAY)
    said, _ = await came(leaver, found, one, today() - DAY)
    offered = {each["action"]: each["allowed"] for each in said["allowed_actions"]}
    assert (offered["rescind_notice"], offered.get("record_receipt")) == (True, None)
    theirs = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert {"action": "record_receipt", "allowed": True, "reason": None} in theirs["allowed_actions"]
    back = await leaver.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", {"reason": "we stay"})
    assert (receipts(back, leaver), awaited(back)) == ({}, [])
    assert [each["status"] for each in back["reported_acts"]] == ["replaced"]


async def test_a_receipt_is_recorded_by_whom_it_is_awaited_once_and_of_a_day_that_can_be(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    await give(leaver, found, today() - DAY)
    path = f"{PATH}/{found['id']}/record-receipt"
    for day, code in ((today() - 2 * DAY, "dates_reversed"), (today() + timedelta(days=2), "not_then")):
        refused = await one.legal.post(path, {"agency_id": str(leaver.id), "received_on": str(day)})
        assert assert_problem(refused, 422, code)["errors"][0]["pointer"] == "/received_on"
    before = {"agency_id": str(one.id), "kind": "received_notice", "acted_on": str(today() - 2 * DAY)}
    body = {**before, "evidence_sha256": await proof(leaver, found), "reason": "returned card"}
    refused = await leaver.legal.post(f"{PATH}/{found['id']}/report-act", body)
    assert_problem(refused, 422, "dates_reversed")
    await received(one, found, leaver, today())
    again = await one.legal.post(path, {"agency_id": str(leaver.id), "received_on": str(today())})
    assert_problem(again, 409, "wrong_status")
    own = await leaver.legal.post(path, {"agency_id": str(leaver.id), "received_on": str(today())})
    assert_problem(own, 409, "wrong_status")


async def test_what_others_report_of_a_notice_says_when_each_received_it(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    how = {"manner": "courier", "sent_on": str(today() - 60 * DAY)}
    to_one = {**how, "agency_id": str(one.id), "received_on": str(today() - 58 * DAY)}
    to_three = {**how, "agency_id": str(three.id), "received_on": str(today() - 50 * DAY)}
    body = letter(leaver, today() - 60 * DAY, deliveries=[to_one])
    refused = await one.legal.post(f"{PATH}/{found['id']}/report-act", body)
    assert assert_problem(refused, 422, "receipt_missing")["errors"][0]["pointer"] == "/deliveries"
    seen, _ = await report(one, found, {**body, "deliveries": [to_one, to_three]})
    (told,) = (each for each in seen["reported_acts"] if each["kind"] == "was_notified")
    assert (told["agency"], told["acted_on"]) == (three.reference, str(today() - 50 * DAY))
    (said,) = (each for each in seen["reported_acts"] if each["kind"] == "gave_notice")
    assert said["would_leave_at"] == runs_out(today() - 50 * DAY, 30)
    confirmed = await leaver.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{said['id']}/confirm", {})
    assert party(confirmed, leaver)["leaves_at"] is None, "the third has not said that it came"
    assert receipts(confirmed, leaver) == {one.name: str(today() - 58 * DAY), three.name: None}
    agreed = await answer(three, found, confirmed, "confirm")
    assert party(agreed, leaver)["leaves_at"] == runs_out(today() - 50 * DAY, 30)


async def reported_by_operator(service: Service, found: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The agreement after the operator has reported that; nobody has vouched for it."""
    operator = service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN)
    said: dict[str, Any] = await operator.done("POST", f"{PATH}/{found['id']}/report-act", body)
    return said


async def test_a_reported_notice_runs_once_those_say_that_it_came_who_did_not_report_it(
    service: Service, cast: Cast
) -> None:
    """However far ahead its end is: that its giver confirms it is no receipt."""
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    to_one = {"agency_id": str(one.id), "manner": "courier", "sent_on": str(today()), "received_on": str(today())}
    said = await reported_by_operator(service, found, letter(leaver, today(), deliveries=[to_one]))
    confirmed = await answer(leaver, found, said, "confirm")
    assert party(confirmed, leaver)["leaves_at"] is None
    assert receipts(confirmed, leaver) == {one.name: None}, "it stands, and waits for what the other says"
    await settle_all_due(service.database, utc_now() + CONTEST_PERIOD + 40 * DAY)
    assert party(await leaver.legal.done("GET", f"{PATH}/{found['id']}"), leaver)["bound"]
    assert party(await received(one, found, leaver, today()), leaver)["leaves_at"] == runs_out(today(), 30)


async def test_what_others_said_when_they_were_told_stays_their_word(service: Service, cast: Cast) -> None:
    """Also of a day before anybody had signed here: a notice runs by receipts, whoever reports it, and of when."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, **BY_RECEIPT)
    how = {"manner": "courier", "sent_on": str(today() - 9 * DAY)}
    to_one = {**how, "agency_id": str(one.id), "received_on": str(today() - 6 * DAY)}
    to_three = {**how, "agency_id": str(three.id), "received_on": str(today() - 2 * DAY)}
    said, _ = await report(one, found, letter(leaver, today() - 9 * DAY, deliveries=[to_one, to_three]))
    told = await answer(three, found, said, "confirm")
    confirmed = await answer(leaver, found, told, "confirm")
    assert receipts(confirmed, leaver) == {one.name: to_one["received_on"], three.name: to_three["received_on"]}
    assert party(confirmed, leaver)["leaves_at"] == runs_out(today() - 2 * DAY, 30)


async def test_no_correction_ends_it_on_a_day_that_is_over(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT)
    await give(leaver, found, today() - 50 * DAY)
    await received(one, found, leaver, today())
    body = {"agency_id": str(leaver.id), "received_on": str(today() - 40 * DAY), "reason": "mistyped (demo)"}
    refused = await one.legal.post(f"{PATH}/{found['id']}/correct-receipt", body)
    problem = assert_problem(refused, 422, "not_then")
    assert f"would have run out on {today() - 10 * DAY}, which is over" in problem["detail"]
    seen = await one.legal.done(
        "POST", f"{PATH}/{found['id']}/correct-receipt", {**body, "received_on": str(today() - 9 * DAY)}
    )
    assert party(seen, leaver)["leaves_at"] == runs_out(today() - 9 * DAY, 30)


async def test_who_signs_after_another_has_left_goes_on_with_those_who_stay(service: Service, cast: Cast) -> None:
    """With one end in every view: that of the text, for the notice ran out for who gave it alone."""
    one, leaver, late = cast.assisting, cast.requesting, cast.neighbour
    ends_on = today() + 400 * DAY
    found = await record_agreement(one, leaver, late, **BY_RECEIPT, expires_on=ends_on)
    await confirm_agreement(found, leaver)
    await give(leaver, found, today() - 50 * DAY)
    over = await received(one, found, leaver, today() - 49 * DAY)
    assert (over["status"], over["ends_on"]) == ("lapsed", str(today() - 19 * DAY))
    seen = await confirm_alone(found, late, today())
    assert (seen["status"], seen["ends_on"], seen["term_ends_on"]) == ("in_force", str(ends_on), str(ends_on))
    assert [each["bound"] for each in seen["parties"]] == [True, False, True]
    assert awaited(seen) == []


@pytest.mark.parametrize("days_ago", [0, 400])
async def test_who_signs_after_a_notice_was_given_is_not_waited_for(
    service: Service, cast: Cast, days_ago: int
) -> None:
    """Nor whose hand bears an earlier day, until the others agree to that."""
    one, leaver, late = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, leaver, late, **BY_RECEIPT)
    await confirm_agreement(found, leaver)
    await give(leaver, found, today())
    ends = party(await received(one, found, leaver, today()), leaver)["leaves_at"]
    assert ends == runs_out(today(), 30)
    await confirm_alone(found, late, today() - days_ago * DAY)
    seen = await leaver.legal.done("GET", f"{PATH}/{found['id']}")
    assert party(seen, leaver)["leaves_at"] == ends
    assert receipts(seen, leaver) == {one.name: str(today())}


async def test_who_signs_on_the_day_of_a_notice_before_it_is_not_waited_for_either(cast: Cast) -> None:
    """A day counts whole: of a hand and a notice of one day neither was first."""
    one, leaver, late = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, leaver, late, **BY_RECEIPT)
    await confirm_agreement(found, leaver)
    await confirm_alone(found, late, today())
    assert receipts(await give(leaver, found, today()), leaver) == {one.name: None}
    ends = party(await received(one, found, leaver, today()), leaver)["leaves_at"]
    assert ends == runs_out(today(), 30)


@pytest.mark.parametrize("reporter", ["operator", "party"])
async def test_of_an_earlier_day_it_shortens_what_is_left_only_with_the_others(
    service: Service, cast: Cast, reporter: str
) -> None:
    """As the leaver's own word of that day would, also where the end is yet to come."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 60})
    body = letter(leaver, today() - 40 * DAY)
    said = (await report(one, found, body))[0] if reporter == "party" else None
    if said is None:
        said = await reported_by_operator(service, found, body)
    confirmed = await answer(leaver, found, said, "confirm")
    assert party(confirmed, leaver)["leaves_at"] == runs_out(today(), 60)
    agreed = await answer(three, found, confirmed, "confirm")
    if reporter == "operator":
        assert party(agreed, leaver)["leaves_at"] == runs_out(today(), 60)
        agreed = await answer(one, found, agreed, "confirm")
    assert party(agreed, leaver)["leaves_at"] == runs_out(today() - 40 * DAY, 60)


async def test_who_is_reported_to_have_left_today_leaves_by_notice_until_the_others_agree(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 60})
    said, _ = await report(one, found, letter(leaver, today(), kind="withdrew"))
    confirmed = await answer(leaver, found, said, "confirm")
    assert party(confirmed, leaver)["leaves_at"] == runs_out(today(), 60)
    agreed = await answer(three, found, confirmed, "confirm")
    assert party(agreed, leaver)["leaves_at"] == runs_out(today() - DAY, 1)


async def test_a_notice_that_is_reported_on_its_day_asks_nobody_else(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 60})
    said, _ = await report(one, found, letter(leaver, today()))
    assert [each["kind"] for each in said["reported_acts"]] == ["gave_notice"]
    confirmed = await answer(leaver, found, said, "confirm")
    assert party(confirmed, leaver)["leaves_at"] == runs_out(today(), 60)


@pytest.mark.parametrize(
    ("counted_from", "expected"),
    [
        ("silent", ["counted_from_silent", "term_not_entered"]),
        ("giving", ["says_otherwise"]),
        ("receipt", []),
    ],
)
async def test_a_clause_that_speaks_of_receipt_is_held_against_the_term(
    service: Service, cast: Cast, counted_from: str, expected: list[str]
) -> None:
    notice = {**BY_RECEIPT["notice"], "counted_from": counted_from}
    found = await sign_agreement(service, cast.assisting, cast.requesting, notice=notice, provisions=[UPON])
    said = [each for each in found["remarks"] if each["clause"] == "9"]
    assert [each["code"] for each in said] == expected


async def test_the_deadlines_the_timeline_and_the_file_say_that_it_counts_from_receipt(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    ends_on = today() + 200 * DAY
    renewing: dict[str, Any] = {"expires_on": ends_on, "auto_renew_months": 12, "auto_renew_times": "no_limit"}
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT, **renewing)
    due = await one.legal.done("GET", f"/v1/deadlines?agreement_id={found['id']}&kind=last_notice")
    (last,) = due["items"]
    assert last["due_on"] == str(ends_on - 30 * DAY)
    assert "after its receipt" in last["basis"]["says"]
    await give(leaver, found, today())
    path = f"{PATH}/{found['id']}"
    (act,) = (e for e in (await one.legal.done("GET", f"{path}/timeline"))["acts"] if e["kind"] == "gave_notice")
    assert f"awaited of {one.name}" in act["detail"]
    await received(one, found, leaver, today())
    acts = data(await unpacked(one.legal, found["id"]), "acts.json")
    assert acts["parties"][1]["notice_receipts"] == [
        {
            "agency": one.reference,
            "received_on": str(today()),
            "status": "received",
            "report_ids": [],
            "reported_on": [],
        }
    ]
    (act,) = (e for e in (await one.legal.done("GET", f"{path}/timeline"))["acts"] if e["kind"] == "gave_notice")
    assert f"{one.name} received it on {today()}" in act["detail"]


@pytest.mark.parametrize("terms", [{"suspension": "silent"}, {"suspension": "by_notice", "suspension_notice_days": 10}])
async def test_nobody_is_free_sooner_by_a_suspension_of_its_own_of_which_no_receipt_is_recorded(
    service: Service, cast: Cast, terms: dict[str, Any]
) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, **BY_RECEIPT, terms=terms)
    path = f"{PATH}/{found['id']}"
    problem = assert_problem(await leaver.legal.post(f"{path}/suspend", {"reason": "a pause"}), 422, "notice_silent")
    assert "counts notice from its receipt" in problem["detail"]
    assert problem["errors"][0]["detail"] == "counts from a receipt", "a period is entered"
    said = [each["detail"] for each in found["remarks"] if each["code"] == "suspension_silent"]
    assert len(said) == (terms["suspension"] == "silent")
    assert all("no party can, since notice counts from its receipt" in each for each in said)
    assert not any("once its notice would have run out" in each for each in said)
    seen = await leaver.legal.done("GET", path)
    (offered,) = (each for each in seen["allowed_actions"] if each["action"] == "suspend")
    assert (offered["allowed"], offered["reason"]) == (False, problem["detail"])
    assert party(await leaver.legal.done("GET", path), leaver)["bound_until"] == party(found, leaver)["bound_until"]


async def test_nobody_is_free_by_a_rule_of_its_own_of_which_no_receipt_is_recorded(
    service: Service, cast: Cast
) -> None:
    """Who asks for an approval before it signs says so to all who sign; who is bound gives notice."""
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, **BY_RECEIPT)
    rule = {"required": True, "effective_on": None, "citation": "City code 2.04 (demo)", "reason": "the charter"}
    for day in (None, str(today() + 400 * DAY)):
        refused = await two.legal.post(f"{PATH}/{found['id']}/set-approval-rule", {**rule, "effective_on": day})
        problem = assert_problem(refused, 422, "notice_silent")
        assert problem["errors"][0]["pointer"] == "/effective_on"
        assert problem["detail"].startswith("Clause 9 counts notice from its receipt, and no receipt of a rule is")
    seen = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert [each["bound_until"] for each in seen["parties"]] == [None, None]
    lifted = {**rule, "required": False, "citation": None}
    await two.legal.done("POST", f"{PATH}/{found['id']}/set-approval-rule", lifted)
