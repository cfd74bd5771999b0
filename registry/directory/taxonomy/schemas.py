"""The taxonomy in the API."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.taxonomy.rules import AttributeKind, CategoryStatus, Scheme, Typing
from registry.directory.taxonomy.seed import CapabilityKind, CapabilityScale, ResourceKind
from registry.platform.http.paging import SORT, Page
from registry.platform.http.searching import Words
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import NAME_PATTERN, Code, Prose, Reason


class ByCode(Page, kw_only=True, frozen=True):
    """The requested page of a list of codes."""

    sort: Annotated[Literal["code", "-code"], SORT] = "code"


CategoryCode = Annotated[Code, Meta(description="Code of a category.", examples=["k9.narcotics"])]


class ComponentMeasure(Struct, kw_only=True, frozen=True):
    """What a type requires of one of its components."""

    component: Annotated[str, Meta(description="The part that is measured, such as breathing apparatus.")]
    measure: Annotated[str, Meta(description="What of it is measured.")]
    requirement: Annotated[str, Meta(description="What the type requires: a number, or words.")]


class ResourceType(Struct, kw_only=True, frozen=True):
    """A published type and what it requires at least; type 1 is the most capable."""

    level: Annotated[int, Meta(ge=1, le=4)]
    minimum_capability: Annotated[
        str | None, Meta(description="What it requires, in a sentence; null where only the level is known here.")
    ]
    measures: Annotated[list[ComponentMeasure], Meta(description="The same, by component.")]
    source: Annotated[str, Meta(description="The publication that defines it.")]


class CategoryAttribute(Struct, kw_only=True, frozen=True):
    """An attribute that an asset of the category may state; one that is not listed may be stated freely."""

    name: str
    kind: AttributeKind
    measured_in: Annotated[str | None, Meta(description="The unit of a number, such as `km`.")]
    choices: Annotated[list[str], Meta(description="The values of a choice.")]
    minimum: Annotated[float | None, Meta(description="Least number, included.")]
    maximum: Annotated[float | None, Meta(description="Greatest number, included.")]
    description: str
    defined_by: Annotated[str, Meta(description="Code of the category that defines it: this one, or one above.")]


class CategorySummary(Struct, kw_only=True, frozen=True):
    """A category in a list."""

    code: str
    name: str
    parent: Annotated[str | None, Meta(description="Null for the root, `any`, alone.")]
    resource_kind: ResourceKind
    scheme: Annotated[Scheme | None, Meta(description="Who classes it; null where nobody does.")]
    discipline: Annotated[str | None, Meta(description="The discipline under which that scheme has it.")]
    nims_id: Annotated[str | None, Meta(description="FEMA’s number, where FEMA has typed it.")]
    nims_name: Annotated[str | None, Meta(description="FEMA's name, where FEMA has typed it.")]
    description: str
    aliases: Annotated[list[str], Meta(description="Other words for it; search finds them too.")]
    speed_kmh: Annotated[
        int | None, Meta(description="How fast it gets to a place, in km/h, for estimates; null where nothing travels.")
    ]
    agency: Annotated[
        AgencyReference | None, Meta(description="The agency that added it; null for one that all share.")
    ]
    status: CategoryStatus
    version: int


class Category(CategorySummary, kw_only=True, frozen=True):
    """A category of resources. An agreement that covers a category covers everything under it."""

    ancestors: Annotated[list[str], Meta(description="From the root down to the parent.")]
    typing: Annotated[Typing, Meta(description="How much is known of its types.")]
    types: Annotated[
        list[ResourceType],
        Meta(
            description="Its types, or those of the nearest category above it; where there are none, owners state a "
            "level freely."
        ),
    ]
    attributes: Annotated[
        list[CategoryAttribute],
        Meta(description="What its assets may state, those that categories above define first."),
    ]
    speed_basis: Annotated[str | None, Meta(description="Where the speed comes from.")]
    allowed_actions: list[AllowedAction]


Alias = Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME_PATTERN)]
Aliases = Annotated[
    list[Alias], Meta(max_length=20, description="Other words for it; search finds them too.", examples=[["big drone"]])
]
Speed = Annotated[int, Meta(ge=1, le=1000, description="How fast it gets to a place, in km/h.", examples=[60])]
_Measure = Annotated[str, Meta(min_length=1, max_length=20, pattern=NAME_PATTERN)]
_Bound = Annotated[float, Meta(ge=-(10**12), le=10**12)]


class NewAttribute(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An attribute that assets of the category may state."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=40,
            pattern=r"\A[a-z][a-z0-9_]*\Z",
            extra={"form": "small letters, digits and `_`, a letter first"},
            description="The name that assets state it by.",
            examples=["cable_m"],
        ),
    ]
    kind: AttributeKind
    description: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]
    measured_in: Annotated[_Measure | None, Meta(description="The unit of a number.")] = None
    choices: Annotated[list[Code], Meta(max_length=50, description="The values of a choice.")] = []
    minimum: Annotated[_Bound | None, Meta(description="Least number, included.")] = None
    maximum: Annotated[_Bound | None, Meta(description="Greatest number, included.")] = None


NewAttributes = Annotated[list[NewAttribute], Meta(max_length=32)]


class NewCategory(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A category of your own agency. Its code is made from the name."""

    parent: Annotated[
        Code, Meta(description="The category that it is added under, one that all share.", examples=["aircraft.drone"])
    ]
    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_PATTERN, examples=["Tethered drone"])]
    description: Prose = ""
    aliases: Aliases = []
    attributes: NewAttributes = []
    speed_kmh: Annotated[Speed | None, Meta(description="In km/h; its parent's when absent.")] = None


class CategoryPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears; lists are replaced as a whole."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_PATTERN)] | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    aliases: Aliases | UnsetType = UNSET
    attributes: NewAttributes | UnsetType = UNSET
    speed_kmh: Annotated[Speed | None, Meta(description="In km/h; null when nothing travels.")] | UnsetType = UNSET


class CategoryRetirement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a category is retired."""

    reason: Reason


NEW_CATEGORY_EXAMPLE: dict[str, Any] = {
    "parent": "aircraft.drone",
    "name": "Tethered drone (demo)",
    "description": "Stays up for a day on its cable.",
    "aliases": ["cable drone"],
    "attributes": [
        {
            "name": "cable_m",
            "kind": "number",
            "measured_in": "m",
            "minimum": 0,
            "maximum": 500,
            "description": "Length of its cable.",
        }
    ],
}


class CategoryPage(Struct, kw_only=True, frozen=True):
    """A page of categories."""

    items: list[CategorySummary]
    next_cursor: str | None


class CategoryQuery(ByCode, kw_only=True, frozen=True):
    """Filters of the category list."""

    q: Words | None = None
    parent: CategoryCode | None = None
    under: Annotated[Code, Meta(description="An ancestor; it is itself among the answers.")] | None = None


class Purpose(Struct, kw_only=True, frozen=True):
    """A purpose for which resources are requested; agreements and policies refer to purposes by code."""

    code: str
    name: str
    description: str


class PurposePage(Struct, kw_only=True, frozen=True):
    """A page of purposes."""

    items: list[Purpose]
    next_cursor: str | None


class ProvisionHeading(Struct, kw_only=True, frozen=True):
    """The subject of a provision of an agreement."""

    code: str
    name: str
    description: str


class ProvisionHeadingPage(Struct, kw_only=True, frozen=True):
    """A page of headings."""

    items: list[ProvisionHeading]
    next_cursor: str | None


CapabilityCode = Annotated[Code, Meta(description="Code of a type of capability.", examples=["language.hmn"])]


class CapabilityType(Struct, kw_only=True, frozen=True):
    """What a person can do, as a word: a language, a skill, a credential, a training, a position."""

    code: str
    name: str
    parent: Annotated[str | None, Meta(description="Null at the top, where there are several.")]
    kind: CapabilityKind
    scale: Annotated[CapabilityScale, Meta(description="The scale on which it is measured.")]
    description: str
    aliases: Annotated[list[str], Meta(description="Other words for it; search finds them too.")]


class CapabilityTypePage(Struct, kw_only=True, frozen=True):
    """A page of types of capability."""

    items: list[CapabilityType]
    next_cursor: str | None


class CapabilityTypeQuery(ByCode, kw_only=True, frozen=True):
    """Filters of the list of capability types."""

    q: Words | None = None
    kind: Annotated[tuple[CapabilityKind, ...], Meta(description="Any of these.")] = ()
    under: Annotated[Code, Meta(description="An ancestor; it is itself among the answers.")] | None = None
