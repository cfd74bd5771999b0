"""What waits for whom: each kind on its side, with an action that works, in pages, in counted round trips."""

from datetime import timedelta
from typing import Any

import pytest

from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE
from registry.platform.access.principals import Role
from registry.platform.kernel.time import Window, utc_now
from tests.support.agreements import agreement_body, confirm_agreement, record_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast, today
from tests.support.loans import Partners, body_for, make_loan, make_overdue_loan, make_partners, step
from tests.support.problems import assert_problem
from tests.support.requests import act, sourced, submitted
from tests.support.review import sent_out


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)


async def _inbox(agency: Agency, whose: str = "me", role: Role = Role.COORDINATOR) -> list[dict[str, Any]]:
    page = await agency.as_(role).done("GET", "/v1/inbox", params={"waiting_on": whose, "limit": 200})
    return list(page["items"])


def _kinds(entries: list[dict[str, Any]], loan: dict[str, Any]) -> set[str]:
    return {each["kind"] for each in entries if each["subject"]["id"] == loan["id"]}


@pytest.mark.parametrize(
    ("status", "side", "kind"),
    [
        ("reserved", "assisting", "handover"),
        ("dispatched", "requesting", "receipt"),
        ("on_scene", "requesting", "return"),
        ("returning", "assisting", "take_back"),
        ("returned", "assisting", "closing"),
    ],
)
async def test_each_half_waits_for_its_side_with_an_action_that_works(
    partners: Partners, status: str, side: str, kind: str
) -> None:
    loan = await make_loan(partners, status)
    other = "requesting" if side == "assisting" else "assisting"
    assert kind in _kinds(await _inbox(partners.side(side)), loan)
    assert kind not in _kinds(await _inbox(partners.side(other)), loan)
    assert kind in _kinds(await _inbox(partners.side(other), "partners"), loan)
    (entry,) = [each for each in await _inbox(partners.side(side)) if each["kind"] == kind]
    assert entry["subject"]["name"] == loan["asset"]["name"]
    assert entry["partner"]["id"] == str(partners.side(other).id)
    path = entry["action"]["path"]
    done = await partners.side(side).coordinator.post(path, body_for(path.rpartition("/")[2]))
    assert done.status_code == 200, done.text
    assert kind not in _kinds(await _inbox(partners.side(side)), loan)


async def test_what_waits_for_an_agency_is_the_same_to_each_of_its_members(cast: Cast) -> None:
    """Also to who approved what is to be reserved, and so does not reserve it."""
    partners = await make_partners(cast, approval_required=True)
    found = await submitted(partners.requesting, await make_asset(partners.assisting))
    await act(partners.assisting.approver, found, "approve")
    roles = (Role.APPROVER, Role.COORDINATOR, Role.LEGAL, Role.AUDITOR, Role.AGENCY_ADMIN)
    seen = {role: await _inbox(partners.assisting, "agency", role) for role in roles}
    for role, entries in seen.items():
        mine = [(each["kind"], each["id"]) for each in entries]
        assert mine == [(each["kind"], each["id"]) for each in seen[Role.LEGAL]], role
    assert "answer" in {each["kind"] for each in seen[Role.APPROVER] if each["subject"]["id"] == found["id"]}
    assert "answer" not in {each["kind"] for each in await _inbox(partners.assisting, "me", Role.APPROVER)}


