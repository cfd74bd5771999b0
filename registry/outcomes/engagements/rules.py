"""The life of an engagement and of a corrective action, and what may be said of each.

Types of exercises and the four ratings are those of the Homeland Security Exercise and Evaluation Program (HSEEP).
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import checked_instant, day_starts_at, known_zone


class EngagementKind(StrEnum):
    """What is held."""

    EXERCISE = "exercise"
    CROSS_TRAINING = "cross_training"
    WORKSHOP = "workshop"
    MENTORSHIP = "mentorship"
    MEETING = "meeting"
    TOWN_HALL = "town_hall"
    ADVISORY_BOARD = "advisory_board"
    NEIGHBOURHOOD_WATCH = "neighbourhood_watch"
    YOUTH_EVENT = "youth_event"
    SAFETY_FAIR = "safety_fair"


_K = EngagementKind

COMMUNITY: Final = frozenset({_K.TOWN_HALL, _K.ADVISORY_BOARD, _K.NEIGHBOURHOOD_WATCH, _K.YOUTH_EVENT, _K.SAFETY_FAIR})
"""Programmes for residents: these alone may stand in the list that everybody reads."""

TEACHES: Final = frozenset({_K.CROSS_TRAINING, _K.WORKSHOP})
"""After these each agency enters for its own people that they were trained."""


class ExerciseType(StrEnum):
    """How an exercise is done, from talking to acting (HSEEP)."""

    SEMINAR = "seminar"
    WORKSHOP = "workshop"
    TABLETOP = "tabletop"
    GAME = "game"
    DRILL = "drill"
    FUNCTIONAL = "functional"
    FULL_SCALE = "full_scale"


class Rating(StrEnum):
    """How an objective of an exercise was met (HSEEP: P, S, M, U)."""

    PERFORMED = "performed"
    SOME_CHALLENGES = "some_challenges"
    MAJOR_CHALLENGES = "major_challenges"
    UNABLE = "unable"


MET: Final = frozenset({Rating.PERFORMED, Rating.SOME_CHALLENGES})
"""Ratings by which an objective counts as met: the critical tasks were completed."""


class Group(StrEnum):
    """Who took part. People are counted and never named."""

    SWORN = "sworn"
    CIVILIAN = "civilian"
    VOLUNTEERS = "volunteers"
    OFFICIALS = "officials"
    RESIDENTS = "residents"
    YOUTH = "youth"
    OTHERS = "others"


class EngagementStatus(StrEnum):
    """How an engagement stands."""

    PLANNED = "planned"
    HELD = "held"
    CANCELLED = "cancelled"


class InvitationStatus(StrEnum):
    """What an agency answered to its invitation."""

    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class EngagementAction(StrEnum):
    """What a person does about an engagement, by the end of its address."""

    UPDATE = "update"
    INVITE = "invite"
    CANCEL = "cancel"
    COMPLETE = "complete"
    EVALUATE = "evaluate"
    PLAN_ACTION = "plan_action"
    ACCEPT_INVITATION = "accept_invitation"
    DECLINE_INVITATION = "decline_invitation"
    CREDIT_TRAINING = "credit_training"


_S, _A = EngagementStatus, EngagementAction

TRANSITIONS: Final[dict[tuple[EngagementStatus, EngagementAction], EngagementStatus]] = {
    (_S.PLANNED, _A.UPDATE): _S.PLANNED,
    (_S.PLANNED, _A.INVITE): _S.PLANNED,
    (_S.PLANNED, _A.CANCEL): _S.CANCELLED,
    (_S.PLANNED, _A.COMPLETE): _S.HELD,
    (_S.PLANNED, _A.ACCEPT_INVITATION): _S.PLANNED,
    (_S.PLANNED, _A.DECLINE_INVITATION): _S.PLANNED,
    # What came of it is often known only weeks later, and is said anew as more is known: the ledger keeps each.
    (_S.HELD, _A.EVALUATE): _S.HELD,
    (_S.HELD, _A.PLAN_ACTION): _S.HELD,
    (_S.HELD, _A.CREDIT_TRAINING): _S.HELD,
}


class CorrectiveActionStatus(StrEnum):
    """How a corrective action stands."""

    OPEN = "open"
    COMPLETED = "completed"
    CLOSED = "closed"


class ImprovementStep(StrEnum):
    """What a person does about a corrective action, by the end of its address."""

    COMPLETE = "complete"
    CLOSE = "close"
    REOPEN = "reopen"


_C, _I = CorrectiveActionStatus, ImprovementStep

STEPS: Final[dict[tuple[CorrectiveActionStatus, ImprovementStep], CorrectiveActionStatus]] = {
    (_C.OPEN, _I.COMPLETE): _C.COMPLETED,
    # Who owns it says that it is done and shows it; who held the exercise has seen that, or asks for more.
    (_C.COMPLETED, _I.CLOSE): _C.CLOSED,
    (_C.COMPLETED, _I.REOPEN): _C.OPEN,
}

SHOWN_BEFORE: Final = timedelta(days=30)
"""How long before its day a corrective action stands in an inbox."""

LONGEST: Final = timedelta(days=366)
"""How long an engagement may last: a mentorship runs for a year."""


def why_not(status: EngagementStatus, action: EngagementAction, *, kind: str, begun: bool) -> str | None:
    """Why the action is not possible; None when it is. `begun`: its start has come."""
    if (status, action) not in TRANSITIONS:
        return f"The engagement is {status}."
    if action is _A.COMPLETE and not begun:
        return "It has not begun: what came of it is entered once it was held."
    if action is _A.CREDIT_TRAINING and kind not in TEACHES:
        return "People are trained by a cross-training or a workshop."
    return None


def advance(status: EngagementStatus, action: EngagementAction, *, kind: str, begun: bool) -> EngagementStatus:
    """The status after the action. Raises WrongStatus."""
    if (reason := why_not(status, action, kind=kind, begun=begun)) is not None:
        raise WrongStatus(reason)
    return TRANSITIONS[status, action]


def why_no_answer(invitation: InvitationStatus, action: EngagementAction) -> str | None:
    """Why an invitation is not answered so; None when it can be. A mind may change until it is held."""
    said = {_A.ACCEPT_INVITATION: InvitationStatus.ACCEPTED, _A.DECLINE_INVITATION: InvitationStatus.DECLINED}[action]
    return f"Your agency has {said} already." if invitation is said else None


def why_no_step(status: CorrectiveActionStatus, step: ImprovementStep) -> str | None:
    """Why the step is not possible; None when it is."""
    return None if (status, step) in STEPS else f"The corrective action is {status}."


def take_step(status: CorrectiveActionStatus, step: ImprovementStep) -> CorrectiveActionStatus:
    """The status after the step. Raises WrongStatus."""
    if (reason := why_no_step(status, step)) is not None:
        raise WrongStatus(reason)
    return STEPS[status, step]


def is_late(completed_at: datetime | None, due_at: datetime, now: datetime) -> bool:
    """Whether it was completed after its day, or is not although that is over."""
    return (completed_at or now) >= due_at


def ends_of_day(day: date, time_zone: str) -> datetime:
    """When a day is over there: what is due on it is late from then on."""
    return day_starts_at(day + timedelta(days=1), ZoneInfo(time_zone))


def check_exercise(kind: EngagementKind, exercise_type: ExerciseType | None, objectives: int) -> None:
    """Raises RuleBroken for an exercise without a type, and for what is none with a type or objectives to rate."""
    if kind is _K.EXERCISE and exercise_type is None:
        raise RuleBroken.at("Say how the exercise is done.", "exercise_type_missing", pointer="/exercise_type")
    if kind is not _K.EXERCISE and (exercise_type is not None or objectives):
        place = "/exercise_type" if exercise_type is not None else "/objectives"
        raise RuleBroken.at("An exercise alone has a type, and objectives to rate.", "no_exercise", pointer=place)


def check_public(kind: EngagementKind, *, public: bool) -> None:
    """Raises RuleBroken for what is shown to everybody and is no programme for residents."""
    if public and kind not in COMMUNITY:
        raise RuleBroken.at(
            f"Everybody is shown programmes for residents alone: {', '.join(sorted(COMMUNITY))}.",
            "not_for_the_public",
            "not of this kind",
            pointer="/public",
        )


def checked_times(starts_at: datetime, ends_at: datetime, time_zone: str) -> tuple[datetime, datetime]:
    """Start and end in UTC. Raises RuleBroken for an unknown zone, and for an end before the start or too late."""
    known_zone(time_zone, "/time_zone")
    start, end = checked_instant(starts_at, "/starts_at"), checked_instant(ends_at, "/ends_at")
    if not start < end <= start + LONGEST:
        raise RuleBroken.at(
            "It ends after it starts, and within a year.",
            "window_reversed",
            "not within a year after",
            pointer="/ends_at",
        )
    return start, end


def check_rated(known: Collection[int], rated: Sequence[int]) -> None:
    """Raises RuleBroken for a rating of no objective, or a second one of the same."""
    for index, number in enumerate(rated):
        if number not in known or number in rated[:index]:
            raise RuleBroken.at(
                "Rate each objective of the exercise once, by its number.",
                "unknown_objective",
                "no such objective, or rated before",
                pointer=f"/ratings/{index}/objective_no",
            )


def check_evidence(statement: str | None, evidence: Sequence[str]) -> None:
    """Raises RuleBroken where nothing shows that a corrective action was done."""
    if statement is None and not evidence:
        raise RuleBroken.at(
            "Give a statement of what was done, or the SHA-256 of a document that shows it.",
            "proof_missing",
            "a statement or a document",
            pointer="",
        )
