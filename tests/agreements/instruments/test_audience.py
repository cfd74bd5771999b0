"""What is made for the parties reaches who was one on that day: comments, documents, holds, and what tells of them."""

import hashlib
from collections import defaultdict
from typing import Any

import pytest

from tests.support.agreements import EVIDENCE, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import left_long_ago
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.review import submitted
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"


async def made_by_the_parties(one: Agency, found: dict[str, Any], word: str) -> tuple[str, str]:
    """A comment, a document and a hold that say the word; the ids of the comment and of the document."""
    path = f"{PATH}/{found['id']}"
    said = {"version_no": 1, "audience": "parties", "text": f"{word} about the text"}
    comment = await one.legal.done("POST", f"{path}/comments", said)
    filed = await file_document(one.legal, found["id"], f"{word} on paper.", sensitivity="parties", title=word)
    held = {"authority": f"{word} v. City (demo)", "reason": f"{word} is litigated"}
    await one.legal.done("POST", f"{path}/place-hold", held)
    return str(comment["id"]), str(filed["id"])


async def heard(reader: Agency, found: dict[str, Any], word: str, made: tuple[str, str]) -> set[str]:
    """Where the agency's staff find the word."""
    path, (comment, document) = f"{PATH}/{found['id']}", made
    places = {
        "comments": f"{path}/comments",
        "comment": f"{path}/comments/{comment}",
        "documents": f"{path}/documents",
        "document": f"/v1/documents/{document}",
        "content": f"/v1/documents/{document}/content",
        "search": f"{PATH}/search?q={word.lower()}",
        "retention": f"{path}/retention",
        "history": f"{path}/history",
        "document history": f"/v1/documents/{document}/history",
    }
    told = set()
    for name, place in places.items():
        answer = await reader.legal.get(place)
        if word in answer.text or ("history" in name and f'"{document}"' in answer.text):
            told.add(name)
    return told


ALL = {"comments", "comment", "documents", "document", "content", "search", "retention", "history"}


async def test_who_has_left_reads_what_was_made_while_it_was_a_party_and_nothing_later(
    service: Service, cast: Cast
) -> None:
    one, other, gone = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, other, gone)
    path = f"{PATH}/{found['id']}"
    before = await made_by_the_parties(one, found, "Quetzal")
    own = await file_document(gone.legal, found["id"], "Its own paper.", sensitivity="parties")
    assert await heard(gone, found, "Quetzal", before) >= ALL
    await left_long_ago(service, gone, found)
    # Its notice ran out a while ago, so all of this was made after it had left, but for what it filed itself.
    assert await heard(gone, found, "Quetzal", before) <= {"history", "document history"}
    assert (await gone.legal.get(f"/v1/documents/{own['id']}/content")).status_code == 200
    later = await made_by_the_parties(one, found, "Zephyr")
    assert await heard(gone, found, "Zephyr", later) == set()
    assert await heard(other, found, "Zephyr", later) >= ALL
    kept = await gone.legal.done("GET", f"{path}/retention")
    assert (kept["holds"], "held" in kept["why"]) == ([], False)
    own_path = f"/v1/documents/{own['id']}/withdraw"
    offered = await gone.legal.get(f"/v1/documents/{own['id']}")
    listed = await gone.legal.done("GET", f"{path}/documents")
    for each in (offered.json(), *(each for each in listed["items"] if each["id"] == own["id"])):
        (offer,) = each["allowed_actions"]
        assert (offer["allowed"], "not bound" in offer["reason"]) == (False, True), "nothing is offered that fails"
    etag = offered.headers["etag"]
    withdrawn = await gone.legal.post(own_path, {"reason": "ours"}, if_match=etag)
    assert_problem(withdrawn, 409, "wrong_status")
    assert "hold" not in withdrawn.text, "whether there is one is not for it"

    asked = {"version_no": 1, "audience": "parties", "text": "Which of you keeps our radios?"}
    thread = await gone.legal.done("POST", f"{path}/comments", asked)
    await one.legal.done("POST", f"{path}/comments", {"parent_id": thread["id"], "text": "The county does."})
    answers = (await gone.legal.done("GET", f"{path}/comments"))["items"]
    assert {each["text"] for each in answers} == {asked["text"], "The county does."}, "what is put to it reaches it"


async def test_a_newcomer_reads_the_text_and_nothing_of_what_the_parties_made_until_it_is_bound(
    service: Service, cast: Cast
) -> None:
    one, other, new = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, other)
    path = f"{PATH}/{found['id']}"
    made = await made_by_the_parties(one, found, "Quetzal")
    body = {"agency_ids": [str(new.id)], "reason": "asked to join"}
    offered = await one.legal.done("POST", f"{path}/add-parties", body)
    await other.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")
    assert await heard(new, found, "Quetzal", made) == set()
    later = await made_by_the_parties(one, found, "Zephyr")
    assert await heard(new, found, "Zephyr", later) == set()
    assert (await new.legal.done("GET", f"{path}/versions/1"))["provisions"], "the text that it may sign"
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "manner": "electronic"}
    await new.signatory.done("POST", f"{path}/sign", hand)
    assert await heard(new, found, "Zephyr", later) >= ALL - {"history"}, "bound, it reads what was made before, too"