async def test_a_no_show_waits_for_the_other_agency_and_a_contested_time_for_who_said_it(partners: Partners) -> None:
    missed, loan = await make_loan(partners, "no_show"), await make_loan(partners, "on_scene")
    earlier = {"act": "receive", "occurred_at": loan["dispatched_at"], "reason": "So says the gate log (demo)."}
    await step(partners.assisting, loan, "contest-time", earlier)
    for kind, of, body in (("no_show", missed, {"reason": "We were there (demo)."}), ("contested_time", loan, None)):
        assert kind not in _kinds(await _inbox(partners.assisting), of)
        assert kind in _kinds(await _inbox(partners.assisting, "partners"), of)
        assert kind not in _kinds(await _inbox(partners.requesting, role=Role.LEGAL), of)
        assert kind in _kinds(await _inbox(partners.requesting, "agency", role=Role.LEGAL), of)
        (entry,) = [each for each in await _inbox(partners.requesting) if each["kind"] == kind]
        assert (entry["partner"]["id"], entry["late"]) == (str(partners.assisting.id), False)
        assert entry["due_at"] == (of["no_show"]["contest_by"] if kind == "no_show" else None)
        pages = await partners.requesting.coordinator.done("GET", "/v1/inbox", params={"limit": 1})
        seen = [each["id"] for each in pages["items"]]
        while pages["next_cursor"] is not None:
            asked = {"limit": 1, "cursor": pages["next_cursor"]}
            pages = await partners.requesting.coordinator.done("GET", "/v1/inbox", params=asked)
            seen += [each["id"] for each in pages["items"]]
        assert seen.count(entry["id"]) == 1
        done = await partners.requesting.coordinator.post(entry["action"]["path"], body or {"act": "receive"})
        assert done.status_code == 200, done.text
        assert kind not in _kinds(await _inbox(partners.requesting), of)


@pytest.mark.parametrize("status", ["closed", "cancelled", "lost"])
async def test_nothing_waits_on_a_loan_that_is_over(partners: Partners, status: str) -> None:
    loan = await make_loan(partners, status)
    for side, whose in (("assisting", "me"), ("requesting", "me"), ("assisting", "partners")):
        assert not _kinds(await _inbox(partners.side(side), whose), loan)


async def test_a_recall_takes_the_place_of_the_return_and_an_extension_waits_for_its_answer(
    partners: Partners,
) -> None:
    loan = await make_loan(partners, "on_scene")
    await step(partners.requesting, loan, "request-extension")
    assert "extension" in _kinds(await _inbox(partners.assisting), loan)
    recalled = await step(partners.assisting, loan, "recall")
    mine = await _inbox(partners.requesting)
    assert _kinds(mine, loan) == {"recall"}
    (entry,) = [each for each in mine if each["kind"] == "recall"]
    assert (entry["due_at"], entry["late"]) == (recalled["recall"]["due_at"], False)
    (held,) = [each for each in await _inbox(partners.assisting) if each["kind"] == "extension"]
    assert held["action"] is None, "a recalled loan is not extended: what is offered works"


async def test_what_is_away_and_late_stands_first_and_is_counted(partners: Partners) -> None:
    await make_loan(partners, "on_scene")
    late = await make_overdue_loan(partners, await make_asset(partners.assisting))
    await step(partners.requesting, late, "receive")
    entries = await _inbox(partners.requesting)
    assert (entries[0]["kind"], entries[0]["subject"]["id"], entries[0]["late"]) == ("return", late["id"], True)
    counts = await partners.requesting.coordinator.done("GET", "/v1/inbox/counts")
    assert (counts["total"], counts["late"], counts["more"]) == (
        len(entries),
        sum(each["late"] for each in entries),
        False,
    )


async def test_what_begins_later_than_in_a_week_does_not_wait_yet(partners: Partners) -> None:
    start = utc_now() + timedelta(days=8)
    loan = await make_loan(partners, window=Window(start=start, end=start + timedelta(hours=4)))
    assert not _kinds(await _inbox(partners.assisting), loan)


async def test_a_request_waits_for_the_answer_and_an_obligation_for_who_owes_it(partners: Partners) -> None:
    asked = await submitted(partners.requesting, await make_asset(partners.assisting))
    (entry,) = [each for each in await _inbox(partners.assisting) if each["kind"] == "answer"]
    assert (entry["subject"]["id"], entry["subject"]["path"]) == (asked["id"], f"/v1/requests/{asked['id']}")
    assert "answer" in {each["kind"] for each in await _inbox(partners.requesting, "partners")}
    loan = await make_loan(partners, as_it_began=True)
    (owed,) = [each for each in loan["obligations"] if each["code"] == "settle_command"]
    (waits,) = [each for each in await _inbox(partners.requesting) if each["subject"]["id"] == owed["id"]]
    assert (waits["action"]["operation"], waits["late"]) == ("fulfil_obligation", True)


