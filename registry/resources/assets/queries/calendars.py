"""Queries about the calendars of an asset: which there are, and what each holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.calendars.rules import secret_hash, secret_in
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller
from registry.platform.access.tables import acting_agency
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.time import Window
from registry.resources.allocations.occupancy import KindHold, intervals
from registry.resources.allocations.queries import allocations_in, as_kind_holds
from registry.resources.allocations.rules import AllocationKind
from registry.resources.assets.queries.facts import VISIBLE_FACTS, as_facts, visible_asset
from registry.resources.assets.queries.keeping import reserves_of
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.publishing import AssetCalendarFeed, AssetCalendarFeeds
from registry.resources.assets.tables import asset_calendar_feed
from registry.resources.assets.writing import CalendarContent, Entry
from registry.resources.minimums.rules import HELD_BACK, kept_back

HORIZON = timedelta(days=400)
MOST_ENTRIES = 1000
_ID = asset_calendar_feed.c.id.type
_OF_AGENCY = (
    sa.select(asset_calendar_feed)
    .where(
        asset_calendar_feed.c.agency_id == sa.bindparam("agency_id", type_=_ID),
        asset_calendar_feed.c.asset_id == sa.bindparam("asset_id", type_=_ID),
    )
    .order_by(asset_calendar_feed.c.id.desc())
)
_ONE = _OF_AGENCY.where(asset_calendar_feed.c.id == sa.bindparam("id", type_=_ID))
# A feed is as good as its agency's tokens: while the agency may not act, nobody reads its calendar.
_BY_SECRET = (
    sa.select(asset_calendar_feed.c.asset_id, asset_calendar_feed.c.agency_id)
    .join(acting_agency, acting_agency.c.agency_id == asset_calendar_feed.c.agency_id)
    .where(asset_calendar_feed.c.secret_sha256 == sa.bindparam("secret"), asset_calendar_feed.c.revoked_at.is_(None))
)
_NAMES = sa.select(agency.c.id, agency.c.name).where(
    agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True))
)


async def list_feeds(read: Read, caller: Caller, asset_id: UUID) -> AssetCalendarFeeds:
    """The calendars that the caller's agency made of an asset. Raises NotFound for an asset that it may not see."""
    await visible_asset(read, caller.principal, asset_id, caller.now)
    return AssetCalendarFeeds(items=[as_feed(row) for row in await feed_rows(read, caller, asset_id)])


async def feed_rows(read: Read, caller: Caller, asset_id: UUID) -> list[Row[Any]]:
    """The rows of the calendars of the caller's agency, the newest first."""
    return [*await read.all(_OF_AGENCY, {"agency_id": caller.agency_id, "asset_id": asset_id})]


async def feed_row(read: Read, caller: Caller, asset_id: UUID, feed_id: UUID) -> Row[Any]:
    """The row of one of them. Raises NotFound: whose it is not may not know of it."""
    row = await read.first(_ONE, {"agency_id": caller.agency_id, "asset_id": asset_id, "id": feed_id})
    if row is None:
        raise NotFound("calendar feed")
    return row


async def get_feed(read: Read, caller: Caller, asset_id: UUID, feed_id: UUID) -> AssetCalendarFeed:
    """One of them, without its address. Raises NotFound for an asset that the caller may not see, too."""
    await visible_asset(read, caller.principal, asset_id, caller.now)
    return as_feed(await feed_row(read, caller, asset_id, feed_id))


def as_feed(row: Row[Any], address: str | None = None) -> AssetCalendarFeed:
    """The representation of a calendar; with its address where it was made just now."""
    gone = None if row.revoked_at is None else "It is revoked already."
    return AssetCalendarFeed(
        id=row.id,
        asset_id=row.asset_id,
        label=row.label,
        address=address,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        allowed_actions=[offer("revoke", withheld=gone)],
        version=row.version,
    )


async def calendar_content(read: Read, filename: str, now: datetime) -> CalendarContent:
    """What the calendar of that name holds at `now`: the owner's says to whom it is lent, others' only what is taken.

    Raises NotFound, the same for an address that is unknown or revoked, and for an asset gone from sight.
    """
    secret = secret_in(filename)
    feed = None if secret is None else await read.first(_BY_SECRET, {"secret": secret_hash(secret)})
    if feed is None:
        raise NotFound("calendar")
    seen = await read.first(VISIBLE_FACTS, {"id": feed.asset_id, "viewer": feed.agency_id, "at": now})
    if seen is None:
        raise NotFound("calendar")
    found = as_facts(seen)
    window = Window(start=now, end=now + HORIZON)
    rows = await allocations_in(read, found.id, window, now)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if found.agency_id == feed.agency_id:
        entries = await _owners(read, rows, window, now)
    else:
        # From day to day, so that the same content is the same bytes as long as nothing else changes.
        kept_in = Window(start=day, end=day + HORIZON)
        reserves = await reserves_of(read, feed.agency_id, found, kept_in, now)
        kept = [(*hold[:3], HELD_BACK) for hold in kept_back(found.id, reserves, kept_in, found.weeks_in)]
        entries = _busy(found.id, found.capacity, as_kind_holds(rows, now) + kept, window, now)
    if found.service_status is not ServiceStatus.IN_SERVICE:
        out = Entry(f"{found.id}.out_of_service", day, window.end, "Out of service")
        entries = [out, *entries]
    return CalendarContent(found.name, day, tuple(entries[:MOST_ENTRIES]))


async def _owners(read: Read, rows: Any, window: Window, now: datetime) -> list[Entry]:
    ids = sorted({row.requesting_agency_id for row in rows if row.requesting_agency_id is not None})
    names = {row.id: row.name for row in await read.all(_NAMES, {"ids": ids})} if ids else {}
    found = []
    for row in sorted(rows, key=lambda each: (each.starts_at, each.id)):
        late = row.status == "out" and row.ends_at <= now
        if row.kind == AllocationKind.LOAN:
            words = f"Lent to {names[row.requesting_agency_id]} ({row.quantity})" + (", overdue" if late else "")
        else:
            words = f"{row.kind.capitalize()}{f': {row.reason}' if row.reason else ''}"
        found.append(Entry(str(row.id), row.starts_at, window.end if late else min(row.free_at, window.end), words))
    return found


def _busy(asset_id: UUID, capacity: int, holds: Sequence[KindHold], window: Window, now: datetime) -> list[Entry]:
    # From a fixed instant on, so that what began in the past keeps its name.
    opens = min((hold[0] for hold in holds), default=window.start)
    parts = intervals(capacity, holds, (min(opens, window.start), window.end))
    return [
        Entry(
            f"{asset_id}.{part.start:%Y%m%dT%H%M%S}",
            part.start,
            part.end,
            "Busy" if not part.free_quantity else f"{part.free_quantity} of {capacity} free",
        )
        for part in parts
        if part.free_quantity < capacity and part.end > now
    ]
