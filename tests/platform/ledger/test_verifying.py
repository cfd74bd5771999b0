"""Whatever somebody who administers the database does to sealed events is found, and named by the first one."""

import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from registry.platform.database.snapshot import in_snapshot
from registry.platform.kernel.canonical import canonical
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.merkle import STRIDE, Growth, leaf_hash
from registry.platform.ledger.notes import (
    COSIGNATURE,
    Checkpoint,
    Signature,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    public_key,
    sign,
)
from registry.platform.ledger.signing import known_keys
from registry.platform.ledger.tables import ledger_cosignature, ledger_event, ledger_leaf
from registry.platform.ledger.verifying import MOST, Held, LedgerVerified, verify_ledger
from tests.support.ledger import ORIGIN, Ledger, literal, tamper

MANY = 300
"""Events up to the first checkpoint: more than a stored subtree holds."""


class Sealed(Struct, kw_only=True):
    """A ledger that was sealed, as whoever tampers with it sees it."""

    ledger: Ledger
    url: str
    ids: list[Any]
    notes: list[str]

    def at(self, place: int) -> str:
        """The event's id in a statement."""
        return literal(self.url, self.ids[place])

    def value(self, value: Any) -> str:
        """Bytes or an id in a statement."""
        return literal(self.url, value)

    async def tamper(self, *statements: str) -> None:
        """Change rows, past every guard."""
        await tamper(self.url, *statements)

    async def verified(self, **more: Any) -> LedgerVerified:
        """What a verification finds."""
        return await in_snapshot(self.url, lambda connection: verify_ledger(connection, **more))

    async def faults(self, **more: Any) -> list[str]:
        """What is wrong."""
        return (await self.verified(**more)).faults

    async def content(self, place: int) -> dict[str, Any]:
        """The public part of the event in a place."""
        decoded: dict[str, Any] = msgspec.json.decode((await self.ledger.contents())[place])
        return decoded

    def held(self, which: int) -> Held:
        """A checkpoint that somebody kept."""
        return Held(checkpoint=parse_checkpoint(parse_note(self.notes[which])), whose="kept.txt")

    async def seal_anew(self) -> None:
        """Make leaves, roots and subtrees anew over the events as they are now, so that all of them agree."""
        growth, statements = Growth(), ["DELETE FROM ledger_node"]
        for place, content in enumerate(await self.ledger.contents()):
            completed = growth.append(leaf_hash(content))
            statements.append(
                f"UPDATE ledger_leaf SET leaf_hash = {self.value(leaf_hash(content))}, "
                f"root_hash = {self.value(growth.root)} WHERE seq = {place}"
            )
            statements += [
                f"INSERT INTO ledger_node VALUES ({level}, {number}, {self.value(node)})"
                for (level, number), node in completed
                if level % STRIDE == 0
            ]
        await self.tamper(*statements)


@pytest.fixture
async def sealed(ledger: Ledger, private_url: str) -> Sealed:
    """Three checkpoints: after 300 events, after one more, and after 310 of them."""
    partner = new_id()
    await ledger.record(MANY, agencies=[partner])
    await ledger.seal()
    await ledger.seal()
    await ledger.record(9, agencies=[partner])
    await ledger.seal()
    notes = [row.note for row in await ledger.checkpoints()]
    return Sealed(ledger=ledger, url=private_url, ids=await ledger.sealed(), notes=notes)


async def test_a_ledger_that_nobody_touched_is_whole(sealed: Sealed) -> None:
    found = await sealed.verified()
    assert found.faults == []
    assert (found.sealed, found.unsealed, found.checkpoints) == (310, 0, 3)
    assert parse_checkpoint(parse_note(sealed.notes[-1])).root == found.root
    (key,) = await known_keys(sealed.ledger.database.read())
    held = [sealed.held(which) for which in range(3)]
    for size in (1, 255, 256, 299, 300, 310):
        assert await sealed.faults(keys=[key.verifier], held=held, from_size=size) == []
    await sealed.ledger.record(2)
    found = await sealed.verified()
    assert (found.faults, found.sealed, found.unsealed) == ([], 310, 2)


