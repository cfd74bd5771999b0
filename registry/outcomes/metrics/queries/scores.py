"""Queries for metrics, only of requests and loans in which the caller's agency is a side."""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from registry.agreements.instruments.queries.visibility import is_party, shared_with, visible_to
from registry.agreements.instruments.tables import agreement
from registry.outcomes.metrics.facts import LineFact, LoanFact, Unavailable
from registry.outcomes.metrics.queries.lines import load_facts
from registry.outcomes.metrics.rules import periods
from registry.outcomes.metrics.schemas.scores import (
    AgreementScorecard,
    MetricGroup,
    MetricReport,
    MetricsQuery,
    ScorecardQuery,
)
from registry.outcomes.metrics.scoring import score
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Fault, NotFound, RuleBroken
from registry.platform.kernel.time import Window, checked_instant, known_zone

_YEAR = timedelta(days=365)
_ID = agreement.c.id.type


async def get_metrics(read: Read, caller: Caller, query: MetricsQuery) -> MetricReport:
    """The metrics of the caller's agency, grouped as requested. Raises RuleBroken for an invalid window or zone."""
    permit(caller.principal, Action.METRICS_READ, ["own"])
    window, zone = asked_window(query.from_, query.to, query.time_zone, caller.now)
    lines, loans, lost = await load_facts(read, caller, query, window)
    now = caller.now

    def grouped() -> list[MetricGroup]:
        if query.group_by == "month":
            return _by_month(lines, loans, lost, window, zone, now)
        if query.group_by == "none":
            return [MetricGroup(key=None, window=window, scores=score(lines, loans, lost, window, now))]
        return _by_key(query.group_by, lines, loans, lost, window, now)

    groups = await asyncio.to_thread(
        grouped
    )  # a year of many loans takes a second, which must not block the event loop
    return MetricReport(window=window, time_zone=query.time_zone, as_of=now, group_by=query.group_by, groups=groups)


async def get_scorecard(read: Read, caller: Caller, agreement_id: UUID, query: ScorecardQuery) -> AgreementScorecard:
    """The metrics of one agreement for the caller's agency.

    Raises NotFound, Forbidden for an agency that is not a party, RuleBroken.
    """
    row = await read.first(_AGREEMENT, {"id": agreement_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("agreement")
    permit(caller.principal, Action.METRICS_READ, ["party"] if row.is_party else [])
    window, zone = asked_window(query.from_, query.to, query.time_zone, caller.now)
    filters = MetricsQuery(agreement_id=agreement_id)
    lines, loans, lost = await load_facts(read, caller, filters, window)
    return AgreementScorecard(
        agreement_id=agreement_id,
        window=window,
        time_zone=query.time_zone,
        as_of=caller.now,
        overall=await asyncio.to_thread(score, lines, loans, lost, window, caller.now),
        months=await asyncio.to_thread(_by_month, lines, loans, lost, window, zone, caller.now),
    )


_AGREEMENT = sa.select(sa.and_(is_party(), shared_with()).label("is_party")).where(
    agreement.c.id == sa.bindparam("id", type_=_ID), visible_to()
)


def asked_window(from_: datetime | None, to: datetime | None, time_zone: str, now: datetime) -> tuple[Window, ZoneInfo]:
    """The window from `from` to `to`, of a year up to now where they are left out, and the zone. Raises RuleBroken."""
    try:
        end = checked_instant(to or now, "/end")
        window = Window(start=from_ or end - _YEAR, end=end).checked()
        return window, known_zone(time_zone, "/time_zone")
    except RuleBroken as broken:
        # The error names a place in the body, but these are query parameters; do not name one that was not given.
        start, last = ("from" if from_ else "to"), ("to" if to else "from")
        names = {"/start": start, "/end": last, "/time_zone": "time_zone"}
        code = "range_reversed" if broken.code == "window_reversed" else broken.code  # from later than now, and no end
        faults = [Fault(parameter=names[f.pointer or ""], code=code, detail=f.detail) for f in broken.faults]
        raise RuleBroken(broken.detail, code, faults=faults) from None


def _asked_at(line: LineFact) -> datetime:
    return line.submitted_at


def _by_month(
    lines: Sequence[LineFact],
    loans: Sequence[LoanFact],
    lost: Unavailable,
    window: Window,
    zone: ZoneInfo,
    now: datetime,
) -> list[MetricGroup]:
    ordered = sorted(lines, key=_asked_at)
    groups = []
    for month in periods(window.start, window.end, zone, "month"):
        part = Window(start=max(month.starts_at, window.start), end=min(month.ends_at, window.end))
        asked = ordered[bisect_left(ordered, part.start, key=_asked_at) : bisect_left(ordered, part.end, key=_asked_at)]
        groups.append(MetricGroup(key=month.label, window=part, scores=score(asked, loans, lost, part, now)))
    return groups


def _by_key(
    group_by: str,
    lines: Sequence[LineFact],
    loans: Sequence[LoanFact],
    lost: Unavailable,
    window: Window,
    now: datetime,
) -> list[MetricGroup]:
    attribute = "agreement_id" if group_by == "agreement" else "category"
    groups: dict[str | None, tuple[list[LineFact], list[LoanFact]]] = defaultdict(lambda: ([], []))
    for line in lines:
        groups[_key(getattr(line, attribute))][0].append(line)
    for made in loans:
        groups[_key(getattr(made, attribute))][1].append(made)
    return [
        MetricGroup(key=key, window=window, scores=score(*groups[key], lost, window, now))
        for key in sorted(groups, key=lambda key: (key is None, key or ""))
    ]


def _key(value: UUID | str | None) -> str | None:
    return None if value is None else str(value)
