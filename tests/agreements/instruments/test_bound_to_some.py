"""A text that runs out for some, while another binds them to others on: the days, and the page, say so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.agreements.instruments.commands.holding import settle_all_due
from registry.platform.kernel.ids import new_id
from tests.agreements.instruments.reporting import letter, report
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.deadlines import days_ahead, deadlines_of
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"


async def with_a_short_text(service: Service, cast: Cast, **fields: Any) -> dict[str, Any]:
    """Three are bound until they end it; two of them have signed a text of a hundred days since."""
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *parties)
    short: dict[str, Any] = {"expires_on": str(days_ahead(100)), "title": "Of two (demo)", **fields}
    return await amended_on_paper(found, *parties[:2], effective_on="2025-06-01", **short)


async def due_of(reader: Agency, found: dict[str, Any]) -> list[tuple[str, str, int | None, list[str]]]:
    items = await deadlines_of(reader, agreement_id=found["id"], kind=["expiry", "renewal", "last_notice"])
    return [(i["kind"], i["due_on"], i["version_no"], [each["id"] for each in i["towards"]]) for i in items]


async def remarks_of(reader: Agency, found: dict[str, Any], query: str = "") -> dict[str, dict[str, Any]]:
    seen = await reader.legal.done("GET", f"{PATH}/{found['id']}{query}")
    return {each["code"]: each for each in seen["remarks"]}


async def test_each_that_a_text_stops_binding_to_another_is_told_the_day(service: Service, cast: Cast) -> None:
    found = await with_a_short_text(service, cast)
    until = str(days_ahead(100))
    for one, other in ((cast.assisting, cast.requesting), (cast.requesting, cast.assisting)):
        assert await due_of(one, found) == [("expiry", until, 2, [str(other.id)])]
        (due,) = await deadlines_of(one, agreement_id=found["id"], kind="expiry")
        assert "version 2" in due["basis"]["says"]
        listed = (await one.legal.done("GET", f"{PATH}?ids={found['id']}"))["items"][0]
        assert listed["expires_on"] is None, "it is bound on"
        seen = await one.legal.done("GET", f"{PATH}/{found['id']}")
        own = next(each for each in seen["parties"] if each["agency"]["id"] == str(one.id))
        assert listed["bound_by_versions"] == own["bound_by_versions"] == [2, 1]
        then = (await one.legal.done("GET", f"{PATH}?ids={found['id']}&as_of={days_ahead(110)}T12:00:00Z"))["items"][0]
        assert (then["bound"], then["bound_by_versions"]) == (True, [1])
    for other, versions in ((cast.neighbour, [1]), (cast.stranger, [])):
        listed = (await other.legal.done("GET", f"{PATH}?ids={found['id']}"))["items"][0]
        assert (listed["bound"], listed["bound_by_versions"]) == (bool(versions), versions)
    assert await due_of(cast.neighbour, found) == [], "it is bound to both as before"


async def test_the_calendar_has_the_day_too(service: Service, cast: Cast) -> None:
    found = await with_a_short_text(service, cast)
    made = await cast.assisting.legal.done("POST", "/v1/calendar-feeds", {"label": f"Days {new_id()}"})
    text = (await service.anonymous.get(made["address"])).text.replace("\r\n ", "")
    events = [each for each in text.split("BEGIN:VEVENT") if found["id"] in each and "UID:expiry" in each]
    assert len(events) == 1
    assert f"DTSTART;VALUE=DATE:{days_ahead(100):%Y%m%d}" in events[0]


async def test_a_text_that_renews_has_its_renewal_and_its_last_day_of_notice(service: Service, cast: Cast) -> None:
    found = await with_a_short_text(service, cast, auto_renew_months=12, auto_renew_times=1)
    towards = [str(cast.requesting.id)]
    assert await due_of(cast.assisting, found) == [
        ("last_notice", str(days_ahead(70)), 2, towards),
        ("renewal", str(days_ahead(100)), 2, towards),
    ]


async def test_where_a_later_text_goes_on_nothing_runs_out(service: Service, cast: Cast) -> None:
    found = await with_a_short_text(service, cast)
    longer: dict[str, Any] = {"kind": "renewal", "expires_on": None}
    await amended_on_paper(
        found, cast.assisting, cast.requesting, effective_on=days_ahead(101), signed_on=days_ahead(0), **longer
    )
    assert await due_of(cast.assisting, found) == []
    assert "bound_to_some_until" not in await remarks_of(cast.assisting, found)


async def test_what_is_only_reported_changes_no_day_yet(service: Service, cast: Cast) -> None:
    found = await with_a_short_text(service, cast)
    before = await due_of(cast.assisting, found)
    await report(cast.neighbour, found, letter(cast.requesting, days_ahead(0)))
    assert await due_of(cast.assisting, found) == before


async def test_the_page_says_towards_whom_until_when_by_which_text(service: Service, cast: Cast) -> None:
    found = await with_a_short_text(service, cast)
    for one, other in ((cast.assisting, cast.requesting), (cast.requesting, cast.assisting)):
        said = (await remarks_of(one, found))["bound_to_some_until"]
        assert said["version_no"] == 2
        assert f"to {other.name} through {days_ahead(100)} alone" in said["detail"]
        later = (await remarks_of(one, found, f"?as_of={days_ahead(120)}T12:00:00Z"))["bound_to_some_until"]
        assert f"to {other.name} through {days_ahead(100)}: since then no text" in later["detail"]
    assert "bound_to_some_until" not in await remarks_of(cast.neighbour, found)


async def test_it_stays_due_for_a_while_after_the_day(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *parties)
    await amended_on_paper(found, *parties[:2], effective_on="2025-06-01", expires_on=str(days_ahead(-5)))
    await settle_all_due(service.database, datetime.now(UTC) + timedelta(seconds=1))
    assert await due_of(cast.assisting, found) == [("expiry", str(days_ahead(-5)), 2, [str(cast.requesting.id)])]


async def test_a_party_reads_which_text_binds_it_and_whose_its_days_are(service: Service, cast: Cast) -> None:
    found = await with_a_short_text(service, cast, notice={"days": 10})
    seen = await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}")
    assert (seen["version_no"], seen["title"], seen["notice"]["days"]) == (2, "Of two (demo)", 30)
    said = await remarks_of(cast.neighbour, found)
    assert "it is bound by version 1" in said["bound_by_another"]["detail"]
    assert (said["bound_by_another"]["version_no"], said["days_of_another"]["version_no"]) == (1, 1)
    for what in ("the last day", "the term that runs", "the notice"):
        assert what in said["days_of_another"]["detail"]
    own = await remarks_of(cast.assisting, found)
    assert "bound_by_another" not in own
    assert own["days_of_another"]["version_no"] == 1, "of two that bind it the longest"


async def test_where_all_signed_the_text_that_is_shown_no_day_is_of_another(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting)
    found = await sign_agreement(service, *parties)
    await amended_on_paper(found, *parties, effective_on="2025-06-01", expires_on=str(days_ahead(100)))
    said = await remarks_of(cast.assisting, found)
    assert not {"bound_by_another", "days_of_another", "bound_to_some_until"} & said.keys()
    assert await due_of(cast.assisting, found) == [("expiry", str(days_ahead(100)), None, [])]
