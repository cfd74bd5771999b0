"""Operations on rates."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.resources.rates import commands, queries
from registry.resources.rates.commands import OwnsAsset
from registry.resources.rates.schemas import NEW_RATE_EXAMPLE, NewRate, Rate, RatePage, RatePatch, RateQuery


def _answer(found: Rate, *, created: bool = False) -> Answer[Rate]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.allowed_actions),
        location=f"/v1/rates/{found.id}" if created else None,
    )


@operation("get", "/rates", permission=Action.ASSETS_READ, query=RateQuery)
async def list_rates(read: Supplied[Read], filters: Supplied[RateQuery], caller: Supplied[Caller]) -> Answer[RatePage]:
    """List your agency's rates, and the schedules of partners under an agreement in force."""
    return Answer(await queries.list_rates(read, caller, filters))


@operation(
    "post",
    "/rates",
    permission=Action.ASSETS_UPDATE,
    example=NEW_RATE_EXAMPLE,
    etag=True,
    problems=("personnel_class_mismatch", "rate_reversed", "rate_taken", "unknown_asset"),
)
async def create_rate(
    data: JSONBody[NewRate], write: Supplied[Write], caller: Supplied[Caller], owns_asset: Supplied[OwnsAsset]
) -> Answer[Rate]:
    """Record a rate of your agency: for its schedule, for equipment of a kind, or for one asset.

    It holds from its first day on. What changes is recorded as another rate from a later day, so that what was lent
    before is charged as it was; the one that took effect last counts.
    """
    return _answer(await commands.create_rate(write, caller, owns_asset, data), created=True)


@operation("get", "/rates/{rate_id:uuid}", permission=Action.ASSETS_READ, etag=True)
async def get_rate(rate_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]) -> Answer[Rate]:
    """Read a rate."""
    return _answer(queries.as_rate(await queries.rate_row(read, caller, rate_id), caller.principal))


@operation(
    "patch",
    "/rates/{rate_id:uuid}",
    permission=Action.ASSETS_UPDATE,
    example={"expires_on": "2027-06-30"},
    etag=True,
    problems=("rate_reversed",),
)
async def update_rate(
    rate_id: FromPath[UUID],
    data: JSONBody[RatePatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Rate]:
    """Correct a mistake in a rate, or say on which day it ends."""
    return _answer(await commands.update_rate(write, caller, rate_id, data, if_match))


router = Router(path="/v1", route_handlers=[list_rates, create_rate, get_rate, update_rate])
