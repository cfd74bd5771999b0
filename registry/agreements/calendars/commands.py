"""Making and revoking calendar feeds."""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.calendars.queries import feed_row, get_feed
from registry.agreements.calendars.rules import MOST_FEEDS, may_revoke, new_secret, secret_hash
from registry.agreements.calendars.schemas import CalendarFeed, NewCalendarFeed
from registry.agreements.calendars.tables import calendar_feed
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_ID = calendar_feed.c.id.type
_INSERT = calendar_feed.insert()
_REVOKE = calendar_feed.update().where(calendar_feed.c.id == sa.bindparam("its_id", type_=_ID))
_LOCK = (
    sa.select(agency.c.id)
    .where(agency.c.id == sa.bindparam("id", type_=agency.c.id.type))
    .with_for_update(key_share=True)
)
_STANDING = sa.select(sa.func.count()).where(
    calendar_feed.c.agency_id == sa.bindparam("id", type_=_ID), calendar_feed.c.revoked_at.is_(None)
)


async def create_feed(write: Write, caller: Caller, new: NewCalendarFeed) -> CalendarFeed:
    """Make a feed; the answer is the only place that ever holds its address. Raises WrongStatus for one too many."""
    permit(caller.principal, Action.CALENDARS_MANAGE, ["own"])
    await write.once()
    await write.value(_LOCK, {"id": caller.agency_id})
    if await write.value(_STANDING, {"id": caller.agency_id}) >= MOST_FEEDS:
        raise WrongStatus(f"Your agency has {MOST_FEEDS} calendar feeds: revoke one that nobody reads any more.")
    feed_id, secret = new_id(), new_secret()
    await write.run(
        _INSERT,
        {
            "id": feed_id,
            "agency_id": caller.agency_id,
            "label": new.label,
            "secret_sha256": secret_hash(secret),
            "created_at": caller.now,
            "version": 1,
        },
    )
    record(
        write,
        caller,
        EventType.CALENDAR_FEED_CREATED,
        subject=("calendar_feed", feed_id, 1),
        agencies=[caller.agency_id],
        data={"label": new.label},
    )
    return await get_feed(write, caller, feed_id, f"/calendars/{secret}.ics")


async def revoke_feed(write: Write, caller: Caller, feed_id: UUID, expected: Expected) -> CalendarFeed:
    """Make the feed's address worthless, at once. Raises NotFound, StaleVersion, WrongStatus for one revoked."""
    await write.value(_LOCK, {"id": caller.agency_id})
    row = await feed_row(write, caller, feed_id)
    permit(caller.principal, Action.CALENDARS_MANAGE, ["own"])
    await write.once()
    check_version(expected, row.version)
    may_revoke(row.revoked_at)
    await write.run(_REVOKE, {"its_id": feed_id, "revoked_at": caller.now, "version": row.version + 1})
    record(
        write,
        caller,
        EventType.CALENDAR_FEED_REVOKED,
        subject=("calendar_feed", feed_id, row.version + 1),
        agencies=[caller.agency_id],
        data={"label": row.label},
    )
    return await get_feed(write, caller, feed_id)
