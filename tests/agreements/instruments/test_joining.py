"""Agencies that join later: let in by all who are bound, or by one where the text is open."""

import asyncio
from datetime import date, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from registry.directory.agencies.tables import agency as agency_table
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.test_amendments import act, hand
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper, remarks_of
from tests.support.agreements import (
    PROVISIONS,
    agreement_body,
    confirm_agreement,
    record_agreement,
    sign_agreement,
)
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, named
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

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


async def of_three(cast: Cast, **terms: Any) -> dict[str, Any]:
    """A text of 2021 that three have signed, and that does not say that others may join it unless `terms` do."""
    three = (cast.assisting, cast.requesting, cast.neighbour)
    fields: dict[str, Any] = {"signed_on": "2021-01-01", "effective_on": "2021-01-01"}
    if terms:
        fields["terms"] = {"categories": ["any"], **terms}
    found = await record_agreement(*three, **fields)
    for party in three[1:]:
        found = await confirm_agreement(found, party, "2021-01-01")
    return found


async def text(found: dict[str, Any], party: Agency, no: int) -> dict[str, Any]:
    version: dict[str, Any] = await party.legal.done("GET", f"{PATH}/{found['id']}/versions/{no}")
    return {"id": found["id"], "version_sha256": version["sha256"]}


def day_of(instant: str) -> date:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(CHICAGO)).date()


class TestWhatANewcomerMaySign:
    """Nobody is bound to a newcomer but by its own consent, or by its own hand to a text that is open to newcomers."""

    async def opened_by_two(self, cast: Cast) -> dict[str, Any]:
        found = await of_three(cast)
        terms = {"categories": ["any"], "open_to_accession": True}
        await amended_on_paper(found, cast.assisting, cast.requesting, effective_on="2023-01-01", terms=terms)
        return found

    async def test_who_came_by_one_texts_clause_signs_that_text_and_no_other(
        self, service: Service, cast: Cast
    ) -> None:
        found = await self.opened_by_two(cast)
        one, other, third, new = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
        added = await act(one, found, "add-parties", {"agency_ids": [str(new.id)], "reason": "a fourth"})
        assert len(added["parties"]) == 4, "the text that binds who adds it says so"
        earlier, opened = await text(found, third, 1), await text(found, new, 2)
        kept = {"signed_on": "2021-02-01", "evidence_location": "The vault (demo)"}
        its = {"version_sha256": earlier["version_sha256"], "signatory_title": "Chief", **kept}
        refused = await new.legal.post(f"{PATH}/{found['id']}/confirm", its)
        detail = assert_problem(refused, 409, "wrong_status")["detail"]
        assert "Version 1 does not say that others may join it" in detail
        joined = await act(new, found, "sign", hand(opened["version_sha256"]))
        assert joined["parties"][3]["bound"]
        for party, bound in ((one, 1), (other, 1), (third, 0)):
            assert len(await in_force(new, party)) == bound, "the third was never asked, and signed no such text"
        offers = {each["action"]: each for each in joined["allowed_actions"]}
        assert (offers["sign"]["allowed"], offers["confirm"]["allowed"]) == (False, False)

    async def test_all_who_are_bound_may_open_the_other_text_to_it(self, service: Service, cast: Cast) -> None:
        found = await self.opened_by_two(cast)
        one, other, third, new = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
        body = {"agency_ids": [str(new.id)], "reason": "a fourth"}
        await act(one, found, "add-parties", body)
        await act(new, found, "sign", hand((await text(found, new, 2))["version_sha256"]))
        asked = (await act(one, found, "add-parties", body))["proposals"][-1]
        assert (asked["status"], asked["outstanding"]) == ("open", named(other, third))
        await consent(other, found, asked)
        seen = await consent(third, found, asked)
        assert seen["proposals"][-1]["status"] == "agreed"
        assert await in_force(new, third) == [], "it has not signed what binds the third"
        earlier = await text(found, new, 1)
        await confirm_agreement(earlier, new, "2021-02-01", evidence_location="The vault (demo)")
        (held,) = await in_force(new, third)
        assert held["version_no"] == 1
        agreed_at = datetime.fromisoformat(seen["proposals"][-1]["agreed_at"])
        assert await in_force(new, third, agreed_at - TICK) == [], "from when the third consented, and no earlier"
        again = await one.legal.post(f"{PATH}/{found['id']}/add-parties", body)
        assert_problem(again, 422, "parties_faulty")

    async def test_who_is_bound_by_no_open_text_asks_all(self, service: Service, cast: Cast) -> None:
        found = await self.opened_by_two(cast)
        body = {"agency_ids": [str(cast.stranger.id)], "reason": "a fourth"}
        said = await act(cast.neighbour, found, "add-parties", body)
        assert len(said["parties"]) == 3
        assert said["proposals"][-1]["outstanding"] == named(cast.assisting, cast.requesting)

    async def test_an_earlier_text_that_was_closed_stays_closed_though_all_signed_the_open_one(
        self, service: Service, cast: Cast
    ) -> None:
        found = await of_three(cast)
        three, terms = (cast.assisting, cast.requesting, cast.neighbour), {"open_to_accession": True}
        its: dict[str, Any] = {"effective_on": "2023-01-01", "terms": {"categories": ["any"], **terms}}
        await amended_on_paper(found, *three, **its)
        await act(cast.assisting, found, "add-parties", {"agency_ids": [str(cast.stranger.id)], "reason": "a fourth"})
        paper = {"signatory_title": "Chief", "signed_on": "2021-02-01", "evidence_location": "The vault (demo)"}
        earlier = {**paper, "version_sha256": (await text(found, cast.stranger, 1))["version_sha256"]}
        assert_problem(await cast.stranger.legal.post(f"{PATH}/{found['id']}/confirm", earlier), 409, "wrong_status")

    async def test_it_signs_what_was_made_with_it(self, service: Service, cast: Cast) -> None:
        found = await of_three(cast, open_to_accession=True)
        new = cast.stranger
        added = await act(cast.assisting, found, "add-parties", {"agency_ids": [str(new.id)], "reason": "a fourth"})
        await act(new, found, "sign", hand(added["version_sha256"]))
        four = (cast.assisting, cast.requesting, cast.neighbour, new)
        # A paper of a day before it came was made without it.
        await amended_on_paper(found, *four[:3], effective_on="2023-01-01")
        paper = {"signatory_title": "Chief", "signed_on": "2023-01-01", "evidence_location": "The vault (demo)"}
        old = {**paper, "version_sha256": (await text(found, new, 2))["version_sha256"]}
        assert_problem(await new.legal.post(f"{PATH}/{found['id']}/confirm", old), 409, "wrong_status")


