"""Packages in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import SORT, Changing, ChangingSort, Ids
from registry.platform.http.searching import Words
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import Code, Name, Prose, Reason
from registry.platform.kernel.time import Instant, Window
from registry.resources.assets.rules import PackageStatus, ServiceStatus, Sharing
from registry.resources.assets.schemas.shown import AssetReference
from registry.resources.assets.schemas.words import CrewNeed
from registry.resources.packages.rules import FEWEST_MEMBERS, MOST_MEMBERS, BlockedReason

MemberQuantity = Annotated[
    int, Meta(ge=1, le=100_000, description="How many of the asset belong to the package.", examples=[1])
]


class PackageMember(Struct, kw_only=True, frozen=True):
    """An asset of a package, as it is now."""

    asset_id: UUID
    name: str
    tag: str
    category: str
    type_level: int | None
    quantity: MemberQuantity
    capacity: int
    service_status: ServiceStatus
    crew: Annotated[list[CrewNeed], Meta(description="The people without whom it is not used.")]
    hourly_cost: Annotated[
        Money | None, Meta(description="What an hour of one costs today; null where nothing says it.")
    ]


class Package(Struct, kw_only=True, frozen=True):
    """Assets of one agency, with their crews, that are lent together or not at all.

    Others see it when it is shared with them and they see every asset in it.
    """

    id: UUID
    agency: AgencyReference
    name: str
    description: str
    sharing: Sharing
    status: PackageStatus
    retired_reason: Annotated[str | None, Meta(description="Why it was retired; only its owner is told.")]
    members: list[PackageMember]
    hourly_cost: Annotated[
        Money | None,
        Meta(description="What an hour of all of it costs today; null where a member states no cost."),
    ]
    hidden_by: Annotated[
        list[AssetReference],
        Meta(
            description="Assets that are shared with fewer than the package is: who does not see them does not see the "
            "package. Only its owner is told."
        ),
    ]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class PackageSummary(Struct, kw_only=True, frozen=True):
    """A package in a list."""

    id: UUID
    agency: AgencyReference
    name: str
    description: str
    sharing: Sharing
    status: PackageStatus
    member_count: Annotated[int, Meta(description="How many assets are in it.")]
    version: int
    created_at: Instant
    updated_at: Instant


class PackagePage(Struct, kw_only=True, frozen=True):
    """A page of packages that the caller may see."""

    items: list[PackageSummary]
    next_cursor: str | None


class BlockingMember(Struct, kw_only=True, frozen=True):
    """An asset that keeps its package from being free in a window."""

    asset: AssetReference
    reason: BlockedReason


class PackageLeftOut(Struct, kw_only=True, frozen=True):
    """A package that meets every condition but the window, and which of its assets is why."""

    id: UUID
    name: str
    agency: AgencyReference
    blocked_by: Annotated[
        list[BlockingMember],
        Meta(
            description="Its assets that stand in the way; none where each is free, and its owner holds so much back "
            "that not all of it can be lent at once."
        ),
    ]
    said: Annotated[
        str, Meta(description="The same in words.", examples=["Dive team (demo): Dive boat 2 is out of service"])
    ]


class PackageQuery(Changing, kw_only=True, frozen=True):
    """Filters of the package list."""

    sort: Annotated[Literal[ChangingSort, "name", "-name"], SORT] = "-created_at"
    q: Annotated[
        Words | None,
        Meta(description="Words to find, each in the package's own name and description or with an asset in it."),
    ] = None
    agency_id: UUID | None = None
    asset_id: Annotated[UUID | None, Meta(description="Only packages with this asset.")] = None
    category: Annotated[Code | None, Meta(description="With an asset of this category, or of one under it.")] = None
    status: Annotated[tuple[PackageStatus, ...], Meta(description="Any of these.")] = ()
    sharing: Annotated[tuple[Sharing, ...], Meta(max_length=10, description="Shared in any of these ways.")] = ()
    available_from: Annotated[
        Instant | None,
        Meta(
            description="All of it in service and free from here, and not held back by its owner (a reserve minimum); "
            "needs available_to."
        ),
    ] = None
    available_to: Annotated[
        Instant | None, Meta(description="All of it in service and free up to here (exclusive); needs available_from.")
    ] = None
    ids: Ids = ()


class NewPackageMember(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An asset of your own agency, and how many of it."""

    asset_id: UUID
    quantity: MemberQuantity = 1


Members = Annotated[
    list[NewPackageMember],
    Meta(
        min_length=FEWEST_MEMBERS,
        max_length=MOST_MEMBERS,
        description="Assets of your own agency, each once.",
    ),
]


class NewPackage(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A package of your own agency's assets."""

    name: Name
    description: Prose = ""
    sharing: Sharing = Sharing.AGREEMENT
    members: Members


class PackagePatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays; `members` replaces all of them."""

    name: Name | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    sharing: Sharing | UnsetType = UNSET
    members: Members | UnsetType = UNSET


class PackageRetirement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a package is retired."""

    reason: Reason


class PackageAvailabilityQuery(Struct, kw_only=True, frozen=True):
    """The window asked about."""

    from_: Annotated[Instant, Meta(description="Start of the window.")] = field(name="from")
    to: Annotated[Instant, Meta(description="End of the window.")]


class MemberAvailability(Struct, kw_only=True, frozen=True):
    """What of a package's asset is free in a window."""

    asset_id: UUID
    name: str
    quantity: Annotated[int, Meta(description="How many the package needs.")]
    free_quantity: Annotated[
        int, Meta(description="Free for the whole window, with its turnaround; 0 while it is not in service.")
    ]
    service_status: ServiceStatus
    blocking: Annotated[
        list[Window],
        Meta(description="Intervals in which fewer are free than the package needs, without the borrowers."),
    ]


class PackageAvailability(Struct, kw_only=True, frozen=True):
    """Whether all of a package is free in a window, and which of its assets are not."""

    package_id: UUID
    window: Window
    free: Annotated[
        bool,
        Meta(
            description="Whether all of it can be had for the whole window: every asset is free, with somebody to go "
            "where one goes with it, and its owner keeps none of it back."
        ),
    ]
    held_back: Annotated[
        bool,
        Meta(
            description="True where every asset in it is free, and its owner holds so much back that not all of it "
            "can be lent at once."
        ),
    ]
    members: list[MemberAvailability]
    next_free: Annotated[
        Instant | None,
        Meta(
            description="From when on, at the earliest within or after the window, all of it is free for as long as "
            "the window is; null when that is not known."
        ),
    ]


NEW_PACKAGE_EXAMPLE = {
    "name": "Dive team (demo)",
    "description": "Boat, van and kit for four divers; leaves together (demo).",
    "sharing": "agreement",
    "members": [
        {"asset_id": "01980000-0000-7000-8000-00000000a001", "quantity": 1},
        {"asset_id": "01980000-0000-7000-8000-00000000a002", "quantity": 4},
    ],
}
