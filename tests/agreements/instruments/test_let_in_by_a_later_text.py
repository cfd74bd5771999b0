"""Whom only a later text let in, without one whom the earlier one binds: nothing made under that reaches it."""

from datetime import timedelta
from typing import Any

import pytest

from registry.agreements.instruments.commands.settling.unasked import Hand, agreed_since, has_agreed
from registry.platform.kernel.time import utc_now
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
CLOSED, SECRET, PAPER, SAID, HELD = (
    "Quagga paddock",
    "Zephyrine vault",
    "Okapi ledger",
    "Numbat remark",
    "Dugong docket",
)
OPEN = "Axolotl basin"
LAW = "Demo Code 1 (have counsel review)"
PROVISIONS = [
    {"number": "1", "heading": "purpose", "text": f"{CLOSED} is shared."},
    {"number": "9", "heading": "equipment", "text": SECRET, "sensitivity": "restricted", "exemption": LAW},
]
WHY = {"reason": "asked to join (demo)"}


async def opened(service: Service, cast: Cast) -> tuple[dict[str, Any], dict[str, str]]:
    """An agreement of three, under which one filed and said things, and a later text of the two others that is open.

    And where those things are read.
    """
    one, two, third = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, two, third, provisions=PROVISIONS)
    path = f"{PATH}/{found['id']}"
    secret = await file_document(third.legal, found["id"], f"{SECRET}.", sensitivity="restricted", exemption=LAW)
    about = await file_document(third.legal, found["id"], f"{PAPER}.", version_no=1)
    said = {"version_no": 1, "audience": "parties", "provision": "1", "text": SAID}
    await third.legal.done("POST", f"{path}/comments", said)
    await third.legal.done("POST", f"{path}/place-hold", {"authority": HELD, "reason": HELD})
    paper = {
        "kind": "amendment",
        "title": "Opened (demo)",
        "effective_on": str(today()),
        "signed_on": str(today()),
        "terms": {"categories": ["any"], "open_to_accession": True},
        "provisions": [{"number": "1", "heading": "purpose", "text": f"{OPEN} is shared."}],
        "signatory_title": "Chief",
        "evidence_sha256": "ab" * 32,
        "reason": "opened (demo)",
    }
    amended = await one.legal.done("POST", f"{path}/record-amendment", paper)
    hand = {"version_sha256": amended["amendment"]["version_sha256"], "signatory_title": "Mayor"}
    await two.legal.done("POST", f"{path}/confirm", {**hand, "signed_on": str(today())})
    pair = f"requesting_agency_id={two.id}&assisting_agency_id={third.id}"
    places = {
        CLOSED: f"{path}/versions/1",
        SECRET: f"/v1/documents/{secret['id']}/content",
        PAPER: f"/v1/documents/{about['id']}/content",
        SAID: f"{path}/comments",
        HELD: f"{path}/retention",
        "as of then": f"{path}?as_of=2026-01-01T00:00:00Z",
        "redline": f"{path}/redline?from_version_no=1&to_version_no=2",
        "listed": f"{path}/documents",
        "versions": f"{path}/versions",
        "in force": f"{PATH}/in-force?{pair}",
        "deadlines": f"/v1/deadlines?agreement_id={found['id']}",
        "timeline": f"{path}/timeline",
        "history": f"{path}/history",
        "completeness": f"{path}/completeness?version_no=1",
        **{f"q={each}": f"{PATH}/search?q={each.split()[0].lower()}" for each in (CLOSED, SECRET, PAPER)},
    }
    return found, {"hand": hand["version_sha256"], **places}


async def nothing(reader: Agency, places: dict[str, str]) -> list[str]:
    """Where one that is said under the first text is read all the same."""
    told = []
    for name, place in places.items():
        if name == "hand":
            continue
        answer = await reader.legal.get(place)
        if any(word in answer.text for word in (CLOSED, SECRET, PAPER, SAID, HELD)):
            told.append(name)
    return told


