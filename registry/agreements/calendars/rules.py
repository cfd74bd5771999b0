"""Secret addresses, and which deadlines a calendar shows."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from registry.agreements.deadlines.rules import Due
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.time import civil_day

HORIZON: Final = timedelta(days=730)
"""How far ahead a calendar shows deadlines. What is overdue stays; what is met, waived or closed goes."""

MOST_FEEDS: Final = 50
"""Feeds that an agency can have at a time: one a person, and a bound on what is to be revoked after a leak."""

_FILE = re.compile(r"\A([A-Za-z0-9_-]{43})\.ics\Z")


def new_secret() -> str:
    """256 random bits, as 43 characters that need no quoting in an address."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """What is stored in place of a secret. It is random and long, so a plain hash cannot be guessed at."""
    return hashlib.sha256(secret.encode()).hexdigest()


def secret_in(filename: str) -> str | None:
    """The secret that a calendar's file name holds; None when it is none of ours."""
    match = _FILE.match(filename)
    return None if match is None else match[1]


def shows(due: Due, agency_id: UUID, now: datetime) -> bool:
    """Whether the agency's calendar shows the deadline: what concerns every party, and what is its own to do."""
    today = civil_day(now, due.time_zone)
    concerned = due.agency_id in (None, agency_id) and agency_id not in due.not_of
    return not due.met and concerned and due.on <= today + HORIZON


def may_revoke(revoked_at: datetime | None) -> None:
    """Raises WrongStatus for a feed that is revoked already."""
    if revoked_at is not None:
        raise WrongStatus("The calendar feed is revoked already.")
