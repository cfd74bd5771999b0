"""A party whose last text has ended, while others go on by a later one that it did not sign."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.agreements.instruments.commands import holding
from registry.agreements.instruments.commands.being_bound import check_hand
from registry.agreements.instruments.held_texts import lapses
from registry.agreements.instruments.histories import AgreementDates, AmendedText
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.time import day_after, day_starts_at, known_zone
from tests.agreements.instruments.reporting import letter
from tests.agreements.instruments.test_amendments import act, hand, out_for_signature
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.agreements.instruments.test_papers_before_an_end import begun, over
from tests.support.agreements import confirm_agreement, record_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
KEPT = {"evidence_location": "County clerk's vault (demo)"}
ZONE = known_zone("America/Chicago", "/time_zone")
YEARS = [day_starts_at(date(year, 1, 1), ZONE) for year in range(2020, 2030)]


async def renewed_by_two(cast: Cast) -> dict[str, Any]:
    """A paper of three that has ended, and its renewal, which two of them signed."""
    three = (cast.assisting, cast.requesting, cast.neighbour)
    first: dict[str, Any] = {"effective_on": "2022-01-01", "expires_on": "2023-06-30"}
    found = await record_agreement(*three, signed_on="2022-01-01", **first)
    for party in three[1:]:
        found = await confirm_agreement(found, party, "2022-01-01")
    longer = {"kind": "renewal", "effective_on": "2023-07-01", "expires_on": "2198-12-31"}
    return await amended_on_paper(found, *three[:2], **longer)


def put(said: dict[str, Any]) -> dict[str, Any]:
    """What was proposed last, beside the days that others agreed to."""
    proposal: dict[str, Any] = [each for each in said["proposals"] if each["kind"] != "earlier_day"][-1]
    return proposal


async def offers(party: Agency, found: dict[str, Any]) -> dict[str, bool]:
    seen = await party.legal.done("GET", f"{PATH}/{found['id']}")
    return {each["action"]: each["allowed"] for each in seen["allowed_actions"]}


async def renewed_ahead_by_two(cast: Cast, ends_on: date) -> dict[str, Any]:
    """A paper of three whose term runs out on a day to come, and its renewal, which two of them have signed already."""
    three = (cast.assisting, cast.requesting, cast.neighbour)
    found = await record_agreement(
        *three, signed_on="2022-01-01", effective_on="2022-01-01", expires_on=str(ends_on), notice={"days": 30}
    )
    for party in three[1:]:
        found = await confirm_agreement(found, party, "2022-01-01")
    longer: dict[str, Any] = {"kind": "renewal", "expires_on": "2198-12-31"}
    return await amended_on_paper(
        found, *three[:2], effective_on=ends_on + timedelta(days=1), signed_on="2023-06-01", **longer
    )


def test_who_is_outlasted_by_a_text_of_two_others_has_lapsed() -> None:
    second = AmendedText(executed_at=YEARS[2], starts_at=YEARS[2], ends_at=YEARS[8])
    dates = AgreementDates(executed_at=YEARS[0], starts_at=YEARS[0], ends_at=YEARS[2], amendments=(second,))
    both = ([0, 1], None)
    assert lapses(dates, {1: both, 2: both, 3: ([0], None)}) == {3: YEARS[2]}
    assert lapses(dates, {1: both, 2: ([0, 1], YEARS[1]), 3: ([0], None)}) == {}, "of the two one is gone before"
    assert lapses(dates, {1: both, 2: ([0], None), 3: ([0], None)}) == {}, "one alone binds nobody"
    assert lapses(dates, {1: both, 2: both}) == {}, "where it ends for all, nobody has lapsed"


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("terminate", {"ground": "mutual_consent", "reason": "over"}),
        ("propose-suspension", {"kind": "suspension", "reason": "the bridge is closed"}),
    ],
)
async def test_those_who_go_on_decide_without_it(cast: Cast, verb: str, body: dict[str, Any]) -> None:
    found = await renewed_by_two(cast)
    said = await act(cast.assisting, found, verb, body)
    assert [each["id"] for each in put(said)["outstanding"]] == [str(cast.requesting.id)]
    done = await consent(cast.requesting, said, put(said))
    assert put(done)["agreed_at"] is not None


async def test_days_on_which_it_was_bound_are_not_taken_from_it(cast: Cast) -> None:
    found = await renewed_by_two(cast)
    paper = {"evidence_location": "County clerk's vault (demo)"}
    back = {"ground": "mutual_consent", "reason": "over", "acted_on": "2023-01-01", **paper}
    said = await act(cast.assisting, found, "terminate", back)
    asked = {each["agency"]["id"] for each in said["reported_acts"]} | {each["id"] for each in put(said)["outstanding"]}
    assert str(cast.neighbour.id) in asked


async def test_it_neither_leaves_nor_pauses_what_it_is_not_in_and_may_sign_and_be_in_it_again(cast: Cast) -> None:
    found = await renewed_by_two(cast)
    gone, path = cast.neighbour, f"{PATH}/{found['id']}"
    refused = await gone.legal.post(f"{path}/give-notice", {"notice_on": str(today()), "reason": "no budget"})
    assert_problem(refused, 409, "wrong_status")
    for verb, body in (
        ("suspend", {"reason": "no crew"}),
        ("terminate", {"ground": "mutual_consent", "reason": "over"}),
    ):
        assert not (await offers(gone, found))[verb.replace("-", "_")]
        assert_problem(await gone.legal.post(f"{path}/{verb}", body), 409, "wrong_status")
    assert (await offers(gone, found))["confirm"]
    kept = "County clerk's vault (demo)"
    again = await confirm_agreement(found, gone, today() - timedelta(days=1), evidence_location=kept)
    assert again["parties"][2]["bound"]
    said = await act(cast.assisting, found, "terminate", {"ground": "mutual_consent", "reason": "over"})
    assert str(gone.id) in {each["id"] for each in said["proposals"][-1]["outstanding"]}


async def signs_late(party: Agency, found: dict[str, Any]) -> dict[str, Any]:
    return await confirm_agreement(found, party, "2023-07-01", evidence_location="County clerk's vault (demo)")


async def test_who_is_in_it_again_is_asked_of_what_reaches_back_and_is_still_open(cast: Cast) -> None:
    found = await renewed_by_two(cast)
    paper = {"evidence_location": "County clerk's vault (demo)"}
    back = {
        "ground": "mutual_consent",
        "reason": "over",
        "acted_on": "2024-04-01",
        "effective_on": "2024-05-01",
        **paper,
    }
    said = await act(cast.assisting, found, "terminate", {**back, "effective_on": "2024-05-01"})
    await signs_late(cast.neighbour, found)
    proposed = put(await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}"))
    assert str(cast.neighbour.id) in {each["id"] for each in proposed["outstanding"]}
    (its,) = [each for each in said["reported_acts"] if each["agency"]["id"] == str(cast.requesting.id)]
    answered = f"{PATH}/{found['id']}/reported-acts/{its['id']}/confirm"
    done = await cast.requesting.legal.done("POST", answered)
    assert put(done)["agreed_at"] is None, "the neighbour has said nothing"


async def test_who_is_in_it_again_is_bound_to_no_newcomer_before_it_has_consented(cast: Cast) -> None:
    found = await renewed_by_two(cast)
    new = cast.stranger
    said = await act(cast.assisting, found, "add-parties", {"agency_ids": [str(new.id)], "reason": "a fourth"})
    await consent(cast.requesting, said, put(said))
    await confirm_agreement(found, new, today(), evidence_location="County clerk's vault (demo)")
    shown = await signs_late(cast.neighbour, found)
    assert str(cast.neighbour.id) in {each["id"] for each in put(shown)["outstanding"]}


async def test_that_a_term_will_run_out_is_a_forecast_and_no_consent_until_it_has(service: Service, cast: Cast) -> None:
    ends_on = today() + timedelta(days=60)
    found = await renewed_ahead_by_two(cast, ends_on)
    over = {"ground": "mutual_consent", "reason": "over", "effective_on": str(today() + timedelta(days=5))}
    said = await act(cast.assisting, found, "terminate", over)
    seen = await consent(cast.requesting, said, put(said))
    (proposed,) = seen["proposals"]
    assert (proposed["status"], proposed["agreed_at"], seen["terminated_at"]) == ("open", None, None)
    assert [each["id"] for each in proposed["outstanding"]] == [str(cast.neighbour.id)]
    later = ends_on + timedelta(days=90)
    await amended_on_paper(found, cast.assisting, effective_on=later, signed_on=today())  # no agreed end is in its way
    lapsed_at = day_starts_at(day_after(ends_on), ZONE)
    await holding.settle_all_due(service.database, lapsed_at)
    done = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
    assert datetime.fromisoformat(put(done)["agreed_at"]) == lapsed_at
    assert (done["stage"], datetime.fromisoformat(done["terminated_at"])) == ("terminated", lapsed_at)


async def its_notice(found: dict[str, Any], party: Agency, on: str = "2022-06-01", **more: str) -> Any:
    body = {"notice_on": on, "reason": "the council declined", **KEPT, **more}
    return await party.legal.post(f"{PATH}/{found['id']}/give-notice", body)


async def test_it_records_its_own_notice_of_a_day_on_which_it_was_bound(cast: Cast) -> None:
    found, gone = await renewed_by_two(cast), cast.neighbour
    assert (await offers(gone, found))["give_notice"]
    bare = {"notice_on": "2022-06-01", "reason": "the council declined"}
    refused = await gone.legal.post(f"{PATH}/{found['id']}/give-notice", bare)
    assert_problem(refused, 422, "evidence_missing")
    late = await its_notice(found, gone, "2023-06-20")
    assert "2023-06-30" in assert_problem(late, 409, "wrong_status")["detail"], "it would have run out later than that"
    said = (await its_notice(found, gone)).json()
    departure = put(said)
    others = {str(cast.assisting.id), str(cast.requesting.id)}
    assert {each["agency"]["id"] for each in said["reported_acts"]} == others
    assert said["parties"][2]["leaves_at"] is None, "it is for the others to say"
    for party in (cast.assisting, cast.requesting):
        said = await consent(party, said, departure)
    assert said["parties"][2]["leaves_at"].startswith("2022-07-02")
    then = await gone.legal.done("GET", f"{PATH}/{found['id']}?as_of=2022-08-01T12:00:00Z")
    assert [each["bound"] for each in then["parties"]] == [True, True, False]
    assert_problem(await its_notice(found, gone), 409, "wrong_status")  # it has left


async def test_it_takes_its_notice_of_such_a_day_back_while_nobody_has_relied_on_it(cast: Cast) -> None:
    found, gone = await renewed_by_two(cast), cast.neighbour
    said = (await its_notice(found, gone)).json()
    path = f"{PATH}/{found['id']}/proposals/{put(said)['id']}/take-back"
    back = await gone.legal.done("POST", path, {"reason": "another letter"})
    assert put(back)["status"] == "taken_back"
    its = [each for each in back["reported_acts"] if each["proposal_id"] == put(back)["id"]]
    assert {each["status"] for each in its} == {"taken_back"}
    again = (await its_notice(found, gone, "2022-08-01")).json()
    assert again["proposals"][-1]["status"] == "open"


async def test_another_contests_it_and_it_was_bound_as_before(cast: Cast) -> None:
    found, gone = await renewed_by_two(cast), cast.neighbour
    said = (await its_notice(found, gone)).json()
    (its,) = (each["id"] for each in said["reported_acts"] if each["agency"]["id"] == str(cast.requesting.id))
    path = f"{PATH}/{found['id']}/reported-acts/{its}/contest"
    await cast.requesting.legal.done("POST", path, {"reason": "it never came"})
    said = await consent(cast.assisting, said, put(said))
    assert said["parties"][2]["leaves_at"] is None


@pytest.mark.parametrize("how", ["terminated", "superseded"])
async def test_who_was_bound_until_the_end_records_such_a_notice_after_it(
    service: Service, cast: Cast, how: str
) -> None:
    found = await over(service, cast, await begun(cast), how)
    said = (await its_notice(found, cast.neighbour)).json()
    for party in (cast.assisting, cast.requesting):
        said = await consent(party, said, said["proposals"][-1])
    assert (said["stage"], said["parties"][2]["leaves_at"][:10]) == (how, "2022-07-02")
    then = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}?as_of=2022-08-01T12:00:00Z")
    assert [each["bound"] for each in then["parties"]] == [True, True, False]


async def test_it_consents_to_an_end_of_a_day_on_which_it_was_bound(cast: Cast) -> None:
    found = await renewed_by_two(cast)
    back = {"ground": "mutual_consent", "reason": "over", "acted_on": "2023-01-01", **KEPT}
    said = await act(cast.assisting, found, "terminate", back)
    for party in (cast.requesting, cast.neighbour):
        said = await consent(party, said, put(said))
    assert said["terminated_at"].startswith("2023-01-01")


async def test_its_hand_to_a_change_of_the_others_is_no_more_reported_than_given(cast: Cast) -> None:
    found, gone = await renewed_by_two(cast), cast.neighbour
    sent = await out_for_signature(cast, found, {"title": "Among two (demo)"})
    digest = sent["amendment"]["version_sha256"]
    path = f"{PATH}/{found['id']}"
    assert_problem(await gone.signatory.post(f"{path}/sign", hand(digest)), 409, "wrong_status")
    confirmed = {"version_sha256": digest, "signatory_title": "Chief", "signed_on": str(today()), **KEPT}
    assert_problem(await gone.signatory.post(f"{path}/confirm", confirmed), 409, "wrong_status")
    said = letter(gone, today(), kind="signed", signatory_title="Chief", version_sha256=digest)
    refused = await cast.assisting.legal.post(f"{path}/report-act", said)
    assert "not bound" in assert_problem(refused, 409, "wrong_status")["detail"]
    signed = letter(cast.requesting, today(), kind="signed", signatory_title="Chief", version_sha256=digest)
    assert (await cast.assisting.legal.post(f"{path}/report-act", signed)).status_code == 200


async def test_a_hand_of_a_day_on_which_it_was_bound_stands(service: Service, cast: Cast) -> None:
    found = await renewed_by_two(cast)
    its = (service.database.read(), UUID(found["id"]), cast.neighbour.id)
    lapsed_at = day_starts_at(date(2023, 7, 1), ZONE)
    await check_hand(*its, lapsed_at - timedelta(days=1), of_bound=True, reported=True)
    for reported in (False, True):
        with pytest.raises(WrongStatus):
            await check_hand(*its, lapsed_at, of_bound=True, reported=reported)
    await check_hand(*its, lapsed_at, of_bound=False)  # what others executed it may still sign, and be in it again
