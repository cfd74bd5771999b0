"""An agency's own layer, without a database: what it can do, what it cannot, and where each fault is."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.platform.kernel.money import Money
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import PolicySet, agency_digest, agency_layer
from registry.sharing.policy.examining import Examiner, KnownWords, PolicySetText
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.locating import MOST_NESTED, MOST_TOKENS, PolicyFault
from registry.sharing.policy.rules import decide, decide_page, worse
from registry.sharing.policy.standard_rules import (
    ApprovalOverCost,
    KeepReserve,
    LeastNotice,
    LongestLoan,
    PurposesOnly,
    StandardRule,
    WithinDistance,
    cedar_of,
    rule_id,
)
from registry.sharing.policy.testing import build_facts, read_cases, read_cast
from registry.sharing.policy.trial import matter_of
from tests.sharing.policy.conftest import POLICIES

HEAD = '@id("own_rule") @title("Own rule") @reason("We say so ourselves.")\n'
BAR = 'forbid (principal, action == Action::"borrow", resource)\nwhen { context.ask.duration_hours > 24 };\n'
CONDITION = '@approval("agency_admin@assisting")\npermit (principal, action == Action::"attach_condition", resource);\n'
CASES = """
- name: two days are too long
  expect: {outcome: denied, policies: [own_rule]}
- name: five hours are not
  given: {ask: {end: 2026-03-09T20:00:00Z}}
  expect: {outcome: permitted, policies: [agreement_in_force]}
"""
CAST = read_cast(POLICIES)
KNOWN = KnownWords(
    categories={"any", "k9", "k9.narcotics", "vehicle"}, purposes={"narcotics_investigation", "training"}
)


def found(
    shipped: PolicySet, cedar: str = "", tests: str = "", rules: Sequence[StandardRule] = ()
) -> tuple[PolicyFault, ...]:
    text = PolicySetText(cedar=cedar, rules=tuple(rules), tests=tests)
    return Examiner(shipped, CAST).examine(text, KNOWN).faults


@pytest.mark.parametrize(
    "taken",
    [
        *("withdrawal", "decline", "suspension"),
        *("no_ground", "withheld_term", "terms_not_stated", "evaluation_error"),
    ],
)
def test_the_registrys_own_words_are_no_policys_name(shipped: PolicySet, taken: str) -> None:
    """Else what an agency's approver says would read as the other side's withdrawal, or as what the registry found."""
    (fault,) = found(shipped, HEAD.replace("own_rule", taken) + BAR, CASES.replace("own_rule", taken))
    assert (fault.policy_id, fault.text) == (taken, f'"{taken}"')
    assert "the registry keeps" in fault.detail
    with pytest.raises(PolicySetError, match="the registry keeps"):
        agency_layer(HEAD.replace("own_rule", taken) + BAR, shipped.schema, shipped.titles)


@pytest.mark.parametrize(
    ("cedar", "place", "text", "says"),
    [
        (HEAD + BAR.replace("duration_hours", "duration_hourz"), (3, 20), "duration_hourz", "not found"),
        (HEAD + BAR.replace(">", ">>"), (3, 36), ">", "unexpected token"),
        (HEAD + BAR.replace("};", "}"), (3, 40), "}", "ends too early"),
        (HEAD + BAR.replace("principal", "principle"), (2, 9), "principle", "invalid variable"),
        (HEAD + BAR.replace("24", '"a day"'), (3, 1), "when", "expected Long but saw String"),
        (HEAD + BAR.replace("context.ask.duration_hours", "context.distance_km"), (3, 16), "distance_km", "optional"),
        (BAR, (1, 1), "forbid", "needs @id"),
        (HEAD + '@term("notice_hours")\n' + BAR, (2, 2), "term", "@term"),
        (HEAD + '@aproval("legal@assisting")\n' + CONDITION, (2, 2), "aproval", "unknown annotation"),
        (HEAD.replace("own_rule", "own_asset") + BAR, (1, 5), '"own_asset"', "another policy has this @id"),
        (HEAD + BAR.replace("forbid", "permit"), (2, 1), "permit", "only the baseline may state a ground"),
        (HEAD + BAR.replace("resource)", 'resource in Category::"k9.dog")'), (2, 70), '"k9.dog"', "no category"),
        (HEAD + BAR.replace("resource)", 'resource == Asset::"k9")'), (2, 48), "resource", "by attribute"),
    ],
)
def test_each_fault_has_its_line_its_column_and_the_text_at_fault(
    shipped: PolicySet, cedar: str, place: tuple[int, int], text: str, says: str
) -> None:
    fault = found(shipped, cedar)[0]
    assert (fault.line, fault.column, fault.text) == (*place, text)
    assert says in fault.detail
    assert fault.source == "cedar"
    with pytest.raises(PolicySetError):
        shipped.with_agency(uuid4(), cedar.replace("own_asset", "").replace("k9.dog", "k9") + "permit;")


def test_all_faults_are_found_at_once(shipped: PolicySet) -> None:
    good = HEAD.replace("own_rule", "good_rule") + BAR
    two = found(shipped, HEAD + BAR.replace(">", ">>") + "\n" + good + "// why\n" + BAR)
    assert [(fault.policy_id, fault.line) for fault in two] == [("own_rule", 3), (None, 9)]


def test_a_text_that_would_end_the_process_never_reaches_the_parser(
    shipped: PolicySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cedar's parser calls itself: thousands of operators or brackets are more than its stack holds."""
    monkeypatch.delattr(cedarpy, "policies_to_pst")
    deep = BAR.replace("24", "(" * (MOST_NESTED + 1) + "24" + ")" * (MOST_NESTED + 1))
    assert "brackets" in found(shipped, HEAD + deep)[0].detail
    for joined in (" + 1", " && true", ".a", " \r// hidden\r+ 1"):
        long = BAR.replace("24", "24" + joined * MOST_TOKENS)
        assert "words and signs" in found(shipped, HEAD + long)[0].detail


