"""Engagements for tests: planned, held, and what follows from them."""

from datetime import timedelta
from typing import Any

from registry.platform.kernel.time import utc_now
from tests.support.cast import LONG_AHEAD, ZONE, Agency

EXERCISE = {
    "kind": "exercise",
    "exercise_type": "tabletop",
    "title": "River search",
    "time_zone": ZONE,
    "objectives": [
        {"objective_no": 1, "text": "One command post.", "core_capability": "Operational Coordination"},
        {"objective_no": 2, "text": "One map of both agencies."},
    ],
}
TRAINING = {"kind": "cross_training", "title": "Boats in current", "time_zone": ZONE}
PROOF = {"statement": "All radios have the channel."}


def engagement_body(*guests: Agency, days_ahead: int = 10, **fields: Any) -> dict[str, Any]:
    """The body of an exercise of four hours to which the guests are invited; `days_ahead` may lie in the past."""
    start = utc_now().replace(microsecond=0) + timedelta(days=days_ahead)
    body = {**EXERCISE, "starts_at": start.isoformat(), "ends_at": (start + timedelta(hours=4)).isoformat()}
    if fields.get("kind", "exercise") != "exercise":
        del body["exercise_type"], body["objectives"]
    return {**body, "agency_ids": [str(each.id) for each in guests], **fields}


async def make_engagement(host: Agency, *guests: Agency, **fields: Any) -> dict[str, Any]:
    """One that is planned, as its host sees it."""
    made: dict[str, Any] = await host.coordinator.done("POST", "/v1/engagements", engagement_body(*guests, **fields))
    return made


async def hold_engagement(host: Agency, *guests: Agency, **fields: Any) -> dict[str, Any]:
    """One that was held yesterday, and in which all guests took part, as its host sees it."""
    path = f"/v1/engagements/{(await make_engagement(host, *guests, days_ahead=-1, **fields))['id']}"
    for guest in guests:
        await guest.coordinator.done("POST", f"{path}/accept-invitation")
    held: dict[str, Any] = await host.coordinator.done(
        "POST", f"{path}/complete", {"participation": [{"group": "sworn", "people": 12}]}
    )
    return held


async def plan_action(host: Agency, owner: Agency, held: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A corrective action after an engagement, as its host sees it."""
    body = {"owner_agency_id": str(owner.id), "title": "A common channel", "due_on": str(LONG_AHEAD), **fields}
    planned: dict[str, Any] = await host.coordinator.done("POST", f"/v1/engagements/{held['id']}/plan-action", body)
    return planned
