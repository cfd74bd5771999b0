"""What a set of policies has that does nothing, or undoes itself, as far as recorded and made-up cases show it. Pure.

Cedar evaluates each case, and what is found is what these cases show. It is no proof: a case that nobody asked and that
was not made up may come out otherwise. So the number of cases is told with what was found.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from math import prod
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from registry.platform.kernel.text import counted
from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.attributes import CONTAINERS
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import PolicyId
from registry.sharing.policy.facts import Facts, decode_facts, facts_bytes
from registry.sharing.policy.generating import (
    CATEGORY,
    KNOWN,
    Assignment,
    Pools,
    Value,
    changed,
    combinations,
    path_to,
    read_by,
    touching,
)
from registry.sharing.policy.meeting import values_that_meet
from registry.sharing.policy.trial import Evaluation, evaluate_agreements, withheld_terms_read

FindingKind = Literal["never", "always", "shadowed", "contradicting"]

MOST_GENERATED: Final = 2_000
"""So many cases are made up at first, for all policies alike; each has a few more in which it meets the others."""
MOST_ASKED: Final = 150_000
"""Policies times cases: what fits the time in which a set is examined."""
MOST_DECISIONS: Final = 500
DECISIONS_OF_DAYS: Final = 30
_AT_ONCE: Final = 100
_STARTS: Final = 2
_MOST_NAMED: Final = 5


class AnalysisEvidence(Struct, kw_only=True, frozen=True):
    """On how many cases the findings rest. They hold for these cases, and are no proof for others."""

    decisions: Annotated[int, Meta(description="Recorded decisions about what the agency was asked for.", ge=0)]
    left_out: Annotated[
        int,
        Meta(
            description="Recorded decisions that were not looked at: a policy reads a term there whose text is "
            "restricted, and what is found would tell of it.",
            ge=0,
        ),
    ]
    generated: Annotated[
        int, Meta(description="Cases made up of the values around those that the policies name.", ge=0)
    ]


class CaseValue(Struct, kw_only=True, frozen=True):
    """One attribute of a made-up case."""

    attribute: Annotated[str, Meta(description="As a policy names it.", examples=["context.ask.duration_hours"])]
    value: Annotated[str | None, Meta(description="Null where it is absent.", examples=["25"])]


class WitnessCase(Struct, kw_only=True, frozen=True):
    """A case that shows it: a recorded decision, or what a made-up one has in place of an ordinary loan's."""

    decision_id: UUID | None
    values: Annotated[
        tuple[CaseValue, ...], Meta(description="Of a made-up case what differs; none of a recorded decision.")
    ]


class AnalysisFinding(Struct, kw_only=True, frozen=True):
    """Something about a policy that is probably not meant. A set may be activated with it."""

    kind: Annotated[FindingKind, Meta(description="What is probably not meant about it.")]
    policy_id: PolicyId
    by: Annotated[tuple[PolicyId, ...], Meta(description="The other policies that it is about.")]
    detail: Annotated[str, Meta(description="In words.")]
    witness: Annotated[
        WitnessCase | None, Meta(description="A case that shows it; null for what is satisfied never or always.")
    ]


class Analysis(Struct, kw_only=True, frozen=True):
    """What is probably not meant in a policy set. Findings over so many cases, not a proof."""

    evidence: Annotated[AnalysisEvidence, Meta(description="On how many cases the findings rest.")]
    findings: Annotated[
        tuple[AnalysisFinding, ...],
        Meta(description="Policy by policy, in the order of their ids; the last, two bars."),
    ]


class Recorded(Struct, kw_only=True, frozen=True):
    """The facts of a recorded decision, as they are stored."""

    id: UUID
    facts: bytes


