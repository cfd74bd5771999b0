"""Planning, holding and evaluating engagements, crediting own people, and seeing corrective actions through."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.queries import unknown_agencies
from registry.outcomes.engagements.queries import (
    PERMISSIONS,
    STEP_PERMISSIONS,
    action_relations,
    action_row,
    as_action,
    engagement_row,
    get_engagement,
    hindrance,
    invitations_of,
    is_party_of,
    objectives_in,
    relations,
)
from registry.outcomes.engagements.rules import (
    TRANSITIONS,
    CorrectiveActionStatus,
    EngagementAction,
    EngagementKind,
    EngagementStatus,
    ImprovementStep,
    InvitationStatus,
    advance,
    check_evidence,
    check_exercise,
    check_public,
    check_rated,
    checked_times,
    ends_of_day,
    take_step,
)
from registry.outcomes.engagements.schemas import (
    CorrectiveAction,
    CorrectiveActionCompletion,
    CorrectiveActionReopening,
    Engagement,
    EngagementCancellation,
    EngagementCompletion,
    EngagementEvaluation,
    EngagementPatch,
    ExerciseObjective,
    InvitationDecline,
    Inviting,
    NewCorrectiveAction,
    NewEngagement,
    RatedObjective,
    TrainedPerson,
    TrainingCredit,
)
from registry.outcomes.engagements.tables import (
    corrective_action,
    engagement,
    engagement_credit,
    engagement_invitation,
)
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import civil_day, format_instant
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.personnel.commands.recording import update_record
from registry.resources.personnel.queries.getting import get_record
from registry.resources.personnel.schemas import PersonnelRecordPatch, Training

_ID = engagement.c.id.type
_INSERT = engagement.insert()
_CHANGE = engagement.update().where(engagement.c.id == sa.bindparam("its_id", type_=_ID))
_LOCK = sa.select(engagement.c.id).where(engagement.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
_INVITE = engagement_invitation.insert()
_ANSWER = engagement_invitation.update().where(
    engagement_invitation.c.engagement_id == sa.bindparam("its_engagement", type_=_ID),
    engagement_invitation.c.agency_id == sa.bindparam("its_agency", type_=_ID),
)
_CREDIT = engagement_credit.insert()
_CREDITED = sa.select(engagement_credit.c.personnel_id).where(
    engagement_credit.c.engagement_id == sa.bindparam("id", type_=_ID),
    engagement_credit.c.personnel_id.in_(sa.bindparam("people", type_=_ID, expanding=True)),
)
_INSERT_ACTION = corrective_action.insert()
_CHANGE_ACTION = corrective_action.update().where(corrective_action.c.id == sa.bindparam("its_id", type_=_ID))
_LOCK_ACTION = (
    sa.select(corrective_action.c.id).where(corrective_action.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
)

_EVENTS = {
    EngagementAction.UPDATE: EventType.ENGAGEMENT_UPDATED,
    EngagementAction.INVITE: EventType.ENGAGEMENT_AGENCIES_INVITED,
    EngagementAction.CANCEL: EventType.ENGAGEMENT_CANCELLED,
    EngagementAction.COMPLETE: EventType.ENGAGEMENT_HELD,
    EngagementAction.EVALUATE: EventType.ENGAGEMENT_EVALUATED,
    EngagementAction.ACCEPT_INVITATION: EventType.ENGAGEMENT_INVITATION_ACCEPTED,
    EngagementAction.DECLINE_INVITATION: EventType.ENGAGEMENT_INVITATION_DECLINED,
}
_STEP_EVENTS = {
    ImprovementStep.COMPLETE: EventType.CORRECTIVE_ACTION_COMPLETED,
    ImprovementStep.CLOSE: EventType.CORRECTIVE_ACTION_CLOSED,
    ImprovementStep.REOPEN: EventType.CORRECTIVE_ACTION_REOPENED,
}


async def plan_engagement(write: Write, caller: Caller, new: NewEngagement) -> Engagement:
    """Plan what the caller's agency holds, and invite others to it.

    Raises RuleBroken for an unknown agency or agreement, times in the wrong order, a type or objectives of what is no
    exercise, and for what is shown to everybody and is no programme for residents.
    """
    permit(caller.principal, Action.ENGAGEMENTS_CREATE, ["own"])
    await write.once()
    check_exercise(new.kind, new.exercise_type, len(new.objectives))
    check_public(new.kind, public=new.public)
    start, end = checked_times(new.starts_at, new.ends_at, new.time_zone)
    objectives = _numbered(new.objectives)
    if new.agreement_id is not None and not await is_party_of(write, caller.principal, new.agreement_id):
        raise NotFound("agreement").named_at("/agreement_id")
    engagement_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": engagement_id,
            "host_agency_id": caller.agency_id,
            "agreement_id": new.agreement_id,
            "kind": new.kind,
            "exercise_type": new.exercise_type,
            "title": new.title,
            "summary": new.summary,
            "place": new.place,
            "starts_at": start,
            "ends_at": end,
            "time_zone": new.time_zone,
            "public": new.public,
            "objectives": objectives,
            "status": EngagementStatus.PLANNED,
            "participation": [],
            "surveys": [],
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    invited = await _invite(write, caller, engagement_id, new.agency_ids, ())
    record(
        write,
        caller,
        EventType.ENGAGEMENT_PLANNED,
        subject=("engagement", engagement_id, 1),
        agencies=[caller.agency_id, *invited],
        agreement_id=new.agreement_id,
        data={
            "kind": new.kind,
            "title": new.title,
            "starts_at": format_instant(start),
            "ends_at": format_instant(end),
            "invited": [str(each) for each in invited],
        },
    )
    return await get_engagement(write, caller.principal, engagement_id, caller.now)


async def update_engagement(
    write: Write, caller: Caller, engagement_id: UUID, patch: EngagementPatch, expected: Expected
) -> Engagement:
    """Correct what is planned.

    Raises NotFound, Forbidden, StaleVersion, PreconditionMissing, WrongStatus for one that was held or cancelled, and
    what `plan_engagement` raises.
    """
    row, status = await _begin(write, caller, engagement_id, EngagementAction.UPDATE, expected, required=True)
    said = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    times = {name: said.get(name, getattr(row, name)) for name in ("starts_at", "ends_at", "time_zone")}
    start, end = checked_times(**times)
    check_public(EngagementKind(row.kind), public=said.get("public", row.public))
    values = {**said, **({"starts_at": start} if "starts_at" in said else {})}
    values |= {"ends_at": end} if "ends_at" in said else {}
    if "objectives" in said:
        check_exercise(EngagementKind(row.kind), row.exercise_type, len(said["objectives"]))
        values["objectives"] = _numbered(said["objectives"])
    if not values:
        return await get_engagement(write, caller.principal, engagement_id, caller.now)
    return await _finish(
        write, caller, row, EngagementAction.UPDATE, {**values, "status": status}, {"changed": sorted(said)}
    )


async def invite_agencies(
    write: Write, caller: Caller, engagement_id: UUID, inviting: Inviting, expected: Expected
) -> Engagement:
    """Invite further agencies. Raises RuleBroken for an unknown one, Conflict for one that is invited already."""
    row, status = await _begin(write, caller, engagement_id, EngagementAction.INVITE, expected)
    known = [each.agency_id for each in await invitations_of(write, engagement_id)]
    invited = await _invite(write, caller, engagement_id, inviting.agency_ids, known)
    told = {"invited": [str(each) for each in invited]}
    return await _finish(write, caller, row, EngagementAction.INVITE, {"status": status}, told)


async def accept_invitation(write: Write, caller: Caller, engagement_id: UUID, expected: Expected) -> Engagement:
    """Say that the caller's agency takes part. Raises WrongStatus for one that was held, or is accepted already."""
    return await _answered(write, caller, engagement_id, EngagementAction.ACCEPT_INVITATION, None, expected)


