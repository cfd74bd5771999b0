"""Sealed events leave the database for files, and everything that was provable stays so."""

import base64
import gzip
import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.timeline.notices import EVENTS
from registry.outcomes.metrics.queries.lines import IN_SERVICE
from registry.platform.database.snapshot import in_snapshot
from registry.platform.kernel.errors import Conflict, NotFound, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.archiving import (
    MANIFEST,
    ArchivedSegment,
    ArchiveVerified,
    LedgerArchiveError,
    Manifest,
    lines_of,
    read_manifest,
    verify_archive,
    write_archive,
)
from registry.platform.ledger.dropping import (
    YOUNGEST,
    Keeper,
    drop_segment,
    dropped_to,
    lift_ledger_hold,
    place_ledger_hold,
)
from registry.platform.ledger.notes import VerifierKey, parse_checkpoint, parse_note
from registry.platform.ledger.segments import export_segment, verify_segment
from registry.platform.ledger.signing import known_keys
from registry.platform.ledger.subjects import STAYING_KINDS, STAYING_TYPES
from registry.platform.ledger.tables import ledger_archived_segment, ledger_dropping, ledger_event, ledger_leaf
from registry.platform.ledger.verifying import Held, verify_ledger
from tests.support.ledger import Ledger, literal, tamper

pytestmark = pytest.mark.second_later
MOST = 40
WHERE = "records@county.example"


class Old(Struct, kw_only=True):
    """A ledger of which most is older than a year, and a folder to archive it in."""

    ledger: Ledger
    url: str
    folder: Path
    before: datetime
    thing: Any

    async def archive(self, before: datetime | None = None) -> Manifest:
        """Write what there is to write."""
        return await in_snapshot(
            self.url, lambda each: write_archive(each, self.folder, before or self.before, most=MOST)
        )

    async def drop(self, segment: ArchivedSegment, *keepers: Keeper) -> int:
        """Drop one segment; how many events went."""
        async with self.ledger.work() as write:
            return await drop_segment(write, self.ledger.caller(), self.folder, segment, WHERE, keepers)

    async def drop_all(self) -> int:
        """Archive and drop; how many events went."""
        return sum([await self.drop(each) for each in (await self.archive()).segments])

    async def key(self) -> VerifierKey:
        return (await known_keys(self.ledger.database.read()))[0].verifier

    async def verified(self, **more: Any) -> ArchiveVerified:
        return verify_archive(self.folder, [await self.key()], **more)

    async def faults(self, **more: Any) -> list[str]:
        """What is wrong with the database's ledger."""
        return (await in_snapshot(self.url, lambda each: verify_ledger(each, **more))).faults

    async def here(self) -> set[int]:
        """The places whose events are in the database."""
        rows = await self.ledger.database.read().all(
            sa.select(ledger_leaf.c.seq).join(ledger_event, ledger_event.c.id == ledger_leaf.c.event_id)
        )
        return {row.seq for row in rows}


@pytest.fixture
async def old(ledger: Ledger, private_url: str, tmp_path: Path) -> Old:
    """A hundred events about one thing, a day apart by tens, all older than a year; then ten of today."""
    thing = new_id()
    for ten in range(10):
        await ledger.record(10, thing=thing, version=1 + 10 * ten)
        await ledger.seal()
        ledger.now += timedelta(days=1)
    before = ledger.now
    await ledger.seal()
    ledger.now += YOUNGEST + timedelta(days=1)
    await ledger.record(10, thing=thing, version=101)
    await ledger.seal()
    return Old(ledger=ledger, url=private_url, folder=tmp_path / "archive", before=before, thing=thing)