def analyse(
    policies: PolicySet,
    subjects: Sequence[Policy],
    ordinary: Facts,
    decisions: Iterable[Recorded] = (),
    most: int = MOST_GENERATED,
) -> Analysis:
    """What these policies of the set show, over recorded decisions and over cases made up from an `ordinary` loan.

    The ordinary loan has one agreement. The order of the policies makes no difference, nor does anything but the texts
    and the facts.
    """
    cases = _Cases(policies)
    read, left_out = 0, 0
    for each in decisions:
        facts = decode_facts(each.facts)
        if any(withheld_terms_read(policies.policies, agreement) for agreement in facts.agreements):
            left_out += 1
            continue
        read += 1
        cases.add(facts, _Label(decision_id=each.id))
    cases.evaluate()
    subjects = sorted(subjects, key=lambda policy: policy.key)
    recorded = len(cases.labels)
    _generate(cases, subjects, ordinary, min(most, MOST_ASKED // max(len(policies.policies), 1)))
    return Analysis(
        evidence=AnalysisEvidence(decisions=read, left_out=left_out, generated=len(cases.labels) - recorded),
        findings=tuple(_found(cases, policies, subjects)),
    )


class _Label(Struct, kw_only=True, frozen=True):
    decision_id: UUID | None = None
    values: tuple[tuple[str, Value], ...] = ()


_Bits: TypeAlias = int
"""A set of cases, by their numbers."""


class _Cases:
    """Cases, and in which of them each policy was asked and satisfied. What cannot be evaluated is no case."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._seen: set[bytes] = set()
        self.number_of: dict[bytes, int] = {}
        self._waiting: list[tuple[bytes, Facts, _Label]] = []
        self.labels: list[_Label] = []
        self.asked: dict[str, _Bits] = {}
        self.held: dict[str, _Bits] = {}

    def add(self, facts: Facts, label: _Label) -> bytes:
        """Have another case evaluated, unless it is one of those; what names it in `number_of`."""
        name = facts_bytes(facts)
        if name not in self._seen:
            self._seen.add(name)
            self._waiting.append((name, facts, label))
        return name

    def evaluate(self) -> None:
        """Evaluate those that were added since."""
        waiting, self._waiting = self._waiting, []
        for at in range(0, len(waiting), _AT_ONCE):
            some = waiting[at : at + _AT_ONCE]
            evaluated = evaluate_agreements([facts for _, facts, _ in some], self._policies)
            for (name, _, label), trials in zip(some, evaluated, strict=True):
                for trial in trials:
                    if not trial.faults:
                        self.number_of[name] = len(self.labels)
                        self._note(trial, label)

    def _note(self, trial: Evaluation, label: _Label) -> None:
        bit = 1 << len(self.labels)
        self.labels.append(label)
        for key in trial.selection.policies:
            self.asked[key] = self.asked.get(key, 0) | bit
        for policy in trial.satisfied:
            self.held[policy.key] = self.held.get(policy.key, 0) | bit

    def where_held(self, policy: Policy) -> _Bits:
        return self.held.get(policy.key, 0)

    def where_asked(self, policy: Policy) -> _Bits:
        return self.asked.get(policy.key, 0)


def _generate(cases: _Cases, subjects: Sequence[Policy], ordinary: Facts, most: int) -> None:
    """First what each policy reads by itself, then each beside the others: with them, and without them."""
    if not subjects:
        return
    pools, share = Pools(subjects, ordinary), max(most // (2 * len(subjects)), 4)
    tried: dict[str, list[_Tried]] = {}
    for policy in subjects:
        found = [(values, _add(cases, policy, ordinary, values)) for values in _alone(policy, ordinary, pools, share)]
        tried[policy.key] = [(values, name) for values, name in found if name is not None]
    categories = pools.categories()
    for code in categories:
        cases.add(changed(ordinary, {CATEGORY: code}) or ordinary, _Label(values=((CATEGORY, code),)))
    cases.evaluate()
    for policy in subjects:
        for values in _among_others(cases, policy, subjects, tried, categories, share):
            _add(cases, policy, ordinary, values)
    cases.evaluate()


def _alone(policy: Policy, ordinary: Facts, pools: Pools, share: int) -> Iterator[dict[str, Value]]:
    paths = read_by(policy)
    if policy.category is not None and policy.mentions == {policy.category}:
        paths = tuple(path for path in paths if path != CATEGORY)
    if not paths:
        yield {}
    elif prod(len(pools.of(path, policy)) for path in paths) > share:
        met = values_that_meet(policy, _start(policy, ordinary), pools)
        yield met
        yield from islice(({**met, path: value} for path in paths for value in pools.of(path, policy)), share)
    yield from combinations(paths, policy, pools, share)


_Tried: TypeAlias = tuple[Assignment, bytes]
"""Values that were tried, and the name of the case."""


def _add(cases: _Cases, policy: Policy, ordinary: Facts, values: Assignment) -> bytes | None:
    facts = changed(_start(policy, ordinary), values)
    return None if facts is None else cases.add(facts, _Label(values=_values(policy, values)))


def _start(policy: Policy, ordinary: Facts) -> Facts:
    """The ordinary loan, such that the policy is asked."""
    if policy.law is not None:
        ordinary = touching(ordinary, policy.law.touches[0])
    if policy.category is not None and policy.law is None:
        path = path_to(policy.category)
        ordinary = replace(ordinary, asset=replace(ordinary.asset, category=policy.category, category_path=path))
    return ordinary


def _values(policy: Policy, values: Assignment) -> tuple[tuple[str, Value], ...]:
    own = {} if policy.category is None else {CATEGORY: policy.category}
    law = {} if policy.law is None else {"law": policy.id}
    return tuple(sorted((own | law | dict(values)).items()))


def _among_others(
    cases: _Cases,
    policy: Policy,
    subjects: Sequence[Policy],
    tried: Mapping[str, Sequence[_Tried]],
    categories: Sequence[Value],
    share: int,
) -> Iterator[dict[str, Value]]:
    """Cases in which the policy is satisfied, and in which it is not, each without what else held there."""
    held = cases.where_held(policy)
    known = [(values, cases.number_of.get(name)) for values, name in tried[policy.key]]
    left = share
    for wanted in (True, False):
        fitting = [(each, number) for each, number in known if number is not None and (held >> number & 1) == wanted]
        others = {
            number: [q for q in subjects if q is not policy and cases.where_held(q) >> number & 1]
            for _, number in fitting
        }
        for values, number in sorted(fitting, key=lambda each: len(others[each[1]]))[:_STARTS]:
            every: dict[str, Value] = {}
            for other in others[number]:
                without = _without(cases, other, values, tried[other.key])
                if without and left:
                    left -= 1
                    yield {**without, **values}
                every = {**without, **every}
            if every:
                yield {**every, **values}
            if policy.category is None and CATEGORY not in values:
                yield from ({CATEGORY: code, **values} for code in islice(categories, share))


def _without(cases: _Cases, other: Policy, values: Assignment, tried: Sequence[_Tried]) -> dict[str, Value]:
    """Values of what another policy reads by which it was not satisfied, as far as these do not say otherwise."""
    held = cases.where_held(other)
    best: tuple[int, dict[str, Value]] | None = None
    for each, name in tried:
        number = cases.number_of.get(name)
        if number is None or held >> number & 1:
            continue
        disagree = sum(path in values and values[path] != value for path, value in each.items())
        if best is None or disagree < best[0]:
            best = disagree, {path: value for path, value in each.items() if path not in values}
    return {} if best is None else best[1]


def _found(cases: _Cases, policies: PolicySet, subjects: Sequence[Policy]) -> Iterator[AnalysisFinding]:
    for policy in subjects:
        held, asked = cases.where_held(policy), cases.where_asked(policy)
        if not held:
            if _is_understood(policy):
                yield _finding("never", policy, (), None, f"was satisfied in none of {_cases(asked)}")
            continue
        if _is_always(policy, held, asked):
            yield _finding("always", policy, (), None, f"was satisfied in all of {_cases(asked)}")
        yield from _shadowed(cases, policies, policy)
        yield from _left_no_case(cases, subjects, policy)
    yield from _opposite(cases, subjects)


def _is_understood(policy: Policy) -> bool:
    """Whether all that it reads was given values, so that what it does in no case is worth saying."""
    return policy.paths <= KNOWN | CONTAINERS


def _is_always(policy: Policy, held: _Bits, asked: _Bits) -> bool:
    """A policy without a condition is meant to hold always; of a bar on all that is asked for it is said still."""
    if not policy.template.clauses:
        return policy.effect == "forbid" and policy.category is None and policy.law is None
    return held == asked and _is_understood(policy)


def _shadowed(cases: _Cases, policies: PolicySet, policy: Policy) -> Iterator[AnalysisFinding]:
    held = cases.where_held(policy)
    for other in policies.policies:
        if other.key == policy.key or not _does_as_much(other, policy):
            continue
        its = cases.where_held(other)
        if held & ~its or (its == held and _order(policies, policy) < _order(policies, other)):
            continue
        alike = "bars the loan too" if policy.effect == "forbid" else "attaches the same"
        said = f"does nothing alone: whenever it was satisfied ({_cases(held)}), {other.id} {alike}"
        yield _finding("shadowed", policy, (other,), _witness(cases, held), said)
        return


def _order(policies: PolicySet, policy: Policy) -> int:
    """Where it stands among all; of two that are alike, the shipped one stays."""
    return [each.key for each in policies.policies].index(policy.key)


def _does_as_much(other: Policy, policy: Policy) -> bool:
    """Whether the other decides at least what the policy does; not what another state's law may lift."""
    if other.action != policy.action or other.effect != policy.effect or other.matter != policy.matter:
        return False
    if policy.action == "borrow":
        return policy.effect == "forbid" and (policy.matter is None or other.layer == policy.layer)
    same_approval = policy.approval is None or other.approval == policy.approval
    return policy.matter is None and same_approval and (policy.obligation is None or _duty(other) == _duty(policy))


def _duty(policy: Policy) -> tuple[object, ...]:
    return policy.obligation, policy.due, policy.owed_by, policy.within


def _left_no_case(cases: _Cases, subjects: Sequence[Policy], policy: Policy) -> Iterator[AnalysisFinding]:
    """A condition, or a ground, that a bar of the same layer leaves no case; else all bars of the layer together."""
    if policy.effect == "forbid":
        return
    held = cases.where_held(policy)
    bars = [each for each in subjects if each.effect == "forbid" and each.layer == policy.layer]
    alone = [each for each in bars if not held & ~cases.where_held(each)]
    together = [each for each in bars if held & cases.where_held(each)]
    if not alone and (not together or held & ~_union(cases, together)):
        return
    by = tuple(alone[:1] or together[:_MOST_NAMED])
    named = " and ".join(each.id for each in by)
    said = f"never takes effect: whenever it was satisfied ({_cases(held)}), {named} barred the loan"
    yield _finding("contradicting", policy, by, _witness(cases, held), said)


def _union(cases: _Cases, policies: Iterable[Policy]) -> _Bits:
    found = 0
    for each in policies:
        found |= cases.where_held(each)
    return found


def _opposite(cases: _Cases, subjects: Sequence[Policy]) -> Iterator[AnalysisFinding]:
    """Two bars of one layer that ask for opposite things: whatever is asked for, one of the two bars it."""
    bars = [each for each in subjects if each.effect == "forbid" and each.template.clauses and _is_understood(each)]
    for place, one in enumerate(bars):
        for other in bars[place + 1 :]:
            asked = cases.where_asked(one) & cases.where_asked(other)
            first, second = cases.where_held(one) & asked, cases.where_held(other) & asked
            if one.layer != other.layer or not asked or first == asked or second == asked or asked & ~(first | second):
                continue
            said = f"and {other.id} ask for opposite things: in all of {_cases(asked)} one of the two barred the loan"
            yield _finding("contradicting", one, (other,), _witness(cases, first or second), said)


def _cases(bits: _Bits) -> str:
    return counted(bits.bit_count(), "case")


def _finding(
    kind: FindingKind, policy: Policy, by: Sequence[Policy], witness: WitnessCase | None, said: str
) -> AnalysisFinding:
    return AnalysisFinding(
        kind=kind,
        policy_id=policy.id,
        by=tuple(each.id for each in by),
        detail=f"{policy.id} {said}.",
        witness=witness,
    )


def _witness(cases: _Cases, bits: _Bits) -> WitnessCase:
    """The first of these cases: a recorded one, where there is one."""
    label = cases.labels[(bits & -bits).bit_length() - 1]
    return WitnessCase(
        decision_id=label.decision_id,
        values=tuple(CaseValue(attribute=path, value=_written(value)) for path, value in label.values),
    )


def _written(value: Value) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple():
            return f"[{', '.join(value)}]"
    return str(value)
