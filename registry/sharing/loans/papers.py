"""What a picture or paper is to a loan, and who may still take it back.

Both sides file, and each reads what the other filed: it is what they go by when they do not agree afterwards.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

from registry.platform.kernel.errors import Forbidden, RuleBroken, WrongStatus
from registry.sharing.loans.rules import Side

MOST_DOCUMENTS: Final = 200
"""How many one loan has, with those that were withdrawn."""
MOST_IN_A_REPORT: Final = 50
CITED: Final = "A condition report of this loan names it."
OTHERS: Final = "Only the agency that filed it withdraws it."


class LoanDocumentKind(StrEnum):
    """What it is to the loan."""

    PHOTO = "photo"
    CONDITION_REPORT = "condition_report"
    RECEIPT = "receipt"
    INVOICE = "invoice"
    REPAIR_ESTIMATE = "repair_estimate"
    POLICE_REPORT = "police_report"
    OTHER = "other"


class LoanOccasion(StrEnum):
    """Of which part of the loan it tells."""

    HAND_OVER = "hand_over"
    USE = "use"
    RETURN = "return"
    LATER = "later"


class LoanDocumentStatus(StrEnum):
    """A document is filed once, and may be withdrawn. Nothing is deleted."""

    FILED = "filed"
    WITHDRAWN = "withdrawn"


def why_kept(status: LoanDocumentStatus, filed_by: Side, side: Side, *, cited: bool) -> str | None:
    """Why that side does not withdraw the document; None when it may. What a report names stands as long as that."""
    if side is not filed_by:
        return OTHERS
    if status is LoanDocumentStatus.WITHDRAWN:
        return "It is withdrawn already."
    return CITED if cited else None


def check_withdrawable(status: LoanDocumentStatus, filed_by: Side, side: Side, *, cited: bool) -> None:
    """Raises Forbidden `other_sides_action` for the other side, WrongStatus where it stands."""
    reason = why_kept(status, filed_by, side, cited=cited)
    if reason == OTHERS:
        raise Forbidden(reason, "other_sides_action")
    if reason is not None:
        raise WrongStatus(reason)


def check_named(named: Sequence[UUID], known: Iterable[UUID], pointer: str) -> None:
    """Raises RuleBroken `unknown_document` unless all that a report names are among the `known`."""
    found = set(known)
    for no, each in enumerate(named):
        if each not in found:
            words = "There is no such document that your agency filed with this loan and did not withdraw."
            raise RuleBroken.at(words, "unknown_document", "no such document", pointer=f"{pointer}/{no}")
