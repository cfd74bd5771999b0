"""How a notice was given is recorded and shown; where that is not as the text asks, it counts and is remarked."""

from datetime import timedelta
from typing import Any

import pytest

from registry.agreements.instruments.delivery import in_manner
from registry.agreements.instruments.notice import NoticeManner
from tests.agreements.dossier.test_agreement_file import data, unpacked
from tests.agreements.instruments.reporting import DAY, PATH, give, letter, report, runs_out
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later


def asking(party: Agency) -> dict[str, Any]:
    """A text that asks for a registered letter to an office of the party."""
    where = {"agency_id": str(party.id), "office": "County attorney", "address": "100 Example Street (demo)"}
    return {"days": 60, "manners": ["registered_mail", "courier"], "addressees": [where]}


def given(party: Agency, manner: str = "registered_mail", **more: Any) -> dict[str, Any]:
    """A notice given to the party three days ago."""
    return {"agency_id": str(party.id), "manner": manner, "sent_on": str(today() - 3 * DAY), **more}


def remarked(said: dict[str, Any]) -> list[str]:
    return [each["detail"] for each in said["remarks"] if each["code"] == "notice_manner_differs"]


@pytest.mark.parametrize(
    ("manner", "asked", "fits"),
    [
        ("email", [], True),
        ("courier", ["registered_mail", "courier"], True),
        ("email", ["registered_mail"], False),
        ("registered_mail", ["in_writing"], True),
        ("email", ["in_writing"], False),  # whether that is in writing its law says
        ("in_person", ["in_writing"], False),
    ],
)
def test_a_manner_is_held_against_those_that_the_text_asks_for(
    manner: NoticeManner, asked: list[NoticeManner], fits: bool
) -> None:
    assert in_manner(manner, asked) is fits


async def test_a_notice_says_how_it_was_given_and_is_shown_so(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, notice=asking(one))
    path = f"{PATH}/{found['id']}"
    how = given(one, received_on=str(today() - DAY))
    said = await give(leaver, found, today(), deliveries=[how])
    assert remarked(said) == []
    (shown,) = said["parties"][1]["notice_deliveries"]
    assert shown == {"agency": one.reference, "office": None, **{name: how[name] for name in how if name[-2:] != "id"}}
    assert (await one.legal.done("GET", path))["parties"][1]["notice_deliveries"] == [shown]
    history = await one.auditor.done("GET", f"{path}/history")
    (told,) = (each["data"] for each in history["items"] if each["type"] == "agreement.notice_given")
    assert told["deliveries"] == [{**how, "office": None}]
    (act,) = (e for e in (await one.legal.done("GET", f"{path}/timeline"))["acts"] if e["kind"] == "gave_notice")
    assert f"given to {one.name} by registered mail, sent on {how['sent_on']}, received on" in act["detail"]
    acts = data(await unpacked(one.legal, found["id"]), "acts.json")
    assert acts["parties"][1]["notice_deliveries"] == [shown]
    back = await leaver.legal.done("POST", f"{path}/rescind-notice", {"reason": "we stay"})
    assert (back["parties"][1]["notice_deliveries"], remarked(back)) == ([], [])


@pytest.mark.parametrize("reported", [False, True])
async def test_whom_a_notice_leaves_out_was_told_by_nobody_before_the_registry_asks_it(
    service: Service, cast: Cast, reported: bool
) -> None:
    one, leaver, third, fourth = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
    found = await sign_agreement(service, one, leaver, third, fourth, notice={"days": 90})
    given_on = today() - 30 * DAY
    how = [given(fourth) | {"sent_on": str(given_on)}]
    if reported:
        said, _ = await report(one, found, letter(leaver, given_on, deliveries=how))
    else:
        said = await give(leaver, found, given_on, deliveries=how)
    others = {third.id: "was_asked", fourth.id: "was_notified"} | ({} if reported else {one.id: "was_asked"})
    days = {"was_asked": str(today()), "was_notified": str(given_on)}
    acts = {each["agency"]["id"]: each for each in said["reported_acts"] if each["kind"] in days}
    assert {who: (each["kind"], each["acted_on"]) for who, each in acts.items()} == {
        str(who): (kind, days[kind]) for who, kind in others.items()
    }
    for party in [each for each in (one, third, fourth) if each.id in others]:
        path = f"{PATH}/{found['id']}/reported-acts/{acts[str(party.id)]['id']}/confirm"
        said = await party.legal.done("POST", path, {})
    if not reported:  # all have agreed to its day
        assert said["parties"][1]["leaves_at"] == runs_out(given_on, 90)


async def test_of_a_notice_that_names_nobody_each_is_said_to_have_been_told(service: Service, cast: Cast) -> None:
    one, leaver, third = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, third, notice={"days": 90})
    said = await give(leaver, found, today() - 30 * DAY)
    assert [each["kind"] for each in said["reported_acts"]] == ["was_notified", "was_notified"]