async def test_an_empty_ledger_is_whole(ledger: Ledger, private_url: str) -> None:
    sealed = Sealed(ledger=ledger, url=private_url, ids=[], notes=[])
    assert await sealed.faults() == []
    assert "no checkpoint was signed" in (await sealed.faults(keys=[public_key("x", Ed25519PrivateKey.generate())]))[0]


BY_COLUMN = {
    "type": "'loan.lost'",
    "subject_kind": "'request'",
    "subject_version": "9999",
    "n": "7",
    "audience": "'network'",
    "restricted": "{true}",
    "outcome": "'failed'",
    "occurred_at": "recorded_at",
    "agreement_id": "id",
    "actor_agency_id": "NULL",
    "subject_id": "id",
}


@pytest.mark.parametrize("column", BY_COLUMN)
async def test_a_column_that_says_something_else_than_the_event_is_named(sealed: Sealed, column: str) -> None:
    value = BY_COLUMN[column].format(true="1" if sealed.url.startswith("sqlite") else "true")
    if column == "occurred_at":
        value = "'2001-01-01T00:00:00.000000Z'"
    await sealed.tamper(f"UPDATE ledger_event SET {column} = {value} WHERE id = {sealed.at(42)}")
    assert await sealed.faults() == [
        f"event {sealed.ids[42]} (place 42) says something else than its columns ({column})"
    ]


async def test_an_event_that_is_kept_from_an_agencys_feed_is_named(sealed: Sealed) -> None:
    await sealed.tamper("DELETE FROM ledger_feed WHERE seq = 42")
    (fault, *_) = await sealed.faults()
    assert fault == f"event {sealed.ids[42]} (place 42) is missing from the feed of an agency that it concerns"
    assert await sealed.faults(from_size=43) == []


async def test_an_event_that_is_put_into_anothers_feed_is_named(sealed: Sealed) -> None:
    await sealed.tamper(f"INSERT INTO ledger_feed VALUES ({sealed.value(new_id())}, 42, {sealed.at(42)})")
    assert await sealed.faults() == [
        f"event {sealed.ids[42]} (place 42) is in the feed of an agency that it does not concern"
    ]


async def test_an_event_that_was_edited_is_named(sealed: Sealed) -> None:
    forged = canonical({**await sealed.content(42), "data": {"number": 1_000_000}})
    await sealed.tamper(f"UPDATE ledger_event SET canonical = {sealed.value(forged)} WHERE id = {sealed.at(42)}")
    assert await sealed.faults() == [
        f"event {sealed.ids[42]} (place 42) was edited: its bytes are not those that were sealed"
    ]


async def test_an_event_that_was_edited_with_its_hash_is_named(sealed: Sealed) -> None:
    forged = canonical({**await sealed.content(42), "data": {"number": 1_000_000}})
    await sealed.tamper(
        f"UPDATE ledger_event SET canonical = {sealed.value(forged)} WHERE id = {sealed.at(42)}",
        f"UPDATE ledger_leaf SET leaf_hash = {sealed.value(leaf_hash(forged))} WHERE seq = 42",
    )
    (fault,) = await sealed.faults()
    assert fault.startswith(f"event {sealed.ids[42]} (place 42) was edited, put in or moved together with its hash")


async def test_an_event_that_was_edited_with_all_hashes_is_found_by_the_checkpoint(sealed: Sealed) -> None:
    forged = canonical({**await sealed.content(302), "data": {"number": 1_000_000}})
    await sealed.tamper(f"UPDATE ledger_event SET canonical = {sealed.value(forged)} WHERE id = {sealed.at(302)}")
    await sealed.seal_anew()
    assert await sealed.faults() == [
        "an event in places 301 to 309 was edited, dropped, put in or moved, and all hashes after it were made anew: "
        "the checkpoint of 310 events was signed over other events"
    ]


async def test_a_private_part_that_was_edited_is_named(sealed: Sealed) -> None:
    row = await sealed.ledger.database.read().first(
        sa.select(ledger_event.c.private).where(ledger_event.c.id == sealed.ids[42])
    )
    assert row is not None
    forged = canonical({**msgspec.json.decode(row.private), "subject": "another"})
    await sealed.tamper(f"UPDATE ledger_event SET private = {sealed.value(forged)} WHERE id = {sealed.at(42)}")
    assert await sealed.faults() == [f"event {sealed.ids[42]} (place 42) has another private part than was recorded"]


