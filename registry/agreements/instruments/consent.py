"""Consent: from when what one party records about another's act has effect, and when all who must agree have agreed.

Nobody binds, unbinds, widens, shortens or publishes for another. What one party records about another's act has effect
when that party confirms it, or once it has known of it for `CONTEST_PERIOD` without contesting; then it counts from the
act.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from registry.agreements.instruments.ends import EndedBy
from registry.platform.kernel.intervals import Interval, earliest
from registry.platform.kernel.text import counted

CONTEST_PERIOD = timedelta(days=14)
"""How long whoever was told of what another says of it may contest that: an act here, a no-show or a time of a loan,
that an obligation was met. After that its silence counts."""
LEFT = "Your agency has left this agreement, and signs it no more."
LEFT_BEFORE = "Your agency had left before that text began: a signature to it binds nobody."
NO_PART = "Your agency is not bound by this agreement, so it has no part in this."
OF_ANOTHER = {
    LEFT: "That party had left the agreement by then: a signature of that day binds to nothing.",
    LEFT_BEFORE: "That party had left before that text began: a signature to it binds nobody.",
    NO_PART: "That party was not bound by this agreement on that day, so it has no part in changing it.",
}
"""The same of a hand that another reports."""


class ReportedKind(StrEnum):
    """What a party is said to have done."""

    SIGNED = "signed"
    AGREED_VERBALLY = "agreed_verbally"
    GAVE_NOTICE = "gave_notice"
    WITHDREW = "withdrew"
    CONSENTED = "consented"
    WAS_NOTIFIED = "was_notified"
    WAS_ASKED = "was_asked"
    RECEIVED_NOTICE = "received_notice"
    FULFILLED_DUTY = "fulfilled_duty"
    OWES_DUTY = "owes_duty"


class Reported(msgspec.Struct, kw_only=True, frozen=True):
    """An act of another as it is written down; `counts_at` is from when it counts once it has effect."""

    agency_id: UUID
    kind: ReportedKind
    acted_on: date
    counts_at: datetime
    evidence_sha256: str | None = None
    evidence_location: str | None = None
    reason: str
    version_id: UUID | None = None
    version_sha256: str | None = None
    proposal_id: UUID | None = None
    duty_id: UUID | None = None
    notice_kind: str | None = None
    leaves_on: date | None = None
    deliveries: list[dict[str, object]] | None = None
    signatory_title: str | None = None
    authority_id: UUID | None = None


class ReportStatus(StrEnum):
    """Where a report stands; the last three are final. Silence counts while it is open, and never else."""

    UNSECONDED = "unseconded"
    OPEN = "open"
    UNCONFIRMED = "unconfirmed"
    CONTESTED = "contested"
    CONFIRMED = "confirmed"
    TAKEN_BACK = "taken_back"
    REPLACED = "replaced"


# What is said of its part in a proposal. A notice tells who receives it, on the day on which it is given. What one did
# itself tells nobody: the registry puts that to those whom it concerns (`WAS_ASKED`), on the day on which it does.
OF_CONSENT = (ReportedKind.CONSENTED, ReportedKind.WAS_NOTIFIED, ReportedKind.WAS_ASKED)
# What binds a party by a text, and what ends that: a no to one of them is a no to the others.
BINDING = (ReportedKind.SIGNED, ReportedKind.AGREED_VERBALLY)
LEAVING = (ReportedKind.GAVE_NOTICE, ReportedKind.WITHDREW)
# What is said of one of its duties: that it did it, or that its text lays it upon it.
OF_DUTY = (ReportedKind.FULFILLED_DUTY, ReportedKind.OWES_DUTY)
# Those that the party may still answer, unless it has had effect.
UNANSWERED = (ReportStatus.UNSECONDED, ReportStatus.OPEN, ReportStatus.UNCONFIRMED, ReportStatus.CONTESTED)


class Unconfirmed(StrEnum):
    """Why a party's silence does not count, so that a report has effect by its own confirmation alone."""

    SAID_NO = "said_no"
    MAY_NOT_ACT = "may_not_act"
    PARTICIPATION_SUSPENDED = "participation_suspended"
    OWN_WORD_REQUIRED = "own_word_required"
    NOT_REACHED = "not_reached"
    AUTHORITY_ENDED = "authority_ended"
    EVIDENCE_NOT_ON_FILE = "evidence_not_on_file"


