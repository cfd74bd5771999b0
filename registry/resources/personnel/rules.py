"""Rules about personnel records: where somebody stands, and from when until when a capability counts."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.text import split_words
from registry.platform.kernel.time import FIRST_DAY, LAST_DAY

PERSONNEL_CATEGORY: Final = "personnel"
"""The category by which an agreement covers people, and under which they are lent."""


class PersonnelStatus(StrEnum):
    """Where somebody stands with the agency. Only who is active can be sent; who is separated has left for good."""

    ACTIVE = "active"
    ON_LEAVE = "on_leave"
    SEPARATED = "separated"


class PersonnelAction(StrEnum):
    """Actions that change where somebody stands."""

    PLACE_ON_LEAVE = "place_on_leave"
    RETURN_TO_DUTY = "return_to_duty"
    SEPARATE = "separate"


class ConditionKind(StrEnum):
    """Why somebody must not be sent (NIEM: prohibitive deployment condition)."""

    LIGHT_DUTY = "light_duty"
    RESTRICTED_DUTY = "restricted_duty"
    OTHER = "other"


class CredentialStatus(StrEnum):
    """Where a credential stands on a day."""

    NOT_YET_EFFECTIVE = "not_yet_effective"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Verification(StrEnum):
    """Whether somebody has asked the issuer. `revoked`: it is no good any more, whatever its dates say."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    REVOKED = "revoked"


class QualificationStatus(StrEnum):
    """How far somebody is towards a position (National Qualification System)."""

    TRAINEE = "trainee"
    CANDIDATE = "candidate"
    QUALIFIED = "qualified"


class QualificationPath(StrEnum):
    """By which path: a position task book, or what somebody had done before there was one."""

    TASK_BOOK = "task_book"
    HISTORICAL_RECOGNITION = "historical_recognition"


class TaskBookStatus(StrEnum):
    """Where the position task book stands."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    APPROVED = "approved"


TRANSITIONS: Final[dict[tuple[PersonnelStatus, PersonnelAction], PersonnelStatus]] = {
    (PersonnelStatus.ACTIVE, PersonnelAction.PLACE_ON_LEAVE): PersonnelStatus.ON_LEAVE,
    (PersonnelStatus.ON_LEAVE, PersonnelAction.RETURN_TO_DUTY): PersonnelStatus.ACTIVE,
    (PersonnelStatus.ACTIVE, PersonnelAction.SEPARATE): PersonnelStatus.SEPARATED,
    (PersonnelStatus.ON_LEAVE, PersonnelAction.SEPARATE): PersonnelStatus.SEPARATED,
}
COMMITTED: Final = "Somebody who is committed to a loan cannot be separated; end or cancel that first."
_ENOUGH: Final[dict[QualificationStatus, frozenset[TaskBookStatus]]] = {
    QualificationStatus.TRAINEE: frozenset(TaskBookStatus),
    QualificationStatus.CANDIDATE: frozenset({TaskBookStatus.COMPLETED, TaskBookStatus.APPROVED}),
    QualificationStatus.QUALIFIED: frozenset({TaskBookStatus.APPROVED}),
}


def advance(status: PersonnelStatus, action: PersonnelAction) -> PersonnelStatus:
    """The status after the action. Raises WrongStatus when `status` does not allow the action."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        raise WrongStatus.of("A personnel record", status, action) from None


def withheld(status: PersonnelStatus, action: PersonnelAction, *, committed: bool) -> str | None:
    """The reason why the action is not possible now; None when it is."""
    if (status, action) not in TRANSITIONS:
        return f"Not while the person is {status.replace('_', ' ')}."
    return COMMITTED if committed and action is PersonnelAction.SEPARATE else None


def tag_form(tag: str) -> str:
    """What two tags have in common that nobody tells apart: letters and digits, folded. Raises RuleBroken for none."""
    form = "".join(part for word in split_words(tag) for part in word)
    if not form:
        raise RuleBroken.at(
            "A tag needs a letter or a digit.", "tag_without_letters", "no letter or digit", pointer="/tag"
        )
    return form


class Validity(Struct, kw_only=True, frozen=True):
    """The days on which something counts, both included."""

    from_on: date = FIRST_DAY
    until_on: date = LAST_DAY

    def covers(self, first: date, last: date) -> bool:
        """Whether it counts on both days: that of the planned start, and that of the planned return."""
        return self.from_on <= first and last <= self.until_on


def best_validity(proofs: Iterable[Validity]) -> Validity | None:
    """Of several proofs of one capability the one that lasts longest; None where there is none."""
    return max(proofs, key=lambda each: (each.until_on, each.from_on), default=None)


def credential_status(verification: Verification, valid: Validity, today: date) -> CredentialStatus:
    """Where a credential stands on that day."""
    if verification is Verification.REVOKED:
        return CredentialStatus.REVOKED
    if today < valid.from_on:
        return CredentialStatus.NOT_YET_EFFECTIVE
    return CredentialStatus.EXPIRED if today > valid.until_on else CredentialStatus.ACTIVE


def check_days(first: date | None, last: date | None, pointer: str) -> None:
    """Raises RuleBroken for something that ends before it begins."""
    if first is not None and last is not None and last < first:
        raise RuleBroken.at(
            "The last day must not come before the first.", "days_reversed", "before the first day", pointer=pointer
        )


def check_qualification(
    status: QualificationStatus, path: QualificationPath, task_book: TaskBookStatus, pointer: str
) -> None:
    """Raises RuleBroken for a candidate or qualified person whose task book does not say so."""
    if path is QualificationPath.TASK_BOOK and task_book not in _ENOUGH[status]:
        needed = "approved" if status is QualificationStatus.QUALIFIED else "completed"
        raise RuleBroken.at(
            f"Somebody is {status} for a position once the task book is {needed}.",
            "task_book_open",
            f"not {needed}",
            pointer=pointer,
        )
