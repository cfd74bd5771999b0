"""Rules of operator's acts: how long one waits, and who approves it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

LAPSES_AFTER: Final = timedelta(hours=72)
"""A weekend, and to spare. What was proposed longer ago may no longer be what anybody wants."""
OWN = "You proposed this yourself: another administrator of the registry has to approve it."


class OperatorActStatus(StrEnum):
    """Where an act of the operator stands; `lapsed` is derived from the time."""

    PROPOSED = "proposed"
    PERFORMED = "performed"
    REJECTED = "rejected"
    LAPSED = "lapsed"


def status_at(stored: str, lapses_at: datetime, now: datetime) -> OperatorActStatus:
    """What the stored status is now."""
    status = OperatorActStatus(stored)
    return OperatorActStatus.LAPSED if status is OperatorActStatus.PROPOSED and now >= lapses_at else status


def why_not_open(status: OperatorActStatus) -> str | None:
    """Why nobody decides on it any more; None while it is open."""
    if status is OperatorActStatus.PROPOSED:
        return None
    return "It has lapsed: propose it again." if status is OperatorActStatus.LAPSED else f"It is {status} already."


def why_not_approved(status: OperatorActStatus, proposer: tuple[str, str], by: tuple[str, str]) -> str | None:
    """Why this person (issuer, subject) does not approve it; None where it may."""
    return why_not_open(status) or (OWN if proposer == by else None)
