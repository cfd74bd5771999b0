"""Terms and notice days at an instant."""

from datetime import date

from msgspec import Struct

from registry.agreements.instruments.notice import Period, last_notice_day
from registry.agreements.instruments.term_days import Renewal, running_term, term_ends


class Term(Struct, frozen=True):
    """One term: how many renewals led to it, and its last day."""

    renewals: int
    ends_on: date


def term_at(expires_on: date, renewal: Renewal | None, today: date) -> Term | None:
    """The term that holds the day, or the first that is to come, else the last there was; None beyond the calendar."""
    ends_on = running_term(expires_on, renewal, today)
    return None if ends_on is None else Term(_renewals(expires_on, renewal, ends_on), ends_on)


def open_notice_day(expires_on: date, renewal: Renewal | None, period: Period, today: date) -> Term | None:
    """The last day to give notice, of the first term for which it is not over; as that term, ending on that day.

    What has passed is settled, so the next term's counts then; None where there is no next one.
    """
    for ends_on in term_ends(expires_on, renewal, today):
        notice_on = last_notice_day(ends_on, period)
        if notice_on >= today:
            return Term(_renewals(expires_on, renewal, ends_on), notice_on)
    return None


def _renewals(expires_on: date, renewal: Renewal | None, ends_on: date) -> int:
    if renewal is None:
        return 0
    return ((ends_on.year - expires_on.year) * 12 + ends_on.month - expires_on.month) // renewal.months
