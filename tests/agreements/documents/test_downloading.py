"""Downloading: to be saved and not shown, by whom it is for, recorded where it is restricted."""

import hashlib
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from registry.platform.ledger.tables import ledger_event
from registry.platform.settings import load
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast, make_cast
from tests.support.consent import agree_to_publish
from tests.support.documents import PDF, PLAIN, WORD, file_document, make_pdf, make_word
from tests.support.problems import assert_problem
from tests.support.sabotage import another_process_writes
from tests.support.server import environment, in_process
from tests.support.service import Service

pytestmark = pytest.mark.second_long

LAW = {"sensitivity": "restricted", "exemption": "have counsel review"}


async def readings(service: Service, agreement_id: str) -> int:
    statement = sa.select(sa.func.count()).where(
        ledger_event.c.type == "agreement.restricted_text_read", ledger_event.c.agreement_id == UUID(agreement_id)
    )
    return int(await service.database.read().value(statement))


@pytest.mark.parametrize(
    ("content", "media_type", "sent_as"),
    [
        (make_pdf("x"), PDF, PDF),
        (make_word("x"), WORD, WORD),
        ("Añoka".encode(), PLAIN, "text/plain; charset=utf-8"),
    ],
)
async def test_it_comes_as_it_was_filed_and_no_browser_shows_it(
    service: Service, cast: Cast, content: bytes, media_type: str, sent_as: str
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], content, media_type)
    path = f"/v1/documents/{filed['id']}/content"
    response = await cast.requesting.coordinator.get(path)
    assert response.content == content
    expected = {
        "content-type": sent_as,
        "content-length": str(len(content)),
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "private, no-cache",
        "vary": "Authorization",
        "etag": f'"{filed["sha256"]}"',
    }
    assert {name: response.headers[name] for name in expected} == expected
    assert response.headers["content-disposition"].startswith("attachment;")
    head = await cast.requesting.coordinator.send("HEAD", path)
    assert head.status_code == 200
    assert {name: head.headers[name] for name in expected} == expected


async def test_whoever_has_it_already_is_not_sent_it_again(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"])
    path = f"/v1/documents/{filed['id']}/content"
    for tag, status in ((f'"{filed["sha256"]}"', 304), ('"other"', 200)):
        response = await cast.requesting.coordinator.get(path, headers={"if-none-match": tag})
        assert response.status_code == status


async def test_a_restricted_document_is_for_legal_and_auditors_of_parties_and_its_reading_is_recorded(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], "Keys.", title="Keys", filename="keys.txt", **LAW)
    assert (filed["title"], filed["filename"], filed["sha256"]) == (None, None, None), "the answer is kept"
    path = f"/v1/documents/{filed['id']}"
    for count, reader in enumerate((cast.assisting.legal, cast.requesting.legal, cast.requesting.auditor), start=1):
        response = await reader.get(f"{path}/content")
        assert (response.text, response.headers["cache-control"]) == ("Keys.", "no-store")
        assert await readings(service, made["id"]) == count
    for reader in (cast.assisting.coordinator, cast.requesting.admin, cast.requesting.machine):
        assert_problem(await reader.get(f"{path}/content"), 403, "forbidden")
        seen = await reader.done("GET", path)
        assert (seen["title"], seen["filename"], seen["sha256"], seen["exemption"]) == (
            None,
            None,
            None,
            LAW["exemption"],
        )
    assert await readings(service, made["id"]) == 3
    for reader in (cast.stranger.legal, cast.stranger.auditor, service.operator):
        assert_problem(await reader.get(f"{path}/content"), 404, "not_found")


async def test_the_name_of_a_restricted_document_is_restricted_too(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], "Keys.", title="Key plan", **LAW)
    for count, path in enumerate((f"/v1/documents/{filed['id']}", f"/v1/agreements/{made['id']}/documents"), start=1):
        response = await cast.requesting.auditor.get(path)
        assert "Key plan" in response.text
        assert response.headers["cache-control"] == "no-store"
        assert await readings(service, made["id"]) == count


