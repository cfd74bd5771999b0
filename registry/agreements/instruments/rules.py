"""The life of an agreement: its stored stage, the actions that move it, and what it is called at an instant.

The stage says what people did (`executed`); whether the agreement binds anybody is a matter of dates and is
derived (`registry.agreements.instruments.in_force`): signed is not in force.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from registry.agreements.instruments.consent import LEFT, LEFT_BEFORE, NO_PART
from registry.agreements.instruments.histories import AgreementDates
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.intervals import Interval, earliest
from registry.platform.kernel.time import last_day_before
from registry.platform.ledger.event_types import EventType


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


class ShownStage(StrEnum):
    """The stage as it is shown: of what is executed it says whether each party that the text names has signed."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    OUT_FOR_SIGNATURE = "out_for_signature"
    PARTLY_EXECUTED = "partly_executed"
    EXECUTED = "executed"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


ListingEvent: TypeAlias = Literal[
    EventType.AGREEMENT_NO_LONGER_LISTED, EventType.AGREEMENT_LISTED_AGAIN, EventType.AGREEMENT_LISTED_OTHERWISE
]
"""What became of an agreement on the published list that it was entered from."""


class AgreementAction(StrEnum):
    """What a person does to an agreement as a whole; a party's joining and leaving are dates on the party."""

    SUBMIT = "submit"
    SEND_BACK = "send_back"
    APPROVE = "approve"
    SEND_FOR_SIGNATURE = "send_for_signature"
    SIGN = "sign"
    CONFIRM = "confirm"
    EXECUTE = "execute"
    WITHDRAW = "withdraw"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    TERMINATE = "terminate"
    SUPERSEDE = "supersede"
    RECORD = "record"
    ACTIVATE_VERBALLY = "activate_verbally"
    AMEND = "amend"
    RECORD_AMENDMENT = "record_amendment"
    ADD_PARTIES = "add_parties"


class DerivedStatus(StrEnum):
    """What an executed agreement is at an instant; before execution its stage is its status.

    `unconfirmed`: fewer than two parties have signed it or confirmed that they did, whatever its days.
    `lapsed`: two parties were bound by it, and now fewer than two are, although nobody ended it as a whole.
    """

    UNCONFIRMED = "unconfirmed"
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
# unchanged, and how a party ratifies what it agreed to by word of mouth. Confirming that one signed on paper is a
# word of the past: it binds until the agreement was suspended or ended, so neither stands in its way, nor in that of
# an amendment that is recorded of a paper.
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
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.CONFIRM): Stage.OUT_FOR_SIGNATURE,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.EXECUTE): Stage.EXECUTED,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.SEND_BACK): Stage.DRAFT,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.ACTIVATE_VERBALLY): Stage.EXECUTED,
    (Stage.OUT_FOR_SIGNATURE, AgreementAction.WITHDRAW): Stage.WITHDRAWN,
    (Stage.EXECUTED, AgreementAction.SIGN): Stage.EXECUTED,
    (Stage.EXECUTED, AgreementAction.CONFIRM): Stage.EXECUTED,
    (Stage.EXECUTED, AgreementAction.AMEND): Stage.EXECUTED,
    (Stage.EXECUTED, AgreementAction.RECORD_AMENDMENT): Stage.EXECUTED,
    (Stage.EXECUTED, AgreementAction.ADD_PARTIES): Stage.EXECUTED,
    (Stage.EXECUTED, AgreementAction.SUSPEND): Stage.SUSPENDED,
    (Stage.EXECUTED, AgreementAction.TERMINATE): Stage.TERMINATED,
    (Stage.EXECUTED, AgreementAction.SUPERSEDE): Stage.SUPERSEDED,
    (Stage.SUSPENDED, AgreementAction.CONFIRM): Stage.SUSPENDED,
    (Stage.SUSPENDED, AgreementAction.AMEND): Stage.SUSPENDED,
    (Stage.SUSPENDED, AgreementAction.RECORD_AMENDMENT): Stage.SUSPENDED,
    (Stage.SUSPENDED, AgreementAction.REINSTATE): Stage.EXECUTED,
    (Stage.SUSPENDED, AgreementAction.TERMINATE): Stage.TERMINATED,
    (Stage.SUSPENDED, AgreementAction.SUPERSEDE): Stage.SUPERSEDED,
    (Stage.TERMINATED, AgreementAction.CONFIRM): Stage.TERMINATED,
    (Stage.TERMINATED, AgreementAction.RECORD_AMENDMENT): Stage.TERMINATED,
    (Stage.SUPERSEDED, AgreementAction.CONFIRM): Stage.SUPERSEDED,
    (Stage.SUPERSEDED, AgreementAction.RECORD_AMENDMENT): Stage.SUPERSEDED,
}


