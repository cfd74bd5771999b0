"""The shared words on the wire."""

from typing import Annotated

from msgspec import Meta, Struct

from registry.http.paging import Page
from registry.http.searching import Words
from registry.kernel.text import Code
from registry.taxonomy.seed import ResourceKind

CategoryCode = Annotated[Code, Meta(description="Code of a category.", examples=["k9.narcotics"])]


class ResourceType(Struct, kw_only=True, frozen=True):
    """The least that a resource of a published type can do; type 1 is the most capable."""

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
    """What a resource can be: agreements cover a category with everything under it."""

    ancestors: Annotated[list[str], Meta(description="From the root down to the parent.")]
    types: Annotated[
        list[ResourceType], Meta(description="Published types; where there are none, owners state a level freely.")
    ]


class CategoryPage(Struct, kw_only=True, frozen=True):
    """Categories, by code."""

    items: list[CategorySummary]
    next_cursor: str | None


class CategoryQuery(Page, kw_only=True, frozen=True):
    """Filters of the category list."""

    q: Words | None = None
    parent: CategoryCode | None = None
    under: Annotated[Code, Meta(description="An ancestor; it is itself among the answers.")] | None = None


class Purpose(Struct, kw_only=True, frozen=True):
    """What a resource is asked for; agreements and policies tell purposes apart by code."""

    code: str
    name: str
    description: str


class PurposePage(Struct, kw_only=True, frozen=True):
    """Purposes, by code."""

    items: list[Purpose]
    next_cursor: str | None


class ProvisionHeading(Struct, kw_only=True, frozen=True):
    """What a provision of an agreement is about."""

    code: str
    name: str
    description: str


class ProvisionHeadingPage(Struct, kw_only=True, frozen=True):
    """Provision headings, by code."""

    items: list[ProvisionHeading]
    next_cursor: str | None