async def test_a_restricted_document_is_not_found_by_its_hash_by_whom_it_is_not_for(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    await file_document(cast.assisting.legal, made["id"], "Keys.", **LAW)
    digest = hashlib.sha256(b"Keys.").hexdigest()
    path = f"/v1/agreements/{made['id']}/documents?sha256={digest}"
    assert len((await cast.requesting.legal.done("GET", path))["items"]) == 1
    assert (await cast.requesting.coordinator.done("GET", path))["items"] == []


async def test_what_cannot_be_recorded_is_not_shown(tmp_path: Path, private_url: str) -> None:
    settings = load(environment(private_url, tmp_path / "data", REGISTRY_WRITE_WAIT_SECONDS="0.2"))
    async with in_process(settings) as service:
        cast = await make_cast(service)
        made = await sign_agreement(service, cast.assisting, cast.requesting)
        filed = await file_document(cast.assisting.legal, made["id"], "canary keys", **LAW)
        with another_process_writes(private_url, "ledger_event"):
            response = await cast.requesting.auditor.get(f"/v1/documents/{filed['id']}/content")
        assert_problem(response, 503)
        assert "canary" not in response.text


async def test_content_that_is_lost_is_said_to_be_so_before_anything_is_sent(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], f"Only copy {made['id']}")
    (service.settings.data_dir / "documents" / filed["sha256"][:2] / filed["sha256"]).unlink()
    response = await cast.assisting.legal.get(f"/v1/documents/{filed['id']}/content")
    assert_problem(response, 503, "file_store_unavailable")


async def test_the_documents_that_its_parties_publish_are_for_everybody(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    public = await file_document(cast.requesting.legal, made["id"], "Open.", sensitivity="public", title="Open")
    among = await file_document(cast.assisting.legal, made["id"], "Among us.")
    await file_document(cast.assisting.legal, made["id"], "Keys.", **LAW)
    await agree_to_publish(made["id"], cast.assisting, document_id=public["id"])
    path = f"/v1/agreements/{made['id']}/documents"
    assert len((await cast.requesting.coordinator.done("GET", path))["items"]) == 3
    for reader in (cast.stranger.coordinator, service.operator):
        listed = (await reader.done("GET", path))["items"]
        assert [item["id"] for item in listed] == [public["id"]]
        assert (await reader.get(f"/v1/documents/{public['id']}/content")).text == "Open."
        assert_problem(await reader.get(f"/v1/documents/{among['id']}"), 404, "not_found")


async def test_whoever_filed_a_document_sees_it_again(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(service.operator, made["id"], "Evidence.", kind="evidence")
    assert (await service.operator.get(f"/v1/documents/{filed['id']}/content")).text == "Evidence."


async def test_documents_are_listed_page_by_page_and_by_kind(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    kinds = ["evidence", "proof", "evidence", "exhibit", "evidence"]
    filed = [(await file_document(cast.assisting.legal, made["id"], kind=kind))["id"] for kind in kinds]
    path, seen = f"/v1/agreements/{made['id']}/documents?limit=2", list[str]()
    while path:
        response = await cast.requesting.coordinator.get(path)
        seen += [item["id"] for item in response.json()["items"]]
        path = response.links.get("next", {}).get("url", "")
    assert seen == filed[::-1]
    path = f"/v1/agreements/{made['id']}/documents?kind=evidence"
    assert [item["id"] for item in (await cast.requesting.coordinator.done("GET", path))["items"]] == filed[::-2]
    several = (await cast.requesting.coordinator.done("GET", f"{path}&kind=proof"))["items"]
    assert [item["id"] for item in several] == [filed[4], filed[2], filed[1], filed[0]]
    await cast.assisting.legal.done("POST", f"/v1/documents/{filed[0]}/withdraw", {"reason": "Filed twice."})
    for query, kept in (("status=filed", filed[:0:-1]), ("status=filed&status=withdrawn", filed[::-1])):
        page = await cast.requesting.coordinator.done("GET", f"/v1/agreements/{made['id']}/documents?{query}")
        assert [item["id"] for item in page["items"]] == kept
    assert_problem(await cast.requesting.coordinator.get(f"{path}&cursor=abc"), 422, "bad_cursor")


async def test_the_document_behind_a_signatures_evidence_is_found_by_its_hash(service: Service, cast: Cast) -> None:
    paper = make_pdf("Signed by the chief (demo)")
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], paper, PDF, kind="evidence")
    await file_document(cast.assisting.legal, made["id"], "Another.")
    path = f"/v1/agreements/{made['id']}/documents?sha256={hashlib.sha256(paper).hexdigest()}"
    assert [item["id"] for item in (await cast.requesting.coordinator.done("GET", path))["items"]] == [filed["id"]]
