"""The stretches in which somebody has to decide whether a term is renewed: each term's, written down ahead."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from registry.agreements.instruments.histories import TextWindow
from registry.agreements.instruments.notice import Notice, Period, notice_window, read_notice
from registry.agreements.instruments.rules import unbound
from registry.agreements.instruments.term_days import Renewal, last_day, renewal_of, term_ends
from registry.platform.kernel.time import civil_day, day_ends_at, day_starts_at, last_day_before

NOTICE_HORIZON = timedelta(days=25 * 365)
"""How far ahead of the last change the notice windows of automatic renewals are written down."""


def notice_windows(
    texts: Sequence[Row[Any]],
    holding: Sequence[TextWindow],
    parts: Mapping[UUID, Row[Any]],
    ended_at: datetime | None,
    time_zone: str,
    now: datetime,
) -> Iterator[dict[str, Any]]:
    """Of each term that renews itself, while its version is the text; as `deadlines.falling_due` tells the last days.

    From the lead before the first last notice day of those who are parties then until the latest of these is over. None
    where the text is silent, since when it would open nobody can say; nor of a term after which the agreement ends, by
    the text or by `ended_at`: there is no renewal that a notice could keep away.
    """
    zone, horizon = ZoneInfo(time_zone), civil_day(now + NOTICE_HORIZON, time_zone)
    closing: dict[datetime, datetime] = {}
    for window in holding:
        text = texts[window.text]
        renewal, notice = (
            renewal_of(text.auto_renew_months, text.auto_renew_times, text.renewal_day),
            read_notice(text.notice),
        )
        if renewal is None or not notice.periods:
            continue
        for ends_on in _renewed(text.expires_on, renewal, last_day_before(window.start, time_zone)):
            periods = _given(notice, parts, day_ends_at(ends_on, time_zone))
            if ended_at is not None and ended_at <= day_ends_at(ends_on, time_zone):
                break
            if not periods:
                continue
            days = notice_window(ends_on, periods)
            opens_at = max(day_starts_at(days.opens_on, zone), window.start)
            if days.opens_on > horizon or (window.end is not None and opens_at >= window.end):
                break
            closes_at = day_ends_at(days.closes_on, time_zone)
            if opens_at < closes_at:  # of terms shorter than their notice, the last to close counts
                closing[opens_at] = closes_at
    for opens_at, closes_at in closing.items():
        yield {"opens_at": opens_at, "closes_at": closes_at}


def _renewed(expires_on: date, renewal: Renewal, not_before: date) -> Iterator[date]:
    """The last days of the terms that another one follows by itself."""
    last = last_day(expires_on, renewal)
    return (ends_on for ends_on in term_ends(expires_on, renewal, not_before) if ends_on != last)


def _given(notice: Notice, parts: Mapping[UUID, Row[Any]], renewed_at: datetime) -> list[Period]:
    """What those give who are parties when the term is renewed."""
    said = (notice.of(each) for each, part in parts.items() if not unbound(part, renewed_at))
    return [period for period in said if period is not None]
