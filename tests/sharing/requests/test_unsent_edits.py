"""What was changed of a submitted request and not submitted again: it is said so, waits, and can be dropped."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from registry.platform.kernel.time import Window, utc_now
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import Partners, make_partners, step
from tests.support.policy import window_of
from tests.support.requests import act, line_for, make_request, submitted

Found = dict[str, Any]
WHY = {"reason": "As it was, after all (demo)."}
NO = {"reason": "Both handlers are on leave (demo).", "reason_code": "crew_lacking"}


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)


async def waiting(agency: Agency, found: Found, kind: str = "submission", whose: str = "me") -> list[Found]:
    page = await agency.coordinator.done("GET", "/v1/inbox", params={"waiting_on": whose, "limit": 200})
    return [each for each in page["items"] if (each["kind"], each["subject"]["id"]) == (kind, found["id"])]


async def listed(agency: Agency, found: Found) -> bool:
    page = await agency.coordinator.done("GET", "/v1/requests?waiting_for_me=true&limit=200")
    return found["id"] in {each["id"] for each in page["items"]}


async def seen(agency: Agency, found: Found) -> Found:
    request: Found = await agency.coordinator.done("GET", f"/v1/requests/{found['id']}")
    return request


async def edit(partners: Partners, found: Found, line: int = 0, **change: Any) -> Found:
    path = f"/v1/requests/{found['id']}/lines/{found['lines'][line]['id']}"
    done: Found = await partners.requesting.coordinator.done("PATCH", path, change, if_match="*")
    return done


async def on_line(agency: Agency, found: Found, verb: str, body: Found, line: int = 0) -> Found:
    path = f"/v1/requests/{found['id']}/lines/{found['lines'][line]['id']}/{verb}"
    done: Found = await agency.coordinator.done("POST", path, body)
    return done


async def test_an_edit_waits_until_it_is_submitted(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=3)
    found = await submitted(partners.requesting, asset)
    assert not found["unsent_changes"]
    changed = await edit(partners, found, quantity=2)
    assert (changed["status"], changed["unsent_changes"]) == ("submitted", True)
    (entry,) = await waiting(partners.requesting, found)
    assert entry["task"] == "You changed it since it was submitted, and nobody was told yet: submit it."
    assert entry["action"]["operation"] == "submit_request"
    assert (entry["due_at"], entry["partner"]) == (changed["lines"][-1]["window"]["start"], None)
    assert await listed(partners.requesting, found)
    assert not (await seen(partners.assisting, found))["unsent_changes"], "it is the requesting agency's alone"
    assert not await waiting(partners.assisting, found)
    assert not await waiting(partners.requesting, found, whose="partners")
    done = await partners.requesting.coordinator.done("POST", entry["action"]["path"], {})
    assert (done["status"], done["unsent_changes"]) == ("permitted", False)
    assert not await waiting(partners.requesting, found)
    assert not await listed(partners.requesting, found)


async def test_so_does_an_edit_of_the_head_and_what_is_open_beside_a_loan(partners: Partners) -> None:
    lent, asked = [await make_asset(partners.assisting) for _ in range(2)]
    found = await submitted(partners.requesting, lent, lines=[line_for(lent), line_for(asked)])
    body = {"decision_id": found["lines"][0]["decision"]["id"]}
    await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    path = f"/v1/requests/{found['id']}"
    await partners.requesting.coordinator.done("PATCH", path, {"priority": "urgent"}, if_match="*")
    changed = await seen(partners.requesting, found)
    assert (changed["status"], changed["unsent_changes"]) == ("partially_filled", True)
    (entry,) = await waiting(partners.requesting, found)
    await partners.requesting.coordinator.done("POST", entry["action"]["path"], {})
    assert not await waiting(partners.requesting, found)


async def test_a_draft_that_nobody_has_seen_and_a_request_that_ended_do_not_wait(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, capacity=3)
    draft = await make_request(partners.requesting, asset)
    assert not draft["unsent_changes"]
    found = await submitted(partners.requesting, asset)
    await edit(partners, found, quantity=2)
    await act(partners.requesting.coordinator, found, "withdraw")
    for each in (draft, found):
        assert not await waiting(partners.requesting, each)


async def test_what_cannot_be_submitted_since_the_time_of_another_line_is_over_says_so(partners: Partners) -> None:
    soon = Window(start=utc_now() - timedelta(hours=1), end=utc_now() + timedelta(seconds=1))
    assets = [await make_asset(partners.assisting, capacity=3) for _ in range(2)]
    lines = [line_for(assets[0], window=soon), line_for(assets[1], window=window_of())]
    found = await submitted(partners.requesting, assets[0], lines=lines)
    changed = await edit(partners, found, quantity=2)
    changed = await edit(partners, changed, line=1, quantity=2)
    await asyncio.sleep((soon.end - utc_now()).total_seconds() + 0.01)
    (entry,) = await waiting(partners.requesting, changed)
    assert entry["action"] is None
    assert entry["task"].startswith("The time requested in line 3 is over")


@pytest.mark.parametrize("refused", ["declined", "cancelled"])
async def test_dropping_an_edit_of_what_was_refused_gives_no_help_up(partners: Partners, refused: str) -> None:
    asset, other = [await make_asset(partners.assisting, capacity=3) for _ in range(2)]
    found = await submitted(partners.requesting, asset, lines=[line_for(asset), line_for(other)])
    if refused == "cancelled":
        body = {"decision_id": found["lines"][0]["decision"]["id"]}
        loan = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
        await step(partners.assisting, loan, "cancel", NO)
    else:
        await on_line(partners.assisting, found, "decline", NO)
    was = await seen(partners.requesting, found)
    assert was["lines"][0]["status"] == "declined"
    changed = await edit(partners, found, quantity=2)
    assert changed["lines"][0]["replaced_by_line_no"] == 3
    dropped = await on_line(partners.requesting, changed, "withdraw", WHY, 2)
    line = dropped["lines"][0]
    assert (line["status"], line["replaced_by_line_no"]) == ("declined", None)
    assert (dropped["lines"][2]["status"], dropped["unsent_changes"]) == ("withdrawn", False)
    assert dropped["refused_line_count"] == 1
    assert dropped["status"] == was["status"]
    (entry,) = await waiting(partners.requesting, found, "help_lacking")
    assert entry["action"]["operation"] == "ask_request_line_again"
    for side in (partners.requesting, partners.assisting):
        history = await side.auditor.done("GET", f"/v1/requests/{found['id']}/history?sort=version")
        assert history["items"][-1]["type"] in ("request.line_withdrawn", "request.updated")
    again = await on_line(partners.requesting, dropped, "ask-again", {})
    assert again["lines"][0]["replaced_by_line_no"] == 4


async def test_so_does_dropping_the_edit_of_what_was_denied(cast: Cast) -> None:
    partners = await make_partners(cast, categories=["k9.narcotics"])
    asset = await make_asset(partners.assisting, category="k9.explosives", capacity=3)
    found = await submitted(partners.requesting, asset)
    assert found["status"] == "denied"
    changed = await edit(partners, found, quantity=2)
    dropped = await on_line(partners.requesting, changed, "withdraw", WHY, 1)
    assert [each["status"] for each in dropped["lines"]] == ["denied", "withdrawn"]
    assert dropped["status"] == "denied"


async def test_dropping_it_where_it_was_the_only_line_leaves_the_request_as_it_was(partners: Partners) -> None:
    found = await submitted(partners.requesting, await make_asset(partners.assisting, capacity=3))
    await on_line(partners.assisting, found, "decline", NO)
    changed = await edit(partners, found, quantity=2)
    dropped = await on_line(partners.requesting, changed, "withdraw", WHY, 1)
    assert dropped["status"] == "declined"
    gone = await on_line(partners.requesting, dropped, "withdraw", WHY, 0)
    assert gone["status"] == "withdrawn"


async def test_withdrawing_the_edit_of_what_was_asked_still_withdraws_it(partners: Partners) -> None:
    """It was taken back from its agency as it was edited: both sides read that, and nothing is asked any more."""
    found = await submitted(partners.requesting, await make_asset(partners.assisting, capacity=3))
    changed = await edit(partners, found, quantity=2)
    gone = await on_line(partners.requesting, changed, "withdraw", WHY, 1)
    assert gone["status"] == "withdrawn"
