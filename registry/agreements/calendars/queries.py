"""An agency's feeds, and what a calendar at a secret address holds."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.calendars.rules import secret_hash, secret_in, shows
from registry.agreements.calendars.schemas import CalendarFeed, CalendarFeedPage
from registry.agreements.calendars.tables import calendar_feed
from registry.agreements.calendars.writing import CalendarContent
from registry.agreements.deadlines.falling_due import deadlines
from registry.agreements.deadlines.queries.records import records
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.access.tables import acting_agency
from registry.platform.database.handles import Read
from registry.platform.http.paging import NewestFirst, Orders
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound

_ID = calendar_feed.c.id.type
_AGENCY = calendar_feed.c.agency_id == sa.bindparam("agency_id", type_=_ID)
_SHOWN = (
    sa.select(calendar_feed, agency.c.name.label("agency_name"))
    .join(agency, agency.c.id == calendar_feed.c.agency_id)
    .where(_AGENCY)
)
_ONE = _SHOWN.where(calendar_feed.c.id == sa.bindparam("id", type_=_ID))
_ORDERS = Orders(NewestFirst, created_at=calendar_feed.c.id)
# A feed is as good as its agency's tokens: while the agency may not act, nobody reads its calendar.
_BY_SECRET = (
    sa.select(calendar_feed.c.id, calendar_feed.c.agency_id, agency.c.name)
    .join(agency, agency.c.id == calendar_feed.c.agency_id)
    .join(acting_agency, acting_agency.c.agency_id == calendar_feed.c.agency_id)
    .where(calendar_feed.c.secret_sha256 == sa.bindparam("secret"), calendar_feed.c.revoked_at.is_(None))
)


@cache
def _page(sort: str, *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_SHOWN, sort, after=after)


async def feed_row(read: Read, caller: Caller, feed_id: UUID) -> Row[Any]:
    """A feed of the caller's agency. Raises NotFound: whose it is not may not know of it."""
    row = await read.first(_ONE, {"agency_id": caller.agency_id, "id": feed_id})
    if row is None:
        raise NotFound("calendar feed")
    return row


async def get_feed(read: Read, caller: Caller, feed_id: UUID, address: str | None = None) -> CalendarFeed:
    """One feed, with its address where it was made just now. Raises NotFound."""
    row = await feed_row(read, caller, feed_id)
    permit(caller.principal, Action.CALENDARS_MANAGE, ["own"])
    return _as_feed(row, address)


async def list_feeds(read: Read, caller: Caller, query: NewestFirst) -> CalendarFeedPage:
    """A page of the agency's feeds, revoked ones included. Raises Malformed for another list's cursor."""
    permit(caller.principal, Action.CALENDARS_MANAGE, ["own"])
    parameters = {"agency_id": caller.agency_id, **_ORDERS.parameters(query)}
    rows = await read.all(_page(query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return CalendarFeedPage(items=[_as_feed(row, None) for row in kept], next_cursor=next_cursor)


def _as_feed(row: Row[Any], address: str | None) -> CalendarFeed:
    gone = None if row.revoked_at is None else "It is revoked already."
    return CalendarFeed(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        label=row.label,
        address=address,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        allowed_actions=[offer("revoke", withheld=gone)],
        version=row.version,
    )


async def calendar_content(read: Read, filename: str, now: datetime) -> CalendarContent:
    """What the calendar of that name holds at `now`. Raises NotFound, the same for an unknown and a revoked address."""
    secret = secret_in(filename)
    row = None if secret is None else await read.first(_BY_SECRET, {"secret": secret_hash(secret)})
    if row is None:
        raise NotFound("calendar")
    entries = [
        (record, due)
        async for found in records(read, row.agency_id, now)
        for record in found
        for due in deadlines(record, now)
        if shows(due, row.agency_id, now)
    ]
    entries.sort(key=lambda entry: (entry[1].at, entry[1].kind.value, entry[0].id, entry[1].subject))
    return CalendarContent(row.id, row.name, entries)
