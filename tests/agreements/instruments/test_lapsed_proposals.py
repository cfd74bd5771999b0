"""What nobody has agreed to comes to nothing by the course of time: with the last term, and with a dead successor."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.commands import ending, holding, proposing
from registry.agreements.instruments.queries.listing import list_agreements
from registry.agreements.instruments.schemas.asked import AgreementQuery
from registry.agreements.instruments.schemas.consenting import NewSuspensionProposal
from registry.agreements.instruments.schemas.given import WithdrawalNotice
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.time import civil_day, day_starts_at, utc_now
from tests.agreements.instruments.reporting import DAY, PATH, seen_at
from tests.agreements.instruments.test_in_force import CHICAGO, TICK
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import sign_agreement
from tests.support.cast import ZONE, Agency, Cast, today
from tests.support.consent import consent, end_agreement, propose_end
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Service


async def act(one: Agency, found: dict[str, Any], verb: str, body: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = await one.legal.done("POST", f"{PATH}/{found['id']}/{verb}", body)
    return done


async def waits_at(service: Service, one: Agency, found: dict[str, Any], now: datetime) -> bool:
    """Whether something in the agreement will wait for the agency then."""
    query = AgreementQuery(waiting_for_me=True, limit=200)
    principal = acting_for(one, Role.LEGAL).principal
    listed = await list_agreements(service.database.read(), principal, query, now)
    return UUID(found["id"]) in {each.id for each in listed.items}


class TestExpiry:
    async def test_what_waits_when_the_last_term_is_over_is_closed_whether_anything_runs_then_or_not(
        self, service: Service, cast: Cast
    ) -> None:
        last = today() + 20 * DAY
        found = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=last)
        over = day_starts_at(last + DAY, ZoneInfo(CHICAGO))
        await act(cast.assisting, found, "add-parties", {"agency_ids": [str(cast.neighbour.id)], "reason": "asked"})
        await act(cast.assisting, found, "propose-suspension", {"kind": "suspension", "reason": "a dispute"})
        proposed = await propose_end(cast.assisting, found)
        before = await seen_at(service, cast.requesting, found, over - TICK)
        assert [each.status for each in before.proposals] == ["open"] * 3
        assert await waits_at(service, cast.requesting, found, over - TICK)

        then = await seen_at(service, cast.requesting, found, over)
        assert {(each.status, each.closed_because) for each in then.proposals} == {("closed", "agreement_expired")}
        assert [each.outstanding for each in then.proposals] == [[], [], []]
        assert not any(each.allowed for proposal in then.proposals for each in proposal.allowed_actions)
        offered = {each.action: each.allowed for each in then.allowed_actions}
        assert not offered["add_parties"]
        for name in ("terminate", "propose_suspension"):
            assert offered[name], f"{name} of the days before is recorded with its evidence"
        assert not await waits_at(service, cast.requesting, found, over)
        late = acting_for(cast.requesting, Role.LEGAL, now=over)
        proposal_id = UUID(proposed["proposals"][-1]["id"])
        pause = NewSuspensionProposal(kind="suspension", reason="a dispute")
        async with unit_of_work(service.database) as write:
            with pytest.raises(WrongStatus):
                await proposing.consent(write, late, UUID(found["id"]), proposal_id, None, None)
        async with unit_of_work(service.database) as write:
            with pytest.raises(WrongStatus, match="expired"):
                await proposing.propose_suspension(write, late, UUID(found["id"]), pause, None)

        await holding.settle_all_due(service.database, over)
        history = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}/history")
        closed = [each["data"] for each in history["items"] if each["type"] == "agreement.proposal_closed"]
        assert [each["because"] for each in closed] == ["agreement_expired"] * 3

    async def test_a_renewal_that_is_signed_before_keeps_it_open(self, service: Service, cast: Cast) -> None:
        both, last = (cast.assisting, cast.requesting), today() + 20 * DAY
        found = await sign_agreement(service, *both, expires_on=last)
        await propose_end(cast.assisting, found)
        renewed = {"kind": "renewal", "expires_on": str(last + 365 * DAY), "signed_on": today()}
        await amended_on_paper(found, *both, effective_on=last + DAY, **renewed)
        then = await seen_at(service, cast.requesting, found, day_starts_at(last + DAY, ZoneInfo(CHICAGO)))
        assert [each.status for each in then.proposals] == ["open"]


class TestDeadSuccessor:
    async def test_a_supersession_comes_to_nothing_with_the_text_that_was_to_take_the_place(
        self, service: Service, cast: Cast
    ) -> None:
        everybody = (cast.assisting, cast.requesting, cast.neighbour)
        old = await sign_agreement(service, *everybody)
        new = await sign_agreement(service, cast.assisting, cast.requesting)
        said = await act(cast.assisting, old, "supersede", {"by_agreement_id": new["id"], "reason": "a new text"})
        await end_agreement(new, cast.assisting, cast.requesting)
        seen = await cast.neighbour.legal.done("GET", f"{PATH}/{old['id']}")
        assert [(p["status"], p["closed_because"]) for p in seen["proposals"]] == [("closed", "successor_ended")]
        assert [each["status"] for each in seen["reported_acts"]] == ["taken_back"]
        path = f"{PATH}/{old['id']}/proposals/{said['proposals'][0]['id']}/consent"
        assert_problem(await cast.neighbour.legal.post(path), 409, "wrong_status")
        other = await sign_agreement(service, *everybody)
        again = await act(cast.requesting, old, "supersede", {"by_agreement_id": other["id"], "reason": "another"})
        assert [each["status"] for each in again["proposals"]] == ["closed", "open"]

    async def test_one_that_only_expires_is_as_dead_at_any_instant(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        last = today() + 5 * DAY
        new = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=last)
        await act(cast.assisting, old, "supersede", {"by_agreement_id": new["id"], "reason": "a new text"})
        over = day_starts_at(last + DAY, ZoneInfo(CHICAGO))
        for at, status in ((over - TICK, "open"), (over, "closed")):
            then = await seen_at(service, cast.neighbour, old, at)
            assert [each.status for each in then.proposals] == [status]
            assert await waits_at(service, cast.neighbour, old, at) is (status == "open")


async def left(service: Service, one: Agency, found: dict[str, Any], then: datetime) -> None:
    """The party gives a notice of that instant."""
    notice = WithdrawalNotice(notice_on=civil_day(then, ZONE), reason="the council declined")
    async with unit_of_work(service.database) as write:
        leaver = acting_for(one, Role.LEGAL, now=then)
        await ending.give_notice(write, leaver, UUID(found["id"]), notice, None)


async def test_who_has_left_takes_nothing_back_and_bars_none_of_the_like(service: Service, cast: Cast) -> None:
    everybody = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *everybody, notice={"days": 2})
    proposed = await propose_end(cast.requesting, found)
    then = utc_now() + timedelta(days=10)
    await left(service, cast.requesting, found, utc_now())
    proposal_id = UUID(proposed["proposals"][0]["id"])
    leaver = acting_for(cast.requesting, Role.LEGAL, now=then)
    async with unit_of_work(service.database) as write:
        with pytest.raises(WrongStatus, match="not bound"):
            await proposing.take_back_proposal(write, leaver, UUID(found["id"]), proposal_id, "never mind", None)
    seen = await seen_at(service, cast.requesting, found, then)
    assert not any(each.allowed for each in seen.proposals[0].allowed_actions)
    others = await seen_at(service, cast.assisting, found, then)
    assert {each.action: each.allowed for each in others.allowed_actions}["terminate"]
    assert others.proposals[0].status == "open", "the others may still agree to it"
    still = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
    (offer,) = (each for each in still["proposals"][0]["allowed_actions"] if each["action"] == "take_back")
    assert offer["allowed"], "until its notice has run out it is bound"
    await consent(cast.assisting, found, proposed["proposals"][0])
