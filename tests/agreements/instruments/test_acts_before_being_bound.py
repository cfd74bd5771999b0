"""What a party does counts from when it was bound at the earliest, by a text that it signed itself."""

from datetime import timedelta
from typing import Any

from tests.agreements.instruments.reporting import report
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import EVIDENCE, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
DAY = timedelta(days=1)


async def test_an_end_on_paper_is_not_older_than_the_agreement(service: Service, cast: Cast) -> None:
    right = {"agency_id": str(cast.assisting.id), "notice_days": 0}
    found = await sign_agreement(service, cast.assisting, cast.requesting, terms={"rights_to_end": [right]})
    path = f"{PATH}/{found['id']}/terminate"
    for ground in ("mutual_consent", "right_to_end"):
        over = {"ground": ground, "acted_on": "2024-12-31", "evidence_sha256": EVIDENCE, "reason": "over"}
        problem = assert_problem(await cast.assisting.legal.post(path, over), 422, "not_then")
        assert "2025-01-01" in problem["detail"]
        assert problem["errors"][0]["pointer"] == "/acted_on"
    on_its_first_day = {"acted_on": "2025-01-01", "evidence_sha256": EVIDENCE, "reason": "over"}
    proposed = await cast.assisting.legal.done("POST", path, on_its_first_day)
    assert proposed["proposals"][0]["not_before"] == "2025-01-01T06:00:00Z"


async def test_no_successor_takes_an_agreements_place_on_a_day_before_it_bound(service: Service, cast: Cast) -> None:
    old = await sign_agreement(service, cast.assisting, cast.requesting, effective_on="2025-01-01")
    new = await sign_agreement(service, cast.assisting, cast.requesting)
    past = {"by_agreement_id": new["id"], "effective_on": "2024-06-01", "evidence_sha256": EVIDENCE, "reason": "new"}
    problem = assert_problem(await cast.assisting.legal.post(f"{PATH}/{old['id']}/supersede", past), 422, "not_then")
    assert "2025-01-01" in problem["detail"]


async def reported_signer(cast: Cast) -> tuple[dict[str, Any], str]:
    """An agreement of two who are bound, and a third that is reported to have signed: with the report's address."""
    found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour)
    found = await confirm_agreement(found, cast.requesting)
    said = {"agency_id": str(cast.neighbour.id), "kind": "signed", "acted_on": "2025-01-01", "reason": "a copy"}
    return await report(
        cast.assisting, found, {**said, "version_sha256": found["version_sha256"], "signatory_title": "Chief"}
    )


async def amended_in_writing(custodian: Agency, found: dict[str, Any]) -> str:
    """The hash of an amendment that is written here and out for signature."""
    path = f"{PATH}/{found['id']}"
    if found["amendment"] is None:
        await custodian.legal.done("POST", f"{path}/amend", {"effective_on": str(today()), "reason": "wider"})
    await custodian.legal.done("POST", f"{path}/submit")
    await custodian.counsel.done("POST", f"{path}/approve")
    out = await custodian.legal.done("POST", f"{path}/send-for-signature")
    digest: str = out["amendment"]["version_sha256"]
    return digest


async def test_a_signature_under_an_amendment_that_was_sent_back_binds_to_nothing(cast: Cast) -> None:
    found, its_report = await reported_signer(cast)
    path = f"{PATH}/{found['id']}"
    hand = {"version_sha256": await amended_in_writing(cast.assisting, found), "signatory_title": "Sheriff"}
    await cast.neighbour.signatory.done("POST", f"{path}/sign", {**hand, "manner": "electronic"})
    await cast.assisting.legal.done("POST", f"{path}/send-back", {"reason": "a figure is wrong"})
    contested = await cast.neighbour.legal.done("POST", f"{its_report}/contest", {"reason": "we never signed"})
    assert contested["parties"][2]["joined_at"] is None


async def test_a_signature_under_an_amendment_that_was_executed_binds_whatever_becomes_of_the_report(
    cast: Cast,
) -> None:
    found, its_report = await reported_signer(cast)
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    await amended_on_paper(found, *parties, effective_on=today() - DAY)
    contested = await cast.neighbour.legal.done("POST", f"{its_report}/contest", {"reason": "not the first text"})
    third = contested["parties"][2]
    assert third["joined_at"] is not None, "it signed the text of today itself"
    assert third["bound"]
