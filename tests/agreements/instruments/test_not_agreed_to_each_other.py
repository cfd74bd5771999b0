"""What a party makes once another was let in reaches that one only when the maker has agreed to it.

Whom a text of others let in that the maker never signed, and whom those bound let in while the maker was unbound.
"""

from typing import Any

import pytest

from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.test_amendments_in_review import amended
from tests.agreements.instruments.test_let_in_by_a_later_text import LAW, PATH, WHY, let_in, opened, signs
from tests.support.agreements import confirm_agreement, record_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.documents import file_document
from tests.support.review import reviewer, reviews_of
from tests.support.service import Service

VAULT, LEDGER, REMARK, DOCKET = "Aardwolf vault", "Binturong ledger", "Cassowary remark", "Dhole docket"
SCHEDULE, PAUSE = "Fossa schedule", "Gerenuk inquiry"
WORDS = (VAULT, LEDGER, REMARK, DOCKET, SCHEDULE)


class Made:
    """What the party made, and where it is read."""

    def __init__(self, secret: dict[str, Any], paper: dict[str, Any], path: str) -> None:
        self.secret, self.paper, self.path = secret, paper, path
        self.places = {
            "secret": f"/v1/documents/{secret['id']}/content",
            "paper": f"/v1/documents/{paper['id']}/content",
            "listed": f"{path}/documents",
            "comments": f"{path}/comments",
            "retention": f"{path}/retention",
            "timeline": f"{path}/timeline",
            "history": f"{path}/history",
            **{f"q={each}": f"{PATH}/search?q={each.split()[0].lower()}" for each in (VAULT, LEDGER)},
        }

    async def told(self, reader: Agency) -> set[str]:
        """Where the reader is told one of the things."""
        found = set()
        for name, place in self.places.items():
            for caller in (reader.legal, reader.coordinator, reader.auditor):
                answer = await caller.get(place)
                ids = (self.secret["id"], self.paper["id"])
                if answer.status_code == 200 and any(word in answer.text for word in (*WORDS, PAUSE, *ids)):
                    found.add(name)
        for each in (self.secret, self.paper):
            if (await reader.auditor.get(f"/v1/documents/{each['id']}/history")).status_code == 200:
                found.add("proofs")
        parts = b"".join((await unpacked(reader.legal, self.path.split("/")[-1])).values()).decode(errors="ignore")
        if any(word in parts for word in (*WORDS, PAUSE, self.secret["id"], self.paper["id"])):
            found.add("file.zip")
        return found


async def made(by: Agency, found: dict[str, Any], *, on_version: int, paper_of: int = 1) -> Made:
    """What the party files and says once the newcomer was named."""
    path = f"{PATH}/{found['id']}"
    its: dict[str, Any] = {"title": VAULT, "sensitivity": "restricted", "exemption": LAW, "version_no": paper_of}
    secret = await file_document(by.legal, found["id"], f"{VAULT}.", **its)
    paper = await file_document(by.legal, found["id"], f"{LEDGER}.", title=LEDGER, version_no=paper_of)
    said = {"version_no": on_version, "audience": "parties", "provision": "1", "text": REMARK}
    await by.legal.done("POST", f"{path}/comments", said)
    await by.legal.done("POST", f"{path}/place-hold", {"authority": DOCKET, "reason": DOCKET})
    await by.legal.done("POST", f"{path}/set-retention", {"years": 7, "basis": SCHEDULE})
    return Made(secret, paper, path)


async def confirms(party: Agency, found: dict[str, Any], digest: str) -> None:
    hand = {"version_sha256": digest, "signatory_title": "Mayor", "signed_on": str(today())}
    await party.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)


@pytest.mark.parametrize("bound_by_then", [False, True])
async def test_what_one_that_another_text_binds_makes_is_kept_from_whom_it_never_agreed_to(
    service: Service, cast: Cast, bound_by_then: bool
) -> None:
    found, places = await opened(service, cast)
    third, new = cast.neighbour, cast.stranger
    await let_in(cast, found)
    if bound_by_then:
        await signs(new, found, places["hand"])
    its = await made(third, found, on_version=2)
    await third.legal.done("POST", f"{its.path}/suspend", {"reason": PAUSE})
    if not bound_by_then:
        await signs(new, found, places["hand"])
    assert await its.told(new) == set()
    assert {*its.places, "proofs", "file.zip"} - {"timeline"} <= await its.told(cast.requesting)
    for filed in (its.secret, its.paper):
        assert filed["kept_from"] == [new.reference], "its filer reads who does not read it"
    for other in (cast.assisting, cast.requesting):
        listed = (await other.legal.done("GET", f"{its.path}/documents"))["items"]
        assert [each["kept_from"] for each in listed] == [[]] * len(listed)
    await confirms(third, found, places["hand"])
    assert await its.told(new) == set(), "its hand to a text opens nothing that it had made"
    await third.legal.done("POST", f"{its.path}/add-parties", {"agency_ids": [str(new.id)], **WHY})
    assert {"secret", "paper", "listed", "comments", "retention", f"q={VAULT}", "file.zip"} <= await its.told(new)
    listed = (await third.legal.done("GET", f"{its.path}/documents"))["items"]
    assert [each["kept_from"] for each in listed] == [[]] * len(listed)


