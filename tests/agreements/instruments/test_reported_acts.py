"""What one records about another's act: it counts once that party confirms, or has not contested it for 14 days."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.commands import holding, reporting
from registry.agreements.instruments.consent import (
    CONTEST_PERIOD,
    Consenting,
    ReportStatus,
    agreed_at,
    counted_from,
    in_effect_from,
    suspended_stretches,
)
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import add_months, day_starts_at, utc_now
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import EVIDENCE, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, in_force_once, named, proof, propose_end
from tests.support.documents import file_document
from tests.support.logs import logged_by
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

PATH = "/v1/agreements"
NOON = datetime.fromisoformat("2026-03-01T12:00:00Z")
DAY = timedelta(days=1)


class TestTheRule:
    def test_a_report_has_effect_when_it_is_confirmed_or_the_days_to_contest_it_are_over(self) -> None:
        assert in_effect_from(ReportStatus.OPEN, NOON, None) == NOON + CONTEST_PERIOD == NOON + 14 * DAY
        assert in_effect_from(ReportStatus.CONFIRMED, NOON, NOON + DAY) == NOON + DAY
        assert in_effect_from(ReportStatus.UNSECONDED, None, None) is None
        for status in (ReportStatus.CONTESTED, ReportStatus.TAKEN_BACK, ReportStatus.REPLACED):
            assert in_effect_from(status, NOON, NOON + DAY) is None

    def test_it_counts_from_its_own_day_once_it_has_effect_and_before_that_from_the_effect(self) -> None:
        acted, effect = NOON - 30 * DAY, NOON + 14 * DAY
        assert counted_from(acted, effect, NOON) == effect
        assert counted_from(acted, effect, effect - TICK) == effect
        assert counted_from(acted, effect, effect) == acted
        assert counted_from(effect + DAY, effect, NOON) == effect + DAY, "a notice that runs longer runs longer"
        assert counted_from(acted, None, NOON) is None

    def test_all_have_agreed_when_the_last_of_them_has_consented_or_left(self) -> None:
        given, left, neither = Consenting(given_at=NOON), Consenting(given_at=None, leaves_at=NOON + DAY), Consenting
        assert agreed_at(NOON - DAY, [given]) == NOON
        assert agreed_at(NOON - DAY, [given, left]) == NOON + DAY
        assert agreed_at(NOON + 5 * DAY, [given, left]) == NOON + 5 * DAY
        assert agreed_at(NOON - DAY, [given, neither(given_at=None)]) is None
        assert agreed_at(NOON, []) == NOON

    def test_the_whole_is_suspended_from_a_stop_to_the_next_go(self) -> None:
        assert suspended_stretches([NOON], []) == (Interval(start=NOON),)
        stopped = suspended_stretches([NOON, NOON + 3 * DAY], [NOON + DAY])
        assert stopped == (Interval(start=NOON, end=NOON + DAY), Interval(start=NOON + 3 * DAY))
        assert suspended_stretches([NOON + DAY], [NOON]) == (Interval(start=NOON + DAY),)


def letter(party: Agency, on: date, **more: Any) -> dict[str, Any]:
    """A report of a notice that came by post."""
    said = {"agency_id": str(party.id), "kind": "gave_notice", "acted_on": str(on)}
    return {**said, "evidence_sha256": EVIDENCE, "reason": "registered letter", **more}


async def report(by: Agency, found: dict[str, Any], body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The agreement after the report, and the address of the report; its evidence is put on file before."""
    body = {**body, "evidence_sha256": await proof(by, found)}
    seen = await by.legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
    return seen, f"{PATH}/{found['id']}/reported-acts/{seen['reported_acts'][-1]['id']}"


async def report_offered(by: Agency, found: dict[str, Any]) -> bool:
    """Whether the party is offered to report what another did."""
    seen = await by.legal.done("GET", f"{PATH}/{found['id']}")
    (offered,) = (each for each in seen["allowed_actions"] if each["action"] == "report_act")
    allowed: bool = offered["allowed"]
    return allowed


