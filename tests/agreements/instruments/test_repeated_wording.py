"""Restricted wording that is repeated where more would read it: in a document, and in another provision."""

import time
from typing import Any

import pytest

from registry.agreements.instruments.repeated import Wording
from tests.support.agreements import EVIDENCE, agreement_body, sign_agreement
from tests.support.cast import Cast, today
from tests.support.consent import proof
from tests.support.documents import PDF, PLAIN, WORD, file_document, make_pdf, make_word, send_file
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
LAW = "Demo Code 1 (have counsel review)"
SECRET = (
    "Surveillance of the harbour warehouse begins two hours before each delivery is announced and ends when the last "
    "lorry has left the northern gate. Keys are kept at desk nine."
)
SENTENCE = SECRET.split(". ", maxsplit=1)[0]
PROVISIONS = [
    {"number": "1", "heading": "purpose", "text": "The parties help one another."},
    {"number": "9", "heading": "equipment", "text": SECRET, "sensitivity": "restricted", "exemption": LAW},
]
AROUND = "Summary for the council (demo).\n\nWe agreed on the following. {}. The rest is as in other years."


def found_in(text: str, *others: str) -> bool:
    """Whether the text repeats the secret, apart from what the others say."""
    return bool(Wording([("9", SECRET)]).repeated_in([text], told_elsewhere=[[other] for other in others]))


def test_a_sentence_is_known_again_whatever_stands_around_it_and_however_it_is_printed() -> None:
    printed = SENTENCE.upper().replace("TWO HOURS", "TWO\n HOURS,").replace("ANNOUNCED", "AN-\nNOUNCED")
    for text in (AROUND.format(SENTENCE), AROUND.format(printed), "And keys are kept at desk nine, too"):
        assert found_in(text)


def test_a_scanners_mistakes_hide_nothing() -> None:
    said = "The key of the armory is changed in the first month of the new year by officer ten."
    wording = Wording([("9", said)])
    for old, new in (("armory", "arrnory"), ("month", "rnonth"), ("first", "f1rst"), ("key of", "key 0f")):
        assert wording.repeated_in([said.replace(old, new)]), new
    assert Wording([("9", said.replace("month", "rnonth"))]).repeated_in([said])


def test_half_of_a_long_sentence_is_enough_and_a_few_words_are_not() -> None:
    words = SENTENCE.split()
    assert found_in(AROUND.format(" ".join(words[3:16])))
    assert not found_in(AROUND.format(" ".join(words[3:14])))
    assert not found_in("Keys are kept at desk ten")


def test_a_sentence_that_goes_over_a_page_is_one() -> None:
    words = SENTENCE.split()
    assert Wording([("9", SECRET)]).repeated_in([" ".join(words[:9]), " ".join(words[9:])])


def test_a_text_that_says_the_same_over_and_over_takes_no_longer_than_another() -> None:
    """Two hundred thousand words each: compared pair by pair, they would take hours."""
    same = "kept under lock and key since then " * 30_000
    began = time.process_time()
    assert Wording([("9", same), ("8", same)]).repeated_in([same], told_elsewhere=[["other " * 200_000]])
    assert time.process_time() - began < 30


def test_what_fills_a_form_is_no_wording() -> None:
    assert not Wording([("9", "x " * 50)]).repeated_in(["x " * 50])


def test_what_is_told_elsewhere_is_not_repeated() -> None:
    assert not found_in(AROUND.format(SENTENCE), SENTENCE)
    assert found_in(AROUND.format(SECRET), SENTENCE), "the other sentence is told nowhere"


