"""The public file: what is published, the places of what is withheld with the exemption, and no byte of the rest."""

import hashlib
import re
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from pypdf import PdfReader

from registry.platform.print.pdf import is_installed
from tests.agreements.dossier.test_agreement_file import data, events, unpacked
from tests.agreements.timeline.test_timeline import a_life
from tests.support.agreements import agreement_body, confirm_agreement, sign_agreement
from tests.support.cast import Cast, today
from tests.support.consent import agree_to_publish
from tests.support.documents import file_document
from tests.support.html import HtmlPage
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PUBLIC = "public-file.zip"


class Marks:
    """Words that must not get out, and words that must."""

    def __init__(self) -> None:
        self.secret: list[str] = []
        self.open: list[str] = []

    def hidden(self) -> str:
        """A word that is nobody's but the parties'."""
        self.secret.append(f"canary{uuid4().hex}")
        return self.secret[-1]

    def shown(self) -> str:
        """A word that is published."""
        self.open.append(f"public{uuid4().hex}")
        return self.open[-1]


def provisions(marks: Marks) -> list[dict[str, Any]]:
    return [
        {"number": "1", "heading": "purpose", "text": f"Open: {marks.shown()}.", "sensitivity": "public"},
        {"number": "2", "heading": "equipment", "text": f"Among us: {marks.hidden()}."},
        {
            "number": "3",
            "heading": "communications",
            "text": f"Keys: {marks.hidden()}.",
            "sensitivity": "restricted",
            "exemption": f"Section {marks.shown()}; have counsel review",
        },
    ]


async def full_life(cast: Cast, service: Service, marks: Marks) -> tuple[dict[str, Any], list[str]]:
    """An agreement with all that can be hidden in one; and the digests and sizes of what is withheld."""
    one, two = cast.assisting, cast.requesting
    named: dict[str, Any] = {"number": marks.shown(), "title": marks.shown()}
    made = await sign_agreement(service, one, two, provisions=provisions(marks), **named)
    path, facts = f"/v1/agreements/{made['id']}", [made["version_sha256"]]
    law: dict[str, Any] = {"sensitivity": "restricted", "exemption": f"Section {marks.hidden()}; have counsel review"}
    for about in (law, {"sensitivity": "parties"}):
        text = f"Filed: {marks.hidden()}." + " x" * len(facts) * 50_021  # no part shown is as large by chance
        await file_document(
            one.legal, made["id"], text, title=marks.hidden(), filename=f"{marks.hidden()}.txt", **about
        )
        facts += [hashlib.sha256(text.encode()).hexdigest(), str(len(text))]
    published: dict[str, Any] = {"title": marks.shown(), "filename": f"{marks.shown()}.txt", "sensitivity": "public"}
    opened = await file_document(one.legal, made["id"], f"Open: {marks.shown()}.", **published)
    await agree_to_publish(made["id"], two, document_id=opened["id"])
    secret: dict[str, Any] = {"title": marks.hidden(), "filename": f"{marks.hidden()}.txt", "sensitivity": "public"}
    text = f"Proposed to be public: {marks.hidden()}." + " z" * 9001
    await file_document(one.legal, made["id"], text, **secret)  # the other party has not agreed
    facts += [hashlib.sha256(text.encode()).hexdigest(), str(len(text))]
    gone = await file_document(
        one.legal, made["id"], f"Gone: {marks.hidden()}." + " y" * 7001, title=marks.hidden(), sensitivity="public"
    )
    await agree_to_publish(made["id"], two, document_id=gone["id"])
    await one.legal.done("POST", f"/v1/documents/{gone['id']}/withdraw", {"reason": marks.hidden()})
    facts += [gone["sha256"], str(gone["size_bytes"]), gone["id"]]
    duty = {"title": marks.hidden(), "citation": marks.hidden(), "note": marks.hidden(), "due_on": "2026-01-01"}
    await one.legal.done("POST", f"{path}/duties", duty)
    await one.legal.done("POST", f"{path}/place-hold", {"authority": marks.hidden(), "reason": marks.hidden()})
    opening = {"effective_on": str(today() + timedelta(days=1)), "reason": marks.hidden()}
    await one.legal.done("POST", f"{path}/amend", opening)
    drafted = [{**each, "text": f"Drafted: {marks.hidden()}"} for each in provisions(Marks())]
    await one.legal.done("PATCH", path, {"title": marks.hidden(), "provisions": drafted}, if_match="*")
    return made, facts


