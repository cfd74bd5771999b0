"""What a timeline says of an act is what was done, by whose word, and of a day to come not as if it were over."""

from typing import Any

import pytest

from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.reporting import DAY, answer, give, letter, report
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.agreements.timeline.test_timeline import PATH, VAULT, lines, of, signature, timeline, told_of
from tests.support.agreements import confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Cast, today
from tests.support.consent import end_agreement
from tests.support.html import HtmlPage
from tests.support.review import hand, out_for_signature
from tests.support.service import Service

pytestmark = pytest.mark.second_long


class TestDepartures:
    async def test_who_left_without_a_notice_gave_none(self, service: Service, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three)
        on = today() - 40 * DAY
        told, _ = await report(one, found, letter(two, on, kind="withdrew"))
        await answer(two, found, told, "confirm")
        (waiting,) = told_of(await timeline(one.legal, found), "withdrew")
        assert f"{two.name} left; its last day was {on}." in waiting["detail"]
        assert "Without the consent of all others to that day it is bound through" in waiting["detail"]
        done = await answer(three, found, told, "confirm")
        read = await timeline(one.legal, found)
        assert told_of(read, "gave_notice") == []
        assert lines(read, two)[-1][2:] == (str(on), ["signed"], ["signed", "text_begins"], ["withdrew", "departure"])
        (left,) = told_of(read, "withdrew")
        assert left["detail"] == (
            f"{two.name} left; its last day was {on}. {one.name} reported it; {two.name} confirmed it."
        )
        assert (left["acted_on"], left["basis"], left["reported_only"]) == (str(on), "own", False)
        shown = done["parties"][1]
        assert (shown["withdrawal_notice_on"], shown["notice_kind"], shown["leaves_at"] is None) == (None, None, False)

    async def test_a_departure_that_the_party_contests_is_contested_and_not_open(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three)
        told, _ = await report(one, found, letter(two, today() - 40 * DAY, kind="withdrew"))
        (put,) = told_of(await timeline(one.legal, found), "departure")
        assert (put["status"], put["reported_only"], put["basis"]) == ("open", True, "report")
        await answer(two, found, told, "contest")
        read = await timeline(one.legal, found)
        (put,) = told_of(read, "departure")
        assert put["status"] == "contested"
        assert put["detail"] == (
            f"That {two.name} left with {today() - 40 * DAY}, as {one.name} reported it, was put to the others on "
            f"{today()}: CONTESTED by {two.name}; it has no effect as long as that stands."
        )
        assert put["act_no"] in of(read, two)["contested"]

    async def test_nobody_leaves_what_is_over(self, service: Service, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two, expires_on=today() + 10 * DAY)
        await give(two, found, today())
        read = await timeline(one.legal, found)
        (notice,) = told_of(read, "gave_notice")
        assert notice["counts_from"] is None
        assert notice["detail"].endswith(f"It changes nothing: nobody is bound past {today() + 10 * DAY}.")
        assert lines(read, two)[-1][-1] == ["text_expires"]

    async def test_a_day_to_come_is_not_told_as_if_it_were_over(self, service: Service, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two, expires_on=today() + 90 * DAY)
        await end_agreement(found, one, two, on=today() + 30 * DAY)
        read = await timeline(one.legal, found)
        (end,) = told_of(read, "ended")
        assert end["detail"].endswith(f"; it ends with {today() + 29 * DAY}.")
        outside = await timeline(cast.stranger.legal, found)
        assert [each["detail"] for each in told_of(outside, "ended")] == ["The agreement is to end for all."]
        silent = await sign_agreement(service, one, two, notice={})
        body = {"notice_on": str(today()), "leaves_on": str(today() + 40 * DAY), "reason": "the council declined"}
        await two.legal.done("POST", f"{PATH}/{silent['id']}/give-notice", body)
        (put,) = told_of(await timeline(one.legal, silent), "departure")
        assert put["detail"].startswith(f"That {two.name} leaves with {today() + 40 * DAY} was put to the others")
        expiring = await sign_agreement(service, one, two, expires_on=today() + 90 * DAY)
        (expires,) = told_of(await timeline(one.legal, expiring), "text_expires")
        assert expires["detail"] == f"The term of version 1 ends with {today() + 90 * DAY}."