def test_what_is_just_within_the_limits_is_read(shipped: PolicySet) -> None:
    nested = BAR.replace("24", "(" * (MOST_NESTED - 1) + "24" + ")" * (MOST_NESTED - 1))
    assert found(shipped, HEAD + nested, CASES) == ()
    many = "".join((HEAD + BAR).replace("own_rule", f"rule_{number}") for number in range(201))
    assert "at most 200" in found(shipped, many)[0].detail
    assert "neither a policy nor a rule" in found(shipped, "// nothing\n")[0].detail


@pytest.mark.parametrize(
    ("tests", "line", "says"),
    [
        ("", None, "no case that names it"),
        (CASES.partition("- name: five")[0], None, "no case in which it is not satisfied"),
        (CASES.replace("denied", "permitted"), 2, "outcome: expected permitted, got denied"),
        (CASES.replace("five hours are not", "two days are too long"), 4, "another case has this name"),
        (CASES.replace("expect", "expcet"), 2, "unknown field"),
        (CASES.replace("given:", "name: again\n  given:"), 5, "'name' is given twice"),
        (CASES.replace("{ask", "{asset: unicorn, ask"), 4, "no 'unicorn' in the cast"),
        (CASES.replace("given: {", "given: &all {"), 5, "names for parts"),
        ("{ [", 1, "expected"),
        ("just words", 1, "are a list"),
        ("[" * 3000, 1, "too deeply"),
    ],
)
def test_a_policy_written_by_hand_is_activated_only_with_green_cases_of_its_own(
    shipped: PolicySet, tests: str, line: int | None, says: str
) -> None:
    assert found(shipped, HEAD + BAR, CASES) == ()
    fault = found(shipped, HEAD + BAR, tests)[0]
    assert (fault.source, fault.line) == ("tests", line)
    assert says in fault.detail


