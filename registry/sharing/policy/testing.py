"""Runs the policy tests beside the policies, and reports the policies that they do not exercise.

`tests/cast.yaml` under the policy root defines named agencies, principals, assets and agreements; every other file
there lists cases that refer to them by name and give only what differs. A policy counts as covered when one case names
it in its expectation and it decided there, and in another case that includes its layer it was not satisfied, or its law
did not apply.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from uuid import UUID, uuid5

import msgspec
import yaml
from msgspec import UNSET, Struct, UnsetType

from registry.platform.kernel.yaml_text import KeysOnce
from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.decisions import Decision, Outcome
from registry.sharing.policy.facts import Facts, facts_bytes
from registry.sharing.policy.rules import best_first, decide
from registry.sharing.policy.trial import evaluate_agreements

_NAMES = UUID("8f0f0a3c-5d0e-5b5e-9a55-0b6d1f4a7c11")
_Document = dict[str, object]
MOST_DEEP = 20


class Cast(Struct, kw_only=True, forbid_unknown_fields=True):
    """The named entities to which the cases refer. `facts` is the default case, from which every case differs."""

    now: str
    agencies: dict[str, _Document]
    principals: dict[str, _Document]
    assets: dict[str, _Document]
    agreements: dict[str, _Document]
    facts: _Document


class Expectation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The expected decision.

    `policies` is exactly the set of policy ids among the reasons; `obligations`, when given, exactly the ids of the
    policies that attached one; `agreement` the name of the agreement under which it was decided.
    """

    outcome: Outcome
    policies: tuple[str, ...]
    obligations: tuple[str, ...] | UnsetType = UNSET
    approvals: tuple[str, ...] | UnsetType = UNSET
    agreement: str | UnsetType = UNSET
    near_miss: str | UnsetType = UNSET


