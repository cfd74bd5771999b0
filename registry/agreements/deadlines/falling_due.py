"""What falls due under one agreement, kind by kind, as a function of its record and the instant."""

from collections.abc import Iterator
from datetime import date, datetime

from msgspec.structs import replace

from registry.agreements.deadlines.endings import Ending, ending_of, last_day, of_all, renews
from registry.agreements.deadlines.periods import Term, open_notice_day, term_at
from registry.agreements.deadlines.retention import kept_after
from registry.agreements.deadlines.rules import DeadlineKind, Due, Record, TextBeside, is_closed
from registry.agreements.instruments.term_days import term_day, term_end
from registry.agreements.instruments.terms import Survival
from registry.agreements.instruments.together import goes_on, runs_out
from registry.platform.kernel.time import add_months, civil_day, day_ends_at, last_day_before, on_calendar


def deadlines(record: Record, now: datetime) -> Iterator[Due]:
    """What is due under the agreement, as it stands at `now`, and is not closed; in no order."""
    return (due for due in _all(record, now) if not is_closed(due, now))


def _all(record: Record, now: datetime) -> Iterator[Due]:
    ending = ending_of(record)
    over = None if ending is None else ending.at
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
    term = _term(record, now, over)
    term_at = None if term is None else day_ends_at(term.ends_on, record.time_zone)
    if term is not None and term_at is not None and (ending is None or _reaches(ending, term_at)):
        yield from _of_term(record, term, over, now)
    if ending is not None and (term_at is None or ending.by != "expiry" or not _reaches(ending, term_at)):
        settled = ending.by == "expiry" and _lets_end(record, ending.at, now)
        yield Due(
            DeadlineKind.EXPIRY,
            ending.on,
            ending.at,
            record.time_zone,
            now >= ending.at and (settled or ending.by != "expiry"),
            ended_by=ending.by,
            settled=settled,
        )
    for text in record.beside:
        yield from _of_text_beside(record, text, now)
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
    ended_on = last_day(of_all(record))  # the record is kept for as long as anybody is bound by it, and the years after
    kept = None if ended_on is None else kept_after(record, ended_on)
    if kept is not None:
        at = day_ends_at(kept, record.time_zone)
        yield Due(DeadlineKind.RETENTION_END, kept, at, record.time_zone, now >= at)


def review_due_on(record: Record) -> date | None:
    """The day by which the agreement is to be reviewed: a cycle after the last review, or after it took effect."""
    if record.review_every_months is None:
        return None
    return next_review_on(record.review_every_months, record.last_reviewed_on or record.first_effective_on)


def next_review_on(every_months: int, last_on: date) -> date:
    """The day by which a review is due, a cycle after the last one, or after the agreement first took effect."""
    return add_months(last_on, every_months)


def _survives(record: Record, survival: Survival, ended_on: date, now: datetime) -> Iterator[Due]:
    """The last day of a provision that goes on after the end, where the text sets one."""
    on = None if survival.months is None else term_end(ended_on, survival.months)
    if on is not None and on_calendar(on):
        at = day_ends_at(on, record.time_zone)
        yield Due(DeadlineKind.SURVIVAL_END, on, at, record.time_zone, now >= at, clause=survival.clause)


def _term(record: Record, now: datetime, over_at: datetime | None) -> Term | None:
    if record.expires_on is None:
        return None
    return term_at(record.expires_on, record.renewal, term_day(now, record.time_zone, over_at))


def _reaches(ending: Ending, term_at: datetime) -> bool:
    """Whether the term runs to its own end: an act that ends it at the same instant counts before that."""
    return ending.at > term_at or (ending.at == term_at and ending.by == "expiry")


def _lets_end(record: Record, at: datetime, now: datetime) -> bool:
    """Whether nobody has anything to do about its last day: a review let it end, or it is over and bound nobody."""
    return record.let_end or (not record.binds and now >= at)


def _today(record: Record, now: datetime) -> date:
    return civil_day(now, record.time_zone)


def _of_term(record: Record, term: Term, over: datetime | None, now: datetime) -> Iterator[Due]:
    """The current term's end, and the last day to give notice that is still open; `over`: the end of the agreement."""
    zone = record.time_zone
    if on_calendar(term.ends_on):
        at = day_ends_at(term.ends_on, zone)
        if renews(record.renewal, term.renewals):
            yield Due(DeadlineKind.RENEWAL, term.ends_on, at, zone, term=term.renewals)
        else:
            settled = _lets_end(record, at, now)
            yield Due(
                DeadlineKind.EXPIRY,
                term.ends_on,
                at,
                zone,
                settled and now >= at,
                term=term.renewals,
                ended_by="expiry",
                settled=settled,
            )
    yield from _of_notice(record, over, now)


def _of_text_beside(record: Record, text: TextBeside, now: datetime) -> Iterator[Due]:
    """The same of a text that binds the agency that asks to some of the others, as far as another does not go on."""
    its = record.of(text)
    term = _term(its, now, None)
    if term is None or not on_calendar(term.ends_on):
        return
    at = day_ends_at(term.ends_on, record.time_zone)
    holds = goes_on if renews(text.renewal, term.renewals) else runs_out
    towards = tuple(agency_id for agency_id, both in text.bound_to if holds(both, text.version_no, at))
    ending = ending_of(record)
    over = None if ending is None else ending.at
    if not towards or (over is not None and over <= at):  # of the end for all, or of its own, the agency is told
        return
    for due in _of_term(its, term, over, now):
        if due.agency_id is None or due.agency_id in (text.agency_id, *towards):
            yield replace(due, beside=text, towards=towards)


def _of_notice(record: Record, over: datetime | None, now: datetime) -> Iterator[Due]:
    """The last day of the notice that keeps a term from being renewed, for each party with a period of its own.

    A term that ends anyway asks nobody to act, by the text or because all is `over` by its last day, and of a text that
    is silent no day can be told. `settling.notice_windows` goes by the same.
    """
    assert record.expires_on is not None
    own = [each.agency_id for each in record.notice.by_party]
    for agency_id in (None, *own):
        period = record.notice.general if agency_id is None else record.notice.of(agency_id)
        if period is None:
            continue
        notice = open_notice_day(record.expires_on, record.renewal, period, _today(record, now))
        if notice is None or record.renewal is None or not renews(record.renewal, notice.renewals):
            continue
        term_on = record.renewal.ends_on(record.expires_on, notice.renewals)
        ends_anyway = over is not None and over <= day_ends_at(term_on, record.time_zone)
        if on_calendar(notice.ends_on) and not ends_anyway:
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