async def test_another_manner_or_office_counts_and_is_remarked(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, notice=asking(one))
    said = await give(leaver, found, today(), deliveries=[given(one, "email", office="Dispatch desk")])
    (detail,) = remarked(said)
    assert f"to {one.name} it was given by e-mail; to {one.name} it went to “Dispatch desk”" in detail
    assert "by registered mail or by courier, to the offices that it names" in detail
    assert said["parties"][1]["leaves_at"] is not None, "it counts as it was recorded"
    await leaver.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", {"reason": "we stay"})
    unsaid = await give(leaver, found, today())
    assert "nothing is recorded of how it was given" in remarked(unsaid)[0]


def by_receipt(said: dict[str, Any]) -> list[str]:
    return [each["detail"] for each in said["remarks"] if each["code"] == "counts_from_receipt"]


async def test_a_notice_that_came_later_than_it_is_counted_from_says_through_when_it_runs_by_receipt(
    service: Service, cast: Cast
) -> None:
    one, leaver = cast.assisting, cast.requesting
    upon = {
        "number": "9",
        "heading": "termination",
        "text": "A party may leave ninety (90) days after receipt of notice.",
    }
    text: dict[str, Any] = {"notice": {"days": 90, "clause": "9"}, "provisions": [upon]}
    plain = await sign_agreement(service, one, leaver, notice={"days": 90})
    late = given(one, received_on=str(today()))
    said, _ = await report(one, plain, {**letter(leaver, today() - 3 * DAY), "deliveries": [late]})
    (detail,) = by_receipt(said)
    assert f"{one.name} received it on {today()}; counted from the last of these it runs through" in detail
    assert str(today() + 90 * DAY) in detail
    found = await sign_agreement(service, one, leaver, **text)
    unsaid = await give(leaver, found, today())
    (detail,) = by_receipt(unsaid)
    assert "Clause 9 speaks of receipt: no receipt of it is recorded" in detail
    await leaver.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", {"reason": "we stay"})
    assert by_receipt(await give(leaver, found, today(), deliveries=[late])) == [], "it came on the day that it bears"


async def test_what_is_reported_of_a_notice_says_it_too_and_may_be_contested_for_it(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice=asking(one))
    posted = letter(leaver, today(), deliveries=[given(three, "in_person")])
    seen, its = await report(one, found, posted)
    reported = next(each for each in seen["reported_acts"] if each["kind"] == "gave_notice")
    assert [(each["agency"], each["manner"]) for each in reported["deliveries"]] == [(three.reference, "in_person")]
    (detail,) = remarked(seen)
    assert f"to {three.name} it was given in person; none to {one.name} is recorded" in detail
    acts = (await one.legal.done("GET", f"{PATH}/{found['id']}/timeline"))["acts"]
    assert any(f"to {three.name} in person" in each["detail"] for each in acts)
    contested = await leaver.legal.done("POST", f"{its}/contest", {"reason": "it went to no office of ours"})
    assert contested["parties"][1]["leaves_at"] is None
    await one.legal.done("POST", f"{its}/take-back", {"reason": "so it was"})
    assert remarked(await one.legal.done("GET", f"{PATH}/{found['id']}")) == []
    other = {"agency_id": str(leaver.id), "kind": "withdrew", "acted_on": str(today() - DAY), "reason": "x"}
    body = {**other, "evidence_sha256": "ab" * 32, "deliveries": [given(three)]}
    refused = await one.legal.post(f"{PATH}/{found['id']}/report-act", body)
    assert_problem(refused, 422, "not_of_this_kind")


async def test_a_delivery_is_to_another_party_once_and_of_days_that_have_come(service: Service, cast: Cast) -> None:
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, notice=asking(one))
    ahead, before = str(today() + timedelta(days=2)), str(today() - 9 * DAY)
    for deliveries, code, pointer in (
        ([given(leaver)], "bad_deliveries", "/deliveries/0/agency_id"),
        ([given(cast.stranger)], "bad_deliveries", "/deliveries/0/agency_id"),
        ([given(one), given(one)], "bad_deliveries", "/deliveries/1/agency_id"),
        ([{**given(one), "sent_on": ahead}], "not_then", "/deliveries/0/sent_on"),
        ([given(one, received_on=before)], "dates_reversed", "/deliveries/0/received_on"),
    ):
        body = {"notice_on": str(today()), "reason": "we leave", "deliveries": deliveries}
        refused = await leaver.legal.post(f"{PATH}/{found['id']}/give-notice", body)
        assert assert_problem(refused, 422, code)["errors"][0]["pointer"] == pointer
        reported = {**letter(leaver, today()), "deliveries": deliveries}
        refused = await one.legal.post(f"{PATH}/{found['id']}/report-act", reported)
        assert assert_problem(refused, 422, code)["errors"][0]["pointer"] == pointer
    unread = {"notice_on": str(today()), "reason": "we leave", "deliveries": [given(one, "by_pigeon")]}
    assert_problem(await leaver.legal.post(f"{PATH}/{found['id']}/give-notice", unread), 400)
