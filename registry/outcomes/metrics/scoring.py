"""Computes scores from lines and loans: which of them count for which metric, and by which of their instants.

The definitions are based on the practices of GAO-23-105520 and the clocks of EDXL-RM messages: the submission starts
the clock, the first answer that settles a line stops it, and arrival on scene is fulfilment. Lines belong to the window
in which they were submitted, returns to the one in which they were due, loans to the one in which they were reserved,
activations to the one in which assets left.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.outcomes.metrics.rules import Stretch, quantile, share, utilisation
from registry.outcomes.metrics.schemas import HoursMeasure, ReasonCount, Scores, ShareMeasure, TimeMeasure
from registry.platform.kernel.time import Window
from registry.sharing.loans.rules import NEVER_WAS, OUT, LoanStatus
from registry.sharing.requests.rules import LineStatus

_HOUR = timedelta(hours=1)
_DECLINED = frozenset({LineStatus.DENIED, LineStatus.REJECTED, LineStatus.DECLINED})

Unavailable: TypeAlias = Mapping[UUID, Sequence[Stretch]]
"""When assets were out of service or could not be had, and how many of each."""


class LineFact(Struct, kw_only=True, frozen=True):
    """The facts of a line. `decided_at` is when it was settled, not when an approval was first requested."""

    submitted_at: datetime
    status: LineStatus
    decided_at: datetime | None = None
    arrived_at: datetime | None = None
    agreement_id: UUID | None = None
    category: str
    reasons: tuple[str, ...] = ()


class LoanFact(Struct, kw_only=True, frozen=True):
    """The facts of a loan.

    `back_at` is its return, or for a lost one when the loss was recorded; `incident` identifies what the asset was
    needed for; `in_force` is whether the agreement was in force when the loan was decided.
    """

    status: LoanStatus
    starts_at: datetime
    due_at: datetime
    reserved_at: datetime
    dispatched_at: datetime | None = None
    returned_at: datetime | None = None
    back_at: datetime | None = None
    in_force: bool = True
    asset_id: UUID
    capacity: int = 1
    quantity: int = 1
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
    reserved = [loan for loan in loans if _within(window, loan.reserved_at)]
    left = [loan for loan in loans if loan.dispatched_at is not None and _within(window, loan.dispatched_at)]
    return Scores(
        fill_rate=_share(sum(line.arrived_at is not None for line in wanted), len(wanted)),
        time_to_decision=_times(wanted, lambda line: line.decided_at),
        time_to_fulfil=_times(wanted, lambda line: line.arrived_at),
        on_time_return=_share(
            sum(loan.returned_at is not None and loan.returned_at <= loan.due_at for loan in due), len(due)
        ),
        overdue=sum(loan.status in OUT for loan in due),
        utilisation=_utilisation(loans, unavailable, window, now),
        declined=_share(len(declined), len(decided)),
        decline_reasons=_reasons(declined),
        expired_but_used=_share(sum(not loan.in_force for loan in reserved), len(reserved)),
        activations=len({loan.incident for loan in left}),
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
    hours = [(at - line.submitted_at) / _HOUR for line in lines if (at := event(line)) is not None]
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

    Future hours do not count, nor do hours of a lost asset after its loss.
    """
    end = min(window.end, now)
    concerned: dict[UUID, list[LoanFact]] = defaultdict(list)
    for loan in loans:
        planned = loan.starts_at < end and loan.due_at > window.start
        if loan.status not in NEVER_WAS and (planned or _out(loan, window.start, end)):
            concerned[loan.asset_id].append(loan)
    used = available = timedelta()
    for asset_id, of_asset in concerned.items():
        out = [(loan.dispatched_at, loan.back_at, loan.quantity) for loan in of_asset if loan.dispatched_at]
        gone = [
            (loan.back_at, None, loan.quantity) for loan in of_asset if loan.status is LoanStatus.LOST and loan.back_at
        ]
        lost = [*unavailable.get(asset_id, ()), *gone]
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
    left, back = loan.dispatched_at, loan.back_at
    return left is not None and max(left, start) < (end if back is None else min(back, end))