def why_unconfirmed(
    *, said_no: bool, may_act: bool, suspended: bool, own_word: bool, reached: bool, may_sign: bool, on_file: bool
) -> Unconfirmed | None:
    """Why a report does not have effect by silence; None where it has once its time has run out.

    Not where the party has said no in the matter before, in whatever way. Not while it may not act in the registry, or
    has suspended its participation: it could not contest, or does not look. Not to what would bind it, or free it,
    where it says that its own word alone does (`own_word`, by `takes_own_word`). Not before a person of it was ever
    seen in the registry: nobody has told it. Not for an office that may not sign today, where a register says who may.
    And not without a document that it can read.
    """
    if said_no:
        return Unconfirmed.SAID_NO
    if not may_act:
        return Unconfirmed.MAY_NOT_ACT
    if suspended:
        return Unconfirmed.PARTICIPATION_SUSPENDED
    if own_word:
        return Unconfirmed.OWN_WORD_REQUIRED
    if not reached:
        return Unconfirmed.NOT_REACHED
    if not may_sign:
        return Unconfirmed.AUTHORITY_ENDED
    return None if on_file else Unconfirmed.EVIDENCE_NOT_ON_FILE


class ProposalKind(StrEnum):
    """What needs the consent of each party that is bound."""

    END = "end"
    SUSPENSION = "suspension"
    REINSTATEMENT = "reinstatement"
    NEWCOMERS = "newcomers"
    SUPERSESSION = "supersession"
    DEPARTURE = "departure"
    EARLIER_DAY = "earlier_day"


def takes_own_word(kind: ReportedKind, proposed: ProposalKind | None = None) -> bool:
    """Whether what is reported takes the word of a party that lets no silence count; a consent by what was `proposed`.

    Whatever would bind it, or bind it to more, or take it out of what binds it. Not another's leaving, which is that
    one's to do, nor that a notice came to it, or that it did what it owes: of these nobody waits for its leave.
    """
    if kind in OF_CONSENT:
        return proposed is not ProposalKind.DEPARTURE
    return kind in (*BINDING, *LEAVING) or kind is ReportedKind.OWES_DUTY


# What one party did, and does not wait for: that it counts from its own day is put to those whose days it touches.
OF_ONE = (ProposalKind.DEPARTURE, ProposalKind.EARLIER_DAY)


class ProposalStatus(StrEnum):
    """Where a proposal stands; it is open while it may still come to nothing by somebody's silence or no.

    `reported`: it was recorded, by who is no party to it, of a paper; it stands so until each party that it names has
    confirmed it. It is open, without effect, while one contests it, or one that is bound has not confirmed it.
    """

    OPEN = "open"
    REPORTED = "reported"
    AGREED = "agreed"
    TAKEN_BACK = "taken_back"
    CLOSED = "closed"


class ClosedBecause(StrEnum):
    """Why a proposal was closed without anybody's taking it back: there is nothing left to consent to."""

    AGREEMENT_ENDED = "agreement_ended"
    AGREEMENT_EXPIRED = "agreement_expired"
    SUCCESSOR_ENDED = "successor_ended"
    NEWCOMERS_JOINED = "newcomers_joined"
    REPLACED = "replaced"


class Lapse(msgspec.Struct, frozen=True):
    """When a proposal comes to nothing by itself, unless it takes effect before, and why.

    `by_it`: what takes effect at that instant may be what brings it about, and so stays.
    """

    at: datetime
    because: ClosedBecause
    by_it: bool = False

    def has_come(self, agreed_at: datetime | None, now: datetime) -> bool:
        """Whether it has come to nothing by `now`, of what takes effect then if at all."""
        if self.at > now:
            return False
        return agreed_at is None or agreed_at > self.at or (agreed_at == self.at and not self.by_it)


