"""What was decided by one text, and is governed by another that was signed since: it is told before anybody acts."""

from datetime import timedelta
from typing import Any

import pytest

from registry.platform.kernel.time import Window, utc_now
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.agreements.insurance.test_insurance import enter
from tests.sharing.policy.test_text_of_the_window import IN_DAYS, after, before, lasting
from tests.support.agreements import UNLIMITED, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.deadlines import days_ahead
from tests.support.loans import CONDITION, Partners, make_loan, make_partners, see, step, under_way
from tests.support.problems import assert_problem
from tests.support.requests import line_for, submitted

Shown = dict[str, Any]
SHORTER = "allows at most 4 hours"


def terms(hours: Any, **more: Any) -> Shown:
    return {"categories": ["any"], **UNLIMITED, "max_duration_hours": hours, **more}


async def amended(partners: Partners, hours: Any = 4, on: Any = "2025-06-01", **more: Any) -> None:
    """Both sign a text that holds from that day on."""
    sides = (partners.assisting, partners.requesting)
    await amended_on_paper(
        partners.agreement, *sides, effective_on=on, signed_on="2025-06-01", terms=terms(hours, **more)
    )


async def waits(agency: Agency, thing: Shown, whose: str = "me") -> dict[str, Shown]:
    page = await agency.coordinator.done("GET", "/v1/inbox", params={"waiting_on": whose, "limit": 200})
    return {each["kind"]: each for each in page["items"] if each["subject"]["id"] == thing["id"]}


