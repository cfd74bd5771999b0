"""What a borrower relies on in an asset: as it is now, and as it was agreed."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.taxonomy.rules import AttributeValue
from registry.platform.kernel.geo import Location
from registry.platform.kernel.time import civil_day
from registry.resources.assets.costing import HourlyCost, hourly_cost_on
from registry.resources.assets.queries.columns import OWNER_ZONE, decoded, location
from registry.resources.assets.queries.facts import AssetRow
from registry.resources.assets.rules import RELIED_ON, described
from registry.resources.assets.tables import asset
from registry.resources.rates.queries import hourly_rates_of, read_hourly_rates

NOW_DESCRIBED: list[sa.ColumnElement[Any]] = [
    hourly_rates_of(asset.c.id).label("now_hourly_rates"),
    OWNER_ZONE.label("now_time_zone"),
    *(
        asset.c[name].label(f"now_{name}")
        for name in (
            *("category", "name", "description", "tag", "type_level", "capacity", "latitude", "longitude"),
            *("hourly_rate_minor", "currency", "funding", "condition", "crew", "certification_required", "attributes"),
            *("service_status", "service_changed_at", "service_reason", "described_at"),
        )
    ),
    asset.c.public_changes.label("now_version"),
]
"""The asset as it is now, for statements of other rooms that compare it with what was agreed."""


def describe(found: AssetRow) -> dict[str, str]:
    """What a borrower relies on in the asset (`rules.described`)."""
    values = {name: getattr(found, name) for name in RELIED_ON if name not in ("location", "hourly_rate")}
    place, rate = location(found.latitude, found.longitude), (found.hourly_rate_minor, found.currency)
    return described(_plain_values(values, place, rate))


def describe_columns(row: Row[Any], prefix: str = "") -> dict[str, str]:
    """As `describe`, from the columns of a row: of `SHOWN`, or with the prefix `now_` of `NOW_DESCRIBED`."""

    def column(name: str) -> Any:
        return getattr(row, f"{prefix}{name}")

    values = {name: column(name) for name in RELIED_ON if name not in ("location", "hourly_rate")}
    values["funding"] = decoded(values["funding"], list[str])
    values["crew"] = decoded(values["crew"], list[Any])
    values["attributes"] = decoded(values["attributes"], dict[str, AttributeValue])
    place, rate = location(column("latitude"), column("longitude")), (column("hourly_rate_minor"), column("currency"))
    return described(_plain_values(values, place, rate))


def _plain_values(values: dict[str, Any], place: Location | None, rate: tuple[int | None, str]) -> dict[str, object]:
    point = None if place is None else {"latitude": place.latitude, "longitude": place.longitude}
    return {
        **values,
        "funding": sorted(set(values["funding"])),
        "crew": [*values["crew"]],
        # Digests hold no floats: a number with a fraction is compared as it is written.
        "attributes": {
            name: repr(value) if isinstance(value, float) else value for name, value in values["attributes"].items()
        },
        "certification_required": bool(values["certification_required"]),
        "location": point,
        "hourly_rate": None if rate[0] is None else [*rate],
    }


def cost_now_described(row: Row[Any], at: datetime) -> HourlyCost | None:
    """As `cost_at`, from the columns of `NOW_DESCRIBED`."""
    day, rates = civil_day(at, row.now_time_zone or "UTC"), read_hourly_rates(row.now_hourly_rates)
    return hourly_cost_on(rates, row.now_hourly_rate_minor, row.now_currency, day)
