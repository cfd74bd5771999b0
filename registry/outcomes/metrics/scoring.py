"""Computes scores from lines and loans: which of them count for which metric, and by which of their instants.

The definitions are based on the practices of GAO-23-105520 and the clocks of EDXL-RM messages: the submission starts
the clock, the first answer that settles a line stops it, and arrival on scene is fulfilment. Lines belong to the window
in which they were submitted, returns to the one in which they were due, loans to the one in which they were reserved,
activations to the one in which assets left.

Acts count at the time on which both sides agree. One whose time is contested, at the time of asking, is left out of
what is counted by it, and counted as left out; of utilisation the whole time away counts on neither side.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.outcomes.metrics.rules import Stretch, quantile, share, utilisation
from registry.outcomes.metrics.schemas import (
    DisputedTimes,
    HoursMeasure,
    ReasonCount,
    Scores,
    ShareMeasure,
    TimeMeasure,
)
from registry.platform.kernel.time import Window
from registry.sharing.loans.rules import NEVER_WAS, OUT, LoanStatus
from registry.sharing.requests.rules import LineStatus

_HOUR = timedelta(hours=1)
_DECLINED = frozenset({LineStatus.DENIED, LineStatus.REJECTED, LineStatus.DECLINED})

Unavailable: TypeAlias = Mapping[UUID, Sequence[Stretch]]
"""When assets were out of service or could not be had, and how many of each."""


class LineFact(Struct, kw_only=True, frozen=True):
    """The facts of a line. `decided_at` is when it was settled, not when an approval was first requested.

    `disputed` is whether it is contested when it arrived.
    """

    submitted_at: datetime
    status: LineStatus
    decided_at: datetime | None = None
    arrived_at: datetime | None = None
    disputed: bool = False
    agreement_id: UUID | None = None
    category: str
    reasons: tuple[str, ...] = ()


class LoanFact(Struct, kw_only=True, frozen=True):
    """The facts of a loan.

    `back_at` is its return, or for a lost one the loss; `other_dispatched_at` and `other_returned_at` are what the
    other side says of departure and return, where their time is contested; `partly_back` is what came back before the
    rest did, and `lost_quantity` what has not come back; `incident` identifies what the asset was needed for;
    `in_force` is whether the agreement was in force when the loan was decided.
    """

    status: LoanStatus
    starts_at: datetime
    due_at: datetime
    reserved_at: datetime
    dispatched_at: datetime | None = None
    returned_at: datetime | None = None
    back_at: datetime | None = None
    other_dispatched_at: datetime | None = None
    other_returned_at: datetime | None = None
    in_force: bool = True
    asset_id: UUID
    capacity: int = 1
    quantity: int = 1
    lost_quantity: int = 0
    partly_back: tuple[tuple[datetime, int], ...] = ()
    incident: str
    agreement_id: UUID
    category: str


def score(
    lines: Iterable[LineFact],
    loans: Iterable[LoanFact],
    unavailable: Unavailable,
    window: Window,
    now: datetime,
) -> Scores:
    """The metrics over the window, as known at `now`; `unavailable` is when assets could not be had."""
    loans = list(loans)
    asked = [line for line in lines if _within(window, line.submitted_at)]
    wanted = [line for line in asked if line.status is not LineStatus.WITHDRAWN or line.decided_at is not None]
    decided = [line for line in wanted if line.decided_at is not None]
    declined = [line for line in decided if line.status in _DECLINED]
    due = [
        loan
        for loan in loans
        if (loan.status not in NEVER_WAS and loan.dispatched_at is not None)
        and _within(window, loan.due_at)
        and (loan.due_at <= now or loan.returned_at is not None)
    ]
    returned = [loan for loan in due if loan.other_returned_at is None]
    fulfilled = [line for line in wanted if not line.disputed]
    reserved = [loan for loan in loans if _within(window, loan.reserved_at)]
    left = [loan for loan in loans if loan.dispatched_at is not None and _within(window, loan.dispatched_at)]
    disputed_left = [loan for loan in loans if loan.other_dispatched_at is not None and _either_left(loan, window)]
    end = min(window.end, now)
    return Scores(
        fill_rate=_share(sum(line.arrived_at is not None for line in wanted), len(wanted)),
        time_to_decision=_times(wanted, lambda line: line.decided_at),
        time_to_fulfil=_times(fulfilled, lambda line: line.arrived_at),
        on_time_return=_share(
            sum(loan.returned_at is not None and loan.returned_at <= loan.due_at for loan in returned), len(returned)
        ),
        overdue=sum(loan.status in OUT for loan in due),
        utilisation=_utilisation(loans, unavailable, window, now),
        declined=_share(len(declined), len(decided)),
        decline_reasons=_reasons(declined),
        expired_but_used=_share(sum(not loan.in_force for loan in reserved), len(reserved)),
        activations=len({loan.incident for loan in left if loan.other_dispatched_at is None}),
        disputed=DisputedTimes(
            time_to_fulfil=len(wanted) - len(fulfilled),
            on_time_return=len(due) - len(returned),
            utilisation=sum(_out(loan, window.start, end) for loan in loans if _disputed(loan)),
            activations=len(disputed_left),
        ),
    )


def _within(window: Window, at: datetime) -> bool:
    return window.start <= at < window.end


def _share(numerator: int, denominator: int) -> ShareMeasure:
    found = share(numerator, denominator)
    return ShareMeasure(
        numerator=numerator,
        denominator=denominator,
        n=denominator,
        value=found.value,
        low=found.low,
        high=found.high,
    )


def _times(lines: Sequence[LineFact], event: Callable[[LineFact], datetime | None]) -> TimeMeasure:
    # What was given by word of mouth and asked for here later took no time.
    hours = [max((at - line.submitted_at) / _HOUR, 0) for line in lines if (at := event(line)) is not None]
    return TimeMeasure(
        numerator=len(hours),
        denominator=len(lines),
        n=len(hours),
        median_hours=quantile(hours, 50),
        p90_hours=quantile(hours, 90),
    )


def _reasons(declined: Iterable[LineFact]) -> list[ReasonCount]:
    counted = Counter(code for line in declined for code in sorted(set(line.reasons)))
    return [ReasonCount(code=code, lines=lines) for code, lines in sorted(counted.items(), key=lambda c: (-c[1], c[0]))]


def _utilisation(loans: Iterable[LoanFact], unavailable: Unavailable, window: Window, now: datetime) -> HoursMeasure:
    """Hours out over hours in service, of each piece of each asset with a loan planned or out in the window.

    Future hours do not count, nor do hours of what is lost after its loss, or, where the rest came back later, after
    that. What came back before the rest was away until then.
    """
    end = min(window.end, now)
    concerned: dict[UUID, list[LoanFact]] = defaultdict(list)
    for loan in loans:
        planned = loan.starts_at < end and loan.due_at > window.start
        if loan.status not in NEVER_WAS and (planned or _out(loan, window.start, end)):
            concerned[loan.asset_id].append(loan)
    used = available = timedelta()
    for asset_id, of_asset in concerned.items():
        away = [(loan, stretch) for loan in of_asset if (stretch := _away(loan)) is not None]
        out = [part for loan, stretch in away if not _disputed(loan) for part in _parts(loan, *stretch)]
        disputed = [part for loan, stretch in away if _disputed(loan) for part in _parts(loan, *stretch)]
        gone = [(loan.back_at, None, loan.lost_quantity) for loan in of_asset if loan.lost_quantity and loan.back_at]
        lost = [*unavailable.get(asset_id, ()), *gone, *disputed]
        of_it = utilisation(max(loan.capacity for loan in of_asset), out, lost, window.start, end)
        used, available = used + of_it[0], available + of_it[1]
    return HoursMeasure(
        numerator=used / _HOUR,
        denominator=available / _HOUR,
        n=len(concerned),
        value=used / available if available else None,
    )


def _out(loan: LoanFact, start: datetime, end: datetime) -> bool:
    """Whether the asset was away on it at some time in [start, end)."""
    if (stretch := _away(loan)) is None:
        return False
    left, back = stretch
    return max(left, start) < (end if back is None else min(back, end))


def _disputed(loan: LoanFact) -> bool:
    """Whether it is contested when it left or came back, so that it is not agreed how long it was away."""
    return loan.other_dispatched_at is not None or loan.other_returned_at is not None


def _away(loan: LoanFact) -> tuple[datetime, datetime | None] | None:
    """From when to when it was away, by whichever word makes that longest; None where it never left."""
    left, back = loan.dispatched_at, loan.back_at
    if left is None:
        return None
    return min(left, loan.other_dispatched_at or left), None if back is None else max(
        back, loan.other_returned_at or back
    )


def _parts(loan: LoanFact, left: datetime, back: datetime | None) -> list[Stretch]:
    """The same for what came back before the rest, each part until then, and for the rest."""
    rest = loan.quantity - sum(quantity for _, quantity in loan.partly_back)
    return [*((left, at, quantity) for at, quantity in loan.partly_back), (left, back, rest)]


def _either_left(loan: LoanFact, window: Window) -> bool:
    """Whether it left in the window by one of the two words."""
    return any(at is not None and _within(window, at) for at in (loan.dispatched_at, loan.other_dispatched_at))
