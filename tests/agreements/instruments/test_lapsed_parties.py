"""A party whose last text has ended, while others go on by a later one that it did not sign."""

from datetime import date, timedelta
from typing import Any

import pytest

from registry.agreements.instruments.in_force import AgreementDates, AmendedText, lapses
from registry.platform.kernel.time import day_starts_at, known_zone
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import confirm_agreement, record_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent
from tests.support.problems import assert_problem

PATH = "/v1/agreements"
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


async def offers(party: Agency, found: dict[str, Any]) -> dict[str, bool]:
    seen = await party.legal.done("GET", f"{PATH}/{found['id']}")
    return {each["action"]: each["allowed"] for each in seen["allowed_actions"]}


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
    assert [each["id"] for each in said["proposals"][0]["outstanding"]] == [str(cast.requesting.id)]
    done = await consent(cast.requesting, said, said["proposals"][0])
    assert done["proposals"][0]["agreed_at"] is not None


async def test_days_on_which_it_was_bound_are_not_taken_from_it(cast: Cast) -> None:
    found = await renewed_by_two(cast)
    paper = {"evidence_location": "County clerk's vault (demo)"}
    back = {"ground": "mutual_consent", "reason": "over", "acted_on": "2023-01-01", **paper}
    said = await act(cast.assisting, found, "terminate", back)
    asked = {each["agency"]["id"] for each in said["reported_acts"]} | {
        each["id"] for each in said["proposals"][0]["outstanding"]
    }
    assert str(cast.neighbour.id) in asked


async def test_it_neither_leaves_nor_pauses_what_it_is_not_in_and_may_sign_and_be_in_it_again(cast: Cast) -> None:
    found = await renewed_by_two(cast)
    gone, path = cast.neighbour, f"{PATH}/{found['id']}"
    for verb, body in (
        ("give-notice", {"notice_on": str(today()), "reason": "no budget"}),
        ("suspend", {"reason": "no crew"}),
        ("terminate", {"ground": "mutual_consent", "reason": "over"}),
    ):
        assert not (await offers(gone, found))[verb.replace("-", "_")]
        assert_problem(await gone.legal.post(f"{path}/{verb}", body), 409, "wrong_status")
    assert (await offers(gone, found))["confirm"]
    kept = "County clerk's vault (demo)"
    again = await confirm_agreement(found, gone, today() - timedelta(days=1), evidence_location=kept)
    assert again["parties"][2]["bound"]
    assert (await offers(gone, found))["give_notice"]
    said = await act(cast.assisting, found, "terminate", {"ground": "mutual_consent", "reason": "over"})
    assert str(gone.id) in {each["id"] for each in said["proposals"][0]["outstanding"]}


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
    (proposed,) = (await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}"))["proposals"]
    assert str(cast.neighbour.id) in {each["id"] for each in proposed["outstanding"]}
    (its,) = [each for each in said["reported_acts"] if each["agency"]["id"] == str(cast.requesting.id)]
    answered = f"{PATH}/{found['id']}/reported-acts/{its['id']}/confirm"
    done = await cast.requesting.legal.done("POST", answered)
    assert done["proposals"][0]["agreed_at"] is None, "the neighbour has said nothing"


async def test_who_is_in_it_again_is_bound_to_no_newcomer_before_it_has_consented(cast: Cast) -> None:
    found = await renewed_by_two(cast)
    new = cast.stranger
    said = await act(cast.assisting, found, "add-parties", {"agency_ids": [str(new.id)], "reason": "a fourth"})
    await consent(cast.requesting, said, said["proposals"][0])
    await confirm_agreement(found, new, today(), evidence_location="County clerk's vault (demo)")
    shown = await signs_late(cast.neighbour, found)
    assert str(cast.neighbour.id) in {each["id"] for each in shown["proposals"][0]["outstanding"]}
