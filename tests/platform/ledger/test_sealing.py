"""The sealer: contiguous places, one for each committed event, in an order that no clock decides; and checkpoints."""

import asyncio
import random
from datetime import timedelta

import pytest
import sqlalchemy as sa

from registry.platform.database.handles import Write
from registry.platform.encryption import SecretKeys
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.ids import new_id
from registry.platform.ledger import sealing as sealing_module
from registry.platform.ledger.merkle import Growth, leaf_hash
from registry.platform.ledger.notes import parse_checkpoint, parse_note, verified_by
from registry.platform.ledger.sealing import BATCH, LATE_SECONDS, OK
from registry.platform.ledger.signing import LedgerKeys, known_keys, rotate_key
from registry.platform.ledger.tables import ledger_leaf, ledger_signing_key
from tests.platform.ledger.test_merkle import mth
from tests.support.ledger import ORIGIN, SECRET, Ledger, literal, tamper
from tests.support.logs import logged_by


async def test_each_event_gets_a_place_and_its_hash_and_waits_no_more(ledger: Ledger) -> None:
    ids = await ledger.record(3)
    assert await ledger.unsealed() == 3
    await ledger.seal()
    assert (await ledger.sealed())[:3] == ids
    contents = await ledger.contents()
    rows = await ledger.database.read().all(sa.select(ledger_leaf).order_by(ledger_leaf.c.seq))
    for row, content in zip(rows, contents, strict=True):
        assert row.leaf_hash == leaf_hash(content)
        assert row.root_hash == mth(contents[: row.seq + 1])


async def test_what_is_sealed_over_many_batches_is_one_tree_with_its_stored_subtrees(ledger: Ledger) -> None:
    for count in (1, 255, 300, BATCH, 7):
        await ledger.record(count)
    await ledger.seal()
    await ledger.seal()  # the making of the key is an event, too
    contents = await ledger.contents()
    assert len(contents) == 820
    assert await ledger.unsealed() == 0
    assert await ledger.nodes() == {
        (level, n): mth(contents[n << level : (n + 1) << level]) for level in (4, 8) for n in range(820 >> level)
    }


async def test_another_process_goes_on_with_the_same_tree(ledger: Ledger) -> None:
    await ledger.record(300)
    await ledger.seal()
    other = ledger.another_sealer()
    for each in (other, ledger.sealer, other):
        await ledger.record(100)
        await each.run()
    await ledger.seal()
    contents = await ledger.contents()
    last = (await ledger.checkpoints())[-1]
    assert (last.tree_size, last.root_hash) == (601, mth(contents))


async def test_sealers_at_the_same_time_seal_each_event_once(ledger: Ledger) -> None:
    sealers = [ledger.another_sealer(batch=7) for _ in range(4)]
    stop = asyncio.Event()

    async def seal(index: int) -> None:
        while not stop.is_set():
            await sealers[index].run()
            await asyncio.sleep(0)

    running = [asyncio.create_task(seal(index)) for index in range(4)]
    recorded = [each for _ in range(40) for each in await ledger.record(random.randint(1, 9))]
    stop.set()
    await asyncio.gather(*running)
    await ledger.seal()
    sealed = await ledger.sealed()
    assert sorted(set(sealed) & set(recorded)) == sorted(recorded)
    assert len(sealed) == len(set(sealed)) == len(recorded) + 1
    await ledger.seal()
    assert (await ledger.checkpoints())[-1].root_hash == mth(await ledger.contents())


async def test_writers_that_commit_in_another_order_than_they_began_lose_nothing(ledger: Ledger) -> None:
    """On PostgreSQL a slow writer's lower number appears after a higher one was sealed; it is sealed all the same."""
    if ledger.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    slow, fast = ledger.database.write(), ledger.database.write()
    for write in (slow, fast):
        await _record_now(ledger, write)
    await fast.finish()
    await ledger.seal()
    await ledger.seal()  # the event of the new key
    assert await ledger.unsealed() == 0
    await slow.finish()
    assert await ledger.unsealed() == 1
    await ledger.seal()
    assert await ledger.unsealed() == 0
    assert len(await ledger.sealed()) == 3