def advance(stage: Stage, action: AgreementAction) -> Stage:
    """The stage after `action`; raises WrongStatus where the table has no such move."""
    after = TRANSITIONS.get((stage, action))
    if after is None:
        raise WrongStatus.of("An agreement", stage, action)
    return after


def stage_barred(stage: Stage, action: AgreementAction) -> str | None:
    """Why the stage does not allow the action, in the words of `advance`."""
    return None if (stage, action) in TRANSITIONS else WrongStatus.of("An agreement", stage, action).detail


def edit_barred(stage: Stage) -> str | None:
    """Why a text at that stage is not edited."""
    if stage is Stage.DRAFT:
        return None
    way = "Open an amendment." if stage in (Stage.EXECUTED, Stage.SUSPENDED) else "Send it back first."
    return f"Only a draft can be edited, and the agreement is {stage.replace('_', ' ')}. {way}"


def keeping_barred(stage: str, *, shared: bool) -> str | None:
    """Why its keeping is offered to nobody: it is still the custodian's own."""
    return None if shared else f"Not while the agreement is {stage.replace('_', ' ')}: no other party knows of it."


def not_on_paper_yet(stage: str) -> str:
    """Why nothing is confirmed of a text that was not executed."""
    return f"The agreement is {stage.replace('_', ' ')}: what is not signed on paper yet is signed here."


ALREADY_SIGNED = "Your agency has signed this version already."
AMENDMENT_OPEN = "An amendment is open already: finish or withdraw it first."
NOBODY_BOUND = "Nobody is bound by it yet."
NOTHING_OUT = "No text waits for your agency's signature."
NOTHING_TO_JOIN = "There is no executed agreement here that your agency could still join."
NOTHING_TO_PUBLISH = "Nothing here awaits your agency's word to be published."


def allowed(stage: Stage) -> tuple[AgreementAction, ...]:
    """The actions possible from `stage`, in the table's order."""
    return tuple(action for (start, action) in TRANSITIONS if start is stage)


def derived_status(
    stage: Stage,
    dates: AgreementDates,
    at: datetime,
    *,
    joined: int,
    ends_at: datetime | None,
    force: Sequence[Interval],
    notice: Sequence[Interval] = (),
    pauses: Sequence[Interval] = (),
    superseded: bool = False,
) -> Stage | DerivedStatus:
    """What the agreement as a whole is at `at`, with today's knowledge; a single party may be bound for less.

    `joined` counts the parties that have signed or confirmed; `ends_at` is the end of its own text; `force` are the
    stretches in which at least two parties are bound, `notice` those in which a term's notice window is open, `pauses`
    those in which some party has suspended its own participation; `superseded` says that another text takes its place.
    Never executed: the stage. Afterwards the strongest statement wins: ended, in force (or its notice window; in a
    suspension of the whole nobody is bound), expired, suspended as a whole, suspended by its parties, lapsed,
    unconfirmed, not yet effective. An end set for a later day leaves the agreement in force until then, and an
    agreement that expired before it was terminated was expired in between.
    """
    if dates.executed_at is None:
        return stage
    if dates.ended_at is not None and at >= dates.ended_at:
        return Stage.SUPERSEDED if superseded else DerivedStatus.TERMINATED
    if any(window.contains(at) for window in force):
        open_for_notice = any(window.contains(at) for window in notice)
        return DerivedStatus.NOTICE_WINDOW if open_for_notice else DerivedStatus.IN_FORCE
    if ends_at is not None and at >= ends_at:
        return DerivedStatus.EXPIRED
    if any(suspension.contains(at) for suspension in dates.suspensions):
        return DerivedStatus.SUSPENDED
    if any(pause.contains(at) for pause in pauses):
        return DerivedStatus.SUSPENDED
    if any(window.end is not None and window.end <= at for window in force):
        return DerivedStatus.LAPSED
    return DerivedStatus.UNCONFIRMED if joined < 2 else DerivedStatus.NOT_YET_EFFECTIVE