async def test_an_obligation_waits_from_a_week_before_and_never_beside_the_step_that_meets_it(cast: Cast) -> None:
    terms: dict[str, Any] = {"recall_notice_hours": 4, "reimbursement": {"model": "full"}, "claim_window_days": 30}
    partners = await make_partners(cast, **terms)
    loan = await make_loan(partners, "on_scene")
    await step(partners.assisting, loan, "recall")
    owed = {each["id"]: each["code"] for each in loan["obligations"]}
    assert {"condition_report", "return_when_recalled", "claim_within_window"} < set(owed.values())

    async def codes(side: str, whose: str) -> list[str]:
        entries = await _inbox(partners.side(side), whose)
        return [owed[each["subject"]["id"]] for each in entries if each["kind"] == "obligation"]

    assert await codes("requesting", "agency") == ["settle_command"], "the recall is an entry of its own"
    assert await codes("assisting", "agency") == [], "a claim is due in a month"
    assert await codes("assisting", "partners") == ["settle_command"]
    read = await _inbox(partners.requesting, "agency", Role.AUDITOR)
    assert [each["action"] for each in read if each["kind"] == "obligation"] == [None]
    assert await _inbox(partners.requesting, "me", Role.AUDITOR) == []
    (command,) = [id_ for id_, code in owed.items() if code == "settle_command"]
    done = {"statement": "Settled in writing (demo)."}
    await partners.requesting.coordinator.done("POST", f"/v1/obligations/{command}/fulfil", done)
    assert await codes("requesting", "agency") == []


async def test_an_approval_waits_for_who_may_give_it_and_did_not_ask(cast: Cast) -> None:
    partners = await make_partners(cast, approval_required=True)
    await submitted(partners.requesting, await make_asset(partners.assisting))
    (entry,) = [each for each in await _inbox(partners.assisting, role=Role.APPROVER) if each["kind"] == "approval"]
    assert entry["action"]["operation"] == "approve_request"
    done = await partners.assisting.approver.post(entry["action"]["path"], {"reason": "Free that day (demo)."})
    assert done.status_code == 200, done.text
    kinds = {each["kind"] for each in await _inbox(partners.assisting, role=Role.APPROVER)}
    assert "approval" not in kinds
    assert "approval" not in {each["kind"] for each in await _inbox(partners.assisting)}


async def test_an_offer_waits_for_who_is_asked_and_then_for_who_asked(partners: Partners) -> None:
    asked = await sourced(partners.requesting, [partners.assisting])
    line_id = asked["lines"][1]["id"]

    async def waiting(agency: Agency, whose: str = "me") -> dict[str, dict[str, Any]]:
        return {each["kind"]: each for each in await _inbox(agency, whose) if each["id"] == line_id}

    entry = (await waiting(partners.assisting))["offer"]
    assert (entry["due_at"], entry["action"]["operation"]) == (
        asked["lines"][1]["answer_due_at"],
        "offer_for_request_line",
    )
    assert set(await waiting(partners.requesting, "partners")) == {"offer"}
    assert await waiting(partners.requesting) == {}
    asset = await make_asset(partners.assisting)
    offer = {"asset_id": asset["id"], "condition": "Back by midnight (demo)."}
    await partners.assisting.coordinator.done("POST", entry["action"]["path"], offer)
    assert await waiting(partners.assisting) == {}
    assert set(await waiting(partners.assisting, "partners")) == {"offer_answer"}
    entry = (await waiting(partners.requesting))["offer_answer"]
    assert entry["partner"]["id"] == str(partners.assisting.id)
    read = await partners.requesting.coordinator.done("GET", entry["subject"]["path"])
    accepted = {"offer_version": next(each["offer_version"] for each in read["lines"] if each["id"] == line_id)}
    await partners.requesting.coordinator.done("POST", entry["action"]["path"], accepted)
    assert await waiting(partners.requesting) == {}
    entry = (await waiting(partners.assisting))["answer"]
    seen = await partners.assisting.coordinator.done("GET", entry["subject"]["path"])
    body = {"decision_id": seen["lines"][0]["decision"]["id"]}
    await partners.assisting.coordinator.done("POST", entry["action"]["path"], body)
    assert await waiting(partners.assisting) == {}


