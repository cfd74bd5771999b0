"""What was decided and lent under a text keeps it: an amendment changes what comes after it, and nothing before."""

from datetime import timedelta
from typing import Any

from registry.platform.kernel.time import Window, utc_now
from tests.agreements.instruments.test_amendments import act
from tests.support.agreements import EVIDENCE, PROVISIONS
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import make_loan, make_partners, see
from tests.support.policy import make_decision


async def amended(cast: Cast, found: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
    """The agreement after both parties have confirmed an amendment on paper that holds since long ago."""
    paper = {
        "title": "Amended (demo)",
        "effective_on": "2025-06-01",
        "terms": terms,
        "provisions": PROVISIONS,
        "signed_on": "2025-06-01",
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "shorter loans",
    }
    recorded = await act(cast.assisting, found, "record-amendment", paper)
    hand = {"signatory_title": "Sheriff", "signed_on": "2025-06-01", "evidence_location": "County clerk's vault (demo)"}
    digest = recorded["amendment"]["version_sha256"]
    return await act(cast.requesting, found, "confirm", {**hand, "version_sha256": digest})


async def test_a_loan_and_its_decision_keep_the_version_they_were_made_under(cast: Cast) -> None:
    partners = await make_partners(cast, max_duration_hours=72)
    loan = await make_loan(partners, "on_scene")
    before = await partners.requesting.coordinator.done("GET", f"/v1/decisions/{loan['decision_id']}")
    now_two = await amended(cast, partners.agreement, {"categories": ["any"], "max_duration_hours": 4})
    assert now_two["version_no"] == 2

    after = await see(cast.requesting, loan["id"])
    assert after["agreement"] == loan["agreement"]
    decision = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{loan['decision_id']}")
    assert decision == before
    assert decision["decision"]["agreement"]["version_no"] == 1
    replayed = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{loan['decision_id']}/replay")
    assert replayed["same"] is True, "under its own input the decision is what it was"


async def test_a_loan_over_the_day_of_the_change_is_no_loan_beyond_the_agreement(cast: Cast) -> None:
    partners = await make_partners(cast)
    change_over = utc_now() + timedelta(days=5)
    paper = {
        "title": "From then on (demo)",
        "effective_on": str(change_over.date()),
        "terms": {"categories": ["any"]},
        "provisions": PROVISIONS,
        "signed_on": "2025-06-01",
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "next year's text",
    }
    recorded = await act(cast.assisting, partners.agreement, "record-amendment", paper)
    hand = {"signatory_title": "Sheriff", "signed_on": "2025-06-01", "evidence_location": "County clerk's vault (demo)"}
    digest = recorded["amendment"]["version_sha256"]
    bound = await act(cast.requesting, partners.agreement, "confirm", {**hand, "version_sha256": digest})
    assert [party["bound_until"] for party in bound["parties"]] == [None, None]
    window = Window(start=change_over - timedelta(days=2), end=change_over + timedelta(days=2))
    decision = await make_decision(partners.requesting, await make_asset(partners.assisting), window=window)
    assert decision.outcome == "permitted"


async def test_what_is_asked_after_the_amendment_is_decided_by_its_terms(cast: Cast) -> None:
    partners = await make_partners(cast, max_duration_hours=72)
    loan = await make_loan(partners, "reserved")
    await amended(cast, partners.agreement, {"categories": ["any"], "max_duration_hours": 4})
    start = utc_now() + timedelta(days=9)
    asset = {"id": loan["asset"]["id"]}
    longer = await make_decision(partners.requesting, asset, window=Window(start=start, end=start + timedelta(hours=8)))
    shorter = await make_decision(
        partners.requesting, asset, window=Window(start=start, end=start + timedelta(hours=4))
    )
    assert (longer.outcome, shorter.outcome) == ("denied", "permitted")
    ground = shorter.decision.agreement
    assert ground is not None
    assert ground.version_no == 2
