"""A hand of today counts from the beginning of today, as days do in law: the instant of its entry stands beside it."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from registry.platform.kernel.time import day_starts_at, utc_now
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.reporting import PATH
from tests.agreements.instruments.test_in_force import in_force
from tests.support.agreements import record_agreement
from tests.support.cast import ZONE, Agency, Cast, today
from tests.support.service import Service

pytestmark = pytest.mark.second_later


async def confirmed_today(one: Agency, other: Agency) -> dict[str, Any]:
    found = await record_agreement(one, other)
    hand = {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff", "signed_on": str(today())}
    said: dict[str, Any] = await other.legal.done(
        "POST", f"{PATH}/{found['id']}/confirm", {**hand, "evidence_location": "a drawer (demo)"}
    )
    return said


async def test_the_instant_of_a_hand_of_today_is_told_of_the_hours_before_it(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    said = await confirmed_today(one, other)
    (hand,) = (each["signature"] for each in said["parties"] if each["agency"] == other.reference)
    midnight = day_starts_at(today(), ZoneInfo(ZONE))
    entered = datetime.fromisoformat(hand["recorded_at"])
    assert datetime.fromisoformat(hand["counts_from"]) == midnight
    (before,) = await in_force(one, other, midnight)
    assert before["entered_later_at"] == hand["recorded_at"]
    (after,) = await in_force(one, other, entered + timedelta(microseconds=1))
    assert after["entered_later_at"] is None
    query = f"requesting_agency_id={one.id}&assisting_agency_id={other.id}"
    (now,) = (await one.coordinator.done("GET", f"{PATH}/in-force?{query}"))["items"]
    assert now["entered_later_at"] is None

    read = await one.legal.done("GET", f"{PATH}/{said['id']}/timeline")
    (told,) = (
        each["detail"] for each in read["acts"] if each["agency"] == other.reference and each["kind"] == "signed"
    )
    clock = f"{entered.astimezone(ZoneInfo(ZONE)):%H:%M}"
    assert told.endswith(f" It was entered at {clock} there; the day counts whole, from its beginning.")
    assert told in (await unpacked(one.legal, said["id"]))["index.html"].decode()
    assert entered <= utc_now()
