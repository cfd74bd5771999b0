"""That nobody lent in time is read at once, and recorded in the background: as of the end, told to both sides."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

import msgspec

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window, format_instant, utc_now
from registry.sharing.loans.commands import reserving
from registry.sharing.loans.schemas.given import NewLoan
from registry.sharing.requests.commands import asking
from registry.sharing.requests.commands.expiring import GRACE, expire_all_due
from registry.sharing.requests.rules import TIME_OVER
from registry.sharing.requests.schemas.given import NewRequest
from registry.sharing.requests.schemas.shown import ResourceRequest
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.policy import acting_for, policies_of
from tests.support.requests import act, line_for


@cache
def before() -> datetime:
    """When everything here was asked for."""
    return utc_now().replace(microsecond=0) - timedelta(days=20)


def hours(*ends: float) -> list[Window]:
    """Windows that begin an hour after it was asked, and end so many hours after that."""
    start = before() + timedelta(hours=1)
    return [Window(start=start, end=start + timedelta(hours=end)) for end in ends]


async def asked(cast: Cast, windows: Sequence[Window], *, submit: bool = True) -> ResourceRequest:
    """A request that was made, and submitted, long ago."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={}, effective_on="2020-01-01")
    lines = [line_for(await make_asset(cast.assisting), window=window) for window in windows]
    new = msgspec.convert({"purpose": "mutual_aid", "summary": "x", "lines": lines}, NewRequest)
    then = acting_for(cast.requesting, Role.COORDINATOR, now=before())
    database = cast.requesting.service.database
    async with unit_of_work(database) as write:
        made = await asking.create_request(write, then, new)
    if submit:
        async with unit_of_work(database) as write:
            made = await asking.submit_request(write, then, policies_of(cast.requesting.service), made.id)
    return made


async def expire(cast: Cast, now: datetime) -> None:
    """What the background round does at that moment."""
    database = cast.requesting.service.database
    await expire_all_due(database.read(), partial(unit_of_work, database), now)


async def told(agency: Agency, request_id: UUID) -> list[dict[str, Any]]:
    """The events of expiry in the request's history, the oldest first."""
    page = await agency.auditor.done("GET", f"/v1/requests/{request_id}/history?sort=version")
    return [event for event in page["items"] if event["type"].endswith("expired")]


async def test_expiry_is_recorded_as_of_the_end_and_told_to_both_sides(cast: Cast) -> None:
    (window,) = hours(5)
    made = await asked(cast, [window])
    path = f"/v1/requests/{made.id}"
    read = await cast.requesting.coordinator.done("GET", path)
    assert (read["status"], read["version"]) == ("expired", made.version)
    versions = [(await side.coordinator.done("GET", path))["version"] for side in (cast.requesting, cast.assisting)]
    now = utc_now()
    await expire(cast, now)
    for side, version in zip((cast.requesting, cast.assisting), versions, strict=True):
        seen = await side.coordinator.done("GET", path)
        (line,) = seen["lines"]
        assert (seen["status"], line["status"], seen["version"]) == ("expired", "expired", version + 1)
        ended = line["ended"]
        assert (ended["reason"], ended["by_agency"], ended["reason_code"]) == (TIME_OVER, None, None)
        assert ended["ended_at"] == read["lines"][0]["ended"]["ended_at"] == msgspec.to_builtins(window.end)
        event, *of_all = await told(side, made.id)
        assert event["type"] == "request.line_expired"
        # Whether all of it expired is told to the requesting agency, which sees all of it.
        assert [each["type"] for each in of_all] == (["request.expired"] if side is cast.requesting else [])
        assert (event["occurred_at"], event["recorded_at"]) == (format_instant(window.end), format_instant(now))
        assert [each["status"] for each in event["data"]["lines"]] == [{"from": "permitted", "to": "expired"}]
    await expire(cast, utc_now())
    assert len(await told(cast.requesting, made.id)) == 2
    assert seen["updated_at"] == msgspec.to_builtins(now), "copies are told that it changed"


async def test_each_line_expires_by_its_own_time_and_the_request_with_the_last(cast: Cast) -> None:
    made = await asked(cast, hours(5, 9))
    between = before() + timedelta(hours=7)
    await expire(cast, between)
    assert [event["type"] for event in await told(cast.assisting, made.id)] == ["request.line_expired"]
    await expire(cast, utc_now())
    events = await told(cast.assisting, made.id)
    assert [event["type"] for event in events] == ["request.line_expired", "request.line_expired"]
    assert [event["data"]["lines"][0]["no"] for event in events] == [1, 2]


async def test_nothing_expires_that_was_lent_or_withdrawn_or_not_asked(cast: Cast) -> None:
    (window,) = hours(5)
    lent, drafted = await asked(cast, [window]), await asked(cast, [window], submit=False)
    gone = await asked(cast, [window])
    database, policies = cast.requesting.service.database, policies_of(cast.requesting.service)
    owner = acting_for(cast.assisting, Role.COORDINATOR, now=before())
    decision = lent.lines[0].decision
    assert decision is not None
    async with unit_of_work(database) as write:
        await reserving.reserve(write, owner, policies, NewLoan(decision_id=decision.id))
    async with unit_of_work(database) as write:
        asker = acting_for(cast.requesting, Role.COORDINATOR, now=before())
        await asking.withdraw_request(write, asker, gone.id, "not needed (demo)")
    await expire(cast, utc_now())
    for made, status in ((lent, "filled"), (drafted, "draft"), (gone, "withdrawn")):
        seen = await cast.requesting.coordinator.done("GET", f"/v1/requests/{made.id}")
        assert seen["status"] == status
        assert await told(cast.requesting, made.id) == []


async def test_what_may_still_be_on_its_way_is_not_recorded_as_expired(cast: Cast) -> None:
    (window,) = hours(5)
    made = await asked(cast, [window])
    await expire(cast, window.end + GRACE - timedelta(microseconds=1))
    assert await told(cast.requesting, made.id) == []
    await expire(cast, window.end + GRACE)
    assert len(await told(cast.requesting, made.id)) == 2


async def test_what_was_over_when_its_request_was_closed_stays_expired(cast: Cast) -> None:
    made = await asked(cast, hours(2, 1000))
    closed = await act(cast.requesting.as_(Role.APPROVER, subject="commander"), {"id": str(made.id)}, "close-manually")
    assert [line["status"] for line in closed["lines"]] == ["expired", "withdrawn"]
