"""The stretches in which somebody has to decide whether a term is renewed: each term's, written down ahead."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from registry.agreements.instruments.in_force import (
    TextWindow,
    renewal_of,
    term_ends,
)
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.rules import notice_window_opens_on
from registry.platform.kernel.time import FIRST_DAY, civil_day, day_starts_at, last_day_before

NOTICE_HORIZON = timedelta(days=25 * 365)
"""How far ahead of the last change the notice windows of automatic renewals are written down."""


def notice_windows(
    texts: Sequence[Row[Any]], holding: Sequence[TextWindow], time_zone: str, now: datetime
) -> Iterator[dict[str, Any]]:
    """Each term's, from the lead before its first last notice day until it ends, while its version is the text.

    None where the text is silent: when it would open nobody can say.
    """
    zone, horizon = ZoneInfo(time_zone), civil_day(now + NOTICE_HORIZON, time_zone)
    closing: dict[datetime, datetime] = {}
    for window in holding:
        text = texts[window.text]
        periods = read_notice(text.notice).periods
        if text.expires_on is None or not periods:
            continue
        for ends_on in term_ends(
            text.expires_on,
            renewal_of(text.auto_renew_months, text.auto_renew_times),
            last_day_before(window.start, time_zone),
        ):
            opens_on = max(min(notice_window_opens_on(ends_on, period) for period in periods), FIRST_DAY)
            opens_at = max(day_starts_at(opens_on, zone), window.start)
            if opens_on > horizon or (window.end is not None and opens_at >= window.end):
                break
            closes_at = day_starts_at(ends_on + timedelta(days=1), zone)
            if opens_at < closes_at:  # of terms shorter than their notice, the last to close counts
                closing[opens_at] = closes_at
    for opens_at, closes_at in closing.items():
        yield {"opens_at": opens_at, "closes_at": closes_at}
