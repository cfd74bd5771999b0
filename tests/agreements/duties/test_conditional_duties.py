"""Duties that are owed only if the agreement is made under one act: which, and its agency's word that they apply."""

import asyncio

import pytest

from registry.agreements.instruments.rules import AgreementKind
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, make_agency
from tests.support.deadlines import deadlines_of
from tests.support.duties import PROOF, WASHINGTON, WHY, duties_of, path_of
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long


@pytest.mark.parametrize(("kind", "asserted"), [(each, each == "interlocal") for each in AgreementKind])
async def test_a_duty_of_one_act_is_asserted_only_where_the_kind_says_that_act(
    service: Service, cast: Cast, kind: str, asserted: bool
) -> None:
    home, other = await make_agency(service, "Chehalis", state="WA"), await make_agency(service, "Anoka", state="MN")
    made = await sign_agreement(service, home, other, kind=kind)
    listed = await home.legal.done("GET", f"/v1/agreements/{made['id']}/duties")
    (duty,) = [each for each in listed["items"] if each["rule"] == "wa_39_34_040_record_or_list"]
    assert duty["title"].startswith("If it is made under chapter 39.34 RCW: file") is not asserted
    assert ("have counsel review" in (duty["note"] or "")) is not asserted
    assert duty["overdue"] is asserted, "nobody is late for what may not be owed"
    settles = ["fulfil", "waive"] if asserted else ["acknowledge", "fulfil", "waive"]
    assert [each["action"] for each in duty["allowed_actions"]] == settles, "its agency settles it"
    assert (duty["condition"] is None) is asserted


@pytest.fixture
async def open_duty(service: Service) -> tuple[Agency, Agency, str]:
    """Two agencies, and the path of a duty that the second has if the agreement is made under its state's act."""
    other, home = await make_agency(service, "Anoka", state="MN"), await make_agency(service, "Chehalis", state="WA")
    made = await sign_agreement(service, other, home, kind="mutual_aid", provisions=[])
    (duty,) = await duties_of(home, made)
    return other, home, f"{path_of(made)}/{duty['id']}"


async def test_its_agency_says_that_a_duty_applies_and_is_still_to_do(open_duty: tuple[Agency, Agency, str]) -> None:
    custodian, home, path = open_duty
    duty = await home.legal.done("GET", path)
    assert (duty["condition"], duty["overdue"]) == ("if it is made under chapter 39.34 RCW", False)
    (deadline,) = await deadlines_of(home, kind="filing")
    assert deadline["status"] == "due_soon"
    assert deadline["action"].startswith("Settle by then whether it applies")
    assert "acknowledge" not in {
        each["action"] for each in (await custodian.legal.done("GET", path))["allowed_actions"]
    }
    stale = await home.legal.post(f"{path}/acknowledge", {}, if_match='"99-00000000"')
    assert_problem(stale, 412, "stale_version")
    said = [await home.legal.post(f"{path}/acknowledge", {}, if_match="*", key="applies-1") for _ in range(2)]
    assert said[0].content == said[1].content, "a repeat is answered with the first answer"
    now = said[0].json()
    assert (now["status"], now["condition"], now["overdue"], now["note"]) == ("pending", None, True, WASHINGTON.note)
    assert now["title"] == WASHINGTON.title
    assert now == await home.legal.done("GET", path)
    assert [each["action"] for each in now["allowed_actions"]] == ["fulfil", "waive"]
    (deadline,) = await deadlines_of(home, kind="filing")
    assert (deadline["status"], deadline["action"]) == (
        "overdue",
        "Do it and enter the proof, or waive the duty with a reason.",
    )
    assert_problem(await home.legal.post(f"{path}/acknowledge", {}), 409, "wrong_status")
    done = await home.legal.done("POST", f"{path}/fulfil", PROOF)
    assert (done["status"], done["title"]) == ("met", WASHINGTON.title)
    assert_problem(await home.legal.post(f"{path}/acknowledge", {}), 409, "wrong_status")
    history = await home.legal.done("GET", f"{path.partition('/duties')[0]}/history")
    (event,) = [each for each in history["items"] if each["type"] == "agreement.duty_acknowledged"]
    assert event["data"]["condition"] == "if it is made under chapter 39.34 RCW"


async def test_no_other_says_that_a_duty_applies(
    service: Service, cast: Cast, open_duty: tuple[Agency, Agency, str]
) -> None:
    custodian, home, path = open_duty
    assert_problem(await service.anonymous.post(f"{path}/acknowledge", {}), 401)
    assert_problem(await cast.stranger.legal.post(f"{path}/acknowledge", {}), 404)
    assert_problem(await custodian.legal.post(f"{path}/acknowledge", {}), 403)
    assert_problem(await home.coordinator.post(f"{path}/acknowledge", {}), 403)
    assert_problem(await home.legal.post(f"{path}x/acknowledge", {}), 404)
    assert (await home.legal.done("GET", path))["condition"] is not None


async def test_two_who_say_at_once_that_a_duty_applies_say_it_once(open_duty: tuple[Agency, Agency, str]) -> None:
    _, home, path = open_duty
    answers = await asyncio.gather(*(home.legal.post(f"{path}/acknowledge", {}) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]


async def test_what_was_said_to_apply_may_still_be_waived(open_duty: tuple[Agency, Agency, str]) -> None:
    _, home, path = open_duty
    await home.legal.done("POST", f"{path}/acknowledge")
    assert (await home.legal.done("POST", f"{path}/waive", WHY))["status"] == "waived"
