"""A published list, snapshot by snapshot: what was listed when, read without a database."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from registry.agreements.tracker.cells import CellRefused, no_control, plain, quoted, read_date, straightened
from registry.agreements.tracker.profiles import Profile
from registry.agreements.tracker.rows import TrackerRow, row_sha256
from registry.agreements.tracker.schemas import CellFault
from registry.agreements.tracker.states import code_of
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.sheets import Line, Table

On: TypeAlias = Literal["signed", "pending"]
Key: TypeAlias = tuple[str, str, str]
When: TypeAlias = tuple[datetime, On]
SnapshotBefore: TypeAlias = Callable[[When], datetime | None]


class Sighting(Struct, kw_only=True, frozen=True):
    """An agreement on a list in one snapshot. State, agency and form are written as the list has them, but trimmed."""

    row: TrackerRow
    on: On
    taken_at: datetime
    key: Key
    kind: str
    signed_text: str
    signed_on: date | None


class Panel(Struct, kw_only=True, frozen=True):
    """All snapshots that were given: who was listed in each, and the rows that say no agreement or say it wrongly."""

    seen: dict[Key, dict[When, Sighting]]
    timeline: list[When]
    listed: dict[When, set[Key]]
    digests: dict[When, str]
    state_codes: dict[Key, str]
    faults: list[CellFault]


class _Faults:
    """Faults in the making: one that a row repeats in each snapshot is told once, with how often."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], tuple[CellFault, int]] = {}

    def add(self, about: object, fault: CellFault) -> None:
        known = (about, fault.name, fault.code, fault.detail)
        first, times = self._found.get(known, (fault, 0))
        self._found[known] = (first, times + 1)

    def told(self) -> list[CellFault]:
        return [_repeated(fault, times) for fault, times in self._found.values()]


def _repeated(fault: CellFault, times: int) -> CellFault:
    return CellFault(**{name: getattr(fault, name) for name in fault.__struct_fields__ if name != "times"}, times=times)


def read_panel(tables: Sequence[Table], profile: Profile, latest: date) -> Panel:
    """Every snapshot in the tables; `latest` is the last day on which anything can have been signed.

    Raises ImportFormatError for a table that is not the list of the profile.
    """
    faults = _Faults()
    seen: dict[Key, dict[When, Sighting]] = {}
    listed: dict[When, set[Key]] = {}
    hashes: dict[When, list[str]] = {}
    for table in tables:
        for sighting in _sightings(table, profile, latest, faults):
            when = (sighting.taken_at, sighting.on)
            hashes.setdefault(when, []).append(sighting.row.sha256)
            history = seen.setdefault(sighting.key, {})
            if history.setdefault(when, sighting) is not sighting:
                words = "An earlier row of the same snapshot lists the same, and was taken."
                faults.add(sighting.key, sighting.row.fault(profile.columns.agency, "listed_twice", words))
            listed.setdefault(when, set()).add(sighting.key)
    return Panel(
        seen=seen,
        timeline=sorted(listed, key=lambda when: (when[0], when[1] == "pending")),
        listed=listed,
        digests={when: hashlib.sha256("".join(rows).encode()).hexdigest() for when, rows in hashes.items()},
        state_codes=dict(_state_codes(seen, profile, faults)),
        faults=faults.told(),
    )


def _state_codes(
    seen: Mapping[Key, Mapping[When, Sighting]], profile: Profile, faults: _Faults
) -> Iterator[tuple[Key, str]]:
    for key, history in seen.items():
        try:
            yield key, code_of(key[0])
        except CellRefused as refused:
            for sighting in history.values():
                faults.add(key, sighting.row.fault(profile.columns.state, refused.code, refused.detail))


def _sightings(table: Table, profile: Profile, latest: date, faults: _Faults) -> Iterator[Sighting]:
    headers = profile.columns
    at = {header: index for index, header in enumerate(table.headers) if header}
    needed = (headers.snapshot, headers.state, headers.agency, headers.form)
    if missing := [header for header in needed if header not in at]:
        raise ImportFormatError(f"{table.file} is not the list {profile.source}: it lacks {', '.join(missing)}.")
    on: On = "signed" if headers.signed_on in at else "pending"
    for line in table.lines:
        row = TrackerRow(origin=table.origin, row=line.row, at=at, values={}, sha256=row_sha256(line.values))
        if line.fault is not None:
            faults.add(line.row, row.fault(None, "row_unreadable", line.fault))
        elif (sighting := _sighting(row, line, on, profile, latest, faults)) is not None:
            yield sighting


def _sighting(row: TrackerRow, line: Line, on: On, profile: Profile, latest: date, faults: _Faults) -> Sighting | None:
    headers, texts = profile.columns, dict[str, str]()
    header = headers.snapshot
    try:
        for header in (headers.snapshot, headers.state, headers.agency, headers.form, headers.kind, headers.signed_on):
            index = row.at.get(header)
            value = None if index is None else line.values[index]
            texts[header] = straightened(no_control(plain(value)))
            if not texts[header] and header not in (headers.kind, headers.signed_on):
                raise CellRefused("cell_blank", f"{header} is needed.")
        header = headers.snapshot
        taken_at = _taken_at(texts[header], profile.snapshot_format)
        header = headers.form
        if texts[header] not in profile.forms:
            words = f"{quoted(texts[header])} is none of: {', '.join(profile.forms)}."
            raise CellRefused("form_unknown", words)
    except CellRefused as refused:
        faults.add(row.row, row.fault(header, refused.code, refused.detail))
        return None
    key = (texts[headers.state], texts[headers.agency], texts[headers.form])
    signed_on = None
    if on == "signed":
        try:
            signed_on = _signed_by(latest, read_date(line.values[row.at[headers.signed_on]], profile.dates))
        except CellRefused as refused:  # it is listed, yet cannot be recorded
            faults.add(key, row.fault(headers.signed_on, refused.code, refused.detail))
    return Sighting(
        row=row,
        on=on,
        taken_at=taken_at,
        key=key,
        kind=texts[headers.kind],
        signed_text=texts[headers.signed_on][:40],
        signed_on=signed_on,
    )


def _signed_by(latest: date, day: date) -> date:
    if day > latest:
        raise CellRefused("signed_in_future", f"{quoted(day.isoformat())}: the day of the signature is yet to come.")
    return day


def _taken_at(text: str, pattern: str) -> datetime:
    try:
        return datetime.strptime(text, pattern).replace(tzinfo=UTC)
    except ValueError:
        raise CellRefused("not_an_instant", f"{quoted(text)} is not the time of a snapshot ({pattern}).") from None
