"""Saying no to a text: the reason reaches all, nobody signs it meanwhile, and what was signed stays readable."""

from typing import Any

import pytest

from tests.support.agreements import PROVISIONS, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.review import PATH, draft, hand, out_for_signature, sent_out
from tests.support.service import Service

WHY = "Section 4.2 goes beyond our insurance."
SECRET = "The second key is with the clerk"
RESTRICTED = {"number": "9", "heading": "equipment", "text": SECRET, "sensitivity": "restricted", "exemption": "Code 1"}
VERBS = ("decline-to-sign", "decline-to-join")


def no(found: dict[str, Any], **fields: object) -> dict[str, object]:
    return {"version_sha256": found["version_sha256"], "reason": WHY, **fields}


def offered(found: dict[str, Any], action: str) -> tuple[bool, str | None]:
    return next((each["allowed"], each["reason"]) for each in found["allowed_actions"] if each["action"] == action)


async def open_for(verb: str, one: Agency, two: Agency) -> dict[str, Any]:
    """An agreement that the second party may answer so."""
    return await (
        out_for_signature(one, two)
        if verb == "decline-to-sign"
        else record_agreement(one, two, provisions=PROVISIONS[1:])
    )


async def test_a_declined_text_is_signed_by_nobody_until_it_is_revised(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await out_for_signature(one, two, three)
    path = f"{PATH}/{found['id']}"
    await two.signatory.done("POST", f"{path}/sign", hand(found))
    told = await three.legal.done("POST", f"{path}/decline-to-sign", no(found))
    (said,) = told["declined_by"]
    assert (said["agency"]["id"], said["action"], said["version_no"], said["reason"]) == (
        str(three.id),
        "sign",
        1,
        WHY,
    )
    seen = await two.legal.done("GET", path)
    assert seen["declined_by"] == [said], "the reason reaches who has signed"
    events = (await two.auditor.done("GET", f"{path}/history"))["items"]
    assert any(each["type"] == "agreement.declined_to_sign" and each["data"]["reason"] == WHY for each in events)
    refused = assert_problem(await one.signatory.post(f"{path}/sign", hand(found)), 409, "signing_declined")
    assert WHY in refused["detail"]
    allowed, reason = offered(await one.legal.done("GET", path), "sign")
    assert (allowed, WHY in str(reason)) == (False, True)
    await one.legal.done("POST", f"{path}/send-back", {"reason": "another wording"})
    again = await sent_out(one, found["id"])
    assert [each["version_no"] for each in again["declined_by"]] == [1], "it is said of the text that it was about"
    assert (await one.signatory.post(f"{path}/sign", hand(again))).status_code == 200


async def test_who_declined_may_sign_after_all(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await out_for_signature(one, two)
    path = f"{PATH}/{found['id']}"
    await two.legal.done("POST", f"{path}/decline-to-sign", no(found))
    signed = await two.signatory.done("POST", f"{path}/sign", hand(found))
    assert signed["declined_by"] == []
    done = await one.signatory.done("POST", f"{path}/sign", hand(found))
    assert done["stage"] == "executed"


async def test_who_declines_to_join_stays_outside_until_it_says_otherwise(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    told = await cast.requesting.legal.done("POST", f"{path}/decline-to-join", no(found))
    assert [(each["agency"]["id"], each["action"]) for each in told["declined_by"]] == [
        (str(cast.requesting.id), "join")
    ]
    assert [party["joined_at"] is not None for party in told["parties"]] == [True, False]
    joined = await confirm_agreement(found, cast.requesting)
    assert ([party["bound"] for party in joined["parties"]], joined["declined_by"]) == ([True, True], [])


@pytest.mark.parametrize("verb", VERBS)
async def test_declining_is_for_the_legal_staff_of_whose_signature_is_waited_for(
    service: Service, cast: Cast, verb: str
) -> None:
    one, two = cast.assisting, cast.requesting
    found = await open_for(verb, one, two)
    path = f"{PATH}/{found['id']}/{verb}"
    assert_problem(await service.anonymous.post(path, no(found)), 401)
    assert_problem(await cast.stranger.legal.post(path, no(found)), 404, "not_found")
    for other in (two.coordinator, two.machine, two.auditor, service.operator):
        assert_problem(await other.post(path, no(found)), 403)
    for wrong in ({}, no(found, reason=""), no(found, version_sha256="0"), no(found, more=1)):
        assert_problem(await two.legal.post(path, wrong), 400)
    assert_problem(await two.legal.post(path, no(found, version_sha256="0" * 64)), 422, "other_version")
    assert_problem(await two.legal.post(path, no(found), if_match='"99-00000000"'), 412, "stale_version")
    first = await two.legal.post(path, no(found), key=f"no-{found['id']}")
    assert first.status_code == 200
    assert (await two.legal.post(path, no(found), key=f"no-{found['id']}")).content == first.content
    assert_problem(await two.legal.post(path, no(found)), 409, "already_declined")
    allowed, reason = offered(await two.legal.done("GET", f"{PATH}/{found['id']}"), verb.replace("-", "_"))
    assert (allowed, reason) == (False, "Your agency has declined that already.")
    made = await draft(one, two)
    assert_problem(await one.legal.post(f"{PATH}/{made['id']}/{verb}", no(found)), 409, "wrong_status")


async def test_what_was_signed_is_not_declined_and_who_is_bound_does_not_decline_to_join(
    service: Service, cast: Cast
) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    await cast.requesting.signatory.done("POST", f"{path}/sign", hand(found))
    assert_problem(await cast.requesting.legal.post(f"{path}/decline-to-sign", no(found)), 409, "wrong_status")
    bound = await sign_agreement(service, cast.assisting, cast.requesting)
    refused = await cast.requesting.legal.post(f"{PATH}/{bound['id']}/decline-to-join", no(bound))
    assert_problem(refused, 409, "wrong_status")


@pytest.mark.parametrize("withdrawn", [False, True])
async def test_what_one_has_signed_stays_readable_and_nothing_of_what_it_became(cast: Cast, withdrawn: bool) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await out_for_signature(one, two, three, provisions=[*PROVISIONS, RESTRICTED], title="As signed (demo)")
    path = f"{PATH}/{found['id']}"
    await two.signatory.done("POST", f"{path}/sign", hand(found))
    back = await one.legal.post(f"{path}/send-back", {"reason": "without the second party"})
    left = {"title": "Behind its back (demo)", "parties": [str(one.id), str(three.id)], "provisions": PROVISIONS}
    edited = await one.legal.patch(path, left, if_match=back.headers["etag"])
    assert edited.status_code == 200
    if withdrawn:
        await one.legal.done("POST", f"{path}/withdraw", {"reason": "dropped"})
    seen = await two.legal.get(path)
    kept = seen.json()
    assert (kept["view"], kept["title"], kept["version_no"]) == ("signed", "As signed (demo)", 1)
    assert (kept["stage"], kept["allowed_actions"]) == ("withdrawn" if withdrawn else "draft", [])
    assert [party["agency"]["id"] for party in kept["parties"]] == [str(one.id), str(two.id), str(three.id)]
    assert [party["signature"] is not None for party in kept["parties"]] == [False, True, False]
    assert (SECRET in seen.text, "Behind" in seen.text) == (True, False)
    assert SECRET not in (await two.coordinator.get(path)).text
    versions = (await two.legal.done("GET", f"{path}/versions"))["items"]
    assert [each["version_no"] for each in versions] == [1]
    first = await two.legal.done("GET", f"{path}/versions/1")
    assert [each["agency"]["id"] for each in first["signatures"]] == [str(two.id)]
    assert_problem(await two.legal.get(f"{path}/versions/2"), 404, "not_found")
    assert_problem(await three.legal.get(path), 404, "not_found")
