"""Columns of an asset that several statements select, and the values that stand in them."""

from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Raw

from registry.directory.agencies.tables import agency
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.resources.assets.tables import asset

SHOWN = [
    asset.c[name]
    for name in (
        *("id", "agency_id", "category", "name", "description", "tag", "type_level", "capacity", "sharing"),
        *(
            "service_status",
            "service_changed_at",
            "service_reason",
            "latitude",
            "longitude",
            "mobilisation_minutes",
            "turnaround_minutes",
            "hourly_rate_minor",
            "currency",
        ),
        *("home_base", "home_latitude", "home_longitude", "service_area", "identifiers", "condition", "crew"),
        *("funding", "certification_required", "certifications", "attributes", "version", "created_at", "updated_at"),
        *("public_changes", "public_updated_at"),
    )
]
"""The columns of an asset's representation, apart from its owner's name and whether it is committed."""

OWNER_ZONE = sa.select(agency.c.time_zone).where(agency.c.id == asset.c.agency_id).correlate(asset).scalar_subquery()
"""The time zone of the owner; null where none is recorded."""


def location(latitude: float | None, longitude: float | None) -> Location | None:
    """The point; None when it is not known."""
    return None if latitude is None or longitude is None else Location(latitude=latitude, longitude=longitude)


def hourly_rate(minor: int | None, currency: str) -> Money | None:
    """The rate; None when there is none."""
    return None if minor is None else Money.from_minor(minor, currency)


def decoded(stored: Raw, kind: Any) -> Any:
    """The value that stands in a column of JSON."""
    return msgspec.json.decode(stored, type=kind)
