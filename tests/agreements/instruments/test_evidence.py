"""The evidence for what is recorded of paper: a document on file, one that is still to come, or a place."""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from registry.agreements.instruments.queries.evidence import papers_on_file
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import (
    EVIDENCE,
    PROVISIONS,
    agreement_body,
    confirm_agreement,
    record_agreement,
    sign_agreement,
)
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
PAPER = "Signed by both (demo)."
SHA256 = hashlib.sha256(PAPER.encode()).hexdigest()
VAULT = "City clerk's vault, book 12 (demo)"
SIGNED = {"signed_on": "2025-01-01", "signatory_title": "Chief"}
NOT_ON_FILE = {"sha256": None, "on_file": False, "document": None, "location": VAULT}


async def record(agency: Agency, other: Agency, **evidence: str) -> dict[str, Any]:
    body = {**agreement_body(agency, other), **SIGNED, **evidence}
    found: dict[str, Any] = await agency.legal.done("POST", f"{PATH}/record", body)
    return found


async def seen(agency: Agency, found: dict[str, Any]) -> dict[str, Any]:
    again: dict[str, Any] = await agency.legal.done("GET", f"{PATH}/{found['id']}")
    return again


def missing_papers(found: dict[str, Any]) -> list[str]:
    return [each["detail"] for each in found["remarks"] if each["code"] == "paper_not_on_file"]


class TestAPaperThatIsKnownByItsHash:
    async def test_it_is_awaited_until_a_document_of_that_hash_is_filed(self, cast: Cast) -> None:
        found = await record(cast.assisting, cast.requesting, evidence_sha256=SHA256)
        awaited = {"sha256": SHA256, "on_file": False, "document": None, "location": None}
        assert found["evidence"] == awaited
        assert found["parties"][0]["signature"]["evidence"] == awaited
        (said,) = missing_papers(found)
        assert said.endswith(f"no document on file that your agency can read has its SHA-256, {SHA256}.")
        before = await cast.assisting.legal.get(f"{PATH}/{found['id']}")
        filed = await file_document(cast.requesting.legal, found["id"], PAPER, title="The signed paper (demo)")
        on_file = {
            **awaited,
            "on_file": True,
            "document": {"id": filed["id"], "name": "The signed paper (demo)", "of_versions": []},
        }
        after = await cast.assisting.legal.get(
            f"{PATH}/{found['id']}", headers={"If-None-Match": before.headers["ETag"]}
        )
        assert after.status_code == 200, "a tag from before does not hide what has come on file"
        assert after.json()["evidence"] == on_file
        assert after.json()["parties"][0]["signature"]["evidence"] == on_file
        assert missing_papers(after.json()) == []
        version = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}/versions/1")
        assert (version["evidence"], version["signatures"][0]["evidence"]) == (on_file, on_file)

    async def test_a_document_that_is_withdrawn_is_on_file_no_more(self, cast: Cast) -> None:
        found = await record(cast.assisting, cast.requesting, evidence_sha256=SHA256)
        filed = await file_document(cast.assisting.legal, found["id"], PAPER)
        assert (await seen(cast.requesting, found))["evidence"]["on_file"]
        await cast.assisting.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", {"reason": "Another scan."})
        again = await seen(cast.requesting, found)
        assert (again["evidence"]["on_file"], again["evidence"]["document"]) == (False, None)
        await file_document(cast.assisting.legal, found["id"], PAPER)
        assert (await seen(cast.requesting, found))["evidence"]["on_file"]

    async def test_a_restricted_document_is_on_file_and_not_named(self, cast: Cast) -> None:
        found = await record(cast.assisting, cast.requesting, evidence_sha256=SHA256)
        secret = {"sensitivity": "restricted", "exemption": "Minn. Stat. 13.37 (demo)", "title": "Hidden (demo)"}
        await file_document(cast.assisting.legal, found["id"], PAPER, **secret)
        again = await seen(cast.requesting, found)
        assert (again["evidence"]["on_file"], again["evidence"]["document"]) == (True, None)
        filed = await file_document(cast.requesting.legal, found["id"], PAPER, declassify_reason="Known (demo).")
        assert (await seen(cast.requesting, found))["evidence"]["document"]["id"] == filed["id"]

    async def test_another_agreements_document_is_not_its_evidence(self, cast: Cast) -> None:
        found = await record(cast.assisting, cast.requesting, evidence_sha256=SHA256)
        other = await record(cast.assisting, cast.requesting, evidence_sha256=EVIDENCE)
        await file_document(cast.assisting.legal, other["id"], PAPER)
        assert not (await seen(cast.assisting, found))["evidence"]["on_file"]

    async def test_the_public_is_shown_none_of_it(self, cast: Cast) -> None:
        found = await record(cast.assisting, cast.requesting, evidence_sha256=SHA256)
        await confirm_agreement(found, cast.requesting)
        await file_document(cast.assisting.legal, found["id"], PAPER)
        public = await seen(cast.stranger, found)
        assert (public["view"], public["evidence"], public["remarks"]) == ("public", None, [])


