"""What nobody is to bring any more waits for whoever asked for it, one entry a line, until somebody acts upon it."""

from functools import partial
from typing import Any

import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.sharing.requests.commands.suspending import settle_offers_all_due
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import REASON, Partners, make_partners, step
from tests.support.policy import policies_of
from tests.support.requests import act, line_for, need_line, sourced, submitted

Found = dict[str, Any]
NO = {"reason": "Engine dead (demo).", "reason_code": "out_of_service"}


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)


async def waiting(agency: Agency, found: Found, whose: str = "me", role: Role = Role.COORDINATOR) -> list[Found]:
    page = await agency.as_(role).done("GET", "/v1/inbox", params={"waiting_on": whose, "limit": 200})
    return [each for each in page["items"] if each["subject"]["id"] == found["id"]]


async def listed(agency: Agency, found: Found, role: Role = Role.COORDINATOR) -> bool:
    """Whether the request is among those that wait for somebody with that role."""
    page = await agency.as_(role).done("GET", "/v1/requests?waiting_for_me=true&limit=200")
    return found["id"] in {each["id"] for each in page["items"]}


async def reserved(partners: Partners, found: Found, line: int = 0, **fields: Any) -> Found:
    decision = found["lines"][line]["decision"]["id"]
    made: Found = await partners.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": decision, **fields})
    return made


async def on_line(agency: Agency, found: Found, verb: str, body: Found, line: int = 0) -> Found:
    path = f"/v1/requests/{found['id']}/lines/{found['lines'][line]['id']}/{verb}"
    done: Found = await agency.coordinator.done("POST", path, body)
    return done


async def cancelled(partners: Partners) -> Found:
    found = await submitted(partners.requesting, await make_asset(partners.assisting))
    await step(partners.assisting, await reserved(partners, found), "cancel", NO)
    return found


async def declined(partners: Partners) -> Found:
    found = await submitted(partners.requesting, await make_asset(partners.assisting))
    await on_line(partners.assisting, found, "decline", NO)
    return found


async def need_nobody_asked(partners: Partners) -> Found:
    return await submitted(partners.requesting, {}, lines=[need_line()])


async def need_declined_by_all(partners: Partners) -> Found:
    found = await sourced(partners.requesting, [partners.assisting])
    await on_line(partners.assisting, found, "decline", NO, 1)
    return found


async def partly_filled(partners: Partners) -> Found:
    asset = await make_asset(partners.assisting, capacity=3)
    found = await submitted(partners.requesting, asset, lines=[line_for(asset, quantity=3)])
    await reserved(partners, found, quantity=2)
    return found


@pytest.mark.parametrize(
    ("happens", "operation", "instead", "said"),
    [
        (cancelled, "ask_request_line_again", "withdraw_request_line", "does not lend it"),
        (declined, "ask_request_line_again", "withdraw_request_line", "does not lend it"),
        (need_nobody_asked, "source_request_line", "withdraw_request_line", "Nobody is asked"),
        (need_declined_by_all, "source_request_line", "withdraw_request_line", "none is to answer any more"),
        (partly_filled, "source_request_line", "withdraw_request_line", "Some of it is still lacking"),
    ],
)
async def test_what_fell_through_waits_for_who_asked_with_steps_that_work(
    partners: Partners, happens: Any, operation: str, instead: str, said: str
) -> None:
    found, again = await happens(partners), await happens(partners)
    for each in (found, again):
        (entry,) = await waiting(partners.requesting, each)
        assert (entry["kind"], entry["late"]) == ("help_lacking", False)
        assert said in entry["task"]
        assert (entry["action"]["operation"], entry["instead"]["operation"]) == (operation, instead)
        assert len(await waiting(partners.requesting, each, "agency", Role.AUDITOR)) == 1
        assert await listed(partners.requesting, each)
        assert not await listed(partners.requesting, each, Role.AUDITOR)
        assert await waiting(partners.requesting, each, role=Role.AUDITOR) == []
        assert await waiting(partners.requesting, each, "partners") == []
        assert [one["kind"] for one in await waiting(partners.assisting, each, "partners")] == []
        bodies = {"source_request_line": {"tiers": [[str(partners.stranger.id)]]}}
        chosen, body = (entry["action"], bodies.get(operation)) if each is found else (entry["instead"], REASON)
        done = await partners.requesting.coordinator.post(chosen["path"], body)
        assert done.status_code == 200, done.text
        assert "help_lacking" not in {one["kind"] for one in await waiting(partners.requesting, each)}
        assert not await listed(partners.requesting, each)


async def test_a_denied_line_waits_beside_one_that_is_permitted(cast: Cast) -> None:
    partners = await make_partners(cast, categories=["k9.narcotics"])
    good = await make_asset(partners.assisting)
    other = await make_asset(partners.assisting, category="k9.explosives")
    found = await submitted(partners.requesting, good, lines=[line_for(good), line_for(other)])
    assert [each["status"] for each in found["lines"]] == ["permitted", "denied"]
    (entry,) = await waiting(partners.requesting, found)
    assert "denied" in entry["task"]
    assert entry["id"] == found["lines"][1]["id"]
    line = f"/v1/requests/{found['id']}/lines/{entry['id']}"
    gives_up = {"operation": "withdraw_request_line", "path": f"{line}/withdraw", "decision_id": None}
    assert entry["instead"] == gives_up
    done = await partners.requesting.coordinator.done("POST", entry["instead"]["path"], REASON)
    assert [each["status"] for each in done["lines"]] == ["permitted", "withdrawn"]
    assert await waiting(partners.requesting, found) == []


