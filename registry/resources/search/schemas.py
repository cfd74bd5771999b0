"""A search in a sentence, and how it was understood, in the API."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.searching import WithinKm
from registry.platform.kernel.geo import Latitude, Longitude
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import AS_IT_CAME_PATTERN, Code
from registry.platform.kernel.time import Instant
from registry.resources.assets.schemas.listing import (
    AssetSummary,
    Correction,
    EmptiedBy,
    LeftOut,
    WithinMinutes,
)
from registry.resources.assets.schemas.words import Quantity, TypeLevel
from registry.resources.packages.schemas import BlockingMember, PackageLeftOut, PackageSummary
from registry.resources.personnel.searching import CapabilityCount, NobodyFor, NotPublished

PlaceName = Annotated[str, Meta(min_length=1, max_length=100, pattern=AS_IT_CAME_PATTERN)]
Said = Annotated[str | None, Meta(description="The words that say so; null where no words do.")]


class UnderstoodFrom(StrEnum):
    """Where a part of what was understood comes from."""

    SENTENCE = "sentence"
    PARAMETER = "parameter"
    ASSUMED = "assumed"


Source = Annotated[UnderstoodFrom, Meta(description="Where it comes from.")]


class Meant(Struct, kw_only=True, frozen=True):
    """A category or capability that the words may mean."""

    code: str
    name: str


class UnderstoodCategory(Struct, kw_only=True, frozen=True):
    """The category that is searched in; everything under it is found as well."""

    code: str
    name: str
    said: Said
    understood_from: Source
    corrections: Annotated[list[Correction], Meta(description="Words that seem misspelt, and what they were read as.")]
    alternatives: Annotated[list[Meant], Meta(description="What else the words may mean; take one by its parameter.")]


class UnderstoodCertificate(Struct, kw_only=True, frozen=True):
    """What a certificate of the assets is to be for; one that holds for the window, or now."""

    code: Annotated[str, Meta(description="A category under `k9` or `lab`; what is under it does as well.")]
    name: str
    said: Said
    understood_from: Source
    corrections: Annotated[list[Correction], Meta(description="Words that seem misspelt, and what they were read as.")]
    alternatives: Annotated[list[Meant], Meta(description="What else the words may mean; take one by its parameter.")]


class UnderstoodCapability(Struct, kw_only=True, frozen=True):
    """What people are to be capable of."""

    code: str
    name: str
    level_at_least: Annotated[int | None, Meta(description="The level of a language (ILR) that is asked for.")]
    said: Said
    understood_from: Source
    corrections: Annotated[list[Correction], Meta(description="Words that seem misspelt, and what they were read as.")]
    alternatives: Annotated[list[Meant], Meta(description="What else the words may mean; take one by its parameter.")]


class UnderstoodAgency(Struct, kw_only=True, frozen=True):
    """The owner that the words name."""

    id: UUID
    name: str
    said: Said
    understood_from: Source
    alternatives: Annotated[
        list[AgencyReference], Meta(description="Other agencies of that name; the one nearest to yours was taken.")
    ]


class UnderstoodName(Struct, kw_only=True, frozen=True):
    """The name of an asset, or a part of it."""

    value: str
    said: Said
    understood_from: Source


class PlaceMeant(Struct, kw_only=True, frozen=True):
    """A place that the words may mean."""

    name: str
    state: str
    latitude: float
    longitude: float


class UnderstoodPlace(Struct, kw_only=True, frozen=True):
    """The point around which is searched; or a whole state, by its agencies."""

    name: Annotated[str | None, Meta(description="Null for a point by its coordinates, or your agency's.")]
    state: str | None
    whole_state: Annotated[bool, Meta(description="True where the agencies of a state are meant, and no point.")]
    latitude: float
    longitude: float
    said: Said
    understood_from: Source
    alternatives: Annotated[
        list[PlaceMeant], Meta(description="Other places of that name; the one nearest to your agency was taken.")
    ]


class UnderstoodWindow(Struct, kw_only=True, frozen=True):
    """When it is to be free: from `start`, up to `end`."""

    start: Instant
    end: Instant
    time_zone: Annotated[str, Meta(description="The zone in which the words were read: that of your agency.")]
    said: Said
    understood_from: Source
    assumed: Annotated[str | None, Meta(description="How long it was taken to last, where no end was said.")]
    alternative_start: Annotated[Instant | None, Meta(description="Another reading's start, where there are two.")]
    alternative_end: Annotated[Instant | None, Meta(description="Another reading's end.")]


class UnderstoodNumber(Struct, kw_only=True, frozen=True):
    """A number that was understood."""

    value: float
    said: Said
    understood_from: Source


class UnderstoodLendable(Struct, kw_only=True, frozen=True):
    """Whether only what an agreement in force covers is asked for, as by “we may borrow”."""

    value: bool
    said: Said
    understood_from: Source


class UnderstoodAttribute(Struct, kw_only=True, frozen=True):
    """What assets are to state of themselves."""

    name: str
    value: str
    said: Said


class LeftOver(Struct, kw_only=True, frozen=True):
    """Words that nothing understood."""

    words: str
    searched: Annotated[
        bool,
        Meta(description="True: they were looked for among the assets' words. False: none has them; ignored."),
    ]
    corrections: Annotated[
        list[Correction],
        Meta(description="Words that seem misspelt, and what of the assets' words was found for them."),
    ]


class Understood(Struct, kw_only=True, frozen=True):
    """What was understood; each part can be overruled by the parameter of its name. Null: the sentence says nothing."""

    category: UnderstoodCategory | None
    certified_for: UnderstoodCertificate | None
    capability: UnderstoodCapability | None
    agency: UnderstoodAgency | None
    name: UnderstoodName | None
    place: UnderstoodPlace | None
    within_km: UnderstoodNumber | None
    within_minutes: UnderstoodNumber | None
    window: UnderstoodWindow | None
    quantity: UnderstoodNumber | None
    type_at_least: UnderstoodNumber | None
    lendable: Annotated[UnderstoodLendable | None, Meta(description="Only what an agreement covers.")]
    attributes: list[UnderstoodAttribute]
    left_over: LeftOver | None
    did_you_mean: Annotated[
        list[PlaceMeant],
        Meta(description="Places that words which nothing understood may be a slip of; take one by `place`."),
    ]
    remarks: Annotated[list[str], Meta(description="What is to be known of how the sentence was understood.")]


class Owner(Struct, kw_only=True, frozen=True):
    """Whose an asset is, and where to ask for it."""

    id: UUID
    name: str
    contact: Annotated[str, Meta(description="Where its partners in force read its telephone and e-mail.")]


class AssetFound(AssetSummary, kw_only=True, frozen=True):
    """An asset that a sentence found, with what is to be known before it is asked for."""

    agency: Owner
    free_quantity: Annotated[
        int | None,
        Meta(
            description="How many are free throughout the window, without what the owner holds back; null where no "
            "time is asked for."
        ),
    ]
    covered: Annotated[
        bool | None,
        Meta(
            description="Whether an agreement in force covers it for your agency; null for your own. Whether a request "
            "is permitted is decided when it is made."
        ),
    ]
    hourly_cost: Annotated[
        Money | None, Meta(description="What an hour of one costs today; null where nothing says it.")
    ]


class FreeInAll(Struct, kw_only=True, frozen=True):
    """How many are free of all assets found together, of those that the sentence asks for."""

    asked: Annotated[int, Meta(description="How many are needed.")]
    free: Annotated[int, Meta(description="How many are free throughout the window, on all pages.")]
    or_more: Annotated[bool, Meta(description="True where there may be more: a thousand assets are counted.")]
    said: Annotated[str, Meta(description="The same in words.", examples=["3 free in all, of 2 asked"])]


class AssetsFound(Struct, kw_only=True, frozen=True):
    """The first page of assets."""

    items: list[AssetFound]
    next_cursor: str | None
    free_in_all: Annotated[FreeInAll | None, Meta(description="Null where no number of assets is asked for.")]
    corrections: Annotated[
        list[Correction], Meta(description="Words that seem misspelt, and what is looked for as well.")
    ]
    emptied_by: Annotated[
        list[EmptiedBy],
        Meta(description="When nothing is found: the conditions that stand in the way, as in the list."),
    ]
    left_out: Annotated[
        list[LeftOut], Meta(description="What is not in service, not free, or states no time to mobilise.")
    ]


class PeopleFound(Struct, kw_only=True, frozen=True):
    """Agencies that have people for it: numbers, and no person."""

    items: list[CapabilityCount]
    next_cursor: str | None
    not_published: Annotated[
        NotPublished | None, Meta(description="Agencies there that publish no numbers to yours, and may have people.")
    ]
    emptied_by: Annotated[
        list[NobodyFor],
        Meta(description="When nobody is found: the conditions of which a single one stands in the way."),
    ]
    same_as: Annotated[str, Meta(description="The list of capabilities with the same filters, which pages on.")]


class PackageFound(PackageSummary, kw_only=True, frozen=True):
    """A package that a sentence found."""

    distance_km: Annotated[
        float | None,
        Meta(
            description="From the place that is meant to the farthest of its assets, since all of it leaves together; "
            "null where no point is meant, and where none of its assets states a place."
        ),
    ]
    blocked_by: Annotated[
        list[BlockingMember],
        Meta(
            description="Where the sentence says no time: its assets that cannot be had at this moment. With a time, "
            "what is not free then is in `left_out`, and none is here."
        ),
    ]
    said: Annotated[
        str | None,
        Meta(description="The same in words.", examples=["Dive team (demo): Dive boat 2 is out of service"]),
    ]


class PackagesFound(Struct, kw_only=True, frozen=True):
    """Packages, of which the words that say what is looked for are in their own text or in that of their assets."""

    items: list[PackageFound]
    next_cursor: str | None
    left_out: Annotated[
        list[PackageLeftOut],
        Meta(description="Packages that are meant and not free in the window, and which of their assets is why; five."),
    ]
    emptied_by: Annotated[
        list[EmptiedBy],
        Meta(description="When no package is found: the conditions of which a single one stands in the way."),
    ]
    same_as: Annotated[str, Meta(description="The list of packages with the same filters, which pages on.")]


class FurtherSearch(Struct, kw_only=True, frozen=True):
    """Another search that may be meant, or that finds something where this one does not."""

    said: Annotated[str, Meta(description="What it is, in words.", examples=["1 arrives within 64 minutes"])]
    count: Annotated[int | None, Meta(description="How many it finds; null where it was not tried.")]
    same_as: Annotated[str, Meta(description="The path that asks it.")]


class SearchAnswer(Struct, kw_only=True, frozen=True):
    """What a sentence means, and the assets and people that there are of it."""

    understood: Understood
    results: Annotated[
        AssetsFound | None,
        Meta(description="The first page of the list at `same_as`; null where only people are asked for."),
    ]
    same_as: Annotated[
        str | None,
        Meta(description="The asset list with the same filters: pages on, sorts, counts and exports from there."),
    ]
    people: Annotated[
        PeopleFound | None, Meta(description="Null where no capability is asked for, or yours is not to ask for it.")
    ]
    packages: Annotated[
        PackagesFound | None,
        Meta(
            description="Assets that are lent together, by what is looked for, owner and window; the place narrows "
            "nothing. Null where no words say what is looked for."
        ),
    ]
    also_try: Annotated[
        list[FurtherSearch],
        Meta(
            description="Searches by themselves for what else the sentence names, for assets of that name, and, where "
            "nothing is found, for what is farther away or of the broader category."
        ),
    ]


class SearchQuery(Struct, kw_only=True, frozen=True):
    """A sentence, and what overrules it."""

    q: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=300,
            pattern=AS_IT_CAME_PATTERN,
            description="What is needed, in a sentence.",
            examples=["2 narcotics dogs near Minneapolis tonight"],
        ),
    ]
    category: Annotated[Code | None, Meta(description="Instead of the category that the sentence names.")] = None
    certified_for: Annotated[
        Code | None, Meta(description="Instead of what the sentence says that a certificate is to be for.")
    ] = None
    capability: Annotated[Code | None, Meta(description="Instead of the capability that the sentence names.")] = None
    agency_id: Annotated[UUID | None, Meta(description="Instead of the owner that the sentence names.")] = None
    name: Annotated[
        PlaceName | None, Meta(description="Instead of the asset's name that the sentence names, or a part of one.")
    ] = None
    place: Annotated[
        PlaceName | None, Meta(description="Instead of the place that the sentence names, such as `Portland, OR`.")
    ] = None
    latitude: Annotated[Latitude | None, Meta(description="With longitude, instead of a place by its name.")] = None
    longitude: Annotated[Longitude | None, Meta(description="With latitude, instead of a place by its name.")] = None
    within_km: Annotated[WithinKm | None, Meta(description="Instead of the distance that is said or assumed.")] = None
    within_minutes: Annotated[WithinMinutes | None, Meta(description="Minutes to arrive, by estimate.")] = None
    available_from: Annotated[Instant | None, Meta(description="With available_to, instead of the window said.")] = None
    available_to: Annotated[Instant | None, Meta(description="With available_from, instead of the window said.")] = None
    quantity: Annotated[
        Quantity | None,
        Meta(description="Instead of the number that is said: how many are needed of all that is found together."),
    ] = None
    type_at_least: Annotated[TypeLevel | None, Meta(description="Instead of the type that is said.")] = None
    lendable: Annotated[
        bool | None,
        Meta(
            description="True: only what an agreement in force covers for your agency. False: whatever the sentence "
            "says of borrowing."
        ),
    ] = None
    not_in_service: Annotated[
        bool,
        Meta(description="True: also what is out of service or retired, where no time is said; else it is left out."),
    ] = False
    limit: Annotated[int, Meta(ge=1, le=200, description="How many assets at most.")] = 50