async def decline_invitation(
    write: Write, caller: Caller, engagement_id: UUID, decline: InvitationDecline, expected: Expected
) -> Engagement:
    """Say that the caller's agency does not take part. Raises WrongStatus for one held, or declined already."""
    return await _answered(write, caller, engagement_id, EngagementAction.DECLINE_INVITATION, decline.reason, expected)


async def cancel_engagement(
    write: Write, caller: Caller, engagement_id: UUID, cancellation: EngagementCancellation, expected: Expected
) -> Engagement:
    """Say that it is not held. Raises WrongStatus for one that was held or cancelled."""
    row, status = await _begin(write, caller, engagement_id, EngagementAction.CANCEL, expected)
    values = {"status": status, "cancelled_reason": cancellation.reason}
    return await _finish(write, caller, row, EngagementAction.CANCEL, values, {"reason": cancellation.reason})


async def complete_engagement(
    write: Write, caller: Caller, engagement_id: UUID, completion: EngagementCompletion, expected: Expected
) -> Engagement:
    """Say that it was held, and how many took part.

    Raises WrongStatus before its start, and for one that was held or cancelled; RuleBroken for a group named twice.
    """
    row, status = await _begin(write, caller, engagement_id, EngagementAction.COMPLETE, expected)
    groups = [each.group for each in completion.participation]
    if len(set(groups)) < len(groups):
        raise RuleBroken.at("Count each group once.", "group_repeated", pointer="/participation")
    values = {"status": status, "participation": completion.participation, "outcome": completion.outcome}
    told = {"people": sum(each.people for each in completion.participation)}
    return await _finish(write, caller, row, EngagementAction.COMPLETE, values, told)


