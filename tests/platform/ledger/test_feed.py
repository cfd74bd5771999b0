"""The feed's one question: who hears of which events, in which order, and how far it looked."""

import asyncio
import random
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from benchmarks.agreements.__main__ import Listening
from registry.platform.access.permissions import Action, may_ever
from registry.platform.access.principals import Principal, Role
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.ids import new_id
from registry.platform.ledger import feed as feed_module
from registry.platform.ledger.commands import Audience, Event, record_many
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.feed import (
    EVERYTHING,
    FeedReader,
    Heard,
    Sights,
    Wanted,
    events_after,
    reader_for,
    types_named,
)
from registry.platform.ledger.subjects import READ_BY, kinds_told
from registry.platform.ledger.tables import EVERYBODY, ledger_event, ledger_event_agency, ledger_feed, ledger_leaf
from tests.support.ledger import Ledger
from tests.support.plans import plans_of


def principal(agency_id: UUID, *roles: Role, scopes: Collection[str] = ("*",)) -> Principal:
    return Principal(
        subject="somebody",
        agency_id=agency_id,
        roles=frozenset(roles or (Role.COORDINATOR,)),
        scopes=frozenset(scopes),
        token_id="t-1",
        issuer="https://issuer.test",
    )


def reader(agency_id: UUID, *roles: Role, scopes: Collection[str] = ("*",)) -> FeedReader:
    return reader_for(principal(agency_id, *roles, scopes=scopes))


async def hear(
    ledger: Ledger,
    who: FeedReader,
    after: int = -1,
    limit: int = 50,
    *,
    sights: Sights = Sights(),  # noqa: B008  # it has no state
    wanted: Wanted = EVERYTHING,
    read: Read | None = None,
) -> Heard:
    return await events_after(
        read or ledger.database.read(), who, after, limit, sights=sights, now=ledger.now, wanted=wanted
    )


async def tell(
    ledger: Ledger,
    kind: str,
    agencies: Collection[UUID],
    *,
    type_: EventType = EventType.LOAN_RETURNED,
    thing: UUID | None = None,
    agreement_id: UUID | None = None,
    restricted: bool = False,
    audience: Audience = "agencies",
) -> UUID:
    event = Event(
        type=type_,
        subject=(kind, thing or new_id(), 1),
        agencies=agencies,
        data={"secret": "of those who may have it proved"},
        agreement_id=agreement_id,
        restricted=restricted,
        audience=audience,
    )
    async with ledger.work() as write:
        (found,) = record_many(write, ledger.caller(), [event])
    return found


def ids(heard: Heard) -> list[UUID]:
    return [each.id for each in heard.events]


async def test_an_agency_hears_its_own_events_and_everybodys_in_the_ledgers_order(ledger: Ledger) -> None:
    mine, other = new_id(), new_id()
    first = await tell(ledger, "loan", [mine])
    await tell(ledger, "loan", [other])
    second = await tell(ledger, "agency", [other], audience="network")
    third = await tell(ledger, "loan", [other, mine])
    await ledger.seal()
    heard = await hear(ledger, reader(mine))
    assert (ids(heard), heard.looked_to, heard.more) == ([first, second, third], 3, False)
    assert ids(await hear(ledger, reader(mine), after=2)) == [third]
    assert (await hear(ledger, reader(mine), after=3)).looked_to == 3
    assert ids(await hear(ledger, reader(new_id()))) == [second]


async def test_what_is_not_sealed_is_not_told_yet(ledger: Ledger) -> None:
    mine = new_id()
    await tell(ledger, "loan", [mine])
    heard = await hear(ledger, reader(mine))
    assert (heard.events, heard.looked_to, heard.more) == ([], -1, False)


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_hears_of_those_kinds_alone_that_it_may_read(ledger: Ledger, role: Role) -> None:
    mine = new_id()
    told = {kind: await tell(ledger, kind, [mine]) for kind in READ_BY}
    await ledger.seal()
    who = principal(mine, role, scopes=[action.value for action in Action])
    readable = {kind for kind, action in READ_BY.items() if may_ever(who, action)}
    heard = await hear(ledger, reader_for(who), limit=200)
    assert {each.subject_kind for each in heard.events} == readable
    assert set(ids(heard)) == {told[kind] for kind in readable}


