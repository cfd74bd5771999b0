"""Near misses: what a denied request lacked, and the bound within which it would have passed.

Forbid wins over permit, so leaving one bar out helps only where it is the only one: that, and leaving out
all of them, is what Cedar would answer when asked again, and a test does ask it again.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from registry.kernel.money import Money
from registry.policy.annotations import Policy
from registry.policy.facts import AgreementFacts, Facts
from registry.policy.schemas import NearMiss, Outcome
from registry.policy.trial import Trial

MOST_SINGLE_REMOVALS = 16


def near_misses(facts: Facts, trials: Sequence[Trial]) -> tuple[NearMiss, ...]:
    """For each agreement the missing ground, or its bars left out one at a time (at most 16 in all) and
    together.
    """
    lacking: list[NearMiss] = []
    singles: list[NearMiss] = []
    together: list[NearMiss] = []
    for trial in trials:
        if trial.faults:
            continue
        if not trial.grounds:
            lacking.append(_lacking(facts, trial))
            continue
        singles.extend(_without(facts, trial, (bar,)) for bar in trial.bars)
        if len(trial.bars) > 1:
            together.append(_without(facts, trial, trial.bars))
    return (*lacking, *singles[:MOST_SINGLE_REMOVALS], *together)


def _without(facts: Facts, trial: Trial, removed: tuple[Policy, ...]) -> NearMiss:
    remaining = len(trial.bars) - len(removed)
    outcome: Outcome = "denied" if remaining else trial.outcome_unbarred
    said = " and ".join(bound_of(facts, trial.agreement, bar) for bar in removed)
    if outcome == "denied":
        others = "another bar remains" if remaining == 1 else f"{remaining} other bars remain"
        explanation = f"would pass this bar {said}, but {others}"
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


def _lacking(facts: Facts, trial: Trial) -> NearMiss:
    agreement = trial.agreement
    if agreement is None:
        return NearMiss(
            agreement_id=None,
            removed=(),
            outcome_then="denied" if trial.bars else None,
            explanation=" and ".join(["there is no agreement between the two agencies", *_withheld(facts)]),
        )
    gaps = [*_gaps(facts, agreement), *_withheld(facts)]
    return NearMiss(
        agreement_id=agreement.id,
        removed=(),
        outcome_then="denied" if trial.bars else trial.outcome_unbarred,
        explanation=" and ".join(gaps) or f"agreement {agreement.number} is no ground for this loan",
    )


def _gaps(facts: Facts, agreement: AgreementFacts) -> Iterator[str]:
    if not agreement.in_force:
        if agreement.effective_at > facts.now:
            yield f"agreement {agreement.number} is in force only from {_day(agreement.effective_at)}"
        elif agreement.covers_until is not None and agreement.covers_until <= facts.now:
            yield f"agreement {agreement.number} was in force only until {_day(agreement.covers_until)}"
        else:
            yield f"agreement {agreement.number} is not in force between the two agencies"
    if not agreement.covers_category:
        yield f"agreement {agreement.number} does not cover {facts.asset.category}"
    if not agreement.covers_direction:
        yield f"under agreement {agreement.number} the owner does not assist the agency that asks"


def _withheld(facts: Facts) -> Iterator[str]:
    if facts.asset.sharing == "private":
        yield "the asset is not shared with other agencies"


def bound_of(facts: Facts, agreement: AgreementFacts | None, bar: Policy) -> str:
    """What would satisfy the bar, from the term it names: "up to 72 h (clause 4.2)"; else the bar's own
    title.
    """
    if agreement is None or bar.term is None:
        return f"if “{bar.title}” did not apply"
    bound = _bound(facts, agreement, bar.term) or f"if “{bar.title}” did not apply"
    clause = agreement.clauses.get(bar.term)
    return f"{bound} (clause {clause})" if clause else bound


def _bound(facts: Facts, agreement: AgreementFacts, term: str) -> str | None:
    match term, getattr(agreement.terms, term, None):
        case "max_duration_hours", int(hours):
            return f"up to {hours} h"
        case "notice_hours", int(hours):
            return f"if asked at least {hours} h ahead"
        case "purposes", (_, *_) as purposes:
            return f"for one of these purposes: {', '.join(sorted(set(purposes)))}"
        case "least_priority", "emergency":
            return "in an emergency"
        case "least_priority", "urgent":
            return "if urgent"
        case "cost_ceiling_minor", int(ceiling):
            most = Money.from_minor(ceiling, facts.ask.currency)
            return f"at an estimated cost of at most {most.amount} {most.currency}"
        case "max_quantity", int(quantity):
            return f"for at most {quantity} {'unit' if quantity == 1 else 'units'}"
        case "insurance_required", True:
            return "with proof of current liability insurance"
        case "covers_until", _ if agreement.covers_until is not None:
            return f"if returned by {_day(agreement.covers_until)}, when agreement {agreement.number} ends"
        case "certifications", _:
            return _certified(facts)
    return None


def _certified(facts: Facts) -> str:
    first = facts.asset.first_to_lapse()
    if first is None or first.lapses_at is None:
        return "with a current certification on file"
    lapses = first.expires_on.isoformat() if first.expires_on else _day(first.lapses_at)
    return f"if the {first.code} certification, which lapses {lapses}, covered the return date"


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