async def seen_at(service: Service, agency: Agency, found: dict[str, Any], now: datetime) -> Agreement:
    """The agreement as the agency will see it then, if nobody does anything until then."""
    return await get_agreement(
        service.database.read(), acting_for(agency, Role.LEGAL).principal, UUID(found["id"]), now
    )


class TestNoticeByPost:
    async def test_it_ends_the_partys_part_fourteen_days_after_it_was_told_and_then_from_the_notices_own_end(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        given_on = today() - 30 * DAY
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, given_on))
        (said,) = seen["reported_acts"]
        assert (said["status"], said["agency"], said["recorded_by"]) == (
            "open",
            *named(cast.requesting),
            *named(cast.assisting),
        )
        told = datetime.fromisoformat(said["notified_at"])
        effect = datetime.fromisoformat(said["takes_effect_at"])
        assert effect == told + 14 * DAY
        assert [party["bound"] for party in seen["parties"]] == [True, True]
        for at, count in ((effect - TICK, 1), (effect, 0)):
            then = await in_force_once(service, cast.requesting, cast.assisting, at)
            assert len(then) == count, "nothing has to run then"
        ran_out = day_starts_at(given_on + 6 * DAY, ZoneInfo(CHICAGO))
        assert len(await in_force(cast.requesting, cast.assisting, ran_out)) == 1
        later = await seen_at(service, cast.requesting, found, effect)
        assert later.reported_acts[0].status == "uncontested"
        await holding.settle_all_due(service.database, effect)
        for at, count in ((ran_out - TICK, 1), (ran_out, 0)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == count, "dated back to the letter"

    async def test_confirmed_it_counts_at_once_from_its_day(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        given_on = today() - 30 * DAY
        _, path = await report(cast.assisting, found, letter(cast.requesting, given_on))
        confirmed = await cast.requesting.legal.done("POST", f"{path}/confirm", {"note": "as our letter says"})
        assert [party["bound"] for party in confirmed["parties"]] == [True, False]
        ran_out = day_starts_at(given_on + 6 * DAY, ZoneInfo(CHICAGO))
        assert datetime.fromisoformat(confirmed["parties"][1]["leaves_at"]) == ran_out
        assert (confirmed["reported_acts"][0]["status"], confirmed["reported_acts"][0]["answer"]) == (
            "confirmed",
            "as our letter says",
        )
        assert_problem(await cast.requesting.legal.post(f"{path}/contest", {"reason": "x"}), 409, "wrong_status")

    async def test_contested_it_has_no_effect_until_both_agree(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        _, path = await report(cast.assisting, found, letter(cast.requesting, today() - 30 * DAY))
        contested = await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "we wrote no such letter"})
        assert contested["reported_acts"][0]["status"] == "contested"
        assert contested["parties"][1]["leaves_at"] is None
        far = utc_now() + 400 * DAY
        assert len(await in_force(cast.requesting, cast.assisting, far)) == 1
        assert_problem(await cast.requesting.legal.post(f"{path}/contest", {"reason": "x"}), 409, "wrong_status")
        twice = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", letter(cast.requesting, today()))
        problem = assert_problem(twice, 409, "already_reported")
        assert f"contested what is reported of {today() - 30 * DAY}" in problem["detail"]
        after_all = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert [party["bound"] for party in after_all["parties"]] == [True, False]

    async def test_who_reported_takes_it_back_and_nothing_is_left(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        _, path = await report(cast.assisting, found, letter(cast.requesting, today() - 30 * DAY))
        assert_problem(await cast.requesting.legal.post(f"{path}/take-back", {"reason": "x"}), 403, "forbidden")
        back = await cast.assisting.legal.done("POST", f"{path}/take-back", {"reason": "of another agreement"})
        assert (back["reported_acts"][0]["status"], back["parties"][1]["leaves_at"]) == ("taken_back", None)
        assert_problem(await cast.requesting.legal.post(f"{path}/confirm"), 409, "wrong_status")
        assert_problem(await cast.assisting.legal.post(f"{path}/take-back", {"reason": "x"}), 409, "wrong_status")

    async def test_after_the_fourteen_days_it_is_too_late_to_contest(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        seen, path = await report(cast.assisting, found, letter(cast.requesting, today() - 30 * DAY))
        effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
        late = acting_for(cast.requesting, Role.LEGAL, now=effect)
        async with unit_of_work(service.database) as write:
            with pytest.raises(WrongStatus):
                await reporting.contest_report(
                    write, late, UUID(found["id"]), UUID(path.rsplit("/", 1)[1]), "we never wrote", None
                )

    async def test_what_the_party_does_itself_takes_the_reports_place(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 60})
        await report(cast.assisting, found, letter(cast.requesting, today() - 10 * DAY))
        assert_problem(
            await cast.requesting.legal.post(f"{PATH}/{found['id']}/rescind-notice", {"reason": "x"}),
            409,
            "wrong_status",
        )
        own = {"notice_on": str(today()), "reason": "we leave now"}
        left = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/give-notice", own)
        assert (left["reported_acts"][0]["status"], left["parties"][1]["withdrawal_notice_on"]) == (
            "replaced",
            str(today()),
        )

    async def test_who_left_long_ago_is_recorded_with_its_last_day(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        withdrew = letter(cast.neighbour, date(2025, 6, 30), kind="withdrew")
        seen, path = await report(cast.assisting, found, withdrew)
        told = next(each for each in seen["reported_acts"] if each["kind"] == "was_notified")
        await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{told['id']}/confirm")
        left = await cast.neighbour.legal.done("POST", f"{path}/confirm")
        assert left["parties"][2]["leaves_at"] == "2025-07-01T05:00:00Z"
        assert len(await in_force(cast.assisting, cast.requesting)) == 1


async def give(party: Agency, found: dict[str, Any], on: date, **more: Any) -> dict[str, Any]:
    """The agreement after the party's own notice of that day, on paper."""
    body = {"notice_on": str(on), "reason": "the council declined", "evidence_sha256": EVIDENCE, **more}
    given: dict[str, Any] = await party.legal.done("POST", f"{PATH}/{found['id']}/give-notice", body)
    return given


async def answer(party: Agency, found: dict[str, Any], said: dict[str, Any], verb: str) -> dict[str, Any]:
    """The agreement after the party's answer to what is reported of it."""
    (its,) = (each for each in said["reported_acts"] if each["agency"]["id"] == str(party.id))
    path = f"{PATH}/{found['id']}/reported-acts/{its['id']}/{verb}"
    body = {"reason": "it never came"} if verb == "contest" else {}
    answered: dict[str, Any] = await party.legal.done("POST", path, body)
    return answered


def shown_instant(at: datetime) -> str:
    """The instant as answers write it."""
    return at.isoformat().replace("+00:00", "Z")


def runs_out(on: date, days: int) -> str:
    """When a notice of that day has run out, as answers write it."""
    return shown_instant(day_starts_at(on + (days + 1) * DAY, ZoneInfo(CHICAGO)))


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
        renewing: dict[str, Any] = {"expires_on": ends_on, "auto_renew_months": 12, "notice": {"days": 60}}
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


class TestBeforeItWasBound:
    async def test_nobody_leaves_nor_gives_notice_before_it_was_bound(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        path = f"{PATH}/{found['id']}"
        for kind, day in (("withdrew", date(1960, 1, 1)), ("withdrew", date(2024, 12, 31))):
            said = letter(cast.requesting, day, kind=kind)
            problem = assert_problem(await cast.assisting.legal.post(f"{path}/report-act", said), 422, "not_then")
            assert "since 2025-01-01" in problem["detail"]
        said = letter(cast.requesting, date(2024, 12, 31))
        assert_problem(await cast.assisting.legal.post(f"{path}/report-act", said), 422, "not_then")
        own = {"reason": "the council declined", "evidence_sha256": EVIDENCE}
        for given_on in ("1950-01-01", "2024-12-31"):
            refused = await cast.requesting.legal.post(f"{path}/give-notice", {**own, "notice_on": given_on})
            problem = assert_problem(refused, 422, "not_then")
            assert "since 2025-01-01" in problem["detail"]
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, date(2025, 1, 1), kind="withdrew"))
        assert seen["reported_acts"][-1]["status"] == "open", "on its first day it may have left"

    async def test_nobody_that_signed_before_leaves_before_the_agreements_first_day(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={}, effective_on=date(2025, 7, 1))
        path = f"{PATH}/{found['id']}"
        said = letter(cast.requesting, date(2025, 3, 1), kind="withdrew")
        problem = assert_problem(await cast.assisting.legal.post(f"{path}/report-act", said), 422, "not_then")
        assert "since 2025-07-01" in problem["detail"]
        own = {"notice_on": str(today()), "leaves_on": "2025-06-30", "reason": "never again"}
        assert_problem(await cast.requesting.legal.post(f"{path}/give-notice", own), 422, "not_then")

    async def test_what_has_not_begun_may_be_left(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(
            service, cast.assisting, cast.requesting, notice={"days": 5}, effective_on=today() + 60 * DAY
        )
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today() - DAY, kind="withdrew"))
        assert seen["reported_acts"][-1]["status"] == "open"
        own = {"notice_on": str(today()), "reason": "not for us"}
        left = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/give-notice", own)
        assert left["parties"][1]["leaves_at"] == runs_out(today(), 5)

    async def test_who_is_reported_to_have_signed_and_left_was_bound_between(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **more))
        early = letter(cast.requesting, date(2025, 1, 15), kind="withdrew")
        refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", early)
        assert "since 2025-02-01" in assert_problem(refused, 422, "not_then")["detail"]
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, date(2025, 6, 1), kind="withdrew"))
        assert seen["reported_acts"][-1]["status"] == "open"


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
            ended = await answer(cast.requesting, found, said, verb)
            assert ended["terminated_at"] == ends_at, verb


