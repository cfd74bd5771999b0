"""Two months of sharing between two agencies, told by hand, with every instant fixed in the past.

Each step runs through the commands as of its own time. What the measures of it must be is in the tests.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.platform.access.principals import Caller, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window
from registry.platform.kernel.versions import Tags
from registry.resources.assets.commands.planning import end_unavailability, plan_unavailability
from registry.resources.assets.rules import Grade
from registry.resources.assets.schemas.planning import NewUnavailability, Until
from registry.sharing.loans.commands import handing_over as loans
from registry.sharing.loans.commands import losing, reserving
from registry.sharing.loans.schemas.given import ConditionReport, LoanLoss, NewLoan
from registry.sharing.policy.approvals import Verdict
from registry.sharing.requests.commands import asking as requests
from registry.sharing.requests.queries.getting import get_request
from registry.sharing.requests.schemas.given import NewRequest, NewRequestLine
from registry.sharing.requests.schemas.shown import ResourceRequest
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.policy import acting_for, policies_of

GOOD = ConditionReport(grade=Grade.GOOD)


def at(text: str) -> datetime:
    """`MM-DDTHH` of 2025, in UTC."""
    return datetime.fromisoformat(f"2025-{text}:00").replace(tzinfo=UTC)


Planned: TypeAlias = Literal["maintenance", "blackout", "other"]


class Partnership(Struct, kw_only=True, frozen=True):
    """Two agencies, what they agreed on and what may be asked for."""

    assisting: Agency
    requesting: Agency
    agreement: dict[str, Any]
    narcotics: dict[str, Any]
    explosives: dict[str, Any]
    command_post: dict[str, Any]

    def _caller(self, agency: Agency, role: Role, when: str) -> Caller:
        return acting_for(agency, role, now=at(when))

    async def ask(
        self,
        when: str,
        asset: dict[str, Any],
        start: str,
        *,
        hours: int,
        incident: str | None = None,
        quantity: int = 1,
    ) -> ResourceRequest:
        """The requesting coordinator asks for the asset."""
        window = Window(start=at(start), end=at(start) + timedelta(hours=hours))
        new = NewRequest(
            purpose="mutual_aid",
            summary="help (demo)",
            incident_number=incident,
            lines=[NewRequestLine(asset_id=UUID(asset["id"]), window=window, quantity=quantity)],
        )
        caller = self._caller(self.requesting, Role.COORDINATOR, when)
        async with unit_of_work(self.requesting.service.database) as write:
            made = await requests.create_request(write, caller, new)
            return await requests.submit_request(write, caller, policies_of(self.requesting.service), made.id)

    async def answer(self, when: str, asked: ResourceRequest, verdict: Verdict) -> None:
        """The assisting approver answers."""
        caller = self._caller(self.assisting, Role.APPROVER, when)
        policies = policies_of(self.assisting.service)
        async with unit_of_work(self.assisting.service.database) as write:
            read = await get_request(write, caller.principal, asked.id, caller.now)
            named, why = Tags(versions=frozenset({read.version})), "as agreed (demo)"
            await requests.answer_request(write, caller, policies, asked.id, verdict, why, named)

    async def withdraw(self, when: str, asked: ResourceRequest) -> None:
        """The requesting coordinator withdraws."""
        caller = self._caller(self.requesting, Role.COORDINATOR, when)
        async with unit_of_work(self.requesting.service.database) as write:
            await requests.withdraw_request(write, caller, asked.id, "called off (demo)")

    async def lend(
        self,
        asked: ResourceRequest,
        *,
        reserved: str,
        left: str,
        arrived: str,
        back: str | None = None,
        lost: str | None = None,
        parts: Sequence[tuple[str, int]] = (),
    ) -> None:
        """The asset is reserved, sent, received and, unless it is still out, taken back, in `parts` first, or lost."""
        policies = policies_of(self.assisting.service)
        decision = asked.lines[0].decision
        assert decision is not None

        def helper(when: str) -> Caller:
            return self._caller(self.assisting, Role.COORDINATOR, when)

        async with unit_of_work(self.assisting.service.database) as write:
            made = await reserving.reserve(
                write, helper(reserved), policies, NewLoan(decision_id=decision.root_decision_id)
            )
        async with unit_of_work(self.assisting.service.database) as write:
            await loans.dispatch(write, helper(left), policies, made.id, GOOD)
            await loans.receive(write, self._caller(self.requesting, Role.COORDINATOR, arrived), made.id, None)
            for when, quantity in parts:
                await loans.confirm_return(write, helper(when), made.id, GOOD, quantity=quantity)
            if back is not None:
                await loans.confirm_return(write, helper(back), made.id, GOOD)
            if lost is not None:
                await losing.report_lost(write, helper(lost), made.id, LoanLoss(reason="stolen (demo)"))

    async def keep_home(
        self,
        asset: dict[str, Any],
        kind: Planned,
        start: str,
        end: str,
        *,
        ended: str | None,
    ) -> None:
        """The assisting agency plans that the asset cannot be had, and where `ended` says when, ends that."""
        before = self._caller(self.assisting, Role.AGENCY_ADMIN, "03-01T00")
        new = NewUnavailability(kind=kind, window=Until(start=at(start), end=at(end)), reason="vet (demo)")
        async with unit_of_work(self.assisting.service.database) as write:
            planned = await plan_unavailability(write, before, UUID(asset["id"]), new)
            if ended is not None:
                caller = self._caller(self.assisting, Role.AGENCY_ADMIN, ended)
                await end_unavailability(
                    write, caller, UUID(asset["id"]), planned.unavailability.id, "done (demo)", None
                )


async def make_partnership(cast: Cast, *others: Agency) -> Partnership:
    """Loans over 24 h need the assisting agency's approval, those over 100 h are barred."""
    terms = {"max_duration_hours": 100, "approval_over_hours": 24}
    agreement = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, *others, terms=terms, provisions=[]
    )
    return Partnership(
        assisting=cast.assisting,
        requesting=cast.requesting,
        agreement=agreement,
        narcotics=await make_asset(cast.assisting),
        explosives=await make_asset(cast.assisting, category="k9.explosives"),
        command_post=await make_asset(cast.assisting, category="vehicle.command_post"),
    )


