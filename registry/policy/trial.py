"""Asks Cedar about each agreement in turn: what grounds the loan, what bars it, what it brings with it.

`borrow` and `attach_condition` are two questions, but they share every entity, and reading a request costs
Cedar as much as answering it. So a selection's handles hold the policies of both with the action taken off,
one request asks both, and each satisfied policy is sorted by the action it was written for. Cedar still
lets forbid win over permit; that an attached condition is no ground is this module's to keep.
"""

import re
from collections.abc import Sequence

import cedarpy
from msgspec import Struct

from registry.policy.annotations import Policy
from registry.policy.cedar import PolicySet, Selection
from registry.policy.facts import AgreementFacts, Facts
from registry.policy.schemas import Outcome
from registry.policy.vocabulary import Scene

_FAULTY_POLICY = re.compile(r"error while evaluating policy `([^`]*)`")


class Fault(Struct, kw_only=True, frozen=True):
    """A policy that could not be evaluated, or None when the facts themselves could not be put to Cedar."""

    policy: Policy | None
    detail: str


class Trial(Struct, kw_only=True, frozen=True):
    """What Cedar said about one agreement. `conditions` and `grounds` are complete even where bars are
    satisfied.
    """

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
        """Closed on every doubt: a fault, a bar, or no ground at all denies."""
        if self.faults or self.bars or not self.grounds:
            return "denied"
        return self.outcome_unbarred

    @property
    def outcome_unbarred(self) -> Outcome:
        """The outcome if nothing barred the loan and something grounded it."""
        return "needs_approval" if self.approvals else "permitted"


def try_agreements(page: Sequence[Facts], policies: PolicySet) -> list[list[Trial]]:
    """For each facts of the page one trial per agreement, or one without any where there is no agreement.

    Facts with the same selection go to Cedar in one batch. Nothing is raised: what Cedar cannot take
    becomes a fault.
    """
    found: list[list[Trial]] = [[] for _ in page]
    by_selection: dict[Selection, list[int]] = {}
    for number, facts in enumerate(page):
        states = (facts.requesting.state, facts.assisting.state)
        selection = policies.select(states, facts.asset.agency_id, facts.asset.category_path)
        by_selection.setdefault(selection, []).append(number)
    for selection, numbers in by_selection.items():
        asked = [(n, page[n], agreement) for n in numbers for agreement in page[n].agreements or (None,)]
        for (number, _, _), trial in zip(asked, _ask(selection, asked), strict=True):
            found[number].append(trial)
    return found


_Asked = tuple[int, Facts, AgreementFacts | None]


def _ask(selection: Selection, asked: Sequence[_Asked]) -> list[Trial]:
    scene = Scene(selection)
    for _, facts, agreement in asked:
        scene.ask(facts, agreement)
    try:
        entities = scene.entities()
    except ValueError as fault:
        # Cedar refuses the batch as a whole; asked one by one, only the facts at fault are denied.
        if len(asked) > 1:
            return [trial for one in asked for trial in _ask(selection, [one])]
        return [Trial(agreement=asked[0][2], selection=selection, faults=(Fault(policy=None, detail=str(fault)),))]
    answers = cedarpy.is_authorized_batch(scene.requests, selection.whole, entities)
    denied = [n for n, answer in enumerate(answers) if answer.decision is not cedarpy.Decision.Allow]
    # A denial names only the bars; the grounds and conditions show when every forbid is left out.
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
) -> Trial:
    satisfied = selection.named(answer.diagnostics.reasons)
    permits = satisfied if unbarred is None else selection.named(unbarred.diagnostics.reasons)
    return Trial(
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
