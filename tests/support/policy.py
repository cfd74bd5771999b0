"""Decisions for tests, made by the commands themselves: over HTTP only requests and loans make them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from registry.access.principals import Caller, Principal, Role
from registry.database.connect import unit_of_work
from registry.kernel.ids import new_id
from registry.kernel.time import Window, utc_now
from registry.policy.approvals import Standing, Verdict
from registry.policy.cedar import PolicySet
from registry.policy.commands import answer_approvals, decide_ask, redecide
from registry.policy.wire import DecidedAt, RecordedDecision
from tests.support.cast import Agency
from tests.support.service import Service


def policies_of(service: Service) -> PolicySet:
    """The policies that the running service decides by."""
    policies: PolicySet = service.edge.app.state.policies
    return policies


def acting_for(agency: Agency, *roles: Role, subject: str | None = None, now: datetime | None = None) -> Caller:
    """A caller of the agency inside the service; the same subject as over HTTP, unless another is given."""
    return Caller(
        principal=Principal(
            subject=subject or f"{'-'.join(roles)}@{str(agency.id)[-6:]}",
            agency_id=agency.id,
            roles=frozenset(roles),
            scopes=frozenset({"*"}),
            token_id="test",
            issuer="test",
        ),
        now=now or utc_now(),
        request_id=str(new_id()),
    )


def window_of(*, start_in_hours: int = 240, hours: int = 8) -> Window:
    """A window that far from now, on a full hour."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=start_in_hours)
    return Window(start=start, end=start + timedelta(hours=hours))


async def make_decision(
    requesting: Agency,
    asset: dict[str, Any],
    *,
    subject: str | None = None,
    now: datetime | None = None,
    **asked: Any,
) -> RecordedDecision:
    """The decision on an ordinary ask of the agency's coordinator for the asset; `asked` says what differs."""
    given: dict[str, Any] = {
        "asset_id": UUID(asset["id"]),
        "quantity": 1,
        "window": window_of(),
        "purpose": "narcotics_investigation",
        "priority": "routine",
        "requesting_agency_id": requesting.id,
    }
    caller = acting_for(requesting, Role.COORDINATOR, subject=subject, now=now)
    async with unit_of_work(requesting.service.database) as write:
        return await decide_ask(write, caller, policies_of(requesting.service), **{**given, **asked})


async def answer_decision(
    agency: Agency,
    decision_id: UUID,
    verdict: Verdict = "approved",
    *,
    roles: tuple[Role, ...] = (Role.APPROVER,),
    subject: str | None = None,
) -> Standing:
    """The answer of the agency's approver, or of whoever has these roles, to what the decision still needs."""
    async with unit_of_work(agency.service.database) as write:
        caller = acting_for(agency, *roles, subject=subject)
        return await answer_approvals(write, caller, decision_id, verdict, "as agreed (demo)")


async def decide_again(
    agency: Agency,
    decision_id: UUID,
    action_at: DecidedAt,
    *,
    window: Window | None = None,
    subject: str | None = None,
) -> RecordedDecision:
    """The decision made again when the agency's coordinator takes the next step."""
    async with unit_of_work(agency.service.database) as write:
        caller = acting_for(agency, Role.COORDINATOR, subject=subject)
        return await redecide(write, caller, policies_of(agency.service), decision_id, action_at, window=window)
