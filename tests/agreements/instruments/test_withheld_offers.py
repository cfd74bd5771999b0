"""What a command would refuse for where things stand, whatever is said with it, is withheld with the very reason."""

from datetime import date
from typing import Any

import pytest

from registry.agreements.instruments.rules import ALREADY_SIGNED
from tests.agreements.instruments.reporting import DAY, PATH, letter, report, second_operator
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.agreements.instruments.test_signing_authority import registered, revoke
from tests.support.agreements import confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Cast, today
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.review import draft
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_later


async def offered(who: Caller, found: dict[str, Any], action: str) -> tuple[bool, str | None]:
    """What is said of an action on the agreement."""
    seen = await who.done("GET", f"{PATH}/{found['id']}")
    (each,) = (each for each in seen["allowed_actions"] if each["action"] == action)
    return each["allowed"], each["reason"]


async def offered_on_report(who: Caller, found: dict[str, Any], action: str) -> tuple[bool, str | None]:
    """What is said of an action on what was reported last."""
    said = (await who.done("GET", f"{PATH}/{found['id']}"))["reported_acts"][-1]
    (each,) = (each for each in said["allowed_actions"] if each["action"] == action)
    return each["allowed"], each["reason"]


async def test_an_operators_report_is_seconded_once_its_document_is_on_file(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    second, path = second_operator(service), f"{PATH}/{found['id']}"
    said = letter(cast.requesting, today())
    reported = await service.operator.done("POST", f"{path}/report-act", said)
    its = f"{path}/reported-acts/{reported['reported_acts'][-1]['id']}/second"
    refused = assert_problem(await second.post(its), 422, "evidence_not_on_file")
    assert await offered_on_report(second, found, "second") == (False, refused["detail"])

    back = f"{path}/reported-acts/{reported['reported_acts'][-1]['id']}/take-back"
    await service.operator.done("POST", back, {"reason": "to be filed first"})
    filed = await file_document(service.operator, found["id"], "What came by post (demo).")
    again = {**said, "evidence_sha256": filed["sha256"]}
    reported = await service.operator.done("POST", f"{path}/report-act", again)
    assert await offered_on_report(second, found, "second") == (True, None)
    await second.done("POST", f"{path}/reported-acts/{reported['reported_acts'][-1]['id']}/second")


async def test_an_office_that_may_sign_no_more_has_nobody_confirm_its_signature(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting)
    authority = await registered(cast.requesting, "Chief")
    about = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
    _, its = await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **about))
    assert await offered_on_report(cast.requesting.legal, found, "confirm") == (True, None)
    await revoke(cast.requesting, authority, revoked_on="2025-01-15")
    refused = assert_problem(await cast.requesting.legal.post(f"{its}/confirm"), 422)
    assert await offered_on_report(cast.requesting.legal, found, "confirm") == (False, refused["detail"])
    assert await offered_on_report(cast.requesting.legal, found, "contest") == (True, None)


