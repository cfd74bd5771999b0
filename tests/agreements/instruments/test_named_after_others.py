"""Who is named after others, however it comes: what was made before reaches it once each that was there has agreed."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.agreements import confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import left_long_ago
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.review import approved_and_sent, draft, hand, reviewer
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
LAW = "Demo Code 1 (have counsel review)"
VAULT, PAPER, SAID, HELD, OWED = "Zephyrine vault", "Okapi ledger", "Numbat remark", "Dugong docket", "Quokka survey"
WORDS = (VAULT, PAPER, SAID, HELD, OWED)
WHY = {"reason": "asked to join (demo)"}


async def filed(by: Agency, found: dict[str, Any]) -> tuple[dict[str, str], str]:
    """Where that is read which the party filed, and the hold that it placed."""
    path = f"{PATH}/{found['id']}"
    secret = await file_document(by.legal, found["id"], f"{VAULT}.", sensitivity="restricted", exemption=LAW)
    about = await file_document(by.legal, found["id"], f"{PAPER}.", version_no=1)
    said = {"version_no": 1, "audience": "parties", "provision": "1", "text": SAID}
    await by.legal.done("POST", f"{path}/comments", said)
    await by.legal.done("POST", f"{path}/place-hold", {"authority": HELD, "reason": HELD})
    holds = (await by.legal.done("GET", f"{path}/retention"))["holds"]
    places = {
        "secret": f"/v1/documents/{secret['id']}/content",
        "paper": f"/v1/documents/{about['id']}/content",
        "comments": f"{path}/comments",
        "retention": f"{path}/retention",
        "duties": f"{path}/duties",
        "history": f"{path}/history",
        "timeline": f"{path}/timeline",
        **{f"q={each}": f"{PATH}/search?q={each.split()[0].lower()}" for each in WORDS[:2]},
    }
    return places, holds[0]["id"]


async def told(reader: Agency, places: dict[str, str]) -> set[str]:
    """Where the reader is told one of the things."""
    found = set()
    for name, place in places.items():
        text = (await reader.legal.get(place)).text
        if any(word in text for word in WORDS):
            found.add(name)
    return found


@pytest.mark.parametrize("alone", [False, True])
async def test_whom_those_bound_let_in_reads_nothing_of_a_named_party_that_has_not_agreed(
    service: Service, cast: Cast, alone: bool
) -> None:
    one, two, third, new = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
    bound = [one] if alone else [one, two]
    found = await record_agreement(one, two, third)
    path = f"{PATH}/{found['id']}"
    for each in bound[1:]:
        await confirm_agreement(found, each)
    places, hold_id = await filed(third, found)
    owed = {"title": OWED, "due_on": "2100-01-01"}
    duty = await third.legal.done("POST", f"{path}/duties", owed)
    asked = await one.legal.done("POST", f"{path}/add-parties", {"agency_ids": [str(new.id)], **WHY})
    for each in bound[1:]:
        await each.legal.done("POST", f"{path}/proposals/{asked['proposals'][-1]['id']}/consent", {})
    await confirm_agreement(found, new, today(), evidence_location="The clerk's vault (demo)")
    assert "1" in str((await new.legal.done("GET", path))["provisions"]), "it reads what it has signed"
    assert await told(new, places) == set()
    body = {"reason": "none of it"}
    for duty_id in (duty["id"], str(uuid4())):
        for verb, said in (("waive", body), ("acknowledge", None)):
            answer = await new.legal.post(f"{path}/duties/{duty_id}/{verb}", said)
            assert_problem(answer, 404, "not_found")
    for its in (hold_id, str(uuid4())):
        lift = {"hold_id": its, "authority": "none", "reason": "none"}
        assert_problem(await new.legal.post(f"{path}/lift-hold", lift), 422, "unknown_hold")
    offer = {"agency_id": str(new.id), "reason": "moves"}
    assert_problem(await one.legal.post(f"{path}/offer-custody", offer), 409, "wrong_status")
    await confirm_agreement(found, third, today(), evidence_location="The clerk's vault (demo)")
    assert await told(new, places) == set(), "the text that it signs names no newcomer"
    seen = await third.legal.done("GET", path)
    for each in seen["proposals"]:
        if each["kind"] == "newcomers" and third.reference in each["outstanding"]:
            await third.legal.done("POST", f"{path}/proposals/{each['id']}/consent", {})
    if bound == [one]:
        assert "secret" not in await told(new, places), "another that was named has not agreed"
    else:
        assert {"secret", "paper", "comments", "retention", "duties"} <= await told(new, places)


async def test_who_takes_a_partys_place_in_the_draft_reads_nothing_of_what_that_one_made(
    service: Service, cast: Cast
) -> None:
    one, two, third, new = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
    secret = {"number": "9", "heading": "equipment", "text": VAULT, "sensitivity": "restricted", "exemption": LAW}
    first = {"number": "1", "heading": "purpose", "text": "The parties help one another."}
    found = await draft(one, two, third, provisions=[first, secret])
    path = f"{PATH}/{found['id']}"
    await one.legal.done("POST", f"{path}/submit", {"reviewers": [reviewer(third)], "version_no": 1})
    places, _ = await filed(third, found)
    back = await one.legal.post(f"{path}/send-back", {"reason": "another party"})
    body = {"parties": [str(each.id) for each in (one, two, new)], "provisions": [first]}
    await one.legal.done("PATCH", path, body, if_match=back.headers["etag"])
    await one.legal.done("POST", f"{path}/submit", {"version_no": 2})
    places["version"] = f"{path}/versions/1"
    places["redline"] = f"{path}/redline?from_version_no=1&to_version_no=2"
    assert await told(new, places) == set()
    assert_problem(await new.legal.get(places["version"]), 404, "not_found")
    sent = await approved_and_sent(one, found["id"])
    for each in (one, two, new):
        await each.signatory.done("POST", f"{path}/sign", hand(sent))
    assert (await new.legal.done("GET", path))["stage"] == "executed"
    assert await told(new, places) == set(), "who was put out never agreed to it"
    later = await file_document(two.legal, found["id"], "Kakapo list (demo).")
    assert (await new.legal.get(f"/v1/documents/{later['id']}/content")).status_code == 200


async def test_to_whom_only_one_that_has_left_never_agreed_is_not_proposed_anew(service: Service, cast: Cast) -> None:
    """That one is asked no more, so no consent would be lacking."""
    one, two, third, new = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
    found = await sign_agreement(service, one, two, third)
    await left_long_ago(service, third, found)
    path = f"{PATH}/{found['id']}"
    body = {"agency_ids": [str(new.id)], **WHY}
    asked = await one.legal.done("POST", f"{path}/add-parties", body)
    await two.legal.done("POST", f"{path}/proposals/{asked['proposals'][-1]['id']}/consent", {})
    await confirm_agreement(found, new, today(), evidence_location="The clerk's vault (demo)")
    refused = await one.legal.post(f"{path}/add-parties", body)
    (fault,) = assert_problem(refused, 422, "parties_faulty")["errors"]
    assert fault["code"] == "party_twice"
