"""A change of an executed agreement goes through review, comments and turns as its first text did."""

from datetime import timedelta
from typing import Any

from tests.support.agreements import EVIDENCE, PROVISIONS, agreement_body, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import end_agreement, left_long_ago
from tests.support.problems import assert_problem
from tests.support.review import PATH, hand, reviewer, reviews_of
from tests.support.service import Service

SHORTER = [PROVISIONS[0], {**PROVISIONS[1], "text": "Equipment is returned at once."}]


async def amended(custodian: Agency, found: dict[str, Any], submission: dict[str, Any] | None = None) -> dict[str, Any]:
    """An amendment that is in review."""
    path = f"{PATH}/{found['id']}"
    opening = {"effective_on": str(today() + timedelta(days=1)), "reason": "as the county asked"}
    opened = await custodian.legal.done("POST", f"{path}/amend", opening)
    etag = f'"{opened["version"]}-00000000"'
    await custodian.legal.done("PATCH", path, {"provisions": SHORTER}, if_match=etag)
    sent: dict[str, Any] = await custodian.legal.done("POST", f"{path}/submit", submission)
    return sent


async def out_for_signature(
    custodian: Agency, found: dict[str, Any], how: dict[str, Any] | None = None
) -> dict[str, Any]:
    await amended(custodian, found)
    await custodian.counsel.done("POST", f"{PATH}/{found['id']}/approve")
    sent: dict[str, Any] = await custodian.legal.done("POST", f"{PATH}/{found['id']}/send-for-signature", how)
    return sent


async def sign(party: Agency, sent: dict[str, Any]) -> Any:
    signature = hand({"version_sha256": sent["amendment"]["version_sha256"]})
    return await party.signatory.post(f"{PATH}/{sent['id']}/sign", signature)


def sign_offer(found: dict[str, Any]) -> tuple[bool, str | None]:
    return next((each["allowed"], each["reason"]) for each in found["allowed_actions"] if each["action"] == "sign")


async def test_an_amendment_waits_for_its_reviewers(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    path = f"{PATH}/{found['id']}"
    sent = await amended(one, found, {"reviewers": [reviewer(two)]})
    (approve,) = (each for each in sent["allowed_actions"] if each["action"] == "approve")
    assert (approve["allowed"], two.name in approve["reason"]) == (False, True)
    assert_problem(await one.counsel.post(f"{path}/approve"), 409, "reviews_outstanding")
    (review,) = await reviews_of(two, found)
    await two.legal.done("POST", f"{path}/reviews/{review['id']}/approve")
    approved = await one.counsel.done("POST", f"{path}/approve")
    assert (approved["stage"], approved["amendment"]["stage"]) == ("executed", "approved")
    (held,) = (await two.legal.done("GET", f"{path}/review-rounds"))["items"]
    assert (held["version_no"], held["outcome"]) == (2, "approved")


async def test_what_ends_the_agreement_closes_the_round_of_its_amendment(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    await amended(one, found, {"reviewers": [reviewer(two)]})
    await end_agreement(found, one, two)
    (held,) = (await two.legal.done("GET", f"{PATH}/{found['id']}/review-rounds"))["items"]
    assert held["outcome"] == "withdrawn"


async def test_comments_follow_the_text_into_its_amendment(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    path = f"{PATH}/{found['id']}/comments"
    for provision in ("1", "4.2"):
        said = {"version_no": 1, "provision": provision, "audience": "parties", "text": "From when on?"}
        await two.coordinator.done("POST", path, said)
    opening = {"effective_on": str(today() + timedelta(days=1)), "reason": "as the county asked"}
    opened = await one.legal.done("POST", f"{PATH}/{found['id']}/amend", opening)
    etag = f'"{opened["version"]}-00000000"'
    await one.legal.done("PATCH", f"{PATH}/{found['id']}", {"provisions": SHORTER}, if_match=etag)
    for reader, anchors in ((one, ["unchanged", "changed"]), (two, ["unchanged", "unchanged"])):
        items = (await reader.legal.done("GET", f"{path}?sort=created_at"))["items"]
        assert [each["anchor"] for each in items] == anchors, "the draft is its custodian's alone"
    hidden = {"version_no": 2, "provision": "1", "audience": "parties", "text": "Mine?"}
    assert_problem(await two.legal.post(path, hidden), 422, "unknown_version")
    assert_problem(await two.legal.get(f"{path}?version_no=2"), 404, "not_found")
    await one.legal.done("POST", f"{PATH}/{found['id']}/submit")
    items = (await two.legal.done("GET", f"{path}?sort=created_at"))["items"]
    assert [each["anchor"] for each in items] == ["unchanged", "changed"]


async def test_an_amendment_is_signed_in_turn_by_those_who_are_bound(service: Service, cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, two, three)
    confirmed = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-01-01"}
    await three.legal.done("POST", f"{PATH}/{found['id']}/confirm", confirmed)
    await amended(one, found)
    await one.counsel.done("POST", f"{PATH}/{found['id']}/approve")
    path = f"{PATH}/{found['id']}/send-for-signature"
    everybody = {"order": "sequential", "sequence": [str(each.id) for each in (three, two, one)]}
    assert_problem(await one.legal.post(path, everybody), 422, "bad_sequence")
    bound = [str(three.id), str(one.id)]
    sent = await one.legal.done("POST", path, {"order": "sequential", "sequence": bound})
    assert (sent["stage"], sent["signing"]["outstanding"]) == ("partly_executed", [three.reference, one.reference])
    refused = assert_problem(await sign(one, sent), 409, "not_your_turn")
    assert refused["next"] == [three.reference]
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
    await left_long_ago(service, two, found)
    seen = await three.legal.done("GET", f"{PATH}/{found['id']}")
    assert seen["signing"]["outstanding"] == [three.reference, one.reference]
    assert (await sign(three, sent)).status_code == 200
    assert (await sign(one, sent)).json()["amendment"] is None


async def test_the_authority_is_that_of_each_versions_own_signature(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    office = {"office": "Chief", "basis": "policy", "citation": "Order 7 (demo)", "effective_on": str(today())}
    await two.admin.done("POST", f"/v1/agencies/{two.id}/signing-authorities", office)
    sent = await out_for_signature(one, found)
    signed = await sign(two, sent)
    assert signed.status_code == 200
    assert signed.json()["parties"][1]["authority"] == "not_on_record", "of the text that is in force until tomorrow"
    second = await one.legal.done("GET", f"{PATH}/{found['id']}/versions/2")
    assert [each["authority"]["office"] for each in second["signatures"]] == ["Chief"]


async def test_a_recorded_amendment_waits_for_all_at_once(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    body = agreement_body(one, two, provisions=SHORTER)
    kept = ("title", "notice", "terms", "provisions")
    paper = {"signed_on": "2025-06-01", "signatory_title": "Chief", "evidence_sha256": EVIDENCE, "reason": "on paper"}
    amendment = {name: body[name] for name in kept} | paper | {"effective_on": str(today() + timedelta(days=1))}
    recorded = await one.legal.done("POST", f"{PATH}/{found['id']}/record-amendment", amendment)
    assert (recorded["signing"]["signed"], recorded["signing"]["next"]) == ([one.reference], [two.reference])
