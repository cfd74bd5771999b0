"""A party takes its own notice back while nobody has relied on it, and takes nothing of what others say with it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest

from registry.agreements.instruments.commands import ending
from registry.agreements.instruments.schemas.given import WithdrawalNotice
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import civil_day
from tests.agreements.instruments.reporting import DAY, answer, give, letter, report
from tests.support.agreements import EVIDENCE, PROVISIONS, sign_agreement
from tests.support.cast import ZONE, Agency, Cast, today
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
WE_STAY = {"reason": "we stay"}


async def offered(party: Agency, found: dict[str, Any]) -> str | None:
    """Why taking its notice back is withheld from the party; None where it is not."""
    seen = await party.legal.done("GET", f"{PATH}/{found['id']}")
    (its,) = (each for each in seen["allowed_actions"] if each["action"] == "rescind_notice")
    reason: str | None = its["reason"]
    return reason


async def refused(party: Agency, found: dict[str, Any]) -> str:
    """The sentence with which it is refused, which is the one that is offered."""
    problem = assert_problem(
        await party.legal.post(f"{PATH}/{found['id']}/rescind-notice", WE_STAY), 409, "wrong_status"
    )
    detail: str = problem["detail"]
    assert detail == await offered(party, found)
    return detail


async def test_what_others_did_in_view_of_a_notice_keeps_it_from_being_taken_back(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 60})
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today())
    assert await offered(leaver, found) is None
    # A word of an earlier day, entered now, was not given in view of the notice: neither is what the leaver does.
    await leaver.legal.done("POST", f"{path}/rescind-notice", WE_STAY)
    await give(leaver, found, today())
    await three.legal.done("POST", f"{path}/give-notice", {"notice_on": str(today()), "reason": "then we go too"})
    left = await refused(leaver, found)
    assert f"{three.name} gave notice itself on {today()}" in left
    await three.legal.done("POST", f"{path}/rescind-notice", WE_STAY)
    assert await offered(leaver, found) is None, "what was taken back is relied on by nobody"
    await one.legal.done("POST", f"{path}/terminate", {"reason": "without them it is pointless"})
    agreed = await refused(leaver, found)
    assert f"{one.name} consented to the end on {today()}" in agreed
    assert "conclude a new agreement" in agreed


async def test_a_signature_given_while_a_party_is_leaving_relies_on_that(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 60})
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today())
    paper = {
        "kind": "amendment",
        "title": "Without them (demo)",
        "effective_on": str(today()),
        "terms": {"categories": ["any"]},
        "provisions": PROVISIONS,
        "signed_on": str(today()),
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "they leave",
    }
    before = {**paper, "signed_on": str(today() - 9 * DAY), "effective_on": str(today() - 9 * DAY)}
    await one.legal.done("POST", f"{path}/record-amendment", before)
    assert await offered(leaver, found) is None, "a hand of a day before the notice was not given in view of it"
    await one.legal.done("POST", f"{path}/record-amendment", paper)
    assert f"{one.name} signed version 3 on" in await refused(leaver, found)


async def test_to_take_an_own_notice_back_leaves_what_another_reported_contested(service: Service, cast: Cast) -> None:
    """An own notice, and its taking back, silently did away with the notice that another had reported."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 5})
    path = f"{PATH}/{found['id']}"
    _, its = await report(one, found, letter(leaver, today() - 30 * DAY))
    given = await give(leaver, found, today())
    assert {each["status"] for each in given["reported_acts"] if each["kind"] == "gave_notice"} == {"replaced"}
    back = await leaver.legal.done("POST", f"{path}/rescind-notice", WE_STAY)
    said = {each["kind"]: each for each in back["reported_acts"]}
    assert said["gave_notice"]["status"] == "contested"
    assert said["was_notified"]["status"] == "open", "the others are asked of it again"
    assert [each["leaves_at"] for each in back["parties"]] == [None] * 3
    # Who says after all that it did leaves by that, once the others know of it.
    await three.legal.done("POST", f"{path}/reported-acts/{said['was_notified']['id']}/confirm")
    after = await leaver.legal.done("POST", f"{its}/confirm")
    left = datetime.fromisoformat(after["parties"][1]["leaves_at"])
    assert left.date() == today() - timedelta(days=24)


