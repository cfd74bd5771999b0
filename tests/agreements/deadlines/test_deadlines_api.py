"""The list of deadlines: whose, in which order, by which filters, and complete over its pages."""

import base64
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from registry.platform.kernel.time import utc_now
from tests.support.agreements import agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, make_agency, today
from tests.support.consent import consent, end_agreement, propose_end
from tests.support.deadlines import by_kind, days_ahead, deadlines_of, settle, settle_party
from tests.support.problems import assert_problem
from tests.support.review import hand, out_for_signature
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/deadlines"


async def signed(cast: Cast, **fields: Any) -> dict[str, Any]:
    return await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, **fields)


async def test_an_agreements_deadlines_name_day_instant_basis_and_what_to_do(cast: Cast) -> None:
    provisions = [
        {"number": "7", "heading": "term", "text": "Through the year."},
        {"number": "8.1", "heading": "termination", "text": "Thirty days' notice."},
        {"number": "8.2", "heading": "termination", "text": "For cause at once."},
    ]
    found = await signed(
        cast, expires_on=days_ahead(200), provisions=provisions, auto_renew_months=12, auto_renew_times="no_limit"
    )
    items = await by_kind(cast.requesting, found)
    assert items.keys() == {"last_notice", "renewal"}
    notice = items["last_notice"]
    assert notice["due_on"] == str(days_ahead(170))
    assert notice["time_zone"] == "America/Chicago"
    assert datetime.fromisoformat(notice["due_at"]).date() == days_ahead(171), "the day ends there, after midnight UTC"
    assert (notice["agreement_number"], notice["agreement_title"]) == (found["number"], found["title"])
    assert notice["status"] == "upcoming"
    assert notice["basis"]["provision"] == "8.1"
    assert "30 days" in notice["basis"]["says"]
    once = await by_kind(cast.requesting, await signed(cast, expires_on=days_ahead(200), provisions=provisions))
    assert once.keys() == {"expiry"}, "a term that ends anyway asks for no notice"
    assert once["expiry"]["basis"]["provision"] == "7"
    assert once["expiry"]["action"].endswith(".")


async def test_of_a_paper_that_only_its_recorder_signed_no_last_day_is_overdue(cast: Cast) -> None:
    found = await record_agreement(
        cast.assisting, cast.requesting, effective_on="2025-01-01", expires_on=today() - timedelta(days=9)
    )
    its = await deadlines_of(cast.assisting, kind="expiry", agreement_id=found["id"])
    assert [each["status"] for each in its] == ["met"]
    await confirm_agreement(found, cast.requesting)
    its = await deadlines_of(cast.assisting, kind="expiry", agreement_id=found["id"])
    assert [each["status"] for each in its] == ["overdue"]


async def test_reading_deadlines_needs_a_token_a_role_and_a_scope(service: Service, cast: Cast) -> None:
    assert_problem(await service.anonymous.get(PATH), 401, "unauthenticated")
    assert_problem(await cast.assisting.as_().get(PATH), 403, "forbidden")
    assert_problem(await cast.assisting.as_(scope="loans:*").get(PATH), 403, "forbidden")


@pytest.mark.parametrize(
    "query", ["kind=lunch", "status=late", "due_from=2026-13-01", "party_id=x", "limit=0", "limit=201", "sort=kind"]
)
async def test_a_malformed_question_is_refused(cast: Cast, query: str) -> None:
    assert_problem(await cast.assisting.legal.get(f"{PATH}?{query}"), 400)


async def test_another_lists_cursor_is_refused(cast: Cast) -> None:
    cursor = base64.urlsafe_b64encode(b'["2026-01-01T00:00:00Z","expiry"]').rstrip(b"=").decode()
    assert_problem(await cast.assisting.legal.get(f"{PATH}?cursor={cursor}"), 422, "bad_cursor")


