"""Whatever happens to an agreement, its timeline says of each instant what decisions rest on, and why it changes."""

from collections.abc import Sequence
from datetime import datetime
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from registry.agreements.instruments.queries.partners import agreements_in_force
from registry.agreements.instruments.schemas.asked import InForceQuery
from registry.agreements.timeline.queries import get_timeline
from registry.agreements.timeline.schemas import BoundWindow
from tests.agreements.instruments import in_force_model, test_histories_in_any_order
from tests.agreements.instruments.in_force_play import TICK, Play
from tests.agreements.instruments.test_histories_in_any_order import NOW, Entering
from tests.support.cast import Cast
from tests.support.length import at_length
from tests.support.service import Service

pytestmark = [pytest.mark.grows, pytest.mark.one_database]
MOST = at_length(5, 12, 500)


def at(windows: Sequence[BoundWindow], instant: datetime) -> set[int | None]:
    """The versions that bind then."""
    return {each.version_no for each in windows if each.start <= instant and (each.end is None or instant < each.end)}


async def check(service: Service, principal: Any, agreement_id: Any, now: datetime, where: object) -> None:
    """Around every edge the parties are bound as decisions take them to be, and every edge has an act."""
    read = service.database.read()
    timeline, _ = await get_timeline(read, principal, agreement_id, now)
    numbers = {each.act_no for each in timeline.acts}
    edges = set[datetime]()
    for party in timeline.parties:
        for window in party.windows:
            assert window.bound_by, f"{party.agency.name} signed version {window.version_no}: {where}"
            assert window.begins_by, f"why {party.agency.name} is bound from {window.start}: {where}"
            assert window.ends_by or window.end is None, f"why {party.agency.name} is until {window.end}: {where}"
            assert {*window.bound_by, *window.begins_by, *window.ends_by} <= numbers
            edges |= {window.start} | ({window.end} if window.end is not None else set())
    for instant in sorted({*edges, *(edge - TICK for edge in edges), now}):
        bound: dict[UUID, set[int | None]] = {each.agency.id: set() for each in timeline.parties}
        for one, other in combinations(bound, 2):
            query = InForceQuery(requesting_agency_id=one, assisting_agency_id=other, as_of=instant)
            for each in (await agreements_in_force(read, principal, query, now)).items:
                if each.agreement_id == agreement_id:
                    bound[one].add(each.version_no)
                    bound[other].add(each.version_no)
        for party in timeline.parties:
            assert at(party.windows, instant) == bound[party.agency.id], f"{party.agency.name} at {instant}: {where}"


async def test_of_acts_as_they_happen(service: Service, cast: Cast) -> None:
    for history in in_force_model.drawn()[:MOST]:
        play = Play(service, cast, history)
        await play.begin()
        for step in history.steps:
            await play.step(step)
        await check(service, play.caller(0).principal, play.agreement_id, play.now, history)


async def test_of_papers_found_in_any_order(service: Service, cast: Cast) -> None:
    for history in test_histories_in_any_order.drawn()[:MOST]:
        entering = Entering(service, cast, history)
        await entering.begin()
        for number in range(len(history.facts) + 2):
            await entering.enters(number)  # but for a notice of who is bound to nobody any more
        await check(service, entering.caller(1).principal, entering.agreement_id, NOW, history)
