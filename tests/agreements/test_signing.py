"""Signatures over HTTP: each party for itself, to a version's hash; the last one executes."""

from typing import Any
from uuid import uuid4

from registry.access.principals import Role
from registry.kernel.time import utc_now
from tests.support.agreements import agreement_body
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"


async def out_for_signature(*parties: Agency, **fields: Any) -> dict[str, Any]:
    custodian = parties[0].legal
    made = await custodian.done("POST", PATH, agreement_body(*parties, **fields))
    for verb in ("submit", "approve", "send-for-signature"):
        made = await custodian.done("POST", f"{PATH}/{made['id']}/{verb}")
    found: dict[str, Any] = made
    return found


def hand(found: dict[str, Any], **fields: object) -> dict[str, object]:
    return {
        "version_sha256": found["version_sha256"],
        "signatory_title": "Chief",
        "signed_on": "2025-01-02",
        "manner": "electronic",
        **fields,
    }


async def test_the_agreement_is_executed_when_every_party_has_signed(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    first = await cast.requesting.legal.done("POST", f"{path}/sign", hand(found))
    assert (first["stage"], first["executed_at"]) == ("out_for_signature", None)
    assert [party["bound"] for party in first["parties"]] == [False, False]
    last = await cast.assisting.legal.done("POST", f"{path}/sign", hand(found, manner="wet"))
    assert (last["stage"], last["status"]) == ("executed", "in_force")
    assert [party["bound"] for party in last["parties"]] == [True, True]
    assert [party["signature"]["manner"] for party in last["parties"]] == ["wet", "electronic"]
    assert last["executed_at"] > found["as_of"]


async def test_a_signature_names_the_text_that_is_out_for_signature(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    other = await cast.requesting.legal.post(f"{path}/sign", hand(found, version_sha256="0" * 64))
    assert_problem(other, 422, "other_version")
    malformed = await cast.requesting.legal.post(f"{path}/sign", hand(found, version_sha256="A" * 64))
    assert_problem(malformed, 400, "invalid_body")


async def test_sent_back_from_signature_the_signatures_count_for_nothing(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    await cast.requesting.legal.done("POST", f"{path}/sign", hand(found))
    await cast.assisting.legal.done("POST", f"{path}/send-back", {"reason": "a typing error"})
    for verb in ("submit", "approve", "send-for-signature"):
        again = await cast.assisting.legal.done("POST", f"{path}/{verb}")
    assert [party["signature"] for party in again["parties"]] == [None, None]
    # The same words make the same hash, and still the party signs anew.
    signed = await cast.assisting.legal.done("POST", f"{path}/sign", hand(again))
    assert signed["stage"] == "out_for_signature"


async def test_an_agency_signs_once_and_a_repeat_replays(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path, key = f"{PATH}/{found['id']}/sign", f"sign-{uuid4()}"
    first = await cast.requesting.legal.post(path, hand(found), key=key)
    assert (await cast.requesting.legal.post(path, hand(found), key=key)).content == first.content
    assert_problem(await cast.requesting.legal.post(path, hand(found)), 409, "already_signed")


async def test_only_legal_of_a_party_signs_and_never_a_service(service: Service, cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/sign"
    assert_problem(await service.anonymous.post(path, hand(found)), 401)
    assert_problem(await cast.requesting.approver.post(path, hand(found)), 403)
    assert_problem(await cast.requesting.machine.post(path, hand(found)), 403)
    assert_problem(await cast.stranger.legal.post(path, hand(found)), 404, "not_found")
    assert_problem(await service.operator.post(path, hand(found)), 403)


async def test_nothing_is_signed_before_it_is_out_or_for_a_day_to_come(cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting)
    draft = await cast.assisting.legal.done("POST", PATH, body)
    await cast.assisting.legal.done("POST", f"{PATH}/{draft['id']}/submit")
    early = {**hand(draft), "version_sha256": "0" * 64}
    assert_problem(await cast.requesting.legal.post(f"{PATH}/{draft['id']}/sign", early), 409, "wrong_state")
    found = await out_for_signature(cast.assisting, cast.requesting)
    tomorrow = hand(found, signed_on=f"{utc_now().year + 1}-01-01")
    assert_problem(await cast.requesting.legal.post(f"{PATH}/{found['id']}/sign", tomorrow), 422, "signed_in_future")


async def test_an_open_signature_round_is_not_confirmed_as_paper(service: Service, cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    body = {key: value for key, value in hand(found).items() if key != "manner"}
    refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/confirm", body)
    assert_problem(refused, 409, "wrong_state")


async def test_a_person_who_also_acts_as_a_service_may_not_sign_by_it(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    both = cast.requesting.as_(Role.LEGAL, Role.SERVICE)
    assert_problem(await both.post(f"{PATH}/{found['id']}/sign", hand(found)), 403, "forbidden")