async def test_a_document_that_repeats_a_restricted_clause_is_filed_for_more_only_with_a_reason(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    words = SENTENCE.split()
    files = (
        (AROUND.format(SENTENCE).encode(), PLAIN),
        (make_word("Summary for the council (demo)", SENTENCE), WORD),
        (make_pdf("We agreed:\n" + "\n".join(" ".join(words[at : at + 6]) for at in range(0, len(words), 6))), PDF),
    )
    for content, kind in files:
        for reader in (cast.requesting.legal, cast.assisting.legal):
            for sensitivity in ("parties", "public"):
                refused = await send_file(reader, made["id"], content, kind, kind="other", sensitivity=sensitivity)
                problem = assert_problem(refused, 422, "repeats_restricted")
                assert problem["errors"][0]["parameter"] == "declassify_reason"
                assert "clause 9 of version 1" in problem["detail"]
                assert "warehouse" not in refused.text
    content, kind = files[0]
    secret = {"sensitivity": "restricted", "exemption": LAW}
    assert (
        await send_file(cast.requesting.legal, made["id"], content, kind, kind="other", **secret)
    ).status_code == 201
    why = {"declassify_reason": "The operation is over."}
    filed = await send_file(cast.requesting.legal, made["id"], files[1][0], WORD, kind="other", **why)
    assert filed.status_code == 201, filed.text
    (event,) = (await cast.assisting.auditor.done("GET", f"/v1/documents/{filed.json()['id']}/history"))["items"]
    assert event["data"]["declassifies_clauses"] == [{"version_no": 1, "clause": "9"}]
    assert event["data"]["reason"] == "The operation is over."


async def test_who_may_not_read_the_clause_files_as_always_and_those_who_may_see_it(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    for filer in (cast.requesting.machine, service.operator):
        for words in (SENTENCE, "Nothing of the kind"):
            filed = await send_file(filer, made["id"], AROUND.format(words).encode(), PLAIN, kind="other")
            assert filed.status_code == 201, filed.text
            document = filed.json()
            assert document["repeats"] == []
            (event,) = (await cast.assisting.auditor.done("GET", f"/v1/documents/{document['id']}/history"))["items"]
            assert "declassifies_clauses" not in event["data"]
            known = [{"version_no": 1, "clause": "9", "document_id": None}] if words == SENTENCE else []
            for party in (cast.assisting, cast.requesting):
                seen = await party.legal.done("GET", f"/v1/documents/{document['id']}")
                assert seen["repeats"] == known
                listed = (await party.auditor.done("GET", f"{PATH}/{made['id']}/documents"))["items"]
                assert [each["repeats"] for each in listed if each["id"] == document["id"]] == [known]
                assert (await party.coordinator.done("GET", f"/v1/documents/{document['id']}"))["repeats"] == []


async def test_a_restricted_document_is_not_repeated_either_and_what_the_open_text_says_is_no_secret(
    service: Service, cast: Cast
) -> None:
    said = "Each party keeps the radios of the other in working order and returns them at the end of every exercise"
    provisions = [{"number": "1", "heading": "equipment", "text": f"{said}."}]
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=provisions)
    secret = {"sensitivity": "restricted", "exemption": LAW}
    await file_document(cast.requesting.legal, made["id"], f"{said}. {SECRET}", **secret)
    one = await send_file(cast.assisting.legal, made["id"], f"Of note: {said}.".encode(), PLAIN, kind="other")
    assert one.status_code == 201, one.text
    assert one.json()["repeats"] == []
    refused = await send_file(cast.assisting.legal, made["id"], AROUND.format(SENTENCE).encode(), PLAIN, kind="other")
    assert "a document on file as restricted" in assert_problem(refused, 422, "repeats_restricted")["detail"]


def draft_with(cast: Cast, *more: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return agreement_body(cast.assisting, cast.requesting, provisions=[*PROVISIONS, *more], **fields)


async def test_a_provision_for_more_readers_repeats_a_restricted_one_only_with_a_reason(
    service: Service, cast: Cast
) -> None:
    legal, why = cast.assisting.legal, {"declassify_reason": "The operation is over."}
    again = {"number": "10", "heading": "general", "text": AROUND.format(SENTENCE)}
    refused = await legal.post(PATH, draft_with(cast, again))
    problem = assert_problem(refused, 422, "repeats_restricted")
    assert problem["errors"][0]["pointer"] == "/declassify_reason"
    assert "clause 9" in problem["detail"]
    made = await legal.done("POST", PATH, draft_with(cast))
    path = f"{PATH}/{made['id']}"
    for provisions in ([*PROVISIONS, again], [PROVISIONS[0], {"number": "9", "heading": "equipment", "text": SECRET}]):
        got = await legal.get(path)
        tag = got.headers["etag"]
        refused = await legal.patch(path, {"provisions": provisions}, if_match=tag)
        assert_problem(refused, 422, "repeats_restricted")
    body = {"provisions": [*PROVISIONS, again], **why}
    changed = await legal.patch(path, body, if_match=tag)
    assert changed.status_code == 200, changed.text
    for reader, told in ((legal, ["10"]), (cast.assisting.coordinator, [])):
        remarks = (await reader.done("GET", path))["remarks"]
        assert [each["clause"] for each in remarks if each["code"] == "repeats_restricted"] == told
    event = (await cast.assisting.auditor.done("GET", f"{path}/history"))["items"][0]
    assert event["data"]["declassifies_clauses"] == [{"version_no": None, "clause": "9"}]
    assert event["data"]["declassify_reason"] == "The operation is over."
    body = {"provisions": [*PROVISIONS, again, {"number": "11", "heading": "general", "text": "More."}]}
    later = await legal.patch(path, body, if_match=changed.headers["etag"])
    assert later.status_code == 200, "what stands already is not asked about again"


async def test_an_amendment_lifts_no_restriction_without_a_reason(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    path, legal = f"{PATH}/{made['id']}", cast.assisting.legal
    opened = await legal.post(f"{path}/amend", {"effective_on": "2099-01-01", "reason": "Opened up."})
    tag = opened.headers["etag"]
    body: dict[str, Any] = {"provisions": [PROVISIONS[0], {"number": "3", "heading": "equipment", "text": SENTENCE}]}
    refused = await legal.patch(path, body, if_match=tag)
    assert "clause 9" in assert_problem(refused, 422, "repeats_restricted")["detail"]
    body["declassify_reason"] = "The operation is over."
    assert (await legal.patch(path, body, if_match=tag)).status_code == 200


async def test_a_comment_and_the_reason_of_a_notice_or_a_pause_repeat_no_restricted_clause_to_all_parties(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    path, legal = f"{PATH}/{made['id']}", cast.assisting.legal
    comment = {"version_no": 1, "provision": "1", "audience": "parties", "text": AROUND.format(SENTENCE)}
    notice = {"notice_on": str(today()), "reason": AROUND.format(SENTENCE)}
    for route, body, pointer in (
        ("comments", comment, "/text"),
        ("suspend", {"reason": SENTENCE}, "/reason"),
        ("give-notice", notice, "/reason"),
    ):
        problem = assert_problem(await legal.post(f"{path}/{route}", body), 422, "repeats_restricted")
        assert problem["errors"][0]["pointer"] == pointer
        assert "clause 9 of version 1" in problem["detail"]
    about_it = {**comment, "provision": "9"}
    for body in ({**comment, "audience": "agency"}, about_it, {**comment, "text": "As clause 9 has it."}):
        assert (await legal.post(f"{path}/comments", body)).status_code == 201
    mine = await legal.done("POST", f"{path}/comments", {**comment, "text": "More of this."})
    edit = f"{path}/comments/{mine['id']}"
    tag = (await legal.get(edit)).headers["etag"]
    assert_problem(await legal.patch(edit, {"text": SECRET}, if_match=tag), 422, "repeats_restricted")
    given = await cast.requesting.legal.post(f"{path}/give-notice", {**notice, "reason": "We leave."})
    assert given.status_code == 200, given.text


async def test_no_reason_note_or_title_repeats_a_restricted_clause_to_all_parties(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await sign_agreement(service, one, two, provisions=PROVISIONS)
    path, said = f"{PATH}/{made['id']}", AROUND.format(SENTENCE)
    paper = {"evidence_sha256": EVIDENCE, "reason": said}
    filed = await proof(one, made)
    (document,) = [
        each["id"] for each in (await one.legal.done("GET", f"{path}/documents"))["items"] if each["sha256"] == filed
    ]
    hold = {"authority": "Court order (demo)", "reason": said}
    acts: tuple[tuple[str, dict[str, Any], str], ...] = (
        (f"{path}/terminate", {"ground": "mutual_consent", "reason": said}, "/reason"),
        (f"{path}/propose-suspension", {"kind": "suspension", "reason": said}, "/reason"),
        (f"{path}/add-parties", {"agency_ids": [str(cast.neighbour.id)], "reason": said}, "/reason"),
        (f"{path}/offer-custody", {"agency_id": str(two.id), "reason": said}, "/reason"),
        (
            f"{path}/report-act",
            {"agency_id": str(two.id), "kind": "withdrew", "acted_on": "2026-01-31", **paper},
            "/reason",
        ),
        (f"{path}/complete-review", {"reviewed_on": "2026-01-31", "outcome": "keep", "note": said}, "/note"),
        (f"{path}/place-hold", hold, "/reason"),
        (f"{path}/duties", {"title": SENTENCE, "due_on": "2099-01-31"}, "/title"),
        (f"{path}/duties", {"title": "File it", "note": said, "due_on": "2099-01-31"}, "/note"),
        (f"/v1/documents/{document}/withdraw", {"reason": said}, "/reason"),
    )
    for place, body, pointer in acts:
        answer = await one.legal.post(place, body)
        assert answer.status_code == 422, (place, answer.text)
        assert assert_problem(answer, 422, "repeats_restricted")["errors"][0]["pointer"] == pointer, place
    duty = await one.legal.done("POST", f"{path}/duties", {"title": "File it", "due_on": "2099-01-31"})
    refused = await one.legal.post(f"{path}/duties/{duty['id']}/waive", {"reason": said})
    assert_problem(refused, 422, "repeats_restricted")
    seen = await one.legal.done("GET", path)
    assert seen["proposals"] == seen["reported_acts"] == [], "nothing came of what was refused"


async def test_a_comment_and_the_reason_of_a_notice_or_a_pause_say_it_with_a_reason_for_that(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    path, legal, why = f"{PATH}/{made['id']}", cast.assisting.legal, {"declassify_reason": "The operation is over."}
    comment = {"version_no": 1, "provision": "1", "audience": "parties", "text": AROUND.format(SENTENCE)}
    assert (await legal.done("POST", f"{path}/comments", {**comment, **why}))["text"] == comment["text"]
    other = await legal.done("POST", f"{path}/comments", {**comment, "text": "More of this.", **why})
    tag = (await legal.get(f"{path}/comments/{other['id']}")).headers["etag"]
    edit = await legal.patch(f"{path}/comments/{other['id']}", {"text": SECRET, **why}, if_match=tag)
    assert edit.status_code == 200, edit.text
    await legal.done("POST", f"{path}/suspend", {"reason": SENTENCE, **why})
    await legal.done("POST", f"{path}/reinstate", {"reason": "done"})
    await legal.done("POST", f"{path}/give-notice", {"notice_on": str(today()), "reason": SENTENCE, **why})
    history = (await cast.assisting.auditor.done("GET", f"{path}/history"))["items"]
    told = {each["type"]: each["data"] for each in reversed(history)}
    clause = [{"version_no": 1, "clause": "9"}]
    for event in ("agreement.participation_suspended", "agreement.notice_given"):
        its = told[event]
        assert (its["declassifies_clauses"], its["declassify_reason"]) == (clause, why["declassify_reason"])


async def test_of_another_agreements_restricted_wording_nothing_is_compared(service: Service, cast: Cast) -> None:
    """That is a limit, and docs/security.md and the contract say so."""
    await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    again = {"number": "2", "heading": "general", "text": SECRET}
    body = agreement_body(cast.assisting, cast.requesting, provisions=[PROVISIONS[0], again])
    assert (await cast.assisting.legal.post(PATH, body)).status_code == 201
