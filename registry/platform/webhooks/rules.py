"""Rules of webhooks: which events one asks for, when a delivery is tried again, and when it is given up."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from registry.platform.access.fetching import Reach
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.ledger.feed import types_named

MOST_WEBHOOKS: Final = 20
"""Of one agency, so that no agency has everybody else wait."""
MOST_SECRETS: Final = 2
LONGEST_OVERLAP: Final = timedelta(days=30)
AGAIN_AFTER: Final = (
    *(timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30)),
    *(timedelta(hours=1), timedelta(hours=2), timedelta(hours=4), timedelta(hours=8), timedelta(hours=12)),
    *(timedelta(hours=20), timedelta(hours=24)),
)
"""How long after each failed try the next follows, before jitter; after the last of them a delivery is given up."""
JITTER: Final = 0.2
"""By which part of it a wait is longer at most, so that what failed together is not tried together."""
QUIET_AFTER: Final = 3
"""After so many failures in a row a webhook rests, and then one delivery at a time is tried until one arrives."""
LONGEST_QUIET: Final = timedelta(hours=1)
LONGEST_ASKED: Final = timedelta(hours=24)
"""A receiver that says when to come again (`Retry-After`) is left alone for so long at most."""
SILENCE: Final = timedelta(days=2)
"""Failures further apart are not in a row: waits between tries are shorter, so that nothing was tried meanwhile."""
DISABLED_AFTER: Final = timedelta(days=5)
"""A webhook at which nothing arrived for so long, although it was tried, is disabled."""
MOST_WAITING: Final = 1_000
"""So many deliveries of a webhook wait at most; what comes after them waits in the ledger, where nothing is lost."""
KEPT_FOR: Final = timedelta(days=30)
"""How long the log of what was delivered, given up or missed is kept."""
EVERY_TYPE: Final = "*"


class WebhookStatus(StrEnum):
    """Whether events are delivered."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledBecause(StrEnum):
    """Why a webhook is disabled."""

    ASKED = "asked"
    FAILING = "failing"
    GONE = "gone"


class BodyKind(StrEnum):
    """How much of an event is sent: what happened to what, or all that the agency's administrators read of it."""

    THIN = "thin"
    FULL = "full"


class DeliveryKind(StrEnum):
    """What is delivered."""

    EVENT = "event"
    TEST = "test"
    MISSED = "missed"


