"""Commands on calendars of an asset's availability: made and revoked by the agency that reads them."""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.calendars.rules import MOST_FEEDS, may_revoke, new_secret, secret_hash
from registry.agreements.calendars.schemas import NewCalendarFeed
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.commands.booking import lock
from registry.resources.assets.queries.calendars import as_feed, feed_row, feed_rows
from registry.resources.assets.queries.facts import visible_asset
from registry.resources.assets.schemas.publishing import AssetCalendarFeed
from registry.resources.assets.tables import asset_calendar_feed

_INSERT = asset_calendar_feed.insert()
_REVOKE = asset_calendar_feed.update().where(
    asset_calendar_feed.c.id == sa.bindparam("its_id", type_=asset_calendar_feed.c.id.type)
)


async def create_feed(write: Write, caller: Caller, asset_id: UUID, new: NewCalendarFeed) -> AssetCalendarFeed:
    """Make a calendar of an asset for the caller's agency; the answer is the only place that holds its address.

    Raises NotFound, WrongStatus for one too many.
    """
    await visible_asset(write, caller.principal, asset_id, caller.now)
    permit(caller.principal, Action.CALENDARS_MANAGE, ["own"])
    await write.once()
    await lock(write, asset_id)
    if sum(row.revoked_at is None for row in await feed_rows(write, caller, asset_id)) >= MOST_FEEDS:
        raise WrongStatus(
            f"Your agency has {MOST_FEEDS} calendars of this asset: revoke one that nobody reads any more."
        )
    feed_id, secret = new_id(), new_secret()
    await write.run(
        _INSERT,
        {
            "id": feed_id,
            "asset_id": asset_id,
            "agency_id": caller.agency_id,
            "label": new.label,
            "secret_sha256": secret_hash(secret),
            "created_at": caller.now,
            "version": 1,
        },
    )
    _record(write, caller, EventType.ASSET_CALENDAR_FEED_CREATED, feed_id, 1, asset_id)
    return as_feed(await feed_row(write, caller, asset_id, feed_id), f"/asset-calendars/{secret}.ics")


async def revoke_feed(
    write: Write, caller: Caller, asset_id: UUID, feed_id: UUID, expected: Expected
) -> AssetCalendarFeed:
    """Make a calendar's address worthless, at once. Raises NotFound, StaleVersion, WrongStatus for one revoked."""
    await lock(write, asset_id)
    row = await feed_row(write, caller, asset_id, feed_id)
    permit(caller.principal, Action.CALENDARS_MANAGE, ["own"])
    await write.once()
    check_version(expected, row.version)
    may_revoke(row.revoked_at)
    await write.run(_REVOKE, {"its_id": feed_id, "revoked_at": caller.now, "version": row.version + 1})
    _record(write, caller, EventType.ASSET_CALENDAR_FEED_REVOKED, feed_id, row.version + 1, asset_id)
    return as_feed(await feed_row(write, caller, asset_id, feed_id))


def _record(write: Write, caller: Caller, event_type: EventType, feed_id: UUID, version: int, asset_id: UUID) -> None:
    subject = ("asset_calendar_feed", feed_id, version)
    data = {"asset_id": str(asset_id)}
    record(write, caller, event_type, subject=subject, agencies=[caller.agency_id], data=data)
