"""The life of an obligation: when it is due, what meets it, and who may close it.

A decision attaches obligations; a loan under that decision opens them. Each is due by the loan's own times, so its
deadline moves with them: an extension puts off what is due at the return. That one is breached follows from the clock
and is not stored.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from msgspec import Struct, structs

from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import format_instant
from registry.sharing.policy.decisions import Due


class ObligationStatus(StrEnum):
    """How an obligation stands; `breached` is derived from the time, the others are stored."""

    PENDING = "pending"
    BREACHED = "breached"
    MET = "met"
    CONTESTED = "contested"
    WAIVED = "waived"
    LAPSED = "lapsed"


class ObligationAction(StrEnum):
    """What a person does about an obligation."""

    FULFIL = "fulfil"
    CONTEST = "contest"
    ACCEPT = "accept"
    WAIVE = "waive"


_S, _A = ObligationStatus, ObligationAction

TRANSITIONS: Final[dict[tuple[ObligationStatus, ObligationAction], ObligationStatus]] = {
    (_S.PENDING, _A.FULFIL): _S.MET,
    (_S.PENDING, _A.WAIVE): _S.WAIVED,
    (_S.BREACHED, _A.FULFIL): _S.MET,
    (_S.BREACHED, _A.WAIVE): _S.WAIVED,
    # That it was met is what the owing agency says. The other one contests it within its time; then it is met once that
    # agency accepts it, or once it is said anew, which may be contested again.
    (_S.MET, _A.CONTEST): _S.CONTESTED,
    (_S.CONTESTED, _A.FULFIL): _S.MET,
    (_S.CONTESTED, _A.ACCEPT): _S.MET,
    (_S.CONTESTED, _A.WAIVE): _S.WAIVED,
}

STORED: Final = tuple(status for status in _S if status is not _S.BREACHED)
"""The statuses that are stored."""

OPEN: Final = (_S.PENDING, _S.BREACHED, _S.CONTESTED)
"""The statuses in which somebody still has to do something."""

RECORD_WITHIN: Final = timedelta(hours=24)
"""How long after a hand-over, a return or the time of the loan its record may come, where no source has a figure."""

REMINDED_AFTER: Final = timedelta(days=30)
"""When the registry reminds of what is due after the return and for which no source has a figure."""

SHOWN_BEFORE: Final = timedelta(days=7)
"""How long before its deadline an obligation stands in an inbox."""

CONDITION_REPORT: Final = "condition_report"
RETURN_WHEN_RECALLED: Final = "return_when_recalled"

Step: TypeAlias = Literal["moved", "dispatched", "returned", "over"]
"""What became of the loan: `over` when it was lost or never took place, `moved` for any other step."""


class Moments(Struct, kw_only=True, frozen=True):
    """The times of a loan from which deadlines are counted.

    `ended_at` is when it came back or was lost, `recall_due_at` when its recall is due by the agreement's notice.
    """

    starts_at: datetime
    planned_end_at: datetime
    dispatched_at: datetime | None = None
    arrived_at: datetime | None = None
    recall_due_at: datetime | None = None
    ended_at: datetime | None = None


class Deadline(Struct, kw_only=True, frozen=True):
    """When an obligation is due. `reminder`: no source has a day, so it is the registry's own and nobody is late."""

    at: datetime
    reminder: bool = False


def deadline(code: str, due: Due, within_hours: int | None, moments: Moments, made_at: datetime) -> Deadline:
    """When an obligation is due that was made known at `made_at`, by what is known of the loan now.

    What was to be done before it was made known, as of help that is given first and entered later, is due so long
    after that as a record may take, or its source's shorter figure: nobody is late with what nobody had been told.
    """
    found = _by_the_loan(code, due, within_hours, moments)
    if found.at >= made_at:
        return found
    grace = RECORD_WITHIN if within_hours is None else min(timedelta(hours=within_hours), RECORD_WITHIN)
    return structs.replace(found, at=made_at + grace)


def _by_the_loan(code: str, due: Due, within_hours: int | None, moments: Moments) -> Deadline:
    """When it is due by the loan's own times.

    Until an event has come, its planned time stands for it. What is due during the loan and has a figure of its own is
    counted from the departure, as what it reports begins then.
    """
    left_at = moments.dispatched_at or moments.starts_at
    ended_at = moments.ended_at or moments.planned_end_at
    if code == RETURN_WHEN_RECALLED:
        return Deadline(at=moments.recall_due_at or ended_at, reminder=moments.recall_due_at is None)
    within = None if within_hours is None else timedelta(hours=within_hours)
    match due:
        case "before_dispatch":
            return Deadline(at=left_at)
        case "on_handover":
            return Deadline(at=(moments.arrived_at or left_at) + (within or RECORD_WITHIN))
        case "during" if within is not None:
            return Deadline(at=left_at + within)
        case "during" | "on_return":
            return Deadline(at=ended_at + (within or RECORD_WITHIN))
        case "after_return":
            return Deadline(at=ended_at + (within or REMINDED_AFTER), reminder=within is None)