async def _record_now(ledger: Ledger, write: Write) -> None:
    """Insert an event without waiting for the commit: the number in the list is taken now."""
    from registry.platform.ledger.commands import record
    from registry.platform.ledger.event_types import EventType

    record(
        write, ledger.caller(), EventType.LOAN_RETURNED, subject=("loan", new_id(), 1), agencies=[], data={"at": "once"}
    )
    for insertion, rows in write._to_insert().items():  # what `finish` would do later
        await write.run(insertion, rows)
    write._deferred.clear()


async def test_concurrent_writers_and_a_sealer_leave_nothing_out(ledger: Ledger) -> None:
    recorded: list[list[object]] = []

    async def write(number: int) -> None:
        for _ in range(15):
            recorded.append(list(await ledger.record(1 + number % 3)))
            await asyncio.sleep(0)

    async def seal() -> None:
        for _ in range(60):
            await ledger.sealer.run()
            await asyncio.sleep(0.001)

    await asyncio.gather(seal(), *(write(number) for number in range(8)))
    await ledger.seal()
    await ledger.seal()
    everything = {each for ids in recorded for each in ids}
    assert everything <= set(await ledger.sealed())
    assert await ledger.unsealed() == 0
    assert (await ledger.checkpoints())[-1].root_hash == mth(await ledger.contents())


async def test_a_clock_that_is_set_back_changes_no_order(ledger: Ledger) -> None:
    thing = new_id()
    ids = []
    for version in range(1, 6):
        ledger.now -= timedelta(days=1)
        ids += await ledger.record(thing=thing, version=version)
    await ledger.seal()
    assert (await ledger.sealed())[:5] == ids
    before = len(await ledger.checkpoints())
    ledger.now -= timedelta(days=400)
    await ledger.record()
    await ledger.seal()
    assert len(await ledger.checkpoints()) == before + 1, "a checkpoint is not put off until the clock is right again"


