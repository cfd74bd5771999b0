"""What a line needs, of whichever agency."""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from registry.platform.kernel.text import NAME_PATTERN, Code
from registry.resources.assets.schemas.words import TypeLevel
from registry.resources.personnel.rules import PERSONNEL_CATEGORY
from registry.resources.personnel.schemas import Level

AttributeName = Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME_PATTERN)]
AttributeBound = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]


class CategoryNeed(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="category"):
    """So many of a category, of whichever agency: dog teams, vehicles, or slots of a laboratory in each week."""

    category: Annotated[Code, Meta(description="This category or one under it.", examples=["k9.narcotics"])]
    type_at_least: Annotated[
        TypeLevel | None, Meta(description="At least as capable: 2 is met by Type I and Type II.")
    ] = None
    attributes: Annotated[
        dict[AttributeName, AttributeBound],
        Meta(
            max_length=8,
            description="What it has to state, as in the asset list: a name that ends in `_from` or `_to` bounds a "
            "number, any other gives the value itself.",
            examples=[{"seats_from": "4"}],
        ),
    ] = {}  # msgspec copies it


class CapabilityNeed(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="capability"):
    """So many people who can do something, of whichever agency, on the day of the start and on that of the return."""

    capability: Annotated[Code, Meta(description="This one or one under it.", examples=["language.spanish"])]
    level_at_least: Annotated[Level | None, Meta(description="At least this level of its scale.")] = None
    tested: Annotated[bool, Meta(description="True: only tested levels of a language count.")] = False
    category: Annotated[
        Code, Meta(description="As what they are lent: `personnel`, or a category under it.", examples=["personnel"])
    ] = PERSONNEL_CATEGORY


Need: TypeAlias = CategoryNeed | CapabilityNeed