async def test_nobody_is_told_while_somebody_is_to_answer_or_once_the_request_ended(partners: Partners) -> None:
    asked = await sourced(partners.requesting, [partners.assisting, partners.stranger])
    await on_line(partners.assisting, asked, "decline", NO, 1)
    assert await waiting(partners.requesting, asked) == []
    gone = await declined(partners)
    await act(partners.requesting.approver, gone, "close-manually")
    assert await waiting(partners.requesting, gone) == []
    assert not await listed(partners.requesting, gone)


async def test_reserved_help_that_cannot_come_waits_on_the_request_for_both_sides(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    found = await submitted(partners.requesting, asset)
    await reserved(partners, found)
    both = (partners.requesting, partners.assisting)
    assert [await listed(side, found) for side in both] == [False, False]
    path = f"/v1/assets/{asset['id']}"
    await partners.assisting.coordinator.done("POST", f"{path}/take-out-of-service", REASON)
    assert [await listed(side, found) for side in both] == [True, True]
    assert [await listed(side, found, Role.AUDITOR) for side in both] == [False, False]
    assert not await listed(partners.stranger, found)
    for side, its in (("requesting", partners.requesting), ("assisting", partners.assisting)):
        page = await its.coordinator.done("GET", f"/v1/requests?waiting_for_me=true&side={side}&limit=200")
        assert found["id"] in {each["id"] for each in page["items"]}
    await partners.assisting.coordinator.done("POST", f"{path}/return-to-service", REASON)
    assert [await listed(side, found) for side in both] == [False, False]


async def test_a_need_whose_only_offer_is_gone_waits_on_the_request_for_who_asked(partners: Partners) -> None:
    found = await sourced(partners.requesting, [partners.assisting])
    asset = await make_asset(partners.assisting)
    await on_line(partners.assisting, found, "offer", {"asset_id": asset["id"]}, 1)
    assert not await listed(partners.requesting, found)
    await partners.assisting.coordinator.done("POST", f"/v1/assets/{asset['id']}/take-out-of-service", REASON)
    service = partners.assisting.service
    work = partial(unit_of_work, service.database)
    await settle_offers_all_due(service.database.read(), work, policies_of(service), utc_now())
    assert await listed(partners.requesting, found)


async def test_what_is_still_needed_and_cannot_come_goes_on_warning_with_a_step_that_works(partners: Partners) -> None:
    """Cancelled by who still needs it, since its owner took the asset out of service: both sides read that on it."""
    asset = await make_asset(partners.assisting)
    given_up, changed = [await submitted(partners.requesting, asset) for _ in range(2)]
    loan = await reserved(partners, given_up)
    path = f"/v1/assets/{asset['id']}"
    await partners.assisting.coordinator.done("POST", f"{path}/take-out-of-service", REASON)
    (hindered,) = await waiting(partners.requesting, {"id": loan["id"]})
    assert hindered["kind"] == "cannot_come"
    await step(partners.requesting, loan, "cancel", {**REASON, "still_needed": True})
    for found in (given_up, changed):
        (entry,) = await waiting(partners.requesting, found)
        assert (entry["kind"], entry["id"]) == ("help_lacking", found["lines"][0]["id"])
        assert "out of service" in entry["task"]
        assert await listed(partners.requesting, found)
        (theirs,) = await waiting(partners.assisting, found)
        assert (theirs["kind"], theirs["action"]["operation"]) == ("answer", "decline_request_line")
        assert "out of service" in theirs["task"]
    await partners.assisting.coordinator.done("POST", f"{path}/return-to-service", REASON)
    assert [await waiting(partners.requesting, found) for found in (given_up, changed)] == [[], []]
    await partners.assisting.coordinator.done("POST", f"{path}/take-out-of-service", REASON)
    (entry,) = await waiting(partners.requesting, given_up)
    assert (entry["action"]["operation"], entry["instead"]) == ("withdraw_request_line", None)
    await partners.requesting.coordinator.done("POST", entry["action"]["path"], REASON)
    (entry,) = await waiting(partners.requesting, changed)
    line = f"/v1/requests/{changed['id']}/lines/{entry['id']}"
    other = {"asset_id": (await make_asset(partners.assisting))["id"]}
    await partners.requesting.coordinator.done("PATCH", line, other, if_match="*")
    await act(partners.requesting.coordinator, changed, "submit", {})
    for found in (given_up, changed):
        assert await waiting(partners.requesting, found) == []
        assert not await listed(partners.requesting, found)


async def test_what_its_owner_uses_otherwise_is_lacking_too_and_what_is_lent_to_others_waits(
    partners: Partners,
) -> None:
    held, taken = await make_asset(partners.assisting), await make_asset(partners.assisting)
    in_maintenance, behind = [await submitted(partners.requesting, each) for each in (held, taken)]
    await reserved(partners, await submitted(partners.requesting, taken))
    assert await waiting(partners.requesting, behind) == [], "whoever has it may do without it"
    window = in_maintenance["lines"][0]["window"]
    body = {"kind": "maintenance", "window": window, "reason": "Inspection (demo)."}
    await partners.assisting.coordinator.done("POST", f"/v1/assets/{held['id']}/unavailability", body)
    (entry,) = await waiting(partners.requesting, in_maintenance)
    assert (entry["kind"], entry["action"]["operation"]) == ("help_lacking", "withdraw_request_line")
