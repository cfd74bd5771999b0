"""The walk of who may do what to whom is able to fail: with a rule taken away it finds what that rule forbids."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from registry.agreements.instruments.commands import proposing
from registry.agreements.instruments.commands.settling import proposed, published
from registry.agreements.instruments.consent import Consenting
from registry.agreements.instruments.queries import getting
from registry.platform.kernel.time import utc_now
from tests.support.cast import make_cast
from tests.support.consent_walk import walk_through
from tests.support.consent_walk_bodies import PATH, Walk
from tests.support.consent_walk_facts import facts_of, got_rid_of_others, wrongs
from tests.support.consent_walk_states import STATES, bound_agreement, successors_of
from tests.support.service import Service


@pytest.mark.second_long
async def test_the_walk_finds_who_frees_itself_by_a_successor(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where those who did not sign the successor are not waited for: it must be able to fail."""

    def without_waiting(not_before: datetime, asked: Sequence[Consenting]) -> datetime:
        return max([not_before, *(each.given_at for each in asked if each.given_at is not None)])

    cast = await make_cast(service)
    parties = [cast.assisting, cast.requesting, cast.neighbour]
    found, (*_, of_two, _whole) = await bound_agreement(service, *parties), await successors_of(service, cast, parties)
    walk = Walk(service=service, cast=cast, parties=parties, found=found, successors=[of_two])
    before = await facts_of(walk)
    monkeypatch.setattr(proposed, "agreed_at", without_waiting)
    path, body = f"{PATH}/{found['id']}", {"by_agreement_id": of_two, "reason": "walked"}
    said = await cast.assisting.legal.done("POST", f"{path}/supersede", body)
    its = said["reported_acts"][0]["id"]
    await cast.requesting.legal.done("POST", f"{path}/reported-acts/{its}/confirm")
    after = await facts_of(walk)
    assert list(got_rid_of_others(walk, before, after, cast.assisting.id))


@pytest.mark.second_long
async def test_the_walk_finds_who_moves_days_of_two_others_that_are_over(service: Service) -> None:
    """Whose windows stay as they are: only to whom they are bound by them is another."""
    cast = await make_cast(service)
    parties = [cast.assisting, cast.requesting, cast.neighbour]
    found = await STATES["an amendment signed by two"](service, *parties)
    walk = Walk(service=service, cast=cast, parties=parties, found=found)
    facts = await facts_of(walk)
    one, other, third = (party.id for party in parties)
    assert {frozenset(pair) for pair in facts.pairs} == {
        frozenset(p) for p in ((one, other), (one, third), (other, third))
    }
    pair = next(each for each in facts.pairs if frozenset(each) == {other, third})
    moved = msgspec.structs.replace(facts, pairs={**facts.pairs, pair: []})
    assert [*wrongs(walk, facts, facts, one)] == []
    assert any("days that are over" in each for each in wrongs(walk, facts, moved, one))


@pytest.mark.second_long
async def test_the_walk_finds_who_ends_an_agreement_for_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same walk where outstanding consents are not waited for: it must be able to fail."""

    def without_waiting(not_before: datetime, asked: Sequence[Consenting]) -> datetime:
        return max([not_before, *(each.given_at for each in asked if each.given_at is not None)])

    monkeypatch.setattr(proposed, "agreed_at", without_waiting)
    chosen = [("bound", 3, operation, 0) for operation in ("terminate_agreement", "add_agreement_parties")]
    _, faults = await walk_through(service, await make_cast(service), chosen)
    assert any("windows" in fault for fault in faults), faults
    assert any("who is let in" in fault for fault in faults), faults


@pytest.mark.second_long
async def test_no_yes_of_those_that_are_left_takes_away_the_days_of_who_left_before(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found where those alone are asked that are bound today, and not as it is."""

    def of_today(parts: Mapping[UUID, Any], at: datetime, _kind: object = None) -> list[UUID]:
        return proposed.bound_now(parts, max(at, utc_now()))

    cast = await make_cast(service)
    chosen = [("an end of days before one left", 3, "consent_to_agreement_proposal", 1)]
    assert await walk_through(service, cast, chosen) == (1, [])
    monkeypatch.setattr(proposing, "bound_since", of_today)
    _, faults = await walk_through(service, cast, chosen)
    assert any(f"the windows of {cast.neighbour.name}" in fault for fault in faults), faults


@pytest.mark.second_long
async def test_the_walk_finds_what_is_shown_of_others_before_it_has_effect(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same walk where pending reports are shown as what they say: it must be able to fail."""

    async def nothing_is_pending(*_: object) -> None:
        return None

    monkeypatch.setattr(getting, "without_pending", nothing_is_pending)
    _, faults = await walk_through(service, await make_cast(service), [("bound", 2, "report_agreement_act", 0)])
    assert any("what is shown of" in fault for fault in faults), faults


@pytest.mark.second_long
async def test_the_walk_finds_who_publishes_for_others(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same walk where outstanding words are not waited for: it must be able to fail."""

    def without_waiting(words: Iterable[bool | None], *, before: bool) -> bool:
        return True in tuple(words) or before

    monkeypatch.setattr(published, "stays_published", without_waiting)
    chosen = [("bound", 3, operation, 0) for operation in ("file_document", "record_agreement")]
    _, faults = await walk_through(service, await make_cast(service), chosen)
    assert any("has not published" in fault for fault in faults), faults
    assert any("what one alone made" in fault for fault in faults), faults