def readable(parts: dict[str, bytes]) -> bytes:
    """Every byte of the file, and the words of its PDF, which are compressed."""
    printed = [PdfReader(BytesIO(each)) for path, each in parts.items() if path.endswith(".pdf")]
    words = [page.extract_text() for reader in printed for page in reader.pages]
    return b"\n".join([*(path.encode() for path in parts), *parts.values(), "".join(words).encode()])


async def test_no_byte_of_it_is_of_what_is_withheld(service: Service, cast: Cast) -> None:
    marks = Marks()
    made, facts = await full_life(cast, service, marks)
    response = await cast.stranger.coordinator.get(f"/v1/agreements/{made['id']}/{PUBLIC}")
    parts = await unpacked(cast.stranger.coordinator, made["id"], PUBLIC)
    whole = response.content + readable(parts)
    assert [word for word in [*marks.secret, *facts] if word.encode() in whole] == []
    assert not re.search(rb"canary[0-9a-f]{32}", whole)
    assert [word for word in marks.open if word.encode() not in whole] == [], "or the test could not fail"
    inside = readable(await unpacked(cast.assisting.legal, made["id"]))
    assert all(word.encode() in inside for word in marks.secret[:2]), "or the test could not fail"
    assert {path.partition("/")[0] for path in parts} <= {
        *(
            "agreement.json",
            "timeline.json",
            "timeline.csv",
            "versions",
            "documents",
            "documents.json",
            "verify.txt",
            "index.html",
            "index.pdf",
        ),
        "manifest.json",
    }


