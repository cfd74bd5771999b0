"""What the changes on a published list call for: drafts, recordings and notes in the agreements' history. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from registry.agreements.instruments.rules import ListingEvent
from registry.agreements.tracker.listings import Listing, Remembered, Step, follow
from registry.agreements.tracker.sightings import Key, Panel, Sighting, SnapshotBefore, When
from registry.platform.ledger.event_types import EventType

Act: TypeAlias = tuple[
    Literal["draft", "record", "sign_draft", "no_longer_listed", "listed_again", "listed_otherwise"], Step
]
NOTES: Final[Mapping[str, ListingEvent]] = {
    "no_longer_listed": EventType.AGREEMENT_NO_LONGER_LISTED,
    "listed_again": EventType.AGREEMENT_LISTED_AGAIN,
    "listed_otherwise": EventType.AGREEMENT_LISTED_OTHERWISE,
}


class Due(Struct, kw_only=True, frozen=True):
    """A listing about which there is something to write: how it stands now, and the deeds that led there."""

    key: Key
    known: Remembered | None
    listing: Listing
    acts: list[Act]
    sightings: Mapping[When, Sighting]


def due(
    panel: Panel, timeline: Sequence[When], known: Mapping[Key, Remembered], snapshot_before: SnapshotBefore
) -> Iterator[Due]:
    """What changed since the list was replayed last, and what could not be entered then."""
    for key in {**panel.seen, **known}:
        there, seen = known.get(key), panel.seen.get(key, {})
        before = there.listing if there is not None and (there.agreement_id is not None or not seen) else None
        steps, listing = follow(seen, timeline, before, snapshot_before)
        if listing is None:  # only in snapshots that are not replayed
            continue
        if there is not None and before is None:
            listing = msgspec.structs.replace(listing, first_seen=min(there.listing.first_seen, listing.first_seen))
        signed = (seen[when] for when in timeline if when in seen and when[1] == "signed")
        readable = next((sighting for sighting in signed if sighting.signed_on is not None), None)
        acts = list(_acts(there, steps, readable if listing.listed_as == "signed" else None))
        if acts or there is None or there.listing != listing:
            yield Due(key=key, known=there, listing=listing, acts=acts, sightings=seen)


def _acts(known: Remembered | None, steps: Sequence[Step], readable: Sighting | None) -> Iterator[Act]:
    """`readable` is the first that says when it was signed, of what is listed as signed now."""
    entered = known is not None and known.agreement_id is not None
    executed = known is not None and known.executed
    for step in steps:
        if step.sighting is None:
            if entered:
                yield "no_longer_listed", step
        elif step.on == "pending":
            yield "listed_again" if entered else "draft", step
            entered = True
        elif executed:
            if step.change != "listed":
                yield "listed_again" if step.change == "again" else "listed_otherwise", step
        elif step.sighting.signed_on is not None:
            yield "sign_draft" if entered else "record", step
            entered = executed = True
    if readable is not None and not executed:
        step = Step(change="listed", at=readable.taken_at, on="signed", sighting=readable)
        yield "sign_draft" if entered else "record", step