async def test_what_nobody_acts_upon_is_shown_to_the_administrators_in_the_end(partners: Partners) -> None:
    both = [await make_overdue_loan(partners, await make_asset(partners.assisting), days=days) for days in (2, 4)]
    for loan in both:
        await step(partners.requesting, loan, "receive")
    late, overlooked = both

    def of(entries: list[dict[str, Any]], loan: dict[str, Any]) -> list[bool]:
        return [each["escalated"] for each in entries if each["subject"]["id"] == loan["id"]]

    coordinators = await _inbox(partners.requesting)
    assert (of(coordinators, late), of(coordinators, overlooked)) == ([False], [False])
    admins = await _inbox(partners.requesting, role=Role.AGENCY_ADMIN)
    assert (of(admins, late), of(admins, overlooked)) == ([], [True])
    assert of(await _inbox(partners.requesting, role=Role.APPROVER), overlooked) == [False], "once, as its own"
    assert of(await _inbox(partners.requesting, role=Role.AUDITOR), overlooked) == []
    assert of(await _inbox(partners.assisting, role=Role.AGENCY_ADMIN), overlooked) == [], "theirs to do"
    counts = await partners.requesting.as_(Role.AGENCY_ADMIN).done("GET", "/v1/inbox/counts")
    assert counts["total"] == len(admins)
    first = await partners.requesting.as_(Role.AGENCY_ADMIN).done("GET", "/v1/inbox", params={"limit": 1})
    rest = await partners.requesting.as_(Role.AGENCY_ADMIN).done(
        "GET", "/v1/inbox", params={"limit": 200, "cursor": first["next_cursor"]}
    )
    assert [each["id"] for each in (*first["items"], *rest["items"])] == [each["id"] for each in admins]


async def test_a_deadline_says_what_meets_it_to_who_may(cast: Cast) -> None:
    partners = await make_partners(cast, insurance_required=True)
    owner = partners.assisting
    (entry,) = [each for each in await _inbox(owner, role=Role.AGENCY_ADMIN) if each["kind"] == "deadline"]
    assert entry["action"]["operation"] == "create_agency_insurance"
    day = today()
    dates = {"effective_on": str(day - timedelta(days=9)), "expires_on": str(day + timedelta(days=400))}
    await owner.admin.done("POST", entry["action"]["path"], {**NEW_CERTIFICATE_EXAMPLE, **dates})
    assert "deadline" not in {each["kind"] for each in await _inbox(owner, role=Role.AGENCY_ADMIN)}
    (theirs,) = [each for each in await _inbox(owner, "partners") if each["kind"] == "deadline"]
    (legal,) = [each for each in await _inbox(partners.requesting, role=Role.LEGAL) if each["kind"] == "deadline"]
    assert (theirs["action"], legal["action"]) == (None, None), "not theirs to file"


