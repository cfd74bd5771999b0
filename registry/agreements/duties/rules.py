"""Which duties arise from an executed agreement, when they are due, and how they are discharged."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID, uuid5

import msgspec
import yaml
from msgspec import Meta, Struct

from registry.agreements.rules import AgreementKind
from registry.kernel.errors import Fault, RuleBroken, WrongState


class ProofKind(StrEnum):
    """What shows that a duty was done."""

    DOCUMENT = "document"
    URL = "url"
    RECORDING_NUMBER = "recording_number"


class DutyStatus(StrEnum):
    """What was done about a duty; that it is overdue is a matter of the day."""

    PENDING = "pending"
    MET = "met"
    WAIVED = "waived"


class DutyAction(StrEnum):
    """What a person does about a duty."""

    FULFIL = "fulfil"
    WAIVE = "waive"


TRANSITIONS: Final[dict[tuple[DutyStatus, DutyAction], DutyStatus]] = {
    (DutyStatus.PENDING, DutyAction.FULFIL): DutyStatus.MET,
    (DutyStatus.PENDING, DutyAction.WAIVE): DutyStatus.WAIVED,
}


class WhenDue(Struct, frozen=True, forbid_unknown_fields=True):
    """Counted from execution, or on the last day before the agreement takes effect."""

    days_after_execution: Annotated[int, Meta(ge=0, le=3650)] | None = None
    before_entry_into_force: bool = False


class DutyRule(Struct, frozen=True, forbid_unknown_fields=True):
    """One statute's duty, as data."""

    code: Annotated[str, Meta(pattern=r"\A[a-z0-9_]{3,80}\Z")]
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    state: Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z")]
    kinds: tuple[AgreementKind, ...]
    citation: Annotated[str, Meta(min_length=1, max_length=200, pattern="have counsel review")]
    due: WhenDue
    proof: Annotated[tuple[ProofKind, ...], Meta(min_length=1)]
    note: str | None = None


@cache
def duty_rules() -> tuple[DutyRule, ...]:
    """The duties that are shipped, by code. Raises ValidationError, ValueError for data that cannot be meant."""
    return checked(yaml.safe_load((Path(__file__).parent / "filing.yaml").read_text("utf-8")))


def checked(data: object) -> tuple[DutyRule, ...]:
    """Rules as written, in the order of their codes. Raises ValidationError, ValueError."""
    rules = msgspec.convert(data, tuple[DutyRule, ...])
    for rule in rules:
        if (rule.due.days_after_execution is None) != rule.due.before_entry_into_force:
            raise ValueError(f"{rule.code}: due after execution, or before entry into force, and one of the two")
    if len({rule.code for rule in rules}) != len(rules):
        raise ValueError("two duties have one code")
    return tuple(sorted(rules, key=lambda rule: rule.code))


def arising(kind: str, state: str, rules: Sequence[DutyRule]) -> list[DutyRule]:
    """The duties of an agreement of that kind with a party in that state."""
    return [rule for rule in rules if rule.state == state and kind in rule.kinds]


def due_on(rule: DutyRule, executed_on: date, effective_on: date) -> date:
    """The last day to do it; an agreement that took effect before it was executed asks for it on that day."""
    if rule.due.days_after_execution is not None:
        return executed_on + timedelta(days=rule.due.days_after_execution)
    return max(executed_on, effective_on - timedelta(days=1))


def duty_id(agreement_id: UUID, code: str) -> UUID:
    """The id of a duty that arises by itself: the same before and after anybody did something about it."""
    return uuid5(agreement_id, code)


def advance(status: DutyStatus, action: DutyAction) -> DutyStatus:
    """The status after the action. Raises WrongState."""
    after = TRANSITIONS.get((status, action))
    if after is None:
        raise WrongState(f"A duty that is {status} cannot {action}: that is final.")
    return after


def checked_proof(given: Sequence[ProofKind], accepted: Sequence[ProofKind], fulfilled_on: date, today: date) -> None:
    """Raises RuleBroken where there is no proof, none of a kind that counts, or it lies in the future."""
    if fulfilled_on > today:
        fault = Fault(pointer="/fulfilled_on", code="not_then", detail="in the future")
        raise RuleBroken(
            f"It is {today} there: a duty is fulfilled on a day that has come.", "not_then", faults=[fault]
        )
    if not set(given) & set(accepted):
        words = ", ".join(accepted)
        fault = Fault(pointer="", code="proof_missing", detail=f"one of {words}")
        raise RuleBroken(f"Give proof that counts for this duty: {words}.", "proof_missing", faults=[fault])