ENDS_IT = (ProposalKind.END, ProposalKind.SUPERSESSION)
"""What is proposed to end the agreement: an end that was agreed is no end for these, since it may be theirs."""
AGREED_ENDS: tuple[EndedBy, ...] = ("termination", "supersession")
"""Of the reasons for an end those that all agreed on."""


def lapse_of(
    kind: ProposalKind,
    *,
    recorded: bool,
    over_at: datetime | None,
    over_by: EndedBy | None,
    successor_over_at: datetime | None,
) -> Lapse | None:
    """What a proposal does not outlive: the agreement's end (`ends`), and that of the one which is to take its place.

    Not where it is a question of the days before: of what one party did (`OF_ONE`), and what is `recorded` of a paper.
    """
    if recorded or kind in OF_ONE:
        return None
    ends = [] if successor_over_at is None else [Lapse(successor_over_at, ClosedBecause.SUCCESSOR_ENDED)]
    if over_at is not None and not (kind in ENDS_IT and over_by in AGREED_ENDS):
        expires = over_by in ("expiry", None)
        because = ClosedBecause.AGREEMENT_EXPIRED if expires else ClosedBecause.AGREEMENT_ENDED
        ends.append(Lapse(over_at, because, by_it=kind in ENDS_IT and not expires))
    return min(ends, key=lambda each: each.at, default=None)


def asks_until(proposed_at: datetime, not_before: datetime, lapse: Lapse | None) -> datetime | None:
    """Until when a proposal asks for consent: to take effect on the day that it names, or before it lapses.

    A day that was over when it was proposed is overdue from the start. None where it names no day but that on which it
    was proposed, and outlives whatever is to come: it waits, and no day is made up.
    """
    if not_before != proposed_at:
        return not_before
    return None if lapse is None else lapse.at


def proposal_status(
    *,
    taken_back_at: datetime | None,
    closed_because: str | None,
    agreed_at: datetime | None,
    given: Iterable[datetime | None],
    now: datetime,
    only_reported: bool = False,
) -> ProposalStatus:
    """Where a proposal stands, of which `given` are the instants from which the consents of those asked count.

    `only_reported`: it was recorded of others, one of whom has not said yet whether it was so.
    """
    if taken_back_at is not None or closed_because is not None:
        return ProposalStatus.TAKEN_BACK if closed_because is None else ProposalStatus.CLOSED
    if is_open(agreed_at, given, now):
        return ProposalStatus.OPEN
    return ProposalStatus.REPORTED if only_reported else ProposalStatus.AGREED


def is_open(agreed_at: datetime | None, given: Iterable[datetime | None], now: datetime) -> bool:
    """Whether somebody's consent is outstanding, or only reported and not yet of effect."""
    return agreed_at is None or any(at is not None and at > now for at in given)


def consent_barred(*, awaited: bool, has_part: bool, is_leaver: bool) -> str | None:
    """Why a party cannot consent to a proposal; `awaited`: it is asked, and has not consented by itself.

    `is_leaver`: it is the departure of that party itself, as another reported it, which has one answer.
    """
    if not awaited:
        return "Nothing in this proposal awaits your agency's consent."
    if is_leaver:
        return "Another reported that your agency left: confirm or contest that report instead."
    return None if has_part else NO_PART


def consents_from(not_before: datetime, reported_at: Iterable[datetime], *, of_a_day: bool, now: datetime) -> datetime:
    """From when a party's yes counts, by whatever verb it says it: to consent and to confirm are one word.

    From the day that is reported of it (`reported_at`, as the acts would count), else of what is put to it with a day
    that it is to count from (`of_a_day`: a departure, and what is recorded of a paper) from that day; never after now.
    """
    at = min(reported_at, default=None)
    if at is None:
        at = not_before if of_a_day else now
    return min(at, now)


def proposal_kept(*, is_over: bool, relied_on: bool, agreed_at: datetime | None, now: datetime) -> str | None:
    """Why who made a proposal cannot take it back; `relied_on`: another has consented to it by itself."""
    if is_over:
        return "The proposal was taken back, or closed, already."
    if relied_on or (agreed_at is not None and agreed_at <= now):
        return "Others have consented to it, or its day has come: it cannot be taken back any more."
    return None


