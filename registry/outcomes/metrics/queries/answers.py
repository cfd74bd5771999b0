"""A metric over a window: the facts of the caller's agency, counted by its definition, period by period or by group."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, TypeAlias, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.instruments.queries.visibility import is_party, shared_with
from registry.agreements.instruments.tables import agreement
from registry.outcomes.engagements.tables import corrective_action, engagement
from registry.outcomes.metrics.defining import Definition, MetricSource, Span
from registry.outcomes.metrics.definitions import DEFINITIONS
from registry.outcomes.metrics.facts import Fact, Unavailable
from registry.outcomes.metrics.measuring import Measured, change, counts, measured
from registry.outcomes.metrics.queries.lines import FILTERS, filtered, load_lines, load_loans, load_unavailable
from registry.outcomes.metrics.queries.records import (
    load_agreements,
    load_decisions,
    load_improvements,
    load_obligations,
)
from registry.outcomes.metrics.queries.scores import asked_window
from registry.outcomes.metrics.rules import Grain, period_before, periods
from registry.outcomes.metrics.schemas.answers import (
    Metric,
    MetricAnswer,
    MetricAnswerGroup,
    MetricListQuery,
    MetricMeasure,
    MetricPage,
    MetricQuery,
)
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import cut, decode_cursor
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.time import Window, checked_instant
from registry.sharing.loans.tables import loan
from registry.sharing.obligations.tables import obligation
from registry.sharing.policy.tables import policy_decision
from registry.sharing.requests.tables import request, request_line

MOST_PERIODS: Final = 400
_GRAINS: Final = get_args(Grain)
_NO_SIDES: Final = frozenset(
    {MetricSource.AGREEMENTS, MetricSource.IMPROVEMENTS, MetricSource.OBJECTIVES, MetricSource.REVIEWS}
)
"""What is not between two agencies, and has neither a category nor a purpose."""


class FurtherFacts(Struct, kw_only=True, frozen=True):
    """Facts of a room above this one: what of them is due in a window, and when the first of them came.

    They are those that concern the caller's agency, all or under one agreement.
    """

    load: Callable[[Read, Caller, UUID | None, Window], Awaitable[Sequence[Fact]]]
    data_from: Callable[[Read, Caller], Awaitable[datetime | None]]


MetricSources: TypeAlias = Mapping[MetricSource, FurtherFacts]


def list_metrics(query: MetricListQuery) -> MetricPage:
    """A page of the definitions. Raises RuleBroken for another list's cursor."""
    down = query.sort.startswith("-")
    keys = sorted(DEFINITIONS, reverse=down)
    if query.cursor is not None:
        (after,) = decode_cursor(query.cursor, (str,))
        keys = [key for key in keys if (key < after if down else key > after)]
    found, next_cursor = cut(keys[: query.limit + 1], query.limit, lambda key: [key])
    return MetricPage(items=[described(DEFINITIONS[key]) for key in found], next_cursor=next_cursor)


def described(definition: Definition) -> Metric:
    """What a definition says."""
    return Metric(
        key=definition.key,
        name=definition.name,
        numerator=definition.numerator,
        denominator=definition.denominator,
        clock=definition.clock,
        exclusions=definition.exclusions,
        parts=definition.parts,
        source=definition.source,
        kind=definition.kind,
        counted_in=definition.unit,
        direction=definition.direction,
        target=definition.target,
        basis=definition.basis,
        missing=definition.missing,
    )


class _Stretch(Struct, kw_only=True, frozen=True):
    """A period that is measured, and the one that it is compared to."""

    label: str | None
    window: Window
    before: Window


async def get_metric(
    read: Read, caller: Caller, sources: MetricSources, metric_key: str, query: MetricQuery
) -> MetricAnswer:
    """The metric of the caller's agency. Raises NotFound for an unknown key, RuleBroken for a window or group."""
    permit(caller.principal, Action.METRICS_READ, ["own"])
    definition = DEFINITIONS.get(metric_key)
    if definition is None:
        raise NotFound("metric")
    as_of = _as_of(query, caller.now)
    window, zone = asked_window(query.from_, query.to, query.time_zone, as_of)
    _check_groups(definition, query)
    stretches = _stretches(window, zone, query.group_by)
    whole = Window(start=min(each.before.start for each in stretches), end=window.end)
    facts, unavailable = await _load(read, caller, sources, definition, query, whole, as_of)
    firsts = [await _data_from(read, caller, sources, definition.source), *(fact.first_at for fact in facts)]
    data_from = min((at for at in firsts if at is not None), default=None)

    def answered() -> list[MetricAnswerGroup]:
        if query.group_by in _GRAINS or query.group_by == "none":
            groups = _over_time(definition, facts, unavailable, stretches, as_of, caller.agency_id)
        else:
            groups = _by_key(definition, facts, unavailable, stretches[0], as_of, caller.agency_id, query.group_by)
        return [_since(data_from, group) for group in groups]

    groups = await asyncio.to_thread(answered)  # a year of many loans takes long enough to block the event loop
    return MetricAnswer(
        metric=described(definition),
        window=window,
        time_zone=query.time_zone,
        as_of=as_of,
        data_from=data_from,
        group_by=query.group_by,
        groups=groups,
    )


