"""Calendar feeds: made, listed, revoked, and read at their secret address."""

import asyncio
from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.agreements.calendars import commands, queries
from registry.agreements.calendars.schemas import FEED_EXAMPLE, CalendarFeed, CalendarFeedPage, NewCalendarFeed
from registry.agreements.calendars.writing import tag, written
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, Rendered, entity_tag, unchanged
from registry.platform.http.asgi import Scope
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.versions import Expected

CALENDAR = "text/calendar"


class CalendarAnswer(Answer[bytes]):
    """A calendar on its way out. Its address is the secret, so no cache that others share may keep it."""

    def render(self, scope: Scope, status: int) -> Rendered:
        """The calendar's bytes, or 304 where the subscriber has them already."""
        assert self.etag is not None
        headers = [(b"cache-control", b"private, no-cache"), (b"etag", self.etag.encode())]
        if unchanged(scope, self.etag):
            return Rendered(304, headers, b"")
        headers.append((b"content-type", f"{CALENDAR}; charset=utf-8".encode()))
        headers.append((b"content-length", str(len(self.content)).encode()))
        return Rendered(status, headers, self.content)


def _answer(found: CalendarFeed, *, created: bool = False) -> Answer[CalendarFeed]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.allowed_actions),
        location=f"/v1/calendar-feeds/{found.id}" if created else None,
    )


@operation("get", "/calendar-feeds", permission=Action.CALENDARS_MANAGE, query=NewestFirst)
async def list_calendar_feeds(
    read: Supplied[Read],
    filters: Supplied[NewestFirst],
    caller: Supplied[Caller],
) -> Answer[CalendarFeedPage]:
    """List your agency's calendar feeds, revoked ones included."""
    return Answer(await queries.list_feeds(read, caller, filters))


@operation(
    "post",
    "/calendar-feeds",
    permission=Action.CALENDARS_MANAGE,
    example=FEED_EXAMPLE,
    etag=True,
    problems=("secret_taken", "wrong_status"),
)
async def create_calendar_feed(
    data: JSONBody[NewCalendarFeed], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[CalendarFeed]:
    """Make a calendar of your agency's deadlines, at a secret address that this answer alone tells.

    The registry keeps a hash of it. When the answer is lost, or the address got into wrong hands, revoke the feed and
    make another: a repeated answer does not hold it.
    """
    made = _answer(await commands.create_feed(write, caller, data), created=True)
    return made.with_secret(address=None)


@operation("get", "/calendar-feeds/{feed_id:uuid}", permission=Action.CALENDARS_MANAGE, etag=True)
async def get_calendar_feed(
    feed_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[CalendarFeed]:
    """Read one calendar feed, without its address."""
    return _answer(await queries.get_feed(read, caller, feed_id))


@operation(
    "post",
    "/calendar-feeds/{feed_id:uuid}/revoke",
    permission=Action.CALENDARS_MANAGE,
    status=200,
    etag=True,
    problems=("wrong_status",),
)
async def revoke_calendar_feed(
    feed_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[CalendarFeed]:
    """Revoke a calendar feed: from now on its address leads nowhere."""
    return _answer(await commands.revoke_feed(write, caller, feed_id, if_match))


@operation(
    "get",
    "/calendars/{filename:str}",
    permission=None,
    problems=(
        "busy",
        "database_busy",
        "database_failed",
        "internal_error",
        "malformed",
        "not_found",
        "overloaded",
        "unknown_parameter",
    ),
    etag=True,
    public=True,
    produces=CALENDAR,
)
async def get_calendar(filename: FromPath[str], read: Supplied[Read], scope: Supplied[Scope]) -> CalendarAnswer:
    """Read an agency's deadlines as an iCalendar file (RFC 5545), at the secret address of a feed.

    No token is needed: calendar programs have none. An all-day event stands on the civil day of each deadline that
    concerns every party or is the agency's own to meet, and is not met: overdue ones however old, others up to two
    years ahead. An address that was revoked, or whose agency may
    not act, is as unknown as one that never was.
    """
    content = await queries.calendar_content(read, filename, scope["registry.now"])
    etag = await asyncio.to_thread(tag, content)
    same = unchanged(scope, etag)
    return CalendarAnswer(b"" if same else await asyncio.to_thread(written, content), etag=etag)


router = Router(
    path="/v1",
    route_handlers=[list_calendar_feeds, create_calendar_feed, get_calendar_feed, revoke_calendar_feed],
)
public_router = Router(path="/", route_handlers=[get_calendar])
"""What needs no token: calendars, at an address that is one."""
