"""Decides asks from facts and policies; pure, without clock or database, and independent of the order of arrival.

Cedar evaluates two actions for every agreement between the two agencies: whether the loan is grounded or barred
(`borrow`), and which conditions it brings (`attach_condition`). The best agreement is used, the others are listed.
"""

from collections.abc import Iterator, Sequence

from registry.sharing.policy.annotations import Policy, hours_within
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import (
    ENGINE_LAYER,
    ENGINE_REASONS,
    AgreementAlternative,
    AgreementTried,
    ApprovalNeeded,
    Decision,
    DecisionReason,
    ObligationAttached,
    Outcome,
    PolicySetRef,
    ReasonEffect,
    Side,
)
from registry.sharing.policy.explain import ground_lacking, near_misses, withheld_clauses
from registry.sharing.policy.facts import AgencyFacts, AgreementFacts, Facts, facts_digest
from registry.sharing.policy.telling import reason_of, texts_in_words, unstated_in_words
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
    """The evaluations in order: best outcome, then fewest approvals, then no withheld term, then latest effective date.

    An agreement that may refuse by a withheld term comes after one that does as well without: else which of the two is
    taken would tell where it refuses. Denials need no approval, so one with a ground and the fewest bars comes first,
    because its reasons are the most helpful; bars by withheld terms are counted as one, and not beside others.
    Remaining ties are settled by the agreement's id, so that the order of arrival has no effect.
    """
    return sorted(trials, key=_rank) if len(trials) > 1 else list(trials)


def _rank(trial: Evaluation) -> tuple[int, int, bool, bool, int, float, int]:
    outcome = trial.outcome
    return (
        OUTCOMES.index(outcome),
        0 if outcome == "denied" else trial.approvals_needed,
        outcome != "denied" and bool(trial.withheld),
        not trial.grounds,
        len(trial.open_bars) or int(trial.refused_by_withheld),
        *_latest(trial),
    )


def _latest(trial: Evaluation) -> tuple[float, int]:
    agreement = trial.agreement
    return (-agreement.effective_at.timestamp(), agreement.id.int) if agreement else (0.0, 0)