async def test_what_is_reported_of_another_and_its_suspension_rely_on_a_notice_while_they_stand(
    service: Service, cast: Cast
) -> None:
    """A letter of leaving on file, and a party that stepped aside, left the notice to be taken back as if unseen."""
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 60})
    path = f"{PATH}/{found['id']}"
    await give(leaver, found, today())
    earlier, _ = await report(one, found, letter(three, today() - 9 * DAY))
    assert await offered(leaver, found) is None, "a letter of a day before the notice was not written in view of it"
    await answer(three, found, earlier, "contest")
    _, its = await report(three, found, letter(one, today()))
    assert f"{one.name} is reported to have given notice on {today()}" in await refused(leaver, found)
    await one.legal.done("POST", f"{its}/contest", {"reason": "it never went"})
    assert await offered(leaver, found) is None, "what was contested is relied on by nobody"

    await three.legal.done("POST", f"{path}/suspend", {"reason": "then we step aside"})
    assert f"{three.name} suspended its participation on {today()}" in await refused(leaver, found)
    await three.legal.done("POST", f"{path}/reinstate", {"reason": "we are back"})
    await leaver.legal.done("POST", f"{path}/rescind-notice", WE_STAY)


async def test_a_reported_notice_that_counts_relies_on_the_one_before_it(service: Service, cast: Cast) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 60})
    await give(leaver, found, today())
    seen, _ = await report(one, found, letter(three, today()))
    await answer(three, found, seen, "confirm")
    assert f"{three.name} gave notice" in await refused(leaver, found)


async def test_who_reported_a_notice_goes_by_it_once_it_is_confirmed(service: Service, cast: Cast) -> None:
    """It was taken back by the leaver alone, and the reporter was bound for another term by nobody's word but that."""
    one, leaver = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, leaver, notice={"days": 60})
    seen, _ = await report(one, found, letter(leaver, today()))
    await answer(leaver, found, seen, "confirm")
    assert f"{one.name} reported it on {today()}" in await refused(leaver, found)


@pytest.mark.parametrize("kind", ["non_renewal", "withdrawal"])
async def test_who_let_its_own_last_day_to_leave_go_by_since_relied_on_the_notice(
    service: Service, cast: Cast, kind: Literal["non_renewal", "withdrawal"]
) -> None:
    """Of the other's notice of 60, 10 and 200 days one ran out since, one has not, and one had before."""
    one, leaver = cast.assisting, cast.requesting
    ends_on = today() + 30 * DAY
    renewing: dict[str, Any] = {"effective_on": "2020-01-01", "expires_on": ends_on, "auto_renew_months": 12}
    given_at = datetime.now(UTC) - 70 * DAY
    notice = WithdrawalNotice(notice_on=civil_day(given_at, ZONE), reason="not again", kind=kind)

    async def given(days: int) -> dict[str, Any]:
        theirs = [{"agency_id": str(one.id), "days": days}]
        found = await sign_agreement(
            service, one, leaver, **renewing, auto_renew_times="no_limit", notice={"days": 90, "by_party": theirs}
        )
        async with unit_of_work(service.database) as write:
            by = acting_for(leaver, Role.LEGAL, now=given_at)
            await ending.give_notice(write, by, UUID(found["id"]), notice, None)
        return found

    passed = f"{one.name} let its own last day to leave with that term go by on {ends_on - 60 * DAY}"
    assert passed in await refused(leaver, await given(60))
    for free in (await given(10), await given(200)):
        await leaver.legal.done("POST", f"{PATH}/{free['id']}/rescind-notice", WE_STAY)


async def test_a_notice_of_an_earlier_day_is_taken_back_by_its_proposal_as_far_as_it_would_be_alone(
    service: Service, cast: Cast
) -> None:
    one, leaver, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, leaver, three, notice={"days": 60})
    path = f"{PATH}/{found['id']}"
    given = await give(leaver, found, today() - 3 * DAY)
    (departure,) = given["proposals"]
    assert departure["notice_on"] == str(today() - 3 * DAY)

    async def kept() -> str | None:
        (seen,) = (await leaver.legal.done("GET", path))["proposals"]
        (its,) = (each for each in seen["allowed_actions"] if each["action"] == "take_back")
        reason: str | None = its["reason"]
        return reason

    assert await kept() is None
    await three.legal.done("POST", f"{path}/give-notice", {"notice_on": str(today()), "reason": "then we go too"})
    back = await leaver.legal.post(f"{path}/proposals/{departure['id']}/take-back", WE_STAY)
    detail = assert_problem(back, 409, "wrong_status")["detail"]
    assert f"{three.name} gave notice itself" in detail
    assert await kept() == detail
