"""From which day to which each party was bound, to which version and by which act; and who is told how much of it."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.agreements.timeline.queries import get_timeline
from registry.platform.access.principals import Role
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import DAY, answer, letter, report
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import PROVISIONS, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import all_consent, end_agreement
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
VAULT = {"evidence_location": "The vault (demo)"}


async def timeline(caller: Caller, found: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = await caller.done("GET", f"{PATH}/{found['id']}/timeline")
    return read


def of(read: dict[str, Any], party: Agency) -> dict[str, Any]:
    """What the timeline says of the party."""
    (its,) = [each for each in read["parties"] if each["agency"]["id"] == str(party.id)]
    found: dict[str, Any] = its
    return found


def lines(read: dict[str, Any], party: Agency) -> list[tuple[Any, ...]]:
    """The party's windows: version, first and last day, and the kinds of the acts behind them."""
    acts = {each["act_no"]: each for each in read["acts"]}

    def kinds(nos: list[int]) -> list[str]:
        return [acts[no]["kind"] for no in nos]

    return [
        (
            *(each[name] for name in ("version_no", "first_on", "last_on")),
            *(kinds(each[name]) for name in ("bound_by", "begins_by", "ends_by")),
        )
        for each in of(read, party)["windows"]
    ]


def signature(party: Agency, paper: dict[str, Any], on: str) -> dict[str, Any]:
    """A report of a signature to what was recorded."""
    body = {"agency_id": str(party.id), "kind": "signed", "acted_on": on, "reason": "the clerk's copy"}
    return {**body, "version_sha256": paper["version_sha256"], "signatory_title": "Sheriff"}