def _decision(facts: Facts, trials: Sequence[Evaluation], policies: PolicySet) -> Decision:
    ranked = best_first(trials)
    chosen, others = ranked[0], ranked[1:]
    outcome = chosen.outcome
    conditions = () if outcome == "denied" else chosen.conditions
    return Decision(
        outcome=outcome,
        agreement=_tried(chosen.agreement) if chosen.agreement else None,
        alternatives=tuple(_alternatives(others, outcome)),
        reasons=_reasons(facts, chosen),
        approvals=(
            *(_approval(facts, policy, chosen.agreement) for policy in conditions if policy.approval),
            *(() if outcome == "denied" else _of_counsel(facts, chosen)),
        ),
        obligations=tuple(
            ObligationAttached(
                code=policy.obligation,
                title=policy.title,
                due=policy.due,
                owed_by=policy.owed_by,
                within_hours=_hours_within(policy, chosen.agreement),
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


def _alternatives(others: Sequence[Evaluation], outcome: Outcome) -> Iterator[AgreementAlternative]:
    """The other agreements; what came of one that may refuse by a withheld term only where the outcome tells it.

    A denial does: nothing permitted the loan. Otherwise such an agreement stands behind the others, by its date, and
    nothing is said of it but that it was tried.
    """
    is_told = {id(trial): outcome == "denied" or not trial.withheld for trial in others}
    for trial in (
        *(trial for trial in others if is_told[id(trial)]),
        *sorted((trial for trial in others if not is_told[id(trial)]), key=_latest),
    ):
        if trial.agreement is None:
            continue
        told = is_told[id(trial)]
        yield AgreementAlternative(
            agreement=_tried(trial.agreement),
            outcome=trial.outcome if told else None,
            approvals=(0 if trial.outcome == "denied" else trial.approvals_needed) if told else None,
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


def _of_counsel(facts: Facts, trial: Evaluation) -> Iterator[ApprovalNeeded]:
    """The approvals of both sides' counsel for each contradiction of laws; under the policy that bars, naming all."""
    for contradiction in trial.contradictions:
        said = [f"{each.reason} ({each.citation})" if each.citation else each.reason for each in contradiction.policies]
        sides: tuple[tuple[Side, AgencyFacts], ...] = (
            ("assisting", facts.assisting),
            ("requesting", facts.requesting),
        )
        for side, agency in sides:
            yield ApprovalNeeded(
                role="legal",
                side=side,
                agency_id=agency.id,
                policy_id=contradiction.bar.id,
                layer=contradiction.bar.layer,
                reason=f"{' '.join(said)} Two laws point opposite ways: counsel of both agencies decide which holds.",
            )


def _reasons(facts: Facts, trial: Evaluation) -> tuple[DecisionReason, ...]:
    """Errors; else bars and a missing ground; else the grounds, the required approvals, and what is not stated.

    Behind them by which of several texts of the agreement it is decided.
    """
    agreement = trial.agreement
    if trial.faults:
        return tuple(_engine_reason("evaluation_error", fault.detail, fault.policy) for fault in trial.faults)
    reasons = [_reason(bar, "forbid", facts, agreement) for bar in trial.bars_told]
    if trial.refused_by_withheld and not reasons:
        assert agreement is not None
        by = withheld_clauses(trial, barring=True)
        reasons.append(
            _engine_reason("forbid", f"Agreement {agreement.number} does not allow this loan, by {by}.", None)
        )
    if not trial.grounds:
        lacking = "There is no agreement between the two agencies."
        if agreement is not None:
            why = ground_lacking(facts, agreement)
            lacking = f"Nothing in agreement {agreement.number} permits this loan: {why}."
        reasons.append(_engine_reason("no_ground", lacking, None))
    if not reasons:
        reasons = [_reason(ground, "permit", facts, agreement) for ground in trial.grounds]
        reasons += [_reason(policy, "condition", facts, agreement) for policy in trial.approvals]
        reasons += [_reason(p, "contradicts", facts, agreement) for p in dict.fromkeys(_contradicting(trial))]
        reasons += _of_silence(facts, agreement)
    return (*reasons, *_of_texts(facts, agreement))


def _of_silence(facts: Facts, agreement: AgreementFacts | None) -> list[DecisionReason]:
    """What a loan that is not refused rests on besides: that the agreement does not say what could limit it."""
    said = None if agreement is None else unstated_in_words(facts, agreement)
    return [] if said is None else [_engine_reason("unstated", said, None)]


def _of_texts(facts: Facts, agreement: AgreementFacts | None) -> list[DecisionReason]:
    """By which text it is decided, where the agreement changes its text between now and the end of the loan."""
    said = None if agreement is None else texts_in_words(facts, agreement)
    return [] if said is None else [_engine_reason("text", said, None)]


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


def _hours_within(policy: Policy, agreement: AgreementFacts | None) -> int | None:
    """The time that the obligation leaves. The figure of a restricted clause goes only where the clause goes."""
    told = agreement is not None and policy.term not in agreement.restricted
    return hours_within(policy, agreement.terms if agreement is not None and told else None)


def _contradicting(trial: Evaluation) -> Iterator[Policy]:
    """The policies in contradiction, each bar and then what opposes it."""
    for contradiction in trial.contradictions:
        yield from contradiction.policies


def _clause(policy: Policy, agreement: AgreementFacts | None) -> str | None:
    return agreement.clauses.get(policy.term) if agreement and policy.term else None


_ENGINE_TITLES: dict[ReasonEffect, str] = {
    "no_ground": "No ground for this loan",
    "unstated": "What the agreement does not state",
    "text": "The agreement changes its text",
    "forbid": "A term that is withheld refuses",
    "evaluation_error": "A policy could not be evaluated",
}


def _engine_reason(effect: ReasonEffect, detail: str, policy: Policy | None) -> DecisionReason:
    return DecisionReason(
        policy_id=policy.id if policy else ENGINE_REASONS[effect],
        layer=policy.layer if policy else ENGINE_LAYER,
        effect=effect,
        title=_ENGINE_TITLES[effect],
        reason=detail,
        citation=policy.citation if policy else None,
        clause=None,
    )