RULES: list[tuple[StandardRule, dict[str, Any], dict[str, Any], str]] = [
    (
        ApprovalOverCost(over=Money(amount="500.00"), category="k9"),
        {"ask": {"estimated_cost_minor": 50_001}},
        {"ask": {"estimated_cost_minor": 50_000}},
        "500.00 USD",
    ),
    (
        ApprovalOverCost(over=Money(amount="0.00")),
        {},
        {"ask": {"estimated_cost_minor": 0}},
        "no cost in USD can be estimated",
    ),
    (
        ApprovalOverCost(over=Money(amount="500.00", currency="CAD")),
        {"ask": {"estimated_cost_minor": 1}},
        {"ask": {"estimated_cost_minor": 1, "currency": "CAD"}},
        "500.00 CAD",
    ),
    (
        KeepReserve(quantity=2, category="k9"),
        {"owned_quantity": 5, "lent_out_quantity": 3},
        {"owned_quantity": 5, "lent_out_quantity": 2},
        "keeps 2 of “K9 team”",
    ),
    (KeepReserve(quantity=2, category="k9"), {}, {"action_at": "extend"}, "keeps 2 of “K9 team”"),
    (WithinDistance(km=50), {"ask": {"distance_km": 51}}, {"ask": {"distance_km": 50}}, "within 50 km"),
    (WithinDistance(km=50, category="k9"), {}, {"asset": "armored_vehicle"}, "is not known, because nobody said where"),
    (PurposesOnly(purposes=("training",)), {}, {"ask": {"purpose": "training"}}, "only: Training"),
    (LongestLoan(hours=24), {}, {"ask": {"end": "2026-03-10T15:00:00Z"}}, "at most 24 hours"),
    (LeastNotice(hours=169), {}, {"ask": {"priority": "emergency"}}, "at least 169 hours"),
    (
        LeastNotice(hours=169, emergencies_exempt=False),
        {"ask": {"priority": "emergency"}},
        {"action_at": "dispatch"},
        "at least 169 hours",
    ),
    (LeastNotice(hours=169), {}, {"ask": {"start": "2026-03-09T16:00:00Z"}}, "at least 169 hours"),
]


@pytest.mark.parametrize(("rule", "meets", "spares", "names"), RULES, ids=lambda each: getattr(each, "kind", ""))
def test_a_standard_rule_is_a_policy_that_means_its_figures(
    shipped: PolicySet, rule: StandardRule, meets: dict[str, Any], spares: dict[str, Any], names: str
) -> None:
    assert found(shipped, rules=[rule]) == ()
    for given_facts, expected in ((meets, True), (spares, False)):
        facts = build_facts(CAST, given_facts)
        decision = decide(facts, shipped.with_agency(facts.assisting.id, cedar_of([rule])))
        own = [reason for reason in decision.reasons if reason.layer == "agency"]
        assert [reason.policy_id for reason in own] == ([rule_id(rule)] if expected else []), given_facts
        assert all(names in reason.reason for reason in own)
        outcome = "needs_approval" if isinstance(rule, ApprovalOverCost) else "denied"
        assert decision.outcome == (outcome if expected else "permitted")


@pytest.mark.parametrize("ask", [{"distance_km": 51}, {"distance_km": None}])
def test_the_title_of_a_distance_is_true_whether_or_not_it_is_known(shipped: PolicySet, ask: dict[str, Any]) -> None:
    facts = build_facts(CAST, {"ask": ask})
    barred = decide(facts, shipped.with_agency(facts.assisting.id, cedar_of([WithinDistance(km=50)])))
    assert [each.title for each in barred.reasons] == ["Not within 50 km, or not known to be"]


def test_two_rules_of_a_kind_for_a_category_and_codes_that_are_not_there_are_refused(shipped: PolicySet) -> None:
    twice = [LongestLoan(hours=4), LongestLoan(hours=5)]
    assert "already" in found(shipped, rules=twice)[0].detail
    unknown: list[StandardRule] = [WithinDistance(km=1, category="unicorn"), PurposesOnly(purposes=("parade",))]
    assert [(fault.source, fault.text) for fault in found(shipped, rules=unknown)] == [
        ("rules", "unicorn"),
        ("rules", "parade"),
    ]