def check_evidence(sha256: str | None, location: str | None, *, needed: bool) -> None:
    """Raises RuleBroken unless the evidence is a paper's hash or, where there is no file of it, its place: not both."""
    if sha256 is not None and location is not None:
        raise RuleBroken.at(
            "Evidence is the hash of a paper, or the place of one of which there is no file: give one of the two.",
            "evidence_twice",
            "given beside evidence_sha256",
            pointer="/evidence_location",
        )
    if needed and sha256 is None and location is None:
        raise RuleBroken.at(
            "Say what shows it: evidence_sha256 of the paper or, where there is no file of it, evidence_location.",
            "evidence_missing",
            "needed, or evidence_location",
            pointer="/evidence_sha256",
        )


def may_leave(stage: Stage, terminated_at: datetime | None, at: datetime) -> bool:
    """Whether a party may still give notice at `at`: the agreement is executed and has not ended.

    An end that is still to come keeps nobody from leaving before it.
    """
    return stage in (Stage.EXECUTED, Stage.SUSPENDED) and (terminated_at is None or at < terminated_at)


def left_in_time(stage: Stage, terminated_at: datetime | None, left_at: datetime) -> bool:
    """Whether a party can have left at `left_at`: the agreement was executed, and had not ended by then.

    What was done before an end is recorded after it as well.
    """
    executed = stage in (Stage.EXECUTED, Stage.SUSPENDED, Stage.TERMINATED, Stage.SUPERSEDED)
    return executed and (terminated_at is None or left_at < terminated_at)


def signed_too_late(signed_at: datetime, terminated_at: datetime | None, time_zone: str) -> str | None:
    """Why a signature on paper to an agreement that has ended is no confirmation: it was not there to be signed."""
    if terminated_at is None or signed_at < terminated_at:
        return None
    last = last_day_before(terminated_at, time_zone)
    return f"The agreement ended with {last}: a signature that counts from later binds to nothing."


def over_for_new_texts(terminated_at: datetime | None, at: datetime, time_zone: str) -> str | None:
    """Why nothing is written, or signed here, in an agreement that has ended; what was signed before it may be said."""
    if terminated_at is None or at < terminated_at:
        return None
    last = last_day_before(terminated_at, time_zone)
    return (
        f"The agreement ended with {last}: nothing is signed in it any more. What was signed on paper before that is "
        "recorded, reported and confirmed with its day."
    )


def recorded_too_late(at: datetime, terminated_at: datetime | None, time_zone: str) -> str | None:
    """Why nothing is recorded of a day after the end of an agreement; what came before is, with its evidence."""
    if terminated_at is None or at < terminated_at:
        return None
    last = last_day_before(terminated_at, time_zone)
    return f"The agreement ended with {last}. What was agreed on before that is recorded with its day and its evidence."


def pause_not_recorded(stage: Stage) -> str | None:
    """Why it cannot be recorded that all suspended the agreement, or let it go on: nobody was bound by it yet."""
    executed = stage in (Stage.EXECUTED, Stage.SUSPENDED, Stage.TERMINATED, Stage.SUPERSEDED)
    return None if executed else f"Not while the agreement is {stage.replace('_', ' ')}."


def while_it_lasted(terminated_at: datetime | None, now: datetime) -> datetime:
    """Now or, of an agreement that has ended, the last instant before that: who was bound until then."""
    return now if terminated_at is None or now < terminated_at else terminated_at - timedelta(microseconds=1)