async def test_only_those_who_see_the_agreement_in_full_are_shown_its_deadlines(service: Service, cast: Cast) -> None:
    open_to_all = [{"number": "1", "heading": "purpose", "text": "Open.", "sensitivity": "public"}]
    found = await signed(cast, expires_on=days_ahead(50), provisions=open_to_all)
    assert len(await deadlines_of(cast.assisting)) == len(await deadlines_of(cast.requesting)) == 1
    for stranger in (cast.stranger.legal, cast.stranger.auditor, service.operator):
        page = await stranger.done("GET", f"{PATH}?agreement_id={found['id']}")
        assert page["items"] == []
        assert (await stranger.done("GET", PATH))["items"] == []


async def test_a_draft_has_none_and_one_in_review_neither(cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, expires_on=days_ahead(100))
    made = await cast.assisting.legal.done("POST", "/v1/agreements", body)
    await cast.assisting.legal.done("POST", f"/v1/agreements/{made['id']}/submit", {})
    assert await deadlines_of(cast.assisting) == []


async def test_renewal_review_and_ratification_follow_their_columns(service: Service, cast: Cast) -> None:
    cycle = {"auto_renew_months": 12, "auto_renew_times": "no_limit", "review_every_months": 36}
    found = await signed(cast, expires_on=date(2025, 12, 31), effective_on=date(2025, 1, 1), **cycle)
    by = utc_now() + timedelta(days=3)
    await settle(service, found, ratify_by=by)
    items = await by_kind(cast.assisting, found)
    assert items.keys() == {"last_notice", "renewal", "review", "ratification"}
    assert items["renewal"]["due_on"] >= str(today())  # on its last day it is due today
    assert items["renewal"]["due_on"].endswith("-12-31")
    assert items["review"]["due_on"] == "2028-01-01"
    assert items["ratification"]["status"] == "met", "everybody signed"
    assert datetime.fromisoformat(items["ratification"]["due_at"]) == by


async def test_a_party_that_agreed_by_word_of_mouth_has_yet_to_ratify(service: Service, cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting)
    await settle(service, found, ratify_by=utc_now() + timedelta(days=3))
    await settle_party(service, found, cast.requesting, joined_at=utc_now(), verbally_at=utc_now())
    assert (await by_kind(cast.assisting, found))["ratification"]["status"] == "due_soon"
    await confirm_agreement(found, cast.requesting)
    assert (await by_kind(cast.assisting, found))["ratification"]["status"] == "met"


async def test_notices_that_leave_one_party_alone_end_the_agreement(service: Service, cast: Cast) -> None:
    found = await sign_agreement(
        service,
        cast.assisting,
        cast.requesting,
        cast.neighbour,
        expires_on=days_ahead(400),
        auto_renew_months=12,
        auto_renew_times="no_limit",
    )
    path, notice = f"/v1/agreements/{found['id']}/give-notice", {"reason": "we leave"}
    notice["notice_on"] = str(today())
    await cast.requesting.legal.done("POST", path, notice)
    assert "renewal" in await by_kind(cast.assisting, found), "two are left"
    await cast.neighbour.legal.done("POST", path, notice)
    items = await by_kind(cast.requesting, found)
    assert items.keys() == {"expiry"}
    assert items["expiry"]["due_on"] == str(days_ahead(30)), "as the second leaves"
    rescinded = {"reason": "we stay"}
    await cast.neighbour.legal.done("POST", path.replace("give", "rescind"), rescinded)
    assert "renewal" in await by_kind(cast.assisting, found)


async def test_termination_ends_it_and_what_was_due_before_is_moot(cast: Cast) -> None:
    found = await signed(cast, expires_on=days_ahead(400))
    await end_agreement(found, cast.assisting, cast.requesting)
    items = await by_kind(cast.requesting, found)
    assert items.keys() == {"expiry"}
    assert items["expiry"]["status"] == "met"


async def make_many(agency: Agency, other: Agency, count: int) -> list[dict[str, Any]]:
    return [
        await record_agreement(
            agency,
            other,
            expires_on=days_ahead(40 + 37 * n % 23),
            auto_renew_months=12,
            auto_renew_times="no_limit",
            number=f"MANY-{n}-{other.id}",
        )
        for n in range(count)
    ]


