"""A notice, or a departure, that another reports: it counts from its day once confirmed, or not contested."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.commands import holding, reporting
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.time import day_starts_at, utc_now
from tests.agreements.instruments.reporting import DAY, PATH, letter, report, runs_out, seen_at
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import EVIDENCE, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, in_force_once, named, proof
from tests.support.documents import file_document
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long


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

    async def test_of_who_has_not_confirmed_its_signature_it_counts_together_with_that(
        self, service: Service, cast: Cast
    ) -> None:
        signed_on, given_on = today() - 400 * DAY, today() - 30 * DAY
        ran_out = day_starts_at(given_on + 6 * DAY, ZoneInfo(CHICAGO))
        for order in ("notice first", "signature first"):
            two = cast.requesting
            found = await record_agreement(cast.assisting, two, notice={"days": 5}, signed_on=signed_on)
            if order == "signature first":
                await confirm_agreement(found, two, signed_on)
            seen, path = await report(cast.assisting, found, letter(two, given_on))
            assert [party["bound"] for party in seen["parties"]] == [order == "signature first"] * 2
            answered = await two.legal.done("POST", f"{path}/confirm", {})
            if order == "notice first":
                assert answered["parties"][1]["withdrawal_notice_on"] == str(given_on), "it is on record"
                late = {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff"}
                late |= {"evidence_sha256": await proof(two, found)}
                refused = {**late, "signed_on": str(today())}
                assert_problem(await two.legal.post(f"{PATH}/{found['id']}/confirm", refused), 409, "wrong_status")
                await confirm_agreement(found, two, signed_on)
            for at, count in ((ran_out - TICK, 1), (ran_out, 0)):
                held = [each["agreement_id"] for each in await in_force(two, cast.assisting, at)]
                assert held.count(found["id"]) == count, order

    async def test_contested_it_frees_nobody_whose_signature_is_confirmed_afterwards(
        self, service: Service, cast: Cast
    ) -> None:
        two = cast.requesting
        found = await record_agreement(cast.assisting, two, notice={"days": 5})
        _, path = await report(cast.assisting, found, letter(two, today() - 30 * DAY))
        await two.legal.done("POST", f"{path}/contest", {"reason": "we never wrote"})
        await confirm_agreement(found, two)
        assert len(await in_force(two, cast.assisting)) == 1

    async def test_confirmed_it_counts_at_once_from_its_day(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        given_on = today() - 30 * DAY
        _, path = await report(cast.assisting, found, letter(cast.requesting, given_on))
        confirmed = await cast.requesting.legal.done("POST", f"{path}/confirm", {"note": "as our letter says"})
        assert [party["bound"] for party in confirmed["parties"]] == [False, False], "and nobody is bound to itself"
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
        assert after_all["status"] == "lapsed"

    @pytest.mark.parametrize("letter_is_gone", [True, False])
    async def test_contested_the_departure_has_no_day_however_the_report_stood(
        self, service: Service, cast: Cast, letter_is_gone: bool
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        filed = await file_document(cast.assisting.legal, found["id"], "The letter (demo).")
        body = letter(cast.requesting, today() - 90 * DAY, kind="withdrew", evidence_sha256=filed["sha256"])
        said = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
        if letter_is_gone:
            await cast.assisting.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", {"reason": "not theirs"})
            seen = await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}")
            assert {each["status"] for each in seen["reported_acts"]} == {"unconfirmed"}
            assert seen["proposals"][0]["agreed_at"] is None, "nobody's own word says that it left"
        (its,) = (each for each in said["reported_acts"] if each["kind"] == "withdrew")
        path = f"{PATH}/{found['id']}/reported-acts/{its['id']}/contest"
        done = await cast.requesting.legal.done("POST", path, {"reason": "we are still in it"})
        (proposal,) = done["proposals"]
        assert (proposal["status"], proposal["agreed_at"]) == ("open", None)
        assert proposal["outstanding"] == named(cast.requesting, cast.neighbour)
        assert done["parties"][1]["leaves_at"] is None

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
        told = next(each for each in seen["reported_acts"] if each["kind"] == "was_asked")
        await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{told['id']}/confirm")
        left = await cast.neighbour.legal.done("POST", f"{path}/confirm")
        assert left["parties"][2]["leaves_at"] == "2025-07-01T05:00:00Z"
        assert len(await in_force(cast.assisting, cast.requesting)) == 1


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


async def test_its_day_is_counted_anew_by_a_text_that_comes_to_light_afterwards(cast: Cast) -> None:
    three, gone = (cast.assisting, cast.requesting, cast.neighbour), cast.neighbour
    found = await record_agreement(*three, signed_on="2022-01-01", effective_on="2022-01-01", notice={"days": 30})
    for party in three[1:]:
        found = await confirm_agreement(found, party, "2022-01-01")
    said, path = await report(cast.assisting, found, letter(gone, date(2024, 3, 1)))
    (its,) = (each for each in said["reported_acts"] if each["kind"] == "gave_notice")
    assert its["would_leave_at"].startswith("2024-04-01")
    await amended_on_paper(found, *three, effective_on="2023-01-01", notice={"days": 60})
    seen = await gone.legal.done("GET", f"{PATH}/{found['id']}")
    (its,) = (each for each in seen["reported_acts"] if each["kind"] == "gave_notice")
    assert its["would_leave_at"].startswith("2024-05-01")
    (leaving,) = (each for each in seen["proposals"] if each["kind"] == "departure")
    assert leaving["not_before"] == its["would_leave_at"]
    await gone.legal.done("POST", f"{path}/confirm")
    done = await consent(cast.requesting, seen, leaving)
    assert done["parties"][2]["leaves_at"] == its["would_leave_at"]


async def test_a_notice_that_is_contested_is_told_where_the_end_is_looked_for(service: Service, cast: Cast) -> None:
    """Who relies on the agreement reads no day and no report that waits: that one is disputed is said there."""
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, two, three)
    _, its = await report(one, found, letter(two, today() - 3 * DAY))
    path = f"{PATH}/in-force?requesting_agency_id={two.id}&assisting_agency_id={one.id}"

    async def row(reader: Agency) -> dict[str, Any]:
        (item,) = (await reader.coordinator.done("GET", path))["items"]
        told: dict[str, Any] = item
        return told

    its_id = its.rsplit("/", 1)[-1]
    assert (await row(one))["contested_report_ids"] == []
    assert its_id in (await row(one))["pending_report_ids"]
    said = await two.legal.done("POST", f"{its}/contest", {"reason": "it went to another office"})
    for reader in (one, two):
        told = await row(reader)
        assert (told["pending_report_ids"], told["contested_report_ids"]) == ([], [its_id])
    (remark,) = [each for each in said["remarks"] if each["code"] == "report_contested"]
    assert f"{one.name} reports that {two.name} gave notice on {today() - 3 * DAY}, so that" in remark["detail"]
    assert f"{two.name} contests it. It has no effect until both sides agree" in remark["detail"]
    asked = f"{PATH}/in-force?requesting_agency_id={three.id}&assisting_agency_id={one.id}"
    (others,) = (await three.coordinator.done("GET", asked))["items"]
    assert others["contested_report_ids"] == [], "between those two nothing is disputed"
    settled = await two.legal.done("POST", f"{its}/confirm")
    assert "report_contested" not in [each["code"] for each in settled["remarks"]]
    assert (await row(one))["contested_report_ids"] == []