async def let_in(cast: Cast, found: dict[str, Any]) -> dict[str, Any]:
    body = {"agency_ids": [str(cast.stranger.id)], **WHY}
    said: dict[str, Any] = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/add-parties", body)
    return said


async def signs(new: Agency, found: dict[str, Any], digest: str) -> None:
    hand = {"version_sha256": digest, "signatory_title": "Mayor", "manner": "electronic"}
    await new.signatory.done("POST", f"{PATH}/{found['id']}/sign", hand)


async def test_what_was_made_under_a_text_reaches_nobody_that_only_a_later_one_let_in(
    service: Service, cast: Cast
) -> None:
    found, places = await opened(service, cast)
    third, new, path = cast.neighbour, cast.stranger, f"{PATH}/{found['id']}"
    assert set(places) - {"hand", *await nothing(third, places)} <= {"versions", "listed", "in force", "deadlines"} | {
        name for name in places if name in ("timeline", "history", "completeness")
    }, "it reads what it made"
    await let_in(cast, found)
    for step in ("let in", "bound"):
        assert await nothing(new, places) == []
        assert (await new.legal.get(places[CLOSED])).status_code == 404
        assert (await new.legal.get(places[SECRET])).status_code == 404
        assert [each["version_no"] for each in (await new.legal.done("GET", f"{path}/versions"))["items"]] == [2]
        whole = await new.legal.done("GET", path)
        assert OPEN in str(whole["provisions"]), "it reads the text that it may sign"
        then = await new.legal.done("GET", places["as of then"])
        assert (then["provisions"], then["terms"]) == ([], None)
        parts = b"".join((await unpacked(new.legal, found["id"])).values()).decode(errors="ignore")
        assert OPEN in parts
        assert [word for word in (CLOSED, SECRET, PAPER, SAID, HELD) if word in parts] == []
        if step == "let in":
            await signs(new, found, places["hand"])
    for by, status in ((third, 404), (cast.requesting, 200)):
        later = await file_document(by.legal, found["id"], f"Kakapo list of {by.name} (demo).")
        answer = await new.legal.get(f"/v1/documents/{later['id']}/content")
        assert answer.status_code == status, "who has agreed to it files for it too"
    refused = await cast.assisting.legal.post(f"{path}/offer-custody", {"agency_id": str(new.id), "reason": "moves"})
    assert_problem(refused, 409, "wrong_status")


async def test_to_sign_what_lets_in_opens_nothing_that_was_made_before_and_what_is_made_then(
    service: Service, cast: Cast
) -> None:
    found, places = await opened(service, cast)
    third, new, path = cast.neighbour, cast.stranger, f"{PATH}/{found['id']}"
    await let_in(cast, found)
    await signs(new, found, places["hand"])
    between = await file_document(third.legal, found["id"], "Filed as the other was there (demo).")
    hand = {"version_sha256": places["hand"], "signatory_title": "Mayor", "signed_on": str(today())}
    await third.legal.done("POST", f"{path}/confirm", hand)
    assert await nothing(new, places) == [], "it said who may join, and nothing of its papers"
    assert (await new.legal.get(places[CLOSED])).status_code == 404
    assert (await new.legal.get(f"/v1/documents/{between['id']}/content")).status_code == 404
    since = await file_document(third.legal, found["id"], "Filed for all of them (demo).")
    assert (await new.legal.get(f"/v1/documents/{since['id']}/content")).status_code == 200
    refused = await cast.assisting.legal.post(f"{path}/offer-custody", {"agency_id": str(new.id), "reason": "moves"})
    assert_problem(refused, 409, "wrong_status")


