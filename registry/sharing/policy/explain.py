"""Near misses: what a denied request lacked, and within which limit it would have passed.

A forbid overrides a permit, so that leaving one bar out changes the outcome only if it is the only one. So near misses
are computed for each single bar and for all together; a test compares them with what Cedar decides without these bars.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import UNSET

from registry.platform.kernel.money import Money
from registry.platform.kernel.text import counted
from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.decisions import NearMiss, Outcome
from registry.sharing.policy.facts import AgreementFacts, Facts
from registry.sharing.policy.telling import instant_in_words, name_of, says_otherwise
from registry.sharing.policy.trial import Evaluation

MOST_SINGLE_REMOVALS = 16


def near_misses(facts: Facts, trials: Sequence[Evaluation]) -> tuple[NearMiss, ...]:
    """For each agreement, the missing ground, or its bars left out one at a time (at most 16 in all) and together."""
    lacking: list[NearMiss] = []
    singles: list[NearMiss] = []
    together: list[NearMiss] = []
    for trial in trials:
        if trial.faults:
            continue
        if not trial.grounds:
            lacking.append(_lacking(facts, trial))
            continue
        bars = trial.bars_told
        if trial.refused_by_withheld and not bars:
            singles.append(_withheld_only(trial))
            continue
        singles.extend(_without(facts, trial, (bar,)) for bar in bars)
        if len(bars) > 1:
            together.append(_without(facts, trial, bars))
    return (*lacking, *singles[:MOST_SINGLE_REMOVALS], *together)


def _without(facts: Facts, trial: Evaluation, removed: tuple[Policy, ...]) -> NearMiss:
    remaining = len(trial.bars_told) - len(removed)
    outcome: Outcome | None = "denied" if remaining else _outcome_without_bars(trial)
    said = " and ".join(bound_of(facts, trial.agreement, bar) for bar in removed)
    if outcome == "denied":
        others = "another bar remains" if remaining == 1 else f"{remaining} other bars remain"
        explanation = f"would pass this bar {said}, but {others}"
    elif outcome is None:
        explanation = f"would pass this bar {said}; whether {withheld_clauses(trial)} then allows it, asking so tells"
    elif outcome == "needs_approval":
        explanation = f"would be permitted, once approved, {said}"
    else:
        explanation = f"would be permitted {said}"
    return NearMiss(
        agreement_id=trial.agreement.id if trial.agreement else None,
        removed=tuple(bar.id for bar in removed),
        outcome_then=outcome,
        explanation=explanation,
    )


def _withheld_only(trial: Evaluation) -> NearMiss:
    agreement = trial.agreement
    assert agreement is not None
    return NearMiss(
        agreement_id=agreement.id,
        removed=(),
        outcome_then=None,
        explanation=f"agreement {agreement.number} does not allow it, by {withheld_clauses(trial, barring=True)}",
    )


def withheld_clauses(trial: Evaluation, *, barring: bool = False) -> str:
    """The clauses whose withheld terms may refuse, or ask for an approval: those that may, and not those that did."""
    agreement = trial.agreement
    assert agreement is not None
    policies = trial.withheld_bars if barring else trial.withheld
    terms = sorted({term for policy in policies for term in policy.terms_read.intersection(agreement.restricted)})
    clauses = list(dict.fromkeys(agreement.clauses[term] for term in terms if term in agreement.clauses))
    if not clauses:
        return "a restricted clause"
    return f"restricted clause{'s' if len(clauses) > 1 else ''} {' or '.join(clauses)}"


def _outcome_without_bars(trial: Evaluation) -> Outcome | None:
    """The outcome if none of the bars that are told held. None where a term that is withheld would show through it."""
    if trial.refused_by_withheld:
        return None if any(policy.approval for policy in trial.withheld) else trial.outcome_unbarred
    return None if trial.withheld else trial.outcome_unbarred


def _lacking(facts: Facts, trial: Evaluation) -> NearMiss:
    agreement = trial.agreement
    if agreement is None:
        return NearMiss(
            agreement_id=None,
            removed=(),
            outcome_then="denied" if trial.bars else None,
            explanation=" and ".join(["there is no agreement between the two agencies", *_withheld(facts)]),
        )
    return NearMiss(
        agreement_id=agreement.id,
        removed=(),
        outcome_then="denied" if trial.open_bars else _outcome_without_bars(trial),
        explanation=ground_lacking(facts, agreement),
    )


def ground_lacking(facts: Facts, agreement: AgreementFacts) -> str:
    """Why the agreement is no ground for the loan: the nearest reason, as far as it is known."""
    gaps = [*_gaps(facts, agreement), *_withheld(facts)]
    return " and ".join(gaps) or f"agreement {agreement.number} is no ground for this loan"


def _gaps(facts: Facts, agreement: AgreementFacts) -> Iterator[str]:
    if agreement.unsigned_by is not UNSET and not agreement.in_force:
        # What its text would allow is no matter of these two: only a signature makes it one.
        sides = " and ".join(f"the {side} agency" for side in agreement.unsigned_by)
        yield f"agreement {agreement.number} is not signed by {sides}"
        return
    if not agreement.in_force:
        if agreement.effective_at > facts.now:
            yield f"agreement {agreement.number} is in force only from {_at(agreement.effective_at, agreement)}"
        elif agreement.covers_until is not None and agreement.covers_until <= facts.now:
            yield f"agreement {agreement.number} was in force only until {_at(agreement.covers_until, agreement)}"
        else:
            yield f"agreement {agreement.number} is not in force between the two agencies"
    if not agreement.covers_category:
        yield f"agreement {agreement.number} does not cover “{name_of(facts.asset.category)}”"
    if not agreement.covers_direction:
        yield f"under agreement {agreement.number} the owner does not assist the requesting agency"


def _withheld(facts: Facts) -> Iterator[str]:
    if facts.asset.sharing == "private":
        yield "the asset is not shared with other agencies"


def bound_of(facts: Facts, agreement: AgreementFacts | None, bar: Policy) -> str:
    """What would satisfy the bar, by the term it names: "up to 72 hours (clause 4.2)"; else the bar's title.

    A bound goes only where its clause goes, and both sides' coordinators read a decision.
    """
    if agreement is None or bar.term is None:
        return f"if “{bar.title}” did not apply"
    clause = agreement.clauses.get(bar.term)
    if bar.term in agreement.restricted:
        return f"within a bound that restricted clause {clause} sets"
    bound = _bound(facts, agreement, bar.term) or f"if “{bar.title}” did not apply"
    if clause and says_otherwise(bar.term, agreement):
        return f"{bound} (recorded for clause {clause}, whose text says otherwise)"
    return f"{bound} (clause {clause})" if clause else bound


def _bound(facts: Facts, agreement: AgreementFacts, term: str) -> str | None:
    match term, getattr(agreement.terms, term, None):
        case "max_duration_hours", int(hours):
            return f"up to {counted(hours, 'hour')}"
        case "notice_hours", int(hours):
            return f"if asked at least {counted(hours, 'hour')} ahead"
        case "purposes", (_, *_) as purposes:
            return f"for one of these purposes: {', '.join(sorted(map(name_of, set(purposes))))}"
        case "least_priority", "emergency":
            return "in an emergency"
        case "least_priority", "urgent":
            return "if urgent"
        case "cost_ceiling_minor", int() if facts.ask.estimated_cost_minor is None:
            return "if its cost could be estimated, in the ceiling's currency, and kept the ceiling"
        case "cost_ceiling_minor", int(ceiling):
            most = Money.from_minor(ceiling, facts.ask.currency)
            return f"at an estimated cost of at most {most.amount} {most.currency}"
        case "max_quantity", int(quantity):
            with_others = " with what overlaps it" if facts.ask.overlapping else ""
            return f"for a quantity of at most {quantity}{with_others}"
        case "insurance_required", True:
            return "with proof of current liability insurance"
        case "covers_until", _ if agreement.covers_until is not None:
            return f"if returned by {_at(agreement.covers_until, agreement)}, when agreement {agreement.number} ends"
        case "certifications", _:
            return _certified(facts)
    return None


def _certified(facts: Facts) -> str:
    first = facts.asset.first_to_lapse()
    if first is None or first.lapses_at is None:
        return "with a current certification on file"
    lapses = first.expires_on.isoformat() if first.expires_on else instant_in_words(first.lapses_at)
    return f"if the {name_of(first.code)} certification, which lapses {lapses}, covered the return date"


def _at(at: datetime, agreement: AgreementFacts) -> str:
    """A boundary of the agreement, also as it is where the agreement is."""
    return instant_in_words(at, agreement.time_zone)