class TestAPaperThatIsNotOnFile:
    async def test_where_the_original_is_kept_is_said_wherever_it_is_shown(self, cast: Cast) -> None:
        found = await record(cast.assisting, cast.requesting, evidence_location=VAULT)
        assert (found["evidence"], found["parties"][0]["signature"]["evidence"]) == (NOT_ON_FILE, NOT_ON_FILE)
        assert missing_papers(found) == [
            f"The paper from which version 1 was recorded is not on file: its original is kept at: {VAULT}."
        ]
        path = f"{PATH}/{found['id']}"
        version = await cast.requesting.legal.done("GET", f"{path}/versions/1")
        assert (version["evidence"], missing_papers(version)) == (NOT_ON_FILE, missing_papers(found))
        completeness = await cast.requesting.legal.done("GET", f"{path}/completeness")
        assert missing_papers(completeness) == missing_papers(found)
        (event, *_) = (await cast.assisting.auditor.done("GET", f"{path}/history"))["items"]
        assert (event["data"]["evidence_sha256"], event["data"]["evidence_location"]) == (None, VAULT)

    async def test_every_act_on_paper_says_where_its_original_is_kept(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 30})
        path, kept = f"{PATH}/{found['id']}", {"evidence_location": VAULT}
        council = {"version_no": 1, "body": "City council", "approved_on": "2025-02-03"}
        old = {"notice_on": str(today() - timedelta(days=20)), "reason": "we leave"}
        over = {"acted_on": "2025-05-01", "reason": "over"}
        for verb, said in (("record-approval", council), ("give-notice", old), ("terminate", over)):
            assert_problem(await cast.requesting.legal.post(f"{path}/{verb}", said), 422)
            twice = {**said, **kept, "evidence_sha256": SHA256}
            assert_problem(await cast.requesting.legal.post(f"{path}/{verb}", twice), 422, "evidence_twice")
            done = await cast.requesting.legal.done("POST", f"{path}/{verb}", {**said, **kept})
            (event, *_) = (await cast.assisting.auditor.done("GET", f"{path}/history"))["items"]
            assert (event["data"]["evidence_sha256"], event["data"]["evidence_location"]) == (None, VAULT), verb
        assert done["parties"][1]["notice_evidence"] == NOT_ON_FILE
        assert [(each["kind"], each["evidence"]) for each in done["proposals"]] == [
            ("departure", NOT_ON_FILE),
            ("end", NOT_ON_FILE),
        ]
        # What the other party cannot read counts by its own word alone.
        shown = [(each["status"], each["because"], each["evidence"]["location"]) for each in done["reported_acts"]]
        assert shown == [("unconfirmed", "evidence_not_on_file", VAULT)] * 2
        ending = done["reported_acts"][-1]["id"]
        ended = await cast.assisting.legal.done("POST", f"{path}/reported-acts/{ending}/confirm")
        assert ended["stage"] == "terminated"

    async def test_a_successor_of_the_past_may_be_shown_by_a_paper_kept_elsewhere(
        self, service: Service, cast: Cast
    ) -> None:
        old, new = [await sign_agreement(service, cast.assisting, cast.requesting) for _ in range(2)]
        said = {"by_agreement_id": new["id"], "effective_on": "2025-06-01", "reason": "the new text"}
        path = f"{PATH}/{old['id']}/supersede"
        assert_problem(await cast.assisting.legal.post(path, said), 422, "not_then")
        done = await cast.assisting.legal.done("POST", path, {**said, "evidence_location": VAULT})
        assert done["proposals"][0]["evidence"] == NOT_ON_FILE
        assert [each["evidence"]["location"] for each in done["reported_acts"]] == [VAULT]

    async def test_an_act_whose_paper_is_on_file_names_the_document(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 30})
        filed = await file_document(cast.requesting.legal, found["id"], "The letter (demo)")
        notice = {"notice_on": str(today()), "reason": "we leave", "evidence_sha256": filed["sha256"]}
        left = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/give-notice", notice)
        shown = left["parties"][1]["notice_evidence"]
        assert (shown["sha256"], shown["on_file"], shown["document"]["id"]) == (filed["sha256"], True, filed["id"])
        back = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", {"reason": "we stay"})
        assert back["parties"][1]["notice_evidence"] is None

    async def test_an_amendments_paper_may_be_kept_elsewhere_too(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        amendment = {
            **SIGNED,
            "title": "Addendum (demo)",
            "effective_on": "2025-06-01",
            "terms": {"categories": ["any"]},
            "provisions": PROVISIONS,
            "reason": "Addendum (demo).",
        }
        path = f"{PATH}/{found['id']}"
        assert_problem(await cast.assisting.legal.post(f"{path}/record-amendment", amendment), 422, "evidence_missing")
        twice = {**amendment, "evidence_sha256": SHA256, "evidence_location": VAULT}
        assert_problem(await cast.assisting.legal.post(f"{path}/record-amendment", twice), 422, "evidence_twice")
        kept = {**amendment, "evidence_location": VAULT}
        recorded = await cast.assisting.legal.done("POST", f"{path}/record-amendment", kept)
        confirming = {"version_sha256": recorded["amendment"]["version_sha256"], "evidence_location": "Annex 3 (demo)"}
        done = await cast.requesting.legal.done("POST", f"{path}/confirm", {**SIGNED, **confirming})
        assert (done["version_no"], done["evidence"]) == (2, NOT_ON_FILE)
        assert done["parties"][1]["signature"]["evidence"] == {**NOT_ON_FILE, "location": "Annex 3 (demo)"}
        assert len(missing_papers(done)) == 2, "of the text, and of the one signature that rests on another paper"
        first = await cast.requesting.legal.done("GET", f"{path}/versions/1")
        assert first["evidence"]["sha256"] == EVIDENCE

    async def test_what_a_service_records_says_it_before_anybody_has_signed(self, cast: Cast) -> None:
        body = {**agreement_body(cast.assisting, cast.requesting), **SIGNED, "evidence_location": VAULT}
        found = await cast.assisting.machine.done("POST", f"{PATH}/record", body)
        assert [party["signature"] for party in found["parties"]] == [None, None]
        assert found["evidence"] == NOT_ON_FILE

    async def test_no_attestation_rests_on_it(self, service: Service, cast: Cast) -> None:
        body = {**agreement_body(cast.assisting, cast.requesting), **SIGNED, "evidence_location": VAULT}
        theirs = {**body, "custodian_id": str(cast.assisting.id)}
        problem = assert_problem(await service.operator.post(f"{PATH}/record", theirs), 422, "evidence_missing")
        assert problem["errors"][0]["pointer"] == "/evidence_sha256"
        found = await cast.assisting.legal.done("POST", f"{PATH}/record", body)
        act = {"agency_id": str(cast.requesting.id), "kind": "gave_notice", "acted_on": "2025-02-01", "reason": "Told."}
        said = {**act, "evidence_location": VAULT}
        assert_problem(await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", said), 400)


@pytest.mark.parametrize(
    ("evidence", "code", "pointer"),
    [
        ({}, "evidence_missing", "/evidence_sha256"),
        ({"evidence_sha256": SHA256, "evidence_location": VAULT}, "evidence_twice", "/evidence_location"),
    ],
)
async def test_one_of_the_two_is_given(cast: Cast, evidence: dict[str, str], code: str, pointer: str) -> None:
    body = {**agreement_body(cast.assisting, cast.requesting), **SIGNED, **evidence}
    problem = assert_problem(await cast.assisting.legal.post(f"{PATH}/record", body), 422, code)
    assert [each["pointer"] for each in problem["errors"]] == [pointer]


@pytest.mark.parametrize("location", ["", "x" * 301, "two\nlines", "hid\u200bden"])
async def test_a_place_is_a_line_of_text(cast: Cast, location: str) -> None:
    body = {**agreement_body(cast.assisting, cast.requesting), **SIGNED, "evidence_location": location}
    assert_problem(await cast.assisting.legal.post(f"{PATH}/record", body), 400)


async def test_a_confirmation_names_one_of_the_two_at_most_and_a_repeat_changes_nothing(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting)
    path, body = f"{PATH}/{found['id']}/confirm", {**SIGNED, "version_sha256": found["version_sha256"]}
    twice = {**body, "evidence_sha256": SHA256, "evidence_location": VAULT}
    assert_problem(await cast.requesting.legal.post(path, twice), 422, "evidence_twice")
    kept, key = {**body, "evidence_location": VAULT}, f"confirm-{uuid4()}"
    first = await cast.requesting.legal.post(path, kept, key=key)
    assert first.json()["parties"][1]["signature"]["evidence"] == NOT_ON_FILE
    assert (await cast.requesting.legal.post(path, kept, key=key)).content == first.content


async def test_what_binds_back_without_evidence_says_so_until_the_paper_that_shows_it_is_on_file(cast: Cast) -> None:
    found = await record(cast.assisting, cast.requesting, evidence_sha256=SHA256)
    path, body = f"{PATH}/{found['id']}", {**SIGNED, "version_sha256": found["version_sha256"]}
    done = await cast.requesting.legal.done("POST", f"{path}/confirm", body)
    version = await cast.assisting.legal.done("GET", f"{path}/versions/1")
    assert done["parties"][1]["signature"]["evidence"] is None
    for shown in (done, version):
        (said,) = [each["detail"] for each in shown["remarks"] if each["code"] == "evidence_not_named"]
        name = cast.requesting.name
        assert said.startswith(
            f"{name}: no evidence named for its confirmation of {today()} that it signed version 1 on 2025-01-01."
        )
    filed = await file_document(cast.assisting.legal, found["id"], PAPER)
    again = await seen(cast.requesting, found)
    version = await cast.assisting.legal.done("GET", f"{path}/versions/1")
    for evidence in (again["parties"][1]["signature"]["evidence"], version["signatures"][1]["evidence"]):
        assert (evidence["on_file"], evidence["document"]["id"]) == (True, filed["id"])
    codes = {each["code"] for each in (*again["remarks"], *version["remarks"])}
    assert "evidence_not_named" not in codes


async def test_a_signature_that_names_its_evidence_or_is_of_today_has_no_such_remark(cast: Cast) -> None:
    found = await record(cast.assisting, cast.requesting, evidence_location=VAULT)
    body = {"signatory_title": "Sheriff", "version_sha256": found["version_sha256"], "signed_on": str(today())}
    path = f"{PATH}/{found['id']}/confirm"
    done = await cast.requesting.legal.done("POST", path, body)
    assert "evidence_not_named" not in {each["code"] for each in done["remarks"]}
    other = await record(cast.assisting, cast.requesting, evidence_location=VAULT)
    named = {**SIGNED, "version_sha256": other["version_sha256"], "evidence_location": VAULT}
    done = await cast.requesting.legal.done("POST", f"{PATH}/{other['id']}/confirm", named)
    assert "evidence_not_named" not in {each["code"] for each in done["remarks"]}


async def test_every_act_that_names_a_paper_says_whether_it_is_on_file(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, effective_on="2025-01-01")
    path = f"{PATH}/{found['id']}"
    body = {"title": "By day (demo)", "terms": {"categories": ["any"]}, "provisions": PROVISIONS, "reason": "by day"}
    body |= {
        "notice": {"days": 30},
        "effective_on": str(today()),
        "signed_on": str(today()),
        "signatory_title": "Chief",
    }
    act = {"agency_id": str(two.id), "kind": "gave_notice", "acted_on": str(today()), "reason": "a letter"}
    acts: dict[str, tuple[str, dict[str, Any]]] = {
        "act_reported": ("report-act", act),
        "approval_recorded": (
            "record-approval",
            {"version_no": 1, "body": "Council (demo)", "approved_on": str(today())},
        ),
        "amendment_recorded": ("record-amendment", body),
        "notice_given": ("give-notice", {"notice_on": str(today()), "reason": "the council declined"}),
        "end_proposed": ("terminate", {"acted_on": str(today()), "reason": "over"}),
    }
    filed = await file_document(one.legal, found["id"], PAPER)
    for n, (event, (verb, said)) in enumerate(acts.items()):
        digest = filed["sha256"] if n % 2 else EVIDENCE
        await one.legal.done("POST", f"{path}/{verb}", {**said, "evidence_sha256": digest})
        told = (await one.auditor.done("GET", f"{path}/history?sort=-version"))["items"]
        (data,) = [each["data"] for each in told if each["type"] == f"agreement.{event}"]
        assert (data["evidence_sha256"], data["evidence_on_file"]) == (digest, bool(n % 2)), event
    of_acts = [each for each in missing_papers(await seen(two, found)) if each.startswith("What shows")]
    what = (
        f"What shows the end proposed by {one.name} is not on file: no document on file that your agency can read has"
    )
    assert [each.partition(" its SHA-256")[0] for each in of_acts] == [what], "the paper of the notice is"


async def test_without_a_word_about_a_paper_a_signature_has_no_evidence(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    assert found["parties"][1]["signature"]["evidence"] is None


async def test_a_signature_before_the_first_on_record_needs_evidence_that_is_on_file(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting, signed_on="2025-03-03")
    path = f"{PATH}/{found['id']}/confirm"
    body = {**SIGNED, "version_sha256": found["version_sha256"]}
    assert_problem(await cast.requesting.legal.post(path, body), 422, "evidence_missing")
    unfiled = await cast.requesting.legal.post(path, {**body, "evidence_sha256": SHA256})
    assert assert_problem(unfiled, 422, "evidence_not_on_file")["errors"][0]["pointer"] == "/evidence_sha256"
    await file_document(cast.requesting.legal, found["id"], PAPER)
    said = await cast.requesting.legal.done("POST", path, {**body, "evidence_sha256": SHA256})
    done = await consent(cast.assisting, found, said["proposals"][-1])  # of days before its own it had said nothing
    assert done["parties"][1]["joined_at"] < done["parties"][0]["joined_at"]
    other = await record_agreement(cast.assisting, cast.requesting, signed_on="2025-03-03")
    await confirm_agreement(other, cast.requesting, signed_on="2025-03-04")


async def test_of_a_paper_a_party_is_told_where_it_is_told_of_the_document(service: Service, cast: Cast) -> None:
    """What is filed with a draft is its custodian's, as the draft is, whomever the draft names."""
    draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
    document = await file_document(cast.assisting.legal, draft["id"], PAPER)
    assert (await cast.requesting.legal.get(f"/v1/documents/{document['id']}")).status_code == 404
    named = {
        party: (await papers_on_file(service.database.read(), UUID(draft["id"]), party.id)).filed[SHA256] is not None
        for party in (cast.assisting, cast.requesting)
    }
    assert named == {cast.assisting: True, cast.requesting: False}


async def told_by_file(agency: Agency, found: dict[str, Any]) -> str:
    files = await unpacked(agency.legal, found["id"])
    return "\n".join(each.decode(errors="replace") for each in files.values())


async def test_a_paper_of_another_version_is_not_called_the_original_of_this_one(cast: Cast) -> None:
    """By the same bytes: the file says “on file as …” of a version only where who filed them named that version."""
    one, two = cast.assisting, cast.requesting
    found = await record_agreement(one, two)
    filed = await file_document(two.legal, found["id"], "The paper of version 1 (demo)", title="Paper", version_no=1)
    await amended_on_paper(found, one, effective_on="2025-03-01", evidence_sha256=filed["sha256"])
    said = await told_by_file(one, found)
    assert "was filed by nobody as one of version 2" in said
    assert "The original: on file as" not in said
    await file_document(two.legal, found["id"], "The paper of version 1 (demo)", title="Again", version_no=2)
    said = await told_by_file(one, found)
    assert "The original: on file as document" in said
