"""A notice that is reported of a party that lets its days pass, where it counts from receipt: as confirmed."""

from typing import Any

import pytest

from registry.agreements.instruments.commands.holding import settle_all_due
from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import DAY, PATH, answer, letter, report, runs_out
from tests.agreements.instruments.test_notice_by_receipt import BY_RECEIPT, UPON, awaited, party, receipts, received
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.service import Service

pytestmark = pytest.mark.second_later


async def reported(
    service: Service, by: Agency, leaver: Agency, *others: Agency, **text: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """An agreement, and what is said once the first has reported a notice that came to it and the others, days ago."""
    found = await sign_agreement(service, by, leaver, *others, **(text or BY_RECEIPT))
    how = {"manner": "courier", "sent_on": str(today() - 9 * DAY), "received_on": str(today() - 8 * DAY)}
    deliveries = [{**how, "agency_id": str(each.id)} for each in (by, *others)]
    said, _ = await report(by, found, letter(leaver, today() - 9 * DAY, deliveries=deliveries))
    return found, said


async def let_pass(service: Service, reader: Agency, found: dict[str, Any]) -> dict[str, Any]:
    """The agreement once nobody has said anything in time."""
    await settle_all_due(service.database, utc_now() + CONTEST_PERIOD + DAY)
    seen: dict[str, Any] = await reader.legal.done("GET", f"{PATH}/{found['id']}")
    return seen


async def test_it_waits_for_who_has_not_said_that_it_came(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found, said = await reported(service, one, leaver, three)
    await answer(three, found, said, "contest")
    after = await let_pass(service, one, found)
    assert receipts(after, leaver) == {one.name: str(today() - 8 * DAY), three.name: None}
    assert party(after, leaver)["leaves_at"] is None
    assert f"is awaited of {three.name}" in awaited(after)[0]
    assert party(after, leaver)["withdrawal_notice_on"] == str(today() - 9 * DAY)
    theirs = await three.legal.done("GET", f"{PATH}/{found['id']}")
    assert {"action": "record_receipt", "allowed": True, "reason": None} in theirs["allowed_actions"]
    came = await received(three, found, leaver, today())
    assert party(came, leaver)["leaves_at"] == runs_out(today(), 30)
    back = await leaver.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", {"reason": "we stay"})
    assert (receipts(back, leaver), party(back, leaver)["leaves_at"]) == ({}, None), "as one that it had confirmed"


async def test_it_runs_by_the_days_that_nobody_contested(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found, _ = await reported(service, one, leaver, three)
    after = await let_pass(service, three, found)
    assert receipts(after, leaver) == {each.name: str(today() - 8 * DAY) for each in (one, three)}
    assert party(after, leaver)["leaves_at"] == runs_out(today() - 8 * DAY, 30)


async def test_of_two_parties_the_one_that_reports_it_has_said_when_it_came(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    found, _ = await reported(service, one, leaver)
    after = await let_pass(service, one, found)
    assert receipts(after, leaver) == {one.name: str(today() - 8 * DAY)}
    assert party(after, leaver)["leaves_at"] == runs_out(today() - 8 * DAY, 30)


async def test_where_the_text_counts_from_giving_the_report_itself_has_effect(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    text = {"notice": {**BY_RECEIPT["notice"], "counted_from": "giving"}, "provisions": [UPON]}
    found, _ = await reported(service, one, leaver, **text)
    after = await let_pass(service, one, found)
    assert receipts(after, leaver) == {}
    assert party(after, leaver)["leaves_at"] == runs_out(today() - 9 * DAY, 30)


async def test_who_consented_to_the_departure_itself_is_not_awaited_again(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found, said = await reported(service, one, leaver, three)
    (its,) = (each["id"] for each in said["proposals"] if each["kind"] == "departure")
    await three.legal.done("POST", f"{PATH}/{found['id']}/proposals/{its}/consent", {})
    confirmed = await answer(leaver, found, said, "confirm")
    assert receipts(confirmed, leaver) == {each.name: str(today() - 8 * DAY) for each in (one, three)}
    assert party(confirmed, leaver)["leaves_at"] == runs_out(today() - 8 * DAY, 30)
