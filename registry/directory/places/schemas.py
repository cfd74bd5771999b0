"""Places in the API."""

from typing import Annotated

from msgspec import Meta, Struct

from registry.directory.places.gazetteer import PlaceKind
from registry.platform.kernel.geo import Latitude, Location, Longitude
from registry.platform.kernel.text import NAME_PATTERN

StateCode = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=2,
        pattern=r"\A[A-Z]{2}\Z",
        extra={"form": "two capital letters"},
        description="Only places of this state or territory, by its two letters.",
        examples=["MN"],
    ),
]


class NamedPlace(Struct, kw_only=True, frozen=True):
    """What a name may mean."""

    name: str
    kind: PlaceKind
    state: str
    county_fips: Annotated[str | None, Meta(description="FIPS code of a county; null for anything else.")]
    location: Annotated[Location, Meta(description="Of a county or state, the middle of its greatest part.")]
    population: Annotated[int | None, Meta(description="People who live there; known of places alone.")]


class NamedPlaceList(Struct, kw_only=True, frozen=True):
    """What the words may mean, the most likely first; empty where nothing has such a name."""

    items: list[NamedPlace]


class PlaceQuery(Struct, kw_only=True, frozen=True):
    """The name that is looked for."""

    q: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            pattern=NAME_PATTERN,
            description="A name, with its state behind it where that is known; else the beginning of a name.",
            examples=["Springfield, IL"],
        ),
    ]
    state: StateCode | None = None
    latitude: Annotated[Latitude | None, Meta(description="With longitude: the nearest first.")] = None
    longitude: Annotated[Longitude | None, Meta(description="With latitude: the nearest first.")] = None
    limit: Annotated[int, Meta(ge=1, le=50, description="How many at most.")] = 20


class PointQuery(Struct, kw_only=True, frozen=True):
    """The point that is asked about."""

    latitude: Latitude
    longitude: Longitude


class CountyAtPoint(Struct, kw_only=True, frozen=True):
    """The county that a point lies in, or, at sea, lies next to; null where there is none within 5 km."""

    county: Annotated[NamedPlace | None, Meta(description="Counties, parishes, boroughs, independent cities …")]