async def _load(
    read: Read,
    caller: Caller,
    sources: MetricSources,
    definition: Definition,
    query: MetricQuery,
    window: Window,
    as_of: datetime,
) -> tuple[Sequence[Fact], Unavailable]:
    """What the definition is counted from, as it stood at `as_of`, and when assets could not be had."""
    filters, parameters = filtered(caller, query, window, as_of)
    found: Sequence[Fact] = ()
    unavailable: Unavailable = {}
    match definition.source:
        case MetricSource.LINES:
            found = await load_lines(read, filters, parameters)
        case MetricSource.LOANS:
            found = await load_loans(read, filters, parameters)
            if definition.of_all is not None:
                unavailable = await load_unavailable(read, filters, parameters)
        case MetricSource.OBLIGATIONS:
            found = await load_obligations(read, filters, parameters)
        case MetricSource.DECISIONS:
            found = await load_decisions(read, filters, parameters)
        case MetricSource.AGREEMENTS:
            found = await load_agreements(read, filters, parameters)
        case MetricSource.IMPROVEMENTS:
            found = await load_improvements(read, filters, parameters)
        case source if source in sources:
            found = await sources[source].load(read, caller, query.agreement_id, window)
    return [seen for fact in found if (seen := fact.seen_at(as_of)) is not None], unavailable


def _as_of(query: MetricQuery, now: datetime) -> datetime:
    if query.as_of is None:
        return now
    as_of = checked_instant(query.as_of, "/as_of")
    if as_of > now:
        raise RuleBroken.at(
            "What is still to come cannot be counted: give an instant that is over.",
            "metric_ahead",
            "later than now",
            parameter="as_of",
        )
    return as_of


def _check_groups(definition: Definition, query: MetricQuery) -> None:
    """Raises RuleBroken for a filter or a group that the metric does not have."""
    if definition.source not in _NO_SIDES:
        return
    named = [name for name in FILTERS if name != "agreement_id" and getattr(query, name) is not None]
    if query.group_by not in ("none", "agreement", *_GRAINS):
        named.append("group_by")
    if named:
        raise RuleBroken.at(
            f"{definition.name} is between no two agencies: it is filtered and grouped by agreement and by time alone.",
            "metric_not_by",
            "not of this metric",
            parameter=named[0],
        )


def _stretches(window: Window, zone: ZoneInfo, group_by: str) -> list[_Stretch]:
    """The periods to measure; at the edges they are cut to the window. Raises RuleBroken for too many."""
    if group_by not in _GRAINS:
        before = Window(start=window.start - (window.end - window.start), end=window.start)
        return [_Stretch(label=None, window=window, before=before)]
    grain: Any = group_by
    found = periods(window.start, window.end, zone, grain)
    if len(found) > MOST_PERIODS:
        raise RuleBroken.at(
            f"That is {len(found)} periods; at most {MOST_PERIODS} are told at once.",
            "window_too_long",
            f"over {MOST_PERIODS} periods",
            parameter="group_by",
        )
    chain = [period_before(found[0], zone, grain), *found]
    return [
        _Stretch(
            label=this.label,
            window=Window(start=max(this.starts_at, window.start), end=min(this.ends_at, window.end)),
            before=Window(start=before.starts_at, end=before.ends_at),
        )
        for before, this in pairwise(chain)
    ]


def _span(window: Window, as_of: datetime, viewer: UUID) -> Span:
    return Span(
        start=min(window.start, as_of), end=min(window.end, as_of), as_of=as_of, viewer=viewer
    )  # what is still to come counts nothing


def _over_time(
    definition: Definition,
    facts: Sequence[Fact],
    unavailable: Unavailable,
    stretches: Sequence[_Stretch],
    as_of: datetime,
    viewer: UUID,
) -> list[MetricAnswerGroup]:
    these = _measures(definition, facts, unavailable, [each.window for each in stretches], as_of, viewer)
    those = _measures(definition, facts, unavailable, [each.before for each in stretches], as_of, viewer)
    return [
        _group(definition, stretch.label, stretch, this, that)
        for stretch, this, that in zip(stretches, these, those, strict=True)
    ]


