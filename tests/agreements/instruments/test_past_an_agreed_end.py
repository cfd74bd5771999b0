"""Once all have agreed on an end, no text is signed that would hold past it: it would die unsaid."""

from datetime import date, timedelta

from registry.agreements.instruments.rules import past_agreed_end
from tests.support.agreements import PROVISIONS, sign_agreement
from tests.support.cast import Cast, today
from tests.support.consent import end_agreement
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
DAY = timedelta(days=1)


def test_a_text_is_refused_that_begins_past_the_end_or_lengthens_the_term_past_it() -> None:
    last = date(2027, 6, 30)
    for effective_on, expires_on, present, refused in (
        (date(2027, 7, 1), None, None, True),
        (date(2027, 6, 30), None, None, False),
        (date(2027, 1, 1), date(2028, 12, 31), date(2027, 12, 31), True),
        (date(2027, 1, 1), date(2027, 12, 31), date(2027, 12, 31), False),
        (date(2027, 1, 1), date(2027, 6, 30), date(2027, 1, 31), False),
        (date(2027, 1, 1), None, date(2027, 12, 31), True),
    ):
        assert (past_agreed_end(effective_on, expires_on, present, last) is not None) is refused
        assert past_agreed_end(effective_on, expires_on, present, None) is None


async def test_no_renewal_is_recorded_or_signed_past_an_end_to_which_all_consented(
    service: Service, cast: Cast
) -> None:
    one, two = cast.assisting, cast.requesting
    expires_on, ends_on = today() + 90 * DAY, today() + 30 * DAY
    found = await sign_agreement(service, one, two, expires_on=expires_on)
    path = f"{PATH}/{found['id']}"
    paper = {"signed_on": str(today()), "signatory_title": "Chief", "evidence_sha256": "ab" * 32}
    text = {"title": "Renewed (demo)", "kind": "renewal", "terms": {"categories": ["any"]}, "provisions": PROVISIONS}
    dates = {"effective_on": str(expires_on + DAY), "expires_on": str(expires_on + 400 * DAY), "reason": "goes on"}
    renewal = {**text, **dates, **paper}
    waiting = await one.legal.done("POST", f"{path}/record-amendment", renewal)
    ended = await end_agreement(found, one, two, on=ends_on)
    assert ended["terminated_at"] is not None
    hand = {"version_sha256": waiting["amendment"]["version_sha256"], "signatory_title": "Mayor"}
    hand["signed_on"] = str(today())
    report = {"agency_id": str(two.id), "kind": "signed", "acted_on": str(today()), "reason": "came by post", **hand}
    report |= {"evidence_sha256": "ab" * 32}
    del report["signed_on"]
    for party, verb, body in ((two, "confirm", hand), (one, "record-amendment", renewal), (one, "report-act", report)):
        why = assert_problem(await party.legal.post(f"{path}/{verb}", body), 409, "wrong_status")["detail"]
        assert f"ends with {ends_on - DAY}" in why
        assert "make a new agreement" in why
    seen = await two.legal.done("GET", path)
    offered = {each["action"]: each["allowed"] for each in seen["allowed_actions"]}
    assert (offered["sign"], offered["confirm"]) == (False, False)
    within = {**renewal, "kind": "amendment", "effective_on": str(today()), "expires_on": str(expires_on)}
    await one.legal.done("POST", f"{path}/record-amendment", within)