async def test_pages_are_in_due_order_and_lose_and_repeat_nothing(cast: Cast) -> None:
    await make_many(cast.assisting, cast.requesting, 12)
    whole = await deadlines_of(cast.assisting, limit=200)
    assert len(whole) == 24
    assert [item["due_at"] for item in whole] == sorted(item["due_at"] for item in whole)
    for limit in (1, 5, 24):
        assert await deadlines_of(cast.assisting, limit=limit) == whole


async def test_a_page_links_to_the_next(cast: Cast) -> None:
    await make_many(cast.assisting, cast.requesting, 2)
    response = await cast.assisting.legal.get(f"{PATH}?limit=3&kind=renewal")
    assert "link" not in response.headers
    response = await cast.assisting.legal.get(f"{PATH}?limit=1&kind=renewal")
    assert response.json()["next_cursor"] in response.headers["link"]


async def test_filters_keep_what_they_name(service: Service, cast: Cast) -> None:
    near = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(10))
    far = await sign_agreement(
        service,
        cast.neighbour,
        cast.assisting,
        expires_on=days_ahead(300),
        auto_renew_months=12,
        auto_renew_times="no_limit",
    )

    async def shown(**filters: object) -> set[tuple[str, str]]:
        items = await deadlines_of(cast.assisting, **filters)
        return {(item["agreement_id"], item["kind"]) for item in items}

    everything = {(near["id"], "expiry"), (far["id"], "renewal"), (far["id"], "last_notice")}
    assert await shown() == everything
    assert await shown(agreement_id=near["id"]) == {(near["id"], "expiry")}
    assert await shown(party_id=cast.requesting.id) == {(near["id"], "expiry")}
    assert await shown(party_id=cast.assisting.id) == everything
    assert await shown(custodian_id=cast.neighbour.id) == {(far["id"], "renewal"), (far["id"], "last_notice")}
    assert await shown(kind="last_notice") == {(far["id"], "last_notice")}
    assert await shown(status="due_soon") == {(near["id"], "expiry")}
    assert await shown(status="overdue") == set()
    assert await shown(status=["overdue", "due_soon"]) == {(near["id"], "expiry")}
    assert await shown(kind=["last_notice", "expiry", "renewal"]) == everything
    assert await shown(due_from=days_ahead(11)) == {(far["id"], "renewal"), (far["id"], "last_notice")}
    assert await shown(due_from=days_ahead(300), due_to=days_ahead(300)) == {(far["id"], "renewal")}
    assert await shown(due_to=days_ahead(9)) == set()
    assert await shown(agency_id=cast.assisting.id) == set(), "these concern every party alike"
    assert await shown(agreement_id=uuid4()) == set()