async def test_an_archive_is_verified_by_the_key_alone(old: Old) -> None:
    manifest = await old.archive()
    assert manifest.tree_size == 101, "a hundred events, and that the key was made"
    assert [(each.start, each.tree_size) for each in manifest.segments] == [(0, 31), (31, 71), (71, 101)]
    found = await old.verified()
    assert (found.faults, found.segments, found.events) == ([], 3, 101)
    assert old.folder.stat().st_mode & 0o777 == 0o700
    for path in old.folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        if path.name != MANIFEST:
            assert path.name == hashlib.sha256(path.read_bytes()).hexdigest() + ".ndjson.gz"
    held = [
        Held(checkpoint=parse_checkpoint(parse_note(each.note)), whose="kept")
        for each in await old.ledger.checkpoints()
    ]
    assert (await old.verified(held=held)).faults == []


async def test_a_verifier_of_another_hand_finds_the_root(old: Old) -> None:
    """The tree from RFC 9162, 2.1.1, word for word, over what the files of the archive say."""

    def root(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return hashlib.sha256(b"\x00" + leaves[0]).digest()
        left = 1
        while left * 2 < len(leaves):
            left *= 2
        return hashlib.sha256(b"\x01" + root(leaves[:left]) + root(leaves[left:])).digest()

    await old.drop_all()
    leaves: list[bytes] = []
    manifest = json.loads((old.folder / MANIFEST).read_bytes())
    for segment in manifest["segments"]:
        head, *events = gzip.decompress((old.folder / f"{segment['sha256']}.ndjson.gz").read_bytes()).splitlines()
        leaves += [json.loads(line)["public"].encode() for line in events]
        said = json.loads(head)["checkpoint"].split("\n")
        assert (int(said[1]), base64.b64decode(said[2])) == (len(leaves), root(leaves))
    assert manifest["checkpoint"].split("\n")[1] == str(len(leaves))


async def test_an_archive_is_continued_and_the_same_twice(old: Old) -> None:
    first = await old.archive(old.before - timedelta(days=5))
    assert first.tree_size == 61
    files = sorted(old.folder.iterdir())
    assert await old.archive(old.before - timedelta(days=5)) == first
    assert sorted(old.folder.iterdir()) == files
    assert (await old.archive()).segments[: len(first.segments)] == first.segments
    assert (await old.verified()).faults == []


@pytest.mark.parametrize("after", ["partial", "file"])
async def test_a_run_that_was_killed_is_repeated(old: Old, after: str) -> None:
    first = await old.archive(old.before - timedelta(days=5))
    whole = (old.folder / MANIFEST).read_bytes()
    await old.archive()
    (old.folder / MANIFEST).write_bytes(whole)  # as if it had been killed before the manifest was replaced
    if after == "partial":
        (old.folder / f"{first.tree_size}.partial").write_bytes(b"half of a")
        (old.folder / f"{MANIFEST}.partial").write_bytes(b"{")
    assert read_manifest(old.folder) == first
    assert (await old.archive()).tree_size == 101
    assert (await old.verified()).faults == []
    assert not list(old.folder.glob("*.partial"))


async def test_whatever_is_changed_in_an_archive_is_found(old: Old) -> None:
    manifest = await old.archive()
    _, middle, last = manifest.segments
    path, content = old.folder / middle.name, (old.folder / middle.name).read_bytes()
    path.write_bytes(content[:-1] + b"?")
    assert "was changed" in (await old.verified()).faults[0]
    path.unlink()
    assert "is missing: it holds the places 31 to 71" in (await old.verified()).faults[0]
    path.write_bytes(content)

    def rewritten(segments: list[ArchivedSegment], checkpoint: str = manifest.checkpoint) -> None:
        new = Manifest(format=manifest.format, checkpoint=checkpoint, segments=segments)
        (old.folder / MANIFEST).write_bytes(msgspec.json.encode(new))

    rewritten(manifest.segments[:-1])
    assert "holds 101 events, and its segments end with 71" in (await old.verified()).faults[0]
    rewritten([manifest.segments[0], last])
    assert "a segment is missing" in (await old.verified()).faults[0]
    for change in ("public", "private"):
        head, *events = lines_of(old.folder, middle)
        event = json.loads(events[3])
        event[change] = event[change].replace('"somebody"' if change == "private" else "loan.returned", '"nobody"')
        forged = gzip.compress(b"\n".join([head, *events[:3], json.dumps(event).encode(), *events[4:]]) + b"\n")
        name = hashlib.sha256(forged).hexdigest()
        (old.folder / f"{name}.ndjson.gz").write_bytes(forged)
        rewritten([manifest.segments[0], msgspec.structs.replace(middle, sha256=name), last])
        words = "another private part" if change == "private" else "one of its events was edited"
        assert any(words in fault for fault in (await old.verified()).faults)


async def test_dropped_events_leave_their_hashes_and_the_ledger_is_whole(old: Old) -> None:
    before = await in_snapshot(old.url, verify_ledger)
    went = await old.drop_all()
    assert went == 100, "all but that the key was made, which is the newest of its thing"
    assert await dropped_to(old.ledger.database.read()) == 101
    assert await old.ledger.count(ledger_dropping) == 0
    await old.ledger.seal()
    found = await in_snapshot(old.url, verify_ledger)
    assert (found.faults, found.archived, found.sealed) == ([], 100, before.sealed + 3)
    for size in (50, 101, 105):
        assert await old.faults(from_size=size) == []
    assert (await old.verified()).faults == []
    written: list[bytes] = []
    await in_snapshot(old.url, lambda each: export_segment(each, written.append))
    exported = verify_segment(written, [await old.key()])
    assert (exported.faults, exported.hidden) == ([], 100)


async def test_what_was_dropped_is_not_dropped_again(old: Old) -> None:
    assert await old.drop_all() == 100
    assert await old.drop_all() == 0
    assert await old.ledger.count(ledger_archived_segment) == 3


async def test_a_killed_transaction_drops_nothing(old: Old) -> None:
    first, *_ = (await old.archive()).segments
    here = await old.here()
    async with old.ledger.work() as write:
        assert await drop_segment(write, old.ledger.caller(), old.folder, first, WHERE, ()) > 0
        await write.abandon()
    assert await old.here() == here
    assert await old.ledger.count(ledger_archived_segment) == await old.ledger.count(ledger_dropping) == 0
    assert await old.drop_all() == 100


async def test_what_the_registry_reads_itself_stays(old: Old) -> None:
    """The newest event of each thing; and, of events about agreements and of assets' service, all."""
    await old.drop_all()
    left = await old.ledger.database.read().all(sa.select(ledger_event.c.subject_kind, ledger_event.c.subject_version))
    assert {(row.subject_kind, row.subject_version) for row in left if row.subject_kind == "loan"} == {
        ("loan", version) for version in range(101, 111)
    }


async def test_what_is_younger_than_a_year_is_not_dropped(old: Old) -> None:
    old.ledger.now = old.before + YOUNGEST - timedelta(days=2)
    manifest = await old.archive()
    *early, last = manifest.segments
    for each in early:
        await old.drop(each)
    with pytest.raises(Conflict, match="for a year at least"):
        await old.drop(last)
    assert await dropped_to(old.ledger.database.read()) == last.start


async def test_segments_are_dropped_in_their_order(old: Old) -> None:
    manifest = await old.archive()
    with pytest.raises(Conflict, match="begins with place 0"):
        await old.drop(manifest.segments[1])


async def test_nothing_is_dropped_under_a_hold_on_the_ledger(old: Old) -> None:
    async with old.ledger.work() as write:
        hold_id = await place_ledger_hold(write, old.ledger.caller(), "Superior Court", "case 118")
    (first, *_) = (await old.archive()).segments
    with pytest.raises(Conflict, match=r"legal hold \(Superior Court\)") as refused:
        await old.drop(first)
    assert refused.value.code == "record_held"
    async with old.ledger.work() as write:
        await lift_ledger_hold(write, old.ledger.caller(), hold_id, "Superior Court", "closed")
    for missing, error in ((hold_id, WrongStatus), (new_id(), NotFound)):
        with pytest.raises(error):
            async with old.ledger.work() as write:
                await lift_ledger_hold(write, old.ledger.caller(), missing, "Superior Court", "closed")
    assert await old.drop(first) > 0


async def test_nothing_is_dropped_that_another_room_keeps(old: Old) -> None:
    async def kept(_write: object, start: int, end: int) -> str | None:
        return f"{start} to {end}" if start else None

    first, second, _ = (await old.archive()).segments
    assert await old.drop(first, kept) > 0
    with pytest.raises(Conflict, match="nothing is dropped: 31 to 71"):
        await old.drop(second, kept)


async def test_nothing_is_dropped_that_is_not_in_the_file(old: Old) -> None:
    first, second, _ = (await old.archive()).segments
    path, content = old.folder / first.name, (old.folder / first.name).read_bytes()
    path.unlink()
    with pytest.raises(LedgerArchiveError, match="is missing"):
        await old.drop(first)
    path.write_bytes(content)
    with pytest.raises(LedgerArchiveError):
        await old.drop(msgspec.structs.replace(second, start=0))
    await tamper(old.url, f"UPDATE ledger_event SET private = {literal(old.url, b'{}')} WHERE subject_version = 5")
    with pytest.raises(LedgerArchiveError, match="is not the one in"):
        await old.drop(first)
    assert await dropped_to(old.ledger.database.read()) == 0


async def test_a_folder_of_another_ledger_is_not_continued(old: Old, tmp_path: Path) -> None:
    await old.drop_all()
    old.folder = tmp_path / "another"
    with pytest.raises(LedgerArchiveError, match="continue that one"):
        await old.archive()
    (old.folder / MANIFEST).write_bytes(b"{}")
    with pytest.raises(LedgerArchiveError, match="is no manifest"):
        await old.archive()


@pytest.mark.parametrize("where", ["archived", "here"])
async def test_an_event_that_somebody_else_deletes_is_refused_and_found(old: Old, where: str) -> None:
    (first, *_) = (await old.archive()).segments
    await old.drop(first)
    await old.ledger.seal()
    places = await old.here()
    place = min(places) if where == "archived" else 40
    event = sa.select(ledger_leaf.c.event_id).where(ledger_leaf.c.seq == place)
    event_id = await old.ledger.database.read().value(event)
    with pytest.raises(sa.exc.DBAPIError, match="append_only"):
        async with old.ledger.work() as write:
            await write.run(ledger_event.delete().where(ledger_event.c.id == event_id))
    await tamper(old.url, f"DELETE FROM ledger_event WHERE id = {literal(old.url, event_id)}")
    (fault, *_) = await old.faults()
    assert ("places 0 to 30, which are archived, 31 events are missing" if place < 31 else "was dropped") in fault


async def test_a_segment_that_is_only_said_to_be_archived_is_found(old: Old) -> None:
    await tamper(
        old.url,
        "DELETE FROM ledger_event WHERE id IN (SELECT event_id FROM ledger_leaf WHERE seq < 31)",
        "INSERT INTO ledger_archived_segment (start, tree_size, sha256, dropped, last_recorded_at, kept_by, event_id) "
        "SELECT 0, 31, 'f00d', 31, recorded_at, 'nobody', id FROM ledger_event ORDER BY id DESC LIMIT 1",
    )
    assert any("are marked as archived, and no event of the ledger says so" in fault for fault in await old.faults())


def test_what_rooms_read_of_old_events_is_among_what_stays() -> None:
    """Metrics ask for how long an asset could be lent; timelines and files of agreements are made of their events."""
    assert set(IN_SERVICE) <= STAYING_TYPES
    assert {each.value.partition(".")[0] for each in EVENTS} <= STAYING_KINDS
