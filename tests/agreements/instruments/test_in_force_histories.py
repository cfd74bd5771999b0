"""In force as SQL answers it, after histories of real commands, against a slow and obvious reading of them.

Each history is a series of things that people do at rising instants around two changes of the clock: sign, confirm,
give their word, amend, suspend, give notice and take it back, have a council approve, terminate. What the registry
refuses has not happened. Then every way in which the service asks who is bound — the pair, the partners, the assets
covered, the candidates of a decision, the status in a list — is held against the reference at each edge of a day and of
an act.
"""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from registry.agreements.instruments.queries.in_force import candidates, covers_asset, partner_in_force
from registry.agreements.instruments.queries.listing import list_agreements
from registry.agreements.instruments.queries.partners import agreements_in_force
from registry.agreements.instruments.schemas.asked import AgreementQuery, InForceQuery
from registry.directory.agencies.tables import agency as agency_table
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.in_force_model import drawn
from tests.agreements.instruments.in_force_play import TICK, Play
from tests.support.cast import Cast
from tests.support.service import Service

pytestmark = pytest.mark.second_long


@pytest.mark.grows
async def test_every_question_about_who_is_bound_is_answered_as_the_history_says(service: Service, cast: Cast) -> None:
    for number, history in enumerate(drawn()):
        play = Play(service, cast, history)
        await play.begin()
        for step in history.steps:
            await play.step(step)
        instants = list(play.instants())
        for at in instants:
            await hold_against_the_service(play, at, instants, f"history {number} at {at}")


async def hold_against_the_service(play: Play, at: datetime, instants: list[datetime], where: str) -> None:
    """One instant, every question; other histories' agreements between the same agencies are left out."""
    read, known = play.service.database.read(), play.known
    one, other = play.parties[0], play.parties[1]
    expected = known.bound(0, at) and known.bound(1, at)
    query = InForceQuery(requesting_agency_id=other.id, assisting_agency_id=one.id, as_of=at)
    found = await agreements_in_force(read, play.caller(1).principal, query, at)
    mine = [item for item in found.items if item.agreement_id == play.agreement_id]
    assert bool(mine) == expected, where
    if mine:
        assert mine[0].version_no == 1 + (known.text_at(at) or 0), where
    tried = [c for c in await candidates(read, other.id, one.id, "k9.patrol", at) if c.id == play.agreement_id]
    assert [c.in_force for c in tried] == [expected] * len(tried), where
    if expected:
        until = tried[0].covers_until
        last = max(instants) if until is None else until - TICK
        assert [known.bound(party, last) for party in (0, 1)] == [True, True], f"{where}, until {until}"
        assert until is None or not (known.bound(0, until) and known.bound(1, until)), f"{where}, until {until}"
    status = known.status(at, instants)
    names: tuple[Any, ...] = ("in_force", "notice_window") if status == "in force" else (status,)
    listed = [
        item.id
        for name in names
        for item in (
            await list_agreements(
                read, play.caller(0).principal, AgreementQuery(status=(name,), as_of=at, limit=200), utc_now()
            )
        ).items
    ]
    assert play.agreement_id in listed, f"{where}: {status}"
    if len(found.items) == len(mine):  # no other history binds the two at that instant
        asked = sa.select(agency_table.c.id).where(
            agency_table.c.id == sa.bindparam("asked", type_=agency_table.c.id.type)
        )
        for criterion in (
            partner_in_force(agency_table.c.id),
            covers_asset(agency_table.c.id, sa.literal("k9.patrol")),
        ):
            rows = await read.all(asked.where(criterion), {"viewer": other.id, "asked": one.id, "at": at})
            assert bool(rows) == expected, where