FACTS = [facts for _, _, facts in read_cases(POLICIES)]
OWN = st.sampled_from(
    [
        BAR,
        CONDITION,
        BAR.replace("duration_hours > 24", "quantity > 0"),
        BAR.replace("forbid", "forbid").replace("context.ask.duration_hours > 24", "true"),
        BAR.replace("context.ask.duration_hours > 24", "9223372036854775807 + context.ask.quantity > 0"),
        '@obligation("call_us") @due("during")\n' + CONDITION.partition("\n")[2],
        *(cedar_of([rule]).partition("@reason")[2].partition("\n")[2] for rule, *_ in RULES[4:9]),
    ]
)


@given(st.sampled_from(FACTS), st.lists(OWN, min_size=1, max_size=4))
def test_an_agencys_policies_change_no_other_agencys_outcome_and_loosen_nothing(
    shipped: PolicySet, facts: Facts, bodies: list[str]
) -> None:
    text = "".join(HEAD.replace("own_rule", f"rule_{at}") + body for at, body in enumerate(bodies))
    of_another = shipped.with_agency(uuid4(), text)
    assert decide(facts, of_another) == decide(facts, shipped)
    of_requesting = shipped.with_agency(facts.requesting.id, text)
    if facts.requesting.id != facts.assisting.id:
        assert decide(facts, of_requesting) == decide(facts, shipped)
    then, now = decide(facts, shipped), decide(facts, shipped.with_agency(facts.assisting.id, text))
    assert not worse(then.outcome, than=now.outcome)
    if now.outcome != "denied":
        assert {each.policy_id for each in then.approvals} <= {each.policy_id for each in now.approvals}
        assert {each.policy_id for each in then.obligations} <= {each.policy_id for each in now.obligations}


