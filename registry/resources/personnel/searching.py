"""Search for capabilities, and an agency's rules for what others learn, in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.agencies.schemas import AgencyReference, State
from registry.directory.taxonomy.schemas import CapabilityCode
from registry.platform.http.paging import SORT, Page
from registry.platform.http.searching import WithinKm
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Latitude, Longitude
from registry.platform.kernel.time import CivilDate, Instant
from registry.resources.personnel.disclosure import BelowThreshold, CapabilitySharing, Free
from registry.resources.personnel.schemas import Level

Threshold = Annotated[
    int,
    Meta(
        ge=3,
        le=24,
        description="3, 6, 12 or 24. Fewer people are no number to others; more are rounded down to multiples.",
    ),
]


class CapabilityCount(Struct, kw_only=True, frozen=True):
    """How many people of one agency can do something.

    Of other agencies as last published, in bands; of the own agency exactly, as of now.
    """

    agency: AgencyReference
    capability: str
    level: Annotated[
        str | None,
        Meta(description="At least this level. Of other agencies the next level by which numbers are published."),
    ]
    count: Annotated[
        int | None, Meta(description="Rounded down to a multiple of `rounded_to`; null for fewer than that.")
    ]
    at_least_one: Annotated[bool, Meta(description="Whether there is anybody at all.")]
    rounded_to: Annotated[int, Meta(description="The owner's threshold; 1 where the number is exact.")]
    free: Annotated[
        Free | None, Meta(description="Whether somebody can be sent throughout the window; null without one.")
    ]
    free_count: Annotated[
        int | None, Meta(description="How many of the own agency can be sent throughout the window; null for others.")
    ]
    distance_km: Annotated[float | None, Meta(description="From the point to where the agency is; null if not known.")]


class NotPublished(Struct, kw_only=True, frozen=True):
    """Agencies whose rules keep numbers of people from yours: they may have somebody, and answer when asked."""

    count: Annotated[int, Meta(description="How many agencies, counted to 1,000.")]
    or_more: bool
    agencies: Annotated[list[AgencyReference], Meta(description="The nearest five of them, to be asked.")]


CapabilityConditionName = Literal["place", "level_at_least", "tested", "agency", "state", "lendable"]


class NobodyFor(Struct, kw_only=True, frozen=True):
    """A condition that stands in the way alone, and how many agencies are shown without it."""

    without: CapabilityConditionName
    agencies: int


class CapabilityCountPage(Struct, kw_only=True, frozen=True):
    """Agencies that have somebody for it, the nearest first unless asked otherwise."""

    items: list[CapabilityCount]
    next_cursor: str | None
    not_published: Annotated[
        NotPublished | None,
        Meta(
            description="Agencies there that publish no numbers to yours, by their rules now or at their last "
            "release, or since they released none yet. Null behind the first page, and where only your own agency is "
            "asked about."
        ),
    ] = None
    emptied_by: Annotated[
        list[NobodyFor],
        Meta(description="When nobody is found: the conditions of which a single one stands in the way."),
    ] = []


class CapabilityQuery(Page, kw_only=True, frozen=True):
    """What is looked for, and where."""

    capability: Annotated[CapabilityCode, Meta(description="This capability, or any under it.")]
    sort: Annotated[Literal["distance", "name", "-name"], SORT] = "distance"
    level_at_least: Annotated[Level | None, Meta(description="At least this level of its scale.")] = None
    tested: Annotated[bool | None, Meta(description="True: only tested levels of a language count.")] = None
    latitude: Annotated[Latitude | None, Meta(description="The point; by default where your own agency is.")] = None
    longitude: Longitude | None = None
    within_km: WithinKm | None = None
    available_from: Annotated[
        Instant | None, Meta(description="Tell whether somebody can be sent from here; needs available_to.")
    ] = None
    available_to: Annotated[Instant | None, Meta(description="And up to here, exclusive.")] = None
    agency_id: UUID | None = None
    state: State | None = None
    lendable: Annotated[
        bool | None,
        Meta(description="True: only other agencies with which an agreement in force covers personnel for yours."),
    ] = None


class CapabilityDisclosure(Struct, kw_only=True, frozen=True):
    """What other agencies may learn of your people's capabilities."""

    sharing: CapabilitySharing
    threshold: Threshold
    below_threshold: BelowThreshold
    released_on: Annotated[CivilDate | None, Meta(description="The day of the numbers that others see; null for none.")]
    allowed_actions: list[AllowedAction]
    version: int


class CapabilityDisclosurePatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396). Numbers that show less hold at once.

    When people can be sent, and what shows more, follow with a later release, within fourteen days.
    """

    sharing: CapabilitySharing | UnsetType = UNSET
    threshold: Threshold | UnsetType = UNSET
    below_threshold: BelowThreshold | UnsetType = UNSET
