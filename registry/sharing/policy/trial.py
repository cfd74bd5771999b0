"""Evaluates each agreement with Cedar: what grounds the loan, what bars it, and which conditions it brings.

`borrow` and `attach_condition` are two actions, but they share every entity, and parsing a request costs Cedar as much
as evaluating it. So the handles of a selection contain the policies of both without the action, one request evaluates
both, and each satisfied policy is assigned to the action for which it was written. Cedar still lets forbid override
permit; this module ensures that a condition is not taken for a ground.
"""

import re
from collections.abc import Sequence

import cedarpy
import msgspec
from msgspec import Struct

from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.law.rules import Matter, Party, Side
from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.cedar import PolicySet, Selection
from registry.sharing.policy.decisions import Outcome
from registry.sharing.policy.entities import Scene
from registry.sharing.policy.facts import AgencyFacts, AgreementFacts, Facts

_FAULTY_POLICY = re.compile(r"error while evaluating policy `([^`]*)`")


class Fault(Struct, kw_only=True, frozen=True):
    """A policy that could not be evaluated; `policy` is None when the facts themselves could not be passed to Cedar."""

    policy: Policy | None
    detail: str


class Evaluation(Struct, kw_only=True, frozen=True):
    """The evaluation of one agreement. `conditions` and `grounds` are complete even when there are bars."""

    agreement: AgreementFacts | None
    selection: Selection
    grounds: tuple[Policy, ...] = ()
    bars: tuple[Policy, ...] = ()
    conditions: tuple[Policy, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def approvals(self) -> tuple[Policy, ...]:
        return tuple(p for p in self.conditions if p.approval is not None)

    @property
    def outcome(self) -> Outcome:
        """The outcome; an error, a bar, or a missing ground denies."""
        if self.faults or self.bars or not self.grounds:
            return "denied"
        return self.outcome_unbarred

    @property
    def outcome_unbarred(self) -> Outcome:
        """The outcome if nothing barred the loan and something grounded it."""
        return "needs_approval" if self.approvals else "permitted"


def evaluate_agreements(page: Sequence[Facts], policies: PolicySet) -> list[list[Evaluation]]:
    """For each of the facts one evaluation per agreement, or one without agreement when there is none.

    What has the same selection is sent to Cedar in one batch. Raises nothing: facts that Cedar cannot accept become an
    error of their evaluation.
    """
    numbers: list[int] = []
    by_selection: dict[Selection, list[_Asked]] = {}
    for number, facts in enumerate(page):
        matter = matter_of(facts)
        for agreement in facts.agreements or (None,):
            instrument = None if agreement is None else AgreementKind(agreement.kind)
            selection = policies.select(msgspec.structs.replace(matter, instrument=instrument), facts.assisting.id)
            by_selection.setdefault(selection, []).append((len(numbers), facts, agreement))
            numbers.append(number)
    told: list[Evaluation | None] = [None] * len(numbers)
    for selection, asked in by_selection.items():
        for (index, _, _), trial in zip(asked, _ask(selection, asked), strict=True):
            told[index] = trial
    found: list[list[Evaluation]] = [[] for _ in page]
    for number, one in zip(numbers, told, strict=True):
        assert one is not None
        found[number].append(one)
    return found


def matter_of(facts: Facts) -> Matter:
    """What the law asks about the loan, whatever the agreement."""
    sides: tuple[tuple[Side, AgencyFacts], ...] = (("requesting", facts.requesting), ("assisting", facts.assisting))
    return Matter(
        parties=tuple(Party(state=agency.state, kind=agency.kind, side=side) for side, agency in sides),
        categories=frozenset(facts.asset.category_path),
        purposes=frozenset((facts.ask.purpose,)),
    )


_Asked = tuple[int, Facts, AgreementFacts | None]


def _ask(selection: Selection, asked: Sequence[_Asked]) -> list[Evaluation]:
    scene = Scene(selection)
    for _, facts, agreement in asked:
        scene.ask(facts, agreement)
    try:
        entities = scene.entities()
    except ValueError as fault:
        # Cedar refuses the batch as a whole; one by one, only the faulty facts are denied.
        if len(asked) > 1:
            return [trial for one in asked for trial in _ask(selection, [one])]
        return [Evaluation(agreement=asked[0][2], selection=selection, faults=(Fault(policy=None, detail=str(fault)),))]
    answers = cedarpy.is_authorized_batch(scene.requests, selection.whole, entities)
    denied = [n for n, answer in enumerate(answers) if answer.decision is not cedarpy.Decision.Allow]
    # For a denial Cedar names only the bars; to get grounds and conditions, evaluate again without any forbid.
    again = cedarpy.is_authorized_batch([scene.requests[n] for n in denied], selection.unbarred, entities)
    unbarred = dict(zip(denied, again, strict=True))
    return [
        _read(selection, agreement, answer, unbarred.get(number))
        for number, ((_, _, agreement), answer) in enumerate(zip(asked, answers, strict=True))
    ]


def _read(
    selection: Selection,
    agreement: AgreementFacts | None,
    answer: cedarpy.AuthzResult,
    unbarred: cedarpy.AuthzResult | None,
) -> Evaluation:
    satisfied = selection.named(answer.diagnostics.reasons)
    permits = satisfied if unbarred is None else selection.named(unbarred.diagnostics.reasons)
    return Evaluation(
        agreement=agreement,
        selection=selection,
        grounds=tuple(p for p in permits if p.action == "borrow"),
        bars=() if unbarred is None else satisfied,
        conditions=tuple(p for p in permits if p.action == "attach_condition"),
        faults=_faults(selection, answer),
    )


def _faults(selection: Selection, answer: cedarpy.AuthzResult) -> tuple[Fault, ...]:
    errors = sorted(answer.diagnostics.errors)
    if not errors and answer.decision is cedarpy.Decision.NoDecision:
        errors = ["Cedar gave no decision"]
    faults = []
    for error in errors:
        named = _FAULTY_POLICY.search(error)
        faults.append(Fault(policy=selection.policies.get(named[1]) if named else None, detail=error))
    return tuple(faults)
