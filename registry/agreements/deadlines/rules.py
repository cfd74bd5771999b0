"""What falls due under one agreement, as a function of its record and the instant; and what is entered of it.

A day is a civil one of the agreement's time zone (of the agency's, for its insurance) and is over when that day ends
there. What passes without anybody's doing wrong is never overdue: a notice day that went by gives way to the next
term's, and a renewal moves the current term on.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from registry.agreements.deadlines.periods import Term, open_notice_day, term_at
from registry.agreements.instruments.consent import ProposalKind, ReportedKind
from registry.agreements.instruments.in_force import Renewal, term_day, term_end
from registry.agreements.instruments.in_force import last_day as last_day_of
from registry.agreements.instruments.notice import Notice, Period
from registry.agreements.instruments.rules import AgreementKind, Stage
from registry.agreements.instruments.terms import Survival
from registry.agreements.law.rules import Law, Matter, Party, applies, checked_laws
from registry.agreements.law.switch import is_on
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import add_months, civil_day, day_ends_at, last_day_before, on_calendar
from registry.platform.kernel.yaml_text import read_yaml

MONTHS_A_YEAR = 12


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
    """A filing or publication duty that is not waived. A `reminder` is the registry's day and not the law's."""

    id: UUID
    agency_id: UUID
    title: str
    citation: str | None
    due_on: date
    met: bool
    reminder: bool = False


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
    """How many years the record is kept once the agreement has ended, by which schedule."""

    years: int
    citation: str


class Gap(Struct, frozen=True):
    """A text ends at one instant and the next one begins only at the other."""

    ends_at: datetime
    until: datetime


class Record(Struct, kw_only=True, frozen=True):
    """What the deadlines of one agreement depend on.

    `bound_until` is when, by notices given, fewer than two parties are left; neither that nor `terminated_at` rests on
    what others reported and has not taken effect, for which there is `reports`. `let_end` says that the last periodic
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
    notice: Notice
    renewal: Renewal | None = None
    first_effective_on: date
    gap: Gap | None = None
    surviving: tuple[Survival, ...] = ()
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
    reports: tuple[ReportDue, ...] = ()
    consents: tuple[ConsentDue, ...] = ()
    keeping: Keeping | None = None
    held_by: str | None = None
    version: int = 1
    changed_at: datetime


class Due(Struct, frozen=True):
    """A day on which something falls due. `term` counts the renewals before it; `ended_by` is why it ends there.

    `not_of`: parties that it does not concern, although it names none, since they have a day of their own.
    `settled`: somebody has decided to let the day come.
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

    @property
    def subject(self) -> str:
        """What tells two deadlines of one kind and one agreement apart."""
        it = self.duty or self.report or self.consent
        return str(it.id if it is not None else self.agency_id or self.clause or "")


class _Ending(Struct, frozen=True):
    on: date
    at: datetime
    by: EndedBy


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


def deadlines(record: Record, now: datetime) -> Iterator[Due]:
    """What is due under the agreement, as it stands at `now`, and is not closed; in no order."""
    return (due for due in _all(record, now) if not is_closed(due, now))


def _all(record: Record, now: datetime) -> Iterator[Due]:
    ending = _decided_end(record)
    over = min((end.at for end in (ending, _natural_end(record)) if end is not None), default=None)
    # What has ended, or ends before, asks nobody to ratify it.
    if record.ratify_by is not None and (over is None or (now < over and record.ratify_by <= over)):
        on = last_day_before(record.ratify_by, record.time_zone)
        yield Due(DeadlineKind.RATIFICATION, on, record.ratify_by, record.time_zone, record.ratified)
    if not record.executed:
        return
    for report in record.reports:
        if now < report.takes_effect_at:  # from then on nobody can answer it any more
            at = report.takes_effect_at
            on = last_day_before(at, record.time_zone)
            yield Due(DeadlineKind.ANSWER, on, at, record.time_zone, agency_id=report.agency_id, report=report)
    for each in record.consents:
        on = last_day_before(each.at, record.time_zone)
        yield Due(DeadlineKind.CONSENT, on, each.at, record.time_zone, agency_id=each.agency_id, consent=each)
    term = _term(record, now, None if ending is None else ending.at)
    if term is not None and (ending is None or ending.at > day_ends_at(term.ends_on, record.time_zone)):
        yield from _of_term(record, term, now)
        natural = _natural_end(record)
        if natural is not None and (ending is None or natural.at < ending.at):
            ending = natural
    if ending is not None and ending.by != "expiry":
        yield Due(DeadlineKind.EXPIRY, ending.on, ending.at, record.time_zone, now >= ending.at, ended_by=ending.by)
    if record.gap is not None and now < record.gap.until and (ending is None or now < ending.at):
        on = last_day_before(record.gap.ends_at, record.time_zone)
        yield Due(DeadlineKind.GAP, on, record.gap.ends_at, record.time_zone)
    if ending is None or now < ending.at:
        yield from _while_it_lasts(record)
    for duty in record.duties:
        if on_calendar(duty.due_on):
            at = day_ends_at(duty.due_on, record.time_zone)
            yield Due(DeadlineKind.FILING, duty.due_on, at, record.time_zone, duty.met, duty.agency_id, duty)
    if ending is not None:
        for survival in record.surviving:
            yield from _survives(record, survival, ending.on, now)
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


def _survives(record: Record, survival: Survival, ended_on: date, now: datetime) -> Iterator[Due]:
    """The last day of a provision that goes on after the end, where the text sets one."""
    on = None if survival.months is None else term_end(ended_on, survival.months)
    if on is not None and on_calendar(on):
        at = day_ends_at(on, record.time_zone)
        yield Due(DeadlineKind.SURVIVAL_END, on, at, record.time_zone, now >= at, clause=survival.clause)


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


def _term(record: Record, now: datetime, over_at: datetime | None) -> Term | None:
    if record.expires_on is None:
        return None
    return term_at(record.expires_on, record.renewal, term_day(now, record.time_zone, over_at))


def _today(record: Record, now: datetime) -> date:
    return civil_day(now, record.time_zone)


def _of_term(record: Record, term: Term, now: datetime) -> Iterator[Due]:
    """The current term's end, and the last day to give notice that is still open."""
    zone = record.time_zone
    if on_calendar(term.ends_on):
        at = day_ends_at(term.ends_on, zone)
        if renews(record.renewal, term.renewals):
            yield Due(DeadlineKind.RENEWAL, term.ends_on, at, zone, term=term.renewals)
        else:
            met = record.let_end and now >= at
            yield Due(
                DeadlineKind.EXPIRY,
                term.ends_on,
                at,
                zone,
                met,
                term=term.renewals,
                ended_by="expiry",
                settled=record.let_end,
            )
    yield from _of_notice(record, now)


