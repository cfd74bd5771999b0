"""Queries about objectives: an agreement's parties see them, as far as each was among those for whom they were made."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.visibility import is_party, keeps, reaches_parties, shared_with, takes_part
from registry.agreements.instruments.tables import agreement
from registry.directory.agencies.queries import references
from registry.directory.agencies.schemas import AgencyReference
from registry.outcomes.metrics.facts import ObjectiveFact
from registry.outcomes.metrics.queries.scores import get_scorecard
from registry.outcomes.metrics.schemas.scores import ScorecardQuery
from registry.outcomes.objectives.rules import (
    Goal,
    MeasurementStatus,
    ObjectiveAction,
    ObjectiveDirection,
    ObjectiveMetric,
    ObjectiveStatus,
    Observed,
    Weighed,
    attainment,
    deciding,
    reaches,
    status_of,
    why_not,
)
from registry.outcomes.objectives.schemas import (
    Attainment,
    Measurement,
    Objective,
    ObjectiveCount,
    ObjectivePage,
    ObjectiveQuery,
)
from registry.outcomes.objectives.tables import agreement_objective, objective_measurement
from registry.platform.access.permissions import Action, Relation, permit, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import Forbidden, NotFound
from registry.platform.kernel.time import Window, civil_day, day_ends_at

_ID = agreement_objective.c.id.type
_YEAR = timedelta(days=365)
PERMISSIONS = {
    ObjectiveAction.WITHDRAW: Action.OBJECTIVES_SET,
    ObjectiveAction.MEASURE: Action.OBJECTIVES_MEASURE,
    ObjectiveAction.CORRECT_MEASUREMENT: Action.OBJECTIVES_MEASURE,
    ObjectiveAction.CONTEST_MEASUREMENT: Action.OBJECTIVES_CONTEST,
    ObjectiveAction.WITHDRAW_CONTEST: Action.OBJECTIVES_CONTEST,
}
_REACHES = reaches_parties(
    agreement_objective.c.agreement_id, agreement_objective.c.created_at, made_by=agreement_objective.c.agency_id
)
_SHOWN = (
    sa.select(
        *agreement_objective.c,
        agreement.c.time_zone,
        agreement.c.custodian_id,
        takes_part().label("is_party"),
        keeps().label("is_custodian"),
    )
    .join(agreement, agreement.c.id == agreement_objective.c.agreement_id)
    .where(_REACHES)
)
_ONE = _SHOWN.where(agreement_objective.c.id == sa.bindparam("id", type_=_ID))
_OF_AGREEMENT = _SHOWN.where(agreement_objective.c.agreement_id == sa.bindparam("agreement_id", type_=_ID))
_ALL = _OF_AGREEMENT.order_by(agreement_objective.c.id)
_MEASURED = (
    sa.select(objective_measurement)
    .where(objective_measurement.c.objective_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)))
    .order_by(objective_measurement.c.id)
)
_COUNTS = (is_party(), shared_with(), _REACHES)
_COUNTED = (
    sa.select(
        *(agreement_objective.c[name] for name in ("id", "agreement_id", "weight", "withdrawn_at")),
        *(agreement_objective.c[name] for name in ("direction", "baseline", "target", "set_on", "due_on")),
        agreement.c.time_zone,
    )
    .join(agreement, agreement.c.id == agreement_objective.c.agreement_id)
    .where(
        *_COUNTS,
        agreement_objective.c.due_on.between(
            sa.bindparam("from", type_=agreement_objective.c.due_on.type),
            sa.bindparam("to", type_=agreement_objective.c.due_on.type),
        ),
    )
)
_COUNTED_OF = _COUNTED.where(agreement_objective.c.agreement_id == sa.bindparam("agreement_id", type_=_ID))
_FIRST = (
    sa.select(sa.func.min(agreement_objective.c.created_at))
    .join(agreement, agreement.c.id == agreement_objective.c.agreement_id)
    .where(
        *_COUNTS,
    )
)
_BESIDE = timedelta(days=1)
"""The day of an instant differs by so much at most between two time zones."""
_AT_ONCE = 500
_ORDERS = Orders(
    ObjectiveQuery,
    created_at=agreement_objective.c.id,
    updated_at=(agreement_objective.c.updated_at, agreement_objective.c.id),
)


async def objective_row(read: Read, caller: Caller, objective_id: UUID) -> Row[Any]:
    """The objective's row. Raises NotFound unless it is for the caller's agency, too."""
    row = await read.first(_ONE, {"id": objective_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("objective")
    return row


def relations(row: Any) -> list[Relation]:
    """How the caller's agency stands to the agreement of an objective."""
    held: list[Relation] = ["custodian"] if row.is_custodian else []
    return [*held, "party"] if row.is_party else held


