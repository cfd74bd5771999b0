"""Setting and withdrawing objectives; entering, correcting and contesting what was measured."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.holding import audience_of, held
from registry.agreements.instruments.tables import agreement
from registry.outcomes.objectives.queries import (
    PERMISSIONS,
    computed_value,
    get_objective,
    measurement_rows,
    measurement_status,
    objective_row,
    relations,
)
from registry.outcomes.objectives.rules import (
    Goal,
    ObjectiveAction,
    ObjectiveMetric,
    check_goal,
    check_on_measurement,
    check_possible,
    check_value,
)
from registry.outcomes.objectives.schemas import (
    ContestWithdrawal,
    MeasurementContest,
    MeasurementCorrection,
    NewMeasurement,
    NewObjective,
    Objective,
    ObjectiveWithdrawal,
)
from registry.outcomes.objectives.tables import agreement_objective, objective_measurement
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import civil_day
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_ID = agreement_objective.c.id.type
_INSERT = agreement_objective.insert()
_CHANGE = agreement_objective.update().where(agreement_objective.c.id == sa.bindparam("its_id", type_=_ID))
_LOCK = (
    sa.select(agreement_objective.c.id)
    .where(agreement_objective.c.id == sa.bindparam("id", type_=_ID))
    .with_for_update()
)
_AGREEMENT = sa.select(agreement.c.id, agreement.c.custodian_id).where(agreement.c.id == sa.bindparam("id", type_=_ID))
_MEASURE = objective_measurement.insert()
_CONTEST = objective_measurement.update().where(objective_measurement.c.id == sa.bindparam("its_id", type_=_ID))


async def set_objective(
    write: Write, caller: Caller, agreement_id: UUID, new: NewObjective, expected: Expected
) -> Objective:
    """Say what an agreement is to achieve; `expected` is the agreement's version.

    Raises NotFound, Forbidden, WrongStatus before it was executed, RuleBroken for a day that is over, or a baseline
    that reaches the target.
    """
    row = await held(write, caller, agreement_id, Action.OBJECTIVES_SET, expected)
    if row.executed_at is None:
        raise WrongStatus(f"The agreement is {row.stage}: objectives are set once it is executed.")
    today = civil_day(caller.now, row.time_zone)
    check_goal(Goal(direction=new.direction, baseline=new.baseline, target=new.target, set_on=today, due_on=new.due_on))
    objective_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": objective_id,
            "agreement_id": row.id,
            "agency_id": caller.agency_id,
            "title": new.title,
            "measured_in": new.measured_in,
            "direction": new.direction,
            "baseline": new.baseline,
            "target": new.target,
            "weight": new.weight,
            "set_on": today,
            "due_on": new.due_on,
            "metric": new.metric,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    told = {"title": new.title, "target": str(new.target), "direction": new.direction, "due_on": new.due_on}
    await _record(write, caller, EventType.OBJECTIVE_SET, (objective_id, 1), row, told)
    return await get_objective(write, caller, objective_id)


async def withdraw_objective(
    write: Write, caller: Caller, objective_id: UUID, withdrawal: ObjectiveWithdrawal, expected: Expected
) -> Objective:
    """Pursue an objective of the own agency no more. Raises WrongStatus for another party's, or one withdrawn."""
    row = await _begin(write, caller, objective_id, ObjectiveAction.WITHDRAW, expected)
    values = {"withdrawn_at": caller.now, "withdrawn_reason": withdrawal.reason}
    told = {"reason": withdrawal.reason}
    return await _finish(write, caller, row, EventType.OBJECTIVE_WITHDRAWN, values, told)


async def measure_objective(
    write: Write, caller: Caller, objective_id: UUID, new: NewMeasurement, expected: Expected
) -> Objective:
    """Enter what was measured, or have the registry read it from the scorecard of the own agency.

    Raises WrongStatus for a withdrawn objective, RuleBroken for a day to come, for a value where the registry computes
    it, without one where it does not, and where there was nothing to count.
    """
    row = await _begin(write, caller, objective_id, ObjectiveAction.MEASURE, expected)
    _check_day(row, caller, new)
    check_value(new.value, computed=row.metric is not None)
    value, source = new.value, new.source
    if row.metric is not None:
        value = await computed_value(write, caller, row.agreement_id, ObjectiveMetric(row.metric), caller.now)
        if value is None:
            raise RuleBroken("In the last year there was nothing to count.", "nothing_to_count")
        if new.measured_on != civil_day(caller.now, row.time_zone):
            raise RuleBroken.at("What the registry reads is of today.", "not_then", pointer="/measured_on")
    assert value is not None
    measured = _values(new, row.id, caller) | {"value": value, "source": source}
    await write.run(_MEASURE, measured)
    told = {"measurement_id": str(measured["id"]), "measured_on": new.measured_on, "value": str(value)}
    return await _finish(write, caller, row, EventType.OBJECTIVE_MEASURED, {}, told)


