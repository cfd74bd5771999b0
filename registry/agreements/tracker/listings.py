"""What became of each agreement on a published list, from snapshot to snapshot; pure.

Being on a list is not being in force, and leaving it is not a termination: most that leave were renamed. So what a list
says is kept as its own history, beside the agreements.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.rules import Stage
from registry.agreements.tracker.sightings import Key, On, Panel, Sighting, SnapshotBefore, When

Change: TypeAlias = Literal["listed", "gone", "again", "redated"]


class Listing(Struct, kw_only=True, frozen=True):
    """How an agreement stands on the list. `last_seen` is None while it is listed."""

    listed_as: On | None
    signed_text: str | None
    first_seen: datetime
    first_signed: datetime | None
    last_seen: datetime | None
    changed_at: datetime


class Remembered(Struct, kw_only=True, frozen=True):
    """A listing that is known, and how its agreement stands: `edited_here` since the list entered it as a draft."""

    id: UUID
    listing: Listing
    agreement_id: UUID | None
    stage: Stage | None
    executed: bool
    edited_here: bool


class Step(Struct, kw_only=True, frozen=True):
    """A change from one snapshot to the next. `last_seen` is the snapshot before, of what is gone."""

    change: Change
    at: datetime
    on: On
    sighting: Sighting | None = None
    last_seen: datetime | None = None
    was: str | None = None


def follow(
    seen: Mapping[When, Sighting],
    timeline: Sequence[When],
    before: Listing | None,
    snapshot_before: SnapshotBefore,
) -> tuple[list[Step], Listing | None]:
    """The changes since `before`, and how the agreement stands after them; None where it was never listed."""
    steps: list[Step] = []
    now = before
    for at, on in timeline:
        if before is not None and at <= before.changed_at:
            continue
        change = _change(now, at, on, seen.get((at, on)), snapshot_before)
        if change is not None:
            step, now = change
            steps.append(step)
    return steps, now


def _change(
    now: Listing | None,
    at: datetime,
    on: On,
    sighting: Sighting | None,
    snapshot_before: SnapshotBefore,
) -> tuple[Step, Listing] | None:
    listed_as = None if now is None else now.listed_as
    if sighting is None:
        if now is None or listed_as != on:
            return None
        last_seen = snapshot_before((at, on)) or now.changed_at
        step = Step(change="gone", at=at, on=on, last_seen=last_seen)
        return step, _with(now, at, listed_as=None, last_seen=last_seen)
    text = sighting.signed_text if on == "signed" else None
    if now is None:
        first_signed = at if on == "signed" else None
        step = Step(change="listed", at=at, on=on, sighting=sighting)
        return step, Listing(
            listed_as=on, signed_text=text, first_seen=at, first_signed=first_signed, last_seen=None, changed_at=at
        )
    if on == "pending" and listed_as is not None:  # what is signed stays signed, though the other list lags behind
        return None
    if on == "signed" and listed_as == "signed" and text == now.signed_text:
        return None
    was_before = now.first_signed is not None if on == "signed" else True
    change: Change = "redated" if listed_as == on else "again" if was_before else "listed"
    step = Step(change=change, at=at, on=on, sighting=sighting, was=now.signed_text)
    first_signed = now.first_signed or (at if on == "signed" else None)
    text = text if on == "signed" else now.signed_text
    return step, _with(now, at, listed_as=on, last_seen=None, signed_text=text, first_signed=first_signed)


def _with(now: Listing, at: datetime, **changed: object) -> Listing:
    fields = {name: getattr(now, name) for name in now.__struct_fields__}
    return Listing(**{**fields, **changed, "changed_at": at})


def earlier(snapshots: Sequence[When]) -> SnapshotBefore:
    """What tells the snapshot before another one of the same list."""
    of = {on: sorted(at for at, other in snapshots if other == on) for on in ("signed", "pending")}

    def before(when: When) -> datetime | None:
        place = bisect_left(of[when[1]], when[0])
        return of[when[1]][place - 1] if place else None

    return before


class ListFacts(Struct, kw_only=True, frozen=True):
    """A list from its first snapshot to its last: listed whether or not the rows could be taken over."""

    list: On
    snapshots: int
    first_listed: int
    last_listed: int
    added: int
    gone: int
    ever_listed: int


class DateChange(Struct, kw_only=True, frozen=True):
    """A day of signature that a later snapshot gives otherwise: `stands` is the first that could be read."""

    state: str
    agency: str
    form: str
    snapshot: datetime
    was: str
    now: str
    stands: str | None
    place: str


class PossibleRename(Struct, kw_only=True, frozen=True):
    """One that left the signed list in the snapshot in which another of the same state, form and day came."""

    state: str
    form: str
    snapshot: datetime
    was: str
    now: str


class Facts(Struct, kw_only=True, frozen=True):
    """What the snapshots say by themselves."""

    lists: list[ListFacts]
    pending: int
    pending_signed_later: int
    pending_never_signed: int
    date_changes: list[DateChange]
    possible_renames: list[PossibleRename]


def facts_of(panel: Panel, signed_header: str) -> Facts:
    """Count what the snapshots say; `signed_header` is the list's word for the day of signature."""
    lists = []
    for on in ("signed", "pending"):
        ats = [when for when in panel.timeline if when[1] == on]
        if ats:
            first, last = panel.listed[ats[0]], panel.listed[ats[-1]]
            ever = set().union(*(panel.listed[when] for when in ats))
            lists.append(
                ListFacts(
                    list=on,
                    snapshots=len(ats),
                    first_listed=len(first),
                    last_listed=len(last),
                    added=len(last - first),
                    gone=len(first - last),
                    ever_listed=len(ever),
                )
            )
    pending = {key for (_, on), keys in panel.listed.items() if on == "pending" for key in keys}
    signed = {key for (_, on), keys in panel.listed.items() if on == "signed" for key in keys}
    before = earlier(panel.timeline)
    histories = {key: follow(seen, panel.timeline, None, before)[0] for key, seen in panel.seen.items()}
    return Facts(
        lists=lists,
        pending=len(pending),
        pending_signed_later=len(pending & signed),
        pending_never_signed=len(pending - signed),
        date_changes=[
            change for key, steps in histories.items() for change in _date_changes(key, steps, signed_header)
        ],
        possible_renames=_renames(histories),
    )


