"""Who wrote at a text does not approve it, nor does who approved it sign it, unless the agency says so on record."""

from datetime import timedelta
from typing import Any

import pytest

from registry.platform.access.principals import Role
from tests.support.agreements import EVIDENCE, agreement_body, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import PATH
from tests.support.problems import assert_problem
from tests.support.review import approved_and_sent, draft, hand, out_for_signature, reviewer, reviews_of, submitted
from tests.support.service import Caller

pytestmark = pytest.mark.second_later

REASON = {"reason": "as told on the telephone (demo)"}


async def relax(agency: Agency, *separations: str) -> None:
    for separation in separations:
        change = {"separation": separation, "reason": "A small office (demo)."}
        await agency.admin.done("POST", f"/v1/agencies/{agency.id}/relax-separation", change)


def spoken() -> dict[str, str]:
    """What sets an agreement in motion by word of mouth."""
    return {"signatory_title": "Sheriff", "ratify_by_on": str(today() + timedelta(days=30)), **REASON}


async def offered(caller: Caller, found: dict[str, Any], action: str) -> tuple[bool, str | None]:
    """Whether the agreement offers the action to the caller, and why it is withheld."""
    seen = await caller.done("GET", f"{PATH}/{found['id']}")
    (one,) = [each for each in seen["allowed_actions"] if each["action"] == action]
    return one["allowed"], one["reason"]


async def history(caller: Caller, found: dict[str, Any], event: str) -> list[dict[str, Any]]:
    events = (await caller.done("GET", f"{PATH}/{found['id']}/history"))["items"]
    return [each["data"] for each in events if each["type"] == event]


async def test_who_drafted_a_text_does_not_approve_it(cast: Cast) -> None:
    one = cast.assisting
    found = await submitted(one, cast.requesting)
    path = f"{PATH}/{found['id']}/approve"
    refused = assert_problem(await one.legal.post(path), 403, "separation_of_duties")
    assert refused["separation"] == "draft_approve"
    assert refused["earlier_act"] == {"act": "draft", "roles": ["legal"], "done_at": found["created_at"]}
    assert "administrator" in refused["detail"]
    allowed, reason = await offered(one.legal, found, "approve")
    assert (allowed, reason) == (False, refused["detail"])
    assert await offered(one.counsel, found, "approve") == (True, None)
    assert (await one.counsel.done("POST", path))["stage"] == "approved"
    (said,) = await history(one.legal, found, "agreement.approved")
    assert "separation_relaxed" not in said


async def test_who_changed_a_draft_wrote_at_it_too_and_through_every_version(cast: Cast) -> None:
    one = cast.assisting
    found = await submitted(one, cast.requesting)
    path = f"{PATH}/{found['id']}"
    back = await one.legal.post(f"{path}/send-back", REASON)
    edited = await one.counsel.patch(path, {"title": "Better (demo)"}, if_match=back.headers["etag"])
    assert edited.status_code == 200
    again = await one.counsel.done("POST", f"{path}/submit")
    assert again["version_no"] == 2
    for writer in (one.legal, one.counsel):
        assert_problem(await writer.post(f"{path}/approve"), 403, "separation_of_duties")
        assert (await offered(writer, found, "approve"))[0] is False
    assert (await one.signatory.done("POST", f"{path}/approve"))["stage"] == "approved"


async def test_sending_a_text_back_or_out_is_not_writing_at_it(cast: Cast) -> None:
    one = cast.assisting
    found = await submitted(one, cast.requesting)
    path = f"{PATH}/{found['id']}"
    await one.counsel.done("POST", f"{path}/send-back", REASON)
    await one.counsel.done("POST", f"{path}/submit")
    assert (await one.counsel.done("POST", f"{path}/approve"))["stage"] == "approved"


