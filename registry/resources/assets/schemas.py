"""Assets in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import Ids, Page
from registry.platform.http.searching import PLACED_SORT, WithinKm, Words
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Latitude, Location, Longitude
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import NAME_PATTERN, Code, Name, Prose, Reason
from registry.platform.kernel.time import CivilDate, Instant, Window
from registry.resources.assets.rules import ServiceStatus, Sharing

Tag = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=80,
        pattern=NAME_PATTERN,
        description="The owner's own number for it, unique within the agency.",
        examples=["K9-07"],
    ),
]
TypeLevel = Annotated[int, Meta(ge=1, le=4, description="NIMS type; 1 (Type I) is the most capable.", examples=[2])]
Capacity = Annotated[
    int, Meta(ge=1, le=100_000, description="How many can be lent at one time; 1 is exclusive.", examples=[1])
]
Quantity = Annotated[int, Meta(ge=1, le=100_000, description="How many are wanted.")]
Minutes = Annotated[int, Meta(ge=0, le=44_640, description="From call to departure.", examples=[45])]
AttributeValue = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]
MOST_ATTRIBUTES = 32
Attributes = Annotated[
    dict[Code, AttributeValue],
    Meta(max_length=MOST_ATTRIBUTES, description="Other properties, by name.", examples=[{"breed": "Malinois"}]),
]
AttributesPatch = Annotated[
    dict[Code, AttributeValue | None],
    Meta(max_length=2 * MOST_ATTRIBUTES, description="Merged by name; null removes."),
]
Funding = Annotated[
    list[Code],
    Meta(
        max_length=20,
        description="Conditions of the funds with which it was paid, by code; policies read them.",
        examples=[["leso_1033"]],
    ),
]


class Certification(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A certificate of the asset as a unit, such as a K9 team in one discipline."""

    code: Code
    issued_on: CivilDate | None = None
    expires_on: Annotated[CivilDate | None, Meta(description="The last valid day; null when it does not expire.")] = (
        None
    )


Certifications = Annotated[list[Certification], Meta(max_length=20)]


class Asset(Struct, kw_only=True, frozen=True):
    """A thing or team that can be lent."""

    id: UUID
    agency: AgencyReference
    category: str
    name: str
    description: str
    tag: str
    type_level: int | None
    capacity: int
    sharing: Sharing
    service_status: ServiceStatus
    location: Location | None
    mobilisation_minutes: int | None
    hourly_rate: Money | None
    funding: list[str]
    certification_required: bool
    certifications: list[Certification]
    attributes: dict[str, str]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class AssetReference(Struct, kw_only=True, frozen=True):
    """An asset that something else names."""

    id: UUID
    name: Annotated[str | None, Meta(description="Null once the asset is no longer visible to you.")]


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


class AssetPage(Struct, kw_only=True, frozen=True):
    """Assets in order of registration, or of distance when a point was given."""

    items: list[AssetSummary]
    next_cursor: str | None


class AssetQuery(Page, kw_only=True, frozen=True):
    """Filters of the asset list."""

    sort: Annotated[Literal["-created_at", "created_at", "distance"] | None, PLACED_SORT] = None
    q: Words | None = None
    category: Annotated[Code | None, Meta(description="This category and everything under it.")] = None
    agency_id: UUID | None = None
    ids: Ids = ()
    service_status: ServiceStatus | None = None
    sharing: Sharing | None = None
    type_at_least: Annotated[TypeLevel | None, Meta(description="At least as capable: 2 finds Type I and Type II.")] = (
        None
    )
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    within_km: WithinKm | None = None
    available_from: Annotated[
        Instant | None, Meta(description="In service and free from here; needs available_to.")
    ] = None
    available_to: Annotated[
        Instant | None, Meta(description="In service and free up to here (exclusive); needs available_from.")
    ] = None
    quantity: Annotated[
        Quantity | None, Meta(description="How many must be free; needs the window. One unless given.")
    ] = None
    lendable: Annotated[
        bool | None,
        Meta(
            description="True: only other agencies' assets that are in service and that an agreement in force covers "
            "for your agency. Whether a request is permitted is decided when it is made."
        ),
    ] = None


class NewAsset(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An asset of your own agency."""

    category: Code
    name: Name
    description: Prose = ""
    tag: Annotated[Tag | None, Meta(description="Generated when absent.")] = None
    type_level: TypeLevel | None = None
    capacity: Capacity = 1
    sharing: Sharing = Sharing.AGREEMENT
    location: Location | None = None
    mobilisation_minutes: Minutes | None = None
    hourly_rate: Money | None = None
    funding: Funding = []
    certification_required: Annotated[
        bool | None, Meta(description="When absent: true for K9 teams, false for everything else.")
    ] = None
    certifications: Certifications = []
    attributes: Attributes = {}


class AssetPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears."""

    category: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    tag: Tag | UnsetType = UNSET
    type_level: TypeLevel | None | UnsetType = UNSET
    capacity: Capacity | UnsetType = UNSET
    sharing: Sharing | UnsetType = UNSET
    location: Location | None | UnsetType = UNSET
    mobilisation_minutes: Minutes | None | UnsetType = UNSET
    hourly_rate: Money | None | UnsetType = UNSET
    funding: Funding | UnsetType = UNSET
    certification_required: bool | UnsetType = UNSET
    certifications: Certifications | UnsetType = UNSET
    attributes: AttributesPatch | UnsetType = UNSET


class ServiceChange(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why an asset's service state changes."""

    reason: Reason


class AvailabilityQuery(Struct, kw_only=True, frozen=True):
    """The window asked about."""

    from_: Annotated[Instant, Meta(description="Start of the window.")] = field(name="from")
    to: Annotated[Instant, Meta(description="End of the window.")]
    quantity: Quantity = 1


class Availability(Struct, kw_only=True, frozen=True):
    """What of an asset is free in a window."""

    asset_id: UUID
    window: Window
    capacity: int
    service_status: ServiceStatus
    free_quantity: Annotated[int, Meta(description="Free throughout the window; 0 while it is not in service.")]
    blocking: Annotated[
        list[Window], Meta(description="Intervals in which fewer are free than wanted, without the borrowers.")
    ]


NEW_ASSET_EXAMPLE = {
    "category": "k9.narcotics",
    "name": "Narcotics detection team 7 (demo)",
    "tag": "K9-07",
    "type_level": 2,
    "sharing": "agreement",
    "location": {"latitude": 44.98, "longitude": -93.27},
    "mobilisation_minutes": 45,
    "hourly_rate": {"amount": "125.00", "currency": "USD"},
    "certifications": [{"code": "uspca_narcotics", "issued_on": "2026-01-15", "expires_on": "2027-01-14"}],
}
