"""The whole file of an agreement: what is in it, for whom, recorded before it is handed out, the same for the same."""

import csv
import hashlib
import subprocess
import sys
from datetime import timedelta
from io import BytesIO, StringIO
from itertools import dropwhile, takewhile
from pathlib import Path
from textwrap import dedent
from typing import Any
from uuid import UUID
from zipfile import ZIP_STORED, ZipFile

import msgspec
import pytest
import sqlalchemy as sa

from registry.platform.access.principals import Role
from registry.platform.ledger.tables import ledger_event
from registry.platform.settings import load
from tests.agreements.timeline.test_timeline import a_life
from tests.support.agreements import agreement_body, record_agreement, sign_agreement
from tests.support.cast import Cast, make_cast, today
from tests.support.documents import PDF, file_document, make_pdf
from tests.support.html import HtmlPage
from tests.support.problems import assert_problem
from tests.support.review import hand, out_for_signature
from tests.support.sabotage import another_process_writes
from tests.support.server import environment, in_process
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

LAW = {"sensitivity": "restricted", "exemption": "Section 13.82 (demo); have counsel review"}
PROVISIONS = [
    {"number": "1", "heading": "purpose", "text": "The parties help one another.", "sensitivity": "public"},
    {"number": "2", "heading": "equipment", "text": "Equipment is returned as it was received."},
    {"number": "3", "heading": "communications", "text": "The channel is seventeen.", **LAW},
]


