"""Assets as the command that registers one stores them, in the order in which agencies registered them."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from benchmarks.agreements.data import Row, id_at
from benchmarks.nation.agencies import Agency, shares
from benchmarks.nation.shape import SEED
from registry.directory.taxonomy.rules import AttributeDefinition, AttributeKind, AttributeValue
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.resources.assets.commands.details import AssetCategory
from registry.resources.assets.commands.registering import asset_columns
from registry.resources.assets.rules import ServiceStatus, Sharing
from registry.resources.assets.schemas.given import NewAsset
from registry.resources.assets.schemas.words import Certification

PARTS = 2
"""In so many parts the assets are drawn, each in a process of its own where there are several."""
ROUNDS = 5
"""Agencies register what they have in so many goes, so that in the order of registration they alternate."""
_KINDS = {"vehicle": 30, "equipment": 26, "k9": 9, "team": 10, "communications": 9, "facility": 4, "vessel": 3}
_OTHER_KIND = 2
_OF_ITS_KIND = {"k9.narcotics": 6, "vehicle.patrol": 12}
_WORDS = {"breed": ("Malinois", "German Shepherd", "Labrador Retriever", "Dutch Shepherd", "Springer Spaniel")}
_STATES = (
    "Inspected every year",
    "Certified to the state standard",
    "Renewed last year",
    "Maintained by the fleet unit",
)
_PLACES = ("staged at substation {}", "kept at the east garage, bay {}", "on call around the clock, unit {}")


class Kind(Struct, frozen=True):
    """A category as its assets need it."""

    category: AssetCategory
    name: str
    attributes: Sequence[AttributeDefinition]


class DrawnAsset(Struct, frozen=True):
    """An asset with its category."""

    row: Row
    kind: Kind
    new: NewAsset


def shares_of(agencies: Sequence[Agency], count: int, part: int) -> list[int]:
    """How many of so many assets each agency has whose assets this part draws; 0 for the others.

    Of two neighbours each is in another part, so that all parts have as much to do.
    """
    return [each if index % PARTS == part else 0 for index, each in enumerate(shares(agencies, count))]


def draw_assets(
    agencies: Sequence[Agency], kinds: Mapping[str, Kind], wanted: Sequence[int], now: datetime, part: int
) -> Iterator[DrawnAsset]:
    """So many assets of each agency, all registered in the year before the ten of which there are loans."""
    draw = random.Random(f"{SEED} assets {part}")
    weights = [_weight(code) for code in kinds]
    count, numbers = sum(wanted), [0] * len(agencies)
    begun, made = now - timedelta(days=11 * 365 - 30), 0
    order = [index for index, each in enumerate(wanted) if each]
    for number in range(ROUNDS):
        draw.shuffle(order)
        for index in order:
            agency = agencies[index]
            upto = wanted[index] * (number + 1) // ROUNDS
            for kind in draw.choices([*kinds.values()], weights, k=upto - numbers[index]):
                at = begun + timedelta(seconds=300 * 86_400 * made / max(count, 1))
                numbers[index], made = numbers[index] + 1, made + 1
                yield _asset(draw, agency, kind, numbers[index], wanted[index], at)


def _weight(code: str) -> float:
    return _KINDS.get(code.partition(".")[0], _OTHER_KIND) * _OF_ITS_KIND.get(code, 1)


def _asset(draw: random.Random, agency: Agency, kind: Kind, number: int, of: int, at: datetime) -> DrawnAsset:
    code = kind.category.code
    levels = sorted(kind.category.levels) or (1, 2, 3, 4)
    chosen = draw.sample(kind.attributes, min(draw.randint(0, 3), len(kind.attributes)))
    certified = [Certification(code="state_standard", issued_on=at.date(), expires_on=None)]
    new = NewAsset(
        category=code,
        name=f"{kind.name} {number}",
        description=f"{draw.choice(_STATES)}; {draw.choice(_PLACES).format(draw.randint(1, 40))}.",
        tag=f"{code.rpartition('.')[2][:3].upper()}-{number:05d}",
        type_level=draw.choice(levels) if draw.random() < 0.8 else None,
        capacity=draw.randint(2, 20) if draw.random() < 0.05 else 1,
        sharing=draw.choices((Sharing.AGREEMENT, Sharing.NETWORK, Sharing.PRIVATE), (70, 20, 10))[0],
        location=_location(draw, agency, of),
        mobilisation_minutes=draw.choice((None, 30, 60, 120, 240)),
        turnaround_minutes=draw.choice((0, 0, 0, 60)),
        hourly_rate=Money(amount=f"{draw.randint(20, 400)}.00", currency="USD") if draw.random() < 0.6 else None,
        certifications=certified if code.startswith("k9") else [],
        attributes={each.name: _value(draw, each) for each in sorted(chosen, key=lambda each: each.name)},
    )
    asset_id: UUID = id_at(at, draw)
    row = asset_columns(asset_id, agency.id, new, kind.category, at)
    # Without a reason in every row, since all rows of a batch have the same columns.
    row["service_status"] = draw.choices((*ServiceStatus,), (94, 5, 1))[0]
    row["service_reason"] = None if row["service_status"] is ServiceStatus.IN_SERVICE else "Out for repair"
    row["version"] = 1 if row["service_reason"] is None else 2
    return DrawnAsset(row, kind, new)


def _location(draw: random.Random, agency: Agency, assets: int) -> Location | None:
    """One of the agency's stations, of which there is one for every thirty assets."""
    if agency.point is None:
        return None
    station = draw.randrange(1 + min(assets // 30, 12))
    around = random.Random(f"{agency.id} {station}")
    latitude, longitude = (round(degrees + around.uniform(-0.06, 0.06), 5) for degrees in agency.point)
    return Location(latitude=latitude, longitude=max(min(longitude, 180.0), -180.0))


def _value(draw: random.Random, definition: AttributeDefinition) -> AttributeValue:
    if definition.kind is AttributeKind.CHOICE:
        return draw.choice(definition.choices)
    if definition.kind is AttributeKind.BOOLEAN:
        return draw.random() < 0.5
    if definition.kind is AttributeKind.NUMBER:
        lowest = int(definition.minimum or 0)
        return draw.randint(lowest, max(min(int(definition.maximum or 100), lowest + 100), lowest))
    return draw.choice(_WORDS.get(definition.name, ("standard", "heavy", "light", "portable")))
