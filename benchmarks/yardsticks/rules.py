"""The rules of a loan in plain Python, for the FastAPI yardstick: what the service's baseline policies say, as a good
engineer would write them down where no agency has rules of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from typing_extensions import TypedDict

Outcome = Literal["permitted", "needs_approval", "denied"]


class Terms(TypedDict):
    """An agreement's terms, as its JSON column holds them; null where it says nothing."""

    categories: list[str]
    purposes: list[str]
    max_duration_hours: int | None
    notice_hours: int | None
    cost_ceiling_minor: int | None
    max_quantity: int | None
    approval_required: bool
    approval_over_hours: int | None


@dataclass(frozen=True, kw_only=True)
class Ground:
    """An agreement that binds both agencies now."""

    id: str
    assists: bool
    binds_until: datetime
    terms: Terms


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a decision depends on."""

    now: datetime
    starts_at: datetime
    ends_at: datetime
    purpose: str
    priority: str
    quantity: int
    requesting_agency_id: str
    requesting_status: str
    assisting_agency_id: str
    assisting_status: str
    asset_agency_id: str
    category: str
    service_status: str
    sharing: str
    capacity: int
    hourly_rate_minor: int | None
    lent_out: int
    grounds: tuple[Ground, ...]

    @property
    def hours(self) -> int:
        """Begun hours."""
        return -((self.starts_at - self.ends_at) // timedelta(hours=1))

    @property
    def cost_minor(self) -> int | None:
        """Begun hours times rate times quantity."""
        return None if self.hourly_rate_minor is None else self.hours * self.hourly_rate_minor * self.quantity


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The outcome, the agreement it rests on, and why."""

    outcome: Outcome
    agreement_id: str | None
    reasons: tuple[str, ...]


# Each with the sentence that is shown when it is broken.
OF_THE_ASK: tuple[tuple[str, Callable[[Facts], bool]], ...] = (
    ("own_asset", lambda f: f.requesting_agency_id != f.assisting_agency_id),
    ("not_the_assisting_agencys", lambda f: f.asset_agency_id == f.assisting_agency_id),
    ("requesting_agency_not_active", lambda f: f.requesting_status == "active"),
    ("assisting_agency_not_active", lambda f: f.assisting_status == "active"),
    ("asset_not_in_service", lambda f: f.service_status == "in_service"),
    ("asset_not_shared", lambda f: f.sharing != "private"),
    ("quantity_over_capacity", lambda f: f.quantity <= f.capacity),
)
OF_THE_AGREEMENT: tuple[tuple[str, Callable[[Facts, Ground], bool]], ...] = (
    ("direction_not_covered", lambda _, g: g.assists),
    (
        "category_not_covered",
        lambda f, g: any(f.category == c or c == "any" for c in g.terms["categories"]),
    ),
    ("agreement_ends_before_return", lambda f, g: f.ends_at <= g.binds_until),
    ("purpose_not_covered", lambda f, g: not g.terms["purposes"] or f.purpose in g.terms["purposes"]),
    (
        "duration_over_limit",
        lambda f, g: g.terms["max_duration_hours"] is None or f.hours <= g.terms["max_duration_hours"],
    ),
    (
        "notice_too_short",
        lambda f, g: (
            g.terms["notice_hours"] is None
            or f.priority == "emergency"
            or f.starts_at - f.now >= timedelta(hours=g.terms["notice_hours"])
        ),
    ),
    (
        "cost_over_ceiling",
        lambda f, g: (
            g.terms["cost_ceiling_minor"] is None
            or (f.cost_minor is not None and f.cost_minor <= g.terms["cost_ceiling_minor"])
        ),
    ),
    (
        "quantity_over_limit",
        lambda f, g: g.terms["max_quantity"] is None or f.quantity <= g.terms["max_quantity"],
    ),
)


def decide(facts: Facts) -> Decision:
    """Denied with every broken rule, or by the first agreement that permits it, approval needed or not."""
    broken = [code for code, holds in OF_THE_ASK if not holds(facts)]
    if broken or not facts.grounds:
        return Decision(outcome="denied", agreement_id=None, reasons=tuple(broken or ["no_agreement_in_force"]))
    tried = [(g, [code for code, holds in OF_THE_AGREEMENT if not holds(facts, g)]) for g in facts.grounds]
    ground, missed = min(tried, key=lambda pair: len(pair[1]))
    if missed:
        return Decision(outcome="denied", agreement_id=ground.id, reasons=tuple(missed))
    over = ground.terms["approval_over_hours"]
    approval = ground.terms["approval_required"] or (over is not None and facts.hours > over)
    return Decision(
        outcome="needs_approval" if approval else "permitted",
        agreement_id=ground.id,
        reasons=("approval_by_agreement",) if approval else ("agreement_in_force",),
    )
