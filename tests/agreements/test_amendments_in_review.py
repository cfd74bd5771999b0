"""A change of an executed agreement goes through review, comments and turns as its first text did."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from registry.agreements.tables import agreement_party
from registry.database.connect import unit_of_work
from registry.kernel.time import utc_now
from tests.support.agreements import EVIDENCE, PROVISIONS, agreement_body, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.review import PATH, hand, reviewer, reviews_of
from tests.support.service import Service

TOMORROW = str(utc_now().date() + timedelta(days=1))
SHORTER = [PROVISIONS[0], {**PROVISIONS[1], "text": "Equipment is returned at once."}]


async def amended(custodian: Agency, found: dict[str, Any], submission: dict[str, Any] | None = None) -> dict[str, Any]:
    """An amendment that is in review."""
    path = f"{PATH}/{found['id']}"
    opening = {"effective_on": TOMORROW, "reason": "as the county asked"}
    opened = await custodian.legal.done("POST", f"{path}/amend", opening)
    etag = f'"{opened["version"]}-00000000"'
    await custodian.legal.done("PATCH", path, {"provisions": SHORTER}, if_match=etag)
    sent: dict[str, Any] = await custodian.legal.done("POST", f"{path}/submit", submission)
    return sent


async def out_for_signature(
    custodian: Agency, found: dict[str, Any], how: dict[str, Any] | None = None
) -> dict[str, Any]:
    await amended(custodian, found)
    await custodian.legal.done("POST", f"{PATH}/{found['id']}/approve")
    sent: dict[str, Any] = await custodian.legal.done("POST", f"{PATH}/{found['id']}/send-for-signature", how)
    return sent


async def sign(party: Agency, sent: dict[str, Any]) -> Any:
    signature = hand({"version_sha256": sent["amendment"]["version_sha256"]})
    return await party.legal.post(f"{PATH}/{sent['id']}/sign", signature)


def sign_offer(found: dict[str, Any]) -> tuple[bool, str | None]:
    return next((each["allowed"], each["reason"]) for each in found["allowed_actions"] if each["action"] == "sign")


async def test_an_amendment_waits_for_its_reviewers(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    path = f"{PATH}/{found['id']}"
    sent = await amended(one, found, {"reviewers": [reviewer(two)]})
    (approve,) = (each for each in sent["allowed_actions"] if each["action"] == "approve")
    assert (approve["allowed"], two.name in approve["reason"]) == (False, True)
    assert_problem(await one.legal.post(f"{path}/approve"), 409, "reviews_outstanding")
    (review,) = await reviews_of(two, found)
    await two.legal.done("POST", f"{path}/reviews/{review['id']}/approve")
    approved = await one.legal.done("POST", f"{path}/approve")
    assert (approved["stage"], approved["amendment"]["stage"]) == ("executed", "approved")
    (held,) = (await two.legal.done("GET", f"{path}/reviews"))["items"]
    assert (held["version_no"], held["outcome"]) == (2, "approved")


async def test_what_ends_the_agreement_closes_the_round_of_its_amendment(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    await amended(one, found, {"reviewers": [reviewer(two)]})
    await one.legal.done("POST", f"{PATH}/{found['id']}/terminate", {"reason": "over"})
    (held,) = (await two.legal.done("GET", f"{PATH}/{found['id']}/reviews"))["items"]
    assert held["outcome"] == "withdrawn"


async def test_comments_follow_the_text_into_its_amendment(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    path = f"{PATH}/{found['id']}/comments"
    for provision in ("1", "4.2"):
        said = {"version_no": 1, "provision": provision, "audience": "parties", "text": "From when on?"}
        await two.coordinator.done("POST", path, said)
    opening = {"effective_on": TOMORROW, "reason": "as the county asked"}
    opened = await one.legal.done("POST", f"{PATH}/{found['id']}/amend", opening)
    etag = f'"{opened["version"]}-00000000"'
    await one.legal.done("PATCH", f"{PATH}/{found['id']}", {"provisions": SHORTER}, if_match=etag)
    for reader, anchors in ((one, ["unchanged", "changed"]), (two, ["unchanged", "unchanged"])):
        items = (await reader.legal.done("GET", path))["items"]
        assert [each["anchor"] for each in items] == anchors, "the draft is its custodian's alone"
    hidden = {"version_no": 2, "provision": "1", "audience": "parties", "text": "Mine?"}
    assert_problem(await two.legal.post(path, hidden), 422, "unknown_version")
    assert_problem(await two.legal.get(f"{path}?version_no=2"), 404, "not_found")
    await one.legal.done("POST", f"{PATH}/{found['id']}/submit")
    items = (await two.legal.done("GET", path))["items"]
    assert [each["anchor"] for each in items] == ["unchanged", "changed"]


async def test_an_amendment_is_signed_in_turn_by_those_who_are_bound(service: Service, cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, two, three)
    confirmed = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-01-01"}
    await three.legal.done("POST", f"{PATH}/{found['id']}/confirm", confirmed)
    await amended(one, found)
    await one.legal.done("POST", f"{PATH}/{found['id']}/approve")
    path = f"{PATH}/{found['id']}/send-for-signature"
    everybody = {"order": "sequential", "sequence": [str(each.id) for each in (three, two, one)]}
    assert_problem(await one.legal.post(path, everybody), 422, "bad_sequence")
    bound = [str(three.id), str(one.id)]
    sent = await one.legal.done("POST", path, {"order": "sequential", "sequence": bound})
    assert (sent["stage"], sent["signing"]["outstanding"]) == ("executed", bound)
    refused = assert_problem(await sign(one, sent), 409, "not_your_turn")
    assert refused["next"] == bound[:1]
    assert (await sign(three, sent)).status_code == 200
    again = await three.legal.done("GET", f"{PATH}/{found['id']}")
    assert sign_offer(again) == (False, "Your agency has signed this version already.")
    assert (await sign(one, sent)).json()["amendment"] is None


async def test_whoever_has_left_meanwhile_is_not_waited_for(service: Service, cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, two, three)
    order = {"order": "sequential", "sequence": [str(each.id) for each in (two, three, one)]}
    sent = await out_for_signature(one, found, order)
    assert_problem(await sign(three, sent), 409, "not_your_turn")
    notice = {"notice_on": str(utc_now().date() - timedelta(days=1)), "reason": "no funds"}
    await two.legal.done("POST", f"{PATH}/{found['id']}/give-notice", notice)
    async with unit_of_work(service.database) as write:  # the notice period runs out
        its_part = (agreement_party.c.agreement_id == UUID(found["id"]), agreement_party.c.agency_id == two.id)
        await write.run(agreement_party.update().where(*its_part).values(leaves_at=utc_now()))
    seen = await three.legal.done("GET", f"{PATH}/{found['id']}")
    assert seen["signing"]["outstanding"] == [str(three.id), str(one.id)]
    assert (await sign(three, sent)).status_code == 200
    assert (await sign(one, sent)).json()["amendment"] is None


async def test_the_authority_is_that_of_each_versions_own_signature(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    office = {"office": "Chief", "basis": "policy", "citation": "Order 7 (demo)", "valid_from": "2026-01-01"}
    await two.admin.done("POST", f"/v1/agencies/{two.id}/signing-authorities", office)
    sent = await out_for_signature(one, found)
    assert_problem(await sign(two, sent), 422, "no_signing_authority")  # dated a year before the office had any
    signature = hand({"version_sha256": sent["amendment"]["version_sha256"]}, signed_on="2026-01-01")
    signed = await two.legal.post(f"{PATH}/{found['id']}/sign", signature)
    assert signed.status_code == 200
    assert signed.json()["parties"][1]["authority"] == "not_on_record", "of the text that is in force until tomorrow"
    second = await one.legal.done("GET", f"{PATH}/{found['id']}/versions/2")
    assert [each["authority"]["office"] for each in second["signatures"]] == ["Chief"]


async def test_a_recorded_amendment_waits_for_all_at_once(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    body = agreement_body(one, two, provisions=SHORTER)
    kept = ("title", "notice_days", "terms", "provisions")
    paper = {"signed_on": "2025-06-01", "signatory_title": "Chief", "evidence_sha256": EVIDENCE, "reason": "on paper"}
    amendment = {name: body[name] for name in kept} | paper | {"effective_on": TOMORROW}
    recorded = await one.legal.done("POST", f"{PATH}/{found['id']}/record-amendment", amendment)
    assert (recorded["signing"]["signed"], recorded["signing"]["next"]) == ([str(one.id)], [str(two.id)])
