"""Metrics over whole days of any length, from the sums of years, months and days alone.

What lies in whole years of the days asked for is read from the sums of years, what is left at both edges from those of
months, and of that what is left from those of days. Under one agreement there are sums of days alone.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.outcomes.metrics.adding_up import MIDDLE, MILLIONTHS, OBSERVED, ONCE, UNDUE, adds_up, received, undue
from registry.outcomes.metrics.defining import FEW, Definition, MetricKind
from registry.outcomes.metrics.definitions import DEFINITIONS
from registry.outcomes.metrics.rules import Pieces, days_alone, pieces_of
from registry.outcomes.metrics.schemas.answers import MetricMeasure, MetricPart
from registry.outcomes.metrics.schemas.totals import MetricTotal, MetricTotals, MetricTotalsQuery
from registry.outcomes.metrics.statistics import Quantile, count, quantile_of_buckets, share
from registry.outcomes.metrics.tables import metric_cursor, metric_day, metric_period
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.time import FIRST_DAY, LATEST, civil_day
from registry.platform.ledger.tables import ledger_event, ledger_leaf, ledger_unsealed

_ID: Final = metric_day.c.agreement_id.type
_VIEWER = sa.bindparam("viewer", type_=_ID)


class _Sums(Struct):
    """The sums of one metric over the days."""

    numerator: int = 0
    denominator: int = 0
    n: int = 0


async def get_totals(read: Read, caller: Caller, query: MetricTotalsQuery) -> MetricTotals:
    """Every metric that adds up over the days, for the caller's agency: of others' agreements it has no rows."""
    permit(caller.principal, Action.METRICS_READ, ["own"])
    to = query.to or civil_day(caller.now, "UTC")
    first, after = query.from_ or FIRST_DAY, to + timedelta(days=1)
    pieces = pieces_of(first, after) if query.agreement_id is None else days_alone(first, after)
    followed = await read.first(_FOLLOWED)
    followed_to = None if followed is None else followed.recorded_at
    # What fell due after the last act that was followed may have been done in time by one that was not.
    is_behind = followed is not None and not followed.is_all
    known_to = min(followed_to or caller.now, caller.now) if is_behind else caller.now
    return MetricTotals(
        from_=query.from_,
        to=to,
        followed_to=followed_to,
        metrics=await totals_over(read, caller.agency_id, pieces, query.agreement_id, known_to),
    )


async def totals_over(
    read: Read, viewer: UUID, pieces: Pieces, agreement_id: UUID | None = None, known_to: datetime = LATEST
) -> list[MetricTotal]:
    """The metrics of the agency over these pieces of time; under an agreement, over days alone.

    What is still to be done counts where its deadline is before `known_to`.
    """
    parameters: dict[str, object] = {"viewer": viewer, "undue": undue(known_to)}
    for number, (start, end) in enumerate(pieces.days):
        parameters |= {f"days_from_{number}": start, f"days_to_{number}": end}
    if agreement_id is not None:
        rows = await read.all_slowly(_OF_AGREEMENT, {**parameters, "agreement_id": agreement_id})
    else:
        for number, (start, end) in enumerate(pieces.months):
            parameters |= {f"months_from_{number}": start, f"months_to_{number}": end}
        parameters |= {"years_from": pieces.years[0], "years_to": pieces.years[1]}
        rows = await read.all_slowly(_OF_AGENCY, parameters)
    sums: defaultdict[str, _Sums] = defaultdict(_Sums)
    buckets: defaultdict[str, Counter[int]] = defaultdict(Counter)
    parts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    once: Counter[str] = Counter()
    for row in rows:
        if row.part == OBSERVED:
            buckets[row.metric][row.bucket] += row.n
        elif row.part == "":
            of = sums[row.metric]
            of.numerator += row.numerator
            of.denominator += row.denominator
            of.n += row.n
        elif row.part == ONCE:
            once[row.metric] += row.n
        else:
            part = received(row.metric, row.part) if row.turned else row.part
            parts[row.metric][part] += row.numerator
    return [
        MetricTotal(
            key=key,
            name=definition.name,
            measure=_measure(definition, sums[key], buckets[key], parts[key], once[key]),
        )
        for key, definition in DEFINITIONS.items()
        if adds_up(definition)
    ]


def _measure(
    definition: Definition, sums: _Sums, buckets: Mapping[int, int], parts: Mapping[str, int], once: int
) -> MetricMeasure:
    numerator, denominator = sums.numerator / MILLIONTHS, sums.denominator / MILLIONTHS
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p90: Quantile | None = None
    n = sums.n
    match definition.kind:
        case MetricKind.SHARE:
            n = round(denominator)
            of = share(round(numerator), n)
            value, low, high = of.value, of.low, of.high
        case MetricKind.DURATION:
            median, p90 = quantile_of_buckets(buckets, 50), quantile_of_buckets(buckets, 90)
            value, low, high, n = median.value, median.low, median.high, median.n
        case MetricKind.COUNT:
            events = count(once)
            numerator, value, low, high = once, once, events.low, events.high
        case MetricKind.RATIO:
            value = numerator / denominator if denominator else None
        case MetricKind.SUM:
            value = numerator if n else None
    return MetricMeasure(
        numerator=numerator,
        denominator=None if definition.kind in (MetricKind.COUNT, MetricKind.SUM) else denominator,
        n=n,
        value=value,
        low=low,
        high=high,
        p90=p90,
        parts=[MetricPart(code=code, amount=amount / MILLIONTHS) for code, amount in sorted(parts.items())],
        few=n < FEW,
    )


_DAY: Final = metric_day.c.day.type
_SUMMED: Final = ("metric", "part", "bucket", "numerator", "denominator", "n")


def _of_days(number: int, *criteria: sa.ColumnElement[bool]) -> Sequence[sa.Select[Any]]:
    """The rows of days, on each side along an index of its own; `turned` where the other side counts them."""
    within = (
        metric_day.c.day >= sa.bindparam(f"days_from_{number}", type_=_DAY),
        metric_day.c.day < sa.bindparam(f"days_to_{number}", type_=_DAY),
        *criteria,
    )
    in_middle = metric_day.c.metric.in_(sorted(MIDDLE)) & (metric_day.c.part == "")
    theirs = sa.case((in_middle, 0), else_=metric_day.c.numerator)
    return (
        sa.select(*(metric_day.c[name] for name in _SUMMED), sa.false().label("turned")).where(
            metric_day.c.assisting_agency_id == _VIEWER, *within
        ),
        sa.select(
            *(theirs.label(name) if name == "numerator" else metric_day.c[name] for name in _SUMMED), sa.true()
        ).where(metric_day.c.requesting_agency_id == _VIEWER, *within),
    )


def _of_periods(grain: str, named: str, number: str = "") -> sa.Select[Any]:
    """The rows of months or years, which are as the agency counts them."""
    return sa.select(*(metric_period.c[name] for name in _SUMMED), sa.false()).where(
        metric_period.c.agency_id == _VIEWER,
        metric_period.c.grain == grain,
        metric_period.c.starts_on >= sa.bindparam(f"{named}_from{number}", type_=_DAY),
        metric_period.c.starts_on < sa.bindparam(f"{named}_to{number}", type_=_DAY),
    )


def _summed(*selects: sa.Select[Any]) -> sa.Select[Any]:
    """The sums of all these rows by metric and part."""
    every = sa.union_all(*selects).subquery()
    is_once = every.c.part.startswith(ONCE)
    is_undue = every.c.part.startswith(UNDUE)
    part = sa.case((is_once, ONCE), (is_undue, ""), else_=every.c.part)
    # What counts once is told apart by its part, however many days and rows it has.
    different = sa.func.count(sa.distinct(sa.case((is_once & (every.c.n > 0), every.c.part))))
    turned = sa.case((is_once, sa.false()), else_=every.c.turned)
    # Deadlines are texts of one width and of digits alone: in the order of time under any collation.
    is_due = sa.or_(sa.not_(is_undue), every.c.part < sa.bindparam("undue", type_=sa.Text))
    found = sa.select(
        every.c.metric,
        part.label("part"),
        every.c.bucket,
        turned.label("turned"),
        *(sa.cast(sa.func.sum(every.c[name]), sa.BigInteger).label(name) for name in ("numerator", "denominator")),
        sa.case((part == ONCE, different), else_=sa.cast(sa.func.sum(every.c.n), sa.BigInteger)).label("n"),
    )
    return found.where(is_due).group_by(every.c.metric, part, every.c.bucket, turned)


_OF_AGREEMENT: Final = _summed(*_of_days(0, metric_day.c.agreement_id == sa.bindparam("agreement_id", type_=_ID)))
_OF_AGENCY: Final = _summed(
    *_of_days(0),
    *_of_days(1),
    _of_periods("month", "months", "_0"),
    _of_periods("month", "months", "_1"),
    _of_periods("year", "years"),
)
_FOLLOWED: Final = (
    sa.select(
        ledger_event.c.recorded_at,
        sa.and_(
            metric_cursor.c.seq == sa.select(sa.func.max(ledger_leaf.c.seq)).scalar_subquery(),
            sa.not_(sa.select(sa.literal(1)).select_from(ledger_unsealed).exists()),
        ).label("is_all"),
    )
    .join(ledger_leaf, ledger_leaf.c.event_id == ledger_event.c.id)
    .join(metric_cursor, metric_cursor.c.seq == ledger_leaf.c.seq)
)
"""When the last act that was followed was recorded, and whether none has been recorded since."""
