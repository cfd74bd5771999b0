"""Operations on reserve minimums."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.resources.minimums import commands, queries
from registry.resources.minimums.schemas import (
    NEW_RESERVE_MINIMUM_EXAMPLE,
    NewReserveMinimum,
    ReserveMinimum,
    ReserveMinimumPage,
    ReserveMinimumPatch,
    ReserveMinimumQuery,
    ReserveMinimumWithdrawal,
)


def _answer(found: ReserveMinimum, *, created: bool = False) -> Answer[ReserveMinimum]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.allowed_actions),
        location=f"/v1/reserve-minimums/{found.id}" if created else None,
    )


@operation("get", "/reserve-minimums", permission=Action.MINIMUMS_READ, query=ReserveMinimumQuery)
async def list_reserve_minimums(
    read: Supplied[Read], filters: Supplied[ReserveMinimumQuery], caller: Supplied[Caller]
) -> Answer[ReserveMinimumPage]:
    """List how many of which category your agency keeps at home. The numbers are shown to no other agency.

    Others read in an asset's availability how much less of it can be had (`free_quantity`, `held_back`), and not why:
    who sees your assets of the category can work out from that how many of these you keep.
    """
    return Answer(await queries.list_minimums(read, caller, filters))


@operation(
    "post",
    "/reserve-minimums",
    permission=Action.MINIMUMS_SET,
    example=NEW_RESERVE_MINIMUM_EXAMPLE,
    etag=True,
    problems=("minimum_reversed", "minimum_taken", "unknown_category"),
)
async def create_reserve_minimum(
    data: JSONBody[NewReserveMinimum], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[ReserveMinimum]:
    """Set how many of a category, and of all under it, your agency keeps at home from a day on.

    Counted is what is in service and neither lent, in maintenance, damaged nor getting ready again; what your agency
    needs itself (a blackout) is at home. A loan that would leave fewer is refused (409 `under_reserve_minimum`), unless
    somebody who approves for your agency reserves it with a reason. Loans that are reserved already stay. Of several
    whose days include a day, the one that took effect last holds.
    """
    return _answer(await commands.create_minimum(write, caller, data), created=True)


@operation("get", "/reserve-minimums/{reserve_minimum_id:uuid}", permission=Action.MINIMUMS_READ, etag=True)
async def get_reserve_minimum(
    reserve_minimum_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[ReserveMinimum]:
    """Read a reserve minimum of your agency."""
    return _answer(queries.as_minimum(await queries.minimum_row(read, caller, reserve_minimum_id), caller.principal))


@operation(
    "patch",
    "/reserve-minimums/{reserve_minimum_id:uuid}",
    permission=Action.MINIMUMS_SET,
    example={"expires_on": "2027-06-30"},
    etag=True,
    problems=("minimum_reversed", "wrong_status"),
)
async def update_reserve_minimum(
    reserve_minimum_id: FromPath[UUID],
    data: JSONBody[ReserveMinimumPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ReserveMinimum]:
    """Correct a mistake in a reserve minimum, or say on which day it ends."""
    return _answer(await commands.update_minimum(write, caller, reserve_minimum_id, data, if_match))


@operation(
    "post",
    "/reserve-minimums/{reserve_minimum_id:uuid}/withdraw",
    permission=Action.MINIMUMS_SET,
    status=200,
    example={"reason": "Entered for the wrong category (demo)."},
    etag=True,
    problems=("wrong_status",),
)
async def withdraw_reserve_minimum(
    reserve_minimum_id: FromPath[UUID],
    data: JSONBody[ReserveMinimumWithdrawal],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ReserveMinimum]:
    """Withdraw a reserve minimum that was set by mistake: it holds on no day any more, and stays on record."""
    return _answer(await commands.withdraw_minimum(write, caller, reserve_minimum_id, data.reason, if_match))


router = Router(
    path="/v1",
    route_handlers=[
        list_reserve_minimums,
        create_reserve_minimum,
        get_reserve_minimum,
        update_reserve_minimum,
        withdraw_reserve_minimum,
    ],
)
