"""Calendar feeds on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import NAME_PATTERN
from registry.platform.kernel.time import Instant

Label = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        pattern=NAME_PATTERN,
        description="What it is for: the office or device, so that the right one can be revoked. Not a person's name.",
        examples=["Legal office, shared calendar (demo)"],
    ),
]


class NewCalendarFeed(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A calendar to subscribe to."""

    label: Label


class CalendarFeed(Struct, kw_only=True, frozen=True):
    """A calendar of the agency's deadlines at a secret address."""

    id: UUID
    agency: AgencyReference
    label: str
    address: Annotated[
        str | None,
        Meta(
            description="Path of the calendar, under this service's own address; whoever has it reads the titles and "
            "days of your deadlines. Told once, in the first answer to the request that made it, and never again: not "
            "in a repeated answer either. Null otherwise."
        ),
    ]
    created_at: Instant
    revoked_at: Instant | None
    allowed_actions: list[AllowedAction]
    version: int


class CalendarFeedPage(Struct, kw_only=True, frozen=True):
    """Calendar feeds of an agency."""

    items: list[CalendarFeed]
    next_cursor: str | None


FEED_EXAMPLE = {"label": "Legal office, shared calendar (demo)"}
