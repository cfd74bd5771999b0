"""How long an agreement lasts, where its text gives no last day: until it is ended, or it does not say."""

from typing import Any

import pytest

from tests.support.agreements import EVIDENCE, agreement_body, sign_agreement
from tests.support.cast import Cast
from tests.support.deadlines import days_ahead
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
ENDLESS = {"open_ended": "stated", "clauses": {"open_ended": "1"}}


async def remarks(service: Service, cast: Cast, **fields: object) -> set[str]:
    found = await sign_agreement(service, cast.requesting, cast.assisting, **fields)  # type: ignore[arg-type]  # by test
    return {each["code"] for each in found["remarks"]}


async def test_no_last_day_is_silence_unless_the_text_says_that_it_goes_on(service: Service, cast: Cast) -> None:
    assert "expiry_silent" in await remarks(service, cast)
    assert "expiry_silent" not in await remarks(service, cast, terms=ENDLESS)
    assert "expiry_silent" not in await remarks(service, cast, expires_on="2199-12-31")


async def test_silence_on_suspension_is_told_before_anybody_relies_on_its_notice(service: Service, cast: Cast) -> None:
    silent = {"suspension": "silent"}
    assert "suspension_silent" not in await remarks(service, cast, terms={"suspension": "not_allowed"})
    clause = {"number": "9", "heading": "termination", "text": "A party may suspend its participation upon notice."}
    found = await sign_agreement(service, cast.requesting, cast.assisting, terms=silent, provisions=[clause])
    told = {each["code"]: each for each in found["remarks"]}
    assert "is not entered (`suspension`)" in told["suspension_silent"]["detail"]
    assert "once its notice would have run out" in told["suspension_silent"]["detail"]
    assert told["term_not_entered"]["clause"] == "9"
    for each in told.values():
        assert "The text does not say" not in each["detail"], "what is blank in the record the paper may well say"


@pytest.mark.parametrize("method", ["draft", "record"])
async def test_what_ends_on_a_day_does_not_go_on_until_it_is_ended(cast: Cast, method: str) -> None:
    body = agreement_body(cast.requesting, cast.assisting, terms=ENDLESS, expires_on="2199-12-31")
    paper = {"signed_on": "2020-01-02", "signatory_title": "Chief", "evidence_sha256": "a" * 64}
    where = (PATH, body) if method == "draft" else (f"{PATH}/record", {**body, **paper})
    problem = assert_problem(await cast.requesting.legal.post(*where), 422, "agreement_faulty")
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [
        ("/terms/open_ended", "open_ended_with_last_day")
    ]


async def test_an_amendment_that_gives_a_last_day_takes_the_place_of_what_went_on_until_ended(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.requesting, cast.assisting, terms=ENDLESS)
    body = {"effective_on": str(days_ahead(10)), "expires_on": str(days_ahead(400)), "reason": "a last day"}
    made = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/amend", body)
    proposed = await cast.requesting.legal.done(
        "GET", f"{PATH}/{found['id']}/versions/{made['amendment']['version_no']}"
    )
    assert (proposed["terms"]["open_ended"], proposed["terms"]["clauses"]) == ("silent", {})


YEARLY: dict[str, Any] = {"expires_on": "2150-12-30", "auto_renew_months": 1}


@pytest.mark.second_long
async def test_how_often_a_term_renews_itself_is_said_wherever_a_text_is_entered(service: Service, cast: Cast) -> None:
    """A blank number of renewals was taken as “for ever”, by the draft, its edit, a paper and an amendment on paper."""
    one, two = cast.requesting, cast.assisting
    clause: Any = {"number": "7", "heading": "renewal", "text": "It renews itself for a month."}
    paper = {"signed_on": "2020-01-02", "signatory_title": "Chief", "evidence_sha256": EVIDENCE}
    unsaid = agreement_body(one, two, **YEARLY, provisions=[clause])
    plain = await sign_agreement(service, one, two, expires_on="2150-12-30")
    drafted = await one.legal.done("POST", PATH, agreement_body(one, two, expires_on="2150-12-30"))
    amendment: dict[str, Any] = {
        "title": "A month more (demo)",
        "effective_on": "2025-06-01",
        "terms": {"categories": ["any"]},
    }
    amendment |= {**paper, "signed_on": "2025-05-01", "provisions": [clause], "auto_renew_months": 1, "reason": "found"}
    tries = {
        "draft": await one.legal.post(PATH, unsaid),
        "record": await one.legal.post(f"{PATH}/record", {**unsaid, **paper}),
        "edit": await one.legal.patch(
            f"{PATH}/{drafted['id']}", {"auto_renew_months": 1, "provisions": [clause]}, if_match="*"
        ),
        "amendment": await one.legal.post(f"{PATH}/{plain['id']}/record-amendment", amendment),
    }
    for way, answer in tries.items():
        (fault,) = assert_problem(answer, 422, "agreement_faulty")["errors"]
        assert (fault["pointer"], fault["code"]) == ("/auto_renew_times", "renewals_unsaid"), way
        assert "by 1 month (clause 7)" in fault["detail"], way
    # Another text's renewals say nothing of those that a paper gives anew.
    limited = await sign_agreement(service, one, two, **YEARLY, auto_renew_times=3)
    refused = await one.legal.post(f"{PATH}/{limited['id']}/record-amendment", amendment)
    assert_problem(refused, 422, "agreement_faulty")


async def test_a_text_that_does_not_say_how_often_renews_once_and_says_so(service: Service, cast: Cast) -> None:
    said: dict[str, Any] = {"expires_on": "2148-12-31", "auto_renew_months": 6}
    one, two = cast.requesting, cast.assisting
    ends = {}
    for times in ("silent", "no_limit", 2):
        found = await sign_agreement(service, one, two, **said, auto_renew_times=times)
        ends[times] = found["ends_at"] and found["ends_at"][:10]
        assert found["auto_renew_times"] == times
        assert ("renewals_silent" in {each["code"] for each in found["remarks"]}) == (times == "silent")
    assert ends == {"silent": "2149-07-01", "no_limit": None, 2: "2150-01-01"}