class TestSinceWhenANewcomerIsBound:
    """From its signature, and never before it was let in: who let it in consented to no earlier day."""

    @pytest.mark.parametrize("is_open", [False, True])
    async def test_a_signature_of_an_earlier_day_counts_from_when_it_was_let_in(
        self, service: Service, cast: Cast, *, is_open: bool
    ) -> None:
        found = await of_three(cast, open_to_accession=is_open)
        new = cast.stranger
        asked = await act(cast.assisting, found, "add-parties", {"agency_ids": [str(new.id)], "reason": "a fourth"})
        if not is_open:
            for party in (cast.requesting, cast.neighbour):
                asked = await consent(party, found, asked["proposals"][-1])
        let_in = datetime.fromisoformat(asked["proposals"][-1]["agreed_at"])
        kept = {"evidence_location": "The vault (demo)"}
        joined = await confirm_agreement(await text(found, new, 1), new, "2021-06-01", **kept)
        assert datetime.fromisoformat(joined["parties"][3]["joined_at"]) == let_in
        assert joined["parties"][3]["signature"]["signed_on"] == "2021-06-01", "what it says stands"
        for party in (cast.assisting, cast.requesting, cast.neighbour):
            assert await in_force(new, party, let_in - TICK) == []
            assert len(await in_force(new, party)) == 1
        detail = remarks_of(joined)["signed_before_let_in"]
        assert "2021-06-01" in detail
        assert str(today()) in detail
        assert remarks_of(await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}"))["signed_before_let_in"]

    async def test_a_wet_signature_that_is_entered_counts_alike(self, service: Service, cast: Cast) -> None:
        found = await of_three(cast, open_to_accession=True)
        new = cast.stranger
        added = await act(cast.assisting, found, "add-parties", {"agency_ids": [str(new.id)], "reason": "a fourth"})
        kept = {"evidence_location": "The vault (demo)", "signed_on": "2021-06-01"}
        joined = await act(new, found, "sign", {**hand(added["version_sha256"]), **kept, "manner": "wet"})
        assert joined["parties"][3]["joined_at"] == added["proposals"][-1]["agreed_at"]

    async def test_whom_the_text_names_is_bound_since_it_signed(self, service: Service, cast: Cast) -> None:
        found = await of_three(cast)
        assert {day_of(each["joined_at"]) for each in found["parties"]} == {date(2021, 1, 1)}
        assert "signed_before_let_in" not in remarks_of(found)