def _of_notice(record: Record, now: datetime) -> Iterator[Due]:
    """The last day of the notice that keeps a term from being renewed, for each party with a period of its own.

    A term that ends anyway asks nobody to act, and of a text that is silent no day can be told.
    """
    assert record.expires_on is not None
    own = [each.agency_id for each in record.notice.by_party]
    for agency_id in (None, *own):
        period = record.notice.general if agency_id is None else record.notice.of(agency_id)
        if period is None:
            continue
        notice = open_notice_day(record.expires_on, record.renewal, period, _today(record, now))
        if notice is not None and on_calendar(notice.ends_on) and renews(record.renewal, notice.renewals):
            at = day_ends_at(notice.ends_on, record.time_zone)
            others = () if agency_id else tuple(own)
            yield Due(
                DeadlineKind.LAST_NOTICE,
                notice.ends_on,
                at,
                record.time_zone,
                agency_id=agency_id,
                term=notice.renewals,
                period=period,
                not_of=others,
            )


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


Years = Annotated[int, Meta(ge=0, le=100, description="Years after the agreement has ended.")]


class ReviewOutcome(StrEnum):
    """What a periodic review decided."""

    KEEP = "keep"
    RENEW = "renew"
    AMEND = "amend"
    TERMINATE = "terminate"


class RetentionRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A schedule for the records of agreements, as data."""

    code: Annotated[str, Meta(pattern=r"\A[a-z0-9_]{3,80}\Z")]
    years: Years
    law: Law


@cache
def retention_rules() -> tuple[RetentionRule, ...]:
    """The schedules that are shipped. Raises ValidationError, ValueError for data that cannot be meant."""
    text = (Path(__file__).parent / "retention.yaml").read_text("utf-8")
    rules = msgspec.convert(read_yaml(text), tuple[RetentionRule, ...])
    if len({rule.code for rule in rules}) != len(rules):
        raise ValueError("two schedules have one code")
    checked_laws({rule.code: rule.law for rule in rules})
    return rules


@cache
def _scheduled(instrument: AgreementKind, state: str | None, agency_kind: str, on: frozenset[str]) -> Keeping | None:
    custodian = Party(state=state, kind=agency_kind, side="custodian")
    matter = Matter(instrument=instrument, parties=(custodian,))
    found = [rule for rule in retention_rules() if rule.code in on and applies(rule.law.applies_to, matter)]
    longest = max(found, key=lambda rule: rule.years, default=None)
    return None if longest is None else Keeping(years=longest.years, citation=longest.law.cited)


def keeping(
    instrument: AgreementKind, state: str | None, agency_kind: str, own_years: int | None, own_basis: str | None
) -> Keeping | None:
    """What is set for the agreement itself, else the longest schedule for its custodian, else nothing that is known.

    State and kind are the custodian's.
    """
    if own_years is not None:
        return Keeping(years=own_years, citation=own_basis or "set for this agreement")
    on = frozenset(rule.code for rule in retention_rules() if is_on(rule.code, rule.law))
    return _scheduled(instrument, state, agency_kind, on)


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