async def test_an_agreement_that_another_recorded_waits_to_be_confirmed(cast: Cast) -> None:
    """A recorded paper binds who recorded it; the other party has to be told that its word is missing."""
    first, other = cast.assisting, cast.requesting
    recorded = await record_agreement(first, other)

    async def waits(agency: Agency, role: Role = Role.LEGAL) -> list[dict[str, Any]]:
        page = await _inbox(agency, role=role)
        return [each for each in page if each["kind"] == "agreement" and each["subject"]["id"] == recorded["id"]]

    (entry,) = await waits(other)
    assert "confirm that your agency signed it" in entry["task"], entry
    assert entry["action"] == {
        "operation": "confirm_agreement",
        "path": f"/v1/agreements/{recorded['id']}/confirm",
        "decision_id": None,
    }
    seen = await other.legal.done("GET", f"/v1/agreements/{recorded['id']}")
    assert next(each for each in seen["allowed_actions"] if each["action"] == "confirm")["allowed"]
    assert await waits(first) == []
    assert await waits(other, Role.COORDINATOR) == []
    await confirm_agreement(recorded, other)
    assert "confirm_agreement" not in {(each["action"] or {}).get("operation") for each in await waits(other)}


async def test_who_declined_to_join_is_not_asked_to_confirm(cast: Cast) -> None:
    recorded = await record_agreement(cast.assisting, cast.requesting)
    path = f"/v1/agreements/{recorded['id']}"
    etag = (await cast.requesting.legal.get(path)).headers["etag"]
    said = {"version_sha256": recorded["version_sha256"], "reason": "We never agreed to that (demo)."}
    done = await cast.requesting.legal.post(f"{path}/decline-to-join", said, if_match=etag)
    assert done.status_code == 200, done.text
    left = [each for each in await _inbox(cast.requesting, role=Role.LEGAL) if each["subject"]["id"] == recorded["id"]]
    assert [each["task"] for each in left if "confirm that" in each["task"]] == []


async def test_an_agreement_sent_for_signature_waits_for_the_legal_desk(cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting)
    made = await cast.assisting.legal.done("POST", "/v1/agreements", body)
    await sent_out(cast.assisting, made["id"])
    (entry,) = [each for each in await _inbox(cast.requesting, role=Role.LEGAL) if each["kind"] == "agreement"]
    assert (entry["subject"]["id"], entry["task"]) == (
        made["id"],
        "Sign the text that is out for signature, or decline it.",
    )
    assert entry["action"] == {
        "operation": "sign_agreement",
        "path": f"/v1/agreements/{made['id']}/sign",
        "decision_id": None,
    }
    assert [each["action"] for each in await _inbox(cast.requesting, "agency", Role.LEGAL)] == [None]
    assert "agreement" not in {each["kind"] for each in await _inbox(cast.requesting)}


async def test_everybody_reads_an_own_inbox_and_nobody_another_agencys(partners: Partners) -> None:
    await make_loan(partners)
    assert_problem(await partners.assisting.service.anonymous.get("/v1/inbox"), 401)
    assert_problem(await partners.assisting.coordinator.get("/v1/inbox", params={"waiting_on": "others"}), 400)
    for whose in ("me", "agency", "partners"):
        assert await _inbox(partners.stranger, whose) == []
    everything = await _inbox(partners.assisting, "agency", Role.AUDITOR)
    assert everything
    assert await _inbox(partners.assisting, "me", Role.AUDITOR) == [], "an auditor acts on nothing"
    assert not any(each["action"] for each in everything)


async def test_pages_are_of_one_instant_and_join(partners: Partners) -> None:
    for status in ("reserved", "returning", "returned"):
        await make_loan(partners, status)
    whole = [each["id"] for each in await _inbox(partners.assisting)]
    read, cursor, instants = [], None, set()
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await partners.assisting.coordinator.done("GET", "/v1/inbox", params=query)
        read += [each["id"] for each in page["items"]]
        instants.add(page["as_of"])
        if (cursor := page["next_cursor"]) is None:
            break
    assert (read, len(instants)) == (whole, 1)
    refused = await partners.assisting.coordinator.get("/v1/inbox", params={"cursor": "abcdef123456zz"})
    assert_problem(refused, 422, "bad_cursor")
