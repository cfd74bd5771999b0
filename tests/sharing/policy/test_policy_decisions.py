"""A decision follows from facts and policies alone, is always explained, and is closed on every doubt."""

import random
import re
from collections.abc import Callable
from functools import cache
from itertools import permutations
from pathlib import Path
from uuid import UUID

import cedarpy
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.law.rules import applies
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.attributes import members_read
from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.decisions import Decision
from registry.sharing.policy.entities import Scene
from registry.sharing.policy.facts import Facts, TermFacts, decode_facts, facts_bytes, facts_digest
from registry.sharing.policy.rules import OUTCOMES, decide, decide_page, replay, worse
from registry.sharing.policy.testing import read_cases
from registry.sharing.policy.trial import evaluate_agreements, matter_of
from tests.support.length import at_length
from tests.support.places import ROOT
from tests.support.policy import with_policies

POLICIES = ROOT / "policies"
SHIPPED = load_policy_set(POLICIES)
WHOLE = load_policy_set(POLICIES, on=SHIPPED.off)
"""Those included that are off by default."""
CASES = [facts for _, _, facts in read_cases(POLICIES)]
RULE = '@id("rule") @title("Rule") @reason("A rule.")\n'

terms = st.builds(
    TermFacts,
    purposes=st.lists(st.sampled_from(["training", "narcotics_investigation"]), max_size=2).map(tuple),
    least_priority=st.sampled_from(["routine", "urgent", "emergency"]),
    max_duration_hours=st.none() | st.integers(1, 96),
    notice_hours=st.none() | st.integers(0, 400),
    cost_ceiling_minor=st.none() | st.integers(0, 10_000),
    max_quantity=st.none() | st.integers(1, 3),
    approval_required=st.booleans(),
    approval_over_hours=st.none() | st.integers(1, 96),
    insurance_required=st.booleans(),
    requesting_insurance_current=st.none() | st.booleans(),
    reimbursement_model=st.sampled_from(["none", "full"]),
    liability=st.sampled_from(["silent", "respective"]),
)


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    """A case of the suite with its terms, numbers and parties shaken."""
    facts = draw(st.sampled_from(CASES))
    agreements = tuple(
        replace(
            a,
            id=UUID(int=n),
            terms=draw(terms),
            in_force=draw(st.booleans()),
            covers_category=draw(st.booleans()),
            covers_direction=draw(st.booleans()),
        )
        for n, a in enumerate(facts.agreements * draw(st.integers(1, 2)))
    )
    ask = replace(
        facts.ask,
        quantity=draw(st.integers(1, 4)),
        priority=draw(st.sampled_from(["routine", "urgent", "emergency"])),
        estimated_cost_minor=draw(st.none() | st.integers(0, 12_000)),
    )
    other = draw(st.sampled_from(CASES))
    return replace(
        facts,
        ask=ask,
        agreements=agreements,
        requesting=other.requesting,
        action_at=draw(st.sampled_from(["request", "approve", "reserve", "extend", "dispatch", "what_if"])),
    )


@given(any_facts())
def test_every_outcome_carries_a_reason_and_fits_its_schema(facts: Facts) -> None:
    decision = decide(facts, SHIPPED)
    assert decision.reasons
    assert all(reason.title and reason.reason for reason in decision.reasons)
    assert (decision.outcome == "needs_approval") == bool(decision.approvals)
    assert (decision.outcome == "denied") == bool(decision.near_misses)
    assert decision.input_digest == facts_digest(facts)
    assert decision.evaluated_at == facts.now
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


@given(any_facts(), st.randoms(use_true_random=False))
def test_the_order_of_agreements_never_shows(facts: Facts, rng: random.Random) -> None:
    shuffled = list(facts.agreements)
    rng.shuffle(shuffled)
    assert decide(replace(facts, agreements=tuple(shuffled)), SHIPPED) == decide(facts, SHIPPED)


@given(st.lists(any_facts(), min_size=1, max_size=6))
@settings(max_examples=at_length(20, 40, 1000))
def test_a_page_is_decided_as_its_members_are(page: list[Facts]) -> None:
    assert decide_page(page, SHIPPED) == [decide(facts, SHIPPED) for facts in page]


@cache
def loaded_again() -> PolicySet:
    """The same set, of the same files."""
    return load_policy_set(POLICIES)


@given(any_facts())
def test_kept_facts_replay_to_the_same_bytes(facts: Facts) -> None:
    encode = msgspec.json.Encoder(order="deterministic").encode
    again = replay(decode_facts(facts_bytes(facts)), loaded_again())
    assert encode(again) == encode(decide(facts, SHIPPED))


