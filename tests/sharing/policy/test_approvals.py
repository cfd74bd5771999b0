"""Approvals: who gives them, what they hold for, what voids them; and what each later step decides again."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import sqlalchemy as sa
from msgspec import structs

from registry.directory.agencies.queries import history
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import Conflict, DomainError, Forbidden, NotFound, WrongStatus
from registry.platform.ledger.schemas import HistoryQuery
from registry.sharing.policy.approvals import ApprovalAnswer, decision_status
from registry.sharing.policy.commands.deciding import revoke_decision
from registry.sharing.policy.decisions import ApprovalNeeded, Decision, PolicySetRef
from registry.sharing.policy.queries.getting import chain
from registry.sharing.policy.schemas.decided import RecordedDecision
from registry.sharing.policy.tables import policy_approval, policy_decision
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.policy import acting_for, answer_decision, decide_again, make_decision, status_at, window_of

pytestmark = pytest.mark.second_later

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
NEEDED = {"categories": ["any"], "approval_required": True}


async def _waiting(cast: Cast, **asset: Any) -> tuple[RecordedDecision, dict[str, Any]]:
    """A decision that needs the assisting agency's approval, and its asset."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=NEEDED)
    made = await make_asset(cast.assisting, **asset)
    decision = await make_decision(cast.requesting, made)
    assert decision.outcome == "needs_approval"
    return decision, made


async def _satisfied(agency: Agency, decision_id: UUID) -> bool:
    return (await status_at(agency, decision_id)).satisfied


def _rows(agency: Agency, decision_id: UUID) -> Any:
    counted = sa.select(sa.func.count()).where(policy_approval.c.decision_id == decision_id)
    return agency.service.database.read().value(counted)


def needing(need: ApprovalNeeded) -> Decision:
    """A decision for which that approval is needed."""
    return Decision(
        outcome="needs_approval",
        agreement=None,
        alternatives=(),
        reasons=(),
        approvals=(need,),
        obligations=(),
        near_misses=(),
        policy_set=PolicySetRef(digest="0" * 64, layers={}),
        input_digest="0" * 64,
        evaluated_at=NOON,
    )


def given(need: ApprovalNeeded, layer: str) -> ApprovalAnswer:
    """The answer to that need, under a policy of that layer."""
    return ApprovalAnswer(
        decision_id=uuid4(),
        policy_id=need.policy_id,
        layer=layer,
        role=need.role,
        side=need.side,
        agency_id=need.agency_id,
        ask_digest="ask",
        verdict="approved",
        reason="Why",
        given_by="a",
        given_at=NOON,
    )


@pytest.mark.parametrize("named", ["withdrawal", "decline", "suspension"])
def test_what_a_side_says_of_the_whole_ask_is_told_from_an_approval_by_its_layer(named: str) -> None:
    """An approval under a policy of that name, from before such names were refused, withdraws and declines nothing."""
    need = ApprovalNeeded(
        role="approver", side="assisting", agency_id=uuid4(), policy_id=named, layer="agency", reason="Why"
    )
    status = decision_status(needing(need), asked_by="b", ask_digest="ask", answers=[given(need, "agency")])
    assert (status.satisfied, status.ended) == (True, None)
    status = decision_status(needing(need), asked_by="b", ask_digest="ask", answers=[given(need, "engine")])
    assert status.ended == {"withdrawal": "withdrawn", "decline": "declined", "suspension": "suspended"}[named]


def test_an_approval_is_of_a_policy_of_its_layer() -> None:
    """Policies of two layers may come to have one id: what was approved for the one is not approved for the other."""
    need = ApprovalNeeded(
        role="approver", side="assisting", agency_id=uuid4(), policy_id="own_approval", layer="baseline", reason="Why"
    )

    def satisfied(layer: str) -> bool:
        answers = [given(need, layer)]
        return decision_status(needing(need), asked_by="b", ask_digest="ask", answers=answers).satisfied

    assert satisfied("baseline")
    assert not satisfied("agency")