async def test_it_warns_of_what_concerns_the_public_text(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    text = f"Typed from this (demo) {uuid4()}."
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    days = {"expires_on": str(today() + timedelta(days=40)), "auto_renew_months": 12, "auto_renew_times": "silent"}
    body = {**agreement_body(one, two, provisions=provisions(Marks()), notice={}), **days}
    paper = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": sha256}
    made = await one.legal.done("POST", "/v1/agreements/record", {**body, **paper})
    await confirm_agreement(made, two)
    parts = await unpacked(cast.stranger.coordinator, made["id"], PUBLIC)
    warnings = data(parts, "manifest.json")["warnings"]
    for each in (
        f"Version 1 was transcribed from paper on {today()} by {one.name}",
        "The paper of version 1 is not on file for the public",
        "Version 1: How long notice runs is not entered",
        "One renewal is counted",
    ):
        assert [warning for warning in warnings if each in warning], each
        assert each in HtmlPage(parts["index.html"].decode()).one("main").text
        assert each in parts["versions/001/text.txt"].decode()
    among = await file_document(one.legal, made["id"], text, sensitivity="parties")
    again = await unpacked(cast.stranger.coordinator, made["id"], PUBLIC)
    assert data(again, "manifest.json")["warnings"] == warnings, "whether the parties have it on file is theirs to say"
    public = await file_document(one.legal, made["id"], text, sensitivity="public")
    assert public["id"] != among["id"]
    await agree_to_publish(made["id"], two, document_id=public["id"])
    shown = data(await unpacked(cast.stranger.coordinator, made["id"], PUBLIC), "manifest.json")["warnings"]
    assert not [each for each in shown if "not on file" in each]


async def test_how_to_verify_it_speaks_of_nothing_that_is_not_in_it(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=provisions(Marks()))
    for reader, name in ((cast.stranger.coordinator, PUBLIC), (cast.requesting.legal, "file.zip")):
        parts = await unpacked(reader, made["id"], name)
        verify = parts["verify.txt"].decode()
        spoken_of = set(re.findall(r"`([a-z]+\.(?:json|jsonl|txt|csv))`", verify.replace("versions/NNN/", "")))
        assert "manifest.json" in spoken_of
        assert spoken_of <= {path.rpartition("/")[2] for path in parts}
        assert "GET /v1/audit-events?type=agreement.file_exported" in verify
        assert "no time stamp of anybody outside" in verify
    verify = (await unpacked(cast.stranger.coordinator, made["id"], PUBLIC))["verify.txt"].decode()
    parts = await unpacked(cast.stranger.coordinator, made["id"], PUBLIC)
    for path in ("agreement.json", "versions/001/text.txt"):
        assert f"{hashlib.sha256(parts[path]).hexdigest()}  {path}" in verify


async def test_where_its_making_is_recorded_is_where_verify_says(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=provisions(Marks()))
    parts = await unpacked(cast.stranger.coordinator, made["id"], PUBLIC)
    manifest = hashlib.sha256(parts["manifest.json"]).hexdigest()
    for reader in (cast.stranger.auditor, cast.stranger.admin):
        found = await reader.done("GET", "/v1/audit-events?type=agreement.file_exported")
        assert manifest in {each["data"]["manifest_sha256"] for each in found["items"]}
    whole = hashlib.sha256((await unpacked(cast.requesting.legal, made["id"]))["manifest.json"]).hexdigest()
    for reader in (cast.requesting.auditor, cast.assisting.auditor):
        found = await reader.done("GET", "/v1/audit-events?type=agreement.file_exported")
        assert whole in {each["data"]["manifest_sha256"] for each in found["items"]}


async def test_what_is_withheld_keeps_its_place_with_the_exemption_cited(service: Service, cast: Cast) -> None:
    marks = Marks()
    made, _ = await full_life(cast, service, marks)
    parts = await unpacked(cast.stranger.coordinator, made["id"], PUBLIC)
    text = parts["versions/001/text.txt"].decode()
    assert "\n2\n[Withheld: the parties have not published it.]\n" in text
    assert re.search(r"\n3\n\[Withheld\. Exemption cited: Section public\w+; have counsel review\]\n", text)
    withheld = data(parts, "manifest.json")["withheld"]
    assert [(each["kind"], each.get("number"), "exemption" in each) for each in withheld] == [
        ("acts", None, False),
        ("provision", "2", False),
        ("provision", "3", True),
    ], "and that documents are withheld is not said"
    for each in withheld:
        assert {*each} <= {"kind", "version_no", "number", "exemption", "reason"}
        if "exemption" in each:
            assert each["exemption"].encode() in parts["index.html"]
    listed = {each["path"]: each["sha256"] for each in data(parts, "manifest.json")["parts"]}
    assert listed == {path: hashlib.sha256(each).hexdigest() for path, each in parts.items() if path != "manifest.json"}


async def test_it_says_who_was_bound_when_and_of_no_partys_act(service: Service, cast: Cast) -> None:
    found = await a_life(cast)
    parts = await unpacked(cast.stranger.coordinator, found["id"], PUBLIC)
    read = await cast.stranger.coordinator.done("GET", f"/v1/agreements/{found['id']}/timeline")
    assert data(parts, "timeline.json") == read
    rows = parts["timeline.csv"].decode().splitlines()
    assert f",{today() - timedelta(days=25)}," in rows[4], "the last day of who left"
    everything = readable(parts)
    for secret in (b"Sheriff", b"The vault", b"gave notice", b"confirmed", b"Chief"):
        assert secret not in everything
    (acts,) = [each for each in data(parts, "manifest.json")["withheld"] if each["kind"] == "acts"]
    assert acts["reason"] == read["acts_withheld"]
    assert acts["reason"].encode() in parts["index.html"]


async def test_it_cautions_that_acts_may_be_out_that_are_not_public(service: Service, cast: Cast) -> None:
    """Always, whether there are any: else the caution would tell."""
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, provisions=provisions(Marks()))
    caution = "Notices, reports or other acts may be out that are not public"
    for gives_notice in (False, True):
        if gives_notice:
            body = {"notice_on": str(today()), "reason": "The council decided."}
            await two.legal.done("POST", f"/v1/agreements/{found['id']}/give-notice", body)
        parts = await unpacked(cast.stranger.coordinator, found["id"], PUBLIC)
        assert caution in parts["index.html"].decode()
        assert any(caution in each for each in data(parts, "manifest.json")["notes"])
    assert caution not in (await unpacked(one.legal, found["id"]))["index.html"].decode()