async def measurement_rows(read: Read, ids: Sequence[UUID]) -> dict[UUID, list[Row[Any]]]:
    """The rows of all measurements of these objectives, by objective, in the order of entering."""
    found: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in await read.all(_MEASURED, {"ids": [*ids]}) if ids else ():
        found[row.objective_id].append(row)
    return found


async def get_objective(read: Read, caller: Caller, objective_id: UUID) -> Objective:
    """One objective as this caller may see it. Raises NotFound."""
    row = await objective_row(read, caller, objective_id)
    permit(caller.principal, Action.OBJECTIVES_READ, relations(row))
    return (await _shown(read, caller, [row]))[0]


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    shown = _OF_AGREEMENT.where(*changed_in(agreement_objective.c.updated_at, filters))
    return _ORDERS.page(shown, sort, after="cursor" in filters)


async def list_objectives(read: Read, caller: Caller, agreement_id: UUID, query: ObjectiveQuery) -> ObjectivePage:
    """A page of an agreement's objectives, for its parties. Raises NotFound, Forbidden."""
    await _of_parties(read, caller, agreement_id)
    parameters = given(query, *CHANGED)
    filters = {*parameters, *(["cursor"] if query.cursor is not None else [])}
    parameters |= {"agreement_id": agreement_id, "viewer": caller.agency_id, **_ORDERS.parameters(query)}
    rows = await read.all_slowly(_list_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return ObjectivePage(items=await _shown(read, caller, kept), next_cursor=next_cursor)


async def all_objectives(read: Read, caller: Caller, agreement_id: UUID) -> list[Objective]:
    """All objectives of an agreement as the caller, whose right to see them is established, may see them now."""
    found = await read.all(_ALL, {"agreement_id": agreement_id, "viewer": caller.agency_id})
    return await _shown(read, caller, found)


async def get_attainment(read: Read, caller: Caller, agreement_id: UUID) -> Attainment:
    """How far an agreement achieves its objectives at the caller's now. Raises NotFound, Forbidden."""
    row = await _of_parties(read, caller, agreement_id)
    objectives = await all_objectives(read, caller, agreement_id)
    weighed = [Weighed(status=each.status, weight=each.weight, due_on=each.due_on) for each in objectives]
    met, evaluated = attainment(weighed, civil_day(caller.now, row.time_zone))
    counted = Counter(each.status for each in objectives)
    return Attainment(
        agreement_id=agreement_id,
        as_of=caller.now,
        weight_met=met,
        weight_evaluated=evaluated,
        value=met / evaluated if evaluated else None,
        counts=[ObjectiveCount(status=status, objectives=counted[status]) for status in ObjectiveStatus],
    )


async def _of_parties(read: Read, caller: Caller, agreement_id: UUID) -> Row[Any]:
    row = await agreement_row(read, caller.principal, agreement_id)
    if not row.shared:
        raise Forbidden("What an agreement is to achieve is for its parties to see.")
    return row


def measurement_status(row: Any, corrected: set[UUID]) -> MeasurementStatus:
    """Whether a measurement counts; `corrected` are those in whose place others stand."""
    if row.id in corrected:
        return MeasurementStatus.CORRECTED
    return MeasurementStatus.STANDS if row.contested_at is None else MeasurementStatus.CONTESTED


async def _shown(read: Read, caller: Caller, rows: Sequence[Row[Any]]) -> list[Objective]:
    measured = await measurement_rows(read, [row.id for row in rows])
    every = [each for found in measured.values() for each in found]
    named = await references(
        read, [*(row.agency_id for row in rows), *(i for each in every for i in (each.agency_id, each.contested_by))]
    )
    return [_as_objective(row, measured[row.id], named, caller) for row in rows]


def _as_objective(
    row: Row[Any], measured: list[Row[Any]], named: dict[UUID, AgencyReference], caller: Caller
) -> Objective:
    corrected = {each.corrects_id for each in measured if each.corrects_id is not None}
    standing = _standing(measured)
    goal = goal_in(row)
    observed = {Observed(on=each.measured_on, value=each.value): each.id for each in standing}
    order = [Observed(on=each.measured_on, value=each.value) for each in standing]
    last, withdrawn = deciding(goal, order), row.withdrawn_at is not None
    today = civil_day(caller.now, row.time_zone)
    own, held = row.agency_id == caller.agency_id, relations(row)
    return Objective(
        id=row.id,
        agreement_id=row.agreement_id,
        agency=named[row.agency_id],
        title=row.title,
        measured_in=row.measured_in,
        direction=goal.direction,
        baseline=row.baseline,
        target=row.target,
        weight=row.weight,
        set_on=row.set_on,
        due_on=row.due_on,
        metric=None if row.metric is None else ObjectiveMetric(row.metric),
        status=ObjectiveStatus.WITHDRAWN if withdrawn else status_of(goal, order, today),
        deciding_id=None if last is None else observed[last],
        measurements=[
            Measurement(
                id=each.id,
                agency=named[each.agency_id],
                measured_on=each.measured_on,
                value=each.value,
                source=each.source,
                evidence_sha256=each.evidence_sha256,
                status=measurement_status(each, corrected),
                corrects_id=each.corrects_id,
                correction_reason=each.correction_reason,
                contested_by=None if each.contested_by is None else named[each.contested_by],
                contested_at=each.contested_at,
                contested_reason=each.contested_reason,
                created_at=each.created_at,
            )
            for each in measured
        ],
        withdrawn_reason=row.withdrawn_reason,
        allowed_actions=[
            offer(action, withheld=why_not(action, withdrawn=withdrawn, own=own))
            for action in ObjectiveAction
            if refusal(caller.principal, PERMISSIONS[action], held) is None
        ],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _standing(measured: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those of an objective's measurements that count, in the order of entering."""
    corrected = {each.corrects_id for each in measured if each.corrects_id is not None}
    return [each for each in measured if measurement_status(each, corrected) is MeasurementStatus.STANDS]


async def load_objectives(read: Read, caller: Caller, agreement_id: UUID | None, window: Window) -> list[ObjectiveFact]:
    """The objectives due in the window, and perhaps a day beside it, of agreements of the caller's agency."""
    days: dict[str, date] = {
        "from": civil_day(window.start, "UTC") - _BESIDE,
        "to": civil_day(window.end, "UTC") + _BESIDE,
    }
    parameters: dict[str, object] = {"viewer": caller.agency_id, **days}
    if agreement_id is None:
        rows = await read.all_slowly(_COUNTED, parameters)
    else:
        rows = await read.all_slowly(_COUNTED_OF, {**parameters, "agreement_id": agreement_id})
    found = []
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        measured = await measurement_rows(read, [row.id for row in some])
        found += [_as_fact(row, measured[row.id]) for row in some]
    return found


def _as_fact(row: Row[Any], measured: Sequence[Row[Any]]) -> ObjectiveFact:
    goal = goal_in(row)
    last = deciding(goal, (Observed(on=each.measured_on, value=each.value) for each in _standing(measured)))
    return ObjectiveFact(
        agreement_id=row.agreement_id,
        due_at=day_ends_at(row.due_on, row.time_zone),
        weight=row.weight,
        is_met=last is not None and reaches(goal, last.value),
        withdrawn_at=row.withdrawn_at,
    )


async def first_objective_at(read: Read, caller: Caller) -> datetime | None:
    """When the first objective was set of agreements of the caller's agency."""
    found: datetime | None = await read.value(_FIRST, {"viewer": caller.agency_id})
    return found


def goal_in(row: Any) -> Goal:
    """What a row says is to be reached."""
    return Goal(
        direction=ObjectiveDirection(row.direction),
        baseline=row.baseline,
        target=row.target,
        set_on=row.set_on,
        due_on=row.due_on,
    )


async def computed_value(
    read: Read, caller: Caller, agreement_id: UUID, metric: ObjectiveMetric, until: datetime
) -> float | None:
    """What the scorecard of the caller's agency says of the year that ends then; None where there was nothing to count.

    Raises NotFound, Forbidden as the scorecard does.
    """
    query = ScorecardQuery(from_=until - _YEAR, to=until)
    scores = (await get_scorecard(read, caller, agreement_id, query)).overall
    found: float | None = {
        ObjectiveMetric.FILL_RATE: scores.fill_rate.value,
        ObjectiveMetric.ON_TIME_RETURN: scores.on_time_return.value,
        ObjectiveMetric.EXPIRED_BUT_USED: scores.expired_but_used.value,
        ObjectiveMetric.DECLINED: scores.declined.value,
        ObjectiveMetric.UTILISATION: scores.utilisation.value,
        ObjectiveMetric.ACTIVATIONS: float(scores.activations),
        ObjectiveMetric.MEDIAN_HOURS_TO_DECISION: scores.time_to_decision.median_hours.value,
        ObjectiveMetric.MEDIAN_HOURS_TO_FULFIL: scores.time_to_fulfil.median_hours.value,
    }[metric]
    return found
