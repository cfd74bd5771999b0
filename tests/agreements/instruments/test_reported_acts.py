"""What one records about another's act: it counts once that party confirms, or has not contested it for 14 days."""

from datetime import date, datetime
from uuid import UUID, uuid4

import pytest

from registry.agreements.instruments.commands import holding
from registry.agreements.instruments.consent import (
    CONTEST_PERIOD,
    Consenting,
    ReportStatus,
    agreed_at,
    counted_from,
    in_effect_from,
    suspended_stretches,
)
from registry.agreements.instruments.tables import agreement
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import (
    DAY,
    NOON,
    PATH,
    letter,
    report,
    report_offered,
    second_operator,
    seen_at,
)
from tests.agreements.instruments.test_in_force import TICK, in_force
from tests.support.agreements import EVIDENCE, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, propose_end
from tests.support.documents import file_document
from tests.support.logs import logged_by
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long


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
        assert [party.joined_at is not None for party in later.parties] == [False, True]
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
        told = next(each for each in gone["reported_acts"] if each["kind"] == "was_asked")
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


class TestTheDocumentThatShowsIt:
    async def test_its_hash_is_taken_from_the_document_that_is_on_file(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        filed = await file_document(cast.assisting.legal, found["id"], "What came by post (demo).")
        said = letter(cast.requesting, today(), evidence_document_id=filed["id"])
        del said["evidence_sha256"]
        seen = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/report-act", said)
        (each,) = seen["reported_acts"]
        assert (each["status"], each["evidence"]["sha256"]) == ("open", filed["sha256"])
        assert each["evidence"]["document"]["id"] == filed["id"]

    async def test_a_hash_that_is_sent_is_compared_and_one_of_the_two_is_needed(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/report-act"
        filed = await file_document(cast.assisting.legal, found["id"], "What came by post (demo).")
        said = letter(cast.requesting, today(), evidence_document_id=filed["id"])
        problem = assert_problem(await cast.assisting.legal.post(path, said), 422, "other_document")
        assert problem["errors"][0]["pointer"] == "/evidence_sha256"
        neither = {**said, "evidence_sha256": None, "evidence_document_id": None}
        assert_problem(await cast.assisting.legal.post(path, neither), 422, "evidence_missing")
        same = {**said, "evidence_sha256": filed["sha256"]}
        await cast.assisting.legal.done("POST", path, same)

    async def test_a_document_of_another_agreement_or_that_one_may_not_read_is_none(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        other = await sign_agreement(service, cast.assisting, cast.requesting)
        elsewhere = await file_document(cast.assisting.legal, other["id"], "Of another (demo).")
        filed = await file_document(cast.assisting.legal, found["id"], "Not the operator's (demo).")
        path = f"{PATH}/{found['id']}/report-act"
        for who, document in (
            (cast.assisting.legal, elsewhere["id"]),
            (cast.assisting.legal, str(uuid4())),
            (service.operator, filed["id"]),
        ):
            said = {**letter(cast.requesting, today()), "evidence_sha256": None, "evidence_document_id": document}
            assert_problem(await who.post(path, said), 422, "unknown_document")
