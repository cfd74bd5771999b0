"""The list of assets, with its filters."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import State
from registry.platform.http.paging import Changing, ChangingSort, Ids
from registry.platform.http.searching import PLACED_SORT, WithinKm, Words
from registry.platform.kernel.geo import Latitude, Location, Longitude
from registry.platform.kernel.text import AS_IT_CAME_PATTERN, Code
from registry.platform.kernel.time import Instant
from registry.resources.assets.certifying import CertifiedToLend
from registry.resources.assets.rules import ServiceStatus, Sharing
from registry.resources.assets.schemas.availability import CertifiedInWindow
from registry.resources.assets.schemas.words import CountyFips, HeldBack, IdentifierValue, Quantity, TypeLevel

AttributeName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=85,
        pattern=r"\A[a-z0-9][a-z0-9_.-]*\Z",
        extra={"form": "the name of an attribute, of lower-case letters, digits, `_`, `.` and `-`"},
    ),
]

AttributeFilter = Annotated[str, Meta(min_length=1, max_length=200, pattern=AS_IT_CAME_PATTERN)]

AttributeFilters = Annotated[
    dict[AttributeName, AttributeFilter],
    Meta(
        max_length=8,
        extra={"prefix": "attr."},
        description="What assets state of themselves: `attr.breed=Malinois`; of a number also its bounds, both "
        "included: `attr.seats_from=8`, `attr.seats_to=12`. The category tells the names.",
        examples=[{"seats_from": "8"}],
    ),
]

WithinMinutes = Annotated[int, Meta(ge=1, le=1_440)]


class AssetSummary(Struct, kw_only=True, frozen=True):
    """An asset in a list."""

    id: UUID
    # An id alone: fifty names would cost a third of the time that a page takes.
    agency_id: Annotated[
        UUID, Meta(description="Its owner. For the names of a page's owners ask `GET /v1/agencies?ids=…` once.")
    ]
    category: str
    name: str
    tag: str
    type_level: int | None
    capacity: int
    sharing: Sharing
    service_status: ServiceStatus
    location: Location | None
    mobilisation_minutes: int | None
    version: int
    updated_at: Instant
    distance_km: Annotated[float | None, Meta(description="From the point asked about, if one was.")] = None
    arrival_minutes: Annotated[
        int | None,
        Meta(
            description="An estimate: mobilisation, and the way to the point asked about at the speed of its category. "
            "Null without a point, and where the owner states no mobilisation."
        ),
    ] = None
    held_back: HeldBack = None
    certification: Annotated[
        CertifiedToLend,
        Meta(
            description="Whether it has the certification that its category calls for, throughout the window or now. "
            "Where it lapses or none is on file, a request is denied."
        ),
    ]
    certified: Annotated[
        list[CertifiedInWindow],
        Meta(
            description="What it is certified for in the window or a part of it, or now: what lapses first comes first."
        ),
    ]


class BoundedCount(Struct, kw_only=True, frozen=True):
    """A number that is counted to a bound only."""

    count: int
    or_more: Annotated[bool, Meta(description="True where there may be more than were counted.")]


HeldBackOfThem = Annotated[
    BoundedCount | None,
    Meta(
        description="How many of these their owners hold back in the window, as the page marks them (`held_back`); "
        "null where no window is asked about. What is counted is free, and no more of it can be had than the rest."
    ),
]


class AssetCount(BoundedCount, kw_only=True, frozen=True):
    """How many assets there are, counted to a bound only."""

    held_back: HeldBackOfThem


class FacetValue(Struct, kw_only=True, frozen=True):
    """A value, and how many of the assets found have it."""

    value: Annotated[str | None, Meta(description="As the filter of that name takes it; null where none is stated.")]
    label: Annotated[str | None, Meta(description="The name of an agency; null for other facets.")]
    count: int
    or_more: bool
    held_back: HeldBackOfThem


FacetName = Literal["category", "agency", "state", "type_level", "service_status"]


class Facet(Struct, kw_only=True, frozen=True):
    """By what the assets found differ: the most frequent values first."""

    name: FacetName
    values: list[FacetValue]
    more_values: Annotated[bool, Meta(description="True where there are more values than are listed.")]


class Correction(Struct, kw_only=True, frozen=True):
    """A word that nothing in the taxonomy is called, and one that is: either is looked for."""

    given: str
    also: str


ConditionName = Literal[
    "words",
    "category",
    "type_at_least",
    "attributes",
    "certificates",
    "available",
    "place",
    "lendable",
    "identifier",
    "service_area",
    "certification",
    "funding",
    "agency",
    "state",
    "service_status",
    "sharing",
    "ids",
]


class EmptiedBy(Struct, kw_only=True, frozen=True):
    """A condition without which something would be found, or several that stand in the way together, and how much."""

    without: list[ConditionName]
    count: int
    or_more: bool


LeftOutReason = Literal["not_in_service", "not_free", "arrival_unknown"]


class LeftOut(Struct, kw_only=True, frozen=True):
    """Assets that meet every condition but one, and why they are not among those found."""

    reason: LeftOutReason
    count: int
    or_more: bool


class AssetPage(Struct, kw_only=True, frozen=True):
    """Assets in order of registration, or of distance when a point was given."""

    items: list[AssetSummary]
    next_cursor: str | None
    total: Annotated[
        AssetCount | None, Meta(description="How many there are on all pages; null unless `include=total`.")
    ] = None
    facets: Annotated[list[Facet] | None, Meta(description="Those asked for; null where none was.")] = None
    corrections: Annotated[
        list[Correction], Meta(description="Words that seem misspelt, and what is looked for as well.")
    ] = []
    emptied_by: Annotated[
        list[EmptiedBy],
        Meta(
            description="When nothing is found: the conditions of which a single one stands in the way, those first "
            "without which the fewest are found. Where no single one does, several that stand in it together."
        ),
    ] = []
    left_out: Annotated[
        list[LeftOut],
        Meta(
            description="On the first page, with `include=left_out`: what is not in service, and what is not free in "
            "the window. Always, where `within_minutes` is given: what states no time to mobilise."
        ),
    ] = []


class AssetQuery(Changing, kw_only=True, frozen=True):
    """Filters of the asset list."""

    sort: Annotated[Literal[ChangingSort, "distance", "arrival", "name", "-name"] | None, PLACED_SORT] = None
    q: Words | None = None
    category: Annotated[Code | None, Meta(description="This category and everything under it.")] = None
    also_category: Annotated[
        Code | None, Meta(description="Or this one and everything under it, such as your agency's own; needs category.")
    ] = None
    agency_id: UUID | None = None
    state: Annotated[
        tuple[State, ...], Meta(max_length=60, description="Of agencies of any of these states, by their postal codes.")
    ] = ()
    ids: Ids = ()
    service_status: Annotated[tuple[ServiceStatus, ...], Meta(max_length=10, description="In any of these.")] = ()
    sharing: Annotated[tuple[Sharing, ...], Meta(max_length=10, description="Shared in any of these ways.")] = ()
    type_at_least: Annotated[TypeLevel | None, Meta(description="At least as capable: 2 finds Type I and Type II.")] = (
        None
    )
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    within_km: WithinKm | None = None
    within_minutes: Annotated[
        WithinMinutes | None,
        Meta(
            description="Mobilisation and the way at the speed of its category take no longer, by estimate; needs "
            "latitude and longitude, and goes no further than 500 km. Assets that state no mobilisation are left out."
        ),
    ] = None
    identifier: Annotated[
        IdentifierValue | None,
        Meta(
            description="VIN, serial number, tail number or the like, in any spelling: of your own assets, of what you "
            "have reserved or out, and of what is public."
        ),
    ] = None
    serves_county: Annotated[
        CountyFips | None,
        Meta(description="States that it serves this county (FIPS), its state, or a circle that its middle lies in."),
    ] = None
    serves_latitude: Annotated[
        Latitude | None,
        Meta(description="States that it serves this point: its county, state, or a circle; needs serves_longitude."),
    ] = None
    serves_longitude: Longitude | None = None
    certification: Annotated[
        Code | None,
        Meta(
            description="Certified so on the first and on the last day of the window (available_from, available_to) by "
            "your agency's clocks; without a window, today."
        ),
    ] = None
    funding: Annotated[Code | None, Meta(description="Paid for with funds of this code.")] = None
    attributes: AttributeFilters = {}  # noqa: RUF012  # msgspec copies it
    certified_for: Annotated[
        Code | None,
        Meta(
            description="In service, with a certificate for this discipline or one under it that holds on the first "
            "and the last day of the window, or today without one: a K9 team's with its handler, a laboratory's scope."
        ),
    ] = None
    available_from: Annotated[
        Instant | None,
        Meta(
            description="In service and free from here; needs available_to. What its owner holds back then is among "
            "it, marked `held_back`."
        ),
    ] = None
    available_to: Annotated[
        Instant | None, Meta(description="In service and free up to here (exclusive); needs available_from.")
    ] = None
    quantity: Annotated[
        Quantity | None,
        Meta(description="How many of each record alone must be free; needs the window. One unless given."),
    ] = None
    lendable: Annotated[
        bool | None,
        Meta(
            description="True: only other agencies' assets that are in service and that an agreement in force covers "
            "for your agency. Whether a request is permitted is decided when it is made."
        ),
    ] = None
    include: Annotated[
        tuple[Literal["total", "left_out"], ...], Meta(max_length=2, description="What to count beside the page.")
    ] = ()
    facets: Annotated[
        tuple[FacetName, ...],
        Meta(max_length=5, description="By what to count the assets found, over all pages; several are allowed."),
    ] = ()