def _date_changes(key: Key, steps: Sequence[Step], signed_header: str) -> list[DateChange]:
    stands: str | None = None
    found = []
    for step in steps:
        sighting = step.sighting
        if sighting is None or step.on != "signed":
            continue
        if sighting.signed_on is not None:
            stands = stands or sighting.signed_text
        if step.was is not None and step.was != sighting.signed_text:
            state, agency, form = key
            found.append(
                DateChange(
                    state=state,
                    agency=agency,
                    form=form,
                    snapshot=step.at,
                    was=step.was,
                    now=sighting.signed_text,
                    stands=stands,
                    place=sighting.row.fault(signed_header, "", "").place(),
                )
            )
    return found


def _renames(histories: Mapping[Key, Sequence[Step]]) -> list[PossibleRename]:
    came: dict[tuple[datetime, str, str, str], list[str]] = {}
    for (state, agency, form), steps in histories.items():
        for step in steps:
            if step.change == "listed" and step.on == "signed" and step.sighting is not None:
                came.setdefault((step.at, state, form, step.sighting.signed_text), []).append(agency)
    found = []
    for (state, agency, form), steps in histories.items():
        text = ""
        for step in steps:
            text = step.sighting.signed_text if step.sighting is not None and step.on == "signed" else text
            others = came.get((step.at, state, form, text), []) if step.change == "gone" and step.on == "signed" else []
            if len(others) == 1:
                found.append(PossibleRename(state=state, form=form, snapshot=step.at, was=agency, now=others[0]))
    return found
