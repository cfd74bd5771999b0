"""The life of an agreement: its stored stage, the actions that move it, and what it is called at an instant.

The stage says what people did (`executed`); whether the agreement binds anybody is a matter of dates and is
derived (`registry.agreements.in_force`): signed is not in force.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from registry.agreements.in_force import AgreementDates, Interval, checked_notice_days
from registry.kernel.errors import WrongState


class AgreementKind(StrEnum):
    """Which written instrument it is."""

    MOU = "mou"
    MOA = "moa"
    MUTUAL_AID = "mutual_aid"
    INTERLOCAL = "interlocal"
    JOINT_TASK_FORCE = "joint_task_force"
    INFORMATION_SHARING = "information_sharing"
    EQUIPMENT_LOAN = "equipment_loan"
    COMPACT = "compact"


class Sensitivity(StrEnum):
    """Who may read a provision: everybody, the parties, or the custodian's cleared staff."""

    PUBLIC = "public"
    PARTIES = "parties"
    RESTRICTED = "restricted"


class Stage(StrEnum):
    """What is stored; the last three are final."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    OUT_FOR_SIGNATURE = "out_for_signature"
    EXECUTED = "executed"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class AgreementAction(StrEnum):
    """What a person does to an agreement as a whole; a party's joining and leaving are dates on the party."""

    SUBMIT = "submit"
    SEND_BACK = "send_back"
    APPROVE = "approve"
    SEND_FOR_SIGNATURE = "send_for_signature"
    SIGN = "sign"
    EXECUTE = "execute"
    WITHDRAW = "withdraw"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    TERMINATE = "terminate"
    SUPERSEDE = "supersede"
    RECORD = "record"
    ACTIVATE_VERBALLY = "activate_verbally"
    AMEND = "amend"
    ADD_PARTIES = "add_parties"


class DerivedStatus(StrEnum):
    """What an executed agreement is at an instant; before execution its stage is its status.

    `lapsed`: two parties were bound by it, and now fewer than two are, although nobody ended it as a whole.
    """

    NOT_YET_EFFECTIVE = "not_yet_effective"
    IN_FORCE = "in_force"
    NOTICE_WINDOW = "notice_window"
    LAPSED = "lapsed"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


# The stages before execution are also those of an amendment's text, on its way beside the executed agreement.
# `record` takes over a paper agreement that is signed already. Sending back from the signature round is safe
# because signatures bind to a version's hash: those given so far count for nothing once the text is submitted
# anew. Signing an executed agreement is how one more agency joins a master form that every party signs
# unchanged, and how a party ratifies what it agreed to by word of mouth.
TRANSITIONS: dict[tuple[Stage, AgreementAction], Stage] = {
    (Stage.DRAFT, AgreementAction.SUBMIT): Stage.IN_REVIEW,
    (Stage.DRAFT, AgreementAction.RECORD): Stage.EXECUTED,
    (Stage.DRAFT, AgreementAction.ACTIVATE_VERBALLY): Stage.EXECUTED,
    (Stage.DRAFT, AgreementAction.WITHDRAW): Stage.WITHDRAWN,
    (Stage.IN_REVIEW, AgreementAction.APPROVE): Stage.APPROVED,
    (Stage.IN_REVIEW, AgreementAction.SEND_BACK): Stage.DRAFT,
    (Stage.IN_REVIEW, AgreementAction.ACTIVATE_VERBALLY): Stage.EXECUTED,
    (Stage.IN_REVIEW, AgreementAction.WITHDRAW): Stage.WITHDRAWN,
    (Stage.APPROVED, AgreementAction.SEND_FOR_SIGNATURE): Stage.OUT_FOR_SIGNATURE,
    (Stage.APPROVED, AgreementAction.SEND_BACK): Stage.DRAFT,
    (Stage.APPROVED, AgreementAction.ACTIVATE_VERBALLY): Stage.EXECUTED,
    (Stage.APPROVED, AgreementAction.WITHDRAW): Stage.WITHDRAWN,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.SIGN): Stage.OUT_FOR_SIGNATURE,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.EXECUTE): Stage.EXECUTED,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.SEND_BACK): Stage.DRAFT,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.ACTIVATE_VERBALLY): Stage.EXECUTED,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.WITHDRAW): Stage.WITHDRAWN,
    (Stage.EXECUTED, AgreementAction.SIGN): Stage.EXECUTED,
    (Stage.EXECUTED, AgreementAction.AMEND): Stage.EXECUTED,
    (Stage.EXECUTED, AgreementAction.ADD_PARTIES): Stage.EXECUTED,
    (Stage.EXECUTED, AgreementAction.SUSPEND): Stage.SUSPENDED,
    (Stage.EXECUTED, AgreementAction.TERMINATE): Stage.TERMINATED,
    (Stage.EXECUTED, AgreementAction.SUPERSEDE): Stage.SUPERSEDED,
    (Stage.SUSPENDED, AgreementAction.AMEND): Stage.SUSPENDED,
    (Stage.SUSPENDED, AgreementAction.REINSTATE): Stage.EXECUTED,
    (Stage.SUSPENDED, AgreementAction.TERMINATE): Stage.TERMINATED,
    (Stage.SUSPENDED, AgreementAction.SUPERSEDE): Stage.SUPERSEDED,
}

