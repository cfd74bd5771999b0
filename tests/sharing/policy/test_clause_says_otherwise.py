"""A reason that cites a clause says so where the words of that clause are not the term by which it is decided."""

from collections.abc import Callable
from typing import Any

import pytest

from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.facts import Facts, decode_facts, facts_bytes
from registry.sharing.policy.rules import decide
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.policy import make_decision, window_of
from tests.support.service import Service

Case = Callable[..., Facts]
WORDS = "No loan shall last longer than ninety-six hours during a declared emergency."
LAW = {"sensitivity": "restricted", "exemption": "Section 13.82 (demo); have counsel review"}
SETTLED = "the parties to agreement {} settle with their counsel which of the two holds."


def differing(case: Case, *, words: str | None, secret: list[str] | None = None, **given: Any) -> Facts:
    return case(
        agreements={
            "like": "mutual_aid",
            "terms": {"max_duration_hours": 24},
            "clauses": {"max_duration_hours": "4.2"},
            "restricted": secret or [],
            "contradicted": {"max_duration_hours": words},
            **given,
        }
    )


def test_the_reason_says_what_the_clause_says_and_who_settles_it_and_the_outcome_stays(
    shipped: PolicySet, case: Case
) -> None:
    decision = decide(differing(case, words="“ninety-six hours”"), shipped)
    assert decision.outcome == "denied"
    (reason,) = decision.reasons
    assert reason.clause == "4.2"
    assert reason.reason.endswith(
        "Agreement MA-2025-001, clause 4.2, allows at most 24 hours. The text of clause 4.2 says “ninety-six hours”, "
        f"other than the recorded term by which this is decided: {SETTLED.format('MA-2025-001')}"
    )


def test_a_near_miss_cites_the_clause_for_the_recorded_term_alone(shipped: PolicySet, case: Case) -> None:
    (near,) = decide(differing(case, words="“ninety-six hours”"), shipped).near_misses
    assert near.explanation == "would be permitted up to 24 hours (recorded for clause 4.2, whose text says otherwise)"


def test_the_words_of_a_restricted_clause_are_not_repeated(shipped: PolicySet, case: Case) -> None:
    facts = differing(case, words=None, secret=["max_duration_hours"])
    (reason,) = decide(facts, shipped).reasons
    assert "24 hour" not in reason.reason
    assert reason.reason.endswith(
        "The text of restricted clause 4.2 says other than the recorded term by which this is decided: "
        f"{SETTLED.format('MA-2025-001')}"
    )
    (near,) = decide(facts, shipped).near_misses
    assert near.explanation == "would be permitted within a bound that restricted clause 4.2 sets"


def test_of_an_agreement_that_binds_nobody_and_of_another_term_nothing_is_said(shipped: PolicySet, case: Case) -> None:
    for facts in (
        differing(case, words="“ninety-six hours”", in_force=False),
        differing(case, words="“ninety-six hours”", contradicted={"notice_hours": "“two days”"}),
    ):
        assert all("says" not in each.reason for each in decide(facts, shipped).reasons)


def test_facts_without_a_contradiction_have_the_bytes_that_they_had(case: Case) -> None:
    """Decisions that are kept are replayed by their facts, whose digest is told with them."""
    assert b"contradicted" not in facts_bytes(case())
    facts = differing(case, words="“ninety-six hours”")
    assert decode_facts(facts_bytes(facts)) == facts


@pytest.mark.parametrize("secret", [False, True])
async def test_what_is_decided_under_a_signed_text_that_says_otherwise(
    service: Service, cast: Cast, *, secret: bool
) -> None:
    clause: dict[str, Any] = {"number": "4.2", "heading": "scope", "text": WORDS, **(LAW if secret else {})}
    terms = {"max_duration_hours": 72, "clauses": {"max_duration_hours": "4.2"}}
    found = await sign_agreement(service, cast.assisting, cast.requesting, terms=terms, provisions=[clause])
    asset = await make_asset(cast.assisting)
    kept = await make_decision(cast.requesting, asset, window=window_of(hours=95))
    assert kept.outcome == "denied"
    told = kept.decision.reasons[0].reason
    assert ("“ninety-six hours”" in told) is not secret
    assert told.endswith(SETTLED.format(found["number"]))
    replayed = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{kept.id}/replay")
    assert (replayed["same"], replayed["reproduced"]) == (True, True)


async def test_a_clause_that_says_the_recorded_term_is_cited_alone(service: Service, cast: Cast) -> None:
    clause = {"number": "4.2", "heading": "scope", "text": WORDS}
    terms = {"max_duration_hours": 96, "clauses": {"max_duration_hours": "4.2"}}
    await sign_agreement(service, cast.assisting, cast.requesting, terms=terms, provisions=[clause])
    kept = await make_decision(cast.requesting, await make_asset(cast.assisting), window=window_of(hours=97))
    assert kept.decision.reasons[0].reason.endswith("clause 4.2, allows at most 96 hours.")