@pytest.mark.parametrize("what", ["taken away", "added"])
async def test_agencies_that_were_given_or_denied_an_event_are_found(sealed: Sealed, what: str) -> None:
    statement = (
        f"DELETE FROM ledger_event_agency WHERE event_id = {sealed.at(42)}"
        if what == "taken away"
        else f"INSERT INTO ledger_event_agency (agency_id, event_id) VALUES ({sealed.value(new_id())}, {sealed.at(42)})"
    )
    await sealed.tamper(statement)
    assert await sealed.faults() == [f"event {sealed.ids[42]} (place 42) concerns other agencies than its rows say"]


async def test_an_event_that_was_dropped_is_named(sealed: Sealed) -> None:
    await sealed.tamper(f"DELETE FROM ledger_event WHERE id = {sealed.at(42)}")
    assert await sealed.faults() == [f"event {sealed.ids[42]} (place 42) was dropped: its row is gone"]


async def test_an_event_that_was_dropped_with_its_leaf_is_named_by_its_place(sealed: Sealed) -> None:
    await sealed.tamper(
        f"DELETE FROM ledger_event WHERE id = {sealed.at(42)}", "DELETE FROM ledger_leaf WHERE seq = 42"
    )
    assert await sealed.faults() == ["events were dropped with their leaves: nothing stands in place 42"]


async def test_an_event_whose_leaf_alone_was_dropped_is_named(sealed: Sealed) -> None:
    await sealed.tamper("DELETE FROM ledger_leaf WHERE seq = 42")
    assert await sealed.faults() == [
        "events were dropped with their leaves: nothing stands in place 42",
        f"event {sealed.ids[42]} has no place and does not wait for one: it was put in, or its leaf was dropped",
    ]


async def test_an_event_that_was_dropped_and_closed_over_is_named(sealed: Sealed) -> None:
    """The places after it move up, one after the other."""
    await sealed.tamper(
        f"DELETE FROM ledger_event WHERE id = {sealed.at(42)}",
        "DELETE FROM ledger_leaf WHERE seq = 42",
        *(f"UPDATE ledger_leaf SET seq = {place - 1} WHERE seq = {place}" for place in range(43, 310)),
    )
    faults = await sealed.faults()
    assert faults[0].startswith(f"event {sealed.ids[43]} (place 42) was edited, put in or moved together with its hash")
    assert faults[1:] == [
        "events were cut off: a signed checkpoint says that there are 310, and nothing stands in place 309"
    ]


async def test_an_event_that_was_put_in_is_named(sealed: Sealed) -> None:
    thing = await sealed.content(42)
    forged_id = new_id()
    forged = canonical({**thing, "id": str(forged_id), "subject": {**thing["subject"], "version": 9_000}})
    await _insert(sealed, forged_id, forged)
    assert await sealed.faults() == [
        f"event {forged_id} has no place and does not wait for one: it was put in, or its leaf was dropped"
    ]


async def test_an_event_that_was_put_in_between_is_named(sealed: Sealed) -> None:
    thing = await sealed.content(42)
    forged_id = new_id()
    forged = canonical({**thing, "id": str(forged_id), "subject": {**thing["subject"], "version": 9_000}})
    await _insert(sealed, forged_id, forged)
    hash_ = sealed.value(leaf_hash(forged))
    await sealed.tamper(
        *(f"UPDATE ledger_leaf SET seq = {place + 1} WHERE seq = {place}" for place in range(309, 99, -1)),
        f"INSERT INTO ledger_leaf (seq, event_id, leaf_hash, root_hash) VALUES (100, {sealed.value(forged_id)}, "
        f"{hash_}, {hash_})",
    )
    (fault,) = await sealed.faults()
    assert fault.startswith(f"event {forged_id} (place 100) was edited, put in or moved together with its hash")


