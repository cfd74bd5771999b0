"""What a party does today counts from when it says so: since midnight it would bind others to hours that are over."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from registry.platform.kernel.time import day_starts_at, utc_now
from tests.agreements.instruments.reporting import answer, report
from tests.agreements.instruments.test_acts_of_earlier_days import amendment, confirmed
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_in_force import TICK, in_force
from tests.agreements.instruments.test_signatures_entered_late import versions_between
from tests.support.agreements import confirm_agreement, record_agreement
from tests.support.cast import ZONE, Cast, today

DRAWER = {"evidence_location": "a drawer (demo)"}


def hand(found: dict[str, Any], **more: str) -> dict[str, str]:
    return {
        "version_sha256": found["version_sha256"],
        "signatory_title": "Sheriff",
        "signed_on": str(today()),
        **DRAWER,
        **more,
    }


def midnight() -> datetime:
    return day_starts_at(today(), ZoneInfo(ZONE))


def joined_at(said: dict[str, Any], place: int) -> datetime:
    return datetime.fromisoformat(said["parties"][place]["joined_at"])


async def test_a_confirmation_of_today_binds_from_now_and_asks_nobody(cast: Cast) -> None:
    found, before = await record_agreement(cast.assisting, cast.requesting), utc_now()
    said = await act(cast.requesting, found, "confirm", hand(found))
    assert said["proposals"] == []
    assert before <= joined_at(said, 1) <= utc_now()
    counts_from = datetime.fromisoformat(said["parties"][1]["signature"]["counts_from"])
    assert counts_from == joined_at(said, 1)
    for at, bound in ((midnight(), 0), (before - TICK, 0), (counts_from, 1)):
        assert len(await in_force(cast.requesting, cast.assisting, at)) == bound


async def test_so_do_its_other_hands_of_today(cast: Cast) -> None:
    """The custodian's that is recorded; one on paper to what is executed; one to an amendment on paper."""
    before = utc_now()
    found = await record_agreement(cast.assisting, cast.neighbour, cast.stranger, signed_on=today())
    assert joined_at(found, 0) >= before
    wet = await act(cast.neighbour, found, "sign", hand(found, manner="wet"))
    assert (joined_at(wet, 1) >= joined_at(found, 0), wet["proposals"]) == (True, [])

    older = await record_agreement(cast.assisting, cast.requesting)
    await confirm_agreement(older, cast.requesting)
    digest = await amendment(cast, older, effective_on=today(), signed_on=today())
    between = utc_now()
    said = await confirmed(cast.requesting, older, digest, today())
    assert said["proposals"] == []
    assert datetime.fromisoformat(said["parties"][1]["signature"]["counts_from"]) >= between
    assert await versions_between(cast.requesting, cast.assisting, between) == [1]
    assert await versions_between(cast.requesting, cast.assisting, utc_now()) == [2]


async def test_an_approval_of_today_fills_no_hour_that_is_over(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting)
    rule = {"required": True, "effective_on": "2025-01-01", "reason": "the charter", "citation": "City code (demo)"}
    await act(cast.requesting, found, "set-approval-rule", rule)
    await confirm_agreement(found, cast.requesting)
    before = utc_now()
    said = await act(
        cast.requesting, found, "record-approval", {"version_no": 1, "body": "Council", "approved_on": str(today())}
    )
    assert said["proposals"] == []
    assert [len(await in_force(cast.requesting, cast.assisting, at)) for at in (before, utc_now())] == [0, 1]


async def test_what_is_reported_of_today_counts_from_the_report_once_it_is_confirmed(cast: Cast) -> None:
    """Not from the hours before it; who did not report it is asked of those since."""
    found, two = await record_agreement(cast.assisting, cast.requesting, cast.neighbour), cast.requesting
    await confirm_agreement(found, cast.neighbour)
    before = utc_now()
    its = {key: value for key, value in hand(found).items() if key not in ("evidence_location", "signed_on")}
    body = {**its, "agency_id": str(two.id), "kind": "signed", "acted_on": str(today()), "reason": "seen at the desk"}
    said, _ = await report(cast.assisting, found, body)
    reported_at = datetime.fromisoformat(said["reported_acts"][-1]["recorded_at"])
    bound = await answer(two, found, said, "confirm")
    asked = [[each["id"] for each in one["outstanding"]] for one in bound["proposals"]]
    assert asked == [[str(cast.neighbour.id)]]
    assert joined_at(bound, 1) >= reported_at >= before
    for other in (cast.assisting, cast.neighbour):
        assert await in_force(two, other, before) == []
        assert len(await in_force(two, other, utc_now())) == 1
