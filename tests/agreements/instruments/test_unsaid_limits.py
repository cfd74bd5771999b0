"""What a text does not say could limit a loan: it is no consent by name, and whoever reads or relies on it is told."""

from typing import Any

import msgspec
import pytest

from registry.agreements.instruments.terms import Terms, purposes_meet
from registry.agreements.instruments.unsaid import LIMITING, unsaid
from tests.support.agreements import UNLIMITED, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.service import Service

SILENT: dict[str, Any] = {name: [] if name == "purposes" else None for name in UNLIMITED}


async def asked(cast: Cast, terms: dict[str, Any], purpose: str) -> dict[str, Any]:
    """What is decided on a loan under a text with these terms beside silence, or under one that says all."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    asset = await make_asset(cast.assisting)
    window = window_of()
    question = {
        "asset_id": asset["id"],
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "purpose": purpose,
    }
    answer = await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", question)
    decision: dict[str, Any] = answer["decision"]
    return decision


def of_silence(decision: dict[str, Any]) -> list[str]:
    return [each["reason"] for each in decision["reasons"] if each["effect"] == "unstated"]


def test_silence_is_another_thing_than_no_limit() -> None:
    assert unsaid(Terms(categories=["k9"])) == list(LIMITING)
    assert unsaid(msgspec.convert({"categories": ["k9"], **UNLIMITED}, Terms)) == []
    assert "approval_required" not in unsaid(Terms(categories=["k9"], approval_over_hours=72))


def test_a_text_for_all_purposes_meets_every_other() -> None:
    all_, training, silent = (Terms(categories=["k9"], purposes=each) for each in (["any"], ["training"], []))
    assert all(purposes_meet(one, other) for one in (all_, training, silent) for other in (all_, training, silent))
    assert not purposes_meet(training, Terms(categories=["k9"], purposes=["surveillance"]))


async def test_who_records_and_who_confirms_read_which_limits_are_not_entered(service: Service, cast: Cast) -> None:
    recorded = await record_agreement(cast.requesting, cast.assisting, terms={**SILENT, "max_duration_hours": 72})
    to_confirm = await cast.assisting.legal.done("GET", f"/v1/agreements/{recorded['id']}")
    confirmed = await confirm_agreement(recorded, cast.assisting)
    for shown in (recorded, to_confirm, confirmed):
        (told,) = [each["detail"] for each in shown["remarks"] if each["code"] == "limits_silent"]
        assert "for which purposes it lends (`purposes`)" in told
        assert "what a loan may cost at most (`cost_ceiling`)" in told
        assert "max_duration_hours" not in told
        assert "The text does not say" not in told, "what is blank in the record the paper may well say"
    said = await sign_agreement(service, cast.requesting, cast.assisting)
    assert "limits_silent" not in {each["code"] for each in said["remarks"]}


async def test_a_decision_names_what_it_rests_on_that_no_text_says(cast: Cast) -> None:
    decision = await asked(cast, {**SILENT, "max_duration_hours": 720}, "training")
    assert decision["outcome"] == "permitted"
    (told,) = of_silence(decision)
    assert "for which purposes it lends; this loan is for “Training”" in told
    assert "how many are lent at a time; this quantity is 1" in told
    assert "how long a loan may last" not in told


async def test_a_text_that_says_that_it_sets_no_limit_is_no_silence(cast: Cast) -> None:
    decision = await asked(cast, {}, "immigration_enforcement")
    assert (decision["outcome"], of_silence(decision)) == ("permitted", [])


@pytest.mark.parametrize("purpose", ["immigration_enforcement", "surveillance"])
async def test_a_sensitive_purpose_rests_on_no_silence_but_on_the_lenders_counsel(cast: Cast, purpose: str) -> None:
    decision = await asked(cast, SILENT, purpose)
    assert decision["outcome"] == "needs_approval"
    assert [(each["role"], each["side"], each["policy_id"]) for each in decision["approvals"]] == [
        ("legal", "assisting", "sensitive_purpose_not_stated")
    ]


async def test_a_text_that_names_the_sensitive_purpose_is_consent_to_it(cast: Cast) -> None:
    decision = await asked(cast, {**SILENT, "purposes": ["immigration_enforcement"]}, "immigration_enforcement")
    assert decision["outcome"] == "permitted"


async def test_all_purposes_are_said_alone(cast: Cast) -> None:
    body = {"terms": {"categories": ["any"], "purposes": ["any", "training"]}}

    draft = {**agreement_body(cast.requesting, cast.assisting), **body}
    problem = assert_problem(await cast.requesting.legal.post("/v1/agreements", draft), 422, "agreement_faulty")
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [
        ("/terms/purposes", "purpose_covered_already")
    ]


async def test_a_provision_that_says_the_purposes_has_them_entered(cast: Cast) -> None:

    draft = agreement_body(cast.requesting, cast.assisting, terms={**SILENT, "clauses": {"purposes": "1"}})
    problem = assert_problem(await cast.requesting.legal.post("/v1/agreements", draft), 422, "agreement_faulty")
    assert {each["code"] for each in problem["errors"]} == {"clause_without_term"}
