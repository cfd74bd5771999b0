"""Opening an outcome review, which freezes the scorecard; deciding; completing it, which enters the periodic review."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.deadlines.commands import complete_review
from registry.agreements.deadlines.queries.reviewing import reviews_due
from registry.agreements.deadlines.schemas import CompletedReview
from registry.agreements.instruments.commands.holding import audience_of, held
from registry.agreements.instruments.tables import agreement
from registry.outcomes.metrics.queries.scores import get_scorecard
from registry.outcomes.metrics.schemas.scores import ScorecardQuery
from registry.outcomes.objectives.queries import all_objectives
from registry.outcomes.reviews.queries import (
    PERMISSIONS,
    decision_rows,
    get_review,
    last_review,
    objectives_in,
    relations,
    review_row,
    versions_after,
)
from registry.outcomes.reviews.rules import OutcomeReviewAction, OutcomeReviewStatus, advance, check_outcome
from registry.outcomes.reviews.schemas import (
    FrozenObjective,
    NewReviewDecision,
    OutcomeReview,
    OutcomeReviewCompletion,
)
from registry.outcomes.reviews.tables import outcome_review, outcome_review_decision
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import EARLIEST
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_ID = outcome_review.c.id.type
_INSERT = outcome_review.insert()
_CHANGE = outcome_review.update().where(outcome_review.c.id == sa.bindparam("its_id", type_=_ID))
_LOCK = sa.select(outcome_review.c.id).where(outcome_review.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
_AGREEMENT = sa.select(agreement.c.id, agreement.c.custodian_id).where(agreement.c.id == sa.bindparam("id", type_=_ID))
_UNDECIDE = outcome_review_decision.delete().where(
    outcome_review_decision.c.review_id == sa.bindparam("its_review", type_=_ID),
    outcome_review_decision.c.agency_id == sa.bindparam("its_agency", type_=_ID),
)
_DECIDE = outcome_review_decision.insert()


async def open_review(write: Write, caller: Caller, agreement_id: UUID, expected: Expected) -> OutcomeReview:
    """Open a review of an agreement: freeze its scorecard and objectives, and say what changed since the last one.

    `expected` is the agreement's version. Raises NotFound, Forbidden, WrongStatus before it was executed, Conflict
    while another one is open.
    """
    row = await held(write, caller, agreement_id, Action.REVIEWS_OPEN, expected)
    if row.executed_at is None:
        raise WrongStatus(f"The agreement is {row.stage}: it is reviewed once it is executed.")
    before = await last_review(write, agreement_id)
    if before is not None and before.status == OutcomeReviewStatus.OPEN:
        raise Conflict("A review of the agreement is open already: decide in that one.", "review_open")
    scorecard = await get_scorecard(write, caller, agreement_id, ScorecardQuery())
    due = (await reviews_due(write, [agreement_id])).get(agreement_id)
    stood = {} if before is None else {each.id: each.status for each in objectives_in(before)}
    objectives = [
        FrozenObjective(
            id=each.id,
            title=each.title,
            status=each.status,
            weight=each.weight,
            status_before=stood.get(each.id),
        )
        for each in await all_objectives(write, caller, agreement_id)
    ]
    review_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": review_id,
            "agreement_id": agreement_id,
            "agency_id": caller.agency_id,
            "previous_id": None if before is None else before.id,
            "due_on": None if due is None else due.on,
            "scorecard": scorecard,
            "objectives": objectives,
            "new_versions": await versions_after(write, agreement_id, before.created_at if before else EARLIEST),
            "status": OutcomeReviewStatus.OPEN,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    await _record(write, caller, EventType.OUTCOME_REVIEW_OPENED, (review_id, 1), row, {})
    return await get_review(write, caller, review_id)


async def decide(
    write: Write, caller: Caller, outcome_review_id: UUID, decision: NewReviewDecision, expected: Expected
) -> OutcomeReview:
    """Say what the caller's agency decides, in the place of what it said before. Raises WrongStatus once completed."""
    row, _ = await _begin(write, caller, outcome_review_id, OutcomeReviewAction.DECIDE, expected)
    await write.run(_UNDECIDE, {"its_review": row.id, "its_agency": caller.agency_id})
    said = {"outcome": decision.outcome, "reasons": decision.reasons}
    await write.run(_DECIDE, {"review_id": row.id, "agency_id": caller.agency_id, "decided_at": caller.now, **said})
    return await _finish(write, caller, row, EventType.OUTCOME_REVIEW_DECIDED, {}, said)


async def complete(
    write: Write, caller: Caller, outcome_review_id: UUID, completion: OutcomeReviewCompletion, expected: Expected
) -> OutcomeReview:
    """Say what follows, for the custodian, and enter the periodic review by the command of deadlines.

    Raises WrongStatus where nobody has decided, RuleBroken for an outcome that nobody decided on, and what entering a
    periodic review raises.
    """
    row, status = await _begin(write, caller, outcome_review_id, OutcomeReviewAction.COMPLETE, expected)
    decided = (await decision_rows(write, [row.id]))[row.id]
    check_outcome(completion.outcome, [each.outcome for each in decided])
    review = CompletedReview(reviewed_on=completion.reviewed_on, outcome=completion.outcome, note=completion.note)
    entered = await complete_review(write, caller, row.agreement_id, review, None)
    values = {
        "status": status,
        "reviewed_on": completion.reviewed_on,
        "outcome": completion.outcome,
        "note": completion.note,
        "periodic_review_id": entered.id,
    }
    told = {"outcome": completion.outcome, "reviewed_on": completion.reviewed_on}
    return await _finish(write, caller, row, EventType.OUTCOME_REVIEW_COMPLETED, values, told)


async def _begin(
    write: Write, caller: Caller, outcome_review_id: UUID, action: OutcomeReviewAction, expected: Expected
) -> tuple[Row[Any], OutcomeReviewStatus]:
    await write.value(_LOCK, {"id": outcome_review_id})
    row = await review_row(write, caller, outcome_review_id)
    permit(caller.principal, PERMISSIONS[action], relations(row))
    await write.once()
    check_version(expected, row.version)
    decided = len((await decision_rows(write, [row.id]))[row.id])
    return row, advance(OutcomeReviewStatus(row.status), action, decided)


async def _finish(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event: EventType,
    values: Mapping[str, object],
    told: Mapping[str, object],
) -> OutcomeReview:
    version = row.version + 1
    await write.run(_CHANGE.values(**values, version=version, updated_at=caller.now), {"its_id": row.id})
    its = await write.first(_AGREEMENT, {"id": row.agreement_id})
    assert its is not None
    await _record(write, caller, event, (row.id, version), its, told)
    return await get_review(write, caller, row.id)


async def _record(
    write: Write,
    caller: Caller,
    event: EventType,
    about: tuple[UUID, int],
    its: Row[Any],
    told: Mapping[str, object],
) -> None:
    record(
        write,
        caller,
        event,
        subject=("outcome_review", *about),
        agencies=await audience_of(write, caller, its),
        agreement_id=its.id,
        data=told,
    )