class DeliveryStatus(StrEnum):
    """How it stands with a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    MISSED = "missed"
    WITHHELD = "withheld"


def wanted_types(patterns: Sequence[str]) -> frozenset[str] | None:
    """The event types that any of the patterns means; None for all of them, also those of later releases."""
    if EVERY_TYPE in patterns:
        return None
    return frozenset(each for pattern in patterns if _is_known(pattern) for each in types_named([pattern]))


def _is_known(pattern: str) -> bool:
    try:
        return bool(types_named([pattern]))
    except KeyError:
        return False


def check_types(patterns: Sequence[str]) -> None:
    """Raises RuleBroken for a pattern that no event type fits."""
    for place, pattern in enumerate(patterns):
        if pattern != EVERY_TYPE and not _is_known(pattern):
            detail = (
                f"No type of event is “{pattern}”. Name one, such as `loan.returned`, all of a thing, such as "
                "`loan.*`, or `*` for all; docs/events.md lists them."
            )
            raise RuleBroken.at(detail, "unknown_event_type", "no such type", pointer=f"/types/{place}")


def check_url(url: str, reach: Reach) -> None:
    """Raises RuleBroken for an address to which nothing would ever be sent.

    Which addresses its name has is seen at each delivery, since that can change at any time.
    """
    try:
        parts = urlsplit(url)
        plain = parts.username is None and parts.password is None and "#" not in url and "\\" not in url
        plain = plain and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise _bad_url("`url` cannot be read as an address.", "no address") from None
    if not plain or not reach.allows_url(url):
        raise _bad_url("`url` is an https address with a host, without a user or a fragment.", "no https address")
    with suppress(ValueError):
        if not reach.allows(parts.hostname or ""):
            detail = "`url` is not an address of the public internet, so the registry sends nothing there."
            raise _bad_url(detail, "not of the public internet")


def _bad_url(detail: str, brief: str) -> RuleBroken:
    return RuleBroken.at(detail, "webhook_url_unusable", brief, pointer="/url")


def overlap_ends(keep_until: datetime | None, now: datetime, live: int) -> datetime:
    """The instant at which the earlier secrets sign no longer when another takes their place.

    Raises RuleBroken for one that is past or too far, WrongStatus where two secrets sign already.
    """
    if keep_until is None:
        return now
    if not now < keep_until <= now + LONGEST_OVERLAP:
        detail = f"`keep_until` is later than now, and {LONGEST_OVERLAP.days} days ahead at most."
        raise RuleBroken.at(detail, "overlap_out_of_range", "not within the next 30 days", pointer="/keep_until")
    if live >= MOST_SECRETS:
        raise WrongStatus(
            "The webhook was rotated, and its earlier secret still signs. Wait until that ends, or rotate without "
            "`keep_until`, which ends all earlier ones at once."
        )
    return keep_until


def jitter(delivery_id: UUID, attempt: int) -> float:
    """A number from 0 to below 1 that is drawn by the delivery and its attempt alone."""
    drawn = hashlib.sha256(delivery_id.bytes + attempt.to_bytes(4, "big")).digest()
    return int.from_bytes(drawn[:4], "big") / 2**32


def again_after(attempt: int, drawn: float) -> timedelta | None:
    """How long after that failed attempt, counted from 1, the next follows; None when it is given up."""
    if attempt > len(AGAIN_AFTER):
        return None
    return AGAIN_AFTER[attempt - 1] * (1 + JITTER * drawn)


def quiet_for(failures: int) -> timedelta:
    """How long a webhook rests after so many failures in a row: not at all at first, then ever longer."""
    if failures < QUIET_AFTER:
        return timedelta(0)
    return min(timedelta(seconds=30 * 2.0 ** min(failures - QUIET_AFTER, 10)), LONGEST_QUIET)


def asked_to_wait(retry_after: str | None, now: datetime) -> timedelta:
    """For how long a receiver asks to be left alone by its `Retry-After` (RFC 9110, 10.2.3): seconds, or an instant.

    Bounded; none where it says nothing that can be read.
    """
    text = "" if retry_after is None else retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = min(int(text[:12]), LONGEST_ASKED.total_seconds())
        return timedelta(seconds=seconds)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta(0)
    if until.tzinfo is None:  # of `-0000`, which is UTC, too
        until = until.replace(tzinfo=UTC)
    return max(timedelta(0), min(until - now, LONGEST_ASKED))


def failing_since(failing_from: datetime | None, failed_at: datetime | None, now: datetime) -> datetime | None:
    """Since when a webhook that fails now has failed without a pause; None where it begins to.

    Of one at which nothing was tried for days nobody knows whether it would have arrived.
    """
    return None if failed_at is None or now - failed_at > SILENCE else failing_from


def is_given_up(failing_from: datetime, now: datetime) -> bool:
    """Whether a webhook has failed for so long that it is disabled."""
    return now - failing_from >= DISABLED_AFTER


def explain(because: DisabledBecause | None) -> str | None:
    """Why it is disabled, for people; None while it is not."""
    if because is None:
        return None
    return {
        DisabledBecause.ASKED: "Your agency disabled it.",
        DisabledBecause.FAILING: f"Nothing arrived there for {DISABLED_AFTER.days} days, although it was tried.",
        DisabledBecause.GONE: "Its address answered 410: that it is gone for good.",
    }[because]


def in_order(patterns: Iterable[str]) -> list[str]:
    """The patterns once each, in the order of the alphabet."""
    return sorted(set(patterns))
