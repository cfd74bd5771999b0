"""The term that runs on a day: its last day, which the end of the agreement may cut short, and the last for notice."""

from datetime import date, datetime

from registry.agreements.instruments.notice import Period, last_notice_day
from registry.agreements.instruments.queries.provisions import VersionTerm
from registry.agreements.instruments.term_days import renewal_of, running_term
from registry.platform.kernel.time import LAST_DAY, last_day_before


def term_ends_on_told(term: VersionTerm, day: date) -> date | None:
    """The last day of the version's term that holds the day; of its last one when all are over."""
    if term.expires_on is None:
        return None
    return running_term(
        term.expires_on, renewal_of(term.auto_renew_months, term.auto_renew_times, term.renewal_day), day
    )


def cut_short(
    term_ends_on: date | None, over_for_all: datetime | None, over_at: datetime | None, time_zone: str
) -> tuple[date | None, date | None]:
    """The last day of a term that the end of the agreement may cut short, and the day on which it may renew.

    What ends before the term is over, for all or at `over_at` for the party, has no renewal that a notice could keep
    away.
    """
    last, own = (LAST_DAY if at is None else last_day_before(at, time_zone) for at in (over_for_all, over_at))
    if term_ends_on is None or last < term_ends_on:
        return None if over_for_all is None else last, None
    return term_ends_on, None if own < term_ends_on else term_ends_on


def last_notice_told(ends_on: date | None, period: Period | None) -> date | None:
    return None if ends_on is None or period is None else last_notice_day(ends_on, period)
