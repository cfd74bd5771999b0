"""Loans for tests, taken to the status with which a test begins."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window, utc_now
from registry.resources.assets.rules import Grade
from registry.sharing.loans.commands import handing_over, reserving
from registry.sharing.loans.schemas.given import ConditionReport, NewLoan
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.policy import acting_for, make_decision, policies_of

CONDITION = {"grade": "good", "readings": {"odometer": "48210 mi"}, "signed_off_by_title": "Fleet sergeant"}
REASON = {"reason": "as told on the telephone (demo)"}

# The steps to each status of a loan: which side does what.
WALKS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "reserved": (),
    "dispatched": (("assisting", "dispatch"),),
    "on_scene": (("assisting", "dispatch"), ("requesting", "receive")),
    "returning": (("assisting", "dispatch"), ("requesting", "receive"), ("requesting", "start-return")),
    "returned": (("assisting", "dispatch"), ("assisting", "return")),
    "closed": (("assisting", "dispatch"), ("assisting", "return"), ("assisting", "close")),
    "cancelled": (("requesting", "cancel"),),
    "no_show": (("assisting", "report-no-show"),),
    "lost": (("assisting", "dispatch"), ("requesting", "report-lost")),
}


class Partners(Struct, kw_only=True, frozen=True):
    """Two agencies with an agreement in force that covers everything, and one that has none."""

    assisting: Agency
    requesting: Agency
    stranger: Agency
    agreement: dict[str, Any]

    def side(self, name: str) -> Agency:
        """The agency on that side."""
        return self.assisting if name == "assisting" else self.requesting


async def make_partners(cast: Cast, **terms: Any) -> Partners:
    """The agreement is in force since long ago; `terms` are its terms."""
    agreement = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, terms=terms or None, effective_on="2020-01-01"
    )
    return Partners(assisting=cast.assisting, requesting=cast.requesting, stranger=cast.stranger, agreement=agreement)


def under_way(*, hours: int = 8) -> Window:
    """A window that began an hour ago, so that everything but being late is possible."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    return Window(start=start, end=start + timedelta(hours=hours))


async def make_loan(
    partners: Partners,
    status: str = "reserved",
    *,
    asset: dict[str, Any] | None = None,
    quantity: int = 1,
    window: Window | None = None,
    as_it_began: bool = False,
) -> dict[str, Any]:
    """A loan in that status, of a fresh asset unless one is given, as the assisting coordinator sees it.

    It is reserved now, or `as_it_began`, its window.
    """
    asset, window = asset or await make_asset(partners.assisting, capacity=quantity), window or under_way()
    if as_it_began or status == "no_show":
        loan = await reserved_as_it_began(partners, asset, window, quantity=quantity)
    else:
        decision = await make_decision(partners.requesting, asset, quantity=quantity, window=window)
        loan = await partners.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": str(decision.id)})
    for side, verb in WALKS[status]:
        loan = await step(partners.side(side), loan, verb)
    seen: dict[str, Any] = await partners.assisting.coordinator.done("GET", f"/v1/loans/{loan['id']}")
    assert seen["status"] == status
    return seen


async def read_extension(agency: Agency, loan_id: object) -> dict[str, Any]:
    """A body that accepts the extension of the loan that was asked for last, as the agency reads it now."""
    loan = await agency.coordinator.done("GET", f"/v1/loans/{loan_id}")
    return {"extension_id": loan["extensions"][-1]["id"]}


async def step(agency: Agency, loan: dict[str, Any], verb: str, body: object = None) -> dict[str, Any]:
    """The loan after the agency's coordinator has taken that step."""
    if body is None:
        body = await read_extension(agency, loan["id"]) if verb == "accept-extension" else body_for(verb)
    done: dict[str, Any] = await agency.coordinator.done("POST", f"/v1/loans/{loan['id']}/{verb}", body)
    return done


def body_for(verb: str) -> dict[str, Any]:
    """A valid body for that step."""
    soon = utc_now() + timedelta(hours=1)
    bodies: dict[str, dict[str, Any]] = {
        "dispatch": CONDITION,
        "return": CONDITION,
        "cancel": REASON,
        "report-no-show": REASON,
        "contest-no-show": REASON,
        "contest-time": {**REASON, "act": "dispatch", "occurred_at": (soon - timedelta(hours=1)).isoformat()},
        "accept-time": {"act": "dispatch"},
        "withdraw-contest": {"act": "dispatch"},
        "correct-count": {"quantity": 1},
        "report-lost": REASON,
        "report-found": REASON,
        "report-damage": REASON,
        "contest-damage": REASON,
        "decline-extension": REASON,
        "request-extension": {**REASON, "planned_end_at": (soon + timedelta(hours=12)).isoformat()},
        "recall": {**REASON, "by": soon.isoformat()},
        "accept-changed-asset": {"asset_version": 1},
        "accept-extension": {"extension_id": str(uuid4())},
    }
    return bodies.get(verb, {})


async def reserved_as_it_began(
    partners: Partners, asset: dict[str, Any] | None = None, window: Window | None = None, *, quantity: int = 1
) -> dict[str, Any]:
    """A loan that was reserved as its window began: nobody is missed within half an hour of the reservation."""
    asset, window = asset or await make_asset(partners.assisting), window or under_way()
    decision = await make_decision(partners.requesting, asset, quantity=quantity, window=window, now=window.start)
    return await reserve_then(partners.assisting, decision.id, window.start)


async def reserve_then(owner: Agency, decision_id: UUID, at: datetime) -> dict[str, Any]:
    """The loan under that decision, reserved at that instant."""
    caller = acting_for(owner, Role.COORDINATOR, now=at)
    async with unit_of_work(owner.service.database) as write:
        made = await reserving.reserve(write, caller, policies_of(owner.service), NewLoan(decision_id=decision_id))
    return await see(owner, made.id)


async def out_since(partners: Partners, asset: dict[str, Any], window: Window) -> dict[str, Any]:
    """A loan that was reserved and left as its window began."""
    made = await reserved_as_it_began(partners, asset, window)
    caller = acting_for(partners.assisting, Role.COORDINATOR, now=window.start)
    async with unit_of_work(partners.assisting.service.database) as write:
        policies, good = policies_of(partners.assisting.service), ConditionReport(grade=Grade.GOOD)
        await handing_over.dispatch(write, caller, policies, UUID(made["id"]), good)
    return await see(partners.assisting, made["id"])


async def make_overdue_loan(partners: Partners, asset: dict[str, Any], *, days: int = 0) -> dict[str, Any]:
    """A loan that left ten hours ago, and so many days before, for eight hours and is not back."""
    left = utc_now().replace(microsecond=0) - timedelta(days=days, hours=10)
    return await out_since(partners, asset, Window(start=left, end=left + timedelta(hours=8)))


async def see(agency: Agency, loan_id: UUID | str) -> dict[str, Any]:
    """The loan as the agency's coordinator sees it now."""
    seen: dict[str, Any] = await agency.coordinator.done("GET", f"/v1/loans/{loan_id}")
    return seen
