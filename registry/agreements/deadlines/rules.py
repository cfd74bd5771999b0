"""What falls due under one agreement, as a function of its record and the instant; nothing here is stored.

A day is a civil one of the agreement's time zone (of the agency's, for its insurance) and is over when that day ends
there. What passes without anybody's doing wrong is never overdue: a notice day that went by gives way to the next
term's, and a renewal moves the current term on.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.agreements.deadlines.periods import (
    Term,
    day_ends_at,
    last_day_before,
    on_calendar,
    open_notice_day,
    term_at,
)
from registry.agreements.in_force import Renewal, add_months
from registry.agreements.in_force import last_day as last_day_of
from registry.agreements.rules import Stage

MONTHS_A_YEAR = 12


class DeadlineKind(StrEnum):
    """What falls due."""

    LAST_NOTICE = "last_notice"
    RENEWAL = "renewal"
    EXPIRY = "expiry"
    REVIEW = "review"
    RATIFICATION = "ratification"
    INSURANCE = "insurance"
    APPROVAL = "approval"
    FILING = "filing"
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
    DeadlineKind.REVIEW: 60,
    DeadlineKind.RATIFICATION: 10,
    DeadlineKind.INSURANCE: 30,
    DeadlineKind.APPROVAL: 60,
    DeadlineKind.FILING: 14,
    DeadlineKind.RETENTION_END: 30,
}

EndedBy = Literal["expiry", "termination", "supersession", "notice"]


class Proof(Struct, kw_only=True, frozen=True):
    """How long something that a party needs lasts: `through` is its last day, None where nothing is on file."""

    agency_id: UUID
    through: date | None
    needed_from: date
    time_zone: str
    revision: int = 0
    changed_at: datetime | None = None


class DutyDue(Struct, kw_only=True, frozen=True):
    """A filing or publication duty that is not waived."""

    id: UUID
    agency_id: UUID
    title: str
    citation: str | None
    due_on: date
    met: bool


class Keeping(Struct, kw_only=True, frozen=True):
    """How many years the record is kept once the agreement has ended, by which schedule."""

    years: int
    citation: str


class Record(Struct, kw_only=True, frozen=True):
    """What the deadlines of one agreement depend on.

    `bound_until` is when, by notices given, fewer than two parties are left. `let_end` says that the last periodic
    review decided to let the agreement end.
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
    notice_days: int
    renewal: Renewal | None = None
    first_effective_on: date
    review_every_months: int | None = None
    last_reviewed_on: date | None = None
    let_end: bool = False
    ratify_by: datetime | None = None
    ratified: bool = True
    terminated_at: datetime | None = None
    bound_until: datetime | None = None
    insurance_required: bool = False
    insurance_provision: str | None = None
    insurance: tuple[Proof, ...] = ()
    approvals: tuple[Proof, ...] = ()
    duties: tuple[DutyDue, ...] = ()
    keeping: Keeping | None = None
    held_by: str | None = None
    version: int = 1
    changed_at: datetime


class Due(Struct, frozen=True):
    """A day on which something falls due. `term` counts the renewals before it; `ended_by` is why it ends there."""

    kind: DeadlineKind
    on: date
    at: datetime
    time_zone: str
    met: bool = False
    agency_id: UUID | None = None
    duty: DutyDue | None = None
    term: int = 0
    ended_by: EndedBy | None = None
    missing: bool = False
    revision: int = 0
    changed_at: datetime | None = None

    @property
    def subject(self) -> str:
        """What tells two deadlines of one kind and one agreement apart."""
        return str(self.duty.id if self.duty is not None else self.agency_id or "")


class _Ending(Struct, frozen=True):
    on: date
    at: datetime
    by: EndedBy


def status_at(due: Due, now: datetime) -> DeadlineStatus:
    """How the deadline stands at `now`."""
    if due.met:
        return DeadlineStatus.MET
    if now >= due.at:
        return DeadlineStatus.OVERDUE
    today = now.astimezone(ZoneInfo(due.time_zone)).date()
    soon = (due.on - today) <= timedelta(days=LEAD_DAYS[due.kind])
    return DeadlineStatus.DUE_SOON if soon else DeadlineStatus.UPCOMING


def deadlines(record: Record, now: datetime) -> Iterator[Due]:
    """Everything that is due under the agreement, as it stands at `now`; in no order."""
    if record.ratify_by is not None:
        on = last_day_before(record.ratify_by, record.time_zone)
        yield Due(DeadlineKind.RATIFICATION, on, record.ratify_by, record.time_zone, record.ratified)
    if not record.executed:
        return
    ending = _decided_end(record)
    term = _term(record, now)
    if term is not None and (ending is None or ending.at > day_ends_at(term.ends_on, record.time_zone)):
        yield from _of_term(record, term, now)
        natural = _natural_end(record)
        if natural is not None and (ending is None or natural.at < ending.at):
            ending = natural
    if ending is not None and ending.by != "expiry":
        yield Due(DeadlineKind.EXPIRY, ending.on, ending.at, record.time_zone, now >= ending.at, ended_by=ending.by)
    if ending is None or now < ending.at:
        yield from _while_it_lasts(record)
    for duty in record.duties:
        if on_calendar(duty.due_on):
            at = day_ends_at(duty.due_on, record.time_zone)
            yield Due(DeadlineKind.FILING, duty.due_on, at, record.time_zone, duty.met, duty.agency_id, duty)
    kept = None if ending is None else _kept_until(record, ending.on)
    if kept is not None:
        at = day_ends_at(kept, record.time_zone)
        yield Due(DeadlineKind.RETENTION_END, kept, at, record.time_zone, now >= at)


