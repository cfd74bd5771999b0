"""How long an agreement lasts, where its text gives no last day: until it is ended, or it does not say."""

import pytest

from tests.support.agreements import agreement_body, sign_agreement
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
    assert "suspension_silent" in await remarks(service, cast)
    assert "suspension_silent" not in await remarks(service, cast, terms={"suspension": "not_allowed"})


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
