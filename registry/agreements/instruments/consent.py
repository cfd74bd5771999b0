"""Consent: from when what one party records about another's act has effect, and when all who must agree have agreed.

Nobody binds, unbinds, widens, shortens or publishes for another. What one party records about another's act has effect
when that party confirms it, or once it has known of it for `CONTEST_PERIOD` without contesting; then it counts from the
act.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from registry.platform.kernel.intervals import Interval, earliest

CONTEST_PERIOD = timedelta(days=14)


class ReportedKind(StrEnum):
    """What a party is said to have done."""

    SIGNED = "signed"
    AGREED_VERBALLY = "agreed_verbally"
    GAVE_NOTICE = "gave_notice"
    WITHDREW = "withdrew"
    CONSENTED = "consented"
    WAS_NOTIFIED = "was_notified"


class Reported(msgspec.Struct, kw_only=True, frozen=True):
    """An act of another as it is written down; `counts_at` is from when it counts once it has effect."""

    agency_id: UUID
    kind: ReportedKind
    acted_on: date
    counts_at: datetime
    evidence_sha256: str
    reason: str
    version_id: UUID | None = None
    proposal_id: UUID | None = None
    notice_kind: str | None = None
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


# What binds a party by a text, and what ends that: a no to one of them is a no to the others.
BINDING = (ReportedKind.SIGNED, ReportedKind.AGREED_VERBALLY)
LEAVING = (ReportedKind.GAVE_NOTICE, ReportedKind.WITHDREW)
# Those that the party may still answer, unless it has had effect.
UNANSWERED = (ReportStatus.UNSECONDED, ReportStatus.OPEN, ReportStatus.UNCONFIRMED, ReportStatus.CONTESTED)


class Unconfirmed(StrEnum):
    """Why a party's silence does not count, so that a report has effect by its own confirmation alone."""

    SAID_NO = "said_no"
    MAY_NOT_ACT = "may_not_act"
    PARTICIPATION_SUSPENDED = "participation_suspended"
    AUTHORITY_ENDED = "authority_ended"
    EVIDENCE_NOT_ON_FILE = "evidence_not_on_file"


def why_unconfirmed(
    *, said_no: bool, may_act: bool, suspended: bool, may_sign: bool, on_file: bool
) -> Unconfirmed | None:
    """Why a report does not have effect by silence; None where it has once its time has run out.

    Not where the party has said no in the matter before, in whatever way. Not while it may not act in the registry, or
    has suspended its participation: it could not contest, or does not look. Not for an office that may not sign today,
    where a register says who may. And not without a document that it can read.
    """
    if said_no:
        return Unconfirmed.SAID_NO
    if not may_act:
        return Unconfirmed.MAY_NOT_ACT
    if suspended:
        return Unconfirmed.PARTICIPATION_SUSPENDED
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


class EndingGround(StrEnum):
    """On which ground an agreement ends for all."""

    MUTUAL_CONSENT = "mutual_consent"
    RIGHT_TO_END = "right_to_end"


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


def suspended_stretches(stops: Sequence[datetime], goes_on: Sequence[datetime]) -> tuple[Interval, ...]:
    """From the instants at which the whole was suspended and reinstated, the stretches between; in order."""
    found: list[Interval] = []
    since: datetime | None = None
    for at, stopped in sorted([*((at, True) for at in stops), *((at, False) for at in goes_on)]):
        if stopped and since is None:
            since = at
        elif not stopped and since is not None:
            found.append(Interval(start=since, end=at))
            since = None
    return (*found, Interval(start=since)) if since is not None else tuple(found)


def stays_published(words: Iterable[bool | None], *, before: bool) -> bool:
    """Whether a thing is shown to others than the parties, of whose words `None` is still outstanding.

    Once each party that is asked has agreed, and from then on until one takes its word back: who becomes a party to
    what is published already may do so too. No silence counts.
    """
    said = tuple(words)
    return False not in said and (before or (bool(said) and None not in said))