async def correct_measurement(
    write: Write, caller: Caller, objective_id: UUID, correction: MeasurementCorrection, expected: Expected
) -> Objective:
    """Put another measurement in the place of one of the own agency, which stays on record.

    Raises RuleBroken for an unknown one or a day to come, WrongStatus for another party's, or one corrected already.
    """
    row = await _begin(write, caller, objective_id, ObjectiveAction.CORRECT_MEASUREMENT, expected)
    _check_day(row, caller, correction)
    wrong = await _measurement(write, caller, row, correction.measurement_id, ObjectiveAction.CORRECT_MEASUREMENT)
    right = _values(correction, row.id, caller) | {
        "value": correction.value,
        "source": correction.source,
        "corrects_id": wrong.id,
        "correction_reason": correction.reason,
    }
    await write.run(_MEASURE, right)
    told = {"measurement_id": str(right["id"]), "corrects_id": str(wrong.id), "value": str(correction.value)}
    return await _finish(write, caller, row, EventType.OBJECTIVE_MEASUREMENT_CORRECTED, {}, told)


async def contest_measurement(
    write: Write, caller: Caller, objective_id: UUID, contest: MeasurementContest, expected: Expected
) -> Objective:
    """Contest another party's measurement, which counts no more until it is corrected or this is taken back.

    Raises RuleBroken for an unknown one, WrongStatus for one of the own agency, or one that does not stand.
    """
    row = await _begin(write, caller, objective_id, ObjectiveAction.CONTEST_MEASUREMENT, expected)
    found = await _measurement(write, caller, row, contest.measurement_id, ObjectiveAction.CONTEST_MEASUREMENT)
    values = {"contested_by": caller.agency_id, "contested_at": caller.now, "contested_reason": contest.reason}
    await write.run(_CONTEST.values(values), {"its_id": found.id})
    told = {"measurement_id": str(found.id), "reason": contest.reason}
    return await _finish(write, caller, row, EventType.OBJECTIVE_MEASUREMENT_CONTESTED, {}, told)


async def withdraw_contest(
    write: Write, caller: Caller, objective_id: UUID, withdrawal: ContestWithdrawal, expected: Expected
) -> Objective:
    """Contest a measurement no more. Raises RuleBroken for an unknown one, WrongStatus where others contest it."""
    row = await _begin(write, caller, objective_id, ObjectiveAction.WITHDRAW_CONTEST, expected)
    found = await _measurement(write, caller, row, withdrawal.measurement_id, ObjectiveAction.WITHDRAW_CONTEST)
    values = {"contested_by": None, "contested_at": None, "contested_reason": None}
    await write.run(_CONTEST.values(values), {"its_id": found.id})
    told = {"measurement_id": str(found.id)}
    return await _finish(write, caller, row, EventType.OBJECTIVE_CONTEST_WITHDRAWN, {}, told)


def _values(said: NewMeasurement | MeasurementCorrection, objective_id: UUID, caller: Caller) -> dict[str, object]:
    return {
        "id": new_id(),
        "objective_id": objective_id,
        "agency_id": caller.agency_id,
        "measured_on": said.measured_on,
        "evidence_sha256": said.evidence_sha256,
        "corrects_id": None,
        "correction_reason": None,
        "created_at": caller.now,
    }


def _check_day(row: Row[Any], caller: Caller, said: NewMeasurement | MeasurementCorrection) -> None:
    if said.measured_on > civil_day(caller.now, row.time_zone):
        raise RuleBroken.at("What was measured is of a day that has begun.", "not_then", pointer="/measured_on")


async def _measurement(
    write: Write, caller: Caller, row: Row[Any], measurement_id: UUID, action: ObjectiveAction
) -> Row[Any]:
    measured = (await measurement_rows(write, [row.id]))[row.id]
    found = next((each for each in measured if each.id == measurement_id), None)
    if found is None:
        raise NotFound("measurement").named_at("/measurement_id")
    status = measurement_status(found, {each.corrects_id for each in measured if each.corrects_id is not None})
    own, own_contest = found.agency_id == caller.agency_id, found.contested_by == caller.agency_id
    check_on_measurement(action, status, own=own, own_contest=own_contest)
    return found


async def _begin(
    write: Write, caller: Caller, objective_id: UUID, action: ObjectiveAction, expected: Expected
) -> Row[Any]:
    await write.value(_LOCK, {"id": objective_id})
    row = await objective_row(write, caller, objective_id)
    permit(caller.principal, PERMISSIONS[action], relations(row))
    await write.once()
    check_version(expected, row.version)
    check_possible(action, withdrawn=row.withdrawn_at is not None, own=row.agency_id == caller.agency_id)
    return row


async def _finish(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event: EventType,
    values: Mapping[str, object],
    told: Mapping[str, object],
) -> Objective:
    version = row.version + 1
    await write.run(_CHANGE.values(**values, version=version, updated_at=caller.now), {"its_id": row.id})
    its = await write.first(_AGREEMENT, {"id": row.agreement_id})
    assert its is not None
    await _record(write, caller, event, (row.id, version), its, told)
    return await get_objective(write, caller, row.id)


async def _record(
    write: Write,
    caller: Caller,
    event: EventType,
    about: tuple[UUID, int],
    its: Row[Any],
    told: Mapping[str, object],
) -> None:
    """Record it for those whom it reaches; `about` is the objective and its version. Floats are told as text."""
    record(
        write,
        caller,
        event,
        subject=("objective", *about),
        agencies=await audience_of(write, caller, its),
        agreement_id=its.id,
        data=told,
    )