async def evaluate_engagement(
    write: Write, caller: Caller, engagement_id: UUID, evaluation: EngagementEvaluation, expected: Expected
) -> Engagement:
    """Say what came of it, in the place of what was said before.

    Raises WrongStatus for one that was not held, RuleBroken for a rating of no objective.
    """
    row, status = await _begin(write, caller, engagement_id, EngagementAction.EVALUATE, expected)
    objectives = objectives_in(row)
    check_rated([each.objective_no for each in objectives], [each.objective_no for each in evaluation.ratings])
    rated = {each.objective_no: each for each in evaluation.ratings}
    said = [
        msgspec.structs.replace(
            each,
            rating=rated[each.objective_no].rating if each.objective_no in rated else None,
            remark=rated[each.objective_no].remark if each.objective_no in rated else None,
        )
        for each in objectives
    ]
    outcome = row.outcome if evaluation.outcome is None else evaluation.outcome
    values = {"status": status, "objectives": said, "surveys": evaluation.surveys, "outcome": outcome}
    told = {
        "ratings": [{"objective_no": each.objective_no, "rating": each.rating} for each in evaluation.ratings],
        "surveys": len(evaluation.surveys),
    }
    return await _finish(write, caller, row, EngagementAction.EVALUATE, values, told)


async def credit_training(
    write: Write, caller: Caller, engagement_id: UUID, credit: TrainingCredit, expected: Expected
) -> Engagement:
    """Enter in the records of the own agency's people that they were trained, and what they can do since.

    Each record is changed by the command of personnel, with its own rules and permission: nobody writes in another
    agency's records. Raises NotFound, Forbidden, WrongStatus for what was not held or trains nobody, Conflict for
    somebody who was credited already, RuleBroken for somebody who is named twice, or is none of the agency's.
    """
    row, _ = await _begin(write, caller, engagement_id, EngagementAction.CREDIT_TRAINING, expected)
    ids = [each.personnel_id for each in credit.people]
    if len(set(ids)) < len(ids):
        raise RuleBroken.at("Name each person once.", "person_repeated", pointer="/people")
    if await write.value(_CREDITED, {"id": engagement_id, "people": ids}) is not None:
        raise Conflict("Somebody among them was credited with this training already.", "credited_already")
    done_on = civil_day(min(row.ends_at, caller.now), row.time_zone)
    course = Training(course=row.title, hours=credit.hours, completed_on=done_on)
    for person in sorted(credit.people, key=lambda each: each.personnel_id):
        await _credit(write, caller, person, course, ids.index(person.personnel_id))
    await write.run(
        _CREDIT,
        [
            {
                "engagement_id": engagement_id,
                "personnel_id": personnel_id,
                "agency_id": caller.agency_id,
                "credited_at": caller.now,
            }
            for personnel_id in ids
        ],
    )
    # What an agency enters of its people is its own: neither version nor history of the engagement tell others of it.
    return await get_engagement(write, caller.principal, engagement_id, caller.now)


async def _credit(write: Write, caller: Caller, person: TrainedPerson, course: Training, index: int) -> None:
    try:
        before = await get_record(write, caller, person.personnel_id)
    except NotFound as error:
        raise error.named_at(f"/people/{index}/personnel_id") from None
    gained = {each.capability: each for each in person.capabilities}
    kept = [each for each in before.capabilities if each.capability not in gained]
    patch = PersonnelRecordPatch(
        training=[*before.training, course], capabilities=[*kept, *gained.values()] if gained else msgspec.UNSET
    )
    await update_record(write, caller, person.personnel_id, patch, "any")


