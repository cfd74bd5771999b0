"""One answer to “which text” and “which term” at each instant: before the beginning, in a gap, after the end."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.deadlines.periods import term_at
from registry.agreements.instruments.commands import ending
from registry.agreements.instruments.histories import AgreementDates, AmendedText, BoundWindow, TextWindow
from registry.agreements.instruments.in_force import TextStatus, text_at, text_windows
from registry.agreements.instruments.queries.in_force import candidates
from registry.agreements.instruments.schemas.given import WithdrawalNotice
from registry.agreements.instruments.shown_texts import windows_to_others
from registry.agreements.instruments.term_days import Renewal, term_day
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import civil_day, utc_now
from tests.agreements.instruments.reporting import report
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Cast
from tests.support.consent import end_agreement, left_long_ago
from tests.support.deadlines import by_kind, days_ahead
from tests.support.policy import acting_for
from tests.support.service import Caller, Service

PATH = "/v1/agreements"


def noon(year: int, month: int = 6, day: int = 1) -> datetime:
    return datetime(year, month, day, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "text", "status"),
    [
        (noon(2013), 0, TextStatus.UPCOMING),
        (noon(2014), 0, TextStatus.CURRENT),
        (noon(2016), 0, TextStatus.ENDED),
        (noon(2018), 1, TextStatus.CURRENT),
        (noon(2021), 1, TextStatus.ENDED),
    ],
)
def test_the_text_of_an_instant_is_the_last_that_began_and_before_all_the_first(
    at: datetime, text: int, status: TextStatus
) -> None:
    later = AmendedText(executed_at=noon(2017, 1), starts_at=noon(2018, 1), ends_at=noon(2020, 1))
    dates = AgreementDates(
        executed_at=noon(2014, 1), starts_at=noon(2014, 1), ends_at=noon(2015, 12), amendments=(later,)
    )
    window, found = text_at(text_windows(dates), at)
    assert window is not None
    assert (window.text, found) == (text, status)
    unsigned = AgreementDates(executed_at=None, starts_at=noon(2014, 1))
    assert text_at(text_windows(unsigned), at) == (None, TextStatus.UNEXECUTED)


def test_a_term_goes_on_no_more_once_the_agreement_is_over() -> None:
    first, yearly = date(2020, 12, 31), Renewal(months=12)
    over = datetime(2023, 1, 1, 6, tzinfo=UTC)  # the midnight after 31 December 2022 in Chicago
    for at, ends_on in ((noon(2022), date(2022, 12, 31)), (noon(2024), date(2022, 12, 31))):
        found = term_at(first, yearly, term_day(at, "America/Chicago", None, over))
        assert found is not None
        assert found.ends_on == ends_on
    going_on = term_at(first, yearly, term_day(noon(2024), "America/Chicago", None))
    assert going_on is not None
    assert going_on.ends_on == date(2024, 12, 31)


async def seen(reader: Caller, found: dict[str, Any], at: datetime | None = None) -> tuple[Any, ...]:
    query = "" if at is None else f"?as_of={at:%Y-%m-%dT%H:%M:%SZ}"
    shown = await reader.done("GET", f"{PATH}/{found['id']}{query}")
    return shown["version_no"], shown["version_status"], shown["term_ends_on"]


async def listed_as_shown(reader: Caller, found: dict[str, Any], *days: datetime) -> list[int]:
    """The versions that the list shows on those days, each said of it as the agreement itself says it."""
    versions = []
    for at in days:
        then = f"as_of={at:%Y-%m-%dT%H:%M:%SZ}"
        shown = await reader.done("GET", f"{PATH}/{found['id']}?{then}")
        (listed,) = (await reader.done("GET", f"{PATH}?ids={found['id']}&{then}"))["items"]
        for name in ("version_no", "title", "expires_on", "status", "stage", "effective_on"):
            assert listed[name] == shown[name], (name, at)
        versions.append(listed["version_no"])
    now = await reader.done("GET", f"{PATH}/{found['id']}")
    (listed,) = (await reader.done("GET", f"{PATH}?ids={found['id']}"))["items"]
    assert (listed["version_no"], listed["title"]) == (now["version_no"], now["title"])
    return versions


async def test_in_a_gap_and_after_the_end_the_last_text_is_shown_and_before_the_beginning_the_first(
    service: Service, cast: Cast
) -> None:
    both = (cast.assisting, cast.requesting)
    dates = {"effective_on": "2014-01-01", "signed_on": "2014-01-01", "expires_on": "2015-12-31"}
    found = await confirm_agreement(await record_agreement(*both, **dates), cast.requesting, signed_on="2014-01-01")
    middle: dict[str, Any] = {"terms": {"categories": ["any"], "max_duration_hours": 48}, "expires_on": "2015-12-31"}
    await amended_on_paper(found, *both, effective_on="2015-01-01", **middle)
    last: dict[str, Any] = {"kind": "renewal", "expires_on": "2019-12-31"}
    await amended_on_paper(found, *both, effective_on="2018-01-01", **last)
    expected = {
        noon(2013): (1, "upcoming", "2015-12-31"),
        noon(2014): (1, "current", "2015-12-31"),
        noon(2015): (2, "current", "2015-12-31"),
        noon(2016): (2, "ended", "2015-12-31"),
        noon(2018): (3, "current", "2019-12-31"),
        noon(2021): (3, "ended", "2019-12-31"),
    }
    for reader in (cast.requesting.coordinator, cast.assisting.legal, cast.stranger.coordinator):
        for at, answer in expected.items():
            assert await seen(reader, found, at) == answer, at
        assert await seen(reader, found) == expected[noon(2021)]
        assert await listed_as_shown(reader, found, *expected) == [no for no, _, _ in expected.values()]
    for at, (no, _, _) in expected.items():
        (tried,) = await candidates(service.database.read(), cast.requesting.id, cast.assisting.id, "k9", at)
        assert tried.version_no == no, "decisions cite the text that everybody is shown"


async def test_a_renewal_that_is_signed_for_later_changes_neither_the_past_nor_the_term_that_runs(
    service: Service, cast: Cast
) -> None:
    both = (cast.assisting, cast.requesting)
    found = await sign_agreement(service, *both, expires_on=days_ahead(20))
    renewal: dict[str, Any] = {"kind": "renewal", "expires_on": str(days_ahead(400)), "signed_on": days_ahead(0)}
    shown = await amended_on_paper(found, *both, effective_on=days_ahead(21), **renewal)
    assert (shown["term_ends_on"], shown["expires_on"]) == (str(days_ahead(20)), str(days_ahead(400)))
    listed = (await cast.requesting.legal.done("GET", f"{PATH}?ids={found['id']}"))["items"]
    assert [each["version_no"] for each in listed] == [1], "the one that runs, as in the agreement itself"
    for days, answer in ((10, (1, "current", str(days_ahead(20)))), (30, (2, "current", str(days_ahead(400))))):
        at = datetime.combine(days_ahead(days), datetime.min.time(), ZoneInfo("UTC")) + timedelta(hours=18)
        assert await seen(cast.requesting.coordinator, found, at) == answer


async def test_what_lapsed_or_was_ended_shows_the_term_in_which_it_did(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    yearly: dict[str, Any] = {
        "effective_on": "2020-01-01",
        "expires_on": "2020-12-31",
        "auto_renew_months": 12,
        "auto_renew_times": "no_limit",
    }
    lapsed = await sign_agreement(service, *both, **yearly)
    then = datetime(2025, 6, 1, 18, tzinfo=UTC)
    notice = WithdrawalNotice(notice_on=then.date(), reason="the council declined", kind="non_renewal")
    async with unit_of_work(service.database) as write:
        leaver = acting_for(cast.requesting, Role.LEGAL, now=then)
        await ending.give_notice(write, leaver, UUID(lapsed["id"]), notice, None)
    now = await cast.assisting.legal.done("GET", f"{PATH}/{lapsed['id']}")
    assert (now["status"], now["term_ends_on"]) == ("lapsed", "2025-12-31"), "it renews itself no more"
    assert "renewal" not in await by_kind(cast.assisting, lapsed)

    ended = await sign_agreement(service, *both, **yearly)
    await end_agreement(ended, *both)
    far = noon(civil_day(utc_now(), "America/Chicago").year + 3)
    last = str(civil_day(utc_now(), "America/Chicago"))
    assert await seen(cast.assisting.legal, ended, far) == (1, "ended", last), "its own last day cuts the term short"


async def test_the_text_is_the_latest_that_binds_two_to_each_other(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *parties, effective_on="2014-01-01", title="The original (demo)")
    both: dict[str, Any] = {"title": "Of two (demo)", "notice": {"days": 30}}
    await amended_on_paper(found, *parties[:2], effective_on="2025-06-01", signed_on="2025-06-01", **both)
    assert await seen(cast.neighbour.legal, found) == (2, "current", None)
    await left_long_ago(service, cast.requesting, found)
    until = utc_now() - timedelta(days=8)
    for at, no in ((datetime(2025, 5, 1, tzinfo=UTC), 1), (until - timedelta(days=20), 2), (until, 1)):
        assert await seen(cast.neighbour.legal, found, at) == (no, "current", None), at
    checked = await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}/completeness")
    assert checked["version_no"] == 1
    shown = await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}")
    assert (shown["title"], shown["status"]) == ("The original (demo)", "in_force")
    (held,) = await candidates(service.database.read(), cast.neighbour.id, cast.assisting.id, "k9", utc_now())
    assert held.version_no == 1
    days = (datetime(2025, 5, 1, tzinfo=UTC), until - timedelta(days=20), until)
    assert await listed_as_shown(cast.neighbour.legal, found, *days) == [1, 2, 1]
    assert await listed_as_shown(cast.stranger.coordinator, found, *days) == [1, 1, 1], "not all have published it"


async def test_nobody_else_learns_when_two_of_three_amended_it_without_publishing(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    yearly: dict[str, Any] = {"expires_on": "2014-12-31", "auto_renew_months": 12, "auto_renew_times": 11}
    found = await sign_agreement(service, *parties, effective_on="2014-01-01", **yearly)
    days = (noon(2013), noon(2025, 5), noon(2025, 8), noon(2025, 11), noon(2026))
    told = [await seen(cast.stranger.coordinator, found, at) for at in days]
    assert [status for _, status, _ in told] == ["upcoming", *["current"] * 3, "ended"]
    short: dict[str, Any] = {"expires_on": "2025-09-30", "signed_on": "2025-06-01"}
    await amended_on_paper(found, *parties[:2], effective_on="2025-06-01", **short)
    assert await seen(cast.neighbour.legal, found, noon(2025, 8)) == (2, "current", "2025-12-31"), "its own term"
    for reader in (cast.stranger.coordinator, cast.stranger.legal):
        assert [await seen(reader, found, at) for at in days] == told
        assert await listed_as_shown(reader, found, *days) == [1] * len(days)


def test_a_suspension_tells_nobody_else_that_two_amended_it_either() -> None:
    amended = [BoundWindow(start=noon(2014), end=noon(2025, 3), amended=frozenset({1}))]
    third = [BoundWindow(start=noon(2014), end=noon(2025, 3))]
    held = (TextWindow(start=noon(2014), end=noon(2024)),)
    pause = Interval(start=noon(2025, 3), end=noon(2025, 9))
    for until, end in ((None, pause.end), (noon(2025, 4), noon(2025, 4))):
        found = windows_to_others(held, (amended, amended, third), [pause], until)
        assert found == (Interval(start=noon(2014), end=end),)
    assert windows_to_others(held, (amended, amended), [pause], None) == (Interval(start=noon(2014), end=noon(2024)),)


async def test_what_two_amended_for_a_while_is_the_text_for_that_while(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *parties, effective_on="2014-01-01")
    short: dict[str, Any] = {"expires_on": "2025-12-31", "signed_on": "2025-06-01"}
    shown = await amended_on_paper(found, *parties[:2], effective_on="2025-06-01", **short)
    assert (shown["version_no"], shown["version_status"]) == (1, "current"), "two are bound by it to the third"
    assert await seen(cast.neighbour.legal, found, noon(2025, 8)) == (2, "current", None), "it goes by the original"
    assert "gap" not in {each["code"] for each in shown["remarks"]}


async def test_a_list_of_a_day_to_come_shows_the_text_without_what_is_only_reported(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(40))
    paper = await amended_on_paper(found, cast.assisting, effective_on=days_ahead(10), signed_on=days_ahead(0))
    said = {"agency_id": str(cast.requesting.id), "kind": "signed", "acted_on": str(days_ahead(0)), "reason": "a copy"}
    said |= {"version_sha256": paper["amendment"]["version_sha256"], "signatory_title": "Sheriff"}
    await report(cast.assisting, found, said)
    far = datetime.combine(days_ahead(20), datetime.min.time(), UTC) + timedelta(hours=18)
    assert await listed_as_shown(cast.requesting.legal, found, far) == [1]


async def test_a_text_is_the_current_one_no_more_once_none_is_bound_to_another_by_it(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    assert found["version_status"] == "current"
    for party in (cast.requesting, cast.assisting):
        await left_long_ago(service, party, found)
        seen = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
        assert (seen["status"], seen["version_no"], seen["version_status"]) == ("lapsed", 1, "ended")