def renews(renewal: Renewal | None, renewals: int) -> bool:
    """Whether a term that so many renewals led to is followed by another by itself."""
    return renewal is not None and (renewal.times is None or renewals < renewal.times)


def last_day(record: Record) -> date | None:
    """The last day on which the agreement binds anybody, as far as it is settled; None where it has no end."""
    known = [end for end in (_decided_end(record), _natural_end(record)) if end is not None]
    return min(known, key=lambda end: end.at).on if known else None


def kept_until(record: Record) -> date | None:
    """The last day on which the record must be kept; None while it is held, has no end, or no schedule is known."""
    ended_on = last_day(record) if record.executed else None
    return None if ended_on is None else _kept_until(record, ended_on)


def review_due_on(record: Record) -> date | None:
    """The day by which the agreement is to be reviewed: a cycle after the last review, or after it took effect."""
    if record.review_every_months is None:
        return None
    return add_months(record.last_reviewed_on or record.first_effective_on, record.review_every_months)


def _kept_until(record: Record, ended_on: date) -> date | None:
    if record.keeping is None or record.held_by is not None:
        return None
    on = add_months(ended_on, MONTHS_A_YEAR * record.keeping.years)
    return on if on_calendar(on) else None


def _decided_end(record: Record) -> _Ending | None:
    """The end that somebody brought about: a termination, a successor, or notices that leave nobody to be bound to."""
    superseded = record.stage is Stage.SUPERSEDED
    known: list[tuple[datetime, EndedBy]] = []
    if record.terminated_at is not None:
        known.append((record.terminated_at, "supersession" if superseded else "termination"))
    if record.bound_until is not None:
        known.append((record.bound_until, "notice"))
    if not known:
        return None
    at, by = min(known)
    return _Ending(last_day_before(at, record.time_zone), at, by)


def _natural_end(record: Record) -> _Ending | None:
    """The end by lapse of time, once every renewal that the text allows is used; None where there is none."""
    on = last_day_of(record.expires_on, record.renewal)
    return None if on is None else _Ending(on, day_ends_at(on, record.time_zone), "expiry")


def _term(record: Record, now: datetime) -> Term | None:
    return None if record.expires_on is None else term_at(record.expires_on, record.renewal, _today(record, now))


def _today(record: Record, now: datetime) -> date:
    return now.astimezone(ZoneInfo(record.time_zone)).date()


def _of_term(record: Record, term: Term, now: datetime) -> Iterator[Due]:
    """The current term's end, and the last day to give notice that is still open."""
    zone = record.time_zone
    if on_calendar(term.ends_on):
        at = day_ends_at(term.ends_on, zone)
        if renews(record.renewal, term.renewals):
            yield Due(DeadlineKind.RENEWAL, term.ends_on, at, zone, term=term.renewals)
        else:
            met = record.let_end and now >= at
            yield Due(DeadlineKind.EXPIRY, term.ends_on, at, zone, met, term=term.renewals, ended_by="expiry")
    assert record.expires_on is not None
    notice = open_notice_day(record.expires_on, record.renewal, record.notice_days, _today(record, now))
    if notice is not None and on_calendar(notice.ends_on):
        at = day_ends_at(notice.ends_on, zone)
        yield Due(DeadlineKind.LAST_NOTICE, notice.ends_on, at, zone, term=notice.renewals)


def _while_it_lasts(record: Record) -> Iterator[Due]:
    """What the parties owe each other until the agreement has ended."""
    review = review_due_on(record)
    if review is not None and on_calendar(review):
        at = day_ends_at(review, record.time_zone)
        yield Due(DeadlineKind.REVIEW, review, at, record.time_zone)
    for kind, proofs in (
        (DeadlineKind.INSURANCE, record.insurance),
        (DeadlineKind.APPROVAL, record.approvals),
    ):
        for proof in proofs:
            on = proof.through or max(proof.needed_from, record.first_effective_on)
            if on_calendar(on):
                yield Due(
                    kind,
                    on,
                    day_ends_at(on, proof.time_zone),
                    proof.time_zone,
                    agency_id=proof.agency_id,
                    missing=proof.through is None,
                    revision=proof.revision,
                    changed_at=proof.changed_at,
                )