async def test_more_agreements_than_one_slice_are_all_gone_through(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from registry.agreements.deadlines.queries import records

    made = await make_many(cast.assisting, cast.requesting, 7)
    monkeypatch.setattr(records, "SLICE", 3)
    records._slice_statement.cache_clear()
    try:
        items = await deadlines_of(cast.assisting, kind="renewal", limit=2)
    finally:
        records._slice_statement.cache_clear()
    assert {item["agreement_id"] for item in items} == {found["id"] for found in made}


async def test_an_approval_that_lapses_is_a_deadline_of_its_party(cast: Cast) -> None:
    found = await signed(cast)
    rule = {"required": True, "effective_on": None, "citation": "Charter (demo)", "reason": "the charter"}
    await cast.requesting.legal.done("POST", f"/v1/agreements/{found['id']}/set-approval-rule", rule)
    (item,) = [each for each in await deadlines_of(cast.assisting) if each["kind"] == "approval"]
    assert (item["agency"], item["status"]) == (cast.requesting.reference, "due_soon"), (
        "it is needed once a notice would run out"
    )
    assert [each["kind"] for each in await deadlines_of(cast.assisting, agency_id=cast.requesting.id)] == ["approval"]
    assert await deadlines_of(cast.assisting, agency_id=cast.assisting.id) == []


async def test_a_suspended_agreement_still_runs_out(cast: Cast) -> None:
    found = await signed(cast, expires_on=days_ahead(400))
    await cast.assisting.legal.done("POST", f"/v1/agreements/{found['id']}/suspend", {"reason": "inquiry"})
    assert (await by_kind(cast.assisting, found)).keys() == {"expiry"}


async def test_many_parties_share_an_agreements_deadlines_and_owe_each_their_own(service: Service) -> None:
    """A master form: what concerns all is said once, what each party owes is said of each."""
    one = await make_agency(service, "Custodian")
    others = [await make_agency(service, f"Party {n}", active=False) for n in range(60)]
    terms = {"insurance_required": True}
    found = await record_agreement(one, *others, terms=terms, expires_on=days_ahead(200))
    for other in others:
        await settle_party(service, found, other, joined_at=utc_now())
    items = await deadlines_of(one, limit=50)
    assert len([item for item in items if item["kind"] == "insurance"]) == 61
    assert len([item for item in items if item["kind"] == "expiry"]) == 1


async def test_a_signature_to_a_text_that_was_sent_back_ratifies_nothing(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await out_for_signature(one, two)
    path = f"/v1/agreements/{found['id']}"
    await two.signatory.done("POST", f"{path}/sign", hand(found))
    await one.legal.done("POST", f"{path}/send-back", {"reason": "other terms"})
    word = {"signatory_title": "Chief", "reason": "flood", "ratify_by_on": str(today())}
    active = await one.signatory.done("POST", f"{path}/activate-verbally", word)
    agreed = {"version_sha256": active["version_sha256"], "signatory_title": "Sheriff"}
    await two.signatory.done("POST", f"{path}/agree-verbally", agreed)
    await one.signatory.done("POST", f"{path}/sign", hand(active))
    assert (await by_kind(one, found))["ratification"]["status"] == "due_soon"
    await two.signatory.done("POST", f"{path}/sign", hand(active))
    assert (await by_kind(one, found))["ratification"]["status"] == "met"


async def test_a_proposal_that_waits_for_a_party_is_due_on_its_day_or_when_it_comes_to_nothing(
    service: Service, cast: Cast
) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *parties, expires_on=days_ahead(200))
    proposed = await propose_end(cast.assisting, found, days_ahead(20))
    path = f"/v1/agreements/{found['id']}"
    await cast.assisting.legal.done("POST", f"{path}/propose-suspension", {"kind": "suspension", "reason": "a flood"})

    async def waiting() -> list[tuple[str, str, str]]:
        items = await deadlines_of(cast.requesting, kind="consent", agreement_id=found["id"])
        return sorted((each["agency"]["name"], each["due_on"], each["status"]) for each in items)

    one, other = cast.requesting.name, cast.neighbour.name
    (day, end), (soon, later) = (str(days_ahead(19)), str(days_ahead(200))), ("due_soon", "upcoming")
    assert await waiting() == sorted([(one, day, soon), (other, day, soon), (one, end, later), (other, end, later)])
    await consent(cast.neighbour, found, proposed["proposals"][0])
    assert await waiting() == sorted([(one, day, soon), (one, end, later), (other, end, later)])
    endless = await sign_agreement(service, *parties)
    at_once = await propose_end(cast.assisting, endless)
    assert await deadlines_of(cast.requesting, agreement_id=endless["id"]) == [], "no day is made up"
    waits = await cast.requesting.legal.done("GET", "/v1/agreements?waiting_for_me=true")
    assert at_once["id"] in [each["id"] for each in waits["items"]]


async def test_an_end_of_a_day_that_is_over_is_an_overdue_consent_of_who_has_not_answered(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(200))
    path = f"/v1/agreements/{found['id']}"
    said = {"acted_on": str(days_ahead(-60)), "evidence_location": "Clerk's vault (demo)", "reason": "ended by letter"}
    ending = await cast.assisting.legal.done("POST", f"{path}/terminate", said)

    async def waiting() -> list[tuple[str, str, str]]:
        items = await deadlines_of(cast.assisting, kind="consent", agreement_id=found["id"])
        return [(each["agency"]["name"], each["due_on"], each["status"]) for each in items]

    assert await waiting() == [(cast.requesting.name, str(days_ahead(-61)), "overdue")]
    await cast.requesting.legal.done("POST", f"{path}/reported-acts/{ending['reported_acts'][0]['id']}/confirm")
    assert await waiting() == []
