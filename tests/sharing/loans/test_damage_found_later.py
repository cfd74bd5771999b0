"""Damage that its owner finds once it is back: reported on a closed loan, read by both, contested, withdrawn."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.time import utc_now
from registry.sharing.loans.commands import damage
from registry.sharing.loans.rules import Side
from tests.support.assets import make_asset
from tests.support.cast import Agency
from tests.support.documents import file_with_loan
from tests.support.loans import CONDITION, REASON, Partners, make_loan, see, step
from tests.support.policy import acting_for
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_long


async def waiting(agency: Agency, whose: str = "me", kind: str = "damage_found") -> list[dict[str, Any]]:
    page = await agency.coordinator.done("GET", "/v1/inbox", params={"waiting_on": whose, "limit": 200})
    return [each for each in page["items"] if each["kind"] == kind]


@pytest.mark.parametrize("status", ["returned", "closed"])
async def test_both_read_it_and_until_its_owner_has_assessed_it_it_is_lent_no_more(
    partners: Partners, status: str
) -> None:
    loan, owner, asking = await make_loan(partners, status), partners.assisting, partners.requesting
    shown = await file_with_loan(owner.coordinator, loan["id"], kind="repair_estimate", occasion="later")
    said = {"reason": "The rear axle is bent (demo).", "document_ids": [shown["id"]]}
    done = await step(owner, loan, "report-damage", said)
    assert (done["status"], done["condition_in"]["grade"]) == (status, "good"), "what was said at the return stays"
    seen = (await see(asking, loan["id"]))["damage"]
    assert seen == done["damage"]
    assert (seen["reason"], seen["document_ids"], seen["contested_at"]) == (said["reason"], [shown["id"]], None)
    (entry,) = await waiting(asking)
    assert (entry["subject"]["id"], entry["due_at"]) == (loan["id"], seen["contest_by"])
    assert entry["action"] == {
        "operation": "contest_loan_damage",
        "path": f"/v1/loans/{loan['id']}/contest-damage",
        "decision_id": None,
    }
    assert [each["subject"]["id"] for each in await waiting(owner, "partners")] == [loan["id"]]
    (assess,) = await waiting(owner, kind="damage")
    assert assess["subject"]["id"] == loan["asset"]["id"], "as if it had been seen at the return"
    again = await owner.coordinator.post(f"/v1/loans/{loan['id']}/report-damage", said)
    problem = assert_problem(again, 409, "wrong_status")
    assert offered(await see(owner, loan["id"]), "report_damage")["reason"] == problem["detail"]
    withdrawn = await owner.coordinator.post(f"/v1/loans/{loan['id']}/documents/{shown['id']}/withdraw", REASON)
    assert_problem(withdrawn, 409, "wrong_status")


def offered(loan: dict[str, Any], action: str) -> dict[str, Any]:
    (found,) = (each for each in loan["allowed_actions"] if each["action"] == action)
    return dict(found)


async def test_once_contested_both_words_stand_and_it_waits_for_its_owner_until_that_withdraws_it(
    partners: Partners,
) -> None:
    loan, owner, asking = await make_loan(partners, "closed"), partners.assisting, partners.requesting
    path = f"/v1/loans/{loan['id']}"
    for agency, verb, body in (
        (asking, "report-damage", REASON),
        (owner, "contest-damage", REASON),
        (asking, "withdraw-damage", {}),
    ):
        assert_problem(await agency.coordinator.post(f"{path}/{verb}", body), 403, "other_sides_action")
    for agency, verb, body in ((asking, "contest-damage", REASON), (owner, "withdraw-damage", {})):
        refused = assert_problem(await agency.coordinator.post(f"{path}/{verb}", body), 409, "wrong_status")
        assert offered(await see(agency, loan["id"]), verb.replace("-", "_"))["reason"] == refused["detail"]
    await step(owner, loan, "report-damage")
    service = asking.as_(Role.SERVICE)
    assert_problem(await service.post(f"{path}/contest-damage", REASON), 403)
    key = str(uuid4())
    first, again = [await asking.coordinator.post(f"{path}/contest-damage", REASON, key=key) for _ in range(2)]
    assert (first.status_code, first.content) == (200, again.content)
    assert_problem(await asking.coordinator.post(f"{path}/contest-damage", REASON), 409, "wrong_status")
    assert (await waiting(asking), [each["action"]["operation"] for each in await waiting(owner)]) == (
        [],
        ["withdraw_loan_damage"],
    )
    stale = await owner.coordinator.post(f"{path}/withdraw-damage", {}, if_match='"1-00000000"')
    assert_problem(stale, 412, "stale_version")
    done = await step(owner, loan, "withdraw-damage")
    assert done["damage"]["withdrawn_at"] is not None
    assert (await waiting(owner), await waiting(asking)) == ([], [])
    assert (await step(owner, loan, "report-damage"))["damage"]["contested_at"] is None, "it may be said anew"
    events = (await asking.auditor.done("GET", f"{path}/history?sort=version"))["items"]
    assert [each["type"].removeprefix("loan.damage_") for each in events[-4:]] == [
        *("reported", "contested", "withdrawn", "reported"),
    ]


async def test_it_is_found_after_the_return_and_contested_within_fourteen_days(partners: Partners) -> None:
    loan = await make_loan(partners, "closed")
    path = f"/v1/loans/{loan['id']}/report-damage"
    early = {**REASON, "occurred_at": loan["dispatched_at"]}
    assert_problem(await partners.assisting.coordinator.post(path, early), 422, "not_then")
    unknown = {**REASON, "document_ids": [str(uuid4())]}
    assert_problem(await partners.assisting.coordinator.post(path, unknown), 422, "unknown_document")
    assert_problem(await partners.assisting.coordinator.post(path, {}), 400, "invalid_body")
    assert_problem(await partners.stranger.coordinator.post(path, REASON), 404, "not_found")
    found = {**REASON, "occurred_at": loan["returned_at"]}
    done = await step(partners.assisting, loan, "report-damage", found)
    assert done["damage"]["found_at"] == loan["returned_at"] < done["damage"]["reported_at"]
    later = acting_for(partners.requesting, Role.COORDINATOR, now=utc_now() + timedelta(days=15))
    async with unit_of_work(partners.requesting.service.database) as write:
        with pytest.raises(WrongStatus, match="It stands: it could be contested until"):
            await damage.contest_damage(write, later, UUID(loan["id"]), "Too late (demo).")


@pytest.mark.parametrize("status", ["reserved", "dispatched", "lost", "cancelled"])
async def test_what_is_not_back_has_no_damage_found_afterwards(partners: Partners, status: str) -> None:
    loan = await make_loan(partners, status)
    for side, verb in ((Side.ASSISTING, "report-damage"), (Side.REQUESTING, "contest-damage")):
        answer = await partners.side(side).coordinator.post(f"/v1/loans/{loan['id']}/{verb}", REASON)
        assert_problem(answer, 409, "wrong_status")


@pytest.mark.parametrize("said", ["nothing", "out_of_service", "fit"])
async def test_what_came_back_damaged_is_held_once_however_often_damage_is_found(partners: Partners, said: str) -> None:
    owner = partners.assisting
    kits = await make_asset(owner, category="communications.radio_cache", capacity=10)
    loan = await make_loan(partners, "on_scene", asset=kits, quantity=4)
    await step(owner, loan, "return", {**CONDITION, "grade": "damaged"})
    if said != "nothing":
        (held,) = await held_as_damaged(owner, kits)
        path = f"/v1/assets/{kits['id']}/unavailability/{held['id']}"
        etag = (await owner.coordinator.get(path)).headers["etag"]
        await owner.coordinator.done("POST", f"{path}/assess", {**REASON, "assessment": said}, if_match=etag)
    for _ in range(2):
        await step(owner, loan, "report-damage")
        assert [each["quantity"] for each in await held_as_damaged(owner, kits)] == [4]
        await step(owner, loan, "withdraw-damage")
    loans = (await owner.coordinator.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    held_anew = [each for each in loans if "unavailability_id" in each["data"]]
    assert len(held_anew) == (2 if said == "fit" else 1), "once it was found fit, what is found then is held anew"


async def held_as_damaged(owner: Agency, asset: dict[str, Any]) -> list[dict[str, Any]]:
    """What of the asset is held as damaged now."""
    found = await owner.coordinator.done("GET", f"/v1/assets/{asset['id']}/unavailability")
    return [each for each in found["items"] if each["kind"] == "damage" and each["status"] == "current"]