def told_of(read: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The acts of that kind."""
    return [each for each in read["acts"] if each["kind"] == kind]


def said(read: dict[str, Any], nos: list[int]) -> list[str]:
    """The sentences of those acts."""
    return [each["detail"] for each in read["acts"] if each["act_no"] in nos]


async def a_life(cast: Cast) -> dict[str, Any]:
    """Three parties, the third of which joins late; an amendment; and the second leaves by a letter that one posted."""
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, two, three, notice={"days": 5})
    await confirm_agreement(found, two, "2025-02-03", **VAULT)
    await confirm_agreement(found, three, "2025-06-01", **VAULT)
    await amended_on_paper(found, one, two, three, effective_on="2026-01-01", notice={"days": 5})
    _, its_report = await report(one, found, letter(two, today() - 30 * DAY))
    told = await two.legal.done("POST", f"{its_report}/confirm", {})
    return await answer(three, found, told, "confirm")


async def test_each_line_has_its_days_its_version_and_its_acts(service: Service, cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await a_life(cast)
    read = await timeline(one.coordinator, found)
    left_on = str(today() - 25 * DAY)
    first = ("2025-02-03", "2025-12-31", ["signed"], ["signed"], ["text_replaced"])
    assert lines(read, one) == [
        (1, *first),
        (2, "2026-01-01", None, ["signed"], ["signed", "text_begins"], []),
    ], "the custodian was bound to nobody before the second party was"
    assert lines(read, two) == [
        (1, *first),
        (2, "2026-01-01", left_on, ["signed"], ["signed", "text_begins"], ["gave_notice", "departure"]),
    ]
    assert lines(read, three)[0] == (1, "2025-06-01", "2025-12-31", ["signed"], ["signed"], ["text_replaced"])
    (begins,) = of(read, one)["windows"][0]["begins_by"]
    assert said(read, [begins]) == [
        f"{two.name} confirmed on {today()} that it signed version 1 on 2025-02-03 (Sheriff)."
    ]
    ended = said(read, of(read, two)["windows"][1]["ends_by"])
    assert ended == [
        f"{two.name} gave notice of withdrawal of {today() - 30 * DAY}. {one.name} reported it; {two.name} confirmed "
        f"it. By it {two.name} was bound through {left_on}.",
        f"{two.name} left, by what was put to the others on {today()}: agreed ({three.name} from {today() - 30 * DAY}; "
        f"{one.name} from {today() - 24 * DAY}; {two.name} from {today() - 24 * DAY}).",
    ]
    (notice,) = [each for each in read["acts"] if each["kind"] == "gave_notice"]
    assert (notice["basis"], notice["status"], notice["reported_only"]) == ("own", "confirmed", False)
    assert notice["evidence"]["on_file"]
    assert [each["act_no"] for each in read["acts"]] == [*range(1, len(read["acts"]) + 1)]
    assert await timeline(three.auditor, found) == read, "each party reads the same"
    again = await timeline(two.auditor, found)
    assert again["parties"] == read["parties"], "and who has left, but for papers that were filed since"
    assert [each["detail"] for each in again["acts"]] == [each["detail"] for each in read["acts"]]


async def test_what_is_contested_changes_no_window_and_is_marked(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, notice={"days": 5})
    before = await timeline(one.legal, found)
    told, _ = await report(one, found, letter(two, today() - 30 * DAY))
    pending = await timeline(two.legal, found)
    assert of(pending, two)["windows"] == of(before, two)["windows"], "nothing has taken effect"
    (still,) = said(pending, of(pending, two)["pending"])
    assert still.startswith(f"{one.name} reported on {today()} that {two.name} gave notice on {today() - 30 * DAY}")
    await answer(two, found, told, "contest")
    read = await timeline(one.legal, found)
    assert of(read, two)["windows"] == of(before, two)["windows"]
    assert of(read, two)["pending"] == of(read, one)["contested"] == []
    (contested,) = [each for each in read["acts"] if each["act_no"] in of(read, two)["contested"]]
    assert (contested["status"], contested["counts_from"], contested["basis"]) == ("contested", None, "report")
    assert contested["detail"].endswith("CONTESTED: it has no effect.")
    assert contested["reported_only"]


async def test_what_a_party_suspends_and_what_all_suspend_makes_gaps(service: Service, cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, two, three)
    path = f"{PATH}/{found['id']}"
    await two.legal.done("POST", f"{path}/suspend", {"reason": "inquiry"})
    await two.legal.done("POST", f"{path}/reinstate", {"reason": "cleared"})
    made = await one.legal.done("POST", f"{path}/propose-suspension", {"kind": "suspension", "reason": "insurers"})
    await all_consent((two, three), found, made)
    read = await timeline(three.legal, found)
    begins = ["signed", "text_begins"]
    assert lines(read, two) == [
        (1, "2025-01-01", str(today()), ["signed"], begins, ["participation_suspended"]),
        (1, str(today()), str(today()), ["signed"], ["participation_reinstated"], ["suspended"]),
    ]
    assert [each[-1] for each in lines(read, one)] == [["suspended"]]
    (suspended,) = said(read, of(read, one)["windows"][0]["ends_by"])
    for party in (one, two, three):
        assert f"{party.name} from {today()}" in suspended


async def test_the_end_by_all_a_successor_and_a_term_are_named_as_such(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    ended = await end_agreement(await sign_agreement(service, one, two), one, two)
    assert lines(await timeline(two.legal, ended), two)[0][-1] == ["ended"]
    over = await sign_agreement(service, one, two, expires_on="2025-12-31")
    assert lines(await timeline(two.legal, over), one) == [
        (1, "2025-01-01", "2025-12-31", ["signed"], ["signed", "text_begins"], ["text_expires"])
    ]
    old, new = [await sign_agreement(service, one, two) for _ in range(2)]
    body = {"by_agreement_id": new["id"], "reason": "a new compact"}
    await one.legal.done("POST", f"{PATH}/{old['id']}/supersede", body)
    read = await timeline(two.legal, old)
    if lines(read, two)[0][2] is None:  # the other's signature to it is for itself to confirm
        told = await two.legal.done("GET", f"{PATH}/{old['id']}")
        await answer(two, old, told, "confirm")
        read = await timeline(two.legal, old)
    assert "released" in lines(read, two)[0][-1]
    assert f"agreement {new['number']} took the place of this one" in " ".join(each["detail"] for each in read["acts"])


async def test_nobody_is_bound_to_itself_and_a_draft_has_no_windows(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    paper = await record_agreement(one, two)
    read = await timeline(one.legal, paper)
    assert [each["windows"] for each in read["parties"]] == [[], []]
    assert [each["kind"] for each in read["acts"]] == ["signed", "text_begins"]
    draft = await one.legal.done("POST", PATH, agreement_body(one, two))
    assert [each["windows"] for each in (await timeline(one.legal, draft))["parties"]] == [[], []]


async def test_what_rests_on_a_report_that_nobody_confirmed_is_marked(service: Service, cast: Cast) -> None:
    """A signature that was reported and not contested in time binds: both windows rest on what its party never said."""
    one, two = cast.assisting, cast.requesting
    paper = await record_agreement(one, two)
    await report(one, paper, signature(two, paper, "2025-02-03"))
    read, _ = await get_timeline(
        service.database.read(), acting_for(one, Role.LEGAL).principal, UUID(paper["id"]), utc_now() + 15 * DAY
    )
    (mine,), (theirs,) = (each.windows for each in read.parties)
    assert mine.start == theirs.start
    assert mine.reported_only
    assert theirs.reported_only
    (act,) = [each for each in read.acts if each.act_no in theirs.bound_by]
    assert (act.basis, act.status, act.reported_only) == ("report", "uncontested", True)
    own = [each for each in read.acts if each.act_no in mine.bound_by]
    assert [(each.basis, each.reported_only) for each in own] == [("own", False)], "its own signature is its own word"


class TestOthers:
    async def test_others_are_told_when_and_which_published_text_and_no_partys_act(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two, notice={"days": 5})
        await amended_on_paper(found, one, two, effective_on="2026-01-01", notice={"days": 5})
        told, _ = await report(one, found, letter(two, today() - 30 * DAY))
        read = await timeline(cast.stranger.legal, found)
        assert read["view"] == "public"
        assert read["acts_withheld"].startswith("Withheld: signatures, notices")
        assert {each["kind"] for each in read["acts"]} <= {"text_begins", "text_expires", "text_replaced", "ended"}
        assert all(each["agency"] is each["recorded_by"] is each["evidence"] is None for each in read["acts"])
        assert lines(read, two)[0][:2] == (1, "2025-01-01")
        assert lines(read, two)[-1][2] is None
        await answer(two, found, told, "confirm")
        left = await timeline(cast.stranger.legal, found)
        assert lines(left, two)[-1][2] == str(today() - 25 * DAY), "that it was bound until then is no secret"
        assert "notice" not in " ".join(each["detail"] for each in left["acts"])
        assert left == await timeline(service.operator, found) or left["acts"]

    async def test_of_a_text_that_is_not_published_others_hear_no_number_and_no_day_to_come(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, last = cast.assisting, cast.requesting, today() + timedelta(days=100)
        found = await sign_agreement(service, one, two, expires_on=last)
        ahead = str(today() + timedelta(days=20))
        made = await amended_on_paper(found, one, effective_on=ahead, signed_on=str(today()))
        hand = {"signatory_title": "Sheriff", "signed_on": str(today()), "agrees_to_publish": False}
        hand["version_sha256"] = made["amendment"]["version_sha256"]
        await two.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
        inside = await timeline(two.legal, found)
        assert [each[:3] for each in lines(inside, two)] == [
            (1, "2025-01-01", str(today() + timedelta(days=19))),
            (2, ahead, str(last)),
        ]
        outside = await timeline(cast.stranger.legal, found)
        assert [each[:3] for each in lines(outside, two)] == [(1, "2025-01-01", str(last))]
        assert [(each["kind"], each["version_no"]) for each in outside["acts"]] == [
            ("text_begins", 1),
            ("text_expires", 1),
        ], "as their text says, and not that another follows"

    async def test_a_published_text_to_come_ends_the_earlier_one_for_others_too(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, last = cast.assisting, cast.requesting, today() + timedelta(days=400)
        found = await sign_agreement(service, one, two)
        ahead = today() + timedelta(days=20)
        made = await amended_on_paper(found, one, effective_on=str(ahead), expires_on=str(last), signed_on=str(today()))
        hand = {"signatory_title": "Sheriff", "signed_on": str(today()), "agrees_to_publish": True}
        hand["version_sha256"] = made["amendment"]["version_sha256"]
        await two.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
        expected = [(1, "2025-01-01", str(ahead - timedelta(days=1))), (2, str(ahead), str(last))]
        inside, outside = [await timeline(each.legal, found) for each in (two, cast.stranger)]
        for party in (one, two):
            assert [each[:3] for each in lines(inside, party)] == expected
            assert [each[:3] for each in lines(outside, party)] == expected
        told = [(each["kind"], each["version_no"]) for each in outside["acts"]]
        assert ("text_begins", 2) in told
        assert ("text_replaced", 1) in told

    async def test_whom_it_does_not_concern_it_is_not_there(self, service: Service, cast: Cast) -> None:
        private = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[1:])
        path = f"{PATH}/{private['id']}/timeline"
        assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
        assert_problem(await cast.stranger.legal.get(path), 404, "not_found")
        assert_problem(await cast.assisting.legal.get(f"{PATH}/x/timeline"), 404, "not_found")
        assert_problem(await cast.assisting.legal.get(f"{path}?as_of=x"), 400)
        first = await cast.assisting.legal.get(path)
        again = await cast.assisting.legal.get(path, headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304


async def test_who_did_not_sign_the_amendment_stays_bound_by_the_original(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, two, three)
    for party in (two, three):
        await confirm_agreement(found, party)
    await amended_on_paper(found, one, two, effective_on="2026-01-01")
    read = await timeline(three.legal, found)
    assert [each[:3] for each in lines(read, one)] == [(1, "2025-01-01", None), (2, "2026-01-01", None)]
    assert lines(read, two) == lines(read, one)
    assert [each[:3] for each in lines(read, three)] == [(1, "2025-01-01", None)]


async def test_days_are_those_of_the_agreement_s_own_zone(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, time_zone="Pacific/Kiritimati")
    read = await timeline(one.legal, found)
    (window,) = of(read, one)["windows"]
    assert (window["first_on"], window["start"]) == ("2025-01-01", "2025-01-01T06:00:00Z"), "the parties signed then"
    assert date.fromisoformat(window["first_on"]) == date(2025, 1, 1)
