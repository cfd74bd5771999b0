"""The taxonomy in the API."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from registry.directory.taxonomy.seed import ResourceKind
from registry.platform.http.paging import SORT, Page
from registry.platform.http.searching import Words
from registry.platform.kernel.text import Code


class ByCode(Page, kw_only=True, frozen=True):
    """The requested page of a list of codes."""

    sort: Annotated[Literal["code", "-code"], SORT] = "code"


CategoryCode = Annotated[Code, Meta(description="Code of a category.", examples=["k9.narcotics"])]


class ResourceType(Struct, kw_only=True, frozen=True):
    """The minimum capability of a published type; type 1 is the most capable."""

    level: Annotated[int, Meta(ge=1, le=4)]
    minimum_capability: str
    source: Annotated[str, Meta(description="The publication that defines it.")]


class CategorySummary(Struct, kw_only=True, frozen=True):
    """A category in a list."""

    code: str
    name: str
    parent: Annotated[str | None, Meta(description="Null for the root, `any`, alone.")]
    resource_kind: ResourceKind
    nims_name: Annotated[str | None, Meta(description="FEMA's name, where FEMA has typed it.")]
    description: str
    aliases: Annotated[list[str], Meta(description="Other words for it; search finds them too.")]


class Category(CategorySummary, kw_only=True, frozen=True):
    """A category of resources. An agreement that covers a category covers everything under it."""

    ancestors: Annotated[list[str], Meta(description="From the root down to the parent.")]
    types: Annotated[
        list[ResourceType], Meta(description="Published types; where there are none, owners state a level freely.")
    ]


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
