"""Who takes part: agencies that join later, word of mouth, governing bodies, custody, and what takes a text's place."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile
from zoneinfo import ZoneInfo

from registry.agreements.instruments.commands.holding import settle_all_due
from registry.directory.agencies.tables import agency as agency_table
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import day_starts_at, format_instant, utc_now
from tests.agreements.instruments.test_amendments import act, hand
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import (
    EVIDENCE,
    PROVISIONS,
    agreement_body,
    confirm_agreement,
    record_agreement,
    sign_agreement,
)
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, end_agreement, named
from tests.support.policy import make_decision
from tests.support.problems import assert_problem
from tests.support.review import out_for_signature
from tests.support.service import Service

PATH = "/v1/agreements"


def spoken() -> dict[str, str]:
    """What is said when a text is set in motion by word of mouth: to be signed within 30 days."""
    return {"signatory_title": "Sheriff", "reason": "flood", "ratify_by_on": str(today() + timedelta(days=30))}


async def bound(reader: Agency, found: dict[str, Any], at: datetime | None = None) -> set[str]:
    """The agencies that are bound at the instant."""
    query = "" if at is None else f"?as_of={format_instant(at)}"
    seen = await reader.legal.done("GET", f"{PATH}/{found['id']}{query}")
    return {party["agency"]["id"] for party in seen["parties"] if party["bound"]}


class TestJoining:
    async def test_a_newcomer_signs_the_identical_text_once_all_who_are_bound_have_consented(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[1:])
        path = f"{PATH}/{found['id']}"
        new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
        proposed = await act(cast.assisting, found, "add-parties", new)
        assert len(proposed["parties"]) == 2
        assert proposed["proposals"][0]["outstanding"] == named(cast.requesting)
        assert_problem(await cast.neighbour.legal.get(path), 404)
        added = await consent(cast.requesting, found, proposed["proposals"][0])
        assert [party["bound"] for party in added["parties"]] == [True, True, False]
        assert await in_force(cast.neighbour, cast.assisting) == []
        joined = await act(cast.neighbour, found, "sign", hand(found["version_sha256"]))
        assert [party["bound"] for party in joined["parties"]] == [True, True, True]
        assert len(await in_force(cast.neighbour, cast.requesting)) == 1
        early = datetime.fromisoformat(joined["parties"][2]["joined_at"]) - TICK
        assert await in_force(cast.neighbour, cast.requesting, early) == []

    async def test_a_text_that_is_open_to_accession_takes_whom_a_party_lets_sign(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, terms={"open_to_accession": True})
        new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
        added = await act(cast.requesting, found, "add-parties", new)
        assert [party["agency"]["id"] for party in added["parties"]][2:] == [str(cast.neighbour.id)]
        joined = await act(cast.neighbour, found, "sign", hand(found["version_sha256"]))
        assert [party["bound"] for party in joined["parties"]] == [True, True, True]

    async def test_who_is_proposed_already_is_not_proposed_again(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
        path = f"{PATH}/{found['id']}/add-parties"
        await cast.assisting.legal.done("POST", path, new)
        both = {**new, "agency_ids": [str(cast.neighbour.id), str(cast.stranger.id)]}
        for party, body, says in (
            (cast.assisting, new, "Your agency has proposed that already."),
            (cast.requesting, new, "consent to it"),
            (cast.requesting, both, "consent to it"),
        ):
            problem = assert_problem(await party.legal.post(path, body), 409, "proposal_open")
            assert says in problem["detail"]
        another = {**new, "agency_ids": [str(cast.stranger.id)]}
        seen = await cast.requesting.legal.done("POST", path, another)
        assert [each["outstanding"] for each in seen["proposals"]] == [named(cast.requesting), named(cast.assisting)]

    async def test_what_a_text_that_was_opened_since_lets_in_closes_what_waited_for_consents(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
        before = await act(cast.assisting, found, "add-parties", new)
        assert [each["status"] for each in before["proposals"]] == ["open"]
        opened = {"categories": ["any"], "open_to_accession": True}
        await amended_on_paper(found, cast.assisting, cast.requesting, effective_on=today(), terms=opened)
        added = await act(cast.requesting, found, "add-parties", new)
        assert [(each["status"], each["closed_because"]) for each in added["proposals"]] == [
            ("closed", "newcomers_joined"),
            ("agreed", None),
        ]
        assert [each["agency"]["id"] for each in added["parties"]][2:] == [str(cast.neighbour.id)]
        path = f"{PATH}/{found['id']}/proposals/{before['proposals'][0]['id']}/consent"
        assert_problem(await cast.requesting.legal.post(path), 409, "wrong_status")

    async def test_who_is_bound_lets_in_only_agencies_that_exist_and_only_to_what_is_executed(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/add-parties"
        new = {"agency_ids": [str(cast.neighbour.id)], "reason": "x"}
        assert_problem(await service.anonymous.post(path, new), 401)
        assert_problem(await cast.stranger.legal.post(path, new), 403)
        assert_problem(await cast.assisting.legal.post(path, {**new, "agency_ids": []}), 400)
        assert_problem(await cast.assisting.legal.post(path, new, if_match='"1-00000000"'), 412)
        twice = {**new, "agency_ids": [str(cast.requesting.id), str(uuid4())]}
        problem = assert_problem(await cast.assisting.legal.post(path, twice), 422, "parties_faulty")
        assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [
            ("/agency_ids/0", "party_twice"),
            ("/agency_ids/1", "unknown_agency"),
        ]
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        drafted = f"{PATH}/{draft['id']}/add-parties"
        assert_problem(await cast.assisting.legal.post(drafted, new), 409, "wrong_status")
        first = await cast.assisting.legal.post(path, new, key="add-once")
        assert (await cast.assisting.legal.post(path, new, key="add-once")).content == first.content

    async def test_of_two_sessions_that_add_the_same_agency_one_does(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, terms={"open_to_accession": True})
        new = {"agency_ids": [str(cast.neighbour.id)], "reason": "x"}
        path = f"{PATH}/{found['id']}/add-parties"
        answers = await asyncio.gather(*(cast.assisting.legal.post(path, new) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 422, 422]

    async def test_nine_hundred_agencies_sign_one_master_form(self, service: Service, cast: Cast) -> None:
        """As the largest mutual-aid compacts have; each pair among them is in force, without a row for a pair."""
        rows = [
            {
                "id": new_id(),
                "name": f"Member {n}",
                "kind": "city",
                "level": "local",
                "counties": [],
                "status": "active",
                "search_text": f"member {n}",
                "version": 1,
                "created_at": utc_now(),
                "updated_at": utc_now(),
            }
            for n in range(898)
        ]
        async with unit_of_work(service.database) as write:
            await write.run(agency_table.insert(), rows)
        body = agreement_body(cast.assisting, cast.requesting)
        body["parties"] += [str(row["id"]) for row in rows]
        paper = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": "ab" * 32}
        found = await cast.assisting.legal.done("POST", f"{PATH}/record", {**body, **paper})
        assert len(found["parties"]) == 900
        confirmation = {
            "version_sha256": found["version_sha256"],
            "signatory_title": "Chief",
            "signed_on": "2025-01-01",
        }
        await act(cast.requesting, found, "confirm", confirmation)
        assert len(await in_force(cast.requesting, cast.assisting)) == 1


class TestWordOfMouth:
    async def test_it_binds_whoever_gave_its_word_and_lapses_for_whoever_has_not_signed_by_the_deadline(
        self, cast: Cast
    ) -> None:
        draft = await cast.assisting.legal.done(
            "POST", PATH, agreement_body(cast.assisting, cast.requesting, cast.neighbour)
        )
        said = spoken()
        active = await act(cast.assisting, draft, "activate-verbally", said)
        deadline = day_starts_at(date.fromisoformat(said["ratify_by_on"]) + timedelta(days=1), ZoneInfo(CHICAGO))
        assert datetime.fromisoformat(active["ratify_by"]) == deadline
        assert (active["stage"], active["status"]) == ("executed", "unconfirmed")
        consent = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        agreed = await act(cast.requesting, draft, "agree-verbally", consent)
        assert agreed["status"] == "in_force"
        assert len(await in_force(cast.requesting, cast.assisting)) == 1
        assert await in_force(cast.neighbour, cast.assisting) == []

        both = {str(cast.assisting.id), str(cast.requesting.id)}
        assert await bound(cast.requesting, draft, deadline - TICK) == both
        assert await bound(cast.requesting, draft, deadline) == set()
        await act(cast.assisting, draft, "sign", hand(active["version_sha256"]))
        ratified = await act(cast.requesting, draft, "sign", hand(active["version_sha256"]))
        assert await bound(cast.requesting, draft, deadline) == both
        assert ratified["parties"][1]["joined_at"] == ratified["parties"][1]["verbally_at"]

    async def test_who_has_signed_the_text_that_is_set_in_motion_is_bound_by_that(self, cast: Cast) -> None:
        out = await out_for_signature(cast.assisting, cast.requesting, cast.neighbour)
        digest = out["version_sha256"]
        await act(cast.requesting, out, "sign", hand(digest))
        active = await act(cast.assisting, out, "activate-verbally", spoken())
        both = {str(cast.assisting.id), str(cast.requesting.id)}
        assert (active["stage"], active["status"]) == ("executed", "in_force")
        assert await bound(cast.requesting, out) == both
        ratified = await act(cast.assisting, out, "sign", hand(digest))
        deadline = datetime.fromisoformat(ratified["ratify_by"])
        assert await bound(cast.requesting, out, deadline) == both, "a signature needs no ratification"
        await act(cast.neighbour, out, "sign", hand(digest))
        assert await bound(cast.requesting, out) == {*both, str(cast.neighbour.id)}

    async def test_a_custodian_that_signed_before_is_bound_by_its_own_signature(self, cast: Cast) -> None:
        out = await out_for_signature(cast.assisting, cast.requesting)
        signed = await act(cast.assisting, out, "sign", hand(out["version_sha256"]))
        active = await act(cast.assisting, out, "activate-verbally", spoken())
        assert active["parties"][0]["joined_at"] <= signed["as_of"] < active["parties"][0]["verbally_at"]
        deadline = datetime.fromisoformat(active["ratify_by"])
        assert await bound(cast.requesting, out, deadline) == {str(cast.assisting.id)}

    async def test_nobody_gives_its_word_to_what_has_ended_nor_is_said_to_have(
        self, service: Service, cast: Cast
    ) -> None:
        parties = (cast.assisting, cast.requesting, cast.neighbour)
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(*parties))
        active = await act(cast.assisting, draft, "activate-verbally", spoken())
        word = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        await act(cast.requesting, draft, "agree-verbally", word)
        await end_agreement(draft, cast.assisting, cast.requesting)
        said = {"kind": "agreed_verbally", "agency_id": str(cast.neighbour.id), "acted_on": str(today()), **word}
        said |= {"evidence_sha256": EVIDENCE, "reason": "by telephone"}
        refused = await cast.assisting.legal.post(f"{PATH}/{draft['id']}/report-act", said)
        assert_problem(refused, 409, "wrong_status")
        seen = await cast.neighbour.legal.done("GET", f"{PATH}/{draft['id']}")
        assert seen["parties"][2]["joined_at"] is None
        (offered,) = [each for each in seen["allowed_actions"] if each["action"] == "agree_verbally"]
        assert not offered["allowed"]

    async def test_the_deadline_is_the_custodians_to_set_within_a_year(self, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        path = f"{PATH}/{draft['id']}/activate-verbally"
        silent = {name: spoken()[name] for name in ("signatory_title", "reason")}
        problem = assert_problem(await cast.assisting.legal.post(path, silent), 400)
        assert "ratify_by_on" in str(problem), "nobody's word binds for a time that none has named"
        for day in (today() - timedelta(days=1), today() + timedelta(days=366)):
            body = {**spoken(), "ratify_by_on": str(day)}
            problem = assert_problem(await cast.assisting.legal.post(path, body), 422, "deadline_out_of_reach")
            assert problem["errors"][0]["pointer"] == "/ratify_by_on"
        active = await act(cast.assisting, draft, "activate-verbally", {**spoken(), "ratify_by_on": str(today())})
        assert datetime.fromisoformat(active["ratify_by"]) == day_starts_at(
            today() + timedelta(days=1), ZoneInfo(CHICAGO)
        )

    async def test_who_may_set_it_in_motion_and_when(self, service: Service, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        path = f"{PATH}/{draft['id']}/activate-verbally"
        assert_problem(await service.anonymous.post(path, spoken()), 401)
        assert_problem(await cast.requesting.legal.post(path, spoken()), 404)
        assert_problem(await cast.assisting.machine.post(path, spoken()), 403)
        assert_problem(await cast.assisting.coordinator.post(path, spoken()), 403)
        assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 400)
        assert_problem(await cast.assisting.legal.post(path, spoken(), if_match='"7-00000000"'), 412)
        await act(cast.assisting, draft, "submit")
        assert_problem(await cast.requesting.legal.post(path, spoken()), 409, "wrong_status")
        said = spoken()
        first = await cast.assisting.legal.post(path, said, key="verbal-once")
        assert first.status_code == 200
        assert (await cast.assisting.legal.post(path, said, key="verbal-once")).content == first.content
        assert_problem(await cast.assisting.legal.post(path, spoken()), 409, "wrong_status")

    async def test_who_may_give_its_word(self, service: Service, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        active = await act(cast.assisting, draft, "activate-verbally", spoken())
        path = f"{PATH}/{draft['id']}/agree-verbally"
        consent = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        assert_problem(await service.anonymous.post(path, consent), 401)
        assert_problem(await cast.requesting.approver.post(path, consent), 403)
        assert_problem(await cast.requesting.legal.post(path, {**consent, "version_sha256": "0" * 63}), 400)
        other = {**consent, "version_sha256": "0" * 64}
        assert_problem(await cast.requesting.legal.post(path, other), 422, "other_version")
        assert_problem(await cast.assisting.legal.post(path, consent), 409, "wrong_status")
        await act(cast.requesting, draft, "agree-verbally", consent)
        assert_problem(await cast.requesting.legal.post(path, consent), 409, "wrong_status")
        signed = await sign_agreement(service, cast.assisting, cast.requesting)
        written = f"{PATH}/{signed['id']}/agree-verbally"
        assert_problem(await cast.requesting.legal.post(written, consent), 409, "wrong_status")


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
            "body": "City council",
            "approved_on": "2025-02-03",
            "valid_to": "2026-02-02",
            "evidence_sha256": EVIDENCE,
        }
        await act(cast.requesting, found, "record-approval", approval)
        begins, ends = (day_starts_at(day, ZoneInfo(CHICAGO)) for day in (date(2025, 2, 3), date(2026, 2, 3)))
        for at, count in ((begins - TICK, 0), (begins, 1), (ends - TICK, 1), (ends, 0)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == count, at
        assert (await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}"))["status"] == "lapsed"
        again = {"body": "City council", "approved_on": "2026-02-03", "reference": "R-7", "evidence_sha256": EVIDENCE}
        renewed = await act(cast.requesting, found, "record-approval", again)
        assert renewed["status"] == "in_force"
        freed = {"required": False, "reason": "the code was repealed"}
        after = await act(cast.requesting, found, "set-approval-rule", freed)
        assert after["parties"][1]["approval_required"] is False
        assert await in_force(cast.requesting, cast.assisting, begins - TICK) == [], "what was, stays as it was"

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
        uncited = {"required": True, "reason": "the charter was changed"}
        assert_problem(await cast.requesting.legal.post(path, uncited), 422, "citation_missing")
        rule = {**uncited, "citation": "City code 2.04 (demo)"}
        runs_out = day_starts_at(today() + timedelta(days=31), ZoneInfo(CHICAGO))
        soon = {**rule, "effective_on": str(today() + timedelta(days=30))}
        problem = assert_problem(await cast.requesting.legal.post(path, soon), 422, "not_then")
        assert str(today() + timedelta(days=31)) in problem["detail"]
        after = await act(cast.requesting, found, "set-approval-rule", rule)
        assert (after["status"], after["parties"][1]["approval_required"]) == ("in_force", False)
        for at, count in ((june, 1), (runs_out - TICK, 1), (runs_out, 0)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == count, at

    async def test_no_rule_is_set_by_who_is_bound_to_a_text_without_notice(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": None})
        rule = {"required": True, "citation": "City code 2.04 (demo)", "reason": "the charter was changed"}
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
        late = {"body": "City council", "approved_on": "2025-02-03", "valid_to": "2025-03-01"}
        path = f"{PATH}/{found['id']}/record-approval"
        assert_problem(await cast.requesting.legal.post(path, late), 422, "approval_unproven")
        after = await act(cast.requesting, found, "record-approval", {**late, "evidence_sha256": EVIDENCE})
        assert (after["status"], after["parties"][1]["approval_required"]) == ("in_force", False)
        assert len(await in_force(cast.requesting, cast.assisting, june)) == 1

    async def test_no_approval_that_is_entered_frees_who_is_bound(self, service: Service, cast: Cast) -> None:
        """Neither one that lapsed before, nor one that lapses soon: that asks for the rule, its law and a notice."""
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 30})
        for approved_on, valid_to in ((today() - timedelta(days=9), today() - timedelta(days=2)), (today(), today())):
            approval = {"approved_on": str(approved_on), "valid_to": str(valid_to), "evidence_sha256": EVIDENCE}
            after = await act(cast.requesting, found, "record-approval", {"body": "City council", **approval})
            assert after["status"] == "in_force", approval
        for at in (utc_now(), utc_now() + timedelta(days=400)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == 1, at

    async def test_a_rule_to_come_is_a_deadline_and_binds_until_then(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        begins = today() + timedelta(days=40)
        rule = {"required": True, "effective_on": str(begins), "citation": "Charter (demo)", "reason": "it was changed"}
        after = await act(cast.requesting, found, "set-approval-rule", rule)
        assert (after["status"], after["parties"][1]["approval_required"]) == ("in_force", False)
        (due,) = (await cast.requesting.legal.done("GET", "/v1/deadlines?kind=approval"))["items"]
        assert due["due_on"] == str(begins)

    async def test_approvals_are_the_partys_own_dated_and_recorded_once(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/record-approval"
        body = {"body": "County board", "approved_on": "2025-02-03", "evidence_sha256": EVIDENCE}
        assert_problem(await service.anonymous.post(path, body), 401)
        assert_problem(await cast.requesting.coordinator.post(path, body), 403)
        assert_problem(await cast.requesting.legal.post(path, {"body": "County board"}), 400)
        assert_problem(await cast.requesting.legal.post(path, body, if_match='"1-00000000"'), 412)
        tomorrow = {**body, "approved_on": str(today() + timedelta(days=2))}
        assert_problem(await cast.requesting.legal.post(path, tomorrow), 422, "approved_in_future")
        reversed_ = {**body, "valid_to": "2025-02-01"}
        assert_problem(await cast.requesting.legal.post(path, reversed_), 422, "approval_reversed")
        first = await cast.requesting.legal.post(path, body, key="approval-once")
        assert (await cast.requesting.legal.post(path, body, key="approval-once")).content == first.content
        assert_problem(await cast.requesting.legal.post(path, body), 409, "approval_taken")
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        for verb, given in (("record-approval", body), ("set-approval-rule", {"required": True, "reason": "x"})):
            drafted = f"{PATH}/{draft['id']}/{verb}"
            assert_problem(await cast.assisting.legal.post(drafted, given), 409, "wrong_status")


class TestCustody:
    async def test_it_passes_when_the_other_party_accepts(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        offer = {"agency_id": str(cast.requesting.id), "reason": "the county keeps the master form"}
        answer = {"reason": "agreed"}
        assert_problem(await cast.requesting.legal.post(f"{path}/accept-custody", answer), 409, "wrong_status")
        offered = await act(cast.assisting, found, "offer-custody", offer)
        assert offered["custody_offered_to"] == {"id": str(cast.requesting.id), "name": cast.requesting.name}
        await act(cast.requesting, found, "decline-custody", answer)
        assert_problem(await cast.requesting.legal.post(f"{path}/accept-custody", answer), 409, "wrong_status")
        await act(cast.assisting, found, "offer-custody", offer)
        taken = await act(cast.requesting, found, "accept-custody", answer)
        assert (taken["custodian_agency"], taken["custody_offered_to"]) == (offered["custody_offered_to"], None)
        amendment = {"effective_on": str(today()), "reason": "x"}
        assert_problem(await cast.assisting.legal.post(f"{path}/amend", amendment), 403)
        await act(cast.requesting, found, "amend", amendment)

    async def test_it_is_offered_by_the_custodian_to_a_party_alone(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/offer-custody"
        offer = {"agency_id": str(cast.requesting.id), "reason": "x"}
        assert_problem(await service.anonymous.post(path, offer), 401)
        assert_problem(await cast.requesting.legal.post(path, offer), 403)
        assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 400)
        assert_problem(await cast.assisting.legal.post(path, offer, if_match='"1-00000000"'), 412)
        for other in (cast.assisting.id, cast.stranger.id):
            body = {**offer, "agency_id": str(other)}
            assert_problem(await cast.assisting.legal.post(path, body), 422, "not_a_party")
        await act(cast.assisting, found, "offer-custody", offer)
        back = await act(cast.assisting, found, "offer-custody", {"agency_id": None, "reason": "changed our mind"})
        assert back["custody_offered_to"] is None
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        drafted = f"{PATH}/{draft['id']}/offer-custody"
        assert_problem(await cast.assisting.legal.post(drafted, offer), 409, "wrong_status")

    async def test_a_number_that_the_new_custodian_uses_already_stays_with_the_old_one(
        self, service: Service, cast: Cast
    ) -> None:
        theirs = await record_agreement(cast.requesting, cast.assisting)
        found = await sign_agreement(service, cast.assisting, cast.requesting, number=theirs["number"])
        await act(cast.assisting, found, "offer-custody", {"agency_id": str(cast.requesting.id), "reason": "x"})
        path = f"{PATH}/{found['id']}/accept-custody"
        assert_problem(await cast.requesting.legal.post(path, {"reason": "x"}), 409, "number_taken")


class TestSupersession:
    async def test_nobody_is_released_before_each_that_is_bound_has_agreed(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        new = await sign_agreement(service, cast.assisting, cast.requesting)
        body = {"by_agreement_id": new["id"], "reason": "the regional compact"}
        said = await act(cast.assisting, old, "supersede", body)
        assert [party["bound"] for party in said["parties"]] == [True, True, True], "the neighbour has said nothing"
        assert (said["stage"], said["superseded_by"]) == ("executed", None)
        (report,) = said["reported_acts"]
        assert (report["agency"]["id"], report["kind"]) == (str(cast.requesting.id), "consented")
        assert said["proposals"][0]["outstanding"] == named(cast.requesting, cast.neighbour)
        answer = f"{PATH}/{old['id']}/reported-acts/{report['id']}/confirm"
        nearly = await cast.requesting.legal.done("POST", answer)
        assert [party["bound"] for party in nearly["parties"]] == [True, True, True]
        assert len(await in_force(cast.requesting, cast.neighbour)) == 1
        left = await consent(cast.neighbour, old, said["proposals"][0])
        assert [party["bound"] for party in left["parties"]] == [False, False, True]
        assert left["superseded_by"] == {"id": new["id"], "number": new["number"]}
        assert left["stage"] == "executed", "who did not sign the other text is left in this one"
        assert [item["agreement_id"] for item in await in_force(cast.requesting, cast.assisting)] == [new["id"]]

    async def test_who_leaves_is_not_waited_for_and_who_contests_is(self, service: Service, cast: Cast) -> None:
        for verb in ("confirm", "contest"):
            old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={"days": 20})
            new = await sign_agreement(service, cast.assisting, cast.requesting)
            said = await act(cast.assisting, old, "supersede", {"by_agreement_id": new["id"], "reason": "replaced"})
            given = await act(cast.neighbour, old, "give-notice", {"notice_on": str(today()), "reason": "we leave"})
            gone_at = given["parties"][2]["leaves_at"]
            report = f"{PATH}/{old['id']}/reported-acts/{said['reported_acts'][0]['id']}/{verb}"
            body = {"reason": "we did not agree to that"} if verb == "contest" else {}
            answered = await cast.requesting.legal.done("POST", report, body)
            until = gone_at if verb == "confirm" else None
            assert [party["bound_until"] for party in answered["parties"]] == [until, until, gone_at]

    async def test_it_reaches_back_to_no_day_before_the_other_was_in_force_for_all_of_them(
        self, service: Service, cast: Cast
    ) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await record_agreement(cast.assisting, cast.requesting, signed_on="2025-03-03")
        await confirm_agreement(new, cast.requesting, signed_on="2025-04-01")
        past = {"effective_on": "2025-02-01", "evidence_sha256": EVIDENCE, "reason": "replaced"}
        said = await act(cast.assisting, old, "supersede", {**past, "by_agreement_id": new["id"]})
        assert [party["bound"] for party in said["parties"]] == [True, True], "of no effect by one's own word"
        answer = f"{PATH}/{old['id']}/reported-acts/{said['reported_acts'][0]['id']}/confirm"
        over = await cast.requesting.legal.done("POST", answer)
        assert [party["released_at"] for party in over["parties"]] == ["2025-04-01T05:00:00Z"] * 2
        assert over["stage"] == "superseded"

    async def test_the_other_is_about_the_same_matter(self, service: Service, cast: Cast) -> None:
        both = (cast.assisting, cast.requesting)
        terms = {"categories": ["k9"], "purposes": ["training"]}
        old = await sign_agreement(service, *both, terms=terms)
        path = f"{PATH}/{old['id']}/supersede"
        for parties, other, says in (
            ((cast.assisting, cast.neighbour), terms, "No other party that is bound by this agreement"),
            (both, {"categories": ["vehicle"]}, "It is about vehicle, and this one about k9"),
            (both, {**terms, "purposes": ["exercise"]}, "no purpose in common"),
        ):
            new = await sign_agreement(service, *parties, terms=other)
            refused = await cast.assisting.legal.post(path, {"by_agreement_id": new["id"], "reason": "x"})
            assert says in assert_problem(refused, 422, "no_successor")["detail"]
        wider = await sign_agreement(service, *both, kind="compact")
        said = await act(cast.assisting, old, "supersede", {"by_agreement_id": wider["id"], "reason": "x"})
        assert said["proposals"][0]["kind"] == "supersession", "an agreement of another kind, that covers everything"

    async def test_it_is_over_when_nobody_is_left_in_it(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await sign_agreement(service, cast.assisting, cast.requesting)
        day = today() + timedelta(days=3)
        at = day_starts_at(day, ZoneInfo(CHICAGO))
        body = {"by_agreement_id": new["id"], "effective_on": str(day), "reason": "the regional compact"}
        said = await act(cast.assisting, old, "supersede", body)
        agreed = await consent(cast.requesting, old, said["proposals"][0])
        assert (agreed["stage"], agreed["status"]) == ("executed", "in_force"), "its day has not come"
        assert [item["agreement_id"] for item in await in_force(cast.requesting, cast.assisting, at - TICK)] == [
            old["id"],
            new["id"],
        ]
        assert [item["agreement_id"] for item in await in_force(cast.requesting, cast.assisting, at)] == [new["id"]]
        later = await cast.requesting.legal.done("GET", f"{PATH}/{old['id']}?as_of={format_instant(at)}")
        assert later["status"] == "superseded"
        query = f"{PATH}?status=superseded&as_of={format_instant(at)}&party_id={cast.requesting.id}"
        listed = (await cast.requesting.legal.done("GET", query))["items"]
        assert [each["id"] for each in listed] == [old["id"]]
        await settle_all_due(service.database, at)
        assert (await cast.requesting.legal.done("GET", f"{PATH}/{old['id']}"))["stage"] == "superseded"

    async def test_a_text_that_nobody_else_has_signed_takes_no_place(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await record_agreement(cast.assisting, cast.requesting)
        body = {"by_agreement_id": new["id"], "reason": "ours alone"}
        said = await act(cast.assisting, old, "supersede", body)
        agreed = await consent(cast.requesting, old, said["proposals"][0])
        assert [party["bound"] for party in agreed["parties"]] == [True, True], "it is not in force for anybody"
        await confirm_agreement(new, cast.requesting)
        seen = await cast.requesting.legal.done("GET", f"{PATH}/{old['id']}")
        assert [party["bound"] for party in seen["parties"]] == [False, False], "then it is, for both at once"

    async def test_the_successor_is_named_to_nobody_who_may_not_know_of_it(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        new = await sign_agreement(service, cast.assisting, cast.neighbour, provisions=[])
        body = {"by_agreement_id": new["id"], "reason": "the regional compact"}
        said = await act(cast.assisting, old, "supersede", body)
        for party in (cast.requesting, cast.neighbour):
            await consent(party, old, said["proposals"][0])
        path = f"{PATH}/{old['id']}"
        named_so = {"id": new["id"], "number": new["number"]}
        for reader, knows in ((cast.assisting, True), (cast.neighbour, True), (cast.requesting, False)):
            seen = await reader.legal.done("GET", path)
            assert seen["superseded_by"] == (named_so if knows else None)
            assert [each["by_agreement_id"] for each in seen["proposals"]] == [new["id"] if knows else None]
            history = await reader.auditor.get(f"{path}/history")
            assert ("agreement.successor_named" in history.text, new["id"] in history.text) == (knows, knows)
            file = await reader.auditor.get(f"{path}/file.zip")
            with ZipFile(BytesIO(file.content)) as archive:
                told = b"".join(archive.read(name) for name in archive.namelist())
            assert (new["id"].encode() in told) == knows

    async def test_the_successor_is_another_executed_agreement_of_ones_own(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        new = await sign_agreement(service, cast.assisting, cast.neighbour)
        path = f"{PATH}/{old['id']}/supersede"
        body = {"by_agreement_id": new["id"], "reason": "x"}
        assert_problem(await service.anonymous.post(path, body), 401)
        assert_problem(await cast.stranger.legal.post(path, body), 403)
        assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 400)
        assert_problem(await cast.assisting.legal.post(path, body, if_match='"1-00000000"'), 412)
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        hidden = await sign_agreement(service, cast.requesting, cast.neighbour, provisions=[])
        for other in (old["id"], draft["id"], str(uuid4()), hidden["id"]):
            refused = await cast.assisting.legal.post(path, {**body, "by_agreement_id": other})
            problem = assert_problem(refused, 422, "no_successor")
            assert problem["errors"][0]["pointer"] == "/by_agreement_id"
        past = {**body, "effective_on": "2025-01-01"}
        assert_problem(await cast.assisting.legal.post(path, past), 422, "not_then")
        await act(cast.assisting, old, "supersede", body)
        assert_problem(await cast.assisting.legal.post(path, body), 409)
        back = {"by_agreement_id": old["id"], "reason": "in a circle"}
        assert_problem(await cast.neighbour.legal.post(f"{PATH}/{new['id']}/supersede", back), 422, "no_successor")


class TestDirections:
    async def test_a_party_that_only_requests_is_asked_for_nothing(self, service: Service, cast: Cast) -> None:
        directions = [{"agency_id": str(cast.requesting.id), "role": "requests"}]
        await sign_agreement(service, cast.assisting, cast.requesting, terms={"directions": directions})
        (helped,) = await in_force(cast.requesting, cast.assisting)
        (turned,) = await in_force(cast.assisting, cast.requesting)
        assert (helped["assists"], turned["assists"]) == (True, False)

    async def test_the_catalogue_and_decisions_go_by_who_assists_whom(self, service: Service, cast: Cast) -> None:
        directions = [{"agency_id": str(cast.requesting.id), "role": "requests"}]
        await sign_agreement(service, cast.assisting, cast.requesting, terms={"directions": directions})
        for owner, asker, lendable in (
            (cast.assisting, cast.requesting, True),
            (cast.requesting, cast.assisting, False),
        ):
            asset = await make_asset(owner)
            found = await asker.coordinator.done("GET", f"/v1/assets?lendable=true&agency_id={owner.id}")
            assert [item["id"] for item in found["items"]] == ([asset["id"]] if lendable else [])
            decision = await make_decision(asker, asset)
            assert decision.outcome == ("permitted" if lendable else "denied")
        assert "does not assist" in decision.decision.near_misses[0].explanation

    async def test_directions_name_parties_once_and_leave_somebody_to_help_and_to_be_helped(self, cast: Cast) -> None:
        body = agreement_body(cast.assisting, cast.requesting)
        one, other = ({"agency_id": party, "role": "assists"} for party in body["parties"])
        for directions, code in (
            ([one, one], "direction_twice"),
            ([{"agency_id": str(cast.stranger.id), "role": "assists"}], "not_a_party"),
            ([one, other], "nobody_requests"),
            ([{**one, "role": "requests"}, {**other, "role": "requests"}], "nobody_assists"),
        ):
            body["terms"]["directions"] = directions
            problem = assert_problem(await cast.assisting.legal.post(PATH, body), 422, "agreement_faulty")
            assert code in {fault["code"] for fault in problem["errors"]}