def _by_key(
    definition: Definition,
    facts: Sequence[Fact],
    unavailable: Unavailable,
    stretch: _Stretch,
    as_of: datetime,
    viewer: UUID,
    group_by: str,
) -> list[MetricAnswerGroup]:
    groups: dict[str | None, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[_key(fact, group_by, viewer)].append(fact)
    found = []
    for key in sorted(groups, key=lambda key: (key is None, key or "")):
        this, that = (
            _measures(definition, groups[key], unavailable, [window], as_of, viewer)[0]
            for window in (stretch.window, stretch.before)
        )
        # Of a duration there may be something to count and nothing that came about: 0 of 4.
        if any(each.n or each.denominator or each.parts for each in (this.measure, that.measure)):
            found.append(_group(definition, key, stretch, this, that))
    return found


def _key(fact: Any, group_by: str, viewer: UUID) -> str | None:
    """By what it is grouped."""
    sides = (getattr(fact, "requesting_agency_id", None), getattr(fact, "assisting_agency_id", None))
    match group_by:
        case "pair":
            return None if None in sides else f"{sides[0]}:{sides[1]}"
        case "partner":
            found = sides[0] if sides[1] == viewer else sides[1]
        case "agreement" | "requesting_agency" | "assisting_agency":
            found = getattr(fact, f"{group_by}_id")
        case _:
            found = getattr(fact, group_by) or None
    return None if found is None else str(found)


def _measures(
    definition: Definition,
    facts: Sequence[Fact],
    unavailable: Unavailable,
    windows: Sequence[Window],
    as_of: datetime,
    viewer: UUID,
) -> list[Measured]:
    """The measure of each window, of which each ends before the next begins."""
    spans = [_span(window, as_of, viewer) for window in windows]
    if definition.missing is not None:
        return [measured(definition, []) for _ in spans]
    whole = Span(start=spans[0].start, end=spans[-1].end, as_of=as_of, viewer=viewer)
    return [measured(definition, each) for each in counts(definition, facts, unavailable, whole, spans)]


def _group(
    definition: Definition, label: str | None, stretch: _Stretch, this: Measured, that: Measured
) -> MetricAnswerGroup:
    return MetricAnswerGroup(
        key=label,
        window=stretch.window,
        measure=this.measure,
        previous_window=stretch.before,
        previous=that.measure,
        change=None if definition.missing else change(definition, this, that),
    )


def _since(data_from: datetime | None, group: MetricAnswerGroup) -> MetricAnswerGroup:
    """The group, without a value of what was over before the data begin, and without a change from that."""
    measure, previous, change = group.measure, group.previous, group.change
    if data_from is None or group.window.end <= data_from:
        measure, change = _without_value(measure), None
    if data_from is None or group.previous_window.end <= data_from:
        previous, change = _without_value(previous), None
    return replace(group, measure=measure, previous=previous, change=change)


def _without_value(measure: MetricMeasure) -> MetricMeasure:
    return replace(measure, value=None, low=None, high=None)


async def _data_from(read: Read, caller: Caller, sources: MetricSources, source: MetricSource) -> datetime | None:
    """When the first of these came that concerns the agency: ids are in order of creation, so it is the first by id."""
    if source in sources:
        return await sources[source].data_from(read, caller)
    found = [
        at
        for statement in _FIRST.get(source, ())
        if (at := await read.value(statement, {"viewer": caller.agency_id})) is not None
    ]
    return min(found, default=None)


_VIEWER = sa.bindparam("viewer", type_=loan.c.id.type)


def _first_of(of: sa.Table, at: str, *sides: str) -> tuple[sa.Select[Any], ...]:
    return tuple(sa.select(of.c[at]).where(of.c[side] == _VIEWER).order_by(of.c.id).limit(1) for side in sides)


_SIDES: Final = ("requesting_agency_id", "assisting_agency_id")
_FIRST: Final[Mapping[MetricSource, Sequence[sa.Select[Any]]]] = {
    MetricSource.LINES: (
        sa.select(request.c.submitted_at)
        .where(request.c.requesting_agency_id == _VIEWER, request.c.submitted_at.is_not(None))
        .order_by(request.c.id)
        .limit(1),
        sa.select(request_line.c.submitted_at)
        .where(request_line.c.assisting_agency_id == _VIEWER, request_line.c.submitted_at.is_not(None))
        .order_by(request_line.c.request_id)
        .limit(1),
    ),
    MetricSource.LOANS: _first_of(loan, "reserved_at", *_SIDES),
    MetricSource.DECISIONS: _first_of(policy_decision, "evaluated_at", *_SIDES),
    MetricSource.OBLIGATIONS: _first_of(obligation, "created_at", "owing_agency_id", "owed_agency_id"),
    MetricSource.AGREEMENTS: (sa.select(sa.func.min(agreement.c.executed_at)).where(is_party(), shared_with()),),
    MetricSource.IMPROVEMENTS: (
        *_first_of(corrective_action, "created_at", "owner_agency_id"),
        sa.select(corrective_action.c.created_at)
        .join(engagement, engagement.c.id == corrective_action.c.engagement_id)
        .where(engagement.c.host_agency_id == _VIEWER)
        .order_by(corrective_action.c.id)
        .limit(1),
    ),
}