async def test_a_token_hears_of_what_its_own_scopes_reach(ledger: Ledger) -> None:
    mine = new_id()
    loan = await tell(ledger, "loan", [mine])
    await tell(ledger, "request", [mine])
    await ledger.seal()
    assert ids(await hear(ledger, reader(mine, Role.SERVICE, scopes=["ledger:read", "loans:read"]))) == [loan]
    assert ids(await hear(ledger, reader(mine, Role.SERVICE, scopes=["loans:read"]))) == []


@pytest.mark.parametrize("role", list(Role))
async def test_data_is_for_those_who_may_have_the_event_proved(ledger: Ledger, role: Role) -> None:
    mine = new_id()
    await tell(ledger, "asset", [mine])
    await ledger.seal()
    who = principal(mine, role, scopes=[action.value for action in Action])
    (event,) = (await hear(ledger, reader_for(who))).events
    assert (event.data is not None) == may_ever(who, Action.LEDGER_PROVE)


async def test_a_restricted_event_is_for_auditors_alone(ledger: Ledger) -> None:
    mine = new_id()
    secret = await tell(ledger, "loan", [mine], restricted=True)
    await ledger.seal()
    assert ids(await hear(ledger, reader(mine, Role.AUDITOR))) == [secret]
    for role in set(Role) - {Role.AUDITOR}:
        assert ids(await hear(ledger, reader(mine, role))) == []


async def test_it_is_filtered_by_type_thing_and_agreement(ledger: Ledger) -> None:
    mine, thing, agreement_id = new_id(), new_id(), new_id()
    by_thing = await tell(ledger, "loan", [mine], thing=thing)
    by_type = await tell(ledger, "loan", [mine], type_=EventType.LOAN_CLOSED)
    by_agreement = await tell(ledger, "request", [mine], type_=EventType.REQUEST_SUBMITTED, agreement_id=agreement_id)
    await ledger.seal()
    who = reader(mine)
    for wanted, expected in (
        (Wanted(subject_id=thing), [by_thing]),
        (Wanted(subject_kind="loan"), [by_thing, by_type]),
        (Wanted(types=types_named(["loan.closed"])), [by_type]),
        (Wanted(types=types_named(["loan.*", "request.submitted"])), [by_thing, by_type, by_agreement]),
        (Wanted(agreement_id=agreement_id), [by_agreement]),
        (Wanted(subject_kind="loan", agreement_id=agreement_id), []),
    ):
        heard = await hear(ledger, who, wanted=wanted)
        assert (ids(heard), heard.looked_to, heard.more) == (expected, 2, False), wanted
    with pytest.raises(KeyError):
        types_named(["loan.nothing"])


async def test_pages_hold_everything_once_whatever_their_size(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "LOOKED_AT_ONCE", 4)
    mine = new_id()
    expected = []
    for number in range(23):
        found = await tell(ledger, "loan" if number % 3 else "client", [mine])
        expected += [found] if number % 3 else []
        await tell(ledger, "loan", [new_id()])
    await ledger.seal()
    for limit in (1, 2, 3, 50):
        got: list[UUID] = []
        after, more = -1, True
        while more:
            heard = await hear(ledger, reader(mine), after, limit)
            got, after, more = got + ids(heard), heard.looked_to, heard.more
        assert got == expected, limit


async def test_where_a_filter_leaves_nothing_it_says_how_far_it_looked(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "LOOKED_AT_ONCE", 4)
    mine = new_id()
    await ledger.record(9, agencies=[mine])
    await ledger.seal()
    heard = await hear(ledger, reader(mine), wanted=Wanted(subject_kind="request"))
    assert (heard.events, heard.looked_to, heard.more) == ([], 3, True)


async def test_what_the_agency_sees_no_more_is_not_told_whatever_it_was_told_then(ledger: Ledger) -> None:
    mine, seen, unseen = new_id(), new_id(), new_id()
    asked: list[Any] = []

    async def see(_read: Read, who: FeedReader, things: Collection[UUID], _now: datetime) -> Collection[UUID]:
        asked.append((who.agency_id, sorted(things)))
        return [seen]

    await tell(ledger, "agreement", [mine], thing=unseen)
    told = await tell(ledger, "agreement", [mine], thing=seen)
    await tell(ledger, "loan", [mine], agreement_id=unseen)
    loan = await tell(ledger, "loan", [mine], agreement_id=seen)
    plain = await tell(ledger, "loan", [mine])
    await ledger.seal()
    heard = await hear(ledger, reader(mine), sights=Sights({"agreement": see}))
    assert ids(heard) == [told, loan, plain]
    assert heard.looked_to == 4
    assert asked == [(mine, sorted([seen, unseen]))]