class Case(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One case: a description, the differences from the default `facts`, and the expectation."""

    name: str
    given: _Document = msgspec.field(default_factory=dict)
    expect: Expectation


class CaseFailure(Struct, kw_only=True, frozen=True):
    """A case whose decision was not as expected."""

    file: str
    name: str
    detail: str


class CaseRead(Struct, kw_only=True, frozen=True):
    """A case of a text with its facts, and the line at which it begins."""

    case: Case
    facts: Facts
    line: int


class CasesUnreadableError(ValueError):
    """Cases that cannot be read; where, and in which case, as far as that is known."""

    def __init__(self, said: str, *, line: int | None = None, column: int | None = None, case: str | None = None):
        super().__init__(said)
        self.line = line
        self.column = column
        self.case = case


class PolicyCoverage(Struct, kw_only=True, frozen=True):
    """In how many cases a policy decided as expected, and in how many it was not satisfied or did not apply."""

    policy_id: str
    layer: str
    determining: int
    not_satisfied: int

    @property
    def is_complete(self) -> bool:
        return self.determining > 0 and self.not_satisfied > 0


class PolicyTestReport(Struct, kw_only=True, frozen=True):
    """The result of a run of all cases."""

    cases: int
    failures: tuple[CaseFailure, ...]
    coverage: tuple[PolicyCoverage, ...]

    @property
    def uncovered(self) -> tuple[PolicyCoverage, ...]:
        return tuple(c for c in self.coverage if not c.is_complete)

    @property
    def coverage_percent(self) -> int:
        """The share of fully covered policies, rounded down so that 100 means all of them."""
        return 100 * (len(self.coverage) - len(self.uncovered)) // max(len(self.coverage), 1)

    @property
    def is_green(self) -> bool:
        return self.cases > 0 and not self.failures and not self.uncovered


def run_policy_tests(root: Path) -> PolicyTestReport:
    """Load the policy set under `root`, those that are off by default included, and run its cases.

    Raises PolicySetError when the set cannot be loaded, msgspec.ValidationError when a case cannot be read.
    """
    policies = load_policy_set(root, on=load_policy_set(root).off)
    return report_on(read_cases(root), policies, policies.policies)


def report_on(
    cases: Iterable[tuple[str, Case, Facts]], policies: PolicySet, covered: Iterable[Policy]
) -> PolicyTestReport:
    """Run cases, and tell how many of them exercise each of the `covered` policies."""
    failures: list[CaseFailure] = []
    determining: dict[str, int] = {}
    not_satisfied: dict[str, int] = {}
    many = 0
    for file, case, facts in cases:
        many += 1
        decision = decide(facts, policies)
        failures.extend(CaseFailure(file=file, name=case.name, detail=detail) for detail in mismatches(case, decision))
        for policy_id in _determining(case, decision):
            determining[policy_id] = determining.get(policy_id, 0) + 1
        for policy_id in _not_satisfied(facts, policies):
            not_satisfied[policy_id] = not_satisfied.get(policy_id, 0) + 1
    coverage = (
        PolicyCoverage(
            policy_id=policy.id,
            layer=policy.layer,
            determining=determining.get(policy.id, 0),
            not_satisfied=not_satisfied.get(policy.id, 0),
        )
        for policy in covered
    )
    return PolicyTestReport(cases=many, failures=tuple(failures), coverage=tuple(coverage))


def read_cases(root: Path) -> Iterator[tuple[str, Case, Facts]]:
    """Every case with its facts, in file and document order."""
    cast = read_cast(root)
    for path in sorted((root / "tests").glob("*.yaml")):
        if path.name != "cast.yaml":
            for case in msgspec.convert(_yaml(path), list[Case]):
                yield path.name, case, build_facts(cast, case.given)


def read_case_text(text: str, cast: Cast) -> list[CaseRead]:
    """The cases of a YAML text, and so of a JSON one, in order.

    What anybody may send is expanded no further than it is written: names for parts of it (`&`, `*`) are refused.
    Raises CasesUnreadableError for the first that cannot be read.
    """
    try:
        return list(_cases_of(text, cast))
    except RecursionError:
        raise CasesUnreadableError("the cases are nested too deeply") from None
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        line, column = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
        raise CasesUnreadableError(fault.problem or "is no YAML", line=line, column=column) from None
    except yaml.YAMLError:
        raise CasesUnreadableError("is no YAML") from None


def _cases_of(text: str, cast: Cast) -> Iterator[CaseRead]:
    for token in yaml.scan(text, _Loader):
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
            mark = token.start_mark
            said = "write each case out: names for parts of the text (& and *) are not supported"
            raise CasesUnreadableError(said, line=mark.line + 1, column=mark.column + 1)
    node = yaml.compose(text, _Loader)
    if node is None:
        return
    if not isinstance(node, yaml.SequenceNode):
        raise CasesUnreadableError("the cases are a list", line=1, column=1)
    names: set[str] = set()
    for each in node.value:
        line, column = each.start_mark.line + 1, each.start_mark.column + 1
        name = None
        try:
            case = msgspec.convert(_Loader("").construct_document(each), Case)
            name = case.name
            facts = build_facts(cast, case.given)
            facts_bytes(facts)
        except (AttributeError, LookupError, TypeError, ValueError) as fault:
            said = f"there is no {fault} in the cast" if isinstance(fault, KeyError) else str(fault)
            raise CasesUnreadableError(said, line=line, column=column, case=name) from None
        if name in names:
            raise CasesUnreadableError("another case has this name", line=line, column=column, case=name)
        names.add(name)
        yield CaseRead(case=case, facts=facts, line=line)


def own_agency(cast: Cast) -> UUID:
    """The agency that owns the asset of the default case: in the cases of an agency's own set it is that agency."""
    return id_of(str(cast.assets[str(cast.facts["asset"])]["agency_id"]))


def read_cast(root: Path) -> Cast:
    """The cast of the policy tests under `root`."""
    return msgspec.convert(_yaml(root / "tests" / "cast.yaml"), Cast)


def build_facts(cast: Cast, given: Mapping[str, object]) -> Facts:
    """The default facts, changed by `given`: a name selects an entity, a mapping with `like` also changes it."""
    document: _Document = {"now": cast.now, **_merged(cast.facts, given)}
    asset = _member(cast.assets, document["asset"])
    document["requesting"] = _member(cast.agencies, document["requesting"])
    document["assisting"] = _member(cast.agencies, document.get("assisting", asset["agency_id"]))
    principal = _member(cast.principals, document["principal"])
    document["principal"] = {key: value for key, value in principal.items() if key != "id"}
    document["asset"] = asset
    listed = document["agreements"]
    document["agreements"] = [_member(cast.agreements, a) for a in (listed if isinstance(listed, list) else [listed])]
    resolved = _with_ids(document)
    return msgspec.convert(resolved, Facts)


def mismatches(case: Case, decision: Decision) -> list[str]:
    """The differences from the expectation, in words; empty when there are none."""
    expect = case.expect
    seen: list[tuple[str, object, object]] = [
        ("outcome", expect.outcome, decision.outcome),
        ("policies", sorted(expect.policies), sorted(r.policy_id for r in decision.reasons)),
    ]
    if expect.obligations is not UNSET:
        seen.append(("obligations", sorted(expect.obligations), sorted(o.policy_id for o in decision.obligations)))
    if expect.approvals is not UNSET:
        seen.append(("approvals", sorted(expect.approvals), sorted(f"{a.role}@{a.side}" for a in decision.approvals)))
    if expect.agreement is not UNSET:
        under = decision.agreement.agreement_id if decision.agreement else None
        seen.append(("agreement", id_of(expect.agreement), under))
    wrong = [f"{what}: expected {expected}, got {got}" for what, expected, got in seen if expected != got]
    if expect.near_miss is not UNSET and expect.near_miss not in (n.explanation for n in decision.near_misses):
        told = [n.explanation for n in decision.near_misses]
        wrong.append(f"near_miss: expected {expect.near_miss!r} among {told}")
    return wrong


def id_of(name: str) -> UUID:
    """The id for a name of the cast."""
    return uuid5(_NAMES, name)


def _determining(case: Case, decision: Decision) -> set[str]:
    decided = {r.policy_id for r in decision.reasons} & set(case.expect.policies)
    if case.expect.obligations is not UNSET:
        decided |= {o.policy_id for o in decision.obligations} & set(case.expect.obligations)
    return decided


def _not_satisfied(facts: Facts, policies: PolicySet) -> set[str]:
    trial = best_first(evaluate_agreements([facts], policies)[0])[0]
    satisfied = {p.key for p in (*trial.grounds, *trial.bars, *trial.conditions, *trial.mandates)}
    satisfied |= {contradiction.bar.key for contradiction in trial.contradictions}
    return {*trial.selection.left, *(p.id for key, p in trial.selection.policies.items() if key not in satisfied)}


def _member(members: Mapping[str, _Document], wanted: object) -> _Document:
    """A named entity, or one like it with changes. Raises KeyError for a name that is not in the cast."""
    if isinstance(wanted, dict):
        changes = {key: value for key, value in wanted.items() if key != "like"}
        return _merged(_member(members, wanted["like"]), changes)
    name = str(wanted)
    return {"id": name, **members[name]}


def _merged(base: Mapping[str, object], changes: Mapping[str, object]) -> _Document:
    merged = dict(base)
    for key, value in changes.items():
        held = merged.get(key)
        nested = isinstance(held, dict) and isinstance(value, dict) and "like" not in value
        merged[key] = _merged(held, value) if nested else value  # type: ignore[arg-type]  # `nested` says both are
    return merged


def _with_ids(node: object, key: str = "") -> object:
    """The document with names replaced by ids where the facts need ids."""
    if isinstance(node, dict):
        return {name: _with_ids(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_with_ids(item) for item in node]
    if (key == "id" or key.endswith("_id")) and isinstance(node, str):
        return id_of(node)
    return node


class _Loader(KeysOnce, yaml.SafeLoader):
    """A YAML loader that leaves times as text, so that facts decode them as in a stored input.

    How deep a text is nested is known before its parts are: reading takes the square of the depth.
    """

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # noqa: N803  # the library's name
        self._refuse_depth(self.flow_level)
        super().fetch_flow_collection_start(TokenClass)

    def add_indent(self, column: int) -> bool:
        self._refuse_depth(len(self.indents))
        added: bool = super().add_indent(column)
        return added

    def _refuse_depth(self, depth: int) -> None:
        if depth >= MOST_DEEP:
            said = f"the cases are nested too deeply: at most {MOST_DEEP} times"
            raise yaml.scanner.ScannerError(problem=said, problem_mark=self.get_mark())


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _yaml(path: Path) -> object:
    with path.open(encoding="utf-8") as file:
        document: object = yaml.load(file, _Loader)  # noqa: S506  # a SafeLoader, see above
    return document
