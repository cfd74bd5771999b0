"""What stands between a submitted text and its approval, and whether a comment still meets the text it is about."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from registry.platform.kernel.canonical import canonical_digest
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import day_starts_at


class ReviewVerdict(StrEnum):
    """What a reviewer has said of a text; one that was released says nothing any more."""

    PENDING = "pending"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    RELEASED = "released"


class RoundOutcome(StrEnum):
    """How a round of review closed."""

    APPROVED = "approved"
    SENT_BACK = "sent_back"
    WITHDRAWN = "withdrawn"
    ACTIVATED_VERBALLY = "activated_verbally"


class Audience(StrEnum):
    """Who reads a comment: every party, or the author's own agency."""

    PARTIES = "parties"
    AGENCY = "agency"


class Anchor(StrEnum):
    """What became of the text that a comment is about."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    GONE = "gone"


def stands_in_the_way(*, required: bool, verdict: ReviewVerdict) -> bool:
    """Whether the text cannot be approved because of this reviewer."""
    return required and verdict in (ReviewVerdict.PENDING, ReviewVerdict.CHANGES_REQUESTED)


def due_at(due_on: date, zone: ZoneInfo) -> datetime:
    """The instant at which something due on that day is overdue: its end, in the agreement's zone.

    Raises RuleBroken outside 1900–2200.
    """
    day_starts_at(due_on, zone)  # refuses a day that cannot be counted on from
    return day_starts_at(due_on + timedelta(days=1), zone)


def checked_due(due_on: date | None, today: Today, pointer: str) -> date | None:
    """The day itself; raises RuleBroken where it is over by the agreement's clocks, or outside 1900–2200."""
    if due_on is not None and due_at(due_on, ZoneInfo(today.agreement_zone)) <= today.now:
        detail = f"{due_on} is over; name a day by which it can still be done. {today}"
        raise RuleBroken.at(detail, "due_in_past", "is over", pointer=pointer)
    return due_on


def review_overdue(verdict: ReviewVerdict, due_on: date | None, zone: ZoneInfo, at: datetime) -> bool:
    """Whether an answer was due by now, and there is none."""
    return due_on is not None and verdict is ReviewVerdict.PENDING and at >= due_at(due_on, zone)


def text_digest(text: str) -> str:
    """What is kept of a text to tell later whether it reads the same."""
    return hashlib.sha256(text.encode()).hexdigest()


def whole_digest(provisions: Iterable[tuple[str, str]]) -> str:
    """As `text_digest`, of all provisions (number, text), in the order of the document."""
    return canonical_digest([*provisions])


def anchor(provision: str | None, digest: str, now: Mapping[str, str]) -> Anchor:
    """How a comment on `provision`, or on the whole, meets the text whose provisions are `now` (number → text)."""
    if provision is None:
        return Anchor.UNCHANGED if whole_digest(now.items()) == digest else Anchor.CHANGED
    text = now.get(provision)
    if text is None:
        return Anchor.GONE
    return Anchor.UNCHANGED if text_digest(text) == digest else Anchor.CHANGED
