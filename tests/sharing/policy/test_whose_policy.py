"""A reason by an agency's own policy says whose it is, in which set, since when, and on what it rests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.agreements.law.rules import REVIEW, names_law
from registry.platform.ledger.tables import ledger_event
from registry.sharing.policy.annotations import PolicySetError, too_little_said
from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.queries.getting import decision_of, decision_row
from registry.sharing.policy.rules import decide
from registry.sharing.policy.standard_rules import LongestLoan, cedar_of
from tests.sharing.policy.test_agency_layer import BAR, CASES, HEAD, found
from tests.sharing.policy.test_policy_sets_api import activated, question
from tests.support.cast import Cast
from tests.support.policy import make_decision, window_of
from tests.support.requests import line_for, submitted
from tests.support.service import Service

ORDER = "General Order 12.4 (demo)"
RULES = {
    "title": "Ours (demo)",
    "rules": [
        {"kind": "longest_loan", "hours": 4, "citation": ORDER},
        {"kind": "approval_over_cost", "over": {"amount": "0.00", "currency": "USD"}},
    ],
}


def source_of(active: dict[str, Any], cast: Cast, no: int = 1, *, to_owner: bool = False) -> dict[str, Any]:
    return {
        "agency": cast.assisting.reference,
        "policy_set_id": active["id"],
        "version_no": no,
        "digest": active["digest"] if to_owner else None,
        "activated_at": active["activated_at"],
    }


async def test_who_is_denied_reads_whose_policy_it_was_and_all_its_words(cast: Cast) -> None:
    asked, active = await question(cast), await activated(cast.assisting, RULES)
    borrower = cast.requesting.coordinator
    (reason,) = (await borrower.done("POST", "/v1/policy-evaluations", asked))["decision"]["reasons"]
    assert reason == {
        "policy_id": "longest_loan",
        "layer": "agency",
        "effect": "forbid",
        "title": "Longer than 4 hours",
        "reason": "The owner lends anything for at most 4 hours. This loan is for 8 hours.",
        "citation": ORDER,
        "clause": None,
        "source": source_of(active, cast),
    }
    made = await make_decision(cast.requesting, {"id": asked["asset_id"]})
    for side in (cast.requesting, cast.assisting):
        shown = await side.coordinator.done("GET", f"/v1/decisions/{made.id}")
        told = source_of(active, cast, to_owner=side is cast.assisting)
        assert [each["source"] for each in shown["decision"]["reasons"]] == [told]


async def test_an_approval_and_an_obligation_say_it_too_and_the_registrys_policies_say_none(cast: Cast) -> None:
    asked = await question(cast, hours=3)
    active = await activated(cast.assisting, RULES)
    decision = (await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", asked))["decision"]
    told = {each["policy_id"]: each["source"] for part in ("approvals", "obligations") for each in decision[part]}
    assert told["approval_over_cost"] == source_of(active, cast)
    assert told["condition_report"] is None
    assert {each["layer"] for each in decision["obligations"]} == {"baseline"}


async def test_a_later_set_has_the_next_number_and_an_old_decision_keeps_its_own(cast: Cast) -> None:
    asked, first = await question(cast), await activated(cast.assisting, RULES)
    made = await make_decision(cast.requesting, {"id": asked["asset_id"]})
    second = await activated(cast.assisting, {**RULES, "title": "The same once more (demo)"})
    replay = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{made.id}/replay")
    then, now = (replay[when]["reasons"][0]["source"] for when in ("then", "now"))
    assert then == source_of(first, cast)
    assert now == source_of(second, cast, 2)
    assert (replay["same"], replay["policies_changed"], replay["reproduced"]) == (True, False, True)


async def test_by_no_answer_can_the_other_agency_guess_rules_that_did_not_speak(service: Service, cast: Cast) -> None:
    """The digest of a set covers all its rules: who could read it would draft guesses and compare."""
    asked = await question(cast, hours=3)
    digest = (await activated(cast.assisting, RULES))["digest"]
    made = await make_decision(cast.requesting, {"id": asked["asset_id"]}, window=window_of(hours=3))
    window = window_of(hours=3)
    lines = [line_for({"id": asked["asset_id"]}, window=window)]
    request = await submitted(cast.requesting, {"id": asked["asset_id"]}, lines=lines)
    paths = (f"/v1/decisions/{made.id}", f"/v1/decisions/{made.id}/replay", f"/v1/requests/{request['id']}")
    for reader in (cast.requesting, cast.assisting):
        for each in paths:
            answer = await reader.coordinator.get(each)
            assert (digest in answer.text) is (reader is cast.assisting), each
        what_if = await reader.coordinator.post("/v1/policy-evaluations", asked)
        assert (digest in what_if.text) is (reader is cast.assisting)
    read = service.database.read()
    events = await read.all(sa.select(ledger_event.c.canonical).where(ledger_event.c.subject_id == made.id), {})
    assert events
    assert not any(digest.encode() in event.canonical for event in events)
    assert decision_of(await decision_row(read, made.id)).policy_set.layers["agency"] == digest, "what is kept is whole"


async def test_an_agency_that_is_renamed_changes_no_replay(service: Service, cast: Cast) -> None:
    asked = await question(cast)
    await activated(cast.assisting, RULES)
    made = await make_decision(cast.requesting, {"id": asked["asset_id"]})
    body = {"name": "Renamed County (demo)"}
    agency = await service.operator.get(f"/v1/agencies/{cast.assisting.id}")
    await service.operator.done("PATCH", f"/v1/agencies/{cast.assisting.id}", body, if_match=agency.headers["etag"])
    replay = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{made.id}/replay")
    assert (replay["same"], replay["reproduced"]) == (True, True)
    assert replay["then"]["reasons"][0]["source"]["agency"] == cast.assisting.reference


@pytest.mark.parametrize("said", ["no", "Nope", "Not permitted", "Nonononononononono", "   a    b          "])
def test_a_reason_that_is_no_sentence_is_a_fault_with_its_place(shipped: PolicySet, said: str) -> None:
    (fault,) = found(shipped, HEAD.replace("We say so ourselves.", said) + BAR, CASES)
    assert (fault.line, fault.policy_id) == (1, "own_rule")
    assert fault.detail.startswith("@reason must be a sentence")


def test_a_set_that_was_activated_before_reasons_had_to_be_sentences_goes_on_deciding(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    facts = case()
    own = shipped.with_agency(facts.assisting.id, HEAD.replace("We say so ourselves.", "no") + BAR)
    assert decide(facts, own).outcome == "denied"


@pytest.mark.parametrize(
    ("reason", "citation", "reason_told", "citation_told"),
    [
        ("Fla. Stat. 23.1225 bars it.", "Fla. Stat. 23.1225", f". {REVIEW.capitalize()}.", f"; {REVIEW}"),
        ("State law forbids that we do.", ORDER, f". {REVIEW.capitalize()}.", ORDER),
        (f"City Code 2.30 bars it; {REVIEW}.", f"City Code 2.30 ({REVIEW})", f"; {REVIEW}.", f"({REVIEW})"),
        ("Our chief decided it so.", ORDER, "decided it so.", ORDER),
    ],
)
def test_where_law_is_named_counsel_is_called_for(
    shipped: PolicySet,
    case: Callable[..., Facts],
    reason: str,
    citation: str,
    reason_told: str,
    citation_told: str,
) -> None:
    head = HEAD.replace("We say so ourselves.", reason).replace("\n", f' @citation("{citation}")\n')
    assert found(shipped, head + BAR, CASES) == ()
    facts = case()
    (told,) = decide(facts, shipped.with_agency(facts.assisting.id, head + BAR)).reasons
    assert told.reason.removesuffix(" This loan is for 48 hours.").endswith(reason_told)
    assert told.reason.lower().count(REVIEW) <= 1
    assert (told.citation or "").endswith(citation_told)


def test_every_law_that_the_registry_ships_is_known_for_one_and_every_reason_is_a_sentence(shipped: PolicySet) -> None:
    assert [law.citation for law in shipped.laws.values() if not names_law(law.citation)] == []
    assert [each.id for each in shipped.policies if too_little_said(each.reason) is not None] == []
    for plain in ("For law enforcement use only.", ORDER, "We act at night.", "It is lent for 3 hours.", "The K9 team"):
        assert not names_law(plain)


def test_a_citation_is_bounded_and_an_agencys_own_alone(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    long = HEAD.replace("\n", f' @citation("{"x" * 301}")\n') + BAR
    assert "@citation must be at most 300 characters" in found(shipped, long, CASES)[0].detail
    own = cedar_of([LongestLoan(hours=4, citation='Order "7" (demo)')])
    assert '@citation("Order \\"7\\" (demo)")' in own
    facts = case()
    assert decide(facts, shipped.with_agency(facts.assisting.id, own)).reasons[0].citation == 'Order "7" (demo)'


def test_a_shipped_policy_says_in_the_law_file_on_what_it_rests(copied: Path) -> None:
    text = '@id("rule") @title("Rule") @reason("A rule that is ours.") @citation("Some order")\n' + BAR
    (copied / "jurisdictions" / "or.cedar").write_text(text)
    with pytest.raises(PolicySetError, match=r"law\.yaml"):
        load_policy_set(copied)