def past_agreed_end(
    effective_on: date,
    expires_on: date | None,
    present_expires_on: date | None,
    last_day: date | None,
    *,
    on_paper: bool = False,
    is_over: bool = False,
) -> str | None:
    """Why a text is not recorded or signed any more, once an end is agreed: nothing of it would hold.

    `last_day`: of the agreement, by that end; None where there is none. It begins past that day, or its whole point is
    a term that is longer than the present one. Of what was signed on paper before it came here only the first matters:
    the end was agreed on whatever the paper says, and holds.
    """
    if last_day is None:
        return None
    ends_on, present = expires_on or date.max, present_expires_on or date.max
    longer = not on_paper and ends_on > last_day and ends_on > present
    if effective_on <= last_day and not longer:
        return None
    if is_over:
        return (
            f"The agreement ended with {last_day}: a text that begins after that day binds nobody, whenever it was "
            "signed. What goes on after it is a new agreement."
        )
    return (
        f"The parties have agreed that the agreement ends with {last_day}: a text that begins after that day, or makes "
        "the term longer than that, would end with it unsaid. An agreed end is not taken back: to go on after it, make "
        "a new agreement; else let this text end with that day."
    )


def refuse(bar: str | None) -> None:
    """Raises WrongStatus with the reason, where there is one, why a thing cannot be done; an offer shows the same."""
    if bar is not None:
        raise WrongStatus(bar)


NOTHING_TO_LEAVE = "Your agency is not bound by this agreement, so there is nothing to withdraw from."


def has_left(leaves_at: datetime | None, released_at: datetime | None, at: datetime) -> bool:
    """Whether a party's notice has run out, or another text has released it."""
    return any(gone is not None and gone <= at for gone in (leaves_at, released_at))


def is_gone(part: Any, at: datetime) -> bool:
    """Whether a party, of which this is the row, has left, or others are bound by a later text than any it signed."""
    lapsed_at: datetime | None = part.lapsed_at
    return (lapsed_at is not None and lapsed_at <= at) or has_left(part.leaves_at, part.released_at, at)


def unbound(part: Any, at: datetime) -> bool:
    """Whether a party has not joined yet, or is gone: what those who are bound do is not for it."""
    joined_at: datetime | None = part.joined_at
    return joined_at is None or joined_at > at or is_gone(part, at)


def hand_barred(part: Any, at: datetime, begins_at: datetime, *, of_bound: bool) -> str | None:
    """Why a hand that counts from that instant binds the party to nothing, whoever records it; None where it binds.

    `of_bound`: the text is a change that only who is bound signs. Any other binds whoever had not left by then, nor
    when the text begins.
    """
    if of_bound and (part.joined_at is None or is_gone(part, at)):
        return NO_PART
    if has_left(part.leaves_at, part.released_at, at):
        return LEFT
    return LEFT_BEFORE if has_left(part.leaves_at, part.released_at, begins_at) else None


def over_without_notice(part: Any, terminated_at: datetime | None, at: datetime) -> datetime | None:
    """Since when a party that had joined is bound no more, though it gave no notice; None where it is, or left.

    Its last text has ended, another took the agreement's place, or it was ended. Of the days before it may still record
    a notice that it had given.
    """
    over = earliest(part.lapsed_at, part.released_at, terminated_at)
    was_bound = part.joined_at is not None and part.joined_at <= at
    left_by_notice = part.leaves_at is not None and part.leaves_at <= at
    return over if was_bound and not left_by_notice and over is not None and over <= at else None


def notice_barred(
    stage: Stage,
    terminated_at: datetime | None,
    at: datetime,
    *,
    is_unbound: bool,
    over_at: datetime | None,
    notice_on: date | None,
    own: bool,
) -> str | None:
    """Why a party cannot give notice: nothing binds it, or its own notice stands; one that others reported does not.

    `over_at`: see `over_without_notice`; a notice of an earlier day may be recorded then.
    """
    if over_at is None and (is_unbound or not may_leave(stage, terminated_at, at)):
        return NOTHING_TO_LEAVE
    return f"Your agency gave notice on {notice_on} already." if own and notice_on is not None else None