async def _insert(sealed: Sealed, id_: Any, content: bytes) -> None:
    """An event like that in place 42, with its agencies."""
    columns = ", ".join(
        column.name for column in ledger_event.c if column.name not in ("id", "canonical", "subject_version")
    )
    await sealed.tamper(
        f"INSERT INTO ledger_event (id, canonical, subject_version, {columns}) SELECT {sealed.value(id_)}, "
        f"{sealed.value(content)}, 9000, {columns} FROM ledger_event WHERE id = {sealed.at(42)}",
        f"INSERT INTO ledger_event_agency SELECT agency_id, {sealed.value(id_)} FROM ledger_event_agency "
        f"WHERE event_id = {sealed.at(42)}",
    )


async def test_events_that_changed_places_are_named(sealed: Sealed) -> None:
    """Whole leaves are swapped: each still has the hash of its event."""
    await sealed.tamper(
        "UPDATE ledger_leaf SET seq = 5000 WHERE seq = 42",
        "UPDATE ledger_leaf SET seq = 42 WHERE seq = 200",
        "UPDATE ledger_leaf SET seq = 200 WHERE seq = 5000",
    )
    (fault,) = await sealed.faults()
    assert fault.startswith(f"event {sealed.ids[200]} (place 42) was edited, put in or moved together with its hash")


async def test_events_that_changed_places_without_their_hashes_are_named(sealed: Sealed) -> None:
    spare = sealed.value(new_id())
    await sealed.tamper(
        f"UPDATE ledger_leaf SET event_id = {spare} WHERE seq = 42",
        f"UPDATE ledger_leaf SET event_id = {sealed.at(42)} WHERE seq = 200",
        f"UPDATE ledger_leaf SET event_id = {sealed.at(200)} WHERE seq = 42",
    )
    assert await sealed.faults() == [
        f"event {sealed.ids[200]} (place 42) was moved: its bytes were sealed in place 200",
        f"event {sealed.ids[42]} (place 200) was moved: its bytes were sealed in place 42",
    ]


async def test_events_that_changed_places_with_all_hashes_are_found_by_the_checkpoint(sealed: Sealed) -> None:
    await sealed.tamper(
        "UPDATE ledger_leaf SET seq = 5000 WHERE seq = 305",
        "UPDATE ledger_leaf SET seq = 305 WHERE seq = 306",
        "UPDATE ledger_leaf SET seq = 306 WHERE seq = 5000",
    )
    await sealed.seal_anew()
    (fault,) = await sealed.faults()
    assert fault.startswith("an event in places 301 to 309 was edited, dropped, put in or moved")


async def test_events_that_were_cut_off_are_found_by_the_checkpoint_that_is_left(sealed: Sealed) -> None:
    gone = ", ".join(sealed.at(place) for place in range(305, 310))
    await sealed.tamper("DELETE FROM ledger_leaf WHERE seq >= 305", f"DELETE FROM ledger_event WHERE id IN ({gone})")
    assert await sealed.faults() == [
        "events were cut off: a signed checkpoint says that there are 310, and nothing stands in places 305 to 309"
    ]


async def test_events_that_were_cut_off_with_their_checkpoint_are_found_by_one_that_was_kept(sealed: Sealed) -> None:
    gone = ", ".join(sealed.at(place) for place in range(301, 310))
    await sealed.tamper(
        "DELETE FROM ledger_leaf WHERE seq >= 301",
        "DELETE FROM ledger_feed WHERE seq >= 301",
        f"DELETE FROM ledger_event WHERE id IN ({gone})",
        "DELETE FROM ledger_checkpoint WHERE tree_size > 301",
        "DELETE FROM ledger_node WHERE level = 4 AND number >= 18",
    )
    assert await sealed.faults() == [], "nobody who kept nothing can know"
    assert await sealed.faults(held=[sealed.held(-1)]) == [
        "events were cut off: the checkpoint in kept.txt says that there are 310, and nothing stands in places "
        "301 to 309"
    ]


async def test_a_ledger_that_was_rewritten_and_signed_anew_is_found_by_a_checkpoint_that_was_kept(
    sealed: Sealed,
) -> None:
    """The signing key is in wrong hands, too: everything in the database agrees."""
    forged = canonical({**await sealed.content(42), "data": {"number": 1_000_000}})
    await sealed.tamper(
        f"UPDATE ledger_event SET canonical = {sealed.value(forged)} WHERE id = {sealed.at(42)}",
        "DELETE FROM ledger_checkpoint",
    )
    await sealed.seal_anew()
    await sealed.ledger.another_sealer().run()
    assert await sealed.faults() == []
    assert await sealed.faults(held=[sealed.held(0), sealed.held(-1)]) == [
        f"the first {size} events are not those of the checkpoint in kept.txt: the ledger was rewritten, with an event "
        f"in places 0 to {size - 1}"
        for size in (300, 310)
    ]