async def test_ids_that_are_drawn_out_of_order_change_no_order(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id holds the time of a clock: one that was set back draws lower ids for later events."""
    drawn = sorted((new_id() for _ in range(20)), reverse=True)
    monkeypatch.setattr("registry.platform.ledger.commands.new_id", lambda: drawn.pop(0))
    ids = [each for _ in range(10) for each in await ledger.record()]
    assert ids == sorted(ids, reverse=True)
    monkeypatch.undo()
    await ledger.seal()
    assert (await ledger.sealed())[:10] == ids


async def test_a_transaction_that_is_lost_seals_nothing_and_the_next_one_everything(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.record(300)
    await ledger.seal()
    await ledger.record(300)
    finish = type(ledger.database.write()).finish

    async def lost(write: Write) -> None:
        if write._deferred:  # a batch of the sealer
            raise Busy("nothing was stored", "commit_failed")
        await finish(write)

    monkeypatch.setattr(type(ledger.database.write()), "finish", lost)
    with pytest.raises(Busy):
        await ledger.sealer.run()
    monkeypatch.undo()
    assert await ledger.unsealed() == 301
    await ledger.seal()
    assert await ledger.unsealed() == 0
    assert (await ledger.checkpoints())[-1].root_hash == mth(await ledger.contents())


async def test_a_checkpoint_is_a_signed_note_of_the_tree(ledger: Ledger) -> None:
    await ledger.record(5)
    await ledger.seal()
    (row,) = await ledger.checkpoints()
    note = parse_note(row.note)
    (key,) = await known_keys(ledger.database.read())
    assert verified_by(note, [key.verifier]) == [key.verifier]
    checkpoint = parse_checkpoint(note)
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, 5)
    assert checkpoint.root == row.root_hash == mth((await ledger.contents())[:5])
    assert row.signed_at == ledger.now
    await ledger.seal()
    assert [each.tree_size for each in await ledger.checkpoints()] == [5, 6]
    await ledger.seal()
    assert len(await ledger.checkpoints()) == 2, "nothing was sealed since"


async def test_a_checkpoint_waits_until_enough_is_sealed_or_enough_time_is_over(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("registry.platform.ledger.sealing.time.monotonic", lambda: clock[0])
    sealer = ledger.another_sealer(every_events=10, every_seconds=60.0)
    await ledger.record(9)
    await sealer.run()
    await sealer.run()
    assert await ledger.checkpoints() == []
    await ledger.record(1)
    await sealer.run()
    await sealer.run()
    assert [each.tree_size for each in await ledger.checkpoints()] == [10]
    await sealer.run()  # the event of the new key
    clock[0] += 59
    await sealer.run()
    assert len(await ledger.checkpoints()) == 1
    clock[0] += 2
    await sealer.run()
    assert [each.tree_size for each in await ledger.checkpoints()] == [10, 11]


async def test_without_keys_for_secrets_events_are_sealed_and_none_is_signed_which_is_no_fault(ledger: Ledger) -> None:
    sealer = ledger.another_sealer(keys=LedgerKeys(SecretKeys([])))
    await ledger.record(3)
    await sealer.run()
    assert await ledger.unsealed() == 0
    assert await ledger.checkpoints() == []
    assert (sealer.signs, await sealer.check()) == (False, OK)


async def test_that_checkpoints_are_signed_no_longer_since_the_keys_were_taken_away_is_a_fault(ledger: Ledger) -> None:
    await ledger.record(3)
    await ledger.seal()
    assert (ledger.sealer.signs, await ledger.sealer.check()) == (True, OK)
    without = ledger.another_sealer(keys=LedgerKeys(SecretKeys([])))
    await without.run()
    assert (await without.check()).startswith("checkpoints are signed no longer: set REGISTRY_SECRET_KEYS")


async def test_a_key_that_cannot_be_read_is_said_and_stops_no_sealing(ledger: Ledger) -> None:
    await ledger.record(1)
    await ledger.seal()
    sealer = ledger.another_sealer(keys=LedgerKeys(SecretKeys([bytes(range(1, 33))])))
    with logged_by(sealing_module) as logged:
        for _ in range(2):
            await ledger.record(1)
            await sealer.run()
    assert await ledger.unsealed() == 0
    assert "the key cannot be read" in await sealer.check()
    assert [line["event"] for line in logged] == ["the key that signs checkpoints cannot be read"]
    assert len(await ledger.checkpoints()) == 1
    both = ledger.another_sealer(keys=LedgerKeys(SecretKeys([bytes(range(1, 33)), SECRET])))
    await both.run()
    assert await both.check() == "ok"
    assert len(await ledger.checkpoints()) == 2


async def test_an_event_that_waits_is_told_after_five_seconds_also_with_a_clock_set_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.record(1)
    assert await ledger.sealer.check() == "ok"
    ledger.now += timedelta(seconds=LATE_SECONDS + 2)
    assert await ledger.sealer.check() == "the oldest event that is not sealed has waited for 7 s"
    ledger.now -= timedelta(days=1)
    assert await ledger.sealer.check() == "ok", "this process has only just seen it"
    clock = [5_000.0]
    monkeypatch.setattr("registry.platform.ledger.sealing.time.monotonic", lambda: clock[0])
    await ledger.sealer._look()  # as a run that cannot seal
    clock[0] += 9
    assert "has waited for 9 s" in await ledger.sealer.check()


async def test_a_new_key_signs_beside_the_old_one_until_its_time_is_over(ledger: Ledger) -> None:
    await ledger.record(1)
    await ledger.seal()
    async with ledger.work() as write:
        new = await rotate_key(write, ledger.keys, ledger.caller(), at_once=False)
    await ledger.seal()
    old = (await known_keys(ledger.database.read()))[0].verifier
    assert new.name == old.name == ORIGIN
    note = parse_note((await ledger.checkpoints())[-1].note)
    assert set(verified_by(note, [old])) == {old}
    assert set(verified_by(note, [new])) == {new}
    ledger.now += timedelta(days=31)
    await ledger.record(1)
    await ledger.seal()
    note = parse_note((await ledger.checkpoints())[-1].note)
    assert verified_by(note, [old]) == []
    assert verified_by(note, [new]) == [new]
    stored = await ledger.database.read().all(
        sa.select(ledger_signing_key.c.private_key).order_by(ledger_signing_key.c.id)
    )
    assert [row.private_key is None for row in stored] == [True, False]


async def test_a_key_in_wrong_hands_signs_no_longer_at_once(ledger: Ledger) -> None:
    await ledger.record(1)
    await ledger.seal()
    async with ledger.work() as write:
        await rotate_key(write, ledger.keys, ledger.caller(), at_once=True)
    await ledger.seal()
    old, new = (each.verifier for each in await known_keys(ledger.database.read()))
    note = parse_note((await ledger.checkpoints())[-1].note)
    assert (verified_by(note, [old]), verified_by(note, [new])) == ([], [new])


async def test_two_that_rotate_at_once_leave_one_key_that_signs(ledger: Ledger) -> None:
    await ledger.record(1)
    await ledger.seal()

    async def rotate() -> None:
        async with ledger.work() as write:
            await rotate_key(write, ledger.keys, ledger.caller(), at_once=False)

    await asyncio.gather(*(rotate() for _ in range(4)))
    known = await known_keys(ledger.database.read())
    assert len(known) == 5
    assert [each.retired_at is None for each in known].count(True) == 1


async def test_two_that_begin_at_once_make_one_key(private_url: str, ledger: Ledger) -> None:
    await ledger.record(4)
    others = [ledger.another_sealer() for _ in range(4)]
    await asyncio.gather(*(each.run() for each in others))
    assert len(await known_keys(ledger.database.read())) == 1


@pytest.mark.parametrize("what", ["leaf", "node", "root", "truncated"])
async def test_nothing_is_sealed_on_top_of_a_tree_that_was_changed(private_url: str, ledger: Ledger, what: str) -> None:
    await ledger.record(600)
    await ledger.seal()
    await ledger.seal()
    statement = {
        "leaf": f"UPDATE ledger_leaf SET leaf_hash = {literal(private_url, bytes(32))} WHERE seq = 599",
        "node": f"UPDATE ledger_node SET hash = {literal(private_url, bytes(32))} WHERE number = 1",
        "root": f"UPDATE ledger_leaf SET root_hash = {literal(private_url, bytes(32))} WHERE seq = 600",
        "truncated": "DELETE FROM ledger_leaf WHERE seq > 590",
    }[what]
    await tamper(private_url, statement)
    sealer = ledger.another_sealer()
    await ledger.record(1)
    with logged_by(sealing_module) as logged:
        for _ in range(3):
            await sealer.run()
    assert "run `registry ledger verify`" in await sealer.check()
    assert [line["event"] for line in logged] == ["the ledger was changed: nothing is sealed on top of it"]
    assert len(await ledger.checkpoints()) == 2


async def test_no_tree_is_signed_that_does_not_extend_the_last_signed_one(private_url: str, ledger: Ledger) -> None:
    """Whoever rewrites a tree wholly, roots and all, is refused the signature under it."""
    await ledger.record(3)
    await ledger.seal()
    await ledger.seal()
    growth = Growth()
    for seq in range(4):
        growth.append(forged := leaf_hash(b"forged %d" % seq))
        await tamper(
            private_url,
            f"UPDATE ledger_leaf SET leaf_hash = {literal(private_url, forged)}, "
            f"root_hash = {literal(private_url, growth.root)} WHERE seq = {seq}",
        )
    sealer = ledger.another_sealer()
    await ledger.record(1)
    await sealer.run()
    assert "not those whose root was kept" in await sealer.check()
    assert len(await ledger.checkpoints()) == 2


async def test_a_look_at_nothing_writes_nothing(ledger: Ledger) -> None:
    """The serving process looks ten times a second; how long an event waits at rest is measured in benchmarks."""
    await ledger.record(2)
    await ledger.seal()
    await ledger.seal()  # with the event of the key that was made for the first checkpoint
    checkpoints, state = await ledger.checkpoints(), await ledger.contents()
    for _ in range(5):
        await ledger.sealer.run()
    assert (await ledger.checkpoints(), await ledger.contents()) == (checkpoints, state)
    assert ledger.sealer.state.sealed == len(state)
