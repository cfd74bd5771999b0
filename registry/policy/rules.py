"""Decides what is asked, purely from facts and policies: no clock, no database, no order of arrival.

Cedar answers two questions about every agreement between the two agencies: is the loan grounded or barred
(`borrow`), and what does it bring with it (`attach_condition`). The best agreement wins, the rest are listed.
"""

from collections.abc import Sequence

from registry.policy.annotations import Policy
from registry.policy.cedar import PolicySet
from registry.policy.explain import near_misses
from registry.policy.facts import AgreementFacts, Facts, facts_digest
from registry.policy.schemas import (
    AgreementAlternative,
    AgreementTried,
    ApprovalNeeded,
    Decision,
    DecisionReason,
    ObligationAttached,
    Outcome,
    PolicySetRef,
    ReasonEffect,
)
from registry.policy.trial import Trial, try_agreements

# Best first.
OUTCOMES: tuple[Outcome, ...] = ("permitted", "needs_approval", "denied")


def worse(outcome: Outcome, than: Outcome) -> bool:
    """Whether `outcome` is worse for the requesting agency: permitted, then needs_approval, then denied."""
    return OUTCOMES.index(outcome) > OUTCOMES.index(than)


def decide(facts: Facts, policies: PolicySet) -> Decision:
    """The decision on one ask. Never raises for what the facts say: what cannot be evaluated is denied."""
    return decide_page((facts,), policies)[0]


def replay(facts: Facts, policies: PolicySet) -> Decision:
    """A past decision again, from its kept facts: equal under its own policies, the difference under
    today's.
    """
    return decide(facts, policies)


def decide_page(page: Sequence[Facts], policies: PolicySet) -> list[Decision]:
    """The decision on each, in order, as `decide` gives it; asking Cedar together is what makes a page
    fast.
    """
    return [
        _decision(facts, trials, policies) for facts, trials in zip(page, try_agreements(page, policies), strict=True)
    ]


def best_first(trials: Sequence[Trial]) -> list[Trial]:
    """Best outcome, then fewest approvals, then latest effective date.

    Denials all need no approval, so among them one with a ground and the fewest bars goes first: it is the
    one whose reasons help. The agreement's id settles what is left, so that order of arrival never shows.
    """
    return sorted(trials, key=_rank)


def _rank(trial: Trial) -> tuple[int, int, bool, int, float, int]:
    outcome = trial.outcome
    agreement = trial.agreement
    return (
        OUTCOMES.index(outcome),
        0 if outcome == "denied" else len(trial.approvals),
        not trial.grounds,
        len(trial.bars),
        -agreement.effective_at.timestamp() if agreement else 0.0,
        agreement.id.int if agreement else 0,
    )


def _decision(facts: Facts, trials: Sequence[Trial], policies: PolicySet) -> Decision:
    ranked = best_first(trials)
    chosen, others = ranked[0], ranked[1:]
    outcome = chosen.outcome
    conditions = () if outcome == "denied" else chosen.conditions
    return Decision(
        outcome=outcome,
        agreement=_tried(chosen.agreement) if chosen.agreement else None,
        alternatives=tuple(
            AgreementAlternative(
                agreement=_tried(trial.agreement),
                outcome=trial.outcome,
                approvals=0 if trial.outcome == "denied" else len(trial.approvals),
            )
            for trial in others
            if trial.agreement
        ),
        reasons=_reasons(chosen),
        approvals=tuple(_approval(facts, policy) for policy in conditions if policy.approval),
        obligations=tuple(
            ObligationAttached(
                code=policy.obligation,
                title=policy.title,
                due=policy.due,
                policy_id=policy.id,
                citation=policy.citation,
            )
            for policy in conditions
            if policy.obligation and policy.due
        ),
        near_misses=near_misses(facts, ranked) if outcome == "denied" else (),
        policy_set=PolicySetRef(digest=policies.digest, layers=chosen.selection.layers),
        input_digest=facts_digest(facts),
        evaluated_at=facts.now,
    )


def _tried(agreement: AgreementFacts) -> AgreementTried:
    return AgreementTried(
        agreement_id=agreement.id,
        number=agreement.number,
        version_id=agreement.version_id,
        version_no=agreement.version_no,
    )


def _approval(facts: Facts, policy: Policy) -> ApprovalNeeded:
    assert policy.approval is not None
    side = policy.approval.side
    agency = facts.assisting if side == "assisting" else facts.requesting
    return ApprovalNeeded(
        role=policy.approval.role, side=side, agency_id=agency.id, policy_id=policy.id, reason=policy.reason
    )


def _reasons(trial: Trial) -> tuple[DecisionReason, ...]:
    """Faults, else bars and a missing ground, else the grounds and the approvals they are subject to."""
    agreement = trial.agreement
    if trial.faults:
        return tuple(_engine_reason("evaluation_error", fault.detail, fault.policy) for fault in trial.faults)
    reasons = [_reason(bar, "forbid", agreement) for bar in trial.bars]
    if not trial.grounds:
        lacking = (
            f"Nothing in agreement {agreement.number} permits this loan."
            if agreement
            else "There is no agreement between the two agencies."
        )
        reasons.append(_engine_reason("no_ground", lacking, None))
    if not reasons:
        reasons = [_reason(ground, "permit", agreement) for ground in trial.grounds]
        reasons += [_reason(policy, "condition", agreement) for policy in trial.approvals]
    return tuple(reasons)


def _reason(policy: Policy, effect: ReasonEffect, agreement: AgreementFacts | None) -> DecisionReason:
    return DecisionReason(
        policy_id=policy.id,
        layer=policy.layer,
        effect=effect,
        title=policy.title,
        reason=policy.reason,
        citation=policy.citation,
        clause=agreement.clauses.get(policy.term) if agreement and policy.term else None,
    )


_ENGINE_TITLES: dict[ReasonEffect, str] = {
    "no_ground": "No ground for this loan",
    "evaluation_error": "A policy could not be evaluated",
}


def _engine_reason(effect: ReasonEffect, detail: str, policy: Policy | None) -> DecisionReason:
    return DecisionReason(
        policy_id=policy.id if policy else effect,
        layer=policy.layer if policy else "engine",
        effect=effect,
        title=_ENGINE_TITLES[effect],
        reason=detail,
        citation=policy.citation if policy else None,
        clause=None,
    )