RECORDED_BY_YOURSELF = "You recorded this yourself: a second person has to vouch for it."
NOT_ON_FILE = (
    "The document that shows it is not on file with the agreement, where the party and your agency can read it: file "
    "it first."
)
NOTHING_TO_SIGN = "The text that it is about waits for no signature any more."
_ANSWERED = "The report was answered, taken back or has had effect already."


def second_barred(status: str) -> str | None:
    """Why another operator cannot vouch for a report."""
    return None if status == ReportStatus.UNSECONDED else f"The report is {status}: it waits for no second operator."


def report_kept(status: str, *, is_settled: bool) -> str | None:
    """Why the party cannot confirm a report any more, nor who made it take it back."""
    return None if status in UNANSWERED and not is_settled else _ANSWERED


def contest_barred(status: str, notified_at: datetime | None, now: datetime) -> str | None:
    """Why the party cannot contest a report: it has said no already, or yes, or its time is over."""
    late = status == ReportStatus.OPEN and notified_at is not None and notified_at + CONTEST_PERIOD <= now
    contestable = (ReportStatus.UNSECONDED, ReportStatus.OPEN, ReportStatus.UNCONFIRMED)
    return None if status in contestable and not late else _ANSWERED


def ended_by_own_word(said: Collection[UUID], denied: Collection[UUID], joined: Collection[UUID]) -> frozenset[UUID]:
    """Whom alone an end that was reported still holds while it is contested: who said itself that it was so.

    Nobody, where one of those who contest has bound itself by the text: an end is an act of all who are bound, so the
    word of one of them frees it as little as its consent to any other end. Who contests and never bound itself keeps
    others from nothing that they have said themselves.
    """
    return frozenset() if any(each in joined for each in denied) else frozenset(said)


def where_contested(contesting: Sequence[str], ended_for: Sequence[str] = ()) -> str:
    """In words, what effect a contest leaves; `ended_for`: those who are held by their own word."""
    by = f"contested by {', '.join(contesting)}"
    if not ended_for:
        return f"{by}; it has no effect as long as that stands"
    return f"{by}; as long as that stands it has effect for {', '.join(ended_for)} alone, by the own word of each"


UNSAID_END = "it has no effect before each that is bound has confirmed it"
"""In words, what an end that was reported is while a party that has bound itself has not said so."""


class EndingGround(StrEnum):
    """On which ground an agreement ends for all; of an end that is `reported`, nobody here has said on which."""

    MUTUAL_CONSENT = "mutual_consent"
    RIGHT_TO_END = "right_to_end"
    REPORTED = "reported"


def in_effect_from(status: ReportStatus, notified_at: datetime | None, answered_at: datetime | None) -> datetime | None:
    """The instant from which a report has effect, if nobody contests it; None while it has none in sight."""
    if status is ReportStatus.CONFIRMED:
        return answered_at
    if status is ReportStatus.OPEN and notified_at is not None:
        return notified_at + CONTEST_PERIOD
    return None


def counted_from(counts_at: datetime, effect_from: datetime | None, now: datetime) -> datetime | None:
    """From when the act counts, with what is known at `now`: from its own day once it has effect, before not earlier.

    `counts_at` is when it would have counted, had it been known; None where it does not count.
    """
    if effect_from is None:
        return None
    return counts_at if effect_from <= now else max(counts_at, effect_from)


class Consenting(msgspec.Struct, kw_only=True, frozen=True):
    """One party that is asked: when it consented, and when it stops being bound by what it did for itself."""

    given_at: datetime | None
    leaves_at: datetime | None = None


def left_before_asked(gone_at: datetime | None, not_before: datetime, proposed_at: datetime) -> bool:
    """Whether a party had left when a thing was proposed that would take away days on which it was bound.

    Its own consent is waited for: that it has left says nothing of the days before. In SQL it is `visibility.is_asked`.
    """
    return gone_at is not None and not_before < gone_at <= proposed_at


