"""Filing a document: by whom, with what, and once."""

import asyncio
import hashlib
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
import sqlalchemy as sa

from registry.agreements.documents.tables import document, document_content
from registry.platform.database.connect import unit_of_work
from registry.platform.ledger.tables import ledger_event
from registry.platform.print.pdf import is_installed
from registry.platform.settings import load
from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import Cast
from tests.support.documents import (
    MAIL,
    OPEN_TEXT,
    PDF,
    PLAIN,
    PNG,
    RTF,
    WORD,
    file_document,
    make_mail,
    make_open_text,
    make_pdf,
    make_picture,
    make_word,
    send_file,
)
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Service

pytestmark = pytest.mark.second_long

LAW = {"sensitivity": "restricted", "exemption": "Security information (example; have counsel review)"}


def kept(service: Service) -> set[Path]:
    """Every file that the service keeps or is about to."""
    return {path for path in (service.settings.data_dir / "documents").rglob("*") if path.is_file()}


async def test_a_pdf_is_filed_with_its_text_and_hash(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    content = make_pdf("Memorandum", "of agreement")
    response = await send_file(
        cast.assisting.legal, made["id"], content, PDF, title="Signed copy", filename="moa.pdf", version_no=1
    )
    assert response.status_code == 201, response.text
    filed = response.json()
    assert response.headers["location"] == f"/v1/documents/{filed['id']}"
    expected = {
        "agreement_id": made["id"],
        "version_no": 1,
        "kind": "signed_copy",
        "status": "filed",
        "sensitivity": "parties",
        "title": "Signed copy",
        "filename": "moa.pdf",
        "media_type": PDF,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "pages": 2,
        "text": "whole",
        "remarks": [],
        "filed_by": cast.assisting.reference,
    }
    assert {name: filed[name] for name in expected} == expected
    assert await cast.requesting.coordinator.done("GET", f"/v1/documents/{filed['id']}") == {
        **filed,
        "allowed_actions": [],
    }


@pytest.mark.parametrize(
    ("media_type", "content", "text", "pages"),
    [
        (PDF, make_pdf(""), "none", 1),
        (WORD, make_word("Memorandum"), "whole", None),
        (PLAIN, b"Memorandum\fof agreement", "whole", 2),
        (f"{PLAIN}; charset=utf-8", b"Memorandum", "whole", None),
        (OPEN_TEXT, make_open_text("<text:p>Memorandum</text:p>"), "whole", None),
        (RTF, rb"{\rtf1 Memorandum}", "whole", None),
        (PNG, make_picture(width=40, height=40), "none", None),
    ],
)
async def test_each_kind_is_taken(
    service: Service, cast: Cast, media_type: str, content: bytes, text: str, pages: int | None
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.requesting.legal, made["id"], content, media_type, kind="evidence")
    assert (filed["text"], filed["pages"], filed["title"], filed["filename"]) == (text, pages, None, None)


async def test_what_readers_should_know_of_a_file_is_said_to_those_who_may_know_it(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    content = make_mail("A notice of ninety days.", "xenon.pdf")
    filed = await file_document(cast.assisting.legal, made["id"], content, MAIL, **LAW)
    path = f"/v1/documents/{filed['id']}"
    assert (await cast.requesting.legal.done("GET", path))["remarks"] == ["embedded_files"]
    assert (await cast.requesting.coordinator.done("GET", path))["remarks"] == []
    search = f"/v1/agreements/search?q=xenon&party_id={cast.requesting.id}"
    hits = (await cast.requesting.legal.done("GET", search))["items"]
    assert [hit["document"] for hit in hits] == [{"id": filed["id"], "name": filed["title"] or filed["filename"]}]


@pytest.mark.one_database
async def test_whether_text_is_recognised_and_pdf_printed_is_told_with_the_services_health(
    service: Service, tmp_path: Path, private_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = await service.anonymous.done("GET", "/health/ready")
    assert (health["text_recognition"], health["pdf_printing"]) == ("off", "on" if is_installed() else "not_installed")
    assert (await service.anonymous.done("GET", "/health/live"))["pdf_printing"] is None
    monkeypatch.setenv("PATH", str(tmp_path))  # where no program is
    given = environment(private_url, tmp_path / "data", REGISTRY_RECOGNISE_TEXT="1")
    async with in_process(load(given)) as without:
        assert (await without.anonymous.done("GET", "/health/ready"))["text_recognition"] == "not_installed"


async def test_parties_file_and_strangers_do_not(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    for caller in (cast.assisting.legal, cast.requesting.legal, cast.requesting.machine, service.operator):
        await file_document(caller, made["id"], kind="evidence")
    for caller in (cast.assisting.coordinator, cast.requesting.auditor, cast.requesting.admin):
        assert_problem(await send_file(caller, made["id"], b"text", PLAIN), 403, "forbidden")
    assert_problem(await send_file(cast.stranger.legal, made["id"], b"text", PLAIN), 403, "forbidden")  # it is public
    assert_problem(await send_file(service.anonymous, made["id"], b"text", PLAIN), 401)
    hidden = await sign_agreement(service, cast.assisting, cast.requesting, provisions=[])
    for absent in (hidden["id"], str(uuid4())):
        assert_problem(await send_file(cast.stranger.legal, absent, b"text", PLAIN), 404, "not_found")


async def test_a_drafts_documents_are_the_custodians_alone(service: Service, cast: Cast) -> None:
    draft = await cast.assisting.legal.done("POST", "/v1/agreements", agreement_body(cast.assisting, cast.requesting))
    filed = await file_document(cast.assisting.legal, draft["id"], sensitivity="public")
    assert_problem(await send_file(cast.requesting.legal, draft["id"], b"text", PLAIN), 404, "not_found")
    for path in (f"agreements/{draft['id']}/documents", f"documents/{filed['id']}", f"documents/{filed['id']}/content"):
        assert (await cast.assisting.coordinator.get(f"/v1/{path}")).status_code == 200
        for caller in (cast.requesting.legal, cast.stranger.legal, service.operator):
            assert_problem(await caller.get(f"/v1/{path}"), 404, "not_found")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "missing_parameter"),
        ("kind=novel", 400, "invalid_parameter"),
        ("kind=proof&pages=3", 400, "unknown_parameter"),
        ("kind=proof&kind=other", 400, "repeated_parameter"),
        ("kind=proof&filename=a%0D%0Ab", 400, "invalid_parameter"),
        ("kind=proof&filename=a%00b", 400, "nul_in_text"),
        (f"kind=proof&filename={'x' * 201}", 400, "invalid_parameter"),
        ("kind=proof&sha256=abc", 400, "invalid_parameter"),
        (f"kind=proof&sha256={'0' * 64}", 422, "sha256_differs"),
        ("kind=proof&version_no=0", 400, "invalid_parameter"),
        ("kind=proof&version_no=7", 422, "unknown_version"),
        ("kind=proof&sensitivity=restricted", 422, "exemption_missing"),
        ("kind=proof&exemption=law", 422, "exemption_without_restriction"),
    ],
)
async def test_what_is_said_of_a_file_must_make_sense(
    service: Service, cast: Cast, query: str, status: int, code: str
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"/v1/agreements/{made['id']}/documents?{query}"
    response = await cast.assisting.legal.send("POST", path, content=b"text", headers={"content-type": PLAIN})
    assert_problem(response, status, code)
    assert (await cast.assisting.legal.done("GET", f"/v1/agreements/{made['id']}/documents"))["items"] == []


@pytest.mark.parametrize(
    ("content", "found"),
    [(make_pdf("A memorandum"), PDF), (make_word("A memorandum"), WORD), (b"A memorandum", PLAIN)],
    ids=["PDF", "Word", "text"],
)
async def test_a_client_that_does_not_say_what_a_file_is_need_not(
    service: Service, cast: Cast, content: bytes, found: str
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], content, "application/octet-stream")
    assert filed["media_type"] == found


async def test_what_is_none_of_the_kinds_is_not_taken_for_one(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    picture = b"GIF89a" + b"\0" * 40
    response = await send_file(cast.assisting.legal, made["id"], picture, "application/octet-stream")
    assert_problem(response, 415, "content_mismatch")


@pytest.mark.parametrize(
    "media_type", [None, "application/json", "multipart/form-data", "text/html", "text/plain; charset=latin-1"]
)
async def test_only_the_kinds_it_names_are_taken(service: Service, cast: Cast, media_type: str | None) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    headers = {"content-type": media_type} if media_type else {}
    path = f"/v1/agreements/{made['id']}/documents?kind=other"
    response = await cast.assisting.legal.send("POST", path, content=b"{}", headers=headers)
    assert_problem(response, 415, "unsupported_media_type")


async def test_the_hash_that_is_given_is_the_hash_that_it_has(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    digest = hashlib.sha256(b"Some text.").hexdigest()
    filed = await file_document(cast.assisting.legal, made["id"], "Some text.", sha256=digest)
    assert filed["sha256"] == digest


async def test_a_repeat_with_its_key_is_the_same_document(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    caller, agreement_id = cast.assisting.legal, made["id"]
    first = await send_file(caller, agreement_id, b"text", PLAIN, key="filed-once", title="One")
    again = await send_file(caller, agreement_id, b"text", PLAIN, key="filed-once", title="One")
    assert (first.json(), again.headers["idempotency-replayed"]) == (again.json(), "true")
    for other in (
        await send_file(caller, agreement_id, b"other text", PLAIN, key="filed-once", title="One"),
        await send_file(caller, agreement_id, b"text", PLAIN, key="filed-once", title="Two"),
    ):
        assert_problem(other, 422, "idempotency_key_reused")
    assert len((await caller.done("GET", f"/v1/agreements/{agreement_id}/documents"))["items"]) == 1


async def test_fifty_at_once_with_one_key_are_one_document(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    files, answers = [b"all at once"] * 50, []
    while files:
        sent = (send_file(cast.assisting.legal, made["id"], file, PLAIN, key="at-once") for file in files)
        last = await asyncio.gather(*sent)
        answers += last
        files = files[: sum(answer.status_code == 503 for answer in last)]  # too many to wait: these are sent again
    done = [answer for answer in answers if answer.status_code != 503]
    assert [answer.status_code for answer in done] == [201] * 50
    assert len({answer.json()["id"] for answer in done}) == 1
    assert {answer.json()["code"] for answer in answers if answer not in done} == {"reader_busy"}


async def test_identical_bytes_are_kept_once_whoever_files_them_at_the_same_moment(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    content = make_pdf(f"Unique {made['id']}")
    before = kept(service)
    callers = [cast.assisting.legal, cast.requesting.legal] * 5
    answers = await asyncio.gather(*(send_file(caller, made["id"], content) for caller in callers))
    assert [answer.status_code for answer in answers] == [201] * 10
    assert len({answer.json()["id"] for answer in answers}) == 10
    assert len(kept(service) - before) == 1
    digest = hashlib.sha256(content).hexdigest()
    rows = sa.select(sa.func.count()).where(document_content.c.sha256 == digest)
    assert await service.database.read().value(rows) == 1


async def test_what_a_file_is_taken_for_tells_nobody_that_another_filed_the_same_bytes(
    service: Service, cast: Cast
) -> None:
    theirs = await sign_agreement(service, cast.assisting, cast.requesting)
    own = await sign_agreement(service, cast.stranger, cast.neighbour)
    content = make_mail(f"What was agreed of {theirs['id']}.")
    first = await file_document(cast.assisting.legal, theirs["id"], content, MAIL, **LAW)
    guessed = await file_document(cast.stranger.legal, own["id"], content, PLAIN)
    assert (first["media_type"], guessed["media_type"]) == (MAIL, PLAIN)
    downloaded = await cast.stranger.legal.get(f"/v1/documents/{guessed['id']}/content")
    assert downloaded.headers["content-type"] == f"{PLAIN}; charset=utf-8"
    downloaded = await cast.assisting.legal.get(f"/v1/documents/{first['id']}/content")
    assert downloaded.headers["content-type"] == MAIL


async def test_filing_is_recorded_without_any_name_and_restricted_content_by_a_keyed_hash(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    for more in ({}, LAW):
        named = {"title": "Statement of somebody", "filename": "somebody.txt"}
        filed = await file_document(cast.requesting.legal, made["id"], "words of somebody", **named, **more)
        event = sa.select(ledger_event.c.canonical).where(ledger_event.c.subject_id == UUID(filed["id"]))
        told = bytes(await service.database.read().value(event))
        assert b"somebody" not in told
        data = msgspec.json.decode(told)["data"]
        digest = data["sha256"]
        assert data["size_bytes"] == (None if more else len("words of somebody"))
        plain = hashlib.sha256(b"words of somebody").hexdigest()
        assert digest.startswith("hmac-sha256:") if more else digest == plain
        assert (plain.encode() in told) is not bool(more)
    history = await cast.assisting.auditor.done("GET", f"/v1/documents/{filed['id']}/history?sort=version")
    assert [event["type"] for event in history["items"]] == ["document.filed"]


async def test_what_was_filed_is_neither_changed_nor_deleted(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"])
    its = document.c.id == UUID(filed["id"])
    for statement in (
        document.delete().where(its),
        document.update().where(its).values(title="Another"),
        document.update().where(its).values(sensitivity="public"),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="append_only"):
            async with unit_of_work(service.database) as write:
                await write.run(statement)


async def test_what_is_on_file_as_restricted_is_filed_for_more_only_with_a_reason(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    secret = await file_document(cast.requesting.legal, made["id"], "The keys (demo).", **LAW)
    again = {"kind": "exhibit"}
    for reader in (cast.requesting.legal, cast.assisting.legal):
        for sensitivity in ("parties", "public"):
            refused = await send_file(reader, made["id"], b"The keys (demo).", PLAIN, sensitivity=sensitivity, **again)
            problem = assert_problem(refused, 422, "on_file_as_restricted")
            assert problem["errors"][0]["parameter"] == "declassify_reason"
    assert (
        await send_file(cast.assisting.legal, made["id"], b"The keys (demo).", PLAIN, **again, **LAW)
    ).status_code == 201
    why = {"declassify_reason": "The keys were changed."}
    filed = (await send_file(cast.assisting.legal, made["id"], b"The keys (demo).", PLAIN, **again, **why)).json()
    assert filed["sensitivity"] == "parties"
    (event,) = (await cast.requesting.auditor.done("GET", f"/v1/documents/{filed['id']}/history"))["items"]
    assert secret["id"] in event["data"]["declassifies"]
    assert event["data"]["reason"] == "The keys were changed."


async def test_who_may_not_read_it_is_told_nothing_of_what_is_on_file_as_restricted(
    service: Service, cast: Cast
) -> None:
    one, two, new = cast.assisting, cast.requesting, cast.neighbour
    made = await sign_agreement(service, one, two)
    await file_document(one.legal, made["id"], "The keys (demo).", **LAW)
    let_in = {"agency_ids": [str(new.id)], "reason": "asked to join"}
    path = f"/v1/agreements/{made['id']}"
    offered = await one.legal.done("POST", f"{path}/add-parties", let_in)
    await two.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")
    for reader in (two.machine, new.legal, service.operator):
        for words in (b"The keys (demo).", b"Other words (demo)."):
            filed = await send_file(reader, made["id"], words, PLAIN, kind="exhibit")
            assert filed.status_code == 201, filed.text
            seen = (await one.auditor.done("GET", f"/v1/documents/{filed.json()['id']}/history"))["items"]
            assert "declassifies" not in seen[0]["data"]
