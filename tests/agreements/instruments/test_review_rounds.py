"""Rounds of review: who is asked about a text, what they say, and what that keeps from happening."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.reviews import ReviewVerdict, review_overdue, stands_in_the_way
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast, today
from tests.support.problems import assert_problem
from tests.support.review import PATH, draft, reviewer, reviews_of, submitted
from tests.support.service import Service

pytestmark = pytest.mark.second_later

CHANGES = {"reason": "The claim window is missing."}
CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("verdict", ReviewVerdict)
def test_only_a_required_reviewer_who_has_not_approved_stands_in_the_way(
    required: bool, verdict: ReviewVerdict
) -> None:
    waited_for = verdict in (ReviewVerdict.PENDING, ReviewVerdict.CHANGES_REQUESTED)
    assert stands_in_the_way(required=required, verdict=verdict) == (required and waited_for)


@pytest.mark.parametrize(
    ("at", "overdue"),
    [
        (datetime(2027, 3, 2, 5, 59, 59, 999_999, tzinfo=UTC), False),  # a moment before midnight in Chicago
        (datetime(2027, 3, 2, 6, tzinfo=UTC), True),
    ],
)
def test_an_answer_is_overdue_when_its_day_is_over_where_the_agreement_is(at: datetime, overdue: bool) -> None:
    due_on = date(2027, 3, 1)
    assert review_overdue(ReviewVerdict.PENDING, due_on, CHICAGO, at) == overdue
    assert not review_overdue(ReviewVerdict.APPROVED, due_on, CHICAGO, at)
    assert not review_overdue(ReviewVerdict.PENDING, None, CHICAGO, at)


async def test_the_text_waits_for_its_required_reviewers(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    asked = [reviewer(two), reviewer(three, "Risk manager"), reviewer(three, "Librarian", required=False)]
    soon = str(today() + timedelta(days=30))
    found = await submitted(one, two, three, submission={"reviewers": asked, "review_due_on": soon})
    path = f"{PATH}/{found['id']}"
    refused = assert_problem(await one.counsel.post(f"{path}/approve"), 409, "reviews_outstanding")
    assert refused["outstanding"] == [
        {"agency": two.reference, "department": "County attorney", "verdict": "pending"},
        {"agency": three.reference, "department": "Risk manager", "verdict": "pending"},
    ]
    assert f"County attorney of {two.name} has not answered" in refused["detail"]
    first, second, _ = await reviews_of(two, found)
    assert (first["agency"], second["agency"]) == (two.reference, three.reference)
    assert (first["due_on"], first["overdue"], first["verdict"]) == (soon, False, "pending")
    await two.legal.done("POST", f"{path}/reviews/{first['id']}/approve", {"note": "As agreed."})
    await three.legal.done("POST", f"{path}/reviews/{second['id']}/request-changes", CHANGES)
    refused = assert_problem(await one.counsel.post(f"{path}/approve"), 409, "reviews_outstanding")
    assert [each["verdict"] for each in refused["outstanding"]] == ["changes_requested"]
    await three.legal.done("POST", f"{path}/reviews/{second['id']}/approve")
    assert (await one.counsel.done("POST", f"{path}/approve"))["stage"] == "approved"
    (held,) = (await three.coordinator.done("GET", f"{path}/review-rounds"))["items"]
    assert (held["round_no"], held["version_no"], held["outcome"]) == (1, 1, "approved")
    assert [(each["verdict"], each["words"]) for each in held["reviews"]] == [
        ("approved", "As agreed."),
        ("approved", None),
        ("pending", None),
    ]


async def test_without_reviewers_the_custodian_approves_alone(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    approved = await cast.assisting.counsel.done("POST", f"{PATH}/{found['id']}/approve")
    assert approved["stage"] == "approved"


async def test_each_submission_opens_a_round_of_its_own(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await submitted(one, two, submission={"reviewers": [reviewer(two)]})
    path = f"{PATH}/{found['id']}"
    (review,) = await reviews_of(two, found)
    await two.legal.done("POST", f"{path}/reviews/{review['id']}/request-changes", CHANGES)
    await one.legal.done("POST", f"{path}/send-back", {"reason": "as asked"})
    assert_problem(await two.legal.get(f"{path}/review-rounds"), 404, "not_found")
    assert len(await reviews_of(one, found)) == 1
    await one.legal.done("POST", f"{path}/submit", {"reviewers": [reviewer(two, "Mayor")]})
    first, second = (await two.legal.done("GET", f"{path}/review-rounds?sort=created_at"))["items"]
    assert [(each["round_no"], each["version_no"], each["outcome"]) for each in (first, second)] == [
        (1, 1, "sent_back"),
        (2, 2, None),
    ]
    late = await two.legal.post(f"{path}/reviews/{review['id']}/approve")
    assert_problem(late, 409, "round_closed")
    seen = (await two.legal.done("GET", f"{path}/review-rounds?limit=1"))["items"]
    assert seen == [second]
    await one.legal.done("POST", f"{path}/withdraw", {"reason": "no funds"})
    assert (await one.legal.done("GET", f"{path}/review-rounds"))["items"][0]["outcome"] == "withdrawn"


async def test_the_rounds_are_paged(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    for _ in range(2):
        await cast.assisting.legal.done("POST", f"{path}/send-back", {"reason": "again"})
        await cast.assisting.legal.done("POST", f"{path}/submit")
    seen, page = [], f"{path}/review-rounds?limit=1"
    while page:
        response = await cast.requesting.legal.get(page)
        seen += [each["round_no"] for each in response.json()["items"]]
        page = response.links["next"]["url"] if "next" in response.links else ""
    assert seen == [3, 2, 1]
    assert_problem(await cast.requesting.legal.get(f"{path}/review-rounds?cursor=abc"), 422, "bad_cursor")


async def test_reviewers_are_added_and_released_while_the_text_is_in_review(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await draft(one, two)
    path = f"{PATH}/{made['id']}"
    assert_problem(await one.legal.post(f"{path}/add-reviewer", reviewer(two)), 409, "wrong_status")
    await one.legal.done("POST", f"{path}/submit")
    added = await one.legal.post(
        f"{path}/add-reviewer", reviewer(two, due_on=str(today() + timedelta(days=30))), if_match='"2-00000000"'
    )
    assert added.status_code == 201
    where = added.headers["location"]
    assert (await two.legal.get(where)).headers["etag"] != added.headers["etag"], "others may do other things"
    assert_problem(await one.legal.post(f"{path}/add-reviewer", reviewer(two)), 409, "reviewer_named")
    assert_problem(await one.legal.post(f"{path}/add-reviewer", reviewer(two, "Mayor"), if_match='"2-0"'), 412)
    assert_problem(await two.legal.post(f"{path}/add-reviewer", reviewer(two, "Mayor")), 403)
    assert_problem(await one.counsel.post(f"{path}/approve"), 409, "reviews_outstanding")
    released = await one.legal.done("POST", f"{where}/release", {"reason": "the office is vacant"})
    assert (released["verdict"], released["words"]) == ("released", "the office is vacant")
    assert_problem(await two.legal.post(f"{where}/approve"), 409, "reviewer_released")
    assert_problem(await one.legal.post(f"{where}/release", {"reason": "again"}), 409, "reviewer_released")
    await one.legal.done("POST", f"{path}/add-reviewer", reviewer(two))
    again = (await reviews_of(one, made))[-1]
    await one.legal.done("POST", f"{path}/reviews/{again['id']}/release", {"reason": "agreed by phone"})
    assert (await one.counsel.done("POST", f"{path}/approve"))["stage"] == "approved"


async def test_each_agency_answers_for_its_own_desks_and_never_by_a_service(service: Service, cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await submitted(one, two, three, submission={"reviewers": [reviewer(two)]})
    (review,) = await reviews_of(one, found)
    where = f"{PATH}/{found['id']}/reviews/{review['id']}"
    assert_problem(await service.anonymous.post(f"{where}/approve"), 401)
    assert_problem(await cast.stranger.legal.post(f"{where}/approve"), 404, "not_found")
    for other in (one.legal, three.legal, two.coordinator, two.auditor, two.machine):
        assert_problem(await other.post(f"{where}/approve"), 403)
        assert_problem(await other.post(f"{where}/request-changes", CHANGES), 403)
    assert_problem(await two.legal.post(f"{where}/release", CHANGES), 403)
    assert_problem(await two.legal.post(f"{where}/request-changes"), 400, "invalid_body")
    unknown = await two.legal.post(f"{PATH}/{found['id']}/reviews/{uuid4()}/approve")
    assert_problem(unknown, 404, "not_found")


async def test_an_answer_given_from_an_old_reading_is_refused_and_a_repeat_replays(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await submitted(one, two, submission={"reviewers": [reviewer(two)]})
    (review,) = await reviews_of(two, found)
    where = f"{PATH}/{found['id']}/reviews/{review['id']}"
    etag = (await two.legal.get(where)).headers["etag"]
    key = f"verdict-{uuid4()}"
    first = await two.legal.post(f"{where}/approve", key=key, if_match=etag)
    assert first.status_code == 200
    assert_problem(await two.legal.post(f"{where}/request-changes", CHANGES, if_match=etag), 412, "stale_version")
    assert (await two.legal.post(f"{where}/approve", key=key, if_match=etag)).content == first.content
    assert (await two.legal.done("GET", where))["version"] == 2


async def test_reviewers_are_desks_of_the_parties_named_once_and_due_on_a_day_to_come(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await draft(one, two)
    path = f"{PATH}/{made['id']}/submit"
    wrong = [reviewer(cast.stranger), reviewer(two), reviewer(two)]
    problem = assert_problem(await one.legal.post(path, {"reviewers": wrong}), 422, "bad_reviewers")
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [
        ("/reviewers/0/agency_id", "not_a_party"),
        ("/reviewers/2/department", "reviewer_twice"),
    ]
    for due_on in ("2020-01-01", "9999-12-31"):
        assert (await one.legal.post(path, {"review_due_on": due_on})).status_code == 422
    assert (await one.legal.done("GET", f"{PATH}/{made['id']}"))["stage"] == "draft"


async def test_the_history_tells_each_answer_to_every_party(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await submitted(one, two, submission={"reviewers": [reviewer(two)]})
    (review,) = await reviews_of(two, found)
    path = f"{PATH}/{found['id']}"
    await two.legal.done("POST", f"{path}/reviews/{review['id']}/request-changes", CHANGES)
    await one.legal.done("POST", f"{path}/reviews/{review['id']}/release", {"reason": "settled"})
    events = (await two.legal.done("GET", f"{path}/history?sort=version"))["items"]
    assert [event["type"] for event in events] == [
        "agreement.submitted",
        "agreement.changes_requested",
        "agreement.reviewer_released",
    ]
    assert events[0]["data"]["reviewers"] == [reviewer(two, required=True)]
    assert events[1]["data"]["reason"] == CHANGES["reason"]


async def test_who_sees_only_the_public_view_does_not_see_the_reviews(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    for reader in (cast.stranger.legal, service.operator):
        assert_problem(await reader.get(f"{PATH}/{found['id']}/review-rounds"), 403, "forbidden")
    assert (await cast.requesting.auditor.done("GET", f"{PATH}/{found['id']}/review-rounds"))["items"] == []


async def test_what_may_be_done_with_a_review_is_shown_with_the_reason_where_it_may_not(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await submitted(one, two, submission={"reviewers": [reviewer(two, required=False)]})

    async def offered() -> list[dict[str, Any]]:
        actions = []
        for agency in (two, one):
            (review,) = await reviews_of(agency, found)
            actions += review["allowed_actions"]
        return actions

    assert [(each["action"], each["allowed"]) for each in await offered()] == [
        ("approve", True),
        ("request_changes", True),
        ("release", True),
    ]
    await one.counsel.done("POST", f"{PATH}/{found['id']}/approve")
    assert {each["reason"] for each in await offered()} == {"The round of review is closed."}


async def test_a_text_is_never_approved_while_a_reviewer_takes_an_approval_back(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    outcomes = set()
    for _ in range(6):
        found = await submitted(one, two, submission={"reviewers": [reviewer(two)]})
        (review,) = await reviews_of(two, found)
        where = f"{PATH}/{found['id']}/reviews/{review['id']}"
        await two.legal.done("POST", f"{where}/approve")
        approved, taken_back = await asyncio.gather(
            one.counsel.post(f"{PATH}/{found['id']}/approve"), two.legal.post(f"{where}/request-changes", CHANGES)
        )
        assert sorted([approved.status_code, taken_back.status_code]) == [200, 409]
        outcomes.add(approved.json().get("code", "approved"))
    assert outcomes <= {"approved", "reviews_outstanding"}


async def test_what_is_set_in_motion_by_word_of_mouth_is_reviewed_no_more(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await submitted(one, two, submission={"reviewers": [reviewer(two)]})
    path = f"{PATH}/{found['id']}"
    word = {"signatory_title": "Chief", "reason": "flood", "ratify_by_on": str(today())}
    await one.signatory.done("POST", f"{path}/activate-verbally", word)
    (closed,) = (await two.legal.done("GET", f"{path}/review-rounds"))["items"]
    assert closed["outcome"] == "activated_verbally"
    review = f"{path}/reviews/{closed['reviews'][0]['id']}"
    assert_problem(await two.legal.post(f"{review}/approve"), 409, "round_closed")
    await one.legal.done("POST", f"{path}/amend", {"effective_on": str(today() + timedelta(days=1)), "reason": "more"})
    submission = {"reviewers": [reviewer(two)]}
    assert (await one.legal.done("POST", f"{path}/submit", submission))["amendment"]["stage"] == "in_review"
