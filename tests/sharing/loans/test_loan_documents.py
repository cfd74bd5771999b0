"""Pictures and papers of loans: filed by either side, read by both, named in condition reports, withdrawn."""

import asyncio
import hashlib
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.documents.commands import sweep
from registry.database_tables import named_contents
from registry.platform.database.connect import unit_of_work
from registry.platform.files.kinds import JPEG, PDF
from registry.platform.kernel.time import utc_now
from registry.sharing.loans import papers
from tests.support.documents import file_with_loan, make_pdf, photograph, send_with_loan
from tests.support.loans import CONDITION, Partners, make_loan, see, step
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_long


def listed(page: dict[str, Any]) -> list[str]:
    return [each["id"] for each in page["items"]]


async def test_each_side_reads_what_the_other_filed_and_a_picture_says_nothing_but_itself(partners: Partners) -> None:
    loan = await make_loan(partners)
    raw, owner, asking = photograph(), partners.assisting, partners.requesting
    about = {"kind": "photo", "title": "Left side", "filename": "IMG_0001.jpg"}
    digest = hashlib.sha256(raw).hexdigest()
    filed = await file_with_loan(owner.coordinator, loan["id"], raw, JPEG, sha256=digest, **about)
    assert (filed["status"], filed["side"], filed["occasion"]) == ("filed", "assisting", "hand_over")
    path = f"/v1/loans/{loan['id']}/documents"
    theirs = await file_with_loan(asking.coordinator, loan["id"], make_pdf("Sheet"), PDF, kind="condition_report")
    assert theirs["remarks"] == ["metadata_kept"]
    one = f"{path}/{filed['id']}"
    seen = await asking.coordinator.done("GET", one)
    assert (seen["filename"], seen["title"], seen["allowed_actions"]) == (None, "Left side", [])
    content = await asking.auditor.get(f"{one}/content")
    assert hashlib.sha256(content.content).hexdigest() == filed["sha256"] != digest
    assert b"44.98N" not in content.content
    assert content.headers["cache-control"] == "no-store"
    assert "IMG_0001" not in content.headers["content-disposition"]
    for agency in (owner, asking):
        page = await agency.coordinator.done("GET", path)
        assert listed(page) == [theirs["id"], filed["id"]]
        assert listed(await agency.coordinator.done("GET", f"{path}?side=assisting&kind=photo")) == [filed["id"]]
        assert [each["id"] for each in (await see(agency, loan["id"]))["documents"]] == [filed["id"], theirs["id"]]
    history = (await asking.auditor.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    assert [each["type"] for each in history] == ["loan.reserved", *2 * ["loan.document_filed"]]
    assert "Left side" not in str(history), "what somebody calls it may name people"


async def test_nobody_else_knows_of_them_and_each_role_does_what_it_may(partners: Partners) -> None:
    loan = await make_loan(partners)
    filed = await file_with_loan(partners.assisting.coordinator, loan["id"])
    path = f"/v1/loans/{loan['id']}/documents"
    for address in (path, f"{path}/{filed['id']}", f"{path}/{filed['id']}/content"):
        assert_problem(await partners.stranger.coordinator.get(address), 404, "not_found")
        assert_problem(await partners.assisting.service.anonymous.get(address), 401, "unauthenticated")
    for caller, status, code in (
        (partners.stranger.coordinator, 404, "not_found"),
        (partners.assisting.auditor, 403, "forbidden"),
        (partners.assisting.service.anonymous, 401, "unauthenticated"),
    ):
        assert_problem(await send_with_loan(caller, loan["id"]), status, code)
        assert_problem(await caller.post(f"{path}/{filed['id']}/withdraw", {"reason": "x"}), status, code)
    assert_problem(await send_with_loan(partners.assisting.coordinator, loan["id"], kind="novel"), 400)
    assert_problem(await send_with_loan(partners.assisting.coordinator, loan["id"], b""), 422, "file_empty")
    wrong = await send_with_loan(partners.assisting.coordinator, loan["id"], sha256="ab" * 32)
    assert_problem(wrong, 422, "sha256_differs")
    other = await make_loan(partners)
    unseen = await partners.assisting.coordinator.get(f"/v1/loans/{other['id']}/documents/{filed['id']}")
    assert_problem(unseen, 404, "not_found")


async def test_both_sides_report_and_sign_off_at_both_ends_with_readings_and_pictures(partners: Partners) -> None:
    loan, owner, asking = await make_loan(partners), partners.assisting, partners.requesting

    async def report(agency: Any, occasion: str, odometer: str) -> dict[str, Any]:
        filed = await file_with_loan(
            agency.coordinator, loan["id"], photograph(), JPEG, kind="photo", occasion=occasion
        )
        readings = {"odometer": odometer}
        return {"grade": "good", "readings": readings, "document_ids": [filed["id"]], "signed_off_by_title": "Sergeant"}

    reports = [
        await report(agency, occasion, odometer)
        for agency, occasion, odometer in (
            (owner, "hand_over", "100 mi"),
            (asking, "hand_over", "102 mi"),
            (asking, "return", "180 mi"),
            (owner, "return", "182 mi"),
        )
    ]
    sent, received, back, home = reports
    await step(owner, loan, "dispatch", sent)
    await step(asking, loan, "receive", {"condition": received})
    await step(asking, loan, "start-return", {"condition": back})
    done = await step(owner, loan, "return", home)
    assert [done[name] for name in ("condition_out", "condition_received", "condition_sent_back", "condition_in")] == [
        {"note": "", "evidence_sha256": [], **each} for each in reports
    ]
    assert len(done["documents"]) == 4
    events = (await owner.auditor.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    named = [each["data"]["condition"]["document_ids"] for each in events if "condition" in each["data"]]
    assert named == [each["document_ids"] for each in reports]
    page = (await asking.coordinator.get(f"/v1/loans/{loan['id']}/sheet.html")).text
    for said in ("102 mi", "180 mi", "Pictures and papers", *(each["sha256"] for each in done["documents"])):
        assert said in page, said


async def test_a_report_names_what_its_own_side_filed_with_this_loan_and_did_not_withdraw(partners: Partners) -> None:
    loan, other = await make_loan(partners), await make_loan(partners)
    owner, asking = partners.assisting, partners.requesting
    mine = await file_with_loan(owner.coordinator, loan["id"])
    theirs = await file_with_loan(asking.coordinator, loan["id"])
    elsewhere = await file_with_loan(owner.coordinator, other["id"])
    gone = await file_with_loan(owner.coordinator, loan["id"], b"Wrong (demo).")
    path = f"/v1/loans/{loan['id']}"
    await owner.coordinator.done("POST", f"{path}/documents/{gone['id']}/withdraw", {"reason": "Wrong loan (demo)."})
    for named in (theirs["id"], elsewhere["id"], gone["id"], str(uuid4())):
        body = {**CONDITION, "document_ids": [mine["id"], named]}
        problem = assert_problem(await owner.coordinator.post(f"{path}/dispatch", body), 422, "unknown_document")
        assert problem["errors"][0]["pointer"] == "/document_ids/1"
    await owner.coordinator.done("POST", f"{path}/dispatch", {**CONDITION, "document_ids": [mine["id"]]})
    told = {"condition": {"grade": "good", "document_ids": [mine["id"]]}}
    problem = assert_problem(await asking.coordinator.post(f"{path}/receive", told), 422, "unknown_document")
    assert problem["errors"][0]["pointer"] == "/condition/document_ids/0"


async def test_what_is_withdrawn_its_own_side_alone_still_reads_and_what_a_report_names_stands(
    partners: Partners,
) -> None:
    loan, owner, asking = await make_loan(partners), partners.assisting, partners.requesting
    path = f"/v1/loans/{loan['id']}"
    named = await file_with_loan(owner.coordinator, loan["id"])
    wrong = await file_with_loan(owner.coordinator, loan["id"], b"Of another (demo).")
    await step(owner, loan, "dispatch", {**CONDITION, "document_ids": [named["id"]]})
    why = {"reason": "Of another loan (demo)."}
    stands = await owner.coordinator.post(f"{path}/documents/{named['id']}/withdraw", why)
    problem = assert_problem(stands, 409, "wrong_status")
    (offer,) = (await owner.coordinator.done("GET", f"{path}/documents/{named['id']}"))["allowed_actions"]
    assert offer == {"action": "withdraw", "allowed": False, "reason": problem["detail"]}
    one = f"{path}/documents/{wrong['id']}"
    assert_problem(await asking.coordinator.post(f"{one}/withdraw", why), 403, "other_sides_action")
    stale = await owner.coordinator.post(f"{one}/withdraw", why, if_match='"9-00000000"')
    assert_problem(stale, 412, "stale_version")
    assert_problem(await owner.coordinator.post(f"{one}/withdraw", {}), 400, "invalid_body")
    key = str(uuid4())
    first, again = [await owner.coordinator.post(f"{one}/withdraw", why, key=key) for _ in range(2)]
    assert (first.status_code, first.content) == (200, again.content)
    assert_problem(await owner.coordinator.post(f"{one}/withdraw", why), 409, "wrong_status")
    seen = await asking.coordinator.done("GET", one)
    assert (seen["status"], seen["withdrawn_reason"]) == ("withdrawn", why["reason"])
    assert_problem(await asking.coordinator.get(f"{one}/content"), 404, "not_found")
    assert (await owner.coordinator.get(f"{one}/content")).status_code == 200
    assert [each["id"] for each in (await see(asking, loan["id"]))["documents"]] == [named["id"]]


async def test_a_repeat_files_once_and_papers_come_at_any_time(partners: Partners) -> None:
    loan = await make_loan(partners, "closed")
    key = str(uuid4())
    about: dict[str, Any] = {"kind": "invoice", "occasion": "later", "key": key}
    first, again = [await send_with_loan(partners.assisting.coordinator, loan["id"], **about) for _ in range(2)]
    assert (first.status_code, first.content) == (201, again.content)
    assert len((await see(partners.requesting, loan["id"]))["documents"]) == 1


async def test_two_at_once_do_not_pass_the_most_that_a_loan_has(
    partners: Partners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.sharing.loans.commands.filing.MOST_DOCUMENTS", 3)
    assert papers.MOST_DOCUMENTS == 200
    loan = await make_loan(partners)
    sent = await asyncio.gather(
        *(
            send_with_loan(agency.coordinator, loan["id"], f"Paper {number} (demo).".encode())
            for agency in (partners.assisting, partners.requesting)
            for number in range(3)
        )
    )
    assert sorted(each.status_code for each in sent) == [201, 201, 201, 422, 422, 422]
    assert {each.json()["code"] for each in sent if each.status_code == 422} == {"too_many_documents"}
    assert len((await see(partners.assisting, loan["id"]))["documents"]) == 3


async def test_a_document_of_a_loan_is_backed_up_and_never_swept(partners: Partners) -> None:
    loan = await make_loan(partners)
    filed = await file_with_loan(partners.assisting.coordinator, loan["id"], f"Paper of {uuid4()}.".encode())
    service = partners.assisting.service
    named = {row.sha256 for row in await service.database.read().all(named_contents())}
    assert filed["sha256"] in named
    store, later = service.edge.app.state.files.store, utc_now() + timedelta(days=2)
    await sweep(service.database.read(), partial(unit_of_work, service.database), store, later)
    path = f"/v1/loans/{loan['id']}/documents/{filed['id']}/content"
    assert (await partners.requesting.coordinator.get(path)).status_code == 200
