"""Signatures over HTTP: each party for itself, to a version's hash; the last one executes."""

from datetime import timedelta
from uuid import uuid4

from registry.platform.access.principals import Role
from tests.support.agreements import agreement_body
from tests.support.cast import Cast, today
from tests.support.consent import consent
from tests.support.problems import assert_problem
from tests.support.review import PATH, hand, out_for_signature, sent_out
from tests.support.service import Service


async def test_the_agreement_is_executed_when_every_party_has_signed(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    first = await cast.requesting.signatory.done("POST", f"{path}/sign", hand(found))
    assert (first["stage"], first["executed_at"]) == ("out_for_signature", None)
    assert [party["bound"] for party in first["parties"]] == [False, False]
    last = await cast.assisting.signatory.done(
        "POST", f"{path}/sign", hand(found, manner="wet", signed_on=str(today()))
    )
    assert (last["stage"], last["status"]) == ("executed", "in_force")
    assert [party["bound"] for party in last["parties"]] == [True, True]
    assert [party["signature"]["manner"] for party in last["parties"]] == ["wet", "electronic"]
    assert last["executed_at"] > found["as_of"]


async def test_a_signature_names_the_text_that_is_out_for_signature(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    other = await cast.requesting.signatory.post(f"{path}/sign", hand(found, version_sha256="0" * 64))
    assert_problem(other, 422, "other_version")
    malformed = await cast.requesting.signatory.post(f"{path}/sign", hand(found, version_sha256="A" * 64))
    assert_problem(malformed, 400, "invalid_body")


async def test_sent_back_from_signature_the_signatures_count_for_nothing(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    await cast.requesting.signatory.done("POST", f"{path}/sign", hand(found))
    await cast.assisting.legal.done("POST", f"{path}/send-back", {"reason": "a typing error"})
    again = await sent_out(cast.assisting, found["id"])
    assert [party["signature"] for party in again["parties"]] == [None, None]
    # The same words make the same hash, and still the party signs anew.
    signed = await cast.assisting.signatory.done("POST", f"{path}/sign", hand(again))
    assert signed["stage"] == "out_for_signature"


async def test_an_agency_signs_once_and_a_repeat_replays(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path, key = f"{PATH}/{found['id']}/sign", f"sign-{uuid4()}"
    first = await cast.requesting.signatory.post(path, hand(found), key=key)
    assert (await cast.requesting.signatory.post(path, hand(found), key=key)).content == first.content
    assert_problem(await cast.requesting.signatory.post(path, hand(found)), 409, "already_signed")


async def test_only_legal_of_a_party_signs_and_never_a_service(service: Service, cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/sign"
    assert_problem(await service.anonymous.post(path, hand(found)), 401)
    assert_problem(await cast.requesting.approver.post(path, hand(found)), 403)
    assert_problem(await cast.requesting.machine.post(path, hand(found)), 403)
    assert_problem(await cast.stranger.signatory.post(path, hand(found)), 404, "not_found")
    assert_problem(await service.operator.post(path, hand(found)), 403)


async def test_nothing_is_signed_before_it_is_out_or_for_a_day_to_come(cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting)
    draft = await cast.assisting.legal.done("POST", PATH, body)
    await cast.assisting.legal.done("POST", f"{PATH}/{draft['id']}/submit")
    early = {**hand(draft), "version_sha256": "0" * 64}
    assert_problem(await cast.requesting.legal.post(f"{PATH}/{draft['id']}/sign", early), 409, "wrong_status")
    found = await out_for_signature(cast.assisting, cast.requesting)
    tomorrow = hand(found, manner="wet", signed_on=str(today() + timedelta(days=1)))
    assert_problem(await cast.requesting.legal.post(f"{PATH}/{found['id']}/sign", tomorrow), 422, "signed_in_future")


async def test_an_electronic_signature_is_dated_by_the_registry_and_one_on_paper_is_no_older_than_its_text(
    cast: Cast,
) -> None:
    """Nor is an approval of it."""
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/sign"
    before, signer = str(today() - timedelta(days=1)), cast.requesting.signatory
    for fields, code in (
        ({"signed_on": str(today())}, "signature_day"),
        ({"manner": "wet"}, "signature_day"),
        ({"manner": "wet", "signed_on": before}, "signed_before_text"),
    ):
        problem = assert_problem(await signer.post(path, hand(found, **fields)), 422, code)
        assert problem["errors"][0]["pointer"] == "/signed_on"
    council = {"version_no": 1, "body": "City council (demo)", "evidence_location": "City clerk (demo)"}
    path_of_approval = f"{PATH}/{found['id']}/record-approval"
    refused = await cast.requesting.legal.post(path_of_approval, {**council, "approved_on": before})
    problem = assert_problem(refused, 422, "approved_before_text")
    assert (problem["errors"][0]["pointer"], f"since {today()}" in problem["detail"]) == ("/approved_on", True)
    await cast.requesting.legal.done("POST", path_of_approval, {**council, "approved_on": str(today())})
    signed = await signer.done("POST", path, hand(found))
    assert signed["parties"][1]["signature"]["signed_on"] == str(today())


async def test_who_joins_a_text_that_was_written_here_has_signed_no_paper_before_it(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    for party in (cast.assisting, cast.requesting):
        await party.signatory.done("POST", f"{path}/sign", hand(found))
    new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
    proposed = await cast.assisting.legal.done("POST", f"{path}/add-parties", new)
    await consent(cast.requesting, found, proposed["proposals"][0])
    paper = {"version_sha256": found["version_sha256"], "signatory_title": "Chief"}
    old = {**paper, "signed_on": str(today() - timedelta(days=1))}
    assert_problem(await cast.neighbour.legal.post(f"{path}/confirm", old), 422, "signed_before_text")
    await cast.neighbour.legal.done("POST", f"{path}/confirm", {**paper, "signed_on": str(today())})


async def test_an_open_signature_round_is_not_confirmed_as_paper(service: Service, cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    body = {key: value for key, value in hand(found, signed_on=str(today())).items() if key != "manner"}
    refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/confirm", body)
    assert_problem(refused, 409, "wrong_status")


async def test_a_person_who_also_acts_as_a_service_may_not_sign_by_it(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    both = cast.requesting.as_(Role.LEGAL, Role.SERVICE)
    assert_problem(await both.post(f"{PATH}/{found['id']}/sign", hand(found)), 403, "forbidden")