@given(any_facts())
@settings(max_examples=at_length(30, 60, 1500))
def test_cedar_asked_plainly_for_both_actions_says_the_same(facts: Facts) -> None:
    """The shortcuts (narrowed sets, facts left out, one request for two actions) change no answer.

    What a law does not touch is left out here as well; that a law touches what it should is tried on its own matters.

    Here the whole text is parsed, everything is sent, the schema checks each request, each action is asked.
    """
    schema = cedarpy.Schema.from_str((POLICIES / "schema.cedarschema").read_text())
    trial = evaluate_agreements([facts], SHIPPED)[0][0]
    kind = trial.agreement and AgreementKind(trial.agreement.kind)
    matter = replace(matter_of(facts), instrument=kind)
    touched = {
        code for code, law in SHIPPED.laws.items() if code not in SHIPPED.off and applies(law.applies_to, matter)
    }
    text = "\n".join(
        policy
        for file in sorted(POLICIES.glob("[bj]*/*.cedar"))
        for policy in re.split(r"(?m)^(?=@id)", file.read_text())[1:]
        if (code := policy.split('"')[1]) in touched or code not in SHIPPED.laws
    )
    states = {s.lower() for s in (facts.requesting.state, facts.assisting.state) if s}

    class Everything:
        words = frozenset(w.strip('"?:') for w in (POLICIES / "schema.cedarschema").read_text().split())
        reads = dict.fromkeys(members_read(()), words)
        categories = frozenset(facts.asset.category_path)

    scene = Scene(Everything)  # type: ignore[arg-type]  # has the two attributes a scene reads
    scene.ask(facts, trial.agreement)
    asked = [{**scene.requests[0], "action": {"type": "Action", "id": a}} for a in ("borrow", "attach_condition")]
    borrow, attach = cedarpy.is_authorized_batch(asked, text, str(scene.entities()), schema)
    assert borrow.diagnostics.errors == attach.diagnostics.errors == []

    def ids(answer: cedarpy.AuthzResult) -> set[str]:
        return set(answer.diagnostics.id_annotations_by_reason.values())

    def asked_here(found: set[str]) -> set[str]:
        return {p.id for p in SHIPPED.policies if p.id in found and p.layer[-2:] in {"ne", *states}}

    expected = {p.id for p in (trial.bars or trial.grounds)}
    assert ids(borrow) == asked_here(ids(borrow)) == expected
    assert ids(attach) == {p.id for p in trial.conditions}
    assert borrow.allowed == (trial.outcome != "denied")


@given(any_facts())
def test_a_decision_cites_the_law_of_its_own_states_alone(facts: Facts) -> None:
    decision = decide(facts, WHOLE)
    cited = {reason.policy_id for reason in decision.reasons} | {each.policy_id for each in decision.obligations}
    states = {facts.requesting.state, facts.assisting.state, None}
    assert {WHOLE.laws[code].state for code in cited & WHOLE.laws.keys()} <= states


def test_no_policy_that_is_asked_everywhere_rests_on_a_states_law(copied: Path) -> None:
    assert {policy.law.state for policy in WHOLE.policies if policy.layer == "baseline" and policy.law} == {None}
    law = (copied / "law.yaml").read_text().replace("fl_liability_not_allocated:", "agreement_in_force:")
    (copied / "law.yaml").write_text(law)
    with pytest.raises(PolicySetError, match="agreement_in_force: rests on a law of FL, not of none"):
        load_policy_set(copied)


def test_an_error_in_any_policy_denies_and_names_it(tmp_path: Path, case: Callable[..., Facts]) -> None:
    overflow = "when { context.ask.quantity * 9223372036854775807 > 0 };"
    condition = (
        RULE
        + '@approval("approver@assisting")\n'
        + 'permit (principal, action == Action::"attach_condition", resource)'
    )
    facts = case(ask={"quantity": 2})
    for text in (
        RULE + 'forbid (principal, action == Action::"borrow", resource)' + overflow,
        condition + overflow,
    ):
        broken = with_policies(tmp_path, text)
        decision = decide(facts, broken)
        assert decision.outcome == "denied"
        assert [(r.effect, r.policy_id) for r in decision.reasons] == [("evaluation_error", "rule")]
        assert "overflow" in decision.reasons[0].reason


