"""What an asset states, once more in rows of their own, to be searched by."""

from collections.abc import Iterable, Mapping, Sequence
from math import sin
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from registry.platform.database.handles import Write
from registry.platform.kernel.geo import EARTH_KM, Location
from registry.resources.assets.certifying import first_day
from registry.resources.assets.identifying import identifier_key
from registry.resources.assets.rules import CIRCLE
from registry.resources.assets.schemas.words import Certification, Identifier, ServiceArea
from registry.resources.assets.tables import asset_area, asset_certification, asset_funding, asset_identifier

KEPT_IN: Final = {
    "identifiers": asset_identifier,
    "service_area": asset_area,
    "certifications": asset_certification,
    "funding": asset_funding,
}
_INSERT: Final = {name: kept.insert() for name, kept in KEPT_IN.items()}
_FORGET: Final = {
    name: kept.delete().where(kept.c.asset_id == sa.bindparam("its_id", type_=kept.c.asset_id.type))
    for name, kept in KEPT_IN.items()
}
_OUT_OF_USE: Final = (
    asset_identifier.update()
    .where(asset_identifier.c.asset_id == sa.bindparam("its_id", type_=asset_identifier.c.asset_id.type))
    .values(in_use=False)
)
_HOME: Final = {"home_location", "service_area"}


async def keep_searchable(
    write: Write, asset_id: UUID, agency_id: UUID, said: Mapping[str, Any], changed: Iterable[str] | None = None
) -> None:
    """Keep what an asset says for search: of a new one all of it, else what is among the `changed` properties.

    Raises Conflict `identifier_taken`.
    """
    names = {*(KEPT_IN if changed is None else changed)}
    if names & _HOME:
        names.add("service_area")
    rows = searchable_rows(asset_id, agency_id, said)
    for name in KEPT_IN:
        if name not in names:
            continue
        if changed is not None:
            await write.run_fast(_FORGET[name], {"its_id": asset_id})
        kept = rows[name]
        if kept and name == "identifiers":  # at once, so that one that is taken is told of this asset
            await write.run(_INSERT[name], kept)
        elif kept:
            write.defer(_INSERT[name], kept)


def searchable_rows(asset_id: UUID, agency_id: UUID, said: Mapping[str, Any]) -> dict[str, list[dict[str, object]]]:
    """The rows in which each of these properties is kept, in the tables of `KEPT_IN`."""
    rows: dict[str, list[dict[str, object]]] = {
        "identifiers": _identifiers(said["identifiers"], agency_id),
        "service_area": _area(said["service_area"], said["home_location"]),
        "certifications": _certifications(said["certifications"]),
        "funding": [{"code": code} for code in dict.fromkeys(said["funding"])],
    }
    return {name: [{"asset_id": asset_id, **row} for row in its] for name, its in rows.items()}


async def put_out_of_use(write: Write, asset_id: UUID) -> None:
    """Let the numbers of a retired asset be given to another."""
    await write.run(_OUT_OF_USE, {"its_id": asset_id})


def _identifiers(identifiers: Iterable[Identifier], agency_id: UUID) -> list[dict[str, object]]:
    return [
        {
            "agency_id": agency_id,
            "kind": each.kind.value,
            "value_key": identifier_key(each.kind, each.value),
            "public": each.public,
            "in_use": True,
        }
        for each in identifiers
    ]


def _area(area: ServiceArea | None, home: Location | None) -> list[dict[str, object]]:
    if area is None:
        return []
    nowhere: dict[str, object] = {"latitude": None, "longitude": None, "reach": None}
    found = [{"code": code, **nowhere} for code in dict.fromkeys((*area.states, *area.counties))]
    if area.within_km is not None and home is not None:
        reach = sin(area.within_km / (2 * EARTH_KM)) ** 2
        found.append({"code": CIRCLE, "latitude": home.latitude, "longitude": home.longitude, "reach": reach})
    return found


def _certifications(certifications: Sequence[Certification]) -> list[dict[str, object]]:
    return [
        {"position": position, "code": each.code, "begins_on": first_day(each), "expires_on": each.expires_on}
        for position, each in enumerate(certifications)
    ]
