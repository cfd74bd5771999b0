"""A segment is verified with the public key alone, and nothing in it can be changed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.platform.database.snapshot import in_snapshot
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.notes import VerifierKey, parse_checkpoint, parse_note
from registry.platform.ledger.segments import SegmentError, SegmentVerified, export_segment, verify_segment
from registry.platform.ledger.signing import known_keys
from registry.platform.ledger.verifying import Held
from tests.platform.ledger.test_notes import KEY, NOTE
from tests.support.ledger import Ledger

pytestmark = pytest.mark.second_later


async def exported(ledger: Ledger, url: str, **more: Any) -> list[bytes]:
    """The lines of a segment."""
    written: list[bytes] = []
    await in_snapshot(url, lambda connection: export_segment(connection, written.append, **more))
    return written


async def key_of(ledger: Ledger) -> VerifierKey:
    return (await known_keys(ledger.database.read()))[0].verifier


async def sealed(ledger: Ledger) -> Any:
    """The agency that a few of many events concern."""
    agency = new_id()
    await ledger.record(280)
    await ledger.seal()
    await ledger.record(5, agencies=[agency])
    await ledger.seal()
    return agency


async def test_a_segment_is_verified_by_the_key_alone(ledger: Ledger, private_url: str) -> None:
    await sealed(ledger)
    key = await key_of(ledger)
    held = [Held(checkpoint=parse_checkpoint(parse_note(row.note)), whose="kept") for row in await ledger.checkpoints()]
    for start in (0, 1, 256, 280, 284):
        found = verify_segment(await exported(ledger, private_url, start=start), [key], held)
        assert found.faults == []
        assert (found.start, found.shown, found.hidden) == (start, 286 - start, 0)
    older = await exported(ledger, private_url, size=280)
    assert verify_segment(older, [key]).checkpoint.size == 280


async def test_an_agencys_segment_shows_what_concerns_it_and_of_the_rest_hashes(
    ledger: Ledger, private_url: str
) -> None:
    agency = await sealed(ledger)
    lines = await exported(ledger, private_url, agency_id=agency)
    found = verify_segment(lines, [await key_of(ledger)])
    assert found.faults == []
    assert (found.shown, found.hidden) == (6, 280), "its five events, and the one that is for the network"
    assert all(str(agency).encode() in line or b"ledger_signing_key" in line for line in lines[1:] if b"public" in line)


def _edited(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b"loan.returned", b"loan.received") if b'"seq":42,' in line else line for line in lines]


def _dropped(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if b'"seq":42,' not in line]


def _moved(lines: list[bytes]) -> list[bytes]:
    changed = [json.loads(line) for line in lines]
    changed[43]["public"], changed[44]["public"] = changed[44]["public"], changed[43]["public"]
    return [json.dumps(line).encode() for line in changed]


def _cut(lines: list[bytes]) -> list[bytes]:
    return lines[:-3]


def _renumbered(lines: list[bytes]) -> list[bytes]:
    changed = [json.loads(line) for line in lines if b'"seq":42,' not in line]
    for seq, line in enumerate(changed[1:]):
        line["seq"] = seq
    return [json.dumps(line).encode() for line in changed]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_edited, "one of its events was edited"),
        (_dropped, "place 42 is missing"),
        (_moved, "one of its events was edited, put in or moved"),
        (_cut, "it ends with place 282"),
        (_renumbered, "it ends with place 284"),
    ],
)
async def test_whatever_is_changed_in_a_segment_is_found(
    ledger: Ledger, private_url: str, change: Callable[[list[bytes]], list[bytes]], words: str
) -> None:
    await sealed(ledger)
    found = verify_segment(change(await exported(ledger, private_url)), [await key_of(ledger)])
    assert words in found.faults[0]


async def test_a_segment_of_another_key_or_of_a_rewritten_ledger_is_refused(ledger: Ledger, private_url: str) -> None:
    await sealed(ledger)
    lines = await exported(ledger, private_url)
    assert verify_segment(lines, [KEY]).faults == ["the checkpoint is not signed by the key that you gave"]
    other = Held(checkpoint=parse_checkpoint(NOTE), whose="kept.txt")
    (fault,) = verify_segment(lines, [await key_of(ledger)], [other]).faults
    assert fault == "the first 7 events are not those of the checkpoint in kept.txt: the ledger was rewritten"
    forged = [lines[0].replace(b"registry.example", b"registry.exampl3"), *lines[1:]]
    found: SegmentVerified = verify_segment(forged, [await key_of(ledger)])
    assert found.faults == ["the checkpoint is not signed by the key that you gave"]


async def test_what_is_no_segment_is_refused(ledger: Ledger, private_url: str) -> None:
    await sealed(ledger)
    lines = await exported(ledger, private_url)
    head = json.loads(lines[0])
    for wrong in (
        [],
        [b"{}"],
        [b"\xff"],
        [json.dumps({**head, "format": "another"}).encode()],
        [json.dumps({**head, "start": 3}).encode()],
        [json.dumps({**head, "checkpoint": "none"}).encode()],
        [lines[0], b"{}"],
        [lines[0], b'{"seq":0}'],
        [lines[0], b'{"seq":0,"leaf":"AAAA"}'],
        [lines[0], lines[1].replace(b'"public":', b'"leaf":"AAAA","public":')],
    ):
        with pytest.raises(SegmentError):
            verify_segment(wrong, [await key_of(ledger)])


async def test_no_segment_is_exported_of_what_is_not_signed(ledger: Ledger, private_url: str) -> None:
    with pytest.raises(SegmentError, match="No checkpoint was signed"):
        await exported(ledger, private_url)
    await sealed(ledger)
    with pytest.raises(SegmentError, match="No checkpoint of 3 events was signed"):
        await exported(ledger, private_url, size=3)
    with pytest.raises(SegmentError, match="begin before that"):
        await exported(ledger, private_url, start=286)