async def test_it_is_the_same_whoever_asks_and_the_asking_is_on_record(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=provisions(Marks()))
    path = f"/v1/agreements/{made['id']}/{PUBLIC}"
    readers = (cast.stranger.coordinator, cast.assisting.legal, cast.requesting.auditor, service.operator)
    answers = [await reader.get(path) for reader in readers]
    assert len({answer.content for answer in answers}) == 1
    with ZipFile(BytesIO(answers[0].content)) as archive:
        manifest = hashlib.sha256(archive.read("manifest.json")).hexdigest()
    found = await events(service, made["id"], "agreement.file_exported", "agreement.restricted_text_read")
    assert [each["data"]["manifest_sha256"] for each in found] == [manifest] * 4
    assert [each["agency_ids"] for each in found][:2] == [[str(cast.stranger.id)], [str(cast.assisting.id)]]


async def test_only_what_is_executed_and_published_has_one(service: Service, cast: Cast) -> None:
    among = await sign_agreement(service, cast.assisting, cast.requesting, provisions=provisions(Marks())[1:])
    draft = await cast.assisting.legal.done(
        "POST", "/v1/agreements", agreement_body(cast.assisting, cast.requesting, provisions=provisions(Marks()))
    )
    assert_problem(await service.anonymous.get(f"/v1/agreements/{among['id']}/{PUBLIC}"), 401, "unauthenticated")
    for made in (among, draft):
        path = f"/v1/agreements/{made['id']}/{PUBLIC}"
        assert_problem(await cast.assisting.legal.get(path), 409, "wrong_status")
        assert_problem(await cast.stranger.legal.get(path), 404, "not_found")


@pytest.mark.one_database
@pytest.mark.skipif(not is_installed(), reason="the engine is optional")
async def test_its_index_is_printed_with_the_same_words(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=provisions(Marks()))
    parts = await unpacked(cast.stranger.coordinator, made["id"], PUBLIC)
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(parts["index.pdf"])).pages)
    for words in ("Public file of agreement", "Exemption cited", "Withheld: the parties have not published it."):
        assert words in " ".join(text.split())


async def test_no_part_of_either_file_names_the_person_who_acted(cast: Cast) -> None:
    """The people of the agencies, from their tokens: their roles and agencies are told, for the parties alone."""
    made = await a_life(cast)
    people = re.compile(rb"[a-z_-]+@[0-9a-f]{6}\b|token_id|user_agent|\bissuer\b|\baddress_of\b")
    for reader in (cast.assisting.auditor, cast.requesting.legal):
        whole = await unpacked(reader, made["id"])
        assert {*data(whole, "history.json")["events"][0]["actor"]} == {"agency_id", "roles"}
        for files in (whole, await unpacked(reader, made["id"], PUBLIC)):
            for path, content in files.items():
                text = content
                if path.endswith(".pdf"):
                    pdf = PdfReader(BytesIO(content))
                    text = "\n".join([*(page.extract_text() for page in pdf.pages), str(pdf.metadata)]).encode()
                assert not people.findall(text), path
