"""Computes scores from lines and loans: which of them count for which metric, and by which of their instants.

The definitions are based on the practices of GAO-23-105520 and the clocks of EDXL-RM messages: the submission starts
the clock, the first answer that settles a line stops it, and arrival on scene is fulfilment. Lines belong to the window
in which they were submitted, returns to the one in which they were due or, before that, came back, loans to the one in
which they were reserved, activations to the one in which assets left.

Acts count at the time on which both sides agree. One whose time is contested, at the time of asking, is left out of
what is counted by it, and counted as left out; of utilisation the whole time away counts on neither side.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from registry.outcomes.metrics.facts import LineFact, LoanFact, Unavailable, asset_hours
from registry.outcomes.metrics.schemas.scores import (
    DisputedTimes,
    HoursMeasure,
    ReasonCount,
    Scores,
    ShareMeasure,
    TimeMeasure,
)
from registry.outcomes.metrics.statistics import quantile, share
from registry.platform.kernel.time import Window
from registry.sharing.loans.rules import OUT

_HOUR = timedelta(hours=1)


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
    wanted = [line for line in asked if line.is_wanted]
    decided = [line for line in wanted if line.decided_at is not None]
    declined = [line for line in decided if line.is_refused]
    over = Window(start=window.start, end=min(window.end, now))
    due = [loan for loan in loans if loan.was_out and _within(over, loan.fell_due_at)]
    returned = [loan for loan in due if loan.other_returned_at is None]
    fulfilled = [line for line in wanted if not line.disputed]
    reserved = [loan for loan in loans if _within(window, loan.reserved_at)]
    left = [loan for loan in loans if loan.dispatched_at is not None and _within(window, loan.dispatched_at)]
    disputed_left = [loan for loan in loans if loan.other_dispatched_at is not None and _either_left(loan, window)]
    return Scores(
        fill_rate=_share(sum(line.arrived_at is not None for line in wanted), len(wanted)),
        time_to_decision=_times(wanted, lambda line: line.decided_at),
        time_to_fulfil=_times(fulfilled, lambda line: line.arrived_at),
        on_time_return=_share(sum(loan.is_on_time for loan in returned), len(returned)),
        overdue=sum(loan.status in OUT for loan in due),
        utilisation=_utilisation(loans, unavailable, window, now),
        declined=_share(len(declined), len(decided)),
        decline_reasons=_reasons(declined),
        expired_but_used=_share(sum(not loan.in_force for loan in reserved), len(reserved)),
        activations=len({loan.incident for loan in left if loan.other_dispatched_at is None}),
        disputed=DisputedTimes(
            time_to_fulfil=len(wanted) - len(fulfilled),
            on_time_return=len(due) - len(returned),
            utilisation=sum(loan.is_out(window.start, over.end) for loan in loans if loan.is_disputed),
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


def _utilisation(loans: Sequence[LoanFact], unavailable: Unavailable, window: Window, now: datetime) -> HoursMeasure:
    used, available, assets = asset_hours(loans, unavailable, window.start, min(window.end, now))
    return HoursMeasure(numerator=used, denominator=available, n=assets, value=used / available if available else None)


def _either_left(loan: LoanFact, window: Window) -> bool:
    """Whether it left in the window by one of the two words."""
    return any(at is not None and _within(window, at) for at in (loan.dispatched_at, loan.other_dispatched_at))