async def test_who_has_left_is_offered_to_say_only_what_it_had_signed_before(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    withdrew = letter(cast.requesting, today() - 30 * DAY, kind="withdrew")
    seen, its = await report(cast.assisting, found, withdrew)
    told = next(each for each in seen["reported_acts"] if each["kind"] == "was_asked")
    await cast.neighbour.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{told['id']}/confirm")
    await cast.requesting.legal.done("POST", f"{its}/confirm")
    out = await amended_on_paper(found, cast.assisting, effective_on=today() - 45 * DAY)
    digest = out["amendment"]["version_sha256"]
    hand = {"version_sha256": digest, "signatory_title": "Sheriff", "manner": "electronic"}
    assert_problem(await cast.requesting.legal.post(f"{PATH}/{found['id']}/sign", hand), 409, "wrong_status")
    left = "Your agency has left this agreement, and signs it no more."
    assert await offered(cast.requesting.legal, found, "sign") == (False, left)
    for party, action in ((cast.requesting, "confirm"), (cast.neighbour, "sign"), (cast.neighbour, "confirm")):
        assert await offered(party.legal, found, action) == (True, None)
    paper = {"version_sha256": digest, "signatory_title": "Sheriff", "evidence_location": "The vault (demo)"}
    for signed_on, status in ((today(), 409), (today() - 60 * DAY, 200)):
        hand = {**paper, "signed_on": str(signed_on)}
        answer = await cast.requesting.legal.post(f"{PATH}/{found['id']}/confirm", hand)
        assert answer.status_code == status, "of a day before it left"
    assert await offered(cast.requesting.legal, found, "confirm") == (False, ALREADY_SIGNED)


async def test_nobody_takes_over_a_number_that_it_uses_already(service: Service, cast: Cast) -> None:
    theirs = await record_agreement(cast.requesting, cast.assisting)
    found = await sign_agreement(service, cast.assisting, cast.requesting, number=theirs["number"])
    offer = {"agency_id": str(cast.requesting.id), "reason": "merger"}
    await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/offer-custody", offer)
    accepting = await cast.requesting.legal.post(f"{PATH}/{found['id']}/accept-custody", {"reason": "agreed"})
    refused = assert_problem(accepting, 409, "number_taken")
    assert await offered(cast.requesting.legal, found, "accept_custody") == (False, refused["detail"])
    assert (await offered(cast.requesting.legal, found, "decline_custody"))[0]


async def test_a_draft_without_provisions_is_not_submitted(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting, provisions=[])
    refused = assert_problem(await cast.assisting.legal.post(f"{PATH}/{made['id']}/submit"), 422, "no_provisions")
    assert await offered(cast.assisting.legal, made, "submit") == (False, refused["detail"])
    written = await draft(cast.assisting, cast.requesting)
    assert await offered(cast.assisting.legal, written, "submit") == (True, None)


async def test_whether_a_party_may_suspend_is_said_by_the_text_that_binds_it(service: Service, cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour)
    await confirm_agreement(found, cast.requesting)
    both = (cast.assisting, cast.requesting)
    never = {"categories": ["any"], "suspension": "not_allowed"}
    amended = await amended_on_paper(found, *both, effective_on=today() - DAY, terms=never)
    assert amended["terms"]["suspension"] == "not_allowed"
    await confirm_agreement(found, cast.neighbour)
    path = f"{PATH}/{found['id']}/suspend"
    refused = assert_problem(await cast.requesting.legal.post(path, {"reason": "an inquiry"}), 409, "wrong_status")
    assert await offered(cast.requesting.legal, found, "suspend") == (False, refused["detail"])
    assert await offered(cast.neighbour.legal, found, "suspend") == (True, None), "it signed the original alone"
    await cast.neighbour.legal.done("POST", path, {"reason": "an inquiry"})


async def test_who_asks_for_notice_and_does_not_say_how_long_lets_nobody_suspend(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, terms={"suspension": "by_notice"})
    refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/suspend", {"reason": "an inquiry"})
    problem = assert_problem(refused, 422, "notice_silent")
    assert await offered(cast.requesting.legal, found, "suspend") == (False, problem["detail"])


async def test_an_executed_text_that_is_not_shown_may_still_be_confirmed(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting)
    amended = await amended_on_paper(found, cast.assisting, cast.requesting, effective_on=today() - DAY)
    assert amended["version_no"] == 2, "of which it has signed this one alone"
    assert await offered(cast.requesting.legal, found, "confirm") == (True, None)
    await confirm_agreement(found, cast.requesting)
    assert await offered(cast.requesting.legal, found, "confirm") == (False, ALREADY_SIGNED)


async def test_nothing_is_reported_of_what_nobody_is_bound_by(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    said = {"agency_id": str(cast.requesting.id), "kind": "gave_notice", "acted_on": str(today()), "reason": "a letter"}
    refused = await cast.assisting.legal.post(f"{PATH}/{made['id']}/report-act", {**said, "evidence_sha256": "ab" * 32})
    problem = assert_problem(refused, 409, "wrong_status")
    assert await offered(cast.assisting.legal, made, "report_act") == (False, problem["detail"])
