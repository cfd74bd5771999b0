"""What is counted, such as lines and loans, agreements and reviews: each with the instants by which it counts.

The facts of a thing as it stood at an earlier instant are `seen_at` that: what was done later is left out, what is
known by now about what was done before is not.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.outcomes.metrics.rules import Stretch, utilisation
from registry.sharing.loans.rules import NEVER_WAS, OUT, LoanStatus
from registry.sharing.requests.rules import LineStatus

REFUSING = frozenset({LineStatus.DENIED, LineStatus.REJECTED, LineStatus.DECLINED})
"""What nobody lends, by the policies, an approver or the agency that was asked."""

Unavailable: TypeAlias = Mapping[UUID, Sequence[Stretch]]
"""When assets were out of service or could not be had, and how many of each."""


def fell_due(due_at: datetime, done_at: datetime | None) -> datetime:
    """The instant at which something with a deadline counts, late or not: its deadline, or when it was done before.

    So it never counts before its deadline while it is still to be done, and never moves once it has counted.
    """
    return due_at if done_at is None else min(due_at, done_at)


class LineFact(Struct, kw_only=True, frozen=True):
    """The facts of a line. `decided_at` is when it was settled, not when an approval was first requested.

    `disputed` is whether it is contested when it arrived; `reserved_at` when the agency that was asked committed
    itself, `arrived_quantity` how many of what was asked for arrived; `ended_at` when it was withdrawn or refused.
    """

    submitted_at: datetime
    status: LineStatus
    decided_at: datetime | None = None
    reserved_at: datetime | None = None
    arrived_at: datetime | None = None
    ended_at: datetime | None = None
    disputed: bool = False
    quantity: int = 1
    arrived_quantity: int = 0
    requesting_agency_id: UUID | None = None
    assisting_agency_id: UUID | None = None
    agreement_id: UUID | None = None
    category: str
    purpose: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def is_wanted(self) -> bool:
        """Whether it counts: it was not withdrawn before any decision. What nobody answered in time counts."""
        return self.status is not LineStatus.WITHDRAWN or self.decided_at is not None

    @property
    def is_refused(self) -> bool:
        """Whether it was decided, and nobody lends it."""
        return self.decided_at is not None and self.is_wanted and self.status in REFUSING

    @property
    def first_at(self) -> datetime:
        """Before this it counts for nothing."""
        return self.submitted_at

    def seen_at(self, as_of: datetime) -> "LineFact | None":
        """The line as it stood then; None for one that was not asked yet."""
        if self.submitted_at > as_of:
            return None
        arrived = _by(self.arrived_at, as_of)
        later = (self.decided_at, self.ended_at)
        stands = any(at is not None and at > as_of for at in later)
        return msgspec.structs.replace(
            self,
            status=LineStatus.NEEDS_APPROVAL if stands else self.status,
            decided_at=_by(self.decided_at, as_of),
            reserved_at=_by(self.reserved_at, as_of),
            arrived_at=arrived,
            arrived_quantity=0 if arrived is None else self.arrived_quantity,
            reasons=() if stands else self.reasons,
        )


class LoanFact(Struct, kw_only=True, frozen=True):
    """The facts of a loan.

    `back_at` is its return, or for a lost one the loss; `other_dispatched_at`, `other_arrived_at` and
    `other_returned_at` are what the other side says of departure, arrival and return, where their time is contested;
    `partly_back` is what came back before the rest did, and `lost_quantity` what has not come back. `incident`
    identifies what the asset was needed for; `in_force` is whether the agreement was in force when the loan was
    decided. `extended_at` is when it was first extended, `due_before_extension_at` when it was due until the first
    extension after the instant of asking; `recall_due_at` by when it was recalled; `damaged` whether it came back
    damaged.
    """

    status: LoanStatus
    starts_at: datetime
    due_at: datetime
    reserved_at: datetime
    dispatched_at: datetime | None = None
    arrived_at: datetime | None = None
    return_started_at: datetime | None = None
    returned_at: datetime | None = None
    back_at: datetime | None = None
    other_dispatched_at: datetime | None = None
    other_arrived_at: datetime | None = None
    other_returned_at: datetime | None = None
    extended_at: datetime | None = None
    due_before_extension_at: datetime | None = None
    recall_requested_at: datetime | None = None
    recall_due_at: datetime | None = None
    planned_end_at: datetime | None = None
    lost_quantity: int = 0
    partly_back: tuple[tuple[datetime, int], ...] = ()
    damaged: bool = False
    in_force: bool = True
    asset_id: UUID
    capacity: int = 1
    quantity: int = 1
    incident: str
    requesting_agency_id: UUID | None = None
    assisting_agency_id: UUID | None = None
    agreement_id: UUID
    category: str
    purpose: str = ""

    @property
    def was_out(self) -> bool:
        """Whether it left: a loan that never took place is counted by nothing."""
        return self.status not in NEVER_WAS and self.dispatched_at is not None

    @property
    def is_on_time(self) -> bool:
        """Whether it is back, and by the return agreed then, or by the hour of a recall before that."""
        return self.returned_at is not None and self.returned_at <= self.due_at

    @property
    def fell_due_at(self) -> datetime:
        """When its return counts as due; what is lost, and what is still out, waits for its deadline."""
        return fell_due(self.due_at, self.returned_at)

    @property
    def is_disputed(self) -> bool:
        """Whether it is contested when it left or came back, so that it is not agreed how long it was away."""
        return self.other_dispatched_at is not None or self.other_returned_at is not None

    def away(self) -> tuple[datetime, datetime | None] | None:
        """From when to when it was away, by whichever word makes that longest; None where it never left."""
        left, back = self.dispatched_at, self.back_at
        if left is None:
            return None
        return min(left, self.other_dispatched_at or left), None if back is None else max(
            back, self.other_returned_at or back
        )

    def parts_away(self) -> list[Stretch]:
        """The same for what came back before the rest, each part until then, and for the rest."""
        if (stretch := self.away()) is None:
            return []
        left, back = stretch
        rest = self.quantity - sum(quantity for _, quantity in self.partly_back)
        return [*((left, at, quantity) for at, quantity in self.partly_back), (left, back, rest)]

    def still_out(self, at: datetime) -> int:
        """How many had left by then and were neither back nor reported lost."""
        if not self.was_out or (self.back_at is not None and self.back_at <= at):
            return 0
        lost = self.lost_quantity if self.back_at is None else 0
        return self.quantity - sum(quantity for back, quantity in self.partly_back if back <= at) - lost

    def is_out(self, start: datetime, end: datetime) -> bool:
        """Whether the asset was away on it at some time in [start, end)."""
        if (stretch := self.away()) is None:
            return False
        left, back = stretch
        return max(left, start) < (end if back is None else min(back, end))

    @property
    def first_at(self) -> datetime:
        """Before this it counts for nothing: what was lent by word left before it was reserved here."""
        return min(self.reserved_at, self.dispatched_at or self.reserved_at)

    def seen_at(self, as_of: datetime) -> "LoanFact | None":
        """The loan as it stood then; None for one that was not reserved yet."""
        if self.reserved_at > as_of:
            return None
        returned, back = _by(self.returned_at, as_of), _by(self.back_at, as_of)
        dispatched, recalled = _by(self.dispatched_at, as_of), _by(self.recall_requested_at, as_of)
        status, due = self.status, self.due_at
        if status not in NEVER_WAS and dispatched is None:
            status = LoanStatus.RESERVED
        elif status not in NEVER_WAS and back is None and status not in OUT:
            status = LoanStatus.ON_SCENE
        if self.recall_requested_at is not None and recalled is None and self.planned_end_at is not None:
            due = self.planned_end_at
        if returned is None and self.due_before_extension_at is not None:
            due = self.due_before_extension_at
        return msgspec.structs.replace(
            self,
            status=status,
            due_at=due,
            dispatched_at=dispatched,
            arrived_at=_by(self.arrived_at, as_of),
            return_started_at=_by(self.return_started_at, as_of),
            returned_at=returned,
            back_at=back,
            partly_back=tuple((at, quantity) for at, quantity in self.partly_back if at <= as_of),
            extended_at=_by(self.extended_at, as_of),
            recall_requested_at=recalled,
            recall_due_at=None if recalled is None else self.recall_due_at,
            lost_quantity=0 if back is None and self.back_at is not None else self.lost_quantity,
            damaged=self.damaged and back is not None,
        )


class ObligationFact(Struct, kw_only=True, frozen=True):
    """An obligation of a loan: when it is due, and when it was met; `is_settled` where its owner was let off, or where
    it is contested that it was met: then it counts on neither side."""

    due_at: datetime
    met_at: datetime | None
    is_settled: bool
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    agreement_id: UUID
    category: str
    purpose: str

    @property
    def fell_due_at(self) -> datetime:
        """When it counts as due."""
        return fell_due(self.due_at, self.met_at)

    @property
    def first_at(self) -> datetime:
        """Before this it counts for nothing."""
        return self.fell_due_at

    def seen_at(self, as_of: datetime) -> "ObligationFact | None":
        """The obligation as it stood then."""
        return msgspec.structs.replace(self, met_at=_by(self.met_at, as_of))


class DecisionFact(Struct, kw_only=True, frozen=True):
    """The first decision on something that was asked for, and how it came out."""

    decided_at: datetime
    outcome: str
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    agreement_id: UUID | None
    category: str
    purpose: str

    @property
    def first_at(self) -> datetime:
        """Before this it counts for nothing."""
        return self.decided_at

    def seen_at(self, as_of: datetime) -> "DecisionFact | None":
        """The decision; None for one that was not made yet."""
        return self if self.decided_at <= as_of else None


class AgreementFact(Struct, kw_only=True, frozen=True):
    """An executed agreement of the viewer: `windows` are when it binds the viewer, `over_at` when it ends, if it does.

    `ended_at` is when it was terminated or gave way to another, `is_recorded` whether it came signed on paper.
    """

    agreement_id: UUID
    begun_at: datetime
    executed_at: datetime
    starts_at: datetime
    over_at: datetime | None
    ended_at: datetime | None
    is_recorded: bool
    windows: tuple[tuple[datetime, datetime], ...]

    def is_in_force(self, at: datetime) -> bool:
        """Whether it bound the viewer then."""
        return any(start <= at < end for start, end in self.windows)

    @property
    def first_at(self) -> datetime:
        """Before this it counts for nothing."""
        return self.executed_at

    def seen_at(self, as_of: datetime) -> "AgreementFact | None":
        """The agreement; None for one that was not executed yet."""
        return self if self.executed_at <= as_of else None


class ImprovementFact(Struct, kw_only=True, frozen=True):
    """A corrective action that the agency owns, or that came of an engagement which it held.

    `due_at` is when its day is over; `agreement_id` is that of the engagement, where the agency may see that.
    """

    agreement_id: UUID | None
    due_at: datetime
    completed_at: datetime | None

    @property
    def first_at(self) -> datetime:
        """Before this it counts for nothing."""
        return last_moment(self.due_at)

    def seen_at(self, as_of: datetime) -> "ImprovementFact":
        """The corrective action as it stood then."""
        return msgspec.structs.replace(self, completed_at=_by(self.completed_at, as_of))


class ObjectiveFact(Struct, kw_only=True, frozen=True):
    """An objective of an agreement: `due_at` is when its day is over, `is_met` what was measured up to then."""

    agreement_id: UUID
    due_at: datetime
    weight: int
    is_met: bool
    withdrawn_at: datetime | None

    @property
    def first_at(self) -> datetime:
        """Before this it counts for nothing."""
        return last_moment(self.due_at)

    def seen_at(self, as_of: datetime) -> "ObjectiveFact":
        """The objective as it stood then."""
        return msgspec.structs.replace(self, withdrawn_at=_by(self.withdrawn_at, as_of))


class ReviewFact(Struct, kw_only=True, frozen=True):
    """A periodic review of an agreement: `due_at` is when its day is over, `in_time` whether it was held by then."""

    agreement_id: UUID
    due_at: datetime
    in_time: bool

    @property
    def first_at(self) -> datetime:
        """Before this it counts for nothing."""
        return last_moment(self.due_at)

    def seen_at(self, as_of: datetime) -> "ReviewFact":
        """The same: it counts from `due_at` on, and then it is settled whether it was held in time."""
        return self


Fact: TypeAlias = (
    LineFact | LoanFact | ObligationFact | DecisionFact | AgreementFact | ImprovementFact | ObjectiveFact | ReviewFact
)


def last_moment(ended_at: datetime) -> datetime:
    """The last moment of what ended then, so that what is due on a day belongs to the period of that day."""
    return ended_at - timedelta(microseconds=1)


def _by(at: datetime | None, as_of: datetime) -> datetime | None:
    """An instant, unless it was still to come."""
    return None if at is None or at > as_of else at


_HOUR = timedelta(hours=1)


def asset_hours(
    loans: Iterable[LoanFact], unavailable: Unavailable, start: datetime, end: datetime
) -> tuple[float, float, int]:
    """Hours out and hours in service, of each piece of each asset with a loan planned or out in [start, end), and how
    many assets these are.

    Hours of what is lost after its loss, or, where the rest came back later, after that, do not count; what came back
    before the rest was away until then. Where it is contested how long one was away, that time counts on
    neither side.
    """
    concerned: dict[UUID, list[LoanFact]] = defaultdict(list)
    for loan in loans:
        planned = loan.starts_at < end and loan.due_at > start
        if loan.status not in NEVER_WAS and (planned or loan.is_out(start, end)):
            concerned[loan.asset_id].append(loan)
    used = available = timedelta()
    for asset_id, of_asset in concerned.items():
        out = [part for loan in of_asset if not loan.is_disputed for part in loan.parts_away()]
        disputed = [part for loan in of_asset if loan.is_disputed for part in loan.parts_away()]
        gone = [(loan.back_at, None, loan.lost_quantity) for loan in of_asset if loan.lost_quantity and loan.back_at]
        lost = [*unavailable.get(asset_id, ()), *gone, *disputed]
        of_it = utilisation(max(loan.capacity for loan in of_asset), out, lost, start, end)
        used, available = used + of_it[0], available + of_it[1]
    return used / _HOUR, available / _HOUR, len(concerned)
