"""What is entered late: texts in any order, gaps, what reaches back; and one answer to “when does it end”."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import vobject

from registry.platform.kernel.time import day_starts_at, utc_now
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.support.agreements import (
    EVIDENCE,
    PROVISIONS,
    agreement_body,
    confirm_agreement,
    record_agreement,
    sign_agreement,
)
from tests.support.cast import Agency, Cast, today
from tests.support.consent import agree_to_days, consent, named
from tests.support.deadlines import by_kind, days_ahead
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"


async def amended_on_paper(
    found: dict[str, Any],
    *parties: Agency,
    effective_on: date | str,
    signed_on: Any = None,
    service: Any = None,
    **fields: Any,
) -> dict[str, Any]:
    """An amendment on paper, signed on its first day unless told otherwise, recorded by one and confirmed by all.

    Of those named, the first records it, or that agency's service, which signs nothing; all agree to the day.
    """
    signed = str(signed_on or effective_on)
    body = {
        "kind": "amendment",
        "title": "Mutual aid (demo)",
        "effective_on": str(effective_on),
        "notice": {"days": 30},
        "terms": {"categories": ["any"]},
        "provisions": PROVISIONS,
        "signed_on": signed,
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "found in the archive",
        **fields,
    }
    recorder, others = (parties[0].legal, parties[1:]) if service is None else (service.machine, parties)
    done: dict[str, Any] = await recorder.done("POST", f"{PATH}/{found['id']}/record-amendment", body)
    digest = done["amendment"]["version_sha256"] if done["amendment"] is not None else done["version_sha256"]
    for party in others:
        hand = {
            "version_sha256": digest,
            "signatory_title": "Sheriff",
            "signed_on": signed,
            "evidence_location": "County clerk's vault (demo)",
            "agrees_to_publish": True,
        }
        done = await party.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
    return await agree_to_days(done, *parties)


def remarks_of(found: dict[str, Any]) -> dict[str, str]:
    return {each["code"]: each["detail"] for each in found["remarks"]}


async def test_amendments_recorded_in_the_wrong_order_each_hold_on_their_own_days(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    paper = await record_agreement(*both, effective_on="2014-01-01", signed_on="2014-01-01")
    found = await confirm_agreement(paper, cast.requesting, signed_on="2014-01-01")
    later: dict[str, Any] = {"terms": {"categories": ["any"], "max_duration_hours": 48}, "title": "As of 2018 (demo)"}
    await amended_on_paper(found, *both, effective_on="2018-03-01", **later)
    earlier: dict[str, Any] = {"terms": {"categories": ["any"], "max_duration_hours": 24}, "title": "As of 2016 (demo)"}
    placed = await amended_on_paper(found, *both, effective_on="2016-03-01", **earlier)
    assert (placed["version_no"], placed["title"]) == (2, "As of 2018 (demo)"), "today it is the text of 2018"
    assert "it is the text from 2016-03-01 through 2018-02-28" in remarks_of(placed)["placed_before"]
    for year, no, hours in ((2015, 1, "no_limit"), (2017, 3, 24), (2019, 2, 48)):
        (held,) = await in_force(cast.requesting, cast.assisting, datetime(year, 6, 1, tzinfo=ZoneInfo(CHICAGO)))
        assert (held["version_no"], held["terms"]["max_duration_hours"]) == (no, hours), year
    listed = await cast.requesting.legal.done("GET", f"{PATH}?party_id={cast.requesting.id}")
    assert [each["title"] for each in listed["items"]] == ["As of 2018 (demo)"]
    for query, sides in (("", (1, 3)), ("?to_version_no=2", (3, 2))):
        redline = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}/redline{query}")
        assert (redline["from"]["version_no"], redline["to"]["version_no"]) == sides, "by effect and not by entry"
        assert redline["from_basis"] == "in_force_before"
    page = await cast.requesting.legal.get(f"{PATH}/{found['id']}/redline.html")
    assert "the one in force before this one takes effect" in page.text


async def test_who_signed_the_original_confirms_it_after_an_amendment_too(service: Service, cast: Cast) -> None:
    paper = await record_agreement(cast.assisting, cast.requesting, effective_on="2014-01-01", signed_on="2014-01-01")
    amended = await amended_on_paper(paper, cast.assisting, effective_on="2018-03-01")
    assert amended["version_no"] == 1, "what one alone has signed binds nobody to another"
    found = await confirm_agreement(paper, cast.requesting, signed_on="2014-02-03")
    bound = next(party for party in found["parties"] if party["agency"]["id"] == str(cast.requesting.id))
    joined_at = day_starts_at(date(2014, 2, 3), ZoneInfo(CHICAGO))
    assert datetime.fromisoformat(bound["joined_at"]) == joined_at
    amended_at = day_starts_at(date(2018, 3, 1), ZoneInfo(CHICAGO))
    for at in (joined_at, amended_at - TICK, amended_at, utc_now()):
        held = await in_force(cast.requesting, cast.assisting, at)
        assert [each["version_no"] for each in held] == [1], "nobody amends for another"
    assert bound["bound"]
    paper = amended["amendment"]
    later = await confirm_agreement(
        {**paper, "id": found["id"]}, cast.requesting, "2019-04-01", evidence_location="The vault (demo)"
    )
    assert later["parties"][1]["bound"]
    signed_at = day_starts_at(date(2019, 4, 1), ZoneInfo(CHICAGO))
    for at, no in ((amended_at, 1), (signed_at - TICK, 1), (signed_at, 2)):
        held = await in_force(cast.requesting, cast.assisting, at)
        assert [each["version_no"] for each in held] == [no], "a text binds from its signature"
    original = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}/versions/1")
    assert {each["manner"] for each in original["signatures"]} == {"wet", "confirmed"}
    hand = {"version_sha256": "0" * 64, "signatory_title": "Sheriff", "signed_on": "2014-02-03"}
    refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/confirm", hand)
    assert_problem(refused, 422, "other_version")


async def test_who_confirms_late_is_asked_about_those_who_were_let_in_meanwhile(service: Service, cast: Cast) -> None:
    paper = await record_agreement(cast.assisting, cast.requesting, cast.stranger, signed_on="2025-02-03")
    found = await confirm_agreement(paper, cast.stranger, signed_on="2025-02-03")
    path = f"{PATH}/{found['id']}"
    new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
    asked = await cast.assisting.legal.done("POST", f"{path}/add-parties", new)
    await consent(cast.stranger, found, asked["proposals"][0])
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff", "manner": "electronic"}
    joined = await cast.neighbour.legal.done("POST", f"{path}/sign", hand)
    came_at = datetime.fromisoformat(joined["parties"][3]["joined_at"])

    late = await confirm_agreement(found, cast.requesting, signed_on="2025-02-03")
    assert late["proposals"][0]["outstanding"] == named(cast.requesting)
    assert not late["parties"][1]["bound"], "nobody is bound to whom it never consented to"
    assert len(await in_force(cast.requesting, cast.assisting, came_at - TICK)) == 1
    assert await in_force(cast.requesting, cast.assisting, came_at) == []
    assert len(await in_force(cast.stranger, cast.neighbour)) == 1, "for the others nothing changes"
    agreed = await consent(cast.requesting, found, late["proposals"][0])
    assert [party["bound"] for party in agreed["parties"]] == [True] * 4
    for other in (cast.assisting, cast.neighbour):
        assert len(await in_force(cast.requesting, other, came_at)) == 1


async def test_a_notice_runs_by_the_text_that_bound_on_its_day_whenever_that_is_recorded(
    service: Service, cast: Cast
) -> None:
    both = (cast.assisting, cast.requesting)
    found = await sign_agreement(service, *both, notice={"days": 30})
    later: dict[str, Any] = {"notice": {"days": 5}, "signed_on": today()}
    await amended_on_paper(found, *both, effective_on=days_ahead(10), **later)
    notice = {"notice_on": str(today()), "reason": "we leave"}
    given = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/give-notice", notice)
    zone = ZoneInfo(CHICAGO)
    leaves_at = day_starts_at(days_ahead(31), zone)
    assert datetime.fromisoformat(given["parties"][1]["leaves_at"]) == leaves_at, "the shorter one is yet to come"
    shown = await amended_on_paper(found, *both, effective_on="2025-06-02", notice={"days": 60}, signed_on="2025-06-02")
    leaves_at = day_starts_at(days_ahead(61), zone)
    assert datetime.fromisoformat(shown["parties"][1]["leaves_at"]) == leaves_at, "which it had signed then"


async def test_a_renewal_recorded_late_goes_on_from_the_text_before_it(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    paper = await record_agreement(*both, effective_on="2014-01-01", signed_on="2014-01-01", expires_on="2015-12-31")
    found = await confirm_agreement(paper, cast.requesting, signed_on="2014-01-01")
    last = {"kind": "renewal", "expires_on": str(days_ahead(300))}
    await amended_on_paper(found, *both, effective_on="2018-01-01", **last)
    between = {"kind": "renewal", "effective_on": "2016-01-01", "expires_on": "2017-12-31"}
    short: dict[str, Any] = {
        **between,
        "expires_on": "2015-06-30",
        "title": "X (demo)",
        "terms": {"categories": ["any"]},
    }
    short |= {"provisions": PROVISIONS, "signed_on": "2016-01-01", "signatory_title": "Chief"}
    short |= {"evidence_sha256": EVIDENCE, "reason": "found"}
    refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/record-amendment", short)
    problem = assert_problem(refused, 422, "renewal_without_extension")
    assert "2015-12-31" in problem["detail"]
    placed = await amended_on_paper(found, *both, **between)
    assert (placed["expires_on"], placed["status"]) == (last["expires_on"], "in_force")
    bounds = [datetime(2014 + 2 * n, 1, 1, 12, tzinfo=ZoneInfo(CHICAGO)) for n in range(3)]
    held = [await in_force(cast.requesting, cast.assisting, at) for at in bounds]
    assert [each[0]["version_no"] for each in held] == [1, 3, 2]


async def test_after_a_signed_renewal_every_view_says_the_same_end(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    found = await sign_agreement(service, *both, expires_on=days_ahead(20))
    end = days_ahead(400)
    renewal: dict[str, Any] = {"kind": "renewal", "expires_on": str(end), "signed_on": today()}
    shown = await amended_on_paper(found, *both, effective_on=days_ahead(21), **renewal)
    ends_at = day_starts_at(end + timedelta(days=1), ZoneInfo(CHICAGO))

    assert (shown["expires_on"], shown["term_ends_on"]) == (str(end), str(days_ahead(20))), (
        "the term that runs is its own"
    )
    assert datetime.fromisoformat(shown["ends_at"]) == ends_at
    assert [datetime.fromisoformat(party["bound_until"]) for party in shown["parties"]] == [ends_at, ends_at]
    again = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
    assert (again["expires_on"], again["ends_at"]) == (shown["expires_on"], shown["ends_at"])
    query = f"{PATH}?party_id={cast.requesting.id}&ends_from={end}&ends_to={end}"
    assert [each["expires_on"] for each in (await cast.requesting.legal.done("GET", query))["items"]] == [str(end)]
    (held,) = await in_force(cast.requesting, cast.assisting, datetime.now(ZoneInfo(CHICAGO)))
    assert datetime.fromisoformat(held["covers_until"]) == ends_at
    deadlines = await by_kind(cast.requesting, found)
    assert deadlines.keys() == {"expiry"}
    assert deadlines["expiry"]["due_on"] == str(end)
    retention = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}/retention")
    assert retention["ended_on"] == str(end)
    feed = await cast.requesting.legal.done("POST", "/v1/calendar-feeds", {"label": "Legal"})
    calendar = vobject.readOne((await service.anonymous.get(feed["address"])).text)
    assert [event.dtstart.value for event in calendar.vevent_list] == [end]


async def test_a_renewal_that_begins_after_the_end_leaves_a_gap_that_is_told_and_due(
    service: Service, cast: Cast
) -> None:
    both = (cast.assisting, cast.requesting)
    found = await sign_agreement(service, *both, expires_on=days_ahead(20))
    renewal: dict[str, Any] = {"kind": "renewal", "expires_on": str(days_ahead(400)), "signed_on": today()}
    shown = await amended_on_paper(found, *both, effective_on=days_ahead(51), **renewal)
    assert f"from {days_ahead(21)} through {days_ahead(50)}" in remarks_of(shown)["gap"]
    gap = (await by_kind(cast.requesting, found))["gap"]
    assert (gap["due_on"], gap["status"]) == (str(days_ahead(20)), "due_soon")
    assert str(days_ahead(51)) in gap["basis"]["says"]
    closing: dict[str, Any] = {"expires_on": str(days_ahead(50)), "signed_on": today()}
    closed = await amended_on_paper(found, *both, effective_on=days_ahead(10), **closing)
    assert "gap" not in remarks_of(closed)
    assert "gap" not in await by_kind(cast.requesting, found)


async def test_a_paper_is_answered_with_what_it_does_to_end_renewal_and_notice(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    notice = {"days": 90, "manners": ["registered_mail"]}
    end = days_ahead(400)
    found = await sign_agreement(
        service, *both, notice=notice, expires_on=end, auto_renew_months=12, auto_renew_times="no_limit"
    )
    path = f"{PATH}/{found['id']}/record-amendment"
    body: dict[str, Any] = {
        "kind": "amendment",
        "title": "Mutual aid (demo)",
        "effective_on": str(today()),
        "signed_on": str(today()),
        "terms": {"categories": ["any"]},
        "provisions": PROVISIONS,
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "found in the archive",
    }
    silent = {"notice": {"days": 30}, "auto_renew_months": None, "auto_renew_times": None}
    done = await cast.assisting.legal.done("POST", path, {**body, **silent})
    told = [(each["code"], each["detail"], each["version_no"]) for each in done["remarks"]]
    assert [(code, no) for code, _, no in told if code.startswith("term_")] == [
        ("term_kept", 2),
        ("term_removed", 2),
        ("term_changed", 2),
        ("term_removed", 2),
        ("term_removed", 2),  # the terms that are not given again, by their names
    ]
    words = " ".join(detail for _, detail, _ in told)
    for said in (
        f"a last day, so it is as in version 1: {end}",
        "by 12 months, without end",
        "90 days",
        "registered mail",
    ):
        assert said in words
    again = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
    assert not [each for each in again["remarks"] if each["code"].startswith("term_")], "it is said of the recording"


async def test_a_text_that_reaches_back_binds_from_its_signatures_and_says_so(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    paper = await record_agreement(*both, effective_on="2019-01-01", signed_on="2019-03-01")
    assert paper["binds_from"] is None
    found = await confirm_agreement(paper, cast.requesting, signed_on="2019-05-06")
    binds = day_starts_at(date(2019, 5, 6), ZoneInfo(CHICAGO))
    assert datetime.fromisoformat(found["binds_from"]) == binds
    assert "applies from 2019-01-01. It binds from 2019-05-06" in remarks_of(found)["reaches_back"]
    assert await in_force(cast.requesting, cast.assisting, binds - timedelta(microseconds=1)) == []
    assert len(await in_force(cast.requesting, cast.assisting, binds)) == 1


async def test_what_is_over_is_recorded_as_history(service: Service, cast: Cast) -> None:
    past: dict[str, Any] = {"effective_on": "2020-01-01", "signed_on": "2020-01-01", "expires_on": "2022-12-31"}
    paper = await record_agreement(cast.assisting, cast.requesting, **past)
    assert paper["status"] == "expired"
    found = await confirm_agreement(paper, cast.requesting, signed_on="2020-01-01")
    assert found["status"] == "expired"
    was = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}?as_of=2021-06-01T12:00:00Z")
    assert was["status"] == "in_force"
    open_ended = await record_agreement(
        cast.assisting, cast.requesting, effective_on="2020-01-01", signed_on="2020-01-01"
    )
    assert open_ended["status"] == "unconfirmed"
    query = f"{PATH}?party_id={cast.assisting.id}&status=unconfirmed"
    listed = (await cast.assisting.legal.done("GET", query))["items"]
    assert [each["id"] for each in listed] == [open_ended["id"]]


async def test_a_text_that_is_silent_on_notice_says_so_and_asks_who_leaves_for_the_day(
    service: Service, cast: Cast
) -> None:
    both = (cast.assisting, cast.requesting)
    renewing: dict[str, Any] = {"expires_on": days_ahead(200), "auto_renew_months": 12, "auto_renew_times": "no_limit"}
    found = await sign_agreement(service, *both, notice={}, **renewing)
    assert (found["notice"]["days"], found["last_notice_on"]) == (None, None)
    assert "none is assumed" in remarks_of(found)["notice_silent"]
    assert (await by_kind(cast.requesting, found)).keys() == {"renewal"}
    path = f"{PATH}/{found['id']}/give-notice"
    notice = {"notice_on": str(today()), "reason": "the council declined"}
    problem = assert_problem(await cast.requesting.legal.post(path, notice), 422, "notice_silent")
    assert "none of its clauses is named for it" in problem["detail"]
    asked = await cast.requesting.legal.done("POST", path, {**notice, "leaves_on": str(days_ahead(60))})
    given = await consent(cast.assisting, asked, asked["proposals"][0])
    leaves_at = day_starts_at(days_ahead(61), ZoneInfo(CHICAGO))
    assert datetime.fromisoformat(given["parties"][1]["leaves_at"]) == leaves_at


async def test_each_party_gives_its_own_notice_in_days_or_months(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    said = {
        "days": 30,
        "clause": "4.2",
        "by_party": [{"agency_id": str(other.id), "months": 6}],
        "manners": ["registered_mail"],
        "addressees": [{"agency_id": str(one.id), "office": "Sheriff", "address": "100 Example Street (demo)"}],
    }
    ends_on = days_ahead(400)
    found = await sign_agreement(
        service, one, other, notice=said, expires_on=ends_on, auto_renew_months=12, auto_renew_times="no_limit"
    )
    assert found["notice"]["manners"] == ["registered_mail"]
    assert found["parties"][0]["last_notice_on"] == str(ends_on - timedelta(days=30))
    assert found["parties"][1]["last_notice_on"] < found["parties"][0]["last_notice_on"]
    path = f"{PATH}/{found['id']}/give-notice"
    early = {"notice_on": str(today()), "reason": "x", "leaves_on": str(days_ahead(31))}
    problem = assert_problem(await other.legal.post(path, early), 422, "not_then")
    assert "6 months" in problem["detail"]


async def test_a_notice_names_what_is_in_the_text(cast: Cast) -> None:
    faulty = {
        "days": 30,
        "months": 1,
        "clause": "77",
        "by_party": [{"agency_id": str(cast.stranger.id), "days": 1}],
    }
    body = agreement_body(cast.assisting, cast.requesting, notice=faulty)
    problem = assert_problem(await cast.assisting.legal.post(PATH, body), 422, "agreement_faulty")
    assert {(each["pointer"], each["code"]) for each in problem["errors"]} == {
        ("/notice/months", "notice_twice"),
        ("/notice/clause", "unknown_provision"),
        ("/notice/by_party/0/agency_id", "not_a_party"),
    }


async def test_a_paper_of_long_ago_is_recorded_whatever_is_on_its_way(cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    paper = await record_agreement(*both, effective_on="2014-01-01", signed_on="2014-01-01")
    found = await confirm_agreement(paper, cast.requesting, signed_on="2014-01-01")
    path = f"{PATH}/{found['id']}"
    opening = {"effective_on": str(today()), "reason": "a new text"}
    drafted = await cast.assisting.legal.done("POST", f"{path}/amend", opening)
    digests = {}
    for year, hours in ((2018, 48), (2016, 24)):
        terms = {"categories": ["any"], "max_duration_hours": hours}
        title = f"As of {year} (demo)"
        seen = await amended_on_paper(found, cast.assisting, effective_on=f"{year}-03-01", terms=terms, title=title)
        assert seen["amendment"] == drafted["amendment"], "what is being written is shown as before"
        others = await cast.requesting.legal.done("GET", path)
        assert (others["amendment"], title in [each["title"] for each in others["amendments"]]) == (None, True)
        assert len(seen["amendments"]) == len(others["amendments"]) + 1, "the draft is its custodian's alone"
        versions = (await cast.requesting.legal.done("GET", f"{path}/versions"))["items"]
        digests[year] = next(each["sha256"] for each in versions if each["title"] == title)
    for year in (2016, 2018):
        offered = {
            each["action"]: each["allowed"]
            for each in (await cast.requesting.legal.done("GET", path))["allowed_actions"]
        }
        assert offered["confirm"], year
        hand = {"version_sha256": digests[year], "signatory_title": "Sheriff", "signed_on": f"{year}-03-01"}
        hand["evidence_location"] = "County clerk's vault (demo)"
        await cast.requesting.legal.done("POST", f"{path}/confirm", hand)
    await agree_to_days(paper, cast.assisting)
    done = await cast.requesting.legal.done("GET", path)
    assert done["terms"]["max_duration_hours"] == 48
    for year, longest in ((2015, "no_limit"), (2017, 24), (2019, 48)):
        (held,) = await in_force(cast.requesting, cast.assisting, datetime(year, 6, 1, tzinfo=ZoneInfo(CHICAGO)))
        assert held["terms"]["max_duration_hours"] == longest, year
    assert_problem(await cast.assisting.legal.post(f"{path}/amend", opening), 409, "amendment_open")
    withdrawn = await cast.assisting.legal.done("POST", f"{path}/withdraw", {"reason": "later"})
    assert withdrawn["amendment"] is None


async def test_papers_that_wait_are_shown_one_after_the_other(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    found = await sign_agreement(service, *both, effective_on="2014-01-01")
    first = await amended_on_paper(found, cast.assisting, effective_on="2018-03-01", title="As of 2018 (demo)")
    second = await amended_on_paper(found, cast.assisting, effective_on="2016-03-01", title="As of 2016 (demo)")
    assert second["amendment"]["title"] == first["amendment"]["title"] == "As of 2018 (demo)"
    seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
    assert [each["title"] for each in seen["amendments"]] == ["As of 2018 (demo)", "As of 2016 (demo)"]
    assert (seen["amendments"][0], len({each["version_sha256"] for each in seen["amendments"]})) == (
        seen["amendment"],
        2,
    )
    left = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/withdraw", {"reason": "entered by mistake"})
    assert left["amendment"]["title"] == "As of 2016 (demo)"
    hand = {"version_sha256": left["amendment"]["version_sha256"], "signatory_title": "Sheriff"}
    hand |= {"signed_on": "2016-03-01", "evidence_location": "County clerk's vault (demo)"}
    done = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
    assert (done["amendment"], done["title"]) == (None, "As of 2016 (demo)")
