"""Nobody binds another for the past on its own word: what a party says now of an earlier day counts from now.

From its day it counts once those agree, or do not contest for 14 days, who would be bound backwards by it, unless they
had said that day themselves.
"""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from registry.agreements.instruments.commands import holding
from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import DAY, PATH, answer, report
from tests.agreements.instruments.test_acts_of_earlier_days import earlier_day, waiting
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_in_force import in_force
from tests.support.agreements import confirm_alone, record_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, proof
from tests.support.service import Service

pytestmark = pytest.mark.second_later

DRAWER = {"evidence_location": "in a drawer"}
SIGNED, THEN = date(2020, 9, 1), datetime(2020, 10, 1, 12, tzinfo=UTC)


async def recorded(*parties: Agency) -> dict[str, Any]:
    """A paper of 2020 that the first party enters today, with its own hand of July."""
    return await record_agreement(*parties, effective_on="2020-08-01", signed_on="2020-07-20")


async def bound(one: Agency, other: Agency, at: datetime | None = None) -> bool:
    return bool(await in_force(one, other, at))


@pytest.mark.parametrize("shown", [{}, DRAWER])
async def test_a_confirmation_of_an_earlier_day_binds_the_other_from_now_until_it_agrees(
    cast: Cast, shown: dict[str, str]
) -> None:
    one, other = cast.assisting, cast.requesting
    found = await recorded(one, other)
    said = await confirm_alone(found, other, SIGNED, **shown)
    assert waiting(said) == [str(one.id)]
    assert [await bound(one, other, at) for at in (THEN, utc_now() - DAY, None)] == [False, False, True]
    hand = said["parties"][1]["signature"]
    assert (hand["signed_on"], hand["counts_from"]) == (str(SIGNED), hand["recorded_at"])
    await consent(one, found, earlier_day(said))
    assert [await bound(one, other, at) for at in (THEN, None)] == [True, True]


async def test_a_hand_on_paper_that_is_signed_in_is_put_to_the_other_likewise(cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await recorded(one, other)
    wet = {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff", "manner": "wet"}
    said = await other.legal.done("POST", f"{PATH}/{found['id']}/sign", {**wet, "signed_on": str(SIGNED), **DRAWER})
    assert waiting(said) == [str(one.id)]
    assert [await bound(one, other, at) for at in (THEN, None)] == [False, True]


async def test_who_contests_the_day_is_bound_from_the_recording_alone(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await recorded(one, other)
    said = await confirm_alone(found, other, SIGNED, evidence_sha256=await proof(other, found))
    await answer(one, found, said, "contest")
    await holding.settle_all_due(service.database, utc_now() + 2 * CONTEST_PERIOD)
    assert [await bound(one, other, at) for at in (THEN, None)] == [False, True]


@pytest.mark.parametrize("on_file", [True, False])
async def test_silence_agrees_to_the_day_that_a_paper_on_file_shows_and_to_no_drawer(
    service: Service, cast: Cast, on_file: bool
) -> None:
    one, other = cast.assisting, cast.requesting
    found = await recorded(one, other)
    shown = {"evidence_sha256": await proof(other, found)} if on_file else DRAWER
    said = await confirm_alone(found, other, SIGNED, **shown)
    assert [each["status"] for each in said["reported_acts"]] == ["open" if on_file else "unconfirmed"]
    for days, agreed in ((13, False), (15, on_file)):
        await holding.settle_all_due(service.database, utc_now() + days * DAY)
        assert await bound(one, other, THEN) is agreed


@pytest.mark.parametrize("about", [{}, {"version_no": 1}])
async def test_who_filed_the_signed_copy_has_named_no_day_and_is_asked(cast: Cast, about: dict[str, int]) -> None:
    one, other = cast.assisting, cast.requesting
    found = await recorded(one, other)
    digest = await proof(one, found, **about)
    said = await confirm_alone(found, other, SIGNED, evidence_sha256=digest)
    assert waiting(said) == [str(one.id)]
    assert not await bound(one, other, THEN)
    await consent(one, found, said["proposals"][-1])
    assert await bound(one, other, THEN), "with one act of who filed it"


async def test_a_copy_of_the_signed_agreement_shows_no_approval(cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await recorded(one, other)
    rule = {"required": True, "effective_on": str(SIGNED), "reason": "the charter", "citation": "City code (demo)"}
    await act(other, found, "set-approval-rule", rule)
    said = await confirm_alone(found, other, SIGNED)
    if said["proposals"]:
        await consent(one, found, said["proposals"][-1])
    shown = {"evidence_sha256": await proof(one, found, version_no=1)}
    approval = {"version_no": 1, "body": "City council", "approved_on": str(SIGNED), **shown}
    said = await act(other, found, "record-approval", approval)
    assert waiting(said) == [str(one.id)]
    assert not await bound(one, other, THEN)


@pytest.mark.parametrize("kind", ["exhibit", "evidence"])
async def test_what_only_goes_with_the_file_shows_no_hand(cast: Cast, kind: str) -> None:
    """A letter that says the contrary is on file, too: who filed it as no signed copy has agreed to no hand."""
    one, other = cast.assisting, cast.requesting
    found = await recorded(one, other)
    said = await confirm_alone(found, other, SIGNED, evidence_sha256=await proof(one, found, kind=kind))
    assert waiting(said) == [str(one.id)]


async def test_who_reported_that_very_day_has_said_it_itself(cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    for day, asked in ((SIGNED, []), (date(2020, 8, 15), [str(one.id)])):
        found = await recorded(one, other)
        act = {"agency_id": str(other.id), "kind": "signed", "acted_on": str(SIGNED), "reason": "a copy"}
        act |= {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff"}
        await report(one, found, act)
        said = await confirm_alone(found, other, day)
        assert [each["id"] for p in said["proposals"] for each in p["outstanding"]] == asked, day


async def test_a_report_of_a_signature_that_is_confirmed_reaches_back_to_who_reported_it_and_others_are_asked(
    cast: Cast,
) -> None:
    one, other, third = cast.assisting, cast.requesting, cast.neighbour
    found = await recorded(one, other, third)
    assert waiting(await confirm_alone(found, third, SIGNED)) == [str(one.id)]
    act = {"agency_id": str(other.id), "kind": "signed", "acted_on": str(SIGNED), "reason": "a copy"}
    act |= {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff"}
    _, its_report = await report(one, found, act)
    said = await other.legal.done("POST", f"{its_report}/confirm")
    assert waiting(said) == [str(third.id)], "who reported it has said so"
    assert not await bound(other, third, THEN)
    await consent(third, found, earlier_day(said))
    assert [await bound(each, other, THEN) for each in (one, third)] == [True, False], "its own day waits yet"


async def test_a_hand_of_today_is_put_to_nobody(cast: Cast) -> None:
    found = await recorded(cast.assisting, cast.requesting)
    said = await confirm_alone(found, cast.requesting, today())
    assert said["proposals"] == []