async def unpacked(caller: Caller, agreement_id: str, name: str = "file.zip") -> dict[str, bytes]:
    """The parts of the file by their paths."""
    response = await caller.get(f"/v1/agreements/{agreement_id}/{name}")
    assert response.status_code == 200, response.text
    with ZipFile(BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        return {each.filename: archive.read(each) for each in archive.infolist()}


def data(parts: dict[str, bytes], path: str) -> Any:
    return msgspec.json.decode(parts[path])


def digest_of(lines: bytes) -> str:
    """The digest of a version from its parts, as `verify.txt` says it."""
    parts = [
        each[1:-1] if each[:1] == b'"' else hashlib.sha256(each).hexdigest().encode() for each in lines.splitlines()
    ]
    return hashlib.sha256(b"".join(each + b"\n" for each in parts)).hexdigest()


async def events(service: Service, agreement_id: str, *types: str) -> list[dict[str, Any]]:
    statement = (
        sa.select(ledger_event.c.canonical)
        .where(ledger_event.c.agreement_id == UUID(agreement_id), ledger_event.c.type.in_(types))
        .order_by(ledger_event.c.id)
    )
    return [msgspec.json.decode(row.canonical) for row in await service.database.read().all(statement)]


async def test_a_file_holds_what_was_agreed_signed_done_and_filed(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await sign_agreement(service, one, two, provisions=PROVISIONS)
    path = f"/v1/agreements/{made['id']}"
    paper = make_pdf("Signed (demo)")
    await file_document(one.legal, made["id"], paper, PDF, title="Signed copy: final?")
    await file_document(one.legal, made["id"], "Keys.", title="Keys", filename="keys.txt", **LAW)
    duty = await one.legal.done("POST", f"{path}/duties", {"title": "Post it (demo)", "due_on": "2026-01-01"})
    done = {"fulfilled_on": "2025-12-30", "recording_number": "42 (demo)"}
    await one.legal.done("POST", f"{path}/duties/{duty['id']}/fulfil", done)
    change = {"provisions": [{**PROVISIONS[0], "text": "The parties assist one another."}, *PROVISIONS[1:]]}
    opening = {"effective_on": str(today() + timedelta(days=1)), "reason": "Reworded (demo)."}
    await one.legal.done("POST", f"{path}/amend", opening)
    await one.legal.done("PATCH", path, change, if_match="*")

    parts = await unpacked(one.legal, made["id"])
    assert b"The channel is seventeen." in parts["versions/001/text.txt"]
    first, draft = data(parts, "signatures.json")
    assert digest_of(parts["versions/001/parts.jsonl"]) == first["sha256"] == made["version_sha256"]
    assert {each["agency"]["name"] for each in first["signatures"]} == {one.name, two.name}
    assert {*first["signatures"][0]} >= {"authority", "manner", "signed_on", "recorded_at", "signatory_title"}
    assert (draft["version_no"], draft["sha256"]) == (2, None)
    assert "versions/002/parts.jsonl" not in parts, "a draft was not hashed"
    redline = HtmlPage(parts["redlines/001-002.html"].decode())
    assert [each.text for each in redline.all("ins")] != []
    assert data(parts, "duties.json")[0]["recording_number"] == "42 (demo)"
    assert parts["documents/001-signed-copy-final.pdf"] == paper
    assert parts["documents/002-keys.txt"] == b"Keys."
    types = [event["type"] for event in data(parts, "history.json")["events"]]
    assert {"agreement.recorded", "agreement.confirmed", "document.filed"} <= {*types}
    assert {"approvals.json", "acts.json", "agreement.json", "verify.txt"} <= {*parts}


async def test_an_approval_that_is_needed_from_the_beginning_has_no_day(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting)
    path = f"/v1/agreements/{found['id']}"
    rule = {"required": True, "citation": "City charter 5 (demo)", "reason": "the council decides"}
    await cast.requesting.signatory.done("POST", f"{path}/set-approval-rule", {**rule, "effective_on": None})
    await cast.requesting.signatory.done("POST", f"{path}/set-approval-rule", {**rule, "effective_on": "2025-03-01"})
    rules = data(await unpacked(cast.requesting.legal, found["id"]), "approvals.json")["approval_rules"]
    assert [each["effective_on"] for each in rules] == [None, "2025-03-01"]


async def test_the_first_page_says_who_was_bound_when_to_which_version_and_by_which_act(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await a_life(cast)
    parts = await unpacked(two.legal, found["id"])
    read = await two.legal.done("GET", f"/v1/agreements/{found['id']}/timeline")
    assert data(parts, "timeline.json") == read
    table = list(csv.DictReader(StringIO(parts["timeline.csv"].decode())))
    left_on = str(today() - timedelta(days=25))
    assert [(row["party"], row["version_no"], row["first_on"], row["last_on"]) for row in table] == [
        *((one.name, "1", "2025-02-03", "2025-12-31"), (one.name, "2", "2026-01-01", "")),
        *((two.name, "1", "2025-02-03", "2025-12-31"), (two.name, "2", "2026-01-01", left_on)),
        *((three.name, "1", "2025-06-01", "2025-12-31"), (three.name, "2", "2026-01-01", "")),
    ]
    assert f"{two.name} gave notice of withdrawal" in table[3]["ends_by"]
    page = HtmlPage(parts["index.html"].decode())
    assert [each.text for each in page.all("h2")][:3] == [
        *("The agreement", "Who was bound, when, to which version", "The acts, in order of their days"),
    ]
    for act in read["acts"]:
        assert act["detail"] in page.one("main").text


async def test_of_a_paper_that_was_typed_in_the_file_does_not_say_that_its_bytes_were_signed(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    text, until = "Both signed in 2019 (demo).", str(today() + timedelta(days=400))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    paper = {"signed_on": "2019-05-02", "signatory_title": "Chief", "evidence_sha256": sha256}
    body = {**agreement_body(one, two, effective_on="2019-05-02", expires_on=until), **paper}
    made = await one.legal.done("POST", "/v1/agreements/record", body)
    parts = await unpacked(two.legal, made["id"])
    verify, manifest, page = parts["verify.txt"].decode(), data(parts, "manifest.json"), parts["index.html"].decode()
    for each in (verify, parts["manifest.json"].decode(), page):
        assert "bytes that were signed" not in each
        assert "hashed and signed" not in each
        assert f"Version 1: transcribed from paper on {today()} by {one.name}." in each
        assert f"not on file, known by its SHA-256 {sha256} alone" in each
        assert "signed on paper on 2019-05-02" in each
        assert "electronically on" not in each
    seen = await two.legal.done("GET", f"/v1/agreements/{made['id']}")
    assert data(parts, "agreement.json")["remarks"] == seen["remarks"] != []
    assert manifest["warnings"] == [each["detail"] for each in seen["remarks"]]
    for said in (
        *(f"Status: unconfirmed, as of {today()}", "Starts on: 2019-05-02", f"Ends on: {until}"),
        *manifest["warnings"],
    ):
        assert said in HtmlPage(page).one("main").text
    filed = await file_document(one.legal, made["id"], text, title="The signed paper (demo)", version_no=1)
    again = await unpacked(two.legal, made["id"])
    assert (
        f"The original: on file as document “The signed paper (demo)” ({filed['id']})." in again["verify.txt"].decode()
    )
    assert not [each for each in data(again, "manifest.json")["warnings"] if "not on file" in each]


async def test_what_was_signed_here_is_said_to_be_of_these_bytes(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await out_for_signature(one, two)
    for party in (one, two):
        await party.signatory.done("POST", f"/v1/agreements/{made['id']}/sign", hand(made))
    verify = (await unpacked(one.legal, made["id"]))["verify.txt"].decode()
    assert "Version 1: written in the registry." in verify
    assert verify.count(f"signed these bytes here electronically on {today()}.") == 2
    assert "transcribed" not in verify


def printed_by_the_program_of(parts: dict[str, bytes], folder: Path) -> list[str]:
    """What the Python of `verify.txt` prints where the file is unpacked; it is taken as it is written, indented."""
    lines = dropwhile(lambda line: "import hashlib" not in line, parts["verify.txt"].decode().splitlines())
    program = dedent("\n".join(takewhile(str.strip, lines)))
    for path, content in parts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


async def test_the_manifest_verifies_every_other_part_with_nothing_but_sha256(
    service: Service, cast: Cast, tmp_path: Path
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    await file_document(cast.assisting.legal, made["id"], "Filed (demo).", filename="CON")
    parts = await unpacked(cast.requesting.legal, made["id"])
    manifest = data(parts, "manifest.json")
    listed = {each["path"]: each for each in manifest["parts"]}
    assert {*listed} == {*parts} - {"manifest.json"}
    for path, each in listed.items():
        assert each["sha256"] == hashlib.sha256(parts[path]).hexdigest()
        assert each["size_bytes"] == len(parts[path])
        assert each["media_type"]
        assert each["source"].startswith("/v1/")
    for version in data(parts, "signatures.json"):
        assert digest_of(parts[f"versions/{version['version_no']:03}/parts.jsonl"]) == version["sha256"]
    assert printed_by_the_program_of(parts, tmp_path) == [made["version_sha256"]], "as it is written in verify.txt"
    (filed,) = data(parts, "documents.json")
    assert filed["sha256"] == listed["documents/001-con.txt"]["sha256"]


async def test_the_same_record_gives_the_same_bytes_to_be_saved_and_not_shown(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[:2], number="MA/7: x")
    path = f"/v1/agreements/{made['id']}/file.zip"
    first = await cast.requesting.coordinator.get(path)
    again = await cast.requesting.coordinator.get(path)
    assert first.content == again.content
    expected = {
        "content-type": "application/zip",
        "content-length": str(len(first.content)),
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "private, no-cache",
        "etag": f'"{hashlib.sha256(first.content).hexdigest()}"',
    }
    assert {name: first.headers[name] for name in expected} == expected
    assert first.headers["content-disposition"].startswith('attachment; filename="agreement-ma-7-x.zip"')
    assert (await cast.requesting.coordinator.send("HEAD", path)).headers["etag"] == expected["etag"]
    have = {"if-none-match": expected["etag"]}
    assert (await cast.requesting.coordinator.get(path, headers=have)).status_code == 304
    with ZipFile(BytesIO(first.content)) as archive:
        for entry in archive.infolist():
            assert (entry.date_time, entry.compress_type) == ((1980, 1, 1, 0, 0, 0), ZIP_STORED)
            assert (
                msgspec.convert(entry.filename, type=str).replace("/", "").replace("-", "").replace(".", "").isalnum()
            )
    await cast.assisting.legal.done(
        "POST", f"/v1/agreements/{made['id']}/place-hold", {"authority": "x", "reason": "y"}
    )
    assert (await cast.requesting.coordinator.get(path)).content != first.content, "something happened meanwhile"


async def test_restricted_text_goes_to_the_cleared_alone_and_is_recorded_with_the_export(
    service: Service, cast: Cast
) -> None:
    one, two = cast.assisting, cast.requesting
    made = await sign_agreement(service, one, two, provisions=PROVISIONS)
    await file_document(one.legal, made["id"], "Keys to the vault.", title="Vault", filename="v.txt", **LAW)
    seen = await unpacked(two.coordinator, made["id"])
    everything = b"".join(seen.values())
    assert b"seventeen" not in everything
    assert b"vault" not in everything.lower()
    *told, digest_alone = seen["versions/001/parts.jsonl"].splitlines()
    withheld = {each["kind"]: each for each in data(seen, "manifest.json")["withheld"]}
    assert withheld["provision"]["exemption"] == withheld["document"]["exemption"] == LAW["exemption"]
    assert {*withheld} == {"provision", "document"}
    readings = ("agreement.restricted_text_read", "agreement.file_exported")
    (exported,) = await events(service, made["id"], *readings)
    assert exported["data"]["audience"] == "parties"
    assert exported["data"]["manifest_sha256"] == hashlib.sha256(seen["manifest.json"]).hexdigest()

    response = await two.auditor.get(f"/v1/agreements/{made['id']}/file.zip")
    assert response.headers["cache-control"] == "no-store"
    *read, exported = (await events(service, made["id"], *readings))[1:]
    about = [each["data"] for each in sorted(read, key=lambda event: len(event["data"]))]
    assert {"version_no": 1} in about
    assert any(each.get("content") for each in about)
    with ZipFile(BytesIO(response.content)) as archive:
        manifest, whole = (archive.read(each) for each in ("manifest.json", "versions/001/parts.jsonl"))
    assert exported["data"]["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert len(msgspec.json.decode(manifest)["salt"]) >= 64, "or guesses of the text could be tried by that digest"
    *lines, secret = whole.splitlines()
    assert (lines, b"seventeen" in secret) == (told, True)
    assert digest_alone == b'"%b"' % hashlib.sha256(secret).hexdigest().encode()
    for each in (seen["versions/001/parts.jsonl"], whole):
        assert digest_of(each) == made["version_sha256"], "who may not read all of it computes the same digest"


async def test_who_acted_and_from_where_is_in_no_file(service: Service, cast: Cast) -> None:
    """An auditor of the acting agency finds it in the history itself."""
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    subject = b"@" + str(cast.assisting.id)[-6:].encode()
    history = await cast.assisting.auditor.get(f"/v1/agreements/{made['id']}/history")
    assert subject in history.content
    parts = await unpacked(cast.assisting.auditor, made["id"])
    assert len(data(parts, "history.json")["events"]) == len(history.json()["items"])
    assert subject not in b"".join(parts.values())


async def test_a_service_without_the_ledger_scope_gets_the_file_without_its_history(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    parts = await unpacked(cast.assisting.as_(Role.SERVICE, scope="agreements:*"), made["id"])
    assert "history.json" not in parts
    assert [each["kind"] for each in data(parts, "manifest.json")["withheld"]] == ["history"]


async def test_the_file_is_for_parties(service: Service, cast: Cast) -> None:
    private = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[1:])
    published = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    draft = await cast.assisting.legal.done(
        "POST", "/v1/agreements", agreement_body(cast.assisting, cast.requesting, provisions=PROVISIONS)
    )
    assert_problem(await service.anonymous.get(f"/v1/agreements/{private['id']}/file.zip"), 401, "unauthenticated")
    for made, reader, status, code in (
        (private, cast.stranger.legal, 404, "not_found"),
        (draft, cast.requesting.legal, 404, "not_found"),
        (published, cast.stranger.legal, 403, "forbidden"),
        (published, service.operator, 403, "forbidden"),
    ):
        assert_problem(await reader.get(f"/v1/agreements/{made['id']}/file.zip"), status, code)
    assert_problem(await cast.assisting.legal.get("/v1/agreements/x/file.zip"), 404, "not_found")
    assert (await unpacked(cast.assisting.legal, draft["id"]))["signatures.json"]


async def test_what_cannot_be_recorded_is_not_handed_out(tmp_path: Path, private_url: str) -> None:
    settings = load(environment(private_url, tmp_path / "data", REGISTRY_WRITE_WAIT_SECONDS="0.2"))
    async with in_process(settings) as service:
        cast = await make_cast(service)
        made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
        with another_process_writes(private_url, "ledger_event"):
            for name in ("file.zip", "public-file.zip"):
                response = await cast.requesting.legal.get(f"/v1/agreements/{made['id']}/{name}")
                assert_problem(response, 503)
                assert "seventeen" not in response.text


async def test_a_document_that_is_lost_or_damaged_stops_the_file_before_anything_is_sent(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"], f"Only copy {made['id']}")
    stored = service.settings.data_dir / "documents" / filed["sha256"][:2] / filed["sha256"]
    stored.chmod(0o600)
    stored.write_bytes(b"Another." * 8)
    path = f"/v1/agreements/{made['id']}/file.zip"
    assert_problem(await cast.assisting.legal.get(path), 503, "file_store_unavailable")
    stored.unlink()
    assert_problem(await cast.assisting.legal.get(path), 503, "file_store_unavailable")