async def test_an_approval_satisfies_the_decision_that_needed_it(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    status = await status_at(cast.assisting, made.id)
    assert not status.satisfied
    assert [(n.role, n.side, n.agency_id) for n in status.missing] == [("approver", "assisting", cast.assisting.id)]
    decision_status = await answer_decision(cast.assisting, made.id)
    assert decision_status.satisfied
    assert decision_status.missing == ()
    assert await _satisfied(cast.assisting, made.id)


async def test_a_permitted_decision_is_satisfied_and_needs_no_approval(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    made = await make_decision(cast.requesting, await make_asset(cast.assisting))
    assert made.outcome == "permitted"
    assert await _satisfied(cast.assisting, made.id)
    with pytest.raises(WrongStatus) as refused:
        await answer_decision(cast.assisting, made.id)
    assert refused.value.code == "nothing_to_approve"


async def test_a_denied_decision_is_never_satisfied(cast: Cast) -> None:
    made = await make_decision(cast.requesting, await make_asset(cast.assisting))
    assert made.outcome == "denied"
    assert not await _satisfied(cast.assisting, made.id)
    with pytest.raises(Conflict) as refused:
        await decide_again(cast.assisting, made.id, "reserve")
    assert refused.value.code == "decision_not_satisfied"


async def test_nobody_approves_what_they_asked_for_not_even_on_the_assisting_side(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=NEEDED)
    made = await make_decision(cast.requesting, await make_asset(cast.assisting), subject="both@example")
    for verdict in ("approved", "rejected"):
        with pytest.raises(Forbidden) as refused:
            await answer_decision(cast.assisting, made.id, verdict, subject="both@example")
        assert refused.value.code == "own_request"
    assert await _rows(cast.assisting, made.id) == 0


@pytest.mark.parametrize("roles", [(Role.COORDINATOR,), (Role.AGENCY_ADMIN,), (Role.SERVICE,), (Role.AUDITOR,)])
async def test_only_the_role_that_is_named_approves(cast: Cast, roles: tuple[Role, ...]) -> None:
    made, _ = await _waiting(cast)
    with pytest.raises(Forbidden):
        await answer_decision(cast.assisting, made.id, roles=roles)


async def test_each_role_gives_its_own_approval_and_all_are_needed(cast: Cast) -> None:
    terms = {**NEEDED, "reimbursement": {"model": "full"}}
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    flight = await make_asset(cast.assisting, category="aircraft.drone", certification_required=False)
    made = await make_decision(cast.requesting, flight)
    decision_status = await answer_decision(cast.assisting, made.id)
    assert [(need.role, need.policy_id) for need in decision_status.missing] == [("legal", "reimbursed_flight_review")]
    with pytest.raises(Conflict) as refused:
        await answer_decision(cast.assisting, made.id, subject="another approver")
    assert refused.value.code == "already_answered"
    counsel = (Role.APPROVER, Role.LEGAL)
    assert (await answer_decision(cast.assisting, made.id, roles=counsel)).satisfied


async def test_whoever_approved_may_also_take_the_next_step(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    await answer_decision(cast.assisting, made.id, subject="commander")
    reserved = await decide_again(cast.assisting, made.id, "reserve", subject="commander")
    assert await _satisfied(cast.assisting, reserved.id)


async def test_steps_at_the_same_moment_make_one_chain(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    made = await make_decision(cast.requesting, await make_asset(cast.assisting))
    await asyncio.gather(*(decide_again(cast.assisting, made.id, "reserve") for _ in range(6)))
    links = (await chain(cast.assisting.service.database.read(), made.id)).links
    assert len(links) == 7
    assert [link.previous_id for link in links[1:]] == [link.id for link in links[:-1]]


async def test_the_approver_of_the_other_side_does_not_approve(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    with pytest.raises(Forbidden) as refused:
        await answer_decision(cast.requesting, made.id)
    assert refused.value.code == "not_the_approver"


async def test_a_stranger_finds_nothing_to_approve(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    with pytest.raises(NotFound):
        await answer_decision(cast.stranger, made.id)
    with pytest.raises(NotFound):
        await answer_decision(cast.assisting, uuid4())


async def test_one_rejection_ends_it(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    decision_status = await answer_decision(cast.assisting, made.id, "rejected")
    assert decision_status.ended == "rejected"
    assert not decision_status.satisfied
    for step in (
        answer_decision(cast.assisting, made.id, subject="another approver"),
        decide_again(cast.assisting, made.id, "reserve"),
    ):
        with pytest.raises(WrongStatus) as refused:
            await step
        assert refused.value.code == "decision_rejected"


async def test_an_approval_is_given_once(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    await answer_decision(cast.assisting, made.id)
    with pytest.raises(Conflict) as refused:
        await answer_decision(cast.assisting, made.id, "rejected", subject="another approver")
    assert refused.value.code == "already_answered"
    assert await _satisfied(cast.assisting, made.id)


async def test_of_approvals_at_the_same_moment_one_is_kept(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    answers = await asyncio.gather(
        *(answer_decision(cast.assisting, made.id, subject=f"approver-{n}") for n in range(6)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, DomainError)]
    assert [error.code for error in refused] == ["already_answered"] * 5
    assert await _rows(cast.assisting, made.id) == 1


async def test_an_approval_holds_for_later_decisions_on_the_same_ask(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    await answer_decision(cast.assisting, made.id)
    approved = await decide_again(cast.assisting, made.id, "approve")
    reserved = await decide_again(cast.assisting, made.id, "reserve")
    for decision in (made, approved, reserved):
        assert await _satisfied(cast.assisting, decision.id)


async def test_whoever_repeats_an_ask_does_not_bring_their_own_approval_to_it(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    longer = window_of(hours=30)
    first = await decide_again(cast.requesting, made.id, "extend", window=longer, subject="extender")
    await answer_decision(cast.assisting, first.id, subject="both@example")
    assert await _satisfied(cast.assisting, first.id)
    again = await decide_again(cast.requesting, made.id, "extend", window=longer, subject="both@example")
    assert not await _satisfied(cast.assisting, again.id)
    await answer_decision(cast.assisting, again.id, subject="somebody else")
    assert await _satisfied(cast.assisting, again.id)


async def test_an_extension_is_another_ask_and_leaves_the_first_one_approved(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    await answer_decision(cast.assisting, made.id)
    out = await decide_again(cast.assisting, made.id, "dispatch")
    longer = await decide_again(cast.requesting, out.id, "extend", window=window_of(hours=30), subject="extender")
    assert longer.previous_id == out.id
    assert not await _satisfied(cast.assisting, longer.id)
    assert await _satisfied(cast.assisting, out.id)
    with pytest.raises(Forbidden) as refused:
        await answer_decision(cast.assisting, longer.id, subject="extender")
    assert refused.value.code == "own_request"
    await answer_decision(cast.assisting, longer.id)
    assert await _satisfied(cast.assisting, longer.id)


async def test_what_would_need_another_approval_is_another_asset_and_is_asked_for_anew(cast: Cast) -> None:
    made, asset = await _waiting(cast)
    await answer_decision(cast.assisting, made.id)
    path = f"/v1/assets/{asset['id']}"
    etag = (await cast.assisting.admin.get(path)).headers["etag"]
    await cast.assisting.admin.done("PATCH", path, {"funding": ["leso_1033"]}, if_match=etag)
    for step in ("approve", "reserve"):
        with pytest.raises(Conflict) as refused:
            await decide_again(cast.assisting, made.id, step)
        assert refused.value.code == "asset_changed"
        assert refused.value.extra["changed"] == ["funding"]


async def test_an_agreement_suspended_since_worsens_the_decision_and_nothing_is_recorded(cast: Cast) -> None:
    agreement = await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    made = await make_decision(cast.requesting, await make_asset(cast.assisting))
    await cast.assisting.legal.done("POST", f"/v1/agreements/{agreement['id']}/suspend", {"reason": "dispute (demo)"})
    with pytest.raises(Conflict) as refused:
        await decide_again(cast.assisting, made.id, "reserve")
    assert refused.value.code == "decision_worsened"
    assert refused.value.extra["outcome"] == "denied"
    reasons: Any = refused.value.extra["reasons"]
    assert "no_ground" in [reason["effect"] for reason in reasons]
    count = sa.select(sa.func.count()).where(policy_decision.c.root_decision_id == made.id)
    assert await cast.assisting.service.database.read().value(count) == 1


async def test_an_asset_out_of_service_changed_at_worsens_the_decision_at_every_step(cast: Cast) -> None:
    made, asset = await _waiting(cast)
    await answer_decision(cast.assisting, made.id)
    path = f"/v1/assets/{asset['id']}/take-out-of-service"
    await cast.assisting.admin.done("POST", path, {"reason": "ill (demo)"})
    for step in ("approve", "reserve", "extend", "dispatch"):
        with pytest.raises(Conflict) as refused:
            await decide_again(cast.assisting, made.id, step)
        assert refused.value.code == "decision_worsened"


async def test_a_withdrawn_ask_is_never_satisfied_again(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    await answer_decision(cast.assisting, made.id)
    approved = await decide_again(cast.assisting, made.id, "approve")
    for _ in range(2):
        async with unit_of_work(cast.requesting.service.database) as write:
            await revoke_decision(write, acting_for(cast.requesting, Role.COORDINATOR), made.id, "not needed (demo)")
    for decision in (made, approved):
        assert not await _satisfied(cast.assisting, decision.id)
        with pytest.raises(WrongStatus) as refused:
            await decide_again(cast.assisting, decision.id, "reserve")
        assert refused.value.code == "decision_withdrawn"
    shown = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{made.id}")
    assert shown["ended"] == "withdrawn"


async def test_a_policy_of_that_name_keeps_nobody_from_withdrawing(cast: Cast) -> None:
    """Its set is from before such names were refused; the approver's answer is no withdrawal."""
    made, _ = await _waiting(cast)
    (need,) = (await status_at(cast.assisting, made.id)).missing
    old = structs.replace(need, policy_id="withdrawal", layer="agency")
    answer = structs.replace(given(old, "agency"), decision_id=made.id)
    async with unit_of_work(cast.requesting.service.database) as write:
        await write.run(policy_approval.insert(), {"id": uuid4(), **structs.asdict(answer)})
    assert (await status_at(cast.assisting, made.id)).ended is None
    async with unit_of_work(cast.requesting.service.database) as write:
        await revoke_decision(write, acting_for(cast.requesting, Role.COORDINATOR), made.id, "not needed (demo)")
    assert (await status_at(cast.assisting, made.id)).ended == "withdrawn"


async def test_the_ledger_tells_of_decision_approval_and_withdrawal_to_both_sides(cast: Cast) -> None:
    made, _ = await _waiting(cast)
    await answer_decision(cast.assisting, made.id)
    async with unit_of_work(cast.requesting.service.database) as write:
        await revoke_decision(write, acting_for(cast.requesting, Role.COORDINATOR), made.id, "not needed (demo)")
    for side in (cast.requesting, cast.assisting):
        reader = acting_for(side, Role.AUDITOR).principal
        told = await history(side.service.database.read(), reader, "decision", made.id, HistoryQuery(sort="version"))
        events = msgspec.json.decode(msgspec.json.encode(told.items))
        assert [event["type"] for event in events] == ["decision.made", "decision.approved", "decision.withdrawn"]
        assert [event["subject"]["version"] for event in events] == [1, 2, 3]
