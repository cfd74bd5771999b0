"""Calendars of an asset at secret addresses."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.time import Instant


class AssetCalendarFeed(Struct, kw_only=True, frozen=True):
    """A calendar of an asset's availability at a secret address."""

    id: UUID
    asset_id: UUID
    label: str
    address: Annotated[
        str | None,
        Meta(
            description="Path of the calendar, under this service's own address; whoever has it reads what your agency "
            "may see. Told once, in the first answer to the request that made it, and never again. Null otherwise."
        ),
    ]
    created_at: Instant
    revoked_at: Instant | None
    allowed_actions: list[AllowedAction]
    version: int


class AssetCalendarFeeds(Struct, kw_only=True, frozen=True):
    """The calendars that your agency made of an asset, revoked ones included."""

    items: list[AssetCalendarFeed]