def word_barred(
    stage: Stage,
    ratify_by: datetime | None,
    terminated_at: datetime | None,
    joined_at: datetime | None,
    at: datetime,
) -> str | None:
    """Why a party cannot agree by word of mouth."""
    if not takes_word(stage, ratify_by, terminated_at, at):
        return "Nothing here awaits your agency's word; sign the agreement instead."
    return None if joined_at is None else "Your agency is bound already."


def custody_barred(*, offered: bool, amendment_drafted: bool, not_of_all: bool) -> str | None:
    """Why a party cannot take over the keeping of the agreement; `not_of_all`: one has not agreed to it as a party."""
    if not offered:
        return "The keeping of this agreement was not offered to your agency."
    if not_of_all:
        return (
            "A party that was named before your agency has not agreed to it, and who keeps the file reads what all "
            "have filed: your agency keeps it once each of them has."
        )
    if amendment_drafted:
        return "The custodian is drafting an amendment: custody passes when it is submitted or withdrawn."
    return None


def stage_at(stage: Stage, terminated_at: datetime | None, now: datetime, *, superseded: bool) -> Stage:
    """The stage once what was agreed on before has taken effect, whether it is written down yet or not.

    An end that is still to come, since its day has not come or a consent may still be contested, ends nothing yet.
    """
    if stage not in (Stage.EXECUTED, Stage.SUSPENDED) or terminated_at is None or now < terminated_at:
        return stage
    return Stage.SUPERSEDED if superseded else Stage.TERMINATED


def shown_stage(stage: Stage, *, all_signed: bool) -> ShownStage:
    """What is shown of the stage; `all_signed`: each party that the text names has signed it, or said that it did.

    A paper that one party recorded is executed as far as that one goes. In SQL it is `queries.listing.stage_shown`.
    """
    return ShownStage.PARTLY_EXECUTED if stage is Stage.EXECUTED and not all_signed else ShownStage(stage)


def executed_when(set_up_at: datetime | None, joined: Iterable[datetime | None]) -> datetime | None:
    """When it was executed: with the last hand, or word, of those whom its text names; None while one is lacking.

    `joined`: from when that of each of them counts. `set_up_at`: when it became an agreement here, by the last
    signature, by word of mouth, or on the day of the paper that one of them recorded: from then on others may bind
    themselves by it, and that one day is no day of the others. In SQL it is `queries.versions.executed_at_told`.
    """
    days = list(joined)
    if set_up_at is None or None in days:
        return None
    return max([set_up_at, *(at for at in days if at is not None)])


def takes_word(stage: Stage, ratify_by: datetime | None, terminated_at: datetime | None, at: datetime) -> bool:
    """Whether a party may agree by word of mouth at `at`: what was set in motion so was neither ratified nor ended."""
    going_on = stage in (Stage.EXECUTED, Stage.TERMINATED) and (terminated_at is None or at < terminated_at)
    return going_on and ratify_by is not None and at < ratify_by


def approved_too_late(approved_at: datetime, terminated_at: datetime | None, time_zone: str) -> str | None:
    """Why a governing body's approval fills no day of an agreement: it came after the end."""
    if terminated_at is None or approved_at < terminated_at:
        return None
    return (
        f"The agreement ended with {last_day_before(terminated_at, time_zone)}: an approval of a later day fills none."
    )


def takes_approval_rules(stage: Stage) -> bool:
    """Whether it can be said that a governing body's approval is needed.

    Not of a draft, whose text may still change, and not of what binds nobody any more.
    """
    return stage not in (Stage.DRAFT, Stage.WITHDRAWN, Stage.TERMINATED, Stage.SUPERSEDED)


def takes_approvals(stage: Stage) -> bool:
    """Whether a governing body's approval can be recorded: also of the days before an end that has come."""
    return stage not in (Stage.DRAFT, Stage.WITHDRAWN)
