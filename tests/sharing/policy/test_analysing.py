"""What a set of policies has that does nothing, or undoes itself, is found over cases, and told as what it is."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from registry.sharing.policy.analysing import Analysis, Recorded, analyse
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.facts import Facts, facts_bytes
from registry.sharing.policy.generating import KNOWN, OPTIONAL, Pools, changed
from registry.sharing.policy.schemas.sets import NEW_POLICY_SET_EXAMPLE, NewPolicySet
from registry.sharing.policy.standard_rules import cedar_of
from registry.sharing.policy.trial import evaluate_agreements
from registry.sharing.policy.vocabulary_page import read_vocabulary
from tests.support.places import ROOT

Case = Callable[..., Facts]
WORDS = '@title("Added") @reason("A policy that was added.")'


def bar(policy_id: str, condition: str = "", category: str | None = None) -> str:
    return _policy(policy_id, "forbid", "borrow", condition, category)


def approval(policy_id: str, condition: str = "", category: str | None = None) -> str:
    return '@approval("approver@assisting") ' + _policy(policy_id, "permit", "attach_condition", condition, category)


def _policy(policy_id: str, effect: str, action: str, condition: str, category: str | None) -> str:
    resource = "resource" if category is None else f'resource in Category::"{category}"'
    when = f" when {{ {condition} }}" if condition else ""
    return f'@id("{policy_id}") {WORDS} {effect} (principal, action == Action::"{action}", {resource}){when};\n'


LONGER_THAN = "context.ask.duration_hours > {}"
TRAINING = 'context.ask.purpose == "training"'


@pytest.fixture
def analysed(shipped: PolicySet, case: Case) -> Callable[..., Analysis]:
    """What is found of an agency's own policies; `decisions` are facts of recorded ones."""

    def run(*texts: str, decisions: tuple[Facts, ...] = ()) -> Analysis:
        ordinary = case()
        policies = shipped.with_agency(ordinary.assisting.id, "".join(texts))
        recorded = [Recorded(id=uuid4(), facts=facts_bytes(each)) for each in decisions]
        return analyse(policies, policies.agency_policies, ordinary, recorded)

    return run


def told(found: Analysis) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.kind, each.policy_id, each.by) for each in found.findings]


Analysed = Callable[..., Analysis]


def test_a_bar_that_another_one_implies_is_shadowed_with_a_case_that_shows_it(analysed: Analysed) -> None:
    found = analysed(bar("over_a_day", LONGER_THAN.format(24)), bar("over_three", LONGER_THAN.format(72)))
    assert told(found) == [("shadowed", "over_three", ("over_a_day",))]
    (finding,) = found.findings
    assert finding.witness is not None
    assert [(each.attribute, each.value) for each in finding.witness.values] == [("context.ask.duration_hours", "73")]
    assert found.evidence.generated > 0
    assert found.evidence.decisions == 0


@pytest.mark.parametrize(
    "texts",
    [
        (bar("over_a_day", LONGER_THAN.format(24), "k9"), bar("over_three", LONGER_THAN.format(72))),
        (bar("over_a_day", LONGER_THAN.format(24), "k9.narcotics"), bar("over_three", LONGER_THAN.format(72), "k9")),
        (bar("a_long", f"{LONGER_THAN.format(24)} && {TRAINING}"), bar("longer", LONGER_THAN.format(72))),
        (approval("one", LONGER_THAN.format(24)), approval("other", "context.ask.notice_hours < 24")),
        (bar("no_dogs", category="k9"), approval("trained", TRAINING)),
        (bar("no_dogs", category="k9"), bar("no_labs", category="lab")),
    ],
)
def test_what_is_satisfied_without_the_other_is_not(analysed: Analysed, texts: tuple[str, ...]) -> None:
    assert told(analysed(*texts)) == []


def test_what_a_shipped_policy_does_already_is_shadowed(analysed: Analysed) -> None:
    found = analysed(bar("retired", 'resource.service_status == "retired"'))
    assert told(found) == [("shadowed", "retired", ("asset_not_in_service",))]


def test_of_two_approvals_that_are_the_same_the_one_that_the_other_implies_is_shadowed(analysed: Analysed) -> None:
    other = approval("trained_long", f"{TRAINING} && {LONGER_THAN.format(8)}")
    assert told(analysed(approval("trained", TRAINING), other)) == [("shadowed", "trained_long", ("trained",))]
    of_another = other.replace("approver@", "legal@")
    assert told(analysed(approval("trained", TRAINING), of_another)) == []


def test_what_is_satisfied_never_or_always_is_told(analysed: Analysed) -> None:
    never, always = "context.ask.duration_hours > 24 && context.ask.duration_hours < 12", "context.ask.quantity >= 1"
    assert told(analysed(bar("no_loan", never), bar("each_loan", always))) == [
        ("always", "each_loan", ()),
        ("never", "no_loan", ()),
    ]
    assert ("always", "everything", ()) in told(analysed(bar("everything")))
    assert told(analysed(bar("no_dogs", category="k9"))) == [], "without a condition it is meant to hold always"


def test_an_approval_that_a_bar_leaves_no_case_contradicts_it(analysed: Analysed) -> None:
    found = analysed(bar("no_training", TRAINING), approval("trained", f"{TRAINING} && {LONGER_THAN.format(8)}"))
    assert told(found) == [("contradicting", "trained", ("no_training",))]
    assert found.findings[0].witness is not None
    short, long = bar("short", "context.ask.duration_hours < 9"), bar("long", LONGER_THAN.format(24))
    both = analysed(
        short, long, approval("neither", "context.ask.duration_hours < 5 || context.ask.duration_hours > 30")
    )
    assert told(both) == [("contradicting", "neither", ("long", "short"))], "two bars together"


