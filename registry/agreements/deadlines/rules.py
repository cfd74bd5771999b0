"""The kinds of deadlines, what they depend on, how one stands at an instant; and what is entered of a review.

A day is a civil one of the agreement's time zone (of the agency's, for its insurance) and is over when that day ends
there. What passes without anybody's doing wrong is never overdue: a notice day that went by gives way to the next
term's, and a renewal moves the current term on.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.instruments.consent import ProposalKind, ReportedKind
from registry.agreements.instruments.ends import EndedBy
from registry.agreements.instruments.histories import TextWindow
from registry.agreements.instruments.notice import Notice, Period
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.term_days import Renewal
from registry.agreements.instruments.terms import Survival
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import civil_day


class DeadlineKind(StrEnum):
    """What falls due."""

    LAST_NOTICE = "last_notice"
    RENEWAL = "renewal"
    EXPIRY = "expiry"
    GAP = "gap"
    REVIEW = "review"
    RATIFICATION = "ratification"
    ANSWER = "answer"
    CONSENT = "consent"
    INSURANCE = "insurance"
    APPROVAL = "approval"
    FILING = "filing"
    SURVIVAL_END = "survival_end"
    RETENTION_END = "retention_end"


class DeadlineStatus(StrEnum):
    """How a deadline stands at an instant; `met` needs nothing more of anybody."""

    UPCOMING = "upcoming"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    MET = "met"


# Civil days before the day itself from which it is `due_soon`: about what it takes to act on it. A governing body meets
# monthly, a renewal wants a text, a review and signatures, a certificate comes by return of post.
LEAD_DAYS: Final[dict[DeadlineKind, int]] = {
    DeadlineKind.LAST_NOTICE: 30,
    DeadlineKind.RENEWAL: 30,
    DeadlineKind.EXPIRY: 90,
    DeadlineKind.GAP: 90,
    DeadlineKind.REVIEW: 60,
    DeadlineKind.RATIFICATION: 10,
    DeadlineKind.ANSWER: 15,  # its 14 times 24 hours end on the 15th day where clocks go forward late in the evening
    DeadlineKind.CONSENT: 30,
    DeadlineKind.INSURANCE: 30,
    DeadlineKind.APPROVAL: 60,
    DeadlineKind.FILING: 14,
    DeadlineKind.SURVIVAL_END: 30,
    DeadlineKind.RETENTION_END: 30,
}


class Proof(Struct, kw_only=True, frozen=True):
    """How long something that a party needs lasts: `through` is its last day, None where nothing is on file."""

    agency_id: UUID
    through: date | None
    needed_from: date
    time_zone: str
    revision: int = 0
    changed_at: datetime | None = None


class DutyDue(Struct, kw_only=True, frozen=True):
    """A filing or publication duty that is not waived. A `reminder` is the registry's day and not the law's.

    `condition`: on what it depends that it is one at all, as long as its agency has not settled that.
    """

    id: UUID
    agency_id: UUID
    title: str
    citation: str | None
    due_on: date
    met: bool
    reminder: bool = False
    condition: str | None = None


class ReportDue(Struct, kw_only=True, frozen=True):
    """What was reported of a party and has effect at that instant, unless the party contests it before.

    `acted_on` is None of a consent by a successor's signature: not every party may know of that agreement.
    """

    id: UUID
    agency_id: UUID
    kind: ReportedKind
    acted_on: date | None
    takes_effect_at: datetime


class ConsentDue(Struct, kw_only=True, frozen=True):
    """What was proposed to a party and waits for its consent: `at` is the day proposed, or when it comes to nothing.

    `backdated`: the day proposed was over when it was proposed, so the consent is late from the start.
    """

    id: UUID
    agency_id: UUID
    kind: ProposalKind
    at: datetime
    lapses: bool
    backdated: bool = False


class Keeping(Struct, kw_only=True, frozen=True):
    """How many years the record is kept once the agreement has ended, by which schedule.

    `citation` None: a party asks for it, and by which schedule is not for whoever asks.
    """

    years: int
    citation: str | None


class Gap(Struct, frozen=True):
    """A text ends at one instant and the next one begins only at the other."""

    ends_at: datetime
    until: datetime


class TextBeside(Struct, kw_only=True, frozen=True):
    """A text with a term that binds the agency that asks to some parties, and is not the one whose days are its own.

    `bound_to`: by other party when which text binds the two, each text by its version number.
    """

    version_id: UUID
    version_no: int
    agency_id: UUID
    expires_on: date
    renewal: Renewal | None
    notice: Notice
    bound_to: tuple[tuple[UUID, tuple[TextWindow, ...]], ...]


class Record(Struct, kw_only=True, frozen=True):
    """What the deadlines of one agreement depend on.

    `over_at` is when it ends, by `over_by`, and `own_over_at` when that is before for the party that asks: see
    `instruments.ends`. None of it rests on what others reported and has not taken effect, for which there is `reports`.
    `let_end` says that the last periodic review decided to let the agreement end; `binds` that two at least came to be
    parties to it, for one that bound nobody to another lapses without anybody's having missed a day.

    `expires_on`, `renewal` and `notice` are of the texts that bind the party that asks, else of the agreement's own;
    `beside` are other texts that bind it to some of the others. `leaves_at`: when that party leaves, by its notice or
    for a successor.
    """

    id: UUID
    number: str
    title: str
    kind: str
    custodian_id: UUID
    version_id: UUID
    stage: Stage
    time_zone: str
    executed: bool
    effective_on: date
    expires_on: date | None
    notice: Notice
    renewal: Renewal | None = None
    first_effective_on: date
    gap: Gap | None = None
    surviving: tuple[Survival, ...] = ()
    review_every_months: int | None = None
    last_reviewed_on: date | None = None
    let_end: bool = False
    binds: bool = True
    ratify_by: datetime | None = None
    ratified: bool = True
    over_at: datetime | None = None
    over_by: EndedBy | None = None
    own_over_at: datetime | None = None
    leaves_at: datetime | None = None
    beside: tuple[TextBeside, ...] = ()
    insurance_required: bool = False
    insurance_provision: str | None = None
    insurance: tuple[Proof, ...] = ()
    approvals: tuple[Proof, ...] = ()
    duties: tuple[DutyDue, ...] = ()
    reports: tuple[ReportDue, ...] = ()
    consents: tuple[ConsentDue, ...] = ()
    keeping: Keeping | None = None
    held_by: str | None = None
    version: int = 1
    changed_at: datetime

    def of(self, text: TextBeside | None) -> "Record":
        """The record with the days of a text beside; itself for None."""
        if text is None:
            return self
        own = {name: getattr(text, name) for name in ("version_id", "expires_on", "renewal", "notice")}
        return replace(self, **own)


class Due(Struct, frozen=True):
    """A day on which something falls due. `term` counts the renewals before it; `ended_by` is why it ends there.

    `not_of`: parties that it does not concern, although it names none, since they have a day of their own.
    `settled`: somebody has decided to let the day come. `beside`: the text whose day it is, where that binds the agency
    that asks to some of the others alone, to `towards`.
    """

    kind: DeadlineKind
    on: date
    at: datetime
    time_zone: str
    met: bool = False
    agency_id: UUID | None = None
    duty: DutyDue | None = None
    report: ReportDue | None = None
    consent: ConsentDue | None = None
    term: int = 0
    ended_by: EndedBy | None = None
    missing: bool = False
    revision: int = 0
    changed_at: datetime | None = None
    period: Period | None = None
    not_of: tuple[UUID, ...] = ()
    settled: bool = False
    clause: str | None = None
    beside: TextBeside | None = None
    towards: tuple[UUID, ...] = ()

    @property
    def subject(self) -> str:
        """What tells two deadlines of one kind and one agreement apart."""
        it = self.duty or self.report or self.consent
        named = str(it.id if it is not None else self.agency_id or self.clause or "")
        return named if self.beside is None else ".".join(filter(None, [str(self.beside.version_id), named]))


SHOWN_AFTER: Final = timedelta(days=90)
"""How long after its day a deadline is still shown that nobody can do anything about any more."""

# What is over once its day has passed for long, though nobody met it: the agreement has ended by then.
_PASSES: Final = frozenset({DeadlineKind.EXPIRY, DeadlineKind.RATIFICATION})

# What comes by itself: a renewal that everybody may want, the end of what survives or of the time of keeping a record.
_BY_ITSELF: Final = frozenset({DeadlineKind.RENEWAL, DeadlineKind.SURVIVAL_END, DeadlineKind.RETENTION_END})


def asks_for_an_act(due: Due) -> bool:
    """Whether somebody has to do something by that day, and is to be reminded of it."""
    if due.met or due.settled or due.kind in _BY_ITSELF:
        return False
    return due.kind is not DeadlineKind.EXPIRY or due.ended_by == "expiry"


def status_at(due: Due, now: datetime) -> DeadlineStatus:
    """How the deadline stands at `now`."""
    if due.met:
        return DeadlineStatus.MET
    if now >= due.at:
        ours = due.duty is not None and due.duty.reminder
        return DeadlineStatus.DUE_SOON if ours else DeadlineStatus.OVERDUE
    today = civil_day(now, due.time_zone)
    soon = (due.on - today) <= timedelta(days=LEAD_DAYS[due.kind])
    return DeadlineStatus.DUE_SOON if soon else DeadlineStatus.UPCOMING


def is_closed(due: Due, now: datetime) -> bool:
    """Whether it is long past and nothing is left to do about it; a record that need not be kept may still be there."""
    over = (due.met or due.kind in _PASSES) and due.kind is not DeadlineKind.RETENTION_END
    return over and now >= due.at + SHOWN_AFTER


class ReviewOutcome(StrEnum):
    """What a periodic review decided."""

    KEEP = "keep"
    RENEW = "renew"
    AMEND = "amend"
    TERMINATE = "terminate"


def reviewable(executed: bool, stage: str) -> None:
    """Raises WrongStatus for an agreement that was never signed."""
    if not executed:
        raise WrongStatus(f"The agreement is {stage}: periodic review begins once it is executed.")


def checked_review_day(reviewed_on: date, effective_on: date, today: Today) -> None:
    """Raises RuleBroken for a review to come, or before the agreement took effect."""
    today.check_come(reviewed_on, "/reviewed_on", "not_then", "A review is entered once it is complete.")
    if reviewed_on < effective_on:
        raise RuleBroken.at(
            f"The agreement took effect on {effective_on}: what was reviewed before was its draft.",
            "not_then",
            pointer="/reviewed_on",
        )