def agreed_at(not_before: datetime, asked: Iterable[Consenting]) -> datetime | None:
    """When each of the parties asked has consented or left, and not before what was proposed; None while one has not.

    The one rule for the end by consent, for newcomers, for a suspension of the whole and for an amendment's signatures.
    """
    found = not_before
    for each in asked:
        done = earliest(each.given_at, each.leaves_at)
        if done is None:
            return None
        found = max(found, done)
    return found


def suspended_stretches(
    stops: Sequence[datetime], goes_on: Sequence[datetime], through_a_day: Sequence[Interval] = ()
) -> tuple[Interval, ...]:
    """The stretches in which the whole was suspended; in order, disjoint, whatever the order of their entry.

    From the instants at which it was suspended, and at which it went on; `through_a_day` are suspensions that end by
    themselves, unless all agreed before that it goes on.
    """
    found: list[Interval] = []
    for span in sorted([*(Interval(start=at) for at in stops), *through_a_day], key=lambda each: each.start):
        end = earliest(span.end, *(at for at in goes_on if at > span.start))
        if end is not None and end <= span.start:
            continue
        last = found[-1] if found else None
        if last is None or (last.end is not None and last.end < span.start):
            found.append(Interval(start=span.start, end=end))
        elif last.end is not None and (end is None or last.end < end):
            found[-1] = Interval(start=last.start, end=end)
    return tuple(found)


def stays_published(words: Iterable[bool | None], *, before: bool) -> bool:
    """Whether a thing is shown to others than the parties, of whose words `None` is still outstanding.

    Once each party that is asked has agreed, and from then on until one takes its word back: who becomes a party to
    what is published already may do so too. No silence counts.
    """
    said = tuple(words)
    return False not in said and (before or (bool(said) and None not in said))


MOST_NAMED = 5
"""How many acts a sentence names, of a compact of hundreds."""


class Reliance(msgspec.Struct, kw_only=True, frozen=True):
    """What another party did in view of a notice: its name, the act, and the day; of a signature the version."""

    agency: str
    did: str
    on: date
    version_no: int | None = None
    is_to_come: bool = False

    def __str__(self) -> str:
        """In words, as a part of a sentence; of what counts from a day to come that it does."""
        act = _RELYING.get(self.did, f"consented to the {self.did}")
        when = ", which counts from" if self.is_to_come else " on"
        return f"{self.agency} {act}{'' if self.version_no is None else f' version {self.version_no}'}{when} {self.on}"


_RELYING: Mapping[str, str] = {
    "signed": "signed",
    "approved": "recorded its governing body's approval",
    "left": "gave notice itself",
    "reported": "reported it",
    "let_pass": "let its own last day to leave with that term go by",
    "suspended": "suspended its participation",
    "reported_signed": "is reported to have signed",
    "reported_agreed_verbally": "is reported to have agreed by word of mouth",
    "reported_gave_notice": "is reported to have given notice",
    "reported_withdrew": "is reported to have left",
    "reported_consented": "is reported to have consented to what was proposed",
    "departure": "agreed to its day",
    "earlier_day": "agreed to the day of another's act",
    "newcomers": "consented to newcomers",
}


def relied_in_words(relied: Sequence[Reliance]) -> str:
    """What others did in view of a thing, as a part of a sentence."""
    more = [] if len(relied) <= MOST_NAMED else [f"and {counted(len(relied) - MOST_NAMED, 'more act')}"]
    return "; ".join([*map(str, relied[:MOST_NAMED]), *more])


def rescission_barred(
    leaves_at: datetime | None, at: datetime, *, own: bool, waits: bool, relied: Sequence[Reliance] = ()
) -> str | None:
    """Why a party cannot take its notice back; `waits`: for its receipt; `relied`: what others did in view of it."""
    if (leaves_at is None and not waits) or (leaves_at is not None and leaves_at <= at):
        return "Your agency has no notice that is still running."
    if not own:
        return "Your agency gave none: another reported one. Contest that instead."
    if not relied:
        return None
    return (
        f"Others have relied on your agency's notice since it was given: {relied_in_words(relied)}. So it is not taken "
        "back alone, and stands. To go on with them, conclude a new agreement, which each of them signs."
    )