def begins_at(due: Due, made_at: datetime, moments: Moments) -> datetime | None:
    """Since when an obligation can be met; None until that has come of which it speaks: the departure, or the end."""
    match due:
        case "before_dispatch":
            return made_at
        case "on_handover" | "during":
            return moments.dispatched_at
        case "on_return" | "after_return":
            return moments.ended_at


NOT_YET: Final[dict[Due, str]] = {
    "before_dispatch": "The loan was made",
    "on_handover": "It left",
    "during": "It left",
    "on_return": "It came back",
    "after_return": "It came back",
}
"""What an obligation cannot be met before, as a sentence begins."""


def contest_by(closed_at: datetime | None, *, by_a_person: bool) -> datetime | None:
    """Until when it may be contested that an obligation was met; None where a step of the loan meets it, or nothing."""
    return closed_at + CONTEST_PERIOD if closed_at is not None and by_a_person else None


def after_step(code: str, due: Due, step: Step, moments: Moments, *, still_asked: bool) -> ObligationStatus:
    """What a pending obligation is after a step of its loan: pending still, met by the step itself, or lapsed.

    `still_asked`: the decision at this step attaches it, or none was made; what is due before the dispatch and is not
    asked for any more has been settled otherwise, as insurance is by a certificate.
    """
    if step == "over":
        return _S.LAPSED if moments.ended_at is None or code == RETURN_WHEN_RECALLED else _S.PENDING
    if due == "before_dispatch" and not still_asked:
        return _S.LAPSED
    if step == "dispatched" and code == CONDITION_REPORT:
        return _S.MET
    if step == "returned" and code == RETURN_WHEN_RECALLED:
        return _S.LAPSED if moments.recall_due_at is None else _S.MET
    return _S.PENDING


def status_at(stored: ObligationStatus, due: Deadline, now: datetime) -> ObligationStatus:
    """How an obligation stands at `now`."""
    if stored is _S.PENDING and not due.reminder and now >= due.at:
        return _S.BREACHED
    return stored


def late(stored: ObligationStatus, due: Deadline, occurred_at: datetime | None, now: datetime) -> bool:
    """Whether it was met after its deadline, or not although that has come; of a contested one, as it was said."""
    if stored in (_S.MET, _S.CONTESTED) and occurred_at is not None:
        return not due.reminder and occurred_at > due.at
    return status_at(stored, due, now) is _S.BREACHED


MET_BY_STEP: Final = {
    CONDITION_REPORT: "It is met by the report with which the asset is sent out.",
    RETURN_WHEN_RECALLED: "It is met by the return, and lapses where nothing is recalled.",
}
"""Obligations that a step of the loan meets, and nobody's word beside it."""


class Standing(Struct, kw_only=True, frozen=True):
    """What decides, beside its status, what can be done about an obligation.

    `law` is the citation of what it rests on; `not_yet` what it cannot be met before, while that has not come.
    `settled` is why it is contested no more: a step of the loan met it, its time is over, or it was accepted.
    """

    law: str | None = None
    code: str = ""
    not_yet: str | None = None
    settled: str | None = None


def settled(closed_at: datetime | None, accepted: bool, by_a_person: bool, now: datetime) -> str | None:
    """Why it can no longer be contested that an obligation was met; None while it can."""
    if accepted:
        return "Your agency has accepted that it was met."
    until = contest_by(closed_at, by_a_person=by_a_person)
    if until is None:
        return "A step of the loan met it: that step is what to speak of."
    return None if now < until else f"It stands: it could be contested until {format_instant(until)}."


def why_not(status: ObligationStatus, action: ObligationAction, of: Standing) -> str | None:
    """Why the action is not possible; None when it is."""
    if (status, action) not in TRANSITIONS:
        return f"The obligation is {status}."
    if action is _A.FULFIL and of.code in MET_BY_STEP:
        return MET_BY_STEP[of.code]
    if action is _A.FULFIL and of.not_yet is not None:
        return f"Not before this has come: {of.not_yet[0].lower()}{of.not_yet[1:]}."
    if action is _A.CONTEST:
        return of.settled
    if action is _A.WAIVE and of.law is not None:
        return f"It rests on law, which neither agency waives: {of.law}."
    return None


def advance(status: ObligationStatus, action: ObligationAction, of: Standing) -> ObligationStatus:
    """The status after the action. Raises WrongStatus."""
    if (reason := why_not(status, action, of)) is not None:
        raise WrongStatus(reason)
    return TRANSITIONS[status, action]


def check_evidence(statement: str | None, evidence: Sequence[str]) -> None:
    """Raises RuleBroken where nothing shows that the obligation was met."""
    if statement is None and not evidence:
        raise RuleBroken.at(
            "Give a statement of what was done, or the SHA-256 of a document that shows it.",
            "proof_missing",
            "a statement or a document",
            pointer="",
        )