@pytest.mark.parametrize("how", ["another key", "another key under the ledger's name", "changed text", "no note"])
async def test_a_forged_checkpoint_is_named(sealed: Sealed, how: str) -> None:
    thief = Ed25519PrivateKey.generate()
    said = Checkpoint(ORIGIN, 310, hashlib.sha256(b"another").digest())
    name = "thief.example/ledger" if how == "another key" else ORIGIN
    note = {
        "another key": str(sign(said.text, [(name, thief)])),
        "another key under the ledger's name": str(sign(said.text, [(name, thief)])),
        "changed text": sealed.notes[-1].replace("310", "311"),
        "no note": "forged",
    }[how]
    await sealed.tamper(
        f"UPDATE ledger_checkpoint SET note = '{note}', root_hash = {sealed.value(said.root)} WHERE tree_size = 310"
    )
    faults = await sealed.faults()
    assert faults[0].startswith("the checkpoint of 310 events is forged")


async def test_an_older_checkpoint_in_the_place_of_a_newer_one_is_named(sealed: Sealed) -> None:
    await sealed.tamper(f"UPDATE ledger_checkpoint SET note = '{sealed.notes[0]}' WHERE tree_size = 310")
    assert await sealed.faults() == ["the checkpoint of 310 events is another one than its row says"]


async def test_a_ledger_whose_keys_were_replaced_is_found_by_the_key_that_one_knows(sealed: Sealed) -> None:
    (key,) = await known_keys(sealed.ledger.database.read())
    thief = Ed25519PrivateKey.generate()
    statements = [
        f"UPDATE ledger_signing_key SET public_key = {sealed.value(public_key(ORIGIN, thief).public)}",
        *(
            f"UPDATE ledger_checkpoint SET note = '{sign(parse_note(note).text, [(ORIGIN, thief)])}' "
            f"WHERE tree_size = {parse_checkpoint(parse_note(note)).size}"
            for note in sealed.notes
        ),
    ]
    await sealed.tamper(*statements)
    assert await sealed.faults() == []
    assert await sealed.faults(keys=[key.verifier]) == [
        "the newest checkpoint, of 310 events, is not signed by the key that you gave"
    ]


async def test_an_event_that_was_sealed_twice_is_named(sealed: Sealed) -> None:
    constraint = "uq_ledger_leaf_event_id"
    if sealed.url.startswith("sqlite"):
        pytest.skip("SQLite keeps the constraint as long as the table stands")
    row = await sealed.ledger.database.read().first(sa.select(ledger_leaf).where(ledger_leaf.c.seq == 42))
    assert row is not None
    growth = Growth()
    for content in await sealed.ledger.contents():
        growth.append(leaf_hash(content))
    growth.append(row.leaf_hash)
    await sealed.tamper(
        f"ALTER TABLE ledger_leaf DROP CONSTRAINT {constraint}",
        f"INSERT INTO ledger_leaf VALUES (310, {sealed.at(42)}, {sealed.value(row.leaf_hash)}, "
        f"{sealed.value(growth.root)})",
    )
    assert await sealed.faults() == [f"event {sealed.ids[42]} was sealed twice, the second time in place 310"]


async def test_an_event_that_waits_to_be_sealed_again_is_named(sealed: Sealed) -> None:
    await sealed.tamper(f"INSERT INTO ledger_unsealed (event_id) VALUES ({sealed.at(42)})")
    assert await sealed.faults() == [f"event {sealed.ids[42]} is sealed, and waits to be sealed again"]


