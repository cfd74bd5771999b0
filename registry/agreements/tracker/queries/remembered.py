"""What the registry remembers of a published list: its snapshots, and each agreement that was on it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.tables import agreement
from registry.agreements.tracker.file_names import AgreementOfFiles, name_of
from registry.agreements.tracker.listings import Listing, Remembered
from registry.agreements.tracker.profiles import Profile
from registry.agreements.tracker.sightings import Key, Panel, When
from registry.agreements.tracker.states import CODES, NAMES
from registry.agreements.tracker.tables import tracker_entry, tracker_listing, tracker_snapshot
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.ids import new_id

_SOURCE = sa.bindparam("its_source", type_=sa.Text)
_CUSTODIAN = sa.bindparam("its_custodian", type_=tracker_listing.c.custodian_id.type)
_FIELDS: Final = Listing.__struct_fields__
_KEY: Final = ("state", "agency", "form")
_LISTINGS = (
    sa.select(
        tracker_listing,
        agreement.c.stage,
        agreement.c.executed_at,
        agreement.c.version,
        tracker_entry.c.agreement_version,
    )
    .outerjoin(agreement, agreement.c.id == tracker_listing.c.agreement_id)
    .outerjoin(tracker_entry, tracker_entry.c.agreement_id == tracker_listing.c.agreement_id)
    .where(tracker_listing.c.source == _SOURCE, tracker_listing.c.custodian_id == _CUSTODIAN)
)
_SNAPSHOTS = sa.select(tracker_snapshot.c.list, tracker_snapshot.c.taken_at, tracker_snapshot.c.sha256).where(
    tracker_snapshot.c.source == _SOURCE, tracker_snapshot.c.custodian_id == _CUSTODIAN
)
_INSERT = tracker_listing.insert()
_UPDATE = (
    tracker_listing.update()
    .where(tracker_listing.c.id == sa.bindparam("its_id", type_=tracker_listing.c.id.type))
    .values({name: sa.bindparam(name, type_=tracker_listing.c[name].type) for name in ("agreement_id", *_FIELDS)})
)
_KEEP = tracker_snapshot.insert()


async def listings_of(read: Read, source: str, custodian_id: UUID) -> dict[Key, Remembered]:
    """Every listing of the source with that custodian."""
    found = {}
    for row in await read.all_slowly(_LISTINGS, {"its_source": source, "its_custodian": custodian_id}):
        found[row.state, row.agency, row.form] = Remembered(
            id=row.id,
            listing=Listing(**{name: getattr(row, name) for name in _FIELDS}),
            agreement_id=row.agreement_id,
            stage=None if row.stage is None else Stage(row.stage),
            executed=row.executed_at is not None,
            edited_here=row.agreement_id is not None and row.agreement_version != row.version,
        )
    return found


async def agreements_of_list(read: Read, profile: Profile, custodian_id: UUID, panel: Panel) -> list[AgreementOfFiles]:
    """The agreements of the list with the names that files may bear: what is kept, and what the panel would enter.

    A file bears such a name where it has agency, form (or its code) and state (or its code), the number or the title.
    """
    known = await listings_of(read, profile.source, custodian_id)
    found = []
    for key in sorted({*known, *panel.state_codes}):
        written, agency, form = key
        code = panel.state_codes.get(key) or CODES.get(written, written)
        if form not in profile.forms or code not in NAMES:
            continue
        states, forms = (code, NAMES[code]), (form, profile.forms[form].code)
        number = profile.number_of(code, agency, form)
        names = [name_of(agency, form_, state) for form_ in forms for state in states]
        names += [name_of(number), name_of(profile.title_of(code, agency, form))]
        agreement_id = known[key].agreement_id if key in known else None
        found.append(AgreementOfFiles(number=number, id=agreement_id, names=tuple(names)))
    return found


async def snapshots_of(read: Read, source: str, custodian_id: UUID) -> dict[When, str]:
    """The snapshots replayed so far, each with the hash of its rows."""
    rows = await read.all(_SNAPSHOTS, {"its_source": source, "its_custodian": custodian_id})
    return {(row.taken_at, row.list): row.sha256 for row in rows}


async def keep_listing(
    write: Write,
    source: str,
    custodian_id: UUID,
    key: Key,
    known: Remembered | None,
    listing: Listing,
    agreement_id: UUID | None,
) -> None:
    """Write a listing, if anything about it is new."""
    values = {"agreement_id": agreement_id, **msgspec.structs.asdict(listing)}
    if known is not None:
        if (known.listing, known.agreement_id) != (listing, agreement_id):
            await write.run(_UPDATE, {"its_id": known.id, **values})
        return
    place = dict(zip(_KEY, key, strict=True))
    await write.run(_INSERT, {"id": new_id(), "source": source, "custodian_id": custodian_id, **place, **values})


async def keep_snapshots(
    write: Write, source: str, custodian_id: UUID, panel: Panel, stored: Collection[When], replayed: Collection[When]
) -> None:
    """Write down the snapshots that are replayed to the end now."""
    rows: list[Mapping[str, object]] = [
        {
            "source": source,
            "custodian_id": custodian_id,
            "list": on,
            "taken_at": at,
            "sha256": panel.digests[at, on],
            "listed": len(panel.listed[at, on]),
        }
        for at, on in replayed
        if (at, on) not in stored
    ]
    if rows:
        await write.run(_KEEP, rows)


def too_late(panel: Panel, stored: Mapping[When, str]) -> dict[When, str]:
    """Snapshots that cannot be replayed any more, with the reason: history is only ever added to."""
    newest: datetime | None = max((at for at, _ in stored), default=None)
    found = {}
    for when in panel.timeline:
        if when in stored:
            if stored[when] != panel.digests[when]:
                found[when] = "It was replayed before with other rows."
        elif newest is not None and when[0] < newest:
            found[when] = "A later snapshot was replayed already."
    return found
