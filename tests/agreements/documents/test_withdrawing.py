"""Withdrawing a document: out of sight, never off the record."""

import asyncio
import hashlib
from datetime import timedelta
from io import BytesIO
from uuid import UUID, uuid4
from zipfile import ZipFile

import pytest

from registry.agreements.documents.commands import withdraw_document
from registry.agreements.documents.queries import get_document
from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.time import utc_now
from tests.support.agreements import agreement_body, confirm_agreement, sign_agreement
from tests.support.cast import Cast, today
from tests.support.consent import agree_to_publish
from tests.support.documents import file_document
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.review import submitted
from tests.support.service import Service

pytestmark = pytest.mark.second_long

WHY = {"reason": "Filed with the wrong agreement (demo)."}


async def test_what_is_withdrawn_stays_on_record_and_is_read_by_the_cleared_staff_of_filer_and_custodian(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.requesting.legal, made["id"], "Wrong.", title="Wrong one", sensitivity="public")
    await agree_to_publish(made["id"], cast.assisting, document_id=filed["id"])
    path = f"/v1/documents/{filed['id']}"
    response = await cast.requesting.legal.post(f"{path}/withdraw", WHY)
    assert response.status_code == 200
    withdrawn = response.json()
    assert (withdrawn["status"], withdrawn["withdrawn_reason"], withdrawn["version"]) == (
        "withdrawn",
        WHY["reason"],
        2,
    )
    assert withdrawn["allowed_actions"] == [
        {"action": "withdraw", "allowed": False, "reason": "It is withdrawn already."}
    ]
    for reader in (cast.assisting.legal, cast.assisting.auditor, cast.requesting.legal):
        content = await reader.get(f"{path}/content")
        assert (content.text, content.headers["cache-control"]) == ("Wrong.", "no-store")
    for reader in (cast.assisting.coordinator, cast.requesting.coordinator, cast.stranger.legal, service.operator):
        assert_problem(await reader.get(f"{path}/content"), 403, "forbidden")
    assert (await cast.assisting.coordinator.done("GET", path))["title"] == "Wrong one"
    seen = await cast.stranger.coordinator.done("GET", path)
    assert (seen["status"], seen["title"], seen["sha256"], seen["withdrawn_reason"]) == ("withdrawn", None, None, None)
    history = await cast.assisting.auditor.done("GET", f"{path}/history?sort=version")
    assert [event["type"] for event in history["items"]] == ["document.filed", "document.withdrawn"]


