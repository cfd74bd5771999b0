"""Decisions for tests, made directly by the commands: over HTTP only requests and loans make decisions."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from registry.platform.access.principals import Caller, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window
from registry.sharing.policy.approvals import DecisionStatus, Verdict
from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.commands.deciding import LoanAsked, answer_approvals, decide_ask, redecide
from registry.sharing.policy.queries.getting import chain, decision_row, visible_decision
from registry.sharing.policy.schemas.decided import DecidedAt, RecordedDecision, RequestReference
from tests.support.cast import Agency, inside
from tests.support.places import ROOT
from tests.support.service import Service


def policies_of(service: Service) -> PolicySet:
    """The policy set of the running service."""
    policies: PolicySet = service.edge.app.state.policies
    return policies


def acting_for(agency: Agency, *roles: Role, subject: str | None = None, now: datetime | None = None) -> Caller:
    """A caller of the agency for commands; the same subject as over HTTP, unless another is given."""
    return inside(agency.id, *roles, subject=subject, now=now)


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
    request: RequestReference | None = None,
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
        asked_for = LoanAsked(**{**given, **asked})
        return (await decide_ask(write, caller, policies_of(requesting.service), asked_for, request)).recorded


async def answer_decision(
    agency: Agency,
    decision_id: UUID,
    verdict: Verdict = "approved",
    *,
    roles: tuple[Role, ...] = (Role.APPROVER,),
    subject: str | None = None,
) -> DecisionStatus:
    """The answer of the agency's approver, or of whoever has these roles, to what the decision still needs."""
    async with unit_of_work(agency.service.database) as write:
        caller = acting_for(agency, *roles, subject=subject)
        row = await visible_decision(write, caller.principal, decision_id)
        return await answer_approvals(write, caller, row, verdict, "as agreed (demo)")


async def status_at(agency: Agency, decision_id: UUID) -> DecisionStatus:
    """The current status of a decision."""
    read = agency.service.database.read()
    _, status = (await chain(read, (await decision_row(read, decision_id)).root_decision_id)).status_at(decision_id)
    return status


async def decide_again(
    agency: Agency,
    decision_id: UUID,
    action_at: DecidedAt,
    *,
    window: Window | None = None,
    subject: str | None = None,
) -> RecordedDecision:
    """The decision made again for the next step of the agency's coordinator."""
    async with unit_of_work(agency.service.database) as write:
        caller = acting_for(agency, Role.COORDINATOR, subject=subject)
        row = await decision_row(write, decision_id)
        return (await redecide(write, caller, policies_of(agency.service), row, action_at, window=window)).recorded


def with_policies(scratch: Path, text: str, file: str = "baseline/added.cedar") -> PolicySet:
    """The shipped policies with these in addition."""
    copied = Path(shutil.copytree(ROOT / "policies", scratch / uuid4().hex))
    (copied / file).write_text(text)
    return load_policy_set(copied)