async def test_whom_the_text_names_reads_before_it_has_signed(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    made = await made_by_the_parties(cast.assisting, found, "Quetzal")
    assert await heard(cast.requesting, found, "Quetzal", made) >= ALL


def taking_evidence(service: Service) -> dict[str, tuple[str, Any]]:
    """The operations on one agreement that name a paper by its hash: path, and the contract's example of a body."""
    schemas, found = service.contract.document["components"]["schemas"], dict[str, tuple[str, Any]]()
    for path, item in service.contract.document["paths"].items():
        for operation in item.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                named = schemas.get(media["schema"].get("$ref", "").rpartition("/")[2], {}).get("properties", {})
                if path.startswith(f"{PATH}/{{agreement_id}}/") and "evidence_sha256" in named:
                    found[operation["operationId"]] = (path, media["example"])
    return found


def told_on_file(answer: Any) -> set[str]:
    """The hashes of papers of which an answer says that they are on file."""
    if isinstance(answer, list):
        return {digest for each in answer for digest in told_on_file(each)}
    if not isinstance(answer, dict):
        return set()
    proof = answer.get("proof_status") == "on_file" or answer.get("evidence_on_file")
    own = {answer["evidence_sha256"]} if proof else {answer["sha256"]} if answer.get("on_file") else set()
    return own | {digest for each in answer.values() for digest in told_on_file(each)}


GUESSED = {"parties": "We pay half (demo).", "restricted": "At most 72 hours (demo)."}


@pytest.mark.parametrize("late", [False, True], ids=["filed before", "filed later"])
async def test_who_may_not_list_a_paper_learns_by_no_hash_of_its_own_whether_it_is_on_file(
    service: Service, cast: Cast, late: bool
) -> None:
    one, other, gone, new = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
    found = await sign_agreement(service, one, other, gone, notice={"days": 30})
    path = f"{PATH}/{found['id']}"
    await left_long_ago(service, gone, found)
    offered = await one.legal.done("POST", f"{path}/add-parties", {"agency_ids": [str(new.id)], "reason": "joins"})
    await other.legal.done("POST", f"{path}/proposals/{offered['proposals'][-1]['id']}/consent")

    async def file_both() -> None:
        for sensitivity, words in GUESSED.items():
            secret = {"exemption": "Minn. Stat. 13.37 (demo)"} if sensitivity == "restricted" else {}
            await file_document(one.legal, found["id"], words, sensitivity=sensitivity, **secret)

    if not late:
        await file_both()
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": str(today())}
    reported = {"agency_id": str(other.id), "kind": "gave_notice", "acted_on": str(today()), "reason": "a letter"}
    said = {
        "confirm_agreement": hand,
        "fulfil_agreement_duty": {"fulfilled_on": str(today())},
        "give_agreement_notice": {"notice_on": str(today()), "reason": "we leave"},
        "record_agreement_approval": {"version_no": 1, "body": "Council (demo)", "approved_on": str(today())},
        "report_agreement_act": reported,
        "sign_agreement": {**hand, "manner": "wet"},
        "terminate_agreement": {"acted_on": str(today()), "reason": "over"},
    }
    in_turn = [hashlib.sha256(words.encode()).hexdigest() for words in GUESSED.values()]
    guesses = set(in_turn)
    duty = {"title": "Report to the state (demo)", "due_on": str(today()), "note": "by hand"}
    for reader in (new, gone):
        own_duty = (await reader.legal.post(f"{path}/duties", {**duty, "agency_id": str(reader.id)})).json().get("id")
        done, refused = set[str](), defaultdict[str, set[str]](set)
        for operation, (template, example) in taking_evidence(service).items():
            place = template.format(agreement_id=found["id"], duty_id=own_duty or found["id"])
            body = {name: each for name, each in (said.get(operation) or example).items() if "evidence" not in name}
            for n, digest in enumerate([*in_turn, EVIDENCE]):
                told = {**body, "evidence_sha256": digest}
                if operation == "record_agreement_approval":
                    told["reference"] = f"Resolution {n} (demo)"
                answer = await reader.legal.post(place, told)
                if answer.is_success:
                    done.add(operation)
                    assert not told_on_file(answer.json()) & guesses, (operation, reader.name)
                elif operation not in done:
                    refused[operation].add(answer.json()["code"])
        assert all(len(codes) < 2 for codes in refused.values()), "a guess that is right is refused as any other"
        assert "record_agreement_approval" in done, "an approval is recorded by whom it may bind, and may have bound"
        assert own_duty is None or "fulfil_agreement_duty" in done
    if late:
        await file_both()
    for reader in (new, gone):
        for place in (path, f"{path}/versions/1", f"{path}/timeline", f"{path}/duties", f"{path}/history"):
            seen = await reader.legal.done("GET", place)
            assert not told_on_file(seen) & guesses, (place, reader.name)
    approvals = [party["approvals"] for party in (await one.legal.done("GET", path))["parties"]]
    assert told_on_file(approvals) >= guesses, "who can read the paper is told"