async def plan_action(
    write: Write, caller: Caller, engagement_id: UUID, new: NewCorrectiveAction, expected: Expected
) -> CorrectiveAction:
    """Give an agency something to do after an engagement.

    Raises WrongStatus for what was not held, RuleBroken for an agency that did not take part, an unknown objective, or
    a day that is over.
    """
    row, _ = await _begin(write, caller, engagement_id, EngagementAction.PLAN_ACTION, expected)
    taking_part = {
        each.agency_id
        for each in await invitations_of(write, engagement_id)
        if each.status != InvitationStatus.DECLINED
    } | {row.host_agency_id}
    if new.owner_agency_id not in taking_part:
        raise RuleBroken.at(
            "Its owner is the host, or an agency that was invited and did not decline.",
            "took_no_part",
            pointer="/owner_agency_id",
        )
    if new.objective_no is not None and new.objective_no not in {each.objective_no for each in objectives_in(row)}:
        raise RuleBroken.at(
            "The exercise has no objective of that number.", "unknown_objective", pointer="/objective_no"
        )
    due_at = ends_of_day(new.due_on, row.time_zone)
    if due_at <= caller.now:
        raise RuleBroken.at("Give a day that is not over yet.", "not_then", pointer="/due_on")
    action_id = new_id()
    await write.run(
        _INSERT_ACTION,
        {
            "id": action_id,
            "engagement_id": engagement_id,
            "owner_agency_id": new.owner_agency_id,
            "title": new.title,
            "observation": new.observation,
            "core_capability": new.core_capability,
            "objective_no": new.objective_no,
            "due_on": new.due_on,
            "due_at": due_at,
            "status": CorrectiveActionStatus.OPEN,
            "evidence_sha256": [],
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    record(
        write,
        caller,
        EventType.CORRECTIVE_ACTION_PLANNED,
        subject=("corrective_action", action_id, 1),
        agencies=sorted(taking_part),
        agreement_id=row.agreement_id,
        data={
            "engagement_id": str(engagement_id),
            "owner_agency_id": str(new.owner_agency_id),
            "title": new.title,
            "due_on": new.due_on,
        },
    )
    return as_action(await action_row(write, caller.principal, action_id), caller.principal, caller.now)


async def complete_action(
    write: Write, caller: Caller, action_id: UUID, completion: CorrectiveActionCompletion, expected: Expected
) -> CorrectiveAction:
    """Say, for the agency that owns it, that it was done. Raises WrongStatus, RuleBroken where nothing shows it."""
    row, status = await _begin_step(write, caller, action_id, ImprovementStep.COMPLETE, expected)
    check_evidence(completion.statement, completion.evidence_sha256)
    values = {
        "status": status,
        "statement": completion.statement,
        "evidence_sha256": completion.evidence_sha256,
        "completed_at": caller.now,
    }
    told = {"evidence_sha256": completion.evidence_sha256}
    return await _finish_step(write, caller, row, ImprovementStep.COMPLETE, values, told)


async def close_action(write: Write, caller: Caller, action_id: UUID, expected: Expected) -> CorrectiveAction:
    """Say, for the host, that it has seen that it was done. Raises WrongStatus for what was not completed."""
    row, status = await _begin_step(write, caller, action_id, ImprovementStep.CLOSE, expected)
    values = {"status": status, "closed_at": caller.now}
    return await _finish_step(write, caller, row, ImprovementStep.CLOSE, values, {})


async def reopen_action(
    write: Write, caller: Caller, action_id: UUID, reopening: CorrectiveActionReopening, expected: Expected
) -> CorrectiveAction:
    """Ask for more, for the host, than what was shown. Raises WrongStatus for what was not completed, or is closed."""
    row, status = await _begin_step(write, caller, action_id, ImprovementStep.REOPEN, expected)
    values = {"status": status, "completed_at": None, "reopened_reason": reopening.reason}
    return await _finish_step(write, caller, row, ImprovementStep.REOPEN, values, {"reason": reopening.reason})


def _numbered(objectives: Sequence[ExerciseObjective]) -> list[RatedObjective]:
    """The objectives as they are stored. Raises RuleBroken for a number given twice."""
    numbers = [each.objective_no for each in objectives]
    if len(set(numbers)) < len(numbers):
        raise RuleBroken.at("Give each objective a number of its own.", "number_repeated", pointer="/objectives")
    return [
        RatedObjective(objective_no=each.objective_no, text=each.text, core_capability=each.core_capability)
        for each in objectives
    ]


async def _invite(
    write: Write, caller: Caller, engagement_id: UUID, asked: Sequence[UUID], known: Sequence[UUID]
) -> list[UUID]:
    """Store invitations. Raises RuleBroken for the host itself and for an unknown agency, Conflict for one invited."""
    invited = sorted(set(asked))
    if caller.agency_id in invited or await unknown_agencies(write, invited):
        raise RuleBroken.at(
            "Invite agencies of the register, other than your own.", "unknown_agency", pointer="/agency_ids"
        )
    if set(invited) & set(known):
        raise Conflict("One of these agencies is invited already.", "invited_already")
    if invited:
        rows = [
            {
                "id": new_id(),
                "engagement_id": engagement_id,
                "agency_id": agency_id,
                "status": InvitationStatus.INVITED,
                "invited_at": caller.now,
            }
            for agency_id in invited
        ]
        await write.run(_INVITE, rows)
    return invited


async def _answered(
    write: Write,
    caller: Caller,
    engagement_id: UUID,
    action: EngagementAction,
    reason: str | None,
    expected: Expected,
) -> Engagement:
    row, status = await _begin(write, caller, engagement_id, action, expected)
    accepts = action is EngagementAction.ACCEPT_INVITATION
    await write.run(
        _ANSWER,
        {
            "its_engagement": engagement_id,
            "its_agency": caller.agency_id,
            "status": InvitationStatus.ACCEPTED if accepts else InvitationStatus.DECLINED,
            "answered_at": caller.now,
            "reason": reason,
        },
    )
    told = {} if reason is None else {"reason": reason}
    return await _finish(write, caller, row, action, {"status": status}, told)


async def _begin(
    write: Write,
    caller: Caller,
    engagement_id: UUID,
    action: EngagementAction,
    expected: Expected,
    *,
    required: bool = False,
) -> tuple[Row[Any], EngagementStatus]:
    """The row, locked, and its status after the action."""
    await write.value(_LOCK, {"id": engagement_id})
    row = await engagement_row(write, caller.principal, engagement_id)
    permit(caller.principal, PERMISSIONS[action], relations(caller.principal, row))
    await write.once()
    check_version(expected, row.version, required=required)
    status = EngagementStatus(row.status)
    if (status, action) in TRANSITIONS and (reason := hindrance(row, action, caller.now)) is not None:
        raise WrongStatus(reason)
    return row, advance(status, action, kind=row.kind, begun=row.starts_at <= caller.now)


async def _finish(
    write: Write,
    caller: Caller,
    row: Row[Any],
    action: EngagementAction,
    values: Mapping[str, object],
    told: Mapping[str, object],
) -> Engagement:
    version = row.version + 1
    await write.run(_CHANGE.values(**values, version=version, updated_at=caller.now), {"its_id": row.id})
    invited = [each.agency_id for each in await invitations_of(write, row.id)]
    record(
        write,
        caller,
        _EVENTS[action],
        subject=("engagement", row.id, version),
        agencies=[row.host_agency_id, *invited],
        agreement_id=row.agreement_id,
        data=told,
    )
    return await get_engagement(write, caller.principal, row.id, caller.now)


async def _begin_step(
    write: Write, caller: Caller, action_id: UUID, step: ImprovementStep, expected: Expected
) -> tuple[Row[Any], CorrectiveActionStatus]:
    """The row of the corrective action, locked, and its status after the step."""
    await write.value(_LOCK_ACTION, {"id": action_id})
    row = await action_row(write, caller.principal, action_id)
    permit(caller.principal, STEP_PERMISSIONS[step], action_relations(caller.principal, row))
    await write.once()
    check_version(expected, row.version)
    return row, take_step(CorrectiveActionStatus(row.status), step)


async def _finish_step(
    write: Write,
    caller: Caller,
    row: Row[Any],
    step: ImprovementStep,
    values: Mapping[str, object],
    told: Mapping[str, object],
) -> CorrectiveAction:
    version = row.version + 1
    await write.run(_CHANGE_ACTION.values(**values, version=version, updated_at=caller.now), {"its_id": row.id})
    invited = [each.agency_id for each in await invitations_of(write, row.engagement_id)]
    record(
        write,
        caller,
        _STEP_EVENTS[step],
        subject=("corrective_action", row.id, version),
        agencies=[row.host_agency_id, *invited],
        agreement_id=row.agreement_id,
        data={"engagement_id": str(row.engagement_id), **told},
    )
    return as_action(await action_row(write, caller.principal, row.id), caller.principal, caller.now)