async def test_a_reader_that_asks_all_the_time_hears_each_event_once_and_in_order(ledger: Ledger) -> None:
    """While many write, the clock is set back, and sealers are killed in the middle of a batch."""
    mine, written = new_id(), asyncio.Event()
    drawn = random.Random(3)
    recorded: list[UUID] = []
    got: list[UUID] = []

    async def write(number: int) -> None:
        for _ in range(12):
            ledger.now -= timedelta(seconds=drawn.randrange(100))
            recorded.extend(await ledger.record(1 + number % 3, agencies=[mine if number % 4 else new_id()], by=mine))
            await asyncio.sleep(0)

    async def seal() -> None:
        while not written.is_set():
            sealer = ledger.another_sealer(batch=3)
            running = asyncio.create_task(sealer.run())
            await asyncio.sleep(drawn.random() / 100)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def read() -> None:
        after = -1
        while not (written.is_set() and set(recorded) <= set(got)):
            heard = await hear(ledger, who, after, 4)
            got.extend(ids(heard))
            after = heard.looked_to
            await asyncio.sleep(0)

    who = reader(mine)
    reading, sealing = asyncio.create_task(read()), [asyncio.create_task(seal()) for _ in range(2)]
    await asyncio.gather(*(write(number) for number in range(8)))
    written.set()
    await asyncio.gather(*sealing)
    for _ in range(3):
        await ledger.seal()
    await asyncio.wait_for(reading, 120)
    assert got == (await ledger.sealed())[: len(got)]
    assert len(got) == len(set(got))


async def test_who_commits_late_is_heard_later_and_not_left_out(ledger: Ledger) -> None:
    """On PostgreSQL a writer that began first may commit last: a reader that has gone on hears it all the same."""
    if ledger.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    mine = new_id()
    slow, fast = ledger.database.write(), ledger.database.write()
    event_ids = [await record_now(ledger, write, mine) for write in (slow, fast)]
    await fast.finish()
    await ledger.seal()
    heard = await hear(ledger, reader(mine))
    assert event_ids[1] in ids(heard)
    assert event_ids[0] not in ids(heard)
    await slow.finish()
    await ledger.seal()
    assert event_ids[0] in ids(await hear(ledger, reader(mine), heard.looked_to))


async def record_now(ledger: Ledger, write: Write, agency_id: UUID) -> UUID:
    """Record an event whose number among those that wait is taken now, before the commit."""
    event = Event(type=EventType.LOAN_RETURNED, subject=("loan", new_id(), 1), agencies=[agency_id], data={})
    (found,) = record_many(write, ledger.caller(), [event])
    for insertion, rows in write._to_insert().items():  # what `finish` would do later
        await write.run(insertion, rows)
    write._deferred.clear()
    return found


async def test_each_event_stands_under_those_whom_it_concerns(ledger: Ledger) -> None:
    await ledger.record(5, agencies=[new_id(), new_id()])
    await ledger.record(2, agencies=[new_id()], audience="network")
    await ledger.seal()
    read = ledger.database.read()
    fed = {(row.agency_id, row.event_id) for row in await read.all(sa.select(ledger_feed))}
    concerned = await read.all(
        sa.select(ledger_event_agency.c.agency_id, ledger_event.c.id, ledger_event.c.audience)
        .join_from(ledger_event_agency, ledger_event, ledger_event.c.id == ledger_event_agency.c.event_id)
        .where(ledger_event.c.id.in_(sa.select(ledger_leaf.c.event_id)))
    )
    assert fed == {(row.agency_id if row.audience == "agencies" else EVERYBODY, row.id) for row in concerned}


async def test_the_question_walks_along_the_agencys_own_events(ledger: Ledger) -> None:
    """However long the ledger is: it reads the own part of one index, and the events found there by their id."""
    listening = Listening(ledger.database.read())
    wanted = Wanted(types=types_named(["loan.*"]), subject_kind="loan")
    await hear(ledger, reader(new_id(), Role.AUDITOR), read=listening, wanted=wanted)
    (plan,) = await plans_of(ledger.database, listening.asked)
    assert "Seq Scan" not in plan
    assert not [line for line in plan.splitlines() if line.strip().startswith("SCAN ledger_")], plan
    assert "agency_id" in plan, plan


def test_nobody_hears_of_anything_without_a_role() -> None:
    assert kinds_told(principal(new_id(), scopes=())) == frozenset()