# The shortest of the horizons at which agreements about to lapse are reported (30, 60, 90, 180 days), and
# about the cycle in which a governing body meets.
NOTICE_LEAD_DAYS = 30


def advance(stage: Stage, action: AgreementAction) -> Stage:
    """The stage after `action`; raises WrongState where the table has no such move."""
    after = TRANSITIONS.get((stage, action))
    if after is None:
        possible = ", ".join(allowed(stage)) or "nothing: this stage is final"
        raise WrongState(f"An agreement that is {stage} cannot {action}. Possible now: {possible}.")
    return after


def allowed(stage: Stage) -> tuple[AgreementAction, ...]:
    """The actions possible from `stage`, in the table's order."""
    return tuple(action for (start, action) in TRANSITIONS if start is stage)


def derived_status(
    stage: Stage,
    dates: AgreementDates,
    at: datetime,
    *,
    force: Sequence[Interval],
    notice: Sequence[Interval] = (),
) -> Stage | DerivedStatus:
    """What the agreement as a whole is at `at`, with today's knowledge; a single party may be bound for less.

    `force` are the stretches in which at least two parties are bound, `notice` those in which a term's notice window
    is open. Never executed: the stage. Afterwards the strongest statement wins: ended, expired, suspended, in force
    (or its notice window), lapsed, not yet effective. An end set for a later day leaves the agreement in force until
    then, and an agreement that expired before it was terminated was expired in between.
    """
    if dates.executed_at is None:
        return stage
    if dates.ended_at is not None and at >= dates.ended_at:
        return Stage.SUPERSEDED if stage is Stage.SUPERSEDED else DerivedStatus.TERMINATED
    if dates.last_ends_at is not None and at >= dates.last_ends_at:
        return DerivedStatus.EXPIRED
    if any(suspension.contains(at) for suspension in dates.suspensions):
        return DerivedStatus.SUSPENDED
    if any(window.contains(at) for window in force):
        open_for_notice = any(window.contains(at) for window in notice)
        return DerivedStatus.NOTICE_WINDOW if open_for_notice else DerivedStatus.IN_FORCE
    if any(window.end is not None and window.end <= at for window in force):
        return DerivedStatus.LAPSED
    return DerivedStatus.NOT_YET_EFFECTIVE


def may_leave(stage: Stage, terminated_at: datetime | None, at: datetime) -> bool:
    """Whether a party may still give notice at `at`: the agreement is executed and has not ended.

    Else a custodian could hold the others to the end by terminating it for a day far off.
    """
    if stage is Stage.TERMINATED:
        return terminated_at is not None and at < terminated_at
    return stage in (Stage.EXECUTED, Stage.SUSPENDED)


def last_notice_day(expires_on: date, notice_days: int) -> date:
    """The last civil day on which notice of `notice_days` still runs out by the end of `expires_on`.

    Raises RuleBroken for a period outside 0–3,650 days. Counted as `in_force.withdrawal_ends_at` counts: the
    day of the notice is left out and the last day is included, so notice given on this day ends together with
    the agreement.
    """
    return expires_on - timedelta(days=checked_notice_days(notice_days))


def notice_window_opens_on(expires_on: date, notice_days: int, lead_days: int = NOTICE_LEAD_DAYS) -> date:
    """The civil day on which an agreement's notice window opens: `lead_days` before the last notice day.

    From then until expiry somebody has to decide whether to renew, and until `last_notice_day` whether to
    give notice.
    """
    return last_notice_day(expires_on, notice_days) - timedelta(days=lead_days)
