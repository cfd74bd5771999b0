"""Decides asks from facts and policies; pure, without clock or database, and independent of the order of arrival.

Cedar evaluates two actions for every agreement between the two agencies: whether the loan is grounded or barred
(`borrow`), and which conditions it brings (`attach_condition`). The best agreement is used, the others are listed.
"""

from collections.abc import Sequence

from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import (
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
from registry.sharing.policy.explain import near_misses
from registry.sharing.policy.facts import AgreementFacts, Facts, facts_digest
from registry.sharing.policy.telling import reason_of
from registry.sharing.policy.trial import Evaluation, evaluate_agreements

# Best first.
OUTCOMES: tuple[Outcome, ...] = ("permitted", "needs_approval", "denied")


def worse(outcome: Outcome, than: Outcome) -> bool:
    """Whether `outcome` is worse for the requesting agency than `than`: permitted, then needs_approval, then denied."""
    return OUTCOMES.index(outcome) > OUTCOMES.index(than)


def decide(facts: Facts, policies: PolicySet) -> Decision:
    """The decision on one ask. A policy that cannot be evaluated denies.

    Raises TypeError for facts that cannot be encoded.
    """
    return decide_page((facts,), policies)[0]


def replay(facts: Facts, policies: PolicySet) -> Decision:
    """Decide stored facts once more. Under the same policies the decision is the same; under others it may differ."""
    return decide(facts, policies)


def decide_page(page: Sequence[Facts], policies: PolicySet) -> list[Decision]:
    """The decisions on several asks, in order, each as from `decide`. Cedar is called once for all, which is faster."""
    return [
        _decision(facts, trials, policies)
        for facts, trials in zip(page, evaluate_agreements(page, policies), strict=True)
    ]


def best_first(trials: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations in order: best outcome, then fewest approvals, then latest effective date.

    Denials need no approval, so one with a ground and the fewest bars comes first, because its reasons are the most
    helpful. Remaining ties are settled by the agreement's id, so that the order of arrival has no effect.
    """
    return sorted(trials, key=_rank)


def _rank(trial: Evaluation) -> tuple[int, int, bool, int, float, int]:
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


def _decision(facts: Facts, trials: Sequence[Evaluation], policies: PolicySet) -> Decision:
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
        reasons=_reasons(facts, chosen),
        approvals=tuple(_approval(facts, policy, chosen.agreement) for policy in conditions if policy.approval),
        obligations=tuple(
            ObligationAttached(
                code=policy.obligation,
                title=policy.title,
                due=policy.due,
                policy_id=policy.id,
                layer=policy.layer,
                reason=reason_of(policy, facts, chosen.agreement),
                citation=policy.citation,
                clause=_clause(policy, chosen.agreement),
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


def _approval(facts: Facts, policy: Policy, agreement: AgreementFacts | None) -> ApprovalNeeded:
    assert policy.approval is not None
    side = policy.approval.side
    agency = facts.assisting if side == "assisting" else facts.requesting
    return ApprovalNeeded(
        role=policy.approval.role,
        side=side,
        agency_id=agency.id,
        policy_id=policy.id,
        layer=policy.layer,
        reason=reason_of(policy, facts, agreement),
    )


def _reasons(facts: Facts, trial: Evaluation) -> tuple[DecisionReason, ...]:
    """Errors; else bars and a missing ground; else the grounds and the required approvals."""
    agreement = trial.agreement
    if trial.faults:
        return tuple(_engine_reason("evaluation_error", fault.detail, fault.policy) for fault in trial.faults)
    reasons = [_reason(bar, "forbid", facts, agreement) for bar in trial.bars]
    if not trial.grounds:
        lacking = (
            f"Nothing in agreement {agreement.number} permits this loan."
            if agreement
            else "There is no agreement between the two agencies."
        )
        reasons.append(_engine_reason("no_ground", lacking, None))
    if not reasons:
        reasons = [_reason(ground, "permit", facts, agreement) for ground in trial.grounds]
        reasons += [_reason(policy, "condition", facts, agreement) for policy in trial.approvals]
    return tuple(reasons)


def _reason(policy: Policy, effect: ReasonEffect, facts: Facts, agreement: AgreementFacts | None) -> DecisionReason:
    return DecisionReason(
        policy_id=policy.id,
        layer=policy.layer,
        effect=effect,
        title=policy.title,
        reason=reason_of(policy, facts, agreement),
        citation=policy.citation,
        clause=_clause(policy, agreement),
    )


def _clause(policy: Policy, agreement: AgreementFacts | None) -> str | None:
    return agreement.clauses.get(policy.term) if agreement and policy.term else None


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
