"""What its owner changed since it was asked for, or reserved, waits for whoever asked, with its one operation."""

from typing import Any

import pytest

from registry.platform.access.principals import Role
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import Partners, make_loan, make_partners, step
from tests.support.requests import line_for, submitted

Entry = dict[str, Any]


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)


async def waiting(agency: Agency, whose: str = "me", role: Role = Role.COORDINATOR, **query: Any) -> list[Entry]:
    found: list[Entry] = []
    params = {"waiting_on": whose, "limit": 200, **query}
    while True:
        page = await agency.as_(role).done("GET", "/v1/inbox", params=params)
        found += page["items"]
        if page["next_cursor"] is None:
            return [each for each in found if each["kind"] == "asset_changed"]
        params["cursor"] = page["next_cursor"]


async def edit(partners: Partners, asset: Entry, **fields: Any) -> Entry:
    path = f"/v1/assets/{asset['id']}"
    done: Entry = await partners.assisting.admin.done("PATCH", path, fields, if_match="*")
    return done


async def test_a_reserved_asset_that_was_changed_waits_for_whom_it_is_reserved(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    assert await waiting(partners.requesting) == []
    changed = await edit(partners, asset, description="Another dog (demo).")
    (entry,) = await waiting(partners.requesting)
    assert entry["task"] == "It was changed (description): agree to it as it is now, or cancel."
    assert (entry["subject"]["id"], entry["due_at"]) == (loan["id"], loan["starts_at"])
    path = f"/v1/loans/{loan['id']}/accept-changed-asset"
    assert entry["action"] == {"operation": "accept_changed_asset", "path": path, "decision_id": None}
    assert entry["partner"]["id"] == str(partners.assisting.id)
    assert await waiting(partners.assisting) == []
    (theirs,) = await waiting(partners.assisting, "partners")
    assert (theirs["subject"]["id"], theirs["action"]) == (loan["id"], None)
    assert theirs["task"].startswith(f"{partners.requesting.name}: It was changed")
    assert [each["action"] for each in await waiting(partners.requesting, "agency", Role.AUDITOR)] == [None]
    assert await waiting(partners.requesting, role=Role.AUDITOR) == []
    assert await waiting(partners.stranger) == []
    await partners.requesting.coordinator.done("POST", path, {"asset_version": changed["version"]})
    assert await waiting(partners.requesting) == await waiting(partners.assisting, "partners") == []


async def test_what_is_as_it_was_again_waits_for_nobody(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, description="A dog (demo).")
    await make_loan(partners, asset=asset)
    await edit(partners, asset, description="Another dog (demo).")
    assert len(await waiting(partners.requesting)) == 1
    await edit(partners, asset, description="A dog (demo).")
    assert await waiting(partners.requesting) == []


async def test_a_line_that_may_be_lent_waits_in_the_same_way_until_it_is_agreed_to_or_withdrawn(
    partners: Partners,
) -> None:
    assets = [await make_asset(partners.assisting) for _ in range(2)]
    found = await submitted(partners.requesting, {}, lines=[line_for(each) for each in assets])
    changed = [await edit(partners, each, name="Another dog (demo)") for each in assets]
    entries = await waiting(partners.requesting)
    assert {each["id"] for each in entries} == {line["id"] for line in found["lines"]}
    for each in entries:
        assert each["task"] == "It was changed (name): agree to it as it is now, or withdraw it."
        assert each["action"]["operation"] == "accept_changed_assets"
        assert each["action"]["path"] == f"/v1/requests/{found['id']}/accept-changed-assets"
    assert len(await waiting(partners.assisting, "partners")) == 2
    body = {"lines": [{"line_no": 1, "asset_version": changed[0]["version"]}]}
    await partners.requesting.coordinator.done("POST", entries[0]["action"]["path"], body)
    (left,) = await waiting(partners.requesting)
    assert left["id"] == found["lines"][1]["id"]
    path = f"/v1/requests/{found['id']}/lines/{left['id']}/withdraw"
    await partners.requesting.coordinator.done("POST", path, {"reason": "another is sent (demo)"})
    assert await waiting(partners.requesting) == []


async def test_the_pages_of_a_reading_hold_each_once_beside_what_was_changed_back(partners: Partners) -> None:
    ids = []
    for number in range(5):
        asset = await make_asset(partners.assisting, description="A dog (demo).")
        loan = await make_loan(partners, asset=asset)
        await edit(partners, asset, description="Another dog (demo).")
        if number % 2:
            await edit(partners, asset, description="A dog (demo).")
        else:
            ids.append(loan["id"])
    found = [each["subject"]["id"] for each in await waiting(partners.requesting, limit=1)]
    assert sorted(found) == sorted(ids)


async def test_what_is_sent_out_or_cancelled_waits_no_more(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    await edit(partners, asset, description="Another dog (demo).")
    await step(partners.requesting, loan, "cancel")
    assert await waiting(partners.requesting) == []