def test_each_bar_is_taken_away_by_itself_where_they_cannot_be_taken_away_together(analysed: Analysed) -> None:
    texts = bar("long", LONGER_THAN.format(24)), bar("other_length", "context.ask.duration_hours != 100")
    found = told(analysed(*texts, approval("trained", TRAINING)))
    assert ("contradicting", "trained", ("long", "other_length")) in found


def test_two_bars_that_ask_for_opposite_things_contradict_each_other(analysed: Analysed) -> None:
    early, late = bar("early", "context.ask.notice_hours > 24"), bar("late", "context.ask.notice_hours < 48")
    assert told(analysed(early, late)) == [("contradicting", "early", ("late",))]
    assert told(analysed(early, late.replace("48", "20"))) == []


def test_what_no_attribute_can_be_is_satisfied_never(analysed: Analysed) -> None:
    of_kind = "context.agreement.kind == {}"
    assert told(analysed(bar("no_kind", of_kind.format('"unicorn"')))) == [("never", "no_kind", ())]
    beyond = f"context.ask.quantity > {2**62} || context.ask.duration_hours > {2**62}"
    assert told(analysed(bar("no_number", beyond))) == [("never", "no_number", ())]
    assert told(analysed(bar("without", of_kind.format('"none"')), bar("compacts", of_kind.format('"compact"')))) == []


def test_a_policy_of_many_conditions_is_met_and_not_taken_for_one_that_never_is(analysed: Analysed) -> None:
    many = (
        f'{TRAINING} && {LONGER_THAN.format(24)} && context.ask.priority == "urgent" && context.ask.quantity > 2 '
        '&& context.ask.requesting.kind == "city" && context.ask.notice_hours < 5 && resource has type_level '
        '&& resource.type_level == 2 && principal.roles.contains("service") && context has distance_km '
        '&& context.distance_km > 300 && !(resource.owner has state && resource.owner.state == "MN")'
    )
    assert told(analysed(bar("rare", many))) == []


def test_standard_rules_that_fit_together_give_no_warning(analysed: Analysed) -> None:
    example = msgspec.convert(NEW_POLICY_SET_EXAMPLE, NewPolicySet)
    assert told(analysed(cedar_of(example.rules), example.cedar)) == []


def test_the_order_of_the_texts_makes_no_difference(analysed: Analysed) -> None:
    texts = [
        bar("over_a_day", LONGER_THAN.format(24)),
        bar("over_three", LONGER_THAN.format(72)),
        approval("trained", TRAINING),
    ]
    assert analysed(*texts) == analysed(*reversed(texts))


def test_recorded_decisions_are_cases_too_and_the_first_to_show_it(analysed: Analysed, case: Case) -> None:
    texts = bar("over_a_day", LONGER_THAN.format(24)), bar("over_three", LONGER_THAN.format(72))
    asked = case(ask={"end": "2026-03-19T15:00:00Z"})
    found = analysed(*texts, decisions=(case(), asked))
    assert (found.evidence.decisions, found.evidence.left_out) == (2, 0)
    assert told(found) == [("shadowed", "over_three", ("over_a_day",))]
    witness = found.findings[0].witness
    assert witness is not None
    assert (witness.decision_id is not None, witness.values) == (True, ())


def test_decisions_under_a_term_that_is_withheld_are_left_out_whatever_its_figure(
    analysed: Analysed, case: Case
) -> None:
    """Who drafts guess after guess would else find the figure by what is satisfied never, and what always."""
    guess = bar("guessed", "context.agreement has max_duration_hours && context.agreement.max_duration_hours > 36")
    answers = []
    for figure in (35, 36, 37):
        terms = {"like": "mutual_aid", "terms": {"max_duration_hours": figure}, "restricted": ["max_duration_hours"]}
        answers.append(analysed(guess, decisions=(case(agreements=terms),)))
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0].evidence.decisions, answers[0].evidence.left_out) == (0, 1)


def test_every_attribute_of_the_vocabulary_is_given_values(shipped: PolicySet, case: Case) -> None:
    """What cannot be varied would be taken for what never changes."""
    described = {each.name: each for each in read_vocabulary((ROOT / "policies" / "schema.cedarschema").read_text())}

    def paths(name: str, before: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in described[name].attributes:
            path = f"{before}.{each.name}"
            found |= paths(each.kind, path) if each.kind in described else {path: each}
        return found

    known = paths("Principal", "principal") | paths("Asset", "resource") | paths("LoanContext", "context")
    assert known.keys() == KNOWN - {"resource"}
    absent = {path for path, each in known.items() if each.absent is not None}
    assert absent - OPTIONAL == {"context.agreement.effective_at"}, "it is absent where there is no agreement"
    assert absent >= OPTIONAL
    pools, ordinary = Pools((), case()), case()
    (policy, *_) = shipped.policies
    for path, each in known.items():
        if path == "resource.owner.id":
            continue
        values = pools.of(path, policy)
        assert len(values) > 1 or values == ("another",), path
        kinds = {"Long": int, "String": str, "Bool": bool, "datetime": datetime, "Set<String>": tuple}
        assert all(value is None or isinstance(value, kinds[each.kind]) for value in values), path
        made = [facts for value in values if (facts := changed(ordinary, {path: value})) is not None]
        assert len({facts_bytes(facts) for facts in made}) == len(values), path
        assert not any(each.faults for trials in evaluate_agreements(made, shipped) for each in trials), path


def test_no_shipped_policy_is_satisfied_never_or_always_or_does_nothing_alone(whole: PolicySet, case: Case) -> None:
    found = analyse(whole, whole.policies, case(), most=6_000)
    assert told(found) == [], "list it here with its reason, or mend the policy"
    assert found.evidence.generated > len(whole.policies)