def offered(shown: Shown, action: str) -> Shown:
    found: Shown = next(each for each in shown["allowed_actions"] if each["action"] == action)
    return found


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners whose agreement lends for 96 hours."""
    return await make_partners(cast, **terms(96))


async def test_a_loan_that_the_later_text_forbids_says_so_before_it_leaves(partners: Partners) -> None:
    loan = await make_loan(partners)
    assert loan["other_text"] is None
    assert offered(loan, "dispatch")["allowed"]
    await amended(partners)
    for side in (partners.assisting, partners.requesting):
        told = (await see(side, loan["id"]))["other_text"]
        assert (told["version_no"], told["outcome"], told["worse"]) == (2, "denied", True)
        assert SHORTER in told["reason"]
    withheld = offered(await see(partners.assisting, loan["id"]), "dispatch")
    assert not withheld["allowed"]
    assert SHORTER in withheld["reason"]
    refused = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", CONDITION)
    assert assert_problem(refused, 409, "decision_worsened")["detail"] == withheld["reason"]


async def test_it_waits_for_both_sides_until_it_is_cancelled(partners: Partners) -> None:
    loan = await make_loan(partners)
    await amended(partners)
    for side, other in (
        (partners.assisting, partners.requesting),
        (partners.requesting, partners.assisting),
    ):
        found = (await waits(side, loan))["text_changed"]
        assert SHORTER in found["task"]
        assert (found["partner"]["id"], found["due_at"]) == (str(other.id), loan["starts_at"])
        assert found["action"] == {
            "operation": "cancel_loan",
            "path": f"/v1/loans/{loan['id']}/cancel",
            "decision_id": None,
        }
        assert (await waits(side, loan, "partners"))["text_changed"]["action"] is None
    handover = (await waits(partners.assisting, loan)).get("handover")
    assert handover is None or handover["action"] is None
    await step(partners.requesting, loan, "cancel")
    for side in (partners.assisting, partners.requesting):
        assert await waits(side, loan) == {}
        assert (await see(side, loan["id"]))["other_text"] is None


async def test_what_the_later_text_allows_as_well_leaves_as_before(partners: Partners) -> None:
    loan = await make_loan(partners)
    await amended(partners, 72)
    seen = await see(partners.assisting, loan["id"])
    assert (seen["other_text"]["version_no"], seen["other_text"]["worse"]) == (2, False)
    assert offered(seen, "dispatch")["allowed"]
    assert "text_changed" not in await waits(partners.assisting, loan)
    out = await step(partners.assisting, loan, "dispatch")
    assert (out["status"], out["other_text"]) == ("dispatched", None)


async def test_only_what_begins_under_the_later_text_is_touched(partners: Partners) -> None:
    earlier, later = [await make_loan(partners, window=lasting(start)) for start in (before(), after())]
    await amended(partners, 72, days_ahead(IN_DAYS))
    for side in (partners.assisting, partners.requesting):
        assert (await see(side, earlier["id"]))["other_text"] is None
        told = (await see(side, later["id"]))["other_text"]
        assert (told["version_no"], told["worse"]) == (2, True)
        assert set(await waits(side, later)) == {"text_changed"}
        assert "text_changed" not in await waits(side, earlier)


async def test_another_agreement_that_permits_it_lets_it_leave(cast: Cast, partners: Partners) -> None:
    loan = await make_loan(partners)
    await amended(partners)
    sides = (partners.assisting, partners.requesting)
    await sign_agreement(cast.assisting.service, *sides, terms=terms(96), effective_on="2020-01-01")
    seen = await see(partners.assisting, loan["id"])
    assert seen["other_text"]["worse"] is False
    assert offered(seen, "dispatch")["allowed"]
    assert "text_changed" not in await waits(partners.requesting, loan)
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_insurance_that_the_later_text_asks_for_first_is_looked_up(partners: Partners) -> None:
    loan = await make_loan(partners)
    await amended(partners, 96, insurance_required=True)
    assert (await see(partners.requesting, loan["id"]))["other_text"]["worse"] is False, "it is to be shown"
    await enter(partners.requesting, effective_on=days_ahead(2))
    told = (await see(partners.requesting, loan["id"]))["other_text"]
    assert (told["version_no"], told["outcome"]) == (2, "denied")
    withheld = offered(await see(partners.assisting, loan["id"]), "dispatch")
    assert (withheld["allowed"], "certificate has expired" in withheld["reason"]) == (False, True)


async def test_an_open_line_says_it_and_is_not_offered_to_be_lent(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    asked = await submitted(partners.requesting, {}, lines=[line_for(asset, window=under_way(hours=30))])
    assert asked["lines"][0]["decision"]["other_text"] is None
    await amended(partners)
    for side in (partners.assisting, partners.requesting):
        (line,) = (await side.coordinator.done("GET", f"/v1/requests/{asked['id']}"))["lines"]
        decision = line["decision"]
        assert (decision["outcome"], decision["agreement"]["version_no"]) == ("permitted", 1)
        assert (decision["other_text"]["version_no"], decision["other_text"]["worse"]) == (2, True)
        assert SHORTER in decision["other_text"]["reason"]
    (line,) = (await partners.assisting.coordinator.done("GET", f"/v1/requests/{asked['id']}"))["lines"]
    withheld = offered(line, "create_loan")
    assert (withheld["allowed"], SHORTER in withheld["reason"]) == (False, True)
    entry = (await waits(partners.assisting, asked))["answer"]
    assert entry["action"]["operation"] == "decline_request_line"
    assert SHORTER in entry["task"]
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": line["decision"]["id"]})
    assert_problem(refused, 409, "decision_worsened")


async def test_what_is_out_by_then_is_decided_by_the_text_of_its_start(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await amended(partners)
    assert (await see(partners.requesting, loan["id"]))["other_text"] is None
    assert "text_changed" not in await waits(partners.requesting, loan)


async def test_what_leaves_long_before_its_start_is_refused_by_the_text_of_now(partners: Partners) -> None:
    start = utc_now() + timedelta(hours=9)
    loan = await make_loan(partners, window=Window(start=start, end=start + timedelta(hours=8)))
    await amended(partners)
    withheld = offered(await see(partners.assisting, loan["id"]), "dispatch")
    assert (withheld["allowed"], SHORTER in withheld["reason"]) == (False, True)
