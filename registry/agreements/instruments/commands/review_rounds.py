"""Rounds of review: opened with a submission, answered by the parties' departments, closed with the text's fate.

A round is open exactly as long as its version is in review, be it an agreement's first text or a change of an executed
one. All of it happens under the agreement's lock, so a text is never approved while a reviewer takes an approval back.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.holding import changed, held, parties_of, permitted
from registry.agreements.instruments.commands.open_text import OpenText, open_text, signatories, written_as
from registry.agreements.instruments.commands.settling.closing import drop_reported_signatures
from registry.agreements.instruments.commands.signing_order import open_signing
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.reviews import get_review, review_row
from registry.agreements.instruments.queries.waiting import outstanding_reviews, outstanding_words
from registry.agreements.instruments.review_tables import agreement_review_round, agreement_reviewer
from registry.agreements.instruments.reviews import ReviewVerdict, RoundOutcome, checked_due
from registry.agreements.instruments.rules import AgreementAction
from registry.agreements.instruments.schemas.reviewing import AgreementSubmission, NewReview, NewReviewer, Review
from registry.agreements.instruments.schemas.signing import AgreementForSignature
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.acts import keep_act, separate
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Fault, Forbidden, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType

MOST_REVIEWERS = 200
"""In one round, those released included."""

_round, _reviewer = agreement_review_round, agreement_reviewer
_AGREEMENT_ID = sa.bindparam("id", type_=_round.c.agreement_id.type)
_ROUNDS = sa.select(sa.func.count()).where(_round.c.agreement_id == _AGREEMENT_ID)
_OPEN = (
    sa.select(_round.c.id, _round.c.no, sa.func.count(_reviewer.c.id).label("reviewers"))
    .outerjoin(_reviewer, _reviewer.c.round_id == _round.c.id)
    .where(_round.c.agreement_id == _AGREEMENT_ID, _round.c.closed_at.is_(None))
    .group_by(_round.c.id, _round.c.no)
)
_INSERT_ROUND = _round.insert()
_INSERT_REVIEWER = _reviewer.insert()
_CLOSE = _round.update().where(
    _round.c.agreement_id == sa.bindparam("its_agreement", type_=_round.c.agreement_id.type),
    _round.c.closed_at.is_(None),
)
_DECIDE = (
    _reviewer.update()
    .where(_reviewer.c.id == sa.bindparam("its_id", type_=_reviewer.c.id.type))
    .values(version=_reviewer.c.version + 1)
)
_EVENTS = {
    ReviewVerdict.APPROVED: EventType.AGREEMENT_REVIEW_APPROVED,
    ReviewVerdict.CHANGES_REQUESTED: EventType.AGREEMENT_CHANGES_REQUESTED,
    ReviewVerdict.RELEASED: EventType.AGREEMENT_REVIEWER_RELEASED,
}


async def open_round(
    write: Write, caller: Caller, row: Row[Any], version_id: UUID, submission: AgreementSubmission
) -> dict[str, object]:
    """Open the round of a version that was just submitted; what the ledger tells of it.

    Raises RuleBroken for a reviewer of an agency that is no party, one named twice, and a due day that is over.
    """
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    due_on = checked_due(submission.review_due_on, today, "/review_due_on")
    await _check_reviewers(write, row.id, submission.reviewers, "/reviewers/{}")
    round_id, no = new_id(), 1 + await write.value(_ROUNDS, {"id": row.id})
    await write.run(
        _INSERT_ROUND,
        {"id": round_id, "agreement_id": row.id, "version_id": version_id, "no": no, "opened_at": caller.now},
    )
    if submission.reviewers:
        await write.run(_INSERT_REVIEWER, [_row(caller, round_id, each, due_on) for each in submission.reviewers])
    return {
        "round": no,
        "reviewers": [_told(each) for each in submission.reviewers],
        **({"review_due_on": due_on} if due_on else {}),
    }


async def settle_round(
    write: Write, caller: Caller, row: Row[Any], text: OpenText, action: AgreementAction, how: AgreementForSignature
) -> dict[str, object]:
    """What a step of the text asks of its reviewers and signatories; what the ledger tells of it.

    Approval waits for required reviewers and closes the round, withdrawal closes it, and sending the text out for
    signature lays down the order.
    """
    if action is AgreementAction.APPROVE:
        await reviews_done(write, text.version_id)
        await close_round(write, row.id, RoundOutcome.APPROVED, caller.now)
    elif action is AgreementAction.WITHDRAW:
        await close_round(write, row.id, RoundOutcome.WITHDRAWN, caller.now)
        await drop_reported_signatures(write, text.version_id, "the text was withdrawn", caller.now)
    elif action is AgreementAction.SEND_FOR_SIGNATURE:
        parties = await signatories(write, row.id, text, caller.now)
        return await open_signing(write, caller, row, text.version_id, parties, how)
    return {}


async def reviews_done(write: Write, version_id: UUID) -> None:
    """Let the version be approved; raises WrongStatus, naming who is missing, while a required reviewer has not."""
    waiting = await outstanding_reviews(write, version_id)
    if waiting:
        raise WrongStatus(
            outstanding_words(waiting),
            "reviews_outstanding",
            extra={
                "outstanding": [
                    {
                        "agency": AgencyReference(id=each.agency_id, name=each.name),
                        "department": each.department,
                        "verdict": each.verdict,
                    }
                    for each in waiting
                ]
            },
        )


async def close_round(write: Write, agreement_id: UUID, outcome: RoundOutcome, now: datetime) -> None:
    """Close the agreement's round, if one is open: nobody answers any more."""
    await write.run(_CLOSE, {"its_agreement": agreement_id, "closed_at": now, "outcome": outcome})