async def test_an_event_that_is_recorded_again_under_another_id_is_named(sealed: Sealed) -> None:
    """A copy of a sealed event's bytes says itself that it is another one."""
    copy = new_id()
    await _insert(sealed, copy, (await sealed.ledger.contents())[42])
    await sealed.tamper(f"INSERT INTO ledger_unsealed (event_id) VALUES ({sealed.value(copy)})")
    await sealed.ledger.seal()
    (fault,) = await sealed.faults()
    assert fault == f"event {copy} (place 310) says something else than its columns (id, subject_version)"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM ledger_node WHERE level = 8", "over places 0 to 255 is missing"),
        ("UPDATE ledger_node SET hash = {hash} WHERE level = 8", "over places 0 to 255 is not what its events make"),
        ("INSERT INTO ledger_node VALUES (8, 1, {hash})", "is stored for events that are not there"),
        ("INSERT INTO ledger_node VALUES (16, 0, {hash})", "is stored for events that are not there"),
    ],
)
async def test_a_stored_subtree_that_was_changed_is_named(sealed: Sealed, statement: str, words: str) -> None:
    await sealed.tamper(statement.format(hash=sealed.value(bytes(32))))
    (fault,) = await sealed.faults()
    assert words in fault


async def test_a_root_that_was_changed_is_named(sealed: Sealed) -> None:
    await sealed.tamper(f"UPDATE ledger_leaf SET root_hash = {sealed.value(bytes(32))} WHERE seq = 42")
    assert (await sealed.faults())[0].startswith(f"event {sealed.ids[42]} (place 42) was edited, put in or moved")


async def test_an_event_that_waits_and_was_edited_without_care_is_named(sealed: Sealed) -> None:
    """What waits is not sealed; only what contradicts itself is found."""
    (waiting,) = await sealed.ledger.record()
    await sealed.tamper(f"UPDATE ledger_event SET private = {sealed.value(b'{}')} WHERE id = {sealed.value(waiting)}")
    assert await sealed.faults() == [f"event {waiting} (not sealed yet) has another private part than was recorded"]


async def test_what_a_witness_signed_is_verified(sealed: Sealed) -> None:
    witness = Ed25519PrivateKey.generate()
    key = VerifierKey("witness.example", COSIGNATURE, public_key("w", witness).public)
    text = parse_note(sealed.notes[-1]).text
    signed = witness.sign(b"cosignature/v1\ntime 1700000000\n" + text.encode())
    line = str(Signature(key.name, key.key_id, (1_700_000_000).to_bytes(8, "big") + signed))
    async with sealed.ledger.work() as write:
        await write.run(
            ledger_cosignature.insert(),
            {"tree_size": 310, "verifier_key": str(key), "line": line, "added_at": sealed.ledger.now},
        )
    assert await sealed.faults() == []
    await sealed.tamper("UPDATE ledger_cosignature SET tree_size = 301")
    assert await sealed.faults() == ["what a witness signed under the checkpoint of 301 events is forged"]


async def test_from_a_checkpoint_on_the_events_before_it_are_not_read(sealed: Sealed) -> None:
    await sealed.tamper(f"UPDATE ledger_event SET private = {sealed.value(b'{}')} WHERE id = {sealed.at(42)}")
    assert len(await sealed.faults(from_size=300, held=[sealed.held(0)])) == 0
    await sealed.tamper(f"UPDATE ledger_event SET private = {sealed.value(b'{}')} WHERE id = {sealed.at(305)}")
    (fault,) = await sealed.faults(from_size=300)
    assert f"event {sealed.ids[305]} (place 305)" in fault
    await sealed.tamper("DELETE FROM ledger_node")
    assert "the tree of the first 300 events cannot be made" in (await sealed.faults(from_size=300))[0]


async def test_no_more_faults_are_told_than_somebody_reads(sealed: Sealed) -> None:
    await sealed.tamper(f"UPDATE ledger_event SET private = {sealed.value(b'{}')}")
    faults = await sealed.faults()
    assert len(faults) == MOST + 1
    assert faults[-1] == "… and perhaps more"


async def test_a_new_key_takes_nothing_from_checkpoints_of_the_old_one(sealed: Sealed) -> None:
    from registry.platform.ledger.signing import rotate_key

    async with sealed.ledger.work() as write:
        new = await rotate_key(write, sealed.ledger.keys, sealed.ledger.caller(), at_once=True)
    await sealed.ledger.seal()
    sealed.ledger.now += timedelta(days=1)
    assert await sealed.faults(keys=[new]) == []