def test_a_page_of_several_owners_is_decided_each_by_its_own_owners_layer(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    facts = case()
    other = case(asset={"like": "narcotics_dog", "agency_id": "redwood_county"})
    own = shipped.with_agency(facts.assisting.id, HEAD + BAR)
    barred, free = decide_page([facts, other], own)
    assert ([r.layer for r in barred.reasons], free.reasons) == (["agency"], decide(other, shipped).reasons)
    assert barred.policy_set.layers["agency"] == agency_digest(HEAD + BAR)
    assert "agency" not in free.policy_set.layers


def test_a_layer_is_parsed_once_for_its_digest_and_never_while_it_decides(
    shipped: PolicySet, case: Callable[..., Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, text = case(), HEAD + BAR
    made = shipped.with_agency(facts.assisting.id, text)
    decide(facts, made)
    for name in ("policies_to_pst", "validate_policies"):
        monkeypatch.delattr(cedarpy, name)
    kept = shipped.beside(facts.assisting.id, agency_digest(text))
    assert kept is made
    assert decide(facts, kept).outcome == "denied"
    assert shipped.beside(uuid4(), agency_digest(text)) is None
    assert len(made.select(matter_of(facts), facts.assisting.id).policies) > len(made.select(matter_of(facts)).policies)


LINE_ENDS_OF_OTHERS = ("\u0085", "\u2028", "\u2029", "\v", "\f", "\x1c", "\x1d", "\x1e")
HIDDEN = HEAD.replace("own_rule", "hidden_rule") + BAR


@pytest.mark.parametrize("end", [*LINE_ENDS_OF_OTHERS, "\u202e", "\u200b", "\ufeff"], ids=lambda end: f"{ord(end):04x}")
def test_a_character_that_ends_a_comment_for_some_readers_alone_is_refused_with_its_place(
    shipped: PolicySet, end: str
) -> None:
    """Behind it stood what nobody examined or tested, and what could end the process."""
    text = HEAD + BAR + f"// note{end}{HIDDEN}".replace("\n", " ")
    fault = found(shipped, text, CASES)[0]
    assert (fault.line, fault.column, fault.text) == (4, 8, f"U+{ord(end):04X}")
    with pytest.raises(PolicySetError, match="not seen"):
        shipped.with_agency(uuid4(), text)
    assert found(shipped, HEAD + BAR, CASES + f"# note{end}")[0].source == "tests"


def test_brackets_behind_such_a_character_do_not_end_the_process() -> None:
    """In a process of its own, since it is the process that ended."""
    deep = f"permit (principal, action, resource) when {{ {'(' * 4000}true{')' * 4000} }};"
    code = f"""
from uuid import uuid4
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import load_policy_set
from pathlib import Path
try:
    load_policy_set(Path({str(POLICIES)!r})).with_agency(uuid4(), {HEAD + BAR + "// note" + chr(0x2028)!r} + {deep!r})
except PolicySetError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=POLICIES.parent)
    assert (done.returncode, done.stdout) == (0, b"refused\n")


def test_what_ends_a_line_for_cedar_ends_it_for_the_examiner_the_digest_and_what_is_stored(shipped: PolicySet) -> None:
    text = HEAD + BAR + "// note\n" + HIDDEN
    for end in ("\r", "\r\n"):
        other = text.replace("\n", end)
        assert "hidden_rule" in [fault.text for fault in found(shipped, other, CASES)]
        whole = PolicySetText(cedar=other, rules=(), tests="").whole
        assert whole == text
        assert agency_digest(whole) == agency_digest(other) == agency_digest(text)


def test_cedar_has_to_read_the_policies_that_the_examiner_saw(shipped: PolicySet) -> None:
    for said in ('"own\\u{5f}rule"', '"own_\\x72ule"'):
        fault = found(shipped, HEAD.replace('"own_rule"', said) + BAR, CASES)[0]
        assert "Cedar reads other policies" in fault.detail


def test_no_id_of_the_agency_is_one_that_is_shipped(shipped: PolicySet) -> None:
    taken = HEAD.replace("own_rule", "own_asset") + BAR
    with pytest.raises(PolicySetError, match="another policy has this @id"):
        agency_layer(taken, shipped.schema, shipped.titles)
    assert found(shipped, taken, CASES)[0].detail == "another policy has this @id"


@pytest.mark.parametrize(
    ("cedar", "says"),
    [
        (HEAD.replace("Own rule", "T" * 201) + BAR, "@title must be at most 200 characters"),
        (HEAD.replace("We say so ourselves.", "T" * 1001) + BAR, "@reason must be at most 1000 characters"),
        (HEAD.replace("Own rule", "two\\nlines") + BAR, "@title must be"),
        (HEAD.replace("Own rule", "\\u{202e}Own") + BAR, "@title must be"),
        (HEAD.replace("We say so ourselves.", "\\u{202e}We") + BAR, "@reason must be"),
        (HEAD + CONDITION.replace("assisting", "requesting"), "is its own people's"),
    ],
)
def test_what_others_read_of_it_is_bounded_and_it_holds_nobody_elses_approval(
    shipped: PolicySet, cedar: str, says: str
) -> None:
    assert says in found(shipped, cedar)[0].detail
    with pytest.raises(PolicySetError):
        shipped.with_agency(uuid4(), cedar)


@pytest.mark.parametrize("deep", ["[" * 2000, "{a: " * 2000, "- " * 2000, "".join(f"{' ' * n}a:\n" for n in range(50))])
def test_cases_that_are_nested_too_deeply_are_refused_before_they_are_scanned(shipped: PolicySet, deep: str) -> None:
    fault = found(shipped, HEAD + BAR, deep)[0]
    assert (fault.source, fault.line) != ("tests", None)
    assert "nested" in fault.detail


def test_all_cases_together_ask_only_so_much(shipped: PolicySet) -> None:
    policies = "".join((HEAD + BAR).replace("own_rule", f"rule_{number}") for number in range(200))
    many = ", ".join(["mutual_aid"] * 201)
    cases = f"- name: many\n  given: {{agreements: [{many}]}}\n  expect: {{outcome: denied, policies: []}}\n"
    assert "at most" in found(shipped, policies, cases)[0].detail
