"""Approvals of governing bodies, and the rules that say where one is needed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from registry.platform.kernel.time import day_starts_at, utc_now
from tests.agreements.dossier.test_agreement_file import data, unpacked
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import (
    EVIDENCE,
    agreement_body,
    confirm_agreement,
    record_agreement,
    sign_agreement,
)
from tests.support.cast import Cast, today
from tests.support.consent import agree_to_days
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"


def remarked(said: dict[str, Any]) -> list[int]:
    """Of which texts it is remarked that no approval that lasts names them."""
    return [each["version_no"] for each in said["remarks"] if each["code"] == "approval_of_another_text"]


class TestGoverningBodies:
    async def test_a_party_is_bound_only_while_its_councils_approval_lasts(self, service: Service, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting, effective_on="2020-01-01")
        rule = {"required": True, "effective_on": "2020-01-01", "reason": "annual approval"}
        path = f"{PATH}/{found['id']}/set-approval-rule"
        problem = assert_problem(await cast.requesting.legal.post(path, rule), 422, "citation_missing")
        assert "2020-01-01" in problem["detail"]
        await act(cast.requesting, found, "set-approval-rule", {**rule, "citation": "City code 2.04 (demo)"})
        lacking = await confirm_agreement(found, cast.requesting)
        assert (lacking["status"], lacking["parties"][1]["bound"]) == ("not_yet_effective", False)
        approval = {
            "version_no": 1,
            "body": "City council",
            "approved_on": "2025-02-03",
            "expires_on": "2026-02-02",
            "evidence_sha256": EVIDENCE,
        }
        await act(cast.requesting, found, "record-approval", approval)
        await agree_to_days(found, cast.assisting)
        begins, ends = (day_starts_at(day, ZoneInfo(CHICAGO)) for day in (date(2025, 2, 3), date(2026, 2, 3)))
        for at, count in ((begins - TICK, 0), (begins, 1), (ends - TICK, 1), (ends, 0)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == count, at
        assert (await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}"))["status"] == "lapsed"
        again = {
            "version_no": 1,
            "body": "City council",
            "approved_on": "2026-02-03",
            "reference": "R-7",
            "evidence_sha256": EVIDENCE,
        }
        renewed = await act(cast.requesting, found, "record-approval", again)
        assert renewed["status"] == "in_force"
        freed = {"required": False, "effective_on": None, "reason": "the code was repealed"}
        after = await act(cast.requesting, found, "set-approval-rule", freed)
        assert after["parties"][1]["approval_required"] is False
        assert await in_force(cast.requesting, cast.assisting, begins - TICK) == [], "what was, stays as it was"

    @pytest.mark.parametrize("signs_first", [True, False])
    async def test_a_rule_says_from_when_it_is_and_null_is_from_the_beginning(
        self, service: Service, cast: Cast, signs_first: bool
    ) -> None:
        """It began at the instant of its entry where no day was given, so before that the party needed none."""
        found = await record_agreement(cast.assisting, cast.requesting, effective_on="2020-01-01")
        june = datetime(2025, 6, 1, 12, tzinfo=UTC)
        path = f"{PATH}/{found['id']}/set-approval-rule"
        unsaid = {"required": True, "citation": "City code 2.04 (demo)", "reason": "annual approval"}
        assert_problem(await cast.requesting.legal.post(path, unsaid), 400)
        rule = {**unsaid, "effective_on": None}
        if signs_first:
            await confirm_agreement(found, cast.requesting)
            await act(cast.requesting, found, "set-approval-rule", rule)
            assert len(await in_force(cast.requesting, cast.assisting, june)) == 1, "the days that are over stay"
        else:
            await act(cast.requesting, found, "set-approval-rule", rule)
            after = await confirm_agreement(found, cast.requesting)
            assert after["parties"][1]["approval_required"] is True
            assert await in_force(cast.requesting, cast.assisting, june) == []

    async def test_who_is_said_to_have_signed_sets_no_rule_for_days_that_are_over(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        said = {"kind": "signed", "agency_id": str(cast.requesting.id), "acted_on": "2025-02-01", "reason": "a copy"}
        said |= {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "evidence_sha256": EVIDENCE}
        await cast.assisting.legal.done("POST", f"{path}/report-act", said)
        back = {"required": True, "effective_on": "2025-01-01", "citation": "City code (demo)", "reason": "the charter"}
        refused = await cast.requesting.legal.post(f"{path}/set-approval-rule", back)
        assert_problem(refused, 422, "rule_reaches_back")

    async def test_a_rule_frees_nobody_who_is_bound_sooner_than_a_notice(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 30})
        june = datetime(2025, 6, 1, 12, tzinfo=UTC)
        path = f"{PATH}/{found['id']}/set-approval-rule"
        uncited = {"required": True, "effective_on": None, "reason": "the charter was changed"}
        assert_problem(await cast.requesting.legal.post(path, uncited), 422, "citation_missing")
        rule = {**uncited, "citation": "City code 2.04 (demo)"}
        runs_out = day_starts_at(today() + timedelta(days=31), ZoneInfo(CHICAGO))
        soon = {**rule, "effective_on": str(today() + timedelta(days=30))}
        problem = assert_problem(await cast.requesting.legal.post(path, soon), 422, "not_then")
        assert str(today() + timedelta(days=31)) in problem["detail"]
        after = await act(cast.requesting, found, "set-approval-rule", rule)
        assert (after["status"], after["parties"][1]["approval_required"]) == ("in_force", None)
        for at, count in ((june, 1), (runs_out - TICK, 1), (runs_out, 0)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == count, at

    async def test_no_rule_is_set_by_who_is_bound_to_a_text_without_notice(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": None})
        rule = {"required": True, "effective_on": None, "citation": "City code 2.04 (demo)", "reason": "the charter"}
        refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/set-approval-rule", rule)
        assert_problem(refused, 422, "notice_silent")

    async def test_a_rule_has_a_first_day_and_leaves_the_days_before_alone(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        june = datetime(2025, 6, 1, 12, tzinfo=UTC)
        rule = {"required": True, "reason": "the charter was changed"}
        path = f"{PATH}/{found['id']}/set-approval-rule"
        for needed in (True, False):
            back = {**rule, "required": needed, "effective_on": "2025-05-01", "citation": "City code 2.04 (demo)"}
            problem = assert_problem(await cast.requesting.legal.post(path, back), 422, "rule_reaches_back")
            assert "2025-05-01" in problem["detail"]
            assert str(today()) in problem["detail"]
        assert len(await in_force(cast.requesting, cast.assisting, june)) == 1

    async def test_an_approval_recorded_late_fills_days_and_takes_none_away(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        june = datetime(2025, 6, 1, 12, tzinfo=UTC)
        late = {"version_no": 1, "body": "City council", "approved_on": "2025-02-03", "expires_on": "2025-03-01"}
        path = f"{PATH}/{found['id']}/record-approval"
        assert_problem(await cast.requesting.legal.post(path, late), 422, "approval_unproven")
        after = await act(cast.requesting, found, "record-approval", {**late, "evidence_sha256": EVIDENCE})
        assert (after["status"], after["parties"][1]["approval_required"]) == ("in_force", None)
        assert len(await in_force(cast.requesting, cast.assisting, june)) == 1

    async def test_no_approval_that_is_entered_frees_who_is_bound(self, service: Service, cast: Cast) -> None:
        """Neither one that lapsed before, nor one that lapses soon: that asks for the rule, its law and a notice."""
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 30})
        for approved_on, expires_on in ((today() - timedelta(days=9), today() - timedelta(days=2)), (today(), today())):
            approval = {"approved_on": str(approved_on), "expires_on": str(expires_on), "evidence_sha256": EVIDENCE}
            after = await act(
                cast.requesting, found, "record-approval", {"version_no": 1, "body": "City council", **approval}
            )
            assert after["status"] == "in_force", approval
        for at in (utc_now(), utc_now() + timedelta(days=400)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == 1, at

    async def test_a_rule_to_come_is_a_deadline_and_binds_until_then(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        begins = today() + timedelta(days=40)
        rule = {"required": True, "effective_on": str(begins), "citation": "Charter (demo)", "reason": "it was changed"}
        after = await act(cast.requesting, found, "set-approval-rule", rule)
        assert (after["status"], after["parties"][1]["approval_required"]) == ("in_force", None)
        (due,) = (await cast.requesting.legal.done("GET", "/v1/deadlines?kind=approval"))["items"]
        assert due["due_on"] == str(begins)

    async def test_who_waives_without_a_day_waives_what_is_still_to_begin(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 60})
        rule = {"required": True, "effective_on": None, "citation": "Charter (demo)", "reason": "it was changed"}
        await act(cast.requesting, found, "set-approval-rule", rule)
        council = {"version_no": 1, "body": "City council", "approved_on": str(today())}
        lasts = {**council, "expires_on": str(today() + timedelta(days=90))}
        bound = await act(cast.requesting, found, "record-approval", lasts)
        begins = await unpacked(cast.requesting.legal, found["id"])
        assert bound["parties"][1]["bound_until"] is not None
        waiver = {"required": False, "effective_on": None, "reason": "the charter was changed again"}
        after = await act(cast.requesting, found, "set-approval-rule", waiver)
        party = after["parties"][1]
        assert (party["approval_required"], party["bound_until"]) == (False, None)
        assert len(await in_force(cast.requesting, cast.assisting, utc_now() + timedelta(days=120))) == 1
        assert (await cast.requesting.legal.done("GET", "/v1/deadlines?kind=approval"))["items"] == []
        asked = data(begins, "approvals.json")["approval_rules"][0]
        told = data(await unpacked(cast.requesting.legal, found["id"]), "approvals.json")["approval_rules"]
        assert [each["required"] for each in told if each["effective_on"] == asked["effective_on"]] == [True, False]
        again = await act(cast.requesting, found, "set-approval-rule", rule)
        assert again["parties"][1]["bound_until"] is not None, "what is asked for later counts again"

    async def test_an_approval_names_its_text_and_is_shown_with_it(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        council = {"body": "City council", "approved_on": str(today()), "evidence_location": "City clerk (demo)"}
        unnamed = await cast.requesting.legal.post(f"{path}/record-approval", council)
        assert_problem(unnamed, 400)
        other = await cast.requesting.legal.post(f"{path}/record-approval", {**council, "version_no": 2})
        assert assert_problem(other, 422, "other_version")["errors"][0]["pointer"] == "/version_no"
        drafted = {"kind": "amendment", "effective_on": str(today() + timedelta(days=9)), "reason": "wider"}
        await act(cast.assisting, found, "amend", drafted)
        draft = await cast.requesting.legal.post(f"{path}/record-approval", {**council, "version_no": 2})
        assert_problem(draft, 422, "other_version")  # what nobody was shown no body has approved
        named = {"version_no": 1, "version_sha256": found["version_sha256"]}
        said = await act(cast.requesting, found, "record-approval", {**council, "version_no": 1})
        (its,) = said["parties"][1]["approvals"]
        assert {name: its[name] for name in named} == named
        assert (its["body"], its["evidence"]["location"]) == ("City council", "City clerk (demo)")
        assert (await cast.assisting.legal.done("GET", path))["parties"][1]["approvals"] == [its], "for all parties"
        history = await cast.assisting.auditor.done("GET", f"{path}/history")
        (told,) = (each["data"] for each in history["items"] if each["type"] == "agreement.approval_recorded")
        assert {name: told[name] for name in named} == named
        acts = (await cast.assisting.legal.done("GET", f"{path}/timeline"))["acts"]
        (shown,) = (each for each in acts if each["kind"] == "approved")
        assert (shown["version_no"], "approved version 1" in shown["detail"]) == (1, True)
        filed = data(await unpacked(cast.assisting.legal, found["id"]), "approvals.json")["approvals"]
        assert [{name: each[name] for name in named} for each in filed] == [named]

    @pytest.mark.parametrize("each_text", [True, False])
    async def test_a_later_text_asks_for_a_fresh_approval_where_the_rule_asks_for_one_of_each(
        self, service: Service, cast: Cast, each_text: bool
    ) -> None:
        """Where it does not, the approval of the first text counts on, and that is remarked."""
        one, two = cast.assisting, cast.requesting
        found = await record_agreement(one, two, effective_on="2020-01-01")
        path = f"{PATH}/{found['id']}"
        rule = {"each_text": each_text, "effective_on": None, "citation": "City code (demo)", "reason": "the charter"}
        if each_text:
            idle = await two.legal.post(f"{path}/set-approval-rule", {**rule, "required": False})
            assert_problem(idle, 422, "not_of_this_kind")
        await act(two, found, "set-approval-rule", {**rule, "required": True})
        await confirm_agreement(found, two)
        council = {"body": "City council", "approved_on": str(today())}
        said = await act(two, found, "record-approval", {**council, "version_no": 1})
        assert (said["status"], said["parties"][1]["approval_each_text"]) == ("in_force", each_text)
        assert remarked(said) == []
        kept = {"evidence_location": "County clerk (demo)", "evidence_sha256": None}
        await amended_on_paper(found, one, two, effective_on=today(), **kept)
        said = await two.legal.done("GET", path)
        bound_by = [1] if each_text else [2]
        assert (said["status"], said["parties"][1]["bound_by_versions"]) == ("in_force", bound_by)
        assert remarked(said) == [2]
        said = await act(two, found, "record-approval", {**council, "version_no": 2})
        assert (said["parties"][1]["bound_by_versions"], remarked(said)) == ([2], [])
        late = {**council, "approved_on": "2025-02-03", "version_no": 1, "evidence_sha256": EVIDENCE}
        said = await act(two, found, "record-approval", late)
        assert [each["version_no"] for each in said["parties"][1]["approvals"]] == [1, 1, 2], "late, of an earlier text"
        if each_text:
            taken = await two.legal.post(f"{path}/record-approval", {**council, "version_no": 2})
            assert_problem(taken, 409, "approval_taken")

    async def test_approvals_are_the_partys_own_dated_and_recorded_once(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/record-approval"
        body = {"version_no": 1, "body": "County board", "approved_on": "2025-02-03", "evidence_sha256": EVIDENCE}
        assert_problem(await service.anonymous.post(path, body), 401)
        assert_problem(await cast.requesting.coordinator.post(path, body), 403)
        assert_problem(await cast.requesting.legal.post(path, {"version_no": 1, "body": "County board"}), 400)
        assert_problem(await cast.requesting.legal.post(path, body, if_match='"1-00000000"'), 412)
        tomorrow = {**body, "approved_on": str(today() + timedelta(days=2))}
        assert_problem(await cast.requesting.legal.post(path, tomorrow), 422, "approved_in_future")
        reversed_ = {**body, "expires_on": "2025-02-01"}
        assert_problem(await cast.requesting.legal.post(path, reversed_), 422, "approval_reversed")
        first = await cast.requesting.legal.post(path, body, key="approval-once")
        assert (await cast.requesting.legal.post(path, body, key="approval-once")).content == first.content
        assert_problem(await cast.requesting.legal.post(path, body), 409, "approval_taken")
        assert_problem(await cast.requesting.legal.post(path, {**body, "body": "COUNTY  Board"}), 409, "approval_taken")
        for another in ({"reference": "R-12"}, {"reference": "R-13"}, {"body": "City council"}):
            await cast.requesting.legal.done("POST", path, {**body, **another})
        again = {**body, "reference": "r-12"}
        assert_problem(await cast.requesting.legal.post(path, again), 409, "approval_taken")
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        for verb, given in (
            ("record-approval", body),
            ("set-approval-rule", {"required": True, "effective_on": None, "reason": "x"}),
        ):
            drafted = f"{PATH}/{draft['id']}/{verb}"
            assert_problem(await cast.assisting.legal.post(drafted, given), 409, "wrong_status")
