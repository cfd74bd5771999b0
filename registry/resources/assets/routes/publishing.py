"""Operations on calendars of an asset's availability."""

import asyncio
from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.calendars.routes import CALENDAR, CalendarAnswer
from registry.agreements.calendars.schemas import NewCalendarFeed
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag, unchanged
from registry.platform.http.asgi import Scope
from registry.platform.kernel.versions import Expected
from registry.resources.assets.commands import publishing
from registry.resources.assets.queries import calendars
from registry.resources.assets.schemas.publishing import AssetCalendarFeed, AssetCalendarFeeds
from registry.resources.assets.writing import tag, written

_PATH = "/assets/{asset_id:uuid}/calendar-feeds"


def _answer(found: AssetCalendarFeed, *, created: bool = False) -> Answer[AssetCalendarFeed]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.allowed_actions),
        location=f"/v1/assets/{found.asset_id}/calendar-feeds/{found.id}" if created else None,
    )


@operation("get", _PATH, permission=Action.CALENDARS_MANAGE)
async def list_asset_calendar_feeds(
    asset_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[AssetCalendarFeeds]:
    """List the calendars that your agency made of an asset."""
    return Answer(await calendars.list_feeds(read, caller, asset_id))


@operation(
    "post",
    _PATH,
    permission=Action.CALENDARS_MANAGE,
    etag=True,
    example={"label": "Dispatch, shared calendar (demo)"},
    problems=("secret_taken", "wrong_status"),
)
async def create_asset_calendar_feed(
    asset_id: FromPath[UUID], data: JSONBody[NewCalendarFeed], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[AssetCalendarFeed]:
    """Make a calendar of when an asset is taken, at a secret address that this answer alone tells.

    Of an own asset it says to whom it is lent and what else keeps it; of another agency's only what is taken.
    """
    made = _answer(await publishing.create_feed(write, caller, asset_id, data), created=True)
    return made.with_secret(address=None)


@operation("get", _PATH + "/{feed_id:uuid}", permission=Action.CALENDARS_MANAGE, etag=True)
async def get_asset_calendar_feed(
    asset_id: FromPath[UUID], feed_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[AssetCalendarFeed]:
    """Read one calendar of an asset, without its address."""
    return _answer(await calendars.get_feed(read, caller, asset_id, feed_id))


@operation(
    "post",
    _PATH + "/{feed_id:uuid}/revoke",
    permission=Action.CALENDARS_MANAGE,
    status=200,
    etag=True,
    problems=("wrong_status",),
)
async def revoke_asset_calendar_feed(
    asset_id: FromPath[UUID],
    feed_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[AssetCalendarFeed]:
    """Revoke a calendar of an asset: from now on its address leads nowhere."""
    return _answer(await publishing.revoke_feed(write, caller, asset_id, feed_id, if_match))


@operation(
    "get",
    "/asset-calendars/{filename:str}",
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
async def get_asset_calendar(filename: FromPath[str], read: Supplied[Read], scope: Supplied[Scope]) -> CalendarAnswer:
    """Read when an asset is taken as an iCalendar file (RFC 5545), at the secret address of a feed.

    No token is needed: calendar programs have none. It reaches 400 days ahead. An address that was revoked, whose
    agency may not act or no longer sees the asset is as unknown as one that never was.
    """
    content = await calendars.calendar_content(read, filename, scope["registry.now"])
    etag = tag(content)
    same = unchanged(scope, etag)
    return CalendarAnswer(b"" if same else await asyncio.to_thread(written, content), etag=etag)


handlers = [
    list_asset_calendar_feeds,
    create_asset_calendar_feed,
    get_asset_calendar_feed,
    revoke_asset_calendar_feed,
]
