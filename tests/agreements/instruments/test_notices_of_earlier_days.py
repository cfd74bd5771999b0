"""What a party says itself of a day that is over, or of a day that no text gives it."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from registry.platform.kernel.time import add_months, day_starts_at
from tests.agreements.instruments.reporting import DAY, PATH, answer, give, letter, runs_out, shown_instant
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_in_force import CHICAGO
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import EVIDENCE, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Cast, today
from tests.support.consent import consent, named, proof
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later


class TestOwnNoticeOfAnEarlierDay:
    async def test_it_counts_from_today_until_each_other_party_confirms_that_it_was_told(
        self, service: Service, cast: Cast
    ) -> None:
        for ago in (10, 500):
            found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={"days": 90})
            earlier = today() - ago * DAY
            old = {"notice_on": str(earlier), "reason": "the council declined"}
            refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/give-notice", old)
            problem = assert_problem(refused, 422, "evidence_missing")
            assert str(today() + 90 * DAY) in problem["detail"]
            said = await give(cast.requesting, found, earlier)
            part = said["parties"][1]
            assert (part["bound"], part["withdrawal_notice_on"]) == (True, str(earlier))
            assert [each["kind"] for each in said["reported_acts"]] == ["was_notified", "was_notified"]
            assert part["leaves_at"] == runs_out(today(), 90), "nothing is on file, so nobody's silence counts"
            one = await answer(cast.assisting, found, said, "confirm")
            assert one["parties"][1]["bound"], "the neighbour has not answered"
            both = await answer(cast.neighbour, found, said, "confirm")
            assert both["parties"][1]["leaves_at"] == runs_out(earlier, 90)
            assert both["parties"][1]["bound"] is (ago < 90)

    async def test_a_signature_that_is_recorded_after_it_has_left_binds_it_no_longer(
        self, service: Service, cast: Cast
    ) -> None:
        parties = (cast.assisting, cast.requesting, cast.neighbour)
        found = await sign_agreement(service, *parties, notice={"days": 30})
        longer: dict[str, Any] = {"effective_on": "2025-06-02", "notice": {"days": 400}}
        waiting = await amended_on_paper(found, cast.requesting, service=cast.assisting, **longer)
        said = await give(cast.requesting, found, today() - 60 * DAY)
        await answer(cast.assisting, found, said, "confirm")
        left = await answer(cast.neighbour, found, said, "confirm")
        leaves_at = runs_out(today() - 60 * DAY, 30)
        assert (left["parties"][1]["bound"], left["parties"][1]["leaves_at"]) == (False, leaves_at)
        late = {"version_sha256": waiting["amendment"]["version_sha256"], "signatory_title": "Chief"}
        late |= {"signed_on": "2025-06-02", "evidence_sha256": await proof(cast.assisting, found)}
        after = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/confirm", late)
        assert after["version_no"] == 1, "one of the two who signed the second has left, and the others have the first"
        assert (after["parties"][1]["bound"], after["parties"][1]["leaves_at"]) == (False, leaves_at)
        assert after["proposals"][0]["agreed_at"] == left["proposals"][0]["agreed_at"]

    async def test_a_signature_that_another_records_after_it_lengthens_no_notice(
        self, service: Service, cast: Cast
    ) -> None:
        parties = (cast.assisting, cast.requesting, cast.neighbour)
        found = await sign_agreement(service, *parties, notice={"days": 30})
        longer: dict[str, Any] = {"effective_on": "2025-06-02", "notice": {"days": 400}}
        waiting = await amended_on_paper(found, cast.requesting, service=cast.assisting, **longer)
        given = await give(cast.requesting, found, today())
        assert given["parties"][1]["leaves_at"] == runs_out(today(), 30)
        late = {"version_sha256": waiting["amendment"]["version_sha256"], "signatory_title": "Chief"}
        late |= {"signed_on": "2025-06-02", "evidence_sha256": await proof(cast.assisting, found)}
        after = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/confirm", late)
        assert (after["version_no"], after["parties"][1]["leaves_at"]) == (2, runs_out(today(), 30))

    async def test_contested_by_one_it_counts_from_today_alone(self, service: Service, cast: Cast) -> None:
        for ago in (60, 500):
            found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={"days": 90})
            said = await give(cast.requesting, found, today() - ago * DAY)
            await answer(cast.assisting, found, said, "confirm")
            told = await answer(cast.neighbour, found, said, "contest")
            assert told["parties"][1]["leaves_at"] == runs_out(today(), 90)

    async def test_a_notice_of_non_renewal_takes_no_term_from_the_others_either(
        self, service: Service, cast: Cast
    ) -> None:
        ends_on = today() + 20 * DAY
        renewing: dict[str, Any] = {
            "expires_on": ends_on,
            "auto_renew_months": 12,
            "auto_renew_times": "no_limit",
            "notice": {"days": 60},
        }
        found = await sign_agreement(service, cast.assisting, cast.requesting, **renewing)
        in_time = today() - 50 * DAY
        late = {"kind": "non_renewal", "notice_on": str(in_time), "reason": "not again"}
        refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/give-notice", late)
        assert_problem(refused, 422, "evidence_missing")
        said = await give(cast.requesting, found, in_time, kind="non_renewal")
        contested = await answer(cast.assisting, found, said, "contest")
        year_later = shown_instant(day_starts_at(add_months(ends_on + DAY, 12), ZoneInfo(CHICAGO)))
        assert contested["parties"][1]["leaves_at"] == year_later, "too late for this term"
        agreed = await answer(cast.assisting, found, said, "confirm")
        assert agreed["parties"][1]["leaves_at"] == runs_out(ends_on, 0)

    async def test_taken_back_either_way_nothing_is_left_and_another_can_be_given(
        self, service: Service, cast: Cast
    ) -> None:
        for way in ("rescind-notice", "take-back"):
            found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 90})
            said = await give(cast.requesting, found, today() - 60 * DAY)
            (proposal,) = said["proposals"]
            path = f"{PATH}/{found['id']}"
            its = f"{path}/rescind-notice" if way == "rescind-notice" else f"{path}/proposals/{proposal['id']}/{way}"
            back = await cast.requesting.legal.done("POST", its, {"reason": "we stay"})
            part = back["parties"][1]
            assert (part["leaves_at"], part["withdrawal_notice_on"]) == (None, None)
            assert [each["status"] for each in back["proposals"]] == ["taken_back"]
            assert back["reported_acts"][0]["status"] == "taken_back"
            again = await cast.requesting.legal.done(
                "POST", f"{path}/give-notice", {"notice_on": str(today()), "reason": "we leave after all"}
            )
            assert again["parties"][1]["leaves_at"] == runs_out(today(), 90)


class TestSilentNotice:
    async def test_nobody_leaves_on_a_day_that_it_names_itself(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={})
        path = f"{PATH}/{found['id']}/give-notice"
        body = {"notice_on": str(today()), "reason": "we leave"}
        assert_problem(await cast.requesting.legal.post(path, body), 422, "notice_silent")
        asked = await cast.requesting.legal.done("POST", path, {**body, "leaves_on": str(today())})
        assert (asked["parties"][1]["bound"], asked["parties"][1]["leaves_at"]) == (True, None)
        (proposal,) = asked["proposals"]
        assert proposal["outstanding"] == named(cast.assisting, cast.neighbour)
        await consent(cast.assisting, found, proposal)
        agreed = await consent(cast.neighbour, found, proposal)
        assert agreed["parties"][1]["leaves_at"] == runs_out(today(), 0), "the others let it go"
        assert agreed["parties"][1]["withdrawal_notice_on"] == str(today())

    async def test_no_other_says_it_for_it_either(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={})
        said = letter(cast.requesting, today() - 30 * DAY, leaves_on=str(today()))
        refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", said)
        assert_problem(refused, 422, "notice_silent")


class TestRightToEnd:
    async def test_used_on_a_day_of_the_past_it_ends_nothing_before_its_notice_has_run_out(
        self, service: Service, cast: Cast
    ) -> None:
        right = {"agency_id": str(cast.assisting.id), "notice_days": 30}
        terms = {"categories": ["k9"], "rights_to_end": [right]}
        for verb, ends_at in (("confirm", "2025-06-01T05:00:00Z"), ("contest", runs_out(today(), 30))):
            found = await sign_agreement(service, cast.assisting, cast.requesting, terms=terms)
            used = {"ground": "right_to_end", "acted_on": "2025-05-01", "evidence_sha256": EVIDENCE, "reason": "over"}
            said = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/terminate", used)
            assert said["terminated_at"] == runs_out(today(), 30), "nothing is on file, so nobody's silence counts"
            (proposal,) = said["proposals"]
            assert (proposal["status"], proposal["outstanding"]) == ("open", named(cast.requesting))
            ended = await answer(cast.requesting, found, said, verb)
            assert ended["terminated_at"] == ends_at, verb


async def test_a_text_that_its_giver_signs_afterwards_makes_a_running_notice_no_shorter(cast: Cast) -> None:
    three, gone = (cast.assisting, cast.requesting, cast.neighbour), cast.neighbour
    found = await record_agreement(*three, signed_on="2022-01-01", effective_on="2022-01-01", notice={"days": 90})
    for party in three[1:]:
        found = await confirm_agreement(found, party, "2022-01-01")
    shorter = await amended_on_paper(found, *three[:2], effective_on="2023-01-01", notice={"days": 5})
    given = await act(gone, found, "give-notice", {"notice_on": str(today()), "reason": "no budget"})
    digest = shorter["version_sha256"]
    hand = {"version_sha256": digest, "signatory_title": "Mayor", "signed_on": str(today())}
    signed = await act(gone, found, "confirm", hand)
    assert signed["parties"][2]["leaves_at"] == given["parties"][2]["leaves_at"]
