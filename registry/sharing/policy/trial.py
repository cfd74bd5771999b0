"""Evaluates each agreement with Cedar: what grounds the loan, what bars it, and which conditions it brings.

`borrow` and `attach_condition` are two actions, but they share every entity, and parsing a request costs Cedar as much
as evaluating it. So the handles of a selection contain the policies of both without the action, one request evaluates
both, and each satisfied policy is assigned to the action for which it was written. Cedar still lets forbid override
permit; this module ensures that a condition is not taken for a ground.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

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


class Contradiction(Struct, kw_only=True, frozen=True):
    """Two states' laws that point opposite ways: the one bars help in a matter, and the others demand it."""

    bar: Policy
    mandates: tuple[Policy, ...]

    @property
    def policies(self) -> tuple[Policy, ...]:
        """All of them, the bar first."""
        return (self.bar, *self.mandates)


class Evaluation(Struct, kw_only=True, frozen=True):
    """The evaluation of one agreement. `conditions` and `grounds` are complete even when there are bars.

    A bar of one state's law that another state's law opposes is no bar, but a contradiction, which people settle.
    `mandates` are all laws that demand help in a matter, opposed or not.
    """

    agreement: AgreementFacts | None
    selection: Selection
    grounds: tuple[Policy, ...] = ()
    bars: tuple[Policy, ...] = ()
    conditions: tuple[Policy, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    mandates: tuple[Policy, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def approvals_needed(self) -> int:
        """How many approvals it needs; for a contradiction, one of each side's counsel."""
        return len(self.approvals) + 2 * len(self.contradictions)

    @property
    def satisfied(self) -> tuple[Policy, ...]:
        """Every policy that is satisfied, whatever comes of it."""
        opposed = (each.bar for each in self.contradictions)
        return (*self.grounds, *self.bars, *opposed, *self.conditions, *self.mandates)

    @property
    def withheld(self) -> tuple[Policy, ...]:
        """The policies that may bar the loan, or ask for an approval, by a term of the agreement that is withheld.

        Which they are depends on texts alone: so does what is told, wherever it goes by this.
        """
        if self.agreement is None or not self.agreement.restricted:
            return ()
        return tuple(
            policy
            for policy in self.selection.policies.values()
            if (policy.effect == "forbid" or policy.approval is not None) and reads_withheld(policy, self.agreement)
        )

    @property
    def open_bars(self) -> tuple[Policy, ...]:
        """The bars that read no withheld term."""
        agreement = self.agreement
        if agreement is None or not agreement.restricted:
            return self.bars
        return tuple(bar for bar in self.bars if not reads_withheld(bar, agreement))

    @property
    def refused_by_withheld(self) -> bool:
        """Whether nothing but withheld terms bars the loan. Then the denial tells that they do, whatever is said."""
        return bool(self.grounds and self.bars and not self.open_bars)

    @property
    def bars_told(self) -> tuple[Policy, ...]:
        """The bars that are told. Beside another bar, or without a ground, a withheld term is not: the loan is denied
        without it, and who asks for what is denied anyway would find the bound by that.

        Where several withheld terms may have refused, which of them did is not told either: then there is none here.
        """
        if not self.refused_by_withheld:
            return self.open_bars
        terms = {bar.term if bar.term and bar.layer != "agency" else bar.id for bar in self.withheld_bars}
        return self.bars if len(terms) == 1 else ()

    @property
    def withheld_bars(self) -> tuple[Policy, ...]:
        """Of `withheld` those that bar."""
        return tuple(policy for policy in self.withheld if policy.effect == "forbid")

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
        return "needs_approval" if self.approvals_needed else "permitted"


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


def reads_withheld(policy: Policy, agreement: AgreementFacts) -> bool:
    """Whether the policy reads a term of the agreement whose text not everybody may read."""
    return not policy.terms_read.isdisjoint(agreement.restricted)


def withheld_terms_read(policies: Iterable[Policy], agreement: AgreementFacts) -> bool:
    """Whether any of these policies does."""
    return bool(agreement.restricted) and any(reads_withheld(policy, agreement) for policy in policies)


def evaluate_by(selection: Selection, page: Sequence[Facts]) -> list[Evaluation]:
    """One evaluation of each of the facts, which have one agreement at most, by this selection. Raises nothing."""
    agreements = (next(iter(facts.agreements), None) for facts in page)
    return _ask(selection, [(0, facts, agreement) for facts, agreement in zip(page, agreements, strict=True)])


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
    again = (
        cedarpy.is_authorized_batch([scene.requests[n] for n in denied], selection.unbarred, entities) if denied else []
    )
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
    mandates = tuple(p for p in permits if p.action == "attach_condition" and p.matter is not None)
    bars = () if unbarred is None else satisfied
    contradictions = tuple(_contradictions(bars, mandates)) if mandates else ()
    opposed = {contradiction.bar.key for contradiction in contradictions}
    return Evaluation(
        agreement=agreement,
        selection=selection,
        grounds=tuple(p for p in permits if p.action == "borrow"),
        bars=tuple(p for p in bars if p.key not in opposed),
        conditions=tuple(p for p in permits if p.action == "attach_condition" and p.matter is None),
        contradictions=contradictions,
        mandates=mandates,
        faults=_faults(selection, answer),
    )


def _contradictions(bars: Sequence[Policy], mandates: Sequence[Policy]) -> Iterator[Contradiction]:
    """Each bar that another state's law opposes in its matter, with what opposes it."""
    for bar in bars:
        against = tuple(each for each in mandates if each.matter == bar.matter and each.layer != bar.layer)
        if bar.matter is not None and against:
            yield Contradiction(bar=bar, mandates=against)


def _faults(selection: Selection, answer: cedarpy.AuthzResult) -> tuple[Fault, ...]:
    errors = sorted(answer.diagnostics.errors)
    if not errors and answer.decision is cedarpy.Decision.NoDecision:
        errors = ["Cedar gave no decision"]
    faults = []
    for error in errors:
        named = _FAULTY_POLICY.search(error)
        faults.append(Fault(policy=selection.policies.get(named[1]) if named else None, detail=error))
    return tuple(faults)
