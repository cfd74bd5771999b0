"""Operations on the categories that agencies add."""

from litestar.params import FromPath, JSONBody

from registry.directory.taxonomy.commands import extending
from registry.directory.taxonomy.commands.extending import ReindexCategory
from registry.directory.taxonomy.schemas import (
    NEW_CATEGORY_EXAMPLE,
    Category,
    CategoryPatch,
    CategoryRetirement,
    NewCategory,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected


def _answer(found: Category, *, created: bool = False) -> Answer[Category]:
    location = f"/v1/categories/{found.code}" if created else None
    return Answer(found, etag=entity_tag(found.version, found), location=location)


@operation(
    "post",
    "/categories",
    permission=Action.TAXONOMY_EXTEND,
    problems=(
        "alias_taken",
        "alias_too_common",
        "category_name_taken",
        "invalid_definition",
        "too_many_categories",
        "unknown_category",
    ),
    example=NEW_CATEGORY_EXAMPLE,
    etag=True,
)
async def create_category(
    data: JSONBody[NewCategory], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[Category]:
    """Add a category of your own agency under one that all share.

    Everybody sees it; assets of your agency may be of it. They are found under the categories above it, and covered by
    what covers those.
    """
    return _answer(await extending.create_category(write, caller, data), created=True)


@operation(
    "patch",
    "/categories/{category_code:str}",
    permission=Action.TAXONOMY_EXTEND,
    problems=("alias_taken", "alias_too_common", "category_retired", "invalid_definition"),
    example={"aliases": ["big drone"]},
    etag=True,
)
async def update_category(
    category_code: FromPath[str],
    data: JSONBody[CategoryPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    category_reindexed: Supplied[ReindexCategory],
    if_match: Supplied[Expected],
) -> Answer[Category]:
    """Correct a category of your own agency. What an attribute is, and what it is measured in, stays.

    Your assets are found by its new words at once.
    """
    return _answer(await extending.update_category(write, caller, category_reindexed, category_code, data, if_match))


@operation(
    "post",
    "/categories/{category_code:str}/retire",
    permission=Action.TAXONOMY_RETIRE,
    status=200,
    problems=("category_retired", "shared_category"),
    example={"reason": "The tethered drones are sold (demo)."},
    etag=True,
)
async def retire_category(
    category_code: FromPath[str],
    data: JSONBody[CategoryRetirement],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Category]:
    """Let no new asset be of a category that an agency added; those that are stay, and are found."""
    return _answer(await extending.retire_category(write, caller, category_code, data.reason, if_match))


handlers = [create_category, update_category, retire_category]
