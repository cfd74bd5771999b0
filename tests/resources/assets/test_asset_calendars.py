"""Calendars of when an asset is taken: the owner's names the borrowers, another agency's only what is taken."""

from datetime import UTC, datetime, timedelta
from typing import Any

from icalendar import Calendar

from registry.platform.kernel.time import Window, utc_now
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import REASON, make_loan, make_overdue_loan, make_partners
from tests.support.problems import assert_problem

FEED = {"label": "Dispatch (demo)"}


async def subscribe(agency: Agency, asset: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = await agency.coordinator.done("POST", f"/v1/assets/{asset['id']}/calendar-feeds", FEED)
    return made


async def summaries(agency: Agency, feed: dict[str, Any]) -> list[str]:
    response = await agency.service.anonymous.get(feed["address"])
    assert response.headers["content-type"].startswith("text/calendar")
    events: list[Any] = Calendar.from_ical(response.content).walk("VEVENT")
    assert all(event["DTSTAMP"].dt <= utc_now() for event in events), "readers take the newer of two by it"
    return [str(event["SUMMARY"]) for event in events]


async def test_the_owner_reads_to_whom_and_others_only_that_it_is_taken(cast: Cast) -> None:
    partners = await make_partners(cast)
    asset = await make_asset(partners.assisting, turnaround_minutes=60)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    loan = await make_loan(partners, asset=asset, window=Window(start=start, end=start + timedelta(hours=8)))
    planned = {"start": (start + timedelta(days=3)).isoformat(), "end": (start + timedelta(days=4)).isoformat()}
    body = {"kind": "maintenance", "window": planned, "reason": "Recertification (demo)."}
    await partners.assisting.coordinator.done("POST", f"/v1/assets/{asset['id']}/unavailability", body)
    own, theirs = await subscribe(partners.assisting, asset), await subscribe(partners.requesting, asset)
    assert await summaries(partners.assisting, own) == [
        f"Lent to {partners.requesting.name} (1)",
        "Maintenance: Recertification (demo).",
    ]
    assert set(await summaries(partners.requesting, theirs)) == {"Busy"}
    response = await partners.requesting.service.anonymous.get(theirs["address"])
    assert loan["id"] not in response.text
    assert partners.requesting.name not in response.text
    again = await partners.requesting.service.anonymous.get(theirs["address"])
    assert again.content == response.content, "the same content is the same bytes"
    same = {"if-none-match": response.headers["etag"]}
    assert (await partners.requesting.service.anonymous.get(theirs["address"], headers=same)).status_code == 304


async def test_what_is_overdue_and_out_of_service_is_said(cast: Cast) -> None:
    partners = await make_partners(cast)
    asset = await make_asset(partners.assisting)
    await make_overdue_loan(partners, asset)
    await partners.assisting.coordinator.done("POST", f"/v1/assets/{asset['id']}/take-out-of-service", REASON)
    said = await summaries(partners.assisting, await subscribe(partners.assisting, asset))
    assert said == ["Out of service", f"Lent to {partners.requesting.name} (1), overdue"]


async def test_an_address_ends_with_its_feed_or_with_the_sight_of_the_asset(cast: Cast) -> None:
    partners = await make_partners(cast)
    asset = await make_asset(partners.assisting)
    own, theirs = await subscribe(partners.assisting, asset), await subscribe(partners.requesting, asset)
    path = f"/v1/assets/{asset['id']}/calendar-feeds"
    listed = (await partners.assisting.coordinator.done("GET", path))["items"]
    assert [(each["id"], each["address"]) for each in listed] == [(own["id"], None)]
    assert_problem(await partners.assisting.coordinator.post(f"{path}/{theirs['id']}/revoke"), 404, "not_found")
    await partners.assisting.coordinator.done("POST", f"{path}/{own['id']}/revoke", {})
    assert_problem(await partners.assisting.coordinator.post(f"{path}/{own['id']}/revoke"), 409, "wrong_status")
    anonymous = partners.assisting.service.anonymous
    assert (await anonymous.get(own["address"])).status_code == 404
    await partners.assisting.admin.done("PATCH", f"/v1/assets/{asset['id']}", {"sharing": "private"}, if_match="*")
    assert (await anonymous.get(theirs["address"])).status_code == 404


async def test_who_may_not_see_the_asset_makes_no_calendar_of_it(cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    path = f"/v1/assets/{asset['id']}/calendar-feeds"
    assert_problem(await cast.assisting.service.anonymous.post(path, FEED), 401, "unauthenticated")
    assert_problem(await cast.stranger.coordinator.post(path, FEED), 404, "not_found")
    assert_problem(await cast.assisting.auditor.post(path, FEED), 403)
    assert_problem(await cast.assisting.coordinator.post(path, {"label": ""}), 400, "invalid_body")