class TestWhatBelongsToAKind:
    @pytest.mark.parametrize(
        ("kind", "others"),
        [
            ("signed", ("notice_kind", "leaves_on", "proposal_id")),
            ("agreed_verbally", ("notice_kind", "leaves_on", "proposal_id")),
            ("gave_notice", ("version_sha256", "signatory_title", "proposal_id")),
            ("withdrew", ("version_sha256", "signatory_title", "notice_kind", "leaves_on", "proposal_id")),
            ("consented", ("version_sha256", "signatory_title", "notice_kind", "leaves_on")),
            ("was_notified", ("version_sha256", "signatory_title", "notice_kind", "leaves_on")),
        ],
    )
    async def test_what_a_report_would_not_keep_is_refused_by_name(
        self, service: Service, cast: Cast, kind: str, others: tuple[str, ...]
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        everything = {
            "version_sha256": found["version_sha256"],
            "signatory_title": "Chief",
            "notice_kind": "non_renewal",
            "leaves_on": str(today() + 90 * DAY),
            "proposal_id": str(uuid4()),
        }
        said = letter(cast.requesting, today(), **everything, kind=kind)
        problem = assert_problem(
            await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", said), 422, "not_of_this_kind"
        )
        assert [each["pointer"] for each in problem["errors"]] == [f"/{name}" for name in others]
        seen = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
        assert (seen["reported_acts"], seen["version"]) == ([], found["version"])


class TestSignedAndSaid:
    async def test_a_signature_on_paper_binds_when_it_is_confirmed(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        signed = {**letter(cast.requesting, date(2025, 2, 1)), "kind": "signed", "signatory_title": "Chief"}
        lacking = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", signed)
        assert_problem(lacking, 422, "report_incomplete")
        signed["version_sha256"] = found["version_sha256"]
        seen, path = await report(cast.assisting, found, signed)
        assert [party["bound"] for party in seen["parties"]] == [True, False]
        assert seen["parties"][1]["signature"] is None, "it is written down once it counts"
        confirmed = await cast.requesting.legal.done("POST", f"{path}/confirm")
        hand = confirmed["parties"][1]["signature"]
        assert (hand["manner"], hand["signed_on"]) == ("confirmed", "2025-02-01")
        assert confirmed["parties"][1]["joined_at"] == "2025-02-01T06:00:00Z"

    async def test_not_contested_it_binds_from_the_fifteenth_day_and_then_from_its_own(
        self, service: Service, cast: Cast
    ) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **more))
        effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
        for at, count in ((effect - TICK, 0), (effect, 1)):
            assert len(await in_force_once(service, cast.requesting, cast.assisting, at)) == count
        await holding.settle_all_due(service.database, effect)
        settled = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
        assert settled["parties"][1]["signature"]["manner"] == "reported"
        assert len(await in_force(cast.requesting, cast.assisting, datetime.fromisoformat("2025-03-01T00:00:00Z"))) == 1

    async def test_each_text_has_its_own_report_and_ones_own_signature_replaces_that_alone(
        self, service: Service, cast: Cast
    ) -> None:
        both = (cast.assisting, cast.requesting)
        found = await record_agreement(*both)

        def said_of(digest: str, on: date) -> dict[str, Any]:
            more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": digest}
            return letter(cast.requesting, on, **more)

        first, path = await report(cast.assisting, found, said_of(found["version_sha256"], date(2025, 2, 1)))
        amended = await amended_on_paper(found, cast.assisting, effective_on=today())
        digest = amended["amendment"]["version_sha256"]
        seen, second = await report(cast.assisting, found, said_of(digest, today()))
        assert [each["status"] for each in seen["reported_acts"]] == ["open", "open"], "each text is one of its own"
        again = {**said_of(digest, today()), "evidence_sha256": EVIDENCE}
        refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", again)
        assert_problem(refused, 409, "already_reported")

        signed = await cast.requesting.legal.done(
            "POST",
            f"{PATH}/{found['id']}/sign",
            {"version_sha256": digest, "signatory_title": "Chief", "manner": "electronic"},
        )
        assert [each["status"] for each in signed["reported_acts"]] == ["open", "replaced"]
        effect = datetime.fromisoformat(first["reported_acts"][0]["takes_effect_at"])
        later = await seen_at(service, cast.requesting, found, effect)
        assert [party.bound for party in later.parties] == [True, True]
        confirmed = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert [party["bound"] for party in confirmed["parties"]] == [True, True]
        assert second != path

    async def test_a_contested_report_of_a_withdrawn_amendment_bars_none_of_the_next(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        for status in ("open", "unconfirmed"):
            amended = await amended_on_paper(found, cast.assisting, effective_on=today())
            about = {"signatory_title": "Chief", "version_sha256": amended["amendment"]["version_sha256"]}
            said = letter(cast.requesting, today(), kind="signed", **about)
            seen, path = await report(cast.assisting, found, said)
            assert seen["reported_acts"][-1]["status"] == status, "a no is remembered"
            await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "not our signature"})
            await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/withdraw", {"reason": "a mistake"})

    async def test_who_is_only_reported_to_have_signed_does_nothing_as_a_party_that_is_bound(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        seen, path = await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **more))
        assert seen["status"] == "unconfirmed", "one party has signed it"
        listed = await cast.assisting.legal.done("GET", f"{PATH}?status=unconfirmed&party_id={cast.requesting.id}")
        assert [each["id"] for each in listed["items"]] == [found["id"]]
        theirs = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
        offered = {each["action"]: each["allowed"] for each in theirs["allowed_actions"]}
        for action, body in (
            ("terminate", {"reason": "over"}),
            ("add-parties", {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}),
            ("propose-suspension", {"kind": "suspension", "reason": "a dispute"}),
            ("suspend", {"reason": "an inquiry"}),
        ):
            assert not offered[action.replace("-", "_")], action
            refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/{action}", body)
            assert_problem(refused, 409, "wrong_status")
        asked = await propose_end(cast.assisting, found)
        assert asked["proposals"][0]["outstanding"] == named(cast.requesting), "who will be bound is asked"
        await cast.requesting.legal.done("POST", f"{path}/confirm")
        ended = await consent(cast.requesting, found, asked["proposals"][0])
        assert ended["stage"] == "terminated"

    async def test_a_word_given_yesterday_is_reported_today(self, cast: Cast) -> None:
        body = agreement_body(cast.assisting, cast.requesting)
        draft = await cast.assisting.legal.done("POST", PATH, body)
        spoken = {"signatory_title": "Sheriff", "reason": "flood", "ratify_by_on": str(today())}
        active = await cast.assisting.signatory.done("POST", f"{PATH}/{draft['id']}/activate-verbally", spoken)
        more = {"kind": "agreed_verbally", "signatory_title": "Chief", "version_sha256": active["version_sha256"]}
        seen, path = await report(cast.assisting, draft, letter(cast.requesting, today(), **more))
        assert [party["bound"] for party in seen["parties"]] == [True, False]
        agreed = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert [party["bound"] for party in agreed["parties"]] == [True, True]
        assert agreed["parties"][1]["verbally_at"] is not None

    async def test_a_consent_on_paper_ends_it_once_confirmed(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        over = {"acted_on": "2025-05-01", "effective_on": "2025-06-01", "evidence_sha256": EVIDENCE, "reason": "over"}
        said = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/terminate", over)
        assert (said["terminated_at"], said["reported_acts"][0]["kind"]) != (None, "was_notified")
        (each,) = said["reported_acts"]
        ended = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{each['id']}/confirm")
        assert (ended["status"], ended["terminated_at"]) == ("terminated", "2025-06-01T05:00:00Z")
        assert len(await in_force(cast.requesting, cast.assisting, datetime.fromisoformat("2025-05-31T00:00:00Z"))) == 1

    async def test_an_end_that_waits_for_silence_ends_nothing_and_bars_nothing_yet(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        over = {"acted_on": "2025-05-01", "evidence_sha256": await proof(cast.assisting, found), "reason": "over"}
        said = await cast.assisting.legal.done("POST", f"{path}/terminate", over)
        effect = datetime.fromisoformat(said["reported_acts"][0]["takes_effect_at"])
        assert (said["stage"], said["status"], said["terminated_at"]) == ("executed", "in_force", None)
        later = await seen_at(service, cast.requesting, found, effect)
        assert (later.stage, later.terminated_at) == ("terminated", effect)
        offered = {each["action"]: each["allowed"] for each in said["allowed_actions"]}
        assert offered["amend"]
        assert offered["give_notice"]
        opening = {"effective_on": str(today()), "reason": "meanwhile"}
        opened = await cast.assisting.legal.done("POST", f"{path}/amend", opening)
        assert opened["amendment"] is not None
        await cast.assisting.legal.done("POST", f"{path}/suspend", {"reason": "a dispute"})
        await cast.assisting.legal.done("POST", f"{path}/reinstate", {"reason": "settled"})

        await holding.settle_all_due(service.database, effect)
        ended = await cast.requesting.legal.done("GET", path)
        assert (ended["stage"], ended["amendment"]) == ("terminated", None), "with the end ends what was on its way"
        assert_problem(await cast.assisting.legal.post(f"{path}/amend", opening), 409, "wrong_status")

    async def test_a_reported_consent_gives_way_to_the_partys_own(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        proposed = await propose_end(cast.assisting, found)
        about = {"kind": "consented", "proposal_id": proposed["proposals"][0]["id"]}
        seen, path = await report(cast.assisting, found, letter(cast.requesting, today(), **about))
        assert seen["terminated_at"] is None
        assert seen["proposals"][0]["outstanding"] == named(cast.requesting), "nobody consents for it"
        contested = await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "not yet"})
        assert (contested["terminated_at"], contested["stage"]) == (None, "executed")
        ended = await consent(cast.requesting, found, proposed["proposals"][0])
        assert (ended["stage"], ended["reported_acts"][0]["status"]) == ("terminated", "replaced")
        unknown = letter(cast.requesting, today(), kind="consented", proposal_id=str(uuid4()))
        refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", unknown)
        assert_problem(refused, 422, "unknown_proposal")


def second_operator(service: Service) -> Caller:
    return service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator")


async def test_an_agreement_that_cannot_be_settled_keeps_no_other_from_it(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting)
    found = [await sign_agreement(service, *parties, notice={"days": 5}) for _ in range(3)]
    for each in found:
        seen, _ = await report(cast.assisting, each, letter(cast.requesting, today() - 30 * DAY))
    effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
    async with unit_of_work(service.database) as write:
        broken = agreement.update().where(agreement.c.id == UUID(found[0]["id"]))
        await write.run(broken.values(time_zone="Nowhere/Nowhere"), {})
    with logged_by(holding) as logged:
        await holding.settle_all_due(service.database, effect)
    (entry,) = [each for each in logged if each.get("agreement_id") == found[0]["id"]]
    assert (entry["log_level"], type(entry["exc_info"]).__name__) == ("error", "ZoneInfoNotFoundError")
    for each in found[1:]:
        settled = await cast.requesting.legal.done("GET", f"{PATH}/{each['id']}")
        assert settled["parties"][1]["leaves_at"] < seen["as_of"], "dated back to the letter"


class TestTheOperator:
    async def test_it_puts_nothing_in_force_without_a_second_person_and_the_evidence_on_file(
        self, service: Service, cast: Cast
    ) -> None:
        paper = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": EVIDENCE}
        body = {**agreement_body(cast.assisting, cast.requesting), **paper, "custodian_id": str(cast.assisting.id)}
        found = await service.operator.done("POST", f"{PATH}/record", body)
        theirs = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
        filed = await file_document(service.operator, found["id"], "Signed by both.")
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": theirs["version_sha256"]}
        said = {**letter(cast.requesting, date(2025, 1, 1), **more), "evidence_sha256": filed["sha256"]}
        seen = await service.operator.done("POST", f"{PATH}/{found['id']}/report-act", said)
        custodians, partners = (f"{PATH}/{found['id']}/reported-acts/{each['id']}" for each in seen["reported_acts"])
        assert [each["status"] for each in seen["reported_acts"]] == ["unseconded", "unseconded"]
        far = utc_now() + 400 * DAY
        assert await in_force(cast.requesting, cast.assisting, far) == [], "one operator alone does nothing"
        assert_problem(await service.operator.post(f"{partners}/second"), 403, "forbidden")
        missing = await second_operator(service).post(f"{custodians}/second")
        assert_problem(missing, 422, "evidence_not_on_file")
        seconded = await second_operator(service).done("POST", f"{partners}/second")
        (report_,) = [each for each in seconded["reported_acts"] if each["status"] == "open"]
        effect = datetime.fromisoformat(report_["takes_effect_at"])
        assert effect > utc_now() + 13 * DAY
        assert_problem(await second_operator(service).post(f"{partners}/second"), 409, "wrong_status")
        later = await seen_at(service, cast.requesting, found, effect)
        assert [party.bound for party in later.parties] == [False, True]
        contested = await cast.requesting.legal.done("POST", f"{partners}/contest", {"reason": "we never signed"})
        assert contested["parties"][1]["joined_at"] is None


class TestWhoAndHow:
    async def test_reporting_is_for_parties_and_the_operator_and_about_others(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/report-act"
        body = letter(cast.requesting, today())
        assert_problem(await service.anonymous.post(path, body), 401)
        assert_problem(await cast.stranger.legal.post(path, body), 403)
        assert_problem(await cast.assisting.machine.post(path, body), 403)
        assert_problem(await cast.assisting.coordinator.post(path, body), 403)
        assert_problem(await cast.assisting.legal.post(path, {**body, "kind": "vanished"}), 400)
        assert_problem(await cast.assisting.legal.post(path, body, if_match='"1-00000000"'), 412)
        assert_problem(await cast.assisting.legal.post(path, letter(cast.assisting, today())), 422, "own_act")
        assert_problem(await cast.assisting.legal.post(path, letter(cast.stranger, today())), 422, "not_a_party")
        ahead = letter(cast.requesting, today() + 2 * DAY)
        assert_problem(await cast.assisting.legal.post(path, ahead), 422, "acted_in_future")
        first = await cast.assisting.legal.post(path, body, key="report-once")
        assert (await cast.assisting.legal.post(path, body, key="report-once")).content == first.content

    async def test_who_is_not_bound_starts_no_clock_against_those_who_are(self, service: Service, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour)
        await confirm_agreement(found, cast.requesting)
        path = f"{PATH}/{found['id']}"
        left = letter(cast.requesting, today() - DAY, kind="withdrew")
        refused = await cast.neighbour.legal.post(f"{path}/report-act", left)
        assert_problem(refused, 409, "wrong_status")
        assert await report_offered(cast.neighbour, found) is False, "it is named and never joined"

        await confirm_agreement(found, cast.neighbour)
        assert await report_offered(cast.neighbour, found) is True
        _, its = await report(cast.assisting, found, letter(cast.neighbour, today() - DAY, kind="withdrew"))
        gone = await cast.neighbour.legal.done("POST", f"{its}/confirm")
        told = next(each for each in gone["reported_acts"] if each["kind"] == "was_notified")
        await cast.requesting.legal.done("POST", f"{path}/reported-acts/{told['id']}/confirm")
        refused = await cast.neighbour.legal.post(f"{path}/report-act", left)
        assert_problem(refused, 409, "wrong_status")
        assert await report_offered(cast.neighbour, found) is False, "it has left"

    async def test_who_keeps_the_file_reports_what_it_is_sent_after_it_has_left(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        _, its = await report(cast.requesting, found, letter(cast.assisting, today() - DAY, kind="withdrew"))
        await cast.assisting.legal.done("POST", f"{its}/confirm")
        assert await report_offered(cast.assisting, found) is True
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today() - DAY))
        assert seen["reported_acts"][-1]["status"] == "open"

    async def test_only_the_party_that_is_said_to_have_acted_answers(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        _, path = await report(cast.assisting, found, letter(cast.requesting, today()))
        for verb in ("confirm", "contest"):
            body = {"reason": "x"} if verb == "contest" else {}
            assert_problem(await service.anonymous.post(f"{path}/{verb}", body), 401)
            assert_problem(await cast.neighbour.legal.post(f"{path}/{verb}", body), 403, "forbidden")
            assert_problem(await cast.requesting.coordinator.post(f"{path}/{verb}", body), 403)
            assert_problem(await cast.requesting.legal.post(f"{path}/{verb}", {"colour": "red"}), 400)
            stale = await cast.requesting.legal.post(f"{path}/{verb}", body, if_match='"1-00000000"')
            assert_problem(stale, 412)
            nowhere = f"{PATH}/{found['id']}/reported-acts/{uuid4()}/{verb}"
            assert_problem(await cast.requesting.legal.post(nowhere, body), 404)
        first = await cast.requesting.legal.post(f"{path}/confirm", {}, key="confirm-report-once")
        again = await cast.requesting.legal.post(f"{path}/confirm", {}, key="confirm-report-once")
        assert again.content == first.content

    async def test_what_waits_for_an_agency_is_found_in_its_list_and_in_the_history(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)

        async def waiting(party: Agency) -> list[str]:
            page = await party.legal.done("GET", f"{PATH}?waiting_for_me=true")
            return [item["id"] for item in page["items"]]

        assert await waiting(cast.requesting) == []
        _, path = await report(cast.assisting, found, letter(cast.requesting, today()))
        assert (await waiting(cast.requesting), await waiting(cast.assisting)) == ([found["id"]], [])
        await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "no"})
        assert await waiting(cast.requesting) == []
        proposed = await propose_end(cast.requesting, found)
        assert (await waiting(cast.assisting), await waiting(cast.requesting)) == ([found["id"]], [])
        await consent(cast.assisting, found, proposed["proposals"][0])
        assert await waiting(cast.assisting) == []
        told = await cast.requesting.auditor.done("GET", f"{PATH}/{found['id']}/history?sort=version")
        assert [event["type"].removeprefix("agreement.") for event in told["items"]][3:] == [
            *("act_reported", "report_contested", "end_proposed", "consented")
        ]

    async def test_of_two_answers_at_once_one_counts(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **more))
        confirmed = await confirm_agreement(found, cast.requesting)
        assert (confirmed["reported_acts"][0]["status"], confirmed["parties"][1]["bound"]) == ("replaced", True)