def test_no_number_is_decided_on_that_a_reader_of_the_facts_could_not_hold_exactly(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    """What is decided on is kept as canonical JSON, whose numbers every reader holds; so it is refused beforehand."""
    for ask in ({"quantity": 2**53}, {"estimated_cost_minor": 2**70}):
        with pytest.raises(TypeError):
            decide(case(ask=ask), shipped)


def test_a_fact_that_a_policy_only_tests_for_is_sent(tmp_path: Path, case: Callable[..., Facts]) -> None:
    known = case(ask={"distance_km": 40})
    bar = 'forbid (principal, action == Action::"borrow", resource) when { !(context has distance_km) };'
    layered = with_policies(tmp_path, RULE + bar)
    assert decide(known, layered).outcome == "permitted"
    assert decide(case(), layered).outcome == "denied"


def test_what_is_read_is_known_by_its_path_and_a_record_that_is_compared_is_sent_whole(
    tmp_path: Path, case: Callable[..., Facts]
) -> None:
    """Also where an attribute is read of what only the evaluation tells."""
    assert members_read({"resource.owner.id", "?.state"})["resource"] == {"owner", "state"}
    assert members_read({"resource.owner"})["resource.owner"] == {"id", "state", "kind", "status"}
    facts = case()
    same = replace(facts, assisting=replace(facts.requesting, kind="tribal"))
    for condition in (
        "resource.owner == context.ask.requesting",
        '(if context.ask.quantity > 0 then resource.owner else context.ask.requesting).kind != "tribal"',
        "[context.ask.requesting].contains(resource.owner)",
    ):
        layered = with_policies(
            tmp_path, f'{RULE}forbid (principal, action == Action::"borrow", resource) when {{ {condition} }};'
        )
        told = [{reason.policy_id for reason in decide(each, layered).reasons} for each in (facts, same)]
        holds = "kind" in condition
        assert ["rule" in each for each in told] == [holds, False], condition
        assert "evaluation_error" not in {policy for each in told for policy in each}, condition


def test_a_page_goes_to_cedar_together(
    shipped: PolicySet, case: Callable[..., Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = ("in_service", "out_of_service", "in_service")
    page = [case(asset={"like": "drone", "service_status": state}, action_at="what_if") for state in states]
    page[2] = replace(page[2], asset=replace(page[2].asset, type_level=1, sharing="network"))
    asked: list[int] = []
    really = cedarpy.is_authorized_batch

    def counted(requests: list[dict[str, object]], *rest: object) -> list[cedarpy.AuthzResult]:
        asked.append(len(requests))
        return really(requests, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(cedarpy, "is_authorized_batch", counted)
    decide_page(page, shipped)
    assert asked == [3, 1], "all of the page, then the barred one with every forbid left out"


@pytest.mark.parametrize(
    ("given_facts", "policy"),
    [
        ({"asset": {"like": "narcotics_dog", "certifications": []}}, "certification_missing"),
        ({"agreements": {"like": "mutual_aid", "terms": {"cost_ceiling_minor": 1}}}, "cost_not_known"),
        ({"principal": {"like": "coordinator", "roles": []}}, "role_may_not_ask"),
        ({"agreements": []}, "no_ground"),
        (
            {
                "requesting": {"like": "birch_city", "state": None},
                "assisting": "redwood_county",
                "asset": {"like": "plate_reader", "agency_id": "redwood_county"},
            },
            "ca_plate_reader_leaves_state",
        ),
    ],
)
def test_a_missing_fact_is_not_satisfied(
    shipped: PolicySet, case: Callable[..., Facts], given_facts: dict[str, object], policy: str
) -> None:
    decision = decide(case(**given_facts), shipped)
    assert decision.outcome == "denied"
    assert policy in {r.policy_id for r in decision.reasons}


def test_reasons_cite_the_clause_that_states_the_term(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    clauses = {"approval_required": "6.1"}
    decision = decide(
        case(agreements={"like": "mutual_aid", "terms": {"approval_required": True}, "clauses": clauses}),
        shipped,
    )
    assert [(r.effect, r.policy_id, r.clause) for r in decision.reasons] == [
        ("permit", "agreement_in_force", None),
        ("condition", "approval_by_agreement", "6.1"),
    ]


def test_an_approval_names_the_agency_of_its_side(case: Callable[..., Facts]) -> None:
    facts = case(requesting="poppy_city", asset={"like": "armored_vehicle", "funding": ["ab481", "leso_1033"]})
    named = {(a.role, a.side, a.agency_id) for a in decide(facts, WHOLE).approvals}
    assert named == {
        ("approver", "assisting", facts.assisting.id),
        ("legal", "requesting", facts.requesting.id),
    }


def test_the_other_agreements_are_listed_with_what_they_would_give(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    strict = {"like": "compact", "terms": {"approval_required": True}}
    decision = decide(case(agreements=[strict, "mutual_aid"]), shipped)
    assert decision.agreement is not None
    assert decision.agreement.number == "MA-2025-001"
    assert [(a.agreement.number, a.outcome, a.approvals) for a in decision.alternatives] == [
        ("CO-2024-007", "needs_approval", 1)
    ]


def test_a_denial_brings_neither_approvals_nor_obligations(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    decision = decide(
        case(asset={"like": "armored_vehicle", "funding": ["leso_1033"], "service_status": "retired"}), shipped
    )
    assert decision.outcome == "denied"
    assert not decision.approvals
    assert not decision.obligations


def test_outcomes_are_ordered_from_permitted_to_denied() -> None:
    pairs = list(permutations(OUTCOMES, 2))
    assert [worse(a, b) for a, b in pairs] == [OUTCOMES.index(a) > OUTCOMES.index(b) for a, b in pairs]
    assert worse("denied", "needs_approval")
    assert worse("needs_approval", "permitted")
    assert not worse("permitted", "permitted")
