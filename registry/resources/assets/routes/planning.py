"""Operations on when an asset cannot be had."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.resources.assets.commands import planning
from registry.resources.assets.queries import availability
from registry.resources.assets.schemas.planning import (
    DamageAssessment,
    NewUnavailability,
    PlannedUnavailability,
    Unavailability,
    UnavailabilityEnd,
    UnavailabilityList,
)

_ONE = "/assets/{asset_id:uuid}/unavailability/{unavailability_id:uuid}"


def _tag(found: Unavailability) -> str:
    return entity_tag(found.version, found.status, found.quantity, found.reason, found.allowed_actions)


@operation("get", "/assets/{asset_id:uuid}/unavailability", permission=Action.ASSETS_READ)
async def list_asset_unavailability(
    asset_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[UnavailabilityList]:
    """List what keeps an asset from being had, now and later, other than loans."""
    return Answer(await availability.list_unavailability(read, caller, asset_id))


@operation("get", _ONE, permission=Action.ASSETS_READ, etag=True)
async def get_asset_unavailability(
    asset_id: FromPath[UUID], unavailability_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Unavailability]:
    """Read one time in which an asset cannot be had, or could not."""
    found = await availability.get_unavailability(read, caller, asset_id, unavailability_id)
    return Answer(found, etag=_tag(found))


@operation(
    "post",
    "/assets/{asset_id:uuid}/unavailability",
    permission=Action.ASSETS_SERVE,
    etag=True,
    problems=(
        "already_planned",
        "asset_retired",
        "loans_affected",
        "quantity_over_capacity",
        "too_many_planned",
        "window_over",
        "window_reversed",
        "window_too_long",
    ),
    example={
        "kind": "maintenance",
        "window": {"start": "2026-09-01T13:00:00Z", "end": "2026-09-01T21:00:00Z"},
        "reason": "Yearly recertification of the team (demo).",
    },
)
async def plan_asset_unavailability(
    asset_id: FromPath[UUID],
    data: JSONBody[NewUnavailability],
    write: Supplied[Write],
    caller: Supplied[Caller],
) -> Answer[PlannedUnavailability]:
    """Enter when an asset, or some of it, cannot be had: it counts in searches and bookings from then on.

    Where loans are reserved for that time it is refused with their list, unless they are accepted.
    """
    planned = await planning.plan_unavailability(write, caller, asset_id, data)
    made = planned.unavailability
    return Answer(planned, etag=_tag(made), location=f"/v1/assets/{asset_id}/unavailability/{made.id}")


@operation(
    "post",
    _ONE + "/end",
    permission=Action.ASSETS_SERVE,
    status=200,
    etag=True,
    problems=("assessment_missing", "asset_retired", "wrong_status"),
    example={"reason": "Done earlier than planned (demo)."},
)
async def end_asset_unavailability(
    asset_id: FromPath[UUID],
    unavailability_id: FromPath[UUID],
    data: JSONBody[UnavailabilityEnd],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Unavailability]:
    """Say that an asset can be had again, or, before it began, after all."""
    ended = await planning.end_unavailability(write, caller, asset_id, unavailability_id, data.reason, if_match)
    return Answer(ended, etag=_tag(ended))


@operation(
    "post",
    _ONE + "/assess",
    permission=Action.ASSETS_SERVE,
    status=200,
    etag=True,
    problems=("asset_retired", "nothing_to_assess", "wrong_status"),
    example={"assessment": "fit", "reason": "A scratch only (demo)."},
)
async def assess_asset_damage(
    asset_id: FromPath[UUID],
    unavailability_id: FromPath[UUID],
    data: JSONBody[DamageAssessment],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Unavailability]:
    """Say whether what came back damaged is fit to be lent again, or out of service until it is ended.

    Until then it is not lent.
    """
    assessed = await planning.assess_damage(write, caller, asset_id, unavailability_id, data, if_match)
    return Answer(assessed, etag=_tag(assessed))


handlers = [
    list_asset_unavailability,
    get_asset_unavailability,
    plan_asset_unavailability,
    end_asset_unavailability,
    assess_asset_damage,
]
