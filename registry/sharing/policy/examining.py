"""Whether an agency's own policy set may be activated: everything that is wrong with it, each with its place.

The shipped sets are read all or nothing and name their first fault. Whoever writes a set over the API wants to hear of
all of them at once, and where each is.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, pairwise
from uuid import UUID

import cedarpy
from msgspec import Struct, structs

from registry.sharing.policy.analysing import Analysis, Recorded, analyse
from registry.sharing.policy.annotations import Policy, PolicySetError, read_policy, too_little_said
from registry.sharing.policy.cedar import AGENCY_FILE, PolicySet, agency_layer
from registry.sharing.policy.locating import PolicyFault, PolicyText, in_lines, policies_in, unseen_in
from registry.sharing.policy.standard_rules import StandardRule, cedar_of, rule_id
from registry.sharing.policy.testing import (
    CasesUnreadableError,
    Cast,
    build_facts,
    own_agency,
    read_case_text,
    report_on,
)

MOST_POLICIES = 200
MOST_CASES = 200
MOST_FAULTS = 100
MOST_EVALUATIONS = 40_000
"""Policies times the agreements of all cases: 200 cases of 200 policies, each under one agreement."""
_AS_WRITTEN = "policy0"


class PolicySetText(Struct, kw_only=True, frozen=True):
    """What an agency sends: policies in Cedar, standard rules, and the cases that test the policies."""

    cedar: str
    rules: tuple[StandardRule, ...]
    tests: str

    @property
    def whole(self) -> str:
        """The Cedar text of all of it, the rules first, in the lines in which it is examined."""
        parts = (in_lines(part).strip("\n \t") for part in (cedar_of(self.rules), self.cedar))
        return "\n\n".join(part for part in parts if part) + "\n"


class KnownWords(Struct, kw_only=True, frozen=True):
    """The codes that an agency may name; a policy about another one would never apply."""

    categories: Collection[str]
    purposes: Collection[str]


class AskedOf(Struct, kw_only=True, frozen=True):
    """The agency whose set it is, and recorded decisions about what it was asked for."""

    owner: UUID
    decisions: tuple[Recorded, ...]


class Examination(Struct, kw_only=True, frozen=True):
    """What came of it, the first hundred faults. `cases` is how many were run: none, while the policies have faults.

    A set without faults is analysed.
    """

    faults: tuple[PolicyFault, ...]
    policies: int
    cases: int
    analysis: Analysis | None = None


class Examiner:
    """Examines sets by the policies that are shipped, beside which they are asked, and the cast of their tests."""

    def __init__(self, shipped: PolicySet, cast: Cast) -> None:
        self._shipped = shipped
        self._cast = cast

    def examine(self, given: PolicySetText, known: KnownWords, asked: AskedOf | None = None) -> Examination:
        """Everything that is wrong with a set; without faults also what is probably not meant in it.

        `asked` is what the agency was asked for; without it cases are made up alone.
        """
        found = _examine(given, self._shipped, self._cast, known)
        if found.faults:
            return found
        return structs.replace(found, analysis=self._analysed(given, asked))

    def _analysed(self, given: PolicySetText, asked: AskedOf | None) -> Analysis:
        ordinary = build_facts(self._cast, {})
        decisions: tuple[Recorded, ...] = ()
        if asked is not None:
            owner = structs.replace(ordinary.assisting, id=asked.owner)
            asset = structs.replace(ordinary.asset, agency_id=asked.owner)
            ordinary, decisions = structs.replace(ordinary, assisting=owner, asset=asset), asked.decisions
        policies = self._shipped.with_agency(ordinary.assisting.id, given.whole)
        return analyse(policies, policies.agency_policies, ordinary, decisions)


def _examine(given: PolicySetText, shipped: PolicySet, cast: Cast, known: KnownWords) -> Examination:
    """Its text, then its standard rules, then what its cases show."""
    cedar = in_lines(given.cedar)
    if unseen := [*unseen_in(cedar, "cedar"), *unseen_in(given.tests, "tests")]:
        return _refused(0, *unseen)
    policies = policies_in(cedar)
    many = len(policies) + len(given.rules)
    if many > MOST_POLICIES:
        return _refused(many, _fault("cedar", f"a set has at most {MOST_POLICIES} policies and rules, this has {many}"))
    if not many:
        return _refused(0, _fault("cedar", "there is neither a policy nor a rule"))
    if too_much := [fault for each in policies if (fault := each.too_much()) is not None]:
        return _refused(many, *too_much)
    read = [(each, *_read(each, shipped.schema)) for each in policies]
    written = [(each, policy) for each, policy, _ in read if policy is not None]
    faults = [
        *chain.from_iterable(found for _, _, found in read),
        *_of_ids(written, given.rules, shipped),
        *_of_categories(written, known),
        *_of_rules(given.rules, known),
    ]
    if faults:
        return _refused(many, *faults)
    try:
        agency_layer(given.whole, shipped.schema, shipped.titles)
    except PolicySetError as refused:
        return _refused(many, _fault("cedar", refused.detail))
    cases, failed = _tested(given, shipped, cast, [policy for _, policy in written])
    return Examination(faults=tuple(failed[:MOST_FAULTS]), policies=many, cases=cases)


def _refused(policies: int, *faults: PolicyFault) -> Examination:
    return Examination(faults=faults[:MOST_FAULTS], policies=policies, cases=0)


def _fault(source: str, detail: str, *, policy_id: str | None = None, text: str | None = None) -> PolicyFault:
    return PolicyFault(source=source, policy_id=policy_id, line=None, column=None, text=text, detail=detail)


def _complaint(text: str) -> str | None:
    """What Cedar says of a text that it cannot read; None for one that it can."""
    try:
        cedarpy.policies_to_pst(text)
    except ValueError as fault:
        return str(fault)
    return None


def _read(given: PolicyText, schema: cedarpy.Schema) -> tuple[Policy | None, list[PolicyFault]]:
    """One policy, unless it has faults."""
    if (fault := given.unreadable(_complaint)) is not None:
        return None, [fault]
    parsed = cedarpy.policies_to_pst(given.text)
    if parsed.templates:
        return None, [given.fault("templates with slots are not supported", given.named("?"))]
    if len(parsed.static_policies) != 1:
        return None, [given.fault("Cedar reads other policies in it than stand in it")]
    found = [
        given.fault(said, given.named(said))
        for said in dict.fromkeys(
            error.error.removeprefix(f"for policy `{_AS_WRITTEN}`, ")
            for error in cedarpy.validate_policies(given.text, schema).errors
        )
    ]
    template = parsed.static_policies[_AS_WRITTEN]
    try:
        policy = read_policy("agency", AGENCY_FILE, given.policy_id or "", template, None)
    except PolicySetError as refused:
        said = refused.detail.partition(": ")[2]
        return None, [*found, given.fault(said, given.named(said))]
    if (lacking := too_little_said(template.annotations["reason"])) is not None:
        found.append(given.fault(lacking, given.named(lacking)))
    return (None if found else policy), found


def _of_ids(
    written: Sequence[tuple[PolicyText, Policy]], rules: Sequence[StandardRule], shipped: PolicySet
) -> Iterator[PolicyFault]:
    """Each `@id` is once among the agency's own, and none of the registry's: an approval is given by its name."""
    taken = set(shipped.titles)
    for rule in rules:
        code = rule_id(rule)
        if code in taken:
            yield _fault("rules", "another rule is of this kind for this category already", policy_id=code, text=code)
        taken.add(code)
    for given, policy in written:
        if policy.id in taken:
            yield given.fault("another policy has this @id", given.named(f'"{policy.id}"'))
        taken.add(policy.id)


def _of_categories(written: Sequence[tuple[PolicyText, Policy]], known: KnownWords) -> Iterator[PolicyFault]:
    for given, policy in written:
        for code in sorted(policy.mentions.difference(known.categories)):
            at = next(
                (
                    token
                    for (before, token) in pairwise(given.tokens)
                    if before.text == "::" and token.text == f'"{code}"'
                ),
                None,
            )
            yield given.fault(f"there is no category {code}: it would never apply", at)


def _of_rules(rules: Sequence[StandardRule], known: KnownWords) -> Iterator[PolicyFault]:
    for rule in rules:
        named = [rule.category] if rule.category else []
        unknown = [f"category {code}" for code in named if code not in known.categories]
        unknown += [f"purpose {code}" for code in getattr(rule, "purposes", ()) if code not in known.purposes]
        for each in unknown:
            said = f"there is no {each}: GET /v1/categories and GET /v1/purposes list them"
            yield _fault("rules", said, policy_id=rule_id(rule), text=each.partition(" ")[2])


def _tested(
    given: PolicySetText, shipped: PolicySet, cast: Cast, written: Sequence[Policy]
) -> tuple[int, list[PolicyFault]]:
    """How many cases were run, and what they show. Policies that are written by hand need them, rules do not."""
    try:
        cases = read_case_text(given.tests, cast)
    except CasesUnreadableError as fault:
        return 0, [
            PolicyFault(
                source="tests", policy_id=None, line=fault.line, column=fault.column, text=fault.case, detail=str(fault)
            )
        ]
    if len(cases) > MOST_CASES:
        return 0, [_fault("tests", f"a set has at most {MOST_CASES} cases, this has {len(cases)}")]
    agreements = sum(max(len(each.facts.agreements), 1) for each in cases)
    many = agreements * (len(written) + len(given.rules))
    if many > MOST_EVALUATIONS:
        said = f"policies times agreements of all cases are at most {MOST_EVALUATIONS}, here they are {many}"
        return 0, [_fault("tests", said)]
    # In its cases the agency is the one that owns what most of the cast asks for.
    policies = shipped.with_agency(own_agency(cast), given.whole)
    lines = {each.case.name: each.line for each in cases}
    report = report_on(((AGENCY_FILE, each.case, each.facts) for each in cases), policies, written)
    faults = [
        PolicyFault(
            source="tests",
            policy_id=None,
            line=lines[failure.name],
            column=1,
            text=failure.name,
            detail=failure.detail,
        )
        for failure in report.failures
    ]
    for each in report.uncovered:
        lacking = "in which it is not satisfied" if each.determining else "that names it and in which it decides"
        said = f"there is no case {lacking}: each policy needs both"
        faults.append(_fault("tests", said, policy_id=each.policy_id, text=each.policy_id))
    return len(cases), faults
