"""Metrics over whole days of any length, from the daily sums alone."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from registry.outcomes.metrics.adding_up import MILLIONTHS, OBSERVED, ONCE, adds_up
from registry.outcomes.metrics.defining import FEW, Definition, MetricDirection, MetricKind
from registry.outcomes.metrics.definitions import DEFINITIONS
from registry.outcomes.metrics.schemas.answers import MetricMeasure, MetricPart
from registry.outcomes.metrics.schemas.totals import MetricTotal, MetricTotals, MetricTotalsQuery
from registry.outcomes.metrics.statistics import Quantile, count, quantile_of_buckets, share
from registry.outcomes.metrics.tables import metric_cursor, metric_day
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.time import civil_day
from registry.platform.ledger.tables import ledger_event, ledger_leaf

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
    parameters: dict[str, object] = {"viewer": caller.agency_id}
    if query.agreement_id is not None:
        parameters["agreement_id"] = query.agreement_id
    to = query.to or civil_day(caller.now, "UTC")
    parameters["to"] = to
    if query.from_ is not None:
        parameters["from"] = query.from_
    rows = await read.all_slowly(_statement("agreement_id" in parameters, "from" in parameters), parameters)
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
            parts[row.metric][_turned(row.part, row.given)] += row.numerator
    return MetricTotals(
        from_=query.from_,
        to=to,
        followed_to=await read.value(_FOLLOWED_TO),
        metrics=[
            MetricTotal(
                key=key,
                name=definition.name,
                measure=_measure(definition, sums[key], buckets[key], parts[key], once[key]),
            )
            for key, definition in DEFINITIONS.items()
            if adds_up(definition)
        ],
    )


def _turned(part: str, given: bool) -> str:
    """A further figure as the viewer counts it: what the other side gave it received."""
    return part if given else part.replace("_given", "_received")


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


_TURNED: Final = tuple(key for key, each in DEFINITIONS.items() if each.direction is MetricDirection.MIDDLE)
"""Metrics of which the numerator is what the assisting agency gave: to the other one it is what it received."""


@cache
def _statement(of_agreement: bool, begins: bool) -> sa.Select[Any]:
    """The sums of the agency by metric and part: on each side along an index of its own."""
    criteria = [metric_day.c.day <= sa.bindparam("to", type_=metric_day.c.day.type)]
    if begins:
        criteria.append(metric_day.c.day >= sa.bindparam("from", type_=metric_day.c.day.type))
    if of_agreement:
        criteria.append(metric_day.c.agreement_id == sa.bindparam("agreement_id", type_=_ID))
    names = ("metric", "part", "bucket", "numerator", "denominator", "n")
    either = sa.union_all(
        sa.select(*(metric_day.c[name] for name in names), sa.true().label("given")).where(
            metric_day.c.assisting_agency_id == _VIEWER, *criteria
        ),
        sa.select(
            *(metric_day.c[name] for name in ("metric", "part", "bucket")),
            sa.case((metric_day.c.metric.in_(_TURNED) & (metric_day.c.part == ""), 0), else_=metric_day.c.numerator),
            metric_day.c.denominator,
            metric_day.c.n,
            sa.false(),
        ).where(metric_day.c.requesting_agency_id == _VIEWER, *criteria),
    ).subquery()
    is_once = either.c.part.startswith(ONCE)
    part = sa.case((is_once, ONCE), else_=either.c.part)
    # What counts once is told apart by its part, however many days and rows it has.
    different = sa.func.count(sa.distinct(sa.case((is_once & (either.c.n > 0), either.c.part))))
    return sa.select(
        either.c.metric,
        part.label("part"),
        either.c.bucket,
        either.c.given,
        *(sa.cast(sa.func.sum(either.c[name]), sa.BigInteger).label(name) for name in ("numerator", "denominator")),
        sa.case((part == ONCE, different), else_=sa.cast(sa.func.sum(either.c.n), sa.BigInteger)).label("n"),
    ).group_by(either.c.metric, part, either.c.bucket, either.c.given)


_FOLLOWED_TO: Final = (
    sa.select(ledger_event.c.recorded_at)
    .join(ledger_leaf, ledger_leaf.c.event_id == ledger_event.c.id)
    .join(metric_cursor, metric_cursor.c.seq == ledger_leaf.c.seq)
)