async def add_reviewer(write: Write, caller: Caller, agreement_id: UUID, new: NewReview, expected: Expected) -> Review:
    """Ask one more department about the text that is in review.

    Raises WrongStatus where none is, Conflict for a department that is asked already, RuleBroken as `open_round`.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    found = await write.first(_OPEN, {"id": row.id})
    if found is None:
        raise WrongStatus("No text of the agreement is in review now.")
    if found.reviewers >= MOST_REVIEWERS:
        raise RuleBroken(f"A round has at most {MOST_REVIEWERS} reviewers.", "too_many_reviewers")
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    due_on = checked_due(new.due_on, today, "/due_on")
    await _check_reviewers(write, row.id, [new], "")
    reviewer = _row(caller, found.id, new, due_on)
    await write.run(_INSERT_REVIEWER, reviewer)
    told = {"review_id": str(reviewer["id"]), "round": found.no, **_told(new)}
    await changed(
        write,
        caller,
        row,
        EventType.AGREEMENT_REVIEWER_NAMED,
        told if due_on is None else {**told, "review_due_on": due_on},
    )
    return await get_review(write, caller.principal, agreement_id, reviewer["id"], caller.now)


async def decide(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    review_id: UUID,
    verdict: ReviewVerdict,
    words: str | None,
    expected: Expected,
) -> Review:
    """Answer for the own agency's department, or change the answer, while the round is open; or release a reviewer.

    The first is for that agency, the second for the custodian. Raises Forbidden, also for who wrote at the text and
    would approve it, StaleVersion, WrongStatus.
    """
    released = verdict is ReviewVerdict.RELEASED
    permission = Action.AGREEMENTS_UPDATE if released else Action.AGREEMENTS_ADVISE
    row = await permitted(write, caller, agreement_id, permission)
    found = await review_row(write, agreement_id, review_id)
    if not released and found.agency_id != caller.agency_id:
        raise Forbidden("Each agency answers for its own departments; this one is not yours.")
    await write.once()
    check_version(expected, found.version)
    if found.closed_at is not None:
        raise WrongStatus(
            "The round of review is closed: its text was approved, sent back, withdrawn or executed.", "round_closed"
        )
    if found.verdict == ReviewVerdict.RELEASED:
        raise WrongStatus("That reviewer was released; its answer is not waited for.", "reviewer_released")
    relaxed: dict[str, object] = {}
    if verdict is ReviewVerdict.APPROVED:  # a round is open exactly as long as its text is on its way
        text = open_text(row)
        relaxed = await separate(write, caller, Act.APPROVE, written_as(row, text), text.version_id)
        keep_act(write, caller, Act.APPROVE, text.version_id)
    await write.run(
        _DECIDE,
        {
            "its_id": review_id,
            "verdict": verdict,
            "words": words,
            "decided_at": caller.now,
            "updated_at": caller.now,
        },
    )
    told: dict[str, object] = {
        "review_id": str(review_id),
        "agency_id": str(found.agency_id),
        "department": found.department,
        "version_no": found.version_no,
        ("reason" if verdict is not ReviewVerdict.APPROVED else "note"): words,
        **relaxed,
    }
    await changed(write, caller, row, _EVENTS[verdict], told)
    return await get_review(write, caller.principal, agreement_id, review_id, caller.now)


async def _check_reviewers(write: Write, agreement_id: UUID, named: Sequence[NewReviewer], place: str) -> None:
    parties = await parties_of(write, agreement_id)
    faults, seen = [], set[tuple[UUID, str]]()
    for index, each in enumerate(named):
        pointer = place.format(index)
        if each.agency_id not in parties:
            faults.append(Fault(pointer=f"{pointer}/agency_id", code="not_a_party", detail="not a party"))
        if (each.agency_id, each.department) in seen:
            faults.append(Fault(pointer=f"{pointer}/department", code="reviewer_twice", detail="named already"))
        seen.add((each.agency_id, each.department))
    if faults:
        raise RuleBroken("Reviewers are departments of the parties, each named once.", "bad_reviewers", faults=faults)


def _row(caller: Caller, round_id: UUID, each: NewReviewer, due_on: date | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "round_id": round_id,
        "agency_id": each.agency_id,
        "department": each.department,
        "required": each.required,
        "due_on": due_on,
        "verdict": ReviewVerdict.PENDING,
        "version": 1,
        "created_at": caller.now,
        "updated_at": caller.now,
    }


def _told(each: NewReviewer) -> dict[str, object]:
    return {"agency_id": str(each.agency_id), "department": each.department, "required": each.required}