@pytest.mark.parametrize("by", ["its proposal", "its consent"])
async def test_what_was_made_before_opens_by_the_own_word_of_the_one_that_signed(
    service: Service, cast: Cast, by: str
) -> None:
    found, places = await opened(service, cast)
    third, new, path = cast.neighbour, cast.stranger, f"{PATH}/{found['id']}"
    await let_in(cast, found)
    await signs(new, found, places["hand"])
    hand = {"version_sha256": places["hand"], "signatory_title": "Mayor", "signed_on": str(today())}
    await third.legal.done("POST", f"{path}/confirm", hand)
    proposer = third if by == "its proposal" else cast.assisting
    body = {"agency_ids": [str(new.id)], **WHY}
    asked = await proposer.legal.done("POST", f"{path}/add-parties", body)
    if by == "its consent":
        assert await nothing(new, places) == []
        its = next(each["id"] for each in asked["proposals"] if each["outstanding"])
        await third.legal.done("POST", f"{path}/proposals/{its}/consent")
    assert {CLOSED, SECRET, PAPER, SAID, HELD} <= set(await nothing(new, places))
    first = await new.legal.done("GET", places[CLOSED])
    assert SECRET not in str(first), "of a text that never bound it no restricted clause"


async def test_once_all_have_consented_to_it_nothing_is_kept_from_a_newcomer(service: Service, cast: Cast) -> None:
    found, places = await opened(service, cast)
    path = f"{PATH}/{found['id']}"
    await let_in(cast, found)
    await signs(cast.stranger, found, places["hand"])
    assert await nothing(cast.stranger, places) == []
    body = {"agency_ids": [str(cast.stranger.id)], **WHY}
    asked = await cast.neighbour.legal.done("POST", f"{path}/add-parties", body)
    its = next(each["id"] for each in asked["proposals"] if each["outstanding"])
    for party in (cast.assisting, cast.requesting, cast.stranger):
        await party.legal.post(f"{path}/proposals/{its}/consent")
    assert {CLOSED, SECRET, PAPER, SAID, HELD} <= set(await nothing(cast.stranger, places))


async def test_a_text_that_was_open_from_the_start_keeps_nothing_from_whom_it_lets_in(
    service: Service, cast: Cast
) -> None:
    one, two, new = cast.assisting, cast.requesting, cast.stranger
    found = await sign_agreement(service, one, two, cast.neighbour, terms={"open_to_accession": True})
    filed = await file_document(two.legal, found["id"], f"{SECRET}.", sensitivity="restricted", exemption=LAW)
    await let_in(cast, found)
    await signs(new, found, found["version_sha256"])
    assert (await new.legal.get(f"/v1/documents/{filed['id']}/content")).status_code == 200


def test_who_has_agreed_is_told_by_the_last_text_signed_before() -> None:
    now = utc_now()

    def hand(days: int, *, is_open: bool) -> Hand:
        return Hand(now + timedelta(days=days), is_open)

    for hands, named_by_open, agreed in (
        ([], True, True),
        ([], False, False),
        ([hand(-2, is_open=False)], True, False),
        ([hand(-2, is_open=True)], False, True),
        ([hand(-2, is_open=True), hand(-1, is_open=False)], False, False),
        ([hand(-2, is_open=False), hand(1, is_open=True)], False, False),
        ([hand(-2, is_open=True), hand(1, is_open=False)], False, True),
    ):
        assert has_agreed(hands, now, named_by_open=named_by_open) is agreed, hands
    since = [hand(-2, is_open=True), hand(1, is_open=False), hand(2, is_open=True), hand(3, is_open=True)]
    assert agreed_since(since, now) == now + timedelta(days=2)
    assert agreed_since(since[:2], now) is None


def test_a_party_that_the_text_names_is_agreed_to_by_a_hand_to_a_text_sent_out_since() -> None:
    now = utc_now()
    for hands, named_by_open, agreed in (
        ([], True, False),
        ([Hand(now, False, now - timedelta(days=1))], False, False),
        ([Hand(now, False, now)], False, True),
        ([Hand(now, True, now - timedelta(days=1))], False, False),
    ):
        assert has_agreed(hands, now, named_by_open=named_by_open, in_text=True) is agreed, hands
