"""Agencies that join later: let in by all who are bound, or by one where the text is open."""

import asyncio
from datetime import datetime
from uuid import uuid4

from registry.directory.agencies.tables import agency as agency_table
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.test_amendments import act, hand
from tests.agreements.instruments.test_in_force import TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import (
    PROVISIONS,
    agreement_body,
    confirm_agreement,
    record_agreement,
    sign_agreement,
)
from tests.support.cast import Cast, today
from tests.support.consent import consent, named
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"


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
        paper = {**hand(found["version_sha256"]), "signed_on": "2025-03-01"}
        paper.pop("manner")
        refused = await cast.neighbour.legal.post(f"{PATH}/{found['id']}/confirm", paper)
        assert_problem(refused, 422, "evidence_missing")  # the paper on record names it nowhere
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


async def test_a_text_that_is_open_lets_nobody_in_while_a_party_is_bound_by_one_that_is_not(cast: Cast) -> None:
    three = (cast.assisting, cast.requesting, cast.neighbour)
    found = await record_agreement(*three, signed_on="2022-01-01", effective_on="2022-01-01")
    for party in three[1:]:
        found = await confirm_agreement(found, party, "2022-01-01")
    terms = {"categories": ["any"], "open_to_accession": True}
    await amended_on_paper(found, *three[:2], effective_on="2023-01-01", terms=terms)
    body = {"agency_ids": [str(cast.stranger.id)], "reason": "a fourth"}
    said = await cast.assisting.legal.done("POST", f"/v1/agreements/{found['id']}/add-parties", body)
    assert len(said["parties"]) == 3
    assert {each["id"] for each in said["proposals"][0]["outstanding"]} == {str(each.id) for each in three[1:]}
    for party in three[1:]:
        said = await consent(party, said, said["proposals"][0])
    assert len(said["parties"]) == 4