async def test_the_filer_withdraws_and_nobody_else(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    for filer, caller, status in (
        (cast.requesting.legal, cast.requesting.legal, 200),
        (cast.requesting.legal, cast.requesting.machine, 200),
        (cast.requesting.legal, cast.assisting.legal, 403),
        (cast.requesting.legal, service.operator, 404),
        (cast.requesting.legal, cast.neighbour.legal, 403),
        (cast.requesting.legal, cast.requesting.coordinator, 403),
        (cast.requesting.legal, cast.stranger.legal, 404),
        (cast.requesting.legal, service.anonymous, 401),
        (service.operator, service.operator, 200),
    ):
        filed = await file_document(filer, made["id"])
        response = await caller.post(f"/v1/documents/{filed['id']}/withdraw", WHY)
        assert response.status_code == status, response.text
    assert_problem(await cast.assisting.legal.post(f"/v1/documents/{uuid4()}/withdraw", WHY), 404, "not_found")


async def test_a_malformed_withdrawal_and_a_stale_one_are_refused(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"])
    path = f"/v1/documents/{filed['id']}/withdraw"
    bodies: list[object] = [{}, {"reason": ""}, {"reason": "x", "more": 1}, [1]]
    for body in bodies:
        assert_problem(await cast.assisting.legal.post(path, body), 400)
    assert_problem(await cast.assisting.legal.post(path, WHY, if_match='"7-00000000"'), 412, "stale_version")
    tag = (await cast.assisting.legal.get(f"/v1/documents/{filed['id']}")).headers["etag"]
    assert (await cast.assisting.legal.post(path, WHY, if_match=tag)).status_code == 200


async def test_withdrawing_twice_is_refused_and_a_repeat_with_its_key_is_not(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"])
    path = f"/v1/documents/{filed['id']}/withdraw"
    first = await cast.assisting.legal.post(path, WHY, key="once")
    again = await cast.assisting.legal.post(path, WHY, key="once")
    assert (first.status_code, again.content) == (200, first.content)
    assert_problem(await cast.assisting.legal.post(path, WHY), 409, "wrong_status")


async def test_of_two_withdrawals_at_once_one_counts(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.requesting.legal, made["id"])
    path = f"/v1/documents/{filed['id']}/withdraw"
    callers = [cast.requesting.counsel, cast.requesting.legal] * 3
    answers = await asyncio.gather(*(caller.post(path, WHY) for caller in callers))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]


async def test_content_that_another_document_shares_stays_readable(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    one, two = [await file_document(cast.assisting.legal, made["id"], "Shared.") for _ in range(2)]
    await cast.assisting.legal.done("POST", f"/v1/documents/{one['id']}/withdraw", WHY)
    assert_problem(await cast.requesting.legal.get(f"/v1/documents/{one['id']}/content"), 403)
    assert (await cast.requesting.legal.get(f"/v1/documents/{two['id']}/content")).text == "Shared."


async def test_nothing_is_withdrawn_while_anybodys_hold_stands(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"/v1/agreements/{made['id']}"
    filed = await file_document(cast.assisting.legal, made["id"], "Evidence.")
    matter = {"authority": "Case 26-CV-1 (demo)", "reason": "litigation"}
    kept = await cast.requesting.legal.done("POST", f"{path}/place-hold", matter)
    refused = await cast.assisting.legal.post(f"/v1/documents/{filed['id']}/withdraw", WHY)
    assert "Case 26-CV-1" in assert_problem(refused, 409, "record_held")["detail"]
    (offered,) = (await cast.assisting.legal.done("GET", f"/v1/documents/{filed['id']}"))["allowed_actions"]
    assert (offered["allowed"], offered["reason"]) == (False, "The agreement's record is under a legal hold.")
    await cast.requesting.legal.done("POST", f"{path}/lift-hold", {**matter, "hold_id": kept["holds"][0]["id"]})
    await cast.assisting.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", WHY)


async def test_a_filer_always_reads_its_own_document(cast: Cast) -> None:
    """Whatever becomes of the text that it was filed with."""
    found = await submitted(cast.assisting, cast.requesting)
    filed = await file_document(
        cast.requesting.legal, found["id"], "Ours.", sensitivity="restricted", exemption="Demo Code 1"
    )
    back = {"reason": "another wording"}
    await cast.assisting.legal.done("POST", f"/v1/agreements/{found['id']}/send-back", back)
    assert_problem(await cast.requesting.legal.get(f"/v1/agreements/{found['id']}"), 404)
    path = f"/v1/documents/{filed['id']}"
    assert (await cast.requesting.legal.get(f"{path}/content")).text == "Ours."
    assert_problem(await cast.requesting.coordinator.get(f"{path}/content"), 403, "forbidden")
    await cast.requesting.legal.done("POST", f"{path}/withdraw", WHY)
    assert (await cast.requesting.legal.get(f"{path}/content")).text == "Ours."


async def test_the_only_paper_on_which_anothers_hand_rests_is_not_withdrawn_by_one_side(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    paper = "Signed by both (demo)."
    digest = hashlib.sha256(paper.encode()).hexdigest()
    body = {**agreement_body(one, two), "signed_on": "2025-01-01", "signatory_title": "Chief"}
    found = await one.legal.done("POST", "/v1/agreements/record", {**body, "evidence_sha256": digest})
    filed = await file_document(one.legal, found["id"], paper, title="Signed copy")
    path = f"/v1/documents/{filed['id']}"
    assert filed["allowed_actions"] == [{"action": "withdraw", "allowed": True, "reason": None}]
    await confirm_agreement(found, two, evidence_sha256=digest)
    assert (
        "signature, confirmation"
        in assert_problem(await one.legal.post(f"{path}/withdraw", WHY), 409, "document_rested_on")["detail"]
    )
    (offered,) = (await one.legal.done("GET", path))["allowed_actions"]
    assert (offered["allowed"], "files its own copy" in offered["reason"]) == (False, True)
    assert (await two.legal.get(f"{path}/content")).text == paper
    own = await file_document(two.legal, found["id"], paper)
    await one.legal.done("POST", f"{path}/withdraw", WHY)
    seen = await two.legal.done("GET", f"/v1/agreements/{found['id']}")
    assert seen["parties"][1]["signature"]["evidence"]["document"]["id"] == own["id"]
    for reader in (one, two):  # whoever may still read what is withdrawn: it is no part of what the file rests on
        answer = await reader.legal.get(f"/v1/agreements/{found['id']}/file.zip")
        with ZipFile(BytesIO(answer.content)) as archive:
            (kept,) = [each for each in archive.namelist() if each.startswith("documents/")]
            assert kept.startswith("documents/002")
            assert archive.read(kept).decode() == paper


async def test_nor_is_one_that_shows_what_a_party_has_not_contested_in_time(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, cast.neighbour)
    filed = await file_document(one.legal, found["id"], "Two gives notice (demo).")
    said = {"kind": "gave_notice", "agency_id": str(two.id), "acted_on": str(today()), "reason": "a letter"}
    path = f"/v1/agreements/{found['id']}/report-act"
    await one.legal.done("POST", path, {**said, "evidence_sha256": filed["sha256"]})
    days_are_over = utc_now() + CONTEST_PERIOD
    for at, allowed in ((utc_now() + CONTEST_PERIOD - timedelta(hours=1), True), (days_are_over, False)):
        read, principal = service.database.read(), acting_for(one, Role.LEGAL).principal
        then, _ = await get_document(read, principal, UUID(filed["id"]), at)
        assert [each.allowed for each in then.allowed_actions] == [allowed]
    late = acting_for(one, Role.LEGAL, now=days_are_over)
    async with unit_of_work(service.database) as write:
        with pytest.raises(Conflict, match="rests on it"):
            await withdraw_document(write, late, UUID(filed["id"]), WHY["reason"], None)


async def test_nor_is_one_that_proves_anothers_duty_or_insurance(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    filed = {name: await file_document(one.legal, found["id"], f"{name} (demo).") for name in ("duty", "policy")}
    duty = await two.legal.done(
        "POST", f"/v1/agreements/{found['id']}/duties", {"title": "File it (demo)", "due_on": "2025-06-01"}
    )
    proof = {"fulfilled_on": "2025-05-01", "evidence_sha256": filed["duty"]["sha256"]}
    await two.legal.done("POST", f"/v1/agreements/{found['id']}/duties/{duty['id']}/fulfil", proof)
    policy = {**NEW_CERTIFICATE_EXAMPLE, "evidence_sha256": filed["policy"]["sha256"]}
    policy.pop("evidence_location", None)
    insured = await two.admin.done("POST", f"/v1/agencies/{two.id}/insurance", policy)
    for each in filed.values():
        refused = await one.legal.post(f"/v1/documents/{each['id']}/withdraw", WHY)
        assert_problem(refused, 409, "document_rested_on")
    retired = {"because": "entered_in_error", "reason": "another policy"}
    path = f"/v1/agencies/{two.id}/insurance/{insured['id']}/retire"
    await two.admin.done("POST", path, retired)
    await one.legal.done("POST", f"/v1/documents/{filed['policy']['id']}/withdraw", WHY)


async def test_a_restricted_copy_of_anothers_takes_the_place_of_a_restricted_paper_and_of_no_open_one(
    cast: Cast,
) -> None:
    one, two = cast.assisting, cast.requesting
    restricted = {"sensitivity": "restricted", "exemption": "Demo Code 1"}
    cases: list[tuple[dict[str, str], bool]] = [({}, False), (restricted, True)]
    for how, taken in cases:
        paper = f"Signed by both ({how}, demo)."
        digest = hashlib.sha256(paper.encode()).hexdigest()
        body = {**agreement_body(one, two), "signed_on": "2025-01-01", "signatory_title": "Chief"}
        found = await one.legal.done("POST", "/v1/agreements/record", {**body, "evidence_sha256": digest})
        filed = await file_document(one.legal, found["id"], paper, **how)
        await confirm_agreement(found, two)
        path = f"/v1/documents/{filed['id']}/withdraw"
        await file_document(one.legal, found["id"], paper, **restricted)
        assert_problem(await one.legal.post(path, WHY), 409, "document_rested_on")
        await file_document(two.legal, found["id"], paper, **restricted)
        answer = await one.legal.post(path, WHY)
        assert answer.status_code == (200 if taken else 409), answer.text


async def test_who_is_not_bound_takes_back_what_it_filed_while_nothing_rests_on_it(
    service: Service, cast: Cast
) -> None:
    one, two, new = cast.assisting, cast.requesting, cast.neighbour
    made = await sign_agreement(service, one, two)
    path = f"/v1/agreements/{made['id']}"
    let_in = {"agency_ids": [str(new.id)], "reason": "asked to join"}
    offered = await one.legal.done("POST", f"{path}/add-parties", let_in)
    await two.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")
    wrong, other = [await file_document(new.legal, made["id"], f"Wrong {n}.") for n in range(2)]
    (offer,) = wrong["allowed_actions"]
    assert (offer["action"], offer["allowed"]) == ("withdraw", True)
    for reader in (one.legal, two.legal):
        assert_problem(await reader.post(f"/v1/documents/{wrong['id']}/withdraw", WHY), 403, "forbidden")
    withdrawn = await new.legal.done("POST", f"/v1/documents/{wrong['id']}/withdraw", WHY)
    assert withdrawn["status"] == "withdrawn"
    await one.legal.done("POST", f"{path}/place-hold", {"authority": "Subpoena 1 (demo)", "reason": "a suit"})
    (offer,) = (await new.legal.done("GET", f"/v1/documents/{other['id']}"))["allowed_actions"]
    assert (offer["allowed"], "not bound" in offer["reason"]) == (False, True)
    kept = await new.legal.post(f"/v1/documents/{other['id']}/withdraw", WHY)
    assert_problem(kept, 409, "wrong_status")
    assert "hold" not in kept.text, "whether there is one is not for it"