async def test_who_approved_a_text_does_not_sign_it(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await out_for_signature(one, two)
    path = f"{PATH}/{found['id']}/sign"
    for manner in ({}, {"manner": "wet", "signed_on": str(today())}):
        refused = await one.counsel.post(path, hand(found, **manner))
        assert assert_problem(refused, 403, "separation_of_duties")["separation"] == "approve_sign"
    allowed, reason = await offered(one.counsel, found, "sign")
    assert allowed is False
    assert reason is not None
    assert "approved this" in reason
    signed = await one.signatory.done("POST", path, hand(found))
    assert signed["parties"][0]["signature"]["separation_relaxed"] is False


async def test_two_people_suffice_as_the_drafter_may_sign(cast: Cast) -> None:
    one = cast.assisting
    found = await out_for_signature(one, cast.requesting)
    assert await offered(one.legal, found, "sign") == (True, None)
    assert (await one.legal.post(f"{PATH}/{found['id']}/sign", hand(found))).status_code == 200


async def test_an_approval_of_an_earlier_version_does_not_bar_from_signing_the_next(cast: Cast) -> None:
    one = cast.assisting
    found = await out_for_signature(one, cast.requesting)
    path = f"{PATH}/{found['id']}"
    await one.legal.done("POST", f"{path}/send-back", REASON)
    await one.legal.done("POST", f"{path}/submit")
    await one.signatory.done("POST", f"{path}/approve")
    sent = await one.legal.done("POST", f"{path}/send-for-signature")
    assert_problem(await one.signatory.post(f"{path}/sign", hand(sent)), 403, "separation_of_duties")
    assert (await one.counsel.post(f"{path}/sign", hand(sent))).status_code == 200


async def test_a_reviewers_approval_is_an_approval_for_its_agency(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    asked = {"reviewers": [reviewer(one), reviewer(two)]}
    found = await submitted(one, two, submission=asked)
    path = f"{PATH}/{found['id']}"
    own, theirs = (f"{path}/reviews/{each['id']}" for each in await reviews_of(one, found))
    assert_problem(await one.legal.post(f"{own}/approve"), 403, "separation_of_duties")
    review = await one.legal.done("GET", own)
    offers = {each["action"]: each["allowed"] for each in review["allowed_actions"]}
    assert (offers["approve"], offers["request_changes"]) == (False, True), "to ask for changes is not to approve"
    await one.counsel.done("POST", f"{own}/approve")
    await two.counsel.done("POST", f"{theirs}/approve")
    await approved_and_sent(one, found["id"])
    sent = await two.legal.done("GET", path)
    assert_problem(await two.counsel.post(f"{path}/sign", hand(sent)), 403, "separation_of_duties")
    assert (await two.signatory.post(f"{path}/sign", hand(sent))).status_code == 200


async def test_it_holds_for_an_amendment_and_for_who_opened_it(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(one.service, one, two)
    path = f"{PATH}/{found['id']}"
    await one.counsel.done("POST", f"{path}/amend", {**REASON, "effective_on": "2026-01-01"})
    await one.legal.done("POST", f"{path}/submit")
    assert_problem(await one.counsel.post(f"{path}/approve"), 403, "separation_of_duties")
    await one.legal.done("POST", f"{path}/approve")
    sent = await one.counsel.done("POST", f"{path}/send-for-signature")
    amendment = {"version_sha256": sent["amendment"]["version_sha256"], "signatory_title": "Chief"}
    electronic = {**amendment, "manner": "electronic"}
    assert_problem(await one.legal.post(f"{path}/sign", electronic), 403, "separation_of_duties")
    on_paper = {**amendment, "signed_on": str(today())}
    assert_problem(await one.legal.post(f"{path}/confirm", on_paper), 403, "separation_of_duties")
    for action in ("sign", "confirm"):
        assert (await offered(one.legal, found, action))[0] is False
    assert (await one.counsel.post(f"{path}/sign", electronic)).status_code == 200


async def test_who_approved_a_text_does_not_set_it_in_motion_by_word_of_mouth(cast: Cast) -> None:
    one = cast.assisting
    found = await out_for_signature(one, cast.requesting)
    path, word = f"{PATH}/{found['id']}/activate-verbally", spoken()
    refused = assert_problem(await one.counsel.post(path, word), 403, "separation_of_duties")
    assert refused["separation"] == "approve_sign"
    assert await offered(one.counsel, found, "activate_verbally") == (False, refused["detail"])
    assert await offered(one.legal, found, "activate_verbally") == (True, None)
    assert (await one.legal.done("POST", path, word))["stage"] == "partly_executed"


async def test_a_reviewer_who_approved_gives_no_word_nor_confirms_that_it_was_given(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await submitted(one, two, submission={"reviewers": [reviewer(two)]})
    path = f"{PATH}/{found['id']}"
    (asked,) = await reviews_of(one, found)
    await two.counsel.done("POST", f"{path}/reviews/{asked['id']}/approve")
    active = await one.legal.done("POST", f"{path}/activate-verbally", spoken())
    word = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
    refused = assert_problem(await two.counsel.post(f"{path}/agree-verbally", word), 403, "separation_of_duties")
    assert await offered(two.counsel, found, "agree_verbally") == (False, refused["detail"])
    about = {"agency_id": str(two.id), "kind": "agreed_verbally", "acted_on": str(today()), **REASON, **word}
    seen = await one.legal.done("POST", f"{path}/report-act", {**about, "evidence_sha256": "0" * 64})
    confirm = f"{path}/reported-acts/{seen['reported_acts'][0]['id']}/confirm"
    assert_problem(await two.counsel.post(confirm), 403, "separation_of_duties")
    assert (await two.signatory.done("POST", confirm))["parties"][1]["bound"] is True


async def test_a_word_that_relaxing_made_possible_says_so(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    await relax(one, "approve_sign")
    await relax(two, "approve_sign")
    found = await submitted(one, two, submission={"reviewers": [reviewer(one), reviewer(two)]})
    path = f"{PATH}/{found['id']}"
    own, theirs = await reviews_of(one, found)
    await one.counsel.done("POST", f"{path}/reviews/{own['id']}/approve")
    await two.counsel.done("POST", f"{path}/reviews/{theirs['id']}/approve")
    active = await one.counsel.done("POST", f"{path}/activate-verbally", spoken())
    word = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
    await two.counsel.done("POST", f"{path}/agree-verbally", word)
    for event in ("agreement.activated_verbally", "agreement.agreed_verbally"):
        (said,) = await history(two.legal, found, event)
        assert said["separation_relaxed"] == ["approve_sign"]


async def set_in_motion(speaker: Caller, found: dict[str, Any]) -> dict[str, Any]:
    """The text, with its hash, once that person of the custodian has given its agency's word."""
    active: dict[str, Any] = await speaker.done("POST", f"{PATH}/{found['id']}/activate-verbally", spoken())
    return active


async def test_who_wrote_what_was_set_in_motion_unapproved_does_not_sign_it(cast: Cast) -> None:
    one = cast.assisting
    found = await draft(one, cast.requesting)
    active = await set_in_motion(one.legal, found)
    path = f"{PATH}/{found['id']}"
    on_paper = {"manner": "wet", "signed_on": str(today()), "evidence_location": "The clerk's office (demo)"}
    for manner in ({}, on_paper):
        refused = assert_problem(
            await one.legal.post(f"{path}/sign", hand(active, **manner)), 403, "separation_of_duties"
        )
    confirmation = {name: hand(active)[name] for name in ("version_sha256", "signatory_title")}
    confirmation |= {"signed_on": str(today()), "evidence_location": "The clerk's office (demo)"}
    assert_problem(await one.legal.post(f"{path}/confirm", confirmation), 403, "separation_of_duties")
    assert refused["separation"] == "draft_approve"
    assert refused["earlier_act"] == {"act": "draft", "roles": ["legal"], "done_at": found["created_at"]}
    assert "nobody else of your agency has approved it" in refused["detail"]
    assert "enter its signature on paper" in refused["detail"]
    for action in ("sign", "confirm"):
        assert await offered(one.legal, found, action) == (False, refused["detail"])
        assert await offered(one.counsel, found, action) == (True, None)
    signed = await one.counsel.done("POST", f"{path}/sign", hand(active, **on_paper))
    assert signed["parties"][0]["signature"]["separation_relaxed"] is False


async def test_who_wrote_what_was_set_in_motion_in_review_does_not_sign_it_either(cast: Cast) -> None:
    one = cast.assisting
    found = await submitted(one, cast.requesting, submission={"reviewers": [reviewer(one), reviewer(cast.requesting)]})
    path = f"{PATH}/{found['id']}"
    _, theirs = await reviews_of(one, found)
    await cast.requesting.counsel.done("POST", f"{path}/reviews/{theirs['id']}/approve")
    active = await set_in_motion(one.legal, found)
    assert_problem(await one.legal.post(f"{path}/sign", hand(active)), 403, "separation_of_duties")
    assert (await one.signatory.post(f"{path}/sign", hand(active))).status_code == 200


async def test_another_persons_approval_or_word_lets_the_drafter_sign(cast: Cast) -> None:
    one = cast.assisting
    reviewed = await submitted(one, cast.requesting, submission={"reviewers": [reviewer(one)]})
    (asked,) = await reviews_of(one, reviewed)
    await one.counsel.done("POST", f"{PATH}/{reviewed['id']}/reviews/{asked['id']}/approve")
    approved = await submitted(one, cast.requesting)
    await one.counsel.done("POST", f"{PATH}/{approved['id']}/approve")
    unapproved = await draft(one, cast.requesting)
    for found, speaker in ((reviewed, one.legal), (approved, one.legal), (unapproved, one.counsel)):
        active = await set_in_motion(speaker, found)
        assert await offered(one.legal, found, "sign") == (True, None)
        signed = await one.legal.done("POST", f"{PATH}/{found['id']}/sign", hand(active))
        assert signed["parties"][0]["signature"]["separation_relaxed"] is False


async def test_an_approval_of_an_earlier_version_does_not_let_the_drafter_sign_alone(cast: Cast) -> None:
    one = cast.assisting
    found = await submitted(one, cast.requesting)
    path = f"{PATH}/{found['id']}"
    await one.counsel.done("POST", f"{path}/approve")
    await one.legal.done("POST", f"{path}/send-back", REASON)
    active = await set_in_motion(one.legal, found)
    assert_problem(await one.legal.post(f"{path}/sign", hand(active)), 403, "separation_of_duties")


async def test_what_a_service_wrote_and_one_person_set_in_motion_takes_another_hand(cast: Cast) -> None:
    """A service decides nothing, so whoever gave the word alone would be the only person who ever saw the text."""
    one, two = cast.assisting, cast.requesting
    by_service = await one.machine.done("POST", PATH, agreement_body(one, two))
    path = f"{PATH}/{by_service['id']}"
    active = await set_in_motion(one.legal, by_service)
    refused = assert_problem(await one.legal.post(f"{path}/sign", hand(active)), 403, "separation_of_duties")
    assert refused["earlier_act"]["act"] == "sign"
    assert "a service wrote" in refused["detail"]
    assert await offered(one.legal, by_service, "sign") == (False, refused["detail"])
    assert (await one.counsel.post(f"{path}/sign", hand(active))).status_code == 200

    edited = await one.machine.done("POST", PATH, agreement_body(one, two))
    await one.counsel.done("PATCH", f"{PATH}/{edited['id']}", {"title": "Better (demo)"}, if_match='"1-00000000"')
    active = await set_in_motion(one.legal, edited)
    assert (await one.legal.post(f"{PATH}/{edited['id']}/sign", hand(active))).status_code == 200


async def test_the_other_parties_sign_what_they_did_not_write_as_ever(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await draft(one, two)
    active = await set_in_motion(one.legal, found)
    word = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
    await two.legal.done("POST", f"{PATH}/{found['id']}/agree-verbally", word)
    assert await offered(two.legal, found, "sign") == (True, None)
    assert (await two.legal.post(f"{PATH}/{found['id']}/sign", hand(active))).status_code == 200


async def test_who_wrote_it_does_not_confirm_that_it_was_signed_unapproved(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await draft(one, two)
    active = await set_in_motion(one.legal, found)
    path = f"{PATH}/{found['id']}"
    word = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
    await two.legal.done("POST", f"{path}/agree-verbally", word)
    about = {"agency_id": str(one.id), "kind": "signed", "acted_on": str(today()), **REASON, **word}
    seen = await two.legal.done("POST", f"{path}/report-act", {**about, "evidence_sha256": EVIDENCE})
    confirm = f"{path}/reported-acts/{seen['reported_acts'][0]['id']}/confirm"
    refused = assert_problem(await one.legal.post(confirm), 403, "separation_of_duties")
    (report,) = (await one.legal.done("GET", path))["reported_acts"]
    (offer,) = [each for each in report["allowed_actions"] if each["action"] == "confirm"]
    assert (offer["allowed"], offer["reason"]) == (False, refused["detail"])
    confirmed = await one.counsel.done("POST", confirm)
    assert confirmed["parties"][0]["signature"]["manner"] == "confirmed"


async def test_one_person_alone_ratifies_where_the_agency_had_relaxed_both_pairs(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    before = await draft(one, two)
    await relax(one, "draft_approve")
    half = await draft(one, two)
    await relax(one, "approve_sign")
    found = await draft(one, two)
    for each, separation in ((before, "draft_approve"), (half, "approve_sign")):
        active = await set_in_motion(one.legal, each)
        refused = await one.legal.post(f"{PATH}/{each['id']}/sign", hand(active))
        assert assert_problem(refused, 403, "separation_of_duties")["separation"] == separation
    active = await set_in_motion(one.legal, found)
    signed = await one.legal.done("POST", f"{PATH}/{found['id']}/sign", hand(active))
    assert signed["parties"][0]["signature"]["separation_relaxed"] is True
    (said,) = await history(two.legal, found, "agreement.signed")
    assert said["separation_relaxed"] == ["approve_sign", "draft_approve"]


async def test_a_repeated_ratification_is_answered_again_though_it_would_be_refused_now(cast: Cast) -> None:
    one = cast.assisting
    await relax(one, "draft_approve", "approve_sign")
    found = await draft(one, cast.requesting)
    active = await set_in_motion(one.legal, found)
    path, body = f"{PATH}/{found['id']}/sign", hand(active)
    first = await one.legal.post(path, body, key=f"sign-{found['id']}")
    for separation in ("draft_approve", "approve_sign"):
        await one.admin.done("POST", f"/v1/agencies/{one.id}/restore-separation", {**REASON, "separation": separation})
    again = await one.legal.post(path, body, key=f"sign-{found['id']}")
    assert (again.status_code, again.content) == (200, first.content)


async def test_a_person_is_an_issuers_subject_for_an_agency(cast: Cast) -> None:
    """The same name in another agency is somebody else, as far as separating that agency's duties goes."""
    one, two = cast.assisting, cast.requesting
    found = await submitted(one, two)
    await one.as_(Role.LEGAL, subject="county-attorney").done("POST", f"{PATH}/{found['id']}/approve")
    sent = await one.legal.done("POST", f"{PATH}/{found['id']}/send-for-signature")
    same = two.as_(Role.LEGAL, subject="county-attorney")
    assert (await same.post(f"{PATH}/{found['id']}/sign", hand(sent))).status_code == 200


async def test_what_an_agency_relaxed_is_possible_for_it_alone_and_said_of_the_act(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    await relax(one, "draft_approve")
    found = await submitted(one, two)
    path = f"{PATH}/{found['id']}"
    assert await offered(one.legal, found, "approve") == (True, None)
    await one.legal.done("POST", f"{path}/approve")
    (said,) = await history(two.legal, found, "agreement.approved")
    assert said["separation_relaxed"] == ["draft_approve"]
    sent = await one.legal.done("POST", f"{path}/send-for-signature")
    assert_problem(await one.legal.post(f"{path}/sign", hand(sent)), 403, "separation_of_duties")
    await relax(one, "approve_sign")
    assert_problem(await one.legal.post(f"{path}/sign", hand(sent)), 403, "separation_of_duties")


async def test_what_relaxing_made_possible_is_said_on_the_signature(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    await relax(one, "approve_sign")
    found = await submitted(one, two)
    path = f"{PATH}/{found['id']}"
    await one.counsel.done("POST", f"{path}/approve")
    sent = await one.legal.done("POST", f"{path}/send-for-signature")
    signed = await one.counsel.done("POST", f"{path}/sign", hand(sent))
    assert signed["parties"][0]["signature"]["separation_relaxed"] is True
    (said,) = await history(two.legal, found, "agreement.signed")
    assert said["separation_relaxed"] == ["approve_sign"]
    version = await two.legal.done("GET", f"{path}/versions/1")
    assert [each["separation_relaxed"] for each in version["signatures"]] == [True]


async def test_another_agencys_relaxation_is_not_mine(cast: Cast) -> None:
    await relax(cast.requesting, "draft_approve", "approve_sign")
    found = await submitted(cast.assisting, cast.requesting)
    refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/approve")
    assert_problem(refused, 403, "separation_of_duties")


async def test_restored_it_counts_for_what_was_done_before(cast: Cast) -> None:
    one = cast.assisting
    await relax(one, "draft_approve")
    found = await submitted(one, cast.requesting)
    await one.admin.done("POST", f"/v1/agencies/{one.id}/restore-separation", {**REASON, "separation": "draft_approve"})
    assert_problem(await one.legal.post(f"{PATH}/{found['id']}/approve"), 403, "separation_of_duties")


async def test_a_repeated_approval_is_answered_again_whatever_its_person_did_since(cast: Cast) -> None:
    one = cast.assisting
    found = await submitted(one, cast.requesting)
    path = f"{PATH}/{found['id']}"
    first = await one.counsel.post(f"{path}/approve", {"version_no": 1}, key=f"approve-{found['id']}")
    back = await one.legal.post(f"{path}/send-back", REASON)
    await one.counsel.patch(path, {"title": "Better (demo)"}, if_match=back.headers["etag"])
    again = await one.counsel.post(f"{path}/approve", {"version_no": 1}, key=f"approve-{found['id']}")
    assert (again.status_code, again.content) == (200, first.content)