async def test_who_reads_it_reads_what_those_made_who_let_it_in_and_what_it_makes_is_read_by_all(
    service: Service, cast: Cast
) -> None:
    found, places = await opened(service, cast)
    third, new = cast.neighbour, cast.stranger
    await let_in(cast, found)
    await signs(new, found, places["hand"])
    for by, reader in ((cast.requesting, new), (new, cast.requesting), (new, third)):
        its = await made(by, found, on_version=2, paper_of=2)
        assert its.secret["kept_from"] == []
        assert {"secret", "paper", "comments", "retention", "file.zip"} <= await its.told(reader)


async def test_who_answers_in_a_thread_speaks_to_whoever_opened_it(service: Service, cast: Cast) -> None:
    found, places = await opened(service, cast)
    third, new, path = cast.neighbour, cast.stranger, f"{PATH}/{found['id']}/comments"
    await let_in(cast, found)
    await signs(new, found, places["hand"])
    about = {"version_no": 2, "audience": "parties", "provision": "1"}
    for opener in (new, cast.requesting):
        asked = await opener.legal.done("POST", path, {**about, "text": "What of the basin?"})
        await third.legal.done("POST", path, {"parent_id": asked["id"], "text": f"{REMARK} to {opener.name}"})
    seen = (await new.legal.get(path)).text
    assert f"{REMARK} to {new.name}" in seen
    assert f"{REMARK} to {cast.requesting.name}" not in seen


async def test_what_one_makes_that_was_unbound_as_others_let_one_in_waits_for_its_own_consent(
    service: Service, cast: Cast
) -> None:
    one, two, third, new = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
    found = await record_agreement(one, two, third)
    path = f"{PATH}/{found['id']}"
    await confirm_agreement(found, two)
    asked = await one.legal.done("POST", f"{path}/add-parties", {"agency_ids": [str(new.id)], **WHY})
    await two.legal.done("POST", f"{path}/proposals/{asked['proposals'][-1]['id']}/consent", {})
    await confirm_agreement(found, new, today(), evidence_location="The clerk's vault (demo)")
    unbound = await made(third, found, on_version=1)
    assert await unbound.told(new) == set()
    await confirm_agreement(found, third, today(), evidence_location="The clerk's vault (demo)")
    bound = await made(third, found, on_version=1)
    for its in (unbound, bound):
        assert await its.told(new) == set(), "its own consent is waited for still"
        assert its.secret["kept_from"] == [new.reference]
        assert {"secret", "paper", "comments", "proofs", "file.zip"} <= await its.told(two)
    seen = await third.legal.done("GET", path)
    (its_own,) = (each for each in seen["proposals"] if third.reference in each["outstanding"])
    await third.legal.done("POST", f"{path}/proposals/{its_own['id']}/consent", {})
    for its in (unbound, bound):
        assert {"secret", "paper", "listed", "comments", "retention", "file.zip"} <= await its.told(new)


async def test_how_a_reviewer_answers_is_heard_by_all_and_its_words_by_whom_it_agreed_to(
    service: Service, cast: Cast
) -> None:
    found, places = await opened(service, cast)
    third, new, path = cast.neighbour, cast.stranger, f"{PATH}/{found['id']}"
    await let_in(cast, found)
    await signs(new, found, places["hand"])
    await amended(cast.assisting, found, {"reviewers": [reviewer(third)]})
    (review,) = await reviews_of(third, found)
    await third.legal.done("POST", f"{path}/reviews/{review['id']}/request-changes", {"reason": REMARK})
    for reader, words in ((cast.requesting, REMARK), (third, REMARK), (new, None)):
        (seen,) = await reviews_of(reader, found)
        alone = await reader.legal.done("GET", f"{path}/reviews/{review['id']}")
        for each in (seen, alone):
            assert (each["verdict"], each["words"]) == ("changes_requested", words)
        assert (REMARK in (await reader.legal.get(f"{path}/history")).text) == (words is not None)