class TestOwnWord:
    async def test_what_the_party_says_itself_is_its_own_word_and_the_report_gives_way(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        paper = await record_agreement(one, two)
        await report(one, paper, signature(two, paper, "2025-02-03"))
        await confirm_agreement(paper, two, "2025-02-03", **VAULT)
        read = await timeline(one.legal, paper)
        own, reported = (each for each in told_of(read, "signed") if each["agency"]["id"] == str(two.id))
        assert (own["basis"], own["reported_only"], own["status"]) == ("own", False, None)
        assert (reported["status"], reported["reported_only"], reported["counts_from"]) == ("replaced", False, None)
        assert f"{two.name} has said so itself since, and its own word stands" in reported["detail"]
        assert [each["reported_only"] for party in read["parties"] for each in party["windows"]] == [False, False]
        page = HtmlPage((await unpacked(one.legal, paper["id"]))["index.html"].decode()).one("main").text
        assert "report alone" not in page.lower()
        assert "replaced by another report" not in page

    async def test_the_leavers_own_word_is_its_own_whoever_of_the_others_is_silent(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three)
        told, _ = await report(one, found, letter(two, today() - 40 * DAY))
        await answer(two, found, told, "confirm")
        read = await timeline(one.legal, found)
        (put,) = told_of(read, "departure")
        assert (put["reported_only"], put["basis"], put["status"]) == (False, "proposal", "open")
        assert not of(read, two)["windows"][-1]["reported_only"]

    async def test_a_report_that_was_confirmed_is_no_report_alone(self, service: Service, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three)
        told, _ = await report(one, found, letter(two, today() - 40 * DAY))
        await answer(three, found, told, "confirm")
        (heard,) = told_of(await timeline(one.legal, found), "was_notified")
        assert (heard["basis"], heard["status"], heard["reported_only"]) == ("own", "confirmed", False)


class TestSignaturesToWhatIsNotInForce:
    async def test_to_a_paper_that_waits_for_a_second_hand(self, service: Service, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        before = await timeline(two.legal, found)
        await amended_on_paper(found, one, effective_on="2026-01-01")
        read = await timeline(two.legal, found)
        (signed,) = [each for each in told_of(read, "signed") if each["version_no"] == 2]
        assert (signed["agency"]["id"], signed["acted_on"], signed["counts_from"]) == (str(one.id), "2026-01-01", None)
        assert signed["detail"].endswith(
            "Version 2 is not in force until another party's signature to it is on record as well."
        )
        assert [each["windows"] for each in before["parties"]] == [each["windows"] for each in read["parties"]]
        outside = await timeline(cast.stranger.legal, found)
        assert told_of(outside, "signed") == []

    async def test_to_a_first_text_that_is_out_for_signature(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        made = await out_for_signature(one, two)
        await one.signatory.done("POST", f"{PATH}/{made['id']}/sign", hand(made))
        (signed,) = (await timeline(two.legal, made))["acts"]
        assert signed["detail"] == (
            f"{one.name} signed version 1 on {today()} (Chief), electronically and here. Version 1 is not in force "
            f"until {two.name} has signed it as well."
        )
        assert signed["counts_from"] is None


class TestRenewals:
    async def test_each_time_that_the_term_went_on_is_told_and_the_running_one(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        years = today().year - 2025
        dated: dict[str, Any] = {"effective_on": "2024-01-01", "signed_on": "2024-01-01"}
        paper = await record_agreement(
            one, two, expires_on="2024-12-31", auto_renew_months=12, auto_renew_times="no_limit", **dated
        )
        found = await confirm_agreement(paper, two, "2024-01-01", **VAULT)
        read = await timeline(two.legal, found)
        renewed = told_of(read, "text_renews")
        assert len(renewed) == years + 1
        assert (renewed[0]["counts_on"], renewed[0]["detail"]) == (
            "2025-01-01",
            "The term of version 1, which ended with 2024-12-31, renewed itself through 2025-12-31.",
        )
        assert read["term_ends_on"] == f"{today().year}-12-31"
        page = HtmlPage((await unpacked(one.legal, found["id"]))["index.html"].decode()).one("main").text
        assert (
            f"Ends on: {today().year}-12-31, which is the running term; unless that is declined it renews itself by 12 "
            "months each time"
        ) in page
        outside = await timeline(cast.stranger.legal, found)
        assert len(told_of(outside, "text_renews")) == years + 1

    async def test_a_term_goes_on_only_while_it_binds_somebody(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        dated: dict[str, Any] = {"effective_on": "2020-01-01", "signed_on": "2020-01-01"}
        paper = await record_agreement(
            one, two, expires_on="2020-12-31", auto_renew_months=12, auto_renew_times="no_limit", **dated
        )
        found = await confirm_agreement(paper, two, "2020-01-01", **VAULT)
        await amended_on_paper(
            found, one, two, effective_on="2022-06-01", expires_on="2099-12-31", auto_renew_months=None
        )
        renewed = told_of(await timeline(one.legal, found), "text_renews")
        assert [each["counts_on"] for each in renewed] == ["2021-01-01", "2022-01-01"]


async def test_the_redlines_of_a_file_are_in_the_order_in_which_the_texts_take_effect(cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    paper = await record_agreement(*both, effective_on="2014-01-01", signed_on="2014-01-01")
    found = await confirm_agreement(paper, cast.requesting, "2014-01-01")
    await amended_on_paper(found, *both, effective_on="2018-03-01")
    await amended_on_paper(found, *both, effective_on="2016-03-01")
    parts = await unpacked(cast.assisting.legal, found["id"])
    assert [path for path in parts if path.startswith("redlines/")] == [
        "redlines/001-003.html",
        "redlines/003-002.html",
    ]
