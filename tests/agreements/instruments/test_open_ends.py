"""How long an agreement lasts where no last day is entered, and what else it means that a term is not entered."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from registry.agreements.instruments.remarks import NONE_MADE_UP, about_end, about_renewals
from registry.agreements.instruments.term_days import last_day, renewal_of
from registry.agreements.instruments.terms import Terms
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.support.agreements import EVIDENCE, agreement_body, record_agreement, sign_agreement
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


def test_neither_a_last_day_nor_a_further_renewal_is_made_up() -> None:
    """The one rule of what is not said of the end: each is counted as far as it is entered, and said with its rule."""
    entered = date(2099, 12, 31)
    unsaid = renewal_of(12, "silent", None)
    assert last_day(None, None) is None, "no last day, so it is in force until it is ended"
    assert last_day(entered, unsaid) == date(2100, 12, 31), "the one renewal that is spoken of"
    (endless,) = about_end(None, Terms(categories=["any"]))
    (once,) = about_renewals(entered, unsaid)
    assert endless.detail.count(NONE_MADE_UP) == once.detail.count(NONE_MADE_UP) == 1
    assert [*about_end(None, Terms(categories=["any"], open_ended="stated"))] == []
    assert [*about_renewals(entered, renewal_of(12, "no_limit", None))] == []


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({}, "no end on record: no last day is entered, nor that it goes on until it is ended"),
        ({"terms": ENDLESS}, "when it is ended: its terms say that it goes on until then"),
        (
            {"expires_on": "2099-12-31", "auto_renew_months": 12, "auto_renew_times": "silent"},
            "by 12 months each time, once, since how often is entered as not said, through 2100-12-31 at the latest",
        ),
    ],
)
async def test_the_file_says_which_of_them_it_is(
    service: Service, cast: Cast, fields: dict[str, Any], ends: str
) -> None:
    found = await sign_agreement(service, cast.requesting, cast.assisting, **fields)
    page = (await unpacked(cast.requesting.legal, found["id"]))["index.html"].decode()
    assert ends in page


def undecided(found: dict[str, Any]) -> list[str]:
    told = [each["detail"] for each in found["remarks"] if each["code"] == "deciding_silent"]
    return [name for detail in told for name in detail.split("`")[1::2]]


DECIDING = [
    *("reimbursement", "claim_window_days", "liability", "command", "sop_control", "pay_control"),
    "recall_notice_hours",
]


async def test_what_settles_who_does_what_and_is_not_entered_is_said_as_it_is_recorded_and_read(cast: Cast) -> None:
    bare = await record_agreement(cast.requesting, cast.assisting)
    assert undecided(bare) == DECIDING
    seen = await cast.requesting.legal.done("GET", f"{PATH}/{bare['id']}")
    assert undecided(seen) == DECIDING, "whoever confirms it reads the same"
    free = {"reimbursement": {"model": "none"}, "liability": "respective", "command": "requesting"}
    some = await record_agreement(cast.requesting, cast.assisting, terms=free)
    assert undecided(some) == ["sop_control", "pay_control", "recall_notice_hours"], "nothing is claimed of nothing"
    rest = {"sop_control": "assisting", "pay_control": "assisting", "recall_notice_hours": 0}
    assert undecided(await record_agreement(cast.requesting, cast.assisting, terms={**free, **rest})) == []


def test_no_answer_says_of_the_text_what_only_the_record_leaves_blank() -> None:
    contract = (Path(__file__).parents[3] / "openapi/registry.json").read_text("utf-8").lower()
    assert "the text does not say" not in contract
