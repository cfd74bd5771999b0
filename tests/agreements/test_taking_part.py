"""Who takes part: agencies that join later, word of mouth, governing bodies, custody, and what takes a text's place."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from registry.agencies.tables import agency as agency_table
from registry.agreements.in_force import day_starts_at
from registry.database.connect import unit_of_work
from registry.kernel.ids import new_id
from registry.kernel.time import format_instant, utc_now
from tests.agreements.test_amendments import act, hand
from tests.agreements.test_in_force import CHICAGO, TICK, in_force
from tests.support.agreements import agreement_body, record_agreement, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.policy import make_decision
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
TODAY = utc_now().astimezone(ZoneInfo(CHICAGO)).date()
VERBAL = {"signatory_title": "Sheriff", "reason": "flood"}


async def bound(reader: Agency, found: dict[str, Any], at: datetime | None = None) -> set[str]:
    """The agencies that are bound at the instant."""
    query = "" if at is None else f"?as_of={format_instant(at)}"
    seen = await reader.legal.done("GET", f"{PATH}/{found['id']}{query}")
    return {party["agency_id"] for party in seen["parties"] if party["bound"]}


class TestJoining:
    async def test_an_agency_that_is_added_signs_the_identical_text_and_is_bound_from_then_on(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        assert_problem(await cast.neighbour.legal.get(f"{PATH}/{found['id']}/versions"), 403)
        new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
        added = await act(cast.assisting, found, "add-parties", new)
        assert [party["bound"] for party in added["parties"]] == [True, True, False]
        assert await in_force(cast.neighbour, cast.assisting) == []
        joined = await act(cast.neighbour, found, "sign", hand(found["version_sha256"]))
        assert [party["bound"] for party in joined["parties"]] == [True, True, True]
        assert len(await in_force(cast.neighbour, cast.requesting)) == 1
        early = datetime.fromisoformat(joined["parties"][2]["joined_at"]) - TICK
        assert await in_force(cast.neighbour, cast.requesting, early) == []

    async def test_only_the_custodian_adds_only_agencies_that_exist_and_only_to_what_is_executed(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/add-parties"
        new = {"agency_ids": [str(cast.neighbour.id)], "reason": "x"}
        assert_problem(await service.anonymous.post(path, new), 401)
        assert_problem(await cast.requesting.legal.post(path, new), 403)
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
        assert_problem(await cast.assisting.legal.post(drafted, new), 409, "wrong_state")
        first = await cast.assisting.legal.post(path, new, key="add-once")
        assert (await cast.assisting.legal.post(path, new, key="add-once")).content == first.content

    async def test_of_two_sessions_that_add_the_same_agency_one_does(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
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
        active = await act(cast.assisting, draft, "activate-verbally", VERBAL)
        deadline = day_starts_at(TODAY + timedelta(days=31), ZoneInfo(CHICAGO))
        assert datetime.fromisoformat(active["ratify_by"]) == deadline
        assert (active["stage"], active["status"]) == ("executed", "not_yet_effective")
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

    async def test_the_deadline_is_the_custodians_to_set_within_a_year(self, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        path = f"{PATH}/{draft['id']}/activate-verbally"
        for day in (TODAY - timedelta(days=1), TODAY + timedelta(days=366)):
            body = {**VERBAL, "ratify_by_on": str(day)}
            problem = assert_problem(await cast.assisting.legal.post(path, body), 422, "deadline_out_of_reach")
            assert problem["errors"][0]["pointer"] == "/ratify_by_on"
        active = await act(cast.assisting, draft, "activate-verbally", {**VERBAL, "ratify_by_on": str(TODAY)})
        assert datetime.fromisoformat(active["ratify_by"]) == day_starts_at(
            TODAY + timedelta(days=1), ZoneInfo(CHICAGO)
        )

    async def test_who_may_set_it_in_motion_and_when(self, service: Service, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        path = f"{PATH}/{draft['id']}/activate-verbally"
        assert_problem(await service.anonymous.post(path, VERBAL), 401)
        assert_problem(await cast.requesting.legal.post(path, VERBAL), 404)
        assert_problem(await cast.assisting.machine.post(path, VERBAL), 403)
        assert_problem(await cast.assisting.coordinator.post(path, VERBAL), 403)
        assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 400)
        assert_problem(await cast.assisting.legal.post(path, VERBAL, if_match='"7-00000000"'), 412)
        await act(cast.assisting, draft, "submit")
        assert_problem(await cast.requesting.legal.post(path, VERBAL), 409, "wrong_state")
        first = await cast.assisting.legal.post(path, VERBAL, key="verbal-once")
        assert first.status_code == 200
        assert (await cast.assisting.legal.post(path, VERBAL, key="verbal-once")).content == first.content
        assert_problem(await cast.assisting.legal.post(path, VERBAL), 409, "wrong_state")

    async def test_who_may_give_its_word(self, service: Service, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        active = await act(cast.assisting, draft, "activate-verbally", VERBAL)
        path = f"{PATH}/{draft['id']}/agree-verbally"
        consent = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        assert_problem(await service.anonymous.post(path, consent), 401)
        assert_problem(await cast.requesting.approver.post(path, consent), 403)
        assert_problem(await cast.requesting.legal.post(path, {**consent, "version_sha256": "0" * 63}), 400)
        other = {**consent, "version_sha256": "0" * 64}
        assert_problem(await cast.requesting.legal.post(path, other), 422, "other_version")
        assert_problem(await cast.assisting.legal.post(path, consent), 409, "wrong_state")
        await act(cast.requesting, draft, "agree-verbally", consent)
        assert_problem(await cast.requesting.legal.post(path, consent), 409, "wrong_state")
        signed = await sign_agreement(service, cast.assisting, cast.requesting)
        written = f"{PATH}/{signed['id']}/agree-verbally"
        assert_problem(await cast.requesting.legal.post(written, consent), 409, "wrong_state")


class TestGoverningBodies:
    async def test_a_party_is_bound_only_while_its_councils_approval_lasts(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        rule = {"required": True, "citation": "City code 2.04 (demo)", "reason": "annual approval"}
        lacking = await act(cast.requesting, found, "set-approval-rule", rule)
        assert (lacking["status"], lacking["parties"][1]["bound"]) == ("not_yet_effective", False)
        approval = {"body": "City council", "approved_on": "2025-02-03", "valid_until": "2026-02-02"}
        await act(cast.requesting, found, "record-approval", approval)
        begins, ends = (day_starts_at(day, ZoneInfo(CHICAGO)) for day in (date(2025, 2, 3), date(2026, 2, 3)))
        for at, count in ((begins - TICK, 0), (begins, 1), (ends - TICK, 1), (ends, 0)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == count, at
        assert (await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}"))["status"] == "lapsed"
        again = {"body": "City council", "approved_on": "2026-02-03", "reference": "R-7"}
        renewed = await act(cast.requesting, found, "record-approval", again)
        assert renewed["status"] == "in_force"
        freed = {"required": False, "reason": "the code was repealed"}
        await act(cast.requesting, found, "set-approval-rule", freed)
        assert len(await in_force(cast.requesting, cast.assisting, begins - TICK)) == 1

    async def test_approvals_are_the_partys_own_dated_and_recorded_once(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/record-approval"
        body = {"body": "County board", "approved_on": "2025-02-03"}
        assert_problem(await service.anonymous.post(path, body), 401)
        assert_problem(await cast.requesting.coordinator.post(path, body), 403)
        assert_problem(await cast.requesting.legal.post(path, {"body": "County board"}), 400)
        assert_problem(await cast.requesting.legal.post(path, body, if_match='"1-00000000"'), 412)
        tomorrow = {**body, "approved_on": str(TODAY + timedelta(days=2))}
        assert_problem(await cast.requesting.legal.post(path, tomorrow), 422, "approved_in_future")
        reversed_ = {**body, "valid_until": "2025-02-01"}
        assert_problem(await cast.requesting.legal.post(path, reversed_), 422, "approval_reversed")
        first = await cast.requesting.legal.post(path, body, key="approval-once")
        assert (await cast.requesting.legal.post(path, body, key="approval-once")).content == first.content
        assert_problem(await cast.requesting.legal.post(path, body), 409, "approval_taken")
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        for verb, given in (("record-approval", body), ("set-approval-rule", {"required": True, "reason": "x"})):
            drafted = f"{PATH}/{draft['id']}/{verb}"
            assert_problem(await cast.assisting.legal.post(drafted, given), 409, "wrong_state")


class TestCustody:
    async def test_it_passes_when_the_other_party_accepts(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        offer = {"agency_id": str(cast.requesting.id), "reason": "the county keeps the master form"}
        answer = {"reason": "agreed"}
        assert_problem(await cast.requesting.legal.post(f"{path}/accept-custody", answer), 409, "wrong_state")
        offered = await act(cast.assisting, found, "offer-custody", offer)
        assert offered["custody_offered_to"] == str(cast.requesting.id)
        await act(cast.requesting, found, "decline-custody", answer)
        assert_problem(await cast.requesting.legal.post(f"{path}/accept-custody", answer), 409, "wrong_state")
        await act(cast.assisting, found, "offer-custody", offer)
        taken = await act(cast.requesting, found, "accept-custody", answer)
        assert (taken["custodian_id"], taken["custody_offered_to"]) == (str(cast.requesting.id), None)
        assert_problem(await cast.assisting.legal.post(f"{path}/suspend", {"reason": "x"}), 403)
        await act(cast.requesting, found, "suspend", {"reason": "inquiry"})

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
        assert_problem(await cast.assisting.legal.post(drafted, offer), 409, "wrong_state")

    async def test_a_number_that_the_new_custodian_uses_already_stays_with_the_old_one(
        self, service: Service, cast: Cast
    ) -> None:
        theirs = await record_agreement(cast.requesting, cast.assisting)
        found = await sign_agreement(service, cast.assisting, cast.requesting, number=theirs["number"])
        await act(cast.assisting, found, "offer-custody", {"agency_id": str(cast.requesting.id), "reason": "x"})
        path = f"{PATH}/{found['id']}/accept-custody"
        assert_problem(await cast.requesting.legal.post(path, {"reason": "x"}), 409, "number_taken")


class TestSupersession:
    async def test_what_is_superseded_binds_until_its_successor_takes_its_place(
        self, service: Service, cast: Cast
    ) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await sign_agreement(service, cast.assisting, cast.requesting)
        at = utc_now() + timedelta(days=3)
        body = {"by_agreement_id": new["id"], "effective_at": format_instant(at), "reason": "the regional compact"}
        gone = await act(cast.assisting, old, "supersede", body)
        assert (gone["stage"], gone["status"], gone["superseded_by"]) == ("superseded", "in_force", new["id"])
        assert [item["agreement_id"] for item in await in_force(cast.requesting, cast.assisting, at - TICK)] == [
            old["id"],
            new["id"],
        ]
        assert [item["agreement_id"] for item in await in_force(cast.requesting, cast.assisting, at)] == [new["id"]]
        later = await cast.requesting.legal.done("GET", f"{PATH}/{old['id']}?as_of={format_instant(at)}")
        assert later["status"] == "superseded"

    async def test_the_successor_is_another_executed_agreement_of_ones_own(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await sign_agreement(service, cast.assisting, cast.neighbour)
        path = f"{PATH}/{old['id']}/supersede"
        body = {"by_agreement_id": new["id"], "reason": "x"}
        assert_problem(await service.anonymous.post(path, body), 401)
        assert_problem(await cast.requesting.legal.post(path, body), 403)
        assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 400)
        assert_problem(await cast.assisting.legal.post(path, body, if_match='"1-00000000"'), 412)
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        hidden = await sign_agreement(service, cast.requesting, cast.neighbour, provisions=[])
        for other in (old["id"], draft["id"], str(uuid4()), hidden["id"]):
            refused = await cast.assisting.legal.post(path, {**body, "by_agreement_id": other})
            problem = assert_problem(refused, 422, "no_successor")
            assert problem["errors"][0]["pointer"] == "/by_agreement_id"
        past = {**body, "effective_at": "2025-01-01T00:00:00Z"}
        assert_problem(await cast.assisting.legal.post(path, past), 422, "not_then")
        await act(cast.assisting, old, "supersede", body)
        assert_problem(await cast.assisting.legal.post(path, body), 409, "wrong_state")


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