async def two_months(cast: Cast, *others: Agency) -> Partnership:
    """March and April 2025: seven lines asked, three answered by loans, one of which is back on time."""
    pair = await make_partnership(cast, *others)
    punctual = await pair.ask("03-10T08", pair.narcotics, "03-10T10", hours=8, incident="25-1")
    await pair.lend(punctual, reserved="03-10T09", left="03-10T09", arrived="03-10T10", back="03-10T17")
    # Asked in April by UTC and in March by Chicago's clocks; it leaves as April begins there.
    late = await pair.ask("04-01T02", pair.narcotics, "04-01T06", hours=8, incident="25-1")
    await pair.lend(late, reserved="04-01T03", left="04-01T05", arrived="04-01T06", back="04-01T16")
    overdue = await pair.ask("04-10T00", pair.explosives, "04-11T00", hours=30)
    await pair.answer("04-10T06", overdue, "approved")
    await pair.lend(overdue, reserved="04-10T07", left="04-11T00", arrived="04-11T02")
    await pair.ask("04-20T00", pair.command_post, "04-25T00", hours=200)
    rejected = await pair.ask("04-21T00", pair.command_post, "04-25T00", hours=30)
    await pair.answer("04-21T03", rejected, "rejected")
    undecided = await pair.ask("04-22T00", pair.command_post, "04-25T00", hours=30)
    await pair.withdraw("04-22T01", undecided)
    decided = await pair.ask("04-23T00", pair.command_post, "04-25T00", hours=8)
    await pair.withdraw("04-23T01", decided)
    return pair
